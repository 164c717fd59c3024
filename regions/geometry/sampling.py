"""Figures of a bounded body by sampling: its mean width and its volume, as estimates.

The volume: hit-and-run walks in K ∩ B for balls B of decreasing radius, chosen so that each holds
about half of the volume of the next, down to one that lies inside K.  The volume is that of the
last ball divided by the product of the shares.  Many walks run side by side, independent of each
other, so that the spread of their shares says how far the mean may be off, however slowly they mix.

Source: R. Kannan, L. Lovász, M. Simonovits, Random walks and an O*(n⁵) volume algorithm for convex
bodies, 1997; R. L. Smith, Efficient Monte Carlo procedures for generating points uniformly
distributed over bounded regions, 1984.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from regions.counting.tree import Stop
from regions.figures import Estimate
from regions.geometry.centred import Centred
from solvers.exact_simplex import Stopped
from solvers.rational import floats

CONFIDENCE = 0.95
SIGMAS = 1.959963984540054
WALKS = 200
ROUNDS = 6  # of walking and rescaling, until the body looks round


def mean_width(
    centred: Centred,
    width: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    samples: int,
    seed: int,
    method: str,
) -> Estimate:
    """The mean of the width over uniform directions of the hull.

    `width` gives lower and upper bounds of the widths along directions over x: (k, n)
    to (k,) and (k,).
    """
    rng = np.random.default_rng(seed)
    basis = hull_basis(centred)
    normal = rng.standard_normal((samples, basis.shape[1]))
    normal /= np.linalg.norm(normal, axis=1)[:, None]
    low, high = width(normal @ basis.T)
    middle = (low + high) / 2
    slack = float((high - low).mean()) / 2
    return _estimate(float(middle.mean()), float(middle.std(ddof=1)), samples, slack, seed, method)


def _estimate(
    mean: float, deviation: float, samples: int, slack: float, seed: int, method: str
) -> Estimate:
    reach = SIGMAS * deviation / math.sqrt(samples) + slack
    return Estimate(mean, mean - reach, mean + reach, CONFIDENCE, method, samples, seed)


def hull_basis(centred: Centred) -> np.ndarray:
    """(n, d) an orthonormal basis of the hull's directions."""
    basis = floats(centred.body.frame.basis.dense())
    return np.linalg.qr(basis)[0] if centred.body.gram is not None else basis


# ------------------------------------------------------------------------------------- volume


@dataclass(eq=False)
class _Walks:
    """Points (k, d) inside {A y + s >= 0} and inside a ball of the given radius around 0."""

    a: np.ndarray
    s: np.ndarray
    rng: np.random.Generator
    points: np.ndarray

    def step(self, radius: float) -> None:
        """Each point goes to a uniform point of its chord in a random direction."""
        number, dim = self.points.shape
        ways = self.rng.standard_normal((number, dim))
        ways /= np.linalg.norm(ways, axis=1)[:, None]
        slack = self.points @ self.a.T + self.s
        slope = ways @ self.a.T
        with np.errstate(divide="ignore", invalid="ignore"):
            ends = -slack / slope
            high = np.where(slope < 0, ends, np.inf).min(axis=1)
            low = np.where(slope > 0, ends, -np.inf).max(axis=1)
        if np.isfinite(radius):
            along = np.einsum("ij,ij->i", self.points, ways)
            rest = radius**2 - np.einsum("ij,ij->i", self.points, self.points)
            half = np.sqrt(np.maximum(along**2 + rest, 0.0))
            high, low = np.minimum(high, half - along), np.maximum(low, -half - along)
        high, low = np.maximum(high, 0.0), np.minimum(low, 0.0)
        share = self.rng.uniform(size=number)
        self.points = self.points + (low + share * (high - low))[:, None] * ways

    def distances(self) -> np.ndarray:
        return np.sqrt(np.einsum("ij,ij->i", self.points, self.points))


