"""Compiled: a simplex dictionary with bounded variables, and the bound that its multipliers prove.

Basic variables are affine in the displacements of the non-basic ones from the bounds at which they
stand: b_i = β_i + Σ_j T_ij δ_j.  A row or column is a coordinate (in [-1, 1]), a slack (>= 0), or,
rows only, a free form that limits nothing and is only watched.  Everything here is floats without
error bounds: a dictionary proposes, and `largest_on_box` proves, from the original forms.

Source: V. Chvátal, Linear Programming (1983), chapters 2, 3 and 8.
"""

from __future__ import annotations

import numpy as np

from solvers.compiling import compiled, compiled_sum

FREE, SLACK, COORDINATE = 0, 1, 2  # kinds of rows; columns are slacks or coordinates
OPTIMAL, CROSSES, LOST = 0, 1, 2
FLIP = -1  # no row leaves: the entering coordinate goes to its other end

_RATE = 1e-11  # slower columns do not enter
_PIVOT = 1e-9  # smaller entries do not limit a step
_TIE = 1e-12  # steps that differ by less tie; the larger pivot wins


@compiled
def exchange(table, alive, count, row, column):
    """Pivot: the basic variable of `row` and the non-basic one of `column` change places."""
    dim = table.shape[1]
    inverse = 1.0 / table[row, column]
    line = table[row]
    for k in range(dim):
        line[k] *= -inverse
    line[column] = inverse
    for place in range(count):
        i = alive[place]
        if i == row:
            continue
        other = table[i]
        factor = other[column]
        if factor == 0.0:
            continue
        other[column] = 0.0
        for k in range(dim):
            other[k] += factor * line[k]


@compiled
def next_step(table, value, row_kind, alive, count, column_kind, side, target, sign):
    """(column, leaving row, length) of the step that raises sign·b_target fastest; column -1: none.

    The length is infinite when nothing limits it, which in a bounded polytope is a lost dictionary.
    """
    dim = table.shape[1]
    best, column = _RATE, -1
    for j in range(dim):
        rate = sign * table[target, j] * side[j]
        if rate > best:
            best, column = rate, j
    if column < 0:
        return -1, FLIP, 0.0
    length = 2.0 if column_kind[column] == COORDINATE else np.inf
    leaving, largest = FLIP, 0.0
    for place in range(count):
        i = alive[place]
        kind = row_kind[i]
        if kind == FREE:
            continue
        slope = table[i, column] * side[column]
        if slope < -_PIVOT:
            room = value[i] if kind == SLACK else value[i] + 1.0
            limit = max(room, 0.0) / -slope
        elif slope > _PIVOT and kind == COORDINATE:
            limit = max(1.0 - value[i], 0.0) / slope
        else:
            continue
        if limit < length - _TIE or (limit <= length + _TIE and abs(slope) > largest):
            length, leaving, largest = min(limit, length), i, abs(slope)
    return column, leaving, length


@compiled
def take_step(
    table, value, row_kind, row_name, alive, count, column_kind, column_name, side,
    column, leaving, length,
):  # fmt: skip
    """Move the entering variable by `length` and exchange it with the row that stops it."""
    move = length * side[column]
    for place in range(count):
        i = alive[place]
        value[i] += table[i, column] * move
    if leaving == FLIP:
        side[column] = -side[column]
        return
    entered = 0.0 if column_kind[column] == SLACK else -side[column]
    grows = table[leaving, column] * side[column] > 0.0
    exchange(table, alive, count, leaving, column)
    value[leaving] = entered + move
    kind, name = row_kind[leaving], row_name[leaving]
    row_kind[leaving], row_name[leaving] = column_kind[column], column_name[column]
    column_kind[column], column_name[column] = kind, name
    side[column] = -1.0 if kind == COORDINATE and grows else 1.0


@compiled
def drive(
    table, value, row_kind, row_name, alive, count, column_kind, column_name, side,
    target, sign, limit,
):  # fmt: skip
    """Raise sign·b_target until the next step would make it positive, or nothing raises it.

    Returns
    -------
    (code, column, leaving, length, steps)
        CROSSES: this step, not yet taken, makes sign·b_target positive.  OPTIMAL: no step raises
        it.  LOST: an unlimited step, or more than `limit` of them.
    """
    for steps in range(limit):
        column, leaving, length = next_step(
            table, value, row_kind, alive, count, column_kind, side, target, sign
        )
        if column < 0:
            return OPTIMAL, column, leaving, length, steps
        if not length < np.inf:
            return LOST, column, leaving, length, steps
        after = sign * (value[target] + table[target, column] * side[column] * length)
        if after > 1e-12:
            return CROSSES, column, leaving, length, steps
        take_step(
            table, value, row_kind, row_name, alive, count, column_kind, column_name, side,
            column, leaving, length,
        )  # fmt: skip
    return LOST, -1, FLIP, 0.0, limit


@compiled_sum
def largest_on_box(form, dim, middle, radius):
    """The largest value of form[:dim]·x + form[dim] on the box of this middle and radius."""
    total = form[dim]
    for k in range(dim):
        total += form[k] * middle[k] + abs(form[k]) * radius[k]
    return total
