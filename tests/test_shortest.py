"""Shortest paths: against networkx on the whole graph, and against known numbers."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import factorial

import networkx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import regions
from regions.domain import Box, Space
from regions.errors import DomainError, InputError, PatternError, RegionsError
from regions.graph import shortest as module
from regions.graph.across import Across
from regions.graph.adjacency import region_graph
from regions.graph.path import Path
from regions.graph.search import Search
from regions.graph.shortest import shortest
from regions.pattern import Pattern
from solvers.exact_simplex import Stopped
from tests import adjoining, oracle
from tests.cases import THREE_ROWS, braid, cube_tents, orthants, sawtooth
from tests.plain import feed_forward, one_layer
from tests.strategies import Problem, problems

F = Fraction


def brute_force_graph(problem: Problem) -> networkx.Graph:
    """The region graph by brute force, edges weighing the bits that they flip."""
    network = problem.network
    nodes, pairs = adjoining.neighbours(network.layers, problem.domain.rows, network.inputs)
    graph = networkx.Graph()
    graph.add_nodes_from(sorted(nodes))
    graph.add_edges_from((a, b, {"bits": len(facet.flipped)}) for (a, b), facet in pairs.items())
    return graph


def check(path: Path, graph: networkx.Graph, network: regions.Network) -> None:
    """The path is one of the graph, of least cost; its points have its patterns."""
    start, end = str(path.start), str(path.end)
    words = [str(pattern) for pattern in path.patterns]
    assert (words[0], words[-1]) == (start, end)
    assert all(graph.has_edge(a, b) for a, b in pairwise(words))
    least = networkx.dijkstra_path_length(graph, start, end, weight="bits")
    assert path.exact
    assert path.cumulative == path.lower == path.upper == least
    assert least >= path.hamming
    assert (least - path.hamming) % 2 == 0
    assert [network.pattern(point) for point in path.points] == list(path.patterns)


@given(problems(max_inputs=3, max_layers=3, max_units=6), st.data())
def test_length_is_that_of_networkx(problem: Problem, data: st.DataObject):
    network = problem.network
    if oracle.is_empty(problem.domain.rows, network.inputs):
        return
    graph = brute_force_graph(problem)
    start, end = (data.draw(st.sampled_from(sorted(graph.nodes))) for _ in range(2))
    built = network.build()
    path = shortest(
        built, Pattern.parse(start), Pattern.parse(end), problem.domain.build(),
        count_paths=True, unit_steps=True,
    )  # fmt: skip
    check(path, graph, built)
    ways = list(networkx.all_shortest_paths(graph, start, end, weight="bits"))
    assert path.shortest_paths == len(ways)
    single = graph.edge_subgraph([edge for edge in graph.edges if graph.edges[edge]["bits"] == 1])
    joined = start == end or (
        start in single and end in single and networkx.has_path(single, start, end)
    )
    assert path.unit_steps == joined
    other = shortest(built, Pattern.parse(start), Pattern.parse(end), problem.domain.build())
    check(other, graph, built)


def test_deep_networks_where_the_straight_line_is_a_detour():
    """Folds in both directions: near by bits is not near by steps."""
    network = sawtooth(2, copies=2).build()
    graph = region_graph(network, Box.cube(2, 0, 1), engine="lp").to_networkx()
    names = sorted(graph.nodes)
    longer = 0
    for start, end in zip(names, names[7:] + names[:7], strict=True):
        path = shortest(network, Pattern.parse(start), Pattern.parse(end), Box.cube(2, 0, 1))
        check(path, graph, network)
        longer += path.cumulative != path.hamming
    assert longer, "some shortest path is longer than the Hamming distance"


@pytest.mark.parametrize("straight", [True, False], ids=["line", "search"])
def test_search_alone(straight: bool, monkeypatch: pytest.MonkeyPatch):
    """A* finds the same where no straight line helps it."""
    if not straight:
        monkeypatch.setattr(module, "way_along", lambda *_: ([], []))
    network, domain = cube_tents()
    path = shortest(network.build(), [F(1, 8)] * 3, [F(39, 8), F(1, 9), F(3, 7)], domain.build())
    graph = region_graph(network.build(), domain.build(), engine="lp").to_networkx()
    check(path, graph, network.build())


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_geodesics_of_orthants(n: int):
    path = shortest(orthants(n).build(), [-1] * n, [1] * n, Space(n), count_paths=True)
    assert (path.cumulative, path.shortest_paths) == (n, factorial(n))


@pytest.mark.parametrize(("n", "ways"), [(2, 1), (3, 2), (4, 16), (5, 768)])
def test_geodesics_of_the_braid_arrangement(n: int, ways: int):
    """To the antipode: reduced words of the longest permutation (Stanley 1984)."""
    path = shortest(
        braid(n).build(), list(range(n)), list(range(n))[::-1], Space(n), count_paths=True
    )
    assert (path.hamming, path.cumulative, path.shortest_paths) == (comb2(n), comb2(n), ways)


def comb2(n: int) -> int:
    return n * (n - 1) // 2


def test_one_geodesic_across_parallel_hyperplanes():
    network = one_layer([(1, 0)] * 5, [0, 1, 2, 3, 4]).build()
    path = shortest(network, [-9, 0], [9, 0], Space(2), count_paths=True)
    assert (path.cumulative, path.shortest_paths) == (5, 1)


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_forced_way_along_the_sawtooth(depth: int):
    network, last = sawtooth(depth).build(), 2**depth
    ends = [F(1, 2 * last)], [F(2 * last - 1, 2 * last)]
    path = shortest(network, *ends, Box([0], [1]), count_paths=True)
    assert (path.hamming, path.cumulative, path.steps) == (1, last - 1, last - 1)
    assert (path.shortest_paths, path.unit_steps, set(path.flips)) == (1, True, {1})


def test_no_way_of_single_bits():
    """The units flip together on x = 0; around it there is no way, and in the plane there is."""
    network = one_layer([(1, 0), (2, 0), (0, 1)]).build()
    path = shortest(network, [-1, -1], [1, -1], unit_steps=True)
    assert (path.cumulative, path.steps, path.unit_steps) == (2, 1, False)
    bent = feed_forward(2, [((1, 0), 0), ((0, 1), 0)], [((1, 0), 0), ((0, 1), 0), ((1, -1), 0)])
    path = shortest(bent.build(), [-1, F(-1, 2)], [2, 1], Space(2), unit_steps=True)
    assert path.unit_steps is False
    assert shortest(network, [-1, -1], [-1, 1], unit_steps=True).unit_steps is True


def test_a_region_and_itself():
    path = shortest(orthants(2).build(), [1, 1], [2, 3], Space(2), count_paths=True)
    assert (path.steps, path.cumulative, path.shortest_paths, path.unit_steps) == (0, 0, 1, True)
    assert len(path.points) == 1


def test_an_interruption_leaves_bounds(monkeypatch: pytest.MonkeyPatch):
    """Stopped after a few regions: the least cost lies between the bounds."""
    plain, seen = Search.across, []

    def across(self: Search, pattern: Pattern) -> Across:
        self.stop.interrupted = self.visited > 8
        return plain(self, pattern)

    monkeypatch.setattr(Search, "across", across)
    monkeypatch.setattr(module, "way_along", lambda *_: ([], []))
    monkeypatch.setattr(module, "REPORT_SECONDS", 0.0)
    path = shortest(
        sawtooth(6).build(), [F(1, 128)], [F(127, 128)], Box([0], [1]), progress=seen.append
    )
    assert (path.stopped, path.exact, path.patterns) == ("interrupted", False, ())
    assert (path.cumulative, path.steps, path.upper) == (None, None, None)
    assert path.hamming < path.lower <= 63
    assert seen[-1].upper is None
    assert seen[-1].lower <= path.lower


def test_a_way_that_is_not_proved_the_shortest(monkeypatch: pytest.MonkeyPatch):
    """The straight line gives an upper bound before the search begins."""

    def stopped(*_, **__):
        raise Stopped

    monkeypatch.setattr(Search, "run", stopped)
    path = shortest(sawtooth(3).build(), [F(1, 16)], [F(15, 16)], Box([0], [1]))
    assert (path.lower, path.upper, path.cumulative, path.exact) == (1, 7, 7, False)


def test_real_network(shared):
    """ACAS Xu: a shortest path between near points, whose steps cross facets."""
    network = regions.load(shared / "models" / "acasxu_1_1.onnx")
    path = shortest(network, [-0.3, 0.4, 0.1, -0.45, 0.2], [-0.29, 0.395, 0.105, -0.44, 0.195])
    assert path.exact
    assert path.cumulative is not None and path.cumulative >= path.hamming > 0
    assert [network.pattern(point) for point in path.points] == list(path.patterns)


def test_bad_arguments():
    network = braid(3).build()
    with pytest.raises(PatternError, match=r"end is a point between regions.*units 1:0, 1:1, 1:2 "):
        shortest(THREE_ROWS.build(), [1, 2], [0, 0], Space(2))
    with pytest.raises(PatternError, match="needs the pattern of a region"):
        shortest(network, Pattern.parse("101"), [0, 1, 2], Space(3))
    with pytest.raises(DomainError, match=r"shortest\(\): end is outside the domain box:-1,1"):
        shortest(network, [0, 1, F(1, 2)], [0, 1, 2])
    with pytest.raises(DomainError, match="needs 3 coordinates"):
        shortest(network, [0, 1], [0, 1, 2])
    with pytest.raises(InputError, match="time_limit needs seconds"):
        shortest(network, [0, 1, 2], [0, 2, 1], Space(3), time_limit=-1)
    with pytest.raises(RegionsError, match="before the regions of both ends were known"):
        shortest(network, [0, 1, 2], [0, 2, 1], Space(3), time_limit=0)
