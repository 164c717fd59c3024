"""Compiled: the counting tree on cells that are kept by their vertices.

A node is a cell in which all bits of the earlier layers, and some of the current layer, are known.
It holds its vertices and, for each, the signs of the current layer's units.  A unit cuts the cell
iff both signs occur; all others are decided, once for the whole subtree.  Splitting a cell makes
two non-empty children, so a tree of r regions has r - 1 splits, whatever their order.

The rows of the next layer are kept up to date by rank-one updates: a unit that turns out to be on
adds its column of weights times its own row.  The regions of a cell of the last layer are counted
without being made, unless they are to be listed: then the tree goes on to its leaves.

Every sign is certain: outside its error bound, or else asked for, and then known exactly.  A cell
is called hard where it is zero, or where vertices lie on more facets than the dimension; its parts
need not be.  A cell of more than 64 facets is set aside ("failed") with its path, for another exact
engine to count.
"""

from __future__ import annotations

import numpy as np

from regions.counting.compiled import DONE, DRAIN, GROW, PAUSED
from regions.counting.leaf_kernel import write_cell
from regions.counting.vertex_nodes import (
    ASIDE,
    clear,
    copy_zeros,
    find_central,
    harden,
    is_zero,
    set_aside,
    set_signs,
    size_of,
)  # fmt: skip
from regions.counting.vertex_sections import (
    FAILED,
    UNKNOWN,
    count_sections,
    exact_sign,
    path_table,
    polish_at,
)  # fmt: skip
from solvers.compiling import compiled, compiled_inline
from solvers.vertices import cut_edges, cut_faces, free_slot, lowest_bit, popcount, values_at

TOP, FOUND, NODES, SPLITS = 0, 1, 2, 3
ASK = 4  # what `run` says where exact signs are asked for
ONE, ZERO = np.uint64(1), np.uint64(0)


@compiled
def run(shape, frames, maps, vertices, scratch, asks, failures, leaves, state, budget, divide):
    """Go on until nothing is left (DONE) or the caller is needed.

    `state` holds [frames on the stack, regions found, nodes, splits, failures].  PAUSED: `budget`
    nodes are done.  GROW: a store is full.  DRAIN: the failures are, or `leaves`.  ASK: `asks` are
    to be answered.  Cells of the last layer that more than `divide` units cut are split, the others
    are counted in one step.
    """
    layers, room = shape.widths.shape[0], leaves.bits.shape[0]
    for _ in range(budget):
        top = state[TOP] - 1
        if top < 0:
            return DONE
        if frames.expanded[top]:
            state[TOP] = top
            continue
        if state[ASIDE] == failures.layer.shape[0] or (room > 0 and leaves.used[0] == room):
            return DRAIN
        if top + 3 >= frames.layer.shape[0]:
            return GROW
        state[NODES] += 1
        cutting = size_of(frames.active, top)
        last = frames.layer[top] == layers - 1
        outcome = DRAIN
        if last and room == 0 and cutting <= divide and (cutting <= 1 or not frames.hard[top]):
            counted = np.int64(1 + cutting)
            if cutting > 1:
                counted = count_sections(shape, frames, maps, vertices, scratch, top, top)
            outcome = _added(frames, state, top, counted)
        if outcome != DRAIN:
            pass
        elif cutting > 0:
            outcome = _split(shape, frames, maps, vertices, scratch, asks, state, top)
        elif last:  # it is there only because regions are listed
            write_cell(leaves, shape.widths, frames, vertices, top)
            outcome = _added(frames, state, top, 1)
        else:
            most = -1 if room > 0 else divide
            outcome = _enter(shape, frames, maps, vertices, scratch, asks, state, top, most)
        if outcome in (GROW, ASK):
            return outcome
        asks.used[0] = 0
        if outcome == DRAIN:
            set_aside(frames, vertices, failures, state, top)
    return PAUSED


@compiled
def _added(frames, state, top, counted):
    """The regions of a cell are counted, or could not be."""
    if counted > 0:
        state[FOUND] += counted
        frames.expanded[top] = True
        return DONE
    return DRAIN if counted == FAILED else GROW


