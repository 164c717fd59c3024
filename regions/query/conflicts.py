"""Proofs that a pattern is unreachable: records that check themselves from network and domain.

A `Conflict` names few units and sides of the domain whose inequalities exclude each other.  The
inequality of a unit is that of its pre-activation as an affine function of the input, which the
bits of all earlier layers determine; so a conflict of deeper layers holds given these bits.

A check trusts no engine and no solver: rows are composed anew, in rationals, and put together with
the recorded multipliers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from flint import fmpq

from regions.cell import Unit
from regions.composition import exact_row
from regions.domain_base import Domain
from regions.frame import Frame
from regions.network import Network
from solvers.exact_simplex import Row
from solvers.proofs import Farkas, NoInterior, NotAttained, Polyhedron

ZERO = fmpq(0)
KINDS = ("farkas", "interior", "attained")


@dataclass(frozen=True, order=True)
class DomainSide:
    """A side of the domain, in its own coordinates.

    `where` is "lower" or "upper" for a bound of coordinate `index`, "row" for row `index`.
    """

    where: str
    index: int
    name: str


@dataclass(frozen=True)
class Conflict:
    """Units that cannot have these bits together in the domain, given the earlier layers' bits.

    Attributes
    ----------
    kind
        "farkas": not even in the closed half-spaces; "attained": at no point; "interior": not on a
        set with interior (meanings §2.7).
    units
        The units with their bits, by layer.
    multipliers
        One positive rational for each unit.
    sides, side_multipliers
        The sides of the domain that take part, and a positive rational for each.
    """

    kind: str
    units: tuple[Unit, ...]
    multipliers: tuple[fmpq, ...]
    sides: tuple[DomainSide, ...] = ()
    side_multipliers: tuple[fmpq, ...] = ()

    @property
    def layer(self) -> int:
        """The deepest layer that takes part; the bits of the layers before it are given."""
        return max(unit.layer for unit in self.units)

    def holds(self, geometry: Geometry, bits: Sequence[np.ndarray]) -> bool:
        """Whether the multipliers prove it, where the bits (-1: not known) are as given.

        Every named unit must have its bit in `bits`, and every unit of an earlier layer a bit.
        """
        if self.kind not in KINDS or not self.units or len(set(self.units)) < len(self.units):
            return False
        if len(set(self.sides)) < len(self.sides):
            return False
        if not self._fits(geometry, bits):
            return False
        rows: list[Row] = []
        limits: list[fmpq] = []
        strict = []
        for index, unit in enumerate(self.units):
            row, limit = geometry.unit_row(unit, bits)
            if not row and not limit and not unit.bit:
                return False  # 0 <= 0 says nothing, and is not strict (meanings §2.6)
            rows.append(row)
            limits.append(limit)
            if unit.bit:
                strict.append(index)
        for side in self.sides:
            found = geometry.side_row(side)
            if found is None:
                return False
            rows.append(found[0])
            limits.append(found[1])
        weights = (*self.multipliers, *self.side_multipliers)
        if len(weights) != len(rows) or any(w <= 0 for w in weights):
            return False
        y = dict(enumerate(weights))
        where = Polyhedron(rows, limits)
        if self.kind == "farkas":
            return Farkas(y).verify(where)
        if self.kind == "interior":
            return NoInterior(y).verify(where)
        return NotAttained(y, frozenset(strict)).verify(where)

    def _fits(self, geometry: Geometry, bits: Sequence[np.ndarray]) -> bool:
        """Whether the units exist and have these bits, and the earlier layers are known."""
        widths = geometry.network.widths
        for unit in self.units:
            if not (1 <= unit.layer <= len(widths) and 0 <= unit.unit < widths[unit.layer - 1]):
                return False
            if unit.bit not in (0, 1) or bits[unit.layer - 1][unit.unit] != unit.bit:
                return False
        return all((bits[k] >= 0).all() for k in range(self.layer - 1))


@dataclass(frozen=True)
class Beyond:
    """A unit that cannot have this bit anywhere in the domain's box, by interval arithmetic.

    The bits known so far bound the outputs of their units: 0 for bit 0, at least 0 for bit 1.
    """

    unit: Unit

    def holds(self, geometry: Geometry, bits: Sequence[np.ndarray]) -> bool:
        """Whether exact interval arithmetic excludes the bit, which `bits` must contain."""
        layer, index = self.unit.layer, self.unit.unit
        widths = geometry.network.widths
        if not (1 <= layer <= len(widths) and 0 <= index < widths[layer - 1]):
            return False
        if self.unit.bit not in (0, 1) or bits[layer - 1][index] != self.unit.bit:
            return False
        low, high = geometry.range_of(layer, index, bits)
        if self.unit.bit:
            return high is not None and high <= 0
        return low is not None and low > 0


@dataclass(frozen=True, eq=False)
class Geometry:
    """A network on the hull of a domain: what proofs are checked against, all of it exact."""

    network: Network
    frame: Frame
    _rows: dict[tuple[Unit, bytes], tuple[Row, fmpq]] = field(default_factory=dict)

    @staticmethod
    def of(network: Network, domain: Domain) -> Geometry:
        """In the domain's own coordinates."""
        frame = Frame.of(domain)
        return Geometry(frame.pull(network), frame)

    def unit_row(self, unit: Unit, bits: Sequence[np.ndarray]) -> tuple[Row, fmpq]:
        """(a, b) with a·u <= b where the pre-activation is >= 0 (bit 1) or <= 0 (bit 0)."""
        key = unit, b"".join(layer.tobytes() for layer in bits[: unit.layer - 1])
        if key not in self._rows:
            coefficients, constant = exact_row(self.network, bits, unit.layer, unit.unit)
            sign = -1 if unit.bit else 1
            row = {j: sign * a for j, a in enumerate(coefficients) if a}
            self._rows[key] = row, -sign * constant
        return self._rows[key]

    def side_row(self, side: DomainSide) -> tuple[Row, fmpq] | None:
        """(a, b) with a·u <= b on the domain; None if it has no such side."""
        frame, index = self.frame, side.index
        if side.where == "row" and 0 <= index < len(frame.limits):
            cols, values = frame.rows.row(index)
            return dict(zip(cols.tolist(), values, strict=True)), frame.limits[index]
        if side.where not in ("lower", "upper") or not 0 <= index < frame.dim:
            return None
        bound = frame.lower[index] if side.where == "lower" else frame.upper[index]
        if bound is None:
            return None
        sign = -1 if side.where == "lower" else 1
        return {index: fmpq(sign)}, sign * bound

    def range_of(
        self, layer: int, index: int, bits: Sequence[np.ndarray]
    ) -> tuple[fmpq | None, fmpq | None]:
        """Bounds of one pre-activation over the domain's box; None where there is none."""
        ranges = [list(zip(self.frame.lower, self.frame.upper, strict=True))]
        for position in range(1, layer):
            below = self.network.layers[position - 1]
            outputs = []
            for unit in range(below.units):
                bit = int(bits[position - 1][unit])
                if bit == 0:
                    outputs.append((ZERO, ZERO))
                    continue
                low, high = self._range(position, unit, ranges)
                low = ZERO if low is None or low < 0 else low
                outputs.append((low, high if high is None or high > 0 else ZERO))
            ranges.append(outputs)
        return self._range(layer, index, ranges)

    def _range(
        self, position: int, unit: int, ranges: list[list[tuple[fmpq | None, fmpq | None]]]
    ) -> tuple[fmpq | None, fmpq | None]:
        layer = self.network.layers[position - 1]
        low: fmpq | None = layer.bias.entry(unit, 0)
        high: fmpq | None = low
        for source, block in layer.weights:
            cols, values = block.row(unit)
            for j, a in zip(cols.tolist(), values, strict=True):
                if not a:
                    continue
                below, above = ranges[source][j] if a > 0 else ranges[source][j][::-1]
                low = None if low is None or below is None else low + a * below
                high = None if high is None or above is None else high + a * above
        return low, high

    @cached_property
    def _inputs(self) -> dict[int, str]:
        """Names of the coordinates: the input that each of them is, where it is one."""
        names: dict[int, str] = {}
        rows, cols, values, _ = self.frame.basis.entries
        used = np.bincount(rows, minlength=len(self.frame.origin))
        for i, j, v in zip(rows.tolist(), cols.tolist(), values.tolist(), strict=True):
            if v == 1 and used[i] == 1 and not self.frame.origin[i]:
                names.setdefault(j, f"input {i}")
        return names

    def side(self, where: str, index: int) -> DomainSide:
        """A side with its name."""
        if where == "row":
            return DomainSide(where, index, self.frame.names[index])
        what = self._inputs.get(index, f"coordinate {index} of the domain")
        return DomainSide(where, index, f"{where} bound of {what}")
