"""The vertices engine: known counts, the LP engine, cells set aside, bounds."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import regions
from regions.domain_spec import parse_domain
from regions.errors import InputError
from tests.cases import TorchCase, most_regions

KNOWN = {
    (2, 128, 128, 128, 1): 20_714,
    (3, 32, 32, 32, 1): 20_724,
    (5, 20, 20, 1): 76_348,
    (2, 256, 256, 256, 1): 79_783,
    (6, 32, 1): 321_872,
    (7, 8, 8, 1): 2_502,
}


@pytest.mark.parametrize("widths", KNOWN, ids=lambda widths: "-".join(map(str, widths)))
def test_known_counts_are_exact(widths: tuple[int, ...]):
    network = TorchCase(widths, KNOWN[widths]).build()
    result = regions.count(network, engine="vertices")
    assert (result.lower, result.upper, result.engine) == (KNOWN[widths],) * 2 + ("vertices",)
    assert float(str(result.stats["rational_share"])) < 0.01


@pytest.mark.parametrize(
    ("model", "prop", "expected"), [("1_1", 3, 71_930), ("3_3", 4, 1_201)], ids=["1_1", "3_3"]
)
def test_acas_xu(shared: Path, model: str, prop: int, expected: int):
    network = regions.load(shared / "models" / f"acasxu_{model}.onnx")
    domain = parse_domain(f"vnnlib:{shared / 'models' / f'prop_{prop}.vnnlib'}", network.inputs)
    result = regions.count(network, domain)
    assert (int(result), result.engine) == (expected, "vertices")


def test_generic_problems_equal_the_lp_engine():
    random = np.random.default_rng(0)
    for _ in range(30):
        widths = [int(w) for w in random.integers(1, 7, random.integers(2, 5))]
        layers = [
            (random.standard_normal((n, m)), random.standard_normal(n) / 2)
            for m, n in pairwise(widths)
        ]
        network = regions.Network.from_layers([*layers, (np.ones((1, widths[-1])), [0])])
        domain = regions.Box.cube(widths[0], -1, "1/3")
        engine = "vertices" if len(widths) > 1 else "auto"
        fast = regions.count(network, domain, engine=engine)
        assert int(fast) == int(regions.count(network, domain, engine="lp"))


def test_a_cell_of_more_facets_than_there_is_room_for_is_set_aside():
    """70 tangents to a parabola, near its foot: one cell has them all."""
    slopes = np.arange(-35, 35) / 64
    rows = [(float(t), -1.0) for t in slopes], [-float(t * t) / 2 for t in slopes]
    layers = [rows, ([[0] * 70], [1]), ([[1]], [0])]  # the second is on
    result = regions.count(
        regions.Network.from_layers(layers), regions.Box.cube(2, -2, 2), engine="vertices"
    )
    assert int(result) == most_regions(70, 2)
    assert int(str(result.stats["set_aside"])) > 0


def test_a_limit_leaves_valid_bounds():
    network = TorchCase((2, 256, 256, 256, 1), 0).build()
    result = regions.count(network, engine="vertices", time_limit=0.0)
    assert result.stopped == "time limit"
    assert 1 <= result.lower <= 79_783 <= result.upper


def test_bounds_never_widen():
    reports = []
    network = TorchCase((6, 40, 1), 0).build()
    regions.count(network, engine="vertices", progress=reports.append, time_limit=3)
    uppers, lowers = [r.upper for r in reports], [r.lower for r in reports]
    assert uppers == sorted(uppers, reverse=True)
    assert lowers == sorted(lowers)


@pytest.mark.parametrize(
    ("inputs", "domain", "why", "instead"),
    [
        (9, regions.Box.cube(9, -1, 1), "dimension 1 to 8, this one has 9", "simplex"),
        (2, regions.Space(2), "a bounded box", "integers"),
        (
            2,
            regions.Polytope([[1, 1]], [1]) & regions.Box.cube(2, -1, 1),
            "a bounded box",
            "integers",
        ),
    ],
)
def test_what_it_cannot_take_is_said(inputs: int, domain: regions.Box, why: str, instead: str):
    network = regions.Network.from_layers(
        [(np.eye(inputs), [0] * inputs), (np.eye(inputs), [0] * inputs)]
    )
    with pytest.raises(InputError, match=why):
        regions.count(network, domain, engine="vertices")
    assert regions.count(network, domain).engine == instead
