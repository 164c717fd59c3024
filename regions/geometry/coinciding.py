"""Rows of a body that say the same: equal up to a positive factor, decided exactly."""

from __future__ import annotations

import numpy as np
from flint import fmpq

from regions.geometry.body import Body
from regions.geometry.centred import Centred
from solvers.exact_simplex import Row
from solvers.float_rows import gamma


def coinciding(centred: Centred) -> np.ndarray:
    """(rows,) for each row the lowest index of a row that says the same.

    Each row is divided by its value at the centre, which is positive; then rows say the same iff
    they are equal.  A random projection, with its rounding errors, names the pairs to compare.
    """
    body = centred.body
    leaders = np.arange(len(body))
    place, radius = _projections(centred)
    order = np.argsort(place - radius, kind="stable")
    open_rows: list[int] = []  # leaders whose interval may still be met
    for index in order.tolist():
        start = place[index] - radius[index]
        # a radius of infinity starts at -inf and never closes: compared with every row
        open_rows = [i for i in open_rows if place[i] + radius[i] >= start]
        for other in open_rows:
            if same(body, centred, index, other):
                leaders[index] = other
                break
        else:
            open_rows.append(index)
    lowest = {}
    for index, leader in enumerate(leaders.tolist()):
        lowest.setdefault(leader, index)
    return np.array([lowest[leader] for leader in leaders.tolist()], dtype=np.int64)


def same(body: Body, centred: Centred, first: int, second: int) -> bool:
    """Whether two rows are positive multiples of each other."""
    (a, p), (b, q) = centred.exact_form(first), centred.exact_form(second)
    return factor(a, b) == p / q


def factor(a: Row, b: Row) -> fmpq | None:
    """The t with a = t b; None where there is none."""
    if a.keys() != b.keys() or not b:
        return None
    j = next(iter(b))
    t = a[j] / b[j]
    return t if all(a[k] == t * value for k, value in b.items()) else None


def _projections(centred: Centred) -> tuple[np.ndarray, np.ndarray]:
    """(a_i / s_i)·g for a fixed random g, and bounds on the errors."""
    dim = centred.body.dim
    g = np.random.default_rng(0).uniform(0.5, 1.5, dim)
    rows = centred.rows
    slack = centred.slacks()
    with np.errstate(all="ignore"):
        value = np.concatenate(
            [np.array([-sign * g[j] for j, sign, _ in centred.body.bounds]), rows.a @ g]
        )
        size = np.concatenate(
            [np.array([g[j] for j, _, _ in centred.body.bounds]), np.abs(rows.a) @ g]
        )
        error = np.concatenate([np.zeros(centred.num_bounds), rows.a_error @ g])
        error = error + gamma(dim + 4) * size
        relative = np.concatenate(
            [np.full(centred.num_bounds, 1e-15), rows.c_error / np.abs(rows.c)]
        )
        place = value / slack
        radius = 1.01 * (error / slack + (np.abs(place) + error / slack) * relative * 1.01)
        radius = radius / np.maximum(1.0 - relative, 0.0) + 1e-15 * np.abs(place)
    vague = ~(np.isfinite(place) & np.isfinite(radius) & (relative < 0.5))
    return np.where(vague, 0.0, place), np.where(vague, np.inf, radius)
