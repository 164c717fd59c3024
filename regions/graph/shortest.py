"""`shortest`: the least number of bits flipped on a way from one region to another.

A* over the region graph, which is never built: a step to a neighbour costs the number of its bits
that flip, and the Hamming distance to the target is a lower bound of what is left, by the triangle
inequality.  So a region that is taken from the queue has its least cost.

Source: P. E. Hart, N. J. Nilsson, B. Raphael, A formal basis for the heuristic determination of
minimum cost paths, IEEE Trans. Systems Science and Cybernetics 4 (1968).
"""

from __future__ import annotations

import heapq
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count, pairwise

from regions.counting.api import describe
from regions.counting.question import Question, checked_seconds
from regions.counting.tree import Stop, interruptible
from regions.domain_base import Domain
from regions.errors import RegionsError
from regions.frame import Frame
from regions.geometry.body import Body
from regions.geometry.centred import Centred
from regions.geometry.facets import facets
from regions.geometry.neighbours import neighbours
from regions.graph.endpoints import coordinates, region_of
from regions.graph.path import Coordinates, Path
from regions.graph.walk import way_along
from regions.network import Network
from regions.pattern import Pattern
from solvers.backend import Backend
from solvers.exact_simplex import Stopped

REPORT_SECONDS = 0.1


@dataclass(frozen=True)
class PathProgress:
    """Where a running search stands: lower <= the least number of bits <= upper (None: unknown).

    `regions` were left behind, `waiting` are in the queue.
    """

    regions: int
    waiting: int
    lower: int
    upper: int | None
    seconds: float


def shortest(
    network: Network,
    start: object,
    end: object,
    domain: Domain | None = None,
    *,
    count_paths: bool = False,
    unit_steps: bool = False,
    time_limit: float | None = None,
    progress: Callable[[PathProgress], None] | None = None,
    backend: str | Backend = "highs",
) -> Path:
    """A way from one region to another that flips as few bits as possible.

    A step leads to a region that shares a face of dimension dim D - 1, and costs the number of bits
    that differ (meanings §2.8), which may be several where hyperplanes coincide.  The least cost
    is at least the Hamming distance, and of its parity.

    Parameters
    ----------
    network, domain
        A network in normal form, and where to walk: the box [-1, 1]^n by default.
    start, end
        Patterns of regions, or points: (inputs,) numbers, taken exactly.
    count_paths
        Also count the ways of least cost.
    unit_steps
        Also decide whether there is a way, however long, whose steps flip one bit each.  If there
        is none, every region that such ways reach has to be visited.
    time_limit
        Stop after so many seconds, with bounds of the least cost.
    progress
        Called about ten times a second.
    backend
        Solver of the linear programs; its answers are checked.

    Raises
    ------
    DomainError
        If the domain is empty, or a point is outside or has another dimension.
    PatternError
        If an end is in no region: a pattern that none has, or a point between them.
    InputError
        If an option is out of range.

    Examples
    --------
    >>> from regions.domain import Space
    >>> network = Network.from_layers([([[1, 0], [0, 1]], [0, 0]), ([[1, 1]], [0])])
    >>> path = shortest(network, [-1, -1], [1, 2], Space(2), count_paths=True)
    >>> path.cumulative, path.steps, path.shortest_paths
    (2, 2, 2)
    """
    began = time.monotonic()
    question = Question.of("shortest", network, domain, "lp", None, backend)
    limit = checked_seconds("shortest", time_limit)
    stop = Stop(None if limit is None else began + limit)
    with interruptible(stop):
        try:
            where = question.domain
            frame = Frame.of(where, question.backend, stop)
            first, last = (
                region_of(
                    network, value, where, frame, question.backend, stop, f"shortest(): {what}"
                )
                for value, what in ((start, "start"), (end, "end"))
            )
        except Stopped as error:
            raise RegionsError(
                f"shortest(): {stop.reason()} before the regions of both ends were known; "
                "give it more time"
            ) from error
        search = _Search(question, frame, first, last, stop, progress, began)
        return search.run(count_paths, unit_steps)


