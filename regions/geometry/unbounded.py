"""Whether a body is bounded, exactly."""

from __future__ import annotations

from collections.abc import Sequence

from flint import fmpq

from regions.counting.tree import Stop
from regions.geometry.centred import Centred
from solvers.exact_simplex import Unbounded, minimise


def is_bounded(centred: Centred, rows: Sequence[int], stop: Stop) -> bool:
    """Whether the body given by these rows, which include all facets, is bounded.

    A coordinate with both bounds is; so is one that exact pivots find to be, in both directions.

    Raises
    ------
    Stopped
        When `stop` said so.
    """
    body = centred.body
    ends = {(j, sign) for j, sign, _ in body.bounds}
    left = [(j, s) for j in range(body.dim) for s in (1, -1) if (j, s) not in ends]
    if not left:
        return True
    forms = [centred.exact_form(i) for i in rows]
    for j, sign in left:
        cost = [fmpq(-sign * int(k == j)) for k in range(body.dim)]
        found = minimise(cost, [row for row, _ in forms], [value for _, value in forms], stop=stop)
        if isinstance(found, Unbounded):
            return False
    return True
