"""ONNX operators as layers: one function per operator, one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from regions.errors import ModelError, UnsupportedLayer
from regions.layers import (
    Abs,
    AveragePool,
    BatchNorm,
    Clip,
    Conv,
    Dense,
    GraphBuilder,
    LeakyRelu,
    MaxPool,
    Mean,
    Multiply,
    Pad,
    Relu,
    Shift,
    Value,
)
from regions.readers import steps
from regions.readers.steps import Operand, constant, tensor
from regions.windows import Window


@dataclass(frozen=True, eq=False)
class Call:
    """One node of the file, its inputs looked up (None for an omitted one)."""

    kind: str
    name: str
    inputs: Sequence[Operand | None]
    attributes: Mapping[str, Any]
    opset: int
    builder: GraphBuilder

    def input(self, index: int) -> Operand | None:
        """An input, or None if it was left out."""
        return self.inputs[index] if index < len(self.inputs) else None

    @property
    def x(self) -> Value:
        """The first input, which must depend on the network's input."""
        return tensor(self.input(0), "its first input")

    def operand(self, index: int) -> Operand:
        """An input that must be there."""
        value = self.input(index)
        if value is None:
            raise ModelError(f"input {index} is missing")
        return value

    def integers(self, attribute: str, index: int) -> tuple[int, ...] | None:
        """A list of integers, from an attribute (old opsets) or a constant input (new ones)."""
        if attribute in self.attributes:
            values = self.attributes[attribute]
            return tuple(
                int(v) for v in (values if isinstance(values, (list, tuple)) else [values])
            )
        value = self.input(index)
        if value is None:
            return None
        return tuple(int(v) for v in constant(value, f"its {attribute}").reshape(-1))

    def text(self, attribute: str, default: str) -> str:
        """A text attribute."""
        value = self.attributes.get(attribute, default)
        return value.decode() if isinstance(value, bytes) else str(value)


Step = Callable[[Call], Value]


def step_for(kind: str) -> Step | None:
    """The function that reads an operator."""
    return _STEPS.get(kind)


def _identity(call: Call) -> Value:
    return call.x


def _dropout(call: Call) -> Value:
    training = call.input(2)
    if training is not None and np.any(constant(training, "training_mode")):
        raise UnsupportedLayer("Dropout in training mode is random; export the model in eval mode")
    return call.x


def _cast(call: Call) -> Value:
    floating = (1, 10, 11, 16)  # TensorProto.FLOAT, FLOAT16, DOUBLE, BFLOAT16
    if call.attributes.get("to") not in floating:
        raise UnsupportedLayer("Cast to a type that is not floating point is not linear")
    return call.x


def _add(call: Call) -> Value:
    _modern(call)
    return steps.add(call.builder, call.operand(0), call.operand(1), call.name)


def _sub(call: Call) -> Value:
    _modern(call)
    return steps.add(call.builder, call.operand(0), call.operand(1), call.name, sign=-1)


def _mul(call: Call) -> Value:
    _modern(call)
    return steps.multiply(call.builder, call.operand(0), call.operand(1), call.name)


def _div(call: Call) -> Value:
    _modern(call)
    return steps.divide(call.builder, call.operand(0), call.operand(1), call.name)


def _modern(call: Call) -> None:
    if call.opset < 7 and ("axis" in call.attributes or call.attributes.get("broadcast")):
        raise UnsupportedLayer(
            f"{call.kind} with the broadcasting of opset {call.opset}; convert the model to opset "
            "7 or later (onnx.version_converter)"
        )


def _sum(call: Call) -> Value:
    total = call.operand(0)
    for index in range(1, len(call.inputs)):
        total = steps.add(call.builder, total, call.operand(index), call.name)
    return tensor(total)


def _neg(call: Call) -> Value:
    return call.builder.add(Multiply(np.array(-1.0)), call.x, name=call.name)


def _matmul(call: Call) -> Value:
    return steps.matmul(call.builder, call.operand(0), call.operand(1), call.name)


