"""Is the normal form the model that was read?  Both are run on the same seeded points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from regions.check_points import CheckPoints, draw
from regions.domain import Domain
from regions.errors import ModelError
from regions.source import Source

POINTS = 100
TOLERANCE = 1e-4
_FLOOR = 1e-12  # outputs below this are cancelled noise: errors are measured against it


class Evaluable(Protocol):
    """What was read, in a form that runs: a `Network`, or a graph of layers."""

    @property
    def inputs(self) -> int:
        """Number of inputs."""
        ...

    def evaluate(self, points: np.ndarray) -> np.ndarray:
        """Float64 (N, inputs) -> (N, outputs)."""
        ...


@dataclass(frozen=True)
class Agreement:
    """How many points were compared, the worst relative error, and where the points were taken."""

    points: int
    worst: float
    where: str


def check(
    source: Source,
    network: Evaluable,
    domain: Domain | None = None,
    *,
    num_points: int = POINTS,
    seed: int = 0,
) -> Agreement:
    """Compare the source model f with the normal form g on different random points of the domain.

    The error at x is max|f(x) - g(x)| / max(max|f(x)|, m), where m is the mean of max|f| over the
    points: near a zero of f, the rounding of the source model is measured by its usual outputs.

    The points are those of `check_points.draw`, in the precision of the source's input; [-1, 1]ⁿ
    without a domain, and where the source's own arithmetic overflows on the domain.

    Raises
    ------
    ModelError
        If the worst error exceeds 1e-4, or the source model returns something else.
    DomainError
        If the domain has another dimension, or no point.
    """
    drawn = draw(network.inputs, domain, num_points, seed, source.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        expected, actual = _outputs(source, network, drawn)
    if not np.isfinite(expected).all() and domain is not None:
        name, where = np.dtype(source.dtype).name, drawn.where
        plain = draw(network.inputs, None, num_points, seed, source.dtype)
        where = f"{plain.where} (the model is not finite in {name} {where})"
        drawn = CheckPoints(plain.points, where)
        expected, actual = _outputs(source, network, drawn)
    if not np.isfinite(expected).all():
        raise ModelError(f"the {source.format} model returns NaN or infinite values {drawn.where}")
    if not expected.size:
        raise ModelError(f"the {source.format} model has no outputs")
    size = np.abs(expected).max(axis=1)
    # divided before it is summed: the sum may overflow
    scale = np.maximum(np.maximum(size, (size / len(size)).sum()), _FLOOR)
    worst = float((np.abs(expected - actual).max(axis=1) / scale).max())
    if not worst <= TOLERANCE:
        raise ModelError(
            f"the network that was read differs from the {source.format} model by a relative "
            f"error of {worst:.3g} on {len(drawn.points)} points, above {TOLERANCE:g}; it is "
            "refused. Does the model change its input, or is it not in eval mode?"
        )
    return Agreement(len(drawn.points), worst, drawn.where)


def _outputs(
    source: Source, network: Evaluable, drawn: CheckPoints
) -> tuple[np.ndarray, np.ndarray]:
    """Of the source and of the normal form at the points: both (N, outputs)."""
    expected = np.asarray(source.evaluate(drawn.points), dtype=np.float64)
    actual = network.evaluate(drawn.points)
    if expected.shape != actual.shape:
        raise ModelError(
            f"the {source.format} model returns {expected.shape[1:]} numbers at a point where "
            f"{actual.shape[1:]} were read"
        )
    return expected, actual
