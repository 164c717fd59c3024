"""The integer engine: degenerate problems at full speed, numbers that get too long, limits."""

from __future__ import annotations

import random
from fractions import Fraction
from itertools import pairwise, product
from math import factorial
from pathlib import Path

import numpy as np
import pytest

import regions
from regions.counting import by_integers, compiled
from regions.counting.engines import choose, refusal
from regions.counting.tree import Stop
from regions.errors import DomainError, InputError
from regions.frame import Frame
from tests import oracle
from tests.cases import (
    TorchCase,
    braid,
    carry,
    convolution,
    most_regions,
    one_norm,
    orthants,
    resonance,
    sawtooth,
    threshold,
    thresholds,
    type_b,
)
from tests.plain import PlainDomain, PlainNetwork, cube, feed_forward, one_layer, polytope, space
from tests.strategies import Problem
from tests.test_workers import Inline, chopped, problem_of


def count(network: PlainNetwork, domain: PlainDomain, **options) -> regions.Count:
    result = regions.count(network.build(), domain.build(), engine="integers", **options)
    assert result.engine == "integers"
    return result


def listed(problem: Problem, size: int | None = None) -> list[str]:
    network, domain = problem.network.build(), problem.domain.build()
    batches = regions.iter_regions(network, domain, engine="integers", batch_size=size)
    return [str(pattern) for batch in batches for pattern in batch]


def quantised(widths: tuple[int, ...], bits: int, seed: int = 0) -> regions.Network:
    """Uniform integers of so many bits and a sign."""
    rng, top = np.random.default_rng(seed), 2**bits
    layers = [
        (rng.integers(-top, top + 1, (above, below)), rng.integers(-top, top + 1, above))
        for below, above in pairwise(widths)
    ]
    return regions.Network.from_layers([*layers, (np.ones((1, widths[-1])), [0])])


# ------------------------------------------------------------------ against the oracle


def small_row(rng: random.Random, dim: int) -> tuple[int, ...]:
    return tuple(rng.randint(-2, 2) for _ in range(dim))


def small_domain(rng: random.Random, dim: int) -> PlainDomain:
    form = rng.choice(["space", "cube", "box", "half-infinite", "polytope", "cone"])
    if form == "space":
        return space(dim)
    if form == "cube":
        return cube(dim, rng.choice([-1, -2, 0]), rng.choice([1, 2, Fraction(1, 3)]))
    if form == "box":
        lower = small_row(rng, dim)
        upper = tuple(low + rng.choice([0, 1, 2, 3, 3]) for low in lower)
        return PlainDomain(dim, "box", (lower, upper))
    if form == "half-infinite":
        lower = tuple(rng.choice([None, -1, 0]) for _ in range(dim))
        upper = tuple(rng.choice([None, 1, 2]) for _ in range(dim))
        return PlainDomain(dim, "box", (lower, upper))
    levels = [0, 1, 1, 2] if form == "polytope" else [0]
    rows = [(small_row(rng, dim), rng.choice(levels)) for _ in range(rng.randint(1, 5))]
    return polytope([*rows, ((1,) * dim, 5)], dim)


def small_problem(seed: int) -> Problem:
    """Small integers and fractions in up to three layers: hyperplanes through common points."""
    rng = random.Random(seed)
    dim, depth, size = (
        rng.choice([1, 2, 2, 3, 3, 4]),
        rng.choice([1, 1, 2, 2, 3]),
        rng.randint(1, 3),
    )
    layers, below = [], dim
    for _ in range(depth):
        den = rng.choice([1, 1, 2, 4, 3])
        units = []
        for _ in range(rng.randint(1, 6 if depth < 3 else 5)):
            row = tuple(Fraction(rng.randint(-size, size), den) for _ in range(below))
            units.append((row, Fraction(rng.choice([0, 0, 1, -1, 2]), rng.choice([1, 2]))))
        layers.append(units)
        below = len(units)
    return Problem(feed_forward(dim, *layers), small_domain(rng, dim))


def assert_equals_oracle(seed: int) -> bool:
    """Count and list; whether there was anything to count."""
    problem = small_problem(seed)
    network, domain = problem.network, problem.domain
    try:
        result = count(network, domain)
    except DomainError:
        assert oracle.is_empty(domain.rows, domain.dim)
        return False
    except InputError as error:
        assert "this one is a point" in str(error)
        return False
    expected = oracle.regions(network.layers, domain.rows, network.inputs)
    assert (result.lower, result.upper) == (len(expected), len(expected)), seed
    assert result.stats["set_aside"] == 0, seed
    found = listed(problem, [1, 3, None][seed % 3])
    assert len(found) == len(expected) and set(found) == expected, seed
    return True


