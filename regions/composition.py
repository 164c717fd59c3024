"""Pre-activations as affine functions of the input, where all earlier bits are known.

Inside a cell whose bits of layers 1..l-1 are fixed, unit h of layer l is an affine function
z_h(x) = a·x + c of the input.  `float_rows` computes many of these rows at once, in float64, with a
bound on the error of every coefficient; `exact_row` computes one of them exactly.  Both push the
rows of layer l down through the network, which never forms a map of a whole layer and keeps
convolutions sparse.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from flint import fmpq, fmpz, fmpz_mat

from regions.network import Layer, Network
from solvers.exact_matrix import ExactMatrix
from solvers.float_rows import FloatRows, gamma

Matrix = np.ndarray | sp.csr_array
IntegerRow = tuple[dict[int, fmpz], fmpz]  # non-zero numerators by column, one denominator


def float_rows(
    network: Network, bits: Sequence[np.ndarray], position: int, units: np.ndarray
) -> FloatRows:
    """Rows `units` of layer `position` (from 1; one past the last is the output).

    The error bound is the classical one for chained inner products in any order of summation,
    γ_K · |W_l| D |W_{l-1}| D … with K the number of roundings on the longest chain, plus a term
    for underflow where that can happen at all.
    """
    layer = _layer(network, position)
    value: dict[int, Matrix] = {}
    size: dict[int, Matrix] = {}
    double = layer.bias.is_double
    for source, block in layer.weights:
        value[source] = block.approx[units]
        size[source] = block.magnitude[units]
        double &= block.is_double
    c = np.array(layer.bias.approx[units, 0], dtype=np.float64)
    c_size = np.abs(c)
    roundings = 0 if double else 2
    for source in range(position - 1, 0, -1):
        if source not in value:
            continue
        on = bits[source - 1] == 1
        row, magnitude = _masked(value.pop(source), on), _masked(size.pop(source), on)
        below = network.layers[source - 1]
        roundings += below.units + position + 3
        c = c + row @ below.bias.approx[:, 0]
        c_size = c_size + magnitude @ below.bias.magnitude[:, 0]
        for target, block in below.weights:
            _accumulate(value, target, row @ block.approx)
            _accumulate(size, target, magnitude @ block.magnitude)
    zero = np.zeros((len(units), network.inputs))
    a, a_size = _dense(value.get(0, zero)), _dense(size.get(0, zero))
    relative = gamma(roundings)
    floor = 0.0 if roundings == 0 else network.underflow
    a_size *= relative
    a_size += floor
    return FloatRows(a, c, a_size, relative * c_size + floor)


def _masked(rows: Matrix, on: np.ndarray) -> Matrix:
    """The columns where `on` holds; the others zero.  Rows of convolutions stay sparse."""
    if isinstance(rows, np.ndarray):
        return rows * on
    return sp.csr_array((rows.data * on[rows.indices], rows.indices, rows.indptr), rows.shape)


def _accumulate(parts: dict[int, Matrix], target: int, term: Matrix) -> None:
    if target not in parts:
        parts[target] = term
    elif isinstance(term, np.ndarray) or isinstance(parts[target], np.ndarray):
        parts[target] = _dense(parts[target]) + _dense(term)
    else:
        parts[target] = parts[target] + term


def _dense(rows: Matrix) -> np.ndarray:
    return np.array(rows) if isinstance(rows, np.ndarray) else rows.toarray()


def exact_row(
    network: Network, bits: Sequence[np.ndarray], position: int, unit: int
) -> tuple[list[fmpq], fmpq]:
    """Coefficients and constant of one row, exactly (see `float_rows`)."""
    layer = _layer(network, position)
    rows = {source: _integer_row(block, unit) for source, block in layer.weights}
    bias, scale = layer.bias.integers
    constant = fmpq(bias[unit, 0], scale)
    for source in range(position - 1, 0, -1):
        if source not in rows:
            continue
        numerators, den = rows.pop(source)
        on = bits[source - 1]
        masked = {index: n for index, n in numerators.items() if on[index] == 1}
        below = network.layers[source - 1]
        bias, scale = below.bias.integers
        total = sum((n * bias[index, 0] for index, n in masked.items()), fmpz(0))
        constant += fmpq(total, den * scale)
        for target, block in below.weights:
            term = (block.left_integers(masked), den * block.integers[1])
            rows[target] = _add(rows[target], term) if target in rows else term
    result = [fmpq(0)] * network.inputs
    numerators, den = rows.get(0, ({}, fmpz(1)))
    for index, n in numerators.items():
        result[index] = fmpq(n, den)
    return result, constant


def exact_layers(
    network: Network, bits: Sequence[np.ndarray]
) -> list[list[tuple[list[fmpq], fmpq]]]:
    """The rows of all units of all layers, exactly: as `exact_row`, by layer.

    It composes upwards, with matrices of integers: for all rows of dense layers, over few inputs,
    that takes far less time than one row after the other.
    """
    size = network.inputs + 1  # coefficients, then the constant
    identity = [int(i == j) for i in range(network.inputs) for j in range(size)]
    values: list[tuple[fmpz_mat, fmpz]] = [(fmpz_mat(network.inputs, size, identity), fmpz(1))]
    result = []
    for layer, on in zip(network.layers, bits, strict=True):
        bias, scale = layer.bias.integers
        constants = fmpz_mat(
            layer.units, size, [n for b in bias[:, 0].tolist() for n in (*[0] * (size - 1), b)]
        )
        parts = [(constants, fmpz(scale))]
        for source, block in layer.weights:
            matrix, den = values[source]
            whole, scale = block.to_dense().integers
            weights = fmpz_mat(*block.shape, whole.reshape(-1).tolist())
            parts.append((weights * matrix, den * scale))
        common = fmpz(1)
        for _, den in parts:
            common = common.lcm(den)
        total = fmpz_mat(layer.units, size)
        for matrix, den in parts:
            total += matrix * (common // den)
        table = total.tolist()
        forms = [[fmpq(n, common) for n in row] for row in table]
        result.append([(form[:-1], form[-1]) for form in forms])
        none = [fmpz(0)] * size
        kept = [
            n for row, bit in zip(table, on.tolist(), strict=True) for n in (row if bit else none)
        ]
        values.append((fmpz_mat(layer.units, size, kept), common))
    return result


def _layer(network: Network, position: int) -> Layer:
    return network.layers[position - 1] if position <= len(network.layers) else network.output


def _integer_row(block: ExactMatrix, unit: int) -> IntegerRow:
    data, scale = block.integers
    if isinstance(block.approx, np.ndarray):
        entries = enumerate(data[unit])
    else:
        start, stop = block.approx.indptr[unit : unit + 2]
        entries = zip(block.approx.indices[start:stop].tolist(), data[start:stop], strict=True)
    return {j: fmpz(n) for j, n in entries if n}, fmpz(scale)


def _add(first: IntegerRow, second: IntegerRow) -> IntegerRow:
    (a, p), (b, q) = first, second
    common = p.lcm(q)
    k, m = common // p, common // q
    result = {j: x * k for j, x in a.items()}
    for j, y in b.items():
        result[j] = result.get(j, fmpz(0)) + y * m
    return {j: x for j, x in result.items() if x}, common
