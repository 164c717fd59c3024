"""Two trees of patterns with one face: of regions, and of patterns attained at any point.

A node is a cell whose known bits hold everywhere in it (on a set with interior, for regions; at
some point, for attained patterns).  Expanding decides units until two children are left.  All
decisions are certified: that of regions are the LP engine's, the others those of `CellJudge`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Protocol

import numpy as np

from regions.counting.by_lp import LPEngine, LPNode
from regions.counting.points import ExactPoint, Stock
from regions.counting.tree import Stop
from regions.counting.work import Problem
from regions.frame import Frame
from regions.intervals import layer_bounds
from regions.network import Network
from regions.query.branches import Branch, Branches, Found
from regions.query.cell_rows import CellRows, first_rows
from regions.query.conflicts import Conflict
from regions.query.judging import CellJudge, Inside, Question
from solvers.backend import Backend
from solvers.rational import rational

LIGHT_POINTS = 8  # that a waiting node keeps where many wait


@dataclass(frozen=True, eq=False)
class Step:
    """What became of a node.

    Attributes
    ----------
    children
        Nodes that hold all of its patterns but the `leaves`.
    leaves
        Complete patterns, flat, each with a point; what they are is certain.
    points
        Points (n, dim) met on the way: proposals.
    """

    children: Sequence[object]
    leaves: Sequence[tuple[np.ndarray, ExactPoint]] = ()
    points: np.ndarray | None = None


class Tree(Protocol):
    """The tree of all patterns of a network in a frame."""

    def root(self) -> Step:
        """The nodes at the top."""
        ...

    def expand(self, node: object) -> Step:
        """A node's children; a complete pattern comes back as a point alone."""
        ...

    def known(self, node: object) -> np.ndarray:
        """(units,) the bits that hold in the whole node; -1 where they may differ."""
        ...

    def depth(self, node: object) -> int:
        """Something that grows on the way down."""
        ...

    def lightened(self, node: object) -> object:
        """The same node in less memory."""
        ...

    def close(self) -> None:
        """End the sessions."""
        ...


class Ahead:
    """Bits of deeper layers that interval arithmetic fixes, where those of earlier ones hold."""

    def __init__(self, network: Network) -> None:
        self._network = network
        starts = accumulate(network.widths, initial=0)
        self.places = [slice(start, end) for start, end in pairwise(starts)]

    def complete(self, known: np.ndarray, box: tuple[np.ndarray, np.ndarray], layer: int) -> None:
        """Write the bits of the layers after `layer` that are certain into `known`."""
        if layer >= len(self.places) or not all(np.isfinite(side).all() for side in box):
            return
        ranges = [box]
        for position, parts in enumerate(self._network.layers, start=1):
            low, high = layer_bounds(parts, ranges)
            bits = known[self.places[position - 1]]
            if position > layer:
                bits[(bits < 0) & (low > 0)] = 1
                bits[(bits < 0) & (high <= 0)] = 0
            low, high = np.maximum(low, 0.0), np.maximum(high, 0.0)
            off = bits == 0
            ranges.append((np.where(off, 0.0, low), np.where(off, 0.0, high)))


