"""The number of regions from random walks down the tree that `count` walks.

Every node's children are decided exactly, so the tree is the true one and no walk is thrown away.
From the root on, the nodes of one depth are expanded; of their children at most `width` are kept,
drawn uniformly without replacement, and what is found below them counts (children / kept) times as
much.  Each child is kept with probability kept / children, so the weighted number of leaves is an
unbiased estimate of their number.  With width 1 that is Knuth's method, where a leaf counts
1 / (its probability); larger widths cut the variance (stochastic enumeration), and a width that
nothing exceeds gives the exact number.

Sources: D. E. Knuth, Estimating the efficiency of backtrack programs, 1975; R. Vaisman, D. P.
Kroese, Stochastic enumeration method for counting trees, 2017.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from regions.counting.by_lp import LPEngine, LPNode
from regions.counting.tree import Expansion, Stop
from regions.counting.work import Problem
from solvers.exact_simplex import Stopped

KEPT_BYTES = 200_000_000  # of nodes whose children are remembered


@dataclass(eq=False)
class Walks:
    """What was found so far.

    Attributes
    ----------
    values
        One estimate for each walk.
    complete
        Whether a walk left nothing out: then its value is the number of regions.
    leaves
        The different regions that were found (fewer, where memory was full).
    """

    values: list[float] = field(default_factory=list)
    complete: bool = False
    leaves: set[int] = field(default_factory=set)


class Tree:
    """The counting tree; nodes that were expanded are remembered while there is room."""

    def __init__(self, problem: Problem, stop: Stop) -> None:
        self.expanded = 0  # by linear programs, not from memory
        self._stop = stop
        self._lp = LPEngine(problem.network, problem.frame, problem.backend, stop)
        self._root: Expansion[LPNode] | None = None
        self._known: dict[int, tuple[LPNode, Expansion[LPNode]]] = {}
        self._bytes = 0

    def close(self) -> None:
        """End the session of the linear programs."""
        self._lp.close()

    def root(self) -> Expansion[LPNode]:
        """The whole domain."""
        if self._root is None:
            self._root = self._lp.root()
        return self._root

    def expand(self, node: LPNode) -> Expansion[LPNode]:
        """The children of a node, and the regions that it turned out to be."""
        known = self._known.get(id(node))
        if known is not None:
            return known[1]
        if self._stop():
            raise Stopped
        found = self._lp.expand(node)
        self.expanded += 1
        if self._bytes < KEPT_BYTES:
            self._known[id(node)] = node, found
            self._bytes += sum(
                child.stock.x.nbytes + child.signs.nbytes + 2000 for child in found.children
            )
        return found

    def name(self, node: LPNode) -> int | None:
        """A number of its own for a node that is remembered."""
        return id(node) if id(node) in self._known else None


def walk(
    tree: Tree, width: int, random: np.random.Generator, leaves: set[int]
) -> tuple[float, bool]:
    """One unbiased estimate, and whether nothing was left out; `leaves` gets what was found.

    Raises
    ------
    Stopped
        When a limit came first: this walk says nothing.
    """
    first = tree.root()
    total, weight = float(first.regions), 1.0
    current = list(first.children)
    complete = True
    while current:
        children: list[LPNode] = []
        for node in current:
            expansion = tree.expand(node)
            total += weight * expansion.regions
            if expansion.regions and (name := tree.name(node)) is not None:
                leaves.add(name)
            children += expansion.children
        if len(children) > width:
            kept = random.choice(len(children), width, replace=False, shuffle=False)
            weight *= len(children) / width
            children = [children[index] for index in sorted(kept.tolist())]
            complete = False
        current = children
    return total, complete


def walks(
    tree: Tree,
    number: int,
    width: int,
    seed: int,
    found: Walks,
    told: Callable[[int, int], None] = lambda *_: None,
) -> None:
    """So many walks in all; one alone where it left nothing out.

    Raises
    ------
    Stopped
        When a limit came first; `found` has the walks that ended by then.
    """
    random = np.random.default_rng(seed)
    while len(found.values) < number and not found.complete:
        value, complete = walk(tree, width, random, found.leaves)
        found.values.append(value)
        found.complete = complete
        told(len(found.values), len(found.leaves))