@compiled_inline
def _measure(shape, maps, vertices, scratch, slot, layer, place, number):
    """For each unit of a layer, its value in the middle of a cell and how much it can change."""
    x, error, rows = vertices.x, vertices.error, maps.rows
    centre, limit = scratch.centre, scratch.limit
    dim, width, evaluation = x.shape[1], shape.widths[layer], shape.evaluation
    worst = 0.0
    for i in range(number):
        worst = max(worst, error[place, i])
    for h in range(width):
        constant = rows[slot, dim, h]
        centre[h] = constant
        limit[h] = rows[slot, dim + 1, h] + evaluation * abs(constant) + shape.absolute[layer]
    for k in range(dim):
        low = high = x[place, k, 0]
        for i in range(1, number):
            low, high = min(low, x[place, k, i]), max(high, x[place, k, i])
        middle = 0.5 * (low + high)
        change = (0.5 * (high - low) + worst) * 1.000001 + 1e-15 * shape.reach
        change += evaluation * shape.size[k]
        for h in range(width):
            weight = rows[slot, k, h]
            centre[h] += weight * middle
            limit[h] += abs(weight) * change


@compiled_inline
def _enter(shape, frames, maps, vertices, scratch, asks, state, top, most):
    """Signs of the next layer's units at all vertices; its cutting units; the map after it."""
    layer = frames.layer[top] + 1
    place, number = frames.place[top], frames.number[top]
    slot = top + 1 if layer > 0 else 0
    error, signs, rows = vertices.error, vertices.signs, maps.rows
    value = scratch.value
    new = state[TOP]
    active, on = frames.active, frames.on
    dim, width, words = vertices.x.shape[1], shape.widths[layer], active.shape[1]
    hard, unknown = frames.hard[top], False
    if hard:
        clear(vertices.zeros, place, number)
    if layer > 0:
        find_central(shape, frames, maps, slot, layer, top)
    _measure(shape, maps, vertices, scratch, slot, layer, place, number)
    cutting = 0
    for word in range(words):
        rest, up = ZERO, ZERO
        for h in range(word << 6, min((word << 6) + 64, width)):
            bit = ONE << np.uint64(h & 63)
            middle, change = scratch.centre[h], scratch.limit[h] * 1.000001
            up |= bit if middle > change else ZERO
            rest |= ZERO if abs(middle) > change else bit
        for i in range(number):
            signs[place, word, i] = ZERO
        cuts = ZERO
        while rest != ZERO:
            bit = rest & (~rest + ONE)
            rest ^= bit
            h = (word << 6) + lowest_bit(bit)
            norm, size = 0.0, abs(rows[slot, dim, h])
            for k in range(dim):
                weight = abs(rows[slot, k, h])
                norm += weight
                size += weight * shape.size[k]
            norm = norm * 1.000001 + shape.norm_error[layer, h]
            wrong = (
                rows[slot, dim + 1, h] + shape.evaluation * size + shape.absolute[layer]
            ) * 1.000001
            maps.norms[slot, h], maps.errors[slot, h] = norm, wrong
            values_at(rows, slot, h, vertices.x, place, number, value)
            above, certain = 0, True
            for i in range(number):
                certain &= abs(value[i]) > wrong + norm * error[place, i]
                above += value[i] > 0.0
            below = number - above
            if not certain:
                if is_zero(shape, frames, maps, top, layer, h):
                    continue
                path_table(frames, scratch, top)
                above = below = 0
                for i in range(number):
                    sign = exact_sign(
                        shape, frames, maps, vertices, scratch, asks, slot, h, place, i
                    )
                    if sign == UNKNOWN:
                        unknown = True
                    elif sign == 0:
                        if not hard:
                            clear(vertices.zeros, place, number)
                            hard = True
                        vertices.zeros[place, word, i] |= bit
                    value[i] = sign
                    above += sign > 0
                    below += sign < 0
            if above > 0 and below == 0:
                up |= bit
            elif above > 0:
                cuts |= bit
                for i in range(number):
                    signs[place, word, i] |= bit if value[i] > 0.0 else ZERO
        active[new, word], on[new, word] = cuts, up
        cutting += popcount(cuts)
    if unknown:
        return ASK
    last = layer == shape.widths.shape[0] - 1
    if last and cutting <= most and (cutting <= 1 or not hard):
        counted = np.int64(1 + cutting)
        if cutting > 1:
            counted = count_sections(shape, frames, maps, vertices, scratch, top, new)
        if counted != FAILED:
            return _added(frames, state, top, counted)
        clear(vertices.zeros, place, number)
        hard = True
    if not last:
        following = shape.widths[layer + 1]
        for k in range(dim):
            for h in range(following):
                rows[new + 1, k, h] = 0.0
        for h in range(following):
            bias = shape.biases[layer + 1, h]
            rows[new + 1, dim, h] = bias
            rows[new + 1, dim + 1, h] = shape.relative[layer + 1] * abs(bias)
        for word in range(words):
            _add(shape, rows, slot, new + 1, layer, word, on[new, word])
    frames.layer[new] = layer
    frames.place[new], frames.number[new] = place, number
    frames.parent[new] = top
    frames.unit[new], frames.sign[new] = -1, 0
    frames.current[new] = slot
    for facet in range(64):
        frames.facet[new, facet] = frames.facet[top, facet]
    frames.hard[new] = hard
    frames.expanded[new] = False
    frames.expanded[top] = True
    state[TOP] = new + 1
    return DONE


