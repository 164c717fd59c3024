"""The simplex engine without dictionaries, as it works where coordinates outnumber rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings

import regions
from regions.counting import by_simplex
from regions.counting.by_simplex import is_wide
from tests import oracle
from tests.plain import cube
from tests.strategies import BOUNDED, Problem, problems
from tests.test_compiled_domains import assert_oracle, why_not
from tests.test_simplex import CENTRAL, KNOWN, asides, generic, on_polytope


@pytest.fixture(autouse=True)
def everything_is_wide(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(by_simplex, "is_wide", lambda rows, dim: True)


def test_what_is_wide_by_itself():
    assert is_wide(22, 784)
    assert is_wide(80, 100)
    assert not is_wide(200, 100)  # more rows than coordinates
    assert not is_wide(20, 128)  # small dictionaries


@pytest.mark.parametrize("widths", KNOWN, ids=lambda widths: "-".join(map(str, widths)))
def test_known_counts_are_exact(widths: tuple[int, ...]):
    torch = pytest.importorskip("torch")
    from tests.cases import TorchCase

    assert torch
    result = regions.count(TorchCase(widths, KNOWN[widths]).build(), engine="simplex")
    assert (result.lower, result.upper) == (KNOWN[widths],) * 2
    assert asides(result) <= 2


@pytest.mark.parametrize("name", CENTRAL)
def test_arrangements_that_a_large_box_contains(name: str):
    network, expected = CENTRAL[name]
    result = regions.count(network.build(), cube(network.inputs, -20, 21).build(), engine="simplex")
    assert (result.lower, result.upper) == (expected, expected)


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("seed", range(40))
def test_polytopes_equal_the_oracle(seed: int, double: bool):
    problem = on_polytope(seed, double)
    network, domain = problem.network, problem.domain
    expected = len(oracle.regions(network.layers, domain.rows, network.inputs))
    result = regions.count(network.build(), domain.build(), engine="simplex")
    assert (result.lower, result.upper) == (expected, expected)
    assert double or asides(result) <= 2


@given(problems(BOUNDED))
@settings(deadline=None)
def test_small_networks_equal_the_oracle(problem: Problem):
    assume(not oracle.is_empty(problem.domain.rows, problem.domain.dim))
    assume(why_not(problem, "simplex") is None)
    assert_oracle(problem, "simplex")


@pytest.mark.parametrize("widths", [(60, 7, 5), (200, 8, 4), (300, 4, 4, 3)])
def test_many_inputs_equal_dictionaries(widths: tuple[int, ...], monkeypatch: pytest.MonkeyPatch):
    network = generic(np.random.default_rng(len(widths)), *widths)
    domain = regions.Box.cube(widths[0], -1, 1)
    wide = regions.count(network, domain, engine="simplex")
    assert wide.exact
    assert asides(wide) <= 2
    monkeypatch.setattr(by_simplex, "is_wide", lambda rows, dim: False)
    assert regions.count(network, domain, engine="simplex").lower == wide.lower


def test_trained_like_networks_with_unused_inputs():
    """Weights of zero, and coordinates that no unit sees, leave ties everywhere."""
    random = np.random.default_rng(5)
    first = random.integers(-2, 3, (6, 40)) / 4.0
    first[:, 20:] = 0.0
    second = random.integers(-2, 3, (5, 6)) / 4.0
    layers = [(first, random.integers(-2, 3, 6) / 4.0), (second, random.integers(-2, 3, 5) / 4.0)]
    network = regions.Network.from_layers([*layers, ([[1.0] * 5], [0.0])])
    domain = regions.Box.cube(40, -1, 1)
    expected = regions.count(network, domain, engine="lp")
    assert expected.exact
    result = regions.count(network, domain, engine="simplex")
    assert (result.lower, result.upper) == (expected.lower, expected.upper)


def test_listed_points_lie_in_their_regions():
    network = generic(np.random.default_rng(2), 50, 6, 5)
    domain = regions.Box.cube(50, -1, 1)
    seen = set()
    for batch in regions.iter_regions(network, domain, engine="simplex"):
        for row in range(len(batch)):
            assert network.pattern(batch.point(row)) == batch.pattern(row)
            seen.add(batch.pattern(row))
    assert len(seen) == regions.count(network, domain, engine="simplex").lower
