"""What an estimate should have found, by enumeration: the exact side of a cross-check."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from flint import fmpq, fmpz, fmpz_mat

from regions.counting.api import count
from regions.counting.listing import iter_regions
from regions.counting.question import Question
from regions.counting.tree import Stop
from regions.domain import Domain
from regions.estimating.densities import crossing_factor
from regions.estimating.volumes import whole_volume
from regions.figures import bounds
from regions.frame import Frame
from regions.geometry.body import Body
from regions.geometry.by_vertices import Vertices
from regions.geometry.centred import Centred
from regions.geometry.facets import facets
from regions.geometry.volume import triangulation
from regions.network import Network
from regions.pattern import Pattern
from regions.results import Count, Estimate
from solvers.backend import Backend
from solvers.exact_simplex import Stopped
from solvers.rational import nearest
from solvers.skeleton import Skeleton, TooLarge, ones

MOST_REGIONS = 20_000  # whose facets are measured


@dataclass(frozen=True)
class Comparison:
    """An estimate beside the truth.

    Attributes
    ----------
    name
        The method, with its form where there are several.
    estimate
        None where the method cannot be used here.
    exact
        What is estimated: a `Count`, or a number that is right to rounding; None if unknown.
    covered
        Whether the interval contains it; None if that is not known.
    why
        Why there is no estimate, or no exact value.
    """

    name: str
    estimate: Estimate | None
    exact: Count | float | None
    covered: bool | None
    why: str = ""


def compared(
    name: str, estimate: Estimate, exact: Count | float | None, why: str = ""
) -> Comparison:
    """Whether the interval of an estimate covers what is known."""
    covered: bool | None = None
    if isinstance(exact, Count):
        if estimate.low <= exact.lower and exact.upper <= estimate.high:
            covered = True
        elif exact.upper < estimate.low or exact.lower > estimate.high:
            covered = False
    elif exact is not None:
        slack = 1e-9 * abs(exact)
        covered = bool(estimate.low - slack <= exact <= estimate.high + slack)
    return Comparison(name, estimate, exact, covered, why)


def number_of_regions(
    network: Network,
    domain: Domain | None,
    layers: int | None,
    backend: str | Backend,
    seconds: float | None,
) -> Count:
    """By counting them."""
    return count(network, domain, layers=layers, backend=backend, time_limit=seconds)


def density(
    network: Network,
    domain: Domain | None,
    method: str,
    layers: int | None,
    backend: str | Backend,
    stop: Stop,
) -> tuple[float | None, str]:
    """The exact side of "rays" or "slices", right to rounding, or why there is none.

    "rays": E|u_1| / vol D times half the area of all facets that are no sides of the domain.
    "slices": N / vol D for d = 2; for d = 3 the sum of the mean widths over vol D.
    """
    question = Question.of("cross_check", network, domain, "auto", layers, backend)
    try:
        frame = Frame.of(question.domain, question.backend, stop)
        if not frame.is_bounded_box:
            return None, "the domain has no bounds on some coordinate"
        if method == "slices" and frame.dim > 3:
            return None, f"no formula in {frame.dim} dimensions"
        whole = nearest(whole_volume(frame)) * _unit(frame)
        total = number = 0.0
        for batch in iter_regions(network, domain, layers=layers, backend=backend):
            for pattern in batch:
                number += 1
                if number > MOST_REGIONS:
                    return None, f"more than {MOST_REGIONS} regions, too many to measure"
                if stop():
                    raise Stopped
                if method == "rays" or frame.dim == 3:
                    total += _measured(question, pattern, frame, method)
    except Stopped:
        return None, "a limit came first"
    except TooLarge:
        return None, "a region has too many vertices"
    if method == "rays":
        return crossing_factor(frame.dim) * total / 2 / whole, ""
    return (total if frame.dim == 3 else number) / whole, ""


def _unit(frame: Frame) -> float:
    """The volume over x of the unit cube over u."""
    basis = np.asarray(frame.basis.to_dense().approx, dtype=float)
    return abs(float(np.prod(np.diag(np.linalg.qr(basis)[1])))) if frame.dim else 1.0


def _measured(question: Question, pattern: Pattern, frame: Frame, method: str) -> float:
    body = Body.of(
        question.counted, pattern, question.domain, frame=frame, backend=question.backend
    )
    found = facets(Centred.of(body, body.interior), question.backend)
    if found.skeleton is None:
        raise TooLarge
    if method == "slices":
        mean = Vertices(body, found.skeleton).mean_width()
        assert mean is not None
        if isinstance(mean, Fraction):
            return float(mean)
        low, high = bounds(mean)
        return (low + high) / 2
    inner = [index for index, facet in enumerate(found.facets) if not facet.sides]
    rows = [found.facets[index].row for index in inner]
    return facet_areas(body, found.skeleton, inner, rows)


def facet_areas(body: Body, skeleton: Skeleton, places: list[int], rows: list[int]) -> float:
    """The sum of the (d - 1)-dimensional areas over x of some facets of a bounded body.

    Pyramids over the simplices of a facet, with an apex c inside, have together the volume
    area · height / d.
    """
    dim = body.dim
    rays, sets = skeleton.rays, skeleton.vertex_sets()
    apex = body.interior
    scale = fmpz(1)
    for value in apex:
        scale = scale.lcm(value.q)
    top = [scale, *(value.p * (scale // value.q) for value in apex)]
    unit = _unit(body.frame)
    total = 0.0
    for place, row in zip(places, rows, strict=True):
        height = nearest(body.value(row, apex)) / nearest(body.squared_norm(row)) ** 0.5
        corners = ones(sets[place])
        inside = [_within(other, corners) for k, other in enumerate(sets) if k != place]
        pieces = triangulation(inside, len(corners), dim - 1, 60_000) if dim > 1 else [[0]]
        volume = 0.0
        for piece in pieces:
            entries = [*top, *(x for k in piece for x in rays[corners[k]])]
            determinant = abs(fmpz_mat(dim + 1, dim + 1, entries).det())
            below = scale
            for k in piece:
                below *= rays[corners[k]][0]
            volume += nearest(fmpq(determinant, below))
        total += volume * unit / height
    return total / math.factorial(dim - 1)


def _within(vertices: int, corners: list[int]) -> int:
    """The same set of vertices, numbered among those of a facet."""
    return sum(1 << k for k, corner in enumerate(corners) if vertices >> corner & 1)
