"""`Branches`: cells of the tree of patterns, split unit by unit, each with a point of its own.

Where all bits of the earlier layers are known, the units of the next are affine functions of the
input, and their known bits put rows on the cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from flint import fmpq

from regions.cell import Unit
from regions.composition import float_rows
from regions.counting.forms import LayerRows
from regions.counting.points import ExactPoint
from regions.counting.witness import Witness
from regions.frame import Frame
from regions.network import Network
from regions.pattern import Pattern
from regions.query.cell_rows import Block, CellRows
from regions.query.conflicts import Conflict
from regions.query.judging import Inside, Question
from solvers.rational import sign
from solvers.strict_rows import value


@dataclass(frozen=True, eq=False)
class Found:
    """A point that has such a pattern (in the interior of a region, for INTERIOR)."""

    point: ExactPoint
    pattern: Pattern


@dataclass(frozen=True, eq=False)
class Branch:
    """A cell with the layer that is being decided.

    `bits` are those of the earlier layers, `current` those of this layer (-1: not known), `rows`
    its pre-activations; `inside` is a point of the cell, None where that is not decided yet.
    """

    bits: tuple[np.ndarray, ...]
    rows: LayerRows
    current: np.ndarray
    cell: CellRows
    inside: Inside | None


class Branches:
    """Makes and checks the branches of one network, given in the coordinates of a frame."""

    def __init__(self, network: Network, frame: Frame) -> None:
        self.network = network
        self.frame = frame
        self.witness = Witness(network, frame)

    def enter(
        self,
        bits: tuple[np.ndarray, ...],
        cell: CellRows,
        inside: Inside,
        wanted: Sequence[np.ndarray],
        question: Question,
    ) -> Branch | Conflict | Found:
        """The next layer, its known bits made rows; constant units are settled."""
        if len(bits) == len(self.network.layers):
            found = self.checked(inside, wanted, question)
            assert found is not None, "a point of a cell whose bits are all known has these bits"
            return found
        position = len(bits) + 1
        units = np.arange(self.network.widths[position - 1])
        floats = float_rows(self.network, bits, position, units)
        rows = LayerRows(self.network, bits, position, units, floats)
        current = wanted[position - 1].copy()
        known = current >= 0
        suspect = (np.abs(floats.a) <= floats.a_error).all(axis=1)
        for unit in np.flatnonzero(suspect).tolist():
            coefficients, constant = rows.exact(unit)
            if any(coefficients):
                continue
            bit = 1 if constant > 0 else 0
            known[unit] = False  # no row
            if current[unit] < 0:
                continue  # split like the others, so that the tree shows it
            if current[unit] != bit:
                return self._constant(position, unit, 1 - bit, constant)
        index = np.flatnonzero(known)
        block = Block(rows, index, current[index])
        joined = cell.joined(block)
        kept = inside if self._satisfies(block, inside, question) else None
        return Branch(bits, rows, current, joined, kept)

    def child(self, branch: Branch, column: int, bit: int, question: Question) -> Branch | Conflict:
        """The branch with one unit decided."""
        position, unit = branch.rows.position, int(branch.rows.units[column])
        current = branch.current.copy()
        current[unit] = bit
        if self._is_constant(branch.rows, column):
            _, constant = branch.rows.exact(column)
            if (constant > 0) != (bit == 1):
                return self._constant(position, unit, bit, constant)
            return replace(branch, current=current)
        block = Block(branch.rows, np.array([column]), np.array([bit], dtype=np.int8))
        inside = branch.inside
        assert inside is not None
        kept = inside if self._satisfies(block, inside, question) else None
        return replace(branch, current=current, cell=branch.cell.joined(block), inside=kept)

    @staticmethod
    def _is_constant(rows: LayerRows, column: int) -> bool:
        floats = rows.floats
        if (np.abs(floats.a[column]) > floats.a_error[column]).any():
            return False
        return not any(rows.exact(column)[0])

    @staticmethod
    def _satisfies(block: Block, inside: Inside, question: Question) -> bool:
        """Whether a point satisfies the rows of a block; exactly."""
        floats = block.floats
        spread = (np.abs(inside.x) * 2.0**-52 + 1e-300)[None, :]
        values, errors = floats.at(inside.x[None, :], spread)
        if (values[0] < -errors[0]).any():
            return False
        strict = question.strict(block.bits)
        for k in np.flatnonzero(~(values[0] > errors[0])).tolist():
            exact = sign(value(*block.exact(k), inside.point))
            if exact < 0 or (exact == 0 and strict[k]):
                return False
        return True

    def chosen(self, branch: Branch) -> int:
        """The free unit that is farthest from zero at the branch's point, for its size."""
        free = np.flatnonzero(branch.current[branch.rows.units] < 0)
        assert branch.inside is not None
        floats = branch.rows.floats.take(free)
        with np.errstate(all="ignore"):
            values = np.abs(floats.at(branch.inside.x[None, :])[0][0])
            size = np.abs(floats.a).sum(axis=1)
            depth = np.where(size > 0, values / size, np.inf)
        return int(free[np.argmax(np.nan_to_num(depth, nan=-1.0, posinf=np.inf))])

    @staticmethod
    def _constant(layer: int, unit: int, bit: int, constant: fmpq) -> Conflict:
        """A unit that is constant in the cell and has the other bit."""
        kind = "farkas" if constant else "attained"
        return Conflict(kind, (Unit(layer, unit, bit),), (fmpq(1),))

    def checked(
        self, inside: Inside, wanted: Sequence[np.ndarray], question: Question
    ) -> Found | None:
        """The same, decided by the exact forward pass."""
        if question is Question.INTERIOR and not inside.strictly:
            return None
        pattern = self.network.pattern(inside.point)
        flat, known = pattern.units(), np.concatenate([*wanted, np.zeros(0, np.int8)])
        if ((known >= 0) & (flat != known)).any():
            return None
        if question is Question.INTERIOR:
            bits = flat.astype(np.uint8)
            sure = all(v == q for v, q in zip(inside.x.tolist(), inside.point, strict=True))
            sure = sure and bool(self.witness.is_sure(bits[None, :], inside.x[None, :])[0])
            if not sure and not self.witness.is_inside(bits, inside.point):
                return None
        return Found(inside.point, pattern)
