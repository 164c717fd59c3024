"""`output_range`: known ends, small networks pattern by pattern, lies, limits, command line."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from regions import Box, Network, Space, output_range
from regions.errors import DomainError, InputError
from regions.query import bit_search
from tests import oracle
from tests.cases import free_first_layer, sawtooth
from tests.command_line import Run
from tests.extremes import contains, output_form, pattern_rows
from tests.lying import LIES, LyingBackend
from tests.plain import PlainDomain, PlainNetwork, cube, feed_forward, space
from tests.strategies import Problem, problems

HUGE = 10**9


def check(plain: PlainNetwork, domain: PlainDomain, **options: Any) -> None:
    """Both ends of every output are attained, and no pattern has anything beyond."""
    network, where = plain.build(), domain.build()
    patterns = oracle.patterns(plain.layers, domain.rows, plain.inputs)
    sides = [oracle.row(a, b) for a, b in domain.rows]
    for found in output_range(network, where, **options):
        assert found.exact
        for end, sign in ((found.minimum, 1), (found.maximum, -1)):
            value = end.low if end.bounded else Fraction(-sign * HUGE)
            assert value is not None
            beyond = [
                oracle.solve([*sides, *pattern_rows(network, p), _below(network, p, found, sign,
                value)], network.inputs) for p in patterns
            ]  # fmt: skip
            if not end.bounded:
                assert end.low is end.high is None
                assert any(point is not None for point in beyond)
                continue
            assert end.low == end.high == network(end.witness)[found.output]
            assert end.witness is not None and contains(domain, end.witness)
            assert all(point is None for point in beyond)


def _below(network: Any, pattern: str, found: Any, sign: int, value: Fraction) -> oracle.Row:
    """± output < ± value."""
    a, c = output_form(network, pattern, found.output)
    return oracle.row([sign * q for q in a], sign * (value - c), strict=True)


@settings(max_examples=max(40, settings().max_examples // 3))
@given(problems(max_units=6))
def test_random_networks(problem: Problem):
    if not oracle.is_empty(problem.domain.rows, problem.domain.dim):
        check(problem.network, problem.domain)


@pytest.mark.parametrize("layers", [1, 2, 3, 5])
def test_sawtooth(layers: int):
    """The last sawtooth, 2u - 4v, takes exactly the values of [0, 1] on [0, 1]."""
    units = sawtooth(layers).layers
    last = (0,) * (1 + 2 * (layers - 1)) + (2, -4)
    network = PlainNetwork(1, units, ((last, 0),)).build()
    (found,) = output_range(network, Box.cube(1, 0, 1))
    assert (found.minimum.low, found.maximum.high) == (0, 1)
    assert found.exact


def test_many_branches(monkeypatch: pytest.MonkeyPatch):
    """|x1| + |x2| + |x3|, whose relaxation is loose; the largest value is at the corners."""
    plain = feed_forward(
        3, [(tuple(s * (i == j) for i in range(3)), 0) for j in range(3) for s in (1, -1)]
    )
    check(plain, cube(3))
    check(plain, space(3))
    monkeypatch.setattr(bit_search, "CLOSING", 0)  # nothing is spent on rounding
    (found,) = output_range(plain.build(), Box.cube(3, -1, 1))
    assert found.minimum.low is not None and found.minimum.low <= 0 <= found.maximum.high  # type: ignore


@pytest.mark.parametrize("lie", LIES)
def test_lies_change_nothing(lie: str):
    check(free_first_layer(), cube(2), backend=LyingBackend(lie, share=0.7))


def test_limits_leave_bounds():
    rng = np.random.default_rng(0)
    sizes = ((40, 8), (40, 40), (40, 40), (1, 40))
    network = Network.from_layers(
        [(rng.standard_normal(s), rng.standard_normal(s[0])) for s in sizes]
    )
    (found,) = output_range(network, time_limit=3)
    low, high = found.minimum, found.maximum
    assert not found.exact and found.stopped == "time limit"
    assert low.low is not None and low.high is not None and low.low < low.high
    assert high.low is not None and high.high is not None and high.low < high.high
    values = network.evaluate(rng.uniform(-1, 1, (1000, 8)))
    assert float(low.low) <= values.min() and values.max() <= float(high.high)
    assert network(low.witness)[0] == low.high and network(high.witness)[0] == high.low


def test_no_time_and_no_units():
    network = free_first_layer().build()
    (found,) = output_range(network, time_limit=0)
    known: Any = output_range(network)[0]
    for end, right in ((found.minimum, known.minimum), (found.maximum, known.maximum)):
        assert not end.exact and end.low is not None and end.high is not None
        assert end.low <= right.low == right.high <= end.high  # intervals bound it at once
    assert found.stopped == "time limit"
    (found,) = output_range(network, Space(2), time_limit=0)
    assert found.minimum.bounded is None and found.maximum.bounded is None
    plain = Network.from_layers([([[1, -2], [0, 0]], ["1/3", 5])])
    first, second = output_range(plain)
    assert (first.minimum.low, first.maximum.high) == (Fraction(-8, 3), Fraction(10, 3))
    assert (second.minimum.low, second.maximum.high) == (5, 5)


def test_bad_input():
    network = free_first_layer().build()
    with pytest.raises(InputError, match="the outputs 0 to 0, got 1"):
        output_range(network, outputs=[1])
    with pytest.raises(DomainError, match="the network has 2 inputs"):
        output_range(network, Space(3))


def test_command_line(run: Run, cross: Path):
    code, out, _ = run("range", cross)
    assert code == 0 and "output 0 is between 0 and 2 (proved)" in out
    code, out, _ = run("range", cross, "--output-unit", "0", "--json")
    record = json.loads(out)["outputs"][0]
    assert record["maximum"]["value"] == "2" and record["maximum"]["low"] == 2.0
    assert record["maximum"]["witness"] == [1.0, 1.0]
    code, out, _ = run("range", cross, "--domain", "space", "--json")
    record = json.loads(out)["outputs"][0]
    assert (record["maximum"]["bounded"], record["maximum"]["high"]) == (False, None)
    assert run("range", cross, "--time-limit", "0")[0] == 3
    code, out, err = run("range", cross, "--output-unit", "3")
    assert (code, out) == (2, "") and "the outputs 0 to 0" in err
