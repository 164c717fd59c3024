"""SPEC strings and points: every form, exactness, files good and broken, errors by text."""

from __future__ import annotations

import os
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from flint import fmpq

from regions.domain import Ball, Box, Intersection, Polytope, Segment, Slice, Space
from regions.domain_spec import parse_domain, parse_domains, parse_point
from regions.errors import DomainError

TENTH = fmpq(1, 10)

TWO_BOXES = """
(declare-const X_0 Real)
(declare-const X_1 Real)
(declare-const Y_0 Real)
(assert (or (and (<= X_0 1) (>= X_0 0)) (and (<= X_0 3) (>= X_0 2.5))))
(assert (>= Y_0 0))
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A working folder with small array files."""
    monkeypatch.chdir(tmp_path)
    np.save("low.npy", np.array([0.0, -np.inf]))
    np.save("high.npy", np.array([[1.5, 2.0]]))
    np.save("ones.npy", np.ones(2, dtype=np.float32))
    np.save("exact.npy", np.array(["0.1", "1/3"]))
    np.save("image.npy", np.arange(4.0).reshape(1, 2, 2))
    np.savez("half.npz", A=np.array([[1, 1]]), b=np.array([1.0]))
    return tmp_path


@pytest.mark.parametrize(
    ("spec", "domain", "canonical"),
    [
        ("box:-1,1", Box.cube(2, -1, 1), "box:-1,1"),
        (" box: -1.0 , 1e0 ", Box.cube(2, -1, 1), "box:-1,1"),
        ("box:0.1,1/3", Box.cube(2, "0.1", "1/3"), "box:0.1,1/3"),
        ("box:-inf,inf", Box.cube(2, "-inf", "inf"), "box:-inf,inf"),
        ("box:[0,1],2", Box([0, 1], [2, 2]), "box:[0,1],[2,2]"),
        ("box:low.npy,2.0", Box([0, "-inf"], [2, 2]), "box:low.npy,2"),
        ("box:low.npy,high.npy", Box([0, "-inf"], [1.5, 2]), "box:low.npy,high.npy"),
        ("box:low.npy,[1,2]", Box([0, "-inf"], [1, 2]), "box:low.npy,[1,2]"),
        ("box:-1,ones.npy", Box.cube(2, -1, 1), "box:-1,1"),
        ("ball:exact.npy,0.10", Ball(["0.1", "1/3"], "0.1"), "ball:exact.npy,0.1"),
        ("ball:[0,1],0.5", Ball([0, 1], 0.5), "ball:[0,1],0.5"),
        ("polytope:half.npz", Polytope([[1, 1]], [1]), "polytope:half.npz"),
        ("segment:ones.npy,[0,1]", Segment([1, 1], [0, 1]), "segment:ones.npy,[0,1]"),
        (
            "slice:ones.npy,exact.npy,high.npy",
            Slice([1, 1], ["0.1", "1/3"], [1.5, 2]),
            "slice:ones.npy,exact.npy,high.npy",
        ),
        ("space", Space(2), "space"),
        (
            "polytope:half.npz & space & box:0,1",
            Intersection([Polytope([[1, 1]], [1]), Space(2), Box.cube(2, 0, 1)]),
            "polytope:half.npz & space & box:0,1",
        ),
    ],
)
def test_every_form(folder, spec, domain, canonical):
    parsed = parse_domain(spec, 2)
    assert parsed == domain
    assert parsed.spec == canonical
    again = parse_domain(canonical, 2)
    assert (again, again.spec) == (domain, canonical)


def test_several_domains_intersect_and_none_is_the_cube():
    assert parse_domains([], 3) == Box.cube(3, -1, 1)
    assert parse_domains(["space"], 3) == Space(3)
    assert parse_domains(["box:0,1", "space"], 3) == Intersection([Box.cube(3, 0, 1), Space(3)])


def test_one_of_several_vnnlib_boxes(folder):
    Path("two.vnnlib").write_text(TWO_BOXES)
    message = (
        "domain 'vnnlib:two.vnnlib': needs one input box, got 2; choose one with --box I, "
        "I from 1 to 2"
    )
    with pytest.raises(DomainError, match=re.escape(message)):
        parse_domain("vnnlib:two.vnnlib", 2)
    second = parse_domain("vnnlib:two.vnnlib", 2, box=2)
    assert second == Box([2.5, "-inf"], [3, "inf"])
    assert second.spec == "vnnlib:two.vnnlib#2"
    assert parse_domain(second.spec, 2) == second
    with pytest.raises(DomainError, match=r"needs --box from 1 to 2, got 3; boxes count from 1"):
        parse_domain("vnnlib:two.vnnlib", 2, box=3)
    with pytest.raises(DomainError, match=r"needs 3 inputs \(the network's\), got a file that"):
        parse_domain("vnnlib:two.vnnlib", 3, box=1)
    Path("a#1").write_text(TWO_BOXES.replace("(or (and", "(and (and").replace("3", "0.5", 1))
    with pytest.raises(DomainError, match="the domain is empty; correct one"):
        parse_domain("vnnlib:a#1", 2)