@pytest.mark.parametrize("block", range(6))
def test_degenerate_problems_equal_the_oracle(block: int):
    assert sum(assert_equals_oracle(50 * block + k) for k in range(50)) > 40


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20))
def test_thousands_of_degenerate_problems_equal_the_oracle(block: int):
    assert sum(assert_equals_oracle(1000 + 200 * block + k) for k in range(200)) > 160


@pytest.mark.parametrize(
    ("widths", "bits"), [((3, 6, 5), 1), ((4, 7), 2), ((2, 7, 5, 3), 1), ((5, 8, 4), 1)]
)
@pytest.mark.parametrize("domain", ["cube", "space"])
def test_integers_equal_the_lp_engine(widths: tuple[int, ...], bits: int, domain: str):
    network = quantised(widths, bits)
    where = regions.Box.cube(widths[0], -1, 1) if domain == "cube" else regions.Space(widths[0])
    result = regions.count(network, where, engine="integers")
    assert int(result) == int(regions.count(network, where, engine="lp"))
    assert result.stats["set_aside"] == 0


# ------------------------------------------------------------------ known numbers


def test_a_million_regions_of_the_resonance_arrangement():
    result = count(resonance(6), space(6))
    assert (int(result), result.stats["set_aside"]) == (1_066_044, 0)
    assert int(count(resonance(6), cube(6))) == 1_066_044


def test_threshold_functions_of_five_variables():
    assert int(count(threshold(5), space(6))) == 94_572


@pytest.mark.slow
def test_threshold_functions_of_six_variables():
    assert int(count(threshold(6), space(7))) == 15_028_134


def test_permutations_and_the_like_in_many_dimensions():
    assert int(count(braid(9), space(9))) == factorial(9)
    assert int(count(type_b(5), space(5))) == 2**5 * factorial(5)
    assert int(count(carry(6), space(6))) == factorial(7)
    assert int(count(convolution(18), space(18))) == 2**18 - 2


def tangents(units: int) -> PlainNetwork:
    """Lines y = t (x + t), tangent to a parabola: no three meet, and one cell has them all."""
    return one_layer([(t, -1) for t in range(units)], [t * t for t in range(units)])


@pytest.mark.parametrize("units", [63, 64, 65, 130])
def test_more_units_than_a_word_has_bits(units: int):
    assert int(count(tangents(units), space(2))) == most_regions(units, 2)


@pytest.mark.parametrize(("units", "aside"), [(63, 0), (64, 1), (66, 1)])
def test_a_cell_with_more_sides_than_slots_is_set_aside(units: int, aside: int):
    deep = feed_forward(2, [*tangents(units).layers[0]], [((0,) * units, 1)])
    result = count(deep, space(2))
    assert (int(result), result.stats["set_aside"]) == (most_regions(units, 2), aside)


# ------------------------------------------------------------------ numbers that are too long


@pytest.mark.parametrize(
    ("widths", "bits"), [((4, 8, 4), 9), ((3, 9, 5), 12), ((2, 9, 6), 16), ((5, 10), 14)]
)
def test_cells_of_long_numbers_are_set_aside(widths: tuple[int, ...], bits: int):
    network = quantised(widths, bits)
    expected = int(regions.count(network, engine="lp"))
    result = regions.count(network, engine="integers")
    assert (result.lower, result.upper, result.engine) == (expected, expected, "integers")
    assert int(str(result.stats["set_aside"])) > 0
    found = listed_patterns(network)
    assert len(found) == len(set(found)) == expected


def listed_patterns(network: regions.Network) -> list[str]:
    batches = regions.iter_regions(network, engine="integers")
    return [str(pattern) for batch in batches for pattern in batch]


def test_numbers_of_125_bits_are_shortened():
    """Generators that are short, though the sums that make them are not."""
    network = quantised((6, 12), 7)
    result = regions.count(network, engine="integers")
    assert int(result) == int(regions.count(network, engine="lp"))
    assert result.stats["set_aside"] == 0


def test_a_domain_of_long_numbers_is_set_aside_as_a_whole():
    rng = random.Random(0)
    rows = [(tuple(rng.randint(-(2**40), 2**40) for _ in range(3)), 2**41 + k) for k in range(6)]
    domain, network = polytope(rows, 3), orthants(3)
    result = count(network, domain)
    assert int(result) == len(oracle.regions(network.layers, domain.rows, 3)) == 8
    assert result.stats["set_aside"] == 1
    assert chopped(problem_of(network.build(), domain.build(), "integers"), random.Random(0)) == 8


# ------------------------------------------------------------------ slices, storage, limits