def volume(centred: Centred, rows: np.ndarray, steps: int, seed: int, stop: Stop) -> Estimate:
    """The d-dimensional volume of a bounded body, by hit-and-run.

    Parameters
    ----------
    rows
        Rows of the body that include its facets.
    steps
        Steps of each walk at each radius, after as many to forget the start.

    Raises
    ------
    Stopped
        When `stop` said so.
    """
    dim = centred.body.dim
    rng = np.random.default_rng(seed)
    a = np.concatenate([centred.goal(int(i)).a for i in rows])
    s = centred.slacks()[rows]
    size = np.linalg.norm(a, axis=1)
    walks = _Walks(a / size[:, None], s / size, rng, np.zeros((WALKS, dim)))
    logarithm = _rounded(walks, steps, stop)
    radii = _radii(walks, steps, stop)
    total, variance, samples = 0.0, 0.0, 0
    each = np.zeros(WALKS)  # what a walk adds to the logarithm, to first order
    for inner, outer in zip(radii[1:], radii[:-1], strict=True):
        for _ in range(steps):
            _poll(stop)
            walks.step(outer)
        hits = np.zeros(WALKS)
        for _ in range(steps):
            _poll(stop)
            walks.step(outer)
            hits += walks.distances() <= inner
        share = hits / steps
        mean = max(float(share.mean()), 1e-9)
        total -= math.log(mean)
        variance += float(share.var(ddof=1)) / WALKS / mean**2
        each += share / mean
        samples += steps * WALKS
        # those inside start the next walk; the others are drawn to a copy of one of them
        inside = np.flatnonzero(walks.distances() <= inner)
        if not len(inside):
            walks.points *= inner / np.maximum(walks.distances(), inner)[:, None]
        else:
            outside = np.flatnonzero(walks.distances() > inner)
            walks.points[outside] = walks.points[rng.choice(inside, len(outside))]
    total += _log_ball(dim) + dim * math.log(radii[-1]) + logarithm
    total += dim * math.log(centred.scale) + _log_gram(centred)
    # the shares of one walk at successive radii may go together
    together = float(each.var(ddof=1)) / WALKS
    reach = SIGMAS * math.sqrt(max(variance, together))
    value, low, high = (math.exp(total + shift) for shift in (0.0, -reach, reach))
    return Estimate(value, low, high, CONFIDENCE, "hit-and-run", samples, seed)


def _poll(stop: Stop) -> None:
    if stop():
        raise Stopped


def _rounded(walks: _Walks, steps: int, stop: Stop) -> float:
    """Change coordinates so that the body is about round, around 0; log of the Jacobian."""
    dim = walks.points.shape[1]
    logarithm = 0.0
    for _ in range(ROUNDS):
        seen = []
        for k in range(2 * steps):
            _poll(stop)
            walks.step(np.inf)
            if k >= steps:
                seen.append(walks.points)
        cloud = np.concatenate(seen)
        mean, spread = cloud.mean(axis=0), np.cov(cloud.T).reshape(dim, dim)
        root = np.linalg.cholesky(spread + 1e-12 * np.trace(spread) / dim * np.eye(dim))
        # v = mean + L y
        walks.s = walks.s + walks.a @ mean
        walks.a = walks.a @ root
        size = np.linalg.norm(walks.a, axis=1)
        walks.a, walks.s = walks.a / size[:, None], walks.s / size
        walks.points = np.linalg.solve(root, (walks.points - mean).T).T
        logarithm += float(np.log(np.diag(root)).sum())
    return logarithm


def _radii(walks: _Walks, steps: int, stop: Stop) -> list[float]:
    """Radii from infinity down to that of a ball inside, each with about half of the volume."""
    inner = float(walks.s.min())
    assert inner > 0, "the mean of points of a body lies inside"
    radii, start = [np.inf], walks.points.copy()
    while radii[-1] > inner:
        seen = []
        for _ in range(steps):
            _poll(stop)
            walks.step(radii[-1])
            seen.append(walks.distances())
        radius = max(float(np.median(np.concatenate(seen[steps // 2 :]))), inner)
        radii.append(radius)
        over = np.maximum(walks.distances() / radius, 1.0)
        walks.points = walks.points / over[:, None]
    walks.points = start
    return radii


def _log_ball(dim: int) -> float:
    """Log of the volume of the unit ball."""
    return dim / 2 * math.log(math.pi) - math.lgamma(dim / 2 + 1)


def _log_gram(centred: Centred) -> float:
    """Log of the volume over x of the unit cube over u."""
    if centred.body.gram is None:
        return 0.0
    determinant = 1 / centred.body.gram.det()
    return (math.log(int(determinant.p)) - math.log(int(determinant.q))) / 2
