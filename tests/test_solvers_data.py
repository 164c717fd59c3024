"""The pure data of solvers: programs, options and solutions check themselves."""

import dataclasses
import math
import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse as sp

from solvers.errors import InvalidOption, InvalidProgram
from solvers.highs import HighsBackend
from solvers.options import SolveOptions
from solvers.program import LinearProgram
from solvers.scipy_ import ScipyBackend
from solvers.solution import Basis, Solution, Status

INF = math.inf
TEXTBOOK = LinearProgram([-3, -5], [[1, 0], [0, 2], [3, 2]], [-INF] * 3, [4, 12, 18],
                         [0, 0], [INF, INF])  # fmt: skip


@pytest.mark.parametrize("make", [np.array, sp.csr_array, sp.coo_array, sp.csc_matrix])
def test_a_program_copies_and_locks_its_arrays(make):
    cost, matrix = np.array([1.0, 2.0]), make(np.array([[1.0, 0.0], [3.0, 4.0]]))
    lp = LinearProgram(cost, matrix, [0, 0], [1, 1], [0, 0], [1, 1], [True, False])
    cost[0] = 99
    if isinstance(matrix, np.ndarray):
        matrix[0, 0] = 99
    else:
        matrix.data[:] = 99
    assert lp.cost[0] == 1
    assert lp.is_sparse == (make is not np.array)
    dense = sp.csr_array(lp.matrix).toarray()
    np.testing.assert_array_equal(dense, [[1, 0], [3, 4]])
    locked = [lp.cost, lp.row_lower, lp.row_upper, lp.col_lower, lp.col_upper, lp.integer]
    locked.append(lp.matrix.data if lp.is_sparse else lp.matrix)
    assert not any(array.flags.writeable for array in locked)
    assert lp.has_integers
    with pytest.raises(dataclasses.FrozenInstanceError):
        lp.cost = cost  # type: ignore


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cost": [[1, 2]]}, "cost: needs a vector, got shape"),
        ({"cost": [1, math.nan]}, "cost: needs finite numbers, got nan at index 1"),
        ({"cost": [INF, 1]}, "cost: needs finite numbers, got inf at index 0"),
        ({"cost": ["a", 1]}, "cost: needs an array of numbers"),
        ({"matrix": [[1, 2, 3]]}, r"matrix: needs shape \(rows, 2\), got shape \(1, 3\)"),
        ({"matrix": [1, 2]}, r"matrix: needs shape \(rows, 2\), got shape \(2,\)"),
        ({"matrix": [[1, INF]]}, "matrix: needs finite entries"),
        ({"matrix": sp.csr_array([[1, math.nan]])}, "matrix: needs finite entries"),
        ({"row_lower": [0, 0]}, r"row_lower: needs shape \(1,\), got shape \(2,\)"),
        ({"row_upper": [math.nan]}, "row_upper: a upper bound is a number or inf, got nan"),
        ({"row_lower": [INF]}, "row_lower: a lower bound is a number or -inf, got inf at index 0"),
        ({"col_upper": [1, -INF]}, "col_upper: a upper bound is a number or inf, got -inf"),
        ({"integer": [True]}, "integer: needs 2 booleans"),
        ({"integer": [0, 1]}, "integer: needs 2 booleans, one a column, got .* of int64"),
    ],
)
def test_malformed_programs(changes, message):
    good = {"cost": [1, 2], "matrix": [[1, 2]], "row_lower": [0], "row_upper": [1],
            "col_lower": [0, 0], "col_upper": [1, 1]}  # fmt: skip
    LinearProgram(**good)
    with pytest.raises(InvalidProgram, match=message):
        LinearProgram(**(good | changes))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("method", "simplx", "method has no value 'simplx'; did you mean 'simplex'"),
        ("presolve", True, "presolve has no value True; choose one of choose, off, on"),
        ("time_limit", -1, "time_limit needs seconds >= 0, or None, got -1"),
        ("time_limit", math.nan, "time_limit needs seconds"),
        ("time_limit", "5", "time_limit needs seconds"),
        ("feasibility_tol", 0, "feasibility_tol needs a number in"),
        ("optimality_tol", 1, "optimality_tol needs a number in"),
        ("threads", 0, "threads needs a whole number >= 1, got 0"),
        ("threads", True, "threads needs a whole number >= 1, got True"),
        ("seed", 1.5, "seed needs a whole number"),
        ("mip_gap", -0.1, "mip_gap needs a number >= 0"),
    ],
)
def test_impossible_options(field, value, message):
    with pytest.raises(InvalidOption, match=message):
        SolveOptions(**{field: value})


