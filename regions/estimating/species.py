"""What ecologists make of a sample: how many kinds there may be, and how much is unseen.

A kind is a region, its share is vol R / vol D, and a draw is a uniform point.  f_k is the number of
regions that were hit exactly k times among m points, S the number of those that were hit at all.

Sources: A. Chao, Nonparametric estimation of the number of classes in a population, 1984; I. J.
Good, The population frequencies of species, 1953; A. Orlitsky, A. T. Suresh, Y. Wu, Optimal
prediction of the number of unseen species, 2016.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from regions.estimating.limits import clopper_pearson
from regions.estimating.uniform import Uniform
from solvers.exact_simplex import Stopped


@dataclass(eq=False)
class Catch:
    """The regions hit so far, in the order of the points."""

    keys: list[bytes] = field(default_factory=list)

    @property
    def draws(self) -> int:
        """Their number m."""
        return len(self.keys)

    @property
    def distinct(self) -> int:
        """S."""
        return len(set(self.keys))

    def frequencies(self) -> dict[int, int]:
        """The f_k by k, where it is not zero."""
        return dict(sorted(Counter(Counter(self.keys).values()).items()))

    def unseen_at_most(self, confidence: float) -> float:
        """A limit of the share of D in regions that were not hit.

        What the first half of the points did not hit is hit by each point of the second half with
        its share, independently: a binomial number, whose share has an exact upper limit.  What no
        point hit is no more than that.
        """
        half = self.draws // 2
        known = set(self.keys[:half])
        news = sum(key not in known for key in self.keys[half:])
        # one-sided: the upper end of a two-sided interval of 2 c - 1
        return clopper_pearson(news, self.draws - half, max(2 * confidence - 1, 0.0))[1]


def catch(
    uniform: Uniform,
    number: int,
    seed: int,
    found: Catch,
    told: Callable[[int, int], None] = lambda *_: None,
) -> None:
    """Hit regions with so many uniform points in all.

    Raises
    ------
    Stopped
        When a limit came first; `found` has what was hit by then.
    """
    points = uniform.points(np.random.default_rng(seed))
    while found.draws < number:
        if uniform.stop():
            raise Stopped
        batch = np.array([next(points) for _ in range(min(256, number - found.draws))])
        found.keys += [np.packbits(bits).tobytes() for bits in uniform.regions(batch)]
        told(found.draws, found.distinct)


def chao1(frequencies: Mapping[int, int], draws: int) -> float:
    """S + (m-1)/m · f₁(f₁-1) / (2 (f₂+1)).

    It estimates a lower bound of the number of regions: with f₂ of them hit twice and f₁ once,
    Cauchy and Schwarz say that about f₁²/2f₂ or more were not hit.  As a random number it may
    exceed N all the same.

    Examples
    --------
    >>> chao1({1: 9, 2: 5, 3: 2}, 25)  # 16 + 24/25 · 72/12
    21.76
    """
    once, twice = frequencies.get(1, 0), frequencies.get(2, 0)
    rest = (draws - 1) / draws * once * (once - 1) / (2 * (twice + 1))
    return sum(frequencies.values()) + rest


def good_turing(frequencies: Mapping[int, int], draws: int) -> float:
    """f₁ / m: an estimate of the share of D in regions that were not hit, which is no number.

    Its mean is that share before the last point.

    >>> good_turing({1: 6, 2: 5, 3: 2}, 22) == 6 / 22
    True
    """
    return frequencies.get(1, 0) / draws


def good_toulmin(frequencies: Mapping[int, int], draws: int, times: float) -> float:
    """How many more regions `times` · m more points are expected to hit.

    Good and Toulmin's -Σ (-t)^k f_k is unbiased, but explodes for t > 1; there the k-th term is
    weighted by P(B >= k) for a binomial B with success 2/(2+t), which trades bias for variance.

    Examples
    --------
    >>> good_toulmin({1: 10, 2: 4, 3: 1}, 21, 1.0)
    7.0
    >>> good_toulmin({1: 10}, 10, 2.0)
    15.0
    """
    if times <= 1:
        return float(-sum((-times) ** k * f for k, f in frequencies.items()))
    success = 2 / (2 + times)
    trials = math.ceil(0.5 * math.log(draws * times**2 / (times - 1), 3))
    at_least = _binomial_tails(max(trials, 1), success)
    return float(
        -sum((-times) ** k * f * at_least[k] for k, f in frequencies.items() if k < len(at_least))
    )


def _binomial_tails(trials: int, success: float) -> Sequence[float]:
    """P(B >= k) for k = 0, …, trials."""
    chances = [
        math.comb(trials, k) * success**k * (1 - success) ** (trials - k) for k in range(trials + 1)
    ]
    return [min(1.0, math.fsum(chances[k:])) for k in range(trials + 1)]


def saturation(found: Catch) -> str:
    """What a sample that is at either end of its range cannot say; empty in between."""
    frequencies = found.frequencies()
    once, distinct = frequencies.get(1, 0), found.distinct
    if once == found.draws:
        return (
            "every point hit another region: the sample is saturated and says nothing about their "
            "number but the lower limit; any estimate from it grows with the number of points"
        )
    if once > found.draws / 2:
        return (
            "most points hit a region of their own: the estimate mainly tells how many points "
            "there were"
        )
    if not once:
        return (
            f"all {distinct} regions were hit more than once: there may be no others of a size "
            "that points find, which proves nothing about small ones"
        )
    return ""
