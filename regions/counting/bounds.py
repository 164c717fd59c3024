"""How many cells hyperplanes make, at most."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache


def binomials(n: int, most: int) -> Iterator[int]:
    """C(n, 0), …, C(n, most), each from the one before it.

    >>> list(binomials(4, 2))
    [1, 4, 6]
    """
    value = 1
    for i in range(most + 1):
        yield value
        value = value * (n - i) // (i + 1)


@lru_cache(maxsize=65536)
def cells(units: int, rank: int) -> int:
    """S(n, r) = Σ_{i<=r} C(n, i): the most cells that n hyperplanes cut r-space into.

    >>> [cells(4, r) for r in range(5)]
    [1, 5, 11, 15, 16]
    """
    if rank >= units:
        return 1 << units
    return sum(binomials(units, rank))
