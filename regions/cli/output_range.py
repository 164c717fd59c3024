"""``regions range``: the least and the largest value of each output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

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
from regions.cli.progress import bounding_progress
from regions.cli.render import coordinates, duration, outward, print_json

if TYPE_CHECKING:
    from regions.answers import Extreme, OutputRange

EXAMPLE = (
    "Example:  regions range examples/models/moons.pt --output-unit 0\n\n"
    "Exit code: 0 exact, 3 bounds only (a time limit, Ctrl-C), 2 bad input, 1 failure."
)
EXIT_BOUNDS = 3


def command(
    model: Model,
    output_unit: Annotated[
        int | None,
        typer.Option(
            "--output-unit",
            metavar="I",
            help="One output, from 0; all of them by default.",
            show_default=False,
        ),
    ] = None,
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
    """Find the least and the largest value of each output over the domain.

    Each comes with a point that attains it and is proved, or, after a time limit, lies between two
    bounds.
    """
    import regions
    from regions.cli.models import open_model

    check_seconds(time_limit)
    solver = open_backend(backend, second_backend)
    network, where = open_model(
        model, domain, box=box, trust_file=trust_file, input_shape=input_shape, seed=seed
    )
    wanted = None if output_unit is None else [output_unit]
    with unwound(), bounding_progress(model.name, quiet) as progress:
        found = regions.output_range(
            network, where, outputs=wanted, time_limit=time_limit, backend=solver,
            progress=progress,
        )  # fmt: skip
    if as_json:
        print_json(_record(str(model), found))
    else:
        for one in found:
            print(f"{model.name}: output {one.output} {_headline(one)}")
            print(f"  domain {one.domain}, in {duration(one.seconds)}")
            for name, end in (("least", one.minimum), ("largest", one.maximum)):
                if end.witness is not None:
                    print(f"  {name} at: {coordinates(end.witness)}")
    if not all(one.exact for one in found):
        raise typer.Exit(EXIT_BOUNDS)


def _record(model: str, found: tuple[OutputRange, ...]) -> dict[str, Any]:
    ranges = [
        {
            "output": one.output,
            "minimum": _end(one.minimum),
            "maximum": _end(one.maximum),
            "exact": one.exact,
        }
        for one in found
    ]
    last = found[-1] if found else None
    return {
        "file": model,
        "outputs": ranges,
        "exact": all(one.exact for one in found),
        "stopped": next((one.stopped for one in found if one.stopped), None),
        "domain": last.domain if last else None,
        "seconds": last.seconds if last else None,
        "model": last.model if last else None,
    }


def _end(end: Extreme) -> dict[str, Any]:
    """Doubles that enclose the value, rounded outwards, and the exact value as text."""
    value = str(end.low) if end.exact and end.low is not None else None
    return {
        "low": outward(end.low, -1),
        "high": outward(end.high, 1),
        "value": value,
        "exact": end.exact,
        "bounded": end.bounded,
        "witness": end.witness,
    }


def _headline(one: OutputRange) -> str:
    words = []
    for end, endless in ((one.minimum, "-infinity"), (one.maximum, "infinity")):
        low, high = outward(end.low, -1), outward(end.high, 1)
        if end.exact:
            words.append(endless if low is None else f"{low:.9g}")
        else:
            words.append(f"[{'?' if low is None else f'{low:.9g}'}, "
                         f"{'?' if high is None else f'{high:.9g}'}]")  # fmt: skip
    state = "proved" if one.exact else one.stopped or "but for rounding"
    return f"is between {words[0]} and {words[1]} ({state})"
