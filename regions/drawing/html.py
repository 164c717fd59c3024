"""`html_page`: the regions of a plane as one interactive page that needs nothing else."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from itertools import chain
from typing import Any

import numpy as np

from regions.drawing.classes import Classes, classes_of
from regions.drawing.colouring import coloured
from regions.drawing.complexes import Complex, Shape
from regions.drawing.figures import COLOURS, axis_names, class_shades, layer_shades
from regions.drawing.html_page import PAGE
from regions.drawing.style import THEMES, theme_of
from regions.errors import InputError

DIGITS = 10  # of corners; more than a screen resolves at any zoom that makes sense
VIRIDIS = ("#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962",
           "#addc30", "#fde725")  # fmt: skip


def html_page(
    found: Complex,
    gradients: np.ndarray,
    *,
    winners: Classes | None = None,
    colour: str = "region",
    title: str = "regions",
    about: str = "",
    boundary: bool = True,
    theme: str | None = None,
    axes: tuple[str, str] | None = None,
    marks: Mapping[str, tuple[float, float]] | None = None,
    window: tuple[float, float, float, float] | None = None,
) -> str:
    """The text of an .html file with every region: its polygon, pattern, area and affine map.

    The page shows what the pointer is on, zooms and moves, and changes its colours.  It loads
    nothing.  A fragment `#17` in its address selects region 17.

    Parameters
    ----------
    found, winners, colour, title, boundary, axes, marks, window
        As in `figures.draw_plane`; the reader can change colour and boundary.
    gradients
        (n,) the norm of the gradient on each region.
    about
        A sentence beside the picture.
    theme
        "light", "dark" or None, as the reader's system has it.

    Raises
    ------
    InputError
        If there is no such colouring or theme, or the regions are not those of a plane.
    """
    if found.dim != 2:
        raise InputError(
            f"html_page(): needs the regions of a plane, got those of dimension {found.dim}"
        )
    if colour not in COLOURS:
        raise InputError(f"html_page(): no colour {colour!r}; choose one of {', '.join(COLOURS)}")
    if theme is not None:
        theme_of(theme)
    winners = classes_of(found) if winners is None else winners
    names = axes or axis_names(found.frame)
    points = np.concatenate([shape.corners for shape in found.shapes])
    (left, bottom), (right, top) = points.min(axis=0), points.max(axis=0)
    layers = len(found.network.widths)
    data: dict[str, Any] = {
        "about": about,
        "names": names,
        "short": _short(names),
        "window": window or (left, right, bottom, top),
        "colour": colour,
        "colours": [[name, f"{name}: {what}"] for name, what in COLOURS.items()],
        "showBoundary": boundary,
        "theme": theme or "",
        "themes": {
            name: {
                "page": look.page,
                "ink": look.ink,
                "faint": look.faint,
                "regions": look.regions,
                "classes": class_shades(winners.count, look),
                "layers": layer_shades(layers, look),
            }
            for name, look in THEMES.items()
        },
        "map": VIRIDIS,
        "corners": [_flat(shape.corners) for shape in found.shapes],
        "edges": [_edge_layers(found, shape) for shape in found.shapes],
        "patterns": [str(found.pattern(index)) for index in range(len(found))],
        "areas": found.sizes.tolist(),
        "maps": [[_numbers(row, 8) for row in rows] for rows in found.outputs.value.tolist()],
        "gradients": _numbers(gradients.tolist(), 6),
        "shades": coloured(found.neighbours).tolist(),
        "whole": winners.whole.tolist(),
        "winners": sorted({piece.winner for piece in winners.pieces}),
        "pieces": [[piece.winner, _flat(piece.corners)] for piece in winners.pieces],
        "boundary": [_numbers(chain(*segment), DIGITS) for segment in winners.boundary.tolist()],
        "marks": [[name, x, y] for name, (x, y) in (marks or {}).items()],
    }
    text = json.dumps(data, allow_nan=False, separators=(",", ":"), default=float)
    # inside a script element only "</script" and "<!--" mean anything
    text = text.replace("<", "\\u003c")
    page = PAGE.replace("$TITLE", html.escape(title))
    before, after = page.split("$DATA")
    return before + text + after


def _short(names: tuple[str, ...]) -> list[str]:
    """Names for formulas.

    >>> _short(("input 0", "s"))
    ['x0', 's']
    """
    return [name.replace("input ", "x") if name.startswith("input ") else name for name in names]


def _flat(corners: np.ndarray) -> list[float]:
    return _numbers(corners.reshape(-1).tolist(), DIGITS)


def _numbers(values: Any, digits: int) -> list[float]:
    return [float(f"{value:.{digits}g}") for value in values]


def _edge_layers(found: Complex, shape: Shape) -> list[int]:
    """The layer of the edge that begins in each corner; 0 for a side of the domain."""
    layers = [0] * len(shape.corners)
    for labels, ends in shape.faces:
        units = [label for label in labels if label >= 0]
        if units:
            layers[ends[0]] = int(found.layer_of_unit[min(units)])
    return layers
