"""The command ``regions``: its commands, its version, and how every run of it ends."""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated

import typer

from regions.cli import count, env, info, pattern
from regions.cli.arguments import Command
from regions.cli.render import print_error
from regions.errors import InputError, RegionsError
from solvers.errors import SolversError

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130  # 128 + SIGINT, where there is nothing to report

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
for name, module in {"count": count, "info": info, "pattern": pattern, "env": env}.items():
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


def main(args: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code (0 exact, 3 bounds only, 2 bad input, 1 failure).

    On an error standard output stays empty and standard error has one line ``regions: …``.
    """
    sys.set_int_max_str_digits(0)  # bounds are integers of any length
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # an ASCII terminal shows × as \xd7
            stream.reconfigure(errors="backslashreplace")
    with warnings.catch_warnings():
        if not sys.warnoptions:  # libraries' remarks to programmers, which break the one line
            warnings.simplefilter("ignore")
        return _run(args)


def _run(args: Sequence[str] | None) -> int:
    try:
        code = app(args=args, prog_name="regions", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except typer.TyperException as error:
        print_error(_usage(error))
        return EXIT_USAGE
    except InputError as error:
        print_error(str(error))
        return EXIT_USAGE
    except BrokenPipeError:  # the reader of our output has left: `regions … | head`
        # nothing more can be written; the interpreter's own flush at exit must not complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILURE
    except (RegionsError, SolversError, OSError) as error:
        print_error(str(error))
        return EXIT_FAILURE
    except MemoryError:
        print_error("out of memory")
        return EXIT_FAILURE
    except (KeyboardInterrupt, typer.Abort):
        print_error("interrupted")
        return EXIT_INTERRUPTED


def _usage(error: typer.TyperException) -> str:
    """What is wrong with the command line, and what was probably meant or where to look."""
    possible = getattr(error, "possibilities", None)
    if possible:
        return f"{error.message}; did you mean {' or '.join(sorted(possible))}?"
    message = error.format_message()
    context = getattr(error, "ctx", None)
    if message.endswith("?") or context is None:
        return message
    return f"{message.rstrip('.')}; see '{context.command_path} --help'"
