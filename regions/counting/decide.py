"""Does a unit cut a cell?  Floats propose, exact arithmetic disposes.

For a unit whose pre-activation f is positive (after a sign change) at a known interior point of the
cell C, the question is whether f < 0 somewhere in C.  A linear program proposes an answer; it
counts only as

- a point strictly inside C with f < 0, checked outside rounding errors or in rationals; or
- multipliers that prove f >= 0 on C: a rigorous float bound, else the exact multipliers of the
  proposed basis;

and where both fail, a simplex method in rationals decides.  f >= 0 on C excludes the other bit for
every region, since f is not identically zero.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from flint import fmpq

from regions.counting.forms import Halfspaces
from regions.counting.points import ExactForm, ExactPoint, negated
from regions.frame import Frame
from solvers.exact_simplex import Below, Minimum, Row, minimise
from solvers.float_rows import FloatRows, lower_bound
from solvers.rational import dot, floats, rational, sign, solve
from solvers.solution import Basis, BasisStatus


class Proof(enum.Enum):
    """What showed that a unit does not cut a cell."""

    INTERVAL = "interval bound"
    FLOAT = "rigorous float bound"
    BASIS = "exact multipliers of a basis"
    SIMPLEX = "exact simplex"


@dataclass(frozen=True, eq=False)
class Goal:
    """A form, signed so that it is positive at the known interior point."""

    floats: FloatRows
    exact: Callable[[], ExactForm]


@dataclass(frozen=True, eq=False)
class Judge:
    """Checks proposals inside one domain.

    `low`, `high` are the frame's bounds rounded outwards; a double lies strictly between them
    exactly if it lies strictly between the true bounds.
    """

    frame: Frame
    low: np.ndarray
    high: np.ndarray

    @staticmethod
    def of(frame: Frame) -> Judge:
        """The judge of a frame."""
        return Judge(frame, *frame.box())

    # -- interior points -------------------------------------------------------------------

    def is_inside(self, cell: Halfspaces, x: np.ndarray) -> bool:
        """Whether the double point x lies strictly inside the cell, decided exactly."""
        if not (np.all(x > self.low) and np.all(x < self.high)):
            return False
        with np.errstate(invalid="ignore", over="ignore"):
            values, errors = cell.floats.at(x[None, :])
            values, errors = values[0], errors[0]
            if (values < -errors).any():
                return False
            unsure = np.flatnonzero(~(values > errors))
        if not len(unsure):
            return True
        point = [rational(value) for value in x.tolist()]
        return all(_value(cell.exact(int(i)), point) > 0 for i in unsure)

    def is_negative(self, goal: Goal, x: np.ndarray) -> bool:
        """Whether the goal is negative at the double point x, decided exactly."""
        with np.errstate(invalid="ignore", over="ignore"):
            value, error = goal.floats.at(x[None, :])
        if abs(value[0, 0]) > error[0, 0]:
            return bool(value[0, 0] < 0)
        return _value(goal.exact(), [rational(v) for v in x.tolist()]) < 0

    def is_witness(self, cell: Halfspaces, goal: Goal, x: np.ndarray) -> bool:
        """Whether the double point x lies strictly inside the cell with goal < 0."""
        return self.is_negative(goal, x) and self.is_inside(cell, x)

    def towards(
        self, cell: Halfspaces, goal: Goal, vertex: np.ndarray, anchor: np.ndarray
    ) -> np.ndarray | None:
        """A double point strictly inside the cell with goal < 0, between vertex and anchor."""
        ends = np.stack([vertex, anchor])
        below, above = goal.floats.at(ends)[0][:, 0]
        if not (np.isfinite([*ends.ravel(), below, above]).all() and below < 0 <= above):
            return None
        ratio = below / (below - above)  # the goal vanishes at vertex + ratio (anchor - vertex)
        inner = np.nextafter(self.low, np.inf), np.nextafter(self.high, -np.inf)
        for share in (ratio / 2, ratio / 16):  # far from the sides, so that points stay central
            x = np.clip(vertex + share * (anchor - vertex), *inner)
            if self.is_witness(cell, goal, x):
                return x
        return None

    # -- multipliers -----------------------------------------------------------------------

    def float_proof(self, cell: Halfspaces, goal: Goal, multipliers: np.ndarray) -> bool:
        """Whether float multipliers of the cell's rows prove goal >= 0, rounding included."""
        with np.errstate(invalid="ignore", over="ignore"):
            bound = lower_bound(goal.floats, cell.floats, multipliers, self.low, self.high)
        return bound >= 0

    def basis_proof(self, cell: Halfspaces, goal: Goal, basis: Basis) -> bool:
        """Whether the exact multipliers of a simplex basis prove goal >= 0.

        goal = Σ λ_i row_i + Σ_j r_j x_j + k with λ from the non-basic rows; proved if λ >= 0 and
        the least value of the rest over the bounds is >= 0.
        """
        tight = np.flatnonzero(basis.row_status != BasisStatus.BASIC).tolist()
        inner = np.flatnonzero(basis.col_status == BasisStatus.BASIC).tolist()
        if len(tight) != len(inner):
            return False
        rows = [cell.exact(i) for i in tight]
        coefficients, constant = goal.exact()
        weights = solve(
            [[row[j] for row, _ in rows] for j in inner], [coefficients[j] for j in inner]
        )
        if weights is None or any(weight < 0 for weight in weights):
            return False
        rest = list(coefficients)
        for weight, (row, offset) in zip(weights, rows, strict=True):
            if weight:
                rest = [r - weight * a if a else r for r, a in zip(rest, row, strict=True)]
                constant -= weight * offset
        for j, slope in enumerate(rest):
            if slope:
                bound = self.frame.lower[j] if slope > 0 else self.frame.upper[j]
                if bound is None:
                    return False
                constant += slope * bound
        return constant >= 0

    # -- the arbiter -----------------------------------------------------------------------

    def settle(
        self,
        cell: Halfspaces,
        goal: Goal,
        anchor: ExactPoint,
        stop: Callable[[], bool] | None,
    ) -> np.ndarray | ExactPoint | None:
        """A point strictly inside the cell with goal < 0, or None: there is none.

        Raises
        ------
        solvers.exact_simplex.Stopped
            When `stop` returned true first.
        """
        coefficients, constant = goal.exact()
        here = dot(coefficients, anchor) + constant
        rows, slacks = self._exact_rows(cell, anchor)
        result = minimise(coefficients, rows, slacks, below=-here, stop=stop)
        if isinstance(result, Minimum):
            return None
        step = result.point
        if not isinstance(result, Below):
            slope = dot(coefficients, result.ray)
            reach = (here + dot(coefficients, step) + 1) / -slope
            reach = max(reach, fmpq(1))
            step = tuple(y + reach * r for y, r in zip(step, result.ray, strict=True))
        change = dot(coefficients, step)  # here + change < 0 <= here
        share = (1 + here / -change) / 2  # between the zero of the goal and the far end
        point = tuple(w + share * y for w, y in zip(anchor, step, strict=True))
        return self.simplest(cell, goal, point)

    def simplest(self, cell: Halfspaces, goal: Goal, point: ExactPoint) -> np.ndarray | ExactPoint:
        """The point rounded to doubles where that stays on its side and inside, else itself."""
        x = floats(np.array(point, dtype=object))
        if np.isfinite(x).all() and self.is_witness(cell, goal, x):
            return x
        return point

    def nudge(
        self, cell: Halfspaces, goal: Goal, anchor: ExactPoint
    ) -> tuple[np.ndarray | ExactPoint, np.ndarray | ExactPoint]:
        """Two interior points on either side of a goal that vanishes at the interior anchor."""
        coefficients, _ = goal.exact()
        rows, slacks = self._exact_rows(cell, anchor)
        rates = [
            (slack, sum((a * coefficients[j] for j, a in row.items()), fmpq(0)))
            for row, slack in zip(rows, slacks, strict=True)
        ]
        step = min((slack / abs(rate) for slack, rate in rates if rate), default=fmpq(2)) / 2
        up = tuple(w + step * a for w, a in zip(anchor, coefficients, strict=True))
        down = tuple(w - step * a for w, a in zip(anchor, coefficients, strict=True))
        opposite = Goal(goal.floats.signed(np.array([-1.0])), lambda: negated(goal.exact()))
        return self.simplest(cell, goal, down), self.simplest(cell, opposite, up)

    def _exact_rows(self, cell: Halfspaces, anchor: ExactPoint) -> tuple[list[Row], list[fmpq]]:
        """All rows and bounds of the cell as sparse rows, and their slacks at the anchor."""
        rows: list[Row] = []
        slacks: list[fmpq] = []
        for index in range(len(cell)):
            row, constant = cell.exact(index)
            rows.append({j: a for j, a in enumerate(row) if a})
            slacks.append(dot(row, anchor) + constant)
        for j, (low, high) in enumerate(zip(self.frame.lower, self.frame.upper, strict=True)):
            if low is not None:
                rows.append({j: fmpq(1)})
                slacks.append(anchor[j] - low)
            if high is not None:
                rows.append({j: fmpq(-1)})
                slacks.append(high - anchor[j])
        return rows, slacks


def _value(form: ExactForm, point: list[fmpq]) -> int:
    coefficients, constant = form
    return sign(dot(coefficients, point) + constant)
