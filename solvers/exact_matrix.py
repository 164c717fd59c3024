"""`ExactMatrix`: a matrix of rationals with its float64 shadow.

Most weights are doubles, and then the float matrix *is* the matrix.  Folding (a mean of nine, a
batch norm) makes entries that no double can hold; their rationals are kept beside the floats.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import scipy.sparse as sp
from flint import fmpq, fmpz, fmpz_mat

from solvers.products import exact_groups
from solvers.rational import as_array, floats, rational, rationals

TINY_ENTRY = 1e-280
_ZERO = fmpz(0)
_Stored = TypeVar("_Stored", np.ndarray, sp.csr_array)


@dataclass(frozen=True, eq=False)
class ExactMatrix:
    """A rational matrix M; `approx` holds the double nearest to each entry.

    Attributes
    ----------
    approx
        (rows, cols) float64, dense or `scipy.sparse.csr_array`; read-only.
    exact
        None where every entry is its double.  Else an object array of `fmpq`: of the shape of a
        dense `approx`, or aligned with the `data` of a sparse one.

    Examples
    --------
    >>> third = ExactMatrix.from_rationals([[rational("1/3"), rational(2)]])
    >>> third.is_double, third.entry(0, 0)
    (False, 1/3)
    """

    approx: np.ndarray | sp.csr_array
    exact: np.ndarray | None = None

    # -- making one ------------------------------------------------------------------------

    @staticmethod
    def from_floats(values: object) -> ExactMatrix:
        """The matrix whose entries are these floats or integers (dense, or scipy.sparse).

        Raises
        ------
        ValueError
            If an entry is NaN or infinite, or the array is not two-dimensional.
        """
        if sp.issparse(values):
            entries = sp.coo_array(values)
            size: Any = entries.shape
            if len(size) != 2:
                raise ValueError(f"ExactMatrix needs two dimensions, got shape {size}")
            shape = int(size[0]), int(size[1])
            return ExactMatrix.from_entries(entries.row, entries.col, entries.data, shape)
        array = as_array(values)
        if not _fits_doubles(array):
            return ExactMatrix.from_rationals(rationals(array))
        array = np.array(array, dtype=np.float64, order="C")
        if array.ndim != 2:
            raise ValueError(f"ExactMatrix needs two dimensions, got shape {array.shape}")
        _check_finite(array)
        return ExactMatrix(_locked(array))

    @staticmethod
    def from_rationals(values: object) -> ExactMatrix:
        """The dense matrix with these `fmpq` entries (an object array or nested lists)."""
        array = rationals(values)
        if array.ndim != 2:
            raise ValueError(f"ExactMatrix needs two dimensions, got shape {array.shape}")
        return _dense(array)

    @staticmethod
    def from_entries(
        rows: object, cols: object, values: object, shape: tuple[int, int]
    ) -> ExactMatrix:
        """The sparse matrix with Σ of the given values at each (row, column), summed exactly."""
        row_index = np.asarray(rows, dtype=np.int64)
        col_index = np.asarray(cols, dtype=np.int64)
        entries = as_array(values)
        outside = (row_index < 0) | (row_index >= shape[0])
        outside |= (col_index < 0) | (col_index >= shape[1])
        if outside.any():
            raise ValueError(f"ExactMatrix.from_entries(): an index is outside the shape {shape}")
        if not _fits_doubles(entries):
            entries = rationals(entries)
            return _gather(row_index, col_index, floats(entries), entries, shape)
        entries = entries.astype(np.float64)
        _check_finite(entries)
        return _gather(row_index, col_index, entries, None, shape)

    @staticmethod
    def identity(size: int) -> ExactMatrix:
        """The identity, sparse."""
        return ExactMatrix(_locked(sp.csr_array(sp.eye_array(size, format="csr"))))

    @staticmethod
    def zeros(rows: int, cols: int) -> ExactMatrix:
        """The zero matrix, sparse."""
        return ExactMatrix(_locked(sp.csr_array((rows, cols), dtype=np.float64)))

    @staticmethod
    def column(values: object) -> ExactMatrix:
        """A dense (n, 1) column of floats or rationals."""
        array = as_array(values)
        return ExactMatrix.from_floats(array.reshape(-1, 1))

    # -- looking at it ---------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, cols)."""
        matrix = self.approx
        if isinstance(matrix, np.ndarray):
            return matrix.shape[0], matrix.shape[1]
        return len(matrix.indptr) - 1, int(matrix.shape[1])  # type: ignore[index]

    @property
    def is_sparse(self) -> bool:
        """Whether the entries are stored as compressed sparse rows."""
        return sp.issparse(self.approx)

    @property
    def is_double(self) -> bool:
        """Whether every entry is exactly its double."""
        return self.exact is None

    @property
    def nnz(self) -> int:
        """Number of non-zero entries."""
        if isinstance(self.approx, np.ndarray):
            return int(np.count_nonzero(self.approx if self.exact is None else self.exact != 0))
        return int(self.approx.nnz)

    @cached_property
    def is_identity(self) -> bool:
        """Whether this is a sparse identity matrix."""
        matrix, (rows, cols) = self.approx, self.shape
        if isinstance(matrix, np.ndarray) or self.exact is not None:
            return False
        if rows != cols or matrix.nnz != rows:
            return False
        diagonal = np.arange(rows + 1)
        starts, places = np.array_equal(matrix.indptr, diagonal), matrix.indices == diagonal[:-1]
        return bool(starts and np.all(places) and np.all(matrix.data == 1))

    @cached_property
    def has_tiny(self) -> bool:
        """Whether some rounded entry is so small that only an absolute bound of its error holds."""
        if self.exact is None:
            return False
        values = self.approx if isinstance(self.approx, np.ndarray) else self.approx.data
        small = np.abs(values) < TINY_ENTRY
        return bool(np.any(small & (self.exact != 0)))

    def row(self, index: int) -> tuple[np.ndarray, list[fmpq]]:
        """Columns and exact values of the non-zero entries of one row."""
        if isinstance(self.approx, np.ndarray):
            source = self.approx[index] if self.exact is None else self.exact[index]
            cols = np.flatnonzero(self.approx[index] if self.exact is None else source != 0)
            return cols, [rational(source[j]) for j in cols]
        start, stop = self.approx.indptr[index : index + 2]
        data = self.approx.data if self.exact is None else self.exact
        return self.approx.indices[start:stop], [rational(value) for value in data[start:stop]]

    def entry(self, row: int, col: int) -> fmpq:
        """One entry, exactly."""
        cols, values = self.row(row)
        return next((v for j, v in zip(cols, values, strict=True) if j == col), fmpq(0))

    def dense(self) -> np.ndarray:
        """All entries as a dense object array of `fmpq` (small matrices only)."""
        result = np.full(self.shape, fmpq(0), dtype=object)
        for index in range(self.shape[0]):
            cols, values = self.row(index)
            for j, value in zip(cols, values, strict=True):
                result[index, j] = value
        return result

    @cached_property
    def entries(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
        """(rows, cols, doubles, rationals or None) of the stored non-zero entries, row by row."""
        if isinstance(self.approx, np.ndarray):
            keep = self.approx != 0 if self.exact is None else self.exact != 0
            rows, cols = np.nonzero(keep)
            exact = None if self.exact is None else self.exact[rows, cols]
            return rows, cols, self.approx[rows, cols], exact
        rows = np.repeat(np.arange(self.shape[0]), np.diff(self.approx.indptr))
        return rows, self.approx.indices.astype(np.int64), self.approx.data, self.exact

    # -- algebra, all of it exact ----------------------------------------------------------

    def __matmul__(self, other: ExactMatrix) -> ExactMatrix:
        if self.shape[1] != other.shape[0]:
            raise ValueError(f"shapes {self.shape} and {other.shape} do not multiply")
        if self.is_identity:
            return other
        if other.is_identity:
            return self
        shape = (self.shape[0], other.shape[1])
        if not self.is_sparse and not other.is_sparse:
            return self._dense_product(other, shape)
        rows, cols, left, left_exact = self.entries
        inner, outer, right, right_exact = other.entries
        starts = np.searchsorted(inner, np.arange(other.shape[0] + 1))
        counts = np.diff(starts)[cols]
        first = np.repeat(np.arange(len(rows)), counts)
        ends = np.cumsum(counts)
        second = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts)
        second += starts[cols][first]
        result = _gather(
            rows[first],
            outer[second],
            left[first],
            None if left_exact is None else left_exact[first],
            shape,
            right[second],
            None if right_exact is None else right_exact[second],
        )
        return result if self.is_sparse and other.is_sparse else result.to_dense()

    def _dense_product(self, other: ExactMatrix, shape: tuple[int, int]) -> ExactMatrix:
        left, left_scale = self.integers
        right, right_scale = other.integers
        inner = self.shape[1]
        product = (
            fmpz_mat(shape[0], inner, left.reshape(-1).tolist())
            * fmpz_mat(inner, shape[1], right.reshape(-1).tolist())
        ).entries()
        scale = left_scale * right_scale
        array = np.empty(shape, dtype=object)
        array.reshape(-1)[:] = [fmpq(entry, scale) for entry in product]
        return _dense(array)

    def __add__(self, other: ExactMatrix) -> ExactMatrix:
        if self.shape != other.shape:
            raise ValueError(f"shapes {self.shape} and {other.shape} do not add")
        parts = [self.entries, other.entries]
        use_exact = not (self.is_double and other.is_double)
        exact = np.concatenate([_exactly(p[2], p[3]) for p in parts]) if use_exact else None
        result = _gather(
            np.concatenate([p[0] for p in parts]),
            np.concatenate([p[1] for p in parts]),
            np.concatenate([p[2] for p in parts]),
            exact,
            self.shape,
        )
        return result if self.is_sparse and other.is_sparse else result.to_dense()

    def __neg__(self) -> ExactMatrix:
        exact = None if self.exact is None else _locked(-self.exact)
        return ExactMatrix(_locked(-self.approx), exact)

    def scale_rows(self, factors: Sequence[object]) -> ExactMatrix:
        """diag(factors) · M."""
        size = self.shape[0]
        diagonal = ExactMatrix.from_entries(
            np.arange(size), np.arange(size), as_array(factors), (size, size)
        )
        return diagonal @ self

    def transpose(self) -> ExactMatrix:
        """Mᵀ."""
        if isinstance(self.approx, np.ndarray):
            return _picked(self.approx.T, None if self.exact is None else self.exact.T)
        rows, cols, values, exact = self.entries
        return _gather(cols, rows, values, exact, (self.shape[1], self.shape[0]))

    def take_rows(self, index: object) -> ExactMatrix:
        """The rows with these indices, in this order."""
        wanted = np.asarray(index, dtype=np.int64)
        if isinstance(self.approx, np.ndarray):
            return _picked(self.approx[wanted], None if self.exact is None else self.exact[wanted])
        size = len(wanted)
        pick = ExactMatrix.from_entries(
            np.arange(size), wanted, np.ones(size), (size, self.shape[0])
        )
        return pick @ self

    def take_cols(self, index: object) -> ExactMatrix:
        """The columns with these indices, in this order."""
        wanted = np.asarray(index, dtype=np.int64)
        if isinstance(self.approx, np.ndarray):
            exact = None if self.exact is None else self.exact[:, wanted]
            return _picked(self.approx[:, wanted], exact)
        return self.transpose().take_rows(wanted).transpose()

    def to_dense(self) -> ExactMatrix:
        """The same matrix, stored densely."""
        if isinstance(self.approx, np.ndarray):
            return self
        return _picked(self.approx.toarray(), None if self.exact is None else self.dense())

    # -- integers: the exact form that is cheap to multiply with -----------------------------

    @cached_property
    def integers(self) -> tuple[np.ndarray, int]:
        """(N, D) with M = N / D: Python integers laid out as `approx` (its data if sparse)."""
        values = self.approx if isinstance(self.approx, np.ndarray) else self.approx.data
        result = np.empty(values.shape, dtype=object)
        if self.exact is None:
            ratios = [value.as_integer_ratio() for value in values.reshape(-1).tolist()]
            scale = max((q for _, q in ratios), default=1)  # powers of two: the largest is the lcm
            result.reshape(-1)[:] = [p * (scale // q) for p, q in ratios]
            return result, scale
        entries = self.exact.reshape(-1).tolist()
        least = fmpz(1)
        for q in {entry.q for entry in entries}:
            least = least.lcm(q)
        result.reshape(-1)[:] = [int(entry.p * (least // entry.q)) for entry in entries]
        return result, int(least)

    @cached_property
    def _integer_matrix(self) -> fmpz_mat:
        return fmpz_mat(*self.shape, self.integers[0].reshape(-1).tolist())

    def left_integers(self, vector: Mapping[int, fmpz]) -> dict[int, fmpz]:
        """The integers vᵀN, where M = N / D (`integers`): an exact row-vector product.

        Vectors map the indices of their non-zero entries to them.
        """
        if isinstance(self.approx, np.ndarray):
            row = [fmpz(0)] * self.shape[0]
            for i, factor in vector.items():
                row[i] = factor
            product = (fmpz_mat(1, len(row), row) * self._integer_matrix).entries()
            return {j: entry for j, entry in enumerate(product) if entry}
        result: dict[int, fmpz] = {}
        data, _ = self.integers
        indptr, indices = self.approx.indptr, self.approx.indices
        for i, factor in vector.items():
            start, stop = indptr[i], indptr[i + 1]
            for j, entry in zip(indices[start:stop].tolist(), data[start:stop], strict=True):
                result[j] = result.get(j, _ZERO) + factor * entry
        return {j: entry for j, entry in result.items() if entry}

    def right_integers(self, vector: list[fmpz]) -> list[fmpz]:
        """The integers N·v, where M = N / D (`integers`): an exact matrix-vector product."""
        if isinstance(self.approx, np.ndarray):
            return (self._integer_matrix * fmpz_mat(len(vector), 1, vector)).entries()
        data, _ = self.integers
        indptr, indices = list(self.approx.indptr), list(self.approx.indices)
        result = []
        for start, stop in pairwise(indptr):
            total = fmpz(0)
            for k in range(start, stop):
                factor = vector[indices[k]]
                if factor:
                    total += factor * data[k]
            result.append(total)
        return result

    @cached_property
    def magnitude(self) -> np.ndarray | sp.csr_array:
        """Element-wise |approx|, as error bounds need it."""
        return _locked(abs(self.approx))


def _locked(matrix: _Stored) -> _Stored:
    parts = (
        (matrix,)
        if isinstance(matrix, np.ndarray)
        else (matrix.data, matrix.indices, matrix.indptr)
    )
    for part in parts:
        part.flags.writeable = False
    return matrix


def _fits_doubles(array: np.ndarray) -> bool:
    """Whether conversion to float64 changes no entry."""
    if array.dtype.kind in "iu":
        return not array.size or max(int(array.max()), -int(array.min())) <= 2**53
    return array.dtype.kind == "b" or (array.dtype.kind == "f" and array.dtype.itemsize <= 8)


def _kept(approx: np.ndarray, exact: np.ndarray) -> np.ndarray | None:
    """The rationals, locked, or None where the doubles are all of them.

    An entry that is rounded is rounded by a relative 2^-53, or by less than TINY_ENTRY where it is
    as small as that (`has_tiny`); larger ones than 1e280 are refused.
    """
    pairs = zip(approx.reshape(-1).tolist(), exact.reshape(-1), strict=True)
    rounded = np.array([not (np.isfinite(a) and rational(a) == q) for a, q in pairs], dtype=bool)
    size = np.abs(approx.reshape(-1)[rounded])
    if not (size < 1e280).all():
        raise ValueError("ExactMatrix: an entry that is no double needs a size below 1e280")
    if not rounded.any():
        return None
    return _locked(exact)


def _check_finite(values: np.ndarray) -> None:
    if not np.isfinite(values).all():
        raise ValueError("ExactMatrix needs finite entries, got NaN or an infinity")


def _dense(exact: np.ndarray) -> ExactMatrix:
    approx = floats(exact)
    kept = _kept(approx, exact)
    return ExactMatrix(_locked(approx), kept)


def _picked(approx: np.ndarray, exact: np.ndarray | None) -> ExactMatrix:
    """The dense matrix of entries taken from another one."""
    kept = None if exact is None else _kept(approx, np.ascontiguousarray(exact))
    return ExactMatrix(_locked(np.ascontiguousarray(approx)), kept)


def _exactly(values: np.ndarray, exact: np.ndarray | None) -> np.ndarray:
    return rationals(values) if exact is None else exact


def _gather(
    rows: np.ndarray,
    cols: np.ndarray,
    values: np.ndarray,
    exact: np.ndarray | None,
    shape: tuple[int, int],
    factors: np.ndarray | None = None,
    exact_factors: np.ndarray | None = None,
) -> ExactMatrix:
    """Σ over equal (row, col) of value·factor, as a sparse matrix."""
    key = rows * shape[1] + cols
    order = np.argsort(key, kind="stable")
    key = key[order]
    starts = np.flatnonzero(np.diff(key, prepend=-1))
    approx, rest = exact_groups(
        values[order],
        None if exact is None else exact[order],
        None if factors is None else factors[order],
        None if exact_factors is None else exact_factors[order],
        starts,
    )
    rest = None if rest is None else _kept(approx, rest)
    _check_finite(approx)
    keep = approx != 0 if rest is None else rest != 0
    place = key[starts][keep]
    indptr = np.searchsorted(place // max(shape[1], 1), np.arange(shape[0] + 1))
    matrix = sp.csr_array((approx[keep], place % max(shape[1], 1), indptr), shape=shape)
    return ExactMatrix(_locked(matrix), None if rest is None else _locked(rest[keep]))
