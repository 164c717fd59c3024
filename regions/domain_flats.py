"""Domains given by inequalities or points: `Polytope`, `Slice`, `Segment`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from flint import fmpq

from regions.constraints import Bounds, Constraints, Span, unbounded
from regions.domain_base import Domain
from regions.errors import DomainError
from regions.exact_input import exact_point, exact_rows
from regions.number_text import write_number, write_vector
from solvers.exact_matrix import ExactMatrix

_ROWS_WRITTEN = 8


@dataclass(frozen=True, init=False, repr=False, eq=False)
class Polytope(Domain):
    """The points x with A x <= b (bounded or not, of full dimension or flat).

    Parameters
    ----------
    A : 2-D array, nested sequences, scipy.sparse array or ExactMatrix
        (rows, inputs), exact as everywhere.
    b : sequence or array of numbers
        One right-hand side for each row.
    source : str, optional
        The text that the polytope was read from, for `spec`.

    Raises
    ------
    DomainError
        On NaN, an infinity, shapes that do not fit, or a row 0·x <= b with b < 0.

    Examples
    --------
    >>> triangle = Polytope([[-1, 0], [0, -1], [1, 1]], [0, 0, "0.5"])
    >>> triangle.spec
    'polytope:[[-1,0],[0,-1],[1,1]],[0,0,0.5]'
    """

    A: ExactMatrix
    b: tuple[fmpq, ...]
    source: str

    def __init__(self, A: object, b: object, *, source: str = ""):
        matrix = exact_rows(A, "Polytope: A")
        right = exact_point(b, "Polytope: b")
        rows, cols = matrix.shape
        if rows != len(right) or not cols:
            raise DomainError(
                f"Polytope: needs A of shape (rows, inputs) and b with one number a row, got A of "
                f"shape {matrix.shape} and {len(right)} numbers in b; A x <= b, row by row"
            )
        for index, value in enumerate(right):
            if value < 0 and not matrix.row(index)[1]:
                raise DomainError(
                    f"Polytope: needs rows that a point can satisfy, but row {index} reads "
                    f"0 <= {write_number(value)}: the domain is empty; remove or correct the row"
                )
        object.__setattr__(self, "A", matrix)
        object.__setattr__(self, "b", right)
        object.__setattr__(self, "source", source)

    @property
    def dim(self) -> int:
        """The number of inputs."""
        return self.A.shape[1]

    @property
    def spec(self) -> str:
        """``polytope:FILE.npz``, or the rows (a hash of them where there are many)."""
        return self.source or f"polytope:{self._rows_text()},{write_vector(self.b)}"

    def constraints(self) -> Constraints:
        """The rows."""
        names = tuple(f"polytope row {index}" for index in range(len(self.b)))
        matrix = self.A if self.b else None
        return Constraints(unbounded(self.dim), unbounded(self.dim), matrix, self.b, names)

    def content(self) -> tuple[object, ...]:
        """The dimension, the rows' non-zero entries and the right-hand sides."""
        rows = [self.A.row(index) for index in range(len(self.b))]
        entries = [tuple(zip(cols.tolist(), values, strict=True)) for cols, values in rows]
        return (self.dim, tuple(entries), self.b)

    def _rows_text(self) -> str:
        if len(self.b) <= _ROWS_WRITTEN and self.dim <= _ROWS_WRITTEN:
            return f"[{','.join(write_vector(row) for row in self.A.dense())}]"
        digest = sha256()
        for entries in self.content()[1]:  # type: ignore
            line = ",".join(f"{col}:{write_number(value)}" for col, value in entries)
            digest.update(f"{line}\n".encode())
        return f"[{len(self.b)}x{self.dim} values, sha256 {digest.hexdigest()[:16]}]"

    def __repr__(self) -> str:
        return f"Polytope({self.spec.removeprefix('polytope:')!r})"


