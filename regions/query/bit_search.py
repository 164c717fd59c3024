"""Branch and bound over bits, with linear relaxations whose bounds are re-evaluated rigorously.

A node fixes some bits.  The relaxation of the network with these bits bounds the cost from below,
by multipliers in which all rounding is charged; where every bit is fixed, the closed cell is solved
in rationals.  So the end of the search is exact.  Closed cells are what is wanted here: the cost is
continuous, and the domain is the union of its closed cells.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Protocol

import numpy as np
from flint import fmpq

from regions.counting.points import ExactPoint
from regions.counting.tree import Stop
from regions.encoding_rows import Column
from regions.network import Network
from regions.query.best_first import Floats
from regions.ranges import Ranges
from solvers.backend import Backend, Session
from solvers.dual_bound import dual_bound
from solvers.errors import BackendDisagreement, SolversError
from solvers.exact_simplex import Stopped
from solvers.options import SolveOptions
from solvers.program import LinearProgram
from solvers.solution import Status

TIGHT = 1e-7  # a relaxed output is that of its unit, as far as floats can tell
NEAR = fmpq(1, 10**9)  # relative gap below which only rounding is left to be decided
NOTHING = fmpq(-(10**400))  # the key of a bound that says nothing
CLOSING = 2000  # nodes that are spent on it

# A bound of its value, the number of the node, its bits (-1: free), and the relaxation's point.
Node = tuple[fmpq, int, np.ndarray, np.ndarray | None]


@dataclass(frozen=True, eq=False)
class Candidate:
    """A point and its value, exactly."""

    value: fmpq
    point: ExactPoint


@dataclass(eq=False)
class Record:
    """The best candidate so far, shared by several searches."""

    best: Candidate | None = None

    def offer(self, candidate: Candidate | None) -> None:
        """Take it if it is better."""
        if candidate is not None and (self.best is None or candidate.value < self.best.value):
            self.best = candidate


class Goal(Protocol):
    """The exact side of what is minimised."""

    def key(self, bound: float) -> fmpq:
        """At most the value wherever the program's cost is at least `bound`."""
        ...

    def leaf(
        self, bits: list[np.ndarray], above: fmpq | None, quick: bool = False
    ) -> Candidate | None:
        """The least value on a closed cell; None if there is none, or none below `above`.

        If it has to be quick, None says nothing, and another point of the cell will do.
        """
        ...

    def cut(self, x: np.ndarray) -> tuple[np.ndarray, float] | None:
        """A row a·x >= b that holds everywhere and not at this point of the program."""
        ...


