"""``regions estimate``: the number of regions from samples, which is no count."""

from __future__ import annotations

import math
from dataclasses import asdict
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
from regions.cli.progress import sampling_progress
from regions.cli.render import duration, grouped, print_json
from regions.errors import InputError

if TYPE_CHECKING:
    from regions.results import Estimate

EXAMPLE = (
    "Example:  regions estimate examples/models/moons.pt --method patterns --layers 1\n\n"
    "Exit code: 0 an estimate, 3 a time limit or Ctrl-C before anything was sampled, 2 bad input, "
    "1 failure."
)
EXIT_NOTHING = 3
METHODS = ("patterns",)


def command(
    model: Model,
    method: Annotated[
        str,
        typer.Option(
            "--method",
            metavar="|".join(METHODS),
            help="patterns: random patterns, each decided exactly (idea 1 of the paper).",
        ),
    ] = "patterns",
    samples: Annotated[
        str,
        typer.Option("--samples", metavar="N", help="How many; all: every pattern once."),
    ] = "1000",
    layers: Annotated[
        int | None,
        typer.Option(
            "--layers",
            metavar="K",
            help="Patterns of the first K ReLU layers only.",
            show_default=False,
        ),
    ] = None,
    confidence: Annotated[
        float, typer.Option("--confidence", metavar="P", help="Of the interval.")
    ] = 0.95,
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
    """Estimate the number of linear regions from samples.

    The result is an interval with a confidence, not a count; it says what it is worth.
    """
    import regions
    from regions.cli.models import open_model

    check_choice("--method", method, METHODS)
    check_seconds(time_limit)
    number = _number(samples)
    solver = open_backend(backend, second_backend)
    network, where = open_model(
        model, domain, box=box, trust_file=trust_file, input_shape=input_shape, seed=seed
    )
    with unwound(), sampling_progress(model.name, quiet) as progress:
        found = regions.estimate(
            network, where, method=method, samples=number, seed=seed, layers=layers,
            confidence=confidence, time_limit=time_limit, backend=solver, progress=progress,
        )  # fmt: skip
    if as_json:
        print_json({"file": str(model), **asdict(found)})
    else:
        for line in _lines(model.name, found):
            print(line)
    if found.value is None:
        raise typer.Exit(EXIT_NOTHING)


def _number(text: str) -> int | str:
    if text == "all":
        return text
    if not (text.isascii() and text.isdigit() and int(text)):
        raise InputError(f"--samples {text}: needs a whole number, 1 or more, or all")
    return int(text)


def _lines(name: str, found: Estimate) -> list[str]:
    if found.value is None:
        return [f"{name}: nothing sampled ({found.stopped})"]
    ends = f"{_about(found.low)} to {_about(found.high)}"
    lines = [
        f"{name}: about {_about(found.value)} linear regions (an estimate: {ends} with confidence "
        f"{found.confidence:g}) from {grouped(found.samples)} samples in {duration(found.seconds)}"
    ]
    stopped = f", stopped: {found.stopped}" if found.stopped else ""
    lines.append(f"  method {found.method}, seed {found.seed}, domain {found.domain}{stopped}")
    lines.append(f"  {found.note}")
    return lines


def _about(value: float) -> str:
    if isinstance(value, int):
        return grouped(value)
    return grouped(round(value)) if math.isfinite(value) and abs(value) >= 100 else f"{value:.3g}"
