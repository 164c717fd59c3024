"""Known numbers of regions, found again by asking about every pattern and by sums of prefixes."""

from __future__ import annotations

import pytest

from regions import Box, Space, conditional, estimate, nearest, reach
from tests.cases import braid, frozen
from tests.reaching import words

SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("widths", "unbounded", "number"),
    [
        ((4, 4), True, 26),
        ((4, 4), False, 16),
        pytest.param((4, 4, 4), True, 49, marks=SLOW),
        pytest.param((4, 4, 4), False, 20, marks=SLOW),
    ],
)
def test_every_pattern_of_deep_frozen_networks(widths: tuple, unbounded: bool, number: int):
    network = frozen(widths).build()
    domain = Space(2) if unbounded else Box.cube(2, -1, 1)
    assert conditional(network, len(widths), domain=domain).lower == number
    found = estimate(network, domain, samples="all")
    assert (found.details["reachable"], found.samples) == (number, 2 ** sum(widths))
    if sum(widths) <= 8:
        answers = [reach(network, word, domain) for word in words(widths)]
        assert sum(bool(answer.interior) for answer in answers) == number
        assert all(answer.decided for answer in answers)
        for answer in answers[::8]:
            assert (nearest(network, answer.pattern, domain).distance == 0) == answer.interior


@pytest.mark.parametrize(("n", "number"), [(3, 6), (4, 24), pytest.param(5, 120, marks=SLOW)])
def test_every_pattern_of_braids(n: int, number: int):
    """n! of the 2^(n(n-1)/2) patterns are orders of the coordinates."""
    network, units = braid(n).build(), n * (n - 1) // 2
    inside = [reach(network, word, Space(n)).interior for word in words((units,))]
    assert (inside.count(True), len(inside)) == (number, 2**units)
    farthest = max(nearest(network, word, Space(n)).distance for word in words((units,)))  # type: ignore
    assert farthest == {3: 1, 4: 1, 5: 3}[n]  # the least feedback arcs of a tournament of n
