"""A warm linear program that minimises a row of a body over some others; it only proposes."""

from __future__ import annotations

import numpy as np

from regions.geometry.centred import Centred
from solvers.backend import Backend, Session
from solvers.errors import BackendDisagreement, SolversError
from solvers.float_rows import FloatRows, lower_bound
from solvers.options import SolveOptions
from solvers.program import LinearProgram
from solvers.solution import Status

SHRINK = (0.0, 1e-12, 1e-9, 1e-6, 1e-3)  # shares by which a point is moved to the centre
WILD = 1e14  # limits beyond this mean nothing to a float solver


class RowProgram:
    """min a_i·v + s_i over the added rows, the bounds of the body, and a_i·v + s_i >= -1.

    The last row is the minimised one's own, relaxed: so the program is bounded.  If the minimised
    row is a bound of the body, that bound is relaxed.
    """

    def __init__(self, centred: Centred, backend: Backend) -> None:
        self._centred, self._backend = centred, backend
        self._dim = centred.body.dim
        self._rows: list[int] = []  # added, no bounds
        self._session: Session | None = None
        self.solves = 0

    def close(self) -> None:
        """End the session."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def add(self, index: int) -> None:
        """Add a row of the body; bounds are there from the beginning."""
        if index >= self._centred.num_bounds:
            self._rows.append(index)
            self.close_row(index)

    def close_row(self, index: int) -> None:
        """Put an added row into the open session."""
        if self._session is not None:
            goal = self._centred.goal(index)
            try:
                self._session.add_rows(goal.a, -goal.c, np.array([np.inf]))
            except SolversError:
                self.close()

    def _columns(self) -> tuple[np.ndarray, np.ndarray]:
        low, high = self._centred.low.copy(), self._centred.high.copy()
        low[low < -WILD], high[high > WILD] = -np.inf, np.inf
        return low, high

    def _opened(self) -> Session:
        if self._session is None:
            low, high = self._columns()
            taken = np.array(self._rows, dtype=np.int64) - self._centred.num_bounds
            rows = self._centred.rows.take(taken)
            program = LinearProgram(
                np.zeros(self._dim), rows.a, -rows.c, np.full(len(rows.c), np.inf), low, high
            )
            options = SolveOptions(presolve="off", feasibility_tol=1e-9, optimality_tol=1e-9)
            self._session = self._backend.open(program, options)
        return self._session

    def least(
        self, index: int, time_limit: float | None
    ) -> tuple[np.ndarray | None, np.ndarray | None] | None:
        """(point where the row is negative, multipliers of the added rows), as proposed."""
        goal = self._centred.goal(index)
        is_bound = index < self._centred.num_bounds
        try:
            session = self._opened()
            session.set_cost(goal.a[0])
            if is_bound:
                low, high = self._columns()
                j, sign, _ = self._centred.body.bounds[index]
                end = (high if sign > 0 else low)[j]
                wider = end + sign * max(1.0, abs(end) / 2)
                session.set_col(j, low[j] if sign > 0 else wider, wider if sign > 0 else high[j])
            else:
                session.add_rows(goal.a, -goal.c - max(1.0, goal.c[0] / 2), np.array([np.inf]))
            self.solves += 1
            solution = session.solve(time_limit)
            if is_bound:
                session.set_col(j, low[j], high[j])
            else:
                session.delete_rows(session.num_rows - 1, session.num_rows)
        except BackendDisagreement:
            raise
        except SolversError:
            self.close()
            return None
        if solution.status is not Status.OPTIMAL or solution.x is None:
            return None
        x, y = np.array(solution.x), solution.row_duals
        value = float(goal.a[0] @ x + goal.c[0])
        point = x if value < 0 and np.isfinite(x).all() else None
        weights = None if y is None else np.array(y[: len(self._rows)])
        return point, weights

    def extreme(self, goal: FloatRows, time_limit: float | None) -> tuple[float, float]:
        """Bounds of max -goal over the body, over v; goal is a form without constant.

        A feasible point gives the lower one, multipliers the upper one; 0 and infinity where the
        solver fails.
        """
        try:
            session = self._opened()
            session.set_cost(goal.a[0])
            self.solves += 1
            solution = session.solve(time_limit)
        except BackendDisagreement:
            raise
        except SolversError:
            self.close()
            return 0.0, np.inf
        inside, outside = 0.0, np.inf
        if solution.x is not None and np.isfinite(solution.x).all():
            inside = self._attained(goal, np.array(solution.x))
        if solution.row_duals is not None:
            rows, low, high = self.premises(None)
            outside = max(inside, -lower_bound(goal, rows, solution.row_duals, low, high))
        return inside, outside

    def _attained(self, goal: FloatRows, v: np.ndarray) -> float:
        """What -goal certainly reaches on the way from the centre to v."""
        for shrink in SHRINK:
            point = (v * (1 - shrink))[None, :]
            values, errors = self._centred.values(point)
            if (values[0] >= errors[0]).all():
                value, error = goal.at(point)
                return max(0.0, -float(value[0, 0]) - float(error[0, 0]))
        return 0.0

    def premises(self, index: int | None) -> tuple[FloatRows, np.ndarray, np.ndarray]:
        """The added rows and the bounds that multipliers may use: all but the row itself."""
        low, high = self._centred.low.copy(), self._centred.high.copy()
        if index is not None and index < self._centred.num_bounds:
            j, sign, _ = self._centred.body.bounds[index]
            (high if sign > 0 else low)[j] = sign * np.inf
        taken = np.array(self._rows, dtype=np.int64) - self._centred.num_bounds
        return self._centred.rows.take(taken), low, high
