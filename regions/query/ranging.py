"""`output_range`: the least and the largest value of each output over a domain, exactly."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np
from flint import fmpq

from regions.answers import Extreme, OutputRange
from regions.composition import float_rows
from regions.counting.api import describe
from regions.counting.by_lp import LPEngine
from regions.counting.question import Question as Arguments
from regions.counting.question import checked_seconds
from regions.counting.tree import Stop, interruptible
from regions.domain import Domain
from regions.encoding import relaxation
from regions.errors import DomainError, InputError
from regions.frame import Frame
from regions.network import Network
from regions.query.best_first import Floats
from regions.query.bit_search import NOTHING, BitSearch, Candidate, Record
from regions.query.closed_cells import ClosedCells
from regions.query.witnesses import as_coordinates, in_domain
from regions.ranges import Ranges, bounding_box, ranges
from regions.results import SearchProgress
from regions.tightening import tightened
from solvers.backend import Backend
from solvers.exact_lp import by_basis, least
from solvers.exact_simplex import Stopped
from solvers.program import LinearProgram
from solvers.rational import fraction, nearest, rational

SAMPLE = 1024  # points of a sample
SLIDES = 40  # steps along the slope
SPREADS = 2.0 ** -np.arange(1.0, 13.0)  # of the samples around the best vertex
TIGHTEN = 10.0  # seconds at most; and a tenth of a time limit


def output_range(
    network: Network,
    domain: Domain | None = None,
    *,
    outputs: list[int] | None = None,
    time_limit: float | None = None,
    backend: str | Backend = "highs",
    progress: Callable[[SearchProgress], None] | None = None,
) -> tuple[OutputRange, ...]:
    """The least and the largest value of outputs of the network over the closed domain.

    Each end is an interval with a witness: the value at the witness, computed exactly, and a bound
    that is proved.  Without a limit the two agree, except where thousands of cells meet in one
    point: there the gap may stay as wide as rounding.

    Parameters
    ----------
    network, domain
        As for `count`.
    outputs
        Which outputs, from 0; all of them by default.
    time_limit
        Seconds after which to stop, with the bounds known by then.
    backend
        Solver of the linear programs.  Its answers are proposals: each is checked exactly.
    progress
        Called at every step.

    Raises
    ------
    DomainError
        If the domain is empty or has another dimension than the network's input.
    InputError
        If another argument is out of range.

    Examples
    --------
    >>> network = Network.from_layers([([[1], [-1]], [0, 0]), ([[1, 1]], [-1])])  # |x| - 1
    >>> found, = output_range(network)
    >>> found.minimum.low, found.minimum.witness, found.maximum.high
    (Fraction(-1, 1), (0.0,), Fraction(0, 1))
    """
    start = time.monotonic()
    arguments = Arguments.of("output_range", network, domain, "auto", None, backend)
    limit = checked_seconds("output_range", time_limit)
    wanted = list(range(network.outputs)) if outputs is None else list(outputs)
    for index in wanted:
        if (
            isinstance(index, bool)
            or not isinstance(index, int)
            or not (0 <= index < network.outputs)
        ):
            raise InputError(
                f"output_range(): the network has the outputs 0 to {network.outputs - 1}, "
                f"got {index!r}"
            )
    stop = Stop(None if limit is None else start + limit)
    ranging = _Ranging(arguments.stopped_by(stop), stop, progress, 2 * len(wanted))
    with interruptible(stop):
        return tuple(ranging.output(index) for index in wanted)


class _Ranging:
    """The parts that all outputs share."""

    def __init__(
        self,
        arguments: Arguments,
        stop: Stop,
        progress: Callable[[SearchProgress], None] | None,
        ends: int,
    ) -> None:
        self.arguments = arguments
        self.stop = stop
        self.ends_left = ends
        self.progress = progress
        self.start = time.monotonic()
        self.frame: Frame | None = None
        self.pulled: Network | None = None
        self.known: Ranges | None = None

    def output(self, index: int) -> OutputRange:
        """One output."""
        ends = [self._end(index, sign) for sign in (1, -1)]
        return OutputRange(
            output=index,
            minimum=ends[0],
            maximum=ends[1],
            stopped=None if all(end.exact for end in ends) else self.stop.reason(),
            domain=self.arguments.domain.spec,
            seconds=time.monotonic() - self.start,
            model=describe(self.arguments.network),
        )

    def _prepare(self) -> tuple[Frame, Network]:
        if self.frame is None or self.pulled is None:
            backend = self.arguments.backend
            frame = Frame.of(self.arguments.domain, backend, self.stop)
            pulled = frame.pull(self.arguments.network)
            try:
                box = bounding_box(frame, self.stop)
            except DomainError:  # unbounded: region by region
                self.known = None
            else:
                left = self.stop.seconds_left()
                share = TIGHTEN if left is None else min(TIGHTEN, 0.1 * left)
                known = ranges(pulled, box)
                self.known = tightened(pulled, frame, known, backend, share, self.stop)
            self.frame, self.pulled = frame, pulled
        return self.frame, self.pulled

    def _share(self) -> Stop:
        """A fair share of the time that is left, for one end."""
        left, ends = self.stop.seconds_left(), max(self.ends_left, 1)
        self.ends_left -= 1
        if left is None:
            return self.stop
        return Stop(time.monotonic() + left / ends, outer=self.stop)

    def _end(self, index: int, sign: int) -> Extreme:
        """The minimum (sign 1) or the maximum (sign -1)."""
        record, lower, ended = Record(), None, False
        search: BitSearch | None = None
        try:
            frame, pulled = self._prepare()
            record.offer(_value(pulled, index, sign, frame.interior))
            stop, solver = self._share(), self.arguments.backend
            goal = _Output(pulled, frame, self.known, index, sign, solver, stop)
            if self.known is None:
                unbounded = _region_by_region(pulled, frame, goal, record, stop)
                if unbounded is not None:
                    return Extreme(None, None, unbounded, True)
                ended = True
            else:
                search = self._search(pulled, frame, goal, record)
                _climb(pulled, frame, goal, record)
                search.run()
                ended, lower = search.ended, search.lower
        except Stopped:
            lower = None if search is None else search.lower
        best = record.best
        if best is None or self.frame is None:
            return Extreme(None, None, None, False)
        if ended:
            lower = best.value
        witness = as_coordinates(self.frame, best.point)
        near = fraction(sign * best.value)
        if lower is not None and lower <= NOTHING:
            lower = None
        far = None if lower is None else fraction(sign * min(lower, best.value))
        low, high = (far, near) if sign > 0 else (near, far)
        return Extreme(low, high, witness, ended)

    def _search(self, pulled: Network, frame: Frame, goal: _Output, record: Record) -> BitSearch:
        assert self.known is not None
        builder, program = relaxation(pulled, frame, self.known, len(pulled.layers))
        cost = goal.sign * builder.costs(pulled.output, goal.index)
        goal.slack = rational(float(builder.rounding(pulled.output)[goal.index]))
        filled = LinearProgram(
            cost, program.matrix, program.row_lower, program.row_upper, program.col_lower,
            program.col_upper,
        )  # fmt: skip

        def report(lower: fmpq | None, nodes: int, waiting: int) -> None:
            if self.progress is None or record.best is None:
                return
            upper = nearest(record.best.value)
            low = upper if lower is None else nearest(lower)
            spent = time.monotonic() - self.start
            self.progress(SearchProgress(low, upper, nodes, waiting, spent))

        return BitSearch(
            pulled, self.known, filled, builder.labels()[0], goal, record,
            self.arguments.backend, goal.stop, report,
        )  # fmt: skip


def _value(network: Network, index: int, sign: int, point: tuple[fmpq, ...]) -> Candidate:
    return Candidate(sign * rational(network(point)[index]), point)


class _Output:
    """± an output as a goal."""

    def __init__(
        self, network: Network, frame: Frame, known: Ranges | None, index: int, sign: int,
        backend: Backend, stop: Stop,
    ) -> None:  # fmt: skip
        self.index, self.sign = index, sign
        self.slack = fmpq(0)
        self._bias = sign * network.output.bias.entry(index, 0)
        self._cells = ClosedCells(network, frame, known, stop)
        self._last = len(network.layers) + 1
        self.backend, self.stop = backend, stop

    def key(self, bound: float) -> fmpq:
        """The bound, the bias and what weights that are no doubles may amount to."""
        if bound == -np.inf:
            return NOTHING
        return rational(bound) + self._bias - self.slack

    def leaf(
        self, bits: list[np.ndarray], above: fmpq | None, quick: bool = False
    ) -> Candidate | None:
        """The least value on a closed cell."""
        found = self.solved(bits, quick)
        return found if isinstance(found, Candidate) else None

    def solved(
        self, bits: list[np.ndarray], quick: bool = False
    ) -> Candidate | tuple[fmpq, ...] | None:
        """The least value; a point from which it falls for ever; None if the cell is empty."""
        cell = self._cells.of(bits)
        if cell is None:
            return None
        row, constant = self._cells.form(bits, self._last, self.index, self.sign)
        solve = by_basis if quick else least
        found = solve(row, cell, self.backend, self.stop)
        if found is None:
            return None
        return (
            found.point if found.value is None else Candidate(found.value + constant, found.point)
        )

    def cut(self, x: np.ndarray) -> None:
        """No rows are needed."""


def _climb(network: Network, frame: Frame, goal: _Output, record: Record) -> None:
    """Candidates from the cells of sampled points, and from the cells around the best vertex."""
    low, high = bounding_box(frame, goal.stop)
    random = np.random.default_rng(0)
    floats, dim = Floats(network), frame.dim
    starts = np.cumsum(network.widths)[:-1].astype(np.int64)

    def solve_cell(u: np.ndarray) -> None:
        flat = floats.bits(u[None, :])[0]
        bits = np.split(flat, starts) if len(network.widths) else []
        record.offer(goal.leaf(bits, None, quick=True))

    sample = low + (high - low) * random.random((SAMPLE, dim))
    values = goal.sign * network.evaluate(sample)[:, goal.index]
    best = _slide(network, goal, sample[np.argmin(values)], low, high)
    point = tuple(rational(v) for v in best.tolist())
    if in_domain(frame, point):  # in floats: wide networks are slow to solve cell by cell
        record.offer(_value(network, goal.index, goal.sign, point))
    solve_cell(best)
    for spread in SPREADS:
        if goal.stop():
            raise Stopped
        assert record.best is not None
        here = np.array([nearest(q) for q in record.best.point])
        steps = random.standard_normal((SAMPLE, dim)) * spread * (high - low)
        around = np.clip(here + steps, low, high)
        values = goal.sign * network.evaluate(around)[:, goal.index]
        solve_cell(around[np.argmin(values)])


def _slide(
    network: Network, goal: _Output, point: np.ndarray, low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """Down along the signs of the slope, inside the box, as far as ever shorter steps lead."""
    patterns, last = Floats(network), len(network.layers) + 1
    starts = np.cumsum(network.widths)[:-1].astype(np.int64)
    value, share, index = np.inf, 0.25, np.array([goal.index])
    moved = point
    for _ in range(SLIDES):
        if goal.stop():
            raise Stopped
        here = float(goal.sign * network.evaluate(moved[None, :])[0, goal.index])
        if here < value:
            value, point = here, moved
        else:
            share /= 2
        flat = patterns.bits(point[None, :])[0]
        bits = np.split(flat, starts) if len(network.widths) else []
        slope = goal.sign * float_rows(network, bits, last, index).a[0]
        moved = np.clip(point - share * (high - low) * np.sign(slope), low, high)
    return point


def all_regions(network: Network, frame: Frame, backend: Backend, stop: Stop) -> Iterator:
    """The patterns of all regions, by layer; depth first.

    Raises
    ------
    Stopped
        When `stop` said so.
    """
    engine = LPEngine(network, frame, backend, stop)
    engine.list_regions()
    starts = np.cumsum(network.widths)[:-1].astype(np.int64)
    try:
        waiting = list(engine.root().children)
        while True:
            for bits in engine.take_regions().bits:
                yield np.split(bits.astype(np.int8), starts) if len(network.widths) else []
            if not waiting:
                return
            if stop():
                raise Stopped
            waiting += engine.expand(waiting.pop()).children
    finally:
        engine.close()


def _region_by_region(
    network: Network, frame: Frame, goal: _Output, record: Record, stop: Stop
) -> tuple[float, ...] | tuple[Fraction, ...] | None:
    """The best of all cells, in `record`; a point from where the value is unbounded, if so."""
    for bits in all_regions(network, frame, goal.backend, stop):
        found = goal.solved(bits)
        if isinstance(found, Candidate):
            record.offer(found)
        elif found is not None:
            return as_coordinates(frame, found)
    return None
