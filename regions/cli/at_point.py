"""What the sampling commands at one point share: their options, and what these open."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from regions.cli.models import read_shape
from regions.cli.sampling import need_torch, scaled
from regions.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from regions.sample.evaluator import Evaluator

At = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="POINT",
        help="The point: -0.1,0.3 or @FILE.npy.",
        show_default=False,
    ),
]
DataSpec = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="SPEC",
        help=(
            "The point is one of a set of data: mnist:DIR, cifar10:DIR, cifar10-hwc:DIR, "
            "npz:FILE, npy:FILE."
        ),
        show_default=False,
    ),
]
Index = Annotated[int, typer.Option("--index", metavar="I", help="Which one of --data, from 0.")]
_IMAGES = {"mnist": (1, 28, 28), "cifar10": (3, 32, 32), "cifar10-hwc": (3, 32, 32)}


def open_evaluator(
    model: Path,
    *,
    device: str,
    precision: str = "double",
    rounds: bool = True,
    input_shape: str | None = None,
    trust_file: bool = False,
) -> Evaluator:
    """The model, to be run on many points.

    Raises
    ------
    InputError
        If it cannot be read, the device is absent, or PyTorch is not installed.
    """
    need_torch()
    from regions.sample.evaluator import Evaluator

    return Evaluator.of(
        model,
        device=device,
        precision=precision,
        rounds=rounds,
        input_shape=None if input_shape is None else read_shape(input_shape),
        trust_file=trust_file,
    )


def point_of(
    at: str | None, data: str | None, index: int, scale: str | None, inputs: int, verb: str
) -> np.ndarray:
    """(inputs,): the point of --at, or of --data and --index with --scale, in doubles.

    Raises
    ------
    InputError
        If neither or both are given, or they name no point of the model.
    """
    import numpy as np

    from regions.domain_spec import parse_point
    from regions.readers.data import read_data
    from solvers.rational import nearest

    if (at is None) == (data is None):
        raise InputError(
            f"{verb}: needs either --at POINT or --data SPEC --index I, got "
            f"{'neither' if at is None else 'both'}; see 'regions {verb} --help'"
        )
    if at is not None:
        if scale is not None:
            raise InputError("--scale is for --data; --at is taken as it is")
        return np.array([nearest(q) for q in parse_point(at, inputs)])
    found = scaled(read_data(str(data)).points, str(data), scale)
    if found.shape[1] != inputs:
        raise InputError(
            f"--data {data}: the model has {inputs} inputs, these points have "
            f"{found.shape[1]} coordinates"
        )
    if not 0 <= index < len(found):
        raise InputError(f"--index {index}: --data {data} has {len(found)} points, from 0")
    return found[index]


def image_shape(
    option: str | None, data: str | None, evaluator: Evaluator
) -> tuple[tuple[int, ...], bool] | None:
    """The shape of a point as an image, and whether its channels come last; None if it is none.

    Raises
    ------
    InputError
        If the shape that was asked for does not fit.
    """
    if option is not None:
        shape = read_shape(option)
        size = 1
        for side in shape:
            size *= side
        if size != evaluator.inputs or len(shape) not in (2, 3):
            raise InputError(
                f"--image-shape {option}: the model has {evaluator.inputs} inputs; "
                "give C,H,W or H,W with that product"
            )
        return shape, False
    form = (data or "").partition(":")[0]
    if form in _IMAGES:
        return _IMAGES[form], form == "cifar10-hwc"
    own: Any = evaluator.input_shape[1:]
    return (tuple(own), False) if len(own) == 3 and own[0] in (1, 3) else None
