"""Random walks inside a cell: what they walk in, what law they have, and how far they reach."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import regions
from regions.cell import Cell, Unit
from regions.domain import Ball, Box, Polytope, Segment, Space
from regions.errors import DomainError, InputError, ModelError
from regions.network import Network

torch = pytest.importorskip("torch")

from regions.layers import (  # noqa: E402
    AveragePool,
    BatchNorm,
    Conv,
    Dense,
    GraphBuilder,
    MaxPool,
    Relu,
    Reshape,
    Sum,
)
from regions.sample import inside  # noqa: E402
from regions.sample.around import around  # noqa: E402
from regions.sample.cell_rows import CellRows  # noqa: E402
from regions.sample.certainty import ErrorBounds  # noqa: E402
from regions.sample.diagnostics import drift, effective_size, split_rhat  # noqa: E402
from regions.sample.evaluator import Evaluator  # noqa: E402
from regions.sample.rows import HalfSpaces, Rounded, Sides, Stacked  # noqa: E402
from regions.sample.sight import look  # noqa: E402
from regions.sample.threads import threads_for  # noqa: E402
from regions.windows import Window  # noqa: E402

SEEDS = range(8)
BOUND = 4.5  # standard errors: 7e-6 for one comparison


def tensor(values: object) -> Any:
    return torch.tensor(values, dtype=torch.float64)


def walk(*arguments: Any, **options: Any) -> Any:
    """`inside.walk`, which gives None only where it is stopped."""
    return inside.walk(*arguments, **options)


def dense_network(seed: int, *widths: int) -> Network:
    """Random weights that are multiples of 1/64: doubles, and short rationals."""
    rng = np.random.default_rng(seed)
    layers = [
        (rng.integers(-64, 65, (out, into)) / 64, rng.integers(-32, 33, out) / 64)
        for into, out in itertools.pairwise(widths)
    ]
    return Network.from_layers(layers)


def double(model: object, **options: object) -> Evaluator:
    return Evaluator.of(model, device="cpu", precision="double", **options)  # type: ignore[arg-type]


# -- convergence ---------------------------------------------------------------------------------


def autoregressive(rho: float, chains: int, draws: int, seed: int = 0) -> np.ndarray:
    """x_t = ρ x_t-1 + √(1-ρ²) e_t, from its stationary law: τ = (1+ρ)/(1-ρ)."""
    rng = np.random.default_rng(seed)
    series = rng.standard_normal((chains, draws))
    for t in range(1, draws):
        series[:, t] = rho * series[:, t - 1] + math.sqrt(1 - rho**2) * series[:, t]
    return series


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9, -0.4])
def test_effective_size_of_autoregressive_chains(rho: float):
    found = effective_size(autoregressive(rho, 200, 2000)) / 400_000
    assert found == pytest.approx((1 - rho) / (1 + rho), rel=0.1)


def test_effective_size_by_hand():
    """The formulas again, with loops."""
    table = autoregressive(0.6, 2, 12, seed=3)
    halves = [half for chain in table for half in (chain[:6], chain[6:])]
    number = 6
    within = sum(np.var(h, ddof=1) for h in halves) / 4
    means = [h.mean() for h in halves]
    total = (number - 1) / number * within + np.var(means, ddof=1)
    rho = []
    for lag in range(number):
        each = [
            sum((h[s] - h.mean()) * (h[s + lag] - h.mean()) for s in range(number - lag)) / 5
            for h in halves
        ]
        rho.append(1 - (within - sum(each) / 4) / total)
    rho[0] = 1.0
    pairs = []
    for k in range(3):
        pair = rho[2 * k] + rho[2 * k + 1]
        if pair <= 0:
            break
        pairs.append(min([pair, *pairs]))
    time = max(2 * sum(pairs) - 1, 1 / math.log10(24))
    assert effective_size(table) == pytest.approx(24 / time, rel=1e-12)
    assert split_rhat(table) == pytest.approx(math.sqrt(total / within), rel=1e-12)


def test_rhat_sees_chains_apart_trends_and_constants():
    noise = autoregressive(0.0, 4, 1000)
    assert abs(split_rhat(noise) - 1) < 0.01
    assert split_rhat(noise + np.arange(4)[:, None]) > 1.4
    assert split_rhat(noise + np.linspace(0, 3, 1000)) > 1.2  # a trend that all chains share
    assert abs(float(drift(noise))) < BOUND < abs(float(drift(noise + np.linspace(0, 1, 1000))))
    assert math.isnan(split_rhat(np.ones((3, 8))))
    assert math.isnan(effective_size(np.ones((3, 8))))
    assert split_rhat(np.array([[0.0] * 4, [1.0] * 4])) == math.inf


def test_too_few_draws_are_refused():
    with pytest.raises(InputError, match=r"\(\.\.\., chains, 4 or more\), got \(2, 3\)"):
        split_rhat(np.zeros((2, 3)))


# -- the law -------------------------------------------------------------------------------------

TRIANGLE = HalfSpaces(tensor([[-1.0, 0.0], [0.0, -1.0], [1.0, 1.0]]), tensor([0.0, 0.0, 1.0]))


def moments(points: np.ndarray, powers: list[tuple[int, ...]]) -> list[tuple[float, float]]:
    """Mean and standard error of monomials over independent points."""
    values = [np.prod(points ** np.array(power), axis=1) for power in powers]
    return [(v.mean(), v.std(ddof=1) / math.sqrt(len(v))) for v in values]


@pytest.mark.parametrize("method", ["hit-and-run", "billiard"])
def test_uniform_in_a_triangle(method: str):
    """From near a corner: E x^a y^b = 2 a! b! / (a+b+2)!."""
    points = np.concatenate(
        [
            walk(
                TRIANGLE, np.array([0.9, 0.05]), method=method, chains=500, steps=40, seed=s
            ).points
            for s in SEEDS
        ]
    )
    powers = [(1, 0), (0, 1), (2, 0), (1, 1), (0, 2), (4, 0), (3, 3)]
    for power, (mean, error) in zip(powers, moments(points, powers), strict=True):
        a, b = power
        exact = 2 * math.factorial(a) * math.factorial(b) / math.factorial(a + b + 2)
        assert abs(mean - exact) < BOUND * error, power


@pytest.mark.parametrize("method", ["hit-and-run", "billiard"])
def test_uniform_in_a_thin_box(method: str):
    sides = np.array([1.0, 0.01, 3.0])
    box = Sides(tensor([0.0, 0.0, 0.0]), tensor(sides))
    found = [
        walk(box, sides * [0.9, 0.1, 0.5], method=method, chains=400, steps=40, seed=s)
        for s in SEEDS
    ]
    points = np.concatenate([one.points for one in found]) / sides
    powers = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (2, 0, 0), (0, 2, 0), (1, 1, 1), (4, 0, 4)]
    for power, (mean, error) in zip(powers, moments(points, powers), strict=True):
        exact = math.prod(1 / (k + 1) for k in power)
        assert abs(mean - exact) < BOUND * error, power
    assert all(one.rounded and one.rejected == 0 for one in found)
    assert np.allclose(np.mean([one.deviations[0] for one in found]), 3 / math.sqrt(12), rtol=0.02)
    assert all(abs(one.axes[0, 2]) > 0.999 for one in found)


def test_a_walk_that_has_not_mixed_says_so():
    long = Sides(tensor([0.0] * 30), tensor([1.0] * 30))
    found = walk(long, np.full(30, 0.02), chains=50, steps=12, warmup=0)
    assert not found.converged
    assert found.worst_drift > BOUND or found.worst_rhat > 1.1


def test_the_same_seed_gives_the_same_walk():
    first, again, other = (
        walk(TRIANGLE, np.array([0.2, 0.2]), chains=20, steps=20, seed=seed) for seed in (1, 1, 2)
    )
    assert np.array_equal(first.points, again.points)
    assert not np.array_equal(first.points, other.points)


@pytest.mark.parametrize("method", ["hit-and-run", "billiard"])
def test_a_walk_that_is_stopped_keeps_the_steps_it_has(method: str):
    asked = itertools.count()
    found = walk(
        TRIANGLE, np.array([0.2, 0.2]), method=method, chains=20, steps=10**6, warmup=6,
        stop=lambda: next(asked) > 1500,
    )  # fmt: skip
    assert found is not None and 4 <= found.steps < 1500
    assert found.least_size > 20
    inside = TRIANGLE.slacks(tensor(found.points))
    assert float(inside.min()) > -1e-15
    assert walk(TRIANGLE, np.array([0.2, 0.2]), method=method, stop=lambda: True) is None


class Cramped:
    """A triangle on a device that holds few directions at once."""

    def __init__(self, most: int) -> None:
        self.most, self.refused = most, 0
        self.inputs, self.number = 2, 3

    def _room(self, number: int) -> None:
        if number > self.most:
            self.refused += 1
            raise torch.OutOfMemoryError("no room")

    def slacks(self, points: Any) -> Any:
        self._room(len(points))
        return TRIANGLE.slacks(points)

    def slopes(self, ways: Any) -> Any:
        self._room(len(ways))
        return TRIANGLE.slopes(ways)

    def gradients(self, index: Any) -> Any:
        self._room(2 * len(index))
        return TRIANGLE.gradients(index)


@pytest.mark.parametrize("method", ["hit-and-run", "billiard"])
def test_too_little_memory_changes_nothing(method: str):
    rows = Cramped(12)
    options: dict[str, Any] = {"method": method, "chains": 40, "steps": 8}
    found = walk(rows, np.array([0.2, 0.2]), **options)
    assert rows.refused > 0
    np.testing.assert_allclose(
        found.points, walk(TRIANGLE, np.array([0.2, 0.2]), **options).points, atol=1e-12
    )


def test_threads_are_as_before():
    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError), threads_for(10):
        assert torch.get_num_threads() == 1
        _ = 1 / 0
    assert torch.get_num_threads() == before
    with threads_for(10**9):
        assert torch.get_num_threads() == before


def test_coordinates_there_and_back():
    root = tensor([[2.0, 0.0], [1.0, 0.5]])
    rounded = Rounded(TRIANGLE, tensor([0.25, 0.25]), root)
    y = tensor([[0.1, -0.2], [0.0, 0.3]])
    assert torch.allclose(rounded.over_y(rounded.over_x(y)), y)
    index = torch.tensor([2, 0])
    slopes = rounded.slopes(torch.eye(2, dtype=torch.float64))
    assert torch.allclose(rounded.gradients(index), slopes[:, index].T)


def test_stacked_rows_are_those_of_the_parts():
    box = Sides(tensor([0.0, -math.inf]), tensor([1.0, 2.0]))
    both = Stacked([TRIANGLE, box])
    assert both.number == 6
    slopes = both.slopes(torch.eye(2, dtype=torch.float64))
    index = torch.tensor([5, 0, 3, 4, 2])
    assert torch.equal(both.gradients(index), slopes[:, index].T)
    assert both.slacks(tensor([[0.25, 0.5]])).tolist() == [[0.25, 0.5, 0.25, 0.25, 0.75, 1.5]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "gibbs"}, "no method 'gibbs'; choose one of auto, hit-and-run, billiard"),
        ({"method": "billiard", "warmup": 0}, "a billiard needs steps to warm up"),
        ({"chains": 1}, "chains needs 2 or more"),
        ({"steps": 3}, "steps needs 4 or more"),
        ({"warmup": -1}, "warmup needs 0 or more"),
        ({"seed": -1}, "seed needs 0 or more"),
        ({"along": np.zeros((1, 3))}, r"shape \(number, 2\), got \(1, 3\)"),
    ],
)
def test_bad_arguments_of_a_walk(options: dict[str, object], message: str):
    with pytest.raises(InputError, match=message):
        walk(TRIANGLE, np.array([0.2, 0.2]), **options)  # type: ignore[arg-type]


# -- cells ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_rows_of_a_cell_are_those_of_the_exact_side(seed: int):
    network = dense_network(seed, 3, 6, 5, 2)
    x = np.random.default_rng(seed).uniform(-1, 1, 3).round(3)
    rows = CellRows(double(network), x)
    cell = Cell.of(network, network.pattern(x), Space(3))
    assert rows.certain
    assert [tuple(u) for u in rows.units] == [(o.layer, o.unit) for o in cell.origins]  # type: ignore[union-attr]
    points = np.random.default_rng(1).normal(size=(4, 3))
    slacks = rows.slacks(tensor(points)).numpy()
    np.testing.assert_allclose(slacks, cell.b - points @ cell.A.T, atol=1e-13)
    gradients = rows.gradients(torch.arange(rows.number)).numpy()
    np.testing.assert_allclose(gradients, -cell.A, atol=1e-13)
    np.testing.assert_allclose(rows.slopes(tensor(points)).numpy(), -points @ cell.A.T, atol=1e-13)
    prefix = CellRows(double(network), x, layers=1)
    assert torch.equal(prefix.slacks(tensor(points)), rows.slacks(tensor(points))[:, :6])


@pytest.mark.parametrize("seed", range(4))
def test_extents_stay_below_the_widths_and_approach_them(seed: int):
    network = dense_network(seed, 3, 5, 4, 1)
    x = np.random.default_rng(seed + 50).uniform(-1, 1, 3).round(3)
    ways = np.array([[1.0, 1.0, 1.0], [1.0, -2.0, 0.5]])
    domain = Box.cube(3, -1, 1)
    shape = regions.measure(network, x, domain, directions=ways)
    found = around(double(network), x, domain, chains=300, steps=100, along=ways, seed=seed)
    assert found.walk is not None
    exact = [float(w) for w in (*shape.widths.axis, *shape.widths.along)]  # type: ignore[misc, arg-type]
    reach = [*found.walk.widths, *(found.walk.along[:, 1] - found.walk.along[:, 0])]
    for far, width in zip(reach, exact, strict=True):
        # ends are pulled in by 1e-12 of a chord, rounding is of the order of 1e-16
        assert 0.95 * width <= far <= width * (1 + 1e-15) + 1e-15
    assert found.confirmed == 300
    assert found.walk.converged
    target = network.pattern(x)
    assert all(network.pattern(point) == target for point in found.walk.points[:20])


@pytest.mark.parametrize("seed", range(6))
def test_balls_against_exact_ones(seed: int):
    network = dense_network(seed + 20, 4, 6, 6, 1)
    x = np.random.default_rng(seed).uniform(-1, 1, 4).round(3)
    domain = Box.cube(4, -2, 2)
    found = around(double(network), x, domain, steps=0, directions=500, seed=seed)
    cell = Cell.of(network, network.pattern(x), domain)
    point = [Fraction(v) for v in x.tolist()]
    squares, sums = [], []
    for row in cell.rows:
        a = [Fraction(int(q.p), int(q.q)) for q in row.coefficients]
        slack = Fraction(int(row.limit.p), int(row.limit.q)) - sum(
            p * q for p, q in zip(a, point, strict=True)
        )
        if any(a):
            squares.append((slack**2 / sum(q * q for q in a), row.origin))
            sums.append((slack / sum(abs(q) for q in a), row.origin))
    for norm, exact in (
        ("euclidean", min(s for s, _ in squares)),
        ("maximum", min(s for s, _ in sums)),
    ):
        radius, certain = found.ball(norm)
        assert certain is not None and certain.high - certain.low < 1e-9
        power = 2 if norm == "euclidean" else 1
        assert Fraction(certain.low) ** power <= exact <= Fraction(certain.high) ** power
        assert certain.low <= radius <= certain.high
    layer, unit = found.units[found.to_units.euclidean_row]
    nearest = min((s for s in squares if isinstance(s[1], Unit)), key=lambda s: s[0])[1]
    assert isinstance(nearest, Unit) and (nearest.layer, nearest.unit) == (layer, unit)
    assert found.distances.min() >= found.ball("euclidean")[0]
    assert set(found.met) <= {0, 1, 2}


def test_distance_along_a_direction_ends_at_the_boundary():
    network = dense_network(3, 2, 6, 6, 1)
    x = np.array([0.137, -0.41])
    rows = CellRows(double(network), x)
    found = look(rows, x, 300, seed=4)
    assert np.isfinite(found.distances).any()
    generator = torch.Generator().manual_seed(4)
    ways = torch.randn(300, 2, generator=generator, dtype=torch.float64)
    ways = (ways / ways.norm(dim=1, keepdim=True)).numpy()
    target = network.pattern(x)
    for far, row, way in list(zip(found.distances, found.rows, ways, strict=True))[:40]:
        if not np.isfinite(far):
            assert row == -1
            continue
        assert network.pattern(x + 0.999999 * far * way) == target
        beyond = str(network.pattern(x + 1.000001 * far * way)).split("/")
        layer, unit = rows.units[row]
        assert beyond[layer - 1][unit] != str(target).split("/")[layer - 1][unit]


def convolutional(pool: bool, normalised: bool = False) -> object:
    """A residual block; on request a max-pooling, or batch norm and an average.

    Weights are multiples of 1/8.
    """
    rng = np.random.default_rng(5)
    builder = GraphBuilder((1, 1, 4, 4))
    window = Window((3, 3), (1, 1), (1, 1, 1, 1), (1, 1))
    first = builder.add(
        Conv(rng.integers(-8, 9, (2, 1, 3, 3)) / 8, np.array([0.25, -0.5]), window), builder.input
    )
    if normalised:
        scale, shift, mean, variance = (
            np.array(pair) for pair in ([0.3, -2.0], [0.1, 0.7], [0.2, -0.4], [0.5, 2.0])
        )
        first = builder.add(BatchNorm(scale, shift, mean, variance, 1e-5), first)
    active = builder.add(Relu(), first)
    second = builder.add(Conv(rng.integers(-8, 9, (2, 2, 3, 3)) / 8, None, window), active)
    value = builder.add(Relu(), builder.add(Sum((1, -1)), second, active))
    if pool:
        value = builder.add(MaxPool(Window((2, 2), (2, 2), (0, 0, 0, 0), (1, 1))), value)
    if normalised:
        thirds = Window((3, 3), (1, 1), (0, 0, 0, 0), (1, 1))
        mean = builder.add(AveragePool(thirds), value)  # a ninth is no double
        mixed = Conv(rng.integers(-8, 9, (3, 2, 2, 2)) / 8, np.array([0.1, -0.2, 0.3]),
                     Window((2, 2), (1, 1), (0, 0, 0, 0), (1, 1)))  # fmt: skip
        value = builder.add(Relu(), builder.add(mixed, mean))
    flat = builder.add(Reshape((1, -1)), value)
    size = math.prod(flat.shape)
    return builder.finish(builder.add(Dense(rng.integers(-8, 9, (1, size)) / 8), flat))


@pytest.mark.parametrize("normalised", [False, True])
def test_errors_of_a_convolution_stay_below_their_bounds(normalised: bool):
    from regions.lowering import lower

    graph = convolutional(pool=False, normalised=normalised)
    network = lower(graph)  # type: ignore[arg-type]
    evaluator = double(graph)
    bounds = ErrorBounds.of(evaluator)
    assert bounds is not None
    x = np.random.default_rng(0).normal(size=16)
    rows = CellRows(evaluator, x)
    noise = rows.noise()
    assert rows.certain and noise is not None
    cell = Cell.of(network, network.pattern(x), Space(16))
    origins = {(o.layer, o.unit): k for k, o in enumerate(cell.origins) if isinstance(o, Unit)}
    slacks, gradients = rows.slacks(rows.point)[0], rows.gradients(torch.arange(rows.number))
    point = [Fraction(v) for v in x.tolist()]
    for k, unit in enumerate(rows.units):
        row = cell.rows[origins[int(unit[0]), int(unit[1])]]
        a = [Fraction(int(q.p), int(q.q)) for q in row.coefficients]
        exact = Fraction(int(row.limit.p), int(row.limit.q)) - sum(
            p * q for p, q in zip(a, point, strict=True)
        )
        assert abs(Fraction(float(slacks[k])) - exact) <= Fraction(float(noise[0][k]))
        wrong = sum(abs(Fraction(g) + q) for g, q in zip(gradients[k].tolist(), a, strict=True))
        assert wrong <= Fraction(float(noise[1][k]))
    assert float(noise[0].max()) < 1e-11


def test_max_pooling_is_walked_as_units():
    graph = convolutional(pool=True)
    x = np.random.default_rng(2).normal(size=16)
    with pytest.raises(ModelError, match="max-pooling as layers of units"):
        CellRows(double(graph), x)
    evaluator = double(graph, rounds=True)
    found = around(evaluator, x, Box.cube(16, -4, 4), chains=40, steps=30, directions=50)
    assert found.certain is None  # the error analysis knows no differences of windows
    assert found.confirmed == 40
    assert found.ball("maximum")[1] is None


# -- hard points and domains ---------------------------------------------------------------------


def test_a_unit_that_vanishes_everywhere_has_no_row():
    network = Network.from_layers([([[1, 0], [0, 0], [0, 1]], [0, 0, 0]), ([[1, 1, 1]], [0])])
    rows = CellRows(double(network), [0.5, 0.25])
    assert rows.units.tolist() == [[1, 0], [1, 2]]
    found = around(double(network), np.array([0.5, 0.25]), Box.cube(2, -1, 1), chains=50, steps=20)
    assert found.confirmed == 50


def test_a_point_on_a_boundary_is_refused():
    network = Network.from_layers([([[1, 0], [0, 1]], [0, 0]), ([[1, 1]], [0])])
    with pytest.raises(DomainError, match=r"boundary of its cell.*unit 1:1 is zero there"):
        CellRows(double(network), [0.5, 0.0])
    with pytest.raises(DomainError, match=r"too near to it for float64: unit 1:1"):
        CellRows(double(network), [0.5, 1e-300])


def test_an_unbounded_cell_is_refused_and_a_bounded_one_is_not():
    network = Network.from_layers([([[1, 0], [0, 1]], [0, 0]), ([[1, 1]], [0])])
    evaluator = double(network)
    x = np.array([0.5, 0.25])
    with pytest.raises(DomainError, match="bounded cell"):
        around(evaluator, x, Space(2), chains=10, steps=10)
    seen = around(evaluator, x, Space(2), steps=0)
    assert seen.to_sides is None and seen.ball("maximum")[0] == 0.25
    assert np.isinf(seen.distances).any() and set(seen.met) == {-1, 1}
    half = Polytope([[1, 1]], [1])
    found = around(evaluator, x, half, chains=50, steps=40)
    assert found.walk is not None and found.walk.widths == pytest.approx([1, 1], abs=0.1)


def test_domains_that_do_not_fit():
    network = Network.from_layers([([[1, 0], [0, 1]], [0, 0]), ([[1, 1]], [0])])
    evaluator, x = double(network), np.array([0.5, 0.25])
    with pytest.raises(DomainError, match="room in all directions, got segment"):
        around(evaluator, x, Segment([0, 0], [1, 1]), steps=0)
    with pytest.raises(DomainError, match="no width along input 1"):
        around(evaluator, x, Box([0, 0.25], [1, 0.25]), steps=0)
    with pytest.raises(DomainError, match="outside of the domain"):
        around(evaluator, x, Ball([0, 0], 0.1), steps=0)
    with pytest.raises(DomainError, match="dimension 3"):
        around(evaluator, x, Box.cube(3, -1, 1), steps=0)
    with pytest.raises(InputError, match="precision='double'"):
        CellRows(Evaluator.of(network, device="cpu"), x)


def test_a_walk_from_a_corner_of_the_domain_gets_away():
    network = dense_network(8, 12, 6, 1)
    x = np.where(np.random.default_rng(0).random(12) < 0.5, -1.0, 1.0)
    found = around(double(network), x, Box.cube(12, -1, 1), chains=60, steps=200)
    assert found.moved > 0 and found.confirmed == 60
    assert found.ball("euclidean")[0] == 0 < found.to_units.euclidean
    assert found.walk is not None and (found.walk.widths > 0.2).all()
