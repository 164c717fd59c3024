"""Whether two regions share a facet, where their points alone do not tell: one pair at a time.

The pairs are those of `crossings`: with A's own rows, is there a point beyond the hyperplane
between them that satisfies every other row strictly?  On the way to it from a point inside A lies a
point of the facet.  A linear program proposes the point, or multipliers that exclude it; exact
pivots decide where neither holds up.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np

from regions.cell import Unit
from regions.counting.tree import Stop
from regions.domain_base import Domain
from regions.geometry.body import Body
from regions.geometry.centred import Centred
from regions.geometry.coinciding import coinciding
from regions.geometry.facets import Facet, least
from regions.geometry.neighbours import neighbour
from regions.geometry.programs import RowProgram
from regions.graph.crossings import Known, Pair
from regions.pattern import Pattern
from solvers.backend import Backend
from solvers.exact_simplex import Minimum
from solvers.float_rows import lower_bound

KEPT = 64  # bodies, since a region's pairs come close together


class Decider:
    """Answers for the regions of one network in one domain."""

    def __init__(self, known: Known, domain: Domain, backend: Backend, stop: Stop) -> None:
        self.known, self.domain, self.backend, self.stop = known, domain, backend, stop
        self.programs = 0
        self.by_pivots = 0
        self._bodies: OrderedDict[int, tuple[Centred, np.ndarray]] = OrderedDict()

    def pairs(self, region: int) -> list[Pair]:
        """The pairs of a region whose first flipped unit has bit 1 in it."""
        centred, leaders = self._body(region)
        body, known = centred.body, self.known
        zero = [self._flat(unit) for unit in body.vanishing]
        found = []
        for leader in sorted(set(leaders.tolist())):
            rows = np.flatnonzero(leaders == leader).tolist()
            origins = tuple(body.origins[row] for row in rows)
            beyond = neighbour(body, Facet(leader, tuple(rows), origins))
            if beyond is None:
                continue
            flips = tuple(sorted(self._flat(unit) for unit in beyond.flipped))
            if known.bits[region, flips[0]] == 0:
                continue
            other = known.find(beyond.pattern.units())
            if other is not None:
                units = [self._flat((o.layer, o.unit)) for o in origins if isinstance(o, Unit)]
                found.append(Pair(region, other, flips, tuple(sorted(units + zero))))
        return found

    def share_a_facet(self, pair: Pair) -> bool:
        """Whether the closed cells of a pair meet in a set of dimension d - 1.

        Raises
        ------
        Stopped
            When `stop` returned true.
        """
        centred, leaders = self._body(pair.first)
        body = centred.body
        layer, unit = self.known.place(pair.flips[0])
        index = body.origins.index(Unit(layer, unit, 1))
        others = [i for i in sorted(set(leaders.tolist())) if i != leaders[index]]
        program = RowProgram(centred, self.backend)
        try:
            for row in others:
                program.add(row)
            proposal = program.least(index, self.stop.seconds_left())
            self.programs += 1
            if proposal is not None:
                point, weights = proposal
                if point is not None and _crosses(centred, index, others, point):
                    return True
                if weights is not None:
                    rows, low, high = program.premises(index)
                    if lower_bound(centred.goal(index), rows, weights, low, high) >= 0:
                        return False
        finally:
            program.close()
        self.by_pivots += 1
        return not isinstance(least(centred, index, others, self.stop), Minimum)

    def _flat(self, unit: tuple[int, int]) -> int:
        return self.known.starts[unit[0] - 1] + unit[1]

    def _body(self, region: int) -> tuple[Centred, np.ndarray]:
        if region not in self._bodies:
            known = self.known
            body = Body.of(
                known.network, Pattern.from_bits(known.by_layer(region)), self.domain,
                frame=known.frame, backend=self.backend, stop=self.stop,
            )  # fmt: skip
            centred = Centred.of(body, body.interior)
            self._bodies[region] = centred, coinciding(centred)
            if len(self._bodies) > KEPT:
                self._bodies.popitem(last=False)
        return self._bodies[region]


def _crosses(centred: Centred, index: int, others: list[int], point: np.ndarray) -> bool:
    """Whether the ray from the centre to the point meets the row, and certainly no other before."""
    with np.errstate(all="ignore"):
        slope = centred.slopes(point[None, :])[0, index]
        share = centred.slacks()[index] / -slope
        if not 0 < share < 1:
            return False
        for way in (share + (1 - share) / 64, share + (1 - share) / 2**20):
            values, errors = (v[0] for v in centred.values((way * point)[None, :]))
            if values[index] < -errors[index] and (values[others] > errors[others]).all():
                return True
    return False
