"""ONNX files: every operator against onnxruntime, the public benchmark models, bad files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from regions.domain import Ball, Box
from regions.errors import ModelError, UnsupportedLayer
from regions.loading import load
from regions.network import Network

RNG = np.random.default_rng


def array(seed: int, *shape: int) -> np.ndarray:
    return RNG(seed).normal(size=shape).astype(np.float32)


def model(
    shape: list, nodes: list, opset: int = 17, kind: int = TensorProto.FLOAT, **weights: np.ndarray
) -> onnx.ModelProto:
    """A model from 'x' to 'y' with these nodes and weights."""
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", kind, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def node(kind: str, inputs: str, output: str = "y", **attributes) -> onnx.NodeProto:
    return helper.make_node(
        kind, inputs.split(" "), output.split(), name=f"the_{kind}", **attributes
    )


def read(tmp_path: Path, proto: onnx.ModelProto):
    path = tmp_path / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    return load(path)


IMAGE = [1, 2, 6, 5]
CHANNELS = dict(scale=array(1, 2), b=array(2, 2), mean=array(3, 2), var=array(4, 2) ** 2)
CASES = {
    "matmul": ([1, 3], [node("MatMul", "x w")], dict(w=array(0, 3, 4))),
    "matmul left": ([3], [node("MatMul", "w x")], dict(w=array(0, 4, 3))),
    "matmul column": ([3, 2], [node("MatMul", "w x")], dict(w=array(0, 4, 3))),
    "matmul vector": ([2, 3], [node("MatMul", "x w")], dict(w=array(0, 3))),
    "vector matmul": ([3, 2], [node("MatMul", "w x")], dict(w=array(0, 3))),
    "gemm": ([1, 3], [node("Gemm", "x w c", transB=1, alpha=0.3, beta=1.7)],
             dict(w=array(0, 4, 3), c=array(1, 4))),
    "gemm scalar": ([1, 3], [node("Gemm", "x w c")], dict(w=array(0, 3, 4), c=array(1, 1))),
    "gemm number": ([1, 3], [node("Gemm", "x w c", beta=0.7)],
                    dict(w=array(0, 3, 4), c=np.float32(2.5))),
    "gemm residual": ([1, 3], [node("Gemm", "x w x", beta=0.5)], dict(w=array(0, 3, 3))),
    "gemm transposed": ([3, 1], [node("Gemm", "x w", transA=1)], dict(w=array(0, 3, 4))),
    "add": ([1, 3], [node("Add", "w x")], dict(w=array(0, 2, 3))),
    "sub": ([1, 3], [node("Sub", "x w")], dict(w=array(0, 3))),
    "sub from": ([1, 3], [node("Sub", "w x")], dict(w=array(0, 3))),
    "mul": ([1, 3], [node("Mul", "w x")], dict(w=array(0, 1, 3))),
    "div": ([1, 3], [node("Div", "x w")], dict(w=array(0, 3))),
    "sum": ([1, 3], [node("Sum", "x w x")], dict(w=array(0, 3))),
    "neg": ([1, 3], [node("Neg", "x")], {}),
    "conv": (IMAGE, [node("Conv", "x w b", strides=[2, 1], pads=[1, 0, 2, 1], dilations=[1, 2])],
             dict(w=array(0, 3, 2, 3, 2), b=array(1, 3))),
    "conv groups": (IMAGE, [node("Conv", "x w", group=2)], dict(w=array(0, 4, 1, 2, 2))),
    "conv 1d": ([1, 2, 7], [node("Conv", "x w", strides=[2])], dict(w=array(0, 3, 2, 3))),
    "conv same upper": (IMAGE, [node("Conv", "x w", auto_pad="SAME_UPPER", strides=[2, 2])],
                        dict(w=array(0, 3, 2, 3, 4))),
    "conv same lower": (IMAGE, [node("Conv", "x w", auto_pad="SAME_LOWER", strides=[2, 2])],
                        dict(w=array(0, 3, 2, 3, 4))),
    "conv valid": (IMAGE, [node("Conv", "x w", auto_pad="VALID")], dict(w=array(0, 3, 2, 3, 4))),
    "batch norm": (
        IMAGE, [node("BatchNormalization", "x scale b mean var", epsilon=1e-3)], CHANNELS),
    "batch norm default": (IMAGE, [node("BatchNormalization", "x scale b mean var")], CHANNELS),
    "relu": ([1, 3], [node("Relu", "x")], {}),
    "leaky": ([1, 3], [node("LeakyRelu", "x")], {}),
    "leaky slope": ([1, 3], [node("LeakyRelu", "x", alpha=0.3)], {}),
    "prelu": (IMAGE, [node("PRelu", "x s")], dict(s=array(0, 2, 1, 1))),
    "abs": ([1, 3], [node("Abs", "x")], {}),
    "clip": ([1, 9], [node("Clip", "x lo hi")], dict(lo=np.float32(-0.3), hi=np.float32(0.2))),
    "clip above": ([1, 9], [node("Clip", "x  hi")], dict(hi=np.float32(0.2))),
    "clip infinite": ([1, 9], [node("Clip", "x lo hi")],
                      dict(lo=np.float32(-np.inf), hi=np.float32(0.2))),
    "max pool": (IMAGE, [node("MaxPool", "x", kernel_shape=[3, 2], strides=[2, 1],
                              pads=[1, 0, 1, 1])], {}),
    "max pool ceil": (IMAGE, [node("MaxPool", "x", kernel_shape=[2, 2], strides=[2, 2],
                                   ceil_mode=1)], {}),
    "max pool dilated": (IMAGE, [node("MaxPool", "x", kernel_shape=[2, 2], dilations=[2, 3])], {}),
    "global max pool": (IMAGE, [node("GlobalMaxPool", "x")], {}),
    "average pool": (IMAGE, [node("AveragePool", "x", kernel_shape=[3, 3], pads=[1, 1, 1, 1])], {}),
    "average pool padded": (IMAGE, [node("AveragePool", "x", kernel_shape=[3, 3], strides=[2, 2],
                                         pads=[1, 1, 1, 1], count_include_pad=1)], {}),
    "average pool same": (IMAGE, [node("AveragePool", "x", kernel_shape=[3, 2], strides=[2, 2],
                                       auto_pad="SAME_UPPER")], {}),
    "global average pool": (IMAGE, [node("GlobalAveragePool", "x")], {}),
    "reduce mean": (IMAGE, [node("ReduceMean", "x", axes=[2, -1], keepdims=0)], {}),
    "pad": (IMAGE, [node("Pad", "x p v")],
            dict(p=np.array([0, 0, 1, 2, 0, 0, -1, 1]), v=np.float32(0.5))),
    "flatten": (IMAGE, [node("Flatten", "x", axis=2)], {}),
    "flatten all": (IMAGE, [node("Flatten", "x", axis=-4)], {}),
    "reshape": (IMAGE, [node("Reshape", "x s")], dict(s=np.array([0, -1, 3]))),
    "transpose": (IMAGE, [node("Transpose", "x", perm=[0, 2, 3, 1])], {}),
    "transpose default": (IMAGE, [node("Transpose", "x")], {}),
    "squeeze": ([1, 3, 1], [node("Squeeze", "x a")], dict(a=np.array([-1]))),
    "squeeze all": ([1, 3, 1], [node("Squeeze", "x")], {}),
    "unsqueeze": ([1, 3], [node("Unsqueeze", "x a")], dict(a=np.array([0, -1]))),
    "concat": (IMAGE, [node("Relu", "x", "r"), node("Concat", "x r x", axis=1)], {}),
    "concat constant": (IMAGE, [node("Relu", "x", "r"), node("Concat", "c r d x", axis=-1)],
                        dict(c=array(0, 1, 2, 6, 1), d=array(1, 1, 2, 6, 3))),
    "identity": ([1, 3], [node("Identity", "x")], {}),
    "dropout": ([1, 3], [node("Dropout", "x", "y mask")], {}),
    "cast": ([1, 3], [node("Cast", "x", "d", to=11), node("Cast", "d", to=1)], {}),
    "residual": ([1, 3], [node("MatMul", "x w", "h"), node("Relu", "h", "r"),
                          node("Add", "r x", "s"), node("Sub", "s h")], dict(w=array(0, 3, 3))),
    "folded shape": (
        IMAGE,
        [node("Shape", "x", "s"), node("Gather", "s i", "n"), node("Unsqueeze", "n a", "n1"),
         node("Concat", "n1 m", "t", axis=0), node("Reshape", "x t")],
        dict(i=np.array(0), a=np.array([0]), m=np.array([-1])),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_operators_agree_with_onnxruntime(name, tmp_path):
    shape, nodes, weights = CASES[name]
    network = read(tmp_path, model(shape, nodes, **weights))
    assert network.origin is not None
    assert network.origin.points_checked >= 100
    assert network.origin.worst_relative_error < 1e-6


OLD = {
    "clip": (6, [node("Clip", "x", min=-0.5, max=0.25)], {}),
    "clip without bounds": (6, [node("Clip", "x")], {}),
    "squeeze": (9, [node("Unsqueeze", "x", "u", axes=[0]), node("Squeeze", "u", axes=[0])], {}),
    "pad": (9, [node("Pad", "x", pads=[0, 1, 0, 2], value=2.0)], {}),
    "dropout": (7, [node("Dropout", "x", ratio=0.4)], {}),
    "constant": (9, [node("Constant", "", "w", value=numpy_helper.from_array(array(0, 5))),
                     node("Mul", "x w")], {}),
}  # fmt: skip


@pytest.mark.parametrize("name", OLD)
def test_old_opsets(name, tmp_path):
    opset, nodes, weights = OLD[name]
    for n in nodes:
        if n.op_type == "Constant":
            del n.input[:]
    network = read(tmp_path, model([1, 5], nodes, opset, **weights))
    assert network.origin is not None and network.origin.worst_relative_error < 1e-6


def test_float64_weights_and_symbolic_batch(tmp_path):
    weight = RNG(0).normal(size=(3, 2))
    proto = model(["N", 3], [node("MatMul", "x w")], kind=TensorProto.DOUBLE, w=weight)
    network = read(tmp_path, proto)
    assert network.inputs == 3
    assert network.digest == Network.from_layers([(weight.T, [0, 0])]).digest


BENCHMARKS = {
    "resnet_2b": (3072, (2048, 1024, 1024, 1024, 1024, 100), 10, 0),
    "cifar10_small": (3072, (1800, 576, 128, 64), 10, 0),
    "Convnet_maxpool": (784, (23328, 9216, 4608, 2304, 1152), 10, 17280),
    "Convnet_avgpool": (784, (23328,), 10, 0),
    "mnist-net_256x2": (784, (256, 256), 10, 0),
    "acasxu_1_1": (5, (50,) * 6, 5, 0),
    "acasxu_3_3": (5, (50,) * 6, 5, 0),
    "test_nano": (1, (1,), 1, 0),
    "test_tiny": (1, (1,), 1, 0),
    "test_small": (1, (2, 2), 1, 0),
}


@pytest.mark.parametrize("name", BENCHMARKS)
def test_benchmark_models_agree_with_onnxruntime(name, shared):
    network = load(shared / "models" / f"{name}.onnx")
    found = (network.inputs, network.widths, network.outputs, network.rewritten)
    assert found == BENCHMARKS[name]
    assert network.origin is not None
    assert network.origin.points_checked >= 100
    assert network.origin.worst_relative_error < 1e-5
    for layer in network.layers:
        for _, block in layer.weights:
            assert block.is_double


def test_reference_evaluator_agrees_where_onnxruntime_is_absent(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    shape, nodes, weights = CASES["residual"]
    network = read(tmp_path, model(shape, nodes, **weights))
    assert network.origin is not None and network.origin.worst_relative_error < 1e-6


REFUSED = {
    "Sigmoid": ([1, 3], [node("Sigmoid", "x")], {}, "not piecewise linear"),
    "Softmax": ([1, 3], [node("Softmax", "x")], {}, "logits"),
    "LayerNormalization": ([1, 3], [node("LayerNormalization", "x s")], dict(s=array(0, 3)),
                           "not piecewise linear"),
    "Mul": ([1, 3], [node("Mul", "x x")], {}, "both depend on the input"),
    "MatMul": ([3, 3], [node("MatMul", "x x")], {}, "both depend on the input"),
    "Div": ([1, 3], [node("Div", "w x")], dict(w=array(0, 3)), "depends on the input"),
    "Pad": ([1, 3], [node("Pad", "x p", mode="reflect")], dict(p=np.array([0, 1, 0, 1])), "mode"),
    "TopK": ([1, 3], [node("TopK", "x k", "y i")], dict(k=np.array([1])), "not among the layers"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_unsupported_operators_say_which_where_and_what_to_do(kind, tmp_path):
    shape, nodes, weights, message = REFUSED[kind]
    identity = node("Identity", "x", "first")
    with pytest.raises(UnsupportedLayer, match=message) as caught:
        read(tmp_path, model(shape, [identity, *nodes], **weights))
    assert f"{kind} 'the_{kind}' (node 2 of 2)" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_second_outputs_cannot_be_read(tmp_path):
    nodes = [node("Dropout", "x", "d mask"), node("Cast", "mask", to=1)]
    with pytest.raises(ModelError, match="'mask', which no earlier node writes"):
        read(tmp_path, model([1, 3], nodes))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(bad, tmp_path):
    weight = array(0, 3, 2)
    weight[1, 1] = bad
    with pytest.raises(ModelError, match=r"'w' holds NaN or infinite values; every weight must"):
        read(tmp_path, model([1, 3], [node("MatMul", "x w")], w=weight))


def test_one_infinite_weight_is_refused_too(tmp_path):
    proto = model([1, 1], [node("MatMul", "x w")], w=np.full((1, 1), np.inf, np.float32))
    with pytest.raises(ModelError, match="NaN or infinite"):
        read(tmp_path, proto)


@pytest.mark.parametrize(
    ("shape", "weight", "message"),
    [
        ([1, 3], (4, 2), "does not fit input"),
        ([1, "width"], (3, 2), "symbolic dimension 'width' at axis 1"),
        ([1, None], (3, 2), "symbolic dimension '.' at axis 1"),
    ],
)
def test_shapes_that_do_not_fit(shape, weight, message, tmp_path):
    with pytest.raises(ModelError, match=message):
        read(tmp_path, model(shape, [node("MatMul", "x w")], w=array(0, *weight)))


def test_integer_input_is_refused(tmp_path):
    proto = model([1, 3], [node("Identity", "x")], kind=TensorProto.INT64)
    with pytest.raises(ModelError, match="must be a tensor of float32, float64 or float16"):
        read(tmp_path, proto)


def test_two_inputs_are_refused(tmp_path):
    proto = model([1, 3], [node("Add", "x z")])
    proto.graph.input.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, [1, 3]))
    with pytest.raises(ModelError, match=r"2 input\(s\) and 1 output\(s\)"):
        read(tmp_path, proto)


def test_weights_in_another_file_are_refused(tmp_path):
    proto = model([1, 3], [node("MatMul", "x w")], w=array(0, 3, 2))
    secret = tmp_path / "weights.bin"
    onnx.save(proto, tmp_path / "model.onnx", save_as_external_data=True, size_threshold=0,
              location=secret.name)  # fmt: skip
    with pytest.raises(ModelError, match="'w' is stored in another file"):
        load(tmp_path / "model.onnx")


def test_truncated_and_garbled_files_are_model_errors(tmp_path):
    proto = model([1, 3], [node("MatMul", "x w", "h"), node("Relu", "h")], w=array(0, 3, 4))
    data = proto.SerializeToString()
    path = tmp_path / "model.onnx"
    rng = RNG(0)
    refused = 0
    for attempt in range(120):
        if attempt < 60:
            damaged = data[: attempt * len(data) // 60]
        else:
            noisy = bytearray(data)
            for place in rng.integers(0, len(data), 3):
                noisy[place] = rng.integers(256)
            damaged = bytes(noisy)
        path.write_bytes(damaged)
        try:
            load(path)
        except ModelError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused >= 60


def test_text_is_not_an_onnx_model(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_text("this is not a model\n")
    with pytest.raises(ModelError, match=r"model\.onnx is not an ONNX model"):
        load(path)


@pytest.mark.parametrize(
    ("shape", "weight", "message"),
    [
        ([1, 2], np.full((2, 2), np.nan), r"^model\.onnx: weight 'w' holds NaN"),
        ([1, "width"], np.ones((2, 2)), r"^model\.onnx: input 'x' has the symbolic dimension"),
    ],
)
def test_errors_outside_the_nodes_name_the_file(shape, weight, message, tmp_path):
    bad = model(shape, [node("MatMul", "x w")], w=weight.astype(np.float32))
    with pytest.raises(ModelError, match=message):
        read(tmp_path, bad)


def test_a_float32_model_loads_in_a_box_beyond_float32(tmp_path):
    path = tmp_path / "model.onnx"
    nodes = [node("MatMul", "x w", "h"), node("Relu", "h")]
    path.write_bytes(model([1, 2], nodes, w=array(0, 2, 3)).SerializeToString())
    origin = load(path, domain=Box.cube(2, "-1e39", "1e39")).origin
    assert origin is not None and origin.points_checked == 100
    assert origin.checked_where.endswith("coordinates cut to ±1.8e+19")
    flat = load(path, domain=Ball([1, 1], "1e-9")).origin
    assert flat is not None and flat.points_checked == 100
    assert flat.checked_where.startswith("1 in the domain ball:[1,1],")
    assert flat.checked_where.endswith("(it has no more in float32) and 99 around it")
