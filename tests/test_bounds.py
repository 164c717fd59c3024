"""Upper bounds: known values, other ways of computing them, and the oracle's counts below them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from math import comb, prod
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import regions
from regions.counting.bounds import cells
from regions.counting.layer_bounds import (
    LayerUnits,
    hinz,
    montufar,
    montufar_best_weights,
    most_with_few_inactive,
    open_node,
    own,
    serra,
)
from regions.counting.upper_bounds import Bounds, bounds_in_box
from tests import oracle
from tests.plain import PlainNetwork, cube, feed_forward, one_layer, space
from tests.strategies import BOUNDED, FORMS, Problem, networks, problems


def plain(*widths: int) -> list[LayerUnits]:
    """A plain network of these widths of which nothing else is known."""
    return [LayerUnits(width, width, 0, (below,)) for below, width in enumerate(widths)]


@st.composite
def stacks(draw: st.DrawFn, most_layers: int = 4, most_units: int = 7) -> list[LayerUnits]:
    """Layers of a plain network with units that are known to be on or off."""
    result = []
    for below in range(draw(st.integers(0, most_layers))):
        split = draw(st.tuples(*[st.integers(0, most_units // 2)] * 3))
        result.append(LayerUnits(sum(split), split[0], split[1], (below,)))
    return result


# -- the numbers, computed in other ways ---------------------------------------------------------


@pytest.mark.parametrize(
    ("widths", "dim", "values"),
    [
        # (montufar, own, serra, hinz, best weights), by hand
        ((), 3, (1, 1, 1, 1, 1)),
        ((4,), 0, (1, 1, 1, 1, 1)),
        ((5,), 2, (16, 16, 16, 16, 16)),  # S(5, 2)
        ((3,), 5, (8, 8, 8, 8, None)),
        ((7, 5, 6), 1, (336, 336, 336, 336, 7 * 5 * 7)),  # Π (n_l + 1): Serra's is exact there
        ((4, 4), 2, (121, 121, 121, 115, 44)),  # 11·11; 1·11 + 4·11 + 5·11 + 1·5; 2²·11
        ((4, 4), 3, (225, 225, 161, 161, 15)),  # 15·15; 1·15 + 4·15 + 6·11 + 4·5; 1³·15
        ((3, 3), 3, (64, 64, 42, 42, 8)),  # 8·8; 1·8 + 3·7 + 3·4 + 1·1; 1³·8
        ((2, 9), 6, (184, 184, 67, 67, None)),  # 4·46; 1·46 + 2·10 + 1·1
    ],
)  # fmt: skip
def test_worked_examples(widths: tuple[int, ...], dim: int, values: tuple[int | None, ...]):
    layers = plain(*widths)
    verbs = (montufar, own, serra, hinz, montufar_best_weights)
    assert tuple(verb(layers, dim) for verb in verbs) == values


@given(st.lists(st.integers(1, 5), max_size=4), st.integers(0, 6))
def test_serra_is_the_sum_of_the_theorem(widths: list[int], dim: int):
    """Σ Π C(n_l, j_l) over all j with 0 <= j_l <= min(n_0, n_1 - j_1, …, n_l)."""
    total = 0
    for inactive in product(*(range(width + 1) for width in widths)):
        rank, fits = dim, True
        for width, j in zip(widths, inactive, strict=True):
            fits &= j <= min(rank, width)
            rank = min(rank, width - j)
        total += prod(map(comb, widths, inactive)) if fits else 0
    assert serra(plain(*widths), dim) == total


@given(stacks(), st.integers(0, 8))
def test_histograms_pushed_through_matrices_give_the_same(layers: list[LayerUnits], dim: int):
    """The form of Hinz and van de Geer: ‖B_L … B_1 e_{n_0}‖₁, B_l from clipped histograms."""
    for verb, at_most in ((serra, _few_inactive_by_serra), (hinz, most_with_few_inactive)):
        dims = [0] * dim + [1]  # regions by the dimension of their image
        for layer in layers:
            after = [0] * len(dims)
            for rank, number in enumerate(dims):
                tails = at_most(layer.open, rank)
                for inactive, tail in enumerate(tails):
                    exactly = tail - (tails[inactive - 1] if inactive else 0)
                    after[min(rank, layer.alive - inactive)] += number * exactly
            dims = after
        assert verb(layers, dim) == sum(dims)


@given(stacks(), st.integers(0, 8))
def test_an_open_cell_is_bounded_as_the_layers_that_are_left(layers: list[LayerUnits], dim: int):
    if layers:
        first, *rest = layers
        later = [(layer.open, layer.alive) for layer in rest]
        assert open_node(first.open, first.alive, dim, later, feed_forward=True) == hinz(
            layers, dim
        )
        skipping = open_node(first.open, first.alive, dim, later, feed_forward=False)
        assert skipping == prod(cells(layer.open, dim) for layer in layers)


def _few_inactive_by_serra(units: int, dim: int) -> tuple[int, ...]:
    return tuple(sum(comb(units, i) for i in range(min(m, dim) + 1)) for m in range(units + 1))


def test_a_wide_layer_is_bounded_with_serras_histogram():
    assert hinz(plain(65, 65), 40) == serra(plain(65, 65), 40)
    assert hinz(plain(64, 64), 40) < serra(plain(64, 64), 40)


@given(stacks(), st.integers(0, 8))
def test_sharper_bounds_are_lower(layers: list[LayerUnits], dim: int):
    values = [verb(layers, dim) for verb in (hinz, serra, own, montufar)]
    assert values == sorted(values)
    best_weights = montufar_best_weights(layers, dim)
    if best_weights is not None and all(layer.open == layer.units for layer in layers):
        assert best_weights <= values[0]


@given(stacks(), st.integers(0, 8), st.data())
def test_bounds_grow_with_the_network(layers: list[LayerUnits], dim: int, data: st.DataObject):
    more = [*layers, LayerUnits(2, 2, 0, (len(layers),))]
    where = data.draw(st.integers(0, len(layers)))
    unit = more[where]
    wider = dataclasses.replace(unit, units=unit.units + 1, open=unit.open + 1)
    wide = [*more[:where], wider, *more[where + 1 :]]
    opened = [
        dataclasses.replace(unit, open=unit.open + unit.active, active=0)
        if index == where and unit.active
        else unit
        for index, unit in enumerate(more)
    ]
    for verb in (own, serra, hinz, montufar):
        number = verb(more, dim)
        assert verb(layers, dim) <= number <= verb(more, dim + 1)
        assert number <= verb(wide, dim)
        assert number <= verb(opened, dim)


@given(networks(max_layers=1, max_units=6))
def test_few_units_are_inactive_in_few_regions(network: PlainNetwork):
    """The histograms, against every region of one layer on the whole space."""
    inactive = [
        pattern.count("0")
        for pattern in oracle.regions(network.layers, space(network.inputs).rows, network.inputs)
    ]
    tails = most_with_few_inactive(network.relus, network.inputs)
    for m, most in enumerate(tails):
        assert sum(number <= m for number in inactive) <= most


def test_on_a_line_the_histogram_is_reached():
    """Kinks of alternating direction keep about half of the units off: 2m + 1 for every m."""
    for units in range(1, 8):
        inner = range(units)
        reached = [0] * (units + 1)
        # the best arrangement for m: m units are off to the left of all others, m to the right
        for m in range(units + 1):
            left, right = inner[: min(m, units)], inner[max(units - m, min(m, units)) :]
            layer = [((1,), -k) if k in left else ((-1,), k) for k in (*left, *right)]
            layer += [((0,), 1)] * (units - len(layer))
            found = oracle.regions([layer], space(1).rows, 1)
            reached[m] = sum(pattern.count("0") <= m for pattern in found)
        assert tuple(reached) == most_with_few_inactive(units, 1)


def test_the_recursion_is_the_same_as_a_plain_one():
    @lru_cache
    def most(n: int, d: int, m: int) -> int:
        if m < 0:
            return 0
        simple = sum(comb(n, i) for i in range(min(m, d) + 1))
        if d == 0 or n == 0:
            return 1
        if d == 1:
            return min(2 * m, n) + 1
        return min(simple, most(n - 1, d, m) + most(n - 1, d - 1, m - 1))

    for n, d in product(range(9), range(7)):
        expected = tuple(most(n, min(n, d), m) for m in range(n + 1))
        assert most_with_few_inactive(n, d) == expected


# -- never below the truth ------------------------------------------------------------------------


def check_oracle(problem: Problem) -> Bounds | None:
    network, domain = problem.network, problem.domain
    if oracle.is_empty(domain.rows, network.inputs):
        with pytest.raises(regions.DomainError, match="empty"):
            regions.bounds(network.build(), domain.build())
        return None
    truth = len(oracle.regions(network.layers, domain.rows, network.inputs))
    found = regions.bounds(network.build(), domain.build())
    assert all(truth <= value for value in found.upper.values()), (truth, found)
    assert found.best == min(found.upper.values())
    return found


@pytest.mark.parametrize("forms", [BOUNDED, tuple(set(FORMS) - set(BOUNDED))], ids=["in", "out"])
def test_bounds_are_no_less_than_the_count(forms: Sequence[str]):
    @given(problems(sorted(forms), max_units=8))
    def holds(problem: Problem) -> None:
        found = check_oracle(problem)
        if found is not None:
            assert found.why.keys() == {
                name for name in _field_names() if getattr(found, name) is None
            }

    holds()


def _field_names() -> list[str]:
    return ["own", "serra", "hinz", "montufar", "montufar_best_weights"]


@given(problems(("cube", "box", "segment", "slice", "space"), max_inputs=4, chain=True))
def test_bounds_of_plain_networks_are_no_less_than_the_count(problem: Problem):
    found = check_oracle(problem)
    if found is not None:
        assert set(found.upper) == {"montufar", "own", "serra", "hinz"}


@given(problems(("cube",)))
def test_a_larger_box_does_not_lower_a_bound(problem: Problem):
    network = problem.network.build()
    ends = np.ones(network.inputs)
    small = bounds_in_box(network, -ends, ends)
    large = bounds_in_box(network, -2 * ends, 2 * ends)
    whole = bounds_in_box(network, np.full(network.inputs, -np.inf), ends)
    for name in small.upper:
        assert small.upper[name] <= large.upper[name] <= whole.upper[name]


# -- the verb -------------------------------------------------------------------------------------


def test_units_that_are_stable_on_the_domain_do_not_count():
    """Of the units 2x, x + 3, x - 3 and -x - 5 two are open on [-4, 4] and one on [-1, 1]."""
    network = one_layer([[2], [1], [1], [-1]], [0, 3, -3, -5]).build()
    assert regions.bounds(network).open_units == (1,)
    assert regions.bounds(network).best == int(regions.count(network, engine="lp")) == 2
    wide = regions.bounds(network, regions.Box.cube(1, -4, 4))
    assert (wide.open_units, wide.best, wide.montufar) == ((3,), 4, 5)


@pytest.mark.parametrize(
    ("domain", "dim"),
    [
        (regions.Box([-1, 0, -1], [1, 0, 1]), 2),
        (regions.Segment([-1, 0, 1], [1, 2, -1]), 1),
        (regions.Slice([0, 0, 0], [1, 0, 0], [0, 1, 1]), 2),
        (regions.Box.cube(3, -1, 1) & regions.Polytope([[1, 1, 1], [-1, -1, -1]], [0, 0]), 2),
        (regions.Box([1, 1, 1], [1, 1, 1]), 0),
    ],
    ids=lambda value: value.spec if hasattr(value, "spec") else None,
)
def test_flat_domains_have_their_own_dimension(domain: regions.Box, dim: int):
    rows = [[1, 2, 3], [3, -1, 1], [-1, 1, 1], [2, 0, -1], [1, 1, -2]]
    network = one_layer(rows, [0, 0, 0, 0, 0]).build()
    found = regions.bounds(network, domain)
    assert found.dim == dim
    assert found.montufar == sum(comb(5, i) for i in range(dim + 1))
    assert int(regions.count(network, domain, engine="lp")) <= found.best


def test_skip_connections_leave_the_products():
    """The second layer reads the input and the first layer."""
    network = PlainNetwork(
        2, ((((1, 0), 0), ((0, 1), 0)), (((1, 1, -1, -2), 0), ((1, 0, 0, -1), 0)))
    ).build()
    found = regions.bounds(network)
    assert (found.own, found.upper, found.by) == (16, {"own": 16}, "own")
    assert found.serra is found.hinz is found.montufar is found.montufar_best_weights is None
    assert "skip connection" in found.why["serra"]


def test_a_bottleneck_under_a_skip_connection_counts():
    """Layer 2 has one unit, and layer 3 reads nothing else: rank 1, though it is no chain."""
    layers = [
        LayerUnits(6, 6, 0, (0,)),
        LayerUnits(1, 1, 0, (0, 1)),
        LayerUnits(5, 5, 0, (2,)),
        LayerUnits(5, 5, 0, (2, 3)),
    ]
    assert own(layers, 3) == 42 * 2 * 6 * sum(comb(5, i) for i in range(3))


def test_a_skip_connection_to_the_output_changes_nothing():
    hidden = (((1, 2), 0), ((2, -1), 0)), (((0, 0, 1, 1), -1), ((0, 0, 1, -1), 0))
    chain = PlainNetwork(2, hidden).build()
    skipping = PlainNetwork(2, hidden, outputs=(((1, 0, 0, 0, 1, 1), 0),)).build()
    assert not skipping.is_feed_forward
    assert regions.bounds(skipping) == regions.bounds(chain)


def test_best_weights_are_no_bound_of_this_network():
    """On 2 inputs with widths 3, 3 they are said to reach 1 · 7: some have less, some have more."""
    dull = feed_forward(2, [((0, 0), 1)] * 3, [((0, 0, 0), 1)] * 3).build()
    found = regions.bounds(dull)
    assert (found.best, found.montufar_best_weights) == (1, 7)
    first = [((1, 0), -1), ((-1, -1), -1), ((-2, 1), -1)]
    busy = feed_forward(2, first, [((2, 1, -1), -1), ((1, -1, 2), -1), ((2, -2, 2), 1)])
    truth = len(oracle.regions(busy.layers, space(2).rows, 2))
    found = regions.bounds(busy.build(), regions.Space(2))
    assert found.upper.keys() == {"montufar", "own", "serra", "hinz"}
    assert found.montufar_best_weights == 7 < truth == 24 <= found.best


def test_narrow_layers_have_no_number_for_the_best_weights():
    found = regions.bounds(one_layer(np.eye(3, 5).tolist()).build())
    assert found.montufar_best_weights is None
    assert "at least 5 units" in found.why["montufar_best_weights"]
    assert "has 3" in found.why["montufar_best_weights"]


def test_the_first_layers_alone():
    network = feed_forward(2, [((1, 0), 0)] * 3, [((1, 1, 1), -1)] * 3).build()
    assert regions.bounds(network, layers=1).montufar == 7
    assert regions.bounds(network, layers=2) == regions.bounds(network)


def test_a_network_without_relus_has_one_region():
    network = regions.Network.from_layers([([[1, 2]], [0])])
    found = regions.bounds(network)
    assert (found.best, found.open_units, found.montufar_best_weights) == (1, (), 1)


def test_wide_networks_have_bounds_of_thousands_of_digits():
    rng = np.random.default_rng(0)
    widths = [784, *[1000] * 10, 10]
    sizes = zip(widths[1:], widths[:-1], strict=True)
    network = regions.Network.from_layers(
        [(rng.integers(-1, 2, size), np.zeros(size[0])) for size in sizes]
    )
    found = regions.bounds(network, regions.Space(784))
    assert found.montufar is not None and found.serra is not None
    assert found.montufar == sum(comb(1000, i) for i in range(785)) ** 10
    assert found.best == found.serra < found.montufar < 2**10000
    assert found.serra == serra(plain(*[1000] * 10), 784)


def test_without_time_the_hull_is_not_sought():
    """A polytope without bounds needs a search for a point inside."""
    network = one_layer([[1, 2], [2, 1], [1, -1]], [0, 0, 0]).build()
    flat = regions.Polytope([[1, 1], [-1, -1]], [0, 0])
    assert regions.bounds(network, flat).montufar == 4
    rushed = regions.bounds(network, flat, time_limit=0)
    assert (rushed.dim, rushed.montufar, rushed.open_units) == (2, 7, (3,))


def test_the_record_is_plain_json():
    found = regions.bounds(one_layer([[1, 2], [2, 1]]).build())
    record = json.loads(json.dumps(found.as_dict()))
    assert record["best"] == record[record["by"]] == 4
    assert record["why"] == {}
    assert (record["dimension"], record["open_units"]) == (2, [2])
    assert hash(found) == hash(regions.bounds(one_layer([[1, 2], [2, 1]]).build()))


def test_bounds_come_from_python_as_they_are_printed():
    network = one_layer([[1, 0], [0, 1], [1, 1]], [0, 0, -3]).build()
    assert regions.bounds(network, cube(2).build()).by == "own"


anything: Any = regions.bounds  # for arguments of the wrong type


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda net: anything("net.pt"), regions.InputError, r"got str; make one with"),
        (lambda net: anything(net, "box:-1,1"), regions.DomainError, "needs a Domain, got"),
        (lambda net: anything(net, cube(3).build()), regions.DomainError, "dimension 2"),
        (lambda net: anything(net, layers=2), regions.InputError, "has 1 ReLU layers"),
        (lambda net: anything(net, layers=1.5), regions.InputError, "needs a whole number"),
        (lambda net: anything(net, layers=True), regions.InputError, "needs a whole number"),
        (lambda net: anything(net, time_limit=-1), regions.InputError, "seconds >= 0"),
        (
            lambda net: anything(net, regions.Polytope([[1, 0], [-1, 0]], [-1, -1])),
            regions.DomainError,
            "empty",
        ),
    ],
)
def test_bad_arguments(call, kind: type[Exception], words: str):
    with pytest.raises(kind, match=words):
        call(one_layer([[1, 0], [0, 1]]).build())
