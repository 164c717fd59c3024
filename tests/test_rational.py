"""Exact numbers: conversions, correct rounding and linear algebra over the rationals."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given
from hypothesis import strategies as st

from solvers.rational import (
    as_array,
    dot,
    floats,
    fraction,
    nearest,
    rational,
    rationals,
    row_echelon,
    sign,
    sign_at,
    solve,
)
from tests import naive
from tests.oracle import _solutions

FINITE = st.floats(allow_nan=False, allow_infinity=False)
SMALL = st.fractions(-4, 4, max_denominator=6)
LARGEST = Fraction(np.finfo(float).max)
HALF_STEP = Fraction(2) ** 970  # half the distance from the largest double to the next power of 2


# ------------------------------------------------------------------------------ conversions


@pytest.mark.parametrize(
    ("given_value", "expected"),
    [
        (3, Fraction(3)),
        (10**30, Fraction(10**30)),
        (np.int8(-7), Fraction(-7)),
        (np.uint64(2**64 - 1), Fraction(2**64 - 1)),
        (0.1, Fraction(0.1)),
        (-0.0, Fraction(0)),
        (5e-324, Fraction(1, 2**1074)),
        (np.float32(0.1), Fraction(float(np.float32(0.1)))),
        (np.float16(0.1), Fraction(float(np.float16(0.1)))),
        (Fraction(-2, 6), Fraction(-1, 3)),
        (Decimal("0.1"), Fraction(1, 10)),
        ("0.1", Fraction(1, 10)),
        ("-1/3", Fraction(-1, 3)),
        ("1e-400", Fraction(1, 10**400)),
        ("1E3", Fraction(1000)),
        (fmpq(2, 7), Fraction(2, 7)),
    ],
)
def test_rational_is_what_the_value_denotes(given_value: object, expected: Fraction):
    result = rational(given_value)
    assert isinstance(result, fmpq)
    assert fraction(result) == expected
    assert isinstance(fraction(result), Fraction)


@given(FINITE)
def test_a_double_is_a_dyadic_rational(x: float):
    assert fraction(rational(x)) == Fraction(x)
    assert nearest(rational(x)) == x


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (math.nan, "needs a finite number, got nan"),
        (math.inf, "needs a finite number, got inf"),
        (np.float32(-np.inf), "needs a finite number, got -inf"),
        ("inf", "needs a finite number, got 'inf'"),
        ("nan", "needs a finite number, got 'nan'"),
        ("1/0", "needs a finite number, got '1/0'"),
        ("one", "needs a finite number, got 'one'"),
        ("", "needs a finite number, got ''"),
        (Decimal("NaN"), "needs a finite number"),
        (Decimal("Infinity"), "needs a finite number"),
        ("1e10001", "takes exponents up to 10000, got '1e10001'"),
        ("1e-1_0001", "takes exponents up to 10000"),
        (None, "needs a number, got NoneType None"),
        (1j, "needs a number, got complex"),
        ([1], "needs a number, got list"),
    ],
)
def test_rational_refuses_what_is_no_number(value: object, text: str):
    with pytest.raises(ValueError, match=text):
        rational(value)


@pytest.mark.skipif(np.finfo(np.longdouble).nmant <= 52, reason="a long double is a double here")
def test_rational_refuses_a_long_double():
    with pytest.raises(ValueError, match="got a long double"):
        rational(np.longdouble(1) / 3)


def test_as_array_brings_nothing_to_one_type():
    assert as_array([0.1, "1/3", 2**80]).tolist() == [0.1, "1/3", 2**80]
    array = np.array([1.5, 2.5], dtype=np.float32)
    assert as_array(array) is array


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (2, 0, 1)])
def test_rationals_keeps_the_shape(shape: tuple[int, ...]):
    values = np.arange(math.prod(shape), dtype=float).reshape(shape) / 8
    result = rationals(values)
    assert result.shape == shape
    assert result.dtype == object
    assert naive.vector(result.reshape(-1)) == [Fraction(k, 8) for k in range(math.prod(shape))]
    assert floats(result).shape == shape
    assert floats(result).dtype == np.float64
    assert np.array_equal(floats(result), values)


# --------------------------------------------------------------------------------- rounding


@given(
    st.integers(-(2**70), 2**70),
    st.integers(1, 2**70),
    st.sampled_from([0, 0, 900, -1000, -1040, -1074, -1140]),
)
def test_nearest_is_correctly_rounded(p: int, q: int, exponent: int):
    exact = Fraction(p, q) * Fraction(2) ** exponent
    got = nearest(rational(exact))
    distance = abs(Fraction(got) - exact)
    for direction in (-math.inf, math.inf):
        other = math.nextafter(got, direction)
        if math.isfinite(other):
            gap = abs(Fraction(other) - exact)
            even = int(np.float64(got).view(np.int64)) % 2 == 0
            assert distance < gap or (distance == gap and even)


@pytest.mark.parametrize(
    ("exact", "expected"),
    [
        (Fraction(2**53 + 1), 2.0**53),  # ties go to the even neighbour
        (Fraction(2**53 + 3), 2.0**53 + 4),
        (Fraction(1, 2**1075), 0.0),
        (Fraction(1, 2**1075) + Fraction(1, 2**2000), 2.0**-1074),
        (Fraction(3, 2**1075), 2.0**-1073),
        (LARGEST, float(LARGEST)),
        (LARGEST + HALF_STEP - 1, float(LARGEST)),
        (LARGEST + HALF_STEP, math.inf),
        (-LARGEST - HALF_STEP, -math.inf),
        (Fraction(10) ** 400, math.inf),
        (-(Fraction(10) ** 400), -math.inf),
        (Fraction(1, 10**400), 0.0),
    ],
)
def test_nearest_at_the_edges(exact: Fraction, expected: float):
    assert nearest(rational(exact)) == expected
    assert floats([[rational(exact)]]).tolist() == [[expected]]


# ------------------------------------------------------------------------- signs and sums


@pytest.mark.parametrize(
    ("q", "expected"), [(fmpq(1, 10**400), 1), (fmpq(0), 0), (fmpq(-1, 10**400), -1)]
)
def test_sign(q: fmpq, expected: int):
    assert sign(q) == expected


def test_dot_and_sign_at_do_not_round():
    a, x = rationals([1e16, 1.0, -1e16]), rationals([1.0, 1.0, 1.0])
    assert dot(a, x) == 1
    assert sign_at(a.tolist(), fmpq(-1), x.tolist()) == 0
    assert sign_at(a.tolist(), fmpq(-1) - fmpq(1, 10**40), x.tolist()) == -1
    assert sign_at(a.tolist(), fmpq(-1) + fmpq(1, 10**40), x.tolist()) == 1
    assert dot([], []) == 0


def test_dot_needs_equal_lengths():
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        dot([fmpq(1), fmpq(0)], [fmpq(1)])


# --------------------------------------------------------------------------- linear algebra


def _square(size: int) -> st.SearchStrategy[list[list[Fraction]]]:
    return st.lists(st.lists(SMALL, min_size=size, max_size=size), min_size=size, max_size=size)


@given(st.integers(1, 4).flatmap(lambda n: st.tuples(_square(n), st.tuples(*[SMALL] * n))))
def test_solve_solves_or_the_matrix_is_singular(problem: Any):
    matrix, right = problem
    rows = rationals(matrix).tolist()
    found = solve(rows, rationals(right).tolist())
    rank = len(row_echelon(rows, len(right))[1])
    assert (found is None) == (rank < len(right))
    if found is not None:
        assert [naive.dot(row, found) for row in matrix] == list(right)


def test_solve_of_a_consistent_singular_system_is_none():
    assert solve([[fmpq(1), fmpq(2)], [fmpq(2), fmpq(4)]], [fmpq(1), fmpq(2)]) is None


def test_solve_of_nothing_is_nothing():
    assert solve([], []) == []


def test_solve_of_a_hilbert_matrix_is_exact():
    hilbert = [[fmpq(1, i + j + 1) for j in range(10)] for i in range(10)]
    ones = [fmpq(1)] * 10
    found = solve(hilbert, [sum(row, fmpq(0)) for row in hilbert])
    assert found == ones


@given(
    st.integers(1, 4).flatmap(
        lambda n: st.lists(st.lists(SMALL, min_size=n, max_size=n), min_size=1, max_size=5)
    )
)
def test_row_echelon_is_reduced_and_spans_the_same_rows(rows: list[list[Fraction]]):
    width = len(rows[0])
    echelon, pivots = row_echelon(rationals(rows).tolist(), width)
    reduced = [naive.vector(row) for row in echelon]
    assert len(reduced) == len(pivots)
    assert pivots == sorted(set(pivots))
    for k, (row, pivot) in enumerate(zip(reduced, pivots, strict=True)):
        assert not any(row[:pivot])
        assert [other[pivot] for other in reduced] == [int(i == k) for i in range(len(reduced))]
    for row in rows:  # each is the combination that its pivot entries say
        combination = [
            sum((row[p] * line[j] for p, line in zip(pivots, reduced, strict=True)), Fraction(0))
            for j in range(width)
        ]
        assert combination == row
    free = len(_solutions([(row, 0) for row in rows], width)[0]) - 1
    assert len(pivots) == width - free  # no more than the rows span


def test_row_echelon_of_nothing():
    assert row_echelon([], 3) == ([], [])
    assert row_echelon([[]], 0) == ([], [])
    assert row_echelon([[fmpq(0), fmpq(0)]], 2) == ([], [])
