"""The table behind `auto`, and the comparison with other programs, on the smallest networks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import regions
from benchmarks import auto
from benchmarks.networks import Bench
from benchmarks.peers import __main__ as peers
from benchmarks.peers import degenerate, environment
from tests import oracle
from tests.plain import cube, feed_forward

TINY = (
    auto.Case("small", (2, 4, 3, 1)),
    auto.Case("small", (9, 3, 1)),
    auto.Case("wide", (9, 4, 1), density=0.5),
    auto.Case("large", (9, 3, 1), radius=0.25),
)


def test_every_part_of_the_auto_table_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(auto, "CASES", TINY)
    marked, figures = tmp_path / "auto.md", tmp_path / "auto.json"
    assert auto.main(["--markdown", str(marked), "--json", str(figures)]) == 0
    rows = json.loads(figures.read_text())["rows"]
    assert [list(row["seconds"]) for row in rows] == [
        ["vertices", "simplex", "lp"],
        ["simplex", "lp"],  # vertices cannot
        ["points", "dictionaries", "lp"],
        ["simplex", "lp"],
    ]
    for case, row in zip(TINY, rows, strict=True):
        network, domain = case.make()
        expected = int(regions.count(network, domain, engine="lp"))
        assert row["lower"] == row["upper"] == expected
        assert row["times"] >= 1 and row["fastest"] in row["seconds"]
        assert row["auto"] in row["seconds"]
    assert [row["auto"] for row in rows] == ["vertices", "simplex", "dictionaries", "simplex"]
    out, text = capsys.readouterr().out, marked.read_text(encoding="utf-8")
    for case in TINY:
        assert case.name in out and f"| {case.name} |" in text
    assert text.count("auto chose the fastest") == 3 and "## wide" in text


def test_engines_that_contradict_one_another_end_the_run(monkeypatch: pytest.MonkeyPatch):
    true = regions.count

    def lying(network: regions.Network, domain: object, **options: object) -> regions.Count:
        wrong = network.truncate(1) if options["engine"] == "simplex" else network
        return true(wrong, domain, **options)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(regions, "count", lying)
    with pytest.raises(SystemExit, match="contradict one another: vertices"):
        auto.measure(TINY[0], 10.0, 10.0)


def test_a_network_of_no_such_name_is_said(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        auto.main(["--only", "nothing"])
    assert "--only nothing: no name begins so" in capsys.readouterr().err


def test_sparse_networks_have_the_density_that_they_say():
    network, _ = auto.Case("small", (20, 40, 1), density=0.25).make()
    block = peers.layers_of(network)["W1"]
    assert 0.2 < np.count_nonzero(block) / block.size < 0.3


@pytest.mark.parametrize("bench", degenerate.DEGENERATE, ids=lambda bench: bench.name)
def test_counts_of_degenerate_networks(bench: Bench):
    network, domain = bench.make()
    result = regions.count(network, domain, engine="lp")
    assert (result.lower, result.upper) == (bench.regions,) * 2
    if network.relus <= 7:
        stored, inputs = peers.layers_of(network), network.inputs
        layers = [
            list(zip(stored[f"W{k}"].tolist(), stored[f"b{k}"].tolist(), strict=True))
            for k in range(1, len(network.widths) + 1)
        ]
        units = feed_forward(inputs, *layers).layers
        assert len(oracle.regions(units, cube(inputs).rows, inputs)) == bench.regions


def peer_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str) -> None:
    """Instead of a peer's interpreter, a shell that runs this code."""
    shell = tmp_path / "python"
    shell.write_text(f"#!/bin/sh\n{code}\n")
    shell.chmod(0o755)
    monkeypatch.setattr(peers, "python", lambda: shell)


ANSWER = '{"regions": %d, "seconds": 0.5, "finished": %s, "version": "1", "peak": 1}'


