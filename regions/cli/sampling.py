"""What the sampling commands share: their options, and how they open a model and its points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from regions.errors import InputError
from solvers.errors import pip_install

if TYPE_CHECKING:
    import numpy as np

    from regions.sample.evaluator import Evaluator
    from regions.sample.points import Points

DataSpec = Annotated[
    str,
    typer.Option(
        "--data",
        metavar="SPEC",
        help=(
            "mnist:DIR, cifar10:DIR, cifar10-hwc:DIR (channel last), npz:FILE or npy:FILE; or "
            "random points: normal, or uniform in the --domain (a box, default box:-1,1)."
        ),
    ),
]
Samples = Annotated[
    int | None,
    typer.Option(
        "--samples",
        metavar="N",
        help="How many points, at random. Default: all of a set of data, else 10 000.",
        show_default=False,
    ),
]
Scale = Annotated[
    str | None,
    typer.Option(
        "--scale",
        metavar="LO,HI",
        help="Map pixels, which are read as numbers from 0 to 1, to LO..HI.",
        show_default=False,
    ),
]
FirstLayers = Annotated[
    int | None,
    typer.Option("--layers", metavar="K", help="The first K layers only.", show_default=False),
]
SomeLayers = Annotated[
    str | None,
    typer.Option("--layer", metavar="K,L,…", help="These layers only, from 1.", show_default=False),
]
Device = Annotated[
    str, typer.Option("--device", metavar="auto|cpu|cuda", help="auto: a GPU if there is one.")
]
Precision = Annotated[
    str,
    typer.Option(
        "--precision",
        metavar="single|double",
        help="Of the arithmetic: a bit is the sign that it gives.",
    ),
]
Rounds = Annotated[
    bool,
    typer.Option(
        "--max-pool-bits",
        help="Give max-pooling the units of the exact side; else it has none.",
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        metavar="N",
        help="Of PyTorch on a CPU; 1 is best where the cores are busy. Default: all cores.",
        show_default=False,
    ),
]

DEFAULT_SAMPLES = 10_000


@dataclass(frozen=True, eq=False)
class Opened:
    """A model to sample and the points to sample it at."""

    evaluator: Evaluator
    points: Points
    labels: np.ndarray | None
    data: str

    def table(self) -> np.ndarray:
        """All points at once."""
        return self.points[0 : len(self.points)]

    def record(self) -> dict[str, Any]:
        """What every JSON object says of them."""
        return {
            "data": self.data,
            "points": len(self.points),
            "device": str(self.evaluator.device),
            "precision": self.evaluator.precision,
            "notes": list(self.evaluator.notes),
        }


def open_sampled(
    model: Path,
    data: str,
    *,
    samples: int | None,
    scale: str | None,
    domain: Sequence[str] | None,
    device: str,
    precision: str,
    rounds: bool,
    threads: int | None,
    trust_file: bool,
    input_shape: str | None,
    seed: int,
) -> Opened:
    """The model as an evaluator, and its points.

    Raises
    ------
    InputError
        If one of them cannot be used, or they do not fit each other.
    """
    from regions.cli.models import read_shape

    if seed < 0:
        raise InputError(f"--seed {seed}: needs a whole number, 0 or more")
    if samples is not None and samples < 1:
        raise InputError(f"--samples {samples}: needs a whole number, 1 or more")
    if threads is not None and threads < 1:
        raise InputError(f"--threads {threads}: needs a whole number, 1 or more")
    need_torch()
    from regions.sample.device import use_threads
    from regions.sample.evaluator import Evaluator

    use_threads(threads)
    shape = None if input_shape is None else read_shape(input_shape)
    evaluator = Evaluator.of(
        model, device=device, precision=precision, rounds=rounds, input_shape=shape,
        trust_file=trust_file,
    )  # fmt: skip
    points, labels = _points(evaluator, data, samples, scale, domain, seed)
    if points[0:1].shape[1] != evaluator.inputs:
        raise InputError(
            f"--data {data}: has points of {points[0:1].shape[1]} numbers, the model needs "
            f"{evaluator.inputs} (shape {evaluator.input_shape[1:]})"
        )
    return Opened(evaluator, points, labels, data)


def need_torch() -> None:
    """Raise an InputError where PyTorch is not installed."""
    from importlib.util import find_spec

    if find_spec("torch") is None:
        command = pip_install("'relu-regions[torch]'")
        raise InputError(f"sampling needs the package torch: {command}")


def _points(
    evaluator: Evaluator, data: str, samples: int | None, scale: str | None,
    domain: Sequence[str] | None, seed: int,
) -> tuple[Points, np.ndarray | None]:  # fmt: skip
    import numpy as np

    from regions.readers.data import read_data
    from regions.sample.points import RANDOM, RandomPoints, chosen

    if data in RANDOM:
        if scale is not None:
            raise InputError("--scale is for --data of a file; a --domain says where uniform is")
        number = DEFAULT_SAMPLES if samples is None else samples
        low, high = _box(domain, evaluator.inputs) if data == "uniform" else (-1.0, 1.0)
        return RandomPoints(data, number, evaluator.inputs, seed, low, high), None
    if domain:
        raise InputError("--domain is for --data uniform; a set of data is taken as it is")
    read = read_data(data)
    points, labels = scaled(read.points, data, scale), read.labels
    some = chosen(len(points), samples, seed)
    if len(some) == len(points):
        return points, labels
    return points[some], None if labels is None else np.asarray(labels)[some]


def scaled(points: np.ndarray, data: str, scale: str | None) -> np.ndarray:
    """Points of a set of data, mapped from 0..1 to what ``--scale`` says.

    Raises
    ------
    InputError
        If they do not lie in 0..1.
    """
    if scale is None:
        return points
    low, high = two_numbers("--scale", scale)
    if points.min() < 0 or points.max() > 1:
        raise InputError(
            f"--scale {scale}: {data} is not within 0..1, but {points.min():g}..{points.max():g}"
        )
    return low + (high - low) * points


def two_numbers(option: str, text: str) -> tuple[float, float]:
    """``-1,1`` as two floats.

    >>> two_numbers("--scale", "-1,0.5")
    (-1.0, 0.5)
    """
    try:
        low, high = map(float, text.split(","))
    except ValueError as error:
        raise InputError(f"{option} {text}: needs two numbers, as in -1,1") from error
    return low, high


def _box(specs: Sequence[str] | None, inputs: int) -> tuple[np.ndarray, np.ndarray]:
    import numpy as np

    from regions.domain import Box
    from regions.domain_spec import parse_domains

    where = parse_domains(specs or (), inputs, None)
    if not isinstance(where, Box):
        raise InputError(f"--domain {where.spec}: uniform points need one box:LO,HI")
    ends = [
        np.array([np.inf if q is None else float(q.p) / float(q.q) for q in side])
        for side in (where.lower, where.upper)
    ]
    return ends[0], ends[1]


def layers_of(first: int | None, some: str | None) -> Sequence[int] | int | None:
    """What ``--layers`` and ``--layer`` say.

    >>> layers_of(None, "1,3"), layers_of(2, None)
    ([1, 3], 2)
    """
    if first is not None and some is not None:
        raise InputError("--layers and --layer exclude each other")
    if some is None:
        return first
    try:
        return [int(word) for word in some.split(",")]
    except ValueError as error:
        raise InputError(f"--layer {some}: needs whole numbers, as in 1,3") from error
