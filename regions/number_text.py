"""Rational numbers as text: read a decimal exactly, write the shortest exact form."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from hashlib import sha256

from flint import fmpq

from solvers.rational import rational

_NUMBER = re.compile(r"[+-]?(\d+/\d+|(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?)", re.ASCII)
_LISTED = 16  # longer vectors are written as their length and a hash
_PLAIN = 12  # longer decimals may be written with an exponent


def read_number(text: str) -> fmpq:
    """The rational number that a decimal or a fraction p/q denotes, exactly.

    Raises
    ------
    ValueError
        If the text is anything else, `inf` and `nan` included.

    Examples
    --------
    >>> read_number("0.1"), read_number("-1/3"), read_number("1e-2")
    (1/10, -1/3, 1/100)
    """
    stripped = text.strip()
    if not _NUMBER.fullmatch(stripped):
        raise ValueError(f"needs a decimal such as -0.5 or a fraction such as 1/3, got {text!r}")
    return rational(stripped)


def read_bound(text: str) -> fmpq | float:
    """A number as `read_number` reads it, or one of the infinities `inf`, `+inf`, `-inf`.

    >>> read_bound("-inf"), read_bound("0.5")
    (-inf, 1/2)
    """
    stripped = text.strip().lower()
    if stripped in ("inf", "+inf"):
        return math.inf
    return -math.inf if stripped == "-inf" else read_number(text)


def write_number(q: fmpq) -> str:
    """The shortest exact text of q: a decimal if it has one and that is no longer, else p/q.

    Examples
    --------
    >>> [write_number(fmpq(*pair)) for pair in ((1, 10), (-3, 1), (1, 3), (1, 10**15))]
    ['0.1', '-3', '1/3', '1e-15']
    """
    numerator, denominator = int(q.p), int(q.q)
    # a decimal terminates iff the denominator is 2^twos 5^fives
    rest, twos, fives = denominator, 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    ratio = f"{numerator}/{denominator}"
    if rest != 1:
        return ratio
    places = max(twos, fives)
    digits = str(abs(numerator) * 10**places // denominator)
    sign = "-" if numerator < 0 else ""
    padded = digits.rjust(places + 1, "0")
    plain = sign + (f"{padded[:-places]}.{padded[-places:]}" if places else digits)
    if len(plain) <= _PLAIN:
        return plain if len(plain) <= len(ratio) or not places else ratio
    mantissa = digits.rstrip("0")
    exponent = len(digits) - len(mantissa) - places
    scientific = f"{sign}{mantissa}e{exponent}" if exponent else sign + mantissa
    return min(plain, scientific, ratio, key=len)  # ties: the first


def write_bound(q: fmpq | None, infinite: str) -> str:
    """`write_number`, or the text `infinite` where there is no bound."""
    return infinite if q is None else write_number(q)


def write_vector(values: Sequence[fmpq | None], infinite: str = "inf") -> str:
    """A vector as text: ``[1,0.5]``; beyond 16 entries its length and a hash of its values.

    The hash is the SHA-256 of the comma-separated exact texts, so equal vectors have equal text
    and different ones practically never do.

    Examples
    --------
    >>> write_vector([fmpq(1), fmpq(1, 2)])
    '[1,0.5]'
    >>> write_vector([fmpq(0)] * 784)
    '[784 values, sha256 d8db24bb4663d8e1]'
    """
    texts = [write_bound(value, infinite) for value in values]
    joined = ",".join(texts)
    if len(texts) <= _LISTED:
        return f"[{joined}]"
    return f"[{len(texts)} values, sha256 {sha256(joined.encode()).hexdigest()[:16]}]"
