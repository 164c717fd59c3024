"""Figures of a bounded body from its vertices: exact, in low dimension.

Directions are forms c over x; over u the form is Bᵀc, and its norm is that of its part in the hull.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import combinations

import numpy as np
from flint import arb, ctx, fmpq

from regions.figures import Certain, Interval, bounds, exactly, root
from regions.geometry.body import Body
from solvers.exact_simplex import Row
from solvers.rational import dot, nearest, rational
from solvers.skeleton import Skeleton, TooLarge, ones

PRECISION = 200
MOST_PAIRS = 4_000  # differences of vertices whose polar is computed

Point = tuple[fmpq, ...]


@dataclass(frozen=True, eq=False)
class Vertices:
    """The vertices of a bounded body; the rows of the skeleton are its facets.

    Examples
    --------
    >>> from regions.domain import Box
    >>> from regions.network import Network
    >>> from regions.pattern import Pattern
    >>> network = Network.from_layers([([[1, 0]], [2]), ([[2]], [0])])
    >>> body = Body.of(network, Pattern.parse("1"), Box([0, 0], [3, 4]))
    >>> found = Vertices(body, Skeleton.of(2, [body.exact(i) for i in range(4)]))
    >>> found.diameter(), found.min_l2(), found.width([fmpq(1), fmpq(1)])
    (Fraction(5, 1), Fraction(3, 1), Fraction(7, 1))
    """

    body: Body
    skeleton: Skeleton

    @cached_property
    def coordinates(self) -> list[Point]:
        """Over u."""
        return self.skeleton.vertices()

    @cached_property
    def points(self) -> list[Point]:
        """Over x."""
        return [self.body.point(u) for u in self.coordinates]

    def width(self, direction: Sequence[fmpq]) -> Fraction:
        """The width max c·x - min c·x."""
        values = [dot(direction, x) for x in self.points]
        return exactly(max(values) - min(values))

    def axis(self) -> list[Fraction]:
        """The widths along the inputs."""
        columns = zip(*self.points, strict=True)
        return [exactly(max(column) - min(column)) for column in columns]

    def diameter(self) -> Certain:
        """The largest distance between two points."""
        points = self.points
        if len(points) < 2:
            return Fraction(0)
        # floats, relative to one vertex, name the pairs that may be farthest apart
        first = points[0]
        shifted = np.array(
            [[nearest(a - p) for a, p in zip(x, first, strict=True)] for x in points]
        )
        squares = ((shifted[:, None, :] - shifted[None, :, :]) ** 2).sum(axis=2)
        pairs = np.argwhere(np.triu(squares >= squares.max() * (1 - 1e-9), 1))
        best = fmpq(0)
        for i, j in pairs.tolist():
            step = [a - b for a, b in zip(points[i], points[j], strict=True)]
            best = max(best, dot(step, step))
        return root(best)

    # -- the least Euclidean width -----------------------------------------------------------

    def min_l2(self) -> Certain:
        """The least width over all directions of Euclidean norm 1.

        {c : w(c) <= 1} is the polar of P - P, the polytope {c : c·(v - w) <= 1 for all vertices},
        and the least width is 1 / max ‖c‖ over its vertices: the distance of 0 to the nearest facet
        of P - P.  In the plane the widths across the edges are enough.

        Raises
        ------
        TooLarge
            If there are too many vertices for that.
        """
        if self.body.dim == 1:
            return self.diameter()
        if self.body.dim == 2:
            return root(min(self._across(k) for k in range(len(self.skeleton.rows) - 1)))
        points = self.coordinates
        if len(points) * (len(points) - 1) > MOST_PAIRS:
            raise TooLarge
        differences = {
            tuple(a - b for a, b in zip(v, w, strict=True))
            for v in points
            for w in points
            if v is not w
        }
        far_first = sorted(differences, key=lambda d: (-nearest(dot(d, d)), d))
        rows: list[tuple[Row, fmpq]] = [
            ({j: -q for j, q in enumerate(difference) if q}, fmpq(1)) for difference in far_first
        ]
        polar = Skeleton.of(self.body.dim, rows, limit=MOST_PAIRS)
        largest = max(
            self.body.squared_norm_of({j: q for j, q in enumerate(c) if q})
            for c in polar.vertices()
        )
        return root(1 / largest)

    def narrow(self) -> float:
        """An upper bound of the least Euclidean width: that across the facets."""
        return min(bounds(root(self._across(k)))[1] for k in range(len(self.skeleton.rows) - 1))

    def _across(self, facet: int) -> fmpq:
        """The square of the width across a facet."""
        whole = self.skeleton.rows[facet + 1]
        constant, slope = whole[0], whole[1:]
        row = {j: fmpq(a) for j, a in enumerate(slope) if a}
        highest = max(dot(map(fmpq, slope), u) + constant for u in self.coordinates)
        return highest**2 / self.body.squared_norm_of(row)

    # -- mean width --------------------------------------------------------------------------

    def mean_width(self) -> Certain | None:
        """The mean of the width over all directions, where there is a formula; else None.

        The length for d = 1; perimeter / π for d = 2; for d = 3, Σ ℓ θ / 4π over the edges, of
        length ℓ and exterior angle θ; for a box with sides a_j in any dimension, Σ a_j times the
        mean of |c_1|.

        Source: R. Schneider, Convex Bodies: The Brunn-Minkowski Theory (2014), sections 1.7, 4.2.
        """
        dim = self.body.dim
        if dim == 0:
            return Fraction(0)
        if dim == 1:
            return self.diameter()
        if dim in (2, 3):
            return self._by_edges()
        return self._of_box()

    def _by_edges(self) -> Interval:
        before, ctx.prec = ctx.prec, PRECISION
        try:
            total = arb(0)
            for first, second, tight in self._edges():
                step = [a - b for a, b in zip(self.points[first], self.points[second], strict=True)]
                length = arb(dot(step, step)).sqrt()
                total += length if self.body.dim == 2 else length * self._exterior(tight)
            total /= arb.pi() * (1 if self.body.dim == 2 else 4)
            return enclosing(total)
        finally:
            ctx.prec = before

    def _edges(self) -> list[tuple[int, int, list[int]]]:
        """(vertex, vertex, facets through both) for every edge."""
        tight = self.skeleton.tight
        found = []
        for i, j in combinations(range(len(tight)), 2):
            common = tight[i] & tight[j] & ~1
            if common.bit_count() >= self.body.dim - 1 and not any(
                other & common == common for k, other in enumerate(tight) if k not in (i, j)
            ):
                found.append((i, j, [k - 1 for k in ones(common)]))
        return found

    def _exterior(self, facets: list[int]) -> arb:
        """The angle between the normals of the two facets at an edge."""
        first, second = (
            {j: fmpq(a) for j, a in enumerate(self.skeleton.rows[k + 1][1:]) if a} for k in facets
        )
        both = {j: first.get(j, fmpq(0)) + second.get(j, fmpq(0)) for j in {*first, *second}}
        p, q = self.body.squared_norm_of(first), self.body.squared_norm_of(second)
        inner = (self.body.squared_norm_of(both) - p - q) / 2
        # atan2(|first × second|, first·second): well behaved at all angles
        return arb.atan2(arb(p * q - inner**2).sqrt(), arb(inner))

    def _of_box(self) -> Interval | None:
        dim = self.body.dim
        rows = self.skeleton.rows[1:]
        if self.body.gram is not None or any(sum(map(bool, row[1:])) != 1 for row in rows):
            return None
        before, ctx.prec = ctx.prec, PRECISION
        try:
            sides = sum(self.axis(), Fraction(0))
            half = arb(dim) / 2
            mean = half.gamma() / (arb.pi().sqrt() * (half + arb(1) / 2).gamma())  # of |c_1|
            return enclosing(mean * arb(rational(sides)))
        finally:
            ctx.prec = before


def enclosing(ball: arb) -> Interval:
    """Doubles around a ball."""
    low, high = float(ball.lower()), float(ball.upper())
    return Interval(math.nextafter(low, -math.inf), math.nextafter(high, math.inf))
