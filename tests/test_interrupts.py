"""Ctrl-C and time limits inside a running linear program: it ends, and the bounds stay right."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from regions import Box, Network, adversarial, between, estimate, nearest, output_range, reach
from solvers.backend import BACKENDS, Backend, get_backend
from solvers.highs import HighsBackend
from solvers.options import SolveOptions
from solvers.program import LinearProgram
from solvers.solution import Limit, Status
from solvers.stoppable import Stoppable

INF = math.inf


def program(seed: int = 0, rows: int = 60, cols: int = 20, whole: bool = False) -> LinearProgram:
    rng = np.random.default_rng(seed)
    return LinearProgram(
        rng.standard_normal(cols), rng.standard_normal((rows, cols)), np.full(rows, -INF),
        rng.uniform(0.1, 2, rows), np.full(cols, -5.0), np.full(cols, 5.0),
        integer=np.full(cols, True) if whole else None,
    )  # fmt: skip


# ------------------------------------------------------------------------------- solvers


@pytest.mark.parametrize("method", ["simplex", "interior"])
@pytest.mark.parametrize("whole", [False, True])
def test_highs_asks_during_a_solve(method: str, whole: bool):
    asked = []

    def interrupt() -> bool:
        asked.append(True)
        return len(asked) > 2

    options = SolveOptions(presolve="off", method=method, interrupt=interrupt)
    with HighsBackend().open(program(whole=whole), options) as session:
        stopped = session.solve()
        assert (stopped.status, stopped.limit) == (Status.STOPPED, Limit.INTERRUPT)
        assert len(asked) > 2


def test_a_session_goes_on_after_an_interrupt():
    wanted = [True]
    options = SolveOptions(presolve="off", interrupt=lambda: wanted[0])
    with HighsBackend().open(program(), options) as session:
        assert session.solve().limit is Limit.INTERRUPT
        wanted[0] = False
        answer = session.solve()
    assert answer.status is Status.OPTIMAL
    with HighsBackend().open(program()) as session:
        assert answer.objective == pytest.approx(session.solve().objective)


def test_what_a_callback_raises_comes_out_of_solve():
    def interrupt() -> bool:
        raise KeyboardInterrupt

    with HighsBackend().open(program(), SolveOptions(presolve="off", interrupt=interrupt)) as s:
        with pytest.raises(KeyboardInterrupt):
            s.solve()
        with pytest.raises(KeyboardInterrupt):  # and once more: nothing is left over
            s.solve()


@pytest.mark.parametrize("name", BACKENDS)
def test_every_backend_asks_before_it_begins(name: str):
    backend = get_backend(name)
    if not backend.is_available():
        pytest.skip(f"{name} is not installed")
    options = SolveOptions(presolve="off")
    with Stoppable(backend, lambda: True).open(program(), options) as session:
        answer = session.solve()
        assert (answer.status, answer.limit) == (Status.STOPPED, Limit.INTERRUPT)
    with Stoppable(backend, lambda: False).open(program(), options) as session:
        assert session.solve().status is Status.OPTIMAL


# ------------------------------------------------------------------------------- queries


class Watching(Backend):
    """HiGHS; calls `act` once, when a running solve asks for the n-th time whether to go on."""

    name = "watching"  # pyright: ignore[reportAssignmentType]

    def __init__(self, act: Callable[[], None], after: int = 20):
        self.act, self.after = act, after
        self.asked = 0
        self.deaf = 0  # sessions that nobody can interrupt

    def is_available(self) -> bool:
        return True

    def open(self, program: LinearProgram, options: SolveOptions | None = None) -> Any:
        options = options or SolveOptions()
        inner = options.interrupt
        if inner is None:
            self.deaf += 1
            return HighsBackend().open(program, options)

        def interrupt() -> bool:
            self.asked += 1
            if self.asked == self.after:
                self.act()
            return inner()

        return HighsBackend().open(program, replace(options, interrupt=interrupt))


def network(seed: int = 0, *sizes: int) -> Network:
    rng = np.random.default_rng(seed)
    pairs = pairwise(sizes)
    return Network.from_layers(
        [
            (rng.standard_normal((above, below)), rng.standard_normal(above))
            for below, above in pairs
        ]
    )


DEEP = network(0, 5, 14, 14, 2)
WORD = "/".join(["01" * 7] * 2)
ALIKE = WORD[:-1] + "0"
QUESTIONS: dict[str, Callable[..., Any]] = {
    "reach": lambda **o: reach(DEEP, "*" * 14 + "/" + "01" * 7, **o),
    "nearest": lambda **o: nearest(DEEP, WORD, **o),
    "nearest, attained": lambda **o: nearest(DEEP, WORD, attained=True, **o),
    "between": lambda **o: between(DEEP, WORD, ALIKE, **o),
    "range": lambda **o: output_range(DEEP, outputs=[0], **o)[0],
    "adversarial": lambda **o: adversarial(DEEP, [0] * 5, Box.cube(5, -1, 1), norm="l1", **o),
    "estimate": lambda **o: estimate(DEEP, samples=20, **o),
}


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Python's own handler of SIGINT, also where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("name", QUESTIONS)
def test_an_interrupt_in_the_middle_leaves_bounds(name: str):
    backend = Watching(lambda: signal.raise_signal(signal.SIGINT))
    found = QUESTIONS[name](backend=backend)
    assert backend.after <= backend.asked < backend.after + 20, "the running solve ends"
    assert backend.deaf <= 1, "after the search one more may move the witness to doubles"
    stopped = found.why if name == "reach" else found.stopped
    assert stopped == "interrupted"
    if name.startswith("nearest"):
        assert not found.optimal and found.lower <= (found.distance or 28)
    elif name == "between":
        assert not found.optimal and found.lower <= (found.excess or found.lower)
    elif name == "range":
        for end in (found.minimum, found.maximum):
            assert not (end.low is not None and end.high is not None and end.low > end.high)
    elif name == "adversarial":
        assert not found.optimal and found.high is not None and 0 <= found.low <= found.high
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("ctrl_c")
def test_reach_ends_between_splits_that_need_no_program(monkeypatch: pytest.MonkeyPatch):
    """Without a question to the solver, too: the point of the cell itself lies on one side."""
    monkeypatch.setattr("regions.query.search.REPORT_SECONDS", 0.0)
    seen: list[Any] = []

    def interrupt(progress: Any) -> None:
        seen.append(progress)
        if len(seen) == 2:
            signal.raise_signal(signal.SIGINT)

    found = reach(DEEP, "*" * 14 + "/" + "01" * 7, progress=interrupt)
    assert getattr(found, "why", "") == "interrupted"
    assert [report.branches for report in seen] == [1, 2]
