"""Patterns that are attained somewhere in the closed domain, however thin the set (meanings §2.5).

A unit with bit 1 asks for z > 0, a unit with bit 0 for z <= 0, the sides of the domain are closed.
Whether such a mixed system has a solution is decided in rationals: if no point satisfies all rows
strictly, some of them hold with equality on the whole set; one that must be strict is a
contradiction, the others are solved for a variable, and the question is asked again in a space of
smaller dimension.

The number of patterns of k units in d dimensions is at most S(k, d), as for regions: subtract a
small enough number from every bias, and each pattern that is attained holds on an open set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from flint import fmpq

from regions.composition import exact_row
from regions.counting.bounds import cells
from regions.frame import Frame
from regions.network import Network
from solvers.backend import Backend
from solvers.exact_simplex import Row
from solvers.interior import Empty, Inside, strict_interior

Point = tuple[fmpq, ...]
ZERO = fmpq(0)


class Halfspace(NamedTuple):
    """a·u + c > 0 where strict, else >= 0; a without zeros."""

    row: Row
    constant: fmpq
    strict: bool

    def at(self, point: Sequence[fmpq]) -> fmpq:
        """The value a·u + c."""
        return sum((a * point[j] for j, a in self.row.items()), self.constant)

    def holds(self, point: Sequence[fmpq]) -> bool:
        """Whether the point satisfies it."""
        value = self.at(point)
        return value > 0 if self.strict else value >= 0


def common_point(
    halfspaces: Sequence[Halfspace],
    dim: int,
    backend: Backend | None = None,
    stop: Callable[[], bool] | None = None,
) -> Point | None:
    """A point of all half-spaces, strict ones and closed ones; None if there is none.

    `backend` may propose points, which are checked; the decision is made in rationals.

    Raises
    ------
    Stopped
        When `stop` returned true first.

    Examples
    --------
    >>> at_least_0 = Halfspace({0: fmpq(1)}, fmpq(0), strict=False)
    >>> at_most_0 = Halfspace({0: fmpq(-1)}, fmpq(0), strict=False)
    >>> common_point([at_least_0, at_most_0], 1)
    (0,)
    >>> common_point([at_least_0, at_most_0._replace(strict=True)], 1) is None
    True
    """
    rest = list(halfspaces)
    solved: list[tuple[int, Row, fmpq]] = []  # u_j = row·u + constant, in the order of solving
    free = (None,) * dim
    while True:
        flat = [half for half in rest if not half.row]
        if not all(half.holds(()) for half in flat):
            return None
        rest = [half for half in rest if half.row]
        found = strict_interior(
            free,
            free,
            [{j: -a for j, a in half.row.items()} for half in rest],
            [half.constant for half in rest],
            backend,
            stop,
        )
        if isinstance(found, Inside):
            return _filled(found.point, solved)
        if isinstance(found, Empty) or any(rest[index].strict for index in found.rows):
            return None
        equations = [(dict(rest[index].row), rest[index].constant) for index in found.rows]
        rest = [half for index, half in enumerate(rest) if index not in set(found.rows)]
        while equations:
            row, constant = equations.pop()
            if not row:
                assert not constant, "rows that are tight together have a common point"
                continue
            column, pivot = row.popitem()
            expression = {j: -a / pivot for j, a in row.items()}
            shift = -constant / pivot
            solved.append((column, expression, shift))
            equations = [_without(column, expression, shift, *form) for form in equations]
            rest = [
                Halfspace(
                    *_without(column, expression, shift, half.row, half.constant), half.strict
                )
                for half in rest
            ]


def _without(
    column: int, expression: Row, shift: fmpq, row: Row, constant: fmpq
) -> tuple[Row, fmpq]:
    """The form with u_column replaced."""
    factor = row.get(column)
    if factor is None:
        return row, constant
    result = {j: a for j, a in row.items() if j != column}
    for j, a in expression.items():
        total = result.get(j, ZERO) + factor * a
        if total:
            result[j] = total
        else:
            result.pop(j, None)
    return result, constant + factor * shift


def _filled(point: Point, solved: Sequence[tuple[int, Row, fmpq]]) -> Point:
    values = list(point)
    for column, expression, shift in reversed(solved):
        values[column] = sum((a * values[j] for j, a in expression.items()), shift)
    return tuple(values)


@dataclass(frozen=True, eq=False)
class ThinCell:
    """A non-empty set on which the bits of `bits`, and the first ones of the next layer, hold.

    `forms` are the pre-activations of that layer, `current` its known bits, `point` is in the set.
    """

    bits: tuple[np.ndarray, ...]
    forms: tuple[tuple[Row, fmpq], ...]
    current: tuple[int, ...]
    halfspaces: tuple[Halfspace, ...]
    point: Point

    def known(self) -> list[int]:
        """All known bits, unit by unit."""
        return [*(bit for layer in self.bits for bit in layer.tolist()), *self.current]


class ThinTree:
    """The tree of the patterns that a network attains in a closed domain.

    Parameters
    ----------
    network
        The network in the frame's coordinates.
    frame
        The domain.
    given
        Bits of the first layers, to which the tree is restricted.
    backend, stop
        As for `common_point`.
    """

    def __init__(
        self,
        network: Network,
        frame: Frame,
        given: Sequence[np.ndarray],
        backend: Backend | None,
        stop: Callable[[], bool],
    ) -> None:
        self.network = network
        self.dim = frame.dim
        self.given = given
        self._backend = backend
        self._stop = stop
        halfspaces = tuple(_sides(frame))
        self.opened = [self._enter((), halfspaces, frame.interior)]

    def patterns(self) -> Iterator[list[int]]:
        """The bits of each pattern; what is not walked yet stays in `opened`.

        Raises
        ------
        Stopped
            When `stop` returned true; `opened` is as it was before the step.
        """
        while self.opened:
            cell = self.opened[-1]
            complete = len(cell.bits) == len(self.network.layers)
            children = [] if complete else self._children(cell)
            self.opened.pop()
            self.opened += children
            if complete:
                yield cell.known()

    def bound(self, cell: ThinCell) -> int:
        """At most so many patterns lie in it."""
        widths, complete = self.network.widths, len(cell.bits)
        limit = 1
        for position in range(max(complete, len(self.given)), len(widths)):
            units = widths[position] - (len(cell.current) if position == complete else 0)
            limit *= cells(units, self.dim)
        return limit

    def _enter(
        self, bits: tuple[np.ndarray, ...], halfspaces: tuple[Halfspace, ...], point: Point
    ) -> ThinCell:
        position = len(bits) + 1
        forms: list[tuple[Row, fmpq]] = []
        if position <= len(self.network.layers):
            for unit in range(self.network.layers[position - 1].units):
                row, constant = exact_row(self.network, bits, position, unit)
                forms.append(({j: a for j, a in enumerate(row) if a}, constant))
        return ThinCell(bits, tuple(forms), (), halfspaces, point)

    def _children(self, cell: ThinCell) -> list[ThinCell]:
        """The two sides of the next unit, as far as they are allowed and not empty."""
        unit, layer = len(cell.current), len(cell.bits)
        row, constant = cell.forms[unit]
        sides = (
            (1, Halfspace(row, constant, strict=True)),
            (0, Halfspace({j: -a for j, a in row.items()}, -constant, strict=False)),
        )
        children = []
        for bit, side in sides:
            if layer < len(self.given) and self.given[layer][unit] != bit:
                continue
            point: Point | None = cell.point
            if not side.holds(cell.point):
                if not side.row:
                    continue
                together = [*cell.halfspaces, side]
                point = common_point(together, self.dim, self._backend, self._stop)
            if point is None:
                continue
            halfspaces = (*cell.halfspaces, side) if side.row else cell.halfspaces
            current = (*cell.current, bit)
            if len(current) == len(cell.forms):
                bits = (*cell.bits, np.array(current, dtype=np.int8))
                children.append(self._enter(bits, halfspaces, point))
            else:
                children.append(ThinCell(cell.bits, cell.forms, current, halfspaces, point))
        return children


def _sides(frame: Frame) -> Iterator[Halfspace]:
    for j, (low, high) in enumerate(zip(frame.lower, frame.upper, strict=True)):
        if low is not None:
            yield Halfspace({j: fmpq(1)}, -low, strict=False)
        if high is not None:
            yield Halfspace({j: fmpq(-1)}, high, strict=False)
    for index, limit in enumerate(frame.limits):
        cols, values = frame.rows.row(index)
        entries = zip(cols.tolist(), values, strict=True)
        yield Halfspace({j: -value for j, value in entries}, limit, strict=False)
