"""The inequalities that known bits put on a cell: floats with error bounds, and exact on demand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from flint import fmpq

from regions.cell import Unit
from regions.counting.forms import Halfspaces, LayerRows
from regions.counting.points import ExactPoint
from regions.frame import Frame
from solvers.exact_simplex import Row
from solvers.float_rows import FloatRows
from solvers.strict_rows import StrictRows, value

SparseForm = tuple[Row, fmpq]  # a·u + β, non-zero coefficients by column


@dataclass(frozen=True, eq=False)
class Block:
    """Some units of one layer with their bits: row k says (2 bit - 1) z >= 0 of unit index[k].

    None of the rows vanishes identically on the hull.
    """

    rows: LayerRows
    index: np.ndarray
    bits: np.ndarray
    _exact: dict[int, SparseForm] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.index)

    @cached_property
    def floats(self) -> FloatRows:
        """The rows, signed so that inside is positive."""
        return self.rows.floats.take(self.index).signed(2.0 * self.bits - 1.0)

    def exact(self, k: int) -> SparseForm:
        """One row, exactly."""
        if k not in self._exact:
            coefficients, constant = self.rows.exact(int(self.index[k]))
            sign = 1 if self.bits[k] else -1
            row = {j: sign * a for j, a in enumerate(coefficients) if a}
            self._exact[k] = row, sign * constant
        return self._exact[k]

    def unit(self, k: int) -> Unit:
        """Whose row it is."""
        unit = int(self.rows.units[self.index[k]])
        return Unit(self.rows.position, unit, int(self.bits[k]))


@dataclass(frozen=True, eq=False)
class CellRows:
    """{u in the domain : every row of every block >= 0}, the rows of the domain first."""

    frame: Frame
    sides: FloatRows
    blocks: tuple[Block, ...] = ()

    def joined(self, block: Block) -> CellRows:
        """With one block more, if it has rows."""
        return CellRows(self.frame, self.sides, (*self.blocks, block)) if len(block) else self

    @property
    def num_sides(self) -> int:
        """Number of the domain's own rows."""
        return len(self.sides.c)

    def __len__(self) -> int:
        return self.num_sides + sum(map(len, self.blocks))

    @cached_property
    def floats(self) -> FloatRows:
        """All rows."""
        parts = [self.sides, *(block.floats for block in self.blocks)]
        return FloatRows.stacked(parts, self.frame.dim)

    @cached_property
    def bits(self) -> np.ndarray:
        """By row: the bit of its unit, -1 for a row of the domain."""
        none = np.full(self.num_sides, -1, dtype=np.int8)
        return np.concatenate([none, *(block.bits for block in self.blocks)]).astype(np.int8)

    def _place(self, index: int) -> tuple[Block, int]:
        index -= self.num_sides
        for block in self.blocks:
            if index < len(block):
                return block, index
            index -= len(block)
        raise IndexError(index)

    def unit(self, index: int) -> Unit:
        """Whose row it is; not for rows of the domain."""
        block, k = self._place(index)
        return block.unit(k)

    def exact(self, index: int) -> SparseForm:
        """One row, exactly."""
        if index < self.num_sides:
            return side_form(self.frame, index)
        block, k = self._place(index)
        return block.exact(k)

    def system(self, index: Sequence[int], strict: np.ndarray) -> StrictRows:
        """These rows exactly; `strict` (rows,) says which of all rows hold strictly."""
        forms = [self.exact(i) for i in index]
        return StrictRows(
            [row for row, _ in forms],
            [constant for _, constant in forms],
            [k for k, i in enumerate(index) if strict[i]],
            self.frame.lower,
            self.frame.upper,
        )

    def violated(self, point: ExactPoint, x: np.ndarray, strict: np.ndarray) -> np.ndarray:
        """Rows that do not hold at a point, decided exactly; x is the point in nearest doubles."""
        spread = (np.abs(x) * 2.0**-52 + 1e-300)[None, :]
        with np.errstate(invalid="ignore", over="ignore"):
            values, errors = self.floats.at(x[None, :], spread)
        below = values[0] < -errors[0]
        for i in np.flatnonzero(~(below | (values[0] > errors[0]))).tolist():
            exact = value(*self.exact(i), point)
            below[i] = exact <= 0 if strict[i] else exact < 0
        return np.flatnonzero(below)


def side_form(frame: Frame, index: int) -> SparseForm:
    """The row g - G u of a domain, exactly."""
    cols, values = frame.rows.row(index)
    row = {j: -a for j, a in zip(cols.tolist(), values, strict=True)}
    return row, frame.limits[index]


def first_rows(frame: Frame) -> CellRows:
    """The domain alone."""
    return CellRows(frame, Halfspaces.sides_of(frame))
