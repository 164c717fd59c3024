"""Rows of which some must hold strictly, in a box: a point, or multipliers that exclude one.

The rows are a_i·u + β_i >= 0 (> 0 where strict), the box is l <= u <= h.  Multipliers w >= 0 of the
rows leave the form Σ w_i (a_i·u + β_i) = r·u + c, whose largest value over the box is

    total = c + Σ_j max(r_j l_j, r_j h_j).

There is no point if total < 0, or if total = 0 and a strict row has a positive multiplier (a
theorem of the alternative: Motzkin's).  So the multipliers of the box's sides, |r_j|, need not be
given.  All of it is in rationals.

Source: A. Schrijver, Theory of Linear and Integer Programming (1986), section 7.8.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from flint import fmpq, fmpq_mat

from solvers.exact_simplex import Below, Minimum, Row, Unbounded, minimise

ZERO, ONE = fmpq(0), fmpq(1)
Point = tuple[fmpq, ...]
Weights = Mapping[int, fmpq]  # positive, by row


@dataclass(frozen=True, eq=False)
class StrictRows:
    """{u : a_i·u + β_i >= 0, > 0 for i in `strict`, l <= u <= h}; None is no bound."""

    rows: Sequence[Row]
    constants: Sequence[fmpq]
    strict: Collection[int]
    lower: Sequence[fmpq | None]
    upper: Sequence[fmpq | None]

    def values(self, point: Sequence[fmpq]) -> list[fmpq]:
        """a_i·u + β_i for all i."""
        return [
            value(row, constant, point)
            for row, constant in zip(self.rows, self.constants, strict=True)
        ]

    def contains(self, point: Sequence[fmpq]) -> bool:
        """Whether the point satisfies everything."""
        for q, low, high in zip(point, self.lower, self.upper, strict=True):
            if (low is not None and q < low) or (high is not None and q > high):
                return False
        values = self.values(point)
        return all(v >= 0 for v in values) and all(values[i] > 0 for i in self.strict)

    def total(self, weights: Weights) -> fmpq | None:
        """The largest value over the box of Σ w_i (a_i·u + β_i); None if there is none."""
        rest, total = combined(self, weights)
        for j, slope in rest.items():
            bound = self.upper[j] if slope > 0 else self.lower[j]
            if bound is None:
                return None
            total += slope * bound
        return total

    def excludes(self, weights: Weights) -> bool:
        """Whether the multipliers prove that there is no point."""
        if any(w < 0 for w in weights.values()):
            return False
        total = self.total(weights)
        if total is None or total > 0:
            return False
        return total < 0 or any(weights.get(i) for i in self.strict)


def value(row: Row, constant: fmpq, point: Sequence[fmpq]) -> fmpq:
    """a·u + β."""
    return sum((a * point[j] for j, a in row.items()), constant)


def combined(system: StrictRows, weights: Weights) -> tuple[Row, fmpq]:
    """(r, c): the form Σ w_i (a_i·u + β_i)."""
    rest: Row = {}
    constant = ZERO
    for i, weight in weights.items():
        constant += weight * system.constants[i]
        for j, a in system.rows[i].items():
            rest[j] = rest.get(j, ZERO) + weight * a
    return {j: r for j, r in rest.items() if r}, constant


# ------------------------------------------------------------------- irreducible multipliers


def irreducible(system: StrictRows, weights: Weights) -> dict[int, fmpq]:
    """Multipliers that still exclude every point, of fewest possible rows and sides.

    No row, and no side of the box with r_j != 0, can be left out: without it there is a point.
    The supports of such multipliers are those of the extreme rays of the cone of all multipliers
    (Gleeson and Ryan, Identifying minimally infeasible subsystems of inequalities, 1990); here
    every one-dimensional family of multipliers through the given ones is followed to its ends.
    """
    current = {i: w for i, w in weights.items() if w}
    while True:
        other = _second(system, current)
        if other is None:
            return current
        first, last = _ends(system, current, other)
        current = first if system.excludes(first) else last
        assert system.excludes(current), "one end of the family must be a proof"


def is_irreducible(system: StrictRows, weights: Weights) -> bool:
    """Whether the multipliers are positive and, up to a factor, the only ones of their support."""
    return all(w > 0 for w in weights.values()) and _second(system, dict(weights)) is None


def _second(system: StrictRows, weights: Mapping[int, fmpq]) -> dict[int, fmpq] | None:
    """Multipliers v of the same rows and sides, of any sign, that are no multiple of w."""
    rest, _ = combined(system, weights)
    support = sorted(weights)
    # v must leave the columns alone in which w has no side: those where r_j = 0
    columns = sorted({j for i in support for j in system.rows[i]} - set(rest))
    if not columns:
        return None if len(support) == 1 else {support[0]: ONE}
    table = fmpq_mat(
        len(columns),
        len(support),
        [system.rows[i].get(j, ZERO) for j in columns for i in support],
    )
    reduced, rank = table.rref()
    if len(support) - rank <= 1:
        return None
    rows = [list(row) for row in reduced.tolist()[:rank]]
    pivots = [next(k for k, a in enumerate(row) if a) for row in rows]
    for free in (k for k in range(len(support)) if k not in pivots):
        vector = {support[free]: ONE}
        for row, pivot in zip(rows, pivots, strict=True):
            if row[free]:
                vector[support[pivot]] = -row[free]
        if not _parallel(vector, weights):
            return vector
    return None


def _parallel(vector: Mapping[int, fmpq], weights: Mapping[int, fmpq]) -> bool:
    ratios = {vector.get(i, ZERO) / w for i, w in weights.items()}
    return len(ratios) == 1


def _ends(
    system: StrictRows, weights: Mapping[int, fmpq], other: Mapping[int, fmpq]
) -> tuple[dict[int, fmpq], dict[int, fmpq]]:
    """The two extreme multipliers among the combinations of w and v that are >= 0.

    With the sides counted in, let c, C be the least and the largest ratio v_i / w_i.  The ends are
    v - c w and C w - v; their sum is a multiple of w, so one of them proves what w proves.
    """
    ours, _ = combined(system, weights)
    theirs, _ = combined(system, other)
    ratios = [other.get(i, ZERO) / w for i, w in weights.items()]
    ratios += [theirs.get(j, ZERO) / r for j, r in ours.items()]
    least, largest = min(ratios), max(ratios)
    first = {i: other.get(i, ZERO) - least * w for i, w in weights.items()}
    last = {i: largest * w - other.get(i, ZERO) for i, w in weights.items()}
    return {i: a for i, a in first.items() if a}, {i: a for i, a in last.items() if a}


# ------------------------------------------------------------------------------ the arbiter


def settle(
    system: StrictRows, start: Point, stop: Callable[[], bool] | None = None
) -> Point | dict[int, fmpq]:
    """A point of the system, or irreducible multipliers that exclude one: by exact pivots.

    `start` lies in the box.  First the least value of the rows that do not hold strictly at
    `start` is raised as far as it goes; if that ends at 0, and not by a strict row, the least value
    of the strict rows is raised from there.

    Raises
    ------
    Stopped
        When `stop` returned true.
    """
    here = system.values(start)
    open_rows = {i for i, v in enumerate(here) if v <= 0}
    if not open_rows:
        return start
    found = _raise(system, open_rows, start, stop)
    if isinstance(found, Minimum):
        weights = _row_weights(system, found)
        if system.excludes(weights):
            return irreducible(system, weights)
        point = _moved(start, found.point)
        found = _raise(system, set(system.strict), point, stop) if system.strict else found
        if isinstance(found, Minimum) and system.strict:
            weights = _row_weights(system, found)
            assert system.excludes(weights), "an optimum without a point must prove it"
            return irreducible(system, weights)
        return _moved(point, found.point) if system.strict else point
    # strictly inside the open rows; the others hold strictly at the start, so near it they do too
    point = _moved(start, found.point)
    there = system.values(point)
    share = ONE / 2
    for i in open_rows:
        share = min(share, there[i] / (there[i] - here[i]) / 2)
    return tuple(p + share * (q - p) for p, q in zip(point, start, strict=True))


def _raise(
    system: StrictRows,
    raised: set[int],
    start: Point,
    stop: Callable[[], bool] | None,
) -> Minimum | Below:
    """Maximise the least value t of some rows; Below: t > 0 was reached."""
    size = len(start)
    here = system.values(start)
    level = min((here[i] for i in raised), default=ZERO)
    level = min(level, ZERO) - 1  # t = level + y_size
    rows: list[Row] = []
    constants: list[fmpq] = []
    for i, (row, slack) in enumerate(zip(system.rows, here, strict=True)):
        rows.append({**row, size: fmpq(-1)} if i in raised else dict(row))
        constants.append(slack - level if i in raised else slack)
    for j, (low, high) in enumerate(zip(system.lower, system.upper, strict=True)):
        if low is not None:
            rows.append({j: ONE})
            constants.append(start[j] - low)
        if high is not None:
            rows.append({j: fmpq(-1)})
            constants.append(high - start[j])
    rows.append({size: fmpq(-1)})  # t <= 1
    constants.append(1 - level)
    cost = [ZERO] * size + [fmpq(-1)]
    found = minimise(cost, rows, constants, below=level, stop=stop, weak=True)
    assert not isinstance(found, Unbounded), "t is at most 1"
    return found


def _row_weights(system: StrictRows, found: Minimum) -> dict[int, fmpq]:
    return {i: w for i, w in found.multipliers.items() if i < len(system.rows)}


def _moved(start: Point, step: Sequence[fmpq]) -> Point:
    return tuple(p + s for p, s in zip(start, step, strict=False))
