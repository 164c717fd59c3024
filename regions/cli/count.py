"""``regions count``: the number of linear regions of a network in a domain."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from regions.cli.arguments import (
    BoxIndex,
    DomainSpecs,
    InputShape,
    Json,
    Models,
    Quiet,
    Seed,
    TrustFile,
    check_choice,
)
from regions.cli.interrupts import unwound
from regions.cli.progress import counting_progress
from regions.cli.render import duration, grouped, plural, print_json
from regions.counting.engines import ENGINES
from regions.errors import InputError

if TYPE_CHECKING:
    from regions.results import Count

EXAMPLE = (
    "Example:  regions count examples/models/digits.pt --domain box:-1,1\n\n"
    "Exit code: 0 exact, 3 bounds only (a time limit, Ctrl-C), 2 bad input, 1 failure, 130 "
    "interrupted before the count began."
)
EXIT_BOUNDS = 3
DEFINITIONS = ("regions",)


def command(
    models: Models,
    domain: DomainSpecs = None,
    box: BoxIndex = None,
    definition: Annotated[
        str,
        typer.Option(
            "--definition",
            metavar="|".join(DEFINITIONS),
            help="What is counted. regions: activation patterns whose cell has an interior.",
        ),
    ] = "regions",
    layers: Annotated[
        int | None,
        typer.Option(
            "--layers", metavar="K", help="Only the first K ReLU layers.", show_default=False
        ),
    ] = None,
    engine: Annotated[
        str,
        typer.Option(
            "--engine",
            metavar="|".join(ENGINES),
            help="How. " + "; ".join(f"{name}: {what}" for name, what in ENGINES.items()) + ".",
        ),
    ] = "auto",
    time_limit: Annotated[
        float | None,
        typer.Option(
            "--time-limit",
            metavar="S",
            help="Stop each count after S seconds, with the bounds known by then.",
            show_default=False,
        ),
    ] = None,
    trust_file: TrustFile = False,
    input_shape: InputShape = None,
    as_json: Json = False,
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Count the linear regions of one or several networks, exactly.

    A time limit or Ctrl-C leaves bounds that are certain.
    """
    import regions
    from regions.cli.models import open_model

    check_choice("--definition", definition, DEFINITIONS)
    check_choice("--engine", engine, ENGINES)
    if time_limit is not None and not time_limit >= 0:
        raise InputError(f"--time-limit {time_limit:g}: needs seconds, 0 or more")
    if layers is not None and layers < 1:
        raise InputError(f"--layers {layers}: needs a number of ReLU layers, 1 or more")
    limit = None if time_limit is None or math.isinf(time_limit) else time_limit
    opened = [
        open_model(path, domain, box=box, trust_file=trust_file, input_shape=input_shape, seed=seed)
        for path in models
    ]
    for path, (network, _) in zip(models, opened, strict=True):
        if layers is not None and layers > len(network.layers):
            raise InputError(
                f"--layers {layers}: {path.name} has {plural(len(network.layers), 'ReLU layer')}; "
                "choose fewer, or leave the option out to count them all"
            )
    counts: list[Count] = []
    for path, (network, where) in zip(models, opened, strict=True):
        with unwound(), counting_progress(path.name, quiet) as progress:
            count = regions.count(
                network, where, engine=engine, layers=layers, time_limit=limit, progress=progress
            )
        counts.append(count)
        if not as_json:
            print(sentence(path, count), flush=True)
            print(f"  {detail(count)}", flush=True)
        if count.stopped == "interrupted":
            break
    skipped = [str(path) for path in models[len(counts) :]]
    if as_json:
        records = [record(path, count) for path, count in zip(models, counts, strict=False)]
        print_json(records[0] if len(models) == 1 else {"counts": records, "skipped": skipped})
    elif skipped:
        print(f"not counted: {', '.join(skipped)}")
    if skipped or not all(count.exact for count in counts):
        raise typer.Exit(EXIT_BOUNDS)


def record(path: Path, count: Count) -> dict[str, Any]:
    """The keys of ``regions count --json`` for one model."""
    return {"file": str(path), **count.as_dict()}


def sentence(path: Path, count: Count) -> str:
    """The result as one line for people."""
    if count.exact:
        return (
            f"{path.name}: {plural(count.lower, 'linear region')} (exact) "
            f"in {duration(count.seconds)}"
        )
    why = f", stopped: {count.stopped}" if count.stopped else ""
    return (
        f"{path.name}: between {grouped(count.lower)} and {grouped(count.upper)} linear regions "
        f"(bounds only{why}) after {duration(count.seconds)}"
    )


def detail(count: Count) -> str:
    """What was counted and how: one line."""
    model: Mapping[str, Any] = count.model
    rewritten = f" ({grouped(model['rewritten'])} added)" if model["rewritten"] else ""
    parts = [
        plural(model["inputs"], "input"),
        plural(model["relus"], "ReLU") + rewritten,
        f"domain {count.domain}",
        f"engine {count.engine}" + (f" ({count.why})" if count.why else ""),
    ]
    if count.unresolved:
        parts.append(f"{plural(count.unresolved, 'cell')} unresolved")
    return ", ".join(parts)
