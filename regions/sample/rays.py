"""Where many segments cross from region to region, in floats of double precision.

Along x(t) = a + t (b - a), 0 <= t <= 1, every pre-activation is piecewise linear in t.  Layer by
layer, its values at the knots found so far give its zeros between them, which are new knots.  At
last the bits in the middle of each piece tell which knots are breakpoints: those where bits differ.

Source: "Study on Activation Patterns", section 7.2, idea 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import torch
from torch import Tensor

from regions.errors import InputError
from regions.sample.device import Batches, first_batch
from regions.sample.evaluator import Evaluator
from regions.sample.threads import threads_for

RESOLUTION = 1e-12  # of t: knots closer together are one
DOUBTFUL = 1e-11  # |z| in the middle of a piece, over the largest number up to its layer


@dataclass(frozen=True, kw_only=True, eq=False)
class Rays:
    """The breakpoints of R segments.

    Attributes
    ----------
    t
        Of all breakpoints, segment after segment, ascending in each.
    segment
        Which segment each belongs to.
    flips
        How many bits change there.
    counts
        Breakpoints of each segment (R,); there is one region more than that.
    lengths
        Euclidean, of each segment (R,).
    flips_by_layer
        How many bits change in each layer, all segments together.
    hamming
        The distance between the patterns of the first and the last piece (R,).
    resolution
        Breakpoints that differ by less in t count as one.
    doubtful
        How many bits were decided by a z so small that rounding may have made its sign, on each
        segment (R,): where there is one, let `regions path --method straight` count exactly.
    """

    t: np.ndarray
    segment: np.ndarray
    flips: np.ndarray
    counts: np.ndarray
    lengths: np.ndarray
    flips_by_layer: np.ndarray
    hamming: np.ndarray
    resolution: float
    doubtful: np.ndarray

    def of(self, segment: int) -> np.ndarray:
        """The breakpoints of one segment."""
        return self.t[self.segment == segment]

    @property
    def cumulative(self) -> np.ndarray:
        """Bits changed along each segment (R,): at least `hamming`, and of its parity."""
        return np.bincount(self.segment, weights=self.flips, minlength=len(self.counts)).astype(int)

    @property
    def first(self) -> np.ndarray:
        """The distance from each start to the first breakpoint; infinite if there is none."""
        least = np.full(len(self.counts), math.inf)
        np.minimum.at(least, self.segment, self.t * self.lengths[self.segment])
        return least

    def density(self, confidence: float = 0.95) -> tuple[float, float, float]:
        """Breakpoints per unit of length, and an interval.

        The ratio of the means over the segments, which are taken for independent draws of a law
        (delta method; approximate for few segments, and for one there is no upper end).
        """
        if not 0 < confidence < 1:
            raise InputError(f"density(): confidence needs a number in (0, 1), got {confidence!r}")
        ratio = float(self.counts.sum() / self.lengths.sum())
        if len(self.counts) < 2:
            return ratio, 0.0, math.inf
        rest = self.counts - ratio * self.lengths
        error = float(rest.std(ddof=1)) / float(self.lengths.mean()) / math.sqrt(len(rest))
        reach = NormalDist().inv_cdf((1 + confidence) / 2) * error
        return ratio, max(ratio - reach, 0.0), ratio + reach


def rays(
    evaluator: Evaluator,
    starts: np.ndarray,
    ends: np.ndarray,
    *,
    resolution: float = RESOLUTION,
    progress: Callable[[int, int], None] | None = None,
) -> Rays:
    """The breakpoints of the segments from `starts` to `ends`, both (R, inputs).

    Parameters
    ----------
    evaluator
        In double precision; with `rounds`, if max-pooling is to be seen as by the exact side.
    progress
        Called with the passes done, of all layers and the last one, and with their number.

    Raises
    ------
    InputError
        If the model is not piecewise linear, the precision single or a segment a point.

    Examples
    --------
    >>> from regions.network import Network
    >>> network = Network.from_layers([([[1], [1]], [0, -0.5]), ([[2, -4], [2, -4]], [0, -0.5]),
    ...                                ([[2, -4]], [0])])
    >>> evaluator = Evaluator.of(network, device="cpu", precision="double")
    >>> found = rays(evaluator, np.array([[0.0], [1.0]]), np.array([[1.0], [1.5]]))
    >>> found.t.tolist(), found.counts.tolist()
    ([0.25, 0.5, 0.75], [3, 0])
    """
    evaluator.graph_module("rays()")
    if evaluator.dtype != torch.float64:
        raise InputError("rays(): needs an evaluator of double precision (precision='double')")
    if not 0 < resolution < 1e-3:
        raise InputError(f"rays(): resolution needs a number in (0, 0.001), got {resolution!r}")
    if evaluator.module is not None and evaluator.module.pools:
        raise InputError("rays(): needs max-pooling as units: Evaluator.of(..., rounds=True)")
    a, b = evaluator.tensor(starts), evaluator.tensor(ends)
    if a.shape != b.shape:
        raise InputError(f"rays(): {len(a)} starts need as many ends, got {len(b)}")
    lengths = torch.linalg.vector_norm(b - a, dim=1)
    if not bool((lengths > 0).all()):
        raise InputError("rays(): a segment has the same start and end")
    work = _Work(evaluator, a, b - a, resolution, progress)
    for k in range(len(evaluator.layers)):
        with threads_for(len(work.t) * evaluator.widths[k]):
            work.add_zeros(k)
    with threads_for(len(work.t) * max(evaluator.widths, default=0)):
        flips, doubtful, hamming = work.changes()
    at = work.inner() & (flips.sum(1) > 0)
    segment = work.ray[at].cpu().numpy()
    return Rays(
        t=work.t[at].cpu().numpy(), segment=segment, flips=flips[at].sum(1).cpu().numpy(),
        counts=np.bincount(segment, minlength=len(a)), lengths=lengths.cpu().numpy(),
        flips_by_layer=flips[at].sum(0).cpu().numpy(), hamming=hamming.cpu().numpy(),
        resolution=resolution, doubtful=doubtful.cpu().numpy(),
    )  # fmt: skip


class _Enough(Exception):
    """Ends a run of the model at the layer that was asked for."""


@dataclass(eq=False)
class _Work:
    """The knots found so far: `ray` and `t`, ascending in both; 0 and 1 are knots of each."""

    evaluator: Evaluator
    a: Tensor
    way: Tensor
    resolution: float
    progress: Callable[[int, int], None] | None

    def __post_init__(self) -> None:
        number, device = len(self.a), self.a.device
        self.ray = torch.arange(number, device=device).repeat_interleave(2)
        self.t = torch.tensor([0.0, 1.0], dtype=torch.float64, device=device).repeat(number)
        self.passes = 0

    def inner(self) -> Tensor:
        """Which knots are neither ends."""
        return (self.t > 0) & (self.t < 1)

    def _at(self, ray: Tensor, t: Tensor) -> Tensor:
        return self.a[ray] + t[:, None] * self.way[ray]

    def _batches(self, layers: int) -> Batches:
        units = sum(self.evaluator.widths[:layers])
        return Batches(first_batch(self.a.device, 8 * 4 * (units + self.evaluator.inputs)))

    def _told(self) -> None:
        self.passes += 1
        if self.progress is not None:
            self.progress(self.passes, len(self.evaluator.layers) + 1)

    def add_zeros(self, k: int) -> None:
        """New knots where a unit of layer k is zero."""
        rays, places = [], []
        pieces = len(self.t) - 1
        for _, _, (ray, t) in self._batches(k + 1).over(pieces, lambda i, j: self._zeros(k, i, j)):
            rays.append(ray)
            places.append(t)
        self._merge(torch.cat([self.ray, *rays]), torch.cat([self.t, *places]))
        self._told()

    def _zeros(self, k: int, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Of the pieces start..stop-1, between consecutive knots of one ray."""
        ray, t = self.ray[start : stop + 1], self.t[start : stop + 1]
        z = self._layer(k, self._at(ray, t))
        positive, negative = z > 0, z < 0
        crossed = (positive[:-1] & negative[1:]) | (negative[:-1] & positive[1:])
        crossed &= (ray[:-1] == ray[1:])[:, None]
        piece, unit = crossed.nonzero(as_tuple=True)
        before, after = z[piece, unit], z[piece + 1, unit]
        share = before / (before - after)
        found = t[piece] + share * (t[piece + 1] - t[piece])
        apart = (found - t[piece] > self.resolution) & (t[piece + 1] - found > self.resolution)
        return ray[piece][apart], found[apart]

    def _layer(self, k: int, x: Tensor) -> Tensor:
        found: list[Tensor] = []

        def see(layer: int, z: Tensor) -> None:
            if layer == k:
                found.append(z)
                raise _Enough

        with suppress(_Enough):
            self.evaluator.visit(x, see)
        return found[0]

    def _merge(self, ray: Tensor, t: Tensor) -> None:
        order = t.argsort(stable=True)
        order = order[ray[order].argsort(stable=True)]
        ray, t = ray[order], t[order]
        # knots closer to the one before than the resolution go; ends stay
        new = (t[1:] - t[:-1] > self.resolution) | (ray[1:] != ray[:-1]) | (t[1:] == 1)
        keep = torch.cat([torch.ones(1, dtype=torch.bool, device=t.device), new])
        self.ray, self.t = ray[keep], t[keep]

    def changes(self) -> tuple[Tensor, Tensor, Tensor]:
        """Bits that change at each knot by layer; doubtful bits, and end distances, by ray.

        The first pass over the pieces keeps the bits of two neighbours at a time only.
        """
        layers, number = len(self.evaluator.layers), len(self.a)
        device = self.a.device
        flips = torch.zeros(len(self.t), layers, dtype=torch.int64, device=device)
        doubtful = torch.zeros(number, dtype=torch.int64, device=device)
        knots = len(self.t)

        def work(start: int, stop: int) -> tuple[Tensor, Tensor, Tensor]:
            # knots start..stop-1, each between the pieces on either side
            low, high = max(start - 1, 0), min(stop + 1, knots)
            ray, t = self.ray[low:high], self.t[low:high]
            middle = (t[:-1] + t[1:]) / 2
            inside = ray[:-1] == ray[1:]
            own = ray[:-1]
            part = torch.zeros(stop - start, layers, dtype=torch.int64, device=device)
            doubt = torch.zeros(len(own), dtype=torch.int64, device=device)
            place = torch.arange(start, stop, device=device) - low  # in this window
            both = (place > 0) & (place < len(ray) - 1)
            both &= (self.t[start:stop] > 0) & (self.t[start:stop] < 1)
            left = place[both] - 1

            def see(k: int, z: Tensor) -> None:
                bits = z > 0
                part[both, k] = (bits[left] ^ bits[left + 1]).sum(1)
                torch.maximum(scale, z.abs().amax(1, keepdim=True), out=scale)
                small = (z.abs() <= DOUBTFUL * scale) & (z != 0)  # sums of nothing are 0
                doubt.add_(small.sum(1) * inside)

            x = self._at(own, middle)
            scale = x.abs().amax(1, keepdim=True)
            self.evaluator.visit(x, see)
            # a piece belongs to the window of the knot at its left end
            mine = torch.arange(low, high - 1, device=device)
            mine = (mine >= start) & (mine < stop)
            return part, own[mine], doubt[mine]

        for start, stop, (part, own, doubt) in self._batches(layers).over(knots, work):
            flips[start:stop] = part
            doubtful.index_add_(0, own, doubt)
        self._told()
        return flips, doubtful, self._end_distances()

    def _end_distances(self) -> Tensor:
        """Between the patterns of the first and the last piece of each ray."""
        first = (self.t == 0).nonzero()[:, 0]
        last = (self.t == 1).nonzero()[:, 0]
        begin = (self.t[first] + self.t[first + 1]) / 2
        end = (self.t[last - 1] + self.t[last]) / 2

        def work(start: int, stop: int) -> Tensor:
            rays = torch.arange(start, stop, device=self.a.device)
            points = [self._at(rays, side[start:stop]) for side in (begin, end)]
            total = torch.zeros(stop - start, dtype=torch.int64, device=self.a.device)

            def see(_: int, z: Tensor) -> None:
                one, other = (z > 0).chunk(2)
                total.add_((one ^ other).sum(1))

            self.evaluator.visit(torch.cat(points), see)
            return total

        parts = self._batches(len(self.evaluator.layers)).over(len(self.a), work)
        return torch.cat([part for _, _, part in parts])
