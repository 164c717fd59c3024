"""Compiled: the counting tree on cells that are kept as simplex dictionaries.

A node is a cell in which all bits of the earlier layers, and some of the current layer, are known.
It holds a feasible dictionary, whose rows are the splits above it and the undecided units of the
layer, and a point strictly inside.  To decide a unit, its row is driven to the sign that it does
not have at the vertex.  If it crosses zero, the two ends of that edge are feasible vertices of the
two children, and a point between the node's own and the far vertex lies inside the other child; if
it does not, the multipliers at the optimum prove that the unit keeps its sign.  Where few units of
the last layer are open, and regions are counted only, `simplex_flats` counts all at once.

Dictionaries only propose.  Every point is evaluated on the original forms, every proof is a sum of
the original forms, both outside their error bounds.  Where that fails, the dictionary is built
afresh once, and then the node is set aside, for an exact engine to count.
"""

from __future__ import annotations

import numpy as np

from regions.counting.compiled import DONE, DRAIN, GROW, PAUSED
from regions.counting.leaf_kernel import write_leaf
from regions.counting.simplex_cell import (
    centred,
    crossing_point,
    enter,
    is_inside,
    no_crossing,
    rebuild,
    retrace,
    split,
    value_at,
)  # fmt: skip
from regions.counting.simplex_flats import ROOM, TOGETHER, count_flats
from solvers.compiling import compiled
from solvers.copying import assign
from solvers.dictionary import FREE, LOST, OPTIMAL, drive, drop_row, entry

TOP, FOUND, NODES, SPLITS, FAILED, STEPS, PROOFS = 0, 1, 2, 3, 4, 5, 6


@compiled
def run(shape, frames, forms, scratch, flats, failures, leaves, state, budget):
    """Go on until nothing is left (DONE) or the caller is needed.

    PAUSED: `budget` decisions are done.  GROW: the stack is full.  DRAIN: the failures are, or
    `leaves`, where a step may need room for two.
    """
    layers, room = shape.widths.shape[0], leaves.bits.shape[0]
    for _ in range(budget):
        top = state[TOP] - 1
        if top < 0:
            return DONE
        if top + 2 > frames.layer.shape[0]:
            return GROW
        if state[FAILED] == failures.layer.shape[0] or (room > 0 and leaves.used[0] + 2 > room):
            return DRAIN
        opened = frames.basis.rows[top] - frames.splits[top]
        if opened == 0:
            if frames.layer[top] == layers - 1:
                if room > 0:
                    write_leaf(leaves, shape, frames.status[top], frames.point[top], 0)
                state[FOUND] += 1
                state[TOP] = top
            else:
                state[NODES] += 1
                enter(shape, frames, forms, top)
            continue
        state[NODES] += 1
        few = frames.layer[top] == layers - 1 and 1 < opened <= TOGETHER
        if room == 0 and few and _together(shape, frames, forms, scratch, flats, state, top):
            continue
        if not _decide(shape, frames, forms, scratch, leaves, state, top, layers):
            if frames.fresh[top] == 0:
                rebuild(shape, frames, forms, top)
            else:
                set_aside(frames, forms, failures, state, top)
    return PAUSED


@compiled
def _together(shape, frames, forms, scratch, flats, state, top):
    """Whether the regions of a cell of the last layer were counted without making them."""
    if frames.whole[top] != 0:
        return False
    found = count_flats(shape, frames, forms, scratch, flats, top)
    state[STEPS] += flats.tally[2]
    if found == 0:
        frames.whole[top] = 1
        return False
    state[FOUND] += found
    state[SPLITS] += flats.tally[0]
    state[PROOFS] += flats.tally[1]
    state[TOP] = top
    return True


@compiled
def begin(shape, frames, forms, given, path):
    """Make the first node the cell of a path: (layer, unit, sign) of each split, below the sides.

    Its layer, bits and point are there; false where the point is not certainly inside.
    """
    retrace(shape, frames, forms, given, path)
    frames.weight[0], frames.whole[0] = 1, 0
    rebuild(shape, frames, forms, 0)
    return is_inside(shape, frames, forms, 0, frames.point[0])


