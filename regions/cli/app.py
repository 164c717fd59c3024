"""The command ``regions``: its commands and its version."""

from __future__ import annotations

from typing import Annotated

import typer

from regions.cli import (
    adversarial,
    between,
    cell,
    cells,
    complexity,
    conditional,
    count,
    env,
    estimate,
    explore,
    export,
    graph,
    info,
    nearest,
    output_range,
    path,
    pattern,
    plot,
    rays,
    reach,
    recurrence,
    stats,
    walk,
)
from regions.cli.arguments import Command

_HELP = """Exact geometry of the linear regions of ReLU networks.

A ReLU network cuts its input space into polytopes, one for each activation pattern, and is
affine on each. These commands compute that geometry exactly: what they print is true, or says
how far it is known."""

_EPILOG = "Example:  regions count examples/models/digits.pt --domain box:-1,1"

app = typer.Typer(
    name="regions",
    help=_HELP,
    epilog=_EPILOG,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS = {
    "count": count,
    "info": info,
    "pattern": pattern,
    "reach": reach,
    "nearest": nearest,
    "between": between,
    "range": output_range,
    "adversarial": adversarial,
    "cell": cell,
    "cells": cells,
    "conditional": conditional,
    "walk": walk,
    "explore": explore,
    "recurrence": recurrence,
    "estimate": estimate,
    "plot": plot,
    "complexity": complexity,
    "graph": graph,
    "path": path,
    "stats": stats,
    "rays": rays,
    "export": export,
    "env": env,
}
for name, module in COMMANDS.items():
    app.command(name, cls=Command, epilog=module.EXAMPLE)(module.command)


def _version(asked: bool) -> None:
    if asked:
        from regions import __version__

        print(f"regions {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())
