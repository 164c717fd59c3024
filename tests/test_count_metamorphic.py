"""Laws that relate the counts of two problems, tried with exact transformations only.

Powers of two and unimodular integers change no rational by rounding; other factors would make
another network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import regions
from tests import oracle
from tests.oracle import Number
from tests.plain import PlainDomain, PlainNetwork, polytope, space
from tests.strategies import LEVELS, SMALL_INTEGERS, Problem, problems


@st.composite
def larger(draw: st.DrawFn) -> Problem:
    """A problem too large to be brute-forced a hundred times, on a non-empty domain."""
    problem = draw(problems(max_inputs=4, max_units=12))
    if oracle.is_empty(problem.domain.rows, problem.domain.dim):
        return replace(problem, domain=space(problem.domain.dim))
    return problem


def count(network: PlainNetwork, domain: PlainDomain, layers: int | None = None) -> int:
    return int(regions.count(network.build(), domain.build(), layers=layers))


def rebuilt(network: PlainNetwork, layers: Sequence) -> PlainNetwork:
    """The network with other ReLU layers and an output that reads whatever there is."""
    return replace(network, layers=tuple(tuple(layer) for layer in layers), outputs=())


def mapped(network: PlainNetwork, layer: int, order: Sequence[int], factors: Sequence) -> list:
    """Unit i of the layer becomes factors[i] times unit order[i]; readers are divided by it."""
    start = network.inputs + sum(network.widths[:layer])
    layers = [list(units) for units in network.layers]
    old = layers[layer]
    layers[layer] = [
        (tuple(factor * w for w in old[i][0]), factor * old[i][1])
        for i, factor in zip(order, factors, strict=True)
    ]
    for later in range(layer + 1, len(layers)):
        for unit, (weights, bias) in enumerate(layers[later]):
            row = list(weights)
            for place, (i, factor) in enumerate(zip(order, factors, strict=True)):
                row[start + place] = Fraction(weights[start + i]) / factor
            layers[later][unit] = (tuple(row), bias)
    return layers


def with_unit(network: PlainNetwork, layer: int, unit: tuple, weights: Sequence = ()) -> list:
    """One more unit at the end of a layer; later units read it with the given weights, or 0."""
    place = network.inputs + sum(network.widths[: layer + 1])
    layers = [list(units) for units in network.layers]
    layers[layer].append(unit)
    reads = iter(weights)
    for later in range(layer + 1, len(layers)):
        for k, (row, bias) in enumerate(layers[later]):
            layers[later][k] = ((*row[:place], next(reads, 0), *row[place:]), bias)
    return layers


@given(problem=larger(), data=st.data())
def test_the_order_of_units_does_not_matter(problem: Problem, data: st.DataObject):
    network = problem.network
    layer = data.draw(st.integers(0, len(network.layers) - 1))
    width = network.widths[layer]
    order = data.draw(st.permutations(range(width)))
    permuted = rebuilt(network, mapped(network, layer, order, [1] * width))
    assert count(permuted, problem.domain) == count(network, problem.domain)


@given(problem=larger(), data=st.data())
def test_scaling_a_unit_and_its_readers_changes_nothing(problem: Problem, data: st.DataObject):
    network = problem.network
    layer = data.draw(st.integers(0, len(network.layers) - 1))
    width = network.widths[layer]
    powers = data.draw(st.tuples(*[st.integers(-40, 40)] * width), label="powers of two")
    factors = [Fraction(2) ** power for power in powers]
    scaled = rebuilt(network, mapped(network, layer, range(width), factors))
    assert count(scaled, problem.domain) == count(network, problem.domain)


@st.composite
def unimodular(draw: st.DrawFn, dim: int) -> list[list[int]]:
    """A product of shears by small integers, a permutation and sign changes."""
    order = draw(st.permutations(range(dim)))
    signs = draw(st.tuples(*[st.sampled_from([1, -1])] * dim))
    matrix = [[signs[i] * (order[i] == j) for j in range(dim)] for i in range(dim)]
    for _ in range(draw(st.integers(0, 3)) if dim > 1 else 0):
        i, j = draw(st.permutations(range(dim)))[:2]
        factor = draw(st.sampled_from([1, -1, 2, -3]))
        matrix[i] = [p + factor * q for p, q in zip(matrix[i], matrix[j], strict=True)]
    return matrix


def substituted(weights: Sequence, constant: Number, matrix: list, shift: Sequence) -> tuple:
    """The affine function w·x + c at x = U y + t, as (weights of y, constant)."""
    dim = len(matrix)
    moved = tuple(sum(weights[i] * matrix[i][j] for i in range(dim)) for j in range(dim))
    return moved, constant + sum(w * t for w, t in zip(weights[:dim], shift, strict=True))


@given(problem=larger(), data=st.data())
def test_unimodular_changes_of_input_change_nothing(problem: Problem, data: st.DataObject):
    network, domain = problem.network, problem.domain
    dim = network.inputs
    matrix = data.draw(unimodular(dim), label="U")
    shift = data.draw(st.tuples(*[LEVELS] * dim), label="t")
    layers = []
    for units in network.layers:
        layer = []
        for weights, bias in units:
            moved, constant = substituted(weights, bias, matrix, shift)
            layer.append(((*moved, *weights[dim:]), constant))
        layers.append(layer)
    rows = []
    for a, b in domain.rows:  # a·(U y + t) <= b
        moved, constant = substituted(a, 0, matrix, shift)
        rows.append((moved, b - constant))
    there = polytope(rows, dim) if rows else space(dim)
    assert count(rebuilt(network, layers), there) == count(network, domain)


@given(problem=larger(), data=st.data())
def test_a_duplicated_unit_adds_nothing(problem: Problem, data: st.DataObject):
    network = problem.network
    layer = data.draw(st.integers(0, len(network.layers) - 1))
    unit = data.draw(st.sampled_from(network.layers[layer]))
    layers = with_unit(network, layer, unit)
    assert count(rebuilt(network, layers), problem.domain) == count(network, problem.domain)


@given(problem=larger(), data=st.data())
def test_a_dead_unit_adds_nothing(problem: Problem, data: st.DataObject):
    network = problem.network
    layer = data.draw(st.integers(0, len(network.layers) - 1))
    earlier = sum(network.widths[:layer])
    # minus a sum of ReLUs, minus something: never positive, so its output is 0 to its readers
    below = data.draw(st.tuples(*[st.sampled_from([0, -1, -2])] * earlier))
    bias = data.draw(st.sampled_from([0, -1]))
    dead = ((0,) * network.inputs + below, bias)
    later = sum(network.widths[layer + 1 :])
    reads = data.draw(st.tuples(*[SMALL_INTEGERS] * later))
    layers = with_unit(network, layer, dead, reads)
    assert count(rebuilt(network, layers), problem.domain) == count(network, problem.domain)


@given(problem=larger(), data=st.data())
def test_cutting_the_domain_by_a_hyperplane(problem: Problem, data: st.DataObject):
    network, domain = problem.network, problem.domain
    a = data.draw(st.tuples(*[SMALL_INTEGERS] * network.inputs).filter(any), label="a")
    b = data.draw(LEVELS, label="b")
    parts = [domain.cut(a, b), domain.cut([-w for w in a], -b)]
    parts = [part for part in parts if not oracle.is_empty(part.rows, network.inputs)]
    whole = count(network, domain)
    halves = [count(network, part) for part in parts]
    assert whole <= sum(halves) <= len(halves) * whole


@given(problem=larger())
def test_more_layers_have_no_fewer_regions(problem: Problem):
    network, domain = problem.network, problem.domain
    depth = len(network.layers)
    counts = [count(network, domain, layers=k) for k in range(1, depth + 1)]
    assert counts == sorted(counts)
    assert counts[-1] == count(network, domain)


@pytest.mark.parametrize("storage", ["rationals", "sparse"])
@given(problem=larger())
def test_the_storage_of_weights_does_not_matter(storage: str, problem: Problem):
    network = problem.network
    other = replace(network, storage=storage)
    there = replace(network, storage="floats")
    assert count(other, problem.domain) == count(there, problem.domain)
