"""Sampled statistics against loops, known answers and laws."""

from __future__ import annotations

import json
import math
from itertools import combinations, pairwise, product
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from regions.cli.main import main
from regions.errors import InputError
from regions.network import Network
from regions.sample.bernoulli import bernoulli_test
from regions.sample.bits import Patterns, pack
from regions.sample.constellations import constellations
from regions.sample.device import Batches
from regions.sample.evaluator import Evaluator
from regions.sample.hamming import all_pairs, hamming
from regions.sample.neighbours import hamming_neighbours, l2_neighbours
from regions.sample.points import RandomPoints, chosen, distinct_pairs
from regions.sample.probability import probability, wilson

MODEL = str(Path(__file__).resolve().parent.parent / "examples" / "models" / "moons.pt")


def plain(sizes: tuple[int, ...], seed: int = 0) -> Network:
    torch.manual_seed(seed)
    layers = [nn.Linear(a, b) for a, b in pairwise(sizes)]
    return Network.from_layers(
        [(m.weight.detach().double().numpy(), m.bias.detach().double().numpy()) for m in layers]
    )


def packed(bits: np.ndarray) -> torch.Tensor:
    return pack(torch.from_numpy(np.asarray(bits, dtype=bool)))


# -- probability ----------------------------------------------------------------------------------


def test_the_first_layer_has_gauss_probabilities():
    rng = np.random.default_rng(3)
    weight, bias = rng.standard_normal((40, 6)), rng.standard_normal(40)
    evaluator = Evaluator.of(
        Network.from_layers([(weight, bias), (np.ones((1, 40)), [0])]), device="cpu"
    )
    (layer,) = probability(evaluator, RandomPoints("normal", 20_000, 6, 5), confidence=0.999)
    true = [0.5 * math.erfc(-r / math.sqrt(2)) for r in bias / np.linalg.norm(weight, axis=1)]
    inside = (layer.low <= true) & (true <= layer.high)
    assert inside.mean() > 0.95
    assert (layer.high - layer.low).max() < 0.03


def test_streamed_probabilities_are_those_of_a_loop():
    network = plain((3, 5, 4, 1))
    points = RandomPoints("uniform", 130, 3, 0)
    evaluator = Evaluator.of(network, device="cpu", precision="double")
    evaluator.batches = Batches(7)
    found = probability(evaluator, points)
    units = np.mean([network.pattern(x).units() for x in points[0:130]], axis=0)
    assert np.concatenate([layer.p for layer in found]).tolist() == pytest.approx(units.tolist())
    assert [layer.layer for layer in found] == [1, 2]


def test_widths_of_p_at_initialisation_are_those_of_the_mean_field():
    # ten layers of 256 with PyTorch's initialisation: sd over the units of each layer
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for _ in range(6):
        layers += [nn.Linear(256, 256), nn.ReLU()]
    evaluator = Evaluator.of(nn.Sequential(*layers), device="cpu")
    found = probability(evaluator, RandomPoints("normal", 2000, 256, 1))
    mean_field = [0.0249, 0.2334, 0.3088, 0.3835, 0.447, 0.4785]
    for layer, expected in zip(found, mean_field, strict=True):
        # 2 000 points add 1/(4 · 2000) to the variance, and 256 units leave about 1/√512 of it
        assert layer.p.std() == pytest.approx(expected, rel=0.15)


def test_wilson_covers_as_it_says():
    rng = np.random.default_rng(0)
    for p in (0.02, 0.3):
        ones = rng.binomial(200, p, size=4000)
        low, high = wilson(ones, 200, 0.9)
        covered = ((low <= p) & (p <= high)).mean()
        assert 0.86 < covered < 0.96
    low, high = wilson(np.array([0, 10]), 10, 0.95)
    assert low[0] == 0 and high[1] == 1


# -- Hamming distances ----------------------------------------------------------------------------


