"""Boundaries per unit length of random lines through D, and regions per unit area of random planes.

Lines and planes are isotropic: all directions alike, and of each direction all positions at which
they meet D.  With n the number of regions that one meets, L the length and A the area in D,

    E[n - 1] / E[L] = E|u_1| · (area of all boundaries in D) / vol D,
    E[n] / E[A] = N / vol D for d = 2, and Σ_R (mean width of R) / vol D for d = 3,

where E|u_1| = Γ(d/2) / (√π Γ((d+1)/2)) is that of a uniform direction u.

Both are densities.  For d > 2 neither says how many regions there are.

In few dimensions (up to 3 for lines, 4 for planes) they are drawn from those that meet a ball
around D, and what misses D is drawn again; the estimate is a ratio of sums.  Beyond, hardly one
would meet D.  There they go through a uniform point of D in a uniform direction, so that they are
drawn in proportion to L or A, and the estimate is the mean of (n - 1)/L or n/A.  In few dimensions
that would work badly: lines and planes that cut off a corner give the mean an infinite variance.

n is exact for each line and each plane; lengths and areas are correct to rounding.

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
from regions.errors import DomainError
from regions.estimating.limits import student
from regions.estimating.uniform import Uniform
from regions.estimating.volumes import whole_volume
from regions.frame import Frame
from regions.network import Network
from solvers.exact_simplex import Stopped
from solvers.rational import nearest

LINES, PLANES = 1, 2


ISOTROPIC_DIM = {LINES: 3, PLANES: 4}
MOST_MISSES = 200  # before the first hit: a domain so thin is cut through its points


@dataclass(eq=False)
class Sections:
    """What was cut so far: the n - 1 or n, and the L or A.

    `weighted`: each was drawn in proportion to its L or A.
    """

    numbers: list[int] = field(default_factory=list)
    sizes: list[float] = field(default_factory=list)
    weighted: bool = False

    def __len__(self) -> int:
        return len(self.numbers)

    def density(self, confidence: float) -> tuple[float | None, float, float, float | None]:
        """The estimate, Student's interval, and the standard error.

        That of a ratio r = Σ n / Σ A is that of the mean of n - r A, divided by the mean of A.
        """
        if not len(self):
            return None, 0.0, math.inf, None
        n, size = np.array(self.numbers, dtype=float), np.array(self.sizes)
        value = float((n / size).mean() if self.weighted else n.sum() / size.sum())
        left = n / size if self.weighted else (n - value * size) / size.mean()
        low, high = student(left, confidence)
        if not self.weighted:
            low, high = value + low, value + high
        error = float(left.std(ddof=1)) / math.sqrt(len(self)) if len(self) > 1 else None
        return value, max(low, 0.0), high, error


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
    hull, radius = _orthonormal(uniform.frame), _radius(uniform.frame)
    low, high = uniform.frame.box()
    dim, misses = uniform.frame.dim, 0
    found.weighted = dim > ISOTROPIC_DIM[directions]
    while len(found) < number:
        if uniform.stop():
            raise Stopped
        columns = directions if found.weighted else dim
        ways = np.linalg.qr(rng.standard_normal((dim, columns)))[0]
        if found.weighted:
            point = next(points)
        else:
            point = (low + high) / 2 + hull @ (ways[:, directions:] @ _in_ball(
                rng, dim - directions, radius
            ))  # fmt: skip
        steps = (hull @ ways[:, :directions]).T  # (directions, d) over u, orthonormal over x
        section = _section(uniform, point, steps, 4 * radius)
        if section is None:
            misses += 1
            found.weighted = misses >= MOST_MISSES and not len(found)
            continue
        network, domain, size = section
        answer = count(
            network, domain, backend=uniform.backend, time_limit=uniform.stop.seconds_left()
        )
        if not answer.exact or uniform.stop():
            raise Stopped
        found.numbers.append(int(answer) - (directions == LINES))
        found.sizes.append(size)
        told(len(found), sum(found.numbers))


def _in_ball(rng: np.random.Generator, dim: int, radius: float) -> np.ndarray:
    """A uniform point of a ball."""
    way = rng.standard_normal(dim)
    if not dim:
        return way
    return way * (radius * rng.random() ** (1 / dim) / np.linalg.norm(way))


def _orthonormal(frame: Frame) -> np.ndarray:
    """(d, d): its columns are steps u of length 1 over x, at right angles there."""
    return np.linalg.inv(_triangle(frame))


def _triangle(frame: Frame) -> np.ndarray:
    """(d, d) the matrix R with ‖R u‖ = the length over x of a step u."""
    return np.linalg.qr(np.asarray(frame.basis.to_dense().approx, dtype=float))[1]


def _radius(frame: Frame) -> float:
    """Over x, of a ball around the middle of the domain's box that holds the box."""
    low, high = frame.box()
    # the diagonals of a box are at most as long as its sides, one after the other
    sides = np.abs(_triangle(frame)) @ ((high - low) / 2)
    return float(np.linalg.norm(sides))


def _section(
    uniform: Uniform, point: np.ndarray, steps: np.ndarray, reach: float
) -> tuple[Network, Domain, float] | None:
    """The network on a line or plane of D, in coordinates t: u = point + Σ t_i step_i.

    All of D lies within `reach` of the point.  None where the line or plane misses D.
    """
    ends = [point + reach * step for step in steps]
    if len(ends) == LINES:
        flat: Domain = Segment(point - reach * steps[0], ends[0])
        unit = 2 * reach
    else:
        flat, unit = Slice(point, *ends), reach**2
    try:
        frame = Frame.of(flat & uniform.domain, uniform.backend, uniform.stop)
    except DomainError:  # empty
        return None
    if frame.dim < len(steps):  # it touches D
        return None
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
