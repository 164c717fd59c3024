"""The largest ellipsoid in {x : A x <= b}, and the point farthest from its sides, through CVXPY."""

from __future__ import annotations

import warnings
from typing import Any

import cvxpy as cp
import numpy as np
from cvxpy.error import SolverError
from numpy.typing import ArrayLike

from solvers.program import finite_matrix, finite_vector, row_count
from solvers.solution import locked

NEWTON = 4
_CLAIMS = ("optimal", "optimal_inaccurate")


def inscribed_ellipsoid(A: ArrayLike, b: ArrayLike) -> tuple[np.ndarray, np.ndarray] | None:
    """(c, L): the ellipsoid {c + L z : ‖z‖ <= 1} of the largest volume in {x : A x <= b}, or None.

    max log det L subject to ‖L a_i‖ + a_i·c <= b_i, L symmetric: a convex program.  The result is
    shrunk a little, if need be, so that it satisfies the rows; that it is the largest is the
    solver's word.

    Parameters
    ----------
    A, b
        (rows, dim) and (rows,); the set is bounded and has an interior.

    Raises
    ------
    InvalidProgram
        For shapes that do not fit, NaN or infinities.

    Examples
    --------
    >>> found = inscribed_ellipsoid([[1, 0], [-1, 0], [0, 1], [0, -1]], [2, 2, 1, 1])
    >>> found[0].round(4).tolist(), found[1].round(4).tolist()
    ([0.0, 0.0], [[2.0, 0.0], [0.0, 1.0]])

    Source: S. Boyd, L. Vandenberghe, Convex Optimization (2004), section 8.4.2.
    """
    matrix, limits = _checked(A, b)
    dim = matrix.shape[1]
    center, shape = cp.Variable(dim), cp.Variable((dim, dim), PSD=True)
    rows = [
        cp.norm(shape @ a) + a @ center <= limit for a, limit in zip(matrix, limits, strict=True)
    ]
    if not _solve(cp.Problem(cp.Maximize(cp.log_det(shape)), rows)):
        return None
    c, L = np.array(center.value), np.array(shape.value)
    L = (L + L.T) / 2
    room = limits - matrix @ c
    reach = np.linalg.norm(matrix @ L, axis=1)
    if not (room > 0).all() or not np.isfinite(L).all():
        return None
    factor = min(1.0, float(np.min(room / np.maximum(reach, 1e-300))) * (1 - 1e-12))
    return locked_pair(c, L * factor)


def analytic_center(A: ArrayLike, b: ArrayLike) -> np.ndarray | None:
    """The point that maximises Π (b_i - a_i·x) over {x : A x <= b}, as a solver finds it, or None.

    Raises
    ------
    InvalidProgram
        For shapes that do not fit, NaN or infinities.

    Examples
    --------
    >>> analytic_center([[1], [-1]], [3, 1]).round(6).tolist()
    [1.0]
    """
    matrix, limits = _checked(A, b)
    x = cp.Variable(matrix.shape[1])
    if not _solve(cp.Problem(cp.Maximize(cp.sum(cp.log(limits - matrix @ x))))):
        return None
    return locked(_polished(matrix, limits, np.array(x.value)))


def _polished(matrix: np.ndarray, limits: np.ndarray, x: np.ndarray) -> np.ndarray:
    """After a few Newton steps, which double the number of right digits each time."""
    for _ in range(NEWTON):
        room = limits - matrix @ x
        weighted = matrix / room[:, None]
        step = np.linalg.lstsq(weighted.T @ weighted, -weighted.sum(axis=0), rcond=None)[0]
        if not (limits - matrix @ (x + step) > 0).all():
            break
        x = x + step
    return x


def locked_pair(c: np.ndarray, L: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both read-only."""
    return locked(c), locked(L)


def _checked(A: ArrayLike, b: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    table: Any = np.asarray(A, dtype=np.float64)
    matrix = finite_matrix("A", table, table.shape[1] if table.ndim == 2 else 0)
    return np.asarray(matrix), finite_vector("b", b, row_count(matrix))


def _solve(problem: cp.Problem) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            problem.solve(solver=cp.CLARABEL)
    except (SolverError, ArithmeticError):
        return False
    values = [variable.value for variable in problem.variables()]
    return problem.status in _CLAIMS and all(
        value is not None and np.isfinite(value).all() for value in values
    )
