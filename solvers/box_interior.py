"""Compiled: affine scaling on a box cut by few half-spaces, from a point strictly inside.

The same problem and the same working space as in `box_dual`.  At a point y with slacks s the
direction of ascent is the cost projected in the metric in which the box and the rows are the unit
ball (Dikin's ellipsoid):

    D^-1 c - D^-1 A^T (S² + A D^-1 A^T)^-1 A D^-1 c,    D_j = (1 - y_j)^-2 + (1 + y_j)^-2,

and the solution of the small system, where it has the right signs, gives multipliers that bound the
form.  Where a point of the wanted sign exists, few steps reach one, far from the sides; the dual
simplex method is better at showing that there is none.

Source: R. J. Vanderbei, Linear Programming: Foundations and Extensions (1996), chapter 20.
"""

from __future__ import annotations

import numpy as np

from solvers.box_dual import BELOW, LOST, REACHES, dot
from solvers.compiling import compiled

_STEP = 0.9  # of the way to the boundary
_STALLED = 1e-12


@compiled
def ascend(space, count, constant, limit):
    """Make cost·y + constant positive from `inside`, in the polytope, or bound it from above.

    Returns (code, share, steps).  REACHES: it is positive at inside + share·(point - inside), which
    lies in the polytope; `inside` has moved.  BELOW: the multipliers bound it by less than zero.
    LOST: neither after `limit` steps.
    """
    n = space.cost.shape[0]
    inside, slack = space.inside, space.slack
    for steps in range(limit):
        for j in range(n):
            low, high = 1.0 + inside[j], 1.0 - inside[j]
            space.reduced[j] = 1.0 / (1.0 / (low * low) + 1.0 / (high * high))
        if not _solve(space, count):
            return LOST, 0.0, steps
        for j in range(n):
            space.rate[j] = space.cost[j]
        for i in range(count):
            factor, line = space.multiplier[i], space.rows[i]
            for j in range(n):
                space.rate[j] -= factor * line[j]
        bounded = True
        top = constant
        for i in range(count):
            space.multiplier[i] *= -space.sign[i]
            bounded = bounded and space.multiplier[i] > -1e-9
        if bounded:
            for i in range(count):
                space.multiplier[i] = max(space.multiplier[i], 0.0)
                top += space.multiplier[i] * space.sign[i] * space.offset[i]
            for j in range(n):
                top += abs(space.rate[j])
            if top < 0.0:
                return BELOW, 0.0, steps
        for j in range(n):
            space.rate[j] *= space.reduced[j]
        reach = _reach(space, count)
        speed = dot(space.cost, space.rate)
        if not speed * reach > _STALLED:
            return LOST, 0.0, steps
        value = dot(space.cost, inside) + constant
        if value + _STEP * reach * speed > 0.0:
            for j in range(n):
                space.point[j] = inside[j] + reach * space.rate[j]
            return REACHES, 0.99, steps
        for j in range(n):
            inside[j] += _STEP * reach * space.rate[j]
        for i in range(count):
            slack[i] = space.sign[i] * (dot(space.rows[i], inside) + space.offset[i])
            if not slack[i] > 0.0:
                return LOST, 0.0, steps
    return LOST, 0.0, limit


@compiled
def _solve(space, count):
    """Multiplier = (S² + A D^-1 A^T)^-1 A D^-1 c by Cholesky's method; D^-1 is in `reduced`."""
    n, work = space.cost.shape[0], space.inverse
    for i in range(count):
        line = space.rows[i]
        for j in range(n):
            space.point[j] = space.reduced[j] * line[j]
        for k in range(i + 1):
            work[i, k] = dot(space.point, space.rows[k])
        work[i, i] += space.slack[i] * space.slack[i]
        space.multiplier[i] = dot(space.point, space.cost)
    for i in range(count):
        for k in range(i + 1):
            total = work[i, k]
            for q in range(k):
                total -= work[i, q] * work[k, q]
            if k < i:
                work[i, k] = total / work[k, k]
            elif total > 0.0:
                work[i, i] = np.sqrt(total)
            else:
                return False
    for i in range(count):
        total = space.multiplier[i]
        for q in range(i):
            total -= work[i, q] * space.multiplier[q]
        space.multiplier[i] = total / work[i, i]
    for i in range(count - 1, -1, -1):
        total = space.multiplier[i]
        for q in range(i + 1, count):
            total -= work[q, i] * space.multiplier[q]
        space.multiplier[i] = total / work[i, i]
    return True


@compiled
def _reach(space, count):
    """How far the polytope reaches from `inside` along `rate`."""
    reach = np.inf
    for j in range(space.rate.shape[0]):
        rate = space.rate[j]
        if rate != 0.0:
            room = 1.0 - space.inside[j] if rate > 0.0 else 1.0 + space.inside[j]
            reach = min(reach, room / abs(rate))
    for i in range(count):
        rate = space.sign[i] * dot(space.rows[i], space.rate)
        if rate < 0.0:
            reach = min(reach, space.slack[i] / -rate)
    return reach
