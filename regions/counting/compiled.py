"""The loop around a compiled engine: clock, progress, bounds, and the cells that it sets aside."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from regions.counting.by_lp import LPEngine
from regions.counting.leaves import Found
from regions.counting.prefix import Prefix
from regions.counting.tree import REPORT_SECONDS, Outcome, Report, Stop
from regions.results import Progress

DONE, PAUSED, GROW, DRAIN = 0, 1, 2, 3  # what a compiled engine says when it returns
BUDGET = 16  # nodes at first
SECONDS = 0.05  # aimed at between two looks at the clock


class Compiled(Protocol):
    """A compiled search, run in slices."""

    @property
    def found(self) -> int:
        """Regions counted so far."""
        ...

    @property
    def nodes(self) -> int:
        """Nodes visited so far."""
        ...

    def advance(self, budget: int) -> int:
        """Visit at most so many nodes; DONE, PAUSED, GROW (a store is full) or DRAIN."""
        ...

    def grow(self) -> None:
        """Make more room."""
        ...

    def statistics(self) -> dict[str, int]:
        """What it did: "decided", the signs of units that it decided, and details of its own."""
        ...

    def list_regions(self, room: int) -> None:
        """From now on keep the regions for `take_regions`; DRAIN when there are so many."""
        ...

    def take_regions(self) -> Found:
        """The regions found since the last time."""
        ...

    def aside(self) -> Sequence[Prefix]:
        """The cells set aside since they were last taken."""
        ...

    def take_aside(self) -> Sequence[Prefix]:
        """The same; they are the caller's from now on."""
        ...

    @property
    def is_busy(self) -> bool:
        """Whether it stands inside a step that would be lost if it were to stop here."""
        ...

    def start(self, prefix: Prefix) -> None:
        """Go on with this cell, named by an engine like this one; nothing else may be open."""
        ...

    def keep(self, count: int) -> None:
        """Forget all nodes of `open_nodes` but the last ones; others count them."""
        ...

    def open_cells(self) -> Sequence[Prefix]:
        """The nodes of `open_nodes`, by name, in the same order."""
        ...

    def open_nodes(self) -> Sequence[tuple[int, int]]:
        """(layer, bound) of every node not yet counted, once those set aside are taken."""
        ...


def next_budget(budget: int, spent: float) -> int:
    """How many nodes may follow, after so many took so many seconds."""
    if spent > SECONDS * 2:
        return max(budget // 2, 1)
    if spent < SECONDS / 16:
        return min(budget * 8, 1 << 40)
    return min(budget * 2, 1 << 40) if spent < SECONDS / 2 else budget


def count_compiled(
    engine: Compiled,
    hard: LPEngine,
    limit: int,
    stop: Stop,
    report: Report | None,
) -> tuple[Outcome, int]:
    """Count until nothing is left or `stop` says so; also, how many cells were set aside.

    Cells that are set aside are counted at once by `hard`.  The upper bound never rises.
    """
    start = last = time.monotonic()
    found, nodes, aside, upper = 0, 0, 0, limit
    left_low = left_high = 0  # what interrupted searches of hard cells left open
    budget = BUDGET
    while True:
        before = time.monotonic()
        code = engine.advance(budget)
        budget = next_budget(budget, time.monotonic() - before)
        if code == GROW:
            engine.grow()
        reason = stop.reason()
        due = report is not None and time.monotonic() - last >= REPORT_SECONDS
        if code == PAUSED and reason is None and not due:
            continue
        for prefix in engine.take_aside():
            outcome = prefix.count(hard)
            aside += 1
            nodes += outcome.nodes
            if outcome.stopped is None:
                found += outcome.lower
            else:
                left_low += outcome.lower
                left_high += outcome.upper
        reason = stop.reason()
        opened = engine.open_nodes()
        found_now, now = found + engine.found, time.monotonic()
        low = found_now + len(opened) + left_low
        upper = min(upper, found_now + sum(bound for _, bound in opened) + left_high)
        finished = code == DONE or reason is not None
        if report is not None and (due or finished):
            last = now
            layer, depth = (1 + opened[-1][0], len(opened)) if opened and not finished else (0, 0)
            seen = Progress(found_now, low, upper, len(opened), layer, depth, now - start)
            report(seen, engine.open_cells)
        if finished:
            stopped = reason if opened or left_high else None
            return Outcome(low, upper, stopped, nodes + engine.nodes, now - start), aside


def storage(engine: Compiled) -> int:
    """Bytes of all arrays that the engine keeps, by itself or in named tuples, as they are now."""
    return sum(_nbytes(part) for part in vars(engine).values())


def _nbytes(part: object) -> int:
    if isinstance(part, np.ndarray):
        return part.nbytes
    return sum(map(_nbytes, part)) if isinstance(part, tuple) else 0
