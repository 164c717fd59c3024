"""``regions cells``: the shapes of many cells, as a table."""

from __future__ import annotations

import time
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
from regions.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regions.domain import Domain
    from regions.geometry.many import CellRow
    from regions.network import Network

EXAMPLE = (
    "Example:  regions cells examples/models/moons.pt --sample 50 --output cells.parquet\n\n"
    "Exit code: 0, also for estimates; 3 a time limit came first; 2 bad input, 1 failure."
)
EXIT_STOPPED = 3
DEFAULT = 100


def command(
    model: Model,
    data: Annotated[
        str,
        typer.Option(
            "--data",
            metavar="SPEC",
            help=(
                "Whose cells: uniform points of the domain, normal points, or those of files: "
                "mnist:DIR, cifar10:DIR, cifar10-hwc:DIR, npz:FILE, npy:FILE."
            ),
        ),
    ] = "uniform",
    sample: Annotated[
        int | None,
        typer.Option(
            "--sample",
            metavar="N",
            help="How many points; of files, N drawn at random. Default: 100 (of files, all).",
            show_default=False,
        ),
    ] = None,
    domain: DomainSpecs = None,
    box: BoxIndex = None,
    everything: Annotated[
        bool,
        typer.Option(
            "--all", help="Facets, widths and volumes also where there are more than 10 inputs."
        ),
    ] = False,
    cell_time_limit: Annotated[
        float | None,
        typer.Option(
            "--cell-time-limit",
            metavar="S",
            help="Seconds for each cell; what is not known by then is null.",
            show_default=False,
        ),
    ] = None,
    time_limit: Annotated[
        float | None,
        typer.Option(
            "--time-limit", metavar="S", help="Seconds for all of them.", show_default=False
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            metavar="FILE.parquet",
            help="Write one row for each point.",
            show_default=False,
        ),
    ] = None,
    trust_file: TrustFile = False,
    input_shape: InputShape = None,
    as_json: Json = False,
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Measure the cells of many points: radius, widths, facets, volume, distance to the boundary.

    A summary is printed. Exact and certain figures stand in other columns than sampled ones.
    """
    from regions.cli.models import open_model
    from regions.counting.question import checked_seconds
    from regions.counting.tree import Stop, interruptible
    from regions.geometry.many import cells, summary
    from regions.parquet import check_target
    from solvers.backend import get_backend

    if sample is not None and sample < 1:
        raise InputError(f"--sample {sample}: needs 1 or more")
    target = None if output is None else check_target(output, "--output")
    limit = checked_seconds("--time-limit", time_limit)
    checked_seconds("--cell-time-limit", cell_time_limit)
    started = time.monotonic()
    network, where = open_model(
        model, domain, box=box, trust_file=trust_file, input_shape=input_shape, seed=seed
    )
    points, labels = _points(network, where, data, sample, seed)
    stop = Stop(None if limit is None else started + limit)
    with interruptible(stop):
        rows = list(
            cells(
                network,
                points,
                where,
                get_backend("highs"),
                everything=True if everything else None,
                seed=seed,
                cell_seconds=cell_time_limit,
                stop=stop,
            )
        )
    if target is not None:
        _write(target, rows, labels)
    figures = summary(rows)
    seconds = time.monotonic() - started
    if as_json:
        shared = {"data": data, "domain": where.spec, "seed": seed, "seconds": seconds}
        print_json({"file": str(model), **shared, **figures, "asked": len(points)})
    else:
        _print(model.name, figures, seconds, target)
    if len(rows) < len(points):
        raise typer.Exit(EXIT_STOPPED)


def _points(
    network: Network, domain: Domain, data: str, sample: int | None, seed: int
) -> tuple[Sequence[Any], list[int] | None]:
    """The points, and their labels."""
    import numpy as np

    from regions.frame import Frame
    from regions.geometry.many import uniform_points
    from regions.readers.data import read_data

    if data == "uniform":
        return uniform_points(Frame.of(domain), sample or DEFAULT, seed), None
    rng = np.random.default_rng(seed)
    if data == "normal":
        return list(rng.standard_normal((sample or DEFAULT, network.inputs))), None
    found = read_data(data)
    if found.points.shape[1] != network.inputs:
        raise InputError(
            f"--data {data}: the network has {network.inputs} inputs, "
            f"these points have {found.points.shape[1]} coordinates"
        )
    index = np.arange(len(found.points))
    if sample is not None and sample < len(index):
        index = np.sort(rng.choice(index, sample, replace=False))
    labels = found.labels
    whole = labels is not None and labels.dtype.kind in "iu"
    return list(found.points[index]), labels[
        index
    ].tolist() if whole and labels is not None else None


def _write(target: Path, rows: list[CellRow], labels: list[int] | None) -> None:
    from regions.geometry.many import columns
    from regions.parquet import ColumnType, write_parquet

    table, types = columns(rows)
    kinds: dict[str, ColumnType] = dict(types)
    if labels is not None:
        table["label"] = [labels[row.index] for row in rows]
        kinds["label"] = "integer"
    write_parquet(target, table, kinds)


def _print(name: str, figures: dict[str, Any], seconds: float, target: Path | None) -> None:
    print(
        f"{name}: {plural(figures['cells'], 'cell')} of {plural(figures['points'], 'point')} "
        f"in {duration(seconds)}"
    )
    left = {key: figures[key] for key in ("outside", "boundary") if figures[key]}
    if left:
        says = {"outside": "outside the domain", "boundary": "on a boundary"}
        print("  " + ", ".join(f"{plural(n, 'point')} {says[key]}" for key, n in left.items()))
    table = {}
    for key, value in figures.items():
        if isinstance(value, dict):
            table[key.replace("_", " ")] = (
                f"median {value['median']:.4g}, half of them {value['quarter']:.4g} to "
                f"{value['three_quarters']:.4g}, all {value['least']:.4g} to {value['most']:.4g}"
            )
    if table:
        print_fields(table)
    if target is not None:
        print(f"  written to {target}")
