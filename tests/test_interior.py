"""Strictly interior points, hidden equalities and emptiness, against brute force."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from solvers.interior import Empty, Implied, Inside, strict_interior
from solvers.rational import rational, rationals
from tests import naive, oracle
from tests.naive import exact

F = Fraction
Side = tuple[tuple, Any, tuple[str, int]]  # a·u <= b, and what it is


def sides(lower: Sequence, upper: Sequence, rows: Sequence, limits: Sequence) -> list[Side]:
    """All inequalities of {l <= u <= h, G u <= g}."""
    size = len(lower)
    result: list[Side] = [
        (tuple(row), limit, ("row", i))
        for i, (row, limit) in enumerate(zip(rows, limits, strict=True))
    ]
    for j, (low, high) in enumerate(zip(lower, upper, strict=True)):
        unit = tuple(int(k == j) for k in range(size))
        if low is not None:
            result.append((tuple(-v for v in unit), -low, ("lower", j)))
        if high is not None:
            result.append((unit, high, ("upper", j)))
    return result


def decide(
    lower: Sequence, upper: Sequence, rows: Sequence = (), limits: Sequence = ()
) -> Inside | Implied | Empty:
    """The answer, after its comparison with brute force."""

    def bound(values: Sequence) -> list:
        return [None if v is None else rational(v) for v in values]

    found = strict_interior(
        bound(lower),
        bound(upper),
        [{j: rational(a) for j, a in enumerate(row) if a} for row in rows],
        rationals(list(limits)).tolist(),
    )
    every = sides(lower, upper, rows, limits)
    size = len(lower)
    weak = [oracle.row(a, b) for a, b, _ in every]
    strict = [oracle.row(a, b, strict=True) for a, b, _ in every]
    if oracle.solve(weak, size) is None:
        assert isinstance(found, Empty)
    elif oracle.solve(strict, size) is None:
        assert isinstance(found, Implied)
        assert found.rows or found.fixed
        assert len(set(found.rows)) == len(found.rows)
        for index in found.rows:  # no point of the set satisfies that row strictly
            one = [oracle.row(a, b, strict=name == ("row", index)) for a, b, name in every]
            assert oracle.solve(one, size) is None
        for j, value in found.fixed:
            unit = [int(k == j) for k in range(size)]
            for sign in (1, -1):
                off = oracle.row([sign * v for v in unit], sign * exact(value), strict=True)
                assert oracle.solve([*weak, off], size) is None
    else:
        assert isinstance(found, Inside)
        point = naive.vector(found.point)
        assert all(naive.dot(a, point) < b for a, b, _ in every)
    return found


LEVELS = st.sampled_from([None, -1, 0, 1, F(1, 3), F(-1, 2), 2])
WEIGHTS = st.sampled_from([0, 0, 1, -1, 2, F(-1, 3)])
LIMITS = st.sampled_from([0, 0, 1, -1, F(1, 3), F(1, 2**60), F(-1, 2**60)])


@given(st.data())
def test_random_sets_equal_brute_force(data: st.DataObject):
    size = data.draw(st.integers(1, 3))
    lower = data.draw(st.tuples(*[LEVELS] * size))
    upper = data.draw(st.tuples(*[LEVELS] * size))
    rows, limits = [], []
    for _ in range(data.draw(st.integers(0, 4))):
        row, limit = data.draw(st.tuples(*[WEIGHTS] * size)), data.draw(LIMITS)
        rows.append(row)
        limits.append(limit)
        if data.draw(st.booleans()):  # its opposite: a hidden equality, a strip or a contradiction
            rows.append(tuple(-a for a in row))
            limits.append(-limit + data.draw(st.sampled_from([0, 0, F(1, 2**60), F(-1, 2**60)])))
    decide(lower, upper, rows, limits)


def test_no_constraint_at_all():
    assert isinstance(decide([None, None], [None, None]), Inside)
    assert isinstance(decide([], []), Inside)


@pytest.mark.parametrize(("lower", "upper"), [(1, None), (None, -5), (-3, F(-29, 10))])
def test_intervals(lower: Any, upper: Any):
    assert isinstance(decide([lower], [upper]), Inside)


def test_equal_bounds_are_an_equality():
    found = decide([2, 0], [2, 1])
    assert isinstance(found, Implied)
    assert {(j, exact(v)) for j, v in found.fixed} == {(0, F(2))}
    assert found.rows == ()


def test_crossing_bounds_are_empty():
    assert isinstance(decide([1], [0]), Empty)
    assert isinstance(decide([F(1, 10**60)], [0]), Empty)


def test_opposite_rows_are_an_equality():
    found = decide([0, 0], [1, 1], [(1, 1), (-1, -1)], [1, -1])
    assert isinstance(found, Implied)
    assert set(found.rows) == {0, 1}


def test_an_equality_that_needs_three_rows():
    """x <= 0, y <= 0, x + y >= 0: only the origin."""
    found = decide([None, None], [None, None], [(1, 0), (0, 1), (-1, -1)], [0, 0, 0])
    assert isinstance(found, Implied)
    assert set(found.rows) == {0, 1, 2}


def test_a_row_that_touches_a_corner_of_the_box():
    found = decide([0, 0], [1, 1], [(-1, -1)], [-2])
    assert isinstance(found, Implied)
    assert dict(found.fixed).keys() == {0, 1}
    assert found.rows == (0,)
    assert isinstance(decide([0, 0], [1, 1], [(-1, -1)], [F(-2) - F(1, 2**80)]), Empty)
    assert isinstance(decide([0, 0], [1, 1], [(-1, -1)], [F(-2) + F(1, 2**80)]), Inside)


@pytest.mark.parametrize("exponent", [40, 80, 300, 1200])
def test_thin_sets_have_interior_points(exponent: int):
    """A strip of width 10^-exponent, at a slant; one of width zero and a negative one."""
    thin = F(1, 10**exponent)
    strip = [(3, 1), (-3, -1)]
    assert isinstance(decide([-1, -1], [1, 1], strip, [F(1, 7), -F(1, 7) + thin]), Inside)
    assert isinstance(decide([-1, -1], [1, 1], strip, [F(1, 7), -F(1, 7)]), Implied)
    assert isinstance(decide([-1, -1], [1, 1], strip, [F(1, 7), -F(1, 7) - thin]), Empty)


def test_zero_rows():
    assert isinstance(decide([0], [1], [(0,)], [1]), Inside)
    assert isinstance(decide([0], [1], [(0,)], [-1]), Empty)
    found = decide([0], [1], [(0,)], [0])  # 0 <= 0 holds with equality everywhere
    assert isinstance(found, Implied)
    assert found.rows == (0,)


def test_an_unbounded_set_far_from_the_start():
    """x >= 10^9 as a row: the centre of the bounds, 0, is far outside."""
    assert isinstance(decide([None], [None], [(-1,)], [-(10**9)]), Inside)
    cone = [(-1, 1), (-1, -1)]
    assert isinstance(decide([None, None], [None, None], cone, [-(10**9), -(10**9)]), Inside)
