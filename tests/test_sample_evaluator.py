"""Evaluators and frozen maps: the bits of the exact side, and autograd's derivatives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import regions
from regions.errors import InputError, ModelError, RegionsError
from regions.sample.bits import distances, pack, product_distances, unpack
from regions.sample.device import Batches, choose_device
from regions.sample.evaluator import Evaluator
from regions.sample.frozen import Frozen, affine


def mixed(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Unflatten(1, (1, 6, 6)), nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(),
        nn.MaxPool2d(3, stride=2, padding=1), nn.Conv2d(3, 2, 2), nn.LeakyReLU(0.1),
        nn.AvgPool2d(2, stride=1, padding=1), nn.Flatten(), nn.Linear(18, 5),
        nn.Hardtanh(-0.3, 0.2), nn.Linear(5, 4), nn.PReLU(4), nn.Linear(4, 2),
    ).eval()  # fmt: skip


@pytest.mark.parametrize("seed", [0, 1])
def test_bits_are_those_of_the_normal_form(seed: int):
    module = mixed(seed)
    network = regions.load(module, input_shape=(36,))
    points = np.random.default_rng(seed).uniform(-1, 1, (12, 36))
    for model in (module, network):
        evaluator = Evaluator.of(
            model, device="cpu", precision="double", rounds=True, input_shape=(36,)
        )
        assert evaluator.widths == network.widths
        found = evaluator.patterns(points)
        for i, point in enumerate(points):
            assert found.pattern(i) == network.pattern(point)


def test_layers_select_and_batches_do_not_matter():
    network = regions.load(mixed(3), input_shape=(36,))
    evaluator = Evaluator.of(network, device="cpu", precision="double")
    points = np.random.default_rng(0).uniform(-1, 1, (17, 36))
    whole = evaluator.patterns(points)
    evaluator.batches = Batches(5)
    parts = evaluator.patterns(points, [3, 2])
    assert parts.widths == (evaluator.widths[2], evaluator.widths[1])
    assert torch.equal(parts.layers[0], whole.layers[2])
    assert evaluator.select(2) == (0, 1)
    with pytest.raises(InputError, match="counted from 1"):
        evaluator.select([0])


@pytest.mark.parametrize("rounds", [False, True])
def test_frozen_maps_equal_autograd(rounds: bool):
    module = mixed(5)
    evaluator = Evaluator.of(
        module, device="cpu", precision="double", rounds=rounds, input_shape=(36,)
    )
    torch.manual_seed(0)
    points = torch.randn(6, 36, dtype=torch.float64)
    frozen = Frozen(evaluator, points)
    exact = module.double()
    u = torch.randn(6, 2, dtype=torch.float64)
    v = torch.randn(6, 36, dtype=torch.float64)
    x = points.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(exact(x), x, u)
    assert torch.allclose(frozen.pull(u), gradient, rtol=1e-12, atol=1e-13)
    along: torch.Tensor = torch.autograd.functional.jvp(exact, points, v)[1]  # type: ignore[assignment]
    assert torch.allclose(frozen.push(v), along, rtol=1e-12, atol=1e-13)
    weight, bias = frozen.rows(chunk=1)
    assert torch.allclose(torch.einsum("noi,ni->no", weight, points) + bias, exact(points))
    for layer, z in enumerate(frozen.z, 1):
        weight, bias = frozen.rows(layer)
        assert torch.allclose(torch.einsum("noi,ni->no", weight, points) + bias, z, atol=1e-12)
        moved = torch.einsum("noi,ni->no", weight, v)
        assert torch.allclose(moved, frozen.push_layers(v)[layer - 1], atol=1e-12)
        back = frozen.pull(moved, layer)
        assert torch.allclose(torch.einsum("noi,no->ni", weight, moved), back, atol=1e-12)


def test_affine_of_a_unit_is_that_of_the_cell():
    network = regions.Network.from_layers(
        [([[1, 0], [0, 1], [-1, -1]], [0, 0, -1]), ([[1, 2, 3]], [0.5]), ([[4]], [1])]
    )
    evaluator = Evaluator.of(network, device="cpu", precision="double")
    weight, bias = affine(evaluator, [0.5, 0.25])  # type: ignore[arg-type]
    assert (weight.tolist(), bias) == ([4.0, 8.0], 3.0)
    weight, bias = affine(evaluator, np.array([-2.0, -1.0]), layer=2)
    assert (weight.tolist(), bias) == ([-3.0, -3.0], -2.5)


def test_choices_are_the_first_maximum():
    module = nn.Sequential(nn.Unflatten(1, (1, 2, 4)), nn.MaxPool2d(2), nn.Flatten())
    evaluator = Evaluator.of(module, device="cpu", input_shape=(8,))
    (found,) = evaluator.choices(np.array([[1.0, 2, 0, 0, 2, 1, 0, 5]]))
    assert found.tolist() == [[1, 3]]
    assert evaluator.layers == ()


def test_a_module_without_layers_is_watched():
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(3, 4), nn.Linear(4, 2)
            self.norm = nn.LayerNorm(4)

        def forward(self, x):
            return torch.sigmoid(self.b(torch.selu(self.norm(self.a(x)))))

    torch.manual_seed(0)
    odd = Odd()
    evaluator = Evaluator.of(odd, device="cpu")
    assert odd.training and "eval" in evaluator.notes[0]
    assert [(layer.kind, layer.units) for layer in evaluator.layers] == [
        ("selu", 4),
        ("sigmoid", 2),
    ]
    x = torch.randn(5, 3)
    first, second = evaluator.bits(x)
    z = odd.norm(odd.a(x))
    assert torch.equal(first, z > 0)
    assert torch.equal(second, odd.b(torch.selu(z)) > 0)
    with pytest.raises(ModelError, match="piecewise linear"):
        Frozen(evaluator, x)
    named = Evaluator.of(odd, device="cpu", modules=["b"], input_shape=(3,))
    assert torch.equal(named.bits(x)[0], torch.selu(z) > 0)
    with pytest.raises(ModelError, match="no submodule c"):
        Evaluator.of(odd, device="cpu", modules=["c"])


def test_bad_input_is_named():
    evaluator = Evaluator.of(mixed(0), device="cpu", input_shape=(36,))
    with pytest.raises(InputError, match="points need 36 numbers"):
        evaluator.tensor(np.zeros((2, 35)))
    with pytest.raises(InputError, match="finite"):
        evaluator.patterns(np.full((1, 36), 1e300))
    with pytest.raises(InputError, match="precision half"):
        Evaluator.of(mixed(0), device="cpu", precision="half", input_shape=(36,))
    with pytest.raises(InputError, match="device gpu: needs auto"):
        choose_device("gpu")
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="no CUDA device"):
            choose_device("cuda")
    hot = regions.Network.from_layers([([[1e30]], [0]), ([[1e30]], [0]), ([[1]], [0])])
    with pytest.raises(ModelError, match=r"layer 2 .* NaN or infinite at point 1"):
        Evaluator.of(hot, device="cpu").patterns(np.array([[0.0], [1.0]]))


def test_out_of_memory_halves_the_batch():
    asked = []

    def work(start: int, stop: int) -> int:
        asked.append(stop - start)
        if stop - start > 3:
            raise torch.OutOfMemoryError("no room")
        return stop - start

    batches = Batches(16)
    assert sum(result for _, _, result in batches.over(20, work)) == 20
    assert asked[:4] == [16, 8, 4, 2] and batches.size == 2
    with pytest.raises(RegionsError, match="single point"):
        list(Batches(1).over(1, lambda *_: (_ for _ in ()).throw(MemoryError())))
    with pytest.raises(RuntimeError, match="another"):
        list(Batches(2).over(2, lambda *_: (_ for _ in ()).throw(RuntimeError("another"))))


@pytest.mark.parametrize("units", [1, 63, 64, 65, 700])
def test_packed_distances_are_the_distances(units: int):
    rng = np.random.default_rng(units)
    bits = torch.from_numpy(rng.random((9, units)) < 0.4)
    packed = pack(bits)
    assert torch.equal(unpack(packed, units), bits)
    assert packed[:, : (units + 7) // 8].numpy().tolist() == np.packbits(bits, axis=1).tolist()
    naive = (bits[:, None] != bits[None, :4]).sum(-1)
    assert torch.equal(distances(packed, packed[:4], units).long(), naive)
    assert torch.equal(product_distances(packed, packed[:4], units).long(), naive)


@pytest.mark.parametrize("name", ["acasxu_1_1", "Convnet_maxpool", "cifar10_small"])
def test_models_of_the_competition(shared: Path, name: str):
    path = shared / "models" / f"{name}.onnx"
    network = regions.load(path)
    evaluator = Evaluator.of(path, device="cpu", precision="double", rounds=True)
    points = np.random.default_rng(0).uniform(-1, 1, (3, network.inputs))
    found = evaluator.patterns(points)
    assert all(found.pattern(i) == network.pattern(x) for i, x in enumerate(points))
