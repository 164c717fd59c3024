"""The integer engine: low dimension, compiled, exact; what overflows 64 bits is set aside.

For plain feed-forward networks and domains whose numbers are short integers, or become so when
rows are multiplied by positive numbers (see `integer_forms`).  Degenerate cells cost no more than
others: every sign, zero included, is that of an integer.
"""

from __future__ import annotations

import numpy as np

from regions.counting import stack
from regions.counting.by_lp import LPEngine
from regions.counting.compiled import DONE, DRAIN, GROW
from regions.counting.integer_cuts import restrict
from regions.counting.integer_forms import in_integers
from regions.counting.integer_kernel import run
from regions.counting.integer_nodes import middle_of
from regions.counting.integer_state import new_failures, new_frames, new_stores, with_more_room
from regions.counting.leaves import Found, emptied, leaves_for
from regions.counting.prefix import Prefix
from regions.errors import InputError
from regions.frame import Frame
from regions.network import Network

FAILURES = 64  # cells set aside before they are counted
ROOM = 2048  # generators at first
TOP, USED, FOUND, NODES, SPLITS, FAILED, MAKING = range(7)  # what `state` holds


class IntegerEngine:
    """A compiled search over the regions of one network in one domain.

    Raises
    ------
    InputError
        If their numbers are too long.
    """

    def __init__(self, network: Network, frame: Frame, hard: LPEngine) -> None:
        problem = in_integers(network, frame)
        if isinstance(problem, str):
            raise InputError(f"the integers engine cannot take this: {problem}")
        self.network = network
        self.frame = frame
        self.problem = problem
        self.widths = problem.network.widths
        width = int(self.widths.max())
        self.words = (width + 63) // 64
        depth = 2 * network.relus + len(network.layers) + 8  # a path, and a sibling of each node
        self.frames = new_frames(depth, self.words)
        self.stores = new_stores(depth, ROOM, frame.dim, width, self.words)
        self.failures = new_failures(FAILURES, len(self.widths), self.words, depth, frame.dim)
        self.state = np.zeros(7, dtype=np.int64)
        self.refused: list[Prefix] = []
        self.leaves = leaves_for(0, network.relus, frame.dim)
        self._first_node()

    def keep(self, count: int) -> None:
        """Forget all nodes of `open_nodes` but the last ones."""
        stack.keep(self.frames, int(self.state[TOP]), count)

    def start(self, prefix: Prefix) -> None:
        """Go on with this cell, which an engine like this one named; nothing else may be open.

        The same decisions lead to it from the whole domain.
        """
        found = self.found
        self._first_node()
        if self.refused:  # as the whole domain would have been
            return
        self.state[MAKING] = 1  # on the way, no cell is counted as a whole
        for split in prefix.path:
            if not self._follow(split):
                self.refused.append(prefix)
                self.state[TOP] = self.state[FAILED] = 0
                self.state[FOUND] = found
                break
        self.state[MAKING] = 0

    def _follow(self, split: tuple[int, int, int]) -> bool:
        """Go on to the next split, and forget its other side; whether it is this split."""
        frames, state = self.frames, self.state
        found, before = int(state[FOUND]), int(state[SPLITS])
        while state[SPLITS] == before:
            code = self.advance(1)
            if code == GROW:
                self.grow()
            elif code == DONE or state[FAILED] or state[FOUND] != found:
                return False
        lower = int(state[TOP]) - 2
        kept, dropped = (lower, lower + 1) if split[2] > 0 else (lower + 1, lower)
        if (frames.layer[kept], frames.unit[kept], frames.sign[kept]) != split:
            return False
        frames.expanded[dropped] = True
        if dropped > kept:
            state[TOP] = dropped
            state[USED] = frames.first[dropped]
        return True

    @property
    def is_busy(self) -> bool:
        """Whether it stands inside a step that would be lost."""
        return int(self.stores.walk[0]) >= 0

    # -- storage ---------------------------------------------------------------------------

    def grow(self) -> None:
        """Twice the room for generators."""
        self.stores = with_more_room(self.stores, int(self.state[USED]))

    def _first_node(self) -> None:
        """The whole domain: x_0 >= 0, which has dim lines and one ray, cut by every side."""
        dim, frames, stores = self.frame.dim, self.frames, self.stores
        stores.walk[0] = -1
        stores.x[: dim + 1] = np.eye(dim + 1, dtype=np.int64)
        stores.size[: dim + 1] = 1.0
        stores.facets[: dim + 1] = 0
        stores.maps[-1] = self.problem.network.first
        frames.layer[0] = frames.parent[0] = frames.unit[0] = -1
        frames.first[0], frames.number[0], frames.lines[0], frames.rank[0] = 0, dim + 1, dim, 1
        frames.expanded[0] = False
        frames.used[0] = 1
        frames.active[0] = frames.on[0] = 0
        self.state[TOP], self.state[USED] = 1, dim + 1
        for side in self.problem.sides:
            code = restrict(frames, self.stores, self.state, side)
            while code == GROW:
                self.grow()
                code = restrict(frames, self.stores, self.state, side)
            if code == DRAIN:
                self.state[TOP] = 0
                self.refused.append(Prefix((), None, (), np.zeros(dim)))
                return

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
        """Visit at most so many nodes."""
        weights, state = self.problem.network, self.state
        return run(weights, self.frames, self.stores, self.failures, self.leaves, state, budget)

    def list_regions(self, room: int) -> None:
        """From now on make all regions and keep them, so many at a time, for `take_regions`."""
        self.leaves = leaves_for(room, self.network.relus, self.frame.dim)

    def take_regions(self) -> Found:
        """The regions found since the last time."""
        return emptied(self.leaves)

    def statistics(self) -> dict[str, int]:
        """What the compiled part did."""
        splits = int(self.state[SPLITS])
        return {"decided": splits + self.nodes, "clips": splits}

    def aside(self) -> list[Prefix]:
        """The cells whose numbers got too long, and that were not taken yet."""
        indices, widths = range(int(self.state[FAILED])), self.network.widths
        return [*self.refused, *(stack.failed(self.failures, i, widths) for i in indices)]

    def take_aside(self) -> list[Prefix]:
        """The cells of `aside`; they are the caller's from now on."""
        taken = self.aside()
        self.state[FAILED] = 0
        self.refused.clear()
        return taken

    def open_nodes(self) -> list[tuple[int, int]]:
        """(layer, bound) of every node on the stack that is not expanded yet."""
        widths, dim = self.network.widths, self.frame.dim
        return list(stack.bounds(self.frames, int(self.state[TOP]), widths, dim))

    def open_cells(self) -> list[Prefix]:
        """The nodes on the stack that are not expanded yet, by name."""
        cells = []
        for node in stack.open_frames(self.frames, int(self.state[TOP])):
            middle = np.zeros(self.frame.dim)
            middle_of(self.frames, self.stores, node, middle)
            cells.append(stack.named(self.frames, node, self.network.widths, middle))
        return cells
