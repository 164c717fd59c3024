"""Modules of `torch.nn` as operations: their name in `torch_ops` and its arguments after x.

By class name and attributes, so that this file does not import torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from regions.errors import UnsupportedLayer

Recipe = tuple[str, tuple[Any, ...], dict[str, Any]]


def recipe_for(module: Any) -> Recipe | None:
    """(operation, arguments, keywords) of a module of `torch.nn`; None if there is none."""
    kind = type(module)
    if not kind.__module__.startswith("torch.nn.modules"):
        return None
    maker = _RECIPES.get(kind.__name__)
    return None if maker is None else maker(module)


def _identity(m: Any) -> Recipe:
    return "identity", (), {}


def _linear(m: Any) -> Recipe:
    return "linear", (m.weight, m.bias), {}


def _conv(m: Any) -> Recipe:
    if m.padding_mode != "zeros":
        raise UnsupportedLayer(f"a convolution with padding_mode={m.padding_mode!r}, not 'zeros'")
    axes = len(m.kernel_size)
    args = (m.weight, m.bias, m.stride, m.padding, m.dilation, m.groups)
    return f"conv{axes}d", args, {}


def _batch_norm(m: Any) -> Recipe:
    args = (m.running_mean, m.running_var, m.weight, m.bias)
    return "batch_norm", args, {"eps": m.eps}


def _max_pool(m: Any) -> Recipe:
    args = (m.kernel_size, m.stride, m.padding, m.dilation, m.ceil_mode, m.return_indices)
    return "max_pool2d", args, {}


def _avg_pool(m: Any) -> Recipe:
    args = (m.kernel_size, m.stride, m.padding, m.ceil_mode, m.count_include_pad)
    return "avg_pool2d", args, {"divisor_override": getattr(m, "divisor_override", None)}


def _adaptive_avg_pool(m: Any) -> Recipe:
    return "adaptive_avg_pool2d", (m.output_size,), {}


def _pad(m: Any) -> Recipe:
    return "pad", (m.padding,), {"value": float(getattr(m, "value", 0.0))}


_RECIPES: Mapping[str, Callable[[Any], Recipe]] = {
    **dict.fromkeys(
        ("Identity", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout"), _identity
    ),
    **dict.fromkeys(("Conv1d", "Conv2d", "Conv3d"), _conv),
    **dict.fromkeys(("BatchNorm1d", "BatchNorm2d", "BatchNorm3d"), _batch_norm),
    **dict.fromkeys(("MaxPool1d", "MaxPool2d", "MaxPool3d"), _max_pool),
    **dict.fromkeys(("AvgPool1d", "AvgPool2d", "AvgPool3d"), _avg_pool),
    **dict.fromkeys(
        ("AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d"), _adaptive_avg_pool
    ),
    **dict.fromkeys(
        ("ZeroPad1d", "ZeroPad2d", "ZeroPad3d", "ConstantPad1d", "ConstantPad2d", "ConstantPad3d"),
        _pad,
    ),
    "Flatten": lambda m: ("flatten", (m.start_dim, m.end_dim), {}),
    "Hardtanh": lambda m: ("hardtanh", (m.min_val, m.max_val), {}),
    "LeakyReLU": lambda m: ("leaky_relu", (m.negative_slope,), {}),
    "Linear": _linear,
    "PReLU": lambda m: ("prelu", (m.weight,), {}),
    "ReLU": lambda m: ("relu", (), {}),
    "ReLU6": lambda m: ("relu6", (), {}),
    "Unflatten": lambda m: ("unflatten", (m.dim, tuple(m.unflattened_size)), {}),
}

# Not piecewise linear, or not read, but harmless: their refusal then says where they stand.
_REFUSED = (
    "Bilinear", "CELU", "ELU", "GELU", "GLU", "GroupNorm", "Hardshrink", "Hardsigmoid",
    "Hardswish", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "LayerNorm",
    "LocalResponseNorm", "LogSigmoid", "LogSoftmax", "Mish", "RMSNorm", "RReLU", "SELU", "SiLU",
    "Sigmoid", "Softmax", "Softmax2d", "Softmin", "Softplus", "Softshrink", "Softsign", "Tanh",
    "Tanhshrink", "Threshold",
)  # fmt: skip

SAFE_MODULES = ("Sequential", "ModuleList", "ModuleDict", *_RECIPES, *_REFUSED)
"""Classes of `torch.nn` that a pickled model may hold: none runs code when it is unpickled."""
