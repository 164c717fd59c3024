"""Units set free: text such as ``2:*,3:0``, and the pattern with these as don't-cares."""

from __future__ import annotations

import re

from regions.errors import PatternError
from regions.pattern import Pattern

_UNIT = re.compile(r"\s*(\d+)\s*:\s*(\d+|\*)\s*")


def freed(pattern: Pattern, text: str) -> Pattern:
    """The pattern with don't-cares at some units: ``L:U`` is one unit, ``L:*`` a whole layer.

    Parameters
    ----------
    pattern
        Any pattern.
    text
        Units apart by commas; layers count from 1, units from 0.

    Raises
    ------
    PatternError
        If the text is malformed or names a unit that does not exist.

    Examples
    --------
    >>> print(freed(Pattern.parse("011/01"), "2:*,1:0"))
    *11/**
    """
    changes: dict[tuple[int, int], int | None] = {}
    for word in text.split(","):
        match = _UNIT.fullmatch(word)
        if match is None:
            raise PatternError(
                f"units {text!r}: needs L:U for a unit or L:* for a layer, apart by commas, got "
                f"{word.strip()!r}; write them like 2:*,3:0"
            )
        layer = int(match[1])
        if match[2] != "*":
            changes[layer, int(match[2])] = None
            continue
        if not 1 <= layer <= len(pattern.widths):
            raise PatternError(
                f"units {text!r}: needs a layer from 1 to {len(pattern.widths)}, got {layer}; "
                "layers count from 1"
            )
        changes.update({(layer, unit): None for unit in range(pattern.widths[layer - 1])})
    return pattern.with_bits(changes)
