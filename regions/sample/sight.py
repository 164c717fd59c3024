"""What a point sees of its cell: the distance to the boundary along directions, and balls.

The largest ball around x that the cell contains has the radius min_i s_i(x) / ‖∇s_i‖, with the
dual norm: the 2-norm for Euclidean balls, the 1-norm for balls in the max norm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from regions.errors import InputError
from regions.figures import Interval
from regions.sample.cell_rows import CellRows
from regions.sample.certainty import TINY, UNIT
from regions.sample.rows import ENTRIES, HalfSpaces, Rows, Sides, Stacked
from regions.sample.walks import directions, first_hit


@dataclass(frozen=True, eq=False)
class Sight:
    """Distances from a point to the boundary of its cell.

    Attributes
    ----------
    distances
        (directions,): along uniform directions; infinite where the cell goes on for ever.
    rows
        (directions,): which row is met; -1 for none.
    euclidean, maximum
        The radii of the largest balls, computed in float64.
    euclidean_row, maximum_row
        The rows that they touch.
    certain_euclidean, certain_maximum
        Intervals that certainly contain the radii; None where rounding errors are not known.
    """

    distances: np.ndarray
    rows: np.ndarray
    euclidean: float
    maximum: float
    euclidean_row: int
    maximum_row: int
    certain_euclidean: Interval | None
    certain_maximum: Interval | None


def look(rows: Rows, point: np.ndarray, number: int = 1000, seed: int = 0) -> Sight:
    """Distances along so many uniform directions, and the largest balls around the point.

    Raises
    ------
    InputError
        If `number` is negative.

    Examples
    --------
    >>> box = Sides(torch.zeros(2, dtype=torch.float64), torch.ones(2, dtype=torch.float64))
    >>> found = look(box, np.array([0.25, 0.5]))
    >>> found.euclidean, found.maximum, bool(0.25 <= found.distances.min() < 0.26)
    (0.25, 0.25, True)
    """
    if number < 0:
        raise InputError(f"look(): the number of directions needs 0 or more, got {number}")
    device = _device(rows)
    at = torch.tensor(np.asarray(point, dtype=np.float64).reshape(1, -1), device=device)
    slack = rows.slacks(at)
    generator = torch.Generator(device).manual_seed(seed)
    far, hit = [], []
    size = max(1, ENTRIES // (rows.number + rows.inputs))
    for first in range(0, number, size):
        ways = directions(min(size, number - first), rows.inputs, generator, at)
        ends, index = first_hit(slack, rows.slopes(ways))
        far.append(ends)
        hit.append(torch.where(torch.isfinite(ends), index, -1))
    empty = at.new_zeros(0)
    return Sight(
        torch.cat([empty, *far]).cpu().numpy(), torch.cat([empty.long(), *hit]).cpu().numpy(),
        *_balls(rows, at, slack[0]),
    )  # fmt: skip


def _device(rows: Rows) -> torch.device:
    match rows:
        case CellRows():
            return rows.point.device
        case Stacked():
            return _device(rows.parts[0])
        case HalfSpaces():
            return rows.A.device
        case Sides():
            return rows.lower.device
        case _:
            return torch.device("cpu")


def _balls(
    rows: Rows, at: Tensor, slack: Tensor
) -> tuple[float, float, int, int, Interval | None, Interval | None]:
    if not rows.number:
        nothing = Interval(math.inf, math.inf)
        return math.inf, math.inf, -1, -1, nothing, nothing
    norms = []
    size = max(1, ENTRIES // (2 * rows.inputs))
    for index in torch.arange(rows.number, device=at.device).split(size):
        row = rows.gradients(index)
        norms.append(torch.stack([row.norm(dim=1), row.abs().sum(dim=1)]))
    table = torch.cat(norms, dim=1)
    radii = torch.where(table > 0, slack.clamp(min=0.0) / table, torch.inf)
    best = radii.min(dim=1)
    found = noise(rows, at)
    low = high = None
    if found is not None:
        value, row = found
        # the norms themselves are sums of `inputs` numbers; roots and quotients round once each
        share = 2 * (rows.inputs + 8) * UNIT
        low = ((slack - value) / (table * (1 + share) + row)).clamp(min=0.0) * (1 - share)
        rest = table * (1 - share) - row
        high = torch.where(rest > 0, (slack + value) / rest, torch.inf) * (1 + share)
        low = torch.nan_to_num(low, nan=0.0, posinf=math.inf).amin(dim=1)
        high = high.amin(dim=1)
    certain = [
        None if low is None or high is None else Interval(float(low[k]), float(high[k]))
        for k in (0, 1)
    ]
    return (
        float(best.values[0]), float(best.values[1]), int(best.indices[0]), int(best.indices[1]),
        certain[0], certain[1],
    )  # fmt: skip


def noise(rows: Rows, at: Tensor) -> tuple[Tensor, Tensor] | None:
    """(rows,) and (rows,): bounds for the errors of slacks at a point and of gradients (1-norm).

    None where they are not known.  Stored bounds and rows of a domain are rounded once.
    """
    if at.device.type != "cpu":
        return None
    match rows:
        case CellRows():
            return rows.noise() if rows.certain else None
        case Sides():
            sizes = [rows.lower[rows.below].abs(), rows.upper[rows.above].abs()]
            ends = [at[0, rows.below].abs(), at[0, rows.above].abs()]
            return 4 * UNIT * (torch.cat(sizes) + torch.cat(ends)), at.new_zeros(rows.number)
        case HalfSpaces():
            size = rows.A.abs()
            share = 2 * (rows.inputs + 4) * UNIT
            return share * (rows.b.abs() + size @ at[0].abs()) + TINY, share * size.sum(dim=1)
        case Stacked():
            parts = [noise(part, at) for part in rows.parts]
            if any(part is None for part in parts):
                return None
            values, gradients = zip(*(part for part in parts if part is not None), strict=True)
            return torch.cat(values), torch.cat(gradients)
        case _:
            return None
