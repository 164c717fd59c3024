"""What a proposed simplex basis proves: its multipliers and its point, computed exactly.

The program is that of `margin`: maximise t with a_i·u + β_i >= σ_i t.  In a basis the rows R hold
with equality and the columns F are free, |R| = |F|.  With M the entries of R in F, the multipliers
solve yᵀ M = (0, …, 0, -1), the last entry that of t, so that Σ σ_i y_i = 1; the point solves the
rows R with the other columns at their bounds.

The multipliers are irreducible by construction.  Let v be multipliers of the same rows that leave a
rest in no column where y leaves none.  Then vᵀ M is a multiple of yᵀ M, so v is one of y.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from flint import fmpq

from regions.counting.points import ExactPoint
from regions.query.cell_rows import CellRows
from regions.query.margin import FAR, Proposal
from solvers.rational import coprime, nearest, rational, solve
from solvers.solution import BasisStatus

ZERO = fmpq(0)
NOTHING = 1e-8  # multipliers below this share of the largest may be zero, or negative by rounding


@dataclass(frozen=True, eq=False)
class ExactBasis:
    """The basis of a proposal for a cell; `rows` and `cols` are R and F."""

    cell: CellRows
    proposal: Proposal
    rows: list[int]
    cols: list[int]

    @staticmethod
    def of(cell: CellRows, proposal: Proposal | None) -> ExactBasis | None:
        """The basis, if the proposal has one that is square."""
        if proposal is None or proposal.basis is None:
            return None
        rows = np.flatnonzero(proposal.basis.row_status != BasisStatus.BASIC).tolist()
        cols = np.flatnonzero(proposal.basis.col_status == BasisStatus.BASIC).tolist()
        return ExactBasis(cell, proposal, rows, cols) if len(rows) == len(cols) else None

    @property
    def _level(self) -> int:
        """The column of t."""
        return self.cell.frame.dim

    def _entry(self, i: int, j: int) -> fmpq:
        if j == self._level:
            return -self.proposal.scales[i]
        return self.cell.exact(i)[0].get(j, ZERO)

    @cached_property
    def _matrix(self) -> list[list[fmpq]]:
        return [[self._entry(i, j) for j in self.cols] for i in self.rows]

    # -- multipliers -----------------------------------------------------------------------

    def some_weights(self) -> dict[int, fmpq] | None:
        """Multipliers of those rows alone whose float multiplier is clearly positive.

        In large programs a few of a basis are zero, or negative by less than a tolerance.  The
        remaining rows determine theirs from as many columns as it takes, chosen to be independent;
        what is left in the others goes to the sides of the box.
        """
        if self._level not in self.cols or not self.rows:
            return None
        picked = self._support()
        if picked is None:
            return None
        rows, cols = picked
        return _solved(rows, [[self._entry(i, j) for i in rows] for j in cols])

    def _support(self) -> tuple[list[int], list[int]] | None:
        """(rows, columns with t last), from floats."""
        import scipy.linalg  # not at the top: most patterns are decided without

        dim = self._level
        matrix = np.zeros((len(self.rows), len(self.cols)))
        place = {j: k for k, j in enumerate(self.cols)}
        for line, i in zip(matrix, self.rows, strict=True):
            size = max((abs(q) for q in self.cell.exact(i)[0].values()), default=fmpq(1))
            for j, a in self.cell.exact(i)[0].items():
                if j in place:
                    line[place[j]] = nearest(a / size)
            line[place[dim]] = -nearest(self.proposal.scales[i] / size)
        cost = np.zeros(len(self.cols))
        cost[place[dim]] = -1.0
        try:
            weights = np.linalg.solve(matrix.T, cost)
        except np.linalg.LinAlgError:
            return None
        if not np.isfinite(weights).all():
            return None
        keep = np.flatnonzero(weights > NOTHING * np.abs(weights).max())
        if len(keep) in (0, len(self.rows)):  # nothing to leave out
            return None
        inner = [k for k, j in enumerate(self.cols) if j != dim]
        block = matrix[np.ix_(keep, np.array(inner, dtype=np.int64))]
        pivots = np.asarray(scipy.linalg.qr(block, mode="r", pivoting=True)[-1])
        cols = [self.cols[inner[k]] for k in sorted(pivots[: len(keep) - 1].tolist())]
        return [self.rows[k] for k in keep.tolist()], [*cols, dim]

    def weights(self) -> dict[int, fmpq] | None:
        """Multipliers of all rows of the basis."""
        if self._level not in self.cols:  # t is at its largest, which proves nothing
            return None
        cols = [*(j for j in self.cols if j != self._level), self._level]
        return _solved(self.rows, [[self._entry(i, j) for i in self.rows] for j in cols])

    # -- the point -------------------------------------------------------------------------

    def point(self, poll: Callable[[], None]) -> ExactPoint | None:
        """The exact point of the basis, if it lies in the domain's box."""
        assert self.proposal.basis is not None
        frame, dim = self.cell.frame, self._level
        status = self.proposal.basis.col_status.tolist()
        values: list[fmpq] = []
        for j in range(dim):
            bound = {
                int(BasisStatus.LOWER): frame.lower[j],
                int(BasisStatus.UPPER): frame.upper[j],
            }.get(status[j])
            values.append(ZERO if bound is None else bound)
        right = []
        for i in self.rows:
            row, constant = self.cell.exact(i)
            rest = constant + sum((a * values[j] for j, a in row.items() if values[j]), ZERO)
            if dim not in self.cols:  # t is at its largest, and not in the matrix
                rest -= self.proposal.scales[i] * rational(FAR)
            right.append(-rest)
        poll()
        solution = solve(self._matrix, right)
        if solution is None:
            return None
        for j, q in zip(self.cols, solution, strict=True):
            if j < dim:
                values[j] = q
        for q, low, high in zip(values, frame.lower, frame.upper, strict=True):
            if (low is not None and q < low) or (high is not None and q > high):
                return None
        return tuple(values)


def _solved(rows: list[int], transposed: list[list[fmpq]]) -> dict[int, fmpq] | None:
    """The non-zero multipliers y of the rows with equations 0, …, 0, -1; None if some is < 0."""
    right = [ZERO] * (len(rows) - 1) + [fmpq(-1)]
    weights = solve(transposed, right)
    if weights is None or any(w < 0 for w in weights):
        return None
    pairs = [(i, w) for i, w in zip(rows, weights, strict=True) if w]
    # integers: sums of rationals with large and different denominators would take minutes
    whole = coprime([w for _, w in pairs])
    return {i: w for (i, _), w in zip(pairs, whole, strict=True)}
