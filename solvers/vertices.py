"""Compiled: a simple polytope by its vertices and incidences, clipped by a hyperplane.

A vertex of a simple polytope of dimension d lies on exactly d facets.  It is stored as its float
coordinates, a bound on the error of each of them, and a 64-bit set of facet slots.  Two vertices
span an edge iff they share d - 1 facets.  As long as every sign that is used is certain, the
combinatorics are those of the true polytope, however inexact the coordinates.
"""

from __future__ import annotations

import numpy as np

from solvers.compiling import compiled

UNIT = 2.0**-53
INFLATE = 1.0 + 1e-9  # covers the roundings of the error bounds themselves


@compiled
def popcount(word):
    """Number of ones of a 64-bit word."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + (
        (word >> np.uint64(2)) & np.uint64(0x3333333333333333)
    )
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@compiled
def lowest_bit(word):
    """Index of the lowest one of a non-zero word."""
    return popcount((word & (~word + np.uint64(1))) - np.uint64(1))


@compiled
def values_at(rows, slot, unit, x, place, number, value):
    """Write the values of a form at the vertices of a polytope.

    Parameters
    ----------
    rows
        (slots, d + 1 or more, units): form `unit` of table `slot` is rows[slot, :d, unit]·x +
        rows[slot, d, unit].
    x
        (places, d, room) coordinates; those of this polytope are x[place, :, :number].
    value
        (number or more,) receives the values.
    """
    dim = x.shape[1]
    constant = rows[slot, dim, unit]
    for i in range(number):
        value[i] = constant
    for k in range(dim):
        weight = rows[slot, k, unit]
        for i in range(number):
            value[i] += weight * x[place, k, i]


@compiled
def cut_edges(x, error, facets, place, number, value, slack, reach, slot, target, sides, far):
    """New vertices where a hyperplane crosses the edges of a polytope.

    Parameters
    ----------
    x, error, facets
        (places, d, room) coordinates, (places, room) error bounds, (places, room) facet sets; the
        polytope is the first `number` vertices of `place`.
    value
        (number,) values of the hyperplane's form at the vertices; every sign is certain.
    slack
        (number,) bounds on the errors of the values.
    reach
        Largest absolute coordinate.
    slot
        Facet slot of the new hyperplane.
    target
        The place that receives the new vertices.
    sides
        (2, number) receives the vertices of positive value, and the others.
    far
        (number,) scratch space.

    Returns
    -------
    (made, above)
        How many vertices are new, -1 when there is no room, and how many are positive.

    Notes
    -----
    With t = v_p / (v_p - v_q) the crossing is p + t (q - p).  If both values have errors up to δ,
    the error of t is at most δ / (v_p - v_q) and that of the crossing at most
    max(e_p, e_q) + |t - t*| ‖q - p‖ in the maximum norm, and roundings.
    """
    dim, room = x.shape[1], x.shape[2]
    need = dim - 1
    above = below = 0
    for i in range(number):
        positive = value[i] > 0.0
        sides[0, above] = i
        sides[1, below] = i
        far[below] = facets[place, i]
        above += positive
        below += not positive
    bit = np.uint64(1) << np.uint64(slot)
    made = 0
    for a in range(above):
        i = sides[0, a]
        mine = facets[place, i]
        for b in range(below):
            common = mine & far[b]
            if popcount(common) != need:
                continue
            if made == room:
                return -1, above
            j = sides[1, b]
            span = value[i] - value[j]
            share = value[i] / span
            length = 0.0
            for k in range(dim):
                step = x[place, k, j] - x[place, k, i]
                length = max(length, abs(step))
                x[target, k, made] = x[place, k, i] + share * step
            worst = max(error[place, i], error[place, j])
            wrong = max(slack[i], slack[j]) / span + 4.0 * UNIT
            error[target, made] = (worst + wrong * length + 4.0 * UNIT * reach) * INFLATE
            facets[target, made] = common | bit
            made += 1
    return made, above


@compiled
def cut_faces(x, error, facets, place, number, value, slack, reach, slot, target, sides):
    """The same for any polytope, whose facets may meet in more than d at a vertex.

    `sides` (3, number) receives the vertices of positive value, of negative, and of value zero:
    zero means exactly so, and the sign of every other value is certain, however small or wrong the
    value.  Facet sets have all facets through a vertex.  Two vertices are adjacent iff no third
    lies on all facets on which both lie (Fukuda and Prodon 1996); where one of them lies on d
    facets only, iff they share d - 1.

    Returns
    -------
    (made, above, below, on)
        `made` is -1 when there is no room.
    """
    dim, room = x.shape[1], x.shape[2]
    above = below = on = 0
    for i in range(number):
        if value[i] > 0.0:
            sides[0, above] = i
            above += 1
        elif value[i] < 0.0:
            sides[1, below] = i
            below += 1
        else:
            sides[2, on] = i
            on += 1
    bit = np.uint64(1) << np.uint64(slot)
    made = 0
    for a in range(above):
        i = sides[0, a]
        mine = facets[place, i]
        simple = popcount(mine) == dim
        for b in range(below):
            j = sides[1, b]
            common = mine & facets[place, j]
            if popcount(common) < dim - 1:
                continue
            adjacent = True
            if not simple and popcount(facets[place, j]) > dim:
                for k in range(number):
                    if facets[place, k] & common == common and k != i and k != j:
                        adjacent = False
                        break
            if not adjacent:
                continue
            if made == room:
                return -1, above, below, on
            span = value[i] - value[j]
            share = min(max(value[i] / span, 0.0), 1.0)
            length = 0.0
            for k in range(dim):
                step = x[place, k, j] - x[place, k, i]
                length = max(length, abs(step))
                x[target, k, made] = x[place, k, i] + share * step
            worst = max(error[place, i], error[place, j])
            wrong = min(max(slack[i], slack[j]) / span + 4.0 * UNIT, 1.0)
            error[target, made] = (worst + wrong * length + 4.0 * UNIT * reach) * INFLATE
            facets[target, made] = common | bit
            made += 1
    return made, above, below, on


@compiled
def independent(lines, number, order):
    """Choose rows of a matrix that are far from dependent, as many as it has columns.

    `lines` (number or more, d) is overwritten; order[:number] is permuted alike, chosen rows first.
    """
    dim = lines.shape[1]
    for done in range(dim):
        best, size, column = done, -1.0, 0
        for i in range(done, number):
            largest, at = 0.0, 0
            for k in range(dim):
                if abs(lines[i, k]) > largest:
                    largest, at = abs(lines[i, k]), k
            if largest > size:
                best, size, column = i, largest, at
        for k in range(dim):
            held = lines[best, k]
            lines[best, k] = lines[done, k]
            lines[done, k] = held
        name = order[best]
        order[best] = order[done]
        order[done] = name
        if not size > 0.0:
            return
        for i in range(done + 1, number):
            factor = lines[i, column] / lines[done, column]
            for k in range(dim):
                lines[i, k] -= factor * lines[done, k]
            lines[i, column] = 0.0


@compiled
def free_slot(facets, place, number):
    """A facet slot that no vertex of a polytope uses, -1 if there is none."""
    used = np.uint64(0)
    for i in range(number):
        used |= facets[place, i]
    return np.int64(-1) if used == ~np.uint64(0) else lowest_bit(~used)


@compiled
def polish(matrix, constant, row_error, norm_error, x, work):
    """Move x to the solution of matrix·x + constant = 0 and bound its error; inf if that fails.

    Parameters
    ----------
    matrix, constant
        (d, d) and (d,): the approximate forms whose common zero the vertex is.
    row_error
        (d,) bounds on the error of each form's value, evaluated in floats, near x.
    norm_error
        (d,) bounds on the error of each row in the 1-norm.
    x
        (d,) an approximation of the vertex; replaced by a better one on success.
    work
        (d, 2 d) scratch space.

    Notes
    -----
    With R an approximate inverse and g >= ‖I - R A‖ < 1 in the maximum norm, the true zero lies
    within ‖ |R| (|A x + c| + errors) ‖ / (1 - g) of x (Rump 1983).
    """
    dim = x.shape[0]
    for i in range(dim):
        for j in range(dim):
            work[i, j] = matrix[i, j]
            work[i, dim + j] = 1.0 if i == j else 0.0
    for column in range(dim):
        best = column
        for i in range(column + 1, dim):
            if abs(work[i, column]) > abs(work[best, column]):
                best = i
        pivot = work[best, column]
        if not 0.0 < abs(pivot) < np.inf:
            return np.inf
        inverse = 1.0 / pivot
        for j in range(2 * dim):
            held = work[best, j]
            work[best, j] = work[column, j]
            work[column, j] = held * inverse
        for i in range(dim):
            if i != column:
                factor = work[i, column]
                if factor != 0.0:
                    for j in range(2 * dim):
                        work[i, j] -= factor * work[column, j]
    worst = 0.0  # a bound on ‖I - R A‖, rounding and the errors of A included
    for i in range(dim):
        total = 0.0
        for j in range(dim):
            entry, size = (-1.0 if i == j else 0.0), 1.0
            for k in range(dim):
                term = work[i, dim + k] * matrix[k, j]
                entry += term
                size += abs(term)
            total += abs(entry) + 2.0 * (dim + 2) * UNIT * size
            total += abs(work[i, dim + j]) * norm_error[j]
        if not total < 0.01:
            return np.inf
        worst = max(worst, total)
    for step in range(2):
        largest = 0.0
        for i in range(dim):
            move, spread = 0.0, 0.0
            for j in range(dim):
                value = constant[j]
                for k in range(dim):
                    value += matrix[j, k] * x[k]
                move += work[i, dim + j] * value
                spread += abs(work[i, dim + j]) * (abs(value) + row_error[j])
            work[i, 0] = move
            if not spread < np.inf:
                return np.inf
            largest = max(largest, spread)
        if step == 1:
            return largest / (1.0 - worst) * 1.0001
        for i in range(dim):
            x[i] -= work[i, 0]
    return np.inf
