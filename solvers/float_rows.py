"""`FloatRows`: affine forms in float64 whose coefficients carry error bounds.

Everything that a float says here is outside its rounding error: bounds use γ_k = k u / (1 - k u),
the relative error of k chained roundings in any order.

Source: N. J. Higham, Accuracy and Stability of Numerical Algorithms (2002), chapter 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

UNIT_ROUNDOFF = 2.0**-53
TINY = 1e-290  # far above the sum of all underflow errors, far below any weight that matters


@dataclass(frozen=True, eq=False)
class FloatRows:
    """Affine forms a·x + c with error bounds: |true a - a| <= a_error, |true c - c| <= c_error.

    `a`, `a_error` have shape (rows, inputs); `c`, `c_error` shape (rows,).
    """

    a: np.ndarray
    c: np.ndarray
    a_error: np.ndarray
    c_error: np.ndarray

    @staticmethod
    def stacked(parts: Sequence[FloatRows], dim: int) -> FloatRows:
        """All rows of all parts, in order."""
        empty = FloatRows(np.zeros((0, dim)), np.zeros(0), np.zeros((0, dim)), np.zeros(0))
        fields = ("a", "c", "a_error", "c_error")
        every = (empty, *parts)
        return FloatRows(*(np.concatenate([getattr(p, name) for p in every]) for name in fields))

    def take(self, index: np.ndarray) -> FloatRows:
        """The rows with these indices."""
        return FloatRows(self.a[index], self.c[index], self.a_error[index], self.c_error[index])

    def signed(self, signs: np.ndarray) -> FloatRows:
        """Each row times its sign, 1 or -1."""
        return FloatRows(signs[:, None] * self.a, signs * self.c, self.a_error, self.c_error)

    def at(
        self, points: np.ndarray, spread: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Values (points, rows) at points (points, inputs), and a bound on their errors.

        `spread` bounds how far each true point may lie from the given doubles, by coordinate.
        """
        with np.errstate(invalid="ignore", over="ignore"):
            return self._at(points, spread)

    def _at(self, points: np.ndarray, spread: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        values = points @ self.a.T + self.c
        size = np.abs(points)
        magnitude = np.abs(self.a).T
        rounding = gamma(self.a.shape[1] + 2)
        error = size @ self.a_error.T + rounding * (size @ magnitude)
        error += self.c_error + rounding * np.abs(self.c) + TINY
        if spread is not None:
            error += spread @ (magnitude + self.a_error.T)
        error *= 1 + 4 * rounding
        return values, np.where(np.isfinite(values), error, np.inf)

    def over_box(self, lower: np.ndarray, upper: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rigorous lower and upper bounds of every form over a box (rows,), (rows,)."""
        with np.errstate(invalid="ignore", over="ignore"):
            size = np.maximum(np.abs(lower), np.abs(upper))
            positive, negative = np.maximum(self.a, 0.0), np.minimum(self.a, 0.0)
            low = _times(positive, lower) + _times(negative, upper) + self.c
            high = _times(positive, upper) + _times(negative, lower) + self.c
            rounding = gamma(2 * self.a.shape[1] + 4)
            error = _times(self.a_error, size) + rounding * _times(np.abs(self.a), size)
            error += self.c_error + rounding * np.abs(self.c) + TINY
            error *= 1 + 4 * rounding
            low, high = low - error, high + error
        low = np.where(np.isnan(low) | (low == np.inf), -np.inf, low)
        return low, np.where(np.isnan(high) | (high == -np.inf), np.inf, high)


def _times(matrix: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """M v where 0 · inf = 0."""
    if np.isfinite(vector).all():
        return matrix @ vector
    with np.errstate(invalid="ignore", over="ignore"):
        return np.where(matrix == 0, 0.0, matrix * vector).sum(axis=1)


def gamma(operations: int) -> float:
    """γ_k = k u / (1 - k u), rounded up: the relative error of k chained roundings."""
    return 1.01 * operations * UNIT_ROUNDOFF + 4 * UNIT_ROUNDOFF * (operations > 0)


def lower_bound(
    goal: FloatRows,
    rows: FloatRows,
    multipliers: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
) -> float:
    """A rigorous lower bound of the one form `goal` over {l <= x <= u, every row >= 0}.

    For any λ >= 0, goal(x) >= goal(x) - Σ λ_i row_i(x) = r·x + k there, and r·x is bounded over
    the box; whatever λ is, and however inexact the floats, the bound holds.  Negative multipliers
    count as zero.  An infinite side with a coefficient not certainly zero gives -inf.

    Source: A. Neumaier, O. Shcherbina, Safe bounds in linear and mixed-integer linear programming,
    Mathematical Programming 99 (2004).
    """
    weight = np.maximum(multipliers, 0.0)
    used = np.flatnonzero(weight)
    weight = weight[used]
    a, c = rows.a[used], rows.c[used]
    terms = len(used) + 3
    residual = goal.a[0] - weight @ a
    slack = goal.a_error[0] + weight @ rows.a_error[used]
    slack += gamma(terms) * (np.abs(goal.a[0]) + weight @ np.abs(a)) + TINY
    constant = goal.c[0] - weight @ c
    error = goal.c_error[0] + weight @ rows.c_error[used]
    error += gamma(terms) * (np.abs(goal.c[0]) + weight @ np.abs(c)) + TINY
    with np.errstate(invalid="ignore", over="ignore"):
        slack = np.where((residual == 0) & _zero_columns(goal, rows, used), 0.0, slack)
        size = np.maximum(np.abs(lower), np.abs(upper))
        parts = np.where(residual > 0, residual * lower, residual * upper)
        parts = np.where(residual == 0, 0.0, parts)
        spread = np.where(slack == 0, 0.0, slack * size)
        total = float(parts.sum() + constant)
        rounding = gamma(len(parts) + 4) * (np.abs(parts).sum() + abs(constant))
        bound = total - 1.01 * (float(spread.sum()) + float(error) + float(rounding)) - TINY
    return bound if np.isfinite(bound) else -np.inf


def _zero_columns(goal: FloatRows, rows: FloatRows, used: np.ndarray) -> np.ndarray:
    """Columns in which the goal and all used rows are exactly zero."""
    mine = (goal.a[0] == 0) & (goal.a_error[0] == 0)
    return mine & ~((rows.a[used] != 0) | (rows.a_error[used] != 0)).any(axis=0)
