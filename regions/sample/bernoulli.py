"""Are the bits of a layer fair coins, or at least independent?  Tests on distances of pairs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import torch

from regions.errors import InputError
from regions.sample.bits import Patterns, unpack

MOST_DRAWS = 2**22  # random numbers at once
AT_ONCE = 4096  # pairs


@dataclass(frozen=True, kw_only=True, eq=False)
class BernoulliTest:
    """Tests of the distances d of M pairs at a layer of n units.

    Against fair coins, d ~ Binomial(n, 1/2): the mean over the pairs and the variance over the
    pairs are compared with those of `replicates` draws of M such distances.  The p-values
    (1 + #{draws as extreme}) / (1 + replicates) are never 0.

    Attributes
    ----------
    mean, variance
        Of the distances.
    null_mean, null_sd
        n/2 and √(n/(4M)): of the mean under fair coins.
    mean_less, mean_greater, mean_two_sided
        p-values of the mean.
    variance_two_sided
        p-value of the variance against n/4.
    independent_variance
        Σ q(1-q), q the share of pairs that a unit tells apart: the variance if the units were
        independent with the probabilities that they have.
    dependence
        variance / independent_variance: above 1 where units tend to flip together.
    dependence_z, dependence_two_sided
        Its deviation from 1 in standard errors, and the p-value of the normal law.
    replicated
        The means of the draws, for a picture.
    """

    layer: int
    name: str
    units: int
    pairs: int
    replicates: int
    seed: int
    mean: float
    variance: float
    null_mean: float
    null_sd: float
    mean_less: float
    mean_greater: float
    mean_two_sided: float
    variance_two_sided: float
    independent_variance: float
    dependence: float
    dependence_z: float
    dependence_two_sided: float
    replicated: np.ndarray

    def as_dict(self) -> dict[str, object]:
        """JSON-ready, without the draws."""
        return {name: value for name, value in vars(self).items() if name != "replicated"}


def pair_flips(patterns: Patterns, layer: int, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distances of pairs of points (pairs, 2) at the layer number `layer` (from 0) of these.

    Returns
    -------
    distances : (pairs,)
    told_apart : (units,)
        How many of the pairs each unit tells apart.
    """
    units = patterns.widths[layer]
    packed = patterns.layers[layer]
    apart = torch.zeros(units, dtype=torch.int64)
    parts = []
    for start in range(0, len(pairs), AT_ONCE):
        first, second = torch.from_numpy(pairs[start : start + AT_ONCE]).to(packed.device).T
        flips = unpack(packed[first] ^ packed[second], units)
        parts.append(flips.sum(1).cpu().numpy())
        apart += flips.sum(0).cpu()
    return np.concatenate(parts), apart.numpy()


def bernoulli_test(
    distances: np.ndarray,
    told_apart: np.ndarray,
    *,
    layer: int = 1,
    name: str = "",
    replicates: int = 1000,
    seed: int = 0,
) -> BernoulliTest:
    """Test the distances of pairs of points.

    Parameters
    ----------
    distances : (pairs,)
        Hamming distances at one layer.
    told_apart : (units,)
        How many of the pairs each unit tells apart; their sum is that of the distances.

    The draws are independent; distances of pairs that share points are so under fair coins only in
    pairs, which leaves the mean's variance as it is.

    Examples
    --------
    >>> bits = np.random.default_rng(1).random((2000, 256)) < 0.5
    >>> flips = bits[::2] ^ bits[1::2]
    >>> test = bernoulli_test(flips.sum(1), flips.sum(0))
    >>> test.null_mean, test.mean_two_sided > 0.01, round(test.dependence, 1)
    (128.0, True, 1.0)

    Source: "Study on Activation Patterns", section 2.3.1.
    """
    pairs, units = len(distances), len(told_apart)
    if pairs < 2 or replicates < 1:
        raise InputError("bernoulli_test(): needs two pairs or more, and a draw or more")
    rng = np.random.default_rng(seed)
    mean, variance = float(distances.mean()), float(distances.var(ddof=1))
    # the sum of M independent Binomial(n, 1/2) is Binomial(nM, 1/2)
    means = rng.binomial(units * pairs, 0.5, size=replicates) / pairs
    less = _share(means <= mean)
    greater = _share(means >= mean)
    spreads = _variances(units, pairs, replicates, rng)
    q = told_apart / pairs
    single = q * (1 - q)
    independent = float(single.sum())
    fourth = 3 * independent**2 + float((single * (1 - 6 * single)).sum())
    error = math.sqrt(max(fourth - independent**2 * (pairs - 3) / (pairs - 1), 0.0) / pairs)
    z = (variance - independent) / error if error > 0 else 0.0
    return BernoulliTest(
        layer=layer, name=name, units=units, pairs=pairs, replicates=replicates, seed=seed,
        mean=mean, variance=variance, null_mean=units / 2, null_sd=math.sqrt(units / (4 * pairs)),
        mean_less=less, mean_greater=greater, mean_two_sided=min(1.0, 2 * min(less, greater)),
        variance_two_sided=min(
            1.0, 2 * min(_share(spreads <= variance), _share(spreads >= variance))
        ),
        independent_variance=independent,
        dependence=variance / independent if independent > 0 else math.nan,
        dependence_z=z, dependence_two_sided=2 * NormalDist().cdf(-abs(z)), replicated=means,
    )  # fmt: skip


def _share(extreme: np.ndarray) -> float:
    return float((1 + extreme.sum()) / (1 + len(extreme)))


def _variances(units: int, pairs: int, replicates: int, rng: np.random.Generator) -> np.ndarray:
    at_once = max(MOST_DRAWS // pairs, 1)
    parts = [
        rng.binomial(units, 0.5, size=(min(at_once, replicates - start), pairs)).var(axis=1, ddof=1)
        for start in range(0, replicates, at_once)
    ]
    return np.concatenate(parts)
