"""PyTorch: every module against itself in float64, files that may not be trusted, live modules."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
nn, F = torch.nn, torch.nn.functional

from regions.errors import ModelError, UnsupportedLayer, first_line  # noqa: E402
from regions.loading import load  # noqa: E402
from regions.readers.torch_modules import SAFE_MODULES  # noqa: E402


def randomised(module):
    """Random weights and statistics, so that nothing is one or zero by default."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for tensor in (*module.parameters(), *module.buffers()):
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=generator) - 0.4)
        for name, tensor in module.named_buffers():
            if name.endswith("running_var"):
                tensor.copy_(tensor.abs() + 0.1)
    return module.eval()


IMAGE, SIGNAL, FLAT = (2, 6, 5), (2, 7), (6,)
MODULES = {
    "linear": (nn.Linear(6, 3), FLAT),
    "linear without bias": (nn.Linear(6, 3, bias=False), FLAT),
    "linear on the last axis": (nn.Linear(7, 3), SIGNAL),
    "conv1d": (nn.Conv1d(2, 3, 3, 2, 1), SIGNAL),
    "conv2d": (nn.Conv2d(2, 4, (3, 2), (2, 1), (1, 2), (1, 2)), IMAGE),
    "conv2d groups": (nn.Conv2d(2, 4, 2, groups=2, bias=False), IMAGE),
    "conv2d same": (nn.Conv2d(2, 3, (2, 4), padding="same"), IMAGE),
    "conv2d valid": (nn.Conv2d(2, 3, (2, 4), padding="valid"), IMAGE),
    "batch norm 1d": (nn.BatchNorm1d(6), FLAT),
    "batch norm 1d on signals": (nn.BatchNorm1d(2, affine=False), SIGNAL),
    "batch norm 2d": (nn.BatchNorm2d(2, eps=0.01), IMAGE),
    "relu": (nn.ReLU(), FLAT),
    "leaky relu": (nn.LeakyReLU(0.2), FLAT),
    "prelu": (nn.PReLU(), FLAT),
    "prelu channels": (nn.PReLU(2), IMAGE),
    "relu6": (nn.Sequential(nn.Linear(6, 6), nn.ReLU6()), FLAT),
    "hardtanh": (nn.Hardtanh(-0.2, 0.4), FLAT),
    "max pool": (nn.MaxPool2d(3, 2, 1), IMAGE),
    "max pool ceil": (nn.MaxPool2d((2, 3), 2, ceil_mode=True), IMAGE),
    "max pool dilated": (nn.MaxPool2d(2, 1, dilation=(2, 1)), IMAGE),
    "max pool 1d": (nn.MaxPool1d(3), SIGNAL),
    "average pool": (nn.AvgPool2d(3, 2, 1), IMAGE),
    "average pool inside": (nn.AvgPool2d(3, 2, 1, count_include_pad=False), IMAGE),
    "average pool ceil": (nn.AvgPool2d((3, 2), 2, (1, 0), ceil_mode=True), IMAGE),
    "average pool divisor": (nn.AvgPool2d(2, divisor_override=3), IMAGE),
    "adaptive average pool": (nn.AdaptiveAvgPool2d(1), IMAGE),
    "adaptive average pool to sizes": (nn.AdaptiveAvgPool2d((3, None)), IMAGE),
    "flatten": (nn.Flatten(), IMAGE),
    "flatten some": (nn.Flatten(2, 3), IMAGE),
    "unflatten": (nn.Unflatten(1, (2, 3)), FLAT),
    "dropout": (nn.Sequential(nn.Dropout(0.5), nn.Dropout2d()), IMAGE),
    "zero pad": (nn.ZeroPad2d((1, 2, 0, -1)), IMAGE),
    "constant pad": (nn.ConstantPad2d((1, 0, 2, 1), 0.5), IMAGE),
    "identity": (nn.Identity(), FLAT),
}


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("name", MODULES)
def test_modules_agree_with_torch_in_float64(name):
    module, shape = MODULES[name]
    network = load(randomised(module), input_shape=shape)
    assert network.inputs == int(np.prod(shape))
    assert network.origin is not None
    assert network.origin.points_checked >= 100
    assert network.origin.worst_relative_error < 1e-13


