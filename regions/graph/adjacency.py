"""`region_graph`: all regions of a network, and which of them share a facet."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.counting.api import describe
from regions.counting.listing import Listing
from regions.counting.prefix import Prefix
from regions.counting.question import Question, checked_seconds
from regions.counting.statistics import statistics
from regions.counting.tree import REPORT_SECONDS, Stop, interruptible
from regions.domain_base import Domain
from regions.graph.crossings import Flat, Known, Pair, crossings
from regions.graph.deciding import Decider
from regions.graph.distances import GraphShape, shape_of
from regions.graph.relaxing import facets_found
from regions.network import Network
from regions.pattern import Pattern
from regions.results import Count, Progress
from solvers.backend import Backend
from solvers.exact_simplex import Stopped

if TYPE_CHECKING:
    import networkx


@dataclass(frozen=True)
class GraphProgress:
    """Where a running `region_graph` stands.

    First `regions` are found, of at most `upper`; then `searched` of them were asked for their
    facets, and `pairs` may share one.
    """

    regions: int
    upper: int
    searched: int
    pairs: int
    seconds: float


@dataclass(frozen=True, eq=False, repr=False)
class RegionGraph:
    """The graph whose nodes are regions and whose edges are shared facets (meanings §2.8).

    Attributes
    ----------
    network, domain
        What it is the graph of.
    patterns
        (nodes, units) uint8 of 0 and 1, in the order of the patterns' texts.
    points
        (nodes, inputs) a point strictly inside each region.
    exact_points
        By node: the point, where no double was found (`RegionBatch`).
    edges
        (edges, 2) nodes, each pair once, ascending.
    flips
        By edge: the units whose bits differ, numbered through all layers.
    vanishing
        By edge: all units that are zero on the shared facet, of which `flips` are some.
    count
        The number of regions; its bounds, if not all were found.
    all_edges
        Whether every pair of the nodes was decided.
    stats
        How the edges were found.
    """

    network: Network
    domain: Domain
    patterns: np.ndarray
    points: np.ndarray
    exact_points: Mapping[int, tuple[Fraction, ...]]
    edges: np.ndarray
    flips: tuple[Flat, ...]
    vanishing: tuple[Flat, ...]
    count: Count
    all_edges: bool
    stats: Mapping[str, object] = field(default_factory=dict)

    def __repr__(self) -> str:
        state = "" if self.exact else ", incomplete"
        return f"RegionGraph({len(self.patterns)} nodes, {len(self.edges)} edges{state})"

    def __len__(self) -> int:
        return len(self.patterns)

    @property
    def exact(self) -> bool:
        """Whether all regions and all shared facets are in it."""
        return self.count.exact and self.all_edges

    def pattern(self, node: int) -> Pattern:
        """The pattern of a node."""
        widths = self.network.widths
        if not widths:
            return Pattern.from_bits([])
        return Pattern.from_bits(np.split(self.patterns[node], np.cumsum(widths)[:-1]))

    def point(self, node: int) -> tuple[float, ...] | tuple[Fraction, ...]:
        """A point strictly inside a node's region: doubles, or fractions where none was found."""
        return self.exact_points.get(node) or tuple(self.points[node].tolist())

    def units(self, flat: Flat) -> list[tuple[int, int]]:
        """Units numbered through all layers, as (layer from 1, unit from 0)."""
        starts = np.concatenate([[0], np.cumsum(self.network.widths)])
        layers = np.searchsorted(starts, flat, side="right")
        return [(int(k), int(u - starts[k - 1])) for k, u in zip(layers, flat, strict=True)]

    @cached_property
    def degrees(self) -> np.ndarray:
        """(nodes,) the number of neighbours of each."""
        return np.bincount(self.edges.reshape(-1), minlength=len(self))

    def shape(self, time_limit: float | None = None) -> GraphShape:
        """Diameter, components, bipartite or not.

        Parameters
        ----------
        time_limit
            The diameter takes many searches; after so many seconds it is left as bounds.
        """
        stop = Stop(None if time_limit is None else time.monotonic() + time_limit)
        return shape_of(len(self), self.edges, stop)

    def to_networkx(self, maps: bool = False) -> networkx.Graph:
        """As a networkx graph; its nodes are the patterns' texts.

        Nodes have `point`; with `maps` also `weight` (outputs, inputs) and `bias` (outputs,), the
        affine map of the network there, as nearest doubles.  Edges have `flipped` and `vanishing`,
        lists of (layer, unit), and `bits`, the number of the former.

        Examples
        --------
        >>> from regions.domain import Box
        >>> network = Network.from_layers([([[1, 0], [0, 1]], [0, 0]), ([[1, 1]], [0])])
        >>> graph = region_graph(network, Box.cube(2, -1, 1), engine="lp").to_networkx()
        >>> sorted(graph["00"]), graph.edges["00", "10"]["flipped"]
        (['01', '10'], [(1, 0)])
        """
        import networkx

        names = [str(self.pattern(node)) for node in range(len(self))]
        graph = networkx.Graph()
        for node, name in enumerate(names):
            graph.add_node(name, point=self.point(node), **(self.map(node) if maps else {}))
        for (a, b), flips, vanishing in zip(
            self.edges.tolist(), self.flips, self.vanishing, strict=True
        ):
            graph.add_edge(
                names[a], names[b], bits=len(flips), flipped=self.units(flips),
                vanishing=self.units(vanishing),
            )  # fmt: skip
        return graph

    def map(self, node: int) -> dict[str, Any]:
        """The affine map on a node's region, as nearest doubles."""
        weight, bias = self.network.affine(self.pattern(node))
        dense = weight.to_dense().approx
        return {
            "weight": np.asarray(dense).tolist(),
            "bias": np.asarray(bias.approx)[:, 0].tolist(),
        }


