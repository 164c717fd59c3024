"""Which rows of a body are facets.

A row is a facet iff some point violates it and satisfies all rows that say something else
strictly: on the segment from a point inside to that point, where the row is zero, all the others
are positive.  So the certificate of a facet is such a point, and floats may find it.  A row that is
no facet is bounded below on the others: a rigorous float bound, or exact pivots.

The search (Clarkson 1994): rays from the centre find most facets.  For each remaining row a linear
program over the facets known so far looks for a point beyond it; the ray to this point meets a new
facet first, or none is found and the row is redundant.

Source: K. L. Clarkson, More output-sensitive geometric algorithms, FOCS 1994.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np
from flint import fmpq

from regions.cell import Side, Unit
from regions.counting.tree import Stop
from regions.geometry.body import Body
from regions.geometry.centred import HALF_ULP, TINY, Centred
from regions.geometry.coinciding import coinciding
from regions.geometry.programs import RowProgram
from solvers.backend import Backend
from solvers.exact_simplex import Minimum, Row, Stopped, minimise
from solvers.float_rows import lower_bound
from solvers.skeleton import Skeleton, TooLarge

LOW_DIM = 10  # up to here the vertices are tried first
MOST_RAYS = 1500  # of a polyhedron while its vertices are found
RAYS_AT_ONCE = 64
JITTERS = (0.0, 0.001, 0.03)
ROOM = 40_000_000  # doubles that a batch of rays may take


@dataclass(frozen=True)
class Facet:
    """A face of dimension d - 1.

    Attributes
    ----------
    row
        The lowest of the rows that vanish on it.
    rows
        All of them.
    origins
        Where they come from; several if hyperplanes coincide.
    """

    row: int
    rows: tuple[int, ...]
    origins: tuple[Unit | Side, ...]

    @property
    def units(self) -> tuple[tuple[int, int], ...]:
        """The units (layer, unit) among the origins."""
        return tuple((o.layer, o.unit) for o in self.origins if isinstance(o, Unit))

    @property
    def sides(self) -> tuple[str, ...]:
        """The sides of the domain among the origins."""
        return tuple(o.name for o in self.origins if isinstance(o, Side))


@dataclass(frozen=True)
class Facets:
    """The facets found, by row; `undecided` rows may be facets or not.

    `redundant` rows are none.  All rows that say the same are named by the lowest.  In low
    dimension `skeleton` has the vertices; its rows are the facets, in order.
    """

    facets: tuple[Facet, ...]
    redundant: tuple[int, ...]
    undecided: tuple[int, ...]
    skeleton: Skeleton | None = field(default=None, compare=False, repr=False)

    @property
    def complete(self) -> bool:
        """Whether every row is decided."""
        return not self.undecided


def facets(
    centred: Centred,
    backend: Backend,
    stop: Stop | None = None,
    *,
    seed: int = 0,
    method: str = "auto",
) -> Facets:
    """The facets of a body; with a limit, those that were found by then.

    `method` is "vertices" (the double description, for low dimensions), "programs", or "auto".
    Every answer is certain: see the head of this file.

    Examples
    --------
    >>> from regions.domain import Box
    >>> from regions.geometry.body import Body
    >>> from regions.network import Network
    >>> from regions.pattern import Pattern
    >>> from solvers.backend import get_backend
    >>> network = Network.from_layers([([[1, 1], [2, 2]], [-1, -2]), ([[2, 0]], [0])])
    >>> body = Body.of(network, Pattern.parse("11"), Box.cube(2, 0, 1))
    >>> found = facets(Centred.of(body, body.interior), get_backend("highs"))
    >>> [facet.rows for facet in found.facets], found.redundant
    ([(1,), (3,), (4, 5)], (0, 2))
    """
    search = _Search(centred, backend, stop or Stop(None), np.random.default_rng(seed))
    low = centred.body.dim <= LOW_DIM and method != "programs"
    try:
        if low or method == "vertices":
            with suppress(TooLarge):
                return search.by_vertices(None if method == "vertices" else MOST_RAYS)
        search.run()
    except Stopped:
        pass
    finally:
        search.program.close()
    return search.result()


@dataclass(eq=False)
class _Search:
    centred: Centred
    backend: Backend
    stop: Stop
    rng: np.random.Generator
    found: list[int] = field(default_factory=list)
    redundant: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.body: Body = self.centred.body
        self.leaders = coinciding(self.centred)
        self.open = sorted(set(self.leaders.tolist()))
        self.lead = np.array(self.open, dtype=np.int64)
        self.slacks = self.centred.slacks()
        self.program = RowProgram(self.centred, self.backend)

    def run(self) -> None:
        self._shoot_along_axes()
        self._shoot_at_rows()
        while self.open:
            if self.stop():
                raise Stopped
            self._decide(self.open[0])

    def by_vertices(self, limit: int | None) -> Facets:
        """From the vertices; the nearest rows first, so that most others cut nothing."""
        body, stop, most = self.body, self.stop, limit or 10**9
        with np.errstate(all="ignore"):
            normals = np.concatenate([self.centred.goal(i).a for i in self.open] or [[[1.0]]])
            order = np.argsort(
                self.slacks[self.lead] / np.linalg.norm(normals, axis=1)[: len(self.lead)]
            )
        rows = self.lead[order].tolist()
        whole = Skeleton.of(body.dim, [body.exact(i) for i in rows], most, stop)
        self.found = sorted(rows[k] for k in whole.facets())
        kept = set(self.found)
        self.redundant = [i for i in rows if i not in kept]
        self.open = []
        skeleton = Skeleton.of(body.dim, [body.exact(i) for i in self.found], most, stop)
        return replace(self.result(), skeleton=skeleton)

    def result(self) -> Facets:
        groups: dict[int, list[int]] = {}
        for index, leader in enumerate(self.leaders.tolist()):
            groups.setdefault(leader, []).append(index)
        made = tuple(
            Facet(i, tuple(groups[i]), tuple(self.body.origins[k] for k in groups[i]))
            for i in sorted(self.found)
        )
        return Facets(made, tuple(sorted(self.redundant)), tuple(self.open))

    def _settle(self, index: int, is_facet: bool) -> None:
        if index in self.open:
            self.open.remove(index)
            (self.found if is_facet else self.redundant).append(index)
            if is_facet:
                self.program.add(index)

    # -- rays ------------------------------------------------------------------------------

    def _shoot_along_axes(self) -> None:
        """Rays to the bounds: their slopes are columns, so all of them cost one pass."""
        centred, first = self.centred, self.centred.num_bounds
        rows, lead = centred.rows, self.lead[self.lead >= first] - first
        a, s = rows.a[lead], rows.c[lead]
        for index in [i for i in self.open if i < first]:
            j, sign, _ = self.body.bounds[index]
            t = self.slacks[index]
            slope, wrong = sign * a[:, j], rows.a_error[lead, j]
            with np.errstate(all="ignore"):
                times = np.where(slope < 0, s / -slope, np.inf)
                after = float(times.min(initial=np.inf))
                reach = min((t + after) / 2, 2 * t) if after > t else t
                values = s + reach * slope
                errors = rows.c_error[lead] + reach * wrong
                errors = errors + 8 * HALF_ULP * (np.abs(s) + reach * np.abs(slope)) + TINY
            if reach > t * (1 + 8 * HALF_ULP) and (values > 1.01 * errors).all():
                self._settle(index, True)

    def _shoot_at_rows(self) -> None:
        """Rays to the nearest point of each row's hyperplane, in the scaled coordinates."""
        dim = self.body.dim
        batch = max(1, min(RAYS_AT_ONCE, ROOM // (len(self.body) + dim + 1)))
        targets = sorted(self.lead.tolist(), key=lambda i: self.slacks[i])
        for start in range(0, len(targets), batch):
            if self.stop():
                raise Stopped
            some = [i for i in targets[start : start + batch] if i in self.open]
            if some:
                normals = np.concatenate([self.centred.goal(i).a for i in some])
                self._shoot(-normals / np.linalg.norm(normals, axis=1)[:, None])

    def _shoot(self, directions: np.ndarray) -> None:
        """Settle the rows that rays from the centre certainly meet first."""
        with np.errstate(all="ignore"):
            slopes = self.centred.slopes(directions)[:, self.lead]
            times = np.where(slopes < 0, self.slacks[self.lead] / -slopes, np.inf)
            first = np.argmin(times, axis=1)
            each = np.arange(len(directions))
            near = times[each, first]
            times[each, first] = np.inf
            after = times.min(axis=1, initial=np.inf)
            share = np.where(np.isfinite(after), (near + after) / 2, 2 * near)
            points = share[:, None] * directions
            good = np.isfinite(points).all(axis=1)
            good &= ~np.isin(self.lead[first], self.found)
        chosen = np.flatnonzero(good)
        for k, is_beyond in zip(
            chosen.tolist(), self._are_beyond(points[chosen], self.lead[first[chosen]]), strict=True
        ):
            if is_beyond:
                self._settle(int(self.lead[first[k]]), True)

    def _are_beyond(self, points: np.ndarray, index: np.ndarray) -> np.ndarray:
        """Whether each point certainly violates its row, and no other one."""
        if not len(points):
            return np.zeros(0, dtype=bool)
        values, errors = self.centred.values(points)
        each = np.arange(len(points))
        own = values[each, index] < -errors[each, index]
        values[each, index], errors[each, index] = 1.0, 0.0
        return own & (values[:, self.lead] > errors[:, self.lead]).all(axis=1)

    # -- one row ---------------------------------------------------------------------------

    def _decide(self, index: int) -> None:
        proposal = self.program.least(index, self.stop.seconds_left())
        if proposal is not None:
            point, weights = proposal
            if point is not None:
                before = len(self.open)
                for jitter in JITTERS:  # a ray through a lower face meets no facet first
                    noise = self.rng.standard_normal(len(point)) * np.abs(point).max(initial=0.0)
                    self._shoot((point + jitter * noise)[None, :])
                    if len(self.open) < before:
                        return  # a facet more; this row comes again, unless it was that
            if weights is not None and self._bounded(index, weights):
                self._settle(index, False)
                return
        self._exactly(index)

    def _bounded(self, index: int, weights: np.ndarray) -> bool:
        """Whether the multipliers prove that the row holds wherever the facets known so far do."""
        goal = self.centred.goal(index)
        rows, low, high = self.program.premises(index)
        return lower_bound(goal, rows, weights, low, high) >= 0

    def _exactly(self, index: int) -> None:
        """Exact pivots: first over the facets found, then over all other rows."""
        for others in (self.found, [i for i in self.lead.tolist() if i != index]):
            outcome = least(self.centred, index, others, self.stop)
            if isinstance(outcome, Minimum):
                self._settle(index, False)
                return
        self._settle(index, True)


def least(centred: Centred, index: int, others: Sequence[int], stop: Stop):
    """Minimise a row over some others, exactly; `Minimum` iff it is nowhere negative there."""
    forms = [centred.exact_form(i) for i in others if i != index]
    row, value = centred.exact_form(index)
    cost = [row.get(j, fmpq(0)) for j in range(centred.body.dim)]
    rows: list[Row] = [form for form, _ in forms]
    return minimise(cost, rows, [constant for _, constant in forms], below=-value, stop=stop)
