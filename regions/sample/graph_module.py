"""A layer graph as a torch module that runs batches and lets others watch or replace its ReLUs.

Every activation is computed with R(z) = max(z, 0) as in `regions.lowering`, so that one function,
`relu(k, z)`, is all that a caller has to know of: the k-th layer of units, with pre-activations z.

- leaky ReLU, PReLU: a·z + (1 - a)·R(z); abs: 2·R(z) - z
- clip, ReLU6, hardtanh: y = low + R(z - low), then y - R(y - high)
- max-pooling: one operation, or, on request, rounds of max(a, b) = a + R(b - a) as in the normal
  form, each a layer
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from regions.errors import ModelError
from regions.layers import (
    Abs,
    AveragePool,
    BatchNorm,
    Clip,
    Concat,
    Conv,
    Dense,
    Graph,
    LeakyRelu,
    MaxPool,
    Mean,
    Multiply,
    Node,
    Pad,
    Relu,
    Reshape,
    Shape,
    Shift,
    Sum,
    Transpose,
)
from regions.sample.windows import max_rounds, pool_index
from solvers.rational import floats

Watch = Callable[[int, Tensor], Tensor]  # (layer from 0, z) -> max(z, 0), or what stands for it
Pool = Callable[[int, Tensor], Tensor]  # (pool from 0, taps (N, windows, taps)) -> (N, windows)


@dataclass(frozen=True)
class Units:
    """A layer of ReLU-like units: where it stands, what it came from, and its shape."""

    name: str
    kind: str
    shape: Shape

    @property
    def units(self) -> int:
        """How many."""
        return math.prod(self.shape)


class GraphModule(nn.Module):
    """A graph whose layers are run on batches (N, inputs).

    Parameters
    ----------
    rounds
        Whether max-pooling is rewritten with ReLU units, as the normal form does.

    Examples
    --------
    >>> from regions.layers import GraphBuilder
    >>> builder = GraphBuilder((1, 2))
    >>> hidden = builder.add(Dense(np.array([[1.0, -1.0]])), builder.input)
    >>> module = GraphModule(builder.finish(builder.add(Abs(), hidden)))
    >>> module(torch.tensor([[1.0, 3.0]], dtype=torch.float64)).tolist(), len(module.layers)
    ([[2.0]], 1)
    """

    def __init__(self, graph: Graph, *, rounds: bool = False) -> None:
        super().__init__()
        self.graph = graph
        live = graph.live
        self.steps = [(k, n) for k, n in enumerate(graph.nodes, start=1) if k in live]
        self.layers: list[Units] = []
        self.pools: list[Units] = []
        self._first: dict[int, int] = {}  # node -> its first layer of units
        self._pool: dict[int, int] = {}
        self._rounds: dict[int, int] = {}
        self._last: dict[int, int] = {}  # value -> the last node that reads it
        for number, node in self.steps:
            self._last.update(dict.fromkeys(node.inputs, number))
            shapes = [self._shape(value) for value in node.inputs]
            self._prepare(number, node, shapes, rounds)

    @property
    def inputs(self) -> int:
        """Number of inputs."""
        return math.prod(self.graph.input_shape)

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return math.prod(self._shape(self.graph.output))

    @property
    def floats(self) -> int:
        """Numbers that one point makes, all tensors together."""
        return self.inputs + sum(math.prod(node.shape) for _, node in self.steps)

    def _shape(self, value: int) -> Shape:
        return self.graph.nodes[value - 1].shape if value else self.graph.input_shape

    # -- what is stored -------------------------------------------------------------------------

    def _keep(self, number: int, what: str, values: Any) -> None:
        self.register_buffer(f"{what}_{number}", torch.from_numpy(np.array(doubles(values))))

    def _kept(self, number: int, what: str) -> Tensor:
        return self.get_buffer(f"{what}_{number}")

    def _units(self, number: int, node: Node, kind: str, shape: Shape) -> None:
        self._first.setdefault(number, len(self.layers))
        bare = shape[1:] if len(shape) > 1 and shape[0] == 1 else shape
        self.layers.append(Units(node.name, kind, bare))

    def _prepare(self, number: int, node: Node, shapes: list[Shape], rounds: bool) -> None:
        match node.op:
            case Dense() | Conv() as op:
                self._keep(number, "weight", op.weight)
                if op.bias is not None:
                    self._keep(number, "bias", op.bias)
            case BatchNorm() as op:
                arrays = (op.scale, op.shift, op.mean, op.variance)
                scale, shift, mean, variance = map(doubles, arrays)
                factor = scale / np.sqrt(variance + op.epsilon)
                self._keep(number, "weight", factor)
                self._keep(number, "bias", shift - mean * factor)
            case Multiply() as op:
                values = doubles(op.values)
                self._keep(number, "weight", 1 / values if op.divide else values)
            case Shift() as op:
                self._keep(number, "bias", op.values)
            case LeakyRelu() as op:
                self._keep(number, "slopes", op.slopes)
                self._units(number, node, op.kind, node.shape)
            case Relu():
                self._units(number, node, "relu", node.shape)
            case Abs():
                self._units(number, node, "abs", node.shape)
            case Clip() as op:
                plain = op.low == 0 and op.high is None
                for bound in (op.low, op.high):
                    if bound is not None:
                        self._units(number, node, "relu" if plain else op.kind, node.shape)
            case AveragePool() as op:
                index, divisors = pool_index(op, shapes[0])
                self._keep(number, "index", index)
                self._keep(number, "weight", (index >= 0) / divisors[:, None])
            case MaxPool() as op:
                self._prepare_pool(number, node, op, shapes[0], rounds)
            case _:
                pass

    def _prepare_pool(
        self, number: int, node: Node, op: MaxPool, shape: Shape, rounds: bool
    ) -> None:
        index, _ = pool_index(op, shape)
        if (index < 0).all(axis=1).any():
            raise ModelError(f"max-pool {node.name!r}: a window lies entirely in the padding")
        if not rounds:
            self._pool[number] = len(self.pools)
            self.pools.append(Units(node.name, "max_pool", node.shape[1:]))
            self._keep(number, "index", index)
            return
        steps, last = max_rounds(index)
        for k, step in enumerate(steps):
            regular = (*node.shape, step.pairs) if step.pairs else (1, len(step.first))
            self._units(number, node, "max_pool", regular)
            for what in ("first", "second", "kept", "unit"):
                self._keep(number, f"{what}{k}", getattr(step, what))
        self._rounds[number] = len(steps)
        self._keep(number, "index", last)

    # -- running --------------------------------------------------------------------------------

    def forward(
        self,
        x: Tensor,
        relu: Watch | None = None,
        pool: Pool | None = None,
        *,
        constants: bool = True,
    ) -> Tensor:
        """Outputs (N, outputs) at the points (N, inputs).

        Parameters
        ----------
        relu
            Called as `relu(k, z)` for the k-th layer of units (from 0) with z of shape
            (N, *shape); its result stands for max(z, 0).
        pool
            Called as `pool(j, taps)` for the j-th max-pooling with the entries of each window
            (N, windows, taps), -inf in the padding; its result stands for their maximum.
        constants
            False leaves out every bias: the linear part, if `relu` and `pool` are linear.
        """
        watch = relu or (lambda _, z: F.relu(z))
        count = len(x)
        values = {0: x.reshape(count, *self.graph.input_shape)}
        for number, node in self.steps:
            read = [values[k] for k in node.inputs]
            values[number] = self._run(number, node, read, watch, pool, constants)
            for k in node.inputs:
                if self._last[k] == number and k != self.graph.output:
                    values.pop(k, None)
        return values[self.graph.output].reshape(count, -1)

    def _run(
        self, number: int, node: Node, read: list[Tensor], relu: Watch, pool: Pool | None,
        constants: bool,
    ) -> Tensor:  # fmt: skip
        x = read[0]
        match node.op:
            case Dense() as op:
                return self._dense(number, op, x, constants)
            case Conv() as op:
                return self._conv(number, op, x, constants)
            case BatchNorm():
                side = (1, 1, -1, *(1,) * (x.ndim - 3))
                y = x * self._kept(number, "weight").reshape(side)
                return y + self._kept(number, "bias").reshape(side) if constants else y
            case Multiply():
                return _aligned(x, node.shape) * self._kept(number, "weight")
            case Shift():
                x = _aligned(x, node.shape).expand(-1, *node.shape)
                return x + self._kept(number, "bias") if constants else x
            case Sum() as op:
                terms = [_aligned(y, node.shape) for y in read]
                return reduce(
                    torch.add, (y if s > 0 else -y for s, y in zip(op.signs, terms, strict=True))
                )
            case Mean() as op:
                return x.mean(dim=[axis + 1 for axis in op.axes], keepdim=op.keep_axes)
            case Pad() as op:
                axes = len(op.pads) // 2
                sides = [p for a in reversed(range(axes)) for p in (op.pads[a], op.pads[axes + a])]
                return F.pad(x, sides, value=op.value if constants else 0.0)
            case Reshape():
                return x.reshape(len(x), *node.shape)
            case Transpose() as op:
                return x.permute(0, *(axis + 1 for axis in op.order))
            case Concat() as op:
                return torch.cat(read, dim=op.axis % len(node.shape) + 1)
            case AveragePool():
                taps = _taps(x, self._kept(number, "index"), 0.0)
                y = (taps * self._kept(number, "weight")).sum(-1)
                return y.reshape(len(x), *node.shape)
            case MaxPool() as op:
                return self._max_pool(number, node, op, x, relu, pool)
            case _:
                return self._activation(number, node, x, relu, constants)

    def _dense(self, number: int, op: Dense, x: Tensor, constants: bool) -> Tensor:
        axis = op.axis % (x.ndim - 1) + 1
        bias = self._kept(number, "bias") if constants and op.bias is not None else None
        y = F.linear(x.movedim(axis, -1), self._kept(number, "weight"), bias)
        return y.movedim(-1, axis)

    def _conv(self, number: int, op: Conv, x: Tensor, constants: bool) -> Tensor:
        window = op.window
        axes = len(window.kernel)
        convolve = (F.conv1d, F.conv2d, F.conv3d)[axes - 1]
        x, batch = x.flatten(0, 1), x.shape[:2]
        begin, end = window.pads[:axes], window.pads[axes:]
        if begin != end:
            x = F.pad(x, [p for a in reversed(range(axes)) for p in (begin[a], end[a])])
            begin = (0,) * axes
        bias = self._kept(number, "bias") if constants and op.bias is not None else None
        y = convolve(
            x, self._kept(number, "weight"), bias, window.strides, begin, window.dilations,
            op.groups,
        )  # fmt: skip
        return y.unflatten(0, batch)

    def _max_pool(
        self, number: int, node: Node, op: MaxPool, x: Tensor, relu: Watch, pool: Pool | None
    ) -> Tensor:
        count = len(x)
        if number in self._rounds:
            x = x.reshape(count, -1)
            for k in range(self._rounds[number]):
                first, second, kept, unit = (
                    self._kept(number, f"{what}{k}") for what in ("first", "second", "kept", "unit")
                )
                shape = self.layers[self._first[number] + k].shape
                z = (x[:, second] - x[:, first]).reshape(count, *shape)
                step = relu(self._first[number] + k, z).reshape(count, -1)
                x = x[:, kept] + F.pad(step, (0, 1))[:, unit]  # unit -1 is the zero at the end
            return x[:, self._kept(number, "index")].reshape(count, *node.shape)
        taps = _taps(x, self._kept(number, "index"), -math.inf)
        best = pool(self._pool[number], taps) if pool else taps.amax(-1)
        return best.reshape(count, *node.shape)

    def _activation(
        self, number: int, node: Node, x: Tensor, relu: Watch, constants: bool
    ) -> Tensor:
        layer = self._first.get(number, len(self.layers))

        def units(k: int, z: Tensor) -> Tensor:
            shape = self.layers[layer + k].shape
            return relu(layer + k, z.reshape(len(z), *shape)).reshape(z.shape)

        match node.op:
            case Relu():
                return units(0, x)
            case LeakyRelu():
                slopes = self._kept(number, "slopes")
                return x * slopes + units(0, x) * (1 - slopes)
            case Abs():
                return 2 * units(0, x) - x
            case Clip() as op:
                y, k, on = x, 0, float(constants)
                if op.low is not None:
                    y, k = units(0, y - op.low * on) + op.low * on, 1
                if op.high is not None:
                    y = y - units(k, y - op.high * on)
                return y
            case other:
                raise ModelError(f"layer {node.name!r}: sampling knows no {type(other).__name__}")


def doubles(values: np.ndarray) -> np.ndarray:
    """The values in float64, where some may be rationals; integers stay as they are.

    >>> doubles(np.array([0.5, 1.0])).tolist()
    [0.5, 1.0]
    """
    return floats(values) if values.dtype == object else values


def _aligned(x: Tensor, shape: Shape) -> Tensor:
    """(N, *own) with ones in between, so that it broadcasts to (N, *shape)."""
    return x.reshape(len(x), *(1,) * (len(shape) + 1 - x.ndim), *x.shape[1:])


def _taps(x: Tensor, index: Tensor, outside: float) -> Tensor:
    """The entries of each window (N, windows, taps); `outside` where the index is -1."""
    flat = x.reshape(len(x), -1)
    if bool((index < 0).any()):
        flat = F.pad(flat, (0, 1), value=outside)
    return flat[:, index]
