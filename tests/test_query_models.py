"""`nearest` and `adversarial` on ACAS Xu 1_1: bounds under a limit, and radii that agree."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import regions
from regions import Box, Network, Pattern, adversarial, nearest


@pytest.fixture(scope="module")
def acas(shared: Path) -> Network:
    return regions.load(shared / "models" / "acasxu_1_1.onnx")


def test_the_region_nearest_to_300_random_bits_has_bounds(acas: Network):
    rng = np.random.default_rng(0)
    asked = Pattern.from_bits([rng.integers(0, 2, width).tolist() for width in acas.widths])
    domain = Box.cube(5, -1, 1)
    found: Any = nearest(acas, asked, domain, time_limit=3)
    assert not found.optimal and found.stopped == "time limit"
    assert 0 <= found.lower < found.distance < 300
    assert acas.pattern(found.witness) == found.pattern
    assert asked.hamming(found.pattern) == found.distance
    assert regions.reach(acas, found.pattern, domain).interior


def check_radius(network: Network, norm: str) -> Any:
    """The witness is at the radius and changes the class; random points nearer do not."""
    found: Any = adversarial(network, [0] * 5, norm=norm)
    assert found.optimal
    at = [Fraction(v) for v in found.witness]
    outputs = network(at)
    assert outputs[found.reached] == max(outputs) == outputs[found.label]
    size = {"linf": max(map(abs, at)), "l1": sum(map(abs, at)), "l2": sum(v * v for v in at)}
    assert size[norm] == (found.squared if norm == "l2" else found.high)
    rng = np.random.default_rng(1)
    steps = rng.uniform(-1, 1, (20_000, 5))
    order = {"linf": np.inf, "l1": 1, "l2": 2}[norm]
    steps *= 0.999999 * float(found.low) / np.linalg.norm(steps, order, axis=1, keepdims=True)
    assert (network.evaluate(steps).argmax(axis=1) == found.label).all()
    return found


def test_the_least_change_of_class(acas: Network):
    found = check_radius(acas, "linf")
    assert (found.label, found.reached) == (1, 4)
    assert float(found.high) == pytest.approx(0.00650139196, abs=1e-11)


@pytest.mark.slow
def test_norms_are_ordered(acas: Network):
    """‖x‖∞ <= ‖x‖₂ <= √5 ‖x‖∞."""
    linf, l2 = (check_radius(acas, norm) for norm in ("linf", "l2"))
    assert linf.high <= l2.high <= 5**0.5 * float(linf.high)