@pytest.mark.parametrize("name", ["saws", "norm", "long", "line"])
def test_the_smallest_slices_add_up(name: str):
    network, domain = {
        "saws": (sawtooth(3, 2).build(), cube(2, 0, 1).build()),
        "norm": (one_norm(3, 3).build(), space(3).build()),
        "long": (quantised((3, 7, 4), 12), regions.Box.cube(3, -1, 1)),
        "line": (sawtooth(4).build(), space(1).build()),
    }[name]
    expected = int(regions.count(network, domain, engine="lp"))
    for seed in range(3):
        problem = problem_of(network, domain, "integers")
        assert chopped(problem, random.Random(seed)) == expected


def test_workers_and_a_journal_count_the_same(tmp_path: Path):
    network, domain = carry(5), space(5)
    path = tmp_path / "count.journal"
    for _ in range(2):
        result = count(network, domain, workers=2, executor=Inline(), journal=path)
        assert (result.lower, result.upper) == (720, 720)
    assert int(count(sawtooth(8), space(1), workers=2)) == 258


def test_small_stores_grow(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(by_integers, "ROOM", 8)
    monkeypatch.setattr(by_integers, "FAILURES", 1)
    assert int(count(resonance(4), cube(4))) == 370
    assert int(count(sawtooth(2, 3), cube(3, 0, 1))) == 64
    network = quantised((3, 9, 5), 12)
    result = regions.count(network, engine="integers")
    assert int(result) == int(regions.count(network, engine="lp"))
    assert len(listed(Problem(braid(4), cube(4, 0, 1)), 5)) == 24


def test_storage_does_not_grow_with_the_regions(monkeypatch: pytest.MonkeyPatch):
    def grow(self: by_integers.IntegerEngine) -> None:
        raise AssertionError("more than the first room")

    monkeypatch.setattr(by_integers.IntegerEngine, "grow", grow)
    assert int(count(resonance(6), space(6))) == 1_066_044


@pytest.mark.parametrize("looks", [0, 1, 2, 3, 5, 8, 13, 30, 80])
@pytest.mark.parametrize("budget", [1, 7])
def test_a_limit_at_any_moment_leaves_true_bounds(
    looks: int, budget: int, monkeypatch: pytest.MonkeyPatch
):
    """The clock says stop at one look of many; reports narrow."""
    left = [0]

    def reason(self: Stop) -> str | None:
        left[0] -= 1
        return "time limit" if left[0] < 0 else None

    monkeypatch.setattr(compiled, "BUDGET", budget)
    monkeypatch.setattr(compiled, "SECONDS", 0.0)
    monkeypatch.setattr(compiled, "REPORT_SECONDS", 0.0)
    cases = [
        (sawtooth(3, 2).build(), cube(2, 0, 1).build(), 64),
        (carry(3).build(), space(3).build(), 24),
        (quantised((3, 9, 5), 12), regions.Box.cube(3, -1, 1), None),
    ]
    for network, domain, true in cases:
        if true is None:
            true = int(regions.count(network, domain, engine="vertices"))
        reports = []
        with monkeypatch.context() as patch:
            patch.setattr(Stop, "reason", reason)
            left[0] = looks
            result = regions.count(network, domain, engine="integers", progress=reports.append)
        assert 1 <= result.lower <= true <= result.upper
        assert result.stopped in (None, "time limit")
        lowers, uppers = [r.lower for r in reports], [r.upper for r in reports]
        assert all(low <= true <= high for low, high in zip(lowers, uppers, strict=True))
        assert lowers == sorted(lowers) and uppers == sorted(uppers, reverse=True)


def test_one_large_cell_can_be_stopped():
    """347 million regions of one layer: one node of the tree, whose sections are many."""
    result = count(resonance(7), space(7), time_limit=0.2)
    assert result.stopped == "time limit"
    assert 1 <= result.lower < 347_326_352 < result.upper


# ------------------------------------------------------------------ facets, changes of coordinates


@pytest.mark.parametrize(
    ("network", "domain", "facets"),
    [
        (braid(4), space(4), {3}),
        (type_b(3), space(3), {3}),
        (orthants(5), space(5), {5}),
        (orthants(3), cube(3), {6}),
        (thresholds(3, (-2, -Fraction(1, 2), 0, Fraction(1, 2), 1, 2)), cube(3), {6}),
        (one_layer([(0, 1), (0, 1)], [0, -1]), space(2), {1, 2}),
        (one_layer([(0, 0)], 1), space(2), {0}),
        (braid(3), cube(3, 0, 1), {4}),
    ],
    ids=["braid", "type-b", "orthants", "cubes", "grid", "strips", "plane", "simplices"],
)
def test_facets_are_known(network: PlainNetwork, domain: PlainDomain, facets: set[int]):
    found = list(regions.iter_regions(network.build(), domain.build(), engine="integers"))
    assert {int(number) for batch in found for number in batch.facets} == facets


def test_facets_equal_those_of_the_vertices_engine():
    network = quantised((3, 8, 6), 9)

    def facets(engine: str) -> dict[str, int]:
        batches = list(regions.iter_regions(network, engine=engine))
        return {
            str(pattern): int(number)
            for batch in batches
            for pattern, number in zip(batch, batch.facets, strict=True)
            if number >= 0
        }

    ours, others = facets("integers"), facets("vertices")
    shared = ours.keys() & others.keys()
    assert len(shared) > 70
    assert {key: ours[key] for key in shared} == {key: others[key] for key in shared}


def test_unimodular_coordinates_and_scaled_units_change_nothing():
    """x = U y with det U = 1, and units times powers of two, far beyond 64 bits together."""
    rng = random.Random(3)
    rows = [line for line in product((0, 1), repeat=4) if any(line)]
    shear = np.eye(4, dtype=int)
    for _ in range(6):
        i, j = rng.sample(range(4), 2)
        shear[i] += rng.choice([-1, 1]) * shear[j]
    moved = [tuple(int(v) for v in np.array(line) @ shear) for line in rows]
    factors = [Fraction(2) ** rng.randint(-200, 200) for _ in rows]
    scaled = [tuple(f * v for v in line) for f, line in zip(factors, moved, strict=True)]
    after = [tuple(Fraction(k % 3 - 1) / f for k, f in enumerate(factors, start=s)) for s in (0, 1)]
    plain = [tuple(Fraction(k % 3 - 1) for k in range(s, s + len(rows))) for s in (0, 1)]
    one = feed_forward(4, [(r, 0) for r in rows], [(r, 1) for r in plain])
    other = feed_forward(4, [(r, 0) for r in scaled], [(r, 1) for r in after])
    expected = int(count(one, space(4)))
    assert expected > 370
    assert int(count(other, space(4))) == expected


# ------------------------------------------------------------------ what it takes


def why_not(network: regions.Network, domain: regions.Domain) -> str | None:
    frame = Frame.of(domain)
    return refusal("integers", frame.pull(network), frame)


@pytest.mark.parametrize(
    ("network", "domain", "why"),
    [
        (one_layer([(1 / 3, 1.0)]).build(), regions.Space(2), "layer 1 have more than 48 bits"),
        (
            one_layer([(1, 1)]).build(),
            regions.Box.cube(2, 0, Fraction(1, 10**20)),
            "the domain's numbers have more than 48 bits",
        ),
        (orthants(13).build(), regions.Box.cube(13, -1, 1), "dimension 1 to 12, this one has 13"),
        (orthants(41).build(), regions.Space(41), "dimension 1 to 40, this one has 41"),
        (PlainNetwork(1, ((((1,), 0),), (((1, 1), 0),))).build(), regions.Space(1), "skip"),
        (
            one_layer([(1, 1)]).build(),
            polytope([((k, 1), k * k + 1) for k in range(61)], 2).build(),
            "at most 60 sides, this one has 61",
        ),
    ],
    ids=["thirds", "box", "dimension", "space", "skip", "sides"],
)
def test_what_it_cannot_take_is_said(network: regions.Network, domain: regions.Domain, why: str):
    assert why in str(why_not(network, domain))
    with pytest.raises(InputError, match="the integers engine cannot take this"):
        regions.count(network, domain, engine="integers")


def test_trained_networks_are_refused_or_left_to_the_others():
    deep = TorchCase((2, 16, 16, 1), 127).build()
    assert "may have" in str(why_not(deep, regions.Space(2))) or "more than" in str(
        why_not(deep, regions.Space(2))
    )
    for widths in ((2, 16, 16, 1), (6, 32, 1), (8, 12, 12, 1)):
        frame = Frame.of(regions.Box.cube(widths[0], -1, 1))
        chosen, _ = choose(TorchCase(widths, 0).build(), frame)
        assert chosen == ("vertices" if widths[0] <= 6 else "simplex")


@pytest.mark.parametrize(
    ("network", "domain", "chosen"),
    [
        (resonance(5), space(5), "integers"),
        (sawtooth(3), cube(1, 0, 1), "integers"),
        (braid(9), cube(9, 0, 1), "simplex"),
        (braid(9), space(9), "integers"),
        (one_layer([(2**30, 1), (1, 2**30)]), cube(2), "vertices"),
        (one_layer([(2**30, 1), (1, 2**30)]), space(2), "lp"),
    ],
    ids=["resonance", "sawtooth", "many-vertices", "few-vertices", "long", "long-space"],
)
def test_auto_takes_it_for_short_numbers(network: PlainNetwork, domain: PlainDomain, chosen: str):
    frame = Frame.of(domain.build())
    engine, why = choose(frame.pull(network.build()), frame)
    assert engine == chosen
    assert ("integers of" in why) == (chosen == "integers")
