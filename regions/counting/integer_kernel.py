"""Compiled: the counting tree on cells that are kept by integer generators.

A node is a cell in which all bits of the earlier layers, and some of the current layer, are known:
a cone over x_0 >= 0, whose rays are vertices (x_0 > 0) and directions (x_0 = 0) of the cell.  A
form that is positive at one generator and negative at another cuts the cell; one that is zero at
all of them is zero on the cell, and its bit is 0.  All signs are exact, so degenerate cells are
cells like any other.

The rows of the next layer are kept up to date by rank-one updates, as in `vertex_kernel`.  The
regions of a cell of the last layer are counted without being made, unless they are listed, or the
numbers of a section get too long.  A cell whose own numbers do is set aside ("failed") with its
path, for another exact engine to count.
"""

from __future__ import annotations

import numpy as np

from regions.counting.compiled import DONE, DRAIN, GROW, PAUSED
from regions.counting.integer_cuts import child_cone, cut
from regions.counting.integer_nodes import is_empty, set_aside, write_cell
from regions.counting.integer_sections import FAILED, LONG, count_sections
from solvers.compiling import compiled
from solvers.copying import assign, assign_all
from solvers.integer_cone import FULL, LIMIT, divisor
from solvers.vertices import lowest_bit, popcount

ONE, ZERO = np.uint64(1), np.uint64(0)


@compiled
def run(network, frames, stores, failures, leaves, state, budget):
    """Go on until nothing is left (DONE) or the caller is needed.

    `state` holds [frames on the stack, generators in use, regions found, nodes, splits, failures,
    whether the cells of the last layer are to be made].
    PAUSED: `budget` nodes are done.  GROW: a store is full.  DRAIN: the failures are, or `leaves`.
    """
    layers, room = network.widths.shape[0], leaves.bits.shape[0]
    for _ in range(budget):
        top = state[0] - 1
        if top < 0:
            return DONE
        if frames.expanded[top]:
            if frames.unit[top] >= 0 or frames.parent[top] < 0:
                state[1] = frames.first[top]
            state[0] = top
            continue
        if state[5] == failures.layer.shape[0] or (room > 0 and leaves.used[0] == room):
            return DRAIN
        if top + 4 >= frames.layer.shape[0]:
            return GROW
        state[3] += 1
        if is_empty(frames.active[top]):
            if frames.layer[top] == layers - 1:
                if room > 0:
                    write_cell(leaves, network.widths, frames, stores, top)
                state[2] += 1
                frames.expanded[top] = True
                continue
            outcome = _enter(network, frames, stores, state, top, layers, room > 0 or state[6] > 0)
            if outcome == FAILED:  # of the sections; its parts may have shorter numbers
                outcome = _split(network, frames, stores, state, state[0] - 1)
                if outcome == GROW:  # and then again from the start
                    state[0] = top + 1
                    frames.expanded[top] = False
                elif outcome == DRAIN:
                    set_aside(frames, stores, failures, state, state[0] - 1)
                    outcome = DONE
        else:
            outcome = _split(network, frames, stores, state, top)
        if outcome in (GROW, PAUSED):
            return outcome
        if outcome == DRAIN:
            set_aside(frames, stores, failures, state, top)
    return PAUSED


@compiled
def _size(words):
    total = 0
    for word in words:
        total += popcount(word)
    return total


@compiled
def _enter(network, frames, stores, state, top, layers, making):
    """Signs of the next layer's units at all generators; its cutting units; the map after it.

    FAILED: the numbers of sections got too long; the node is on the stack, to be split.
    """
    layer = frames.layer[top] + 1
    first, number, lines = frames.first[top], frames.number[top], frames.lines[top]
    slot = top if layer > 0 else stores.maps.shape[0] - 1
    dim = stores.x.shape[1] - 1
    rows, forms, norms = stores.maps[slot], stores.forms[slot], stores.norms[slot]
    new = state[0]
    active, on = frames.active[new], frames.on[new]
    width = network.widths[layer]
    longest = 0.0
    for h in range(width):
        common = np.int64(0)
        for k in range(dim + 1):
            common = divisor(abs(rows[k, h]), common)
        norms[h] = 0.0
        for k in range(dim + 1):
            forms[k, h] = rows[k, h] // common if common > 1 else rows[k, h]
            norms[h] += abs(float(forms[k, h]))
        longest = max(longest, norms[h])
    active[:] = ZERO
    on[:] = ZERO
    value = stores.value
    for i in range(first, first + number):
        above, below = stores.above[i], stores.below[i]
        above[:] = ZERO
        below[:] = ZERO
        if not longest * stores.size[i] < LIMIT:
            return DRAIN
        for h in range(width):
            value[h] = forms[dim, h] * stores.x[i, dim]
        for k in range(dim):
            entry = stores.x[i, k]
            if entry != 0:
                for h in range(width):
                    value[h] += forms[k, h] * entry
        for h in range(width):
            if value[h] == 0:
                continue
            bit = ONE << np.uint64(h & 63)
            if value[h] > 0 or i < first + lines:
                above[h >> 6] |= bit
            if value[h] < 0 or i < first + lines:
                below[h >> 6] |= bit
        for word in range(on.shape[0]):
            on[word] |= above[word]
            active[word] |= below[word]
    for word in range(on.shape[0]):
        some_above, some_below = on[word], active[word]
        on[word] = some_above & ~some_below
        active[word] = some_above & some_below
    cutting = _size(active)
    failed = False
    if layer == layers - 1 and not making:
        counted = count_sections(frames, stores, top, slot, active, cutting)
        if counted > 0:
            state[2] += counted
            frames.expanded[top] = True
            return DONE
        if counted == LONG:
            return PAUSED
        if counted == FULL:
            return GROW
        failed = True
    if layer < layers - 1:
        following = stores.maps[new]
        following[:, :] = 0
        assign(following[dim], network.biases[layer + 1])
        for h in range(width):
            if on[h >> 6] >> np.uint64(h & 63) & ONE:
                _add(network, following, rows, layer, h, dim)
    frames.layer[new] = layer
    frames.first[new] = first
    frames.number[new] = number
    frames.lines[new] = lines
    frames.rank[new] = frames.rank[top]
    frames.used[new] = frames.used[top]
    frames.parent[new] = top
    frames.unit[new] = -1
    frames.sign[new] = 0
    frames.current[new] = slot
    frames.expanded[new] = False
    frames.expanded[top] = True
    state[0] = new + 1
    return np.int64(FAILED) if failed else np.int64(DONE)


