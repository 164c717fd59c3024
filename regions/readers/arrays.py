"""Numbers from `.npy` and `.npz` files, never a pickle."""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np

from regions.errors import DomainError


def read_array(path: str | Path) -> np.ndarray:
    """The array of an `.npy` file: integers, floats up to 64 bits, or text of exact numbers.

    Raises
    ------
    DomainError
        If the file is missing, truncated, a pickle, an archive, or holds no real numbers.
    """
    loaded = _load(path)
    if isinstance(loaded, dict):
        raise DomainError(
            f"{path}: needs one array (.npy), got an archive of several (.npz); "
            "save the one that is meant with numpy.save"
        )
    return _checked(path, loaded)


def read_named_arrays(path: str | Path, names: tuple[str, ...]) -> tuple[np.ndarray, ...]:
    """The arrays of the given names from an `.npz` file.

    Raises
    ------
    DomainError
        As `read_array`, and if a name is missing.
    """
    loaded = _load(path, names)
    wanted = ", ".join(names)
    if not isinstance(loaded, dict):
        raise DomainError(
            f"{path}: needs an archive of arrays (.npz) with {wanted}, got a single array; "
            f"save it with numpy.savez(file, {', '.join(f'{name}={name}' for name in names)})"
        )
    missing = [name for name in names if name not in loaded]
    if missing:
        raise DomainError(
            f"{path}: needs the arrays {wanted}, got {', '.join(loaded) or 'none'}; "
            f"add {', '.join(missing)}"
        )
    return tuple(_checked(path, loaded[name], name) for name in names)


def _load(path: str | Path, names: tuple[str, ...] = ()) -> np.ndarray | dict[str, object]:
    """The array of a file; of an archive, its names with the arrays that are asked for."""
    try:
        with open(path, "rb") as file:  # numpy leaves a broken archive open that it opened itself
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return loaded
            with loaded:
                return {name: loaded[name] if name in names else None for name in loaded.files}
    except FileNotFoundError as error:
        raise DomainError(
            f"{path}: needs a readable file, got none of that name; check the path"
        ) from error
    except (
        OSError,
        ValueError,
        EOFError,
        MemoryError,  # a header that promises too much
        RuntimeError,  # an archive that is encrypted, or compressed in another way
        SyntaxError,  # a garbled header
        tokenize.TokenError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise DomainError(
            f"{path}: needs an .npy or .npz file of plain numbers, got one that numpy cannot read "
            f"without pickles ({cause(error)}); save the numbers again with numpy.save"
        ) from error


def _checked(path: str | Path, array: object, name: str = "") -> np.ndarray:
    where = f"{path}, array {name}" if name else f"{path}"
    if not isinstance(array, np.ndarray):  # a member that is no .npy comes as bytes
        raise DomainError(
            f"{where}: needs an array, got {type(array).__name__}; write the file with numpy.savez"
        )
    if array.dtype.kind in "iuU" or (array.dtype.kind == "f" and array.dtype.itemsize <= 8):
        return array
    raise DomainError(
        f"{where}: needs integers, floats of at most 64 bits or text of exact numbers, got "
        f"{array.dtype}; convert it with astype(float)"
    )


def cause(error: BaseException) -> str:
    """What numpy says of a file that it cannot read, on one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    if "pickle" in text:  # numpy's advice is to allow pickles, which can run code
        return "it holds no arrays, or pickled objects"
    return text if len(text) <= 100 else f"{text[:99]}…"
