"""Polytopes of few dimensions by their corners, in rationals: the double description method.

Slow and never wrong: it draws what floats cannot decide, and it is the referee of what they do.

Source: T. S. Motzkin, H. Raiffa, G. L. Thompson, R. M. Thrall, The double description method
(1953).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from flint import fmpq

from regions.errors import DomainError
from regions.frame import Frame
from solvers.rational import dot

Form = Sequence[fmpq]  # a_1 … a_d and the constant
FAR = fmpq(2**60)  # no side of a domain is drawn farther out


@dataclass(frozen=True)
class Corners:
    """A bounded polytope of full dimension.

    Attributes
    ----------
    points
        Its vertices.
    tight
        For each of them, the labels of the inequalities that hold with equality there.
    """

    points: tuple[tuple[fmpq, ...], ...]
    tight: tuple[frozenset[int], ...]

    @property
    def dim(self) -> int:
        """Its dimension."""
        return len(self.points[0])

    def cut(self, form: Form, label: int) -> Corners | None:
        """The part where form(u) >= 0, or None where that has no interior.

        Two vertices span an edge iff no third one is tight on all inequalities that both are tight
        on.  An inequality that only touches the polytope is noted where it does.
        """
        slope, constant = form[:-1], form[-1]
        values = [dot(slope, point) + constant for point in self.points]
        if not any(value > 0 for value in values):
            # a form that is zero everywhere cuts nothing
            return None if any(values) else self
        points, tight = [], []
        for point, labels, value in zip(self.points, self.tight, values, strict=True):
            if value >= 0:
                points.append(point)
                tight.append(labels if value > 0 else labels | {label})
        for i, low in enumerate(values):
            if low >= 0:
                continue
            for j, high in enumerate(values):
                if high <= 0 or not self.is_edge(i, j):
                    continue
                share = high / (high - low)
                ends = zip(self.points[j], self.points[i], strict=True)
                points.append(tuple(q + share * (p - q) for q, p in ends))
                tight.append((self.tight[i] & self.tight[j]) | {label})
        return Corners(tuple(points), tuple(tight))

    def is_edge(self, i: int, j: int) -> bool:
        """Whether the segment between two vertices is an edge."""
        common = self.tight[i] & self.tight[j]
        if len(common) < self.dim - 1:
            return False
        return not any(common <= other for k, other in enumerate(self.tight) if k != i and k != j)


def outline(frame: Frame) -> Corners:
    """The domain in its own coordinates; its sides have the labels -1, -2, ….

    The sides are those of `side_forms`.

    Raises
    ------
    DomainError
        If it is unbounded, or reaches farther than 2^60.
    """
    dim = frame.dim
    far = len(side_forms(frame))
    box = Corners(
        tuple(tuple(FAR * s for s in signs) for signs in product((-1, 1), repeat=dim)),
        tuple(
            frozenset(-1 - far - 2 * k - (s > 0) for k, s in enumerate(signs))
            for signs in product((-1, 1), repeat=dim)
        ),
    )
    found: Corners | None = box
    for index, form in enumerate(side_forms(frame)):
        if found is not None:
            found = found.cut(form, -1 - index)
    if found is None or any(label < -far for labels in found.tight for label in labels):
        raise DomainError(
            "a drawing needs a bounded domain, this one is unbounded or reaches farther than "
            "2^60; intersect it with a box"
        )
    return found


def side_forms(frame: Frame) -> list[tuple[fmpq, ...]]:
    """The sides of a domain as forms that are >= 0 in it."""
    result = []
    for j, (low, high) in enumerate(zip(frame.lower, frame.upper, strict=True)):
        for bound, sign in ((low, 1), (high, -1)):
            if bound is not None:
                form = [fmpq(0)] * (frame.dim + 1)
                form[j], form[-1] = fmpq(sign), -sign * bound
                result.append(tuple(form))
    for index, limit in enumerate(frame.limits):
        form = [fmpq(0)] * frame.dim + [limit]
        cols, values = frame.rows.row(index)
        for j, value in zip(cols.tolist(), values, strict=True):
            form[j] = -value
        result.append(tuple(form))
    return result


def ring(corners: Corners) -> list[int]:
    """The vertices of a polygon in counter-clockwise order."""
    order = _cycle(range(len(corners.points)), corners.is_edge)
    a, b, c = (corners.points[i] for i in order[:3])
    turn = (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0])
    return order if turn > 0 else order[::-1]


def faces(corners: Corners) -> list[tuple[frozenset[int], list[int]]]:
    """The facets of a polyhedron: the labels that vanish on each, and its vertices in order."""
    found: dict[frozenset[int], set[int]] = {}
    for label in frozenset().union(*corners.tight):
        members = frozenset(i for i, labels in enumerate(corners.tight) if label in labels)
        found.setdefault(members, set()).add(label)
    maximal = [m for m in found if len(m) >= corners.dim and not any(m < other for other in found)]
    return sorted(
        ((frozenset(found[m]), _cycle(sorted(m), corners.is_edge)) for m in maximal),
        key=lambda face: min(face[0]),
    )


def _cycle(members: Sequence[int], is_edge) -> list[int]:
    """The members along the closed path of edges that visits them all."""
    order = [members[0]]
    rest = list(members[1:])
    while rest:
        following = next(i for i in rest if is_edge(order[-1], i))
        rest.remove(following)
        order.append(following)
    return order


def polygon_area(corners: Corners) -> fmpq:
    """The area of a polygon."""
    points = [corners.points[i] for i in ring(corners)]
    following = points[1:] + points[:1]
    pairs = zip(points, following, strict=True)
    return sum((p[0] * q[1] - p[1] * q[0] for p, q in pairs), fmpq(0)) / 2
