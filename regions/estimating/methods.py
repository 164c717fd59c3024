"""The methods of `estimate`: from a sample to an `Estimate` that says what it is worth."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from regions.counting.api import describe
from regions.counting.question import Question as Arguments
from regions.counting.tree import Stop
from regions.counting.upper_bounds import bounds_anywhere, bounds_in_box
from regions.counting.work import Problem
from regions.errors import InputError
from regions.estimating import species as kinds
from regions.estimating.densities import LINES, PLANES, Sections, cut
from regions.estimating.limits import clopper_pearson, distinct_above, mean_above
from regions.estimating.patterns import Sample, decide_random, in_words, times_all
from regions.estimating.tree import Tree, Walks, walks
from regions.estimating.uniform import Uniform
from regions.estimating.volumes import Hits, Volumes, wrong_way
from regions.frame import Frame
from regions.results import Estimate
from solvers.exact_simplex import Stopped
from solvers.skeleton import TooLarge

DEFAULT_SAMPLES = {
    "tree": 50, "volumes": 200, "patterns": 1000, "species": 1000, "rays": 100, "slices": 20,
}  # fmt: skip
METHODS = tuple(DEFAULT_SAMPLES)
NO_UPPER = (
    "the upper end is not from the samples, which give none (small regions may hide), but the "
    "bound of regions.bounds, which is certain"
)
FEW = 30  # sections; with fewer Student's interval is not to be trusted


@dataclass(eq=False)
class Kept:
    """What runs on one network and domain with different seeds have in common: exact answers.

    A volume, the children of a node and whether a pattern occurs do not depend on the seed.
    """

    frame: Frame | None = None
    most: int | None = None
    uniform: Uniform | None = None
    volumes: dict[str, Volumes] = field(default_factory=dict)  # by form
    tree: Tree | None = None
    patterns: dict[bytes, bool] = field(default_factory=dict)

    def close(self) -> None:
        """End the sessions of the linear programs."""
        if self.tree is not None:
            self.tree.close()
        if self.uniform is not None:
            self.uniform.close()


@dataclass(frozen=True, eq=False)
class Run:
    """One call of `estimate`, its arguments checked."""

    arguments: Arguments
    number: int | None
    seed: int
    confidence: float
    stop: Stop
    start: float
    progress: Callable[[int, int], None] | None = None
    form: str = "auto"
    width: int = 1
    kept: Kept = field(default_factory=Kept)

    @property
    def frame(self) -> Frame:
        """That of the domain."""
        if self.kept.frame is None:
            asked = self.arguments
            self.kept.frame = Frame.of(asked.domain, asked.backend, self.stop)
        return self.kept.frame

    def uniform(self, method: str) -> Uniform:
        """Its points."""
        if self.kept.uniform is None:
            asked = self.arguments
            self.kept.uniform = Uniform.of(
                asked.counted, self.frame, asked.domain.spec, method, asked.backend, self.stop
            )
        return self.kept.uniform

    def volumes(self) -> Volumes:
        """Volumes of regions."""
        if self.form not in self.kept.volumes:
            self.kept.volumes[self.form] = Volumes(self.uniform("volumes"), self.form)
        return self.kept.volumes[self.form]

    def tree(self) -> Tree:
        """The counting tree."""
        if self.kept.tree is None:
            asked = self.arguments
            pulled = self.frame.pull(asked.counted)
            self.kept.tree = Tree(Problem(pulled, self.frame, "lp", asked.backend), self.stop)
        return self.kept.tree

    def most(self) -> int:
        """An upper bound of the number of regions."""
        if self.kept.most is None:
            network = self.arguments.counted
            try:
                pulled = self.frame.pull(network)
                self.kept.most = bounds_in_box(pulled, *self.frame.box()).best
            except Stopped:
                self.kept.most = bounds_anywhere(network).best
        return self.kept.most

    def told(self, done: int, found: int) -> None:
        """Report progress."""
        if self.progress is not None:
            self.progress(done, found)

    def result(
        self,
        method: str,
        value: float | None,
        ends: tuple[float, float],
        samples: int,
        note: str,
        details: dict[str, object],
        *,
        confidence: float | None = None,
        finished: bool = False,
        quantity: str = "regions",
    ) -> Estimate:
        """The estimate; `finished` if it has all the samples that were asked for."""
        return Estimate(
            value=value,
            low=ends[0],
            high=ends[1],
            method=method,
            samples=samples,
            seed=self.seed,
            confidence=self.confidence if confidence is None else confidence,
            note=note,
            stopped=None if finished else self.stop.reason(),
            domain=self.arguments.domain.spec,
            seconds=time.monotonic() - self.start,
            model=describe(self.arguments.network),
            details=details,
            quantity=quantity,
        )


def spread(values: Sequence[float]) -> float | None:
    """The standard error of the mean, as far as the samples tell."""
    x = np.asarray(values, dtype=float)
    if len(x) < 2:
        return None
    scale = max(float(x.max()), 1.0)  # squares of large numbers overflow
    return float((x / scale).std(ddof=1)) * scale / math.sqrt(len(x))


def whole(value: float) -> int:
    """The least whole number above a limit that the number of regions exceeds."""
    return math.floor(value) + 1


def _too_low(value: float | None, low: float) -> str:
    if value is None or value >= low:
        return ""
    return "; the mean is even below the lower end, as it is where rare samples carry most of it"


# ------------------------------------------------------------------------------------ patterns


def patterns(run: Run) -> Estimate:
    """Random patterns, each decided; the share that occurs, times 2^n."""
    number = run.number
    known = run.kept.patterns
    sample = decide_random(run.arguments, number, run.seed, run.stop, run.progress, known)
    complete = number is None and sample.decided == 2**sample.units
    low, high = clopper_pearson(sample.reachable, sample.decided, run.confidence)
    share, units = sample.share, sample.units
    if complete and share is not None:
        low = high = float(share)
    ends = (share, share) if complete and share is not None else (low, high)
    return run.result(
        "patterns",
        None if share is None else times_all(share, units),
        (times_all(ends[0], units), times_all(ends[1], units)),
        sample.decided,
        in_words(sample),
        _of_patterns(sample, low, high),
        confidence=1.0 if complete else None,
        finished=complete or (number is not None and sample.decided >= number),
    )


def _of_patterns(sample: Sample, low: float, high: float) -> dict[str, object]:
    return {
        "reachable": sample.reachable,
        "distinct": sample.distinct,
        "share": None if sample.share is None else float(sample.share),
        "share_low": low,
        "share_high": high,
        "units": sample.units,
        "at_most": sample.most,
        "bias": "none",
        "cost": f"{sample.distinct} patterns decided",
    }


# ------------------------------------------------------------------------------------- volumes


def volumes(run: Run) -> Estimate:
    """The mean of vol D / vol R(x)."""
    hits = Hits()
    number = run.number or 0
    try:
        run.volumes().sample(number, run.seed, hits, run.told)
    except Stopped:
        pass
    except TooLarge as error:
        raise InputError(
            "estimate(): a region or the domain has too many vertices for an exact volume; use "
            "form 'waiting', which needs none, or method 'tree'"
        ) from error
    most = run.most()
    found = len(hits.seen)
    value = float(np.mean(hits.values)) if hits.values else None
    biased = bool(hits.spread)
    low = found
    if hits.values and not biased:
        low = min(max(found, whole(mean_above(hits.values, run.confidence))), most)
    note = _of_volumes(hits, biased, low)
    if hits.waited and len(hits.values) < number:
        note += "; a time limit favours short waits, and so low values"
    details: dict[str, object] = {
        "form": run.form,
        "distinct": found,
        "at_most": most,
        "standard_error": spread(hits.values),
        "exact_volumes": hits.exact,
        "waited": hits.waited,
        "capped": hits.capped,
        "wrong_way": wrong_way(hits),
        "bias": _bias(hits),
        "cost": f"{found} cells measured"
        + (f", {hits.draws} points drawn while waiting" if hits.waited else ""),
    }
    return run.result(
        "volumes", value, (low, most), len(hits.values), note, details,
        confidence=1.0 if biased else None, finished=len(hits.values) >= number,
    )  # fmt: skip


def _bias(hits: Hits) -> str:
    if hits.spread:
        return f"upwards, by about {float(np.mean(hits.spread)):.2g} of the value"
    if hits.capped:
        return f"downwards: {hits.capped} waits were given up and count as if they had ended"
    return "none"


def _of_volumes(hits: Hits, biased: bool, low: int) -> str:
    if not hits.values:
        return "nothing was sampled in time"
    seen = f"{len(hits.seen)} different regions were hit"
    if biased:
        return (
            f"{seen}, a sure lower end; volumes were sampled and inverted, which is biased "
            "upwards, so the samples give no interval; the upper end is a certain bound"
        )
    text = f"{seen}; {NO_UPPER}"
    if hits.capped:
        text += f"; {hits.capped} waiting times were cut short, so that the value is too low"
    if len(hits.seen) == len(hits.values):
        text += "; every point hit another region, so regions too small to be hit may be many"
    return text + _too_low(float(np.mean(hits.values)), low)


# ---------------------------------------------------------------------------------------- tree


def tree(run: Run) -> Estimate:
    """The mean of random walks down the counting tree."""
    found = Walks()
    number = run.number or 0
    with suppress(Stopped):
        walks(run.tree(), number, run.width, run.seed, found, run.told)
    expanded = 0 if run.kept.tree is None else run.kept.tree.expanded
    most, leaves = run.most(), len(found.leaves)
    value = float(np.mean(found.values)) if found.values else None
    low: int = min(max(leaves, whole(mean_above(found.values, run.confidence))), most)
    ends = (low if found.values else leaves, most)
    note = "no walk ended in time"
    if found.complete:
        value = found.values[-1]
        ends = (round(value), round(value))
        note = "nothing was left out: the walk went through the whole tree, so the number is exact"
    elif found.values:
        note = (
            f"{leaves} different regions were found; a walk counts 1 / (its probability), so that "
            f"a few may carry most of the mean; {NO_UPPER}"
        )
        note += _too_low(value, ends[0])
        if run.stop() and len(found.values) < number:
            note += "; a time limit favours short walks, and so low values"
    details: dict[str, object] = {
        "width": run.width,
        "distinct": leaves,
        "at_most": most,
        "standard_error": None if found.complete else spread(found.values),
        "bias": "none",
        "cost": f"{expanded} cells expanded",
    }
    return run.result(
        "tree", value, ends, len(found.values), note, details,
        confidence=1.0 if found.complete else None,
        finished=found.complete or len(found.values) >= number,
    )  # fmt: skip


# ------------------------------------------------------------------------------------- species


def species(run: Run) -> Estimate:
    """Chao's estimate, from how often uniform points hit the same regions."""
    found = kinds.Catch()
    number = run.number or 0
    with suppress(Stopped):
        kinds.catch(run.uniform("species"), number, run.seed, found, run.told)
    most = run.most()
    details: dict[str, object] = {"at_most": most, "distinct": found.distinct}
    if not found.draws:
        return run.result("species", None, (0, most), 0, "nothing was sampled in time", details)
    counts = found.frequencies()
    value = kinds.chao1(counts, found.draws)
    low = distinct_above(found.distinct, found.draws, run.confidence)
    details |= {
        "once": counts.get(1, 0),
        "twice": counts.get(2, 0),
        "unseen_share": kinds.good_turing(counts, found.draws),
        "unseen_share_at_most": found.unseen_at_most(run.confidence),
        "new_with_as_many": kinds.good_toulmin(counts, found.draws, 1.0),
        "new_with_twice_as_many": kinds.good_toulmin(counts, found.draws, 2.0),
        "bias": "downwards where regions differ in size",
        "cost": f"{found.draws} points evaluated",
    }
    note = (
        f"{found.distinct} different regions were hit, which is a sure lower bound; Chao's value "
        "estimates a lower bound of their number and may exceed the number itself; an estimated "
        f"{details['unseen_share']:.2g} of the domain's volume lies in regions that were not hit, "
        "however many those are; the upper end is a certain bound"
    )
    remark = kinds.saturation(found)
    return run.result(
        "species", value, (min(low, most), most), found.draws,
        f"{note}; {remark}" if remark else note, details, finished=found.draws >= number,
    )  # fmt: skip