def test_options_do_not_share_their_native_ones():
    native = {"maxiter": 3}
    options = SolveOptions(native=native)
    native["maxiter"] = 4
    assert options.native["maxiter"] == 3
    with pytest.raises(TypeError):
        options.native["maxiter"] = 5  # type: ignore


@pytest.mark.parametrize(
    ("native", "message"),
    [
        ({"time_limt": 1.0}, r"HiGHS has no option 'time_limt'; did you mean 'time_limit'\?"),
        ({"presolve": "maybe"}, "'presolve' needs a str in its range, got 'maybe'"),
        ({"simplex_iteration_limit": 1.5}, "needs a int in its range, got 1.5"),
        ({"time_limit": True}, "needs a float in its range, got True"),
        ({"time_limit": -1}, "needs a float in its range, got -1"),
    ],
)
def test_misspelt_native_options(native, message):
    with pytest.raises(InvalidOption, match=message):
        HighsBackend().open(TEXTBOOK, SolveOptions(native=native))


def test_scipy_names_its_options():
    with pytest.raises(InvalidOption, match="did you mean 'maxiter'"):
        ScipyBackend().open(TEXTBOOK, SolveOptions(native={"max_iter": 5}))
    with pytest.raises(InvalidOption, match="no method 'pdlp'"):
        ScipyBackend().open(TEXTBOOK, SolveOptions(method="pdlp"))


def test_solution_sees_a_wrong_answer():
    lp = TEXTBOOK
    with HighsBackend().open(lp) as session:
        right = session.solve()
    outside = dataclasses.replace(right, x=np.array([2.0, 6.5]))
    assert outside.primal_residual(lp) == pytest.approx(1)  # 2·6.5 against 12
    worse = dataclasses.replace(right, x=np.array([2.0, 5.0]))
    assert worse.primal_residual(lp) == 0 and worse.gap(lp) == pytest.approx(5)
    assert right.row_duals is not None
    flipped = dataclasses.replace(right, row_duals=-right.row_duals)
    assert flipped.dual_residual(lp) > 1
    assert isinstance(right.x, np.ndarray) and not right.x.flags.writeable


@pytest.mark.parametrize(
    ("y", "d", "residual"),
    [
        ([0, 0, 0, 0], [0, 0, 0], 0),
        ([2, 0, 0, 0], [-2, 0, 0], 2),  # row 0 has no lower bound
        ([-2, 0, 0, 0], [2, 0, 0], 0),
        ([0, -3, 0, 0], [3, 0, 0], 3),  # row 1 has no upper bound
        ([0, 3, 0, 0], [-3, 0, 0], 0),
        ([0, 0, 4, 0], [0, -4, 0], 0),
        ([0, 0, -4, 0], [0, 4, 0], 4),  # column 1 has no lower bound
        ([0, 0, 0, 5], [0, 0, -5], 5),  # column 2 has no upper bound
        ([0, 0, 0, -5], [0, 0, 5], 0),
        ([0, 0, 0, 6], [0, 0, 0], 6),  # d is not cost - Mᵀ y
    ],
)
def test_dual_residual_knows_every_sign(y, d, residual):
    lp = LinearProgram([0, 0, 0], [[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], [-INF, 0, -1, 0],
                       [0, INF, 1, 0], [0, -INF, 0], [1, 0, INF])  # fmt: skip
    y, d = np.array(y, dtype=float), np.array(d, dtype=float)
    claim = Solution(Status.OPTIMAL, None, 0.0, 0.0, np.zeros(3), y, d, 0, 0.0, "by hand")
    assert claim.dual_residual(lp) == residual


def test_a_status_has_no_truth_value():
    for status in Status:
        with pytest.raises(TypeError, match="no truth value"):
            bool(status)


def test_a_basis_checks_itself():
    with pytest.raises(InvalidProgram, match="BasisStatus"):
        Basis(np.array([0, 7]), np.array([0]))


def test_the_contract_loads_no_solver():
    light = "import solvers.backend, solvers.program, solvers.options, solvers.solution, sys; "
    check = "print([m for m in ('highspy', 'scipy.optimize') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", light + check], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
