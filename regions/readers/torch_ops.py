"""PyTorch operations as layers, by name: `torch.nn.functional`, tensor methods and ATen alike.

Every function takes the graph under construction, the name of the place in the model, and the
operation's own arguments, in PyTorch's order.  Tensors that depend on the input are `Value`s,
constants are arrays.  This file does not import torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
    Op,
    Pad,
    Relu,
    Value,
)
from regions.readers import steps
from regions.readers.steps import Operand, constant, tensor
from regions.windows import Window

Ints = int | Sequence[int]
_EVAL = "in training mode; call model.eval() first, and pass training=self.training to functions"


def step_for(name: str) -> Callable[..., Any] | None:
    """The function that reads an operation, by PyTorch's name for it."""
    return _STEPS.get(name)


def _numbers(operand: Any) -> Operand:
    return operand if isinstance(operand, (Value, np.ndarray)) else np.array(operand)


def _unary(op: Op) -> Callable[..., Value]:
    def step(b: GraphBuilder, name: str, x: Value, inplace: bool = False) -> Value:
        return b.add(op, tensor(x), name=name)

    return step


def _identity(b: GraphBuilder, name: str, x: Value, *args: Any, **kwargs: Any) -> Value:
    return x


def _dropout(
    b: GraphBuilder,
    name: str,
    x: Value,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
) -> Value:
    if training and p != 0:
        raise UnsupportedLayer(f"dropout is random {_EVAL}")
    return x


# -- arithmetic ------------------------------------------------------------------------------


def _add(b: GraphBuilder, name: str, x: Any, y: Any, alpha: float = 1) -> Value:
    return steps.add(b, _numbers(x), _numbers(y), name, factor=alpha)


def _sub(b: GraphBuilder, name: str, x: Any, y: Any, alpha: float = 1) -> Value:
    return steps.add(b, _numbers(x), _numbers(y), name, sign=-1, factor=alpha)


def _rsub(b: GraphBuilder, name: str, x: Any, y: Any, alpha: float = 1) -> Value:
    return _sub(b, name, y, x, alpha)


def _mul(b: GraphBuilder, name: str, x: Any, y: Any) -> Value:
    return steps.multiply(b, _numbers(x), _numbers(y), name)


def _div(b: GraphBuilder, name: str, x: Any, y: Any, rounding_mode: str | None = None) -> Value:
    if rounding_mode is not None:
        raise UnsupportedLayer("div with a rounding mode is not continuous")
    return steps.divide(b, _numbers(x), _numbers(y), name)


def _neg(b: GraphBuilder, name: str, x: Value) -> Value:
    return b.add(Multiply(np.array(-1.0)), tensor(x), name=name)


def _matmul(b: GraphBuilder, name: str, x: Operand, y: Operand) -> Value:
    return steps.matmul(b, x, y, name)


def _linear(
    b: GraphBuilder, name: str, x: Value, weight: Operand, bias: Operand | None = None
) -> Value:
    offset = None if bias is None else constant(bias, "the bias")
    return b.add(Dense(constant(weight, "the weight"), offset), tensor(x), name=name)


def _addmm(
    b: GraphBuilder,
    name: str,
    c: Operand,
    x: Operand,
    y: Operand,
    beta: float = 1,
    alpha: float = 1,
) -> Value:
    product = steps.matmul(b, x, y, name)
    if alpha != 1:
        product = b.add(Multiply(np.array(alpha)), product, name=name)
    return steps.add(b, product, c, name, factor=beta)


# -- convolution, normalisation, pooling -----------------------------------------------------


def _tuple(values: Ints, axes: int) -> tuple[int, ...]:
    sizes = (values,) if isinstance(values, int) else tuple(int(v) for v in values)
    return sizes * axes if len(sizes) == 1 else sizes


