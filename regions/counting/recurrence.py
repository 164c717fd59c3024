"""`recurrence`: f(n, r), the number of regions of n hyperplanes of rank r, counted in many ways."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from regions.counting.api import count
from regions.counting.arrangement import (
    Plane,
    independent_subsets,
    is_central,
    plane,
    rank_of,
    regions_by_deletion,
    regions_by_subsets,
    special_set,
)
from regions.counting.bounds import cells
from regions.counting.given_input import check_whole
from regions.counting.question import checked_seconds
from regions.counting.tree import Stop, interruptible
from regions.domain import Space
from regions.errors import InputError, RegionsError
from regions.network import Network
from regions.results import Progress, big_number
from solvers.exact_simplex import Stopped
from solvers.rational import rationals

KINDS = {
    "generic": "random rows and biases",
    "zero-bias": "random rows, no bias",
    "low-rank": "random rows of that rank in two dimensions more, random biases",
    "convolution": "the circular kernel (1, -1) over N inputs, no bias; rank N - 1",
    "convolution-bias": "the same with the bias 1 at every position",
}
LARGEST = 1_000_000  # of generated weights, no more regions are measured
ENUMERATED = 5_000  # nor found one by one
SUBSETS = 16  # rows, up to which the sums over subsets are formed
MOST_UNITS = 2_000


@dataclass(frozen=True, repr=False)
class Recurrence:
    """f(n, r) by the formula, and the regions of an actual layer beside it.

    Attributes
    ----------
    units, rank
        n and r as asked.
    table
        table[n - 1][r - 1] = f(n, r), by the recurrence.
    formula
        S(n, r) = Σ_{i <= r} C(n, i).
    measured
        The regions of the layer in R^d, on which all of `ways` agree; None if it was not measured.
    ways
        Each number by its method: "enumeration", "deletion-restriction", "central subsets".
    holds
        Whether measured = formula; None if it was not measured.
    why
        Which hypothesis fails, or that none does.
    theorem
        The formula that the measured number is, as text; "" if none of those known.
    weights_rank
        The rank of the rows.
    weights
        Where they come from.
    seconds, stopped
        As in `Count`.
    """

    units: int
    rank: int
    table: tuple[tuple[int, ...], ...]
    formula: int
    measured: int | None = None
    ways: Mapping[str, int] = field(default_factory=dict)
    holds: bool | None = None
    why: str = ""
    theorem: str = ""
    weights_rank: int | None = None
    weights: str = ""
    seconds: float = 0.0
    stopped: str | None = None

    def __repr__(self) -> str:
        found = "not measured" if self.measured is None else f"measured {big_number(self.measured)}"
        formula = big_number(self.formula)
        return f"Recurrence(f({self.units}, {self.rank}) = {formula}, {found})"

    def as_dict(self) -> dict[str, object]:
        """The fields as plain JSON-ready values."""
        return {
            "units": self.units,
            "rank": self.rank,
            "table": [list(row) for row in self.table],
            "formula": self.formula,
            "measured": self.measured,
            "holds": self.holds,
            "why": self.why,
            "theorem": self.theorem,
            "ways": dict(self.ways),
            "weights": self.weights,
            "weights_rank": self.weights_rank,
            "seconds": self.seconds,
            "stopped": self.stopped,
        }


def table_of(units: int, rank: int) -> tuple[tuple[int, ...], ...]:
    """f(n, r) for n = 1..units and r = 1..rank, by the paper's (59) to (61) alone.

    f(n, n) = 2^n, f(n, 1) = n + 1, f(n + 1, r + 1) = f(n, r + 1) + f(n, r); for r > n, where no
    rows have that rank, 2^n.

    >>> table_of(4, 3)
    ((2, 2, 2), (3, 4, 4), (4, 7, 8), (5, 11, 15))

    Source: "Study on Activation Patterns", section 7.1.
    """
    rows: list[tuple[int, ...]] = []
    for n in range(1, units + 1):
        row = [n + 1]
        for r in range(2, rank + 1):
            row.append(2**n if r >= n else rows[-1][r - 1] + rows[-1][r - 2])
        rows.append(tuple(row))
    return tuple(rows)


def recurrence(
    units: int | None = None,
    rank: int | None = None,
    *,
    weights: object = None,
    bias: object = None,
    kind: str = "generic",
    seed: int = 0,
    time_limit: float | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Recurrence:
    """How many regions n hyperplanes of rank r make, in theory and in fact.

    In theory f(n, r) = S(n, r) = Σ_{i <= r} C(n, i): for n rows of rank r in general position with
    generic biases.  In fact: the regions of one ReLU layer z = W x + b on all of R^d, by
    enumeration (`count`), by deletion and restriction, and by sums over subsets of rows, in exact
    arithmetic.  Where they differ from the formula, `why` names the hypothesis that fails.

    Parameters
    ----------
    units, rank
        n and r, 1 <= r <= n; by default those of the weights.
    weights, bias
        W of shape (n, d) and b of shape (n,).
    kind
        Without weights, what is generated: "generic", "zero-bias", "low-rank", "convolution" or
        "convolution-bias".  Up to a million regions are measured.
    seed
        Of the generator.
    time_limit
        Seconds after which to stop measuring; Ctrl-C stops likewise.
    progress
        Called about ten times a second during the enumeration.

    Raises
    ------
    InputError
        If a number is out of range, or the weights cannot be used.

    Examples
    --------
    >>> recurrence(4, 2).formula
    11
    >>> found = recurrence(weights=[[1, -1, 0], [1, 0, -1], [0, 1, -1]], bias=[0, 0, 0])
    >>> found.formula, found.measured, found.theorem
    (7, 6, '2 S(n-1, r-1) = 2 S(2, 1)')
    """
    start = time.monotonic()
    limit = checked_seconds("recurrence", time_limit)
    given = weights is not None
    if given != (bias is not None):
        raise InputError("recurrence(): weights and bias belong together; give both, or none")
    if units is not None:
        check_whole("recurrence", "units", units, 1, MOST_UNITS)
    if not given:
        if kind not in KINDS:
            raise InputError(f"recurrence(): no kind {kind!r}; choose one of {', '.join(KINDS)}")
        if units is None:
            raise InputError("recurrence(): needs units, or weights and bias")
        fixed = kind.startswith("convolution")
        rank = max(units - 1, 1) if rank is None and fixed else rank
        if rank is None:
            raise InputError("recurrence(): needs a rank, or weights and bias")
        check_whole("recurrence", "rank", rank, 1, units)
        if fixed and (units < 2 or rank != units - 1):
            raise InputError(
                f"recurrence(): the circular kernel (1, -1) over n >= 2 inputs has rank n - 1, got "
                f"units {units} and rank {rank}; leave rank out"
            )
        weights, bias = generated(kind, units, rank, seed)
    rows, values = _exact(weights, bias)
    if units is not None and units != len(rows):
        raise InputError(
            f"recurrence(): units {units}, but W has {len(rows)} rows; leave units out"
        )
    units = len(rows)
    check_whole("recurrence", "units", units, 1, MOST_UNITS)
    planes = [plane(row, value) for row, value in zip(rows, values, strict=True)]
    real = [line for line in planes if line is not None]
    found_rank = rank_of(real)
    if rank is None:
        rank = max(found_rank, 1)
    check_whole("recurrence", "rank", rank, 1, units)
    result = Recurrence(
        units, rank, table_of(units, rank), cells(units, rank), weights_rank=found_rank,
        weights="given" if given else f"{kind}, seed {seed}",
    )  # fmt: skip
    assert result.table[-1][-1] == result.formula, "the recurrence and the formula agree"
    if not given and result.formula > LARGEST:
        why = (
            f"not measured: generated weights are measured up to {big_number(LARGEST)} regions; "
            "give weights"
        )
        return _timed(result, start, why=why)
    stop = Stop(None if limit is None else start + limit)
    with interruptible(stop):
        try:
            ways = _measured(rows, values, real, stop, progress)
        except Stopped:
            return _timed(result, start, why="not measured: stopped", stopped=stop.reason())
    measured = next(iter(ways.values()))
    if any(number != measured for number in ways.values()):
        raise RegionsError(
            f"recurrence(): the methods disagree, {dict(ways)}; this is an error of the program: "
            "please report it with the weights"
        )
    return _timed(
        result, start, measured=measured, ways=ways, holds=measured == result.formula,
        why=_why(planes, result, measured), theorem=_theorem(real, found_rank, measured),
        stopped=stop.reason() if "enumeration" not in ways and measured <= ENUMERATED else None,
    )  # fmt: skip


def _timed(result: Recurrence, start: float, **changes: object) -> Recurrence:
    return replace(result, seconds=time.monotonic() - start, **changes)  # type: ignore[arg-type]


def generated(kind: str, units: int, rank: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Integer weights (units, inputs) and biases (units,) of a kind of `KINDS`."""
    random = np.random.default_rng(seed)
    if kind.startswith("convolution"):
        rows = np.eye(units, dtype=np.int64) - np.roll(np.eye(units, dtype=np.int64), 1, axis=1)
        return rows, np.full(units, int(kind.endswith("bias")))
    rows = random.integers(-999, 1000, (units, rank))
    if kind == "low-rank":
        rows = rows @ random.integers(-99, 100, (rank, rank + 2))
    biases = random.integers(-99_999, 100_000, units)
    return rows, np.zeros(units, dtype=np.int64) if kind == "zero-bias" else biases


