"""Sums of products that are exact: floats where they provably suffice, rationals elsewhere."""

from __future__ import annotations

import numpy as np

from solvers.rational import floats, rational, rationals

_SPLIT = 134217729.0  # 2^27 + 1: Veltkamp's constant for doubles
_SAFE = 1e-140, 1e140  # factors in this range neither underflow nor overflow below


def product_is_exact(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Element-wise, whether the float product left·right is the exact one.

    The rounding error of a product is computed without error by Dekker's algorithm, provided that
    nothing under- or overflows; factors outside a safe range count as inexact.
    """
    with np.errstate(over="ignore", under="ignore"):
        product = left * right
    safe = np.ones(product.shape, dtype=bool)
    for factor in (left, right):
        size = np.abs(factor)
        safe &= (size == 0) | ((size > _SAFE[0]) & (size < _SAFE[1]))
    with np.errstate(over="ignore", invalid="ignore"):
        a = left * _SPLIT
        a_high = a - (a - left)
        a_low = left - a_high
        b = right * _SPLIT
        b_high = b - (b - right)
        b_low = right - b_high
        error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
        return safe & (error == 0)


def exact_groups(
    values: np.ndarray,
    exact: np.ndarray | None,
    factors: np.ndarray | None,
    exact_factors: np.ndarray | None,
    starts: np.ndarray,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Σ value·factor over the groups that begin at `starts`.

    Returns the nearest doubles (groups,) and, unless all of them are exact, the rationals.
    """
    count = len(values)
    if not len(starts):
        return np.zeros(0), None
    sizes = np.diff(np.append(starts, count))
    if exact is None and exact_factors is None:
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            terms = values if factors is None else values * factors
        fine = np.ones(count, dtype=bool) if factors is None else product_is_exact(values, factors)
        with np.errstate(over="ignore", invalid="ignore"):
            sums = np.add.reduceat(terms, starts)
        good = (sizes == 1) | _small_integers(terms, starts)
        good &= np.logical_and.reduceat(fine, starts)
        if good.all():
            return sums, None
    else:
        sums, good = np.zeros(len(starts)), np.zeros(len(starts), dtype=bool)
    result = np.empty(len(starts), dtype=object)
    result[good] = rationals(sums[good])
    left = ~np.repeat(good, sizes)
    total = _rational_terms(values, exact, left)
    if factors is not None:
        total = total * _rational_terms(factors, exact_factors, left)
    if len(total):
        left_starts = np.cumsum(np.where(good, 0, sizes)) - np.where(good, 0, sizes)
        result[~good] = np.add.reduceat(total, left_starts[~good])
    approx = floats(result)
    finite = np.isfinite(approx)
    same = finite.all() and all(rational(a) == q for a, q in zip(approx, result, strict=True))
    return approx, None if same else result


def _rational_terms(values: np.ndarray, exact: np.ndarray | None, keep: np.ndarray) -> np.ndarray:
    return rationals(values[keep]) if exact is None else exact[keep]


def _small_integers(terms: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Groups of integers whose absolute sum stays below 2^53: float addition is exact there."""
    whole = np.logical_and.reduceat(terms == np.rint(terms), starts)
    with np.errstate(over="ignore", invalid="ignore"):
        return whole & (np.add.reduceat(np.abs(terms), starts) < 2.0**52)
