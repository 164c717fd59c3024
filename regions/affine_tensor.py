"""`AffineTensor`: a tensor as an exact affine function of the input and of earlier ReLU outputs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from regions.layers import Shape
from solvers.exact_matrix import ExactMatrix


@dataclass(frozen=True, eq=False)
class AffineTensor:
    """t = Σ_s blocks[s] y_s + bias, where y_0 is the input and y_k the outputs of ReLU layer k.

    Attributes
    ----------
    shape
        Shape of the tensor; its n entries are the rows, in C order.
    blocks
        Source -> (n, units of the source); absent sources have zero blocks.
    bias
        (n, 1).

    Examples
    --------
    >>> x = AffineTensor.identity(0, (2,))
    >>> (x + x).blocks[0].entry(1, 1)
    2
    """

    shape: Shape
    blocks: Mapping[int, ExactMatrix]
    bias: ExactMatrix

    @staticmethod
    def identity(source: int, shape: Shape) -> AffineTensor:
        """The source itself."""
        size = math.prod(shape)
        bias = ExactMatrix.column(np.zeros(size))
        return AffineTensor(shape, {source: ExactMatrix.identity(size)}, bias)

    def apply(self, matrix: ExactMatrix, shift: ExactMatrix | None, shape: Shape) -> AffineTensor:
        """M · t + shift, under another shape."""
        blocks = {source: matrix @ block for source, block in self.blocks.items()}
        bias = matrix @ self.bias
        return AffineTensor(shape, blocks, bias if shift is None else bias + shift)

    def take(self, index: np.ndarray, shape: Shape) -> AffineTensor:
        """Entries picked by flat index, -1 giving zero, under another shape."""
        flat = index.reshape(-1)
        if len(flat) == self.bias.shape[0] and np.array_equal(flat, np.arange(len(flat))):
            return AffineTensor(shape, self.blocks, self.bias)
        rows = np.flatnonzero(flat >= 0)
        if len(rows) == len(flat):
            blocks = {source: block.take_rows(flat) for source, block in self.blocks.items()}
            return AffineTensor(shape, blocks, self.bias.take_rows(flat))
        size = (len(flat), self.bias.shape[0])
        pick = ExactMatrix.from_entries(rows, flat[rows], np.ones(len(rows)), size)
        return self.apply(pick, None, shape)

    def reshape(self, shape: Shape) -> AffineTensor:
        """The same entries under another shape."""
        return AffineTensor(shape, self.blocks, self.bias)

    def scale(self, factors: np.ndarray) -> AffineTensor:
        """Entry i times factors[i]; floats or `fmpq`."""
        if factors.dtype != object and np.all(factors == 1):
            return self
        size = len(factors)
        place = np.arange(size)
        diagonal = ExactMatrix.from_entries(place, place, factors, (size, size))
        return self.apply(diagonal, None, self.shape)

    def shift(self, values: ExactMatrix) -> AffineTensor:
        """Entry i plus values[i, 0]."""
        return AffineTensor(self.shape, self.blocks, self.bias + values)

    def __add__(self, other: AffineTensor) -> AffineTensor:
        blocks = dict(self.blocks)
        for source, block in other.blocks.items():
            blocks[source] = blocks[source] + block if source in blocks else block
        return AffineTensor(self.shape, blocks, self.bias + other.bias)

    def __neg__(self) -> AffineTensor:
        blocks = {source: -block for source, block in self.blocks.items()}
        return AffineTensor(self.shape, blocks, -self.bias)

    def __sub__(self, other: AffineTensor) -> AffineTensor:
        return self + -other

    @property
    def weights(self) -> tuple[tuple[int, ExactMatrix], ...]:
        """Non-zero blocks, by source."""
        return tuple((s, block) for s, block in sorted(self.blocks.items()) if block.nnz)
