"""`work`: a slice of a count, the unit that goes to a worker; what it leaves open comes back."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import takewhile

import numpy as np

from regions.counting.by_lp import LPEngine
from regions.counting.compiled import BUDGET, DONE, GROW, Compiled, next_budget
from regions.counting.engines import COMPILED
from regions.counting.prefix import Prefix
from regions.counting.statistics import lp_numbers
from regions.counting.tree import Outcome, Stop, search
from regions.frame import Frame
from regions.network import Network
from solvers.backend import Backend
from solvers.rational import nearest


@dataclass(frozen=True, eq=False)
class Problem:
    """What is counted and how: all that a worker has to know.

    `network` is the network in the frame's coordinates, `engine` one of those that count.
    """

    network: Network
    frame: Frame
    engine: str
    backend: Backend


@dataclass(frozen=True, eq=False)
class OpenCell:
    """A cell of the tree that is not counted yet.

    Attributes
    ----------
    prefix
        Its name; None for the whole domain.
    bound
        At most so many regions lie in it.
    engine
        The engine that has to count it: "lp" where a compiled one could not decide.
    """

    prefix: Prefix | None
    bound: int
    engine: str


@dataclass(frozen=True)
class Slice:
    """What a worker did: regions found, cells left open, and numbers that add up."""

    regions: int
    left: tuple[OpenCell, ...]
    stats: Mapping[str, int | float] = field(default_factory=dict)


def engine_for(problem: Problem, lp: LPEngine) -> Compiled:
    """The compiled engine of a problem, at the whole domain; numba compiles on first use."""
    if problem.engine == "vertices":
        from regions.counting.by_vertices import VertexEngine

        return VertexEngine(problem.network, problem.frame, lp)
    if problem.engine == "integers":
        from regions.counting.by_integers import IntegerEngine

        return IntegerEngine(problem.network, problem.frame, lp)
    from regions.counting.by_simplex import SimplexEngine

    return SimplexEngine(problem.network, problem.frame, lp)


class Worker:
    """The engines of one problem, for one slice of the count after another.

    What a slice leaves open in the compiled engine stays there: where the next slice has the same
    cells (the objects themselves), the engine goes on with them and nothing is done again.
    `outer` ends a slice at once.
    """

    def __init__(self, problem: Problem, outer: Stop | None = None) -> None:
        self._problem = problem
        self._outer = outer
        self._lp = LPEngine(problem.network, problem.frame, problem.backend, outer or Stop(None))
        self._fast: Compiled | None = None
        self._held: list[OpenCell] = []  # what the compiled engine has open
        self._found = 0  # by linear programs
        self._numbers = Counter[str]()
        self._told = Counter[str]()  # in earlier slices

    def close(self) -> None:
        """End the session of the linear programs."""
        self._lp.close()

    def work(self, cells: Sequence[OpenCell], stop: Stop) -> Slice:
        """Count these cells, the last one first, until `stop` says so.

        Some step is made, so that work that is handed on again and again comes to its end.
        """
        pending, is_idle = self._resume(cells), True
        while (pending or self._held) and (is_idle or stop.reason() is None):
            is_idle = False
            if self._held and not (pending and pending[-1].engine not in COMPILED):
                self._go_on(pending, stop)
            elif pending[-1].engine in COMPILED:
                self._begin(pending.pop().prefix)
                self._go_on(pending, stop)
            else:
                outcome, left = _by_lp(self._lp, pending.pop(), stop)
                self._found += outcome.lower - len(left)  # every open cell counts as 1
                self._numbers["nodes"] += outcome.nodes
                pending += left
        told, self._told = self._told, self._sums()
        done = Counter(self._told)
        done.subtract(told)
        return Slice(int(done.pop("regions")), (*pending, *self._held), dict(done))

    def _resume(self, cells: Sequence[OpenCell]) -> list[OpenCell]:
        """Forget what is open but not among the last of these cells; those that are not open."""
        asked = [cell for cell in cells if cell.engine in COMPILED]
        pairs = zip(reversed(self._held), reversed(asked), strict=False)
        kept = sum(1 for _ in takewhile(lambda pair: pair[0] is pair[1], pairs))
        self._held = self._held[len(self._held) - kept :]
        if self._fast is not None and kept:
            self._fast.keep(kept)
        held = {id(cell) for cell in self._held}
        return [cell for cell in cells if id(cell) not in held]

    def _begin(self, prefix: Prefix | None) -> None:
        problem = self._problem
        if self._fast is None:
            self._fast = engine_for(problem, self._lp)
        elif prefix is None:
            prefix = Prefix((), None, (), np.array([nearest(q) for q in problem.frame.interior]))
        if prefix is not None:
            self._fast.start(prefix)

    def _go_on(self, pending: list[OpenCell], stop: Stop) -> None:
        """Count what the engine has open; `pending` gets what it cannot count, last."""
        assert self._fast is not None
        self._held, aside = _by_compiled(self._problem, self._fast, stop)
        self._numbers["set_aside"] += len(aside)
        pending += aside

    def _sums(self) -> Counter[str]:
        """All that was done so far."""
        sums = Counter({**lp_numbers(self._lp), **self._numbers, "regions": self._found})
        if self._fast is not None:
            fast = self._fast
            sums.update({**fast.statistics(), "nodes": fast.nodes, "regions": fast.found})
        return sums


def work(
    problem: Problem, cells: Sequence[OpenCell], seconds: float, outer: Stop | None = None
) -> Slice:
    """One slice of about so many seconds, by a worker of its own: what goes to another process."""
    with closing(Worker(problem, outer)) as worker:
        return worker.work(cells, Stop(time.monotonic() + seconds, outer=outer))


def _by_compiled(
    problem: Problem, fast: Compiled, stop: Stop
) -> tuple[list[OpenCell], list[OpenCell]]:
    """Count what the engine has open: what it still has, and the cells that it set aside."""
    aside: list[OpenCell] = []
    widths, dim = problem.network.widths, problem.frame.dim
    budget = BUDGET
    while True:
        before = time.monotonic()
        code = fast.advance(budget)
        budget = next_budget(budget, time.monotonic() - before)
        if code == GROW:
            fast.grow()
        taken = fast.take_aside()
        aside += [OpenCell(prefix, prefix.bound(widths, dim), "lp") for prefix in taken]
        outer = stop.outer.reason() if stop.outer is not None else None
        if code == DONE or outer is not None or (stop.reason() is not None and not fast.is_busy):
            opened = zip(fast.open_cells(), fast.open_nodes(), strict=True)
            return [OpenCell(prefix, bound, problem.engine) for prefix, (_, bound) in opened], aside


def _by_lp(lp: LPEngine, cell: OpenCell, stop: Stop) -> tuple[Outcome, list[OpenCell]]:
    """Count a cell by linear programs; what it leaves.  At least one node is expanded."""
    patient = Stop(stop.deadline, outer=stop.outer, grace=1)
    if cell.prefix is None:
        outcome = search(lp.root, lp.expand, cell.bound, patient, None)
    else:
        outcome = cell.prefix.count(lp, patient)
    if outcome.left is None:
        return outcome, [cell]
    return outcome, [OpenCell(Prefix.of(node), node.bound, "lp") for node in outcome.left]
