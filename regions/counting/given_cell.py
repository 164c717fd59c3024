"""The cell of a pattern of the first layers: whether it is a region, and the count inside it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from regions.composition import float_rows
from regions.counting.by_lp import LPEngine
from regions.counting.engines import is_cold, refusal
from regions.counting.forms import LayerRows
from regions.counting.layer_bounds import open_node
from regions.counting.prefix import Prefix
from regions.counting.tree import REPORT_SECONDS, Outcome, Stop
from regions.counting.work import OpenCell, Problem, Slice, work
from regions.frame import Frame
from regions.network import Network
from regions.results import Progress
from solvers.exact_simplex import Stopped
from solvers.rational import nearest

TRIED = 1.0  # seconds of linear programs before a compiled engine takes what is left
TRIED_COLD = 10.0  # the same where that engine has to be compiled first


def bound_of(network: Network, frame: Frame, given: Sequence[np.ndarray]) -> int:
    """At most so many patterns of the layer after the given ones."""
    layer, rank = network.layers[len(given)], frame.dim
    if network.is_feed_forward:
        rank = min([rank, *(int((bits == 1).sum()) for bits in given)])
    return open_node(layer.units, layer.units, rank, (), network.is_feed_forward)


def locate(
    problem: Problem, given: Sequence[np.ndarray], hint: np.ndarray | None, stop: Stop
) -> Prefix | None:
    """The cell of these bits of the first layers as a node of the tree; None if it is no region.

    `hint` is a proposal of a point inside, in the frame's coordinates.  Without a point, the
    half-spaces of the cell are gone through one by one: a new point, or a proof that the cell of
    those before has none on this side.

    Raises
    ------
    Stopped
        When `stop` said so first.
    """
    network, frame = problem.network, problem.frame
    middle = np.array([nearest(q) for q in frame.interior])
    lp = LPEngine(network, frame, problem.backend, stop)
    try:
        path = _path(lp, given)
        if path is None:
            return None
        prefix = Prefix(tuple(given), None, path, middle)
        for proposal in (hint, middle):
            if proposal is not None and (found := prefix.at(lp, proposal)) is not None:
                return found
        if stop():
            raise Stopped
        return prefix.deepened(lp) or prefix.located(lp)
    finally:
        lp.close()


def _path(lp: LPEngine, given: Sequence[np.ndarray]) -> tuple[tuple[int, int, int], ...] | None:
    """A split for each unit that can have either bit; None if another one has the wrong bit."""
    path: list[tuple[int, int, int]] = []
    for position, (bits, stable) in enumerate(zip(given, lp.stable, strict=False), start=1):
        if np.any((stable >= 0) & (stable != bits)):
            return None
        units = np.flatnonzero(stable < 0)
        above = tuple(given[: position - 1])
        floats = float_rows(lp.network, above, position, units)
        rows = LayerRows(lp.network, above, position, units, floats)
        suspect = np.asarray((np.abs(floats.a) <= floats.a_error).all(axis=1))
        for index, unit in enumerate(units.tolist()):
            if suspect[index]:
                coefficients, constant = rows.exact(index)
                if not any(coefficients):  # constant on the hull (meanings §2.5)
                    if (constant > 0) != (bits[unit] == 1):
                        return None
                    continue
            path.append((position - 1, unit, 1 if bits[unit] else -1))
    return tuple(path)


def count_cell(
    problem: Problem,
    prefix: Prefix | None,
    limit: int,
    stop: Stop,
    progress: Callable[[Progress], None] | None,
    workers: int,
) -> tuple[Outcome, Counter[str], str]:
    """Count the regions of a cell; also, what the engines did, and the last of them.

    With the engine "auto" linear programs begin, since most cells have few regions; where they do
    not end soon, the simplex engine goes on, if it can.
    """
    begin = "lp" if problem.engine == "auto" else problem.engine
    first = replace(problem, engine=begin)
    cells, found, numbers = [OpenCell(prefix, limit, begin)], 0, Counter[str]()
    if problem.engine == "auto" and refusal("simplex", problem.network, problem.frame) is None:
        done = work(first, cells, TRIED_COLD if is_cold("simplex") else TRIED, stop)
        found, numbers = done.regions, Counter(done.stats)
        cells = list(done.left)
        if cells and stop.reason() is None:
            first = replace(problem, engine="simplex")
            cells = [replace(cell, engine="simplex") for cell in cells]
    if workers > 1 and cells and stop.reason() is None:
        from regions.counting.workers import count_by_workers

        report = None if progress is None else lambda seen, _: progress(seen)
        begun = found, cells
        outcome, more = count_by_workers(first, limit, stop, report, workers, begun=begun)
        return outcome, numbers + more, first.engine
    outcome = _alone(first, found, cells, limit, stop, numbers, progress)
    return outcome, numbers, first.engine


def _alone(
    problem: Problem,
    found: int,
    cells: list[OpenCell],
    limit: int,
    stop: Stop,
    numbers: Counter[str],
    progress: Callable[[Progress], None] | None,
) -> Outcome:
    """In slices of growing length, so that little is done twice."""
    start, seconds, upper = time.monotonic(), REPORT_SECONDS, limit
    while True:
        lower = found + len(cells)
        upper = min(upper, found + sum(cell.bound for cell in cells))
        spent, opened = time.monotonic() - start, len(cells)
        if progress is not None:
            progress(Progress(found, lower, upper, opened, 0, 0, spent))
        reason = stop.reason() if cells else None
        if not cells or reason is not None:
            return Outcome(lower, upper, reason, int(numbers["nodes"]), spent)
        done: Slice = work(problem, cells, seconds, stop)
        found, cells = found + done.regions, list(done.left)
        numbers.update(done.stats)
        seconds = min(2 * seconds, 10.0)