@pytest.mark.parametrize(
    ("code", "entry", "words"),
    [
        (f"echo '{ANSWER % (2, 'true')}'", "0.500", ""),
        (f"echo chatter; echo '{ANSWER % (3, 'true')}'", "3! 0.500", "DISAGREE corner: affinitree"),
        (f"echo '{ANSWER % (1, 'false')}'", "1+ in", ""),
        ("echo 'ValueError: no' >&2; exit 1", "failed", "affinitree: ValueError: no"),
        ("sleep 60 & sleep 60", "over 0.1 s", "affinitree: over 0.1 s"),
        ("exit 3", "failed", "affinitree: ended with status 3"),
    ],
)  # fmt: skip
def test_what_a_peer_says_stands_beside_ours(
    code: str, entry: str, words: str, tmp_path: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    peer_says(monkeypatch, tmp_path, code)
    monkeypatch.setattr(peers, "GRACE", 1.0)
    figures = tmp_path / "peers.json"
    options = ["--only", "corner", "--peer", "affinitree", "--limit", "0.1", "--json", str(figures)]
    assert peers.main(options) == 0
    out = capsys.readouterr().out
    (line,) = [line for line in out.splitlines() if line.startswith(" corner")]
    assert entry in line and words in out
    assert ("DISAGREE" in out) == (words.startswith("DISAGREE"))
    (row,) = json.loads(figures.read_text())["rows"]
    assert row["lower"] == 2 and set(row["peers"]) == {"affinitree"}


@pytest.mark.parametrize(
    ("only", "names"),
    [("2-16-16-1", ["2-16-16-1"]), ("2-16-16", ["2-16-16-1", "12-16-16-1"])],
)
def test_an_exact_name_wins(
    only: str, names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):  # fmt: skip
    peer_says(monkeypatch, tmp_path, "exit 3")
    seen: list[str] = []
    monkeypatch.setattr(peers, "warm_up", lambda *_: None)
    monkeypatch.setattr(
        peers, "compare", lambda bench, *_: seen.append(bench.name) or {"skipped": "", "name": ""}
    )
    assert peers.main(["--only", only]) == 0
    assert seen == names
    with pytest.raises(SystemExit):
        peers.main(["--only", "nothing"])
    assert "--only nothing: no network has this in its name" in capsys.readouterr().err


def test_the_fastest_of_some_short_runs_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    said = [{"regions": 2, "seconds": time, "finished": True} for time in (0.3, 0.1, 0.2)]
    left = iter(said)
    monkeypatch.setattr(peers, "run", lambda *_: next(left))
    assert peers.fastest("affinitree", tmp_path, 1.0)["seconds"] == 0.1
    assert next(left, None) is None
    long = {"regions": 2, "seconds": 2 * peers.SHORT, "finished": True}
    left = iter([long, said[0]])
    assert peers.fastest("affinitree", tmp_path, 1.0) is long
    other = {"regions": 3, "seconds": 0.4, "finished": True}
    left = iter([said[0], other])
    assert peers.fastest("affinitree", tmp_path, 1.0) is other  # it contradicts itself: shown


def test_a_peer_of_the_plane_is_not_asked_about_three_dimensions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    peer_says(monkeypatch, tmp_path, "exit 3")
    (bench,) = [bench for bench in degenerate.DEGENERATE if bench.name == "braid 3"]
    row = peers.compare(bench, ("regioncam",), 1.0, tmp_path)
    assert row["peers"] == {"regioncam": {"error": "2 inputs only"}}
    assert peers.cell(row, "regioncam") == "-"


def test_without_the_environment_it_says_how_to_make_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(peers, "python", lambda: tmp_path / "bin" / "python")
    with pytest.raises(SystemExit):
        peers.main(["--only", "corner"])
    assert "--install makes it" in capsys.readouterr().err


def test_a_peer_that_cannot_be_installed_is_reported_with_pips_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    code = 'case "$*" in *relucent) echo "ERROR: no such wheel" >&2; exit 1;; esac'
    peer_says(monkeypatch, tmp_path, code)
    monkeypatch.setattr(environment, "python", peers.python)
    assert environment.install([]) == {"relucent": "ERROR: no such wheel"}


def test_layers_are_those_of_the_network():
    weights = [([[1.5, 2.0]], [0.25]), ([[3.0]], [-1.0])]
    found = peers.layers_of(regions.Network.from_layers(weights))
    assert {name: value.tolist() for name, value in found.items()} == {
        "W1": [[1.5, 2.0]], "b1": [0.25], "W2": [[3.0]], "b2": [-1.0],
    }  # fmt: skip
