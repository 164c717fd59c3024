"""`around`: all that is seen of the cell of a point at any size, in one go."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from regions.domain_base import Domain
from regions.errors import DomainError, InputError
from regions.figures import Interval
from regions.sample.cell_rows import CellRows
from regions.sample.evaluator import Evaluator
from regions.sample.inside import settled, walk
from regions.sample.rows import Rows, Stacked, domain_rows
from regions.sample.sight import Sight, look
from regions.sample.threads import threads_for
from regions.sample.walks import first_hit
from regions.sample.watching import Walk


@dataclass(frozen=True, eq=False)
class Around:
    """What sampling says of the cell of a point.

    Attributes
    ----------
    units
        (rows, 2): layer from 1 and unit from 0 of each row of the cell.
    certain
        Whether the bits of the point are outside of the rounding errors of float64; None if those
        are not known (other activations than ReLU, a GPU).
    to_units
        What the point sees if the domain has no sides.
    to_sides
        What it sees of the sides of the domain alone; None for all of space.
    walk
        Points of the cell in the domain; None if no steps were asked for, or time was up too early.
    confirmed
        How many of them have the pattern when the model itself is run on them.
    moved
        How far the start of the walks is from the point, which may lie on sides of the domain.
    """

    layers: int
    units: np.ndarray
    certain: bool | None
    to_units: Sight
    to_sides: Sight | None
    walk: Walk | None
    confirmed: int | None
    moved: float
    domain: str
    seconds: float

    @property
    def distances(self) -> np.ndarray:
        """(directions,): to the boundary, be it that of a unit or of the domain."""
        if self.to_sides is None:
            return self.to_units.distances
        return np.minimum(self.to_units.distances, self.to_sides.distances)

    @property
    def met(self) -> np.ndarray:
        """(directions,): the layer of the unit that is met first; 0: a side, -1: nothing."""
        layer = np.where(self.to_units.rows < 0, -1, self._layer(self.to_units.rows))
        if self.to_sides is None:
            return layer
        return np.where(self.to_sides.distances < self.to_units.distances, 0, layer)

    def _layer(self, rows: np.ndarray) -> np.ndarray:
        return self.units[rows, 0] if len(self.units) else np.full(len(rows), -1)

    def ball(self, norm: str) -> tuple[float, Interval | None]:
        """The radius of the largest "euclidean" or "maximum" ball, and what is certain of it."""
        sights = [self.to_units] + ([] if self.to_sides is None else [self.to_sides])
        certain = [getattr(sight, f"certain_{norm}") for sight in sights]
        radius = min(getattr(sight, norm) for sight in sights)
        if any(one is None for one in certain):
            return radius, None
        return radius, Interval(min(c.low for c in certain), min(c.high for c in certain))


def around(
    evaluator: Evaluator,
    point: np.ndarray,
    domain: Domain,
    *,
    layers: int | None = None,
    directions: int = 1000,
    method: str = "auto",
    chains: int | None = None,
    steps: int | None = None,
    warmup: int | None = None,
    along: np.ndarray | None = None,
    seed: int = 0,
    time_limit: float | None = None,
    report: Callable[[int, int], None] | None = None,
) -> Around:
    """Look around in the cell of a point, and walk in it.

    Parameters
    ----------
    evaluator
        In double precision, with max-poolings as units.
    point
        (inputs,) in the domain, on no boundary of a unit.
    domain
        A box, a ball in the max norm, a polytope, or all of space.
    layers
        The cell of the bits of the first so many layers.
    directions
        How many random directions to look along.
    method, chains, steps, warmup, along, seed
        As for `walk`; with 0 steps there is none.
    time_limit
        Seconds after which the walks end, with the steps they have taken.

    Raises
    ------
    DomainError
        If the point lies outside of the domain, on the boundary of a unit, or the cell is
        unbounded.
    InputError
        If an argument is out of range.

    Examples
    --------
    >>> from regions.domain import Box
    >>> from regions.network import Network
    >>> network = Network.from_layers([([[1, 1]], [-1]), ([[2]], [0])])
    >>> evaluator = Evaluator.of(network, device="cpu", precision="double")
    >>> found = around(evaluator, np.array([0.0, 0.5]), Box.cube(2, 0, 1), chains=200, steps=100)
    >>> found.to_units.maximum, found.ball("maximum")[0]
    (0.25, 0.0)
    >>> found.confirmed, found.walk.widths.round(2).tolist(), found.walk.mean.round(1).tolist()
    (200, [1.0, 1.0], [0.3, 0.3])
    """
    started = time.monotonic()
    if time_limit is not None and not time_limit >= 0:
        raise InputError(f"around(): time_limit needs seconds, 0 or more, got {time_limit}")
    stop = None if time_limit is None else lambda: time.monotonic() - started > time_limit
    cell = CellRows(evaluator, point, layers)
    sides = domain_rows(domain, evaluator.device)
    if sides and sides[0].inputs != cell.inputs:
        raise DomainError(
            f"around(): the domain {domain.spec} has dimension {sides[0].inputs}, the model "
            f"{cell.inputs} inputs"
        )
    at = np.asarray(point, dtype=np.float64).reshape(-1)
    beyond = Stacked(sides) if sides else None
    if beyond is not None and bool((beyond.slacks(cell.point) < 0).any()):
        raise DomainError(f"around(): the point lies outside of the domain {domain.spec}")
    body: Rows = Stacked([cell, *sides])
    method, chains, steps = settled(cell.inputs, method, chains, steps)
    with threads_for(chains * (body.number + body.inputs)):
        to_units = look(cell, at, directions, seed)
        to_sides = None if beyond is None else look(beyond, at, directions, seed)
        found, confirmed, moved = None, None, 0.0
        if steps:
            start = _inner(cell, beyond, domain)
            moved = float((start - cell.point).norm())
            found = walk(
                body, start[0].cpu().numpy(), method=method, chains=chains, steps=steps,
                warmup=warmup, seed=seed, along=along, device=evaluator.device, report=report,
                stop=stop,
            )  # fmt: skip
        if found is not None:
            ends = evaluator.tensor(found.points)
            confirmed = int(cell.confirmed(evaluator, ends).sum())
    return Around(
        len(evaluator.select(layers)), cell.units, cell.certain, to_units, to_sides, found,
        confirmed, moved, domain.spec, time.monotonic() - started,
    )  # fmt: skip


def _inner(cell: CellRows, beyond: Rows | None, domain: Domain) -> Tensor:
    """(1, inputs): the point, or where it lies on sides of a box, one a little further inside.

    From a corner of many sides hardly any direction leads inside.  A step towards the middle of
    the bounds leads away from all of them.
    """
    if beyond is None or bool((beyond.slacks(cell.point) > 0).all()):
        return cell.point
    bounds = domain.constraints()
    if bounds.A is not None or None in bounds.lower or None in bounds.upper:
        raise DomainError(
            f"a walk cannot begin on the boundary of the domain {domain.spec}, unless it is a box; "
            "move the point a little"
        )
    low, high = (
        torch.tensor([float(q.p) / float(q.q) for q in ends if q is not None]).to(cell.point)
        for ends in (bounds.lower, bounds.upper)
    )
    way = (low + high) / 2 - cell.point
    far = float(first_hit(cell.slacks(cell.point), cell.slopes(way))[0])
    return cell.point + min(far, 1.0) / 2 * way
