"""The corners of many cells at once: proposed by a convex hull in floats, and proved.

*Proof.*  Take d of a cell's inequalities whose rows are independent: their hyperplanes meet in one
point.  If every other inequality holds strictly there, the point is a vertex of the cell, and
exactly d edges leave it, one for each inequality that is dropped.  If every one of these edges ends
at another vertex of the list, the list is closed under adjacency; the graph of a polyhedron without
lines is connected, so the list is complete, and as no edge runs to infinity the cell is bounded.

The position of a vertex and the values there have rigorous error bounds, from an approximate
inverse of its d rows (S. M. Rump, Solving algebraic problems with high accuracy, 1983).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from regions.drawing.forms import Forms
from solvers.float_rows import TINY, gamma

WORST_POSITION = 2.0**-36  # of a corner, in units of the domain's size; else it is computed exactly


@dataclass(frozen=True, eq=False)
class Proved:
    """Corners of cells in general position; those of one cell follow each other.

    Attributes
    ----------
    cell
        (n,) the cell of each corner, ascending.
    rows
        (n, d) the inequalities that meet in it, ascending.
    points
        (n, d) its position, and `spread` (n,) a bound on the error of each coordinate.
    """

    cell: np.ndarray
    rows: np.ndarray
    points: np.ndarray
    spread: np.ndarray

    def by_cell(self) -> Iterator[tuple[int, slice]]:
        """The cells that have corners, and where these are."""
        cells, starts = np.unique(self.cell, return_index=True)
        ends = np.append(starts, len(self.cell))[1:]
        for cell, start, end in zip(*map(np.ndarray.tolist, (cells, starts, ends)), strict=True):
            yield cell, slice(start, end)


def proved_corners(rows: Forms, middles: np.ndarray, size: float) -> Proved:
    """The corners of all cells {u : every form >= 0} for which the proof goes through.

    Parameters
    ----------
    rows
        The inequalities, the same number for every cell.
    middles
        (cells, d): a point inside each, as a proposal.
    size
        The largest coordinate of the domain.
    """
    cells, dim = middles.shape
    proposals = [_proposal(rows.value[i], rows.error[i], middles[i]) for i in range(cells)]
    counts = [len(proposal) for proposal in proposals]
    cell = np.repeat(np.arange(cells), counts)
    chosen = np.sort(np.concatenate([np.zeros((0, dim), int), *proposals]), axis=1)
    together = np.unique(np.column_stack([cell, chosen]), axis=0)  # none twice
    cell, chosen = together[:, 0], together[:, 1:]
    if not len(cell):
        return Proved(cell, chosen, np.zeros((0, dim)), np.zeros(0))
    points, spread = _positions(rows, cell, chosen)
    good = spread <= WORST_POSITION * size
    good &= _is_strict(rows, cell, chosen, points, spread)
    good &= _is_closed(cell, chosen)  # of distinct corners: a strict one has no other rows
    bad = np.zeros(cells, dtype=bool)
    bad[cell[~good]] = True
    keep = ~bad[cell]
    return Proved(cell[keep], chosen[keep], points[keep], spread[keep])


def _proposal(value: np.ndarray, error: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """Sets of d rows (corners, d): the facets of the convex hull of a_i / (a_i·p + c_i)."""
    dim = len(middle)
    slack = value[:, :-1] @ middle + value[:, -1]
    real = (value[:, :-1] != 0).any(axis=1) | (error[:, :-1] != 0).any(axis=1)
    used = np.flatnonzero(real)
    if len(used) <= dim or not (slack[used] > 0).all():
        return np.zeros((0, dim), dtype=int)
    dual = value[used, :-1] / slack[used, None]
    if not np.isfinite(dual).all():
        return np.zeros((0, dim), dtype=int)
    return used[hull_facets(dual)]


def hull_facets(points: np.ndarray) -> np.ndarray:
    """The facets of the convex hull of points (n, d), as (facets, d) indices; none if flat."""
    from scipy.spatial import ConvexHull, QhullError  # its import adds to Python's warning filters

    try:
        return ConvexHull(points).simplices
    except QhullError:
        return np.zeros((0, points.shape[1]), dtype=int)


def _positions(rows: Forms, cell: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the chosen rows meet (n, d), and a bound on the error of each coordinate (n,).

    With R near the inverse of A, |u* - u| <= |R| |A u + c| / (1 - ‖I - R A‖) in the maximum norm.
    """
    dim = chosen.shape[1]
    value, error = rows.value[cell[:, None], chosen], rows.error[cell[:, None], chosen]
    a, c, a_error, c_error = value[:, :, :-1], value[:, :, -1], error[:, :, :-1], error[:, :, -1]
    determinant = np.linalg.det(a)
    fine = np.isfinite(determinant) & (determinant != 0)
    safe = np.where(fine[:, None, None], a, np.eye(dim))
    inverse = np.linalg.inv(safe)
    points = -(inverse @ c[:, :, None])[:, :, 0]
    size, rounding = np.abs(points), gamma(4 * dim + 8)
    residual = np.abs((a @ points[:, :, None])[:, :, 0] + c)
    residual += rounding * ((np.abs(a) @ size[:, :, None])[:, :, 0] + np.abs(c))
    residual += (a_error @ size[:, :, None])[:, :, 0] + c_error + TINY
    bound = np.abs(inverse)
    off = np.abs(np.eye(dim) - inverse @ a) + rounding * (bound @ np.abs(a)) + bound @ a_error
    norm = off.sum(axis=2).max(axis=1)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        spread = (bound @ residual[:, :, None])[:, :, 0].max(axis=1) / (1 - norm)
    spread = np.where(fine & (norm < 0.5), spread * (1 + 4 * rounding) + TINY, np.inf)
    return points, spread


