"""Closed cells as exact inequalities over a frame's coordinates, for exact linear programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from flint import fmpq

from regions.composition import exact_row
from regions.frame import Frame
from regions.network import Network
from regions.ranges import Ranges
from solvers.exact_lp import Polyhedron
from solvers.exact_simplex import Row, Stopped

SparseForm = tuple[Row, fmpq]


class ClosedCells:
    """{u in the domain : z >= 0 where the bit is 1, z <= 0 where it is 0}, pattern by pattern.

    Where `known` ranges, over the whole domain, fix a bit, its row is left out.  `stop` is polled
    at every unit; when it returns true, `of` raises `Stopped`.
    """

    def __init__(
        self, network: Network, frame: Frame, known: Ranges | None, stop: Callable[[], bool]
    ) -> None:
        self._network = network
        self._stop = stop
        self._frame = frame
        self._rows: list[Row] = []
        self._constants: list[fmpq] = []
        for index, limit in enumerate(frame.limits):
            cols, values = frame.rows.row(index)
            self._rows.append({j: -a for j, a in zip(cols.tolist(), values, strict=True)})
            self._constants.append(limit)
        self._fixed = None
        if known is not None:
            self._fixed = [known.bits(k) for k in range(1, len(network.layers) + 1)]

    def of(self, bits: Sequence[np.ndarray]) -> Polyhedron | None:
        """The closed cell of a full pattern; None where a fixed or constant unit contradicts it."""
        rows, constants = list(self._rows), list(self._constants)
        for position, layer in enumerate(bits, start=1):
            for unit, bit in enumerate(layer.tolist()):
                if self._fixed is not None and self._fixed[position - 1][unit] >= 0:
                    if self._fixed[position - 1][unit] != bit:
                        return None
                    continue
                if self._stop():
                    raise Stopped
                row, constant = self.form(bits, position, unit, 1 if bit else -1)
                if row:
                    rows.append(row)
                    constants.append(constant)
                elif constant < 0:
                    return None
        frame = self._frame
        return Polyhedron(rows, constants, frame.lower, frame.upper, frame.interior)

    def form(
        self, bits: Sequence[np.ndarray], position: int, unit: int, sign: int = 1
    ) -> SparseForm:
        """± the pre-activation of a unit (one past the last layer: an output), exactly."""
        coefficients, constant = exact_row(self._network, bits, position, unit)
        return {j: sign * a for j, a in enumerate(coefficients) if a}, sign * constant
