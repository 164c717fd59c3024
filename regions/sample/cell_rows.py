"""`CellRows`: the cell of a point as products, one run of the model each, without its matrix."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import torch
from torch import Tensor

from regions.errors import DomainError, InputError, ModelError
from regions.sample.certainty import ErrorBounds
from regions.sample.evaluator import Evaluator
from regions.sample.rows import ENTRIES


class _Enough(Exception):
    """All layers that were asked for have been seen."""


class CellRows:
    """The slacks of the units in the cell of a point: z_i where its bit is 1, -z_i where it is 0.

    With the bits of the point fixed they are affine; max-poolings must count as units
    (`Evaluator.of(..., rounds=True)`), and products are in double precision.

    Attributes
    ----------
    point
        (1, inputs).
    units
        (rows, 2): layer from 1 and unit from 0 of each row.  Units whose composed row is zero have
        none.
    errors
        Of float64, where they are known.
    certain
        Whether all bits of the point are outside of rounding errors; None if those are not known.

    Raises
    ------
    ModelError
        If the model has no layer graph, or a max-pooling that is no layer of units.
    InputError
        For an evaluator in single precision.
    DomainError
        If the point lies on the boundary of its cell, or too near to it for float64.

    Examples
    --------
    >>> from regions.network import Network
    >>> network = Network.from_layers([([[1, 0], [0, -2]], [0, 1]), ([[1, 1]], [0])])
    >>> rows = CellRows(Evaluator.of(network, device="cpu", precision="double"), [0.5, 0.25])
    >>> rows.slacks(rows.point).tolist(), rows.units.tolist(), rows.certain
    ([[0.5, 0.5]], [[1, 0], [1, 1]], True)
    """

    def __init__(self, evaluator: Evaluator, point: Any, layers: int | None = None) -> None:
        self._module = evaluator.graph_module("the cell of a point")
        if self._module.pools:
            raise ModelError(
                "the cell of a point needs max-pooling as layers of units; "
                "use Evaluator.of(..., rounds=True)"
            )
        if evaluator.precision != "double":
            raise InputError("the cell of a point needs an evaluator with precision='double'")
        self._depth = len(evaluator.select(layers))
        self.point = evaluator.tensor(np.asarray(point, dtype=np.float64).reshape(1, -1))
        self._masks: list[Tensor] = []
        values: list[Tensor] = []

        def see(k: int, z: Tensor) -> None:
            if k < self._depth:
                self._masks.append(z > 0)
                values.append(z)

        evaluator.visit(self.point, see)
        z = torch.cat(values, dim=1)
        self._signs = torch.where(z > 0, 1.0, -1.0).to(z)
        self._keep: Tensor | None = None
        widths = [mask.shape[1] for mask in self._masks]
        self.units = np.array([(k, i) for k, width in enumerate(widths, 1) for i in range(width)])
        self.errors = ErrorBounds.of(evaluator)
        self.certain = self._drop_zeros(z[0].abs())

    def _drop_zeros(self, size: Tensor) -> bool | None:
        """Drop units that are zero on all of the cell; refuse others that are zero at the point."""
        noise = torch.zeros_like(size)
        if self.errors is not None:
            noise = torch.cat(self.errors.values(self.point, self._masks), dim=1)[0]
        doubtful = (size <= noise).nonzero().reshape(-1)
        if not len(doubtful):
            return None if self.errors is None else True
        for part in doubtful.split(64):  # the first that does not vanish will do
            zero = (self.gradients(part) == 0).all(dim=1) & (size[part] == 0)
            if bool(zero.all()):
                continue
            layer, unit = self.units[int(part[~zero][0])]
            raise DomainError(
                f"the point lies on the boundary of its cell, or too near to it for float64: "
                f"unit {layer}:{unit} is zero there; move the point a little"
            )
        stays = torch.ones(len(size), dtype=torch.bool, device=size.device)
        stays[doubtful] = False
        self._keep = stays.nonzero().reshape(-1)
        self.units = self.units[self._keep.cpu().numpy()]
        return None  # that a unit vanishes was seen in floats

    @property
    def inputs(self) -> int:
        """The dimension of a point."""
        return self.point.shape[1]

    @property
    def number(self) -> int:
        """How many slacks."""
        return len(self.units)

    def slacks(self, points: Tensor) -> Tensor:
        """(k, inputs) to (k, rows): values, one run of the model."""
        with torch.no_grad():
            return self._run(points, constants=True)

    def slopes(self, ways: Tensor) -> Tensor:
        """(k, inputs) to (k, rows): change along directions, one run of the model."""
        with torch.no_grad():
            return self._run(ways, constants=False)

    def gradients(self, index: Tensor) -> Tensor:
        """(k,) to (k, inputs): composed rows, one run forwards and backwards."""
        parts = []
        size = max(1, ENTRIES // (sum(m.shape[1] for m in self._masks) + self.inputs))
        for part in index.split(size):
            with torch.enable_grad():
                x = self.point.new_zeros(len(part), self.inputs).requires_grad_()
                found = self._run(x, constants=False)
                chosen = found.gather(1, part[:, None]).sum() + 0 * x.sum()
                parts.append(torch.autograd.grad(chosen, x)[0])
        return torch.cat(parts)

    def noise(self) -> tuple[Tensor, Tensor] | None:
        """(rows,) and (rows,): bounds for the errors of slacks at the point and of rows, 1-norm."""
        if self.errors is None:
            return None
        values = torch.cat(self.errors.values(self.point, self._masks), dim=1)[0]
        rows = torch.cat(self.errors.rows(self._masks), dim=1)[0]
        return self._kept(values[None])[0], self._kept(rows[None])[0]

    def confirmed(self, evaluator: Evaluator, points: Tensor) -> Tensor:
        """(k,) of bool: points that have the bits of the cell, certainly where that is known."""
        same = torch.ones(len(points), dtype=torch.bool, device=points.device)

        def see(k: int, z: Tensor) -> None:
            if k < self._depth:
                same.logical_and_(((z > 0) == self._masks[k]).all(dim=1))

        evaluator.visit(points, see)
        if self.errors is not None and self._keep is None:
            same &= self.errors.certain(evaluator, points, self._depth)
        return same

    def _kept(self, table: Tensor) -> Tensor:
        return table if self._keep is None else table[:, self._keep]

    def _run(self, x: Tensor, *, constants: bool) -> Tensor:
        found: list[Tensor] = []

        def relu(k: int, z: Tensor) -> Tensor:
            found.append(z.reshape(len(z), -1))
            if len(found) == self._depth:
                raise _Enough  # what comes after has no rows
            return z * self._masks[k].reshape(1, *z.shape[1:]).to(z.dtype)

        with suppress(_Enough):
            self._module(x, relu, constants=constants)
        return self._kept(torch.cat(found, dim=1) * self._signs)
