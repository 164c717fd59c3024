"""`WorkingProgram`: the program of a session as it stands, changed in place and checked."""

from __future__ import annotations

import math
import time

import numpy as np
import scipy.sparse as sp

from solvers.errors import InvalidProgram
from solvers.program import LinearProgram, bound_vectors, finite_matrix, row_count
from solvers.solution import Solution, Status


class WorkingProgram:
    """A mutable copy of a `LinearProgram`; every change is checked before it is made.

    Added rows stay a list of blocks, so that pushing rows and popping them again, as a tree search
    does, never copies the matrix.
    """

    def __init__(self, program: LinearProgram):
        self.cost = program.cost.copy()
        self.col_lower = program.col_lower.copy()
        self.col_upper = program.col_upper.copy()
        self.row_lower = program.row_lower.copy()
        self.row_upper = program.row_upper.copy()
        self.integer = program.integer
        self._blocks: list[np.ndarray | sp.csr_array] = [program.matrix]

    @property
    def num_cols(self) -> int:
        """Number of columns n."""
        return len(self.cost)

    @property
    def num_rows(self) -> int:
        """Number of rows now."""
        return len(self.row_lower)

    def matrix(self) -> np.ndarray | sp.csr_array:
        """All blocks in one matrix: sparse if any block is."""
        if len(self._blocks) > 1:
            dense = [block for block in self._blocks if isinstance(block, np.ndarray)]
            if len(dense) == len(self._blocks):
                whole = np.concatenate(dense)
            else:
                parts = [sp.csr_array(block) for block in self._blocks]
                whole = sp.csr_array(sp.vstack(parts, format="csr"))
            self._blocks = [whole]
        return self._blocks[0]

    def snapshot(self) -> LinearProgram:
        """The program as it stands, copied."""
        return LinearProgram(
            self.cost,
            self.matrix(),
            self.row_lower,
            self.row_upper,
            self.col_lower,
            self.col_upper,
            self.integer,
        )

    def checked_cost(self, cost) -> np.ndarray:
        """`cost` as a contiguous float64 vector, or InvalidProgram."""
        vector = np.ascontiguousarray(cost, dtype=np.float64)
        finite = np.isfinite(vector).all()
        if vector.shape != self.cost.shape or not finite:
            raise InvalidProgram(
                f"set_cost(): needs {self.num_cols} finite costs, got shape {vector.shape}"
                + ("" if finite else " with NaN or an infinity")
            )
        return vector

    def check_row(self, i: int, lower: float, upper: float) -> None:
        """Nothing, or InvalidProgram when row i or its bounds are impossible."""
        _check_bounds("set_row()", "row", i, self.num_rows, lower, upper)

    def check_col(self, j: int, lower: float, upper: float) -> None:
        """Nothing, or InvalidProgram when column j or its bounds are impossible."""
        _check_bounds("set_col()", "column", j, self.num_cols, lower, upper)

    def checked_cols(self, lower, upper) -> tuple[np.ndarray, np.ndarray]:
        """Fresh bounds of all columns, or InvalidProgram."""
        return bound_vectors("col", lower, upper, self.num_cols)

    def checked_rows(self, matrix, lower, upper):
        """Fresh (k, n) matrix and (k,) bounds, or InvalidProgram."""
        block = finite_matrix("add_rows() matrix", matrix, self.num_cols)
        lower, upper = bound_vectors("add_rows() row", lower, upper, row_count(block))
        return block, lower, upper

    def check_span(self, start: int, stop: int) -> None:
        """Nothing, or InvalidProgram when there are no such rows."""
        if not 0 <= start <= stop <= self.num_rows:
            raise InvalidProgram(
                f"delete_rows(): needs 0 <= start <= stop <= {self.num_rows}, "
                f"got {start} and {stop}"
            )

    def append(self, block, lower: np.ndarray, upper: np.ndarray) -> None:
        """Add checked rows at the end."""
        self._blocks.append(block)
        self.row_lower = np.concatenate((self.row_lower, lower))
        self.row_upper = np.concatenate((self.row_upper, upper))

    def delete(self, start: int, stop: int) -> None:
        """Remove a checked span of rows; a span at the end costs no copy of the others."""
        if stop == self.num_rows:
            rows = self.num_rows
            while len(self._blocks) > 1 and rows - row_count(self._blocks[-1]) >= start:
                rows -= row_count(self._blocks.pop())
            if rows > start:
                keep = row_count(self._blocks[-1]) - (rows - start)
                self._blocks[-1] = self._blocks[-1][:keep]
            self.row_lower = self.row_lower[:start].copy()
            self.row_upper = self.row_upper[:start].copy()
            return
        keep = np.r_[0:start, stop : self.num_rows]
        self._blocks = [self.matrix()[keep]]
        self.row_lower = self.row_lower[keep]
        self.row_upper = self.row_upper[keep]

    def contradicts_itself(self) -> bool:
        """Whether some row or column has its lower bound above its upper bound."""
        return bool(
            (self.row_lower > self.row_upper).any() or (self.col_lower > self.col_upper).any()
        )

    def solve_without_columns(self) -> Solution:
        """The answer when n = 0: every row reads lower <= 0 <= upper.  No backend takes these."""
        started = time.perf_counter()
        feasible = bool((self.row_lower <= 0).all() and (self.row_upper >= 0).all())
        empty = np.zeros(0)
        return Solution(
            status=Status.OPTIMAL if feasible else Status.INFEASIBLE,
            limit=None,
            objective=0.0 if feasible else None,
            bound=0.0 if feasible else math.inf,
            x=empty if feasible else None,
            row_duals=np.zeros(self.num_rows) if feasible else None,
            col_duals=empty if feasible else None,
            iterations=0,
            seconds=time.perf_counter() - started,
            message="decided without a backend: no columns",
        )


def _check_bounds(caller: str, what: str, i: int, count: int, lower: float, upper: float) -> None:
    if not 0 <= i < count:
        raise InvalidProgram(f"{caller}: needs a {what} in [0, {count}), got {i}")
    # NaN fails both comparisons, as it should.
    if not (lower < math.inf and upper > -math.inf):
        raise InvalidProgram(
            f"{caller}: needs lower < inf and upper > -inf, got [{lower}, {upper}] for {what} {i}"
        )
