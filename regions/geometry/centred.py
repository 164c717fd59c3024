"""A body around one of its points, in floats: scaled so that the point is about 1 from the sides.

u = c + r v with c a rational point strictly inside and r a power of two.  Row i over v is the row
over u times a positive number: a_i·v + s_i >= 0 with the largest |a_ij| between 1 and 2.  However
thin the body, s_i is the exact distance, rounded once: floats see what happens near c.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from flint import fmpq

from regions.counting.points import ExactPoint
from regions.geometry.body import Body
from solvers.exact_simplex import Row
from solvers.float_rows import FloatRows, gamma
from solvers.rational import nearest, rational

EXACT_ENTRIES = 1_500_000  # up to here all rows are computed exactly
HALF_ULP = 2.0**-53
TINY = 1e-300
FAR = 1e100


@dataclass(frozen=True, eq=False)
class Centred:
    """The rows of a body over v.

    Attributes
    ----------
    centre, scale
        c and r.
    rows
        (m, d) the rows that are no bounds, in the body's order.
    low, high
        (d,) the bounds of v, rounded outwards, low < 0 < high; infinite where there is none.
    """

    body: Body
    centre: ExactPoint
    scale: float
    rows: FloatRows
    low: np.ndarray
    high: np.ndarray

    @staticmethod
    def of(body: Body, centre: ExactPoint) -> Centred:
        """Around a point strictly inside."""
        if len(body.cell) * max(1, body.dim) <= EXACT_ENTRIES:
            return _from_exact(body, centre)
        return _from_floats(body, centre)

    @property
    def num_bounds(self) -> int:
        """Rows of the body before those of `rows`."""
        return len(self.body.bounds)

    def exact_form(self, index: int) -> tuple[Row, fmpq]:
        """Row i of the body over u - c, exactly: (a, the value at c)."""
        row, _ = self.body.exact(index)
        return row, self.body.value(index, self.centre)

    def exact(self, v: Sequence[float] | np.ndarray) -> ExactPoint:
        """The point c + r v."""
        r = rational(self.scale)
        return tuple(
            c + r * rational(float(a)) if a else c for c, a in zip(self.centre, v, strict=True)
        )

    def values(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(k, rows of the body) values at (k, d) points v, and bounds on their errors."""
        values, errors = self.rows.at(points)
        parts, bounds = [], []
        for j, sign, _ in self.body.bounds:
            end = self.high[j] if sign > 0 else self.low[j]
            parts.append(sign * (end - points[:, j]))
            bounds.append(4 * HALF_ULP * (abs(end) + np.abs(points[:, j])) + TINY)
        if parts:
            values = np.concatenate([np.stack(parts, axis=1), values], axis=1)
            errors = np.concatenate([np.stack(bounds, axis=1), errors], axis=1)
        return values, errors

    def slopes(self, directions: np.ndarray) -> np.ndarray:
        """(k, rows of the body) a_i·direction, with rounding."""
        slopes = directions @ self.rows.a.T
        parts = [-sign * directions[:, j] for j, sign, _ in self.body.bounds]
        return np.concatenate([np.stack(parts, axis=1), slopes], axis=1) if parts else slopes

    def slacks(self) -> np.ndarray:
        """(rows of the body,) values at v = 0."""
        ends = [self.high[j] if sign > 0 else -self.low[j] for j, sign, _ in self.body.bounds]
        return np.concatenate([np.array(ends), self.rows.c])

    def goal(self, index: int) -> FloatRows:
        """One row of the body."""
        if index >= self.num_bounds:
            return self.rows.take(np.array([index - self.num_bounds]))
        j, sign, _ = self.body.bounds[index]
        a = np.zeros((1, self.body.dim))
        a[0, j] = -sign
        end = self.high[j] if sign > 0 else -self.low[j]
        none = np.zeros((1, self.body.dim))
        return FloatRows(a, np.array([end]), none, np.array([4 * HALF_ULP * end + TINY]))


def power_of_two(size: fmpq) -> int:
    """The k with 2^k about the size of a positive number."""
    return int(size.p).bit_length() - int(size.q).bit_length()


def scaled(q: fmpq, power: int) -> float:
    """The double nearest to q / 2^power."""
    return nearest(q * fmpq(2) ** -power)


def _bounds(body: Body, centre: ExactPoint, power: int) -> tuple[np.ndarray, np.ndarray]:
    low, high = np.full(body.dim, -np.inf), np.full(body.dim, np.inf)
    for j, sign, limit in body.bounds:
        end = scaled(limit - centre[j], power)
        # outwards: multipliers are evaluated over this box
        (high if sign > 0 else low)[j] = np.nextafter(end, sign * np.inf)
    return low, high


def _from_exact(body: Body, centre: ExactPoint) -> Centred:
    dim, first = body.dim, len(body.bounds)
    forms = [body.exact(i) for i in range(first, len(body))]
    slacks = [sum((a * centre[j] for j, a in row.items()), c) for row, c in forms]
    sizes = [power_of_two(max(abs(a) for a in row.values())) for row, _ in forms]
    gaps = [power_of_two(s) - k for s, k in zip(slacks, sizes, strict=True)]
    gaps += [power_of_two(sign * (limit - centre[j])) for j, sign, limit in body.bounds]
    power = min(gaps, default=0)
    a, c = np.zeros((len(forms), dim)), np.zeros(len(forms))
    wild = np.zeros(len(forms))
    for i, ((row, _), slack, size) in enumerate(zip(forms, slacks, sizes, strict=True)):
        for j, value in row.items():
            a[i, j] = scaled(value, size)
        c[i] = scaled(slack, size + power)
        if not c[i] < FAR:  # so far away that a float says nothing
            c[i], wild[i] = FAR, np.inf
    rows = FloatRows(a, c, HALF_ULP * np.abs(a) + TINY, 2 * HALF_ULP * np.abs(c) + TINY + wild)
    low, high = _bounds(body, centre, power)
    return Centred(body, centre, math.ldexp(1.0, power), rows, low, high)


def _from_floats(body: Body, centre: ExactPoint) -> Centred:
    """With the errors of composed rows; for cells whose exact rows are too many."""
    floats = body.cell.floats
    c = np.array([nearest(q) for q in centre])
    spread = np.array([abs(nearest(q - rational(v))) for q, v in zip(centre, c, strict=True)])
    values, errors = floats.at(c[None, :], spread[None, :] * (1 + 1e-9) + TINY)
    largest = np.maximum(np.abs(floats.a).max(axis=1, initial=0.0), TINY)
    size = np.exp2(np.floor(np.log2(largest)))
    slack = values[0] / size
    gaps = [sign * nearest(limit - centre[j]) for j, sign, limit in body.bounds]
    least = min(float(slack.min(initial=np.inf)), *gaps, np.inf)
    power = math.frexp(least)[1] - 1 if 0 < least < np.inf else 0
    r = math.ldexp(1.0, power)
    over = gamma(2)
    a = floats.a / size[:, None]
    rows = FloatRows(
        a,
        slack / r,
        floats.a_error / size[:, None] + over * np.abs(a) + TINY,
        (errors[0] / size / r) * (1 + 1e-9) + over * np.abs(slack / r) + TINY,
    )
    low, high = _bounds(body, centre, power)
    return Centred(body, centre, r, rows, low, high)
