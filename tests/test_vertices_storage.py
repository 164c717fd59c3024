"""Where the vertices engine runs out of room: stores that grow, failures that are drained, facets.

Whatever the sizes, the counts stay the same; the tests look that the edges are really met.
"""

from __future__ import annotations

import numpy as np
import pytest

import regions
from regions.counting import by_vertices
from regions.counting.by_vertices import VertexEngine
from tests.cases import TorchCase, braid
from tests.plain import cube


def gaussian(inputs: int, *widths: int, seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    """Layers of normal weights and smaller biases."""
    random = np.random.default_rng(seed)
    layers = []
    for below, width in zip((inputs, *widths), widths, strict=False):
        weights = random.standard_normal((width, below))
        layers.append((weights, random.standard_normal(width) / 2))
    return layers


def network_of(layers: list) -> regions.Network:
    return regions.Network.from_layers([*layers, (np.ones((1, len(layers[-1][1]))), [0])])


def count(network: regions.Network, domain: regions.Box | None = None) -> regions.Count:
    result = regions.count(network, domain, engine="vertices")
    assert result.exact and result.stopped is None and result.unresolved == 0
    return result


@pytest.fixture
def small_stores(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Stores with hardly any room; the (nodes, vertices) that they grow to."""
    original, grown = VertexEngine.grow, []

    def grow(self: VertexEngine) -> None:
        original(self)
        grown.append((len(self.frames.layer), self.vertices.x.shape[2]))

    monkeypatch.setattr(by_vertices, "ROOM", 0)
    monkeypatch.setattr(by_vertices, "DEPTH", 4)
    monkeypatch.setattr(VertexEngine, "grow", grow)
    return grown


@pytest.mark.parametrize(
    "case", [TorchCase((3, 16, 16, 1), 1276), TorchCase((4, 16, 16, 1), 6658)], ids=lambda c: c.name
)
def test_stores_grow(case: TorchCase, small_stores: list[tuple[int, int]]):
    pytest.importorskip("torch")
    assert int(count(case.build())) == case.regions
    assert small_stores == sorted(small_stores)
    assert len({nodes for nodes, _ in small_stores}) >= 2
    assert len({vertices for _, vertices in small_stores}) >= 2


def test_stores_grow_before_sections_are_counted(small_stores: list[tuple[int, int]]):
    layers = gaussian(3, 8, 7)
    expected = int(regions.count(network_of(layers), engine="lp"))
    assert int(count(network_of(layers))) == expected
    assert small_stores


def test_stores_grow_while_cells_are_set_aside(
    small_stores: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
):
    weights, biases = gaussian(3, 10, 5)[1]
    first = gaussian(3, 10)[0]
    once = network_of([first, (weights, biases)])
    twice = network_of([first, (np.vstack([weights, -weights]), np.append(biases, -biases))])
    small = int(regions.count(once, engine="lp"))
    monkeypatch.setattr(by_vertices, "FACETS", 8)
    result = count(twice)
    assert int(result) == small
    assert small_stores and int(str(result.stats["set_aside"])) > 0


def test_large_cells_of_the_last_layer_are_split_first(monkeypatch: pytest.MonkeyPatch):
    network = network_of(gaussian(3, 5, 9))
    expected, splits = int(regions.count(network, engine="lp")), []
    for most in (1, 10, 1 << 30):
        monkeypatch.setattr(by_vertices, "AT_ONCE", most)
        result = count(network)
        assert int(result) == expected
        splits.append(int(str(result.stats["clips"])))
    assert expected > splits[0] > splits[1] > splits[2] > 0


@pytest.mark.parametrize("room", [1, 8])
def test_more_cells_are_set_aside_than_there_is_room_for(
    room: int, monkeypatch: pytest.MonkeyPatch
):
    """With room for few facets, a great many."""
    monkeypatch.setattr(by_vertices, "FAILURES", room)
    first, (weights, biases) = gaussian(2, 32, 6)
    once = network_of([first, (weights, biases)])
    twice = network_of([first, (np.vstack([weights, -weights]), np.append(biases, -biases))])
    expected = count(once)
    assert expected.stats["set_aside"] == 0
    assert int(expected) == int(regions.count(once, engine="lp"))
    monkeypatch.setattr(by_vertices, "FACETS", 6)
    result = count(twice)
    assert int(result) == int(expected)
    aside = int(str(result.stats["set_aside"]))
    assert aside > room


def test_everything_is_set_aside_at_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(by_vertices, "FACETS", 0)
    result = count(braid(5).build(), cube(5, 0, 1).build())
    assert (int(result), result.stats["set_aside"]) == (120, 1)


@pytest.mark.parametrize(("tangents", "aside", "expected"), [(58, 0, 930), (70, 1, 1347)])
def test_a_cell_with_more_facets_than_slots(tangents: int, aside: int, expected: int):
    """Tangents of a circle leave a polygon of as many sides; the LP engine counts the same."""
    angles = 2.4 * np.arange(tangents)
    normals = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    second = np.stack([np.ones(tangents), np.sin(np.arange(tangents))])
    network = network_of([(normals, np.full(tangents, -0.5)), (second, np.array([-0.01, 0.001]))])
    result = count(network, regions.Box.cube(2, -0.53, 0.53))
    assert (int(result), result.stats["set_aside"]) == (expected, aside)


@pytest.mark.parametrize("width", [63, 64, 65])
def test_second_layers_of_more_than_a_word(width: int):
    first, (weights, biases) = gaussian(2, 4, width)
    network = network_of([first, (weights, biases / 4)])
    domain = regions.Box.cube(2, "-1/8", "1/8")
    assert int(count(network, domain)) == int(regions.count(network, domain, engine="lp"))