class RegionTree:
    """The tree of regions, by the LP engine."""

    def __init__(self, problem: Problem, stop: Stop, known: Stock | None) -> None:
        self._lp = LPEngine(problem.network, problem.frame, problem.backend, stop)
        self._lp.list_regions()
        self._ahead = Ahead(problem.network)
        self._stable = np.concatenate([np.zeros(0, np.int8), *self._lp.stable])
        self._known = known

    def root(self) -> Step:
        """The whole domain."""
        return self._step(self._lp.root(self._known).children)

    def expand(self, node: object) -> Step:
        """Decide the units of the layer that do not cut the cell, and split on one that does."""
        assert isinstance(node, LPNode)
        return self._step(self._lp.expand(node).children)

    def _step(self, children: Sequence[LPNode]) -> Step:
        found = self._lp.take_regions()
        leaves = []
        for row, bits in enumerate(found.bits):
            exact = found.rationals.get(row)
            point = exact or tuple(rational(v) for v in found.points[row].tolist())
            leaves.append((bits.astype(np.int8), point))
        points = [child.stock.x[place] for child in children for place in (0, -1)]
        return Step(children, leaves, np.stack(points) if points else None)

    def known(self, node: object) -> np.ndarray:
        """The bits of the node, those that are stable in the domain, and what follows from them."""
        assert isinstance(node, LPNode)
        flat = self._stable.copy()
        parts = (*node.bits, node.current)
        for place, bits in zip(self._ahead.places, parts, strict=False):
            flat[place] = bits
        self._ahead.complete(flat, node.box, node.layer)
        return flat

    def depth(self, node: object) -> int:
        """Layers and splits above."""
        assert isinstance(node, LPNode)
        return node.depth + node.layer

    def lightened(self, node: object) -> object:
        """The node with few of its points."""
        assert isinstance(node, LPNode)
        if len(node.stock) <= LIGHT_POINTS:
            return node
        keep = np.arange(len(node.stock))[-LIGHT_POINTS:]
        return replace(node, stock=node.stock.take(keep), signs=node.signs[keep])

    def close(self) -> None:
        """End the session."""
        self._lp.close()


class AttainedTree:
    """The tree of the patterns of all points of the closed domain, however thin their sets."""

    def __init__(self, network: Network, frame: Frame, backend: Backend, stop: Stop) -> None:
        self._judge = CellJudge(frame, backend, stop)
        self._branches = Branches(network, frame)
        self._frame = frame
        self._widths = network.widths
        self._free = [np.full(width, -1, dtype=np.int8) for width in network.widths]
        self._ahead = Ahead(network)

    def root(self) -> Step:
        """The whole domain."""
        start = first_rows(self._frame)
        middle = self._judge.ask(Question.ATTAINED, start)
        assert isinstance(middle, Inside), "a frame has an interior point"
        return self._entered((), start, middle)

    def _entered(self, bits: tuple[np.ndarray, ...], cell: CellRows, inside: Inside) -> Step:
        """The first layer after `bits` that has an open unit."""
        while True:
            branch = self._branches.enter(bits, cell, inside, self._free, Question.ATTAINED)
            if isinstance(branch, Found):
                return Step((), [(branch.pattern.units(), branch.point)])
            assert isinstance(branch, Branch)
            self._settle(branch)
            if (branch.current < 0).any():
                return Step((branch,), (), inside.x[None, :])
            bits = (*bits, branch.current)

    def _settle(self, branch: Branch) -> None:
        """Bits that an interval over the domain's box decides, written into the branch."""
        low, high = branch.rows.floats.over_box(self._judge.judge.low, self._judge.judge.high)
        branch.current[(branch.current < 0) & (low > 0)] = 1
        branch.current[(branch.current < 0) & (high <= 0)] = 0

    def expand(self, node: object) -> Step:
        """Decide whether the node has a point, and split it."""
        assert isinstance(node, Branch)
        inside = node.inside
        if inside is None:
            answer = self._judge.ask(Question.ATTAINED, node.cell)
            if not isinstance(answer, Inside):
                return Step(())
            inside = answer
        node = replace(node, inside=inside)
        if not (node.current < 0).any():
            return self._entered((*node.bits, node.current), node.cell, inside)
        column = self._branches.chosen(node)
        made = [self._branches.child(node, column, bit, Question.ATTAINED) for bit in (0, 1)]
        kept = [child for child in made if not isinstance(child, Conflict)]
        return Step(kept, (), inside.x[None, :])

    def known(self, node: object) -> np.ndarray:
        """The bits of the node and what follows from them."""
        assert isinstance(node, Branch)
        flat = np.full(sum(self._widths), -1, dtype=np.int8)
        for place, bits in zip(self._ahead.places, (*node.bits, node.current), strict=False):
            flat[place] = bits
        self._ahead.complete(flat, self._frame.box(), node.rows.position)
        return flat

    def depth(self, node: object) -> int:
        """Known bits."""
        assert isinstance(node, Branch)
        return sum(map(len, node.bits)) + int((node.current >= 0).sum())

    def lightened(self, node: object) -> object:
        """The node itself."""
        return node

    def close(self) -> None:
        """End the sessions."""
        self._judge.close()
