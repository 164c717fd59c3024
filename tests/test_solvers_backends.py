"""All backends on programs with known answers, and how their statuses are read."""

import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from highspy import HighsModelStatus, HighsStatus
from scipy.optimize import OptimizeResult

from solvers import cvxpy_, pulp_, scipy_
from solvers.backend import BACKENDS, get_backend
from solvers.cvxpy_ import CvxpyBackend
from solvers.errors import BackendMissing, InvalidOption, InvalidProgram, NoSolution, SolversError
from solvers.highs import STATUSES, HighsBackend, meaning
from solvers.options import SolveOptions
from solvers.program import LinearProgram
from solvers.pulp_ import PulpBackend
from solvers.scipy_ import ScipyBackend
from solvers.solution import Limit, Status

INF = math.inf
EVERY = [HighsBackend(), ScipyBackend(), CvxpyBackend(), PulpBackend()]
ALL = pytest.mark.parametrize("backend", EVERY, ids=lambda b: b.name)


def solve(backend, program, options=None) -> Any:
    with backend.open(program, options) as session:
        return session.solve()


def program(cost, rows, row_lower, row_upper, col_lower, col_upper, integer=None):
    matrix = np.array(rows, dtype=float).reshape(-1, len(cost))
    return LinearProgram(cost, matrix, row_lower, row_upper, col_lower, col_upper, integer)


def check_optimal(solution, lp, objective, tol=1e-6):
    assert solution.status is Status.OPTIMAL
    assert solution.limit is None
    assert solution.objective == pytest.approx(objective, abs=tol)
    assert solution.primal_residual(lp) <= tol
    assert abs(solution.gap(lp)) <= tol
    if not lp.has_integers:
        assert solution.dual_residual(lp) <= tol


KNOWN = {
    # name: (program, optimal value)
    "textbook": (program([-3, -5], [[1, 0], [0, 2], [3, 2]], [-INF] * 3, [4, 12, 18],
                         [0, 0], [INF, INF]), -36),
    "equality": (program([1, 2, 3], [[1, 1, 1]], [2], [2], [0, 0, 0], [1, 1, 1]), 3),
    "two-sided row": (program([-1, 0], [[1, 1]], [1], [3], [-1, -1], [5, 5]), -4),
    "free columns": (program([1, 1], [[1, 2], [2, 1]], [3, 3], [INF, INF], [-INF] * 2, [INF] * 2),
                     2),
    "degenerate": (program([-1, -1], [[1, 0], [0, 1], [1, 1], [2, 1], [1, 2], [1, 1]], [-INF] * 6,
                           [1, 1, 2, 3, 3, 2], [0, 0], [INF, INF]), -2),
    "no rows": (program([1, -1], [], [], [], [-2, -2], [3, 3]), -5),
    "zero cost": (program([0, 0], [[1, 1]], [1], [1], [0, 0], [1, 1]), 0),
    "fixed column": (program([1, -1], [[1, 1]], [-INF], [4], [1, 0], [1, INF]), -2),
    "no columns": (LinearProgram([], np.zeros((1, 0)), [-1], [1], [], []), 0),
}  # fmt: skip


@ALL
@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("sparse", [False, True])
def test_known_optima(backend, name, sparse):
    lp, objective = KNOWN[name]
    if sparse:
        lp = LinearProgram(lp.cost, sp.csr_array(lp.matrix), lp.row_lower, lp.row_upper,
                           lp.col_lower, lp.col_upper)  # fmt: skip
    check_optimal(solve(backend, lp), lp, objective)


@ALL
@pytest.mark.parametrize("method", ["choose", "simplex", "primal", "dual", "interior"])
@pytest.mark.parametrize("presolve", ["choose", "on", "off"])
def test_every_method_finds_the_textbook_optimum(backend, method, presolve):
    if backend.name == "cvxpy" and method in ("simplex", "primal", "dual"):
        with pytest.raises(InvalidOption, match=f"no method '{method}'"):
            backend.open(KNOWN["textbook"][0], SolveOptions(method=method))
        return
    lp, objective = KNOWN["textbook"]
    solution = solve(backend, lp, SolveOptions(method=method, presolve=presolve))
    check_optimal(solution, lp, objective)
    np.testing.assert_allclose(solution.x, [2, 6], atol=1e-6)


