"""What the vertices engine stores in the middle of a search, against rationals.

Every vertex on its stack lies within its bound of the true vertex, and every value of a unit that
may cut lies within its bound of the true value.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest
from flint import fmpq

import regions
from regions.composition import exact_row
from regions.counting import shape
from regions.counting.by_lp import LPEngine
from regions.counting.by_vertices import VertexEngine
from regions.counting.compiled import DONE, GROW
from regions.counting.tree import Stop
from regions.frame import Frame
from solvers.backend import get_backend
from solvers.float_rows import gamma
from solvers.rational import rational, solve


def engine_for(network: regions.Network, domain: regions.Box) -> VertexEngine:
    backend = get_backend("highs")
    frame = Frame.of(domain, backend, Stop(None))
    return VertexEngine(network, frame, LPEngine(network, frame, backend, Stop(None)))


def network_of(dim: int, widths: tuple[int, ...], seed: int, numbers: str) -> regions.Network:
    random = np.random.default_rng(seed)
    layers = []
    for below, width in zip((dim, *widths), widths, strict=False):
        weights, bias = random.standard_normal((width, below)), random.standard_normal(width) / 3
        if numbers == "rationals":  # weights that are no doubles
            exact = [[Fraction(int(1e6 * w), 3000017) for w in row] for row in weights]
            layers.append((exact, [Fraction(int(1e6 * b), 3000017) for b in bias]))
        else:
            layers.append((weights.astype(numbers), bias.astype(numbers)))
    return regions.Network.from_layers([*layers, (np.ones((1, widths[-1])), [0])])


def cancelling(dim: int, pairs: int, seed: int) -> regions.Network:
    """Second rows are large multiples of small differences: their errors are those of the first."""
    random = np.random.default_rng(seed)
    first, second = [], np.zeros((pairs, 2 * pairs))
    for i in range(pairs):
        row = [Fraction(int(w), 3000017) for w in random.integers(-3000000, 3000000, dim)]
        near = [
            w + Fraction(int(d), 7 << 20)
            for w, d in zip(row, random.integers(-9, 9, dim), strict=True)
        ]
        first += [row, near]
        second[i, 2 * i], second[i, 2 * i + 1] = 1 << 20, -1 << 20
    # every unit of layer 1 is on in the whole box, so that all of layer 2 cuts it
    layers = [(first, [3 * dim] * len(first)), (second, random.standard_normal(pairs) / 9)]
    for below, width in ((pairs, 4), (4, 3)):
        weights = random.standard_normal((width, below))
        layers.append((weights, random.standard_normal(width) / 9))
    return regions.Network.from_layers([*layers, (np.ones((1, 3)), [0])])


def pauses(engine: VertexEngine, times: int) -> Iterator[None]:
    """Stop a search again and again."""
    for step in range(times):
        while (code := engine.advance(1 + step % 7)) == GROW:
            engine.grow()
        yield
        if code == DONE:
            return


def exact_form(engine: VertexEngine, frame: int, name: int) -> tuple[list[fmpq], fmpq]:
    """The true form behind the name of a facet slot."""
    dim, width = engine.frame.dim, engine.shape.weights.shape[1]
    if name < 0:
        side = -1 - name
        bounds = engine.frame.upper if side & 1 else engine.frame.lower
        bound = bounds[side >> 1]
        assert bound is not None
        row = [fmpq(int(k == side >> 1)) for k in range(dim)]
        return row, -bound / rational(float(engine.scale[side >> 1]))
    slot, unit = divmod(name, width)
    layer = 0 if slot == 0 else int(engine.frames.layer[slot - 1]) + 1
    bits = engine._named(frame).bits
    return exact_row(engine.scaled, bits, layer + 1, unit)


def check_vertices(engine: VertexEngine) -> float:
    """Compare all vertices of the open nodes; the largest share of a bound that was needed."""
    frames, used = engine.frames, 0.0
    for frame in np.flatnonzero(~frames.expanded[: engine.state[0]]).tolist():
        place, forms = int(frames.place[frame]), {}
        for i in range(int(frames.number[frame])):
            word = int(engine.vertices.facets[place, i])
            slots = [slot for slot in range(64) if word >> slot & 1]
            assert len(slots) == engine.frame.dim
            for slot in slots:
                if slot not in forms:
                    forms[slot] = exact_form(engine, frame, int(frames.facet[frame, slot]))
            rows = [forms[slot] for slot in slots]
            true = solve([row for row, _ in rows], [-constant for _, constant in rows])
            assert true is not None
            x = engine.vertices.x[place, :, i].tolist()
            away = max(abs(rational(p) - q) for p, q in zip(x, true, strict=True))
            bound = float(engine.vertices.error[place, i])
            assert away <= rational(bound)
            used = max(used, float(Fraction(int(away.p), int(away.q))) / bound)
    return used


def check_values(engine: VertexEngine, random: np.random.Generator) -> float:
    """Compare the values of the cutting units at points of the box, with the bounds on them."""
    frames, shape_, dim = engine.frames, engine.shape, engine.frame.dim
    used = 0.0
    for frame in np.flatnonzero(~frames.expanded[: engine.state[0]]).tolist():
        layer, slot = int(frames.layer[frame]), int(frames.current[frame])
        if layer < 0:
            continue
        prefix = engine._named(frame)
        for unit in range(int(shape_.widths[layer])):
            if not int(frames.active[frame, unit >> 6]) >> (unit & 63) & 1:
                continue
            row, constant = exact_row(engine.scaled, prefix.bits[:layer], layer + 1, unit)
            floats = engine.maps.rows[slot, :dim, unit]
            norm, wrong = engine.maps.norms[slot, unit], engine.maps.errors[slot, unit]
            assert sum(abs(a) for a in row) <= rational(float(norm))
            corner = np.where(random.random(dim) < 0.5, shape_.low, shape_.high)
            value = float(engine.maps.rows[slot, dim, unit])
            for k in range(dim):
                value += floats[k] * corner[k]
            true = constant
            for a, q in zip(row, corner.tolist(), strict=True):
                true += a * rational(q)
            away = abs(rational(float(value)) - true)
            used = max(used, float(Fraction(int(away.p), int(away.q))) / wrong)
            # the row's own error there, and the most that evaluating it anywhere may add
            inexact = rational(float(engine.maps.rows[slot, dim, unit])) - true
            for a, q in zip(floats.tolist(), corner.tolist(), strict=True):
                inexact += rational(a) * rational(q)
            size = abs(float(engine.maps.rows[slot, dim, unit])) + np.abs(floats) @ shape_.size
            assert abs(inexact) + rational(gamma(dim + 1) * float(size)) <= rational(float(wrong))
            assert away <= rational(float(wrong))
    return used


CASES = {
    "2-9-9-9": (network_of(2, (9, 9, 9), 5, "float64"), (-1, 1)),
    "3-7-7-7-7": (network_of(3, (7, 7, 7, 7), 5, "float32"), (-1, 1)),
    "rational 4-6-6-5": (network_of(4, (6, 6, 5), 5, "rationals"), ("-1/3", "2/7")),
    "5-7-6": (network_of(5, (7, 6), 5, "float64"), (-1, 1)),
    "rational 1-5-5-5-5": (network_of(1, (5, 5, 5, 5), 5, "rationals"), ("-1/3", "2/7")),
    "cancelling 3": (cancelling(3, 6, 5), (-1, 1)),
    "cancelling 2": (cancelling(2, 9, 6), (-1, 1)),
}


@pytest.mark.parametrize("tolerated", [0.0, shape.TOLERATED, 1e300])
@pytest.mark.parametrize("name", CASES)
def test_vertices_and_values_lie_within_their_bounds(
    name: str, tolerated: float, monkeypatch: pytest.MonkeyPatch
):
    """Vertices that are computed afresh each time, now and then, or only for the sake of a sign."""
    monkeypatch.setattr(shape, "TOLERATED", tolerated)
    network, (low, high) = CASES[name]
    random = np.random.default_rng(1)
    engine = engine_for(network, regions.Box.cube(network.inputs, low, high))
    vertices = values = 0.0
    for _ in pauses(engine, 25):
        vertices = max(vertices, check_vertices(engine))
        values = max(values, check_values(engine, random))
    assert vertices > 1e-3 or tolerated > 1 or network.inputs == 1, "a bound that is of use"
    assert values > (1e-3 if "cancelling" in name else 1e-4)


@pytest.mark.parametrize("first", [(0, 1, 2), (0, 1), (0,)])
def test_a_line_through_an_ill_conditioned_vertex_is_not_decided_by_floats(first: tuple):
    """Two lines at a tiny angle meet where floats err by much, and a third meets them there.

    Lines a·x + b·y = a/3 + b/7, times 21: all numbers are integers.  Three lines through a point
    make six regions; a float vertex that is off makes seven.
    """
    for shift in range(12):
        normals = [(1 << 20, 1 + shift), ((1 << 20) + 1, 1 + shift), (1 + shift, 3)]
        lines = [([21 * a, 21 * b], -(7 * a + 3 * b)) for a, b in normals]
        # the other lines are those of layer 2, which reads x + 2 and y + 2; the steep one is last
        layer = [*(lines[i] for i in first), ([1, 0], 2), ([0, 1], 2)]
        zeros, rest = [0] * len(first), [lines[i] for i in (2, 1, 0) if i not in first]
        second = [([*zeros, a, b], c - 2 * a - 2 * b) for (a, b), c in rest] or [([0] * 5, -1)]
        stack = [([row for row, _ in part], [c for _, c in part]) for part in (layer, second)]
        network = regions.Network.from_layers([*stack, (np.ones((1, len(second))), [0])])
        result = regions.count(network, engine="vertices")
        assert int(result) == int(regions.count(network, engine="lp")) == 6
        assert float(str(result.stats["rational_share"])) > 0
