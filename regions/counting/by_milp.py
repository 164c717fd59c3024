"""The MILP engine: one mixed-integer program for each region, then a proof that none is missing.

After Serra, Tjandraatmadja and Ramalingam, Bounding and Counting Linear Regions of Deep Neural
Networks, ICML 2018.  A solution of the program proposes the pattern of its whole columns; a cut
forbids that pattern, and the next solution proposes another.  Their formulations decide with
tolerances: constraints z >= 0 admit cells without an interior, a slack z >= ε loses thin cells and
those with units that are identically zero.  Here every proposal is decided exactly: it counts if a
point strictly inside its cell is found, and is forbidden, counted or not.

That no solution is left is the solver's claim.  The search tree of the LP engine proves it, or
finds what was missed; the points of the regions that are known spare it the programs that would
look for them.  A limit leaves the regions that were found as the lower bound.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from regions.counting.by_lp import LPEngine
from regions.counting.points import ExactPoint, Stock
from regions.counting.statistics import lp_numbers
from regions.counting.tree import Outcome, Report, Stop, search
from regions.counting.witness import Witness
from regions.counting.work import Problem
from regions.encoding import Encoding, encode
from regions.ranges import bounding_box, ranges
from regions.results import Progress
from regions.tightening import tightened
from solvers.backend import Session
from solvers.errors import BackendDisagreement, SolversError
from solvers.exact_simplex import Stopped
from solvers.solution import Limit, Solution, Status

TIGHTEN_SECONDS = 10.0  # for tight big-M, at most; and a tenth of a time limit
SHARE = 0.5  # of a time limit for proposals; the rest proves that none is missing
FIRST_SLICE = 2.0  # seconds after which a solve is interrupted to look for Ctrl-C; then twice that
IDLE = 8  # slices in a row of which a solver leaves most of the time, before it is given up
REFUTED = (64, 8)  # so many refuted proposals, plus so many for each region, are too many


@dataclass(slots=True)
class Proposals:
    """What the programs led to.

    `claim` says what ended them: "no more" (the solver's claim), or why they were given up.
    """

    points: list[ExactPoint] = field(default_factory=list)
    refuted: int = 0
    solves: int = 0
    seconds: float = 0.0
    claim: str = ""


def count_by_milp(
    problem: Problem, limit: int, stop: Stop, report: Report | None
) -> tuple[Outcome, dict[str, int | float]]:
    """Bounds of the number of regions, and what was done.

    Raises
    ------
    DomainError
        If the domain is unbounded: there is no big-M.
    """
    start = time.monotonic()
    left = stop.seconds_left()
    early = Stop(None if left is None else start + SHARE * left, outer=stop)
    found = Proposals()
    try:
        _propose(problem, found, early, limit, report)
    except Stopped:
        found.claim = "stopped"
    known = len(found.points)
    lp = LPEngine(problem.network, problem.frame, problem.backend, stop)
    try:
        outcome = search(
            lambda: lp.root(Stock.of(found.points, problem.frame.dim)),
            lp.expand,
            limit,
            stop,
            None if report is None else _raised(report, known, time.monotonic() - start),
        )
    finally:
        lp.close()
    assert outcome.stopped or outcome.lower >= known, "a region that was certain has disappeared"
    numbers: dict[str, int | float] = {
        **lp_numbers(lp),
        "milp_solves": found.solves,
        "milp_seconds": found.seconds,
        "milp_regions": known,
        "milp_refuted": found.refuted,
        "milp_claimed_all": int(found.claim == "no more"),
    }
    return replace(outcome, lower=max(outcome.lower, known)), numbers


def _raised(report: Report, known: int, before: float) -> Report:
    """The report of a search that begins when so many regions are known."""

    def call(progress: Progress, opened: Callable[[], Any]) -> None:
        lower = max(progress.lower, known)
        report(replace(progress, lower=lower, seconds=progress.seconds + before), opened)

    return call


def _propose(
    problem: Problem, found: Proposals, stop: Stop, limit: int, report: Report | None
) -> None:
    """Solve, decide and forbid until the solver finds no more, or `stop` says so."""
    network, frame = problem.network, problem.frame
    start = time.monotonic()
    known = ranges(network, bounding_box(frame, stop))
    left = stop.seconds_left()
    share = TIGHTEN_SECONDS if left is None else min(TIGHTEN_SECONDS, 0.1 * left)
    known = tightened(network, frame, known, problem.backend, share, stop)
    encoding = encode(network, frame, form="milp", known=known)
    witness = Witness(network, frame)
    seen: set[bytes] = set()
    try:
        with problem.backend.open(encoding.program) as session:
            while not found.claim:
                solution = _solve(session, found, stop)
                bits = _proposed(encoding, solution)
                if bits is None:
                    claims = {Status.INFEASIBLE: "no more", Status.STOPPED: "stopped"}
                    found.claim = claims.get(solution.status, "failed")
                    return
                if bits.tobytes() in seen:
                    found.claim = "the solver does not respect the cuts"
                    return
                seen.add(bits.tobytes())
                point = witness.find_point(bits, problem.backend, stop)
                if point is None:
                    found.refuted += 1
                else:
                    found.points.append(point)
                if found.refuted > REFUTED[0] + REFUTED[1] * len(found.points):
                    found.claim = "too many proposals without an interior"
                    return
                if not len(encoding.switches):
                    found.claim = "no more"
                    return
                _forbid(session, encoding, bits)
                if report is not None:
                    count, spent = len(found.points), time.monotonic() - start
                    progress = Progress(count, max(count, 1), limit, 1, 1, 0, spent)
                    report(progress, list)
    except BackendDisagreement:
        raise
    except SolversError:
        found.claim = "failed"


def _solve(session: Session, found: Proposals, stop: Stop) -> Solution:
    """One solution, in ever longer slices, between which `stop` is heard."""
    slice_seconds, idle = FIRST_SLICE, 0
    while True:
        if stop():
            raise Stopped
        left = stop.seconds_left()
        seconds = slice_seconds if left is None else min(slice_seconds, left)
        start = time.monotonic()
        solution = session.solve(seconds)
        spent = time.monotonic() - start
        found.solves += 1
        found.seconds += spent
        is_early = solution.status is Status.STOPPED and solution.limit is Limit.TIME
        if not is_early or solution.x is not None or stop():
            return solution
        idle = idle + 1 if spent < seconds / 2 else 0
        if idle == IDLE:
            return solution
        slice_seconds *= 2


def _proposed(encoding: Encoding, solution: Solution) -> np.ndarray | None:
    """The bits of all units that a solution proposes; None if it has no point."""
    x = solution.x
    if x is None or solution.status not in (Status.OPTIMAL, Status.STOPPED):
        return None
    if np.shape(x) != (encoding.program.num_cols,):
        return None
    parts = encoding.proposed(x)
    return np.concatenate([np.zeros(0, dtype=np.int8), *parts]).astype(np.int8)


def _forbid(session: Session, encoding: Encoding, bits: np.ndarray) -> None:
    """Add Σ over ones of (1 - d) + Σ over zeros of d >= 1, over the whole columns."""
    free = np.concatenate([np.zeros(0, dtype=np.int8), *encoding.bits]) < 0
    on = bits[free] == 1
    row = np.zeros((1, encoding.program.num_cols))
    row[0, encoding.switches] = np.where(on, 1.0, -1.0)
    session.add_rows(row, [-np.inf], [float(on.sum()) - 1.0])
