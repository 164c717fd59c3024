"""The shapes of many cells, those of given points: one row for each point.

Exact and certain figures have columns of their own; what was sampled has others, never the same.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from flint import fmpq

from regions.counting.tree import Stop
from regions.domain_base import Domain
from regions.errors import DomainError, PatternError
from regions.figures import Certain, Estimate, Figure, Interval, Unknown, bounds
from regions.frame import Frame
from regions.geometry.body import Body
from regions.geometry.centred import Centred
from regions.geometry.extents import Extents
from regions.geometry.locating import coordinates, located
from regions.geometry.measuring import distance_to_rows
from regions.geometry.survey import Survey, Wanted, survey
from regions.network import Network
from regions.pattern import Pattern
from solvers.backend import Backend
from solvers.rational import rational

SURVEYED_DIM = 10  # beyond, only the ball and the distance, unless all is asked for
KEPT_ENTRIES = 20_000_000  # of the rows of cells that are kept for later points
CERTAIN = (
    "radius", "distance", "distance_units", "min_linf", "min_l1", "min_l2", "diameter", "mean",
    "volume",
)  # fmt: skip
SAMPLED = ("mean", "volume")


@dataclass(frozen=True)
class CellRow:
    """One point: its index, its pattern and the shape of its cell; `why` it has none.

    `certain` maps names of figures to certain bounds (equal where exact), `sampled` to estimates.
    """

    index: int
    pattern: Pattern | None
    facets: int | None
    neighbours: int | None
    certain: dict[str, tuple[float, float]]
    sampled: dict[str, Estimate]
    why: str = ""


def cells(
    network: Network,
    points: Sequence[Sequence[fmpq]] | np.ndarray,
    domain: Domain,
    backend: Backend,
    *,
    everything: bool | None = None,
    seed: int = 0,
    cell_seconds: float | None = None,
    stop: Stop | None = None,
    progress: Callable[[int], None] | None = None,
) -> Iterator[CellRow]:
    """The shapes of the cells of points, one after the other.

    Parameters
    ----------
    everything
        Whether to find facets, widths and volumes; by default in up to 10 dimensions.
    cell_seconds
        Limit for each cell.
    """
    stop = stop or Stop(None)
    frame = Frame.of(domain, backend, stop)
    known: dict[Pattern, tuple[Body, Survey | None, Certain]] = {}
    whole = frame.dim <= SURVEYED_DIM if everything is None else everything
    for index, values in enumerate(points):
        if stop():
            return
        point = [rational(value) for value in values]
        try:
            pattern = located(network, point, domain, None, backend, stop)
        except (DomainError, PatternError) as error:
            kind = "outside" if isinstance(error, DomainError) else "boundary"
            yield CellRow(index, None, None, None, {}, {}, kind)
            continue
        u = coordinates(frame, point)
        if pattern not in known:
            limit = Stop(None, outer=stop) if cell_seconds is None else _limited(cell_seconds, stop)
            body = Body.of(network, pattern, domain, frame=frame, near=u, backend=backend)
            while len(known) >= KEPT_ENTRIES // max(1, len(body) * body.dim) + 1:
                known.pop(next(iter(known)))
            known[pattern] = _measured(body, backend, limit, whole, seed)
        body, found, radius = known[pattern]
        certain = {
            "radius": bounds(radius),
            "distance": bounds(distance_to_rows(body, u)),
            "distance_units": bounds(distance_to_rows(body, u, units_only=True)),
        }
        sampled: dict[str, Estimate] = {}
        if found is not None:
            for name, figure in _figures(found).items():
                _sort(name, figure, certain, sampled)
        complete = found is not None and found.facets.complete
        facets = found.facets.facets if found is not None and complete else None
        yield CellRow(
            index,
            pattern,
            None if facets is None else len(facets),
            None if facets is None else sum(not facet.sides for facet in facets),
            certain,
            sampled,
        )
        if progress is not None:
            progress(index + 1)


def _limited(seconds: float, stop: Stop) -> Stop:
    return Stop(time.monotonic() + seconds, outer=stop)


def _measured(
    body: Body, backend: Backend, stop: Stop, whole: bool, seed: int
) -> tuple[Body, Survey | None, Certain]:
    if whole:
        found = survey(body, backend, stop, Wanted(axes=False, seed=seed))
        return body, found, found.radius
    centred = Centred.of(body, body.interior)
    radius, _ = Extents(centred, range(len(body)), backend, stop).ball()
    return body, None, radius


def _figures(found: Survey) -> dict[str, Figure]:
    widths = found.widths
    return {
        "min_linf": widths.min_linf,
        "min_l1": widths.min_l1,
        "min_l2": widths.min_l2,
        "diameter": widths.diameter,
        "mean": widths.mean,
        "volume": found.volume,
    }


def _sort(
    name: str,
    figure: Figure,
    certain: dict[str, tuple[float, float]],
    sampled: dict[str, Estimate],
) -> None:
    if isinstance(figure, Estimate):
        sampled[name] = figure
    elif isinstance(figure, (Fraction, Interval)):
        certain[name] = bounds(figure)
    else:
        assert isinstance(figure, Unknown)


def columns(rows: Sequence[CellRow]) -> tuple[dict[str, list[object]], dict[str, str]]:
    """The table of rows and the types of its columns.

    Each certain figure has the columns NAME_low and NAME_high, each sampled one NAME_sampled,
    NAME_sampled_low and NAME_sampled_high; null where there is none.  Infinite ends are null, with
    `bounded` false.
    """
    table: dict[str, list[object]] = {
        "point": [row.index for row in rows],
        "pattern": [None if row.pattern is None else str(row.pattern) for row in rows],
        "why": [row.why for row in rows],
        "facets": [row.facets for row in rows],
        "neighbours": [row.neighbours for row in rows],
    }
    types = {
        "point": "integer", "pattern": "text", "why": "text", "facets": "integer",
        "neighbours": "integer",
    }  # fmt: skip
    for name in CERTAIN:
        for end, label in enumerate(("low", "high")):
            values = [row.certain[name][end] if name in row.certain else None for row in rows]
            table[f"{name}_{label}"] = [_finite(value) for value in values]
            types[f"{name}_{label}"] = "number"
    for name in SAMPLED:
        for field, label in (("value", ""), ("low", "_low"), ("high", "_high")):
            table[f"{name}_sampled{label}"] = [
                getattr(row.sampled[name], field) if name in row.sampled else None for row in rows
            ]
            types[f"{name}_sampled{label}"] = "number"
    return table, types


def _finite(value: float | None) -> float | None:
    return value if value is None or math.isfinite(value) else None


def summary(rows: Sequence[CellRow]) -> dict[str, object]:
    """Counts, and the quartiles of each figure (of the middles of certain intervals)."""
    found = [row for row in rows if row.pattern is not None]
    result: dict[str, object] = {
        "points": len(rows),
        "cells": len({row.pattern for row in found}),
        "outside": sum(row.why == "outside" for row in rows),
        "boundary": sum(row.why == "boundary" for row in rows),
    }
    facets = [float(row.facets) for row in found if row.facets is not None]
    result["facets"] = _quartiles(facets)
    for name in CERTAIN:
        pairs = [row.certain[name] for row in found if name in row.certain]
        middles = [(a + b) / 2 for a, b in pairs if math.isfinite(b)]
        result[name] = _quartiles(middles)
    for name in SAMPLED:
        values = [row.sampled[name].value for row in found if name in row.sampled]
        result[f"{name}_sampled"] = _quartiles(values)
    return result


def _quartiles(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    low, first, middle, third, high = np.quantile(values, [0, 0.25, 0.5, 0.75, 1]).tolist()
    return {"least": low, "quarter": first, "median": middle, "three_quarters": third, "most": high}


def uniform_points(frame: Frame, number: int, seed: int) -> list[tuple[fmpq, ...]]:
    """Points uniform in a bounded domain: in the box of its coordinates, those that fit its rows.

    Raises
    ------
    DomainError
        If a coordinate is unbounded, or hardly a point of the box fits.
    """
    low, high = frame.box()
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise DomainError(
            "uniform points need a domain with bounds on every coordinate; intersect it with a "
            "box, --domain box:-1,1"
        )
    rng = np.random.default_rng(seed)
    found: list[tuple[fmpq, ...]] = []
    for _ in range(1000 * number + 1000):
        if len(found) == number:
            break
        u = [rational(value) for value in rng.uniform(low, high).tolist()]
        if _fits(frame, u):
            found.append(frame.point(u))
    if len(found) < number:
        raise DomainError(
            f"uniform points: fewer than one in a thousand points of the domain's box lies in it "
            f"({len(found)} found); give points with --data"
        )
    return found


def _fits(frame: Frame, u: Sequence[fmpq]) -> bool:
    for q, low, high in zip(u, frame.lower, frame.upper, strict=True):
        if (low is not None and q < low) or (high is not None and q > high):
            return False
    for index, limit in enumerate(frame.limits):
        cols, values = frame.rows.row(index)
        terms = zip(cols.tolist(), values, strict=True)
        if sum((value * u[j] for j, value in terms), fmpq(0)) > limit:
            return False
    return True
