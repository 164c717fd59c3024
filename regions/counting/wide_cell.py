"""Compiled: what the simplex engine does to a cell with more coordinates than rows.

There a dictionary is large, and its vertices have little to say.  A node is a pool of points
strictly inside it.  A unit that has both signs among them crosses the cell; for any other one,
`solvers.box_dual` finds a point of the missing sign, or multipliers that prove that there is none.
It goes on from the basis with which an ancestor of the node ended.  A split divides the pool.
"""

from __future__ import annotations

from regions.counting.leaf_kernel import FOLLOWS
from regions.counting.simplex_cell import (
    divided,
    is_inside,
    is_zero,
    measure,
    point_beyond,
    record,
    settle,
    value_at,
)  # fmt: skip
from regions.counting.simplex_state import SPARE
from solvers.box_dual import BELOW, LOST, climb, dot
from solvers.box_interior import ascend
from solvers.compiling import compiled
from solvers.copying import assign, assign_all

QUICK = 4  # steps of the dual simplex method before affine scaling
PATIENCE = 25  # steps of that


@compiled
def add_row(shape, forms, dual, index):
    """The half-space of a split, in the coordinates of the box."""
    form, dim = forms.path[index], shape.middle.shape[0]
    scale = forms.path_scale[index]
    for k in range(dim):
        dual.rows[index, k] = form[k] * shape.radius[k] * scale
    dual.offset[index] = scale * value_at(form, shape.middle)
    for other in range(index + 1):
        product = dot(dual.rows[index], dual.rows[other])
        dual.gram[index, other], dual.gram[other, index] = product, product


@compiled
def gather(shape, frames, forms, dual):
    """The first node, of which the bits, the splits and one point are given."""
    for i in range(frames.splits[0]):
        add_row(shape, forms, dual, i)
    assign(frames.pool[0, 0], frames.point[0])
    frames.used[0] = 1
    if frames.layer[0] < 0:
        frames.alive_count[0] = frames.splits[0]
    else:
        _look(shape, frames, forms, 0)


@compiled
def _look(shape, frames, forms, top):
    """Signs of the open units at all points, and no bases yet."""
    layer, count = frames.layer[top], 0
    for unit in range(shape.widths[layer]):
        if frames.status[top, layer, unit] < 0:
            count += 1
            frames.basis_size[top, unit] = 0
            for place in range(frames.used[top]):
                _sign(frames, forms, top, unit, place)
    frames.alive_count[top] = frames.splits[top] + count
    frames.fresh[top] = 1


@compiled
def _sign(frames, forms, top, unit, place):
    layer = frames.layer[top]
    value = value_at(forms.rows[layer, unit], frames.pool[top, place])
    certain = abs(value) > forms.errors[layer, unit]
    frames.sides[top, unit, place] = (1 if value > 0.0 else -1) if certain else 0


@compiled
def enter_wide(shape, frames, forms, top):
    """The next layer's forms in the cell, and the units that the box decides."""
    settle(shape, frames, top)
    layer = frames.layer[top] + 1
    frames.layer[top] = layer
    measure(shape, frames, forms, top, layer)
    for unit in range(shape.widths[layer]):
        centre = value_at(forms.rows[layer, unit], shape.middle)
        limit = forms.norms[layer, unit] * 1.000001 + forms.errors[layer, unit]
        frames.status[top, layer, unit] = -1 if shape.leader[layer, unit] == unit else FOLLOWS
        if abs(centre) > limit or is_zero(shape, frames, forms, top, layer, unit):
            frames.status[top, layer, unit] = 1 if centre > 0.0 else 0
    frames.used[top] = min(frames.used[top], SPARE)
    _look(shape, frames, forms, top)


@compiled
def first_on(frames, top, unit, side):
    """The first point of a node where a unit has this sign for certain, or -1."""
    for place in range(frames.used[top]):
        if frames.sides[top, unit, place] == side:
            return place
    return -1


@compiled
def next_unit(shape, frames, top):
    """(unit, side): one that is open, and a sign of it that no point has, or 0."""
    layer, crossing = frames.layer[top], -1
    for unit in range(shape.widths[layer]):
        if frames.status[top, layer, unit] >= 0:
            continue
        for side in (1, -1):
            if first_on(frames, top, unit, side) < 0:
                return unit, side
        if crossing < 0:
            crossing = unit
    return crossing, 0


