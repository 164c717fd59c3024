"""Counting speed of an engine on a fixed list of networks: the baseline of faster engines.

    python -m benchmarks [--engine NAME] [--only NAME] [--most N] [--time-limit SECONDS]
                         [--json FILE]

The networks are the published ones, and two of 6 and 10 million regions; `lp`, which would take
minutes for the large ones, is given those of up to 10 000 (`--most N` for more).

One line per network:

- regions/s: regions found per second of wall time, loading the network and the engine not included;
- LPs/region, and us/LP: seconds per linear program, the solver's own calls alone;
- LP time: the part of the wall time that is spent in linear programs;
- no LP: share of the decisions "this unit cuts this cell, or does not" that needed no LP, because
  an interval bound decided or because points on both sides were known;
- witness: of the decisions that interval bounds left open, the share that known points decided,
  which is the share of LPs that they saved;
- rational: share of the decisions that floats could not make;
- a dash: the engine does not measure it.

Times depend on the machine, which is printed with the versions; compare figures of one run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import regions

SHARED = Path(__file__).resolve().parents[2] / "shared" / "models"
HEADS = (
    "regions", "known", "seconds", "regions/s", "LPs/region", "us/LP", "LP time", "no LP",
    "witness", "rational",
)  # fmt: skip
PACKAGES = ("relu-regions", "highspy", "numpy", "scipy", "python-flint", "torch")


class Skipped(Exception):
    """Why a benchmark cannot run here."""


@dataclass(frozen=True)
class Bench:
    """A network, a domain and the known number of regions; `make` may raise `Skipped`."""

    name: str
    regions: int
    make: Callable[[], tuple[regions.Network, Any]]


def by_default(known: int, *widths: int) -> Bench:
    """The network of `default_initialisation` with its known number of regions."""
    name = "-".join(map(str, widths))
    return Bench(name, known, lambda: default_initialisation(*widths))


def default_initialisation(*widths: int) -> tuple[regions.Network, Any]:
    """PyTorch's default weights of Linear layers made in order with seed 0, on [-1, 1]^n."""
    try:
        import torch
    except ImportError:
        raise Skipped("needs torch, which is not installed") from None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        linears = [torch.nn.Linear(below, above) for below, above in pairwise(widths)]
    layers = [(line.weight.detach().numpy(), line.bias.detach().numpy()) for line in linears]
    return regions.Network.from_layers(layers), regions.Box.cube(widths[0], -1, 1)


def acas_xu(network: str, box: str) -> tuple[regions.Network, Any]:
    """A network and a property's input box of VNN-COMP 2021, from ../shared/models."""
    from regions.domain_spec import parse_domain

    if not SHARED.is_dir():
        raise Skipped("needs ../shared/models, which is absent")
    model = regions.load(SHARED / network)
    return model, parse_domain(f"vnnlib:{SHARED / box}", model.inputs)