class _Search:
    """One search; what is known of regions stays, also for the second question."""

    def __init__(
        self,
        question: Question,
        frame: Frame,
        first: Body,
        last: Body,
        stop: Stop,
        progress: Callable[[PathProgress], None] | None,
        began: float,
    ) -> None:
        self.question, self.frame, self.stop = question, frame, stop
        self.first, self.last = first, last
        self.start, self.target = first.pattern, last.pattern
        self.progress, self.began, self._reported = progress, began, began
        self.points: dict[Pattern, Coordinates] = {
            body.pattern: coordinates(body.point(body.interior)) for body in (first, last)
        }
        self.near: dict[Pattern, list[Pattern]] = {}
        self.lower = self.start.hamming(self.target)
        self.upper: int | None = None
        self.numbers: Counter[str] = Counter()

    def run(self, count_paths: bool, unit_steps: bool) -> Path:
        """The answer to all that was asked."""
        way: list[Pattern] = []
        points: list[Coordinates] = []
        number: int | None = None
        unit: bool | None = None
        try:
            way, points = way_along(self.first, self.last, self.stop)
            if way:
                self.upper = _cost(way)
            if self.upper != self.lower or count_paths:
                found, best = self._search(every=count_paths)
                if not way or _cost(found) < _cost(way):
                    way, points = found, [self.points[pattern] for pattern in found]
                self.lower = self.upper = best[self.target]
                number = self._number(best) if count_paths else None
            if all(a.hamming(b) == 1 for a, b in pairwise(way)):
                unit = True
            elif unit_steps:
                unit = bool(self._search(single=True)[0])
        except Stopped:
            pass
        stopped = (
            self.stop.reason() if self._is_open(count_paths, unit_steps, number, unit) else None
        )
        network = self.question.network
        return Path(
            method="shortest", start=self.start, end=self.target, patterns=tuple(way),
            points=tuple(points), lower=self.lower, upper=self.upper, stopped=stopped,
            unit_steps=unit, shortest_paths=number, domain=self.question.domain.spec,
            seconds=time.monotonic() - self.began, model=describe(network),
            stats={"regions": len(self.near), **self.numbers},
        )  # fmt: skip

    def _is_open(
        self, count_paths: bool, unit_steps: bool, number: int | None, unit: bool | None
    ) -> bool:
        if self.lower != self.upper:
            return True
        return (count_paths and number is None) or (unit_steps and unit is None)

    def _search(
        self, single: bool = False, every: bool = False
    ) -> tuple[list[Pattern], dict[Pattern, int]]:
        """(a way of least cost, the costs of regions): the way is empty if there is none.

        `single`: by steps of one bit only.  `every`: all regions are visited that a way of least
        cost may use.
        """
        best = {self.start: 0}
        before: dict[Pattern, Pattern] = {}
        order = count()
        queue = [(self.start.hamming(self.target), 0, 0, next(order), self.start)]
        least: int | None = None
        done: set[Pattern] = set()
        while queue:
            bound, _, cost, _, here = heapq.heappop(queue)
            if here in done or cost > best[here]:
                continue
            if least is not None and bound > least:
                break
            if not single:
                self.lower = max(self.lower, bound)
            if here == self.target:
                least = cost
                if not every:
                    break
            done.add(here)
            self._report(len(done), len(queue))
            for there in self._neighbours(here):
                step = here.hamming(there)
                total = cost + step
                if (single and step != 1) or total >= best.get(there, total + 1):
                    continue
                bound = total + there.hamming(self.target)
                if not single and self.upper is not None and bound > self.upper:
                    continue  # a way of `upper` bits is known
                best[there] = total
                before[there] = here
                # among equals the farthest first: it is nearest to the target
                heapq.heappush(queue, (bound, -total, total, next(order), there))
        if least is None:
            return [], best
        way = [self.target]
        while way[-1] != self.start:
            way.append(before[way[-1]])
        return way[::-1], best

    def _number(self, best: dict[Pattern, int]) -> int:
        """The number of ways of least cost, once all regions on them were visited."""
        ways = Counter({self.start: 1})
        for here in sorted(best, key=lambda pattern: best[pattern]):
            for there in self.near.get(here, ()) if ways[here] else ():
                if best.get(there) == best[here] + here.hamming(there):
                    ways[there] += ways[here]
        return ways[self.target]

    def _neighbours(self, pattern: Pattern) -> list[Pattern]:
        """The patterns beyond the facets of a region."""
        if pattern not in self.near:
            if self.stop():
                raise Stopped
            question = self.question
            body = Body.of(
                question.network, pattern, question.domain, frame=self.frame,
                backend=question.backend, stop=self.stop,
            )  # fmt: skip
            self.points[pattern] = coordinates(body.point(body.interior))
            found = facets(Centred.of(body, body.interior), question.backend, self.stop)
            if not found.complete:
                raise Stopped
            self.near[pattern] = [beyond.pattern for beyond in neighbours(body, found)]
        return self.near[pattern]

    def _report(self, regions: int, waiting: int) -> None:
        now = time.monotonic()
        if self.progress is not None and now - self._reported >= REPORT_SECONDS:
            self._reported = now
            self.progress(PathProgress(regions, waiting, self.lower, self.upper, now - self.began))


def _cost(way: list[Pattern]) -> int:
    return sum(a.hamming(b) for a, b in pairwise(way))
