"""The rows of many cells at once: every pre-activation as an affine function of the input.

In few dimensions it is cheapest to carry the dim + 1 coefficients of every unit up through the
layers, for all cells in one matrix product; `composition.float_rows`, which works downwards, is for
one cell in many dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from flint import fmpq, fmpz

from regions.network import ExactVector, Layer, Network
from solvers.exact_matrix import ExactMatrix
from solvers.float_rows import TINY, gamma


@dataclass(frozen=True, eq=False)
class Forms:
    """Affine forms a·u + c of several cells, with bounds on the errors of the coefficients.

    `value` and `error` have shape (cells, forms, dim + 1); the last entry is the constant.
    """

    value: np.ndarray
    error: np.ndarray

    def signed(self, signs: np.ndarray) -> Forms:
        """Each form times its sign, 1 or -1, of shape (cells, forms)."""
        return Forms(self.value * signs[:, :, None], self.error)

    def split(self, count: int) -> tuple[Forms, Forms]:
        """The first so many forms of every cell, and the others."""
        return (
            Forms(self.value[:, :count], self.error[:, :count]),
            Forms(self.value[:, count:], self.error[:, count:]),
        )


def forms(network: Network, bits: np.ndarray) -> Forms:
    """Every pre-activation and every output on cells with these bits (cells, units).

    The forms are those of all units in the network's order, then those of the outputs.  The error
    bound is that of chained inner products in any order, γ_K · |W_l| D |W_{l-1}| D … |W_1|, where
    K is the number of roundings on the longest chain, and two more for a weight that is no double.
    """
    cells, size = len(bits), network.inputs + 1
    identity = np.repeat(np.eye(network.inputs, size)[:, None, :], cells, axis=1)
    values, sizes, roundings = [identity], [identity], [0]
    found: list[tuple[np.ndarray, np.ndarray]] = []
    place = 0
    for layer in (*network.layers, network.output):
        value = np.zeros((layer.units, cells, size))
        magnitude = np.zeros((layer.units, cells, size))
        value[:, :, -1] = np.asarray(layer.bias.approx)
        magnitude[:, :, -1] = np.asarray(layer.bias.magnitude)
        longest = 0
        for source, block in layer.weights:
            value += _times(block.approx, values[source])
            magnitude += _times(block.magnitude, sizes[source])
            longest = max(longest, roundings[source] + block.shape[1])
        longest += len(layer.weights) + 4
        floor = network.underflow if found else 0.0
        error = gamma(2 * longest) * magnitude + floor  # twice: the magnitudes are rounded too
        found.append((value, error))
        on = bits[:, place : place + layer.units].T[:, :, None]
        place += layer.units
        roundings.append(longest)
        if place <= network.relus and layer is not network.output:
            values.append(value * on)
            sizes.append(magnitude * on)
    stack = [np.concatenate(parts).transpose(1, 0, 2) for parts in zip(*found, strict=True)]
    return Forms(np.ascontiguousarray(stack[0]), np.ascontiguousarray(stack[1]))


def _times(block: object, values: np.ndarray) -> np.ndarray:
    """A layer's weights times (width, cells, dim + 1)."""
    flat = values.reshape(len(values), -1)
    return np.asarray(block @ flat).reshape(-1, *values.shape[1:])  # type: ignore[operator]


def constraint_forms(rows: Sequence[tuple[Sequence[fmpq], fmpq]]) -> Forms:
    """The forms g - G·u of a domain G·u <= g, as of one cell."""
    table = np.array([[*(-a for a in row), limit] for row, limit in rows], dtype=object)
    matrix = ExactMatrix.from_rationals(table)
    value = np.asarray(matrix.approx)
    error = np.zeros_like(value) if matrix.is_double else np.abs(value) * gamma(2) + TINY
    return Forms(value[None], error[None])


def exact_forms(network: Network, bits: Sequence[int]) -> list[tuple[fmpq, ...]]:
    """The same for one cell, exactly: the coefficients of every unit and output, constant last."""
    columns = [_exact_column(network, bits, k) for k in range(network.inputs)]
    columns.append(_exact_column(network, bits, None))
    return list(zip(*columns, strict=True))


def _exact_column(network: Network, bits: Sequence[int], axis: int | None) -> list[fmpq]:
    """One coefficient of all forms: of coordinate `axis`, or the constants."""
    zero = fmpz(0)
    values: list[ExactVector] = [
        ([fmpz(int(k == axis)) for k in range(network.inputs)], fmpz(1)),
    ]
    result: list[fmpq] = []
    place = 0
    for layer in (*network.layers, network.output):
        numerators, scale = _exact_layer(layer, values, axis is None)
        result += [fmpq(n, scale) for n in numerators]
        if layer is network.output:
            break
        on = bits[place : place + layer.units]
        place += layer.units
        values.append(([n if bit else zero for n, bit in zip(numerators, on, strict=True)], scale))
    return result


def _exact_layer(layer: Layer, values: Sequence[ExactVector], constants: bool) -> ExactVector:
    terms: list[ExactVector] = []
    if constants:
        bias, scale = layer.bias.integers
        terms.append(([fmpz(b) for b in bias.reshape(-1).tolist()], fmpz(scale)))
    for source, block in layer.weights:
        numerators, below = values[source]
        terms.append((block.right_integers(numerators), below * block.integers[1]))
    if not terms:
        return [fmpz(0)] * layer.units, fmpz(1)
    common = fmpz(1)
    for _, den in terms:
        common = common.lcm(den)
    factors = [common // den for _, den in terms]
    columns = zip(*(numerators for numerators, _ in terms), strict=True)
    return [sum((n * k for n, k in zip(c, factors, strict=True)), fmpz(0)) for c in columns], common


def gradient_norms(network: Network, bits: np.ndarray) -> np.ndarray:
    """The spectral norm of the Jacobian of the outputs on each cell, in floats: (cells,)."""
    result = np.empty(len(bits))
    widest = max(network.inputs, *network.widths, 1)
    step = max(1, (1 << 23) // (widest * network.outputs))
    for start in range(0, len(bits), step):
        part = bits[start : start + step]
        jacobian = _jacobians(network, part)
        gram = jacobian @ jacobian.transpose(0, 2, 1)
        result[start : start + step] = np.sqrt(np.maximum(np.linalg.eigvalsh(gram)[:, -1], 0.0))
    return result


def _jacobians(network: Network, bits: np.ndarray) -> np.ndarray:
    """(cells, outputs, inputs): pushed down from the outputs."""
    cells, outputs = len(bits), network.outputs
    ends = np.cumsum([0, *network.widths])
    grads: dict[int, np.ndarray] = {}

    def push(layer: Layer, gradient: np.ndarray) -> None:
        for source, block in layer.weights:
            flat = gradient.reshape(-1, layer.units)
            term = np.asarray(flat @ block.approx).reshape(cells, outputs, -1)
            grads[source] = grads[source] + term if source in grads else term

    push(network.output, np.repeat(np.eye(outputs)[None], cells, axis=0))
    for position in range(len(network.layers), 0, -1):
        if position in grads:
            on = bits[:, None, ends[position - 1] : ends[position]]
            push(network.layers[position - 1], grads.pop(position) * on)
    return grads.get(0, np.zeros((cells, outputs, network.inputs)))
