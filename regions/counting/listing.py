"""`iter_regions`: the regions themselves, batch by batch, in memory that does not grow."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from numbers import Integral

import numpy as np

from regions.counting.by_lp import LPEngine, LPNode
from regions.counting.certified import Certifier
from regions.counting.compiled import BUDGET, DONE, DRAIN, GROW, Compiled, next_budget
from regions.counting.engines import COMPILED
from regions.counting.leaves import Found, RegionBatch, rows_for
from regions.counting.prefix import Prefix
from regions.counting.question import Question
from regions.counting.statistics import lp_numbers
from regions.counting.tree import REPORT_SECONDS, Expansion, Stop
from regions.counting.upper_bounds import bounds_in_box
from regions.counting.work import Problem, engine_for
from regions.domain import Domain
from regions.errors import InputError
from regions.network import Network
from regions.results import Progress
from solvers.backend import Backend
from solvers.exact_simplex import Stopped

BATCH_BYTES = 1 << 22
MOST = 8192  # regions in a batch


def iter_regions(
    network: Network,
    domain: Domain | None = None,
    *,
    engine: str = "auto",
    layers: int | None = None,
    batch_size: int | None = None,
    backend: str | Backend = "highs",
) -> Generator[RegionBatch, None, None]:
    """All linear regions of a network, each once, in batches (meanings §2.5).

    Each region comes as its pattern and a point strictly inside, which is certified.  Memory does
    not grow with the number of regions.  They come in the order of the search, the same in every
    run; the batches are read-only.

    Parameters
    ----------
    network
        A network in normal form.
    domain
        Where to look; the box [-1, 1]^n by default.
    engine
        "vertices" (compiled, low dimension), "integers" (compiled, short integer weights; both know
        the number of facets), "simplex" (compiled, any dimension), "lp" (anything), or "auto" to
        choose.
    layers
        Regions and patterns of the first so many ReLU layers only.
    batch_size
        At most so many regions in a batch; by default as many as take a few megabytes.
    backend
        Solver of the linear programs.  Its answers are proposals: each is checked exactly.

    Raises
    ------
    DomainError
        If the domain is empty or has another dimension than the network's input.
    InputError
        If an option is out of range.

    Examples
    --------
    >>> from regions.domain import Box
    >>> network = Network.from_layers([([[1, 0], [0, 1], [-1, -1]], [0, 0, 0]), ([[1, 1, 1]], [0])])
    >>> batches = iter_regions(network, Box.cube(2, -1, 1), engine="lp")
    >>> sorted(str(pattern) for batch in batches for pattern in batch)
    ['001', '010', '011', '100', '101', '110']
    """
    question = Question.of("iter_regions", network, domain, engine, layers, backend)
    if batch_size is not None and (
        isinstance(batch_size, bool) or not isinstance(batch_size, Integral) or batch_size < 1
    ):
        raise InputError(
            f"iter_regions(): batch_size needs a whole number, 1 or more, or None, got "
            f"{batch_size!r}"
        )
    room = None if batch_size is None else int(batch_size)
    return Listing.of(question, Stop(None), room=room).batches()


class Listing:
    """A walk over all regions of a problem, with bounds that hold whenever it pauses or ends.

    Parameters
    ----------
    problem
        What is listed, and by which engine.
    why
        Why by this engine.
    stop
        Ends the walk; what it leaves open is in the bounds.
    progress
        Called about ten times a second.
    room
        At most so many regions in a batch.
    """

    def __init__(
        self,
        problem: Problem,
        why: str,
        stop: Stop,
        progress: Callable[[Progress], None] | None = None,
        room: int | None = None,
    ) -> None:
        network, dim = problem.network, problem.frame.dim
        self.problem = problem
        self.why = why
        self.stop = stop
        self.room = room or rows_for(BATCH_BYTES, network.relus, max(dim, network.inputs), MOST)
        self.certifier = Certifier.of(problem, stop)
        self.numbers: Counter[str] = Counter()
        self.ended = False
        self._progress = progress
        self._start = self._last = time.monotonic()
        self._fast: Compiled | None = None
        self._found = 0  # by linear programs
        self._nodes: list[LPNode] = []  # open, of the cell that is searched by linear programs
        self._waiting = [Prefix((), None, (), np.zeros(dim))]  # cells not yet begun
        self._upper = bounds_in_box(network, *problem.frame.box()).best

    @staticmethod
    def of(
        question: Question,
        stop: Stop,
        progress: Callable[[Progress], None] | None = None,
        room: int | None = None,
    ) -> Listing:
        """The walk that answers a question.

        Raises
        ------
        DomainError, InputError
            If nothing can be listed.
        Stopped
            When `stop` returned true before the domain was known to have a point.
        """
        problem, why = question.problem(stop)
        return Listing(problem, why, stop, progress, room)

    # -- bounds ----------------------------------------------------------------------------

    @property
    def found(self) -> int:
        """Regions found so far; the last of them may not have come in a batch yet."""
        return self._found + (0 if self._fast is None else self._fast.found)

    def bounds(self) -> tuple[int, int]:
        """(lower, upper): the number of regions lies between them."""
        opened = self._open()
        self._upper = min(self._upper, self.found + sum(bound for _, bound in opened))
        return self.found + len(opened), self._upper

    def _open(self) -> list[tuple[int, int]]:
        """(layer from 0, bound) of every open node."""
        widths, dim = self.problem.network.widths, self.problem.frame.dim
        waiting, opened = self._waiting, []
        if self._fast is not None:
            waiting, opened = [*waiting, *self._fast.aside()], [*self._fast.open_nodes()]
        opened += [(len(cell.bits), cell.bound(widths, dim)) for cell in waiting]
        return opened + [(node.layer - 1, node.bound) for node in self._nodes]

    def open_cells(self) -> list[tuple[Prefix, int]]:
        """Every open node by name, with its bound; a region that was found is in none of them."""
        widths, dim = self.problem.network.widths, self.problem.frame.dim
        cells = list(self._waiting)
        named = [(Prefix.of(node), node.bound) for node in self._nodes]
        if self._fast is not None:
            cells += self._fast.aside()
            bounds = (bound for _, bound in self._fast.open_nodes())
            named += zip(self._fast.open_cells(), bounds, strict=True)
        return named + [(cell, cell.bound(widths, dim)) for cell in cells]

    # -- regions ---------------------------------------------------------------------------

    def batches(self) -> Generator[RegionBatch, None, None]:
        """The regions, certified; can be walked once."""
        with closing(self._walk()) as walk:
            try:
                for found in walk:
                    yield self.certifier.batch(found)
            except Stopped:  # while a point was looked for: these regions are in the bounds alone
                pass
        self._report(final=True)

    def _walk(self) -> Generator[Found, None, None]:
        """The regions as the engines propose them.

        Buffers are emptied when they are full, never by the clock, so that the order is the same in
        every run that is not stopped.
        """
        problem = self.problem
        lp = LPEngine(problem.network, problem.frame, problem.backend, self.stop)
        lp.list_regions()
        try:
            if problem.engine in COMPILED:
                yield from self._compiled(lp)
            else:
                yield from self._search(lp)
            rest = lp.take_regions()
            if len(rest):
                yield rest
            self.ended = not self._open()
        finally:
            lp.close()
            self.numbers.update(lp_numbers(lp))
            if self._fast is not None:
                self.numbers.update({**self._fast.statistics(), "nodes": self._fast.nodes})

    def _compiled(self, lp: LPEngine) -> Iterator[Found]:
        """Those of a compiled engine, and those of the cells that it sets aside."""
        self._waiting.clear()
        fast = self._fast = engine_for(self.problem, lp)
        fast.list_regions(self.room)
        budget = BUDGET
        while True:
            before = time.monotonic()
            code = fast.advance(budget)
            budget = next_budget(budget, time.monotonic() - before)
            if code == GROW:
                fast.grow()
            self._report()
            last = code == DONE or self.stop.reason() is not None
            if code == DRAIN or last:
                found, taken = fast.take_regions(), fast.take_aside()
                self._waiting += taken
                self.numbers["set_aside"] += len(taken)
                if len(found):
                    yield found
                yield from self._search(lp)
            if last:
                return

    def _search(self, lp: LPEngine) -> Iterator[Found]:
        """Those of the waiting cells, first come first served, by linear programs."""
        while self._waiting and self.stop.reason() is None:
            cell = self._waiting[0]
            whole = not cell.bits and cell.current is None and not cell.path
            try:
                first = lp.root() if whole else cell.root(lp)
            except Stopped:
                continue
            self._waiting.pop(0)
            self._take(first)
            while self._nodes and self.stop.reason() is None:
                node = self._nodes.pop()
                try:
                    self._take(lp.expand(node))
                except Stopped:
                    self._nodes.append(node)
                    continue
                self.numbers["nodes"] += 1
                self._report()
                if len(lp.listed or ()) >= self.room:
                    yield lp.take_regions()

    def _take(self, expansion: Expansion[LPNode]) -> None:
        self._found += expansion.regions
        self._nodes += expansion.children

    def _report(self, final: bool = False) -> None:
        """Tell how far it is; ten times a second."""
        now = time.monotonic()
        if self._progress is None or (now - self._last < REPORT_SECONDS and not final):
            return
        self._last = now
        lower, upper = self.bounds()
        opened = self._open()
        layer, depth = (1 + opened[-1][0], len(opened)) if opened and not final else (0, 0)
        self._progress(
            Progress(self.found, lower, upper, len(opened), layer, depth, now - self._start)
        )
