"""Data files: MNIST idx, CIFAR-10 in both layouts, npz and npy; and pickles that want to run."""

from __future__ import annotations

import gzip
import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from regions.errors import InputError
from regions.readers.data import read_data

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (3, 4, 5), dtype=np.uint8)
PIXELS = RNG.integers(0, 256, (4, 3072), dtype=np.uint8)
LABELS = [3, 1, 4, 1]


def write_idx(path: Path, array: np.ndarray, zipped: bool = True) -> Path:
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    content = header + array.tobytes()
    path.write_bytes(gzip.compress(content) if zipped else content)
    return path


def test_mnist_folder_with_labels(tmp_path: Path):
    write_idx(tmp_path / "t10k-images-idx3-ubyte.gz", IMAGES)
    write_idx(tmp_path / "t10k-labels-idx1-ubyte.gz", np.array([7, 0, 9], np.uint8))
    data = read_data(f"mnist:{tmp_path}")
    assert (data.points == IMAGES.reshape(3, 20) / 255.0).all()
    assert data.labels is not None and data.labels.tolist() == [7, 0, 9]


def test_mnist_file_that_is_not_zipped(tmp_path: Path):
    path = write_idx(tmp_path / "images", IMAGES, zipped=False)
    data = read_data(f"mnist:{path}")
    assert data.labels is None and data.points.shape == (3, 20)


def cifar_bytes() -> bytes:
    return b"".join(
        bytes([label]) + row.tobytes() for label, row in zip(LABELS, PIXELS, strict=True)
    )


def test_cifar_binary_layout(tmp_path: Path):
    (tmp_path / "test_batch.bin").write_bytes(cifar_bytes())
    data = read_data(f"cifar10:{tmp_path}")
    assert (data.points == PIXELS / 255.0).all()
    assert data.labels is not None and data.labels.tolist() == LABELS
    last = read_data(f"cifar10-hwc:{tmp_path}").points.reshape(4, 32, 32, 3)
    assert (last.transpose(0, 3, 1, 2).reshape(4, -1) == data.points).all()


@pytest.mark.parametrize("protocol", [2, 4])
def test_cifar_python_layout(tmp_path: Path, protocol: int):
    path = tmp_path / "data_batch_1"
    path.write_bytes(pickle.dumps({"data": PIXELS, "labels": LABELS}, protocol))
    data = read_data(f"cifar10:{tmp_path}")
    assert (data.points == PIXELS / 255.0).all()
    assert data.labels is not None and data.labels.tolist() == LABELS


def old_pickle() -> bytes:
    """As Python 2 wrote CIFAR-10: byte strings as keys and content, numpy.core in the names."""
    content = PIXELS.tobytes()
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    kind = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNN"
    kind += b"J\xff\xff\xff\xff" * 2 + b"K\x00tb"
    shape = b"M" + struct.pack("<H", 4) + b"M" + struct.pack("<H", 3072) + b"\x86"
    bulk = b"T" + struct.pack("<I", len(content)) + content
    state = b"(K\x01" + shape + kind + b"\x89" + bulk + b"tb"
    labels = b"](" + b"".join(b"K" + bytes([label]) for label in LABELS) + b"e"
    return b"\x80\x02}(U\x04data" + array + state + b"U\x06labels" + labels + b"u."


def test_cifar_python_layout_as_python_2_wrote_it(tmp_path: Path):
    (tmp_path / "test_batch").write_bytes(old_pickle())
    data = read_data(f"cifar10:{tmp_path}")
    assert (data.points == PIXELS / 255.0).all()
    assert data.labels is not None and data.labels.tolist() == LABELS


class Wicked:
    def __reduce__(self) -> tuple:
        return os.mkdir, ("hurt",)


