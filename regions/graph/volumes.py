"""The volumes of all regions of a graph, exactly: their facets are known already."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
from flint import fmpq, fmpq_mat

from regions.composition import exact_row
from regions.errors import RegionsError
from regions.figures import Certain, root, times
from regions.frame import Frame
from regions.geometry.volume import lattice_volume
from regions.graph.adjacency import RegionGraph
from regions.query.cell_rows import side_form
from solvers.exact_simplex import Row, Stopped
from solvers.rational import fraction
from solvers.skeleton import Skeleton


def volumes(
    graph: RegionGraph, stop: Callable[[], bool] | None = None
) -> tuple[Certain | None, ...]:
    """The volume of each node's region, within the domain's hull; None where it is infinite.

    Rational where the hull's coordinates are inputs, as in a box; else a root of a rational, which
    comes as an interval of doubles.  They sum to the domain's volume.

    Raises
    ------
    RegionsError
        If facets are missing in the graph.
    solvers.skeleton.TooLarge
        If a region has too many vertices: there, see `estimate`.
    Stopped
        When `stop` returned true.

    Examples
    --------
    >>> from regions.domain import Box
    >>> from regions.graph.adjacency import region_graph
    >>> from regions.network import Network
    >>> network = Network.from_layers([([[1, 0], [1, 2]], [0, -1]), ([[1, 1]], [0])])
    >>> graph = region_graph(network, Box.cube(2, -1, 1), engine="lp")
    >>> [str(volume) for volume in volumes(graph)]
    ['7/4', '1/4', '5/4', '3/4']
    """
    if not graph.exact:
        raise RegionsError(
            "volumes(): needs a graph with all regions and facets, got one that a limit ended; "
            "give it more time"
        )
    frame = Frame.of(graph.domain)
    network = frame.pull(graph.network)
    sides = _sides(frame)
    facets: list[list[int]] = [[] for _ in range(len(graph))]
    for (a, b), flips in zip(graph.edges.tolist(), graph.flips, strict=True):
        facets[a].append(flips[0])
        facets[b].append(flips[0])
    cuts = np.cumsum(network.widths)[:-1]
    scale = _scale(frame)
    result: list[Certain | None] = []
    for node, units in enumerate(facets):
        if stop is not None and stop():
            raise Stopped
        bits = np.split(graph.patterns[node].astype(np.int8), cuts) if network.widths else []
        rows = list(sides)
        for layer, unit in graph.units(tuple(sorted(set(units)))):
            form, constant = exact_row(network, bits, layer, unit)
            sign = 1 if bits[layer - 1][unit] else -1
            rows.append(({j: sign * a for j, a in enumerate(form) if a}, sign * constant))
        skeleton = Skeleton.of(frame.dim, rows, stop=stop)
        if not frame.dim:
            result.append(Fraction(1))
        elif not skeleton.is_bounded:
            result.append(None)
        else:
            result.append(times(fraction(lattice_volume(skeleton)), scale))
    return tuple(result)


def _sides(frame: Frame) -> list[tuple[Row, fmpq]]:
    """The rows of the domain: a·u + β >= 0."""
    rows: list[tuple[Row, fmpq]] = []
    for j, (low, high) in enumerate(zip(frame.lower, frame.upper, strict=True)):
        rows += [({j: fmpq(1)}, -low)] if low is not None else []
        rows += [({j: fmpq(-1)}, high)] if high is not None else []
    return rows + [side_form(frame, index) for index in range(len(frame.limits))]


def _scale(frame: Frame) -> Certain:
    """√det(BᵀB): the volume over x of the unit cube over u."""
    if frame.basis.is_identity or not frame.dim:
        return Fraction(1)
    dense = frame.basis.dense()
    matrix = fmpq_mat(dense.shape[0], dense.shape[1], dense.reshape(-1).tolist())
    return root((matrix.transpose() * matrix).det())
