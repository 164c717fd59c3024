"""Compiled: the regions of a cell of the last layer, counted without making them.

Hyperplanes h_1 … h_k cut a polytope C into 1 + Σ_j r(C ∩ h_j; h_1 … h_{j-1}) regions, where r
counts the regions of a section (see `vertex_sections`), in any order of the hyperplanes, and a new
one in every section.  A section F of C is a dictionary some of whose columns are fixed at zero, so
it costs one exchange.

What is certain.  A point of F is one where the forms that define F are exactly zero, so no double
will do; `near_vertex` proves that one exists within a small distance of the dictionary's vertex.
A unit that has both signs, outside all errors, at such points cuts F, because F meets the inside
of C: either sign then occurs inside C, and between them lies a zero.  Two units that show all four
pairs of signs cross inside F, because the hull of four such points in the plane contains zero.  A
unit that does not cut F has multipliers that prove it.  All else is left to the caller.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regions.counting.simplex_cell import no_crossing, record, value_at, vertex
from solvers.compiling import compiled, compiled_inline
from solvers.dictionary import (
    COORDINATE,
    CROSSES,
    FIXED,
    FREE,
    SLACK,
    Dictionary,
    copy,
    drive,
    drop_row,
    entry,
    exchange,
    fix,
    longest,
    name_row,
    negate_row,
    new_dictionaries,
    steepest,
    take_step,
)  # fmt: skip

TOGETHER = 12  # open units of a cell, at most, whose regions are counted together
SEEN = 64  # points of a section that are remembered
ROOM = 2.0  # range of the scaled forms and coordinates over the box

_NEAR_ZERO = 1e-9  # scaled values whose sign is not even guessed


class Flats(NamedTuple):
    """The sections from a cell down to the present one, and working space."""

    basis: Dictionary  # (levels, ...): level l lies in l hyperplanes
    settled: np.ndarray  # (levels,): whether all units that are left are known to cut
    above: np.ndarray  # (levels, SEEN): the signs of all units at a point, as bits
    below: np.ndarray
    seen: np.ndarray  # (levels,): how many points
    place: np.ndarray  # (width,): the bit of a unit
    matrix: np.ndarray  # (dim, dim) of `near_vertex`
    residual: np.ndarray  # (dim,)
    known: np.ndarray  # (levels,): units that cut, as the level before has shown
    inverse: np.ndarray  # (dim, dim) of `near_vertex`
    row: np.ndarray  # (dim,): rows of basic coordinates
    column: np.ndarray  # (dim,): columns that are not coordinates
    tally: np.ndarray  # (3,): units that cut, units that do not, steps


def new_flats(rows: int, dim: int, width: int) -> Flats:
    """Room for the sections of one cell."""
    levels = min(TOGETHER, dim) + 2
    return Flats(
        basis=new_dictionaries(levels, rows, dim), settled=_integers(levels),
        above=_integers(levels, SEEN), below=_integers(levels, SEEN), seen=_integers(levels),
        place=_integers(width), matrix=np.zeros((dim, dim)), residual=np.zeros(dim),
        known=_integers(levels), inverse=np.zeros((dim, dim)),
        row=_integers(dim), column=_integers(dim), tally=_integers(3),
    )  # fmt: skip


def _integers(*size: int) -> np.ndarray:
    return np.zeros(size, dtype=np.int64)


@compiled
def count_flats(shape, frames, forms, scratch, flats, top):
    """How many regions the open units make of a cell of the last layer; 0 if that is uncertain.

    (No recursion: numba cannot cache it safely.)
    """
    d, layer = flats.basis, frames.layer[top]
    copy(frames.basis, top, d, 0)
    place = 0
    for row in range(d.rows[0]):
        if d.row_kind[0, row] == FREE:
            flats.place[d.row_name[0, row]] = place
            place += 1
    flats.tally[:] = 0
    flats.settled[0] = flats.seen[0] = flats.known[0] = 0
    level, total = 0, 0
    while level >= 0:
        if flats.settled[level] == 0:
            left = _settle(shape, frames, forms, scratch, flats, top, layer, level)
            if left < 0:
                return 0
            flats.settled[level] = 1
            total += 1 if left == 0 else 2  # the section of one of them has nothing to cut it
        row, left = _nearest(d, level)
        if left <= 1:
            level -= 1
            continue
        known = _crossing(flats, level, flats.place[d.row_name[level, row]])
        if left == 2:
            other = _other(d, level, row)
            if known & 1 << flats.place[d.row_name[level, other]]:
                total += 2
                flats.tally[0] += 2
            else:
                quadrants = _pair(
                    shape, frames, forms, scratch, flats, top, layer, level, row, other
                )
                if quadrants < 2:
                    return 0
                total += quadrants - 2
            level -= 1
            continue
        if not _section(d, flats, level, row):
            return 0
        level += 1
        flats.settled[level] = flats.seen[level] = 0
        flats.known[level] = known
    return total


@compiled_inline
def _nearest(d, level):
    """(row, number) of the watched units of a section: the one whose hyperplane is nearest."""
    best, nearest, left = np.inf, -1, 0
    for row in range(d.rows[level]):
        if d.row_kind[level, row] == FREE:
            left += 1
            away = abs(entry(d, level, row, d.side.shape[1]))
            if away < best:
                best, nearest = away, row
    return nearest, left


@compiled_inline
def _settle(shape, frames, forms, scratch, flats, top, layer, level):
    """Decide all units of a section, and drop those that do not cut it; how many do, or -1."""
    d, dim = flats.basis, flats.basis.side.shape[1]
    limit = 50 * (d.rows[level] + dim)
    _look(shape, frames, forms, scratch, flats, top, layer, level)
    while True:
        target, sign, left = _missing(d, flats, level)
        if target < 0:
            return left
        bit = 1 << flats.place[d.row_name[level, target]]
        patience = ROOM
        while True:
            column, rates = steepest(d, level, target, sign)
            value = sign * entry(d, level, target, dim)
            if column < 0 or value + patience * rates < -_NEAR_ZERO:
                if no_crossing(
                    shape, d, level, frames.path_sign[top], forms, scratch, layer, target, -sign
                ):
                    drop_row(d, level, target)
                    flats.tally[1] += 1
                    break
                if column < 0:
                    return -1
                patience = np.inf
            leaving, length = longest(d, level, column)
            flats.tally[2] += 1
            limit -= 1
            if limit < 0 or not length < np.inf:
                return -1
            take_step(d, level, column, leaving, length)
            _look(shape, frames, forms, scratch, flats, top, layer, level)
            if _union(flats.above if sign > 0.0 else flats.below, flats.seen[level], level) & bit:
                break


@compiled_inline
def _union(signs, seen, level):
    """All bits that any point of a section has."""
    bits = 0
    for i in range(seen):
        bits |= signs[level, i]
    return bits


@compiled_inline
def _missing(d, flats, level):
    """(row, sign, number of units): a watched unit and a sign of it that no point has shown."""
    above = _union(flats.above, flats.seen[level], level)
    below = _union(flats.below, flats.seen[level], level)
    best, target, sign, left = np.inf, -1, 0.0, 0
    for row in range(d.rows[level]):
        if d.row_kind[level, row] != FREE:
            continue
        left += 1
        bit = 1 << flats.place[d.row_name[level, row]]
        if (above & below | flats.known[level]) & bit:
            continue
        away = abs(entry(d, level, row, d.side.shape[1]))
        if away < best:
            best, target, sign = away, row, -1.0 if above & bit else 1.0
    return target, sign, left


@compiled_inline
def _look(shape, frames, forms, scratch, flats, top, layer, level):
    """Remember the signs of the watched units at the present vertex, if they are new."""
    d, dim, seen = flats.basis, flats.basis.side.shape[1], flats.seen[level]
    if seen == SEEN:
        return
    above, below = 0, 0
    for row in range(d.rows[level]):
        if d.row_kind[level, row] == FREE:
            value, bit = entry(d, level, row, dim), 1 << flats.place[d.row_name[level, row]]
            if value > _NEAR_ZERO:
                above |= bit
            elif value < -_NEAR_ZERO:
                below |= bit
    for i in range(seen):
        if above & ~flats.above[level, i] == 0 and below & ~flats.below[level, i] == 0:
            return
    x = scratch.vertex
    radius = near_vertex(shape, frames, forms, flats, top, layer, level, x)
    if radius < 0.0:
        return
    above, below = 0, 0
    for row in range(d.rows[level]):
        if d.row_kind[level, row] == FREE:
            unit = d.row_name[level, row]
            value, bit = value_at(forms.rows[layer, unit], x), 1 << flats.place[unit]
            wrong = _wrong(forms, layer, unit, radius)
            if value > wrong:
                above |= bit
            elif value < -wrong:
                below |= bit
    flats.above[level, seen], flats.below[level, seen] = above, below
    flats.seen[level] = seen + 1


@compiled_inline
def _wrong(forms, layer, unit, radius):
    """How much a unit's value at a point may differ from the true one so near to it."""
    return 1.000001 * (forms.errors[layer, unit] + radius * forms.norms[layer, unit])


