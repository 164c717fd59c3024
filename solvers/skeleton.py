"""The vertices and directions of a polyhedron, exactly, by the double description method.

{u : a_i·u + β_i >= 0} is the slice x₀ = 1 of the cone {(x₀, x) : x₀ >= 0, β_i x₀ + a_i·x >= 0}.
The cone is the sum of a linear space, spanned by *lines*, and of its extreme *rays* modulo lines.
Rays with x₀ > 0 are vertices (if there are no lines), those with x₀ = 0 directions in which the
polyhedron is unbounded.  Rows are added one by one; a new ray lies between two adjacent ones on
different sides, and two are adjacent iff no third lies on all the rows on which both lie.  That
holds for any cone, simple or not.

Source: K. Fukuda and A. Prodon, Double description method revisited, 1996.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from flint import fmpq, fmpz

Vector = list[fmpz]  # x₀, then x; coprime
ZERO = fmpz(0)


class TooLarge(Exception):
    """There are more generators than the caller wants to wait for."""


@dataclass(eq=False)
class Skeleton:
    """Generators of the cone over a polyhedron in dimension `dim`.

    Attributes
    ----------
    rows
        Homogeneous integer rows in the order in which they were added; row 0 is x₀ >= 0.
    lines, rays
        Primitive integer vectors.
    tight
        For each ray, a bit set of the rows on which it lies.
    limit
        More rays than this raise `TooLarge`.

    Examples
    --------
    >>> one = fmpq(1)
    >>> square = [({0: one}, one), ({0: -one}, one), ({1: one}, one), ({1: -one}, one)]
    >>> found = Skeleton.of(2, square)
    >>> sorted(found.vertices()), found.is_bounded
    ([(-1, -1), (-1, 1), (1, -1), (1, 1)], True)
    """

    dim: int
    limit: int = 20_000
    stop: Callable[[], bool] | None = None
    rows: list[Vector] = field(default_factory=list)
    lines: list[Vector] = field(default_factory=list)
    rays: list[Vector] = field(default_factory=list)
    tight: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        size = self.dim + 1
        self.lines = [[fmpz(int(i == j)) for j in range(size)] for i in range(size)]
        self._add(self.lines[0][:])

    @staticmethod
    def of(
        dim: int,
        rows: Sequence[tuple[Mapping[int, fmpq], fmpq]],
        limit: int = 20_000,
        stop: Callable[[], bool] | None = None,
    ) -> Skeleton:
        """Of the rows (a_i as a dictionary, β_i), added in this order."""
        found = Skeleton(dim, limit, stop)
        for row, constant in rows:
            found.add(row, constant)
        return found

    def add(self, row: Mapping[int, fmpq], constant: fmpq) -> None:
        """Cut with a·u + β >= 0."""
        scale = constant.q
        for value in row.values():
            scale = scale.lcm(value.q)
        whole = [ZERO] * (self.dim + 1)
        whole[0] = constant.p * (scale // constant.q)
        for j, value in row.items():
            whole[j + 1] = value.p * (scale // value.q)
        self._add(_primitive(whole))

    # -- what it is ------------------------------------------------------------------------

    @property
    def is_empty(self) -> bool:
        """Whether the polyhedron has no point."""
        return all(not ray[0] for ray in self.rays)

    @property
    def is_bounded(self) -> bool:
        """Whether the polyhedron is bounded (an empty one is)."""
        return self.is_empty or (not self.lines and all(ray[0] for ray in self.rays))

    def vertices(self) -> list[tuple[fmpq, ...]]:
        """The vertices; of a polyhedron with lines, none."""
        if self.lines:
            return []
        return [tuple(fmpq(x, ray[0]) for x in ray[1:]) for ray in self.rays if ray[0]]

    def vertex_sets(self) -> list[int]:
        """For each row but x₀ >= 0, the bit set of the vertices on it (numbered as `vertices`)."""
        sets = [0] * len(self.rows)
        number = 0
        for ray, tight in zip(self.rays, self.tight, strict=True):
            if not ray[0]:
                continue
            for i in ones(tight):
                sets[i] |= 1 << number
            number += 1
        return sets[1:]

    def facets(self) -> list[int]:
        """The rows, counted from 0 as they were added, that are facets.

        The polyhedron has full dimension, and no two rows say the same.  Its faces are the
        sets of rays on rows; a facet is contained in no larger one.
        """
        sets = [0] * len(self.rows)
        for k, tight in enumerate(self.tight):
            for i in ones(tight):
                sets[i] |= 1 << k
        found = []
        for i in range(1, len(sets)):
            mine = sets[i]
            # with lines alone on it the set is empty, and still a facet if no row has rays
            larger = (mine & other == mine and mine != other for other in sets)
            if not any(larger) and self._spans(mine):
                found.append(i - 1)
        return found

    def _spans(self, rays: int) -> bool:
        """Whether there are enough rays for a face of dimension dim - 1."""
        return rays.bit_count() >= self.dim - len(self.lines)

    # -- the algorithm ---------------------------------------------------------------------

    def _add(self, row: Vector) -> None:
        if self.stop is not None and self.stop():
            from solvers.exact_simplex import Stopped

            raise Stopped
        bit = 1 << len(self.rows)
        self.rows.append(row)
        pivot = next((k for k, line in enumerate(self.lines) if _dot(row, line)), None)
        if pivot is not None:
            self._split_line(row, pivot, bit)
            return
        values = [_dot(row, ray) for ray in self.rays]
        above = [k for k, value in enumerate(values) if value > 0]
        below = [k for k, value in enumerate(values) if value < 0]
        for k, value in enumerate(values):
            if not value:
                self.tight[k] |= bit
        if not below:
            return
        made: list[tuple[Vector, int]] = []
        rank = self.dim + 1 - len(self.lines)
        for i in above:
            for j in below:
                common = self.tight[i] & self.tight[j]
                if common.bit_count() >= rank - 2 and self._are_adjacent(i, j, common, rank):
                    made.append((self._between(values, i, j), common | bit))
            if len(made) + len(self.rays) > 2 * self.limit:
                raise TooLarge
        kept = [k for k, value in enumerate(values) if value >= 0]
        self.rays = [self.rays[k] for k in kept] + [ray for ray, _ in made]
        self.tight = [self.tight[k] for k in kept] + [tight for _, tight in made]
        if len(self.rays) > self.limit:
            raise TooLarge

    def _split_line(self, row: Vector, pivot: int, bit: int) -> None:
        """A line that crosses the row becomes a ray; all else is projected along it."""
        line = self.lines.pop(pivot)
        value = _dot(row, line)
        if value < 0:
            line, value = [-x for x in line], -value
        self.lines = [_projected(other, _dot(row, other), line, value) for other in self.lines]
        self.rays = [_projected(other, _dot(row, other), line, value) for other in self.rays]
        self.tight = [tight | bit for tight in self.tight]
        self.rays.append(line)
        self.tight.append(bit - 1)  # a line lies on all rows so far

    def _are_adjacent(self, i: int, j: int, common: int, rank: int) -> bool:
        # on a simple ray the rows are independent, and so are any rank - 2 of them
        if min(self.tight[i].bit_count(), self.tight[j].bit_count()) == rank - 1:
            return True
        return not any(
            tight & common == common and k != i and k != j for k, tight in enumerate(self.tight)
        )

    def _between(self, values: list[fmpz], i: int, j: int) -> Vector:
        a, b = values[i], -values[j]
        return _primitive([b * x + a * y for x, y in zip(self.rays[i], self.rays[j], strict=True)])


def ones(bits: int) -> list[int]:
    """The places of the ones of a bit set.

    >>> ones(0b1011)
    [0, 1, 3]
    """
    places = []
    while bits:
        low = bits & -bits
        places.append(low.bit_length() - 1)
        bits ^= low
    return places


def _dot(row: Vector, ray: Vector) -> fmpz:
    total = ZERO
    for a, x in zip(row, ray, strict=True):
        if a and x:
            total += a * x
    return total


def _projected(vector: Vector, value: fmpz, line: Vector, slope: fmpz) -> Vector:
    """The point of vector + (the line) where the row is zero."""
    if not value:
        return vector
    return _primitive([slope * x - value * y for x, y in zip(vector, line, strict=True)])


def _primitive(vector: Vector) -> Vector:
    common = ZERO
    for value in vector:
        common = common.gcd(value)
        if common == 1:
            return vector
    return [value // common for value in vector] if common else vector