def test_mean_distance_on_the_cube():
    # units Σ - 1/2, Σ - 3/2, Σ - 5/2: 15/16 over independent pairs, 15/14 over different ones
    network = Network.from_layers(
        [(np.ones((3, 3)), ["-1/2", "-3/2", "-5/2"]), (np.ones((1, 3)), [0])]
    )
    cube = np.array(list(product([0.0, 1.0], repeat=3)))
    evaluator = Evaluator.of(network, device="cpu")
    (layer,) = probability(evaluator, cube)
    assert layer.expected == 15 / 16
    one, total = all_pairs(evaluator.patterns(cube))
    assert one.mean == total.mean == pytest.approx(15 / 14, rel=1e-14)
    drawn = hamming(evaluator, cube, pairs=28)[-1]
    assert drawn.mean == pytest.approx(15 / 14, rel=1e-14)
    assert drawn.histogram.tolist() == total.histogram.tolist()


@pytest.mark.parametrize("block", [3, 16, 64])
def test_all_pairs_are_those_of_a_loop(block: int):
    rng = np.random.default_rng(0)
    bits = [rng.random((23, units)) < 0.3 for units in (5, 600)]
    patterns = Patterns(tuple(packed(b) for b in bits), (5, 600))
    found = all_pairs(patterns, block=block)
    joined = np.concatenate(bits, axis=1)
    for one, table in zip(found, (*bits, joined), strict=True):
        naive = [int((a != b).sum()) for a, b in combinations(table, 2)]
        assert one.histogram.tolist() == np.bincount(naive, minlength=one.units + 1).tolist()
        assert one.mean == pytest.approx(np.mean(naive), rel=1e-12)
        assert one.sd == pytest.approx(np.std(naive), rel=1e-10)
        p = table.mean(axis=0)
        assert one.mean == pytest.approx((2 * p * (1 - p)).sum() * 23 / 22, rel=1e-12)


def test_the_interval_of_all_pairs_covers():
    # fair coins: the true mean is 4; 300 sets of 40 points
    rng = np.random.default_rng(2)
    inside = 0
    for _ in range(300):
        total = all_pairs(Patterns((packed(rng.random((40, 8)) < 0.3),), (8,)))[-1]
        inside += total.low <= 8 * 2 * 0.3 * 0.7 <= total.high
    assert 0.90 < inside / 300 < 0.99


def test_distances_against_l2():
    network = plain((4, 30, 1), seed=2)
    points = RandomPoints("normal", 300, 4, 0)[0:300]
    evaluator = Evaluator.of(network, device="cpu", precision="double")
    one, total = hamming(evaluator, points, pairs=100, seed=1)
    pairs = distinct_pairs(300, 100, np.random.default_rng(1))
    units = np.array([network.pattern(x).units() for x in points])
    naive = (units[pairs[:, 0]] != units[pairs[:, 1]]).sum(axis=1)
    lengths = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    assert one.mean == naive.mean() == total.mean
    assert one.l2 is not None
    assert one.l2["input"]["pearson"] == pytest.approx(np.corrcoef(naive, lengths)[0, 1])  # type: ignore[index]
    assert one.l2["input"]["spearman"] > 0.5  # type: ignore[index]


def test_the_angle_gives_the_distance_without_bias():
    # Gaussian weights, no bias: E d / n = angle / π
    rng = np.random.default_rng(0)
    network = Network.from_layers(
        [(rng.standard_normal((4000, 2)), np.zeros(4000)), (np.ones((1, 4000)), [0])]
    )
    angle = 0.7
    points = np.array([[1.0, 0.0], [3 * math.cos(angle), 3 * math.sin(angle)]])
    found = hamming(Evaluator.of(network, device="cpu"), points, pairs=1)[0]
    assert found.mean / 4000 == pytest.approx(angle / math.pi, abs=4 * 0.5 / math.sqrt(4000))


@pytest.mark.parametrize(("points", "pairs"), [(7, 21), (40, 20), (5000, 9000)])
def test_pairs_are_different(points: int, pairs: int):
    drawn = distinct_pairs(points, pairs, np.random.default_rng(0))
    assert drawn.shape == (pairs, 2) and (drawn[:, 0] < drawn[:, 1]).all()
    assert drawn.min() >= 0 and drawn.max() < points
    assert len(np.unique(drawn, axis=0)) == pairs
    with pytest.raises(InputError, match="different ones"):
        distinct_pairs(3, 4, np.random.default_rng(0))


