"""The compiled engines, stopped anywhere or lied to: what they say stays true.

Tiny budgets make it look at its limits after every node, with cells that were set aside waiting.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest

import regions
from regions.counting import by_vertices, compiled
from regions.counting.engines import FLOATS
from regions.counting.tree import Stop
from regions.results import Progress
from tests.cases import (
    Case,
    TorchCase,
    braid,
    carry,
    doubled,
    frozen,
    most_regions,
    one_norm,
    sawtooth,
)  # fmt: skip
from tests.lying import LIES, LyingBackend
from tests.plain import cube

FACETS = {"doubled": 6, "frozen": 64}  # that a cell of `vertices` may have; of the others none
both = pytest.mark.parametrize("engine", FLOATS)
CASES = {
    case.name: case
    for case in (
        Case("braid", braid(4), cube(4, 0, 1), 24),  # set aside as a whole
        Case("carry", carry(3), cube(3), 24),
        Case("one-norm", one_norm(3, 3), cube(3, -4, 4), 32),
        Case("saws", sawtooth(2, 2), cube(2, 0, 1), 16),
        Case("doubled", doubled(frozen((9, 5))), cube(2), 83),  # many cells are set aside
        Case("frozen", frozen((4, 4, 4)), cube(2), 20),  # nothing is set aside
    )
}


def count(case: Case, engine: str, **options: Any) -> regions.Count:
    with pytest.MonkeyPatch.context() as patch:  # so that `vertices` too sets cells aside
        patch.setattr(by_vertices, "FACETS", FACETS.get(case.name, 0))
        return regions.count(case.network.build(), case.domain.build(), engine=engine, **options)


def assert_bounds(result: regions.Count, true: int) -> None:
    assert 1 <= result.lower <= true <= result.upper
    assert result.exact == (result.stopped is None) or result.lower == result.upper


@pytest.fixture(params=[1, 7, 20_000])
def budget(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Nodes between two looks at the limits; every look is reported."""
    monkeypatch.setattr(compiled, "BUDGET", request.param)
    monkeypatch.setattr(compiled, "SECONDS", 0.0)
    monkeypatch.setattr(compiled, "REPORT_SECONDS", 0.0)
    return request.param


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Python's own handler of SIGINT, also where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@both
@pytest.mark.parametrize("name", CASES)
def test_reports_narrow_and_are_true(engine: str, name: str, budget: int):
    case, reports = CASES[name], []
    result = count(case, engine, progress=reports.append)
    assert (result.lower, result.upper, result.stopped) == (case.regions, case.regions, None)
    assert len(reports) > (10 if budget == 1 and name in ("doubled", "frozen") else 0)
    aside = int(str(result.stats["set_aside"]))
    if name == "doubled":
        assert aside >= 5
    elif engine == "vertices" or name in ("braid", "frozen"):
        assert aside == int(name != "frozen")
    lowers, uppers = [r.lower for r in reports], [r.upper for r in reports]
    assert all(low <= case.regions <= high for low, high in zip(lowers, uppers, strict=True))
    assert lowers == sorted(lowers)
    assert uppers == sorted(uppers, reverse=True)


@both
@pytest.mark.parametrize("looks", [0, 1, 2, 3, 5, 8, 13, 30, 80])
@pytest.mark.parametrize("name", CASES)
def test_a_limit_at_any_moment_leaves_true_bounds(
    engine: str, name: str, looks: int, budget: int, monkeypatch: pytest.MonkeyPatch
):
    """The clock says stop at one look of many: between nodes, and while hard cells are open."""
    left = [looks]

    def reason(self: Stop) -> str | None:
        left[0] -= 1
        return "time limit" if left[0] < 0 else None

    monkeypatch.setattr(Stop, "reason", reason)
    case, reports = CASES[name], []
    result = count(case, engine, progress=reports.append)
    assert_bounds(result, case.regions)
    assert all(r.lower <= case.regions <= r.upper for r in reports)
    assert result.stopped in (None, "time limit")


@both
def test_a_limit_while_set_aside_cells_are_open(engine: str, monkeypatch: pytest.MonkeyPatch):
    """The whole braid arrangement is one cell set aside, and its search is what is stopped."""
    left, case = [20], Case("braid", braid(5), cube(5, 0, 1), 120)

    def reason(self: Stop) -> str | None:
        left[0] -= 1
        return "time limit" if left[0] < 0 else None

    monkeypatch.setattr(Stop, "reason", reason)
    result = count(case, engine)
    assert result.stopped == "time limit" and not result.exact
    assert_bounds(result, case.regions)
    assert result.stats["set_aside"] == 1


@both
def test_no_time_leaves_true_bounds(engine: str):
    for case in CASES.values():
        assert_bounds(count(case, engine, time_limit=0), case.regions)


@both
@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("reports_before", [1, 2, 4, 9])
@pytest.mark.parametrize("name", ["doubled", "frozen"])
def test_an_interruption_leaves_true_bounds(
    engine: str, name: str, reports_before: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(compiled, "BUDGET", 1)
    monkeypatch.setattr(compiled, "SECONDS", 0.0)
    monkeypatch.setattr(compiled, "REPORT_SECONDS", 0.0)
    handler, seen = signal.getsignal(signal.SIGINT), []

    def interrupt(report: Progress) -> None:
        seen.append(report)
        if len(seen) == reports_before:
            signal.raise_signal(signal.SIGINT)

    result = count(CASES[name], engine, progress=interrupt)
    assert len(seen) >= reports_before
    assert result.stopped == "interrupted" and not result.exact
    assert_bounds(result, CASES[name].regions)
    assert result.upper <= seen[-1].upper and result.lower >= seen[-1].lower
    assert signal.getsignal(signal.SIGINT) is handler, "the caller's handler is put back"
    again = count(CASES[name], engine)
    assert int(again) == CASES[name].regions


@both
@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("how", ["time limit", "interrupted"])
def test_one_large_cell_can_be_stopped(engine: str, how: str):
    """Twelve million regions of one layer: one node of the tree, whose sections are many."""
    network = TorchCase((6, 48, 1), 0).build()

    def interrupt(_: Progress) -> None:
        if not seen:  # a second one would raise
            seen.append(True)
            signal.raise_signal(signal.SIGINT)

    seen: list[bool] = []
    if how == "interrupted":
        result = regions.count(network, engine=engine, progress=interrupt)
    else:
        result = regions.count(network, engine=engine, time_limit=0)
    assert result.stopped == how
    assert 1 <= result.lower < result.upper <= most_regions(48, 6)


@both
@pytest.mark.parametrize("lie", LIES)
def test_a_lying_solver_changes_no_count(engine: str, lie: str):
    """The cells set aside are counted with a solver, whose word is never taken."""
    told = aside = 0
    for name in ("braid", "carry", "one-norm", "doubled"):
        case, backend = CASES[name], LyingBackend(lie, share=0.8)
        result = count(case, engine, backend=backend)
        assert (result.lower, result.upper) == (case.regions, case.regions), name
        aside += int(str(result.stats["set_aside"]))
        told += backend.told
    assert aside >= 5
    assert told, "this test needs a solver that is asked"
