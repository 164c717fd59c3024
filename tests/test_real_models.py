"""Networks that people have: ACAS Xu, MNIST and CIFAR-10 models of VNN-COMP 2021.

The models and images lie beside the repository, in ../shared; without them these tests are
skipped. The counts around images have no published value: HiGHS and scipy agreed on those below
when they were written down, and patterns met by sampling never exceed them.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import regions

SHARED = Path(__file__).resolve().parents[2] / "shared"
pytestmark = pytest.mark.skipif(
    not (SHARED / "models").is_dir(), reason="needs the models and images in ../shared"
)


def model(name: str) -> regions.Network:
    return regions.load(SHARED / "models" / name)


def input_box(name: str, dim: int) -> regions.Box:
    from regions.domain_spec import parse_domain

    return parse_domain(f"vnnlib:{SHARED / 'models' / name}", dim)  # pyright: ignore


def mnist_image(index: int) -> np.ndarray:
    """(28, 28) grey values in [0, 1] of one MNIST test image (idx format: 16 bytes of header)."""
    with gzip.open(SHARED / "data" / "mnist" / "t10k-images-idx3-ubyte.gz") as file:
        data = file.read(16 + 784 * (index + 1))
    assert data[:4] == b"\0\0\x08\x03"
    return np.frombuffer(data[16 + 784 * index :], dtype=np.uint8).reshape(28, 28) / 255.0


def cifar_image(index: int) -> np.ndarray:
    """(3, 32, 32) values in [0, 1] of one CIFAR-10 test image (a label byte, then 3072 bytes)."""
    data = (SHARED / "data" / "cifar10" / "test_batch.bin").read_bytes()
    start = 3073 * index + 1
    pixels = np.frombuffer(data[start : start + 3072], dtype=np.uint8)
    return pixels.reshape(3, 32, 32) / 255.0


def test_acas_xu_property_4_has_1201_regions():
    network = model("acasxu_3_3.onnx")
    assert (network.inputs, network.relus) == (5, 300)
    domain = input_box("prop_4.vnnlib", 5)
    result = regions.count(network, domain, engine="lp")
    assert (result.lower, result.upper) == (1201, 1201)


@pytest.mark.slow
def test_acas_xu_property_3_reports_bounds_after_twenty_seconds():
    network = model("acasxu_1_1.onnx")
    result = regions.count(network, input_box("prop_3.vnnlib", 5), engine="lp", time_limit=20)
    assert 1 < result.lower <= 71930 <= result.upper
    assert result.stopped == "time limit" and result.unresolved == 0


def test_acas_xu_property_3_starts_and_reports_bounds():
    network = model("acasxu_1_1.onnx")
    result = regions.count(network, input_box("prop_3.vnnlib", 5), engine="lp", time_limit=5)
    assert 1 < result.lower <= 71930 <= result.upper
    assert result.stopped == "time limit"


def as_mnist(image: np.ndarray) -> np.ndarray:
    return image.reshape(-1)


def rows_first(image: np.ndarray) -> np.ndarray:
    """Channels last, as the model reads them."""
    return image.transpose(1, 2, 0).reshape(-1)


def noisy(image: np.ndarray) -> np.ndarray:
    """The image with fixed noise: in a constant background every max-pooling has ties."""
    return image + 0.05 * np.random.default_rng(0).uniform(-1, 1, size=image.shape)


@dataclass(frozen=True)
class Around:
    """A ball around an image, small enough for a count of seconds."""

    model: str
    center: Callable[[], np.ndarray]
    radius: Fraction
    regions: int


BALLS = (
    Around("mnist-net_256x2.onnx", lambda: as_mnist(mnist_image(0)), Fraction(1, 500), 5),
    Around("Convnet_maxpool.onnx", lambda: as_mnist(noisy(mnist_image(0))), Fraction(1, 200000), 8),
    Around("Convnet_avgpool.onnx", lambda: as_mnist(mnist_image(0)), Fraction(1, 10000), 2),
    Around("cifar10_small.onnx", lambda: rows_first(cifar_image(0)), Fraction(1, 10000), 256),
    Around("resnet_2b.onnx", lambda: cifar_image(0).reshape(-1), Fraction(1, 10000), 16),
)


@pytest.mark.parametrize("around", BALLS, ids=lambda around: around.model)
def test_counting_in_a_small_ball_around_an_image(around: Around):
    network, center = model(around.model), around.center()
    result = regions.count(network, regions.Ball(center, around.radius), engine="lp")
    assert (result.lower, result.upper) == (around.regions, around.regions)
    assert result.unresolved == 0 and result.stopped is None
    rng = np.random.default_rng(0)
    radius = float(around.radius) * (1 - 1e-9)  # rounding may not leave the ball
    corners = [center + radius * rng.choice([-1, 1], size=center.shape) for _ in range(20)]
    assert len({network.pattern(x) for x in corners}) <= around.regions
