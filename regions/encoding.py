"""`encode`: a network, a domain and a pattern as a linear or mixed-integer program.

The program's points are those of the *closed* cells of all completions of the pattern: z >= 0
where the bit is 1, z <= 0 where it is 0 (meanings §2.6).  Whether a cell has an interior, or a
point of it the pattern, is another question.  Numbers are the nearest doubles, so what a solver
says of the program is a proposal.  Three forms:

- "input" (full patterns): a row for each unit over the domain's coordinates, composed through the
  layers;
- "lifted" (full patterns): a column for each active unit, so that rows are as sparse as layers are;
- "milp" (free units): besides, a whole column d in {0, 1} for each unit that is free and whose bit
  the domain does not fix, with a = max(z, 0) by the rows

      z <= a,    a <= z - L (1 - d),    a <= U d,    0 <= a,    L <= z <= U.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from regions.encoding_rows import Builder, Column, Line
from regions.errors import InputError, PatternError
from regions.frame import Frame
from regions.network import Network
from regions.pattern import Pattern
from regions.ranges import Ranges, bounding_box, ranges
from solvers.program import LinearProgram

FORMS = ("auto", "input", "lifted", "milp")
# Rows times coordinates up to which full patterns are composed over the input: in measurements (see
# docs/encodings.md) a point was then found sooner, with 23 328 rows too; beyond, composing costs
# more than it saves, in time (5.2 s against 0.05 s at 18 million) and in memory (16 bytes each).
INPUT_ENTRIES = 8_000_000


@dataclass(frozen=True, eq=False)
class Encoding:
    """A program, and what its columns and rows stand for.

    Attributes
    ----------
    form
        "input", "lifted" or "milp".
    dim
        Number of the domain's coordinates.
    program
        The columns of the domain's coordinates come first; all costs are zero.
    columns, rows
        What each stands for.
    bits
        By layer: the bits that hold in every point, given or fixed by the domain; -1 where a column
        d decides.
    """

    form: str
    dim: int
    program: LinearProgram
    columns: tuple[Column, ...]
    rows: tuple[Line, ...]
    bits: tuple[np.ndarray, ...]

    @property
    def column_names(self) -> list[str]:
        """x_0, z_2_17, a_2_17, d_2_17, y_0: layers from 1, units from 0."""
        return [column.name for column in self.columns]

    @property
    def row_names(self) -> list[str]:
        """side_0, z_2_17, off_2_17, above_2_17, near_2_17, cap_2_17, y_0."""
        return [line.name for line in self.rows]

    @cached_property
    def places(self) -> dict[tuple[str, int, int], int]:
        """The index of each column by (kind, layer, unit)."""
        return {(c.kind, c.layer, c.unit): j for j, c in enumerate(self.columns)}

    @cached_property
    def switches(self) -> np.ndarray:
        """Indices of the whole columns d, by layer, then by unit."""
        return np.array([j for j, c in enumerate(self.columns) if c.kind == "d"], dtype=np.int64)

    def coordinates(self, x: np.ndarray) -> np.ndarray:
        """The domain's coordinates of a point of the program."""
        return x[: self.dim]

    def proposed(self, x: np.ndarray) -> list[np.ndarray]:
        """The full pattern that a point of the program proposes, by layer."""
        bits = [layer.copy() for layer in self.bits]
        for j in self.switches.tolist():
            column = self.columns[j]
            bits[column.layer - 1][column.unit] = int(x[j] > 0.5)
        return bits


