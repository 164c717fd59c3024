"""The MILP engine: known counts, the oracle, a lying solver, limits; nothing rests on a claim."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

import regions
from regions.counting import by_milp
from regions.counting.tree import Stop
from regions.errors import DomainError, InputError
from solvers.exact_simplex import Stopped
from solvers.solution import Limit, Solution, Status
from tests import oracle
from tests.cases import (
    PARALLEL,
    READS_INPUT,
    REPEATED,
    THREE_ROWS,
    braid,
    free_first_layer,
    frozen,
    orthants,
    sawtooth,
)
from tests.command_line import Run, one_json
from tests.lying import LIES, LyingBackend
from tests.plain import PlainDomain, PlainNetwork, cube
from tests.strategies import BOUNDED, Problem, problems

KNOWN: dict[str, tuple[PlainNetwork, PlainDomain, int]] = {
    "orthants": (orthants(3), cube(3), 8),
    "repeated, opposite and constant rows": (REPEATED, cube(2), 4),
    "parallel rows": (PARALLEL, cube(2, -2, 2), 6),
    "000 at the origin only": (THREE_ROWS, cube(2), 6),
    "permutations": (braid(3), cube(3, 0, 1), 6),
    "units that are identically zero": (sawtooth(3), cube(1, 0, 1), 8),
    "skip connection": (READS_INPUT, cube(2, -1, 1), 4),
    "free first layer": (free_first_layer(), cube(2, -2, 2), 28),
    "deep": (frozen((4, 4)), cube(2), 16),
}


@pytest.mark.parametrize("name", KNOWN)
def test_known_counts(name: str):
    network, domain, count = KNOWN[name]
    found = regions.count(network.build(), domain.build(), engine="milp")
    assert (found.lower, found.upper) == (count, count)
    assert found.engine == "milp" and found.stopped is None
    told: Any = found.stats["milp"]
    assert told["regions"] <= count and told["solves"] >= told["regions"]
    if told["claimed_all"]:  # HiGHS was right: nothing was missed here
        assert told["regions"] == count


@settings(max_examples=25)
@given(problems(forms=BOUNDED, max_units=5))
def test_random_problems_agree_with_the_oracle(problem: Problem):
    network, domain = problem.network, problem.domain
    expected = oracle.regions(network.layers, domain.rows, domain.dim)
    if oracle.is_empty(domain.rows, domain.dim):
        with pytest.raises(DomainError):
            regions.count(network.build(), domain.build(), engine="milp")
        return
    assert int(regions.count(network.build(), domain.build(), engine="milp")) == len(expected)


@pytest.mark.parametrize("share", [1.0, 0.3])
@pytest.mark.parametrize("lie", LIES)
def test_no_lie_changes_a_count(lie: str, share: float):
    for name in ("repeated, opposite and constant rows", "units that are identically zero"):
        network, domain, count = KNOWN[name]
        liar = LyingBackend(lie, share=share, seed=4)
        found = regions.count(network.build(), domain.build(), engine="milp", backend=liar)
        assert (found.lower, found.upper) == (count, count), name


def test_a_false_claim_that_no_region_is_left_is_repaired():
    network, domain, count = KNOWN["deep"]
    liar = LyingBackend("always infeasible", share=0.4, bases=False, seed=1)
    found = regions.count(network.build(), domain.build(), engine="milp", backend=liar)
    told: Any = found.stats["milp"]
    assert told["claimed_all"] and told["regions"] < count == int(found)


def test_a_solver_that_ignores_the_cuts_is_given_up(monkeypatch: pytest.MonkeyPatch):
    network, domain, count = KNOWN["deep"]
    monkeypatch.setattr(by_milp, "_forbid", lambda *_: None)
    found = regions.count(network.build(), domain.build(), engine="milp")
    told: Any = found.stats["milp"]
    assert int(found) == count and not told["claimed_all"] and told["solves"] == 2


def test_too_many_thin_cells_are_left_to_the_tree(monkeypatch: pytest.MonkeyPatch):
    # 6 lines through the corner of the square: all 64 patterns have the corner
    monkeypatch.setattr(by_milp, "REFUTED", (8, 1))
    layer = [[1, k] for k in range(1, 7)], [0] * 6
    network = regions.Network.from_layers([layer, ([[1] * 6], [0])])
    for domain, count in ((regions.Box.cube(2, 0, 1), 1), (regions.Box.cube(2, -1, 1), 12)):
        found = regions.count(network, domain, engine="milp")
        assert int(found) == count
    told: Any = found.stats["milp"]
    assert told["refuted"] > 8 and not told["claimed_all"]


def test_limits_leave_bounds_that_hold():
    network, domain, count = KNOWN["free first layer"]
    full = regions.bounds(network.build(), domain.build()).best
    for seconds in (0.0, 0.05, 0.2):
        found = regions.count(network.build(), domain.build(), engine="milp", time_limit=seconds)
        assert found.lower <= count <= found.upper <= full
    nothing = regions.count(network.build(), domain.build(), engine="milp", time_limit=0)
    assert nothing.stopped == "time limit" and not nothing.exact


def test_what_was_found_before_a_limit_counts(monkeypatch: pytest.MonkeyPatch):
    network, domain, count = KNOWN["deep"]
    solve, stops = by_milp._solve, []

    def stopping(session: Any, found: Any, stop: Any) -> Any:
        if found.solves == 5:
            stop.outer.interrupted = True
            stops.append(stop)
        return solve(session, found, stop)

    monkeypatch.setattr(by_milp, "_solve", stopping)
    found = regions.count(network.build(), domain.build(), engine="milp")
    assert stops and found.stopped == "interrupted"
    assert found.lower == 5 < count < found.upper


class Slow:
    """Needs more time three times, then claims that there is nothing."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    def solve(self, seconds: float) -> Solution:
        self.asked.append(seconds)
        done = len(self.asked) > 3
        status, limit = (Status.INFEASIBLE, None) if done else (Status.STOPPED, Limit.TIME)
        return Solution(status, limit, None, float("-inf"), None, None, None, 0, seconds, "slow")


