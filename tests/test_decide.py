"""The judge: it settles what is true, and no proposal makes it accept what is false."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regions.counting.cell_lp import CellProgram
from regions.counting.decide import Judge
from regions.counting.forms import Halfspaces
from regions.domain import Box, Polytope, Space
from regions.frame import Frame
from solvers.backend import get_backend
from solvers.exact_simplex import Minimum, Stopped, minimise
from solvers.rational import rational, rationals
from solvers.solution import Basis, BasisStatus
from tests import naive
from tests.questions import Question, boxed, draw_questions, quiet, single, vector
from tests.strategies import problems

F = Fraction
INF = np.inf

# ------------------------------------------------------------------------------------ settle


@given(problems(max_units=6, max_layers=2), st.data())
def test_settle_equals_brute_force(problem: Any, data: st.DataObject):
    for question in draw_questions(problem, data):
        with quiet():
            found = question.judge.settle(question.cell, question.goal, question.anchor, None)
        assert (found is None) == (question.answer is None)
        assert found is None or question.has(found)


@pytest.mark.parametrize("storage", ["dense", "sparse", "rational"])
@pytest.mark.parametrize("kind", ["plain", "integers"])
def test_settle_in_cells_of_random_networks(kind: str, storage: str):
    yes = no = 0
    for seed in range(8):
        for question in boxed(seed, kind, storage):
            found = question.judge.settle(question.cell, question.goal, question.anchor, None)
            assert (found is None) == (question.answer is None)
            assert found is None or question.has(found)
            yes, no = yes + (found is not None), no + (found is None)
    assert min(yes, no) > 5


def test_settle_far_away():
    """x - y + 10^9 on the half-plane x >= 0 of all space: negative only beyond y = 10^9."""
    question = single(Space(2), [([1, 0], 0)], ([F(1), F(-1)], F(10**9)), [1, 0])
    found = question.judge.settle(question.cell, question.goal, question.anchor, None)
    assert found is not None
    assert question.has(found)


def test_settle_in_a_cell_without_doubles():
    """1/3 < x < 1/3 + 10^-40 with the goal 1/3 + 10^-41 - x: the answer is a rational."""
    thin = F(1, 10**40)
    rows = [([1], F(-1, 3)), ([-1], F(1, 3) + thin)]
    question = single(Box.cube(1, 0, 1), rows, ([F(-1)], F(1, 3) + thin / 10),
                      [F(1, 3) + thin / 100])  # fmt: skip
    found = question.judge.settle(question.cell, question.goal, question.anchor, None)
    assert isinstance(found, tuple)
    assert question.has(found)
    closed = single(Box.cube(1, 0, 1), rows, ([F(-1)], F(1, 3) + thin), [F(1, 3) + thin / 100])
    assert closed.judge.settle(closed.cell, closed.goal, closed.anchor, None) is None


def test_settle_prefers_a_double():
    question = single(Box.cube(1, 0, 1), [], ([F(1)], F(-1, 3)), ["2/3"])
    found = question.judge.settle(question.cell, question.goal, question.anchor, None)
    assert isinstance(found, np.ndarray)
    assert question.has(found)


def test_settle_stops():
    question = single(Box.cube(2, 0, 1), [], ([F(1), F(1)], F(-1)), ["2/3", "2/3"])
    with pytest.raises(Stopped):
        question.judge.settle(question.cell, question.goal, question.anchor, lambda: True)


# ------------------------------------------------------------------- points: inside, towards


@given(problems(max_units=6, max_layers=2), st.data())
def test_points_are_judged_exactly(problem: Any, data: st.DataObject):
    """Doubles on hyperplanes, on sides of the domain, and beside them by one step."""
    grid = st.sampled_from([0.0, 0.5, -0.5, 1.0, -1.0, -1.5, 2.0, 0.25, 1 / 3, 1e300, INF, -INF])
    for question in draw_questions(problem, data):
        x = np.array([data.draw(grid) for _ in range(question.dim)])
        toward = data.draw(st.sampled_from([0, 0, INF, -INF]))
        if toward:
            x = np.nextafter(x, toward)
        with quiet():
            if not np.isfinite(x).all():
                bounded = question.judge.frame.is_bounded_box
                assert not bounded or not question.judge.is_inside(question.cell, x)
                continue
            assert question.judge.is_inside(question.cell, x) == question.inside(x)
            expected = naive.value(question.target, vector(x)) < 0
            assert question.judge.is_negative(question.goal, x) == expected


@given(problems(max_units=6, max_layers=2), st.data())
def test_towards_returns_only_true_points(problem: Any, data: st.DataObject):
    grid = st.sampled_from([0.0, 0.5, -1.0, 1.0, 2.0, 1e300, -1e300, 5e-324, 1 / 3, INF, -INF])
    for question in draw_questions(problem, data):
        vertex, anchor = (np.array([data.draw(grid) for _ in range(question.dim)]) for _ in "ab")
        if data.draw(st.booleans()):
            anchor = np.array([float(naive.exact(q)) for q in question.anchor])
        with quiet():
            found = question.judge.towards(question.cell, question.goal, vertex, anchor)
        assert found is None or question.has(found)


def test_towards_finds_the_other_side():
    """Between a true point on the other side and an interior anchor it always succeeds."""
    found = 0
    for seed in range(60):
        for question in boxed(seed):
            point = question.answer
            if point is None:
                continue
            vertex = np.array([float(v) for v in point])
            if not question.inside(vertex) or naive.value(question.target, point) > F(-1, 1000):
                continue  # leaves no room for rounding
            anchor = np.array([float(naive.exact(q)) for q in question.anchor])
            got = question.judge.towards(question.cell, question.goal, vertex, anchor)
            assert got is not None
            assert question.has(got)
            found += 1
    assert found > 5


@pytest.mark.parametrize("bad", [np.nan, INF, -INF])
def test_towards_refuses_vertices_that_are_no_points(bad: float):
    question = single(Box.cube(2, -1, 1), [], ([F(1), F(0)], F(0)), ["1/2", 0])
    anchor = np.array([0.5, 0.0])
    with quiet():
        for vertex in (np.array([-1.0, bad]), np.array([bad, 0.0])):
            assert question.judge.towards(question.cell, question.goal, vertex, anchor) is None
            assert question.judge.towards(question.cell, question.goal, anchor, vertex) is None
    vertex = np.array([-1.0, 0.0])
    assert question.judge.towards(question.cell, question.goal, vertex, anchor) is not None


def test_a_point_on_a_side_is_not_inside():
    question = single(Box(["1/3", -1], ["2/3", 1]), [([1, 1], 0)], ([F(1), F(0)], F(0)), ["1/2", 0])
    judge, cell = question.judge, question.cell
    third, two_thirds = 1 / 3, 2 / 3  # the doubles: 1/3 is rounded down, 2/3 down
    assert F(third) < F(1, 3)
    assert F(two_thirds) < F(2, 3)
    assert not judge.is_inside(cell, np.array([third, 0.0]))
    assert judge.is_inside(cell, np.array([np.nextafter(third, 1), 0.0]))
    assert judge.is_inside(cell, np.array([two_thirds, 0.0]))
    assert not judge.is_inside(cell, np.array([np.nextafter(two_thirds, 1), 0.0]))
    assert not judge.is_inside(cell, np.array([0.5, -0.5]))  # on the row x + y >= 0
    assert judge.is_inside(cell, np.array([0.5, np.nextafter(-0.5, 0)]))
    assert not judge.is_inside(cell, np.array([0.5, 1.0]))
    assert not judge.is_inside(cell, np.array([0.5, np.nan]))


@pytest.mark.parametrize("scale", ["1", "1e-20", "1e-300", "1e-400", "1e250"])
def test_sides_of_the_domain_contain_the_exact_rows(scale: str):
    rows = [["1/3", "1/7"], ["-1/10", "1e-5"], [F(-1, 9), 2], [1, 1]]
    A = [[F(a) * F(scale) for a in row] for row in rows]
    b = [F(c) * F(scale) for c in ("1/3", "0.1", "7", "2")]
    frame = Frame.of(Polytope(A, b))
    sides = Halfspaces.sides_of(frame)
    assert sides.a.shape == (4, 2)
    for i, (row, limit) in enumerate(zip(A, b, strict=True)):
        exact = [*(-a for a in row), limit]
        got = [*sides.a[i].tolist(), float(sides.c[i])]
        errors = [*sides.a_error[i].tolist(), float(sides.c_error[i])]
        for true, value, error in zip(exact, got, errors, strict=True):
            assert abs(true - F(value)) <= F(error)


def test_a_point_on_a_rational_side_of_the_domain():
    """x/3 + y/7 <= c with equality at the double point: not inside, whatever floats say."""
    random = np.random.default_rng(0)
    for _ in range(60):
        x = random.random(2)
        on_it = naive.dot([F(1, 3), F(1, 7)], x.tolist())
        for gap in (F(0), F(1, 10**40), -F(1, 10**40)):
            domain = Polytope([["1/3", "1/7"], [-1, 0], [0, -1]], [on_it + gap, 1, 1])
            frame = Frame.of(domain)
            cell = Halfspaces(frame, Halfspaces.sides_of(frame), ())
            assert Judge.of(frame).is_inside(cell, x) == (gap > 0)


def test_the_sign_of_a_goal_that_cancels():
    """x + y - 0.3 at (0.1, 0.2), as doubles: positive by 2^-54 and a bit, float says 2^-54."""
    total = F(0.1) + F(0.2)
    x = np.array([0.1, 0.2])
    for constant, expected in ((total, False), (total + F(1, 10**40), True),
                               (total - F(1, 10**40), False)):  # fmt: skip
        question = single(Box.cube(2, -1, 1), [], ([F(1), F(1)], -constant), ["1/2", "1/2"])
        assert question.judge.is_negative(question.goal, x) is expected


# ------------------------------------------------------------------------------- nudge


@given(problems(max_units=6, max_layers=2), st.data())
def test_nudge_gives_points_on_either_side(problem: Any, data: st.DataObject):
    for question in draw_questions(problem, data, limit=8):
        if naive.value(question.target, naive.vector(question.anchor)):
            continue
        with quiet():
            down, up = question.judge.nudge(question.cell, question.goal, question.anchor)
        assert question.has(down)
        assert question.inside(up)
        assert naive.value(question.target, vector(up)) > 0


@pytest.mark.parametrize("scale", [F(1), F(1, 2**1000), F(2**1000), F(1, 10**30)])
def test_nudge_at_any_scale(scale: F):
    for rows in ([], [([1, 1], F(1, 10**30))], [([1, 1], 1), ([-1, 0], F(1, 10**50))]):
        for domain in (Box.cube(2, -1, 1), Space(2)):
            question = single(domain, rows, ([scale, -2 * scale], F(0)), [0, 0])
            with quiet():
                down, up = question.judge.nudge(question.cell, question.goal, question.anchor)
            assert question.has(down)
            assert question.inside(up)
            assert naive.value(question.target, vector(up)) > 0


# -------------------------------------------------------------------------------- float proofs


def optimal_multipliers(question: Question) -> tuple[F, list[F]]:
    """The least value of the goal over the cell (bounded), and the multipliers of its rows."""
    anchor = naive.vector(question.anchor)
    box = len(question.rows) - len(question.cell)  # the bounds of the coordinates come first
    order = question.rows[box:] + question.rows[:box]
    constants = [rational(naive.value(form, anchor)) for form in order]
    found = minimise(
        rationals(question.target[0]).tolist(),
        [{j: rational(a) for j, a in enumerate(form[0]) if a} for form in order],
        constants,
    )
    assert isinstance(found, Minimum)
    weights = [naive.exact(found.multipliers.get(i, 0)) for i in range(len(question.cell))]
    return naive.exact(found.value) + naive.value(question.target, anchor), weights


GARBAGE = st.sampled_from([0.0, 1.0, -1.0, 0.5, 2.0, 1e-300, 1e300, 1e16, np.nan, INF, -INF])


@given(problems(max_units=6, max_layers=2), st.data())
def test_float_proofs_are_never_false(problem: Any, data: st.DataObject):
    for question in draw_questions(problem, data):
        answer = question.answer
        for _ in range(3):
            multipliers = np.array([data.draw(GARBAGE) for _ in range(len(question.cell))])
            with quiet():
                proved = question.judge.float_proof(question.cell, question.goal, multipliers)
            assert not proved or answer is None


def test_float_proofs_with_true_and_corrupted_multipliers():
    """The right ones prove what has room for rounding; no corruption proves what is false."""
    random = np.random.default_rng(0)
    proved = refused = 0
    for seed in range(30):
        for question in boxed(seed):
            judge, cell, goal = question.judge, question.cell, question.goal
            least, weights = optimal_multipliers(question)
            multipliers = np.array([float(w) for w in weights])
            if least > F(1, 10**9):
                assert judge.float_proof(cell, goal, multipliers)
                proved += 1
            elif least < 0:
                assert question.answer is not None
                refused += 1
                close = multipliers * (1 + 1e-12 * random.standard_normal(len(multipliers)))
                others = [2 * multipliers, -multipliers, multipliers[::-1], multipliers + 1]
                others += [0 * multipliers, 1e10 * multipliers]
                for corrupted in (multipliers, close, *others):
                    assert not judge.float_proof(cell, goal, corrupted)
    assert min(proved, refused) > 10


@pytest.mark.parametrize("exponent", [10, 14, 15, 16, 20, 40])
def test_float_proofs_of_a_goal_that_dips_below_zero(exponent: int):
    """x + y - c over x, y >= 1 of the box [0, 2]²: nowhere negative iff c <= 2."""
    thin = F(1, 10**exponent)
    rows = [([1, 0], -1), ([0, 1], -1)]
    for constant, least in ((2 + thin, -thin), (F(2), F(0)), (2 - thin, thin)):
        question = single(Box.cube(2, 0, 2), rows, ([F(1), F(1)], -constant), ["3/2", "3/2"])
        proved = question.judge.float_proof(question.cell, question.goal, np.array([1.0, 1.0]))
        assert not proved or least >= 0
        if exponent == 10 and least > 0:
            assert proved


# --------------------------------------------------------------------------------- basis proofs


def bases(question: Question) -> list[Basis]:
    """All bases with as many tight rows as basic columns."""
    rows, cols = len(question.cell), question.dim
    result = []
    for size in range(min(rows, cols) + 1):
        for tight in combinations(range(rows), size):
            for inner in combinations(range(cols), size):
                row_status = [BasisStatus.LOWER if i in tight else BasisStatus.BASIC
                              for i in range(rows)]  # fmt: skip
                col_status = [BasisStatus.BASIC if j in inner else BasisStatus.LOWER
                              for j in range(cols)]  # fmt: skip
                result.append(Basis(np.array(col_status), np.array(row_status)))
    return result


@given(problems(forms=["cube", "box", "polytope", "ball"], max_inputs=2, max_units=5, max_layers=2),
       st.data())  # fmt: skip
def test_some_basis_proves_exactly_what_is_true(problem: Any, data: st.DataObject):
    """Soundness of every basis, and completeness: the optimal one is among them."""
    for question in draw_questions(problem, data, limit=2):
        if len(question.cell) > 7:
            continue
        proofs = [question.judge.basis_proof(question.cell, question.goal, b)
                  for b in bases(question)]  # fmt: skip
        assert any(proofs) == (question.answer is None)


@given(problems(max_inputs=3, max_units=5, max_layers=2), st.data())
def test_no_basis_proves_what_is_false(problem: Any, data: st.DataObject):
    """Unbounded domains too, and bases of the wrong size."""
    for question in draw_questions(problem, data, limit=2):
        answer = question.answer
        for _ in range(4):
            status = st.sampled_from(list(BasisStatus))
            cols = [int(data.draw(status)) for _ in range(question.dim)]
            rows = [int(data.draw(status)) for _ in range(len(question.cell))]
            basis = Basis(np.array(cols), np.array(rows, dtype=int))
            proved = question.judge.basis_proof(question.cell, question.goal, basis)
            assert not proved or answer is None


def test_a_basis_proof_where_floats_cannot_decide():
    """Goal = row exactly: the least value is 0; multipliers in floats leave a rounding error."""
    row = ([F(1, 3), F(1, 7)], F(1, 11))
    goal = [2 * a for a in row[0]], 2 * row[1]
    question = single(Box.cube(2, -1, 1), [row], goal, [0, 0])
    tight = Basis(np.array([0, 1]), np.array([1]))
    assert question.judge.basis_proof(question.cell, question.goal, tight)
    lower = single(Box.cube(2, -1, 1), [row], (goal[0], goal[1] - F(1, 10**50)), [0, 0])
    assert not lower.judge.basis_proof(lower.cell, lower.goal, tight)
    assert not question.judge.basis_proof(question.cell, question.goal,
                                          Basis(np.array([1, 1]), np.array([0])))  # fmt: skip
    assert not question.judge.basis_proof(question.cell, question.goal,
                                          Basis(np.array([0, 0]), np.array([1])))  # fmt: skip


def test_a_singular_basis_proves_nothing():
    rows = [([1, 1], 1), ([2, 2], 3)]
    question = single(Box.cube(2, -1, 1), rows, ([F(1), F(1)], F(5)), [0, 0])
    assert not question.judge.basis_proof(question.cell, question.goal,
                                          Basis(np.array([0, 0]), np.array([1, 1])))  # fmt: skip


def test_a_basis_with_a_negative_multiplier_proves_nothing():
    """-(1 - x) + ... : x - 1 = -1·(1 - x) would prove x >= 1 from x <= 1."""
    question = single(Box.cube(1, -5, 5), [([-1], 1)], ([F(1)], F(-1)), [0])
    assert not question.judge.basis_proof(question.cell, question.goal,
                                          Basis(np.array([0]), np.array([1])))  # fmt: skip


def test_a_basis_that_needs_a_missing_bound_proves_nothing():
    question = single(Box([0, 0], [INF, 1]), [], ([F(-1), F(0)], F(100)), [1, "1/2"])
    none = Basis(np.array([1, 1]), np.array([], dtype=int))
    assert not question.judge.basis_proof(question.cell, question.goal, none)
    upward = single(Box([0, 0], [INF, 1]), [], ([F(1), F(-1)], F(1)), [1, "1/2"])
    assert upward.judge.basis_proof(upward.cell, upward.goal, none)
    under = single(Box([0, 0], [INF, 1]), [], ([F(1), F(-1)], 1 - F(1, 10**60)), [1, "1/2"])
    assert not under.judge.basis_proof(under.cell, under.goal, none)


def test_bounds_of_the_frame_count_exactly():
    """x - 1/3 >= 0 on [1/3, 1]: the double below 1/3 would refute it, the exact bound proves it."""
    question = single(Box.cube(1, "1/3", 1), [], ([F(1)], F(-1, 3)), ["2/3"])
    none = Basis(np.array([1]), np.array([], dtype=int))
    assert question.judge.basis_proof(question.cell, question.goal, none)
    assert not question.judge.float_proof(question.cell, question.goal, np.zeros(0))
    assert question.judge.settle(question.cell, question.goal, question.anchor, None) is None


# --------------------------------------------------------------------------- the deepest point


def _deepest(question: Question) -> np.ndarray | None:
    frame, cell = question.judge.frame, question.cell
    program = CellProgram(frame, get_backend("highs"), cell.sides)
    try:
        return program.deepest(cell, question.goal.floats, 2.0**-20, None)
    finally:
        program.close()


def test_the_deepest_point_is_as_far_as_can_be_from_all_rows():
    """x > 1/2, x < 1 - y and y > 1/4: 1/12 from each, in units of the largest coefficient."""
    question = single(Box.cube(2, 0, 1), [([1, 0], F(-1, 2)), ([-1, -1], F(1))],
                      ([F(0), F(-1)], F(1, 4)), ["3/4", "1/8"])  # fmt: skip
    found = _deepest(question)
    assert found is not None
    assert question.has(found)
    assert found == pytest.approx([7 / 12, 1 / 3])


def test_no_deepest_point_where_the_goal_is_nowhere_negative():
    question = single(Box.cube(2, 0, 1), [([1, 0], F(-1, 2))], ([F(1), F(0)], F(-1, 2)),
                      ["3/4", "1/2"])  # fmt: skip
    assert question.answer is None
    assert _deepest(question) is None


def test_deepest_points_of_random_cells_are_witnesses_or_nothing():
    yes = no = 0
    for seed in range(6):
        for question in boxed(seed, "plain", "dense"):
            found = _deepest(question)
            assert found is None or question.answer is not None
            if found is not None:
                assert question.judge.is_witness(question.cell, question.goal, found)
                assert question.has(found)
            yes, no = yes + (found is not None), no + (question.answer is None)
    assert min(yes, no) > 5
