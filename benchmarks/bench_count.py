"""Counting speed on a fixed list of networks, beside that of the engine `lp` in the same run.

    python -m benchmarks [--engine NAME] [--only NAME] [--most N] [--long] [--time-limit SECONDS]
                         [--lp-limit SECONDS] [--workers N] [--json FILE]

One line per network; what counts in less than a second is counted up to five times:

- regions: the number, with a + where it is a lower bound, at the time limit;
- seconds: of wall time, the fastest run; loading the network and compiling are not included;
- steps: per region, and which (clips, pivots; linear programs of `lp`);
- rational: share of the decisions "this unit cuts this cell, or does not" that floats could not
  make;
- stores: bytes of the engine's arrays;
- memory: how much resident memory grew at most during the first run, and its peak;
- × lp: regions per second divided by those of the engine `lp`, which counts the same network for
  some seconds (`--lp-limit`).  Open cells count as regions there, so the ratio is a lower bound.

A second table says what `lp` did: linear programs for each region, microseconds for each, the
share of the time that they take, the share of decisions that needed none, and the share of linear
programs that known points saved.  `--workers N` counts again, with N workers, what took over ten
seconds.

A count that contradicts the known number ends the run with an error.  Times depend on the machine,
which is printed with the versions; compare figures of one run.
"""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

import regions
from benchmarks.chosen import chosen
from benchmarks.machine import forget_peak, machine, peak
from benchmarks.networks import BENCHES, Bench
from benchmarks.show import show
from benchmarks.skipped import Skipped

LP_MOST = 10_000  # regions that the engine lp is given unless --most says otherwise
LP_LIMIT = 10.0  # seconds of the engine lp on each network, to compare with
REPEATS = 5  # of a count that takes less than a second
WORTH_WORKERS = 10.0  # seconds above which a count is repeated with workers

Row = dict[str, Any]


def warm_up(*engines: str) -> None:
    """Load the engines' compiled code, so that no network's time contains it.

    `auto` chooses by dimension, and by whether the weights are short integers.
    """
    for inputs, width in ((2, 2), (9, 2), (784, 9)):  # vertices, dictionaries, points
        for layers in (1, 2):
            for exponent in (1.0, 0.5):  # integers, and numbers that fill a double
                row = np.arange(1, inputs + 1) ** exponent
                stack = [(np.outer(np.arange(1, width + 1), row), np.ones(width))]
                stack += [(np.eye(width), -(np.arange(1, width + 1) ** exponent))] * (layers - 1)
                network = regions.Network.from_layers([*stack, (np.ones((1, width)), [0])])
                for engine in engines:
                    with suppress(regions.InputError):  # the engine does not take it
                        regions.count(network, engine=engine)


def measure(
    bench: Bench,
    engine: str,
    time_limit: float | None,
    lp_limit: float | None = None,
    workers: int = 1,
) -> Row:
    """One row of the table; figures that the engine does not measure are None."""
    try:
        network, domain = bench.make()
        before = forget_peak()
        result = regions.count(network, domain, engine=engine, time_limit=time_limit)
        most = peak()
    except (Skipped, regions.InputError) as reason:  # absent, or nothing for this engine
        return {"name": bench.name, "skipped": str(reason)}
    known = bench.known(network)
    seconds = [_checked(bench.name, known, result).seconds]
    while result.exact and seconds[0] < 1 and len(seconds) < REPEATS:
        again = regions.count(network, domain, engine=engine, time_limit=time_limit)
        seconds.append(_checked(bench.name, known, again).seconds)
    row = {"name": bench.name, "known": known, "runs": len(seconds), **_figures(result)}
    row["seconds"] = min(seconds)
    row["regions_per_second"] = result.lower / max(row["seconds"], 1e-9)
    row["peak_bytes"] = most
    row["grown_bytes"] = None if before is None or most is None else most - before
    if lp_limit is not None and result.engine != "lp":
        slow = regions.count(network, domain, engine="lp", time_limit=lp_limit)
        row["lp"] = {"name": bench.name, **_figures(_checked(bench.name, known, slow))}
        row["ratio_to_lp"] = row["regions_per_second"] / row["lp"]["regions_per_second"]
    if workers > 1 and result.exact and row["seconds"] > WORTH_WORKERS:
        shared = regions.count(network, domain, engine=result.engine, workers=workers)
        row["workers"] = workers
        row["seconds_with_workers"] = _checked(bench.name, result.lower, shared).seconds
    return row


