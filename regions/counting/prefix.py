"""`Prefix`: a node of the counting tree by name, and its exact count."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from regions.composition import float_rows
from regions.counting.bounds import cells
from regions.counting.by_lp import LPEngine, LPNode
from regions.counting.forms import Halfspaces, LayerRows, Split
from regions.counting.points import Stock
from regions.counting.tree import Expansion, Outcome, Stop, search
from solvers.interior import Inside, strict_interior
from solvers.rational import nearest

# Of the way to the domain's interior point: the engine's own may lie on the domain's boundary.
SHARES = (0.0, 2.0**-8, 2.0**-24, 2.0**-40, 2.0**-44)


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

    @staticmethod
    def of(node: LPNode) -> Prefix:
        """The name of an LP engine's node."""
        splits = [] if node.split is None else node.split.path()
        path = tuple((s.rows.position - 1, int(s.rows.units[s.index]), s.sign) for s in splits)
        return Prefix(node.bits, node.current, path, node.stock.x[0])

    def as_text(self) -> str:
        """JSON: bits as 0, 1 and * (undecided), the point in hexadecimal, nothing rounded."""
        current = None if self.current is None else _text(self.current)
        point = [float(value).hex() for value in self.point]
        return json.dumps([[_text(bits) for bits in self.bits], current, self.path, point])

    @staticmethod
    def from_text(text: str) -> Prefix:
        """The prefix that `as_text` wrote."""
        bits, current, path, point = json.loads(text)
        return Prefix(
            tuple(_bits(layer) for layer in bits),
            None if current is None else _bits(current),
            tuple((int(m), int(unit), int(sign)) for m, unit, sign in path),
            np.array([float.fromhex(value) for value in point]),
        )

    def bound(self, widths: Sequence[int], dim: int) -> int:
        """At most so many regions lie in it."""
        limit, complete = 1, len(self.bits)
        if self.current is not None:
            limit, complete = cells(int((self.current < 0).sum()), dim), complete + 1
        for width in widths[complete:]:
            limit *= cells(width, dim)
        return limit

    def count(self, lp: LPEngine, stop: Stop | None = None) -> Outcome:
        """Count its regions exactly; bounds of them if `stop`, or the engine's, says so first."""

        def root() -> Expansion[LPNode]:
            return self.root(lp)

        limit = self.bound(lp.network.widths, lp.frame.dim)
        return search(root, lp.expand, limit, stop or lp.stop, None)

    def at(self, lp: LPEngine, point: np.ndarray) -> Prefix | None:
        """The same cell with this point, if it lies strictly inside, which is decided exactly."""
        cell, _ = self._cell(lp)
        return replace(self, point=point) if lp.judge.is_inside(cell, point) else None

    def located(self, lp: LPEngine) -> Prefix | None:
        """The same cell with a point strictly inside; None if it has none, which is proved."""
        cell, _ = self._cell(lp)
        stock = lp.inside(cell.splits)
        if stock is None:
            return None
        doubles = [i for i, exact in enumerate(stock.rationals) if exact is None]
        return replace(self, point=stock.x[doubles[-1] if doubles else -1])

    def deepened(self, lp: LPEngine) -> Prefix | None:
        """The same cell with a point far from its sides, if a linear program finds one."""
        cell, _ = self._cell(lp)
        point = lp.deep_point(cell, None)
        return None if point is None else replace(self, point=point)

    def root(self, lp: LPEngine) -> Expansion[LPNode]:
        """The cell as a node of an LP engine, or what is left of it."""
        cell, split = self._cell(lp)
        stock = self._interior(lp, cell)
        box = (lp.judge.low, lp.judge.high)
        if self.current is None:
            return lp.enter(self.bits, stock, split, box)
        rows = _rows(lp, self.bits, np.flatnonzero(self.current < 0))
        return lp.go_on(self.bits, self.current.copy(), rows, stock, split, box)

    def _cell(self, lp: LPEngine) -> tuple[Halfspaces, Split | None]:
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
        return Halfspaces(lp.frame, lp.sides, () if split is None else split.path()), split

    def _interior(self, lp: LPEngine, cell: Halfspaces) -> Stock:
        middle = np.array([nearest(q) for q in lp.frame.interior])
        for share in SHARES:
            with np.errstate(invalid="ignore"):
                point = self.point + share * (middle - self.point)
            if lp.judge.is_inside(cell, point):
                return Stock.of([point], lp.frame.dim)
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


def _text(bits: np.ndarray) -> str:
    return "".join("*01"[bit + 1] for bit in bits.tolist())


def _bits(text: str) -> np.ndarray:
    return np.array(["*01".index(letter) - 1 for letter in text], dtype=np.int8)


def _rows(lp: LPEngine, bits: tuple[np.ndarray, ...], units: np.ndarray) -> LayerRows:
    layer = len(bits) + 1
    return LayerRows(lp.network, bits, layer, units, float_rows(lp.network, bits, layer, units))
