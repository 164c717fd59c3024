"""What is kept of a walk, and the `Walk` that comes of it."""

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
from regions.sample.walks import PULLED_IN, chord, directions

QUANTITIES = 32  # that convergence is watched on: coordinates, or random directions
AXES_DIM = 4096  # inputs up to which there are principal axes
AXES = 10
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


def over_x(body: Rows, points: Tensor) -> Tensor:
    """Points in the coordinates of a body over those of the inputs."""
    return body.over_x(points) if isinstance(body, Rounded) else points


class Watch:
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
    def of(origin: Tensor, along: np.ndarray | None, generator: torch.Generator) -> Watch:
        """Watches the coordinates, or random directions where there are too many.

        Raises
        ------
        InputError
            If the directions whose extents are wanted have another size.
        """
        dim = len(origin)
        table = np.zeros((0, dim)) if along is None else np.asarray(along, dtype=np.float64)
        if table.ndim != 2 or table.shape[1] != dim:
            raise InputError(
                f"walk(): directions need the shape (number, {dim}), got {table.shape}"
            )
        eye = torch.eye(dim, dtype=origin.dtype, device=origin.device)
        watched = eye if dim <= QUANTITIES else directions(QUANTITIES, dim, generator, origin)
        return Watch(origin, watched, torch.tensor(table, device=origin.device))

    def boundary(self, body: Rows) -> Callable[[Tensor], None]:
        """Takes points of the boundary, in the coordinates of `body`."""

        def seen(points: Tensor) -> None:
            over = over_x(body, points)
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
