"""The measured table behind `--engine auto`: which engine is fastest on which network.

    python -m benchmarks.auto [--limit SECONDS] [--lp-limit SECONDS] [--only TEXT]
                              [--markdown FILE] [--json FILE]

Four parts, each a grid of random networks of the same size whatever the machine:

- small: dimension 2 to 12, one to three layers, dense and sparse; every engine that takes them;
- special: short integers, no biases, units twice; every engine that takes them;
- wide: hundreds of inputs, a few dozen units; the simplex engine with points and with dictionaries;
- large: balls in many dimensions, up to dictionaries of 60 MiB; simplex and lp.

An engine that does not end at its limit is given the seconds that its rate would need for all the
regions, marked ~.  The last column says how much longer `auto`'s choice took than the fastest.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from rich.console import Console

import regions
from benchmarks.bench_count import warm_up
from benchmarks.machine import machine
from benchmarks.show import seconds, table
from regions.counting.engines import choose
from regions.frame import Frame

LIMIT, LP_LIMIT = 10.0, 2.0  # seconds of a compiled engine, and of lp, on one network
REPEATS = 3  # of what takes less than half a second
LOST = 1.1  # times as long as the fastest: `auto` chose another engine than it should have

Row = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A random network: its widths, the share of weights that are not zero, and the domain."""

    part: str
    widths: tuple[int, ...]
    density: float = 1.0
    radius: float = 1.0  # of the ball around a random point, or 1: the box [-1, 1]^n
    bits: int = 0  # of integer weights and biases, sign apart; 0: floats
    unbiased: bool = False
    doubled: bool = False  # every unit of the first layer twice

    @property
    def name(self) -> str:
        text = "-".join(map(str, self.widths))
        text += f", {self.density:.0%} of weights" if self.density < 1 else ""
        text += f", {self.bits} bits" if self.bits else ""
        return text + ", no biases" * self.unbiased + ", units twice" * self.doubled

    def make(self) -> tuple[regions.Network, Any]:
        """Weights and biases are uniform in ±1/√(inputs that a unit reads), with seed 0."""
        rng = np.random.default_rng(0)
        layers = []
        for below, above in pairwise(self.widths):
            bound = 1 / np.sqrt(max(below * self.density, 1))
            weight = rng.uniform(-bound, bound, (above, below))
            weight *= rng.random(weight.shape) < self.density
            bias = rng.uniform(-bound, bound, above) * (not self.unbiased)
            if self.bits:
                scale = ((1 << self.bits) - 1) / bound
                weight, bias = np.rint(weight * scale), np.rint(bias * scale)
            if self.doubled and not layers:
                half = above // 2
                weight[half : 2 * half], bias[half : 2 * half] = weight[:half], bias[:half]
            layers.append((weight, bias))
        inputs = self.widths[0]
        if self.radius < 1:
            centre = rng.uniform(-1, 1, inputs)
            return regions.Network.from_layers(layers), regions.Ball(centre, self.radius)
        return regions.Network.from_layers(layers), regions.Box.cube(inputs, -1, 1)