@pytest.mark.parametrize("text", ["@-0.1,1/3", "-0.1,1/3", " -0.1, 1/3 ", "@exact.npy"])
def test_points(folder, text):
    first, second = parse_point(text, 2)
    assert abs(first) == TENTH
    assert second == fmpq(1, 3)


def test_points_of_files_have_any_shape(folder):
    assert parse_point("@image.npy", 4) == (0, 1, 2, 3)
    assert parse_point("7", 1) == (7,)


class Payload:
    """Unpickling it makes a folder."""

    def __reduce__(self):
        return os.mkdir, ("pwned",)


def test_pickles_are_refused_and_not_run(folder):
    array = np.empty(2, dtype=object)
    array[:] = [Payload(), Payload()]
    np.save("evil.npy", array, allow_pickle=True)
    np.savez("evil.npz", A=array, b=np.ones(2))
    for text in ("ball:evil.npy,1", "polytope:evil.npz"):
        with pytest.raises(DomainError, match="numpy cannot read without pickles"):
            parse_domain(text, 2)
    assert not Path("pwned").exists()


@pytest.mark.parametrize("name", ["high.npy", "half.npz"])
def test_no_truncated_file_is_read(folder, name):
    content = Path(name).read_bytes()
    spec = {"high.npy": "box:0,{}", "half.npz": "polytope:{}"}[name]
    for size in range(0, len(content), 7):
        Path(f"cut-{name}").write_bytes(content[:size])
        with pytest.raises(DomainError, match=r"needs an \.npy or \.npz file of plain numbers"):
            parse_domain(spec.format(f"cut-{name}"), 2)


def test_no_garbled_header_escapes(folder):
    content = Path("high.npy").read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(400):
        garbled = bytearray(content)
        garbled[rng.integers(10, 128)] = rng.choice(np.frombuffer(b"(9',\x00}", dtype=np.uint8))
        Path("bad.npy").write_bytes(garbled)
        try:
            parse_domain("box:-inf,bad.npy", 2)
        except DomainError as error:
            assert "\n" not in str(error)


def save_raw(name: str) -> None:
    with zipfile.ZipFile(name, "w") as archive:
        archive.writestr("A", b"no array")
        archive.writestr("b", b"no array")


ERRORS = [
    (
        "bxo:-1,1",
        "domain 'bxo:-1,1': needs one of box:LO,HI, ball:POINT,RADIUS, vnnlib:FILE, "
        "polytope:FILE.npz, slice:P0.npy,P1.npy,P2.npy, segment:P0.npy,P1.npy, space, got 'bxo'; "
        "did you mean box:-1,1?",
    ),
    ("Box:0,1", "got 'Box'; did you mean box:0,1?"),
    ("spcae", "got 'spcae'; did you mean space?"),
    ("space:3", "space takes nothing after it, got ':3'; write space"),
    ("box", "got 'box'; did you mean box:LO,HI?"),
    ("p.vnnlib", "got 'p.vnnlib'; did you mean vnnlib:p.vnnlib?"),
    ("half.npz", "got 'half.npz'; did you mean polytope:half.npz?"),
    ("-1,1", "got '-1,1'; did you mean box:-1,1?"),
    ("", "domain '': needs one of box:LO,HI, ball"),
    ("qqq:1", "got 'qqq'; write one of these"),
    (
        "box:1,-1",
        "domain 'box:1,-1': Box: needs lower <= upper, got 1 > -1 for input 0: the domain is "
        "empty; swap the bounds or correct one of them",
    ),
    (
        "box:1",
        "domain 'box:1': needs the form box:LO,HI with 2 fields, got 1 in '1'; separate them with "
        "commas",
    ),
    ("box:1,", "needs the form box:LO,HI with 2 fields, got 2 in '1,'"),
    (
        "box:a,1",
        "domain 'box:a,1': needs a decimal such as -0.5 or a fraction such as 1/3, got 'a'; each "
        "bound is a number or an .npy file",
    ),
    ("box:nan,1", "or a fraction such as 1/3, got 'nan'"),
    ("box:1_0,20", "or a fraction such as 1/3, got '1_0'"),
    (
        "box:image.npy,9",
        "domain 'box:image.npy,9': needs 2 numbers (the network's inputs) in image.npy, got 4 "
        "(shape (1, 2, 2)); give one number for every input",
    ),
    ("box:[1,2,3],9", "needs 2 numbers (the network's inputs) in [1,2,3], got 3; give one number"),
    ("box:high.npy,low.npy", "Box: upper[1] needs a number or inf, got"),
    (
        "ball:none.npy,1",
        "domain 'ball:none.npy,1': none.npy: needs a readable file, got none of that name; check "
        "the path",
    ),
    ("ball:0,1", "needs an .npy file or a list such as [0,0.5], got '0'; save the point with"),
    ("ball:low.npy,1", "Ball: center[1] needs a finite number, got"),
    ("ball:ones.npy,-1", "Ball: needs a radius of at least 0, got -1; a negative one leaves"),
    ("ball:ones.npy,x", "the radius needs a finite number, got 'x'; give"),
    (
        "ball:[2 values, sha256 0123456789abcdef],1",
        "needs a file or a list of numbers, got [2 values, sha256 0123456789abcdef], which names "
        "the values by their hash; give the .npy file that holds them",
    ),
    ("ball:complex.npy,1", "complex.npy: needs integers, floats of at most 64 bits or text of"),
    (
        "ball:half.npz.npy,1",
        "half.npz.npy: needs one array (.npy), got an archive of several (.npz); save the one that "
        "is meant with numpy.save",
    ),
    (
        "polytope:ones.npy",
        "ones.npy: needs an archive of arrays (.npz) with A, b, got a single array; save it with "
        "numpy.savez(file, A=A, b=b)",
    ),
    ("polytope:other.npz", "other.npz: needs the arrays A, b, got A, c; add b"),
    ("polytope:raw.npz", "raw.npz, array A: needs an array, got bytes; write the file with"),
    (
        "polytope:wide.npz",
        "domain 'polytope:wide.npz': needs dimension 2 (the network's inputs), got 3; give 2 "
        "numbers for every point",
    ),
    ("polytope:.", "domain 'polytope:.': .: needs an .npy or .npz file of plain numbers"),
    ("slice:ones.npy,ones.npy,exact.npy", "Slice: needs three points that are not on one line"),
    ("segment:ones.npy,[1,1]", "Segment: needs two different points, got the same point twice"),
    ("segment:ones.npy", "needs the form segment:P0.npy,P1.npy with 2 fields, got 1"),
    ("vnnlib:none.vnnlib", "none.vnnlib: needs a readable VNN-LIB file, got No such file or"),
    ("box:0,1 & box:2,3", "Intersection: needs parts with a common point, but input 0 must be at"),
    ("box:0,1 & space:", "space takes nothing after it"),
]


