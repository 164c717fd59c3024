"""Graphs of PyTorch operations (torch.fx, exported programs, TorchScript) to layers."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional
from torch.fx.node import map_arg

from regions.errors import ModelError
from regions.layers import Graph, GraphBuilder, Shape, Value
from regions.readers import steps
from regions.readers.torch_modules import recipe_for
from regions.readers.torch_ops import step_for


class Walk:
    """Runs a graph on shapes: tensors that depend on the input become layers."""

    def __init__(self, shape: Shape, num_steps: int) -> None:
        self.builder = GraphBuilder(shape)
        self.num_steps = num_steps
        self.position = 0
        self.names = _function_names()

    def fx(self, graph: Any, root: Any, stored: Mapping[str, Any]) -> Graph:
        """An fx graph; `stored` holds the placeholders that are weights."""
        known: dict[Any, Any] = {}
        given = False
        for self.position, node in enumerate(graph.nodes, start=1):
            args, kwargs = (map_arg(part, known.__getitem__) for part in (node.args, node.kwargs))
            match node.op:
                case "placeholder" if node.name in stored:
                    known[node] = stored[node.name]
                case "placeholder" if not given:
                    known[node], given = self.builder.input, True
                case "placeholder":
                    known[node] = node.args[0] if node.args else None
                case "get_attr":
                    known[node] = operator.attrgetter(node.target)(root)
                case "call_module":
                    known[node] = self.module(root.get_submodule(node.target), node.target, args)
                case "call_method":
                    name = node.target.rstrip("_")
                    run = getattr(torch.Tensor, node.target, None)
                    known[node] = self.call(name, node.name, run, args, kwargs)
                case "call_function":
                    name = self.function_name(node.target)
                    known[node] = self.call(name, node.name, node.target, args, kwargs)
                case "output":
                    return self.finish(args[0])
        raise ModelError("the model has no output")

    def script(self, graph: Any) -> Graph:
        """A frozen, inlined TorchScript graph."""
        known: dict[str, Any] = {}
        _, *inputs = graph.inputs()
        if len(inputs) != 1:
            raise ModelError(f"a network needs one input, this program has {len(inputs)}")
        known[inputs[0].debugName()] = self.builder.input
        for self.position, node in enumerate(graph.nodes(), start=1):
            args: list[Any] = [known.get(value.debugName()) for value in node.inputs()]
            kind = node.kind()
            names = [value.debugName() for value in node.outputs()]
            if kind == "prim::Constant":
                result = node.output().toIValue()
            elif kind in ("prim::ListConstruct", "prim::TupleConstruct"):
                result = args
            elif kind in ("prim::NumToTensor", "aten::Int", "aten::IntImplicit"):
                result = int(args[0])
            elif kind.startswith("aten::"):
                name = kind.removeprefix("aten::")
                run = getattr(torch.ops.aten, name, None)
                plain = name if name.startswith("__") else name.rstrip("_")
                plain = f"aten.{plain}" if step_for(f"aten.{plain}") else plain
                result = self.call(plain, names[0], run, args, {})
            elif not names:
                continue
            else:
                raise steps.unsupported(kind)
            for name in names:
                known[name] = result
        outputs = [known.get(value.debugName()) for value in graph.outputs()]
        return self.finish(outputs[0] if len(outputs) == 1 else outputs)

    def finish(self, output: Any) -> Graph:
        """The graph, once its output is known."""
        if isinstance(output, (tuple, list)) and len(output) == 1:
            output = output[0]
        if not isinstance(output, Value):
            raise ModelError("the model must return one tensor that depends on its input")
        return self.builder.finish(output)

    def module(self, module: Any, path: str, args: Sequence[Any]) -> Any:
        """A module of torch.nn."""
        try:
            recipe = recipe_for(module)
            if recipe is None:
                raise steps.unsupported(type(module).__name__)
        except ModelError as error:
            raise self.located(error, type(module).__name__, path) from error
        name, extra, kwargs = recipe
        return self.call(name, path, None, (*args, *extra), kwargs)

    def call(
        self, name: str, place: str, run: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        """One operation: a layer if it depends on the input, else its value."""
        if name == "getitem" and isinstance(args[0], (tuple, list)):
            return args[0][args[1]]
        if not _depends([*args, *kwargs.values()]) and callable(run):
            return run(*args, **kwargs)
        try:
            step = step_for(name)
            if step is None:
                raise steps.unsupported(name)
            constants = {key: _constants(value) for key, value in kwargs.items()}
            return step(self.builder, place, *(_constants(arg) for arg in args), **constants)
        except ModelError as error:
            raise self.located(error, name, place) from error
        except TypeError as error:
            problem = ModelError(f"unexpected arguments: {error}")
            raise self.located(problem, name, place) from error

    def located(self, error: ModelError, kind: str, place: str) -> ModelError:
        """The error, saying where."""
        return type(error)(f"{kind} {place!r} (step {self.position} of {self.num_steps}): {error}")

    def function_name(self, target: Any) -> str:
        """Our name for a function of torch, operator or ATen."""
        schema = getattr(target, "_schema", None)
        if schema is not None:
            name = schema.name.partition("::")[2].rstrip("_")
            return f"aten.{name}" if step_for(f"aten.{name}") else name
        return self.names.get(target) or getattr(target, "__name__", str(target)).rstrip("_")


def _function_names() -> dict[Any, str]:
    """Functions that are known under several objects, by what they are."""
    names: dict[Any, str] = {}
    for home in (torch.nn.functional, torch):
        for key in dir(home):
            if not key.startswith("_") and step_for(key.rstrip("_")) is not None:
                function = getattr(home, key)
                if callable(function):
                    names.setdefault(function, key.rstrip("_"))
    return names


def _depends(values: Any) -> bool:
    if isinstance(values, (tuple, list)):
        return any(_depends(value) for value in values)
    return isinstance(values, Value)


def _constants(value: Any) -> Any:
    """Tensors as arrays; the rest as it is."""
    if isinstance(value, torch.Tensor):
        return to_array(value)
    if isinstance(value, (tuple, list)):
        return [_constants(item) for item in value]
    return value


def to_array(tensor: torch.Tensor) -> np.ndarray:
    """The numbers of a stored tensor, exactly."""
    if tensor.is_complex() or tensor.is_quantized or tensor.is_sparse:
        raise ModelError("a weight is complex, quantized or sparse; weights must be plain numbers")
    plain = tensor.detach().to("cpu")
    return (plain.double() if plain.is_floating_point() else plain).numpy()
