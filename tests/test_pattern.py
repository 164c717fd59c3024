"""`Pattern`: text form, packing, don't-cares, distances, order; every error by its text."""

from __future__ import annotations

import copy
import pickle
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regions.errors import PatternError
from regions.pattern import Pattern

layer_lists = st.lists(st.lists(st.sampled_from([0, 1, None]), min_size=1, max_size=11), max_size=4)


def text_of(layers) -> str:
    return "/".join("".join("*" if bit is None else str(bit) for bit in bits) for bits in layers)


@st.composite
def pattern_pairs(draw):
    """Two lists of layers of one shape."""
    widths = draw(st.lists(st.integers(1, 10), max_size=3))
    bit = st.sampled_from([0, 1, None])
    return [[draw(st.lists(bit, min_size=w, max_size=w)) for w in widths] for _ in range(2)]


@given(layer_lists)
def test_text_bits_and_layers_say_the_same(layers):
    pattern = Pattern.from_bits(layers)
    assert str(pattern) == text_of(layers)
    assert Pattern.parse(str(pattern)) == pattern
    assert hash(Pattern.parse(str(pattern))) == hash(pattern)
    assert Pattern.from_bits(pattern.layers()) == pattern
    assert pattern.widths == tuple(map(len, layers))
    assert len(pattern) == sum(map(len, layers))
    for k, bits in enumerate(layers, 1):
        assert [pattern.bit(k, u) for u in range(len(bits))] == bits
    assert pattern.is_full == all(bit is not None for bits in layers for bit in bits)


@given(pattern_pairs())
def test_distances_matching_and_order_follow_their_definitions(pair):
    a, b = map(Pattern.from_bits, pair)
    differ = [
        sum(x is not None and y is not None and x != y for x, y in zip(u, v, strict=True))
        for u, v in zip(*pair, strict=True)
    ]
    assert a.hamming_by_layer(b) == tuple(differ)
    assert a.hamming(b) == b.hamming(a) == sum(differ)
    matches = all(
        x is None or x == y for u, v in zip(*pair, strict=True) for x, y in zip(u, v, strict=True)
    )
    assert a.matches(b) == matches
    assert (a < b) == (str(a) < str(b))
    assert (a <= b) == (str(a) <= str(b))
    assert (a == b) == (str(a) == str(b))


def test_tables_of_patterns_are_sorted_by_text():
    texts = ["1/0", "0/1", "*/1", "01", "0/*", "00", "1", "0/0"]
    assert [str(p) for p in sorted(map(Pattern.parse, texts))] == sorted(texts)


def test_numpy_and_bool_layers():
    pattern = Pattern.from_bits([np.array([True, False]), np.array([1, -1, 0], dtype=np.int8)])
    assert str(pattern) == "10/1*0"
    assert [bits.dtype for bits in pattern.layers()] == [np.int8, np.int8]


def test_the_packed_bits_are_eight_to_a_byte():
    pattern = Pattern.parse("1000/00011")
    assert (pattern.widths, pattern.bits, pattern.known) == ((4, 5), b"\x81\x80", b"\xff\x80")


def test_no_layers():
    assert Pattern.parse("", widths=()) == Pattern.from_bits([])
    assert (str(Pattern.parse("")), len(Pattern.parse("")), Pattern.parse("").is_full) == (
        "",
        0,
        True,
    )
    assert Pattern.parse("").hamming(Pattern.parse("")) == 0


def test_changes_and_prefixes_leave_the_pattern_as_it_is():
    pattern = Pattern.parse(" 0110/10\n", widths=(4, 2))
    assert str(pattern.with_bits({(1, 0): 1, (2, 1): None, (2, 0): False})) == "1110/0*"
    assert [str(pattern.prefix(k)) for k in range(3)] == ["", "0110", "0110/10"]
    assert str(pattern) == "0110/10"
    assert repr(pattern) == "Pattern('0110/10')"


def test_patterns_travel():
    pattern = Pattern.parse("01*/1")
    assert pickle.loads(pickle.dumps(pattern)) == copy.deepcopy(pattern) == pattern


def test_a_long_layer():
    bits = np.random.default_rng(0).integers(0, 2, 20_000)
    pattern = Pattern.from_bits([bits])
    assert np.array_equal(pattern.units(), bits)
    flipped = pattern.with_bits({(1, 19_999): 1 - int(bits[-1])})
    assert pattern.hamming(flipped) == 1


