"""`work`: a slice of a count, the unit that goes to a worker; what it leaves open comes back."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from regions.counting.by_lp import LPEngine
from regions.counting.compiled import BUDGET, DONE, GROW, Compiled, next_budget
from regions.counting.engines import COMPILED
from regions.counting.prefix import Prefix
from regions.counting.statistics import lp_numbers
from regions.counting.tree import Outcome, Stop, search
from regions.frame import Frame
from regions.network import Network
from solvers.backend import Backend


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


def work(
    problem: Problem, cells: Sequence[OpenCell], seconds: float, outer: Stop | None = None
) -> Slice:
    """Count these cells, the last one first, for about so many seconds.

    Some step is made, so that work that is handed on again and again comes to its end.  `outer`
    ends it at once.
    """
    stop = Stop(time.monotonic() + seconds, outer=outer)
    lp = LPEngine(problem.network, problem.frame, problem.backend, outer or Stop(None))
    fast = engine_for(problem, lp) if any(cell.engine in COMPILED for cell in cells) else None
    pending, found, steps = list(cells), 0, 0
    numbers = Counter[str]()
    try:
        while pending and (stop.reason() is None or not steps):
            cell, steps = pending.pop(), steps + 1
            if fast is not None and cell.engine in COMPILED:
                if cell.prefix is not None:
                    fast.start(cell.prefix)
                pending += _by_compiled(problem, fast, stop, numbers)
            else:
                outcome, left = _by_lp(lp, cell, stop)
                found += outcome.lower - len(left)  # every open cell counts as 1
                numbers["nodes"] += outcome.nodes
                pending += left
    finally:
        lp.close()
    numbers.update(lp_numbers(lp))
    if fast is not None:
        found += fast.found
        numbers.update({**fast.statistics(), "nodes": fast.nodes})
    return Slice(found, tuple(pending), dict(numbers))


def _by_compiled(
    problem: Problem, fast: Compiled, stop: Stop, numbers: Counter[str]
) -> list[OpenCell]:
    """Count what the engine has open; what it leaves, cells for "lp" last."""
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
        numbers["set_aside"] += len(taken)
        aside += [OpenCell(prefix, prefix.bound(widths, dim), "lp") for prefix in taken]
        outer = stop.outer.reason() if stop.outer is not None else None
        if code == DONE or outer is not None or (stop.reason() is not None and not fast.is_busy):
            opened = zip(fast.open_cells(), fast.open_nodes(), strict=True)
            left = [OpenCell(prefix, bound, problem.engine) for prefix, (_, bound) in opened]
            return left + aside


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
