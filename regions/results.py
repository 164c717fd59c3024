"""What the verbs return: `Count`, `Reachable` and its like, and the `Progress` on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

from regions.errors import RegionsError

if TYPE_CHECKING:
    from regions.domain_base import Domain
    from regions.network import Network
    from regions.pattern import Pattern


def big_number(value: int) -> str:
    """An integer for people: all its digits, or its power of ten where nobody would read them.

    >>> big_number(71930), big_number(3 * 10**5000)
    ('71 930', '3.0e5000')
    """
    if value < 10**15:
        return f"{value:,}".replace(",", " ")
    power = int((value.bit_length() - 1) * 0.30102999566398)
    while value >= 10 ** (power + 1):
        power += 1
    leading = value * 100 // 10**power
    return f"{leading // 100}.{leading // 10 % 10}e{power}"


@dataclass(frozen=True)
class Progress:
    """Where a running count stands: lower <= the number of regions <= upper.

    `estimate` guesses what the count will be, from random probes of the open nodes; it is no bound,
    and None at first.  `compiling` says that the engine is being compiled, before it begins.
    """

    regions: int
    lower: int
    upper: int
    open_nodes: int
    layer: int
    depth: int
    seconds: float
    estimate: int | None = None
    compiling: bool = False


@dataclass(frozen=True, repr=False)
class Count:
    """The number of linear regions, as an interval that certainly contains it.

    Attributes
    ----------
    lower, upper
        lower <= the number of regions <= upper; equal once the search has ended.
    definition
        What was counted (meanings §2.5).
    engine
        The engine that was used, and why it was chosen.
    seconds
        Wall time.
    stopped
        None when the search ended by itself, else "time limit", "memory limit" or "interrupted".
    unresolved
        Parts of the search that a named solver failure left undecided; their bounds are in `upper`.
    domain
        The canonical SPEC of the domain.
    model
        inputs, relus, rewritten, activation, digest of the network.
    stats
        What the search did: nodes, LPs, how units were decided, the share of rational decisions.

    Examples
    --------
    >>> done = Count(4, 4, engine="lp")
    >>> int(done), done.exact
    (4, True)
    """

    lower: int
    upper: int
    definition: str = "regions"
    engine: str = "lp"
    why: str = ""
    seconds: float = 0.0
    stopped: str | None = None
    unresolved: int = 0
    domain: str = ""
    model: Mapping[str, object] = field(default_factory=dict)
    stats: Mapping[str, object] = field(default_factory=dict)

    @property
    def exact(self) -> bool:
        """Whether the number is known."""
        return self.lower == self.upper

    def __hash__(self) -> int:
        # without the mappings; equal counts are equal in these
        return hash((self.lower, self.upper, self.definition, self.engine, self.domain))

    def __str__(self) -> str:
        if self.exact:
            return f"{big_number(self.lower)} {self.definition}"
        return f"{big_number(self.lower)} to {big_number(self.upper)} {self.definition}"

    def __repr__(self) -> str:
        why = f", {self.stopped}" if self.stopped else ""
        return f"Count({self}, engine={self.engine!r}{why})"

    def __int__(self) -> int:
        if not self.exact:
            raise RegionsError(
                f"int(count) needs an exact count, got {self}"
                f"{f' ({self.stopped})' if self.stopped else ''}; "
                "give it more time, or read count.lower and count.upper"
            )
        return self.lower

    def as_dict(self) -> dict[str, object]:
        """The fields as plain JSON-ready values."""
        return {
            "lower": self.lower,
            "upper": self.upper,
            "exact": self.exact,
            "unresolved": self.unresolved,
            "definition": self.definition,
            "engine": self.engine,
            "why": self.why,
            "seconds": self.seconds,
            "stopped": self.stopped,
            "model": dict(self.model),
            "domain": self.domain,
            "stats": dict(self.stats),
        }


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number that was estimated from samples: not a count, and never turned into one.

    Attributes
    ----------
    value
        The estimate; None where nothing was sampled in time.
    low, high
        An interval that contains the true number in a share `confidence` of all repetitions.
    quantity
        What was estimated.
    method
        How it was estimated.
    samples, seed
        How many samples there were, and the seed that they came from.
    note
        What the numbers are worth, in words.
    details
        What the method found on the way.

    Examples
    --------
    >>> guess = Estimate(value=6.0, low=5.5, high=6.4, method="patterns", samples=100, seed=0)
    >>> int(guess)
    Traceback (most recent call last):
        ...
    regions.errors.RegionsError: an estimate is no count; read estimate.value, estimate.low and \
estimate.high, or use regions.count
    """

    value: int | float | None
    low: int | float
    high: int | float
    method: str
    samples: int
    seed: int
    confidence: float = 0.95
    note: str = ""
    stopped: str | None = None
    domain: str = ""
    seconds: float = 0.0
    model: Mapping[str, object] = field(default_factory=dict, hash=False)
    details: Mapping[str, object] = field(default_factory=dict, hash=False)
    quantity: str = "regions"

    def __int__(self) -> int:
        raise RegionsError(
            "an estimate is no count; read estimate.value, estimate.low and estimate.high, "
            "or use regions.count"
        )

    __index__ = __float__ = __int__


