"""The paper's own way to explore the region of a point: noise, and what still has the pattern.

N copies of the point.  In every round: add uniform noise from [-σ, σ] to each coordinate, and put
what leaves the box of inputs back on its side; keep those that have the pattern of the point; if
less than a fifth is left, halve σ, and if nothing is, begin again with copies of the point; make
copies of what is left until there are N; drop the tenth with the least sum of distances to the
others.

σ only ever shrinks, and copies of copies make no uniform sample: the result shows what the region
is like, and measures nothing.  `inside` has walks that do.

Source: "Study on Activation Patterns", section 6.5, which leaves open when to stop: here after a
number of rounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from regions.errors import InputError
from regions.sample.evaluator import Evaluator
from regions.sample.threads import threads_for

KEPT = 0.2  # of the points, below which the noise is halved
DROPPED = 0.1  # of the points, those closest to the others
BLOCK = 2**22  # entries of a table of distances at once


@dataclass(frozen=True, eq=False)
class Exploration:
    """Points with the pattern of a point, on the layers that were asked for.

    Attributes
    ----------
    points
        (number, inputs) in float64; empty only where no round kept any.
    layers
        The layers whose bits were compared, from 1.
    noise
        σ at the end: the range of the noise is [-σ, σ].
    noises, kept
        (rounds,): σ and the share of points that kept the pattern, round by round.
    restarts
        How often nothing was left.
    distinct
        How many different points there are: copies count once.
    """

    points: np.ndarray
    layers: tuple[int, ...]
    noise: float
    noises: np.ndarray
    kept: np.ndarray
    restarts: int
    distinct: int
    seed: int

    @property
    def exponent(self) -> float:
        """log10 of σ, as the paper prints it: 1e-4.00421."""
        return math.log10(self.noise) if self.noise > 0 else -math.inf

    def spread(self, point: np.ndarray) -> np.ndarray:
        """(number,): Euclidean distances of the points from one."""
        return np.linalg.norm(self.points - np.asarray(point, dtype=np.float64), axis=1)


def explore(
    evaluator: Evaluator,
    point: np.ndarray,
    *,
    layers: Sequence[int] | int | None = None,
    number: int = 100,
    rounds: int = 200,
    noise: float = 0.1,
    seed: int = 0,
    low: np.ndarray | float = -math.inf,
    high: np.ndarray | float = math.inf,
    report: Callable[[int, int], None] | None = None,
) -> Exploration:
    """Look around in the region of a point, as the paper does.

    Parameters
    ----------
    point
        (inputs,).
    layers
        Layers whose bits must stay, from 1: some of them, the first so many, or all (None).
    number
        N; nine tenths of them are returned.
    rounds
        How many.
    noise
        σ to begin with.
    low, high
        The box of inputs, in which all points stay.
    report
        Called with the rounds done and to do.

    Raises
    ------
    InputError
        If an argument is out of range, or the point lies outside of the box.

    Examples
    --------
    >>> from regions.network import Network
    >>> network = Network.from_layers([([[1, 0], [0, 1]], [0, 0]), ([[1, 1]], [0])])
    >>> evaluator = Evaluator.of(network, device="cpu", precision="double")
    >>> found = explore(evaluator, np.array([0.5, 0.1]), number=50, rounds=30, low=-1, high=1)
    >>> len(found.points), bool((found.points > 0).all()), bool((found.points <= 1).all())
    (45, True, True)
    """
    if number < 2:
        raise InputError(f"explore(): number needs 2 or more, got {number}")
    if rounds < 1:
        raise InputError(f"explore(): rounds needs 1 or more, got {rounds}")
    if not (math.isfinite(noise) and noise > 0):
        raise InputError(f"explore(): noise needs a positive number, got {noise}")
    if seed < 0:
        raise InputError(f"explore(): seed needs 0 or more, got {seed}")
    start = evaluator.tensor(np.asarray(point, dtype=np.float64).reshape(1, -1))
    below, above = (_bound(end, start) for end in (low, high))
    if bool(((start < below) | (start > above)).any()):
        raise InputError("explore(): the point lies outside of the box; give a larger --domain")
    chosen = tuple(k + 1 for k in evaluator.select(layers))
    target = evaluator.patterns(start, chosen)
    generator = torch.Generator(evaluator.device).manual_seed(seed)

    def left_of(points: Tensor) -> Tensor:
        """Those that have the pattern, in the box."""
        points = torch.minimum(torch.maximum(points, below), above)
        found = evaluator.patterns(points, chosen)
        same = torch.ones(len(points), dtype=torch.bool, device=points.device)
        for own, wanted in zip(found.layers, target.layers, strict=True):
            same &= (own == wanted).all(dim=1)
        return points[same]

    with threads_for(number * (sum(evaluator.widths) + evaluator.inputs)):
        return _rounds(
            start, left_of, number, rounds, float(noise), generator, chosen, seed, report
        )


def _rounds(
    start: Tensor, left_of: Callable[[Tensor], Tensor], number: int, rounds: int, sigma: float,
    generator: torch.Generator, layers: tuple[int, ...], seed: int,
    report: Callable[[int, int], None] | None,
) -> Exploration:  # fmt: skip
    points, restarts = start.repeat(number, 1), 0
    noises, shares = [], []
    for done in range(rounds):
        shift = torch.rand(
            points.shape, generator=generator, dtype=points.dtype, device=points.device
        )
        moved = points + sigma * (2 * shift - 1)
        left = left_of(moved)
        share = len(left) / number
        noises.append(sigma)
        shares.append(share)
        if share < KEPT:
            sigma /= 2
        if len(left):
            index = torch.arange(number, device=left.device) % len(left)
            points = _without_closest(left[index])
        else:
            restarts += 1
            points = start.repeat(number, 1)
        # the copies made for the next round; what is returned has none of them
        if done + 1 < rounds:
            points = points[torch.arange(number, device=points.device) % len(points)]
        elif not len(left):
            points = points[:1]
        if report is not None:
            report(done + 1, rounds)
    final = points.double().cpu().numpy()
    return Exploration(
        final, layers, sigma, np.array(noises), np.array(shares), restarts,
        len(np.unique(final, axis=0)), seed,
    )  # fmt: skip


def _bound(end: np.ndarray | float, like: Tensor) -> Tensor:
    return torch.as_tensor(np.asarray(end, dtype=np.float64)).to(like.device, like.dtype)


def _without_closest(points: Tensor) -> Tensor:
    """Without the tenth whose Euclidean distances to all points have the least sum.

    Of equal sums the first goes, so that the same points always give the same rest.
    """
    number = len(points)
    total = points.new_zeros(number)
    size = max(1, BLOCK // number)
    for first in range(0, number, size):
        total[first : first + size] = torch.cdist(
            points[first : first + size], points, compute_mode="donot_use_mm_for_euclid_dist"
        ).sum(dim=1)
    dropped = torch.sort(total, stable=True).indices[: int(DROPPED * number)]
    stays = torch.ones(number, dtype=torch.bool, device=points.device)
    stays[dropped] = False
    return points[stays]
