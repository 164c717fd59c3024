"""Interrupted, limited or lied to, `count` may know less; what it says stays true."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import regions
from regions.region_table import write_regions
from regions.results import Progress
from tests import oracle
from tests.cases import Case, braid, carry, deep_cases, frozen, most_regions, one_layer_cases
from tests.lying import LIES, LyingBackend
from tests.plain import cube, space
from tests.strategies import Problem, problems

KNOWN = {
    case.name: case
    for case in (*one_layer_cases(), *deep_cases())
    if not case.slow and case.regions > 30
}
#: 5040 regions: seconds of work for the engine that uses linear programs.
LONG = Case("braid-7", braid(7), space(7), 5040)


def largest(case: Case) -> int:
    """Π S(n_l, dim D)."""
    return prod(most_regions(width, case.network.inputs) for width in case.network.widths)


def count_by_lp(case: Case, **options: Any) -> regions.Count:
    """The engine that asks a solver, and takes its time."""
    return regions.count(case.network.build(), case.domain.build(), engine="lp", **options)


def assert_bounds(result: regions.Count, true: int) -> None:
    assert 0 <= result.lower <= true <= result.upper
    assert result.exact == (result.lower == result.upper)


@pytest.mark.parametrize("name", KNOWN)
def test_no_time_leaves_valid_bounds(name: str):
    case = KNOWN[name]
    result = regions.count(case.network.build(), case.domain.build(), time_limit=0)
    assert_bounds(result, case.regions)
    assert result.upper <= largest(case)
    assert result.exact or result.stopped == "time limit"


@pytest.mark.parametrize("engine", ["lp", "vertices", "simplex"])
@pytest.mark.parametrize("widths", [(3, 6, 4, 6), (2, 9, 2, 9)])
def test_the_upper_bound_is_never_above_those_without_counting(
    engine: str, widths: Any, tmp_path: Path
):
    """The narrow layer makes Serra's bound lower than that of the search tree alone."""
    rng = np.random.default_rng(5)
    layers = [
        (rng.normal(size=(n, m)), rng.normal(size=n))
        for m, n in zip(widths, (*widths[1:], 1), strict=True)
    ]
    network, domain = regions.Network.from_layers(layers), regions.Box.cube(widths[0], -1, 1)
    stopped = regions.count(network, domain, engine=engine, time_limit=0)
    assert stopped.upper <= regions.bounds(network, domain).best
    assert stopped.lower <= regions.count(network, domain, engine="lp").lower <= stopped.upper
    listed = write_regions(tmp_path / "r.parquet", network, domain, engine=engine, time_limit=0)
    assert listed.upper <= stopped.upper and listed.lower <= stopped.upper


@given(problem=problems())
def test_no_time_leaves_valid_bounds_on_random_problems(problem: Problem):
    network, domain = problem.network, problem.domain
    if oracle.is_empty(domain.rows, domain.dim):
        return
    result = regions.count(network.build(), domain.build(), time_limit=0)
    assert_bounds(result, len(oracle.regions(network.layers, domain.rows, domain.dim)))
    assert result.exact or result.stopped == "time limit"


@pytest.mark.parametrize("seconds", [0.05, 0.5])
def test_a_time_limit_stops_a_long_count(seconds: float):
    result = count_by_lp(LONG, time_limit=seconds)
    assert_bounds(result, LONG.regions)
    assert result.upper <= largest(LONG)
    assert result.exact or (result.stopped == "time limit" and result.unresolved == 0)


def test_bounds_only_narrow():
    case = KNOWN["type-b-4"]
    reports: list[Progress] = []
    result = regions.count(case.network.build(), case.domain.build(), progress=reports.append)
    assert reports, "progress is reported at least once"
    uppers = [report.upper for report in reports]
    lowers = [report.lower for report in reports]
    assert uppers == sorted(uppers, reverse=True)
    assert lowers == sorted(lowers)
    assert all(low <= case.regions <= high for low, high in zip(lowers, uppers, strict=True))
    assert uppers[-1] >= result.upper and lowers[-1] <= result.lower
    assert [r.seconds for r in reports] == sorted(r.seconds for r in reports)
    assert int(result) == case.regions


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Python's own handler of SIGINT, also where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("reports_before", [1, 3])
def test_an_interruption_leaves_valid_bounds(reports_before: int):
    handler = signal.getsignal(signal.SIGINT)
    seen = []

    def interrupt(report: Progress) -> None:
        seen.append(report)
        if len(seen) == reports_before:
            signal.raise_signal(signal.SIGINT)

    result = count_by_lp(LONG, progress=interrupt)
    assert len(seen) >= reports_before
    assert result.stopped == "interrupted" and not result.exact
    assert_bounds(result, LONG.regions)
    assert result.upper <= seen[-1].upper and result.lower >= seen[-1].lower
    assert signal.getsignal(signal.SIGINT) is handler, "the caller's handler is put back"


@pytest.mark.usefixtures("ctrl_c")
def test_a_second_interruption_is_not_caught():
    handler = signal.getsignal(signal.SIGINT)

    def interrupt_twice(_: Progress) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        count_by_lp(LONG, progress=interrupt_twice)
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.usefixtures("ctrl_c")
def test_an_interrupted_count_can_be_repeated():
    network, domain = frozen((4, 4)).build(), cube(2).build()

    def interrupt(_: Progress) -> None:
        signal.raise_signal(signal.SIGINT)

    regions.count(network, domain, progress=interrupt)
    assert int(regions.count(network, domain)) == 16


LIED_TO = [
    Case("frozen", frozen((4, 4)), cube(2), 16),
    Case("frozen-space", frozen((4, 4)), space(2), 26),
    Case("braid", braid(4), space(4), 24),
    Case("braid-cube", braid(4), cube(4, 0, 1), 24),
    Case("carry", carry(3), space(3), 24),
]


@pytest.mark.parametrize("share", [1.0, 0.3])
@pytest.mark.parametrize("lie", LIES)
def test_a_lying_solver_changes_no_count(lie: str, share: float):
    for case in LIED_TO:
        backend = LyingBackend(lie, share=share)
        result = count_by_lp(case, backend=backend)
        assert (result.lower, result.upper) == (case.regions, case.regions), case.name
        assert backend.told, "this test needs a solver that is asked"


@given(problem=problems(), lie=st.sampled_from(sorted(LIES)), seed=st.integers(0, 9))
def test_a_lying_solver_changes_no_count_of_random_problems(problem: Problem, lie: str, seed: int):
    network, domain = problem.network, problem.domain
    if oracle.is_empty(domain.rows, domain.dim):
        return
    expected = len(oracle.regions(network.layers, domain.rows, domain.dim))
    backend = LyingBackend(lie, share=0.7, bases=seed % 2 == 0, seed=seed)
    result = regions.count(network.build(), domain.build(), engine="lp", backend=backend)
    assert (result.lower, result.upper) == (expected, expected)


def test_the_second_backend_counts_the_same():
    pytest.importorskip("scipy.optimize")
    for case in LIED_TO:
        result = count_by_lp(case, backend="scipy")
        assert int(result) == case.regions
