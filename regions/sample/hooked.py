"""Any torch module, watched while it runs: the pre-activations of whatever it calls.

Functions such as `torch.relu` or `torch.nn.functional.selu` are intercepted wherever the module
calls them, so that activations without a module of their own are seen too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

_NAMES = (
    "relu", "relu_", "relu6", "leaky_relu", "leaky_relu_", "prelu", "rrelu", "rrelu_", "elu",
    "elu_", "selu", "selu_", "celu", "celu_", "gelu", "silu", "mish", "softplus", "sigmoid",
    "sigmoid_", "tanh", "tanh_", "hardtanh", "hardtanh_", "hardswish", "hardsigmoid", "logsigmoid",
    "softsign", "tanhshrink", "softshrink", "hardshrink", "abs", "abs_",
)  # fmt: skip


def _functions() -> dict[Any, str]:
    found = {}
    for name in _NAMES:
        for home in (F, torch, Tensor):
            function = getattr(home, name, None)
            if function is not None:
                found[function] = name.rstrip("_")
    return found


class Watched(TorchFunctionMode):
    """Calls `see(kind, z)` with the argument of every activation that torch is asked for."""

    def __init__(self, see: Callable[[str, Tensor], None]) -> None:
        super().__init__()
        self._see = see
        self._kinds = _functions()

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        """Report the argument before the function can change it in place."""
        kind = self._kinds.get(func)
        if kind is not None:
            z = args[0] if args else (kwargs or {}).get("input")
            if isinstance(z, Tensor) and z.is_floating_point():
                self._see(kind, z)
        return func(*args, **(kwargs or {}))


def run_watched(
    module: nn.Module,
    x: Tensor,
    see: Callable[[str, str, Tensor], None],
    modules: Sequence[str] = (),
) -> Tensor:
    """The output, after `see(name, kind, z)` was called for every activation.

    Parameters
    ----------
    modules
        Names of submodules whose input is watched instead of the functions.
    """
    inside: list[str] = []
    handles = []
    for name, child in module.named_modules():

        def enter(owner: nn.Module, args: Any, name: str = name) -> None:
            inside.append(name)
            if name in modules:
                see(name, type(owner).__name__, args[0])

        def leave(*_: Any) -> None:
            inside.pop()

        handles += [child.register_forward_pre_hook(enter), child.register_forward_hook(leave)]
    try:
        if modules:
            return module(x)
        with Watched(lambda kind, z: see(inside[-1] if inside else "", kind, z)):
            return module(x)
    finally:
        for handle in handles:
            handle.remove()
