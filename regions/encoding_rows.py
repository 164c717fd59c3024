"""`Builder`: the columns and rows of an encoding, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from regions.composition import float_rows
from regions.frame import Frame
from regions.network import Layer, Network
from regions.ranges import Ranges
from solvers.exact_matrix import TINY_ENTRY, ExactMatrix
from solvers.float_rows import TINY, UNIT_ROUNDOFF, gamma
from solvers.program import LinearProgram
from solvers.rational import floats

INF = np.inf
LEAST_M = 2.0**-20  # solvers drop smaller entries; a larger M is as valid


@dataclass(frozen=True)
class Column:
    """What a column stands for.

    `kind` is "x" (input `unit`) or "u" (coordinate `unit` of a flat domain), "z" (pre-activation;
    of an active unit also its output), "a" (output of a unit that may be off), "d" (its bit), or
    "y" (output of the network).  Layers count from 1; inputs and outputs have layer 0.
    """

    kind: str
    layer: int
    unit: int

    @property
    def name(self) -> str:
        """For instance x_0 or z_2_17."""
        middle = f"{self.layer}_" if self.layer else ""
        return f"{self.kind}_{middle}{self.unit}"


@dataclass(frozen=True)
class Line:
    """What a row says.

    `kind` is "side" (a row of the domain), "z" (the definition of a pre-activation, or z >= 0),
    "off" (z <= 0), "above", "near" and "cap" (the rows of a unit that may be off: z <= a,
    a <= z - L (1 - d) and a <= U d), "x" (that of an input) or "y" (that of an
    output).
    """

    kind: str
    layer: int
    unit: int

    @property
    def name(self) -> str:
        """For instance cap_2_17."""
        return Column(self.kind, self.layer, self.unit).name


class Builder:
    """Collects columns and rows; `loose` asks for rows that hold despite rounded weights."""

    def __init__(self, network: Network, frame: Frame, loose: Ranges | None = None) -> None:
        self._network = network
        self._loose = loose
        self._columns = Builder.coordinates(frame)
        low, high = frame.box()
        self._low, self._high = low.tolist(), high.tolist()
        if loose is not None:
            self._low, self._high = (side.tolist() for side in loose.box)
        self._lines: list[Line] = []
        self._blocks: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []  # rows, columns, values
        self._bounds: list[tuple[np.ndarray, np.ndarray]] = []
        # of each source: the column of each unit's output, -1 where that is zero
        self._places = [np.arange(frame.dim)]
        self._sides(frame)

    @staticmethod
    def coordinates(frame: Frame) -> list[Column]:
        """The columns of a frame's coordinates."""
        rows, cols, values, exact = frame.basis.entries
        names = [Column("u", 0, k) for k in range(frame.dim)]
        used, count = np.unique(cols, return_counts=True)
        single = set(used[count == 1].tolist())
        for i, k, value in zip(rows.tolist(), cols.tolist(), values.tolist(), strict=True):
            if k in single and exact is None and value == 1 and not frame.origin[i]:
                alone = np.count_nonzero(rows == i) == 1 if len(rows) > frame.dim else True
                if alone:
                    names[k] = Column("x", 0, i)
        return names

    def _sides(self, frame: Frame) -> None:
        count = frame.rows.shape[0]
        if not count:
            return
        rows, cols, values, _ = frame.rows.entries
        high = floats(np.array(frame.limits, dtype=object))
        if self._loose is not None:
            size = np.maximum(*map(np.abs, self._loose.box))
            high = high + _slack(frame.rows, size) + 2 * UNIT_ROUNDOFF * np.abs(high) + TINY
        lines = [Line("side", 0, k) for k in range(count)]
        self._add(lines, (rows, cols, values), np.full(count, -INF), high)

    # -- what comes out --------------------------------------------------------------------

    def labels(self) -> tuple[tuple[Column, ...], tuple[Line, ...]]:
        """What the columns and rows stand for."""
        return tuple(self._columns), tuple(self._lines)

    def program(self, whole: bool = True) -> LinearProgram:
        """The program; without whole columns if `whole` is false."""
        width, height = len(self._columns), len(self._lines)
        none = np.zeros(0)
        entries = [np.concatenate([none, *part]) for part in zip(*self._blocks, strict=True)]
        rows, cols, values = entries or (none, none, none)
        matrix = sp.csr_array(
            (values, (rows.astype(np.int64), cols.astype(np.int64))), shape=(height, width)
        )
        integer = np.array([column.kind == "d" for column in self._columns], dtype=bool)
        return LinearProgram(
            np.zeros(width),
            matrix,
            np.concatenate([none, *(low for low, _ in self._bounds)]),
            np.concatenate([none, *(high for _, high in self._bounds)]),
            np.array(self._low, dtype=float),
            np.array(self._high, dtype=float),
            integer if whole and integer.any() else None,
        )

    def costs(self, layer: Layer, unit: int) -> np.ndarray:
        """The pre-activation of a unit that reads the layers so far, without its bias, as costs."""
        _, cols, values = self._weights(layer, np.array([unit]))
        cost = np.zeros(len(self._columns))
        np.add.at(cost, cols, values)
        return cost

    # -- layers over columns of their own --------------------------------------------------

    def layer(
        self, position: int, given: np.ndarray, bits: np.ndarray, known: Ranges | None
    ) -> None:
        """The units of a layer: `given` bits hold by rows, other `bits` by themselves."""
        layer = self._network.layers[position - 1]
        units = layer.units
        low, high = np.full(units, -INF), np.full(units, INF)
        inner = low, high
        if known is not None:
            low, high = known.low[position - 1], known.high[position - 1]
            inner = known.inside(position)
        off = np.flatnonzero((bits == 0) & (given == 0) & ~(high <= 0))
        named = np.flatnonzero(bits != 0)
        slack = self.rounding(layer) if self._loose is not None else np.zeros(units)
        bias = np.asarray(layer.bias.approx)[:, 0]
        if len(off):
            lines = [Line("off", position, i) for i in off.tolist()]
            top = _loosened(-bias[off], slack[off])
            self._add(lines, self._weights(layer, off), np.full(len(off), -INF), top)
        places = np.full(units, -1)
        if len(named):
            bottom = np.where(given[named] == 1, 0.0, -INF)
            first = self._new("z", position, named, np.maximum(inner[0][named], bottom), inner[1])
            rows, cols, values = self._weights(layer, named)
            own = np.arange(len(named))
            entries = (
                np.concatenate([rows, own]),
                np.concatenate([cols, first + own]),
                np.concatenate([-values, np.ones(len(named))]),
            )
            lines = [Line("z", position, i) for i in named.tolist()]
            bottom, top = (_loosened(sign * bias[named], slack[named]) for sign in (-1, 1))
            self._add(lines, entries, -bottom, top)
            places[named] = first + own
        free = np.flatnonzero(bits < 0)
        if len(free):
            places[free] = self._switched(position, free, places[free], inner[0], inner[1])
        self._places.append(places)

    def _switched(
        self, position: int, free: np.ndarray, z: np.ndarray, low: np.ndarray, high: np.ndarray
    ) -> np.ndarray:
        """Columns a and d of units that may be off; the places of their outputs."""
        count, own = len(free), np.arange(len(free))
        ends = np.zeros_like(high), np.maximum(high, 0.0)
        a = self._new("a", position, free, ends[0][free], ends[1]) + own
        d = self._new("d", position, free, ends[0][free], np.ones_like(high)) + own
        one = np.ones(count)
        below, above = np.minimum(low[free], -LEAST_M), np.maximum(high[free], LEAST_M)
        everywhere = np.full(count, INF)

        def lines(kind: str) -> list[Line]:
            return [Line(kind, position, i) for i in free.tolist()]

        self._add(lines("above"), _side_by_side((a, one), (z, -one)), np.zeros(count), everywhere)
        near = _side_by_side((a, one), (z, -one), (d, -below))
        self._add(lines("near"), near, -everywhere, -below)
        cap = _side_by_side((a, one), (d, -above))
        self._add(lines("cap"), cap, -everywhere, np.zeros(count))
        return a

    def outputs(self) -> None:
        """A column for each output."""
        layer = self._network.output
        every = np.arange(layer.units)
        first = self._new("y", 0, every, np.full(layer.units, -INF), np.full(layer.units, INF))
        rows, cols, values = self._weights(layer, every)
        entries = (
            np.concatenate([rows, every]),
            np.concatenate([cols, first + every]),
            np.concatenate([-values, np.ones(layer.units)]),
        )
        bias = np.asarray(layer.bias.approx)[:, 0]
        self._add([Line("y", 0, k) for k in every.tolist()], entries, bias, bias)

    def inputs(self, frame: Frame) -> None:
        """A column for each input that is no coordinate: x = p + B u."""
        known = {column.unit for column in self._columns if column.kind == "x"}
        missing = [i for i in range(len(frame.origin)) if i not in known]
        if not missing:
            return
        rest = np.array(missing)
        free = np.full(len(frame.origin), INF)
        first = self._new("x", 0, rest, -free[rest], free)
        basis = frame.basis.take_rows(rest)
        rows, cols, values, _ = basis.entries
        own = np.arange(len(rest))
        entries = (
            np.concatenate([rows, own]),
            np.concatenate([cols, first + own]),
            np.concatenate([-values, np.ones(len(rest))]),
        )
        shift = floats(np.array([frame.origin[i] for i in missing], dtype=object))
        self._add([Line("x", 0, i) for i in missing], entries, shift, shift)

    # -- layers composed into rows over the coordinates --------------------------------------

    def composed_layers(self, bits: Sequence[np.ndarray], known: Ranges | None) -> None:
        """One row for each unit that the ranges, if any, do not prove."""
        for position, layer in enumerate(bits, start=1):
            proved = np.zeros(len(layer), dtype=bool)
            if known is not None:
                low, high = known.low[position - 1], known.high[position - 1]
                proved = np.where(layer == 1, low >= 0, high <= 0)
            units = np.flatnonzero(~proved)
            rows = float_rows(self._network, bits, position, units)
            on = layer[units] == 1
            low = np.where(on, -rows.c, -INF)
            high = np.where(on, INF, -rows.c)
            kinds = np.where(on, "z", "off").tolist()
            lines = [Line(k, position, i) for k, i in zip(kinds, units.tolist(), strict=True)]
            self._add(lines, _entries(rows.a), low, high)

    def composed_outputs(self, bits: Sequence[np.ndarray]) -> None:
        """A column for each output, composed."""
        every = np.arange(self._network.outputs)
        form = float_rows(self._network, bits, len(bits) + 1, every)
        first = self._new("y", 0, every, np.full(len(every), -INF), np.full(len(every), INF))
        rows, cols, values = _entries(form.a)
        entries = (
            np.concatenate([rows, every]),
            np.concatenate([cols, first + every]),
            np.concatenate([-values, np.ones(len(every))]),
        )
        self._add([Line("y", 0, k) for k in every.tolist()], entries, form.c, form.c)

    # -- parts -----------------------------------------------------------------------------

    def _new(
        self, kind: str, layer: int, units: np.ndarray, low: np.ndarray, high: np.ndarray
    ) -> int:
        """New columns for `units`, `low` being theirs and `high` the layer's; the first index."""
        first = len(self._columns)
        self._columns += [Column(kind, layer, i) for i in units.tolist()]
        self._low += low.tolist()
        self._high += high[units].tolist()
        return first

    def _add(
        self,
        lines: list[Line],
        entries: tuple[np.ndarray, np.ndarray, np.ndarray],
        low: np.ndarray,
        high: np.ndarray,
    ) -> None:
        rows, cols, values = entries
        self._blocks.append((rows + len(self._lines), cols, values))
        self._bounds.append((low, high))
        self._lines += lines

    def _weights(
        self, layer: Layer, units: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Row number among `units`, column and weight of everything that they read."""
        parts: list[tuple[np.ndarray, ...]] = []
        for source, block in layer.weights:
            picked = sp.coo_array(block.approx[units])
            cols = self._places[source][picked.col]
            keep = cols >= 0
            parts.append((picked.row[keep], cols[keep], picked.data[keep]))
        none = np.zeros(0)
        rows, cols, values = (np.concatenate([none, *part]) for part in zip(*parts, strict=True))
        return rows.astype(np.int64), cols.astype(np.int64), values

    def rounding(self, layer: Layer) -> np.ndarray:
        """(units,) how far a pre-activation may be off because weights are no doubles."""
        assert self._loose is not None
        bias = layer.bias
        error = np.zeros(layer.units)
        if not bias.is_double:
            error += 2 * UNIT_ROUNDOFF * bias.magnitude[:, 0] + TINY_ENTRY
        for source, block in layer.weights:
            low, high = self._loose.outputs(source)
            error += _slack(block, np.maximum(np.abs(low), np.abs(high)))
        return error * (1 + 1e-9)


def _slack(block: ExactMatrix, size: np.ndarray) -> np.ndarray:
    """How far block·x may be off for |x| <= size because its entries are no doubles."""
    if block.is_double:
        return np.zeros(block.shape[0])
    error = np.asarray(gamma(4) * (block.magnitude @ size))
    return error + (TINY_ENTRY * float(size.sum()) if block.has_tiny else 0.0)


def _loosened(bound: np.ndarray, slack: np.ndarray) -> np.ndarray:
    """At least bound + slack; the bound itself where the slack is zero."""
    return np.where(slack > 0, np.nextafter(bound + slack, INF), bound)


def _entries(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    index, cols = np.nonzero(rows)
    return index, cols, rows[index, cols]


def _side_by_side(
    *parts: tuple[np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row i has one entry from each part: (columns, values)."""
    own = [np.arange(len(cols)) for cols, _ in parts]
    return (
        np.concatenate(own),
        np.concatenate([cols for cols, _ in parts]),
        np.concatenate([values for _, values in parts]),
    )
