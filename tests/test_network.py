"""`Network`: its checks, its exact values, its affine pieces and its digest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from regions.errors import InputError, PatternError
from regions.network import Layer, Network, Origin
from regions.pattern import Pattern
from regions.results import Count
from solvers.exact_matrix import ExactMatrix
from solvers.rational import floats, rationals
from tests import naive, oracle
from tests.naive import random_network
from tests.strategies import networks

F = Fraction
COORDINATE = st.one_of(st.fractions(-3, 3, max_denominator=12), st.floats(-3, 3))
STORAGES = ["dense", "sparse", "rational", "sparse rational"]


def layer(*weights: tuple[int, Any], bias: Any, kind: str = "relu") -> Layer:
    blocks = tuple((source, ExactMatrix.from_floats(block)) for source, block in weights)
    return Layer(blocks, ExactMatrix.column(bias), kind)


# ------------------------------------------------------------------------------ building


def test_from_layers_reads_any_exact_number():
    network = Network.from_layers([([["1/3", 0.1], [2, F(1, 7)]], ["0.1", -1]), ([[1, 1]], [0])])
    assert (network.inputs, network.widths, network.outputs) == (2, (2,), 1)
    block = network.layers[0].weights[0][1]
    assert naive.table(block) == [[F(1, 3), F(0.1)], [F(2), F(1, 7)]]
    assert naive.table(network.layers[0].bias) == [[F(1, 10)], [F(-1)]]
    assert network.relus == 2
    assert network.rewritten == 0
    assert network.is_feed_forward


def test_from_layers_reads_arrays():
    weight = np.array([[0.1, 0.2]], dtype=np.float32)
    network = Network.from_layers([(weight, np.array([0.3], dtype=np.float32)), ([[1]], [0])])
    weight[0, 0] = 9
    expected = [F(float(np.float32(v))) for v in (0.1, 0.2)]
    assert naive.table(network.layers[0].weights[0][1]) == [expected]


@pytest.mark.parametrize(
    ("layers", "text"),
    [
        ([], r"from_layers\(\) needs at least one \(W, b\) pair, got none"),
        ([([[1, 2]], [0, 0])],
         r"layer 1 has a weight of shape \(1, 2\), so it needs 1 biases, got 2"),
        ([([[1], [2]], [0, 0]), ([[1, 2, 3]], [0])],
         r"W2 has shape \(1, 3\), but the layer below has 2 outputs; W has one row per unit: "
         r"\(units, 2\)"),
        ([([[float("nan")]], [0])], "W1: rational.. needs a finite number, got nan"),
        ([(np.array([[np.inf]]), [0])], "W1: ExactMatrix needs finite entries, got NaN or an inf"),
        ([([[1]], [0]), ([[1]], [float("inf")])], "b2: rational.. needs a finite number, got inf"),
        ([([["x"]], [0])], "W1: rational.. needs a finite number, got 'x'"),
        ([([1, 2], [0])], r"W1: ExactMatrix needs two dimensions, got shape \(2,\)"),
        ([([["1e400"]], [0])], "W1: ExactMatrix: an entry that is no double needs a size"),
        ([([[None]], [0])], "W1: rational.. needs a number, got NoneType None"),
    ],
)  # fmt: skip
def test_from_layers_errors(layers: list, text: str):
    with pytest.raises(InputError, match=text):
        Network.from_layers(layers)


@pytest.mark.parametrize(
    ("layers", "output", "text"),
    [
        ([layer((0, [[1.0]]), (0, [[1.0]]), bias=[0])], None, "layer 1 may read sources 0..0, onc"),
        ([layer((1, [[1.0]]), bias=[0])], None, r"layer 1 may read sources 0\.\.0, once each"),
        ([layer((0, [[1.0]]), bias=[0]), layer((1, [[1.0]]), (0, [[1.0]]), bias=[0])], None,
         r"layer 2 may read sources 0\.\.1, once each"),
        ([layer((-1, [[1.0]]), bias=[0])], None, "layer 1 may read sources"),
        ([layer((0, [[1.0, 2.0]]), bias=[0])], None,
         r"layer 1 needs a weight block of shape \(1, 1\) on source 0, got \(1, 2\)"),
        ([layer((0, [[1.0], [2.0]]), bias=[0])], None, r"layer 1 needs a weight block of shape"),
        ([], layer((0, [[1.0, 1.0]]), bias=[0]), "the output layer needs a weight block of shape"),
        ([], layer((1, [[1.0]]), bias=[0]), r"the output layer may read sources 0\.\.0, once each"),
        ([], Layer(((0, ExactMatrix.identity(1)),), ExactMatrix.zeros(1, 2)),
         r"the output layer needs a bias of shape \(units, 1\)"),
    ],
)  # fmt: skip
def test_blocks_must_fit(layers: list[Layer], output: Layer | None, text: str):
    last = output or layer((0, [[1.0]]), bias=[0])
    with pytest.raises(InputError, match=text):
        Network(1, tuple(layers), last)


def test_a_network_is_a_value():
    network = Network.from_layers([([[1]], [0]), ([[1]], [0])])
    with pytest.raises(FrozenInstanceError):
        network.inputs = 3  # type: ignore
    with pytest.raises(FrozenInstanceError):
        Origin("a.onnx", "ONNX").file = "b.onnx"  # type: ignore


def test_a_sparse_bias_is_stored_densely():
    bias = ExactMatrix.from_entries([1], [0], ["1/3"], (2, 1))
    one = Layer(((0, ExactMatrix.from_floats([[1.0], [2.0]])),), bias)
    network = Network(1, (one,), layer((1, [[1.0, 1.0]]), bias=[0]))
    assert network.preactivations([0]) == [(F(0), F(1, 3))]
    assert str(network.pattern([0])) == "01"


def test_rewritten_units_are_counted():
    first = layer((0, [[1.0], [2.0]]), bias=[0, 0], kind="abs")
    second = layer((1, [[1.0, 1.0]]), bias=[0])
    network = Network(1, (first, second), layer((2, [[1.0]]), bias=[0]))
    assert (network.relus, network.rewritten) == (3, 2)


def test_skip_connections_are_not_feed_forward():
    plain = Network(1, (layer((0, [[1.0]]), bias=[0]),), layer((1, [[1.0]]), bias=[0]))
    skip = replace(plain, output=layer((0, [[1.0]]), (1, [[1.0]]), bias=[0]))
    assert plain.is_feed_forward
    assert not skip.is_feed_forward


# ------------------------------------------------------------------------- exact values


@given(networks(), st.data())
def test_values_equal_the_naive_forward_pass(plain: Any, data: st.DataObject):
    network = plain.build()
    x = data.draw(st.tuples(*[COORDINATE] * plain.inputs))
    before, output = naive.forward(network, x)
    assert [list(z) for z in network.preactivations(x)] == before
    assert list(network(x)) == output
    assert all(isinstance(q, Fraction) for z in network.preactivations(x) for q in z)
    assert str(network.pattern(x)) == oracle.pattern_at(plain.layers, [F(v) for v in x])
    zeros = [(k, i) for k, z in enumerate(before, 1) for i, q in enumerate(z) if not q]
    assert network.zero_units(x) == zeros


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("kind", ["plain", "integers", "scaled"])
@pytest.mark.parametrize("skips", [False, True])
def test_deep_networks_equal_the_naive_forward_pass(kind: str, storage: str, skips: bool):
    random = np.random.default_rng(7)
    network = random_network(random, 3, [5, 4, 4], kind, storage, skips)
    for _ in range(3):
        x = random.standard_normal(3).tolist()
        before, output = naive.forward(network, x)
        assert [list(z) for z in network.preactivations(x)] == before
        assert list(network(x)) == output
        bits = [[int(q > 0) for q in z] for z in before]
        assert network.pattern(x) == Pattern.from_bits(bits)


def test_the_bit_of_zero_is_zero():
    tiny = F(1, 10**50)
    network = Network.from_layers([([[1], [-1], [0], [0]], [0, 0, 0, tiny]), ([[1] * 4], [0])])
    assert str(network.pattern([0])) == "0001"
    assert str(network.pattern([tiny])) == "1001"
    assert str(network.pattern([-tiny])) == "0101"
    assert network.zero_units([0]) == [(1, 0), (1, 1), (1, 2)]


def test_cancellation_is_exact():
    """x + 1e16 - 1e16 - x + 2^-60 over two layers: floats see zero."""
    network = Network.from_layers(
        [([[1], [1]], [1e16, 0]), ([[1, -1]], [-(10**16) + F(1, 2**60)]), ([[1]], [0])]
    )
    assert network([F(1, 3)]) == (F(1, 2**60),)
    assert str(network.pattern([0.1])) == "11/1"


@pytest.mark.parametrize("call", ["pattern", "preactivations", "zero_units", "__call__"])
@pytest.mark.parametrize("x", [[1], [1, 2, 3], []])
def test_a_point_has_the_dimension_of_the_input(call: str, x: list):
    network = Network.from_layers([([[1, 2]], [0]), ([[1]], [0])])
    with pytest.raises(
        InputError, match=f"a point of this network has 2 coordinates, got {len(x)}"
    ):
        getattr(network, call)(x)


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("skips", [False, True])
def test_evaluate_is_near_the_exact_values(storage: str, skips: bool):
    random = np.random.default_rng(11)
    network = random_network(random, 4, [6, 5], "plain", storage, skips, outputs=3)
    points = random.standard_normal((12, 4))
    got = network.evaluate(points)
    assert got.shape == (12, 3)
    exact = np.array([[float(v) for v in network(x)] for x in points])
    assert got == pytest.approx(exact, rel=1e-11, abs=1e-11)


def test_evaluate_does_not_change_the_points():
    network = Network.from_layers([([[1.0]], [-1.0]), ([[1.0]], [0.0])])
    points = np.array([[-1.0], [3.0]])
    assert network.evaluate(points).tolist() == [[0.0], [2.0]]
    assert points.tolist() == [[-1.0], [3.0]]


# ------------------------------------------------------------------------- affine pieces


@given(networks(), st.data())
def test_the_affine_map_equals_the_network_in_its_cell(plain: Any, data: st.DataObject):
    network = plain.build()
    x = data.draw(st.tuples(*[COORDINATE] * plain.inputs))
    pattern = network.pattern(x)
    weight, bias = network.affine(pattern)
    assert weight.shape == (network.outputs, network.inputs)
    assert bias.shape == (network.outputs, 1)
    rows = [(w, b[0]) for w, b in zip(naive.table(weight), naive.table(bias), strict=True)]
    assert [naive.value(row, x) for row in rows] == list(network(x))
    assert rows == naive.forms(network, pattern.layers(), len(network.layers) + 1)


@pytest.mark.parametrize("storage", STORAGES)
def test_the_affine_map_of_any_pattern(storage: str):
    """Also where no point has the pattern."""
    random = np.random.default_rng(5)
    network = random_network(random, 3, [4, 4], "plain", storage, skips=True)
    for _ in range(5):
        bits = [random.integers(0, 2, 4) for _ in range(2)]
        weight, bias = network.affine(Pattern.from_bits(bits))
        rows = [(w, b[0]) for w, b in zip(naive.table(weight), naive.table(bias), strict=True)]
        assert rows == naive.forms(network, bits, 3)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("01", r"has layers of \(2, 1\) units, got \(2,\)"),
        ("01/00", r"has layers of \(2, 1\) units, got \(2, 2\)"),
        ("0*/1", r"needs a full pattern, got one with don't-cares \(\*\)"),
    ],
)
def test_affine_errors(pattern: str, text: str):
    network = Network.from_layers([([[1], [2]], [0, 0]), ([[1, 1]], [0]), ([[1]], [0])])
    with pytest.raises(PatternError, match=text):
        network.affine(Pattern.parse(pattern))
    with pytest.raises(PatternError, match=text):
        network.check_pattern(Pattern.parse(pattern))


# -------------------------------------------------------------------------------- digest

WEIGHT = [[1.0, 0.0], [0.5, -2.0]]
PAIRS: list[tuple[Any, Any]] = [(WEIGHT, [0.0, 1.0]), ([[1.0, "1/3"]], [0.25])]


def test_the_digest_is_stable():
    """The number itself is pinned: results that were stored name networks by it."""
    network = Network.from_layers(PAIRS)
    assert network.digest == Network.from_layers(PAIRS).digest
    pinned = "1972b3a69a0b3889dc96780e6757931d7bb9d6281c5d19fb44ea7965310ce464"
    assert network.digest == pinned


@pytest.mark.parametrize(
    "make",
    [
        lambda n: replace(n, origin=Origin("elsewhere.onnx", "ONNX")),
        lambda n: replace(n, layers=tuple(replace(p, name="fc1", shape=(2, 1)) for p in n.layers)),
        lambda n: Network.from_layers([(np.array(WEIGHT, dtype=np.float32), [0, "1"]), PAIRS[1]]),
        lambda n: Network.from_layers([([[1, -0.0], ["1/2", -2]], [-0.0, 1]), PAIRS[1]]),
        lambda n: replace(n, layers=(replace(n.layers[0], weights=(
            (0, ExactMatrix.from_entries([0, 1, 1], [0, 0, 1], np.array([1.0, 0.5, -2.0]), (2, 2))),
        )),)),
    ],
    ids=["file", "names", "float32", "signed zero", "sparse"],
)  # fmt: skip
def test_the_digest_is_that_of_the_content_alone(make: Callable[[Network], Network]):
    network = Network.from_layers(PAIRS)
    assert make(network).digest == network.digest


def test_the_digest_sees_every_number():
    bases: list[list[tuple[Any, Any]]] = [
        [([[1.0, 0.0], [0.5, -2.0]], [0.0, 1.0]), ([[1.0, F(1, 3)]], [0.25])],
    ]
    digests = {Network.from_layers(bases[0]).digest}
    changes = 0
    for part in (0, 1):
        for entry in range(6 if part == 0 else 3):
            for step in (1, 2**-30, F(1, 10**30), -1):
                pairs = [(rationals(w).copy(), rationals(b).copy()) for w, b in bases[0]]
                weight, bias = pairs[part]
                flat = weight.reshape(-1) if entry < weight.size else bias
                index = entry if entry < weight.size else entry - weight.size
                flat[index] += rationals([step])[0]
                digests.add(Network.from_layers(pairs).digest)
                changes += 1
    assert len(digests) == changes + 1


def test_the_digest_sees_where_things_stand():
    one = ExactMatrix.from_floats([[1.0]])
    zero = ExactMatrix.column([0])
    first = Layer(((0, one),), zero)

    def network(*last: tuple[int, ExactMatrix], layers: int = 2) -> Network:
        chain = [first, *(Layer(((k, one),), zero) for k in range(1, layers))]
        return Network(1, tuple(chain), Layer(last, zero))

    variants = [
        network((2, one)),
        network((1, one)),
        network((0, one)),
        network((0, one), (2, one)),
        network((3, one), layers=3),
        Network.from_layers([([[1], [0]], [0, 0]), ([[1, 0]], [0])]),
        Network.from_layers([([[0], [1]], [0, 0]), ([[1, 0]], [0])]),
        Network.from_layers([([[0], [1]], [0, 0]), ([[0, 1]], [0])]),
        Network.from_layers([([[1, 0]], [0]), ([[1]], [0])]),
        Network.from_layers([([[1]], [0]), ([[1]], [0])]),
    ]
    assert len({variant.digest for variant in variants}) == len(variants)


# ------------------------------------------------------------------------------ truncate


@given(networks(), st.data())
def test_truncated_networks_end_in_a_relu_layer(plain: Any, data: st.DataObject):
    network = plain.build()
    keep = data.draw(st.integers(1, len(network.layers)))
    short = network.truncate(keep)
    x = data.draw(st.tuples(*[COORDINATE] * plain.inputs))
    assert short.widths == network.widths[:keep]
    assert short.pattern(x) == network.pattern(x).prefix(keep)
    z = network.preactivations(x)[keep - 1]
    assert short(x) == tuple(max(q, F(0)) for q in z)


@pytest.mark.parametrize("layers", [0, -1, 3])
def test_truncate_errors(layers: int):
    network = Network.from_layers([([[1]], [0]), ([[1]], [0]), ([[1]], [0])])
    text = rf"truncate\({layers}\): the network has 2 ReLU layers; choose 1 to 2"
    with pytest.raises(InputError, match=text):
        network.truncate(layers)


# ----------------------------------------------------------------------------- underflow


def test_underflow_is_zero_for_ordinary_weights():
    random = np.random.default_rng(0)
    network = random_network(random, 3, [4, 4, 4], "plain")
    assert network.underflow == 0


@pytest.mark.parametrize("small", [5e-324, 1e-310, 1e-300])
def test_underflow_is_covered_for_tiny_weights(small: float):
    assert Network.from_layers([([[small]], [0]), ([[1]], [0])]).underflow > 0
    assert Network.from_layers([([[1]], [small]), ([[1]], [0])]).underflow > 0
    assert Network.from_layers([([[1]], [0]), ([[small]], [0])]).underflow > 0
    chain = [([[1e-40]], [0])] * 8
    assert Network.from_layers(chain).underflow > 0  # the product of the weights is 1e-320


def test_floats_of_a_network_are_nearest():
    network = Network.from_layers([([["1/3", "0.1"]], [0]), ([[1]], [0])])
    block = network.layers[0].weights[0][1]
    assert np.array_equal(np.asarray(block.approx), floats(rationals([["1/3", "0.1"]])))


@pytest.mark.parametrize("bad", [[float("nan"), 0], [float("inf"), 0], ["x", 0], [0]])
def test_a_point_that_is_none_is_bad_input(bad):
    network = Network.from_layers([([[1, 2]], [0]), ([[1]], [0])])
    for ask in (network.pattern, network.preactivations, network.zero_units, network):
        with pytest.raises(InputError, match="a point of this network"):
            ask(bad)


def test_the_repr_is_one_short_line():
    network = Network.from_layers([(np.eye(30), np.zeros(30)), (np.eye(30), np.zeros(30))])
    assert repr(network) == f"Network(30 -> 30 -> 30, digest {network.digest[:12]}…)"
    deep = [(np.eye(3), np.zeros(3))] * 200
    assert len(repr(Network.from_layers(deep))) < 120


def test_counts_are_hashable_and_equal_ones_hash_alike():
    first = Count(4, 4, stats={"nodes": 3}, model={"inputs": 2})
    again = Count(4, 4, stats={"nodes": 3}, model={"inputs": 2})
    assert first == again and hash(first) == hash(again)
    assert {first, again, Count(4, 5)} == {first, Count(4, 5)}


def test_sparse_weights_are_the_dense_ones():
    rng = np.random.default_rng(3)
    weights = [rng.normal(size=size) * (rng.random(size) < 0.4) for size in ((5, 3), (2, 5))]
    biases = [rng.normal(size=5), rng.normal(size=2)]
    dense = Network.from_layers(list(zip(weights, biases, strict=True)))
    for kind in (sp.csr_array, sp.coo_array, sp.csc_matrix):
        sparse = Network.from_layers([(kind(w), b) for w, b in zip(weights, biases, strict=True)])
        assert sparse.digest == dense.digest
        assert sparse(["1/3", 2, -1]) == dense(["1/3", 2, -1])
    with pytest.raises(InputError, match="W1: ExactMatrix needs two dimensions"):
        Network.from_layers([(sp.coo_array(np.ones(3)), [0]), ([[1]], [0])])
    with pytest.raises(InputError, match="W1"):
        Network.from_layers([(sp.csr_array([[np.nan]]), [0]), ([[1]], [0])])