def _is_strict(
    rows: Forms, cell: np.ndarray, chosen: np.ndarray, points: np.ndarray, spread: np.ndarray
) -> np.ndarray:
    """Whether all other inequalities hold strictly at each corner, outside all error bounds."""
    result = np.zeros(len(cell), dtype=bool)
    step = max(1, (1 << 21) // rows.value.shape[1])
    for start in range(0, len(cell), step):
        part = slice(start, start + step)
        where = cell[part]
        value, error = values_at(rows, where, points[part], spread[part])
        vacuous = ~rows.value[:, :, :-1].any(axis=2) & ~rows.error[:, :, :-1].any(axis=2)
        empty = vacuous & (rows.value[:, :, -1] == 0) & (rows.error[:, :, -1] == 0)
        holds = (value > error) | empty[where]
        np.put_along_axis(holds, chosen[part], True, axis=1)
        result[part] = holds.all(axis=1)
    return result


def values_at(
    rows: Forms, cell: np.ndarray, points: np.ndarray, spread: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Values (n, forms) of a cell's forms at its points (n, d), and bounds on their errors."""
    value, wrong = rows.value[cell], rows.error[cell]
    a, a_error = value[:, :, :-1], wrong[:, :, :-1]
    rounding = gamma(points.shape[1] + 3)
    result = np.einsum("nfd,nd->nf", a, points) + value[:, :, -1]
    reach = np.abs(points) + spread[:, None]
    error = np.einsum("nfd,nd->nf", a_error, reach) + wrong[:, :, -1] + TINY
    sizes = np.abs(a)
    error += rounding * (np.einsum("nfd,nd->nf", sizes, reach) + np.abs(value[:, :, -1]))
    error += sizes.sum(axis=2) * spread[:, None]
    error *= 1 + 4 * rounding
    return result, np.where(np.isfinite(result), error, np.inf)


def _is_closed(cell: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Whether each edge that leaves a corner ends at exactly one other corner of its cell."""
    dim = chosen.shape[1]
    result = np.ones(len(cell), dtype=bool)
    edges = np.concatenate(
        [
            np.column_stack([cell, chosen[:, list(kept)]])
            for kept in combinations(range(dim), dim - 1)
        ]
    )
    _, inverse, counts = np.unique(edges, axis=0, return_inverse=True, return_counts=True)
    paired = counts[inverse.reshape(-1)] == 2
    for ok in paired.reshape(dim, -1):
        result &= ok
    return result