def encode(
    network: Network,
    frame: Frame,
    pattern: Pattern | None = None,
    *,
    form: str = "auto",
    known: Ranges | None = None,
    outputs: bool = False,
    inputs: bool = False,
) -> Encoding:
    """The program whose points are those of the closed cells of all completions of a pattern.

    Parameters
    ----------
    network
        In the coordinates of the frame: `frame.pull(network)`.
    frame
        The domain.
    pattern
        Bits and don't-cares; None leaves every unit free.
    form
        "input", "lifted" (full patterns), "milp", or "auto": the fastest for a full pattern, "milp"
        for any other.
    known
        Ranges for this very pattern, tighter than those that are computed here, for instance
        `regions.tightening.tightened`.  For a full pattern, rows that ranges prove are left out.
    outputs
        Also add a column y_k for each output.
    inputs
        Also add a column x_i for each input that is no coordinate of the domain, which has its own
        where it is flat.

    Raises
    ------
    DomainError
        For form "milp", if the domain is unbounded.
    InputError
        If the form is unknown or cannot hold the pattern.
    PatternError
        If the pattern does not fit the network.

    Examples
    --------
    >>> from regions.domain import Box
    >>> network = Network.from_layers([([[1, 1]], [-1]), ([[2]], [0])])
    >>> frame = Frame.of(Box.cube(2, 0, 1))
    >>> full = encode(network, frame, Pattern.parse("1"))
    >>> full.form, full.column_names, full.row_names
    ('input', ['x_0', 'x_1'], ['z_1_0'])
    >>> encode(network, frame).column_names
    ['x_0', 'x_1', 'z_1_0', 'a_1_0', 'd_1_0']
    """
    if form not in FORMS:
        raise InputError(f"encode(): no form {form!r}; choose one of {', '.join(FORMS)}")
    if network.inputs != frame.dim:
        raise InputError(
            f"encode(): the network has {network.inputs} inputs, the frame {frame.dim} "
            "coordinates; give frame.pull(network)"
        )
    bits = _bits(network, pattern)
    is_full = all((layer >= 0).all() for layer in bits)
    if form == "auto":
        is_small = network.relus * frame.dim <= INPUT_ENTRIES
        form = "milp" if not is_full else "input" if is_small else "lifted"
    if form != "milp" and not is_full:
        raise InputError(f"encode(): the form {form!r} needs a full pattern, this one has *")
    if known is not None and not all(map(np.array_equal, known.given, bits)):
        raise InputError("encode(): the ranges `known` belong to another pattern")
    if form == "milp" and known is None:
        known = ranges(network, bounding_box(frame), bits)
    builder = Builder(network, frame)
    if form == "input":
        builder.composed_layers(bits, known)
        if outputs:
            builder.composed_outputs(bits)
        decided = bits
    else:
        decided = [_decided(layer, known, k) for k, layer in enumerate(bits, start=1)]
        for position in range(1, len(network.layers) + 1):
            builder.layer(position, bits[position - 1], decided[position - 1], known)
        if outputs:
            builder.outputs()
    if inputs:
        builder.inputs(frame)
    program, labels = builder.program(), builder.labels()
    return Encoding(form, frame.dim, program, *labels, tuple(decided))


def _bits(network: Network, pattern: Pattern | None) -> list[np.ndarray]:
    if pattern is None:
        return [np.full(width, -1, dtype=np.int8) for width in network.widths]
    if pattern.widths != network.widths:
        raise PatternError(
            f"encode(): a pattern of this network has layers of {network.widths} units, got "
            f"{pattern.widths}"
        )
    return list(pattern.layers())


def _decided(bits: np.ndarray, known: Ranges | None, position: int) -> np.ndarray:
    return bits if known is None else np.where(bits >= 0, bits, known.bits(position))


def relaxation(
    network: Network, frame: Frame, known: Ranges, layers: int
) -> tuple[Builder, LinearProgram]:
    """A linear program that holds every point of the first layers, and its builder.

    It is a relaxation in exact arithmetic, not merely up to rounding: rows whose weights are no
    doubles are loosened by what the rounding can amount to.
    """
    builder = Builder(network, frame, loose=known)
    for position in range(1, layers + 1):
        builder.layer(position, known.given[position - 1], known.bits(position), known)
    return builder, builder.program(whole=False)