@compiled_inline
def near_vertex(shape, frames, forms, flats, top, layer, level, x):
    """Put a dictionary's vertex into x; how far from it, at most, there is a point of the section.

    The distance is that of the largest coordinate, divided by the radii of the box; -1 if floats
    cannot tell.  Let B be the derivatives of the forms that are zero at the vertex in the basic
    coordinates, scaled, R an approximate inverse (here, from the dictionary), r the values of the
    forms at x and e what they may be wrong by.  If ‖I - RB‖ <= g < 1, Brouwer's theorem gives a
    common zero of the true forms within max |R| (|r| + e) / (1 - g) of x, provided that the box
    contains that ball.  (S. M. Rump, in Topics in Validated Computations, 1994, proves more.)
    """
    d, dim = flats.basis, flats.basis.side.shape[1]
    vertex(shape, d, level, x, -1, 0.0)
    equations = 0
    for j in range(dim):
        name = d.column_name[level, j]
        if d.column_kind[level, j] == COORDINATE:  # not on a side, but as near as doubles come
            x[name] = shape.inner_low[name] if d.side[level, j] > 0.0 else shape.inner_high[name]
        else:
            flats.column[equations] = j
            equations += 1
    size = 0
    for row in range(d.rows[level]):
        if d.row_kind[level, row] == COORDINATE:
            flats.row[size] = row
            size += 1
    for e in range(equations):
        j = flats.column[e]
        name = d.column_name[level, j]
        if d.column_kind[level, j] == FIXED:
            form, factor = forms.rows[layer, name], forms.scales[layer, name]
            wrong = forms.errors[layer, name]
        else:
            form, factor = forms.path[name], forms.path_scale[name] * frames.path_sign[top, name]
            wrong = forms.path_error[name]
        flats.residual[e] = abs(factor) * (abs(value_at(form, x)) + wrong)
        for m in range(size):
            k = d.row_name[level, flats.row[m]]
            flats.matrix[e, m] = factor * form[k] * shape.radius[k]
    inverse, matrix = flats.inverse, flats.matrix
    worst, distance = 0.0, 0.0
    for i in range(size):
        row, away, sizes, norm = flats.row[i], 0.0, 1.0, 0.0
        for e in range(equations):
            number = entry(d, level, row, flats.column[e])
            inverse[i, e] = number
            away += abs(number) * flats.residual[e]
            sizes += abs(number)
        for m in range(size):
            total = -1.0 if m == i else 0.0
            for e in range(equations):
                total += inverse[i, e] * matrix[e, m]
            norm += abs(total)
        # rows of B have 1-norm 1 at most, so that rounding adds no more than this
        worst = max(worst, norm + 4.0 * shape.evaluation * sizes)
        distance = max(distance, away)
    if not worst < 0.5:
        return -1.0
    radius = 1.00001 * distance / (1.0 - worst)
    for i in range(size):
        k = d.row_name[level, flats.row[i]]
        room = 1.00001 * radius * shape.radius[k]
        if not (x[k] - room >= shape.inner_low[k] and x[k] + room <= shape.inner_high[k]):
            return -1.0
    for row in range(d.rows[level]):
        if d.row_kind[level, row] == SLACK:
            name = d.row_name[level, row]
            inside = frames.path_sign[top, name] * value_at(forms.path[name], x)
            if not inside > 1.00001 * (forms.path_error[name] + radius / forms.path_scale[name]):
                return -1.0
    return radius


