"""Affine forms of a search node: the rows of a layer, and the half-spaces that bound a cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from flint import fmpq

from regions.composition import exact_row
from regions.counting.points import ExactForm
from regions.frame import Frame
from regions.network import Network
from solvers.exact_matrix import TINY_ENTRY
from solvers.float_rows import FloatRows
from solvers.rational import floats


@dataclass(frozen=True, eq=False)
class LayerRows:
    """Pre-activations of some units of one layer, in a cell whose earlier bits are known.

    Row i belongs to unit `units[i]` of layer `position`: float coefficients with error bounds, and
    the exact ones on demand.
    """

    network: Network
    bits: tuple[np.ndarray, ...]
    position: int
    units: np.ndarray
    floats: FloatRows
    _exact: dict[int, ExactForm] = field(default_factory=dict)

    def exact(self, index: int) -> ExactForm:
        """Coefficients and constant of one row, exactly."""
        if index not in self._exact:
            unit = int(self.units[index])
            self._exact[index] = exact_row(self.network, self.bits, self.position, unit)
        return self._exact[index]

    def fill(self, forms: Sequence[ExactForm]) -> None:
        """Note the exact rows of all units of the layer, composed elsewhere."""
        for index, unit in enumerate(self.units.tolist()):
            self._exact[index] = forms[unit]


@dataclass(frozen=True, eq=False)
class Split:
    """One half-space of a path: sign · (row `index` of `rows`) >= 0; `parent` is the one above."""

    parent: Split | None
    rows: LayerRows
    index: int
    sign: int
    depth: int

    def path(self) -> list[Split]:
        """The splits from the root to here."""
        result: list[Split] = []
        here: Split | None = self
        while here is not None:
            result.append(here)
            here = here.parent
        return result[::-1]


@dataclass(frozen=True, eq=False)
class Halfspaces:
    """The set {u : a_i·u + c_i >= 0}: the rows of the domain, then the splits of a path.

    The bounds of the domain's coordinates stay apart.
    """

    frame: Frame
    sides: FloatRows
    splits: Sequence[Split]

    @staticmethod
    def sides_of(frame: Frame) -> FloatRows:
        """The rows g - G u of a domain, with the errors of their rounding to doubles."""
        a = -np.asarray(frame.rows.to_dense().approx)
        c = floats(np.array(frame.limits, dtype=object))
        half_ulp = 2.0**-53
        a_error = half_ulp * np.abs(a) + (TINY_ENTRY if frame.rows.has_tiny else 0.0)
        return FloatRows(a, c, a_error, half_ulp * np.abs(c) + 1e-300)

    @cached_property
    def floats(self) -> FloatRows:
        """All rows, signed so that inside is positive."""
        if not self.splits:
            return self.sides
        signs = np.array([split.sign for split in self.splits], dtype=float)
        picked = [split.rows.floats.take(np.array([split.index])) for split in self.splits]
        path = FloatRows.stacked(picked, self.frame.dim).signed(signs)
        return FloatRows.stacked([self.sides, path], self.frame.dim)

    def __len__(self) -> int:
        return len(self.sides.c) + len(self.splits)

    def exact(self, index: int) -> ExactForm:
        """One row, exactly."""
        count = len(self.sides.c)
        if index < count:
            return _dense_side(self.frame, index)
        split = self.splits[index - count]
        coefficients, constant = split.rows.exact(split.index)
        return (
            (coefficients, constant) if split.sign > 0 else ([-a for a in coefficients], -constant)
        )


def _dense_side(frame: Frame, index: int) -> ExactForm:
    cols, values = frame.rows.row(index)
    coefficients = [fmpq(0)] * frame.dim
    for j, value in zip(cols.tolist(), values, strict=True):
        coefficients[j] = -value
    return coefficients, frame.limits[index]
