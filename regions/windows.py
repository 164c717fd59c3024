"""Sliding windows of convolutions and pools, as plain integer indices."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from regions.errors import ModelError

_MOST_TAPS = 2**26  # beyond it a file is damaged, or hopeless


@dataclass(frozen=True)
class Window:
    """The positions of a kernel that slides over the spatial axes of a tensor.

    Along one axis of length H, with kernel k, stride s, pads (p, q) and dilation d, output o and
    tap t look at input position o·s - p + t·d, for 0 <= o < ⌊(H + p + q - d(k-1) - 1) / s⌋ + 1
    (rounded up in ceil mode, where a window that starts beyond the input is dropped).

    Attributes
    ----------
    kernel, strides, dilations
        One integer per spatial axis.
    pads
        All begins, then all ends.
    ceil_mode
        Whether a last, incomplete window counts.

    Examples
    --------
    >>> Window.square(2, axes=1).positions((4,))[0].tolist()
    [[0, 1], [2, 3]]
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]
    ceil_mode: bool = False

    def __post_init__(self) -> None:
        axes = len(self.kernel)
        if len(self.strides) != axes or len(self.dilations) != axes or len(self.pads) != 2 * axes:
            raise ModelError(
                f"window over {axes} axes needs {axes} strides and dilations and {2 * axes} pads, "
                f"got {self.strides}, {self.dilations}, {self.pads}"
            )
        if min(self.kernel + self.strides + self.dilations, default=1) < 1:
            raise ModelError("window needs a positive kernel, strides and dilations")
        if min(self.pads, default=0) < 0:
            raise ModelError(f"window needs pads of at least 0, got {self.pads}")

    @staticmethod
    def square(size: int, axes: int) -> Window:
        """The window of side `size` whose stride is its size, without padding."""
        return Window((size,) * axes, (size,) * axes, (0,) * (2 * axes), (1,) * axes)

    def output(self, spatial: tuple[int, ...]) -> tuple[int, ...]:
        """Spatial shape of the result.

        Raises
        ------
        ModelError
            If the number of axes differs, or the kernel is larger than the padded input.
        """
        axes = len(self.kernel)
        if len(spatial) != axes:
            raise ModelError(f"window over {axes} axes got an input with spatial shape {spatial}")
        sizes = []
        for axis, length in enumerate(spatial):
            stride, begin = self.strides[axis], self.pads[axis]
            free = length + begin + self.pads[axes + axis]
            free -= self.dilations[axis] * (self.kernel[axis] - 1) + 1
            if free < 0:
                raise ModelError(f"kernel {self.kernel} is larger than the input {spatial}")
            size = (-(-free // stride) if self.ceil_mode else free // stride) + 1
            if self.ceil_mode and (size - 1) * stride >= length + begin:
                size -= 1
            sizes.append(size)
        return tuple(sizes)

    def positions(self, spatial: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Which input position each output's taps look at.

        Returns
        -------
        index : (outputs, taps) int64
            Flat position in `spatial` in C order; -1 in the padding.
        counted : (outputs, taps) bool
            Whether the tap lies in the input or its declared padding.
        """
        sizes = self.output(spatial)
        if math.prod(sizes) * math.prod(self.kernel) > _MOST_TAPS:
            raise ModelError(f"kernel {self.kernel} over {sizes} outputs is too large")
        index = np.zeros((1, 1), dtype=np.int64)
        inside = np.ones((1, 1), dtype=bool)
        counted = np.ones((1, 1), dtype=bool)
        axes = len(self.kernel)
        for axis, (length, size) in enumerate(zip(spatial, sizes, strict=True)):
            start = np.arange(size)[:, None] * self.strides[axis] - self.pads[axis]
            place = start + np.arange(self.kernel[axis])[None, :] * self.dilations[axis]
            index = _combine(index * length, place, np.add)
            inside = _combine(inside, (place >= 0) & (place < length), np.logical_and)
            padded = place < length + self.pads[axes + axis]
            counted = _combine(counted, padded, np.logical_and)
        return np.where(inside, index, -1), counted


def _combine(left: np.ndarray, right: np.ndarray, operation: np.ufunc) -> np.ndarray:
    """Outer combination of (outputs, taps) tables, row-major in both."""
    table = operation(left[:, None, :, None], right[None, :, None, :])
    return table.reshape(len(left) * len(right), -1)
