"""Sets of data points, with numpy alone: MNIST idx files, both layouts of CIFAR-10, npz and npy.

Images become rows of doubles in [0, 1], flattened as their format orders them: row by row, and for
colour channel by channel (``cifar10-hwc`` has the channel last).  A pickled batch is read without
running anything that it names.
"""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from regions.errors import InputError

IDX_IMAGES, IDX_LABELS = 0x00000803, 0x00000801
CIFAR_RECORD = 1 + 3072
_LAYOUTS = {
    "mnist": (
        "; needs a folder with t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, also as .gz, "
        "from https://yann.lecun.com/exdb/mnist"
    ),
    "cifar10": (
        "; needs a folder with test_batch.bin or test_batch, from the archives at "
        "https://www.cs.toronto.edu/~kriz/cifar.html"
    ),
}
FORMS = ("mnist", "cifar10", "cifar10-hwc", "npz", "npy")


@dataclass(frozen=True, eq=False)
class Data:
    """Points (number, inputs) in float64, and their labels (number,) where the files have them."""

    points: np.ndarray
    labels: np.ndarray | None
    source: str


def read_data(spec: str) -> Data:
    """The points that a text names.

    ``mnist:DIR`` and ``cifar10:DIR`` are the test images in a folder, or a file of images itself;
    ``cifar10-hwc:DIR`` the same with the channel last; ``npz:FILE`` the array ``x``, ``data``,
    ``images`` or the only one, with labels ``y`` or ``labels``; ``npy:FILE`` an array.

    Raises
    ------
    InputError
        If the text, a file or its content is none of these.

    Examples
    --------
    >>> read_data("mnits:data")
    Traceback (most recent call last):
        ...
    regions.errors.InputError: data mnits:data: needs mnist:DIR, cifar10:DIR, cifar10-hwc:DIR, \
npz:FILE or npy:FILE
    """
    form, colon, name = spec.partition(":")
    if form not in FORMS or not colon or not name:
        raise InputError(
            f"data {spec}: needs mnist:DIR, cifar10:DIR, cifar10-hwc:DIR, npz:FILE or npy:FILE"
        )
    path = Path(name)
    if not path.exists():
        hint = _LAYOUTS.get(form.partition("-")[0], "")
        raise InputError(f"data {spec}: no such file or folder: {path}{hint}")
    try:
        points, labels = _READERS[form](path)
    except _Malformed as error:
        raise InputError(f"data {spec}: {error}") from error
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise InputError(f"data {spec}: cannot be read ({error})") from error
    if not len(points) or not np.isfinite(points).all():
        raise InputError(f"data {spec}: needs finite numbers, at least one point")
    return Data(points, labels, spec)


class _Malformed(ValueError):
    pass


# -- MNIST --------------------------------------------------------------------------------------


