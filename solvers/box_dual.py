"""Compiled: the largest value of a form on a box cut by few half-spaces, by its dual.

In coordinates y of [-1, 1]^n, with rows s_i(y) = a_i·y + b_i >= 0, the largest value of the form
c·y + c_0 is the least, over multipliers λ >= 0, of

    f(λ) = c_0 + λ·b + Σ_j |d_j|,    d = c + Σ λ_i a_i,

so every λ bounds it.  A basis is as many tight rows as free coordinates, those with d_j = 0.  A
step of the dual simplex method changes one multiplier until f stops falling, over as many sign
changes of d as that takes: each is a coordinate that jumps to its other end, which the primal
method would visit one by one.  With far more coordinates than rows a step costs a few passes over
the rows, and few are needed.

Everything here is floats without error bounds: it proposes points and multipliers.

Source: R. Fourer, Notes on the dual simplex method (1994); I. Maros, Computational Techniques of
the Simplex Method (2003), section 7.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from solvers.compiling import compiled, compiled_sum
from solvers.copying import assign

BELOW, REACHES, LOST = 0, 1, 2

_INFEASIBLE = 1e-9  # rows and coordinates that are violated by less are not
_SINGULAR = 1e-11
_RATE = 1e-12  # slower reduced costs never change their sign


class BoxDual(NamedTuple):
    """Working space: the rows, the form, and the state of a search."""

    rows: np.ndarray  # (room, n): a_i up to its sign, of 1-norm at most 1
    offset: np.ndarray  # (room,)
    sign: np.ndarray  # (room,)
    inside: np.ndarray  # (n,) a point strictly inside
    slack: np.ndarray  # (room,) s_i there
    cost: np.ndarray  # (n,)
    point: np.ndarray  # (n,) the point that maximises f's maximand
    value: np.ndarray  # (room,) s_i there
    reduced: np.ndarray  # (n,) d
    side: np.ndarray  # (n,) the end at which a coordinate that is not free stands
    rate: np.ndarray  # (n,) how fast d changes
    multiplier: np.ndarray  # (room,) λ, of all rows
    row_rate: np.ndarray  # (room,) how fast the multipliers of the tight rows change
    tight: np.ndarray  # (room,)
    basic: np.ndarray  # (room,) the free coordinates
    gram: np.ndarray  # (room, room) products of the rows, up to their signs
    inverse: np.ndarray  # (room, 2 * room)
    stop: np.ndarray  # (n + room,) step lengths at which f's slope grows
    weight: np.ndarray  # (n + room,) by how much
    name: np.ndarray  # (n + room,) coordinate, or n + position of a tight row


def new_box_dual(room: int, n: int) -> BoxDual:
    """Space for up to `room` rows in n coordinates."""
    return BoxDual(
        rows=np.zeros((room, n)), offset=np.zeros(room), sign=np.ones(room),
        inside=np.zeros(n), slack=np.zeros(room), cost=np.zeros(n), point=np.zeros(n),
        value=np.zeros(room), reduced=np.zeros(n), side=np.ones(n), rate=np.zeros(n),
        multiplier=np.zeros(room), row_rate=np.zeros(room), tight=np.zeros(room, dtype=np.int64),
        basic=np.zeros(room, dtype=np.int64), gram=np.zeros((room, room)),
        inverse=np.zeros((room, 2 * room)),
        stop=np.zeros(n + room), weight=np.zeros(n + room),
        name=np.zeros(n + room, dtype=np.int64),
    )  # fmt: skip


@compiled_sum
def dot(a, b):
    """Σ a_k b_k."""
    total = 0.0
    for k in range(b.shape[0]):
        total += a[k] * b[k]
    return total


@compiled
def climb(space, count, constant, size, limit):
    """Bound cost·y + constant on the box cut by the first `count` rows, or reach a positive value.

    `inside`, `slack` and the rows are given, and the first `size` of `tight` and `basic`: a basis
    of the same form on fewer rows, or on these.  Returns (code, share, size, steps): BELOW, the
    multipliers bound it by nothing positive; REACHES, the value is positive at
    inside + share·(point - inside), which lies in the polytope; LOST, neither after `limit` steps,
    or a singular basis, or a largest value that is nearly zero.  The basis stays, to go on from.
    """
    n = space.cost.shape[0]
    if not _price(space, count, size):
        return LOST, 0.0, 0, 0
    start = dot(space.cost, space.inside) + constant
    for steps in range(limit):
        if not _place(space, count, size):
            return LOST, 0.0, 0, steps
        top = dot(space.cost, space.point) + constant
        if top < -1e-13:
            return BELOW, 0.0, size, steps
        share = _share(space, count)
        if start + share * (top - start) > 1e-9 * (top - start):
            return REACHES, share, size, steps
        leaving, row = _worst(space, count, size)
        if leaving < 0 and row < 0:  # the largest value is zero, as far as floats can tell
            return LOST, 0.0, size, steps
        slope = _direction(space, count, size, leaving, row)
        entering, length = _long_step(space, size, slope)
        if entering < 0:
            return LOST, 0.0, 0, steps
        for j in range(n):
            space.reduced[j] += length * space.rate[j]
        for i in range(size):
            space.multiplier[space.tight[i]] += length * space.row_rate[i]
        if row >= 0:
            space.multiplier[row] = length
        size = _change(space, size, leaving, row, entering)
    return LOST, 0.0, size, limit


@compiled
def _price(space, count, size):
    """The multipliers and reduced costs of the given basis, and the ends that they ask for."""
    space.multiplier[:count] = 0.0
    assign(space.reduced, space.cost)
    if not _invert(space, size):
        return False
    for i in range(size):
        row, total = space.tight[i], 0.0
        for q in range(size):
            total -= space.cost[space.basic[q]] * space.inverse[q, size + i]
        space.multiplier[row] = total
        factor, line = space.sign[row] * total, space.rows[row]
        for j in range(space.cost.shape[0]):
            space.reduced[j] += factor * line[j]
    for q in range(size):
        space.reduced[space.basic[q]] = 0.0
    for j in range(space.cost.shape[0]):
        space.side[j] = 1.0 if space.reduced[j] > 0.0 else -1.0
    return True


@compiled
def _place(space, count, size):
    """The maximand's point: their ends, and free coordinates by the tight rows."""
    n, point = space.point.shape[0], space.point
    for j in range(n):
        point[j] = space.side[j]
    for q in range(size):
        point[space.basic[q]] = 0.0
    for i in range(count):
        space.value[i] = space.sign[i] * (dot(space.rows[i], point) + space.offset[i])
    if size == 0:
        return True
    if not _invert(space, size):
        return False
    for q in range(size):
        total = 0.0
        for i in range(size):
            total -= space.inverse[q, size + i] * space.value[space.tight[i]]
        point[space.basic[q]] = total
    for i in range(count):
        total = 0.0
        for q in range(size):
            j = space.basic[q]
            total += space.rows[i, j] * point[j]
        space.value[i] += space.sign[i] * total
    for i in range(size):
        space.value[space.tight[i]] = 0.0
    return True


