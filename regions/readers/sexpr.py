"""S-expressions, the syntax of VNN-LIB: nested lists of words, with line numbers for errors."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(r"""\s+|;[^\n]*|(?P<word>[()]|"[^"]*"|[^\s()";]+)""")
_MAX_DEPTH = 100


class VnnlibSyntaxError(Exception):
    """A file departs from the format; the reader adds the file's name and the line.

    Attributes
    ----------
    line : int
        The line where it does, from 1.
    """

    def __init__(self, message: str, line: int):
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class Word:
    """A name, a number or a quoted text."""

    text: str
    line: int

    def __str__(self) -> str:
        return _short(self.text)


@dataclass(frozen=True)
class Form:
    """A list in parentheses."""

    items: tuple[Form | Word, ...]
    line: int

    def __str__(self) -> str:
        return _short(f"({' '.join(map(str, self.items))})")


def read_forms(text: str) -> list[Form | Word]:
    """The expressions of a text; a semicolon starts a comment.

    Raises
    ------
    VnnlibSyntaxError
        If a parenthesis is not closed or not opened, a quoted text has no end, or the nesting is
        deeper than 100.

    Examples
    --------
    >>> [str(form) for form in read_forms("(assert (<= X_0 0.5)) ; a bound")]
    ['(assert (<= X_0 0.5))']
    """
    levels: list[list[Form | Word]] = [[]]
    opened: list[int] = []
    place, line = 0, 1
    while place < len(text):
        token = _TOKEN.match(text, place)
        if token is None:
            raise VnnlibSyntaxError('needs a closing ", got none; the file is truncated', line)
        word = token.group("word")
        if word == "(":
            if len(opened) == _MAX_DEPTH:
                raise VnnlibSyntaxError(
                    f"needs at most {_MAX_DEPTH} nested parentheses, got more; the file is garbled",
                    line,
                )
            levels.append([])
            opened.append(line)
        elif word == ")":
            if not opened:
                raise VnnlibSyntaxError(
                    "needs a ( for every ), got one too few; remove the ) or restore the (", line
                )
            items = tuple(levels.pop())
            levels[-1].append(Form(items, opened.pop()))
        elif word:
            levels[-1].append(Word(word, line))
        line += token.group().count("\n")
        place = token.end()
    if opened:
        raise VnnlibSyntaxError(
            f"needs {len(opened)} more ) before the end of the file, got none; "
            "the file is truncated",
            opened[0],
        )
    return levels[0]


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:45]}…{text[-10:]}"
