"""`estimate`: the number of regions from samples, as an interval with a confidence."""

from __future__ import annotations

import time
from collections.abc import Callable
from numbers import Integral, Real

from regions.counting.api import describe
from regions.counting.question import Question as Arguments
from regions.counting.question import checked_seconds
from regions.counting.tree import Stop, interruptible
from regions.domain import Domain
from regions.errors import InputError
from regions.estimating.patterns import Sample, decide_random, in_words, times_all, wilson
from regions.network import Network
from regions.results import Estimate
from solvers.backend import Backend

METHODS = ("patterns",)


def estimate(
    network: Network,
    domain: Domain | None = None,
    *,
    method: str = "patterns",
    samples: int | str = 1000,
    seed: int = 0,
    layers: int | None = None,
    confidence: float = 0.95,
    time_limit: float | None = None,
    backend: str | Backend = "highs",
    progress: Callable[[int, int], None] | None = None,
) -> Estimate:
    """Estimate the number of linear regions; `count` gives the true number.

    Method "patterns": random patterns, every bit a fair coin, each decided exactly: the share that
    occurs, with Wilson's interval, times 2^n, n the number of units.  For wide layers nearly all
    patterns are impossible, and the estimate is worth nothing: `note` says so in numbers.

    Parameters
    ----------
    network, domain
        As for `count`.
    method
        "patterns".
    samples
        How many; "all" decides every pattern once (up to 24 units), which gives the share exactly.
    seed
        Of the random numbers; the same seed gives the same estimate.
    layers
        Patterns of the first so many ReLU layers only.
    confidence
        Of the interval, between 0 and 1.
    time_limit
        Seconds after which to stop with the samples decided by then.
    backend
        Solver of the linear programs.  Its answers are proposals: each is checked exactly.
    progress
        Called with the numbers of decided and of reachable patterns.

    Raises
    ------
    DomainError
        If the domain is empty or has another dimension than the network's input.
    InputError
        If another argument is out of range.

    Examples
    --------
    >>> network = Network.from_layers([([[1, 0], [0, 1], [-1, -1]], [0, 0, -1]), ([[1] * 3], [0])])
    >>> guess = estimate(network, samples="all")
    >>> guess.value, guess.details["share"]
    (5, 0.625)

    Source: "Study on Activation Patterns", section 7.2.
    """
    start = time.monotonic()
    if method not in METHODS:
        raise InputError(f"estimate(): no method {method!r}; choose one of {', '.join(METHODS)}")
    number = _number(samples)
    if isinstance(seed, bool) or not isinstance(seed, Integral) or seed < 0:
        raise InputError(f"estimate(): seed needs a whole number >= 0, got {seed!r}")
    if not (isinstance(confidence, Real) and 0 < confidence < 1):
        raise InputError(f"estimate(): confidence needs a number in (0, 1), got {confidence!r}")
    arguments = Arguments.of("estimate", network, domain, "auto", layers, backend)
    limit = checked_seconds("estimate", time_limit)
    stop = Stop(None if limit is None else start + limit)
    with interruptible(stop):
        sample = decide_random(arguments.stopped_by(stop), number, int(seed), stop, progress)
    complete = number is None and sample.decided == 2**sample.units
    low, high = wilson(sample.reachable, sample.decided, float(confidence))
    share = sample.share
    if complete and share is not None:
        low = high = float(share)
    stopped = None
    if not complete and (number is None or sample.decided < number):
        stopped = stop.reason()
    units = sample.units
    return Estimate(
        value=None if share is None else times_all(share, units),
        low=times_all(share if complete and share is not None else low, units),
        high=times_all(share if complete and share is not None else high, units),
        method=method,
        samples=sample.decided,
        seed=int(seed),
        confidence=1.0 if complete else float(confidence),
        note=in_words(sample),
        stopped=stopped,
        domain=arguments.domain.spec,
        seconds=time.monotonic() - start,
        model=describe(network),
        details=_details(sample, low, high),
    )


def _details(sample: Sample, low: float, high: float) -> dict[str, object]:
    return {
        "reachable": sample.reachable,
        "distinct": sample.distinct,
        "share": None if sample.share is None else float(sample.share),
        "share_low": low,
        "share_high": high,
        "units": sample.units,
        "at_most": sample.most,
    }


def _number(samples: int | str) -> int | None:
    if samples == "all":
        return None
    if isinstance(samples, (bool, str)) or not isinstance(samples, Integral) or samples < 1:
        raise InputError(
            f"estimate(): samples needs a whole number, 1 or more, or 'all', got {samples!r}"
        )
    return int(samples)
