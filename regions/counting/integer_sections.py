"""Compiled: the regions of a cell of the last layer, counted in integers without making them.

Hyperplanes h_1 … h_k cut a cell C into 1 + Σ_j r(C ∩ h_j; h_1 … h_{j-1}) regions, where r counts
the regions of a section and hyperplanes that meet it in the same place, or not at all, count once
or not at all.  (Deletion and restriction; T. Zaslavsky, Facing up to arrangements, 1975.)

All that a section needs to know of a form is its value at each generator: a new generator is a
combination of two, and so are the values there.  Two forms cut a section in the same place iff
their values are proportional, for the generators span it; divided by their greatest common divisor,
they are then equal up to sign.
"""

from __future__ import annotations

import numpy as np

from solvers.compiling import compiled
from solvers.integer_cone import FULL, LIMIT, divisor, meet, reduced
from solvers.vertices import lowest_bit

FAILED, LONG = -2, -3  # numbers are too long; the walk is not over
STEPS = 20_000  # sections between two looks at the clock
ONE, ZERO = np.uint64(1), np.uint64(0)


@compiled
def count_sections(frames, stores, top, slot, active, cutting):
    """Regions of the cell of frame `top`, cut by the units of `active`; FAILED or FULL.

    LONG: the walk is not over; the next call, with the same arguments, goes on with it.
    A walk over the sections, depth first: level l lies in l hyperplanes, and its generators are
    first[l] .. first[l] + number[l].  (No recursion: numba cannot cache it safely.)
    """
    if cutting <= 1:
        return 1 + cutting
    dim = stores.x.shape[1] - 1
    values, size, facets = stores.values, stores.section_size, stores.section_facets
    first, number, lines = stores.level[0], stores.level[1], stores.level[2]
    rank, count, done = stores.level[3], stores.level[4], stores.level[5]
    walk = stores.walk
    if walk[0] < 0:
        problem = _first_section(frames, stores, top, slot, active, cutting)
        if problem < 0:
            return problem
        if dim == 1 or count[0] <= 1:
            return 1 + count[0]
        walk[0], walk[1] = 0, 0
    level, total = walk[0], walk[1]
    walk[0] = -1
    steps = 0
    while level >= 0:
        steps += 1
        if steps > STEPS:
            walk[0], walk[1] = level, total
            return np.int64(LONG)
        place = done[level]
        if place == count[level]:
            total += 1
            level -= 1
            continue
        done[level] = place + 1
        if place == 0:  # nothing cuts the first section
            total += 1
            continue
        start, base = first[level], first[level] + number[level]
        for i in range(start, base):
            stores.value[i] = values[i, place]
        made, left, pivot = meet(
            values, size, facets, start, lines[level], number[level], stores.value, rank[level],
            place, values, size, facets, base,
        )  # fmt: skip
        if made < 0:
            return np.int64(FULL) if made == FULL else np.int64(FAILED)
        kept = _distinct(values, base, left, made, place, stores.keys)
        if kept <= 1 or level == dim - 2:  # a line or segment is cut in points
            total += 1 + kept
            continue
        for i in range(base, base + made):
            size[i] = reduced(values, i, kept)
        level += 1
        first[level], number[level], lines[level] = base, made, left
        rank[level] = rank[level - 1] if pivot >= 0 else rank[level - 1] - 1
        count[level], done[level] = kept, 0
    return total


@compiled
def _first_section(frames, stores, top, slot, active, cutting):
    """The cell itself as level 0; the number of different hyperplanes, or FAILED or FULL."""
    dim = stores.x.shape[1] - 1
    values, level = stores.values, stores.level
    number, from_ = frames.number[top], frames.first[top]
    if number > values.shape[0]:
        return np.int64(FULL)
    filled = 0
    for word in range(active.shape[0]):
        rest = active[word]
        while rest != ZERO:
            bit = rest & (~rest + ONE)
            rest ^= bit
            unit = (word << 6) + lowest_bit(bit)
            for i in range(number):
                if not stores.norms[slot, unit] * stores.size[from_ + i] < LIMIT:
                    return np.int64(FAILED)
                total = np.int64(0)
                for k in range(dim + 1):
                    total += stores.forms[slot, k, unit] * stores.x[from_ + i, k]
                values[i, filled] = total
            filled += 1
    kept = _distinct(values, 0, frames.lines[top], number, filled, stores.keys)
    for i in range(number):
        stores.section_facets[i] = stores.facets[from_ + i]
        stores.section_size[i] = reduced(values, i, kept)
    level[0, 0], level[1, 0], level[2, 0] = 0, number, frames.lines[top]
    level[3, 0], level[4, 0], level[5, 0] = frames.rank[top], kept, 0
    return np.int64(kept)


@compiled
def _distinct(values, start, lines, number, count, keys):
    """Move the forms that cut, one of each hyperplane, to the front; how many they are.

    Each is divided by the greatest common divisor of its values, up to sign: only its zeros matter.
    """
    stop = start + number
    kept = 0
    for f in range(count):
        above, below = False, False
        common = np.int64(0)
        lead = np.int64(0)
        for i in range(start, stop):
            value = values[i, f]
            if value == 0:
                continue
            if lead == 0:
                lead = value
            if value > 0:
                above = True
            else:
                below = True
            if i < start + lines:
                above, below = True, True
            if common != 1:
                common = divisor(abs(value), common)
        if not (above and below):
            continue
        if lead < 0:
            common = -common
        key = ZERO
        for i in range(start, stop):
            value = values[i, f]
            if common != 1:
                value //= common
            values[i, kept] = value
            key = key * np.uint64(0x9E3779B97F4A7C15) + np.uint64(value)
        known = False
        for other in range(kept):
            if keys[other] == key:
                known = True
                for i in range(start, stop):
                    if values[i, other] != values[i, kept]:
                        known = False
                        break
                if known:
                    break
        if not known:
            keys[kept] = key
            kept += 1
    return kept
