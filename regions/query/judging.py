"""Has a cell a point of the wanted kind?  Floats propose, rationals dispose.

The three questions of meanings §2.7 about the rows that known bits put on a cell:

- INTERIOR: is there a point with all of them strict?
- ATTAINED: one with the rows of bit 1 strict, and those of bit 0 at least weak?
- CLOSED: one with all of them weak?

The answer is a point that was checked exactly, or multipliers that exclude one, in rationals and
irreducible.  A linear program proposes a basis, whose point and multipliers are computed exactly.
Where they prove nothing, exact pivots decide on few rows; a point that violates others brings them
in.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

import numpy as np
from flint import fmpq

from regions.counting.decide import Judge
from regions.counting.points import ExactPoint
from regions.counting.tree import Stop
from regions.frame import Frame
from regions.query.bases import ExactBasis
from regions.query.cell_rows import CellRows
from regions.query.margin import MarginProgram, Proposal
from solvers.backend import Backend
from solvers.exact_simplex import Stopped
from solvers.rational import floats, rational
from solvers.solution import BasisStatus
from solvers.strict_rows import StrictRows, settle

FINE = 1e-10  # the least tolerance that HiGHS allows
LARGE = 300  # rows of a basis that takes seconds to solve exactly
HOPELESS = -1e-5  # where a float solver gets no farther than this level, there is no point
MORE_ROWS = 24  # that a point violates are brought in at a time


class Question(enum.Enum):
    """Which points of a cell are asked for."""

    INTERIOR = "all rows strict"
    ATTAINED = "rows of bit 1 strict, rows of bit 0 weak"
    CLOSED = "all rows weak"

    def strict(self, bits: np.ndarray) -> np.ndarray:
        """Which rows must hold strictly, the bits of their units given (-1: a side)."""
        if self is Question.INTERIOR:
            return bits >= 0
        return bits == 1 if self is Question.ATTAINED else np.zeros(len(bits), dtype=bool)


@dataclass(frozen=True, eq=False)
class Inside:
    """A point, exactly and in nearest doubles; `strictly`: in the interior of the domain too."""

    point: ExactPoint
    x: np.ndarray
    strictly: bool


@dataclass(frozen=True, eq=False)
class Excluded:
    """Multipliers by row of the cell; `total` as in `solvers.strict_rows`."""

    weights: dict[int, fmpq]
    total: fmpq


@dataclass(slots=True)
class Tally:
    """How decisions came about."""

    by_floats: int = 0
    by_basis: int = 0
    by_pivots: int = 0
    by_interval: int = 0


@dataclass(eq=False)
class CellJudge:
    """Answers questions about cells of one frame; `close` ends its sessions."""

    frame: Frame
    backend: Backend
    stop: Stop
    tally: Tally = field(default_factory=Tally)

    def __post_init__(self) -> None:
        self.judge = Judge.of(self.frame)
        frame, backend = self.frame, self.backend
        self._programs = {
            Question.INTERIOR: MarginProgram(frame, backend, positive=False),
            Question.ATTAINED: MarginProgram(frame, backend, positive=True),
        }
        self._finer = {
            Question.INTERIOR: MarginProgram(frame, backend, positive=False, tolerance=FINE),
            Question.ATTAINED: MarginProgram(frame, backend, positive=True, tolerance=FINE),
        }
        self._middle = floats(np.array(self.frame.interior, dtype=object))

    def close(self) -> None:
        """End the sessions."""
        for program in (*self._programs.values(), *self._finer.values()):
            program.close()

    @property
    def solves(self) -> int:
        """Linear programs so far."""
        programs = (*self._programs.values(), *self._finer.values())
        return sum(program.solves for program in programs)

    # -- the three questions ---------------------------------------------------------------

    def ask(self, question: Question, cell: CellRows) -> Inside | Excluded:
        """The answer.

        Raises
        ------
        Stopped
            When `stop` returned true first.
        """
        if self.stop():
            raise Stopped
        if len(cell) == cell.num_sides:
            return Inside(self.frame.interior, self._middle, True)
        quick = self._by_interval(cell)
        if quick is not None:
            return quick
        if question is Question.INTERIOR:
            return self._interior(cell)
        if question is Question.CLOSED:
            return self._closed(cell)
        return self._attained(cell)

    def _interior(self, cell: CellRows) -> Inside | Excluded:
        proposal = self._programs[Question.INTERIOR].propose(cell, self.stop.seconds_left())
        if proposal is not None and proposal.point is not None:
            found = self._pushed(cell, proposal.point)
            if found is not None:
                self.tally.by_floats += 1
                return found
        return self._exactly(Question.INTERIOR, Question.INTERIOR, cell, proposal)

    def _closed(self, cell: CellRows) -> Inside | Excluded:
        proposal = self._programs[Question.INTERIOR].propose(cell, self.stop.seconds_left())
        return self._exactly(Question.CLOSED, Question.INTERIOR, cell, proposal)

    def _attained(self, cell: CellRows) -> Inside | Excluded:
        answer = self._interior(cell)
        if isinstance(answer, Inside) or answer.total < 0:
            return answer
        closed = self._closed(cell)  # which says whether its closure is empty, the stronger "no"
        if isinstance(closed, Excluded) or any(cell.bits[i] == 1 for i in answer.weights):
            return closed if isinstance(closed, Excluded) else answer
        strict = Question.ATTAINED.strict(cell.bits)
        if not len(cell.violated(closed.point, closed.x, strict)):
            return closed
        proposal = self._programs[Question.ATTAINED].propose(cell, self.stop.seconds_left())
        return self._exactly(Question.ATTAINED, Question.ATTAINED, cell, proposal)

    def _exactly(
        self, question: Question, solved: Question, cell: CellRows, proposal: Proposal | None
    ) -> Inside | Excluded:
        """What a proposal's basis proves, or a basis nearer to the optimum, or else exact pivots.

        Multipliers that are negative by less than the solver's tolerance prove nothing.
        """
        found = self._by_basis(question, cell, proposal)
        if found is not None:
            return found
        if proposal is not None and proposal.basis is not None:
            left, start = self.stop.seconds_left(), proposal.basis
            finer = self._finer[solved].propose(cell, left, start)
            found = self._by_basis(question, cell, finer, final=True)
            proposal = finer or proposal
        return found or self._by_pivots(question, cell, proposal)

    # -- without a linear program ----------------------------------------------------------

    def _by_interval(self, cell: CellRows) -> Excluded | None:
        """One row that is negative on the whole box, if there is one.

        Of the newest block; a point of the cell above satisfies the older ones.
        """
        first = len(cell) - len(cell.blocks[-1])
        _, high = cell.blocks[-1].floats.over_box(self.judge.low, self.judge.high)
        for index in (first + np.flatnonzero(high < 0)).tolist():
            found = self._excluded(cell, Question.CLOSED, {index: fmpq(1)})
            if found is not None:
                self.tally.by_interval += 1
                return found
        return None

    # -- from a proposal -------------------------------------------------------------------

    def _pushed(self, cell: CellRows, vertex: np.ndarray) -> Inside | None:
        """A double point strictly inside, a little from the vertex to the domain's middle."""
        with np.errstate(all="ignore"):
            values = cell.floats.at(np.stack([vertex, self._middle]))[0]
            there, middle = values[0], values[1]
            if not np.isfinite(values).all() or not (there[cell.num_sides :] > 0).all():
                return None
            drop = middle < there
            share = np.min(np.where(drop, there / (there - middle), np.inf), initial=1.0)
        share = min(float(share), 0.5)
        for part in (share / 2, share / 32, share / 4096):
            x = vertex + part * (self._middle - vertex)
            if self._is_inside(cell, x):
                return Inside(tuple(rational(v) for v in x.tolist()), x, True)
        return None

    def _is_inside(self, cell: CellRows, x: np.ndarray) -> bool:
        """Whether a double point lies strictly in the domain and in the cell; exactly."""
        if not (np.all(x > self.judge.low) and np.all(x < self.judge.high)):
            return False
        values, errors = cell.floats.at(x[None, :])
        return bool((values[0] > errors[0]).all())

    def _by_basis(
        self, question: Question, cell: CellRows, proposal: Proposal | None, final: bool = False
    ) -> Inside | Excluded | None:
        """What the exact point and the exact multipliers of the proposed basis prove."""
        basis = ExactBasis.of(cell, proposal)
        if basis is None or proposal is None:
            return None
        # a large basis has multipliers that are negative by rounding, nearly always
        every = final or len(basis.rows) <= LARGE
        for weights in (basis.some_weights, *([basis.weights] if every else [])):
            self._poll()
            found = self._excluded(cell, question, weights())
            if found is not None:
                self.tally.by_basis += 1
                return found
        if proposal.level < HOPELESS:
            return None
        point = basis.point(self._poll)
        if point is None:
            return None
        answer = self._checked(question, cell, point)
        self.tally.by_basis += answer is not None
        return answer

    def _excluded(
        self, cell: CellRows, question: Question, weights: dict[int, fmpq] | None
    ) -> Excluded | None:
        """The multipliers, which are irreducible already, if they exclude every point."""
        if not weights:
            return None
        index = sorted(weights)
        system = cell.system(index, question.strict(cell.bits))
        local = {k: weights[i] for k, i in enumerate(index)}
        return _renamed(system, local, index) if system.excludes(local) else None

    # -- exact points ----------------------------------------------------------------------

    def _checked(self, question: Question, cell: CellRows, point: ExactPoint) -> Inside | None:
        """The point, if it is one that is asked for; for INTERIOR moved inside the domain."""
        x = floats(np.array(point, dtype=object))
        strict = question.strict(cell.bits)
        if len(cell.violated(point, x, strict)):
            return None
        if question is not Question.INTERIOR:
            return Inside(point, x, False)
        everything = np.ones(len(cell), dtype=bool)
        share, middle = fmpq(1, 2), self.frame.interior
        while True:  # ends, since the rows of units are open conditions
            self._poll()
            near = tuple(p + share * (q - p) for p, q in zip(point, middle, strict=True))
            y = floats(np.array(near, dtype=object))
            if not len(cell.violated(near, y, everything)):
                break
            share /= 16
        if self._is_inside(cell, y):
            near = tuple(rational(v) for v in y.tolist())
        return Inside(near, y, True)

    def _by_pivots(
        self, question: Question, cell: CellRows, proposal: Proposal | None
    ) -> Inside | Excluded:
        """Exact pivots on few rows, and on more where their point violates others."""
        self.tally.by_pivots += 1
        strict = question.strict(cell.bits)
        used = set(range(cell.num_sides))
        point, x = self.frame.interior, self._middle
        if proposal is not None and proposal.basis is not None:
            tight = np.flatnonzero(proposal.basis.row_status != BasisStatus.BASIC)
            used |= set(tight[: 4 * self.frame.dim + 4].tolist())
        while True:
            wrong = [i for i in cell.violated(point, x, strict).tolist() if i not in used]
            used |= set(self._worst(cell, x, wrong))
            index = sorted(used)
            system = cell.system(index, strict)
            found = settle(system, self.frame.interior, self.stop)
            if isinstance(found, dict):
                return _renamed(system, found, index)
            point, x = found, floats(np.array(found, dtype=object))
            if not len(cell.violated(point, x, strict)):
                answer = self._checked(question, cell, point)
                assert answer is not None, "a point that violates no row is one that is asked for"
                return answer

    @staticmethod
    def _worst(cell: CellRows, x: np.ndarray, rows: list[int]) -> list[int]:
        if len(rows) <= MORE_ROWS:
            return rows
        with np.errstate(all="ignore"):
            values = cell.floats.at(x[None, :])[0][0][rows]
            size = np.abs(cell.floats.a[rows]).max(axis=1)
            depth = np.nan_to_num(values / size, nan=0.0)
        return [rows[k] for k in np.argsort(depth, kind="stable")[:MORE_ROWS].tolist()]

    def _poll(self) -> None:
        if self.stop():
            raise Stopped


def _renamed(system: StrictRows, weights: dict[int, fmpq], index: list[int]) -> Excluded:
    total = system.total(weights)
    assert total is not None
    return Excluded({index[k]: w for k, w in weights.items()}, total)
