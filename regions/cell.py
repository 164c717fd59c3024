"""`Cell`: the polytope of one activation pattern, as inequalities with their origins."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from flint import fmpq

from regions.composition import exact_row
from regions.domain_base import Domain
from regions.errors import DomainError
from regions.frame import Frame
from regions.network import Network
from regions.pattern import Pattern
from solvers.exact_matrix import ExactMatrix
from solvers.proofs import Polyhedron
from solvers.rational import dot, floats, rationals, row_echelon


@dataclass(frozen=True, order=True)
class Unit:
    """The row says that the unit has this bit (layer from 1, unit from 0)."""

    layer: int
    unit: int
    bit: int


@dataclass(frozen=True, order=True)
class Side:
    """The row is a side of the domain."""

    name: str


@dataclass(frozen=True)
class CellRow:
    """coefficients·x <= limit, exactly, and where it comes from."""

    coefficients: tuple[fmpq, ...]
    limit: fmpq
    origin: Unit | Side


@dataclass(frozen=True, eq=False)
class Cell:
    """{x in D : z_i >= 0 where the bit is 1, z_i <= 0 where it is 0} (meanings §2.6).

    For a region this is its closure; for another pattern it may be empty, flat, or larger than the
    closure of the points that have the pattern.

    Attributes
    ----------
    pattern
        A full pattern.
    frame
        The domain in its own coordinates.
    rows
        The inequalities over x: sides of the domain, then units by layer.  Units that vanish
        identically on the domain's hull have no row.
    weight, bias
        The affine map of the network on the cell: f(x) = weight·x + bias.
    attained_nowhere
        Whether such a unit has bit 1: then no point has the pattern.

    Examples
    --------
    >>> from regions.domain import Box
    >>> network = Network.from_layers([([[1, 1]], [-1]), ([[2]], [0])])
    >>> cell = Cell.of(network, Pattern.parse("1"), Box.cube(2, 0, 1))
    >>> cell.A[-1], cell.b[-1], cell.rows[-1].origin
    (array([-1., -1.]), np.float64(-1.0), Unit(layer=1, unit=0, bit=1))
    """

    pattern: Pattern
    frame: Frame
    rows: tuple[CellRow, ...]
    weight: ExactMatrix
    bias: ExactMatrix
    attained_nowhere: bool

    @staticmethod
    def of(network: Network, pattern: Pattern, domain: Domain) -> Cell:
        """The cell of a full pattern in a domain, by algebra alone: nothing is solved.

        Raises
        ------
        PatternError
            If the pattern does not fit the network or has don't-cares.
        DomainError
            If the domain is empty or has another dimension than the network's input.
        """
        bits = network.check_pattern(pattern)
        if domain.dim != network.inputs:
            raise DomainError(
                f"Cell.of(): the network has {network.inputs} inputs, the domain {domain.spec} "
                f"has dimension {domain.dim}; give a domain of dimension {network.inputs}"
            )
        frame = Frame.of(domain)
        directions = frame.basis.transpose()
        rows = _sides(domain)
        nowhere = False
        for position, layer_bits in enumerate(bits, start=1):
            for unit, bit in enumerate(layer_bits.tolist()):
                coefficients, constant = exact_row(network, bits, position, unit)
                if _vanishes(coefficients, constant, frame, directions):
                    nowhere |= bit == 1
                    continue
                if bit == 1:
                    coefficients = [-a for a in coefficients]
                limit = constant if bit == 1 else -constant
                rows.append(CellRow(tuple(coefficients), limit, Unit(position, unit, bit)))
        weight, bias = network.affine(pattern)
        return Cell(pattern, frame, tuple(rows), weight, bias, nowhere)

    @cached_property
    def A(self) -> np.ndarray:
        """(rows, inputs): the coefficients, each rounded to the nearest double."""
        table = np.array([row.coefficients for row in self.rows], dtype=object)
        return _locked(floats(table.reshape(len(self.rows), len(self.frame.origin))))

    @cached_property
    def b(self) -> np.ndarray:
        """(rows,): the right-hand sides, each rounded to the nearest double."""
        return _locked(floats(np.array([row.limit for row in self.rows], dtype=object)))

    @property
    def origins(self) -> tuple[Unit | Side, ...]:
        """Where each row comes from."""
        return tuple(row.origin for row in self.rows)

    @cached_property
    def hull(self) -> tuple[list[list[fmpq]], list[fmpq]]:
        """The equations E x = e of the domain's affine hull, exactly."""
        dim = len(self.frame.origin)
        if self.frame.dim == dim:
            return [], []
        spanning = self.frame.basis.transpose().dense().tolist()
        table, pivots = row_echelon(spanning, dim)
        equations = []
        for free in (j for j in range(dim) if j not in pivots):
            equation = [fmpq(0)] * dim
            equation[free] = fmpq(1)
            for row, pivot in zip(table, pivots, strict=True):
                equation[pivot] = -row[free]
            equations.append(equation)
        return equations, [dot(row, self.frame.origin) for row in equations]

    def polyhedron(self) -> Polyhedron:
        """The cell as exact rows, the form that proofs are checked against."""
        equations, values = self.hull
        return Polyhedron(
            [row.coefficients for row in self.rows],
            [row.limit for row in self.rows],
            equations,
            values,
        )

    def contains(self, x: object) -> bool:
        """Whether the point lies in the (closed) cell, decided exactly."""
        point = rationals(x).reshape(-1).tolist()
        if len(point) != len(self.frame.origin):
            raise DomainError(
                f"Cell.contains(): a point here has {len(self.frame.origin)} coordinates, "
                f"got {len(point)}"
            )
        equations, values = self.hull
        return all(dot(row.coefficients, point) <= row.limit for row in self.rows) and all(
            dot(row, point) == value for row, value in zip(equations, values, strict=True)
        )


