"""A simplex method in rationals: the arbiter where floats cannot decide.

It minimises a linear function over {y : s_i(y) = β_i + α_i·y >= 0} from the strictly feasible point
y = 0 (all β_i > 0), so there is no first phase.  Free variables enter first and never leave; then
the slacks pivot, by largest coefficient while that makes progress, by Bland's rule (smallest index)
while it does not, which excludes cycling.  Rows are sparse dictionaries, so that the sides of a box
cost next to nothing.

Source: V. Chvátal, Linear Programming (1983), chapters 2, 3 and 8.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from flint import fmpq

ZERO = fmpq(0)
Row = dict[int, fmpq]  # column -> coefficient


@dataclass(frozen=True, slots=True)
class Minimum:
    """The minimum, with its proof: c·y = value + Σ λ_i s_i(y) for all y, every λ_i > 0.

    `multipliers` maps the index of a slack to its λ; the rows that it names are linearly
    independent, hence at most as many as there are variables.  `point` attains the minimum.
    """

    value: fmpq
    point: tuple[fmpq, ...]
    multipliers: dict[int, fmpq]


@dataclass(frozen=True, slots=True)
class Below:
    """A feasible point whose value is below the given threshold: the search stopped there."""

    value: fmpq
    point: tuple[fmpq, ...]


@dataclass(frozen=True, slots=True)
class Unbounded:
    """A ray: every s_i(t·ray) >= 0 grows or stays for t >= 0, and c·ray < 0."""

    point: tuple[fmpq, ...]
    ray: tuple[fmpq, ...]


class Stopped(Exception):
    """The caller's `stop` said so before the minimum was reached."""


@dataclass(slots=True)
class _Dictionary:
    """Slack and variable rows in terms of the non-basic columns.

    Column j < size stands for y_j, column size + i for the slack s_i.  Only slack rows limit a
    step; the rows of basic variables are kept to read the point off.
    """

    size: int
    constants: dict[int, fmpq]
    rows: dict[int, Row]
    objective: Row
    value: fmpq
    free: set[int]
    others: dict[int, Row] = field(default_factory=dict)
    other_constants: dict[int, fmpq] = field(default_factory=dict)

    def entering(self, bland: bool) -> tuple[int, int] | None:
        """(column, direction of travel) that lowers the objective; free columns first."""
        for column in sorted(self.free):
            slope = self.objective.get(column)
            if slope:
                return column, -1 if slope > 0 else 1
        negative = [(c, j) for j, c in self.objective.items() if c < 0 and j not in self.free]
        if not negative:
            return None
        column = min(j for _, j in negative) if bland else min(negative)[1]
        return column, 1

    def leaving(self, column: int, direction: int) -> tuple[int, fmpq] | None:
        """(slack row that stops the step, its length), smallest index among equals."""
        best: tuple[fmpq, int] | None = None
        for index, row in self.rows.items():
            slope = row.get(column)
            if slope is None or (slope > 0) == (direction > 0):
                continue
            ratio = self.constants[index] / abs(slope)
            if best is None or ratio < best[0] or (ratio == best[0] and index < best[1]):
                best = ratio, index
        return None if best is None else (best[1], best[0])

    def pivot(self, column: int, index: int) -> None:
        """Exchange the non-basic `column` with the basic slack `index`."""
        row = self.rows.pop(index)
        constant = self.constants.pop(index)
        inverse = 1 / row.pop(column)
        # column = (slack - constant - rest) / coefficient
        expression = {j: -a * inverse for j, a in row.items()}
        expression[self.size + index] = inverse
        shift = -constant * inverse
        for rows, constants in (
            (self.rows, self.constants),
            (self.others, self.other_constants),
        ):
            for key, target in rows.items():
                factor = target.pop(column, None)
                if factor is not None:
                    constants[key] += factor * shift
                    _add_multiple(target, expression, factor)
        factor = self.objective.pop(column, None)
        if factor is not None:
            self.value += factor * shift
            _add_multiple(self.objective, expression, factor)
        if column < self.size:
            self.free.discard(column)
            self.others[column], self.other_constants[column] = expression, shift
        else:
            self.rows[column - self.size] = expression
            self.constants[column - self.size] = shift

    def point(self) -> tuple[fmpq, ...]:
        """The current point y: non-basic columns are zero."""
        return tuple(self.other_constants.get(j, ZERO) for j in range(self.size))

    def ray(self, column: int, direction: int) -> tuple[fmpq, ...]:
        """The direction in which y moves when `column` does."""
        step = [self.others.get(j, {}).get(column, ZERO) * direction for j in range(self.size)]
        if column < self.size:
            step[column] = fmpq(direction)
        return tuple(step)


def _add_multiple(target: Row, source: Row, factor: fmpq) -> None:
    for j, a in source.items():
        total = target.get(j, ZERO) + factor * a
        if total:
            target[j] = total
        else:
            target.pop(j, None)


def minimise(
    cost: Sequence[fmpq],
    rows: Sequence[Row],
    constants: Sequence[fmpq],
    below: fmpq | None = None,
    stop: Callable[[], bool] | None = None,
    weak: bool = False,
) -> Minimum | Below | Unbounded:
    """Minimise c·y over {y : β_i + α_i·y >= 0}, given that all β_i > 0.

    Parameters
    ----------
    cost
        c, one entry a variable.
    rows
        α_i as dictionaries from variable to non-zero coefficient.
    constants
        β_i, all positive.
    below
        If given, the search ends at the first feasible point of a smaller value.
    stop
        Polled between pivots.
    weak
        Whether the start may be feasible without being strictly so: all β_i >= 0.

    Raises
    ------
    ValueError
        If some β_i is not positive (negative, if `weak`): the start is not strictly feasible.
    Stopped
        When `stop` returned true.

    Examples
    --------
    >>> square = [{0: fmpq(1)}, {0: fmpq(-1)}, {1: fmpq(1)}, {1: fmpq(-1)}]
    >>> minimise([fmpq(1), fmpq(2)], square, [fmpq(1)] * 4).value
    -3
    """
    if any(constant < 0 or not (weak or constant) for constant in constants):
        raise ValueError("minimise() needs a strictly feasible start: every constant positive")
    size = len(cost)
    state = _Dictionary(
        size=size,
        constants=dict(enumerate(constants)),
        rows={i: {j: a for j, a in row.items() if a} for i, row in enumerate(rows)},
        objective={j: c for j, c in enumerate(cost) if c},
        value=ZERO,
        free=set(range(size)),
    )
    stuck = False
    while True:
        if stop is not None and stop():
            raise Stopped
        chosen = state.entering(bland=stuck)
        if chosen is None:
            multipliers = {j - size: c for j, c in state.objective.items()}
            return Minimum(state.value, state.point(), multipliers)
        column, direction = chosen
        limit = state.leaving(column, direction)
        if limit is None:
            return Unbounded(state.point(), state.ray(column, direction))
        index, length = limit
        stuck = not length
        state.pivot(column, index)
        if below is not None and state.value < below:
            return Below(state.value, state.point())
