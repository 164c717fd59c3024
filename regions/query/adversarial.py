"""`adversarial`: the least perturbation of a point that changes the class, exactly."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import suppress

import numpy as np
from flint import fmpq

from regions.answers import Adversarial
from regions.counting.api import describe
from regions.counting.points import ExactPoint
from regions.counting.question import Question as Arguments
from regions.counting.question import checked_seconds
from regions.counting.tree import Stop, interruptible
from regions.domain import Ball, Domain
from regions.errors import DomainError, InputError
from regions.frame import Frame
from regions.network import Network
from regions.query.bit_search import NOTHING, BitSearch, Candidate, Record
from regions.query.examples import first_examples
from regions.query.perturbation import NORMS, Perturbation, with_outputs
from regions.query.ranging import all_regions
from regions.ranges import Ranges, bounding_box, ranges
from regions.results import SearchProgress
from regions.tightening import tightened
from solvers.backend import Backend
from solvers.exact_simplex import Stopped
from solvers.rational import fraction, nearest, rational

TIGHTEN = 10.0  # seconds at most; and a tenth of a time limit
SLICE = 64  # nodes of one way, before that with the least bound goes on
SHRUNK = fmpq(1, 2)  # an example so much nearer is worth a new start in a smaller ball


def adversarial(
    network: Network,
    x: object,
    domain: Domain | None = None,
    *,
    norm: str = "linf",
    target: int | None = None,
    time_limit: float | None = None,
    backend: str | Backend = "highs",
    seed: int = 0,
    progress: Callable[[SearchProgress], None] | None = None,
) -> Adversarial:
    """The least ‖x' - x‖ with another class at x', over the closed domain.

    The class is the output that is largest (the first of several); of a network with one output f
    it is 1 where f > 0 and else 0.  At x' another output is at least as large as that of the class
    of x, so it may be a tie; nearer to x there is not even one.  With `target` K, output K has to
    be at least as large as all others.

    `low` and `high` enclose the least norm: `high` is that of `witness`, exactly, and `low` is
    proved.  They agree, up to the rounding of a square root in l2, unless a limit came first.

    Parameters
    ----------
    network
        A network in normal form.
    x
        A point of the domain.
    domain
        Where to look; the box [-1, 1]^n by default.
    norm
        "linf", "l1" or "l2".
    target
        The class that is wanted, from 0; any other by default.
    time_limit
        Seconds after which to stop, with the bounds known by then.
    backend
        Solver of the linear programs.  Its answers are proposals: each is checked exactly.
    seed
        Of the sample that looks for a first example.
    progress
        Called at every step.

    Raises
    ------
    DomainError
        If the domain is empty, has another dimension than the input, or does not have the point.
    InputError
        If another argument is out of range.

    Examples
    --------
    >>> from regions.domain import Space
    >>> layers = [([[1, 0], [-1, 0], [0, 1], [0, -1]], [0] * 4), ([[1] * 4], [-1])]  # ‖x‖₁ - 1
    >>> found = adversarial(Network.from_layers(layers), [0, 0], Space(2), norm="linf")
    >>> found.low, found.high, found.label, found.hamming
    (Fraction(1, 2), Fraction(1, 2), 0, 2)

    Source: "Study on Activation Patterns", section 7.4.
    """
    start = time.monotonic()
    arguments = Arguments.of("adversarial", network, domain, "auto", None, backend)
    limit = checked_seconds("adversarial", time_limit)
    if norm not in NORMS:
        raise InputError(f"adversarial(): no norm {norm!r}; choose one of {', '.join(NORMS)}")
    outputs = [rational(value) for value in network(x)]
    centre = tuple(rational(v) for v in np.asarray(x, dtype=object).reshape(-1).tolist())
    label = _label(outputs)
    wanted = _alternatives(network.outputs, label, target)
    stop = Stop(None if limit is None else start + limit)
    attack = _Attack(arguments.stopped_by(stop), centre, norm, stop, progress, seed)
    with interruptible(stop):
        attack.point_is_inside()
        attack.run(wanted)
    return attack.answer(label, target, start)


def _label(outputs: list[fmpq]) -> int:
    if not outputs:
        raise InputError("adversarial(): needs a network with outputs, this one has none")
    if len(outputs) == 1:
        return int(outputs[0] > 0)
    return max(range(len(outputs)), key=lambda k: (outputs[k], -k))


def _alternatives(outputs: int, label: int, target: int | None) -> list[list[tuple[int, int]]]:
    """For each way to change the class: pairs (k, j) with f_k >= f_j; -1 stands for 0."""
    classes = max(outputs, 2)
    if target is not None:
        if isinstance(target, bool) or not isinstance(target, int) or not 0 <= target < classes:
            raise InputError(
                f"adversarial(): target needs a class from 0 to {classes - 1}, got {target!r}"
            )
        if target == label:
            raise InputError(
                f"adversarial(): the point has the class {label} already; give another target"
            )
    if outputs == 1:
        return [[(-1, 0)]] if label else [[(0, -1)]]
    if target is not None:
        return [[(target, k) for k in range(outputs) if k != target]]
    return [[(k, label)] for k in range(outputs) if k != label]


class _Attack:
    """What is known, over all alternatives."""

    def __init__(
        self,
        arguments: Arguments,
        centre: ExactPoint,
        norm: str,
        stop: Stop,
        progress: Callable[[SearchProgress], None] | None,
        seed: int,
    ) -> None:
        self.arguments, self.centre, self.norm = arguments, centre, norm
        self.stop, self.progress, self.seed = stop, progress, seed
        self.begun = time.monotonic()
        self.value: fmpq | None = None  # of the best example: its norm, for l2 squared
        self.point: ExactPoint | None = None  # in the coordinates of the input
        self.lower = fmpq(0)  # proved
        self.exact = False
        self.nodes = 0
        self.searches: list[BitSearch] = []

    def point_is_inside(self) -> None:
        """Raise unless the point lies in the domain."""
        domain = self.arguments.domain
        try:
            Frame.of(domain & Ball(self.centre, 0))
        except DomainError as error:
            raise DomainError(
                f"adversarial(): needs a point of the domain {domain.spec}, got one outside; "
                "give another point or a larger domain"
            ) from error

    def run(self, alternatives: list[list[tuple[int, int]]]) -> None:
        """Every way to change the class, until the least perturbation is known."""
        networks = [with_outputs(self.arguments.network, pairs) for pairs in alternatives]
        if any(all(value >= 0 for value in network(self.centre)) for network in networks):
            self.value, self.point = fmpq(0), self.centre  # a tie at the point itself
            self.exact = True
            return
        with suppress(Stopped):
            whole = Frame.of(self.arguments.domain, self.arguments.backend, self.stop)
            for network in networks:
                self._sample(network, whole)
            while not self._ended(networks):
                pass

    def _ended(self, networks: list[Network]) -> bool:
        """Search around the point; False: an example is so much nearer that less will do."""
        backend, stop = self.arguments.backend, self.stop
        frame = Frame.of(self._domain(), backend, stop)
        pulled = [frame.pull(network) for network in networks]
        # a bound; its point may lie elsewhere
        record = Record(None if self.value is None else Candidate(self.value, ()))
        try:
            box = bounding_box(frame, stop)
        except DomainError:  # no example is known, and no box: region by region
            for network in pulled:
                goal = self._goal(network, frame, None)
                for bits in all_regions(network, frame, backend, stop):
                    record.offer(goal.leaf(bits, None))
                    if record.best is not None:  # the rest is inside a ball
                        self._offer(frame, record.best)
                        return False
            self.exact = True
            return True
        left = stop.seconds_left()
        share = TIGHTEN if left is None else min(TIGHTEN, 0.1 * left)
        known = tightened(pulled[0], frame, ranges(pulled[0], box), backend, share, stop)
        self.searches = searches = [self._open(each, frame, known, record) for each in pulled]
        before = self.value
        try:
            for search in searches:
                search.run(0)
            while waiting := [s for s in searches if not s.ended and not s.given_up]:
                least = min(waiting, key=lambda s: NOTHING if s.lower is None else s.lower)
                least.run(SLICE)
                self._offer(frame, record.best)
                if self.value is not None and (before is None or self.value < SHRUNK * before):
                    return False
        finally:
            self._offer(frame, record.best)
            self.lower = self._proved()
            self.nodes += sum(s.nodes for s in searches)
            self.searches = []
        self.exact = all(s.ended for s in searches)
        return True

    def _open(self, network: Network, frame: Frame, known: Ranges, record: Record) -> BitSearch:
        goal = self._goal(network, frame, known)
        program, columns = goal.relaxed()
        return BitSearch(
            network, known, program, columns, goal, record, self.arguments.backend, self.stop,
            self._report(record),
        )  # fmt: skip

    def _proved(self) -> fmpq:
        """At most the least perturbation, by all that is known."""
        left = [search.lower for search in self.searches if not search.ended]
        bounds = [fmpq(0) if bound is None else bound for bound in left]
        bounds += [] if self.value is None else [self.value]
        return max(self.lower, min(bounds)) if bounds else self.lower

    def _offer(self, frame: Frame, candidate: Candidate | None) -> None:
        if candidate is not None and (self.value is None or candidate.value < self.value):
            self.value, self.point = candidate.value, frame.point(candidate.point)

    def _sample(self, network: Network, frame: Frame) -> None:
        """First examples."""
        pulled = frame.pull(network)
        for candidate in first_examples(
            self._goal(pulled, frame, None), frame, self.seed, self.stop
        ):
            self._offer(frame, candidate)

    def _goal(self, pulled: Network, frame: Frame, known: Ranges | None) -> Perturbation:
        return Perturbation(
            pulled, frame, known, self.centre, self.norm, self.arguments.backend, self.stop
        )

    def _domain(self) -> Domain:
        """The domain, without what is farther away than the best example."""
        domain = self.arguments.domain
        if self.value is None:
            return domain
        radius = self.value
        if self.norm == "l2":  # at least the root
            radius = rational(_root(self.value, 1))
        return domain & Ball(self.centre, radius)

    def _report(self, record: Record) -> Callable[[fmpq | None, int, int], None]:
        def call(lower: fmpq | None, nodes: int, waiting: int) -> None:
            if self.progress is None:
                return
            low = self._float(self._proved())
            upper = None if record.best is None else self._float(record.best.value)
            spent = time.monotonic() - self.begun
            self.progress(SearchProgress(low, upper, self.nodes + nodes, waiting, spent))

        return call

    def _float(self, value: fmpq) -> float:
        return math.sqrt(nearest(value)) if self.norm == "l2" else nearest(value)

    def answer(self, label: int, target: int | None, start: float) -> Adversarial:
        """What is known now."""
        network, l2 = self.arguments.network, self.norm == "l2"
        none_exists = self.exact and self.value is None
        if none_exists:
            low = None
        elif self.exact and self.value is not None:
            low = _root(self.value, -1) if l2 else fraction(self.value)
        else:
            low = _root(self.lower, -1) if l2 else fraction(self.lower)
        high = square = pattern = hamming = reached = None
        witness = None
        if self.value is not None and self.point is not None:
            high = _root(self.value, 1) if l2 else fraction(self.value)
            square = fraction(self.value) if l2 else None
            doubles = all(rational(nearest(q)) == q for q in self.point)
            witness = (
                tuple(nearest(q) for q in self.point)
                if doubles
                else tuple(fraction(q) for q in self.point)
            )
            pattern = network.pattern(self.point)
            hamming = network.pattern(self.centre).hamming(pattern)
            outputs = [rational(v) for v in network(self.point)]
            largest = max(outputs)
            ties = [k for k, v in enumerate(outputs) if v == largest and k != label]
            reached = 1 - label if len(outputs) == 1 else (ties[0] if ties else None)
            reached = target if target is not None else reached
        return Adversarial(
            norm=self.norm,
            low=low,
            high=high,
            squared=square,
            optimal=self.exact,
            label=label,
            reached=reached,
            target=target,
            witness=witness,
            pattern=pattern,
            hamming=hamming,
            stopped=None if self.exact else (self.stop.reason() or "rounding"),
            domain=self.arguments.domain.spec,
            seconds=time.monotonic() - start,
            model=describe(network),
            stats={"nodes": self.nodes},
        )


def _root(square: fmpq, direction: int) -> float:
    """The square root as a double, rounded up or down."""
    value = math.sqrt(nearest(square))
    if not math.isfinite(value):
        return value
    while (rational(value) ** 2 - square) * direction < 0:
        value = float(np.nextafter(value, direction * np.inf))
    return max(value, 0.0)
