"""VNN-LIB input boxes: bounds, disjunctions, exact decimals, broken files, the ACAS Xu files."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import pytest
from flint import fmpq

from regions.errors import DomainError
from regions.readers.vnnlib import read_boxes

HEAD = """; two inputs, one output
(set-logic QF_LRA)
(declare-const X_0 Real)
(declare-fun X_1 () Real)
(declare-const Y_0 Real)
"""
OUTPUT = "(assert (>= Y_0 3.5))\n"


def boxes(folder: Path, text: str):
    path = folder / "p.vnnlib"
    path.write_text(text, encoding="utf-8")
    return read_boxes(path)


def q(*pair: int) -> fmpq:
    return fmpq(*pair)


@pytest.mark.parametrize(
    ("asserts", "expected"),
    [
        ("(assert (<= X_0 0.1))", [((None, None), (q(1, 10), None))]),
        (
            "(assert (and (>= X_0 -1e-1) (<= -2 X_1) (>= (/ 1 3) X_1)))",
            [((q(-1, 10), q(-2)), (None, q(1, 3)))],
        ),
        (
            "(assert (= X_0 (- 0.5)))(assert (<= X_0 7))",
            [((q(-1, 2), None), (q(-1, 2), None))],
        ),
        ("(assert (<= X_0 1))(assert (<= X_0 2))", [((None, None), (q(1), None))]),
        (
            "(assert (or (and (<= X_0 1) (<= Y_0 1)) (and (<= X_0 2) (>= Y_0 1))))",
            [((None, None), (q(1), None)), ((None, None), (q(2), None))],
        ),
        (
            "(assert (or (and (<= X_0 1) (<= Y_0 1)) (and (<= X_0 1) (>= Y_0 1))))",
            [((None, None), (q(1), None))],
        ),
        (
            # the empty combination 2 <= X_0 <= 1 is left out
            "(assert (or (<= X_0 1) (>= X_0 2)))(assert (or (<= X_0 0) (<= X_0 1)))",
            [((None, None), (q(0), None)), ((None, None), (q(1), None))],
        ),
        ("(assert (or (<= X_0 1) (<= Y_0 1)))", [((None,) * 2, (q(1), None)), ((None,) * 2,) * 2]),
        (
            "(assert (or (and (<= X_0 0) (>= X_0 1)) (and (<= X_0 2) (>= X_0 2))))",
            [((q(2), None), (q(2), None))],
        ),
        ("(assert (not (<= Y_0 (+ 1 Y_0))))", [((None, None), (None, None))]),
    ],
)
def test_bounds(tmp_path, asserts, expected):
    assert boxes(tmp_path, HEAD + OUTPUT + asserts + "\n(check-sat)") == expected


def test_many_inputs(tmp_path):
    declared = "\n".join(f"(declare-const X_{i} Real)" for i in range(3000))
    bounds = "\n".join(f"(assert (<= X_{i} {i}.5))(assert (>= X_{i} -{i}))" for i in range(3000))
    ((lower, upper),) = boxes(tmp_path, declared + bounds)
    assert lower == tuple(fmpq(-i) for i in range(3000))
    assert upper == tuple(fmpq(2 * i + 1, 2) for i in range(3000))


ERRORS = [
    ("(assert (<= X_0 0.5)", "line 6: needs 1 more ) before the end of the file, got none; the"),
    ("(assert (<= X_0 0.5)))", "line 6: needs a ( for every ), got one too few; remove the ) or"),
    ('(set-info :source "x)', 'line 6: needs a closing ", got none; the file is truncated'),
    ("(" * 200, "line 6: needs at most 100 nested parentheses, got more; the file is garbled"),
    ("\n\nX_0", "line 8: needs commands such as (assert …), got X_0; check that the file is"),
    ("()", "line 6: needs commands such as (assert …), got (); check"),
    (
        "(vnnlib-version <2.0>)",
        "line 6: needs a command of VNN-LIB version 1 (declare-const, assert), got vnnlib-version; "
        "rewrite the property in version 1",
    ),
    (
        "(declare-const X_2 Int)",
        "line 6: needs a real input X_i or output Y_i declared, got (declare-const X_2 Int); write "
        "(declare-const X_0 Real)",
    ),
    ("(declare-const Z_0 Real)", "line 6: needs a real input X_i or output Y_i declared, got"),
    (
        "(declare-const X_3 Real)",
        "line 1: needs the inputs X_0 to X_2 declared, got no X_2; number them from 0 without gaps",
    ),
    ("(assert)", "line 6: needs (assert (…)), got (assert)"),
    ("(assert X_0)", "line 6: needs (assert (…)), got (assert X_0)"),
    ("(assert (and X_0 (<= X_0 1)))", "line 6: needs a condition such as (<= X_0 0.5), got X_0"),
    (
        "(assert (< X_0 1))",
        "line 6: needs and, or, <=, >= or = between two sides for inputs, got (< X_0 1); write the "
        "input set as bounds, one input each",
    ),
    ("(assert (not (<= X_0 1)))", "line 6: needs and, or, <=, >= or = between two sides for"),
    (
        "(assert (<= X_0 X_1))",
        "line 6: needs bounds on one input each, got (<= X_0 X_1); give relations between inputs "
        "as polytope:FILE.npz instead",
    ),
    ("(assert (<= (* 2 X_0) 1))", "line 6: needs bounds on one input each, got (<= (* 2 X_0) 1)"),
    ("(assert (<= X_0 Y_0))", "line 6: needs bounds on one input each, got (<= X_0 Y_0)"),
    ("(assert (<= X_7 1))", "line 6: needs declared inputs (X_0 to X_1), got X_7; declare it"),
    ("(assert (<= X_0 one))", "line 6: needs a number, got one"),
    ("(assert (<= X_0 1e99999999))", "line 6: needs a number, got 1e99999999"),
    ("(assert (<= X_0 nan))", "line 6: needs a number, got nan"),
    ("(assert (<= X_0 (/ 1 0)))", "line 6: needs a number, got (/ 1 0); write it as a decimal"),
    ("(assert (<= X_0 ()))", "line 6: needs a number, got ()"),
    (
        "(assert (<= X_0 1))\n(assert (>= X_0 1.5))",
        "line 7: needs bounds that leave a point, but (>= X_0 1.5) contradicts itself or the "
        "bounds before it: the domain is empty; correct one of the bounds",
    ),
    (
        "(assert (or (<= X_0 0) (<= X_0 0.5)))\n(assert (>= X_0 1))",
        "line 7: needs bounds that leave a point, but (>= X_0 1) contradicts itself or the bounds",
    ),
    (
        "(assert (or (and (<= X_0 0) (>= X_0 1)) (and (<= X_1 2) (>= X_1 3))))",
        "line 6: needs bounds that leave a point, but (or (and (<= X_0 0) (>= X_0 1)) (and (<=",
    ),
]


@pytest.mark.parametrize(("text", "message"), ERRORS)
def test_errors_give_the_line_and_what_to_do(tmp_path, text, message):
    with pytest.raises(DomainError, match=re.escape(f"p.vnnlib, {message}")) as caught:
        boxes(tmp_path, HEAD + text)
    assert "\n" not in str(caught.value)


def test_disjunctions_that_multiply_are_refused(tmp_path):
    declared = "\n".join(f"(declare-const X_{i} Real)" for i in range(20))
    choices = "".join(f"(assert (or (<= X_{i} 0) (>= X_{i} 1)))" for i in range(20))
    with pytest.raises(DomainError, match="needs at most 10000 boxes, got more; split the file"):
        boxes(tmp_path, declared + choices)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: needs inputs declared as (declare-const X_0 Real), got none; check that"),
        ("; nothing\n(declare-const Y_0 Real)", "needs inputs declared as"),
        (HEAD, "line 1: needs at least one (assert …), got none; check that the file is complete"),
    ],
)
def test_incomplete_files(tmp_path, text, message):
    with pytest.raises(DomainError, match=re.escape(message)):
        boxes(tmp_path, text)


def test_files_that_are_no_text(tmp_path):
    path = tmp_path / "p.vnnlib"
    path.write_bytes(b"\x1f\x8b\x08\x00\xff\xfe")
    with pytest.raises(DomainError, match="needs UTF-8 text, got other bytes at offset 1; decomp"):
        read_boxes(path)
    with pytest.raises(DomainError, match="needs a readable VNN-LIB file, got Is a directory"):
        read_boxes(tmp_path)
    with pytest.raises(DomainError, match="needs a readable VNN-LIB file, got No such file"):
        read_boxes(tmp_path / "none.vnnlib")


def test_no_truncation_of_a_file_raises_anything_else(tmp_path):
    text = HEAD + OUTPUT + "(assert (or (and (<= X_0 0.5) (>= X_1 -1)) (= X_0 (- 1))))"
    for size in range(len(text)):
        try:
            boxes(tmp_path, text[:size])
        except DomainError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("name", "lower", "upper"),
    [
        ("prop_1", "0.6 -0.5 -0.5 0.45 -0.5", "0.679857769 0.5 0.5 0.5 -0.45"),
        (
            "prop_3",
            "-0.303531156 -0.009549297 0.493380324 0.3 0.3",
            "-0.298552812 0.009549297 0.5 0.5 0.5",
        ),
        (
            "prop_4",
            "-0.303531156 -0.009549297 0 0.318181818 0.083333333",
            "-0.298552812 0.009549297 0 0.5 0.166666667",
        ),
    ],
)
def test_acas_xu_properties(shared, name, lower, upper):
    def exact(text):
        return tuple(fmpq(f.numerator, f.denominator) for f in map(Fraction, text.split()))

    path = shared / "models" / f"{name}.vnnlib"
    assert read_boxes(path) == [(exact(lower), exact(upper))]
