"""`nearest` and `between`: known answers, small networks against all their patterns, and bounds."""

from __future__ import annotations

import random
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import regions
from regions import Box, Network, Pattern, Space, between, nearest
from regions.errors import DomainError, InputError, PatternError
from regions.query import cheapest
from regions.query.price import REFUSED, BetweenPrice, HammingPrice
from solvers.rational import rational
from tests import oracle
from tests.cases import (
    READS_INPUT,
    THREE_ROWS,
    TWO_READERS,
    braid,
    free_first_layer,
    orthants,
    sawtooth,
)
from tests.lying import LIES, LyingBackend
from tests.plain import PlainDomain, PlainNetwork, cube, one_layer, space
from tests.reaching import words
from tests.strategies import Problem, problems


def distance(a: str, b: str, weights: tuple = ()) -> Any:
    """Σ over layers of weight · (differing bits), by the texts alone; * differs from nothing."""
    each = weights or (1,) * (a.count("/") + 1)
    pairs = zip(a.split("/"), b.split("/"), each, strict=True)
    return sum(w * sum(p != q != "*" != p for p, q in zip(x, y, strict=True)) for x, y, w in pairs)


def some_words(widths: tuple[int, ...], number: int, rnd: random.Random) -> list[str]:
    """Random full patterns, all different where there are enough."""
    every = words(widths) if sum(widths) <= 10 else []
    return rnd.sample(every, min(number, len(every)))


def check(
    plain: PlainNetwork, domain: PlainDomain, number: int, seed: int, **options: Any
) -> list[Any]:
    """Ask for some patterns and pairs of them, and compare with all patterns of the oracle."""
    network, where = plain.build(), domain.build()
    rnd = random.Random(seed)
    found = []
    for attained, oracle_of in ((False, oracle.regions), (True, oracle.patterns)):
        possible = oracle_of(plain.layers, domain.rows, plain.inputs)
        for word in some_words(plain.widths, number, rnd):
            starred = "".join(c if c == "/" or rnd.random() < 0.8 else "*" for c in word)
            for asked in {word, starred}:
                answer = nearest(network, asked, where, attained=attained, **options)
                least = min(distance(asked, full) for full in possible)
                assert (answer.distance, answer.lower, answer.optimal) == (least, least, True)
                check_witness(answer, network, possible)
                assert sum(answer.by_layer or ()) == least
                found.append(answer)
            other = rnd.choice([w for w in words(plain.widths) if w != word])
            answer = between(network, word, other, where, attained=attained, **options)
            check_between(answer, word, other, possible, network)
            found.append(answer)
    return found


def check_witness(answer: Any, network: Any, possible: set[str]) -> None:
    assert str(answer.pattern) in possible
    assert network.pattern(answer.witness) == answer.pattern


def check_between(answer: Any, a: str, b: str, possible: set[str], network: Any) -> None:
    """The answer is the best of all patterns other than the two ends."""
    h = distance(a, b)
    rest = possible - {a, b}
    values = [(distance(a, z) + distance(z, b) - h, z) for z in rest]
    ranks = sorted((e, abs(distance(a, z) - distance(z, b))) for e, z in values)
    assert answer.optimal and answer.hamming == h
    if not ranks:
        assert answer.pattern is answer.witness is answer.excess is answer.lower is None
        return
    assert (answer.excess, abs(answer.to_a - answer.to_b)) == ranks[0]
    assert answer.lower == answer.excess
    assert answer.to_a == distance(a, str(answer.pattern))
    assert str(answer.pattern) in rest
    check_witness(answer, network, possible)


# ------------------------------------------------------------------------- known answers


@pytest.mark.parametrize(
    ("plain", "domain"),
    [
        (THREE_ROWS, space(2)),
        (braid(3), space(3)),
        (braid(3), cube(3)),
        (READS_INPUT, space(2)),
        (TWO_READERS, space(2)),
        (free_first_layer(), space(2)),
        (sawtooth(2), cube(1, 0, 1)),
    ],
)
def test_degenerate_networks(plain: PlainNetwork, domain: PlainDomain):
    check(plain, domain, 6, 0)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_between_the_ends_of_a_sawtooth(layers: int):
    """The first and the last piece differ in one bit; every path between them is longer."""
    network, where = sawtooth(layers).build(), Box.cube(1, 0, 1)
    ends = network.pattern(["1/1000"]), network.pattern(["999/1000"])
    answer = between(network, *ends, where)
    assert answer.hamming == 1
    possible = oracle.regions(sawtooth(layers).layers, cube(1, 0, 1).rows, 1)
    check_between(answer, str(ends[0]), str(ends[1]), possible, network)


