"""A network and a domain in integers, for the integer engine, or why they have no short ones.

Half-spaces do not change when their forms are multiplied by positive numbers, and neither do the
patterns of a network when a unit's row is multiplied by c > 0 and its outgoing weights by 1/c.  So
each row is multiplied by the least number that makes it whole: weights that are fractions with a
small common denominator, or dyadic ones of few digits, become small integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from flint import fmpq, fmpz

from regions.counting.integer_state import Weights
from regions.frame import Frame
from regions.network import Layer, Network

MOST_BITS = 48  # of any composed weight: with longer ones, hardly a sign can be told in 64 bits


class IntegerProblem(NamedTuple):
    """A network and a domain in integers.

    Attributes
    ----------
    network
        Its rows are multiples of the network's rows, by positive numbers.
    sides
        (sides, dim + 1): the forms that are positive inside, constants last.
    bits
        No weight that is composed in any cell, and no side, has more.
    """

    network: Weights
    sides: np.ndarray
    bits: int


def in_integers(network: Network, frame: Frame, most: int = MOST_BITS) -> IntegerProblem | str:
    """A plain feed-forward network on a domain, both in the frame's coordinates; or why not.

    No number may have more than `most` bits.
    """
    dim, layers, width = frame.dim, len(network.layers), max(network.widths)
    weights = np.zeros((layers, width, width), dtype=np.int64)
    biases = np.zeros((layers, width), dtype=np.int64)
    first = np.zeros((dim + 1, width), dtype=np.int64)
    reach = np.zeros((dim, dim + 1))
    reach[:, :dim] = np.eye(dim)  # no coefficient of the layer below is larger, in any cell
    scale = [fmpq(1)] * dim
    bits = 1
    for position, layer in enumerate(network.layers):
        whole = _whole_rows(layer, scale, most)
        if whole is None:
            return f"the numbers of layer {position + 1} have more than {most} bits"
        rows, scale = whole
        size = np.abs(rows).astype(float)
        reach = size[:, :-1] @ reach
        reach[:, dim] += size[:, -1]
        longest = int(max(reach.max(initial=1.0), size.max(initial=1.0))).bit_length()
        bits = max(bits, longest)
        if bits > most:
            return (
                f"the numbers of layer {position + 1}, in terms of the input, may have "
                f"{bits} bits, and {most} is the limit"
            )
        units, below = rows.shape[0], rows.shape[1] - 1
        if position:
            weights[position - 1, :below, :units] = rows[:, :-1].T
            biases[position, :units] = rows[:, -1]
        else:
            first[:, :units] = rows.T
    sides = [_whole(row, most)[0] for row in _sides(frame)]
    if any(side is None for side in sides):
        return f"the domain's numbers have more than {most} bits"
    table = np.array(sides, dtype=np.int64).reshape(-1, dim + 1)
    bits = max(bits, int(np.abs(table).max(initial=1)).bit_length())
    return IntegerProblem(Weights(np.array(network.widths), weights, biases, first), table, bits)


def _whole_rows(
    layer: Layer, scale: Sequence[fmpq], most: int
) -> tuple[np.ndarray, list[fmpq]] | None:
    """Integer rows of a layer, constants last, if the unit u below was multiplied by scale[u].

    Also what they were multiplied by; None where a number is too long.
    """
    block = layer.weights[0][1]
    rows = np.zeros((layer.units, len(scale) + 1), dtype=np.int64)
    factors = []
    for unit in range(layer.units):
        cols, values = block.row(unit)
        row = [fmpq(0)] * (len(scale) + 1)
        for j, value in zip(cols.tolist(), values, strict=True):
            row[j] = value / scale[j]
        row[-1] = layer.bias.entry(unit, 0)
        whole, factor = _whole(row, most)
        if whole is None:
            return None
        rows[unit] = whole
        factors.append(factor)
    return rows, factors


def _whole(row: Sequence[fmpq], most: int) -> tuple[list[int] | None, fmpq]:
    """A row as coprime integers, None where one is too long, and what it was multiplied by."""
    denominator, common = fmpz(1), fmpz(0)
    for value in row:
        denominator = denominator.lcm(value.q)
    numerators = [int(value.p) * int(denominator // value.q) for value in row]
    for value in numerators:
        common = common.gcd(value)
    divisor = int(common) or 1
    if max(abs(value) for value in numerators).bit_length() - divisor.bit_length() > most:
        return None, fmpq(1)
    return [value // divisor for value in numerators], fmpq(denominator, divisor)


def _sides(frame: Frame) -> list[list[fmpq]]:
    """The forms that are positive inside the domain, constants last."""
    sides, zero = [], [fmpq(0)] * (frame.dim + 1)
    for j, (low, high) in enumerate(zip(frame.lower, frame.upper, strict=True)):
        for bound, sign in ((low, 1), (high, -1)):
            if bound is not None:
                row = zero.copy()
                row[j], row[-1] = fmpq(sign), -sign * bound
                sides.append(row)
    for index, limit in enumerate(frame.limits):
        cols, values = frame.rows.row(index)
        row = zero.copy()
        for j, value in zip(cols.tolist(), values, strict=True):
            row[j] = -value
        row[-1] = limit
        sides.append(row)
    return sides
