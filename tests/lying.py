"""A backend that lies: a solver underneath, and its answers falsified on the way up.

Nothing that counts may rest on a solver's word, so no lie may change a count.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from solvers.backend import Backend, Session, get_backend
from solvers.solution import Basis, BasisStatus, Solution, Status

Lie = Callable[[Solution, np.random.Generator], Solution]


def _garbage(values: Any, rng: np.random.Generator, scale: float = 1.0) -> Any:
    if values is None:
        return None
    return rng.normal(scale=scale, size=np.shape(values))


def _wrong_status(solution: Solution, rng: np.random.Generator) -> Solution:
    statuses = list(Status)
    return replace(solution, status=statuses[rng.integers(len(statuses))])


def _always(status: Status) -> Lie:
    def lie(solution: Solution, rng: np.random.Generator) -> Solution:
        return replace(
            solution, status=status, limit=None, objective=None, x=None,
            row_duals=None, col_duals=None,
        )  # fmt: skip

    return lie


def _wrong_points(solution: Solution, rng: np.random.Generator) -> Solution:
    return replace(solution, x=_garbage(solution.x, rng))


def _huge_points(solution: Solution, rng: np.random.Generator) -> Solution:
    return replace(solution, x=_garbage(solution.x, rng, 1e300))


def _wrong_multipliers(solution: Solution, rng: np.random.Generator) -> Solution:
    return replace(
        solution,
        row_duals=_garbage(solution.row_duals, rng),
        col_duals=_garbage(solution.col_duals, rng),
    )


def _flipped_multipliers(solution: Solution, rng: np.random.Generator) -> Solution:
    if solution.row_duals is None or solution.col_duals is None:
        return solution
    return replace(solution, row_duals=-solution.row_duals, col_duals=-solution.col_duals)


def _not_a_number(solution: Solution, rng: np.random.Generator) -> Solution:
    names = [n for n in ("x", "row_duals", "col_duals") if getattr(solution, n) is not None]
    changes = {name: np.full(np.shape(getattr(solution, name)), np.nan) for name in names}
    return replace(solution, objective=float("nan"), bound=float("nan"), **changes)


def _wrong_objective(solution: Solution, rng: np.random.Generator) -> Solution:
    return replace(solution, objective=float(rng.normal()), bound=float("inf"))


def _truth(solution: Solution, rng: np.random.Generator) -> Solution:
    return solution


LIES: dict[str, Lie] = {
    "truth": _truth,
    "wrong status": _wrong_status,
    "always infeasible": _always(Status.INFEASIBLE),
    "always unbounded": _always(Status.UNBOUNDED),
    "always failed": _always(Status.FAILED),
    "optimal without a point": _always(Status.OPTIMAL),
    "wrong points": _wrong_points,
    "huge points": _huge_points,
    "wrong multipliers": _wrong_multipliers,
    "flipped multipliers": _flipped_multipliers,
    "not a number": _not_a_number,
    "wrong objective": _wrong_objective,
}


class LyingBackend(Backend):
    """HiGHS, except that `lie` falsifies a share of its solutions, and bases are shuffled."""

    def __init__(self, lie: str, *, share: float = 1.0, bases: bool = True, seed: int = 0):
        self._lie = LIES[lie]
        self._share = share
        self._bases = bases
        self._rng = np.random.default_rng(seed)
        self._under = get_backend("highs")
        self.told = 0

    @property
    def name(self) -> str:
        return "lying"

    def is_available(self) -> bool:
        return self._under.is_available()

    def open(self, program: Any, options: Any = None) -> Session:
        return LyingSession(self, self._under.open(program, options))

    def falsified(self, solution: Solution) -> Solution:
        if self._rng.random() >= self._share:
            return solution
        self.told += 1
        return self._lie(solution, self._rng)

    def shuffled(self, basis: Basis | None) -> Basis | None:
        if basis is None or not self._bases:
            return basis
        states = np.array([int(state) for state in BasisStatus])
        return Basis(
            self._rng.choice(states, len(basis.col_status)).astype(np.int8),
            self._rng.choice(states, len(basis.row_status)).astype(np.int8),
        )

    def ray(self, ray: np.ndarray | None) -> np.ndarray | None:
        return _garbage(ray, self._rng)


class LyingSession(Session):
    """Passes everything down, and falsifies what comes up."""

    def __init__(self, liar: LyingBackend, under: Session):
        self._liar = liar
        self._under = under

    def solve(self, time_limit: float | None = None) -> Solution:
        return self._liar.falsified(self._under.solve(time_limit))

    def set_cost(self, cost: Any) -> None:
        self._under.set_cost(cost)

    def set_row(self, i: int, lower: float, upper: float) -> None:
        self._under.set_row(i, lower, upper)

    def set_col(self, j: int, lower: float, upper: float) -> None:
        self._under.set_col(j, lower, upper)

    def set_cols(self, lower: Any, upper: Any) -> None:
        self._under.set_cols(lower, upper)

    def add_rows(self, matrix: Any, lower: Any, upper: Any) -> None:
        self._under.add_rows(matrix, lower, upper)

    def delete_rows(self, start: int, stop: int) -> None:
        self._under.delete_rows(start, stop)

    def basis(self) -> Basis | None:
        return self._liar.shuffled(self._under.basis())

    def set_basis(self, basis: Basis | None) -> None:
        self._under.set_basis(None)

    def dual_ray(self) -> np.ndarray | None:
        return self._liar.ray(self._under.dual_ray())

    def primal_ray(self) -> np.ndarray | None:
        return self._liar.ray(self._under.primal_ray())

    @property
    def num_rows(self) -> int:
        return self._under.num_rows

    @property
    def program(self) -> Any:
        return self._under.program

    def close(self) -> None:
        self._under.close()