class Everything(nn.Module):
    """Functions, methods and operators instead of modules."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(6, 6), nn.Linear(12, 4)
        self.factor = nn.Parameter(torch.tensor([1.0, -2.0, 0.5, 3.0, -1.0, 0.25]))
        self.register_buffer("mean", torch.linspace(-1, 1, 6))

    def forward(self, x):
        x = (x - self.mean) / 3 + 0.5 * self.factor
        y = F.relu(self.first(x))
        y += x * self.factor
        z = torch.cat([-y, 1 - F.leaky_relu(y, 0.1)], dim=1)
        z = z.view(x.size(0), 3, -1).permute(0, 2, 1).unsqueeze(1)
        z = F.max_pool2d(z, 2, stride=1).squeeze(1).abs().transpose(1, 2)
        z = F.pad(z, (1, 0, 0, 1)).flatten(1).clamp(min=-0.5, max=1.0)
        z = F.linear(z, self.second.weight, self.second.bias)
        z = torch.clamp(z, max=2.0).reshape(x.shape[0], 2, 2).mean(dim=2, keepdim=True)
        return F.dropout(z, 0.3, self.training).contiguous() @ torch.ones(1, 3)


def test_functions_methods_and_operators():
    network = load(randomised(Everything()))
    assert network.inputs == 6
    # its forward makes a float32 constant, so the model runs in float32
    assert network.origin is not None and network.origin.worst_relative_error < 1e-6
    assert {layer.kind for layer in network.layers} == {
        "relu", "leaky_relu", "max_pool", "abs", "clip"
    }  # fmt: skip


class After(nn.Module):
    """A linear layer, and a function of what comes out of it."""

    def __init__(self, function):
        super().__init__()
        self.layer, self.function = nn.Linear(3, 3), function

    def forward(self, x):
        return self.function(self.layer(x))


@pytest.mark.parametrize(
    "forward",
    [
        lambda y: torch.relu(2 * y - 1),
        lambda y: torch.relu(1 - y),
        lambda y: torch.relu(-y - 3),
        lambda y: torch.relu(torch.add(y, 0.5, alpha=0.3)),
        lambda y: torch.relu(torch.sub(y, 2, alpha=3)),
    ],
)
def test_numbers_without_axes(forward):
    network = load(randomised(After(forward)))
    assert network.origin is not None and network.origin.worst_relative_error < 1e-13


def test_integer_weights_are_read_exactly():
    module = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.arange(parameter.numel()).reshape(parameter.shape) - 2.0)
    network = load(module)
    # z = (-2a - b - 2, b - 1, 2a + 3b), f = -2 r1 - r2 - 2
    assert network(["1/3", "3/2"]) == (-2 * 0 - 1 * (0.5) + 0 * 3 - 2,)
    assert network.preactivations(["1/3", "3/2"])[0][0] * 6 == -4 - 9 - 12


class Loops(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x):
        for _ in range(x.shape[1] // 2):
            x = torch.relu(self.layer(x))
        if len(x) > 5:
            x = x * 0
        return x


def test_python_control_flow_on_shapes_is_traced_by_export():
    assert load(randomised(Loops())).widths == (4, 4)


def test_train_mode_is_left_alone_and_said():
    module = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2), nn.Dropout(0.9)).train()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    network = load(module)
    assert module.training and network.origin is not None
    assert network.origin.format == "PyTorch module (was in train mode, read in eval mode)"
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())
    assert module[1].weight.dtype == torch.float32


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (nn.Tanh(), "Tanh '1' .*not piecewise linear"),
        (nn.Softmax(1), "Softmax '1' .*logits"),
        (nn.LayerNorm(4), "LayerNorm '1' .*not piecewise linear"),
        (nn.Bilinear(4, 4, 2), "Bilinear '1' .*not among the layers"),
        (nn.BatchNorm1d(4, track_running_stats=False), "statistics of the batch"),
    ],
)
def test_unsupported_modules_say_which_and_where(layer, message):
    with pytest.raises(ModelError, match=message):
        load(nn.Sequential(nn.Linear(3, 4), layer))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: x * x, "both depend on the input"),
        (lambda x: x @ x.t(), "both depend on the input"),
        (lambda x: 1 / x, "depends on the input"),
        (lambda x: F.dropout(x), "dropout is random"),
        (lambda x: torch.sigmoid(x), "sigmoid .*not piecewise linear"),
        (lambda x: x[:, 0], "getitem"),
        (lambda x: (x, x), "must return one tensor"),
    ],
)
def test_unsupported_functions_say_which_and_where(function, message):
    with pytest.raises(ModelError, match=message):
        load(After(function))


def test_a_model_that_changes_between_calls_is_refused():
    calls = []

    def function(x):
        calls.append(1)
        return x * float(len(calls))

    with pytest.raises(ModelError, match="differs from the PyTorch module"):
        load(After(function))


def test_convolutions_need_a_shape_that_is_unique():
    unique = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(18, 2))
    assert load(unique).inputs == 25
    pooled = nn.Sequential(nn.Conv2d(3, 2, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(18, 2))
    with pytest.raises(ModelError, match=r"3x8x8 and 3x9x9 fits\); .* --input-shape 3,32,32 "):
        load(pooled)
    assert load(pooled, input_shape=(3, 9, 9)).inputs == 243
    with pytest.raises(ModelError, match="no square input fits"):
        load(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(17, 2)))
    with pytest.raises(ModelError, match=r"cannot be told .* --input-shape 3,32,32 \(input_shape="):
        load(nn.ReLU())


# -- files -----------------------------------------------------------------------------------


def small():
    return randomised(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)))


def image_model():
    return randomised(
        nn.Sequential(
            nn.Unflatten(1, (1, 8, 8)), nn.ZeroPad2d(1), nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2),
            nn.LeakyReLU(), nn.MaxPool2d(2), nn.AvgPool2d(2), nn.PReLU(), nn.Hardtanh(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(), nn.Identity(), nn.Linear(2, 3),
            nn.ReLU6(),
        )
    )  # fmt: skip


@pytest.mark.parametrize("suffix", [".pt", ".pth"])
def test_a_pickled_module_of_listed_classes(suffix, tmp_path):
    path = tmp_path / f"model{suffix}"
    torch.save(image_model(), path)
    network = load(path)
    assert network.inputs == 64
    assert network.digest == load(image_model()).digest
    assert network.origin is not None
    assert (network.origin.file, network.origin.activation) == (str(path), "ReLU")


def test_a_state_dict_is_a_stack_with_relu_assumed_and_said(tmp_path):
    path = tmp_path / "model.pt"
    torch.save(small().state_dict(), path)
    network = load(path)
    assert network.digest == load(small()).digest
    assert network.origin is not None
    assert network.origin.activation == "ReLU (assumed: a state_dict does not name it)"
    torch.save({"model_state_dict": small().state_dict(), "epoch": 3}, path)
    assert load(path).digest == network.digest


class Payload:
    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("trust", [False, True])
def test_a_pickle_with_code_is_refused_and_does_not_run(legacy, hidden, trust, tmp_path):
    marker, path = tmp_path / "it-ran", tmp_path / "model.pt"
    content = (
        {"layer.weight": torch.ones(1, 1), "x": Payload(marker)} if hidden else Payload(marker)
    )
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(ModelError, match=r"model\.pt: holds \w+\.system, .*can run code"):
        load(path, trust_file=trust)
    assert not marker.exists()
    pickle.loads(pickle.dumps(Payload(marker)))  # the payload would have run
    assert marker.exists()


def test_a_module_of_an_unlisted_class_is_refused(tmp_path):
    path = tmp_path / "model.pt"
    torch.save(Loops(), path)
    with pytest.raises(ModelError, match=r"Loops, which is not on the list of safe classes"):
        load(path)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (nn.Sigmoid(), r"model\.pt: Sigmoid '1' \(step \d of \d\): .*not piecewise linear"),
        (nn.Softmax(1), r"model\.pt: Softmax '1' .*logits"),
        (nn.LayerNorm(4), r"model\.pt: LayerNorm '1' .*not piecewise linear"),
        (nn.Hardshrink(), r"model\.pt: Hardshrink '1' .*not among the layers"),
        (nn.GRU(4, 4), r"model\.pt: GRU is not among the layers"),  # not even opened
    ],
)
def test_a_pickled_module_with_an_unsupported_layer_of_torch(layer, message, tmp_path):
    path = tmp_path / "model.pt"
    torch.save(nn.Sequential(nn.Linear(2, 4), layer, nn.Linear(4, 1)), path)
    with pytest.raises(UnsupportedLayer, match=message) as caught:
        load(path)
    assert "load it in Python" not in str(caught.value)


def test_every_listed_class_is_of_torch_and_unpickles_by_its_dictionary_alone():
    for name in SAFE_MODULES:
        kind = getattr(nn, name)
        assert kind.__module__.startswith("torch.nn.modules."), name
        assert not issubclass(kind, (nn.RNNBase, nn.MultiheadAttention)), name
        assert kind.__reduce_ex__ is object.__reduce_ex__ and kind.__reduce__ is object.__reduce__
        assert kind.__new__ is object.__new__


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"a.weight": torch.ones(2, 3), "b.weight": torch.ones(1, 4)}, "layer 'a' has 2 outputs"),
        ({"a.weight": torch.ones(2, 3), "a.bias": torch.ones(3)}, "needs 2 biases"),
        ({"a.weight": torch.full((1, 1), float("nan"))}, "NaN or infinite"),
        ({"a.weight": torch.full((1, 1), float("inf"))}, "NaN or infinite"),
        ({"c.weight": torch.ones(2, 1, 3, 3)}, "'c.weight' of shape .* belongs to no Linear"),
        ({"b.bias": torch.ones(2)}, "'b.bias' has no weight"),
        ({}, "has no layers"),
        ([torch.ones(2)], "holds a list"),
        (torch.ones(2), "holds a Tensor"),
        ({"a": 3}, "neither a module nor a state_dict"),
    ],
)
def test_bad_state_dicts(content, message, tmp_path):
    path = tmp_path / "model.pt"
    torch.save(content, path)
    with pytest.raises(ModelError, match=message) as caught:
        load(path)
    assert "model.pt" in str(caught.value)


@pytest.mark.parametrize("legacy", [False, True])
def test_truncated_and_garbled_pickles(legacy, tmp_path):
    path = tmp_path / "model.pt"
    torch.save(small(), path, _use_new_zipfile_serialization=not legacy)
    data = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for attempt in range(80):
        if attempt < 40:
            damaged = data[: attempt * len(data) // 40]
        else:
            noisy = bytearray(data)
            for place in rng.integers(0, len(data), 4):
                noisy[place] = rng.integers(256)
            damaged = bytes(noisy)
        path.write_bytes(damaged)
        try:
            load(path)
        except ModelError as error:
            refused += 1
            assert "\n" not in str(error)
            assert "weights_only" not in str(error)
    assert refused >= 40
    path.write_text("not a model")
    with pytest.raises(ModelError, match=r"model\.pt: is no PyTorch file"):
        load(path)
    for data in (bytes([7, 9, 200] * 300), b"\x80\x02Nq", b"\x80\x02cos\nsystem"):
        path.write_bytes(data)
        with pytest.raises(ModelError, match=r"model\.pt: ") as caught:
            load(path)
        assert "weights_only" not in str(caught.value)


def test_long_words_of_others_end_with_a_sentence():
    assert first_line(ValueError("One. " + "Two words " * 30)) == "One"
    assert first_line(ValueError("word " * 60)).endswith("...")
    assert first_line(ValueError("short\nsecond line")) == "short"
    assert first_line(ValueError()) == "ValueError"


# -- programs --------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_torchscript_needs_trust(tmp_path):
    path = tmp_path / "model.pt"
    torch.jit.script(image_model()).save(str(path))
    with pytest.raises(ModelError, match=r"can execute code when it is opened; .*--trust-file"):
        load(path)
    network = load(path, trust_file=True, input_shape=(64,))
    assert network.digest == load(image_model()).digest
    torch.jit.trace(Everything().eval(), torch.zeros(1, 6)).save(str(path))
    traced = load(path, trust_file=True)
    assert traced.inputs == 6
    assert traced.origin is not None and traced.origin.format == "TorchScript"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ModelError):
        load(path, trust_file=True)


def test_exported_programs_need_trust(tmp_path):
    path = tmp_path / "model.pt2"
    batch = ({0: torch.export.Dim("batch")},)
    program = torch.export.export(image_model(), (torch.zeros(2, 64),), dynamic_shapes=batch)
    torch.export.save(program, path)
    with pytest.raises(ModelError, match=r"can execute code when it is opened; .*--trust-file"):
        load(path)
    network = load(path, trust_file=True)
    assert network.digest == load(image_model()).digest
    assert network.origin is not None and network.origin.format == "PyTorch exported program"
    assert load(program).digest == network.digest
    path.write_bytes(b"nothing")
    with pytest.raises(ModelError, match="cannot be opened"):
        load(path, trust_file=True)


def test_other_symbolic_dimensions_are_refused():
    sizes = ({1: torch.export.Dim("length", min=2, max=50)},)
    program = torch.export.export(
        nn.Sequential(nn.ReLU()), (torch.zeros(1, 9),), dynamic_shapes=sizes
    )
    with pytest.raises(ModelError, match=r"symbolic dimension .* at axis 1"):
        load(program)


def test_unsupported_in_a_program():
    program = torch.export.export(nn.Sequential(nn.Linear(2, 2), nn.GELU()), (torch.zeros(1, 2),))
    with pytest.raises(UnsupportedLayer, match=r"gelu 'gelu' .*not piecewise linear"):
        load(program)


class DataDependent(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, x):
        return self.layer(x) if x.sum() > 0 else self.layer(-x)


def test_a_module_that_cannot_be_traced_says_it_in_the_error_alone(tmp_path, root):
    """In another process: torch's log handlers hold on to the standard error they found first."""
    path = tmp_path / "garbage.pt2"
    path.write_bytes(np.random.default_rng(0).bytes(3000))
    code = f"""
import logging, warnings
warnings.simplefilter("ignore")
from regions.errors import ModelError
from regions.loading import load
from tests.test_readers_torch import DataDependent
for model in (DataDependent(), {str(path)!r}):
    try:
        load(model, trust_file=True)
    except ModelError as error:
        print("refused:", error)
assert logging.root.manager.disable == 0
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    first, second = done.stdout.splitlines()
    assert first.startswith("refused: the module's forward cannot be traced (")
    assert second.startswith("refused: garbage.pt2: cannot be opened")
    assert done.stderr == ""


def test_concatenation_with_a_constant():
    class Joined(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(5, 2)
            self.register_buffer("fixed", torch.tensor([[0.25, -3.0]]))

        def forward(self, x):
            return self.layer(torch.relu(torch.cat([self.fixed, x], dim=1)))

    network = load(randomised(Joined()), input_shape=(3,))
    assert network.origin is not None and network.origin.worst_relative_error < 1e-13
