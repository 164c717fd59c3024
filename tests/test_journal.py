"""A killed count goes on where it was; a journal of something else is refused."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor as Threads
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import regions
from regions.counting.journal import Journal
from regions.counting.tree import Stop
from regions.counting.work import OpenCell, Problem, work
from regions.counting.workers import count_by_workers
from regions.errors import InputError, OutputError, RegionsError
from regions.frame import Frame
from solvers.backend import get_backend
from tests.command_line import Run

BACKEND = get_backend("highs")
DOMAIN = regions.Box.cube(2, -1, 1)


@pytest.fixture(scope="module")
def network() -> regions.Network:
    rng = np.random.default_rng(7)
    first = rng.normal(size=(9, 2)), rng.normal(size=9)
    second = rng.normal(size=(9, 9)), rng.normal(size=9)
    return regions.Network.from_layers([first, second, (np.ones((1, 9)), [0])])


def problem_of(network: regions.Network, engine: str) -> Problem:
    frame = Frame.of(DOMAIN, BACKEND, None)
    return Problem(frame.pull(network), frame, engine, BACKEND)


def start(path: Path, problem: Problem, slices: int) -> int:
    """A count that is killed after so many of the smallest slices; regions found by then."""
    journal = Journal(path, problem, DOMAIN.spec)
    kept = journal.read()
    found, opened = (0, [OpenCell(None, 10**9, problem.engine)]) if kept is None else kept[:2]
    for _ in range(slices):
        if not opened:
            break
        taken = [opened.pop()]
        done = work(problem, taken, 0.0)
        journal.write(taken, done)
        found += done.regions
        opened += done.left
    journal.close()
    return found


@pytest.fixture(scope="module")
def integers() -> regions.Network:
    """Short weights, which the integer engine can take."""
    rng = np.random.default_rng(7)
    first = rng.integers(-9, 10, size=(9, 2)), rng.integers(-9, 10, size=9)
    second = rng.integers(-9, 10, size=(9, 9)), rng.integers(-9, 10, size=9)
    return regions.Network.from_layers([first, second, (np.ones((1, 9)), [0])])


@pytest.mark.parametrize("engine", ["lp", "simplex", "vertices", "integers"])
@pytest.mark.parametrize("kills", [(0,), (1,), (1, 2, 3)])
def test_a_killed_count_goes_on(
    network: regions.Network,
    integers: regions.Network,
    tmp_path: Path,
    engine: str,
    kills: tuple[int, ...],
):
    network = integers if engine == "integers" else network
    path, problem = tmp_path / "count.journal", problem_of(network, engine)
    for slices in kills:
        start(path, problem, slices)
    count = regions.count(network, DOMAIN, engine=engine, journal=path)
    assert int(count) == int(regions.count(network, DOMAIN, engine="lp"))


def test_nothing_is_counted_twice(network: regions.Network, tmp_path: Path):
    """What a finished journal says is final; a journal in the middle holds the whole tree."""
    path, problem = tmp_path / "count.journal", problem_of(network, "lp")
    truth = int(regions.count(network, DOMAIN, engine="lp"))
    found = start(path, problem, 5)
    journal = Journal(path, problem, DOMAIN.spec)
    kept = journal.read()
    assert kept is not None and kept[0] == found
    assert found + len(kept[1]) <= truth <= found + sum(cell.bound for cell in kept[1])
    stop = Stop(time.monotonic())  # no time at all
    outcome, _ = count_by_workers(problem, 10**9, stop, None, 1, None, journal)
    journal.close()
    assert outcome.lower <= truth <= outcome.upper and outcome.stopped == "time limit"
    for _ in range(2):
        count = regions.count(network, DOMAIN, engine="lp", journal=path)
        assert int(count) == truth
    assert count.stats["nodes"]


KILLED = """
import sys
import numpy as np
import regions
rng = np.random.default_rng(7)
sizes = [(40, 3), (40, 40)]
layers = [(rng.normal(size=size), rng.normal(size=size[0])) for size in sizes]
network = regions.Network.from_layers([*layers, (np.ones((1, 40)), [0])])
print("ready", flush=True)
count = regions.count(network, engine="simplex", journal=sys.argv[1], workers=2)
print(int(count))
"""


def test_kill_9_and_again(root: Path, tmp_path: Path):
    path = tmp_path / "count.journal"
    command = [sys.executable, "-c", KILLED, str(path)]
    pipe = subprocess.PIPE
    killed = 0
    for seconds in (0.4, 1.0):
        process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=root)
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        killed += process.returncode == -signal.SIGKILL
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=root, timeout=120, check=True
    )
    namespace: dict[str, Any] = {}
    exec(KILLED.split("print")[0].replace("import sys", ""), namespace)  # the same network
    expected = int(regions.count(namespace["network"], engine="vertices"))
    assert killed and int(done.stdout.split()[-1]) == expected


def test_a_journal_of_another_count_is_refused(network: regions.Network, tmp_path: Path):
    path = tmp_path / "count.journal"
    start(path, problem_of(network, "lp"), 2)
    before = path.read_bytes()
    other = regions.Network.from_layers([([[1.0, 2.0]], [0]), ([[1.0]], [0])])
    cases: list[tuple[Any, dict[str, Any], str]] = [
        ((other, DOMAIN), {"engine": "lp"}, "another network"),
        ((network, DOMAIN), {"engine": "lp", "layers": 1}, "number of layers"),
        ((network, regions.Box.cube(2, 0, 1)), {"engine": "lp"}, "another domain .*-1,1"),
        ((network, DOMAIN), {"engine": "simplex"}, "another engine .*lp"),
    ]
    for arguments, options, message in cases:
        with pytest.raises(InputError, match=message):
            regions.count(*arguments, journal=path, **options)
    assert path.read_bytes() == before


def test_two_runs_do_not_write_one_journal(network: regions.Network, tmp_path: Path):
    path = tmp_path / "count.journal"
    first = Journal(path, problem_of(network, "lp"), DOMAIN.spec)
    with pytest.raises(InputError, match=r"another run is writing it"):
        regions.count(network, DOMAIN, engine="lp", journal=path)
    first.close()
    assert regions.count(network, DOMAIN, engine="lp", journal=path).exact


@pytest.mark.parametrize("content", [b"no database", b"x" * 5000])
def test_a_file_that_is_no_journal_stays_as_it_was(
    network: regions.Network, tmp_path: Path, content: bytes
):
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(InputError, match="no journal"):
        regions.count(network, DOMAIN, journal=path)
    assert path.read_bytes() == content


def test_another_database_stays_as_it_was(network: regions.Network, tmp_path: Path):
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as file:
        file.execute("CREATE TABLE mine (x)")
    file.close()
    before = path.read_bytes()
    with pytest.raises(InputError, match="a database, but no journal"):
        regions.count(network, DOMAIN, journal=path)
    assert path.read_bytes() == before


DAMAGES = [
    "UPDATE cells SET name = name || ']'",
    "UPDATE cells SET bound = '0x7' WHERE rowid = (SELECT max(rowid) FROM cells)",
    "UPDATE cells SET name = replace(name, ', 1]', ', -1]')",
    "DELETE FROM cells WHERE rowid = (SELECT max(rowid) FROM cells)",
    "INSERT INTO cells SELECT name || ' ', bound, engine FROM cells LIMIT 1",
    "UPDATE numbers SET value = '7' WHERE name = 'regions'",
    "DELETE FROM numbers WHERE name = 'regions'",
    "DELETE FROM about WHERE name = 'seal'",
    "DROP TABLE numbers",
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_journal_is_named(network: regions.Network, tmp_path: Path, damage: str):
    """Also where all that it holds can be read."""
    path = tmp_path / "count.journal"
    start(path, problem_of(network, "lp"), 6)
    with sqlite3.connect(path) as file:
        assert file.execute(damage).rowcount
    file.close()
    with pytest.raises(InputError, match=r"is damaged|no journal"):
        regions.count(network, DOMAIN, engine="lp", journal=path)


@pytest.mark.parametrize("byte", range(0, 12_000, 997))
def test_a_changed_byte_is_noticed_or_means_nothing(
    network: regions.Network, tmp_path: Path, byte: int
):
    path = tmp_path / "count.journal"
    start(path, problem_of(network, "lp"), 6)
    content = bytearray(path.read_bytes())
    content[byte % len(content)] ^= 0x15
    path.write_bytes(content)
    try:
        count = regions.count(network, DOMAIN, engine="lp", journal=path)
    except RegionsError as error:
        assert f"journal {path}" in str(error)
    else:
        assert int(count) == int(regions.count(network, DOMAIN, engine="lp"))


def test_a_folder_that_does_not_exist_is_named(network: regions.Network, tmp_path: Path):
    with pytest.raises(InputError, match="cannot be opened"):
        regions.count(network, DOMAIN, journal=tmp_path / "none" / "count.journal")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_disk_that_refuses_is_an_error(network: regions.Network):
    with pytest.raises(RegionsError, match=r"journal /dev/full"):
        regions.count(network, DOMAIN, journal="/dev/full")


class Small(Journal):
    """On a disk with room for some more pages."""

    room = 0

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        pages = self._rows("PRAGMA page_count")[0][0] + self.room
        self._file.execute(f"PRAGMA max_page_count = {pages}")


def with_small_pages(path: Path) -> None:
    """An empty database whose pages have 512 bytes, a few cells of a journal."""
    with sqlite3.connect(path) as file:
        file.execute("PRAGMA page_size = 512")
        file.execute("CREATE TABLE gone (x)")
        file.execute("DROP TABLE gone")
    file.close()


@pytest.mark.parametrize(
    ("engine", "workers", "room"),
    [("lp", 1, 0), ("lp", 1, 3), ("lp", 2, 0), ("lp", 2, 2), ("simplex", 2, 0)],
)
def test_a_disk_that_gets_full_leaves_bounds_and_a_journal(
    network: regions.Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    engine: str, workers: int, room: int,
):  # fmt: skip
    path, truth = tmp_path / "count.journal", int(regions.count(network, DOMAIN, engine="lp"))
    with_small_pages(path)
    options: dict[str, Any] = {"engine": engine, "journal": path, "workers": workers}
    if workers > 1 and engine == "lp":
        options["executor"] = Threads(workers)
    with monkeypatch.context() as patch:
        for name in ("ALONE", "ALONE_FIRST", "SECONDS", "SHORT"):
            patch.setattr(f"regions.counting.workers.{name}", 0.0)  # the smallest slices
        patch.setattr("regions.counting.journal.Journal", Small)
        patch.setattr(Small, "room", room)
        told = r"is full; there are .* regions; make room and run this again"
        with pytest.raises(OutputError, match=told) as caught:
            regions.count(network, DOMAIN, **options)
    known = caught.value.count
    assert known.lower <= truth <= known.upper and str(known) in str(caught.value)
    assert known.engine == engine and known.upper <= regions.bounds(network, DOMAIN).best
    assert int(regions.count(network, DOMAIN, **options)) == truth


def test_the_command_line_says_the_bounds_too(
    run: Run, large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("regions.counting.journal.Journal", Small)
    path = tmp_path / "count.journal"
    options = ("--engine", "lp", "--workers", "1", "--journal", path, "--json")
    code, out, err = run("count", large, *options)
    assert (code, out) == (1, "") and err.count("\n") == 1
    assert re.match(rf"regions: journal {path}: cannot .* full; there are \S+ to .* regions;", err)
