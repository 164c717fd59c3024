"""``regions count``: the number of linear regions of a network in a domain."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from regions.cli.arguments import (
    BackendName,
    BoxIndex,
    DomainSpecs,
    InputShape,
    Json,
    Models,
    Quiet,
    SecondBackend,
    Seed,
    TrustFile,
    check_choice,
    open_backend,
)
from regions.cli.interrupts import unwound
from regions.cli.progress import counting_progress
from regions.cli.render import duration, grouped, plural, print_json
from regions.counting.engines import ENGINES
from regions.errors import InputError, RegionsError

if TYPE_CHECKING:
    from regions.counting.upper_bounds import Bounds
    from regions.results import Count

EXAMPLE = (
    "Example:  regions count examples/models/digits.pt --domain box:-1,1\n\n"
    "Exit code: 0 exact, 3 bounds only (a limit, Ctrl-C, SIGTERM), 2 bad input, 1 failure, "
    "130 interrupted or 143 terminated before the count began."
)
EXIT_BOUNDS = 3
DEFINITIONS = ("regions",)
HULL_SECONDS = 10.0  # for the domain's hull, before bounds without it are taken; boxes need none


def command(
    models: Models,
    domain: DomainSpecs = None,
    box: BoxIndex = None,
    definition: Annotated[
        str,
        typer.Option(
            "--definition",
            metavar="|".join(DEFINITIONS),
            help="What is counted. regions: activation patterns whose cell has an interior.",
        ),
    ] = "regions",
    layers: Annotated[
        int | None,
        typer.Option(
            "--layers", metavar="K", help="Only the first K ReLU layers.", show_default=False
        ),
    ] = None,
    engine: Annotated[
        str,
        typer.Option(
            "--engine",
            metavar="|".join(ENGINES),
            help="How. " + "; ".join(f"{name}: {what}" for name, what in ENGINES.items()) + ".",
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
    memory_limit: Annotated[
        float | None,
        typer.Option(
            "--memory-limit",
            metavar="MB",
            help="Stop each count, with the bounds known by then, once this process and its "
            "workers take more than MB megabytes of main memory.",
            show_default=False,
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            metavar="N",
            help="Work on N cores; all of them by default.",
            show_default=False,
        ),
    ] = None,
    journal: Annotated[
        Path | None,
        typer.Option(
            "--journal",
            metavar="FILE",
            help="Keep a journal: the same command, run again after a crash, goes on from it.",
            show_default=False,
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            "--scheduler",
            metavar="ADDRESS",
            help="Work on a Dask cluster, as in tcp://host:8786.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            metavar="FILE.parquet",
            help="Also write the regions to a Parquet file, one row each, sorted; on one core.",
            show_default=False,
        ),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(
            "--table",
            metavar="FILE.parquet",
            help="Also write the counts to a Parquet file, one row for each model.",
            show_default=False,
        ),
    ] = None,
    backend: BackendName = "highs",
    second_backend: SecondBackend = None,
    trust_file: TrustFile = False,
    input_shape: InputShape = None,
    as_json: Json = False,
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Count the linear regions of one or several networks, exactly.

    A limit of time or memory, Ctrl-C or SIGTERM leaves bounds that are certain. Several models
    end with a table.
    """
    import regions
    from regions.cli.models import open_model
    from regions.cli.tables import Counted, print_counts, write_counts
    from regions.parquet import check_target
    from regions.region_table import write_regions

    check_choice("--definition", definition, DEFINITIONS)
    check_choice("--engine", engine, ENGINES)
    if time_limit is not None and not time_limit >= 0:
        raise InputError(f"--time-limit {time_limit:g}: needs seconds, 0 or more")
    if memory_limit is not None and not memory_limit > 0:
        raise InputError(f"--memory-limit {memory_limit:g}: needs megabytes, more than 0")
    if layers is not None and layers < 1:
        raise InputError(f"--layers {layers}: needs a number of ReLU layers, 1 or more")
    if workers is not None and workers < 1:
        raise InputError(f"--workers {workers}: needs a number of cores, 1 or more")
    for option, file in (("--journal", journal), ("--output", output)):
        if file is not None and len(models) > 1:
            raise InputError(f"{option} {file}: belongs to one model, got {len(models)}")
    if output is not None and (journal, scheduler) != (None, None):
        raise InputError(
            "--output: regions are written in one go on one core; "
            "leave out --journal and --scheduler"
        )
    if engine == "milp" and (journal, scheduler) != (None, None):
        raise InputError(
            "--engine milp: works on one core and keeps no journal; "
            "leave out --journal and --scheduler"
        )
    limit = None if time_limit is None or math.isinf(time_limit) else time_limit
    target = None if table is None else check_target(table, "--table")
    listed = None if output is None else check_target(output, "--output")
    opened = [
        open_model(path, domain, box=box, trust_file=trust_file, input_shape=input_shape, seed=seed)
        for path in models
    ]
    for path, (network, _) in zip(models, opened, strict=True):
        if layers is not None and layers > len(network.layers):
            raise InputError(
                f"--layers {layers}: {path.name} has {plural(len(network.layers), 'ReLU layer')}; "
                "choose fewer, or leave the option out to count them all"
            )
    solver = open_backend(backend, second_backend)
    hull = min(HULL_SECONDS, math.inf if limit is None else limit)
    known = [
        regions.bounds(network, where, layers=layers, time_limit=hull) for network, where in opened
    ]
    rows: list[Counted] = []
    unwritten: OSError | None = None
    for path, (network, where), bounds in zip(models, opened, known, strict=True):
        with (
            unwound(),
            crew(workers, scheduler) as (executor, hands),
            counting_progress(path.name, quiet) as progress,
        ):
            if listed is None:
                count = regions.count(
                    network, where, engine=engine, layers=layers, time_limit=limit,
                    progress=progress, workers=hands, executor=executor, journal=journal,
                    backend=solver, memory_limit=memory_limit,
                )  # fmt: skip
            else:
                count = write_regions(
                    listed, network, where, engine=engine, layers=layers, time_limit=limit,
                    progress=progress, backend=solver, memory_limit=memory_limit,
                )  # fmt: skip
        rows.append(Counted(path, count, bounds))
        if not as_json:
            print(sentence(path, count), flush=True)
            print(f"  {detail(count)}", flush=True)
            print(f"  {at_most(bounds)}", flush=True)
        if target is not None:  # after every model, so that a killed run leaves what it counted
            try:
                write_counts(target, rows)
                unwritten = None
            except OSError as error:  # the counts go on and are printed
                unwritten = error
        if count.stopped == "interrupted":
            break
    skipped = [str(path) for path in models[len(rows) :]]
    if as_json:
        records = [record(row.path, row.count, row.bounds) for row in rows]
        print_json(records[0] if len(models) == 1 else {"counts": records, "skipped": skipped})
    else:
        if len(models) > 1:
            print()
            print_counts(rows)
        if skipped:
            print(f"not counted: {', '.join(skipped)}")
    if unwritten is not None:
        raise RegionsError(f"--table {target}: cannot be written: {unwritten}") from unwritten
    if skipped or not all(row.count.exact for row in rows):
        raise typer.Exit(EXIT_BOUNDS)


