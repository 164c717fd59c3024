"""`estimate --method patterns`: exact shares, their interval, and what it is worth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regions import Network, Space, count, estimate
from regions.errors import InputError, RegionsError
from regions.estimating import patterns
from regions.estimating.limits import clopper_pearson
from regions.estimating.patterns import times_all
from tests import oracle
from tests.cases import braid, free_first_layer
from tests.command_line import Run
from tests.lying import LIES, LyingBackend
from tests.plain import space


@pytest.mark.parametrize(
    ("n", "share"),
    [(3, (6, 8)), (4, (24, 64)), pytest.param(5, (120, 1024), marks=pytest.mark.slow)],
)
def test_shares_of_braids(n: int, share: tuple[int, int]):
    found = estimate(braid(n).build(), Space(n), samples="all")
    assert (found.details["reachable"], found.samples) == share
    assert found.value == found.low == found.high == share[0]
    assert found.details["share"] == share[0] / share[1]
    assert "the share is exact" in found.note


def test_samples_of_a_braid():
    network = braid(4).build()
    found = estimate(network, Space(4), samples=2000, seed=5)
    assert found.low < 24 < found.high and found.samples == 2000
    assert found.value == times_all(found.details["reachable"] / 2000, 6)  # type: ignore
    assert found.details["distinct"] == 64
    ends = clopper_pearson(found.details["reachable"], 2000, 0.95)  # type: ignore
    assert (found.low, found.high) == tuple(times_all(end, 6) for end in ends)
    again = estimate(network, Space(4), samples=2000, seed=5)
    assert (again.value, again.low, again.high) == (found.value, found.low, found.high)
    assert estimate(network, Space(4), samples=2000, seed=6).value != found.value


def test_layers():
    plain = free_first_layer()
    every = estimate(plain.build(), Space(2), samples="all")
    assert every.value == len(oracle.regions(plain.layers, space(2).rows, 2)) == 28
    first = estimate(plain.build(), Space(2), samples="all", layers=1)
    assert first.value == int(count(plain.build(), Space(2), layers=1))


@pytest.mark.parametrize("lie", LIES)
def test_lies_change_nothing(lie: str):
    backend = LyingBackend(lie, share=0.7)
    found = estimate(braid(3).build(), Space(3), samples="all", backend=backend)
    assert found.value == 6


def test_wide_networks_are_hopeless():
    rng = np.random.default_rng(0)
    network = Network.from_layers(
        [(rng.standard_normal((1100, 2)), np.ones(1100)), (np.ones((1, 1100)), [0])]
    )
    found = estimate(network, samples=3)
    assert found.value == 0 and found.low == 0
    assert isinstance(found.high, int) and found.high > 2**1098
    assert "says next to nothing" in found.note


def test_all_patterns_come_in_random_order():
    """So that those decided before a limit are a sample: 000… is not always among them."""
    orders = [patterns._shuffled(10, np.random.default_rng(seed)).tolist() for seed in range(40)]
    assert all(sorted(order) == list(range(1024)) for order in orders)
    assert 5 < sum(0 in order[:512] for order in orders) < 35
    assert [patterns._bits(6, 3).tolist(), patterns._bits(1, 3).tolist()] == [[0, 1, 1], [1, 0, 0]]


def test_an_estimate_is_no_count():
    found = estimate(braid(3).build(), samples=10)
    for convert in (int, float, range):
        with pytest.raises(RegionsError, match="an estimate is no count"):
            convert(found)  # type: ignore


def test_limits():
    found = estimate(braid(3).build(), samples=100, time_limit=0)
    assert (found.value, found.samples, found.stopped) == (None, 0, "time limit")
    assert (found.low, found.high) == (0, 8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "guess"}, "no method 'guess'"),
        ({"samples": 0}, "samples needs a whole number"),
        ({"samples": "some"}, "samples needs a whole number"),
        ({"seed": -1}, "seed needs a whole number"),
        ({"confidence": 1}, "confidence needs a number"),
        ({"layers": 2}, "the network has 1 ReLU layers"),
    ],
)
def test_bad_options(options: dict[str, Any], message: str):
    with pytest.raises(InputError, match=message):
        estimate(braid(3).build(), **options)


def test_all_of_too_many():
    network = Network.from_layers([(np.eye(30), np.zeros(30)), (np.ones((1, 30)), [0])])
    with pytest.raises(InputError, match="too many to decide"):
        estimate(network, samples="all")


def test_command_line(run: Run, cross: Path):
    code, out, err = run("estimate", cross, "--method", "patterns", "--samples", "20", "--json")
    record = json.loads(out)
    assert (code, err) == (0, "")
    keys = {"value", "low", "high", "confidence", "method", "samples", "seed"}
    assert keys <= set(record)
    assert (record["value"], record["samples"]) == (4, 20)
    code, out, _ = run("estimate", cross, "--samples", "all")
    assert code == 0 and "an estimate" in out and "the share is exact" in out
    assert run("estimate", cross, "--time-limit", "0")[0] == 3
    for words in (("--samples", "x"), ("--method", "x"), ("--samples", "0")):
        code, out, err = run("estimate", cross, *words)
        assert (code, out) == (2, "") and err.startswith("regions: --")
