"""`estimate --method volumes|tree|species`: exact values, unbiasedness, limits, what is said."""

from __future__ import annotations

from fractions import Fraction
from math import comb
from typing import Any

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given, settings

from regions import Network, bounds, count, estimate
from regions.counting.tree import Stop
from regions.counting.work import Problem as Work
from regions.domain import Box, Polytope, Slice, Space
from regions.errors import DomainError, InputError
from regions.estimating import species, volumes
from regions.estimating.api import repeated
from regions.estimating.tree import Tree, walk
from regions.estimating.uniform import Uniform
from regions.estimating.volumes import Hits, Volumes, wrong_way
from regions.frame import Frame
from solvers.backend import get_backend
from tests import oracle
from tests.cases import braid, frozen, sawtooth, sum_levels, thresholds
from tests.strategies import BOUNDED, Problem, problems

F = Fraction
HIGHS = get_backend("highs")
LEVELS = ("-0.9", "-0.3", "0.2", "0.25")
UNBIASED: tuple[dict[str, Any], ...] = (
    {"method": "tree", "width": 1, "samples": 400},
    {"method": "tree", "width": 3, "samples": 200},
    {"method": "volumes", "samples": 400},
    {"method": "volumes", "form": "waiting", "samples": 400},
)


def four_thresholds() -> Network:
    return Network.from_layers([([[1]] * 4, [F(-F(t)) for t in LEVELS]), ([[1] * 4], [0])])


# ------------------------------------------------------------------------------------- volumes


def test_volumes_of_four_thresholds():
    """ACCEPTANCE 19: 2 E[1/length] = 5; 2 / E[length] = 3.3755 is the wrong way."""
    network = four_thresholds()
    uniform = Uniform.of(network, Frame.of(Box.cube(1, -1, 1)), "", "volumes", HIGHS, Stop(None))
    kept, hits = Volumes(uniform), Hits()
    kept.sample(1000, 0, hits)
    inverses = sorted(region.inverse for region in kept.known.values() if region.inverse)
    lengths = [fmpq(3, 4), fmpq(3, 5), fmpq(1, 2), fmpq(1, 10), fmpq(1, 20)]
    assert inverses == [2 / length for length in lengths]
    shares = [1 / inverse for inverse in inverses]
    assert sum(shares, fmpq(0)) == 1
    assert sum((s * x for s, x in zip(shares, inverses, strict=True)), fmpq(0)) == 5
    assert sum((s * s for s in shares), fmpq(0)) == fmpq(237, 800)  # 1 / 3.3755
    assert abs((wrong_way(hits) or 0) - 3.3755) < 0.15
    assert abs(float(np.mean(hits.values)) - 5) < 0.6


def test_volumes_where_all_are_equal():
    """Braid 4 in the unit cube: 24 regions of volume 1/24, so every X is 24."""
    found = estimate(braid(4).build(), Box.cube(4, 0, 1), method="volumes", samples=20)
    assert found.value == 24.0 and found.details["standard_error"] == 0.0
    assert found.low <= 24 <= found.high == bounds(braid(4).build(), Box.cube(4, 0, 1)).best


def test_eulerian_volumes():
    """Σ x_i - k on [0,1]^4: volumes (1, 11, 11, 1)/24."""
    network, box = sum_levels(4).build(), Box.cube(4, 0, 1)
    uniform = Uniform.of(network, Frame.of(box), "", "volumes", HIGHS, Stop(None))
    kept = Volumes(uniform)
    kept.sample(300, 0, Hits())
    inverses = sorted(region.inverse for region in kept.known.values() if region.inverse)
    assert inverses == [fmpq(24, 11), fmpq(24, 11), fmpq(24), fmpq(24)]


@given(problems(forms=BOUNDED, max_units=5))
@settings(max_examples=25)
def test_volumes_of_any_regions(problem: Problem):
    """Every X is at least 1, Σ 1/X over the regions hit is at most 1; flat domains too."""
    network = problem.network.build()
    known = oracle.regions(problem.network.layers, problem.domain.rows, network.inputs)
    if not known:  # an empty domain may be refused
        return
    domain = problem.domain.build()
    frame = Frame.of(domain)
    if not frame.is_bounded_box:  # bounded by its rows alone: refused
        return
    uniform = Uniform.of(network, frame, "", "volumes", HIGHS, Stop(None))
    kept, hits = Volumes(uniform), Hits()
    kept.sample(30, 0, hits)
    assert len(hits.seen) <= len(known)
    shares = [1 / region.inverse for region in kept.known.values() if region.inverse]
    assert len(shares) == len(kept.known) and max(shares) <= 1
    assert sum(shares, fmpq(0)) <= 1
    if len(shares) == len(known):
        assert sum(shares, fmpq(0)) == 1


