"""`estimate --method rays|slices`: densities against closed forms and the exact side."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from regions import Network, count, estimate
from regions.counting.tree import Stop
from regions.domain import Box, Domain, Polytope, Slice
from regions.errors import InputError
from regions.estimating import densities
from regions.estimating.densities import Sections, crossing_factor, cut
from regions.estimating.truth import density
from regions.estimating.uniform import Uniform
from regions.frame import Frame
from solvers.backend import get_backend
from tests import oracle
from tests.cases import braid, frozen, sawtooth
from tests.strategies import BOUNDED, Problem, problems

HIGHS = get_backend("highs")


def one_unit(*weights: int, bias: Any = 0) -> Network:
    return Network.from_layers([([list(weights)], [bias]), ([[1]], [0])])


def exactly(network: Network, domain: Domain, method: str) -> float:
    value, why = density(network, domain, method, None, "highs", Stop(None))
    assert value is not None, why
    return value


def test_mean_of_a_coordinate_of_a_direction():
    """E|u_1| by simulation in 5 dimensions, and the recursion c_d c_(d+1) = 2 / (π d)."""
    for d in range(1, 9):
        assert crossing_factor(d) * crossing_factor(d + 1) == pytest.approx(2 / (math.pi * d))
    way = np.random.default_rng(0).standard_normal((200_000, 5))
    mean = np.abs(way[:, 0] / np.linalg.norm(way, axis=1)).mean()
    assert mean == pytest.approx(crossing_factor(5), rel=0.01)


def test_exact_densities_of_one_hyperplane():
    """x = 0 cuts squares and cubes; x + y = 0 the square in its diagonal."""
    square, cube = Box.cube(2, -1, 1), Box.cube(3, -1, 1)
    assert exactly(one_unit(1, 0), square, "rays") == pytest.approx(2 / math.pi * 2 / 4)
    diagonal = 2 / math.pi * 2 * math.sqrt(2) / 4
    assert exactly(one_unit(1, 1), square, "rays") == pytest.approx(diagonal)
    assert exactly(one_unit(1, 0, 0), cube, "rays") == pytest.approx(4 / 8 / 2)
    assert exactly(one_unit(1, 0), square, "slices") == 2 / 4
    # two boxes of sides 1, 2, 2: the mean width of a box is half the sum of its sides
    assert exactly(one_unit(1, 0, 0), cube, "slices") == pytest.approx(2 * 2.5 / 8)
    # the hexagon x + y + z = 0 in the cube has the area 3√3, and Σ x_i = 0 in [-1,1]^4 16/3 · 2
    assert exactly(one_unit(1, 1, 1), cube, "rays") == pytest.approx(3 * math.sqrt(3) / 8 / 2)
    four = crossing_factor(4) * (32 / 3) / 16
    assert exactly(one_unit(1, 1, 1, 1), Box.cube(4, -1, 1), "rays") == pytest.approx(four)


def test_exact_densities_in_one_dimension():
    """The sawtooth has 2^L - 1 breakpoints on (0, 1)."""
    assert exactly(sawtooth(4).build(), Box.cube(1, 0, 1), "rays") == pytest.approx(15)
    found = estimate(sawtooth(4).build(), Box.cube(1, 0, 1), method="rays")
    assert found.value == found.low == found.high == pytest.approx(15)
    assert found.confidence == 1 and found.quantity == "boundaries per unit length"


@given(problems(forms=BOUNDED, max_units=4))
@settings(max_examples=15)
def test_the_exact_density_of_lines_is_that_of_the_boundaries(problem: Problem):
    """Twice as large a domain, half the density; a network without units, none."""
    network = problem.network.build()
    if not oracle.regions(problem.network.layers, problem.domain.rows, network.inputs):
        return
    domain = problem.domain.build()
    frame = Frame.of(domain)
    if not frame.dim or not frame.is_bounded_box:  # bounded by its rows alone: refused
        return
    value = exactly(network, domain, "rays")
    assert value >= 0
    assert (value == 0) == (int(count(network, domain)) == 1)


def test_flat_domains_have_their_own_lengths():
    """x = y in the plane x + y + z = 1 of the unit cube: a triangle of side √2 and its median."""
    plane = Slice([0, 0, 1], [1, 0, 0], [0, 1, 0]) & Box.cube(3, 0, 1)
    network = one_unit(1, -1, 0)
    area, median = math.sqrt(3) / 2, math.sqrt(3 / 2)
    value = 2 / math.pi * median / area
    assert exactly(network, plane, "rays") == pytest.approx(value)
    assert exactly(network, plane, "slices") == pytest.approx(2 / area)
    found = estimate(network, plane, method="rays", samples=400, confidence=0.999)
    assert found.low < value < found.high and found.high - found.low < 0.3 * value
    again = estimate(network, plane, method="slices")
    assert again.value == pytest.approx(2 / area)


@pytest.mark.parametrize(
    ("network", "domain"),
    [
        (frozen((4, 4)).build(), Box.cube(2, -1, 1)),
        (braid(3).build(), Box([0, 0, 0], [1, 2, 1])),
        (one_unit(1, 1, 1, bias=-1), Box.cube(3, 0, 1) & Polytope([[1, 1, 0]], [1])),
    ],
    ids=["plane", "box", "polytope"],
)
def test_lines_meet_the_exact_density(network: Network, domain: Domain):
    value = exactly(network, domain, "rays")
    found = estimate(network, domain, method="rays", samples=200, confidence=0.9999)
    assert found.low < value < found.high
    assert found.high - found.low < 0.8 * value


def test_planes_meet_the_exact_density():
    network, box = braid(3).build(), Box([0, 0, 0], [1, 2, 1])
    value = exactly(network, box, "slices")
    found = estimate(network, box, method="slices", samples=60, confidence=0.9999)
    assert found.low < value < found.high and found.quantity == "regions per unit area"
    assert "not a number of regions" in found.note


def test_lines_in_many_dimensions_go_through_points(monkeypatch: pytest.MonkeyPatch):
    """Both ways of drawing lines and planes have the same mean."""
    network, box = braid(3).build(), Box.cube(3, -1, 1)
    value = exactly(network, box, "rays")
    for most, bias in ((2, "none"), (3, "small, of the order of 1 / samples")):
        monkeypatch.setattr(densities, "ISOTROPIC_DIM", {1: most, 2: most})
        found = estimate(network, box, method="rays", samples=200, confidence=0.9999)
        assert found.details["bias"] == bias and found.low < value < found.high


def test_thin_domains_are_cut_through_their_points(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(densities, "MOST_MISSES", 3)
    needle = Box([0, 0, 0], [1, 2.0**-30, 2.0**-30])
    network = one_unit(1, 0, 0, bias=-0.5)
    monkeypatch.setattr(densities, "ISOTROPIC_DIM", {1: 3, 2: 3})
    uniform = Uniform.of(network, Frame.of(needle), "", "rays", HIGHS, Stop(None))
    found = Sections()
    cut(uniform, 1, 3, 0, found)
    assert found.weighted and len(found) == 3


def test_domains_too_small_for_planes():
    with pytest.raises(InputError, match="needs a domain of dimension 2 or more, got 1"):
        estimate(sawtooth(2).build(), method="slices")


def test_no_exact_value():
    value, why = density(one_unit(1, 0, 0, 0), None, "slices", None, "highs", Stop(None))
    assert value is None and why == "no formula in 4 dimensions"
    value, why = density(one_unit(1, 0), None, "rays", None, "highs", Stop(0.0))
    assert value is None and why == "a limit came first"
