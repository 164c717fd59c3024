"""``regions nearest``: the region whose pattern is nearest to a given one."""

from __future__ import annotations

from dataclasses import asdict
from fractions import Fraction
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
from regions.cli.patterns import read_pattern_or_point
from regions.cli.progress import bounding_progress
from regions.cli.render import coordinates, duration, outward, print_json
from regions.errors import InputError

if TYPE_CHECKING:
    from regions.answers import Between, Nearest

EXAMPLE = (
    "Example:  regions nearest examples/models/moons.pt 1111111111111111/0000000000000000\n\n"
    "Exit code: 0 the nearest one, proved; 3 bounds only (a time limit, Ctrl-C), 2 bad input, "
    "1 failure."
)
EXIT_BOUNDS = 3
SHOWN_BITS = 400  # --json has all
Attained = Annotated[
    bool,
    typer.Option(
        "--attained",
        help="Admit patterns of any point, however thin the set of such points; slower.",
    ),
]


def command(
    model: Model,
    pattern: Annotated[
        str,
        typer.Argument(
            metavar="PATTERN",
            help="0, 1 or * for every unit, / between layers; @FILE with such a text; or a point.",
            show_default=False,
        ),
    ],
    attained: Attained = False,
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights",
            metavar="W,W,…",
            help="What a differing bit counts, for each layer: 1,2,0.5. Default: 1.",
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
    """Find the linear region whose pattern differs from PATTERN in the fewest bits.

    PATTERN need not occur itself. The distance is proved to be the least one, or, after a time
    limit, lies between two bounds.
    """
    import regions
    from regions.cli.models import open_model

    check_seconds(time_limit)
    each = None if weights is None else _numbers(weights)
    solver = open_backend(backend, second_backend)
    network, where = open_model(
        model, domain, box=box, trust_file=trust_file, input_shape=input_shape, seed=seed
    )
    target = read_pattern_or_point(pattern, network, where, "pattern")
    with unwound(), bounding_progress(model.name, quiet) as progress:
        found = regions.nearest(
            network, target, where, attained=attained, weights=each, time_limit=time_limit,
            backend=solver, seed=seed, progress=progress,
        )  # fmt: skip
    if as_json:
        print_json({"file": str(model), **record(found)})
    else:
        print(f"{model.name}: {_headline(found)} in {duration(found.seconds)}")
        for line in witness_lines(found):
            print(f"  {line}")
    if not found.optimal:
        raise typer.Exit(EXIT_BOUNDS)


def _numbers(text: str) -> list[object]:
    from regions.number_text import read_number

    try:
        return [read_number(word) for word in text.split(",")]
    except ValueError as error:
        raise InputError(f"--weights {text}: {error}") from error


def record(found: Nearest | Between) -> dict[str, Any]:
    """The JSON object of a result: its fields, patterns as text."""
    from regions.pattern import Pattern

    fields = asdict(found)
    for name in fields:
        value = getattr(found, name)
        fields[name] = str(value) if isinstance(value, Pattern) else value
    for name, direction in (("distance", 1), ("lower", -1), ("relaxation", -1)):
        if isinstance(fields.get(name), Fraction):
            fields[name] = outward(fields[name], direction)
    return fields


def _headline(found: Nearest) -> str:
    what = "pattern" if found.attained else "region"
    if found.optimal:
        if found.distance == 0:
            return f"a {what} has this pattern: distance 0"
        return f"the nearest {what} is at distance {found.distance} (proved)"
    reason = found.stopped or "bounds only"
    if found.distance is None:
        return f"no {what} found; the least distance is at least {found.lower} ({reason})"
    return f"the least distance is between {found.lower} and {found.distance} ({reason})"


def witness_lines(found: Nearest | Between) -> list[str]:
    """The pattern that was found and a point that has it, for people."""
    if found.pattern is None or found.witness is None:
        return []
    lines = [f"pattern: {found.pattern}"] if len(found.pattern) <= SHOWN_BITS else []
    lines.append(f"witness: {coordinates(found.witness)}")
    by_layer = getattr(found, "by_layer", None)
    if by_layer is not None and any(by_layer):
        lines.append(f"differing bits by layer: {', '.join(map(str, by_layer))}")
    return lines
