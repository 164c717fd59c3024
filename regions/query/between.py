"""`between`: a region between two others, as nearly half-way as there is one."""

from __future__ import annotations

import time
from collections.abc import Callable

from regions.answers import Between
from regions.counting.api import describe
from regions.counting.question import Question as Arguments
from regions.counting.question import checked_seconds
from regions.counting.tree import Stop
from regions.domain import Domain
from regions.errors import InputError, PatternError
from regions.network import Network
from regions.pattern import Pattern
from regions.query.cheapest import cheapest
from regions.query.price import REFUSED, BetweenPrice
from regions.query.reaching import fitting
from regions.results import SearchProgress
from solvers.backend import Backend


def between(
    network: Network,
    first: Pattern | str,
    second: Pattern | str,
    domain: Domain | None = None,
    *,
    attained: bool = False,
    time_limit: float | None = None,
    backend: str | Backend = "highs",
    seed: int = 0,
    progress: Callable[[SearchProgress], None] | None = None,
) -> Between:
    """A region z, other than A and B, with d(A, z) + d(z, B) least, then |d(A, z) - d(z, B)| least.

    d is the Hamming distance.  The excess d(A, z) + d(z, B) - d(A, B) is 0 exactly if z keeps every
    bit in which A and B agree: then z lies between them.  The answer is exact: an excess above 0
    means that no region lies between, which a search with certified decisions proves; and where A
    and B are the only regions, or there are none besides, `pattern` is None and `optimal` true.  A
    time limit or Ctrl-C leaves `lower` <= least excess.

    Parameters
    ----------
    network
        A network in normal form.
    first, second
        Two different full patterns, or their texts; they need not occur.
        ``network.pattern(x)`` is that of a point.
    domain, attained, time_limit, backend, seed, progress
        As for `nearest`.

    Raises
    ------
    PatternError
        If a pattern is malformed, does not fit the network or has don't-cares.
    DomainError
        If the domain is empty or has another dimension than the network's input.
    InputError
        If the two are equal, or another argument is out of range.

    Examples
    --------
    >>> network = Network.from_layers([([[1, 0], [0, 1]], [0, 0]), ([[1, 1]], [0])])
    >>> found = between(network, "00", "11")
    >>> found.to_a, found.to_b, found.excess
    (1, 1, 0)

    Source: "Study on Activation Patterns", section 6, (47) and (48).
    """
    start = time.monotonic()
    arguments = Arguments.of("between", network, domain, "auto", None, backend)
    limit = checked_seconds("between", time_limit)
    ends = [fitting(network, pattern, "between") for pattern in (first, second)]
    if not all(pattern.is_full for pattern in ends):
        raise PatternError("between(): needs full patterns, got one with don't-cares (*)")
    a, b = ends
    if a == b:
        raise InputError("between(): needs two different patterns, got the same one twice")
    price = BetweenPrice.of_ends(a, b)
    stop = Stop(None if limit is None else start + limit)
    found = cheapest(
        arguments, price, attained=attained, stop=stop, progress=progress, seed=seed
    )  # fmt: skip
    z = found.pattern
    to_a = None if z is None else a.hamming(z)
    to_b = None if z is None else z.hamming(b)
    return Between(
        first=a,
        second=b,
        hamming=price.hamming,
        to_a=to_a,
        to_b=to_b,
        excess=None if to_a is None or to_b is None else to_a + to_b - price.hamming,
        lower=None if found.lower == REFUSED else 2 * price.split(found.lower)[0],
        optimal=found.optimal,
        pattern=z,
        witness=found.witness,
        attained=attained,
        stopped=found.stopped,
        domain=arguments.domain.spec,
        seconds=time.monotonic() - start,
        model=describe(network),
        stats=found.stats,
    )
