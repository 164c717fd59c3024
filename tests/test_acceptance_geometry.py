"""Cells whose geometry is known: braid chambers, boxes, simplices, cross-polytopes."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import combinations, permutations, product

import pytest

from regions.domain import Box, Polytope, Space
from regions.figures import Estimate, Figure, Interval
from regions.geometry.measuring import measure
from regions.geometry.shape import Shape
from regions.network import Network
from tests.plain import one_layer

F = Fraction
TINY = 1e-12


def close(figure: Figure, value: float | Fraction) -> bool:
    """Exactly the value, or a narrow interval around it."""
    if isinstance(figure, Fraction):
        return figure == value if isinstance(value, Fraction) else abs(figure - value) < TINY
    assert isinstance(figure, Interval)
    assert figure.high - figure.low <= TINY * figure.high
    return figure.low * (1 - TINY) <= value <= figure.high * (1 + TINY)


def dead(n: int) -> Network:
    """One unit that is 0 everywhere near: the cell is the domain."""
    return one_layer([[0] * n], [-1]).build()


def whole(n: int, domain: object) -> Shape:
    return measure(dead(n), "0", domain)  # type: ignore[arg-type]


def braid(n: int) -> Network:
    return one_layer(
        [[int(k == i) - int(k == j) for k in range(n)] for i, j in combinations(range(n), 2)]
    ).build()


@pytest.mark.parametrize("n", [2, 3, 4])
def test_braid_chambers_in_the_unit_cube(n: int):
    """n! chambers of volume 1/n! and radius 1 / (2 + √2 (n - 1)): ACCEPTANCE 3."""
    network, cube = braid(n), Box.cube(n, 0, 1)
    total = F(0)
    for order in permutations(range(n)):
        x = [F(place + 1, n + 1) for place in order]
        shape = measure(network, x, cube)
        assert shape.volume == F(1, math.factorial(n))
        assert close(shape.radius, 1 / (2 + math.sqrt(2) * (n - 1)))
        assert len(shape.facets) == n + 1 and len(shape.neighbours) == n - 1
        assert shape.bounded and shape.complete
        total += F(shape.volume)  # type: ignore[arg-type]
    assert total == 1


@pytest.mark.parametrize(("n", "numbers"), [(3, (1, 4, 1)), (4, (1, 11, 11, 1))])
def test_slabs_of_the_cube_have_eulerian_volumes(n: int, numbers: tuple[int, ...]):
    network = one_layer([[1] * n] * (n - 1), [-k for k in range(1, n)]).build()
    for k, number in enumerate(numbers):
        pattern = "1" * k + "0" * (n - 1 - k)
        shape = measure(network, pattern, Box.cube(n, 0, 1))
        assert shape.volume == F(number, math.factorial(n))


def mean_is(figure: Figure, value: float) -> bool:
    """The tables give seven digits; a sampled mean must have the value in (twice) its interval."""
    if isinstance(figure, Estimate):
        assert figure.high - figure.low < 0.05 * figure.value
        return abs(figure.value - value) <= figure.high - figure.low
    assert isinstance(figure, Interval) and figure.high - figure.low < TINY * figure.high
    return abs(figure.low - value) < 1e-6


@pytest.mark.parametrize(("n", "mean"), [(2, 3.819719), (3, 6), (4, 8.488264), (5, 11.25)])
def test_boxes(n: int, mean: float):
    shape = whole(n, Box([-i for i in range(1, n + 1)], list(range(1, n + 1))))
    assert (shape.radius, shape.widths.min_l2) == (1, 2)
    assert shape.volume == 2**n * math.factorial(n)
    assert shape.widths.axis == tuple(2 * i for i in range(1, n + 1))
    assert shape.widths.min_linf == 2
    assert not isinstance(shape.widths.mean, Estimate)
    assert mean_is(shape.widths.mean, mean)
    assert close(shape.widths.diameter, 2 * math.sqrt(sum(i * i for i in range(1, n + 1))))


MEANS = {2: 1.086778, 3: 1.113127, 4: 1.112523, 5: 1.099506}


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_corner_simplices(n: int):
    rows = [[-int(i == j) for j in range(n)] for i in range(n)] + [[1] * n]
    shape = whole(n, Polytope(rows, [0] * n + [1]))
    assert close(shape.radius, 1 / (n + math.sqrt(n)))
    assert close(shape.widths.min_l2, 1 / math.sqrt(n))
    assert shape.volume == F(1, math.factorial(n))
    assert mean_is(shape.widths.mean, MEANS[n])
    assert isinstance(shape.widths.mean, Estimate) == (n > 3)
    assert close(shape.widths.diameter, math.sqrt(2))
    assert (shape.widths.min_linf, shape.widths.axis) == (1, (1,) * n)
    assert shape.widths.min_l1 == F(1, n)  # along (1, …, 1)


CROSS_MEANS = {2: 1.800633, 3: 1.662379, 4: 1.558245, 5: 1.475621}


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_cross_polytopes(n: int):
    rows = [list(signs) for signs in product((1, -1), repeat=n)]
    shape = whole(n, Polytope(rows, [1] * 2**n))
    assert close(shape.radius, 1 / math.sqrt(n))
    assert close(shape.widths.min_l2, 2 / math.sqrt(n))
    assert shape.volume == F(2**n, math.factorial(n))
    assert mean_is(shape.widths.mean, CROSS_MEANS[n])
    assert (shape.widths.diameter, shape.widths.min_linf) == (2, 2)
    assert shape.widths.min_l1 == F(2, n)
    assert len(shape.facets) == 2**n


def test_orthants_are_unbounded():
    shape = measure(one_layer([[1, 0], [0, 1]]).build(), "10", Space(2))
    assert shape.bounded is False and len(shape.neighbours) == 2
    infinite = Interval(math.inf, math.inf)
    assert shape.radius == shape.volume == shape.widths.min_l2 == infinite
    assert shape.widths.axis == (infinite, infinite)


def test_a_strip_is_unbounded_and_has_a_width():
    shape = measure(one_layer([[1, 0], [1, 0]], [0, -3]).build(), "10", Space(2))
    assert shape.bounded is False
    assert (shape.radius, shape.widths.min_linf) == (F(3, 2), 3)
    assert shape.widths.axis == (3, Interval(math.inf, math.inf))
