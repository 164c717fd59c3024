"""Compiled: what the simplex engine does to one cell.

Layout: a form is its coefficients and, last, its constant.  A dictionary's coordinates are
(x - middle) / radius, in [-1, 1]; its rows are divided by the forms' 1-norms there.
"""

from __future__ import annotations

from solvers.compiling import compiled, compiled_sum
from solvers.copying import copy, copy_all
from solvers.dictionary import (
    COORDINATE,
    CROSSES,
    FREE,
    SLACK,
    drive,
    largest_on_box,
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
    dim, splits = shape.middle.shape[0], frames.splits[top]
    layer = frames.layer[top]
    table, value = frames.table[top], frames.value[top]
    for k in range(dim):
        frames.column_kind[top, k], frames.column_name[top, k] = COORDINATE, k
        frames.side[top, k] = 1.0 if frames.point[top, k] < shape.middle[k] else -1.0
    count = 0
    for i in range(splits):
        factor = forms.path_scale[i] * frames.path_sign[top, i]
        _fill(shape, table, value, count, forms.path[i], factor, frames.side[top])
        frames.row_kind[top, count] = FREE if value[count] < 0.0 else SLACK
        frames.row_name[top, count] = i
        frames.alive[top, count] = count
        count += 1
    if layer >= 0:
        for unit in range(shape.widths[layer]):
            if frames.status[top, layer, unit] >= 0:
                continue
            slot = count
            _fill(
                shape, table, value, slot, forms.rows[layer, unit],
                forms.scales[layer, unit], frames.side[top],
            )  # fmt: skip
            frames.row_kind[top, slot], frames.row_name[top, slot] = FREE, unit
            frames.alive[top, count] = slot
            count += 1
    frames.alive_count[top] = count
    frames.fresh[top] = 1
    for i in range(splits):
        if frames.row_kind[top, i] != FREE:
            continue
        if value[i] < 0.0:
            code, column, leaving, length, _ = drive(
                table, value, frames.row_kind[top], frames.row_name[top], frames.alive[top], count,
                frames.column_kind[top], frames.column_name[top], frames.side[top],
                i, 1.0, 50 * (count + dim),
            )  # fmt: skip
            if code == CROSSES:
                take_step(
                    table, value, frames.row_kind[top], frames.row_name[top], frames.alive[top],
                    count, frames.column_kind[top], frames.column_name[top], frames.side[top],
                    column, leaving, length,
                )  # fmt: skip
        frames.row_kind[top, i] = SLACK


@compiled
def _fill(shape, table, value, slot, form, factor, side):
    """A row over coordinates only, and its value at the vertex."""
    total = form[shape.middle.shape[0]]
    for k in range(shape.middle.shape[0]):
        slope = form[k] * shape.radius[k]
        table[slot, k] = factor * slope
        total += form[k] * shape.middle[k] - slope * side[k]
    value[slot] = factor * total


@compiled
def drop_row(frames, top, slot):
    """Forget the row of a unit that is decided."""
    count, kept = frames.alive_count[top], 0
    alive = frames.alive[top]
    for place in range(count):
        if alive[place] != slot:
            alive[kept] = alive[place]
            kept += 1
    frames.alive_count[top] = kept


@compiled
def vertex(shape, frames, top, x, column, move):
    """The dictionary's vertex, its non-basic `column` displaced by `move` (column -1: not)."""
    for k in range(x.shape[0]):
        if frames.column_kind[top, k] == COORDINATE:
            name = frames.column_name[top, k]
            place = -frames.side[top, k] + (move if k == column else 0.0)
            x[name] = shape.middle[name] + shape.radius[name] * place
    for place in range(frames.alive_count[top]):
        i = frames.alive[top, place]
        if frames.row_kind[top, i] == COORDINATE:
            name = frames.row_name[top, i]
            at = frames.value[top, i]
            if column >= 0:
                at += frames.table[top, i, column] * move
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
    vertex(shape, frames, top, scratch.vertex, -1, 0.0)
    share = 1.0 / (frames.weight[top] + 1)
    for k in range(scratch.point.shape[0]):
        old = frames.point[top, k]
        between = old + share * (scratch.vertex[k] - old)
        scratch.point[k] = min(max(between, shape.inner_low[k]), shape.inner_high[k])
    if not is_inside(shape, frames, forms, top, scratch.point):
        return False
    copy(scratch.point, frames.point[top])
    frames.weight[top] = min(frames.weight[top] + 1, LONGEST_MEAN)
    return True


@compiled
def no_crossing(shape, frames, forms, scratch, top, slot, unit, sign):
    """Whether the reduced costs prove that a unit's form keeps this sign in the cell."""
    layer = frames.layer[top]
    scratch.multiplier[: frames.splits[top]] = 0.0
    for j in range(shape.middle.shape[0]):
        if frames.column_kind[top, j] == SLACK:
            rate = sign * frames.table[top, slot, j] / forms.scales[layer, unit]
            scratch.multiplier[frames.column_name[top, j]] = rate
    return divided(shape, frames, forms, scratch, top, layer, unit, sign)


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
        signed = multiplier * frames.path_sign[top, i]
        split_form = forms.path[i]
        for k in range(dim + 1):
            total[k] += signed * split_form[k]
        wrong += multiplier * (forms.path_error[i] + shape.summation * forms.path_size[i])
    return largest_on_box(total, dim, shape.middle, shape.radius) + 1.0001 * wrong < 0.0


@compiled
def crossing_point(shape, frames, forms, scratch, top, unit, here, far, column, leaving, length):
    """Put a point strictly inside the cell, on the other side of a unit, into scratch.point."""
    if far:
        vertex(shape, frames, top, scratch.vertex, column, length * frames.side[top, column])
    else:
        vertex(shape, frames, top, scratch.vertex, -1, 0.0)
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
def split(frames, forms, scratch, top, slot, unit, vertex_sign, far, column, leaving, length):
    """The node becomes the child beyond the crossing; the one before it goes on top of it."""
    new, layer, index = top + 1, frames.layer[top], frames.splits[top]
    count = frames.alive_count[top]
    record(forms, index, layer, unit)
    frames.layer[new] = layer
    frames.alive_count[new], frames.splits[new] = count, index + 1
    frames.splits[top] = index + 1
    frames.fresh[new] = frames.fresh[top] = 0
    for place in range(count):
        i = frames.alive[top, place]
        frames.alive[new, place] = i
        copy(frames.table[top, i], frames.table[new, i])
        frames.value[new, i] = frames.value[top, i]
        frames.row_kind[new, i] = frames.row_kind[top, i]
        frames.row_name[new, i] = frames.row_name[top, i]
    copy(frames.column_kind[top], frames.column_kind[new])
    copy(frames.column_name[top], frames.column_name[new])
    copy(frames.side[top], frames.side[new])
    copy_all(frames.status[top], frames.status[new])
    copy(frames.path_sign[top, :index], frames.path_sign[new])
    if far:  # the point stays with the vertex before the crossing
        copy(frames.point[top], frames.point[new])
        frames.weight[new] = frames.weight[top]
        copy(scratch.point, frames.point[top])
        frames.weight[top] = 1
    else:
        copy(scratch.point, frames.point[new])
        frames.weight[new] = 1
    take_step(
        frames.table[top], frames.value[top], frames.row_kind[top], frames.row_name[top],
        frames.alive[top], count, frames.column_kind[top], frames.column_name[top],
        frames.side[top], column, leaving, length,
    )  # fmt: skip
    _constrain(frames, new, slot, unit, layer, index, vertex_sign)
    _constrain(frames, top, slot, unit, layer, index, -vertex_sign)


@compiled
def _constrain(frames, top, slot, unit, layer, index, sign):
    """The row of a unit becomes the slack of a split."""
    frames.status[top, layer, unit] = 1 if sign > 0.0 else 0
    frames.path_sign[top, index] = sign
    frames.row_kind[top, slot], frames.row_name[top, slot] = SLACK, index
    if sign < 0.0:
        for k in range(frames.table.shape[2]):
            frames.table[top, slot, k] = -frames.table[top, slot, k]
        frames.value[top, slot] = -frames.value[top, slot]


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
    layer = frames.layer[top] + 1
    frames.layer[top] = layer
    measure(shape, frames, forms, top, layer)
    rows, table, value = forms.rows[layer], frames.table[top], frames.value[top]
    base = frames.splits[top]
    for place in range(base):  # the limiting rows move to the front, in order
        i = frames.alive[top, place]
        if i != place:
            copy(table[i], table[place])
            value[place] = value[i]
            frames.row_kind[top, place] = frames.row_kind[top, i]
            frames.row_name[top, place] = frames.row_name[top, i]
            frames.alive[top, place] = place
    count = base
    for unit in range(shape.widths[layer]):
        centre = value_at(rows[unit], shape.middle)
        limit = forms.norms[layer, unit] * 1.000001 + forms.errors[layer, unit]
        if abs(centre) > limit or is_zero(shape, frames, forms, top, layer, unit):
            frames.status[top, layer, unit] = 1 if centre > 0.0 else 0
            continue
        frames.status[top, layer, unit] = -1
        _append(shape, frames, top, base, base + unit, rows[unit], forms.scales[layer, unit])
        frames.row_kind[top, base + unit], frames.row_name[top, base + unit] = FREE, unit
        frames.alive[top, count] = base + unit
        count += 1
    frames.alive_count[top] = count


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
    copy(forms.rows[layer, unit], forms.path[index])
    forms.path_error[index] = forms.errors[layer, unit]
    forms.path_size[index] = forms.sizes[layer, unit]
    forms.path_scale[index] = forms.scales[layer, unit]
    forms.path_layer[index], forms.path_unit[index] = layer, unit


@compiled
def is_zero(shape, frames, forms, top, layer, unit):
    """Whether a unit's form is zero for want of a bias and of weights to what is on below."""
    if not shape.unbiased[layer, unit]:
        return False
    if layer == 0:
        for k in range(forms.rows.shape[2]):  # noqa: SIM110 (numba compiles no generators)
            if forms.rows[0, unit, k] != 0.0:
                return False
        return True
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
def _append(shape, frames, top, base, slot, form, factor):
    """A new row in terms of the dictionary's present columns."""
    dim = shape.middle.shape[0]
    table, value = frames.table[top], frames.value[top]
    total = form[dim]
    for k in range(dim):
        table[slot, k] = 0.0
        if frames.column_kind[top, k] == COORDINATE:
            name = frames.column_name[top, k]
            slope = form[name] * shape.radius[name]
            table[slot, k] = factor * slope
            total += form[name] * shape.middle[name] - slope * frames.side[top, k]
    for i in range(base):
        if frames.row_kind[top, i] != COORDINATE:
            continue
        name = frames.row_name[top, i]
        slope = form[name] * shape.radius[name]
        total += form[name] * shape.middle[name] + slope * value[i]
        slope *= factor
        if slope != 0.0:
            for k in range(dim):
                table[slot, k] += slope * table[i, k]
    value[slot] = factor * total
