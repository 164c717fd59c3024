"""``regions nearest`` and ``regions between``: what they print, their JSON and exit codes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.command_line import Run, one_json


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """x, y and 1 - x - y as units."""
    path = tmp_path / "net.npz"
    rows = np.array([[1.0, 0], [0, 1], [-1, -1]])
    np.savez(path, W1=rows, b1=np.array([0.0, 0, -1]), W2=np.ones((1, 3)), b2=np.zeros(1))
    return path


def as_json(run: Run, *args: object) -> dict[str, Any]:
    """The object of a command that ends with 0."""
    code, out, err = run(*args, "--json")
    assert (code, err) == (0, "")
    return one_json(out)


def test_nearest(run: Run, model: Path):
    code, out, _ = run("nearest", model, "111")
    assert code == 0
    assert "the nearest region is at distance 1 (proved)" in out
    assert "differing bits by layer: 1" in out
    code, out, _ = run("nearest", model, "11*")
    assert "a region has this pattern: distance 0" in out


def test_json_of_nearest(run: Run, model: Path):
    record = as_json(run, "nearest", model, "111", "--weights", "0.5")
    assert (record["distance"], record["lower"], record["optimal"]) == (0.5, 0.5, True)
    assert record["pattern"] in ("110", "101", "011")
    assert len(record["witness"]) == 2 and all(isinstance(v, float) for v in record["witness"])


def test_patterns_come_from_files_and_points(run: Run, model: Path, tmp_path: Path):
    (tmp_path / "p.txt").write_text("111\n")
    np.save(tmp_path / "x.npy", np.array([0.5, 0.25]))
    assert as_json(run, "nearest", model, f"@{tmp_path}/p.txt")["target"] == "111"
    for text in ("0.5,0.25", "@0.5,0.25", f"@{tmp_path}/x.npy"):
        assert as_json(run, "nearest", model, text)["target"] == "110"
    assert as_json(run, "nearest", model, "-0.5,0.25")["target"] == "010"
    record = as_json(run, "between", model, "-0.5,0.5", "@0.5,-0.5")
    assert (record["first"], record["second"]) == ("010", "100")


def test_between(run: Run, model: Path):
    code, out, _ = run("between", model, "110", "000", "--domain", "space")
    assert code == 0
    assert "a region between them at distance 1 from A and 1 from B" in out
    record = as_json(run, "between", model, "110", "000", "--domain", "space")
    keys = {"hamming", "to_a", "to_b", "excess", "optimal", "pattern", "witness"}
    assert keys <= set(record)
    code, out, _ = run("between", model, "101", "011", "--domain", "space")
    assert code == 0 and "001" in out


def test_limits_exit_with_3(run: Run, model: Path):
    code, out, _ = run("nearest", model, "111", "--time-limit", "0")
    assert code == 3 and "time limit" in out
    code, out, _ = run("between", model, "111", "000", "--time-limit", "0")
    assert code == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nearest", "1111"), "layer 1 needs 3 bits, got 4"),
        (("nearest", "2,0"), "needs a point of the domain"),
        (("nearest", "@none.txt"), "cannot be read"),
        (("nearest", "111", "--weights", "a"), "--weights a"),
        (("nearest", "111", "--weights", "1,2"), "one number for each"),
        (("nearest", "111", "--time-limit", "-1"), "needs seconds"),
        (("nearest", "111", "--backend", "none"), "--backend none"),
        (("between", "111", "111"), "two different patterns"),
        (("between", "1*1", "111"), "full patterns"),
    ],
)
def test_bad_input(run: Run, model: Path, arguments: tuple[str, ...], message: str):
    command, *rest = arguments
    code, out, err = run(command, model, *rest)
    assert (code, out) == (2, "")
    assert message in err and err.startswith("regions: ")
