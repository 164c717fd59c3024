"""`Cell`: the closed cell of a pattern, against forward passes at rational points."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regions.cell import Cell, Side, Unit
from regions.domain import Ball, Box, Polytope, Segment, Slice, Space
from regions.errors import DomainError, PatternError
from regions.network import Network
from regions.pattern import Pattern
from solvers.proofs import Farkas, Interior, NoInterior
from solvers.rational import nearest, rational, rationals
from tests import naive, oracle
from tests.plain import PlainDomain
from tests.strategies import Problem, problems

F = Fraction
STEPS = st.sampled_from([F(0), F(1), F(-1), F(1, 2), F(-1, 3), F(2), F(1, 2**41), F(-1, 2**60)])
LEVELS = st.sampled_from([F(0), F(1), F(-1), F(1, 2), F(-3, 2), F(1, 3)])


def in_domain(plain: PlainDomain, x: list[F]) -> bool:
    return all(naive.dot(a, x) <= b for a, b in plain.rows)


def agrees(network: Network, pattern: Pattern, x: list[F]) -> bool:
    """Whether every pre-activation at x is weakly on the side of its bit."""
    before, _ = naive.forward(network, x)
    return all(
        value >= 0 if bit else value <= 0
        for z, bits in zip(before, pattern.layers(), strict=True)
        for value, bit in zip(z, bits.tolist(), strict=True)
    )


def some_points(data: st.DataObject, cell: Cell, count: int) -> list[list[F]]:
    """Points of the domain's hull, and points anywhere."""
    inner = naive.vector(cell.frame.interior)
    result = []
    for _ in range(count):
        u = rationals([w + data.draw(STEPS) for w in inner]).tolist()
        result.append(naive.vector(cell.frame.point(u)))
        result.append([data.draw(LEVELS) for _ in cell.frame.origin])
    return result


def cell_of(problem: Problem, pattern: Pattern, network: Network) -> Cell | None:
    try:
        return Cell.of(network, pattern, problem.domain.build())
    except DomainError:
        assert oracle.is_empty(problem.domain.rows, problem.domain.dim)
        return None


# ----------------------------------------------------------------------- against brute force


@given(problems(max_units=6), st.data())
def test_membership_equals_the_forward_pass(problem: Problem, data: st.DataObject):
    """x is in the cell iff it is in the domain and no pre-activation is on the wrong side."""
    network = problem.network.build()
    at = [data.draw(LEVELS) for _ in range(network.inputs)]
    pattern = network.pattern(at)
    cell = cell_of(problem, pattern, network)
    if cell is None:
        return
    hull = len(cell.frame.origin) - cell.frame.dim
    assert len(cell.hull[0]) == len(cell.hull[1]) == hull
    for x in [at, *some_points(data, cell, 3)]:
        inside = in_domain(problem.domain, x) and agrees(network, pattern, x)
        assert cell.contains(x) == inside
        if in_domain(problem.domain, x) and network.pattern(x) == pattern:
            assert inside
            assert not cell.attained_nowhere
            weight, bias = naive.table(cell.weight), naive.table(cell.bias)
            values = [naive.dot(w, x) + b[0] for w, b in zip(weight, bias, strict=True)]
            assert values == naive.forward(network, x)[1]


@given(problems(max_units=5, max_layers=2), st.data())
def test_cells_of_any_pattern(problem: Problem, data: st.DataObject):
    """Also of patterns that no point has: rows, origins and emptiness against the oracle."""
    network = problem.network.build()
    bits = [data.draw(st.lists(st.integers(0, 1), min_size=w, max_size=w)) for w in network.widths]
    pattern = Pattern.from_bits(bits)
    cell = cell_of(problem, pattern, network)
    if cell is None:
        return
    check_rows(network, cell)
    rows = [oracle.row(naive.vector(r.coefficients), naive.exact(r.limit)) for r in cell.rows]
    equations = [
        oracle.row([sign * naive.exact(a) for a in row], sign * naive.exact(value))
        for row, value in zip(*cell.hull, strict=True)
        for sign in (1, -1)
    ]
    attained = str(pattern) in oracle.patterns(
        problem.network.layers, problem.domain.rows, problem.domain.dim
    )
    point = oracle.solve(rows + equations, problem.domain.dim)
    if attained:
        assert point is not None
        assert not cell.attained_nowhere
    if point is not None:
        assert cell.contains(point)
        assert in_domain(problem.domain, list(point))
        assert agrees(network, pattern, list(point))
    for x in some_points(data, cell, 2):
        assert cell.contains(x) == (in_domain(problem.domain, x) and agrees(network, pattern, x))


