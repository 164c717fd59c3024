"""Compiled: what the simplex engine does to one cell.

Layout: a form is its coefficients and, last, its constant.  A dictionary's coordinates are
(x - middle) / radius, in [-1, 1]; its rows are divided by the forms' 1-norms there.
"""

from __future__ import annotations

import numpy as np

from regions.counting.leaf_kernel import FOLLOWS
from solvers.compiling import compiled, compiled_sum
from solvers.copying import assign
from solvers.dictionary import (
    COORDINATE,
    CROSSES,
    FIXED,
    FREE,
    SLACK,
    copy,
    drive,
    entry,
    largest_on_box,
    name_row,
    negate_row,
    new_row,
    set_entry,
    take_step,
)  # fmt: skip

LONGEST_MEAN = 16  # vertices; later ones count as if there had been so many


@compiled_sum
def value_at(form, x):
    """Form · (x, 1), in floats."""
    dim = x.shape[0]
    total = form[dim]
    for k in range(dim):
        total += form[k] * x[k]
    return total


@compiled
def rebuild(shape, frames, forms, top):
    """A dictionary of the cell from nothing: the box's vertex near the point, made feasible."""
    d, dim, splits = frames.basis, shape.middle.shape[0], frames.splits[top]
    layer = frames.layer[top]
    for k in range(dim):
        d.column_kind[top, k], d.column_name[top, k] = COORDINATE, k
        d.side[top, k] = 1.0 if frames.point[top, k] < shape.middle[k] else -1.0
    d.rows[top] = 0
    for i in range(splits):
        factor = forms.path_scale[i] * frames.path_sign[top, i]
        row = new_row(d, top, FREE, i)
        _fill(shape, d, top, row, forms.path[i], factor)
        if entry(d, top, row, dim) >= 0.0:
            name_row(d, top, row, SLACK, i)
    if layer >= 0:
        for unit in range(shape.widths[layer]):
            if frames.status[top, layer, unit] < 0:
                row = new_row(d, top, FREE, unit)
                _fill(shape, d, top, row, forms.rows[layer, unit], forms.scales[layer, unit])
    frames.fresh[top] = 1
    for i in range(splits):
        if d.row_kind[top, i] != FREE:
            continue
        if entry(d, top, i, dim) < 0.0:
            limit = 50 * (d.rows[top] + dim)
            code, column, leaving, length, _ = drive(d, top, i, 1.0, limit, np.inf)
            if code == CROSSES:
                take_step(d, top, column, leaving, length)
        name_row(d, top, i, SLACK, d.row_name[top, i])


@compiled
def _fill(shape, d, node, row, form, factor):
    """A row over coordinates only, and its value at the vertex."""
    dim = shape.middle.shape[0]
    total = form[dim]
    for k in range(dim):
        slope = form[k] * shape.radius[k]
        set_entry(d, node, row, k, factor * slope)
        total += form[k] * shape.middle[k] - slope * d.side[node, k]
    set_entry(d, node, row, dim, factor * total)


@compiled
def vertex(shape, d, node, x, column, move):
    """The dictionary's vertex, its non-basic `column` displaced by `move` (column -1: not)."""
    dim = x.shape[0]
    for k in range(dim):
        if d.column_kind[node, k] == COORDINATE:
            name = d.column_name[node, k]
            place = -d.side[node, k] + (move if k == column else 0.0)
            x[name] = shape.middle[name] + shape.radius[name] * place
    for i in range(d.rows[node]):
        if d.row_kind[node, i] == COORDINATE:
            name = d.row_name[node, i]
            at = entry(d, node, i, dim)
            if column >= 0:
                at += entry(d, node, i, column) * move
            x[name] = shape.middle[name] + shape.radius[name] * at


@compiled
def is_inside(shape, frames, forms, top, x):
    """Whether x is certainly in the box and strictly inside all splits.

    Then points strictly inside the box, and as near to x as one likes, are too.
    """
    for k in range(x.shape[0]):
        if not (shape.inner_low[k] <= x[k] <= shape.inner_high[k]):
            return False
    for i in range(frames.splits[top]):
        if not frames.path_sign[top, i] * value_at(forms.path[i], x) > forms.path_error[i]:
            return False
    return True


