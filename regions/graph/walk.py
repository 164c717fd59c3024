"""`way_along`: a way between two regions through facets, along a straight line if it meets no more.

A line from inside one region to inside another passes from region to region.  Each passage is a
step of the region graph if the point of passage is in the relative interior of a facet: if the
units that are zero there all vanish on one hyperplane.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from flint import fmpq

from regions.composition import exact_row
from regions.counting.tree import Stop
from regions.geometry.body import Body
from regions.geometry.centred import Centred
from regions.graph.endpoints import coordinates
from regions.graph.path import Coordinates
from regions.graph.pieces import pieces_of
from regions.network import Layer, Network
from regions.pattern import Pattern
from solvers.exact_matrix import ExactMatrix

TRIES = 3
ZERO, ONE = fmpq(0), fmpq(1)
Form = tuple[list[fmpq], fmpq]


def way_along(first: Body, last: Body, stop: Stop) -> tuple[list[Pattern], list[Coordinates]]:
    """Patterns and points on a straight way between two regions; empty if none was found.

    Raises
    ------
    Stopped
        When `stop` returned true.
    """
    if first.pattern == last.pattern:
        return [first.pattern], [coordinates(first.point(first.interior))]
    network = first.frame.pull(first.network)
    rng = np.random.default_rng(0)
    for attempt in range(TRIES):
        a, b = (_moved(body, attempt, rng) for body in (first, last))
        found = _straight_way(network, first, a, b, stop)
        if found is not None:
            return found
    return [], []


def _moved(body: Body, attempt: int, rng: np.random.Generator) -> Sequence[fmpq]:
    """A point inside, at random near the one that is known."""
    if attempt == 0:
        return body.interior
    centred = Centred.of(body, body.interior)
    v = rng.uniform(-1, 1, body.dim) / (4.0 * max(1, body.dim))
    values, errors = centred.values(v[None, :])
    return centred.exact(v) if (values > errors).all() else body.interior


def _straight_way(
    network: Network, first: Body, a: Sequence[fmpq], b: Sequence[fmpq], stop: Stop
) -> tuple[list[Pattern], list[Coordinates]] | None:
    """The way along a segment over the frame's coordinates, if it goes through facets only."""

    def point(t: fmpq) -> list[fmpq]:
        return [p + t * (q - p) for p, q in zip(a, b, strict=True)]

    pieces = pieces_of(_on_line(network, a, b), ZERO, ONE, stop)
    cuts = np.cumsum(network.widths)[:-1]
    layers = [np.split(row.astype(np.int8), cuts) for row in pieces.bits]
    for bits, t in zip(layers, pieces.breakpoints, strict=False):
        if not _through_a_facet(network, bits, point(t)):
            return None
    patterns = [Pattern.from_bits(bits) for bits in layers]
    places = [ZERO, *(pieces.inside(k) for k in range(1, len(pieces) - 1)), ONE]
    return patterns, [coordinates(first.point(point(t))) for t in places]


def _through_a_facet(network: Network, bits: list[np.ndarray], point: list[fmpq]) -> bool:
    """Whether the point lies in the relative interior of a facet of the cell of these bits."""
    lead: Form | None = None
    for position, unit in network.zero_units(point):
        row, _ = exact_row(network, bits, position, unit)
        if not any(row):
            continue
        if lead is not None and not _parallel(lead[0], row):
            return False
        lead = lead or (row, ZERO)
    return True


def _parallel(a: list[fmpq], b: list[fmpq]) -> bool:
    """Whether two non-zero rows are multiples of each other; both forms vanish at one point."""
    j = next(k for k, value in enumerate(a) if value)
    ratio = b[j] / a[j]
    return all(q == ratio * p for p, q in zip(a, b, strict=True))


def _on_line(network: Network, a: Sequence[fmpq], b: Sequence[fmpq]) -> Network:
    """The network as a function of t, at a + t (b - a)."""
    shift = ExactMatrix.column(np.array(list(a), dtype=object))
    slope = ExactMatrix.column(np.array([q - p for p, q in zip(a, b, strict=True)], dtype=object))

    def pulled(layer: Layer) -> Layer:
        weights, bias = [], layer.bias
        for source, block in layer.weights:
            if source == 0:
                bias = bias + (block @ shift).to_dense()
                block = block @ slope
            weights.append((source, block))
        return Layer(tuple(weights), bias)

    return Network(1, tuple(map(pulled, network.layers)), pulled(network.output))