def check_rows(network: Network, cell: Cell) -> None:
    """Unit rows are the composed pre-activations, signed; none of those that vanish is there."""
    bits = cell.pattern.layers()
    directions = naive.table(cell.frame.basis.transpose())
    expected, nowhere = [], False
    for position, layer_bits in enumerate(bits, start=1):
        forms = naive.forms(network, bits, position)
        for unit, bit in enumerate(layer_bits.tolist()):
            a, c = forms[unit]
            on_hull = [naive.dot(a, d) for d in directions] + [naive.value((a, c), naive.vector(
                cell.frame.origin))]  # fmt: skip
            if not any(on_hull):
                nowhere |= bit == 1
                continue
            sign = -1 if bit else 1
            expected.append((Unit(position, unit, bit), [sign * v for v in a], -sign * c))
    units = [row for row in cell.rows if isinstance(row.origin, Unit)]
    got = [(r.origin, naive.vector(r.coefficients), naive.exact(r.limit)) for r in units]
    assert got == expected
    assert cell.attained_nowhere == nowhere
    sides = cell.rows[: len(cell.rows) - len(units)]
    assert all(isinstance(row.origin, Side) for row in sides)
    assert cell.origins == tuple(row.origin for row in cell.rows)
    assert cell.A.shape == (len(cell.rows), len(cell.frame.origin))
    assert cell.b.shape == (len(cell.rows),)
    for i, row in enumerate(cell.rows):
        assert cell.A[i].tolist() == [nearest(a) for a in row.coefficients]
        assert cell.b[i] == nearest(row.limit)
    assert not cell.A.flags.writeable
    assert not cell.b.flags.writeable


@given(problems(max_units=3, max_layers=1), st.data())
def test_hull_equations_describe_the_hull(problem: Problem, data: st.DataObject):
    network = problem.network.build()
    pattern = Pattern.from_bits([[0] * w for w in network.widths])
    cell = cell_of(problem, pattern, network)
    if cell is None:
        return
    equations, values = cell.hull
    dim = network.inputs
    assert len(oracle._solutions([(naive.vector(e), 0) for e in equations], dim)[0]) - 1 == (
        cell.frame.dim
    )  # independent
    u = rationals([data.draw(LEVELS) for _ in range(cell.frame.dim)]).tolist()
    x = cell.frame.point(u)
    assert [naive.dot(e, x) for e in equations] == naive.vector(values)
    where = cell.polyhedron()
    assert (list(where.E), list(where.e)) == (equations, values)
    assert [list(row) for row in where.A] == [list(row.coefficients) for row in cell.rows]
    assert list(where.b) == [row.limit for row in cell.rows]


# -------------------------------------------------------------------------------- by example

CROSS = Network.from_layers([([[1, 0], [0, 1]], [0, 0]), ([[1, 1]], [0])])


def test_sides_come_first_and_are_named():
    domain = Box([-1, 0], [1, float("inf")]) & Polytope([[1, 1], [1, -1]], [5, "1/3"])
    cell = Cell.of(CROSS, Pattern.parse("10"), domain)
    assert [str(getattr(o, "name", o)) for o in cell.origins[:-2]] == [
        "lower bound of input 0",
        "upper bound of input 0",
        "lower bound of input 1",
        "polytope row 0",
        "polytope row 1",
    ]
    assert cell.origins[-2:] == (Unit(1, 0, 1), Unit(1, 1, 0))
    assert cell.A.tolist() == [[-1, 0], [1, 0], [0, -1], [1, 1], [1, -1], [-1, 0], [0, 1]]
    assert cell.b.tolist() == [1, 1, 0, 5, 1 / 3, 0, 0]
    assert cell.rows[4].limit == rational("1/3")


def test_ends_of_segments_are_rows():
    cell = Cell.of(CROSS, Pattern.parse("11"), Segment([-1, -1], [3, 1]))
    sides = {o.name: r for o, r in zip(cell.origins, cell.rows, strict=True) if isinstance(o, Side)}
    assert set(sides) == {"start of segment 1", "end of segment 1"}
    for x, start, end in (([-1, -1], 0, 1), ([3, 1], 1, 0), ([1, 0], F(1, 2), F(1, 2))):
        for name, slack in (("start of segment 1", start), ("end of segment 1", end)):
            row = sides[name]
            assert naive.exact(row.limit) - naive.dot(row.coefficients, x) == slack
    assert cell.contains([2, "1/2"])
    assert not cell.contains([5, 2])  # beyond the end
    assert not cell.contains([2, 1])  # beside the line
    assert not cell.contains([0, "-1/2"])  # the bit of the second unit


def test_a_flat_domain_keeps_its_hull():
    cell = Cell.of(CROSS, Pattern.parse("10"), Slice([0, 0], [1, 0], [0, 1]))
    assert cell.hull == ([], [])
    flat = Cell.of(CROSS, Pattern.parse("10"), Box([-1, "-1/3"], [1, "-1/3"]))
    assert flat.frame.dim == 1
    assert flat.hull == ([[0, 1]], [rational("-1/3")])
    assert flat.contains([1, F(-1, 3)])
    assert not flat.contains([1, -0.3333333333333333])
    point = Cell.of(CROSS, Pattern.parse("11"), Ball([1, 2], 0))
    assert point.frame.dim == 0
    assert point.contains([1, 2])
    assert not point.contains([1, F(2) + F(1, 10**50)])


