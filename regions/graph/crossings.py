"""`crossings`: which regions share a facet, from the list of all regions, without solving anything.

Let g be the row of a unit in region A, positive in A.  The region beyond {g = 0} would have the
bits of `geometry.neighbours`; mostly it is A with one bit flipped.  It is looked up among the
regions.  Let B be found.  On {g = 0} every unit has the same value z in A as in B, and the units
that do not vanish there have the same bits.  Let c be the point with g = 0 on the segment from the
point a of A to the point b of B.

- If every unit that does not vanish has the sign of its bit at c, then it has it around c, and A
  and B share a facet.  By convexity that is so if only units of the last layer are flipped: the
  others have the same values in A as in B, not on {g = 0} alone.
- If not, the facet is elsewhere, or there is none: `undecided` pairs are left to an exact search.

Forms are not composed for that: with the bits of A held, a pass forward from b gives A's own affine
functions at b, with rigorous bounds on the errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, pairwise

import numpy as np
from flint import fmpq

from regions.composition import exact_row
from regions.counting.witness import preactivations
from regions.frame import Frame
from regions.network import Network
from solvers.exact_simplex import Stopped
from solvers.rational import floats

ROOM = 8_000_000  # doubles in one batch of values
POINTS = 4  # regions whose points are mixed to a general one
CLOSE = 1.0 + 1e-9

Flat = tuple[int, ...]  # units, numbered through all layers


@dataclass(frozen=True, eq=False)
class Known:
    """All regions: bits (N, units), a point of each (N, inputs) and how far it may be off.

    Sorted by their bits.
    """

    network: Network
    frame: Frame
    bits: np.ndarray
    points: np.ndarray
    spread: np.ndarray

    def __len__(self) -> int:
        return len(self.bits)

    @cached_property
    def pulled(self) -> Network:
        """The network over the frame's coordinates."""
        return self.frame.pull(self.network)

    @cached_property
    def coordinates(self) -> np.ndarray:
        """(N, dim): the points over the frame, rounded."""
        origin = floats(np.array(self.frame.origin, dtype=object))
        basis = np.asarray(self.frame.basis.to_dense().approx)
        return np.linalg.lstsq(basis, (self.points - origin).T, rcond=None)[0].T

    @cached_property
    def starts(self) -> list[int]:
        """The number of the first unit of each layer, and of all units."""
        return list(accumulate(self.network.widths, initial=0))

    def place(self, flat: int) -> tuple[int, int]:
        """(layer from 1, unit) of a unit numbered through all layers."""
        layer = int(np.searchsorted(self.starts, flat, side="right"))
        return layer, flat - self.starts[layer - 1]

    def by_layer(self, region: int) -> list[np.ndarray]:
        """The bits of one region."""
        return [self.bits[region, a:b].astype(np.int8) for a, b in pairwise(self.starts)]

    # -- looking regions up ----------------------------------------------------------------

    @cached_property
    def _salt(self) -> np.ndarray:
        rng = np.random.default_rng(0)
        return rng.integers(0, 2**63, self.bits.shape[1], dtype=np.uint64)

    @cached_property
    def keys(self) -> np.ndarray:
        """(N,) one number for each region; regions of one number are told apart by their bits."""
        keys = np.zeros(len(self.bits), dtype=np.uint64)
        for unit, salt in enumerate(self._salt.tolist()):
            keys[self.bits[:, unit] == 1] ^= np.uint64(salt)
        return keys

    @cached_property
    def _sorted(self) -> tuple[np.ndarray, np.ndarray]:
        order = np.argsort(self.keys, kind="stable")
        return self.keys[order], order

    @cached_property
    def _index(self) -> dict[bytes, int]:
        return {row.tobytes(): k for k, row in enumerate(np.packbits(self.bits, axis=1))}

    def find(self, bits: np.ndarray) -> int | None:
        """The region with these bits."""
        return self._index.get(np.packbits(bits).tobytes())

    def flipped(self, regions: np.ndarray, units: np.ndarray) -> np.ndarray:
        """(n,) the regions that differ from the given ones in the given unit; -1 for none."""
        wanted = self.keys[regions] ^ self._salt[units]
        keys, order = self._sorted
        at = np.searchsorted(keys, wanted)
        found = np.full(len(regions), -1, dtype=np.int64)
        hits = np.flatnonzero(keys[np.minimum(at, len(keys) - 1)] == wanted)
        others = order[at[hits]]
        differ = self.bits[regions[hits]] != self.bits[others]
        good = (differ.sum(axis=1) == 1) & differ[np.arange(len(hits)), units[hits]]
        found[hits[good]] = others[good]
        for k in hits[~good].tolist():  # two regions of one number
            row = self.bits[regions[k]].copy()
            row[units[k]] ^= 1
            other = self.find(row)
            found[k] = -1 if other is None else other
        return found

    # -- values ----------------------------------------------------------------------------

    def values(
        self,
        regions: np.ndarray,
        points: np.ndarray,
        spread: np.ndarray,
        network: Network | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """(n, units): the affine functions of regions (n,) at points (n, inputs), and errors.

        Over the frame's coordinates, if `network` is the pulled one.
        """
        value, error = [points.T], [spread.T]
        z_all, e_all = [], []
        with np.errstate(over="ignore", invalid="ignore"):
            for layer, (first, last) in zip(
                self.network.layers, pairwise(self.starts), strict=True
            ):
                z, e = preactivations(layer, value, error)
                z_all.append(z.T)
                e_all.append(e.T)
                on = self.bits[regions, first:last].T == 1
                value.append(np.where(on, z, 0.0))
                error.append(np.where(on, e, 0.0))
        return np.concatenate(z_all, axis=1), np.concatenate(e_all, axis=1)

    def own(self, regions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The values at the regions' own points."""
        return self.values(regions, self.points[regions], self.spread[regions])

    def batches(self, count: int) -> Iterator[slice]:
        """Pieces of so many rows that fit into memory."""
        step = max(1, ROOM // (8 * max(1, self.bits.shape[1] + self.network.inputs)))
        for start in range(0, count, step):
            yield slice(start, start + step)


@dataclass(frozen=True, eq=False)
class Pair:
    """Two regions that differ in `flips`; `vanishing` are the units that are zero between them.

    `first` has bit 1 in `flips[0]`, whose row is the hyperplane between them.
    """

    first: int
    second: int
    flips: Flat
    vanishing: Flat


@dataclass(eq=False)
class Crossings:
    """Pairs with a common facet, and pairs that may have one."""

    edges: list[Pair] = field(default_factory=list)
    undecided: list[Pair] = field(default_factory=list)
    exact_regions: int = 0

    def extend(self, pairs: list[Pair], sure: np.ndarray) -> None:
        """Put pairs where they belong."""
        self.edges += [pair for pair, good in zip(pairs, sure.tolist(), strict=True) if good]
        self.undecided += [
            pair for pair, good in zip(pairs, sure.tolist(), strict=True) if not good
        ]


def crossings(
    known: Known,
    exactly: Callable[[int], list[Pair]],
    report: Callable[[int, int], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Crossings:
    """All pairs of regions that may share a facet, decided where that is cheap.

    `exactly` lists the pairs of one region, as first or second, where units may coincide.

    Raises
    ------
    Stopped
        When `stop` returned true.
    """
    result = Crossings()
    last = known.starts[-2] if known.network.widths else 0  # first unit of the last layer
    zero = _Zeros(known)
    for rows in known.batches(len(known)):
        if stop is not None and stop():
            raise Stopped
        regions = np.arange(len(known))[rows]
        single, general = _generic_units(known, regions, zero)
        at, units = np.nonzero(single & (known.bits[regions] == 1))
        others = known.flipped(regions[at], units)
        hit = np.flatnonzero(others >= 0)
        at, units, others = at[hit], units[hit], others[hit]
        pairs = [
            Pair(a, b, (u,), (u,))
            for a, b, u in zip(regions[at].tolist(), others.tolist(), units.tolist(), strict=True)
        ]
        result.extend(pairs, (units >= last) | facets_seen(known, pairs))
        for region in regions[~general].tolist():
            if stop is not None and stop():
                raise Stopped
            result.exact_regions += 1
            if report is not None:
                report(int(region), len(result.edges) + len(result.undecided))
            found = exactly(region)
            sure = np.array([pair.flips[0] >= last for pair in found], dtype=bool)
            result.extend(found, sure | facets_seen(known, found))
        if report is not None:
            report(int(regions[-1]) + 1, len(result.edges) + len(result.undecided))
    return result


def facets_seen(known: Known, pairs: list[Pair]) -> np.ndarray:
    """(pairs,) whether the segment between the two points certainly goes through a facet."""
    sure = np.zeros(len(pairs), dtype=bool)
    for rows in known.batches(len(pairs)):
        some = pairs[rows]
        first = np.array([pair.first for pair in some], dtype=np.int64)
        second = np.array([pair.second for pair in some], dtype=np.int64)
        lead = np.array([pair.flips[0] for pair in some], dtype=np.int64)
        away = np.zeros((len(some), known.bits.shape[1]), dtype=bool)
        for k, pair in enumerate(some):
            away[k, list(pair.vanishing)] = True
        here, e_here = known.own(first)
        there, e_there = known.values(first, known.points[second], known.spread[second])
        each = np.arange(len(some))
        g, e_g = here[each, lead], e_here[each, lead]
        h, e_h = there[each, lead], e_there[each, lead]
        with np.errstate(all="ignore"):
            share = g / (g - h)
            # |true share - share|, from the errors of g > 0 > h
            gap = (g - h) - (e_g + e_h)
            e_share = CLOSE * ((e_g + e_h) / gap + 1e-15)
            crossed = (g > e_g) & (h < -e_h) & (gap > 0) & np.isfinite(share)
            value = here + share[:, None] * (there - here)
            size = np.abs(here) + np.abs(there)
            error = e_here + e_there + e_share[:, None] * (size + e_here + e_there) + 1e-14 * size
            right = (np.abs(value) > error) & ((value > 0) == (known.bits[first] == 1))
        sure[rows] = crossed & (right | away).all(axis=1)
    return sure


class _Zeros:
    """Rows that are constant on the hull, decided exactly; each question is asked once."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self._answers: dict[tuple[int, bytes], tuple[bool, bool]] = {}

    def __call__(self, region: int, flat: int) -> tuple[bool, bool]:
        """(whether the unit's row has no slope, whether it is zero)."""
        known = self.known
        layer, unit = known.place(flat)
        before = known.bits[region, : known.starts[layer - 1]].tobytes()
        key = flat, before
        if key not in self._answers:
            row, constant = exact_row(known.pulled, known.by_layer(region), layer, unit)
            flat_row = not any(row)
            self._answers[key] = flat_row, flat_row and constant == fmpq(0)
        return self._answers[key]


def _generic_units(
    known: Known, regions: np.ndarray, zero: _Zeros
) -> tuple[np.ndarray, np.ndarray]:
    """Units whose hyperplane is certainly that of no other unit; (n, units) and (n,).

    The second: whether a region has such units and constant, non-zero ones alone.  The ratio of a
    row's values at two points is the same for rows that are multiples of each other.
    """
    here, e_here = known.own(regions)
    point, spread = _general_point(known)
    count = len(regions)
    there, e_there = known.values(
        regions, np.repeat(point[None], count, axis=0), np.repeat(spread[None], count, axis=0)
    )
    general = np.ones(count, dtype=bool)
    flat = np.zeros(here.shape, dtype=bool)
    with np.errstate(all="ignore"):
        vague = ~(np.abs(here) > 4 * e_here)
        ratio = there / here
        radius = (e_there + np.abs(ratio) * e_here) / np.maximum(np.abs(here) - e_here, 0.0)
        radius = CLOSE * radius + 1e-15 * np.abs(ratio)
        vague |= ~(np.isfinite(ratio) & np.isfinite(radius))
        maybe_flat = vague | (np.abs(ratio - 1.0) <= radius)
    for k, unit in np.argwhere(maybe_flat).tolist():
        constant, nothing = zero(int(regions[k]), unit)
        flat[k, unit] = constant
        general[k] &= not nothing and (constant or not vague[k, unit])
    ratio[flat], radius[flat] = np.inf, 0.0
    ratio[vague & ~flat], radius[vague & ~flat] = 0.0, 0.0  # these regions are not general
    order = np.argsort(ratio, axis=1, kind="stable")
    lows = np.take_along_axis(ratio - radius, order, axis=1)
    highs = np.maximum.accumulate(np.take_along_axis(ratio + radius, order, axis=1), axis=1)
    # sorted by their middles: an interval that reaches a later one reaches its neighbour's low end
    lows = np.minimum.accumulate(lows[:, ::-1], axis=1)[:, ::-1]
    meets = (highs[:, :-1] >= lows[:, 1:]) & np.isfinite(lows[:, 1:])
    general &= ~meets.any(axis=1)
    return ~flat & general[:, None], general


def _general_point(known: Known) -> tuple[np.ndarray, np.ndarray]:
    """A point of the domain's hull, and bounds on its rounding."""
    rng = np.random.default_rng(1)
    some = rng.choice(len(known), size=min(POINTS, len(known)), replace=False)
    weights = rng.uniform(0.5, 1.5, len(some))
    weights = np.round(weights / weights.sum() * 2**20) / 2**20
    weights[0] = 1.0 - weights[1:].sum()  # exactly 1 together
    size = np.abs(weights) @ np.abs(known.points[some])
    spread = np.abs(weights) @ known.spread[some] + 1e-15 * size
    return weights @ known.points[some], spread * CLOSE
