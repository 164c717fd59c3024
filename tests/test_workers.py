"""A count in slices: whatever the slices and whoever works, the number is the same."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st

import regions
from regions.counting.engines import COMPILED, refusal
from regions.counting.prefix import Prefix
from regions.counting.tree import Stop
from regions.counting.work import OpenCell, Problem, Slice, work
from regions.counting.workers import count_by_workers
from regions.errors import RegionsError
from regions.frame import Frame
from regions.results import Progress
from solvers.backend import get_backend
from tests import strategies
from tests.cases import braid, one_norm, resonance
from tests.strategies import problems

BACKEND = get_backend("highs")
LIMIT = 10**30
CASES = {"braid": braid(4), "resonance": resonance(4), "one norm": one_norm(2, 3)}
ENGINES = ["lp", *COMPILED]


def problem_of(network: Any, domain: Any, engine: str) -> Problem:
    frame = Frame.of(domain, BACKEND, None)
    return Problem(frame.pull(network), frame, engine, BACKEND)


def chopped(problem: Problem, rng: random.Random) -> int:
    """The count by slices of no time at all, of cells in random order, handed on as text."""
    found, opened = 0, [OpenCell(None, LIMIT, problem.engine)]
    for _ in range(100_000):
        if not opened:
            return found
        rng.shuffle(opened)
        count = rng.randint(1, 3)
        taken, opened = opened[-count:], opened[:-count]
        done = work(problem, taken, 0.0)
        found += done.regions
        for cell in done.left:
            assert cell.bound >= 1
            prefix = cell.prefix and Prefix.from_text(cell.prefix.as_text())
            opened.append(OpenCell(prefix, cell.bound, cell.engine))
    raise AssertionError("slices go on for ever")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", CASES)
def test_degenerate_networks_by_the_smallest_slices(name: str, engine: str):
    network = CASES[name].build()
    domain = regions.Box.cube(network.inputs, -1, 1)
    expected = int(regions.count(network, domain, engine="lp"))
    assert chopped(problem_of(network, domain, engine), random.Random(1)) == expected


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=25)
@given(
    problem=problems(["cube", "box", "polytope"], chain=True, max_inputs=3, max_units=11),
    seed=st.integers(0, 99),
)
def test_random_networks_by_the_smallest_slices(
    engine: str, problem: strategies.Problem, seed: int
):
    try:
        network, domain = problem.network.build(), problem.domain.build()
        sliced = problem_of(network, domain, engine)
    except regions.DomainError:  # empty
        reject()
    assume(engine == "lp" or refusal(engine, sliced.network, sliced.frame) is None)
    assert chopped(sliced, random.Random(seed)) == int(regions.count(network, domain, engine="lp"))


@given(
    bits=st.lists(st.text("01", max_size=5), max_size=3),
    current=st.none() | st.text("01*", min_size=1, max_size=5),
    path=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.sampled_from([-1, 1]))),
    point=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=3),
)
def test_a_prefix_as_text_loses_nothing(
    bits: list[str], current: str | None, path: list[tuple[int, int, int]], point: list[float]
):
    codes = {"0": 0, "1": 1, "*": -1}

    def array(text: str) -> np.ndarray:
        return np.array([codes[letter] for letter in text], dtype=np.int8)

    whole = None if current is None else array(current)
    prefix = Prefix(tuple(array(text) for text in bits), whole, tuple(path), np.array(point))
    again = Prefix.from_text(prefix.as_text())
    assert again.as_text() == prefix.as_text()
    assert [list(layer) for layer in again.bits] == [list(layer) for layer in prefix.bits]
    assert (again.current is None) == (current is None)
    assert again.path == prefix.path and again.point.tobytes() == prefix.point.tobytes()


@pytest.fixture(scope="module")
def network() -> regions.Network:
    rng = np.random.default_rng(5)
    layers = [
        (rng.normal(size=(12, 2)), rng.normal(size=12)),
        (rng.normal(size=(12, 12)), rng.normal(size=12)),
    ]
    return regions.Network.from_layers([*layers, (np.ones((1, 12)), [0])])


class Inline(Executor):
    """Runs everything at once, in the caller."""

    def __init__(self) -> None:
        self.calls = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        self.calls += 1
        future: Future[Any] = Future()
        try:
            future.set_result(self.run(fn, *args, **options))
        except (BrokenExecutor, OSError) as error:
            future.set_exception(error)
        return future

    def run(self, fn: Callable[..., Any], *args: Any, **options: Any) -> Any:
        return fn(*args, **options)


class Dying(Inline):
    """Some of its workers die before they hand in what they did."""

    def __init__(self, deaths: set[int]) -> None:
        super().__init__()
        self.deaths = deaths

    def run(self, fn: Callable[..., Any], *args: Any, **options: Any) -> Any:
        done = fn(*args, **options)
        if self.calls in self.deaths:
            raise BrokenExecutor("a worker died")
        return done


@pytest.mark.parametrize("engine", ["lp", *COMPILED])
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_any_executor_counts_the_same(network: regions.Network, engine: str, workers: int):
    if engine == "integers":
        network = resonance(4).build()
    expected = regions.count(network, engine="lp")
    executor = Inline()
    count = regions.count(network, engine=engine, workers=workers, executor=executor)
    assert count.exact and count.lower == expected.lower and executor.calls
    assert count.stats["decisions"]


def test_workers_may_die(network: regions.Network):
    expected = int(regions.count(network))
    executor = Dying({1, 2})
    assert int(regions.count(network, engine="simplex", workers=2, executor=executor)) == expected
    assert executor.calls > 2
    with pytest.raises(RegionsError, match=r"4 workers died .*a worker died.*memory"):
        regions.count(network, executor=Dying(set(range(99))))


def test_processes_count_the_same(network: regions.Network):
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        count = regions.count(network, engine="simplex", workers=2, executor=pool)
    assert int(count) == int(regions.count(network))


def test_bounds_hold_and_only_narrow(network: regions.Network):
    truth = int(regions.count(network))
    problem = problem_of(network, regions.Box.cube(2, -1, 1), "lp")
    seen: list[Progress] = []

    class Slow(Inline):
        def run(self, fn: Callable[..., Any], *args: Any, **options: Any) -> Slice:
            time.sleep(0.11)  # longer than the time between two reports
            whole, cells, _, outer = args
            done: Slice = fn(whole, cells, 0.0, outer)
            return done

    stop = Stop(time.monotonic() + 2.0)
    outcome, _ = count_by_workers(
        problem, LIMIT, stop, lambda progress, _: seen.append(progress), 2, Slow()
    )
    assert len(seen) > 3
    for report in seen:
        assert report.lower <= truth <= report.upper
    assert [r.upper for r in seen] == sorted((r.upper for r in seen), reverse=True)
    assert [r.lower for r in seen] == sorted(r.lower for r in seen)
    assert outcome.lower <= truth <= outcome.upper
    assert outcome.stopped == "time limit" and outcome.upper > outcome.lower


@pytest.mark.parametrize("workers", [0, -1, True, 1.5, "2"])
def test_an_impossible_number_of_workers_is_named(network: regions.Network, workers: Any):
    with pytest.raises(regions.InputError, match=f"workers.*1 or more.*{workers!r}"):
        regions.count(network, workers=workers)


def test_rational_domains_go_on_too():
    """Cells at a corner that no double hits."""
    third = Fraction(1, 3)
    domain = regions.Box([-third, -third], [third, third])
    plain = braid(2).build()
    expected = int(regions.count(plain, domain))
    for engine in ENGINES:
        assert chopped(problem_of(plain, domain, engine), random.Random(3)) == expected


@pytest.mark.parametrize("cold", [True, False])
def test_the_first_run_says_that_it_compiles(
    network: regions.Network, cold: bool, monkeypatch: pytest.MonkeyPatch
):
    from regions.cli.progress import progress_line
    from regions.counting import api

    monkeypatch.setattr(api, "is_cold", lambda engine: cold and engine == "simplex")
    seen: list[Progress] = []
    regions.count(network, engine="simplex", progress=seen.append)
    assert [report.compiling for report in seen[:1]] == [cold]
    assert cold == progress_line(seen[0]).startswith("compiling the engine, once")
    assert not any(report.compiling for report in seen[1:])
