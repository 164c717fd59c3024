"""The largest t with a_i·u + β_i >= e_i t for all rows, with e_i >= 0: balls and chords.

With e_i = ‖a_i‖, t is the radius of the largest ball.  With e_i = max(0, -a_i·δ), it is the length
of the longest chord parallel to δ, in multiples of δ: y and y + t δ both lie in the body.  Where
the rows are few, exact pivots solve it; else a float solver proposes, its point gives a lower bound
and its multipliers an upper one, both certain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from flint import fmpq

from regions.counting.points import ExactPoint
from regions.counting.tree import Stop
from regions.geometry.centred import HALF_ULP, TINY, Centred
from solvers.backend import Backend
from solvers.errors import BackendDisagreement, SolversError
from solvers.exact_simplex import Minimum, minimise
from solvers.float_rows import FloatRows, gamma, lower_bound
from solvers.options import SolveOptions
from solvers.program import LinearProgram
from solvers.rational import nearest, rational

SHRINK = (0.0, 1e-12, 1e-9, 1e-6, 1e-3)


@dataclass(frozen=True, eq=False)
class Inscribed:
    """low <= the largest t <= high (None: no bound known), and a point u that attains low.

    `unbounded`: every t will do.
    """

    low: fmpq
    high: fmpq | None
    point: ExactPoint
    unbounded: bool = False


def exactly_inscribed(
    centred: Centred, rows: Sequence[int], e: Callable[[int], tuple[fmpq, fmpq]], stop: Stop
) -> Inscribed:
    """By exact pivots over some rows of the body, which include all facets.

    `e` gives bounds of e_i; where both agree, so do those of t.
    """
    dim = centred.body.dim
    forms = {i: centred.exact_form(i) for i in rows}
    bounds = {i: e(i) for i in rows}
    table = [{**forms[i][0], dim: -bounds[i][0]} for i in rows]
    cost = [fmpq(0)] * dim + [fmpq(-1)]
    found = minimise(cost, table, [forms[i][1] for i in rows], stop=stop)
    if not isinstance(found, Minimum):
        return Inscribed(fmpq(0), None, centred.centre, unbounded=True)
    step = found.point[:dim]
    low = -found.value
    if any(first != second for first, second in bounds.values()):
        values = {
            i: value + sum((a * step[j] for j, a in row.items()), fmpq(0))
            for i, (row, value) in forms.items()
        }
        low = min(values[i] / bounds[i][1] for i in rows if bounds[i][1])
    point = tuple(c + y for c, y in zip(centred.centre, step, strict=True))
    return Inscribed(low, -found.value, point)


def inscribed(
    centred: Centred,
    rows: Sequence[int],
    e: np.ndarray,
    e_error: np.ndarray,
    backend: Backend,
    time_limit: float | None = None,
    method: str = "choose",
) -> Inscribed:
    """By a float solver over v; t, e and the result are in its units of `centred.scale`.

    e, e_error
        (rows of the body,) e_i of the scaled rows, and bounds on their errors.
    """
    dim = centred.body.dim
    taken = np.array(rows, dtype=np.int64)
    solution = _solved(centred, taken, e, backend, time_limit, method)
    low, step, high = 0.0, np.zeros(dim), np.inf
    if solution is not None:
        x, y = solution
        low, step = _feasible(centred, taken, e + e_error, x[:dim])
        if y is not None:
            high = _above(centred, taken, e, e_error, np.maximum(y, 0.0), low)
    scale = rational(centred.scale)
    point = centred.exact(step)
    if low <= 0:
        point = centred.centre
    return Inscribed(
        rational(max(low, 0.0)) * scale, None if high == np.inf else rational(high) * scale, point
    )


def norms(centred: Centred) -> tuple[np.ndarray, np.ndarray]:
    """‖a_i‖ over x of the scaled rows, and bounds on the errors."""
    a, dim = centred.rows.a, centred.body.dim
    gram = centred.body.gram
    sides = np.ones(centred.num_bounds)
    if gram is None:
        size = np.sqrt(np.einsum("ij,ij->i", a, a))
        error = gamma(dim + 4) * size + np.sqrt(
            np.einsum("ij,ij->i", centred.rows.a_error, centred.rows.a_error)
        )
        return np.concatenate([sides, size]), np.concatenate([0 * sides, error * 1.01 + TINY])
    exact = [rational(0.0)] * len(centred.body)
    for i in range(len(centred.body)):
        exact[i] = centred.body.squared_norm(i)
    scaling = [
        nearest(abs(next(iter(centred.body.exact(i)[0].values())))) for i in range(len(exact))
    ]
    ours = [
        abs(float(centred.goal(i).a[0, next(iter(centred.body.exact(i)[0]))]))
        for i in range(len(exact))
    ]
    size = np.array(
        [np.sqrt(nearest(q)) / s * o for q, s, o in zip(exact, scaling, ours, strict=True)]
    )
    return size, 1e-14 * size + TINY


def _solved(
    centred: Centred,
    taken: np.ndarray,
    e: np.ndarray,
    backend: Backend,
    time_limit: float | None,
    method: str,
) -> tuple[np.ndarray, np.ndarray | None] | None:
    """The solver's (v, t), and its multipliers."""
    dim = centred.body.dim
    matrix, slacks = _matrix(centred, taken)
    column = sp.csr_array(-e[taken][:, None])
    matrix = sp.csr_array(sp.hstack([matrix, column]))
    low, high = np.append(centred.low, 0.0), np.append(centred.high, np.inf)
    try:
        program = LinearProgram(
            np.append(np.zeros(dim), -1.0), matrix, -slacks, np.full(len(taken), np.inf), low, high
        )
        options = SolveOptions(
            feasibility_tol=1e-9, optimality_tol=1e-9, method=method, time_limit=time_limit
        )
        with backend.open(program, options) as session:
            solution = session.solve()
    except BackendDisagreement:
        raise
    except SolversError:
        return None
    if solution.x is None or not np.isfinite(solution.x).all():
        return None
    return np.array(solution.x), solution.row_duals


