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


@dataclass(frozen=True)
class Extreme:
    """The least or the largest value of an output: low <= it <= high.

    Attributes
    ----------
    low, high
        Exact rationals; one of them is the value at `witness`, the other is proved.  None is no
        bound: where `exact`, the output is unbounded there.
    witness
        The coordinates of a point, exactly; where the output is unbounded, one where its fall or
        rise without end begins.
    exact
        Whether the value is known: low = high, or it is infinite.
    """

    low: Fraction | None
    high: Fraction | None
    witness: Point | None
    exact: bool

    @property
    def bounded(self) -> bool | None:
        """Whether the output is bounded on this side; None: not known."""
        if self.exact:
            return self.low is not None
        return True if self.low is not None and self.high is not None else None


@dataclass(frozen=True, kw_only=True)
class OutputRange:
    """What `output_range` returns for one output."""

    output: int
    minimum: Extreme
    maximum: Extreme
    stopped: str | None = None
    domain: str = ""
    seconds: float = 0.0
    model: Mapping[str, object] = field(default_factory=dict, hash=False)

    @property
    def exact(self) -> bool:
        """Whether both ends are known."""
        return self.minimum.exact and self.maximum.exact


@dataclass(frozen=True, kw_only=True)
class Adversarial:
    """What `adversarial` returns: low <= the least perturbation <= high.

    Attributes
    ----------
    norm
        "linf", "l1" or "l2".
    low, high
        Exact rationals for linf and l1, doubles rounded outwards for l2.  `low` is proved; it is
        None where it is proved that the class changes nowhere in the domain.  `high` is the norm of
        the perturbation to `witness`, None where no example was found.
    squared
        The square of the norm at `witness`, exactly; for l2 only.
    optimal
        Whether the example is a nearest one, or none exists; proved.
    label, reached
        The class of the point, and a class that is at least as large at the witness.
    target
        The class that was asked for.
    witness, pattern
        The coordinates of the example, exactly, and its activation pattern.
    hamming
        The number of bits in which that pattern differs from that of the point.
    stopped
        None when the search ended, "time limit", "interrupted", or "rounding" where only the
        rounding of floats is left between the bounds.
    """

    norm: str
    low: Fraction | float | None
    high: Fraction | float | None
    squared: Fraction | None
    optimal: bool
    label: int
    reached: int | None
    target: int | None
    witness: Point | None
    pattern: Pattern | None
    hamming: int | None
    stopped: str | None = None
    domain: str = ""
    seconds: float = 0.0
    model: Mapping[str, object] = field(default_factory=dict, hash=False)
    stats: Mapping[str, object] = field(default_factory=dict, hash=False)
