"""The elastic linear relaxation of a cheapest pattern: a certain lower bound, and proposals.

Each unit that may have either bit gets a share d in [0, 1] of bit 1 (see `regions.encoding`), and
Σ of the bits' costs is minimised over the relaxed program.  Its multipliers, re-evaluated with all
rounding charged, give a bound of the price; the solver's own word gives none.  With whole d the
same program proposes patterns.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from math import ceil

import numpy as np
import scipy.sparse as sp

from regions.encoding import encode, relaxation
from regions.frame import Frame
from regions.network import Network
from regions.query.price import REFUSED, Price
from regions.ranges import Ranges
from solvers.backend import Backend
from solvers.dual_bound import dual_bound
from solvers.errors import BackendDisagreement, SolversError
from solvers.options import SolveOptions
from solvers.program import LinearProgram

PRESOLVED = 50_000  # entries of a program, up to which presolve takes no time to speak of
LARGEST = 2**50  # prices beyond are no exact costs


@dataclass(frozen=True, eq=False)
class Relaxed:
    """A lower bound of the price, and the coordinates of the solver's point."""

    bound: int
    point: np.ndarray | None


def elastic(
    network: Network,
    frame: Frame,
    known: Ranges,
    price: Price,
    backend: Backend,
    seconds: float | None,
) -> Relaxed:
    """Solve the relaxation; a bound of 0 where that fails."""
    off, on = price.costs()
    if max(int(off.sum()), int(on.sum())) > LARGEST:
        return Relaxed(0, None)
    builder, program = relaxation(network, frame, known, len(network.layers))
    columns, _ = builder.labels()
    starts = np.concatenate([[0], np.cumsum(network.widths)])
    cost = np.zeros(program.num_cols)
    fixed = np.concatenate([np.zeros(0, np.int8), *map(known.bits, range(1, len(starts)))])
    constant = int(off[fixed == 0].sum() + on[fixed == 1].sum() + off[fixed < 0].sum())
    for j, column in enumerate(columns):
        if column.kind == "d":
            unit = starts[column.layer - 1] + column.unit
            cost[j] = float(on[unit] - off[unit])
    try:
        with backend.open(dataclasses.replace(program, cost=cost)) as session:
            solution = session.solve(seconds)
    except BackendDisagreement:
        raise
    except SolversError:
        return Relaxed(0, None)
    duals = solution.row_duals
    if duals is None or np.shape(duals) != (program.num_rows,):
        duals = np.zeros(program.num_rows)  # the bounds of the columns alone
    bound = dual_bound(program, cost, duals)
    least = 0 if not np.isfinite(bound) else max(constant + ceil(bound), 0)
    return Relaxed(least, _coordinates(solution.x, program.num_cols, frame.dim))


def proposed(
    network: Network,
    frame: Frame,
    known: Ranges,
    price: Price,
    backend: Backend,
    seconds: float,
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """(a flat pattern, the coordinates of a point) of the mixed-integer program, or None."""
    off, on = price.costs()
    if max(int(off.sum()), int(on.sum())) > LARGEST:
        return None, None
    encoding = encode(network, frame, form="milp", known=known)
    starts = np.concatenate([[0], np.cumsum(network.widths)])
    cost = np.zeros(encoding.program.num_cols)
    for j in encoding.switches.tolist():
        column = encoding.columns[j]
        unit = starts[column.layer - 1] + column.unit
        cost[j] = float(on[unit] - off[unit])
    program = dataclasses.replace(encoding.program, cost=cost)
    try:
        with backend.open(program, _options(program)) as session:
            x = session.solve(seconds).x
    except BackendDisagreement:
        raise
    except SolversError:
        return None, None
    point = _coordinates(x, program.num_cols, frame.dim)
    if x is None or point is None:
        return None, None
    bits = np.concatenate([np.zeros(0, np.int8), *encoding.proposed(x)]).astype(np.int8)
    return (bits if price.of(bits[None, :])[0] != REFUSED else None), point


def _options(program: LinearProgram) -> SolveOptions:
    """Without presolve for large programs: there HiGHS looks at no limit until it is through."""
    large = sp.csr_array(program.matrix).nnz > PRESOLVED
    return SolveOptions(presolve="off" if large else "choose")


def _coordinates(x: np.ndarray | None, size: int, dim: int) -> np.ndarray | None:
    if x is None or np.shape(x) != (size,) or not np.isfinite(x[:dim]).all():
        return None
    return np.array(x[:dim])
