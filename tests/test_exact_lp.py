"""The least value of a form and the nearest point of a polyhedron, in rationals."""

from __future__ import annotations

from typing import Any

import pytest
from flint import fmpq
from hypothesis import given
from hypothesis import strategies as st

from solvers.backend import get_backend
from solvers.exact_lp import Polyhedron, least
from solvers.exact_projection import project
from solvers.exact_simplex import Stopped
from solvers.rational import dot
from tests import naive, oracle
from tests.extremes import squared_distance
from tests.lying import LIES, LyingBackend

NUMBERS = st.sampled_from([0, 0, 1, -1, 2, -2, 3])
CONSTANTS = st.sampled_from([fmpq(p, q) for p in (0, 1, -1, 2, 3, -4) for q in (1, 2, 3)])


@st.composite
def polyhedra(draw: Any, bounded: bool = False) -> Polyhedron:
    dim = draw(st.integers(1, 3))
    count = draw(st.integers(0, 5))
    rows = [{j: fmpq(a) for j in range(dim) if (a := draw(NUMBERS))} for _ in range(count)]
    constants = [draw(CONSTANTS) for _ in range(count)]
    sides = [st.just(fmpq(-2)), st.sampled_from([fmpq(-1), fmpq(0), fmpq(2)])]
    if not bounded:
        sides = [side | st.none() for side in sides]
    lower, upper = (tuple(draw(side) for _ in range(dim)) for side in sides)
    start = tuple(
        low if low is not None else high if high is not None else fmpq(0)
        for low, high in zip(lower, upper, strict=True)
    )
    return Polyhedron(rows, constants, lower, upper, start)


def halfspaces(p: Polyhedron) -> list[Any]:
    """The inequalities a·x <= b."""
    dim = len(p.start)
    rows: list[Any] = [
        ([-naive.exact(row.get(j, 0)) for j in range(dim)], naive.exact(c))
        for row, c in zip(p.rows, p.constants, strict=True)
    ]
    for j, (low, high) in enumerate(zip(p.lower, p.upper, strict=True)):
        for bound, sign in ((low, -1), (high, 1)):
            if bound is not None:
                rows.append(([sign * (i == j) for i in range(dim)], sign * naive.exact(bound)))
    return rows


def check(p: Polyhedron, cost: dict, backend: Any) -> None:
    found, dim = least(cost, p, backend), len(p.start)
    rows = [oracle.row(a, b) for a, b in halfspaces(p)]
    if found is None:
        assert oracle.solve(rows, dim) is None
        return
    assert p.contains(found.point)
    form = [naive.exact(cost.get(j, 0)) for j in range(dim)]
    if found.value is None:
        assert oracle.solve([*rows, oracle.row(form, -(10**9))], dim) is not None
        return
    assert found.value == sum((a * found.point[j] for j, a in cost.items()), fmpq(0))
    value = naive.exact(found.value)
    assert oracle.solve([*rows, oracle.row(form, value, strict=True)], dim) is None


@given(polyhedra(), st.lists(NUMBERS, min_size=3, max_size=3), st.booleans())
def test_least_values(p: Polyhedron, numbers: list[int], floats: bool):
    cost = {j: fmpq(a) for j, a in enumerate(numbers[: len(p.start)]) if a}
    check(p, cost, get_backend("highs") if floats else None)


@pytest.mark.parametrize("lie", LIES)
def test_lies_change_nothing(lie: str):
    rows = [{0: fmpq(1), 1: fmpq(2)}, {0: fmpq(-1), 1: fmpq(1)}]
    for constant in (fmpq(-1), fmpq(-9)):
        p = Polyhedron(rows, [constant, fmpq(1)], (fmpq(-2),) * 2, (fmpq(2),) * 2, (fmpq(0),) * 2)
        check(p, {0: fmpq(1), 1: fmpq(1)}, LyingBackend(lie))


@given(polyhedra(), st.lists(CONSTANTS, min_size=3, max_size=3))
def test_projections(p: Polyhedron, centre: list[fmpq]):
    dim = len(p.start)
    rows, centre = halfspaces(p), centre[:dim]
    forms = [{j: fmpq(-a.numerator, a.denominator) for j, a in enumerate(map(naive.exact, row))
              if a} for row, _ in rows]  # fmt: skip
    limits = [naive.exact(b) for _, b in rows]
    constants = [fmpq(b.numerator, b.denominator) for b in limits]
    one = [[fmpq(int(i == j)) for j in range(dim)] for i in range(dim)]
    found = project(one, [-c for c in centre], forms, constants)
    least_square = squared_distance(rows, [naive.exact(c) for c in centre])
    if found is None:
        assert least_square is None
        return
    assert p.contains(found)
    step = [a - b for a, b in zip(found, centre, strict=True)]
    square = dot(step, step)
    assert naive.exact(square) == least_square
    half, own = square / 2, dot(centre, centre) / 2
    assert project(one, [-c for c in centre], forms, constants, half - own) is None
    higher = project(one, [-c for c in centre], forms, constants, half - own + 1)
    assert higher == found


def test_another_metric_and_a_stop():
    """min x² + xy + y² over x + 2y >= 3: Lagrange gives x = 0, y = 3/2."""
    gram = [[fmpq(2), fmpq(1)], [fmpq(1), fmpq(2)]]
    rows = [{0: fmpq(1), 1: fmpq(2)}]
    assert project(gram, [fmpq(0)] * 2, rows, [fmpq(-3)]) == (0, fmpq(3, 2))
    with pytest.raises(Stopped):
        project(gram, [fmpq(0)] * 2, rows, [fmpq(-3)], stop=lambda: True)
    with pytest.raises(Stopped):
        least({0: fmpq(1)}, Polyhedron(rows, [fmpq(-3)], (fmpq(0),) * 2, (None,) * 2,
              (fmpq(0),) * 2), stop=lambda: True)  # fmt: skip
