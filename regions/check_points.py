"""Where a model and its normal form are compared: seeded points of the domain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from regions.domain import Domain
from regions.errors import DomainError
from regions.frame import Frame
from solvers.backend import get_backend
from solvers.exact_simplex import Stopped
from solvers.rational import floats, nearest

_SWEEPS = 20  # steps of every walk: each draws a direction and then a point on its whole chord
_WORK = 2_000_000  # entries that exact pivots may touch in the search for an interior point
_STEP = 0.5  # along a chord without end: twenty such steps spread over a length of about 1
_AROUND = 2.0**-10  # half-side of the box around a point too small for its numbers; it is doubled


@dataclass(frozen=True, eq=False)
class CheckPoints:
    """Different points, (N, n), each exactly a number that the source can be given, and whence."""

    points: np.ndarray
    where: str


def draw(
    dimension: int, domain: Domain | None, num_points: int, seed: int, kind: Any = np.float64
) -> CheckPoints:
    """At least `num_points` different points of the domain, rounded to the float type `kind`.

    A box is sampled uniformly, an infinite side cut to length 1 or to ±1; any other domain by
    hit-and-run walks from an interior point, in the domain's own coordinates.  Coordinates beyond
    the square root of the largest number of `kind` are drawn at that size, so that products do not
    overflow.  Where rounding leaves too few different points, more are drawn around them.

    Raises
    ------
    DomainError
        If the domain has another dimension, or no point.
    """
    if domain is None:
        points = np.random.default_rng(seed).uniform(-1.0, 1.0, (num_points, dimension))
        return _rounded(points, "in [-1, 1]^n", num_points, seed, kind)
    if domain.dim != dimension:
        raise DomainError(
            f"load(): the domain has dimension {domain.dim}, the network expects {dimension}"
        )
    limits = domain.constraints()
    where = f"in the domain {domain.spec}"
    if limits.A is None and not limits.span:
        low, high = _sides(domain)
        unit = np.random.default_rng(seed).random((num_points, dimension))
        most = largest(kind)
        if max(np.abs(low).max(), np.abs(high).max()) > most:
            low, high, where = low.clip(-most, most), high.clip(-most, most), _cut(where, most)
        return _rounded(low + unit * (high - low), where, num_points, seed, kind)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        walked = _walk(domain, num_points, seed)
    if walked is None:
        points = np.random.default_rng(seed).uniform(-1.0, 1.0, (num_points, dimension))
        where = f"in [-1, 1]^n (finding a point {where} takes too long)"
        return _rounded(points, where, num_points, seed, kind)
    return _rounded(walked, where, num_points, seed, kind)


def largest(kind: Any) -> float:
    """The largest coordinate that is drawn: the products of two such numbers are still finite."""
    return float(np.sqrt(np.finfo(kind).max))


def _sides(domain: Domain) -> tuple[np.ndarray, np.ndarray]:
    """Finite sides of a box, for sampling."""
    limits = domain.constraints()
    low, high = np.empty(domain.dim), np.empty(domain.dim)
    for i, (lower, upper) in enumerate(zip(limits.lower, limits.upper, strict=True)):
        a = None if lower is None else nearest(lower)
        b = None if upper is None else nearest(upper)
        low[i] = a if a is not None else (-1.0 if b is None else min(-1.0, b - 1.0))
        high[i] = b if b is not None else max(1.0, low[i] + 1.0)
    return low, high


def _cut(where: str, most: float) -> str:
    return f"{where}, coordinates cut to ±{most:.1e}"


def _rounded(points: np.ndarray, where: str, num_points: int, seed: int, kind: Any) -> CheckPoints:
    """The different points among these as `kind` holds them, and others around if they are few."""
    most = largest(kind)
    if np.abs(points).max(initial=0.0) > most:
        points, where = points.clip(-most, most), _cut(where, most)
    given = _different(points.astype(kind))
    if len(given) >= num_points:
        return CheckPoints(given, where)
    rng = np.random.default_rng((seed, 1))
    centres = given[np.arange(4 * num_points) % len(given)]  # some will be equal
    missing, found, half = num_points - len(given), given, _AROUND
    while len(found) < num_points and half < most:
        size = half * np.maximum(np.abs(centres), 1.0)
        moved = centres + rng.uniform(-1.0, 1.0, centres.shape) * size
        found = _different(np.concatenate([given, moved.clip(-most, most).astype(kind)]))
        half *= 2
    name = np.dtype(kind).name
    inside = f"{len(given)} {where} (it has no more in {name})"
    return CheckPoints(found[:num_points], f"{inside} and {missing} around it")


def _different(points: np.ndarray) -> np.ndarray:
    """The first of equal rows, as float64."""
    exact = points.astype(np.float64) + 0.0  # one zero
    keep = {row.tobytes(): index for index, row in reversed(list(enumerate(exact)))}
    return exact[sorted(keep.values())]


def _walk(domain: Domain, num_points: int, seed: int) -> np.ndarray | None:
    """Points of the domain by hit-and-run: independent walks from one interior point.

    In frame coordinates u, a walk goes from u along a random direction d to a uniform point of
    the chord {t : l <= u + t d <= h, G (u + t d) <= g}; an infinite one is cut at max|t d| = 1/2.
    None where no interior point was found within the allowed work.
    """
    constraints = domain.constraints()
    rows = 0 if constraints.A is None else constraints.A.shape[0]
    size = (rows + 2 * domain.dim) * domain.dim
    try:
        frame = Frame.of(domain, get_backend("highs"), _after(max(50, _WORK // size)))
    except Stopped:
        return None
    rng = np.random.default_rng(seed)
    low, high = frame.box()
    origin, start = floats(frame.origin), floats(frame.interior)
    matrix, limit = frame.rows.approx, floats(frame.limits)[:, None]
    width = high - low
    scale = np.where(np.isfinite(width), width, 1.0)[:, None]
    walks = np.repeat(start[:, None], num_points, axis=1)  # (d, N)
    for _ in range(_SWEEPS if frame.dim else 0):
        step = rng.standard_normal(walks.shape) * scale
        # rates at which the slacks of all rows shrink along the step, and the slacks
        rate = np.concatenate([matrix @ step, step, -step])
        slack = np.concatenate(
            [limit - matrix @ walks, high[:, None] - walks, walks - low[:, None]]
        )
        ahead, back = _reach(rate, slack), _reach(-rate, slack)
        infinite = ~np.isfinite(ahead + back)
        length = np.where(infinite, _STEP / np.abs(step).max(axis=0), np.inf)
        ahead, back = np.minimum(ahead, length), np.minimum(back, length)
        moved = walks + step * (rng.random(num_points) * (ahead + back) - back)
        moved = moved.clip(low[:, None], high[:, None])
        walks = np.where(np.isfinite(moved).all(axis=0), moved, walks)  # numbers near 1e300
    return (origin[:, None] + frame.basis.approx @ walks).T


def _reach(rate: np.ndarray, slack: np.ndarray) -> np.ndarray:
    """How far each walk can go before a slack is used up."""
    ends = np.where(rate > 0, np.maximum(slack, 0.0) / rate, np.inf)
    return ends.min(axis=0, initial=np.inf)


def _after(polls: int) -> Callable[[], bool]:
    """Whether it was asked more often than that: a limit that does not depend on the clock."""
    left = iter(range(polls))
    return lambda: next(left, None) is None