# Units of one, two and three layers in each dimension, for some thousands of regions.
SIZES = {
    2: (96, 48, 40), 3: (40, 22, 18), 4: (26, 16, 13), 5: (22, 14, 12), 6: (19, 13, 10),
    7: (17, 12, 10), 8: (16, 11, 9), 9: (15, 11, 9), 10: (15, 10, 9), 11: (14, 10, 8),
    12: (14, 10, 8),
}  # fmt: skip
SMALL = tuple(
    case
    for dim, (one, two, three) in SIZES.items()
    for case in (
        Case("small", (dim, one, 1)),
        Case("small", (dim, two, two, 1)),
        Case("small", (dim, three, three, three, 1)),
        Case("small", (dim, two, two, 1), density=0.3),
    )
)
SPECIAL = (
    *(
        Case("special", widths, bits=bits)
        for widths, some in (
            ((2, 16, 16, 1), (3, 8, 12)), ((2, 40, 1), (3, 12)), ((3, 16, 16, 1), (2, 5, 8)),
            ((4, 12, 12, 1), (1, 3, 6)), ((6, 16, 1), (2, 6)), ((8, 13, 1), (1, 4)),
        )
        for bits in some
    ),
    *(
        Case("special", widths, unbiased=True)
        for widths in ((2, 24, 24, 1), (4, 11, 11, 1), (6, 9, 9, 1), (7, 8, 8, 1), (8, 8, 8, 1))
    ),
    Case("special", (5, 14, 14, 1), doubled=True),
    Case("special", (8, 11, 11, 1), doubled=True),
)  # fmt: skip
WIDE = tuple(
    Case("wide", widths)
    for widths in (
        (64, 20, 20, 1), (128, 10, 10, 1), (256, 10, 10, 1), (512, 8, 8, 1), (100, 40, 40, 1),
        (784, 10, 10, 1), (784, 40, 40, 1), (2000, 10, 10, 1),
    )
)  # fmt: skip
LARGE = (
    Case("large", (512, 512, 1), radius=5e-4),
    Case("large", (512, 512, 1), 0.02, radius=5e-3),
    Case("large", (784, 256, 256, 1), radius=1e-3),
    Case("large", (784, 256, 256, 1), 0.05, radius=5e-3),
    Case("large", (1024, 1024, 1), radius=2e-4),
    Case("large", (1024, 1024, 1), 0.02, radius=1.5e-3),
    Case("large", (2048, 1024, 1), radius=1e-4),
    Case("large", (2048, 1024, 1), 0.01, radius=1.5e-3),
    Case("large", (3072, 2568, 1), radius=3e-5),
    Case("large", (3072, 2568, 1), 0.01, radius=5e-4),
)
CASES = (*SMALL, *SPECIAL, *WIDE, *LARGE)


@contextmanager
def cells_kept(by_points: bool) -> Iterator[None]:
    """The simplex engine keeps points (or dictionaries) for every cell."""
    from regions.counting import by_simplex

    with patch.object(by_simplex, "is_wide", lambda rows, dim: by_points):
        yield


@contextmanager
def as_it_comes() -> Iterator[None]:
    yield


Way = tuple[str, Callable[[], Any]]  # an engine, and how it is made to work
SIMPLEX: Way = ("simplex", as_it_comes)
LP: Way = ("lp", as_it_comes)
WAYS: dict[str, dict[str, Way]] = {
    "small": {"vertices": ("vertices", as_it_comes), "simplex": SIMPLEX, "lp": LP},
    "special": {
        "vertices": ("vertices", as_it_comes),
        "integers": ("integers", as_it_comes),
        "simplex": SIMPLEX,
        "lp": LP,
    },
    "wide": {
        "points": ("simplex", lambda: cells_kept(True)),
        "dictionaries": ("simplex", lambda: cells_kept(False)),
        "lp": LP,
    },
    "large": {"simplex": SIMPLEX, "lp": LP},
}


def measure(case: Case, limit: float, lp_limit: float) -> Row:
    """Seconds of each way of counting; the choice of `auto`, and how it fared."""
    network, domain = case.make()
    found: dict[str, regions.Count] = {}
    for way, (engine, manner) in WAYS[case.part].items():
        most = lp_limit if engine == "lp" and case.part != "large" else limit
        with manner():
            try:
                best = regions.count(network, domain, engine=engine, time_limit=most)
            except regions.InputError:  # it does not take it
                continue
            for _ in range(REPEATS - 1 if best.exact and best.seconds < 0.5 else 0):
                again = regions.count(network, domain, engine=engine, time_limit=most)
                best = min(best, again, key=lambda result: result.seconds)
        found[way] = best
    lower = max(result.lower for result in found.values())
    upper = min(result.upper for result in found.values())
    if lower > upper:
        said = ", ".join(f"{way} {r.lower} to {r.upper}" for way, r in found.items())
        raise SystemExit(f"benchmark {case.name}: the engines contradict one another: {said}")
    # what did not end needs so long at its rate; compared only where the number is known
    needed = {way: r.seconds * (1 if r.exact else lower / r.lower) for way, r in found.items()}
    fastest = min(needed, key=lambda way: needed[way])
    chosen = _chosen(case.part, network, domain)
    return {
        "part": case.part,
        "name": case.name,
        "dim": case.widths[0],
        "kib": 8 * network.inputs * network.relus / 1024,
        "lower": lower,
        "upper": upper,
        "seconds": needed,
        "ended": {way: result.exact for way, result in found.items()},
        "fastest": fastest,
        "auto": chosen,
        "times": needed[chosen] / needed[fastest],
    }


