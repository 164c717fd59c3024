"""`walk`: uniform points of a polytope, by many random walks that begin at one point."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from regions.errors import InputError
from regions.sample.diagnostics import LEAST_DRAWS
from regions.sample.rows import Rounded, Rows
from regions.sample.walks import METHODS, Chains, TimeUp, rounding
from regions.sample.watching import Walk, Watch, over_x

DRAWS = 256  # of a chain that are kept for that, up to twice as many
ROUNDS = 6  # of warming up, after each of which the coordinates are chosen anew
SNAPSHOTS = 16  # of all chains in a round, to choose them by
LOW_DIM = 30  # inputs up to which hit-and-run does well
ROUND_DIM = 1024  # inputs up to which coordinates are chosen
PROBES = 8  # points from which the chords along all inputs are drawn


def walk(
    rows: Rows,
    start: np.ndarray,
    *,
    method: str = "auto",
    chains: int | None = None,
    steps: int | None = None,
    warmup: int | None = None,
    seed: int = 0,
    along: np.ndarray | None = None,
    device: torch.device | str = "cpu",
    report: Callable[[int, int], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Walk | None:
    """Walk inside {x : s_i(x) >= 0} from a point of it.

    All chains begin at the start and warm up in rounds, after each of which the coordinates are
    chosen so that the points spread alike in all directions (up to 1024 inputs, and where there are
    enough points for it), and the flights of a billiard as long as the points are spread.  Then
    come the steps that count.

    Parameters
    ----------
    rows
        The body, bounded.
    start
        (inputs,): a point of it, not on its boundary.
    method
        "hit-and-run", "billiard", or "auto": hit-and-run up to 30 inputs.  Beyond, a chord in a
        random direction is short, and a billiard gets about in far fewer steps, dear as they are.
    chains, steps
        How many walks, and steps of each that count; by default 1000 and 500 up to 30 inputs, else
        100 and 50.
    warmup
        Steps before; as many as `steps` if None.
    along
        (d, inputs): directions whose extents are wanted.
    report
        Called with the steps done and to do.
    stop
        Asked all the time; once it says yes, the walk ends with the steps it has.

    Returns
    -------
    Walk or None
        None if it was stopped before four steps counted.

    Raises
    ------
    DomainError
        If the body is unbounded.
    InputError
        If an argument is out of range.

    Examples
    --------
    >>> from regions.sample.rows import Sides
    >>> box = Sides(torch.zeros(2, dtype=torch.float64), torch.ones(2, dtype=torch.float64))
    >>> found = walk(box, np.array([0.9, 0.1]), chains=100, steps=100)
    >>> found.converged, found.widths.round(2).tolist()
    (True, [1.0, 1.0])
    """
    method, chains, steps = settled(rows.inputs, method, chains, steps)
    before = _checked(method, chains, steps, warmup, seed)
    where = torch.device(device)
    generator = torch.Generator(where).manual_seed(seed)
    origin = torch.tensor(np.asarray(start, dtype=np.float64), device=where)
    watch = Watch.of(origin, along, generator)
    state = _Warm(rows, origin, chains, generator, watch, method, stop)
    walking, last, taken = state.walking, state.points, 0
    try:
        for done in range(before):
            state.step(done, before)
            if report is not None:
                report(done + 1, before + steps)
        walking = Chains(
            state.body, state.points.clone(), generator, watch.boundary(state.body), stop
        )
        thin = 1
        for done in range(steps):
            walking.step(method, state.flight)
            last, taken = walking.points.clone(), done + 1
            if taken % thin == 0:
                watch.draw(over_x(state.body, last))
                if len(watch.draws) == 2 * DRAWS:
                    watch.draws, thin = watch.draws[1::2], 2 * thin
            if report is not None:
                report(before + taken, before + steps)
    except TimeUp:
        if len(watch.draws) < LEAST_DRAWS:
            return None
    body = state.body
    watch.probe(rows, torch.cat([origin[None], over_x(body, last[: PROBES - 1])]))
    return watch.result(
        method, chains, taken, before, seed, isinstance(body, Rounded),
        over_x(body, last), walking.rejected / (chains * taken),
    )  # fmt: skip


def settled(
    inputs: int, method: str, chains: int | None, steps: int | None
) -> tuple[str, int, int]:
    """The method, the number of chains and of steps, where they are left to us.

    >>> settled(2, "auto", None, None), settled(784, "auto", None, 20)
    (('hit-and-run', 1000, 500), ('billiard', 100, 20))
    """
    low = inputs <= LOW_DIM
    if method == "auto":
        method = "hit-and-run" if low else "billiard"
    usual = (1000, 500) if low else (100, 50)
    return method, usual[0] if chains is None else chains, usual[1] if steps is None else steps


def _checked(method: str, chains: int, steps: int, warmup: int | None, seed: int) -> int:
    if method not in METHODS:
        raise InputError(f"walk(): no method {method!r}; choose one of auto, {', '.join(METHODS)}")
    if chains < 2:
        raise InputError(f"walk(): chains needs 2 or more, to compare them, got {chains}")
    if steps < 4:
        raise InputError(f"walk(): steps needs 4 or more, got {steps}")
    if warmup is not None and warmup < 0:
        raise InputError(f"walk(): warmup needs 0 or more, got {warmup}")
    if seed < 0:
        raise InputError(f"walk(): seed needs 0 or more, got {seed}")
    if method == "billiard" and warmup == 0:
        raise InputError("walk(): a billiard needs steps to warm up, which say how far to fly")
    return steps if warmup is None else warmup


class _Warm:
    """The steps that do not count, and the coordinates that they choose."""

    def __init__(
        self, rows: Rows, origin: Tensor, chains: int, generator: torch.Generator, watch: Watch,
        method: str, stop: Callable[[], bool] | None,
    ) -> None:  # fmt: skip
        self.rows, self.body, self.watch, self.generator = rows, rows, watch, generator
        self.points = origin.repeat(chains, 1)
        self.walking = Chains(rows, self.points, generator, watch.boundary(rows), stop)
        self.seen: list[Tensor] = []
        self.method = method
        self.flight = 0.0  # none is known before the first round

    def step(self, done: int, before: int) -> None:
        """One step; at the end of a round, new coordinates."""
        size = -(-before // ROUNDS)
        self.walking.step(self.method if self.flight else "hit-and-run", self.flight)
        self.points = self.walking.points
        place, last = done % size, done + 1 == before
        if place * 2 >= size and place % -(-size // (2 * SNAPSHOTS)) == 0:
            self.seen.append(over_x(self.body, self.points))
        if place + 1 == size or last:
            self._choose(torch.cat([*self.seen, over_x(self.body, self.points)]))
            self.seen = []

    def _choose(self, cloud: Tensor) -> None:
        dim = self.rows.inputs
        if dim <= ROUND_DIM and len(cloud) >= 10 * dim:
            body = rounding(self.rows, cloud)
            self.points = body.over_y(over_x(self.body, self.points))
            self.body, spread = body, float(dim)
            seen = self.watch.boundary(body)
            self.walking = Chains(body, self.points, self.generator, seen, self.walking.stop)
        else:
            spread = float(cloud.var(dim=0).sum())
        self.flight = 2 * math.sqrt(spread)
