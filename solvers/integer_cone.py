"""Compiled: a polyhedral cone by integer generators, cut by hyperplanes; exact, degenerate or not.

A cone is the sum of a linear space, spanned by *lines*, and of its *rays*, the extreme ones modulo
the lines.  A generator is a row of integers: its coordinates, or the values of some linear forms at
it.  Scaled by its greatest common divisor, it stays short.  For each ray, a 64-bit set says on
which inequalities of the cone it lies ("slots"); every facet has a slot.

Cutting is the double description method (Fukuda and Prodon, Double description method revisited,
1996): a hyperplane meets a cone in its lines and rays there, and in one new ray for each pair of
adjacent rays on different sides.  Two rays are adjacent iff no third lies on all the inequalities
on which both lie.  That holds for any cone, simple or not.  It need not be tried where one of the
rays lies on no more inequalities than a ray must, rank - 1, and shares all but one of them: these
are independent, and so are any rank - 2 of them, which then meet in a plane.

Numba's integers wrap silently, so no product or sum is formed before a bound excludes that: floats
of at least the sizes at hand, against `LIMIT`, with a margin that covers their rounding.
"""

from __future__ import annotations

import numpy as np

from solvers.compiling import compiled
from solvers.copying import assign
from solvers.long_integers import LIMIT, long_mixed
from solvers.vertices import lowest_bit, popcount

FULL, LONG_NUMBERS = -1, -2
ONE, ZERO = np.uint64(1), np.uint64(0)


@compiled
def divisor(a, b):
    """Greatest common divisor of two integers >= 0."""
    while b != 0:
        a, b = b, a % b
    return a


@compiled
def reduced(x, place, count):
    """Divide a row by its greatest common divisor; its largest absolute value afterwards."""
    common, largest = np.int64(0), np.int64(0)
    for k in range(count):
        entry = abs(x[place, k])
        largest = max(largest, entry)
        if common != 1 and entry != 0:
            common = divisor(entry, common)
    if common > 1:
        for k in range(count):
            x[place, k] //= common
        largest //= common
    return float(largest)


@compiled
def mixed(x, size, i, j, value, count, out, place):
    """Write |v_j| x_i + |v_i| x_j, divided by what both have in common, where v_i v_j < 0.

    If v_i v_j > 0, the second term is subtracted.  So the result is where the form is zero, and it
    lies on the side of x_i of any other form that is zero at x_j.  A bound of its entries is
    returned, or -1 if some are too long even without their common divisor.
    """
    first, second = value[i], value[j]
    a, b = abs(second), abs(first)
    common = divisor(a, b)
    if common > 1:
        a //= common
        b //= common
    if (first > 0) == (second > 0):
        b = -b
    bound = float(a) * size[i] + abs(float(b)) * size[j]
    if not bound < LIMIT:
        return long_mixed(x, i, j, a, b, count, out, place)
    for k in range(count):
        out[place, k] = a * x[i, k] + b * x[j, k]
    return bound


@compiled
def pivot_line(value, start, lines):
    """The line on which the form is not zero and as small as can be; -1 if it is zero on all."""
    best = -1
    for i in range(start, start + lines):
        if value[i] != 0 and (best < 0 or abs(value[i]) < abs(value[best])):
            best = i
    return best


@compiled
def meet(x, size, facets, start, lines, number, value, rank, count, out, out_size, out_facets, at):
    """Generators of the part of a cone on which a form is zero.

    Parameters
    ----------
    x, size, facets
        (n, count) generators, (n,) bounds of their entries, (n,) slots on which they lie; the cone
        has those from `start`, `number` of them, the first `lines` are its lines.
    value
        (n,) values of the form.
    rank
        Dimension of the cone modulo its lines.
    count
        So many entries of each generator are used.
    out, out_size, out_facets
        Receive the generators, lines first, from row `at`; not yet divided by common divisors.

    Returns
    -------
    tuple of int
        Their number, or FULL, or LONG_NUMBERS; how many are lines; and the line that the form
        crosses, on which all were projected, or -1.
    """
    room, place = out.shape[0], at
    pivot = pivot_line(value, start, lines)
    if pivot >= 0:
        if at + number > room:
            return FULL, 0, pivot
        for i in range(start, start + number):
            if i == pivot:
                continue
            if value[i] == 0:
                assign(out[place], x[i, :count])
                out_size[place] = size[i]
            else:
                bound = mixed(x, size, i, pivot, value, count, out, place)
                if bound < 0.0:
                    return LONG_NUMBERS, 0, pivot
                out_size[place] = bound
            out_facets[place] = facets[i]
            place += 1
        return place - at, lines - 1, pivot
    stop = start + number
    for i in range(start, stop):
        if i < start + lines or value[i] == 0:
            if place == room:
                return FULL, 0, pivot
            assign(out[place], x[i, :count])
            out_size[place], out_facets[place] = size[i], facets[i]
            place += 1
    for i in range(start + lines, stop):
        if value[i] <= 0:
            continue
        plain = popcount(facets[i]) == rank - 1
        for j in range(start + lines, stop):
            if value[j] >= 0:
                continue
            common = facets[i] & facets[j]
            if popcount(common) < rank - 2:
                continue
            adjacent = plain or popcount(facets[j]) == rank - 1
            if not adjacent:
                adjacent = True
                for k in range(start + lines, stop):
                    if facets[k] & common == common and k != i and k != j:
                        adjacent = False
                        break
            if not adjacent:
                continue
            if place == room:
                return FULL, 0, pivot
            bound = mixed(x, size, i, j, value, count, out, place)
            if bound < 0.0:
                return LONG_NUMBERS, 0, pivot
            out_size[place], out_facets[place] = bound, common
            place += 1
    return place - at, lines, pivot


@compiled
def essential(facets, start, stop, used):
    """The slots of `used` that are facets of the cone with these rays, each facet once.

    The rays on a facet are not all on another one; those on any smaller face are.
    """
    kept = used
    rest = used
    while rest != ZERO:
        own = rest & (~rest + ONE)
        rest ^= own
        others = kept ^ own
        while others != ZERO:
            other = others & (~others + ONE)
            others ^= other
            inside, equal = True, True
            for i in range(start, stop):
                if facets[i] & own != ZERO:
                    if facets[i] & other == ZERO:
                        inside = False
                        break
                elif facets[i] & other != ZERO:
                    equal = False
            if inside and not (equal and other > own):
                kept ^= own
                break
    return kept


@compiled
def free_slot(used):
    """A slot that is not in use, -1 if there is none."""
    return np.int64(-1) if used == ~ZERO else lowest_bit(~used)
