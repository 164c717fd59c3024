"""Local complexity: the number of regions near points, as a function of the radius."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from flint import fmpq

from regions.counting.api import count
from regions.domain import Ball, Domain, Slice
from regions.errors import DomainError, InputError
from regions.exact_input import exact_number, exact_point
from regions.loading import load
from regions.network import Network
from regions.number_text import write_number
from regions.parquet import ColumnType, check_target, integer_columns, write_parquet
from regions.results import Count
from solvers.rational import nearest

STEP = 2**20  # directions of random planes are multiples of 1/2^20: exact, and short
TYPES: dict[str, ColumnType] = {
    "epoch": "integer",
    "point": "integer",
    "radius": "number",
    "lower": "integer",
    "upper": "integer",
    "lower_digits": "text",
    "upper_digits": "text",
    "exact": "flag",
    "stopped": "text",
    "engine": "text",
    "seconds": "number",
}


@dataclass(frozen=True)
class LocalComplexity:
    """The number of regions in each ball around each point.

    Attributes
    ----------
    radii
        As doubles, in the order in which they were given.
    counts
        By point, then by radius.
    plane_seed
        Of the random planes through the points; None where whole balls were counted.
    """

    radii: tuple[float, ...]
    counts: tuple[tuple[Count, ...], ...]
    plane_seed: int | None = None

    @property
    def exact(self) -> bool:
        """Whether all numbers are known."""
        return all(found.exact for row in self.counts for found in row)

    def table(self) -> dict[str, list[Any]]:
        """One row for each point and radius, as columns."""
        every = [
            (point, radius, found)
            for point, row in enumerate(self.counts)
            for radius, found in zip(self.radii, row, strict=True)
        ]
        columns: dict[str, list[Any]] = {
            "point": [point for point, _, _ in every],
            "radius": [radius for _, radius, _ in every],
        }
        for name in ("lower", "upper", "exact", "stopped", "engine", "seconds"):
            columns[name] = [getattr(found, name) for _, _, found in every]
        return columns


def local_complexity(
    network: Network,
    points: Sequence[object],
    radii: Sequence[object],
    *,
    domain: Domain | None = None,
    plane_seed: int | None = None,
    engine: str = "auto",
    layers: int | None = None,
    time_limit: float | None = None,
) -> LocalComplexity:
    """How many linear regions meet the inside of a ball, for several points and radii, exactly.

    The ball is {x : max |x_i - p_i| <= r}.  In many dimensions even a small ball has too many
    regions to be counted; then a plane through the point says as much about how the regions get
    denser or sparser, and costs nearly nothing.

    Parameters
    ----------
    network
        A network in normal form.
    points
        Centres, exact as everywhere.
    radii
        Positive numbers; text such as "0.1" is exact.
    domain
        Count within this domain only; by default in the whole ball.
    plane_seed
        Count in the part of the ball that lies in a plane through the point.  Its two directions
        are drawn at random with this seed, the same for every point.
    engine, layers, time_limit
        As in `count`; the limit is for each count.

    Raises
    ------
    DomainError
        If a point is none of the network's inputs, or its ball does not meet the domain.
    InputError
        If a radius is not positive, or there is no point or no radius.

    Examples
    --------
    >>> network = Network.from_layers([([[1], [1]], [0, -1]), ([[1, 1]], [0])])
    >>> found = local_complexity(network, [[0.25], [2]], ["1/8", "1/2", 1], engine="lp")
    >>> [[int(number) for number in row] for row in found.counts]
    [[1, 2, 3], [1, 1, 1]]

    Source: A. I. Humayun, R. Balestriero, R. Baraniuk, Deep networks always grok and here is why
    (2024), estimates this density; here it is counted.
    """
    balls = _balls(points, radii, network.inputs)
    exact_radii = [radius for _, radius in balls[0]]
    plane = None if plane_seed is None else _directions(network.inputs, plane_seed)
    rows = []
    for row in balls:
        counts = []
        for center, radius in row:
            where: Domain = Ball(center, radius)
            if plane is not None:
                ends = ([p + d for p, d in zip(center, line, strict=True)] for line in plane)
                where = where & Slice(center, *ends)
            if domain is not None:
                where = where & domain
            found = count(network, where, engine=engine, layers=layers, time_limit=time_limit)
            if found.stopped == "interrupted":  # it was meant for all of them
                raise KeyboardInterrupt
            counts.append(found)
        rows.append(tuple(counts))
    return LocalComplexity(tuple(map(nearest, exact_radii)), tuple(rows), plane_seed)


def _balls(
    points: Sequence[object], radii: Sequence[object], inputs: int
) -> list[list[tuple[tuple[fmpq, ...], fmpq]]]:
    """Centre and radius, by point, then by radius."""
    if not len(points) or not len(radii):
        raise InputError("local_complexity(): needs at least one point and one radius")
    sizes = [exact_number(radius, "local_complexity(): a radius") for radius in radii]
    for size in sizes:
        if size <= 0:
            raise InputError(f"local_complexity(): needs radii above 0, got {write_number(size)}")
    centers = [exact_point(point, "local_complexity(): a point") for point in points]
    for center in centers:
        if len(center) != inputs:
            raise DomainError(
                f"local_complexity(): the network has {inputs} inputs, a point {len(center)} "
                f"coordinates; give {inputs} numbers"
            )
    return [[(center, size) for size in sizes] for center in centers]


def _directions(inputs: int, seed: int) -> list[list[fmpq]]:
    """Two random directions, exactly; of the axes where there are no more than two."""
    if inputs < 2:
        raise InputError("local_complexity(): a plane needs a network with two inputs or more")
    if inputs == 2:
        return [[fmpq(1), fmpq(0)], [fmpq(0), fmpq(1)]]
    rng = np.random.default_rng(seed)
    drawn = rng.integers(-STEP, STEP, size=(2, inputs), endpoint=True)
    return [[fmpq(value, STEP) for value in line] for line in drawn.tolist()]


class ComplexityMonitor:
    """Measures the local complexity of a network while it is trained.

    Call it with the model and the epoch, as `RegionMonitor`; the points and radii stay the same, so
    that the numbers of one point tell how regions gather around it or leave it.

    Parameters
    ----------
    points, radii, domain, plane_seed, engine, layers, time_limit
        As in `local_complexity`.
    every
        Look in epochs divisible by this number; other calls return None at once.

    Examples
    --------
    >>> network = Network.from_layers([([[1], [1]], [0, -1]), ([[1, 1]], [0])])
    >>> monitor = ComplexityMonitor([[0]], ["0.5"], every=5)
    >>> monitor(network, 1), int(monitor(network, 5).counts[0][0])
    (None, 2)
    >>> monitor.table()["epoch"], monitor.table()["lower"]
    ([5], [2])
    """

    def __init__(
        self,
        points: Sequence[object],
        radii: Sequence[object],
        every: int = 1,
        *,
        domain: Domain | None = None,
        plane_seed: int | None = None,
        engine: str = "auto",
        layers: int | None = None,
        time_limit: float | None = 2.0,
    ) -> None:
        if isinstance(every, bool) or not isinstance(every, Integral) or every < 1:
            raise InputError(
                f"ComplexityMonitor(): every needs a whole number, 1 or more, got {every}"
            )
        self._points = tuple(points)
        self._radii = tuple(radii)
        self._every = int(every)
        self._options: dict[str, Any] = {
            "domain": domain,
            "plane_seed": plane_seed,
            "engine": engine,
            "layers": layers,
            "time_limit": time_limit,
        }
        self._history: list[tuple[int, LocalComplexity]] = []

    @property
    def history(self) -> tuple[tuple[int, LocalComplexity], ...]:
        """(epoch, numbers), in the order of the calls."""
        return tuple(self._history)

    def __call__(self, model: Any, epoch: int) -> LocalComplexity | None:
        """Measure the model as it is now; None in an epoch that is not looked at.

        Raises
        ------
        ModelError
            If the model cannot be read.
        """
        if isinstance(epoch, bool) or not isinstance(epoch, Integral):
            raise InputError(f"ComplexityMonitor: epoch needs a whole number, got {epoch!r}")
        if epoch % self._every:
            return None
        network = model if isinstance(model, Network) else load(model)
        found = local_complexity(network, self._points, self._radii, **self._options)
        self._history.append((int(epoch), found))
        return found

    def table(self) -> dict[str, list[Any]]:
        """The history as columns: one row for each epoch, point and radius."""
        columns: dict[str, list[Any]] = {name: [] for name in TYPES if "digits" not in name}
        for epoch, found in self._history:
            part = found.table()
            columns["epoch"] += [epoch] * len(part["point"])
            for name, values in part.items():
                columns[name] += values
        return columns

    def to_parquet(self, path: str | Path) -> None:
        """Write the history to a Parquet file.

        Raises
        ------
        InputError
            If the name does not end in .parquet, or the folder is missing.
        OSError
            If it cannot be written; an old file is then as it was.
        """
        write_complexity(check_target(path, "ComplexityMonitor.to_parquet():"), self.table())


def write_complexity(target: Path, columns: dict[str, list[Any]]) -> None:
    """Write a table of `LocalComplexity` or `ComplexityMonitor` to a Parquet file."""
    for name in ("lower", "upper"):
        columns = {**columns, **integer_columns(name, columns[name])}
    write_parquet(target, columns, {name: TYPES[name] for name in TYPES if name in columns})
