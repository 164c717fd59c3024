"""The ends of a path: points, or patterns that stand for a point inside their region."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from flint import fmpq

from regions.counting.tree import Stop
from regions.domain import Ball, Box, Intersection
from regions.domain_base import Domain
from regions.errors import DomainError, PatternError
from regions.exact_input import exact_point
from regions.frame import Frame
from regions.geometry.body import Body
from regions.graph.path import Coordinates
from regions.network import Network
from regions.pattern import Pattern
from solvers.backend import Backend
from solvers.rational import fraction, nearest, rational

Point = tuple[fmpq, ...]
SHOWN = 5  # units in a message


def point_of(network: Network, value: object, what: str) -> Point:
    """A point of the network's input space, exactly.

    Raises
    ------
    DomainError
        If it is no point, or has another number of coordinates.
    """
    point = exact_point(value, what)
    if len(point) != network.inputs:
        raise DomainError(
            f"{what} needs {network.inputs} coordinates (the network's inputs), got {len(point)}"
        )
    return point


def point_inside(network: Network, pattern: Pattern, domain: Domain | None, stop: Stop) -> Point:
    """A point inside the region of a pattern; without a domain, in the box [-1, 1]^n."""
    where = Box.cube(network.inputs, -1, 1) if domain is None else domain
    body = Body.of(network, pattern, where, stop=stop)
    return body.point(body.interior)


def region_of(
    network: Network,
    value: object,
    domain: Domain,
    frame: Frame,
    backend: Backend,
    stop: Stop,
    what: str,
) -> Body:
    """The region with a pattern, or the one that contains a point.

    Raises
    ------
    DomainError
        If it is a point outside the domain, or none at all.
    PatternError
        If no region has the pattern; a point may lie on the boundary of several.
    """
    if isinstance(value, Pattern):
        return Body.of(network, value, domain, frame=frame, backend=backend, stop=stop)
    point = point_of(network, value, what)
    try:
        Frame.of(Intersection((domain, Ball(list(point), 0))))
    except DomainError as error:
        raise DomainError(
            f"{what} is outside the domain {domain.spec}; choose a point inside, or another domain"
        ) from error
    pattern = network.pattern(point)
    try:
        return Body.of(network, pattern, domain, frame=frame, backend=backend, stop=stop)
    except PatternError as error:
        units = [f"{layer}:{unit}" for layer, unit in network.zero_units(point)]
        shown = ", ".join(units[:SHOWN]) + (", …" if len(units) > SHOWN else "")
        raise PatternError(
            f"{what} is a point between regions: its pattern is that of none, since the units "
            f"{shown} are zero there; give the pattern of one of them, or a point beside it"
        ) from error


def coordinates(point: Sequence[fmpq]) -> Coordinates:
    """Doubles if they are exact, else fractions.

    >>> coordinates([fmpq(1, 2), fmpq(3)]), coordinates([fmpq(1, 3)])
    ((0.5, 3.0), (Fraction(1, 3),))
    """
    doubles = tuple(nearest(q) for q in point)
    if all(np.isfinite(doubles)) and all(
        rational(v) == q for v, q in zip(doubles, point, strict=True)
    ):
        return doubles
    return tuple(fraction(q) for q in point)
