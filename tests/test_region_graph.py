"""The region graph against brute force, against known numbers, and against the count."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import factorial

import networkx
import numpy as np
import pytest
from hypothesis import given

import regions
from regions.domain import Box, Space
from regions.errors import DomainError, InputError
from regions.graph.adjacency import RegionGraph, region_graph
from regions.graph.distances import shape_of
from tests import adjoining, oracle
from tests.cases import braid, cube_tents, frozen, orthants, sawtooth
from tests.plain import PlainDomain, PlainNetwork, cube, feed_forward, one_layer, space
from tests.strategies import Problem, problems


def facets_of(graph: RegionGraph) -> dict:
    """The edges in the referee's form."""
    return {
        (str(graph.pattern(a)), str(graph.pattern(b))): adjoining.Facet(
            frozenset(graph.units(flips)), frozenset(graph.units(vanishing))
        )
        for (a, b), flips, vanishing in zip(
            graph.edges.tolist(), graph.flips, graph.vanishing, strict=True
        )
    }


def check(network: PlainNetwork, domain: PlainDomain) -> RegionGraph:
    """Nodes, edges, flipped and vanishing units are those of the brute force."""
    nodes, edges = adjoining.neighbours(network.layers, domain.rows, network.inputs)
    graph = region_graph(network.build(), domain.build(), engine="lp")
    assert graph.exact
    assert {str(graph.pattern(k)) for k in range(len(graph))} == nodes
    assert facets_of(graph) == edges
    return graph


@given(problems(max_inputs=3, max_layers=3, max_units=6))
def test_graph_is_that_of_brute_force(problem: Problem):
    if oracle.is_empty(problem.domain.rows, problem.network.inputs):
        with pytest.raises(DomainError, match="empty"):
            region_graph(problem.network.build(), problem.domain.build())
        return
    graph = check(problem.network, problem.domain)
    assert graph.shape().components == 1  # a convex set minus faces of dimension d - 2


@pytest.mark.parametrize(
    "layers",
    [
        # u vanishes on x = 0 and flips there alone; |x| vanishes there and has bit 1 on both sides
        ([((1,), 0), ((-1,), 0)], [((1, 1), 0)]),
        # a copy, a negative copy and a multiple: all flip at once
        ([((1,), 0), ((1,), 0), ((-2,), 0), ((0,), 0)], [((1, 0, 0, 1), 0), ((1, -1, 0, 0), 0)]),
        # zero on one whole side of x = 0, and not on the other
        ([((1,), 0)], [((1,), 0), ((-1,), 0), ((2,), -1)]),
    ],
)
def test_units_that_vanish_without_flipping(layers):
    network = feed_forward(1, *layers)
    graph = check(network, cube(1))
    pairs = zip(graph.flips, graph.vanishing, strict=True)
    assert any(len(flips) < len(vanishing) for flips, vanishing in pairs)


