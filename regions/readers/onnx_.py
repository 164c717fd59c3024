"""ONNX files to layers, and the file run by onnxruntime (or onnx's reference evaluator)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import numpy_helper

from regions.errors import ModelError, UnsupportedLayer, first_line
from regions.layers import GraphBuilder, Shape, Value
from regions.readers import steps
from regions.readers.onnx_constants import fold_constants
from regions.readers.onnx_ops import Call, step_for
from regions.readers.steps import Operand
from regions.source import Source

_FLOATS: Mapping[int, Any] = {
    onnx.TensorProto.FLOAT: np.float32,
    onnx.TensorProto.DOUBLE: np.float64,
    onnx.TensorProto.FLOAT16: np.float16,
}
_STANDARD = ("", "ai.onnx")
_Run = Callable[[np.ndarray], np.ndarray]


def read(path: str | Path) -> Source:
    """The layers of an ONNX file.

    A symbolic leading dimension is read as 1.

    Raises
    ------
    UnsupportedLayer
        For an operator that cannot be expressed; the message says where it stands.
    ModelError
        If the file is missing, damaged, has several inputs or outputs, other symbolic dimensions,
        weights in a second file, or weights that are not finite.
    """
    file = Path(path)
    model = _load(file)
    graph = model.graph
    if not graph.node or not graph.output:
        raise ModelError(f"{file.name} is not an ONNX model: it has no nodes or no output")
    stored = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in stored]
    if len(inputs) != 1 or len(graph.output) != 1:
        names = ", ".join(value.name for value in (*inputs, *graph.output))
        raise ModelError(
            f"{file.name} has {len(inputs)} input(s) and {len(graph.output)} output(s) ({names}); "
            "a network needs one of each: export the part that matters"
        )
    try:
        shape, kind = _input_shape(inputs[0])
        builder = GraphBuilder(shape)
        known: dict[str, Operand] = {t.name: _array(t, t.name) for t in graph.initializer}
    except ModelError as error:
        raise type(error)(f"{file.name}: {error}") from error
    known[inputs[0].name] = builder.input
    opset = max((o.version for o in model.opset_import if o.domain in _STANDARD), default=1)
    for position, node in enumerate(graph.node, start=1):
        if not node.output:
            continue
        name = node.name or node.output[0]
        place = f"{file.name}: {node.op_type} {name!r} (node {position} of {len(graph.node)})"
        try:
            known[node.output[0]] = _read_node(node, name, known, builder, opset)
        except ModelError as error:
            raise type(error)(" ".join(f"{place}: {error}".split())) from error
        except (ValueError, TypeError, IndexError, KeyError, OverflowError) as error:
            raise ModelError(" ".join(f"{place} is malformed: {error}".split())) from error
    output = known.get(graph.output[0].name)
    if not isinstance(output, Value):
        raise ModelError(f"{file.name}: the output does not depend on the input")
    evaluate = _evaluator(model, inputs[0].name, shape, kind)
    return Source(builder.finish(output), evaluate, "ONNX", dtype=_FLOATS[kind])


def _load(file: Path) -> onnx.ModelProto:
    try:
        model = onnx.load_model_from_string(file.read_bytes())
    except OSError as error:
        raise ModelError(f"cannot read {file}: {error.strerror or error}") from error
    except (DecodeError, ValueError) as error:
        raise ModelError(
            f"{file.name} is not an ONNX model, or is truncated: {first_line(error)}"
        ) from error
    if model.graph.sparse_initializer:
        raise ModelError(f"{file.name} has sparse initializers; save it with dense ones")
    return model


def _input_shape(value: onnx.ValueInfoProto) -> tuple[Shape, int]:
    kind = value.type.tensor_type
    if kind.elem_type not in _FLOATS:
        raise ModelError(
            f"input {value.name!r} must be a tensor of float32, float64 or float16, got element "
            f"type {kind.elem_type}"
        )
    if not kind.HasField("shape"):
        raise ModelError(f"input {value.name!r} has no shape; save the model with a fixed one")
    sizes = []
    for axis, size in enumerate(kind.shape.dim):
        if size.HasField("dim_value") and size.dim_value > 0:
            sizes.append(size.dim_value)
        elif axis == 0:
            sizes.append(1)
        else:
            raise ModelError(
                f"input {value.name!r} has the symbolic dimension {size.dim_param or '?'!r} at "
                f"axis {axis}; only the leading one may be symbolic: export the model with a fixed "
                "shape (onnx.tools.update_model_dims)"
            )
    return tuple(sizes), kind.elem_type


def _array(tensor: onnx.TensorProto, what: str) -> np.ndarray:
    if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
        raise ModelError(
            f"weight {what!r} is stored in another file; save the model in one file "
            "(onnx.save with save_as_external_data=False)"
        )
    try:
        array = numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError) as error:
        raise ModelError(f"weight {what!r} is damaged: {first_line(error)}") from error
    if array.dtype.name == "bfloat16":
        array = array.astype(np.float32)
    # one infinite number is legal as the bound of a clip; elsewhere the layer refuses it
    legal = array.dtype.kind != "f" or (array.size == 1 and not np.isnan(array).any())
    if not legal and not np.isfinite(array).all():
        raise ModelError(
            f"weight {what!r} holds NaN or infinite values; every weight must be finite: repair "
            "or retrain the model"
        )
    return array


def _read_node(
    node: onnx.NodeProto,
    name: str,
    known: Mapping[str, Operand],
    builder: GraphBuilder,
    opset: int,
) -> Operand:
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    if node.domain not in _STANDARD:
        raise steps.unsupported(f"{node.domain}.{node.op_type}")
    if node.op_type == "Constant":
        return _constant(attributes)
    missing = [text for text in node.input if text and text not in known]
    if missing:
        raise ModelError(f"reads {missing[0]!r}, which no earlier node writes as its first output")
    inputs = [known[text] if text else None for text in node.input]
    if node.op_type == "Shape" and isinstance(inputs[0], Value):
        window = slice(attributes.get("start"), attributes.get("end"))
        return np.array(inputs[0].shape, dtype=np.int64)[window]
    constants = [x for x in inputs if isinstance(x, np.ndarray)]
    if len(constants) == len(inputs):
        folded = fold_constants(node.op_type, constants, attributes)
        if folded is None:
            raise UnsupportedLayer(
                "it computes with constants alone; fold them before saving (onnxsim)"
            )
        return folded
    step = step_for(node.op_type)
    if step is None:
        raise steps.unsupported(node.op_type)
    return step(Call(node.op_type, name, inputs, attributes, opset, builder))


def _constant(attributes: Mapping[str, Any]) -> np.ndarray:
    for key, kind in (
        ("value_float", np.float32),
        ("value_floats", np.float32),
        ("value_int", np.int64),
        ("value_ints", np.int64),
    ):
        if key in attributes:
            return np.asarray(attributes[key], dtype=kind)
    if "value" not in attributes:
        raise UnsupportedLayer("a Constant that is neither a dense tensor nor numbers")
    return _array(attributes["value"], "value")


def _evaluator(
    model: onnx.ModelProto, name: str, shape: Shape, kind: int
) -> Callable[[np.ndarray], np.ndarray]:
    def evaluate(points: np.ndarray) -> np.ndarray:
        run = _runtime(model, name) or _reference(model, name)
        rows = [run(point.astype(_FLOATS[kind]).reshape(shape)).reshape(-1) for point in points]
        return np.array(rows, dtype=np.float64).reshape(len(points), -1)

    return evaluate


def _runtime(model: onnx.ModelProto, name: str) -> _Run | None:
    """The model in onnxruntime; None where that is not installed or does not take the model."""
    try:
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as native  # type: ignore
    except ImportError:
        return None
    names = ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NotImplemented")
    failures = (
        RuntimeError,
        ValueError,
        *(getattr(native, n) for n in (*names, "RuntimeException")),
    )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    try:
        # it prints a banner where it fails; standard output belongs to the caller
        with redirect_stdout(StringIO()):
            session = onnxruntime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
    except failures:
        return None

    def run(x: np.ndarray) -> np.ndarray:
        try:
            return np.asarray(session.run(None, {name: x})[0])
        except failures as error:
            raise ModelError(f"onnxruntime cannot run the model: {first_line(error)}") from error

    return run


def _reference(model: onnx.ModelProto, name: str) -> _Run:
    from onnx.reference import ReferenceEvaluator

    failures = (RuntimeError, ValueError, TypeError, KeyError, IndexError, AttributeError)
    try:
        evaluator = ReferenceEvaluator(model)
    except failures as error:
        raise ModelError(f"onnx cannot run the model: {first_line(error)}") from error

    def run(x: np.ndarray) -> np.ndarray:
        try:
            return np.asarray(next(iter(evaluator.run(None, {name: x}))))
        except failures as error:
            raise ModelError(
                f"onnx's reference evaluator cannot run the model: {first_line(error)}; "
                "install relu-regions[onnxruntime], which runs more models"
            ) from error

    return run
