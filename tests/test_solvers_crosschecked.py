"""`CrossChecked`: a backend that lies is caught, one that merely gives up is not."""

import dataclasses
import math

import numpy as np
import pytest

from solvers.backend import Backend
from solvers.crosschecked import CrossChecked
from solvers.errors import BackendDisagreement
from solvers.highs import HighsBackend, HighsSession
from solvers.options import SolveOptions
from solvers.program import LinearProgram
from solvers.scipy_ import ScipyBackend
from solvers.solution import Status

INF = math.inf
LP = LinearProgram([-3, -5], [[1, 0], [0, 2], [3, 2]], [-INF] * 3, [4, 12, 18], [0, 0], [9, 9])
EMPTY = LinearProgram([1, 1], [[1, 1]], [5], [9], [0, 0], [1, 1])
ENDLESS = LinearProgram([-1, 0], [[1, -1]], [-INF], [1], [0, 0], [INF, INF])


class LyingSession(HighsSession):
    """HiGHS, with some fields of each solution replaced."""

    lie: dict

    def solve(self, time_limit=None):
        return dataclasses.replace(super().solve(time_limit), **self.lie)


class Lying(Backend):
    def __init__(self, **lie):
        self.lie = lie

    name = "liar"  # type: ignore

    def open(self, program, options=None):
        session = LyingSession(program, options or SolveOptions())
        session.lie = self.lie
        return session

    def is_available(self):
        return True


def both(liar, program, liar_first):
    backends = (liar, ScipyBackend()) if liar_first else (ScipyBackend(), liar)
    with CrossChecked(*backends).open(program) as session:
        return session.solve()


@pytest.mark.parametrize("liar_first", [False, True])
@pytest.mark.parametrize(
    ("program", "lie", "message"),
    [
        (LP, {"status": Status.INFEASIBLE}, "INFEASIBLE"),
        (LP, {"status": Status.UNBOUNDED}, "UNBOUNDED"),
        (LP, {"status": Status.INFEASIBLE_OR_UNBOUNDED}, "INFEASIBLE_OR_UNBOUNDED"),
        (LP, {"objective": -35.999}, "optimal values .*-35.999"),
        (LP, {"objective": -36.001}, "optimal values .*-36.001"),
        (LP, {"objective": math.nan}, "optimal values .*nan"),
        (EMPTY, {"status": Status.OPTIMAL, "objective": 1.0}, "OPTIMAL"),
        (EMPTY, {"status": Status.UNBOUNDED}, "UNBOUNDED"),
        (ENDLESS, {"status": Status.INFEASIBLE}, "INFEASIBLE"),
    ],
)
def test_a_lie_is_caught(program, lie, message, liar_first):
    with pytest.raises(BackendDisagreement, match=message):
        both(Lying(**lie), program, liar_first)


@pytest.mark.parametrize("liar_first", [False, True])
@pytest.mark.parametrize(
    ("program", "lie"),
    [
        (LP, {"status": Status.STOPPED}),
        (EMPTY, {"status": Status.STOPPED}),
        (LP, {"status": Status.FAILED, "objective": 17.0}),
        (EMPTY, {"status": Status.INFEASIBLE_OR_UNBOUNDED}),
        (ENDLESS, {"status": Status.INFEASIBLE_OR_UNBOUNDED}),
        (LP, {"objective": -36 + 1e-9}),
        (LP, {}),
    ],
)
def test_giving_up_is_no_contradiction(program, lie, liar_first):
    solution = both(Lying(**lie), program, liar_first)
    if liar_first and "status" in lie:
        assert solution.status is lie["status"]


def test_the_tolerance_grows_with_the_data():
    scale = 1e8  # costs of 1e8: the seventh digit after the point means nothing
    big = LinearProgram(LP.cost * scale, LP.matrix, LP.row_lower, LP.row_upper, [0, 0], [9, 9])
    both(Lying(objective=-36 * scale + 1), big, True)
    with pytest.raises(BackendDisagreement):
        both(Lying(objective=-36 * scale * 1.001), big, True)


def test_an_integer_lie_is_caught():
    whole = LinearProgram([-3, -2], [[4, 3]], [-INF], [15], [0, 0], [10, 10], [True, True])
    both(Lying(), whole, True)
    with pytest.raises(BackendDisagreement, match="optimal values"):
        both(Lying(objective=-11.25), whole, True)  # the relaxation's


def test_both_sessions_follow_every_change():
    rng = np.random.default_rng(8)
    checked = CrossChecked(HighsBackend(), ScipyBackend())
    assert checked.is_available()
    assert checked.name == "highs checked by scipy"
    options = SolveOptions(native={"simplex_update_limit": 100})  # for HiGHS alone
    with checked.open(LP, options) as session:
        for _ in range(30):
            session.set_cost(rng.standard_normal(2))
            session.set_row(int(rng.integers(session.num_rows)), -INF, rng.uniform(0, 20))
            session.set_col(0, 0.0, rng.uniform(0, 5))
            session.add_rows(rng.standard_normal((2, 2)), [-INF] * 2, [1, 1])
            assert session.solve().status is Status.OPTIMAL
            session.set_cols([0, 0], [3, 3])
            session.delete_rows(0, 1)
            session.set_basis(session.basis())
            assert session.solve().status is Status.OPTIMAL
        assert session.num_rows == session.program.num_rows == 33
        session.add_rows([[1, 1]], [7], [INF])
        assert session.solve().status is Status.INFEASIBLE
        assert session.dual_ray() is not None
        assert session.primal_ray() is None
