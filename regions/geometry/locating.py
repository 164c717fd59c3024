"""The region at a point; on a boundary, the regions that meet there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from flint import fmpq

from regions.counting.tree import Stop
from regions.domain import Ball
from regions.domain_base import Domain
from regions.errors import DomainError, PatternError
from regions.frame import Frame
from regions.network import Network
from regions.pattern import Pattern
from regions.query.judging import CellJudge, Question
from regions.query.search import Found, PatternSearch
from solvers.backend import Backend, get_backend
from solvers.rational import row_echelon

MOST_NAMED = 16


def check_inside(domain: Domain, point: object, what: str) -> None:
    """Nothing, if the point lies in the closed domain.

    Raises
    ------
    DomainError
        If it does not.
    """
    try:
        Frame.of(domain & Ball(point, 0))
    except DomainError as error:
        raise DomainError(
            f"{what}: needs a point of the domain {domain.spec}, got one outside; "
            "give another point or a larger domain"
        ) from error


def meeting(
    network: Network,
    point: object,
    domain: Domain,
    backend: str | Backend = "highs",
    stop: Stop | None = None,
) -> Iterator[Pattern]:
    """The patterns of all regions whose closed cells contain a point of the domain.

    Pre-activations are continuous, so such a region has the point's bits wherever a unit is not
    zero; and every region with these bits has the point in its closed cell.

    Examples
    --------
    >>> from regions.domain import Space
    >>> network = Network.from_layers([([[1, 0], [0, 1], [1, 1]], [0, 0, 0]), ([[1, 1, 1]], [0])])
    >>> sorted(str(pattern) for pattern in meeting(network, [0, 0], Space(2)))
    ['000', '010', '011', '100', '101', '111']
    """
    solver = get_backend(backend) if isinstance(backend, str) else backend
    stop = stop or Stop(None)
    frame = Frame.of(domain, solver, stop)
    zero = network.zero_units(point)
    start = network.pattern(point).with_bits(dict.fromkeys(zero, None))
    judge = CellJudge(frame, solver, stop)
    search = PatternSearch(frame.pull(network), frame, judge)
    waiting = [(start, zero)]
    try:
        while waiting:
            wanted, free = waiting.pop()
            found = search.run(wanted, Question.INTERIOR)
            if not isinstance(found, Found):
                continue
            yield found.pattern
            for i, unit in enumerate(free):
                bits = {other: found.pattern.bit(*other) for other in free[:i]}
                bits[unit] = 1 - int(found.pattern.bit(*unit) or 0)
                waiting.append((wanted.with_bits(bits), free[i + 1 :]))
    finally:
        judge.close()


def located(
    network: Network,
    point: object,
    domain: Domain,
    side: str | None = None,
    backend: str | Backend = "highs",
    stop: Stop | None = None,
) -> Pattern:
    """The pattern of the region at a point; `side` chooses one where several meet.

    `side` has the bits of the units that are zero at the point, in the order of the layers.

    Raises
    ------
    DomainError
        If the point lies outside of the domain.
    PatternError
        If several regions meet at the point and `side` names none of them.
    """
    check_inside(domain, point, "the point")
    zero = network.zero_units(point)
    if not zero:
        return network.pattern(point)
    if side is not None:
        if len(side) != len(zero) or side.strip("01"):
            raise PatternError(
                f"side {side!r}: needs one bit, 0 or 1, for each of the {len(zero)} units that are "
                f"zero at the point ({_units(zero)}), in this order"
            )
        wanted = network.pattern(point).with_bits(
            {unit: int(bit) for unit, bit in zip(zero, side, strict=True)}
        )
        for pattern in meeting(network, point, domain, backend, stop):
            if pattern == wanted:
                return pattern
    some = list(islice(meeting(network, point, domain, backend, stop), MOST_NAMED + 1))
    if len(some) == 1 and side is None:
        return some[0]
    shown = sorted("".join(str(p.bit(*unit)) for unit in zero) for p in some[:MOST_NAMED])
    more = ", …" if len(some) > MOST_NAMED else ""
    problem = "no region has these bits" if side is not None else "choose with --side"
    raise PatternError(
        f"the point is on a boundary: {_units(zero)} {'are' if len(zero) > 1 else 'is'} zero "
        f"there, and {'more than ' if more else ''}{min(len(some), MOST_NAMED)} regions meet; "
        f"{problem}: {', '.join(shown)}{more}"
    )


def _units(zero: list[tuple[int, int]]) -> str:
    names = [f"{layer}:{unit}" for layer, unit in zero[:MOST_NAMED]]
    return (
        ("units " if len(zero) > 1 else "unit ")
        + ", ".join(names)
        + (", …" if len(zero) > MOST_NAMED else "")
    )


def coordinates(frame: Frame, point: Sequence[fmpq]) -> tuple[fmpq, ...] | None:
    """The u of a point x of the hull; None where that takes solving a large system."""
    if frame.basis.is_identity:
        return tuple(a - p for a, p in zip(point, frame.origin, strict=True))
    rows, cols, values, exact = frame.basis.entries
    if len(set(cols.tolist())) == len(cols) and exact is None and (values == 1).all():
        place = dict(zip(cols.tolist(), rows.tolist(), strict=True))
        return tuple(point[place[j]] - frame.origin[place[j]] for j in range(frame.dim))
    if len(frame.origin) * frame.dim > 20_000:
        return None
    dense = frame.basis.dense()
    table = [[*dense[i], point[i] - frame.origin[i]] for i in range(len(frame.origin))]
    echelon, pivots = row_echelon(table, frame.dim + 1)
    if pivots != list(range(frame.dim)):
        return None
    return tuple(row[-1] for row in echelon)
