"""Exact numbers: conversions, signs and linear solves over the rationals.

Inside, a rational is a `flint.fmpq` (a few hundred nanoseconds an operation); results meant for
people are `fractions.Fraction`.  A float32 or float64 *is* a dyadic rational, and a decimal string
is an exact decimal: nothing here ever rounds unless its name says so (`nearest`, `floats`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction

import numpy as np
from flint import fmpq, fmpq_mat, fmpz

Rational = fmpq

_EXPONENT = re.compile(r"[eE]([+-]?\d+)\s*$")
_MAX_EXPONENT = 10_000


def rational(value: object) -> fmpq:
    """The rational number that `value` denotes, exactly.

    Accepts ints, finite floats (numpy's too), `Fraction`, `Decimal`, `fmpq` and text such as
    ``"0.1"``, ``"1e-3"`` or ``"1/3"``.

    Raises
    ------
    ValueError
        For NaN, an infinity, or anything that is not a number.

    Examples
    --------
    >>> rational("0.1"), rational(0.5), rational("1/3")
    (1/10, 1/2, 1/3)
    """
    if isinstance(value, fmpq):
        return value
    if type(value) is np.longdouble and np.finfo(np.longdouble).nmant > 52:
        raise ValueError("rational() takes doubles or shorter floats, got a long double")
    if isinstance(value, (float, np.floating)):
        number = float(value)
        if not math.isfinite(number):
            raise ValueError(f"rational() needs a finite number, got {number}")
        return fmpq(*number.as_integer_ratio())
    if isinstance(value, (int, np.integer)):
        return fmpq(int(value))
    if isinstance(value, (Fraction, Decimal, str)):
        return _from_text_like(value)
    raise ValueError(f"rational() needs a number, got {type(value).__name__} {value!r}")


def _from_text_like(value: Fraction | Decimal | str) -> fmpq:
    if isinstance(value, str):
        exponent = _EXPONENT.search(value.replace("_", ""))
        if exponent and abs(int(exponent.group(1))) > _MAX_EXPONENT:
            raise ValueError(f"rational() takes exponents up to {_MAX_EXPONENT}, got {value!r}")
    try:
        fraction = Fraction(value)
    except (ValueError, OverflowError, ZeroDivisionError) as error:
        raise ValueError(f"rational() needs a finite number, got {value!r}") from error
    return fmpq(fraction.numerator, fraction.denominator)


def as_array(values: object) -> np.ndarray:
    """An array of the numbers as they are: nested sequences are never brought to one type.

    `numpy.asarray` would turn ``[0.1, "1/3"]`` into texts, and round.
    """
    if hasattr(values, "__array__"):
        return np.asarray(values)
    return np.asarray(values, dtype=object)


def rationals(values: object) -> np.ndarray:
    """Element-wise `rational`: an object array of the same shape."""
    array = as_array(values)
    result = np.empty(array.shape, dtype=object)
    flat = result.reshape(-1)
    for index, value in enumerate(array.reshape(-1).tolist()):
        flat[index] = rational(value)
    return result


def fraction(q: fmpq) -> Fraction:
    """The same number as a `fractions.Fraction`."""
    return Fraction(int(q.p), int(q.q))


def nearest(q: fmpq) -> float:
    """The double nearest to q (ties to even); an infinity where q overflows."""
    try:
        return int(q.p) / int(q.q)
    except OverflowError:
        return math.inf if q.p > 0 else -math.inf


def floats(values: object) -> np.ndarray:
    """Element-wise `nearest`: a float64 array of the same shape."""
    array = np.asarray(values, dtype=object)
    flat = [nearest(value) for value in array.reshape(-1)]
    return np.array(flat, dtype=np.float64).reshape(array.shape)


def coprime(values: Sequence[fmpq]) -> list[fmpq]:
    """The multiples of positive rationals, all by one factor, that are coprime integers.

    >>> coprime([fmpq(1, 3), fmpq(1, 2)])
    [2, 3]
    """
    numerators, denominator = fmpz(0), fmpz(1)
    for value in values:
        numerators, denominator = numerators.gcd(value.p), denominator.lcm(value.q)
    factor = fmpq(denominator, numerators)
    whole = [factor * value for value in values]
    common = fmpz(0)
    for value in whole:
        common = common.gcd(value.p)
    return [value / common for value in whole]


def sign(q: fmpq) -> int:
    """-1, 0 or 1."""
    numerator = q.p
    return 1 if numerator > 0 else -1 if numerator < 0 else 0


def dot(coefficients: Iterable[fmpq], point: Iterable[fmpq]) -> fmpq:
    """Σ a_i x_i, exactly."""
    total = fmpq(0)
    for a, x in zip(coefficients, point, strict=True):
        if a and x:
            total += a * x
    return total


def sign_at(coefficients: Sequence[fmpq], constant: fmpq, point: Sequence[fmpq]) -> int:
    """The exact sign of the linear form a·x + c at a rational point."""
    return sign(dot(coefficients, point) + constant)


def solve(matrix: Sequence[Sequence[fmpq]], right: Sequence[fmpq]) -> list[fmpq] | None:
    """The solution of a square system M x = r over the rationals; None if M is singular."""
    size = len(right)
    if size == 0:
        return []
    square = fmpq_mat(size, size, [entry for row in matrix for entry in row])
    column = fmpq_mat(size, 1, list(right))
    try:
        solution = square.solve(column)
    except ZeroDivisionError:
        return None
    return solution.entries()


def row_echelon(rows: Sequence[Sequence[fmpq]], width: int) -> tuple[list[list[fmpq]], list[int]]:
    """Reduced row echelon form: its non-zero rows, and the pivot column of each.

    >>> row_echelon([[fmpq(2), fmpq(4)], [fmpq(1), fmpq(2)]], 2)
    ([[1, 2]], [0])
    """
    if not rows or not width:
        return [], []
    reduced, rank = fmpq_mat(len(rows), width, [entry for row in rows for entry in row]).rref()
    table = [list(row) for row in reduced.tolist()[:rank]]
    pivots = [next(j for j, entry in enumerate(row) if entry) for row in table]
    return table, pivots
