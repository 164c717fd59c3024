"""Facts about a polyhedron {x : A x <= b, E x = e} that check themselves, in rationals.

Each proof is plain data, found by whatever means; `verify` recomputes the claim exactly and trusts
nothing.  Rows are sequences of `fmpq`, multipliers map a row's index to a rational.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flint import fmpq

from solvers.rational import dot

Row = Sequence[fmpq]
Multipliers = Mapping[int, fmpq]


@dataclass(frozen=True)
class Polyhedron:
    """The set {x : A x <= b, E x = e}."""

    A: Sequence[Row]
    b: Sequence[fmpq]
    E: Sequence[Row] = ()
    e: Sequence[fmpq] = ()


@dataclass(frozen=True)
class Interior:
    """A point of {A x < b, E x = e}."""

    point: Row

    def verify(self, polyhedron: Polyhedron) -> bool:
        """Whether every inequality is strict and every equation holds at the point."""
        inside = all(
            dot(row, self.point) < limit
            for row, limit in zip(polyhedron.A, polyhedron.b, strict=True)
        )
        return inside and all(
            dot(row, self.point) == value
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
        rest, constant = list(self.coefficients), self.constant
        for rows, limits, weights in (
            (polyhedron.A, polyhedron.b, self.y),
            (polyhedron.E, polyhedron.e, self.z),
        ):
            for index, weight in weights.items():
                rest = [r + weight * a for r, a in zip(rest, rows[index], strict=True)]
                constant -= weight * limits[index]
        return not any(rest) and constant >= 0


def _names_rows(polyhedron: Polyhedron, y: Multipliers, z: Multipliers) -> bool:
    """Whether all multipliers belong to rows, and those of inequalities are not negative."""
    return all(
        0 <= index < len(polyhedron.A) and weight >= 0 for index, weight in y.items()
    ) and all(0 <= index < len(polyhedron.E) for index in z)


def _combination(polyhedron: Polyhedron, y: Multipliers, z: Multipliers) -> fmpq | None:
    """yᵀb + zᵀe where y >= 0 and yᵀA + zᵀE = 0; None otherwise."""
    if not _names_rows(polyhedron, y, z):
        return None
    total, columns = fmpq(0), None
    for rows, limits, weights in ((polyhedron.A, polyhedron.b, y), (polyhedron.E, polyhedron.e, z)):
        for index, weight in weights.items():
            total += weight * limits[index]
            scaled = [weight * a for a in rows[index]]
            columns = (
                scaled if columns is None else [c + s for c, s in zip(columns, scaled, strict=True)]
            )
    return None if columns is None or any(columns) else total
