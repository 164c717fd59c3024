"""Steps that the ONNX and PyTorch readers share: arithmetic, reshaping, refusals.

An operand is a `Value` of the graph under construction or a constant array.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from regions.errors import ModelError, UnsupportedLayer
from regions.layers import (
    Concat,
    Dense,
    GraphBuilder,
    Multiply,
    Pad,
    Reshape,
    Shift,
    Sum,
    Transpose,
    Value,
    frozen_array,
)
from solvers.rational import rational, rationals

Operand = Value | np.ndarray

_NORMALISERS = ("layernorm", "instancenorm", "groupnorm", "rmsnorm", "lrn", "localresponsenorm")
_SMOOTH = (
    "sigmoid",
    "tanh",
    "gelu",
    "elu",
    "selu",
    "celu",
    "silu",
    "swish",
    "mish",
    "softplus",
    "softsign",
    "erf",
    "exp",
    "log",
    "sqrt",
    "pow",
    "sin",
    "cos",
    "hardswish",
    "logsigmoid",
    "tanhshrink",
    "glu",
    "softmin",
)


def unsupported(kind: str) -> UnsupportedLayer:
    """The refusal of an operation: why it cannot be read, and what can be done.

    Examples
    --------
    >>> "logits" in str(unsupported("LogSoftmax"))
    True
    """
    plain = kind.lower().replace("_", "").removesuffix("alization")
    if "softmax" in plain:
        return UnsupportedLayer(
            f"{kind} is not piecewise linear; save the model without it: the regions of the "
            "logits are those of the network"
        )
    if plain in _SMOOTH or plain.startswith(_NORMALISERS):
        return UnsupportedLayer(
            f"{kind} is not piecewise linear, so the exact tools refuse it; replace it by a ReLU, "
            "leaky ReLU, hardtanh or batch norm and retrain"
        )
    return UnsupportedLayer(
        f"{kind} is not among the layers that can be read; rewrite it with dense, convolution, "
        "pooling, batch norm and ReLU-like layers, or fold it away before saving"
    )


def constant(operand: object, what: str) -> np.ndarray:
    """The operand if it is a constant array.

    Raises
    ------
    UnsupportedLayer
        If it depends on the input of the network.
    """
    if isinstance(operand, np.ndarray):
        return operand
    if operand is None:
        raise ModelError(f"{what} is missing")
    raise UnsupportedLayer(
        f"{what} is computed from the input; it must be a constant stored in the model"
    )


def tensor(operand: object, what: str = "the operand") -> Value:
    """The operand if it depends on the input.

    Raises
    ------
    UnsupportedLayer
        If it is a constant.
    """
    if isinstance(operand, Value):
        return operand
    raise UnsupportedLayer(
        f"{what} is a constant; fold constants before saving (for ONNX: onnxsim)"
    )


def add(
    builder: GraphBuilder, a: Operand, b: Operand, name: str, sign: int = 1, factor: float = 1.0
) -> Value:
    """The sum a + sign·factor·b."""
    if isinstance(a, Value) and isinstance(b, Value):
        if factor != 1:
            b = builder.add(Multiply(np.array(factor)), b, name=name)
        return builder.add(Sum((1, sign)), a, b, name=name)
    if isinstance(a, Value):
        return builder.add(Shift(scaled(constant(b, "operand"), sign * factor)), a, name=name)
    moved = tensor(b)
    if sign * factor != 1:
        moved = builder.add(Multiply(np.array(sign * factor)), moved, name=name)
    return builder.add(Shift(a), moved, name=name)


def multiply(builder: GraphBuilder, a: Operand, b: Operand, name: str) -> Value:
    """a·b where one of them is constant."""
    if isinstance(a, Value) and isinstance(b, Value):
        raise UnsupportedLayer(
            "the product of two tensors that both depend on the input is not piecewise linear"
        )
    if isinstance(a, Value):
        return builder.add(Multiply(constant(b, "factor")), a, name=name)
    return builder.add(Multiply(a), tensor(b), name=name)


def divide(builder: GraphBuilder, a: Operand, b: Operand, name: str) -> Value:
    """The quotient a / b where b is constant."""
    if isinstance(b, Value):
        raise UnsupportedLayer("division by a tensor that depends on the input is not linear")
    return builder.add(Multiply(b, divide=True), tensor(a, "the dividend"), name=name)


def scaled(array: np.ndarray, factor: float) -> np.ndarray:
    """factor·array, exactly: the array itself, its negative, or `fmpq` objects."""
    if factor == 1:
        return array
    if factor == -1 and array.dtype.kind == "f":
        return -array
    exact = np.empty(array.shape, dtype=object)
    exact[...] = rationals(array.astype(object)) * rational(float(factor))  # of 0 axes: a number
    return exact


def matmul(builder: GraphBuilder, a: Operand, b: Operand, name: str) -> Value:
    """The product a @ b as in numpy, where one of them is a constant vector or matrix."""
    if isinstance(a, Value) and isinstance(b, Value):
        raise UnsupportedLayer(
            "the matrix product of two tensors that both depend on the input is not linear"
        )
    if isinstance(a, Value):
        weight = constant(b, "matrix")
        if weight.ndim == 1:
            y = builder.add(Dense(weight[None, :]), a, name=name)
            return builder.add(Reshape(a.shape[:-1]), y, name=name)
        return builder.add(Dense(_matrix(weight).T), a, name=name)
    x = tensor(b)
    if len(x.shape) == 1 or a.ndim == 1:
        axis = -1 if len(x.shape) == 1 else -2
        y = builder.add(Dense(np.atleast_2d(_matrix(np.atleast_2d(a))), axis=axis), x, name=name)
        if a.ndim > 1:
            return y
        shape = y.shape[:-1] if axis == -1 else y.shape[:-2] + y.shape[-1:]
        return builder.add(Reshape(shape), y, name=name)
    return builder.add(Dense(_matrix(a), axis=-2), x, name=name)


def _matrix(array: np.ndarray) -> np.ndarray:
    if array.ndim != 2:
        raise UnsupportedLayer(f"a matrix product with a constant of shape {array.shape}")
    return array


def concat(builder: GraphBuilder, operands: Sequence[Operand], axis: int, name: str) -> Value:
    """Operands one after the other along an axis; constant ones are added to zero padding."""
    shapes = [operand.shape for operand in operands]
    place = axis_of(axis, shapes[0])
    shape = Concat(place).output_shape(*shapes)
    values = [operand for operand in operands if isinstance(operand, Value)]
    if len(values) == len(operands):
        return builder.add(Concat(place), *values, name=name)
    fixed = np.zeros(shape)
    parts: list[Value] = []
    start = 0
    for operand in operands:
        length = operand.shape[place]
        if isinstance(operand, Value):
            pads = np.zeros((2, len(shape)), dtype=int)
            pads[:, place] = start, shape[place] - start - length
            padding = Pad(tuple(int(pad) for pad in pads.reshape(-1)))
            parts.append(builder.add(padding, operand, name=name))
        else:
            window = [slice(None)] * len(shape)
            window[place] = slice(start, start + length)
            fixed[tuple(window)] = frozen_array(operand, "a constant operand")
        start += length
    if not parts:
        raise ModelError("it computes with constants alone; fold them before saving (onnxsim)")
    total = parts[0] if len(parts) == 1 else builder.add(Sum((1,) * len(parts)), *parts, name=name)
    return builder.add(Shift(fixed), total, name=name)


def flatten(builder: GraphBuilder, x: Value, start: int, end: int, name: str) -> Value:
    """Merge the axes start..end (inclusive) into one."""
    if not x.shape:
        return reshape(builder, x, (1,), name)
    first, last = axis_of(start, x.shape), axis_of(end, x.shape)
    merged = math.prod(x.shape[first : last + 1])
    return reshape(builder, x, (*x.shape[:first], merged, *x.shape[last + 1 :]), name)


def squeeze(builder: GraphBuilder, x: Value, axes: Sequence[int] | None, name: str) -> Value:
    """Remove axes of length 1: the given ones, or all."""
    drop = {axis_of(axis, x.shape) for axis in axes or ()}
    if axes is None:
        drop = {i for i, size in enumerate(x.shape) if size == 1}
    if any(x.shape[i] != 1 for i in drop):
        raise ModelError(f"cannot squeeze axes {sorted(drop)} of shape {x.shape}: not of length 1")
    return reshape(builder, x, tuple(s for i, s in enumerate(x.shape) if i not in drop), name)


def unsqueeze(builder: GraphBuilder, x: Value, axes: Sequence[int], name: str) -> Value:
    """Insert axes of length 1, numbered as in the result."""
    rank = len(x.shape) + len(axes)
    new = {axis_of(axis, (1,) * rank) for axis in axes}
    sizes = iter(x.shape)
    shape = tuple(1 if i in new else next(sizes, 1) for i in range(rank))
    return reshape(builder, x, shape, name)


def reshape(builder: GraphBuilder, x: Value, shape: Sequence[int], name: str) -> Value:
    """The same entries under another shape; nothing to do if it is the same."""
    wanted = tuple(int(size) for size in shape)
    return x if wanted == x.shape else builder.add(Reshape(wanted), x, name=name)


def transpose(builder: GraphBuilder, x: Value, order: Sequence[int], name: str) -> Value:
    """Axes in another order."""
    axes = tuple(axis_of(int(axis), x.shape) for axis in order)
    return builder.add(Transpose(axes), x, name=name)


def axis_of(axis: int, shape: Sequence[int]) -> int:
    """A possibly negative axis as an index into the shape."""
    if not -len(shape) <= axis < len(shape):
        raise ModelError(f"axis {axis} is out of range for shape {tuple(shape)}")
    return int(axis) % len(shape)


def bound(value: object) -> float | None:
    """A clip's bound: None where it is absent, infinite or the largest float32."""
    if value is None:
        return None
    number = np.asarray(value, dtype=np.float64).reshape(-1)
    if number.size != 1 or np.isnan(number[0]):
        raise ModelError(f"a clip needs one number as a bound, got {value}")
    limit = float(number[0])
    return None if abs(limit) >= float(np.finfo(np.float32).max) else limit
