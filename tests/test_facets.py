"""Facets and neighbours of cells, against brute force over exact rows and all regions."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given, settings

from regions.domain import Domain
from regions.errors import DomainError
from regions.geometry.body import Body
from regions.geometry.centred import Centred
from regions.geometry.facets import Facets, facets
from regions.geometry.neighbours import neighbours
from regions.network import Network
from regions.pattern import Pattern
from solvers.backend import get_backend
from tests import naive, oracle
from tests.strategies import Problem, problems

F = Fraction
HIGHS = get_backend("highs")


def facets_of(body: Body, method: str = "programs") -> Facets:
    return facets(Centred.of(body, body.interior), HIGHS, method=method)


def body_of(network: Network, pattern: str, domain: Domain) -> Body:
    return Body.of(network, Pattern.parse(pattern), domain)


def plain_rows(body: Body) -> list[tuple[list[Fraction], Fraction]]:
    """The rows over u as a·u <= b, in fractions."""
    rows = []
    for index in range(len(body)):
        row, constant = body.exact(index)
        dense = [-naive.exact(row.get(j, 0)) for j in range(body.dim)]
        rows.append((dense, naive.exact(constant)))
    return rows


def same_row(first: oracle.Row, second: oracle.Row) -> bool:
    return first[:2] == second[:2]  # both are scaled to coprime integers


def brute_force_facets(body: Body) -> dict[int, tuple[int, ...]]:
    """Row i is a facet iff a point violates it and satisfies all different rows strictly."""
    rows = [oracle.row(a, b, strict=True) for a, b in plain_rows(body)]
    found = {}
    for i, here in enumerate(rows):
        same = [k for k, other in enumerate(rows) if same_row(here, other)]
        if same[0] != i:
            continue
        beyond = oracle.row([-a for a in here[0]], -here[1], strict=True)
        others = [other for other in rows if not same_row(here, other)]
        if oracle.solve([beyond, *others], body.dim) is not None:
            found[i] = tuple(same)
    return found


@given(problems(max_units=6, max_inputs=3))
@settings(max_examples=40)
def test_facets_and_neighbours_equal_brute_force(problem: Problem):
    """On every region: the facets by exact rows; neighbours are regions, and see each other."""
    network = problem.network.build()
    try:
        domain = problem.domain.build()
        domain.constraints()
    except DomainError:
        return
    patterns = oracle.regions(problem.network.layers, problem.domain.rows, problem.network.inputs)
    across: set[tuple[str, str]] = set()
    for text in sorted(patterns):
        body = body_of(network, text, domain)
        found = facets_of(body)
        assert found.complete
        assert found == facets_of(body, "vertices")
        assert {f.row: f.rows for f in found.facets} == brute_force_facets(body)
        for beyond in neighbours(body, found):
            other = str(beyond.pattern)
            assert other in patterns and other != text
            assert body.pattern.hamming(beyond.pattern) == len(beyond.flipped)
            across.add((text, other))
        inner = [facet for facet in found.facets if not facet.sides]
        assert len(inner) == len(neighbours(body, found))
    assert across == {(b, a) for a, b in across}
    assert across == adjacent_pairs(problem, network, domain, patterns)


def adjacent_pairs(
    problem: Problem, network: Network, domain: Domain, patterns: set[str]
) -> set[tuple[str, str]]:
    """Pairs of regions whose closed cells meet in dimension d - 1, by brute force."""
    cells = {text: plain_rows(body_of(network, text, domain)) for text in sorted(patterns)}
    pairs = set()
    for a in cells:
        for b in cells:
            dim = body_of(network, a, domain).dim
            meeting = oracle.relative_interior(cells[a] + cells[b], dim)
            if a != b and meeting is not None and dim:
                coordinates, _ = meeting
                if len(coordinates[0]) - 1 == dim - 1:
                    pairs.add((a, b))
    return pairs