def _matrix(centred: Centred, taken: np.ndarray) -> tuple[sp.csr_array, np.ndarray]:
    """Rows of the body over v, sparse, and their constants."""
    first, dim = centred.num_bounds, centred.body.dim
    sides, dense = taken[taken < first], taken[taken >= first] - first
    signs = np.array([-centred.body.bounds[i][1] for i in sides.tolist()], dtype=float)
    cols = np.array([centred.body.bounds[i][0] for i in sides.tolist()], dtype=np.int64)
    upper = sp.csr_array((signs, (np.arange(len(sides)), cols)), shape=(len(sides), dim))
    lower = sp.csr_array(centred.rows.a[dense])
    slacks = centred.slacks()
    order = np.concatenate([sides, dense + first])
    assert (order == taken).all(), "rows in ascending order"
    return sp.csr_array(sp.vstack([upper, lower])), slacks[order]


def _feasible(
    centred: Centred, taken: np.ndarray, e_high: np.ndarray, v: np.ndarray
) -> tuple[float, np.ndarray]:
    """A t that certainly fits at a point on the way from v to the centre, and the point."""
    best, where = 0.0, np.zeros(len(v))
    for shrink in SHRINK:
        point = v * (1 - shrink)
        values, errors = centred.values(point[None, :])
        room = (values[0] - errors[0])[taken]
        with np.errstate(divide="ignore"):
            fits = np.where(e_high[taken] > 0, room / e_high[taken], np.inf)
        if (room < 0).any():
            continue
        t = float(fits.min(initial=np.inf)) * (1 - 4 * HALF_ULP)
        if np.isfinite(t) and t > best:
            best, where = t, point
    return best, where


def _above(
    centred: Centred,
    taken: np.ndarray,
    e: np.ndarray,
    e_error: np.ndarray,
    multipliers: np.ndarray,
    low: float,
) -> float:
    """What the multipliers prove: t <= Σ y_i (a_i·v + s_i) / Σ y_i e_i, over the bounds of v."""
    used = np.flatnonzero(multipliers > 0)
    dim = centred.body.dim
    goals = [centred.goal(int(i)) for i in taken[used]]
    if not goals:
        return np.inf
    rows = FloatRows.stacked(goals, dim)
    index = taken[used]
    # a bound on t of any size will do for what rounding leaves of it
    most = _crude(centred, taken, e, low)
    extended = FloatRows(
        np.column_stack([rows.a, -e[index]]),
        rows.c,
        np.column_stack([rows.a_error, e_error[index]]),
        rows.c_error,
    )
    none = np.zeros((1, dim + 1))
    goal = FloatRows(np.append(np.zeros(dim), -1.0)[None, :], np.zeros(1), none, np.zeros(1))
    bound = lower_bound(
        goal,
        extended,
        multipliers[used],
        np.append(centred.low, 0.0),
        np.append(centred.high, most),
    )
    return float(max(-bound, low)) if np.isfinite(bound) else np.inf


def _crude(centred: Centred, taken: np.ndarray, e: np.ndarray, low: float) -> float:
    """A bound on t from the bounds of v alone: the least over the rows of their largest value."""
    with np.errstate(all="ignore"):
        best = np.inf
        for i in taken[np.argsort(-e[taken])[:50]].tolist():
            _, high = centred.goal(i).over_box(centred.low, centred.high)
            best = min(best, float(high[0]) / (e[i] * (1 - 1e-9)))
    return float(best) if best >= low else np.inf
