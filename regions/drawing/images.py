"""Small pictures in rows, such as points and their nearest neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from regions.drawing.style import drawing, new_figure, theme_of
from regions.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GAP = 2  # pixels between pictures


def image_grid(
    images: np.ndarray, *, columns: int, title: str = "", theme: str = "light"
) -> Figure:
    """Pictures (N, height, width), or (N, height, width, 3), row by row; the first column apart.

    Each is brightened so that its least number is black and its largest white.

    Raises
    ------
    InputError
        If there is none, or they are no pictures.
    """
    if images.ndim not in (3, 4) or not images.size or columns < 1:
        raise InputError(f"image_grid(): needs pictures, got an array of shape {images.shape}")
    flat = images.reshape(len(images), -1)
    low, high = flat.min(axis=1), flat.max(axis=1)
    span = np.where(high > low, high - low, 1)
    side = (len(images), *(1,) * (images.ndim - 1))
    bright = (images - low.reshape(side)) / span.reshape(side)
    if bright.ndim == 3:
        bright = np.repeat(bright[..., None], 3, axis=3)
    count, height, width, _ = bright.shape
    rows = -(-count // columns)
    page = np.ones((rows * (height + GAP) - GAP, columns * (width + GAP) + GAP, 3))
    for k in range(count):
        row, column = divmod(k, columns)
        left = column * (width + GAP) + (2 * GAP if column else 0)
        page[row * (height + GAP) :, left:][:height, :width] = bright[k]
    look = theme_of(theme)
    with drawing(look):
        figure = new_figure(0.6 * columns + 0.4, 0.6 * rows + 0.4)
        plot = figure.add_subplot()
        plot.imshow(page, interpolation="nearest")
        plot.set_axis_off()
        plot.set_title(title)
    return figure
