"""Other programs beside ours, on the same networks, in the same run.

    python -m benchmarks.peers [--install] [--peer NAME] [--only NAME] [--limit SECONDS]
                               [--json FILE]

Each peer counts in a process of its own, from the environment `.venv-peers`, with a time limit;
what it takes to import it is not counted.  What takes less than ten seconds runs three times, and
the fastest time is shown.  Ours counts in this process, in one thread, the fastest of up to five
runs, and the number is proved.  For each peer: its number where it differs from ours, its seconds,
and how many times as long as ours that is.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

import regions
from benchmarks.bench_count import measure, warm_up
from benchmarks.chosen import chosen
from benchmarks.machine import machine
from benchmarks.networks import BENCHES, Bench
from benchmarks.peers.degenerate import DEGENERATE
from benchmarks.peers.environment import PEERS, ROOT, install, python
from benchmarks.show import seconds, table

LIMIT = 60.0  # seconds of a peer on one network
GRACE = 20.0  # further seconds, to start and to report
REPEATS, SHORT = 3, 10.0  # runs of a peer that ends within so many seconds
PLANE = "regioncam"  # counts in two dimensions only
COMPARED = tuple(
    bench for bench in BENCHES if not bench.long and bench.name[0].isdigit()
)  # on the cube [-1, 1]^n

Row = dict[str, Any]


def layers_of(network: regions.Network) -> dict[str, np.ndarray]:
    """W1, b1, W2, … of a plain network."""
    found = {}
    for position, layer in enumerate((*network.layers, network.output), start=1):
        block = layer.weights[0][1].approx
        dense = block if isinstance(block, np.ndarray) else block.toarray()
        found[f"W{position}"] = np.asarray(dense)
        found[f"b{position}"] = np.asarray(layer.bias.approx)[:, 0]
    return found


def run(peer: str, file: Path, limit: float) -> Row:
    """What the peer says about the network in the file, or why it says nothing."""
    command = [str(python()), "-m", f"benchmarks.peers.run_{peer}", str(file), str(limit)]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdout=pipe, stderr=pipe, text=True, start_new_session=True, cwd=ROOT
    ) as process:
        try:
            out, err = process.communicate(timeout=limit + GRACE)
        except subprocess.TimeoutExpired:
            return {"error": f"over {limit:g} s"}
        finally:
            _end(process)
    for line in reversed(out.splitlines()):
        if line.startswith("{"):
            return json.loads(line)
    lines = [line for line in err.splitlines() if line.strip()]
    return {"error": lines[-1] if lines else f"ended with status {process.returncode}"}


def fastest(peer: str, file: Path, limit: float) -> Row:
    """The fastest of some runs, if they are short; the first one that is not, or that fails."""
    best = run(peer, file, limit)
    for _ in range(REPEATS - 1):
        if not best.get("finished") or best["seconds"] > SHORT:
            break
        again = run(peer, file, limit)
        if not again.get("finished") or again["regions"] != best["regions"]:
            return again
        best = min(best, again, key=lambda found: found["seconds"])
    return best


def _end(process: subprocess.Popen[str]) -> None:
    """End the peer with the processes that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


def compare(bench: Bench, peers: tuple[str, ...], limit: float, folder: Path) -> Row:
    """Ours, and each peer."""
    row = measure(bench, "auto", None)
    if "skipped" in row:
        return row
    network, _ = bench.make()
    file = folder / "network.npz"
    np.savez(file, **layers_of(network))  # pyright: ignore[reportArgumentType]
    row["peers"] = {}
    for peer in peers:
        if peer == PLANE and network.inputs != 2:
            row["peers"][peer] = {"error": "2 inputs only"}
        else:
            row["peers"][peer] = fastest(peer, file, limit)
    return row


def cell(row: Row, peer: str) -> str:
    """One peer's entry in a row of the table."""
    found = row["peers"].get(peer)
    if found is None or found.get("error") == "2 inputs only":
        return "-"
    if "error" in found:
        return "failed" if not found["error"].startswith("over") else found["error"]
    if not found["finished"]:
        return f"{found['regions']:,}+ in {found['seconds']:.0f} s"
    times = found["seconds"] / row["seconds"]
    same = "" if found["regions"] == row["lower"] else f"{found['regions']:,}! "
    return f"{same}{seconds(found['seconds'])} ({times:,.3g}×)"


def show(rows: list[Row], peers: tuple[str, ...], console: Console) -> None:
    """The table, then disagreements and failures in words."""
    title = "seconds (times as long as ours); N!: another number; N+: at the limit"
    made = table(title, ("network", "regions", "ours", *peers))
    counted = [row for row in rows if "skipped" not in row]
    for row in counted:
        made.add_row(
            row["name"],
            f"{row['lower']:,}",
            seconds(row["seconds"]),
            *(cell(row, peer) for peer in peers),
        )
    console.print(made)
    for row in counted:
        for peer, found in row["peers"].items():
            if found.get("finished") and found["regions"] != row["lower"]:
                line = f"{row['name']}: {peer} counts {found['regions']:,}, ours {row['lower']:,}"
                console.print(f"DISAGREE {line} {found.get('note', '')}".rstrip(), highlight=False)
            elif "error" in found and found["error"] != "2 inputs only":
                console.print(f"{row['name']}: {peer}: {found['error']}", highlight=False)
    for row in rows:
        if "skipped" in row:
            console.print(f"{row['name']}: skipped, {row['skipped']}", highlight=False)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers")
    parser.add_argument("--install", action="store_true", help="install the peers first")
    parser.add_argument("--pip-flags", default="", help="handed to pip install")
    parser.add_argument("--peer", choices=PEERS, action="append", help="only this one (repeat)")
    parser.add_argument(
        "--only", default="", help="the network of this name, or all that contain it"
    )
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds for a peer and network")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    read = parser.parse_args(arguments)
    benches = chosen((*DEGENERATE, *COMPARED), read.only)
    if not benches:
        parser.error(f"--only {read.only}: no network has this in its name")
    console = Console(width=None if sys.stdout.isatty() else 128)
    about = machine()
    console.print(" · ".join(f"{key} {value}" for key, value in about.items()), highlight=False)
    failed = install(read.pip_flags.split()) if read.install else {}
    for package, reason in failed.items():
        console.print(f"{package} cannot be installed: {reason}", highlight=False)
    if not python().is_file():
        parser.error(f"there is no {python().parents[1].name}; --install makes it")
    peers = tuple(peer for peer in read.peer or PEERS if peer not in failed)
    warm_up("auto")
    with tempfile.TemporaryDirectory() as folder:
        rows = [compare(bench, peers, read.limit, Path(folder)) for bench in benches]
    show(rows, peers, console)
    if read.json:
        text = json.dumps({"schema": 1, "machine": about, "rows": rows, "failed": failed}, indent=1)
        read.json.write_text(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
