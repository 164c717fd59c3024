"""The vertices engine: low dimension, compiled; floats with error bounds, hard cells set aside.

For plain feed-forward networks on a box of dimension up to 8.  The compiled tree decides every sign
outside its error bound; a cell where it cannot (a hyperplane through a vertex, say) is handed to
the LP engine, which is exact on any input.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

from regions.composition import float_rows
from regions.counting.bounds import cells, open_node
from regions.counting.by_lp import LPEngine, LPNode
from regions.counting.forms import Halfspaces, LayerRows, Split
from regions.counting.points import Stock
from regions.counting.tree import REPORT_SECONDS, Expansion, Outcome, Stop, search
from regions.counting.vertex_kernel import (
    DONE,
    DRAIN,
    GROW,
    run,
)
from regions.counting.vertex_state import Failures, Frames, Shape, Stores
from regions.frame import Frame
from regions.network import Network
from regions.results import Progress
from solvers.float_rows import TINY, UNIT_ROUNDOFF, gamma
from solvers.interior import Inside, strict_interior

TOLERATED = 1e-11  # relative error of a vertex beyond which it is computed afresh
BUDGET = 20_000  # nodes between two looks at the clock
FAILURES = 64  # cells set aside before they are counted


class VertexEngine:
    """Counts the regions of one network on one box; cells that floats cannot tell go to `hard`."""

    def __init__(self, network: Network, frame: Frame, hard: LPEngine, stop: Stop) -> None:
        self.network = network
        self.frame = frame
        self.hard = hard
        self.stop = stop
        self.widths = np.array(network.widths)
        self.words = (int(self.widths.max()) + 63) // 64
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is never certain
            self.shape = _shape(network, hard.judge.low, hard.judge.high)
        self.state = np.zeros(6, dtype=np.int64)
        depth = 2 * network.relus + len(network.layers) + 8  # a path, and a sibling of each node
        self.stores = self._new_stores(depth, 4096)
        self.frames = _new_frames(depth, self.words)
        self.failures = self._new_failures(depth)
        self.set_aside = 0
        with np.errstate(over="ignore", invalid="ignore"):
            self._first_node()

    # -- storage ---------------------------------------------------------------------------

    def _new_stores(self, depth: int, vertices: int) -> Stores:
        dim, width = self.frame.dim, int(self.widths.max())
        scratch = vertices // 2
        return Stores(
            x=np.zeros((vertices, dim)), error=np.zeros(vertices),
            facets=np.zeros(vertices, dtype=np.uint64),
            signs=np.zeros((vertices, self.words), dtype=np.uint64),
            maps=np.zeros((depth + 1, dim + 2, width)), norms=np.zeros((depth + 1, width)),
            errors=np.zeros((depth + 1, width)),
            new_x=np.zeros((scratch, dim)), new_error=np.zeros(scratch),
            new_facets=np.zeros(scratch, dtype=np.uint64),
            new_signs=np.zeros((scratch, self.words), dtype=np.uint64),
            value=np.zeros(max(vertices, width)), slack=np.zeros(vertices),
            sides=np.stack([self.hard.judge.low, self.hard.judge.high], axis=1).reshape(-1),
            system=np.zeros((dim, dim)), vector=np.zeros((4, dim)), work=np.zeros((dim, 2 * dim)),
            order=np.zeros((dim + 1, width), dtype=np.int64),
            level=np.zeros((5, dim + 1), dtype=np.int64),
            level_facet=np.zeros((dim + 1, 64), dtype=np.int64),
        )  # fmt: skip

    def _new_failures(self, depth: int) -> Failures:
        layers = len(self.widths)
        return Failures(
            layer=np.zeros(FAILURES, dtype=np.int64), entered=np.zeros(FAILURES, dtype=bool),
            active=np.zeros((FAILURES, self.words), dtype=np.uint64),
            on=np.zeros((FAILURES, layers, self.words), dtype=np.uint64),
            path=np.zeros((FAILURES, depth, 3), dtype=np.int64),
            length=np.zeros(FAILURES, dtype=np.int64),
            middle=np.zeros((FAILURES, self.frame.dim)),
        )  # fmt: skip

    def _grow(self) -> None:
        """Twice the room for vertices."""
        old = self.stores
        self.stores = self._new_stores(len(old.maps) - 1, 2 * len(old.error))
        used = int(self.state[1])
        for name in ("x", "error", "facets", "signs"):
            getattr(self.stores, name)[:used] = getattr(old, name)[:used]
        self.stores.maps[:] = old.maps
        self.stores.norms[:] = old.norms
        self.stores.errors[:] = old.errors

    def _first_node(self) -> None:
        dim = self.frame.dim
        low, high = self.hard.judge.low, self.hard.judge.high
        for corner in range(1 << dim):
            facets = 0
            for k in range(dim):
                upper = corner >> k & 1
                self.stores.x[corner, k] = high[k] if upper else low[k]
                facets |= 1 << (2 * k + upper)
                self.frames.facet[0, 2 * k + upper] = -1 - (2 * k + upper)
            self.stores.facets[corner] = facets
            # the bounds are rounded outwards by at most one unit in the last place
            self.stores.error[corner] = float(np.max(np.abs(self.stores.x[corner])) * 2.0**-52)
        block = self.network.layers[0].weights[0][1].approx
        first = np.asarray(block if isinstance(block, np.ndarray) else block.toarray())
        rows = self.stores.maps[-1]
        rows[:dim, : self.widths[0]] = first.T
        rows[dim, : self.widths[0]] = np.asarray(self.network.layers[0].bias.approx)[:, 0]
        size = np.abs(rows[:dim]).T @ self.shape.size + np.abs(rows[dim])
        rows[dim + 1] = 2 * UNIT_ROUNDOFF * size  # weights that are no doubles are rounded
        self.frames.layer[0] = self.frames.parent[0] = self.frames.unit[0] = -1
        self.frames.number[0] = self.state[1] = 1 << dim
        self.state[0] = 1

    # -- counting --------------------------------------------------------------------------

    def count(self, limit: int, progress: Callable[[Progress], None] | None) -> Outcome:
        """Count until nothing is left or `stop` says so."""
        start = last = time.monotonic()
        found, upper = 0, limit
        left_low = left_high = 0  # what interrupted searches of hard cells left open
        nodes = 0
        while True:
            code = run(self.shape, self.frames, self.stores, self.failures, self.state, BUDGET)
            if code == GROW:
                self._grow()
            if code in (DONE, DRAIN):
                for index in range(int(self.state[5])):
                    outcome = self._count_set_aside(index)
                    nodes += outcome.nodes
                    if outcome.stopped is None:
                        found += outcome.lower
                    else:
                        left_low += outcome.lower
                        left_high += outcome.upper
                self.set_aside += int(self.state[5])
                self.state[5] = 0
            found_now = found + int(self.state[2])
            opened = list(self._open())
            low = found_now + len(opened) + left_low
            upper = min(upper, found_now + sum(bound for _, bound in opened) + left_high)
            reason = self.stop.reason()
            now = time.monotonic()
            if code == DONE or reason is not None:
                total = nodes + int(self.state[3])
                if progress is not None:
                    progress(Progress(found_now, low, upper, len(opened), 0, 0, now - start))
                stopped = reason if opened or left_high else None
                return Outcome(low, upper, stopped, total, now - start)
            if progress is not None and now - last >= REPORT_SECONDS:
                last = now
                layer = 1 + (opened[-1][0] if opened else 0)
                depth = len(opened)
                progress(Progress(found_now, low, upper, len(opened), layer, depth, now - start))

    def _open(self) -> Iterator[tuple[int, int]]:
        """(layer, bound) of every node on the stack that is not expanded yet."""
        dim = self.frame.dim
        later = [(int(w), int(w)) for w in self.widths]
        alive = [0] * (len(self.widths) + 1)
        for f in range(int(self.state[0])):
            layer = int(self.frames.layer[f])
            on = sum(int(word).bit_count() for word in self.frames.on[f])
            cutting = sum(int(word).bit_count() for word in self.frames.active[f])
            alive[layer] = on + cutting
            if self.frames.expanded[f]:
                continue
            rank = min([dim, *alive[:layer]]) if layer > 0 else dim
            if layer < 0:
                yield layer, open_node(0, dim, dim, later, feed_forward=True)
            else:
                yield (
                    layer,
                    open_node(cutting, on + cutting, rank, later[layer + 1 :], feed_forward=True),
                )

    # -- cells set aside -------------------------------------------------------------------

    def _count_set_aside(self, index: int) -> Outcome:
        """Count one node that was set aside, exactly; bounds of it if `stop` says so first."""
        failures, dim = self.failures, self.frame.dim
        layer, entered = int(failures.layer[index]), bool(failures.entered[index])
        undecided = 0 if entered else sum(int(w).bit_count() for w in failures.active[index])
        limit = cells(undecided, dim)
        for width in self.widths[layer + 1 :].tolist():
            limit *= cells(width, dim)

        def root() -> Expansion[LPNode]:
            return self._exact_node(index)

        return search(root, self.hard.expand, limit, self.stop, None)

    def _exact_node(self, index: int) -> Expansion[LPNode]:
        failures = self.failures
        layer, entered = int(failures.layer[index]), bool(failures.entered[index])
        complete = layer + 1 if entered else layer
        on = [
            _unpacked(failures.on[index, position], width)
            for position, width in enumerate(self.widths)
        ]
        bits = tuple(on[:complete])
        path = failures.path[index, : failures.length[index]][::-1]
        split: Split | None = None
        rows_of: dict[int, LayerRows] = {}
        for position, unit, sign in path.tolist():
            if position not in rows_of:
                units = np.unique(path[path[:, 0] == position, 1])
                rows_of[position] = self._rows(tuple(on[:position]), position, units)
            rows = rows_of[position]
            place = int(np.searchsorted(rows.units, unit))
            depth = 1 if split is None else split.depth + 1
            split = Split(split, rows, place, sign, depth)
        hard = self.hard
        cell = Halfspaces(self.frame, hard.sides, () if split is None else split.path())
        stock = self._interior(cell, failures.middle[index])
        box = (hard.judge.low, hard.judge.high)
        if entered:
            return hard.enter(bits, stock, split, box)
        active = _unpacked(failures.active[index], int(self.widths[layer]))
        units = np.flatnonzero(active)
        current = on[layer].copy()
        current[units] = -1
        return hard.resume(bits, current, self._rows(bits, layer, units), stock, split, box)

    def _rows(self, bits: tuple[np.ndarray, ...], layer: int, units: np.ndarray) -> LayerRows:
        floats = float_rows(self.network, bits, layer + 1, units)
        return LayerRows(self.network, bits, layer + 1, units, floats)

    def _interior(self, cell: Halfspaces, middle: np.ndarray) -> Stock:
        if self.hard.judge.is_inside(cell, middle):
            return Stock.of([middle.copy()], self.frame.dim)
        forms = [cell.exact(i) for i in range(len(cell))]
        found = strict_interior(
            self.frame.lower,
            self.frame.upper,
            [{j: -a for j, a in enumerate(row) if a} for row, _ in forms],
            [constant for _, constant in forms],
        )
        assert isinstance(found, Inside), "a cell whose splits are certain has an interior"
        return Stock.of([found.point], self.frame.dim)


def _unpacked(words: np.ndarray, width: int) -> np.ndarray:
    bits = np.unpackbits(words.view(np.uint8), bitorder="little")
    return bits[:width].astype(np.int8)


def _new_frames(depth: int, words: int) -> Frames:
    integers = [np.zeros(depth, dtype=np.int64) for _ in range(7)]
    return Frames(
        *integers,
        expanded=np.zeros(depth, dtype=bool),
        active=np.zeros((depth, words), dtype=np.uint64),
        on=np.zeros((depth, words), dtype=np.uint64),
        facet=np.zeros((depth, 64), dtype=np.int64),
    )


def _shape(network: Network, low: np.ndarray, high: np.ndarray) -> Shape:
    """Weights, and what bounds the errors of rows and values.

    With B_1 = |W_1| and B_{l+1} = |W_{l+1}| B_l, no coefficient of layer l exceeds B_l in any
    cell, and a sum of products with K roundings on its longest chain errs by γ_K times the sum of
    absolute values: that bounds the 1-norms.  The errors of values are kept cell by cell.
    """
    widths = np.array(network.widths)
    layers, width, dim = len(widths), int(widths.max()), len(low)
    weights = np.zeros((layers, width, width))
    biases, norm_error = np.zeros((layers, width)), np.zeros((layers, width))
    relative = np.zeros(layers)
    size = np.maximum(np.abs(low), np.abs(high)) * (1 + 2.0**-30)
    bound = np.eye(dim)
    roundings = 0
    for index, layer in enumerate(network.layers):
        block = layer.weights[0][1].approx
        dense = np.asarray(block if isinstance(block, np.ndarray) else block.toarray())
        count, below = dense.shape
        biases[index, :count] = np.asarray(layer.bias.approx)[:, 0]
        if index:
            weights[index - 1, :below, :count] = dense.T
        relative[index] = gamma(below + 6)
        roundings += below + 6
        bound = np.abs(dense) @ bound
        norm_error[index, :count] = 1.01 * gamma(roundings) * bound.sum(axis=1) + network.underflow
    absolute = np.full(layers, network.underflow * (1 + size.sum()) + TINY)
    reach = float(size.max(initial=0.0))
    return Shape(
        widths, weights, biases, relative, absolute, norm_error, gamma(dim + 4), size, reach,
        TOLERATED * reach,
    )  # fmt: skip