@pytest.mark.parametrize("copies", [1, 2], ids=["one unit", "two units on one line"])
def test_regions_that_would_be_neighbours_but_share_no_facet(copies: int):
    """|y| < 2 |x| - 1: left and right of x = 0, and not at it."""
    first = ((1, 0), 0), ((3, 0), 0)
    second = tuple(((-2, sign, 4, *[0] * (copies - 1)), -1) for sign in (1, -1))
    graph = check(PlainNetwork(2, (first[:copies], second)), cube(2))
    nodes = {str(graph.pattern(k)): k for k in range(len(graph))}
    pair = [nodes["0" * copies + "/11"], nodes["1" * copies + "/11"]]
    assert pair not in graph.edges.tolist()
    assert graph.stats["programs"]


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_braid_arrangement(n: int):
    graph = region_graph(braid(n).build(), Space(n), engine="integers")
    assert (len(graph), len(graph.edges)) == (factorial(n), factorial(n) * (n - 1) // 2)
    shape = graph.shape()
    assert (shape.bipartite, shape.diameter) == (True, n * (n - 1) // 2)
    assert set(graph.degrees.tolist()) == {n - 1}


def test_orthants_are_a_hypercube():
    graph = region_graph(orthants(4).build(), Space(4), engine="integers")
    assert networkx.is_isomorphic(graph.to_networkx(), networkx.hypercube_graph(4))


def test_sawtooth_is_a_path():
    graph = region_graph(sawtooth(4).build(), Box([0], [1]), engine="lp")
    assert networkx.is_isomorphic(graph.to_networkx(), networkx.path_graph(16))
    assert graph.shape().diameter == 15


@pytest.mark.parametrize("engine", ["integers", pytest.param("lp", marks=pytest.mark.slow)])
def test_more_than_two_neighbours_a_dimension(engine: str):
    network, domain = cube_tents()
    graph = region_graph(network.build(), domain.build(), engine=engine)
    assert (len(graph), len(graph.edges)) == (500, 1575)
    assert 2 * len(graph.edges) / len(graph) == 6.3


@pytest.mark.parametrize(("widths", "count"), [((4, 4), 16), ((4, 4, 4), 20)])
def test_engines_agree(widths: tuple[int, ...], count: int):
    network = frozen(widths)
    graphs = [
        region_graph(network.build(), Box.cube(2, -1, 1), engine=engine)
        for engine in ("lp", "vertices")
    ]
    assert [len(graph) for graph in graphs] == [count, count]
    assert facets_of(graphs[0]) == facets_of(graphs[1])
    check(network, cube(2))


def test_facets_of_a_region_are_its_neighbours_and_sides():
    """The engine counts facets too; without sides of the domain, a region is beyond each."""
    network = one_layer([(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1), (1, -2, 1)], [0, 0, 0, -1, 1])
    graph = region_graph(network.build(), Space(3), engine="integers")
    number = {}
    for batch in regions.iter_regions(network.build(), Space(3), engine="integers"):
        number |= {str(batch.pattern(k)): int(batch.facets[k]) for k in range(len(batch))}
    assert number == {
        str(graph.pattern(k)): int(degree) for k, degree in enumerate(graph.degrees.tolist())
    }


def test_networkx_graph():
    graph = region_graph(orthants(2).build(), Space(2), engine="lp")
    made = graph.to_networkx(maps=True)
    assert made.nodes["10"]["weight"] == [[1.0, 0.0]]
    assert made.nodes["11"]["bias"] == [0.0]
    assert made.edges["10", "11"] == {"bits": 1, "flipped": [(1, 1)], "vanishing": [(1, 1)]}
    for name, data in made.nodes(data=True):
        assert str(graph.network.pattern(data["point"])) == name
    assert nx_shape(made) == (graph.shape().diameter, graph.shape().bipartite)


def nx_shape(graph: networkx.Graph) -> tuple[int, bool]:
    return networkx.diameter(graph), networkx.is_bipartite(graph)


def test_shapes_of_random_graphs():
    rng = np.random.default_rng(3)
    for _ in range(40):
        made = networkx.gnm_random_graph(12, int(rng.integers(8, 30)), seed=int(rng.integers(1000)))
        edges = np.array(list(made.edges), dtype=np.int64).reshape(-1, 2)
        shape = shape_of(12, edges, lambda: False)
        assert shape.components == networkx.number_connected_components(made)
        assert shape.bipartite == networkx.is_bipartite(made)
        assert shape.diameter == (networkx.diameter(made) if shape.components == 1 else None)


def test_a_diameter_that_is_stopped_is_bounded():
    edges = np.array(list(pairwise(range(9))))
    shape = shape_of(9, edges, lambda: True)
    assert shape.diameter is None
    assert shape.diameter_low is not None and shape.diameter_low <= 8
    assert shape.diameter_high is not None and shape.diameter_high >= 8


def test_a_limit_leaves_a_part():
    network = frozen((4, 4, 4)).build()
    graph = region_graph(network, Box.cube(2, -1, 1), engine="lp", time_limit=0)
    assert not graph.exact
    assert graph.count.lower <= 20 <= graph.count.upper
    assert graph.count.stopped == "time limit"


def test_slices_whose_points_are_no_doubles():
    """The points of such a plane are fractions."""
    network = orthants(3)
    plane = PlainDomain(
        3, "slice", ((Fraction(1, 3), 0, 0), (0, Fraction(1, 7), 1), (1, 1, Fraction(1, 5)))
    )
    graph = check(network, plane)
    assert graph.exact_points


def test_first_layers_only():
    network = frozen((4, 4)).build()
    part = region_graph(network, Box.cube(2, -1, 1), layers=1, engine="lp")
    whole = region_graph(network.truncate(1), Box.cube(2, -1, 1), engine="lp")
    assert facets_of(part) == facets_of(whole)


def test_bad_arguments():
    network = orthants(2).build()
    with pytest.raises(DomainError, match=r"region_graph\(\): the network has 2 inputs"):
        region_graph(network, Space(3))
    with pytest.raises(InputError, match=r"region_graph\(\): no engine 'fast'"):
        region_graph(network, engine="fast")
    with pytest.raises(InputError, match="time_limit needs seconds"):
        region_graph(network, time_limit=-1)


def test_one_region_and_none_of_the_inputs():
    graph = region_graph(one_layer([(1,)], 5).build(), Box([0], [1]), engine="lp")
    assert (len(graph), len(graph.edges), graph.exact) == (1, 0, True)
    assert graph.shape().diameter == 0
    assert space(1).rows == []
