"""Boundaries per unit length of a random chord, and regions per unit area of a random section.

A point x uniform in D and a uniform direction give a chord of D through x, which is cut by the
boundaries of regions into n pieces.  Long chords are drawn more often, in proportion to their
length L, so that

    E[(n - 1) / L] = E|u_1| · (area of all boundaries in D) / vol D,

the mean number of boundaries per unit length of an isotropic random line, E|u_1| =
Γ(d/2) / (√π Γ((d+1)/2)).  In the same way a uniform plane through x cuts D in a polygon of area A,
and E[n / A] is the mean number of regions per unit area of a random plane: N / vol D for d = 2,
and Σ_R (mean width of R) / vol D for d = 3.  Both are densities.  For d > 2 neither says how many
regions there are.

n is exact for each chord and each plane; their lengths and areas are correct to rounding.

Source: L. A. Santaló, Integral Geometry and Geometric Probability, 1976.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from flint import fmpq

from regions.counting.api import count
from regions.domain import Box, Domain, Polytope, Segment, Slice
from regions.estimating.uniform import Uniform
from regions.estimating.volumes import whole_volume
from regions.frame import Frame
from regions.network import Network
from solvers.exact_simplex import Stopped
from solvers.rational import nearest

LINES, PLANES = 1, 2


@dataclass(eq=False)
class Sections:
    """What was cut so far: (n - 1) / L or n / A, the n, and the L or A."""

    values: list[float] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    sizes: list[float] = field(default_factory=list)


def cut(
    uniform: Uniform,
    directions: int,
    number: int,
    seed: int,
    found: Sections,
    told: Callable[[int, int], None] = lambda *_: None,
) -> None:
    """Cut D with so many random lines (`directions` 1) or planes (2).

    Raises
    ------
    Stopped
        When a limit came first; the section under way does not count.
    """
    rng = np.random.default_rng(seed)
    points = uniform.points(rng)
    hull = _orthonormal(uniform.frame)
    low, high = uniform.frame.box()
    while len(found.values) < number:
        if uniform.stop():
            raise Stopped
        point = next(points)
        ways = np.linalg.qr(rng.standard_normal((uniform.frame.dim, directions)))[0]
        steps = (hull @ ways).T  # (directions, d) over u, orthonormal over x
        reach = _reach(steps, low, high)
        network, domain, size = _section(uniform, point, steps, reach)
        answer = count(
            network, domain, backend=uniform.backend, time_limit=uniform.stop.seconds_left()
        )
        if not answer.exact or uniform.stop():
            raise Stopped
        n = int(answer)
        found.numbers.append(n)
        found.sizes.append(size)
        found.values.append((n - 1 if directions == LINES else n) / size)
        told(len(found.values), sum(found.numbers))


def _orthonormal(frame: Frame) -> np.ndarray:
    """(d, d): its columns are steps u of length 1 over x, at right angles there."""
    basis = np.asarray(frame.basis.to_dense().approx, dtype=float)
    return np.linalg.inv(np.linalg.qr(basis)[1]) if frame.dim else np.zeros((0, 0))


def _reach(steps: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    """Multiples of the steps from a point of the box to beyond it."""
    # a combination of orthonormal steps over x leaves the box once it is longer than this
    smallest = float(np.linalg.svd(steps, compute_uv=False).min())
    return 2.0 * float(np.linalg.norm(high - low)) / smallest


def _section(
    uniform: Uniform, point: np.ndarray, steps: np.ndarray, reach: float
) -> tuple[Network, Domain, float]:
    """The network on a line or plane of D, in coordinates t: u = point + Σ t_i step_i."""
    ends = [point + reach * step for step in steps]
    if len(ends) == LINES:
        flat: Domain = Segment(point - reach * steps[0], ends[0])
        unit = 2 * reach
    else:
        flat, unit = Slice(point, *ends), reach**2
    frame = Frame.of(flat & uniform.domain, uniform.backend, uniform.stop)
    low = [fmpq(-1) if q is None else q for q in frame.lower]
    high = [fmpq(1) if q is None else q for q in frame.upper]
    domain: Domain = Box(low, high)
    if frame.limits:
        domain = domain & Polytope(frame.rows, list(frame.limits))
    inside = Frame.of(domain, uniform.backend, uniform.stop)
    return frame.pull(uniform.network), domain, nearest(whole_volume(inside)) * unit


def crossing_factor(dim: int) -> float:
    """E|u_1| for u uniform on the sphere in R^d.

    >>> [round(crossing_factor(d), 4) for d in (1, 2, 3)]
    [1.0, 0.6366, 0.5]
    """
    return math.exp(math.lgamma(dim / 2) - math.lgamma((dim + 1) / 2)) / math.sqrt(math.pi)