def _conv(
    b: GraphBuilder,
    name: str,
    x: Value,
    weight: Operand,
    bias: Operand | None = None,
    stride: Ints = 1,
    padding: Ints | str = 0,
    dilation: Ints = 1,
    groups: int = 1,
) -> Value:
    kernel = constant(weight, "the weight")
    sizes = kernel.shape[2:]
    axes = len(sizes)
    steps_of, spread = _tuple(stride, axes), _tuple(dilation, axes)
    if padding == "same":
        totals = [d * (k - 1) for k, d in zip(sizes, spread, strict=True)]
        pads = (*(t // 2 for t in totals), *(t - t // 2 for t in totals))
    else:
        pads = _tuple(0 if isinstance(padding, str) else padding, axes) * 2
    offset = None if bias is None else constant(bias, "the bias")
    window = Window(sizes, steps_of, pads, spread)
    return b.add(Conv(kernel, offset, window, groups), tensor(x), name=name)


def _raw_convolution(
    b: GraphBuilder,
    name: str,
    x: Value,
    weight: Operand,
    bias: Operand | None,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    transposed: bool,
    output_padding: Ints,
    groups: int,
    *flags: bool,
) -> Value:
    if transposed:
        raise UnsupportedLayer("transposed convolution is not among the layers that can be read")
    return _conv(b, name, x, weight, bias, stride, padding, dilation, groups)


def _batch_norm(
    b: GraphBuilder,
    name: str,
    x: Value,
    running_mean: Operand | None,
    running_var: Operand | None,
    weight: Operand | None = None,
    bias: Operand | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Value:
    if training or running_mean is None or running_var is None:
        raise UnsupportedLayer(f"batch norm uses the statistics of the batch {_EVAL}")
    mean, var = constant(running_mean, "the mean"), constant(running_var, "the variance")
    scale = np.ones_like(mean) if weight is None else constant(weight, "the weight")
    shift = np.zeros_like(mean) if bias is None else constant(bias, "the bias")
    return b.add(BatchNorm(scale, shift, mean, var, float(eps)), tensor(x), name=name)


def _aten_batch_norm(
    b: GraphBuilder,
    name: str,
    x: Value,
    weight: Operand | None,
    bias: Operand | None,
    mean: Operand | None,
    var: Operand | None,
    training: bool,
    momentum: float,
    eps: float,
    *flags: bool,
) -> Value:
    return _batch_norm(b, name, x, mean, var, weight, bias, training, momentum, eps)


def _pool_window(
    x: Value, kernel: Ints, stride: Ints | None, padding: Ints, dilation: Ints, ceil_mode: bool
) -> Window:
    axes = len(x.shape) - 2
    size = _tuple(kernel, axes)
    unset = stride is None or (not isinstance(stride, int) and len(stride) == 0)
    strides = size if unset else _tuple(stride, axes)  # type: ignore[arg-type]
    return Window(size, strides, _tuple(padding, axes) * 2, _tuple(dilation, axes), bool(ceil_mode))


def _max_pool(
    b: GraphBuilder,
    name: str,
    x: Value,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Value:
    if return_indices:
        raise UnsupportedLayer("max-pooling that returns indices")
    window = _pool_window(tensor(x), kernel_size, stride, padding, dilation, ceil_mode)
    return b.add(MaxPool(window), x, name=name)


def _avg_pool(
    b: GraphBuilder,
    name: str,
    x: Value,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Value:
    window = _pool_window(tensor(x), kernel_size, stride, padding, 1, ceil_mode)
    return b.add(AveragePool(window, count_include_pad, divisor_override), x, name=name)


def _adaptive_avg_pool(b: GraphBuilder, name: str, x: Value, output_size: Any) -> Value:
    spatial = tensor(x).shape[2:]
    wanted = (
        output_size if isinstance(output_size, (tuple, list)) else (output_size,) * len(spatial)
    )
    sizes = [size if out is None else int(out) for size, out in zip(spatial, wanted, strict=True)]
    if any(size % out for size, out in zip(spatial, sizes, strict=True)):
        raise UnsupportedLayer(
            f"adaptive pooling from {spatial} to {tuple(sizes)} has windows of different sizes; "
            "choose sizes that divide, or an average pool"
        )
    kernel = tuple(size // out for size, out in zip(spatial, sizes, strict=True))
    window = Window(kernel, kernel, (0,) * (2 * len(kernel)), (1,) * len(kernel))
    return b.add(AveragePool(window), x, name=name)


def _mean(
    b: GraphBuilder, name: str, x: Value, dim: Any = None, keepdim: bool = False, dtype: Any = None
) -> Value:
    shape = tensor(x).shape
    wanted = (
        range(len(shape)) if dim is None else (dim if isinstance(dim, (tuple, list)) else (dim,))
    )
    axes = tuple(sorted({steps.axis_of(int(axis), shape) for axis in wanted}))
    return b.add(Mean(axes, keepdim), x, name=name)


# -- activations -----------------------------------------------------------------------------


def _leaky_relu(
    b: GraphBuilder, name: str, x: Value, negative_slope: float = 0.01, inplace: bool = False
) -> Value:
    return b.add(LeakyRelu(np.array(float(negative_slope))), tensor(x), name=name)


def _prelu(b: GraphBuilder, name: str, x: Value, weight: Operand) -> Value:
    slopes = constant(weight, "the slope").reshape(-1)
    if len(slopes) > 1:
        slopes = slopes.reshape(-1, *(1,) * (len(tensor(x).shape) - 2))
    return b.add(LeakyRelu(slopes, "prelu"), tensor(x), name=name)


def _clip(kind: str, low: float | None, high: float | None) -> Callable[..., Value]:
    def step(
        b: GraphBuilder,
        name: str,
        x: Value,
        min_val: Any = low,
        max_val: Any = high,
        inplace: bool = False,
        **bounds: Any,
    ) -> Value:
        lower = steps.bound(bounds.pop("min", min_val))
        upper = steps.bound(bounds.pop("max", max_val))
        if bounds:
            raise ModelError(f"unknown arguments {sorted(bounds)}")
        if lower is None and upper is None:
            return x
        return b.add(Clip(lower, upper, kind), tensor(x), name=name)

    return step


# -- shapes ----------------------------------------------------------------------------------


def _flat(values: Sequence[Any]) -> tuple[int, ...]:
    """Dimensions given one by one or as one list."""
    if len(values) == 1 and isinstance(values[0], (tuple, list)):
        values = values[0]
    return tuple(int(v) for v in values)


def _reshape(b: GraphBuilder, name: str, x: Value, *shape: Any, **kwargs: Any) -> Value:
    sizes = _flat(shape or (kwargs.get("shape", kwargs.get("size")),))
    return steps.reshape(b, tensor(x), sizes, name)


def _flatten(b: GraphBuilder, name: str, x: Value, start_dim: int = 0, end_dim: int = -1) -> Value:
    return steps.flatten(b, tensor(x), start_dim, end_dim, name)


def _unflatten(b: GraphBuilder, name: str, x: Value, dim: int, sizes: Sequence[int]) -> Value:
    shape = tensor(x).shape
    axis = steps.axis_of(dim, shape)
    return steps.reshape(b, x, (*shape[:axis], *sizes, *shape[axis + 1 :]), name)


def _permute(b: GraphBuilder, name: str, x: Value, *dims: Any, **kwargs: Any) -> Value:
    return steps.transpose(b, tensor(x), _flat(dims or (kwargs.get("dims"),)), name)


def _transpose(b: GraphBuilder, name: str, x: Value, dim0: int, dim1: int) -> Value:
    shape = tensor(x).shape
    order = list(range(len(shape)))
    i, j = steps.axis_of(dim0, shape), steps.axis_of(dim1, shape)
    order[i], order[j] = order[j], order[i]
    return steps.transpose(b, x, order, name)


def _turn(b: GraphBuilder, name: str, x: Value) -> Value:
    return steps.transpose(b, tensor(x), range(len(x.shape))[::-1], name)


def _squeeze(b: GraphBuilder, name: str, x: Value, dim: Any = None) -> Value:
    axes = None if dim is None else (dim if isinstance(dim, (tuple, list)) else (dim,))
    if axes is not None:  # PyTorch ignores axes of another length
        axes = [axis for axis in axes if tensor(x).shape[steps.axis_of(axis, x.shape)] == 1]
    return steps.squeeze(b, tensor(x), axes, name)


def _unsqueeze(b: GraphBuilder, name: str, x: Value, dim: int) -> Value:
    return steps.unsqueeze(b, tensor(x), (dim,), name)


def _cat(
    b: GraphBuilder, name: str, tensors: Sequence[Any], dim: int = 0, axis: int | None = None
) -> Value:
    operands = [
        x if isinstance(x, np.ndarray) else tensor(x, "a concatenated tensor") for x in tensors
    ]
    return steps.concat(b, operands, dim if axis is None else axis, name)


def _pad(
    b: GraphBuilder,
    name: str,
    x: Value,
    pad: Sequence[int],
    mode: Any = "constant",
    value: float | None = None,
) -> Value:
    if isinstance(mode, (int, float)):  # constant_pad_nd(x, pad, value)
        mode, value = "constant", mode
    if mode != "constant":
        raise UnsupportedLayer(f"padding in mode {mode!r}; only constant padding can be read")
    rank = len(tensor(x).shape)
    begins, ends = [0] * rank, [0] * rank
    for place, (begin, end) in enumerate(zip(pad[0::2], pad[1::2], strict=True), start=1):
        begins[rank - place], ends[rank - place] = int(begin), int(end)
    return b.add(Pad((*begins, *ends), float(value or 0.0)), x, name=name)


def _size(b: GraphBuilder, name: str, x: Value, dim: int | None = None) -> Any:
    return x.shape if dim is None else x.shape[dim]


def _attribute(b: GraphBuilder, name: str, x: Value, attribute: str) -> Any:
    known = {"shape": x.shape, "ndim": len(x.shape)}
    if attribute not in known:
        raise UnsupportedLayer(f"the attribute {attribute!r} of a tensor")
    return known[attribute]


def _rank(b: GraphBuilder, name: str, x: Value) -> int:
    return len(x.shape)


_STEPS: Mapping[str, Callable[..., Any]] = {
    **dict.fromkeys(
        ("clone", "contiguous", "detach", "alias", "to", "_to_copy", "float", "double", "identity"),
        _identity,
    ),
    **dict.fromkeys(
        ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_dropout"),
        _dropout,
    ),
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), _conv),
    **dict.fromkeys(("max_pool1d", "max_pool2d", "max_pool3d"), _max_pool),
    **dict.fromkeys(("avg_pool1d", "avg_pool2d", "avg_pool3d"), _avg_pool),
    **dict.fromkeys(
        ("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d"), _adaptive_avg_pool
    ),
    **dict.fromkeys(("add", "iadd"), _add),
    **dict.fromkeys(("sub", "isub", "subtract"), _sub),
    **dict.fromkeys(("mul", "imul", "multiply"), _mul),
    **dict.fromkeys(("div", "truediv", "itruediv", "true_divide", "divide"), _div),
    **dict.fromkeys(("neg", "negative"), _neg),
    **dict.fromkeys(("matmul", "mm", "mv"), _matmul),
    **dict.fromkeys(("abs", "absolute"), _unary(Abs())),
    **dict.fromkeys(("view", "reshape", "_unsafe_view"), _reshape),
    **dict.fromkeys(("cat", "concat", "concatenate"), _cat),
    **dict.fromkeys(("clamp", "clip"), _clip("clip", None, None)),
    **dict.fromkeys(("pad", "constant_pad_nd"), _pad),
    **dict.fromkeys(("size", "sym_size"), _size),
    **dict.fromkeys(("dim", "ndimension"), _rank),
    "rsub": _rsub,
    "addmm": _addmm,
    "aten.batch_norm": _aten_batch_norm,
    "aten._native_batch_norm_legit_no_training": lambda b, name, x, w, c, mean, var, m, eps: (
        _batch_norm(b, name, x, mean, var, w, c, False, m, eps)
    ),
    "aten._convolution": _raw_convolution,
    "aten.convolution": _raw_convolution,
    "batch_norm": _batch_norm,
    "clamp_min": lambda b, name, x, min: _clip("clip", None, None)(b, name, x, min),
    "clamp_max": lambda b, name, x, max: _clip("clip", None, None)(b, name, x, None, max),
    "flatten": _flatten,
    "getattr": _attribute,
    "hardtanh": _clip("hardtanh", -1.0, 1.0),
    "leaky_relu": _leaky_relu,
    "linear": _linear,
    "mean": _mean,
    "permute": _permute,
    "prelu": _prelu,
    "relu": _unary(Relu()),
    "relu6": _clip("relu6", 0.0, 6.0),
    "squeeze": _squeeze,
    "t": _turn,
    "transpose": _transpose,
    "unflatten": _unflatten,
    "unsqueeze": _unsqueeze,
}
