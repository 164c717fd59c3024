"""Windows of pools over a whole tensor, as flat indices, and the rounds of a pairwise maximum."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from regions.layers import AveragePool, MaxPool, Shape


def pool_index(op: AveragePool | MaxPool, shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """Which entries of a tensor (N, C, *spatial) each window reads, and by what a mean divides.

    Returns
    -------
    index : (windows, taps)
        Flat positions, -1 in the padding.
    divisors : (windows,)
    """
    batch, channels, *spatial = shape
    taps, counted = op.window.positions(tuple(spatial))
    offset = np.arange(batch * channels)[:, None, None] * math.prod(spatial)
    index = np.where(taps >= 0, taps + offset, -1).reshape(-1, taps.shape[1])
    if isinstance(op, MaxPool):
        return index, np.ones(len(index))
    if op.divisor is not None:
        return index, np.full(len(index), op.divisor)
    inside = np.tile(counted, (batch * channels, 1)) if op.count_padding else index >= 0
    return index, inside.sum(axis=1)


@dataclass(frozen=True, eq=False)
class Round:
    """max(a, b) = a + R(b - a) over pairs: entries `first` and `second`, one unit each.

    The next values are x[kept] + R[unit], where unit -1 adds nothing.  `pairs` is their number in
    each window, 0 where windows differ.
    """

    first: np.ndarray
    second: np.ndarray
    kept: np.ndarray
    unit: np.ndarray
    pairs: int


def max_rounds(index: np.ndarray) -> tuple[list[Round], np.ndarray]:
    """The rounds of `regions.lowering` for windows (windows, taps), and where the maxima lie then.

    Examples
    --------
    >>> steps, last = max_rounds(np.array([[0, 1, 2]]))
    >>> [(step.first.tolist(), step.second.tolist()) for step in steps], last.tolist()
    ([([0], [1]), ([0], [1])], [0])
    """
    order = np.argsort(index < 0, axis=1, kind="stable")  # padding last, order kept
    entries = np.take_along_axis(index, order, axis=1)
    steps = []
    while (width := int((entries >= 0).sum(axis=1).max())) > 1:
        entries = np.pad(entries, ((0, 0), (0, 1)), constant_values=-1)[:, : width + width % 2]
        first, second = entries[:, 0::2], entries[:, 1::2]
        present, paired = first >= 0, second >= 0
        unit = np.where(paired, np.cumsum(paired).reshape(paired.shape) - 1, -1)[present]
        pairs = paired.shape[1] if paired.all() else 0
        steps.append(Round(first[paired], second[paired], first[present], unit, pairs))
        entries = np.where(present, np.cumsum(present).reshape(present.shape) - 1, -1)
    return steps, entries[:, 0]
