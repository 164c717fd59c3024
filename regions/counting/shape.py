"""`Shape`: the network and its box as the compiled engines read them, with what bounds rounding."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regions.network import Network
from solvers.exact_matrix import ExactMatrix
from solvers.float_rows import TINY, gamma

TOLERATED = 1e-5  # relative error of a vertex beyond which it is computed afresh at once


class Shape(NamedTuple):
    """Widths, weights and error bounds, padded to the widest layer; the box of the domain."""

    widths: np.ndarray  # (layers,)
    weights: np.ndarray  # (layers, width, width): weights[l, u, h] from unit u of layer l to h
    biases: np.ndarray  # (layers, width)
    unbiased: np.ndarray  # (layers, width): whether the bias is exactly zero
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
    unbiased = np.zeros((layers, width), dtype=np.bool_)
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
        if index:
            weights[index - 1, :below, :count] = dense.T
        relative[index] = gamma(below + 6)
        roundings += below + 6
        bound = np.abs(dense) @ bound
        norm_error[index, :count] = 1.01 * gamma(roundings) * bound.sum(axis=1) + network.underflow
    reach = float(size.max(initial=0.0))
    absolute = np.full(layers, network.underflow * (1 + size.sum()) + TINY)
    return Shape(
        widths, weights, biases, unbiased, relative, absolute, norm_error, gamma(dim + 4), size,
        reach, TOLERATED * reach, low, high, 0.0,
    )  # fmt: skip


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
