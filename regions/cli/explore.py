"""``regions explore``: the paper's own sampler in the region of a point."""

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
    TrustFile,
    check_choice,
)
from regions.cli.at_point import (
    At,
    DataSpec,
    Index,
    image_shape,
    open_evaluator,
    point_of,
)
from regions.cli.interrupts import unwound
from regions.cli.progress import batch_progress
from regions.cli.render import duration, grouped, plural, print_fields, print_json
from regions.cli.sampling import (
    Device,
    FirstLayers,
    Precision,
    Rounds,
    Scale,
    SomeLayers,
    layers_of,
)
from regions.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from regions.domain import Domain
    from regions.sample.evaluator import Evaluator
    from regions.sample.explore import Exploration

EXAMPLE = (
    "Example:  regions explore examples/models/moons.pt --at -0.1,0.3 --noise 0.5\n\n"
    "Needs PyTorch. Exit code: 0; 2 bad input, 1 failure."
)
PRECISIONS = ("single", "double")
PICTURED = 8  # images in a row


def command(
    model: Model,
    at: At = None,
    data: DataSpec = None,
    index: Index = 0,
    scale: Scale = None,
    layers: FirstLayers = None,
    layer: SomeLayers = None,
    number: Annotated[
        int, typer.Option("--number", metavar="N", help="Copies of the point.")
    ] = 100,
    rounds: Annotated[int, typer.Option("--rounds", metavar="N", help="Rounds of noise.")] = 200,
    noise: Annotated[
        float,
        typer.Option("--noise", metavar="S", help="Noise to begin with, uniform in [-S, S]."),
    ] = 0.1,
    picture: Annotated[
        Path | None,
        typer.Option(
            "--picture",
            metavar="FILE",
            help=(
                "A .png, .svg or .pdf: the images that were kept and what differs, or the noise "
                "by round where points are no images."
            ),
            show_default=False,
        ),
    ] = None,
    image: Annotated[
        str | None,
        typer.Option(
            "--image-shape",
            metavar="C,H,W",
            help="A point is an image of this shape, where model and data do not say it.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE.npz", help="Write the points.", show_default=False),
    ] = None,
    domain: DomainSpecs = None,
    box: BoxIndex = None,
    max_pool_bits: Rounds = False,
    precision: Precision = "double",
    device: Device = "auto",
    trust_file: TrustFile = False,
    input_shape: InputShape = None,
    as_json: Json = False,
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Explore the region of a point as the paper does: noise, and what keeps the pattern.

    The noise is halved when less than a fifth keeps the pattern. What is left shows what the region
    is like; it is no uniform sample and measures nothing ('regions walk' does).
    """
    import time

    from regions.domain_spec import parse_domains
    from regions.drawing.style import PICTURES, check_file

    check_choice("--precision", precision, PRECISIONS)
    chosen = layers_of(layers, layer)
    if picture is not None:
        check_file(picture, PICTURES, "--picture")
    if output is not None:
        check_file(output, (".npz",), "--output")
    evaluator = open_evaluator(
        model, device=device, precision=precision, rounds=max_pool_bits, input_shape=input_shape,
        trust_file=trust_file,
    )  # fmt: skip
    point = point_of(at, data, index, scale, evaluator.inputs, "explore")
    low, high = _sides(parse_domains(domain or (), evaluator.inputs, box))
    shape = image_shape(image, data, evaluator)
    from regions.sample.explore import explore

    started = time.monotonic()
    with unwound(), batch_progress(model.name, quiet, "rounds") as report:
        found = explore(
            evaluator, point, layers=chosen, number=number, rounds=rounds, noise=noise,
            seed=seed, low=low, high=high, report=report,
        )  # fmt: skip
    seconds = time.monotonic() - started
    certain = _certain(evaluator, found)
    if picture is not None:
        _draw(picture, model.name, found, point, shape)
    if output is not None:
        _write(output, found)
    if as_json:
        print_json({"file": str(model), **record(found, point, certain), "seconds": seconds})
    else:
        _print(model.name, found, point, certain, seconds)
        for file in (picture, output):
            if file is not None:
                print(f"  written to {file}")


def _sides(domain: Domain) -> tuple[np.ndarray, np.ndarray]:
    """The bounds of a box."""
    import numpy as np

    from solvers.rational import nearest

    found = domain.constraints()
    if found.span or found.A is not None:
        raise InputError(f"--domain {domain.spec}: explore keeps to a box; give box:LO,HI or space")
    low = [-math.inf if q is None else nearest(q) for q in found.lower]
    high = [math.inf if q is None else nearest(q) for q in found.upper]
    return np.array(low), np.array(high)


def _certain(evaluator: Evaluator, found: Exploration) -> int | None:
    """How many points have their bits outside of rounding errors; None if those are not known."""
    from regions.sample.certainty import ErrorBounds

    bounds = ErrorBounds.of(evaluator)
    if bounds is None:
        return None
    points = evaluator.tensor(found.points)
    return int(bounds.certain(evaluator, points, max(found.layers)).sum())


def record(found: Exploration, point: np.ndarray, certain: int | None) -> dict[str, Any]:
    """The JSON object."""
    away = found.spread(point)
    return {
        "layers": list(found.layers),
        "noise": found.noise,
        "exponent": found.exponent,
        "points": len(found.points),
        "distinct": found.distinct,
        "certain": certain,
        "distance": {"least": float(away.min()), "mean": float(away.mean()),
                     "greatest": float(away.max())},
        "rounds": len(found.noises),
        "restarts": found.restarts,
        "noises": found.noises.tolist(),
        "kept": found.kept.tolist(),
        "seed": found.seed,
    }  # fmt: skip


def _print(
    name: str, found: Exploration, point: np.ndarray, certain: int | None, seconds: float
) -> None:
    print(
        f"{name}: {plural(len(found.points), 'point')} with the bits of the point in "
        f"{_layers(found)}, in {duration(seconds)}"
    )
    away = found.spread(point)
    last = found.kept[-20:]
    print_fields(
        {
            "final noise": f"{found.noise:.6g} = 1e{found.exponent:.5f}",
            "different points": f"{grouped(found.distinct)}"
            + ("" if certain is None else f"; the bits of {grouped(certain)} of all are certain"),
            "distance": f"{away.min():.4g} to {away.max():.4g}, mean {away.mean():.4g} (Euclidean)",
            "rounds": f"{grouped(len(found.noises))}, begun again {grouped(found.restarts)} times; "
            f"{100 * last.mean():.3g}% kept in the last {len(last)}",
        }
    )


def _layers(found: Exploration) -> str:
    return f"layer{'s' if len(found.layers) > 1 else ''} {', '.join(map(str, found.layers))}"


def _draw(
    path: Path,
    name: str,
    found: Exploration,
    point: np.ndarray,
    shape: tuple[tuple[int, ...], bool] | None,
) -> None:
    import numpy as np

    from regions.drawing.charts import curves
    from regions.drawing.image_rows import image_rows, images_of
    from regions.drawing.style import save, theme_of

    title = f"{name}, {_layers(found)}: final noise 1e{found.exponent:.5f}"
    if shape is None:
        figure = curves(
            np.arange(1, len(found.noises) + 1).tolist(),
            {"noise": found.noises.tolist()},
            x_label="round", y_label="noise", title=title, logarithmic=(False, True),
        )  # fmt: skip
    else:
        _, first = np.unique(found.points, axis=0, return_index=True)  # no image twice
        away = found.spread(point)[first]
        chosen = found.points[first[np.argsort(-away, kind="stable")[:PICTURED]]]
        differences = chosen - point
        scale = float(np.abs(differences).max())
        figure = image_rows(
            {
                "the point": images_of(point[None], *shape),
                "kept, farthest first": images_of(chosen, *shape),
                f"difference, scaled by {1 / scale:.3g}" if scale else "difference": images_of(
                    differences / scale if scale else differences, *shape
                ),
            },
            title=title,
        )
    save(figure, path, theme_of("light"))


def _write(path: Path, found: Exploration) -> None:
    import numpy as np

    from regions.drawing.style import written

    with written(path) as part, part.open("wb") as file:
        np.savez(file, points=found.points, noises=found.noises, kept=found.kept)
