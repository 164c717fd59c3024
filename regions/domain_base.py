"""`Domain`, a set of inputs given exactly, and `Intersection`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from regions.constraints import Constraints, intersect
from regions.errors import DomainError
from regions.number_text import write_bound


class Domain(ABC):
    """A set of inputs, given exactly (meanings §2.4).

    Domains are values: equal if they are of one kind and have the same content, whatever file
    they came from.  ``domain & other`` is the intersection.
    """

    @property
    @abstractmethod
    def dim(self) -> int:
        """The number of inputs (of the space around the domain, also where it is flat)."""

    @property
    @abstractmethod
    def spec(self) -> str:
        """The canonical text of the domain: equal domains of one source have equal text."""

    @abstractmethod
    def constraints(self) -> Constraints:
        """The domain as exact bounds, inequalities and affine spans."""

    @abstractmethod
    def content(self) -> tuple[object, ...]:
        """What the domain consists of, hashable: equality compares it."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Domain):
            return NotImplemented
        return type(self) is type(other) and self.content() == other.content()

    def __hash__(self) -> int:
        return hash((type(self).__name__, self.content()))

    def __and__(self, other: Domain) -> Domain:
        if not isinstance(other, Domain):
            return NotImplemented
        return Intersection((self, other))


@dataclass(frozen=True, init=False, repr=False, eq=False)
class Intersection(Domain):
    """The points common to all parts.

    Parameters
    ----------
    parts : iterable of Domain
        At least one; the parts of an intersection among them take its place.

    Raises
    ------
    DomainError
        Without parts, where their dimensions differ, or where their bounds alone leave no point.

    Examples
    --------
    >>> from regions.domain import Box, Segment
    >>> domain = Box.cube(2, 0, 1) & Segment([-1, -1], [2, 2])
    >>> domain.spec, domain.dim
    ('box:0,1 & segment:[-1,-1],[2,2]', 2)
    """

    parts: tuple[Domain, ...]

    def __init__(self, parts: Iterable[Domain]):
        flat: list[Domain] = []
        for part in parts:
            flat += part.parts if isinstance(part, Intersection) else [part]
        if not flat:
            raise DomainError("Intersection: needs at least one domain, got none; use Space(n)")
        dims = [part.dim for part in flat]
        if len(set(dims)) > 1:
            raise DomainError(
                f"Intersection: needs domains of one dimension, got {dims}; "
                f"build every part with dimension {dims[0]}"
            )
        object.__setattr__(self, "parts", tuple(flat))
        index = self._constraints.crossing()
        if index is not None:
            low = write_bound(self._constraints.lower[index], "-inf")
            high = write_bound(self._constraints.upper[index], "inf")
            raise DomainError(
                f"Intersection: needs parts with a common point, but input {index} must be at "
                f"least {low} and at most {high}: the domain is empty; change one of {self.spec}"
            )

    @property
    def dim(self) -> int:
        """The number of inputs."""
        return self.parts[0].dim

    @property
    def spec(self) -> str:
        """The parts' texts, joined by `` & ``."""
        return " & ".join(part.spec for part in self.parts)

    def constraints(self) -> Constraints:
        """The tightest bounds, all rows and all spans of the parts."""
        return self._constraints

    @cached_property
    def _constraints(self) -> Constraints:
        return intersect([part.constraints() for part in self.parts])

    def content(self) -> tuple[object, ...]:
        """The parts."""
        return self.parts

    def __repr__(self) -> str:
        return f"Intersection({list(self.parts)!r})"
