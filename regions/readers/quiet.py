"""Silence for libraries that write logs and graphs where only our own line should stand."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO


@contextmanager
def silenced() -> Iterator[None]:
    """Drop what is printed or logged meanwhile; exceptions pass.

    Examples
    --------
    >>> with silenced():
    ...     print("graph():")
    """
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            yield
    finally:
        logging.disable(before)
