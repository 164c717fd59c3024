"""`Evaluator`: patterns and pre-activations of many points at once, in torch.

A model is run through its layer graph (`GraphModule`) where it has one, with the layers and bits of
the exact side; else, as a torch module, it is watched while it runs, and bit = 1 iff the argument
of an activation is positive (meanings §2.1).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from regions.errors import InputError, ModelError, UnsupportedLayer, first_line
from regions.fidelity import check
from regions.layers import Dense, Graph, GraphBuilder, Relu, Sum
from regions.loading import read_source
from regions.network import Network
from regions.sample.bits import Patterns, pack
from regions.sample.device import Batches, choose_device, first_batch, full_precision
from regions.sample.graph_module import GraphModule, Units, doubles
from regions.sample.hooked import run_watched
from regions.sample.points import Points

Sampled = Points | Tensor
PRECISIONS = {"single": torch.float32, "double": torch.float64}
TRAINING = "the module was in train mode; it is sampled in eval mode"


class Evaluator:
    """Runs a model on batches of points (N, inputs).

    Attributes
    ----------
    layers
        The layers of ReLU-like units, in order.
    module
        The graph module; None if the model has no layer graph, which frozen maps and rays need.
    why
        Then, what stands in the way.
    notes
        What was assumed or changed, in words.
    """

    def __init__(
        self,
        run: GraphModule | nn.Module,
        inputs: tuple[int, ...],
        *,
        device: str = "auto",
        precision: str = "single",
        notes: Sequence[str] = (),
        modules: Sequence[str] = (),
        why: str = "",
    ) -> None:
        if precision not in PRECISIONS:
            raise InputError(f"precision {precision}: needs {' or '.join(PRECISIONS)}")
        self.device = choose_device(device)
        self.dtype = PRECISIONS[precision]
        self.precision = precision
        self.input_shape = inputs
        self.inputs = math.prod(inputs)
        self.notes = tuple(notes)
        self.why = why
        self._modules = tuple(modules)
        self._run = run.to(self.device, self.dtype).eval()
        self._run.requires_grad_(False)
        self.module = run if isinstance(run, GraphModule) else None
        if isinstance(run, GraphModule):
            self.layers, self.outputs = tuple(run.layers), run.outputs
            self._floats = run.floats
        else:
            self.layers, self.outputs, self._floats = self._probe()
        self.batches = Batches(first_batch(self.device, 2 * self._floats * self.dtype.itemsize))

    @staticmethod
    def of(
        model: object,
        *,
        device: str = "auto",
        precision: str = "single",
        rounds: bool = False,
        modules: Sequence[str] = (),
        input_shape: Sequence[int] | None = None,
        trust_file: bool = False,
    ) -> Evaluator:
        """An evaluator of a model file, a torch module, a `Network` or a layer `Graph`.

        Parameters
        ----------
        device
            auto, cpu or cuda.
        precision
            single or double.
        rounds
            Whether max-pooling counts as the ReLU units of the normal form; else it has no bits.
        modules
            Names of submodules whose input makes the bits, instead of all activations.
        input_shape
            Of one point, where the model does not tell.

        Raises
        ------
        ModelError
            If the model cannot be read, run or has no such submodule.

        Examples
        --------
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.SELU(), nn.Linear(3, 1)).eval()
        >>> evaluator = Evaluator.of(net, device="cpu")
        >>> [(layer.name, layer.kind, layer.units) for layer in evaluator.layers]
        [('1', 'selu', 3)]
        """
        options = {"device": device, "precision": precision}
        if isinstance(model, Network):
            model = graph_of(model)
        if isinstance(model, Graph):
            module = GraphModule(model, rounds=rounds)
            return Evaluator(module, model.input_shape, **options)
        notes = [TRAINING] if isinstance(model, nn.Module) and model.training else []
        shape = None if input_shape is None else tuple(int(size) for size in input_shape)
        if modules:
            return _watched(model, shape, notes, modules, "submodules were named", options)
        if isinstance(model, Path | str):
            source = read_source(model, trust_file=trust_file, input_shape=shape)
        else:
            try:
                source = read_source(model, input_shape=shape)
            except ModelError as error:
                if not isinstance(model, nn.Module):
                    raise
                if not isinstance(error, UnsupportedLayer) and shape is None:
                    raise
                return _watched(model, shape, notes, (), first_line(error), options)
        module = GraphModule(source.graph, rounds=rounds)
        check(source, _Checked(module))
        if source.activation != "ReLU":
            notes.append(f"activation: {source.activation}")
        return Evaluator(module, source.graph.input_shape, notes=notes, **options)

    # -- what it knows of its model -------------------------------------------------------------

    @property
    def widths(self) -> tuple[int, ...]:
        """Units of each layer."""
        return tuple(layer.units for layer in self.layers)

    def graph_module(self, purpose: str) -> GraphModule:
        """The graph module, which `purpose` needs.

        Raises
        ------
        ModelError
            If the model has none.
        """
        if self.module is None:
            raise ModelError(
                f"{purpose} needs a piecewise linear model whose layers can be read, and this one "
                f"is only watched ({self.why}); patterns and statistics remain available"
            )
        return self.module

    def select(self, layers: Sequence[int] | int | None) -> tuple[int, ...]:
        """Indices from 0 of layers from 1: some, the first so many, or all.

        Raises
        ------
        InputError
            If there is no such layer.
        """
        count = len(self.layers)
        if layers is None:
            chosen = range(1, count + 1)
        else:
            chosen = range(1, layers + 1) if isinstance(layers, int) else layers
        wrong = [k for k in chosen if not 1 <= k <= count]
        if wrong or not len(chosen):
            raise InputError(
                f"layers {layers}: the model has {count} layers with bits, counted from 1"
            )
        return tuple(k - 1 for k in chosen)

    def _probe(self) -> tuple[tuple[Units, ...], int, int]:
        found: list[Units] = []

        def see(name: str, kind: str, z: Tensor) -> None:
            found.append(Units(name, kind, tuple(z.shape[1:])))

        x = torch.zeros(2, *self.input_shape[1:], dtype=self.dtype, device=self.device)
        with torch.no_grad():
            y = self._watch(x, see)
        if not found:
            raise ModelError(
                "the model calls no activation that is known; name submodules to watch"
            )
        return tuple(found), y[0].numel(), 4 * sum(layer.units for layer in found) + self.inputs

    def _watch(self, x: Tensor, see: Callable[[str, str, Tensor], None]) -> Tensor:
        try:
            return run_watched(self._run, x, see, self._modules)
        except (RuntimeError, TypeError, ValueError) as error:
            if isinstance(error, torch.OutOfMemoryError) or "memory" in str(error):
                raise
            raise ModelError(
                f"the model does not run on an input of shape {tuple(x.shape)}: "
                f"{first_line(error)}; give --input-shape (input_shape=...)"
            ) from error

    # -- running --------------------------------------------------------------------------------

    def tensor(self, points: np.ndarray | Tensor) -> Tensor:
        """The points (N, inputs) on the device.

        Raises
        ------
        InputError
            If they have another size or are not finite.
        """
        x = torch.as_tensor(points)
        x = x.reshape(len(x), -1) if x.ndim > 1 else x[None]
        if x.shape[1] != self.inputs:
            raise InputError(
                f"points need {self.inputs} numbers each (shape {self.input_shape[1:]}), got "
                f"{x.shape[1]}"
            )
        x = x.to(self.device, self.dtype)
        if not bool(torch.isfinite(x).all()):
            raise InputError(f"points need finite numbers in {self.precision} precision")
        return x

    def visit(self, x: Tensor, see: Callable[[int, Tensor], None]) -> Tensor:
        """Outputs at points on the device, after `see(k, z)` for each layer k from 0, in order.

        z has shape (N, units).

        Raises
        ------
        ModelError
            If a pre-activation is NaN or infinite, or layers vary from point to point.
        """
        seen = 0

        def checked(k: int, z: Tensor) -> None:
            flat = z.reshape(len(z), -1)
            # a sum is cheap, and not finite if one of its terms is not; it may also overflow
            if not bool(torch.isfinite(flat.sum())) and not bool(torch.isfinite(flat).all()):
                row = int((~torch.isfinite(flat)).any(1).nonzero()[0, 0])
                raise ModelError(
                    f"layer {k + 1} ({self.layers[k].name}) is NaN or infinite at point {row} of a "
                    f"batch, in {self.precision} precision; check the weights and the data"
                )
            see(k, flat)

        if self.module is not None:

            def relu(k: int, z: Tensor) -> Tensor:
                checked(k, z)
                return torch.relu(z)

            with torch.no_grad(), full_precision(self.device):
                return self.module(x, relu)

        def watch(name: str, kind: str, z: Tensor) -> None:
            nonlocal seen
            if seen >= len(self.layers) or tuple(z.shape[1:]) != self.layers[seen].shape:
                raise ModelError("the model calls other activations for other points")
            checked(seen, z)
            seen += 1

        with torch.no_grad(), full_precision(self.device):
            y = self._watch(x.reshape(len(x), *self.input_shape[1:]), watch)
        return y.reshape(len(x), -1)

    def bits(self, x: Tensor, layers: Sequence[int] | int | None = None) -> list[Tensor]:
        """The bits of points on the device by layer: (N, units) of bool, 1 iff z > 0."""
        chosen = self.select(layers)
        found: dict[int, Tensor] = {}

        def see(k: int, z: Tensor) -> None:
            if k in chosen:
                found[k] = z > 0

        self.visit(x, see)
        return [found[k] for k in chosen]

    def stream(
        self,
        points: Sampled,
        layers: Sequence[int] | int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Iterator[tuple[int, int, list[Tensor]]]:
        """(start, stop, bits) batch by batch, as many points at once as memory holds."""

        def work(start: int, stop: int) -> list[Tensor]:
            return self.bits(self.tensor(points[start:stop]), layers)

        for start, stop, bits in self.batches.over(len(points), work):
            yield start, stop, bits
            if progress is not None:
                progress(stop, len(points))

    def patterns(
        self,
        points: Sampled,
        layers: Sequence[int] | int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Patterns:
        """The patterns of points (N, inputs), packed on the device.

        Examples
        --------
        >>> network = Network.from_layers([([[1], [-1]], [0, 1]), ([[1, 1]], [0])])
        >>> found = Evaluator.of(network, device="cpu").patterns(np.array([[0.5], [2.0]]))
        >>> [str(found.pattern(i)) for i in range(2)]
        ['11', '10']
        """
        widths = tuple(self.widths[k] for k in self.select(layers))
        parts = [
            Patterns(tuple(map(pack, bits)), widths)
            for _, _, bits in self.stream(points, layers, progress)
        ]
        if not parts:
            raise InputError("patterns(): needs at least one point")
        return Patterns.joined(parts)

    def choices(self, points: Sampled) -> list[Tensor]:
        """Which entry of each window a max-pooling takes: (N, windows) for each, from 0.

        The first of equal ones, in the order of rows and columns.
        """
        module = self.graph_module("max-pool choices")
        parts: list[list[Tensor]] = []

        def work(start: int, stop: int) -> list[Tensor]:
            found: list[Tensor] = []

            def pool(_: int, taps: Tensor) -> Tensor:
                best, index = taps.max(-1)
                found.append(first_best(taps, best, index))
                return best

            with torch.no_grad(), full_precision(self.device):
                module(self.tensor(points[start:stop]), None, pool)
            return found

        parts = [found for _, _, found in self.batches.over(len(points), work)]
        return [torch.cat(each) for each in zip(*parts, strict=True)]


def first_best(taps: Tensor, best: Tensor, index: Tensor) -> Tensor:
    """The first position of the maximum: `Tensor.max` promises none among equal ones."""
    equal = taps == best[..., None]
    if bool((equal.sum(-1) > 1).any()):
        return equal.to(torch.uint8).argmax(-1)
    return index


class _Checked:
    """A graph module as `fidelity.check` asks for it."""

    def __init__(self, module: GraphModule) -> None:
        self.inputs = module.inputs
        self._module = module

    def evaluate(self, points: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return self._module(torch.from_numpy(points).double()).numpy()


def _watched(
    model: object, shape: tuple[int, ...] | None, notes: Sequence[str], modules: Sequence[str],
    why: str, options: dict[str, str],
) -> Evaluator:  # fmt: skip
    if not isinstance(model, nn.Module):
        raise ModelError(f"watching submodules needs a torch module, got {type(model).__name__}")
    unknown = set(modules) - {name for name, _ in model.named_modules()}
    if unknown:
        raise ModelError(f"the module has no submodule {', '.join(sorted(unknown))}")
    if shape is None:
        first = next((m for m in model.modules() if isinstance(m, nn.Linear)), None)
        leaf = next((m for m in model.modules() if list(m.parameters(recurse=False))), None)
        if first is None or leaf is not first:
            raise ModelError("the shape of one input cannot be told; pass input_shape=(3, 32, 32)")
        shape = (first.in_features,)
    run = copy.deepcopy(model).eval()
    return Evaluator(run, (1, *shape), notes=notes, modules=modules, why=why, **options)


def graph_of(network: Network) -> Graph:
    """The layers of a normal form, in doubles.

    >>> graph_of(Network.from_layers([([[1]], [0]), ([[2]], [0])])).nodes[0].op.weight.tolist()
    [[1.0]]
    """
    builder = GraphBuilder((1, network.inputs))
    sources = [builder.input]
    for layer in (*network.layers, network.output):
        terms = [
            builder.add(Dense(doubles(block.dense())), sources[source], name=layer.name)
            for source, block in layer.weights
        ]
        bias = doubles(layer.bias.dense()).reshape(-1)
        if not terms:  # a constant
            terms = [builder.add(Dense(np.zeros((layer.units, network.inputs))), builder.input)]
        total = builder.add(Sum((1,) * len(terms)), *terms) if len(terms) > 1 else terms[0]
        z = builder.add(Dense(np.eye(layer.units), bias), total) if bias.any() else total
        sources.append(z if layer is network.output else builder.add(Relu(), z, name=layer.name))
    return builder.finish(sources[-1])
