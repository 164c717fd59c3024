"""`LinearProgram`: pure data.  What is minimised, over which rows and columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike

from solvers.errors import InvalidProgram


@dataclass(frozen=True, eq=False)
class LinearProgram:
    """Minimise cost·x over {x : row_lower <= M x <= row_upper, col_lower <= x <= col_upper}.

    Columns marked in `integer` take whole values only.  A lower bound above its upper bound is
    allowed and makes the program infeasible.  Arrays are copied and locked.

    Attributes
    ----------
    cost
        (n,) finite.
    matrix
        (m, n) finite; dense, or anything of scipy.sparse (kept as `csr_array`).
    row_lower, row_upper
        (m,) and may be infinite.
    col_lower, col_upper
        (n,) and may be infinite.
    integer
        (n,) booleans, or None when no column is integer.

    Raises
    ------
    InvalidProgram
        For shapes that do not fit, NaN, an infinite cost or entry, a lower bound of +inf or an
        upper bound of -inf.

    Examples
    --------
    >>> inf = float("inf")
    >>> program = LinearProgram([-1, -1], [[1, 2]], [-inf], [2], [0, 0], [1, 1])
    >>> program.num_rows, program.num_cols, program.is_sparse
    (1, 2, False)
    """

    cost: np.ndarray
    matrix: np.ndarray | sp.csr_array
    row_lower: np.ndarray
    row_upper: np.ndarray
    col_lower: np.ndarray
    col_upper: np.ndarray
    integer: np.ndarray | None = None

    def __init__(
        self,
        cost: ArrayLike,
        matrix: ArrayLike | sp.spmatrix | sp.sparray,
        row_lower: ArrayLike,
        row_upper: ArrayLike,
        col_lower: ArrayLike,
        col_upper: ArrayLike,
        integer: ArrayLike | None = None,
    ):
        cost = finite_vector("cost", cost)
        n = len(cost)
        matrix = finite_matrix("matrix", matrix, n)
        m = row_count(matrix)
        row_lower, row_upper = bound_vectors("row", row_lower, row_upper, m)
        col_lower, col_upper = bound_vectors("col", col_lower, col_upper, n)
        integer = None if integer is None else _integer_columns(integer, n)
        for name, value in (
            ("cost", cost),
            ("matrix", matrix),
            ("row_lower", row_lower),
            ("row_upper", row_upper),
            ("col_lower", col_lower),
            ("col_upper", col_upper),
            ("integer", integer),
        ):
            object.__setattr__(self, name, lock(value))

    @property
    def num_rows(self) -> int:
        """Number of rows m."""
        return len(self.row_lower)

    @property
    def num_cols(self) -> int:
        """Number of columns n."""
        return len(self.cost)

    @property
    def is_sparse(self) -> bool:
        """Whether the matrix is a `csr_array`."""
        return not isinstance(self.matrix, np.ndarray)

    @property
    def has_integers(self) -> bool:
        """Whether some column must be whole."""
        return self.integer is not None and bool(self.integer.any())


def lock(value):
    """The same array (dense, sparse or None), read-only from now on."""
    if isinstance(value, np.ndarray):
        value.setflags(write=False)
    elif value is not None:
        for part in (value.data, value.indices, value.indptr):
            part.setflags(write=False)
    return value


def finite_vector(name: str, values: ArrayLike, length: int | None = None) -> np.ndarray:
    """A fresh float64 vector of finite entries, or InvalidProgram."""
    vector = _floats(name, values)
    if vector.ndim != 1 or (length is not None and len(vector) != length):
        wanted = "a vector" if length is None else f"shape ({length},)"
        raise InvalidProgram(f"{name}: needs {wanted}, got shape {vector.shape}")
    if not np.isfinite(vector).all():
        j = int(np.flatnonzero(~np.isfinite(vector))[0])
        raise InvalidProgram(f"{name}: needs finite numbers, got {vector[j]} at index {j}")
    return vector


def finite_matrix(name: str, values, num_cols: int) -> np.ndarray | sp.csr_array:
    """A fresh dense float64 matrix or `csr_array` of finite entries, or InvalidProgram."""
    if sp.issparse(values):
        matrix = sp.csr_array(values, dtype=np.float64, copy=True)
        matrix.sum_duplicates()
        entries = matrix.data
    else:
        matrix = entries = _floats(name, values)
        if matrix.size == 0 and matrix.ndim == 1:
            matrix = entries = matrix.reshape(0, num_cols)
    shape = tuple(matrix.shape or ())
    if len(shape) != 2 or shape[1] != num_cols:
        raise InvalidProgram(f"{name}: needs shape (rows, {num_cols}), got shape {shape}")
    if not np.isfinite(entries).all():
        raise InvalidProgram(f"{name}: needs finite entries, got NaN or an infinity")
    return matrix


def row_count(matrix: np.ndarray | sp.csr_array) -> int:
    """Number of rows of either kind of matrix."""
    return len(matrix) if isinstance(matrix, np.ndarray) else len(matrix.indptr) - 1


def bound_vectors(
    name: str, lower: ArrayLike, upper: ArrayLike, length: int
) -> tuple[np.ndarray, np.ndarray]:
    """Fresh lower and upper bounds of `length` rows or columns, or InvalidProgram."""
    pair = []
    for side, values, never in (("lower", lower, np.inf), ("upper", upper, -np.inf)):
        vector = _floats(f"{name}_{side}", values)
        if vector.shape != (length,):
            raise InvalidProgram(
                f"{name}_{side}: needs shape ({length},), got shape {vector.shape}"
            )
        bad = np.isnan(vector) | (vector == never)
        if bad.any():
            j = int(np.flatnonzero(bad)[0])
            raise InvalidProgram(
                f"{name}_{side}: a {side} bound is a number or {-never}, got {vector[j]} "
                f"at index {j}"
            )
        pair.append(vector)
    return pair[0], pair[1]


def _floats(name: str, values: ArrayLike) -> np.ndarray:
    try:
        return np.array(values, dtype=np.float64, order="C")
    except (TypeError, ValueError) as error:
        raise InvalidProgram(f"{name}: needs an array of numbers ({error})") from error


def _integer_columns(values: ArrayLike, num_cols: int) -> np.ndarray:
    mask = np.array(values)
    if mask.shape != (num_cols,) or mask.dtype != np.bool_:
        raise InvalidProgram(
            f"integer: needs {num_cols} booleans, one a column, got shape {mask.shape} "
            f"of {mask.dtype}"
        )
    return mask
