"""``regions reach``: whether an activation pattern can occur."""

from __future__ import annotations

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
    SecondBackend,
    Seed,
    TimeLimit,
    TrustFile,
    check_seconds,
    open_backend,
)
from regions.cli.interrupts import unwound
from regions.cli.patterns import pattern_at, read_pattern
from regions.cli.progress import searching_progress
from regions.cli.render import coordinates, duration, plural, print_json
from regions.errors import InputError

if TYPE_CHECKING:
    from regions.results import Reachable, Undecided, Unreachable

EXAMPLE = (
    "Example:  regions reach examples/models/moons.pt 0000011110100011/1*1*0***1*1****0\n\n"
    "Exit code: 0 decided either way, 3 undecided (a time limit, Ctrl-C), 2 bad input, 1 failure."
)
EXIT_UNDECIDED = 3
SHOWN_BITS = 400


def command(
    model: Model,
    pattern: Annotated[
        str | None,
        typer.Argument(
            metavar="[PATTERN]",
            help="0, 1 or * for every unit, / between layers; or @FILE with such a text.",
            show_default=False,
        ),
    ] = None,
    of: Annotated[
        str | None,
        typer.Option(
            "--of",
            metavar="POINT",
            help="Instead of PATTERN: the pattern of a point, -0.1,0.3 or @FILE.npy.",
            show_default=False,
        ),
    ] = None,
    free: Annotated[
        str | None,
        typer.Option(
            "--free",
            metavar="UNITS",
            help="Units that may take either bit: 2:*,3:0 is all of layer 2 and unit 0 of layer 3.",
            show_default=False,
        ),
    ] = None,
    domain: DomainSpecs = None,
    box: BoxIndex = None,
    time_limit: TimeLimit = None,
    backend: BackendName = "highs",
    second_backend: SecondBackend = None,
    trust_file: TrustFile = False,
    input_shape: InputShape = None,
    as_json: Json = False,
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Decide whether an activation pattern can occur.

    Either there is a witness, a point with this pattern; or a proof names the few units that
    exclude each other. A pattern may hold at boundary points only: then no region has it, and the
    answer says so. A star stands for either bit.
    """
    import regions
    from regions.cli.models import open_model
    from regions.query.freeing import freed

    if (pattern is None) == (of is None):
        raise InputError(
            "reach: needs either a PATTERN or --of POINT, got "
            f"{'neither' if of is None else 'both'}; see 'regions reach --help'"
        )
    check_seconds(time_limit)
    solver = open_backend(backend, second_backend)
    network, where = open_model(
        model, domain, box=box, trust_file=trust_file, input_shape=input_shape, seed=seed
    )
    if of is not None:
        wanted = pattern_at(of, network, where, "--of")
    else:
        wanted = read_pattern(str(pattern), network)
    if free is not None:
        wanted = freed(wanted, free)
    with unwound(), searching_progress(model.name, quiet) as progress:
        answer = regions.reach(
            network, wanted, where, time_limit=time_limit, backend=solver, progress=progress
        )
    if as_json:
        print_json({"file": str(model), **_record(answer)})
    else:
        print(f"{model.name}: {_headline(answer)}")
        for line in _details(answer):
            print(f"  {line}")
    if not answer.decided:
        raise typer.Exit(EXIT_UNDECIDED)


def _record(answer: Reachable | Unreachable | Undecided) -> dict[str, Any]:
    """The JSON object of an answer."""
    proof: Any = answer.proof
    return {
        "pattern": str(answer.pattern),
        "reachable": answer.attained,
        "interior": answer.interior,
        "witness": answer.witness,
        "witness_pattern": None if answer.witness_pattern is None else str(answer.witness_pattern),
        "proof": None
        if proof is None
        else {
            "kind": proof.kind,
            "excludes": proof.question,
            "units": [list(unit) for unit in proof.units],
            "sides": list(proof.sides),
            "verified": True,  # or there would be no proof in the answer
            "text": str(proof),
            "cases": len(proof.leaves),
        },
        "why": getattr(answer, "why", None),
        "seconds": answer.seconds,
        "domain": answer.domain,
        "model": answer.model,
        "stats": answer.stats,
    }


def _headline(answer: Reachable | Unreachable | Undecided) -> str:
    if answer.attained is None:
        what = "not decided whether any point has it"
        if answer.interior is False:
            what += "; no region has it"
        return f"{what} ({getattr(answer, 'why', '')}) after {duration(answer.seconds)}"
    if not answer.attained:
        what = "unreachable (proved)"
    elif answer.interior is None:
        what = "reachable; not decided whether a region has it"
    elif answer.interior:
        what = "reachable, by a region"
    else:
        what = "reachable at boundary points only; no region has it (proved)"
    return f"{what} in {duration(answer.seconds)}"


def _details(answer: Reachable | Unreachable | Undecided) -> list[str]:
    lines = []
    if answer.witness is not None:
        lines.append(f"witness: {coordinates(answer.witness)}")
        if not answer.pattern.is_full and len(answer.pattern) <= SHOWN_BITS:
            lines.append(f"its pattern: {answer.witness_pattern}")
    proof: Any = answer.proof
    if proof is not None:
        text = str(proof)
        if proof.kind != "tree" and proof.sides:
            text += f" ({plural(len(proof.sides), 'side')} of the domain take part)".replace(
                "1 side of the domain take", "1 side of the domain takes"
            )
        lines.append(text)
    return lines
