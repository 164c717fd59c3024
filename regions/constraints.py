"""What every domain can state about itself: exact bounds, inequalities and affine spans."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from flint import fmpq

from solvers.exact_matrix import ExactMatrix

Bounds = tuple[fmpq | None, ...]


@dataclass(frozen=True, eq=False)
class Span:
    """The points origin + directions·u with lower <= u <= upper.

    Attributes
    ----------
    origin : tuple of fmpq
        A point, of length dim.
    directions : ExactMatrix
        (dim, k), columns linearly independent.
    lower, upper : tuple of fmpq or None
        Bounds of the coordinates u, of length k; None where there is none.
    """

    origin: tuple[fmpq, ...]
    directions: ExactMatrix
    lower: Bounds
    upper: Bounds


@dataclass(frozen=True, eq=False)
class Constraints:
    """The points x with lower <= x <= upper and A x <= b that lie in every span.

    Attributes
    ----------
    lower, upper : tuple of fmpq or None
        Bounds of the coordinates, of length dim; None where there is none.
    A : ExactMatrix or None
        (m, dim); None where m = 0.
    b : tuple of fmpq
        The right-hand sides, of length m.
    row_names : tuple of str
        Where each row comes from, for instance ``"polytope row 3"``.
    span : tuple of Span
        Affine pieces that contain the set; empty where it has full dimension or only its
        inequalities say otherwise.
    """

    lower: Bounds
    upper: Bounds
    A: ExactMatrix | None = None
    b: tuple[fmpq, ...] = ()
    row_names: tuple[str, ...] = ()
    span: tuple[Span, ...] = ()

    @property
    def dim(self) -> int:
        """The number of coordinates."""
        return len(self.lower)

    def crossing(self) -> int | None:
        """The first coordinate whose lower bound exceeds its upper one: a proof of emptiness."""
        pairs = enumerate(zip(self.lower, self.upper, strict=True))
        return next((i for i, (a, b) in pairs if a is not None and b is not None and a > b), None)


def unbounded(dim: int) -> Bounds:
    """No bound on any coordinate.

    >>> unbounded(2)
    (None, None)
    """
    return (None,) * dim


def intersect(parts: Sequence[Constraints]) -> Constraints:
    """The constraints of all parts together: the tightest bounds, all rows and all spans.

    Where several parts have rows, these are named after their part: ``"part 2 polytope row 0"``.
    """
    with_rows = sum(part.A is not None for part in parts)
    names = tuple(
        f"part {index} {name}" if with_rows > 1 else name
        for index, part in enumerate(parts, 1)
        for name in part.row_names
    )
    lowers = zip(*(part.lower for part in parts), strict=True)
    uppers = zip(*(part.upper for part in parts), strict=True)
    return Constraints(
        lower=tuple(_tightest(bounds, max) for bounds in lowers),
        upper=tuple(_tightest(bounds, min) for bounds in uppers),
        A=_stacked([part.A for part in parts if part.A is not None]),
        b=tuple(value for part in parts for value in part.b),
        row_names=names,
        span=tuple(span for part in parts for span in part.span),
    )


def _tightest(bounds: Sequence[fmpq | None], choose: Callable[..., fmpq | None]) -> fmpq | None:
    return choose((bound for bound in bounds if bound is not None), default=None)


def _stacked(matrices: Sequence[ExactMatrix]) -> ExactMatrix | None:
    """All rows, in order."""
    if len(matrices) < 2:
        return matrices[0] if matrices else None
    dense = [m.approx for m in matrices if m.is_double and isinstance(m.approx, np.ndarray)]
    if len(dense) == len(matrices):
        return ExactMatrix.from_floats(np.vstack(dense))
    rows, cols, values, start = [], [], [], 0
    for matrix in matrices:
        for index in range(matrix.shape[0]):
            row_cols, row_values = matrix.row(index)
            rows += [start + index] * len(row_values)
            cols += [int(col) for col in row_cols]
            values += row_values
        start += matrix.shape[0]
    shape = (start, matrices[0].shape[1])
    return ExactMatrix.from_entries(rows, cols, np.array(values, dtype=object), shape)
