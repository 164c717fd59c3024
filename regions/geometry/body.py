"""`Body`: the closed cell of a region in the coordinates of its domain's hull, with a point inside.

The rows are numbered in one list: the bounds of the hull's coordinates, then the other sides of
the domain, then the units, layer by layer.  Row i says a_i·u + β_i >= 0; inside is positive.  Units
that are constant on the hull have no row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from flint import fmpq, fmpq_mat

from regions.cell import Side, Unit
from regions.composition import float_rows
from regions.counting.forms import LayerRows
from regions.counting.points import ExactPoint
from regions.counting.tree import Stop
from regions.domain_base import Domain
from regions.errors import DomainError, PatternError
from regions.frame import Frame
from regions.network import Network
from regions.pattern import Pattern
from regions.query.cell_rows import Block, CellRows, first_rows
from regions.query.judging import CellJudge, Inside, Question
from solvers.backend import Backend, get_backend
from solvers.exact_matrix import ExactMatrix
from solvers.exact_simplex import Row
from solvers.rational import dot, nearest, rational

ExactForm = tuple[Row, fmpq]
ONE = fmpq(1)
SHARES = (0.1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-7, 1e-9, 0.0)  # the farthest inside is taken


@dataclass(frozen=True, eq=False)
class Body:
    """{u : a_i·u + β_i >= 0 for all i}, of full dimension d; x = p + B u (see `Frame`).

    Attributes
    ----------
    network, frame
        The network over x, and the hull's coordinates.
    pattern
        That of the region.
    bounds
        (coordinate, sign, limit) of the first rows: sign (limit - u_j) >= 0, sign 1 or -1.
    cell
        The other rows.
    origins
        By row: the unit or the side of the domain.
    vanishing
        Units (layer, unit) that are identically zero on the cell's hull.
    interior
        A point with all rows positive.

    Examples
    --------
    >>> from regions.domain import Box
    >>> network = Network.from_layers([([[1, 1]], [-1]), ([[2]], [0])])
    >>> body = Body.of(network, Pattern.parse("1"), Box.cube(2, 0, 1))
    >>> len(body), body.dim, body.origins[-1]
    (5, 2, Unit(layer=1, unit=0, bit=1))
    """

    network: Network
    pattern: Pattern
    frame: Frame
    bounds: tuple[tuple[int, int, fmpq], ...]
    cell: CellRows
    origins: tuple[Unit | Side, ...]
    vanishing: tuple[tuple[int, int], ...]
    interior: ExactPoint

    @staticmethod
    def of(
        network: Network,
        pattern: Pattern,
        domain: Domain,
        *,
        frame: Frame | None = None,
        near: ExactPoint | None = None,
        backend: str | Backend = "highs",
        stop: Stop | None = None,
    ) -> Body:
        """The body of a region's pattern.

        Parameters
        ----------
        frame
            That of the domain, where it is known already.
        near
            A point u of the cell, if one is known: one near it may be inside.
        stop
            Polled meanwhile.

        Raises
        ------
        PatternError
            If no region of the domain has this pattern, or it is malformed.
        DomainError
            If the domain is empty or of another dimension.
        Stopped
            When `stop` said so.
        """
        bits = tuple(network.check_pattern(pattern))
        if domain.dim != network.inputs:
            raise DomainError(
                f"the network has {network.inputs} inputs, the domain {domain.spec} has dimension "
                f"{domain.dim}; give a domain of dimension {network.inputs}"
            )
        solver = get_backend(backend) if isinstance(backend, str) else backend
        stop = stop or Stop(None)
        frame = frame or Frame.of(domain, solver, stop)
        pulled = frame.pull(network)
        cell, vanishing = _rows(pulled, frame, bits)
        inside = None if near is None else _inside_near(frame, cell, near)
        if inside is None:
            inside = _judged(frame, cell, solver, stop)
        bounds = _bounds(frame)
        names = [Side(_bound_name(frame, j, sign)) for j, sign, _ in bounds]
        names += [Side(name) for name in frame.names]
        units = [block.unit(k) for block in cell.blocks for k in range(len(block))]
        return Body(network, pattern, frame, bounds, cell, (*names, *units), vanishing, inside)

    @property
    def dim(self) -> int:
        """Dimension d."""
        return self.frame.dim

    def __len__(self) -> int:
        return len(self.bounds) + len(self.cell)

    @property
    def num_sides(self) -> int:
        """Rows that are sides of the domain; those of units follow."""
        return len(self.bounds) + self.cell.num_sides

    def exact(self, index: int) -> ExactForm:
        """(a_i as a dictionary of its non-zero entries, β_i)."""
        if index < len(self.bounds):
            j, sign, limit = self.bounds[index]
            return {j: fmpq(-sign)}, sign * limit
        return self.cell.exact(index - len(self.bounds))

    def value(self, index: int, point: Sequence[fmpq]) -> fmpq:
        """a_i·u + β_i."""
        row, constant = self.exact(index)
        return sum((a * point[j] for j, a in row.items()), constant)

    @cached_property
    def gram(self) -> fmpq_mat | None:
        """(BᵀB)⁻¹, which gives norms over x of forms over u; None where it is the identity."""
        basis = self.frame.basis
        if basis.is_identity or _orthonormal(basis):
            return None
        dense = basis.dense()
        matrix = fmpq_mat(dense.shape[0], dense.shape[1], dense.reshape(-1).tolist())
        return (matrix.transpose() * matrix).inv()

    def squared_norm(self, index: int) -> fmpq:
        """‖a_i‖², Euclidean, over x and within the hull: a (BᵀB)⁻¹ aᵀ."""
        return self.squared_norm_of(self.exact(index)[0])

    def squared_norm_of(self, row: Row) -> fmpq:
        """The same for any form over u."""
        if self.gram is None:
            return sum((a * a for a in row.values()), fmpq(0))
        gram, total = self.gram, fmpq(0)
        for i, a in row.items():
            for j, b in row.items():
                total += a * b * gram[i, j]
        return total

    def over_x(self, index: int) -> tuple[list[fmpq], fmpq]:
        """(a, b): the row as a·x <= b, with a in the directions of the hull."""
        row, constant = self.exact(index)
        form = [row.get(j, fmpq(0)) for j in range(self.dim)]
        if self.gram is not None:
            form = (self.gram * fmpq_mat(self.dim, 1, form)).entries()
        a = [fmpq(0)] * len(self.frame.origin)
        rows, cols, values, exact = self.frame.basis.entries
        entries = [rational(v) for v in values.tolist()] if exact is None else list(exact)
        for i, j, value in zip(rows.tolist(), cols.tolist(), entries, strict=True):
            if form[j]:
                a[i] -= value * form[j]
        return a, constant + dot(a, self.frame.origin)

    def point(self, coordinates: Sequence[fmpq]) -> ExactPoint:
        """The point x = p + B u."""
        return self.frame.point(coordinates)


def _inside_near(frame: Frame, cell: CellRows, near: ExactPoint) -> ExactPoint | None:
    """A double point on the way to the domain's middle that is certainly inside."""
    low, high = frame.box()
    middle = np.array([nearest(q) for q in frame.interior])
    start = np.array([nearest(q) for q in near])
    for share in SHARES:
        u = start + share * (middle - start)
        if (u > low).all() and (u < high).all():
            values, errors = cell.floats.at(u[None, :])
            if (values > errors).all():
                return exact_point(u)
    return None


