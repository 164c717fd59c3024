"""`measure`: the geometry of one cell, exact where that is possible, else certain or sampled."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import numpy as np
from flint import fmpq

from regions.counting.question import Question as Arguments
from regions.counting.question import checked_seconds
from regions.counting.tree import Stop, interruptible
from regions.domain_base import Domain
from regions.errors import InputError
from regions.figures import Certain, Interval, root
from regions.frame import Frame
from regions.geometry.body import Body
from regions.geometry.locating import coordinates, located
from regions.geometry.neighbours import neighbours
from regions.geometry.shape import Shape
from regions.geometry.survey import Wanted, survey
from regions.network import Network
from regions.pattern import Pattern
from regions.query.reaching import fitting
from solvers.backend import Backend
from solvers.float_rows import gamma
from solvers.rational import fraction, nearest, rationals

EXACT_DIM = 100
EXACT_ENTRIES = 100_000  # of all rows together, up to which the distance is computed exactly


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
        frame = Frame.of(place, solver, stop)
        near = None if point is None else coordinates(frame, point)
        body = Body.of(network, pattern, place, frame=frame, near=near, backend=solver)
        found = survey(body, solver, stop, wanted)
    weight, bias = network.affine(pattern)
    distance = None if point is None else distance_to_rows(body, near)
    to_units = None if point is None else distance_to_rows(body, near, units_only=True)
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
        to_units,
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


def distance_to_rows(body: Body, u: Sequence[fmpq] | None, units_only: bool = False) -> Certain:
    """The distance from a point u of the cell to its boundary, the least over all rows.

    With `units_only` over the rows of units: sides of the domain do not count.
    """
    if u is None:
        return Interval(0.0, math.inf)
    first = body.num_sides if units_only else 0
    if first == len(body):
        return Interval(math.inf, math.inf)
    if len(body) * body.dim > EXACT_ENTRIES or body.dim > EXACT_DIM:
        return _distance_in_floats(body, u, units_only)
    squares = [body.value(i, u) ** 2 / body.squared_norm(i) for i in range(first, len(body))]
    return root(min(squares))


def _distance_in_floats(body: Body, u: Sequence[fmpq], units_only: bool) -> Interval:
    """From rows with error bounds; the bounds of the coordinates exactly."""
    floats = body.cell.floats
    x = np.array([nearest(q) for q in u])
    spread = 2.0**-52 * np.abs(x)[None, :] + 1e-300
    values, errors = floats.at(x[None, :], spread)
    if body.gram is None:
        size = np.sqrt(np.einsum("ij,ij->i", floats.a, floats.a))
        wrong = np.sqrt(np.einsum("ij,ij->i", floats.a_error, floats.a_error))
        wrong = wrong + gamma(body.dim + 4) * size
    else:
        first = len(body.bounds)
        size = np.array(
            [nearest(body.squared_norm(first + i)) ** 0.5 for i in range(len(body.cell))]
        )
        wrong = 1e-14 * size
    with np.errstate(all="ignore"):
        low = np.nan_to_num((values[0] - errors[0]) / (size + wrong), nan=0.0)
        high = np.where(size > wrong, (values[0] + errors[0]) / (size - wrong), np.inf)
    if units_only:
        sides = body.cell.num_sides
        low, high = low[sides:], high[sides:]
    ends = [
        nearest(body.value(i, u)) / nearest(body.squared_norm(i)) ** 0.5
        for i in range(0 if units_only else len(body.bounds))
    ]
    nearest_low = min(float(low.min(initial=np.inf)), *(e * (1 - 1e-14) for e in ends), math.inf)
    nearest_high = min(float(high.min(initial=np.inf)), *(e * (1 + 1e-14) for e in ends), math.inf)
    return Interval(max(0.0, nearest_low * (1 - 1e-14)), max(0.0, nearest_high * (1 + 1e-14)))
