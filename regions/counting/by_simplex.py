"""The simplex engine: middle and high dimension, compiled; what floats cannot decide is set aside.

For plain feed-forward networks on a bounded domain.  See `simplex_kernel` for the method.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from regions.constraints import Bounds
from regions.counting.by_lp import LPEngine
from regions.counting.compiled import DONE, GROW
from regions.counting.forms import Halfspaces
from regions.counting.layer_bounds import open_node
from regions.counting.leaf_kernel import FOLLOWS
from regions.counting.leaves import Found, emptied, leaves_for
from regions.counting.prefix import Prefix
from regions.counting.shape import first_rows, shape_of
from regions.counting.simplex_flats import new_flats
from regions.counting.simplex_kernel import (
    FAILED,
    FOUND,
    NODES,
    PROOFS,
    SPLITS,
    STEPS,
    TOP,
    begin,
    run,
)  # fmt: skip
from regions.counting.simplex_state import (
    Failures,
    Place,
    Scratch,
    keep_last,
    new_cells,
    new_forms,
    new_wide_cells,
    twice,
)  # fmt: skip
from regions.counting.wide_kernel import begin_wide, run_wide
from regions.frame import Frame
from regions.network import Network
from solvers.box_dual import new_box_dual
from solvers.float_rows import UNIT_ROUNDOFF, gamma
from solvers.rational import nearest, rational

FAILURES = 64  # cells set aside before they are counted
SECOND_CHANCE = 1000  # decisions, for a cell that is counted again from a deeper point
# Dictionaries up to this size serve best: regions per second with points as a share of that with
# dictionaries were 0.5 at 16 KiB (128 inputs, 20 units), 0.4 at 40 KiB (256, 20), 1.6 at 62 KiB
# (100, 80), 0.5 at 122 KiB (784, 20, random), 1.7 at 135 KiB (784, 22, MNIST), 6 at 490 (784, 80).
WIDE_BYTES = 48 << 10
STACK = 16  # nodes at first; the stack grows


class SimplexEngine:
    """A compiled search over the regions of one network on one bounded domain."""

    def __init__(self, network: Network, frame: Frame, hard: LPEngine) -> None:
        self.network = network
        self.frame = frame
        self.hard = hard
        self.state = np.zeros(7, dtype=np.int64)
        self.refused: list[Prefix] = []
        self.second: SimplexEngine | None = None  # counts cells from deeper points
        self.deepened = 0
        self.leaves = leaves_for(0, network.relus, frame.dim)
        given, dim = len(hard.sides.c), frame.dim
        rows = given + network.relus
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is never certain
            self.place = _place(network, frame, rows)
        layers, width = len(network.widths), max(network.widths)
        sizes = rows, dim, layers, width
        self.cells: Any  # Cells, or WideCells
        if is_wide(rows, dim):
            self.dual, self.cells = new_box_dual(rows, dim), new_wide_cells(STACK, *sizes)
        else:
            self.dual, self.cells = None, new_cells(STACK, *sizes)
            self.flats = new_flats(rows, dim, width)
        self.forms = new_forms(*sizes)
        self.scratch = Scratch(np.zeros(dim), np.zeros(dim), np.zeros(dim + 1), np.zeros(rows))
        self.failures = Failures(
            layer=np.zeros(FAILURES, dtype=np.int64),
            status=np.zeros((FAILURES, layers, width), dtype=np.int8),
            path=np.zeros((FAILURES, rows, 3), dtype=np.int64),
            length=np.zeros(FAILURES, dtype=np.int64),
            point=np.zeros((FAILURES, dim)),
        )
        with np.errstate(over="ignore", invalid="ignore"):
            self._sides(given)
        centre = np.array([nearest(q) for q in frame.interior])
        certain = hard.judge.is_inside(Halfspaces(frame, hard.sides, ()), centre)
        self.start(Prefix((), None, (), centre if certain else self.place.middle))

    def start(self, prefix: Prefix) -> None:
        """Go on with this cell; nothing else may be open."""
        cells, given = self.cells, len(self.hard.sides.c)
        layer = len(prefix.bits) - (prefix.current is None)
        cells.layer[0] = layer
        cells.splits[0] = given
        cells.status[0] = -1
        for position, bits in enumerate(prefix.bits):
            cells.status[0, position, : len(bits)] = bits
        if prefix.current is not None:
            leader = self.place.leader[layer, : len(prefix.current)]
            follows = (prefix.current < 0) & (leader != np.arange(len(leader)))
            cells.status[0, layer, : len(leader)] = np.where(follows, FOLLOWS, prefix.current)
        cells.point[0] = prefix.point
        path = np.array(prefix.path, dtype=np.int64).reshape(-1, 3)
        with np.errstate(over="ignore", invalid="ignore"):
            if self.dual is None:
                inside = begin(self.place, cells, self.forms, given, path)
            else:
                inside = begin_wide(self.place, cells, self.forms, self.dual, given, path)
        self.state[TOP] = 1
        if layer >= 0 and not inside:  # floats cannot tell
            self.refused.append(prefix)
            self.state[TOP] = 0

    def _sides(self, given: int) -> None:
        forms, place, sides = self.forms, self.place, self.hard.sides
        first = first_rows(self.network)
        forms.rows[0, : len(first)] = first
        # weights that are no doubles are rounded
        forms.row_errors[0, : len(first)] = (
            2 * UNIT_ROUNDOFF * (np.abs(first[:, :-1]) @ place.size + np.abs(first[:, -1]))
        )
        dim = self.frame.dim
        forms.path[:given, :dim], forms.path[:given, dim] = sides.a, sides.c
        forms.path_size[:given] = np.abs(sides.a) @ place.size + np.abs(sides.c)
        wrong = sides.a_error @ place.size + sides.c_error
        forms.path_error[:given] = 1.000001 * (
            wrong + place.evaluation * forms.path_size[:given] + place.absolute[0]
        )
        norm = np.abs(sides.a) @ place.radius
        forms.path_scale[:given] = 1 / np.where(norm > 1e-280, norm, 1.0)
        forms.path_layer[:given] = -1
        self.cells.path_sign[0, :given] = 1.0

    # -- what `count_compiled` asks for ------------------------------------------------------

    @property
    def found(self) -> int:
        """Regions counted so far."""
        return int(self.state[FOUND])

    @property
    def nodes(self) -> int:
        """Decisions made so far."""
        return int(self.state[NODES])

    @property
    def is_busy(self) -> bool:
        """Never: every decision is kept."""
        return False

    def advance(self, budget: int) -> int:
        """Make at most so many decisions."""
        working = self.place, self.cells, self.forms, self.scratch
        keeping = self.failures, self.leaves, self.state, budget
        if self.dual is None:
            return run(*working, self.flats, *keeping)
        return run_wide(*working, self.dual, *keeping)

    def list_regions(self, room: int) -> None:
        """From now on keep the regions, so many at a time, for `take_regions`."""
        self.leaves = leaves_for(max(room, 2), self.network.relus, self.frame.dim)

    def take_regions(self) -> Found:
        """The regions found since the last time."""
        return emptied(self.leaves)

    def keep(self, count: int) -> None:
        """Forget all nodes on the stack but the last ones."""
        keep_last(self.cells, int(self.state[TOP]), count)
        self.state[TOP] = count

    def grow(self) -> None:
        """Twice the room on the stack."""
        self.cells = twice(self.cells)

    def aside(self) -> list[Prefix]:
        """The cells that floats could not decide, and that were not taken yet."""
        failures = self.failures
        waiting = [*self.refused]
        for i in range(int(self.state[FAILED])):
            path = failures.path[i, : failures.length[i]]
            layer, status, point = failures.layer[i], failures.status[i], failures.point[i]
            waiting.append(self._prefix(int(layer), status, path, point))
        return waiting

    def take_aside(self) -> list[Prefix]:
        """The cells of `aside`; they are the caller's from now on.

        Those that can be counted from a deeper point of theirs are counted here and now.
        """
        taken = self.aside()
        self.state[FAILED] = 0
        self.refused.clear()
        return [prefix for prefix in taken if not self._counted(prefix)]

    def _counted(self, prefix: Prefix) -> bool:
        """Whether the cell was counted after all, from a deeper point of it."""
        if self.leaves.bits.shape[0] or self.hard.stop():  # a count only, and while there is time
            return False
        deeper = prefix.deepened(self.hard)
        if deeper is None:
            return False
        if self.second is None:
            self.second = SimplexEngine(self.network, self.frame, self.hard)
        second = self.second
        second.state[:] = 0
        second.refused.clear()
        second.start(deeper)
        code = second.advance(SECOND_CHANCE)
        while code == GROW:
            second.grow()
            code = second.advance(SECOND_CHANCE)
        if code != DONE or second.aside():
            return False
        self.state += second.state  # nothing is open there, nothing failed
        self.deepened += 1
        return True

    def open_nodes(self) -> list[tuple[int, int]]:
        """(layer, bound) of every node on the stack."""
        cells = self.cells
        return [self._bound(int(cells.layer[i]), cells.status[i]) for i in range(self.state[TOP])]

    def _bound(self, layer: int, status: np.ndarray) -> tuple[int, int]:
        dim, widths = self.frame.dim, self.network.widths
        later = [(width, width) for width in widths]
        if layer < 0:
            return -1, open_node(0, dim, dim, later, feed_forward=True)
        alive = [int((status[m, :width] == 1).sum()) for m, width in enumerate(widths[:layer])]
        mine = status[layer, : widths[layer]]
        cutting = int((mine < 0).sum())
        reaching = cutting + int((mine > 0).sum())
        bound = open_node(
            cutting, reaching, min([dim, *alive]), later[layer + 1 :], feed_forward=True
        )
        return layer, bound

    def open_cells(self) -> list[Prefix]:
        """The nodes on the stack, by name."""
        cells, forms = self.cells, self.forms
        named = []
        for i in range(int(self.state[TOP])):
            count = cells.splits[i]
            parts = (forms.path_layer[:count], forms.path_unit[:count], cells.path_sign[i, :count])
            path = np.stack([part.astype(np.int64) for part in parts], axis=1)
            named.append(self._prefix(int(cells.layer[i]), cells.status[i], path, cells.point[i]))
        return named

    def _prefix(
        self, layer: int, status: np.ndarray, path: np.ndarray, point: np.ndarray
    ) -> Prefix:
        bits = [
            status[m, :width].copy() for m, width in enumerate(self.network.widths[: layer + 1])
        ]
        splits = tuple((m, unit, sign) for m, unit, sign in path.tolist() if m >= 0)
        current = bits.pop() if bits else None
        if current is not None:
            current[current == FOLLOWS] = -1
        return Prefix(tuple(bits), current, splits, point.copy())

    def statistics(self) -> dict[str, int]:
        """What the compiled part did."""
        splits, proofs = int(self.state[SPLITS]), int(self.state[PROOFS])
        return {
            "decided": splits + proofs,
            "pivots": int(self.state[STEPS]),
            "deepened": self.deepened,
        }


def is_wide(rows: int, dim: int) -> bool:
    """Whether cells are kept as points, without a dictionary."""
    return dim >= rows and 8 * dim * rows > WIDE_BYTES


def _place(network: Network, frame: Frame, rows: int) -> Place:
    low, high = frame.box()
    shape = shape_of(network, low, high)
    middle = low / 2 + high / 2
    radius = np.nextafter(np.maximum(high - middle, middle - low), np.inf)
    inner = [
        np.where(_equal(bounds, exact), bounds, np.nextafter(bounds, towards))
        for bounds, exact, towards in ((low, frame.lower, np.inf), (high, frame.upper, -np.inf))
    ]
    return Place(
        widths=shape.widths, weights=shape.weights, biases=shape.biases, unbiased=shape.unbiased,
        leader=shape.leader, flipped=shape.flipped, relative=shape.relative,
        absolute=shape.absolute, evaluation=shape.evaluation,
        summation=gamma(rows + 2 * len(low) + 40), size=shape.size, middle=middle,
        radius=np.nextafter(radius, np.inf), inner_low=inner[0], inner_high=inner[1],
    )  # fmt: skip


def _equal(doubles: np.ndarray, exact: Bounds) -> list[bool]:
    pairs = zip(doubles.tolist(), exact, strict=True)
    return [q is not None and rational(value) == q for value, q in pairs]