@compiled
def _invert(space, size):
    """The inverse of the tight rows' free columns, right of the identity that they become."""
    work = space.inverse
    for i in range(size):
        row = space.tight[i]
        for q in range(size):
            work[i, q] = space.sign[row] * space.rows[row, space.basic[q]]
            work[i, size + q] = 1.0 if i == q else 0.0
    for q in range(size):
        best = q
        for i in range(q + 1, size):
            if abs(work[i, q]) > abs(work[best, q]):
                best = i
        if abs(work[best, q]) < _SINGULAR:
            return False
        if best != q:
            for k in range(2 * size):
                work[q, k], work[best, k] = work[best, k], work[q, k]
        factor = 1.0 / work[q, q]
        for k in range(2 * size):
            work[q, k] *= factor
        for i in range(size):
            factor = work[i, q]
            if i != q and factor != 0.0:
                for k in range(2 * size):
                    work[i, k] -= factor * work[q, k]
    return True


@compiled
def _share(space, count):
    """How far from `inside` to `point` the polytope reaches, at most 1."""
    share = 1.0
    for i in range(count):
        if space.value[i] < 0.0:
            share = min(share, space.slack[i] / (space.slack[i] - space.value[i]))
    for j in range(space.point.shape[0]):
        there = abs(space.point[j])
        if there > 1.0:
            here = abs(space.inside[j])
            share = min(share, (1.0 - here) / (there - here))
    return max(share, 0.0)


@compiled
def _worst(space, count, size):
    """(position of the free coordinate, row): where f falls fastest per change of d; one is -1."""
    best, leaving, row = 0.0, -1, -1
    for i in range(count):
        over = -space.value[i]
        if over > _INFEASIBLE:
            _row_rates(space, size, i)
            gain = over * over / _change_of_d(space, size, i)
            if gain > best:
                best, row = gain, i
    for q in range(size):
        over = abs(space.point[space.basic[q]]) - 1.0
        if over > _INFEASIBLE:
            for i in range(size):
                space.row_rate[i] = space.inverse[q, size + i]
            gain = over * over / _change_of_d(space, size, -1)
            if gain > best:
                best, leaving, row = gain, q, -1
    return leaving, row


