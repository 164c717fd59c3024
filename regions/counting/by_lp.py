"""The LP engine: the reference that the faster engines are tested against.

Any dimension, any domain.  A node keeps points of its cell; a unit that has both signs among them
cuts the cell without a linear program.  A unit with one sign only gets a linear program, whose
answer is either a new point (evaluated on all units) or a proof that the unit does not cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from regions.composition import float_rows
from regions.counting.cell_lp import CellProgram
from regions.counting.decide import Goal, Judge, Proof
from regions.counting.forms import Halfspaces, LayerRows, Split
from regions.counting.layer_bounds import open_node
from regions.counting.leaves import UNKNOWN, Found, stacked
from regions.counting.points import ExactPoint, Stock, negated, signs
from regions.counting.tree import Expansion, Stop
from regions.frame import Frame
from regions.intervals import stable_bits
from regions.network import Network
from solvers.backend import Backend
from solvers.exact_simplex import Stopped
from solvers.float_rows import FloatRows, lower_bound

START_POINTS = 64
KEPT_POINTS = 256
BLOCK_ENTRIES = 2_000_000  # coefficients of a layer's rows that are computed at a time
INSETS = (2.0**-6, 2.0**-20)  # of the coordinates' ranges, kept free by deep points
UNITS_PER_BOX = (
    2  # a bounding box costs 2 LPs a dimension; it pays with so many open units a dimension
)


@dataclass(slots=True)
class Tally:
    """What a search did."""

    cut_by_points: int = 0
    cut_by_lp: int = 0
    cut_exactly: int = 0
    proofs: dict[Proof, int] = field(default_factory=lambda: dict.fromkeys(Proof, 0))
    signs: int = 0
    rational_signs: int = 0


@dataclass(frozen=True, eq=False)
class LPNode:
    """A cell in which some units of a layer are undecided.

    `signs` (points, columns) are the exact signs of the undecided rows `columns` at the points.
    `bits` are those of earlier layers, `current` those of this layer (-1: undecided); the cell lies
    in `box` (lower, upper).
    """

    bits: tuple[np.ndarray, ...]
    rows: LayerRows
    current: np.ndarray
    columns: np.ndarray
    stock: Stock
    signs: np.ndarray
    split: Split | None
    box: tuple[np.ndarray, np.ndarray]
    bound: int

    @property
    def layer(self) -> int:
        """The layer whose units are being decided."""
        return self.rows.position

    @property
    def depth(self) -> int:
        """Number of splits above."""
        return 0 if self.split is None else self.split.depth


class LPEngine:
    """Expands nodes of one network on one frame; `close` ends its session."""

    def __init__(self, network: Network, frame: Frame, backend: Backend, stop: Stop) -> None:
        self.network = network
        self.frame = frame
        self.stop = stop
        self.judge = Judge.of(frame)
        self.tally = Tally()
        self.listed: list[Found] | None = None
        self.stable = stable_bits(network, self.judge.low, self.judge.high)
        self.sides = Halfspaces.sides_of(frame)
        self.program = CellProgram(frame, backend, self.sides)

    def close(self) -> None:
        """End the session."""
        self.program.close()

    # -- nodes -----------------------------------------------------------------------------

    def root(self, known: Stock | None = None) -> Expansion[LPNode]:
        """The whole domain, with some points strictly inside it; `known` are more of them."""
        points = self._first_points()
        if known is not None:
            points = points.joined(known)
        return self.enter((), points, None, (self.judge.low, self.judge.high))

    def _first_points(self) -> Stock:
        cell = Halfspaces(self.frame, self.sides, ())
        centre: ExactPoint = self.frame.interior
        low, high = self.judge.low, self.judge.high
        random = np.random.default_rng(0)
        middle = Stock.of([centre], self.frame.dim).x[0]
        below = np.where(np.isfinite(low), low, middle - 8.0)
        above = np.where(np.isfinite(high), high, middle + 8.0)
        points: list[np.ndarray | ExactPoint] = []
        for _ in range(START_POINTS):
            x = below + (above - below) * random.random(self.frame.dim)
            for _ in range(4):  # towards the known interior point, into domains with rows
                if self.judge.is_inside(cell, x):
                    points.append(x)
                    break
                x = middle + (x - middle) / 4
        return Stock.of([*points, centre], self.frame.dim)

    def enter(
        self,
        bits: tuple[np.ndarray, ...],
        stock: Stock,
        split: Split | None,
        box: tuple[np.ndarray, np.ndarray],
    ) -> Expansion[LPNode]:
        """Go on with the first layer after `bits` that has an undecided unit."""
        while len(bits) < len(self.network.layers):
            current = self.stable[len(bits)].copy()
            rows = self._open_rows(bits, current, box)
            if len(rows.units):
                return self.resume(bits, current, rows, stock, split, box)
            bits = (*bits, current)
        if self.listed is not None:
            self.listed.append(_leaf(bits, stock))
        return Expansion(1)

    def list_regions(self) -> None:
        """From now on keep the regions, for `take_regions`."""
        self.listed = []

    def take_regions(self) -> Found:
        """The regions found since the last time."""
        taken, self.listed = self.listed or [], []
        return stacked(taken, self.network.relus, self.frame.dim)

    def go_on(
        self,
        bits: tuple[np.ndarray, ...],
        current: np.ndarray,
        rows: LayerRows,
        stock: Stock,
        split: Split | None,
        box: tuple[np.ndarray, np.ndarray],
    ) -> Expansion[LPNode]:
        """A node in the middle of a layer; some of its rows may vanish on the hull."""
        self._fix_constant_rows(rows, current)
        keep = np.flatnonzero(current[rows.units] < 0)
        if not len(keep):
            return self.enter((*bits, current), stock, split, box)
        units, floats = rows.units[keep], rows.floats.take(keep)
        rest = LayerRows(self.network, bits, rows.position, units, floats)
        return self.resume(bits, current, rest, stock, split, box)

    def resume(
        self,
        bits: tuple[np.ndarray, ...],
        current: np.ndarray,
        rows: LayerRows,
        stock: Stock,
        split: Split | None,
        box: tuple[np.ndarray, np.ndarray],
    ) -> Expansion[LPNode]:
        """A node in the middle of a layer: `rows` are those of its undecided units."""
        columns = np.arange(len(rows.units))
        table = self._signs(rows, columns, stock)
        node = LPNode(bits, rows, current, columns, stock, table, split, box, 0)
        return Expansion(0, (self._bounded(node),))

    def _open_rows(
        self, bits: tuple[np.ndarray, ...], current: np.ndarray, box: tuple[np.ndarray, np.ndarray]
    ) -> LayerRows:
        """Rows of the next layer that an interval bound over the box leaves open.

        Writes the other bits into `current`.  A block of units at a time, so that a wide layer of
        many inputs does not have all its rows in memory.
        """
        position = len(bits) + 1
        kept_units, kept_rows = [np.zeros(0, dtype=np.int64)], []
        candidates = np.flatnonzero(current < 0)
        block = max(1, BLOCK_ENTRIES // max(self.frame.dim, 1))
        for start in range(0, len(candidates), block):
            if self.stop():
                raise Stopped
            units = candidates[start : start + block]
            floats = float_rows(self.network, bits, position, units)
            rows = LayerRows(self.network, bits, position, units, floats)
            self._fix_constant_rows(rows, current)
            self._fix_by_interval(rows, np.flatnonzero(current[units] < 0), current, box)
            keep = np.flatnonzero(current[units] < 0)
            kept_units.append(units[keep])
            kept_rows.append(floats.take(keep))
        units = np.concatenate(kept_units)
        return LayerRows(
            self.network, bits, position, units, FloatRows.stacked(kept_rows, self.frame.dim)
        )

    def _fix_constant_rows(self, rows: LayerRows, current: np.ndarray) -> None:
        """Rows that vanish on the hull: the unit is constant there (meanings §2.5)."""
        floats = rows.floats
        suspect = (np.abs(floats.a) <= floats.a_error).all(axis=1)
        zero = suspect & ((floats.a == 0) & (floats.a_error == 0)).all(axis=1)
        certain = zero & ((np.abs(floats.c) > floats.c_error) | (floats.c_error == 0))
        current[rows.units[certain]] = floats.c[certain] > 0
        for index in np.flatnonzero(suspect & ~certain).tolist():
            coefficients, constant = rows.exact(index)
            if not any(coefficients):
                current[rows.units[index]] = 1 if constant > 0 else 0

    def _fix_by_interval(
        self,
        rows: LayerRows,
        columns: np.ndarray,
        current: np.ndarray,
        box: tuple[np.ndarray, np.ndarray],
    ) -> np.ndarray:
        """Decide the units that do not cut a box around the cell; which of `columns` those are.

        None of the rows is identically zero, so a bound of 0 suffices.
        """
        low, high = rows.floats.take(columns).over_box(*box)
        on, off = low >= 0, high <= 0
        current[rows.units[columns[on]]] = 1
        current[rows.units[columns[off]]] = 0
        self.tally.proofs[Proof.INTERVAL] += int((on | off).sum())
        return on | off

    def _bounded(self, node: LPNode) -> LPNode:
        rank = self.frame.dim
        if self.network.is_feed_forward:
            rank = min([rank, *(int((bits == 1).sum()) for bits in node.bits)])
        alive = int((node.current != 0).sum())
        bound = open_node(
            len(node.columns),
            alive,
            rank,
            self._later[node.layer :],
            self.network.is_feed_forward,
        )
        return replace(node, bound=bound)

    @cached_property
    def _later(self) -> list[tuple[int, int]]:
        return [(int((bits < 0).sum()), int((bits != 0).sum())) for bits in self.stable]

    def _signs(self, rows: LayerRows, columns: np.ndarray, stock: Stock) -> np.ndarray:
        picked = rows.floats.take(columns)
        table, slow = signs(picked, stock, lambda i: rows.exact(int(columns[i])))
        self.tally.signs += table.size
        self.tally.rational_signs += slow
        return table

    # -- expansion -------------------------------------------------------------------------

    def expand(self, node: LPNode) -> Expansion[LPNode]:
        """Decide every unit of the layer that does not cut the cell, then split on one that does.

        Raises
        ------
        Stopped
            When a limit was reached first; the node is as it was.
        """
        cell = Halfspaces(self.frame, self.sides, () if node.split is None else node.split.path())
        current, stock, table = node.current.copy(), node.stock, node.signs
        positive = np.asarray((table > 0).any(axis=0))
        negative = np.asarray((table < 0).any(axis=0))
        self.tally.cut_by_points += int((positive & negative).sum())
        undecided = np.ones(len(node.columns), dtype=bool)
        loaded, box = False, node.box
        pending = np.flatnonzero(~(positive & negative))
        if len(pending) > UNITS_PER_BOX * self.frame.dim and self.frame.is_bounded_box:
            self.program.load(cell)
            loaded, box = True, self._shrunk(cell, box)
            fixed = self._fix_by_interval(node.rows, node.columns[pending], current, box)
            undecided[pending[fixed]] = False
        while True:
            pending = np.flatnonzero(undecided & ~(positive & negative))
            if not len(pending):
                break
            if self.stop():
                raise Stopped
            place = int(pending[0])
            column = int(node.columns[place])
            zeros = np.flatnonzero(table[:, place] == 0)
            if len(zeros):  # the hyperplane runs through an interior point, so it cuts the cell
                goal = self._goal(node.rows, column, 1)
                new = self.judge.nudge(cell, goal, stock.exact(int(zeros[0])))
                self.tally.cut_exactly += 1
            else:
                if not loaded:
                    self.program.load(cell)
                    loaded = True
                bit = bool(positive[place])
                new = self._other_side(cell, node.rows, column, 1 if bit else -1, stock)
            if not new:
                current[node.rows.units[column]] = int(positive[place])
                undecided[place] = False
                continue
            more = Stock.of(new, self.frame.dim)
            added = self._signs(node.rows, node.columns, more)
            stock, table = stock.joined(more), np.concatenate([table, added])
            positive |= (added > 0).any(axis=0)
            negative |= (added < 0).any(axis=0)
        if not undecided.any():
            return self.enter((*node.bits, current), stock, node.split, box)
        settled = replace(node, current=current, stock=stock, signs=table, box=box)
        return Expansion(0, self._children(settled, undecided))

    def _shrunk(
        self, cell: Halfspaces, box: tuple[np.ndarray, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """A box around the cell: for each coordinate a rigorous bound from a linear program."""
        low, high = box[0].copy(), box[1].copy()
        for j in range(self.frame.dim):
            for sign, side in ((1.0, low), (-1.0, high)):
                if self.stop():
                    raise Stopped
                axis = np.zeros((1, self.frame.dim))
                axis[0, j] = sign
                goal = FloatRows(axis, np.zeros(1), np.zeros((1, self.frame.dim)), np.zeros(1))
                _, multipliers = self.program.minimise(goal, self.stop.seconds_left())
                if multipliers is not None:
                    bound = lower_bound(goal, cell.floats, multipliers, low, high)
                    side[j] = max(low[j], bound) if sign > 0 else min(high[j], -bound)
        return low, high

    def _children(self, node: LPNode, undecided: np.ndarray) -> Sequence[LPNode]:
        """Split on the unit whose sides have the most even shares of the points."""
        table = node.signs
        balance = np.minimum((table > 0).sum(axis=0), (table < 0).sum(axis=0))
        place = int(np.argmax(np.where(undecided, balance, -1)))
        column = int(node.columns[place])
        rest = undecided.copy()
        rest[place] = False
        children = []
        for sign in (1, -1):
            keep = np.flatnonzero(table[:, place] == sign)[-KEPT_POINTS:]
            bits = node.current.copy()
            bits[node.rows.units[column]] = 1 if sign > 0 else 0
            child = replace(
                node,
                current=bits,
                columns=node.columns[rest],
                stock=node.stock.take(keep),
                signs=table[np.ix_(keep, rest)],
                split=Split(node.split, node.rows, column, sign, node.depth + 1),
            )
            children.append(self._bounded(child))
        return children

    def _goal(self, rows: LayerRows, column: int, sign: int) -> Goal:
        """The row, times a sign."""
        picked = rows.floats.take(np.array([column]))
        if sign > 0:
            return Goal(picked, lambda: rows.exact(column))
        return Goal(picked.signed(np.array([-1.0])), lambda: negated(rows.exact(column)))

    def _other_side(
        self, cell: Halfspaces, rows: LayerRows, column: int, sign: int, stock: Stock
    ) -> list[np.ndarray | ExactPoint]:
        """Points of the cell where the unit has the other sign; none if there are none, proved."""
        goal = self._goal(rows, column, sign)
        vertex, multipliers = self.program.minimise(goal.floats, self.stop.seconds_left())
        if vertex is not None:
            anchor = stock.x.mean(axis=0)
            point = self.judge.towards(cell, goal, vertex, anchor)
            if point is not None:
                self.tally.cut_by_lp += 1
                return [point]
        if multipliers is not None and self.judge.float_proof(cell, goal, multipliers):
            self.tally.proofs[Proof.FLOAT] += 1
            return []
        basis = self.program.basis()
        if basis is not None and self.judge.basis_proof(cell, goal, basis):
            self.tally.proofs[Proof.BASIS] += 1
            return []
        deep = self.deep_point(cell, goal)
        if deep is not None:
            self.tally.cut_by_lp += 1
            return [deep]
        found = self.judge.settle(cell, goal, stock.exact(0), self.stop)
        if found is None:
            self.tally.proofs[Proof.SIMPLEX] += 1
            return []
        self.tally.cut_exactly += 1
        return [found]

    def inside(self, path: Sequence[Split]) -> Stock | None:
        """Points strictly inside the cell of a path; None if there are none, proved.

        A linear program is solved for each half-space that no known point satisfies.

        Raises
        ------
        Stopped
            When a limit was reached first.
        """
        stock, column = self._first_points(), np.zeros(1, dtype=np.int64)
        for depth, split in enumerate(path):
            column[0] = split.index
            table = self._signs(split.rows, column, stock)[:, 0]
            if not (table == split.sign).any():
                if self.stop():
                    raise Stopped
                cell = Halfspaces(self.frame, self.sides, path[:depth])
                zeros = np.flatnonzero(table == 0)
                if len(zeros):  # the hyperplane runs through an interior point
                    goal = self._goal(split.rows, split.index, 1)
                    new = self.judge.nudge(cell, goal, stock.exact(int(zeros[0])))
                else:
                    self.program.load(cell)
                    new = self._other_side(cell, split.rows, split.index, -split.sign, stock)
                if not new:
                    return None
                stock = stock.joined(Stock.of(new, self.frame.dim))
                table = self._signs(split.rows, column, stock)[:, 0]
            stock = stock.take(np.flatnonzero(table == split.sign)[-KEPT_POINTS:])
        return stock

    def deep_point(self, cell: Halfspaces, goal: Goal | None) -> np.ndarray | None:
        """A double point certainly inside the cell, with goal < 0, far from the sides; or None."""
        for inset in INSETS:
            floats = None if goal is None else goal.floats
            deep = self.program.deepest(cell, floats, inset, self.stop.seconds_left())
            if deep is None or not self.judge.is_inside(cell, deep):
                continue
            if goal is None or self.judge.is_negative(goal, deep):
                return deep
        return None


def _leaf(bits: tuple[np.ndarray, ...], stock: Stock) -> Found:
    """A region with one of its points: a double if there is one."""
    place = next((i for i, exact in enumerate(stock.rationals) if exact is None), 0)
    units = np.concatenate([np.zeros(0, dtype=np.int8), *bits]).astype(np.uint8)
    exact = stock.rationals[place]
    rationals = {} if exact is None else {0: exact}
    return Found(units[None], stock.x[place : place + 1], np.array([UNKNOWN]), rationals)
