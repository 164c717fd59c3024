"""Pictures: the command, the files and their contents, and bad input."""

from __future__ import annotations

import builtins
import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import regions
from regions.cli.main import main
from regions.drawing.complexes import complex_of
from regions.drawing.figures import draw_plane
from regions.drawing.forms import gradient_norms
from regions.drawing.html import html_page
from regions.drawing.style import THEMES, along, mixed
from tests.command_line import Run, one_json
from tests.test_complexes import random_network

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Two inputs, three classes."""
    path = tmp_path / "small.npz"
    save(path, random_network(1, (2, 5, 5, 3)))
    return path


@pytest.fixture
def solid(tmp_path: Path) -> Path:
    """Three inputs."""
    path = tmp_path / "solid.npz"
    save(path, random_network(0, (3, 5, 1)))
    return path


def save(path: Path, network: regions.Network) -> None:
    arrays = {}
    for k, layer in enumerate((*network.layers, network.output), start=1):
        arrays[f"W{k}"] = np.asarray(layer.weights[0][1].approx)
        arrays[f"b{k}"] = np.asarray(layer.bias.approx).ravel()
    np.savez(path, **arrays)


def planes(folder: Path, *points: list[float]) -> str:
    names = []
    for k, point in enumerate(points):
        np.save(folder / f"p{k}.npy", np.array(point))
        names.append(str(folder / f"p{k}.npy"))
    return f"slice:{','.join(names)}"


# -- files ---------------------------------------------------------------------------------------


def test_a_page_has_every_region(run: Run, small: Path, tmp_path: Path):
    page = tmp_path / "out.html"
    code, out, err = run("plot", small, "-o", page, "--engine", "lp", "--json")
    assert (code, err) == (0, "")
    record = one_json(out)
    data = page_data(page.read_text(encoding="utf-8"))
    number = int(regions.count(regions.load(small), engine="lp"))
    assert record["regions"] == number == len(data["patterns"]) == len(set(data["patterns"]))
    assert record["size"] == pytest.approx(4, abs=1e-9)
    assert sum(data["areas"]) == pytest.approx(4, abs=1e-9)
    network = regions.load(small)
    for pattern, corners, rows in zip(data["patterns"], data["corners"], data["maps"], strict=True):
        middle = np.array(corners).reshape(-1, 2).mean(axis=0)
        assert str(network.pattern(middle)) == pattern
        values = [a * middle[0] + b * middle[1] + c for a, b, c in rows]
        assert values == pytest.approx(list(map(float, network(middle))), abs=1e-6)
    keys = ("corners", "edges", "areas", "maps", "gradients", "shades", "whole")
    assert {len(data[key]) for key in keys} == {number}
    assert data["winners"] == [0, 1] and data["boundary"]


def page_data(text: str) -> dict[str, Any]:
    class Reader(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.inside, self.data, self.open = False, "", []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            names = dict(attrs)
            assert "src" not in names and "href" not in names, "the page loads something"
            self.inside = names.get("id") == "data"
            if tag not in ("meta", "input"):
                self.open.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert self.open.pop() == tag
            self.inside = False

        def handle_data(self, data: str) -> None:
            if self.inside:
                self.data += data

    reader = Reader()
    reader.feed(text)
    assert reader.open == []
    assert not re.search(r"https?:|@import|url\(|fetch\(|XMLHttp", text)
    return json.loads(reader.data)


def test_a_page_keeps_titles_in_their_place():
    found = complex_of(random_network(0, (2, 3, 1)), engine="lp")
    text = html_page(found, np.ones(len(found)), title="<b>&", about="</script><script>alert()")
    assert page_data(text)["about"] == "</script><script>alert()"
    assert "<title>&lt;b&gt;&amp;</title>" in text


def test_a_picture_has_every_region(run: Run, small: Path, tmp_path: Path):
    pytest.importorskip("matplotlib")
    pictures = [tmp_path / f"out.{kind}" for kind in ("svg", "png", "pdf")]
    options = [word for path in pictures for word in ("--output", path)]
    code, out, _ = run("plot", small, *options, "--engine", "lp", "--quiet")
    assert code == 0
    number = int(regions.count(regions.load(small), engine="lp"))
    assert f"{number} linear regions, area 4," in out and str(pictures[2]) in out
    root = ET.parse(pictures[0]).getroot()
    drawn = next(group for group in root.iter(f"{SVG}g") if group.get("id") == "regions")
    assert len(list(drawn.iter(f"{SVG}path"))) == number
    assert any(group.get("id") == "boundary" for group in root.iter(f"{SVG}g"))
    assert pictures[1].read_bytes().startswith(b"\x89PNG")
    assert pictures[2].read_bytes().startswith(b"%PDF")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "out.pdf", "out.png", "out.svg", "small.npz"
    ]  # fmt: skip


def test_the_same_picture_is_the_same_file(small: Path, tmp_path: Path):
    pytest.importorskip("matplotlib")
    network = regions.load(small)
    texts = []
    for name in ("a.svg", "b.svg"):
        regions.plot(network, None, tmp_path / name, colour="class", engine="lp")
        texts.append((tmp_path / name).read_text(encoding="utf-8"))
    assert texts[0] == texts[1]


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("colour", ["region", "class", "layer", "gradient"])
def test_every_colouring_draws(colour: str, theme: str):
    pytest.importorskip("matplotlib")
    network = random_network(1, (2, 5, 5, 3))
    found = complex_of(network, engine="lp")
    norms = gradient_norms(network, found.bits)
    figure = draw_plane(found, colour, gradients=norms, theme=theme)
    plot = figure.axes[0]
    assert plot.get_xlabel() == "input 0" and plot.get_ylabel() == "input 1"
    assert plot.get_xlim() == pytest.approx((-1, 1)) and plot.get_title(loc="left")
    if colour == "layer":
        names = [c.get_label() for c in plot.collections]
        assert {"layer 1", "layer 2", "decision boundary"} <= set(names)
    if colour == "gradient":
        assert len(figure.axes) == 2  # a colour bar
    if colour == "region":
        shades = {tuple(c) for c in np.array(plot.collections[0].get_facecolor()).tolist()}
        assert 2 <= len(shades) <= 6


def test_nearly_equal_corners_are_not_filled_but_drawn(tmp_path: Path):
    """Chromium leaves holes where a filled polygon has nearly equal corners."""
    pytest.importorskip("matplotlib")
    rows = [[1, 0], [0, 1], [1, 1]]
    network = regions.Network.from_layers([(rows, [-0.5, -0.5, -1.0001]), ([[1, 1, 1]], [0])])
    found = complex_of(network, engine="lp")
    figure = draw_plane(found, "class")
    fills, outlines = figure.axes[0].collections[:2]
    assert [c.get_gid() for c in (fills, outlines)] == ["fills", "regions"]
    for group, number in ((fills, 1), (outlines, 4)):  # a thin triangle keeps its corners
        gaps = []
        for path in group.get_paths():
            corners = np.asarray(path.vertices)[:-1]
            gaps.append(np.abs(corners - np.roll(corners, 1, axis=0)).max(axis=1).min())
        assert sum(gap < 1e-3 for gap in gaps) == number


def test_layers_cover_all_inner_edges():
    from regions.drawing.figures import layer_lines

    found = complex_of(random_network(1, (2, 4, 4, 1)), engine="lp")
    first, second = layer_lines(found)
    # a line of layer 1 runs through the whole square, cut into pieces by the others
    weights = np.asarray(found.network.layers[0].weights[0][1].approx)
    bias = np.asarray(found.network.layers[0].bias.approx).ravel()
    values = first.reshape(-1, 2) @ weights.T + bias
    assert np.abs(values).min(axis=1).max() < 1e-12
    values = second.mean(axis=1) @ weights.T + bias
    assert np.abs(values).min() > 1e-6
    assert len(second)


def test_a_picture_goes_to_a_default_file(
    run: Run, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    code, out, _ = run("plot", small, "--engine", "lp")
    assert code == 0 and "written to small-regions.png" in out
    assert (tmp_path / "small-regions.png").is_file()


def test_a_slice_is_drawn_around_its_points(run: Run, tmp_path: Path):
    model, page = tmp_path / "four.npz", tmp_path / "out.html"
    save(model, random_network(3, (4, 5, 2)))
    spec = planes(tmp_path, [0, 0, 0, 0], [1, 0, 1, 0], [0, 1, 0, -1])
    code, out, _ = run("plot", model, "--domain", spec, "-o", page, "--engine", "lp", "--json")
    assert code == 0
    data = page_data(page.read_text(encoding="utf-8"))
    assert data["marks"] == [["P0", 0, 0], ["P1", 1, 0], ["P2", 0, 1]]
    assert data["window"] == [-0.5, 1.5, -0.5, 1.5] and data["names"] == ["s", "t"]
    assert one_json(out)["size"] == pytest.approx(4)
    code, out, _ = run(
        "plot", model, "--domain", spec, "--window", "0,1", "-o", page, "--engine", "lp", "--json"
    )
    assert one_json(out)["size"] == pytest.approx(1)
    code, out, _ = run(
        "plot", model, "--domain", spec, "--domain", "box:-1,1", "-o", page, "--engine", "lp"
    )
    assert code == 0


def test_meshes(run: Run, solid: Path, tmp_path: Path):
    ply, vtk = tmp_path / "out.ply", tmp_path / "out.vtk"
    code, out, _ = run("plot", solid, "-o", ply, "-o", vtk, "--engine", "lp")
    number = int(regions.count(regions.load(solid), engine="lp"))
    assert code == 0 and f"{number} linear regions, volume 8," in out
    points, faces = read_ply(ply)
    assert {face[1] for face in faces} == set(range(number))
    # the facets of one region close up: each of its edges lies in two of them
    for region in range(number):
        edges: dict[tuple[int, int], int] = {}
        for members, owner in faces:
            if owner == region:
                for i, j in zip(members, members[1:] + members[:1], strict=True):
                    edges[min(i, j), max(i, j)] = edges.get((min(i, j), max(i, j)), 0) + 1
        assert set(edges.values()) == {2}
    text = vtk.read_text(encoding="ascii").splitlines()
    assert (
        text[0] == "# vtk DataFile Version 3.0" and f"CELLS {number} {number + len(points)}" in text
    )
    start = text.index("SCALARS size double 1") + 2
    assert sum(map(float, text[start : start + number])) == pytest.approx(8, abs=1e-9)


def read_ply(path: Path) -> tuple[np.ndarray, list[tuple[list[int], int]]]:
    lines = path.read_text(encoding="ascii").splitlines()
    vertices = int(next(line for line in lines if line.startswith("element vertex")).split()[2])
    polygons = int(next(line for line in lines if line.startswith("element face")).split()[2])
    start = lines.index("end_header") + 1
    points = np.array([list(map(float, line.split())) for line in lines[start:][:vertices]])
    faces = []
    for line in lines[start + vertices :]:
        words = list(map(int, line.split()))
        faces.append((words[1 : 1 + words[0]], words[1 + words[0]]))
    assert len(faces) == polygons and len(points) == vertices
    return points, faces


# -- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-o", "x.gif"], "needs a name that ends in .png or .svg or"),
        (["-o", "nowhere/x.png"], "there is no folder nowhere"),
        (["--colour", "clas"], "did you mean class?"),
        (["--theme", "grey"], "needs light or dark"),
        (["--window", "1"], "needs two numbers"),
        (["-o", "x.html", "--domain", "space"], "bounded domain"),
        (["-o", "x.html", "--domain", "segment:[0,0],[1,1]"], "has dimension 1"),
        (["-o", "x.html", "--domain", "slice:[0,0],[1,1],[2,2]"], "not on one line"),
    ],
)
def test_bad_input(
    options: list[str], message: str, run: Run, small: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    monkeypatch.chdir(tmp_path)
    code, out, err = run("plot", small, *options)
    assert (code, out) == (2, "")
    assert err.startswith("regions: ") and message in err and err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["small.npz"]


def test_a_window_has_to_be_one(run: Run, tmp_path: Path):
    save(tmp_path / "m.npz", random_network(0, (3, 4, 1)))
    spec = planes(tmp_path, [0, 0, 0], [1, 0, 1], [0, 1, 0])
    out = tmp_path / "x.html"
    for window, message in (("1,0", "lower end below its upper end"), ("0,a", "window")):
        code, _, err = run(
            "plot", tmp_path / "m.npz", "--domain", spec, "--window", window, "-o", out
        )
        assert code == 2 and message in err


def test_three_inputs_need_a_plane_or_a_mesh(run: Run, solid: Path, tmp_path: Path):
    code, _, err = run("plot", solid, "-o", tmp_path / "x.html")
    assert code == 2 and "lay a plane through three points (a slice)" in err and ".ply" in err


def test_collinear_points_in_files(run: Run, solid: Path, tmp_path: Path):
    spec = planes(tmp_path, [0, 0, 0], [1, 1, 1], [2, 2, 2])
    code, _, err = run("plot", solid, "--domain", spec, "-o", tmp_path / "x.html")
    assert code == 2 and "three points that are not on one line" in err


def test_missing_matplotlib_is_said_before_the_work(
    run: Run, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.split(".")[0] == "matplotlib":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setattr("regions.drawing.plots.complex_of", None)
    code, _, err = run("plot", small, "-o", tmp_path / "x.png")
    assert code == 2 and "pip install matplotlib" in err and ".html" in err
    monkeypatch.undo()
    monkeypatch.setattr(builtins, "__import__", without)
    code, _, _ = run("plot", small, "-o", tmp_path / "x.html", "--engine", "lp")
    assert code == 0


def test_an_old_file_stays_if_the_new_one_fails(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    page = tmp_path / "x.html"
    page.write_text("old", encoding="utf-8")

    def full(*_: Any, **__: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_text", full)
    assert main(["plot", str(small), "-o", str(page), "--engine", "lp", "-q"]) == 1
    monkeypatch.undo()
    assert page.read_text(encoding="utf-8") == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small.npz", "x.html"]


def test_progress_is_told():
    told: list[tuple[str, int, int | None]] = []
    complex_of(
        random_network(1, (2, 5, 5, 1)), engine="lp", report=lambda *state: told.append(state)
    )
    assert told[0][1] == 0 and "compiles" in told[0][0]
    assert told[-1][0] == "regions shaped" and told[-1][1] == told[-1][2]


def test_mixtures_of_colours():
    assert along(("#000000", "#ffffff"), 1.0) == "#ffffff"
    assert along(("#000000", "#808080", "#ffffff"), 0.5) == "#808080"
    assert mixed("#102030", "#ffffff", 0) == "#102030"
    for look in THEMES.values():  # fills are apart from each other and from the page
        for colours in (look.regions, look.classes, look.ramp):
            every = [*colours, look.page]
            for i, one in enumerate(every):
                for other in every[:i]:
                    gaps = [
                        abs(int(one[k : k + 2], 16) - int(other[k : k + 2], 16)) for k in (1, 3, 5)
                    ]
                    assert sum(gaps) > 40


# -- a training run ------------------------------------------------------------------------------


def test_a_film_has_a_picture_for_every_look(tmp_path: Path):
    pytest.importorskip("matplotlib")
    from PIL import Image

    film = regions.Film(every=2, width=3, dots=40, boundary=False)
    numbers = [film(random_network(epoch, (2, 3, 1)), epoch) for epoch in range(4)]
    counts = [int(regions.count(random_network(epoch, (2, 3, 1)))) for epoch in range(4)]
    assert numbers == [counts[0], None, counts[2], None] and len(film) == 2
    film.save(tmp_path / "film.gif", milliseconds=100)
    with Image.open(tmp_path / "film.gif") as picture:
        assert getattr(picture, "n_frames", 1) == 2 and picture.info["loop"] == 0


def test_bad_films(tmp_path: Path):
    pytest.importorskip("matplotlib")
    with pytest.raises(regions.InputError, match="every needs a whole number"):
        regions.Film(every=0)
    with pytest.raises(regions.InputError, match="no colour 'red'"):
        regions.Film(colour="red")
    with pytest.raises(regions.InputError, match="has no picture yet"):
        regions.Film().save(tmp_path / "x.gif")
    with pytest.raises(regions.InputError, match=r"ends in \.gif"):
        regions.Film().save(tmp_path / "x.png")
