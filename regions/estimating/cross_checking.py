"""`cross_check`: every estimator beside the exact engines, on one network."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from regions.counting.question import checked_seconds
from regions.counting.tree import Stop, interruptible
from regions.domain import Domain
from regions.errors import DomainError, InputError
from regions.estimating.api import WIDTH, estimate, prepared
from regions.estimating.truth import Comparison, compared, density, number_of_regions
from regions.network import Network
from regions.results import Count, Estimate
from solvers.backend import Backend

INTERRUPTED = "interrupted"
DENSITIES = ("rays", "slices")
# name, method, its options
ROWS: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("tree", "tree", {"width": WIDTH}),
    ("tree, width 1", "tree", {"width": 1, "samples": 200}),
    ("volumes", "volumes", {}),
    ("volumes, waiting", "volumes", {"form": "waiting"}),
    ("volumes, sampled", "volumes", {"form": "sampled", "samples": 20}),
    ("patterns", "patterns", {}),
    ("species", "species", {}),
    ("rays", "rays", {}),
    ("slices", "slices", {"samples": 40}),
)


@dataclass(frozen=True)
class CrossCheck:
    """All estimates of one network beside what is exact.

    Attributes
    ----------
    rows
        One for each estimator.
    count
        The number of regions, exact unless a limit came first.
    covered
        Whether no interval misses what is exact.  An interval of confidence 0.95 may, once in
        twenty times.
    stopped
        "interrupted" if Ctrl-C came before the last row.
    """

    rows: tuple[Comparison, ...]
    count: Count
    seconds: float
    stopped: str | None = None

    @property
    def covered(self) -> bool:
        """Whether no interval missed."""
        return all(row.covered is not False for row in self.rows)


def cross_check(
    network: Network,
    domain: Domain | None = None,
    *,
    layers: int | None = None,
    seed: int = 0,
    confidence: float = 0.95,
    time_limit: float | None = None,
    backend: str | Backend = "highs",
    progress: Callable[[str], None] | None = None,
) -> CrossCheck:
    """Run every estimator of `estimate` beside the exact count, on one (small) network.

    Parameters
    ----------
    network, domain, layers, backend
        As for `count`.
    seed, confidence
        As for `estimate`.
    time_limit
        Seconds for the exact count, for each estimator, and for each exact density.
    progress
        Called with the name of what comes next.

    Examples
    --------
    >>> network = Network.from_layers([([[1, 0], [0, 1], [-1, -1]], [0, 0, -1]), ([[1] * 3], [0])])
    >>> found = cross_check(network, seed=1)
    >>> int(found.count), found.covered
    (5, True)
    >>> [row.name for row in found.rows if row.exact is not found.count]
    ['rays', 'slices']
    """
    start = time.monotonic()
    limit = checked_seconds("cross_check", time_limit)
    prepared(  # what is wrong with the arguments is no row of the table
        network, domain, Stop(None), start,
        seed=seed, layers=layers, confidence=confidence, backend=backend,
    )  # fmt: skip
    tell = progress or (lambda name: None)
    tell("count")
    exact = number_of_regions(network, domain, layers, backend, limit)
    rows: list[Comparison] = []
    for name, method, options in ROWS:
        if exact.stopped == INTERRUPTED or _interrupted(rows):
            return CrossCheck(tuple(rows), exact, time.monotonic() - start, INTERRUPTED)
        tell(name)
        try:
            guess = estimate(
                network, domain, method=method, seed=seed, layers=layers, confidence=confidence,
                time_limit=limit, backend=backend, **options,  # type: ignore[arg-type]
            )  # fmt: skip
        except (DomainError, InputError) as error:
            rows.append(Comparison(name, None, None, None, str(error)))
            continue
        if method not in DENSITIES:
            rows.append(compared(name, guess, exact))
            continue
        tell(f"{name}, exact")
        rows.append(beside(method, guess, network, domain, layers, backend, limit, name))
    return CrossCheck(tuple(rows), exact, time.monotonic() - start)


def _interrupted(rows: Sequence[Comparison]) -> bool:
    """Ctrl-C ended the last estimate, so no other begins."""
    last = rows[-1].estimate if rows else None
    return last is not None and last.stopped == INTERRUPTED


def beside(
    method: str,
    guess: Estimate,
    network: Network,
    domain: Domain | None,
    layers: int | None,
    backend: str | Backend,
    time_limit: float | None,
    name: str | None = None,
) -> Comparison:
    """An estimate beside what is exact, which is computed for it."""
    limit = checked_seconds("cross_check", time_limit)
    if method not in DENSITIES:
        exact = number_of_regions(network, domain, layers, backend, limit)
        return compared(name or method, guess, exact)
    stop = Stop(None if limit is None else time.monotonic() + limit)
    with interruptible(stop):
        value, why = density(network, domain, method, layers, backend, stop)
    return compared(name or method, guess, value, why)
