"""Breakpoints along segments against the exact side."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import regions
from regions.cli.main import main
from regions.errors import InputError, ModelError
from regions.graph.straight import straight
from regions.network import Network
from regions.readers.data import read_data
from regions.sample.device import Batches
from regions.sample.evaluator import Evaluator
from regions.sample.rays import Rays, rays

MODEL = str(Path(__file__).resolve().parent.parent / "examples" / "models" / "moons.pt")


def evaluator_of(model: object, **options) -> Evaluator:
    return Evaluator.of(model, device="cpu", precision="double", rounds=True, **options)


def same(found: Rays, network: Network, starts: np.ndarray, ends: np.ndarray) -> None:
    assert found.doubtful.sum() == 0
    for i, (a, b) in enumerate(zip(starts, ends, strict=True)):
        exact = straight(network, a, b)
        expected = [float(t) for t in exact.breakpoints]
        assert found.of(i).tolist() == pytest.approx(expected, abs=1e-12)
        assert (found.hamming[i], found.cumulative[i]) == (exact.hamming, exact.cumulative)


@pytest.mark.parametrize("levels", [1, 3, 6])
def test_sawtooth(levels: int):
    # 2^L pieces on (0, 1), breakpoints k / 2^L: all numbers are exact doubles
    layers = [([[1], [1]], [0, "-1/2"])]
    layers += [([[2, -4], [2, -4]], [0, "-1/2"])] * (levels - 1) + [([[2, -4]], [0])]
    network = Network.from_layers(layers)
    found = rays(evaluator_of(network), np.array([[0.0]]), np.array([[1.0]]))
    assert found.t.tolist() == [k / 2**levels for k in range(1, 2**levels)]
    assert found.hamming.tolist() == [1]
    assert found.density()[0] == 2**levels - 1


def mixed(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Unflatten(1, (1, 5, 5)), nn.Conv2d(1, 3, 3, padding=1), nn.LeakyReLU(0.2),
        nn.MaxPool2d(3, stride=2), nn.Flatten(), nn.Linear(12, 6), nn.Hardtanh(-0.2, 0.1),
        nn.Linear(6, 2),
    )  # fmt: skip


def test_convolutions_pools_and_clips():
    module = mixed(1)
    network = regions.load(module, input_shape=(25,))
    rng = np.random.default_rng(0)
    starts, ends = rng.uniform(-2, 2, (2, 6, 25))
    evaluator = evaluator_of(module, input_shape=(25,))
    found = rays(evaluator, starts, ends)
    assert found.counts.min() > 5
    same(found, network, starts, ends)


def test_batches_do_not_matter(monkeypatch: pytest.MonkeyPatch):
    torch.manual_seed(3)
    evaluator = evaluator_of(
        nn.Sequential(nn.Linear(3, 20), nn.ReLU(), nn.Linear(20, 20), nn.ReLU(), nn.Linear(20, 1))
    )
    rng = np.random.default_rng(0)
    starts, ends = rng.uniform(-3, 3, (2, 9, 3))
    whole = rays(evaluator, starts, ends)
    monkeypatch.setattr("regions.sample.rays._Work._batches", lambda *_: Batches(5))
    parts = rays(evaluator, starts, ends)
    assert parts.t.tolist() == pytest.approx(whole.t.tolist(), abs=1e-13)
    for name in ("counts", "flips", "flips_by_layer", "hamming", "cumulative"):
        assert getattr(parts, name).tolist() == getattr(whole, name).tolist(), name
    assert (whole.cumulative >= whole.hamming).all()
    assert ((whole.cumulative - whole.hamming) % 2 == 0).all()
    assert whole.counts.sum() == len(whole.t) and whole.flips.sum() == whole.flips_by_layer.sum()


def test_the_number_of_regions_on_the_segment():
    network = regions.load(MODEL)
    start, end = np.array([-1.0, 0.5]), np.array([1.0, -0.75])
    found = rays(evaluator_of(network), start[None], end[None])
    segment = regions.Segment(start, end)
    assert found.counts[0] + 1 == int(regions.count(network, segment, engine="lp"))


def test_density_of_parallel_lines():
    # thresholds at all multiples of 1/4 between -10 and 10 along x: 4 a unit along x
    at = np.arange(-10, 10, 0.25) + 0.125
    network = Network.from_layers([(np.tile([1.0, 0.0], (len(at), 1)), -at), (at[None] * 0, [0])])
    rng = np.random.default_rng(0)
    starts = rng.uniform(-5, 5, (400, 2))
    way = rng.uniform(0, 2 * math.pi, 400)
    ends = starts + 2 * np.stack([np.cos(way), np.sin(way)], axis=1)
    found = rays(evaluator_of(network), starts, ends)
    value, low, high = found.density(0.999)
    assert low <= 4 * 2 / math.pi <= high and high - low < 1
    assert value == found.counts.sum() / 800
    seen = np.isfinite(found.first)
    assert (found.first[seen] <= 2).all() and (seen == (found.counts > 0)).all()
    assert found.density()[1] > low


def test_doubtful_signs_are_said():
    # z = 0.7 ((x + 1e6) - x - 1e6) is about zero, below what floats can tell
    network = Network.from_layers(
        [([[0.3], [0.3]], [1e6, 0]), ([[0.7, -0.7]], [-0.7e6]), ([[1]], [0])]
    )
    ends = np.random.default_rng(0).uniform(0.5, 1, (50, 1))
    found = rays(evaluator_of(network), np.zeros((50, 1)), ends)
    assert found.doubtful.sum() > 0


def test_bad_input():
    evaluator = evaluator_of(mixed(0), input_shape=(25,))
    x, y = np.zeros((1, 25)), np.ones((1, 25))
    with pytest.raises(InputError, match="same start and end"):
        rays(evaluator, x, x)
    with pytest.raises(InputError, match="as many ends"):
        rays(evaluator, x, np.ones((2, 25)))
    with pytest.raises(InputError, match="resolution"):
        rays(evaluator, x, y, resolution=0)
    single = Evaluator.of(mixed(0), device="cpu", rounds=True, input_shape=(25,))
    with pytest.raises(InputError, match="double precision"):
        rays(single, x, y)
    pools = Evaluator.of(mixed(0), device="cpu", precision="double", input_shape=(25,))
    with pytest.raises(InputError, match="rounds=True"):
        rays(pools, x, y)
    smooth = nn.Sequential(nn.Linear(25, 2), nn.Sigmoid())
    with pytest.raises(ModelError, match="piecewise linear"):
        rays(Evaluator.of(smooth, device="cpu", precision="double"), x, y)


@pytest.mark.parametrize("way", ["pairs", "random"])
def test_the_command(way: str, capsys: pytest.CaptureFixture[str]):
    arguments = ["rays", MODEL, "--samples", "50", "--number", "20", "--way", way]
    assert main([*arguments, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["segments"] == len(record["counts"]) == 20
    assert [len(t) for t in record["positions"]] == record["counts"]
    assert record["density"]["low"] <= record["density"]["value"] <= record["density"]["high"]
    assert record["doubtful"] == 0 and record["resolution"] == 1e-12
    assert main(arguments) == 0
    assert "breakpoints per unit of length" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--way", "up"], "--way up: needs pairs or random"),
        (["--number", "0"], "--number 0"),
        (["--length", "0"], "--length 0"),
    ],
)
def test_bad_arguments(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]):
    assert main(["rays", MODEL, *arguments]) == 2
    assert message in capsys.readouterr().err


def compared(shared: Path, name: str, starts: np.ndarray, ends: np.ndarray) -> None:
    path = shared / "models" / name
    found = rays(evaluator_of(path), starts, ends)
    same(found, regions.load(path), starts, ends)


@pytest.mark.slow
def test_a_thousand_segments_of_acas_xu(shared: Path):
    starts, ends = np.random.default_rng(1).uniform(-0.5, 0.5, (2, 1000, 5))
    compared(shared, "acasxu_1_1.onnx", starts, ends)


@pytest.mark.slow
def test_a_thousand_segments_between_digits(shared: Path):
    points = read_data(f"mnist:{shared / 'data' / 'mnist'}").points
    some = np.random.default_rng(1).permutation(len(points))[:2000]
    compared(shared, "mnist-net_256x2.onnx", points[some[:1000]], points[some[1000:]])


def test_a_few_segments_between_digits(shared: Path):
    points = read_data(f"mnist:{shared / 'data' / 'mnist'}").points
    compared(shared, "mnist-net_256x2.onnx", points[:3], points[3:6])
