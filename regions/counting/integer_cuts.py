"""Compiled: a node's cone, cut by a hyperplane; its generators and slots (see `integer_state`)."""

from __future__ import annotations

import numpy as np

from regions.counting.compiled import DONE, DRAIN, GROW
from solvers.compiling import compiled
from solvers.copying import assign
from solvers.integer_cone import FULL, LIMIT, essential, free_slot, meet, reduced

ONE, ZERO = np.uint64(1), np.uint64(0)
SIDE = ONE  # slot 0: x_0 >= 0, a facet at infinity


@compiled
def restrict(frames, stores, state, row):
    """Keep the part of the first node where the form is >= 0; DONE, GROW or DRAIN."""
    dim, number = stores.x.shape[1] - 1, frames.number[0]
    some = False
    norm = 0.0
    for k in range(dim + 1):
        norm += abs(float(row[k]))
    for i in range(number):
        if not norm * stores.size[i] < LIMIT:
            return DRAIN
        total = np.int64(0)
        for k in range(dim + 1):
            total += row[k] * stores.x[i, k]
        stores.value[i] = total
        if total < 0 or (total > 0 and i < frames.lines[0]):
            some = True
    if not some:
        return DONE
    slot, made, left, pivot = cut(frames, stores, 0)
    if slot < 0:
        return GROW if made == FULL else DRAIN
    if number + made + number + 1 > stores.x.shape[0]:
        return GROW
    end = child_cone(frames, stores, 0, 1, 0, number, slot, made, left, pivot)
    frames.first[0], frames.number[0], frames.lines[0] = 0, end - number, left
    frames.rank[0], frames.used[0] = frames.rank[1], frames.used[1]
    for i in range(end - number):
        _copy(stores, number + i, i)
    state[1] = end - number
    return DONE


@compiled
def cut(frames, stores, top):
    """The new generators where `stores.value` is zero, into the scratch space.

    Returns the slot of the new facet, or -1; the number of new generators, or why there are none;
    how many are lines; and the line, of frame `top`, that becomes a ray on either side, or -1.
    """
    first, number, lines = frames.first[top], frames.number[top], frames.lines[top]
    slot = free_slot(frames.used[top] | SIDE)
    if slot < 0:
        frames.used[top] = essential(stores.facets, first + lines, first + number, frames.used[top])
        for i in range(first + lines, first + number):
            stores.facets[i] &= frames.used[top]
        slot = free_slot(frames.used[top] | SIDE)
        if slot < 0:
            return np.int64(-1), np.int64(0), np.int64(0), np.int64(-1)
    made, left, pivot = meet(
        stores.x, stores.size, stores.facets, first, lines, number, stores.value,
        frames.rank[top], stores.x.shape[1], stores.new_x, stores.new_size, stores.new_facets, 0,
    )  # fmt: skip
    if made < 0:
        return np.int64(-1), made, left, pivot
    bit = ONE << np.uint64(slot)
    for i in range(made):
        stores.new_size[i] = reduced(stores.new_x, i, stores.x.shape[1])
        stores.new_facets[i] = stores.new_facets[i] | bit if i >= left else ZERO
    return slot, made, left, pivot


@compiled
def child_cone(frames, stores, top, child, side, place, slot, made, left, pivot):
    """Write the generators of one side of a cut from `place` on; where they end.

    Side 0 is where the form is positive.  The signs of the cutting units are copied along.
    """
    first, number, lines = frames.first[top], frames.number[top], frames.lines[top]
    on_rays = ZERO
    begin = place
    for i in range(left):
        _copy_new(stores, i, place)
        place += 1
    if pivot >= 0:
        _copy(stores, pivot, place)
        stores.facets[place] = frames.used[top]
        if (stores.value[pivot] > 0) != (side == 0):
            for k in range(stores.x.shape[1]):
                stores.x[place, k] = -stores.x[place, k]
        on_rays |= stores.facets[place]
        place += 1
    for i in range(left, made):
        _copy_new(stores, i, place)
        on_rays |= stores.facets[place]
        place += 1
    if pivot < 0:
        for i in range(first + lines, first + number):
            value = stores.value[i]
            if value != 0 and (value > 0) == (side == 0):
                _copy(stores, i, place)
                on_rays |= stores.facets[place]
                place += 1
    frames.first[child], frames.number[child], frames.lines[child] = begin, place - begin, left
    frames.rank[child] = frames.rank[top] + 1 if pivot >= 0 else frames.rank[top]
    frames.used[child] = frames.used[top] | (ONE << np.uint64(slot))
    if frames.rank[child] > 1:  # a facet has rays of its own
        frames.used[child] &= on_rays
    return place


@compiled
def _copy(stores, i, place):
    assign(stores.x[place], stores.x[i])
    stores.size[place] = stores.size[i]
    stores.facets[place] = stores.facets[i]
    assign(stores.above[place], stores.above[i])
    assign(stores.below[place], stores.below[i])


@compiled
def _copy_new(stores, i, place):
    assign(stores.x[place], stores.new_x[i])
    stores.size[place] = stores.new_size[i]
    stores.facets[place] = stores.new_facets[i]
    assign(stores.above[place], stores.new_above[i])
    assign(stores.below[place], stores.new_below[i])