def _gemm(call: Call) -> Value:
    x = call.x
    if call.attributes.get("transA", 0):
        x = steps.transpose(call.builder, x, (1, 0), call.name)
    weight = constant(call.input(1), "the weight B")
    if not call.attributes.get("transB", 0):
        weight = weight.T
    weight = steps.scaled(weight, call.attributes.get("alpha", 1.0))
    beta, addend = call.attributes.get("beta", 1.0), call.input(2)
    if isinstance(addend, np.ndarray) and addend.shape in ((len(weight),), (1, len(weight))):
        bias = steps.scaled(addend.reshape(-1), beta)
        return call.builder.add(Dense(weight, bias), x, name=call.name)
    y = call.builder.add(Dense(weight), x, name=call.name)
    if addend is None:
        return y
    if isinstance(addend, np.ndarray):
        return call.builder.add(Shift(steps.scaled(addend, beta)), y, name=call.name)
    return steps.add(call.builder, y, addend, call.name, factor=beta)


def _conv(call: Call) -> Value:
    weight = constant(call.input(1), "the kernel W")
    bias = call.input(2)
    window = _window(call, call.x, weight.shape[2:])
    op = Conv(
        weight,
        None if bias is None else constant(bias, "the bias B"),
        window,
        int(call.attributes.get("group", 1)),
    )
    return call.builder.add(op, call.x, name=call.name)