@dataclass(frozen=True, init=False, repr=False, eq=False)
class Slice(Domain):
    """The plane p0 + s·(p1 - p0) + t·(p2 - p0), s and t real.

    Parameters
    ----------
    p0, p1, p2 : sequences or arrays of numbers
        Points that do not lie on one line; arrays of any shape are read row by row.
    source : str, optional
        The text that the plane was read from, for `spec`.

    Raises
    ------
    DomainError
        On NaN, an infinity, points of different dimensions or on one line.

    Examples
    --------
    >>> Slice([0, 0, 0], [1, 0, 0], [0, 1, 1])
    Slice([0,0,0], [1,0,0], [0,1,1])
    """

    points: tuple[tuple[fmpq, ...], ...]
    source: str

    def __init__(self, p0: object, p1: object, p2: object, *, source: str = ""):
        points = _points("Slice", (p0, p1, p2))
        first, second = _directions(points)
        # independent iff some 2x2 minor with the first direction's leading entry is not zero
        lead = next((i for i, value in enumerate(first) if value), None)
        if lead is None or not any(
            second[i] * first[lead] != first[i] * second[lead] for i in range(len(first))
        ):
            raise DomainError(
                "Slice: needs three points that are not on one line, got points that are; "
                "choose another third point, or use Segment(p0, p1)"
            )
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "source", source)

    @property
    def dim(self) -> int:
        """The number of inputs (not 2)."""
        return len(self.points[0])

    @property
    def spec(self) -> str:
        """``slice:P0,P1,P2``."""
        return self.source or f"slice:{','.join(map(write_vector, self.points))}"

    def constraints(self) -> Constraints:
        """One span of two free coordinates."""
        return _spanned(self.points, unbounded(2), unbounded(2))

    def content(self) -> tuple[object, ...]:
        """The points."""
        return self.points

    def __repr__(self) -> str:
        return f"Slice({', '.join(map(write_vector, self.points))})"


@dataclass(frozen=True, init=False, repr=False, eq=False)
class Segment(Domain):
    """The segment p0 + s·(p1 - p0), 0 <= s <= 1.

    Parameters
    ----------
    p0, p1 : sequences or arrays of numbers
        Two different points; arrays of any shape are read row by row.
    source : str, optional
        The text that the segment was read from, for `spec`.

    Raises
    ------
    DomainError
        On NaN, an infinity, points of different dimensions or equal ones.

    Examples
    --------
    >>> Segment([0, 0], [1, "0.5"]).spec
    'segment:[0,0],[1,0.5]'
    """

    points: tuple[tuple[fmpq, ...], ...]
    source: str

    def __init__(self, p0: object, p1: object, *, source: str = ""):
        points = _points("Segment", (p0, p1))
        if points[0] == points[1]:
            raise DomainError(
                "Segment: needs two different points, got the same point twice; "
                "use Ball(point, 0) for a single point"
            )
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "source", source)

    @property
    def dim(self) -> int:
        """The number of inputs (not 1)."""
        return len(self.points[0])

    @property
    def spec(self) -> str:
        """``segment:P0,P1``."""
        return self.source or f"segment:{','.join(map(write_vector, self.points))}"

    def constraints(self) -> Constraints:
        """One span of one coordinate between 0 and 1."""
        return _spanned(self.points, (fmpq(0),), (fmpq(1),))

    def content(self) -> tuple[object, ...]:
        """The ends."""
        return self.points

    def __repr__(self) -> str:
        return f"Segment({', '.join(map(write_vector, self.points))})"


def _points(what: str, values: Sequence[object]) -> tuple[tuple[fmpq, ...], ...]:
    points = tuple(exact_point(value, f"{what}: p{i}") for i, value in enumerate(values))
    dims = [len(point) for point in points]
    if len(set(dims)) > 1 or not dims[0]:
        raise DomainError(
            f"{what}: needs points with one coordinate for every input, got {dims} coordinates; "
            "give points of one dimension"
        )
    return points


def _directions(points: Sequence[Sequence[fmpq]]) -> list[list[fmpq]]:
    """The differences p_i - p_0, i = 1, 2."""
    return [[a - b for a, b in zip(p, points[0], strict=True)] for p in points[1:]]


def _spanned(points: tuple[tuple[fmpq, ...], ...], lower: Bounds, upper: Bounds) -> Constraints:
    dim = len(points[0])
    rows = np.empty((len(points) - 1, dim), dtype=object)
    for i, direction in enumerate(_directions(points)):
        rows[i, :] = direction
    span = Span(points[0], ExactMatrix.from_rationals(rows.T), lower, upper)
    return Constraints(unbounded(dim), unbounded(dim), span=(span,))
