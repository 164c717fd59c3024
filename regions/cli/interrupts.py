"""Ctrl-C and SIGTERM on the command line: one line and exit code 130 or 143, wherever they come.

SIGTERM is what `kill`, `timeout` and batch systems send.  A running count ends with its bounds.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from regions.cli.render import print_error

EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells have it, where there is nothing to report
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def say_interrupted() -> int:
    """Print the line; return the exit code."""
    print_error("interrupted")
    return EXIT_INTERRUPTED


def leave_when_interrupted() -> None:
    """From now on Ctrl-C and SIGTERM end the process at once, with the line.

    An exception would not do: libraries swallow or replace one that is raised while they load.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _leave)


@contextmanager
def unwound() -> Iterator[None]:
    """Meanwhile Ctrl-C is an exception, so that what is shown on the terminal is taken down.

    So is SIGTERM, also where Ctrl-C is ignored, as in the background jobs of a script: the first
    one ends a count with its bounds.
    """
    ours = [number for number in _SIGNALS if signal.getsignal(number) is _leave]
    for number in ours:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, _leave)


def finish_undisturbed() -> None:
    """From now on Ctrl-C and SIGTERM change nothing: all is printed, and the process leaves.

    The interpreter takes its handlers away as it shuts down.  A second Ctrl-C would kill the
    process then, after a complete answer.
    """
    for number in _SIGNALS:
        if signal.getsignal(number) in (_leave, signal.default_int_handler):
            signal.signal(number, signal.SIG_IGN)


def _leave(number: int, frame: Any) -> None:
    with suppress(OSError, RuntimeError, ValueError):  # a stream in the middle of a write
        sys.stdout.flush()
    with suppress(OSError, RuntimeError, ValueError):
        print_error("interrupted" if number == signal.SIGINT else "terminated")
        sys.stderr.flush()
    os._exit(128 + number)