def test_boxes_around_cells_hold_them():
    """The waiting form's box is no smaller than the region, and hits come as they should."""
    network, box = frozen((4, 4)).build(), Box.cube(2, -1, 1)
    uniform = Uniform.of(network, Frame.of(box), "", "volumes", HIGHS, Stop(None))
    waiting, exact = Volumes(uniform, "waiting"), Volumes(uniform, "exact")
    for kept in (waiting, exact):
        kept.sample(60, 0, Hits())
    assert waiting.known.keys() == exact.known.keys()
    rng = np.random.default_rng(1)
    for key, region in waiting.known.items():
        share = exact.known[key].inverse
        assert share is not None and region.low is not None and region.high is not None
        assert region.expected <= float(share.p) / float(share.q) * (1 + 1e-12)
        # the mean waiting time is vol B / vol R
        mean = np.mean([volumes.wait(region, rng, uniform)[0] for _ in range(300)])
        expected = float(share.p) / float(share.q) / region.expected
        assert abs(mean / expected - 1) < 0.35


def test_waits_that_are_given_up_are_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(volumes, "MOST_DRAWS", 1)
    found = estimate(
        braid(4).build(), Box.cube(4, 0, 1), method="volumes", form="waiting", samples=60
    )
    assert found.details["capped"] > 0  # type: ignore[operator]
    assert "too low" in found.note and str(found.details["bias"]).startswith("downwards")
    assert found.value is not None and found.value < 24


def test_sampled_volumes_are_biased_and_say_so():
    found = estimate(
        braid(3).build(), Box.cube(3, 0, 1), method="volumes", form="sampled", samples=10
    )
    assert str(found.details["bias"]).startswith("upwards")
    assert "biased upwards" in found.note
    assert found.confidence == 1.0 and found.low == found.details["distinct"]
    assert found.value == pytest.approx(6, rel=0.2)


def test_dimensions_too_high_for_exact_volumes():
    rng = np.random.default_rng(0)
    network = Network.from_layers([(rng.standard_normal((3, 12)), [0.5] * 3), ([[1] * 3], [0])])
    found = estimate(network, method="volumes", samples=5)
    assert found.details["waited"] == 5 and found.details["exact_volumes"] == 0
    assert found.low <= int(count(network)) == 8
    with pytest.raises(InputError, match="too many vertices for an exact volume"):
        estimate(network, method="volumes", form="exact", samples=5)
    wide = Network.from_layers([(np.ones((1, 30)), [0.5]), ([[1]], [0])])
    with pytest.raises(InputError, match="at most 20 dimensions, got 30"):
        estimate(wide, method="volumes")


# ---------------------------------------------------------------------------------------- tree


@given(problems(max_units=6))
@settings(max_examples=25)
def test_a_tree_that_is_walked_in_full_is_the_count(problem: Problem):
    network = problem.network.build()
    known = oracle.regions(problem.network.layers, problem.domain.rows, network.inputs)
    if not known:  # an empty domain may be refused
        return
    domain = problem.domain.build()
    found = estimate(network, domain, method="tree", width=1000)
    assert found.value == found.low == found.high == len(known)
    assert (found.confidence, found.samples) == (1.0, 1)
    narrow = estimate(network, domain, method="tree", width=1, samples=20)
    assert narrow.details["distinct"] <= len(known)  # type: ignore[operator]
    if narrow.confidence == 1:
        assert narrow.value == len(known)


def weighted_leaves(tree: Tree, node: Any, chance: Fraction) -> list[tuple[Fraction, Fraction]]:
    """(probability, value) of every walk of width 1 below a node."""
    expansion = tree.expand(node)
    if not expansion.children:
        return [(chance, expansion.regions / chance)]
    assert not expansion.regions
    share = chance / len(expansion.children)
    return [pair for child in expansion.children for pair in weighted_leaves(tree, child, share)]