# ----------------------------------------------------------------------------------- densities


def density(run: Run, method: str, directions: int) -> Estimate:
    """Boundaries per unit length, or regions per unit area, of random sections."""
    found = Sections()
    number, alike = run.number or 0, False
    try:
        points = run.uniform(method)
        if points.frame.dim < directions:
            raise InputError(
                f"estimate(): method {method!r} needs a domain of dimension {directions} or more, "
                f"got {points.frame.dim}"
            )
        alike = points.frame.dim == directions  # every section is the whole domain
        number = 1 if alike else number
        cut(points, directions, number, run.seed, found, run.told)
    except Stopped:
        pass
    value, low, high, error = found.density(run.confidence)
    if alike and value is not None:
        low = high = value
    what = "boundaries per unit length" if directions == LINES else "regions per unit area"
    where = "lines" if directions == LINES else "planes"
    note = f"a density, not a number of regions: {what} of random {where} through the domain"
    if alike:
        note += "; here that is the whole domain, so the number is exact, to rounding"
    else:
        note += "; Student's interval, which is right in the limit of many sections"
        note += f", of which {len(found)} are few" if len(found) < FEW else ""
    details: dict[str, object] = {
        "sections": len(found),
        "found": sum(found.numbers),
        "most_in_one": max(found.numbers, default=None),
        "mean_size": float(np.mean(found.sizes)) if len(found) else None,
        "standard_error": error,
        "bias": "none" if found.weighted or alike else "small, of the order of 1 / samples",
        "cost": f"{len(found)} counts of regions on {where}",
    }
    return run.result(
        method, value, (low, high), len(found), note, details,
        confidence=1.0 if alike else None, finished=len(found) >= number, quantity=what,
    )  # fmt: skip


RUNS: dict[str, Callable[[Run], Estimate]] = {
    "tree": tree,
    "volumes": volumes,
    "patterns": patterns,
    "species": species,
    "rays": partial(density, method="rays", directions=LINES),
    "slices": partial(density, method="slices", directions=PLANES),
}
