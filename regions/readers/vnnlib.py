"""The input boxes of a VNN-LIB 1.0 property file.

Inputs are the declared constants X_0, X_1, …; assertions bound them one at a time, perhaps within
`and` and `or`.  Conditions on the outputs Y_0, Y_1, … are read past: they say what is to be
verified, not where.  Decimals are exact.  The format is that of https://www.vnnlib.org.
"""

from __future__ import annotations

import re
from pathlib import Path

from flint import fmpq

from regions.constraints import Bounds
from regions.errors import DomainError
from regions.number_text import read_number
from regions.readers.sexpr import Form, VnnlibSyntaxError, Word, read_forms

_INPUT = re.compile(r"X_(\d{1,9})", re.ASCII)
_OUTPUT = re.compile(r"Y_\d+", re.ASCII)
_SKIPPED = frozenset({"set-logic", "set-info", "set-option", "check-sat", "get-model", "exit"})
_MAX_BOXES = 10_000

_LOWER, _UPPER = 0, 1

Part = dict[tuple[int, int], fmpq]  # the known bounds of a box by (side, input)


def read_boxes(path: str | Path) -> list[tuple[Bounds, Bounds]]:
    """The boxes whose union the file's assertions on the inputs describe.

    Parameters
    ----------
    path : str or Path
        A VNN-LIB 1.0 file.

    Returns
    -------
    list of (lower, upper)
        Each of length n, the number of declared inputs, with exact numbers; None where there is
        no bound.  In the order of the file's disjunctions; equal and empty boxes are left out.

    Raises
    ------
    DomainError
        If the file is missing, truncated or garbled, declares no inputs, asserts nothing, asserts
        more of the inputs than bounds, or leaves no point.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise DomainError(
            f"{path}: needs a readable VNN-LIB file, got {error.strerror or error}; check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise DomainError(
            f"{path}: needs UTF-8 text, got other bytes at offset {error.start}; "
            "decompress the file first if it is compressed"
        ) from error
    try:
        return _boxes(read_forms(text))
    except VnnlibSyntaxError as error:
        raise DomainError(f"{path}, line {error.line}: {error}") from error


def _boxes(forms: list[Form | Word]) -> list[tuple[Bounds, Bounds]]:
    inputs, asserted = _commands(forms)
    dim = len(inputs)
    for index in range(dim):
        if index not in inputs:
            raise VnnlibSyntaxError(
                f"needs the inputs X_0 to X_{dim - 1} declared, got no X_{index}; number them "
                "from 0 without gaps",
                1,
            )
    if not dim:
        raise VnnlibSyntaxError(
            "needs inputs declared as (declare-const X_0 Real), got none; check that the file is "
            "complete and of VNN-LIB version 1",
            1,
        )
    if not asserted:
        raise VnnlibSyntaxError(
            "needs at least one (assert …), got none; check that the file is complete", 1
        )
    boxes: list[Part] = [{}]
    for form in asserted:
        boxes = _both(boxes, _formula(form, dim), form)
        if not boxes:
            raise VnnlibSyntaxError(
                f"needs bounds that leave a point, but {form} contradicts itself or the bounds "
                "before it: the domain is empty; correct one of the bounds",
                form.line,
            )
    return [
        (
            tuple(box.get((_LOWER, index)) for index in range(dim)),
            tuple(box.get((_UPPER, index)) for index in range(dim)),
        )
        for box in boxes
    ]


def _commands(forms: list[Form | Word]) -> tuple[set[int], list[Form]]:
    """The declared inputs and the asserted formulas."""
    inputs: set[int] = set()
    asserted: list[Form] = []
    for form in forms:
        head = form.items[0] if isinstance(form, Form) and form.items else None
        if not isinstance(form, Form) or not isinstance(head, Word):
            raise VnnlibSyntaxError(
                f"needs commands such as (assert …), got {form}; check that the file is VNN-LIB",
                form.line,
            )
        rest = list(form.items[1:])
        if head.text in ("declare-const", "declare-fun"):
            inputs |= _declared(form, rest)
        elif head.text == "assert":
            if len(rest) != 1 or isinstance(rest[0], Word):
                raise VnnlibSyntaxError(f"needs (assert (…)), got {form}", form.line)
            asserted.append(rest[0])
        elif head.text not in _SKIPPED:
            raise VnnlibSyntaxError(
                f"needs a command of VNN-LIB version 1 (declare-const, assert), got {head}; "
                "rewrite the property in version 1",
                form.line,
            )
    return inputs, asserted


def _declared(form: Form, rest: list[Form | Word]) -> set[int]:
    words = [str(item) for item in rest if str(item) != "()"]  # (declare-fun X_0 () Real)
    name = words[0] if words else ""
    if len(words) != 2 or words[1] != "Real" or not (_INPUT.fullmatch(name) or _is_output(name)):
        raise VnnlibSyntaxError(
            f"needs a real input X_i or output Y_i declared, got {form}; "
            "write (declare-const X_0 Real)",
            form.line,
        )
    match = _INPUT.fullmatch(name)
    return {int(match.group(1))} if match else set()


def _formula(form: Form | Word, dim: int) -> list[Part] | None:
    """The boxes of a formula; None if it is about outputs only."""
    head = form.items[0] if isinstance(form, Form) and form.items else None
    if not isinstance(form, Form) or not isinstance(head, Word):
        raise VnnlibSyntaxError(f"needs a condition such as (<= X_0 0.5), got {form}", form.line)
    if not _mentions(form, _INPUT):
        return None
    if head.text == "and":
        boxes: list[Part] = [{}]
        for item in form.items[1:]:
            boxes = _both(boxes, _formula(item, dim), form)
        return boxes
    if head.text == "or":
        parts = [_formula(item, dim) for item in form.items[1:]]
        # a branch about outputs only leaves the inputs free
        return _limited([box for part in parts for box in ([{}] if part is None else part)], form)
    return [_bound(form, head.text, dim)]


def _bound(form: Form, relation: str, dim: int) -> Part:
    """The box of one condition on one input."""
    sides = form.items[1:]
    if relation not in ("<=", ">=", "=") or len(sides) != 2:
        raise VnnlibSyntaxError(
            f"needs and, or, <=, >= or = between two sides for inputs, got {form}; "
            "write the input set as bounds, one input each",
            form.line,
        )
    left, right = sides
    if isinstance(right, Word) and _INPUT.fullmatch(right.text):
        left, right = right, left
        relation = {"<=": ">=", ">=": "<="}.get(relation, relation)
    match = _INPUT.fullmatch(left.text) if isinstance(left, Word) else None
    if match is None or _mentions(right, _INPUT) or _mentions(right, _OUTPUT):
        raise VnnlibSyntaxError(
            f"needs bounds on one input each, got {form}; give relations between inputs as "
            "polytope:FILE.npz instead",
            form.line,
        )
    index = int(match.group(1))
    if index >= dim:
        raise VnnlibSyntaxError(
            f"needs declared inputs (X_0 to X_{dim - 1}), got {left}; declare it first", form.line
        )
    value = _constant(right)
    sides_bound = {"<=": (_UPPER,), ">=": (_LOWER,), "=": (_LOWER, _UPPER)}[relation]
    return {(side, index): value for side in sides_bound}


def _constant(item: Form | Word) -> fmpq:
    """A number, or (- c), or (/ p q)."""
    try:
        if isinstance(item, Word):
            return read_number(item.text)
        operator, *values = item.items
        numbers = [_constant(value) for value in values]
        if str(operator) == "-" and len(numbers) == 1:
            return -numbers[0]
        if str(operator) == "/" and len(numbers) == 2 and numbers[1]:
            return numbers[0] / numbers[1]
    except ValueError as error:
        raise VnnlibSyntaxError(f"needs a number, got {item}", item.line) from error
    raise VnnlibSyntaxError(f"needs a number, got {item}; write it as a decimal", item.line)


def _both(boxes: list[Part], others: list[Part] | None, form: Form) -> list[Part]:
    """The intersections of each with each, without the empty ones."""
    if others is None:
        return boxes
    if len(boxes) * len(others) > 100 * _MAX_BOXES:
        raise _too_many(form)
    pairs = [(_meet(a, b), b) for a in boxes for b in others]
    return _limited([box for box, last in pairs if not _is_empty(box, last)], form)


def _limited(boxes: list[Part], form: Form) -> list[Part]:
    """Without repetitions, in order."""
    if len(boxes) > 1:
        boxes = list({frozenset(box.items()): box for box in reversed(boxes)}.values())[::-1]
    if len(boxes) > _MAX_BOXES:
        raise _too_many(form)
    return boxes


def _too_many(form: Form) -> VnnlibSyntaxError:
    return VnnlibSyntaxError(
        f"needs at most {_MAX_BOXES} boxes, got more; split the file into several", form.line
    )


def _meet(a: Part, b: Part) -> Part:
    merged = dict(a)
    for (side, index), value in b.items():
        old = merged.get((side, index), value)
        merged[side, index] = max(old, value) if side == _LOWER else min(old, value)
    return merged


def _is_empty(box: Part, among: Part) -> bool:
    """Whether a lower bound exceeds an upper one at some input of `among`."""
    for _, index in among:
        low, high = box.get((_LOWER, index)), box.get((_UPPER, index))
        if low is not None and high is not None and low > high:
            return True
    return False


def _mentions(item: Form | Word, name: re.Pattern[str]) -> bool:
    if isinstance(item, Word):
        return name.fullmatch(item.text) is not None
    return any(_mentions(part, name) for part in item.items)


def _is_output(name: str) -> bool:
    return _OUTPUT.fullmatch(name) is not None
