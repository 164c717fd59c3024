"""A warm linear program: how far some rows of a cell can be kept from zero.

Maximise t over the cell with a_i·u + β_i >= t σ_i for the rows in question, σ_i the largest
coefficient of row i, and t <= FAR.  Its answers are proposals.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from flint import fmpq

from regions.frame import Frame
from regions.query.cell_rows import CellRows
from solvers.backend import Backend, Session
from solvers.errors import BackendDisagreement, SolversError
from solvers.options import SolveOptions
from solvers.program import LinearProgram
from solvers.rational import nearest, rational
from solvers.solution import Basis

FAR = 2.0**-10  # far enough: the very farthest point takes ten times as long in large cells
WILD = 1e14  # limits of rows beyond this mean nothing to a float solver
ROUGH = 2.0**-20  # coefficients with a larger relative error are computed exactly first


@dataclass(frozen=True, eq=False)
class Proposal:
    """What a solver says: a point, the level t there, and the basis (rows, then columns u, t)."""

    point: np.ndarray | None
    level: float
    basis: Basis | None
    scales: list[fmpq]  # σ, by row; 0 where t is not in the row, or where the row was left out


class MarginProgram:
    """The program of one frame; rows are added and removed as the search moves.

    Parameters
    ----------
    positive
        Only the rows of bit 1 are kept from zero; otherwise those of all units.
    tolerance
        What bounds and reduced costs may be violated by.
    """

    def __init__(
        self, frame: Frame, backend: Backend, positive: bool, tolerance: float = 1e-7
    ) -> None:
        self._frame = frame
        self._backend = backend
        self._positive = positive
        self._options = SolveOptions(
            presolve="off", feasibility_tol=tolerance, optimality_tol=tolerance
        )
        self._opened: Session | None = None
        self._loaded: list[object] = []  # blocks
        self._starts: list[int] = [0]
        self._scales: list[fmpq] = []
        self.solves = 0

    def close(self) -> None:
        """End the session."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None
        self._loaded, self._starts, self._scales = [], [0], []

    def _session(self) -> Session:
        if self._opened is None:
            dim = self._frame.dim
            low, high = self._frame.box()
            program = LinearProgram(
                np.append(np.zeros(dim), -1.0),
                np.zeros((0, dim + 1)),
                np.zeros(0),
                np.zeros(0),
                np.append(low, -np.inf),
                np.append(high, FAR),
            )
            self._opened = self._backend.open(program, self._options)
        return self._opened

    def propose(
        self, cell: CellRows, time_limit: float | None, start: Basis | None = None
    ) -> Proposal | None:
        """The solver's answer for a cell, beginning at a basis; None where it fails."""
        try:
            session = self._session()
            self._load(session, cell)
            if start is not None:
                session.set_basis(start)
            self.solves += 1
            solution = session.solve(time_limit)
            basis = session.basis()
        except BackendDisagreement:  # whoever has solvers cross-checked wants to know
            raise
        except SolversError:
            self.close()  # the rows may be half loaded
            return None
        point, level = None, -np.inf
        dim = self._frame.dim
        x = solution.x
        if x is not None and np.shape(x) == (dim + 1,) and np.isfinite(x).all():
            point, level = np.array(x[:dim]), float(x[dim])
        if basis is not None and (
            len(basis.row_status) != len(self._scales) or len(basis.col_status) != dim + 1
        ):
            basis = None
        return Proposal(point, level, basis, list(self._scales))

    def _load(self, session: Session, cell: CellRows) -> None:
        parts: list[object] = [cell.sides, *cell.blocks]
        shared = 0
        while shared < min(len(parts), len(self._loaded)) and (
            parts[shared] is self._loaded[shared]
        ):
            shared += 1
        if shared < len(self._loaded):
            start = self._starts[shared]
            if start < len(self._scales):
                session.delete_rows(start, len(self._scales))
            del self._loaded[shared:], self._starts[shared + 1 :], self._scales[start:]
        first = len(self._scales)
        if first < len(cell):
            self._append(session, cell, first)
        for part in parts[shared:]:
            self._loaded.append(part)
            size = cell.num_sides if part is cell.sides else len(part)  # type: ignore[arg-type]
            self._starts.append(self._starts[-1] + size)

    def _append(self, session: Session, cell: CellRows, first: int) -> None:
        floats, bits = cell.floats, cell.bits
        a, c = floats.a[first:].copy(), floats.c[first:].copy()
        with np.errstate(invalid="ignore", over="ignore"):
            size = np.abs(a).max(axis=1, initial=0.0)
            error = floats.a_error[first:].max(axis=1, initial=0.0)
            rough = ~np.isfinite(size) | ~(error <= ROUGH * size) | (size == 0)
        scales = [fmpq(0) if q else rational(v) for v, q in zip(size.tolist(), rough, strict=True)]
        size[rough] = 1.0
        for k in np.flatnonzero(rough).tolist():
            row, constant = cell.exact(first + k)
            scales[k] = largest = max((abs(q) for q in row.values()), default=fmpq(1))
            a[k] = 0.0
            for j, q in row.items():
                a[k, j] = nearest(q / largest)
            c[k] = nearest(constant / largest)
        with np.errstate(over="ignore", invalid="ignore"):
            a, c = a / size[:, None], c / size
        raised = bits[first:] == 1 if self._positive else bits[first:] >= 0
        wild = ~(np.isfinite(a).all(axis=1) & (np.abs(c) < WILD))
        a[wild], c[wild] = 0.0, np.inf  # left out of the proposal
        raised &= ~wild
        matrix = np.column_stack([a, np.where(raised, -1.0, 0.0)])
        session.add_rows(matrix, -c, np.full(len(c), np.inf))
        self._scales += [s if r else fmpq(0) for s, r in zip(scales, raised, strict=True)]
