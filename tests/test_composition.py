"""Composed rows: the float ones contain the exact ones, and interval bounds hold."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regions.composition import exact_layers, exact_row, float_rows
from regions.intervals import layer_bounds, stable_bits
from regions.network import Layer, Network
from solvers.exact_matrix import ExactMatrix
from solvers.float_rows import FloatRows
from solvers.rational import rationals
from tests import naive
from tests.naive import Form, random_network
from tests.strategies import networks

F = Fraction
INF = np.inf
STORAGES = ["dense", "sparse", "rational", "sparse rational"]
KINDS = ["plain", "integers", "scaled"]


def some_bits(random: np.random.Generator, network: Network) -> list[np.ndarray]:
    return [(random.random(width) < 0.7).astype(np.int8) for width in network.widths]


def assert_contained(rows: FloatRows, expected: list[Form]) -> None:
    """Every exact coefficient lies within the error of its float."""
    assert rows.a.shape == rows.a_error.shape == (len(expected), len(expected[0][0]))
    assert rows.c.shape == rows.c_error.shape == (len(expected),)
    assert (rows.a_error >= 0).all()
    assert (rows.c_error >= 0).all()
    for i, (a, c) in enumerate(expected):
        got = [*rows.a[i].tolist(), float(rows.c[i])]
        errors = [*rows.a_error[i].tolist(), float(rows.c_error[i])]
        for true, value, error in zip([*a, c], got, errors, strict=True):
            if np.isfinite(value) and np.isfinite(error):
                assert abs(true - F(value)) <= F(error)
            else:
                assert not abs(value) > error


def exact_rows(network: Network, bits: list[np.ndarray], position: int) -> list[Form]:
    count = (*network.widths, network.outputs)[position - 1]
    result = []
    for unit in range(count):
        a, c = exact_row(network, bits, position, unit)
        result.append((naive.vector(a), naive.exact(c)))
    return result


def check(network: Network, bits: list[np.ndarray]) -> None:
    """Exact rows against upward composition, float rows against exact ones; all layers."""
    for position in range(1, len(network.layers) + 2):
        expected = naive.forms(network, bits, position)
        assert exact_rows(network, bits, position) == expected
        units = np.arange(len(expected))[::-1]
        assert_contained(float_rows(network, bits, position, units), expected[::-1])


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("skips", [False, True])
def test_rows_of_deep_networks(kind: str, storage: str, skips: bool):
    for seed in range(3):
        random = np.random.default_rng([seed, KINDS.index(kind), STORAGES.index(storage)])
        widths = random.integers(1, 7, random.integers(1, 6)).tolist()
        network = random_network(random, int(random.integers(1, 5)), widths, kind, storage, skips)
        check(network, some_bits(random, network))


@given(networks(max_layers=3), st.data())
def test_rows_of_degenerate_networks(plain: Any, data: st.DataObject):
    network = plain.build()
    bits = [
        np.array(data.draw(st.tuples(*[st.integers(0, 1)] * width)), dtype=np.int8)
        for width in network.widths
    ]
    check(network, bits)


@given(networks(max_units=8), st.data())
def test_all_rows_at_once_are_those_composed_one_by_one(plain: Any, data: st.DataObject):
    network = plain.build()
    random = np.random.default_rng(data.draw(st.integers(0, 2**16)))
    bits = some_bits(random, network)
    for position, forms in enumerate(exact_layers(network, bits), start=1):
        assert forms == [
            exact_row(network, bits, position, unit) for unit in range(network.widths[position - 1])
        ]


def test_dense_and_sparse_blocks_mix():
    random = np.random.default_rng(2)
    dense = random_network(random, 3, [4, 4, 3], "plain", "dense", skips=True)

    def mixed(layer: Layer) -> Layer:
        weights = [(s, m if s % 2 else ExactMatrix.from_entries(*m.entries[:3], m.shape))
                   for s, m in layer.weights]  # fmt: skip
        return Layer(tuple(weights), layer.bias)

    network = Network(3, tuple(mixed(layer) for layer in dense.layers), mixed(dense.output))
    assert {block.is_sparse for layer in network.layers for _, block in layer.weights} == {
        False, True}  # fmt: skip
    bits = some_bits(random, network)
    check(network, bits)
    for position in range(1, 5):
        assert exact_rows(network, bits, position) == exact_rows(dense, bits, position)


def test_only_the_wanted_units():
    random = np.random.default_rng(3)
    for storage in STORAGES:
        network = random_network(random, 3, [5, 5], "plain", storage)
        bits = some_bits(random, network)
        expected = naive.forms(network, bits, 2)
        units = np.array([3, 1])
        assert_contained(float_rows(network, bits, 2, units), [expected[3], expected[1]])
        none = float_rows(network, bits, 2, np.zeros(0, dtype=np.int64))
        assert none.a.shape == (0, 3)


def test_first_layer_rows_of_doubles_are_exact():
    random = np.random.default_rng(4)
    for storage in ("dense", "sparse"):
        network = random_network(random, 3, [5], "scaled", storage)
        rows = float_rows(network, [], 1, np.arange(5))
        assert not rows.a_error.any()
        assert not rows.c_error.any()
    thirds = random_network(random, 3, [5], "plain", "rational")
    rows = float_rows(thirds, [], 1, np.arange(5))
    assert ((rows.a_error > 0) == (rows.a != 0)).all()


def test_errors_of_plain_networks_are_small():
    """A bound that is always infinite would be right, and useless."""
    random = np.random.default_rng(5)
    network = random_network(random, 4, [10] * 5, "plain")
    rows = float_rows(network, some_bits(random, network), 6, np.arange(2))
    assert rows.a_error.max() < 1e-9
    assert rows.c_error.max() < 1e-9


def test_all_units_off_leave_the_bias():
    random = np.random.default_rng(6)
    network = random_network(random, 3, [4, 4], "plain")
    bits = [np.ones(4, dtype=np.int8), np.zeros(4, dtype=np.int8)]
    rows = float_rows(network, bits, 3, np.arange(2))
    assert not rows.a.any()
    assert not rows.a_error.any()
    biases = [line[0] for line in naive.table(network.output.bias)]
    assert [c for _, c in exact_rows(network, bits, 3)] == biases


def test_don_t_cares_do_not_pass():
    """A bit of -1 (undecided) never lets a unit through."""
    network = Network.from_layers([([[1], [1]], [0, 0]), ([[1, 10]], [0]), ([[1]], [0])])
    bits = [np.array([1, -1], dtype=np.int8)]
    assert exact_rows(network, bits, 2) == [([F(1)], F(0))]
    assert float_rows(network, bits, 2, np.array([0])).a.tolist() == [[1.0]]


@pytest.mark.parametrize("size", [1e-80, 1e-160, 1e-310, 5e-324])
def test_products_that_underflow(size: float):
    """Four layers: the products of weights are below the smallest double."""
    random = np.random.default_rng(7)
    for storage in ("dense", "sparse"):
        base = random_network(random, 2, [3, 3, 3], "integers", storage)

        def scaled(layer: Layer) -> Layer:
            factors = [size] * layer.units
            weights = tuple((s, block.scale_rows(factors)) for s, block in layer.weights)
            return Layer(weights, layer.bias)

        network = Network(2, tuple(map(scaled, base.layers)), scaled(base.output))
        check(network, [np.ones(3, dtype=np.int8)] * 3)


def test_products_that_overflow_are_not_believed():
    block = [[1e200, 1e200], [1e200, -1e200]]
    network = Network.from_layers([(block, [1, 2]), (block, [0, 0]), ([[1, 1]], [0])])
    bits = [np.ones(2, dtype=np.int8)] * 2
    with np.errstate(over="ignore", invalid="ignore"):
        for position in (1, 2, 3):
            units = np.arange(2 if position < 3 else 1)
            rows = float_rows(network, bits, position, units)
            assert_contained(rows, naive.forms(network, bits, position))


def test_cancellation_is_covered():
    """The second layer's row is exactly 2^-70 x; floats see something else, and say so."""
    network = Network.from_layers(
        [([[1], [1 + F(1, 2**70)]], [0, 0]), ([[-1, 1]], [0]), ([[1]], [0])]
    )
    bits = [np.ones(2, dtype=np.int8)]
    assert exact_rows(network, bits, 2) == [([F(1, 2**70)], F(0))]
    assert_contained(float_rows(network, bits, 2, np.array([0])), [([F(1, 2**70)], F(0))])