def _vanishes(
    coefficients: list[fmpq], constant: fmpq, frame: Frame, directions: ExactMatrix
) -> bool:
    """Whether an affine form is zero on the whole hull {p + B u}."""
    if dot(coefficients, frame.origin) + constant:
        return False
    for index in range(directions.shape[0]):
        cols, values = directions.row(index)
        terms = zip(cols.tolist(), values, strict=True)
        if sum((value * coefficients[j] for j, value in terms), fmpq(0)):
            return False
    return True


def _sides(domain: Domain) -> list[CellRow]:
    """The rows of the domain's own inequalities over x."""
    constraints = domain.constraints()
    rows: list[CellRow] = []
    for j, (low, high) in enumerate(zip(constraints.lower, constraints.upper, strict=True)):
        for bound, sign, name in ((low, -1, "lower"), (high, 1, "upper")):
            if bound is not None:
                unit = [fmpq(0)] * constraints.dim
                unit[j] = fmpq(sign)
                rows.append(CellRow(tuple(unit), sign * bound, Side(f"{name} bound of input {j}")))
    for index, (limit, name) in enumerate(zip(constraints.b, constraints.row_names, strict=True)):
        assert constraints.A is not None
        row = [fmpq(0)] * constraints.dim
        cols, values = constraints.A.row(index)
        for j, value in zip(cols.tolist(), values, strict=True):
            row[j] = value
        rows.append(CellRow(tuple(row), limit, Side(name)))
    return rows + _span_ends(domain)


def _span_ends(domain: Domain) -> list[CellRow]:
    """The ends of segments, as rows over x: with one direction, s = (d·(x - p)) / (d·d)."""
    rows: list[CellRow] = []
    for number, span in enumerate(domain.constraints().span, start=1):
        if all(bound is None for bound in (*span.lower, *span.upper)):
            continue
        direction = span.directions.dense()[:, 0]
        length = dot(direction, direction)
        scaled = tuple(d / length for d in direction)
        start = dot(scaled, span.origin)
        name = f"segment {number}"
        if span.lower[0] is not None:
            rows.append(
                CellRow(
                    tuple(-d for d in scaled), -(span.lower[0] + start), Side(f"start of {name}")
                )
            )
        if span.upper[0] is not None:
            rows.append(CellRow(scaled, span.upper[0] + start, Side(f"end of {name}")))
    return rows


def _locked(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array
