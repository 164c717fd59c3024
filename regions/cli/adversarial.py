"""``regions adversarial``: the least perturbation of a point that changes the class."""

from __future__ import annotations

from dataclasses import asdict
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
    check_choice,
    check_seconds,
    open_backend,
)
from regions.cli.interrupts import unwound
from regions.cli.progress import bounding_progress
from regions.cli.render import coordinates, duration, outward, plural, print_json

if TYPE_CHECKING:
    from regions.answers import Adversarial

EXAMPLE = (
    "Example:  regions adversarial examples/models/moons.pt --at -0.1,0.3 --norm linf\n\n"
    "Exit code: 0 the least one, or proved that there is none; 3 bounds only (a time limit, "
    "Ctrl-C), 2 bad input, 1 failure."
)
EXIT_BOUNDS = 3
NORMS = ("linf", "l1", "l2")


def command(
    model: Model,
    at: Annotated[
        str,
        typer.Option(
            "--at",
            metavar="POINT",
            help="The point: -0.1,0.3 or @FILE.npy.",
            show_default=False,
        ),
    ],
    norm: Annotated[
        str, typer.Option("--norm", metavar="|".join(NORMS), help="In which it is least.")
    ] = "linf",
    target: Annotated[
        int | None,
        typer.Option(
            "--target",
            metavar="K",
            help="The class that is wanted, from 0; any other by default.",
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
    """Find the least perturbation of a point, inside the domain, that changes the class.

    The class is the largest output; with a single output, whether it is positive. At the example
    another output is at least as large, so it may be a tie. The activation pattern of the example
    is compared with that of the point.
    """
    import regions
    from regions.cli.models import open_model
    from regions.cli.patterns import point_in

    check_choice("--norm", norm, NORMS)
    check_seconds(time_limit)
    solver = open_backend(backend, second_backend)
    network, where = open_model(
        model, domain, box=box, trust_file=trust_file, input_shape=input_shape, seed=seed
    )
    point = point_in(at, network, where, "--at")
    with unwound(), bounding_progress(model.name, quiet) as progress:
        found = regions.adversarial(
            network, point, where, norm=norm, target=target, time_limit=time_limit,
            backend=solver, seed=seed, progress=progress,
        )  # fmt: skip
    if as_json:
        print_json({"file": str(model), **_record(found)})
    else:
        print(f"{model.name}: {_headline(found)} in {duration(found.seconds)}")
        if found.witness is not None and found.hamming is not None:
            print(f"  example: {coordinates(found.witness)}")
            bits = plural(found.hamming, "bit")
            print(f"  class {found.label} to {found.reached}; the pattern changes in {bits}")
    if not found.optimal:
        raise typer.Exit(EXIT_BOUNDS)


def _record(found: Adversarial) -> dict[str, Any]:
    """The JSON object: doubles that enclose the norm, and its exact value as text."""
    fields = asdict(found)
    exact = found.optimal and found.high is not None and found.norm != "l2"
    fields |= {
        "low": outward(found.low, -1),
        "high": outward(found.high, 1),
        "value": str(found.high) if exact else None,
        "squared": None if found.squared is None else str(found.squared),
        "pattern": None if found.pattern is None else str(found.pattern),
        "exists": True if found.witness is not None else False if found.optimal else None,
    }
    return fields


def _headline(found: Adversarial) -> str:
    low, high = outward(found.low, -1), outward(found.high, 1)
    if found.optimal and high is None:
        return f"class {found.label} everywhere in the domain (proved)"
    if found.optimal:
        return f"the least {found.norm} perturbation that changes the class is {high:.9g} (proved)"
    words = "" if high is None else f" and at most {high:.9g}"
    reason = found.stopped or "bounds only"
    return f"the least {found.norm} perturbation is at least {low or 0:.9g}{words} ({reason})"
