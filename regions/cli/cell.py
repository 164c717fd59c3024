"""``regions cell``: the geometry of one cell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
)
from regions.cli.render import duration, plural, print_fields, print_json
from regions.errors import InputError, PatternError

if TYPE_CHECKING:
    from regions.geometry.shape import Shape
    from regions.network import Network
    from regions.pattern import Pattern

EXAMPLE = (
    "Example:  regions cell examples/models/moons.pt --at -0.1,0.3\n\n"
    "Exit code: 0 all facets known, 3 a time limit came first, 2 bad input, 1 failure."
)
EXIT_UNDECIDED = 3
SHOWN = 12  # facets, vertices and coordinates in text; --json has them all
COEFFICIENTS = 50_000  # of all rows together, that JSON lists


def command(
    model: Model,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="POINT",
            help="The cell of the region at this point: -0.1,0.3 or @FILE.npy.",
            show_default=False,
        ),
    ] = None,
    pattern: Annotated[
        str | None,
        typer.Option(
            "--pattern",
            metavar="PATTERN",
            help="The cell of this pattern: 0110/10, or @FILE.",
            show_default=False,
        ),
    ] = None,
    side: Annotated[
        str | None,
        typer.Option(
            "--side",
            metavar="BITS",
            help="At a point on a boundary: the bits of the units that are zero there.",
            show_default=False,
        ),
    ] = None,
    domain: DomainSpecs = None,
    box: BoxIndex = None,
    directions: Annotated[
        Path | None,
        typer.Option(
            "--directions",
            metavar="FILE.npy",
            help="An array (number, inputs): also print the widths along these directions.",
            show_default=False,
        ),
    ] = None,
    vertices: Annotated[bool, typer.Option("--vertices", help="Also print the vertices.")] = False,
    ellipsoid: Annotated[
        bool,
        typer.Option(
            "--ellipsoid",
            help="Also print the largest inscribed ellipsoid and the analytic centre (CVXPY).",
        ),
    ] = False,
    axes: Annotated[
        bool,
        typer.Option("--axes", help="Widths along all inputs, also where there are more than 32."),
    ] = False,
    samples: Annotated[
        int | None,
        typer.Option(
            "--samples",
            metavar="N",
            help="Directions of a sampled mean width, steps of each walk of a sampled volume.",
            show_default=False,
        ),
    ] = None,
    time_limit: Annotated[
        float | None,
        typer.Option(
            "--time-limit",
            metavar="S",
            help="Stop after S seconds, with what is known by then.",
            show_default=False,
        ),
    ] = None,
    trust_file: TrustFile = False,
    input_shape: InputShape = None,
    as_json: Json = False,
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Print the geometry of one cell: facets, neighbours, radius, widths, volume.

    In low dimension all of it is exact. In high dimension numbers are intervals that certainly
    contain the figure, or estimates, which say so.
    """
    import regions
    from regions.cli.models import open_model
    from regions.domain_spec import parse_point

    if (at is None) == (pattern is None):
        raise InputError(
            "cell: needs either --at POINT or --pattern PATTERN, got "
            f"{'neither' if at is None else 'both'}; see 'regions cell --help'"
        )
    if samples is not None and samples < 2:
        raise InputError(f"--samples {samples}: needs 2 or more")
    network, where = open_model(
        model, domain, box=box, trust_file=trust_file, input_shape=input_shape, seed=seed
    )
    place: Any = (
        parse_point(at, network.inputs) if at is not None else _pattern(network, str(pattern))
    )
    shape = regions.measure(
        network,
        place,
        where,
        side=side,
        directions=() if directions is None else _directions(directions),
        vertices=vertices,
        axes=True if axes else None,
        samples=samples,
        seed=seed,
        time_limit=time_limit,
    )
    extra = _ellipsoid(shape) if ellipsoid else None
    if as_json:
        print_json(record(network, shape, extra, str(model)))
    else:
        _print(model.name, shape, extra)
    if not shape.complete or shape.bounded is None:
        raise typer.Exit(EXIT_UNDECIDED)


