"""`pieces_of`: the regions of a network of one input, in order, with the exact points between them.

Layer by layer, every pre-activation is an affine function of the input t on each piece known so
far.  Its signs at the two ends of a piece say whether it crosses zero between them.  The signs at
all ends come from one forward pass in floats, with a bound on every error; where a bound leaves a
sign open, and where a unit does cross, the affine function is composed exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from flint import fmpq

from regions.composition import exact_row, float_rows
from regions.counting.witness import preactivations
from regions.network import Network
from solvers.exact_simplex import Stopped
from solvers.rational import nearest, sign


@dataclass(frozen=True, eq=False)
class Pieces:
    """Open intervals that follow each other, each with its bits.

    Attributes
    ----------
    ends
        The finite ends of all pieces, ascending.
    lower, upper
        The ends of the whole; None where it is unbounded.
    bits
        (pieces, units) of 0 and 1; those of neighbouring pieces differ.
    exact_signs
        How many signs floats left open.
    """

    ends: tuple[fmpq, ...]
    lower: fmpq | None
    upper: fmpq | None
    bits: np.ndarray
    exact_signs: int

    def __len__(self) -> int:
        return len(self.bits)

    @property
    def breakpoints(self) -> tuple[fmpq, ...]:
        """The points between the pieces."""
        first = int(self.lower is not None)
        return self.ends[first : first + len(self) - 1]

    def inside(self, index: int) -> fmpq:
        """A point inside a piece: a dyadic number of as few digits as fit well within."""
        low = self.lower if index == 0 else self.breakpoints[index - 1]
        high = self.upper if index == len(self) - 1 else self.breakpoints[index]
        if low is None or high is None:
            low = high - 2 if low is None and high is not None else low
            low = fmpq(-1) if low is None else low
            high = low + 2 if high is None else high
        return short_between(low, high)


def short_between(low: fmpq, high: fmpq) -> fmpq:
    """A dyadic number in the middle half of an interval, of few binary digits.

    >>> short_between(fmpq(1, 3), fmpq(2, 3)), short_between(fmpq(4), fmpq(6))
    (1/2, 5)
    """
    middle, room = (low + high) / 2, (high - low) / 4
    if abs(middle) <= room:
        return fmpq(0)
    power = int(room.q).bit_length() - int(room.p).bit_length() + 1  # 2^-power <= room
    unit = fmpq(2) ** -power
    while True:  # coarser and coarser while that stays within room of the middle
        coarse = 2 * unit
        if abs((middle / coarse + fmpq(1, 2)).floor() * coarse - middle) > room:
            return fmpq((middle / unit + fmpq(1, 2)).floor()) * unit
        unit = coarse


def pieces_of(
    network: Network,
    lower: fmpq | None,
    upper: fmpq | None,
    stop: Callable[[], bool] | None = None,
) -> Pieces:
    """The pieces of (lower, upper) on which the pattern of a network of one input is constant.

    None is no bound.  A pattern that only single points have is on no piece; a unit that is zero on
    a whole piece has bit 0 there.

    Raises
    ------
    Stopped
        When `stop` returned true.
    """
    ends = [end for end in (lower, upper) if end is not None] or [fmpq(0)]
    pieces = _Split(network, ends, lower is None, upper is None, stop)
    for position in range(1, len(network.layers) + 1):
        pieces.cut(position)
    bits = np.concatenate([np.zeros((pieces.count, 0), np.uint8), *pieces.bits], axis=1)
    found = pieces.ends
    if lower is None and upper is None:  # the first end was arbitrary
        index = found.index(fmpq(0))
        if (bits[index] == bits[index + 1]).all():
            found = found[:index] + found[index + 1 :]
            bits = np.delete(bits, index, axis=0)
    return Pieces(tuple(found), lower, upper, bits, pieces.exact_signs)


class _Split:
    """Pieces under construction: their bits in the layers so far.

    With k ends and an unbounded left, piece p lies between the ends p - 1 and p, otherwise between
    p and p + 1.
    """

    def __init__(
        self,
        network: Network,
        ends: list[fmpq],
        open_left: bool,
        open_right: bool,
        stop: Callable[[], bool] | None,
    ) -> None:
        self.network = network
        self.ends = ends
        self.open_left, self.open_right = open_left, open_right
        self.stop = stop
        self.bits: list[np.ndarray] = []  # by layer, (pieces, units)
        self.exact_signs = 0
        self._forms: dict[tuple[int, int], tuple[fmpq, fmpq]] = {}

    @property
    def count(self) -> int:
        return len(self.ends) - 1 + self.open_left + self.open_right

    def cut(self, position: int) -> None:
        """Cut the pieces where units of a layer cross zero, and note their bits."""
        self._forms.clear()
        left, right = self._signs(position)
        before, after = left > 0, right > 0
        crossing = left * right < 0
        roots: dict[int, dict[int, fmpq]] = {}
        for piece, unit in np.argwhere(crossing).tolist():
            slope, constant = self._form(position, piece, unit)
            roots.setdefault(piece, {})[unit] = -constant / slope
        ends = self.ends[:1] if not self.open_left else []
        parents: list[int] = []
        layer: list[np.ndarray] = []
        for piece in range(self.count):
            here = roots.get(piece)
            last = piece == self.count - 1
            if here is None:
                parents.append(piece)
                layer.append(before[piece] | after[piece])
            else:
                cuts = sorted(set(here.values()))
                rank = {root: k for k, root in enumerate(cuts)}
                units = np.array(list(here), dtype=np.int64)
                ranks = np.array([rank[root] for root in here.values()])
                for k in range(len(cuts) + 1):
                    bits = before[piece] | after[piece]
                    bits[units] = np.where(k <= ranks, before[piece, units], after[piece, units])
                    parents.append(piece)
                    layer.append(bits)
                ends += cuts
            if not (last and self.open_right):
                ends.append(self.ends[piece + 1 - self.open_left])
        self.ends = ends
        self.bits = [bits[parents] for bits in self.bits]
        self.bits.append(np.array(layer, dtype=np.uint8).reshape(len(parents), -1))

    def _signs(self, position: int) -> tuple[np.ndarray, np.ndarray]:
        """Exact signs (pieces, units) of a layer at the left and the right ends of the pieces.

        At an end that is infinite, the sign far out.
        """
        z, error = self._values(position)
        signs = np.sign(np.nan_to_num(z)).astype(np.int8).T
        for k, unit in np.argwhere(~(np.abs(z) > error).T).tolist():
            piece = min(k + self.open_left, self.count - 1)
            slope, constant = self._form(position, piece, unit)
            signs[k, unit] = sign(slope * self.ends[k] + constant)
            self.exact_signs += 1
        left, right = signs[: self.count], signs[-self.count :]
        if self.open_left:
            left = np.concatenate([self._far(position, 0, -1, signs[0])[None], signs])[: self.count]
        if self.open_right:
            far = self._far(position, self.count - 1, 1, signs[-1])[None]
            right = np.concatenate([signs, far])[-self.count :]
        return left, right

    def _values(self, position: int) -> tuple[np.ndarray, np.ndarray]:
        """Pre-activations (units, ends) of a layer at all ends, and bounds on their errors."""
        self._poll()
        t = np.array([[nearest(end) for end in self.ends]])
        values, errors = [t], [np.abs(t) * 2.0**-52 + 1e-300]
        with np.errstate(over="ignore", invalid="ignore"):
            for layer in self.network.layers[: position - 1]:
                z, error = preactivations(layer, values, errors)
                values.append(np.maximum(z, 0.0))
                errors.append(error)
            return preactivations(self.network.layers[position - 1], values, errors)

    def _far(self, position: int, piece: int, side: int, near: np.ndarray) -> np.ndarray:
        """The signs of a layer far out in an unbounded piece, those at its end given."""
        units = np.arange(len(near))
        rows = float_rows(self.network, self._known(piece), position, units)
        slope, error = rows.a[:, 0], rows.a_error[:, 0]
        far = np.sign(slope).astype(np.int8)
        for unit in np.flatnonzero(~(np.abs(slope) > error)).tolist():
            far[unit] = sign(self._form(position, piece, unit)[0])
            self.exact_signs += 1
        return np.where(far == 0, near, side * far).astype(np.int8)

    def _form(self, position: int, piece: int, unit: int) -> tuple[fmpq, fmpq]:
        """(slope, constant) of a unit on a piece."""
        key = piece, unit
        if key not in self._forms:
            self._poll()
            row, constant = exact_row(self.network, self._known(piece), position, unit)
            self._forms[key] = row[0], constant
        return self._forms[key]

    def _known(self, piece: int) -> list[np.ndarray]:
        return [bits[piece] for bits in self.bits]

    def _poll(self) -> None:
        if self.stop is not None and self.stop():
            raise Stopped
