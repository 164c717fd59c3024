"""The vertices engine: low dimension, compiled; floats with error bounds, hard cells set aside.

For plain feed-forward networks on a box of dimension up to 8.  The compiled tree decides every sign
outside its error bound; a cell where it cannot (a hyperplane through a vertex, say) is handed to
the LP engine, which is exact on any input.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from regions.counting.bounds import open_node
from regions.counting.by_lp import LPEngine
from regions.counting.compiled import DONE, GROW
from regions.counting.leaves import Found, emptied, leaves_for
from regions.counting.prefix import Prefix
from regions.counting.shape import first_rows, shape_of
from regions.counting.vertex_kernel import run
from regions.counting.vertex_state import Failures, Frames, Stores
from regions.frame import Frame
from regions.network import Layer, Network
from solvers.exact_matrix import ExactMatrix
from solvers.float_rows import TINY, UNIT_ROUNDOFF

FAILURES = 64  # cells set aside before they are counted


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
            self.shape = shape_of(self.scaled, low / self.scale, high / self.scale)
        self.state = np.zeros(6, dtype=np.int64)
        depth = 2 * network.relus + len(network.layers) + 8  # a path, and a sibling of each node
        self.stores = self._new_stores(depth, 4096)
        self.frames = _new_frames(depth, self.words)
        self.failures = self._new_failures(depth)
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
                self.state[0] = self.state[5] = 0
                self.state[2] = found
                return

    def _follow(self, split: tuple[int, int, int]) -> bool:
        """Go on to the next split, and forget its other side; whether it is this split."""
        frames, state = self.frames, self.state
        found, before = int(state[2]), int(state[4])
        while state[4] == before:
            code = self.advance(1)
            if code == GROW:
                self.grow()
            elif code == DONE or state[5] or state[2] != found:
                return False
        lower = int(state[0]) - 2
        kept, dropped = (lower, lower + 1) if split[2] > 0 else (lower + 1, lower)
        if (frames.layer[kept], frames.unit[kept], frames.sign[kept]) != split:
            return False
        frames.expanded[dropped] = True
        if dropped > kept:
            state[0] = dropped
            state[1] = frames.first[dropped]
        return True

    @property
    def is_busy(self) -> bool:
        """Whether it stands inside a step that would be lost."""
        return int(self.stores.walk[0]) >= 0

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
            sides=np.stack([self.shape.low, self.shape.high], axis=1).reshape(-1),
            system=np.zeros((dim, dim)), vector=np.zeros((4, dim)), work=np.zeros((dim, 2 * dim)),
            order=np.zeros((dim + 1, width), dtype=np.int64),
            level=np.zeros((5, dim + 1), dtype=np.int64),
            level_facet=np.zeros((dim + 1, 64), dtype=np.int64), walk=np.array([-1, 0]),
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

    def grow(self) -> None:
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
        with np.errstate(over="ignore", invalid="ignore"):
            self._whole_box()

    def _whole_box(self) -> None:
        dim = self.frame.dim
        low, high = self.shape.low, self.shape.high
        # the bounds are rounded outwards, by at most one unit in the last place
        steps = np.spacing(np.maximum(np.abs(self.hard.judge.low), np.abs(self.hard.judge.high)))
        wrong = 1.01 * float(np.max(steps / self.scale, initial=0.0)) + TINY
        for corner in range(1 << dim):
            facets = 0
            for k in range(dim):
                upper = corner >> k & 1
                self.stores.x[corner, k] = high[k] if upper else low[k]
                facets |= 1 << (2 * k + upper)
                self.frames.facet[0, 2 * k + upper] = -1 - (2 * k + upper)
            self.stores.facets[corner] = facets
            self.stores.error[corner] = wrong
        first = first_rows(self.scaled)
        rows = self.stores.maps[-1]
        rows[: dim + 1, : self.widths[0]] = first.T
        size = np.abs(rows[:dim]).T @ self.shape.size + np.abs(rows[dim])
        rows[dim + 1] = 2 * UNIT_ROUNDOFF * size  # weights that are no doubles are rounded
        self.frames.layer[0] = self.frames.parent[0] = self.frames.unit[0] = -1
        self.frames.expanded[0] = False
        self.frames.active[0] = self.frames.on[0] = 0
        self.frames.first[0] = 0
        self.frames.number[0] = self.state[1] = 1 << dim
        self.state[0] = 1

    # -- what `count_compiled` asks for ------------------------------------------------------

    @property
    def found(self) -> int:
        """Regions counted so far."""
        return int(self.state[2])

    @property
    def nodes(self) -> int:
        """Nodes visited so far."""
        return int(self.state[3])

    def advance(self, budget: int) -> int:
        """Visit at most so many nodes."""
        return run(
            self.shape, self.frames, self.stores, self.failures, self.leaves, self.state, budget
        )

    def list_regions(self, room: int) -> None:
        """From now on make all regions and keep them, so many at a time, for `take_regions`."""
        self.leaves = leaves_for(room, self.network.relus, self.frame.dim)

    def keep(self, count: int) -> None:
        """Forget all nodes of `open_nodes` but the last ones."""
        opened = np.flatnonzero(~self.frames.expanded[: self.state[0]])
        self.frames.expanded[opened[: len(opened) - count]] = True

    def take_regions(self) -> Found:
        """The regions found since the last time."""
        return emptied(self.leaves, self.scale)

    def statistics(self) -> dict[str, int]:
        """What the compiled part did."""
        splits = int(self.state[4])
        return {"decided": splits + int(self.state[3]), "clips": splits}

    def aside(self) -> list[Prefix]:
        """The cells whose signs floats could not tell, and that were not taken yet."""
        return [*self.refused, *(self._failed(index) for index in range(int(self.state[5])))]

    def take_aside(self) -> list[Prefix]:
        """The cells of `aside`; they are the caller's from now on."""
        taken = self.aside()
        self.state[5] = 0
        self.refused.clear()
        return taken

    def open_nodes(self) -> list[tuple[int, int]]:
        """(layer, bound) of every node on the stack that is not expanded yet."""
        return list(self._open())

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

    def _failed(self, index: int) -> Prefix:
        failures = self.failures
        on = [failures.on[index, position] for position in range(len(self.widths))]
        path = failures.path[index, : failures.length[index]][::-1].tolist()
        active = None if failures.entered[index] else failures.active[index]
        return self._prefix(int(failures.layer[index]), active, on, path, failures.middle[index])

    def open_cells(self) -> list[Prefix]:
        """The nodes on the stack that are not expanded yet, by name."""
        open_frames = range(int(self.state[0]))
        return [self._named(f) for f in open_frames if not self.frames.expanded[f]]

    def _named(self, top: int) -> Prefix:
        frames, layer = self.frames, int(self.frames.layer[top])
        path: list[tuple[int, int, int]] = []
        on: dict[int, np.ndarray] = {}
        here = top
        while here >= 0:
            on.setdefault(int(frames.layer[here]), frames.on[here])
            if frames.unit[here] >= 0:
                path.append(
                    (int(frames.layer[here]), int(frames.unit[here]), int(frames.sign[here]))
                )
            here = int(frames.parent[here])
        first, number = int(frames.first[top]), int(frames.number[top])
        middle = self.stores.x[first : first + number].mean(axis=0)
        active = frames.active[top] if layer >= 0 and frames.active[top].any() else None
        return self._prefix(layer, active, [on[m] for m in range(layer + 1)], path[::-1], middle)

    def _prefix(
        self,
        layer: int,
        active: np.ndarray | None,
        on: Sequence[np.ndarray],
        path: Sequence[Sequence[int]],
        middle: np.ndarray,
    ) -> Prefix:
        """A cell before layer `layer + 1`, or in the middle of `layer`: `active` are undecided."""
        complete = layer + 1 if active is None else layer
        widths = self.widths.tolist()
        bits = tuple(_unpacked(on[m], widths[m]) for m in range(complete))
        current = None
        if active is not None:
            undecided = _unpacked(active, widths[layer])
            current = np.where(undecided, -1, _unpacked(on[layer], widths[layer])).astype(np.int8)
        splits = tuple((m, unit, sign) for m, unit, sign in path)
        return Prefix(bits, current, splits, middle * self.scale)


def _powers(size: np.ndarray) -> np.ndarray:
    """The powers of two just above these sizes; dividing by them is exact."""
    exponents = np.clip(np.frexp(size)[1], -900, 900)
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
