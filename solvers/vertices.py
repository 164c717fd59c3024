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
def cut_edges(
    x, error, facets, start, stop, value, slack, reach, slot, out_x, out_error, out_facets
):
    """New vertices where a hyperplane crosses the edges of the polytope of vertices start..stop.

    Parameters
    ----------
    x, error, facets
        (n, d) coordinates, (n,) error bounds, (n,) facet sets.
    value
        (stop - start,) values of the hyperplane's form at the vertices; every sign is certain.
    slack
        (stop - start,) bounds on the errors of the values.
    reach
        Largest absolute coordinate.
    slot
        Facet slot of the new hyperplane.
    out_x, out_error, out_facets
        Receive the new vertices.

    Returns
    -------
    int
        Their number, or -1 when there is no room.

    Notes
    -----
    With t = v_p / (v_p - v_q) the crossing is p + t (q - p).  If both values have errors up to δ,
    the error of t is at most δ / (v_p - v_q) and that of the crossing at most
    max(e_p, e_q) + |t - t*| ‖q - p‖ in the maximum norm, and roundings.
    """
    dim = x.shape[1]
    need = dim - 1
    count = 0
    bit = np.uint64(1) << np.uint64(slot)
    for i in range(start, stop):
        above = value[i - start]
        if above <= 0.0:
            continue
        mine = facets[i]
        for j in range(start, stop):
            below = value[j - start]
            if below > 0.0:
                continue
            common = mine & facets[j]
            if popcount(common) != need:
                continue
            if count == out_error.shape[0]:
                return -1
            span = above - below
            share = above / span
            length = 0.0
            for k in range(dim):
                step = x[j, k] - x[i, k]
                length = max(length, abs(step))
                out_x[count, k] = x[i, k] + share * step
            worst = max(error[i], error[j])
            wrong = max(slack[i - start], slack[j - start]) / span + 4.0 * UNIT
            out_error[count] = (worst + wrong * length + 4.0 * UNIT * reach) * INFLATE
            out_facets[count] = common | bit
            count += 1
    return count


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
        for j in range(2 * dim):
            held = work[best, j]
            work[best, j] = work[column, j]
            work[column, j] = held / pivot
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
