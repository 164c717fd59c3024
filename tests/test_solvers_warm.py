"""Warm HiGHS sessions: changes against cold solves by scipy, bases, rays, limits."""

import math
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from solvers.backend import BACKENDS, get_backend
from solvers.errors import InvalidProgram
from solvers.highs import HighsBackend
from solvers.options import SolveOptions
from solvers.program import LinearProgram
from solvers.scipy_ import ScipyBackend
from solvers.solution import Basis, BasisStatus, Limit, Status

INF = math.inf
NO_PRESOLVE = SolveOptions(presolve="off")


def solve(backend, program, options=None) -> Any:
    with backend.open(program, options) as session:
        return session.solve()


def random_program(rng, m, n):
    return LinearProgram(rng.standard_normal(n), rng.standard_normal((m, n)), np.full(m, -INF),
                         rng.uniform(0.1, 2, m), np.full(n, -5.0), np.full(n, 5.0))  # fmt: skip


def agree(warm, cold, lp):
    assert warm.status is cold.status, (warm, cold)
    if warm.status is Status.OPTIMAL:
        assert warm.objective == pytest.approx(cold.objective, abs=1e-6)
        for solution in (warm, cold):
            assert solution.primal_residual(lp) <= 1e-6
            assert solution.dual_residual(lp) <= 1e-6
            assert abs(solution.gap(lp)) <= 1e-6
    return warm.status


def change(rng, session, lp):
    m, n = lp.num_rows, lp.num_cols
    kind = rng.integers(7)
    if kind == 0:
        session.set_cost(rng.standard_normal(n))
    elif kind == 1 and m:
        low = rng.uniform(-2, 1) if rng.integers(2) else -INF
        session.set_row(int(rng.integers(m)), low, rng.uniform(low if low > -INF else 0, 2))
    elif kind == 2:
        low = rng.uniform(-5, 1)
        session.set_col(int(rng.integers(n)), low, low + rng.uniform(0, 6))
    elif kind == 3:
        session.set_cols(rng.uniform(-5, -1, n), rng.uniform(1, 5, n))
    elif kind == 4:
        k = int(rng.integers(1, 4))
        rows = rng.standard_normal((k, n)) * (rng.random((k, n)) < 0.7)
        session.add_rows(sp.csr_array(rows) if rng.integers(2) else rows, np.full(k, -INF),
                         rng.uniform(-0.5, 2, k))  # fmt: skip
    elif kind == 5 and m > 2:
        session.delete_rows(m - int(rng.integers(1, 3)), m)
    elif m > 2:
        start = int(rng.integers(m))
        session.delete_rows(start, min(m, start + int(rng.integers(0, 3))))


@pytest.mark.parametrize("method", ["choose", "primal", "dual"])
@pytest.mark.parametrize("seed", range(4))
def test_warm_changes_equal_cold_solves(seed, method):
    rng = np.random.default_rng(seed)
    seen = []
    with HighsBackend().open(random_program(rng, 12, 4), SolveOptions(method=method)) as session:
        for _ in range(60):
            change(rng, session, session.program)
            lp = session.program
            assert session.num_rows == lp.num_rows
            seen.append(agree(session.solve(), solve(ScipyBackend(), lp), lp))
    assert seen.count(Status.OPTIMAL) >= 10
    assert len(set(seen)) == 2  # infeasible ones, too


def test_both_sessions_keep_the_same_program():
    rng = np.random.default_rng(9)
    first = random_program(rng, 6, 3)
    with HighsBackend().open(first) as a, ScipyBackend().open(first) as b:
        for step in range(60):
            change(np.random.default_rng(step), a, a.program)
            change(np.random.default_rng(step), b, b.program)
            for name in ("cost", "row_lower", "row_upper", "col_lower", "col_upper"):
                np.testing.assert_array_equal(getattr(a.program, name), getattr(b.program, name))
            dense = [sp.csr_array(s.program.matrix).toarray() for s in (a, b)]
            np.testing.assert_array_equal(*dense)


def test_rows_pushed_and_popped_leave_the_right_rows():
    # No snapshot in between: it would merge the blocks that pushing leaves behind.
    rng = np.random.default_rng(6)
    start = random_program(rng, 4, 3)
    for _ in range(30):
        rows, upper = sp.csr_array(start.matrix).toarray(), start.row_upper
        with HighsBackend().open(start) as session:
            for _ in range(12):
                if rng.integers(2):
                    k = int(rng.integers(0, 4))
                    block, limit = rng.standard_normal((k, 3)), rng.uniform(0, 2, k)
                    session.add_rows(block, np.full(k, -INF), limit)
                    rows, upper = np.vstack((rows, block)), np.concatenate((upper, limit))
                else:
                    keep = int(rng.integers(len(rows) + 1))
                    session.delete_rows(keep, len(rows))
                    rows, upper = rows[:keep], upper[:keep]
            np.testing.assert_array_equal(np.asarray(session.program.matrix), rows)
            np.testing.assert_array_equal(session.program.row_upper, upper)
            np.testing.assert_array_equal(session._highs.getLp().row_upper_, upper)


