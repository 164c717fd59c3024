"""Compiled: an integer node as others see it: a point inside, a region, a cell set aside."""

from __future__ import annotations

import numpy as np

from regions.counting.integer_cuts import SIDE
from solvers.compiling import compiled
from solvers.copying import assign
from solvers.integer_cone import essential
from solvers.vertices import popcount

ONE, ZERO = np.uint64(1), np.uint64(0)


@compiled
def is_empty(words):
    """Whether a set of units has none."""
    for word in words:  # noqa: SIM110 (numba compiles no generators)
        if word != ZERO:
            return False
    return True


@compiled
def middle_of(frames, stores, f, point):
    """A point inside frame f's cell: the mean of its vertices, some way along its directions."""
    dim = point.shape[0]
    point[:] = 0.0
    first, number, vertices = frames.first[f], frames.number[f], 0
    start = first + frames.lines[f]
    for i in range(start, first + number):
        if stores.x[i, dim] > 0:
            vertices += 1
            for k in range(dim):
                point[k] += float(stores.x[i, k]) / float(stores.x[i, dim])
    reach = 1.0
    for k in range(dim):
        point[k] /= vertices
        reach = max(reach, abs(point[k]))
    for i in range(start, first + number):
        if stores.x[i, dim] == 0:
            for k in range(dim):
                point[k] += reach * (float(stores.x[i, k]) / stores.size[i])


@compiled
def write_cell(leaves, widths, frames, stores, top):
    """A region, and the number of its facets: frame `top`, in which all bits are known."""
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
    first, stop = frames.first[top], frames.first[top] + frames.number[top]
    facets = essential(stores.facets, first + frames.lines[top], stop, frames.used[top])
    leaves.facets[index] = popcount(facets & ~SIDE)
    middle_of(frames, stores, top, leaves.point[index])
    leaves.used[0] = index + 1


@compiled
def set_aside(frames, stores, failures, state, top):
    """Record a node whose numbers get too long, and take it off the stack."""
    index = state[5]
    entered = is_empty(frames.active[top])
    failures.layer[index] = frames.layer[top]
    failures.entered[index] = entered
    assign(failures.active[index], frames.active[top])
    failures.on[index] = ZERO
    length = 0
    here = top
    while here >= 0:
        layer = frames.layer[here]
        if layer >= 0 and is_empty(failures.on[index, layer]):
            assign(failures.on[index, layer], frames.on[here])
        if frames.unit[here] >= 0:
            failures.path[index, length, 0] = layer
            failures.path[index, length, 1] = frames.unit[here]
            failures.path[index, length, 2] = frames.sign[here]
            length += 1
        here = frames.parent[here]
    failures.length[index] = length
    middle_of(frames, stores, top, failures.middle[index])
    state[5] = index + 1
    frames.expanded[top] = True
