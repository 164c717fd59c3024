"""Widths and chords of a body: exact pivots in low dimension, certain intervals beyond."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import product

import numpy as np
from flint import fmpq, fmpq_mat

from regions.counting.points import ExactPoint
from regions.counting.tree import Stop
from regions.figures import Certain, Interval, between, bounds, down, exactly, root_bounds, up
from regions.geometry.body import Body
from regions.geometry.centred import Centred
from regions.geometry.inscribed import Inscribed, exactly_inscribed, inscribed, norms
from regions.geometry.programs import RowProgram
from solvers.backend import Backend
from solvers.exact_simplex import Minimum, minimise
from solvers.float_rows import FloatRows, gamma
from solvers.rational import nearest, rational

EXACT_ROWS = 3000  # rows times dimension up to which exact pivots are used
LARGE_DIM = 1000
INFINITE = Interval(math.inf, math.inf)


@dataclass(frozen=True, eq=False)
class Extents:
    """Measures a body by linear programs over `rows`, which include all its facets."""

    centred: Centred
    rows: Sequence[int]
    backend: Backend
    stop: Stop

    @property
    def method(self) -> str:
        """The simplex method takes minutes where the interior-point one takes half a minute."""
        return "interior" if self.body.dim > LARGE_DIM else "choose"

    @property
    def body(self) -> Body:
        """What is measured."""
        return self.centred.body

    @property
    def is_small(self) -> bool:
        """Whether exact pivots solve everything."""
        return len(self.rows) * (self.body.dim + 1) <= EXACT_ROWS

    # -- the ball ----------------------------------------------------------------------------

    def ball(self) -> tuple[Certain, ExactPoint]:
        """The radius of the largest ball, and the centre u of one that has it, nearly."""
        if self.is_small:
            found = exactly_inscribed(self.centred, self.rows, self._norm_bounds, self.stop)
        else:
            size, error = norms(self.centred)
            found = inscribed(
                self.centred, self.rows, size, error,
                self.backend, self.stop.seconds_left(), self.method,
            )  # fmt: skip
        return figure(found), found.point

    def _norm_bounds(self, index: int) -> tuple[fmpq, fmpq]:
        return root_bounds(self.body.squared_norm(index))

    # -- chords and the least widths of other norms --------------------------------------------

    def chord(self, direction: Sequence[fmpq]) -> Certain:
        """The longest chord parallel to δ over u, in multiples of δ."""
        if self.is_small:

            def drop(index: int) -> tuple[fmpq, fmpq]:
                row, _ = self.body.exact(index)
                slope = sum((a * direction[j] for j, a in row.items()), fmpq(0))
                return (fall := max(fmpq(0), -slope)), fall

            return figure(exactly_inscribed(self.centred, self.rows, drop, self.stop))
        step = np.array([nearest(q) for q in direction])
        slopes = self.centred.slopes(step[None, :])[0]
        size = np.concatenate(
            [np.ones(self.centred.num_bounds), np.abs(self.centred.rows.a) @ np.abs(step)]
        )
        error = gamma(len(step) + 6) * size * (1 + np.abs(step).max(initial=0.0))
        error[self.centred.num_bounds :] += 1.01 * self.centred.rows.a_error @ np.abs(step)
        e = np.maximum(0.0, -slopes)
        found = inscribed(
            self.centred, self.rows, e, error, self.backend, self.stop.seconds_left(), self.method
        )
        return figure(found)

    def min_linf(self) -> Certain:
        """The least width over ‖c‖∞ = 1: the least over i of the longest chord parallel to e_i.

        Within the hull, parallel to the part of e_i in it.
        """
        columns = [self._unit(i) for i in range(len(self.body.frame.origin))]
        return least([self.chord(column) for column in columns if any(column)])

    def min_l1(self) -> Certain:
        """The least width over ‖c‖₁ = 1: the least over s ∈ {±1}ⁿ of the longest chord along s."""
        size = len(self.body.frame.origin)
        columns = [self._unit(i) for i in range(size)]
        found = []
        seen = set()
        for signs in product((1, -1), repeat=size - 1):
            total = [fmpq(0)] * self.body.dim
            for sign, column in zip((1, *signs), columns, strict=True):
                total = [a + sign * b for a, b in zip(total, column, strict=True)]
            key = tuple(total)
            if any(key) and key not in seen:
                seen.add(key)
                found.append(self.chord(total))
        return least(found)

    def _unit(self, i: int) -> list[fmpq]:
        """The part of e_i in the hull, over u: (BᵀB)⁻¹ Bᵀ e_i."""
        cols, values = self.body.frame.basis.row(i)
        column = [fmpq(0)] * self.body.dim
        for j, value in zip(cols.tolist(), values, strict=True):
            column[j] = value
        if self.body.gram is None:
            return column
        return (self.body.gram * fmpq_mat(self.body.dim, 1, column)).entries()

    # -- widths --------------------------------------------------------------------------------

    def width(self, direction: Sequence[fmpq]) -> Certain:
        """The width max c·x - min c·x along a form c over x."""
        transposed = self._over_u(direction)
        if not any(transposed):
            return exactly(fmpq(0))
        if self.is_small:
            return self._exact_width(transposed)
        return self._float_width(np.array([nearest(q) for q in transposed]))

    def _over_u(self, direction: Sequence[fmpq]) -> list[fmpq]:
        result = [fmpq(0)] * self.body.dim
        rows, cols, values, exact = self.body.frame.basis.entries
        entries = [rational(v) for v in values.tolist()] if exact is None else list(exact)
        for i, j, value in zip(rows.tolist(), cols.tolist(), entries, strict=True):
            if direction[i]:
                result[j] += value * direction[i]
        return result

    def _exact_width(self, form: list[fmpq]) -> Certain:
        forms = [self.centred.exact_form(i) for i in self.rows]
        rows, constants = [row for row, _ in forms], [constant for _, constant in forms]
        total = fmpq(0)
        for sign in (1, -1):
            found = minimise([sign * a for a in form], rows, constants, stop=self.stop)
            if not isinstance(found, Minimum):
                return INFINITE
            total -= found.value
        return exactly(total)

    @cached_property
    def _program(self) -> RowProgram:
        program = RowProgram(self.centred, self.backend)
        for index in self.rows:
            program.add(index)
        return program

    def _float_width(self, form: np.ndarray) -> Interval:
        """From a feasible point at either end, and from multipliers."""
        low = high = 0.0
        dim = len(form)
        error = 2.0**-52 * np.abs(form)
        for sign in (1.0, -1.0):
            goal = FloatRows(sign * form[None, :], np.zeros(1), error[None, :], np.zeros(1))
            inside, outside = self._program.extreme(goal, self.stop.seconds_left())
            low, high = low + inside, high + outside
        scale = self.centred.scale * (1 + gamma(dim + 10))
        return Interval(max(0.0, low * self.centred.scale * (1 - gamma(dim + 10))), high * scale)


def least(figures: Sequence[Certain]) -> Certain:
    """The least of several numbers."""
    if not figures:
        return exactly(fmpq(0))
    exact = min((f for f in figures if isinstance(f, Fraction)), default=None)
    pairs = [bounds(f) for f in figures]
    low = min(a for a, _ in pairs)
    if exact is not None and all(f.low >= exact for f in figures if isinstance(f, Interval)):
        return exact
    return between(low, min(b for _, b in pairs))


def figure(found: Inscribed) -> Certain:
    """As a number, or as its interval."""
    if found.unbounded:
        return INFINITE
    if found.high is None:
        return Interval(down(found.low), math.inf)
    if found.low == found.high:
        return exactly(found.low)
    return Interval(down(found.low), up(found.high))
