"""Patterns on a command line: their text, a file with it, or the pattern of a point."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from regions.errors import DomainError, PatternError

if TYPE_CHECKING:
    from flint import fmpq

    from regions.domain import Domain
    from regions.network import Network
    from regions.pattern import Pattern

_PATTERN = re.compile(r"[01*/]*")
_NUMBERS = re.compile(r"[-+.\d/eE,\s]+")


def pattern_text(argument: str, what: str = "pattern") -> str:
    """The text of a pattern: the argument itself, or what the file after ``@`` holds.

    Raises
    ------
    PatternError
        If the file cannot be read.

    Examples
    --------
    >>> pattern_text("0110/1*")
    '0110/1*'
    """
    if not argument.startswith("@"):
        return argument
    try:
        return Path(argument[1:]).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise PatternError(
            f"{what} {argument}: cannot be read ({type(error).__name__}); "
            "needs a text file with a pattern such as 0110/10"
        ) from error


def read_pattern(argument: str, network: Network, what: str = "pattern") -> Pattern:
    """The pattern of this network that an argument, or a file, has as text."""
    from regions.pattern import Pattern

    return Pattern.parse(pattern_text(argument, what), network.widths)


def pattern_at(argument: str, network: Network, domain: Domain, what: str) -> Pattern:
    """The pattern of a point of the domain: ``-0.1,0.3`` or ``@FILE.npy``."""
    return network.pattern(point_in(argument, network, domain, what))


def point_in(argument: str, network: Network, domain: Domain, what: str) -> tuple[fmpq, ...]:
    """A point of the domain, exactly.

    Raises
    ------
    DomainError
        If it lies outside.
    """
    from regions.domain import Ball
    from regions.domain_spec import parse_point
    from regions.frame import Frame

    point = parse_point(argument, network.inputs)
    try:
        Frame.of(domain & Ball(point, 0))
    except DomainError as error:
        raise DomainError(
            f"{what} {argument}: needs a point of the domain {domain.spec}, got one outside; "
            "give another point or a larger domain"
        ) from error
    return point


def is_point(argument: str) -> bool:
    """Whether an argument that may be a pattern or a point is a point.

    Text of 0, 1, * and / alone is a pattern, ``@`` before numbers forces a point, and ``@FILE.npy``
    is one; any other file holds a pattern.

    Examples
    --------
    >>> [is_point(text) for text in ("01/1", "-0.1,0.3", "@0,1", "@x.npy", "@x.txt", "01/x")]
    [False, True, True, True, False, False]
    """
    if argument.startswith("@"):
        return argument.endswith(".npy") or bool(_NUMBERS.fullmatch(argument[1:]))
    return not _PATTERN.fullmatch(argument) and bool(_NUMBERS.fullmatch(argument))


def read_pattern_or_point(argument: str, network: Network, domain: Domain, what: str) -> Pattern:
    """The pattern that an argument gives, or that of the point that it gives."""
    if is_point(argument):
        return pattern_at(argument, network, domain, what)
    return read_pattern(argument, network, what)
