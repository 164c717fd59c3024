"""Layers to the normal form: affine maps folded exactly, other activations rewritten with ReLUs.

The rewritings (meanings §2.1), with R(z) = max(z, 0), one unit per R:

- leaky ReLU, PReLU: a·z + (1 - a)·R(z); abs: 2·R(z) - z
- clip, ReLU6, hardtanh: y = low + R(z - low), then y - R(y - high); an absent bound has no unit
- max-pooling: max(a, b) = a + R(b - a) over pairs of the window in row-major order, an odd entry
  passing on; each round of pairs is one layer over all windows
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from regions.affine_tensor import AffineTensor
from regions.errors import ModelError
from regions.layers import (
    Abs,
    Clip,
    Graph,
    LeakyRelu,
    MaxPool,
    Node,
    Op,
    Relu,
    Shape,
)
from regions.linearise import fold, window_index
from regions.network import Layer, Network
from regions.windows import Window
from solvers.exact_matrix import ExactMatrix
from solvers.rational import rationals


def lower(graph: Graph) -> Network:
    """The normal form of a layer graph: the same function, exactly.

    Branches that the output does not depend on are left out.

    Raises
    ------
    ModelError
        If a folded weight is too large for a double, or a pooling window lies in the padding.

    Examples
    --------
    >>> from regions.layers import Dense, GraphBuilder
    >>> builder = GraphBuilder((1, 2))
    >>> hidden = builder.add(Dense(np.array([[1.0, -1.0]])), builder.input)
    >>> lower(builder.finish(builder.add(Abs(), hidden))).widths
    (1,)
    """
    units = _Units()
    tensors = {0: AffineTensor.identity(0, graph.input_shape)}
    live = graph.live
    for number, node in enumerate(graph.nodes, start=1):
        if number in live:
            try:
                tensors[number] = _lower_node(node, [tensors[i] for i in node.inputs], units)
            except ModelError:
                raise
            except ValueError as error:
                raise ModelError(f"while folding layer {node.name!r}: {error}") from error
    result = tensors[graph.output]
    output = Layer(result.weights, result.bias, "affine", "output", _unbatched(result.shape))
    return Network(tensors[0].bias.shape[0], tuple(units.layers), output, None)


class _Units:
    """The ReLU layers found so far."""

    def __init__(self) -> None:
        self.layers: list[Layer] = []

    def relu(self, z: AffineTensor, kind: str, name: str) -> AffineTensor:
        """Append max(z, 0) as a layer; its outputs are a new source."""
        self.layers.append(Layer(z.weights, z.bias, kind, name, _unbatched(z.shape)))
        return AffineTensor.identity(len(self.layers), z.shape)


def _lower_node(node: Node, inputs: Sequence[AffineTensor], units: _Units) -> AffineTensor:
    op: Op = node.op
    folded = fold(op, inputs, node.shape)
    if folded is not None:
        return folded
    z = inputs[0]
    match op:
        case Relu():
            return units.relu(z, "relu", node.name)
        case LeakyRelu():
            slopes = rationals(np.broadcast_to(op.slopes, z.shape).reshape(-1))
            positive = units.relu(z, op.kind, node.name)
            return z.scale(slopes) + positive.scale(1 - slopes)
        case Abs():
            positive = units.relu(z, "abs", node.name)
            return positive.scale(np.full(positive.bias.shape[0], 2.0)) - z
        case Clip():
            return _clip(op, z, units, node.name)
        case MaxPool():
            return _max_pool(op.window, z, node.shape, units, node.name)
        case _:
            raise ModelError(f"layer {node.name!r}: lowering knows no {type(op).__name__}")


def _clip(op: Clip, z: AffineTensor, units: _Units, name: str) -> AffineTensor:
    if op.low == 0 and op.high is None:
        return units.relu(z, "relu", name)
    y = z
    if op.low is not None:
        low = _constant(op.low, z)
        y = units.relu(z.shift(-low), op.kind, name).shift(low)
    if op.high is not None:
        y = y - units.relu(y.shift(-_constant(op.high, z)), op.kind, name)
    return y


def _constant(value: float, like: AffineTensor) -> ExactMatrix:
    return ExactMatrix.column(np.full(like.bias.shape[0], value))


def _max_pool(
    window: Window, x: AffineTensor, shape: Shape, units: _Units, name: str
) -> AffineTensor:
    entries, _ = window_index(window, x.shape)  # (windows, taps)
    if np.any(np.all(entries < 0, axis=1)):
        raise ModelError(f"max-pool {name!r}: a window lies entirely in the padding")
    last = np.argsort(entries < 0, axis=1, kind="stable")  # padding last, order kept
    entries = np.take_along_axis(entries, last, axis=1)
    while (width := int((entries >= 0).sum(axis=1).max())) > 1:
        entries = np.pad(entries, ((0, 0), (0, 1)), constant_values=-1)[:, : width + width % 2]
        first, second = entries[:, 0::2], entries[:, 1::2]
        present, paired = first >= 0, second >= 0
        pairs = int(paired.sum())
        regular = (*shape, paired.shape[1]) if paired.all() else (1, pairs)
        a, b = (x.take(entry[paired], regular) for entry in (first, second))
        step = units.relu(b - a, "max_pool", name)
        unit = np.where(paired, np.cumsum(paired).reshape(paired.shape) - 1, -1)[present]
        kept = (len(unit),)
        x = x.take(first[present], kept) + step.take(unit, kept)
        entries = np.where(present, np.cumsum(present).reshape(present.shape) - 1, -1)
    return x.take(entries[:, 0], shape)


def _unbatched(shape: Shape) -> Shape:
    return shape[1:] if len(shape) > 1 and shape[0] == 1 else shape
