"""Workers that keep their engines: what they go on with, what they give away, how they end."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info

import regions
from regions.counting import by_simplex
from regions.counting.crew import Crew
from regions.counting.engines import COMPILED
from regions.counting.tree import Stop
from regions.counting.work import OpenCell, Problem, Worker
from regions.frame import Frame
from regions.network import Network
from solvers.backend import get_backend
from tests.cases import braid, one_norm, resonance

BACKEND = get_backend("highs")
LIMIT = 10**40


def dense(seed: int, *widths: int) -> Network:
    """Weights that are short enough for every engine, and in general position."""
    rng = np.random.default_rng(seed)
    layers = [
        (np.round(128 * rng.normal(size=(above, below))) / 128, rng.integers(-99, 99, above) / 64)
        for below, above in pairwise(widths)
    ]
    return Network.from_layers([*layers, (np.ones((1, widths[-1])), [0])])


CASES = {
    "braid": braid(4).build(),
    "resonance": resonance(4).build(),
    "one norm": one_norm(2, 3).build(),
    "plane": dense(5, 2, 12, 12),
    "space": dense(6, 3, 8, 7),
}
WIDE = dense(8, 16, 5, 4)


def problem_of(network: Network, engine: str) -> Problem:
    frame = Frame.of(regions.Box.cube(network.inputs, -1, 1), BACKEND, None)
    return Problem(frame.pull(network), frame, engine, BACKEND)


def now() -> Stop:
    return Stop(time.monotonic())


@pytest.mark.parametrize(
    ("name", "engine"),
    [*((name, engine) for name in CASES for engine in COMPILED), ("wide", "simplex")],
)
def test_three_workers_pass_cells_to_and_fro(
    name: str, engine: str, monkeypatch: pytest.MonkeyPatch
):
    """Each takes back all, some or none of what it left, and some of what others left."""
    network = CASES.get(name, WIDE)
    if name == "wide":
        monkeypatch.setattr(by_simplex, "WIDE_BYTES", 0)
        assert by_simplex.is_wide(network.relus, network.inputs)
    problem, rng = problem_of(network, engine), random.Random(1)
    found, opened = 0, [OpenCell(None, LIMIT, engine)]
    workers = [Worker(problem) for _ in range(3)]
    left: list[list[OpenCell]] = [[] for _ in workers]
    for _ in range(100_000):
        if not opened:
            break
        who = rng.randrange(3)
        mine = [cell for cell in left[who] if any(cell is other for other in opened)]
        mine = mine[rng.randint(0, len(mine)) :]
        others = [cell for cell in opened if not any(cell is other for other in mine)]
        taken = rng.sample(others, min(len(others), rng.randint(0 if mine else 1, 2))) + mine
        opened = [cell for cell in opened if not any(cell is other for other in taken)]
        done = workers[who].work(taken, now())
        found += done.regions
        left[who] = list(done.left)
        opened += done.left
    for worker in workers:
        worker.close()
    assert found == int(regions.count(network, engine="lp"))


@pytest.mark.parametrize("engine", COMPILED)
def test_a_worker_goes_on_with_what_it_left(engine: str):
    """In slices of no time it decides nothing twice."""
    network = CASES["plane"]
    problem = problem_of(network, engine)
    cells: tuple[OpenCell, ...] = (OpenCell(None, LIMIT, engine),)
    found = decided = slices = 0
    with closing(Worker(problem)) as worker:
        while cells:
            done = worker.work(cells, now())
            cells, found, slices = done.left, found + done.regions, slices + 1
            decided += int(done.stats["decided"])
    whole = regions.count(network, engine=engine)
    assert (found, decided) == (int(whole), whole.stats["decisions"]) and slices > 3


@pytest.mark.parametrize("engine", COMPILED)
def test_a_worker_may_be_given_the_whole_domain_again(engine: str):
    problem = problem_of(CASES["space"], engine)
    expected = int(regions.count(CASES["space"], engine="lp"))
    with closing(Worker(problem)) as worker:
        for _ in range(2):
            assert worker.work([OpenCell(None, LIMIT, engine)], Stop(None)).regions == expected


def test_threads_hand_in_what_they_have_when_they_are_hurried():
    """Their slice of a day ends, and is not lost; meanwhile BLAS uses one thread."""
    network, stop = dense(7, 8, 24, 24), Stop(None)
    before = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    with Crew(problem_of(network, "simplex"), stop, 2, None) as crew:
        crew.begin([OpenCell(None, LIMIT, "simplex")], 86_400.0)
        while not (turns := crew.finished()):
            crew.hurry()
        for turn in turns:
            crew.end(turn)
            done = turn.future.result()
            assert done.left and done.stats["decided"]
        assert {
            pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"
        } <= {1}
    after = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    assert after == before


@pytest.mark.parametrize("engine", COMPILED)
@pytest.mark.parametrize("workers", [2, 3])
def test_threads_count_the_same(engine: str, workers: int, monkeypatch: pytest.MonkeyPatch):
    """Also when they are called in at once and work in the shortest slices."""
    from regions.counting import crew
    from regions.counting import workers as counting

    for module, name in ((counting, "ALONE"), (counting, "SECONDS"), (crew, "LEAST")):
        monkeypatch.setattr(module, name, 0.0)
    for name in ("resonance", "plane"):
        network = CASES[name]
        expected = int(regions.count(network, engine="lp"))
        assert int(regions.count(network, engine=engine, workers=workers)) == expected


ORPHANS = """
import sys
import numpy as np
import regions
if __name__ == "__main__":
    rng = np.random.default_rng(0)
    layers = [(rng.normal(size=size), rng.normal(size=size[0])) for size in [(30, 8), (30, 30)]]
    network = regions.Network.from_layers([*layers, (np.ones((1, 30)), [0])])
    print("ready", flush=True)
    regions.count(network, engine="lp", workers=2)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_processes_end_with_the_one_that_asked(tmp_path: Path, root: Path):
    """Also where that one is killed and cannot tell them."""
    script = tmp_path / "orphans.py"
    script.write_text(ORPHANS)
    process: Any = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    children: set[int] = set()
    until = time.monotonic() + 60
    while len(children) < 3 and time.monotonic() < until:  # two, and the one that watches resources
        time.sleep(0.1)
        children = descendants(process.pid)
    time.sleep(0.5)  # they watch from their first moments on
    process.send_signal(signal.SIGKILL)
    process.wait()
    while any(is_alive(child) for child in children) and time.monotonic() < until:
        time.sleep(0.1)
    assert len(children) == 3 and not any(is_alive(child) for child in children)
    process.stdout.close()


def descendants(pid: int) -> set[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return {int(word) for word in text.split()}


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").split()[2] != "Z"
    except OSError:
        return False
