"""`straight`: the regions along a segment or a ray, in order, exactly."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from flint import fmpq

from regions.constraints import Bounds, Constraints, Span, unbounded
from regions.counting.api import describe
from regions.counting.tree import Stop
from regions.domain_base import Domain, Intersection
from regions.domain_flats import Segment
from regions.errors import DomainError, RegionsError
from regions.frame import Frame
from regions.graph.endpoints import Point, coordinates, point_inside, point_of
from regions.graph.path import Path
from regions.graph.pieces import Pieces, pieces_of
from regions.network import Network
from regions.number_text import write_vector
from regions.pattern import Pattern
from solvers.exact_matrix import ExactMatrix
from solvers.exact_simplex import Stopped
from solvers.rational import dot, fraction


@dataclass(frozen=True, eq=False)
class Ray(Domain):
    """The points p0 + t (p1 - p0), t >= 0."""

    p0: Point
    p1: Point

    @property
    def dim(self) -> int:
        """The number of inputs."""
        return len(self.p0)

    @property
    def spec(self) -> str:
        """``ray:P0,P1``, which the command line does not read."""
        return f"ray:{write_vector(self.p0)},{write_vector(self.p1)}"

    def constraints(self) -> Constraints:
        """One span of one coordinate, at least 0."""
        column = np.array([b - a for a, b in zip(self.p0, self.p1, strict=True)], dtype=object)
        span = Span(self.p0, ExactMatrix.column(column), (fmpq(0),), (None,))
        return Constraints(unbounded(self.dim), unbounded(self.dim), span=(span,))

    def content(self) -> tuple[object, ...]:
        """The points."""
        return self.p0, self.p1


def straight(
    network: Network,
    start: object,
    end: object,
    domain: Domain | None = None,
    *,
    beyond: bool = False,
    time_limit: float | None = None,
) -> Path:
    """The regions that the segment from `start` to `end` passes through, in order.

    The segment {a + t (b - a) : 0 <= t <= 1} is cut into open intervals of t on each of which the
    pattern is constant; these are the regions of the network in the domain `Segment(a, b)`
    (meanings §2.5).  The breakpoints are exact rationals.  A pattern of single points is on no
    interval, and a unit that is zero on a whole interval has bit 0 there.

    Parameters
    ----------
    network
        A network in normal form.
    start, end
        Points a and b: (inputs,) numbers, each taken exactly; or patterns of regions, which stand
        for a point inside.
    domain
        Both points must lie in it, and a ray ends where it leaves it.  Without one there is no such
        limit; patterns are then looked for in the box [-1, 1]^n.
    beyond
        Follow the ray t >= 0 instead, to infinity or to the end of the domain.
    time_limit
        Give up after so many seconds.

    Raises
    ------
    DomainError
        If a point has another dimension, both are the same, or one is outside the domain.
    PatternError
        If no region has a pattern.
    RegionsError
        If the time limit came first: part of a straight path is of no use.

    Examples
    --------
    >>> network = Network.from_layers([([[1], [1]], [0, "-1/2"]), ([[2, -4], [2, -4]], [0, "-1/2"]),
    ...                                ([[2, -4]], [0])])
    >>> path = straight(network, [0], [1])
    >>> path.hamming, path.cumulative, path.steps
    (1, 3, 3)
    >>> [str(t) for t in path.breakpoints]
    ['1/4', '1/2', '3/4']
    """
    began = time.monotonic()
    stop = Stop(None if time_limit is None else began + time_limit)
    a, b = (
        point_inside(network, value, domain, stop)
        if isinstance(value, Pattern)
        else point_of(network, value, f"straight(): {name}")
        for value, name in ((start, "start"), (end, "end"))
    )
    if a == b:
        raise DomainError(
            "straight(): needs two different points, got the same one twice; the pattern of one "
            "point is network.pattern(x)"
        )
    line = Ray(a, b) if beyond else Segment(a, b)
    try:
        frame = _frame(line, domain, stop)
        origin, slope = _parameter(frame, a, b)
        _check_ends(origin, slope, frame, beyond, domain)
        pieces = pieces_of(frame.pull(network), frame.lower[0], frame.upper[0], stop)
    except Stopped as error:
        raise RegionsError(
            f"straight(): {stop.reason()} of {time_limit:g} s before the end of the line; "
            "give it more time"
        ) from error
    widths = network.widths
    order = range(len(pieces)) if slope > 0 else range(len(pieces))[::-1]
    patterns = [_pattern(widths, pieces.bits[k]) for k in order]
    points = [coordinates(frame.point((pieces.inside(k),))) for k in order]
    breakpoints = sorted(fraction(origin + slope * u) for u in pieces.breakpoints)
    cumulative = int((pieces.bits[1:] != pieces.bits[:-1]).sum())
    return Path(
        method="straight", start=patterns[0], end=patterns[-1], patterns=tuple(patterns),
        points=tuple(points), breakpoints=tuple(breakpoints), lower=cumulative, upper=cumulative,
        domain=line.spec, seconds=time.monotonic() - began, model=describe(network),
        stats={"exact_signs": pieces.exact_signs, **_unbounded(pieces)},
    )  # fmt: skip


def _frame(line: Domain, domain: Domain | None, stop: Callable[[], bool]) -> Frame:
    if domain is None:
        return Frame.of(line, None, stop)
    if domain.dim != line.dim:
        raise DomainError(
            f"straight(): the network has {line.dim} inputs, the domain {domain.spec} has "
            f"dimension {domain.dim}; give a domain of dimension {line.dim}"
        )
    try:
        frame = Frame.of(Intersection((line, domain)), None, stop)
    except DomainError as error:
        raise _outside("start", domain) from error
    if frame.dim != 1:
        raise _outside("start or the end", domain)
    return frame


def _parameter(frame: Frame, a: Point, b: Point) -> tuple[fmpq, fmpq]:
    """(α, β) with t = α + β u, where u is the coordinate of the frame."""
    direction = [q - p for p, q in zip(a, b, strict=True)]
    square = dot(direction, direction)

    def t(x: Sequence[fmpq]) -> fmpq:
        return dot(direction, [q - p for p, q in zip(a, x, strict=True)]) / square

    alpha = t(frame.point((fmpq(0),)))
    return alpha, t(frame.point((fmpq(1),))) - alpha


def _check_ends(
    origin: fmpq, slope: fmpq, frame: Frame, beyond: bool, domain: Domain | None
) -> None:
    ends: Bounds = (frame.lower[0], frame.upper[0])
    first, last = (
        None if u is None else origin + slope * u for u in ends[:: 1 if slope > 0 else -1]
    )
    assert domain is not None or (first == 0 and (beyond or last == 1))
    if domain is not None and first != 0:
        raise _outside("start", domain)
    if domain is not None and not beyond and last != 1:
        raise _outside("end", domain)


def _outside(which: str, domain: Domain) -> DomainError:
    return DomainError(
        f"straight(): the {which} is outside the domain {domain.spec}; choose points inside, or "
        "leave the domain out"
    )


def _pattern(widths: tuple[int, ...], bits: np.ndarray) -> Pattern:
    return Pattern.from_bits(np.split(bits, np.cumsum(widths)[:-1]) if widths else [])


def _unbounded(pieces: Pieces) -> dict[str, bool]:
    return {"bounded": pieces.lower is not None and pieces.upper is not None}
