"""``regions walk``: the cell of a point at any size, by sampling."""

from __future__ import annotations

import math
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
    TimeLimit,
    TrustFile,
    check_choice,
    check_seconds,
)
from regions.cli.at_point import At, DataSpec, Index, open_evaluator, point_of
from regions.cli.interrupts import unwound
from regions.cli.progress import batch_progress
from regions.cli.render import duration, grouped, plural, print_fields, print_json
from regions.cli.sampling import Device, Scale
from regions.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from regions.sample.around import Around
    from regions.sample.watching import Walk

EXAMPLE = (
    "Example:  regions walk examples/models/moons.pt --at -0.1,0.3\n\n"
    "Needs PyTorch. Exit code: 0, also where the walks have not mixed, which is said; 3 time was "
    "up before they took four steps; 2 bad input, 1 failure."
)
EXIT_STOPPED = 3
METHODS = ("auto", "hit-and-run", "billiard")
SHOWN = 8  # numbers of a list in text; --json has them all


def command(
    model: Model,
    at: At = None,
    data: DataSpec = None,
    index: Index = 0,
    scale: Scale = None,
    layers: Annotated[
        int | None,
        typer.Option(
            "--layers",
            metavar="K",
            help="The cell of the bits of the first K layers.",
            show_default=False,
        ),
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            "--method",
            metavar="|".join(METHODS),
            help="How to walk; auto: hit-and-run up to 30 inputs, billiard beyond.",
        ),
    ] = "auto",
    chains: Annotated[
        int | None,
        typer.Option(
            "--chains",
            metavar="N",
            help="How many walks. Default: 1000 up to 30 inputs, else 100.",
            show_default=False,
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            "--steps",
            metavar="N",
            help="Steps of each that count; 0: none. Default: 500 up to 30 inputs, else 50.",
            show_default=False,
        ),
    ] = None,
    warmup: Annotated[
        int | None,
        typer.Option(
            "--warmup",
            metavar="N",
            help="Steps before those. Default: as many.",
            show_default=False,
        ),
    ] = None,
    directions: Annotated[
        int,
        typer.Option(
            "--directions", metavar="N", help="Random directions to look along from the point."
        ),
    ] = 1000,
    along: Annotated[
        Path | None,
        typer.Option(
            "--along",
            metavar="FILE.npy",
            help="An array (number, inputs): also how far the cell reaches along these.",
            show_default=False,
        ),
    ] = None,
    exact: Annotated[
        bool,
        typer.Option(
            "--exact", help="Also the true widths, by linear programs; for small networks."
        ),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            metavar="FILE.npz",
            help="Write the points, the principal axes and the distances.",
            show_default=False,
        ),
    ] = None,
    domain: DomainSpecs = None,
    box: BoxIndex = None,
    time_limit: TimeLimit = None,
    device: Device = "auto",
    trust_file: TrustFile = False,
    input_shape: InputShape = None,
    as_json: Json = False,
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Look and walk around in the cell of a point, at any size.

    The largest balls around the point, the distances to the boundary along random directions, and
    uniform points of the cell by random walks, with how far they reach and whether they have mixed.
    """
    from regions.domain_spec import parse_domains
    from regions.drawing.style import check_file

    check_choice("--method", method, METHODS)
    check_seconds(time_limit)
    if directions < 0 or (steps or 0) < 0:
        raise InputError("--directions and --steps: need 0 or more")
    if exact and layers is not None:
        raise InputError("--exact: knows the cell of all layers only; leave --layers out")
    if output is not None:
        check_file(output, (".npz",), "--output")
    evaluator = open_evaluator(model, device=device, input_shape=input_shape, trust_file=trust_file)
    point = point_of(at, data, index, scale, evaluator.inputs, "walk")
    where = parse_domains(domain or (), evaluator.inputs, box)
    ways = None if along is None else _ways(along)
    from regions.sample.around import around

    with unwound(), batch_progress(model.name, quiet, "steps") as report:
        found = around(
            evaluator, point, where, layers=layers, directions=directions, method=method,
            chains=chains, steps=steps, warmup=warmup, along=ways, seed=seed,
            time_limit=time_limit, report=report,
        )  # fmt: skip
        widths = (
            _exact_widths(model, point, where, ways, trust_file, input_shape) if exact else None
        )
    if output is not None:
        _write(output, found)
    if as_json:
        print_json({"file": str(model), **record(found, widths), "device": str(evaluator.device)})
    else:
        _print(model.name, found, widths, steps != 0)
        if output is not None:
            print(f"  written to {output}")
    if found.walk is None and steps != 0:
        raise typer.Exit(EXIT_STOPPED)


def _ways(path: Path) -> np.ndarray:
    import numpy as np

    from regions.readers.arrays import read_array

    return np.asarray(read_array(path), dtype=np.float64)


def _exact_widths(
    model: Path, point: Any, where: Any, ways: Any, trust_file: bool, input_shape: str | None
) -> tuple[list[Any], list[Any]]:
    """Certain figures along the inputs, and along the directions."""
    import regions
    from regions.cli.models import read_shape

    shape = None if input_shape is None else read_shape(input_shape)
    network = regions.load(model, trust_file=trust_file, input_shape=shape)
    found = regions.measure(
        network, point, where, axes=True, directions=() if ways is None else ways
    )
    return list(found.widths.axis or ()), list(found.widths.along)


def _write(path: Path, found: Around) -> None:
    import numpy as np

    from regions.drawing.style import written

    arrays: dict[str, Any] = {"distances": found.distances, "met": found.met}
    if found.walk is not None:
        walk = found.walk
        arrays |= {
            "points": walk.points, "mean": walk.mean, "axes": walk.axes,
            "deviations": walk.deviations, "low": walk.low, "high": walk.high,
        }  # fmt: skip
    with written(path) as part, part.open("wb") as file:
        np.savez(file, **arrays)


# -- JSON ------------------------------------------------------------------------------------


def record(found: Around, widths: tuple[list[Any], list[Any]] | None) -> dict[str, Any]:
    """The JSON object."""
    from regions.cli.figures import as_json

    result: dict[str, Any] = {
        "layers": found.layers,
        "rows": len(found.units),
        "certain": found.certain,
        "ball": {norm: _ball(found, norm) for norm in ("euclidean", "maximum")},
        "ball_of_units": {norm: _unit_ball(found, norm) for norm in ("euclidean", "maximum")},
        "directions": _seen(found),
        "walk": None if found.walk is None else _walked(found, found.walk),
    }
    if widths is not None:
        axis, along = widths
        result["widths"] = {
            "axis": [as_json(width) for width in axis],
            "along": [as_json(width) for width in along],
        }
    return result | {"domain": found.domain, "seconds": found.seconds}


def _ball(found: Around, norm: str) -> dict[str, Any]:
    radius, certain = found.ball(norm)
    ends = {} if certain is None else {"low": certain.low, "high": certain.high}
    return {"value": radius, **ends}


def _unit_ball(found: Around, norm: str) -> dict[str, Any]:
    sight = found.to_units
    row = getattr(sight, f"{norm}_row")
    certain = getattr(sight, f"certain_{norm}")
    ends = {} if certain is None else {"low": certain.low, "high": certain.high}
    unit = None if row < 0 else [int(n) for n in found.units[row]]
    return {"value": getattr(sight, norm), **ends, "unit": unit}


def _seen(found: Around) -> dict[str, Any]:
    """Of the distances along random directions, those that are finite."""
    import numpy as np

    far = found.distances
    finite = far[np.isfinite(far)]
    quantiles = np.quantile(finite, (0.0, 0.25, 0.5, 0.75, 1.0)).tolist() if len(finite) else None
    names = {-1: "nothing", 0: "domain"} | {k: f"layer {k}" for k in range(1, found.layers + 1)}
    return {
        "number": len(far),
        "unbounded": len(far) - len(finite),
        "quartiles": quantiles,
        "met": {names[int(k)]: float((found.met == k).mean()) for k in np.unique(found.met)},
    }


def _walked(found: Around, walk: Walk) -> dict[str, Any]:
    return {
        "method": walk.method,
        "chains": walk.chains,
        "steps": walk.steps,
        "warmup": walk.warmup,
        "seed": walk.seed,
        "rounded": walk.rounded,
        "moved": found.moved,
        "confirmed": found.confirmed,
        "rejected": walk.rejected,
        "converged": walk.converged,
        "rhat": walk.worst_rhat,
        "effective_size": walk.least_size,
        "drift": walk.worst_drift,
        "mean": walk.mean.tolist(),
        "low": walk.low.tolist(),
        "high": walk.high.tolist(),
        "along": walk.along.tolist(),
        "deviations": walk.deviations.tolist(),
        "axes": walk.axes.tolist(),
    }


# -- text ------------------------------------------------------------------------------------


def _print(
    name: str, found: Around, widths: tuple[list[Any], list[Any]] | None, asked: bool
) -> None:
    print(
        f"{name}: the cell of a point by sampling, {plural(len(found.units), 'row')} of units in "
        f"{plural(found.layers, 'layer')}, in {duration(found.seconds)}"
    )
    bits = {True: "certain in float64", False: "not certain in float64", None: "as float64 says"}
    table = {
        "bits of the point": bits[found.certain],
        "largest balls": f"{_radius(found, 'euclidean')} (Euclidean), "
        f"{_radius(found, 'maximum')} (max norm)",
    }
    if found.to_sides is not None:
        units = found.to_units
        table["without the domain"] = (
            f"{units.euclidean:.6g} (Euclidean), {units.maximum:.6g} (max norm)"
        )
    if found.to_units.euclidean_row >= 0:
        layer, unit = found.units[found.to_units.euclidean_row]
        table["nearest unit"] = f"{layer}:{unit}"
    if len(found.distances):
        table |= _sight_lines(_seen(found))
    if found.walk is not None:
        table |= _walk_lines(found, found.walk)
    elif asked:
        table["walks"] = "time was up before four steps of each"
    if widths is not None:
        from regions.cli.figures import as_text

        table["true widths"] = _clipped([as_text(width) for width in widths[0]]) + " (inputs)"
        if widths[1]:
            table["and along"] = _clipped([as_text(w) for w in widths[1]]) + " (directions)"
    print_fields(table)


def _radius(found: Around, norm: str) -> str:
    radius, certain = found.ball(norm)
    if certain is None or math.isinf(radius):
        return f"{radius:.6g}"
    return f"{radius:.6g} ± {max(radius - certain.low, certain.high - radius):.1g}"


def _sight_lines(seen: dict[str, Any]) -> dict[str, str]:
    met = ", ".join(f"{100 * share:.3g}% {what}" for what, share in seen["met"].items())
    lines = {"boundary met": f"{met}, along {plural(seen['number'], 'random direction')}"}
    if seen["quartiles"] is not None:
        low, _, middle, _, high = seen["quartiles"]
        lines["at a distance"] = f"{low:.4g} to {high:.4g}, median {middle:.4g}"
    return lines


def _walk_lines(found: Around, walk: Walk) -> dict[str, str]:
    state = "mixed" if walk.converged else "NOT MIXED: not uniform yet, take more steps"
    lines = {
        "walks": f"{grouped(walk.chains)} by {walk.method}, {plural(walk.steps, 'step')} after "
        f"{grouped(walk.warmup)}",
        "convergence": f"{state} (R-hat {walk.worst_rhat:.4f}, {grouped(int(walk.least_size))} "
        f"effective draws, drift {walk.worst_drift:.1f} sigma)",
        "pattern confirmed": f"at {grouped(found.confirmed or 0)} of {grouped(walk.chains)} points",
        "reach of inputs": _clipped([f"{width:.6g}" for width in walk.widths]) + " or more",
    }
    if len(walk.along):
        far = walk.along[:, 1] - walk.along[:, 0]
        lines["along directions"] = _clipped([f"{width:.6g}" for width in far]) + " or more"
    if len(walk.deviations):
        lines["principal axes"] = (
            _clipped([f"{d:.4g}" for d in walk.deviations]) + " (standard deviations)"
        )
    return lines


def _clipped(words: list[str]) -> str:
    more = f", … ({len(words) - SHOWN} more)" if len(words) > SHOWN else ""
    return ", ".join(words[:SHOWN]) + more
