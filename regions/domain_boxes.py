"""Domains that are products of intervals: `Box`, `Ball` in the max norm, `Space`."""

from __future__ import annotations

import math
from dataclasses import dataclass

from flint import fmpq

from regions.constraints import Constraints, unbounded
from regions.domain_base import Domain
from regions.errors import DomainError
from regions.exact_input import exact_bounds, exact_number, exact_point
from regions.number_text import write_bound, write_number, write_vector


@dataclass(frozen=True, init=False, repr=False, eq=False)
class Box(Domain):
    """The points x with lower <= x <= upper, coordinate by coordinate.

    Parameters
    ----------
    lower, upper : sequences or arrays of numbers
        Exact: a float is the dyadic rational that it is, text such as ``"0.1"`` the decimal.
        Arrays of any shape are read row by row.  ``-inf`` below and ``inf`` above mean no bound;
        equal ends make the box flat.
    source : str, optional
        The text that the box was read from, for `spec`.

    Raises
    ------
    DomainError
        On NaN, different lengths, no coordinate at all, or lower > upper.

    Examples
    --------
    >>> Box([0, "0.1"], [1, float("inf")])
    Box([0, 0.1], [1, inf])
    >>> Box.cube(5, -1, 1).spec
    'box:-1,1'
    """

    lower: tuple[fmpq | None, ...]
    upper: tuple[fmpq | None, ...]
    source: str

    def __init__(self, lower: object, upper: object, *, source: str = ""):
        low = exact_bounds(lower, "Box: lower", -math.inf)
        high = exact_bounds(upper, "Box: upper", math.inf)
        if len(low) != len(high) or not low:
            raise DomainError(
                "Box: needs a lower and an upper bound for every input, got "
                f"{len(low)} and {len(high)}; use Box.cube(n, low, high) for equal bounds"
            )
        object.__setattr__(self, "lower", low)
        object.__setattr__(self, "upper", high)
        object.__setattr__(self, "source", source)
        index = self.constraints().crossing()
        if index is not None:
            raise DomainError(
                f"Box: needs lower <= upper, got "
                f"{_low(low[index])} > {_high(high[index])} for input {index}: "
                "the domain is empty; swap the bounds or correct one of them"
            )

    @staticmethod
    def cube(n: int, low: object, high: object) -> Box:
        """The box [low, high]^n.

        >>> Box.cube(2, -1, "1/3")
        Box.cube(2, -1, 1/3)
        """
        _check_dim("Box.cube", n)
        return Box([low] * n, [high] * n)

    @property
    def dim(self) -> int:
        """The number of inputs."""
        return len(self.lower)

    @property
    def spec(self) -> str:
        """``box:LO,HI``, with numbers if all bounds are equal, else the source or the vectors."""
        if self._is_cube:
            return f"box:{_low(self.lower[0])},{_high(self.upper[0])}"
        return self.source or (
            f"box:{write_vector(self.lower, '-inf')},{write_vector(self.upper, 'inf')}"
        )

    def constraints(self) -> Constraints:
        """The bounds."""
        return Constraints(self.lower, self.upper)

    def content(self) -> tuple[object, ...]:
        """The bounds."""
        return (self.lower, self.upper)

    @property
    def _is_cube(self) -> bool:
        return all(bound == bounds[0] for bounds in (self.lower, self.upper) for bound in bounds)

    def __repr__(self) -> str:
        if self._is_cube:
            return f"Box.cube({self.dim}, {_low(self.lower[0])}, {_high(self.upper[0])})"
        lower, upper = write_vector(self.lower, "-inf"), write_vector(self.upper, "inf")
        return f"Box({_spaced(lower)}, {_spaced(upper)})"


@dataclass(frozen=True, init=False, repr=False, eq=False)
class Ball(Domain):
    """The points within `radius` of `center` in the max norm: ‖x - center‖_∞ <= radius.

    Parameters
    ----------
    center : sequence or array of numbers
        A point; arrays of any shape are read row by row.
    radius : number
        At least 0; text such as ``"0.01"`` is the decimal.
    source : str, optional
        The text that the ball was read from, for `spec`.

    Raises
    ------
    DomainError
        On NaN, an infinity, an empty centre or a negative radius.

    Examples
    --------
    >>> ball = Ball([0, 1], "0.1")
    >>> ball, ball.constraints().upper
    (Ball([0, 1], 0.1), (1/10, 11/10))
    """

    center: tuple[fmpq, ...]
    radius: fmpq
    source: str

    def __init__(self, center: object, radius: object, *, source: str = ""):
        point = exact_point(center, "Ball: center")
        _check_dim("Ball", len(point))
        size = exact_number(radius, "Ball: radius")
        if size < 0:
            raise DomainError(
                f"Ball: needs a radius of at least 0, got {write_number(size)}; "
                "a negative one leaves the domain empty"
            )
        object.__setattr__(self, "center", point)
        object.__setattr__(self, "radius", size)
        object.__setattr__(self, "source", source)

    @property
    def dim(self) -> int:
        """The number of inputs."""
        return len(self.center)

    @property
    def spec(self) -> str:
        """``ball:POINT,RADIUS``."""
        return self.source or f"ball:{write_vector(self.center)},{write_number(self.radius)}"

    def constraints(self) -> Constraints:
        """The bounds center ± radius."""
        return Constraints(
            lower=tuple(value - self.radius for value in self.center),
            upper=tuple(value + self.radius for value in self.center),
        )

    def content(self) -> tuple[object, ...]:
        """The centre and the radius."""
        return (self.center, self.radius)

    def __repr__(self) -> str:
        return f"Ball({_spaced(write_vector(self.center))}, {write_number(self.radius)})"


@dataclass(frozen=True, init=False, repr=False, eq=False)
class Space(Domain):
    """All of Rⁿ.

    >>> Space(3), Space(3).spec
    (Space(3), 'space')
    """

    n: int

    def __init__(self, n: int):
        _check_dim("Space", n)
        object.__setattr__(self, "n", n)

    @property
    def dim(self) -> int:
        """The number of inputs."""
        return self.n

    @property
    def spec(self) -> str:
        """``space``."""
        return "space"

    def constraints(self) -> Constraints:
        """No constraint at all."""
        return Constraints(unbounded(self.n), unbounded(self.n))

    def content(self) -> tuple[object, ...]:
        """The dimension."""
        return (self.n,)

    def __repr__(self) -> str:
        return f"Space({self.n})"


def _check_dim(what: str, n: object) -> None:
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise DomainError(f"{what}: needs a dimension of at least 1, got {n!r}; use network.inputs")


def _low(bound: fmpq | None) -> str:
    return write_bound(bound, "-inf")


def _high(bound: fmpq | None) -> str:
    return write_bound(bound, "inf")


def _spaced(vector: str) -> str:
    return vector.replace(",", ", ") if "values" not in vector else vector
