"""`regions reach`: what it prints, its JSON keys, its exit codes, and bad input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from regions.cli.reach import EXIT_UNDECIDED
from tests.command_line import Run, one_json


@pytest.fixture
def folded(tmp_path: Path) -> Path:
    """|x| and |y| in the first layer; |x| + |y| - 1, 1/4 - |x|, 1/4 - |y| in the second."""
    path = tmp_path / "folded.npz"
    np.savez(
        path,
        W1=[[1.0, 0], [-1, 0], [0, 1], [0, -1]], b1=np.zeros(4),
        W2=[[1.0, 1, 1, 1], [-1, -1, 0, 0], [0, 0, -1, -1]], b2=[-1, 0.25, 0.25],
        W3=np.ones((1, 3)), b3=[0.0],
    )  # fmt: skip
    return path


def test_a_reachable_pattern(run: Run, cross: Path):
    code, out, err = run("reach", cross, "1*")
    assert (code, err) == (0, "")
    first, second, third = out.splitlines()
    assert first.startswith("cross.npz: reachable, by a region in ")
    assert second.startswith("  witness: ")
    assert third in ("  its pattern: 10", "  its pattern: 11")


def test_an_unreachable_pattern(run: Run, folded: Path):
    code, out, err = run("reach", folded, "1010/111")
    assert (code, err) == (0, "")
    first, second = out.splitlines()
    assert first.startswith("folded.npz: unreachable (proved) in ")
    assert second == (
        "  with layer 1 as in this pattern, units 2:0, 2:1 and 2:2 cannot be 1, 1 and 1 together "
        "anywhere"
    )


def test_a_thin_pattern(run: Run, cross: Path):
    code, out, _ = run("reach", cross, "0*", "--domain", "box:0,1")
    assert code == 0
    assert "reachable at boundary points only; no region has it (proved)" in out
    assert "unit 1:0 cannot be 0 on a set with interior inside the box; only its boundary" in out
    assert "(1 side of the domain takes part)" in out


def test_json_of_a_witness(run: Run, cross: Path):
    code, out, err = run("reach", cross, "10", "--json")
    assert (code, err) == (0, "")
    record = one_json(out)
    assert record["file"] == str(cross)
    assert (record["reachable"], record["interior"], record["proof"]) == (True, True, None)
    assert (record["pattern"], record["witness_pattern"]) == ("10", "10")
    assert record["witness"][0] > 0 >= record["witness"][1]
    assert (record["domain"], record["model"]["relus"]) == ("box:-1,1", 2)


def test_json_of_a_proof(run: Run, folded: Path):
    code, out, _ = run("reach", folded, "****/111", "--json", "--domain", "space")
    record = one_json(out)
    assert (code, record["reachable"], record["interior"]) == (0, False, False)
    assert record["witness"] is None
    proof = record["proof"]
    assert (proof["kind"], proof["verified"], proof["sides"]) == ("tree", True, [])
    assert [2, 0, 1] in proof["units"] and proof["cases"] > 4
    _, out, _ = run("reach", folded, "1*0*/1**", "--json", "--domain", "box:-1/4,1/4")
    proof = one_json(out)["proof"]
    assert proof["kind"] in ("farkas", "attained", "tree")


def test_json_of_a_rational_witness(run: Run, tmp_path: Path):
    path = tmp_path / "third.npz"
    np.savez(path, W1=[[3.0], [-3.0]], b1=[-1.0, 1.0], W2=[[1.0, 1.0]], b2=[0.0])
    _, out, _ = run("reach", path, "00", "--json")
    record = one_json(out)
    assert (record["witness"], record["interior"]) == (["1/3"], False)
    assert record["proof"]["kind"] == "interior"


def test_pattern_of_a_file(run: Run, cross: Path, tmp_path: Path):
    file = tmp_path / "pattern.txt"
    file.write_text("01\n")
    assert run("reach", cross, f"@{file}")[1].startswith("cross.npz: reachable")
    code, out, err = run("reach", cross, "@missing.txt")
    assert (code, out) == (2, "")
    assert err.startswith("regions: pattern @missing.txt: cannot be read")


def test_pattern_of_a_point(run: Run, folded: Path):
    code, out, _ = run("reach", folded, "--of", "-0.1,0.3", "--free", "2:*,1:0", "--json")
    record = one_json(out)
    assert (code, record["pattern"], record["reachable"]) == (0, "*110/***", True)
    code, out, err = run("reach", folded, "--of", "-0.1,1.5")
    assert (code, out) == (2, "")
    assert "needs a point of the domain box:-1,1, got one outside" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "needs either a PATTERN or --of POINT, got neither"),
        (["10", "--of", "0,0"], "needs either a PATTERN or --of POINT, got both"),
        (["101"], "layer 1 needs 2 bits, got 3"),
        (["1x"], "needs 0, 1 or * for every unit"),
        (["1/1"], "needs 1 layers with 2 units, got 2"),
        (["10", "--free", "2:*"], "needs a layer from 1 to 1, got 2"),
        (["--of", "0.1"], "needs 2 coordinates"),
        (["10", "--time-limit", "-1"], "needs seconds, 0 or more"),
        (["10", "--backend", "hihgs"], "did you mean highs?"),
        (["10", "--domain", "ball:x.npy,1"], "x.npy"),
    ],
)
def test_bad_input(run: Run, cross: Path, arguments: list[str], message: str):
    code, out, err = run("reach", cross, *arguments)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1 and message in err


def test_no_time(run: Run, folded: Path):
    code, out, err = run("reach", folded, "****/111", "--time-limit", "0")
    assert (code, err) == (EXIT_UNDECIDED, "")
    assert "not decided whether any point has it (time limit) after " in out
    code, out, _ = run("reach", folded, "****/111", "--time-limit", "0", "--json")
    record = one_json(out)
    assert (code, record["reachable"], record["interior"], record["why"]) == (
        EXIT_UNDECIDED, None, None, "time limit",
    )  # fmt: skip