def test_units_that_vanish_on_the_hull():
    """On the line x = y the unit x - y is zero: bit 0 says nothing, bit 1 is attained nowhere."""
    network = Network.from_layers([([[1, -1], [1, 0]], [0, 0]), ([[1, 1]], [0])])
    line = Segment([-1, -1], [1, 1])
    off, on = Cell.of(network, Pattern.parse("01"), line), Cell.of(network, Pattern.parse("11"),
                                                                    line)  # fmt: skip
    assert Unit(1, 0, 0) not in off.origins
    assert Unit(1, 0, 1) not in on.origins
    assert not off.attained_nowhere
    assert on.attained_nowhere
    assert off.contains([0.5, 0.5])
    assert on.contains([0.5, 0.5])  # the closed cell, which is larger than nothing
    everywhere = Cell.of(network, Pattern.parse("11"), Space(2))
    assert not everywhere.attained_nowhere
    assert Unit(1, 0, 1) in everywhere.origins


def test_a_constant_unit_that_is_not_zero_keeps_its_row():
    """z = 1 with bit 0 reads 0·x <= -1: no point."""
    network = Network.from_layers([([[0], [1]], [1, 0]), ([[1, 1]], [0])])
    empty = Cell.of(network, Pattern.parse("01"), Box.cube(1, -1, 1))
    assert not empty.contains([0.5])
    index = empty.origins.index(Unit(1, 0, 0))
    assert (empty.A[index].tolist(), empty.b[index]) == ([0], -1)
    assert Farkas({index: rational(1)}).verify(empty.polyhedron())
    full = Cell.of(network, Pattern.parse("11"), Box.cube(1, -1, 1))
    assert full.contains([0.5])


def test_proofs_are_checked_against_the_polyhedron():
    cell = Cell.of(CROSS, Pattern.parse("11"), Box.cube(2, -1, 1))
    assert Interior(rationals(["1/2", "1/2"]).tolist()).verify(cell.polyhedron())
    assert not Interior(rationals(["1/2", "0"]).tolist()).verify(cell.polyhedron())
    touching = Cell.of(CROSS, Pattern.parse("11"), Box([-1, -1], [0, 1]))
    upper, unit = touching.origins.index(Side("upper bound of input 0")), touching.origins.index(
        Unit(1, 0, 1))  # fmt: skip
    proof = {upper: rational(1), unit: rational(1)}
    assert NoInterior(proof).verify(touching.polyhedron())
    assert not Farkas(proof).verify(touching.polyhedron())
    assert touching.contains([0, 0.5])


def test_exact_rows_survive_the_rounding_of_the_shown_ones():
    network = Network.from_layers([([["1/3"]], ["-1/7"]), ([[1]], [0])])
    cell = Cell.of(network, Pattern.parse("1"), Box.cube(1, 0, 1))
    row = cell.rows[-1]
    assert (row.coefficients, row.limit) == ((rational("-1/3"),), rational("-1/7"))
    assert cell.contains(["3/7"])
    assert not cell.contains([F(3, 7) - F(1, 10**40)])


# -------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("pattern", "domain", "error", "text"),
    [
        ("1", Box.cube(2, 0, 1), PatternError, r"has layers of \(2,\) units, got \(1,\)"),
        ("1*", Box.cube(2, 0, 1), PatternError, "needs a full pattern, got one with don't-cares"),
        ("11", Box.cube(3, 0, 1), DomainError,
         r"Cell.of\(\): the network has 2 inputs, the domain box:0,1 has dimension 3; give a "
         "domain of dimension 2"),
        ("11", Box.cube(2, 0, 1) & Polytope([[1, 1]], [-1]), DomainError, "is empty"),
    ],
)  # fmt: skip
def test_cell_errors(pattern: str, domain: Any, error: type, text: str):
    with pytest.raises(error, match=text):
        Cell.of(CROSS, Pattern.parse(pattern), domain)


@pytest.mark.parametrize("x", [[1], [1, 2, 3]])
def test_contains_needs_a_point_of_the_input(x: list):
    cell = Cell.of(CROSS, Pattern.parse("11"), Box.cube(2, 0, 1))
    with pytest.raises(DomainError, match=f"a point here has 2 coordinates, got {len(x)}"):
        cell.contains(x)


def test_contains_reads_arrays_of_any_shape():
    cell = Cell.of(CROSS, Pattern.parse("11"), Box.cube(2, 0, 1))
    assert cell.contains(np.array([[0.5], [0.5]]))
    assert not cell.contains(np.array([[0.5, 1.5]]))
