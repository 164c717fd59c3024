"""``regions cross-check``: every estimator beside the exact engines, as one table."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from regions.cli.arguments import (
    BackendName,
    BoxIndex,
    DomainSpecs,
    InputShape,
    Json,
    Model,
    Quiet,
    SecondBackend,
    Seed,
    TimeLimit,
    TrustFile,
    check_seconds,
    open_backend,
)
from regions.cli.estimate import Confidence, Layers, exact_record, exact_text
from regions.cli.interrupts import unwound
from regions.cli.progress import naming_progress
from regions.cli.render import about, duration, print_json

if TYPE_CHECKING:
    from regions.estimating.cross_checking import CrossCheck
    from regions.estimating.truth import Comparison

EXAMPLE = (
    "Example:  regions cross-check examples/models/moons.pt --layers 1\n\n"
    "Exit code: 0 a table, whether its intervals cover the exact numbers or not, 2 bad input, "
    "1 failure."
)
_WIDE = 10_000  # columns of a pipe: nothing is cut or wrapped


def command(
    model: Model,
    layers: Layers = None,
    confidence: Confidence = 0.95,
    domain: DomainSpecs = None,
    box: BoxIndex = None,
    time_limit: TimeLimit = None,
    backend: BackendName = "highs",
    second_backend: SecondBackend = None,
    trust_file: TrustFile = False,
    input_shape: InputShape = None,
    as_json: Json = False,
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Run every estimator beside the exact engines, on a small network.

    The table has each estimate with its interval, the exact number, whether the interval covers it,
    and what it cost. --time-limit is for each row of it.
    """
    import regions
    from regions.cli.models import open_model

    check_seconds(time_limit)
    solver = open_backend(backend, second_backend)
    network, where = open_model(
        model, domain, box=box, trust_file=trust_file, input_shape=input_shape, seed=seed
    )
    with unwound(), naming_progress(model.name, quiet) as progress:
        found = regions.cross_check(
            network, where, layers=layers, seed=seed, confidence=confidence,
            time_limit=time_limit, backend=solver, progress=progress,
        )  # fmt: skip
    if as_json:
        print_json(_record(str(model), found))
    else:
        _print_table(model.name, found)


def _record(file: str, found: CrossCheck) -> dict[str, object]:
    rows = [
        {
            "name": row.name,
            "estimate": None if row.estimate is None else asdict(row.estimate),
            **exact_record(row),
        }
        for row in found.rows
    ]
    return {
        "file": file,
        "count": found.count.as_dict(),
        "covered": found.covered,
        "rows": rows,
        "seconds": found.seconds,
        "stopped": found.stopped,
    }


def _print_table(name: str, found: CrossCheck) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_edge=False)
    table.add_column("method", no_wrap=True)
    for label in ("estimate", "interval", "exact"):
        table.add_column(label, justify="right", no_wrap=True)
    for label in ("covered", "seconds", "cost"):
        table.add_column(label, no_wrap=True)
    for row in found.rows:
        table.add_row(*_cells(row))
    terminal = sys.stdout.isatty()
    console = Console(
        width=None if terminal else _WIDE, highlight=False, markup=False, soft_wrap=not terminal
    )
    print(f"{name}: {found.count} (exact count, {found.count.engine})")
    console.print(table)
    for row in found.rows:
        if row.why:
            print(f"  {row.name}: {row.why}")
    if found.stopped:
        print(f"  {found.stopped} before the last row")


def _cells(row: Comparison) -> tuple[str, ...]:
    guess = row.estimate
    if guess is None or guess.value is None:
        return row.name, "-", "-", exact_text(row), "-", "-", "-"
    covered = {True: "yes", False: "no"}.get(row.covered, "-")  # type: ignore[arg-type]
    ends = f"{about(guess.low)} to {about(guess.high)}"
    cost = str(guess.details.get("cost", ""))
    spent = duration(guess.seconds)
    return row.name, about(guess.value), ends, exact_text(row), covered, spent, cost
