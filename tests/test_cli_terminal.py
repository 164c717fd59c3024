"""The command line on a terminal: Ctrl-C at any time, and progress on one row."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from regions.cli.progress import counting_progress, progress_line
from regions.cli.render import duration, grouped, rounded
from regions.results import Progress
from tests.command_line import Run, one_json

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def interrupts() -> Iterator[None]:
    """Ctrl-C as at a terminal: a shell's background jobs are made to ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def started(command: list[str], background: bool = False) -> subprocess.Popen[str]:
    """A process with pipes, in the project's folder; maybe as a script's background job."""
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, stdout=pipe, stderr=pipe, text=True, cwd=ROOT, start_new_session=True,
        preexec_fn=_ignore_interrupts if background else None,
    )  # fmt: skip


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@pytest.mark.parametrize(
    ("number", "background", "more"),
    [
        (signal.SIGINT, False, ()),
        (signal.SIGTERM, False, ("--workers", "2", "--engine", "lp")),
        (signal.SIGTERM, True, ("--workers", "1", "--engine", "lp")),
        (signal.SIGTERM, False, ("--output", "regions.parquet", "--engine", "lp")),
    ],
)
def test_a_signal_leaves_bounds(
    large: Path, number: int, background: bool, more: tuple[str, ...], tmp_path: Path
):
    """Ctrl-C, and SIGTERM, which a batch system sends to all processes of a job."""
    more = tuple(str(tmp_path / word) if word.endswith(".parquet") else word for word in more)
    command = [sys.executable, "-m", "regions", "count", str(large), "--json", *more]
    process = started(command, background)
    try:
        time.sleep(4)  # long enough to have started; the count itself takes hours
        os.killpg(process.pid, number)
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert (process.returncode, err) == (3, "")
    record = one_json(out)
    assert record["stopped"] == "interrupted"
    assert 1 <= record["lower"] < record["upper"]
    if "--output" in more:
        assert [path.name for path in tmp_path.glob("*.parquet*")] == ["regions.parquet"]


def test_a_second_signal_ends_the_count_at_once(monkeypatch: pytest.MonkeyPatch):
    from regions.cli import interrupts
    from regions.counting.tree import Stop, interruptible

    monkeypatch.setattr(interrupts, "_leave", lambda *_: None)
    stop, before = Stop(None), signal.getsignal(signal.SIGTERM)
    interrupts.leave_when_interrupted()
    try:
        with pytest.raises(KeyboardInterrupt), interrupts.unwound(), interruptible(stop):
            signal.raise_signal(signal.SIGTERM)
            assert stop.reason() == "interrupted"
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_background_job_hears_sigterm_alone():
    from regions.counting.tree import Stop, interruptible

    stop, before = Stop(None), signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with interruptible(stop):
            signal.raise_signal(signal.SIGINT)
            assert stop.reason() is None
            signal.raise_signal(signal.SIGTERM)
            assert stop.reason() == "interrupted"
    finally:
        signal.signal(signal.SIGTERM, before)


SHUT_DOWN = """
import os, sys
class Late:
    def __del__(self, kill=os.kill, this=os.getpid()):
        kill(this, {number})  # when the interpreter has taken its handlers away
sys.late = Late()
sys.argv = ["regions", "count", {model!r}, "--engine", "lp", "--json"]
from regions.__main__ import run
sys.exit(run())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_after_the_answer_changes_nothing(cross: Path, number: int):
    text = SHUT_DOWN.format(model=str(cross), number=int(number))
    process = started([sys.executable, "-c", text])
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert one_json(out)["lower"] == 4


def test_a_program_keeps_its_own_handler_of_sigterm():
    from regions.counting.tree import Stop, interruptible

    seen: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: seen.append(number))
    stop = Stop(None)
    try:
        with interruptible(stop):
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen == [signal.SIGTERM] and stop.reason() is None


SLOW_IMPORT = """
import sys, time
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            print("importing", flush=True)
            try:
                time.sleep(30)
            except BaseException:  # as libraries do that fall back on something else
                pass
sys.meta_path.insert(0, Finder())
sys.argv = ["regions", "count", {model!r}]
from regions.cli.main import main
sys.exit(main())
"""


@pytest.mark.parametrize("module", ["typer", "regions.loading", "regions.readers.npz"])
@pytest.mark.parametrize(
    ("number", "code", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_a_signal_before_the_count_is_said(
    cross: Path, module: str, number: int, code: int, word: str
):
    """Also where the library that is being imported swallows the exception."""
    text = SLOW_IMPORT.format(module=module, model=str(cross))
    process = started([sys.executable, "-c", text])
    assert process.stdout is not None and process.stdout.readline() == "importing\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (code, "", f"regions: {word}\n")


FIRST_IMPORT = """
import sys, time
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "regions.cli.main":
            print("importing", flush=True)
            time.sleep(30)
