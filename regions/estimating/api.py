"""`estimate`: the number of regions from samples, as an interval with a confidence."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from numbers import Integral, Real
from typing import Any

from regions.counting.question import Question as Arguments
from regions.counting.question import checked_seconds
from regions.counting.tree import Stop, interruptible
from regions.domain import Domain
from regions.errors import InputError
from regions.estimating.methods import DEFAULT_SAMPLES, METHODS, RUNS, Run
from regions.estimating.volumes import FORMS
from regions.network import Network
from regions.results import Estimate
from solvers.backend import Backend

WIDTH = 16


def estimate(
    network: Network,
    domain: Domain | None = None,
    *,
    method: str = "patterns",
    samples: int | str | None = None,
    seed: int = 0,
    layers: int | None = None,
    confidence: float = 0.95,
    form: str = "auto",
    width: int = WIDTH,
    time_limit: float | None = None,
    backend: str | Backend = "highs",
    progress: Callable[[int, int], None] | None = None,
) -> Estimate:
    """Estimate the number of linear regions; `count` gives the true number.

    "tree" walks down the tree that `count` walks, choosing among children that are decided exactly
    (Knuth).  "volumes" hits regions with uniform points x and averages vol D / vol R(x).  Both are
    unbiased.  Since a few small regions may carry most of the mean, samples give a lower limit, by
    betting, and no upper one: that is `bounds`, which is certain.

    "patterns" draws random patterns, every bit a fair coin, decides each exactly, and multiplies
    the share that occurs by 2^n.  For wide layers it is worth nothing.  "species" extrapolates from
    how often uniform points hit the same regions (Chao, Good and Turing); it is biased.  "rays" and
    "slices" estimate densities, of boundaries on random lines and of regions in random planes:
    another `quantity`, from which no number of regions follows.

    Parameters
    ----------
    network, domain
        As for `count`.  All methods but "tree" and "patterns" need bounds on every
        coordinate; a polytope whose rows alone bound it has to be intersected with a box.
    method
        "tree", "volumes", "patterns", "species", "rays" or "slices".
    samples
        How many; by default as many as take some seconds on a small network.  For "patterns", "all"
        decides every pattern once (up to 24 units), which gives the share exactly.
    seed
        Of the random numbers; the same seed gives the same estimate.
    layers
        Patterns of the first so many ReLU layers only.
    confidence
        Of the interval, between 0 and 1.
    form
        Of "volumes": "exact" (volumes are rationals), "waiting" (times to hit the region again,
        unbiased without any volume), "sampled" (volumes by hit-and-run: biased upwards), or "auto",
        exact where that is possible, else waiting.
    width
        Of "tree": how many nodes of one depth are kept; 1 is Knuth's method.
    time_limit
        Seconds after which to stop with the samples decided by then.
    backend
        Solver of the linear programs.  Its answers are proposals: each is checked exactly.
    progress
        Called with the numbers of samples and of what they found.

    Raises
    ------
    DomainError
        If the domain is empty, has another dimension than the network's input, or is unbounded
        where the method draws points.
    InputError
        If another argument is out of range, or exact volumes cannot be had.

    Examples
    --------
    >>> network = Network.from_layers([([[1, 0], [0, 1], [-1, -1]], [0, 0, -1]), ([[1] * 3], [0])])
    >>> guess = estimate(network, samples="all")
    >>> guess.value, guess.details["share"]
    (5, 0.625)
    >>> guess = estimate(network, method="volumes", samples=100)
    >>> guess.low, guess.high, abs(guess.value - 5) < 1
    (5, 7, True)

    Source: "Study on Activation Patterns", section 7.2.
    """
    start = time.monotonic()
    limit = checked_seconds("estimate", time_limit)
    stop = Stop(None if limit is None else start + limit)
    run = prepared(
        network, domain, stop, start, method=method, samples=samples, seed=seed, layers=layers,
        confidence=confidence, form=form, width=width, backend=backend, progress=progress,
    )  # fmt: skip
    try:
        with interruptible(stop):
            return RUNS[method](run)
    finally:
        run.kept.close()


def repeated(
    network: Network, domain: Domain | None, seeds: Iterable[int], **options: Any
) -> Iterator[Estimate]:
    """`estimate` once for each seed; what is exact, and the same for all, is computed once.

    Examples
    --------
    >>> network = Network.from_layers([([[1, 0], [0, 1]], [0, 0]), ([[1] * 2], [0])])
    >>> [guess.value for guess in repeated(network, None, range(3), method="tree")]
    [4.0, 4.0, 4.0]
    """
    run = prepared(network, domain, Stop(None), time.monotonic(), **options)
    try:
        for seed in seeds:
            yield RUNS[options.get("method", "patterns")](
                replace(run, seed=seed, start=time.monotonic())
            )
    finally:
        run.kept.close()


def prepared(
    network: Network,
    domain: Domain | None,
    stop: Stop,
    start: float,
    *,
    method: str = "patterns",
    samples: int | str | None = None,
    seed: int = 0,
    layers: int | None = None,
    confidence: float = 0.95,
    form: str = "auto",
    width: int = WIDTH,
    backend: str | Backend = "highs",
    progress: Callable[[int, int], None] | None = None,
) -> Run:
    """One call of `estimate`, its arguments checked.

    Raises
    ------
    DomainError, InputError
        See there.
    """
    if method not in METHODS:
        raise InputError(f"estimate(): no method {method!r}; choose one of {', '.join(METHODS)}")
    number = _number(method, samples)
    if isinstance(seed, bool) or not isinstance(seed, Integral) or seed < 0:
        raise InputError(f"estimate(): seed needs a whole number >= 0, got {seed!r}")
    if not (isinstance(confidence, Real) and 0 < confidence < 1):
        raise InputError(f"estimate(): confidence needs a number in (0, 1), got {confidence!r}")
    if form not in FORMS:
        raise InputError(f"estimate(): no form {form!r}; choose one of {', '.join(FORMS)}")
    if form != "auto" and method != "volumes":
        raise InputError(f"estimate(): form is an option of method 'volumes', not of {method!r}")
    if isinstance(width, bool) or not isinstance(width, Integral) or width < 1:
        raise InputError(f"estimate(): width needs a whole number, 1 or more, got {width!r}")
    arguments = Arguments.of("estimate", network, domain, "auto", layers, backend)
    return Run(
        arguments.stopped_by(stop), number, int(seed), float(confidence), stop, start, progress,
        form, int(width),
    )  # fmt: skip


def _number(method: str, samples: int | str | None) -> int | None:
    if samples is None:
        return DEFAULT_SAMPLES[method]
    if samples == "all":
        if method == "patterns":
            return None
        raise InputError(
            f"estimate(): samples='all' is for method 'patterns'; give a number for {method!r}"
        )
    if isinstance(samples, (bool, str)) or not isinstance(samples, Integral) or samples < 1:
        raise InputError(
            f"estimate(): samples needs a whole number, 1 or more, or 'all', got {samples!r}"
        )
    return int(samples)
