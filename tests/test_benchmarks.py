"""The benchmark runs, and says why it leaves something out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import bench_count


def test_one_network_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    pytest.importorskip("torch")
    file = tmp_path / "figures.json"
    assert bench_count.main(["--only", "2-16-16-1", "--json", str(file)]) == 0
    figures = json.loads(file.read_text())
    (row,) = figures["rows"]
    assert (row["lower"], row["upper"], row["engine"]) == (127, 127, "lp")
    assert row["lps"] > 0 and row["seconds_per_lp"] > 0
    for share in ("lp_time_share", "no_lp_share", "witness_share", "rational_share"):
        assert 0 <= row[share] <= 1
    assert figures["machine"]["highspy"] != "absent"
    assert "2-16-16-1" in capsys.readouterr().out


def test_what_is_absent_is_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(bench_count, "SHARED", tmp_path / "nowhere")
    assert bench_count.main(["--only", "ACAS"]) == 0
    out = capsys.readouterr().out
    assert out.count("skipped") == 2 and "../shared/models" in out


def test_a_wrong_count_stops_the_benchmark():
    pytest.importorskip("torch")
    wrong = bench_count.Bench(
        "wrong", 126, lambda: bench_count.default_initialisation(2, 16, 16, 1)
    )
    with pytest.raises(SystemExit, match="126 regions are known"):
        bench_count.measure(wrong, "lp", None)
