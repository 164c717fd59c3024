"""`.npz` files with W1, b1, W2, b2, …: the last pair is the output; W is (out, in)."""

from __future__ import annotations

import re
import zipfile
import zlib
from pathlib import Path

import numpy as np

from regions.errors import ModelError
from regions.readers.arrays import cause
from regions.readers.stack import Pair, stack
from regions.source import Source

_DAMAGED = (
    OSError, ValueError, EOFError, KeyError, RuntimeError, MemoryError, OverflowError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip
_NAME = re.compile(r"([Wb])([1-9][0-9]*)")


def read(path: str | Path) -> Source:
    """The layers of an `.npz` file; pickled arrays are refused.

    Raises
    ------
    ModelError
        If the file is missing or damaged, an array is absent or unknown, or shapes do not fit.
    """
    file = Path(path)
    arrays = _arrays(file)
    unknown = sorted(name for name in arrays if not _NAME.fullmatch(name))
    if unknown:
        raise ModelError(
            f"{file.name} has the array {unknown[0]!r}; a model has W1, b1, W2, b2, … alone"
        )
    depth = max((int(name[1:]) for name in arrays), default=0)
    if len(arrays) > 2 * depth or depth == 0 or depth > len(arrays):
        raise ModelError(f"{file.name} must hold W1, b1, W2, b2, …; it holds {sorted(arrays)}")
    pairs: list[Pair] = []
    for layer in range(1, depth + 1):
        for name in (f"W{layer}", f"b{layer}"):
            if name not in arrays:
                raise ModelError(
                    f"{file.name} has no array {name!r}; it needs W1, b1, … up to b{depth}"
                )
        weight, bias = arrays[f"W{layer}"], arrays[f"b{layer}"]
        pairs.append((f"layer {layer} (W{layer}, b{layer})", weight, bias))
    try:
        return stack(pairs, "NumPy arrays")
    except ModelError as error:
        raise type(error)(f"{file.name}: {error}") from error


def _arrays(file: Path) -> dict[str, np.ndarray]:
    try:
        with file.open("rb") as stream:
            archive = np.load(stream, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ModelError(f"{file.name} is a single array, not an .npz archive")
            arrays = {name: np.asarray(archive[name]) for name in archive.files}
    except ModelError:
        raise
    except _DAMAGED as error:
        raise ModelError(f"cannot read {file.name} as an .npz file: {cause(error)}") from error
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf":
            raise ModelError(f"{file.name}: {name} needs real numbers, got {array.dtype}")
    return arrays
