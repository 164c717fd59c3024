"""``regions graph``: the regions and which of them share a facet."""

from __future__ import annotations

import math
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
    check_choice,
)
from regions.cli.interrupts import unwound
from regions.cli.progress import graph_progress
from regions.cli.render import duration, grouped, plural, print_json
from regions.counting.engines import ENGINES
from regions.errors import InputError

if TYPE_CHECKING:
    from regions.graph.adjacency import RegionGraph
    from regions.graph.distances import GraphShape

EXAMPLE = (
    "Example:  regions graph examples/models/moons.pt --output moons.graphml\n\n"
    "Exit code: 0 exact, 3 incomplete (a time limit, Ctrl-C), 2 bad input, 1 failure."
)
EXIT_BOUNDS = 3


def command(
    model: Model,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            metavar="FILE",
            help="Write the graph to FILE.graphml or FILE.parquet; arrays are JSON texts.",
            show_default=False,
        ),
    ] = None,
    domain: DomainSpecs = None,
    box: BoxIndex = None,
    layers: Annotated[
        int | None,
        typer.Option(
            "--layers", metavar="K", help="The first K ReLU layers only.", show_default=False
        ),
    ] = None,
    maps: Annotated[
        bool, typer.Option("--maps", help="Write the affine map of every region, too.")
    ] = False,
    volumes: Annotated[
        bool,
        typer.Option("--volumes", help="Write the volume of every region, too; low dimension."),
    ] = False,
    engine: Annotated[
        str,
        typer.Option("--engine", metavar="|".join(ENGINES), help="How; as for count."),
    ] = "auto",
    time_limit: Annotated[
        float | None,
        typer.Option(
            "--time-limit",
            metavar="S",
            help="Stop after S seconds, with the part known by then.",
            show_default=False,
        ),
    ] = None,
    trust_file: TrustFile = False,
    input_shape: InputShape = None,
    as_json: Json = False,
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Build the graph of all regions: two are joined if their cells share a facet.

    Prints how many regions and shared facets there are, the numbers of neighbours, the diameter,
    and whether the graph is bipartite. Every edge is certain, and every absent one. The regions
    must fit into memory.
    """
    import regions
    from regions.cli.models import open_model
    from regions.graph.files import check_graph_target, write_graph
    from regions.graph.volumes import volumes as all_volumes
    from solvers.skeleton import TooLarge

    check_choice("--engine", engine, ENGINES)
    if time_limit is not None and not time_limit >= 0:
        raise InputError(f"--time-limit {time_limit:g}: needs seconds, 0 or more")
    if output is not None:
        check_graph_target(output, "--output")
    elif maps or volumes:
        raise InputError("--maps and --volumes: are written to a file; needs --output too")
    network, where = open_model(
        model, domain, box=box, trust_file=trust_file, input_shape=input_shape, seed=seed
    )
    start = time.monotonic()
    limit = None if time_limit is None or math.isinf(time_limit) else time_limit
    with unwound(), graph_progress(model.name, quiet) as progress:
        graph = regions.region_graph(
            network, where, engine=engine, layers=layers, time_limit=limit, progress=progress
        )
        left = None if limit is None else max(limit - (time.monotonic() - start), 0.0)
        shape = graph.shape(left) if graph.exact else None
    sizes = None
    if volumes and graph.exact:
        try:
            sizes = all_volumes(graph)
        except TooLarge as error:
            raise InputError(f"--volumes: a region has too many vertices ({error})") from error
    if output is not None:
        write_graph(output, graph, maps=maps, volumes=sizes)
    record = _record(model, graph, shape, time.monotonic() - start)
    if output is not None:
        record["output"] = str(output)
    if as_json:
        print_json(record)
    else:
        for line in _lines(model, graph, record):
            print(line)
    if not graph.exact:
        raise typer.Exit(EXIT_BOUNDS)


def _record(
    model: Path, graph: RegionGraph, shape: GraphShape | None, seconds: float
) -> dict[str, Any]:
    """The JSON object."""
    count, degrees = graph.count, graph.degrees
    spread: dict[str, Any] | None = None
    if len(graph):
        numbers = {int(k): int((degrees == k).sum()) for k in sorted(set(degrees.tolist()))}
        mean = 2 * len(graph.edges) / len(graph)
        spread = {"min": min(numbers), "max": max(numbers), "mean": mean, "numbers": numbers}
    diameter: Any = None
    if shape is not None:
        diameter = shape.diameter
        if diameter is None and shape.diameter_high is not None:
            diameter = {"low": shape.diameter_low, "high": shape.diameter_high}
    return {
        "file": str(model),
        "nodes": len(graph),
        "edges": len(graph.edges),
        "degree": spread,
        "diameter": diameter,
        "bipartite": None if shape is None else shape.bipartite,
        "components": None if shape is None else shape.components,
        "exact": graph.exact,
        "lower": count.lower,
        "upper": count.upper,
        "stopped": count.stopped,
        "engine": count.engine,
        "why": count.why,
        "seconds": seconds,
        "domain": count.domain,
        "model": dict(count.model),
        "stats": {**count.stats, **graph.stats},
    }


def _lines(model: Path, graph: RegionGraph, record: dict[str, Any]) -> list[str]:
    """The result for people."""
    state = "exact" if graph.exact else "incomplete"
    state += f", stopped: {graph.count.stopped}" if graph.count.stopped else ""
    lines = [
        f"{model.name}: {plural(len(graph), 'region')}, "
        f"{plural(len(graph.edges), 'shared facet')} ({state}) in {duration(record['seconds'])}",
        f"  domain {record['domain']}, engine {record['engine']} ({record['why']})",
    ]
    degree = record["degree"]
    if degree is not None:
        lines.append(
            f"  {degree['min']} to {degree['max']} neighbours, {degree['mean']:.3g} on average"
        )
    if not graph.exact:
        lines.append(
            f"  there are {grouped(record['lower'])} to {grouped(record['upper'])} regions"
        )
        return lines
    diameter = record["diameter"]
    if isinstance(diameter, dict):
        lines.append(f"  diameter from {diameter['low']} to {diameter['high']} steps")
    elif diameter is not None:
        lines.append(f"  diameter {plural(diameter, 'step')}")
    lines.append(f"  {'' if record['bipartite'] else 'not '}bipartite")
    if "output" in record:
        lines.append(f"  written to {record['output']}")
    return lines
