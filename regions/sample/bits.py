"""Bits of many points, packed on the device that made them, and distances between them.

The bits of a layer fill 64-bit words, the first unit in the highest place of the first byte, as in
`Pattern`; the last word is padded with zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import torch
from torch import Tensor

from regions.pattern import Pattern
from regions.sample.device import small_integers

_PLACES = (128, 64, 32, 16, 8, 4, 2, 1)


def pack(bits: Tensor) -> Tensor:
    """(N, units) of bool to (N, bytes) of uint8, the bytes a multiple of eight.

    >>> pack(torch.tensor([[True, False, True]])).tolist()
    [[160, 0, 0, 0, 0, 0, 0, 0]]
    """
    count, units = bits.shape
    padded = torch.nn.functional.pad(bits, (0, -units % 64))
    places = torch.tensor(_PLACES, dtype=torch.uint8, device=bits.device)
    eights = padded.reshape(count, -1, 8).to(torch.uint8)
    return (eights * places).sum(-1, dtype=torch.uint8)


def unpack(packed: Tensor, units: int, dtype: torch.dtype = torch.bool) -> Tensor:
    """The inverse: (N, bytes) to (N, units).

    >>> unpack(pack(torch.tensor([[True, False, True]])), 3).tolist()
    [[True, False, True]]
    """
    places = torch.tensor(_PLACES, dtype=torch.uint8, device=packed.device)
    bits = (packed[:, :, None] & places) != 0
    return bits.reshape(len(packed), -1)[:, :units].to(dtype)


@dataclass(frozen=True, eq=False)
class Patterns:
    """The bits of N points: for each layer packed bytes (N, bytes), on some device."""

    layers: tuple[Tensor, ...]
    widths: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.layers[0]) if self.layers else 0

    @staticmethod
    def joined(parts: Sequence[Patterns]) -> Patterns:
        """One after the other."""
        layers = zip(*(part.layers for part in parts), strict=True)
        return Patterns(tuple(torch.cat(layer) for layer in layers), parts[0].widths)

    def layer(self, k: int, dtype: torch.dtype = torch.bool) -> Tensor:
        """The bits of the k-th of these layers (from 0), unpacked: (N, units)."""
        return unpack(self.layers[k], self.widths[k], dtype)

    def pattern(self, i: int) -> Pattern:
        """That of point i."""
        return Pattern.from_bits(
            [
                unpack(layer[i : i + 1], width)[0].cpu().numpy()
                for layer, width in zip(self.layers, self.widths, strict=True)
            ]
        )

    def take(self, index: Tensor) -> Patterns:
        """Those of some points."""
        return Patterns(tuple(layer[index] for layer in self.layers), self.widths)

    def rows(self) -> np.ndarray:
        """All layers side by side, (N, bytes) on the CPU: equal rows are equal patterns."""
        return torch.cat(self.layers, dim=1).cpu().numpy()

    def pair_distances(self, first: Tensor, second: Tensor) -> Tensor:
        """Hamming distances of pairs, by layer: (layers, pairs)."""
        return torch.stack([_popcount(layer[first] ^ layer[second]) for layer in self.layers])


def _popcount(packed: Tensor) -> Tensor:
    """Ones in each row of bytes (N, bytes)."""
    if packed.device.type == "cpu":
        words = packed.contiguous().numpy().view(np.uint64)
        return torch.from_numpy(np.bitwise_count(words).sum(axis=1, dtype=np.int64))
    counts = reduce(torch.add, ((packed >> k) & 1 for k in range(8)))
    return counts.sum(-1, dtype=torch.int64)


def distances(a: Tensor, b: Tensor, units: int) -> Tensor:
    """Hamming distances (N, M) between packed rows of one layer, by exclusive or and popcount.

    On a GPU by a product of matrices of zeros and ones, which is exact too.

    >>> a = pack(torch.tensor([[True, True, True], [False, False, False]]))
    >>> distances(a, a[:1], 3).tolist()
    [[0], [3]]
    """
    if a.device.type == "cpu":  # ten times as fast there as a product of matrices
        return _xor_distances(a, b)
    return product_distances(a, b, units)


def _xor_distances(a: Tensor, b: Tensor) -> Tensor:
    x, y = (t.contiguous().numpy().view(np.uint64) for t in (a, b))
    total = np.zeros((len(x), len(y)), dtype=np.int32)
    for k in range(x.shape[1]):
        total += np.bitwise_count(x[:, None, k] ^ y[None, :, k])
    return torch.from_numpy(total)


def product_distances(a: Tensor, b: Tensor, units: int) -> Tensor:
    """|x| + |y| - 2 x·y in float32: all numbers are integers below 2^24, hence exact."""
    x, y = (unpack(t, units, torch.float32) for t in (a, b))
    with small_integers(a.device):
        common = x @ y.T
    return (x.sum(1)[:, None] + y.sum(1)[None, :] - 2 * common).to(torch.int32)