def _pattern(network: Network, text: str) -> Pattern:
    """The pattern of an argument: its text, or that of a file."""
    from regions.pattern import Pattern

    if text.startswith("@"):
        try:
            text = Path(text[1:]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise PatternError(f"pattern {text}: cannot be read ({error})") from error
    return Pattern.parse(text, network.widths)


def _directions(path: Path) -> Any:
    from regions.readers.arrays import read_array

    return read_array(path)


def _ellipsoid(shape: Shape) -> dict[str, Any]:
    from regions.geometry.ellipsoid import ellipsoid
    from regions.geometry.facets import Facets

    if not shape.bounded or not shape.complete:
        raise InputError(
            "--ellipsoid: needs a bounded cell whose facets are known; "
            "give a bounded --domain, and no --time-limit"
        )
    found = ellipsoid(shape.body, Facets(shape.facets, (), ()))
    return {
        "center": found.center.tolist(),
        "axes": found.axes.T.tolist(),
        "radii": found.radii.tolist(),
        "analytic_center": found.analytic_center.tolist(),
    }


# -- JSON ------------------------------------------------------------------------------------


def record(
    network: Network, shape: Shape, ellipsoid: dict[str, Any] | None, file: str
) -> dict[str, Any]:
    """The JSON object of a cell."""
    from regions.cli.figures import as_json
    from regions.counting.api import describe
    from solvers.rational import floats

    widths = shape.widths
    result: dict[str, Any] = {
        "file": file,
        "pattern": str(shape.pattern),
        "dimension": shape.dim,
        "rows": _rows(shape),
        "facets": [
            {"row": facet.row, "rows": list(facet.rows), "units": [list(u) for u in facet.units],
             "sides": list(facet.sides)}
            for facet in shape.facets
        ],
        "undecided": list(shape.undecided),
        "neighbours": [
            {"pattern": str(n.pattern), "units": [list(u) for u in n.flipped], "row": n.facet.row}
            for n in shape.neighbours
        ],
        "chebyshev": {
            "radius": as_json(shape.radius),
            "center": [float(x) for x in shape.center],
        },
        "widths": {
            "axis": None if widths.axis is None else [as_json(w) for w in widths.axis],
            "min_linf": as_json(widths.min_linf),
            "min_l1": as_json(widths.min_l1),
            "min_l2": as_json(widths.min_l2),
            "mean": as_json(widths.mean),
            "diameter": as_json(widths.diameter),
            "directions": [as_json(w) for w in widths.along],
        },
        "volume": as_json(shape.volume),
        "bounded": shape.bounded,
        "map": {
            "weight": floats(shape.weight.dense()).tolist(),
            "bias": floats(shape.bias.dense()).reshape(-1).tolist(),
        },
        "distance": None if shape.distance is None else as_json(shape.distance),
        "distance_units": None if shape.distance_units is None else as_json(shape.distance_units),
    }  # fmt: skip
    if shape.vertices is not None:
        result["vertices"] = [[float(x) for x in vertex] for vertex in shape.vertices]
    if ellipsoid is not None:
        result["ellipsoid"] = ellipsoid
    return result | {
        "seconds": shape.seconds,
        "domain": shape.domain,
        "model": describe(network),
    }


def _rows(shape: Shape) -> list[dict[str, Any]]:
    """Origins; with coefficients a·x <= b where that is not too long."""
    from regions.cell import Unit
    from solvers.rational import nearest

    facets = {row for facet in shape.facets for row in facet.rows}
    listed = len(shape.origins) * len(shape.center) <= COEFFICIENTS
    rows = []
    for index, origin in enumerate(shape.origins):
        entry: dict[str, Any] = (
            {"layer": origin.layer, "unit": origin.unit, "bit": origin.bit}
            if isinstance(origin, Unit)
            else {"side": origin.name}
        )
        entry["facet"] = None if index in shape.undecided else index in facets
        if listed:
            a, b = shape.body.over_x(index)
            entry |= {"coefficients": [nearest(q) for q in a], "limit": nearest(b)}
        rows.append(entry)
    return rows


# -- text ------------------------------------------------------------------------------------


def _print(name: str, shape: Shape, ellipsoid: dict[str, Any] | None) -> None:
    from regions.cli.figures import as_text

    state = "" if shape.complete else f", {plural(len(shape.undecided), 'row')} undecided"
    print(
        f"{name}: a cell with {plural(len(shape.facets), 'facet')} of "
        f"{plural(len(shape.origins), 'row')}{state}, in {duration(shape.seconds)}"
    )
    widths = shape.widths
    bounded = {True: "yes", False: "no", None: "not decided"}[shape.bounded]
    table = {"pattern": _clipped(str(shape.pattern)), "dimension": shape.dim, "bounded": bounded}
    table |= {
        "largest ball": f"radius {as_text(shape.radius)}",
        "its centre": _coordinates(shape.center),
    }
    if shape.distance is not None:
        table["to the boundary"] = as_text(shape.distance)
    if widths.axis is not None:
        shown = ", ".join(as_text(w) for w in widths.axis[:SHOWN])
        table["axis widths"] = shown + (", …" if len(widths.axis) > SHOWN else "")
    for number, width in enumerate(widths.along):
        table[f"direction {number}"] = as_text(width)
    table |= {
        "least width": f"{as_text(widths.min_l2)} (l2), {as_text(widths.min_linf)} (linf), "
        f"{as_text(widths.min_l1)} (l1)",
        "mean width": as_text(widths.mean),
        "diameter": as_text(widths.diameter),
        "volume": as_text(shape.volume),
    }
    if ellipsoid is not None:
        table["ellipsoid"] = "radii " + ", ".join(f"{r:.4g}" for r in ellipsoid["radii"][:SHOWN])
        table["analytic centre"] = _coordinates(ellipsoid["analytic_center"])
    print_fields(table)
    _print_facets(shape)
    for vertex in (shape.vertices or ())[:SHOWN]:
        print(f"  vertex  {_coordinates(vertex)}")
    if shape.vertices is not None and len(shape.vertices) > SHOWN:
        print(f"  … ({len(shape.vertices) - SHOWN} more vertices; --json has them all)")


def _print_facets(shape: Shape) -> None:
    beyond = {neighbour.facet.row: neighbour for neighbour in shape.neighbours}
    for facet in shape.facets[:SHOWN]:
        units = ", ".join(f"{layer}:{unit}" for layer, unit in facet.units)
        names = ", ".join(part for part in (units, *facet.sides) if part)
        other = beyond.get(facet.row)
        if other is None:
            print(f"  facet  {names}")
        else:
            flips = ", ".join(f"{layer}:{unit}" for layer, unit in other.flipped)
            print(f"  facet  {names}; beyond it the bits of {flips} differ")
    if len(shape.facets) > SHOWN:
        print(f"  … ({len(shape.facets) - SHOWN} more facets; --json has them all)")


def _clipped(text: str, most: int = 80) -> str:
    return text if len(text) <= most else f"{text[: most - 20]}…{text[-15:]}"


def _coordinates(values: Any) -> str:
    shown = ", ".join(f"{float(value):.6g}" for value in values[:SHOWN])
    return shown + (f", … ({len(values) - SHOWN} more)" if len(values) > SHOWN else "")
