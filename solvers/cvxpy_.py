"""Linear programs and nearest points through CVXPY.

Linear programs go to Clarabel, an interior-point method that shares no code with HiGHS; integer
programs go to whatever CVXPY has for them (with this package, HiGHS).  Each solve is cold.
"""

from __future__ import annotations

import ctypes
import importlib.util
import math
import os
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import cvxpy as cp
import numpy as np
import scipy.sparse as sp
from cvxpy.error import SolverError
from numpy.typing import ArrayLike

from solvers.backend import Backend, Session
from solvers.cold import ColdSession, without_answer
from solvers.errors import InvalidOption
from solvers.options import SolveOptions
from solvers.program import LinearProgram, finite_matrix, finite_vector, row_count
from solvers.solution import Limit, Solution, Status, locked
from solvers.working import WorkingProgram

# Every status of CVXPY, one a line.  What is not here is FAILED.  "Inaccurate" claims are none.
# CVXPY has one status for all limits.
STATUSES: dict[str, tuple[Status, Limit | None]] = {
    "optimal": (Status.OPTIMAL, None),
    "optimal_inaccurate": (Status.FAILED, None),
    "infeasible": (Status.INFEASIBLE, None),
    "infeasible_inaccurate": (Status.FAILED, None),
    "unbounded": (Status.UNBOUNDED, None),
    "unbounded_inaccurate": (Status.FAILED, None),
    "infeasible_or_unbounded": (Status.INFEASIBLE_OR_UNBOUNDED, None),
    "user_limit": (Status.STOPPED, Limit.TIME),
    "solver_error": (Status.FAILED, None),
}
_METHODS = ("choose", "interior")
_NORMS = {"l1": 1, "l2": 2, "linf": "inf"}


class CvxpyBackend(Backend):
    """CVXPY with Clarabel for linear programs, HiGHS for integer ones.

    Examples
    --------
    >>> inf = float("inf")
    >>> program = LinearProgram([-1, -1], [[1, 2]], [-inf], [2], [0, 0], [1, 1])
    >>> round(CvxpyBackend().open(program).solve().objective, 6)
    -1.5
    """

    @property
    def name(self) -> str:
        """The name by which users choose it."""
        return "cvxpy"

    def open(self, program: LinearProgram, options: SolveOptions | None = None) -> Session:
        """A cold session on `program`."""
        options = options or SolveOptions()
        if options.method not in _METHODS:
            raise InvalidOption(
                f"cvxpy has no method {options.method!r}; its solver is an interior-point method: "
                f"choose one of {', '.join(_METHODS)}"
            )
        if options.native:
            raise InvalidOption(
                f"cvxpy takes no options of its solvers, got {', '.join(options.native)} "
                "(SolveOptions(native=...))"
            )
        return ColdSession(program, options, _solve)

    def is_available(self) -> bool:
        """Whether CVXPY is installed."""
        return importlib.util.find_spec("cvxpy") is not None


def meaning(status: str | None) -> tuple[Status, Limit | None]:
    """What a status of CVXPY means.

    Examples
    --------
    >>> meaning("user_limit")[0].name, meaning("infeasible_inaccurate")[0].name
    ('STOPPED', 'FAILED')
    """
    return STATUSES.get(status or "", (Status.FAILED, None))


def _solve(working: WorkingProgram, options: SolveOptions, limit: float | None) -> Solution:
    started = time.perf_counter()
    is_mip = working.integer is not None and bool(working.integer.any())
    x, constraints, sides = _model(working)
    problem = cp.Problem(cp.Minimize(working.cost @ x), [c for c in constraints if c is not None])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "may be inaccurate": the status says so too
            if is_mip:
                with _quiet():
                    problem.solve(solver=cp.HIGHS, **_highs_settings(options, limit))
            else:
                problem.solve(solver=cp.CLARABEL, **_clarabel_settings(options, limit))
    except (SolverError, ValueError, TypeError, ArithmeticError) as error:
        seconds = time.perf_counter() - started
        return without_answer(Status.FAILED, f"cvxpy: {error}", seconds)
    seconds = time.perf_counter() - started
    status, stopped_by = meaning(problem.status)
    if status is Status.STOPPED and limit is None:
        stopped_by = Limit.ITERATIONS  # Clarabel's own limit
    value = y = d = objective = None
    bound = math.inf if status is Status.INFEASIBLE else -math.inf
    if status is Status.OPTIMAL:
        if x.value is None or not np.isfinite(x.value).all():
            return without_answer(Status.FAILED, "cvxpy: optimal without a point", seconds)
        value = locked(x.value)
        objective = bound = float(working.cost @ value)
        if not is_mip:
            y = _row_duals(working, constraints, sides)
            d = None if y is None else locked(working.cost - working.matrix().T @ y)
    stats = problem.solver_stats
    iterations = int(getattr(stats, "num_iters", None) or 0)
    return Solution(
        status, stopped_by, objective, bound, value, y, d, iterations, seconds,
        f"cvxpy: {problem.status}",
    )  # fmt: skip


