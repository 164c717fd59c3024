"""`Across`: what would lie beyond each hyperplane on a region, and whether a facet is there.

With the region's own rows: is there a point beyond a hyperplane that satisfies every other row
strictly?  On the way to it from a point inside lies a point of the facet (see `geometry.facets`).
A ray or a linear program proposes the point, or multipliers that exclude it; exact pivots decide
where neither holds up.  Unlike a search for all facets, rows that are not asked about cost nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from regions.composition import exact_layers
from regions.counting.tree import Stop
from regions.geometry.body import Body
from regions.geometry.centred import EXACT_ENTRIES, Centred
from regions.geometry.coinciding import coinciding
from regions.geometry.facets import Facet, least
from regions.geometry.neighbours import Neighbour, neighbour
from regions.geometry.programs import WILD
from solvers.backend import Backend, Session
from solvers.errors import BackendDisagreement, SolversError
from solvers.exact_simplex import Minimum
from solvers.float_rows import lower_bound
from solvers.options import SolveOptions
from solvers.program import LinearProgram
from solvers.solution import Status

SHARES = (2.0**-6, 2.0**-20, 0.5)  # beyond the row, of the way to where something else ends


@dataclass(eq=False)
class Across:
    """One region; `numbers` counts how questions were answered."""

    body: Body
    backend: Backend
    stop: Stop
    numbers: Counter[str] = field(default_factory=Counter)

    @cached_property
    def centred(self) -> Centred:
        """The region around its point inside."""
        _compose(self.body)
        return Centred.of(self.body, self.body.interior)

    @cached_property
    def leaders(self) -> np.ndarray:
        """(rows,) the lowest row that says the same."""
        return coinciding(self.centred)

    @cached_property
    def lead(self) -> np.ndarray:
        """The lowest rows of those that say the same."""
        return np.unique(self.leaders)

    @cached_property
    def candidates(self) -> tuple[Neighbour, ...]:
        """The regions that would lie beyond the rows, the domain's sides left out.

        That of a row which is a facet is there; of the others, nothing is said.
        """
        found = []
        for leader in self.lead.tolist():
            rows = tuple(np.flatnonzero(self.leaders == leader).tolist())
            origins = tuple(self.body.origins[row] for row in rows)
            beyond = neighbour(self.body, Facet(leader, rows, origins))
            if beyond is not None:
                found.append(beyond)
        return tuple(found)

    def is_facet(self, index: int) -> bool:
        """Whether a row, the lowest of those that say the same, is a facet.

        Raises
        ------
        Stopped
            When `stop` returned true.
        """
        direction = -self.centred.goal(index).a[0]
        if self._meets(index, direction, np.inf):
            self.numbers["by_rays"] += 1
            return True
        self.numbers["programs"] += 1
        proposal = self._program.least(index, self.stop.seconds_left())
        if proposal is not None:
            point, weights = proposal
            if self._meets(index, point, 1.0):
                return True
            if self._program.bounded(index, weights):
                return False
        self.numbers["by_pivots"] += 1
        others = self.lead[self.lead != index].tolist()
        return not isinstance(least(self.centred, index, others, self.stop), Minimum)

    @cached_property
    def _program(self) -> _Program:
        return _Program(self.centred, self.lead[self.lead >= self.centred.num_bounds], self.backend)

    def _meets(self, index: int, direction: np.ndarray, end: float) -> bool:
        """Whether a ray from the centre certainly meets this row before any other one.

        Others are looked for up to `end` times the direction.
        """
        with np.errstate(all="ignore"):
            slopes = self.centred.slopes(direction[None, :])[0]
            times = np.where(slopes < 0, self.centred.slacks() / -slopes, np.inf)
            others = self.lead[self.lead != index]
            near, far = times[index], min(times[others].min(initial=np.inf), end)
            if not near < far:
                return False
            far = 2 * near if np.isinf(far) else far
            ways = [near + share * (far - near) for share in SHARES]
            values, errors = self.centred.values(np.array(ways)[:, None] * direction)
            beyond = values[:, index] < -errors[:, index]
            return bool((beyond & (values[:, others] > errors[:, others]).all(axis=1)).any())


def _compose(body: Body) -> None:
    """Compose all exact rows at once, where that is cheaper than one by one."""
    blocks = body.cell.blocks
    if not blocks or len(body) * max(1, body.dim) > EXACT_ENTRIES:
        return
    network = blocks[0].rows.network
    if any(block.is_sparse for layer in network.layers for _, block in layer.weights[:1]):
        return
    layers = exact_layers(network, list(body.pattern.layers()))
    for block in blocks:
        block.rows.fill(layers[block.rows.position - 1])


class _Program:
    """min a_i·v + s_i over all rows (in `lead`) but row i, which is relaxed; it only proposes."""

    def __init__(self, centred: Centred, lead: np.ndarray, backend: Backend) -> None:
        self.centred, self.backend = centred, backend
        self.place = {row: k for k, row in enumerate(lead.tolist())}
        self.rows = centred.rows.take(lead - centred.num_bounds)
        self._session: Session | None = None

    def least(self, index: int, time_limit: float | None) -> tuple[np.ndarray, np.ndarray] | None:
        """(point, multipliers of the rows), as proposed."""
        at = self.place[index]
        try:
            session = self._opened()
            session.set_cost(self.rows.a[at])
            relaxed = -self.rows.c[at] - max(1.0, self.rows.c[at] / 2)
            session.set_row(at, relaxed, np.inf)
            solution = session.solve(time_limit)
            session.set_row(at, -self.rows.c[at], np.inf)
        except BackendDisagreement:
            raise
        except SolversError:
            self._session = None
            return None
        x, y = solution.x, solution.row_duals
        if solution.status is not Status.OPTIMAL or x is None or y is None:
            return None
        return (x, y) if np.isfinite(x).all() and np.isfinite(y).all() else None

    def bounded(self, index: int, weights: np.ndarray) -> bool:
        """Whether multipliers of the other rows prove that the row is nowhere negative."""
        others = np.array(weights)
        others[self.place[index]] = 0.0
        goal, low, high = self.centred.goal(index), self.centred.low, self.centred.high
        return lower_bound(goal, self.rows, others, low, high) >= 0

    def _opened(self) -> Session:
        if self._session is None:
            low, high = self.centred.low.copy(), self.centred.high.copy()
            low[low < -WILD], high[high > WILD] = -np.inf, np.inf
            program = LinearProgram(
                np.zeros(self.centred.body.dim), self.rows.a, -self.rows.c,
                np.full(len(self.rows.c), np.inf), low, high,
            )  # fmt: skip
            options = SolveOptions(presolve="off", feasibility_tol=1e-9, optimality_tol=1e-9)
            self._session = self.backend.open(program, options)
        return self._session
