"""Pictures of the regions of a plane, by matplotlib: `draw_plane`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.drawing.classes import Classes, classes_of
from regions.drawing.colouring import coloured
from regions.drawing.complexes import Complex
from regions.drawing.style import MAP, Theme, along, drawing, mixed, new_figure, theme_of
from regions.errors import InputError
from regions.frame import Frame

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {
    "region": "neighbours differ",
    "class": "the largest output",
    "layer": "boundaries by the layer that makes them",
    "gradient": "the norm of the gradient",
}
LOG_ABOVE = 50.0  # ratio of the largest norm to the least above which the scale is logarithmic
NEAR = 5e-4  # of a picture's side: less than half a pixel
MOST_CLASSES = 20  # in a legend
BELOW = 42  # points between the picture and its legend: ticks and their name are there


def draw_plane(
    found: Complex,
    colour: str = "region",
    *,
    gradients: np.ndarray | None = None,
    winners: Classes | None = None,
    boundary: bool = True,
    theme: str = "light",
    title: str | None = None,
    axes: tuple[str, str] | None = None,
    marks: Mapping[str, tuple[float, float]] | None = None,
    window: tuple[float, float, float, float] | None = None,
    width: float = 7.0,
) -> Figure:
    """The regions of a plane as a figure.

    Parameters
    ----------
    found
        The regions, of dimension 2.
    colour
        "region" (neighbours differ), "class" (the largest output), "layer" (boundaries by the
        layer that makes them) or "gradient" (the norm of the gradient).
    gradients
        (n,) those norms, for "gradient".
    winners
        What `classes_of(found)` returns, if it is known.
    boundary
        Whether the decision boundary is drawn on top.
    theme
        "light" or "dark".
    title
        Over the picture; the number of regions by default.
    axes
        Names of the coordinates; see `axis_names`.
    marks
        Points to be named in the picture.
    window
        What is shown: left, right, bottom, top; everything by default.
    width
        In inches.

    Raises
    ------
    InputError
        If there is no such colouring or theme, or matplotlib is not installed.
    """
    if found.dim != 2:
        raise InputError(
            f"draw_plane(): needs the regions of a plane, got those of dimension {found.dim}"
        )
    if colour not in COLOURS:
        raise InputError(f"draw_plane(): no colour {colour!r}; choose one of {', '.join(COLOURS)}")
    if colour == "gradient" and gradients is None:
        raise InputError("draw_plane(): colour='gradient' needs gradients, one for each region")
    look = theme_of(theme)
    if winners is None and (boundary or colour == "class"):
        winners = classes_of(found)
    with drawing(look):
        figure = new_figure(width, width * 0.9)
        plot: Axes = figure.add_subplot()
        scale = width / 7.0
        line = scale * float(np.clip(9 / np.sqrt(max(len(found), 1)), 0.12, 0.9))
        if colour == "region":
            _fill_regions(plot, found, look, line)
        elif colour == "class" and winners is not None:
            _fill_classes(plot, found, winners, look, line)
        elif colour == "layer":
            _draw_layers(plot, found, look, line)
        elif gradients is not None:
            _fill_gradients(figure, plot, found, gradients, look, line)
        if boundary and winners is not None:
            _draw_boundary(plot, winners.boundary, look, scale)
        _draw_marks(plot, marks or {}, look)
        _frame(plot, found, axes, window)
        plot.set_title(title if title is not None else f"{len(found):,} regions".replace(",", " "))
        _legend(plot)
    return figure


def _polygons(plot: Axes, polygons: Sequence[np.ndarray], **look: Any) -> Any:
    from matplotlib.collections import PolyCollection

    drawn = PolyCollection(list(polygons), **look)
    plot.add_collection(drawn)
    return drawn


def _fill_regions(plot: Axes, found: Complex, look: Theme, line: float) -> None:
    shades = [look.regions[k % len(look.regions)] for k in coloured(found.neighbours)]
    polygons = [shape.corners for shape in found.shapes]
    _fills(plot, polygons, facecolors=shades, edgecolors=shades)
    _outlines(plot, found, look, line, 1.0)


def _fill_classes(plot: Axes, found: Complex, winners: Classes, look: Theme, line: float) -> None:
    shades = class_shades(winners.count, look)
    colours = [shades[piece.winner] for piece in winners.pieces]
    pieces = [piece.corners for piece in winners.pieces]
    _fills(plot, pieces, facecolors=colours, edgecolors=colours)
    _outlines(plot, found, look, 0.7 * line, 0.6)
    here = sorted({piece.winner for piece in winners.pieces})
    for k in here[:MOST_CLASSES]:
        plot.fill([], [], color=shades[k], label=f"class {k}")


def class_shades(count: int, look: Theme) -> list[str]:
    """The colour that fills each class, paler in every further round of the palette."""
    shades = [mixed(colour, look.page, 0.35) for colour in look.classes]
    return [
        mixed(shades[k % len(shades)], look.page, 1 - 0.7 ** (k // len(shades)))
        for k in range(count)
    ]


def _fill_gradients(
    figure: Figure, plot: Axes, found: Complex, norms: np.ndarray, look: Theme, line: float
) -> None:
    from matplotlib.colors import LogNorm, Normalize

    low, high = float(norms.min()), float(norms.max())
    norm = LogNorm(low, high) if low > 0 and high > LOG_ABOVE * low else Normalize(low, high)
    polygons = [shape.corners for shape in found.shapes]
    drawn = _fills(plot, polygons, array=norms, cmap=MAP, norm=norm, edgecolors="face")
    _outlines(plot, found, look, 0.7 * line, 0.6)
    bar = figure.colorbar(drawn, ax=plot, shrink=0.8, pad=0.02)
    bar.set_label("norm of the gradient")
    bar.outline.set_visible(False)  # type: ignore[operator]


def _fills(plot: Axes, polygons: Sequence[np.ndarray], **look: Any) -> Any:
    """Filled polygons without outlines.

    Browsers fill polygons with nearly equal corners wrongly, so these are left out, by less than
    can be seen; the outlines have them all.  The edges are of the same colour: between two polygons
    the page would shine through.
    """
    points = np.concatenate(polygons)
    near = NEAR * float((points.max(axis=0) - points.min(axis=0)).max())
    thin = [thinned(corners, near) for corners in polygons]
    return _polygons(plot, thin, linewidths=0.4, gid="fills", **look)


def thinned(corners: np.ndarray, near: float) -> np.ndarray:
    """A polygon without those corners that are nearer to the one before, unless too few remain.

    >>> thinned(np.array([[0, 0], [1, 0], [1, 0.1], [0, 1], [0, 0.1]]), 0.2).tolist()
    [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    """
    kept = [corners[0]]
    for corner in corners[1:]:
        if min(np.abs(corner - kept[-1]).max(), np.abs(corner - kept[0]).max()) >= near:
            kept.append(corner)
    return np.array(kept) if len(kept) >= 3 else corners


def _outlines(plot: Axes, found: Complex, look: Theme, width: float, alpha: float) -> None:
    _polygons(
        plot, [shape.corners for shape in found.shapes], facecolors="none", edgecolors=look.ink,
        linewidths=width, alpha=alpha, joinstyle="round", gid="regions",
    )  # fmt: skip


def _draw_layers(plot: Axes, found: Complex, look: Theme, line: float) -> None:
    from matplotlib.collections import LineCollection

    lines = layer_lines(found)
    shades = layer_shades(len(found.network.widths), look)
    for layer in range(len(lines), 0, -1):  # the first on top
        if len(lines[layer - 1]):
            plot.add_collection(
                LineCollection(
                    list(lines[layer - 1]),
                    colors=shades[layer - 1],
                    linewidths=line * (1.0 + 0.8 * (len(lines) - layer) / len(lines)) + 0.25,
                    capstyle="round",
                    label=f"layer {layer}",
                    gid=f"layer-{layer}",
                )
            )


def layer_shades(count: int, look: Theme) -> list[str]:
    """A colour for each layer, along the ramp."""
    return [along(look.ramp, k / max(count - 1, 1)) for k in range(count)]


def layer_lines(found: Complex) -> list[np.ndarray]:
    """For each layer the segments (n, 2, 2) of its boundaries; the first that vanishes there."""
    lines: list[set[tuple[tuple[float, ...], ...]]] = [set() for _ in found.network.widths]
    for shape in found.shapes:
        for labels, ends in shape.faces:
            units = [label for label in labels if label >= 0]
            if units:
                layer = int(found.layer_of_unit[min(units)])
                lines[layer - 1].add(tuple(tuple(shape.corners[i].tolist()) for i in ends))
    return [np.array(sorted(group), dtype=float).reshape(-1, 2, 2) for group in lines]


def _draw_boundary(plot: Axes, segments: np.ndarray, look: Theme, scale: float) -> None:
    from matplotlib.collections import LineCollection

    if not len(segments):
        return
    for colour, width, label in ((look.page, 4.0, None), (look.ink, 2.0, "decision boundary")):
        plot.add_collection(
            LineCollection(
                list(segments), colors=colour, linewidths=width * scale, capstyle="round",
                label=label, zorder=3, gid=None if label is None else "boundary",
            )
        )  # fmt: skip


def _draw_marks(plot: Axes, marks: Mapping[str, tuple[float, float]], look: Theme) -> None:
    from matplotlib.patheffects import withStroke

    for name, (x, y) in marks.items():
        plot.plot([x], [y], "o", color=look.ink, markeredgecolor=look.page, markersize=7, zorder=4)
        plot.annotate(
            name, (x, y), xytext=(6, 6), textcoords="offset points", zorder=5,
            path_effects=[withStroke(linewidth=3, foreground=look.page)],
        )  # fmt: skip


def _frame(
    plot: Axes,
    found: Complex,
    axes: tuple[str, str] | None,
    window: tuple[float, float, float, float] | None,
) -> None:
    x, y = axes or axis_names(found.frame)
    plot.set_xlabel(x)
    plot.set_ylabel(y)
    if window is None:
        points = np.concatenate([shape.corners for shape in found.shapes])
        (left, bottom), (right, top) = points.min(axis=0), points.max(axis=0)
    else:
        left, right, bottom, top = window
    plot.set_xlim(left, right)
    plot.set_ylim(bottom, top)
    if 1 / 8 < (right - left) / (top - bottom) < 8:
        plot.set_aspect("equal")


def _legend(plot: Axes) -> None:
    handles, names = plot.get_legend_handles_labels()
    numbers = [name.split()[-1] for name in names]  # "layer 2" before "decision boundary"
    order = sorted(
        range(len(names)), key=lambda k: int(numbers[k]) if numbers[k].isdigit() else 1 << 30
    )
    if names:
        from matplotlib.transforms import ScaledTranslation

        assert plot.figure is not None
        below = ScaledTranslation(0, -BELOW / 72, plot.figure.dpi_scale_trans)
        drawn = plot.legend(
            [handles[k] for k in order], [names[k] for k in order],
            loc="upper left", bbox_to_anchor=(0.0, 0.0), bbox_transform=plot.transAxes + below,
            borderaxespad=0.0,
            ncols=min(len(names), 5), columnspacing=1.2, handlelength=1.4,
        )  # fmt: skip
        for line in drawn.get_lines():
            line.set(linewidth=2.0, alpha=1.0)


def axis_names(frame: Frame) -> tuple[str, ...]:
    """What the coordinates of a frame are: inputs where they are that, else s, t, r.

    Examples
    --------
    >>> from regions.domain import Box
    >>> axis_names(Frame.of(Box([0, 0, 1], [1, 1, 1])))
    ('input 0', 'input 1')
    """
    rows, cols, values, _ = frame.basis.entries
    names = []
    for k in range(frame.dim):
        places = np.flatnonzero(cols == k)
        plain = len(places) == 1 and values[places[0]] == 1 and not frame.origin[rows[places[0]]]
        names.append(f"input {rows[places[0]]}" if plain else "str"[k])
    return tuple(names)
