"""Histograms, curves and heat maps in the style of all pictures, for any command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from regions.drawing.style import MAP, drawing, new_figure, theme_of
from regions.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_TICKS = 16  # names along an axis of a heat map that are legible


def histogram(
    values: Sequence[float] | np.ndarray,
    *,
    label: str,
    title: str = "",
    bins: int | Sequence[float] | None = None,
    logarithmic: bool = False,
    theme: str = "light",
) -> Figure:
    """How often which values occur.

    Parameters
    ----------
    values
        Finite numbers; whole numbers get one bar each, if their range is below 60.
    label
        What they are.
    bins
        Number or edges of the bars, chosen if None.
    logarithmic
        Whether the values' axis is; they must be positive then.

    Raises
    ------
    InputError
        If there is no value, or one is not finite.
    """
    numbers = np.asarray(values, dtype=float).reshape(-1)
    if not len(numbers) or not np.isfinite(numbers).all():
        raise InputError("histogram(): needs finite numbers, at least one")
    if logarithmic and numbers.min() <= 0:
        raise InputError("histogram(): a logarithmic axis needs positive numbers")
    low, high = float(numbers.min()), float(numbers.max())
    whole = bool((numbers == np.rint(numbers)).all()) and high - low < 60
    edges = bins if bins is not None else min(max(int(2 * len(numbers) ** (1 / 3)), 8), 60)
    if bins is None and whole and not logarithmic:
        edges = np.arange(low - 0.5, high + 1.0).tolist()
    elif logarithmic and isinstance(edges, int):
        edges = np.geomspace(low, high if high > low else low * 1.01, edges + 1).tolist()
    look = theme_of(theme)
    with drawing(look):
        figure = new_figure(6.0, 3.8)
        plot = figure.add_subplot()
        plot.hist(numbers, bins=edges, color=look.classes[0], edgecolor=look.page, linewidth=0.8)
        if logarithmic:
            plot.set_xscale("log")
        plot.grid(axis="y")
        plot.set_axisbelow(True)
        plot.set_xlabel(label)
        plot.set_ylabel("how many")
        plot.set_title(title)
    return figure


def heat_map(
    values: Sequence[Sequence[float]] | np.ndarray,
    *,
    label: str,
    rows: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    title: str = "",
    theme: str = "light",
) -> Figure:
    """A table of numbers by colour; what is not finite stays blank.

    Raises
    ------
    InputError
        If it is no table, or the names are not as many as its rows and columns.
    """
    table = np.asarray(values, dtype=float)
    if table.ndim != 2 or not table.size:
        raise InputError(f"heat_map(): needs a table, got an array of shape {table.shape}")
    for names, size, what in ((rows, table.shape[0], "rows"), (columns, table.shape[1], "columns")):
        if names is not None and len(names) != size:
            raise InputError(f"heat_map(): {size} {what} need as many names, got {len(names)}")
    look = theme_of(theme)
    with drawing(look):
        figure = new_figure(6.4, 5.2)
        plot = figure.add_subplot()
        drawn = plot.imshow(
            np.ma.masked_invalid(table), cmap=MAP, aspect="auto", interpolation="nearest"
        )
        for axis, names in ((plot.yaxis, rows), (plot.xaxis, columns)):
            if names is not None:
                step = -(-len(names) // MOST_TICKS)
                axis.set_ticks(range(0, len(names), step), labels=list(names)[::step])
        plot.tick_params(length=0)
        for spine in plot.spines.values():
            spine.set_visible(False)
        bar = figure.colorbar(drawn, ax=plot, pad=0.02)
        bar.set_label(label)
        bar.outline.set_visible(False)  # type: ignore[operator]
        plot.set_title(title)
    return figure


def curves(
    x: Sequence[float],
    lines: Mapping[str, Sequence[float | tuple[float, float]]],
    *,
    x_label: str,
    y_label: str,
    title: str = "",
    logarithmic: tuple[bool, bool] = (False, False),
    theme: str = "light",
) -> Figure:
    """Numbers that depend on another; a pair is an interval, drawn as a band.

    Parameters
    ----------
    x
        Where, ascending.
    lines
        By name: a number for each x, or (lower, upper) where only bounds are known.
    logarithmic
        Whether the axes of x and y are.

    Raises
    ------
    InputError
        If a line has not as many numbers as `x`.
    """
    look = theme_of(theme)
    with drawing(look):
        figure = new_figure(6.0, 4.0)
        plot = figure.add_subplot()
        for index, (name, values) in enumerate(lines.items()):
            if len(values) != len(x):
                raise InputError(
                    f"curves(): {name} needs {len(x)} numbers, one for each x, got {len(values)}"
                )
            pairs = [value if isinstance(value, tuple) else (value, value) for value in values]
            low, high = (np.array(side, dtype=float) for side in zip(*pairs, strict=True))
            colour = look.classes[index % len(look.classes)]
            dashes = ("-", "--", ":", "-.")[index // len(look.classes) % 4]
            plot.plot(x, low, dashes, marker="o", markersize=4, color=colour, label=name)
            if (high > low).any():
                plot.fill_between(x, low, high, color=colour, alpha=0.25, linewidth=0)
        plot.set_xscale("log" if logarithmic[0] else "linear")
        plot.set_yscale("log" if logarithmic[1] else "linear")
        plot.grid(True)
        plot.set_axisbelow(True)
        plot.set_xlabel(x_label)
        plot.set_ylabel(y_label)
        plot.set_title(title)
        if len(lines) > 1:
            plot.legend(loc="best", ncols=1 if len(lines) < 8 else 2)
    return figure