def test_knuths_mean_is_the_number():
    """All walks of width 1, each with its probability: the mean of 1/p is the number of leaves."""
    network = frozen((4, 4)).build()
    frame = Frame.of(Box.cube(2, -1, 1))
    tree = Tree(Work(network, frame, "lp", HIGHS), Stop(None))
    (root,) = tree.root().children
    every = weighted_leaves(tree, root, F(1))
    assert sum(p for p, _ in every) == 1
    assert sum(p * x for p, x in every) == 16
    values = {float(x) for _, x in every}
    for seed in range(20):
        leaves: set[int] = set()
        value, complete = walk(tree, 1, np.random.default_rng(seed), leaves)
        assert value in values and not complete and len(leaves) == 1
    tree.close()


def test_more_width_less_variance():
    network = frozen((4, 4, 4)).build()
    errors = [
        estimate(network, method="tree", width=width, samples=100).details["standard_error"]
        for width in (1, 3, 9)
    ]
    assert errors[0] > errors[1] > errors[2] > 0  # type: ignore[operator]


def test_trees_take_any_domain():
    found = estimate(braid(4).build(), Space(4), method="tree", width=100)
    assert found.value == 24
    found = estimate(sawtooth(4).build(), Box.cube(1, 0, 1), method="tree", layers=3, width=100)
    assert found.value == 8


@pytest.mark.slow
def test_a_tree_where_random_patterns_are_hopeless():
    """256 units of rank 10: one pattern in 10^59.6 occurs; walks see the order of magnitude."""
    rng = np.random.default_rng(0)
    weights, biases = rng.standard_normal((256, 10)), rng.standard_normal(256)
    network = Network.from_layers([(weights, biases), ([[1] * 256], [0])])
    exact = sum(comb(256, i) for i in range(11))
    assert exact / 2**256 == pytest.approx(10**-59.6, rel=0.01)
    found = estimate(network, Space(10), method="tree", width=1, samples=40)
    assert found.low < exact == found.high
    hopeless = estimate(network, Space(10), samples=20)
    assert hopeless.value == 0 and "next to nothing" in hopeless.note


# ------------------------------------------------------------------------------------- species


def test_formulas_of_species():
    assert species.chao1({1: 3, 2: 1}, 5) == 4 + 4 / 5 * 3 * 2 / 4
    assert species.chao1({2: 5}, 10) == 5
    assert species.good_turing({1: 3, 2: 1}, 5) == 3 / 5
    assert species.good_toulmin({1: 4, 2: 3, 3: 1}, 13, 0.5) == 0.5 * 4 - 0.25 * 3 + 0.125
    for times in (1.5, 4.0):  # P(B >= k) falls from 1
        tails = species._binomial_tails(3, 2 / (2 + times))
        assert tails[0] == 1.0 and sorted(tails, reverse=True) == tails
        assert tails[3] == pytest.approx((2 / (2 + times)) ** 3)


def test_good_toulmin_predicts_new_kinds():
    """Poisson draws from given shares: its mean is the mean number of new kinds, for t <= 1."""
    rng = np.random.default_rng(0)
    rates = np.array([0.2, 0.5, 1.0, 2.0, 0.1, 0.1, 3.0, 0.7])
    exact = float((np.exp(-rates) * (1 - np.exp(-rates * 0.8))).sum())
    guesses = []
    for _ in range(4000):
        drawn = rng.poisson(rates)
        counts = {k: int((drawn == k).sum()) for k in range(1, 12)}
        guesses.append(species.good_toulmin(counts, 1, 0.8))
    assert np.mean(guesses) == pytest.approx(exact, abs=0.1)


def test_unseen_share():
    found = species.Catch([b"a", b"a", b"a", b"b", b"a", b"a"])
    # one of the last three points was new: P(B <= 1) = 0.1 for B of 3 with share p
    limit = found.unseen_at_most(0.9)
    assert 3 * limit * (1 - limit) ** 2 + (1 - limit) ** 3 == pytest.approx(0.1)
    assert species.Catch([b"a"] * 600).unseen_at_most(0.95) == pytest.approx(1 - 0.05 ** (1 / 300))


