"""``regions complexity``: the number of regions near points, as a function of the radius."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from regions.cli.arguments import (
    InputShape,
    Json,
    Model,
    Quiet,
    Seed,
    TrustFile,
    check_choice,
)
from regions.cli.render import grouped, print_json
from regions.counting.engines import ENGINES
from regions.errors import InputError

EXAMPLE = (
    "Example:  regions complexity examples/models/moons.pt --at 0,0 --at 0.5,-0.5 "
    "--radius 0.01,0.1\n\n"
    "Exit code: 0 if all numbers are exact, 3 if some are bounds only (a time limit)."
)
EXIT_BOUNDS = 3
MOST_NAME = 24


def command(
    model: Model,
    at: Annotated[
        list[str],
        typer.Option(
            "--at",
            metavar="POINT",
            help=(
                "A centre: -0.1,0.3 (decimals and fractions are exact) or @FILE.npy; may be given "
                "several times."
            ),
            show_default=False,
        ),
    ],
    radius: Annotated[
        list[str],
        typer.Option(
            "--radius",
            metavar="R[,R…]",
            help="Radii of the balls, in the maximum norm; may be given several times.",
            show_default=False,
        ),
    ],
    plane: Annotated[
        bool,
        typer.Option(
            "--plane",
            help=(
                "Count in a random plane through each point (its directions depend on --seed "
                "alone), where whole balls have too many regions."
            ),
        ),
    ] = False,
    domain: Annotated[
        list[str] | None,
        typer.Option(
            "--domain",
            metavar="SPEC",
            help="Count only within this domain, as in 'regions count'. Default: the whole ball.",
            show_default=False,
        ),
    ] = None,
    layers: Annotated[
        int | None,
        typer.Option(
            "--layers", metavar="K", help="Only the first K ReLU layers.", show_default=False
        ),
    ] = None,
    engine: Annotated[
        str,
        typer.Option(
            "--engine", metavar="|".join(name for name in ENGINES if name != "milp"), help="How."
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
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            metavar="FILE",
            help="Also write a table (.parquet) or a picture of the curves (.png, .svg, .pdf).",
            show_default=False,
        ),
    ] = None,
    trust_file: TrustFile = False,
    input_shape: InputShape = None,
    as_json: Json = False,
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Count the linear regions in balls around points, exactly.

    How many there are near a point, as a function of the radius, says how finely the network
    divides the space there.
    """
    from regions.cli.models import open_model
    from regions.complexity import local_complexity, write_complexity
    from regions.domain_spec import parse_domains, parse_point
    from regions.drawing.style import PICTURES, check_file, drawing, save, theme_of

    check_choice("--engine", engine, [name for name in ENGINES if name != "milp"])
    if time_limit is not None and not time_limit >= 0:
        raise InputError(f"--time-limit {time_limit:g}: needs seconds, 0 or more")
    look = theme_of("light")
    if output is not None:
        check_file(output, (".parquet", *PICTURES), "--output")
        if output.suffix.lower() in PICTURES:
            with drawing(look):  # is matplotlib there?  before the work, not after it
                pass
    network, _ = open_model(
        model, domain, trust_file=trust_file, input_shape=input_shape, seed=seed
    )
    points = [parse_point(text, network.inputs) for text in at]
    radii = [part for text in radius for part in text.split(",")]
    if layers is not None and not 1 <= layers <= len(network.layers):
        raise InputError(
            f"--layers {layers}: {model.name} has {len(network.layers)} ReLU layers; "
            f"choose 1 to {len(network.layers)}"
        )
    found = local_complexity(
        network, points, radii, engine=engine, layers=layers, time_limit=time_limit,
        domain=parse_domains(domain, network.inputs) if domain else None,
        plane_seed=seed if plane else None,
    )  # fmt: skip
    if output is not None:
        if output.suffix.lower() == ".parquet":
            write_complexity(output, found.table())
        else:
            from regions.drawing.charts import curves

            order = sorted(range(len(radii)), key=lambda k: found.radii[k])
            figure = curves(
                [found.radii[k] for k in order],
                {
                    _short(text): [(row[k].lower, row[k].upper) for k in order]
                    for text, row in zip(at, found.counts, strict=True)
                },
                x_label="radius (maximum norm)",
                y_label="regions in a plane" if plane else "regions in the ball",
                title=f"{model.name}: regions around {len(at)} points"
                if len(at) > 1
                else f"{model.name}: regions around {_short(at[0])}",
                logarithmic=(len(radii) > 1, True),
            )
            save(figure, output, look)
    if as_json:
        keys = ("lower", "upper", "exact", "stopped", "engine", "seconds")
        print_json(
            {
                "points": [list(map(str, point)) for point in points],
                "radii": list(found.radii),
                "plane_seed": found.plane_seed,
                "exact": found.exact,
                "counts": [
                    [{key: getattr(number, key) for key in keys} for number in row]
                    for row in found.counts
                ],
            }
        )
    else:
        _print_table(at, radii, found.counts)
    if not found.exact:
        raise typer.Exit(EXIT_BOUNDS)


def _short(text: str) -> str:
    return text if len(text) <= MOST_NAME else f"{text[: MOST_NAME - 1]}…"


def _print_table(at: list[str], radii: list[str], counts: Any) -> None:
    """One line for each point, one column for each radius."""
    rows = [["radius", *(text.strip() for text in radii)]]
    for text, row in zip(at, counts, strict=True):
        numbers = [
            grouped(number.lower)
            if number.exact
            else f"{grouped(number.lower)} to {grouped(number.upper)}"
            for number in row
        ]
        rows.append([_short(text), *numbers])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for cells in rows:
        first = cells[0].ljust(widths[0])
        others = (cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))
        print("  ".join((first, *others)))
