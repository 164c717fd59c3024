"""Activation patterns: one bit per ReLU unit, with don't-cares, packed and hashable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import total_ordering
from itertools import accumulate, pairwise

import numpy as np

from regions.errors import PatternError
from regions.pattern_input import layer_units, sizes, text_units

_SYMBOLS = np.frombuffer(b"01*", dtype=np.uint8)  # bits 0, 1 and -1 (the last)


@total_ordering
@dataclass(frozen=True, slots=True)
class Pattern:
    """The bits of all ReLU units, by layer, then by unit (meanings §2.2 and §2.3).

    The bit of a unit is 1 iff its pre-activation is positive.  A pattern with don't-cares stands
    for the set of its completions.  Layers count from 1, units from 0.  Patterns are ordered by
    their text, so that a table of them has one order.

    Parameters
    ----------
    widths : tuple of int
        The number of units of each layer, all positive.
    bits : bytes
        The bits, eight to a byte, the first unit in the highest place; 0 where unknown.
    known : bytes
        1 where the bit is known, 0 where it is a don't-care, packed likewise.

    Raises
    ------
    PatternError
        If the packed bytes do not fit the widths.

    Examples
    --------
    >>> pattern = Pattern.parse("0110/1*")
    >>> pattern.bit(1, 2), pattern.bit(2, 1), len(pattern), pattern.is_full
    (1, None, 6, False)
    >>> print(pattern.with_bits({(2, 1): 0}))
    0110/10
    """

    widths: tuple[int, ...]
    bits: bytes
    known: bytes

    def __post_init__(self):
        total = sum(self.widths)
        if any(width < 1 for width in self.widths):
            raise PatternError(
                f"Pattern: needs layers of at least one unit, got the widths {self.widths}; "
                "leave empty layers out"
            )
        size = (total + 7) // 8
        if len(self.bits) != size or len(self.known) != size:
            raise PatternError(
                f"Pattern: {total} units need {size} bytes of bits and of known, got "
                f"{len(self.bits)} and {len(self.known)}; use Pattern.parse or Pattern.from_bits"
            )
        bits, known = int.from_bytes(self.bits), int.from_bytes(self.known)
        padding = (1 << (8 * size - total)) - 1
        if bits & ~known or known & padding:
            raise PatternError(
                "Pattern: needs zeros where a bit is unknown or past the last unit, got ones "
                "there; use Pattern.parse or Pattern.from_bits"
            )

    @classmethod
    def parse(cls, text: str, widths: Sequence[int] | None = None) -> Pattern:
        """Read the text form: 0, 1 or * for each unit, / between layers.

        Parameters
        ----------
        text : str
            For instance ``"0110/10"``; the empty text is the pattern of no layers.  White space
            around it is ignored.
        widths : sequence of int, optional
            The layer sizes that the text must have.

        Raises
        ------
        PatternError
            On any other character, an empty layer, or sizes other than `widths`.

        Examples
        --------
        >>> Pattern.parse("01/1*", widths=(2, 2))
        Pattern('01/1*')
        """
        return cls._packed(*text_units(text, widths))

    @classmethod
    def from_bits(cls, layers: Sequence[object]) -> Pattern:
        """The pattern with the given bits, one sequence per layer.

        Parameters
        ----------
        layers : sequence of sequences or arrays
            Entries 0, 1, False or True; None or -1 is a don't-care.

        Raises
        ------
        PatternError
            On any other entry, or where a layer is not one-dimensional.

        Examples
        --------
        >>> Pattern.from_bits([[0, 1, None], np.array([True])])
        Pattern('01*/1')
        """
        units = [layer_units(layer, values) for layer, values in enumerate(layers, 1)]
        flat = np.concatenate(units) if units else np.zeros(0, np.int8)
        return cls._packed(tuple(map(len, units)), flat)

    @classmethod
    def _packed(cls, widths: tuple[int, ...], units: np.ndarray) -> Pattern:
        return cls(widths, np.packbits(units == 1).tobytes(), np.packbits(units >= 0).tobytes())

    def units(self) -> np.ndarray:
        """The bits of all units in one int8 array: 1, 0, or -1 for a don't-care.

        >>> Pattern.parse("01/1*").units().tolist()
        [0, 1, 1, -1]
        """
        bits = _unpacked(self.bits, len(self))
        return np.where(_unpacked(self.known, len(self)) == 1, bits.astype(np.int8), np.int8(-1))

    def layers(self) -> list[np.ndarray]:
        """The bits by layer, int8 arrays: 1, 0, or -1 for a don't-care.

        >>> [bits.tolist() for bits in Pattern.parse("01/1*").layers()]
        [[0, 1], [1, -1]]
        """
        starts = _starts(self.widths)
        units = self.units()
        return [units[start:end] for start, end in pairwise(starts)]

    def bit(self, layer: int, unit: int) -> int | None:
        """The bit of unit `unit` (from 0) of layer `layer` (from 1); None for a don't-care."""
        place = self._place(layer, unit)
        byte, mask = place // 8, 128 >> place % 8
        return int(bool(self.bits[byte] & mask)) if self.known[byte] & mask else None

    @property
    def is_full(self) -> bool:
        """Whether every bit is known."""
        return int.from_bytes(self.known).bit_count() == len(self)

    def hamming(self, other: Pattern) -> int:
        """The number of units whose bits differ (meanings §2.10).

        A don't-care differs from nothing: between patterns with don't-cares this is the least
        distance between their completions.

        Raises
        ------
        PatternError
            If the layers have other sizes.

        Examples
        --------
        >>> Pattern.parse("0110/10").hamming(Pattern.parse("0101/1*"))
        2
        """
        return self._differing(other, "hamming").bit_count()

    def hamming_by_layer(self, other: Pattern) -> tuple[int, ...]:
        """The number of units whose bits differ, for each layer.

        >>> Pattern.parse("0110/10").hamming_by_layer(Pattern.parse("0101/11"))
        (2, 1)
        """
        differing = self._differing(other, "hamming_by_layer").to_bytes(len(self.bits))
        units = _unpacked(differing, len(self))
        starts = _starts(self.widths)
        return tuple(int(units[a:b].sum()) for a, b in pairwise(starts))

    def matches(self, full: Pattern) -> bool:
        """Whether every completion of `full` is one of this pattern.

        For a full pattern: whether it agrees with every known bit of this one.

        >>> Pattern.parse("0*/1").matches(Pattern.parse("01/1"))
        True
        """
        if self.widths != full.widths:
            raise self._mismatch("matches", full)
        known, other = int.from_bytes(self.known), int.from_bytes(full.known)
        difference = int.from_bytes(self.bits) ^ int.from_bytes(full.bits)
        return known & ~other == 0 and difference & known == 0

    def with_bits(self, changes: Mapping[tuple[int, int], int | None]) -> Pattern:
        """The same pattern with other bits at some units.

        Parameters
        ----------
        changes : mapping
            From (layer, unit) to 0, 1 or None (don't-care).

        Raises
        ------
        PatternError
            If there is no such unit, or on any other bit.

        Examples
        --------
        >>> Pattern.parse("00/00").with_bits({(1, 1): 1, (2, 0): None})
        Pattern('01/*0')
        """
        units = self.units()
        for (layer, unit), bit in changes.items():
            if bit is not None and bit not in (0, 1):
                raise PatternError(
                    f"Pattern.with_bits: needs 0, 1 or None for unit {layer}:{unit}, got {bit!r}; "
                    "None is a don't-care"
                )
            units[self._place(layer, unit)] = -1 if bit is None else bit
        return self._packed(self.widths, units)

    def prefix(self, k: int) -> Pattern:
        """The pattern of the first k layers.

        >>> Pattern.parse("01/10/11").prefix(2)
        Pattern('01/10')
        """
        if not 0 <= k <= len(self.widths):
            raise PatternError(
                f"Pattern.prefix: needs a number of layers from 0 to {len(self.widths)}, got {k}"
            )
        return self._packed(self.widths[:k], self.units()[: sum(self.widths[:k])])

    def __len__(self) -> int:
        """The number of units."""
        return _starts(self.widths)[-1]

    def __str__(self) -> str:
        symbols = _SYMBOLS[self.units()].tobytes().decode("ascii")
        starts = _starts(self.widths)
        return "/".join(symbols[a:b] for a, b in pairwise(starts))

    def __repr__(self) -> str:
        return f"Pattern({str(self)!r})"

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Pattern):
            return NotImplemented
        if self.widths == other.widths and self.known == other.known:
            return self.bits < other.bits  # the same order as the texts
        return str(self) < str(other)

    def _place(self, layer: int, unit: int) -> int:
        """The index of a unit among all units."""
        if not 1 <= layer <= len(self.widths):
            raise PatternError(
                f"Pattern: needs a layer from 1 to {len(self.widths)}, got {layer} "
                f"(unit {layer}:{unit}); layers count from 1"
            )
        if not 0 <= unit < self.widths[layer - 1]:
            raise PatternError(
                f"Pattern: layer {layer} has the units 0 to {self.widths[layer - 1] - 1}, "
                f"got {unit}; units count from 0"
            )
        return _starts(self.widths)[layer - 1] + unit

    def _differing(self, other: Pattern, verb: str) -> int:
        """The units known in both and different, as one big integer."""
        if self.widths != other.widths:
            raise self._mismatch(verb, other)
        known = int.from_bytes(self.known) & int.from_bytes(other.known)
        return (int.from_bytes(self.bits) ^ int.from_bytes(other.bits)) & known

    def _mismatch(self, verb: str, other: Pattern) -> PatternError:
        return PatternError(
            f"Pattern.{verb}: needs a pattern of layers with {sizes(self.widths)} units, got "
            f"{sizes(other.widths)}; compare patterns of one network"
        )


def _starts(widths: tuple[int, ...]) -> tuple[int, ...]:
    """Index of the first unit of each layer, and the number of all units."""
    return tuple(accumulate(widths, initial=0))


def _unpacked(packed: bytes, count: int) -> np.ndarray:
    return np.unpackbits(np.frombuffer(packed, dtype=np.uint8), count=count)
