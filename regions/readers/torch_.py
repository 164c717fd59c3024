"""PyTorch files to layers: pickled modules, state_dicts, exported programs, TorchScript.

Opening a pickle can run code, so `.pt` files are opened with `weights_only` and a fixed list of
`torch.nn` classes; formats that cannot be opened that way need the caller's trust.
"""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from regions.errors import ModelError, first_line
from regions.readers import steps
from regions.readers.quiet import silenced
from regions.readers.stack import Pair, stack
from regions.readers.torch_live import read_exported, read_module, read_script
from regions.readers.torch_modules import SAFE_MODULES
from regions.readers.torch_walk import to_array
from regions.source import Source

_DAMAGED = (
    RuntimeError, OSError, EOFError, ValueError, KeyError, IndexError, TypeError, AttributeError,
    AssertionError, ImportError, zipfile.BadZipFile, pickle.PickleError,
)  # fmt: skip
_CHECKPOINT_KEYS = ("state_dict", "model_state_dict", "model")
_ASSUMED = "ReLU (assumed: a state_dict does not name it)"


def read_file(
    path: str | Path, *, trust_file: bool = False, input_shape: Sequence[int] | None = None
) -> Source:
    """The layers of a `.pt`, `.pth` or `.pt2` file.

    Raises
    ------
    UnsupportedLayer
        For a layer that cannot be expressed.
    ModelError
        If the file is damaged, holds code and is not trusted, or is no stack of Linear layers.
    """
    file = Path(path)
    archive = _archive_kind(file)
    if archive != "pickle" and not trust_file:
        what = "an exported program" if archive == "export" else "a TorchScript program"
        raise ModelError(
            f"{file.name} is {what}, which can execute code when it is opened; if you trust where "
            "it comes from, pass --trust-file (trust_file=True), else use ONNX or a state_dict"
        )
    try:
        if archive == "export":
            return read_exported(_open(file, torch.export.load))
        if archive == "script":
            return read_script(_open(file, torch.jit.load), input_shape)
        loaded = _load_pickle(file)
        if isinstance(loaded, nn.Module):
            try:
                return read_module(loaded, input_shape=input_shape)
            except (TypeError, AttributeError, KeyError, IndexError, RuntimeError) as error:
                raise ModelError(f"its module is damaged: {error}") from error
        return _read_state_dict(loaded)
    except ModelError as error:
        raise type(error)(f"{file.name}: {error}") from error


def _archive_kind(file: Path) -> str:
    if file.suffix.lower() == ".pt2":
        return "export"
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except OSError as error:
        raise ModelError(f"cannot read {file}: {error.strerror or error}") from error
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return "pickle"  # old files are bare pickles; torch.load says what is wrong with others
    if any(
        name.endswith(("models/model.json", "serialized_exported_program.json")) for name in names
    ):
        return "export"
    return "script" if any(name.endswith("/constants.pkl") for name in names) else "pickle"


def _open(file: Path, opener: Callable[..., Any]) -> Any:
    try:
        with silenced():  # it logs the trace of what it could not open
            return opener(str(file))
    except _DAMAGED as error:
        raise ModelError(f"cannot be opened, perhaps truncated: {first_line(error)}") from error


def _load_pickle(file: Path) -> Any:
    classes = [getattr(nn, name) for name in SAFE_MODULES if hasattr(nn, name)]
    try:
        with torch.serialization.safe_globals(classes):
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        found = re.search(r"GLOBAL ([\w.]+)", str(error))
        if found:
            raise _refused(found.group(1)) from error
        # torch's own words begin with the advice to open the file with weights_only=False
        cause = str(error).partition("WeightsUnpickler error: ")[2] or "its pickle cannot be read"
        raise ModelError(f"is no PyTorch file, or is damaged: {first_line(cause)}") from error
    except _DAMAGED as error:
        raise ModelError(f"is no PyTorch file, or is truncated: {first_line(error)}") from error


def _refused(name: str) -> ModelError:
    """The refusal of a class that a pickle holds and that is not on our list."""
    home, _, kind = name.rpartition(".")
    if home.startswith("torch.nn.modules."):  # loading it in Python would not help
        return steps.unsupported(kind)
    return ModelError(
        f"holds {name}, which is not on the list of safe classes, so the file was not opened (a "
        "pickle can run code); load it in Python and pass the module to regions.load(), or export "
        "it to ONNX"
    )


def _read_state_dict(loaded: Any) -> Source:
    if isinstance(loaded, Mapping):
        inner = [loaded[key] for key in _CHECKPOINT_KEYS if isinstance(loaded.get(key), Mapping)]
        loaded = inner[0] if inner else loaded
    if not isinstance(loaded, Mapping) or not all(
        isinstance(k, str) and isinstance(v, torch.Tensor) for k, v in loaded.items()
    ):
        raise ModelError(
            f"holds a {type(loaded).__name__}, neither a module nor a state_dict of tensors"
        )
    advice = (
        "a state_dict does not say how layers are joined, so only a stack of Linear layers can be "
        "read from one; save the module itself (torch.save(model, ...)) or export it to ONNX"
    )
    weights: dict[str, np.ndarray] = {}
    biases: dict[str, np.ndarray] = {}
    for key, value in loaded.items():
        prefix, _, field = key.rpartition(".")
        array = to_array(value)
        if field == "weight" and array.ndim == 2:
            weights[prefix] = array
        elif field == "bias" and array.ndim == 1:
            biases[prefix] = array
        else:
            raise ModelError(f"{key!r} of shape {array.shape} belongs to no Linear layer: {advice}")
    alone = [prefix for prefix in biases if prefix not in weights]
    if alone:
        raise ModelError(f"'{alone[0]}.bias' has no weight beside it: {advice}")
    pairs: list[Pair] = [(f"layer {p!r}", w, biases.get(p)) for p, w in weights.items()]
    return stack(pairs, "PyTorch state_dict", _ASSUMED)
