"""What `conditional` is asked, checked: the given pattern, the point, whole numbers."""

from __future__ import annotations

from numbers import Integral

from flint import fmpq

from regions.constraints import Span
from regions.domain import Domain
from regions.errors import DomainError, InputError, PatternError
from regions.network import Network
from regions.pattern import Pattern
from regions.pattern_input import sizes
from solvers.rational import dot, rationals, solve


def check_whole(verb: str, name: str, value: object, least: int, most: int | None) -> int:
    """The value, if it is a whole number from `least` to `most`.

    Raises
    ------
    InputError
        Otherwise.
    """
    if isinstance(value, Integral) and not isinstance(value, bool):
        number = int(value)
        if number >= least and (most is None or number <= most):
            return number
    needed = f"{least} to {most}" if most is not None else f"{least} or more"
    if name == "layer":
        needed += " (the network's ReLU layers)"
    raise InputError(f"{verb}(): {name} needs a whole number, {needed}, got {value!r}")


def check_given(network: Network, layer: int, given: Pattern | str) -> Pattern:
    """The pattern of the layers before this one.

    Raises
    ------
    PatternError
        If it does not fit them, or has don't-cares.
    """
    widths = network.widths[: layer - 1]
    pattern = Pattern.parse(given) if isinstance(given, str) else given
    if not isinstance(pattern, Pattern):
        raise PatternError(
            f"conditional(): given needs a Pattern or its text, got {type(given).__name__}"
        )
    if pattern.widths != widths:
        what = f"the layers 1 to {layer - 1}" if widths else "nothing before layer 1"
        raise PatternError(
            f"conditional(): for layer {layer} the given pattern has {what}, "
            f"{sizes(widths)} units, got {sizes(pattern.widths)}"
        )
    if not pattern.is_full:
        raise PatternError(
            f"conditional(): needs every bit of the layers before layer {layer}, got * in "
            f"{pattern}; leave given out for the table over all patterns"
        )
    return pattern


def check_point(domain: Domain, at: object) -> None:
    """Accept a point of the closed domain.

    Raises
    ------
    DomainError
        If it lies outside, or has another number of coordinates.
    """
    try:
        point = rationals(at).reshape(-1).tolist()
    except ValueError as error:
        raise DomainError(f"conditional(): at needs finite numbers: {error}") from error
    limits = domain.constraints()
    if len(point) != limits.dim:
        raise DomainError(f"conditional(): at needs {limits.dim} coordinates, got {len(point)}")
    bounds = zip(point, limits.lower, limits.upper, strict=True)
    inside = all((a is None or a <= q) and (b is None or q <= b) for q, a, b in bounds)
    for index, limit in enumerate(limits.b):
        assert limits.A is not None
        cols, values = limits.A.row(index)
        inside &= dot(values, [point[j] for j in cols.tolist()]) <= limit
    if not (inside and all(_spans(span, point) for span in limits.span)):
        raise DomainError(
            f"conditional(): the point lies outside the domain {domain.spec}; "
            "choose one inside, or another domain"
        )


def _spans(span: Span, point: list[fmpq]) -> bool:
    """Whether the point is origin + directions·u, u within its bounds."""
    away = [q - p for q, p in zip(point, span.origin, strict=True)]
    columns = span.directions.transpose().dense().tolist()
    gram = [[dot(a, b) for b in columns] for a in columns]
    u = solve(gram, [dot(a, away) for a in columns])
    assert u is not None, "the directions of a span are independent"
    reached = [dot([column[i] for column in columns], u) for i in range(len(point))]
    return reached == away and all(
        (a is None or a <= q) and (b is None or q <= b)
        for q, a, b in zip(u, span.lower, span.upper, strict=True)
    )