def _window(call: Call, x: Value, kernel: Sequence[int] = ()) -> Window:
    attributes = call.attributes
    size = tuple(int(k) for k in attributes.get("kernel_shape", kernel))
    axes = len(size)
    strides = tuple(attributes.get("strides", (1,) * axes))
    dilations = tuple(attributes.get("dilations", (1,) * axes))
    pads = tuple(attributes.get("pads", (0,) * (2 * axes)))
    mode = call.text("auto_pad", "NOTSET")
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        begins, ends = [], []
        for length, k, s, d in zip(x.shape[2:], size, strides, dilations, strict=True):
            total = max((-(-length // s) - 1) * s + (k - 1) * d + 1 - length, 0)
            less, more = total // 2, total - total // 2
            begins.append(less if mode == "SAME_UPPER" else more)
            ends.append(more if mode == "SAME_UPPER" else less)
        pads = (*begins, *ends)
    elif mode == "VALID":
        pads = (0,) * (2 * axes)
    elif mode != "NOTSET":
        raise ModelError(f"auto_pad {mode!r} is not one of NOTSET, VALID, SAME_UPPER, SAME_LOWER")
    return Window(size, strides, pads, dilations, bool(attributes.get("ceil_mode", 0)))


def _batch_norm(call: Call) -> Value:
    if call.attributes.get("training_mode", 0) or call.attributes.get("spatial", 1) == 0:
        raise UnsupportedLayer(
            "BatchNormalization in training mode, or not per channel; export the model in eval mode"
        )
    names = ("scale", "B", "mean", "var")
    scale, shift, mean, variance = (
        constant(call.input(i), f"its {n}") for i, n in enumerate(names, start=1)
    )
    epsilon = float(call.attributes.get("epsilon", np.float32(1e-5)))
    op = BatchNorm(scale, shift, mean, variance, epsilon)
    return call.builder.add(op, call.x, name=call.name)


def _relu(call: Call) -> Value:
    return call.builder.add(Relu(), call.x, name=call.name)


def _abs(call: Call) -> Value:
    return call.builder.add(Abs(), call.x, name=call.name)


def _leaky_relu(call: Call) -> Value:
    slope = np.array(float(call.attributes.get("alpha", np.float32(0.01))))
    return call.builder.add(LeakyRelu(slope), call.x, name=call.name)


def _prelu(call: Call) -> Value:
    slopes = constant(call.input(1), "the slope")
    return call.builder.add(LeakyRelu(slopes, "prelu"), call.x, name=call.name)


def _clip(call: Call) -> Value:
    low, high = (
        call.attributes.get(key, call.input(index)) for key, index in (("min", 1), ("max", 2))
    )
    if isinstance(low, Value) or isinstance(high, Value):
        raise UnsupportedLayer("Clip with bounds that depend on the input")
    low, high = steps.bound(low), steps.bound(high)
    if low is None and high is None:
        return call.x
    kind = "relu6" if (low, high) == (0.0, 6.0) else "clip"
    return call.builder.add(Clip(low, high, kind), call.x, name=call.name)


def _max_pool(call: Call) -> Value:
    return call.builder.add(MaxPool(_window(call, call.x)), call.x, name=call.name)


def _average_pool(call: Call) -> Value:
    padded = bool(call.attributes.get("count_include_pad", 0))
    return call.builder.add(AveragePool(_window(call, call.x), padded), call.x, name=call.name)


def _global_average_pool(call: Call) -> Value:
    axes = tuple(range(2, len(call.x.shape)))
    return call.builder.add(Mean(axes, True), call.x, name=call.name)


def _global_max_pool(call: Call) -> Value:
    spatial = call.x.shape[2:]
    flat = (0,) * (2 * len(spatial))
    window = Window(spatial, (1,) * len(spatial), flat, (1,) * len(spatial))
    return call.builder.add(MaxPool(window), call.x, name=call.name)


def _reduce_mean(call: Call) -> Value:
    axes = call.integers("axes", 1)
    if axes is None or not axes:
        axes = tuple(range(len(call.x.shape)))
    places = tuple(sorted({steps.axis_of(axis, call.x.shape) for axis in axes}))
    keep = bool(call.attributes.get("keepdims", 1))
    return call.builder.add(Mean(places, keep), call.x, name=call.name)


def _pad(call: Call) -> Value:
    x = call.x
    if call.text("mode", "constant") != "constant":
        raise UnsupportedLayer("Pad in a mode other than constant")
    pads = call.integers("pads", 1)
    if pads is None:
        raise ModelError("its pads are missing")
    value = call.attributes.get("value", call.input(2))
    fill = 0.0 if value is None else float(constant(np.asarray(value), "value").reshape(-1)[0])
    axes = call.integers("axes", 3)
    if axes is not None:
        full = np.zeros((2, len(x.shape)), dtype=int)
        for axis, begin, end in zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True):
            full[:, steps.axis_of(axis, x.shape)] = begin, end
        pads = tuple(int(p) for p in full.reshape(-1))
    return x if not any(pads) else call.builder.add(Pad(pads, fill), x, name=call.name)


def _flatten(call: Call) -> Value:
    shape = call.x.shape
    axis = int(call.attributes.get("axis", 1))
    axis = axis + len(shape) if axis < 0 else axis
    if not 0 <= axis <= len(shape):
        raise ModelError(f"axis {axis} is out of range for shape {shape}")
    rows = int(np.prod(shape[:axis], dtype=int))
    return steps.reshape(
        call.builder, call.x, (rows, int(np.prod(shape[axis:], dtype=int))), call.name
    )


def _reshape(call: Call) -> Value:
    wanted = call.integers("shape", 1)
    if wanted is None:
        raise ModelError("its shape is missing")
    shape = call.x.shape
    if not call.attributes.get("allowzero", 0):
        if any(size == 0 and i >= len(shape) for i, size in enumerate(wanted)):
            raise ModelError(f"shape {wanted} copies an axis that the input {shape} does not have")
        wanted = tuple(shape[i] if size == 0 else size for i, size in enumerate(wanted))
    return steps.reshape(call.builder, call.x, wanted, call.name)


def _transpose(call: Call) -> Value:
    order = call.attributes.get("perm", range(len(call.x.shape))[::-1])
    return steps.transpose(call.builder, call.x, order, call.name)


def _squeeze(call: Call) -> Value:
    return steps.squeeze(call.builder, call.x, call.integers("axes", 1), call.name)


def _unsqueeze(call: Call) -> Value:
    return steps.unsqueeze(call.builder, call.x, call.integers("axes", 1) or (), call.name)


def _concat(call: Call) -> Value:
    operands = [call.operand(index) for index in range(len(call.inputs))]
    return steps.concat(call.builder, operands, int(call.attributes.get("axis", 1)), call.name)


_STEPS: Mapping[str, Step] = {
    "Abs": _abs,
    "Add": _add,
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Cast": _cast,
    "Clip": _clip,
    "Concat": _concat,
    "Conv": _conv,
    "Div": _div,
    "Dropout": _dropout,
    "Flatten": _flatten,
    "Gemm": _gemm,
    "GlobalAveragePool": _global_average_pool,
    "GlobalMaxPool": _global_max_pool,
    "Identity": _identity,
    "LeakyRelu": _leaky_relu,
    "MatMul": _matmul,
    "MaxPool": _max_pool,
    "Mul": _mul,
    "Neg": _neg,
    "PRelu": _prelu,
    "Pad": _pad,
    "ReduceMean": _reduce_mean,
    "Relu": _relu,
    "Reshape": _reshape,
    "Squeeze": _squeeze,
    "Sub": _sub,
    "Sum": _sum,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
