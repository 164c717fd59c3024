"""How many patterns a layer takes under each pattern of the layers before it: one walk, grouped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np

from regions.counting.attained import ThinTree
from regions.counting.listing import Listing
from regions.counting.prefix import Prefix
from regions.counting.tree import Stop
from regions.pattern import Pattern
from solvers.exact_simplex import Stopped

FULL = "table full"


@dataclass(frozen=True)
class GivenCount:
    """lower <= the number of patterns that the layer takes under `given` <= upper."""

    given: Pattern
    lower: int
    upper: int

    @property
    def exact(self) -> bool:
        """Whether the number is known."""
        return self.lower == self.upper


@dataclass(frozen=True)
class Walked:
    """A table, and bounds of the sum of all its rows, those not yet found included."""

    rows: tuple[GivenCount, ...]
    lower: int
    upper: int
    stopped: str | None


def by_listing(listing: Listing, widths: Sequence[int], cap: int, most: int, stop: Stop) -> Walked:
    """The table of all regions, grouped by the layers of these widths.

    `cap` bounds every row.  More than `most` rows end the walk, as `stop` does, and the first
    `most` of them are kept; `stop` is the listing's own.
    """
    size, counts, full = sum(widths), Counter[bytes](), False
    with closing(listing.batches()) as batches:
        for batch in batches:
            heads = np.ascontiguousarray(batch.patterns[:, :size])
            kinds, numbers = np.unique(heads, axis=0, return_counts=True)
            for head, number in zip(kinds, numbers.tolist(), strict=True):
                counts[head.tobytes()] += number
            if len(counts) > most and not full:
                full, stop.deadline = True, 0.0  # ends the walk in good order
    lower, upper = listing.bounds()
    opened = [(_known(cell, widths), bound) for cell, bound in listing.open_cells()]
    missing = listing.found - sum(counts.values())  # found, but stopped before they were certified
    rows = tabulated(counts, opened, widths, cap, missing)
    why = stop.reason() if opened or missing else None
    # full, too, if the batch that filled it was the last
    return Walked(rows[:most], lower, upper, FULL if full else why)


def by_thin_tree(tree: ThinTree, widths: Sequence[int], cap: int, most: int, stop: Stop) -> Walked:
    """The table of all patterns that are attained, grouped by the layers of these widths.

    `cap` and `most` as for `by_listing`.
    """
    size, counts, why = sum(widths), Counter[bytes](), None
    try:
        for bits in tree.patterns():
            counts[bytes(bits[:size])] += 1
            if len(counts) > most:
                why = FULL
                break
    except Stopped:
        why = stop.reason()
    opened = []
    for cell in tree.opened:
        known = np.full(size, -1, dtype=np.int8)
        bits = cell.known()[:size]
        known[: len(bits)] = bits
        opened.append((known, tree.bound(cell)))
    found = sum(counts.values())
    rows = tabulated(counts, opened, widths, cap, 0)
    certain = sum(len(cell.bits) >= len(tree.given) for cell in tree.opened)
    upper = found + sum(bound for _, bound in opened)
    return Walked(rows[:most], found + certain, upper, why if opened or why == FULL else None)


def _known(cell: Prefix, widths: Sequence[int]) -> np.ndarray:
    """Bits of the first layers, -1 where they are not decided."""
    bits = [*cell.bits, *([] if cell.current is None else [cell.current])][: len(widths)]
    rest = [np.full(width, -1, dtype=np.int8) for width in widths[len(bits) :]]
    return np.concatenate([np.zeros(0, dtype=np.int8), *bits, *rest])


def tabulated(
    counts: Mapping[bytes, int],
    opened: Iterable[tuple[np.ndarray, int]],
    widths: Sequence[int],
    cap: int,
    missing: int,
) -> tuple[GivenCount, ...]:
    """The rows, sorted: what was found, and what the open nodes can add to each.

    An open node (its known bits, its bound) has at least one region, and none that was found.
    """
    lower, partly = dict(counts), []
    extra = dict.fromkeys(counts, missing)
    for known, bound in opened:
        if (known < 0).any():
            partly.append((known, bound))
            continue
        key = known.astype(np.uint8).tobytes()
        lower[key] = lower.get(key, 0) + 1
        extra[key] = extra.get(key, missing) + bound - 1
    keys = sorted(lower)
    heads = np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(len(keys), sum(widths))
    more = np.array([extra[key] for key in keys], dtype=object)
    for known, bound in partly:
        decided = known >= 0
        compatible = (heads[:, decided] == known[decided]).all(axis=1)
        more[compatible] += min(bound, cap)
    return tuple(
        GivenCount(_pattern(key, widths), lower[key], min(lower[key] + int(add), max(cap, 1)))
        for key, add in zip(keys, more, strict=True)
    )


def _pattern(bits: bytes, widths: Sequence[int]) -> Pattern:
    starts = accumulate(widths, initial=0)
    return Pattern.from_bits([list(bits[start:end]) for start, end in pairwise(starts)])