@compiled
def centred(shape, frames, forms, scratch, top):
    """Take the present vertex into the mean of vertices that is the node's point.

    False, and the point stays, if it would not be certainly inside.
    """
    vertex(shape, frames.basis, top, scratch.vertex, -1, 0.0)
    share = 1.0 / (frames.weight[top] + 1)
    for k in range(scratch.point.shape[0]):
        old = frames.point[top, k]
        between = old + share * (scratch.vertex[k] - old)
        scratch.point[k] = min(max(between, shape.inner_low[k]), shape.inner_high[k])
    if not is_inside(shape, frames, forms, top, scratch.point):
        return False
    assign(frames.point[top], scratch.point)
    frames.weight[top] = min(frames.weight[top] + 1, LONGEST_MEAN)
    return True


@compiled
def no_crossing(shape, d, node, path_sign, forms, scratch, layer, row, sign):
    """Whether the reduced costs prove that a watched unit keeps this sign in the dictionary's cell.

    The cell lies in the box; a column is the slack of a split, or a unit that is zero there.  For
    any λ >= 0 and any μ, -sign·z <= max over the box of -sign·z + Σ λ_i s_i + Σ μ_j z_j.
    """
    dim, total, unit = shape.middle.shape[0], scratch.form, d.row_name[node, row]
    scale = sign / forms.scales[layer, unit]
    for k in range(dim + 1):
        total[k] = -sign * forms.rows[layer, unit, k]
    wrong = forms.errors[layer, unit] + shape.summation * forms.sizes[layer, unit]
    for j in range(dim):
        name, kind = d.column_name[node, j], d.column_kind[node, j]
        if kind == COORDINATE:
            continue
        multiplier = scale * entry(d, node, row, j)
        if kind == FIXED:
            multiplier *= forms.scales[layer, name]
            _add(total, multiplier, forms.rows[layer, name])
            known = forms.errors[layer, name] + shape.summation * forms.sizes[layer, name]
            wrong += abs(multiplier) * known
        elif multiplier > 0.0:
            multiplier *= forms.path_scale[name]
            _add(total, multiplier * path_sign[name], forms.path[name])
            wrong += multiplier * (forms.path_error[name] + shape.summation * forms.path_size[name])
    return largest_on_box(total, dim, shape.middle, shape.radius) + 1.0001 * wrong < 0.0


@compiled
def _add(total, factor, form):
    for k in range(total.shape[0]):
        total[k] += factor * form[k]


@compiled
def divided(shape, frames, forms, scratch, top, layer, unit, sign):
    """Whether the multipliers λ of the scaled splits prove that a unit keeps this sign in the cell.

    For any λ >= 0, -sign·z <= max over the box of -sign·z + Σ λ_i s_i, s_i >= 0 the splits' slacks.
    """
    dim, total, row = shape.middle.shape[0], scratch.form, forms.rows[layer, unit]
    for k in range(dim + 1):
        total[k] = -sign * row[k]
    wrong = forms.errors[layer, unit] + shape.summation * forms.sizes[layer, unit]
    for i in range(frames.splits[top]):
        multiplier = scratch.multiplier[i]
        if not multiplier > 0.0:
            continue
        multiplier *= forms.path_scale[i]
        _add(total, multiplier * frames.path_sign[top, i], forms.path[i])
        wrong += multiplier * (forms.path_error[i] + shape.summation * forms.path_size[i])
    return largest_on_box(total, dim, shape.middle, shape.radius) + 1.0001 * wrong < 0.0


@compiled
def crossing_point(shape, frames, forms, scratch, top, unit, here, far, column, leaving, length):
    """Put a point strictly inside the cell, on the other side of a unit, into scratch.point."""
    if far:
        move = length * frames.basis.side[top, column]
        vertex(shape, frames.basis, top, scratch.vertex, column, move)
    else:
        vertex(shape, frames.basis, top, scratch.vertex, -1, 0.0)
    start = frames.point[top]
    return point_beyond(shape, frames, forms, scratch, top, start, unit, here)