def _judged(frame: Frame, cell: CellRows, solver: Backend, stop: Stop) -> ExactPoint:
    """A point inside, by linear programs and exact pivots; an error if there is none."""
    judge = CellJudge(frame, solver, stop)
    try:
        answer = judge.ask(Question.INTERIOR, cell)
    finally:
        judge.close()
    if isinstance(answer, Inside):
        return answer.point
    raise no_region(f"its inequalities exclude each other, as those of {_named(cell, answer)}")


def no_region(why: str) -> PatternError:
    """The error for a pattern that is not that of a region."""
    return PatternError(
        f"needs the pattern of a region, got one that no region of the domain has ({why}); "
        "'regions reach' proves it"
    )


def _rows(
    network: Network, frame: Frame, bits: tuple[np.ndarray, ...]
) -> tuple[CellRows, tuple[tuple[int, int], ...]]:
    """The rows of all units, and the units that are zero on the hull."""
    cell, vanishing = first_rows(frame), []
    for position, layer_bits in enumerate(bits, start=1):
        units = np.arange(len(layer_bits))
        floats = float_rows(network, bits, position, units)
        rows = LayerRows(network, bits, position, units, floats)
        keep = np.ones(len(units), dtype=bool)
        suspect = (np.abs(floats.a) <= floats.a_error).all(axis=1)
        for unit in np.flatnonzero(suspect).tolist():
            coefficients, constant = rows.exact(unit)
            if any(coefficients):
                continue
            keep[unit] = False
            bit = int(layer_bits[unit])
            if bit != int(constant > 0):
                raise no_region(f"unit {position}:{unit} cannot be {bit} given the earlier layers")
            if not constant:
                vanishing.append((position, unit))
        index = np.flatnonzero(keep)
        cell = cell.joined(Block(rows, index, layer_bits[index]))
    return cell, tuple(vanishing)


def _named(cell: CellRows, answer: object) -> str:
    weights = getattr(answer, "weights", {})
    units = [cell.unit(i) for i in sorted(weights) if i >= cell.num_sides]
    shown = ", ".join(f"{unit.layer}:{unit.unit}" for unit in units[:5])
    return f"units {shown}" + (", …" if len(units) > 5 else "")


def _bounds(frame: Frame) -> tuple[tuple[int, int, fmpq], ...]:
    found = []
    for j, (low, high) in enumerate(zip(frame.lower, frame.upper, strict=True)):
        found += [(j, -1, low)] if low is not None else []
        found += [(j, 1, high)] if high is not None else []
    return tuple(found)


def _bound_name(frame: Frame, j: int, sign: int) -> str:
    """As `Cell` names it, where the coordinate is an input."""
    end = "upper" if sign > 0 else "lower"
    cols, values = frame.basis.transpose().row(j)
    if len(cols) == 1 and values[0] == 1:
        return f"{end} bound of input {int(cols[0])}"
    return f"{end} end of direction {j}"


def _orthonormal(basis: ExactMatrix) -> bool:
    """Whether the columns are different unit vectors (a box with fixed inputs)."""
    rows, cols, values, exact = basis.entries
    ones = (values == 1.0).all() and (exact is None or all(value == ONE for value in exact))
    size = basis.shape[1]
    return bool(ones) and len(set(rows.tolist())) == len(set(cols.tolist())) == len(cols) == size


def exact_point(values: np.ndarray) -> ExactPoint:
    """Doubles as rationals."""
    return tuple(rational(value) for value in values.tolist())
