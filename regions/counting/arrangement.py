"""Arrangements of hyperplanes, counted exactly without looking for a single point.

The hyperplanes are {x in R^d : a·x + b = 0} with rational a, b.  Their number of regions is
(-1)^d χ(-1) with the characteristic polynomial χ (Zaslavsky 1975), for which

    χ(A) = χ(A without H) - χ(A restricted to H)                       deletion and restriction,
    χ(A, t) = Σ over central S ⊆ A of (-1)^|S| t^(d - rank S)          Whitney's theorem,

where S is central if its hyperplanes have a common point.  So the number of regions is also the
sum of (-1)^(|S| - rank S) over the central subsets.  Where every central subset is independent
(generic biases), that is the number of independent subsets of rows.

Source: R. P. Stanley, An introduction to hyperplane arrangements (2007), lectures 1 and 2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from math import gcd

from flint import fmpq

from solvers.exact_simplex import Stopped
from solvers.rational import row_echelon

Plane = tuple[int, ...]  # a_1, …, a_d, b: coprime, the first non-zero a positive
MOST_SUBSETS = 1 << 20


def plane(row: Sequence[fmpq], constant: fmpq) -> Plane | None:
    """The hyperplane of a row in its canonical form; None for a zero row.

    >>> plane([fmpq(0), fmpq(-1, 2)], fmpq(1))
    (0, 1, -2)
    """
    entries = [*row, constant]
    scale = 1
    for q in entries:
        scale *= int(q.q) // gcd(scale, int(q.q))
    whole = tuple(int(q.p) * (scale // int(q.q)) for q in entries)
    return _canonical(whole)


def _canonical(whole: Plane) -> Plane | None:
    leading = next((a for a in whole[:-1] if a), 0)
    if not leading:
        return None
    divisor = gcd(*whole) * (1 if leading > 0 else -1)
    return tuple(value // divisor for value in whole)


def essential(planes: Sequence[Plane]) -> list[Plane]:
    """The same arrangement in a space whose dimension is the rank of its rows."""
    if not planes:
        return []
    rows = [[fmpq(a) for a in line[:-1]] for line in planes]
    _, pivots = row_echelon(rows, len(planes[0]) - 1)
    kept = (_canonical(tuple(line[j] for j in [*pivots, -1])) for line in planes)
    return [line for line in kept if line is not None]


def rank_of(rows: Sequence[Plane]) -> int:
    """The rank of the rows a."""
    if not rows:
        return 0
    return len(row_echelon([[fmpq(a) for a in row[:-1]] for row in rows], len(rows[0]) - 1)[1])


def is_central(planes: Sequence[Plane]) -> bool:
    """Whether the hyperplanes have a common point."""
    if not planes:
        return True
    width = len(planes[0])
    _, pivots = row_echelon([[fmpq(a) for a in row] for row in planes], width)
    return width - 1 not in pivots


def characteristic(
    planes: Sequence[Plane], dim: int, stop: Callable[[], bool] | None = None
) -> list[int]:
    """Coefficients of χ, lowest degree first, by deletion and restriction.

    Raises
    ------
    Stopped
        When `stop` returned true first.

    Examples
    --------
    >>> characteristic([(1, 0, 0), (0, 1, 0), (1, -1, 0)], 2)  # t² - 3t + 2
    [2, -3, 1]
    """
    known: dict[tuple[int, frozenset[Plane]], list[int]] = {}

    def chi(lines: frozenset[Plane], dim: int) -> list[int]:
        if dim == 1 or not lines:
            return [0] * (dim - 1) + ([-len(lines), 1] if dim else [1])
        found = known.get((dim, lines))
        if found is not None:
            return found
        if stop is not None and stop():
            raise Stopped
        total = [0] * dim + [1]
        before: list[Plane] = []
        for line in sorted(lines):
            for power, value in enumerate(chi(_restricted(before, line), dim - 1)):
                total[power] -= value
            before.append(line)
        known[dim, lines] = total
        return total

    return chi(frozenset(planes), dim)


def _restricted(lines: Sequence[Plane], to: Plane) -> frozenset[Plane]:
    """The traces of hyperplanes on another one, without those that do not meet it."""
    column = next(j for j, a in enumerate(to) if a)
    pivot = to[column]
    traces = (
        _canonical(
            tuple(
                pivot * a - line[column] * p
                for j, (a, p) in enumerate(zip(line, to, strict=True))
                if j != column
            )
        )
        for line in lines
    )
    return frozenset(trace for trace in traces if trace is not None)


def regions_by_deletion(planes: Sequence[Plane], stop: Callable[[], bool] | None = None) -> int:
    """The number of regions, by deletion and restriction.

    Raises
    ------
    Stopped
        When `stop` returned true first.

    Examples
    --------
    >>> regions_by_deletion([(1, 0, 0), (0, 1, 0), (1, 1, -1)])
    7
    """
    lines = essential(planes)
    dim = len(lines[0]) - 1 if lines else 0
    chi = characteristic(lines, dim, stop)
    return (-1) ** dim * sum(value * (-1) ** power for power, value in enumerate(chi))


def regions_by_subsets(planes: Sequence[Plane], most: int = MOST_SUBSETS) -> int | None:
    """The number of regions, by the sum over central subsets; None if these are too many.

    >>> regions_by_subsets([(1, 0, 0), (0, 1, 0), (1, 1, -1)])
    7
    """
    total = 0
    for seen, (size, rank) in enumerate(_subsets(planes, dependent=True), start=1):
        if seen > most:
            return None
        total += -1 if (size - rank) % 2 else 1
    return total


def independent_subsets(planes: Sequence[Plane], most: int = MOST_SUBSETS) -> int | None:
    """The number of linearly independent sets of rows; None if these are too many.

    >>> independent_subsets([(1, 0, 5), (0, 1, 7), (1, 1, 9)])
    7
    """
    total = 0
    for total, _ in enumerate(_subsets(planes, dependent=False), start=1):
        if total > most:
            return None
    return total


def _subsets(planes: Sequence[Plane], dependent: bool) -> Iterator[tuple[int, int]]:
    """(size, rank) of every central subset, or of every independent one (which is central)."""

    def below(start: int, basis: list[tuple[int, Plane]], size: int) -> Iterator[tuple[int, int]]:
        yield size, len(basis)
        for index in range(start, len(planes)):
            left = planes[index]
            for column, row in basis:
                if left[column]:
                    p, q = row[column], left[column]
                    left = tuple(p * a - q * b for a, b in zip(left, row, strict=True))
            reduced = _canonical(left)
            if reduced is not None:
                column = next(j for j, a in enumerate(reduced) if a)
                yield from below(index + 1, [*basis, (column, reduced)], size + 1)
            elif dependent and not left[-1]:
                yield from below(index + 1, basis, size + 1)

    return below(0, [], 0)


def special_set(
    planes: Sequence[Plane], rank: int, most: int = 20_000
) -> tuple[tuple[int, ...], bool] | None:
    """A smallest set of hyperplanes that are not in general position, and whether it is central.

    At most `rank` of them with dependent rows, or rank + 1 of them with a common point; None if
    there is none among the first `most` sets.

    >>> special_set([(1, 0, 0), (0, 1, 0), (1, 1, 0)], 2)
    ((0, 1, 2), True)
    """
    tried = 0
    for size in range(2, rank + 2):
        for chosen in combinations(range(len(planes)), size):
            tried += 1
            if tried > most:
                return None
            lines = [planes[index] for index in chosen]
            if size <= rank and rank_of(lines) == size:
                continue
            central = is_central(lines)
            if size <= rank or central:
                return chosen, central
    return None