def _checked(name: str, known: int | None, result: regions.Count) -> regions.Count:
    if known is not None and not result.lower <= known <= result.upper:
        raise SystemExit(
            f"benchmark {name}: {known} regions are known, "
            f"count() with engine {result.engine} says {result.lower} to {result.upper}"
        )
    return result


def _figures(result: regions.Count) -> Row:
    """What one count measured."""
    stats: Any = result.stats
    seconds = max(result.seconds, 1e-9)
    lps, lp_seconds = stats.get("lps"), stats.get("lp_seconds")
    points = stats.get("cuts", {}).get("by_points")
    steps = next((name for name in ("clips", "pivots", "lps") if stats.get(name) is not None), None)
    return {
        "lower": result.lower,
        "upper": result.upper,
        "engine": result.engine,
        "seconds": result.seconds,
        "regions_per_second": result.lower / seconds,
        "steps": steps,
        "steps_per_region": _ratio(stats.get(steps), result.lower),
        "storage_bytes": stats.get("storage"),
        "set_aside": stats.get("set_aside"),
        "lps": lps,
        "lps_per_region": _ratio(lps, result.lower),
        "seconds_per_lp": _ratio(lp_seconds, lps),
        "lp_time_share": _ratio(lp_seconds, seconds),
        "no_lp_share": stats.get("no_lp_share"),
        "witness_share": None if None in (points, lps) else _ratio(points, points + lps),
        "rational_share": stats.get("rational_share"),
    }


def _ratio(part: float | None, whole: float | None) -> float | None:
    return None if part is None or whole is None else part / max(whole, 1e-9)


def left_out(bench: Bench, most: int | None, engine: str, long: bool) -> str | None:
    """Why a network is not measured in this run, or None."""
    if most is None and engine == "lp":
        most = LP_MOST
    if most is not None and bench.regions is None:
        return "how many regions it has is not known (leave out --most)"
    if most is not None and bench.regions is not None and bench.regions > most:
        return f"it has {bench.regions:,} regions, more than {most:,} (--most N)"
    if bench.long and not long and most is None:
        return "it takes a minute or more (--long)"
    return None


def options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Counting speed on a fixed list of networks"
    )
    parser.add_argument("--engine", default="auto", help="engine of count(); default: auto")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    parser.add_argument(
        "--only", default="", help="the network of this name, or all that contain it"
    )
    parser.add_argument("--time-limit", type=float, help="seconds for each network")
    parser.add_argument(
        "--most", type=int, help=f"networks of up to so many regions; default for lp: {LP_MOST}"
    )
    parser.add_argument("--long", action="store_true", help="the ones that take minutes as well")
    parser.add_argument(
        "--lp-limit", type=float, default=LP_LIMIT,
        help=f"seconds of the engine lp on each network; 0: do not compare; default: {LP_LIMIT:g}",
    )  # fmt: skip
    parser.add_argument(
        "--workers", type=int, default=1,
        help=f"count again with so many workers what takes over {WORTH_WORKERS:g} seconds",
    )  # fmt: skip
    read = parser.parse_args(arguments)
    if not chosen(BENCHES, read.only):
        names = ", ".join(bench.name for bench in BENCHES)
        parser.error(f"--only {read.only}: no network has this in its name: {names}")
    return read


def main(arguments: list[str] | None = None) -> int:
    read = options(arguments)
    console = Console(width=None if sys.stdout.isatty() else 128)
    about = machine()
    console.print(" · ".join(f"{key} {value}" for key, value in about.items()), highlight=False)
    warm_up(read.engine, "lp")
    rows: list[Row] = []
    for bench in chosen(BENCHES, read.only):
        reason = left_out(bench, read.most, read.engine, read.long)
        if reason is not None:
            rows.append({"name": bench.name, "skipped": reason})
            continue
        rows.append(
            measure(bench, read.engine, read.time_limit, read.lp_limit or None, read.workers)
        )
    show(rows, console)
    if read.json:
        text = json.dumps({"schema": 1, "machine": about, "rows": rows}, indent=1)
        read.json.write_text(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
