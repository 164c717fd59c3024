"""What part of a plane is drawn, and the points that it was laid through."""

from __future__ import annotations

from collections.abc import Sequence

from flint import fmpq

from regions.domain import Domain, Intersection, Polytope, Slice
from regions.errors import DomainError
from regions.exact_input import exact_number
from regions.frame import Frame
from solvers.rational import dot, nearest

WINDOW = ("-1/2", "3/2")  # around the points at 0 and 1 of a slice
SMALLEST = fmpq(1, 2**40)  # side of a window


def windowed(domain: Domain, window: Sequence[object] = WINDOW) -> Domain:
    """A slice alone becomes the window low <= s, t <= high of it; other domains stay as they are.

    With x = p0 + s·(p1 - p0) + t·(p2 - p0) and D the matrix of the two directions, (s, t) is
    (DᵀD)⁻¹Dᵀ(x - p0) for x in the plane, so that the window is a polytope of four rows.

    Raises
    ------
    DomainError
        If the window is no interval.

    Examples
    --------
    >>> from regions.domain import Slice
    >>> windowed(Slice([0, 0], [1, 0], [0, 2]), (0, 1)).spec
    'slice:[0,0],[1,0],[0,2] & polytope:[[-1,0],[1,0],[0,-0.5],[0,0.5]],[0,1,0,1]'
    """
    low, high = (exact_number(value, "the window") for value in window)
    if not high - low >= SMALLEST:
        raise DomainError(
            f"the window needs a lower end below its upper end, got {low} and {high}; "
            "-0.5,1.5 shows the three points and what is around them"
        )
    if not isinstance(domain, Slice):
        return domain
    origin = domain.points[0]
    first, second = directions(domain)
    aa, ab, bb = dot(first, first), dot(first, second), dot(second, second)
    determinant = aa * bb - ab * ab
    rows: list[list[fmpq]] = []
    limits: list[fmpq] = []
    for left, right in ((bb, -ab), (-ab, aa)):
        row = [(left * p + right * q) / determinant for p, q in zip(first, second, strict=True)]
        shift = dot(row, origin)
        rows += [[-a for a in row], row]
        limits += [-(low + shift), high + shift]
    return domain & Polytope(rows, limits)


def directions(plane: Slice) -> tuple[list[fmpq], list[fmpq]]:
    """The two directions of a slice."""
    origin, *others = plane.points
    first, second = ([a - b for a, b in zip(p, origin, strict=True)] for p in others)
    return first, second


def slice_marks(domain: Domain, frame: Frame) -> dict[str, tuple[float, float]]:
    """Where the three points of a slice are, if the frame's coordinates are the slice's own."""
    parts = domain.parts if isinstance(domain, Intersection) else (domain,)
    planes = [part for part in parts if isinstance(part, Slice)]
    if len(planes) != 1 or frame.dim != 2 or frame.origin != planes[0].points[0]:
        return {}
    basis = frame.basis.dense()
    if [basis[:, 0].tolist(), basis[:, 1].tolist()] != list(directions(planes[0])):
        return {}
    places = {"P0": (fmpq(0), fmpq(0)), "P1": (fmpq(1), fmpq(0)), "P2": (fmpq(0), fmpq(1))}
    return {
        name: (nearest(place[0]), nearest(place[1]))
        for name, place in places.items()
        if _holds(frame, place)
    }


def _holds(frame: Frame, point: Sequence[fmpq]) -> bool:
    for value, low, high in zip(point, frame.lower, frame.upper, strict=True):
        if (low is not None and value < low) or (high is not None and value > high):
            return False
    return all(
        dot(row, point) <= limit
        for row, limit in zip(frame.rows.dense().tolist(), frame.limits, strict=True)
    )
