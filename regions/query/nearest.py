"""`nearest`: the region whose pattern differs from a given one in the fewest bits."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from fractions import Fraction

from flint import fmpq

from regions.answers import Nearest, Number
from regions.counting.api import describe
from regions.counting.question import Question as Arguments
from regions.counting.question import checked_seconds
from regions.counting.tree import Stop
from regions.domain import Domain
from regions.errors import InputError
from regions.network import Network
from regions.pattern import Pattern
from regions.query.cheapest import cheapest
from regions.query.price import REFUSED, HammingPrice
from regions.query.reaching import fitting
from regions.results import SearchProgress
from solvers.backend import Backend
from solvers.rational import rational


def nearest(
    network: Network,
    pattern: Pattern | str,
    domain: Domain | None = None,
    *,
    attained: bool = False,
    weights: Sequence[object] | None = None,
    time_limit: float | None = None,
    backend: str | Backend = "highs",
    seed: int = 0,
    progress: Callable[[SearchProgress], None] | None = None,
) -> Nearest:
    """The region at the least Hamming distance from a pattern, which need not occur itself.

    The distance is Σ w_l (number of bits of layer l that differ), with all w_l = 1 by default; a
    don't-care (``*``) differs from nothing.  The answer is exact: a witness shows that a region has
    the pattern, and a search whose every decision is certified shows that none is nearer.  A time
    limit or Ctrl-C leaves lower <= least distance <= distance.

    Parameters
    ----------
    network
        A network in normal form.
    pattern
        A `Pattern`, or its text, such as ``"0110/1*"``.
    domain
        Where to look; the box [-1, 1]^n by default.
    attained
        Admit every pattern of a point of the closed domain, however thin the set of such points.
    weights
        One number >= 0 for each layer.
    time_limit
        Seconds after which to stop, with what is known by then.
    backend
        Solver of the linear programs.  Its answers are proposals: each is checked exactly.
    seed
        Of the descent that looks for good patterns; an exact result does not depend on it, except
        which one of several nearest patterns comes out.
    progress
        Called about ten times a second.

    Raises
    ------
    PatternError
        If the pattern is malformed or does not fit the network.
    DomainError
        If the domain is empty or has another dimension than the network's input.
    InputError
        If another argument is out of range.

    Examples
    --------
    >>> network = Network.from_layers([([[1, 0], [0, 1], [-1, -1]], [0, 0, -1]), ([[1] * 3], [0])])
    >>> found = nearest(network, "111")
    >>> found.distance, found.optimal
    (1, True)
    """
    start = time.monotonic()
    arguments = Arguments.of("nearest", network, domain, "auto", None, backend)
    limit = checked_seconds("nearest", time_limit)
    target = fitting(network, pattern, "nearest")
    price = _price(target, weights)
    stop = Stop(None if limit is None else start + limit)
    found = cheapest(
        arguments, price, attained=attained, stop=stop, progress=progress, seed=seed,
        wanted=target if target.is_full else None,
    )  # fmt: skip
    scale = price.scale
    return Nearest(
        target=target,
        distance=None if found.value == REFUSED else _scaled(found.value, scale),
        lower=_scaled(found.lower, scale),
        optimal=found.optimal,
        pattern=found.pattern,
        witness=found.witness,
        by_layer=None if found.pattern is None else target.hamming_by_layer(found.pattern),
        relaxation=None if found.relaxed is None else _scaled(found.relaxed, scale),
        attained=attained,
        stopped=found.stopped,
        domain=arguments.domain.spec,
        seconds=time.monotonic() - start,
        model=describe(network),
        stats=found.stats,
    )


def _scaled(value: int, scale: int) -> Number:
    exact = Fraction(value, scale)
    if exact.denominator == 1:
        return int(exact)
    return float(exact) if Fraction(float(exact)) == exact else exact


def _price(target: Pattern, weights: Sequence[object] | None) -> HammingPrice:
    layers = len(target.widths)
    given = [1] * layers if weights is None else list(weights)
    if len(given) != layers:
        raise InputError(
            f"nearest(): weights needs one number for each of the {layers} ReLU layers, "
            f"got {len(given)}"
        )
    exact: list[fmpq] = []
    for layer, value in enumerate(given, start=1):
        try:
            exact.append(rational(value))
        except ValueError as error:
            raise InputError(f"nearest(): the weight of layer {layer}: {error}") from error
        if exact[-1] < 0:
            raise InputError(
                f"nearest(): the weight of layer {layer} needs a number >= 0, got {value}"
            )
    try:
        return HammingPrice.of_target(target, exact)
    except OverflowError as error:
        raise InputError(
            "nearest(): these weights have too large a common denominator; round them"
        ) from error
