"""Referees for `output_range` and `adversarial`, which go through all patterns in fractions.

A value is the least if no closed set of points with a pattern holds a smaller one: for each pattern
that the oracle finds, its inequalities and "smaller" must have no common solution.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations, product
from typing import Any

from tests import naive, oracle
from tests.plain import PlainDomain

Halfspace = tuple[Sequence[Any], Any]  # a·x <= b


def bits_of(pattern: str) -> list[list[int]]:
    return [[int(c) for c in layer] for layer in pattern.split("/")]


def output_form(network: Any, pattern: str, output: int) -> tuple[list[Fraction], Fraction]:
    """The output where the pattern holds; output -1 is zero."""
    if output < 0:
        return [Fraction(0)] * network.inputs, Fraction(0)
    bits = bits_of(pattern)
    return naive.forms(network, bits, len(bits) + 1)[output]


def pattern_rows(network: Any, pattern: str) -> list[oracle.Row]:
    """z > 0 where the bit is 1, z <= 0 where it is 0."""
    return [oracle.row(a, b, strict) for a, b, strict in _inequalities(network, pattern)]


def closed_rows(network: Any, pattern: str) -> list[Halfspace]:
    """The same, all weak."""
    return [(a, b) for a, b, _ in _inequalities(network, pattern)]


def _inequalities(network: Any, pattern: str) -> list[tuple[list[Fraction], Fraction, bool]]:
    bits = bits_of(pattern)
    rows = []
    for k in range(1, len(bits) + 1):
        for (a, c), bit in zip(naive.forms(network, bits, k), bits[k - 1], strict=True):
            rows.append(([-q for q in a], c, True) if bit else (a, -c, False))
    return rows


def contains(domain: PlainDomain, x: Sequence[Any]) -> bool:
    return all(naive.dot(a, x) <= b for a, b in domain.rows)


def ball_rows(x: Sequence[Fraction], norm: str, radius: Fraction) -> list[oracle.Row]:
    """‖y - x‖ < radius, for linf and l1."""
    n = len(x)
    if norm == "linf":
        signs = [[s * (i == j) for i in range(n)] for j in range(n) for s in (1, -1)]
    else:
        signs = [list(s) for s in product((1, -1), repeat=n)]
    return [oracle.row(s, naive.dot(s, x) + radius, strict=True) for s in signs]


def squared_distance(rows: list[Halfspace], x: Sequence[Fraction]) -> Fraction | None:
    """The least ‖y - x‖² over {a·y <= b}: the best feasible projection onto a face's plane."""
    rows = [(a, b) for a, b in rows if any(a) or b < 0]
    if any(not any(a) for a, _ in rows):
        return None
    best: Fraction | None = None
    for size in range(len(x) + 1):
        for picked in combinations(rows, size):
            gram = [[naive.dot(a, c) for c, _ in picked] for a, _ in picked]
            weights = _solution(gram, [naive.dot(a, x) - b for a, b in picked])
            if weights is None:
                continue
            pulls = [
                sum((w * a[k] for w, (a, _) in zip(weights, picked, strict=True)), Fraction(0))
                for k in range(len(x))
            ]
            y = [v - p for v, p in zip(x, pulls, strict=True)]
            if all(naive.dot(a, y) <= b for a, b in rows):
                square = naive.dot(pulls, pulls)
                best = square if best is None or square < best else best
    return best


def _solution(matrix: list[list[Fraction]], right: list[Fraction]) -> list[Fraction] | None:
    size = len(right)
    table = [[*row, b] for row, b in zip(matrix, right, strict=True)]
    for c in range(size):
        pivot = next((i for i in range(c, size) if table[i][c]), None)
        if pivot is None:
            return None
        table[c], table[pivot] = table[pivot], table[c]
        table[c] = [v / table[c][c] for v in table[c]]
        for i in range(size):
            if i != c and table[i][c]:
                factor = table[i][c]
                table[i] = [a - factor * b for a, b in zip(table[i], table[c], strict=True)]
    return [row[size] for row in table]
