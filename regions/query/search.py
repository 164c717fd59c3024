"""Depth-first search for a point with a (partial) pattern, or for a tree that excludes one.

Layer by layer: where all bits of the earlier layers are known, the units of the next are affine
functions of the input, and their known bits put rows on the cell.  A free unit of that layer is
split; the side on which the cell's own point lies comes first, and needs no linear program.  Units
far from zero at that point are split first: most of them do not cut the cell, and their other side
closes at once, for the whole tree below.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from flint import fmpq

from regions.cell import Unit
from regions.composition import float_rows
from regions.counting.forms import LayerRows
from regions.counting.points import ExactPoint
from regions.counting.tree import REPORT_SECONDS
from regions.counting.witness import Witness
from regions.frame import Frame
from regions.intervals import layer_bounds
from regions.network import Network
from regions.pattern import Pattern
from regions.query.cell_rows import Block, CellRows, first_rows
from regions.query.conflicts import Beyond, Conflict, DomainSide, Geometry
from regions.query.judging import CellJudge, Excluded, Inside, Question
from regions.query.unreachable import Node, Split
from regions.results import ReachProgress
from solvers.exact_simplex import Row
from solvers.rational import coprime, sign
from solvers.strict_rows import value


@dataclass(frozen=True, eq=False)
class Found:
    """A point that has such a pattern (in the interior of a region, for INTERIOR)."""

    point: ExactPoint
    pattern: Pattern


@dataclass(frozen=True, eq=False)
class Closed:
    """Every branch ends in a conflict: the tree in preorder."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, eq=False)
class _Branch:
    """A cell with the layer that is being decided.

    `bits` are those of the earlier layers, `current` those of this layer (-1: not known), `rows`
    its pre-activations; `inside` is a point of the cell, None where that is not decided yet.
    """

    bits: tuple[np.ndarray, ...]
    rows: LayerRows
    current: np.ndarray
    cell: CellRows
    inside: Inside | None


@dataclass(eq=False)
class _Slot:
    """A place in the tree that is filled when its branch is decided."""

    node: Node | None = None
    children: tuple[_Slot, _Slot] | None = None  # of bit 0, of bit 1


