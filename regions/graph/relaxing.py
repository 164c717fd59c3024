"""`facets_found`: facets between two regions, found for many pairs at once by moving points.

A facet on {g = 0} is there if some point has g < 0 and satisfies all other rows of the region
strictly (`geometry.facets`).  From between the two regions' points, a point is moved beyond the row
that it violates most, by a margin that shrinks.  Where it ends is checked with rigorous error
bounds; nothing follows where that fails.

Source: S. Agmon, The relaxation method for linear inequalities, Canadian J. Math. 6 (1954).
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from regions.counting.witness import Witness
from regions.graph.crossings import Known, Pair
from solvers.rational import floats

ROOM = 4_000_000  # doubles of rows in one batch
MOVES = 160
HALVING = 16  # moves after which the margin is half as large


def facets_found(known: Known, pairs: list[Pair]) -> np.ndarray:
    """(pairs,) whether a point beyond the first region's facet was found; false decides nothing."""
    sure = np.zeros(len(pairs), dtype=bool)
    dim, units = known.frame.dim, known.bits.shape[1]
    step = max(1, ROOM // ((units + 1) * (dim + 1)))
    with np.errstate(all="ignore"):
        for start in range(0, len(pairs), step):
            some = pairs[start : start + step]
            sure[start : start + step] = _check(known, some, _moved(known, some))
    return sure


def _moved(known: Known, pairs: list[Pair]) -> np.ndarray:
    """(pairs, dim) points of the frame that may lie beyond the facets."""
    first = np.array([pair.first for pair in pairs], dtype=np.int64)
    second = np.array([pair.second for pair in pairs], dtype=np.int64)
    lead = np.array([pair.flips[0] for pair in pairs], dtype=np.int64)
    each = np.arange(len(pairs))
    rows = _rows(known, first)
    signs = 2.0 * known.bits[first] - 1.0
    signs[each, lead] *= -1
    for k, pair in enumerate(pairs):
        signs[k, [unit for unit in pair.vanishing if unit != pair.flips[0]]] = 0.0
    rows *= signs[:, :, None]
    sides = _sides(known)
    rows = np.concatenate([rows, np.repeat(sides[None], len(pairs), axis=0)], axis=1)
    size = np.linalg.norm(rows[:, :, :-1], axis=2)
    used = size > 0
    rows /= np.where(used, size, 1.0)[:, :, None]
    normal, offset = rows[:, :, :-1], np.where(used, rows[:, :, -1], np.inf)
    a, b = known.coordinates[first], known.coordinates[second]
    there, here = (_slack(normal, offset, u)[each, lead] for u in (a, b))
    share = np.clip(there / (there - here), 0.0, 1.0)  # of the way, where the facet's row is zero
    u = a + np.nan_to_num(share, nan=0.5)[:, None] * (b - a)
    margin = np.linalg.norm(b - a, axis=1) / 4
    best, depth = u.copy(), np.full(len(pairs), -np.inf)
    for move in range(MOVES):
        slack = _slack(normal, offset, u)
        worst = np.argmin(slack, axis=1)
        least = slack[each, worst]
        better = least > depth
        best[better], depth[better] = u[better], least[better]
        wanted = margin * 0.5 ** (move // HALVING)
        push = np.maximum(wanted - least, 0.0)
        u = u + push[:, None] * normal[each, worst]
    return best


def _slack(normal: np.ndarray, offset: np.ndarray, u: np.ndarray) -> np.ndarray:
    return np.matmul(normal, u[:, :, None])[:, :, 0] + offset


def _rows(known: Known, regions: np.ndarray) -> np.ndarray:
    """(n, units, dim + 1): the affine functions of regions over the frame, with rounding."""
    count, dim = len(regions), known.frame.dim
    identity = np.zeros((dim, count, dim + 1))
    identity[np.arange(dim), :, np.arange(dim)] = 1.0
    value, parts = [identity], []
    for layer, (start, stop) in zip(known.pulled.layers, pairwise(known.starts), strict=True):
        z = np.zeros((layer.units, count, dim + 1))
        z[:, :, -1] = np.asarray(layer.bias.approx)
        for source, block in layer.weights:
            flat = value[source].reshape(value[source].shape[0], -1)
            z += np.asarray(block.approx @ flat).reshape(z.shape)
        parts.append(z)
        value.append(z * (known.bits[regions, start:stop].T == 1)[:, :, None])
    return np.concatenate(parts).transpose(1, 0, 2).copy()


def _sides(known: Known) -> np.ndarray:
    """(sides, dim + 1) of the domain, inside is positive."""
    low, high = known.frame.box()
    identity = np.eye(known.frame.dim)
    rows = [np.column_stack([identity, -low])[np.isfinite(low)]]
    rows.append(np.column_stack([-identity, high])[np.isfinite(high)])
    matrix = np.asarray(known.frame.rows.to_dense().approx)
    limits = floats(np.array(known.frame.limits, dtype=object))
    rows.append(np.column_stack([-matrix, limits.reshape(len(matrix))]))
    return np.concatenate(rows)


def _check(known: Known, pairs: list[Pair], points: np.ndarray) -> np.ndarray:
    """Whether the points, as doubles, certainly are in the domain and beyond the facets."""
    points = np.where(np.isfinite(points), points, 0.0)
    first = np.array([pair.first for pair in pairs], dtype=np.int64)
    lead = np.array([pair.flips[0] for pair in pairs], dtype=np.int64)
    value, error = known.values(first, points, np.zeros_like(points), known.pulled)
    wanted = known.bits[first] == 1
    wanted[np.arange(len(pairs)), lead] ^= True
    right = (np.abs(value) > error) & ((value > 0) == wanted)
    for k, pair in enumerate(pairs):
        right[k, [unit for unit in pair.vanishing if unit != pair.flips[0]]] = True
    return right.all(axis=1) & Witness(known.pulled, known.frame).is_in_domain(points)
