"""The region on the other side of a facet, exactly and without solving anything.

Let g >= 0 be the row of a facet F of a cell; outside, g < 0.  In the relative interior of F every
unit is non-zero whose row neither is a multiple of g nor vanishes on the cell's hull, so it keeps
its bit.  Let V be the other units: those that vanish on F.  Each is a multiple of g on this side,
z = a g (a = 0 where it vanishes on the hull).  By induction over the layers each is one on the
other side as well, z' = (a + δ) g: the outputs of the units before it have changed by multiples of
g.  So F has one neighbour, and its bit of a unit of V is 1 iff a + δ < 0.  Bits that differ belong
to units of V, and a unit of V need not flip.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from flint import fmpq

from regions.geometry.body import Body
from regions.geometry.coinciding import factor
from regions.geometry.facets import Facet, Facets
from regions.network import Network
from regions.pattern import Pattern
from solvers.exact_matrix import ExactMatrix

ZERO = fmpq(0)
Unit = tuple[int, int]


@dataclass(frozen=True)
class Neighbour:
    """A region that shares a facet with the cell.

    `flipped` are the units (layer from 1, unit from 0) whose bits differ.
    """

    facet: Facet
    pattern: Pattern
    flipped: tuple[Unit, ...]


def neighbour(body: Body, facet: Facet) -> Neighbour | None:
    """The region beyond a facet; None where the domain ends.

    Examples
    --------
    >>> from regions.domain import Box
    >>> from regions.geometry.centred import Centred
    >>> from regions.geometry.facets import facets
    >>> from solvers.backend import get_backend
    >>> network = Network.from_layers([([[1], [-1]], [0, 0]), ([[1, 1]], [0]), ([[1]], [0])])
    >>> body = Body.of(network, Pattern.parse("10/1"), Box.cube(1, -1, 1))
    >>> found = facets(Centred.of(body, body.interior), get_backend("highs"))
    >>> [neighbour(body, facet) for facet in found.facets][0]
    """
    if facet.sides:
        return None
    units = facet.units
    flips = units
    if len(units) > 1 or body.vanishing:
        flips = _flipped(body, facet)
    changes = {unit: 1 - int(body.pattern.bit(*unit) or 0) for unit in flips}
    return Neighbour(facet, body.pattern.with_bits(changes), tuple(flips))


def neighbours(body: Body, found: Facets) -> tuple[Neighbour, ...]:
    """The regions beyond the facets, in the order of the facets."""
    each = (neighbour(body, facet) for facet in found.facets)
    return tuple(beyond for beyond in each if beyond is not None)


def _flipped(body: Body, facet: Facet) -> tuple[Unit, ...]:
    """The units of V whose bit differs on the other side."""
    lead, _ = body.exact(facet.row)
    slopes: dict[Unit, fmpq] = dict.fromkeys(body.vanishing, ZERO)
    for row, origin in zip(facet.rows, facet.origins, strict=True):
        size = factor(body.exact(row)[0], lead)
        assert size is not None and size > 0, "rows of a facet are multiples of each other"
        bit = getattr(origin, "bit", 1)
        slopes[origin.layer, origin.unit] = size if bit == 1 else -size  # type: ignore[union-attr]
    return _beyond(body.network, list(body.pattern.layers()), slopes)


def _beyond(
    network: Network, bits: list[np.ndarray], slopes: Mapping[Unit, fmpq]
) -> tuple[Unit, ...]:
    """Carry the changes of the outputs, as multiples of g, through the layers."""
    flipped: list[Unit] = []
    changes: list[dict[int, fmpq]] = [{}]  # of the outputs, by layer; the input does not change
    for position, layer in enumerate(network.layers, start=1):
        delta: dict[int, fmpq] = {}
        for source, block in layer.weights:
            if changes[source]:
                _add(delta, block, changes[source])
        change: dict[int, fmpq] = {}
        for unit, shift in delta.items():
            if (position, unit) not in slopes and bits[position - 1][unit] == 1 and shift:
                change[unit] = shift
        for (at, unit), slope in slopes.items():
            if at != position:
                continue
            here, there = int(bits[position - 1][unit]), slope + delta.get(unit, ZERO)
            bit = int(there < 0)
            if bit != here:
                flipped.append((position, unit))
            moved = bit * there - here * slope
            if moved:
                change[unit] = moved
        changes.append(change)
    return tuple(sorted(flipped))


def _add(delta: dict[int, fmpq], block: ExactMatrix, change: Mapping[int, fmpq]) -> None:
    """δ += W·change."""
    transposed = block.transpose()
    for unit, value in change.items():
        cols, weights = transposed.row(unit)
        for j, weight in zip(cols.tolist(), weights, strict=True):
            delta[j] = delta.get(j, ZERO) + weight * value
