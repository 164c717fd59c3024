"""The table of questions about patterns, on small networks in place of the large ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import regions
from benchmarks import queries
from benchmarks.queries import Asked, Least, Query
from benchmarks.skipped import Skipped


def asked(pattern: str) -> Asked:
    network = regions.Network.from_layers(
        [([[1, 0], [0, 1], [-1, -1]], [0, 0, -1]), ([[1] * 3], [0])]
    )
    return network, regions.Pattern.parse(pattern), regions.Box.cube(2, -2, 2)


def absent() -> Asked:
    raise Skipped("needs a model that is absent")


SMALL = (
    Query("possible", lambda: asked("110")),
    Query("impossible", lambda: asked("111")),
    Query("some", lambda: asked("11*")),
    Query("absent", absent),
    Query("slow", lambda: asked("000"), long=True),
)


def least() -> tuple[regions.Network, Callable[[float], queries.Bounds]]:
    network, pattern, box = asked("111")

    def ask(seconds: float) -> queries.Bounds:
        found = regions.nearest(network, pattern, box, time_limit=seconds)
        return found.lower, found.distance

    return network, ask


def absent_as_well() -> Any:
    return absent()


LEAST = (
    Least("nearest", least),
    Least("hurried", least, 0.0),
    Least("not there", absent_as_well),
)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "QUERIES", SMALL)
    monkeypatch.setattr(queries, "LEAST", LEAST)


@pytest.mark.usefixtures("few")
def test_answers_are_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    target = tmp_path / "figures.json"
    assert queries.main(["--json", str(target)]) == 0
    rows = json.loads(target.read_text())["rows"]
    answers = {row["name"]: queries.answer_of(row) for row in rows if "skipped" not in row}
    assert answers == {"possible": "reachable", "impossible": "unreachable", "some": "reachable"}
    assert [row["units"] for row in rows if "units" in row] == [None, 3, None]
    table = {row["name"]: row for row in json.loads(target.read_text())["bounds"]}
    assert (table["nearest"]["low"], table["nearest"]["high"]) == (1, 1)
    assert table["hurried"]["low"] == 0
    out = capsys.readouterr().out
    assert "not there: skipped, needs a model that is absent" in out
    assert "absent: skipped, needs a model that is absent" in out
    assert "slow: skipped, it takes a minute or more (--long)" in out


@pytest.mark.usefixtures("few")
def test_some_questions_only(capsys: pytest.CaptureFixture[str]):
    assert queries.main(["--only", "slow", "--long"]) == 0
    assert "reachable" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        queries.main(["--only", "nothing of this name"])
    assert "no question has this in its name" in capsys.readouterr().err


def test_the_least_values_are_of_networks_that_are_there():
    for question in queries.LEAST:
        try:
            network, ask = question.make()
        except Skipped as reason:
            pytest.skip(str(reason))
        low, high = ask(0)
        assert network.relus in (300, 512)
        assert low is not None and (high is None or low <= high)


def test_the_questions_themselves_are_about_patterns_that_fit():
    for query in queries.QUERIES:
        try:
            network, pattern, domain = query.make()
        except Skipped as reason:
            pytest.skip(str(reason))
        assert pattern.widths == network.widths
        assert domain.dim == network.inputs
