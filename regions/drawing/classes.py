"""Where each class wins, and the decision boundary: exact, cell by cell.

On a region the outputs are affine, so the part of it where output k is the largest is a polygon.
A network with one output has the classes 0 (f <= 0) and 1 (f > 0).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from flint import fmpq

from regions.drawing.clipping import Corners, faces
from regions.drawing.complexes import Complex, exact_shape
from regions.drawing.corners import WORST_POSITION, values_at
from regions.drawing.forms import Forms
from solvers.rational import floats

TIE = 1 << 40  # labels of ties: far above the number of any unit


@dataclass(frozen=True, eq=False)
class Piece:
    """A polygon (k, 2) of one region on which one class wins."""

    region: int
    winner: int
    corners: np.ndarray


@dataclass(frozen=True, eq=False)
class Classes:
    """The winners in a plane.

    Attributes
    ----------
    count
        The number of classes.
    pieces
        Polygons of one class each, by region.  They fill the domain.
    boundary
        (n, 2, 2): segments on which the two best outputs are equal.
    whole
        (regions,) the class that wins on the whole region, -1 where several do on parts of it.
    """

    count: int
    pieces: tuple[Piece, ...]
    boundary: np.ndarray
    whole: np.ndarray


def classes_of(found: Complex) -> Classes:
    """The winner on each region of a plane; equal outputs go to the first of them.

    Raises
    ------
    ValueError
        If the complex is not a plane.

    Examples
    --------
    >>> from regions.drawing.complexes import complex_of
    >>> from regions.network import Network
    >>> network = Network.from_layers([([[1, 0]], [0]), ([[1], [0]], [0, "1/2"])])
    >>> classes_of(complex_of(network, engine="lp")).boundary[:, :, 0].tolist()
    [[0.5, 0.5]]
    """
    if found.dim != 2:
        raise ValueError("classes_of(): needs the regions of a plane")
    whole = sure_winners(found)
    pieces: list[Piece] = []
    boundary: set[tuple[tuple[fmpq, ...], ...]] = set()
    for index, winner in enumerate(whole.tolist()):
        if winner >= 0:
            pieces.append(Piece(index, winner, found.shapes[index].corners))
            continue
        parts = _parts(found, index)
        for winner, corners in parts:
            pieces.append(Piece(index, winner, exact_shape(corners).corners))
            for labels, ends in faces(corners):
                if max(labels) >= TIE:
                    boundary.add(tuple(sorted(corners.points[i] for i in ends)))
        if len({winner for winner, _ in parts}) == 1:
            whole[index] = parts[0][0]
    segments = [[floats(np.array(end, dtype=object)) for end in ends] for ends in sorted(boundary)]
    return Classes(
        max(found.network.outputs, 2),
        tuple(pieces),
        np.array(segments, dtype=float).reshape(-1, 2, 2),
        whole,
    )


def sure_winners(found: Complex) -> np.ndarray:
    """(regions,) the class that wins at all corners, outside all rounding errors, else -1."""
    counts = [len(shape.corners) for shape in found.shapes]
    cell = np.repeat(np.arange(len(counts)), counts)
    points = np.concatenate([shape.corners for shape in found.shapes])
    size = float(np.max(np.abs(points), initial=1.0))
    spread = np.full(len(points), WORST_POSITION * size)
    value, error = values_at(_scores(found.outputs), cell, points, spread)
    best = value.argmax(axis=1)
    rows = np.arange(len(best))
    gap = value[rows, best][:, None] - value
    clear = gap > (error[rows, best][:, None] + error) * (1 + 2.0**-40)
    clear[rows, best] = True
    best = np.where(clear.all(axis=1), best, -1)
    starts = np.cumsum([0, *counts[:-1]])
    low, high = np.minimum.reduceat(best, starts), np.maximum.reduceat(best, starts)
    return np.where(low == high, low, -1)


def _scores(outputs: Forms) -> Forms:
    """The outputs, or zero and the output where there is one."""
    if outputs.value.shape[1] != 1:
        return outputs
    zero = np.zeros_like(outputs.value)
    return Forms(
        np.concatenate([zero, outputs.value], axis=1), np.concatenate([zero, outputs.error], axis=1)
    )


def _parts(found: Complex, index: int) -> list[tuple[int, Corners]]:
    """The parts of a region that belong to each class, in rationals."""
    known = found.exact_forms(index)
    scores = known[found.network.relus :]
    if len(scores) == 1:
        scores = [(fmpq(0),) * len(scores[0]), *scores]
    whole = found.exact_corners(index, known)
    result = []
    for winner, mine in enumerate(scores):
        part: Corners | None = whole
        for other, theirs in enumerate(scores):
            if part is None or other == winner:
                continue
            lead = [a - b for a, b in zip(mine, theirs, strict=True)]
            if any(lead):
                part = part.cut(lead, TIE + other)
            elif other < winner:
                part = None
        if part is not None:
            result.append((winner, part))
    return result
