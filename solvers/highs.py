"""HiGHS through highspy, warm-started: the only file that imports highspy.

A session keeps one HiGHS instance, which starts from its last basis after a change; Python adds one
call for the change, one `run`, one `getSolution`.  HiGHS claims; callers must check.
"""

from __future__ import annotations

import importlib.util
import math
import time
from collections.abc import Callable
from typing import Any

import highspy
import numpy as np
from highspy import HighsBasisStatus, HighsModelStatus, HighsStatus

from solvers.backend import Backend, Session
from solvers.errors import InvalidOption, InvalidProgram, SolversError
from solvers.highs_input import compressed_rows, pass_program, set_options
from solvers.options import SolveOptions
from solvers.program import LinearProgram
from solvers.solution import Basis, BasisStatus, Limit, Solution, Status, locked
from solvers.working import WorkingProgram

# Every status of HiGHS, one a line.  What is not here is FAILED.
_BY_NAME: dict[str, tuple[Status, Limit | None]] = {
    "kNotset": (Status.FAILED, None),
    "kLoadError": (Status.FAILED, None),
    "kModelError": (Status.FAILED, None),
    "kPresolveError": (Status.FAILED, None),
    "kSolveError": (Status.FAILED, None),
    "kPostsolveError": (Status.FAILED, None),
    # No columns: answered before HiGHS is asked; otherwise it means that no program was loaded.
    "kModelEmpty": (Status.FAILED, None),
    "kOptimal": (Status.OPTIMAL, None),
    "kInfeasible": (Status.INFEASIBLE, None),
    "kUnboundedOrInfeasible": (Status.INFEASIBLE_OR_UNBOUNDED, None),
    "kUnbounded": (Status.UNBOUNDED, None),
    "kObjectiveBound": (Status.STOPPED, Limit.OBJECTIVE),
    "kObjectiveTarget": (Status.STOPPED, Limit.OBJECTIVE),
    "kTimeLimit": (Status.STOPPED, Limit.TIME),
    "kIterationLimit": (Status.STOPPED, Limit.ITERATIONS),
    "kUnknown": (Status.FAILED, None),
    "kSolutionLimit": (Status.STOPPED, Limit.SOLUTIONS),
    "kInterrupt": (Status.STOPPED, Limit.INTERRUPT),
    "kMemoryLimit": (Status.STOPPED, Limit.MEMORY),
    "kHighsInterrupt": (Status.STOPPED, Limit.INTERRUPT),
}
# A release without some status has no use for its line.
_MEMBERS: dict[str, HighsModelStatus] = HighsModelStatus.__members__
STATUSES = {_MEMBERS[name]: meant for name, meant in _BY_NAME.items() if name in _MEMBERS}
_MESSAGES = {member: f"HiGHS: {name}" for name, member in _MEMBERS.items()}

_TO_HIGHS = {
    int(BasisStatus.BASIC): HighsBasisStatus.kBasic,
    int(BasisStatus.LOWER): HighsBasisStatus.kLower,
    int(BasisStatus.UPPER): HighsBasisStatus.kUpper,
    int(BasisStatus.FREE): HighsBasisStatus.kZero,
}
_FROM_HIGHS = {theirs: ours for ours, theirs in _TO_HIGHS.items()}

_OPTIONS = frozenset(name for name in dir(highspy.HighsOptions) if not name.startswith("_"))
_ERROR = HighsStatus.kError
_FEASIBLE = int(highspy.kSolutionStatusFeasible)
_INTERRUPTS = (
    highspy.cb.HighsCallbackType.kCallbackSimplexInterrupt,
    highspy.cb.HighsCallbackType.kCallbackIpmInterrupt,
    highspy.cb.HighsCallbackType.kCallbackMipInterrupt,
)
_ITERATION_COUNTS = {
    "interior": ("ipm_iteration_count", "crossover_iteration_count", "simplex_iteration_count"),
    "pdlp": ("pdlp_iteration_count",),
}


def meaning(
    model_status: HighsModelStatus, run_status: HighsStatus = HighsStatus.kOk
) -> tuple[Status, Limit | None]:
    """What a HiGHS status means; unknown ones, and all after a failed run, are FAILED.

    Examples
    --------
    >>> meaning(HighsModelStatus.kTimeLimit)[1].name
    'TIME'
    >>> meaning(HighsModelStatus.kInfeasible, HighsStatus.kError)[0].name
    'FAILED'
    """
    if run_status == _ERROR:
        return Status.FAILED, None
    return STATUSES.get(model_status, (Status.FAILED, None))


