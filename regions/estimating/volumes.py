"""The number of regions from the volumes of those that uniform points hit.

With x uniform in D, E[1 / vol R(x)] = Σ_R (vol R / vol D) / vol R = N / vol D.  So X =
vol D / vol R(x) is an unbiased estimate of N: large regions are hit more often, and count less for
each hit.  Volumes are exact rationals wherever the vertices are few enough.

The waiting-time form needs no volume: draw uniformly from a box B that contains R(x) until R(x) is
hit.  The number of draws T has mean vol B / vol R(x), so vol(D) T / vol(B) is unbiased too, and
only more spread out.  A volume that is itself sampled must not be inverted: E[1/V] > 1/E[V].

Source: "Study on Activation Patterns", section 7.2, idea 2, corrected for large regions being hit
more often.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from flint import fmpq

from regions.errors import InputError
from regions.estimating.uniform import Uniform
from regions.frame import Frame
from regions.geometry import sampling
from regions.geometry.body import Body
from regions.geometry.centred import Centred
from regions.geometry.facets import Facets, facets
from regions.geometry.programs import RowProgram
from regions.geometry.volume import lattice_volume
from regions.results import Estimate
from solvers.exact_simplex import Stopped
from solvers.float_rows import FloatRows
from solvers.rational import nearest, rational
from solvers.skeleton import Skeleton, TooLarge

FORMS = ("auto", "exact", "waiting", "sampled")
EXACT_DIM = 7  # beyond, triangulations grow too fast to be tried for every region
MOST_DIM = 20  # for waiting, and for hit-and-run
WAIT_BATCH = 1 << 14
MOST_DRAWS = 1 << 20  # of one waiting time; a longer one counts as so long


@dataclass(frozen=True, eq=False)
class Region:
    """A region that was hit: vol D / vol R exactly, or what it takes to wait for it.

    Attributes
    ----------
    inverse
        vol D / vol R; None where the volume is not known exactly.
    centred, low, high
        The cell, and a box {low <= v <= high} around it in its own coordinates.
    expected
        vol D over the volume of that box.
    sampled
        An estimate of vol R / vol D.
    """

    inverse: fmpq | None
    centred: Centred | None = None
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    expected: float = math.nan
    sampled: Estimate | None = None


@dataclass(eq=False)
class Hits:
    """What was drawn so far.

    Attributes
    ----------
    values
        One X for each point.
    seen
        The bits of the different regions.
    exact, waited, capped
        How many X came from exact volumes, from waiting times, and from waits that were given up.
    draws
        Points drawn while waiting.
    spread
        Squared relative standard deviations of the sampled volumes.
    """

    values: list[float] = field(default_factory=list)
    seen: set[bytes] = field(default_factory=set)
    exact: int = 0
    waited: int = 0
    capped: int = 0
    draws: int = 0
    volumes: list[float] = field(default_factory=list)
    spread: list[float] = field(default_factory=list)


@dataclass(eq=False)
class Volumes:
    """Regions and their volumes, kept for the next time that they are hit.

    Parameters
    ----------
    uniform
        The points.
    form
        "exact", "waiting" or "sampled"; "auto" is "exact" where that is possible within reason,
        which depends on the region alone, else "waiting".
    """

    uniform: Uniform
    form: str = "auto"
    known: dict[bytes, Region] = field(default_factory=dict)

    def __post_init__(self) -> None:
        dim = self.uniform.frame.dim
        if self.form != "exact" and dim > MOST_DIM:
            raise InputError(
                f"estimate(): method 'volumes' needs a domain of at most {MOST_DIM} dimensions, "
                f"got {dim}: there a region fills next to nothing of any box around it; use method "
                "'tree', or a slice as the domain"
            )
        self._whole = whole_volume(self.uniform.frame)

    def sample(
        self,
        number: int,
        seed: int,
        hits: Hits,
        told: Callable[[int, int], None] = lambda *_: None,
    ) -> None:
        """Add so many values to `hits`.

        Raises
        ------
        Stopped
            When a limit came first; the values until then are there.
        TooLarge
            If volumes have to be exact and one cannot be had.
        """
        rng = np.random.default_rng(seed)
        points = self.uniform.points(rng)
        waiting = np.random.default_rng([seed, 1])  # points do not depend on how long one waits
        while len(hits.values) < number:
            batch = np.array([next(points) for _ in range(min(64, number - len(hits.values)))])
            for point, bits in zip(batch, self.uniform.regions(batch), strict=True):
                if self.uniform.stop():
                    raise Stopped
                key = np.packbits(bits).tobytes()
                if key not in self.known:
                    self.known[key] = self._region(bits, point)
                hits.values.append(self._value(self.known[key], hits, waiting))
                hits.seen.add(key)
            told(len(hits.values), len(hits.seen))

    def _value(self, region: Region, hits: Hits, rng: np.random.Generator) -> float:
        if region.inverse is not None:
            hits.exact += 1
            hits.volumes.append(nearest(1 / region.inverse))
            return nearest(region.inverse)
        if region.sampled is not None:
            found = region.sampled
            assert found.value is not None
            half = (found.high - found.low) / 2 / sampling.SIGMAS
            hits.spread.append((half / found.value) ** 2)
            hits.volumes.append(float(found.value))
            return 1 / found.value
        draws, hit = wait(region, rng, self.uniform)
        hits.waited += 1
        hits.draws += draws
        hits.capped += not hit
        return draws * region.expected

    def _region(self, bits: np.ndarray, point: np.ndarray) -> Region:
        uniform = self.uniform
        network, frame = uniform.network, uniform.own
        if not frame.dim:
            return Region(fmpq(1))
        near = tuple(rational(value) for value in point.tolist())
        body = Body.of(
            network, uniform.pattern(bits), uniform.domain,
            frame=frame, near=near, backend=uniform.backend, stop=uniform.stop,
        )  # fmt: skip
        centred = Centred.of(body, body.interior)
        small = frame.dim <= EXACT_DIM or self.form == "exact"
        if not small and self.form == "auto":
            return self._boxed(centred, None)
        if self.form == "waiting" and frame.dim > EXACT_DIM:
            return self._boxed(centred, None)
        found = facets(centred, uniform.backend, uniform.stop)
        if not found.complete:
            raise Stopped
        if self.form == "sampled":
            return self._sampled(centred, found, network.relus)
        if self.form != "waiting" and found.skeleton is not None:
            try:
                return Region(self._whole / lattice_volume(found.skeleton))
            except TooLarge:
                if self.form == "exact":
                    raise
        elif self.form == "exact":
            raise TooLarge
        return self._boxed(centred, found)

    def _sampled(self, centred: Centred, found: Facets, seed: int) -> Region:
        rows = np.array([facet.row for facet in found.facets])
        steps = 50 + 15 * centred.body.dim
        guess = sampling.volume(centred, rows, steps, seed, self.uniform.stop)
        assert guess.value is not None
        whole = nearest(self._whole)
        ends = {name: getattr(guess, name) / whole for name in ("value", "low", "high")}
        share = Estimate(
            **ends, method=guess.method, samples=guess.samples, seed=guess.seed
        )  # of vol D
        return Region(None, sampled=share)

    def _boxed(self, centred: Centred, found: Facets | None) -> Region:
        """A box around the cell: 2 d linear programs, whose bounds are certain."""
        dim = centred.body.dim
        program = RowProgram(centred, self.uniform.backend)
        rows = range(len(centred.body)) if found is None else [f.row for f in found.facets]
        for index in rows:
            program.add(int(index))
        low, high = np.zeros(dim), np.zeros(dim)
        try:
            for j in range(dim):
                for sign, side in ((1.0, low), (-1.0, high)):
                    if self.uniform.stop():
                        raise Stopped
                    form = np.zeros((1, dim))
                    form[0, j] = sign
                    goal = FloatRows(form, np.zeros(1), np.zeros((1, dim)), np.zeros(1))
                    _, most = program.extreme(goal, self.uniform.stop.seconds_left())
                    end = centred.high[j] if sign < 0 else -centred.low[j]
                    side[j] = -sign * min(most, float(end))
        finally:
            program.close()
        size = fmpq(1)  # exactly, so that the mean is what it should be
        for a, b in zip(low.tolist(), high.tolist(), strict=True):
            size *= (rational(b) - rational(a)) * rational(centred.scale)
        return Region(None, centred, low, high, nearest(self._whole / size))


def wait(region: Region, rng: np.random.Generator, uniform: Uniform) -> tuple[int, bool]:
    """(T, True), or (the number of draws, False) where the wait was given up."""
    centred, low, high = region.centred, region.low, region.high
    assert centred is not None and low is not None and high is not None
    done, size = 0, 64
    while done < MOST_DRAWS:
        if uniform.stop():
            raise Stopped
        draws = rng.uniform(low, high, (min(size, MOST_DRAWS - done), len(low)))
        values, errors = centred.values(draws)
        inside = np.asarray((values > errors).all(axis=1))
        for index in np.flatnonzero(~inside & (values >= -errors).all(axis=1)).tolist():
            u = centred.exact(draws[index])
            body = centred.body
            inside[index] = all(body.value(i, u) > 0 for i in range(len(body)))
        if inside.any():
            return done + int(np.argmax(inside)) + 1, True
        done += len(draws)
        size = min(2 * size, WAIT_BATCH)
    return done, False


def whole_volume(frame: Frame) -> fmpq:
    """The volume over u of a bounded domain.

    Raises
    ------
    TooLarge
        If it has too many vertices.
    """
    rows: list[tuple[dict[int, fmpq], fmpq]] = []
    size = fmpq(1)
    for j, (low, high) in enumerate(zip(frame.lower, frame.upper, strict=True)):
        assert low is not None and high is not None
        size *= high - low
        rows += [({j: fmpq(1)}, -low), ({j: fmpq(-1)}, high)]
    if not frame.limits:
        return size
    for index, limit in enumerate(frame.limits):
        cols, values = frame.rows.row(index)
        rows.append(({j: -a for j, a in zip(cols.tolist(), values, strict=True)}, limit))
    return lattice_volume(Skeleton.of(frame.dim, rows))


def wrong_way(hits: Hits) -> float | None:
    """Vol D / E[vol R(x)], which is no estimate of N: points land in large regions more often."""
    return 1 / float(np.mean(hits.volumes)) if hits.volumes else None
