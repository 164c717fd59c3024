"""How well a number is known: exactly, between certain bounds, or as an estimate.

An exact number is a `Fraction`.  An `Interval` certainly contains the number.  An `Estimate` is
sampled: it is another type and never becomes one of the others (meanings §2.11).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from math import isqrt

from flint import fmpq

from solvers.rational import fraction, nearest, rational

Number = Fraction | float


@dataclass(frozen=True)
class Interval:
    """low <= the number <= high, for certain; high may be infinite.

    Examples
    --------
    >>> Interval(1.0, 1.5).middle
    1.25
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError(f"Interval: needs low <= high, got {self.low} and {self.high}")

    @property
    def middle(self) -> float:
        """(low + high) / 2."""
        return self.low + (self.high - self.low) / 2

    def contains(self, value: float | Fraction) -> bool:
        """Whether the value lies in the interval."""
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Estimate:
    """A sampled figure: in a share `confidence` of all seeds, low <= the number <= high.

    Attributes
    ----------
    value, low, high
        The estimate and its interval.
    confidence
        Such as 0.95.
    method, samples, seed
        How it was made.
    """

    value: float
    low: float
    high: float
    confidence: float
    method: str
    samples: int
    seed: int


@dataclass(frozen=True)
class Unknown:
    """A figure that was not computed, and why not."""

    why: str


Figure = Fraction | Interval | Estimate | Unknown
Certain = Fraction | Interval


def exactly(q: fmpq) -> Fraction:
    """The number as a figure."""
    return fraction(q)


def bounds(figure: Certain) -> tuple[float, float]:
    """Certain bounds as doubles, rounded outwards.

    >>> bounds(Fraction(1, 2)), bounds(Interval(1.0, 2.0))
    ((0.5, 0.5), (1.0, 2.0))
    """
    if isinstance(figure, Interval):
        return figure.low, figure.high
    q = rational(figure)
    return down(q), up(q)


def between(low: float, high: float) -> Certain:
    """The interval, or the number if both ends agree.

    >>> between(0.5, 0.5), between(1, 2)
    (Fraction(1, 2), Interval(low=1, high=2))
    """
    return Fraction(low) if low == high and math.isfinite(low) else Interval(low, high)


def down(q: fmpq) -> float:
    """The largest double that is at most q, or close to it."""
    value = nearest(q)
    if math.isinf(value):
        return value if value < 0 else 1.7976931348623157e308
    return value if rational(value) <= q else math.nextafter(value, -math.inf)


def up(q: fmpq) -> float:
    """The least double that is at least q, or close to it."""
    return -down(-q)


def root(q: fmpq) -> Certain:
    """√q, exactly where q is the square of a rational, else between two doubles.

    >>> root(fmpq(9, 4)), root(fmpq(2)).low < 2**0.5 < root(fmpq(2)).high + 1e-15
    (Fraction(3, 2), True)
    """
    if q < 0:
        raise ValueError(f"root() needs a number >= 0, got {q}")
    p, r = int(q.p), int(q.q)
    first, second = isqrt(p), isqrt(r)
    if first * first == p and second * second == r:
        return Fraction(first, second)
    low, high = root_bounds(q)
    return Interval(down(low), up(high))


def root_bounds(q: fmpq) -> tuple[fmpq, fmpq]:
    """Rationals around √q that agree to 64 bits or more; equal where √q is rational."""
    p, r = int(q.p), int(q.q)
    first, second = isqrt(p), isqrt(r)
    if first * first == p and second * second == r:
        return (exact := fmpq(first, second)), exact
    # √(p/r) = √(p r) / r; with 2^k more the whole part has at least 64 bits of the root
    shift = max(0, 140 - (p * r).bit_length() + 2)
    shift += shift % 2
    whole = isqrt((p * r) << shift)
    scale = fmpq(r) * fmpq(2) ** (shift // 2)
    return fmpq(whole) / scale, fmpq(whole + 1) / scale


def times(figure: Certain, factor: Certain) -> Certain:
    """The product of two numbers >= 0."""
    if isinstance(figure, Fraction) and isinstance(factor, Fraction):
        return figure * factor
    (a, b), (c, d) = bounds(figure), bounds(factor)
    return Interval(max(0.0, _step(a * c, -1)), _step(b * d, 1))


def _step(value: float, direction: int) -> float:
    return value if value == 0 or math.isinf(value) else math.nextafter(value, direction * math.inf)
