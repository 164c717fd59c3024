"""Bits as people write them: text such as ``0110/1*`` or sequences by layer, checked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from regions.errors import PatternError


def text_units(text: str, widths: Sequence[int] | None) -> tuple[tuple[int, ...], np.ndarray]:
    """The layer sizes and the units (int8: 1, 0, -1 for a don't-care) of a pattern's text.

    >>> text_units("01/*", None)
    ((2, 1), array([ 0,  1, -1], dtype=int8))
    """
    stripped = text.strip()
    words = stripped.split("/") if stripped else []
    for layer, word in enumerate(words, 1):
        wrong = word.strip("01*")
        if wrong or not word:
            found = f"{wrong[0]!r}" if wrong else "nothing"
            raise PatternError(
                f"pattern {_short(stripped)}: needs 0, 1 or * for every unit and / between "
                f"layers, got {found} in layer {layer}; write it like 0110/1*"
            )
    if widths is not None:
        _check_widths(f"pattern {_short(stripped)}", words, widths)
    codes = np.frombuffer("".join(words).encode("ascii"), dtype=np.uint8)
    units = np.where(codes == ord("*"), np.int8(-1), codes.astype(np.int8) - np.int8(ord("0")))
    return tuple(map(len, words)), units


def layer_units(layer: int, values: object) -> np.ndarray:
    """One layer's bits as int8: 1, 0, and -1 for a don't-care (given as None or -1)."""
    if isinstance(values, (list, tuple)):
        values = [-1 if value is None else value for value in values]
    array = np.asarray(values)
    if array.size == 0:
        array = array.astype(np.int8)
    if array.ndim != 1:
        raise PatternError(
            f"Pattern.from_bits: layer {layer} needs a flat sequence of bits, got shape "
            f"{array.shape}; flatten it (channel, row, column)"
        )
    if not _holds_bits(array):
        raise PatternError(
            f"Pattern.from_bits: layer {layer} needs bits 0, 1 or None, got {_short(array)}; "
            "a bit is 1 where the pre-activation is positive"
        )
    return array.astype(np.int8)


def _holds_bits(array: np.ndarray) -> bool:
    if array.dtype.kind == "f":
        return bool(np.isin(array, (-1, 0, 1)).all())
    if array.dtype.kind not in "biu":
        return False
    return array.dtype == bool or not array.size or (array.min() >= -1 and array.max() <= 1)


def _check_widths(what: str, words: Sequence[str], widths: Sequence[int]) -> None:
    if len(words) != len(widths):
        raise PatternError(
            f"{what}: needs {len(widths)} layers with {sizes(widths)} units, got {len(words)}; "
            "write / between layers, and * for units that may take either bit"
        )
    for layer, (word, width) in enumerate(zip(words, widths, strict=True), 1):
        if len(word) != width:
            raise PatternError(
                f"{what}: layer {layer} needs {width} bits, got {len(word)}; "
                "write * for units that may take either bit"
            )


def sizes(widths: Sequence[int]) -> str:
    """Layer sizes as text: ``4/2``, or ``no``."""
    return "/".join(map(str, widths)) or "no"


def _short(value: object) -> str:
    text = repr(value if isinstance(value, str) else np.asarray(value).tolist())
    return text if len(text) <= 60 else f"{text[:40]}…{text[-15:]}"
