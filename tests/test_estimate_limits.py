"""Confidence limits: against their definitions in rationals, and the laws they rest on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from regions.estimating.limits import clopper_pearson, distinct_above, mean_above, student

F = Fraction


def at_least(k: int, n: int, p: Fraction) -> Fraction:
    """P(B >= k) for a binomial B."""
    return sum((math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k, n + 1)), F(0))


@pytest.mark.parametrize(("k", "n"), [(1, 7), (3, 7), (7, 7), (12, 40)])
def test_clopper_pearson_solves_its_equations(k: int, n: int):
    low, high = clopper_pearson(k, n, 0.9)
    assert float(at_least(k, n, F(low))) == pytest.approx(0.05)
    if k < n:
        assert float(1 - at_least(k + 1, n, F(high))) == pytest.approx(0.05)
    else:
        assert high == 1.0
    assert clopper_pearson(0, n, 0.9)[0] == 0.0
    assert clopper_pearson(0, 0, 0.9) == (0.0, 1.0)


def test_clopper_pearson_covers_every_share():
    """What Wilson's interval does not: rare successes, whose interval misses often."""
    n = 100
    for p in (0.0005, 0.0017, 0.01, 0.3, 0.5):
        weights = [math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]
        hits = [low <= p <= high for low, high in (clopper_pearson(k, n, 0.9) for k in range(101))]
        assert sum(w for w, hit in zip(weights, hits, strict=True) if hit) >= 0.9


def test_mean_above_is_markov_for_one_sample():
    assert mean_above([40.0], 0.95) == pytest.approx(2.0)
    assert mean_above([40.0], 0.5) == pytest.approx(20.0)
    assert mean_above([], 0.95) == 0.0
    assert mean_above([0.0, 0.0], 0.95) == 0.0


def test_mean_above_scales_and_sharpens():
    rng = np.random.default_rng(0)
    x = rng.exponential(3.0, 2000)
    assert mean_above(x * 2.0**500, 0.95) == pytest.approx(mean_above(x, 0.95) * 2.0**500)
    few, many = mean_above(x[:50], 0.95), mean_above(x, 0.95)
    assert 1.0 < few < many < 3.0
    assert many > 2.7
    assert mean_above(x, 0.999) < many


def exact_misses(values: Sequence[float], chances: Sequence[float], draws: int) -> float:
    """How often the limit lies above the mean, over all outcomes of so many draws."""
    mean = sum(v * c for v, c in zip(values, chances, strict=True))
    missed = 0.0
    for outcome in product(range(len(values)), repeat=draws):
        if mean_above([values[i] for i in outcome], 0.8) > mean * (1 + 1e-12):
            missed += math.prod(chances[i] for i in outcome)
    return missed


@pytest.mark.parametrize(
    ("values", "chances"),
    [
        ((0.0, 1.0), (0.5, 0.5)),
        ((1.0, 100.0), (0.99, 0.01)),
        ((0.0, 10.0), (0.9, 0.1)),
        ((1.0, 2.0, 30.0), (0.7, 0.25, 0.05)),
    ],
)
def test_mean_above_misses_no_more_often_than_it_may(
    values: Sequence[float], chances: Sequence[float]
):
    for draws in (1, 2, 5):
        assert exact_misses(values, chances, draws) <= 0.2


def different(shares: Sequence[Fraction], draws: int) -> list[Fraction]:
    """P(at least d different kinds), d = 0, 1, …, by enumeration."""
    chance = [F(0)] * (len(shares) + 1)
    for outcome in product(range(len(shares)), repeat=draws):
        chance[len(set(outcome))] += math.prod((shares[i] for i in outcome), start=F(1))
    return [sum(chance[d:], F(0)) for d in range(len(chance))]


@pytest.mark.parametrize("draws", [1, 3, 5])
def test_equal_shares_show_the_most_kinds(draws: int):
    """The theorem of Wong and Yue, on examples."""
    most = different([F(1, 4)] * 4, draws)
    for shares in ((1, 1, 1, 3), (1, 2, 3, 4), (0, 1, 1, 1), (1, 1, 1, 97)):
        total = sum(shares)
        some = different([F(s, total) for s in shares], draws)
        assert all(a <= b for a, b in zip(some, most, strict=True))


@pytest.mark.parametrize(("distinct", "draws"), [(1, 4), (2, 4), (3, 4), (4, 4), (3, 6)])
def test_distinct_above_by_enumeration(distinct: int, draws: int):
    limit = distinct_above(distinct, draws, 0.7)
    for kinds in range(distinct, 8):
        plausible = different([F(1, kinds)] * kinds, draws)[distinct] >= F(3, 10)
        assert (kinds >= limit) == plausible


def test_distinct_above_where_there_are_no_repeats():
    """m different among m: Π (1 - i/n) < α rejects n."""
    limit = distinct_above(300, 300, 0.95)
    chances = [math.prod(1 - i / n for i in range(300)) for n in (limit - 1, limit)]
    assert chances[0] < 0.05 <= chances[1]
    assert distinct_above(0, 0, 0.95) == 0
    assert distinct_above(5000, 10_000_000, 0.95) == 5000  # too long a sum: the sure limit


def test_student():
    values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]
    low, high = student(values, 0.95)
    # mean 5, sd √(32/7), t_{7, 0.975} = 2.364624 (a table)
    assert (low + high) / 2 == 5.0
    assert high - 5.0 == pytest.approx(2.364624 * math.sqrt(32 / 7 / 8), rel=1e-6)
    assert student([1.0], 0.95) == (-math.inf, math.inf)
