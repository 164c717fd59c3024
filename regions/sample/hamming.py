"""Hamming distances: of random pairs, against L2; and of all pairs, without their matrix."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import torch
from torch import Tensor

from regions.errors import InputError
from regions.sample.bits import Patterns, distances
from regions.sample.evaluator import Evaluator
from regions.sample.points import distinct_pairs

BLOCK = 1024  # rows and columns of the matrix of distances at once


@dataclass(frozen=True, kw_only=True, eq=False)
class Distances:
    """Hamming distances at one layer, or at all of them together (layer None).

    Attributes
    ----------
    histogram
        How many pairs have distance 0, 1, …, units.
    mean, sd
        Over the pairs.
    low, high
        An interval for the mean distance of two points of the law that these were drawn from;
        infinite for pairs of fewer than two points.
    l2
        The correlations, "pearson" and "spearman", with the L2 distance of the pair's inputs and of
        the layer's outputs; and "bins": the middle of a range of input distances, the number of its
        pairs, their mean Hamming distance.
    """

    layer: int | None
    name: str
    units: int
    pairs: int
    histogram: np.ndarray
    mean: float
    sd: float
    low: float
    high: float
    l2: dict[str, object] | None = None

    def as_dict(self) -> dict[str, object]:
        """JSON-ready."""
        return {
            "layer": self.layer,
            "name": self.name,
            "units": self.units,
            "pairs": self.pairs,
            "mean": self.mean,
            "sd": self.sd,
            "low": self.low,
            "high": self.high,
            "histogram": self.histogram.tolist(),
            "l2": self.l2,
        }


def pair_distances(
    evaluator: Evaluator,
    points: np.ndarray,
    pairs: np.ndarray,
    *,
    layers: Sequence[int] | int | None = None,
    against_l2: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Distances of pairs of points (pairs, 2), streamed.

    Returns
    -------
    hamming : (layers, pairs) int64
    l2 : (1 + layers, pairs)
        Of the inputs, then of the layers' outputs max(z, 0); empty if not asked for.
    """
    chosen = evaluator.select(layers)

    def work(start: int, stop: int) -> tuple[Tensor, Tensor]:
        part = pairs[start:stop]
        x = evaluator.tensor(np.concatenate([points[part[:, 0]], points[part[:, 1]]]))
        hamming: dict[int, Tensor] = {}
        l2: dict[int, Tensor] = {-1: _length(x)}

        def see(k: int, z: Tensor) -> None:
            if k in chosen:
                first, second = (z > 0).chunk(2)
                hamming[k] = (first ^ second).sum(1, dtype=torch.int64)
                if against_l2:
                    l2[k] = _length(z.clamp(min=0))

        evaluator.visit(x, see)
        kept = [l2[k] for k in (-1, *chosen)] if against_l2 else []
        return (
            torch.stack([hamming[k] for k in chosen]).cpu(),
            torch.stack(kept).double().cpu() if kept else torch.zeros(0, stop - start),
        )

    parts = []
    for _, stop, found in evaluator.batches.over(len(pairs), work):
        parts.append(found)
        if progress is not None:
            progress(stop, len(pairs))
    return tuple(torch.cat(side, dim=1).numpy() for side in zip(*parts, strict=True))  # type: ignore[return-value]


def _length(x: Tensor) -> Tensor:
    first, second = x.chunk(2)
    return torch.linalg.vector_norm(first - second, dim=1)


def hamming(
    evaluator: Evaluator,
    points: np.ndarray,
    *,
    pairs: int = 10_000,
    layers: Sequence[int] | int | None = None,
    against_l2: bool = True,
    confidence: float = 0.95,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> list[Distances]:
    """Distances of random pairs of different points, by layer and in total (the last one).

    No pair comes twice, and no point where there are enough.  Otherwise the interval, which takes
    pairs for independent, is for the mean over the pairs of these points alone.

    Source: "Study on Activation Patterns", sections 1 (7) and 2.2.
    """
    rng = np.random.default_rng(seed)
    drawn = distinct_pairs(len(points), pairs, rng)
    by_layer, l2 = pair_distances(
        evaluator, points, drawn, layers=layers, against_l2=against_l2, progress=progress
    )
    chosen = evaluator.select(layers)
    z = NormalDist().inv_cdf((1 + _confidence(confidence)) / 2)
    found = []
    rows = [(k, by_layer[i], i + 1) for i, k in enumerate(chosen)]
    for k, values, place in [*rows, (None, by_layer.sum(axis=0), None)]:
        units = sum(evaluator.widths[i] for i in chosen) if k is None else evaluator.widths[k]
        mean, sd = float(values.mean()), float(values.std(ddof=1)) if pairs > 1 else math.inf
        reach = z * sd / math.sqrt(pairs)
        against = None
        if against_l2:
            against = {"input": _against(values, l2[0]), "bins": _binned(values, l2[0])}
            if place is not None:
                against["layer"] = _against(values, l2[place])
        found.append(
            Distances(
                layer=None if k is None else k + 1,
                name="all" if k is None else evaluator.layers[k].name,
                units=units, pairs=pairs, histogram=np.bincount(values, minlength=units + 1),
                mean=mean, sd=sd, low=mean - reach, high=mean + reach, l2=against,
            )
        )  # fmt: skip
    return found


def _confidence(value: float) -> float:
    if not 0 < value < 1:
        raise InputError(f"hamming(): confidence needs a number in (0, 1), got {value!r}")
    return value


def _against(values: np.ndarray, lengths: np.ndarray) -> dict[str, object]:
    """Pearson's and Spearman's correlation; None where one side is constant."""
    found: dict[str, object] = {}
    for name, pair in (
        ("pearson", (values, lengths)),
        ("spearman", (_ranks(values), _ranks(lengths))),
    ):
        constant = any(np.ptp(side) == 0 for side in pair)
        found[name] = None if constant else float(np.corrcoef(*pair)[0, 1])
    return found


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks, equal values sharing their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]


