"""Compiled: a simplex dictionary with bounded variables, and the bound that its multipliers prove.

Basic variables are affine in the displacements of the non-basic ones from the bounds at which they
stand: b_i = β_i + Σ_j T_ij δ_j.  A row or column is a coordinate (in [-1, 1]), a slack (>= 0); rows
only: a free form that limits nothing and is only watched; columns only: a form fixed at zero, which
makes the polytope a section.  Everything here is floats without error bounds: a dictionary
proposes, and `largest_on_box` proves, from the original forms.

Layout: the table is kept column by column, the values of the rows last, rows in groups of LANES
that one vector instruction takes; where a loop over them is written out, it is for that.

Source: V. Chvátal, Linear Programming (1983), chapters 2, 3 and 8.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from solvers.compiling import compiled, compiled_inline, compiled_sum

FREE, SLACK, COORDINATE, FIXED = 0, 1, 2, 3  # kinds: rows are not FIXED, columns not FREE
OPTIMAL, CROSSES, LOST = 0, 1, 2
FLIP = -1  # no row leaves: the entering coordinate goes to its other end
LANES = 8

_RATE = 1e-11  # slower columns do not enter
_PIVOT = 1e-9  # smaller entries do not limit a step
_TIE = 1e-12  # steps that differ by less tie; the larger pivot wins


class Dictionary(NamedTuple):
    """A stack of dictionaries, the first index of each array."""

    table: np.ndarray  # (nodes, dim + 1, groups, LANES): columns, and the rows' values
    low: np.ndarray  # (nodes, groups, LANES): bounds of the rows
    high: np.ndarray
    row_kind: np.ndarray  # (nodes, groups * LANES)
    row_name: np.ndarray
    rows: np.ndarray  # (nodes,): how many are in use, the first ones
    column_kind: np.ndarray  # (nodes, dim)
    column_name: np.ndarray
    side: np.ndarray  # (nodes, dim): +1 at the lower end, -1 at the upper, 0 if FIXED
    line: np.ndarray  # (nodes, dim + 1): working space
    limit: np.ndarray  # (nodes, groups, LANES): working space


def new_dictionaries(nodes: int, rows: int, dim: int) -> Dictionary:
    """A stack with room for so many dictionaries of so many rows."""
    groups = max(1, -(-rows // LANES))
    lanes = nodes, groups, LANES
    return Dictionary(
        table=np.zeros((nodes, dim + 1, groups, LANES)), low=np.zeros(lanes), high=np.zeros(lanes),
        row_kind=_integers(nodes, groups * LANES), row_name=_integers(nodes, groups * LANES),
        rows=_integers(nodes), column_kind=_integers(nodes, dim), column_name=_integers(nodes, dim),
        side=np.ones((nodes, dim)), line=np.zeros((nodes, dim + 1)), limit=np.zeros(lanes),
    )  # fmt: skip


def _integers(*size: int) -> np.ndarray:
    return np.zeros(size, dtype=np.int64)


@compiled_inline
def entry(d, node, row, column):
    """An entry of the table; column `dim` has the values."""
    return d.table[node, column, row // LANES, row % LANES]


@compiled_inline
def set_entry(d, node, row, column, number):
    """The same, written."""
    d.table[node, column, row // LANES, row % LANES] = number


@compiled_inline
def name_row(d, node, row, kind, name):
    """What the basic variable of a row is, and so its bounds."""
    d.row_kind[node, row], d.row_name[node, row] = kind, name
    low, high = -np.inf, np.inf
    if kind == COORDINATE:
        low, high = -1.0, 1.0
    elif kind == SLACK:
        low = 0.0
    d.low[node, row // LANES, row % LANES] = low
    d.high[node, row // LANES, row % LANES] = high


@compiled
def new_row(d, node, kind, name):
    """Room for one more row, which is returned; its entries are to be written."""
    row = d.rows[node]
    d.rows[node] = row + 1
    if row % LANES == 0:  # whatever the group held before
        d.table[node, :, row // LANES] = 0.0
        for other in range(row + 1, row + LANES):
            name_row(d, node, other, FREE, -1)
    name_row(d, node, row, kind, name)
    return row


@compiled
def drop_row(d, node, row):
    """Forget a row; the last one takes its place."""
    last, dim = d.rows[node] - 1, d.side.shape[1]
    for j in range(dim + 1):
        set_entry(d, node, row, j, entry(d, node, last, j))
        set_entry(d, node, last, j, 0.0)
    name_row(d, node, row, d.row_kind[node, last], d.row_name[node, last])
    name_row(d, node, last, FREE, -1)
    d.rows[node] = last


@compiled
def negate_row(d, node, row):
    """Watch the negative of a free form."""
    for j in range(d.side.shape[1] + 1):
        set_entry(d, node, row, j, -entry(d, node, row, j))


@compiled_inline
def copy(source, i, target, k):
    """Dictionary k of one stack becomes dictionary i of another one, or of the same."""
    dim, rows = source.side.shape[1], source.rows[i]
    groups = (rows + LANES - 1) // LANES
    target.rows[k] = rows
    for j in range(dim):
        target.column_kind[k, j] = source.column_kind[i, j]
        target.column_name[k, j] = source.column_name[i, j]
        target.side[k, j] = source.side[i, j]
    for row in range(rows):
        target.row_kind[k, row] = source.row_kind[i, row]
        target.row_name[k, row] = source.row_name[i, row]
    for b in range(groups):
        for q in range(LANES):
            target.low[k, b, q] = source.low[i, b, q]
            target.high[k, b, q] = source.high[i, b, q]
        for j in range(dim + 1):
            for q in range(LANES):
                target.table[k, j, b, q] = source.table[i, j, b, q]


@compiled_inline
def exchange(d, node, row, column, move):
    """Displace the non-basic variable of `column` and make it change places with that of `row`."""
    table, line, side = d.table[node], d.line[node], d.side[node]
    dim, group, lane = side.shape[0], row // LANES, row % LANES
    inverse = 1.0 / table[column, group, lane]
    for j in range(dim):
        line[j] = -inverse * table[j, group, lane]
    line[dim] = move
    for b in range((d.rows[node] + LANES - 1) // LANES):
        p0 = table[column, b, 0]
        p1 = table[column, b, 1]
        p2 = table[column, b, 2]
        p3 = table[column, b, 3]
        p4 = table[column, b, 4]
        p5 = table[column, b, 5]
        p6 = table[column, b, 6]
        p7 = table[column, b, 7]
        for j in range(dim + 1):
            factor = line[j]
            table[j, b, 0] += factor * p0
            table[j, b, 1] += factor * p1
            table[j, b, 2] += factor * p2
            table[j, b, 3] += factor * p3
            table[j, b, 4] += factor * p4
            table[j, b, 5] += factor * p5
            table[j, b, 6] += factor * p6
            table[j, b, 7] += factor * p7
        table[column, b, 0] = inverse * p0
        table[column, b, 1] = inverse * p1
        table[column, b, 2] = inverse * p2
        table[column, b, 3] = inverse * p3
        table[column, b, 4] = inverse * p4
        table[column, b, 5] = inverse * p5
        table[column, b, 6] = inverse * p6
        table[column, b, 7] = inverse * p7
    for j in range(dim):
        table[j, group, lane] = line[j]
    table[column, group, lane] = inverse
    entered = -side[column] if d.column_kind[node, column] == COORDINATE else 0.0
    table[dim, group, lane] = entered + move
    kind, name = d.row_kind[node, row], d.row_name[node, row]
    name_row(d, node, row, d.column_kind[node, column], d.column_name[node, column])
    d.column_kind[node, column], d.column_name[node, column] = kind, name


@compiled_inline
def fix(d, node, column):
    """A free form that has become non-basic, at zero, stays so."""
    d.column_kind[node, column], d.side[node, column] = FIXED, 0.0


@compiled_inline
def steepest(d, node, target, sign):
    """(column, rates): which column raises sign·b_target fastest, -1: none; the sum of all rates.

    While every column moves by at most m, sign·b_target rises by at most m times the sum.
    """
    table, side = d.table[node], d.side[node]
    group, lane = target // LANES, target % LANES
    best, column, total = _RATE, -1, 0.0
    for j in range(side.shape[0]):
        rate = sign * table[j, group, lane] * side[j]
        total += max(rate, 0.0)
        if rate > best:
            best, column = rate, j
    return column, total


@compiled_inline
def longest(d, node, column):
    """(leaving row, length) of a step along a column.

    The length is infinite when nothing limits it, which in a bounded polytope is a lost dictionary.
    """
    table, limit, low, high = d.table[node], d.limit[node], d.low[node], d.high[node]
    dim, side = d.side.shape[1], d.side[node, column]
    groups = (d.rows[node] + LANES - 1) // LANES
    for b in range(groups):
        for q in range(LANES):
            slope, value = table[column, b, q] * side, table[dim, b, q]
            room = value - low[b, q] if slope < 0.0 else high[b, q] - value
            limit[b, q] = (room if room > 0.0 else 0.0) / abs(slope)
    length = 2.0 if d.column_kind[node, column] == COORDINATE else np.inf
    leaving, largest = FLIP, 0.0
    for b in range(groups):
        for q in range(LANES):
            if limit[b, q] <= length + _TIE:
                slope = abs(table[column, b, q])
                if slope > _PIVOT and (limit[b, q] < length - _TIE or slope > largest):
                    length, leaving, largest = min(limit[b, q], length), b * LANES + q, slope
    if not length < np.inf:
        return FLIP, length
    return leaving, length


@compiled_inline
def take_step(d, node, column, leaving, length):
    """Move the entering variable by `length` and exchange it with the row that stops it."""
    dim, side = d.side.shape[1], d.side[node, column]
    move = length * side
    if leaving == FLIP:
        table = d.table[node]
        for b in range((d.rows[node] + LANES - 1) // LANES):
            for q in range(LANES):
                table[dim, b, q] += move * table[column, b, q]
        d.side[node, column] = -side
        return
    grows = entry(d, node, leaving, column) * side > 0.0
    exchange(d, node, leaving, column, move)
    is_upper = d.column_kind[node, column] == COORDINATE and grows
    d.side[node, column] = -1.0 if is_upper else 1.0


@compiled
def drive(d, node, target, sign, limit, room):
    """Raise sign·b_target until the next step would make it positive, or nothing raises it.

    Returns
    -------
    (code, column, leaving, length, steps)
        CROSSES: this step, not yet taken, makes sign·b_target positive.  OPTIMAL: no step raises
        it, or none could make it positive if all columns were limited by `room`.  LOST: an
        unlimited step, or more than `limit` of them.
    """
    dim = d.side.shape[1]
    for steps in range(limit):
        column, rates = steepest(d, node, target, sign)
        value = sign * entry(d, node, target, dim)
        if column < 0 or value + room * rates < -_PIVOT:
            return OPTIMAL, column, FLIP, 0.0, steps
        leaving, length = longest(d, node, column)
        if not length < np.inf:
            return LOST, column, leaving, length, steps
        after = value + sign * entry(d, node, target, column) * d.side[node, column] * length
        if after > 1e-12:
            return CROSSES, column, leaving, length, steps
        take_step(d, node, column, leaving, length)
    return LOST, -1, FLIP, 0.0, limit


@compiled_sum
def largest_on_box(form, dim, middle, radius):
    """The largest value of form[:dim]·x + form[dim] on the box of this middle and radius."""
    total = form[dim]
    for k in range(dim):
        total += form[k] * middle[k] + abs(form[k]) * radius[k]
    return total