@ALL
def test_multipliers_have_the_sign_of_the_active_bound(backend):
    # Row 0 presses from below (y > 0), row 1 from above (y < 0); column 2 sits at its lower bound.
    lp = program([1, -1, 2], [[1, 0, 0], [0, 1, 0]], [1, -9], [9, 2], [-9, -9, 0], [9, 9, 9])
    solution = solve(backend, lp)
    np.testing.assert_allclose(solution.row_duals, [1, -1], atol=1e-7)
    np.testing.assert_allclose(solution.col_duals, [0, 0, 2], atol=1e-7)


INFEASIBLE = {
    "rows": program([1, 1], [[1, 1], [1, 1]], [2, -INF], [INF, 1], [-5, -5], [5, 5]),
    "row against box": program([0, 0], [[1, 1]], [3], [INF], [0, 0], [1, 1]),
    "crossed columns": program([1, 1], [[1, 1]], [-9], [9], [3, -5], [1, 5]),
    "crossed row": program([1, 1], [[1, 1]], [3], [2], [0, 0], [5, 5]),
    "no columns": LinearProgram([], np.zeros((1, 0)), [1], [2], [], []),
}


@ALL
@pytest.mark.parametrize("name", INFEASIBLE)
@pytest.mark.parametrize("presolve", ["choose", "off"])
def test_infeasible(backend, name, presolve):
    solution = solve(backend, INFEASIBLE[name], SolveOptions(presolve=presolve))
    assert solution.status is Status.INFEASIBLE
    assert solution.x is None and solution.objective is None and solution.bound == INF
    with pytest.raises(NoSolution, match="no x"):
        solution.primal_residual(INFEASIBLE[name])


@ALL
def test_unbounded(backend):
    lp = program([-1, 0], [[1, -1]], [-INF], [1], [0, 0], [INF, INF])
    assert solve(backend, lp).status is Status.UNBOUNDED


@ALL
def test_integer_programs(backend):
    # Relaxation -11.25 at (3.75, 0); whole optimum -11 needs the second column.
    lp = program([-3, -2], [[4, 3]], [-INF], [15], [0, 0], [10, 10], [True, True])
    solution = solve(backend, lp)
    check_optimal(solution, lp, -11)
    assert solution.bound == pytest.approx(-11, abs=1e-6)
    with pytest.raises(NoSolution, match="no multipliers"):
        solution.dual_residual(lp)
    odd = program([0, 0], [[2, 2]], [1], [1], [0, 0], [1, 1], [True, True])
    assert solve(backend, odd).status is Status.INFEASIBLE
    mixed = program([-1, -1], [[2, 2]], [-INF], [3], [0, 0], [1, 1], [True, False])
    check_optimal(solve(backend, mixed), mixed, -1.5)


def knapsack(n=40):
    rng = np.random.default_rng(5)
    weights = rng.integers(100, 1000, size=(5, n)).astype(float)
    return LinearProgram(-weights.sum(axis=0), weights, np.full(5, -INF), weights.sum(axis=1) / 2,
                         np.zeros(n), np.ones(n), np.ones(n, dtype=bool))  # fmt: skip


@ALL
def test_a_time_limit_of_zero_stops_a_hard_program(backend):
    solution = solve(backend, knapsack(), SolveOptions(time_limit=0))
    assert solution.status is Status.STOPPED
    assert solution.limit is Limit.TIME


def test_an_iteration_limit_stops_highs():
    lp, _ = KNOWN["textbook"]
    options = SolveOptions(presolve="off", native={"simplex_iteration_limit": 0})
    solution = solve(HighsBackend(), lp, options)
    assert (solution.status, solution.limit) == (Status.STOPPED, Limit.ITERATIONS)


