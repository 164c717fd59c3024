"""Compiled: the same tree as in `simplex_kernel`, on cells that are kept as pools of points.

For cells with more coordinates than rows, see `wide_cell`.
"""

from __future__ import annotations

from regions.counting.compiled import DONE, DRAIN, GROW, PAUSED
from regions.counting.leaf_kernel import write_leaf
from regions.counting.simplex_cell import is_inside, retrace
from regions.counting.simplex_kernel import (
    FAILED,
    FOUND,
    NODES,
    PROOFS,
    SPLITS,
    STEPS,
    TOP,
    set_aside,
    two_leaves,
)  # fmt: skip
from regions.counting.wide_cell import (
    enter_wide,
    first_on,
    gather,
    look_beyond,
    next_unit,
    split_wide,
)
from solvers.compiling import compiled


@compiled
def begin_wide(shape, frames, forms, dual, given, path):
    """Make the first node the cell of a path, as `simplex_kernel.begin` does."""
    retrace(shape, frames, forms, given, path)
    gather(shape, frames, forms, dual)
    return is_inside(shape, frames, forms, 0, frames.point[0])


@compiled
def run_wide(shape, frames, forms, scratch, dual, failures, leaves, state, budget):
    """Go on until nothing is left or the caller is needed, as `simplex_kernel.run` does."""
    layers, room = shape.widths.shape[0], leaves.bits.shape[0]
    for _ in range(budget):
        top = state[TOP] - 1
        if top < 0:
            return DONE
        if top + 2 > frames.layer.shape[0]:
            return GROW
        if state[FAILED] == failures.layer.shape[0] or (room > 0 and leaves.used[0] + 2 > room):
            return DRAIN
        if frames.alive_count[top] > frames.splits[top]:
            state[NODES] += 1
            if not _decide(shape, frames, forms, scratch, dual, leaves, state, top):
                set_aside(frames, forms, failures, state, top)
        elif frames.layer[top] < layers - 1:
            state[NODES] += 1
            enter_wide(shape, frames, forms, top)
        else:
            if room > 0:
                write_leaf(leaves, shape, frames.status[top], frames.point[top], 0)
            state[FOUND] += 1
            state[TOP] = top
    return PAUSED


@compiled
def _decide(shape, frames, forms, scratch, dual, leaves, state, top):
    """Look for a missing sign, or split; False where floats cannot."""
    layer = frames.layer[top]
    unit, side = next_unit(shape, frames, top)
    if side != 0:
        code, steps = look_beyond(shape, frames, forms, scratch, dual, top, unit, side)
        state[STEPS] += steps
        if code < 0:
            return False
        if code == 0:
            state[PROOFS] += 1
            frames.status[top, layer, unit] = 0 if side > 0 else 1
            frames.alive_count[top] -= 1
        return True
    state[SPLITS] += 1
    if layer == shape.widths.shape[0] - 1 and frames.alive_count[top] == frames.splits[top] + 1:
        one = frames.pool[top, first_on(frames, top, unit, 1)]
        other = frames.pool[top, first_on(frames, top, unit, -1)]
        two_leaves(shape, frames, leaves, state, top, 1, one, other)
        return True
    split_wide(shape, frames, forms, scratch, dual, top, unit)
    state[TOP] = top + 2
    return True
