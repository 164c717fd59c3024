"""Images side by side, in rows with a name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from regions.drawing.style import drawing, new_figure, theme_of
from regions.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZE = 0.9  # inches of an image


def images_of(points: np.ndarray, shape: tuple[int, ...], channel_last: bool = False) -> np.ndarray:
    """Flat points (N, C·H·W) as images (N, H, W), or (N, H, W, 3) in colour.

    Parameters
    ----------
    shape
        (C, H, W) with C = 1 or 3, or (H, W).
    channel_last
        Whether a point runs through its channels last.

    Raises
    ------
    InputError
        If the points have another size.

    Examples
    --------
    >>> images_of(np.zeros((2, 12)), (3, 2, 2)).shape, images_of(np.zeros((2, 4)), (2, 2)).shape
    ((2, 2, 2, 3), (2, 2, 2))
    """
    full = (1, *shape) if len(shape) == 2 else shape
    if len(full) != 3 or full[0] not in (1, 3):
        raise InputError(f"images need the shape 1,H,W or 3,H,W, got {shape}")
    if points.ndim != 2 or points.shape[1] != int(np.prod(full)):
        raise InputError(f"images of shape {shape} need {int(np.prod(full))} numbers each")
    channels, height, width = full
    if channels == 1:
        return points.reshape(-1, height, width)
    if channel_last:
        return points.reshape(-1, height, width, channels)
    return points.reshape(-1, channels, height, width).transpose(0, 2, 3, 1)


def image_rows(rows: Mapping[str, np.ndarray], *, title: str = "", theme: str = "light") -> Figure:
    """Rows of images (k, H, W) or (k, H, W, 3), each row with a name above it.

    All images of a row share one scale, from its least to its greatest number.

    Raises
    ------
    InputError
        If there is no image.
    """
    most = max((len(images) for images in rows.values()), default=0)
    if not most:
        raise InputError("image_rows(): needs at least one image")
    look = theme_of(theme)
    with drawing(look):
        figure = new_figure(max(SIZE * most, 4.0), (SIZE + 0.25) * len(rows) + 0.4)
        for place, (name, images) in enumerate(rows.items()):
            table = np.asarray(images, dtype=float)
            low, high = float(table.min(initial=0.0)), float(table.max(initial=0.0))
            scaled = (table - low) / (high - low) if high > low else np.zeros_like(table)
            for column in range(most):
                plot = figure.add_subplot(len(rows), most, place * most + column + 1)
                plot.set_axis_off()
                if column < len(scaled):
                    plot.imshow(
                        scaled[column], cmap="gray", vmin=0, vmax=1, interpolation="nearest"
                    )
                if column == 0:
                    plot.set_title(name, fontsize=8, loc="left")
        figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    return figure
