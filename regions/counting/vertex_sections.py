"""Compiled: the regions of a cell of the last layer, counted without making them.

Hyperplanes h_1 … h_k cut a polytope C into 1 + Σ_j r(C ∩ h_j; h_1 … h_{j-1}) regions: adding h_j
splits exactly the regions that it meets, and these are the regions of its own section.  Sections
have one dimension less each, down to segments, which the hyperplanes cut in points.  In other
words the flats of the arrangement are counted, not its cells; that two hyperplanes meet a section
in the same place shows as a sign that is not certain.
"""

from __future__ import annotations

import numpy as np

from solvers.compiling import compiled
from solvers.vertices import cut_edges, lowest_bit, polish

FAILED, FULL, LONG = -1, -2, -3
STEPS = 20_000  # sections between two looks at the clock
ONE, ZERO = np.uint64(1), np.uint64(0)


@compiled
def count_sections(shape, frames, stores, top, slot, active, cutting):
    """Regions of the cell of frame `top`, cut by the units of `active`; FAILED or FULL.

    LONG: the walk is not over; the next call, with the same arguments, goes on with it.
    A walk over the sections, depth first: level l lies in l hyperplanes, and its vertices are
    first[l] .. first[l] + number[l].  (No recursion: numba cannot cache it safely.)
    """
    if cutting <= 1:
        return 1 + cutting
    dim, width = stores.x.shape[1], shape.weights.shape[1]
    rows, norms, errors = stores.maps[slot], stores.norms[slot], stores.errors[slot]
    first, number, count = stores.level[0], stores.level[1], stores.level[2]
    done, facet = stores.level[3], stores.level[4]
    walk = stores.walk
    if walk[0] < 0:
        filled = 0
        for word in range(active.shape[0]):
            rest = active[word]
            while rest != ZERO:
                bit = rest & (~rest + ONE)
                rest ^= bit
                stores.order[0, filled] = (word << 6) + lowest_bit(bit)
                filled += 1
        first[0], number[0], count[0], done[0] = frames.first[top], frames.number[top], filled, 0
        stores.level_facet[0] = frames.facet[top]
        facet[0] = _free_slot(stores.facets, first[0], number[0])
        walk[0], walk[1] = 0, 0
    level, total = walk[0], walk[1]
    walk[0] = -1
    steps = 0
    while level >= 0:
        steps += 1
        if steps > STEPS:
            walk[0], walk[1] = level, total
            return np.int64(LONG)
        start, size, units = first[level], number[level], stores.order[level]
        if dim - level == 1:
            if not _on_segment(stores, rows, norms, errors, units, start, count[level]):
                return np.int64(FAILED)
            total += 1 + count[level]
            level -= 1
            continue
        place = done[level]
        if place == count[level]:
            total += 1
            level -= 1
            continue
        done[level] = place + 1
        if place == 0:  # nothing cuts the first section
            total += 1
            continue
        if facet[level] < 0:
            return np.int64(FAILED)
        unit = units[place]
        for i in range(size):
            value = rows[dim, unit]
            for k in range(dim):
                value += rows[k, unit] * stores.x[start + i, k]
            slack = errors[unit] + norms[unit] * stores.error[start + i]
            if not abs(value) > slack:
                return np.int64(FAILED)
            stores.value[i], stores.slack[i] = value, slack
        made = cut_edges(
            stores.x, stores.error, stores.facets, start, start + size, stores.value,
            stores.slack, shape.reach, facet[level], stores.new_x, stores.new_error,
            stores.new_facets,
        )  # fmt: skip
        base = start + size
        if made < 0 or base + made > stores.x.shape[0]:
            return np.int64(FULL)
        table = stores.level_facet[level + 1]
        table[:] = stores.level_facet[level]
        table[facet[level]] = slot * width + unit
        for i in range(made):
            if stores.new_error[i] > shape.tolerated:
                polish_new(shape, frames, stores, table, i)
        inner, kept = stores.order[level + 1], 0
        for earlier in range(place):
            h = units[earlier]
            above = 0
            for i in range(made):
                sign = certain_sign(shape, frames, stores, table, slot, h, i)
                if sign == 0:
                    return np.int64(FAILED)
                if sign > 0:
                    above += 1
            if 0 < above < made:
                inner[kept] = h
                kept += 1
        if kept <= 1:
            total += 1 + kept
            continue
        for i in range(made):
            stores.x[base + i] = stores.new_x[i]
            stores.error[base + i] = stores.new_error[i]
            stores.facets[base + i] = stores.new_facets[i]
        level += 1
        first[level], number[level], count[level], done[level] = base, made, kept, 0
        facet[level] = _free_slot(stores.facets, base, made)
    return total