def test_highs_holds_what_the_session_says():
    rng = np.random.default_rng(3)
    with HighsBackend().open(random_program(rng, 8, 4)) as session:
        for _ in range(80):
            change(rng, session, session.program)
            ours, theirs = session.program, session._highs.getLp()
            np.testing.assert_array_equal(theirs.col_cost_, ours.cost)
            np.testing.assert_array_equal(theirs.row_lower_, ours.row_lower)
            np.testing.assert_array_equal(theirs.row_upper_, ours.row_upper)
            np.testing.assert_array_equal(theirs.col_lower_, ours.col_lower)
            np.testing.assert_array_equal(theirs.col_upper_, ours.col_upper)
            nonzeros = sp.csr_array(ours.matrix).count_nonzero()
            assert len(theirs.a_matrix_.value_) == nonzeros


def test_the_time_limit_counts_each_solve_alone():
    # HiGHS adds up the time of all solves: a limit that forgot this would stop every solve once
    # the instance has run for longer than the limit.
    rng = np.random.default_rng(0)
    lp = random_program(rng, 30, 8)
    with HighsBackend().open(lp) as session:
        while session._highs.getRunTime() < 0.6:
            session.set_cost(rng.standard_normal(8))
            session.solve()
        session.set_cost(rng.standard_normal(8))
        assert session.solve(time_limit=0.5).status is Status.OPTIMAL
        session.set_cost(rng.standard_normal(8))
        assert session.solve(time_limit=0).status is Status.STOPPED
        assert session.solve().status is Status.OPTIMAL  # the limit was for one solve


def test_an_objective_bound_stops_with_multipliers_that_prove_it():
    lp = random_program(np.random.default_rng(0), 60, 20)
    best = solve(ScipyBackend(), lp).objective
    native = {"objective_bound": 3 * best}
    options = SolveOptions(method="dual", presolve="off", native=native)
    solution = solve(HighsBackend(), lp, options)
    assert (solution.status, solution.limit) == (Status.STOPPED, Limit.OBJECTIVE)
    assert solution.dual_residual(lp) <= 1e-6
    y, d = solution.row_duals, solution.col_duals
    assert 3 * best < y @ lp.row_upper - 5 * np.abs(d).sum() <= best  # rows: only upper bounds


def test_a_basis_makes_the_round_trip():
    lp = random_program(np.random.default_rng(1), 30, 8)
    with HighsBackend().open(lp, NO_PRESOLVE) as session:
        assert session.basis() is None
        first = session.solve()
        basis = session.basis()
    assert basis is not None
    assert basis.num_basic == lp.num_rows
    assert first.iterations > 0
    tight = np.abs(lp.matrix @ first.x - lp.row_upper) <= 1e-9
    np.testing.assert_array_equal(basis.row_status == BasisStatus.UPPER, tight)
    np.testing.assert_array_equal(basis.col_status == BasisStatus.LOWER, first.x == -5)
    np.testing.assert_array_equal(basis.col_status == BasisStatus.UPPER, first.x == 5)
    with HighsBackend().open(lp, NO_PRESOLVE) as session:
        session.set_basis(basis)
        again = session.solve()
        assert again.iterations == 0
        assert again.objective == pytest.approx(first.objective)
        final = session.basis()
        assert final is not None
        np.testing.assert_array_equal(final.col_status, basis.col_status)
        np.testing.assert_array_equal(final.row_status, basis.row_status)
        session.set_basis(None)
        assert session.solve().iterations == first.iterations  # cold again


def test_a_basis_that_does_not_fit_is_refused():
    lp = random_program(np.random.default_rng(1), 3, 2)
    with (
        HighsBackend().open(lp) as session,
        pytest.raises(InvalidProgram, match="needs 2 columns and 3 rows, got 1 and 3"),
    ):
        session.set_basis(Basis(np.array([1]), np.array([0, 0, 0])))