def _chosen(part: str, network: regions.Network, domain: Any) -> str:
    """The way that `auto` counts."""
    frame = Frame.of(domain)
    pulled = frame.pull(network)
    engine, _ = choose(pulled, frame)
    if part == "wide" and engine == "simplex":
        from regions.counting.by_simplex import is_wide

        rows = pulled.relus + frame.rows.shape[0]
        return "points" if is_wide(rows, frame.dim) else "dictionaries"
    return engine


def cells(row: Row) -> list[str]:
    """A row of the table as texts."""
    ways = [
        ("" if row["ended"][way] else "~") + seconds(row["seconds"][way])
        if way in row["seconds"]
        else "-"
        for way in WAYS[row["part"]]
    ]
    number = f"{row['lower']:,}" + ("" if row["lower"] == row["upper"] else "+")
    lost = f"{row['times']:.2f}" if row["times"] > LOST else ""
    size = f"{row['kib']:,.0f}" if row["kib"] >= 10 else f"{row['kib']:.1f}"
    return [row["name"], number, size, *ways, row["fastest"], row["auto"], lost]


def heads(part: str) -> list[str]:
    return ["network", "regions", "KiB", *WAYS[part], "fastest", "auto", "times as long"]


def verdict(rows: list[Row]) -> str:
    """How often `auto` chose the fastest, or nearly."""
    good = sum(row["times"] <= LOST for row in rows)
    worst = max(rows, key=lambda row: row["times"])
    text = f"auto chose the fastest (within {LOST - 1:.0%}) in {good} of {len(rows)}"
    if worst["times"] > LOST:
        text += f"; at worst {worst['times']:.1f} times as long as {worst['fastest']}, "
        text += f"on {worst['name']}"
    return text


def by_part(rows: list[Row]) -> Iterator[tuple[str, list[Row]]]:
    for part in WAYS:
        mine = [row for row in rows if row["part"] == part]
        if mine:
            yield part, mine


def show(rows: list[Row], console: Console) -> None:
    """The tables on the screen."""
    for part, mine in by_part(rows):
        made = table(f"{part}: seconds; ~ at the engine's rate; KiB of a dictionary", heads(part))
        for row in mine:
            made.add_row(*cells(row))
        console.print(made)
        console.print(f"{part}: {verdict(mine)}", highlight=False)


def markdown(rows: list[Row], about: dict[str, str]) -> str:
    """The same for the record."""
    today = datetime.date.today().isoformat()
    lines = [
        "# The measured table behind `--engine auto`",
        "",
        "Written by `make bench-auto`; `benchmarks/auto.py` says what is measured. In seconds;",
        "with `~` at the rate of an engine that did not end. KiB of a simplex dictionary. In the",
        "last column: how many times as long `auto` took as the fastest, if more than 1.1.",
        "",
        f"{today}: " + ", ".join(f"{key} {value}" for key, value in about.items()) + ".",
    ]
    for part, mine in by_part(rows):
        titles = heads(part)
        lines += ["", f"## {part}", "", f"{verdict(mine)}.", ""]
        lines += ["| " + " | ".join(titles) + " |"]
        lines += ["|" + "|".join("---" if i in (0,) else "--:" for i in range(len(titles))) + "|"]
        lines += ["| " + " | ".join(cells(row)) + " |" for row in mine]
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.auto")
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds of a compiled engine")
    parser.add_argument("--lp-limit", type=float, default=LP_LIMIT, help="seconds of lp")
    parser.add_argument("--only", default="", help="a part, or how names begin")
    parser.add_argument("--markdown", type=Path, help="write the tables to this file as well")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    read = parser.parse_args(arguments)
    cases = [case for case in CASES if read.only == case.part] or [
        case for case in CASES if case.name.startswith(read.only)
    ]
    if not cases:
        parser.error(f"--only {read.only}: no name begins so")
    console = Console(width=None if sys.stdout.isatty() else 128)
    about = machine()
    console.print(" · ".join(f"{key} {value}" for key, value in about.items()), highlight=False)
    warm_up("vertices", "integers", "simplex", "lp")
    rows = [measure(case, read.limit, read.lp_limit) for case in cases]
    show(rows, console)
    if read.markdown:
        read.markdown.write_text(markdown(rows, about), encoding="utf-8")
    if read.json:
        read.json.write_text(json.dumps({"schema": 1, "machine": about, "rows": rows}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
