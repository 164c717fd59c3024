"""`reach` on networks that people have; without the models in ../shared these tests are skipped."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import regions
from regions import Box, Pattern, Reachable, Unreachable, reach
from tests.test_real_models import SHARED, input_box, mnist_image, model

pytestmark = pytest.mark.skipif(
    not (SHARED / "models").is_dir(), reason="needs the models and images in ../shared"
)


def pattern_of(network: regions.Network, units: np.ndarray) -> Pattern:
    starts = np.cumsum([0, *network.widths])
    return Pattern.from_bits([units[a:b] for a, b in pairwise(starts.tolist())])


@pytest.mark.parametrize("domain", ["prop_3.vnnlib", "box"])
def test_acasxu_patterns_of_points_and_flipped_bits(domain: str):
    network = model("acasxu_1_1.onnx")
    where = Box.cube(5, -1, 1) if domain == "box" else input_box(domain, 5)
    middle = [
        (low + high) / 2
        for low, high in zip(where.lower, where.upper, strict=True)
        if low is not None and high is not None
    ]
    pattern = network.pattern(middle)
    own = reach(network, pattern, where)
    assert isinstance(own, Reachable) and own.interior
    assert network.pattern(own.witness) == pattern
    for flips in ([(1, 7)], [(6, 7)], [(1, 7), (6, 7)]):
        changes = {unit: 1 - (pattern.bit(*unit) or 0) for unit in flips}
        answer = reach(network, pattern.with_bits(changes), where)
        assert answer.decided
        if isinstance(answer, Unreachable):
            assert answer.proof is not None and answer.proof.verify(network, where)
            assert len(answer.proof.units) <= 6  # at most one more than there are inputs
    some = reach(network, pattern.with_bits({(6, unit): None for unit in range(50)}), where)
    assert some.interior is True


def test_acasxu_free_layer_that_no_bits_complete():
    """Layer 2 free, an early bit of layer 3 flipped: every branch is closed, or a witness found."""
    network = model("acasxu_1_1.onnx")
    where = input_box("prop_3.vnnlib", 5)
    pattern = network.pattern([q for q in where.lower if q is not None])
    asked = pattern.with_bits({(2, unit): None for unit in range(50)})
    for unit in range(3):
        flipped = asked.with_bits({(3, unit): 1 - (pattern.bit(3, unit) or 0)})
        answer = reach(network, flipped, where)
        assert answer.decided
        if answer.proof is not None:
            assert answer.proof.verify(network, where)


def test_mnist_half_way_between_two_images():
    network = model("mnist-net_256x2.onnx")
    where = Box.cube(784, 0, 1)
    first, second = (mnist_image(k).reshape(-1) for k in (0, 1))
    own = network.pattern(first.tolist())
    answer = reach(network, own, where)
    assert isinstance(answer, Reachable) and answer.interior
    assert network.pattern(answer.witness) == own
    a, b = own.units(), network.pattern(second.tolist()).units()
    different = np.flatnonzero(a != b)
    a = a.copy()
    a[different[::2]] = b[different[::2]]
    answer = reach(network, pattern_of(network, a), where)
    assert answer.decided
    if answer.proof is not None:
        assert answer.proof.verify(network, where)


@pytest.mark.slow
def test_cifar_pattern_of_an_image():
    network = model("cifar10_small.onnx")
    raw = np.fromfile(Path(SHARED) / "data" / "cifar10" / "test_batch.bin", np.uint8, 3073)
    image = raw[1:].reshape(3, 32, 32).transpose(1, 2, 0).reshape(-1) / 256
    pattern = network.pattern(image.tolist())
    answer = reach(network, pattern, Box.cube(3072, 0, 1))
    assert isinstance(answer, Reachable) and answer.interior
    assert network.pattern(answer.witness) == pattern
