"""`load`: a model file or a live model to a checked `Network`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from regions import fidelity
from regions.domain import Domain
from regions.errors import ModelError
from regions.lowering import lower
from regions.network import Network, Origin
from regions.source import Source
from solvers.errors import pip_install

_KNOWN = ".onnx, .npz, .pt, .pth, .pt2"


def load(
    model: object,
    *,
    domain: Domain | Callable[[int], Domain] | None = None,
    trust_file: bool = False,
    input_shape: Sequence[int] | None = None,
    seed: int = 0,
) -> Network:
    """Read a model into the normal form, and check it against the model on 100 points or more.

    Parameters
    ----------
    model
        A path (``.onnx``, ``.npz``, ``.pt``, ``.pth``, ``.pt2``), a `torch.nn.Module`, or a fitted
        scikit-learn `MLPClassifier` or `MLPRegressor`.
    domain
        Where the check draws its points, or the function from n, the number of inputs, to that
        domain; default [-1, 1]ⁿ.
    trust_file
        Read formats that can execute code when they are opened (``.pt2``, TorchScript).
    input_shape
        Shape of one input of a PyTorch model without the batch axis, e.g. (3, 32, 32).  Needed
        only where its layers do not tell.
    seed
        Of the points.

    Returns
    -------
    Network
        With `origin` saying the file, the format, and how well it agrees with the model.

    Raises
    ------
    UnsupportedLayer
        For a layer that the normal form cannot express.
    ModelError
        If the model cannot be read, or disagrees with its own source by more than 1e-4.

    Examples
    --------
    >>> load("model.txt")
    Traceback (most recent call last):
    ...
    regions.errors.ModelError: load(): no such file: model.txt
    """
    is_file = isinstance(model, (str, Path))
    source = read_source(model, trust_file=trust_file, input_shape=input_shape)
    network = lower(source.graph)
    where = domain(network.inputs) if callable(domain) else domain
    found = fidelity.check(source, network, where, seed=seed)
    file = str(model) if is_file else None
    origin = Origin(file, source.format, source.activation, found.points, found.worst, found.where)
    return replace(network, origin=origin)


def read_source(
    model: object, *, trust_file: bool = False, input_shape: Sequence[int] | None = None
) -> Source:
    """The layers of a model, neither lowered nor checked; the arguments are those of `load`."""
    if isinstance(model, (str, Path)):
        return _read_file(Path(model), trust_file, input_shape)
    return _read_object(model, input_shape)


def _read_file(path: Path, trust_file: bool, input_shape: Sequence[int] | None) -> Source:
    if not path.exists():
        raise ModelError(f"load(): no such file: {path}")
    if path.is_dir():
        raise ModelError(f"load(): {path} is a folder; name a model file ({_KNOWN})")
    match path.suffix.lower():
        case ".onnx":
            from regions.readers import onnx_

            return onnx_.read(path)
        case ".npz":
            from regions.readers import npz

            return npz.read(path)
        case ".pt" | ".pth" | ".pt2":
            _need("torch", "PyTorch files", "torch")
            from regions.readers import torch_

            return torch_.read_file(path, trust_file=trust_file, input_shape=input_shape)
        case suffix:
            raise ModelError(
                f"load(): {path.name} has the extension {suffix!r}; known model files are {_KNOWN}"
            )


def _read_object(model: object, input_shape: Sequence[int] | None) -> Source:
    packages = {cls.__module__.partition(".")[0] for cls in type(model).__mro__}
    if "torch" in packages:
        from regions.readers import torch_live

        return torch_live.read_module(model, input_shape=input_shape)
    if "sklearn" in packages:
        from regions.readers import sklearn_

        return sklearn_.read(model)
    raise ModelError(
        f"load() takes a path ({_KNOWN}), a torch.nn.Module or a scikit-learn MLP, "
        f"got {type(model).__name__}; for weights in arrays, see Network.from_layers"
    )


def _need(package: str, what: str, extra: str) -> None:
    from importlib.util import find_spec

    if find_spec(package) is None:
        command = pip_install(f"'relu-regions[{extra}]'")
        raise ModelError(f"load(): {what} need the package {package}: {command}")