class HighsBackend(Backend):
    """HiGHS with warm sessions."""

    @property
    def name(self) -> str:
        """The name by which users choose it."""
        return "highs"

    def open(self, program: LinearProgram, options: SolveOptions | None = None) -> HighsSession:
        """A warm session on `program`."""
        return HighsSession(program, options or SolveOptions())

    def is_available(self) -> bool:
        """Whether highspy is installed."""
        return importlib.util.find_spec("highspy") is not None


class HighsSession(Session):
    """One HiGHS instance and the program that it holds.

    Examples
    --------
    >>> inf = float("inf")
    >>> program = LinearProgram([-1, -1], [[1, 2]], [-inf], [2], [0, 0], [1, 1])
    >>> with HighsSession(program, SolveOptions()) as session:
    ...     first = session.solve()
    ...     session.set_cost([0, -1])
    ...     second = session.solve()
    >>> first.objective, second.objective
    (-1.5, -1.0)
    """

    def __init__(self, program: LinearProgram, options: SolveOptions):
        self._working = WorkingProgram(program)
        self._columns = np.arange(program.num_cols, dtype=np.int32)
        self._time_limit = options.time_limit
        self._limited = False
        self._is_mip = program.has_integers
        self._counts = _ITERATION_COUNTS.get(options.method, ("simplex_iteration_count",))
        # Not highspy.Highs, which extends this class by callbacks: enabling them prints a banner on
        # stdout and doubles the time to open a session.
        self._highs: Any = highspy._Highs()  # pyright: ignore[reportAttributeAccessIssue]
        set_options(self._highs, options, _OPTIONS)
        pass_program(self._highs, program)
        self._watch = None if options.interrupt is None else _Watch(self._highs, options.interrupt)

    def solve(self, time_limit: float | None = None) -> Solution:
        """Solve from the last basis."""
        highs = self._highs
        if not len(self._columns):
            return self._working.solve_without_columns()
        limit = self._time_limit if time_limit is None else time_limit
        if limit is not None or self._limited:
            # HiGHS compares the limit with the run time of the instance, all solves together.
            end = math.inf if limit is None else highs.getRunTime() + limit
            self._limited = limit is not None
            if highs.setOptionValue("time_limit", float(end)) == _ERROR:
                raise InvalidOption(f"solve(): time_limit needs seconds >= 0, got {limit!r}")
        started = time.perf_counter()
        run_status = highs.run()
        if self._watch is not None:
            self._watch.raise_again()
        seconds = time.perf_counter() - started
        model_status = highs.getModelStatus()
        status, stopped_by = meaning(model_status, run_status)
        x = y = d = None
        objective = None
        bound = -math.inf
        if status is Status.OPTIMAL:
            found = highs.getSolution()
            x = locked(found.col_value)
            objective = bound = highs.getObjectiveValue()
            if found.dual_valid:
                y, d = locked(found.row_dual), locked(found.col_dual)
            if self._is_mip:
                bound = highs.getInfoValue("mip_dual_bound")[1]
        elif status is Status.STOPPED or status is Status.UNBOUNDED:
            x, y, d, objective, bound = self._partial(status)
        elif status is Status.INFEASIBLE:
            bound = math.inf
        return Solution(
            status, stopped_by, objective, bound, x, y, d, self._iterations(), seconds,
            _MESSAGES.get(model_status, f"HiGHS: {model_status}"),
        )  # fmt: skip

    def _partial(self, status: Status):
        """Whatever HiGHS marks as feasible, primal or dual, after an early end."""
        info, found = self._highs.getInfo(), self._highs.getSolution()
        x = y = d = objective = None
        bound = -math.inf
        if found.value_valid and info.primal_solution_status == _FEASIBLE:
            x = locked(found.col_value)
            objective = float(self._working.cost @ x)
        if status is Status.STOPPED and self._is_mip:
            bound = info.mip_dual_bound
        elif status is Status.STOPPED and info.dual_solution_status == _FEASIBLE:
            y, d = locked(found.row_dual), locked(found.col_dual)
        return x, y, d, objective, bound

    def _iterations(self) -> int:
        # A count that HiGHS did not touch is -1.
        return sum(max(0, self._highs.getInfoValue(name)[1]) for name in self._counts)

    def set_cost(self, cost) -> None:
        """Replace all costs."""
        cost = self._working.checked_cost(cost)
        if self._highs.changeColsCost(len(cost), self._columns, cost) == _ERROR:
            raise InvalidProgram("set_cost(): HiGHS rejects these costs")
        self._working.cost[:] = cost

    def set_row(self, i: int, lower: float, upper: float) -> None:
        """Replace the bounds of row i."""
        working = self._working
        working.check_row(i, lower, upper)
        if self._highs.changeRowBounds(i, lower, upper) == _ERROR:
            raise InvalidProgram(f"set_row(): HiGHS rejects [{lower}, {upper}] for row {i}")
        working.row_lower[i] = lower
        working.row_upper[i] = upper

    def set_col(self, j: int, lower: float, upper: float) -> None:
        """Replace the bounds of column j."""
        working = self._working
        working.check_col(j, lower, upper)
        if self._highs.changeColBounds(j, lower, upper) == _ERROR:
            raise InvalidProgram(f"set_col(): HiGHS rejects [{lower}, {upper}] for column {j}")
        working.col_lower[j] = lower
        working.col_upper[j] = upper

    def set_cols(self, lower, upper) -> None:
        """Replace the bounds of all columns."""
        lower, upper = self._working.checked_cols(lower, upper)
        if self._highs.changeColsBounds(len(lower), self._columns, lower, upper) == _ERROR:
            raise InvalidProgram("set_cols(): HiGHS rejects these bounds")
        self._working.col_lower, self._working.col_upper = lower, upper

    def add_rows(self, matrix, lower, upper) -> None:
        """Append rows; they enter the basis as basic."""
        block, lower, upper = self._working.checked_rows(matrix, lower, upper)
        if not len(lower):
            return
        starts, columns, values = compressed_rows(block)
        rows = (lower, upper, len(values), starts[:-1], columns, values)
        if self._highs.addRows(len(lower), *rows) == _ERROR:
            raise InvalidProgram("add_rows(): HiGHS rejects these rows (an entry of 1e15 or more?)")
        self._working.append(block, lower, upper)

    def delete_rows(self, start: int, stop: int) -> None:
        """Remove rows start, ..., stop - 1."""
        self._working.check_span(start, stop)
        rows = np.arange(start, stop, dtype=np.int32)
        if len(rows) and self._highs.deleteRows(len(rows), rows) == _ERROR:
            raise InvalidProgram(f"delete_rows(): HiGHS cannot delete rows {start} to {stop}")
        self._working.delete(start, stop)

    def basis(self) -> Basis | None:
        """The basis of the last solve."""
        theirs = self._highs.getBasis()
        if not theirs.valid:
            return None
        try:
            return Basis(
                np.array([_FROM_HIGHS[status] for status in theirs.col_status]),
                np.array([_FROM_HIGHS[status] for status in theirs.row_status]),
            )
        except KeyError:  # kNonbasic: HiGHS itself has not decided at which bound
            return None

    def set_basis(self, basis: Basis | None) -> None:
        """Start the next solve from `basis`, or cold."""
        if basis is None:
            self._highs.clearSolver()
            return
        theirs = highspy.HighsBasis()
        theirs.col_status = [_TO_HIGHS[status] for status in basis.col_status.tolist()]
        theirs.row_status = [_TO_HIGHS[status] for status in basis.row_status.tolist()]
        theirs.valid = True
        if self._highs.setBasis(theirs) == _ERROR:
            raise InvalidProgram(
                f"set_basis(): needs {len(self._columns)} columns and {self.num_rows} rows, got "
                f"{len(basis.col_status)} and {len(basis.row_status)} of which {basis.num_basic} "
                "are basic"
            )

    def dual_ray(self) -> np.ndarray | None:
        """Multipliers of the infeasibility that the last solve claimed; may re-solve."""
        return self._ray(self._highs.getDualRay)

    def primal_ray(self) -> np.ndarray | None:
        """Direction of the unboundedness that the last solve claimed; may re-solve."""
        return self._ray(self._highs.getPrimalRay)

    def _ray(self, ask) -> np.ndarray | None:
        if not len(self._columns):
            return None
        status, exists, ray = ask()
        return locked(ray) if exists and status != _ERROR else None

    @property
    def num_rows(self) -> int:
        """Number of rows now."""
        return len(self._working.row_lower)

    @property
    def program(self) -> LinearProgram:
        """A snapshot of the program as it stands."""
        return self._working.snapshot()

    def close(self) -> None:
        """Free HiGHS's memory."""
        self._highs = _Closed()


class _Watch:
    """Ends a solve when `interrupt` says so.  The callbacks let Python see to signals as well."""

    def __init__(self, highs: Any, interrupt: Callable[[], bool]):
        self._interrupt = interrupt
        self._raised: BaseException | None = None
        highs.setCallback(self._call, None)
        for kind in _INTERRUPTS:
            highs.startCallback(kind)

    def _call(self, kind: Any, message: str, out: Any, answer: Any, data: object) -> None:
        try:
            answer.user_interrupt = self._raised is not None or self._interrupt()
        except BaseException as error:  # must not pass through the frames of HiGHS
            self._raised = error
            answer.user_interrupt = True

    def raise_again(self) -> None:
        """What a callback raised goes on from here."""
        error, self._raised = self._raised, None
        if error is not None:
            raise error


class _Closed:
    def __getattr__(self, name: str):
        raise SolversError("this HiGHS session is closed; open another one")