# -------------------------------------------------------------------------- interval bounds


def corners_and_more(
    random: np.random.Generator, lower: np.ndarray, upper: np.ndarray, count: int
) -> list[list[F]]:
    """Rational points of a box: corners, mid-points of edges and others."""
    result = []
    for _ in range(count):
        shares = [F(int(v), 4) for v in random.choice([0, 4, 4, 0, 1, 2], len(lower))]
        result.append([F(a) + t * (F(b) - F(a)) for a, b, t in
                       zip(lower.tolist(), upper.tolist(), shares, strict=True)])  # fmt: skip
    return result


def assert_stable_bits_hold(network: Network, points: list, stable: list[np.ndarray]) -> None:
    for x in points:
        before, _ = naive.forward(network, x)
        for z, bits in zip(before, stable, strict=True):
            for value, bit in zip(z, bits.tolist(), strict=True):
                assert bit in (-1, int(value > 0))


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("skips", [False, True])
def test_stable_bits_hold_at_points_of_the_box(kind: str, storage: str, skips: bool):
    fixed = 0
    for seed in range(4):
        random = np.random.default_rng([seed, KINDS.index(kind), STORAGES.index(storage)])
        network = random_network(random, 3, [4, 4, 3], kind, storage, skips)
        centre = random.standard_normal(3)
        radius = 10.0 ** random.integers(-9, 1) * random.random(3)
        lower, upper = centre - radius, centre + radius
        stable = stable_bits(network, lower, upper)
        assert [len(bits) for bits in stable] == list(network.widths)
        fixed += sum(int((bits >= 0).sum()) for bits in stable)
        points = corners_and_more(random, lower, upper, 12)
        assert_stable_bits_hold(network, points, stable)
    assert fixed > 0


