"""``regions recurrence``: f(n, r), the number of regions of n hyperplanes of rank r."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from regions.cli.arguments import Json, Quiet, Seed, check_choice
from regions.cli.interrupts import unwound
from regions.cli.progress import counting_progress
from regions.cli.render import duration, grouped, print_json
from regions.errors import InputError

if TYPE_CHECKING:
    from regions.counting.recurrence import Recurrence

EXAMPLE = (
    "Example:  regions recurrence --units 6 --rank 3\n\n"
    "Or:  regions recurrence --units 6 --rank 3 --kind zero-bias\n\n"
    "Or:  regions recurrence --weights layer.npz   (arrays W, one row a unit, and b)\n\n"
    "Exit code: 0 whether the formula holds or not, 3 not measured (a time limit, Ctrl-C), "
    "2 bad input, 1 failure."
)
EXIT_BOUNDS = 3
KINDS = ("generic", "zero-bias", "low-rank", "convolution", "convolution-bias")
SHOWN = 8  # rows and columns of the table


def command(
    units: Annotated[
        int | None,
        typer.Option("--units", metavar="N", help="The number of units.", show_default=False),
    ] = None,
    rank: Annotated[
        int | None,
        typer.Option(
            "--rank", metavar="R", help="The rank of their rows, 1 to N.", show_default=False
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights",
            metavar="FILE.npz",
            help="A layer to measure: arrays W (units, inputs) and b (units).",
            show_default=False,
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind",
            metavar="|".join(KINDS),
            help="Or weights to generate; generic by default.",
            show_default=False,
        ),
    ] = None,
    time_limit: Annotated[
        float | None,
        typer.Option(
            "--time-limit", metavar="S", help="Stop measuring after S seconds.", show_default=False
        ),
    ] = None,
    as_json: Json = False,
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Compare the regions of one layer on all of Rⁿ with the formula S(n, r) = Σ C(n, i), i ≤ r.

    The layer is counted one region at a time, by deletion and restriction, and by a sum over
    subsets of its rows. Where the formula does not hold, the result says which hypothesis fails.
    """
    import regions
    from regions.readers.arrays import read_named_arrays

    if time_limit is not None and not time_limit >= 0:
        raise InputError(f"--time-limit {time_limit:g}: needs seconds, 0 or more")
    if weights is not None and kind is not None:
        raise InputError("--weights and --kind: the weights are given or generated; leave one out")
    if weights is None:
        fixed = kind is not None and kind.startswith("convolution")
        if units is None or (rank is None and not fixed):
            raise InputError("needs --units N and --rank R, or --weights FILE.npz")
    if units is not None and not 1 <= units <= 2000:
        raise InputError(f"--units {units}: needs a number of units, 1 to 2000")
    if rank is not None and (rank < 1 or (units is not None and rank > units)):
        most = "N" if units is None else str(units)
        raise InputError(f"--rank {rank}: needs 1 to {most}, the number of units")
    check_choice("--kind", kind or "generic", KINDS)
    arrays = (None, None) if weights is None else read_named_arrays(weights, ("W", "b"))
    name = "recurrence" if weights is None else weights.name
    with unwound(), counting_progress(name, quiet) as progress:
        result = regions.recurrence(
            units, rank, weights=arrays[0], bias=arrays[1], kind=kind or "generic", seed=seed,
            time_limit=time_limit, progress=progress,
        )  # fmt: skip
    if as_json:
        file = None if weights is None else str(weights)
        print_json({"file": file, **result.as_dict()})
    else:
        for line in _lines(result, name):
            print(line)
    if result.stopped is not None:
        raise typer.Exit(EXIT_BOUNDS)


def _lines(result: Recurrence, name: str) -> list[str]:
    """The result for people."""
    n, r = result.units, result.rank
    lines = [f"f({n}, {r}) = S({n}, {r}) = {grouped(result.formula)}"]
    if result.measured is None:
        lines.append(f"  {result.why}")
    else:
        source = result.weights if name == "recurrence" else name
        verdict = "the formula holds" if result.holds else "the formula does not hold"
        ways = ", ".join(result.ways) + (", which agree" if len(result.ways) > 1 else "")
        lines += [
            f"  measured {grouped(result.measured)} ({source}): {verdict}",
            f"  {result.why}",
            f"  by {ways}; it is {result.theorem} ({duration(result.seconds)})",
        ]
    shown = [row[:SHOWN] for row in result.table[-SHOWN:]]
    first = n - len(shown) + 1
    width = max(len(grouped(value)) for row in shown for value in row)
    heads = "  ".join(f"{rank:>{width}}" for rank in range(1, len(shown[0]) + 1))
    lines += [f"  f(n, r)  r = {heads}"]
    lines += [
        f"  n = {number:<4}     " + "  ".join(f"{grouped(value):>{width}}" for value in row)
        for number, row in enumerate(shown, start=first)
    ]
    return lines
