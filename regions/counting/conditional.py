"""`conditional`: how many patterns a layer takes, given the pattern of the layers before it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from regions.counting.api import describe
from regions.counting.attained import ThinTree
from regions.counting.bounds import cells
from regions.counting.engines import COMPILED, LISTING, is_cold
from regions.counting.given_cell import bound_of, count_cell, locate
from regions.counting.given_input import check_given, check_point, check_whole
from regions.counting.given_table import (
    GivenCount,
    Walked,
    by_listing,
    by_thin_tree,
)
from regions.counting.listing import Listing
from regions.counting.question import Question, check_able, checked_seconds
from regions.counting.statistics import statistics
from regions.counting.tree import Stop, interruptible
from regions.counting.work import Problem
from regions.domain import Domain
from regions.errors import InputError, RegionsError
from regions.frame import Frame
from regions.network import Network
from regions.pattern import Pattern
from regions.results import Progress, big_number
from solvers.backend import Backend
from solvers.exact_simplex import Stopped
from solvers.rational import nearest, rationals

MOST = 100_000  # rows of a table


@dataclass(frozen=True, repr=False)
class Conditional:
    """The number of patterns that a layer takes, as an interval that certainly contains it.

    Attributes
    ----------
    layer
        The layer, from 1.
    given
        The pattern of the layers before it; None where all of them are in `table`.
    lower, upper
        lower <= the number <= upper; of a table, of the sum of its rows.
    definition
        "regions": patterns that hold on a set with interior; "patterns": attained at a point
        (meanings §2.5).
    possible
        Whether `given` itself is one of these; None where that is not known, and for a table.
    table
        By given pattern, sorted; None where one was given.
    complete
        Whether every row of the table is there, and exact; True without a table.
    engine, why, seconds, stopped, domain, model, stats
        As in `Count`; a table of more rows than were allowed stops with "table full".
    """

    layer: int
    given: Pattern | None
    lower: int
    upper: int
    definition: str = "regions"
    possible: bool | None = None
    table: tuple[GivenCount, ...] | None = None
    complete: bool = True
    engine: str = "lp"
    why: str = ""
    seconds: float = 0.0
    stopped: str | None = None
    domain: str = ""
    model: dict[str, object] = field(default_factory=dict, compare=False)
    stats: dict[str, object] = field(default_factory=dict, compare=False)

    @property
    def exact(self) -> bool:
        """Whether the number is known, and every row of the table."""
        return self.lower == self.upper and self.complete

    @property
    def total(self) -> int | None:
        """The sum of the table, where it is known: the regions of the first layers."""
        return self.lower if self.table is not None and self.exact else None

    def __int__(self) -> int:
        if not self.exact:
            raise RegionsError(
                f"int() of a conditional count needs an exact one, got {self!r}; "
                "give it more time, or read lower and upper"
            )
        return self.lower

    def __repr__(self) -> str:
        number = big_number(self.lower)
        if self.lower != self.upper:
            number += f" to {big_number(self.upper)}"
        under = f"given {str(self.given)!r}" if self.table is None else f"{len(self.table)} rows"
        return f"Conditional({number} {self.definition} of layer {self.layer}, {under})"

    def as_dict(self) -> dict[str, object]:
        """The fields as plain JSON-ready values."""
        record: dict[str, object] = {
            "layer": self.layer,
            "given": None if self.given is None else str(self.given),
            "lower": self.lower,
            "upper": self.upper,
            "exact": self.exact,
            "definition": self.definition,
        }
        if self.table is None:
            record["possible"] = self.possible
        else:
            record["total"] = self.total
            record["complete"] = self.complete
            record["table"] = [
                {
                    "given": str(row.given),
                    "count": row.lower if row.exact else None,
                    "lower": row.lower,
                    "upper": row.upper,
                    "exact": row.exact,
                }
                for row in self.table
            ]
        return {
            **record,
            "engine": self.engine,
            "why": self.why,
            "seconds": self.seconds,
            "stopped": self.stopped,
            "model": self.model,
            "domain": self.domain,
            "stats": self.stats,
        }


def conditional(
    network: Network,
    layer: int,
    *,
    given: Pattern | str | None = None,
    at: object = None,
    domain: Domain | None = None,
    attained: bool = False,
    engine: str = "auto",
    time_limit: float | None = None,
    progress: Callable[[Progress], None] | None = None,
    backend: str | Backend = "highs",
    workers: int = 1,
    most: int = MOST,
) -> Conditional:
    """How many patterns layer K takes where the layers 1..K-1 have a given pattern.

    Let C be the set of points of the domain where the first K-1 layers have the pattern p.  The
    number is that of the regions of the first K layers whose pattern begins with p; on C the layer
    is affine, so it is at most S(n_K, dim).  It is 0 where p is no region.  Without a pattern, the
    table over all p, whose sum is the number of regions of the first K layers.

    Parameters
    ----------
    network
        A network in normal form.
    layer
        K, from 1.
    given
        The pattern of the layers 1..K-1, all bits known; empty for K = 1.
    at
        A point instead, which has that pattern; it must lie in the (closed) domain.
    domain
        The box [-1, 1]^n by default.
    attained
        Count what is attained at some point of the closed domain, however thin, in rationals: for
        small networks.
    engine
        "integers", "simplex", "lp" or "auto" to choose; for a table, and for the first layer, also
        "vertices".  Attained patterns have one engine: leave it out.
    time_limit
        Seconds after which to stop with bounds; Ctrl-C stops likewise.
    progress
        Called about ten times a second.
    backend
        Solver of the linear programs.  Its answers are proposals: each is checked exactly.
    workers
        As for `count`; a table is made by one.
    most
        At most so many rows of a table; a longer one is stopped, keeps the first of those found,
        and is not complete, so not exact, even where the bounds of its sum agree.

    Raises
    ------
    DomainError
        If the domain is empty or has another dimension, or the point lies outside.
    PatternError
        If the given pattern does not fit the layers before K, or has don't-cares.
    InputError
        If an option is out of range.

    Examples
    --------
    >>> from regions.domain import Space
    >>> network = Network.from_layers(
    ...     [([[1], [-1]], [0, 0]), ([[1, 1], [1, 1]], [-1, -2]), ([[1, 1]], [0])]
    ... )  # |x| - 1 and |x| - 2
    >>> int(conditional(network, 2, given="10", domain=Space(1)))
    3
    >>> table = conditional(network, 2, domain=Space(1)).table
    >>> [(str(row.given), row.lower) for row in table]
    [('01', 3), ('10', 3)]

    Source: "Study on Activation Patterns", sections 7.1 and 7.3.
    """
    start = time.monotonic()
    question = Question.of("conditional", network, domain, engine, None, backend)
    limit = checked_seconds("conditional", time_limit)
    check_whole("conditional", "layer", layer, 1, len(network.layers))
    check_whole("conditional", "workers", workers, 1, None)
    check_whole("conditional", "most", most, 1, None)
    if attained and engine not in ("auto", "lp"):
        raise InputError(
            f"conditional(): attained patterns are counted by one exact engine, got {engine!r}; "
            "leave engine out"
        )
    if given is not None and at is not None:
        raise InputError("conditional(): needs a pattern or a point, got both; leave one out")
    question = replace(question, counted=network.truncate(layer))
    if at is not None:
        check_point(question.domain, at)
        given = network.pattern(at).prefix(layer - 1)
    pattern = None if given is None else check_given(network, layer, given)
    stop = Stop(None if limit is None else start + limit)
    asked = _Asked(question, pattern, at, attained, stop, progress, int(workers), int(most))
    with interruptible(stop):
        try:
            result = _table(asked) if pattern is None else _one(asked, pattern)
        except Stopped:  # not even known to have a point
            result = _unknown(asked)
    return replace(
        result,
        definition="patterns" if attained else "regions",
        seconds=time.monotonic() - start,
        domain=question.domain.spec,
        model=describe(network),
    )


@dataclass(frozen=True, eq=False)
class _Asked:
    question: Question
    given: Pattern | None
    at: object
    attained: bool
    stop: Stop
    progress: Callable[[Progress], None] | None
    workers: int
    most: int

    @property
    def layer(self) -> int:
        return len(self.question.counted.layers)


def _one(asked: _Asked, given: Pattern) -> Conditional:
    question, stop = asked.question, asked.stop
    frame = Frame.of(question.domain, question.backend, stop)
    pulled, bits = frame.pull(question.counted), list(given.layers())
    limit = bound_of(pulled, frame, bits)
    result = Conditional(asked.layer, given, 0, limit)
    if asked.attained:
        tree = ThinTree(pulled, frame, bits, question.backend, stop)
        walked = by_thin_tree(tree, given.widths, limit, asked.most, stop)
        possible = True if walked.lower else None if tree.opened else False
        return replace(
            result, lower=walked.lower, upper=min(walked.upper, limit), possible=possible,
            stopped=walked.stopped, why="exact arithmetic",
        )  # fmt: skip
    engine = question.engine
    if engine == "auto" and not bits:
        return _first_layer(asked, result)
    if engine == "vertices" and bits:
        raise InputError(
            "conditional(): the vertices engine starts from a whole domain, not from a given "
            "pattern; use engine='simplex' or 'lp', or 'auto'"
        )
    if engine in COMPILED:
        others = [name for name in LISTING if name != "vertices"] if bits else LISTING
        check_able("conditional", engine, pulled, frame, others)
    problem = Problem(pulled, frame, engine, question.backend)
    try:
        prefix = locate(problem, bits, _hint(frame, asked.at), stop) if bits else None
    except Stopped:
        return replace(result, stopped=stop.reason())
    if bits and prefix is None:
        return replace(result, upper=0, possible=False, why="no region has the given pattern")
    if asked.progress is not None and is_cold(engine):
        asked.progress(Progress(0, 1, limit, 1, 0, 0, 0.0, compiling=True))
    outcome, numbers, used = count_cell(problem, prefix, limit, stop, asked.progress, asked.workers)
    return replace(
        result, lower=max(outcome.lower, 1), upper=outcome.upper, possible=True, engine=used,
        why=_why(question.engine, used), stopped=outcome.stopped,
        stats=statistics(numbers, frame.dim),
    )  # fmt: skip


def _why(asked: str, used: str) -> str:
    if asked != "auto":
        return "asked for"
    return "one cell" if used == "lp" else "a cell of many patterns"


def _first_layer(asked: _Asked, result: Conditional) -> Conditional:
    """Nothing is given: a count of the first layer."""
    from regions.counting.api import count

    question, left = asked.question, asked.stop.seconds_left()
    counted = count(
        question.counted, question.domain, time_limit=left, progress=asked.progress,
        backend=question.backend, workers=asked.workers,
    )  # fmt: skip
    return replace(
        result, lower=counted.lower, upper=counted.upper, possible=True, engine=counted.engine,
        why=counted.why, stopped=counted.stopped, stats=dict(counted.stats),
    )  # fmt: skip


def _table(asked: _Asked) -> Conditional:
    question, stop = asked.question, asked.stop
    widths = question.counted.widths[:-1]
    if asked.attained:
        frame = Frame.of(question.domain, question.backend, stop)
        cap = cells(question.counted.widths[-1], frame.dim)
        tree = ThinTree(frame.pull(question.counted), frame, (), question.backend, stop)
        walked = by_thin_tree(tree, widths, cap, asked.most, stop)
        return _tabled(asked, walked, "lp", "exact arithmetic", {})
    listing = Listing.of(question, stop, asked.progress)
    problem = listing.problem
    if asked.progress is not None and is_cold(problem.engine):
        asked.progress(Progress(0, *listing.bounds(), 1, 0, 0, 0.0, compiling=True))
    cap = cells(question.counted.widths[-1], problem.frame.dim)
    walked = by_listing(listing, widths, cap, asked.most, stop)
    stats = statistics(Counter(listing.numbers), problem.frame.dim)
    return _tabled(asked, walked, problem.engine, listing.why, stats)


def _tabled(
    asked: _Asked, walked: Walked, engine: str, why: str, stats: dict[str, object]
) -> Conditional:
    complete = walked.stopped is None
    return Conditional(
        asked.layer, None, walked.lower, walked.upper, table=walked.rows, complete=complete,
        engine=engine, why=why, stopped=walked.stopped, stats=stats,
    )  # fmt: skip


def _unknown(asked: _Asked) -> Conditional:
    """Stopped before an interior point of the domain was found: bounds that hold anywhere."""
    network, dim = asked.question.counted, asked.question.network.inputs
    bounds = [cells(width, dim) for width in network.widths]
    why = "stopped before an interior point of the domain was found"
    result = Conditional(
        asked.layer, asked.given, 0, bounds[-1], engine=asked.question.engine, why=why,
        stopped=asked.stop.reason(),
    )  # fmt: skip
    if asked.given is not None:
        return result
    return replace(result, upper=int(np.prod(np.array(bounds, dtype=object))), table=(),
                   complete=False)  # fmt: skip


def _hint(frame: Frame, at: object) -> np.ndarray | None:
    """The point in the frame's coordinates, where these are those of the input space."""
    if at is None or not frame.basis.is_identity or any(frame.origin):
        return None
    point = np.array([nearest(q) for q in rationals(at).reshape(-1)])
    return point if np.isfinite(point).all() else None
