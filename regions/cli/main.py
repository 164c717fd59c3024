"""How every run of the command ``regions`` ends: its exit code, and one line on an error.

Light: what takes time to import is imported inside `main`, where an interruption is heard.
"""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from regions.cli.interrupts import (
    EXIT_INTERRUPTED,
    finish_undisturbed,
    leave_when_interrupted,
    say_interrupted,
)
from regions.cli.render import print_error
from regions.errors import InputError, RegionsError
from solvers.errors import SolversError

EXIT_FAILURE = 1
EXIT_USAGE = 2


def main(args: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code.

    0 exact, 3 bounds only, 2 bad input, 1 failure, 130 or 143 interrupted or
    terminated with nothing to report.  On an
    error standard output stays empty and standard error has one line ``regions: …``.

    Without `args` it is the whole process, which reads `sys.argv` and leaves as soon as it is
    interrupted; a running count ends with its bounds instead.
    """
    if args is None:
        leave_when_interrupted()
    sys.set_int_max_str_digits(0)  # bounds are integers of any length
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # an ASCII terminal shows × as \xd7
            stream.reconfigure(errors="backslashreplace")
    with warnings.catch_warnings():
        if not sys.warnoptions:  # libraries' remarks to programmers, which break the one line
            warnings.simplefilter("ignore")
        code = _run(args)
    if args is None:
        finish_undisturbed()
    return code


def _run(args: Sequence[str] | None) -> int:
    try:
        import typer

        from regions.cli.app import app

        try:
            code = app(args=args, prog_name="regions", standalone_mode=False)
            sys.stdout.flush()
        except typer.TyperException as error:
            print_error(_usage(error))
            return EXIT_USAGE
        except typer.Abort:
            return say_interrupted()
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
    except KeyboardInterrupt:
        return say_interrupted()
    if code == EXIT_INTERRUPTED:  # typer turns an interruption into this exit, without a word
        return say_interrupted()
    return code if isinstance(code, int) else 0


def _usage(error: Any) -> str:
    """What is wrong with the command line, and what was probably meant or where to look."""
    asked = str(getattr(error, "option_name", "")).lstrip("-")
    possible = [
        name
        for name in getattr(error, "possibilities", None) or ()
        if not asked or get_close_matches(asked, [name.lstrip("-")], 1)  # the dashes do not count
    ]
    if possible:
        return f"{error.message}; did you mean {' or '.join(sorted(possible))}?"
    message = error.message if asked else error.format_message()
    context = getattr(error, "ctx", None)
    if message.endswith("?") or context is None:
        return message
    return f"{message.rstrip('.')}; see '{context.command_path} --help'"
