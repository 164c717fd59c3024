"""Live PyTorch models to layers: modules, exported programs and ScriptModules."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.fx import symbolic_trace
from torch.fx.proxy import TraceError

from regions.errors import ModelError, first_line
from regions.layers import Shape
from regions.readers.quiet import silenced
from regions.readers.torch_modules import recipe_for
from regions.readers.torch_walk import Walk
from regions.source import Source

_SIZES = {3: 2048, 4: 256, 5: 48}  # longest side tried, by rank of the input


def read_module(model: Any, *, input_shape: Sequence[int] | None = None) -> Source:
    """The layers of a live module (in eval mode, on a copy), exported program or ScriptModule.

    Parameters
    ----------
    input_shape
        Of one input without the batch axis; worked out from the layers where they tell.
    """
    if isinstance(model, torch.export.ExportedProgram):
        return read_exported(model)
    if isinstance(model, torch.jit.ScriptModule):
        return read_script(copy.deepcopy(model), input_shape)
    if not isinstance(model, nn.Module):
        raise ModelError(f"load() takes a torch.nn.Module, got {type(model).__name__}")
    form = "PyTorch module" + (" (was in train mode, read in eval mode)" if model.training else "")
    try:
        module = copy.deepcopy(model).to("cpu").eval()
        precise = copy.deepcopy(module).double()
    except RuntimeError as error:
        raise ModelError(f"the module cannot be copied: {first_line(error)}") from error
    shape = _full_shape(precise, input_shape)
    dtype = torch.float64
    try:
        with torch.no_grad():
            precise(torch.zeros(shape, dtype=dtype))
        module = precise
    except (
        RuntimeError,
        ValueError,
        TypeError,
    ):  # its code may insist on float32; the numbers are the same
        dtype = next((p.dtype for p in module.parameters()), torch.float32)
    try:
        # a leaf module becomes a graph of one step
        root = nn.Sequential(module) if recipe_for(module) else module
        graph = symbolic_trace(root).graph
    except (TraceError, TypeError, ValueError, RuntimeError, AttributeError):
        return read_exported(_export(module, shape, dtype), form)
    walk = Walk(shape, len(graph.nodes))
    evaluate = _evaluator(module, shape, dtype)
    return Source(walk.fx(graph, root, {}), evaluate, form, dtype=numpy_type(dtype))


def _export(module: nn.Module, shape: Shape, dtype: torch.dtype) -> Any:
    """torch.export, for modules whose Python control flow symbolic tracing cannot follow."""
    try:
        example = torch.zeros(shape, dtype=dtype)
        with silenced():  # it prints the graph so far
            return torch.export.export(module, (example,), strict=False)
    except (RuntimeError, TypeError, ValueError, AttributeError, AssertionError) as error:
        raise ModelError(
            f"the module's forward cannot be traced ({first_line(error)}); make it free of "
            "control flow that depends on values, or export it to ONNX"
        ) from error


def _full_shape(module: nn.Module, input_shape: Sequence[int] | None) -> Shape:
    if input_shape is not None:
        return (1, *(int(size) for size in input_shape))
    leaf = next((m for m in module.modules() if _says_shape(m)), None)
    if leaf is None:
        raise ModelError(
            "the shape of the model's input cannot be told from its layers; "
            + _pass_shape((3, 32, 32))
        )
    if isinstance(leaf, nn.Unflatten):
        return (1, int(np.prod([int(size) for size in leaf.unflattened_size])))
    first: Any = leaf
    weight = getattr(first, "weight", None)
    if isinstance(leaf, nn.Linear):
        return (1, leaf.in_features)
    if isinstance(leaf, nn.BatchNorm1d):
        return (1, leaf.num_features)
    channels = first.in_channels if hasattr(first, "in_channels") else first.num_features
    rank = 4 if weight is None or weight.ndim == 1 else weight.ndim
    return _only_size(module, channels, rank)


def _says_shape(module: nn.Module) -> bool:
    kinds = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.BatchNorm1d, nn.BatchNorm2d)
    return isinstance(module, (*kinds, nn.Unflatten))


def _only_size(module: nn.Module, channels: int, rank: int) -> Shape:
    """The one cube-shaped input that the module accepts."""
    found: list[Shape] = []
    dtype = next((p.dtype for p in module.parameters()), torch.float32)
    for side in range(1, _SIZES[rank] + 1):
        shape = (1, channels, *(side,) * (rank - 2))
        try:
            with torch.no_grad():
                module(torch.zeros(shape, dtype=dtype))
        except (RuntimeError, ValueError):
            continue
        found.append(shape)
        if len(found) > 1:
            break
    if len(found) == 1:
        return found[0]
    seen = (
        "no square input"
        if not found
        else "more than one, " + " and ".join("x".join(map(str, shape[1:])) for shape in found)
    )
    example = (channels, *(32,) * (rank - 2))
    raise ModelError(
        f"the model starts with {channels} channels, but the rest of its input's shape cannot be "
        f"told ({seen} fits); {_pass_shape(example)}, or put nn.Unflatten first"
    )


def _pass_shape(example: Shape) -> str:
    """How to say the shape, on the command line and in Python."""
    sizes = ",".join(map(str, example))
    return f"pass it without the batch axis, e.g. --input-shape {sizes} (input_shape={example})"


def _evaluator(
    module: Callable[..., Any], shape: Shape, dtype: torch.dtype = torch.float64
) -> Callable[[np.ndarray], np.ndarray]:
    def run(points: np.ndarray) -> np.ndarray:
        x = torch.tensor(points, dtype=dtype).reshape(len(points) * shape[0], *shape[1:])
        try:
            with torch.no_grad():
                return module(x).double().reshape(len(points), -1).numpy()
        except (RuntimeError, ValueError, TypeError, AssertionError) as error:
            problem = f"the model does not run on an input of shape {tuple(x.shape)}: "
            raise ModelError(problem + first_line(error)) from error

    def evaluate(points: np.ndarray) -> np.ndarray:
        try:
            together, ends = run(points), run(points[-1:])
        except ModelError:
            together, ends = np.zeros((1, 1)), np.ones((1, 1))
        if together.shape[1:] == ends.shape[1:] and np.allclose(together[-1:], ends, 1e-5):
            return together
        # the model may be written for a batch of one
        return np.concatenate([run(point[None]) for point in points])

    return evaluate


def read_exported(program: Any, form: str = "PyTorch exported program") -> Source:
    """The layers of a `torch.export.ExportedProgram`; a symbolic leading dimension is 1."""
    signature = program.graph_signature
    stored: dict[str, Any] = {}
    for table in (signature.inputs_to_parameters, signature.inputs_to_buffers):
        stored.update({name: program.state_dict.get(key) for name, key in table.items()})
        for name, key in table.items():
            if stored[name] is None:
                stored[name] = program.constants[key]
    for name, key in signature.inputs_to_lifted_tensor_constants.items():
        stored[name] = program.constants[key]
    if len(signature.user_inputs) != 1 or len(signature.user_outputs) != 1:
        raise ModelError("a network needs one input and one output")
    (entry,) = [n for n in program.graph.nodes if n.name == signature.user_inputs[0]]
    example = entry.meta["val"]
    sizes: list[int] = []
    for axis, size in enumerate(example.shape):
        if not isinstance(size, int) and axis > 0:
            raise ModelError(
                f"the input has the symbolic dimension {size} at axis {axis}; only the leading one "
                "may be symbolic: export the model with a fixed shape"
            )
        sizes.append(size if isinstance(size, int) else 1)
    shape = tuple(sizes)
    walk = Walk(shape, len(program.graph.nodes))
    graph = walk.fx(program.graph, program.graph_module, stored)
    evaluate = _evaluator(program.module(), shape, example.dtype)
    return Source(graph, evaluate, form, dtype=numpy_type(example.dtype))


def read_script(module: Any, input_shape: Sequence[int] | None) -> Source:
    """The layers of a ScriptModule of one's own, which is switched to eval mode."""
    module.eval()
    tensors = list(module.parameters())
    dtype = tensors[0].dtype if tensors else torch.float32
    weight = next((p for p in tensors if p.ndim > 1), None)
    if input_shape is not None:
        shape: Shape = (1, *(int(size) for size in input_shape))
    elif weight is not None and weight.ndim == 2:
        shape = (1, int(weight.shape[1]))
    elif weight is not None and weight.ndim in _SIZES:
        shape = _only_size(module, int(weight.shape[1]), weight.ndim)
    else:
        raise ModelError(f"the shape of the input cannot be told; {_pass_shape((3, 32, 32))}")
    try:
        graph = torch.jit.freeze(module, optimize_numerics=False).inlined_graph
    except RuntimeError as error:
        raise ModelError(f"TorchScript cannot freeze it: {first_line(error)}") from error
    walk = Walk(shape, len(list(graph.nodes())))
    evaluate = _evaluator(module, shape, dtype)
    return Source(walk.script(graph), evaluate, "TorchScript", dtype=numpy_type(dtype))


def numpy_type(dtype: torch.dtype) -> Any:
    """The float type of numpy for the points that a model of this type is asked at."""
    if dtype == torch.float64:
        return np.float64
    return np.float16 if dtype in (torch.float16, torch.bfloat16) else np.float32
