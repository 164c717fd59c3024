"""`load`: dispatch, errors, and the check of fidelity."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from regions.domain import Ball, Box, Polytope, Space
from regions.errors import DomainError, InputError, ModelError
from regions.fidelity import check, sample_points
from regions.layers import Dense, GraphBuilder, Relu
from regions.loading import load
from regions.lowering import lower
from regions.source import Source


def source(error: float = 0.0, shift: float = 0.0) -> Source:
    """f(x) = max(x0 - x1, 0), whose own evaluation is off by a relative error."""
    builder = GraphBuilder((1, 2))
    hidden = builder.add(Dense(np.array([[1.0, -1.0]])), builder.input)

    def evaluate(points: np.ndarray) -> np.ndarray:
        exact = np.maximum(points[:, :1] - points[:, 1:], 0)
        return exact * (1 + error) + shift

    return Source(builder.finish(builder.add(Relu(), hidden)), evaluate, "test")


def write_npz(path, weight=((1.0, 2.0),)):
    np.savez(path, W1=np.array(weight), b1=np.zeros(len(weight)))


@pytest.mark.parametrize("name", ["model.onnx", "model.npz", "model.pt", "model.pth", "model.pt2"])
def test_a_missing_file(name, tmp_path):
    with pytest.raises(ModelError, match=f"no such file: .*{name}"):
        load(tmp_path / name)


@pytest.mark.parametrize("name", ["model.txt", "model", "model.h5", "model.onnx.gz"])
def test_a_wrong_extension_lists_the_known_ones(name, tmp_path):
    (tmp_path / name).write_text("x")
    with pytest.raises(ModelError, match=r"known model files are .onnx, .npz, .pt, .pth, .pt2"):
        load(str(tmp_path / name))


def test_the_extension_may_be_in_capitals(tmp_path):
    write_npz(tmp_path / "model.npz")
    (tmp_path / "model.npz").rename(tmp_path / "MODEL.NPZ")
    assert load(tmp_path / "MODEL.NPZ").inputs == 2


def test_a_folder(tmp_path):
    with pytest.raises(ModelError, match="is a folder"):
        load(tmp_path)


@pytest.mark.parametrize("thing", [3, None, np.ones((2, 2)), [("W", "b")], {"W1": 1}])
def test_other_objects(thing):
    with pytest.raises(InputError, match=r"load\(\) takes a path .*Network.from_layers"):
        load(thing)


def test_origin_says_where_from_and_how_well(tmp_path):
    path = tmp_path / "model.npz"
    write_npz(path)
    origin = load(path).origin
    assert origin is not None
    assert (origin.file, origin.format, origin.activation) == (str(path), "NumPy arrays", "ReLU")
    assert origin.points_checked >= 100
    assert 0 <= origin.worst_relative_error < 1e-14


def test_a_faithful_model_passes_and_the_error_is_measured():
    network = lower(source().graph)
    assert check(source(), network) == (100, 0.0)
    count, worst = check(source(error=5e-5), network)
    assert count == 100
    assert worst == pytest.approx(5e-5, rel=1e-3)


@pytest.mark.parametrize("wrong", [source(error=2e-4), source(shift=0.01), source(error=-2.0)])
def test_an_unfaithful_model_is_refused_with_the_number(wrong):
    with pytest.raises(ModelError, match=r"error of [0-9.e-]+ on 100 points, above 0.0001"):
        check(wrong, lower(wrong.graph))


@pytest.mark.parametrize(
    ("evaluate", "message"),
    [
        (lambda points: np.full((len(points), 1), np.nan), "NaN or infinite"),
        (lambda points: np.zeros((len(points), 2)), r"returns \(2,\) numbers"),
        (lambda points: np.ones((len(points), 1)), "relative error"),
    ],
)
def test_a_source_that_answers_nonsense(evaluate, message):
    good = source()
    with pytest.raises(ModelError, match=message):
        check(Source(good.graph, evaluate, "test"), lower(good.graph))


def test_a_network_that_is_zero_agrees_with_itself():
    builder = GraphBuilder((1, 1))
    zero = builder.finish(builder.add(Dense(np.zeros((1, 1))), builder.input))
    assert check(Source(zero, lambda x: 0 * x, "test"), lower(zero)) == (100, 0.0)


def test_points_lie_in_the_box_and_come_back_the_same():
    box = Box(["1/10", -3, 5], ["1/5", 7, 5])
    points = sample_points(3, box, 200, 0)
    assert points.shape == (200, 3)
    low, high = (np.array(side, dtype=np.float32) for side in ([0.1, -3, 5], [0.2, 7, 5]))
    assert np.all((points >= low) & (points <= high))
    assert points[:, 1].min() < -2 and points[:, 1].max() > 6
    assert np.array_equal(points, sample_points(3, box, 200, 0))
    assert not np.array_equal(points, sample_points(3, box, 200, 1))


def test_infinite_sides_and_other_domains_fall_back_to_one():
    half = Box([2, float("-inf"), float("-inf")], [float("inf"), -4, float("inf")])
    points = sample_points(3, half, 200, 0)
    assert np.all((points[:, 0] >= 2) & (points[:, 1] <= -4))
    assert np.all(np.isfinite(points)) and np.abs(points[:, 2]).max() <= 1
    for domain in (Space(2), Polytope([[1, 1]], [9])):
        assert np.abs(sample_points(2, domain, 50, 0)).max() <= 1
    ball = sample_points(2, Ball([10, 20], "1/2"), 50, 0)
    assert np.all(np.abs(ball - [10, 20]) <= 0.5)


def test_the_domain_must_have_the_dimension_of_the_network(tmp_path):
    write_npz(tmp_path / "model.npz")
    with pytest.raises(DomainError, match="dimension 3, the network expects 2"):
        load(tmp_path / "model.npz", domain=Box.cube(3, -1, 1))


def test_loading_one_format_imports_no_other_library(tmp_path, root):
    write_npz(tmp_path / "model.npz")
    code = (
        "import sys; from regions.loading import load; load(sys.argv[1]); "
        "print(sorted({'torch', 'onnx', 'sklearn', 'onnxruntime', 'numba'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "model.npz")],
        capture_output=True, text=True, check=True, cwd=root,
    )  # fmt: skip
    assert done.stdout.strip() == "[]"