def test_samples_are_different_and_seeded():
    some = chosen(100, 10, 3)
    assert len(set(some.tolist())) == 10 and some.tolist() == chosen(100, 10, 3).tolist()
    assert chosen(5, None, 0).tolist() == [0, 1, 2, 3, 4]


# -- fair coins -----------------------------------------------------------------------------------


def check_coins(bits: np.ndarray, seed: int = 0):
    flips = bits[::2] ^ bits[1::2]
    return bernoulli_test(flips.sum(1), flips.sum(0), replicates=199, seed=seed)


def test_p_values_are_uniform_for_fair_coins():
    rng = np.random.default_rng(0)
    tests = [check_coins(rng.random((400, 32)) < 0.5, seed) for seed in range(200)]
    for name in ("mean_less", "mean_two_sided", "variance_two_sided", "dependence_two_sided"):
        values = np.array([getattr(test, name) for test in tests])
        for level in (0.1, 0.5):  # within 4 standard errors
            assert abs((values <= level).mean() - level) < 4 * math.sqrt(level / 200), name
    assert tests[0].null_mean == 16 and tests[0].null_sd == pytest.approx(math.sqrt(8 / 200))


def test_what_each_test_sees():
    rng = np.random.default_rng(1)
    biased = check_coins(rng.random((4000, 64)) < 0.4)
    assert biased.mean_less < 0.01 and biased.dependence == pytest.approx(1, abs=0.1)
    # pairs of equal units: the mean is that of fair coins, the variance twice as large
    twice = check_coins(np.repeat(rng.random((4000, 32)) < 0.5, 2, axis=1))
    assert twice.variance_two_sided < 0.02 and twice.dependence == pytest.approx(2, rel=0.1)
    assert twice.dependence_two_sided < 1e-6 and twice.mean_two_sided > 0.01


# -- constellations -------------------------------------------------------------------------------


def test_rows_of_a_hadamard_matrix():
    h = np.array([[1]])
    for _ in range(3):
        h = np.block([[h, h], [h, -h]])
    rows = np.repeat(h[:4] > 0, 2, axis=0)
    single, complete, strict = constellations(packed(rows), 8)
    for found in (single, complete):
        assert found.curve.tolist() == [4, 4, 4, 4, 1, 1, 1, 1, 1]
        assert found.plateau is not None
        assert (found.plateau.clusters, found.plateau.first, found.plateau.last) == (4, 0, 3)
        assert found.integral == 17
    assert strict.curve[2] == 4 and strict.members is not None and strict.members[2] == 8


@pytest.mark.parametrize("seed", range(4))
def test_clusters_are_those_of_a_loop(seed: int):
    rng = np.random.default_rng(seed)
    bits = rng.random((14, 9)) < rng.choice([0.2, 0.5])
    table = (bits[:, None] != bits[None]).sum(-1)
    single, strict = constellations(packed(bits), 9, kinds=("single", "strict"))
    for threshold in range(10):
        groups = [{i} for i in range(14)]
        for i, j in combinations(range(14), 2):
            if table[i, j] <= threshold:
                a = next(g for g in groups if i in g)
                b = next(g for g in groups if j in g)
                if a is not b:
                    groups.remove(b)
                    a |= b
        assert single.curve[threshold] == len(groups)
        cliques = [
            g for g in groups
            if len(g) > 1 and all(table[i, j] <= threshold for i, j in combinations(g, 2))
        ]  # fmt: skip
        assert strict.curve[threshold] == len(cliques)
        assert strict.members is not None
        assert strict.members[threshold] == sum(map(len, cliques))
    with pytest.raises(InputError, match="2 to 16000 points"):
        constellations(packed(bits[:1]), 9)


# -- neighbours -----------------------------------------------------------------------------------


