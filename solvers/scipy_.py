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
from solvers.errors import InvalidOption, did_you_mean
from solvers.options import SolveOptions
from solvers.program import LinearProgram
from solvers.solution import Basis, Limit, Solution, Status, locked
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
    """`scipy.optimize.linprog` and, with integer columns, `scipy.optimize.milp`."""

    @property
    def name(self) -> str:
        """The name by which users choose it."""
        return "scipy"

    def open(self, program: LinearProgram, options: SolveOptions | None = None) -> ScipySession:
        """A cold session on `program`."""
        return ScipySession(program, options or SolveOptions())

    def is_available(self) -> bool:
        """Whether scipy is installed."""
        return importlib.util.find_spec("scipy") is not None


class ScipySession(Session):
    """A program under change; each solve starts from nothing.

    There is no basis to read and no ray; `set_basis` has no effect.

    Examples
    --------
    >>> inf = float("inf")
    >>> program = LinearProgram([-1, -1], [[1, 2]], [-inf], [2], [0, 0], [1, 1])
    >>> ScipyBackend().open(program).solve().objective
    -1.5
    """

    def __init__(self, program: LinearProgram, options: SolveOptions):
        if options.method not in _METHODS:
            raise InvalidOption(
                f"scipy has no method {options.method!r}; choose one of {', '.join(_METHODS)}"
            )
        known = _NATIVE[program.has_integers]
        for name in options.native:
            if name not in known:
                hint = did_you_mean(name, known)
                raise InvalidOption(
                    f"scipy has no option {name!r} here; {hint} (SolveOptions(native=...))"
                )
        self._working = WorkingProgram(program)
        self._options = options
        self._is_mip = program.has_integers

    def solve(self, time_limit: float | None = None) -> Solution:
        """Solve from scratch."""
        working = self._working
        if not working.num_cols:
            return working.solve_without_columns()
        if working.contradicts_itself():
            return _without_answer(Status.INFEASIBLE, math.inf, "a lower bound above its upper")
        started = time.perf_counter()
        limit = self._options.time_limit if time_limit is None else time_limit
        result = self._milp(limit) if self._is_mip else self._linprog(limit)
        seconds = time.perf_counter() - started
        return result if isinstance(result, Solution) else self._read(result, seconds)

    def _settings(self, limit: float | None) -> dict[str, object]:
        settings: dict[str, object] = {"presolve": self._options.presolve != "off"}
        if limit is not None:
            settings["time_limit"] = float(limit)
        return settings | dict(self._options.native)

    def _linprog(self, limit: float | None) -> OptimizeResult:
        working, options = self._working, self._options
        matrix = working.matrix()
        equal = working.row_lower == working.row_upper
        self._upper = np.isfinite(working.row_upper) & ~equal
        self._lower = np.isfinite(working.row_lower) & ~equal
        self._equal = equal
        stack = np.concatenate if isinstance(matrix, np.ndarray) else sp.vstack
        above, below = matrix[self._upper], matrix[self._lower]
        return linprog(
            working.cost,
            A_ub=stack((above, -below)),
            b_ub=np.concatenate((working.row_upper[self._upper], -working.row_lower[self._lower])),
            A_eq=matrix[equal],
            b_eq=working.row_lower[equal],
            bounds=np.column_stack((working.col_lower, working.col_upper)),
            method=_METHODS[options.method],
            options=self._settings(limit)
            | {
                "primal_feasibility_tolerance": options.feasibility_tol,
                "dual_feasibility_tolerance": options.optimality_tol,
            },
        )

    def _milp(self, limit: float | None) -> OptimizeResult:
        working: Any = self._working  # the stubs of scipy.optimize know no arrays of bounds
        rows = LinearConstraint(working.matrix(), working.row_lower, working.row_upper)
        return milp(
            working.cost,
            integrality=np.asarray(working.integer, dtype=int),
            bounds=Bounds(working.col_lower, working.col_upper),
            constraints=rows if working.num_rows else None,
            options=self._settings(limit) | {"mip_rel_gap": self._options.mip_gap},
        )

    def _read(self, result: OptimizeResult, seconds: float) -> Solution:
        status, limit = meaning(result)
        x = y = d = None
        objective, bound = None, math.inf if status is Status.INFEASIBLE else -math.inf
        if result.x is not None and status in (Status.OPTIMAL, Status.STOPPED):
            x = locked(result.x)
            if status is Status.OPTIMAL or self._is_mip:
                objective = float(self._working.cost @ x)
            else:
                x = None  # linprog does not say whether this point is feasible
        if status is Status.OPTIMAL and not self._is_mip:
            bound = float(result.fun)
            y, d = self._multipliers(result)
        elif self._is_mip and result.get("mip_dual_bound") is not None:
            bound = float(result.mip_dual_bound)
        iterations = int(result.get("nit") or 0)
        return Solution(
            status, limit, objective, bound, x, y, d, iterations, seconds,
            f"scipy: {result.message}",
        )  # fmt: skip

    def _multipliers(self, result: OptimizeResult) -> tuple[np.ndarray, np.ndarray]:
        # scipy's marginals are derivatives by the right-hand side, and M x >= L is -M x <= -L.
        y = np.zeros(self._working.num_rows)
        count = int(self._upper.sum())
        y[self._upper] += result.ineqlin.marginals[:count]
        y[self._lower] -= result.ineqlin.marginals[count:]
        y[self._equal] = result.eqlin.marginals
        return locked(y), locked(result.lower.marginals + result.upper.marginals)

    def set_cost(self, cost) -> None:
        """Replace all costs."""
        self._working.cost[:] = self._working.checked_cost(cost)

    def set_row(self, i: int, lower: float, upper: float) -> None:
        """Replace the bounds of row i."""
        self._working.check_row(i, lower, upper)
        self._working.row_lower[i], self._working.row_upper[i] = lower, upper

    def set_col(self, j: int, lower: float, upper: float) -> None:
        """Replace the bounds of column j."""
        self._working.check_col(j, lower, upper)
        self._working.col_lower[j], self._working.col_upper[j] = lower, upper

    def set_cols(self, lower, upper) -> None:
        """Replace the bounds of all columns."""
        self._working.col_lower, self._working.col_upper = self._working.checked_cols(lower, upper)

    def add_rows(self, matrix, lower, upper) -> None:
        """Append rows."""
        self._working.append(*self._working.checked_rows(matrix, lower, upper))

    def delete_rows(self, start: int, stop: int) -> None:
        """Remove rows start, ..., stop - 1."""
        self._working.check_span(start, stop)
        self._working.delete(start, stop)

    def basis(self) -> Basis | None:
        """Nothing: scipy does not tell its basis."""
        return None

    def set_basis(self, basis: Basis | None) -> None:
        """No effect: scipy always starts cold."""

    def dual_ray(self) -> np.ndarray | None:
        """Nothing: scipy has no rays."""
        return None

    def primal_ray(self) -> np.ndarray | None:
        """Nothing: scipy has no rays."""
        return None

    @property
    def num_rows(self) -> int:
        """Number of rows now."""
        return self._working.num_rows

    @property
    def program(self) -> LinearProgram:
        """A snapshot of the program as it stands."""
        return self._working.snapshot()

    def close(self) -> None:
        """Nothing is held between solves."""


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


def _without_answer(status: Status, bound: float, message: str) -> Solution:
    return Solution(status, None, None, bound, None, None, None, 0, 0.0, message)
