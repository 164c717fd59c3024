"""Uniform points of a polytope, with what they say of it and whether they can be believed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from regions.errors import InputError
from regions.sample.diagnostics import drift, effective_size, split_rhat
from regions.sample.rows import ENTRIES, Rounded, Rows
from regions.sample.walks import METHODS, PULLED_IN, Chains, chord, directions, rounding

QUANTITIES = 32  # that convergence is watched on: coordinates, or random directions
DRAWS = 256  # of a chain that are kept for that
ROUNDS = 6  # of warming up, after each of which the coordinates are chosen anew
SNAPSHOTS = 16  # of all chains in a round, to choose them by
LOW_DIM = 30  # inputs up to which hit-and-run does well
ROUND_DIM = 1024  # inputs up to which coordinates are chosen
AXES_DIM = 4096  # inputs up to which there are principal axes
AXES = 10
PROBES = 8  # points from which the chords along all inputs are drawn
CONVERGED = 1.1  # R-hat up to which Gelman et al. (2013) call chains mixed
ENOUGH = 400.0  # effective draws that Vehtari et al. (2021) ask for
STEADY = 4.5  # standard errors that the means of first and second halves may differ by


@dataclass(frozen=True, eq=False)
class Walk:
    """Points of a cell from random walks; uniform if the walks have converged.

    Attributes
    ----------
    points
        (chains, inputs): where the chains are in the end.
    mean
        (inputs,): the mean of all draws.
    deviations, axes
        (r,) and (r, inputs): the largest standard deviations and their directions, the principal
        axes of the cell; empty beyond 4096 inputs.
    low, high
        (inputs,): the least and greatest coordinates met on the boundary.  The cell reaches at
        least that far (up to rounding, 1e-12 of a chord); how far it does reach linear programs
        say.
    along
        (d, 2): the same along the directions that were asked for.
    rhat, size
        Split R-hat and effective sample size of the watched quantities: the coordinates, or 32
        random directions where there are more, and last the squared distance from the start.
    drift
        By how many standard errors the mean of the second halves of the chains differs from that of
        the first halves: about a standard normal number, if they had forgotten where they began.
    rejected
        The share of flights that were given up.
    """

    method: str
    chains: int
    steps: int
    warmup: int
    seed: int
    rounded: bool
    points: np.ndarray
    mean: np.ndarray
    deviations: np.ndarray
    axes: np.ndarray
    low: np.ndarray
    high: np.ndarray
    along: np.ndarray
    rhat: np.ndarray
    size: np.ndarray
    drift: np.ndarray
    rejected: float

    @property
    def widths(self) -> np.ndarray:
        """(inputs,): high - low, no greater than the widths of the cell along the inputs."""
        return self.high - self.low

    @property
    def worst_rhat(self) -> float:
        """The largest R-hat of a quantity that moves at all; NaN if none does."""
        found = self.rhat[~np.isnan(self.rhat)]
        return float(found.max()) if len(found) else math.nan

    @property
    def least_size(self) -> float:
        """The least effective sample size of a quantity that moves at all; NaN if none does."""
        found = self.size[~np.isnan(self.size)]
        return float(found.min()) if len(found) else math.nan

    @property
    def worst_drift(self) -> float:
        """The largest drift of a quantity that moves at all, without its sign; NaN if none does."""
        found = np.abs(self.drift[~np.isnan(self.drift)])
        return float(found.max()) if len(found) else math.nan

    @property
    def converged(self) -> bool:
        """R-hat at most 1.1, 400 effective draws or more, no drift, for all that was watched.

        Necessary for uniform points, and never a proof of them.
        """
        return (
            self.worst_rhat <= CONVERGED
            and self.least_size >= ENOUGH
            and self.worst_drift <= STEADY
        )


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
) -> Walk:
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
    watch = _Watch.of(origin, along, generator)
    state = _Warm(rows, origin, chains, generator, watch, method)
    for done in range(before):
        state.step(done, before)
        if report is not None:
            report(done + 1, before + steps)
    body = state.body
    walking = Chains(body, state.points, generator, watch.boundary(body))
    thin = max(1, steps // DRAWS)
    for done in range(steps):
        walking.step(method, state.flight)
        if (done + 1) % thin == 0:
            watch.draw(_over_x(body, walking.points))
        if report is not None:
            report(before + done + 1, before + steps)
    watch.probe(rows, torch.cat([origin[None], _over_x(body, walking.points[: PROBES - 1])]))
    return watch.result(
        method, chains, steps, before, seed, isinstance(body, Rounded),
        _over_x(body, walking.points), walking.rejected / (chains * steps),
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


def _over_x(body: Rows, points: Tensor) -> Tensor:
    return body.over_x(points) if isinstance(body, Rounded) else points


class _Warm:
    """The steps that do not count, and the coordinates that they choose."""

    def __init__(
        self, rows: Rows, origin: Tensor, chains: int, generator: torch.Generator, watch: _Watch,
        method: str,
    ) -> None:  # fmt: skip
        self.rows, self.body, self.watch, self.generator = rows, rows, watch, generator
        self.points = origin.repeat(chains, 1)
        self.walking = Chains(rows, self.points, generator, watch.boundary(rows))
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
            self.seen.append(_over_x(self.body, self.points))
        if place + 1 == size or last:
            self._choose(torch.cat([*self.seen, _over_x(self.body, self.points)]))
            self.seen = []

    def _choose(self, cloud: Tensor) -> None:
        dim = self.rows.inputs
        if dim <= ROUND_DIM and len(cloud) >= 10 * dim:
            body = rounding(self.rows, cloud)
            self.points = body.over_y(_over_x(self.body, self.points))
            self.body, spread = body, float(dim)
            self.walking = Chains(body, self.points, self.generator, self.watch.boundary(body))
        else:
            spread = float(cloud.var(dim=0).sum())
        self.flight = 2 * math.sqrt(spread)


class _Watch:
    """What is kept of a walk: watched quantities, moments, extents."""

    def __init__(self, origin: Tensor, watched: Tensor, along: Tensor) -> None:
        self.origin, self.watched, self.along = origin, watched, along
        self.low, self.high = origin.clone(), origin.clone()
        self.ends = (along @ origin)[:, None].repeat(1, 2)
        self.draws: list[Tensor] = []
        self.number = 0
        self.sum = torch.zeros_like(origin)
        dim = len(origin)
        self.squares = origin.new_zeros(dim, dim) if dim <= AXES_DIM else None

    @staticmethod
    def of(origin: Tensor, along: np.ndarray | None, generator: torch.Generator) -> _Watch:
        dim = len(origin)
        table = np.zeros((0, dim)) if along is None else np.asarray(along, dtype=np.float64)
        if table.ndim != 2 or table.shape[1] != dim:
            raise InputError(
                f"walk(): directions need the shape (number, {dim}), got {table.shape}"
            )
        eye = torch.eye(dim, dtype=origin.dtype, device=origin.device)
        watched = eye if dim <= QUANTITIES else directions(QUANTITIES, dim, generator, origin)
        return _Watch(origin, watched, torch.tensor(table, device=origin.device))

    def boundary(self, body: Rows) -> Callable[[Tensor], None]:
        """Takes points of the boundary, in the coordinates of `body`."""

        def seen(points: Tensor) -> None:
            over = _over_x(body, points)
            self.low = torch.minimum(self.low, over.amin(dim=0))
            self.high = torch.maximum(self.high, over.amax(dim=0))
            if len(self.along):
                at = over @ self.along.T
                self.ends[:, 0] = torch.minimum(self.ends[:, 0], at.amin(dim=0))
                self.ends[:, 1] = torch.maximum(self.ends[:, 1], at.amax(dim=0))

        return seen

    def probe(self, rows: Rows, points: Tensor) -> None:
        """Draws the chords along all inputs and directions from points (k, n) inside."""
        slack = rows.slacks(points)
        eye = torch.eye(points.shape[1], dtype=points.dtype, device=points.device)
        size = max(1, ENTRIES // (rows.number + rows.inputs))
        for first in range(0, len(eye), size):
            part = slice(first, first + size)
            low, high = self._chords(rows, points, slack, eye[part])
            self.low[part] = torch.minimum(self.low[part], (points[:, part].T + low).amin(dim=1))
            self.high[part] = torch.maximum(self.high[part], (points[:, part].T + high).amax(dim=1))
        if len(self.along):
            low, high = self._chords(rows, points, slack, self.along)
            at, square = self.along @ points.T, (self.along**2).sum(dim=1, keepdim=True)
            self.ends[:, 0] = torch.minimum(self.ends[:, 0], (at + low * square).amin(dim=1))
            self.ends[:, 1] = torch.maximum(self.ends[:, 1], (at + high * square).amax(dim=1))

    def _chords(
        self, rows: Rows, points: Tensor, slack: Tensor, ways: Tensor
    ) -> tuple[Tensor, Tensor]:
        """(directions, points) each: the ends, pulled in."""
        slopes = rows.slopes(ways)
        ends = [chord(one[None], slopes) for one in slack]
        return tuple(PULLED_IN * torch.stack(side, dim=1) for side in zip(*ends, strict=True))  # type: ignore[return-value]

    def draw(self, points: Tensor) -> None:
        """Takes points (k, n) over x that count."""
        away = points - self.origin
        radius = (away * away).sum(dim=1, keepdim=True)
        self.draws.append(torch.cat([away @ self.watched.T, radius], dim=1).cpu())
        self.number += len(points)
        self.sum += away.sum(dim=0)
        if self.squares is not None:
            self.squares += away.T @ away

    def result(
        self, method: str, chains: int, steps: int, warmup: int, seed: int, rounded: bool,
        points: Tensor, rejected: float,
    ) -> Walk:  # fmt: skip
        """All of it."""
        draws = torch.stack(self.draws).permute(2, 1, 0).numpy()
        mean = self.sum / self.number
        deviations, axes = self._axes(mean)
        return Walk(
            method, chains, steps, warmup, seed, rounded, points.cpu().numpy(),
            (self.origin + mean).cpu().numpy(), deviations, axes,
            self.low.cpu().numpy(), self.high.cpu().numpy(), self.ends.cpu().numpy(),
            split_rhat(draws), effective_size(draws), drift(draws), rejected,
        )  # fmt: skip

    def _axes(self, mean: Tensor) -> tuple[np.ndarray, np.ndarray]:
        dim = len(mean)
        if self.squares is None:
            return np.zeros(0), np.zeros((0, dim))
        covariance = self.squares / self.number - torch.outer(mean, mean)
        values, vectors = torch.linalg.eigh(covariance)
        top = torch.arange(dim - 1, max(-1, dim - 1 - AXES), -1, device=mean.device)
        axes = vectors[:, top].T
        # the sign of an axis means nothing: its largest entry is made positive
        largest = axes.gather(1, axes.abs().argmax(dim=1)[:, None])
        return values[top].clamp(min=0).sqrt().cpu().numpy(), (axes * largest.sign()).cpu().numpy()
