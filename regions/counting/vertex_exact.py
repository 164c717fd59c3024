"""Signs of a unit at a vertex of a cell, exactly, where floats cannot tell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from flint import fmpq, fmpq_mat

from regions.composition import exact_row
from regions.frame import Frame
from regions.network import Network

Form = tuple[fmpq, ...]  # coefficients, constant last
KEPT = 4096  # forms kept for later questions
Facet = tuple[int, int]  # layer from 0 and unit; or -1 and the side: 2k lower, 2k + 1 upper


class ExactSigns:
    """Forms of units and vertices of cells, as rationals."""

    def __init__(self, network: Network, frame: Frame) -> None:
        self.network = network
        self.frame = frame
        self._forms: dict[tuple[bytes, int, int], Form] = {}

    def signs(
        self, bits: Sequence[np.ndarray], facets: Sequence[Facet], units: Sequence[Facet]
    ) -> list[int]:
        """Signs (1, -1 or 0) of units at the vertex in which facets meet.

        `bits` are those of all layers below the last one that is named.
        """
        keys = [b"".join(layer.tobytes() for layer in bits[:m]) for m in range(len(bits) + 1)]
        table = [
            form
            for layer, unit in facets
            for form in [self._side(unit) if layer < 0 else self._form(bits, keys, layer, unit)]
        ]
        dim = self.frame.dim
        reduced, rank = fmpq_mat([[*form] for form in table]).rref()
        assert rank == dim and all(reduced[k, k] == 1 for k in range(dim)), "a vertex is a point"
        x = [-reduced[k, dim] for k in range(dim)]
        result = []
        for layer, unit in units:
            form = self._form(bits, keys, layer, unit)
            value = sum((a * v for a, v in zip(form, x, strict=False)), form[dim])
            result.append((value > 0) - (value < 0))
        return result

    def _form(
        self, bits: Sequence[np.ndarray], keys: Sequence[bytes], layer: int, unit: int
    ) -> Form:
        key = keys[layer], layer, unit
        if key not in self._forms:
            if len(self._forms) >= KEPT:
                self._forms.clear()
            coefficients, constant = exact_row(self.network, bits[:layer], layer + 1, unit)
            self._forms[key] = (*coefficients, constant)
        return self._forms[key]

    def _side(self, side: int) -> Form:
        k = side >> 1
        bound = (self.frame.upper if side & 1 else self.frame.lower)[k]
        assert bound is not None
        form = [fmpq(0)] * (self.frame.dim + 1)
        form[k], form[-1] = fmpq(1), -bound
        return tuple(form)