def _exact(weights: object, bias: object) -> tuple[list[list], list]:
    try:
        rows, values = rationals(weights), rationals(bias)
    except ValueError as error:
        raise InputError(f"recurrence(): W and b need finite numbers: {error}") from error
    if rows.ndim != 2 or not rows.size:
        raise InputError(
            f"recurrence(): W needs the shape (units, inputs), got {rows.shape}; "
            "one row for each unit"
        )
    if values.size != len(rows) or values.shape not in ((len(rows),), (len(rows), 1)):
        raise InputError(
            f"recurrence(): b needs {len(rows)} numbers, one for each row of W, got shape "
            f"{values.shape}"
        )
    return rows.tolist(), values.reshape(-1).tolist()


def _measured(
    rows: Sequence[Sequence],
    values: Sequence,
    planes: Sequence[Plane],
    stop: Stop,
    progress: Callable[[Progress], None] | None,
) -> dict[str, int]:
    """The number of regions by each method that is affordable."""
    ways: dict[str, int] = {}
    exactly = regions_by_deletion(planes, stop)
    if exactly <= ENUMERATED:
        layer = np.array(rows, dtype=object), np.array(values, dtype=object)
        network = Network.from_layers([layer, ([[1] * len(rows)], [0])])
        counted = count(
            network, Space(network.inputs), time_limit=stop.seconds_left(), progress=progress
        )
        if counted.exact:
            ways["enumeration"] = int(counted)
    ways["deletion-restriction"] = exactly
    if len(planes) <= SUBSETS and not stop():
        by_subsets = regions_by_subsets(planes)
        if by_subsets is not None:
            ways["central subsets"] = by_subsets
    return ways


