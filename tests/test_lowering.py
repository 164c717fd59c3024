"""Lowering against naive loops over fractions, on integer and rational data."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from regions.errors import ModelError
from regions.layers import (
    Abs,
    AveragePool,
    BatchNorm,
    Clip,
    Concat,
    Conv,
    Dense,
    GraphBuilder,
    LeakyRelu,
    MaxPool,
    Mean,
    Multiply,
    Op,
    Pad,
    Relu,
    Reshape,
    Shift,
    Sum,
    Transpose,
)
from regions.linearise import inverse_root
from regions.lowering import lower
from regions.network import Network
from regions.windows import Window
from solvers.rational import rational


def lowered(shape: tuple[int, ...], *ops: Op) -> Network:
    builder = GraphBuilder(shape)
    value = builder.input
    for number, op in enumerate(ops):
        value = builder.add(op, value, name=f"op{number}")
    return lower(builder.finish(value))


def integers(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.integers(-4, 5, shape).astype(np.float64)


def points(rng: np.random.Generator, shape: tuple[int, ...], count: int = 6) -> list[np.ndarray]:
    """Tensors of fractions, some of them with many equal entries (ties)."""
    made = []
    for k in range(count):
        values = rng.integers(-3, 4, shape) if k % 2 else rng.integers(-20, 21, shape)
        made.append(np.vectorize(lambda v, d=k + 1: Fraction(int(v), d), otypes=[object])(values))
    return made


def agrees(network: Network, expected, tensors: list[np.ndarray]) -> None:
    for x in tensors:
        result = np.array(network(x.reshape(-1).tolist()), dtype=object)
        assert result.tolist() == np.asarray(expected(x), dtype=object).reshape(-1).tolist()


def exact(array: np.ndarray) -> np.ndarray:
    return np.vectorize(lambda v: Fraction(float(v)), otypes=[object])(array)


def taps(window: Window, spatial: tuple[int, ...]):
    """(output position, [(tap, input position or None)]) by definition."""
    axes = len(spatial)
    sizes = window.output(spatial)
    for out in product(*map(range, sizes)):
        found = []
        for tap in product(*map(range, window.kernel)):
            place = tuple(
                out[a] * window.strides[a] - window.pads[a] + tap[a] * window.dilations[a]
                for a in range(axes)
            )
            inside = all(0 <= place[a] < spatial[a] for a in range(axes))
            counted = all(place[a] < spatial[a] + window.pads[axes + a] for a in range(axes))
            found.append((tap, place if inside else None, counted))
        yield out, found


WINDOWS = [
    Window((2, 2), (2, 2), (0, 0, 0, 0), (1, 1)),
    Window((3, 2), (1, 2), (1, 0, 0, 1), (1, 1)),
    Window((2, 3), (2, 1), (0, 2, 1, 1), (2, 1)),
    Window((3, 3), (2, 2), (1, 1, 1, 1), (1, 1), ceil_mode=True),
]


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("batch", [1, 2])
def test_convolution_is_its_definition(window, groups, batch):
    rng = np.random.default_rng(groups)
    weight, bias = integers(rng, (4, 4 // groups, *window.kernel)), integers(rng, (4,))
    network = lowered((batch, 4, 5, 4), Conv(weight, bias, window, groups))
    kernel = exact(weight)

    def expected(x):
        result = np.zeros((batch, 4, *window.output((5, 4))), dtype=object)
        for n, f in product(range(batch), range(4)):
            group = f // (4 // groups)
            for out, found in taps(window, (5, 4)):
                total = Fraction(bias[f])
                for tap, place, _ in found:
                    for c in range(4 // groups):
                        if place is not None:
                            channel = group * (4 // groups) + c
                            total += kernel[(f, c, *tap)] * x[(n, channel, *place)]
                result[(n, f, *out)] = total
        return result

    agrees(network, expected, points(rng, (batch, 4, 5, 4)))


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize(("padded", "divisor"), [(True, None), (False, None), (False, 7)])
def test_average_pool_divides_exactly(window, padded, divisor):
    network = lowered((1, 2, 5, 4), AveragePool(window, padded, divisor))

    def expected(x):
        result = np.zeros((2, *window.output((5, 4))), dtype=object)
        for c in range(2):
            for out, found in taps(window, (5, 4)):
                inside = [x[(0, c, *place)] for _, place, _ in found if place is not None]
                count = sum(counted for *_, counted in found) if padded else len(inside)
                result[(c, *out)] = sum(inside, Fraction(0)) / (divisor or count)
        return result

    agrees(network, expected, points(np.random.default_rng(1), (1, 2, 5, 4)))


@pytest.mark.parametrize("window", WINDOWS)
def test_max_pool_is_the_maximum_of_the_window_without_padding(window):
    network = lowered((1, 2, 5, 4), MaxPool(window))

    def expected(x):
        result = np.zeros((2, *window.output((5, 4))), dtype=object)
        for c in range(2):
            for out, found in taps(window, (5, 4)):
                result[(c, *out)] = max(x[(0, c, *p)] for _, p, _ in found if p is not None)
        return result

    agrees(network, expected, points(np.random.default_rng(2), (1, 2, 5, 4), 12))
    assert network.rewritten == network.relus > 0


def test_max_pool_pairs_row_major_and_passes_an_odd_one_on():
    network = lowered((1, 1, 5), MaxPool(Window.square(5, axes=1)))
    assert network.widths == (2, 1, 1)
    assert [layer.kind for layer in network.layers] == ["max_pool"] * 3
    x = [Fraction(v) for v in (3, 5, 1, 0, 7)]
    assert network.preactivations(x) == [(2, -1), (1 - 5,), (7 - 5,)]
    assert network(x) == (7,)


def test_max_pool_units_stand_by_window_then_by_pair():
    network = lowered((1, 2, 2, 4), MaxPool(Window.square(2, axes=2)))
    assert network.widths == (8, 4)
    assert network.layers[0].shape == (2, 1, 2, 2)
    x = np.arange(16) ** 2
    squares = x.reshape(2, 2, 4)
    first = [
        squares[c, row, 2 * w + 1] - squares[c, row, 2 * w]
        for c in range(2) for w in range(2) for row in range(2)
    ]  # fmt: skip
    assert list(network.preactivations(x.tolist())[0]) == first


def test_max_pool_window_inside_the_padding_is_refused():
    window = Window((1,), (1,), (2, 0), (1,))
    with pytest.raises(ModelError, match="lies entirely in the padding"):
        lowered((1, 1, 3), MaxPool(window))


def test_clip_takes_the_lower_kink_first():
    network = lowered((1, 1), Clip(-2.0, 3.0, "hardtanh"))
    assert [(layer.kind, layer.units) for layer in network.layers] == [("hardtanh", 1)] * 2
    for x in (-5, -2, 0, 3, 9):
        assert network([x]) == (min(max(x, -2), 3),)
        assert network.preactivations([x]) == [(x + 2,), (max(x, -2) - 3,)]


@pytest.mark.parametrize(
    ("low", "high", "units"), [(None, 1.5, 1), (-0.5, None, 1), (0.0, 6.0, 2), (2.0, 1.0, 2)]
)
def test_clip_without_a_bound_has_no_kink_there(low, high, units):
    network = lowered((1, 1), Clip(low, high))
    assert network.relus == network.rewritten == units
    for x in (Fraction(-7, 3), Fraction(0), Fraction(5, 4), Fraction(3, 2), Fraction(8)):
        y = x if low is None else max(x, Fraction(low))
        assert network([x]) == (y if high is None else min(y, Fraction(high)),)


def test_clip_at_zero_alone_is_a_plain_relu():
    network = lowered((1, 2), Clip(0.0, None))
    assert (network.relus, network.rewritten) == (2, 0)


def test_leaky_slope_is_the_stored_double_exactly():
    network = lowered((1, 1), LeakyRelu(np.array(0.01)))
    slope = Fraction(0.01)
    assert network([Fraction(-1, 3)]) == (slope * Fraction(-1, 3),)
    assert network([Fraction(1, 3)]) == (Fraction(1, 3),)
    assert network.layers[0].kind == "leaky_relu"


def test_prelu_has_a_slope_per_channel_and_abs_folds():
    slopes = np.array([0.25, -1.0, 3.0]).reshape(3, 1)
    network = lowered((1, 3, 2), LeakyRelu(slopes, "prelu"), Abs())
    assert network.widths == (6, 6)
    assert [layer.kind for layer in network.layers] == ["prelu", "abs"]

    def expected(x):
        return np.where(x > 0, x, x * exact(slopes)).__abs__()

    agrees(network, expected, points(np.random.default_rng(3), (1, 3, 2)))


@pytest.mark.parametrize("value", ["2", "1e-5", "3.7", "123456789/1000", "1e40", "1e-300", "9"])
def test_inverse_root_is_the_nearest_double(value):
    v = rational(value)
    root = inverse_root(v)
    fraction = Fraction(int(v.p), int(v.q))
    below, above = math.nextafter(root, 0), math.nextafter(root, math.inf)
    low, high = (Fraction(root) + Fraction(below)) / 2, (Fraction(root) + Fraction(above)) / 2
    assert low**2 * fraction <= 1 <= high**2 * fraction


def test_batch_norm_rounds_the_root_alone():
    rng = np.random.default_rng(4)
    scale, shift, mean = (rng.normal(size=3) for _ in range(3))
    variance = rng.random(3)
    network = lowered((1, 3, 2), BatchNorm(scale, shift, mean, variance, 1e-5))
    roots = [inverse_root(rational(float(v)) + rational(1e-5)) for v in variance]

    def expected(x):
        result = x.copy()
        for c in range(3):
            factor = Fraction(float(scale[c])) * Fraction(roots[c])
            offset = Fraction(float(shift[c])) - Fraction(float(mean[c])) * factor
            result[0, c] = [factor * v + offset for v in x[0, c]]
        return result

    agrees(network, expected, points(rng, (1, 3, 2)))


def test_affine_layers_fold_into_one():
    rng = np.random.default_rng(5)
    first, second = integers(rng, (4, 3)), integers(rng, (2, 4))
    bias, divisor, offset = integers(rng, (4,)), np.array(3.0), integers(rng, (1, 4))
    network = lowered(
        (1, 3), Dense(first, bias), Multiply(divisor, divide=True), Shift(offset), Dense(second)
    )
    assert network.widths == ()

    def expected(x):
        y = (exact(first) @ x[0] + exact(bias)) / 3 + exact(offset)[0]
        return exact(second) @ y

    agrees(network, expected, points(rng, (1, 3)))


def test_dense_along_another_axis_and_with_leading_axes():
    rng = np.random.default_rng(6)
    weight, bias = integers(rng, (2, 3)), integers(rng, (2,))
    last = lowered((1, 4, 3), Dense(weight, bias))
    agrees(
        last,
        lambda x: x @ exact(weight).T + exact(bias),
        points(np.random.default_rng(7), (1, 4, 3)),
    )
    middle = lowered((1, 3, 4), Dense(weight, axis=-2))
    agrees(middle, lambda x: exact(weight) @ x[0], points(np.random.default_rng(8), (1, 3, 4)))


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        (Transpose((0, 2, 1)), lambda x: x.transpose(0, 2, 1)),
        (Reshape((3, -1)), lambda x: x),
        (Mean((1,), False), lambda x: x.sum(axis=1) / 2),
        (Mean((0, 2), True), lambda x: x.sum(axis=(0, 2)) / 3),
        (Pad((0, 1, -1, 0, 0, 2), 0.5), lambda x: _padded(x)),
        (Multiply(np.array([[2.0], [-1.0]])), lambda x: x * exact(np.array([[2.0], [-1.0]]))),
        (Shift(np.ones((4, 1, 1))), lambda x: np.broadcast_to(x, (4, 2, 3)) + Fraction(1)),
    ],
)
def test_rearranging_is_exact(op, expected):
    agrees(lowered((1, 2, 3), op), expected, points(np.random.default_rng(9), (1, 2, 3)))


def _padded(x):
    result = np.full((1, 3, 4), Fraction(1, 2), dtype=object)
    result[:, 1:, :2] = x[:, :, 1:]
    return result


def test_residual_sum_and_concatenation():
    rng = np.random.default_rng(10)
    weight = integers(rng, (2, 2))
    builder = GraphBuilder((1, 2))
    hidden = builder.add(Relu(), builder.add(Dense(weight), builder.input))
    total = builder.add(Sum((1, -1)), builder.input, hidden)
    both = builder.add(Concat(1), total, builder.input, hidden)
    network = lower(builder.finish(both))
    assert network.widths == (2,)
    assert not network.is_feed_forward

    def expected(x):
        z = exact(weight) @ x[0]
        relu = z * (z > 0)
        return np.concatenate([x[0] - relu, x[0], relu])

    agrees(network, expected, points(rng, (1, 2)))


def test_a_model_that_ends_in_a_relu_has_the_identity_as_output():
    network = lowered((1, 2), Dense(np.array([[1.0, 2.0], [3.0, -1.0]])), Relu())
    ((source, block),) = network.output.weights
    assert (source, block.is_identity, network.output.bias.nnz) == (1, True, 0)
    assert network.layers[0].shape == (2,)


def test_branches_that_the_output_does_not_read_are_left_out():
    builder = GraphBuilder((1, 2))
    builder.add(Relu(), builder.input)
    network = lower(builder.finish(builder.add(Abs(), builder.input)))
    assert network.widths == (2,)
    assert network.layers[0].kind == "abs"


def test_digest_is_that_of_the_same_weights():
    rng = np.random.default_rng(11)
    first, second, bias = integers(rng, (3, 2)), integers(rng, (1, 3)), integers(rng, (3,))
    network = lowered((1, 2), Dense(first, bias), Relu(), Dense(second))
    assert network.digest == Network.from_layers([(first, bias), (second, [0])]).digest


@pytest.mark.parametrize(
    ("op", "message"),
    [
        (Dense(np.ones((2, 4))), r"weight of shape \(2, 4\) does not fit input \(1, 3\)"),
        (Dense(np.ones((2, 3)), np.ones(3)), r"bias of shape \(3,\) does not fit 2 outputs"),
        (Reshape((2, 2)), r"3 entries, not those of \(2, 2\)"),
        (Transpose((0, 0)), "axis order"),
        (Multiply(np.zeros(3), divide=True), "division by zero"),
        (Shift(np.ones(2)), "do not broadcast"),
        (MaxPool(Window.square(2, axes=2)), "pool over 2 axes"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(op, message):
    with pytest.raises(ModelError, match=message):
        lowered((1, 3), op)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_weights_must_be_finite(bad):
    with pytest.raises(ModelError, match="NaN or infinite, the first at flat index 1"):
        Dense(np.array([[1.0, bad]]))


def test_operations_copy_and_lock_their_weights():
    weight = np.ones((1, 1))
    op = Dense(weight)
    weight[0, 0] = 5
    assert op.weight[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        op.weight[0, 0] = 2