BENCHES = (
    by_default(127, 2, 16, 16, 1),
    by_default(1276, 3, 16, 16, 1),
    by_default(6658, 4, 16, 16, 1),
    by_default(6668, 2, 64, 64, 64, 1),
    by_default(20714, 2, 128, 128, 128, 1),
    by_default(79783, 2, 256, 256, 256, 1),
    by_default(20724, 3, 32, 32, 32, 1),
    by_default(76348, 5, 20, 20, 1),
    by_default(321872, 6, 32, 1),
    by_default(21880, 8, 12, 12, 1),
    by_default(37032, 10, 16, 1),
    by_default(5992719, 12, 16, 16, 1),
    by_default(10131241, 16, 24, 1),
    Bench("ACAS 3_3, prop 4", 1201, lambda: acas_xu("acasxu_3_3.onnx", "prop_4.vnnlib")),
    Bench("ACAS 1_1, prop 3", 71930, lambda: acas_xu("acasxu_1_1.onnx", "prop_3.vnnlib")),
)
LP_MOST = 10_000  # regions that the engine lp is given unless --most says otherwise


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    found = {
        "cpu": _cpu(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def warm_up(engine: str) -> None:
    """Load the engine's compiled code, so that no network's time contains it."""
    for inputs in (2, 9):
        weights = [[1.0] * inputs]
        network = regions.Network.from_layers([(weights, [0.5]), ([[1.0]], [0.0])])
        with suppress(regions.InputError):  # the engine does not take it
            regions.count(network, engine=engine)


def measure(bench: Bench, engine: str, time_limit: float | None) -> dict[str, Any]:
    """One row of the table; figures that the engine does not measure are None."""
    try:
        network, domain = bench.make()
        result = regions.count(network, domain, engine=engine, time_limit=time_limit)
    except (Skipped, regions.InputError) as reason:  # absent, or nothing for this engine
        return {"name": bench.name, "skipped": str(reason)}
    if not result.lower <= bench.regions <= result.upper:
        raise SystemExit(
            f"benchmark {bench.name}: {bench.regions} regions are known, "
            f"count() says {result.lower} to {result.upper}"
        )
    stats: Any = result.stats
    seconds = max(result.seconds, 1e-9)
    lps, lp_seconds = stats.get("lps"), stats.get("lp_seconds")
    known = stats.get("cuts", {}).get("by_points")
    return {
        "name": bench.name,
        "known": bench.regions,
        "lower": result.lower,
        "upper": result.upper,
        "engine": result.engine,
        "seconds": result.seconds,
        "regions_per_second": result.lower / seconds,
        "lps": lps,
        "lps_per_region": _ratio(lps, result.lower),
        "seconds_per_lp": _ratio(lp_seconds, lps),
        "lp_time_share": _ratio(lp_seconds, seconds),
        "no_lp_share": stats.get("no_lp_share"),
        "witness_share": None if None in (known, lps) else _ratio(known, known + lps),
        "rational_share": stats.get("rational_share"),
    }


def _ratio(part: float | None, whole: float | None) -> float | None:
    return None if part is None or whole is None else part / max(whole, 1e-9)


def _shown(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def show(rows: list[dict[str, Any]], console: Console) -> None:
    """The rows as one table."""
    title = "count(); a number of regions with + is a lower bound, at the time limit"
    table = Table(title=title, title_justify="left")
    table.add_column("network", no_wrap=True)
    for head in HEADS:
        table.add_column(head, justify="right", no_wrap=True)
    for row in rows:
        if "skipped" in row:
            continue
        exact = row["lower"] == row["upper"]
        table.add_row(
            row["name"],
            f"{row['lower']:,}" + ("" if exact else "+"),
            f"{row['known']:,}",
            f"{row['seconds']:.2f}",
            f"{row['regions_per_second']:,.0f}",
            _shown(row["lps_per_region"], ".2f"),
            _shown(None if row["seconds_per_lp"] is None else 1e6 * row["seconds_per_lp"], ".0f"),
            _shown(row["lp_time_share"], ".0%"),
            _shown(row["no_lp_share"], ".1%"),
            _shown(row["witness_share"], ".1%"),
            _shown(row["rational_share"], ".2%"),
        )
    console.print(table)
    for row in rows:
        if "skipped" in row:
            console.print(f"{row['name']}: skipped, {row['skipped']}", highlight=False)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Counting speed on a fixed list of networks"
    )
    parser.add_argument("--engine", default="lp", help="engine of count(); default: lp")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    parser.add_argument("--only", default="", help="networks whose name contains this text")
    parser.add_argument("--time-limit", type=float, help="seconds for each network")
    parser.add_argument(
        "--most", type=int, help=f"networks of up to so many regions; default for lp: {LP_MOST}"
    )
    options = parser.parse_args(arguments)
    if not any(options.only in bench.name for bench in BENCHES):
        names = ", ".join(bench.name for bench in BENCHES)
        parser.error(f"--only {options.only}: no network has this in its name: {names}")
    console = Console(width=None if sys.stdout.isatty() else 128)
    about = machine()
    console.print(" · ".join(f"{key} {value}" for key, value in about.items()), highlight=False)
    rows = []
    most = options.most
    if most is None:
        most = LP_MOST if options.engine == "lp" else max(bench.regions for bench in BENCHES)
    warm_up(options.engine)
    for bench in BENCHES:
        if options.only not in bench.name:
            continue
        if bench.regions > most:
            reason = f"it has {bench.regions:,} regions, more than {most:,} (--most N)"
            rows.append({"name": bench.name, "skipped": reason})
        else:
            rows.append(measure(bench, options.engine, options.time_limit))
    show(rows, console)
    if options.json:
        text = json.dumps({"schema": 1, "machine": about, "rows": rows}, indent=1)
        options.json.write_text(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
