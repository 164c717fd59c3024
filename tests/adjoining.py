"""Which regions share a facet, by brute force in rationals: the referee for the region graph.

Two regions are neighbours iff the intersection of their closed cells has dimension dim D - 1.  The
dimension comes from the intersection's affine hull, which the oracle finds inequality by
inequality.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations
from typing import NamedTuple

from tests.oracle import Affine, _compose, regions, relative_interior


class Facet(NamedTuple):
    """What two neighbours, in the order of their patterns, have in common."""

    flipped: frozenset[tuple[int, int]]
    vanishing: frozenset[tuple[int, int]]  # (layer from 1, unit from 0)


def neighbours(
    layers: Sequence, domain: Sequence, dim: int
) -> tuple[set[str], dict[tuple[str, str], Facet]]:
    """All regions, and the pairs of neighbours among them."""
    found = sorted(regions(layers, domain, dim))
    if not found:
        return set(), {}
    hull = relative_interior(domain, dim)
    assert hull is not None
    coordinates, sides = hull
    free = len(coordinates[0]) - 1
    forms = {pattern: _forms(layers, coordinates, pattern) for pattern in found}
    cells = {pattern: _cell(forms[pattern], pattern) for pattern in found}
    rows = [(a, b) for a, b, _ in sides]
    pairs = {}
    for first, second in combinations(found, 2):
        meet = relative_interior([*rows, *cells[first], *cells[second]], free)
        if meet is None or len(meet[0][0]) - 1 != free - 1:
            continue
        pairs[first, second] = Facet(
            frozenset(unit for unit in forms[first] if _bit(first, unit) != _bit(second, unit)),
            frozenset(unit for unit, form in forms[first].items() if _is_zero(form, meet[0])),
        )
    return set(found), pairs


def _forms(layers: Sequence, coordinates: list[Affine], pattern: str) -> dict:
    """The pre-activation of every unit, as an affine function on the domain's hull."""
    zero = [Fraction(0)] * len(coordinates[0])
    known, forms = list(coordinates), {}
    for position, (layer, word) in enumerate(zip(layers, pattern.split("/"), strict=True), 1):
        here = [_compose(weights, bias, known) for weights, bias in layer]
        forms |= {(position, unit): form for unit, form in enumerate(here)}
        known += [form if bit == "1" else zero for form, bit in zip(here, word, strict=True)]
    return forms


def _bit(pattern: str, unit: tuple[int, int]) -> str:
    return pattern.split("/")[unit[0] - 1][unit[1]]


def _cell(forms: dict, pattern: str) -> list:
    """Inequalities (a, b): z >= 0 where the bit is 1, z <= 0 where it is 0."""
    rows = []
    for unit, form in forms.items():
        sign = -1 if _bit(pattern, unit) == "1" else 1
        rows.append(([sign * a for a in form[:-1]], -sign * form[-1]))
    return rows


def _is_zero(form: Affine, coordinates: list[Affine]) -> bool:
    """Whether an affine function is zero on all of a hull, given by its coordinates."""
    return not any(_compose(form[:-1], form[-1], coordinates))
