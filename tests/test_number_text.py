"""Numbers as text: exact both ways, and short."""

from __future__ import annotations

import math
import re

import pytest
from flint import fmpq
from hypothesis import given
from hypothesis import strategies as st

from regions.number_text import read_bound, read_number, write_number, write_vector

rationals = st.one_of(
    st.fractions(),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.floats(allow_nan=False, allow_infinity=False),
).map(lambda value: fmpq(*value.as_integer_ratio()))


@given(rationals)
def test_written_numbers_read_back_and_are_no_longer_than_the_fraction(q):
    text = write_number(q)
    assert read_number(text) == q
    assert len(text) <= len(f"{q.p}/{q.q}")


@pytest.mark.parametrize(
    ("q", "text"),
    [
        (fmpq(0), "0"),
        (fmpq(1000), "1000"),
        (fmpq(-5, 2), "-2.5"),
        (fmpq(1, 16), "1/16"),
        (fmpq(679857769, 10**9), "0.679857769"),
        (fmpq(-7 * 10**20), "-7e20"),
        (fmpq(3, 10**30), "3e-30"),
        (fmpq(*(0.1).as_integer_ratio()), "3602879701896397/36028797018963968"),
    ],
)
def test_the_shortest_form(q, text):
    assert write_number(q) == text


@pytest.mark.parametrize("text", ["", "a", "1/0x", "--1", "1_0", "0x1", "nan", "inf", "1e", "٣"])
def test_other_texts_are_refused(text):
    message = f"needs a decimal such as -0.5 or a fraction such as 1/3, got {text!r}"
    with pytest.raises(ValueError, match=re.escape(message)):
        read_number(text)


def test_infinities_are_bounds_only():
    assert [read_bound(text) for text in ("inf", "+INF", "-inf", "2")] == [
        math.inf,
        math.inf,
        -math.inf,
        fmpq(2),
    ]


def test_long_vectors_are_named_by_their_content():
    ones, twos = [fmpq(1)] * 17, [fmpq(2)] * 17
    assert write_vector(ones[:16]) == f"[{','.join(['1'] * 16)}]"
    assert write_vector(ones).startswith("[17 values, sha256 ")
    assert write_vector(ones) != write_vector(twos)
    assert write_vector([None, fmpq(1)], "-inf") == "[-inf,1]"