def _theorem(planes: Sequence[Plane], rank: int, measured: int) -> str:
    """The first formula that gives the measured number, with the hypotheses that it needs."""
    n = len(planes)
    if measured == cells(n, rank):  # the most that is possible: exactly in general position
        return f"S(n, r) = S({n}, {rank})"
    if is_central(planes) and measured == 2 * cells(n - 1, rank - 1):
        return f"2 S(n-1, r-1) = 2 S({n - 1}, {rank - 1})"
    if n <= SUBSETS and measured == independent_subsets(planes):
        return "independent subsets of rows"
    return "sum over central subsets" if n else ""


def _why(planes: Sequence[Plane | None], result: Recurrence, measured: int) -> str:
    """Which hypotheses of the formula fail, most elementary first."""
    if measured == result.formula:
        return "the hyperplanes are in general position: no more regions are possible"
    n, r, actual = result.units, result.rank, result.weights_rank or 0
    reasons: list[str] = []
    zero = [index for index, line in enumerate(planes) if line is None]
    if zero:
        verb = "is zero and cuts" if len(zero) == 1 else "are zero and cut"
        reasons.append(f"{_named('row', zero)} {verb} nothing")
    kept = [index for index, line in enumerate(planes) if line is not None]
    real = [line for line in planes if line is not None]
    if actual != r:
        reasons.append(
            f"W has rank {actual}, not {r}, and the rank takes the place of the dimension: "
            f"S({n}, {actual}) = {big_number(cells(n, actual))}"
        )
    special = special_set(real, actual) if measured != cells(len(real), actual) else None
    if len(real) > actual and is_central(real):
        most = 2 * cells(len(real) - 1, actual - 1)
        reasons.append(
            "all hyperplanes have a common point (zero bias), so there are at most "
            f"2 S({len(real) - 1}, {actual - 1}) = {big_number(most)}"
        )
        if measured == most or (special is not None and len(special[0]) > actual):
            special = None
    if special is not None:
        reasons.append(_not_general([kept[i] for i in special[0]], real, special, actual))
    return "; ".join(reasons) or "the hyperplanes are not in general position"


def _not_general(
    names: Sequence[int], planes: Sequence[Plane], special: tuple[tuple[int, ...], bool], rank: int
) -> str:
    chosen, central = special
    rows = _named("row", names)
    if len(chosen) == 2:
        first, second = (planes[index] for index in chosen)
        return f"{rows} are the same hyperplane" if first == second else f"{rows} are parallel"
    if len(chosen) > rank:
        return f"the hyperplanes of {rows} have a common point, more than the rank {rank} allows"
    dependent = rank_of([planes[index] for index in chosen])
    where = f"meet in codimension {dependent}" if central else "have no common point"
    return (
        f"{rows} are linearly dependent (rank {dependent}), so their hyperplanes {where} "
        f"instead of meeting in codimension {len(chosen)}"
    )


def _named(noun: str, numbers: Sequence[int]) -> str:
    """``rows 0, 2 and 5``."""
    words = [str(number) for number in numbers[:8]] + (["more"] if len(numbers) > 8 else [])
    if len(words) == 1:
        return f"{noun} {words[0]}"
    return f"{noun}s {', '.join(words[:-1])} and {words[-1]}"