@compiled
def _add(shape, rows, slot, target, layer, word, units):
    """Rank-one updates: the next layer's rows, now that these units of a word are on."""
    dim, width = rows.shape[1] - 2, shape.widths[layer + 1]
    weights, relative = shape.weights, shape.relative[layer + 1]
    while units != ZERO:
        bit = units & (~units + ONE)
        units ^= bit
        unit = (word << 6) + lowest_bit(bit)
        size = abs(rows[slot, dim, unit])
        for k in range(dim):
            size += abs(rows[slot, k, unit]) * shape.size[k]
        wrong = (rows[slot, dim + 1, unit] + relative * size) * 1.000001
        for k in range(dim + 1):
            factor = rows[slot, k, unit]
            for h in range(width):
                rows[target, k, h] += weights[layer, unit, h] * factor
        for h in range(width):
            rows[target, dim + 1, h] += abs(weights[layer, unit, h]) * wrong


@compiled_inline
def _split(shape, frames, maps, vertices, scratch, asks, state, top):
    """Cut the cell by one of its cutting units and push the children."""
    slot, place, number = frames.current[top], frames.place[top], frames.number[top]
    error, signs, zeros = vertices.error, vertices.signs, vertices.zeros
    active, value, slack = frames.active, scratch.value, scratch.slack
    words, width, layer = active.shape[1], shape.weights.shape[1], frames.layer[top]
    unit = 0
    for word in range(words):
        if active[top, word] != ZERO:
            unit = (word << 6) + lowest_bit(active[top, word])
            break
    values_at(maps.rows, slot, unit, vertices.x, place, number, value)
    norm, wrong = maps.norms[slot, unit], maps.errors[slot, unit]
    certain, unknown = True, False
    for i in range(number):
        slack[i] = wrong + norm * error[place, i]
        certain &= abs(value[i]) > slack[i]
    if not certain:
        harden(frames, vertices, top)
    facet = free_slot(vertices.facets, place, number)
    if not 0 <= facet < shape.facets:
        return DRAIN
    fresh, on = vertices.x.shape[0] - 1, 0
    if frames.hard[top]:
        set_signs(vertices, scratch, place, number, unit)
        made, above, below, on = cut_faces(
            vertices.x, error, vertices.facets, place, number, value, slack, shape.reach, facet,
            fresh, scratch.sides,
        )  # fmt: skip
        for i in range(on):
            scratch.sides[0, above + i] = scratch.sides[1, below + i] = scratch.sides[2, i]
        above, below = above + on, below + on
    else:
        made, above = cut_edges(
            vertices.x, error, vertices.facets, place, number, value, slack, shape.reach, facet,
            fresh, scratch.sides, scratch.far,
        )  # fmt: skip
        below = number - above
    if made < 0 or max(above, below) + made > vertices.x.shape[2]:
        return GROW
    known = False  # what the facet slots are
    for i in range(made):
        if error[fresh, i] > shape.tolerated:
            if not known:
                path_table(frames, scratch, top)
                scratch.table[facet] = slot * width + unit
                known = True
            polish_at(shape, frames, maps, vertices, scratch, fresh, i)
    if frames.hard[top]:
        clear(zeros, fresh, made)
    # signs of the other cutting units at the new vertices
    for word in range(words):
        for i in range(made):
            signs[fresh, word, i] = ZERO
        rest = active[top, word] & ~(
            shape.same[layer, unit, word] | shape.opposite[layer, unit, word]
        )
        while rest != ZERO:
            bit = rest & (~rest + ONE)
            rest ^= bit
            h = (word << 6) + lowest_bit(bit)
            values_at(maps.rows, slot, h, vertices.x, fresh, made, value)
            norm, wrong = maps.norms[slot, h], maps.errors[slot, h]
            certain = True
            for i in range(made):
                certain &= abs(value[i]) > wrong + norm * error[fresh, i]
                signs[fresh, word, i] |= bit if value[i] > 0.0 else ZERO
            if certain:
                continue
            path_table(frames, scratch, top)
            scratch.table[facet] = slot * width + unit
            for i in range(made):
                sign = exact_sign(shape, frames, maps, vertices, scratch, asks, slot, h, fresh, i)
                if sign == UNKNOWN:
                    unknown = True
                elif sign == 0:
                    if not frames.hard[top]:
                        harden(frames, vertices, top)
                        clear(zeros, fresh, made)
                    zeros[fresh, word, i] |= bit
                signs[fresh, word, i] = signs[fresh, word, i] & ~bit | (bit if sign > 0 else ZERO)
    if unknown:
        return ASK
    state[SPLITS] += 1
    for side in range(2):
        kept = above if side == 0 else below
        _child(
            shape, frames, maps, vertices, scratch, state, top, unit, facet, side, kept, on, made
        )
    frames.expanded[top] = True
    return DONE


