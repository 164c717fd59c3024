"""`CrossChecked`: a backend that solves everything twice and raises on a contradiction."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from solvers.backend import Backend, Session
from solvers.errors import BackendDisagreement
from solvers.options import SolveOptions
from solvers.solution import Basis, Solution, Status

if TYPE_CHECKING:
    from solvers.program import LinearProgram

# Claims that can both be true of one program.  STOPPED and FAILED claim nothing.
_COMPATIBLE = {
    frozenset({Status.INFEASIBLE, Status.INFEASIBLE_OR_UNBOUNDED}),
    frozenset({Status.UNBOUNDED, Status.INFEASIBLE_OR_UNBOUNDED}),
}
_NO_CLAIM = (Status.STOPPED, Status.FAILED)


class CrossChecked(Backend):
    """The answers of `first`, each compared with those of `second` before it is handed out.

    `SolveOptions.native` goes to `first` alone: its names belong to one backend.

    Examples
    --------
    >>> from solvers.backend import get_backend
    >>> CrossChecked(get_backend("highs"), get_backend("scipy")).name
    'highs checked by scipy'
    """

    def __init__(self, first: Backend, second: Backend):
        self._first = first
        self._second = second

    @property
    def name(self) -> str:
        """Both names."""
        return f"{self._first.name} checked by {self._second.name}"

    def open(
        self, program: LinearProgram, options: SolveOptions | None = None
    ) -> CrossCheckedSession:
        """A session on each of the two."""
        options = options or SolveOptions()
        plain = dataclasses.replace(options, native={})
        sessions = (self._first.open(program, options), self._second.open(program, plain))
        return CrossCheckedSession(sessions, (self._first.name, self._second.name), options)

    def is_available(self) -> bool:
        """Whether both are."""
        return self._first.is_available() and self._second.is_available()


class CrossCheckedSession(Session):
    """Two sessions kept in step; basis and rays are those of the first.

    `solve` raises `BackendDisagreement` when the claims contradict each other.
    """

    def __init__(
        self, sessions: tuple[Session, Session], names: tuple[str, str], options: SolveOptions
    ):
        self._first, self._second = sessions
        self._names = names
        self._options = options

    def solve(self, time_limit: float | None = None) -> Solution:
        """The first backend's solution, if the second does not contradict it."""
        solution = self._first.solve(time_limit)
        other = self._second.solve(time_limit)
        trouble = contradiction(solution, other, self._first.program, self._options)
        if trouble:
            raise BackendDisagreement(
                f"solve(): {self._names[0]} and {self._names[1]} disagree: {trouble}"
            )
        return solution

    def set_cost(self, cost) -> None:
        """Replace all costs, in both."""
        self._first.set_cost(cost)
        self._second.set_cost(cost)

    def set_row(self, i: int, lower: float, upper: float) -> None:
        """Replace the bounds of row i, in both."""
        self._first.set_row(i, lower, upper)
        self._second.set_row(i, lower, upper)

    def set_col(self, j: int, lower: float, upper: float) -> None:
        """Replace the bounds of column j, in both."""
        self._first.set_col(j, lower, upper)
        self._second.set_col(j, lower, upper)

    def set_cols(self, lower, upper) -> None:
        """Replace the bounds of all columns, in both."""
        self._first.set_cols(lower, upper)
        self._second.set_cols(lower, upper)

    def add_rows(self, matrix, lower, upper) -> None:
        """Append rows, to both."""
        self._first.add_rows(matrix, lower, upper)
        self._second.add_rows(matrix, lower, upper)

    def delete_rows(self, start: int, stop: int) -> None:
        """Remove rows start, ..., stop - 1, from both."""
        self._first.delete_rows(start, stop)
        self._second.delete_rows(start, stop)

    def basis(self) -> Basis | None:
        """The first backend's basis."""
        return self._first.basis()

    def set_basis(self, basis: Basis | None) -> None:
        """Start both from `basis`, as far as they can."""
        self._first.set_basis(basis)
        self._second.set_basis(basis)

    def dual_ray(self) -> np.ndarray | None:
        """The first backend's ray."""
        return self._first.dual_ray()

    def primal_ray(self) -> np.ndarray | None:
        """The first backend's ray."""
        return self._first.primal_ray()

    @property
    def num_rows(self) -> int:
        """Number of rows now."""
        return self._first.num_rows

    @property
    def program(self) -> LinearProgram:
        """A snapshot of the program as it stands."""
        return self._first.program

    def close(self) -> None:
        """Close both."""
        self._first.close()
        self._second.close()


def contradiction(
    a: Solution, b: Solution, program: LinearProgram, options: SolveOptions
) -> str | None:
    """How two solutions of one program contradict each other, or None.

    Two optimal values may differ by what the tolerances buy: a bound violated by the feasibility
    tolerance is worth its multiplier, a reduced cost violated by the optimality tolerance is worth
    |x|, and rounding is relative to Σ |cost_j x_j|.
    """
    if a.status in _NO_CLAIM or b.status in _NO_CLAIM:
        return None
    if a.status is not b.status:
        if frozenset({a.status, b.status}) in _COMPATIBLE:
            return None
        return f"{a.status.name} against {b.status.name}"
    if a.status is not Status.OPTIMAL or a.objective is None or b.objective is None:
        return None
    allowed = 10 * max(_worth(a, program, options), _worth(b, program, options))
    if abs(a.objective - b.objective) <= allowed:
        return None
    return f"optimal values {a.objective!r} against {b.objective!r}, allowed {allowed:.1e}"


def _worth(solution: Solution, program: LinearProgram, options: SolveOptions) -> float:
    x = solution.x if solution.x is not None else np.zeros(0)
    size = float(np.abs(program.cost) @ np.abs(x)) if x.size else 0.0
    worth = 1e-12 + 1e-12 * size + options.optimality_tol * float(np.abs(x).sum())
    if solution.row_duals is not None and solution.col_duals is not None:
        prices = np.abs(solution.row_duals).sum() + np.abs(solution.col_duals).sum()
        return worth + options.feasibility_tol * float(prices)
    # Integer programs: no multipliers; 1e-6 is the usual integrality tolerance.
    return worth + 1e-6 * (float(np.abs(program.cost).sum()) + size) + options.mip_gap * size
