"""The nearest points by Hamming distance, and whether they have the same label."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import torch
from torch import Tensor

from regions.errors import InputError
from regions.sample.bits import Patterns, distances

ROWS = 512  # points whose distances to all others are held at once
COLUMNS = 4096


@dataclass(frozen=True, kw_only=True, eq=False)
class Purity:
    """The mean share of a point's neighbours that have its label.

    The interval takes the points for independent draws; `chance` is the share among all others.
    """

    mean: float
    low: float
    high: float
    chance: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Neighbours:
    """The k nearest other points of each: `index` and `distance` (queries, k), nearest first.

    Equal distances are ordered by the number of the point.
    """

    metric: str
    queries: np.ndarray
    index: np.ndarray
    distance: np.ndarray
    purity: Purity | None = None

    def as_dict(self) -> dict[str, object]:
        """JSON-ready, without the tables."""
        return {
            "metric": self.metric,
            "queries": len(self.queries),
            "neighbours": self.index.shape[1],
            "mean_distance": float(self.distance.mean()),
            "purity": None if self.purity is None else dict(vars(self.purity)),
        }


def hamming_neighbours(
    patterns: Patterns,
    count: int = 10,
    queries: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    *,
    confidence: float = 0.95,
    progress: Callable[[int, int], None] | None = None,
) -> Neighbours:
    """The `count` nearest points by the Hamming distance of all given layers.

    Examples
    --------
    >>> from regions.sample.bits import pack
    >>> bits = torch.tensor([[0, 0, 0], [0, 1, 1], [0, 0, 1], [1, 0, 0]], dtype=torch.bool)
    >>> found = hamming_neighbours(Patterns((pack(bits),), (3,)), 2)
    >>> found.index.tolist(), found.distance[0].tolist()
    ([[2, 3], [2, 0], [0, 1], [0, 2]], [1, 1])

    Source: "Study on Activation Patterns", section 2.4.
    """

    def table(rows: Tensor, start: int, stop: int) -> Tensor:
        total = torch.zeros(len(rows), stop - start, dtype=torch.int64)
        for layer, units in zip(patterns.layers, patterns.widths, strict=True):
            total += distances(layer[rows.to(layer.device)], layer[start:stop], units).cpu()
        return total

    index, distance = _nearest(len(patterns), count, queries, table, progress)
    return _judged("hamming", queries, index, distance, labels, confidence)


def l2_neighbours(
    points: np.ndarray,
    count: int = 10,
    queries: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    *,
    device: torch.device | str = "cpu",
    confidence: float = 0.95,
    progress: Callable[[int, int], None] | None = None,
) -> Neighbours:
    """The same by Euclidean distance, in single precision around the mean of the points."""
    centred = points - points.mean(axis=0)
    x = torch.as_tensor(centred, dtype=torch.float32, device=device)
    square = (x * x).sum(1)

    def table(rows: Tensor, start: int, stop: int) -> Tensor:
        a = x[rows.to(x.device)]
        found = (
            square[rows.to(x.device)][:, None] + square[None, start:stop] - 2 * a @ x[start:stop].T
        )
        return found.clamp(min=0).sqrt().cpu()

    index, distance = _nearest(len(points), count, queries, table, progress)
    return _judged("l2", queries, index, distance, labels, confidence)


def _nearest(
    number: int,
    count: int,
    queries: np.ndarray | None,
    table: Callable[[Tensor, int, int], Tensor],
    progress: Callable[[int, int], None] | None,
) -> tuple[np.ndarray, np.ndarray]:
    if not 1 <= count < number:
        raise InputError(f"neighbours: {count} of each point need more than {number} points")
    asked = torch.arange(number) if queries is None else torch.as_tensor(queries, dtype=torch.int64)
    if len(asked) and not 0 <= int(asked.min()) <= int(asked.max()) < number:
        raise InputError(f"neighbours: queries need numbers from 0 to {number - 1}")
    indices, values = [], []
    for begin in range(0, len(asked), ROWS):
        rows = asked[begin : begin + ROWS]
        best = torch.zeros(len(rows), 0)
        place = torch.zeros(len(rows), 0, dtype=torch.int64)
        for start in range(0, number, COLUMNS):
            stop = min(start + COLUMNS, number)
            found = table(rows, start, stop).double()
            own = (rows >= start) & (rows < stop)
            found[own.nonzero()[:, 0], rows[own] - start] = math.inf  # not oneself
            order = torch.arange(start, stop).expand(len(rows), -1)
            best, place = _least(torch.cat([best, found], 1), torch.cat([place, order], 1), count)
        indices.append(place)
        values.append(best)
        if progress is not None:
            progress(min(begin + ROWS, len(asked)), len(asked))
    return torch.cat(indices).numpy(), torch.cat(values).numpy()


def _least(values: Tensor, place: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The least values, equal ones by place; `place` ascends."""
    kept = min(count, values.shape[1])
    limit = values.kthvalue(kept, dim=1, keepdim=True).values
    # those up to the limit, in order of place, then stably by value
    rank = torch.where(values <= limit, values, math.inf)
    many = int((values <= limit).sum(1).max())
    least, index = rank.topk(many, dim=1, largest=False)
    by_place = torch.where(least < math.inf, place.gather(1, index), 2**62)
    order = by_place.argsort(dim=1)
    least, index = least.gather(1, order), by_place.gather(1, order)
    order = least.argsort(dim=1, stable=True)[:, :kept]
    return least.gather(1, order), index.gather(1, order)


def _judged(
    metric: str, queries: np.ndarray | None, index: np.ndarray, distance: np.ndarray,
    labels: np.ndarray | None, confidence: float,
) -> Neighbours:  # fmt: skip
    asked = np.arange(len(index)) if queries is None else np.asarray(queries)
    whole = np.rint(distance).astype(np.int64) if metric == "hamming" else distance
    purity = None
    if labels is not None:
        share = (labels[index] == labels[asked][:, None]).mean(axis=1)
        _, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
        others = (counts[inverse[asked]] - 1) / (len(labels) - 1)
        z = NormalDist().inv_cdf((1 + confidence) / 2)
        sd = float(share.std(ddof=1)) if len(share) > 1 else math.inf
        reach = z * sd / math.sqrt(len(share))
        mean = float(share.mean())
        purity = Purity(
            mean=mean, low=max(mean - reach, 0.0), high=min(mean + reach, 1.0),
            chance=float(others.mean()),
        )  # fmt: skip
    return Neighbours(metric=metric, queries=asked, index=index, distance=whole, purity=purity)
