"""`Shape`: the network and its box as the compiled engines read them, with what bounds rounding."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from flint import fmpq

from regions.network import Layer, Network
from solvers.exact_matrix import ExactMatrix
from solvers.float_rows import TINY, gamma

TOLERATED = 1e-5  # relative error of a vertex beyond which it is computed afresh at once


class Shape(NamedTuple):
    """Widths, weights and error bounds, padded to the widest layer; the box of the domain."""

    widths: np.ndarray  # (layers,)
    weights: np.ndarray  # (layers, width, width): weights[l, u, h] from unit u of layer l to h
    biases: np.ndarray  # (layers, width)
    unbiased: np.ndarray  # (layers, words): units whose bias is exactly zero
    same: np.ndarray  # (layers, width, words): units whose forms are a unit's own times c > 0
    opposite: np.ndarray  # (layers, width, words): the same with c < 0
    leader: np.ndarray  # (layers, width): the first unit on the same hyperplane
    flipped: np.ndarray  # (layers, width): 1 where a unit's form is its leader's times c < 0
    relative: np.ndarray  # (layers,): γ of the sums that make a row from the rows below
    absolute: np.ndarray  # (layers,): what underflow may add to a value
    norm_error: np.ndarray  # (layers, width): of the 1-norm of a row, whatever the pattern
    evaluation: float  # γ of evaluating a form at a point
    size: np.ndarray  # (dim,) largest absolute value of each coordinate
    reach: float  # largest absolute coordinate
    tolerated: float  # errors of vertices beyond this are worth a linear solve
    low: np.ndarray  # (dim,) bounds of the box, rounded outwards
    high: np.ndarray
    rounded: float  # by how much
    facets: int  # that a cell may have


def shape_of(network: Network, low: np.ndarray, high: np.ndarray) -> Shape:
    """The shape of a plain feed-forward network on the box [low, high].

    With B_1 = |W_1| and B_{l+1} = |W_{l+1}| B_l, no coefficient of layer l exceeds B_l in any
    cell, and a sum of products with K roundings on its longest chain errs by γ_K times the sum of
    absolute values: that bounds the 1-norms.  The errors of values are kept cell by cell.
    """
    widths = np.array(network.widths)
    layers, width, dim = len(widths), int(widths.max()), len(low)
    weights = np.zeros((layers, width, width))
    biases, norm_error = np.zeros((layers, width)), np.zeros((layers, width))
    unbiased = np.zeros((layers, width), dtype=bool)
    same = np.zeros((layers, width, width), dtype=bool)
    opposite = np.zeros((layers, width, width), dtype=bool)
    relative = np.zeros(layers)
    size = np.maximum(np.abs(low), np.abs(high)) * (1 + 2.0**-30)
    bound = np.eye(dim)
    roundings = 0
    for index, layer in enumerate(network.layers):
        block = layer.weights[0][1].approx
        dense = np.asarray(block if isinstance(block, np.ndarray) else block.toarray())
        count, below = dense.shape
        biases[index, :count] = np.asarray(layer.bias.approx)[:, 0]
        if not layer.weights[0][1].has_tiny:  # then a weight is zero where its double is
            unbiased[index, :count] = (biases[index, :count] == 0) & ~_tiny(layer.bias)
        _relate(layer, dense, same[index], opposite[index])
        if index:
            weights[index - 1, :below, :count] = dense.T
        relative[index] = gamma(below + 6)
        roundings += below + 6
        bound = np.abs(dense) @ bound
        norm_error[index, :count] = 1.01 * gamma(roundings) * bound.sum(axis=1) + network.underflow
    reach = float(size.max(initial=0.0))
    absolute = np.full(layers, network.underflow * (1 + size.sum()) + TINY)
    leader = (same | opposite).argmax(axis=2)
    flipped = np.take_along_axis(opposite, leader[:, :, None], axis=2)[:, :, 0]
    return Shape(
        widths, weights, biases, _words(unbiased), _words(same), _words(opposite),
        leader, flipped.astype(np.int64), relative, absolute, norm_error, gamma(dim + 4), size,
        reach, TOLERATED * reach, low, high, 0.0, 64,
    )  # fmt: skip


def _words(sets: np.ndarray) -> np.ndarray:
    """Booleans (…, width) as 64-bit words."""
    width = sets.shape[-1]
    padded = np.zeros((*sets.shape[:-1], (width + 63) // 64 * 64), dtype=bool)
    padded[..., :width] = sets
    return np.packbits(padded, axis=-1, bitorder="little").view(np.uint64)


def _relate(layer: Layer, dense: np.ndarray, same: np.ndarray, opposite: np.ndarray) -> None:
    """Mark the units whose weights and bias are multiples of each other's, exactly."""
    rows = np.hstack([dense, np.asarray(layer.bias.approx)])
    np.fill_diagonal(same[: len(rows), : len(rows)], True)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        lead = np.abs(rows).argmax(axis=1)
        keys = np.round(rows / rows[np.arange(len(rows)), lead][:, None], 9) + 0.0
        probe = np.sort(keys @ np.cos(np.arange(1, keys.shape[1] + 1)))
        if (np.diff(probe) > 1e-8 * keys.shape[1]).all():  # no two are alike
            return
    groups: dict[bytes, list[int]] = {}
    for unit, key in enumerate(keys):
        if np.isfinite(key).all():
            groups.setdefault(key.tobytes(), []).append(unit)
    for first, *others in groups.values():
        if not others:
            continue
        form, signs = _exact(layer, first), {first: 1}
        lead = next((j for j, a in enumerate(form) if a), len(form))
        for other in others if lead < len(form) else ():
            its = _exact(layer, other)
            factor = its[lead] / form[lead]
            if factor and all(a * factor == b for a, b in zip(form, its, strict=True)):
                signs[other] = 1 if factor > 0 else -1
        for unit, sign in signs.items():
            for other, its_sign in signs.items():
                (same if sign == its_sign else opposite)[unit, other] = True


def _exact(layer: Layer, unit: int) -> list[fmpq]:
    """The weights and the bias of a unit, exactly."""
    block = layer.weights[0][1]
    form = [fmpq(0)] * (block.shape[1] + 1)
    for j, value in zip(*block.row(unit), strict=True):
        form[j] = value
    form[-1] = layer.bias.entry(unit, 0)
    return form


def _tiny(bias: ExactMatrix) -> np.ndarray:
    """Which entries of a column are not zero though their double is."""
    if not bias.has_tiny:
        return np.zeros(bias.shape[0], dtype=bool)
    return np.array([bool(len(bias.row(i)[0])) for i in range(bias.shape[0])])


def first_rows(network: Network) -> np.ndarray:
    """(width, dim + 1) forms of the first layer, its constants last."""
    layer = network.layers[0]
    block = layer.weights[0][1].approx
    dense = np.asarray(block if isinstance(block, np.ndarray) else block.toarray())
    return np.hstack([dense, np.asarray(layer.bias.approx)])