ERRORS = [
    (
        lambda: Pattern.parse("01x/1"),
        "pattern '01x/1': needs 0, 1 or * for every unit and / between layers, got 'x' in layer 1; "
        "write it like 0110/1*",
    ),
    (
        lambda: Pattern.parse("01//1"),
        "pattern '01//1': needs 0, 1 or * for every unit and / between layers, got nothing in "
        "layer 2; write it like 0110/1*",
    ),
    (
        lambda: Pattern.parse("01\N{SUPERSCRIPT ONE}"),
        "got '\N{SUPERSCRIPT ONE}' in layer 1",
    ),
    (
        lambda: Pattern.parse("01/1", widths=(2, 2)),
        "pattern '01/1': layer 2 needs 2 bits, got 1; write * for units that may take either bit",
    ),
    (
        lambda: Pattern.parse("01", widths=(2, 2)),
        "pattern '01': needs 2 layers with 2/2 units, got 1; write / between layers, and * for "
        "units that may take either bit",
    ),
    (
        lambda: Pattern.parse("0", widths=()),
        "pattern '0': needs 0 layers with no units, got 1",
    ),
    (
        lambda: Pattern.parse("0" * 500 + "2"),
        "pattern '" + "0" * 39 + "…" + "0" * 13 + "2': needs 0, 1 or *",
    ),
    (
        lambda: Pattern.from_bits([[0, 1], [2]]),
        "Pattern.from_bits: layer 2 needs bits 0, 1 or None, got [2]; a bit is 1 where the "
        "pre-activation is positive",
    ),
    (lambda: Pattern.from_bits([[0.5]]), "layer 1 needs bits 0, 1 or None, got [0.5]; a bit"),
    (lambda: Pattern.from_bits([["1"]]), "layer 1 needs bits 0, 1 or None, got ['1']; a bit"),
    (
        lambda: Pattern.from_bits(["01"]),
        "Pattern.from_bits: layer 1 needs a flat sequence of bits, got shape (); flatten it "
        "(channel, row, column)",
    ),
    (
        lambda: Pattern.from_bits([np.zeros((2, 3))]),
        "Pattern.from_bits: layer 1 needs a flat sequence of bits, got shape (2, 3)",
    ),
    (
        lambda: Pattern((2, 0), b"\x00", b"\xc0"),
        "Pattern: needs layers of at least one unit, got the widths (2, 0); leave empty layers out",
    ),
    (
        lambda: Pattern((9,), b"\x00", b"\xff\x80"),
        "Pattern: 9 units need 2 bytes of bits and of known, got 1 and 2; use Pattern.parse or "
        "Pattern.from_bits",
    ),
    (
        lambda: Pattern((2,), b"\x80", b"\x40"),
        "Pattern: needs zeros where a bit is unknown or past the last unit, got ones there; use "
        "Pattern.parse or Pattern.from_bits",
    ),
    (
        lambda: Pattern((2,), b"\x00", b"\xe0"),
        "Pattern: needs zeros where a bit is unknown or past the last unit, got ones there",
    ),
    (
        lambda: Pattern.parse("01/1").bit(0, 1),
        "Pattern: needs a layer from 1 to 2, got 0 (unit 0:1); layers count from 1",
    ),
    (
        lambda: Pattern.parse("01/1").bit(1, 2),
        "Pattern: layer 1 has the units 0 to 1, got 2; units count from 0",
    ),
    (
        lambda: Pattern.parse("01/1").with_bits({(1, -1): 1}),
        "Pattern: layer 1 has the units 0 to 1, got -1; units count from 0",
    ),
    (
        lambda: Pattern.parse("01/1").with_bits({(1, 1): 2}),
        "Pattern.with_bits: needs 0, 1 or None for unit 1:1, got 2; None is a don't-care",
    ),
    (
        lambda: Pattern.parse("01/1").prefix(3),
        "Pattern.prefix: needs a number of layers from 0 to 2, got 3",
    ),
    (
        lambda: Pattern.parse("01/1").hamming(Pattern.parse("011")),
        "Pattern.hamming: needs a pattern of layers with 2/1 units, got 3; compare patterns of one "
        "network",
    ),
    (
        lambda: Pattern.parse("01/1").hamming_by_layer(Pattern.parse("")),
        "Pattern.hamming_by_layer: needs a pattern of layers with 2/1 units, got no; compare",
    ),
    (
        lambda: Pattern.parse("01/1").matches(Pattern.parse("0/11")),
        "Pattern.matches: needs a pattern of layers with 2/1 units, got 1/2; compare",
    ),
]


@pytest.mark.parametrize(("call", "message"), ERRORS)
def test_errors_say_what_to_do(call, message):
    with pytest.raises(PatternError, match=re.escape(message)):
        call()
