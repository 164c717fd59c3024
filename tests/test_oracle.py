"""The referee, refereed: known counts, Fourier-Motzkin elimination, points met by sampling."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from tests import oracle
from tests.cases import (
    READS_INPUT,
    THREE_ROWS,
    TWO_READERS,
    Case,
    deep_cases,
    free_first_layer,
    one_layer_cases,
)
from tests.plain import PlainDomain, PlainNetwork, cube, one_layer, polytope, space

SMALL = [
    case
    for case in (*one_layer_cases(), *deep_cases())
    if not case.slow and case.regions <= 64 and case.network.relus <= 12
]


def regions(network: PlainNetwork, domain: PlainDomain) -> set[str]:
    return oracle.regions(network.layers, domain.rows, network.inputs)


def patterns(network: PlainNetwork, domain: PlainDomain) -> set[str]:
    return oracle.patterns(network.layers, domain.rows, network.inputs)


@pytest.mark.parametrize("case", SMALL, ids=lambda case: case.name)
def test_known_counts_of_regions(case: Case):
    assert len(regions(case.network, case.domain)) == case.regions


def test_every_region_is_an_attained_pattern():
    for case in SMALL:
        if case.regions <= 32 and case.network.relus <= 8:
            known = patterns(case.network, case.domain)
            assert regions(case.network, case.domain) <= known


def test_thin_patterns():
    assert patterns(THREE_ROWS, space(2)) - regions(THREE_ROWS, space(2)) == {"000"}
    assert len(patterns(free_first_layer(), space(2))) == 41
    assert regions(READS_INPUT, space(2)) == {"0/0", "0/1", "1/0", "1/1"}
    # x > y: bits of y and -x; x <= y: bits of x and -y
    known = {"1/10", "1/00", "1/01", "0/10", "0/00", "0/01"}
    assert regions(TWO_READERS, space(2)) == patterns(TWO_READERS, space(2)) == known


def test_a_hyperplane_that_touches_a_corner():
    below, above = one_layer([(1, 1)], -2), one_layer([(-1, -1)], 2)
    assert (regions(below, cube(2)), patterns(below, cube(2))) == ({"0"}, {"0"})
    assert (regions(above, cube(2)), patterns(above, cube(2))) == ({"1"}, {"0", "1"})


def test_only_one_orthant_is_missing():
    network = one_layer([(1, 0), (0, 1), (-1, -1)], [0, 0, -1])
    found = regions(network, space(2))
    assert len(found) == 7 and "111" not in found
    assert patterns(network, space(2)) == found


def test_unreachable_permutations():
    network = one_layer([(1, -1, 0), (1, 0, -1), (0, 1, -1)])
    found = {format(k, "03b") for k in range(8)} - {"101", "010"}
    assert regions(network, space(3)) == found
    assert patterns(network, space(3)) == found


def test_flat_empty_and_single_point_domains():
    network = one_layer([(1, 0), (0, 1), (1, -1)])
    diagonal = polytope([((1, -1), 0), ((-1, 1), 0)], 2)  # x = y, as two inequalities
    assert regions(network, diagonal) == {"110", "000"}  # the third unit is zero on the hull
    assert patterns(network, diagonal) == {"110", "000"}
    point = cube(2, 1, 1)
    assert regions(network, point) == patterns(network, point) == {"110"}
    origin = cube(2, 0, 0)
    assert regions(network, origin) == {"000"}
    empty = polytope([((1, 0), 0), ((-1, 0), -1)], 2)
    assert regions(network, empty) == patterns(network, empty) == set()
    assert oracle.is_empty(empty.rows, 2) and not oracle.is_empty(point.rows, 2)


def test_identically_zero_units_have_bit_zero():
    network = PlainNetwork(1, ((((1,), 0), ((0,), 0)), (((0, 0, 3), 0), ((1, -1, 0), 0))))
    # beyond 0 the last unit is x - ReLU(x) = 0 everywhere: bit 0, and no further region
    assert regions(network, space(1)) == {"10/00", "00/00"}
    assert patterns(network, space(1)) == {"10/00", "00/00"}


def fourier_motzkin(rows: list[oracle.Row], dim: int) -> bool:
    """Whether strict and weak inequalities have a common solution: eliminate x_1, then x_2, …"""
    lines = {(tuple(Fraction(c) for c in a), Fraction(b), strict) for a, b, strict in rows}
    for j in range(dim):
        up = [line for line in lines if line[0][j] > 0]
        down = [line for line in lines if line[0][j] < 0]
        lines = {line for line in lines if line[0][j] == 0}
        for a, b, strict in up:
            for c, d, other in down:
                p, q = -c[j], a[j]
                sums = tuple(p * s + q * t for s, t in zip(a, c, strict=True))
                lines.add((sums, p * b + q * d, strict or other))
    return all(b > 0 if strict else b >= 0 for _, b, strict in lines)


def test_solvability_agrees_with_fourier_motzkin():
    rng = random.Random(0)
    answers = []
    for _ in range(600):
        dim, count = rng.randint(1, 3), rng.randint(1, 7)
        rows = [
            oracle.row(
                [rng.randint(-2, 2) for _ in range(dim)], rng.randint(-2, 2), rng.random() < 0.5
            )
            for _ in range(count)
        ]
        found = oracle.solve(rows, dim) is not None
        assert found == fourier_motzkin(rows, dim), rows
        answers.append(found)
    assert 100 < sum(answers) < 500  # both answers are tried


def test_no_sampled_pattern_is_missed():
    rng = random.Random(1)
    for case in SMALL:
        if case.domain.form != "box":
            continue
        known = patterns(case.network, case.domain)
        lower, upper = case.domain.arguments
        for _ in range(30):
            x = [
                a + Fraction(rng.randint(0, 8), 8) * (b - a)
                for a, b in zip(lower, upper, strict=True)
            ]
            assert oracle.pattern_at(case.network.layers, x) in known
