"""Whether chains of a random walk have forgotten where they began: split R-hat, sample size.

m chains of n draws of a number each.  With the chains cut in halves (2m chains of n/2 draws, so
that a trend within a chain counts too),

    W = the mean of the chains' variances,      B/n = the variance of the chains' means,
    V = (n-1)/n W + B/n,                        R-hat = √(V/W),

which is near 1 once the chains agree.  The effective sample size is mn/τ, where τ = 1 + 2 Σ ρ_t
sums the autocorrelations ρ_t = 1 - (W - mean_j γ_j(t)) / V over all lags up to the first pair
ρ_2k + ρ_2k+1 that is not positive, the pairs made decreasing (Geyer's initial monotone sequence).

Source: A. Gelman et al., Bayesian Data Analysis, third edition, 2013, section 11.4; C. J. Geyer,
Practical Markov chain Monte Carlo, 1992; A. Vehtari et al., Rank-normalization, folding, and
localization, 2021 (the formulas before rank normalization).
"""

from __future__ import annotations

import math

import numpy as np

from regions.errors import InputError

LEAST_DRAWS = 4  # of a chain: two in each half


def split_rhat(draws: np.ndarray) -> np.ndarray:
    """√(V/W) of the halves of chains; NaN where no chain moves and all agree, ∞ where they differ.

    Parameters
    ----------
    draws
        (..., m, n): n draws of m chains, of each of several numbers.

    Returns
    -------
    numpy.ndarray
        (...,)

    Raises
    ------
    InputError
        For fewer than 4 draws a chain.

    Examples
    --------
    >>> float(split_rhat(np.array([[0.0, 2.0, 0.0, 2.0], [1.0, 3.0, 1.0, 3.0]])).round(4))
    0.8165
    """
    _, within, total = _variances(_halves(_checked(draws)))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sqrt(total / within)


def effective_size(draws: np.ndarray) -> np.ndarray:
    """How many independent draws the draws of m chains are worth, for the mean of each number.

    Parameters
    ----------
    draws
        (..., m, n), as for `split_rhat`.

    Returns
    -------
    numpy.ndarray
        (...,), at most mn log10(mn) (chains may be better than independent draws); NaN for a
        number that never changes.
    """
    table = _halves(_checked(draws))
    shape, (chains, number) = table.shape[:-2], table.shape[-2:]
    result = np.empty(math.prod(shape))
    for index, one in enumerate(table.reshape(-1, chains, number)):
        result[index] = _size(one)
    return result.reshape(shape)


def drift(draws: np.ndarray) -> np.ndarray:
    """By how many standard errors the mean of second halves differs from that of first halves.

    Chains that begin at one point may agree with each other long before they have forgotten it;
    as they do not know of each other, the differences of their halves d_j are independent, and
    mean(d) / (sd(d)/√m) is about a standard normal number once the mean moves no more.

    Parameters
    ----------
    draws
        (..., m, n), as for `split_rhat`; at least two chains.

    Returns
    -------
    numpy.ndarray
        (...,); NaN for a number that never changes.

    Examples
    --------
    >>> float(drift(np.array([[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 3.0, 3.0]])))
    2.0
    """
    table = _checked(draws)
    half = table.shape[-1] // 2
    moved = table[..., -half:].mean(axis=-1) - table[..., :half].mean(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = moved.std(axis=-1, ddof=1) / math.sqrt(moved.shape[-1])
        return moved.mean(axis=-1) / error


def _checked(draws: np.ndarray) -> np.ndarray:
    table = np.asarray(draws, dtype=np.float64)
    if table.ndim < 2 or table.shape[-1] < LEAST_DRAWS or not table.shape[-2]:
        raise InputError(
            f"convergence needs draws of the shape (..., chains, {LEAST_DRAWS} or more), "
            f"got {table.shape}; let the walk take more steps"
        )
    return table


def _halves(draws: np.ndarray) -> np.ndarray:
    """(..., m, n) to (..., 2m, n/2); an odd draw in the middle is left out."""
    half = draws.shape[-1] // 2
    return np.concatenate([draws[..., :half], draws[..., -half:]], axis=-2)


def _variances(table: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(..., m): each chain's variance; (...,): W and V."""
    number = table.shape[-1]
    each = table.var(axis=-1, ddof=1)
    within = each.mean(axis=-1)
    between = table.mean(axis=-1).var(axis=-1, ddof=1)
    return each, within, (number - 1) / number * within + between


def _size(table: np.ndarray) -> float:
    chains, number = table.shape
    _, within, total = _variances(table)
    if not total > 0:
        return math.nan
    # W - the mean autocovariance: both with n - 1 below, as in Vehtari et al. (10)
    rho = 1 - (within - _autocovariance(table) * number / (number - 1)) / total
    rho[0] = 1.0
    pairs = rho[: number // 2 * 2].reshape(-1, 2).sum(axis=1)
    stop = np.flatnonzero(pairs <= 0)
    pairs = np.minimum.accumulate(pairs[: stop[0]] if len(stop) else pairs)
    draws = chains * number
    time = max(2 * float(pairs.sum()) - 1, 1 / math.log10(draws))
    return draws / time


def _autocovariance(table: np.ndarray) -> np.ndarray:
    """(n,): γ(t) = Σ_s (x_s - mean)(x_s+t - mean) / n, the mean of it over the chains."""
    number = table.shape[1]
    centred = table - table.mean(axis=1, keepdims=True)
    length = 1 << (2 * number - 1).bit_length()  # no wrapping round
    spectrum = np.abs(np.fft.rfft(centred, length)) ** 2
    return np.fft.irfft(spectrum.mean(axis=0), length)[:number] / number
