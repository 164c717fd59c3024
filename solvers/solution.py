"""`Solution`: what a backend claims, and the means to check the claim against the program."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np

from solvers.errors import InvalidProgram, NoSolution
from solvers.program import LinearProgram


class Status(enum.Enum):
    """What a backend claims; floats, hence a proposal and never a proof.

    Examples
    --------
    >>> bool(Status.OPTIMAL)
    Traceback (most recent call last):
        ...
    TypeError: Status.OPTIMAL has no truth value; compare it with `is`
    """

    OPTIMAL = "the backend claims a feasible point of least cost"
    INFEASIBLE = "the backend claims that no point satisfies the rows and bounds"
    UNBOUNDED = "the backend claims feasible points of arbitrarily low cost"
    INFEASIBLE_OR_UNBOUNDED = "the backend claims that there is no point of least cost"
    STOPPED = "a limit ended the solve before it could decide"
    FAILED = "the backend gave up, or its answer is not known to mean anything"

    def __bool__(self) -> bool:
        raise TypeError(f"{self} has no truth value; compare it with `is`")


class Limit(enum.Enum):
    """Which limit ended a solve that is STOPPED."""

    TIME = "the time limit"
    ITERATIONS = "the iteration limit"
    OBJECTIVE = "a bound or target on the objective was reached"
    SOLUTIONS = "the limit on solutions or nodes"
    MEMORY = "the memory limit"
    INTERRUPT = "the user"


class BasisStatus(enum.IntEnum):
    """Where a row or a column stands in a basis."""

    BASIC = 0
    LOWER = 1
    UPPER = 2
    FREE = 3


@dataclass(frozen=True, eq=False)
class Basis:
    """A simplex basis: the `BasisStatus` of each column and row, as locked int8 arrays.

    Examples
    --------
    >>> Basis([1, 0], [2]).num_basic
    1
    """

    col_status: np.ndarray
    row_status: np.ndarray

    def __post_init__(self):
        for name in ("col_status", "row_status"):
            status = np.array(getattr(self, name), dtype=np.int8)
            if status.ndim != 1 or (status.size and not 0 <= status.min() <= status.max() <= 3):
                raise InvalidProgram(f"Basis: {name} needs a vector of BasisStatus values")
            status.setflags(write=False)
            object.__setattr__(self, name, status)

    @property
    def num_basic(self) -> int:
        """Number of basic rows and columns; the number of rows in a proper basis."""
        return int((self.col_status == 0).sum() + (self.row_status == 0).sum())


@dataclass(frozen=True, eq=False)
class Solution:
    """The outcome of one solve of min cost·x over rows L <= M x <= U and columns l <= x <= u.

    Multipliers: y of the rows, and d = cost - Mᵀ y of the columns.  At an optimum y_i >= 0 where
    only L_i is active, y_i <= 0 where only U_i is, y_i = 0 where neither is; the same for d with
    l and u.  Then Σ y⁺L - y⁻U + d⁺l - d⁻u is the optimal value.

    Attributes
    ----------
    status, limit
        The claim; `limit` is set exactly when the status is STOPPED.
    objective
        cost·x, or None without x.
    bound
        Claimed lower bound of the optimal value; -inf when nothing is claimed.
    x, row_duals, col_duals
        (n,), (m,) and (n,), read-only; None where the backend offers none.  Integer programs have
        no multipliers.
    iterations, seconds, message
        Iterations and wall-clock seconds of this solve; the backend's own words.

    Examples
    --------
    >>> x, y, d = np.array([2.0]), np.array([0.0]), np.array([1.0])
    >>> inf = np.inf
    >>> program = LinearProgram([1], [[1]], [-inf], [5], [2], [inf])
    >>> solution = Solution(Status.OPTIMAL, None, 2.0, 2.0, x, y, d, 0, 0.0, "by hand")
    >>> solution.primal_residual(program), solution.dual_residual(program), solution.gap(program)
    (0.0, 0.0, 0.0)
    """

    status: Status
    limit: Limit | None
    objective: float | None
    bound: float
    x: np.ndarray | None
    row_duals: np.ndarray | None
    col_duals: np.ndarray | None
    iterations: int
    seconds: float
    message: str

    def primal_residual(self, program: LinearProgram) -> float:
        """Largest violation, by x, of a row, a column bound or an integrality; 0 if feasible.

        Raises
        ------
        NoSolution
            When there is no x.
        """
        x = self._point()
        activity = program.matrix @ x
        violations = [
            program.row_lower - activity,
            activity - program.row_upper,
            program.col_lower - x,
            x - program.col_upper,
        ]
        if program.integer is not None:
            whole = x[program.integer]
            violations.append(np.abs(whole - np.round(whole)))
        return _largest(violations)

    def dual_residual(self, program: LinearProgram) -> float:
        """Largest violation, by y and d, of d = cost - Mᵀ y or of a sign; 0 if dual feasible.

        A positive multiplier asks for a finite lower bound, a negative one for a finite upper
        bound.

        Raises
        ------
        NoSolution
            When there are no multipliers.
        """
        y, d = self._multipliers()
        return _largest(
            [
                np.abs(d - (program.cost - program.matrix.T @ y)),
                y[np.isneginf(program.row_lower)],
                -y[np.isposinf(program.row_upper)],
                d[np.isneginf(program.col_lower)],
                -d[np.isposinf(program.col_upper)],
            ]
        )

    def gap(self, program: LinearProgram) -> float:
        """Cost of x minus the value of the multipliers (or, without them, minus `bound`).

        Multipliers of infinite bounds count in `dual_residual`, not here.

        Raises
        ------
        NoSolution
            When there is no x.
        """
        cost = float(program.cost @ self._point())
        if self.row_duals is None or self.col_duals is None:
            return cost - self.bound
        value = 0.0
        for multipliers, lower, upper in (
            (self.row_duals, program.row_lower, program.row_upper),
            (self.col_duals, program.col_lower, program.col_upper),
        ):
            active = np.where(multipliers > 0, lower, upper)
            used = (multipliers != 0) & np.isfinite(active)
            value += float(multipliers[used] @ active[used])
        return cost - value

    def _point(self) -> np.ndarray:
        if self.x is None:
            raise NoSolution(f"this solution has no x: {self.status.value} ({self.message})")
        return self.x

    def _multipliers(self) -> tuple[np.ndarray, np.ndarray]:
        if self.row_duals is None or self.col_duals is None:
            raise NoSolution(
                f"this solution has no multipliers: {self.status.value} ({self.message})"
            )
        return self.row_duals, self.col_duals


def locked(values) -> np.ndarray:
    """A read-only float64 copy of a vector that a backend answered with."""
    array = np.array(values, dtype=np.float64)
    array.setflags(write=False)
    return array


def _largest(parts: list[np.ndarray]) -> float:
    worst = max((float(part.max()) for part in parts if part.size), default=0.0)
    return max(worst, 0.0)
