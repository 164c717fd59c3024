"""Compiled: what the vertices engine knows of one node, zeros at its vertices above all."""

from __future__ import annotations

import numpy as np

from solvers.compiling import compiled
from solvers.vertices import popcount

ASIDE = 4  # the place in `state` of how many nodes were set aside
ONE, ZERO = np.uint64(1), np.uint64(0)


@compiled
def size_of(words, frame):
    """How many units a set has."""
    total = np.int64(0)
    for word in range(words.shape[1]):
        total += popcount(words[frame, word])
    return total


@compiled
def clear(sets, place, number):
    """Empty the sets of so many vertices."""
    for word in range(sets.shape[1]):
        for i in range(number):
            sets[place, word, i] = ZERO


@compiled
def find_central(shape, frames, maps, slot, layer, top):
    """The units of a layer whose constant is exactly zero: without bias, and so is all below."""
    below, central = frames.current[top], True
    for word in range(frames.on.shape[1]):
        central &= frames.on[top, word] & ~maps.central[below, word] == ZERO
    for word in range(frames.on.shape[1]):
        maps.central[slot, word] = shape.unbiased[layer, word] if central else ZERO


@compiled
def is_zero(shape, frames, maps, top, layer, unit):
    """Whether a unit is zero for want of a bias and of weights to what is on below."""
    if shape.unbiased[layer, unit >> 6] >> np.uint64(unit & 63) & ONE == ZERO:
        return False
    if layer == 0:
        weights = 0
        for k in range(maps.rows.shape[1] - 1):
            weights += maps.rows[0, k, unit] != 0.0
        return weights == 0
    for u in range(shape.widths[layer - 1]):
        on = frames.on[top, u >> 6] >> np.uint64(u & 63) & ONE == ONE
        if on and shape.weights[layer - 1, u, unit] != 0.0:
            return False
    return True


@compiled
def harden(frames, vertices, top):
    """From now on zeros count; so far there are none."""
    if not frames.hard[top]:
        frames.hard[top] = True
        clear(vertices.zeros, frames.place[top], frames.number[top])


@compiled
def set_signs(vertices, scratch, place, number, unit):
    """Give values the signs that are known, within their error bounds."""
    word, bit = unit >> 6, ONE << np.uint64(unit & 63)
    value, slack = scratch.value, scratch.slack
    for i in range(number):
        if vertices.zeros[place, word, i] & bit != ZERO:
            value[i] = 0.0
            continue
        sign = 1.0 if vertices.signs[place, word, i] & bit != ZERO else -1.0
        if not sign * value[i] > 0.0:  # the true value is between 0 and `slack`
            value[i] = 0.5 * sign * slack[i]
        if not 1e-290 < abs(value[i]) < 1e290:  # any point of an edge will do
            value[i], slack[i] = sign, np.inf


@compiled
def copy_zeros(vertices, scratch, child, place, fresh, side, kept, made, word):
    """Zeros at a child's vertices; the units that are nowhere negative."""
    signs, zeros = vertices.signs, vertices.zeros
    every = ~ZERO
    for i in range(kept):
        known = zeros[place, word, scratch.sides[side, i]]
        zeros[child, word, i] = known
        every &= known | signs[child, word, i]
    for i in range(made):
        known = zeros[fresh, word, i]
        zeros[child, word, kept + i] = known
        every &= known | signs[child, word, kept + i]
    return every


@compiled
def set_aside(frames, vertices, failures, state, top):
    """Record a node whose signs floats cannot tell, and take it off the stack."""
    index = state[ASIDE]
    entered = size_of(frames.active, top) == 0
    failures.layer[index] = frames.layer[top]
    failures.entered[index] = entered
    for word in range(frames.active.shape[1]):
        failures.active[index, word] = frames.active[top, word]
        failures.on[index, :, word] = ZERO
    length, seen = 0, frames.layer[top] + 1  # layers from `seen` on have their bits
    here = top
    while here >= 0:
        layer = frames.layer[here]
        if layer >= 0 and layer < seen:
            for word in range(frames.on.shape[1]):
                failures.on[index, layer, word] = frames.on[here, word]
            seen = layer
        if frames.unit[here] >= 0:
            failures.path[index, length, 0] = layer
            failures.path[index, length, 1] = frames.unit[here]
            failures.path[index, length, 2] = frames.sign[here]
            length += 1
        here = frames.parent[here]
    failures.length[index] = length
    place, number = frames.place[top], frames.number[top]
    for k in range(vertices.x.shape[1]):
        total = 0.0
        for i in range(number):
            total += vertices.x[place, k, i] / number
        failures.middle[index, k] = total
    state[ASIDE] = index + 1
    frames.expanded[top] = True
