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
from regions.counting.tree import REPORT_SECONDS
from regions.frame import Frame
from regions.intervals import layer_bounds
from regions.network import Network
from regions.pattern import Pattern
from regions.query.branches import Branch, Branches, Found
from regions.query.cell_rows import CellRows, first_rows
from regions.query.conflicts import Beyond, Conflict, DomainSide, Geometry
from regions.query.judging import CellJudge, Excluded, Inside, Question
from regions.query.unreachable import Node, Split
from regions.results import ReachProgress
from solvers.exact_simplex import Row, Stopped
from solvers.rational import coprime


@dataclass(frozen=True, eq=False)
class Closed:
    """Every branch ends in a conflict: the tree in preorder."""

    nodes: tuple[Node, ...]


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
        self.branches = Branches(network, frame)
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
        first: Branch | Conflict | Found = self.branches.enter((), start, middle, wanted, question)
        waiting: list[tuple[Branch | Conflict | Found, _Slot]] = [(first, root)]
        while waiting:
            if self.judge.stop():  # a split may go on for long without a linear program
                raise Stopped
            branch, slot = waiting.pop()
            self.nodes += 1
            self._report(question, branch, len(waiting))
            if isinstance(branch, Branch):
                branch = self._decided(branch, wanted, question)
            if isinstance(branch, Found):
                return branch
            if not isinstance(branch, Branch):
                slot.node = branch
                continue
            column = self.branches.chosen(branch)
            layer, unit = branch.rows.position, int(branch.rows.units[column])
            children = [self.branches.child(branch, column, bit, question) for bit in (0, 1)]
            slot.node, slot.children = Split(layer, unit), (_Slot(), _Slot())
            pairs = list(zip(children, slot.children, strict=True))
            # the last one is taken first: the one that has a point already
            pairs.sort(key=lambda pair: isinstance(pair[0], Branch) and pair[0].inside is not None)
            waiting += pairs
        return Closed(_preorder(root))

    def _report(self, question: Question, branch: Branch | Conflict | Found, waiting: int) -> None:
        """Tell how far it is; ten times a second."""
        now = time.monotonic()
        if self._progress is None or now - self._last < REPORT_SECONDS:
            return
        self._last = now
        layer = branch.rows.position if isinstance(branch, Branch) else 0
        name = question.name.lower()
        self._progress(ReachProgress(name, self.nodes, waiting, layer, now - self._start))

    # -- one branch ------------------------------------------------------------------------

    def _decided(
        self, branch: Branch, wanted: Sequence[np.ndarray], question: Question
    ) -> Branch | Conflict | Beyond | Found:
        """Whether the branch holds a point; go on to the first layer with a free unit."""
        current: Branch | Conflict | Found = branch
        while isinstance(current, Branch):
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
            current = self.branches.enter(bits, current.cell, inside, wanted, question)
        return current

    # -- success ---------------------------------------------------------------------------

    def _success(
        self, inside: Inside, wanted: Sequence[np.ndarray], question: Question
    ) -> Found | None:
        """The branch's own point, if its whole pattern is one that is asked for."""
        return (
            self.branches.checked(inside, wanted, question)
            if self._looks_right(inside.x, wanted)
            else None
        )

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

    def _beyond(self, branch: Branch, wanted: Sequence[np.ndarray]) -> Beyond | None:
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
