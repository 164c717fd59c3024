"""What the commands print: one JSON object, one line for an error, numbers people can read."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

SCHEMA = 1
_SHOWN_COORDINATES = 8  # of a point; --json has them all
_FRACTION_DIGITS = 24  # of a coordinate; --json has the fraction itself
_PLAIN_DIGITS = 15  # longer integers are shown rounded


def print_json(record: Mapping[str, Any]) -> None:
    """Print one object with its schema number: the whole standard output of ``--json``."""
    print(json.dumps(plain({"schema": SCHEMA, **record}), allow_nan=False))


def plain(value: Any) -> Any:
    """The value in JSON's own types; numbers that are not finite become null.

    Examples
    --------
    >>> plain({"bound": float("inf"), "at": (Fraction(1, 3), 0.5), "layer": {1: "relu"}})
    {'bound': None, 'at': ['1/3', 0.5], 'layer': {'1': 'relu'}}
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Fraction):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    raise TypeError(f"plain(): JSON has no form for {type(value).__name__}")


def print_error(message: str) -> None:
    """Print one line ``regions: …`` on standard error, whatever line breaks the message has."""
    print(f"regions: {' '.join(message.split())}", file=sys.stderr)


def about(value: float) -> str:
    """An estimated number for people: three digits, or all of a whole number.

    Examples
    --------
    >>> about(12345.6), about(3.14159), about(7), about(float("inf"))
    ('12 346', '3.14', '7', 'inf')
    """
    if isinstance(value, int):
        return grouped(value)
    return grouped(round(value)) if math.isfinite(value) and abs(value) >= 100 else f"{value:.3g}"


def grouped(number: int) -> str:
    """An integer for people: digits in groups of three, rounded where it is very long.

    Examples
    --------
    >>> grouped(71930), grouped(-5), grouped(2**70), grouped(2**100_000)
    ('71 930', '-5', 'about 1.18e21', 'about 9.99e30102')
    """
    if abs(number) < 10**_PLAIN_DIGITS:
        return f"{number:,}".replace(",", " ")
    return f"about {_scientific(number)}"


def rounded(number: int) -> str:
    """An integer where there is little room: three digits of it, if it has more than six.

    Examples
    --------
    >>> rounded(71930), rounded(12_345_678), rounded(2**100_000)
    ('71 930', '1.23e7', '9.99e30102')
    """
    return grouped(number) if abs(number) < 10**6 else _scientific(number)


def _scientific(number: int) -> str:
    # log10 of an integer of any length: float() would overflow beyond 1e308
    exponent = math.floor(math.log10(abs(number)))
    mantissa = Fraction(number, 10**exponent)
    return f"{float(mantissa):.2f}e{exponent}"


def plural(number: int, noun: str) -> str:
    """The number with its noun.

    >>> plural(1, "input"), plural(1276, "linear region")
    ('1 input', '1 276 linear regions')
    """
    return f"{grouped(number)} {noun}" + ("" if number == 1 else "s")


def outward(value: Fraction | float | None, direction: int) -> float | None:
    """The double nearest to a number on the side of `direction`, 1 (up) or -1 (down).

    >>> outward(Fraction(1, 2), 1), outward(Fraction(1, 3), -1) < Fraction(1, 3)
    (0.5, True)
    """
    if value is None:
        return None
    try:
        near = float(value)
    except OverflowError:
        return None
    if not math.isfinite(near):
        return None
    if (Fraction(near) - Fraction(value)) * direction < 0:
        near = math.nextafter(near, direction * math.inf)
    return near


def coordinates(point: Sequence[object]) -> str:
    """A point for people: its first coordinates; long fractions are rounded.

    >>> coordinates((0.5, Fraction(1, 3), Fraction(10**30 + 1, 3 * 10**30)))
    '0.5, 1/3, about 0.333333333333'
    """
    shown = ", ".join(map(_coordinate, point[:_SHOWN_COORDINATES]))
    more = len(point) - _SHOWN_COORDINATES
    return shown + (f", … ({more} more)" if more > 0 else "")


def _coordinate(value: object) -> str:
    if isinstance(value, Fraction) and len(str(value)) > _FRACTION_DIGITS:
        near = outward(value, 1)
        return str(value) if near is None else f"about {near:.12g}"
    return str(value)


def duration(seconds: float) -> str:
    """A time for people.

    >>> duration(0.00042), duration(0.5211), duration(75.3), duration(7384)
    ('0.4 ms', '0.52 s', '75.3 s', '2 h 3 min')
    """
    if seconds < 0.01:
        return f"{seconds * 1e3:.1f} ms"
    if seconds < 600:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def print_fields(fields: Mapping[str, object]) -> None:
    """Print aligned ``name  value`` lines, in order."""
    width = max(map(len, fields))
    for name, value in fields.items():
        print(f"  {name:<{width}}  {value}")
