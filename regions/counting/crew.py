"""`Crew`: those who work on a count, in threads, in processes, or wherever an executor has them."""

from __future__ import annotations

import os
import time
from concurrent.futures import (
    FIRST_COMPLETED,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass
from functools import cached_property
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess
from threading import Thread

from regions.counting.engines import COMPILED
from regions.counting.tree import REPORT_SECONDS, Stop
from regions.counting.work import OpenCell, Problem, Slice, Worker, work

SOON = 0.02  # seconds between two looks while somebody waits for work
LEAST = 0.05  # seconds that a slice may last in any case


def cores() -> int:
    """The processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True, eq=False)
class Turn:
    """A slice at work."""

    future: Future[Slice]
    cells: list[OpenCell]
    worker: Worker | None  # None in other processes, where each slice has a worker of its own
    stop: Stop | None
    begun: float


class Crew:
    """So many workers for the slices of a problem; `with` ends them.

    Compiled engines work in threads, which keep their engines, and which can be told to hand in
    what they have; the lp engine works in processes.  Meanwhile linear algebra (BLAS) in this
    process uses one thread: OpenBLAS lets its own threads spin for 26 ms after each product, on the
    cores that the workers need.  Two workers on 256 inputs took 1.8 times the processor time of
    one for that reason, and 1.04 times without.
    """

    def __init__(self, problem: Problem, stop: Stop, size: int, executor: Executor | None) -> None:
        self.size = size
        self.has_threads = executor is None and problem.engine in COMPILED
        self.running: dict[Future[Slice], Turn] = {}
        self._problem = problem
        self._stop = stop
        self._given = executor
        self._stack = ExitStack()
        self._idle: list[Worker | None] = [
            self._stack.enter_context(closing(Worker(problem, stop))) if self.has_threads else None
            for _ in range(size)
        ]

    def __enter__(self) -> Crew:
        self._stack.enter_context(_one_thread())
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @cached_property
    def _pool(self) -> Executor:
        if self._given is not None:
            return self._given
        if self.has_threads:
            own: Executor = ThreadPoolExecutor(self.size)
        else:
            own = ProcessPoolExecutor(self.size, get_context("spawn"), initializer=_settle)
        self._stack.callback(own.shutdown, wait=True, cancel_futures=True)
        return own

    @property
    def has_idle(self) -> bool:
        """Whether somebody waits for work."""
        return bool(self._idle)

    def work_here(self, cells: list[OpenCell], seconds: float) -> Slice:
        """A slice by the caller itself, with the engine of one of the threads."""
        worker = self._idle[-1]
        if worker is None:
            return work(self._problem, cells, seconds, self._stop)
        return worker.work(cells, self._until(seconds))

    def begin(self, cells: list[OpenCell], seconds: float) -> None:
        """Let somebody idle, the last who became so, work on these cells."""
        worker, begun = self._idle.pop(), time.monotonic()
        if worker is None:
            left = self._stop.seconds_left()
            seconds = seconds if left is None else min(seconds, left)
            near = self._stop if isinstance(self._pool, ThreadPoolExecutor) else None
            stop, future = None, self._pool.submit(work, self._problem, cells, seconds, near)
        else:
            stop = self._until(seconds)
            future = self._pool.submit(worker.work, cells, stop)
        self.running[future] = Turn(future, cells, worker, stop, begun)

    def _until(self, seconds: float) -> Stop:
        return Stop(time.monotonic() + seconds, outer=self._stop)

    def hurry(self) -> None:
        """Tell the threads to hand in what they have; somebody waits for work."""
        now = time.monotonic()
        for turn in self.running.values():
            if turn.stop is not None and now - turn.begun >= LEAST:
                turn.stop.deadline = now

    def give_up(self) -> list[OpenCell]:
        """Nothing that is at work is waited for longer than it must be; its cells."""
        cells = [cell for turn in self.running.values() for cell in turn.cells]
        for turn in self.running.values():
            turn.future.cancel()
            if turn.stop is not None:
                turn.stop.deadline = time.monotonic()
        self.running.clear()
        return cells

    def finished(self) -> list[Turn]:
        """Those who finished, if anybody did within a moment; they are at work until `end`."""
        moment = SOON if self.has_idle and self.has_threads else REPORT_SECONDS
        return [self.running[future] for future in wait(self.running, moment, FIRST_COMPLETED)[0]]

    def end(self, turn: Turn) -> None:
        """Whoever had this turn is idle now."""
        del self.running[turn.future]
        self._idle.append(turn.worker)


def _one_thread() -> AbstractContextManager[object]:
    """Linear algebra in one thread, from now on or inside a `with`."""
    from threadpoolctl import threadpool_limits  # importing it changes the environment

    return threadpool_limits(1, "blas")


def _settle() -> None:
    """In a process of its own: it ends with the one that asked for the work, and not before.

    Signals that a terminal or a batch system sends to the whole group are for that one.
    """
    if hasattr(os, "setpgrp"):
        os.setpgrp()
    parent = parent_process()
    assert parent is not None
    Thread(target=_end_with, args=(parent,), daemon=True).start()
    _one_thread()


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