def region_graph(
    network: Network,
    domain: Domain | None = None,
    *,
    engine: str = "auto",
    layers: int | None = None,
    time_limit: float | None = None,
    progress: Callable[[GraphProgress], None] | None = None,
    backend: str | Backend = "highs",
) -> RegionGraph:
    """All regions and all pairs of them that share a face of dimension dim D - 1.

    The regions are listed (`iter_regions`).  Beyond a hyperplane on the boundary of a region lies
    one region, whose bits are known; it is looked up.  So there is no linear program for a pair,
    except where the points at hand do not show whether the facet is there (`stats` counts these).
    Every edge, and every absent one, is certain.

    Parameters
    ----------
    network, domain, engine, layers, backend
        As in `iter_regions`; the regions must fit into memory.
    progress
        Called about ten times a second.
    time_limit
        Stop after so many seconds; the graph then has the regions and facets found by then.

    Raises
    ------
    DomainError
        If the domain is empty or has another dimension than the network's input.
    InputError
        If an option is out of range.

    Examples
    --------
    >>> from regions.domain import Box
    >>> network = Network.from_layers([([[1, 0], [0, 1]], [0, 0]), ([[1, 1]], [0])])
    >>> graph = region_graph(network, Box.cube(2, -1, 1), engine="lp")
    >>> graph, graph.shape().diameter
    (RegionGraph(4 nodes, 4 edges), 2)
    """
    start = time.monotonic()
    question = Question.of("region_graph", network, domain, engine, layers, backend)
    limit = checked_seconds("region_graph", time_limit)
    stop = Stop(None if limit is None else start + limit)
    with interruptible(stop):
        return _build(question, stop, _Report(progress, start))


class _Report:
    """Tells how far it is, ten times a second."""

    def __init__(self, told: Callable[[GraphProgress], None] | None, start: float) -> None:
        self.told, self.start, self.last = told, start, start
        self.regions = 0

    def found(self, progress: Progress) -> None:
        """While regions are listed."""
        self._tell(progress.regions, progress.upper, 0, 0)

    def searched(self, regions: int, pairs: int) -> None:
        """While facets are looked for."""
        self._tell(self.regions, self.regions, regions, pairs)

    def _tell(self, regions: int, upper: int, searched: int, pairs: int) -> None:
        now = time.monotonic()
        if self.told is not None and now - self.last >= REPORT_SECONDS:
            self.last = now
            self.told(GraphProgress(regions, upper, searched, pairs, now - self.start))