@compiled_inline
def _child(
    shape, frames, maps, vertices, scratch, state, top, unit, facet, side, kept, on, made
):  # fmt: skip
    """Push the part of a cell on one side of its new vertices; the last `on` kept ones are too."""
    child, layer, slot = state[TOP], frames.layer[top], frames.current[top]
    place, hard = frames.place[top], frames.hard[top]
    x, error, facets = vertices.x, vertices.error, vertices.facets
    signs, zeros = vertices.signs, vertices.zeros
    sides, rows = scratch.sides, maps.rows
    dim, words, width = x.shape[1], signs.shape[1], shape.weights.shape[1]
    fresh = x.shape[0] - 1
    for k in range(dim):
        for i in range(kept):
            x[child, k, i] = x[place, k, sides[side, i]]
        for i in range(made):
            x[child, k, kept + i] = x[fresh, k, i]
    for i in range(kept):
        error[child, i] = error[place, sides[side, i]]
        facets[child, i] = facets[place, sides[side, i]]
    for i in range(kept - on, kept):
        facets[child, i] |= ONE << np.uint64(facet)
    for i in range(made):
        error[child, kept + i] = error[fresh, i]
        facets[child, kept + i] = facets[fresh, i]
    last = layer == shape.widths.shape[0] - 1
    if not last:
        following = shape.widths[layer + 1]
        for k in range(dim + 2):
            for h in range(following):
                rows[child + 1, k, h] = rows[top + 1, k, h]
    stays_hard = False
    for word in range(words):
        some, every = ZERO, ~ZERO
        for i in range(kept):
            known = signs[place, word, sides[side, i]]
            signs[child, word, i] = known
            some |= known
            every &= known
        for i in range(made):
            known = signs[fresh, word, i]
            signs[child, word, kept + i] = known
            some |= known
            every &= known
        same, opposite = shape.same[layer, unit, word], shape.opposite[layer, unit, word]
        here = frames.active[top, word] & ~(same | opposite)
        if hard:
            every = copy_zeros(vertices, scratch, child, place, fresh, side, kept, made, word)
        cutting = here & some & ~every
        frames.active[child, word] = cutting
        risen = here & some & every | frames.active[top, word] & (same if side == 0 else opposite)
        frames.on[child, word] = frames.on[top, word] | risen
        if not last:
            _add(shape, rows, slot, child + 1, layer, word, risen)
        if hard:
            for i in range(kept + made):
                stays_hard |= zeros[child, word, i] & cutting != ZERO
    if hard:
        for i in range(kept + made):
            stays_hard |= popcount(facets[child, i]) > dim
    frames.hard[child] = stays_hard
    frames.layer[child] = layer
    frames.place[child], frames.number[child] = child, kept + made
    frames.parent[child] = top
    frames.unit[child], frames.sign[child] = unit, 1 if side == 0 else -1
    frames.current[child] = slot
    for i in range(64):
        frames.facet[child, i] = frames.facet[top, i]
    frames.facet[child, facet] = slot * width + unit
    frames.expanded[child] = False
    state[TOP] = child + 1
