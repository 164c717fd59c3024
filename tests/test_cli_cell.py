"""`regions cell` and `regions cells`: keys, figures, exit codes, and what bad input is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from tests.command_line import Run, one_json

KEYS = {
    "schema", "pattern", "rows", "facets", "neighbours", "chebyshev", "widths", "volume", "bounded",
    "map", "domain", "model",
}  # fmt: skip
WIDTHS = {"axis", "min_linf", "min_l1", "min_l2", "mean", "diameter"}


def test_json_has_the_keys_of_the_contract(run: Run, cross: Path):
    code, out, err = run("cell", cross, "--at", "-0.5,0.5", "--json")
    assert (code, err) == (0, "")
    record = one_json(out)
    assert record.keys() >= KEYS and record["widths"].keys() >= WIDTHS
    assert record["pattern"] == "01"
    assert record["chebyshev"] == {"radius": 0.5, "center": [-0.5, 0.5]}
    assert (record["volume"], record["bounded"]) == (1.0, True)
    assert record["widths"]["axis"] == [1.0, 1.0]
    assert record["widths"]["min_l2"] == 1.0 and record["widths"]["min_l1"] == 1.0
    assert record["widths"]["mean"]["low"] <= 4 / np.pi <= record["widths"]["mean"]["high"]
    assert record["map"] == {"weight": [[0.0, 1.0]], "bias": [0.0]}
    assert {n["pattern"] for n in record["neighbours"]} == {"11", "00"}
    assert sorted(n["units"] for n in record["neighbours"]) == [[[1, 0]], [[1, 1]]]
    assert len(record["facets"]) == 4 and len(record["rows"]) == 6
    unit = next(row for row in record["rows"] if row.get("unit") == 0)
    assert unit == {
        "layer": 1, "unit": 0, "bit": 0, "facet": True, "coefficients": [1.0, 0.0], "limit": 0.0
    }  # fmt: skip
    assert record["distance"] == record["distance_units"] == 0.5


def test_unbounded_figures_are_null(run: Run, cross: Path):
    record = one_json(run("cell", cross, "--pattern", "11", "--domain", "space", "--json")[1])
    assert record["bounded"] is False
    assert record["volume"] is record["chebyshev"]["radius"] is record["widths"]["mean"] is None
    assert record["widths"]["axis"] == [None, None]


def test_text_directions_vertices_and_ellipsoid(run: Run, cross: Path, tmp_path: Path):
    np.save(tmp_path / "ways.npy", np.array([[1.0, 1.0], [3.0, 0.0]]))
    code, out, err = run(
        "cell", cross, "--at", "0.5,0.5", "--directions", tmp_path / "ways.npy", "--vertices",
        "--ellipsoid",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert "direction 0      2" in out and "direction 1      3" in out
    assert out.count("  vertex  ") == 4 and "vertex  0, 0\n" in out
    assert "radii 0.5, 0.5" in out and "beyond it the bits of 1:0 differ" in out


def test_ellipsoid_of_a_box_in_json(run: Run, cross: Path):
    args = ("cell", cross, "--at", "0.5,0.5", "--domain", "box:0,1", "--ellipsoid", "--json")
    found = one_json(run(*args)[1])["ellipsoid"]
    assert np.allclose(found["center"], [0.5, 0.5], atol=1e-5)
    assert np.allclose(found["analytic_center"], [0.5, 0.5], atol=1e-9)
    assert np.allclose(found["radii"], [0.5, 0.5], atol=1e-4) and max(found["radii"]) <= 0.5


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((), "needs either --at POINT or --pattern PATTERN, got neither"),
        (("--at", "0,0", "--pattern", "11"), "got both"),
        (("--at", "0,0.5"), "unit 1:0 is zero there, and 2 regions meet; choose with --side: 0, 1"),
        (("--at", "3,3"), "got one outside"),
        (("--pattern", "1*"), "needs a full pattern"),
        (("--pattern", "111"), "pattern '111'"),
        (("--pattern", "11", "--domain", "box:-2,-1"), "that no region of the domain has"),
        (("--at", "0.5,0.5", "--samples", "1"), "needs 2 or more"),
        (("--pattern", "11", "--domain", "space", "--ellipsoid"), "needs a bounded cell"),
    ],
)
def test_bad_input(run: Run, cross: Path, args: tuple[str, ...], message: str):
    code, out, err = run("cell", cross, *args)
    assert (code, out) == (2, "") and err.startswith("regions: ") and err.count("\n") == 1
    assert message in err


def test_side_chooses(run: Run, cross: Path):
    record = one_json(run("cell", cross, "--at", "0,0.5", "--side", "1", "--json")[1])
    assert record["pattern"] == "11"


def test_a_time_limit_exits_with_three(run: Run, tmp_path: Path):
    path = tmp_path / "wide.npz"
    np.savez(path, W1=np.ones((1, 40)), b1=-np.ones(1), W2=np.ones((1, 1)), b2=np.zeros(1))
    at = ",".join(["0"] * 40)
    code, out, _ = run("cell", path, "--at", at, "--time-limit", "0", "--json")
    record = one_json(out)
    assert code == 3 and record["undecided"]
    assert record["chebyshev"]["radius"].keys() == {"low", "high"}


def test_slices_and_neighbours_of_a_real_network(run: Run, root: Path):
    model = root / "examples" / "models" / "digits.pt"
    record = one_json(run("cell", model, "--at", "0.1,-0.2,0.3", "--json")[1])
    for beyond in record["neighbours"]:
        back = one_json(run("cell", model, "--pattern", beyond["pattern"], "--json")[1])
        assert record["pattern"] in {n["pattern"] for n in back["neighbours"]}


# ------------------------------------------------------------------------------------- cells


def test_cells_writes_a_table_and_a_summary(run: Run, cross: Path, tmp_path: Path):
    target = tmp_path / "cells.parquet"
    code, out, err = run("cells", cross, "--sample", 40, "--seed", 3, "--output", target, "--json")
    assert (code, err) == (0, "")
    record = one_json(out)
    assert (record["points"], record["cells"], record["boundary"]) == (40, 4, 0)
    assert record["volume"]["median"] == 1 and record["facets"]["median"] == 4
    table = parquet.read_table(target).to_pydict()
    assert len(table["point"]) == 40 and set(table["facets"]) == {4}
    assert set(table["volume_low"]) == set(table["volume_high"]) == {1.0}
    assert set(table["volume_sampled"]) == set(table["mean_sampled"]) == {None}
    for low, radius in zip(table["distance_low"], table["radius_high"], strict=True):
        assert 0 < low <= radius == 0.5
    assert set(table["neighbours"]) == {2}


def test_cells_of_data_with_labels_outside_and_on_boundaries(run: Run, cross: Path, tmp_path: Path):
    points = np.array([[0.5, 0.5], [5.0, 5.0], [0.0, 0.0], [-0.5, 0.25]])
    np.savez(tmp_path / "data.npz", x=points, y=np.array([1, 2, 3, 4]))
    target = tmp_path / "cells.parquet"
    code, out, _ = run("cells", cross, "--data", f"npz:{tmp_path / 'data.npz'}", "--output", target)
    assert code == 0 and "2 cells of 4 points" in out
    assert "1 point outside the domain, 1 point on a boundary" in out
    table = parquet.read_table(target).to_pydict()
    assert table["label"] == [1, 2, 3, 4] and table["why"] == ["", "outside", "boundary", ""]
    assert table["pattern"] == ["11", None, None, "01"]
    assert table["distance_units_low"][3] == table["distance_units_high"][3] == 0.25


def test_sampled_figures_have_columns_of_their_own(run: Run, tmp_path: Path):
    path = tmp_path / "four.npz"
    np.savez(path, W1=np.ones((1, 4)), b1=np.zeros(1), W2=np.ones((1, 1)), b2=np.zeros(1))
    target = tmp_path / "cells.parquet"
    assert run("cells", path, "--sample", 2, "--output", target)[0] == 0
    table = parquet.read_table(target).to_pydict()
    assert set(table["mean_low"]) == {None} and None not in table["mean_sampled"]
    assert table["volume_low"] == table["volume_high"] == [8.0, 8.0]  # half of the box


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--data", "mnits:x"), "needs mnist:DIR"),
        (("--sample", "0"), "needs 1 or more"),
        (("--output", "cells.csv"), "writes Parquet"),
        (("--domain", "space"), "uniform points need a domain with bounds"),
    ],
)
def test_bad_input_of_cells(run: Run, cross: Path, args: tuple[str, ...], message: str):
    code, out, err = run("cells", cross, *args)
    assert (code, out) == (2, "") and message in err


def test_data_of_another_size(run: Run, cross: Path, tmp_path: Path):
    np.savez(tmp_path / "data.npz", x=np.ones((2, 3)))
    code, _, err = run("cells", cross, "--data", f"npz:{tmp_path / 'data.npz'}")
    assert code == 2 and "the network has 2 inputs, these points have 3 coordinates" in err