def test_neighbours_are_those_of_a_sort(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("regions.sample.neighbours.ROWS", 7)
    monkeypatch.setattr("regions.sample.neighbours.COLUMNS", 11)
    rng = np.random.default_rng(0)
    bits = [rng.random((30, units)) < 0.5 for units in (4, 6)]
    patterns = Patterns(tuple(map(packed, bits)), (4, 6))
    labels = rng.integers(3, size=30)
    joined = np.concatenate(bits, axis=1)
    found = hamming_neighbours(patterns, 5, labels=labels)
    table = (joined[:, None] != joined[None]).sum(-1)
    for i in range(30):
        others = sorted((table[i, j], j) for j in range(30) if j != i)[:5]
        assert found.index[i].tolist() == [j for _, j in others]
        assert found.distance[i].tolist() == [d for d, _ in others]
    same = (labels[found.index] == labels[:, None]).mean()
    assert found.purity is not None and found.purity.mean == pytest.approx(same)
    counts = np.bincount(labels)
    assert found.purity.chance == pytest.approx((counts * (counts - 1)).sum() / 30 / 29)
    points = rng.standard_normal((30, 3)) + 100
    near = l2_neighbours(points, 4, np.array([3, 20]))
    for row, i in enumerate((3, 20)):
        order = np.argsort(np.linalg.norm(points - points[i], axis=1))[1:5]
        assert near.index[row].tolist() == order.tolist()
    with pytest.raises(InputError, match="need more than"):
        hamming_neighbours(patterns, 30)


# -- the command ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("probability", []),
        ("hamming", ["--pairs", "50"]),
        ("hamming", ["--all-pairs"]),
        ("bernoulli", ["--pairs", "50", "--replicates", "20"]),
        ("constellations", ["--layer", "2"]),
        ("neighbours", ["--neighbours", "3"]),
    ],
)
def test_stats_are_reported(kind: str, options: list[str], capsys: pytest.CaptureFixture[str]):
    arguments = ["stats", MODEL, kind, "--samples", "60", "--device", "cpu", *options]
    records = []
    for _ in range(2):
        assert main([*arguments, "--json", "--seed", "4"]) == 0
        record = json.loads(capsys.readouterr().out)
        assert record.pop("seconds") >= 0
        records.append(record)
    assert records[0] == records[1]
    assert (records[0]["schema"], records[0]["kind"], records[0]["points"]) == (1, kind, 60)
    assert main(arguments) == 0
    assert f"moons.pt: {kind} at 60 points of uniform" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["probabilty"], "did you mean probability"),
        (["probability", "--device", "tpu"], "device tpu: needs auto"),
        (["probability", "--data", "mnist:nowhere"], "t10k-images-idx3-ubyte"),
        (["probability", "--layers", "3"], "2 layers with bits"),
        (["probability", "--layers", "1", "--layer", "1"], "exclude each other"),
        (["probability", "--domain", "space"], "uniform points need one box"),
        (["probability", "--data", "normal", "--samples", "0"], "--samples 0"),
        (["hamming", "--confidence", "1"], "--confidence 1"),
        (["neighbours", "--output", "x.txt"], "x.txt"),
    ],
)
def test_bad_input(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]):
    assert main(["stats", MODEL, *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and message in captured.err


def test_data_of_another_size_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    np.save(tmp_path / "x.npy", np.zeros((4, 5)))
    assert main(["stats", MODEL, "probability", "--data", f"npy:{tmp_path / 'x.npy'}"]) == 2
    assert "has points of 5 numbers, the model needs 2" in capsys.readouterr().err


def test_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    pytest.importorskip("matplotlib")
    for kind in ("probability", "hamming", "bernoulli", "constellations"):
        file = tmp_path / f"{kind}.svg"
        assert main(["stats", MODEL, kind, "--samples", "30", "--pairs", "9", "-o", str(file)]) == 0
        assert "<svg" in file.read_text(encoding="utf-8")
    assert main(["stats", MODEL, "neighbours", "--samples", "30", "-o", "x.png"]) == 2
    assert "no pictures" in capsys.readouterr().err
    from regions.drawing.images import image_grid

    grid = image_grid(np.arange(96.0).reshape(4, 4, 6), columns=3)
    assert len(grid.axes) == 1
    with pytest.raises(InputError, match="needs pictures"):
        image_grid(np.zeros((3, 3)), columns=1)
