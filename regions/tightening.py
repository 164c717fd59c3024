"""`tightened`: ranges by linear programs, within a time limit.

For each unit that is still open, a linear program over the relaxation of all earlier layers looks
for its least and largest pre-activation.  The solver's word does not count: its multipliers do,
re-evaluated as a rigorous bound, so that a wrong answer costs tightness only.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from regions.encoding import relaxation
from regions.frame import Frame
from regions.network import Network
from regions.ranges import Ranges, next_layer
from solvers.backend import Backend, Session
from solvers.dual_bound import dual_bound
from solvers.errors import BackendDisagreement, SolversError
from solvers.float_rows import TINY, UNIT_ROUNDOFF
from solvers.options import SolveOptions
from solvers.program import LinearProgram


def tightened(
    network: Network,
    frame: Frame,
    known: Ranges,
    backend: Backend,
    seconds: float,
    stop: Callable[[], bool] | None = None,
) -> Ranges:
    """The ranges `known`, made tighter for about so many seconds, the first layers first.

    Examples
    --------
    >>> from regions.domain import Box, Polytope
    >>> from regions.ranges import ranges
    >>> from solvers.backend import get_backend
    >>> frame = Frame.of(Box.cube(2, -1, 1) & Polytope([[1, 2]], [1]))
    >>> network = Network.from_layers([([[1, 2]], [0]), ([[1]], [0])])
    >>> before = ranges(network, frame.box())
    >>> after = tightened(network, frame, before, get_backend("highs"), 10)
    >>> [round(float(found.high[0][0]), 6) for found in (before, after)]
    [3.0, 1.0]
    """
    deadline = time.monotonic() + seconds
    found = Ranges(known.box, (), (), ())
    for position in range(1, len(network.layers) + 1):
        low, high = known.low[position - 1].copy(), known.high[position - 1].copy()
        below, above = next_layer(network, found, position)
        low, high = np.maximum(low, below), np.minimum(high, above)
        units = np.flatnonzero((low < 0) & (high > 0))
        # the first layer's intervals over a box are exact already
        is_exact = position == 1 and not frame.rows.shape[0]
        if len(units) and not is_exact and time.monotonic() < deadline:
            _solve_layer(network, frame, found, position, low, high, backend, deadline, stop)
        found = found.extended(low, high, known.given[position - 1])
    return found


def _solve_layer(
    network: Network,
    frame: Frame,
    found: Ranges,
    position: int,
    low: np.ndarray,
    high: np.ndarray,
    backend: Backend,
    deadline: float,
    stop: Callable[[], bool] | None,
) -> None:
    """Raise `low` and lower `high` of the open units of a layer."""
    layer = network.layers[position - 1]
    builder, program = relaxation(network, frame, found, position - 1)
    bias, errors = np.asarray(layer.bias.approx)[:, 0].tolist(), builder.rounding(layer).tolist()
    try:
        with backend.open(program, SolveOptions(presolve="off")) as session:
            for unit in np.flatnonzero((low < 0) & (high > 0)).tolist():
                cost = builder.costs(layer, unit)
                for sign, side in ((1.0, low), (-1.0, high)):
                    left = deadline - time.monotonic()
                    if left <= 0 or (stop is not None and stop()):
                        return
                    bound = _bound(session, program, sign * cost, left)
                    bound = sign * _sum(bound, sign * bias[unit], -errors[unit])
                    side[unit] = max(side[unit], bound) if sign > 0 else min(side[unit], bound)
    except BackendDisagreement:
        raise
    except SolversError:  # a program that the solver rejects: the bounds stay as they are
        return


def _bound(session: Session, program: LinearProgram, cost: np.ndarray, seconds: float) -> float:
    session.set_cost(cost)
    duals = session.solve(seconds).row_duals
    if duals is None or np.shape(duals) != (program.num_rows,):
        return -np.inf
    return dual_bound(program, cost, duals)


def _sum(*terms: float) -> float:
    """At most the sum of a few terms."""
    return sum(terms) - 8 * UNIT_ROUNDOFF * sum(map(abs, terms)) - TINY
