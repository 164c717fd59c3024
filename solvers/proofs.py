"""Facts about a polyhedron {x : A x <= b, E x = e} that check themselves, in rationals.

Each proof is plain data, found by whatever means; `verify` recomputes the claim exactly and trusts
nothing.  Rows are sequences of `fmpq`, or mappings from a column to its non-zero entry; multipliers
map a row's index to a rational.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from flint import fmpq

from solvers.rational import dot

_ZERO = fmpq(0)
Row = Sequence[fmpq]
SparseRow = Mapping[int, fmpq]
Multipliers = Mapping[int, fmpq]


@dataclass(frozen=True)
class Polyhedron:
    """The set {x : A x <= b, E x = e}."""

    A: Sequence[Row] | Sequence[SparseRow]
    b: Sequence[fmpq]
    E: Sequence[Row] | Sequence[SparseRow] = ()
    e: Sequence[fmpq] = ()


@dataclass(frozen=True)
class Interior:
    """A point of {A x < b, E x = e}."""

    point: Row

    def verify(self, polyhedron: Polyhedron) -> bool:
        """Whether every inequality is strict and every equation holds at the point."""
        inside = all(
            _value(row, self.point) < limit
            for row, limit in zip(polyhedron.A, polyhedron.b, strict=True)
        )
        return inside and all(
            _value(row, self.point) == value
            for row, value in zip(polyhedron.E, polyhedron.e, strict=True)
        )


@dataclass(frozen=True)
class Farkas:
    """No point at all: y >= 0, yᵀA + zᵀE = 0 and yᵀb + zᵀe < 0.

    Examples
    --------
    >>> one = fmpq(1)
    >>> Farkas({0: one, 1: one}).verify(Polyhedron([[one], [-one]], [fmpq(0), -one]))
    True
    """

    y: Multipliers
    z: Multipliers = field(default_factory=dict)

    def verify(self, polyhedron: Polyhedron) -> bool:
        """Whether the multipliers prove that the polyhedron is empty."""
        total = _combination(polyhedron, self.y, self.z)
        return total is not None and total < 0


@dataclass(frozen=True)
class NoInterior:
    """No point with all inequalities strict: y >= 0, y != 0, yᵀA + zᵀE = 0, yᵀb + zᵀe <= 0."""

    y: Multipliers
    z: Multipliers = field(default_factory=dict)

    def verify(self, polyhedron: Polyhedron) -> bool:
        """Whether the multipliers prove that no point satisfies all inequalities strictly."""
        if not any(self.y.values()):
            return False
        total = _combination(polyhedron, self.y, self.z)
        return total is not None and total <= 0


@dataclass(frozen=True)
class NotAttained:
    """No point at which the rows in `strict` hold strictly, and the others at least weakly.

    y >= 0, yᵀA + zᵀE = 0, and yᵀb + zᵀe < 0, or = 0 with y_i > 0 for some i in `strict`.

    Examples
    --------
    >>> one = fmpq(1)
    >>> touching = Polyhedron([[one], [-one]], [one, -one])
    >>> NotAttained({0: one, 1: one}, frozenset([1])).verify(touching)
    True
    >>> NotAttained({0: one, 1: one}, frozenset()).verify(touching)
    False
    """

    y: Multipliers
    strict: frozenset[int]
    z: Multipliers = field(default_factory=dict)

    def verify(self, polyhedron: Polyhedron) -> bool:
        """Whether the multipliers prove that no point satisfies the rows in this sense."""
        total = _combination(polyhedron, self.y, self.z)
        if total is None or total > 0:
            return False
        return total < 0 or any(self.y.get(index) for index in self.strict)


@dataclass(frozen=True)
class NonNegative:
    """An affine form is >= 0 on the polyhedron.

    coefficients·x + constant = Σ y_i (b_i - A_i x) + Σ z_k (e_k - E_k x) + c for all x, with
    y >= 0, c >= 0 and z of any sign.
    """

    coefficients: Row
    constant: fmpq
    y: Multipliers
    z: Multipliers = field(default_factory=dict)

    def verify(self, polyhedron: Polyhedron) -> bool:
        """Whether the multipliers prove that the form is nowhere negative on the polyhedron."""
        if not _names_rows(polyhedron, self.y, self.z):
            return False
        rest, constant = dict(enumerate(self.coefficients)), self.constant
        for rows, limits, weights in (
            (polyhedron.A, polyhedron.b, self.y),
            (polyhedron.E, polyhedron.e, self.z),
        ):
            for index, weight in weights.items():
                for j, a in _entries(rows[index], len(self.coefficients)):
                    rest[j] = rest.get(j, _ZERO) + weight * a
                constant -= weight * limits[index]
        return not any(rest.values()) and constant >= 0


def _entries(row: Row | SparseRow, width: int | None) -> Iterable[tuple[int, fmpq]]:
    """The non-zero entries of a row, which has this many columns if it is dense."""
    if isinstance(row, Mapping):
        return row.items()
    if width is not None and len(row) != width:
        raise ValueError(f"rows need {width} entries, got {len(row)}")
    return ((j, a) for j, a in enumerate(row) if a)


def _value(row: Row | SparseRow, point: Row) -> fmpq:
    if isinstance(row, Mapping):
        return sum((a * point[j] for j, a in row.items()), _ZERO)
    return dot(row, point)


def _names_rows(polyhedron: Polyhedron, y: Multipliers, z: Multipliers) -> bool:
    """Whether all multipliers belong to rows, and those of inequalities are not negative."""
    return all(
        0 <= index < len(polyhedron.A) and weight >= 0 for index, weight in y.items()
    ) and all(0 <= index < len(polyhedron.E) for index in z)


def _combination(polyhedron: Polyhedron, y: Multipliers, z: Multipliers) -> fmpq | None:
    """yᵀb + zᵀe where y >= 0 and yᵀA + zᵀE = 0; None otherwise."""
    if not _names_rows(polyhedron, y, z) or not (y or z):
        return None
    total, width = fmpq(0), None
    columns: dict[int, fmpq] = {}
    for rows, limits, weights in ((polyhedron.A, polyhedron.b, y), (polyhedron.E, polyhedron.e, z)):
        for index, weight in weights.items():
            row = rows[index]
            total += weight * limits[index]
            for j, a in _entries(row, width):
                columns[j] = columns.get(j, _ZERO) + weight * a
            if not isinstance(row, Mapping):
                width = len(row)
    return None if any(columns.values()) else total
