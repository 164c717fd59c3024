"""A warm linear program over the cells of a search: rows follow the path, costs follow the unit."""

from __future__ import annotations

import time
from functools import cached_property

import numpy as np

from regions.counting.forms import Halfspaces, Split
from regions.frame import Frame
from solvers.backend import Backend, Session
from solvers.errors import BackendDisagreement, SolversError
from solvers.float_rows import FloatRows
from solvers.options import SolveOptions
from solvers.program import LinearProgram
from solvers.solution import Basis

WILD = 1e15  # limits of rows beyond this mean nothing to a float solver
REACH = 2.0**14  # stands for infinity in proposals only; nothing that is proved depends on it


class CellProgram:
    """Minimises forms over the cell of a path with one warm session.

    Rows are scaled to unit largest coefficient.  Whatever comes back is a proposal: points and
    multipliers of the right shape, or None.  This and the session it owns are the only mutable
    things of a count.
    """

    def __init__(self, frame: Frame, backend: Backend, sides: FloatRows) -> None:
        low, high = frame.box()
        self._backend = backend
        self._low, self._high = np.maximum(low, -REACH), np.minimum(high, REACH)
        self._columns = frame.dim
        self._scales: list[float] = []
        self._loaded: list[Split] = []
        self._fixed = len(sides.c)
        self.solves = 0
        self.seconds = 0.0
        self._sides = sides

    @cached_property
    def _session(self) -> Session:
        """The session, opened when it is first needed: most counts of a compiled engine need none.

        It begins with the rows of the domain.
        """
        none = np.zeros(0)
        program = LinearProgram(
            np.zeros(self._columns), np.zeros((0, self._columns)), none, none, self._low, self._high
        )
        session = self._backend.open(program, SolveOptions(presolve="off"))
        self._append(session, self._sides.a, self._sides.c)
        return session

    def close(self) -> None:
        """End the session."""
        if "_session" in vars(self):
            self._session.close()

    def _append(self, session: Session, a: np.ndarray, c: np.ndarray) -> None:
        if not len(c):
            return
        scale = np.abs(a).max(axis=1, initial=0.0)
        scale[scale == 0] = 1.0
        with np.errstate(over="ignore", invalid="ignore"):
            rows, limits = a / scale[:, None], -c / scale
        # a row that a solver would take for infinite, or refuse, is left out of the proposal
        wild = ~(np.isfinite(rows).all(axis=1) & (np.abs(limits) < WILD))
        rows[wild], limits[wild] = 0.0, -np.inf
        session.add_rows(rows, limits, np.full(len(c), np.inf))
        self._scales += scale.tolist()

    def load(self, cell: Halfspaces) -> None:
        """Make the rows those of the cell, keeping the part of the path that is shared."""
        splits = cell.splits
        shared = 0
        for old, new in zip(self._loaded, splits, strict=False):
            if old is not new:
                break
            shared += 1
        start = self._fixed + shared
        if len(self._loaded) > shared:
            self._session.delete_rows(start, self._fixed + len(self._loaded))
            del self._scales[start:], self._loaded[shared:]
        new_rows = cell.floats
        self._append(self._session, new_rows.a[start:], new_rows.c[start:])
        self._loaded += splits[shared:]

    def minimise(
        self, goal: FloatRows, time_limit: float | None
    ) -> tuple[np.ndarray | None, np.ndarray | None]:
        """(point, multipliers of the cell's rows), as proposed for the least value of the goal."""
        a = goal.a[0]
        scale = float(np.abs(a).max(initial=0.0)) or 1.0
        if not np.isfinite(scale):
            return None, None
        self.solves += 1
        start = time.perf_counter()
        try:
            self._session.set_cost(a / scale)
            solution = self._session.solve(time_limit)
        except BackendDisagreement:  # whoever has solvers cross-checked wants to know
            raise
        except SolversError:
            return None, None
        finally:
            self.seconds += time.perf_counter() - start
        point = _checked(solution.x, self._columns)
        duals = _checked(solution.row_duals, len(self._scales))
        if duals is not None:
            with np.errstate(over="ignore", invalid="ignore"):
                duals = np.maximum(duals, 0.0) * (scale / np.array(self._scales))
            duals = _checked(duals, len(self._scales))
        return point, duals

    def deepest(
        self, cell: Halfspaces, goal: FloatRows | None, inset: float, time_limit: float | None
    ) -> np.ndarray | None:
        """The proposed point of the cell, where goal < 0, that is farthest from every row.

        Far in units of each row's largest coefficient; the coordinates keep the share `inset` of
        their range from its ends.  It costs a program of its own, solved from nothing, and is for
        cells whose other points lie too near to their boundaries.
        """
        rows, dim = cell.floats, self._columns
        if goal is not None:
            rows = FloatRows.stacked([rows, goal.signed(np.array([-1.0]))], dim)
        scale = np.abs(rows.a).max(axis=1, initial=0.0)
        scale[scale == 0] = 1.0
        with np.errstate(over="ignore", invalid="ignore"):
            a, c = rows.a / scale[:, None], rows.c / scale
        kept = np.isfinite(a).all(axis=1) & (np.abs(c) < WILD)
        margin = inset * (self._high - self._low)
        program = LinearProgram(
            np.append(np.zeros(dim), -1.0),
            np.column_stack([a[kept], -np.ones(int(kept.sum()))]),
            -c[kept],
            np.full(int(kept.sum()), np.inf),
            np.append(self._low + margin, -1.0),
            np.append(self._high - margin, 1.0),
        )
        self.solves += 1
        start = time.perf_counter()
        try:
            with self._backend.open(program) as session:
                found = _checked(session.solve(time_limit).x, dim + 1)
        except BackendDisagreement:
            raise
        except SolversError:
            return None
        finally:
            self.seconds += time.perf_counter() - start
        return None if found is None or found[dim] <= 0 else found[:dim]

    def basis(self) -> Basis | None:
        """The basis of the last solve, if it has the shape of the program."""
        try:
            basis = self._session.basis()
        except SolversError:
            return None
        if basis is None or len(basis.row_status) != len(self._scales):
            return None
        return basis if len(basis.col_status) == self._columns else None


def _checked(values: np.ndarray | None, size: int) -> np.ndarray | None:
    if values is None or np.shape(values) != (size,):
        return None
    return values if np.isfinite(values).all() else None
