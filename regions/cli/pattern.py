"""``regions pattern``: the activation pattern of one point."""

from __future__ import annotations

from typing import Annotated

import typer

from regions.cli.arguments import InputShape, Json, Model, Quiet, Seed, TrustFile
from regions.cli.render import plural, print_json

EXAMPLE = "Example:  regions pattern examples/models/moons.pt --at -0.1,0.3"


def command(
    model: Model,
    at: Annotated[
        str,
        typer.Option(
            "--at",
            metavar="POINT",
            help="The point: -0.1,0.3 (decimals and fractions are exact) or @FILE.npy.",
            show_default=False,
        ),
    ],
    trust_file: TrustFile = False,
    input_shape: InputShape = None,
    as_json: Json = False,
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Print the activation pattern of a point.

    A bit is 1 where the input of a ReLU is positive; layers are separated by a slash. Signs are
    decided exactly. Units whose pre-activation is exactly zero (bit 0) are listed too: the point
    lies on their boundary.
    """
    from regions.cli.models import open_model
    from regions.domain_spec import parse_point

    network, _ = open_model(model, None, trust_file=trust_file, input_shape=input_shape, seed=seed)
    point = parse_point(at, network.inputs)
    zero_units = network.zero_units(point)
    pattern = str(network.pattern(point))
    if as_json:
        print_json({"pattern": pattern, "zero_units": [list(unit) for unit in zero_units]})
        return
    print(pattern)
    if zero_units:
        names = ", ".join(f"{layer}:{unit}" for layer, unit in zero_units)
        print(f"  exactly zero (bit 0): {plural(len(zero_units), 'unit')}, {names}")