def _binned(values: np.ndarray, lengths: np.ndarray, bins: int = 20) -> list[list[float]]:
    """(middle of the bin, pairs, mean Hamming distance) for bins of equal numbers of pairs."""
    parts = np.array_split(np.argsort(lengths, kind="stable"), min(bins, len(lengths)))
    return [
        [float(lengths[part].mean()), len(part), float(values[part].mean())]
        for part in parts
        if len(part)
    ]


# -- all pairs ------------------------------------------------------------------------------------


def blocks(
    patterns: Patterns, size: int = BLOCK, *, triangle: bool = False
) -> Iterator[tuple[int, int, list[Tensor]]]:
    """(first row, first column, distances by layer) of blocks that make up the whole matrix.

    Only the blocks with row <= column if `triangle`.  A block is (rows, columns) of int32.
    """
    number = len(patterns)
    for i in range(0, number, size):
        for j in range(i if triangle else 0, number, size):
            yield (
                i,
                j,
                [
                    distances(layer[i : i + size], layer[j : j + size], units)
                    for layer, units in zip(patterns.layers, patterns.widths, strict=True)
                ],
            )


def all_pairs(
    patterns: Patterns,
    *,
    names: Sequence[tuple[int, str]] | None = None,
    confidence: float = 0.95,
    block: int = BLOCK,
    progress: Callable[[int, int], None] | None = None,
) -> list[Distances]:
    """The distances of all pairs i < j, by layer and in total, in bounded memory.

    Their mean is a U-statistic: over the points, E d = 2Σp(1-p)·N/(N-1) exactly, p the shares among
    these points; its interval rests on the spread of the points' own mean distances (Hoeffding
    1948).

    Parameters
    ----------
    names
        Number and name of each layer.

    Examples
    --------
    >>> from regions.sample.bits import pack
    >>> bits = torch.tensor([[0, 0], [0, 1], [1, 1]], dtype=torch.bool)
    >>> (layer, total) = all_pairs(Patterns((pack(bits),), (2,)))
    >>> layer.histogram.tolist(), round(layer.mean, 6)
    ([0, 2, 1], 1.333333)
    """
    number = len(patterns)
    if number < 2:
        raise InputError(f"all_pairs(): needs two points or more, got {number}")
    widths = (*patterns.widths, sum(patterns.widths))
    counts = [torch.zeros(width + 1, dtype=torch.int64) for width in widths]
    sums = [torch.zeros(number, dtype=torch.int64) for _ in widths]  # over the partners of a point
    whole = number * (number - 1) // 2
    done = 0
    for i, j, layers in blocks(patterns, block, triangle=True):
        total = layers[0].clone()
        for layer in layers[1:]:
            total += layer
        for k, table in enumerate([*layers, total]):
            if i == j:
                upper = torch.ones_like(table, dtype=torch.bool).triu(1)
                values = table[upper]
            else:
                values = table.reshape(-1)
                sums[k][j : j + table.shape[1]] += table.sum(0).cpu()
            sums[k][i : i + len(table)] += table.sum(1).cpu()
            counts[k] += _bincount(values, widths[k] + 1)
        rows, columns = layers[0].shape
        done += rows * columns if i != j else rows * (rows - 1) // 2
        if progress is not None:
            progress(done, whole)
    z = NormalDist().inv_cdf((1 + _confidence(confidence)) / 2)
    labels = list(names or [(k + 1, "") for k in range(len(patterns.widths))])
    found = []
    for k, (count, row) in enumerate(zip(counts, sums, strict=True)):
        values = np.arange(len(count), dtype=np.float64)
        share = count.numpy() / whole
        mean = float((share * values).sum())
        sd = math.sqrt(max(float((share * (values - mean) ** 2).sum()), 0.0))
        own = row.numpy() / (number - 1)
        reach = z * 2 * float(own.std(ddof=1)) / math.sqrt(number)
        layer, name = labels[k] if k < len(labels) else (None, "all")
        found.append(
            Distances(
                layer=layer, name=name, units=widths[k], pairs=whole, histogram=count.numpy(),
                mean=mean, sd=sd, low=mean - reach, high=mean + reach,
            )
        )  # fmt: skip
    return found


def _bincount(values: Tensor, length: int) -> Tensor:
    if values.device.type == "cpu":  # torch takes five times as long
        return torch.from_numpy(np.bincount(values.numpy(), minlength=length))
    return torch.bincount(values, minlength=length).cpu()
