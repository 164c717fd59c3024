"""The point of a polyhedron that is nearest to a given point in the Euclidean norm, exactly.

Minimise ½ uᵀ G u + q·u over {u : a_i·u + β_i >= 0}, G positive definite, by a dual active-set
method in rationals: from the free minimum, violated constraints are made tight one by one, while
multipliers stay >= 0.  The dual value rises strictly with every step that moves the point, so the
method ends; a step without end shows that the polyhedron is empty.

Source: D. Goldfarb, A. Idnani, A numerically stable dual method for solving strictly convex
quadratic programs, Mathematical Programming 27 (1983).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flint import fmpq, fmpq_mat

from solvers.exact_simplex import Row, Stopped
from solvers.rational import solve
from solvers.strict_rows import value

ZERO = fmpq(0)
Point = tuple[fmpq, ...]


def project(
    gram: Sequence[Sequence[fmpq]],
    linear: Sequence[fmpq],
    rows: Sequence[Row],
    constants: Sequence[fmpq],
    above: fmpq | None = None,
    stop: Callable[[], bool] | None = None,
) -> Point | None:
    """The minimiser; None where there is no point, or none with a value below `above`.

    Parameters
    ----------
    gram, linear
        G (d, d), symmetric and positive definite, and q (d,).
    rows, constants
        The constraints a_i·u + β_i >= 0.
    above
        Give up once the minimum is known to be at least this.
    stop
        Polled at every step.

    Raises
    ------
    Stopped
        When `stop` returned true.

    Examples
    --------
    >>> one, half_plane = fmpq(1), [{0: fmpq(1), 1: fmpq(1)}]
    >>> project([[one, ZERO], [ZERO, one]], [ZERO, ZERO], half_plane, [fmpq(-1)])
    (1/2, 1/2)
    """
    size = len(linear)
    if not size:
        return () if all(c >= 0 for c in constants) else None
    inverse = fmpq_mat(size, size, [a for row in gram for a in row]).inv()
    table = [list(row) for row in inverse.tolist()]
    point = [-sum((a * q for a, q in zip(row, linear, strict=True)), ZERO) for row in table]
    # G⁻¹ a_i, made when a constraint is first needed
    turned: dict[int, list[fmpq]] = {}

    def turn(i: int) -> list[fmpq]:
        if i not in turned:
            turned[i] = [sum((line[j] * a for j, a in rows[i].items()), ZERO) for line in table]
        return turned[i]

    active: list[int] = []
    weights: list[fmpq] = []
    while True:
        if stop is not None and stop():
            raise Stopped
        if above is not None and _objective(gram, linear, point) >= above:
            return None  # the dual value, which only rises
        values = [value(row, c, point) for row, c in zip(rows, constants, strict=True)]
        worst = min(range(len(values)), key=values.__getitem__, default=None)
        if worst is None or values[worst] >= 0:
            return tuple(point)
        weight = ZERO
        while True:
            step, change = _direction(rows, active, worst, turn)
            ratios = [
                (w / r, k) for k, (w, r) in enumerate(zip(weights, change, strict=True)) if r > 0
            ]
            partial = min(ratios, default=None)
            moving = any(step)
            length = None
            if moving:
                here = value(rows[worst], constants[worst], point)
                length = -here / value(rows[worst], ZERO, step)
            if length is None and partial is None:
                return None
            is_full = length is not None and (partial is None or length <= partial[0])
            amount = length if is_full else partial[0] if partial is not None else None
            assert amount is not None
            if moving:
                point = [p + amount * s for p, s in zip(point, step, strict=True)]
            weights = [w - amount * r for w, r in zip(weights, change, strict=True)]
            weight += amount
            if is_full:
                active.append(worst)
                weights.append(weight)
                break
            assert partial is not None
            del active[partial[1]], weights[partial[1]]


def _direction(
    rows: Sequence[Row], active: list[int], new: int, turn: Callable[[int], list[fmpq]]
) -> tuple[list[fmpq], list[fmpq]]:
    """(z, r) with G z + Σ r_k a_k = a_new and a_k·z = 0 for the active k."""
    target = turn(new)
    if not active:
        return list(target), []
    columns = [turn(k) for k in active]
    matrix = [[value(rows[k], ZERO, column) for column in columns] for k in active]
    right = [value(rows[k], ZERO, target) for k in active]
    change = solve(matrix, right)
    assert change is not None, "active constraints are independent"
    step = list(target)
    for factor, column in zip(change, columns, strict=True):
        if factor:
            step = [s - factor * c for s, c in zip(step, column, strict=True)]
    return step, change


def _objective(
    gram: Sequence[Sequence[fmpq]], linear: Sequence[fmpq], point: Sequence[fmpq]
) -> fmpq:
    total = ZERO
    for row, q, p in zip(gram, linear, point, strict=True):
        total += p * (sum((a * x for a, x in zip(row, point, strict=True)), ZERO) / 2 + q)
    return total
