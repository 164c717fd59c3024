"""How the command line is read: shared options, and negative numbers that are no options."""

from __future__ import annotations

import re
from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from regions.errors import InputError
from solvers.backend import BACKENDS, Backend, get_backend
from solvers.errors import BackendMissing

_NEGATIVE = re.compile(r"-(\d|\.\d)")


class Command(TyperCommand):
    """A command whose positional arguments may begin with a minus sign: ``-0.1,0.3``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse as usual, after `shield_negatives`."""
        valued = {
            name
            for option in self.params
            for name in (*option.opts, *option.secondary_opts)
            if not getattr(option, "is_flag", True)
        }
        return super().parse_args(ctx, shield_negatives(args, valued))


def shield_negatives(args: list[str], valued: set[str]) -> list[str]:
    """The same command line with the positional arguments behind ``--``, if one is negative.

    `valued` are the options that take a value; a value may begin with a minus sign anyway.

    Examples
    --------
    >>> shield_negatives(["net.pt", "-.1,3", "--seed", "-7", "--json"], {"--seed"})
    ['--seed', '-7', '--json', '--', 'net.pt', '-.1,3']
    >>> shield_negatives(["net.pt", "--seed", "-7"], {"--seed"})
    ['net.pt', '--seed', '-7']
    """
    options: list[str] = []
    positional: list[str] = []
    rest = iter(args)
    for arg in rest:
        if arg == "--":
            positional += rest
        elif arg.startswith("-") and arg != "-" and not _NEGATIVE.match(arg):
            options.append(arg)
            if arg in valued:
                options += [value for value in [next(rest, None)] if value is not None]
        else:
            positional.append(arg)
    if any(_NEGATIVE.match(arg) for arg in positional):
        return [*options, "--", *positional]
    return args


Model = Annotated[
    Path,
    typer.Argument(metavar="MODEL", help="An .onnx, .pt, .pth or .npz file.", show_default=False),
]
Models = Annotated[
    list[Path],
    typer.Argument(
        metavar="MODEL", help="One or several .onnx, .pt, .pth or .npz files.", show_default=False
    ),
]
DomainSpecs = Annotated[
    list[str] | None,
    typer.Option(
        "--domain",
        metavar="SPEC",
        help=(
            "The set of inputs; several intersect. box:LO,HI (numbers or .npy files), "
            "ball:P.npy,RADIUS, vnnlib:FILE, polytope:FILE.npz, slice:P0.npy,P1.npy,P2.npy, "
            "segment:P0.npy,P1.npy, space. Default: box:-1,1."
        ),
        show_default=False,
    ),
]
BoxIndex = Annotated[
    int | None,
    typer.Option(
        "--box",
        metavar="I",
        help="Which input box of a VNN-LIB file with several, from 1.",
        show_default=False,
    ),
]
TrustFile = Annotated[
    bool,
    typer.Option(
        "--trust-file",
        help="Also read formats that can run code when opened (.pt2, TorchScript).",
    ),
]
InputShape = Annotated[
    str | None,
    typer.Option(
        "--input-shape",
        metavar="C,H,W",
        help="Shape of one input, where the model does not say it.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Seed = Annotated[
    int,
    typer.Option(
        "--seed", metavar="N", help="Seed of everything random; exact results never depend on it."
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
TimeLimit = Annotated[
    float | None,
    typer.Option(
        "--time-limit",
        metavar="S",
        help="Stop after S seconds, with what is known by then.",
        show_default=False,
    ),
]
BackendName = Annotated[
    str,
    typer.Option(
        "--backend",
        metavar="|".join(BACKENDS),
        help="Solver of the linear programs. Its answers are proposals, which are checked.",
    ),
]
SecondBackend = Annotated[
    str | None,
    typer.Option(
        "--second-backend",
        metavar="NAME",
        help="Let another solver solve every program too; stop if the two contradict each other.",
        show_default=False,
    ),
]


def open_backend(name: str, second: str | None = None) -> Backend:
    """The backend that was asked for; with a second one, a backend that compares the two.

    Raises
    ------
    InputError
        If a name is unknown, a package is missing, or both are the same.
    """
    check_choice("--backend", name, BACKENDS)
    if second is None:
        return _installed("--backend", name)
    check_choice("--second-backend", second, BACKENDS)
    if second == name:
        raise InputError(
            f"--second-backend {second}: is the first one too (--backend); choose another"
        )
    from solvers.crosschecked import CrossChecked

    return CrossChecked(_installed("--backend", name), _installed("--second-backend", second))


def _installed(option: str, name: str) -> Backend:
    try:
        return get_backend(name)
    except BackendMissing as error:
        raise InputError(f"{option} {name}: {error}") from error


def check_seconds(limit: float | None) -> None:
    """Accept a time limit.

    Raises
    ------
    InputError
        If it is no number of seconds, 0 or more.
    """
    if limit is not None and not limit >= 0:
        raise InputError(f"--time-limit {limit:g}: needs seconds, 0 or more")


def check_choice(option: str, value: str, choices: Collection[str]) -> None:
    """Accept the value if it is one of the choices.

    Raises
    ------
    InputError
        Otherwise, naming the choices, and the one that was probably meant.
    """
    if value in choices:
        return
    close = get_close_matches(value, choices, 1)
    meant = f"; did you mean {close[0]}?" if close else ""
    raise InputError(f"{option} {value}: needs {' or '.join(choices)}{meant}")
