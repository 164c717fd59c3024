"""Compiled: a leaf of either tree, written into the buffer of regions."""

from __future__ import annotations

import numpy as np

from solvers.compiling import compiled
from solvers.vertices import popcount

ONE, ZERO = np.uint64(1), np.uint64(0)


@compiled
def write_leaf(leaves, widths, status, point, bit):
    """A region whose bits are those of `status` (layers, width); an undecided one is `bit`."""
    index, place = leaves.used[0], 0
    for layer in range(widths.shape[0]):
        for unit in range(widths[layer]):
            known = status[layer, unit]
            leaves.bits[index, place] = known if known >= 0 else bit
            place += 1
    for k in range(point.shape[0]):
        leaves.point[index, k] = point[k]
    leaves.used[0] = index + 1


@compiled
def write_cell(leaves, widths, frames, stores, top):
    """A region kept by its vertices: frame `top`, in which all bits are known.

    Its point is the mean of the vertices; every facet of a simple polytope has one.
    """
    index = leaves.used[0]
    layer, place = widths.shape[0], leaves.bits.shape[1]
    here = top
    while layer > 0:
        if frames.layer[here] == layer - 1:  # the last node of the layer knows all of its bits
            layer -= 1
            place -= widths[layer]
            on = frames.on[here]
            for unit in range(widths[layer]):
                leaves.bits[index, place + unit] = on[unit >> 6] >> np.uint64(unit & 63) & ONE
        here = frames.parent[here]
    first, number, dim = frames.first[top], frames.number[top], leaves.point.shape[1]
    facets = ZERO
    for k in range(dim):
        leaves.point[index, k] = 0.0
    for i in range(first, first + number):
        facets |= stores.facets[i]
        for k in range(dim):
            leaves.point[index, k] += stores.x[i, k]
    for k in range(dim):
        leaves.point[index, k] /= number
    leaves.facets[index] = popcount(facets)
    leaves.used[0] = index + 1