def test_every_highs_status_is_in_the_table():
    members = HighsModelStatus.__members__.values()
    assert len(members) >= 20
    for member in members:
        assert member in STATUSES, member
        status, limit = STATUSES[member]
        assert (limit is not None) == (status is Status.STOPPED)
    assert [m for m in members if STATUSES[m][0] is Status.OPTIMAL] == [HighsModelStatus.kOptimal]
    claims = [m for m in members if STATUSES[m][0] is Status.INFEASIBLE]
    assert claims == [HighsModelStatus.kInfeasible]


def test_an_unknown_status_or_a_failed_run_is_failed():
    assert meaning("a status of a later release") == (Status.FAILED, None)  # type: ignore
    for member in HighsModelStatus.__members__.values():
        assert meaning(member, HighsStatus.kError) == (Status.FAILED, None)


def test_scipys_model_error_is_not_infeasible():
    result = OptimizeResult(status=2, message="(HiGHS Status 2: Model error)")
    assert scipy_.meaning(result) == (Status.FAILED, None)
    assert scipy_.meaning(OptimizeResult(status=9, message="?")) == (Status.FAILED, None)
    huge = program([1, 1], [[1, 1e16]], [-INF], [1], [0, 0], [1, 1])
    assert solve(ScipyBackend(), huge).status is Status.FAILED


def test_every_cvxpy_status_is_in_the_table():
    import cvxpy.settings as theirs

    groups = (theirs.SOLUTION_PRESENT, theirs.INF_OR_UNB, theirs.INACCURATE, theirs.ERROR)
    known = {status for group in groups for status in group}
    assert known == set(cvxpy_.STATUSES)
    for status in known:
        meant, limit = cvxpy_.meaning(status)
        assert (limit is not None) == (meant is Status.STOPPED)
        assert (meant is Status.OPTIMAL) == (status == theirs.OPTIMAL)
        assert (meant is Status.INFEASIBLE) == (status == theirs.INFEASIBLE)
    for unknown in (None, "", "a status of a later release", "optimal_more_or_less"):
        assert cvxpy_.meaning(unknown) == (Status.FAILED, None)


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("Optimal - objective value -3.0", (Status.OPTIMAL, None)),
        ("Infeasible - objective value 0.0", (Status.INFEASIBLE, None)),
        ("Integer infeasible - objective value 0.0", (Status.INFEASIBLE, None)),
        ("Unbounded - objective value 0.0", (Status.UNBOUNDED, None)),
        ("Stopped on time - objective value 1.0", (Status.STOPPED, Limit.TIME)),
        ("Stopped on time (no integer solution - continuous used)", (Status.STOPPED, Limit.TIME)),
        ("Stopped on iterations - objective value 1.0", (Status.STOPPED, Limit.ITERATIONS)),
        ("Stopped on a whim", (Status.FAILED, None)),
        ("Integer", (Status.FAILED, None)),
        ("", (Status.FAILED, None)),
    ],
)
def test_how_the_answers_of_cbc_are_read(line, meant):
    assert pulp_.meaning(line) == meant
    lp, _ = KNOWN["textbook"]
    working = pulp_.WorkingProgram(lp)
    solution = pulp_._read(working, [line], is_mip=True, seconds=0.0)
    assert solution.status is meant[0]
    assert (solution.x is None) == (meant[0] is not Status.OPTIMAL and "1.0" not in line)


def test_an_answer_that_cannot_be_read_is_failed():
    working = pulp_.WorkingProgram(KNOWN["textbook"][0])
    for lines in (
        [],
        ["Optimal", "0 c0 1.0"],
        ["Optimal", "0 c9 1.0 0.0"],
        ["Optimal", "0 c0 x 0"],
    ):
        assert pulp_._read(working, lines, False, 0.0).status is Status.FAILED


def test_without_cbc_every_solve_fails(monkeypatch):
    monkeypatch.setattr(pulp_, "cbc_path", lambda: None)
    assert not PulpBackend().is_available()
    assert solve(PulpBackend(), KNOWN["textbook"][0]).status is Status.FAILED