@compiled_inline
def _crossing(flats, level, place):
    """The units that have been seen in all four pairs of signs with this one."""
    bit = 1 << place
    p0, p1, p2, p3 = 0, 0, 0, 0
    for i in range(flats.seen[level]):
        above, below = flats.above[level, i], flats.below[level, i]
        if above & bit:
            p0 |= above
            p1 |= below
        elif below & bit:
            p2 |= above
            p3 |= below
    return p0 & p1 & p2 & p3


@compiled
def _other(d, level, row):
    """The last watched unit of a section but this one."""
    other = -1
    for i in range(d.rows[level]):
        if d.row_kind[level, i] == FREE and i != row:
            other = i
    return other


@compiled
def _pair(shape, frames, forms, scratch, flats, top, layer, level, one, other):
    """How many pairs of signs the last two units of a section have in it, 0 if that is uncertain.

    Both cut it.  A pair that no point has shown is looked for where the other unit has its sign.
    """
    d = flats.basis
    first, second = d.row_name[level, one], d.row_name[level, other]
    bit, partner = 1 << flats.place[first], 1 << flats.place[second]
    pairs = 0
    for i in range(flats.seen[level]):
        above, below = flats.above[level, i], flats.below[level, i]
        if above & bit:
            pairs |= (1 if above & partner else 0) | (2 if below & partner else 0)
        elif below & bit:
            pairs |= (4 if above & partner else 0) | (8 if below & partner else 0)
    number = 0
    for pair in range(4):
        if pairs & 1 << pair:
            number += 1
            continue
        sign = 1.0 if pair < 2 else -1.0
        limiting = 1.0 if pair % 2 == 0 else -1.0
        found = _both(shape, frames, forms, scratch, flats, top, layer, level, sign, limiting,
                      first, second)  # fmt: skip
        if found < 0:
            return 0
        number += found
        flats.tally[1 - found] += 1
    return number


