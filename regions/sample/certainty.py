"""How far float64 can be wrong: rigorous bounds for the pre-activations of a layer graph.

A pre-activation is a sum over paths of products of weights, and each product passes through at
most N roundings, whatever the order of the sums.  So the computed ẑ and the true z differ by at
most γ_N z̄, where γ_N = N u / (1 - N u), u = 2^-53, and z̄ is the same sum with all weights, biases
and inputs replaced by their absolute values; z̄ takes one run of a network with those weights.
Bits of layer l are certain where |ẑ| > γ_N z̄ there and the bits of earlier layers are.

Source: N. Higham, Accuracy and Stability of Numerical Algorithms, second edition, 2002, section 3.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from regions.layers import (
    AveragePool,
    BatchNorm,
    Concat,
    Conv,
    Dense,
    Graph,
    Mean,
    Multiply,
    Node,
    Op,
    Pad,
    Relu,
    Reshape,
    Shift,
    Sum,
    Transpose,
)
from regions.sample.evaluator import Evaluator
from regions.sample.graph_module import GraphModule

UNIT = 2.0**-53
TINY = 1e-290  # far above what underflow can add up to


class ErrorBounds:
    """Bounds for the errors of an evaluator in double precision on a CPU.

    Libraries of GPUs may choose algorithms (Winograd, FFT) that this analysis does not cover.
    """

    def __init__(self, module: GraphModule) -> None:
        graph = module.graph
        nodes = tuple(replace(node, op=_absolute(node.op)) for node in graph.nodes)
        self._module = GraphModule(Graph(graph.input_shape, nodes, graph.output)).double().eval()
        roundings = 8 + sum(_roundings(node, graph) for node in graph.nodes)
        # twice: the sums z̄ are rounded, too, and a row is found backwards
        self.gamma = 2 * roundings * UNIT / (1 - 2 * roundings * UNIT)

    @staticmethod
    def of(evaluator: Evaluator) -> ErrorBounds | None:
        """None where there are none: single precision, a GPU, other activations than ReLU."""
        module = evaluator.module
        if module is None or evaluator.device.type != "cpu" or evaluator.precision != "double":
            return None
        if not all(isinstance(node.op, KNOWN) for node in module.graph.nodes):
            return None
        return ErrorBounds(module)

    def values(self, points: Tensor, masks: list[Tensor]) -> list[Tensor]:
        """(N, units) by layer: bounds for the errors of ẑ, given the bits of N points, or of one.

        The list is as long as that of the masks.
        """
        return self._run(points.abs(), masks, constants=True)

    def rows(self, masks: list[Tensor]) -> list[Tensor]:
        """(1, units) by layer: bounds for the errors of a composed row in the 1-norm.

        They hold in the 2-norm, too, which is no greater.
        """
        ones = torch.ones(1, self._module.inputs, dtype=torch.float64)
        return self._run(ones, masks, constants=False)

    def _run(self, points: Tensor, masks: list[Tensor], *, constants: bool) -> list[Tensor]:
        found: list[Tensor] = []

        def relu(k: int, z: Tensor) -> Tensor:
            if k >= len(masks):
                return torch.zeros_like(z)
            found.append(self.gamma * z.reshape(len(z), -1) + TINY)
            return z * masks[k].reshape(-1, *z.shape[1:]).to(z.dtype)

        with torch.no_grad():
            self._module(points, relu, constants=constants)
        return found

    def certain(self, evaluator: Evaluator, points: Tensor, layers: int | None = None) -> Tensor:
        """(N,) of bool: whether all bits of a point, or those of the first layers, are certain."""
        bits: list[Tensor] = []
        sizes: list[Tensor] = []

        def see(k: int, z: Tensor) -> None:
            if layers is None or k < layers:
                bits.append(z > 0)
                sizes.append(z.abs())

        evaluator.visit(points, see)
        result = torch.ones(len(points), dtype=torch.bool)
        for size, error in zip(sizes, self.values(points, bits), strict=True):
            result &= (size > error).all(dim=1)
        return result


KNOWN = (
    AveragePool, BatchNorm, Concat, Conv, Dense, Mean, Multiply, Pad, Relu, Reshape, Shift, Sum,
    Transpose,
)  # fmt: skip


def _size(values: np.ndarray | None) -> np.ndarray | None:
    return None if values is None else np.abs(values)


def _absolute(op: Op) -> Op:
    match op:
        case Dense() | Conv():
            return replace(op, weight=np.abs(op.weight), bias=_size(op.bias))
        case BatchNorm():
            return replace(
                op, scale=np.abs(op.scale), shift=np.abs(op.shift), mean=-np.abs(op.mean)
            )
        case Multiply() | Shift():
            return replace(op, values=np.abs(op.values))
        case Sum():
            return replace(op, signs=(1,) * len(op.signs))
        case Pad():
            return replace(op, value=abs(op.value))
        case _:
            return op


def _roundings(node: Node, graph: Graph) -> int:
    """Roundings that a product passes in one operation, forwards and backwards together."""
    readers = sum(other.inputs.count(number) for number in node.inputs for other in graph.nodes)
    match node.op:
        case Dense() as op:
            inner = sum(op.weight.shape)
        case Conv() as op:
            inner = sum(op.weight.shape[:2]) * math.prod(op.weight.shape[2:])
        case AveragePool() as op:
            inner = 2 * math.prod(op.window.kernel)
        case Mean():
            inner = math.prod(
                graph.nodes[i - 1].shape if (i := node.inputs[0]) else graph.input_shape
            )
        case Sum() as op:
            inner = len(op.signs)
        case _:
            inner = 2
    return inner + readers + 4  # stored weights may be rounded; a bias is added
