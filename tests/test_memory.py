"""A limit of memory leaves bounds, as a limit of time does."""

from __future__ import annotations

from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import regions
from regions.counting import memory
from regions.counting.memory import MemoryLimit, resident
from regions.errors import InputError
from regions.region_table import read_header, write_regions
from tests.cases import braid
from tests.command_line import Run, one_json

#: 5040 regions, by linear programs seconds of work.
LONG, TRUTH = braid(7).build(), 5040
CUBE = regions.Box.cube(7, -1, 1)


def test_what_is_taken_is_seen():
    before = resident()
    block = np.ones(10**7)
    taken = resident()
    assert taken - before >= 0.9 * block.nbytes
    del block
    assert resident() - before <= taken - before


def test_worker_processes_are_seen():
    context = get_context("spawn")
    inside, outside = context.Pipe()
    process = context.Process(target=_wait, args=(outside,))
    alone = resident()
    process.start()
    try:
        assert inside.recv() == "here"
        assert resident() - alone > 5 * 10**6  # an interpreter takes more
    finally:
        inside.send("end")
        process.join()


def _wait(end: Any) -> None:
    end.send("here")
    end.recv()


def grow_after(monkeypatch: pytest.MonkeyPatch, looks: int) -> list[int]:
    """So many looks find little memory taken, then one finds much, and later ones little."""
    seen: list[int] = []

    def taken() -> int:
        seen.append(1)
        return 10**12 if len(seen) == looks + 1 else 10**6

    monkeypatch.setattr(memory, "resident", taken)
    monkeypatch.setattr(memory, "LOOK_SECONDS", 0.0)
    return seen


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("engine", ["lp", "simplex"])
@pytest.mark.parametrize("looks", [1, 2, 40])
def test_the_limit_leaves_valid_bounds(
    engine: str, workers: int, looks: int, monkeypatch: pytest.MonkeyPatch
):
    """Also where memory has become free again when the count ends."""
    seen = grow_after(monkeypatch, looks)
    count = regions.count(LONG, CUBE, engine=engine, workers=workers, memory_limit=100)
    assert 0 <= count.lower <= TRUTH <= count.upper
    if len(seen) > looks:  # a fast engine may have ended before
        assert count.stopped == "memory limit" and not count.exact
    else:
        assert count.exact and engine != "lp"
    assert len(seen) <= looks + 1


def test_a_file_of_regions_is_ended_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    grow_after(monkeypatch, 20)
    path = tmp_path / "out.parquet"
    count = write_regions(path, LONG, CUBE, engine="lp", memory_limit=100)
    assert count.stopped == "memory limit" and count.lower <= TRUTH <= count.upper
    assert read_header(path)["stopped"] == "memory limit"


def test_a_limit_that_is_never_reached_changes_nothing():
    network = braid(4).build()
    assert int(regions.count(network, engine="lp", memory_limit=10**9)) == 24
    assert int(regions.count(network, engine="lp", memory_limit=float("inf"))) == 24


@pytest.mark.parametrize("limit", [0, -1, float("nan"), "much", True])
def test_a_limit_that_makes_no_sense_is_named(limit: Any):
    with pytest.raises(InputError, match="memory_limit needs megabytes, more than 0"):
        regions.count(LONG, CUBE, memory_limit=limit)


def test_a_system_that_does_not_say_is_named(monkeypatch: pytest.MonkeyPatch):
    def unknown() -> int:
        raise ImportError("resource")

    monkeypatch.setattr(memory, "resident", unknown)
    assert MemoryLimit.of("count", None) is None
    with pytest.raises(InputError, match="does not say how much memory"):
        MemoryLimit.of("count", 100)


def test_without_proc_the_peak_is_taken(monkeypatch: pytest.MonkeyPatch):
    now = resident()
    monkeypatch.setattr(memory, "_of_process", lambda number: None)
    assert now / 2 < resident() < 100 * now  # bytes, whatever the unit of the system


def test_the_command_line_ends_with_bounds_and_says_so(run: Run, large: Path):
    """One megabyte is less than an interpreter takes."""
    options = ("--engine", "lp", "--memory-limit", "1")
    code, out, err = run("count", large, *options, "--json")
    record = one_json(out)
    assert (code, err, record["stopped"]) == (3, "", "memory limit")
    assert 1 <= record["lower"] < record["upper"]
    code, out, _ = run("count", large, *options)
    assert code == 3 and "bounds only, stopped: memory limit" in out


def test_the_command_line_names_a_wrong_limit(run: Run, cross: Path):
    code, out, err = run("count", cross, "--memory-limit", "0")
    assert (code, out) == (2, "") and "--memory-limit 0: needs megabytes, more than 0" in err