@compiled
def _row_rates(space, size, row):
    """How the multipliers of the tight rows answer to that of another one."""
    for i in range(size):
        total = 0.0
        for q in range(size):
            total -= space.sign[row] * space.rows[row, space.basic[q]] * space.inverse[q, size + i]
        space.row_rate[i] = total


@compiled
def _change_of_d(space, size, row):
    """|Σ rate_i a_i|², with rate 1 for `row`, if there is one."""
    total = 0.0 if row < 0 else space.gram[row, row]
    for i in range(size):
        tight = space.tight[i]
        part = 0.0
        for k in range(size):
            other = space.tight[k]
            part += space.row_rate[k] * space.sign[other] * space.gram[tight, other]
        if row >= 0:
            part += 2.0 * space.sign[row] * space.gram[tight, row]
        total += space.row_rate[i] * space.sign[tight] * part
    return max(total, 1e-30)


@compiled
def _direction(space, count, size, leaving, row):
    """The rates of the multipliers and of d when one violation is to vanish; f's slope."""
    n, rate, inverse = space.rate.shape[0], space.rate, space.inverse
    if row >= 0:
        sign = space.sign[row]
        for j in range(n):
            rate[j] = sign * space.rows[row, j]
        _row_rates(space, size, row)
        slope = space.value[row]
    else:
        end = space.point[space.basic[leaving]]
        rate[:] = 0.0
        for i in range(size):
            space.row_rate[i] = (1.0 if end > 0.0 else -1.0) * inverse[leaving, size + i]
        slope = 1.0 - abs(end)
    for i in range(size):
        tight = space.tight[i]
        factor = space.sign[tight] * space.row_rate[i]
        line = space.rows[tight]
        for j in range(n):
            rate[j] += factor * line[j]
    for q in range(size):
        rate[space.basic[q]] = 0.0
    if leaving >= 0:
        rate[space.basic[leaving]] = 1.0 if space.point[space.basic[leaving]] > 0.0 else -1.0
    return slope


@compiled
def _long_step(space, size, slope):
    """(what stops, length) of the step to where f stops falling; (-1, 0) if it never does.

    The coordinates that it passes go to their other ends.
    """
    n, used = space.rate.shape[0], 0
    for j in range(n):
        rate = space.rate[j]
        if rate * space.point[j] < -_RATE:
            space.stop[used] = abs(space.reduced[j] / rate)
            space.weight[used], space.name[used] = 2.0 * abs(rate), j
            used += 1
    for i in range(size):
        if space.row_rate[i] < -_RATE:
            space.stop[used] = space.multiplier[space.tight[i]] / -space.row_rate[i]
            space.weight[used], space.name[used] = np.inf, n + i
            used += 1
    for k in range(used // 2 - 1, -1, -1):
        _sift(space, k, used)
    while used > 0:
        slope += space.weight[0]
        if slope >= 0.0:
            return space.name[0], space.stop[0]
        passed = space.name[0]
        space.side[passed] = -space.side[passed]
        used -= 1
        space.stop[0], space.weight[0] = space.stop[used], space.weight[used]
        space.name[0] = space.name[used]
        _sift(space, 0, used)
    return -1, 0.0


@compiled
def _sift(space, start, used):
    """Restore the heap of stops, least first, below one place of it."""
    stop, weight, name = space.stop[start], space.weight[start], space.name[start]
    hole = start
    while 2 * hole + 1 < used:
        child = 2 * hole + 1
        if child + 1 < used and space.stop[child + 1] < space.stop[child]:
            child += 1
        if not space.stop[child] < stop:
            break
        space.stop[hole], space.weight[hole] = space.stop[child], space.weight[child]
        space.name[hole] = space.name[child]
        hole = child
    space.stop[hole], space.weight[hole], space.name[hole] = stop, weight, name


@compiled
def _change(space, size, leaving, row, entering):
    """The next basis; its size."""
    n = space.rate.shape[0]
    if entering < n:
        space.reduced[entering] = 0.0
        if row >= 0:
            space.tight[size], space.basic[size] = row, entering
            return size + 1
        _leave(space, leaving)
        space.basic[leaving] = entering
        return size
    freed = entering - n
    space.multiplier[space.tight[freed]] = 0.0
    if row >= 0:
        space.tight[freed] = row
        return size
    _leave(space, leaving)
    space.tight[freed], space.basic[leaving] = space.tight[size - 1], space.basic[size - 1]
    return size - 1


@compiled
def _leave(space, position):
    """A free coordinate goes to the end that it was beyond."""
    j = space.basic[position]
    space.side[j] = 1.0 if space.point[j] > 0.0 else -1.0
