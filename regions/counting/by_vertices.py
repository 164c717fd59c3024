"""The vertices engine: low dimension, compiled; floats with error bounds, rationals inside them.

For plain feed-forward networks on a box of dimension up to 8.  The compiled tree decides every sign
outside its error bound, and asks for the others (of a hyperplane through a vertex, say), which are
found in rationals.  A cell of too many facets is handed to the LP engine.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from regions.counting import stack
from regions.counting.bounds import cells
from regions.counting.by_lp import LPEngine
from regions.counting.compiled import DONE, GROW, PAUSED
from regions.counting.leaves import Found, emptied, leaves_for
from regions.counting.prefix import Prefix
from regions.counting.shape import first_rows, shape_of
from regions.counting.vertex_exact import ExactSigns, Facet
from regions.counting.vertex_kernel import ASK, FOUND, NODES, SPLITS, TOP, run
from regions.counting.vertex_nodes import ASIDE
from regions.counting.vertex_sections import UNKNOWN
from regions.counting.vertex_state import (
    copied,
    new_asks,
    new_failures,
    new_frames,
    new_maps,
    new_scratch,
    new_vertices,
)
from regions.frame import Frame
from regions.network import Layer, Network
from solvers.exact_matrix import ExactMatrix
from solvers.float_rows import TINY, UNIT_ROUNDOFF

FACETS = 64  # of a cell; one with more is set aside
FAILURES = 64  # cells set aside before they are counted
ASKED = 64  # signs asked for at a time, at first
PATIENCE = 0.05  # seconds of exact arithmetic before the caller may look at the clock
ROOM = 64  # vertices of a cell at first, or as many as the box has
DEPTH = 64  # nodes on the stack at first
AT_ONCE = 1 << 15  # cells of the last layer with more regions, as far as bounds tell, are split


class VertexEngine:
    """A compiled search over the regions of one network on one box."""

    def __init__(self, network: Network, frame: Frame, hard: LPEngine) -> None:
        self.network = network
        self.frame = frame
        self.hard = hard
        self.widths = np.array(network.widths)
        self.words = (int(self.widths.max()) + 63) // 64
        low, high = hard.judge.low, hard.judge.high
        self.scale = _powers(np.maximum(np.abs(low), np.abs(high)))
        try:
            self.scaled = _with_scale(network, self.scale)
        except ValueError:  # a weight would leave the doubles' range
            self.scale, self.scaled = np.ones(frame.dim), network
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is never certain
            shape = shape_of(self.scaled, low / self.scale, high / self.scale)
            # the bounds are rounded outwards, by at most one unit in the last place
            steps = np.spacing(np.maximum(np.abs(low), np.abs(high)))
            wrong = 1.01 * float(np.max(steps / self.scale, initial=0.0)) + TINY
            self.shape = shape._replace(rounded=wrong, facets=FACETS)
        dim, width = frame.dim, int(self.widths.max())
        self.most = 2 * network.relus + len(network.layers) + 8  # a path, and a sibling of each
        depth, room = min(self.most, DEPTH), max(ROOM, 1 << dim)
        self.state = np.zeros(5, dtype=np.int64)
        self.frames = new_frames(depth, self.words)
        self.maps = new_maps(depth, dim, width)
        self.vertices = new_vertices(depth, dim, self.words, room)
        self.scratch = new_scratch(dim, width, room, self.shape.low, self.shape.high)
        self.asks = new_asks(ASKED)
        self.exact = ExactSigns(network, frame)
        self.asked = 0  # decisions that needed rationals
        self.failures = new_failures(FAILURES, len(self.widths), self.words, self.most, dim)
        self.divide = max(k for k in range(width + 1) if cells(k, dim) <= AT_ONCE)
        self.refused: list[Prefix] = []
        self.leaves = leaves_for(0, network.relus, frame.dim)
        self._first_node()

    def start(self, prefix: Prefix) -> None:
        """Go on with this cell, which an engine like this one named; nothing else may be open.

        The same decisions lead to it from the whole box.
        """
        found = self.found
        self._first_node()
        for split in prefix.path:
            if not self._follow(split):
                self.refused.append(prefix)
                self.state[TOP] = self.state[ASIDE] = 0
                self.state[FOUND] = found
                return

    def _follow(self, split: tuple[int, int, int]) -> bool:
        """Go on to the next split, and forget its other side; whether it is this split."""
        frames, state = self.frames, self.state
        found, before = int(state[FOUND]), int(state[SPLITS])
        while state[SPLITS] == before:
            code = self.advance(1)
            if code == GROW:
                self.grow()
            elif code == DONE or state[ASIDE] or state[FOUND] != found:
                return False
        lower = int(state[TOP]) - 2
        kept, dropped = (lower, lower + 1) if split[2] > 0 else (lower + 1, lower)
        if (frames.layer[kept], frames.unit[kept], frames.sign[kept]) != split:
            return False
        frames.expanded[dropped] = True
        state[TOP] -= dropped > kept
        return True

    @property
    def is_busy(self) -> bool:
        """Never: cells of many regions are split until a step is short."""
        return False

    def grow(self) -> None:
        """Twice the room for nodes, or for vertices."""
        dim, width = self.frame.dim, int(self.widths.max())
        depth, room, used = len(self.frames.layer), self.vertices.x.shape[2], int(self.state[TOP])
        if used + 2 >= depth:
            depth = min(2 * depth, self.most)
            self.frames = copied(self.frames, new_frames(depth, self.words), used)
            self.maps = copied(self.maps, new_maps(depth, dim, width), used + 1)
        else:
            room *= 2
            self.scratch = new_scratch(dim, width, room, self.shape.low, self.shape.high)
        vertices = new_vertices(depth, dim, self.words, room)
        self.vertices = copied(self.vertices, vertices, used)

    def _first_node(self) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            self._whole_box()

    def _whole_box(self) -> None:
        dim = self.frame.dim
        low, high = self.shape.low, self.shape.high
        for corner in range(1 << dim):
            facets = 0
            for k in range(dim):
                upper = corner >> k & 1
                self.vertices.x[0, k, corner] = high[k] if upper else low[k]
                facets |= 1 << (2 * k + upper)
                self.frames.facet[0, 2 * k + upper] = -1 - (2 * k + upper)
            self.vertices.facets[0, corner] = facets
            self.vertices.error[0, corner] = self.shape.rounded
        first = first_rows(self.scaled)
        rows = self.maps.rows[0]
        rows[: dim + 1, : self.widths[0]] = first.T
        size = np.abs(rows[:dim]).T @ self.shape.size + np.abs(rows[dim])
        rows[dim + 1] = 2 * UNIT_ROUNDOFF * size  # weights that are no doubles are rounded
        self.maps.central[0] = self.shape.unbiased[0]
        self.frames.layer[0] = self.frames.parent[0] = self.frames.unit[0] = -1
        self.frames.expanded[0] = self.frames.hard[0] = False
        self.frames.active[0] = self.frames.on[0] = 0
        self.frames.place[0] = 0
        self.frames.number[0] = 1 << dim
        self.state[TOP] = 1

    # -- what `count_compiled` asks for ------------------------------------------------------

    @property
    def found(self) -> int:
        """Regions counted so far."""
        return int(self.state[FOUND])

    @property
    def nodes(self) -> int:
        """Nodes visited so far."""
        return int(self.state[NODES])

    def advance(self, budget: int) -> int:
        """Visit at most so many nodes; fewer where exact arithmetic takes long."""
        start = time.monotonic()
        while True:
            code = run(
                self.shape, self.frames, self.maps, self.vertices, self.scratch, self.asks,
                self.failures, self.leaves, self.state, budget, self.divide,
            )  # fmt: skip
            if code != ASK:
                return code
            self.state[NODES] -= 1  # it will be visited again
            self._answer()
            if time.monotonic() - start > PATIENCE:
                return PAUSED

    def _answer(self) -> None:
        """Find the signs that the node on top of the stack asks for."""
        asks, frames, width = self.asks, self.frames, int(self.widths.max())
        used = int(asks.used[0])
        on = stack.ones(frames, int(self.state[TOP]) - 1)
        bits = [stack.unpacked(*pair) for pair in zip(on, self.network.widths, strict=False)]
        waiting = [q for q in range(used) if asks.answer[q] == UNKNOWN]
        by_vertex: dict[int, list[int]] = {}
        for q in waiting:
            by_vertex.setdefault(int(asks.facets[q]), []).append(q)

        def unit_of(name: int) -> Facet:
            slot = name // width
            return (int(frames.layer[slot - 1]) + 1 if slot > 0 else 0), name % width

        for facets, questions in by_vertex.items():
            names = [int(self.scratch.table[i]) for i in range(64) if facets >> i & 1]
            sides = [unit_of(name) if name >= 0 else (-1, -1 - name) for name in names]
            units = [unit_of(int(asks.slot[q]) * width + int(asks.unit[q])) for q in questions]
            asks.answer[questions] = self.exact.signs(bits, sides, units)
        self.asked += len({int(asks.unit[q]) for q in waiting})  # of one layer
        if used == len(asks.unit):
            self.asks = copied(asks, new_asks(2 * used), used)
            self.asks.used[0] = used

    def list_regions(self, room: int) -> None:
        """From now on make all regions and keep them, so many at a time, for `take_regions`."""
        self.leaves = leaves_for(room, self.network.relus, self.frame.dim)

    def keep(self, count: int) -> None:
        """Forget all nodes of `open_nodes` but the last ones."""
        stack.keep(self.frames, int(self.state[TOP]), count)

    def take_regions(self) -> Found:
        """The regions found since the last time."""
        return emptied(self.leaves, self.scale)

    def statistics(self) -> dict[str, int]:
        """What the compiled part did."""
        splits = int(self.state[SPLITS])
        return {
            "decided": splits + int(self.state[NODES]),
            "clips": splits,
            "exact": self.asked,
        }

    def aside(self) -> list[Prefix]:
        """The cells whose signs floats could not tell, and that were not taken yet."""
        return [*self.refused, *map(self._failed, range(int(self.state[ASIDE])))]

    def take_aside(self) -> list[Prefix]:
        """The cells of `aside`; they are the caller's from now on."""
        taken = self.aside()
        self.state[ASIDE] = 0
        self.refused.clear()
        return taken

    def open_nodes(self) -> list[tuple[int, int]]:
        """(layer, bound) of every node on the stack that is not expanded yet."""
        widths, dim = self.network.widths, self.frame.dim
        return list(stack.bounds(self.frames, int(self.state[TOP]), widths, dim))

    def _failed(self, index: int) -> Prefix:
        prefix = stack.failed(self.failures, index, self.network.widths)
        return replace(prefix, point=prefix.point * self.scale)

    def open_cells(self) -> list[Prefix]:
        """The nodes on the stack that are not expanded yet, by name."""
        opened = stack.open_frames(self.frames, int(self.state[TOP]))
        return [self._named(node) for node in opened]

    def _named(self, node: int) -> Prefix:
        place, number = int(self.frames.place[node]), int(self.frames.number[node])
        middle = self.vertices.x[place, :, :number].mean(axis=1)
        return stack.named(self.frames, node, self.network.widths, middle * self.scale)


def _powers(size: np.ndarray) -> np.ndarray:
    """The powers of two just above these sizes, or equal to them; dividing by them is exact."""
    mantissas, exponents = np.frexp(size)
    exponents = np.clip(exponents - (mantissas == 0.5), -900, 900)
    return np.ldexp(1.0, np.where(size > 0, exponents, 0))


def _with_scale(network: Network, scale: np.ndarray) -> Network:
    """The same network, read at (scale · u)."""
    if np.all(scale == 1):
        return network
    index = np.arange(len(scale))
    diagonal = ExactMatrix.from_entries(index, index, scale, (len(scale), len(scale)))

    def scaled(layer: Layer) -> Layer:
        blocks = tuple((s, b @ diagonal if s == 0 else b) for s, b in layer.weights)
        return replace(layer, weights=blocks)

    layers = (scaled(network.layers[0]), *network.layers[1:])
    return Network(network.inputs, layers, scaled(network.output), None)