sys.meta_path.insert(0, Finder())
from regions.__main__ import run
sys.exit(run())
"""


def test_an_interruption_of_the_first_import_is_said():
    """While the command itself is being imported."""
    process = started([sys.executable, "-c", FIRST_IMPORT])
    assert process.stdout is not None and process.stdout.readline() == "importing\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "regions: interrupted\n")


def test_an_interruption_that_is_an_exception_is_said_too(
    run: Run, cross: Path, monkeypatch: pytest.MonkeyPatch
):
    """As where `main` is called from Python, or while progress is shown."""
    from regions import loading

    def interrupted(*args: object, **options: object) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(loading, "load", interrupted)
    assert run("count", cross) == (130, "", "regions: interrupted\n")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_exit_code_of_an_interruption_is_documented(run: Run):
    assert "130" in run("count", "--help")[1]


def test_progress_is_for_terminals(cross: Path):
    """On a terminal progress is shown on standard error; --quiet and a pipe silence it."""
    pty = pytest.importorskip("pty", reason="needs a system with pseudo-terminals")
    shown = {}
    for quiet in ((), ("--quiet",)):
        leader, follower = pty.openpty()
        command = [sys.executable, "-m", "regions", "count", str(cross), *quiet]
        with ThreadPoolExecutor(1) as reader:  # or a long wait would fill the terminal's buffer
            seen = reader.submit(_read_all, leader)
            done = subprocess.run(
                command, stdout=subprocess.PIPE, stderr=follower, cwd=ROOT, check=True
            )
            os.close(follower)
            shown[quiet] = seen.result()
        assert b"4 linear regions (exact)" in done.stdout
        os.close(leader)
    assert b"cross.npz" in shown[()]
    assert shown[("--quiet",)] == b""


def test_progress_says_where_the_search_stands():
    progress = Progress(
        regions=1204, lower=1204, upper=10**40, open_nodes=7, layer=2, depth=31, seconds=0.5
    )
    assert progress_line(progress) == (
        "1 204 regions, 2 408/s, between 1 204 and about 1.00e40, layer 2, depth 31, 0.50 s"
    )


@pytest.mark.parametrize("room", [200, 80, 60, 40, 20])
def test_progress_fits_the_room_that_there_is(room: int):
    progress = Progress(
        regions=71930, lower=71930, upper=10**400, open_nodes=7, layer=2, depth=31, seconds=7384
    )
    line = progress_line(progress, room)
    assert len(line) <= room
    assert line.startswith("71 930 to 1.00e400 regions" if room == 40 else "71 930 regions")
    assert ("2 h 3 min" in line) == (room >= 40)
    assert ("between 71 930 and about 1.00e400" in line) == (room >= 80 or room == 60)
    assert ("depth 31" in line) == (room == 200)


SIZES = [
    ("moons.pt", 71930, 10**15, 250_000, 12.0),
    ("mnist-784-11-11-10.npz", 468_437, 10**40, 1_204_000, 83.0),
    ("ACASXU_run2a_1_1_batch_2000-property-3.onnx", 1_204_000_000, 10**300, 31 * 10**8, 7384.0),
    ("a.npz", 10**14, 10**4000, 10**2000, 599.9),
]


@pytest.mark.parametrize(("name", "lower", "upper", "estimate", "seconds"), SIZES)
def test_on_80_columns_bounds_and_estimate_are_seen(
    name: str, lower: int, upper: int, estimate: int, seconds: float,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    progress = Progress(lower, lower, upper, 9, 2, 31, seconds, estimate=estimate)
    with counting_progress(name, quiet=False) as show:
        assert show is not None
        show(progress)
    rows = re.split(r"[\r\n]", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue()))
    (row,) = {row[2:] for row in rows if "estimate" in row}
    assert len(row) <= 77 and row.startswith(name[:10] if len(name) > 10 else f"{name}: ")
    first, last = (rounded(number) for number in (lower, upper))
    assert re.search(rf"\b({re.escape(first)}|{re.escape(grouped(lower))}) (to|and) ", row)
    assert f" {last} " in row or f" {last}, " in row
    assert f"estimate {rounded(estimate)}" in row or f"{grouped(estimate)}" in row
    assert row.endswith(f", {duration(seconds)}")


def test_progress_stays_on_one_row_of_a_narrow_terminal(tmp_path: Path, large: Path):
    """Each update rewrites its row: a wrapped one would need the cursor to go up."""
    pty = pytest.importorskip("pty", reason="needs a system with pseudo-terminals")
    leader, follower = pty.openpty()
    name = large.rename(tmp_path / f"{'long-' * 20}name.npz")
    command = [sys.executable, "-m", "regions", "count", str(name), "--time-limit", "1"]
    environment = {**os.environ, "COLUMNS": "40", "TERM": "xterm"}
    command += ["--engine", "lp"]
    subprocess.run(
        command, stdout=subprocess.PIPE, stderr=follower, cwd=ROOT, env=environment, check=False
    )
    os.close(follower)
    shown = _read_all(leader).decode()
    os.close(leader)
    rows = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).split("\r")
    assert any("regions" in row for row in rows)
    assert max(map(len, rows)) < 40
    assert shown.count("\n") == 1  # the one with which rich ends


def _read_all(descriptor: int) -> bytes:
    read = b""
    while True:
        try:
            piece = os.read(descriptor, 4096)
        except OSError:  # Linux: the other side is closed
            return read
        if not piece:
            return read
        read += piece
