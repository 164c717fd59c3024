"""A count by several workers: slices of work go out, what they leave open comes back.

The state is a number of regions found and a list of open cells, which together are the whole tree
at any time.  So bounds are known throughout, and a journal of both makes a killed run resumable.
"""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import BrokenExecutor, Executor
from dataclasses import dataclass, field

from regions.counting.crew import Crew
from regions.counting.journal import Journal, JournalError
from regions.counting.tree import REPORT_SECONDS, Outcome, Report, Stop
from regions.counting.work import OpenCell, Problem, Slice
from regions.errors import RegionsError
from regions.results import Progress

ALONE = 0.2  # seconds before others are called in
ALONE_FIRST = 1.0  # the same where these are processes, which take as long to start
SECONDS = 1.0  # of a slice while there is plenty to do
SHORT = 0.1  # of a slice while workers are idle, or about to be
BATCH = 64  # cells of a slice
TRIES = 4  # of a slice whose worker dies


@dataclass
class State:
    """Where a count stands: found + open cells + cells at work are the whole tree."""

    regions: int
    opened: list[OpenCell]
    numbers: Counter[str] = field(default_factory=Counter)

    def share(self, workers: int) -> int:
        """How many cells go to a worker who has none."""
        return min(BATCH, -(-len(self.opened) // (2 * workers)))

    def take(self, count: int) -> list[OpenCell]:
        """The last cells, which are the smallest."""
        cells = self.opened[-count:]
        del self.opened[-count:]
        return cells

    def add(self, done: Slice) -> None:
        """What a worker did."""
        self.regions += done.regions
        self.opened += done.left
        self.numbers.update(done.stats)


def count_by_workers(
    problem: Problem,
    limit: int,
    stop: Stop,
    report: Report | None,
    workers: int,
    executor: Executor | None = None,
    journal: Journal | None = None,
    begun: tuple[int, list[OpenCell]] | None = None,
) -> tuple[Outcome, Counter[str]]:
    """Count until nothing is left or `stop` says so; also, what the engines did.

    The beginning is worked alone.  Without an executor, compiled engines run in threads and the lp
    engine in processes.  `begun` are the regions found and the cells open at the start, where that
    is not the whole domain.
    """
    state = State(*(begun or (0, [OpenCell(None, limit, problem.engine)])))
    if journal is not None and (kept := journal.read()) is not None:
        state = State(*kept)
    reporter = _Reporter(limit, report)
    at_work: list[OpenCell] = []
    failure: JournalError | None = None
    with Crew(problem, stop, workers, executor) as crew:
        try:
            if executor is None and state.opened:
                _alone(state, crew, journal)
            if state.opened and stop.reason() is None:
                _share(state, stop, reporter, crew, journal)
        except JournalError as error:  # the bounds are known nevertheless
            failure = error
            at_work = crew.give_up()
    reason = stop.reason() if state.opened else None
    low, high = reporter(state, at_work, final=True)
    nodes = int(state.numbers["nodes"])
    return Outcome(low, high, reason, nodes, reporter.seconds, error=failure), state.numbers


def _alone(state: State, crew: Crew, journal: Journal | None) -> None:
    """The first slice, by the caller itself."""
    cells, state.opened = state.opened, []
    seconds = SHORT if crew.size == 1 else ALONE if crew.has_threads else ALONE_FIRST
    done = crew.work_here(cells, seconds)
    state.add(done)
    if journal is not None:
        journal.write(cells, done)


def _share(
    state: State, stop: Stop, reporter: _Reporter, crew: Crew, journal: Journal | None
) -> None:
    """Hand out slices until nothing is open or `stop` says so, then wait for those at work."""
    failures = 0

    def hand_out() -> None:
        while state.opened and crew.has_idle and stop.reason() is None:
            plenty = len(state.opened) >= 4 * crew.size
            crew.begin(state.take(state.share(crew.size)), SECONDS if plenty else SHORT)

    hand_out()
    while crew.running:
        if crew.has_idle and not state.opened:
            crew.hurry()
        for turn in crew.finished():
            try:
                done = turn.future.result()
            except (BrokenExecutor, OSError, EOFError) as error:
                failures += stop.reason() is None  # else all are ended from outside, maybe
                if crew.has_threads:  # they cannot die
                    raise
                if failures >= TRIES:
                    raise RegionsError(
                        f"count(): {failures} workers died ({error or type(error).__name__}); "
                        "give each more memory, or use fewer of them"
                    ) from error
                crew.end(turn)
                state.opened += turn.cells
                continue
            state.add(done)
            # what a thread left, it still has at hand; of that it gives half to those with nothing
            mine = len(done.left) if crew.has_threads else 0
            if crew.has_idle:
                mine -= mine // 2
            crew.end(turn)
            if journal is not None:
                journal.write(turn.cells, done)
            if mine and stop.reason() is None:
                crew.begin(state.take(mine), SECONDS)
        hand_out()
        reporter(state, [cell for turn in crew.running.values() for cell in turn.cells])


class _Reporter:
    """Bounds from a state, the upper one never rising, and progress at intervals."""

    def __init__(self, limit: int, report: Report | None) -> None:
        self._upper = limit
        self._report = report
        self._start = self._last = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._start

    def __call__(
        self, state: State, at_work: list[OpenCell], final: bool = False
    ) -> tuple[int, int]:
        opened = [*state.opened, *at_work]
        low = state.regions + len(opened)
        self._upper = min(self._upper, state.regions + sum(cell.bound for cell in opened))
        now = time.monotonic()
        if self._report is not None and (final or now - self._last >= REPORT_SECONDS):
            self._last = now
            deepest = opened[-1].prefix if opened else None
            layer, depth = (0, 0) if deepest is None else (len(deepest.bits), len(deepest.path))
            regions, upper = state.regions, self._upper
            self._report(
                Progress(regions, low, upper, len(opened), layer, depth, self.seconds),
                lambda: [cell.prefix for cell in opened if cell.prefix is not None],
            )
        return low, self._upper
