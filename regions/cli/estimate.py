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
from regions.cli.render import about, duration, grouped, print_json
from regions.errors import InputError

if TYPE_CHECKING:
    from regions.estimating.truth import Comparison
    from regions.results import Estimate

EXAMPLE = (
    "Example:  regions estimate examples/models/moons.pt --method tree --exact\n\n"
    "Exit code: 0 an estimate, 3 a time limit or Ctrl-C before anything was sampled, 2 bad input, "
    "1 failure."
)
EXIT_NOTHING = 3
METHODS = ("tree", "volumes", "patterns", "species", "rays", "slices")
FORMS = ("auto", "exact", "waiting", "sampled")
Confidence = Annotated[float, typer.Option("--confidence", metavar="P", help="Of the intervals.")]
Layers = Annotated[
    int | None,
    typer.Option(
        "--layers",
        metavar="K",
        help="Patterns of the first K ReLU layers only.",
        show_default=False,
    ),
]


def command(
    model: Model,
    method: Annotated[
        str,
        typer.Option(
            "--method",
            metavar="|".join(METHODS),
            help=(
                "tree: random walks down the counting tree (Knuth). volumes: 1 / volume of the "
                "regions that uniform points hit. patterns: random patterns, each decided. "
                "species: how often regions are hit again (Chao). rays, slices: densities on "
                "random lines and planes, which are no numbers of regions."
            ),
        ),
    ] = "patterns",
    samples: Annotated[
        str | None,
        typer.Option(
            "--samples",
            metavar="N",
            help="How many. With --method patterns, all: every pattern once.",
            show_default="by method, 20 to 1000",
        ),
    ] = None,
    form: Annotated[
        str,
        typer.Option(
            "--form",
            metavar="|".join(FORMS),
            help=(
                "Of --method volumes. waiting: unbiased without volumes; sampled: biased; auto: "
                "exact where that is possible, else waiting."
            ),
        ),
    ] = "auto",
    width: Annotated[
        int,
        typer.Option(
            "--width",
            metavar="W",
            help="Of --method tree: nodes of one depth that are kept; 1 is Knuth's method.",
        ),
    ] = 16,
    exact: Annotated[
        bool,
        typer.Option(
            "--exact", help="Compute the exact number too, and whether the interval covers it."
        ),
    ] = False,
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
    """Estimate the number of linear regions from samples.

    The result is an interval with a confidence, not a count; it says what it is worth.
    """
    import regions
    from regions.cli.models import open_model

    check_choice("--method", method, METHODS)
    check_choice("--form", form, FORMS)
    check_seconds(time_limit)
    number = None if samples is None else _number(samples)
    solver = open_backend(backend, second_backend)
    network, where = open_model(
        model, domain, box=box, trust_file=trust_file, input_shape=input_shape, seed=seed
    )
    with unwound(), sampling_progress(model.name, quiet, _found(method)) as progress:
        found = regions.estimate(
            network, where, method=method, samples=number, seed=seed, layers=layers,
            confidence=confidence, form=form, width=width, time_limit=time_limit, backend=solver,
            progress=progress,
        )  # fmt: skip
    truth = None
    if exact:
        from regions.estimating.cross_checking import beside

        with unwound():
            truth = beside(method, found, network, where, layers, solver, time_limit)
    if as_json:
        record = {"file": str(model), **asdict(found)}
        if math.isinf(found.high):
            record["bounded"] = False
        print_json(record if truth is None else {**record, **exact_record(truth)})
    else:
        for line in [*_lines(model.name, found), *([] if truth is None else [_beside(truth)])]:
            print(line)
    if found.value is None:
        raise typer.Exit(EXIT_NOTHING)


def _found(method: str) -> str:
    """What the second number of the progress counts."""
    words = {"patterns": "reachable", "rays": "regions on them", "slices": "regions in them"}
    return words.get(method, "different regions")


def _number(text: str) -> int | str:
    if text == "all":
        return text
    if not (text.isascii() and text.isdigit() and int(text)):
        raise InputError(f"--samples {text}: needs a whole number, 1 or more, or all")
    return int(text)


def _lines(name: str, found: Estimate) -> list[str]:
    if found.value is None:
        return [f"{name}: nothing sampled ({found.stopped})"]
    what = "linear regions" if found.quantity == "regions" else found.quantity
    ends = f"{about(found.low)} to {about(found.high)}"
    drawn = "1 sample" if found.samples == 1 else f"{grouped(found.samples)} samples"
    lines = [
        f"{name}: about {about(found.value)} {what} (an estimate: {ends} with confidence "
        f"{found.confidence:g}) from {drawn} in {duration(found.seconds)}"
    ]
    stopped = f", stopped: {found.stopped}" if found.stopped else ""
    lines.append(f"  method {found.method}, seed {found.seed}, domain {found.domain}{stopped}")
    lines.append(f"  {found.note}")
    return lines


def exact_text(row: Comparison) -> str:
    """The exact number for people, or a dash."""
    from regions.results import Count

    if row.exact is None:
        return "-"
    if not isinstance(row.exact, Count):
        return about(row.exact)
    if row.exact.exact:
        return grouped(row.exact.lower)
    return f"{grouped(row.exact.lower)} to {grouped(row.exact.upper)}"


def exact_record(row: Comparison) -> dict[str, object]:
    """`exact`: a number, bounds of it, or null; `covered`: true, false, or null if not known."""
    from regions.results import Count

    value: object = row.exact
    if isinstance(row.exact, Count):
        count = row.exact
        value = {"lower": count.lower, "upper": count.upper, "exact": count.exact}
    return {"exact": value, "covered": row.covered, "why": row.why}


def _beside(row: Comparison) -> str:
    if row.exact is None:
        return f"  exact: not known ({row.why})"
    words = {True: "the interval covers it", False: "the interval misses it"}
    return f"  exact: {exact_text(row)}; {words.get(row.covered, 'not known if it is covered')}"  # type: ignore[arg-type]
