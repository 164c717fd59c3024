"""What the queries for a least or a largest value return: each an interval with a witness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from regions.pattern import Pattern

Point = tuple[float, ...] | tuple[Fraction, ...]
Number = int | float | Fraction  # a float only where it is the exact value


@dataclass(frozen=True, kw_only=True)
class Nearest:
    """What `nearest` returns: lower <= the least distance <= distance.

    Attributes
    ----------
    target
        What was asked, with its don't-cares.
    distance
        The (weighted) Hamming distance of `pattern`; None where no pattern was met in time.
    lower
        At most the least distance; proved.
    optimal
        Whether `distance` is the least distance.
    pattern, witness
        The nearest pattern that was met, and the coordinates of a point that has it, exactly.
    by_layer
        The number of bits that differ, for each layer.
    relaxation
        The bound of the linear relaxation, where it was solved; `lower` has it too.
    attained
        Whether patterns of all points were admitted, or those of regions only.
    stopped
        None when the search ended by itself, else "time limit" or "interrupted".
    """

    target: Pattern
    distance: Number | None
    lower: Number
    optimal: bool
    pattern: Pattern | None
    witness: Point | None
    by_layer: tuple[int, ...] | None = None
    relaxation: Number | None = None
    attained: bool = False
    stopped: str | None = None
    domain: str = ""
    seconds: float = 0.0
    model: Mapping[str, object] = field(default_factory=dict, hash=False)
    stats: Mapping[str, object] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, kw_only=True)
class Between:
    """What `between` returns: a pattern z with d(A, z) + d(z, B) least, then most balanced.

    Attributes
    ----------
    first, second
        The patterns A and B.
    hamming
        d(A, B).
    to_a, to_b
        d(A, z) and d(z, B); None where there is no z, or none was met in time.
    excess
        d(A, z) + d(z, B) - d(A, B): 0 where z lies between A and B.
    lower
        At most the least excess; None where it is proved that there is no z besides A and B.
    optimal
        Whether z is the best, or proved not to exist.
    pattern, witness
        z, and the coordinates of a point that has it, exactly.
    attained
        Whether patterns of all points were admitted, or those of regions only.
    stopped
        None when the search ended by itself, else "time limit" or "interrupted".
    """

    first: Pattern
    second: Pattern
    hamming: int
    to_a: int | None
    to_b: int | None
    excess: int | None
    lower: int | None
    optimal: bool
    pattern: Pattern | None
    witness: Point | None
    attained: bool = False
    stopped: str | None = None
    domain: str = ""
    seconds: float = 0.0
    model: Mapping[str, object] = field(default_factory=dict, hash=False)
    stats: Mapping[str, object] = field(default_factory=dict, hash=False)