@contextmanager
def crew(workers: int | None, scheduler: str | None) -> Iterator[tuple[Executor | None, int]]:
    """The executor that was asked for, None for one of the count's own, and how many work."""
    if scheduler is None:
        from regions.counting.crew import cores

        yield None, workers or cores()
        return
    from regions.counting.cluster import connected

    with connected(scheduler) as (executor, threads):
        yield executor, workers or threads


def record(path: Path, count: Count, bounds: Bounds) -> dict[str, Any]:
    """The keys of ``regions count --json`` for one model."""
    return {"file": str(path), **count.as_dict(), "bounds": bounds.as_dict()}


def sentence(path: Path, count: Count) -> str:
    """The result as one line for people."""
    if count.exact:
        return (
            f"{path.name}: {plural(count.lower, 'linear region')} (exact) "
            f"in {duration(count.seconds)}"
        )
    why = f", stopped: {count.stopped}" if count.stopped else ""
    return (
        f"{path.name}: between {grouped(count.lower)} and {grouped(count.upper)} linear regions "
        f"(bounds only{why}) after {duration(count.seconds)}"
    )


def detail(count: Count) -> str:
    """What was counted and how: one line."""
    model: Mapping[str, Any] = count.model
    rewritten = f" ({grouped(model['rewritten'])} added)" if model["rewritten"] else ""
    parts = [
        plural(model["inputs"], "input"),
        plural(model["relus"], "ReLU") + rewritten,
        f"domain {count.domain}",
        f"engine {count.engine}" + (f" ({count.why})" if count.why else ""),
    ]
    if count.unresolved:
        parts.append(f"{plural(count.unresolved, 'cell')} unresolved")
    return ", ".join(parts)


def at_most(bounds: Bounds) -> str:
    """The least upper bound that was known before counting: one line."""
    from regions.counting.upper_bounds import NAMES

    return f"at most {grouped(bounds.best)} by {NAMES[bounds.by]}"
