"""``regions export``: the program of an activation pattern as a file for other solvers."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from regions.cli.arguments import (
    BackendName,
    BoxIndex,
    DomainSpecs,
    InputShape,
    Json,
    Model,
    Quiet,
    Seed,
    TrustFile,
    open_backend,
)
from regions.cli.patterns import read_pattern
from regions.cli.render import grouped, plural, print_json
from regions.errors import InputError

if TYPE_CHECKING:
    from regions.encoding import Encoding
    from regions.network import Network
    from regions.pattern import Pattern

EXAMPLE = (
    "Example:  regions export examples/models/moons.pt --output moons.mps --maximise 0\n\n"
    "Columns: x_I inputs, z_L_U pre-activations, a_L_U outputs and d_L_U bits of units, y_K "
    "outputs of the network; layers from 1, units from 0. The points of the program are those of "
    "the closed cells: z >= 0 where the bit is 1, z <= 0 where it is 0."
)


def command(
    model: Model,
    output: Annotated[
        Path,
        typer.Option("--output", metavar="FILE", help="FILE.mps or FILE.lp.", show_default=False),
    ],
    pattern: Annotated[
        str | None,
        typer.Option(
            "--pattern",
            metavar="PATTERN",
            help=(
                "As in 0110/1*, or @FILE with such a text; * leaves a unit free. "
                "Default: every unit is free."
            ),
            show_default=False,
        ),
    ] = None,
    domain: DomainSpecs = None,
    box: BoxIndex = None,
    lifted: Annotated[
        bool,
        typer.Option(
            "--lifted", help="Full patterns: columns for the units too, never composed rows."
        ),
    ] = False,
    minimise: Annotated[
        int | None,
        typer.Option(
            "--minimise", metavar="K", help="Minimise output K, from 0.", show_default=False
        ),
    ] = None,
    maximise: Annotated[
        int | None,
        typer.Option(
            "--maximise",
            metavar="K",
            help="Maximise output K: the program minimises its negative.",
            show_default=False,
        ),
    ] = None,
    tighten: Annotated[
        float,
        typer.Option(
            "--tighten",
            metavar="S",
            help="Seconds of linear programs that make big-M smaller where units are free.",
        ),
    ] = 10.0,
    backend: BackendName = "highs",
    trust_file: TrustFile = False,
    input_shape: InputShape = None,
    as_json: Json = False,
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Write the linear or mixed-integer program of a pattern, for other solvers.

    With free units the domain has to be bounded: each gets a bit d and big-M rows, as tight as
    bounds on the units make them.
    """
    from regions.cli.models import open_model
    from solvers.program_files import write_lp, write_mps

    writers = {".mps": write_mps, ".lp": write_lp}
    if output.suffix not in writers:
        raise InputError(f"--output {output}: needs a name that ends with .mps or .lp")
    if not tighten >= 0:
        raise InputError(f"--tighten {tighten:g}: needs seconds, 0 or more")
    network, where = open_model(
        model, domain, box=box, trust_file=trust_file, input_shape=input_shape, seed=seed
    )
    wanted = None if pattern is None else read_pattern(pattern, network, "--pattern")
    cost = _objective(network, minimise, maximise)
    encoding = _encoding(network, where, wanted, lifted, tighten, open_backend(backend))
    program = encoding.program
    if cost is not None:
        output_index, sign = cost
        costs = program.cost.copy()
        costs[encoding.places["y", 0, output_index]] = sign
        program = dataclasses.replace(program, cost=costs)
    text = writers[output.suffix](program, encoding.column_names, encoding.row_names, _title(model))
    output.write_text(text, encoding="ascii")
    record = _record(output, encoding, where.spec)
    if as_json:
        print_json(record)
        return
    integers = plural(record["integers"], "whole column")
    print(
        f"{output}: {plural(record['columns'], 'column')} ({integers}), "
        f"{plural(record['rows'], 'row')}, {grouped(record['nonzeros'])} non-zeros"
    )
    print(f"  form {encoding.form}, domain {where.spec}")


def _objective(
    network: Network, minimise: int | None, maximise: int | None
) -> tuple[int, float] | None:
    """(output, its cost)."""
    if minimise is not None and maximise is not None:
        raise InputError("--minimise and --maximise: a program has one objective; give one of them")
    for option, index, sign in (("--minimise", minimise, 1.0), ("--maximise", maximise, -1.0)):
        if index is not None:
            if not 0 <= index < network.outputs:
                raise InputError(
                    f"{option} {index}: the model has {plural(network.outputs, 'output')}, "
                    f"0 to {network.outputs - 1}"
                )
            return index, sign
    return None


def _encoding(
    network: Network,
    domain: Any,
    pattern: Pattern | None,
    lifted: bool,
    seconds: float,
    solver: Any,
) -> Encoding:
    from regions.encoding import encode
    from regions.frame import Frame
    from regions.ranges import bounding_box, ranges
    from regions.tightening import tightened

    frame = Frame.of(domain, solver)
    pulled = frame.pull(network)
    known, form = None, "lifted" if lifted else "auto"
    if (pattern is None or not pattern.is_full) and not lifted:
        given = None if pattern is None else list(pattern.layers())
        known = ranges(pulled, bounding_box(frame), given)
        known = tightened(pulled, frame, known, solver, seconds)
        form = "milp"
    return encode(pulled, frame, pattern, form=form, known=known, outputs=True, inputs=True)


def _title(model: Path) -> str:
    kept = "".join(c if c.isascii() and c.isalnum() else "_" for c in model.stem)
    return kept or "model"


def _record(output: Path, encoding: Encoding, domain: str) -> dict[str, Any]:
    program = encoding.program
    matrix: Any = program.matrix
    return {
        "file": str(output),
        "form": encoding.form,
        "domain": domain,
        "columns": program.num_cols,
        "rows": program.num_rows,
        "integers": len(encoding.switches),
        "nonzeros": int(matrix.nnz),
    }