@given(networks(max_inputs=2), st.data())
def test_stable_bits_hold_for_degenerate_networks(plain: Any, data: st.DataObject):
    network = plain.build()
    grid = st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0, 2.0])
    ends = [sorted(data.draw(st.tuples(grid, grid))) for _ in range(plain.inputs)]
    lower, upper = np.array([e[0] for e in ends]), np.array([e[1] for e in ends])
    points = corners_and_more(np.random.default_rng(0), lower, upper, 8)
    assert_stable_bits_hold(network, points, stable_bits(network, lower, upper))


def test_stable_bits_at_the_edge():
    """z in [0, 2] is not stable, z in [2^-40, 2] is on; z in [-2, 0] need not be seen as off."""
    network = Network.from_layers(
        [([[1], [1], [-1], [-1], [1]], [1, 1 + 2.0**-40, -1, -1 - 2.0**-40, -1]), ([[1] * 5], [0])]
    )
    box = np.array([-1.0]), np.array([1.0])
    bits = stable_bits(network, *box)[0].tolist()
    assert bits[0] == -1
    assert bits[1] == 1
    assert bits[2] in (-1, 0)
    assert bits[3] == 0
    assert bits[4] in (-1, 0)


def test_a_unit_that_is_zero_at_a_corner_is_not_on():
    """Cancellation: x + y - 0.1 - 0.2 at the corner (0.1, 0.2) is 0, though 0.1 + 0.2 rounds."""
    network = Network.from_layers([([[1, 1]], [-(F(0.1) + F(0.2))]), ([[1]], [0])])
    lower, upper = np.array([0.1, 0.2]), np.array([1.0, 1.0])
    assert stable_bits(network, lower, upper)[0].tolist() == [-1]


