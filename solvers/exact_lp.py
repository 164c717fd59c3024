"""The least value of a linear form over a polyhedron, exactly: floats propose a basis.

The polyhedron is {u : a_i·u + β_i >= 0, l <= u <= h}, which may be empty or unbounded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from flint import fmpq

from solvers.backend import Backend
from solvers.errors import BackendDisagreement, SolversError
from solvers.exact_simplex import Row, Stopped, Unbounded, minimise
from solvers.options import SolveOptions
from solvers.program import LinearProgram
from solvers.rational import nearest, solve
from solvers.solution import Basis, BasisStatus
from solvers.strict_rows import StrictRows, settle, value

ZERO = fmpq(0)
WILD = 1e15  # limits of rows beyond this mean nothing to a float solver
Point = tuple[fmpq, ...]


@dataclass(frozen=True, eq=False)
class Polyhedron:
    """{u : a_i·u + β_i >= 0, l <= u <= h}; None is no bound.  `start` lies in the box."""

    rows: Sequence[Row]
    constants: Sequence[fmpq]
    lower: Sequence[fmpq | None]
    upper: Sequence[fmpq | None]
    start: Point

    def contains(self, point: Point) -> bool:
        """Whether a point satisfies everything; exactly."""
        return StrictRows(self.rows, self.constants, (), self.lower, self.upper).contains(point)


@dataclass(frozen=True)
class Least:
    """The least value, and a point that attains it; `value` is None where there is none."""

    value: fmpq | None
    point: Point


def least(
    cost: Row,
    polyhedron: Polyhedron,
    backend: Backend | None = None,
    stop: Callable[[], bool] | None = None,
) -> Least | None:
    """The least value of cost·u, decided in rationals; None where the polyhedron is empty.

    `backend` may propose a basis, which is checked.  A form that is unbounded below has the value
    None.

    Raises
    ------
    Stopped
        When `stop` returned true first.

    Examples
    --------
    >>> square = Polyhedron([{0: fmpq(1), 1: fmpq(1)}], [fmpq(-1)], (ZERO, ZERO), (None, None),
    ...     (ZERO, ZERO))
    >>> found = least({0: fmpq(1), 1: fmpq(2)}, square)
    >>> found.value, found.point
    (1, (1, 0))
    >>> least({0: fmpq(-1)}, square).value is None
    True
    """
    if backend is not None:
        proposal = by_basis(cost, polyhedron, backend, stop)
        if proposal is not None:
            return proposal
    system = StrictRows(
        polyhedron.rows, polyhedron.constants, (), polyhedron.lower, polyhedron.upper
    )
    start = settle(system, polyhedron.start, stop)
    if isinstance(start, dict):
        assert system.excludes(start)
        return None
    rows: list[Row] = [dict(row) for row in polyhedron.rows]
    slacks = [value(row, c, start) for row, c in zip(rows, polyhedron.constants, strict=True)]
    for j, (low, high) in enumerate(zip(polyhedron.lower, polyhedron.upper, strict=True)):
        if low is not None:
            rows.append({j: fmpq(1)})
            slacks.append(start[j] - low)
        if high is not None:
            rows.append({j: fmpq(-1)})
            slacks.append(high - start[j])
    dense = [cost.get(j, ZERO) for j in range(len(start))]
    found = minimise(dense, rows, slacks, stop=stop, weak=True)
    point = tuple(p + s for p, s in zip(start, found.point, strict=True))
    return Least(None if isinstance(found, Unbounded) else value(cost, ZERO, point), point)


def by_basis(
    cost: Row, polyhedron: Polyhedron, backend: Backend, stop: Callable[[], bool] | None
) -> Least | None:
    """The optimum of the basis that a solver proposes, if it is one; exactly.

    None says nothing: the polyhedron may be empty, or the solver wrong.  As for `least`.
    """
    program = _program(cost, polyhedron, stop)
    if program is None:
        return None
    try:
        with backend.open(program, SolveOptions(presolve="off")) as session:
            session.solve()
            basis = session.basis()
    except BackendDisagreement:
        raise
    except SolversError:
        return None
    if basis is None or len(basis.row_status) != program.num_rows:
        return None
    return _checked(cost, polyhedron, basis) if len(basis.col_status) == program.num_cols else None


def _program(
    cost: Row, polyhedron: Polyhedron, stop: Callable[[], bool] | None
) -> LinearProgram | None:
    """The nearest doubles, rows scaled to largest coefficient 1; None where there are none."""
    size = len(polyhedron.start)
    matrix = np.zeros((len(polyhedron.rows), size))
    limits = np.zeros(len(polyhedron.rows))
    for i, (row, constant) in enumerate(zip(polyhedron.rows, polyhedron.constants, strict=True)):
        if stop is not None and stop():
            raise Stopped
        scale = max((abs(a) for a in row.values()), default=fmpq(1)) or fmpq(1)
        for j, a in row.items():
            matrix[i, j] = nearest(a / scale)
        limits[i] = nearest(-constant / scale)
    largest = max((abs(a) for a in cost.values()), default=fmpq(1)) or fmpq(1)
    costs = np.zeros(size)
    for j, a in cost.items():
        costs[j] = nearest(a / largest)
    low = np.array([-np.inf if q is None else nearest(q) for q in polyhedron.lower], dtype=float)
    high = np.array([np.inf if q is None else nearest(q) for q in polyhedron.upper], dtype=float)
    wild = ~(np.abs(limits) < WILD)
    matrix[wild], limits[wild] = 0.0, -np.inf
    if (np.abs(low[np.isfinite(low)]) > WILD).any() or (
        np.abs(high[np.isfinite(high)]) > WILD
    ).any():
        return None
    return LinearProgram(costs, matrix, limits, np.full(len(limits), np.inf), low, high)


def _checked(cost: Row, polyhedron: Polyhedron, basis: Basis) -> Least | None:
    tight = np.flatnonzero(basis.row_status != BasisStatus.BASIC).tolist()
    inner = np.flatnonzero(basis.col_status == BasisStatus.BASIC).tolist()
    if len(tight) != len(inner):
        return None
    values: list[fmpq] = []
    for status, low, high in zip(
        basis.col_status.tolist(), polyhedron.lower, polyhedron.upper, strict=True
    ):
        bound = {int(BasisStatus.LOWER): low, int(BasisStatus.UPPER): high}.get(status)
        values.append(ZERO if bound is None else bound)
    matrix = [[polyhedron.rows[i].get(j, ZERO) for j in inner] for i in tight]
    outer = set(range(len(values))) - set(inner)
    right = [
        -polyhedron.constants[i]
        - sum((a * values[j] for j, a in polyhedron.rows[i].items() if j in outer), ZERO)
        for i in tight
    ]
    solved = solve(matrix, right)
    if solved is None:
        return None
    for j, q in zip(inner, solved, strict=True):
        values[j] = q
    point = tuple(values)
    transposed = [[matrix[i][k] for i in range(len(tight))] for k in range(len(inner))]
    weights = solve(transposed, [cost.get(j, ZERO) for j in inner])
    if weights is None or any(w < 0 for w in weights) or not polyhedron.contains(point):
        return None
    rest = dict(cost)
    for i, weight in zip(tight, weights, strict=True):
        if weight:
            for j, a in polyhedron.rows[i].items():
                rest[j] = rest.get(j, ZERO) - weight * a
    for j, slope in rest.items():
        if slope and (polyhedron.lower[j] if slope > 0 else polyhedron.upper[j]) != point[j]:
            return None
    return Least(value(cost, ZERO, point), point)
