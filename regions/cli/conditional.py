"""``regions conditional``: how many patterns a layer takes, given those of the layers before it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

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
    check_choice,
    check_seconds,
    open_backend,
)
from regions.cli.interrupts import unwound
from regions.cli.patterns import pattern_text
from regions.cli.progress import counting_progress
from regions.cli.render import duration, grouped, plural, print_json
from regions.counting.engines import LISTING
from regions.errors import InputError

if TYPE_CHECKING:
    from regions.counting.conditional import Conditional
    from regions.counting.given_table import GivenCount

EXAMPLE = (
    "Example:  regions conditional examples/models/moons.pt --layer 2 --at -0.1,0.3\n\n"
    "Or:  regions conditional examples/models/moons.pt --layer 2 --given 0000011110100011\n\n"
    "Or:  regions conditional examples/models/moons.pt --layer 2 --json   (the whole table)\n\n"
    "Exit code: 0 exact, 3 bounds only (a time limit, Ctrl-C, a full table), 2 bad input, "
    "1 failure."
)
EXIT_BOUNDS = 3
CHOICES = ("auto", *LISTING)  # milp knows no patterns of single regions
SHOWN = 20  # rows of a table; the others are in the JSON


def command(
    model: Model,
    layer: Annotated[
        int,
        typer.Option(
            "--layer", metavar="K", help="The layer whose patterns are counted.", show_default=False
        ),
    ],
    given: Annotated[
        str | None,
        typer.Option(
            "--given",
            metavar="PATTERN",
            help="The pattern of the layers before it, as in 0110/10, or @FILE with that text.",
            show_default=False,
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="POINT",
            help="A point that has that pattern: -0.1,0.3 or @FILE.npy.",
            show_default=False,
        ),
    ] = None,
    domain: DomainSpecs = None,
    box: BoxIndex = None,
    attained: Annotated[
        bool,
        typer.Option(
            "--attained",
            help="Count what is attained at some point, however thin the set; for small networks.",
        ),
    ] = False,
    engine: Annotated[
        str,
        typer.Option(
            "--engine",
            metavar="|".join(CHOICES),
            help="How; as for count. vertices makes tables only.",
        ),
    ] = "auto",
    time_limit: TimeLimit = None,
    backend: BackendName = "highs",
    second_backend: SecondBackend = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            metavar="N",
            help="Work on N cores; all of them by default. A table is made on one.",
            show_default=False,
        ),
    ] = None,
    most: Annotated[
        int,
        typer.Option(
            "--most",
            metavar="N",
            help="Keep at most N rows of a table; a longer one is stopped, with bounds.",
        ),
    ] = 100_000,
    trust_file: TrustFile = False,
    input_shape: InputShape = None,
    as_json: Json = False,
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Count the patterns that a layer takes where the layers before it have a given pattern.

    With neither --given nor --at: a table over all patterns of the layers before it, whose sum is
    the number of regions of the first K layers. A given pattern that is no region has 0.
    """
    import regions
    from regions.cli.models import open_model
    from regions.counting.crew import cores
    from regions.domain_spec import parse_point

    check_choice("--engine", engine, CHOICES)
    check_seconds(time_limit)
    if workers is not None and workers < 1:
        raise InputError(f"--workers {workers}: needs a number of cores, 1 or more")
    if most < 1:
        raise InputError(f"--most {most}: needs a number of rows, 1 or more")
    if given is not None and at is not None:
        raise InputError("--given and --at: both say what the layers before have; leave one out")
    solver = open_backend(backend, second_backend)
    network, where = open_model(
        model, domain, box=box, trust_file=trust_file, input_shape=input_shape, seed=seed
    )
    if not 1 <= layer <= len(network.layers):
        have = plural(len(network.layers), "ReLU layer")
        raise InputError(f"--layer {layer}: {model.name} has {have}; they count from 1")
    limit = None if time_limit is None or math.isinf(time_limit) else time_limit
    with unwound(), counting_progress(model.name, quiet) as progress:
        result = regions.conditional(
            network, layer, given=None if given is None else pattern_text(given, "--given"),
            at=None if at is None else parse_point(at, network.inputs), domain=where,
            attained=attained, engine=engine, time_limit=limit, progress=progress,
            backend=solver, workers=workers or cores(), most=most,
        )  # fmt: skip
    if as_json:
        print_json({"file": str(model), **result.as_dict()})
    else:
        for line in _lines(model, result):
            print(line)
    if not result.exact:
        raise typer.Exit(EXIT_BOUNDS)


def _lines(model: Path, result: Conditional) -> list[str]:
    """The result for people."""
    what = "linear region" if result.definition == "regions" else "attained pattern"
    if result.lower == result.upper:
        number = plural(result.lower, what)
    else:
        number = f"between {grouped(result.lower)} and {grouped(result.upper)} {what}s"
    state = "exact" if result.exact else "bounds only"
    state += f", stopped: {result.stopped}" if result.stopped else ""
    tail = f"({state}) in {duration(result.seconds)}"
    how = f"  domain {result.domain}, engine {result.engine} ({result.why})"
    if result.table is None:
        under = f" given {result.given}" if result.layer > 1 else ""
        lines = [f"{model.name}: layer {result.layer} takes {number}{under} {tail}", how]
        if result.possible is False:
            lines.append(f"  the given pattern itself is no {what}")
        return lines
    rows = result.table
    more = (
        "" if result.complete else "at least " if result.stopped != "table full" else "more than "
    )
    lines = [
        f"{model.name}: layer {result.layer} takes {number} under {more}"
        f"{plural(len(rows), 'given pattern')} {tail}",
        how,
    ]
    if rows:
        counts = sorted(row.lower for row in rows)
        lines.append(
            f"  from {grouped(counts[0])} to {grouped(counts[-1])} each, the median is "
            f"{grouped(counts[len(counts) // 2])}"
        )
    lines += [f"  {_known(row):>9}  {row.given}" for row in rows[:SHOWN]]
    if len(rows) > SHOWN:
        lines.append(f"  and {grouped(len(rows) - SHOWN)} more; --json has all of them")
    return lines


def _known(row: GivenCount) -> str:
    if row.exact:
        return grouped(row.lower)
    return f"{grouped(row.lower)} to {grouped(row.upper)}"
