"""`reach`: can an activation pattern occur?  A witness, or a proof that it cannot."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from regions.counting.api import describe
from regions.counting.question import Question as Arguments
from regions.counting.question import checked_seconds
from regions.counting.tree import Stop, interruptible
from regions.domain import Ball, Box, Domain, Polytope, Segment, Slice
from regions.errors import PatternError
from regions.frame import Frame
from regions.network import Network
from regions.pattern import Pattern
from regions.pattern_input import sizes
from regions.query.branches import Found
from regions.query.conflicts import Conflict
from regions.query.judging import CellJudge, Question
from regions.query.search import Closed, PatternSearch
from regions.query.unreachable import ConflictProof, TreeProof
from regions.query.witnesses import Coordinates, as_coordinates, inside_in_doubles
from regions.results import Reachable, ReachProgress, Undecided, Unreachable
from solvers.backend import Backend
from solvers.exact_simplex import Stopped

_PLACES = {Box: "box", Ball: "ball", Polytope: "polytope", Segment: "segment", Slice: "plane"}


def reach(
    network: Network,
    pattern: Pattern | str,
    domain: Domain | None = None,
    *,
    time_limit: float | None = None,
    backend: str | Backend = "highs",
    progress: Callable[[ReachProgress], None] | None = None,
) -> Reachable | Unreachable | Undecided:
    """Whether an activation pattern can occur: a witness if it can, a proof if it cannot.

    Two questions are answered (meanings §2.5).  `attained`: does a point of the closed domain have
    the pattern?  `interior`: is it that of a region, that is, of a set with interior?  A pattern
    with don't-cares (``*``) stands for all of its completions: one of them is enough.

    A "no" comes with a `proof` that has been verified in rationals: a few units whose inequalities
    exclude each other (meanings §2.7), none of which can be left out; or, where don't-cares have to
    be tried, a tree whose branches all end so.

    Parameters
    ----------
    network
        A network in normal form.
    pattern
        A `Pattern`, or its text, such as ``"0110/1*"``.
    domain
        Where to look; the box [-1, 1]^n by default.
    time_limit
        Seconds after which to stop, with what is known by then.
    backend
        Solver of the linear programs.  Its answers are proposals: each is checked exactly.
    progress
        Called about ten times a second.

    Raises
    ------
    PatternError
        If the pattern is malformed or does not fit the network.
    DomainError
        If the domain is empty or has another dimension than the network's input.
    InputError
        If another argument is out of range.

    Examples
    --------
    >>> network = Network.from_layers([([[1, 0], [0, 1], [-1, -1]], [0, 0, -1]), ([[1] * 3], [0])])
    >>> answer = reach(network, "111")
    >>> print(answer.proof)
    units 1:0, 1:1 and 1:2 cannot be 1, 1 and 1 together anywhere
    >>> answer = reach(network, "11*")
    >>> answer.attained, answer.interior, str(answer.witness_pattern)
    (True, True, '110')
    """
    start = time.monotonic()
    arguments = Arguments.of("reach", network, domain, "auto", None, backend)
    limit = checked_seconds("reach", time_limit)
    wanted = fitting(network, pattern)
    stop = Stop(None if limit is None else start + limit)
    inquiry = _Inquiry(arguments.stopped_by(stop), wanted, stop, progress)
    with interruptible(stop), suppress(Stopped):
        inquiry.run()
    return inquiry.answer(time.monotonic() - start)


def fitting(network: Network, pattern: Pattern | str, verb: str = "reach") -> Pattern:
    """The pattern, once it fits the network.

    Raises
    ------
    PatternError
        If it does not.
    """
    if isinstance(pattern, str):
        return Pattern.parse(pattern, network.widths)
    if not isinstance(pattern, Pattern):
        raise PatternError(
            f"{verb}(): needs a Pattern or its text, got {type(pattern).__name__}; "
            "network.pattern(x) is that of a point"
        )
    if pattern.widths != network.widths:
        raise PatternError(
            f"{verb}(): the network needs a pattern of layers with {sizes(network.widths)} units, "
            f"got {sizes(pattern.widths)}; write * for units that may take either bit"
        )
    return pattern


@dataclass(eq=False)
class _Inquiry:
    """What is known so far."""

    arguments: Arguments
    pattern: Pattern
    stop: Stop
    progress: Callable[[ReachProgress], None] | None = None
    attained: bool | None = None
    interior: bool | None = None
    witness: Coordinates | None = None
    witness_pattern: Pattern | None = None
    proof: ConflictProof | TreeProof | None = None
    stats: dict[str, object] = field(default_factory=dict)

    def run(self) -> None:
        """Find out; what is found before `Stopped` stays."""
        network, domain = self.arguments.network, self.arguments.domain
        frame = Frame.of(domain, self.arguments.backend, self.stop)
        pulled = frame.pull(network)
        judge = CellJudge(frame, self.arguments.backend, self.stop)
        search = PatternSearch(pulled, frame, judge, self.progress)
        try:
            self._interior(search, frame, pulled)
            # where the multipliers exclude points, those of the ATTAINED question may do so even
            # of the closed cell, which is the stronger "no"
            if self.attained is None or (self.proof is not None and self.proof.kind == "attained"):
                self._attained(search, frame)
        finally:
            judge.close()
            tally = judge.tally
            self.stats = {
                "branches": search.nodes,
                "linear_programs": judge.solves,
                "by_floats": tally.by_floats,
                "by_basis": tally.by_basis,
                "by_interval": tally.by_interval,
                "by_pivots": tally.by_pivots,
            }

    def _interior(self, search: PatternSearch, frame: Frame, pulled: Network) -> None:
        found = search.run(self.pattern, Question.INTERIOR)
        if isinstance(found, Found):
            self.witness_pattern = found.pattern
            self.witness = inside_in_doubles(
                pulled, frame, found, self.arguments.backend, self.stop
            )
            self.attained = self.interior = True
            return
        thin = any(isinstance(node, Conflict) and node.kind == "interior" for node in found.nodes)
        self.proof = self._verified(found, "interior" if thin else "attained")
        self.interior = False
        if not thin:
            self.attained = False

    def _attained(self, search: PatternSearch, frame: Frame) -> None:
        found = search.run(self.pattern, Question.ATTAINED)
        if isinstance(found, Found):
            assert self.attained is None, "a point has a pattern that a proof excludes"
            self.witness_pattern, self.witness = found.pattern, as_coordinates(frame, found.point)
            self.attained = True
            return
        self.proof = self._verified(found, "attained")
        self.attained = False

    def _verified(self, closed: Closed, question: str) -> ConflictProof | TreeProof:
        place = _PLACES.get(type(self.arguments.domain), "domain")
        first = closed.nodes[0]
        if len(closed.nodes) == 1 and isinstance(first, Conflict):
            proof = ConflictProof(self.pattern, first, place)
        else:
            proof = TreeProof(self.pattern, question, closed.nodes, place)
        verified = proof.verify(self.arguments.network, self.arguments.domain)
        assert verified, "a proof that was found in rationals does not verify"
        return proof

    def answer(self, seconds: float) -> Reachable | Unreachable | Undecided:
        """The answer as it stands."""
        common = {
            "pattern": self.pattern,
            "attained": self.attained,
            "interior": self.interior,
            "witness": self.witness,
            "witness_pattern": self.witness_pattern,
            "proof": self.proof,
            "domain": self.arguments.domain.spec,
            "seconds": seconds,
            "model": describe(self.arguments.network),
            "stats": self.stats,
        }
        if self.attained is None:
            return Undecided(**common, why=self.stop.reason() or "stopped")
        return Reachable(**common) if self.attained else Unreachable(**common)
