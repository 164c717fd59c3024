"""`shortest`: the least number of bits flipped on a way from one region to another."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from regions.counting.api import describe
from regions.counting.question import Question, checked_seconds
from regions.counting.tree import REPORT_SECONDS, Stop, interruptible
from regions.domain_base import Domain
from regions.errors import RegionsError
from regions.frame import Frame
from regions.geometry.body import Body
from regions.graph.endpoints import region_of
from regions.graph.path import Coordinates, Path
from regions.graph.search import Search
from regions.graph.walk import way_along
from regions.network import Network
from regions.pattern import Pattern
from solvers.backend import Backend
from solvers.exact_simplex import Stopped


@dataclass(frozen=True)
class PathProgress:
    """Where a running search stands: lower <= the least number of bits <= upper (None: unknown).

    The least costs of `regions` are known, and `waiting` steps are in the queue.
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
        watch = _Watch(progress, began)
        search = Search(network, where, frame, question.backend, stop, watch)
        return _answer(search, first, last, _Asked(count_paths, unit_steps), began, watch)


@dataclass(frozen=True)
class _Asked:
    """What is to be found out, apart from one way."""

    count_paths: bool
    unit_steps: bool


def _answer(
    search: Search, first: Body, last: Body, asked: _Asked, began: float, watch: _Watch
) -> Path:
    """A way of least cost, or bounds of it; and what else was asked for."""
    start, target = first.pattern, last.pattern
    way: list[Pattern] = []
    points: list[Coordinates] = []
    number: int | None = None
    unit: bool | None = None
    lower, upper = start.hamming(target), None
    try:
        way, points = way_along(first, last, search.stop)
        upper = watch.upper = _cost(way) if way else None
        if upper != lower or asked.count_paths:
            # without a count, only what is better than the way that is known
            most = upper if upper is None or asked.count_paths else upper - 1
            tree = search.run(start, target, most, every=asked.count_paths)
            if tree.least is not None and tree.least != upper:
                way = tree.way()
                points = [search.point(pattern) for pattern in way]
            lower = upper = _cost(way)
            number = tree.number() if asked.count_paths else None
        if all(a.hamming(b) == 1 for a, b in pairwise(way)):
            unit = True
        elif asked.unit_steps:
            unit = search.run(start, target, single=True).least is not None
    except Stopped:
        if lower != upper:
            lower = max(lower, search.lower)
    open_ends = (
        lower != upper
        or (asked.count_paths and number is None)
        or (asked.unit_steps and unit is None)
    )
    return Path(
        method="shortest", start=start, end=target, patterns=tuple(way), points=tuple(points),
        lower=lower, upper=upper, stopped=search.stop.reason() if open_ends else None,
        unit_steps=unit, shortest_paths=number, domain=search.domain.spec,
        seconds=time.monotonic() - began, model=describe(search.network),
        stats=dict(search.numbers),
    )  # fmt: skip


class _Watch:
    """Tells how far a search is, ten times a second."""

    def __init__(self, told: Callable[[PathProgress], None] | None, began: float) -> None:
        self.told, self.began, self.last = told, began, began
        self.upper: int | None = None

    def __call__(self, search: Search) -> None:
        now = time.monotonic()
        if self.told is not None and now - self.last >= REPORT_SECONDS:
            self.last = now
            self.told(
                PathProgress(
                    search.visited, search.waiting, search.lower, self.upper, now - self.began
                )
            )


def _cost(way: list[Pattern]) -> int:
    return sum(a.hamming(b) for a, b in pairwise(way))