@compiled
def look_beyond(shape, frames, forms, scratch, dual, top, unit, side):
    """Find a point of the cell where a unit has this sign (1), or prove it impossible (0).

    Returns (1, 0, or -1 where floats cannot tell; steps).  The point joins the pool.
    """
    layer, dim, splits = frames.layer[top], shape.middle.shape[0], frames.splits[top]
    base = first_on(frames, top, unit, -side)
    if base < 0:
        return -1, 0
    row, scale, start = forms.rows[layer, unit], forms.scales[layer, unit], frames.pool[top, base]
    for k in range(dim):
        dual.inside[k] = (start[k] - shape.middle[k]) / shape.radius[k]
        dual.cost[k] = side * scale * row[k] * shape.radius[k]
    for i in range(splits):
        dual.sign[i] = frames.path_sign[top, i]
        dual.slack[i] = dual.sign[i] * (dot(dual.rows[i], dual.inside) + dual.offset[i])
    constant = side * scale * value_at(row, shape.middle)
    size = frames.basis_size[top, unit] if frames.basis_side[top, unit] == side else 0
    for i in range(size):
        dual.tight[i], dual.basic[i] = frames.tight[top, unit, i], frames.basic[top, unit, i]
    code, share, size, steps = climb(dual, splits, constant, size, QUICK)
    if code == LOST:
        code, share, more = ascend(dual, splits, constant, PATIENCE)
        steps += more
    if code == LOST:
        code, share, size, more = climb(dual, splits, constant, size, 50 * (splits + 5))
        steps += more
    frames.basis_size[top, unit], frames.basis_side[top, unit] = size, side
    for i in range(size):
        frames.tight[top, unit, i], frames.basic[top, unit, i] = dual.tight[i], dual.basic[i]
    if code == LOST:
        return -1, steps
    if code == BELOW:
        for i in range(splits):
            scratch.multiplier[i] = dual.multiplier[i] / scale
        proven = divided(shape, frames, forms, scratch, top, layer, unit, -side)
        return (0 if proven else -1), steps
    for k in range(dim):
        at = dual.inside[k] + share * (dual.point[k] - dual.inside[k])
        scratch.vertex[k] = shape.middle[k] + shape.radius[k] * at
    start = scratch.form[:dim]
    for k in range(dim):
        start[k] = shape.middle[k] + shape.radius[k] * dual.inside[k]
    here = value_at(row, start)
    if not point_beyond(shape, frames, forms, scratch, top, start, unit, here):
        return -1, steps
    place = frames.used[top]
    assign(frames.pool[top, place], scratch.point)
    frames.used[top] = place + 1
    for other in range(shape.widths[layer]):
        if frames.status[top, layer, other] < 0:
            _sign(frames, forms, top, other, place)
    return 1, steps


@compiled
def split_wide(shape, frames, forms, scratch, dual, top, unit):
    """The node becomes one child of a split, and the other one goes on top of it."""
    new, layer, index = top + 1, frames.layer[top], frames.splits[top]
    record(forms, index, layer, unit)
    add_row(shape, forms, dual, index)
    frames.layer[new], frames.alive_count[new] = layer, frames.alive_count[top]
    frames.fresh[new] = 1
    assign_all(frames.status[new], frames.status[top])
    assign(frames.path_sign[new], frames.path_sign[top, :index])
    for other in range(shape.widths[layer]):
        if frames.status[top, layer, other] < 0:
            size = frames.basis_size[top, other]
            frames.basis_size[new, other] = size
            frames.basis_side[new, other] = frames.basis_side[top, other]
            for i in range(size):
                frames.tight[new, other, i] = frames.tight[top, other, i]
                frames.basic[new, other, i] = frames.basic[top, other, i]
    for node in (new, top):  # in this order: the second one overwrites the pool
        side = 1 if node == top else -1
        frames.splits[node] = index + 1
        frames.path_sign[node, index] = side
        frames.status[node, layer, unit] = 1 if side > 0 else 0
        _share_out(shape, frames, forms, scratch, top, node, unit, side)


@compiled
def _share_out(shape, frames, forms, scratch, top, node, unit, side):
    """The points of `top` on one side of a unit, their mean first, are the pool of `node`."""
    layer, used, spare, count = frames.layer[top], 0, SPARE - 1, 0
    scratch.point[:] = 0.0
    for place in range(frames.used[top]):
        if frames.sides[top, unit, place] != side:
            continue
        count += 1
        for k in range(scratch.point.shape[0]):
            scratch.point[k] += frames.pool[top, place, k]
        needed = False
        for other in range(shape.widths[layer]):
            if frames.status[node, layer, other] >= 0:
                continue
            mine, new = frames.sides[top, other, place], True
            for before in range(used):
                new = new and frames.sides[node, other, before] != mine
            needed = needed or new
        if not needed:
            if spare == 0:
                continue
            spare -= 1
        assign(frames.pool[node, used], frames.pool[top, place])
        for other in range(shape.widths[layer]):
            frames.sides[node, other, used] = frames.sides[top, other, place]
        used += 1
    frames.used[node] = used
    assign(frames.point[node], frames.pool[node, 0])
    if count < 2:
        return
    for k in range(scratch.point.shape[0]):
        at = scratch.point[k] / count
        scratch.point[k] = min(max(at, shape.inner_low[k]), shape.inner_high[k])
    if not is_inside(shape, frames, forms, node, scratch.point):
        return
    assign(frames.pool[node, used], frames.pool[node, 0])
    assign(frames.pool[node, 0], scratch.point)
    assign(frames.point[node], scratch.point)
    for other in range(shape.widths[layer]):
        frames.sides[node, other, used] = frames.sides[node, other, 0]
        if frames.status[node, layer, other] < 0:
            _sign(frames, forms, node, other, 0)
    frames.used[node] = used + 1