@compiled
def _add(network, following, rows, layer, unit, dim):
    """Rank-one update: the next layer's rows, now that `unit` is on (bounded beforehand)."""
    weights = network.weights[layer, unit]
    for k in range(dim + 1):
        factor = rows[k, unit]
        if factor != 0:
            for h in range(network.widths[layer + 1]):
                following[k, h] += weights[h] * factor


@compiled
def _split(network, frames, stores, state, top):
    """Cut the cell by one of its cutting units and push the two children."""
    layer, slot = frames.layer[top], frames.current[top]
    first, number = frames.first[top], frames.number[top]
    dim, words = stores.x.shape[1] - 1, frames.active.shape[1]
    forms, norms = stores.forms[slot], stores.norms[slot]
    active = frames.active[top]
    unit = 0
    for word in range(words):
        if active[word] != ZERO:
            unit = (word << 6) + lowest_bit(active[word])
            break
    for i in range(first, first + number):
        if not norms[unit] * stores.size[i] < LIMIT:
            return DRAIN
        total = np.int64(0)
        for k in range(dim + 1):
            total += forms[k, unit] * stores.x[i, k]
        stores.value[i] = total
    facet, made, left, pivot = cut(frames, stores, top)
    if facet < 0:
        return GROW if made == FULL else DRAIN
    if state[1] + 2 * (number + made + 1) > stores.x.shape[0]:
        return GROW
    if not _new_signs(frames, stores, top, slot, unit, made, left):
        return DRAIN
    state[4] += 1
    own_word, own_bit = unit >> 6, ONE << np.uint64(unit & 63)
    for side in range(2):
        child, place = state[0], state[1]
        end = child_cone(frames, stores, top, child, side, place, facet, made, left, pivot)
        if pivot >= 0:
            _pivot_signs(frames, stores, top, slot, place + left)
        cutting, on = frames.active[child], frames.on[child]
        for word in range(words):
            above, below = ZERO, ZERO
            for i in range(place, end):
                above |= stores.above[i, word]
                below |= stores.below[i, word]
            here = active[word]
            if word == own_word:
                here &= ~own_bit
            cutting[word] = here & above & below
            on[word] = frames.on[top, word] | (here & above & ~below)
            if word == own_word and side == 0:
                on[word] |= own_bit
        frames.layer[child] = layer
        frames.parent[child] = top
        frames.unit[child] = unit
        frames.sign[child] = 1 if side == 0 else -1
        frames.current[child] = slot
        frames.expanded[child] = False
        if layer < network.widths.shape[0] - 1:
            following = stores.maps[child]
            assign_all(following, stores.maps[top])
            for word in range(words):
                fresh = on[word] & ~frames.on[top, word]
                while fresh != ZERO:
                    bit = fresh & (~fresh + ONE)
                    fresh ^= bit
                    u = (word << 6) + lowest_bit(bit)
                    _add(network, following, stores.maps[slot], layer, u, dim)
        state[0] = child + 1
        state[1] = end
    frames.expanded[top] = True
    return DONE


@compiled
def _new_signs(frames, stores, top, slot, unit, made, left):
    """Signs of the other cutting units at the new generators; False if numbers are too long."""
    dim = stores.x.shape[1] - 1
    forms, norms = stores.forms[slot], stores.norms[slot]
    for i in range(made):
        stores.new_above[i, :] = ZERO
        stores.new_below[i, :] = ZERO
    for word in range(frames.active.shape[1]):
        rest = frames.active[top, word]
        while rest != ZERO:
            bit = rest & (~rest + ONE)
            rest ^= bit
            h = (word << 6) + lowest_bit(bit)
            if h == unit:
                continue
            for i in range(made):
                if not norms[h] * stores.new_size[i] < LIMIT:
                    return False
                total = np.int64(0)
                for k in range(dim + 1):
                    total += forms[k, h] * stores.new_x[i, k]
                if total > 0 or (i < left and total < 0):
                    stores.new_above[i, word] |= bit
                if total < 0 or (i < left and total > 0):
                    stores.new_below[i, word] |= bit
    return True


@compiled
def _pivot_signs(frames, stores, top, slot, place):
    """Signs of the cutting units at a ray that was a line."""
    dim = stores.x.shape[1] - 1
    stores.above[place, :] = ZERO
    stores.below[place, :] = ZERO
    for word in range(frames.active.shape[1]):
        rest = frames.active[top, word]
        while rest != ZERO:
            bit = rest & (~rest + ONE)
            rest ^= bit
            h = (word << 6) + lowest_bit(bit)
            total = np.int64(0)
            for k in range(dim + 1):  # its size was tested when the layer was entered
                total += stores.forms[slot, k, h] * stores.x[place, k]
            if total > 0:
                stores.above[place, word] |= bit
            elif total < 0:
                stores.below[place, word] |= bit
