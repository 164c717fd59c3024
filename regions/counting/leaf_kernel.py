"""Compiled: a leaf of either tree, written into the buffer of regions."""

from __future__ import annotations

import numpy as np

from solvers.compiling import compiled
from solvers.vertices import popcount

FOLLOWS = 2  # what stands for the bit of a unit that shares a hyperplane with one before it
ONE, ZERO = np.uint64(1), np.uint64(0)


@compiled
def write_leaf(leaves, shape, status, point, bit):
    """A region whose bits are those of `status` (layers, width); an undecided one is `bit`."""
    index, place = leaves.used[0], 0
    for layer in range(shape.widths.shape[0]):
        for unit in range(shape.widths[layer]):
            known, flipped = status[layer, unit], 0
            if known == FOLLOWS:
                known = status[layer, shape.leader[layer, unit]]
                flipped = shape.flipped[layer, unit]
            leaves.bits[index, place] = (known if known >= 0 else bit) ^ flipped
            place += 1
    for k in range(point.shape[0]):
        leaves.point[index, k] = point[k]
    leaves.used[0] = index + 1


@compiled
def write_cell(leaves, widths, frames, vertices, top):
    """A region kept by its vertices: frame `top`, in which all bits are known.

    Its point is the mean of the vertices; every facet of a simple polytope has one.  A set of other
    facets may have redundant ones.
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
    place, number, dim = frames.place[top], frames.number[top], leaves.point.shape[1]
    facets = ZERO
    for i in range(number):
        facets |= vertices.facets[place, i]
    for k in range(dim):
        total = 0.0
        for i in range(number):
            total += vertices.x[place, k, i]
        leaves.point[index, k] = total / number
    leaves.facets[index] = -1 if frames.hard[top] else popcount(facets)
    leaves.used[0] = index + 1