def farkas_margin(lp, y):
    """Σ y⁺L - y⁻U - max {yᵀ M x : l <= x <= u}: positive proves infeasibility."""
    reach = y @ lp.matrix
    top = np.where(reach > 0, lp.col_upper, lp.col_lower)
    used = reach != 0
    sides = np.where(y > 0, lp.row_lower, lp.row_upper)
    return y[y != 0] @ sides[y != 0] - reach[used] @ top[used]


@pytest.mark.parametrize("presolve", ["choose", "on", "off"])
def test_dual_rays_prove_infeasibility(presolve):
    rng = np.random.default_rng(4)
    proved = 0
    for _ in range(40):
        m, n = 14, 4
        matrix = rng.standard_normal((m, n))
        centre = rng.uniform(-0.3, 0.3, m)
        lower = np.where(rng.random(m) < 0.5, centre - 0.2, -INF)
        lp = LinearProgram(rng.standard_normal(n), matrix, lower, centre + 0.2,
                           np.full(n, -2.0), np.full(n, 2.0))  # fmt: skip
        with HighsBackend().open(lp, SolveOptions(presolve=presolve)) as session:
            if session.solve().status is Status.INFEASIBLE:
                ray = session.dual_ray()
                assert ray is not None
                assert farkas_margin(lp, ray) > 1e-9
                proved += 1
                # The ray's own re-solve leaves the session usable.
                wide = np.full(n, 100.0)
                session.set_cols(-wide, wide)
                for i in range(m):
                    session.set_row(i, -INF, 1.0)
                assert session.solve().status is Status.OPTIMAL
            else:
                assert session.dual_ray() is None
    assert 10 <= proved < 40


def test_a_contradicted_bound_has_no_ray():
    crossed = LinearProgram([1, 1], [[1, 1]], [-9], [9], [3, -5], [1, 5])
    with HighsBackend().open(crossed) as session:
        assert session.solve().status is Status.INFEASIBLE
        assert session.dual_ray() is None


@pytest.mark.parametrize("seed", range(5))
def test_primal_rays_lead_downwards(seed):
    rng = np.random.default_rng(seed)
    matrix = -rng.random((6, 4)) + 0.2
    lp = LinearProgram(-rng.random(4), matrix, [-INF] * 6, np.ones(6), np.zeros(4), [INF] * 4)
    with HighsBackend().open(lp, NO_PRESOLVE) as session:
        assert session.solve().status is Status.UNBOUNDED
        ray = session.primal_ray()
    assert ray is not None
    assert lp.cost @ ray < -1e-9
    assert (lp.matrix @ ray <= 1e-9).all()
    assert (ray >= -1e-9).all()


@pytest.mark.parametrize("backend", [*map(get_backend, BACKENDS)], ids=lambda b: b.name)
def test_changes_that_do_not_fit_change_nothing(backend):
    lp = random_program(np.random.default_rng(2), 3, 2)
    bad = [
        ("set_cost", ([1, 2, 3],), r"needs 2 finite costs, got shape \(3,\)"),
        ("set_cost", ([1, math.nan],), "with NaN or an infinity"),
        ("set_cost", ([1, INF],), "with NaN or an infinity"),
        ("set_row", (3, 0, 1), r"needs a row in \[0, 3\), got 3"),
        ("set_row", (-1, 0, 1), "got -1"),
        ("set_row", (0, math.nan, 1), "needs lower < inf"),
        ("set_row", (0, INF, INF), "needs lower < inf"),
        ("set_col", (2, 0, 1), r"needs a column in \[0, 2\), got 2"),
        ("set_col", (0, 0, -INF), "upper > -inf"),
        ("set_cols", ([0, 0, 0], [1, 1]), "col_lower: needs shape"),
        ("set_cols", ([0, math.nan], [1, 1]), "col_lower: a lower bound is a number or -inf"),
        ("add_rows", ([[1, 2, 3]], [0], [1]), r"needs shape \(rows, 2\)"),
        ("add_rows", ([[1, math.nan]], [0], [1]), "needs finite entries"),
        ("add_rows", ([[1, 2]], [0, 0], [1]), r"add_rows\(\) row_lower: needs shape \(1,\)"),
        ("delete_rows", (2, 4), "0 <= start <= stop <= 3, got 2 and 4"),
        ("delete_rows", (2, 1), "got 2 and 1"),
    ]
    with backend.open(lp) as session:
        before = session.solve().objective
        for method, arguments, message in bad:
            with pytest.raises(InvalidProgram, match=message):
                getattr(session, method)(*arguments)
        assert session.num_rows == 3
        assert session.solve().objective == pytest.approx(before)
        session.add_rows(np.zeros((0, 2)), [], [])
        session.delete_rows(1, 1)
        assert session.num_rows == 3
