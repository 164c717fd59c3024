"""`compiled`: numba's decorator, with a cache that forgets machine code when any kernel changes.

numba keys its cache on the file of the function alone; what is inlined from other files goes stale
unseen.  Here the cache's folder is named by a digest of all files of the function's package and of
`solvers`, so new sources never meet old code.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba

KEPT = 6  # folders of earlier versions that stay


ANY_ORDER = {"reassoc", "contract", "nsz"}


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function on its first call, or load it from the cache.

    Machine code lies under $NUMBA_CACHE_DIR, else $XDG_CACHE_HOME/relu-regions, else
    ~/.cache/relu-regions; where none of these can be written, it is not kept.
    """
    return _compiled(function, set())


def compiled_sum(function: Callable[..., Any]) -> Any:
    """Like `compiled`; additions may be made in any order, and products fused into them.

    For long sums, which are several times faster so.  The usual bound, γ_n times the sum of
    absolute values, holds for every order (N. J. Higham, Accuracy and Stability of Numerical
    Algorithms, 2nd ed. 2002, section 4.2); arithmetic whose order matters stays with `compiled`.
    """
    return _compiled(function, ANY_ORDER)


def compiled_inline(function: Callable[..., Any]) -> Any:
    """Like `compiled`, and a part of every caller: calls hand over tuples array by array."""
    return _compiled(function, set(), forceinline=True)


def _compiled(function: Callable[..., Any], fastmath: set[str], **more: Any) -> Any:
    options: dict[str, Any] = {
        "nogil": True,
        "error_model": "numpy",
        "fastmath": fastmath,
        "_nrt": False,  # no reference counts, which are atomic and cost more than the kernels do
        **more,
    }
    folder = cache_folder(str(Path(function.__code__.co_filename).parent))
    if not _can_write(folder):  # numba would look for a place of its own, beside the sources
        return numba.njit(**options)(function)
    before = numba.config.CACHE_DIR  # type: ignore[attr-defined]
    try:
        numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]
        return numba.njit(cache=True, **options)(function)
    except (OSError, RuntimeError):  # a function without a file
        return numba.njit(**options)(function)
    finally:
        numba.config.CACHE_DIR = before  # type: ignore[attr-defined]


@cache
def cache_folder(package: str) -> Path:
    """Where the machine code of a package's functions is kept, for the sources as they are."""
    digest = hashlib.sha256()
    for path in sorted({*Path(package).glob("*.py"), *Path(__file__).parent.glob("*.py")}):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    root = _root()
    folder = root / digest.hexdigest()[:16]
    if not folder.exists():
        _forget_old(root)
    return folder


def is_cold(package: str, module: str) -> bool:
    """Whether nothing of a module of a package has been compiled yet."""
    return not any(cache_folder(package).rglob(f"{module}.*.nbc"))


@cache
def _can_write(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def _root() -> Path:
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        return Path(chosen) / "relu-regions"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "relu-regions"


def _forget_old(root: Path) -> None:
    try:
        folders = sorted(root.iterdir(), key=lambda path: path.stat().st_mtime)
    except OSError:
        return
    for folder in folders[:-KEPT]:
        shutil.rmtree(folder, ignore_errors=True)
