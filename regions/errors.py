"""The exceptions of `regions`: one root, and one name per kind of bad input.

Every message says what was called, what it needed, what it got and what to do.
The command line prints the message on one line; an `InputError` ends with exit code 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regions.results import Count


class RegionsError(Exception):
    """Root of every exception that `regions` raises on purpose.

    Examples
    --------
    >>> issubclass(DomainError, RegionsError)
    True
    """


class InputError(RegionsError, ValueError):
    """The caller's input cannot be used: a model, a domain, a pattern, an option.

    It is also a `ValueError`, so that callers who know nothing of `regions` can catch it.

    Examples
    --------
    >>> issubclass(PatternError, ValueError)
    True
    """


class ModelError(InputError):
    """A model file or object cannot be read, or disagrees with its own source."""


class UnsupportedLayer(ModelError):
    """A model has a layer that the exact normal form cannot express (meanings §2.1)."""


class DomainError(InputError):
    """A domain, or a point of one, is malformed, empty or of the wrong dimension."""


class PatternError(InputError):
    """An activation pattern is malformed or does not fit the network."""


class OutputError(RegionsError):
    """A file of results, or a journal, cannot be written; `count` is what was known by then."""

    def __init__(self, message: str, count: Count) -> None:
        super().__init__(message)
        self.count = count


LONGEST_LINE = 200


def first_line(error: object) -> str:
    r"""What a foreign exception says, on one line that ends with a sentence if it can.

    Examples
    --------
    >>> first_line(ValueError("no such layer\nTraceback ..."))
    'no such layer'
    """
    text = str(error).strip()
    if not text:
        return type(error).__name__
    line = text.splitlines()[0]
    if len(line) <= LONGEST_LINE:
        return line
    whole = line[:LONGEST_LINE].rpartition(". ")[0]
    return whole or line[: LONGEST_LINE - 3] + "..."
