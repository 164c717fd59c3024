"""The pictures of ``regions stats --output``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regions.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from regions.cli.sampling import Opened

ENDINGS = (".png", ".svg", ".pdf")
BINS = 25
ROWS = 8  # of images


def draw(kind: str, found: Any, opened: Opened, path: Path) -> None:
    """Write the picture of a statistic."""
    from regions.drawing.style import save, theme_of

    save(_figure(kind, found, opened), path, theme_of("light"))


def _figure(kind: str, found: Any, opened: Opened) -> Any:
    import numpy as np

    from regions.drawing.charts import curves, histogram

    if kind == "probability":
        edges = np.linspace(0, 1, BINS + 1)
        lines = {
            f"layer {layer.layer}": (np.histogram(layer.p, edges)[0] / len(layer.p)).tolist()
            for layer in found
        }
        middles = ((edges[1:] + edges[:-1]) / 2).tolist()
        return curves(middles, lines, x_label="activation probability", y_label="share of units")
    if kind == "hamming":
        edges = np.linspace(0, 1, 2 * BINS + 1)
        lines = {}
        for one in found:
            share = np.arange(len(one.histogram)) / max(one.units, 1)
            table = np.histogram(share, edges, weights=one.histogram)[0] / one.pairs
            lines["all" if one.layer is None else f"layer {one.layer}"] = table.tolist()
        middles = ((edges[1:] + edges[:-1]) / 2).tolist()
        return curves(middles, lines, x_label="Hamming distance / units", y_label="share of pairs")
    if kind == "bernoulli":
        test = found[-1]
        return histogram(
            test.replicated, label="mean distance of fair coins",
            title=f"layer {test.layer}: {test.mean:.2f}, p = {test.mean_two_sided:.2g}",
        )  # fmt: skip
    if kind == "constellations":
        last = found[-1][0]
        lines = {c.kind: c.curve.tolist() for layer, c in found if layer == last}
        longest = max(map(len, lines.values()))
        return curves(
            list(range(longest)), lines, x_label="threshold", y_label="clusters",
            title=f"layer {last}",
        )  # fmt: skip
    from regions.drawing.images import image_grid

    rows = np.concatenate([found.queries[:ROWS, None], found.index[:ROWS]], axis=1)
    return image_grid(images(opened.table()[rows.reshape(-1)], opened), columns=rows.shape[1])


def images(points: np.ndarray, opened: Opened) -> np.ndarray:
    """The points as pictures (N, rows, columns) or (N, rows, columns, 3)."""
    inputs = points.shape[1]
    if opened.data.startswith("cifar10-hwc"):
        return points.reshape(-1, 32, 32, 3)
    if inputs == 3072:
        return points.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    side = math.isqrt(inputs)
    if side * side != inputs:
        raise InputError(
            f"--output: points of {inputs} numbers are no pictures; images have 3 x 32 x 32 or "
            "a square number of pixels"
        )
    return points.reshape(-1, side, side)
