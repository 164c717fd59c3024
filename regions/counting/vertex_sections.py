"""Compiled: the regions of a cell of the last layer, counted without making them.

Hyperplanes h_1 … h_k cut a polytope C into 1 + Σ_j r(C ∩ h_j; h_1 … h_{j-1}) regions: adding h_j
splits exactly the regions that it meets, and these are the regions of its own section.  Sections
have one dimension less each, down to segments, which the hyperplanes cut in points.  In other
words the flats of the arrangement are counted, not its cells; that two hyperplanes meet a section
in the same place shows as a sign that is not certain.
"""

from __future__ import annotations

import numpy as np

from solvers.compiling import compiled, compiled_inline
from solvers.vertices import cut_edges, free_slot, independent, lowest_bit, polish, values_at

FAILED, FULL = -1, -2
UNKNOWN = 2  # what stands in place of a sign that has been asked for
ONE, ZERO = np.uint64(1), np.uint64(0)


@compiled
def count_sections(shape, frames, maps, vertices, scratch, top, node):
    """Regions of the cell of frame `top`, cut by the active units of `node`; FAILED or FULL.

    A walk over the sections, depth first: level l lies in l hyperplanes.  (No recursion: numba
    cannot cache it safely.)
    """
    x, error, facets = vertices.x, vertices.error, vertices.facets
    rows, value, slack, order = maps.rows, scratch.value, scratch.slack, scratch.order
    dim, width = x.shape[1], shape.weights.shape[1]
    slot = frames.current[top] if node == top else (top + 1 if frames.layer[top] >= 0 else 0)
    layer = shape.widths.shape[0] - 1
    number, count, done = scratch.level[0], scratch.level[1], scratch.level[2]
    facet, own = scratch.level[3], scratch.level[4]
    filled = 0
    for word in range(frames.active.shape[1]):
        rest = frames.active[node, word]
        while rest != ZERO:
            bit = rest & (~rest + ONE)
            rest ^= bit
            unit = (word << 6) + lowest_bit(bit)
            order[0, filled] = unit
            filled += shape.leader[layer, unit] == unit  # the others have its hyperplane
    below = x.shape[0] - 1 - dim  # sections of level l + 1 are at below + l
    if dim == 1:
        apart = _are_apart(rows, maps, slot, x, error, frames.place[top], order, 0, filled, scratch)
        return np.int64(1 + filled if apart else FAILED)
    number[0], count[0], done[0] = frames.number[top], filled, 0
    facet[0] = free_slot(facets, frames.place[top], number[0])
    level, total = 0, np.int64(0)
    while True:
        j = done[level]
        if j == count[level]:
            total += 1
            if level == 0:
                return total
            level -= 1
            continue
        done[level] = j + 1
        if j == 0:  # nothing cuts the first section
            total += 1
            continue
        place = frames.place[top] if level == 0 else below + level - 1
        target, unit, size = below + level, order[level, j], number[level]
        values_at(rows, slot, unit, x, place, size, value)
        norm, wrong = maps.norms[slot, unit], maps.errors[slot, unit]
        certain = facet[level] >= 0
        for i in range(size):
            slack[i] = wrong + norm * error[place, i]
            certain &= abs(value[i]) > slack[i]
        if not certain:
            return np.int64(FAILED)
        made, _ = cut_edges(
            x, error, facets, place, size, value, slack, shape.reach, facet[level], target,
            scratch.sides, scratch.far,
        )  # fmt: skip
        if made < 0:
            return np.int64(FULL)
        own[level] = slot * width + unit
        known = False  # what the facet slots are
        for i in range(made):
            if error[target, i] > shape.tolerated:
                if not known:
                    _section_table(frames, scratch, top, level)
                    known = True
                polish_at(shape, frames, maps, vertices, scratch, target, i)
        kept = 0
        for earlier in range(j):
            h = order[level, earlier]
            values_at(rows, slot, h, x, target, made, value)
            norm, wrong = maps.norms[slot, h], maps.errors[slot, h]
            above, certain = 0, True
            for i in range(made):
                certain &= abs(value[i]) > wrong + norm * error[target, i]
                above += value[i] > 0.0
            if not certain:
                _section_table(frames, scratch, top, level)
                above = 0
                for i in range(made):
                    sign = has_sign(shape, frames, maps, vertices, scratch, slot, h, target, i)
                    if sign == 0:
                        return np.int64(FAILED)
                    above += sign > 0
            if 0 < above < made:
                order[level + 1, kept] = h
                kept += 1
        if kept <= 1:
            total += 1 + kept
        elif dim - level == 2:  # the section is a segment
            if not _are_apart(rows, maps, slot, x, error, target, order, level + 1, kept, scratch):
                _section_table(frames, scratch, top, level)
                for i in range(2):
                    polish_at(shape, frames, maps, vertices, scratch, target, i)
                if not _are_apart(
                    rows, maps, slot, x, error, target, order, level + 1, kept, scratch
                ):
                    return np.int64(FAILED)
            total += 1 + kept
        else:
            level += 1
            number[level], count[level], done[level] = made, kept, 0
            facet[level] = free_slot(facets, target, made)


