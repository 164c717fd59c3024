"""`Frame`: a domain in coordinates in which it has full dimension, against brute force."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given
from hypothesis import strategies as st

from regions import count
from regions.constraints import Constraints, unbounded
from regions.domain import Ball, Box, Intersection, Polytope, Segment, Slice, Space
from regions.domain_base import Domain
from regions.errors import DomainError
from regions.frame import Frame
from regions.network import Network
from solvers.backend import get_backend
from solvers.exact_simplex import Stopped
from solvers.rational import rational, rationals
from tests import naive, oracle
from tests.lying import LIES, LyingBackend
from tests.naive import random_network
from tests.plain import PlainDomain
from tests.strategies import domains, problems

F = Fraction
INF = float("inf")
STEPS = st.sampled_from([F(0), F(1), F(-1), F(1, 2), F(-1, 3), F(2), F(1, 2**41), F(-1, 2**60)])


def frame_sides(frame: Frame) -> list[tuple[list, Any]]:
    """All inequalities a·u <= b of the frame."""
    result: list[tuple[list, Any]] = []
    for j, (low, high) in enumerate(zip(frame.lower, frame.upper, strict=True)):
        unit = [int(k == j) for k in range(frame.dim)]
        if low is not None:
            result.append(([-v for v in unit], -naive.exact(low)))
        if high is not None:
            result.append((unit, naive.exact(high)))
    for row, limit in zip(naive.table(frame.rows), frame.limits, strict=True):
        result.append((row, naive.exact(limit)))
    return result


def in_frame(frame: Frame, u: Sequence) -> bool:
    return all(naive.dot(a, u) <= b for a, b in frame_sides(frame))


def in_domain(plain: PlainDomain, x: Sequence) -> bool:
    return all(naive.dot(a, x) <= b for a, b in plain.rows)


def point(frame: Frame, u: Sequence) -> list[F]:
    """p + B u, naively; compared with `Frame.point`."""
    basis = naive.table(frame.basis)
    x = [naive.exact(p) + naive.dot(row, u) for p, row in zip(frame.origin, basis, strict=True)]
    assert naive.vector(frame.point(rationals(list(u)).tolist())) == x
    return x


def rank(rows: Sequence[Sequence], width: int) -> int:
    return width - (len(oracle._solutions([(row, 0) for row in rows], width)[0]) - 1)


def check(frame: Frame) -> None:
    """What every frame promises."""
    interior = naive.vector(frame.interior)
    assert len(interior) == frame.dim == len(frame.upper)
    assert all(naive.dot(a, interior) < b for a, b in frame_sides(frame))
    assert frame.basis.shape == (len(frame.origin), frame.dim)
    assert rank(naive.table(frame.basis.transpose()), len(frame.origin)) == frame.dim
    assert frame.rows.shape == (len(frame.limits), frame.dim)
    assert len(frame.names) == len(frame.limits)
    assert all(sum(map(bool, row)) >= 2 for row in naive.table(frame.rows))
    assert frame.is_bounded_box == (None not in (*frame.lower, *frame.upper))
    low, high = frame.box()
    assert low.shape == high.shape == (frame.dim,)
    for bounds, floats, sign in ((frame.lower, low, -1), (frame.upper, high, 1)):
        for bound, number in zip(bounds, floats.tolist(), strict=True):
            if bound is None:
                assert number == sign * INF
                continue
            assert (F(number) - naive.exact(bound)) * sign >= 0
            inner = F(float(np.nextafter(number, -sign * INF)))
            assert (inner - naive.exact(bound)) * sign < 0


# ------------------------------------------------------------------------ against the oracle


@given(st.integers(1, 3).flatmap(domains), st.data())
def test_frames_equal_brute_force(plain: PlainDomain, data: st.DataObject):
    """The dimension of the hull, and the same points on both sides."""
    hull = oracle.relative_interior(plain.rows, plain.dim)
    if hull is None:
        with pytest.raises(DomainError, match="empty"):
            Frame.of(plain.build())
        return
    frame = Frame.of(plain.build())
    check(frame)
    coordinates, _ = hull
    assert frame.dim == len(coordinates[0]) - 1
    inner = naive.vector(frame.interior)
    x = point(frame, inner)
    assert in_domain(plain, x)
    for _ in range(4):  # points of the hull, inside and outside of the domain
        u = [w + data.draw(STEPS) for w in inner]
        assert in_frame(frame, u) == in_domain(plain, point(frame, u))
    strict = [(a, b) for a, b in plain.rows if naive.dot(a, x) < b]
    for a, b in plain.rows:  # rows that are tight at the interior are tight on the whole hull
        if (a, b) not in strict:
            assert not any(naive.dot(a, column) for column in naive.table(frame.basis.transpose()))


@given(problems(max_units=6, max_layers=2), st.data())
def test_pulled_networks_equal_the_network_at_the_point(problem: Any, data: st.DataObject):
    try:
        frame = Frame.of(problem.domain.build())
    except DomainError:
        return
    network = problem.network.build()
    pulled = frame.pull(network)
    assert pulled.inputs == frame.dim
    assert (pulled.widths, pulled.outputs) == (network.widths, network.outputs)
    for _ in range(3):
        u = [w + data.draw(STEPS) for w in naive.vector(frame.interior)]
        x = point(frame, u)
        assert naive.forward(pulled, u) == naive.forward(network, x)
        assert pulled(u) == network(x)
        assert pulled.pattern(u) == network.pattern(x)


@pytest.mark.parametrize("storage", ["dense", "sparse", "rational", "sparse rational"])
@pytest.mark.parametrize(
    "domain",
    [
        Slice([0, 0, 0, "1/3"], [1, 0, "0.1", 0], [0, 1, 0, 1]),
        Segment([0, 0, 0, "1/3"], [1, 0, "0.1", 0]),
        Box([0, 0.5, -1, 0], [1, 0.5, 1, 0]),
        Ball([0.1, 0.2, 0.3, 0.4], "0.1"),
        Polytope([[1, 1, 1, 0], [-1, -1, -1, 0]], ["0.1", "-0.1"]),
    ],
    ids=["slice", "segment", "box", "ball", "polytope"],
)
def test_pulled_networks_with_skips(domain: Domain, storage: str):
    random = np.random.default_rng(1)
    network = random_network(random, 4, [4, 3], "plain", storage, skips=True)
    frame = Frame.of(domain)
    check(frame)
    pulled = frame.pull(network)
    for _ in range(3):
        steps = random.integers(-9, 9, frame.dim).tolist()
        u = [w + F(v, 7) for w, v in zip(naive.vector(frame.interior), steps, strict=True)]
        assert naive.forward(pulled, u) == naive.forward(network, point(frame, u))


# ------------------------------------------------------------------------------- by example


def test_a_box_keeps_its_coordinates():
    frame = Frame.of(Box([0, "-1/3"], [1, INF]))
    check(frame)
    assert frame.dim == 2
    assert frame.basis.is_identity
    assert naive.vector(frame.origin) == [0, 0]
    assert (frame.lower, frame.upper) == ((0, rational("-1/3")), (1, None))
    assert frame.limits == ()
    network = Network.from_layers([([[1, 2]], [0]), ([[1]], [0])])
    assert frame.pull(network) is network


def test_bounds_are_rounded_outwards():
    frame = Frame.of(Box(["0.1", "-1/3", "1e-320", 0], ["0.3", "2/3", "3e-320", "1e-400"]))
    check(frame)
    low, high = frame.box()
    assert F(float(low[0])) < F("0.1") < F("0.3") <= F(float(high[0]))
    assert low[1] == np.nextafter(-1 / 3, -1) or F(-1 / 3) <= F(-1, 3)
    assert (low[3], high[3]) == (0, 5e-324)


def test_large_bounds_are_rounded_outwards():
    frame = Frame.of(Box([2**53 + 1, -(2**53) - 1], [2**53 + 3, 2**53 + 1]))
    low, high = frame.box()
    assert low.tolist() == [2.0**53, -(2.0**53) - 2]
    assert high.tolist() == [2.0**53 + 4, 2.0**53 + 2]


def test_equal_bounds_flatten():
    frame = Frame.of(Box([0, "1/3", -1], [1, "1/3", 1]))
    check(frame)
    assert frame.dim == 2
    assert point(frame, [F(1, 5), F(1, 7)]) == [F(1, 5), F(1, 3), F(1, 7)]


def test_a_point_has_dimension_zero():
    for domain in (Ball([1, 2], 0), Box([1, 2], [1, 2]),
                   Polytope([[1, 0], [-1, 0], [0, 1], [0, -1]], [1, -1, 2, -2]),
                   Segment([1, 0], [1, 3]) & Segment([0, 2], [5, 2])):  # fmt: skip
        frame = Frame.of(domain)
        check(frame)
        assert frame.dim == 0
        assert point(frame, []) == [1, 2]
        low, high = frame.box()
        assert low.shape == high.shape == (0,)
    network = Network.from_layers([([[1, 2], [-1, 0]], [0, 0]), ([[1, 1]], [0])])
    pulled = Frame.of(Ball([1, 2], 0)).pull(network)
    assert pulled.inputs == 0
    assert pulled([]) == network([1, 2])


def test_hidden_equalities_that_hide_others():
    """x + y <= 1, x + y >= 1 and, on that line, x - y <= 0 <= x - y: one point."""
    frame = Frame.of(Polytope([[1, 1], [-1, -1], [1, -1], [-1, 1]], [1, -1, 0, 0]))
    check(frame)
    assert frame.dim == 0
    assert point(frame, []) == [F(1, 2), F(1, 2)]


def test_rows_that_only_together_fix_a_coordinate():
    """0 <= x, 0 <= y, x + y <= 0, 0 <= z <= 1: a segment along z."""
    frame = Frame.of(Polytope([[-1, 0, 0], [0, -1, 0], [1, 1, 0], [0, 0, -1], [0, 0, 1]],
                              [0, 0, 0, 0, 1]))  # fmt: skip
    check(frame)
    assert frame.dim == 1
    assert point(frame, [F(1, 4)])[:2] == [0, 0]


def test_a_strip_thinner_than_any_double_is_not_flat():
    thin = F(1, 10**400)
    frame = Frame.of(Polytope([[1, 1], [-1, -1]], [0, thin]) & Box.cube(2, -1, 1))
    check(frame)
    assert frame.dim == 2


def test_slices_and_segments():
    plane = Frame.of(Slice([0, 0, 1], [1, 0, 1], [0, 1, 2]))
    check(plane)
    assert (plane.dim, plane.lower, plane.upper) == (2, unbounded(2), unbounded(2))
    assert point(plane, [2, 3]) == [2, 3, 4]
    line = Frame.of(Segment([0, 1], [4, 3]))
    check(line)
    assert (line.lower, line.upper) == ((0,), (1,))
    assert point(line, [F(1, 2)]) == [2, 2]


def test_slices_meet_boxes_lines_and_planes():
    plane = Slice([0, 0, 0], [1, 0, 0], [0, 1, 1])
    framed = Frame.of(plane & Box.cube(3, -1, 1))
    check(framed)
    assert framed.dim == 2
    assert framed.is_bounded_box
    other = Slice([0, 0, 0], [1, 0, 0], [0, 0, 1])
    line = Frame.of(plane & other & Box.cube(3, -1, 2))
    check(line)
    assert line.dim == 1
    ends = sorted(point(line, [naive.exact(side)])[0] for side in (line.lower[0], line.upper[0]))
    assert ends == [-1, 2]
    crossing = Frame.of(plane & Segment([0, 0, 1], [0, 2, 1]))
    check(crossing)
    assert crossing.dim == 0
    assert point(crossing, []) == [0, 1, 1]


def test_overlapping_segments_of_one_line():
    frame = Frame.of(Segment([0, 0], [2, 2]) & Segment([3, 3], [1, 1]))
    check(frame)
    assert frame.dim == 1
    ends = sorted(point(frame, [naive.exact(v)])[0] for v in (frame.lower[0], frame.upper[0]))
    assert ends == [1, 2]
    touching = Frame.of(Segment([0, 0], [2, 2]) & Segment([2, 2], [3, 3]))
    assert touching.dim == 0
    assert point(touching, []) == [2, 2]


def test_three_spans_keep_the_ends_of_all():
    """Two overlapping segments and a plane through their line, in every order."""
    spans = [Segment([0, 0, 0], [2, 2, 0]), Segment([3, 3, 0], [1, 1, 0]),
             Slice([0, 0, 0], [1, 1, 0], [0, 0, 1])]  # fmt: skip
    for order in permutations(spans):
        frame = Frame.of(Intersection(order))
        check(frame)
        assert frame.dim == 1
        ends = sorted(point(frame, [naive.exact(v)])[0] for v in (frame.lower[0], frame.upper[0]))
        assert ends == [1, 2]


def test_bounds_of_eliminated_coordinates_stay():
    """x + y = 1 in the box [0, 3/4]²: both x and y are at least 1/4."""
    line = Polytope([[1, 1], [-1, -1]], [1, -1])
    frame = Frame.of(Box.cube(2, 0, "3/4") & line)
    check(frame)
    assert frame.dim == 1
    ends = sorted(point(frame, [naive.exact(v)])[0] for v in (frame.lower[0], frame.upper[0]))
    assert ends == [F(1, 4), F(3, 4)]


def test_all_of_space():
    frame = Frame.of(Space(2))
    check(frame)
    assert (frame.dim, frame.lower, frame.upper) == (2, unbounded(2), unbounded(2))
    assert frame.box()[0].tolist() == [-INF, -INF]


def test_rows_keep_the_names_of_their_sides():
    frame = Frame.of(Polytope([[1, 1], [1, 0], [1, -1]], [1, 5, 1]))
    assert frame.names == ("polytope row 0", "polytope row 2")
    assert frame.upper[0] == 5


# ------------------------------------------------------------------------------------ empty


@pytest.mark.parametrize(
    ("domain", "text"),
    [
        (Polytope([[1, 1], [-1, -1]], [0, -1]), "its inequalities contradict each other"),
        (Polytope([[1, 1], [-1, -1]], [0, -F(1, 10**400)]), "its inequalities contradict each oth"),
        (Polytope([[1], [-1]], [0, -1]), "the bounds of coordinate 0 exclude each other"),
        (Polytope([[1, 0], [-1, 0], [1, 1], [-1, -1]], [0, 0, 0, -1]),
         "the bounds of coordinate 0 exclude each other|contradict each other|holds nowhere"),
        (Segment([0, 0], [1, 0]) & Segment([0, 1], [1, 1]), "its planes or lines do not meet"),
        (Segment([0, 0], [1, 1]) & Segment([2, 2], [3, 3]), "exclude each other"),
        (Segment([0, 0], [1, 1]) & Box.cube(2, 5, 6), "exclude each other"),
        (Slice([0, 0, 0], [1, 0, 0], [0, 1, 0]) & Box([-1, -1, 1], [1, 1, 2]), "holds nowhere"),
        (Box.cube(2, 0, 1) & Polytope([[-1, -1]], [-3]), "its inequalities contradict each other"),
    ],
)  # fmt: skip
def test_empty_domains_say_so(domain: Domain, text: str):
    with pytest.raises(DomainError, match=rf"is empty \(.*({text}).*\); regions are counted in a "
                       "set with points: widen its bounds") as caught:  # fmt: skip
        Frame.of(domain)
    assert domain.spec in str(caught.value)


def test_crossing_bounds_of_a_foreign_domain_are_empty():
    class Odd(Domain):
        dim = 1  # type: ignore
        spec = "odd"  # type: ignore

        def constraints(self) -> Constraints:
            return Constraints((rational(1),), (rational(0),))

        def content(self) -> tuple[object, ...]:
            return ()

    with pytest.raises(DomainError, match=r"the domain odd is empty .the bounds of coordinate 0 e"):
        Frame.of(Odd())


# a corner cut off so far that the centre of the box is no interior point
CORNER = Box.cube(3, -1, 1) & Polytope([[1, 1, 1]], [-2])


def test_a_limit_while_the_frame_is_sought_leaves_bounds():
    with pytest.raises(Stopped):
        Frame.of(CORNER, stop=lambda: True)
    network = Network.from_layers([(np.eye(3), np.zeros(3)), (np.ones((1, 3)), [0])])
    result = count(network, CORNER, time_limit=0, backend=LyingBackend("always failed"))
    assert (result.lower, result.upper, result.stopped) == (0, 8, "time limit")
    assert int(count(network, CORNER)) == 1


def test_a_proposed_interior_point_is_checked():
    for backend in (get_backend("highs"), *(LyingBackend(lie) for lie in LIES)):
        frame = Frame.of(CORNER, backend)
        assert sum(frame.interior, fmpq(0)) < -2
        assert all(-1 < q < 1 for q in frame.interior)


def test_a_composed_weight_that_is_too_large_is_refused():
    domain = Segment(["1/3", 0], ["1e200", 1])
    network = Network.from_layers([([["1e200", 0]], [0]), ([[1]], [0])])
    with pytest.raises(DomainError, match="below 1e280"):
        count(network, domain)
