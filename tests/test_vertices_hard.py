"""The vertices engine where units are zero at vertices: known counts, rationals, other engines."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise, product
from math import comb

import numpy as np
import pytest

import regions
from regions.counting import by_vertices
from tests import oracle
from tests.cases import TorchCase, braid, doubled, frozen
from tests.plain import cube, feed_forward


def count(network: regions.Network, domain: regions.Domain | None = None) -> regions.Count:
    """By `vertices`, which sets no cell aside."""
    result = regions.count(network, domain, engine="vertices", workers=1)
    assert result.exact and result.stats["set_aside"] == 0
    return result


def unbiased(*widths: int) -> regions.Network:
    """Normal weights and no biases."""
    random = np.random.default_rng(sum(widths))
    layers = [(random.standard_normal((n, m)), [0] * n) for m, n in pairwise(widths)]
    return regions.Network.from_layers([*layers, (np.ones((1, widths[-1])), [0])])


def related(widths: tuple[int, ...], factor: float) -> regions.Network:
    """PyTorch's initialisation; in every layer unit 1 is `factor` times unit 0."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    layers = []
    for below, units in pairwise(widths):
        linear = torch.nn.Linear(below, units)
        weight, bias = linear.weight.detach().numpy(), linear.bias.detach().numpy()
        if units > 1:
            weight[1], bias[1] = factor * weight[0], factor * bias[0]
        layers.append((weight, bias))
    return regions.Network.from_layers(layers)


@pytest.mark.parametrize(("units", "dim"), [(9, 2), (12, 3), (10, 4), (9, 5)])
def test_generic_hyperplanes_through_the_origin(units: int, dim: int):
    """2 Σ_{i<d} C(n-1, i) (Schläfli), every one of them in the box around the origin."""
    expected = 2 * sum(comb(units - 1, i) for i in range(dim))
    assert int(count(unbiased(dim, units))) == expected


@pytest.mark.parametrize("widths", [(2, 7, 6), (3, 6, 5), (3, 4, 4, 4), (4, 9, 8)])
def test_without_biases_the_faces_of_the_box_tell(widths: tuple[int, ...]):
    """A region is a cone R.  Its part of the box's surface is an open ball, so that
    Σ (-1)^dim F over the faces F that R meets is (-1)^(d-1); on each face nothing is degenerate.
    """
    network, dim = unbiased(*widths), widths[0]
    total = 0
    for face in product((-1, 0, 1), repeat=dim):
        inner = face.count(0)
        low, high = [s or -1 for s in face], [s or 1 for s in face]
        if inner == dim:
            continue
        here = 1 if inner == 0 else int(regions.count(network, regions.Box(low, high)))
        total += (-1) ** (dim - 1 - inner) * here
    assert int(count(network)) == total


@pytest.mark.parametrize("factor", [1, 2, -2, -0.5])
@pytest.mark.parametrize("engine", ["vertices", "simplex"])
def test_units_on_one_hyperplane_follow_the_first(factor: float, engine: str):
    network = related((3, 8, 7, 1), factor)
    result = regions.count(network, engine=engine)
    assert result.stats["set_aside"] == 0
    assert int(result) == int(regions.count(network, engine="lp"))
    listed = {str(p) for batch in regions.iter_regions(network, engine=engine) for p in batch}
    assert listed == {str(p) for batch in regions.iter_regions(network, engine="lp") for p in batch}
    for pattern in listed:
        for layer in pattern.split("/"):
            assert (layer[0] == layer[1]) == (factor > 0)


@pytest.mark.parametrize("engine", ["vertices", "simplex"])
def test_dead_units_cost_nothing(engine: str):
    """A unit without weights and bias is 0 everywhere; the others are as they were."""
    network = TorchCase((3, 9, 8, 1), 0).build()
    layers = [(np.array(w.tolist()), np.array(b.tolist())) for w, b in _layers(network)]
    padded = []
    for index, (weight, bias) in enumerate(layers):
        if index:
            weight = np.insert(weight, 2, 5.0, axis=1)
        if index < len(layers) - 1:
            weight, bias = np.insert(weight, 2, 0.0, axis=0), np.insert(bias, 2, 0.0)
        padded.append((weight, bias))
    result = regions.count(regions.Network.from_layers(padded), engine=engine)
    assert (int(result), result.stats["set_aside"]) == (int(regions.count(network)), 0)


def _layers(network: regions.Network) -> list[tuple[np.ndarray, np.ndarray]]:
    every = (*network.layers, network.output)
    return [(np.asarray(m.weights[0][1].approx), np.asarray(m.bias.approx)[:, 0]) for m in every]


@pytest.mark.parametrize("dim", [2, 3, 4, 5])
def test_hyperplanes_through_corners(dim: int):
    result = count(braid(dim).build(), regions.Box.cube(dim, 0, 1))
    assert int(result) == [1, 1, 2, 6, 24, 120][dim]


def test_coinciding_forms_are_asked_for(monkeypatch: pytest.MonkeyPatch):
    """Also with room for two questions at first, and when time is up after each of them."""
    network = doubled(frozen((9, 5))).build()
    monkeypatch.setattr(by_vertices, "ASKED", 2)
    monkeypatch.setattr(by_vertices, "PATIENCE", 0.0)
    result = count(network)
    assert int(result) == 83
    assert float(str(result.stats["rational_share"])) > 0


def degenerate(seed: int) -> tuple[list[list[tuple[tuple[Fraction, ...], Fraction]]], int]:
    """Layers of small fractions, repeated, opposite, dead and unbiased units among them."""
    random = np.random.default_rng(seed)
    dim = int(random.integers(1, 4))
    layers, below = [], dim
    for _ in range(int(random.integers(1, 4))):
        scale = Fraction(1, int(random.choice([1, 2, 3, 10])))
        width = int(random.integers(1, 5))
        units = [
            (
                tuple(scale * int(w) for w in random.integers(-2, 3, below)),
                scale * int(random.integers(-2, 3)) * int(random.integers(0, 2)),
            )
            for _ in range(width)
        ]
        if width > 1 and random.random() < 0.4:
            factor = Fraction(int(random.choice([-3, -1, 1, 2])), 2)
            units[1] = tuple(factor * w for w in units[0][0]), factor * units[0][1]
        layers.append(units)
        below = width
    return layers, dim


BOXES = [(-1, 1), (0, 1), (-1, Fraction(1, 3)), (0, 2)]


@pytest.mark.parametrize("seed", range(120))
def test_degenerate_networks_equal_the_oracle(seed: int):
    layers, dim = degenerate(seed)
    network, domain = feed_forward(dim, *layers), cube(dim, *BOXES[seed % 4])
    expected = len(oracle.regions(network.layers, domain.rows, dim))
    assert int(count(network.build(), domain.build())) == expected


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1000, 4000, 100))
def test_more_degenerate_networks_equal_the_lp_engine(first: int):
    for seed in range(first, first + 100):
        layers, dim = degenerate(seed)
        network, domain = feed_forward(dim, *layers).build(), cube(dim, *BOXES[seed % 4]).build()
        expected = int(regions.count(network, domain, engine="lp", workers=1))
        assert int(count(network, domain)) == expected, seed
        assert int(regions.count(network, domain, engine="simplex", workers=1)) == expected, seed