@compiled
def _decide(shape, frames, forms, scratch, leaves, state, top, layers):
    """Decide the first open unit of the node; False where floats cannot."""
    d, layer, dim, row = frames.basis, frames.layer[top], shape.middle.shape[0], 0
    while d.row_kind[top, row] != FREE:
        row += 1
    unit = d.row_name[top, row]
    here = value_at(forms.rows[layer, unit], frames.point[top])
    if not abs(here) > forms.errors[layer, unit]:
        for _ in range(4):
            if not centred(shape, frames, forms, scratch, top):
                return False
            here = value_at(forms.rows[layer, unit], frames.point[top])
            if abs(here) > forms.errors[layer, unit]:
                break
        if not abs(here) > forms.errors[layer, unit]:
            return False
    sign = 1.0 if here > 0.0 else -1.0
    at_vertex = entry(d, top, row, dim)
    vertex_sign = sign if abs(at_vertex) < 1e-9 else (1.0 if at_vertex > 0.0 else -1.0)
    limit, room, proven = 50 * (d.rows[top] + dim), ROOM if vertex_sign == sign else np.inf, False
    code, column, leaving, length, steps = drive(d, top, row, -vertex_sign, limit, room)
    if code == OPTIMAL and room < np.inf:
        proven = no_crossing(shape, d, top, frames.path_sign[top], forms, scratch, layer, row, sign)
        if not proven:  # once more, to the very end
            code, column, leaving, length, more = drive(d, top, row, -sign, limit, np.inf)
            steps += more
    state[STEPS] += steps
    if code == LOST:
        return False
    if code == OPTIMAL:
        if vertex_sign != sign:
            return False
        state[PROOFS] += 1
        if not proven and not no_crossing(
            shape, d, top, frames.path_sign[top], forms, scratch, layer, row, sign
        ):
            return False
        frames.status[top, layer, unit] = 1 if sign > 0.0 else 0
        drop_row(d, top, row)
        centred(shape, frames, forms, scratch, top)
        return True
    far = vertex_sign == sign  # the far end of the edge is the vertex that has the other sign
    if not crossing_point(
        shape, frames, forms, scratch, top, unit, here, far, column, leaving, length
    ):
        return False
    state[STEPS] += 1
    state[SPLITS] += 1
    if layer == layers - 1 and d.rows[top] == frames.splits[top] + 1:
        bit = 1 if sign > 0.0 else 0
        two_leaves(shape, frames, leaves, state, top, bit, frames.point[top], scratch.point)
        return True
    split(frames, forms, scratch, top, row, unit, vertex_sign, far, column, leaving, length)
    state[TOP] = top + 2
    return True


@compiled
def two_leaves(shape, frames, leaves, state, top, bit, point, other):
    """The last open unit of the last layer crosses: its bit at one point and at the other."""
    if leaves.bits.shape[0] > 0:
        status = frames.status[top]
        write_leaf(leaves, shape, status, point, bit)
        write_leaf(leaves, shape, status, other, 1 - bit)
    state[FOUND] += 2
    state[TOP] = top


@compiled
def set_aside(frames, forms, failures, state, top):
    """Record a node that floats cannot decide, and take it off the stack."""
    index = state[FAILED]
    splits = frames.splits[top]
    failures.layer[index] = frames.layer[top]
    for m in range(failures.status.shape[1]):
        assign(failures.status[index, m], frames.status[top, m])
    failures.length[index] = splits
    for i in range(splits):
        failures.path[index, i, 0] = forms.path_layer[i]
        failures.path[index, i, 1] = forms.path_unit[i]
        failures.path[index, i, 2] = np.int64(frames.path_sign[top, i])
    assign(failures.point[index], frames.point[top])
    state[FAILED] = index + 1
    state[TOP] = top
