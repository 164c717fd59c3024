"""`Search`: a lazy A* over the region graph, which is never built.

A step to a neighbour costs the number of its bits that flip.  The Hamming distance to the target is
a lower bound of what is left, by the triangle inequality.  The regions that would lie beyond a
region's rows are put into the queue unseen; whether a row is a facet is decided when its turn
comes, so that rows that lead away from the target are never looked at.  A region that is taken out
by a step that is there has its least cost.

Sources: P. E. Hart, N. J. Nilsson, B. Raphael, A formal basis for the heuristic determination of
minimum cost paths, IEEE Trans. Systems Science and Cybernetics 4 (1968); B. Cohen, M. Phillips,
M. Likhachev, Planning single-arm manipulations with n-arm robots, RSS 2014 (edges decided late).
"""

from __future__ import annotations

import heapq
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from regions.counting.tree import Stop
from regions.domain_base import Domain
from regions.frame import Frame
from regions.geometry.body import Body
from regions.geometry.neighbours import Neighbour
from regions.graph.across import Across
from regions.graph.endpoints import coordinates
from regions.graph.path import Coordinates
from regions.network import Network
from regions.pattern import Pattern
from solvers.backend import Backend
from solvers.exact_simplex import Stopped

KEPT = 256  # regions with their rows; others are made again when they are needed

# (bound, -cost, order of arrival, cost, region before, step)
Entry = tuple[int, int, int, int, Pattern, Neighbour]


@dataclass(eq=False)
class Tree:
    """What a search has found: least costs, and the regions before each on ways of least cost.

    `least` is the cost of the target, None while it was not reached.
    """

    start: Pattern
    target: Pattern
    costs: dict[Pattern, int] = field(default_factory=dict)
    before: dict[Pattern, list[Pattern]] = field(default_factory=dict)
    least: int | None = None

    def way(self) -> list[Pattern]:
        """One way of least cost; empty if there is none."""
        if self.least is None:
            return []
        found = [self.target]
        while found[-1] != self.start:
            found.append(self.before[found[-1]][0])
        return found[::-1]

    def number(self) -> int:
        """The number of ways of least cost, where all steps before were kept."""
        ways = Counter({self.start: 1})
        for here in sorted(self.before, key=lambda pattern: self.costs[pattern]):
            ways[here] += sum(ways[earlier] for earlier in self.before[here])
        return ways[self.target]


@dataclass(eq=False)
class Search:
    """Searches of one network in one domain; what is known of regions stays from one to the next.

    Attributes
    ----------
    lower
        A bound of the least cost from the search that runs.
    visited, waiting
        How many regions have their least cost, and the size of the queue.
    tell
        Called with every region that is visited.
    """

    network: Network
    domain: Domain
    frame: Frame
    backend: Backend
    stop: Stop
    tell: Callable[[Search], None] | None = None
    lower: int = 0
    visited: int = 0
    waiting: int = 0
    numbers: Counter[str] = field(default_factory=Counter)
    _kept: OrderedDict[Pattern, Across] = field(default_factory=OrderedDict)
    _decided: dict[tuple[Pattern, int], bool] = field(default_factory=dict)

    def run(
        self,
        start: Pattern,
        target: Pattern,
        most: int | None = None,
        *,
        every: bool = False,
        single: bool = False,
    ) -> Tree:
        """The ways from one region to another.

        Parameters
        ----------
        most
            Ways that cost more are of no interest.
        every
            Find all steps that ways of least cost consist of.
        single
            Only steps that flip one bit.

        Raises
        ------
        Stopped
            When `stop` said so.
        """
        tree = Tree(start, target, {start: 0}, least=0 if start == target else None)
        self.visited, self.lower = 1, start.hamming(target)
        queue: list[Entry] = []
        order = count()

        def push(here: Pattern) -> None:
            for beyond in self.across(here).candidates:
                step = len(beyond.flipped)
                total = tree.costs[here] + step
                bound = total + beyond.pattern.hamming(target)
                late = most is not None and bound > most
                known = tree.costs.get(beyond.pattern, total)
                if not late and known >= total and (step == 1 or not single):
                    # among equals the farthest first: it is nearest to the target
                    heapq.heappush(queue, (bound, -total, next(order), total, here, beyond))

        if tree.least is None:
            push(start)
        while queue:
            bound, _, _, total, before, beyond = heapq.heappop(queue)
            there = beyond.pattern
            if tree.least is not None and bound > tree.least:
                break
            self.lower, self.waiting = max(self.lower, bound), len(queue)
            known = tree.costs.get(there)
            if known is not None and (known < total or not every):
                continue
            if not self._is_step(before, beyond):
                continue
            tree.before.setdefault(there, []).append(before)
            if known is not None:
                continue
            tree.costs[there] = total
            self.visited += 1
            if self.tell is not None:
                self.tell(self)
            if there == target:
                tree.least = total
                if not every:
                    break
            else:
                push(there)
        return tree

    def across(self, pattern: Pattern) -> Across:
        """What would lie beyond the rows of a region."""
        if pattern not in self._kept:
            if self.stop():
                raise Stopped
            body = Body.of(
                self.network, pattern, self.domain,
                frame=self.frame, backend=self.backend, stop=self.stop,
            )  # fmt: skip
            self._kept[pattern] = Across(body, self.backend, self.stop, self.numbers)
            self.numbers["regions"] += 1
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return self._kept[pattern]

    def point(self, pattern: Pattern) -> Coordinates:
        """A point inside a region."""
        body = self.across(pattern).body
        return coordinates(body.point(body.interior))

    def _is_step(self, before: Pattern, beyond: Neighbour) -> bool:
        key = before, beyond.facet.row
        if key not in self._decided:
            if self.stop():
                raise Stopped
            self._decided[key] = self.across(before).is_facet(beyond.facet.row)
        return self._decided[key]