def test_saturated_samples_are_said():
    rng = np.random.default_rng(0)
    fine = Network.from_layers([(rng.standard_normal((200, 4)), rng.standard_normal(200))] * 1
                               + [([[1] * 200], [0])])  # fmt: skip
    found = estimate(fine, method="species", samples=100)
    assert found.details["once"] == 100 and "every point hit another region" in found.note
    assert found.low > 1000  # a hundred different ones in a hundred draws
    coarse = estimate(braid(3).build(), method="species", samples=500)
    assert coarse.value == 6 and "hit more than once" in coarse.note
    most = species.saturation(species.Catch([b"%d" % i for i in range(8)] + [b"1", b"2"]))
    assert "how many points there were" in most


# ----------------------------------------------------------------------------------- all methods


@pytest.mark.parametrize("options", UNBIASED, ids=str)
def test_unbiased_estimates_come_near(options: dict[str, Any]):
    """Means over 400 samples of four networks within five standard errors, which are small."""
    for network, domain, exact in (
        (four_thresholds(), Box.cube(1, -1, 1), 5),
        (frozen((4, 4)).build(), Box.cube(2, -1, 1), 16),
        (braid(3).build(), Box.cube(3, -1, 1), 6),
        (sawtooth(3).build(), Box.cube(1, 0, 1), 8),
    ):
        found = estimate(network, domain, seed=3, confidence=0.9999, **options)
        error = found.details["standard_error"] or 0.0
        assert isinstance(error, float) and error < 0.2 * exact
        assert found.value is not None and abs(found.value - exact) <= 5 * error + 1e-9
        assert found.low <= exact <= found.high


@pytest.mark.parametrize("method", ["tree", "volumes", "species", "patterns"])
def test_a_seed_decides_everything(method: str):
    network = frozen((4, 4)).build()
    first, again = (estimate(network, method=method, samples=20, seed=2, width=2) for _ in range(2))
    assert (first.value, first.low, first.high) == (again.value, again.low, again.high)
    together = list(repeated(network, None, (1, 2), method=method, samples=20, width=2))
    assert together[1].value == first.value and together[1].low == first.low
    assert together[0].value != first.value or method == "species"


@pytest.mark.parametrize("method", ["tree", "volumes", "species"])
def test_flat_domains_and_points(method: str):
    network = Network.from_layers([(np.eye(3), ["-1/2"] * 3), ([[1] * 3], [0])])
    plane = Slice([0, 0, 1], [1, 0, 0], [0, 1, 0]) & Box.cube(3, 0, 1)
    exact = int(count(network, plane))
    found = estimate(network, plane, method=method, width=2, seed=1)
    assert found.low <= exact == 4 <= found.high
    point = estimate(network, Box([0, 0, 0], [0, 0, 0]), method=method, samples=3)
    assert point.value == point.low == point.high == 1


@pytest.mark.parametrize("method", ["tree", "volumes", "species", "rays"])
def test_time_limits(method: str):
    found = estimate(frozen((4, 4)).build(), method=method, time_limit=0)
    assert (found.value, found.samples, found.stopped) == (None, 0, "time limit")
    assert found.note


@pytest.mark.parametrize("method", ["volumes", "species", "rays", "slices"])
def test_unbounded_domains_are_refused(method: str):
    with pytest.raises(DomainError, match=r"needs bounds on every coordinate.*'tree'"):
        estimate(braid(3).build(), Space(3), method=method)
    wedge = Polytope([[1, 1, 1]], [1])
    with pytest.raises(DomainError, match="needs bounds on every coordinate"):
        estimate(braid(3).build(), wedge, method=method)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "tree", "samples": "all"}, "is for method 'patterns'"),
        ({"method": "tree", "form": "waiting"}, "form is an option of method 'volumes'"),
        ({"method": "volumes", "form": "guess"}, "no form 'guess'"),
        ({"method": "tree", "width": 0}, "width needs a whole number"),
        ({"method": "tree", "samples": 0}, "samples needs a whole number"),
    ],
)
def test_bad_options(options: dict[str, Any], message: str):
    with pytest.raises(InputError, match=message):
        estimate(braid(3).build(), **options)


def test_many_thresholds_in_three_dimensions():
    """64 cells of a grid: ACCEPTANCE 14, by sampling."""
    levels = (-2, F(-1, 2), 0, F(1, 2), 1, 2)
    network = thresholds(3, levels).build()
    found = estimate(network, method="volumes", samples=50)
    assert found.value == 64.0 and found.low > 25