def test_an_infinite_box_fixes_nothing():
    network = Network.from_layers([([[0], [1]], [1, 1]), ([[1, 1]], [0])])
    bits = stable_bits(network, np.array([0.0]), np.array([INF]))
    assert [b.tolist() for b in bits] == [[-1, -1]]
    bits = stable_bits(network, np.array([-INF]), np.array([0.0]))
    assert [b.tolist() for b in bits] == [[-1, -1]]


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_layer_bounds_contain_the_exact_range(kind: str, storage: str):
    """One affine layer over a box: the exact extremes are at corners."""
    for seed in range(6):
        random = np.random.default_rng([seed, KINDS.index(kind)])
        layer = random_network(random, 4, [5], kind, storage).layers[0]
        ends = np.sort(random.standard_normal((2, 4)) * 10.0 ** random.integers(-20, 21), axis=0)
        low, high = layer_bounds(layer, [(ends[0], ends[1])])
        block, bias = naive.table(layer.weights[0][1]), naive.table(layer.bias)
        for i in range(5):
            pairs = list(zip(block[i], ends[0].tolist(), ends[1].tolist(), strict=True))
            least = bias[i][0] + sum((min(w * F(a), w * F(b)) for w, a, b in pairs), F(0))
            most = bias[i][0] + sum((max(w * F(a), w * F(b)) for w, a, b in pairs), F(0))
            assert F(float(low[i])) <= least <= most <= F(float(high[i]))
            if kind == "plain":  # and not far from them
                size = float(max(abs(least), abs(most), F(float(np.abs(ends).max()))))
                assert float(least) - low[i] <= 1e-12 * size + 1e-12


def test_bounds_that_overflow_are_infinite():
    layer = Layer(((0, ExactMatrix.from_floats([[1e200, -1e200], [1e200, 1e200]])),),
                  ExactMatrix.column([0.0, 0.0]))  # fmt: skip
    lower, upper = np.array([1e150, 1e150]), np.array([2e150, 2e150])
    low, high = layer_bounds(layer, [(lower, upper)])
    assert low.tolist() == [-INF, -INF]
    assert high.tolist() == [INF, INF]


def test_rational_biases_are_covered():
    """1/3 - x at x = nearest(1/3) is below or above zero by less than a rounding."""
    for number in ("1/3", "2/3", "1/10", "1/7"):
        weight = rationals([[1], [-1]])
        bias = rationals([f"-{number}", number])
        network = Network.from_layers([(weight, bias), ([[1, 1]], [0])])
        x = np.array([float(F(number))])
        assert_stable_bits_hold(network, [[F(float(x[0]))]], stable_bits(network, x, x))
        rows = float_rows(network, [], 1, np.arange(2))
        assert_contained(rows, naive.forms(network, [], 1))


@pytest.mark.parametrize("tiny", ["1e-400", "-1e-330", "1.4e-323", "-3e-324"])
def test_rationals_below_the_doubles_are_covered(tiny: str):
    """Their doubles are 0.0 or far off, in any place of any layer."""
    for pairs in (
        [([[tiny]], [0]), ([[1]], [0])],
        [([[1]], [tiny]), ([[1]], [0])],
        [([[1], [1]], [0, 0]), ([[1, tiny]], [0]), ([[1]], [0])],
        [([[1], [1]], [0, 0]), ([[1, -1]], [tiny]), ([[1]], [0])],
        [([[tiny, 1]], [1]), ([[tiny]], [tiny]), ([[tiny]], [tiny])],
    ):
        network = Network.from_layers(pairs)
        check(network, [np.ones(width, dtype=np.int8) for width in network.widths])


@pytest.mark.parametrize("reach", [1.0, 1e100, 1e300])
@pytest.mark.parametrize("tiny", ["1e-400", "1.4e-323", "3e-310"])
def test_bounds_of_rationals_below_the_doubles(tiny: str, reach: float):
    layer = Layer(((0, ExactMatrix.from_rationals([[tiny, "0"], ["0", f"-{tiny}"]])),),
                  ExactMatrix.column(["0", tiny]))  # fmt: skip
    ends = np.full(2, -reach), np.full(2, reach)
    low, high = layer_bounds(layer, [ends])
    for i, (a, c) in enumerate([(F(tiny), F(0)), (F(tiny), F(tiny))]):
        assert F(float(low[i])) <= c - a * F(reach) <= c + a * F(reach) <= F(float(high[i]))
