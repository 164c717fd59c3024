"""Laws that relate two counts of one compiled engine, tried with exact transformations only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import regions
from regions.counting.engines import FLOATS
from tests.plain import PlainDomain, PlainNetwork, cube, feed_forward
from tests.strategies import Problem, problems
from tests.test_count_metamorphic import mapped, rebuilt, with_unit

both = pytest.mark.parametrize("engine", FLOATS)


@st.composite
def on_boxes(draw: st.DrawFn) -> Problem:
    """A chain of layers on a box with interior or flat sides; never a single point."""
    problem = draw(problems(["cube", "box"], max_inputs=4, max_units=12, chain=True))
    lower, upper = problem.domain.arguments
    assume(lower != upper)
    return problem


def generic(seed: int) -> Problem:
    """Normal weights, on a cube: decided in floats, with nothing set aside."""
    random = np.random.default_rng(seed)
    widths = [int(random.integers(2, 5)), *(int(w) for w in random.integers(3, 9, 2))]
    layers = []
    for below, width in pairwise(widths):
        rows, biases = random.standard_normal((width, below)), random.standard_normal(width) / 2
        layers.append([(tuple(r), b) for r, b in zip(rows.tolist(), biases.tolist(), strict=True)])
    return Problem(feed_forward(widths[0], *layers), cube(widths[0]))


def count(network: PlainNetwork, domain: PlainDomain, engine: str) -> int:
    result = regions.count(network.build(), domain.build(), engine=engine)
    assert result.engine == engine
    return int(result)


def along_axes(problem: Problem, order: Sequence[int], powers: Sequence[int]) -> Problem:
    """The same problem in the coordinates y with x[order[j]] = 2^powers[j] y[j]."""
    network = problem.network
    dim = network.inputs
    factors = [Fraction(2) ** power for power in powers]
    layers = []
    for units in network.layers:
        layer = []
        for weights, bias in units:
            moved = tuple(weights[i] * f for i, f in zip(order, factors, strict=True))
            layer.append((moved + tuple(weights[dim:]), bias))
        layers.append(layer)
    lower, upper = (
        tuple(Fraction(side[i]) / f for i, f in zip(order, factors, strict=True))
        for side in problem.domain.arguments
    )
    box = replace(problem.domain, arguments=(lower, upper))
    return Problem(rebuilt(network, layers), box)


def assert_units_may_be_moved(
    engine: str, problem: Problem, data: st.DataObject, powers: bool
) -> None:
    network = problem.network
    layer = data.draw(st.integers(0, len(network.layers) - 1))
    width = network.widths[layer]
    order = data.draw(st.permutations(range(width)))
    exponents = data.draw(st.tuples(*[st.integers(-40, 40) if powers else st.just(0)] * width))
    factors = [Fraction(2) ** exponent for exponent in exponents]
    moved = rebuilt(network, mapped(network, layer, order, factors))
    assert count(moved, problem.domain, engine) == count(network, problem.domain, engine)


@both
@pytest.mark.parametrize("powers", [False, True])
@given(problem=on_boxes(), data=st.data())
def test_units_may_be_permuted_and_scaled(
    engine: str, problem: Problem, data: st.DataObject, powers: bool
):
    assert_units_may_be_moved(engine, problem, data, powers)


@both
@given(seed=st.integers(0, 999), data=st.data())
def test_units_of_generic_networks_may_be_permuted_and_scaled(
    engine: str, seed: int, data: st.DataObject
):
    assert_units_may_be_moved(engine, generic(seed), data, powers=True)


def assert_axes_may_be_moved(engine: str, problem: Problem, data: st.DataObject, most: int) -> None:
    dim = problem.network.inputs
    order = data.draw(st.permutations(range(dim)))
    powers = data.draw(st.tuples(*[st.integers(-most, most)] * dim))
    there = along_axes(problem, order, powers)
    assert count(there.network, there.domain, engine) == count(
        problem.network, problem.domain, engine
    )


@both
@given(problem=on_boxes(), data=st.data())
def test_axes_may_be_permuted_and_scaled(engine: str, problem: Problem, data: st.DataObject):
    assert_axes_may_be_moved(engine, problem, data, 30)


@both
@given(seed=st.integers(0, 999), data=st.data())
def test_axes_of_generic_networks_may_be_permuted_and_scaled(
    engine: str, seed: int, data: st.DataObject
):
    assert_axes_may_be_moved(engine, generic(seed), data, 4)


@both
@given(problem=on_boxes(), data=st.data())
def test_a_duplicated_unit_adds_nothing(engine: str, problem: Problem, data: st.DataObject):
    network = problem.network
    layer = data.draw(st.integers(0, len(network.layers) - 1))
    unit = data.draw(st.sampled_from(network.layers[layer]))
    twice = rebuilt(network, with_unit(network, layer, unit))
    assert count(twice, problem.domain, engine) == count(network, problem.domain, engine)


@both
@given(seed=st.integers(0, 999), data=st.data())
def test_halves_of_a_generic_box_have_all_its_regions(engine: str, seed: int, data: st.DataObject):
    """Cut across an axis: no region is lost, and none is in more than two of the halves."""
    problem = generic(seed)
    lower, upper = problem.domain.arguments
    axis = data.draw(st.integers(0, problem.network.inputs - 1))
    at = data.draw(st.sampled_from([Fraction(1, 3), Fraction(-5, 7), Fraction(0)]))

    def moved(side: tuple) -> tuple:
        return (*side[:axis], at, *side[axis + 1 :])

    whole = count(problem.network, problem.domain, engine)
    below = count(problem.network, replace(problem.domain, arguments=(lower, moved(upper))), engine)
    above = count(problem.network, replace(problem.domain, arguments=(moved(lower), upper)), engine)
    flat = count(
        problem.network, replace(problem.domain, arguments=(moved(lower), moved(upper))), engine
    )
    assert whole == below + above - flat, "a region on both sides meets the wall in one region"
