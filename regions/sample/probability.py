"""How often each unit is active, with Wilson's interval, streamed over any number of points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import torch

from regions.errors import InputError
from regions.sample.evaluator import Evaluator
from regions.sample.points import Points

EDGE = 0.01  # a unit with p below it, or above 1 - it, is called saturated


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerProbability:
    """The units of one layer: p = ones / points, and an interval [low, high] for each.

    `mean` and `sd` are those of p over the units; `never` and `always` count the units whose bit
    was the same at all points, `saturated` is the share with p < 0.01 or p > 0.99, and `expected`
    is 2Σp(1-p), the mean Hamming distance of independent points.
    """

    layer: int
    name: str
    kind: str
    points: int
    ones: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def p(self) -> np.ndarray:
        """The share of points at which each unit is active."""
        return self.ones / self.points

    @property
    def expected(self) -> float:
        """The mean distance of two points drawn independently from these."""
        return float((2 * self.p * (1 - self.p)).sum())

    def as_dict(self) -> dict[str, object]:
        """The figures and the tables, JSON-ready."""
        p = self.p
        return {
            "layer": self.layer,
            "name": self.name,
            "kind": self.kind,
            "units": len(p),
            "mean": float(p.mean()),
            "sd": float(p.std()),
            "never": int((self.ones == 0).sum()),
            "always": int((self.ones == self.points).sum()),
            "saturated": float(((p < EDGE) | (p > 1 - EDGE)).mean()),
            "expected_hamming": self.expected,
            "p": p.tolist(),
            "low": self.low.tolist(),
            "high": self.high.tolist(),
        }


def probability(
    evaluator: Evaluator,
    points: Points,
    *,
    layers: Sequence[int] | int | None = None,
    confidence: float = 0.95,
    progress: Callable[[int, int], None] | None = None,
) -> list[LayerProbability]:
    """The activation probability of every unit.

    For points drawn independently from a law, [low, high] holds the true probability of a unit in
    about a share `confidence` of repetitions, for each unit by itself (Wilson 1927).

    Examples
    --------
    >>> from regions.network import Network
    >>> network = Network.from_layers([([[1], [1]], [0, 9]), ([[1, 1]], [0])])
    >>> (layer,) = probability(Evaluator.of(network, device="cpu"), np.array([[-1.0], [1.0]]))
    >>> layer.p.tolist(), round(float(layer.low[1]), 3)
    ([0.5, 1.0], 0.342)

    Source: "Study on Activation Patterns", sections 1 (6) and 2.1.
    """
    if not 0 < confidence < 1:
        raise InputError(f"probability(): confidence needs a number in (0, 1), got {confidence!r}")
    chosen = evaluator.select(layers)
    ones = [torch.zeros(evaluator.widths[k], dtype=torch.int64) for k in chosen]
    for _, _, bits in evaluator.stream(points, [k + 1 for k in chosen], progress):
        for total, layer in zip(ones, bits, strict=True):
            total += layer.sum(0, dtype=torch.int64).cpu()
    found = []
    for k, total in zip(chosen, ones, strict=True):
        low, high = wilson(total.numpy(), len(points), confidence)
        units = evaluator.layers[k]
        found.append(
            LayerProbability(
                layer=k + 1, name=units.name, kind=units.kind, points=len(points),
                ones=total.numpy(), low=low, high=high,
            )
        )  # fmt: skip
    return found


def wilson(ones: np.ndarray, number: int, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's intervals for shares of successes among `number` independent trials.

    >>> [round(float(end), 4) for end in wilson(np.array(5), 10, 0.95)]
    [0.2366, 0.7634]
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = ones / number
    middle = (share + z * z / (2 * number)) / (1 + z * z / number)
    reach = z * np.sqrt(share * (1 - share) / number + (z / (2 * number)) ** 2)
    reach = reach / (1 + z * z / number)
    # at the ends the bounds are 0 and 1 exactly, which rounding would miss
    low = np.where(ones == 0, 0.0, np.maximum(middle - reach, 0.0))
    high = np.where(ones == number, 1.0, np.minimum(middle + reach, 1.0))
    return low, high