@compiled
def point_beyond(shape, frames, forms, scratch, top, start, unit, here):
    """The same, between `start`, where the unit's form is `here`, and scratch.vertex."""
    layer = frames.layer[top]
    form = forms.rows[layer, unit]
    there = value_at(form, scratch.vertex)
    if not here * there < 0.0:
        return False
    share = here / (here - there)
    rest = 1.0 - share
    for _ in range(3):
        rest *= 0.5
        share = 1.0 - rest
        for k in range(scratch.point.shape[0]):
            between = start[k] + share * (scratch.vertex[k] - start[k])
            scratch.point[k] = min(max(between, shape.inner_low[k]), shape.inner_high[k])
        value = value_at(form, scratch.point)
        if value * here < 0.0 and abs(value) > forms.errors[layer, unit]:
            return is_inside(shape, frames, forms, top, scratch.point)
    return False


@compiled
def split(frames, forms, scratch, top, row, unit, vertex_sign, far, column, leaving, length):
    """The node becomes the child beyond the crossing; the one before it goes on top of it."""
    new, layer, index = top + 1, frames.layer[top], frames.splits[top]
    record(forms, index, layer, unit)
    frames.layer[new] = layer
    frames.splits[new] = frames.splits[top] = index + 1
    frames.fresh[new] = frames.fresh[top] = 0
    frames.whole[new] = frames.whole[top] = 0
    copy(frames.basis, top, frames.basis, new)
    for m in range(layer + 1):
        assign(frames.status[new, m], frames.status[top, m])
    assign(frames.path_sign[new, :index], frames.path_sign[top, :index])
    if far:  # the point stays with the vertex before the crossing
        assign(frames.point[new], frames.point[top])
        assign(frames.point[top], scratch.point)
        frames.weight[new], frames.weight[top] = frames.weight[top], 1
    else:
        assign(frames.point[new], scratch.point)
        frames.weight[new] = 1
    take_step(frames.basis, top, column, leaving, length)
    _constrain(frames, new, row, unit, layer, index, vertex_sign)
    _constrain(frames, top, row, unit, layer, index, -vertex_sign)


@compiled
def _constrain(frames, top, row, unit, layer, index, sign):
    """The row of a unit becomes the slack of a split."""
    frames.status[top, layer, unit] = 1 if sign > 0.0 else 0
    frames.path_sign[top, index] = sign
    name_row(frames.basis, top, row, SLACK, index)
    if sign < 0.0:
        negate_row(frames.basis, top, row)


@compiled
def measure(shape, frames, forms, top, layer):
    """The forms of a layer in a cell, with their error bounds, sizes and scales.

    For the first layer the forms are there from the start.
    """
    dim = shape.middle.shape[0]
    if layer > 0:
        _compose(shape, frames, forms, top, layer, dim)
    for unit in range(shape.widths[layer]):
        form = forms.rows[layer, unit]
        size, norm = abs(form[dim]), 0.0
        for k in range(dim):
            size += abs(form[k]) * shape.size[k]
            norm += abs(form[k]) * shape.radius[k]
        forms.sizes[layer, unit] = size
        wrong = forms.row_errors[layer, unit] + shape.evaluation * size + shape.absolute[layer]
        forms.errors[layer, unit] = wrong * 1.000001
        forms.norms[layer, unit] = norm
        forms.scales[layer, unit] = 1.0 / norm if norm > 1e-280 else 1.0


@compiled
def enter(shape, frames, forms, top):
    """The next layer's forms in the cell, the units that the box decides, and new rows."""
    settle(shape, frames, top)
    layer = frames.layer[top] + 1
    frames.layer[top] = layer
    frames.whole[top] = 0
    measure(shape, frames, forms, top, layer)
    rows, base = forms.rows[layer], frames.basis.rows[top]
    for unit in range(shape.widths[layer]):
        centre = value_at(rows[unit], shape.middle)
        limit = forms.norms[layer, unit] * 1.000001 + forms.errors[layer, unit]
        if abs(centre) > limit or is_zero(shape, frames, forms, top, layer, unit):
            frames.status[top, layer, unit] = 1 if centre > 0.0 else 0
            continue
        if shape.leader[layer, unit] != unit:
            frames.status[top, layer, unit] = FOLLOWS
            continue
        frames.status[top, layer, unit] = -1
        row = new_row(frames.basis, top, FREE, unit)
        _express(shape, frames.basis, top, base, row, rows[unit], forms.scales[layer, unit])


