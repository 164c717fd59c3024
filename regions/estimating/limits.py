"""Confidence limits that hold for any number of samples, and one that does so in the limit.

What is estimated here often has no finite variance to speak of: a few samples in a thousand carry
most of the mean.  A normal interval then misses the truth far more often than it claims.  The
limits below need no such law, only that the samples are independent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

LARGEST_STAKE = 0.75
MOST_STEPS = 20_000_000  # of the recursion for different outcomes; beyond, fewer draws are used
FEW_DRAWS = 2_000


def clopper_pearson(successes: int, trials: int, confidence: float) -> tuple[float, float]:
    """An interval of a share that contains it with at least this confidence, whatever it is.

    The ends are the p for which so many successes, or more, have probability (1 - c) / 2, and the
    same for so many or fewer.

    Examples
    --------
    >>> [round(end, 4) for end in clopper_pearson(0, 100, 0.95)]
    [0.0, 0.0362]

    Source: C. J. Clopper, E. S. Pearson, The use of confidence or fiducial limits illustrated in
    the case of the binomial, Biometrika 26 (1934).
    """
    from scipy.special import betaincinv

    if not trials:
        return 0.0, 1.0
    tail = (1 - confidence) / 2
    rest = trials - successes
    low = 0.0 if not successes else float(betaincinv(successes, rest + 1, tail))
    high = 1.0 if not rest else float(betaincinv(successes + 1, rest, 1 - tail))
    return low, high


def mean_above(values: Sequence[float] | np.ndarray, confidence: float) -> float:
    """A number below the mean of which these are independent samples, all >= 0.

    If E X <= m, a gambler who stakes a share λ_i of his capital on X_i multiplies it by
    1 + λ_i (X_i / m - 1), on average by 1 at most, so it ever reaches 1/α with probability at most
    α = 1 - confidence (Ville).  The m for which it does are rejected.  The stakes depend on earlier
    samples alone, and not on m, so those m are all below one number, which is returned.  For one
    sample and λ = 1 this is Markov's inequality: the mean is above αX.  Nothing of the kind bounds
    the mean from above.

    Examples
    --------
    >>> round(mean_above([10.0] * 50, 0.95), 2)
    9.22
    >>> mean_above([100.0], 0.75)
    25.0

    Source: I. Waudby-Smith, A. Ramdas, Estimating means of bounded random variables by betting,
    Journal of the Royal Statistical Society B 86 (2024).
    """
    x = np.asarray(values, dtype=float)
    if not len(x) or not x.max() > 0:
        return 0.0
    scale, x = float(x.max()), x / x.max()
    target = math.log(1 / (1 - confidence))
    stakes = _stakes(x, target)

    def is_rejected(mean: float) -> bool:
        with np.errstate(divide="ignore"):
            capital = np.cumsum(np.log1p(stakes * (x / mean - 1)))
        return bool(capital.max() >= target)

    if len(x) == 1:
        return scale * (1 - confidence)
    low, high = 0.0, 1.0  # at the largest sample the capital never grows
    for _ in range(100):
        middle = (low + high) / 2
        if is_rejected(middle):
            low = middle
        else:
            high = middle
    return low * scale


def _stakes(x: np.ndarray, target: float) -> np.ndarray:
    """Shares λ_i, from the mean and the spread of the samples before i."""
    number = np.arange(1, len(x) + 1)
    # one sample with a spread as large as the mean is taken for granted, so as not to begin rashly
    mean = np.cumsum(x) / number
    square = np.cumsum(x**2) / number
    with np.errstate(all="ignore"):
        relative = np.maximum(square / mean**2 - 1, 0.0)
    relative = np.where(mean > 0, relative, 1.0)
    spread = np.sqrt((1.0 + number * relative) / (number + 1))
    before = np.concatenate([[1.0], spread[:-1]])
    return np.minimum(math.sqrt(2 * target / len(x)) / before, LARGEST_STAKE)


def distinct_above(distinct: int, draws: int, confidence: float) -> int:
    """A number that the number of kinds is not below, from how many different ones were drawn.

    Among n kinds, whatever their shares, so many draws show the most different ones when all shares
    are equal (in the stochastic order).  So n is rejected if even then at least so many different
    ones have probability below 1 - confidence.

    Examples
    --------
    >>> distinct_above(10, 1000, 0.95), distinct_above(100, 100, 0.95)
    (10, 1686)

    Source: C. K. Wong, P. C. Yue, A majorization theorem for the number of distinct outcomes in N
    independent trials, Discrete Mathematics 6 (1973).
    """
    repeats = draws - distinct
    if distinct < 2:
        return distinct
    if draws * (repeats + 1) > MOST_STEPS:
        return distinct
    low, high = distinct - 1, distinct  # low is rejected, for it cannot show so many
    while not _is_plausible(high, draws, repeats, confidence):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if _is_plausible(middle, draws, repeats, confidence):
            high = middle
        else:
            low = middle
    return high


def _is_plausible(kinds: int, draws: int, repeats: int, confidence: float) -> bool:
    """Whether at most so many of the draws are repeats with probability at least 1 - confidence."""
    chance = np.zeros(repeats + 1)  # by the number of repeats so far
    chance[0] = 1.0
    order = np.arange(repeats + 1)
    for drawn in range(draws):
        again = np.clip((drawn - order) / kinds, 0.0, 1.0)
        moved = chance * again
        chance -= moved
        chance[1:] += moved[:-1]
    return float(chance.sum()) >= 1 - confidence


def student(values: Sequence[float] | np.ndarray, confidence: float) -> tuple[float, float]:
    """Student's interval of a mean: right in the limit of many samples of finite variance.

    Examples
    --------
    >>> [round(end, 3) for end in student([1.0, 2.0, 3.0], 0.95)]
    [-0.484, 4.484]
    """
    from scipy.special import stdtrit

    x = np.asarray(values, dtype=float)
    if len(x) < 2:
        return -math.inf, math.inf
    reach = float(stdtrit(len(x) - 1, (1 + confidence) / 2)) * float(x.std(ddof=1))
    reach /= math.sqrt(len(x))
    return float(x.mean()) - reach, float(x.mean()) + reach
