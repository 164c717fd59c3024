"""Networks whose hyperplanes meet in special ways, with counts that are known by hand."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, product

import numpy as np

import regions
from benchmarks.networks import Bench

Layers = list[tuple[list[list[float]], list[float]]]


def _bench(name: str, known: int, layers: Callable[[], Layers]) -> Bench:
    """The layers, with the sum of the last units as output, on the cube [-1, 1]^n."""

    def make() -> tuple[regions.Network, regions.Box]:
        made = layers()
        network = regions.Network.from_layers([*made, ([[1.0] * len(made[-1][1])], [0.0])])
        return network, regions.Box.cube(network.inputs, -1, 1)

    return Bench(name, known, make)


def braid(n: int) -> Layers:
    """x_i - x_j: n! regions."""
    unit = np.eye(n)
    rows = [(unit[i] - unit[j]).tolist() for i, j in combinations(range(n), 2)]
    return [(rows, [0.0] * len(rows))]


def resonance(n: int) -> Layers:
    """Sums of coordinates, every non-empty choice of them."""
    rows = [list(map(float, row)) for row in product((0, 1), repeat=n) if any(row)]
    return [(rows, [0.0] * len(rows))]


def corner() -> Layers:
    """x + y - 2, which touches the square in a corner only, and x - y: 2 regions."""
    return [([[1.0, 1.0], [1.0, -1.0]], [-2.0, 0.0])]


def twice() -> Layers:
    """The same hyperplane three times, once the other way round, and two dead units: 2 regions."""
    rows = [[1.0, 2.0], [2.0, 4.0], [-1.0, -2.0], [0.0, 0.0], [0.0, 0.0]]
    return [(rows, [0.25, 0.5, -0.25, 1.0, -1.0])]


def diamond() -> Layers:
    """|x| + |y| against 1/2, 1 and 3/2, from ReLU(±x), ReLU(±y): 4 in each quadrant."""
    below = [[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]
    return [(below, [0.0] * 4), ([[1.0] * 4] * 3, [-0.5, -1.0, -1.5])]


def sawtooth(depth: int) -> Layers:
    """Telgarsky's sawtooth on each of two axes of the square: (2^depth)² regions."""
    first = [[0.5, 0.0], [0.5, 0.0], [0.0, 0.5], [0.0, 0.5]], [0.5, 0.0, 0.5, 0.0]
    block = [[2.0, -4.0, 0.0, 0.0], [2.0, -4.0, 0.0, 0.0]]
    other = [row[2:] + row[:2] for row in block]
    return [first, *[(block + other, [0.0, -0.5, 0.0, -0.5])] * (depth - 1)]


DEGENERATE = (
    _bench("corner", 2, corner),
    _bench("same hyperplane", 2, twice),
    _bench("diamond", 16, diamond),
    _bench("sawtooth 3", 64, lambda: sawtooth(3)),
    _bench("braid 3", 6, lambda: braid(3)),
    _bench("braid 4", 24, lambda: braid(4)),
    _bench("resonance 4", 370, lambda: resonance(4)),
)
