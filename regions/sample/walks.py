"""Uniform points of a polytope by random walks: hit-and-run and billiard, many chains at once.

Hit-and-run: a uniform direction, then a uniform point of the chord.  Billiard: a uniform direction
and a random length -l log(u); the point flies that far and is reflected by the facets; where it
needs too many reflections it stays.  Both leave the uniform law of the body as it is, and both find
it from any start, in the end: `diagnostics` says whether that end is near.

Source: R. L. Smith, Efficient Monte Carlo procedures for generating points uniformly distributed
over bounded regions, 1984; E. Gryazina, B. Polyak, Random sampling: billiard walk algorithm, 2014.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from regions.errors import DomainError
from regions.sample.device import Batches
from regions.sample.rows import ENTRIES, Rounded, Rows

METHODS = ("hit-and-run", "billiard")
REFRESH = 32  # steps after which slacks are computed anew: sums of steps drift
REFLECTIONS = 10  # for each dimension, after which a flight is given up
PULLED_IN = 1 - 1e-12  # an end of a chord, so that rounding does not push it out


class TimeUp(Exception):
    """A walk was told to stop in the middle of a step."""


@dataclass(eq=False)
class Chains:
    """Points (k, n) of a body, each with its slacks (k, rows), that walk on their own.

    Attributes
    ----------
    seen
        Called, if given, with the points of the boundary that a step comes upon: ends of chords,
        places of reflections.
    stop
        Asked, if given, between the pieces of a step; a step that is stopped raises `TimeUp` and
        leaves points that are of no use.
    rejected
        How many flights were given up.
    """

    rows: Rows
    points: Tensor
    generator: torch.Generator
    seen: Callable[[Tensor], None] | None = None
    stop: Callable[[], bool] | None = None
    rejected: int = 0

    def __post_init__(self) -> None:
        self._batches = Batches(max(1, ENTRIES // (self.rows.number + self.rows.inputs)))
        self.slack = self.points.new_zeros(len(self.points), self.rows.number)
        self._steps = 0
        self._over(self._refresh)

    def _over(self, work: Callable[[slice], None]) -> None:
        """Do it for all chains, as many at once as memory holds."""

        def done(start: int, stop: int) -> bool:
            work(slice(start, stop))
            return True

        for _ in self._batches.over(len(self.points), done):
            pass

    def _refresh(self, part: slice) -> None:
        self.slack[part] = self.rows.slacks(self.points[part])

    def step(self, method: str, length: float) -> None:
        """One step of every chain; `length` is the mean length of a flight."""
        self._steps += 1
        if self._steps % REFRESH == 0:
            self._over(self._refresh)
        ways = directions(len(self.points), self.rows.inputs, self.generator, self.points)
        share = torch.rand(
            len(self.points), generator=self.generator, dtype=torch.float64,
            device=self.points.device,
        )  # fmt: skip

        # a part that runs out of memory is done again: nothing is changed before its end
        def move(part: slice) -> None:
            self._poll()
            if method == "hit-and-run":
                self._chord(part, ways[part], share[part])
            else:
                self._flight(part, ways[part].clone(), -length * torch.log1p(-share[part]))

        self._over(move)

    def _poll(self) -> None:
        if self.stop is not None and self.stop():
            raise TimeUp

    def _chord(self, part: slice, ways: Tensor, share: Tensor) -> None:
        points, slack = self.points[part], self.slack[part]
        slope = self.rows.slopes(ways)
        low, high = chord(slack, slope)
        if not bool(torch.isfinite(high - low).all()):
            raise DomainError(
                "a walk needs a bounded cell, and this one goes on for ever in some direction; "
                "give a bounded domain such as box:-1,1"
            )
        if self.seen is not None:
            for end in (low, high):
                self.seen(points + (PULLED_IN * end)[:, None] * ways)
        move = (low + share * (high - low))[:, None]
        self.points[part] = points + move * ways
        self.slack[part] = slack + move * slope

    def _flight(self, part: slice, ways: Tensor, left: Tensor) -> None:
        points, slack = self.points[part].clone(), self.slack[part].clone()
        active = torch.arange(len(points), device=points.device)
        for _ in range(REFLECTIONS * self.rows.inputs + 1):
            self._poll()
            slope = self.rows.slopes(ways[active])
            far, hit = first_hit(slack[active], slope)
            move = torch.minimum(far, left[active])
            points[active] += move[:, None] * ways[active]
            slack[active] += move[:, None] * slope
            left[active] -= move
            bounced = far <= move
            active, hit = active[bounced], hit[bounced]
            if not len(active):
                break
            if self.seen is not None:
                back = (1 - PULLED_IN) * move[bounced]
                self.seen(points[active] - back[:, None] * ways[active])
            normal = self.rows.gradients(hit)
            along = (ways[active] * normal).sum(dim=1) / (normal * normal).sum(dim=1)
            ways[active] -= 2 * along[:, None] * normal
            slack[active, hit] = 0.0  # which it is, up to rounding
        self.rejected += len(active)
        points[active], slack[active] = self.points[part][active], self.slack[part][active]
        self.points[part], self.slack[part] = points, slack


def directions(number: int, dim: int, generator: torch.Generator, like: Tensor) -> Tensor:
    """(number, dim): uniform unit vectors in float64."""
    ways = torch.randn(number, dim, generator=generator, dtype=torch.float64, device=like.device)
    return ways / ways.norm(dim=1, keepdim=True)


def chord(slack: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
    """(k,) and (k,): the t <= 0 and t >= 0 at which slack + t slope first becomes negative."""
    return -first_hit(slack, -slope)[0], first_hit(slack, slope)[0]


def first_hit(slack: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
    """(k,) the greatest t >= 0 with slack + t slope >= 0, infinite if none; (k,) what ends there.

    A slack that rounding has made negative counts as 0.
    """
    if not slack.shape[1]:
        nothing = slope.new_full((len(slope),), torch.inf)
        return nothing, nothing.new_full(nothing.shape, -1, dtype=torch.long)
    ends = torch.where(slope < 0, slack.clamp(min=0.0) / -slope, torch.inf)
    found = ends.min(dim=1)
    return found.values, found.indices


def rounding(rows: Rows, cloud: Tensor) -> Rounded:
    """Coordinates in which points of a body spread alike in all directions."""
    centre = cloud.mean(dim=0)
    spread = torch.cov(cloud.T).reshape(rows.inputs, rows.inputs)
    extra = 1e-12 * spread.diagonal().mean()
    eye = torch.eye(rows.inputs, dtype=cloud.dtype, device=cloud.device)
    return Rounded(rows, centre, torch.linalg.cholesky(spread + extra * eye))