def _model(working: WorkingProgram):
    """x, the constraints (None where there are none), and the rows of the first three."""
    whole = working.integer
    if whole is not None and whole.any():
        count = int(whole.sum())
        parts = [cp.Variable(count, integer=True)]
        if count < len(whole):
            parts.append(cp.Variable(len(whole) - count))
        x = cp.hstack(parts)[np.argsort(np.argsort(~whole, kind="stable"))]
    else:
        x = cp.Variable(working.num_cols)
    matrix = working.matrix()
    equal = working.row_lower == working.row_upper
    sides = (
        np.flatnonzero(np.isfinite(working.row_upper) & ~equal),
        np.flatnonzero(np.isfinite(working.row_lower) & ~equal),
        np.flatnonzero(equal),
    )
    above, below, fixed = sides
    low = np.flatnonzero(np.isfinite(working.col_lower))
    high = np.flatnonzero(np.isfinite(working.col_upper))
    constraints = [
        matrix[above] @ x <= working.row_upper[above] if len(above) else None,
        matrix[below] @ x >= working.row_lower[below] if len(below) else None,
        matrix[fixed] @ x == working.row_lower[fixed] if len(fixed) else None,
        x[low] >= working.col_lower[low] if len(low) else None,
        x[high] <= working.col_upper[high] if len(high) else None,
    ]
    return x, constraints, sides


def _row_duals(working: WorkingProgram, constraints, sides) -> np.ndarray | None:
    # CVXPY's multipliers of <= and >= are not negative, those of == belong to + ν (M x - b).
    y = np.zeros(working.num_rows)
    for constraint, rows, sign in zip(constraints, sides, (-1.0, 1.0, -1.0), strict=False):
        if constraint is not None:
            if constraint.dual_value is None:
                return None
            y[rows] += sign * np.asarray(constraint.dual_value).reshape(-1)
    return locked(y) if np.isfinite(y).all() else None


def _clarabel_settings(options: SolveOptions, limit: float | None) -> dict[str, object]:
    settings: dict[str, object] = {"tol_feas": min(options.feasibility_tol, 1e-8)}
    if limit is not None:
        settings["time_limit"] = float(limit)
    return settings


@contextmanager
def _quiet() -> Iterator[None]:
    """Nothing reaches file descriptor 1.

    highspy.Highs, as CVXPY starts it, writes a banner there once, whatever its options say.
    """
    try:
        saved = os.dup(1)
    except OSError:  # there is no standard output
        yield
        return
    null = os.open(os.devnull, os.O_WRONLY)
    if sys.stdout is not None:
        sys.stdout.flush()
    os.dup2(null, 1)
    try:
        yield
    finally:
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).fflush(None)  # what C has not written yet
        os.dup2(saved, 1)
        os.close(saved)
        os.close(null)


def _highs_settings(options: SolveOptions, limit: float | None) -> dict[str, object]:
    settings: dict[str, object] = {
        "mip_rel_gap": options.mip_gap,
        "mip_abs_gap": 0.0,
        "primal_feasibility_tolerance": options.feasibility_tol,
        "random_seed": options.seed,
        "threads": options.threads,
    }
    if options.presolve != "choose":
        settings["presolve"] = options.presolve
    if limit is not None:
        settings["time_limit"] = float(limit)
    return settings


def nearest_point(
    A: ArrayLike | sp.sparray,
    b: ArrayLike,
    centre: ArrayLike,
    norm: str = "l2",
    time_limit: float | None = None,
) -> np.ndarray | None:
    """The point of {x : A x <= b} nearest to `centre`, as a solver proposes it, or None.

    min ‖x - centre‖ subject to A x <= b, in the norm "l1", "l2" or "linf": a convex program; for l2
    the square is minimised.  Like every answer of a float solver it is a proposal: the point may
    violate a row a little, and None is no proof that the set is empty.

    Parameters
    ----------
    A, b
        (rows, dim), dense or sparse, and (rows,).
    centre
        (dim,)
    norm
        "l1", "l2" or "linf".
    time_limit
        Seconds; None is no limit.

    Raises
    ------
    InvalidOption
        For another norm.
    InvalidProgram
        For shapes that do not fit, NaN or infinities.

    Examples
    --------
    >>> nearest_point([[-1.0, -1.0]], [-2.0], [0.0, 0.0]).round(6).tolist()
    [1.0, 1.0]
    """
    if norm not in _NORMS:
        raise InvalidOption(f"nearest_point(): no norm {norm!r}; choose one of {', '.join(_NORMS)}")
    target = finite_vector("centre", centre)
    matrix = finite_matrix("A", A, len(target))
    limits = finite_vector("b", b, row_count(matrix))
    if not len(target):
        return target
    x = cp.Variable(len(target))
    distance = cp.sum_squares(x - target) if norm == "l2" else cp.norm(x - target, _NORMS[norm])
    rows: Any = [matrix @ x <= limits] if len(limits) else []
    problem = cp.Problem(cp.Minimize(distance), rows)
    settings = _clarabel_settings(SolveOptions(), time_limit)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            problem.solve(solver=cp.CLARABEL, **settings)
    except (SolverError, ArithmeticError):
        return None
    if meaning(problem.status)[0] is not Status.OPTIMAL or x.value is None:
        return None
    return locked(x.value) if np.isfinite(x.value).all() else None
