"""Histograms, heat maps and curves: what is drawn is what was given."""

from __future__ import annotations

import numpy as np
import pytest

import regions
from regions.drawing.charts import curves, heat_map, histogram
from regions.drawing.image_rows import image_rows, images_of

pytest.importorskip("matplotlib")


def test_a_histogram_counts():
    plot = histogram([1, 2, 2, 5], label="facets", title="t").axes[0]
    heights = [patch.get_height() for patch in plot.patches]  # type: ignore[attr-defined]
    assert heights == [1, 2, 0, 0, 1]
    assert plot.get_xlabel() == "facets" and plot.get_title(loc="left") == "t"


@pytest.mark.parametrize("logarithmic", [False, True])
def test_every_value_is_in_some_bar(logarithmic: bool):
    values = np.random.default_rng(0).lognormal(size=500)
    plot = histogram(values, label="radius", logarithmic=logarithmic).axes[0]
    heights = [patch.get_height() for patch in plot.patches]  # type: ignore[attr-defined]
    assert sum(heights) == 500


def test_a_heat_map_shows_its_table():
    table = [[1.0, 2.0, float("nan")], [4.0, 5.0, 6.0]]
    figure = heat_map(table, label="d", rows=["a", "b"], columns=["x", "y", "z"], theme="dark")
    shown = figure.axes[0].images[0].get_array()
    assert shown is not None and np.ma.getmaskarray(shown)[0].tolist() == [False, False, True]
    assert np.ma.filled(shown, 0)[1].tolist() == [4, 5, 6]
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["a", "b"]


def test_curves_show_numbers_and_intervals():
    plot = curves([1, 2, 3], {"a": [1, 2, 3], "b": [1, (2, 5), 3]}, x_label="r", y_label="n").axes[
        0
    ]
    assert plot.lines[1].get_ydata().tolist() == [1, 2, 3]  # type: ignore[union-attr]
    assert len(plot.collections) == 1  # one band
    legend = plot.get_legend()
    assert legend is not None and [t.get_text() for t in legend.get_texts()] == ["a", "b"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: histogram([], label="x"), "at least one"),
        (lambda: histogram([1, float("nan")], label="x"), "finite"),
        (lambda: histogram([0, 1], label="x", logarithmic=True), "positive"),
        (lambda: heat_map(np.ones(2), label="x"), "needs a table"),
        (lambda: heat_map([[1, 2]], label="x", columns=["a"]), "2 columns need as many names"),
        (lambda: curves([1], {"a": [1, 2]}, x_label="", y_label=""), "a needs 1 numbers"),
        (lambda: histogram([1], label="x", theme="blue"), "no theme 'blue'"),
    ],
)
def test_bad_input(call, message: str):
    with pytest.raises(regions.InputError, match=message):
        call()


def test_images_keep_their_pixels():
    flat = np.arange(12.0)[None]
    colour = images_of(flat, (3, 2, 2))
    assert colour[0, 1, 0].tolist() == [2, 6, 10]  # row 1, column 0 of each channel
    assert images_of(flat, (3, 2, 2), channel_last=True)[0, 1, 0].tolist() == [6, 7, 8]
    figure = image_rows({"one": images_of(flat[:, :4], (2, 2)), "three": np.repeat(colour, 3, 0)})
    shown = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    assert len(shown) == 4
    assert np.asarray(shown[0]).tolist() == [[0, 1 / 3], [2 / 3, 1]]
    with pytest.raises(regions.InputError, match="at least one image"):
        image_rows({})
    with pytest.raises(regions.InputError, match="need 12 numbers each"):
        images_of(flat[:, :4], (3, 2, 2))
    with pytest.raises(regions.InputError, match="1,H,W or 3,H,W"):
        images_of(flat, (2, 2, 3))
