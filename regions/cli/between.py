"""``regions between``: a region between two others."""

from __future__ import annotations

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
    check_seconds,
    open_backend,
)
from regions.cli.interrupts import unwound
from regions.cli.nearest import EXIT_BOUNDS, Attained, record, witness_lines
from regions.cli.patterns import read_pattern_or_point
from regions.cli.progress import bounding_progress
from regions.cli.render import duration, print_json

if TYPE_CHECKING:
    from regions.answers import Between

EXAMPLE = (
    "Example:  regions between examples/models/moons.pt -0.5,0.5 0.5,-0.5\n\n"
    "Exit code: 0 the best one, or proved that there is none; 3 bounds only (a time limit, "
    "Ctrl-C), 2 bad input, 1 failure."
)


def command(
    model: Model,
    first: Annotated[
        str,
        typer.Argument(
            metavar="A",
            help="A pattern (0110/10 or @FILE), or the point that has it (-0.1,0.3 or @FILE.npy).",
            show_default=False,
        ),
    ],
    second: Annotated[str, typer.Argument(metavar="B", help="The other.", show_default=False)],
    attained: Attained = False,
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
    """Find a linear region between two patterns, as nearly half-way as there is one.

    The sum of its distances to A and to B is the least possible, and of such regions it is the
    most balanced one. If the sum is more than the distance from A to B, no region lies between
    them, which is proved. Text of 0, 1 and / alone is a pattern; write @0,1 for a point.
    """
    import regions
    from regions.cli.models import open_model

    check_seconds(time_limit)
    solver = open_backend(backend, second_backend)
    network, where = open_model(
        model, domain, box=box, trust_file=trust_file, input_shape=input_shape, seed=seed
    )
    a, b = (read_pattern_or_point(text, network, where, "pattern") for text in (first, second))
    with unwound(), bounding_progress(model.name, quiet) as progress:
        found = regions.between(
            network, a, b, where, attained=attained, time_limit=time_limit, backend=solver,
            seed=seed, progress=progress,
        )  # fmt: skip
    if as_json:
        print_json({"file": str(model), **record(found)})
    else:
        print(f"{model.name}: {_headline(found)} in {duration(found.seconds)}")
        for line in witness_lines(found):
            print(f"  {line}")
    if not found.optimal:
        raise typer.Exit(EXIT_BOUNDS)


def _headline(found: Between) -> str:
    what = "pattern" if found.attained else "region"
    ends = f"the ends are at distance {found.hamming}"
    if found.pattern is None:
        if found.optimal:
            return f"{ends}, and there is no other {what} (proved)"
        return f"{ends}; no {what} found ({found.stopped or 'bounds only'})"
    place = f"distance {found.to_a} from A and {found.to_b} from B"
    if not found.optimal:
        reason = found.stopped or "bounds only"
        return (
            f"{ends}; a {what} at {place}, excess {found.excess}, and the least is at least "
            f"{found.lower} ({reason})"
        )
    if found.excess == 0:
        return f"{ends}; a {what} between them at {place}"
    return f"{ends}; no {what} lies between them, the best one is at {place} (proved)"
