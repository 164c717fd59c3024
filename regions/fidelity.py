"""Is the normal form the model that was read?  Both are run on the same seeded points."""

from __future__ import annotations

import numpy as np

from regions.domain import Domain
from regions.errors import DomainError, ModelError
from regions.network import Network
from regions.source import Source
from solvers.rational import nearest

POINTS = 100
TOLERANCE = 1e-4
_FLOOR = 1e-12  # outputs below this are cancelled noise: errors are measured against it


def check(
    source: Source,
    network: Network,
    domain: Domain | None = None,
    *,
    num_points: int = POINTS,
    seed: int = 0,
) -> tuple[int, float]:
    """Compare the source model f with the normal form g on random points of the domain.

    The error at x is max|f(x) - g(x)| / max(max|f(x)|, m), where m is the mean of max|f| over the
    points: near a zero of f, the rounding of the source model is measured by its usual outputs.

    Points are uniform in the domain if it is a box, an infinite side replaced by ±1; for other
    domains, in [-1, 1]ⁿ.

    Returns
    -------
    (points, worst)
        Number of points and the worst relative error.

    Raises
    ------
    ModelError
        If the worst error exceeds 1e-4, or the source model returns something else.
    DomainError
        If the domain has another dimension.
    """
    points = sample_points(network.inputs, domain, num_points, seed)
    expected = np.asarray(source.evaluate(points), dtype=np.float64)
    actual = network.evaluate(points)
    if expected.shape != actual.shape:
        raise ModelError(
            f"the {source.format} model returns {expected.shape[1:]} numbers at a point where "
            f"{actual.shape[1:]} were read"
        )
    if not np.isfinite(expected).all():
        raise ModelError(f"the {source.format} model returns NaN or infinite values")
    if not expected.size:
        raise ModelError(f"the {source.format} model has no outputs")
    size = np.abs(expected).max(axis=1)
    scale = np.maximum(np.maximum(size, size.mean()), _FLOOR)
    worst = float((np.abs(expected - actual).max(axis=1) / scale).max())
    if not worst <= TOLERANCE:
        raise ModelError(
            f"the network that was read differs from the {source.format} model by a relative "
            f"error of {worst:.3g} on {len(points)} points, above {TOLERANCE:g}; it is refused. "
            "Does the model change its input, or is it not in eval mode?"
        )
    return len(points), worst


def sample_points(dimension: int, domain: Domain | None, num_points: int, seed: int) -> np.ndarray:
    """Seeded uniform points of a box, (num_points, dimension) float32 values as float64."""
    low, high = np.full(dimension, -1.0), np.full(dimension, 1.0)
    if domain is not None:
        if domain.dim != dimension:
            raise DomainError(
                f"load(): the domain has dimension {domain.dim}, the network expects {dimension}"
            )
        limits = domain.constraints()
        if limits.A is None and not limits.span:
            for i, (lower, upper) in enumerate(zip(limits.lower, limits.upper, strict=True)):
                a = None if lower is None else nearest(lower)
                b = None if upper is None else nearest(upper)
                low[i] = a if a is not None else (-1.0 if b is None else min(-1.0, b - 1.0))
                high[i] = b if b is not None else max(1.0, low[i] + 1.0)
    unit = np.random.default_rng(seed).random((num_points, dimension))
    # float32 values, so that a float32 source model is asked about the same point
    return (low + unit * (high - low)).astype(np.float32).astype(np.float64)
