"""``regions path``: from one region to another."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from regions.cli.arguments import (
    BoxIndex,
    DomainSpecs,
    InputShape,
    Json,
    Model,
    Quiet,
    Seed,
    TrustFile,
    check_choice,
)
from regions.cli.interrupts import unwound
from regions.cli.progress import path_progress
from regions.cli.render import duration, grouped, plural, print_json
from regions.errors import InputError, PatternError

if TYPE_CHECKING:
    from regions.graph.path import Path as Way
    from regions.network import Network
    from regions.pattern import Pattern

EXAMPLE = (
    "Example:  regions path examples/models/moons.pt -1,0.5 1,-0.3 --method shortest\n\n"
    "A and B are points, -0.1,0.3 or @FILE.npy, or patterns, 0110/10 or @FILE with that text; "
    "@0.1,-0.3 is a point.\n\n"
    "Exit code: 0 exact, 3 bounds only (a time limit, Ctrl-C), 2 bad input, 1 failure."
)
METHODS = ("shortest", "straight")
EXIT_BOUNDS = 3
SHOWN = 20  # regions on the way; the others are in the JSON
SHOWN_BITS = 80


def command(
    model: Model,
    start: Annotated[str, typer.Argument(metavar="A", help="Where the path begins.")],
    end: Annotated[str, typer.Argument(metavar="B", help="Where it ends.")],
    method: Annotated[
        str,
        typer.Option(
            "--method",
            metavar="|".join(METHODS),
            help="shortest: as few bits flipped as possible. straight: along the segment.",
            show_default=False,
        ),
    ],
    domain: DomainSpecs = None,
    box: BoxIndex = None,
    count_paths: Annotated[
        bool, typer.Option("--count-paths", help="Count the shortest paths; small graphs.")
    ] = False,
    unit_steps: Annotated[
        bool,
        typer.Option(
            "--unit-steps", help="Decide whether some path has steps of one bit only; small graphs."
        ),
    ] = False,
    time_limit: Annotated[
        float | None,
        typer.Option(
            "--time-limit",
            metavar="S",
            help="Stop after S seconds, with the bounds known by then.",
            show_default=False,
        ),
    ] = None,
    trust_file: TrustFile = False,
    input_shape: InputShape = None,
    as_json: Json = False,
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Go from one region to another, through regions that follow each other.

    A shortest path crosses facets, each step costs the number of bits that it flips, and no path
    costs less; it is found without the graph of all regions. A straight path lists the regions
    along the segment from A to B, in order, with the exact points between them.
    """
    import regions
    from regions.cli.models import open_model

    check_choice("--method", method, METHODS)
    if method == "straight" and (count_paths or unit_steps):
        raise InputError("--count-paths and --unit-steps: need --method shortest")
    if time_limit is not None and not time_limit >= 0:
        raise InputError(f"--time-limit {time_limit:g}: needs seconds, 0 or more")
    network, where = open_model(
        model, domain, box=box, trust_file=trust_file, input_shape=input_shape, seed=seed
    )
    a, b = _end(network, start), _end(network, end)
    limit = None if time_limit is None or math.isinf(time_limit) else time_limit
    with unwound(), path_progress(model.name, quiet) as progress:
        if method == "straight":
            way = regions.straight(network, a, b, where, time_limit=limit)
        else:
            way = regions.shortest(
                network, a, b, where, count_paths=count_paths, unit_steps=unit_steps,
                time_limit=limit, progress=progress,
            )  # fmt: skip
    if as_json:
        print_json({"file": str(model), **way.as_dict()})
    else:
        for line in _lines(model, way):
            print(line)
    if way.stopped:
        raise typer.Exit(EXIT_BOUNDS)


def _end(network: Network, text: str) -> Pattern | tuple[object, ...]:
    """A pattern or a point: text of 0, 1, * and / alone is a pattern, @ may be a file of one."""
    from regions.domain_spec import parse_point
    from regions.pattern import Pattern

    stripped = text.strip()
    if stripped.startswith("@") and not stripped.endswith(".npy"):
        file = Path(stripped[1:])
        if file.is_file():
            try:
                stripped = file.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise PatternError(f"pattern {text}: cannot be read ({error})") from error
            return Pattern.parse(stripped, network.widths)
    if stripped and not stripped.strip("01*/"):
        try:
            return Pattern.parse(stripped, network.widths)
        except PatternError as error:
            raise PatternError(f"{error}; if it is a point, write @{stripped}") from error
    return parse_point(stripped, network.inputs)


def _lines(model: Path, way: Way) -> list[str]:
    """The result for people."""
    if way.patterns:
        what = f"{way.method} path of {plural(way.steps or 0, 'step')}"
        flipped = f"{plural(way.cumulative or 0, 'bit')} flipped, Hamming distance {way.hamming}"
    else:
        what, flipped = "no path found", f"Hamming distance {way.hamming}"
    state = "exact" if way.exact else "bounds only"
    state += f", stopped: {way.stopped}" if way.stopped else ""
    lines = [f"{model.name}: {what}: {flipped} ({state}) in {duration(way.seconds)}"]
    lines.append(f"  domain {way.domain}")
    if not way.exact:
        most = "" if way.upper is None else f", at most {way.upper}"
        lines.append(f"  the least number of bits is at least {way.lower}{most}")
    if way.shortest_paths is not None:
        lines.append(f"  shortest paths: {grouped(way.shortest_paths)}")
    if way.unit_steps is False:
        lines.append("  no path has steps of one bit only (proved)")
    flips = (None, *way.flips)
    for pattern, flip in list(zip(way.patterns, flips, strict=True))[:SHOWN]:
        text = str(pattern)
        shown = text if len(text) <= SHOWN_BITS else f"{text[: SHOWN_BITS - 1]}…"
        lines.append(f"  {'' if flip is None else f'+{flip}':>4}  {shown}")
    if len(way.patterns) > SHOWN:
        lines.append(f"  and {grouped(len(way.patterns) - SHOWN)} more; --json has all of them")
    return lines
