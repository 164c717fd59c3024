"""Exact polygons and polyhedra of the regions: sizes, partition, corners, classes, colours."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

import regions
from regions.drawing import corners as corners_module
from regions.drawing.classes import classes_of
from regions.drawing.clipping import Corners, faces, outline, polygon_area
from regions.drawing.colouring import coloured
from regions.drawing.complexes import Complex, complex_of, exact_shape
from regions.drawing.forms import exact_forms, forms, gradient_norms
from regions.drawing.windows import slice_marks, windowed
from regions.frame import Frame
from regions.network import Layer
from solvers.exact_matrix import ExactMatrix
from solvers.rational import fraction, rational
from tests import oracle


def random_network(seed: int, widths: tuple[int, ...]) -> regions.Network:
    rng = np.random.default_rng(seed)
    shapes = zip(widths[1:], widths[:-1], strict=True)
    return regions.Network.from_layers(
        [(rng.normal(size=shape), rng.normal(size=shape[0])) for shape in shapes]
    )


def integer_network(seed: int, widths: tuple[int, ...]) -> regions.Network:
    rng = np.random.default_rng(seed)
    shapes = zip(widths[1:], widths[:-1], strict=True)
    return regions.Network.from_layers(
        [(rng.integers(-2, 3, shape), rng.integers(-1, 2, shape[0])) for shape in shapes]
    )


def units_of(network: regions.Network) -> list[list[tuple[list[Fraction], Fraction]]]:
    """A plain network as the oracle has it."""
    layers, before = [], network.inputs
    for layer in network.layers:
        ((_, block),) = layer.weights
        weights = [[fraction(q) for q in row] for row in block.dense().tolist()]
        bias = [fraction(row[0]) for row in layer.bias.dense().tolist()]
        pad = [Fraction(0)] * (before - block.shape[1])
        layers.append([(pad + row, b) for row, b in zip(weights, bias, strict=True)])
        before += layer.units
    return layers


def disjoint_and_whole(found: Complex) -> None:
    """The closed polygons fill the domain and overlap in no interior, in rationals."""
    cells = [found.exact_corners(index) for index in range(len(found))]
    assert sum((polygon_area(cell) for cell in cells), fmpq(0)) == polygon_area(found.outline)
    for i, one in enumerate(cells):
        for other in cells[:i]:
            common: Corners | None = one
            for form in edge_forms(other):
                common = common and common.cut(form, 10**9)
            assert common is None


def edge_forms(polygon: Corners) -> list[list[fmpq]]:
    """The sides of a polygon as forms that are >= 0 in it, from its corners alone."""
    middle = [sum(values, fmpq(0)) / len(values) for values in zip(*polygon.points, strict=True)]
    result = []
    for _, (i, j) in faces(polygon):
        (a, b), (c, d) = polygon.points[i], polygon.points[j]
        form = [b - d, c - a, a * d - b * c]
        value = form[0] * middle[0] + form[1] * middle[1] + form[2]
        result.append(form if value > 0 else [-q for q in form])
    return result


# -- sizes and partition -------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_polygons_fill_the_square_without_overlap(seed: int):
    disjoint_and_whole(complex_of(random_network(seed, (2, 5, 4, 1)), engine="lp"))


@pytest.mark.parametrize("seed", range(4))
def test_degenerate_polygons_fill_the_square_without_overlap(seed: int):
    network = integer_network(seed, (2, 4, 4, 1))
    found = complex_of(network, engine="lp")
    disjoint_and_whole(found)
    patterns = {str(found.pattern(index)) for index in range(len(found))}
    square = [([1, 0], 1), ([-1, 0], 1), ([0, 1], 1), ([0, -1], 1)]
    assert patterns == oracle.regions(units_of(network), square, 2)


def test_some_degenerate_cells_need_rationals():
    found = complex_of(integer_network(1, (2, 4, 4, 1)), engine="lp")
    exact = [shape.exact is not None for shape in found.shapes]
    assert any(exact)


@settings(max_examples=6)
@given(st.integers(0, 10**6))
def test_floats_and_rationals_draw_the_same(seed: int):
    network = random_network(seed, (2, 4, 3, 2))
    quick = complex_of(network, engine="lp")
    slow = complex_of(network, engine="lp", exactly=True)
    assert all(shape.exact is not None for shape in slow.shapes)
    for one, two in zip(quick.shapes, slow.shapes, strict=True):
        assert sorted(sorted(labels) for labels, _ in one.faces) == sorted(
            sorted(labels) for labels, _ in two.faces
        )
        for corner in one.corners:
            assert np.abs(two.corners - corner).max(axis=1).min() < 1e-10
    assert quick.sizes.sum() == pytest.approx(4, abs=1e-9)


def test_areas_of_a_large_network_sum_to_the_square():
    found = complex_of(random_network(5, (2, 24, 24, 1)))
    assert len(found) == int(regions.count(found.network)) == 387
    assert found.sizes.sum() == pytest.approx(4, abs=1e-9)
    assert (found.sizes > 0).all()
    assert sum(shape.exact is None for shape in found.shapes) > len(found) / 2


def test_known_areas():
    # thresholds of the sum of two inputs: the corner triangle and what is left
    network = regions.Network.from_layers([([[1, 1]], [-1]), ([[1]], [0])])
    found = complex_of(network, regions.Box.cube(2, 0, 1), engine="lp")
    assert found.sizes.tolist() == [0.5, 0.5]
    assert [len(shape.corners) for shape in found.shapes] == [3, 3]


@pytest.mark.parametrize(("n", "volumes"), [(3, (1, 4, 1))])
def test_eulerian_volumes(n: int, volumes: tuple[int, ...]):
    rows, biases = [[1] * n] * (n - 1), [-k for k in range(1, n)]
    network = regions.Network.from_layers([(rows, biases), ([[1] * (n - 1)], [0])])
    for exactly in (False, True):
        found = complex_of(network, regions.Box.cube(n, 0, 1), engine="lp", exactly=exactly)
        assert sorted(found.sizes) == pytest.approx(sorted(v / 6 for v in volumes), abs=1e-12)


def test_braid_in_the_cube():
    network = regions.Network.from_layers(
        [([[1, -1, 0], [1, 0, -1], [0, 1, -1]], [0, 0, 0]), ([[1, 1, 1]], [0])]
    )
    found = complex_of(network, regions.Box.cube(3, 0, 1), engine="lp")
    assert len(found) == 6
    assert found.sizes == pytest.approx([1 / 6] * 6, abs=1e-12)
    assert all(len(shape.faces) == 4 for shape in found.shapes)  # simplices


def test_volumes_sum_to_the_cube():
    found = complex_of(random_network(0, (3, 6, 5, 1)), engine="lp")
    slow = complex_of(random_network(0, (3, 6, 5, 1)), engine="lp", exactly=True)
    assert found.sizes.sum() == pytest.approx(8, abs=1e-9)
    assert found.sizes == pytest.approx(slow.sizes, abs=1e-10)
    for one, two in zip(found.shapes, slow.shapes, strict=True):
        assert len(one.corners) == len(two.corners)
        assert [labels for labels, _ in one.faces] == [labels for labels, _ in two.faces]


@pytest.mark.slow
def test_a_large_network_of_pytorch_is_a_partition():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    widths = (2, 64, 64, 64, 1)
    linears = [torch.nn.Linear(below, above) for below, above in pairwise(widths)]
    parts = [linears[0]]
    for linear in linears[1:]:
        parts += [torch.nn.ReLU(), linear]
    found = complex_of(regions.load(torch.nn.Sequential(*parts)))
    assert len(found) == 6668
    assert found.sizes.sum() == pytest.approx(4, abs=1e-9)
    assert sum(shape.exact is None for shape in found.shapes) > 6000
    # the corners that floats have proved, in rationals: different patterns do not overlap, and
    # areas that sum to that of the square leave no gap
    areas = [polygon_area(found.exact_corners(index)) for index in range(len(found))]
    assert min(areas) > 0 and sum(areas, fmpq(0)) == 4


def test_skip_connections_and_odd_units():
    inputs, bias = np.eye(2), np.zeros((2, 1))
    matrix, column = ExactMatrix.from_floats, ExactMatrix.from_floats
    layers = (
        Layer(((0, matrix(inputs)),), column(bias)),
        # a dead unit, the same line twice, one that reads the input again, and a constant
        Layer(
            ((0, matrix([[0.0, 0], [1, 1], [2, 2], [1, -1], [0, 0]])),
             (1, matrix([[0.0, 0], [0, 0], [0, 0], [-1, 0], [0, 0]]))),
            column([[0.0], [-0.5], [-1], [0.25], [1]]),
        ),
    )  # fmt: skip
    output = Layer(((0, matrix([[1.0, 0]])), (2, matrix([[1.0, 1, 1, 1, 1]]))), column([[0.0]]))
    network = regions.Network(2, layers, output)
    found = complex_of(network)
    assert len(found) == int(regions.count(network))
    disjoint_and_whole(found)
    assert found.sizes.sum() == pytest.approx(4, abs=1e-12)
    for index in range(len(found)):
        middle = found.shapes[index].corners.mean(axis=0)
        assert network.pattern(middle) == found.pattern(index)
        values = found.outputs.value[index] @ [*middle, 1]
        assert values == pytest.approx(list(map(float, network(middle))))


def test_a_network_without_relus_is_one_region():
    found = complex_of(regions.Network.from_layers([([[1, 2]], [0])]))
    assert len(found) == 1 and found.sizes.tolist() == [4]
    assert len(classes_of(found).pieces) == 2


# -- planes --------------------------------------------------------------------------------------


def test_a_slice_has_the_regions_that_count_counts():
    network = random_network(3, (4, 6, 5, 2))
    plane = regions.Slice([0, 0, 0, 0], [1, "0.1", 0, "1/3"], [0, 1, -1, "0.2"])
    for domain in (windowed(plane), plane & regions.Box.cube(4, -1, 1)):
        found = complex_of(network, domain, engine="lp")
        assert len(found) == int(regions.count(network, domain, engine="lp"))
        area = sum(polygon_area(found.exact_corners(i)) for i in range(len(found)))
        assert area == polygon_area(found.outline)
        assert found.sizes.sum() == pytest.approx(float(Fraction(str(area))), abs=1e-9)


def test_a_window_is_in_the_slices_own_coordinates():
    plane = regions.Slice([1, 2, 3], [2, 2, "3.5"], [1, 0, 4])
    frame = Frame.of(windowed(plane, ("-1/2", 2)))
    assert [tuple(map(float, p)) for p in sorted(outline(frame).points)] == [
        (-0.5, -0.5), (-0.5, 2), (2, -0.5), (2, 2)
    ]  # fmt: skip
    assert slice_marks(windowed(plane), frame) == {"P0": (0, 0), "P1": (1, 0), "P2": (0, 1)}
    assert slice_marks(regions.Box.cube(2, 0, 1), frame) == {}


def test_flat_boxes_are_planes():
    network = random_network(2, (3, 5, 2))
    domain = regions.Box([-1, "0.3", -1], [1, "0.3", 1])
    found = complex_of(network, domain, engine="lp")
    assert found.dim == 2
    assert len(found) == int(regions.count(network, domain, engine="lp"))


@pytest.mark.parametrize(
    ("domain", "message"),
    [
        (regions.Box.cube(3, -1, 1) & regions.Segment([0, 0, 0], [1, 1, 1]), "dimension 1"),
        (regions.Space(3), "unbounded"),
        (regions.Slice([0, 0, 0], [1, 0, 0], [0, 1, 0]), "unbounded"),
        (regions.Box.cube(2, -1, 1), "the network has 3 inputs"),
    ],
)
def test_what_cannot_be_drawn(domain: regions.Space, message: str):
    with pytest.raises(regions.DomainError, match=message):
        complex_of(random_network(0, (3, 4, 1)), domain)


def test_too_many_dimensions():
    with pytest.raises(regions.DomainError, match="dimension 4; cut a plane out of it"):
        complex_of(random_network(0, (4, 4, 1)))


# -- forms and the proof -------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_float_forms_contain_the_exact_ones(seed: int):
    rng = np.random.default_rng(seed)
    weights = [
        (rng.normal(size=(3, 2)) / 3, rng.normal(size=3)),
        (rng.normal(size=(4, 3)), [1] * 4),
    ]
    third = regions.Network.from_layers([*weights, ([["1/3", "1/7", 0, 1e-30]], ["1/9"])])
    bits = rng.integers(0, 2, (5, 7)).astype(np.uint8)
    found = forms(third, bits)
    for cell, row in enumerate(bits.tolist()):
        for form, exact in enumerate(exact_forms(third, row)):
            for value, error, q in zip(
                found.value[cell, form].tolist(), found.error[cell, form].tolist(), exact,
                strict=True,
            ):  # fmt: skip
                assert abs(rational(value) - q) <= rational(error)
    assert found.error.max() < 1e-12


def test_gradients_are_the_norms_of_the_affine_maps():
    network = random_network(7, (3, 4, 4, 2))
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 1, (6, 3))
    patterns = [network.pattern(point) for point in points]
    bits = np.array([np.concatenate(network.check_pattern(p)) for p in patterns])
    maps = [np.asarray(network.affine(p)[0].to_dense().approx) for p in patterns]
    norms = [np.linalg.norm(weight, 2) for weight in maps]
    assert gradient_norms(network, bits) == pytest.approx(norms, rel=1e-12)


def test_a_lying_hull_is_not_believed(monkeypatch: pytest.MonkeyPatch):
    network = random_network(1, (2, 5, 4, 1))
    honest = complex_of(network, engine="lp")

    hull = corners_module.hull_facets
    lies = {
        "one corner is missing": lambda points: hull(points)[:-1],
        "the corners of fewer inequalities": lambda points: hull(points[: len(points) // 2]),
        "no corner": lambda points: hull(points)[:0],
    }
    for lie in lies.values():
        monkeypatch.setattr(corners_module, "hull_facets", lie)
        found = complex_of(network, engine="lp")
        assert sum(shape.exact is not None for shape in found.shapes) > len(found) / 2
        assert found.sizes == pytest.approx(honest.sizes, abs=1e-10)


def test_exact_shapes_run_counter_clockwise():
    square = outline(Frame.of(regions.Box.cube(2, 0, 1)))
    cut = square.cut([fmpq(-1), fmpq(-1), fmpq(3, 2)], 7)
    assert cut is not None and len(cut.points) == 5
    shape = exact_shape(cut)
    assert shape.size == pytest.approx(7 / 8)
    assert sum(7 in labels for labels, _ in shape.faces) == 1
    assert square.cut([fmpq(1), fmpq(0), fmpq(-1)], 7) is None  # touches a side only
    touching = square.cut([fmpq(-1), fmpq(-1), fmpq(2)], 7)  # touches a corner
    assert touching is not None and len(touching.points) == 4
    assert [7 in labels for labels in touching.tight].count(True) == 1


# -- neighbours and colours ----------------------------------------------------------------------


def test_neighbours_of_the_braid():
    network = regions.Network.from_layers(
        [([[1, -1, 0], [1, 0, -1], [0, 1, -1]], [0, 0, 0]), ([[1, 1, 1]], [0])]
    )
    found = complex_of(network, regions.Box.cube(3, 0, 1), engine="lp")
    assert sum(map(len, found.neighbours)) == 2 * 6  # n!(n-1)/2 edges


@pytest.mark.parametrize("seed", range(3))
def test_neighbours_have_different_colours(seed: int):
    found = complex_of(random_network(seed, (2, 8, 8, 1)), engine="lp")
    colours = coloured(found.neighbours)
    assert all(colours[i] != colours[j] for i, near in enumerate(found.neighbours) for j in near)
    assert colours.max() < 6
    # every edge that is no side of the domain has a neighbour behind it
    inner = [sum(min(labels) >= 0 for labels, _ in shape.faces) for shape in found.shapes]
    assert [len(near) for near in found.neighbours] == inner


def test_complete_graphs_need_as_many_colours_as_countries():
    everyone = [set(range(5)) - {k} for k in range(5)]
    assert sorted(coloured(everyone)) == [0, 1, 2, 3, 4]


# -- classes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seed", "outputs"), [(0, 2), (1, 3), (2, 4), (3, 1)])
def test_classes_agree_with_dense_sampling(seed: int, outputs: int):
    network = random_network(seed, (2, 6, 6, outputs))
    found = complex_of(network, engine="lp")
    classes = classes_of(found)
    total = sum(exact_area(piece.corners) for piece in classes.pieces)
    assert total == pytest.approx(4, abs=1e-9)
    points = np.random.default_rng(seed).uniform(-1, 1, (4000, 2))
    values = network.evaluate(points)
    winners = (values[:, 0] > 0).astype(int) if outputs == 1 else values.argmax(axis=1)
    for piece in classes.pieces:
        inside = np.ones(len(points), dtype=bool)
        for p, q in zip(piece.corners, np.roll(piece.corners, -1, axis=0), strict=True):
            side = (q[0] - p[0]) * (points[:, 1] - p[1]) - (q[1] - p[1]) * (points[:, 0] - p[0])
            inside &= side > 1e-9
        assert (winners[inside] == piece.winner).all()
    assert len({piece.winner for piece in classes.pieces}) == len(set(winners.tolist()))


def exact_area(corners: np.ndarray) -> float:
    x, y = corners.T
    return float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2


@pytest.mark.parametrize("seed", range(3))
def test_the_boundary_is_where_two_outputs_tie(seed: int):
    network = random_network(seed, (2, 6, 6, 3))
    boundary = classes_of(complex_of(network, engine="lp")).boundary
    assert len(boundary)
    middles = boundary.mean(axis=1)
    best = np.sort(network.evaluate(middles), axis=1)
    assert np.abs(best[:, -1] - best[:, -2]).max() < 1e-9
    # and it is all of it: along random lines the winner changes exactly where they cross it
    rng = np.random.default_rng(seed)
    for _ in range(20):
        ends = rng.uniform(-1, 1, (2, 2))
        line = ends[0] + np.linspace(0, 1, 20001)[:, None] * (ends[1] - ends[0])
        winners = network.evaluate(line).argmax(axis=1)
        changes = np.flatnonzero(np.diff(winners))
        assert len(changes) == sum(crosses(ends, segment) for segment in boundary)


def crosses(ends: np.ndarray, segment: np.ndarray) -> bool:
    def side(p: np.ndarray, q: np.ndarray, x: np.ndarray) -> float:
        return float((q[0] - p[0]) * (x[1] - p[1]) - (q[1] - p[1]) * (x[0] - p[0]))

    (a, b), (c, d) = ends, segment
    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0


def test_equal_outputs_go_to_the_first():
    same = regions.Network.from_layers([([[1, 0]], [0]), ([[1], [1]], [0, 0])])
    classes = classes_of(complex_of(same, engine="lp"))
    assert {piece.winner for piece in classes.pieces} == {0}
    assert classes.whole.tolist() == [0, 0]


def test_a_boundary_along_the_edge_of_a_region_is_drawn():
    # the output is ReLU(x): class 1 to the right of x = 0, and zero, class 0, to its left
    network = regions.Network.from_layers([([[1, 0]], [0]), ([[1]], [0])])
    classes = classes_of(complex_of(network, engine="lp"))
    assert [sorted(map(tuple, line)) for line in classes.boundary.tolist()] == [[(0, -1), (0, 1)]]
    assert classes.whole.tolist() == [0, 1]