def _build(question: Question, stop: Stop, report: _Report) -> RegionGraph:
    listing: Listing | None = None
    bits, points, exact, used = [], [], {}, 0
    with suppress(Stopped):
        listing = Listing.of(question, stop, report.found)
        for batch in listing.batches():
            bits.append(batch.patterns)
            points.append(batch.points)
            exact |= {used + row: point for row, point in batch.exact_points.items()}
            used += len(batch)
    network = question.counted
    known, order = _known(question, listing, bits, points, exact)
    place = {int(old): new for new, old in enumerate(order.tolist())}
    pairs: list[Pair] = []
    stats: dict[str, int] = {}
    finished = False
    if known is not None:
        report.regions = len(known)
        finished, pairs, stats = _pairs(known, question, stop, report)
    pairs.sort(key=lambda pair: (min(pair.first, pair.second), max(pair.first, pair.second)))
    edges = np.array([sorted((pair.first, pair.second)) for pair in pairs], dtype=np.int64).reshape(
        -1, 2
    )
    count = _counted(question, listing, stop, report.start)
    if used < count.lower:
        finished = False
    return RegionGraph(
        network=network, domain=question.domain,
        patterns=np.zeros((0, network.relus), np.uint8) if known is None else known.bits,
        points=np.zeros((0, network.inputs)) if known is None else known.points,
        exact_points={place[row]: point for row, point in exact.items()},
        edges=edges, flips=tuple(pair.flips for pair in pairs),
        vanishing=tuple(pair.vanishing for pair in pairs),
        count=count, all_edges=finished, stats=stats,
    )  # fmt: skip


def _known(
    question: Question,
    listing: Listing | None,
    bits: list[np.ndarray],
    points: list[np.ndarray],
    exact: Mapping[int, object],
) -> tuple[Known | None, np.ndarray]:
    """The regions in the order of their patterns, and the old numbers in this order."""
    if listing is None or not bits:
        return None, np.zeros(0, dtype=np.int64)
    table, x = np.concatenate(bits), np.concatenate(points)
    order = np.lexsort(table.T[::-1]) if table.shape[1] else np.arange(len(table))
    spread = np.zeros_like(x)
    for row in exact:
        spread[row] = np.abs(x[row]) * 2.0**-52 + 1e-300
    known = Known(question.counted, listing.problem.frame, table[order], x[order], spread[order])
    return known, order


def _pairs(
    known: Known, question: Question, stop: Stop, report: _Report
) -> tuple[bool, list[Pair], dict[str, int]]:
    """(whether all pairs were decided, those that share a facet, how)."""
    decider = Decider(known, question.domain, question.backend, stop)
    edges: list[Pair] = []
    numbers: dict[str, int] = {}
    finished = False
    with suppress(Stopped):
        found = crossings(known, decider.pairs, report.searched, stop)
        edges += found.edges
        numbers = {
            "pairs": len(found.edges) + len(found.undecided),
            "coinciding_regions": found.exact_regions,
        }
        moved = facets_found(known, found.undecided)
        edges += [pair for pair, sure in zip(found.undecided, moved, strict=True) if sure]
        numbers["by_points"] = len(edges)
        for pair, sure in zip(found.undecided, moved, strict=True):
            report.searched(len(known), numbers["pairs"])
            if not sure and decider.share_a_facet(pair):
                edges.append(pair)
        finished = True
    for name in ("by_rays", "programs", "by_pivots"):
        numbers[name] = decider.numbers[name]
    return finished, edges, numbers


def _counted(question: Question, listing: Listing | None, stop: Stop, start: float) -> Count:
    widths, dim = question.counted.widths, question.domain.dim
    if listing is None:
        lower, upper = 0, Prefix((), None, (), np.zeros(0)).bound(widths, dim)
        used, why = question.engine, "stopped before an interior point of the domain was found"
    else:
        (lower, upper), used, why = listing.bounds(), listing.problem.engine, listing.why
    return Count(
        lower=lower, upper=upper, engine=used, why=why, seconds=time.monotonic() - start,
        stopped=stop.reason() if stop.interrupted or listing is None or not listing.ended else None,
        domain=question.domain.spec, model=describe(question.network),
        stats={} if listing is None else statistics(listing.numbers, listing.problem.frame.dim),
    )  # fmt: skip