@pytest.mark.parametrize("backend", [CvxpyBackend(), PulpBackend()], ids=lambda b: b.name)
def test_cold_backends_take_no_native_options(backend):
    lp, _ = KNOWN["textbook"]
    with pytest.raises(InvalidOption, match="takes no options"):
        backend.open(lp, SolveOptions(native={"speed": 9}))
    with pytest.raises(InvalidOption, match="no method 'pdlp'"):
        backend.open(lp, SolveOptions(method="pdlp"))


@pytest.mark.parametrize(
    ("norm", "point", "distance"),
    [("l2", [0.8, 0.4], 0.8**0.5), ("l1", [1, 0], 1), ("linf", [2 / 3, 2 / 3], 2 / 3)],
)
def test_the_nearest_point_of_a_half_plane(norm, point, distance):
    found = cvxpy_.nearest_point([[-2.0, -1.0]], [-2.0], [0.0, 0.0], norm)
    assert found is not None
    np.testing.assert_allclose(found, point, atol=1e-5)
    order = {"l2": 2, "l1": 1, "linf": math.inf}[norm]
    assert np.linalg.norm(found, order) == pytest.approx(distance, abs=1e-5)


def test_the_nearest_point_where_there_is_none():
    assert cvxpy_.nearest_point([[1.0], [-1.0]], [0.0, -1.0], [0.0]) is None
    found = cvxpy_.nearest_point(np.zeros((0, 2)), [], [3, 4])
    assert found is not None
    np.testing.assert_allclose(found, [3, 4], atol=1e-6)
    with pytest.raises(InvalidOption, match="no norm 'l3'"):
        cvxpy_.nearest_point([[1.0]], [1.0], [0.0], "l3")
    with pytest.raises(InvalidProgram, match="A: needs shape"):
        cvxpy_.nearest_point([[1.0]], [1.0], [0.0, 0.0])


def test_highs_rejects_huge_entries_at_the_door():
    huge = program([1, 1], [[1, 1e16]], [-INF], [1], [0, 0], [1, 1])
    with pytest.raises(InvalidProgram, match="1e15"):
        HighsBackend().open(huge)
    with HighsBackend().open(KNOWN["textbook"][0]) as session:
        with pytest.raises(InvalidProgram, match="1e15"):
            session.add_rows([[1e16, 1]], [-INF], [1])
        assert session.num_rows == 3
        check_optimal(session.solve(), session.program, -36)


def test_a_backend_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(
        BACKENDS, "ghost", ("solvers.highs", "HighsBackend", "no_such_package", "a_source")
    )
    with pytest.raises(BackendMissing, match=r"no_such_package, which .* pip install a_source"):
        get_backend("ghost")


def test_get_backend():
    assert [get_backend(name).name for name in BACKENDS] == ["highs", "scipy", "cvxpy", "pulp"]
    assert all(get_backend(name).is_available() for name in BACKENDS)
    with pytest.raises(InvalidOption, match="did you mean 'scipy'"):
        get_backend("spicy")


def test_a_closed_session_says_so():
    with HighsBackend().open(KNOWN["textbook"][0]) as session:
        pass
    with pytest.raises(SolversError, match="session is closed"):
        session.solve()


def test_highs_is_silent():
    # In a process of its own: HiGHS prints its banner once a process.
    code = (
        "from solvers.highs import HighsBackend as B; from solvers.program import LinearProgram;"
        "p = LinearProgram([-1, -1], [[2, 2]], [-9], [3], [0, 0], [1, 1], [True, False]);"
        "B().open(p).solve(); s = B().open(LinearProgram([1], [[1]], [2], [9], [0], [1]));"
        "s.solve(); s.dual_ray()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_cvxpy_leaves_standard_output_alone():
    """A process of its own: HiGHS writes its banner once."""
    pytest.importorskip("cvxpy")
    code = (
        "import regions\n"
        "network = regions.Network.from_layers([([[1, 0], [0, 1], [1, 1]], [0, 0, -1]), "
        "([[1] * 3], [0])])\n"
        "print(int(regions.count(network, engine='milp', backend='cvxpy')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "5\n"