@compiled
def settle(shape, frames, top):
    """All bits of the node's layer are known: those of units that follow others, too."""
    layer = frames.layer[top]
    if layer < 0:
        return
    status = frames.status[top, layer]
    for unit in range(shape.widths[layer]):
        if status[unit] == FOLLOWS:
            status[unit] = status[shape.leader[layer, unit]] ^ shape.flipped[layer, unit]


@compiled
def retrace(shape, frames, forms, given, path):
    """The forms and the splits of the first node: (layer, unit, sign) of each, below the sides."""
    for layer in range(frames.layer[0] + 1):
        measure(shape, frames, forms, 0, layer)
    for i in range(path.shape[0]):
        layer, unit = path[i, 0], path[i, 1]
        record(forms, given + i, layer, unit)
        frames.path_sign[0, given + i] = path[i, 2]
    frames.splits[0] = given + path.shape[0]


@compiled
def record(forms, index, layer, unit):
    """A unit's form becomes that of a split."""
    assign(forms.path[index], forms.rows[layer, unit])
    forms.path_error[index] = forms.errors[layer, unit]
    forms.path_size[index] = forms.sizes[layer, unit]
    forms.path_scale[index] = forms.scales[layer, unit]
    forms.path_layer[index], forms.path_unit[index] = layer, unit


@compiled
def is_zero(shape, frames, forms, top, layer, unit):
    """Whether a unit's form is zero for want of a bias and of weights to what is on below."""
    if shape.unbiased[layer, unit >> 6] >> np.uint64(unit & 63) & np.uint64(1) == np.uint64(0):
        return False
    if layer == 0:
        weights = 0
        for k in range(shape.middle.shape[0] + 1):
            weights += forms.rows[0, unit, k] != 0.0
        return weights == 0
    for u in range(shape.widths[layer - 1]):
        if frames.status[top, layer - 1, u] == 1 and shape.weights[layer - 1, u, unit] != 0.0:
            return False
    return True


@compiled
def _compose(shape, frames, forms, top, layer, dim):
    """Rows of a layer: its weights times those of the units that are on below."""
    rows, below = forms.rows[layer], forms.rows[layer - 1]
    relative = shape.relative[layer]
    width = shape.widths[layer]
    for h in range(width):
        rows[h, :] = 0.0
        rows[h, dim] = shape.biases[layer, h]
        forms.row_errors[layer, h] = relative * abs(shape.biases[layer, h])
    for u in range(shape.widths[layer - 1]):
        if frames.status[top, layer - 1, u] != 1:
            continue
        wrong = forms.row_errors[layer - 1, u] + relative * forms.sizes[layer - 1, u]
        for h in range(width):
            weight = shape.weights[layer - 1, u, h]
            if weight == 0.0:
                continue
            forms.row_errors[layer, h] += abs(weight) * wrong * 1.000001
            for k in range(dim + 1):
                rows[h, k] += weight * below[u, k]


@compiled
def _express(shape, d, node, base, row, form, factor):
    """A row in terms of the dictionary's present columns; the first `base` rows are there."""
    dim = shape.middle.shape[0]
    total = form[dim]
    for k in range(dim):
        slope = 0.0
        if d.column_kind[node, k] == COORDINATE:
            name = d.column_name[node, k]
            slope = form[name] * shape.radius[name]
            total += form[name] * shape.middle[name] - slope * d.side[node, k]
        set_entry(d, node, row, k, factor * slope)
    for i in range(base):
        if d.row_kind[node, i] != COORDINATE:
            continue
        name = d.row_name[node, i]
        slope = form[name] * shape.radius[name]
        total += form[name] * shape.middle[name] + slope * entry(d, node, i, dim)
        slope *= factor
        for k in range(dim):
            set_entry(d, node, row, k, entry(d, node, row, k) + slope * entry(d, node, i, k))
    set_entry(d, node, row, dim, factor * total)
