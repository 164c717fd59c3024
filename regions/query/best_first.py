"""The cheapest pattern of a network: best first, with a certain lower bound at any time.

Every open node has a lower bound of the prices in it.  The least of these, and the price of the
best pattern met so far, enclose the least price.  Nodes that cannot beat the best are dropped.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from regions.counting.points import ExactPoint
from regions.counting.tree import REPORT_SECONDS, Stop
from regions.counting.witness import Witness
from regions.frame import Frame
from regions.network import Network
from regions.query.branches import Found
from regions.query.price import REFUSED, Price
from regions.query.trees import Step, Tree
from regions.query.witnesses import in_domain
from regions.results import SearchProgress
from solvers.backend import Backend
from solvers.exact_simplex import Stopped
from solvers.rational import floats, rational

MANY = 2000  # waiting nodes, from which on they are kept light


@dataclass(eq=False)
class Best:
    """The cheapest pattern met so far.

    `inside` asks for patterns of regions: the point has to lie inside one.  `backend` and `stop`
    serve to find such a point where only the pattern is known.
    """

    network: Network
    frame: Frame
    price: Price
    inside: bool
    backend: Backend
    stop: Stop
    value: int = REFUSED
    found: Found | None = None

    def __post_init__(self) -> None:
        self.witness = Witness(self.network, self.frame)
        self.layers = Floats(self.network)

    def offer(self, points: np.ndarray | None) -> None:
        """Take the cheapest of some points (n, dim), once that is decided exactly."""
        if points is None or not len(points):
            return
        points = points[np.isfinite(points).all(axis=1)]
        prices = self.price.of(self.layers.bits(points))
        for place in np.argsort(prices, kind="stable").tolist():
            if prices[place] >= self.value:  # or so say floats: points are proposals
                return
            self.take(tuple(rational(v) for v in points[place].tolist()))

    def take(self, point: ExactPoint) -> None:
        """Take a point if its pattern is cheaper and allowed; exactly."""
        pattern = self.network.pattern(point)
        bits = pattern.units()
        value = int(self.price.of(bits[None, :])[0])
        if value >= self.value:
            return
        is_allowed = self._is_inside(bits, point) if self.inside else in_domain(self.frame, point)
        if is_allowed:
            self.value, self.found = value, Found(point, pattern)

    def leaf(self, bits: np.ndarray, point: ExactPoint) -> None:
        """Take a pattern that is certain, if it is cheaper; the point has it."""
        value = int(self.price.of(bits[None, :])[0])
        if value >= self.value:
            return
        if self.inside and not self._is_inside(bits, point):
            point = self.witness.some_point(bits.astype(np.uint8), self.backend, self.stop)
        self.value, self.found = value, Found(point, self.network.pattern(point))

    def _is_inside(self, bits: np.ndarray, point: ExactPoint) -> bool:
        """Whether the point lies inside the region of these bits."""
        x, flat = floats(np.array(point, dtype=object)), bits.astype(np.uint8)
        if all(v == q for v, q in zip(x.tolist(), point, strict=True)) and bool(
            self.witness.is_sure(flat[None, :], x[None, :])[0]
        ):
            return True
        return self.witness.is_inside(flat, point)


class Floats:
    """Patterns of many points at once, in floats: proposals."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def bits(self, points: np.ndarray) -> np.ndarray:
        """(n, units) bits of points (n, dim)."""
        values, parts = [points.T], [np.zeros((0, len(points)), dtype=bool)]
        with np.errstate(all="ignore"):
            for layer in self._network.layers:
                z = np.repeat(np.asarray(layer.bias.approx), len(points), axis=1)
                for source, block in layer.weights:
                    z = z + block.approx @ values[source]
                parts.append(z > 0)
                values.append(np.maximum(z, 0.0))
        return np.concatenate(parts).T.astype(np.int8)


@dataclass(eq=False)
class Search:
    """A search of a tree that can be interrupted and taken up again.

    Attributes
    ----------
    floor
        At most the least price, as known from elsewhere.
    """

    tree: Tree
    best: Best
    stop: Stop
    progress: Callable[[SearchProgress], None] | None = None
    floor: int = 0
    nodes: int = 0
    ended: bool = False
    _heap: list[tuple[int, int, int, object]] = field(default_factory=list)
    _serial: int = 0
    _begun: bool = False
    _start: float = field(default_factory=time.monotonic)
    _last: float = 0.0

    @property
    def lower(self) -> int:
        """At most the least price."""
        if not self._begun:
            return min(self.floor, self.best.value)
        waiting = self._heap[0][0] if self._heap else REFUSED
        return min(max(self.floor, waiting), self.best.value)

    def run(self, deadline: float | None = None) -> None:
        """Go on until the least price is known, or a deadline has passed.

        Raises
        ------
        Stopped
            When `stop` said so; the search can go on all the same.
        """
        if not self._begun:
            root = self.tree.root()
            self._offer(root)
            self._push(root, 0)
            self._begun = True
        while self._heap and self.lower < self.best.value:
            if self.stop():
                raise Stopped
            if deadline is not None and time.monotonic() >= deadline:
                return
            bound, _, _, node = self._heap[0]  # it stays until all that comes of it is known
            step = self.tree.expand(node)
            self._offer(step)
            heapq.heappop(self._heap)
            self._push(step, bound)
            self.nodes += 1
            self._report()
        self.ended = True

    def _offer(self, step: Step) -> None:
        for bits, point in step.leaves:
            self.best.leaf(bits, point)
        self.best.offer(step.points)

    def _push(self, step: Step, above: int) -> None:
        for node in step.children:
            bound = max(self.best.price.lower(self.tree.known(node)), above)
            if bound >= self.best.value:
                continue
            self._serial += 1
            kept = self.tree.lightened(node) if len(self._heap) > MANY else node
            entry = (bound, -self.tree.depth(node), self._serial, kept)
            heapq.heappush(self._heap, entry)

    def _report(self) -> None:
        now = time.monotonic()
        if self.progress is None or now - self._last < REPORT_SECONDS:
            return
        self._last = now
        upper = None if self.best.value == REFUSED else self.best.value
        waiting = len(self._heap)
        spent = now - self._start
        self.progress(SearchProgress(self.lower, upper, self.nodes, waiting, spent))
