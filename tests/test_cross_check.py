"""`cross_check`, `estimate --exact`, and how often intervals cover."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import coverage
from regions import Count, Network, Space, cross_check, estimate
from regions.cli import estimate as command
from regions.errors import InputError
from regions.estimating.methods import METHODS
from regions.estimating.truth import compared
from regions.estimating.volumes import FORMS
from regions.results import Estimate
from tests.cases import braid, frozen
from tests.command_line import Run, one_json

NAMES = (
    "tree", "tree, width 1", "volumes", "volumes, waiting", "volumes, sampled", "patterns",
    "species", "rays", "slices",
)  # fmt: skip


def guess(low: float, high: float) -> Estimate:
    return Estimate(value=low, low=low, high=high, method="tree", samples=1, seed=0)


@pytest.mark.parametrize(
    ("low", "high", "lower", "upper", "covered"),
    [
        (3, 7, 5, 5, True),
        (5, 5, 5, 5, True),
        (6, 7, 5, 5, False),
        (3, 7, 4, 7, True),
        (3, 7, 4, 8, None),
        (3, 7, 8, 9, False),
        (3, 7, 1, 2, False),
    ],
)
def test_covered(low: int, high: int, lower: int, upper: int, covered: bool | None):
    assert compared("tree", guess(low, high), Count(lower, upper)).covered is covered


def test_covered_densities():
    assert compared("rays", guess(1.0, 2.0), 2.0 + 1e-12).covered is True
    assert compared("rays", guess(1.0, 2.0), 2.001).covered is False
    assert compared("rays", guess(1.0, 2.0), None, "why").covered is None


def test_every_estimator_beside_the_exact_engines():
    found = cross_check(frozen((4, 4)).build(), seed=1, confidence=0.999)
    assert tuple(row.name for row in found.rows) == NAMES
    assert int(found.count) == 16 and found.covered
    for row in found.rows:
        assert row.estimate is not None and row.covered is True
        assert row.estimate.seconds >= 0 and row.estimate.details["cost"]
        assert row.estimate.note


def test_what_cannot_be_estimated_is_said():
    names: list[str] = []
    found = cross_check(braid(3).build(), Space(3), progress=names.append)
    by_name = {row.name: row for row in found.rows}
    assert by_name["tree"].covered is True and by_name["patterns"].covered is True
    for name in ("volumes", "species", "rays", "slices"):
        row = by_name[name]
        assert row.estimate is None and "needs bounds on every coordinate" in row.why
    assert names[:2] == ["count", "tree"]


def test_limits_leave_bounds():
    found = cross_check(frozen((4, 4)).build(), time_limit=0)
    assert not found.count.exact
    assert all(row.estimate is None or row.estimate.value is None for row in found.rows)


def test_an_interrupt_ends_the_table(monkeypatch: pytest.MonkeyPatch):
    """Ctrl-C during the second row: what is known is returned, no other row begins."""
    from regions.estimating import cross_checking

    def interrupted(*args: Any, **options: Any) -> Estimate:
        stopped = "interrupted" if options.get("width") == 1 else None
        return replace(guess(1, 99), stopped=stopped)

    monkeypatch.setattr(cross_checking, "estimate", interrupted)
    found = cross_check(frozen((4, 4)).build())
    assert [row.name for row in found.rows] == ["tree", "tree, width 1"]
    assert found.stopped == "interrupted"


def test_the_command_line_has_every_method():
    assert set(command.METHODS) == set(METHODS) and set(command.FORMS) == set(FORMS)


def test_bad_arguments_are_not_rows():
    wrong: tuple[dict[str, Any], ...] = ({"seed": -1}, {"confidence": 2.0}, {"layers": 9})
    for options in wrong:
        with pytest.raises(InputError):
            cross_check(braid(3).build(), **options)


# -------------------------------------------------------------------------------- command line


def test_cross_check_command(run: Run, cross: Path):
    code, out, err = run("cross-check", cross, "--json")
    record = one_json(out)
    assert (code, err) == (0, "")
    assert record["count"]["lower"] == record["count"]["upper"] == 4
    rows = {row["name"]: row for row in record["rows"]}
    assert tuple(rows) == NAMES
    assert rows["tree"]["exact"] == {"lower": 4, "upper": 4, "exact": True}
    assert rows["tree"]["estimate"]["value"] == 4 and rows["tree"]["covered"] is True
    # two hyperplanes of length 2 in a square of side 2
    assert rows["rays"]["exact"] == pytest.approx(2 / np.pi)
    code, out, _ = run("cross-check", cross, "--domain", "space", "--seed", "3")
    assert code == 0 and out.startswith("cross.npz: 4 regions (exact count")
    assert "volumes: estimate(): method 'volumes' draws points uniformly" in out
    assert run("cross-check", cross, "--confidence", "2")[0] == 2
    assert run("cross-check", cross, "--time-limit", "-1")[0] == 2


def test_exact_beside_an_estimate(run: Run, cross: Path):
    code, out, _ = run("estimate", cross, "--method", "tree", "--exact")
    assert code == 0 and out.endswith("  exact: 4; the interval covers it\n")
    record = one_json(run("estimate", cross, "--method", "rays", "--exact", "--json")[1])
    assert record["quantity"] == "boundaries per unit length"
    assert record["exact"] == pytest.approx(2 / np.pi) and record["covered"] in (True, False)
    record = one_json(run("estimate", cross, "--method", "species", "--json")[1])
    assert "exact" not in record and record["details"]["unseen_share"] == 0
    code, out, err = run("estimate", cross, "--method", "volumes", "--domain", "space")
    assert (code, out) == (2, "") and "needs bounds on every coordinate" in err
    for words in (("--form", "waiting"), ("--form", "x"), ("--width", "0"), ("--samples", "all")):
        code, out, err = run("estimate", cross, "--method", "tree", *words)
        assert (code, out) == (2, "") and err.startswith("regions: ")


def test_exact_where_the_domain_has_too_many_dimensions(run: Run, tmp_path: Path):
    path = tmp_path / "four.npz"
    np.savez(path, W1=np.eye(4), b1=np.zeros(4), W2=np.ones((1, 4)), b2=np.zeros(1))
    options = ("--method", "slices", "--samples", "3", "--exact")
    code, out, _ = run("estimate", path, *options)
    assert code == 0 and "exact: not known (no formula in 4 dimensions)" in out
    record = one_json(run("estimate", path, *options, "--json")[1])
    assert record["exact"] is None and record["covered"] is None


# ------------------------------------------------------------------------------------ coverage

FAST = (
    ("tree, width 1", "random 2-6-4"),
    ("tree, width 4", "1-norm 2"),
    ("volumes", "thresholds"),
    ("volumes", "Eulerian 4"),
    ("volumes, waiting", "cosines 2-4-4"),
    ("species", "random 3-5-4"),
    ("patterns", "braid 3"),
)
CLAIMS = {claim.name: claim for claim in coverage.CLAIMS}


def rejects_nothing(name: str, case: str, trials: int) -> coverage.Row | None:
    row = coverage.measure(coverage.CASES[case], CLAIMS[name], trials)
    assert row is None or row["p"] >= coverage.REJECTED, row
    return row


@pytest.mark.parametrize(("name", "case"), FAST)
def test_intervals_cover(name: str, case: str):
    row = rejects_nothing(name, case, 200)
    assert row is not None and row["trials"] == 200
    if row["bias"] == "none":
        assert row["ratio"] == pytest.approx(1, abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("case", coverage.CASES)
@pytest.mark.parametrize("name", CLAIMS)
def test_all_intervals_cover(name: str, case: str):
    """Ten networks, 1000 seeds, 200 for sections."""
    dear = CLAIMS[name].dear
    rejects_nothing(name, case, coverage.FEW_TRIALS if dear else coverage.TRIALS)


def test_a_claim_that_is_too_bold_is_rejected():
    """A normal interval of heavy-tailed samples, called 0.95: the test sees that it is not."""
    network = Network.from_layers([([[1]] * 2, ["-0.9", "-0.99"]), ([[1] * 2], [0])])
    hits = 0
    for seed in range(200):
        found = estimate(network, method="volumes", samples=30, seed=seed)
        error = found.details["standard_error"]
        assert isinstance(error, float) and found.value is not None
        hits += abs(found.value - 3) <= 1.96 * error
    assert coverage.tail(hits, 200, 0.95) < coverage.REJECTED


def test_the_coverage_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    marked, figures = tmp_path / "coverage.md", tmp_path / "coverage.json"
    words = ["--trials", "5", "--only", "tree", "--networks", "thresholds"]
    assert coverage.main([*words, "--markdown", str(marked), "--json", str(figures)]) == 0
    rows = json.loads(figures.read_text())["rows"]
    assert [row["estimator"] for row in rows] == ["tree, width 1", "tree, width 4"]
    assert "| tree, width 1 | thresholds | 5 | 5 |" in marked.read_text()
    assert "none of 2 claims is rejected" in capsys.readouterr().out


def test_coverage_of_nothing(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        coverage.main(["--only", "guess"])
    assert "no name begins so" in capsys.readouterr().err


def test_every_exact_number_of_the_coverage_table_is_known():
    """By formula, by ACCEPTANCE, or by the oracle elsewhere in the tests."""
    numbers: dict[str, Any] = {
        "thresholds": 5, "sawtooth 3": 8, "braid 3": 6, "Eulerian 4": 4, "cosines 2-4-4": 16,
        "cosines 2-4-4-4": 20,
    }  # fmt: skip
    for name, number in numbers.items():
        assert coverage.exact_value(coverage.CASES[name], CLAIMS["tree, width 1"]) == number
