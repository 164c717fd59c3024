"""A rigorous lower bound of a linear program, from multipliers that need not be right.

For any y, cost·x = y·(M x) + (cost - Mᵀy)·x >= Σ y⁺L - y⁻U + Σ min over [l, u] of the rest, on
every point of {L <= M x <= U, l <= x <= u}; a multiplier whose side is infinite counts as zero.
All of it is computed with the rounding errors bounded.

Source: A. Neumaier, O. Shcherbina, Safe bounds in linear and mixed-integer linear programming,
Mathematical Programming 99 (2004).
"""

from __future__ import annotations

import numpy as np

from solvers.float_rows import TINY, gamma
from solvers.program import LinearProgram


def dual_bound(
    program: LinearProgram,
    cost: np.ndarray,
    multipliers: np.ndarray,
    bounds: tuple[np.ndarray, np.ndarray] | None = None,
) -> float:
    """At most the least value of cost·x over the program's points (whole or not); -inf if unknown.

    Parameters
    ----------
    program
        Its rows and bounds, exactly as the doubles stand there.
    cost
        (n,) doubles.
    multipliers
        (m,) of any origin.
    bounds
        (lower, upper) of the columns, in place of the program's.

    Examples
    --------
    >>> program = LinearProgram([0, 0], [[1, 1]], [1], [np.inf], [0, 0], [9, 9])
    >>> bound = dual_bound(program, np.array([2.0, 3.0]), np.array([2.0]))
    >>> 2 - 1e-9 < bound <= 2, dual_bound(program, np.array([2.0, 3.0]), np.array([-7.0]))
    (True, 0.0)
    """
    y = np.where(np.isfinite(multipliers), multipliers, 0.0)
    side = np.where(y > 0, program.row_lower, program.row_upper)
    y = np.where(np.isfinite(side), y, 0.0)
    used = np.flatnonzero(y)
    y, side = y[used], side[used]
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        rows = program.matrix[used]
        rest = np.asarray(cost, dtype=np.float64) - rows.T @ y
        slack = np.zeros(len(rest))
        if len(used):
            slack = gamma(len(used) + 3) * (np.abs(cost) + abs(rows).T @ np.abs(y)) + TINY
            touched = np.asarray(abs(rows).sum(axis=0)).reshape(-1) != 0
            slack[~touched] = 0.0
        lower, upper = (program.col_lower, program.col_upper) if bounds is None else bounds
        parts = np.where(rest > 0, rest * lower, rest * upper)
        parts = np.where(rest == 0, 0.0, parts)
        size = np.maximum(np.abs(lower), np.abs(upper))
        spread = np.where(slack == 0, 0.0, slack * size)
        sides = y * side
        total = float(parts.sum() + sides.sum())
        magnitude = float(np.abs(parts).sum() + np.abs(sides).sum())
        rounding = gamma(len(parts) + len(sides) + 4) * magnitude
        if magnitude == 0 and not spread.any():
            return 0.0
        bound = total - 1.01 * (float(spread.sum()) + rounding) - TINY
    return bound if np.isfinite(bound) else -np.inf
