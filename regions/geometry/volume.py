"""The volume of a polytope from its vertices, as a rational.

A triangulation without new points: the pyramids over the faces of a face that do not contain its
first vertex, again and again.  Each simplex has the volume |det (x₀, x)| / (d! Π x₀).

Source: B. Büeler, A. Enge, K. Fukuda, Exact volume computation for polytopes, 2000, section 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import factorial

from flint import fmpq, fmpz_mat

from regions.figures import Certain, exactly, root, times
from regions.geometry.body import Body
from solvers.skeleton import Skeleton, TooLarge, ones

MOST_SIMPLICES = 60_000


def volume(body: Body, skeleton: Skeleton, limit: int = MOST_SIMPLICES) -> Certain:
    """The d-dimensional volume of a bounded body, within its hull.

    It is rational where the hull's coordinates are inputs; elsewhere a root of the Gram determinant
    comes in.

    Raises
    ------
    TooLarge
        If the triangulation has more simplices than `limit`.

    Examples
    --------
    >>> from regions.domain import Box
    >>> from regions.network import Network
    >>> from regions.pattern import Pattern
    >>> network = Network.from_layers([([[1, 1]], [-1]), ([[2]], [0])])
    >>> body = Body.of(network, Pattern.parse("0"), Box.cube(2, 0, 1))
    >>> volume(body, Skeleton.of(2, [body.exact(i) for i in (0, 2, 4)]))
    Fraction(1, 2)
    """
    if not body.dim:
        return Fraction(1)
    total = exactly(lattice_volume(skeleton, limit))
    if body.gram is None:
        return total
    return times(total, root(1 / body.gram.det()))


def lattice_volume(skeleton: Skeleton, limit: int = MOST_SIMPLICES) -> fmpq:
    """The volume over u of a bounded polytope of full dimension."""
    rays = skeleton.rays
    simplices = triangulation(skeleton.vertex_sets(), len(rays), skeleton.dim, limit)
    size = skeleton.dim + 1
    terms = []
    for simplex in simplices:
        entries = [x for k in simplex for x in rays[k]]
        determinant = abs(fmpz_mat(size, size, entries).det())
        scale = rays[simplex[0]][0]
        for k in simplex[1:]:
            scale *= rays[k][0]
        terms.append(fmpq(determinant, scale))
    return total(terms) / factorial(skeleton.dim)


def total(terms: Sequence[fmpq]) -> fmpq:
    """The sum, in pairs, so that numerators stay short for as long as possible."""
    sums = list(terms) or [fmpq(0)]
    while len(sums) > 1:
        pairs = [a + b for a, b in zip(sums[::2], sums[1::2], strict=False)]
        sums = pairs + ([sums[-1]] if len(sums) % 2 else [])
    return sums[0]


def triangulation(facets: Sequence[int], number: int, dim: int, limit: int) -> list[list[int]]:
    """Simplices (dim + 1 vertices each) of a polytope, from the vertex sets of its facets.

    >>> sorted(triangulation([0b0011, 0b0110, 0b1100, 0b1001], 4, 2, 10))
    [[2, 1, 0], [3, 2, 0]]
    """
    known: dict[int, list[list[int]]] = {}
    made = 0

    def simplices(face: int, size: int) -> list[list[int]]:
        nonlocal made
        if face in known:
            return known[face]
        if size == 0:
            return [ones(face)]
        apex = face & -face
        found = [
            [*simplex, apex.bit_length() - 1]
            for part in subfaces(face, facets)
            if not part & apex
            for simplex in simplices(part, size - 1)
        ]
        made += len(found)
        if made > 4 * limit or len(found) > limit:
            raise TooLarge
        known[face] = found
        return found

    return simplices((1 << number) - 1, dim)


def subfaces(face: int, facets: Sequence[int]) -> list[int]:
    """The faces of one dimension less, as vertex sets: the largest proper intersections."""
    parts = sorted({face & other for other in facets} - {face, 0}, key=int.bit_count, reverse=True)
    found: list[int] = []
    for part in parts:
        if not any(part & larger == part for larger in found):
            found.append(part)
    return found