@compiled
def _free_slot(facets, first, number):
    """A facet slot that no vertex uses, -1 if there is none."""
    used = ZERO
    for i in range(first, first + number):
        used |= facets[i]
    return np.int64(-1) if used == ~ZERO else lowest_bit(~used)


@compiled
def certain_sign(shape, frames, stores, table, slot, unit, i):
    """Sign of a unit's form at new vertex i, 0 where even a better vertex leaves it open."""
    dim = stores.x.shape[1]
    for attempt in range(2):
        value = stores.maps[slot, dim, unit]
        for k in range(dim):
            value += stores.maps[slot, k, unit] * stores.new_x[i, k]
        if abs(value) > stores.errors[slot, unit] + stores.norms[slot, unit] * stores.new_error[i]:
            return 1 if value > 0.0 else -1
        if attempt == 0:
            polish_new(shape, frames, stores, table, i)
    return 0


@compiled
def _on_segment(stores, rows, norms, errors, units, first, count):
    """Whether the units cut a segment in points that are certainly distinct."""
    dim = stores.x.shape[1]
    for place in range(count):
        unit = units[place]
        start, stop = rows[dim, unit], rows[dim, unit]
        for k in range(dim):
            start += rows[k, unit] * stores.x[first, k]
            stop += rows[k, unit] * stores.x[first + 1, k]
        worst = max(stores.error[first], stores.error[first + 1])
        wrong = errors[unit] + norms[unit] * worst
        if not min(abs(start), abs(stop)) > wrong:
            return False
        share = start / (start - stop)
        spread = (wrong / abs(start - stop) + 1e-15) * 1.000001
        for other in range(place):  # where it stands: in [value - slack, value + slack]
            gap = abs(share - stores.value[other])
            if not gap > (spread + stores.slack[other]) * 1.000001:
                return False
        stores.value[place] = share
        stores.slack[place] = spread
    return True


@compiled
def polish_new(shape, frames, stores, table, i):
    """Recompute a new vertex from its facets, if that makes its error smaller."""
    dim = stores.x.shape[1]
    x = stores.vector[2]
    x[:] = stores.new_x[i]
    error = _polished(shape, frames, stores, table, stores.new_facets[i], x, dim)
    if error < stores.new_error[i]:
        stores.new_x[i] = x
        stores.new_error[i] = error


@compiled
def _polished(shape, frames, stores, table, facets, x, dim):
    """Solve for the vertex on the given facet slots; `table` says what they are."""
    width = shape.weights.shape[1]
    constant, wrong = stores.vector[0], stores.vector[1]
    norm_wrong = stores.vector[3]
    line = 0
    while facets != ZERO:
        bit = facets & (~facets + ONE)
        facets ^= bit
        place = lowest_bit(bit)
        name = table[place]
        if name < 0:
            side = -1 - name
            for k in range(dim):
                stores.system[line, k] = 1.0 if k == side >> 1 else 0.0
            constant[line] = -stores.sides[side]
            wrong[line] = 4.0 * 2.0**-53 * shape.reach
            norm_wrong[line] = 0.0
        else:
            slot, unit = name // width, name % width
            layer = frames.layer[slot] + 1 if slot < frames.layer.shape[0] else 0
            for k in range(dim):
                stores.system[line, k] = stores.maps[slot, k, unit]
            constant[line] = stores.maps[slot, dim, unit]
            wrong[line] = stores.errors[slot, unit]
            norm_wrong[line] = shape.norm_error[layer, unit]
        line += 1
    return polish(stores.system, constant, wrong, norm_wrong, x, stores.work)
