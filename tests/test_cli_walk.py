"""`regions walk` and `regions explore`: what they print, write and refuse."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from tests.command_line import Run, one_json

pytest.importorskip("torch")


@pytest.fixture
def square(tmp_path: Path) -> Path:
    """Four inputs, as an image of 2 x 2; two layers."""
    rng = np.random.default_rng(0)
    arrays = {}
    for k, (below, above) in enumerate(itertools.pairwise((4, 6, 5, 2)), start=1):
        arrays[f"W{k}"] = rng.integers(-16, 17, (above, below)) / 16
        arrays[f"b{k}"] = rng.integers(-8, 9, above) / 16
    path = tmp_path / "square.npz"
    np.savez(path, **arrays)
    return path


def test_a_walk_as_json(run: Run, cross: Path, tmp_path: Path):
    ways = tmp_path / "ways.npy"
    np.save(ways, [[1.0, 1.0]])
    code, out, _ = run(
        "walk", cross, "--at", "0.5,0.25", "--domain", "box:-1,1", "--chains", 100, "--steps", 60,
        "--along", ways, "--exact", "--json",
    )  # fmt: skip
    record = one_json(out)
    assert code == 0
    assert record["certain"] is True and record["rows"] == 2 and record["layers"] == 1
    ball = record["ball"]["euclidean"]
    assert ball["low"] <= 0.25 <= ball["high"] and ball["value"] == 0.25
    assert record["ball_of_units"]["euclidean"]["unit"] == [1, 1]
    assert sum(record["directions"]["met"].values()) == pytest.approx(1)
    assert set(record["directions"]["met"]) == {"layer 1", "domain"}
    walk = record["walk"]
    assert walk["method"] == "hit-and-run" and walk["confirmed"] == 100 and walk["converged"]
    assert record["widths"]["axis"] == [1.0, 1.0] and record["widths"]["along"] == [2.0]
    reach = np.array(walk["high"]) - walk["low"]
    assert (reach <= 1).all() and (reach > 0.99).all()
    assert 1.9 < walk["along"][0][1] - walk["along"][0][0] <= 2


def test_a_walk_as_text_and_file(run: Run, square: Path, tmp_path: Path):
    file = tmp_path / "points.npz"
    code, out, err = run(
        "walk", square, "--at", "0.3,-0.2,0.1,0.45", "--chains", 30, "--steps", 20, "--layers", 1,
        "--output", file, "--method", "billiard",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert "6 rows of units in 1 layer," in out and "30 by billiard, 20 steps after 20" in out
    assert "pattern confirmed   at 30 of 30 points" in out
    with np.load(file) as arrays:
        assert arrays["points"].shape == (30, 4) and arrays["distances"].shape == (1000,)


def test_a_walk_that_has_not_mixed_is_called_so(run: Run, square: Path):
    _, out, _ = run("walk", square, "--at", "0.3,-0.2,0.1,0.45", "--chains", 20, "--steps", 4)
    assert "NOT MIXED" in out


def test_a_walk_without_time(run: Run, square: Path):
    arguments = ("walk", square, "--at", "0.3,-0.2,0.1,0.45", "--time-limit", 0)
    code, out, _ = run(*arguments, "--json")
    record = one_json(out)
    assert code == 3 and record["walk"] is None
    assert record["ball"]["euclidean"]["value"] > 0 and record["directions"]["number"] == 1000
    code, out, _ = run(*arguments)
    assert code == 3 and "time was up before four steps" in out
    assert run("walk", square, "--at", "0.3,-0.2,0.1,0.45", "--steps", 0)[0] == 0


def test_exploring_as_json(run: Run, square: Path):
    code, out, _ = run(
        "explore", square, "--at", "0.3,-0.2,0.1,0.45", "--number", 40, "--rounds", 30,
        "--layer", 2, "--json",
    )  # fmt: skip
    record = one_json(out)
    assert code == 0
    assert record["layers"] == [2] and record["points"] == 36 == record["certain"]
    assert len(record["noises"]) == record["rounds"] == 30
    assert record["distance"]["greatest"] > 0


@pytest.mark.parametrize("shape", [None, "1,2,2"])
def test_exploring_draws_and_writes(
    run: Run,
    square: Path,
    tmp_path: Path,
    shape: str | None,
):
    pytest.importorskip("matplotlib")
    picture, file = tmp_path / "kept.svg", tmp_path / "kept.npz"
    data = tmp_path / "data.npy"
    np.save(data, [[0.0] * 4, [0.3, -0.2, 0.1, 0.45]])
    options = [] if shape is None else ["--image-shape", shape]
    code, out, err = run(
        "explore", square, "--data", f"npy:{data}", "--index", 1, "--number", 20, "--rounds", 10,
        "--picture", picture, "--output", file, *options,
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert f"written to {picture}" in out and f"written to {file}" in out
    text = picture.read_text()
    with np.load(file) as arrays:
        assert arrays["points"].shape == (18, 4)
        distinct = min(len(np.unique(arrays["points"], axis=0)), 8)
    assert text.count("<image") == (0 if shape is None else 1 + 2 * distinct)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["walk"], "walk: needs either --at POINT or --data SPEC --index I, got neither"),
        (["explore"], "explore: needs either --at POINT"),
        (["walk", "--at", "0,1"], "unit 1:0 is zero there; move the point a little"),
        (["walk", "--at", "2,1"], "outside of the domain box:-1,1"),
        (["walk", "--at", "1,1", "--method", "gibs"], "--method gibs: needs auto or"),
        (["walk", "--at", "1,1", "--exact", "--layers", "1"], "leave --layers out"),
        (["walk", "--at", "1,1", "--domain", "space"], "bounded cell"),
        (["walk", "--at", "1,1", "--steps", "-1"], "need 0 or more"),
        (["walk", "--at", "1,1", "--output", "x.csv"], "needs a name that ends in .npz"),
        (["walk", "--at", "1,1", "--device", "gpu"], "device gpu: needs auto, cpu, cuda"),
        (["explore", "--at", "1,1", "--layer", "1", "--layers", "1"], "exclude each other"),
        (["explore", "--at", "1,1", "--image-shape", "3,1"], "has 2 inputs; give C,H,W or H,W"),
        (["explore", "--at", "1,1", "--precision", "half"], "needs single or double"),
        (["walk", "--at", "1,1", "--scale", "0,1"], "--scale is for --data"),
        (["explore", "--data", "npy:nowhere.npy"], "no such file or folder"),
    ],
)
def test_bad_input(run: Run, cross: Path, arguments: list[str], message: str):
    command, *rest = arguments
    code, out, err = run(command, cross, *rest)
    assert (code, out) == (2, "")
    assert message in err and err.startswith("regions: ") and err.count("\n") == 1


def test_an_index_beyond_the_data(run: Run, cross: Path, tmp_path: Path):
    data = tmp_path / "data.npy"
    np.save(data, [[0.5, 0.5]])
    code, _, err = run("walk", cross, "--data", f"npy:{data}", "--index", 3)
    assert code == 2 and "--index 3" in err and "has 1 points, from 0" in err
