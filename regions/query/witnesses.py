"""The coordinates of a witness: doubles where some are found, else fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from regions.counting.certified import Certifier
from regions.counting.embedding import Embedding
from regions.counting.leaves import UNKNOWN
from regions.counting.leaves import Found as Proposed
from regions.counting.points import ExactPoint
from regions.counting.tree import Stop
from regions.counting.work import Problem
from regions.frame import Frame
from regions.network import Network
from regions.query.branches import Found
from solvers.backend import Backend
from solvers.exact_simplex import Stopped
from solvers.rational import floats, fraction, rational

Coordinates = tuple[float, ...] | tuple[Fraction, ...]


def as_coordinates(frame: Frame, point: ExactPoint) -> Coordinates:
    """The input x = p + B u of a point u, exactly; doubles if it is a vector of these."""
    x, exact = Embedding.of(frame).image(point)
    return tuple(x.tolist()) if exact is None else tuple(fraction(value) for value in exact)


def in_domain(frame: Frame, point: ExactPoint) -> bool:
    """Whether a point u lies in the closed domain; exactly."""
    for q, low, high in zip(point, frame.lower, frame.upper, strict=True):
        if (low is not None and q < low) or (high is not None and q > high):
            return False
    for index, limit in enumerate(frame.limits):
        cols, values = frame.rows.row(index)
        pairs = zip(cols.tolist(), values, strict=True)
        if sum((a * point[j] for j, a in pairs), rational(0)) > limit:
            return False
    return True


def inside_in_doubles(
    network: Network, frame: Frame, found: Found, backend: Backend, stop: Stop
) -> Coordinates:
    """The point of a region, moved to doubles inside the same region where that is possible.

    `network` is in the coordinates of the frame.  After a limit it is the point as it is.
    """
    given = as_coordinates(frame, found.point)
    if all(isinstance(value, float) for value in given):
        return given
    problem = Problem(network, frame, "lp", backend)
    bits = found.pattern.units().astype(np.uint8)[None, :]
    x = floats(np.array(found.point, dtype=object))[None, :]
    proposed = Proposed(bits, x, np.array([UNKNOWN]), {0: found.point})
    try:
        batch = Certifier.of(problem, stop).batch(proposed)
    except Stopped:
        return given
    return given if 0 in batch.exact_points else tuple(batch.points[0].tolist())
