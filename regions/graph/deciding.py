"""Whether two regions share a facet, where their points alone do not tell: one pair at a time."""

from __future__ import annotations

from collections import Counter, OrderedDict

from regions.cell import Unit
from regions.counting.tree import Stop
from regions.domain_base import Domain
from regions.geometry.body import Body
from regions.graph.across import Across
from regions.graph.crossings import Known, Pair
from regions.pattern import Pattern
from solvers.backend import Backend

KEPT = 64  # regions, since a region's pairs come close together


class Decider:
    """Answers for the regions of one network in one domain."""

    def __init__(self, known: Known, domain: Domain, backend: Backend, stop: Stop) -> None:
        self.known, self.domain, self.backend, self.stop = known, domain, backend, stop
        self.numbers: Counter[str] = Counter()
        self._kept: OrderedDict[int, Across] = OrderedDict()

    def pairs(self, region: int) -> list[Pair]:
        """The pairs of a region whose first flipped unit has bit 1 in it."""
        across, known = self._across(region), self.known
        zero = [self._flat(unit) for unit in across.body.vanishing]
        found = []
        for beyond in across.candidates:
            flips = tuple(sorted(self._flat(unit) for unit in beyond.flipped))
            if known.bits[region, flips[0]] == 0:
                continue
            other = known.find(beyond.pattern.units())
            if other is not None:
                units = [self._flat(unit) for unit in beyond.facet.units]
                found.append(Pair(region, other, flips, tuple(sorted(units + zero))))
        return found

    def share_a_facet(self, pair: Pair) -> bool:
        """Whether the closed cells of a pair meet in a set of dimension d - 1.

        Raises
        ------
        Stopped
            When `stop` returned true.
        """
        across = self._across(pair.first)
        layer, unit = self.known.place(pair.flips[0])
        index = across.body.origins.index(Unit(layer, unit, 1))
        return across.is_facet(int(across.leaders[index]))

    def _flat(self, unit: tuple[int, int]) -> int:
        return self.known.starts[unit[0] - 1] + unit[1]

    def _across(self, region: int) -> Across:
        if region not in self._kept:
            known = self.known
            body = Body.of(
                known.network, Pattern.from_bits(known.by_layer(region)), self.domain,
                frame=known.frame, backend=self.backend, stop=self.stop,
            )  # fmt: skip
            self._kept[region] = Across(body, self.backend, self.stop, self.numbers)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return self._kept[region]
