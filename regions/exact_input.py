"""Numbers as callers give them, made exact: floats are the dyadic rationals that they are."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from flint import fmpq

from regions.errors import DomainError
from regions.number_text import read_bound, read_number, write_number
from solvers.exact_matrix import ExactMatrix
from solvers.rational import rational


def exact_number(value: object, what: str) -> fmpq:
    """One finite number, exactly; `what` names it in the error.

    >>> exact_number("0.1", "Ball: the radius"), exact_number(0.5, "Ball: the radius")
    (1/10, 1/2)
    """
    try:
        return _number(value)
    except ValueError as error:
        raise DomainError(f"{what} needs a finite number, got {_short(value)}; {_HINT}") from error


def exact_point(values: object, what: str) -> tuple[fmpq, ...]:
    """The coordinates of a point, exactly; an array of any shape is read row by row.

    Raises
    ------
    DomainError
        Where an entry is NaN, infinite or no number, or `values` is not a sequence.
    """
    return tuple(exact_number(v, f"{what}[{i}]") for i, v in enumerate(_flat(values, what)))


def exact_bounds(values: object, what: str, infinite: float) -> tuple[fmpq | None, ...]:
    """Bounds of coordinates, exactly; the infinity of the given sign becomes None.

    Raises
    ------
    DomainError
        Where an entry is NaN, the other infinity or no number, or `values` is not a sequence.
    """
    return tuple(_bound(v, f"{what}[{i}]", infinite) for i, v in enumerate(_flat(values, what)))


def exact_rows(values: object, what: str) -> ExactMatrix:
    """A matrix, exactly: a 2-D array, scipy.sparse, nested sequences or an `ExactMatrix`.

    Raises
    ------
    DomainError
        Where an entry is NaN, infinite or no number, or there are not two dimensions.
    """
    if isinstance(values, ExactMatrix):
        return values
    if hasattr(values, "tocsr"):  # scipy.sparse, always of two dimensions here
        return _guarded_rows(lambda: ExactMatrix.from_floats(values), what)
    array = _array(values, what)
    if array.ndim != 2:
        raise DomainError(
            f"{what} needs two dimensions (rows, coordinates), got shape {array.shape}; "
            "write one row as [[…]]"
        )
    if array.dtype.kind in "biuf" and array.dtype.itemsize <= 8:
        return _guarded_rows(lambda: ExactMatrix.from_floats(array), what)
    return _guarded_rows(lambda: _from_numbers(array), what)


def _guarded_rows(build: Callable[[], ExactMatrix], what: str) -> ExactMatrix:
    try:
        return build()
    except ValueError as error:
        raise DomainError(f"{what} needs finite numbers: {error}; {_HINT}") from error


def _from_numbers(array: np.ndarray) -> ExactMatrix:
    exact = np.empty(array.shape, dtype=object)
    exact.reshape(-1)[:] = [_number(value) for value in array.reshape(-1)]
    return ExactMatrix.from_rationals(exact)


_HINT = 'give an int, a float, a Fraction or text such as "0.1" or "1/3", at most 1e300 in size'
_SHOWN = 60
_LARGEST = fmpq(10**300)  # differences and their doubles stay finite


def _number(value: object) -> fmpq:
    if isinstance(value, np.floating) and value.dtype.itemsize > 8:
        raise ValueError(f"{value!r} is wider than a double")
    number = read_number(value) if isinstance(value, str) else rational(value)
    if abs(number) > _LARGEST:
        raise ValueError(f"{value!r} is beyond 1e300, where doubles end")
    return number


def _bound(value: object, what: str, infinite: float) -> fmpq | None:
    try:
        read = read_bound(value) if isinstance(value, str) else value
        if isinstance(read, (float, np.floating)) and math.isinf(read):
            if float(read) == infinite:
                return None
            raise ValueError("the wrong infinity")
        return _number(read)
    except ValueError as error:
        raise DomainError(
            f"{what} needs a number or {infinite}, got {_short(value)}; {_HINT}"
        ) from error


def _short(value: object) -> str:
    """A value as an error shows it: a long number by its first digits and its size."""
    if isinstance(value, int):
        value = fmpq(value)
    try:
        text = write_number(value) if isinstance(value, fmpq) else repr(value)
    except ValueError:  # Python prints no more than 4300 digits
        text = str(value) if isinstance(value, fmpq) else type(value).__name__
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN // 2]}… ({len(text)} characters)"


def _flat(values: object, what: str) -> list[object]:
    array = None if isinstance(values, (str, bytes)) else _array(values, what)
    if array is None or array.ndim == 0:
        raise DomainError(
            f"{what} needs one number per coordinate, got {values!r}; "
            "give a sequence or an array of numbers"
        )
    return list(array.reshape(-1))


def _array(values: object, what: str) -> np.ndarray:
    """As an array whose entries are the caller's own numbers, none of them converted."""
    if hasattr(values, "dtype"):
        return np.asarray(values)
    try:
        return np.asarray(values, dtype=object)
    except ValueError as error:  # ragged
        raise DomainError(f"{what} needs rows of one length: {error}; pad or split them") from error
