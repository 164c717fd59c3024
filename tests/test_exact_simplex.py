"""The simplex method in rationals: against HiGHS (scipy), and by the proofs that it returns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import count
from typing import Any

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given
from hypothesis import strategies as st

from solvers.exact_simplex import Below, Minimum, Stopped, Unbounded, minimise
from solvers.rational import rational, rationals, row_echelon
from tests import naive
from tests.naive import Vector, exact

MOST_PIVOTS = 2000


def solve(
    cost: Sequence, rows: Sequence[Sequence], constants: Sequence, below: Any = None
) -> Minimum | Below | Unbounded:
    """Minimise c·y over {β_i + α_i·y >= 0}, check the answer's proof, never cycle."""
    pivots = count()
    found = minimise(
        rationals(list(cost)).tolist(),
        [{j: rational(a) for j, a in enumerate(row) if a} for row in rows],
        rationals(list(constants)).tolist(),
        None if below is None else rational(below),
        lambda: next(pivots) > MOST_PIVOTS,
    )
    check(found, [Fraction(c) for c in cost], rows, constants, below)
    return found


def check(
    found: Minimum | Below | Unbounded,
    cost: Vector,
    rows: Sequence[Sequence],
    constants: Sequence,
    below: Any,
) -> None:
    """Everything that the result claims, in fractions."""
    point = naive.vector(found.point)
    slacks = [Fraction(b) + naive.dot(row, point) for row, b in zip(rows, constants, strict=True)]
    assert len(point) == len(cost)
    assert min(slacks, default=0) >= 0
    if isinstance(found, Minimum):
        assert naive.dot(cost, point) == exact(found.value)
        weights = {i: exact(weight) for i, weight in found.multipliers.items()}
        assert all(weight > 0 for weight in weights.values())
        combined = [sum((w * Fraction(rows[i][j]) for i, w in weights.items()), Fraction(0))
                    for j in range(len(cost))]  # fmt: skip
        assert combined == cost
        assert exact(found.value) == -sum((w * Fraction(constants[i]) for i, w in weights.items()),
                                          Fraction(0))  # fmt: skip
        used = [rationals(list(rows[i])).tolist() for i in weights]
        assert len(row_echelon(used, len(cost))[1]) == len(weights)
        assert below is None or exact(found.value) >= min(Fraction(below), 0)
    elif isinstance(found, Below):
        assert below is not None
        assert naive.dot(cost, point) == exact(found.value) < Fraction(below)
    else:
        ray = naive.vector(found.ray)
        assert all(naive.dot(row, ray) >= 0 for row in rows)
        assert naive.dot(cost, ray) < 0


def linprog(cost: Sequence, rows: Sequence[Sequence], constants: Sequence) -> Any:
    from scipy.optimize import linprog as scipy_linprog

    a = -np.array(rows, dtype=float).reshape(len(constants), len(cost))
    b = np.array(constants, dtype=float)
    c = np.array(cost, dtype=float)
    return scipy_linprog(c, A_ub=a, b_ub=b, bounds=(None, None))


# ------------------------------------------------------------------------ against scipy