@compiled
def _are_apart(rows, maps, slot, x, error, place, order, level, count, scratch):
    """Whether the units cut a segment in points that are certainly distinct."""
    value, slack, dim = scratch.value, scratch.slack, x.shape[1]
    worst = max(error[place, 0], error[place, 1])
    for index in range(count):
        unit = order[level, index]
        start = stop = rows[slot, dim, unit]
        for k in range(dim):
            start += rows[slot, k, unit] * x[place, k, 0]
            stop += rows[slot, k, unit] * x[place, k, 1]
        wrong = maps.errors[slot, unit] + maps.norms[slot, unit] * worst
        if not min(abs(start), abs(stop)) > wrong:
            return False
        share = start / (start - stop)
        spread = (wrong / abs(start - stop) + 1e-15) * 1.000001
        for other in range(index):  # where it stands: in [value - slack, value + slack]
            gap = abs(share - value[other])
            if not gap > (spread + slack[other]) * 1.000001:
                return False
        value[index], slack[index] = share, spread
    return True


@compiled
def path_table(frames, scratch, top):
    """What the facet slots of a node's vertices are."""
    for i in range(64):
        scratch.table[i] = frames.facet[top, i]


@compiled
def _section_table(frames, scratch, top, level):
    """What the facet slots of a section's vertices are."""
    path_table(frames, scratch, top)
    for above in range(level + 1):
        scratch.table[scratch.level[3, above]] = scratch.level[4, above]


@compiled
def has_sign(shape, frames, maps, vertices, scratch, slot, unit, place, i):
    """Sign of a unit's form at a vertex, 0 where even a better vertex leaves it open."""
    dim = vertices.x.shape[1]
    for attempt in range(2):
        value = maps.rows[slot, dim, unit]
        for k in range(dim):
            value += maps.rows[slot, k, unit] * vertices.x[place, k, i]
        wrong = maps.errors[slot, unit] + maps.norms[slot, unit] * vertices.error[place, i]
        if abs(value) > wrong:
            return 1 if value > 0.0 else -1
        if attempt == 0:
            polish_at(shape, frames, maps, vertices, scratch, place, i)
    return 0


@compiled_inline
def polish_at(shape, frames, maps, vertices, scratch, place, i):
    """Recompute a vertex from its facets, which `table` names, if that makes its error smaller."""
    x = scratch.vector[2]
    for k in range(x.shape[0]):
        x[k] = vertices.x[place, k, i]
    error = _polished(shape, frames, maps, scratch, vertices.facets[place, i], x)
    if error < vertices.error[place, i]:
        for k in range(x.shape[0]):
            vertices.x[place, k, i] = x[k]
        vertices.error[place, i] = error


@compiled_inline
def _polished(shape, frames, maps, scratch, facets, x):
    """Solve for the vertex on the given facet slots; `table` says what they are."""
    width, dim = shape.weights.shape[1], x.shape[0]
    constant, wrong, norm_wrong = scratch.vector[0], scratch.vector[1], scratch.vector[3]
    names, lines, number = scratch.names, scratch.lines, 0
    while facets != ZERO:
        bit = facets & (~facets + ONE)
        facets ^= bit
        names[number] = scratch.table[lowest_bit(bit)]
        number += 1
    if number > dim:
        for line in range(number):
            _write_facet(maps, names[line], width, lines, line)
        independent(lines, number, names)
    for line in range(dim):
        name = names[line]
        _write_facet(maps, name, width, scratch.system, line)
        if name < 0:
            constant[line] = -scratch.box[-1 - name]
            wrong[line] = shape.rounded + 4.0 * 2.0**-53 * shape.reach
            norm_wrong[line] = 0.0
        else:
            slot, unit = name // width, name % width
            layer = frames.layer[slot - 1] + 1 if slot > 0 else 0
            constant[line] = maps.rows[slot, dim, unit]
            wrong[line] = maps.errors[slot, unit]
            norm_wrong[line] = shape.norm_error[layer, unit]
    return polish(scratch.system, constant, wrong, norm_wrong, x, scratch.work)


@compiled
def _write_facet(maps, name, width, target, line):
    """The linear part of a facet's form."""
    for k in range(target.shape[1]):
        if name < 0:
            target[line, k] = 1.0 if k == (-1 - name) >> 1 else 0.0
        else:
            target[line, k] = maps.rows[name // width, k, name % width]


@compiled
def exact_sign(shape, frames, maps, vertices, scratch, asks, slot, unit, place, i):
    """Sign of a unit at a vertex, in floats if they can tell; else it is asked for: UNKNOWN.

    Where all facets through a vertex pass through the origin, the vertex is the origin.
    """
    facets = rest = vertices.facets[place, i]
    width, central = shape.weights.shape[1], _is_central(maps, slot, unit)
    while central and rest != ZERO:
        bit = rest & (~rest + ONE)
        rest ^= bit
        name = scratch.table[lowest_bit(bit)]
        central = name >= 0 and _is_central(maps, name // width, name % width)
    if central:
        return np.int64(0)
    sign = has_sign(shape, frames, maps, vertices, scratch, slot, unit, place, i)
    if sign != 0:
        return np.int64(sign)
    used = asks.used[0]
    for q in range(used):
        if (
            asks.facets[q] == facets
            and asks.vertex[q] == i
            and asks.unit[q] == unit
            and asks.place[q] == place
            and asks.slot[q] == slot
        ):
            return asks.answer[q]
    if used < asks.unit.shape[0]:
        asks.unit[used], asks.slot[used], asks.place[used], asks.vertex[used] = unit, slot, place, i
        asks.facets[used] = facets
        asks.answer[used] = UNKNOWN
        asks.used[0] = used + 1
    return np.int64(UNKNOWN)


@compiled
def _is_central(maps, slot, unit):
    return maps.central[slot, unit >> 6] >> np.uint64(unit & 63) & ONE == ONE
