"""`load`: dispatch, errors, and the check of fidelity."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from regions import check_points
from regions.check_points import draw
from regions.domain import Ball, Box, Domain, Polytope, Segment, Slice, Space
from regions.errors import DomainError, InputError, ModelError
from regions.fidelity import check
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
    found = check(source(), network)
    assert (found.points, found.worst, found.where) == (100, 0.0, "in [-1, 1]^n")
    found = check(source(error=5e-5), network)
    assert found.points == 100
    assert found.worst == pytest.approx(5e-5, rel=1e-3)


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
    found = check(Source(zero, lambda x: 0 * x, "test"), lower(zero))
    assert (found.points, found.worst) == (100, 0.0)


def points_of(domain: Domain, num_points: int = 100, seed: int = 0) -> np.ndarray:
    """Points for a float64 source, which are all in the domain."""
    drawn = draw(domain.dim, domain, num_points, seed)
    assert drawn.where == f"in the domain {domain.spec}"
    assert drawn.points.shape == (num_points, domain.dim)
    assert len(np.unique(drawn.points, axis=0)) == num_points
    assert np.array_equal(drawn.points, draw(domain.dim, domain, num_points, seed).points)
    assert not np.array_equal(drawn.points, draw(domain.dim, domain, num_points, seed + 1).points)
    return drawn.points


def test_points_lie_in_the_box_and_come_back_the_same():
    points = points_of(Box(["1/10", -3, 5], ["1/5", 7, 5]), 200)
    assert np.all((points >= [0.1, -3, 5]) & (points <= [0.2, 7, 5]))
    assert points[:, 1].min() < -2 and points[:, 1].max() > 6
    ball = points_of(Ball([10, 20], "1/2"))
    assert np.all(np.abs(ball - [10, 20]) <= 0.5)


def test_infinite_sides_are_cut():
    half = Box([2, float("-inf"), float("-inf")], [float("inf"), -4, float("inf")])
    points = points_of(half, 200)
    assert np.all((points[:, 0] >= 2) & (points[:, 1] <= -4))
    assert np.all(np.isfinite(points)) and np.abs(points[:, 2]).max() <= 1
    assert np.abs(points_of(Space(2))).max() <= 1


def test_points_of_a_polytope_are_all_over_it():
    # |x + y - 10| <= 1/100, |x - y| <= 3: far from the origin, thin, and oblique
    strip = Polytope([[1, 1], [-1, -1], [1, -1], [-1, 1]], ["10.01", "-9.99", 3, 3])
    points = points_of(strip)
    along, across = points[:, 0] - points[:, 1], points.sum(axis=1) - 10
    assert np.all(np.abs(along) <= 3 + 1e-12) and np.all(np.abs(across) <= 0.01 + 1e-12)
    assert along.min() < -2 and along.max() > 2
    assert across.min() < -0.005 and across.max() > 0.005
    half = points_of(Polytope([[1, 1]], [-9]))
    assert half.sum(axis=1).max() <= -9 + 1e-12
    assert np.abs(half).max() < 30


def test_points_of_flat_domains_lie_on_them():
    on_segment = points_of(Segment([5, 5, 0], [7, 1, 0]))
    s = (on_segment[:, 0] - 5) / 2
    assert np.allclose(on_segment, np.outer(s, [2, -4, 0]) + np.array([5, 5, 0]))
    assert 0 <= s.min() < 0.2 and 0.8 < s.max() <= 1
    plane = Slice([0, 0, 1], [1, 0, 3], [0, 1, 4])
    for domain in (plane, plane & Box.cube(3, 0, 2), plane & Polytope([[1, 1, 0]], ["0.1"])):
        points = points_of(domain)
        assert np.allclose(points[:, 2], 1 + 2 * points[:, 0] + 3 * points[:, 1])
        if domain is not plane:
            limits = domain.constraints()
            assert limits.A is None or points[:, :2].sum(axis=1).max() <= 0.1 + 1e-12
            assert limits.upper[0] is None or (points.min() >= 0 and points.max() <= 2)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_a_domain_that_rounding_reduces_to_few_points_is_surrounded(kind):
    centre = np.array([1.0, -3.0])
    drawn = draw(2, Ball(centre, 0), 100, 0, kind)
    assert len(np.unique(drawn.points, axis=0)) == len(drawn.points) == 100
    assert np.array_equal(drawn.points, drawn.points.astype(kind))
    assert np.array_equal(drawn.points[0], centre)
    assert np.abs(drawn.points - centre).max() < 1
    name = np.dtype(kind).name
    assert drawn.where == (
        f"1 in the domain ball:[1,-3],0 (it has no more in {name}) and 99 around it"
    )
    # a few steps of the number format: 3 in each direction
    step = float(np.finfo(kind).eps)
    small = draw(2, Box([1, 1], [1 + 2 * step] * 2), 100, 0, kind)
    assert small.where.startswith("9 in the domain")
    assert len(np.unique(small.points, axis=0)) == 100


def test_a_tiny_domain_still_finds_a_wrong_model():
    """At 100 copies of one point, a model that differs elsewhere would pass."""
    wrong = source()
    network = lower(wrong.graph)

    def evaluate(points: np.ndarray) -> np.ndarray:
        exact = np.maximum(points[:, :1] - points[:, 1:], 0)
        return np.where(points[:, :1] == 2.0, exact, 3.0)

    liar = Source(wrong.graph, evaluate, "test", dtype=np.float32)
    with pytest.raises(ModelError, match="differs from the test model"):
        check(liar, network, Ball([2, 1], "1e-9"))


@pytest.mark.parametrize("side", ["1e39", "1e300"])
def test_a_domain_beyond_the_numbers_of_the_source(side):
    """f in float32 overflows there, and the normal form does not."""
    plain = source()

    def evaluate(points: np.ndarray) -> np.ndarray:
        x = points.astype(np.float32)
        assert np.isfinite(x).all()
        return np.maximum(x[:, :1] - x[:, 1:], 0)

    single = Source(plain.graph, evaluate, "test", dtype=np.float32)
    found = check(single, lower(plain.graph), Box.cube(2, f"-{side}", side))
    assert found.points == 100
    assert found.where == f"in the domain box:-{side},{side}, coordinates cut to ±1.8e+19"


def test_where_the_source_overflows_points_are_taken_elsewhere_and_it_is_said():
    plain = source()

    def evaluate(points: np.ndarray) -> np.ndarray:
        exact = np.maximum(points[:, :1] - points[:, 1:], 0)
        return np.where(np.abs(points).max(axis=1, keepdims=True) > 1e9, np.inf, exact)

    weak = Source(plain.graph, evaluate, "test", dtype=np.float32)
    found = check(weak, lower(plain.graph), Box.cube(2, "-1e12", "1e12"))
    assert found.where == (
        "in [-1, 1]^n (the model is not finite in float32 in the domain box:-1e12,1e12)"
    )


def test_an_npz_network_loads_in_a_huge_box(tmp_path):
    write_npz(tmp_path / "model.npz")
    origin = load(tmp_path / "model.npz", domain=Box.cube(2, "-1e39", "1e39")).origin
    assert origin is not None and origin.checked_where == "in the domain box:-1e39,1e39"


def test_a_domain_whose_interior_is_hard_to_find_does_not_hold_up_loading(monkeypatch):
    flat = Polytope([[1, 1], [-1, -1]], [1, -1])
    assert np.allclose(draw(2, flat, 100, 0).points.sum(axis=1), 1)
    monkeypatch.setattr(check_points, "_after", lambda polls: lambda: True)
    drawn = draw(2, flat, 100, 0)
    assert drawn.where == f"in [-1, 1]^n (finding a point in the domain {flat.spec} takes too long)"
    assert np.abs(drawn.points).max() <= 1


def test_the_work_allowed_does_not_depend_on_the_clock():
    stop = check_points._after(3)
    assert [stop() for _ in range(5)] == [False, False, False, True, True]


def test_an_empty_domain(tmp_path):
    write_npz(tmp_path / "model.npz")
    with pytest.raises(DomainError, match="is empty"):
        load(tmp_path / "model.npz", domain=Polytope([[1, 0], [-1, 0]], [0, -1]))


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
