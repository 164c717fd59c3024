"""`Witness`: whether a point certainly lies inside the region of a pattern.

The point is run forward through the network, in floats with a bound on the error of every
pre-activation, and in rationals where that is not enough.  No engine and no solver is believed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise

import numpy as np
from flint import fmpq

from regions.composition import exact_row
from regions.counting.decide import Judge
from regions.counting.forms import Halfspaces
from regions.counting.points import ExactPoint
from regions.frame import Frame
from regions.network import Layer, Network
from solvers.backend import Backend
from solvers.exact_matrix import TINY_ENTRY
from solvers.exact_simplex import Row
from solvers.float_rows import TINY, gamma
from solvers.interior import Inside, strict_interior
from solvers.rational import dot


class Witness:
    """Checks points of one frame against patterns of one network on it.

    A point is inside if it lies in the relative interior of the domain, and every pre-activation
    has the sign of its bit there, except that units which are zero on the whole hull have bit 0.
    """

    def __init__(self, network: Network, frame: Frame) -> None:
        self.network = network
        self.frame = frame
        self.judge = Judge.of(frame)
        self.sides = Halfspaces.sides_of(frame)
        starts = accumulate(network.widths, initial=0)
        self.places = [slice(start, end) for start, end in pairwise(starts)]

    # -- in floats -------------------------------------------------------------------------

    def is_sure(self, bits: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Which points (n, dim) are certainly inside, the bits (n, units) given; (n,)."""
        with np.errstate(over="ignore", invalid="ignore"):
            sure = self.is_in_domain(points)
            values, errors = [points.T], [np.zeros_like(points.T)]
            for layer, place in zip(self.network.layers, self.places, strict=True):
                z, error = preactivations(layer, values, errors)
                wrong = ~((np.abs(z) > error) & ((z > 0) == (bits.T[place] == 1)))
                doubtful = np.flatnonzero(wrong.any(axis=0))
                if len(doubtful):
                    zero = self._vanishing(layer, bits[doubtful])
                    zero &= bits[doubtful].T[place] == 0
                    sure[doubtful] &= ~(wrong[:, doubtful] & ~zero).any(axis=0)
                on = z > 0
                values.append(np.where(on, z, 0.0))
                errors.append(np.where(on, error, 0.0))
        return sure

    def is_in_domain(self, points: np.ndarray) -> np.ndarray:
        """Which points (n, dim) are certainly in the relative interior of the domain."""
        inside = (points > self.judge.low).all(axis=1) & (points < self.judge.high).all(axis=1)
        if len(self.sides.c):
            slack, error = self.sides.at(points)
            inside &= (slack > error).all(axis=1)
        return np.asarray(inside)

    def _vanishing(self, layer: Layer, bits: np.ndarray) -> np.ndarray:
        """(units, n): whether a unit is zero for want of a bias and of weights to what is on."""
        reached = np.zeros((layer.units, len(bits)))
        for source, block in layer.weights:
            if source:
                on = bits[:, self.places[source - 1]].T.astype(float)
            else:
                on = np.ones((block.shape[1], len(bits)))
            reached += block.magnitude @ on
        return (reached == 0) & _unbiased(layer)[:, None]

    # -- in rationals ----------------------------------------------------------------------

    def is_inside(self, bits: np.ndarray, point: Sequence[fmpq]) -> bool:
        """Whether a point is inside, decided exactly; bits (units,)."""
        for value, low, high in zip(point, self.frame.lower, self.frame.upper, strict=True):
            if (low is not None and value <= low) or (high is not None and value >= high):
                return False
        for row, limit in self._sides():
            if dot(row.values(), [point[j] for j in row]) >= limit:
                return False
        if self.network.pattern(point).units().tolist() != bits.tolist():
            return False
        layers = self._by_layer(bits)
        return all(
            self._is_zero_form(layers, position, unit)
            for position, unit in self.network.zero_units(point)
        )

    def some_point(
        self, bits: np.ndarray, backend: Backend | None, stop: Callable[[], bool]
    ) -> ExactPoint:
        """A point inside the region of a pattern that has one: see `find_point`."""
        point = self.find_point(bits, backend, stop)
        assert point is not None, "a region that an engine found has no interior"
        return point

    def find_point(
        self, bits: np.ndarray, backend: Backend | None, stop: Callable[[], bool]
    ) -> ExactPoint | None:
        """A point inside, from the inequalities of the cell alone; None: there is none.

        `backend` may propose one, which is checked; without it, or if it fails, pivots in rationals
        decide, slowly in many dimensions.

        Raises
        ------
        Stopped
            When `stop` returned true first.
        """
        rows, limits = [], []
        for row, limit in self._sides():
            rows.append(row)
            limits.append(limit)
        layers = self._by_layer(bits)
        for position, layer in enumerate(layers, start=1):
            for unit, bit in enumerate(layer.tolist()):
                form, constant = exact_row(self.network, layers, position, unit)
                sign = 1 if bit else -1
                if any(form):
                    rows.append({j: -sign * a for j, a in enumerate(form) if a})
                    limits.append(sign * constant)
                elif (constant > 0) != (bit == 1):
                    return None  # a constant unit: its bit is the other one
        lower, upper = self.frame.lower, self.frame.upper
        found = strict_interior(lower, upper, rows, limits, backend, stop)
        return found.point if isinstance(found, Inside) else None

    def _sides(self) -> Iterator[tuple[Row, fmpq]]:
        """Rows a·u <= limit of the domain."""
        for index, limit in enumerate(self.frame.limits):
            cols, values = self.frame.rows.row(index)
            yield dict(zip(cols.tolist(), values, strict=True)), limit

    def _by_layer(self, bits: np.ndarray) -> list[np.ndarray]:
        return [bits[place].astype(np.int8) for place in self.places]

    def _is_zero_form(self, layers: list[np.ndarray], position: int, unit: int) -> bool:
        form, constant = exact_row(self.network, layers, position, unit)
        return not any(form) and not constant


def _unbiased(layer: Layer) -> np.ndarray:
    """(units,): whether the bias is exactly zero, and no weight is rounded to zero."""
    if any(block.has_tiny for _, block in layer.weights):
        return np.zeros(layer.units, dtype=bool)
    bias = layer.bias.approx if layer.bias.exact is None else layer.bias.exact
    return np.asarray(bias[:, 0] == 0, dtype=bool)


def preactivations(
    layer: Layer, values: Sequence[np.ndarray], errors: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Z of a layer (units, n) and bounds on its errors, those of its sources given."""
    bias = np.asarray(layer.bias.approx)
    terms = 3 + sum(block.shape[1] + 3 for _, block in layer.weights)
    relative = gamma(terms)
    z = np.repeat(bias, values[0].shape[1], axis=1)
    error = relative * np.abs(z) + TINY
    for source, block in layer.weights:
        spread = errors[source] + relative * np.abs(values[source])
        z = z + block.approx @ values[source]
        error = error + block.magnitude @ spread
        if block.has_tiny:
            error = error + np.abs(values[source]).sum(axis=0) * 2 * TINY_ENTRY
            error = error + errors[source].sum(axis=0) * 2 * TINY_ENTRY
    if layer.bias.has_tiny:
        error = error + TINY_ENTRY
    return z, error * (1 + 4 * relative)
