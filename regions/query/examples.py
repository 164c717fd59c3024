"""First examples of another class near a point, in floats, each then taken exactly: proposals."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from regions.composition import float_rows
from regions.frame import Frame
from regions.network import Network
from regions.query.best_first import Floats
from regions.query.bit_search import Candidate
from regions.query.perturbation import Perturbation
from regions.query.witnesses import in_domain
from solvers.exact_simplex import Stopped
from solvers.rational import floats, rational

SAMPLE = 256  # points at each distance
DISTANCES = 2.0 ** np.arange(-8.0, 12.0)
HALVINGS = 40
STEPS = 50
BEYOND = 1.02  # of the step that would do if the network were affine


def first_examples(
    goal: Perturbation, frame: Frame, seed: int, stop: Callable[[], bool]
) -> list[Candidate]:
    """Candidates from random points at growing distances and from a walk, each drawn back.

    Raises
    ------
    Stopped
        When `stop` said so.
    """
    network = goal.network
    start = _coordinates(frame, goal)
    low, high = frame.box()
    edge = 2.0**-40 * np.where(np.isfinite(high - low), high - low, 0.0)
    low, high = low + edge, high - edge
    proposals = [_walk(network, start, goal.norm, low, high, stop)]
    proposals.append(_sampled(network, start, low, high, np.random.default_rng(seed), stop))
    found = []
    for far in proposals:
        if far is None:
            continue
        point = tuple(rational(v) for v in _drawn_back(network, start, far, stop).tolist())
        if in_domain(frame, point):
            candidate = goal.candidate(point)
            found += [] if candidate is None else [candidate]
    return found


def _coordinates(frame: Frame, goal: Perturbation) -> np.ndarray:
    """Coordinates u near x0."""
    shift = [c - p for c, p in zip(goal.centre, frame.origin, strict=True)]
    right = floats(np.array(shift, dtype=object))
    if frame.basis.is_identity:
        return right
    if not frame.dim:
        return np.zeros(0)
    basis = np.asarray(frame.basis.to_dense().approx)
    found = np.linalg.lstsq(basis, right, rcond=None)[0]
    return found if np.isfinite(found).all() else floats(np.array(frame.interior, dtype=object))


def _has_class(network: Network, points: np.ndarray) -> np.ndarray:
    """(n,) whether all outputs are positive."""
    return np.all(network.evaluate(points) > 0, axis=1)


def _sampled(
    network: Network,
    start: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    random: np.random.Generator,
    stop: Callable[[], bool],
) -> np.ndarray | None:
    """The nearest of the random points at the least distance where there is one."""
    for distance in DISTANCES:
        if stop():
            raise Stopped
        moved = start + distance * random.uniform(-1, 1, (SAMPLE, len(start)))
        moved = np.clip(moved, low, high)
        good = moved[_has_class(network, moved)]
        if len(good):
            return good[np.argmin(np.abs(good - start).sum(axis=1))]
    return None


def _walk(
    network: Network,
    start: np.ndarray,
    norm: str,
    low: np.ndarray,
    high: np.ndarray,
    stop: Callable[[], bool],
) -> np.ndarray | None:
    """A point reached by steps that would each lift the least output to 0, were it affine.

    Source: S. Moosavi-Dezfooli, A. Fawzi, P. Frossard, DeepFool, CVPR 2016.
    """
    point, last = start, len(network.layers) + 1
    patterns, starts = Floats(network), np.cumsum(network.widths)[:-1].astype(np.int64)
    for _ in range(STEPS):
        if stop():
            raise Stopped
        values = network.evaluate(point[None, :])[0]
        worst = int(np.argmin(values))
        if values[worst] > 0:
            return point
        flat = patterns.bits(point[None, :])[0]
        bits = np.split(flat, starts) if len(network.widths) else []
        slope = float_rows(network, bits, last, np.array([worst])).a[0]
        slope = np.where(((point >= high) & (slope > 0)) | ((point <= low) & (slope < 0)), 0, slope)
        with np.errstate(all="ignore"):
            step = BEYOND * -values[worst] * _direction(slope, norm)
        if not np.isfinite(step).all() or not step.any():
            return None
        point = np.clip(point + step, low, high)
    return None


def _direction(slope: np.ndarray, norm: str) -> np.ndarray:
    """The shortest vector d with slope · d = 1."""
    if norm == "linf":
        return np.sign(slope) / np.abs(slope).sum()
    if norm == "l2":
        return slope / (slope @ slope)
    unit = np.zeros(len(slope))
    place = int(np.argmax(np.abs(slope))) if len(slope) else 0
    unit[place : place + 1] = 1 / slope[place : place + 1]
    return unit


def _drawn_back(
    network: Network, start: np.ndarray, far: np.ndarray, stop: Callable[[], bool]
) -> np.ndarray:
    """The point on the way from `start` where the class begins, as near as halving gets."""
    near = start
    for _ in range(HALVINGS):
        if stop():
            break
        between = (near + far) / 2
        if _has_class(network, between[None, :])[0]:
            far = between
        else:
            near = between
    return far
