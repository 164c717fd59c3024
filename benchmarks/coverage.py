"""Do the intervals of `regions estimate` cover the truth as often as they claim?

    python -m benchmarks.coverage [--trials N] [--only TEXT] [--networks TEXT]
                                  [--markdown FILE] [--json FILE]

Every estimator on ten small networks whose numbers are known by enumeration, with the seeds 0, 1, …
(1000 of them; 200 for the sections, each of which is a count of its own).  An estimator fails where
so few intervals cover has a probability below 10^-4 under its claim (binomial, one-sided: lower
limits are meant to cover more often than they claim).  `value/exact` is the mean over the trials:
1 for an unbiased estimator, and the bias of the others.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import cos, sin
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

import regions
from benchmarks.machine import machine
from benchmarks.show import table
from regions.counting.tree import Stop
from regions.estimating.api import repeated
from regions.estimating.truth import density

TRIALS, FEW_TRIALS = 1000, 200
REJECTED = 1e-4
CONFIDENCE = 0.95
DENSITIES = ("rays", "slices")

Row = dict[str, Any]


@dataclass(frozen=True)
class Claim:
    """An estimator with its options; `dear` ones have fewer trials."""

    name: str
    method: str
    options: dict[str, Any] = field(default_factory=dict)
    dear: bool = False


CLAIMS = (
    Claim("tree, width 1", "tree", {"width": 1, "samples": 30}),
    Claim("tree, width 4", "tree", {"width": 4, "samples": 10}),
    Claim("volumes", "volumes", {"samples": 50}),
    Claim("volumes, waiting", "volumes", {"form": "waiting", "samples": 50}),
    Claim("volumes, sampled", "volumes", {"form": "sampled", "samples": 20}, dear=True),
    Claim("patterns", "patterns", {"samples": 200}),
    Claim("species", "species", {"samples": 50}),
    Claim("rays", "rays", {"samples": 40}, dear=True),
    Claim("slices", "slices", {"samples": 30}, dear=True),
)


@dataclass(frozen=True)
class Case:
    """A small network and its domain."""

    name: str
    layers: tuple[tuple[Any, Any], ...]
    low: Any = -1
    high: Any = 1

    def make(self) -> tuple[regions.Network, regions.Box]:
        """Exact decimals stay exact."""
        network = regions.Network.from_layers(self.layers)
        return network, regions.Box.cube(network.inputs, self.low, self.high)


def _frozen(*widths: int) -> tuple[tuple[Any, Any], ...]:
    """Weights from cosines and sines."""
    made = []
    for depth, (below, units) in enumerate(pairwise(widths)):
        rows = [
            [cos(1.7 * (i + 1) ** 1.3 * (j + 2) + depth) for j in range(below)]
            for i in range(units)
        ]
        made.append((rows, [0.5 * sin(2.3 * (i + 1) + depth) for i in range(units)]))
    return (*made, _sum(widths[-1]))


def _random(*widths: int, seed: int = 0) -> tuple[tuple[Any, Any], ...]:
    """Normal weights and biases."""
    rng = np.random.default_rng(seed)
    made: list[tuple[Any, Any]] = [
        (rng.standard_normal((units, below)) / below**0.5, 0.3 * rng.standard_normal(units))
        for below, units in pairwise(widths)
    ]
    return (*made, _sum(widths[-1]))


def _sum(units: int) -> tuple[Any, Any]:
    return [[1] * units], [0]


_FOLD = [[2, -4], [2, -4]]
_CASES = (
    Case("thresholds", (([[1]] * 4, ["0.9", "0.3", "-0.2", "-0.25"]), _sum(4))),
    Case(
        "sawtooth 3",
        (([[1], [1]], [0, -0.5]), (_FOLD, [0, -0.5]), (_FOLD, [0, -0.5]), _sum(2)),
        low=0,
    ),
    Case("braid 3", (([[1, -1, 0], [1, 0, -1], [0, 1, -1]], [0, 0, 0]), _sum(3)), low=0),
    Case("Eulerian 4", (([[1] * 4] * 3, [-1, -2, -3]), _sum(3)), low=0),
    Case(
        "1-norm 2",
        (
            ([[1, 0], [-1, 0], [0, 1], [0, -1]], [0] * 4),
            ([[1] * 4, [1] * 4], ["-0.5", "-1.9"]),  # small regions in the corners
            _sum(2),
        ),
    ),
    Case("cosines 2-4-4", _frozen(2, 4, 4)),
    Case("cosines 2-4-4-4", _frozen(2, 4, 4, 4)),
    Case("random 2-6-4", _random(2, 6, 4)),
    Case("random 3-5-4", _random(3, 5, 4)),
    Case("random 4-6", _random(4, 6, seed=1)),
)
CASES = {case.name: case for case in _CASES}


def exact_value(case: Case, claim: Claim) -> float | None:
    """What the estimator should find; None where it cannot be used or checked."""
    network, domain = case.make()
    if claim.method not in DENSITIES:
        return int(regions.count(network, domain))
    if claim.method == "slices" and not 2 <= network.inputs <= 3:
        return None
    value, why = density(network, domain, claim.method, None, "highs", Stop(None))
    assert value is not None, why
    return value


def tail(covered: int, trials: int, confidence: float) -> float:
    """The probability that at most so many of the trials cover, if they do with `confidence`.

    >>> round(tail(930, 1000, 0.95), 4), tail(10, 10, 1.0), tail(9, 10, 1.0)
    (0.0035, 1.0, 0.0)
    """
    from scipy.special import bdtr

    if confidence >= 1:
        return float(covered == trials)
    return float(bdtr(covered, trials, confidence))


def measure(case: Case, claim: Claim, trials: int) -> Row | None:
    """One row of the table."""
    exact = exact_value(case, claim)
    if exact is None:
        return None
    start = time.monotonic()
    network, domain = case.make()
    found = list(
        repeated(
            network, domain, range(trials),
            method=claim.method, confidence=CONFIDENCE, **claim.options,
        )
    )  # fmt: skip
    slack = 1e-9 * exact if claim.method in DENSITIES else 0.0
    covered = sum(bool(g.low - slack <= exact <= g.high + slack) for g in found)
    # some runs know the number for certain; their claim is 1, that of the others 0.95
    confidence = min(g.confidence for g in found)
    widths = [float((g.high - g.low) / exact) for g in found]
    return {
        "estimator": claim.name,
        "network": case.name,
        "exact": exact,
        "trials": trials,
        "claimed": confidence,
        "covered": covered / trials,
        "p": tail(covered, trials, confidence),
        "width": float(np.median(widths)),
        "low": float(np.median([float(g.low) for g in found]) / exact),
        "ratio": float(np.mean([float(g.value or 0) for g in found]) / exact),
        "bias": _bias(str(g.details["bias"]) for g in found),
        "seconds": time.monotonic() - start,
    }


def _bias(words: Iterable[str]) -> str:
    first = {text.split(",")[0].split(" ")[0] for text in words}
    return "/".join(sorted(first))


HEADS = (
    "estimator", "network", "exact", "trials", "claimed", "covered", "p", "width/exact",
    "low/exact", "value/exact", "bias",
)  # fmt: skip


def cells(row: Row) -> list[str]:
    """A row of the table as text."""
    return [
        row["estimator"], row["network"], f"{row['exact']:.6g}", str(row["trials"]),
        f"{row['claimed']:g}", f"{row['covered']:.3f}", f"{row['p']:.2g}", f"{row['width']:.3g}",
        f"{row['low']:.3f}", f"{row['ratio']:.4g}", row["bias"],
    ]  # fmt: skip


def verdict(rows: Sequence[Row]) -> str:
    """One sentence on all rows."""
    bad = [f"{row['estimator']} on {row['network']}" for row in rows if row["p"] < REJECTED]
    if bad:
        return f"{len(bad)} of {len(rows)} claims are rejected: {', '.join(bad)}"
    return f"none of {len(rows)} claims is rejected at p < {REJECTED:g}"


def markdown(rows: Sequence[Row], about: dict[str, str]) -> str:
    """The table for the record."""
    today = datetime.date.today().isoformat()
    lines = [
        "# How often the intervals of `regions estimate` cover",
        "",
        "Written by `make bench-coverage`; `benchmarks/coverage.py` says what is measured. `p` is",
        "the probability of so few covering intervals under the claim; `width/exact` and",
        "`low/exact` are medians of the interval's width and lower end over the exact value,",
        "`value/exact` is the mean of the estimates over it: 1, but for chance, where the bias is",
        "none. Upper ends of numbers of regions are certain bounds, not from samples; the claim",
        "of sampled volumes is the number of regions found and the bound, without any statistics.",
        "",
        f"{today}: " + ", ".join(f"{key} {value}" for key, value in about.items()) + ".",
        "",
        f"{verdict(rows)}.",
        "",
        "| " + " | ".join(HEADS) + " |",
        "|" + "|".join("---" if i < 2 else "--:" for i in range(len(HEADS))) + "|",
    ]
    lines += ["| " + " | ".join(cells(row)) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage")
    parser.add_argument("--trials", type=int, default=TRIALS, help="a fifth for the dear ones")
    parser.add_argument("--only", default="", help="how names of estimators begin")
    parser.add_argument("--networks", default="", help="how names of networks begin")
    parser.add_argument("--markdown", type=Path, help="write the table to this file as well")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    read = parser.parse_args(arguments)
    claims = [claim for claim in CLAIMS if claim.name.startswith(read.only)]
    cases = [case for case in _CASES if case.name.startswith(read.networks)]
    if not claims or not cases:
        parser.error("no name begins so")
    console = Console(width=None if sys.stdout.isatty() else 140)
    about = machine()
    rows = []
    for claim in claims:
        for case in cases:
            trials = max(1, read.trials * FEW_TRIALS // TRIALS) if claim.dear else read.trials
            row = measure(case, claim, trials)
            if row is not None:
                rows.append(row)
                print(f"{' | '.join(cells(row))} | {row['seconds']:.1f} s", file=sys.stderr)
    made = table(verdict(rows), HEADS)
    for row in rows:
        made.add_row(*cells(row))
    console.print(made)
    if read.markdown:
        read.markdown.write_text(markdown(rows, about), encoding="utf-8")
    if read.json:
        read.json.write_text(json.dumps({"schema": 1, "machine": about, "rows": rows}, indent=1))
    return int(any(row["p"] < REJECTED for row in rows))


if __name__ == "__main__":
    sys.exit(main())