@pytest.mark.parametrize("seed", range(60))
def test_random_programs_agree_with_scipy(seed: int):
    random = np.random.default_rng(seed)
    variables, number = int(random.integers(1, 6)), int(random.integers(0, 14))
    rows = random.integers(-4, 5, (number, variables)).tolist()
    constants = random.integers(1, 5, number).tolist()
    if random.random() < 0.7:  # a box around it: bounded
        eye = np.eye(variables, dtype=int)
        rows += eye.tolist() + (-eye).tolist()
        constants += [3] * (2 * variables)
    cost = random.integers(-5, 6, variables).tolist()
    found, reference = solve(cost, rows, constants), linprog(cost, rows, constants)
    assert reference.status in (0, 3)
    assert isinstance(found, Unbounded if reference.status == 3 else Minimum)
    if isinstance(found, Minimum):
        assert float(exact(found.value)) == pytest.approx(reference.fun, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("seed", range(12))
def test_programs_of_doubles_agree_with_scipy(seed: int):
    random = np.random.default_rng(seed)
    rows = random.standard_normal((15, 4)).tolist() + (-np.eye(4)).tolist() + np.eye(4).tolist()
    constants = [*random.random(15).tolist(), *[10.0] * 8]
    cost = random.standard_normal(4).tolist()
    found = solve(cost, rows, constants)
    assert isinstance(found, Minimum)
    expected = linprog(cost, rows, constants).fun
    assert float(exact(found.value)) == pytest.approx(expected, rel=1e-9)


NUMBERS = st.sampled_from([0, 0, 1, -1, 2, -2, Fraction(1, 2), Fraction(-1, 3), 3])


@given(
    st.integers(1, 4).flatmap(
        lambda n: st.tuples(
            st.tuples(*[NUMBERS] * n),
            st.lists(st.tuples(*[NUMBERS] * n), max_size=9),
        )
    ),
    st.data(),
)
def test_answers_carry_their_proofs(problem: tuple, data: st.DataObject):
    """Repeated, opposite and zero rows; equal constants, so that vertices are degenerate."""
    cost, rows = problem
    constants = [data.draw(st.sampled_from([1, 1, 1, 2, Fraction(1, 2)])) for _ in rows]
    below = data.draw(st.sampled_from([None, 0, -1, -2, Fraction(-7, 2), -100]))
    plain, found = solve(cost, rows, constants), solve(cost, rows, constants, below)
    if below is None or (isinstance(plain, Minimum) and exact(plain.value) >= below):
        assert isinstance(found, type(plain))
    elif isinstance(plain, Minimum):
        assert isinstance(found, Below)
    else:
        assert isinstance(found, Below | Unbounded)


# ------------------------------------------------------------------------------ small ones


def test_no_rows():
    found = solve([0, 0], [], [])
    assert isinstance(found, Minimum)
    assert (found.value, found.multipliers) == (0, {})
    assert isinstance(solve([0, 1], [], []), Unbounded)
    assert isinstance(solve([], [], []), Minimum)


def test_a_zero_cost_needs_no_pivot():
    found = solve([0], [[1], [-1]], [1, 1])
    assert isinstance(found, Minimum)
    assert found.point == (0,)


def test_a_zero_row_is_no_obstacle():
    found = solve([1], [[0], [1]], [1, 5])
    assert isinstance(found, Minimum)
    assert (found.value, found.multipliers) == (-5, {1: 1})


def test_an_unbounded_ray_along_a_strip():
    """|x - y| <= 1: unbounded exactly along (1, 1)."""
    strip = [[1, -1], [-1, 1]]
    found = solve([-1, -1], strip, [1, 1])
    assert isinstance(found, Unbounded)
    assert found.ray[0] == found.ray[1] > 0
    assert isinstance(solve([1, 1], strip, [1, 1]), Unbounded)
    across = solve([1, -1], strip, [1, 1])
    assert isinstance(across, Minimum)
    assert across.value == -1


def test_a_cone_bounded_one_way_only():
    cone = [[1, 0], [0, 1]]
    least = solve([1, 2], cone, [1, 1])
    assert isinstance(least, Minimum)
    assert (least.value, least.multipliers) == (-3, {0: 1, 1: 2})
    assert isinstance(solve([1, -1], cone, [1, 1]), Unbounded)


def test_below_stops_at_the_first_smaller_value():
    square = [[1, 0], [-1, 0], [0, 1], [0, -1]]
    found = solve([1, 1], square, [1] * 4, below=Fraction(-1, 2))
    assert isinstance(found, Below)
    assert found.value == -1  # after one pivot of two
    assert isinstance(solve([1, 1], square, [1] * 4, below=-2), Minimum)  # not below it
    assert isinstance(solve([1, 1], square, [1] * 4, below=Fraction(-2) + Fraction(1, 10**50)),
                      Below)  # fmt: skip


def test_a_gap_that_no_double_sees():
    tiny = Fraction(1, 10**60)
    found = solve([1], [[1], [1]], [1 + tiny, 1])
    assert isinstance(found, Minimum)
    assert (found.value, found.multipliers) == (-1, {1: 1})
    found = solve([1], [[1], [1 + tiny]], [1, 1])
    assert isinstance(found, Minimum)
    assert exact(found.value) == -1 / (1 + tiny)


@pytest.mark.parametrize("bad", [0, -1, Fraction(-1, 10**30)])
def test_the_start_must_be_strictly_feasible(bad: object):
    with pytest.raises(ValueError, match="needs a strictly feasible start: every constant pos"):
        minimise([fmpq(1)], [{0: fmpq(1)}, {0: fmpq(-1)}], [fmpq(1), rational(bad)])


def test_a_start_on_the_boundary():
    """From y = 0, where x >= 0 and y >= 0 are tight, the least of -x - y on the triangle is -1."""
    rows = [{0: fmpq(1)}, {1: fmpq(1)}, {0: fmpq(-1), 1: fmpq(-1)}]
    found = minimise([fmpq(-1), fmpq(-1)], rows, [fmpq(0), fmpq(0), fmpq(1)], weak=True)
    assert isinstance(found, Minimum)
    assert (found.value, found.multipliers) == (-1, {2: 1})
    # a vertex alone: x >= 0, -x >= 0
    found = minimise([fmpq(-1)], [{0: fmpq(1)}, {0: fmpq(-1)}], [fmpq(0), fmpq(0)], weak=True)
    assert isinstance(found, Minimum) and found.value == 0
    with pytest.raises(ValueError, match="needs a strictly feasible start"):
        minimise([fmpq(1)], [{0: fmpq(1)}], [fmpq(-1)], weak=True)


def test_stop_is_asked_before_every_pivot():
    square = [{0: fmpq(1)}, {1: fmpq(1)}]
    for allowed in range(3):
        asked = count(1)

        def stop(asked: Any = asked, allowed: int = allowed) -> bool:
            return next(asked) > allowed

        with pytest.raises(Stopped):
            minimise([fmpq(1)] * 2, square, [fmpq(1)] * 2, stop=stop)
        assert next(asked) == allowed + 2
    asked = count(1)
    found = minimise([fmpq(1)] * 2, square, [fmpq(1)] * 2, stop=lambda: next(asked) > 3)
    assert isinstance(found, Minimum)


def test_arguments_are_not_changed():
    cost, rows = [fmpq(1), fmpq(-1)], [{0: fmpq(1), 1: fmpq(1)}, {0: fmpq(-1)}, {1: fmpq(-1)}]
    constants = [fmpq(1), fmpq(2), fmpq(3)]
    before = repr((cost, rows, constants))
    minimise(cost, rows, constants)
    assert repr((cost, rows, constants)) == before


# ------------------------------------------------------------- degenerate vertices, cycling


def moved(
    cost: Sequence, a: Sequence[Sequence], b: Sequence, start: Sequence, axes: Sequence[Sequence]
) -> tuple[Vector, list[Vector], Vector, Fraction]:
    """min c·x, A x <= b, x >= 0 with x = start + Σ y_j axes_j: cost, rows, constants, c·start.

    The rows x_j >= 0 come first.
    """
    size = len(start)
    lines = [[-int(i == j) for j in range(size)] for i in range(size)] + [list(r) for r in a]
    limits = [0] * size + list(b)
    rows = [[-naive.dot(line, axis) for axis in axes] for line in lines]
    constants = [
        Fraction(r) - naive.dot(line, start) for line, r in zip(lines, limits, strict=True)
    ]
    return [naive.dot(cost, axis) for axis in axes], rows, constants, naive.dot(cost, start)


F = Fraction
UNITS = [[int(i == j) for j in range(4)] for i in range(4)]
# With these axes the free variables leave in the order x4, x6, x7, x5 of Beale's names, and the
# pivots of largest coefficient then start at his degenerate origin, where they cycle.
TO_THE_ORIGIN = [[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1], [0, 1, 0, 0]]
BEALE = (
    [F(-3, 4), 20, F(-1, 2), 6],
    [[F(1, 4), -8, -1, 9], [F(1, 2), -12, F(-1, 2), 3], [0, 0, 1, 0]],
    [0, 0, 1],
)
KUHN = (
    [-2, -3, 1, 12],
    [[-2, -9, 1, 9], [F(1, 3), 1, F(-1, 3), -2], [2, 3, -1, -12]],
    [0, 0, 2],
)


@pytest.mark.parametrize("axes", [UNITS, TO_THE_ORIGIN], ids=["straight", "origin"])
@pytest.mark.parametrize(
    ("program", "start", "least"),
    [
        (BEALE, [F(1, 100), F(1, 5), F(1, 100), F(1, 1000)], F(-5, 4)),
        (KUHN, [F(1, 10), F(1, 10), F(1, 2), F(1, 50)], F(-2)),
    ],
    ids=["Beale", "Kuhn"],
)
def test_cycling_examples_end(program: tuple, start: list, least: Fraction, axes: list):
    cost, rows, constants, base = moved(*program, start=start, axes=axes)
    found = solve(cost, rows, constants)
    reference = linprog(cost, rows, constants)
    assert reference.status == 0
    assert isinstance(found, Minimum)
    assert float(exact(found.value)) == pytest.approx(reference.fun, abs=1e-9)
    assert exact(found.value) + base == least


@pytest.mark.parametrize("seed", range(20))
def test_highly_degenerate_vertices(seed: int):
    """Forty planes through one point in R^4: every pivot there has length zero."""
    random = np.random.default_rng(seed)
    rows = random.integers(-3, 4, (40, 4))
    cost = (random.integers(1, 3, 40) @ rows).tolist()  # inside the dual cone
    constants = (rows @ np.array([1, 1, 2, 1])).tolist()
    keep = [k for k, constant in enumerate(constants) if constant > 0]
    found = solve(cost, rows[keep].tolist(), [constants[k] for k in keep])
    reference = linprog(cost, rows[keep].tolist(), [constants[k] for k in keep])
    assert isinstance(found, Unbounded if reference.status == 3 else Minimum)
    if isinstance(found, Minimum):
        assert float(exact(found.value)) == pytest.approx(reference.fun, rel=1e-9)


def test_the_klee_minty_cube():
    """min -Σ 2^(n-j) x_j over x_i + 2 Σ_{j<i} 2^(i-j) x_j <= 5^i, x >= 0 is -5^n."""
    n = 5
    cost = [-(2 ** (n - j)) for j in range(1, n + 1)]
    a = [[2 ** (i - j + 1) if j < i else int(i == j) for j in range(1, n + 1)]
         for i in range(1, n + 1)]  # fmt: skip
    start = [F(1, 4)] * n
    axes = [[int(i == j) for j in range(n)] for i in range(n)]
    moved_cost, rows, constants, base = moved(cost, a, [5**i for i in range(1, n + 1)], start, axes)
    found = solve(moved_cost, rows, constants)
    assert isinstance(found, Minimum)
    assert exact(found.value) + base == -(5**n)


def check_refuses(change: Callable[[Minimum], Minimum]) -> None:
    found = solve([1, 2], [[1, 0], [0, 1]], [1, 1])
    assert isinstance(found, Minimum)
    with pytest.raises(AssertionError):
        check(change(found), [F(1), F(2)], [[1, 0], [0, 1]], [1, 1], None)


def test_the_checker_sees_wrong_proofs():
    check_refuses(lambda m: Minimum(m.value + 1, m.point, m.multipliers))
    check_refuses(lambda m: Minimum(m.value, m.point, {0: fmpq(1)}))
    check_refuses(lambda m: Minimum(m.value, m.point, {0: fmpq(1), 1: fmpq(-2)}))
    check_refuses(lambda m: Minimum(m.value, (fmpq(-1), fmpq(0)), m.multipliers))
