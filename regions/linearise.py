"""Affine layers as exact matrices: dense, convolution, batch norm, mean pooling and so on.

Each function takes an operation and the `AffineTensor`s it reads, and returns the result
(meanings §2.1).  Matrices of convolutions and pools are built sparse, from index arrays.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from flint import fmpq, fmpz

from regions.affine_tensor import AffineTensor
from regions.layers import (
    AveragePool,
    BatchNorm,
    Concat,
    Conv,
    Dense,
    Mean,
    Multiply,
    Op,
    Pad,
    Reshape,
    Shape,
    Shift,
    Sum,
    Transpose,
)
from regions.windows import Window
from solvers.exact_matrix import ExactMatrix
from solvers.rational import nearest, rational, rationals

Folder = Callable[[Op, Sequence[AffineTensor], Shape], AffineTensor]

_SQRT_BITS = 160  # far beyond 53 bits, so that the sticky bit below decides every tie


def numbers(shape: Shape) -> np.ndarray:
    """0, 1, … in C order under this shape."""
    return np.arange(math.prod(shape)).reshape(shape)


def inverse_root(value: fmpq) -> float:
    """The double nearest to 1/√value, for value > 0.

    1/√(p/q) = √(q/p); ⌊√(q/p)·2^k⌋ is found in integers, with one more bit that says whether the
    root was cut off, and the result is rounded once.

    Examples
    --------
    >>> inverse_root(rational("0.25")), inverse_root(rational(2)) == 0.5**0.5
    (2.0, True)
    """
    numerator, denominator = int(value.q), int(value.p)
    bits = max(0, _SQRT_BITS - (numerator.bit_length() - denominator.bit_length()) // 2)
    scaled, rest = divmod(numerator << (2 * bits), denominator)
    root = math.isqrt(scaled)
    sticky = int(root * root != scaled or rest != 0)
    return nearest(fmpq(2 * root + sticky, fmpz(1) << (bits + 1)))


def fold(op: Op, tensors: Sequence[AffineTensor], shape: Shape) -> AffineTensor | None:
    """Apply an affine layer exactly; None if `op` is not affine."""
    folder = _FOLDERS.get(type(op))
    return None if folder is None else folder(op, tensors, shape)


def _dense(op: Dense, tensors: Sequence[AffineTensor], shape: Shape) -> AffineTensor:
    (x,) = tensors
    axis = op.axis % len(x.shape)
    outer, inner = math.prod(x.shape[:axis]), math.prod(x.shape[axis + 1 :])
    out, into = op.weight.shape
    bias = op.bias
    shift = None
    if bias is not None:
        spread = np.broadcast_to(bias[None, :, None], (outer, out, inner))
        shift = ExactMatrix.column(spread.reshape(-1))
    if outer == inner == 1:
        return x.apply(_matrix(op.weight), shift, shape)
    # entry (o, i, k) of the result reads (o, j, k) of x with weight (i, j)
    rows = numbers((outer, out, 1, inner)) + np.zeros((1, 1, into, 1), dtype=np.int64)
    cols = numbers((outer, 1, into, inner)) + np.zeros((1, out, 1, 1), dtype=np.int64)
    values = np.broadcast_to(op.weight[None, :, :, None], rows.shape)
    size = (outer * out * inner, outer * into * inner)
    return x.apply(_from_tables(rows, cols, values, size), shift, shape)


def _conv(op: Conv, tensors: Sequence[AffineTensor], shape: Shape) -> AffineTensor:
    (x,) = tensors
    batch, channels, *spatial = x.shape
    index, _ = op.window.positions(tuple(spatial))  # (places, taps)
    places, taps = index.shape
    area = math.prod(spatial)
    filters, depth = op.weight.shape[:2]
    per_group = filters // op.groups
    first_channel = (np.arange(filters) // per_group) * depth
    # axes of the tables: filter, place, channel within the group, tap
    channel = first_channel[:, None, None, None] + np.arange(depth)[None, None, :, None]
    cols = channel * area + index[None, :, None, :]
    rows = np.broadcast_to(numbers((filters, places))[:, :, None, None], cols.shape)
    values = np.broadcast_to(op.weight.reshape(filters, 1, depth, taps), cols.shape)
    inside = np.broadcast_to(index[None, :, None, :] >= 0, cols.shape)
    rows, cols, values = rows[inside], cols[inside], values[inside]
    if batch > 1:
        step = np.arange(batch)[:, None]
        rows = (rows + step * filters * places).reshape(-1)
        cols = (cols + step * channels * area).reshape(-1)
        values = np.tile(values, batch)
    size = (batch * filters * places, batch * channels * area)
    shift = None
    if op.bias is not None:
        shift = ExactMatrix.column(np.tile(np.repeat(op.bias, places), batch))
    return x.apply(_from_tables(rows, cols, values, size), shift, shape)


def _batch_norm(op: BatchNorm, tensors: Sequence[AffineTensor], shape: Shape) -> AffineTensor:
    epsilon = rational(op.epsilon)
    factors, shifts = [], []
    for scale, shift, mean, variance in zip(
        *(rationals(a) for a in (op.scale, op.shift, op.mean, op.variance)), strict=True
    ):
        factor = scale * rational(inverse_root(variance + epsilon))
        factors.append(factor)
        shifts.append(shift - mean * factor)
    channel = np.broadcast_to(
        np.arange(shape[1]).reshape(-1, *(1,) * (len(shape) - 2)), shape
    ).reshape(-1)
    scaled = tensors[0].scale(_objects(factors)[channel])
    return scaled.shift(ExactMatrix.column(_objects(shifts)[channel]))


def _multiply(op: Multiply, tensors: Sequence[AffineTensor], shape: Shape) -> AffineTensor:
    values = op.values
    if op.divide:
        values = _objects([1 / q for q in rationals(values).reshape(-1)]).reshape(values.shape)
    return _spread(tensors[0], shape).scale(np.broadcast_to(values, shape).reshape(-1))


def _shift(op: Shift, tensors: Sequence[AffineTensor], shape: Shape) -> AffineTensor:
    values = np.broadcast_to(op.values, shape).reshape(-1)
    return _spread(tensors[0], shape).shift(ExactMatrix.column(values))


def _sum(op: Sum, tensors: Sequence[AffineTensor], shape: Shape) -> AffineTensor:
    terms = [
        _spread(x, shape) if sign > 0 else -_spread(x, shape)
        for x, sign in zip(tensors, op.signs, strict=True)
    ]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def window_index(window: Window, shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """`Window.positions` over (N, C, *spatial): flat indices, and which taps count."""
    batch, channels, *spatial = shape
    index, counted = window.positions(tuple(spatial))
    offset = np.arange(batch * channels)[:, None, None] * math.prod(spatial)
    table = np.where(index >= 0, index + offset, -1).reshape(-1, index.shape[1])
    return table, np.tile(counted, (batch * channels, 1))


def _average_pool(op: AveragePool, tensors: Sequence[AffineTensor], shape: Shape) -> AffineTensor:
    index, counted = window_index(op.window, tensors[0].shape)
    inside = index >= 0
    taps = (counted if op.count_padding else inside).sum(axis=1)
    divisors = np.full(len(index), op.divisor) if op.divisor is not None else taps
    return _mean_rows(tensors[0], index, divisors, shape)


def _mean(op: Mean, tensors: Sequence[AffineTensor], shape: Shape) -> AffineTensor:
    (x,) = tensors
    kept = [axis for axis in range(len(x.shape)) if axis not in op.axes]
    table = numbers(x.shape).transpose(*kept, *op.axes)
    index = table.reshape(math.prod(x.shape[axis] for axis in kept), -1)
    return _mean_rows(x, index, np.full(len(index), index.shape[1]), shape)


def _mean_rows(
    x: AffineTensor, index: np.ndarray, divisors: np.ndarray, shape: Shape
) -> AffineTensor:
    rows, taps = np.nonzero(index >= 0)
    shares = {int(k): 1 / fmpq(int(k)) for k in np.unique(divisors[rows])}
    values = _objects([shares[k] for k in divisors[rows].tolist()])
    size = (len(index), math.prod(x.shape))
    return x.apply(ExactMatrix.from_entries(rows, index[rows, taps], values, size), None, shape)


def _pad(op: Pad, tensors: Sequence[AffineTensor], shape: Shape) -> AffineTensor:
    (x,) = tensors
    axes = len(shape)
    index = numbers(x.shape)
    for axis, (begin, end) in enumerate(zip(op.pads[:axes], op.pads[axes:], strict=True)):
        length = index.shape[axis]
        place = np.arange(-begin, length + end)
        inside = (place >= 0) & (place < length)
        index = np.take(index, np.where(inside, place, 0), axis=axis)
        index = np.where(inside.reshape(-1, *(1,) * (axes - axis - 1)), index, -1)
    padded = x.take(index, shape)
    if op.value == 0:
        return padded
    return padded.shift(ExactMatrix.column(np.where(index.reshape(-1) < 0, op.value, 0.0)))


def _reshape(op: Reshape, tensors: Sequence[AffineTensor], shape: Shape) -> AffineTensor:
    return tensors[0].reshape(shape)


def _transpose(op: Transpose, tensors: Sequence[AffineTensor], shape: Shape) -> AffineTensor:
    return tensors[0].take(numbers(tensors[0].shape).transpose(op.order), shape)


def _concat(op: Concat, tensors: Sequence[AffineTensor], shape: Shape) -> AffineTensor:
    start, tables = 0, []
    for x in tensors:
        tables.append(numbers(x.shape) + start)
        start += math.prod(x.shape)
    where = np.concatenate(tables, axis=op.axis).reshape(-1)  # result entry -> stacked entry
    start, total = 0, None
    for x in tensors:
        size = math.prod(x.shape)
        index = np.where((where >= start) & (where < start + size), where - start, -1)
        part = x.take(index, shape)
        total = part if total is None else total + part
        start += size
    assert total is not None  # Concat.output_shape has seen at least one tensor
    return total


def _spread(x: AffineTensor, shape: Shape) -> AffineTensor:
    if x.shape == shape:
        return x
    return x.take(np.broadcast_to(numbers(x.shape), shape), shape)


def _matrix(values: np.ndarray) -> ExactMatrix:
    if values.dtype == object:
        return ExactMatrix.from_rationals(values)
    return ExactMatrix.from_floats(values)


def _from_tables(
    rows: np.ndarray, cols: np.ndarray, values: np.ndarray, size: tuple[int, int]
) -> ExactMatrix:
    return ExactMatrix.from_entries(rows.reshape(-1), cols.reshape(-1), values.reshape(-1), size)


def _objects(values: Sequence[fmpq]) -> np.ndarray:
    result = np.empty(len(values), dtype=object)
    result[:] = values
    return result


_FOLDERS: Mapping[type[Op], Folder] = {
    Dense: _dense,
    Conv: _conv,
    BatchNorm: _batch_norm,
    Multiply: _multiply,
    Shift: _shift,
    Sum: _sum,
    AveragePool: _average_pool,
    Mean: _mean,
    Pad: _pad,
    Reshape: _reshape,
    Transpose: _transpose,
    Concat: _concat,
}  # type: ignore[assignment]