def _mnist(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    labels = None
    if path.is_dir():
        images = _first(path, ("t10k-images", "train-images"), "an idx file t10k-images…")
        beside = [
            file
            for file in sorted(path.iterdir())
            if file.name.startswith(images.name.split("-")[0] + "-labels")
        ]
        labels = _idx(beside[0], IDX_LABELS, 1).reshape(-1).astype(np.int64) if beside else None
    else:
        images = path
    points = _idx(images, IDX_IMAGES, 3)
    if labels is not None and len(labels) != len(points):
        raise _Malformed(f"{len(points)} images, but {len(labels)} labels")
    return points.reshape(len(points), -1) / 255.0, labels


def _idx(path: Path, magic: int, dims: int) -> np.ndarray:
    content = _bytes(path)
    size = 4 + 4 * dims
    if len(content) < size or struct.unpack(">I", content[:4])[0] != magic:
        raise _Malformed(f"{path.name} is no idx file of bytes with {dims} dimensions")
    shape = struct.unpack(f">{dims}I", content[4:size])
    if len(content) - size != int(np.prod(shape, dtype=object)):
        raise _Malformed(f"{path.name} is cut off: its header promises {shape}")
    return np.frombuffer(content, dtype=np.uint8, offset=size).reshape(shape)


def _bytes(path: Path) -> bytes:
    content = path.read_bytes()
    return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content


# -- CIFAR-10 -----------------------------------------------------------------------------------


def _cifar(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    if path.is_dir():
        path = _first(path, ("test_batch", "data_batch_1"), "test_batch.bin or test_batch")
    content = _bytes(path)
    if path.suffix == ".bin":
        if not content or len(content) % CIFAR_RECORD:
            raise _Malformed(
                f"{path.name} is no CIFAR-10 batch: its size is no multiple of {CIFAR_RECORD}"
            )
        table = np.frombuffer(content, dtype=np.uint8).reshape(-1, CIFAR_RECORD)
        pixels, labels = table[:, 1:], table[:, 0].astype(np.int64)
    else:
        pixels, labels = _pickled(content, path.name)
    return pixels / 255.0, labels


def _channel_last(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    points, labels = _cifar(path)
    moved = points.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(moved).reshape(len(points), -1), labels


class _Type:
    """Stands for `numpy.dtype` in a pickle: it keeps the name of the type."""

    def __init__(self, name: object, *_: object) -> None:
        self.name = name.decode() if isinstance(name, bytes) else str(name)

    def __setstate__(self, state: object) -> None:
        pass


class _Array:
    """Stands for `numpy.ndarray` in a pickle: it keeps the shape, the type and the bytes."""

    state: Any = None

    def __setstate__(self, state: object) -> None:
        self.state = state

    def bytes_array(self) -> np.ndarray:
        _, shape, kind, fortran, content = self.state
        if not isinstance(kind, _Type) or kind.name not in ("u1", "|u1", "uint8"):
            raise _Malformed("its array is not one of bytes")
        if isinstance(content, str):
            content = content.encode("latin-1")
        return np.frombuffer(content, np.uint8).reshape(shape, order="F" if fortran else "C")


def _reconstruct(*_: object) -> _Array:
    return _Array()


def _encode(text: str, encoding: str = "latin-1") -> bytes:
    return text.encode(encoding)


_STAND_INS: dict[str, Callable[..., object]] = {
    "_reconstruct": _reconstruct,
    "ndarray": _Array,
    "dtype": _Type,
    "encode": _encode,
}
_MODULES = ("numpy", "numpy.core.multiarray", "numpy._core.multiarray", "_codecs")


class _Unpickler(pickle.Unpickler):
    """Knows the names that an array of bytes needs, as stand-ins of its own; and no others."""

    def find_class(self, module: str, name: str) -> Any:
        if module in _MODULES and name in _STAND_INS:
            return _STAND_INS[name]
        raise _Malformed(f"its pickle names {module}.{name}, which a batch of images does not need")


def _pickled(content: bytes, name: str) -> tuple[np.ndarray, np.ndarray | None]:
    try:
        batch = _Unpickler(io.BytesIO(content), encoding="latin-1").load()
        table = {key.decode() if isinstance(key, bytes) else key: v for key, v in batch.items()}
        pixels = table["data"].bytes_array()
        labels = np.array([int(label) for label in table["labels"]], dtype=np.int64)
    except _Malformed:
        raise
    except (
        pickle.UnpicklingError, EOFError, AttributeError, LookupError, TypeError, ValueError
    ) as error:  # fmt: skip
        raise _Malformed(f"{name} is no pickled CIFAR-10 batch ({error})") from error
    if pixels.ndim != 2 or pixels.shape[1] != 3072 or len(labels) != len(pixels):
        raise _Malformed(f"{name} needs rows of 3072 bytes with labels, got {pixels.shape}")
    return pixels, labels


# -- numpy --------------------------------------------------------------------------------------


def _npz(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    with _loaded(path, np.lib.npyio.NpzFile, "an archive of arrays (.npz)") as archive:
        names = archive.files
        name = next((n for n in ("x", "data", "images") if n in names), None)
        if name is None and len(names) == 1:
            name = names[0]
        if name is None:
            raise _Malformed(f"needs an array x, data or images, got {', '.join(names)}")
        label = next((n for n in ("y", "labels") if n in names), None)
        try:
            points = _table(archive[name])
            labels = None if label is None else np.asarray(archive[label]).reshape(-1)
        except ValueError as error:  # an array of objects, or one that is cut off
            raise _Malformed(str(error)) from error
    if labels is not None and len(labels) != len(points):
        raise _Malformed(f"{len(points)} points, but {len(labels)} labels")
    return points, labels


def _npy(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    return _table(_loaded(path, np.ndarray, "one array (.npy)")), None


def _loaded(path: Path, kind: type, what: str) -> Any:
    try:
        loaded = np.load(path, allow_pickle=False)
    except ValueError as error:
        raise _Malformed(f"{path.name} is not {what}: {error}") from error
    if not isinstance(loaded, kind):
        if hasattr(loaded, "close"):
            loaded.close()
        raise _Malformed(f"{path.name} is not {what}")
    return loaded


def _table(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8 or array.ndim < 2:
        raise _Malformed(
            f"needs an array of numbers with one point a row, got {array.dtype} {array.shape}"
        )
    return array.reshape(len(array), -1).astype(np.float64)


def _first(folder: Path, starts: tuple[str, ...], what: str) -> Path:
    for start in starts:
        for file in sorted(folder.iterdir()):
            if file.is_file() and file.name.startswith(start):
                return file
    raise _Malformed(f"the folder {folder} has no {what}")


_READERS: dict[str, Callable[[Path], tuple[np.ndarray, np.ndarray | None]]] = {
    "mnist": _mnist,
    "cifar10": _cifar,
    "cifar10-hwc": _channel_last,
    "npz": _npz,
    "npy": _npy,
}
