"""`Prefix`: a node of the counting tree by name, and its exact count."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regions.composition import float_rows
from regions.counting.bounds import cells
from regions.counting.by_lp import LPEngine, LPNode
from regions.counting.forms import Halfspaces, LayerRows, Split
from regions.counting.points import Stock
from regions.counting.tree import Expansion, Outcome, search
from solvers.interior import Inside, strict_interior


@dataclass(frozen=True, eq=False)
class Prefix:
    """A cell of the tree: what is decided, and the splits that made it.

    Attributes
    ----------
    bits
        Bits of the complete layers.
    current
        Bits of the next layer's units, -1 where undecided; None before its first decision.
    path
        The splits, outermost first: (layer from 0, unit, sign).
    point
        A point near the middle of the cell: a proposal of an interior one.
    """

    bits: tuple[np.ndarray, ...]
    current: np.ndarray | None
    path: tuple[tuple[int, int, int], ...]
    point: np.ndarray

    def count(self, lp: LPEngine) -> Outcome:
        """Count its regions exactly; bounds of them if the engine's `stop` says so first."""
        dim = lp.frame.dim
        limit, complete = 1, len(self.bits)
        if self.current is not None:
            limit, complete = cells(int((self.current < 0).sum()), dim), complete + 1
        for width in lp.network.widths[complete:]:
            limit *= cells(width, dim)

        def root() -> Expansion[LPNode]:
            return self._node(lp)

        return search(root, lp.expand, limit, lp.stop, None)

    def _node(self, lp: LPEngine) -> Expansion[LPNode]:
        split: Split | None = None
        rows_of: dict[int, LayerRows] = {}
        known = self.bits if self.current is None else (*self.bits, self.current)
        for layer, unit, sign in self.path:
            if layer not in rows_of:
                units = np.unique([u for other, u, _ in self.path if other == layer])
                rows_of[layer] = _rows(lp, known[:layer], units)
            rows = rows_of[layer]
            place = int(np.searchsorted(rows.units, unit))
            split = Split(split, rows, place, sign, 1 if split is None else split.depth + 1)
        cell = Halfspaces(lp.frame, lp.sides, () if split is None else split.path())
        stock = self._interior(lp, cell)
        box = (lp.judge.low, lp.judge.high)
        if self.current is None:
            return lp.enter(self.bits, stock, split, box)
        rows = _rows(lp, self.bits, np.flatnonzero(self.current < 0))
        return lp.go_on(self.bits, self.current.copy(), rows, stock, split, box)

    def _interior(self, lp: LPEngine, cell: Halfspaces) -> Stock:
        if lp.judge.is_inside(cell, self.point):
            return Stock.of([self.point.copy()], lp.frame.dim)
        forms = [cell.exact(i) for i in range(len(cell))]
        found = strict_interior(
            lp.frame.lower,
            lp.frame.upper,
            [{j: -a for j, a in enumerate(row) if a} for row, _ in forms],
            [constant for _, constant in forms],
            stop=lp.stop,
        )
        assert isinstance(found, Inside), "a cell whose splits are certain has an interior"
        return Stock.of([found.point], lp.frame.dim)


def _rows(lp: LPEngine, bits: tuple[np.ndarray, ...], units: np.ndarray) -> LayerRows:
    layer = len(bits) + 1
    return LayerRows(lp.network, bits, layer, units, float_rows(lp.network, bits, layer, units))