@dataclass(eq=False)
class BitSearch:
    """One search; `lower` is certain at any time.

    Attributes
    ----------
    program, columns
        A relaxation (see `regions.encoding.relaxation`) with its cost, and what its first columns
        stand for.
    known
        The ranges that it was made from.
    record
        Takes the candidates that are met.
    """

    network: Network
    known: Ranges
    program: LinearProgram
    columns: tuple[Column, ...]
    goal: Goal
    record: Record
    backend: Backend
    stop: Stop
    progress: Callable[[fmpq | None, int, int], None] | None = None
    nodes: int = 0
    _heap: list[Node] = field(default_factory=list)
    _solved: set[bytes] = field(default_factory=set)
    _tried: set[bytes] = field(default_factory=set)
    _session: Session | None = None
    _closing: int = 0
    _begun: bool = False

    def __post_init__(self) -> None:
        widths = self.network.widths
        starts = [0, *accumulate(widths)]
        self._template = np.concatenate(
            [np.zeros(0, np.int8), *(self.known.bits(k) for k in range(1, len(widths) + 1))]
        )
        self._switches = np.array(
            [j for j, c in enumerate(self.columns) if c.kind == "d"], dtype=np.int64
        )
        owners = [self.columns[j] for j in self._switches.tolist()]
        self._units = np.array([starts[c.layer - 1] + c.unit for c in owners], dtype=np.int64)
        places = {(c.kind, c.layer, c.unit): j for j, c in enumerate(self.columns)}
        pairs = [[places[kind, c.layer, c.unit] for c in owners] for kind in ("z", "a")]
        self._z, self._a = (np.array(pair, dtype=np.int64) for pair in pairs)
        self._starts = np.array(starts[1:-1], dtype=np.int64)
        self._floats = Floats(self.network)
        self._dim = self.network.inputs
        none = np.zeros(self.program.num_rows)  # the bounds of the columns alone
        low, high = self.program.col_lower, self.program.col_upper
        self._floor = self.goal.key(self._bound(low, high, none))

    @property
    def lower(self) -> fmpq | None:
        """At most the least value; None where all was searched."""
        if not self._begun:
            return self._floor
        return self._heap[0][0] if self._heap else None

    @property
    def ended(self) -> bool:
        """Whether nothing better than the record's best is left."""
        return self._begun and not self._heap

    @property
    def given_up(self) -> bool:
        """Whether so little is left between the bounds that only rounding is."""
        return self._closing > CLOSING

    def run(self, most: int | None = None) -> None:
        """Search until nothing better than the best candidate is left, or `most` nodes were split.

        Raises
        ------
        Stopped
            When `stop` said so first.
        """
        try:
            with self.backend.open(self.program, SolveOptions(presolve="off")) as session:
                self._session = session
                self._search(most)
        except BackendDisagreement:
            raise
        except SolversError:  # a program that the solver rejects: without its proposals
            self._session = None
            self._search(most)
        finally:
            self._session = None

    def _search(self, most: int | None) -> None:
        split = 0
        if not self._begun:
            nothing = np.full(len(self._switches), -1, dtype=np.int8)
            self._keep(self._bounded(nothing, self._floor, rounds=20))
            self._begun = True
        while self._heap and (most is None or split < most):
            if self.stop():
                raise Stopped
            split += 1
            best = self.record.best
            if best is not None:
                if self._heap[0][0] >= best.value:
                    self._heap.clear()
                    return
                if best.value - self._heap[0][0] <= NEAR * max(abs(best.value), fmpq(1)):
                    self._closing += 1
                    if self.given_up:
                        return
            parts = self._parts(*self._heap[0])  # which stays until they are known
            heapq.heappop(self._heap)
            for part in parts:
                self._keep(part)
            if self.progress is not None:
                self.progress(self.lower, self.nodes, len(self._heap))

    def _parts(
        self, key: fmpq, serial: int, fixed: np.ndarray, x: np.ndarray | None
    ) -> list[Node | None]:
        """What a node is split into; a node with nothing left to split is solved."""
        if (fixed >= 0).all():
            flat = self._template.copy()
            flat[self._units] = fixed
            self._leaf(flat)
            return []
        place, parts = self._chosen(fixed, x), []
        for bit in (0, 1):
            child = fixed.copy()
            child[place] = bit
            parts.append(self._bounded(child, key))
        return parts

    def _keep(self, node: Node | None) -> None:
        best = self.record.best
        if node is not None and (best is None or node[0] < best.value):
            heapq.heappush(self._heap, node)

    def _bounded(self, fixed: np.ndarray, above: fmpq | None, rounds: int = 4) -> Node | None:
        """A node with its bound; None if it holds no point."""
        self.nodes += 1
        bound, x = self._relaxed(fixed, rounds)
        if bound == np.inf:
            return None
        key = self.goal.key(bound)
        if above is not None and key < above:
            key = above
        if x is not None and (self._is_tight(x) or self.nodes & (self.nodes - 1) == 0):
            self._leaf(self._floats.bits(x[None, : self._dim])[0], quick=True)
        return key, self.nodes, fixed, x

    def _leaf(self, flat: np.ndarray, quick: bool = False) -> None:
        name = np.packbits(flat == 1).tobytes()
        if name in self._solved or (quick and name in self._tried):
            return
        best = self.record.best
        bits = np.split(flat.astype(np.int8), self._starts) if len(self.network.widths) else []
        self.record.offer(self.goal.leaf(bits, None if best is None else best.value, quick))
        (self._tried if quick else self._solved).add(name)

    # -- relaxations -----------------------------------------------------------------------

    def _relaxed(self, fixed: np.ndarray, rounds: int) -> tuple[float, np.ndarray | None]:
        """(rigorous bound of the cost, the solver's point); an infinite bound: no point at all."""
        program = self.program
        low, high = program.col_lower.copy(), program.col_upper.copy()
        known = fixed >= 0
        low[self._switches[known]] = fixed[known]
        high[self._switches[known]] = fixed[known]
        bound, x = self._bound(low, high, np.zeros(program.num_rows)), None
        if self._session is None:
            return bound, x
        for _ in range(rounds):
            try:
                self._session.set_cols(low, high)
                solution = self._session.solve(self.stop.seconds_left())
                x, duals = solution.x, solution.row_duals
                if duals is not None and np.shape(duals) == (self.program.num_rows,):
                    bound = max(bound, self._bound(low, high, duals))
                is_optimal = solution.status is Status.OPTIMAL
                ray = None if is_optimal else self._session.dual_ray()
            except BackendDisagreement:
                raise
            except SolversError:
                return bound, None
            if ray is not None and np.shape(ray) == (self.program.num_rows,):
                free = np.zeros(self.program.num_cols)
                if dual_bound(self.program, free, ray, (low, high)) > 0:
                    return np.inf, None
            if x is None or np.shape(x) != (self.program.num_cols,) or not np.isfinite(x).all():
                return bound, None
            row = self.goal.cut(x)
            if row is None:
                break
            self._add(*row)
        return bound, x

    def _bound(self, low: np.ndarray, high: np.ndarray, duals: np.ndarray) -> float:
        return dual_bound(self.program, self.program.cost, duals, (low, high))

    def _add(self, row: np.ndarray, limit: float) -> None:
        """A row that holds everywhere."""
        import scipy.sparse as sp

        assert self._session is not None
        self._session.add_rows(row[None, :], [limit], [np.inf])
        old = self.program
        self.program = LinearProgram(
            old.cost,
            sp.csr_array(sp.vstack([sp.csr_array(old.matrix), sp.csr_array(row[None, :])])),
            np.append(old.row_lower, limit),
            np.append(old.row_upper, np.inf),
            old.col_lower,
            old.col_upper,
        )

    def _errors(self, x: np.ndarray) -> np.ndarray:
        """How far each relaxed output is from that of its unit."""
        return np.abs(x[self._a] - np.maximum(x[self._z], 0.0))

    def _is_tight(self, x: np.ndarray) -> bool:
        scale = np.maximum(np.abs(x[self._z]), 1.0)
        return bool((self._errors(x) <= TIGHT * scale).all())

    def _chosen(self, fixed: np.ndarray, x: np.ndarray | None) -> int:
        """The free bit whose output is farthest from its unit's; else the one farthest from 0."""
        free = np.flatnonzero(fixed < 0)
        if x is None:
            return int(free[0])
        errors = self._errors(x)[free]
        scale = np.maximum(np.abs(x[self._z][free]), 1.0)
        if (errors <= TIGHT * scale).all():
            return int(free[np.argmax(np.abs(x[self._z][free]))])
        return int(free[np.argmax(errors)])
