"""`Path`: regions one after the other, what the paths of this room return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

from regions.pattern import Pattern

Coordinates = tuple[float, ...] | tuple[Fraction, ...]


@dataclass(frozen=True, kw_only=True, repr=False)
class Path:
    """A way from one region to another, through regions that follow each other.

    Attributes
    ----------
    method
        "straight" or "shortest".
    start, end
        The patterns of the first and the last region.
    patterns
        Those of all regions on the way, the first and the last included; empty if no way is known.
    points
        One point inside each of them: doubles, or fractions where these would not be exact.
    breakpoints
        Of a straight path: the parameters t, ascending, of the points start + t (end - start)
        between the regions.
    lower, upper
        lower <= the least number of bits flipped on any way between the two <= upper (None: no way
        is known).  On a straight path both are the bits flipped on it.
    stopped
        None when the search ended by itself, else "time limit" or "interrupted".
    unit_steps
        Whether there is a way on which every step flips a single bit; None: not decided.
    shortest_paths
        How many ways flip the least number of bits; None: not counted.
    """

    method: str
    start: Pattern
    end: Pattern
    patterns: tuple[Pattern, ...]
    points: tuple[Coordinates, ...]
    lower: int
    upper: int | None
    breakpoints: tuple[Fraction, ...] = ()
    stopped: str | None = None
    unit_steps: bool | None = None
    shortest_paths: int | None = None
    domain: str = ""
    seconds: float = 0.0
    model: Mapping[str, object] = field(default_factory=dict, hash=False)
    stats: Mapping[str, object] = field(default_factory=dict, hash=False)

    def __repr__(self) -> str:
        way = f"{self.steps} steps" if self.patterns else "no way known"
        return f"Path({self.method}, {way}, hamming {self.hamming}, cumulative {self.cumulative})"

    @property
    def exact(self) -> bool:
        """Whether the least number of bits is known."""
        return self.lower == self.upper

    @property
    def hamming(self) -> int:
        """The number of bits in which the first and the last region differ."""
        return self.start.hamming(self.end)

    @property
    def flips(self) -> tuple[int, ...]:
        """The number of bits flipped by each step."""
        return tuple(a.hamming(b) for a, b in pairwise(self.patterns))

    @property
    def cumulative(self) -> int | None:
        """The sum of the Hamming distances along the way: at least `hamming`, of its parity."""
        return sum(self.flips) if self.patterns else None

    @property
    def steps(self) -> int | None:
        """The number of steps."""
        return len(self.patterns) - 1 if self.patterns else None

    def as_dict(self) -> dict[str, object]:
        """The fields as plain JSON-ready values."""
        return {
            "method": self.method,
            "hamming": self.hamming,
            "cumulative": self.cumulative,
            "steps": self.steps,
            "flips": list(self.flips),
            "lower": self.lower,
            "upper": self.upper,
            "exact": self.exact,
            "unit_steps": self.unit_steps,
            "shortest_paths": self.shortest_paths,
            "start": str(self.start),
            "end": str(self.end),
            "patterns": [str(pattern) for pattern in self.patterns],
            "points": [list(point) for point in self.points],
            "breakpoints": [str(t) for t in self.breakpoints],
            "stopped": self.stopped,
            "seconds": self.seconds,
            "domain": self.domain,
            "model": dict(self.model),
            "stats": dict(self.stats),
        }
