"""Colours for the countries of a map, so that neighbours differ."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np


def coloured(neighbours: Sequence[Collection[int]]) -> np.ndarray:
    """A colour number for each country, different from those of its neighbours.

    Countries are taken away one by one, always one with the fewest neighbours left, and coloured in
    the opposite order with the first free colour.  A planar map always has a country with at most
    five neighbours, so that six colours are enough.

    Source: D. W. Matula, L. L. Beck, Smallest-last ordering and clustering and graph coloring
    algorithms, Journal of the ACM 30 (1983).

    Examples
    --------
    >>> coloured([{1, 2}, {0, 2}, {0, 1}]).tolist()
    [2, 0, 1]
    """
    count = len(neighbours)
    degree = [len(others) for others in neighbours]
    waiting: list[list[int]] = [[] for _ in range(max(degree, default=0) + 1)]
    for country in range(count - 1, -1, -1):
        waiting[degree[country]].append(country)
    gone = [False] * count
    order: list[int] = []
    least = 0
    while len(order) < count:
        while not waiting[least]:
            least += 1
        country = waiting[least].pop()
        if gone[country] or degree[country] != least:
            continue
        gone[country] = True
        order.append(country)
        for other in sorted(neighbours[country]):
            if not gone[other]:
                degree[other] -= 1
                waiting[degree[other]].append(other)
        least = max(least - 1, 0)
    colours = np.full(count, -1)
    for country in reversed(order):
        taken = {int(colours[other]) for other in neighbours[country]}
        colours[country] = next(c for c in range(count) if c not in taken)
    return colours
