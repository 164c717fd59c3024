"""Random patterns, each decided: the share that occurs, and the number of regions it implies.

Source: "Study on Activation Patterns", section 7.2.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from regions.counting.question import Question as Arguments
from regions.counting.tree import Stop
from regions.counting.upper_bounds import bounds_in_box
from regions.errors import InputError
from regions.frame import Frame
from regions.pattern import Pattern
from regions.query.branches import Found
from regions.query.judging import CellJudge, Question
from regions.query.search import PatternSearch
from solvers.exact_simplex import Stopped

MOST_UNITS = 24  # that are gone through one by one


@dataclass(eq=False)
class Sample:
    """Patterns that were decided so far: `reachable` of `decided` are those of regions.

    `distinct` were different ones; `most` is an upper bound of the number of regions.
    """

    units: int
    reachable: int = 0
    decided: int = 0
    distinct: int = 0
    most: int | None = None
    known: dict[bytes, bool] = field(default_factory=dict)

    @property
    def share(self) -> Fraction | None:
        """The share of the decided ones that are reachable."""
        return Fraction(self.reachable, self.decided) if self.decided else None


def decide_random(
    arguments: Arguments,
    samples: int | None,
    seed: int,
    stop: Stop,
    progress: Callable[[int, int], None] | None = None,
    known: dict[bytes, bool] | None = None,
) -> Sample:
    """Draw patterns, every bit a fair coin, and decide each exactly; None: all patterns, once.

    All patterns come in random order, so that those decided before a limit are a random sample.

    `known` are patterns that were decided before, and gets those that are decided now.

    Raises
    ------
    InputError
        If all patterns are asked for and there are too many.
    """
    network = arguments.counted
    if samples is None and network.relus > MOST_UNITS:
        raise InputError(
            f"estimate(): all patterns of {network.relus} units are too many to decide; "
            f"give a number of samples (all is for up to {MOST_UNITS} units)"
        )
    sample = Sample(network.relus)
    if known is not None:
        sample.known = known
    seen: set[bytes] = set()
    try:
        frame = Frame.of(arguments.domain, arguments.backend, stop)
        pulled = frame.pull(network)
        sample.most = bounds_in_box(pulled, *frame.box()).best
        judge = CellJudge(frame, arguments.backend, stop)
        try:
            search = PatternSearch(pulled, frame, judge)
            random = np.random.default_rng(seed)
            every = None if samples is not None else _shuffled(network.relus, random)
            starts = np.cumsum(network.widths)[:-1]
            while samples is None or sample.decided < samples:
                if every is None:
                    bits = random.integers(0, 2, network.relus, dtype=np.int8)
                elif sample.decided < len(every):
                    bits = _bits(int(every[sample.decided]), network.relus)
                else:
                    break
                key = np.packbits(bits).tobytes()
                if key not in sample.known:
                    layers = [part.tolist() for part in np.split(bits, starts)]
                    pattern = Pattern.from_bits(layers if network.relus else [])
                    found = search.run(pattern, Question.INTERIOR)
                    sample.known[key] = isinstance(found, Found)
                elif stop():
                    raise Stopped
                seen.add(key)
                sample.distinct = len(seen)
                sample.reachable += sample.known[key]
                sample.decided += 1
                if progress is not None:
                    progress(sample.decided, sample.reachable)
        finally:
            judge.close()
    except Stopped:
        pass
    return sample


def _shuffled(units: int, random: np.random.Generator) -> np.ndarray:
    """The numbers of all patterns, in random order."""
    return random.permutation(np.arange(2**units, dtype=np.uint32))


def _bits(number: int, units: int) -> np.ndarray:
    return np.array([number >> k & 1 for k in range(units)], dtype=np.int8)


def times_all(share: float | Fraction, units: int) -> int | float:
    """Share · 2^units: a whole number where it is one or where no double holds it."""
    exact = Fraction(share) * 2**units
    if exact.denominator == 1:
        return int(exact)
    return float(exact) if units < 1000 else round(exact)


def in_words(sample: Sample) -> str:
    """What such an estimate is worth for this network."""
    if not sample.decided:
        return "no pattern was decided in time"
    if sample.distinct == 2**sample.units and sample.decided == sample.distinct:
        return "every pattern was decided once, so the share is exact"
    words = f"{sample.reachable} of {sample.decided} random patterns are those of regions"
    if sample.most is None or sample.most >= 2**sample.units:
        return words
    rarity = math.log10(sample.most) - sample.units * math.log10(2)
    if rarity > -2:
        return words
    text = (
        f"{words}; at most {_power(math.log10(sample.most))} of the "
        f"{_power(sample.units * math.log10(2))} patterns can be, fewer than one in "
        f"{_power(-rarity)}"
    )
    expected = rarity + math.log10(sample.decided)
    if expected < -1:
        text += (
            f", so {sample.decided} samples find one with a probability of at most "
            f"{_power(expected)}: this method says next to nothing about a network so wide"
        )
    return text


def _power(exponent: float) -> str:
    if 0 <= exponent < 6:
        return f"{math.floor(10**exponent):,}".replace(",", " ")
    return f"{10 ** (exponent - math.floor(exponent)):.1f}e{math.floor(exponent)}"
