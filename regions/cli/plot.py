"""``regions plot``: pictures of the linear regions in a plane, meshes in three dimensions."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

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
from regions.cli.progress import drawing_progress
from regions.cli.render import duration, plural, print_json
from regions.counting.engines import ENGINES
from regions.errors import InputError

EXAMPLE = (
    "Example:  regions plot examples/models/moons.pt --colour class --output moons.html\n\n"
    "PNG, SVG and PDF need matplotlib: pip install matplotlib."
)
COLOURS = ("region", "class", "layer", "gradient")
THEMES = ("light", "dark")


def command(
    model: Model,
    domain: DomainSpecs = None,
    box: BoxIndex = None,
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help=(
                "Where the picture goes; may be given several times. The ending chooses: .png, "
                ".svg, .pdf; .html for a page that shows pattern, area and affine map of the "
                "region under the pointer; .ply, .vtk for meshes, also in three dimensions. "
                "Default: MODEL-regions.png in this folder."
            ),
            show_default=False,
        ),
    ] = None,
    colour: Annotated[
        str,
        typer.Option(
            "--colour",
            "--color",
            metavar="|".join(COLOURS),
            help=(
                "region: neighbours differ; class: the largest output; layer: boundaries by the "
                "layer that makes them; gradient: the norm of the gradient."
            ),
        ),
    ] = "region",
    boundary: Annotated[
        bool,
        typer.Option("--boundary/--no-boundary", help="Draw the decision boundary on top."),
    ] = True,
    theme: Annotated[
        str | None,
        typer.Option(
            "--theme",
            metavar="|".join(THEMES),
            help="The page it is for. Default: light; in .html what the reader's system says.",
            show_default=False,
        ),
    ] = None,
    window: Annotated[
        str,
        typer.Option(
            "--window",
            metavar="LO,HI",
            help=(
                "The part of a slice alone: both of its coordinates, which are 0 and 1 at the "
                "three points, from LO to HI."
            ),
        ),
    ] = "-0.5,1.5",
    title: Annotated[
        str | None,
        typer.Option("--title", metavar="TEXT", help="Over the picture.", show_default=False),
    ] = None,
    engine: Annotated[
        str,
        typer.Option(
            "--engine", metavar="|".join(name for name in ENGINES if name != "milp"), help="How."
        ),
    ] = "auto",
    trust_file: TrustFile = False,
    input_shape: InputShape = None,
    as_json: Json = False,
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Draw the linear regions in a plane, exactly.

    The plane is --domain slice:P0.npy,P1.npy,P2.npy, or the two inputs of the model; other domains
    of dimension 2 will do. Each region is a polygon with computed corners, not a set of pixels.
    """
    from regions.cli.models import open_model
    from regions.drawing.plots import ENDINGS, plot
    from regions.drawing.style import check_file

    check_choice("--colour", colour, COLOURS)
    check_choice("--engine", engine, [name for name in ENGINES if name != "milp"])
    if theme is not None:
        check_choice("--theme", theme, THEMES)
    ends = window.split(",")
    if len(ends) != 2:
        raise InputError(f"--window {window}: needs two numbers, as in -0.5,1.5")
    files = output or [Path(f"{model.stem}-regions.png")]
    for file in files:
        check_file(file, ENDINGS, "--output")
    network, where = open_model(
        model, domain, box=box, trust_file=trust_file, input_shape=input_shape, seed=seed
    )
    start = time.monotonic()
    with unwound(), drawing_progress(model.name, quiet) as report:
        found = plot(
            network, where, files, colour=colour, boundary=boundary, theme=theme, title=title,
            window=ends, engine=engine, report=report,
        )  # fmt: skip
    seconds = time.monotonic() - start
    total = float(found.sizes.sum())
    if as_json:
        print_json(
            {
                "files": [str(file) for file in files],
                "regions": len(found),
                "dimension": found.dim,
                "size": total,
                "by_rationals": sum(shape.exact is not None for shape in found.shapes),
                "domain": where.spec,
                "seconds": seconds,
            }
        )
        return
    what = "area" if found.dim == 2 else "volume"
    print(
        f"{model.name}: {plural(len(found), 'linear region')}, {what} {total:.6g}, "
        f"in {duration(seconds)}"
    )
    for file in files:
        print(f"  written to {file}")
