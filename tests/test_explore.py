"""The paper's explore sampler (6.5): what it keeps has the pattern, and it does what 6.5 says."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from regions.errors import InputError
from regions.network import Network

torch = pytest.importorskip("torch")

from regions.sample.evaluator import Evaluator  # noqa: E402
from regions.sample.explore import _without_closest, explore  # noqa: E402


def dense_network(seed: int, *widths: int) -> Network:
    rng = np.random.default_rng(seed)
    layers = [
        (rng.integers(-64, 65, (out, into)) / 64, rng.integers(-32, 33, out) / 64)
        for into, out in itertools.pairwise(widths)
    ]
    return Network.from_layers(layers)


def double(network: Network) -> Evaluator:
    return Evaluator.of(network, device="cpu", precision="double")


@pytest.mark.parametrize("seed", range(4))
def test_all_kept_points_have_the_pattern(seed: int):
    network = dense_network(seed, 5, 12, 12, 2)
    x = np.random.default_rng(seed).uniform(-1, 1, 5)
    found = explore(double(network), x, number=60, rounds=60, seed=seed, low=-1, high=1)
    target = network.pattern(x)
    assert len(found.points) == 54
    assert all(network.pattern(point) == target for point in found.points)
    assert (np.abs(found.points) <= 1).all()
    assert found.spread(x).max() > 0
    assert found.layers == (1, 2)


@pytest.mark.parametrize("layers", [(1,), (2,), (1, 3)])
def test_a_subset_of_layers_keeps_those_bits_and_lets_others_go(layers: tuple[int, ...]):
    network = dense_network(7, 4, 10, 10, 10, 1)
    x = np.random.default_rng(0).uniform(-1, 1, 4)
    found = explore(double(network), x, layers=layers, number=80, rounds=80)
    target = str(network.pattern(x)).split("/")
    free = set(range(1, 4)) - set(layers)
    patterns = [str(network.pattern(point)).split("/") for point in found.points]
    assert all(bits[k - 1] == target[k - 1] for bits in patterns for k in layers)
    assert any(bits[k - 1] != target[k - 1] for bits in patterns for k in free)


def test_noise_is_halved_until_a_fifth_stays():
    """In [0, w]² from the middle of it, noise from [-σ, σ] stays with probability (w/2σ)²."""
    width = 2.0**-10
    rows = [[1, 0], [-1, 0], [0, 1], [0, -1]]
    network = Network.from_layers([(rows, [0, width, 0, width]), ([[1] * 4], [0])])
    x = np.full(2, width / 2)
    found = explore(double(network), x, number=2000, rounds=40, noise=0.5)
    # σ = w at the last halving: a quarter of the copies of x stays, and fewer of those in corners
    assert found.noise in (width, width / 2)
    assert found.exponent == pytest.approx(math.log10(found.noise))
    assert found.restarts > 0
    halved = found.noises[1:] < found.noises[:-1]
    assert np.array_equal(halved, found.kept[:-1] < 0.2)
    assert set((found.noises[1:] / found.noises[:-1]).tolist()) == {0.5, 1.0}


def test_nothing_left_begins_again_with_the_point():
    network = Network.from_layers([([[1], [-1]], [0, 2.0**-40]), ([[1, 1]], [0])])
    x = np.array([2.0**-41])
    found = explore(double(network), x, number=10, rounds=3, noise=1.0)
    assert found.restarts == 3 and found.noise == 0.125
    assert found.points.tolist() == [[2.0**-41]] and found.distinct == 1


def test_the_closest_tenth_is_dropped():
    points = torch.randn(50, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    sums = [sum(math.dist(p, q) for q in points.tolist()) for p in points.tolist()]
    gone = set(np.argsort(sums)[:5].tolist())
    left = _without_closest(points)
    assert torch.equal(left, points[[k for k in range(50) if k not in gone]])
    same = torch.zeros(20, 2, dtype=torch.float64)
    assert len(_without_closest(same)) == 18


def test_the_same_seed_gives_the_same_points():
    network = dense_network(1, 3, 8, 1)
    x = np.array([0.1, -0.2, 0.3])
    first, again, other = (
        explore(double(network), x, number=20, rounds=10, seed=seed).points for seed in (3, 3, 4)
    )
    assert np.array_equal(first, again)
    assert first.shape != other.shape or not np.array_equal(first, other)


def test_layers_that_are_only_watched():
    """Patterns are all that it needs: SELU will do."""
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(3, 6), torch.nn.SELU(), torch.nn.Linear(6, 1))
    evaluator = Evaluator.of(module.eval(), device="cpu", precision="double")
    x = np.array([0.1, 0.2, 0.3])
    found = explore(evaluator, x, number=30, rounds=20)
    target = evaluator.patterns(x[None]).pattern(0)
    assert all(evaluator.patterns(p[None]).pattern(0) == target for p in found.points)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"number": 1}, "number needs 2 or more"),
        ({"rounds": 0}, "rounds needs 1 or more"),
        ({"noise": 0.0}, "noise needs a positive number"),
        ({"noise": math.nan}, "noise needs a positive number"),
        ({"seed": -1}, "seed needs 0 or more"),
        ({"high": 0.1}, "outside of the box"),
        ({"layers": (2,)}, "1 layers with bits"),
    ],
)
def test_bad_arguments(options: dict[str, object], message: str):
    evaluator = double(dense_network(1, 3, 8, 1))
    with pytest.raises(InputError, match=message):
        explore(evaluator, np.array([0.1, -0.2, 0.3]), **options)  # type: ignore[arg-type]
