"""The regions along segments and rays: against brute force, known breakpoints and the count."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import regions
from regions.domain import Box, Segment, Space
from regions.errors import DomainError, PatternError, RegionsError
from regions.graph.path import Path
from regions.graph.pieces import pieces_of
from regions.graph.straight import straight
from solvers.rational import rational
from tests import oracle
from tests.cases import braid, frozen, one_norm, orthants, sawtooth
from tests.plain import PlainDomain, PlainNetwork, feed_forward, is_double, one_layer
from tests.strategies import HALVES, networks

F = Fraction


def between(start: list, end: list, t: Fraction) -> list[Fraction]:
    return [F(a) + t * (F(b) - F(a)) for a, b in zip(start, end, strict=True)]


def check(network: PlainNetwork, start: list, end: list) -> Path:
    """The regions of the segment, each once and in order; the points and breakpoints fit."""
    path = straight(network.build(), start, end)
    segment = PlainDomain(network.inputs, "segment", (tuple(start), tuple(end)))
    found = oracle.regions(network.layers, segment.rows, network.inputs)
    words = [str(pattern) for pattern in path.patterns]
    assert sorted(words) == sorted(found)
    ends = [F(0), *path.breakpoints, F(1)]
    assert ends == sorted(set(ends))
    for word, point, (low, high) in zip(words, path.points, pairwise(ends), strict=True):
        t = parameter(start, end, point)
        assert low < t < high
        assert between(start, end, t) == [F(x) for x in point]
        for place in (t, low + (high - low) / 1000, high - (high - low) / 1000):
            seen = oracle.pattern_at(network.layers, between(start, end, place))
            assert seen == word, "no unit is on the whole piece zero with bit 1"
    return path


def parameter(start: list, end: list, point: tuple) -> Fraction:
    j = next(j for j, (a, b) in enumerate(zip(start, end, strict=True)) if a != b)
    return (F(point[j]) - F(start[j])) / (F(end[j]) - F(start[j]))


@given(networks(max_inputs=3, max_layers=3, max_units=8), st.data())
def test_regions_of_a_segment(network: PlainNetwork, data: st.DataObject):
    ends = st.lists(HALVES, min_size=network.inputs, max_size=network.inputs)
    start, end = data.draw(ends), data.draw(ends)
    if start != end:
        path = check(network, start, end)
        back = straight(network.build(), end, start)
        assert back.patterns == path.patterns[::-1]
        assert back.breakpoints == tuple(1 - t for t in path.breakpoints[::-1])


@given(networks(max_inputs=2, max_layers=3, max_units=8))
def test_the_whole_line_and_both_rays(network: PlainNetwork):
    start, end = [F(-1, 3)] * network.inputs, [F(1)] * network.inputs
    built = network.build()
    ahead, behind = (
        straight(built, a, b, beyond=True)
        for a, b in ((start, end), (start, [2 * a - b for a, b in zip(start, end, strict=True)]))
    )
    whole = {*ahead.patterns, *behind.patterns}
    hull = PlainDomain(network.inputs, "segment", (tuple(start), tuple(end)))
    line = hull.rows[:-2]  # without the ends
    assert {str(pattern) for pattern in whole} == oracle.regions(
        network.layers, line, network.inputs
    )
    assert (
        ahead.patterns[: len(straight(built, start, end).patterns) - 1]
        == (straight(built, start, end).patterns[:-1])
    )


def test_pieces_of_the_line_join_at_an_arbitrary_end():
    """Without ends the search begins at 0, which is no breakpoint unless a unit crosses there."""
    for bias, count in ((F(-1, 2), 2), (F(0), 2)):
        network = one_layer([(1,)], [bias]).build()
        pieces = pieces_of(network, None, None)
        assert len(pieces) == count
        assert [F(int(t.p), int(t.q)) for t in pieces.breakpoints] == [-bias]
    assert len(pieces_of(one_layer([(0,)], [1]).build(), None, None)) == 1


@pytest.mark.parametrize("depth", range(1, 9))
def test_sawtooth(depth: int):
    path = straight(sawtooth(depth).build(), [0], [1])
    assert path.breakpoints == tuple(F(k, 2**depth) for k in range(1, 2**depth))
    assert (path.hamming, path.steps, path.cumulative) == (1, 2**depth - 1, 2**depth - 1)
    assert set(path.flips) == {1}


def test_diagonal_of_the_one_norm():
    """‖x‖₁ - k along (-3, -3) … (3, 3): several bits flip at the origin, and none at k / 2."""
    path = check(one_norm(2, 4), [-3, -3], [3, 3])
    assert path.breakpoints == tuple(F(6 + sign * k, 12) for sign, k in
                                     ((-1, 4), (-1, 3), (-1, 2), (-1, 1), (0, 0), (1, 1), (1, 2),
                                      (1, 3), (1, 4)))  # fmt: skip
    assert path.flips == (1, 1, 1, 1, 4, 1, 1, 1, 1)


def test_a_segment_inside_a_hyperplane():
    """The unit is zero there: bit 0, as in the count on that segment."""
    path = check(braid(3), [0, 0, 1], [1, 1, 0])
    assert [str(pattern) for pattern in path.patterns] == ["000", "011"]


def test_breakpoints_that_floats_cannot_tell_apart():
    tiny = F(1, 2**70)
    network = one_layer([(1,), (1,), (-1,)], [F(-1, 3), F(-1, 3) - tiny, F(1, 3) + 2 * tiny])
    path = check(network, [0], [1])
    assert path.breakpoints == (F(1, 3), F(1, 3) + tiny, F(1, 3) + 2 * tiny)


def test_long_decimals_and_large_numbers():
    network = feed_forward(1, [((1,), F(-1, 3)), ((10**12,), -(10**15))], [((3, -1), F(1, 7))])
    check(network, [F(-1, 7)], [10**5])


@pytest.mark.parametrize(
    ("network", "start", "end"),
    [
        (frozen((4, 4, 4)), [-1, F(-1, 2)], [1, F(3, 4)]),
        (sawtooth(5, copies=2), [0, F(1, 10)], [1, F(9, 10)]),
        (orthants(5), [-1] * 5, [1, 2, 3, 4, 5]),
    ],
    ids=["frozen", "sawtooth", "orthants"],
)
def test_as_many_regions_as_the_count(network: PlainNetwork, start: list, end: list):
    path = straight(network.build(), start, end)
    count = regions.count(network.build(), Segment(start, end), engine="lp")
    assert len(path.patterns) == int(count)


def test_real_networks(shared):
    """ACAS Xu and MNIST: as many regions as the count, and breakpoints where a unit is zero."""
    corner = np.zeros((28, 28))
    corner[:14, :14] = 1
    pairs = {
        "acasxu_1_1.onnx": ([-0.3, 0.4, 0.1, -0.45, 0.2], [0.4, -0.35, -0.3, 0.1, -0.4]),
        "mnist-net_256x2.onnx": (corner.reshape(-1), corner[::-1, ::-1].reshape(-1)),
    }
    for file, (a, b) in pairs.items():
        network = regions.load(shared / "models" / file)
        path = straight(network, a, b)
        assert len(path.patterns) > 100
        assert len(path.patterns) == int(regions.count(network, Segment(a, b), engine="lp"))
        t = rational(path.breakpoints[len(path.breakpoints) // 2])
        at = [rational(p) + t * (rational(q) - rational(p)) for p, q in zip(a, b, strict=True)]
        assert network.zero_units(at)


def test_patterns_as_ends_and_a_domain():
    network = orthants(2).build()
    a, b = regions.Pattern.parse("00"), regions.Pattern.parse("11")
    path = straight(network, a, b)
    assert (path.start, path.end, path.hamming) == (a, b, 2)
    assert straight(network, [-1, -2], b, Space(2)).start == a
    ray = straight(network, [-1, 1], [0, 1], Box([-2, -2], [3, 3]), beyond=True)
    assert [str(pattern) for pattern in ray.patterns] == ["01", "11"]
    assert float(ray.points[-1][0]) <= 3
    slanted = regions.Polytope([[1, 1]], [2])
    assert straight(network, [-1, 1], [0, 1], slanted, beyond=True).steps == 1


def test_bad_arguments():
    network = orthants(2).build()
    with pytest.raises(DomainError, match="needs two different points"):
        straight(network, [0, 1], [0, 1])
    with pytest.raises(DomainError, match=r"straight\(\): end needs 2 coordinates"):
        straight(network, [0, 1], [0, 1, 2])
    with pytest.raises(DomainError, match="the end is outside the domain"):
        straight(network, [0, 1], [0, 2], Box.cube(2, -1, 1))
    with pytest.raises(DomainError, match="the start is outside the domain"):
        straight(network, [-2, 0], [0, 0], Box.cube(2, -1, 1))
    with pytest.raises(DomainError, match="outside the domain"):
        straight(network, [5, 0], [6, 0], Box.cube(2, -1, 1))
    with pytest.raises(DomainError, match="has dimension 3"):
        straight(network, [5, 0], [6, 0], Box.cube(3, -1, 1))
    with pytest.raises(PatternError, match="needs the pattern of a region"):
        straight(braid(3).build(), regions.Pattern.parse("101"), [0, 1, 2])
    with pytest.raises(RegionsError, match="time limit of 0 s before the end"):
        straight(network, [0, 1], [1, 0], time_limit=0)


def test_points_are_doubles_where_they_can_be():
    assert all(is_double(x) for x in straight(orthants(2).build(), [-1, 0.5], [3, -0.5]).points[0])
    point = straight(orthants(1).build(), [F(1, 3)], [F(4, 9)]).points[0]
    assert all(F(1, 3) < F(x) < F(4, 9) for x in point)
