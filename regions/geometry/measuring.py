"""`measure`: the geometry of one cell, exact where that is possible, else certain or sampled."""

from __future__ import annotations

import time
from collections.abc import Sequence

from flint import fmpq

from regions.counting.question import Question as Arguments
from regions.counting.question import checked_seconds
from regions.counting.tree import Stop, interruptible
from regions.domain_base import Domain
from regions.errors import InputError
from regions.figures import Interval
from regions.geometry.body import Body
from regions.geometry.facets import Facets
from regions.geometry.locating import coordinates, located
from regions.geometry.neighbours import neighbours
from regions.geometry.shape import Shape
from regions.geometry.survey import Wanted, survey
from regions.network import Network
from regions.pattern import Pattern
from regions.query.reaching import fitting
from solvers.backend import Backend
from solvers.rational import fraction, nearest, rationals


def measure(
    network: Network,
    where: object,
    domain: Domain | None = None,
    *,
    side: str | None = None,
    directions: object = (),
    vertices: bool = False,
    axes: bool | None = None,
    samples: int | None = None,
    seed: int = 0,
    time_limit: float | None = None,
    backend: str | Backend = "highs",
) -> Shape:
    """The geometry of the cell of a pattern, or of the region at a point.

    Facets and what depends on them are decided exactly.  In low dimension all figures come from the
    vertices, in rationals; where a root comes in, a figure is an interval between two doubles.
    Beyond, linear programs give intervals that are certain, and sampling gives estimates.

    Parameters
    ----------
    where
        A `Pattern` or its text, or a point.
    side
        At a point where several regions meet: the bits of the units that are zero there.
    directions
        (k, inputs) directions whose widths are wanted.
    vertices
        Whether the vertices are wanted.
    axes
        Whether the widths along all inputs are wanted; by default if there are at most 32.
    samples, seed
        Of what is sampled; by default a few thousand.
    time_limit
        Seconds after which to stop; figures are then wider, or unknown.
    backend
        Solver of the linear programs, which only propose.

    Raises
    ------
    PatternError
        If no region has the pattern, or several meet at the point.
    DomainError
        If the domain is empty or does not contain the point.

    Examples
    --------
    >>> network = Network.from_layers([([[1, 1]], [-1]), ([[2]], [0])])
    >>> from regions.domain import Box
    >>> shape = measure(network, ["1/4", "1/4"], Box.cube(2, 0, 1))
    >>> str(shape.pattern), shape.volume, [str(n.pattern) for n in shape.neighbours]
    ('0', Fraction(1, 2), ['1'])
    >>> shape.widths.axis, shape.widths.min_linf, shape.widths.min_l1
    ((Fraction(1, 1), Fraction(1, 1)), Fraction(1, 1), Fraction(1, 2))
    """
    start = time.monotonic()
    arguments = Arguments.of("measure", network, domain, "auto", None, backend)
    limit = checked_seconds("measure", time_limit)
    stop = Stop(None if limit is None else start + limit)
    solver, place = arguments.backend, arguments.domain
    point: Sequence[fmpq] | None = None
    if isinstance(where, (str, Pattern)):
        pattern = fitting(network, where)
    else:
        point = rationals(where).reshape(-1).tolist()
        pattern = located(network, point, place, side, solver)
    wanted = Wanted(_directions(directions, network.inputs), vertices, axes, seed, samples)
    with interruptible(stop):
        body = Body.of(network, pattern, place, backend=solver)
        found = survey(body, solver, stop, wanted)
    weight, bias = network.affine(pattern)
    distance = None if point is None else nearest_facet(body, found.facets, point)
    return Shape(
        pattern,
        body.dim,
        body.origins,
        found.facets.facets,
        found.facets.undecided,
        neighbours(body, found.facets),
        found.radius,
        tuple(fraction(q) for q in body.point(found.center)),
        found.bounded,
        found.widths,
        found.volume,
        found.vertices,
        weight,
        bias,
        distance,
        place.spec,
        time.monotonic() - start,
        body,
    )


def _directions(values: object, inputs: int) -> list[list[fmpq]]:
    try:
        table = rationals(values)
    except ValueError as error:
        raise InputError(f"measure(): directions need finite numbers: {error}") from error
    if not table.size:
        return []
    if table.ndim == 1:
        table = table[None, :]
    if table.ndim != 2 or table.shape[1] != inputs:
        raise InputError(
            f"measure(): directions need the shape (number, {inputs}), got {table.shape}"
        )
    return table.tolist()


def nearest_facet(body: Body, found: Facets, point: Sequence[fmpq]) -> Interval:
    """The distance from a point x of the cell to the nearest facet (row, if some are undecided)."""
    rows = [f.row for f in found.facets] + list(found.undecided)
    u = coordinates(body.frame, list(point))
    if u is None or not rows:
        return Interval(0.0, float("inf"))
    low = high = float("inf")
    for i in rows:
        value = nearest(body.value(i, u))
        norm = nearest(body.squared_norm(i)) ** 0.5
        low, high = min(low, value / norm * (1 - 1e-14)), min(high, value / norm * (1 + 1e-14))
    return Interval(max(0.0, low), max(0.0, high))