def test_a_long_solve_is_interrupted_to_look_for_a_stop():
    session: Any = Slow()
    found = by_milp.Proposals()
    assert by_milp._solve(session, found, Stop(None)).status is Status.INFEASIBLE
    assert session.asked == [2.0, 4.0, 8.0, 16.0] and found.solves == 4
    session = Slow()
    assert by_milp._solve(session, found, Stop(None, outer=None)).limit is None
    with pytest.raises(Stopped):
        by_milp._solve(session, found, Stop(0.0))


def test_progress_never_falls():
    network, domain, count = KNOWN["deep"]
    seen: list[tuple[int, int]] = []
    found = regions.count(
        network.build(), domain.build(), engine="milp",
        progress=lambda p: seen.append((p.lower, p.upper)),
    )  # fmt: skip
    assert int(found) == count and len(seen) >= count
    assert all(low <= count <= high for low, high in seen)
    assert [low for low, _ in seen] == sorted(low for low, _ in seen)


def test_unbounded_domains_are_refused_explaining_big_m():
    network = orthants(2).build()
    for domain in (regions.Space(2), regions.Polytope([[1, 0]], [1])):
        with pytest.raises(DomainError, match="big-M"):
            regions.count(network, domain, engine="milp")


def test_what_the_engine_does_not_do(tmp_path: Path):
    network = orthants(2).build()
    with pytest.raises(InputError, match="keeps no journal"):
        regions.count(network, engine="milp", journal=tmp_path / "journal")
    with ThreadPoolExecutor(1) as pool, pytest.raises(InputError, match="works alone"):
        regions.count(network, engine="milp", executor=pool)
    with pytest.raises(InputError, match="the milp engine only counts"):
        list(regions.iter_regions(network, engine="milp"))
    assert int(regions.count(network, engine="milp", workers=2)) == 4


def test_the_command_line_has_the_engine(run: Run, cross: Path):
    code, out, err = run("count", cross, "--engine", "milp", "--json")
    assert (code, err) == (0, "")
    record = one_json(out)
    assert (record["lower"], record["engine"]) == (4, "milp")
    assert record["stats"]["milp"]["regions"] == 4
    code, out, err = run("count", cross, "--engine", "milp", "--domain", "space")
    assert (code, out) == (2, "") and "big-M" in err and err.count("\n") == 1


def test_a_solver_that_stops_at_once_is_given_up():
    """It says that its time is over when it is not; the proposals end, and the tree proves."""

    class Idle:
        solves = 0

        def solve(self, seconds: float) -> Solution:
            self.solves += 1
            inf = float("inf")
            return Solution(
                Status.STOPPED, Limit.TIME, None, -inf, None, None, None, 0, 0.0, "idle"
            )

    session = Idle()
    idle: Any = session
    solution = by_milp._solve(idle, by_milp.Proposals(), Stop(None))
    assert solution.status is Status.STOPPED and session.solves == by_milp.IDLE
