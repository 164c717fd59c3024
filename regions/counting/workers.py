"""A count by several workers: slices of work go out, what they leave open comes back.

The state is a number of regions found and a list of open cells, which together are the whole tree
at any time.  So bounds are known throughout, and a journal of both makes a killed run resumable.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from contextlib import contextmanager
from dataclasses import dataclass, field

from regions.counting.engines import COMPILED
from regions.counting.journal import Journal
from regions.counting.tree import REPORT_SECONDS, Outcome, Report, Stop
from regions.counting.work import OpenCell, Problem, Slice, work
from regions.errors import RegionsError
from regions.results import Progress

ALONE = 1.0  # seconds before others are called in
SECONDS = 1.0  # of a slice while there is plenty to do
SHORT = 0.1  # of a slice while workers are idle, or about to be
BATCH = 64  # cells of a slice
TRIES = 4  # of a slice whose worker dies


def cores() -> int:
    """The processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass
class State:
    """Where a count stands: found + open cells + cells at work are the whole tree."""

    regions: int
    opened: list[OpenCell]
    numbers: Counter[str] = field(default_factory=Counter)

    def take(self, workers: int) -> list[OpenCell]:
        """Cells for one worker: of the last ones, which are the smallest, its share."""
        count = min(BATCH, -(-len(self.opened) // (2 * workers)))
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

    The first second is worked alone.  Without an executor, compiled engines run in threads and
    the lp engine in processes.  `begun` are the regions found and the cells open at the start,
    where that is not the whole domain.
    """
    state = State(*(begun or (0, [OpenCell(None, limit, problem.engine)])))
    if journal is not None and (kept := journal.read()) is not None:
        state = State(*kept)
    reporter = _Reporter(limit, report)
    if executor is None and state.opened:
        cells, state.opened = state.opened, []
        done = work(problem, cells, ALONE if workers > 1 else SHORT, stop)
        state.add(done)
        if journal is not None:
            journal.write(cells, done)
    if state.opened and stop.reason() is None:
        with _pool(problem, workers, executor) as pool:
            _share(problem, state, stop, reporter, workers, pool, journal)
    reason = stop.reason() if state.opened else None
    low, high = reporter(state, [], final=True)
    outcome = Outcome(low, high, reason, int(state.numbers["nodes"]), reporter.seconds)
    return outcome, state.numbers


@contextmanager
def _pool(problem: Problem, workers: int, executor: Executor | None) -> Iterator[Executor]:
    if executor is not None:
        yield executor
        return
    if problem.engine in COMPILED:
        own: Executor = ThreadPoolExecutor(workers)
    else:
        from multiprocessing import get_context

        own = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_ignore_interrupts)
    try:
        yield own
    finally:
        own.shutdown(wait=True, cancel_futures=True)


def _ignore_interrupts() -> None:
    """Ctrl-C reaches the whole group of processes; the one that asked for the work answers it."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _share(
    problem: Problem,
    state: State,
    stop: Stop,
    reporter: _Reporter,
    workers: int,
    pool: Executor,
    journal: Journal | None,
) -> None:
    """Hand out slices until nothing is open or `stop` says so, then wait for those at work."""
    running: dict[Future[Slice], list[OpenCell]] = {}
    near = stop if isinstance(pool, ThreadPoolExecutor) else None
    failures = 0
    while running or (state.opened and stop.reason() is None):
        while state.opened and len(running) < workers and stop.reason() is None:
            plenty = len(state.opened) >= 4 * workers
            cells, seconds = state.take(workers), SECONDS if plenty else SHORT
            left = stop.seconds_left()
            seconds = seconds if left is None else min(seconds, left)
            running[pool.submit(work, problem, cells, seconds, near)] = cells
        finished, _ = wait(running, REPORT_SECONDS, FIRST_COMPLETED)
        for future in finished:
            cells = running.pop(future)
            try:
                done = future.result()
            except (BrokenExecutor, OSError, EOFError) as error:
                failures += 1
                if failures >= TRIES:
                    raise RegionsError(
                        f"count(): {failures} workers died ({error or type(error).__name__}); "
                        "give each more memory, or use fewer of them"
                    ) from error
                state.opened += cells
                continue
            state.add(done)
            if journal is not None:
                journal.write(cells, done)
        reporter(state, [cell for cells in running.values() for cell in cells])


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
