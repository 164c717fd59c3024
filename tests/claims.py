"""One claim of the simplex engine at a time, with numbers that make it true or false by design."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from regions.counting.by_lp import LPEngine
from regions.counting.by_simplex import SimplexEngine
from regions.counting.engines import refusal
from regions.counting.simplex_cell import no_crossing
from regions.counting.tree import Stop
from regions.domain import Box
from regions.frame import Frame
from regions.network import Network
from solvers.backend import get_backend
from solvers.dictionary import COORDINATE, FIXED, SLACK
from tests import naive, oracle


def engine_of(network: Network, domain: Any) -> SimplexEngine:
    frame, backend, stop = Frame.of(domain), get_backend("highs"), Stop(None)
    pulled = frame.pull(network)
    assert refusal("simplex", pulled, frame) is None
    return SimplexEngine(pulled, frame, LPEngine(pulled, frame, backend, stop))


class Claim:
    """Splits s_i through one corner of the box, and the unit z with -sign·z = r·x + r0 - Σ λ_i s_i.

    At that corner every s_i is zero and r·x + r0 has its largest value, `most`: the unit keeps
    its sign in the cell if and only if that is negative.  With `fixed`, the s_i are units that are
    zero in a section, and the multipliers have any sign.
    """

    def __init__(
        self, seed: int, dyadic: bool = True, opposed: bool = False, fixed: bool = False
    ) -> None:
        random = np.random.default_rng(seed)
        self.dim = dim = int(random.integers(1 + opposed, 6))
        self.splits = splits = 2 if opposed else int(random.integers(0, dim + 1))
        lower = random.integers(-8, 8, dim) / 4
        if not dyadic and not opposed:  # a box far from zero: roundings that its radius hides
            lower += 2.0**10 * random.choice([-1.0, 1.0], dim)
        network = Network.from_layers([(np.ones((splits + 1, dim)), [0] * (splits + 1)),
                                       (np.ones((1, splits + 1)), [0])])  # fmt: skip
        self.engine = engine = engine_of(network, Box(lower, lower + random.integers(1, 8, dim)))
        self.sign = float(random.choice([-1.0, 1.0]))
        self.signs = random.choice([-1.0, 1.0], splits)

        def numbers(*size: int) -> np.ndarray:
            values = random.standard_normal(size)
            return np.round(values * 64) / 64 if dyadic else values

        self.multipliers = 2.0 ** random.integers(-6, 7, splits)
        if not dyadic:
            self.multipliers *= 1 + random.random(splits)
        self.residual = numbers(dim)
        place = engine.place
        self.corner = place.middle + np.sign(self.residual) * np.round(place.radius * 64) / 64
        self.a = numbers(splits, dim)
        if opposed:  # two large splits nearly cancel, and leave a small unit
            self.multipliers[:], self.residual = 1.0, self.residual * 2.0**-9
            self.a[1] = self.a[1] * 2.0**-9 - self.signs.prod() * self.a[0]
        self.c = -(self.a @ self.corner)
        self.fixed = fixed
        if fixed:
            self.signs[:] = 1.0
            self.multipliers *= random.choice([-1.0, 1.0], splits)
        cells, forms = engine.cells, engine.forms
        cells.layer[0], cells.splits[0] = 0, splits
        forms.path[:splits, :dim], forms.path[:splits, dim] = self.a, self.c
        cells.path_sign[0, :splits] = self.signs
        forms.path_scale[:splits] = 2.0 ** random.integers(-3, 4, splits)
        self.scale = forms.scales[0, splits] = 2.0 ** random.integers(-3, 4)
        self.size = np.maximum(np.abs(lower), np.abs(lower + 8))
        forms.path_size[:splits] = np.abs(self.a) @ place.size + np.abs(self.c)
        forms.path_error[:splits] = 0
        order = random.permutation(dim)[:splits]
        scales = forms.path_scale[:splits]
        if fixed:  # where the splits are is where no one is to look
            forms.rows[0, :splits] = forms.path[:splits]
            forms.sizes[0, :splits] = forms.path_size[:splits]
            scales = forms.scales[0, :splits] = forms.path_scale[:splits].copy()
            forms.path[:splits], forms.path_scale[:splits] = np.nan, np.nan
        basis = cells.basis
        basis.column_kind[0, :] = COORDINATE
        basis.column_kind[0, order], basis.column_name[0, order] = (
            FIXED if fixed else SLACK,
            np.arange(splits),
        )
        basis.rows[0], basis.row_name[0, 0] = 1, splits
        rates = random.standard_normal(dim)  # columns of coordinates are not multipliers
        rates[order] = self.sign * self.multipliers * self.scale / scales
        self.rates(rates)

    def rates(self, rates: np.ndarray) -> None:
        """The reduced costs of the unit, in the only row."""
        self.engine.cells.basis.table[0, : self.dim, 0, 0] = rates

    def proven(self) -> bool:
        """What `no_crossing` says of the unit."""
        engine = self.engine
        return bool(
            no_crossing(
                engine.place, engine.cells.basis, 0, engine.cells.path_sign[0], engine.forms,
                engine.scratch, 0, 0, self.sign,
            )
        )  # fmt: skip

    def accepted(self, most: float, unit_error: float = 0.0, split_error: float = 0.0) -> bool:
        """Whether the unit's sign is believed, where r·x + r0 is at most `most`."""
        engine, dim, splits = self.engine, self.dim, self.splits
        constant = most - self.residual @ self.corner
        weights = self.multipliers * self.signs
        row = engine.forms.rows[0, splits]
        row[:dim] = -self.sign * (self.residual - weights @ self.a)
        row[dim] = -self.sign * (constant - weights @ self.c)
        engine.forms.errors[0, splits] = unit_error
        errors = engine.forms.errors[0] if self.fixed else engine.forms.path_error
        errors[:splits] = split_error
        size = np.abs(row[:dim]) @ engine.place.size + np.abs(row[dim])
        engine.forms.sizes[0, splits] = size
        return self.proven()

    def is_true(self) -> bool:
        """Whether the unit's form has no other sign in the cell, and is not zero there."""
        engine, dim = self.engine, self.dim
        low, high = engine.frame.lower, engine.frame.upper
        rows = []
        for k in range(dim):
            unit = [int(j == k) for j in range(dim)]
            rows.append(oracle.row(unit, naive.exact(high[k])))
            rows.append(oracle.row([-v for v in unit], -naive.exact(low[k])))
        for sign, a, c in zip(self.signs, self.a, self.c, strict=True):
            for side in (1, -1) if self.fixed else (1,):
                form = [-side * sign * v for v in a.tolist()]
                rows.append(oracle.row(form, Fraction(side * sign * float(c))))
        *slope, constant = engine.forms.rows[0, self.splits].tolist()
        rows.append(oracle.row([self.sign * v for v in slope], Fraction(-self.sign * constant)))
        return oracle.solve(rows, dim) is None