@dataclass(frozen=True)
class ReachProgress:
    """Where a running `reach` stands.

    `question` is "interior" or "attained"; `branches` were looked at, `open_branches` wait, and
    units of layer `layer` are being decided.
    """

    question: str
    branches: int
    open_branches: int
    layer: int
    seconds: float


@dataclass(frozen=True)
class SearchProgress:
    """Where a search for the least of something stands: lower <= the least <= upper.

    `upper` is None as long as nothing was found; `nodes` were looked at, `open_nodes` wait.
    """

    lower: float
    upper: float | None
    nodes: int
    open_nodes: int
    seconds: float


class ReachProof(Protocol):
    """Why no point, or no region, has a pattern; `str` makes a sentence of it."""

    @property
    def kind(self) -> str:
        """Which of "farkas", "attained", "interior" (meanings §2.7) and "tree" it is."""
        ...

    @property
    def units(self) -> tuple[tuple[int, int, int], ...]:
        """The units of the pattern that take part, as (layer, unit, bit)."""
        ...

    @property
    def sides(self) -> tuple[str, ...]:
        """The sides of the domain that take part."""
        ...

    def verify(self, network: Network, domain: Domain) -> bool:
        """Whether the proof is right: everything is recomputed, in rationals."""
        ...


@dataclass(frozen=True, kw_only=True)
class ReachAnswer:
    """What `reach` returns: one of `Reachable`, `Unreachable` and `Undecided`.

    It has no truth value; ask for its class, or for `attained` and `interior`.

    Attributes
    ----------
    pattern
        What was asked, with its don't-cares.
    attained
        Whether a point of the closed domain has such a pattern; None: not decided.
    interior
        Whether a region has such a pattern (meanings §2.5); None: not decided.
    witness
        The coordinates of a point that has the pattern, exactly: doubles where some were found,
        else fractions.  Where `interior` is true it lies inside such a region.
    witness_pattern
        The full pattern of that point.
    proof
        Proves that `attained`, or else `interior`, is false; it has been verified.
    domain
        The canonical SPEC of the domain.
    seconds
        Wall time.
    model
        inputs, relus, rewritten, activation, digest of the network.
    stats
        What the search did.
    """

    pattern: Pattern
    attained: bool | None = None
    interior: bool | None = None
    witness: tuple[float, ...] | tuple[Fraction, ...] | None = None
    witness_pattern: Pattern | None = None
    proof: ReachProof | None = None
    domain: str = ""
    seconds: float = 0.0
    model: Mapping[str, object] = field(default_factory=dict, hash=False)
    stats: Mapping[str, object] = field(default_factory=dict, hash=False)

    def __bool__(self) -> bool:
        raise TypeError(
            f"{type(self).__name__} has no truth value; read answer.attained or answer.interior, "
            "which are True, False or None (not decided)"
        )

    @property
    def decided(self) -> bool:
        """Whether both questions are answered."""
        return self.attained is not None and self.interior is not None


@dataclass(frozen=True, kw_only=True)
class Reachable(ReachAnswer):
    """A point has the pattern: `attained` is true, and `witness` is the point.

    If `interior` is false, `proof` says why no region has it; if None, a limit came first.
    """


@dataclass(frozen=True, kw_only=True)
class Unreachable(ReachAnswer):
    """No point has the pattern: `attained` and `interior` are false, and `proof` says why."""


@dataclass(frozen=True, kw_only=True)
class Undecided(ReachAnswer):
    """A limit came before a point or a proof was found: `why` says which.

    `interior` may be false all the same, with its proof.
    """

    why: str = ""