@pytest.mark.parametrize(("spec", "message"), ERRORS)
def test_errors_say_what_to_do(folder, spec, message):
    np.save("complex.npy", np.array([1j, 2]))
    Path("half.npz.npy").write_bytes(Path("half.npz").read_bytes())
    np.savez("other.npz", A=np.eye(2), c=np.ones(2))
    np.savez("wide.npz", A=np.eye(3), b=np.ones(3))
    save_raw("raw.npz")
    with pytest.raises(DomainError, match=re.escape(message)) as caught:
        parse_domain(spec, 2)
    assert "\n" not in str(caught.value)


def test_a_box_number_needs_a_vnnlib_domain():
    message = "--box 2: needs a domain vnnlib:FILE to choose a box of, got 'space'; leave --box out"
    with pytest.raises(DomainError, match=re.escape(message)):
        parse_domains(["space"], 2, box=2)


POINT_ERRORS = [
    (
        "0.1",
        "point '0.1': needs 2 coordinates (the network's inputs), got 1; separate numbers with "
        "commas, or give @FILE.npy",
    ),
    ("@image.npy", "point '@image.npy': needs 2 coordinates (the network's inputs), got 4"),
    ("a,b", "point 'a,b': coordinate[0] needs a finite number, got 'a'; give an int"),
    ("1,nan", "point '1,nan': coordinate[1] needs a finite number, got 'nan'"),
    ("1,inf", "point '1,inf': coordinate[1] needs a finite number, got 'inf'"),
    ("@low.npy", "point '@low.npy': coordinate[1] needs a finite number, got"),
    ("", "point '': coordinate[0] needs a finite number, got ''"),
    ("1,1/0", "point '1,1/0': coordinate[1] needs a finite number, got '1/0'"),
    ("ones.npy", "point 'ones.npy': needs @ before a file's name, got none; write @ones.npy"),
    ("@none.npy", "point '@none.npy': none.npy: needs a readable file, got none of that name"),
]


@pytest.mark.parametrize(("text", "message"), POINT_ERRORS)
def test_point_errors_say_what_to_do(folder, text, message):
    with pytest.raises(DomainError, match=re.escape(message)):
        parse_point(text, 2)


def test_numbers_that_are_too_large_are_shown_short():
    for value in ("1e400", "123456789" * 50):
        with pytest.raises(DomainError, match="at most 1e300 in size") as caught:
            parse_domain(f"box:-{value},{value}", 2)
        assert len(str(caught.value)) < 300
    with pytest.raises(DomainError, match=r"got -1e400; "):
        parse_domain("box:-1e400,1e400", 2)
    with pytest.raises(DomainError, match="at most 1e300 in size") as caught:
        Box([0], [3**20_000])  # more digits than Python prints
    assert len(str(caught.value)) < 300


def test_a_file_of_garbage_brings_no_advice_to_allow_pickles(tmp_path):
    path = tmp_path / "p.npy"
    path.write_bytes(bytes([7, 9, 200] * 300))
    with pytest.raises(DomainError, match="numpy cannot read") as caught:
        parse_domain(f"box:{path},1", 2)
    assert "allow_pickle" not in str(caught.value) and "trust" not in str(caught.value)
