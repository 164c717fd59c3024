"""A `LinearProgram` as a file that other solvers read: MPS (free format) or CPLEX LP.

Numbers are written with as many digits as tell a double from every other, so that what is read
back is the same program.  (PuLP's own writers keep 12 or 13 digits.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
import scipy.sparse as sp

from solvers.errors import InvalidProgram
from solvers.program import LinearProgram

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")  # what both formats and all solvers take
_EXPONENT = re.compile(r"[eE]\d*")  # read as part of a number in LP files
_WIDTH = 200  # LP files: some readers limit the length of a line


def write_mps(
    program: LinearProgram,
    columns: Sequence[str] | None = None,
    rows: Sequence[str] | None = None,
    title: str = "program",
) -> str:
    """The program as the text of a free MPS file; names default to c0, c1, … and r0, r1, ….

    Raises
    ------
    InvalidProgram
        If a name occurs twice, or holds anything but letters, digits and underscores.

    Examples
    --------
    >>> program = LinearProgram([-1, 0], [[1, 2]], [-np.inf], [2], [0, 0], [1, 1])
    >>> print(write_mps(program).splitlines()[3])
     L r0
    """
    columns = _names("column", columns, program.num_cols, "c")
    rows = _names("row", rows, program.num_rows, "r")
    cost = "objective" if "objective" not in rows else "objective_"
    return "\n".join([*_mps(program, columns, rows, cost, title), ""])


def _mps(
    program: LinearProgram, columns: Sequence[str], rows: Sequence[str], cost: str, title: str
) -> Iterator[str]:
    kinds = [_kind(*pair) for pair in zip(program.row_lower, program.row_upper, strict=True)]
    yield f"NAME {title} FREE"
    yield "ROWS"
    yield f" N {cost}"
    yield from (f" {kind} {name}" for kind, name in zip(kinds, rows, strict=True))
    yield "COLUMNS"
    matrix = sp.csc_array(program.matrix)
    whole = np.zeros(program.num_cols, bool) if program.integer is None else program.integer
    marker = 0
    for is_whole, group in groupby(range(program.num_cols), key=lambda j: bool(whole[j])):
        if is_whole:
            yield f" MARKER{marker} 'MARKER' 'INTORG'"
        for j in group:
            start, stop = matrix.indptr[j], matrix.indptr[j + 1]
            # a column without entries has to be named all the same
            if program.cost[j] or start == stop:
                yield f" {columns[j]} {cost} {_number(program.cost[j])}"
            for i, value in zip(matrix.indices[start:stop], matrix.data[start:stop], strict=True):
                yield f" {columns[j]} {rows[i]} {_number(value)}"
        if is_whole:
            yield f" MARKER{marker + 1} 'MARKER' 'INTEND'"
            marker += 2
    yield "RHS"
    sides = list(zip(rows, kinds, program.row_lower, program.row_upper, strict=True))
    for name, kind, low, high in sides:
        side = high if kind == "L" else low
        if kind != "N" and side:
            yield f" RHS {name} {_number(side)}"
    ranges = [(name, high - low) for name, kind, low, high in sides if _is_range(kind, high)]
    if ranges:
        yield "RANGES"
        yield from (f" RANGE {name} {_number(width)}" for name, width in ranges)
    yield "BOUNDS"
    for name, low, high in zip(columns, program.col_lower, program.col_upper, strict=True):
        if low == high:
            yield f" FX BOUND {name} {_number(low)}"
        elif np.isinf(low) and np.isinf(high):
            yield f" FR BOUND {name}"
        else:
            yield f" MI BOUND {name}" if np.isinf(low) else f" LO BOUND {name} {_number(low)}"
            if np.isfinite(high):
                yield f" UP BOUND {name} {_number(high)}"
            else:  # without it, an integer column is at most 1 to some readers
                yield f" PL BOUND {name}"
    yield "ENDATA"


def write_lp(
    program: LinearProgram,
    columns: Sequence[str] | None = None,
    rows: Sequence[str] | None = None,
    title: str = "program",
) -> str:
    r"""The program as the text of a CPLEX LP file; a row with two sides becomes two rows.

    Raises
    ------
    InvalidProgram
        If a name occurs twice, or is one that an LP file cannot hold.

    Examples
    --------
    >>> program = LinearProgram([-1, 0], [[1, 2]], [-np.inf], [2], [0, 0], [1, 1])
    >>> print(write_lp(program))
    \ program
    Minimize
     objective: -1.0 c0
    Subject To
     r0: 1.0 c0 + 2.0 c1 <= 2.0
    Bounds
     0.0 <= c0 <= 1.0
     0.0 <= c1 <= 1.0
    End
    <BLANKLINE>
    """
    columns = _names("column", columns, program.num_cols, "c")
    rows = _names("row", rows, program.num_rows, "r")
    wrong = next((name for name in (*columns, *rows) if _EXPONENT.fullmatch(name)), None)
    if wrong is not None:
        raise InvalidProgram(f"write_lp(): {wrong!r} reads as a number there; rename it")
    return "\n".join([*_lp(program, columns, rows, title), ""])


def _lp(
    program: LinearProgram, columns: Sequence[str], rows: Sequence[str], title: str
) -> Iterator[str]:
    yield f"\\ {title}"
    yield "Minimize"
    used = np.flatnonzero(program.cost)
    # an objective without terms is no objective to some readers
    first = used if len(used) else np.arange(min(1, program.num_cols))
    yield from _sum("objective", first, program.cost[first], columns, "")
    yield "Subject To"
    matrix = sp.csr_array(program.matrix)
    for i, name in enumerate(rows):
        start, stop = matrix.indptr[i], matrix.indptr[i + 1]
        terms = matrix.indices[start:stop], matrix.data[start:stop]
        if start == stop:  # a row needs a term
            terms = np.array([0]), np.array([0.0])
        low, high = program.row_lower[i], program.row_upper[i]
        if low == high:
            yield from _sum(name, *terms, columns, f"= {_number(low)}")
            continue
        both = np.isfinite(low) and np.isfinite(high)
        if np.isfinite(high):
            yield from _sum(name, *terms, columns, f"<= {_number(high)}")
        if np.isfinite(low):
            yield from _sum(f"{name}_low" if both else name, *terms, columns, f">= {_number(low)}")
    yield "Bounds"
    for name, low, high in zip(columns, program.col_lower, program.col_upper, strict=True):
        if np.isinf(low) and np.isinf(high):
            yield f" {name} free"
        elif low == high:
            yield f" {name} = {_number(low)}"
        else:
            left = "-inf" if np.isinf(low) else _number(low)
            right = "" if np.isinf(high) else f" <= {_number(high)}"
            yield f" {left} <= {name}{right}"
    if program.has_integers:
        assert program.integer is not None
        yield "General"
        yield from (f" {columns[j]}" for j in np.flatnonzero(program.integer).tolist())
    yield "End"


def _sum(
    name: str, index: np.ndarray, values: np.ndarray, columns: Sequence[str], tail: str
) -> Iterator[str]:
    line = f" {name}:"
    for k, (j, value) in enumerate(zip(index, values, strict=True)):
        sign = ("- " if value < 0 else "+ ") if k else ("-" if value < 0 else "")
        term = f" {sign}{_number(abs(value))} {columns[j]}"
        if len(line) + len(term) > _WIDTH:
            yield line
            line = " "
        line += term
    yield f"{line} {tail}".rstrip()


def _number(value: float) -> str:
    return repr(float(value) + 0.0)  # no -0.0


def _kind(low: float, high: float) -> str:
    if low == high:
        return "E"
    if np.isfinite(low):
        return "G"
    return "L" if np.isfinite(high) else "N"


def _is_range(kind: str, high: float) -> bool:
    return kind == "G" and bool(np.isfinite(high))


def _names(what: str, names: Sequence[str] | None, count: int, letter: str) -> Sequence[str]:
    if names is None:
        return [f"{letter}{i}" for i in range(count)]
    wrong = next((name for name in names if not _NAME.fullmatch(name)), None)
    if len(names) != count or len(set(names)) != count or wrong is not None:
        got = f"{wrong!r}" if wrong is not None else f"{len(names)} ({len(set(names))} different)"
        raise InvalidProgram(
            f"write: needs {count} different {what} names of letters, digits and underscores, "
            f"got {got}"
        )
    return names
