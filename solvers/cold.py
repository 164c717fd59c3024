"""`ColdSession`: a session for backends that solve every program from nothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from solvers.backend import Session
from solvers.options import SolveOptions
from solvers.program import LinearProgram
from solvers.solution import Basis, Limit, Solution, Status
from solvers.working import WorkingProgram

Solve = Callable[[WorkingProgram, SolveOptions, float | None], Solution]


class ColdSession(Session):
    """A program under change, and a function that solves it as it stands.

    The function gets the program, the options, and the seconds that it may take (None: no limit).
    It is not asked about programs without columns, or in which a lower bound exceeds its upper
    bound.  There is no basis to read and no ray; `set_basis` has no effect.

    Examples
    --------
    >>> program = LinearProgram([1], [[1]], [0], [1], [3], [2])  # 3 <= x <= 2
    >>> session = ColdSession(program, SolveOptions(), lambda working, options, limit: None)
    >>> session.solve().status.name
    'INFEASIBLE'
    """

    def __init__(self, program: LinearProgram, options: SolveOptions, solve: Solve):
        self._working = WorkingProgram(program)
        self._options = options
        self._solve = solve

    def solve(self, time_limit: float | None = None) -> Solution:
        """Solve from scratch."""
        working = self._working
        if not working.num_cols:
            return working.solve_without_columns()
        if working.contradicts_itself():
            why = "decided without a backend: a lower bound above its upper bound"
            return without_answer(Status.INFEASIBLE, why)
        interrupt = self._options.interrupt
        if interrupt is not None and interrupt():
            why = "interrupted before it began"
            return Solution(
                Status.STOPPED, Limit.INTERRUPT, None, -np.inf, None, None, None, 0, 0.0, why
            )
        limit = self._options.time_limit if time_limit is None else time_limit
        return self._solve(working, self._options, limit)

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
        """Nothing: a cold backend does not tell its basis."""
        return None

    def set_basis(self, basis: Basis | None) -> None:
        """No effect: every solve starts cold."""

    def dual_ray(self) -> np.ndarray | None:
        """Nothing: no rays are kept."""
        return None

    def primal_ray(self) -> np.ndarray | None:
        """Nothing: no rays are kept."""
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


def without_answer(status: Status, message: str, seconds: float = 0.0) -> Solution:
    """A solution of this status with no point and no multipliers; not for STOPPED."""
    bound = np.inf if status is Status.INFEASIBLE else -np.inf
    return Solution(status, None, None, bound, None, None, None, 0, seconds, message)