def test_a_pickle_that_names_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("test_batch").write_bytes(pickle.dumps({"data": Wicked(), "labels": []}))
    with pytest.raises(InputError, match=r"its pickle names (posix|nt)\.mkdir"):
        read_data("cifar10:test_batch")
    assert not Path("hurt").exists()


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps({"data": np.zeros((2, 3072)), "labels": [0, 1]}),
        pickle.dumps({"data": PIXELS[:, :10].copy(), "labels": LABELS}),
        pickle.dumps({"data": PIXELS, "labels": LABELS[:2]}),
        pickle.dumps([1, 2]),
        pickle.dumps({"labels": LABELS}),
        pickle.dumps({"data": PIXELS, "labels": LABELS})[:-40],
        b"no pickle",
        b"",
    ],
)
def test_other_pickles_are_refused(tmp_path: Path, content: bytes):
    (tmp_path / "test_batch").write_bytes(content)
    with pytest.raises(InputError, match="data cifar10:"):
        read_data(f"cifar10:{tmp_path}")


def test_npz_and_npy(tmp_path: Path):
    points = RNG.uniform(size=(5, 2, 3)).astype(np.float32)
    np.savez(tmp_path / "a.npz", x=points, y=np.arange(5))
    np.savez(tmp_path / "one.npz", points)
    np.save(tmp_path / "b.npy", points)
    first = read_data(f"npz:{tmp_path / 'a.npz'}")
    assert first.points.dtype == np.float64 and (first.points == points.reshape(5, 6)).all()
    assert first.labels is not None and first.labels.tolist() == [0, 1, 2, 3, 4]
    for spec in (f"npz:{tmp_path / 'one.npz'}", f"npy:{tmp_path / 'b.npy'}"):
        again = read_data(spec)
        assert (again.points == first.points).all() and again.labels is None


def test_bad_files_are_named(tmp_path: Path):
    np.savez(tmp_path / "two.npz", a=np.ones((2, 2)), b=np.ones((2, 2)))
    np.savez(tmp_path / "nan.npz", x=np.full((2, 2), np.nan))
    np.savez(tmp_path / "labels.npz", x=np.ones((2, 2)), y=np.ones(3))
    np.savez(tmp_path / "flat.npz", x=np.ones(4))
    np.savez(tmp_path / "objects.npz", x=np.array([[Wicked()]], dtype=object))
    write_idx(tmp_path / "cut", IMAGES, zipped=False).write_bytes(b"\0\0\x08\x03" + b"\0" * 20)
    (tmp_path / "short.bin").write_bytes(b"123")
    (tmp_path / "broken.gz").write_bytes(b"\x1f\x8b123")
    (tmp_path / "empty").mkdir()
    for spec, message in {
        "mnits:x": "needs mnist:DIR",
        "npz:": "needs mnist:DIR",
        "npz:none.npz": "no such file",
        f"npz:{tmp_path / 'two.npz'}": "needs an array x, data or images, got a, b",
        f"npz:{tmp_path / 'nan.npz'}": "needs finite numbers",
        f"npz:{tmp_path / 'labels.npz'}": "2 points, but 3 labels",
        f"npz:{tmp_path / 'flat.npz'}": "one point a row",
        f"npz:{tmp_path / 'objects.npz'}": "data npz:",
        f"npz:{tmp_path / 'cut'}": "data npz:",
        f"npy:{tmp_path / 'two.npz'}": "data npy:",
        f"mnist:{tmp_path / 'cut'}": "cut off",
        f"mnist:{tmp_path / 'short.bin'}": "no idx file",
        f"mnist:{tmp_path / 'broken.gz'}": "cannot be read",
        f"mnist:{tmp_path / 'empty'}": "the folder",
        f"cifar10:{tmp_path / 'short.bin'}": "no multiple of 3073",
        f"cifar10:{tmp_path / 'empty'}": "the folder",
    }.items():
        with pytest.raises(InputError, match=message):
            read_data(spec)


def test_the_shared_files(shared: Path):
    mnist = read_data(f"mnist:{shared / 'data' / 'mnist'}")
    assert mnist.points.shape == (10000, 784) and mnist.labels is not None
    assert mnist.points.min() == 0 and mnist.points.max() == 1
    cifar = read_data(f"cifar10:{shared / 'data' / 'cifar10'}")
    assert cifar.points.shape[1] == 3072 and cifar.labels is not None
    assert set(cifar.labels.tolist()) == set(range(10))