class PatternSearch:
    """Searches one network, given in the coordinates of a frame."""

    def __init__(
        self,
        network: Network,
        frame: Frame,
        judge: CellJudge,
        progress: Callable[[ReachProgress], None] | None = None,
    ) -> None:
        self.network = network
        self.frame = frame
        self.judge = judge
        self.geometry = Geometry(network, frame)
        self.witness = Witness(network, frame)
        self.nodes = 0
        self._progress = progress
        self._start = self._last = time.monotonic()

    def run(self, pattern: Pattern, question: Question) -> Found | Closed:
        """Decide whether a point, or a region, has this pattern.

        Raises
        ------
        Stopped
            When a limit was reached first.
        """
        wanted = pattern.layers()
        root = _Slot()
        start = first_rows(self.frame)
        middle = self.judge.ask(question, start)
        assert isinstance(middle, Inside), "a frame has an interior point"
        first: _Branch | Conflict | Found = self._enter((), start, middle, wanted, question)
        waiting: list[tuple[_Branch | Conflict | Found, _Slot]] = [(first, root)]
        while waiting:
            branch, slot = waiting.pop()
            self.nodes += 1
            self._report(question, branch, len(waiting))
            if isinstance(branch, _Branch):
                branch = self._decided(branch, wanted, question)
            if isinstance(branch, Found):
                return branch
            if not isinstance(branch, _Branch):
                slot.node = branch
                continue
            column = self._chosen(branch)
            layer, unit = branch.rows.position, int(branch.rows.units[column])
            children = [self._child(branch, column, bit, question) for bit in (0, 1)]
            slot.node, slot.children = Split(layer, unit), (_Slot(), _Slot())
            pairs = list(zip(children, slot.children, strict=True))
            # the last one is taken first: the one that has a point already
            pairs.sort(key=lambda pair: isinstance(pair[0], _Branch) and pair[0].inside is not None)
            waiting += pairs
        return Closed(_preorder(root))

    def _report(self, question: Question, branch: _Branch | Conflict | Found, waiting: int) -> None:
        """Tell how far it is; ten times a second."""
        now = time.monotonic()
        if self._progress is None or now - self._last < REPORT_SECONDS:
            return
        self._last = now
        layer = branch.rows.position if isinstance(branch, _Branch) else 0
        name = question.name.lower()
        self._progress(ReachProgress(name, self.nodes, waiting, layer, now - self._start))

    # -- one branch ------------------------------------------------------------------------

    def _decided(
        self, branch: _Branch, wanted: Sequence[np.ndarray], question: Question
    ) -> _Branch | Conflict | Beyond | Found:
        """Whether the branch holds a point; go on to the first layer with a free unit."""
        current: _Branch | Conflict | Found = branch
        while isinstance(current, _Branch):
            inside = current.inside
            if inside is None:
                answer = self.judge.ask(question, current.cell)
                if isinstance(answer, Excluded):
                    return self._conflict(current.cell, answer)
                inside = answer
                current = replace(current, inside=inside)
            found = self._success(inside, wanted, question)
            if found is not None:
                return found
            if (current.current < 0).any():
                return self._beyond(current, wanted) or current
            bits = (*current.bits, current.current)
            current = self._enter(bits, current.cell, inside, wanted, question)
        return current

    def _enter(
        self,
        bits: tuple[np.ndarray, ...],
        cell: CellRows,
        inside: Inside,
        wanted: Sequence[np.ndarray],
        question: Question,
    ) -> _Branch | Conflict | Found:
        """The next layer, its known bits made rows; constant units are settled."""
        if len(bits) == len(self.network.layers):
            found = self._checked(inside, wanted, question)
            assert found is not None, "a point of a cell whose bits are all known has these bits"
            return found
        position = len(bits) + 1
        units = np.arange(self.network.widths[position - 1])
        floats = float_rows(self.network, bits, position, units)
        rows = LayerRows(self.network, bits, position, units, floats)
        current = wanted[position - 1].copy()
        known = current >= 0
        suspect = (np.abs(floats.a) <= floats.a_error).all(axis=1)
        for unit in np.flatnonzero(suspect).tolist():
            coefficients, constant = rows.exact(unit)
            if any(coefficients):
                continue
            bit = 1 if constant > 0 else 0
            known[unit] = False  # no row
            if current[unit] < 0:
                continue  # split like the others, so that the tree shows it
            if current[unit] != bit:
                return self._constant(position, unit, 1 - bit, constant)
        index = np.flatnonzero(known)
        block = Block(rows, index, current[index])
        joined = cell.joined(block)
        kept = inside if self._satisfies(block, inside, question) else None
        return _Branch(bits, rows, current, joined, kept)

    def _child(
        self, branch: _Branch, column: int, bit: int, question: Question
    ) -> _Branch | Conflict:
        """The branch with one unit decided."""
        position, unit = branch.rows.position, int(branch.rows.units[column])
        current = branch.current.copy()
        current[unit] = bit
        if self._is_constant(branch.rows, column):
            _, constant = branch.rows.exact(column)
            if (constant > 0) != (bit == 1):
                return self._constant(position, unit, bit, constant)
            return replace(branch, current=current)
        block = Block(branch.rows, np.array([column]), np.array([bit], dtype=np.int8))
        inside = branch.inside
        assert inside is not None
        kept = inside if self._satisfies(block, inside, question) else None
        return replace(branch, current=current, cell=branch.cell.joined(block), inside=kept)

    @staticmethod
    def _is_constant(rows: LayerRows, column: int) -> bool:
        floats = rows.floats
        if (np.abs(floats.a[column]) > floats.a_error[column]).any():
            return False
        return not any(rows.exact(column)[0])

    @staticmethod
    def _satisfies(block: Block, inside: Inside, question: Question) -> bool:
        """Whether a point satisfies the rows of a block; exactly."""
        floats = block.floats
        spread = (np.abs(inside.x) * 2.0**-52 + 1e-300)[None, :]
        values, errors = floats.at(inside.x[None, :], spread)
        if (values[0] < -errors[0]).any():
            return False
        strict = question.strict(block.bits)
        for k in np.flatnonzero(~(values[0] > errors[0])).tolist():
            exact = sign(value(*block.exact(k), inside.point))
            if exact < 0 or (exact == 0 and strict[k]):
                return False
        return True

    def _chosen(self, branch: _Branch) -> int:
        """The free unit that is farthest from zero at the branch's point, for its size."""
        free = np.flatnonzero(branch.current[branch.rows.units] < 0)
        assert branch.inside is not None
        floats = branch.rows.floats.take(free)
        with np.errstate(all="ignore"):
            values = np.abs(floats.at(branch.inside.x[None, :])[0][0])
            size = np.abs(floats.a).sum(axis=1)
            depth = np.where(size > 0, values / size, np.inf)
        return int(free[np.argmax(np.nan_to_num(depth, nan=-1.0, posinf=np.inf))])

    # -- success ---------------------------------------------------------------------------

    def _success(
        self, inside: Inside, wanted: Sequence[np.ndarray], question: Question
    ) -> Found | None:
        """The branch's own point, if its whole pattern is one that is asked for."""
        return (
            self._checked(inside, wanted, question) if self._looks_right(inside.x, wanted) else None
        )

    def _checked(
        self, inside: Inside, wanted: Sequence[np.ndarray], question: Question
    ) -> Found | None:
        """The same, decided by the exact forward pass."""
        if question is Question.INTERIOR and not inside.strictly:
            return None
        pattern = self.network.pattern(inside.point)
        flat, known = pattern.units(), np.concatenate([*wanted, np.zeros(0, np.int8)])
        if ((known >= 0) & (flat != known)).any():
            return None
        if question is Question.INTERIOR:
            bits = flat.astype(np.uint8)
            sure = all(v == q for v, q in zip(inside.x.tolist(), inside.point, strict=True))
            sure = sure and bool(self.witness.is_sure(bits[None, :], inside.x[None, :])[0])
            if not sure and not self.witness.is_inside(bits, inside.point):
                return None
        return Found(inside.point, pattern)

    def _looks_right(self, x: np.ndarray, wanted: Sequence[np.ndarray]) -> bool:
        """Whether floats have the wanted bits, where they are not near zero."""
        values = [x]
        with np.errstate(all="ignore"):
            for layer, bits in zip(self.network.layers, wanted, strict=True):
                z = layer.bias.approx[:, 0].copy()
                size = np.abs(z)
                for source, block in layer.weights:
                    z += block.approx @ values[source]
                    size += block.magnitude @ np.abs(values[source])
                wrong = (bits >= 0) & ((z > 0) != (bits == 1)) & (np.abs(z) > 1e-6 * size)
                if wrong.any():
                    return False
                values.append(np.maximum(z, 0.0))
        return True

    # -- records ---------------------------------------------------------------------------

    @staticmethod
    def _constant(layer: int, unit: int, bit: int, constant: fmpq) -> Conflict:
        """A unit that is constant in the cell and has the other bit."""
        kind = "farkas" if constant else "attained"
        return Conflict(kind, (Unit(layer, unit, bit),), (fmpq(1),))

    def _conflict(self, cell: CellRows, answer: Excluded) -> Conflict:
        """The record of multipliers, the sides of the domain made explicit."""
        rest: Row = {}
        pairs = []
        sides: list[tuple[DomainSide, fmpq]] = []
        for index, weight in answer.weights.items():
            for j, a in cell.exact(index)[0].items():
                rest[j] = rest.get(j, fmpq(0)) + weight * a
            if index < cell.num_sides:
                sides.append((self.geometry.side("row", index), weight))
            else:
                pairs.append((cell.unit(index), weight))
        for j, slope in rest.items():
            if slope:
                side = self.geometry.side("upper" if slope > 0 else "lower", j)
                sides.append((side, abs(slope)))
        pairs.sort(key=lambda pair: pair[0])
        sides.sort(key=lambda pair: pair[0])
        if answer.total < 0:
            kind = "farkas"
        else:
            kind = "attained" if any(unit.bit for unit, _ in pairs) else "interior"
        whole = coprime([weight for _, weight in (*pairs, *sides)])
        return Conflict(
            kind,
            tuple(unit for unit, _ in pairs),
            tuple(whole[: len(pairs)]),
            tuple(side for side, _ in sides),
            tuple(whole[len(pairs) :]),
        )

    def _beyond(self, branch: _Branch, wanted: Sequence[np.ndarray]) -> Beyond | None:
        """A unit of a deeper layer that cannot have its bit, by interval arithmetic."""
        position = branch.rows.position
        if not any((bits >= 0).any() for bits in wanted[position:]):
            return None
        low, high = self.judge.judge.low, self.judge.judge.high
        ranges = [(low, high)]
        known = [*branch.bits, branch.current, *wanted[position:]]
        for k, (layer, bits) in enumerate(zip(self.network.layers, known, strict=True), start=1):
            low, high = layer_bounds(layer, ranges)
            if k > position:
                wrong = ((bits == 1) & (high <= 0)) | ((bits == 0) & (low > 0))
                if wrong.any():
                    unit = int(np.argmax(wrong))
                    return Beyond(Unit(k, unit, int(bits[unit])))
            low, high = np.maximum(low, 0.0), np.maximum(high, 0.0)
            low, high = np.where(bits == 0, 0.0, low), np.where(bits == 0, 0.0, high)
            ranges.append((low, high))
        return None


def _preorder(root: _Slot) -> tuple[Node, ...]:
    """The nodes below a slot, branches for bit 0 first."""
    nodes: list[Node] = []
    waiting = [root]
    while waiting:
        slot = waiting.pop()
        assert slot.node is not None
        nodes.append(slot.node)
        if slot.children is not None:
            waiting += slot.children[::-1]
    return tuple(nodes)
