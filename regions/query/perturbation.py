"""The nearest point of a class change as a goal: rows of the norm and of the class, exact leaves.

The perturbation is x - x0 with x = p + B u.  In the norms linf and l1 the least one on a closed
cell is a linear program, in l2 the projection of x0 onto the cell; both are solved in rationals,
and values of l2 are squares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from flint import fmpq

from regions.counting.points import ExactPoint
from regions.counting.tree import Stop
from regions.encoding import relaxation
from regions.encoding_rows import Column
from regions.frame import Frame, rounded
from regions.network import Layer, Network
from regions.query.bit_search import Candidate
from regions.query.closed_cells import ClosedCells, SparseForm
from regions.ranges import Ranges
from solvers.backend import Backend
from solvers.exact_lp import Polyhedron, by_basis, least
from solvers.exact_matrix import ExactMatrix
from solvers.exact_projection import project
from solvers.exact_simplex import Row
from solvers.program import LinearProgram
from solvers.rational import nearest, rational

ZERO, ONE = fmpq(0), fmpq(1)
NORMS = ("linf", "l1", "l2")
QUICK_DIM = 50  # projections in more dimensions take long
MOST_CUTS = 500  # tangents of the Euclidean ball in one program
CLOSE = 1e-9  # relative distance of the relaxed norm to the true one that needs no tangent


def norm_of(difference: Sequence[fmpq], norm: str) -> fmpq:
    """The norm of a vector; for l2 its square."""
    if norm == "linf":
        return max((abs(q) for q in difference), default=ZERO)
    if norm == "l1":
        return sum((abs(q) for q in difference), ZERO)
    return sum((q * q for q in difference), ZERO)


def with_outputs(network: Network, pairs: Sequence[tuple[int, int]]) -> Network:
    """The network with the outputs f_k - f_j for pairs (k, j); j = -1 is 0, k = -1 too."""
    table = np.zeros((len(pairs), network.outputs))
    for row, (plus, minus) in zip(table, pairs, strict=True):
        if plus >= 0:
            row[plus] += 1
        if minus >= 0:
            row[minus] -= 1
    mix = ExactMatrix.from_floats(table)
    old = network.output
    weights = tuple((source, mix @ block.to_dense()) for source, block in old.weights)
    last = Layer(weights, (mix @ old.bias).to_dense(), name=old.name)
    return Network(network.inputs, network.layers, last, network.origin)


@dataclass(eq=False)
class Perturbation:
    """min ‖x - x0‖ over {x in the domain : every output of `network` >= 0}.

    `network` is in the coordinates of the frame; `known` ranges are over the whole domain, None
    where it is unbounded.
    """

    network: Network
    frame: Frame
    known: Ranges | None
    centre: ExactPoint
    norm: str
    backend: Backend
    stop: Stop
    cuts: int = 0

    def __post_init__(self) -> None:
        self._cells = ClosedCells(self.network, self.frame, self.known, self.stop)
        dim, inputs = self.frame.dim, len(self.centre)
        self._forms: list[SparseForm] = []  # x_j - x0_j over u
        for j in range(inputs):
            cols, values = self.frame.basis.row(j)
            row = dict(zip(cols.tolist(), values, strict=True))
            self._forms.append((row, self.frame.origin[j] - self.centre[j]))
        self._extra = inputs if self.norm == "l1" else 1  # columns for the norm, after u
        self._size = dim

    def difference(self, point: ExactPoint) -> list[fmpq]:
        """X - x0 at a point u."""
        return [p - c for p, c in zip(self.frame.point(point), self.centre, strict=True)]

    def candidate(self, point: ExactPoint) -> Candidate | None:
        """The point u, if it has the class; exactly.  It must lie in the domain."""
        if any(value < 0 for value in self.network(point)):
            return None
        return Candidate(norm_of(self.difference(point), self.norm), point)

    # -- exact leaves ----------------------------------------------------------------------

    def leaf(
        self, bits: list[np.ndarray], above: fmpq | None, quick: bool = False
    ) -> Candidate | None:
        """The least perturbation on a closed cell."""
        if quick and self.norm == "l2" and self._size > QUICK_DIM:
            return None
        cell = self._cells.of(bits)
        if cell is None:
            return None
        rows, constants = list(cell.rows), list(cell.constants)
        for output in range(self.network.outputs):
            row, constant = self._cells.form(bits, len(bits) + 1, output)
            if row:
                rows.append(row)
                constants.append(constant)
            elif constant < 0:
                return None
        if self.norm == "l2":
            return self._projected(rows, constants, above)
        return self._linear(rows, constants, quick)

    def _linear(self, rows: list[Row], constants: list[fmpq], quick: bool) -> Candidate | None:
        size, count = self._size, self._extra
        for j, (row, constant) in enumerate(self._forms):
            column = size + (j if self.norm == "l1" else 0)
            for sign in (1, -1):
                rows.append({**{k: sign * a for k, a in row.items()}, column: ONE})
                constants.append(sign * constant)
        lower, upper = self.frame.lower, self.frame.upper
        lifted = Polyhedron(
            rows, constants, (*lower, *[ZERO] * count), (*upper, *[None] * count),
            (*self.frame.interior, *[ZERO] * count),
        )  # fmt: skip
        solve = by_basis if quick else least
        found = solve({size + k: ONE for k in range(count)}, lifted, self.backend, self.stop)
        if found is None:
            return None
        assert found.value is not None, "a norm is at least 0"
        return Candidate(found.value, found.point[:size])

    def _projected(
        self, rows: list[Row], constants: list[fmpq], above: fmpq | None
    ) -> Candidate | None:
        size = self._size
        for j, (low, high) in enumerate(zip(self.frame.lower, self.frame.upper, strict=True)):
            for bound, sign in ((low, 1), (high, -1)):
                if bound is not None:
                    rows.append({j: fmpq(sign)})
                    constants.append(-sign * bound)
        gram = [[ZERO] * size for _ in range(size)]
        linear, start = [ZERO] * size, ZERO
        for row, constant in self._forms:  # ½ Σ (row·u + constant)²
            start += constant * constant
            for j, a in row.items():
                linear[j] += a * constant
                for k, b in row.items():
                    gram[j][k] += a * b
        limit = None if above is None else (above - start) / 2
        point = project(gram, linear, rows, constants, limit, self.stop)
        return None if point is None else Candidate(norm_of(self.difference(point), "l2"), point)

    # -- the relaxation --------------------------------------------------------------------

    def relaxed(self) -> tuple[LinearProgram, tuple[Column, ...]]:
        """The program: the network's relaxation, its outputs >= 0, and the norm as cost."""
        known, network = self.known, self.network
        assert known is not None
        builder, program = relaxation(network, self.frame, known, len(network.layers))
        width, count = program.num_cols, self._extra
        rows: list[np.ndarray] = []
        limits: list[float] = []
        slack = builder.rounding(network.output)
        for output in range(network.outputs):
            rows.append(np.append(builder.costs(network.output, output), np.zeros(count)))
            low = -network.output.bias.entry(output, 0) - rational(float(slack[output]))
            limits.append(rounded(low, -1))
        box = known.box
        for j, form in enumerate(self._forms):
            for sign in (1, -1):
                row, limit = self._doubles(form, sign, width + count)
                row[width + (j if self.norm == "l1" else 0)] = 1.0
                rows.append(row)
                limits.append(limit)
        largest = max(
            (nearest(self._reach(form, box)) for form in self._forms), default=0.0
        )  # fmt: skip
        if self.norm == "l2":
            largest *= len(self._forms)
        top = np.full(count, largest * 1.001 + 1e-300)
        matrix = sp.csr_array(
            sp.vstack(
                [
                    sp.csr_array(
                        sp.hstack(
                            [sp.csr_array(program.matrix), sp.csr_array((program.num_rows, count))]
                        )
                    ),
                    sp.csr_array(np.array(rows).reshape(len(rows), width + count)),
                ]
            )
        )
        self._column = width
        self._columns = width + count
        filled = LinearProgram(
            np.append(np.zeros(width), np.ones(count)),
            matrix,
            np.append(program.row_lower, limits),
            np.append(program.row_upper, np.full(len(rows), np.inf)),
            np.append(program.col_lower, np.zeros(count)),
            np.append(program.col_upper, top),
        )
        return filled, builder.labels()[0]

    def _reach(self, form: SparseForm, box: tuple[np.ndarray, np.ndarray]) -> fmpq:
        """At least |x_j - x0_j| in the box."""
        row, constant = form
        total = abs(constant)
        for k, a in row.items():
            total += abs(a) * max(abs(rational(float(side[k]))) for side in box)
        return total

    def _doubles(self, form: SparseForm, sign: int, width: int) -> tuple[np.ndarray, float]:
        """A row r·u >= limit in doubles that holds wherever ± form >= 0 does, and more."""
        assert self.known is not None
        row, constant = form
        doubles = np.zeros(width)
        loose = ZERO
        for k, a in row.items():
            doubles[k] = nearest(sign * a)
            size = max(abs(rational(float(side[k]))) for side in self.known.box)
            loose += abs(sign * a - rational(float(doubles[k]))) * size
        return doubles, rounded(-sign * constant - loose, -1)

    def key(self, bound: float) -> fmpq:
        """The bound itself; its square for l2."""
        value = rational(bound) if bound > 0 else ZERO
        return value * value if self.norm == "l2" else value

    def cut(self, x: np.ndarray) -> tuple[np.ndarray, float] | None:
        """A tangent of the Euclidean ball: t >= g·(x - x0) for a vector g of length at most 1."""
        if self.norm != "l2" or self.cuts >= MOST_CUTS:
            return None
        u = x[: self._size]
        with np.errstate(all="ignore"):  # a proposal may be anything
            step = np.array(
                [
                    sum(nearest(a) * u[k] for k, a in row.items()) + nearest(constant)
                    for row, constant in self._forms
                ]
            )
            length = float(np.linalg.norm(step))
        if not np.isfinite(length) or length <= x[self._column] * (1 + CLOSE) + 1e-12:
            return None
        direction = [rational(float(g)) for g in step / length * (1 - 1e-13)]
        if sum((g * g for g in direction), ZERO) > 1:
            return None
        row: Row = {}
        constant = ZERO
        for g, (form, shift) in zip(direction, self._forms, strict=True):
            constant += g * shift
            for k, a in form.items():
                row[k] = row.get(k, ZERO) + g * a
        doubles, limit = self._doubles((row, constant), -1, self._columns)
        doubles[self._column] = 1.0
        self.cuts += 1
        return doubles, limit
