"""Rigorous interval bounds of every pre-activation over a box."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from regions.network import Layer, Network
from solvers.exact_matrix import TINY_ENTRY, ExactMatrix
from solvers.float_rows import TINY, gamma
from solvers.float_rows import UNIT_ROUNDOFF as UNIT


def stable_bits(network: Network, lower: np.ndarray, upper: np.ndarray) -> list[np.ndarray]:
    """For each ReLU layer, 1 or 0 where interval arithmetic fixes the bit on the box, else -1.

    Bit 1 needs z > 0 and bit 0 needs z <= 0 everywhere on the box.  An unbounded box fixes nothing.
    """
    if not (np.isfinite(lower).all() and np.isfinite(upper).all()):
        return [np.full(width, -1, dtype=np.int8) for width in network.widths]
    ranges = [(lower, upper)]
    result = []
    for layer in network.layers:
        low, high = layer_bounds(layer, ranges)
        bits = np.full(layer.units, -1, dtype=np.int8)
        bits[low > 0] = 1
        bits[high <= 0] = 0
        result.append(bits)
        ranges.append((np.maximum(low, 0.0), np.maximum(high, 0.0)))
    return result


def layer_bounds(
    layer: Layer, ranges: Sequence[tuple[np.ndarray, np.ndarray]]
) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of a layer's pre-activations, given bounds of its sources; rounded outwards."""
    bias = np.asarray(layer.bias.approx)[:, 0]
    low, high, size = bias.copy(), bias.copy(), np.abs(bias)
    terms = 3
    with np.errstate(over="ignore", invalid="ignore"):
        for source, block in layer.weights:
            below, above = ranges[source]
            positive, negative = _parts(block)
            low = low + positive @ below + negative @ above
            high = high + positive @ above + negative @ below
            size = size + block.magnitude @ np.maximum(np.abs(below), np.abs(above))
            terms += block.shape[1] + 3
            if block.has_tiny:
                size = size + np.sum(np.maximum(np.abs(below), np.abs(above))) * TINY_ENTRY / UNIT
        error = gamma(terms) * size + TINY
        low, high = low - error, high + error
    return np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)


def _parts(block: ExactMatrix) -> tuple[np.ndarray | sp.csr_array, np.ndarray | sp.csr_array]:
    """Positive and negative part of a block."""
    if isinstance(block.approx, np.ndarray):
        return np.maximum(block.approx, 0.0), np.minimum(block.approx, 0.0)
    return (block.approx + block.magnitude) / 2, (block.approx - block.magnitude) / 2
