"""scipy.optimize as a second backend: every solve is cold, the program is built anew.

scipy brings its own copy of HiGHS, usually of another version, and another way into it.
"""

from __future__ import annotations

import importlib.util
import math
import time
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.optimize import Bounds, LinearConstraint, OptimizeResult, linprog, milp

from solvers.backend import Backend, Session
from solvers.cold import ColdSession
from solvers.errors import InvalidOption, did_you_mean
from solvers.options import SolveOptions
from solvers.program import LinearProgram
from solvers.solution import Limit, Solution, Status, locked
from solvers.working import WorkingProgram

# linprog's "primal" simplex does not exist; HiGHS behind it is asked for the dual.
_METHODS = {
    "choose": "highs",
    "simplex": "highs-ds",
    "primal": "highs-ds",
    "dual": "highs-ds",
    "interior": "highs-ipm",
}
_NATIVE = {
    False: {"maxiter", "simplex_dual_edge_weight_strategy", "ipm_optimality_tolerance"},
    True: {"node_limit"},
}


class ScipyBackend(Backend):
    """`scipy.optimize.linprog` and, with integer columns, `scipy.optimize.milp`.

    Examples
    --------
    >>> inf = float("inf")
    >>> program = LinearProgram([-1, -1], [[1, 2]], [-inf], [2], [0, 0], [1, 1])
    >>> ScipyBackend().open(program).solve().objective
    -1.5
    """

    @property
    def name(self) -> str:
        """The name by which users choose it."""
        return "scipy"

    def open(self, program: LinearProgram, options: SolveOptions | None = None) -> Session:
        """A cold session on `program`."""
        options = options or SolveOptions()
        _check_options(options, program.has_integers)
        return ColdSession(program, options, _solve)

    def is_available(self) -> bool:
        """Whether scipy is installed."""
        return importlib.util.find_spec("scipy") is not None


def _check_options(options: SolveOptions, is_mip: bool) -> None:
    if options.method not in _METHODS:
        raise InvalidOption(
            f"scipy has no method {options.method!r}; choose one of {', '.join(_METHODS)}"
        )
    known = _NATIVE[is_mip]
    for name in options.native:
        if name not in known:
            hint = did_you_mean(name, known)
            raise InvalidOption(
                f"scipy has no option {name!r} here; {hint} (SolveOptions(native=...))"
            )


def _solve(working: WorkingProgram, options: SolveOptions, limit: float | None) -> Solution:
    started = time.perf_counter()
    settings: dict[str, object] = {"presolve": options.presolve != "off"}
    if limit is not None:
        settings["time_limit"] = float(limit)
    settings |= dict(options.native)
    if working.integer is not None and working.integer.any():
        result = _milp(working, options, settings)
        status, stopped_by, x, objective, bound = _claim(working, result)
        if x is not None:
            objective = float(working.cost @ x)
        if result.get("mip_dual_bound") is not None:
            bound = float(result.mip_dual_bound)
        y = d = None
    else:
        result, split = _linprog(working, options, settings)
        status, stopped_by, x, objective, bound = _claim(working, result)
        y = d = None
        if status is Status.OPTIMAL:
            objective, bound = float(working.cost @ result.x), float(result.fun)
            y, d = _multipliers(working, result, *split)
        else:
            x = None  # linprog does not say whether this point is feasible
    seconds = time.perf_counter() - started
    iterations = int(result.get("nit") or 0)
    return Solution(
        status, stopped_by, objective, bound, x, y, d, iterations, seconds,
        f"scipy: {result.message}",
    )  # fmt: skip


def _linprog(
    working: WorkingProgram, options: SolveOptions, settings: dict[str, object]
) -> tuple[OptimizeResult, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Its result, and which rows are bounded above, below, and fixed."""
    matrix = working.matrix()
    equal = working.row_lower == working.row_upper
    upper = np.isfinite(working.row_upper) & ~equal
    lower = np.isfinite(working.row_lower) & ~equal
    stack = np.concatenate if isinstance(matrix, np.ndarray) else sp.vstack
    result = linprog(
        working.cost,
        A_ub=stack((matrix[upper], -matrix[lower])),
        b_ub=np.concatenate((working.row_upper[upper], -working.row_lower[lower])),
        A_eq=matrix[equal],
        b_eq=working.row_lower[equal],
        bounds=np.column_stack((working.col_lower, working.col_upper)),
        method=_METHODS[options.method],
        options=settings
        | {
            "primal_feasibility_tolerance": options.feasibility_tol,
            "dual_feasibility_tolerance": options.optimality_tol,
        },
    )
    return result, (upper, lower, equal)


def _milp(
    working: WorkingProgram, options: SolveOptions, settings: dict[str, object]
) -> OptimizeResult:
    program: Any = working  # the stubs of scipy.optimize know no arrays of bounds
    rows = LinearConstraint(program.matrix(), program.row_lower, program.row_upper)
    return milp(
        program.cost,
        integrality=np.asarray(program.integer, dtype=int),
        bounds=Bounds(program.col_lower, program.col_upper),
        constraints=rows if working.num_rows else None,
        options=settings | {"mip_rel_gap": options.mip_gap},
    )


def _claim(
    working: WorkingProgram, result: OptimizeResult
) -> tuple[Status, Limit | None, np.ndarray | None, float | None, float]:
    """(status, limit, x, objective, bound) before anything is known of multipliers."""
    status, stopped_by = meaning(result)
    told = result.x is not None and status in (Status.OPTIMAL, Status.STOPPED)
    bound = math.inf if status is Status.INFEASIBLE else -math.inf
    return status, stopped_by, locked(result.x) if told else None, None, bound


def _multipliers(
    working: WorkingProgram,
    result: OptimizeResult,
    upper: np.ndarray,
    lower: np.ndarray,
    equal: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    # scipy's marginals are derivatives by the right-hand side, and M x >= L is -M x <= -L.
    y = np.zeros(working.num_rows)
    count = int(upper.sum())
    y[upper] += result.ineqlin.marginals[:count]
    y[lower] -= result.ineqlin.marginals[count:]
    y[equal] = result.eqlin.marginals
    return locked(y), locked(result.lower.marginals + result.upper.marginals)


def meaning(result: OptimizeResult) -> tuple[Status, Limit | None]:
    """What a scipy result means.  Its status 2 is "infeasible" *and* "model error": read the text.

    Examples
    --------
    >>> meaning(OptimizeResult(status=2, message="(HiGHS Status 2: Model error)"))[0].name
    'FAILED'
    """
    text = result.message.lower()
    if result.status == 0:
        return Status.OPTIMAL, None
    if result.status == 1:
        for word, limit in (("time", Limit.TIME), ("iteration", Limit.ITERATIONS)):
            if f"{word} limit" in text:
                return Status.STOPPED, limit
        return Status.STOPPED, Limit.SOLUTIONS
    if result.status == 2 and "infeasible" in text:
        return Status.INFEASIBLE, None
    if result.status == 3 and "unbounded" in text:
        return Status.UNBOUNDED, None
    if result.status == 4 and "unbounded" in text and "infeasible" in text:
        return Status.INFEASIBLE_OR_UNBOUNDED, None
    return Status.FAILED, None
