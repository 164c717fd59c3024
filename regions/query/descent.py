"""Points with cheap patterns, by local descent in floats: proposals.

From the best points of a sample, the hyperplanes of the units that cost something are crossed, one
at a time, and steps in random directions are made; the best points go on.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from regions.composition import float_rows
from regions.counting.forms import Halfspaces
from regions.frame import Frame
from regions.network import Network
from regions.query.best_first import Floats
from regions.query.price import Price
from solvers.rational import floats

SAMPLE = 512
KEPT = 4  # points that go on
STEPS = 64  # random ones from each
REACH = 4.0  # of the first sample, where a coordinate has no bound
STALE = 4  # rounds without a better point end the descent
ACROSS = (2.0**-20, 2.0**-6)  # how far beyond a hyperplane, relative to the distance to it
ENTRIES = 50_000_000  # units x inputs x points kept, beyond which no hyperplanes are crossed


class Descent:
    """Descends from sample to sample; the same seed, the same points."""

    def __init__(self, network: Network, frame: Frame, price: Price, seed: int) -> None:
        self._network = network
        self._price = price
        self._floats = Floats(network)
        self._random = np.random.default_rng(seed)
        self._sides = Halfspaces.sides_of(frame)
        self._middle = floats(np.array(frame.interior, dtype=object))
        low, high = frame.box()
        below = np.where(np.isfinite(low), low, self._middle - REACH)
        above = np.where(np.isfinite(high), high, self._middle + REACH)
        self._size = above - below
        edge = 2.0**-30 * self._size
        self._from, self._to = below, above
        self._low = np.where(np.isfinite(low), low + edge, -np.inf)
        self._high = np.where(np.isfinite(high), high - edge, np.inf)

    def points(self, starts: np.ndarray, stop: Callable[[], bool]) -> np.ndarray:
        """The best points (n, dim) met, the best first."""
        dim = len(self._middle)
        sample = self._from + self._size * self._random.random((SAMPLE, dim))
        sample = np.concatenate([starts, self._middle[None, :], sample])
        kept, prices = self._best(self._inside(sample))
        spread, stale = 0.5, 0
        while stale < STALE and len(kept) and not stop():
            best = prices[0]
            moves = [kept]
            for point in kept:
                steps = self._random.standard_normal((STEPS, dim)) * spread * self._size
                moves.append(point + steps * self._random.random((STEPS, 1)) ** 3)
                moves.append(self._across(point))
            kept, prices = self._best(self._inside(np.concatenate(moves)))
            if prices[0] >= best:
                stale, spread = stale + 1, spread / 4
            else:
                stale = 0
        return kept

    def _best(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        prices = self._price.of(self._floats.bits(points))
        order = np.argsort(prices, kind="stable")
        _, first = np.unique(prices[order], return_index=True)  # some variety
        picked = order[np.concatenate([first, np.setdiff1d(np.arange(len(order)), first)])][:KEPT]
        return points[picked], prices[picked]

    def _inside(self, points: np.ndarray) -> np.ndarray:
        """The points moved into the box, without those outside the domain's rows."""
        points = np.clip(points, self._low, self._high)
        points = points[np.isfinite(points).all(axis=1)]
        if len(self._sides.c):
            values, _ = self._sides.at(points)
            outside = ~(values > 0).all(axis=1)
            points[outside] = self._middle + (points[outside] - self._middle) / 4
            values, _ = self._sides.at(points)
            points = points[(values > 0).all(axis=1)]
        return points

    def _across(self, point: np.ndarray) -> np.ndarray:
        """For each unit that costs something, points just beyond its hyperplane."""
        network, dim = self._network, len(point)
        if network.relus * dim * KEPT > ENTRIES:
            return np.zeros((0, dim))
        flat = self._floats.bits(point[None, :])[0]
        off, on = self._price.costs()
        paid = np.where(flat == 1, on > off, off > on)
        bits: list[np.ndarray] = []
        moves, start = [np.zeros((0, dim))], 0
        for position, width in enumerate(network.widths, start=1):
            units = np.flatnonzero(paid[start : start + width])
            if len(units):
                rows = float_rows(network, bits, position, units)
                with np.errstate(all="ignore"):
                    length = (rows.a**2).sum(axis=1)
                    step = -(rows.a @ point + rows.c) / length
                keep = np.isfinite(step)
                moves += [point + (1 + share) * step[keep, None] * rows.a[keep] for share in ACROSS]
            bits.append(flat[start : start + width])
            start += width
        return np.concatenate(moves)
