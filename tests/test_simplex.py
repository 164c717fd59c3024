"""The simplex engine: known counts, the other engines, the oracle on polytopes, room to grow."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

import regions
from regions.counting import by_simplex, compiled
from regions.counting.by_simplex import SimplexEngine
from regions.counting.tree import Stop
from tests import oracle
from tests.cases import Case, TorchCase, braid, differences, doubled, frozen, resonance
from tests.plain import PlainDomain, cube, feed_forward, polytope
from tests.strategies import Problem

KNOWN = {(8, 12, 12, 1): 21_880, (10, 16, 1): 37_032}


def asides(result: regions.Count) -> int:
    """Cells that floats alone could not count."""
    return int(str(result.stats["set_aside"])) + int(str(result.stats["deepened"]))


@pytest.mark.parametrize("widths", KNOWN, ids=lambda widths: "-".join(map(str, widths)))
def test_known_counts_are_exact(widths: tuple[int, ...]):
    pytest.importorskip("torch")
    result = regions.count(TorchCase(widths, KNOWN[widths]).build(), engine="simplex")
    assert (result.lower, result.upper, result.engine) == (KNOWN[widths],) * 2 + ("simplex",)
    assert (asides(result), result.stats["dimension"]) == (0, widths[0])
    assert float(str(result.stats["rational_share"])) == 0


CENTRAL = {
    "braid-4": (braid(4), 24),
    "forests-3": (braid(3, biases=True), 7),
    "resonance-3": (resonance(3), 32),
    "resonance-4": (resonance(4), 370),
    "shi-4": (differences(4, (0, 1)), 125),
    "catalan-4": (differences(4, (-1, 0, 1)), 336),
}


@pytest.mark.parametrize("name", CENTRAL)
def test_arrangements_that_a_large_box_contains(name: str):
    """All bounded regions, and some of each unbounded one, are in a box that is large enough."""
    network, expected = CENTRAL[name]
    result = regions.count(network.build(), cube(network.inputs, -20, 21).build(), engine="simplex")
    assert (result.lower, result.upper) == (expected, expected)


# ------------------------------------------------------------------ generic networks


def generic(random: np.random.Generator, inputs: int, *widths: int) -> regions.Network:
    layers = []
    for below, width in pairwise((inputs, *widths)):
        layers.append((random.standard_normal((width, below)), random.standard_normal(width) / 2))
    return regions.Network.from_layers([*layers, (np.ones((1, widths[-1])), [0])])


@pytest.mark.parametrize("seed", range(30))
def test_generic_networks_of_middle_dimension_equal_lp(seed: int):
    random = np.random.default_rng(seed)
    inputs = 6 + seed % 7
    network = generic(random, inputs, *(int(w) for w in random.integers(2, 6, 2)))
    domain: regions.Domain = regions.Box.cube(inputs, -1, "1/3")
    if seed % 2:  # cut off a corner and a slab
        rows = np.round(64 * random.standard_normal((3, inputs))) / 64
        domain = domain & regions.Polytope(rows, ["1/2", "1/3", "1"])
    fast = regions.count(network, domain, engine="simplex")
    assert int(fast) == int(regions.count(network, domain, engine="lp"))
    assert asides(fast) <= 2  # floats decide nearly all of a generic network


@pytest.mark.parametrize("seed", range(30))
def test_generic_networks_of_low_dimension_equal_vertices(seed: int):
    random = np.random.default_rng(seed)
    inputs = 1 + seed % 5
    network = generic(random, inputs, *(int(w) for w in random.integers(4, 15, 1 + seed % 3)))
    domain = regions.Box([-2] * inputs, [Fraction(k + 1, 3) for k in range(inputs)])
    fast = regions.count(network, domain, engine="simplex")
    assert int(fast) == int(regions.count(network, domain, engine="vertices"))
    assert asides(fast) <= 2  # floats decide nearly all of a generic network


def dyadic(random: np.random.Generator, *size: int) -> list:
    return [Fraction(int(k), 32) for k in random.integers(-99, 100, int(np.prod(size)))]


def on_polytope(seed: int, double: bool = False) -> Problem:
    """Small generic layers on a cube from which slanted rows cut; with `double` they touch."""
    random = np.random.default_rng(seed)
    inputs = int(random.integers(1, 4))
    widths = [int(w) for w in random.integers(2, 5, random.integers(1, 4))]
    layers = []
    for below, width in pairwise([inputs, *widths]):
        numbers = iter(dyadic(random, width, below + 1))
        units = [(tuple(next(numbers) for _ in range(below)), next(numbers)) for _ in range(width)]
        if double and random.random() < 0.6:  # a repeated, an opposite, a central one
            kind, (weights, bias) = int(random.integers(3)), units[0]
            sign = 1 if kind == 0 else -1
            units[-1] = (
                (weights, 0) if kind == 2 else (tuple(sign * w for w in weights), sign * bias)
            )
        layers.append(units)
    rows = []
    for k in range(int(random.integers(0, 4))):
        a = tuple(dyadic(random, inputs))
        touching = double and k % 2
        limit = sum((abs(v) for v in a), Fraction(0)) / 2  # through middles of the cube's sides
        rows.append((a, limit if touching else Fraction(int(random.integers(8, 60)), 32)))
    first = cube(inputs)
    domain = PlainDomain(inputs, "intersection", (first, polytope(rows, inputs))) if rows else first
    return Problem(feed_forward(inputs, *layers), domain)


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("seed", range(40))
def test_polytopes_equal_the_oracle(seed: int, double: bool):
    problem = on_polytope(seed, double)
    network, domain = problem.network, problem.domain
    expected = len(oracle.regions(network.layers, domain.rows, network.inputs))
    result = regions.count(network.build(), domain.build(), engine="simplex")
    assert (result.lower, result.upper) == (expected, expected)
    assert double or asides(result) <= 2


# ------------------------------------------------------------------ room


ROOM = {
    case.name: case
    for case in (
        Case("doubled", doubled(frozen((9, 5))), cube(2), 83),
        Case("frozen", frozen((4, 4, 4)), cube(2), 20),
    )
}


@pytest.mark.parametrize("stack", [2, 3, 16])
@pytest.mark.parametrize("room", [1, 2, 64])
@pytest.mark.parametrize("name", ROOM)
def test_stacks_grow_and_failures_are_drained(
    name: str, room: int, stack: int, monkeypatch: pytest.MonkeyPatch
):
    grow, sizes = SimplexEngine.grow, []

    def grown(self: SimplexEngine) -> None:
        grow(self)
        sizes.append(len(self.cells.layer))

    monkeypatch.setattr(SimplexEngine, "grow", grown)
    monkeypatch.setattr(by_simplex, "STACK", stack)
    monkeypatch.setattr(by_simplex, "FAILURES", room)
    case, reports = ROOM[name], []
    result = regions.count(
        case.network.build(), case.domain.build(), engine="simplex", progress=reports.append
    )
    assert (result.lower, result.upper) == (case.regions, case.regions)
    if stack < 4:
        assert sizes == [stack << k for k in range(1, len(sizes) + 1)] and sizes
    if name == "doubled":
        assert int(str(result.stats["set_aside"])) > room or room == 64
    assert all(r.lower <= case.regions <= r.upper for r in reports)


def test_a_deep_stack_grows_by_itself():
    network = generic(np.random.default_rng(5), 9, 40)
    engines = []
    grow = SimplexEngine.grow
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SimplexEngine, "grow", lambda self: (engines.append(self), grow(self)))
        result = regions.count(network, time_limit=1, engine="simplex")
    assert engines and result.lower >= 1
    cells = engines[-1].cells
    for name, before in [*cells._asdict().items(), *cells.basis._asdict().items()]:
        assert name == "basis" or len(before) == len(cells.layer), name


CUT = polytope([((1, 1, 1, -2), Fraction(1, 2)), ((-1, 2, 0, 1), Fraction(1, 3))], 4)
SHARED = PlainDomain(4, "intersection", (cube(4), CUT))


@pytest.mark.parametrize("looks", [*range(12), 20, 40, 80, 160])
def test_a_limit_in_a_polytope_leaves_true_bounds(looks: int, monkeypatch: pytest.MonkeyPatch):
    """One node between two looks, none of them set aside: the bounds are those of the stack."""
    network = frozen((6, 5, 3), inputs=4).build()
    true = int(regions.count(network, SHARED.build(), engine="lp"))
    left, reports = [looks], []

    def reason(self: Stop) -> str | None:
        left[0] -= 1
        return "time limit" if left[0] < 0 else None

    monkeypatch.setattr(Stop, "reason", reason)
    for name, value in (("BUDGET", 1), ("SECONDS", 0.0), ("REPORT_SECONDS", 0.0)):
        monkeypatch.setattr(compiled, name, value)
    frame_looks = 3  # the frame and the root may look first
    left[0] += frame_looks
    result = regions.count(network, SHARED.build(), engine="simplex", progress=reports.append)
    assert result.lower <= true <= result.upper and result.lower >= min(looks, 1)
    assert all(r.lower <= true <= r.upper for r in reports)
    uppers, lowers = [r.upper for r in reports], [r.lower for r in reports]
    assert uppers == sorted(uppers, reverse=True) and lowers == sorted(lowers)
