"""Uniform points and their regions: floats and rationals agree, boundaries are decided."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given, settings

from regions import Network
from regions.counting.tree import Stop
from regions.domain import Box, Domain, Polytope, Slice, Space
from regions.errors import DomainError
from regions.estimating.uniform import Uniform
from regions.estimating.volumes import whole_volume
from regions.frame import Frame
from solvers.backend import get_backend
from tests import oracle
from tests.cases import braid, frozen
from tests.strategies import BOUNDED, Problem, problems

HIGHS = get_backend("highs")


def uniform(network: Network, domain: Domain) -> Uniform:
    return Uniform.of(network, Frame.of(domain), domain.spec, "volumes", HIGHS, Stop(None))


@given(problems(forms=BOUNDED, max_units=6))
@settings(max_examples=40)
def test_regions_at_random_points(problem: Problem):
    """Any float point of the domain: the pattern is that of a region, and the exact one inside."""
    network = problem.network.build()
    known = oracle.regions(problem.network.layers, problem.domain.rows, network.inputs)
    if not known:  # an empty domain may be refused
        return
    domain = problem.domain.build()
    if not Frame.of(domain).is_bounded_box:  # bounded by its rows alone: refused
        return
    drawn = uniform(network, domain)
    points = np.array(list(islice(drawn.points(np.random.default_rng(0)), 20)))
    for point, bits in zip(points, drawn.regions(points), strict=True):
        pattern = drawn.pattern(bits)
        assert str(pattern) in known
        x = drawn.frame.point([fmpq(*value.as_integer_ratio()) for value in point.tolist()])
        if not network.zero_units(x):
            assert pattern == network.pattern(x)


def test_points_on_boundaries_get_a_region_that_meets_there():
    network = braid(3).build()
    drawn = uniform(network, Box.cube(3, -1, 1))
    points = np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.25, -0.5, -0.5], [0.25, 0.5, -0.5]])
    texts = [str(drawn.pattern(bits)) for bits in drawn.regions(points)]
    assert set(texts) <= oracle.regions(braid(3).layers, [], 3)
    assert texts[3] == "011"
    assert texts[1].endswith("11") and texts[2].startswith("11")


def test_floats_that_underflow_decide_nothing():
    tiny = 2.0**-600
    network = Network.from_layers([([[tiny]], [0]), ([[tiny]], [-(2.0**-1074)]), ([[1]], [0])])
    assert network.underflow
    drawn = uniform(network, Box.cube(1, 0, 1))
    bits = drawn.regions(np.array([[0.5], [0.25]]))
    assert bits.tolist() == [[1, 0], [1, 0]]  # 2^-1200 is smaller than 2^-1074


def test_points_fill_a_polytope_evenly():
    """The triangle x, y >= 0, x + y <= 1: a quarter of its points has x + y <= 1/2."""
    triangle = Box([0, 0], [1, 1]) & Polytope([[1, 1]], [1])
    drawn = uniform(frozen((4,)).build(), triangle)
    points = np.array(list(islice(drawn.points(np.random.default_rng(0)), 4000)))
    assert (points > 0).all() and (points.sum(axis=1) <= 1).all()
    assert abs((points.sum(axis=1) <= 0.5).mean() - 0.25) < 0.03
    assert whole_volume(drawn.frame) == fmpq(1, 2)


def test_points_of_a_flat_domain_lie_in_it():
    plane = Slice([0, 0, 1], [1, 0, 0], [0, 1, 0]) & Box.cube(3, 0, 1)  # x + y + z = 1
    drawn = uniform(Network.from_layers([(np.eye(3), [0] * 3), (np.ones((1, 3)), [0])]), plane)
    for u in islice(drawn.points(np.random.default_rng(0)), 20):
        x = drawn.frame.point([fmpq(*value.as_integer_ratio()) for value in u.tolist()])
        assert sum(x, fmpq(0)) == 1 and min(x) >= 0


def test_domains_that_cannot_be_drawn_from():
    network = braid(3).build()
    with pytest.raises(DomainError, match="needs bounds on every coordinate"):
        uniform(network, Space(3))
    needle = Box.cube(3, 0, 1) & Polytope([[1, -1, 0], [-1, 1, 0]], [2.0**-40, 0])
    with pytest.raises(DomainError, match="too few to draw from"):
        next(uniform(network, needle).points(np.random.default_rng(0)))
