"""The benchmark runs, and says why it leaves something out."""

from __future__ import annotations

import json
import re
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


@pytest.mark.parametrize("engine", ["vertices", "auto"])
def test_figures_that_an_engine_does_not_measure_are_dashes(
    engine: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    pytest.importorskip("torch")
    file = tmp_path / "figures.json"
    assert bench_count.main(["--engine", engine, "--only", "2-16-16-1", "--json", str(file)]) == 0
    (row,) = json.loads(file.read_text())["rows"]
    assert (row["lower"], row["upper"]) == (127, 127)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "│ 2-16-16-1" in line]
    cells = [cell.strip() for cell in line.strip("│").split("│")]
    assert cells.count("-") == sum(
        row[name] is None
        for name in (
            "lps_per_region", "seconds_per_lp", "lp_time_share", "no_lp_share", "witness_share",
            "rational_share",
        )
    ) > 0  # fmt: skip


def test_every_published_network_of_up_to_100_000_regions_is_in_the_list(shared: Path):
    text = (shared / "ACCEPTANCE.md").read_text(encoding="utf-8")
    (entry,) = re.findall(r"^22\. .*$", text, flags=re.M)
    found = re.findall(r"(\d+(?:-\d+)+) (\d[\d ]*)", entry)
    published = {name: int(count.replace(" ", "")) for name, count in found}
    assert len(published) == 11
    listed = {bench.name: bench.regions for bench in bench_count.BENCHES}
    small = {name: count for name, count in published.items() if count <= 100_000}
    assert small.items() <= listed.items()
    assert {71930, 1201} <= set(listed.values())


def test_large_networks_are_left_out_for_the_engine_lp(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    measured = []

    def measure(bench: bench_count.Bench, engine: str, time_limit: float | None) -> dict:
        measured.append(bench.regions)
        return {"name": bench.name, "skipped": "not measured in this test"}

    monkeypatch.setattr(bench_count, "measure", measure)
    bench_count.main(["--engine", "lp"])
    assert measured and max(measured) <= 10_000
    assert "2-256-256-256-1: skipped, it has 79,783 regions" in capsys.readouterr().out
    measured.clear()
    bench_count.main(["--engine", "lp", "--most", "25000"])
    assert max(measured) == 21880
    measured.clear()
    bench_count.main(["--engine", "vertices"])
    assert max(measured) == 10_131_241


def test_what_an_engine_cannot_do_is_skipped(capsys: pytest.CaptureFixture[str]):
    pytest.importorskip("torch")
    assert bench_count.main(["--engine", "vertices", "--only", "10-16-1"]) == 0
    assert "10-16-1: skipped, count(): " in capsys.readouterr().out


def test_an_unknown_network_is_said(capsys):
    with pytest.raises(SystemExit) as caught:
        bench_count.main(["--only", "nothing"])
    assert caught.value.code == 2
    assert "--only nothing: no network has this in its name" in capsys.readouterr().err
