"""The methods of `estimate`: from a sample to an `Estimate` that says what it is worth."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from regions.counting.api import describe
from regions.counting.question import Question as Arguments
from regions.counting.tree import Stop
from regions.counting.upper_bounds import bounds_anywhere, bounds_in_box
from regions.counting.work import Problem
from regions.errors import InputError
from regions.estimating import species as kinds
from regions.estimating.densities import LINES, PLANES, Sections, cut
from regions.estimating.limits import clopper_pearson, distinct_above, mean_above, student
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

    @cached_property
    def frame(self) -> Frame:
        """That of the domain."""
        return Frame.of(self.arguments.domain, self.arguments.backend, self.stop)

    def uniform(self, method: str) -> Uniform:
        """Its points."""
        asked = self.arguments
        where = asked.domain.spec
        return Uniform.of(asked.counted, self.frame, where, method, asked.backend, self.stop)

    def most(self) -> int:
        """An upper bound of the number of regions."""
        try:
            pulled = self.frame.pull(self.arguments.counted)
            return bounds_in_box(pulled, *self.frame.box()).best
        except Stopped:
            return bounds_anywhere(self.arguments.counted).best

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


# ------------------------------------------------------------------------------------ patterns


def patterns(run: Run) -> Estimate:
    """Random patterns, each decided; the share that occurs, times 2^n."""
    number = run.number
    sample = decide_random(run.arguments, number, run.seed, run.stop, run.progress)
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


def volumes(run: Run, kept: Volumes | None = None) -> Estimate:
    """The mean of vol D / vol R(x)."""
    hits = Hits()
    number = run.number or 0
    try:
        kept = kept or Volumes(run.uniform("volumes"), run.form)
        kept.sample(number, run.seed, hits, run.told)
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
        low = max(found, whole(mean_above(hits.values, run.confidence)))
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
        "volumes", value, (min(low, most), most), len(hits.values), _of_volumes(hits, biased),
        details, confidence=1.0 if biased else None, finished=len(hits.values) >= number,
    )  # fmt: skip


def _bias(hits: Hits) -> str:
    if hits.spread:
        return f"upwards, by about {float(np.mean(hits.spread)):.2g} of the value"
    if hits.capped:
        return f"downwards: {hits.capped} waits were given up and count as if they had ended"
    return "none"


def _of_volumes(hits: Hits, biased: bool) -> str:
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
    return text


# ---------------------------------------------------------------------------------------- tree


def tree(run: Run, kept: Tree | None = None) -> Estimate:
    """The mean of random walks down the counting tree."""
    found = Walks()
    number = run.number or 0
    mine: Tree | None = None
    leaves = expanded = 0
    try:
        if kept is None:
            asked = run.arguments
            problem = Problem(run.frame.pull(asked.counted), run.frame, "lp", asked.backend)
            kept = mine = Tree(problem, run.stop)
        walks(kept, number, run.width, run.seed, found, run.told)
    except Stopped:
        pass
    finally:
        if mine is not None:
            mine.close()
    if kept is not None:
        leaves, expanded = kept.leaves, kept.expanded
    most = run.most()
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


def species(run: Run, uniform: Uniform | None = None) -> Estimate:
    """Chao's estimate, from how often uniform points hit the same regions."""
    found = kinds.Catch()
    number = run.number or 0
    with suppress(Stopped):
        kinds.catch(uniform or run.uniform("species"), number, run.seed, found, run.told)
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


def density(run: Run, method: str, directions: int, uniform: Uniform | None = None) -> Estimate:
    """Boundaries per unit length, or regions per unit area, of random sections."""
    found = Sections()
    number = run.number or 0
    try:
        points = uniform or run.uniform(method)
        if points.frame.dim < directions:
            raise InputError(
                f"estimate(): method {method!r} needs a domain of dimension {directions} or more, "
                f"got {points.frame.dim}"
            )
        cut(points, directions, number, run.seed, found, run.told)
    except Stopped:
        pass
    value = float(np.mean(found.values)) if found.values else None
    low, high = student(found.values, run.confidence)
    if len(found.values) > 1 and run.frame.dim == directions:
        low, high = min(found.values), max(found.values)  # every section is the whole domain
    what = "boundaries per unit length" if directions == LINES else "regions per unit area"
    where = "lines" if directions == LINES else "planes"
    note = (
        f"a density, not a number of regions: {what} of random {where} through the domain; "
        "Student's interval, which is right in the limit of many sections"
    )
    if len(found.values) < FEW:
        note += f", of which {len(found.values)} are few"
    details: dict[str, object] = {
        "sections": len(found.values),
        "found": sum(found.numbers),
        "most_in_one": max(found.numbers, default=None),
        "mean_size": float(np.mean(found.sizes)) if found.sizes else None,
        "standard_error": spread(found.values),
        "bias": "none",
        "cost": f"{len(found.values)} exact counts, {sum(found.numbers)} regions",
    }
    return run.result(
        method, value, (max(low, 0.0), high), len(found.values), note, details,
        finished=len(found.values) >= number, quantity=what,
    )  # fmt: skip


RUNS: dict[str, Callable[[Run], Estimate]] = {
    "tree": tree,
    "volumes": volumes,
    "patterns": patterns,
    "species": species,
    "rays": partial(density, method="rays", directions=LINES),
    "slices": partial(density, method="slices", directions=PLANES),
}
