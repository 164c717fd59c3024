"""The benchmark runs, and says why it leaves something out."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from benchmarks import bench_count, machine, mnist, networks
from benchmarks.skipped import Skipped


def test_one_network_is_measured_beside_lp(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    pytest.importorskip("torch")
    file = tmp_path / "figures.json"
    assert bench_count.main(["--only", "2-16-16-1", "--json", str(file)]) == 0
    figures = json.loads(file.read_text())
    (row,) = figures["rows"]
    assert (row["lower"], row["upper"], row["engine"], row["steps"]) == (
        127,
        127,
        "vertices",
        "clips",
    )
    assert row["storage_bytes"] > 0 and 1 <= row["runs"] <= bench_count.REPEATS
    slow = row["lp"]
    assert (slow["lower"], slow["upper"], slow["engine"], slow["steps"]) == (127, 127, "lp", "lps")
    assert slow["lps"] > 0 and slow["seconds_per_lp"] > 0
    for share in ("lp_time_share", "no_lp_share", "witness_share", "rational_share"):
        assert 0 <= slow[share] <= 1
    assert row["ratio_to_lp"] == row["regions_per_second"] / slow["regions_per_second"]
    assert figures["machine"]["highspy"] != "absent"
    assert "2-16-16-1" in capsys.readouterr().out


def test_lp_at_its_limit_still_gives_a_rate():
    pytest.importorskip("torch")
    (bench,) = [bench for bench in networks.BENCHES if bench.name == "4-16-16-1"]
    row = bench_count.measure(bench, "vertices", None, 0.2)
    assert row["lower"] == row["upper"] == 6658
    assert row["lp"]["lower"] < 6658 < row["lp"]["upper"] and row["ratio_to_lp"] > 0


def test_workers_count_again_what_takes_long(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip("torch")
    monkeypatch.setattr(bench_count, "WORTH_WORKERS", 0.0)
    options = ["--only", "2-16-16-1", "--lp-limit", "0", "--workers", "2"]
    assert bench_count.main(options) == 0
    out = capsys.readouterr().out
    assert "times as fast" in out and "× lp" in out and "linear programs" not in out


def test_memory_is_measured_where_the_system_tells():
    before = machine.forget_peak()
    if before is None:
        pytest.skip("needs Linux's /proc/self/clear_refs")
    block = bytearray(b"x") * 50_000_000
    most = machine.peak()
    assert most is not None and most - before >= len(block) * 0.9


def test_memory_is_a_dash_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(machine, "PROCESS", tmp_path / "nowhere")
    assert machine.forget_peak() is None and machine.peak() is None


def test_what_is_absent_is_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(networks, "SHARED", tmp_path / "nowhere")
    assert bench_count.main(["--only", "ACAS"]) == 0
    out = capsys.readouterr().out
    assert out.count("skipped") == 2 and "../shared/models" in out


def test_a_wrong_count_stops_the_benchmark():
    pytest.importorskip("torch")
    make = lambda: networks.default_initialisation(2, 16, 16, 1)  # noqa: E731
    wrong = networks.Bench("wrong", 126, make)
    with pytest.raises(SystemExit, match="126 regions are known"):
        bench_count.measure(wrong, "lp", None)
    digest = make()[0].digest
    with pytest.raises(SystemExit, match="126 regions are known"):
        bench_count.measure(networks.Bench("wrong", 126, make, digest=digest[:8]), "lp", None)


def test_the_number_of_another_network_is_not_known():
    pytest.importorskip("torch")
    make = lambda: networks.default_initialisation(2, 16, 16, 1)  # noqa: E731
    row = bench_count.measure(networks.Bench("other", 126, make, digest="none"), "lp", None)
    assert (row["lower"], row["known"]) == (127, None)


def test_training_is_repeatable():
    pytest.importorskip("torch")
    try:
        first, domain = mnist.trained(784, 2, 10)
    except Skipped as reason:
        pytest.skip(str(reason))
    second, _ = mnist.trained(784, 2, 10)
    assert first.digest == second.digest
    assert (first.inputs, first.widths, domain.spec) == (784, (2,), "box:0,1")


def test_absent_images_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("torch")
    mnist.digits.cache_clear()
    monkeypatch.setattr(mnist, "DATA", tmp_path)
    with pytest.raises(Skipped, match="needs MNIST in"):
        mnist.trained(784, 2, 10)


@pytest.mark.parametrize("engine", ["vertices", "auto"])
def test_figures_that_an_engine_does_not_measure_are_dashes(
    engine: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    pytest.importorskip("torch")
    file = tmp_path / "figures.json"
    options = ["--engine", engine, "--only", "2-16-16-1", "--lp-limit", "0", "--json", str(file)]
    assert bench_count.main(options) == 0
    (row,) = json.loads(file.read_text())["rows"]
    assert (row["lower"], row["upper"]) == (127, 127)
    assert row["lps_per_region"] is None and "lp" not in row
    (line,) = [line for line in capsys.readouterr().out.splitlines() if " 2-16-16-1" in line]
    assert line.split()[-1] == "-"  # the ratio to lp


def test_every_published_network_of_up_to_100_000_regions_is_in_the_list(shared: Path):
    text = (shared / "ACCEPTANCE.md").read_text(encoding="utf-8")
    (entry,) = re.findall(r"^22\. .*$", text, flags=re.M)
    found = re.findall(r"(\d+(?:-\d+)+) (\d[\d ]*)", entry)
    published = {name: int(count.replace(" ", "")) for name, count in found}
    assert len(published) == 11
    listed = {bench.name: bench.regions for bench in networks.BENCHES}
    small = {name: count for name, count in published.items() if count <= 100_000}
    assert small.items() <= listed.items()
    assert {71930, 1201} <= set(listed.values())


def measured(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """The numbers of regions of the networks that a run with these arguments measures."""
    seen: list[int | None] = []

    def measure(bench: networks.Bench, *options: object) -> dict:
        seen.append(bench.regions)
        return {"name": bench.name, "skipped": "not measured in this test"}

    monkeypatch.setattr(bench_count, "measure", measure)
    monkeypatch.setattr(bench_count, "warm_up", lambda *engines: None)
    assert bench_count.main(arguments) == 0
    return seen


def largest(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    return max(known for known in measured(arguments, monkeypatch) if known is not None)


def test_large_networks_are_left_out_for_the_engine_lp(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    assert 0 < largest(["--engine", "lp"], monkeypatch) <= 10_000
    assert "2-256-256-256-1: skipped, it has 79,783 regions" in capsys.readouterr().out
    assert largest(["--engine", "lp", "--most", "25000"], monkeypatch) == 21880


def test_what_takes_minutes_needs_an_option(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    assert largest([], monkeypatch) > 10**7
    assert "784-11-11-10: skipped, it takes a minute or more (--long)" in capsys.readouterr().out
    assert len(measured(["--long"], monkeypatch)) == len(networks.BENCHES)


def test_what_an_engine_cannot_do_is_skipped(capsys: pytest.CaptureFixture[str]):
    pytest.importorskip("torch")
    assert bench_count.main(["--engine", "vertices", "--only", "10-16-1"]) == 0
    assert "10-16-1: skipped, count(): " in capsys.readouterr().out


def test_an_unknown_network_is_said(capsys):
    with pytest.raises(SystemExit) as caught:
        bench_count.main(["--only", "nothing"])
    assert caught.value.code == 2
    assert "--only nothing: no network has this in its name" in capsys.readouterr().err
