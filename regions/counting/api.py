"""`count`: the number of linear regions of a network in a domain."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor
from numbers import Integral
from pathlib import Path

from regions.counting.by_lp import LPEngine
from regions.counting.by_milp import count_by_milp
from regions.counting.compiled import count_compiled, storage
from regions.counting.engines import COMPILED, COUNTING, is_cold
from regions.counting.memory import MemoryLimit
from regions.counting.probe import Estimator
from regions.counting.question import Question, checked_seconds
from regions.counting.statistics import Numbers, lp_numbers, statistics
from regions.counting.tree import Outcome, Stop, interruptible, search
from regions.counting.upper_bounds import bounds_anywhere, bounds_in_box
from regions.counting.work import Problem, engine_for
from regions.domain import Domain
from regions.errors import InputError, OutputError
from regions.network import Network
from regions.results import Count, Progress
from solvers.backend import Backend
from solvers.exact_simplex import Stopped


def count(
    network: Network,
    domain: Domain | None = None,
    *,
    engine: str = "auto",
    layers: int | None = None,
    time_limit: float | None = None,
    progress: Callable[[Progress], None] | None = None,
    backend: str | Backend = "highs",
    workers: int = 1,
    executor: Executor | None = None,
    journal: str | Path | None = None,
    memory_limit: float | None = None,
) -> Count:
    """Count the linear regions of a network: the patterns that occur on a set with interior.

    A region is an activation pattern whose points in the relative interior of the domain have
    non-empty relative interior (meanings §2.5).  The number is exact; a time limit or Ctrl-C
    leaves an interval that certainly contains it.

    Parameters
    ----------
    network
        A network in normal form.
    domain
        Where to count; the box [-1, 1]^n by default.
    engine
        "vertices" (compiled, low dimension), "integers" (compiled, short integer weights, any
        domain), "simplex" (compiled, any dimension), "lp" (anything), "milp" (small networks,
        bounded domains), or "auto" to choose.
    layers
        Count the patterns of the first so many ReLU layers only.
    time_limit
        Seconds after which to stop with bounds.
    progress
        Called about ten times a second.
    backend
        Solver of the linear programs.  Its answers are proposals: each is checked exactly.
    workers
        How many slices of the count run at a time: in threads for compiled engines, in processes
        for "lp" (a script then needs ``if __name__ == "__main__"``), or in `executor`; "milp"
        always works alone.
    executor
        Any `concurrent.futures.Executor`, Dask's for instance; its workers need this package.
    journal
        A file that makes a killed count resumable: the same call goes on where it was.
    memory_limit
        Megabytes (10^6 bytes) of main memory, of this process and of the worker processes that it
        started, above which to stop with bounds.  It is looked at between slices of the work, so
        that a little more may be taken; an `executor` of yours has limits of its own.

    Raises
    ------
    DomainError
        If the domain is empty or has another dimension than the network's input.
    InputError
        If an option is out of range.
    OutputError
        If the journal cannot be written, on a full disk say; it has the bounds known by then.

    Examples
    --------
    >>> from regions import Box
    >>> network = Network.from_layers([([[1, 0], [0, 1], [-1, -1]], [0, 0, 0]), ([[1, 1, 1]], [0])])
    >>> int(count(network, Box.cube(2, -1, 1)))
    6
    """
    start = time.monotonic()
    question = Question.of("count", network, domain, engine, layers, backend, COUNTING)
    seconds = checked_seconds("count", time_limit)
    if isinstance(workers, bool) or not isinstance(workers, Integral) or workers < 1:
        raise InputError(f"count(): workers needs a whole number, 1 or more, got {workers!r}")
    if engine == "milp" and (executor is not None or journal is not None):
        raise InputError(
            "count(): the milp engine works alone and keeps no journal; leave out `executor` and "
            "`journal`, or use engine='lp'"
        )
    where = question.domain.spec
    memory = MemoryLimit.of("count", memory_limit)
    stop = Stop(None if seconds is None else start + seconds, memory=memory)
    with interruptible(stop):
        try:
            problem, why = question.problem(stop)
        except Stopped:  # not even known to have a point
            return Count(
                lower=0,
                upper=bounds_anywhere(question.counted).best,
                engine=engine,
                why="stopped before an interior point of the domain was found",
                seconds=time.monotonic() - start,
                stopped=stop.reason(),
                domain=where,
                model=describe(network),
                stats={},
            )
        used, frame = problem.engine, problem.frame
        limit = bounds_in_box(problem.network, *frame.box()).best
        report = None if progress is None else Estimator(problem, stop, progress)
        if progress is not None and is_cold(used):
            spent = time.monotonic() - start
            progress(Progress(0, 1, limit, 1, 0, 0, spent, compiling=True))
        try:
            if used == "milp":
                outcome, found = count_by_milp(problem, limit, stop, report)
                numbers = {**found, "nodes": outcome.nodes}
            elif workers == 1 and executor is None and journal is None:
                outcome, numbers = _alone(problem, limit, stop, report)
            else:
                outcome, numbers = _together(
                    problem, limit, stop, report, workers, executor, journal, where
                )
        finally:
            if report is not None:
                report.close()
    count = Count(
        lower=outcome.lower,
        upper=outcome.upper,
        engine=used,
        why=why,
        seconds=time.monotonic() - start,
        stopped=outcome.stopped,
        domain=where,
        model=describe(network),
        stats=statistics(numbers, frame.dim),
    )
    if outcome.error is not None:
        raise OutputError(
            f"{outcome.error}; there are {count}; make room and run this again: it goes on from "
            "what the journal holds",
            count,
        ) from outcome.error
    return count


def describe(network: Network) -> dict[str, object]:
    """What a result says about the network that it belongs to."""
    return {
        "inputs": network.inputs,
        "relus": network.relus,
        "rewritten": network.rewritten,
        "activation": "ReLU" if network.origin is None else network.origin.activation,
        "digest": network.digest,
    }


def _alone(
    problem: Problem, limit: int, stop: Stop, report: Estimator | None
) -> tuple[Outcome, Numbers]:
    """Count in this thread alone, with one engine from beginning to end."""
    lp = LPEngine(problem.network, problem.frame, problem.backend, stop)
    extra: dict[str, int] = {}
    try:
        if problem.engine in COMPILED:
            fast = engine_for(problem, lp)
            outcome, set_aside = count_compiled(fast, lp, limit, stop, report)
            extra = {"set_aside": set_aside, **fast.statistics(), "storage": storage(fast)}
        else:
            outcome = search(lp.root, lp.expand, limit, stop, report)
    finally:
        lp.close()
    return outcome, {**lp_numbers(lp), **extra, "nodes": outcome.nodes}


def _together(
    problem: Problem,
    limit: int,
    stop: Stop,
    report: Estimator | None,
    workers: int,
    executor: Executor | None,
    journal: str | Path | None,
    domain: str,
) -> tuple[Outcome, Numbers]:
    """Count in slices, by workers, with a journal."""
    from regions.counting.journal import Journal
    from regions.counting.workers import count_by_workers

    kept = None if journal is None else Journal(Path(journal), problem, domain)
    try:
        return count_by_workers(problem, limit, stop, report, workers, executor, kept)
    finally:
        if kept is not None:
            kept.close()
