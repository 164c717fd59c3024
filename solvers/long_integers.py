"""Compiled: sums of two products of 62-bit integers, divided by what they have in common.

A new generator of a cone is a x + b y, whose entries may have 125 bits before their greatest common
divisor is taken out, and few after.  Numbers of 128 bits are pairs of unsigned words in two's
complement; only this detour uses them.
"""

from __future__ import annotations

import numpy as np

from solvers.compiling import compiled
from solvers.vertices import lowest_bit

LIMIT = 4.0e18  # below 2^62
ONE, ZERO = np.uint64(1), np.uint64(0)
HALF, LOW, TOP = np.uint64(32), np.uint64(0xFFFFFFFF), np.uint64(63)


@compiled
def long_product(a, b):
    """The words (high, low) of a·b, for integers of at most 62 bits."""
    u, v = np.uint64(abs(a)), np.uint64(abs(b))
    u1, u0, v1, v0 = u >> HALF, u & LOW, v >> HALF, v & LOW
    low = u0 * v0
    middle = u1 * v0 + (low >> HALF)
    other = u0 * v1 + (middle & LOW)
    high = u1 * v1 + (middle >> HALF) + (other >> HALF)
    low = (other << HALF) | (low & LOW)
    if (a < 0) != (b < 0):
        return _negative(high, low)
    return high, low


@compiled
def long_mix(a, x, b, y):
    """The words (high, low) of |a·x + b·y|, and whether the sum is negative."""
    high, low = long_product(a, x)
    more_high, more_low = long_product(b, y)
    low += more_low
    high += more_high
    if low < more_low:
        high += ONE
    negative = high >> TOP == ONE
    if negative:
        high, low = _negative(high, low)
    return high, low, negative


@compiled
def _negative(high, low):
    low = ~low + ONE
    high = ~high
    if low == ZERO:
        high += ONE
    return high, low


@compiled
def _odd(high, low):
    """A number without its factors of two, not 0, and how many there were."""
    twos = ZERO
    if low == ZERO:
        low, high, twos = high, ZERO, np.uint64(64)
    shift = np.uint64(lowest_bit(low))
    if shift != ZERO:
        low = (low >> shift) | (high << (np.uint64(64) - shift))
        high >>= shift
    return high, low, twos + shift


@compiled
def long_divisor(a_high, a_low, b_high, b_low):
    """Greatest common divisor of two unsigned numbers (J. Stein's binary method, 1967)."""
    if a_high == ZERO and a_low == ZERO:
        return b_high, b_low
    if b_high == ZERO and b_low == ZERO:
        return a_high, a_low
    a_high, a_low, a_twos = _odd(a_high, a_low)
    b_high, b_low, b_twos = _odd(b_high, b_low)
    twos = min(a_twos, b_twos)
    while a_high != b_high or a_low != b_low:
        if a_high < b_high or (a_high == b_high and a_low < b_low):
            a_high, b_high = b_high, a_high
            a_low, b_low = b_low, a_low
        borrow = ONE if a_low < b_low else ZERO
        a_low -= b_low
        a_high -= b_high + borrow
        a_high, a_low, _ = _odd(a_high, a_low)
    if twos >= np.uint64(64):
        return a_low << (twos - np.uint64(64)), ZERO
    if twos != ZERO:
        a_high = (a_high << twos) | (a_low >> (np.uint64(64) - twos))
        a_low <<= twos
    return a_high, a_low


@compiled
def as_float(high, low):
    """A float within a few units in the last place."""
    return float(high) * 18446744073709551616.0 + float(low)


@compiled
def long_mixed(x, i, j, a, b, count, out, place):
    """Write a x_i + b x_j, divided by its greatest common divisor, into row `place` of `out`.

    Parameters
    ----------
    x
        (n, count) integers of at most 62 bits, as are `a` and `b`.

    Returns
    -------
    float
        The largest absolute entry, or -1 if it has more than 62 bits.

    Notes
    -----
    The quotients are exact, so their lower words are products by the inverse of the odd part of the
    divisor modulo 2^64.
    """
    g_high, g_low = ZERO, ZERO
    for k in range(count):
        if g_high == ZERO and g_low == ONE:
            break
        high, low, _ = long_mix(a, x[i, k], b, x[j, k])
        g_high, g_low = long_divisor(g_high, g_low, high, low)
    if g_high == ZERO and g_low == ZERO:
        out[place, :count] = 0
        return 0.0
    divisor = as_float(g_high, g_low)
    _, odd, twos = _odd(g_high, g_low)
    inverse = np.uint64(3) * odd ^ np.uint64(2)  # right modulo 2^5, then 2^10, 2^20, 2^40, 2^80
    for _ in range(4):
        inverse *= np.uint64(2) - odd * inverse
    largest = 0.0
    for k in range(count):
        high, low, negative = long_mix(a, x[i, k], b, x[j, k])
        quotient = as_float(high, low) / divisor
        if not quotient < LIMIT:
            return -1.0
        largest = max(largest, quotient)
        if twos >= np.uint64(64):
            low = high >> (twos - np.uint64(64))
        elif twos != ZERO:
            low = (low >> twos) | (high << (np.uint64(64) - twos))
        entry = np.int64(low * inverse)
        out[place, k] = -entry if negative else entry
    return largest * 1.000001
