"""What `nearest` and `between` minimise, as a whole number, and its bounds where bits are unknown.

A flat pattern has the bits of all units in order: 1, 0, and -1 where a bit is not known.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import lcm
from typing import Protocol

import numpy as np
from flint import fmpq

from regions.pattern import Pattern

REFUSED = np.iinfo(np.int64).max  # the price of a pattern that is not allowed
LARGEST = 2**60


class Price(Protocol):
    """A price of full patterns, to be made as small as possible."""

    def lower(self, known: np.ndarray) -> int:
        """At most the price of any completion of a flat pattern; exact for a full one."""
        ...

    def of(self, bits: np.ndarray) -> np.ndarray:
        """(n,) the prices of full patterns (n, units)."""
        ...

    def costs(self) -> tuple[np.ndarray, np.ndarray]:
        """(units,) each: the price is at least Σ of the first over bits 0, the second over 1."""
        ...


@dataclass(frozen=True, eq=False)
class HammingPrice:
    """Σ weight over the units whose bits differ from a target; don't-cares differ from nothing.

    Attributes
    ----------
    off, on
        (units,) what bit 0 and bit 1 cost, in units of 1 / `scale`.
    scale
        The common denominator of the weights.
    """

    off: np.ndarray
    on: np.ndarray
    scale: int

    @staticmethod
    def of_target(target: Pattern, weights: list[fmpq]) -> HammingPrice:
        """The price of a target, one weight >= 0 for each layer.

        Raises
        ------
        OverflowError
            If the weights have too large a common denominator.
        """
        scale = lcm(*(int(w.q) for w in weights)) if weights else 1
        whole = [int(w.p) * (scale // int(w.q)) for w in weights]
        total = sum(w * n for w, n in zip(whole, target.widths, strict=True))
        if max(total, scale) > LARGEST:
            raise OverflowError("weights")
        each = np.repeat(np.array(whole, dtype=np.int64), target.widths)
        bits = target.units()
        return HammingPrice(np.where(bits == 1, each, 0), np.where(bits == 0, each, 0), scale)

    def lower(self, known: np.ndarray) -> int:
        """The flips among the known bits."""
        return int(self.on[known == 1].sum() + self.off[known == 0].sum())

    def of(self, bits: np.ndarray) -> np.ndarray:
        """(n,) the prices of full patterns."""
        return bits.astype(np.int64) @ (self.on - self.off) + self.off.sum()

    def costs(self) -> tuple[np.ndarray, np.ndarray]:
        """The price itself."""
        return self.off, self.on


@dataclass(frozen=True, eq=False)
class BetweenPrice:
    """Half the excess d(A, z) + d(z, B) - d(A, B) first, |d(A, z) - d(z, B)| second; z ∉ {A, B}.

    With i of the h units at which A and B differ as in B, and k flips at the others, d(A, z) = k+i
    and d(z, B) = k+h-i: the excess is 2k and the imbalance |2i - h|, so the price (h+1) k + |2i-h|
    orders patterns by the first and then the second.  z is A or B where k = 0 and i is 0 or h.
    """

    first: np.ndarray
    second: np.ndarray

    @staticmethod
    def of_ends(first: Pattern, second: Pattern) -> BetweenPrice:
        """The price of two full patterns."""
        return BetweenPrice(first.units(), second.units())

    @property
    def hamming(self) -> int:
        """The number h of units at which A and B differ."""
        return int((self.first != self.second).sum())

    def split(self, price: int) -> tuple[int, int]:
        """(k, imbalance)."""
        return divmod(price, self.hamming + 1)

    def lower(self, known: np.ndarray) -> int:
        """The least price over the k and i that are still possible."""
        differ = self.first != self.second
        is_known = known >= 0
        k = int((~differ & is_known & (known != self.first)).sum())
        least = int((differ & is_known & (known == self.second)).sum())
        most = least + int((differ & ~is_known).sum())
        h = self.hamming
        if k == 0:
            low, high = max(least, 1), min(most, h - 1)
            if low <= high:
                return self._imbalance(low, high)
            if (differ | is_known).all():
                return REFUSED
            k = 1
        return (h + 1) * k + self._imbalance(least, most)

    def _imbalance(self, low: int, high: int) -> int:
        h = self.hamming
        nearest = min(max(h // 2, low), high)
        return min(abs(2 * i - h) for i in (nearest, min(nearest + 1, high)))

    def of(self, bits: np.ndarray) -> np.ndarray:
        """(n,) the prices of full patterns."""
        differ = self.first != self.second
        k = ((bits != self.first) & ~differ).sum(axis=1)
        i = ((bits == self.second) & differ).sum(axis=1)
        h = self.hamming
        is_end = (k == 0) & ((i == 0) | (i == h))
        return np.where(is_end, REFUSED, (h + 1) * k + np.abs(2 * i - h))

    def costs(self) -> tuple[np.ndarray, np.ndarray]:
        """The excess alone."""
        alike = np.where(self.first == self.second, self.hamming + 1, 0)
        return np.where(self.first == 1, alike, 0), np.where(self.first == 0, alike, 0)
