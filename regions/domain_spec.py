"""Domains and points as text: the SPEC strings of the command line."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path

import numpy as np
from flint import fmpq

from regions.domain import Ball, Box, Domain, Intersection, Polytope, Segment, Slice, Space
from regions.errors import DomainError
from regions.exact_input import exact_number, exact_point
from regions.number_text import write_number, write_vector
from regions.readers.arrays import read_array, read_named_arrays
from regions.readers.vnnlib import read_boxes
from regions.spec_fields import FORMS, SpecFields, shown

_AND = re.compile(rf" & (?=(?:{'|'.join(form for form in FORMS if form != 'space')}):|space\b)")


def parse_domain(spec: str, dim: int, box: int | None = None) -> Domain:
    """The domain that a SPEC denotes.

    Forms: ``box:LO,HI`` (each a number, ``inf``, an `.npy` file or a list ``[a,b]``),
    ``ball:POINT,RADIUS``, ``vnnlib:FILE`` (``vnnlib:FILE#I`` for its I-th box),
    ``polytope:FILE.npz`` (arrays A, b), ``slice:P0,P1,P2``, ``segment:P0,P1``, ``space``; a POINT
    is an `.npy` file (of any shape, read row by row) or a list.  ``SPEC & SPEC`` is the
    intersection.  Decimals are exact.

    Parameters
    ----------
    spec : str
        The text.
    dim : int
        The number of inputs that the domain must have.
    box : int, optional
        Which box of a VNN-LIB file with several, from 1.

    Raises
    ------
    DomainError
        On an unknown form, a file that cannot be read, another dimension, or an empty domain.

    Examples
    --------
    >>> parse_domain("box:-0.5,1/3", 2)
    Box.cube(2, -0.5, 1/3)
    >>> parse_domain("box:0,1 & segment:[0,0],[2,1]", 2).spec
    'box:0,1 & segment:[0,0],[2,1]'
    """
    parts = _AND.split(spec)
    if len(parts) > 1:
        return Intersection([parse_domain(part, dim, box) for part in parts])
    try:
        form, colon, rest = spec.strip().partition(":")
        if form not in FORMS or bool(colon) == (form == "space"):
            raise _unknown(spec)
        domain = _READERS[form](SpecFields(rest, dim, box))
        if domain.dim != dim:
            raise DomainError(
                f"needs dimension {dim} (the network's inputs), got {domain.dim}; "
                f"give {dim} numbers for every point"
            )
        return domain
    except DomainError as error:
        raise DomainError(f"domain {shown(spec)}: {error}") from error


def parse_domains(specs: Sequence[str], dim: int, box: int | None = None) -> Domain:
    """The intersection of the domains that the SPECs denote; [-1, 1]^dim if there are none.

    Raises
    ------
    DomainError
        As `parse_domain`; and if `box` is given but no SPEC reads a VNN-LIB file.

    Examples
    --------
    >>> parse_domains([], 3)
    Box.cube(3, -1, 1)
    """
    if box is not None and not any("vnnlib:" in spec for spec in specs):
        raise DomainError(
            f"--box {box}: needs a domain vnnlib:FILE to choose a box of, got "
            f"{', '.join(map(shown, specs)) or 'no domain'}; leave --box out"
        )
    domains = [parse_domain(spec, dim, box) for spec in specs]
    if not domains:
        return Box.cube(dim, -1, 1)
    return domains[0] if len(domains) == 1 else Intersection(domains)


def parse_point(text: str, dim: int) -> tuple[fmpq, ...]:
    """The point that a text denotes: ``@FILE.npy``, ``@0.1,-0.3`` or ``0.1,-0.3``, exactly.

    Parameters
    ----------
    text : str
        The text; a file's array may have any shape and is read row by row.
    dim : int
        The number of coordinates that the point must have.

    Raises
    ------
    DomainError
        On anything that is no number, NaN and infinities included, on a file that cannot be read,
        or another number of coordinates.

    Examples
    --------
    >>> parse_point("-0.1,1e-2", 2)
    (-1/10, 1/100)
    """
    stripped = text.strip()
    try:
        if stripped.startswith("@") and stripped.endswith(".npy"):
            values: object = read_array(stripped[1:])
        else:
            if stripped.endswith(".npy"):
                raise DomainError(f"needs @ before a file's name, got none; write @{stripped}")
            values = stripped.removeprefix("@").split(",")
        point = exact_point(values, "coordinate")
        if len(point) != dim:
            raise DomainError(
                f"needs {dim} coordinates (the network's inputs), got {len(point)}; "
                "separate numbers with commas, or give @FILE.npy"
            )
        return point
    except DomainError as error:
        raise DomainError(f"point {shown(text)}: {error}") from error


def _box(request: SpecFields) -> Domain:
    fields = request.split("box", 2)
    (lower, low_text), (upper, high_text) = map(request.bound, fields)
    plain = Box(lower, upper)
    if not any(field.endswith(".npy") for field in fields):
        return plain
    low_text = low_text or write_vector(plain.lower, "-inf")
    high_text = high_text or write_vector(plain.upper, "inf")
    return Box(lower, upper, source=f"box:{low_text},{high_text}")


def _ball(request: SpecFields) -> Domain:
    field, radius = request.split("ball", 2)
    center, text = request.vector(field)
    size = exact_number(radius, "the radius")
    return Ball(center, size, source=f"ball:{text},{write_number(size)}" if text else "")


def _vnnlib(request: SpecFields) -> Domain:
    name, mark, number = request.text.rpartition("#")
    file, chosen = request.text, request.box
    if mark and number.isdecimal() and not Path(request.text).exists():
        file, chosen = name, int(number)
    boxes = read_boxes(file)
    if chosen is None and len(boxes) > 1:
        raise DomainError(
            f"needs one input box, got {len(boxes)}; choose one with --box I, "
            f"I from 1 to {len(boxes)}"
        )
    if chosen is not None and not 1 <= chosen <= len(boxes):
        raise DomainError(f"needs --box from 1 to {len(boxes)}, got {chosen}; boxes count from 1")
    lower, upper = boxes[(chosen or 1) - 1]
    if len(lower) != request.dim:
        raise DomainError(
            f"needs {request.dim} inputs (the network's), got a file that declares {len(lower)}; "
            "give the property of this network"
        )
    source = f"vnnlib:{file}" if len(boxes) == 1 else f"vnnlib:{file}#{chosen}"
    low = [float("-inf") if value is None else value for value in lower]
    high = [float("inf") if value is None else value for value in upper]
    return Box(low, high, source=source)


def _polytope(request: SpecFields) -> Domain:
    matrix, right = read_named_arrays(request.text, ("A", "b"))
    return Polytope(matrix, np.ravel(right), source=f"polytope:{request.text}")


def _slice(request: SpecFields) -> Domain:
    points, source = _points(request, "slice", 3)
    return Slice(*points, source=source)


def _segment(request: SpecFields) -> Domain:
    points, source = _points(request, "segment", 2)
    return Segment(*points, source=source)


def _points(request: SpecFields, form: str, count: int) -> tuple[list[object], str]:
    """The points of a form, and its text if any came from a file."""
    pairs = [request.vector(field) for field in request.split(form, count)]
    if not any(text for _, text in pairs):
        return [values for values, _ in pairs], ""
    texts = [text or write_vector(exact_point(values, form)) for values, text in pairs]
    return [values for values, _ in pairs], f"{form}:{','.join(texts)}"


def _space(request: SpecFields) -> Domain:
    return Space(request.dim)


_READERS: dict[str, Callable[[SpecFields], Domain]] = {
    "box": _box,
    "ball": _ball,
    "vnnlib": _vnnlib,
    "polytope": _polytope,
    "slice": _slice,
    "segment": _segment,
    "space": _space,
}


def _unknown(spec: str) -> DomainError:
    """The form is none of ours: say which one may be meant."""
    form, colon, rest = spec.strip().partition(":")
    if form == "space":
        return DomainError(f"space takes nothing after it, got {shown(colon + rest)}; write space")
    near = get_close_matches(form.lower(), FORMS, n=1)
    if not colon and form.endswith((".vnnlib", ".npz")):
        guess = f"{'vnnlib' if form.endswith('.vnnlib') else 'polytope'}:{form}"
    elif near == ["space"]:
        guess = "space"
    elif near:
        guess = f"{near[0]}:{rest}" if rest else FORMS[near[0]]
    elif not colon and form.count(",") == 1:
        guess = f"box:{form}"
    else:
        guess = ""
    advice = f"did you mean {guess}?" if guess else "write one of these"
    return DomainError(f"needs one of {', '.join(FORMS.values())}, got {shown(form)}; {advice}")