def test_no_region_lies_between():
    """(x, -x): 10 and 01, and 00 at x = 0 only; (x, 2x): nothing at all."""
    opposite, parallel = one_layer([(1,), (-1,)]).build(), one_layer([(1,), (2,)]).build()
    answer = between(opposite, "10", "01", Space(1))
    assert (answer.hamming, answer.pattern, answer.optimal) == (2, None, True)
    thin = between(opposite, "10", "01", Space(1), attained=True)
    assert (str(thin.pattern), thin.to_a, thin.to_b, thin.excess) == ("00", 1, 1, 0)
    assert thin.witness == (0.0,)
    for attained in (False, True):
        answer = between(parallel, "11", "00", Space(1), attained=attained)
        assert (answer.pattern, answer.excess, answer.optimal) == (None, None, True)


@pytest.mark.parametrize("n", [2, 3, 5])
def test_orthants_have_midpoints(n: int):
    answer = between(orthants(n).build(), "0" * n, "1" * n, Space(n))
    assert {answer.to_a, answer.to_b} == {n // 2, n - n // 2}
    assert (answer.excess, answer.optimal) == (0, True)


def test_nearest_of_braid_patterns():
    """The two cyclic ones are one bit away from a permutation."""
    network = braid(3).build()
    for word in words((3,)):
        assert nearest(network, word, Space(3)).distance == int(word in ("010", "101"))


def test_weights():
    plain = free_first_layer()
    network, where = plain.build(), Space(2)
    possible = oracle.regions(plain.layers, [], 2)
    rnd = random.Random(3)
    for weights in ((1, 5), (3, 1), ("1/3", "1/2"), (0, 1), (0.1, 7)):
        exact = tuple(Fraction(w) for w in weights)
        for word in some_words((4, 3), 6, rnd):
            answer = nearest(network, word, where, weights=weights)
            least = min(distance(word, full, exact) for full in possible)
            assert answer.optimal and answer.distance == answer.lower == least
    assert isinstance(nearest(network, "0000/111", where, weights=(0, 0.5)).distance, float | int)


# ---------------------------------------------------------------------------- the oracle


@settings(max_examples=max(20, settings().max_examples // 5))
@given(problems(max_units=6), st.integers(0, 2**32))
def test_random_networks(problem: Problem, seed: int):
    plain, domain = problem.network, problem.domain
    if plain.relus >= 2 and not oracle.is_empty(domain.rows, domain.dim):
        check(plain, domain, 2, seed)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The relaxation and the mixed-integer program come before the tree."""
    monkeypatch.setattr(cheapest, "QUICK", 0.0)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("number", range(4))
def test_relaxations_bound_and_propose(number: int):
    rng = np.random.default_rng(number)
    sizes = [(4, 2), (3, 4)]
    layers: Any = [
        [(tuple(row), int(b)) for row, b in zip(w.tolist(), rng.integers(-2, 3, len(w)),
         strict=True)]
        for w in (rng.integers(-3, 4, size) for size in sizes)
    ]  # fmt: skip
    from tests.plain import feed_forward

    found = check(feed_forward(2, *layers), cube(2), 3, number)
    bounds = [a.relaxation for a in found if getattr(a, "relaxation", None) is not None]
    for answer in found:
        relaxed = getattr(answer, "relaxation", None)
        assert relaxed is None or relaxed <= answer.distance
    assert bounds or all(answer.stats.get("nodes", 0) <= 1 for answer in found)


@settings(max_examples=200)
@given(st.data())
def test_prices_bound_all_completions(data: Any):
    n = data.draw(st.integers(1, 5))
    bits = st.sampled_from([0, 1])
    known = np.array(data.draw(st.lists(st.sampled_from([0, 1, -1]), min_size=n, max_size=n)))
    a = Pattern.from_bits([data.draw(st.lists(bits, min_size=n, max_size=n))])
    b = Pattern.from_bits([data.draw(st.lists(bits, min_size=n, max_size=n))])
    prices: list[Any] = [HammingPrice.of_target(a, [rational("3/2")])]
    if a != b:
        prices.append(BetweenPrice.of_ends(a, b))
    every = np.array([[int(c) for c in word] for word in words((n,))])
    free = ((known < 0) | (every == known)).all(axis=1)
    for price in prices:
        values = price.of(every)
        assert price.lower(known) == values[free].min()
        assert [price.lower(row) for row in every] == values.tolist()
        off, on = price.costs()
        linear = np.where(every == 1, on, off).sum(axis=1)
        assert (linear <= values).all()
        assert values.max() == REFUSED or isinstance(price, HammingPrice)


# ------------------------------------------------------------------------ lying backends


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("lie", LIES)
def test_lies_change_nothing(lie: str):
    for number, (plain, domain) in enumerate(
        [(free_first_layer(), cube(2)), (THREE_ROWS, cube(2)), (braid(3), cube(3))]
    ):
        backend = LyingBackend(lie, share=0.7, seed=number)
        check(plain, domain, 2, number, backend=backend)


# ---------------------------------------------------------------- limits and bad arguments


def random_network(seed: int, inputs: int, *widths: int) -> Network:
    rng = np.random.default_rng(seed)
    sizes = zip((inputs, *widths), (*widths, 1), strict=True)
    return Network.from_layers(
        [
            (rng.standard_normal((above, below)), rng.standard_normal(above))
            for below, above in sizes
        ]
    )


def test_limits_leave_bounds():
    network = random_network(0, 6, 40, 40)
    rng = np.random.default_rng(1)
    asked = Pattern.from_bits(rng.integers(0, 2, (2, 40)).tolist())
    other = Pattern.from_bits(rng.integers(0, 2, (2, 40)).tolist())
    answer = nearest(network, asked, time_limit=2)
    assert answer.distance is not None and answer.pattern is not None
    assert 1 <= answer.lower < answer.distance <= 80 and not answer.optimal
    assert answer.stopped == "time limit"
    assert asked.hamming(answer.pattern) == answer.distance
    assert network.pattern(answer.witness) == answer.pattern
    middle = between(network, asked, other, time_limit=1)
    assert middle.excess is not None and middle.lower is not None
    assert 0 <= middle.lower <= middle.excess and not middle.optimal


def test_no_time_at_all():
    network = THREE_ROWS.build()
    answer = nearest(network, "000", time_limit=0)
    assert (answer.optimal, answer.lower, answer.stopped) == (False, 0, "time limit")
    answer = between(network, "100", "001", time_limit=0)
    assert not answer.optimal and answer.lower == 0


def test_the_same_answer_twice():
    network = random_network(2, 3, 8, 8)
    first, second = (nearest(network, "01" * 4 + "/" + "10" * 4) for _ in range(2))
    assert (first.pattern, first.witness) == (second.pattern, second.witness)


def test_progress_is_reported(monkeypatch: pytest.MonkeyPatch):
    from regions.query import best_first

    monkeypatch.setattr(best_first, "REPORT_SECONDS", 0.0)
    seen: list[Any] = []
    answer = nearest(random_network(3, 3, 10, 10), "01" * 5 + "/" + "10" * 5, progress=seen.append)
    assert answer.optimal and seen
    least: Any = answer.distance
    assert all(p.lower <= least <= (p.upper or 20) for p in seen)


def test_a_network_without_units():
    network = Network.from_layers([([[1, 1]], [0])])
    assert (nearest(network, "").distance, nearest(network, "").optimal) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "options", "kind", "message"),
    [
        (("111",), {}, PatternError, "layer 1 needs 2 bits, got 3"),
        (("1x",), {}, PatternError, "needs 0, 1 or \\*"),
        (([1, 0],), {}, PatternError, r"nearest\(\): needs a Pattern or its text"),
        (("11", Box.cube(3, 0, 1)), {}, DomainError, "the network has 2 inputs"),
        (("11",), {"weights": [1, 2]}, InputError, "one number for each of the 1 ReLU layers"),
        (("11",), {"weights": [-1]}, InputError, "layer 1 needs a number >= 0, got -1"),
        (("11",), {"weights": ["x"]}, InputError, "the weight of layer 1"),
        (("11",), {"weights": ["1e-40"]}, InputError, "common denominator"),
        (("11",), {"time_limit": -1}, InputError, "time_limit needs seconds"),
    ],
)
def test_bad_input(arguments: tuple, options: dict, kind: type, message: str):
    with pytest.raises(kind, match=message):
        nearest(orthants(2).build(), *arguments, **options)


def test_bad_ends():
    network = orthants(2).build()
    with pytest.raises(InputError, match="needs two different patterns"):
        between(network, "10", Pattern.parse("10"))
    with pytest.raises(PatternError, match="needs full patterns"):
        between(network, "1*", "01")
    with pytest.raises(PatternError, match=r"between\(\): the network needs"):
        between(network, Pattern.parse("1"), "01")
    assert regions.Between.__doc__ and regions.Nearest.__doc__