@compiled
def _find(d, level, unit):
    """The row of a watched unit, or -1."""
    for row in range(d.rows[level]):
        if d.row_kind[level, row] == FREE and d.row_name[level, row] == unit:
            return row
    return -1


@compiled_inline
def _both(
    shape, frames, forms, scratch, flats, top, layer, level, sign, limiting, first, second
):  # fmt: skip
    """Whether two units have these signs together in a section: 1, 0, or -1 if uncertain."""
    d, dim, index = flats.basis, flats.basis.side.shape[1], frames.splits[top]
    target, slack = _find(d, level, first), _find(d, level, second)
    if limiting * entry(d, level, slack, dim) < 0.0:
        if sign * entry(d, level, target, dim) > 0.0:
            first, second, target, slack = second, first, slack, target
            sign, limiting = limiting, sign
        else:
            limit = 50 * (d.rows[level] + dim)
            code, column, leaving, length, steps = drive(d, level, slack, limiting, limit, np.inf)
            flats.tally[2] += steps + 1
            if code != CROSSES:
                return -1
            take_step(d, level, column, leaving, length)
    record(forms, index, layer, second)
    frames.path_sign[top, index] = limiting
    new = level + 1
    copy(d, level, d, new)
    name_row(d, new, slack, SLACK, index)
    if limiting < 0.0:
        negate_row(d, new, slack)
    limit, patience = 50 * (d.rows[new] + dim), ROOM
    while limit > 0:
        if sign * entry(d, new, target, dim) > _NEAR_ZERO:
            x = scratch.vertex
            radius = near_vertex(shape, frames, forms, flats, top, layer, new, x)
            value = sign * value_at(forms.rows[layer, first], x)
            if radius >= 0.0 and value > _wrong(forms, layer, first, radius):
                return 1
        column, rates = steepest(d, new, target, sign)
        value = sign * entry(d, new, target, dim)
        if column < 0 or value + patience * rates < -_NEAR_ZERO:
            if no_crossing(
                shape, d, new, frames.path_sign[top], forms, scratch, layer, target, -sign
            ):
                return 0
            if column < 0:
                return -1
            patience = np.inf
        leaving, length = longest(d, new, column)
        flats.tally[2] += 1
        limit -= 1
        if not length < np.inf:
            return -1
        take_step(d, new, column, leaving, length)
    return -1


@compiled_inline
def _section(d, flats, level, row):
    """Make the section with one unit's hyperplane the next level; the unit leaves this one.

    The section has those of the units that this one has left.
    """
    dim = d.side.shape[1]
    value = entry(d, level, row, dim)
    sign = -1.0 if value > 0.0 else 1.0
    limit = 50 * (d.rows[level] + dim)
    code, column, _, length, steps = drive(d, level, row, sign, limit, np.inf)
    flats.tally[2] += steps + 1
    if code != CROSSES:
        return False
    new = level + 1
    copy(d, level, d, new)
    drop_row(d, level, row)
    rate = entry(d, new, row, column) * d.side[new, column]
    share = min(max(-entry(d, new, row, dim) / rate, 0.0), length)
    exchange(d, new, row, column, share * d.side[new, column])
    fix(d, new, column)
    flats.tally[0] += 1
    return True
