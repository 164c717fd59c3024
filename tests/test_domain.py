"""Domains: exact data, equality by content, canonical texts, intersections, errors by text."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp
from flint import fmpq
from hypothesis import given
from hypothesis import strategies as st

from regions.domain import Ball, Box, Domain, Intersection, Polytope, Segment, Slice, Space
from regions.domain_spec import parse_domain
from regions.errors import DomainError, InputError
from solvers.exact_matrix import ExactMatrix

INF = math.inf
TENTH = fmpq(1, 10)


def rows(matrix: ExactMatrix | None) -> list[list[fmpq]]:
    assert matrix is not None
    return matrix.dense().tolist()


@pytest.mark.parametrize(
    "value", ["0.1", Fraction(1, 10), Decimal("0.1"), fmpq(1, 10), " 1e-1 ", "1/10"]
)
def test_exact_numbers_of_every_kind(value):
    assert Box([value], [1]).lower == (TENTH,)


def test_floats_are_the_dyadic_rationals_that_they_are():
    box = Box([0.1], np.array([0.1], dtype=np.float32))
    assert box.lower == (fmpq(3602879701896397, 2**55),)
    assert box.upper == (fmpq(13421773, 2**27),)
    assert Box([0.1, "0.1"], [1, 1]).lower == (fmpq(3602879701896397, 2**55), TENTH)
    assert Box(np.array([2**53 + 1]), [2**60]).lower == (fmpq(2**53 + 1),)


def test_boxes():
    box = Box([-1, "-inf", 0], [1, 0.5, INF])
    constraints = box.constraints()
    assert (box.dim, constraints.dim) == (3, 3)
    assert constraints.lower == (fmpq(-1), None, fmpq(0))
    assert constraints.upper == (fmpq(1), fmpq(1, 2), None)
    assert (constraints.A, constraints.b, constraints.span) == (None, (), ())
    assert box.spec == "box:[-1,-inf,0],[1,0.5,inf]"
    assert repr(box) == "Box([-1, -inf, 0], [1, 0.5, inf])"


def test_flat_boxes_and_arrays_of_any_shape():
    box = Box(np.zeros((1, 2, 2)), np.array([[[0, 1], [1, 1]]]))
    assert box.lower == (fmpq(0),) * 4
    assert box.upper[:2] == (fmpq(0), fmpq(1))


def test_cubes():
    cube = Box.cube(5, -1, 1)
    assert (cube.spec, repr(cube)) == ("box:-1,1", "Box.cube(5, -1, 1)")
    assert cube == Box([-1.0] * 5, ["1"] * 5)
    assert hash(cube) == hash(Box([-1.0] * 5, ["1"] * 5))
    assert cube != Box.cube(4, -1, 1)
    assert Box.cube(2, -INF, INF).spec == "box:-inf,inf"


def test_a_ball_is_a_box_around_its_centre():
    constraints = Ball([0, "0.5"], "0.1").constraints()
    assert constraints.lower == (-TENTH, fmpq(2, 5))
    assert constraints.upper == (TENTH, fmpq(3, 5))
    assert Ball([1], 0).constraints().lower == Ball([1], 0).constraints().upper
    assert Ball([0, 1], 0.5).spec == "ball:[0,1],0.5"


def test_space():
    constraints = Space(2).constraints()
    assert (constraints.lower, constraints.upper) == ((None, None), (None, None))
    assert Space(2) == Space(2) != Space(3)


@pytest.mark.parametrize(
    "matrix",
    [
        [[1, 0], ["0.5", -2]],
        np.array([[1, 0], [0.5, -2]]),
        sp.csr_array(np.array([[1, 0], [0.5, -2]])),
        ExactMatrix.from_floats(np.array([[1, 0], [0.5, -2]])),
    ],
)
def test_polytopes_from_every_kind_of_matrix(matrix):
    polytope = Polytope(matrix, [1, "0.1"])
    constraints = polytope.constraints()
    assert rows(constraints.A) == [[1, 0], [fmpq(1, 2), -2]]
    assert constraints.b == (fmpq(1), TENTH)
    assert constraints.row_names == ("polytope row 0", "polytope row 1")
    assert constraints.lower == (None, None)
    assert polytope.spec == "polytope:[[1,0],[0.5,-2]],[1,0.1]"
    assert polytope == Polytope([[1, 0], [0.5, -2]], [1, "0.1"])
    assert polytope != Polytope([[1, 0], [0.5, -2]], [1, 0.1])


def test_polytopes_mix_floats_and_text_without_rounding():
    assert rows(Polytope([[0.1, "0.1"]], [1]).A) == [[fmpq(3602879701896397, 2**55), TENTH]]


def test_polytopes_without_rows_and_large_ones():
    assert Polytope(np.zeros((0, 3)), []).constraints().A is None
    large = Polytope(np.eye(20), np.ones(20))
    assert re.fullmatch(
        r"polytope:\[20x20 values, sha256 \w{16}\],\[20 values, sha256 \w{16}\]", large.spec
    )
    assert large.spec == Polytope(sp.eye_array(20), np.ones(20)).spec
    assert large.spec != Polytope(2 * np.eye(20), np.ones(20)).spec


def test_slices():
    plane = Slice([1, 0, 0], ["1.1", 0, 0], [1, 2, 3])
    (span,) = plane.constraints().span
    assert span.origin == (fmpq(1), fmpq(0), fmpq(0))
    assert rows(span.directions) == [[TENTH, 0], [0, 2], [0, 3]]
    assert (span.lower, span.upper) == ((None, None), (None, None))
    assert (plane.dim, plane.spec) == (3, "slice:[1,0,0],[1.1,0,0],[1,2,3]")


def test_segments():
    segment = Segment([0, 1], [2, "0.9"])
    (span,) = segment.constraints().span
    assert rows(span.directions) == [[2], [-TENTH]]
    assert (span.lower, span.upper) == ((fmpq(0),), (fmpq(1),))
    assert repr(segment) == "Segment([0,1], [2,0.9])"


@given(st.lists(st.tuples(*[st.integers(-2, 2)] * 3), min_size=3, max_size=3))
def test_slices_refuse_exactly_the_collinear_points(points):
    p0, p1, p2 = np.array(points)
    if np.any(np.cross(p1 - p0, p2 - p0)):
        assert Slice(p0, p1, p2).dim == 3
    else:
        with pytest.raises(DomainError, match="points that are not on one line"):
            Slice(p0, p1, p2)


def test_intersections_take_the_tightest_bounds_and_all_rows():
    half = Polytope([[1.0, 1.0]], [1])
    domain = Box.cube(2, -1, 2) & half & Ball([0, 0], "1.5") & Segment([0, 0], [1, 1])
    constraints = domain.constraints()
    assert constraints.lower == (fmpq(-1),) * 2
    assert constraints.upper == (fmpq(3, 2),) * 2
    assert rows(constraints.A) == [[1, 1]]
    assert constraints.row_names == ("polytope row 0",)
    assert len(constraints.span) == 1
    assert domain.spec == ("box:-1,2 & polytope:[[1,1]],[1] & ball:[0,0],1.5 & segment:[0,0],[1,1]")
    assert domain == Intersection(
        [Intersection([Box.cube(2, -1, 2), half]), Ball([0, 0], 1.5), Segment([0, 0], [1, 1])]
    )


@pytest.mark.parametrize("second", [[[0.0, 2.0]], [[0, "1/3"]], sp.csr_array([[0.0, 2.0]])])
def test_rows_of_several_polytopes_are_named_after_their_part(second):
    parts = (Polytope([[1.0, 0.0]], [1]), Space(2), Polytope(second, [2]))
    constraints = Intersection(parts).constraints()
    assert rows(constraints.A) == [[1, 0], rows(Polytope(second, [2]).A)[0]]
    assert constraints.b == (fmpq(1), fmpq(2))
    assert constraints.row_names == ("part 1 polytope row 0", "part 3 polytope row 0")


def test_values_do_not_follow_the_callers_arrays():
    lower = np.zeros(2)
    matrix = np.eye(2)
    box, polytope = Box(lower, [1, 1]), Polytope(matrix, [1, 1])
    lower[0] = matrix[0, 0] = 5
    assert box.lower[0] == 0
    assert polytope.A.entry(0, 0) == 1
    with pytest.raises(AttributeError):
        box.lower = ()  # type: ignore


@given(
    st.lists(
        st.tuples(st.fractions(max_denominator=1000), st.fractions(0, max_denominator=1000)),
        min_size=1,
        max_size=4,
    )
)
def test_texts_of_boxes_and_points_read_back(pairs):
    lower = [low for low, _ in pairs]
    upper = [low + size for low, size in pairs]
    domains: list[Domain] = [Box(lower, upper), Ball(lower, pairs[0][1])]
    if lower != upper:
        domains.append(Segment(lower, upper))
    for domain in domains:
        assert parse_domain(domain.spec, len(pairs)) == domain


ERRORS = [
    (
        lambda: Box([0, 2], [1, "1.5"]),
        "Box: needs lower <= upper, got 2 > 1.5 for input 1: the domain is empty; swap the bounds "
        "or correct one of them",
    ),
    (
        lambda: Box([0], [1, 2]),
        "Box: needs a lower and an upper bound for every input, got 1 and 2; use "
        "Box.cube(n, low, high) for equal bounds",
    ),
    (lambda: Box([], []), "Box: needs a lower and an upper bound for every input, got 0 and 0"),
    (
        lambda: Box([0, math.nan], [1, 1]),
        "Box: lower[1] needs a number or -inf, got nan; give an int, a float, a Fraction or text "
        'such as "0.1" or "1/3", at most 1e300 in size',
    ),
    (lambda: Box([INF], [INF]), "Box: lower[0] needs a number or -inf, got inf; give"),
    (lambda: Box([0], ["-inf"]), "Box: upper[0] needs a number or inf, got '-inf'; give"),
    (lambda: Box([0], ["1e999"]), "Box: upper[0] needs a number or inf, got '1e999'; give"),
    (lambda: Box([0], ["1e99999999999"]), "Box: upper[0] needs a number or inf, got '1e99999"),
    (lambda: Box([0], [None]), "Box: upper[0] needs a number or inf, got None; give"),
    (
        lambda: Box(0, 1),
        "Box: lower needs one number per coordinate, got 0; give a sequence or an array of numbers",
    ),
    (
        lambda: Box.cube(0, -1, 1),
        "Box.cube: needs a dimension of at least 1, got 0; use network.inputs",
    ),
    (lambda: Space(2.0), "Space: needs a dimension of at least 1, got 2.0; use network.inputs"),  # type: ignore
    (
        lambda: Ball([0, 0], -0.5),
        "Ball: needs a radius of at least 0, got -0.5; a negative one leaves the domain empty",
    ),
    (lambda: Ball([0, INF], 1), "Ball: center[1] needs a finite number, got inf; give"),
    (lambda: Ball([], 1), "Ball: needs a dimension of at least 1, got 0"),
    (
        lambda: Polytope([[1, 0]], [1, 2]),
        "Polytope: needs A of shape (rows, inputs) and b with one number a row, got A of shape "
        "(1, 2) and 2 numbers in b; A x <= b, row by row",
    ),
    (
        lambda: Polytope([1, 0], [1]),
        "Polytope: A needs two dimensions (rows, coordinates), got shape (2,); write one row as "
        "[[…]]",
    ),
    (lambda: Polytope([[1, 0], [1]], [1, 1]), "Polytope: A needs"),
    (lambda: Polytope([[1, math.nan]], [1]), "Polytope: A needs finite numbers: "),
    (lambda: Polytope(np.array([[1, INF]]), [1]), "Polytope: A needs finite numbers: "),
    (lambda: Polytope(sp.csr_array([[1, INF]]), [1]), "Polytope: A needs finite numbers: "),
    (lambda: Polytope([[1, 1]], [INF]), "Polytope: b[0] needs a finite number, got inf; give"),
    (
        lambda: Polytope([[1, 1], [0, 0]], [1, "-0.5"]),
        "Polytope: needs rows that a point can satisfy, but row 1 reads 0 <= -0.5: the domain is "
        "empty; remove or correct the row",
    ),
    (
        lambda: Slice([0, 0], [1, 1], [3, 3]),
        "Slice: needs three points that are not on one line, got points that are; choose another "
        "third point, or use Segment(p0, p1)",
    ),
    (
        lambda: Slice([0, 0], [1, 1], [3]),
        "Slice: needs points with one coordinate for every input, got [2, 2, 1] coordinates; give "
        "points of one dimension",
    ),
    (
        lambda: Segment([0, "0.5"], [0, 0.5]),
        "Segment: needs two different points, got the same point twice; use Ball(point, 0) for a "
        "single point",
    ),
    (
        lambda: Intersection([]),
        "Intersection: needs at least one domain, got none; use Space(n)",
    ),
    (
        lambda: Box.cube(2, 0, 1) & Space(3),
        "Intersection: needs domains of one dimension, got [2, 3]; build every part with "
        "dimension 2",
    ),
    (
        lambda: Box.cube(2, 0, "0.5") & Box.cube(2, 1, 2),
        "Intersection: needs parts with a common point, but input 0 must be at least 1 and at most "
        "0.5: the domain is empty; change one of box:0,0.5 & box:1,2",
    ),
]


@pytest.mark.parametrize(("call", "message"), ERRORS)
def test_errors_say_what_to_do(call, message):
    with pytest.raises(DomainError, match=re.escape(message)) as caught:
        call()
    assert isinstance(caught.value, InputError)
    assert "\n" not in str(caught.value)


def test_only_domains_intersect():
    with pytest.raises(TypeError):
        _ = Space(2) & 3  # type: ignore
