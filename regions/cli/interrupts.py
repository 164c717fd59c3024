"""Ctrl-C on the command line: one line and exit code 130, wherever it comes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from regions.cli.render import print_error

EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells have it, where there is nothing to report


def say_interrupted() -> int:
    """Print the line; return the exit code."""
    print_error("interrupted")
    return EXIT_INTERRUPTED


def leave_when_interrupted() -> None:
    """From now on Ctrl-C ends the process at once, with the line.

    An exception would not do: libraries swallow or replace one that is raised while they load.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)


@contextmanager
def unwound() -> Iterator[None]:
    """Meanwhile Ctrl-C is an exception, so that what is shown on the terminal is taken down."""
    if signal.getsignal(signal.SIGINT) is not _leave:
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, _leave)


def _leave(number: int, frame: Any) -> None:
    with suppress(OSError, RuntimeError, ValueError):  # a stream in the middle of a write
        sys.stdout.flush()
    with suppress(OSError, RuntimeError, ValueError):
        say_interrupted()
        sys.stderr.flush()
    os._exit(EXIT_INTERRUPTED)
