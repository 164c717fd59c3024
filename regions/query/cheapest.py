"""The cheapest pattern of a network in a domain, with certain bounds: what several verbs share.

A search tree decides; it needs good patterns early, to drop what cannot be better.  They come from
the target itself, from local descent, and from the mixed-integer program, all decided exactly; the
elastic relaxation bounds the price from below before the tree does.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from regions.counting.points import Stock
from regions.counting.question import Question as Arguments
from regions.counting.tree import Stop, interruptible
from regions.counting.work import Problem
from regions.errors import DomainError
from regions.frame import Frame
from regions.network import Network
from regions.pattern import Pattern
from regions.query.best_first import Best, Search
from regions.query.branches import Found
from regions.query.descent import Descent
from regions.query.elastic import elastic, proposed
from regions.query.judging import CellJudge, Question
from regions.query.price import REFUSED, Price
from regions.query.search import PatternSearch
from regions.query.trees import AttainedTree, RegionTree, Tree
from regions.query.witnesses import Coordinates, as_coordinates, inside_in_doubles
from regions.ranges import bounding_box, ranges
from regions.results import SearchProgress
from regions.tightening import tightened
from solvers.exact_simplex import Stopped

QUICK = 1.0  # seconds of search before anything expensive is tried
TIGHTEN = 10.0  # seconds at most; and a tenth of a time limit
POLISH = 0.5  # seconds for the coordinates of a witness, after a limit
MILP = 20.0  # seconds at most; and a quarter of a time limit


@dataclass(eq=False)
class Cheapest:
    """What is known of the least price.

    Attributes
    ----------
    lower, value
        lower <= the least price <= value; `value` is REFUSED where no allowed pattern was met.
    optimal
        Whether the search has ended: `value` is the least price, or no pattern is allowed.
    pattern, witness
        The best pattern, and a point that has it.
    """

    lower: int = 0
    value: int = REFUSED
    optimal: bool = False
    pattern: Pattern | None = None
    witness: Coordinates | None = None
    stopped: str | None = None
    relaxed: int | None = None
    stats: dict[str, object] = field(default_factory=dict)


def cheapest(
    arguments: Arguments,
    price: Price,
    *,
    attained: bool,
    stop: Stop,
    wanted: Pattern | None = None,
    progress: Callable[[SearchProgress], None] | None = None,
    seed: int = 0,
) -> Cheapest:
    """Look for the cheapest pattern until it is proved, or `stop` says so.

    `wanted` is a full pattern that is as cheap as can be, if it occurs.
    """
    with interruptible(stop):
        hunt = _Hunt(arguments, price, attained, stop, progress, seed)
        with suppress(Stopped):
            hunt.run(wanted)
        return hunt.result()


class _Hunt:
    """The steps, in order of what they cost."""

    def __init__(
        self,
        arguments: Arguments,
        price: Price,
        attained: bool,
        stop: Stop,
        progress: Callable[[SearchProgress], None] | None,
        seed: int,
    ) -> None:
        self.solver = arguments.backend  # goes on when the search has stopped
        self.arguments = arguments.stopped_by(stop)
        self.price = price
        self.attained = attained
        self.stop = stop
        self.progress = progress
        self.seed = seed
        self.frame: Frame | None = None
        self.pulled: Network | None = None
        self.best: Best | None = None
        self.search: Search | None = None
        self.relaxed: int | None = None
        self.excluded = False  # whether the wanted pattern was proved impossible
        self.settled = False  # whether nothing can be cheaper than the best

    def run(self, wanted: Pattern | None) -> None:
        """Everything, until the least price is known."""
        backend, stop = self.arguments.backend, self.stop
        frame = Frame.of(self.arguments.domain, backend, stop)
        pulled = frame.pull(self.arguments.network)
        best = Best(pulled, frame, self.price, not self.attained, backend, stop)
        self.frame, self.pulled, self.best = frame, pulled, best
        best.take(frame.interior)
        self.settled = best.value == 0 or (wanted is not None and self._decide(wanted))
        if self.settled:
            return
        descent = Descent(pulled, frame, self.price, self.seed)
        best.offer(descent.points(np.zeros((0, frame.dim)), stop))
        tree = self._tree(pulled, frame)
        try:
            self.search = search = Search(tree, best, stop, self.progress, self._floor(wanted))
            search.run(time.monotonic() + QUICK)
            if not search.ended:
                self._expensive(descent)
                search.run()
        finally:
            tree.close()

    def _floor(self, wanted: Pattern | None) -> int:
        """The least price of anything but the wanted pattern, which was excluded."""
        if wanted is None or not self.excluded:
            return 0
        off, on = self.price.costs()
        bits = wanted.units()
        return int(np.where(bits == 1, off, on).min(initial=REFUSED))

    def _tree(self, pulled: Network, frame: Frame) -> Tree:
        backend = self.arguments.backend
        if self.attained:
            return AttainedTree(pulled, frame, backend, self.stop)
        assert self.best is not None
        points = [] if self.best.found is None else [self.best.found.point]
        known = Stock.of(points, frame.dim) if points else None
        return RegionTree(Problem(pulled, frame, "lp", backend), self.stop, known)

    def _decide(self, pattern: Pattern) -> bool:
        """Whether a full pattern occurs; then it is taken."""
        assert self.frame is not None and self.pulled is not None and self.best is not None
        judge = CellJudge(self.frame, self.arguments.backend, self.stop)
        try:
            search = PatternSearch(self.pulled, self.frame, judge)
            question = Question.ATTAINED if self.attained else Question.INTERIOR
            found = search.run(pattern, question)
        finally:
            judge.close()
        if isinstance(found, Found):
            self.best.leaf(found.pattern.units(), found.point)
            return True
        self.excluded = True
        return False

    def _expensive(self, descent: Descent) -> None:
        """The relaxation and the mixed-integer program, for domains that are bounded."""
        frame, pulled, best, search = self.frame, self.pulled, self.best, self.search
        assert frame is not None and pulled is not None and best is not None and search is not None
        backend, left = self.arguments.backend, self.stop.seconds_left()
        try:
            box = bounding_box(frame, self.stop)
        except DomainError:  # no big-M
            return
        known = ranges(pulled, box)
        share = TIGHTEN if left is None else min(TIGHTEN, 0.1 * left)
        known = tightened(pulled, frame, known, backend, share, self.stop)
        share = MILP if left is None else min(MILP, 0.25 * left)
        relaxed = elastic(pulled, frame, known, self.price, backend, share)
        self.relaxed = relaxed.bound
        search.floor = max(search.floor, relaxed.bound)
        bits, point = proposed(pulled, frame, known, self.price, backend, share)
        starts = [p for p in (relaxed.point, point) if p is not None]
        if starts:
            best.offer(descent.points(np.stack(starts), self.stop))
        if bits is not None and self.price.of(bits[None, :])[0] < best.value:
            self._decide(_pattern(bits, pulled))

    def result(self) -> Cheapest:
        """What is known now."""
        found = Cheapest(stopped=self.stop.reason(), relaxed=self.relaxed)
        best, search = self.best, self.search
        if best is None:
            return found
        assert self.frame is not None and self.pulled is not None
        found.value = best.value
        if search is None:
            found.optimal, found.lower = self.settled, best.value if self.settled else 0
        else:
            found.lower = search.lower
            found.optimal = found.lower == found.value
            found.stats = {"nodes": search.nodes}
        if found.optimal:
            found.stopped = None
        if best.found is not None:
            found.pattern = best.found.pattern
            if self.attained:
                found.witness = as_coordinates(self.frame, best.found.point)
            else:
                limit = None if found.optimal else time.monotonic() + POLISH
                found.witness = inside_in_doubles(
                    self.pulled, self.frame, best.found, self.solver, Stop(limit)
                )
        return found


def _pattern(bits: np.ndarray, network: Network) -> Pattern:
    starts = np.cumsum(network.widths)[:-1]
    return Pattern.from_bits([part.tolist() for part in np.split(bits, starts)])
