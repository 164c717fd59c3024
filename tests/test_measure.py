"""`measure`: sums over all regions, flat cells, boundaries, floats against exact pivots."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings

import regions
from regions.counting.tree import Stop
from regions.domain import Box, Domain, Polytope, Segment, Slice, Space
from regions.errors import DomainError, InputError, PatternError
from regions.figures import Certain, Estimate, Interval, Unknown, bounds, root, root_bounds, times
from regions.frame import Frame
from regions.geometry import sampling
from regions.geometry.body import Body
from regions.geometry.centred import Centred
from regions.geometry.extents import Extents
from regions.geometry.facets import facets
from regions.geometry.inscribed import Inscribed, exactly_inscribed, inscribed, norms
from regions.geometry.locating import meeting
from regions.geometry.measuring import measure
from regions.geometry.survey import Wanted, survey
from regions.geometry.volume import volume
from regions.network import Network
from regions.pattern import Pattern
from solvers.backend import get_backend
from solvers.rational import dot, floats, nearest, rational
from tests import oracle
from tests.plain import one_layer
from tests.strategies import BOUNDED, Problem, problems

F = Fraction
HIGHS = get_backend("highs")


def overlap(figure: Certain, value: Certain) -> bool:
    (a, b), (c, d) = bounds(figure), bounds(value)
    return a <= d and c <= b


# ------------------------------------------------------------------------------ sums of volumes


def volume_of(network: Network, text: str, domain: Domain) -> Certain:
    figure = measure(network, text, domain).volume
    assert isinstance(figure, (Fraction, Interval))
    return figure


@given(problems(forms=BOUNDED, max_units=6))
@settings(max_examples=40)
def test_volumes_of_all_regions_sum_to_the_volume_of_the_domain(problem: Problem):
    network = problem.network.build()
    patterns = oracle.regions(problem.network.layers, problem.domain.rows, problem.network.inputs)
    if not patterns:
        return
    domain = problem.domain.build()
    empty = one_layer([[0] * network.inputs], [-1]).build()
    whole = volume_of(empty, "0", domain)
    parts = [volume_of(network, text, domain) for text in patterns]
    if isinstance(whole, Fraction):
        assert sum(parts, F(0)) == whole  # type: ignore[arg-type]
    else:
        low, high = (sum(bounds(part)[k] for part in parts) for k in (0, 1))
        slack = 1e-14 * whole.high * len(parts)
        assert low - slack <= whole.high and whole.low <= high + slack


@pytest.mark.slow
def test_volumes_of_a_larger_network_sum_to_that_of_the_box():
    """4-16-16-1: 6 658 regions; their volumes sum to 16 within 1e-9 (each of them is rational)."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    layers = [torch.nn.Linear(a, b) for a, b in pairwise((4, 16, 16, 1))]
    network = Network.from_layers(
        [(layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in layers]
    )
    box = Box.cube(4, -1, 1)
    frame = Frame.of(box)
    total, number = 0.0, 0
    for batch in regions.iter_regions(network, box):
        for units in batch.patterns:
            pattern = Pattern.from_bits([units[:16], units[16:]])
            body = Body.of(network, pattern, box, frame=frame)
            found = facets(Centred.of(body, body.interior), HIGHS)
            assert found.skeleton is not None
            total += float(volume(body, found.skeleton))  # type: ignore[arg-type]
            number += 1
    assert number == 6658
    assert abs(total - 16) < 1e-9


# --------------------------------------------------------------------- certain bounds, two ways


@given(problems(max_units=7))
@settings(max_examples=40)
def test_float_programs_agree_with_exact_pivots(problem: Problem):
    """Radius, chords and widths: the certain interval of the one contains that of the other."""
    network = problem.network.build()
    patterns = oracle.regions(problem.network.layers, problem.domain.rows, problem.network.inputs)
    for text in sorted(patterns)[:4]:
        body = Body.of(network, Pattern.parse(text), problem.domain.build())
        if not body.dim:
            continue
        centred = Centred.of(body, body.interior)
        everything = range(len(body))
        extents = Extents(centred, everything, HIGHS, Stop(None))
        assert extents.is_small
        exact, _ = extents.ball()
        size, error = norms(centred)
        found = inscribed(centred, everything, size, error, HIGHS)
        assert contains(found, exact)
        ones = [rational(1)] * network.inputs
        form = floats(np.array(extents._over_u(ones), dtype=object))
        if form.any():
            assert overlap(extents._float_width(form), extents.width(ones))


def contains(found: Inscribed, exact: Certain) -> bool:
    low, high = bounds(exact)
    if found.high is not None and nearest(found.high) < low * (1 - 1e-15):
        return False
    return nearest(found.low) <= high * (1 + 1e-15)


def test_the_centre_has_the_radius():
    network = one_layer([[3, 4], [1, -1]], [-2, "1/3"]).build()
    shape = measure(network, ["1/10", "1/10"], Box.cube(2, -1, 1))
    rows = [shape.body.over_x(i) for i in range(len(shape.origins))]
    center = [rational(x) for x in shape.center]
    least = min(nearest(b - dot(a, center)) / math.hypot(*map(nearest, a)) for a, b in rows)
    assert abs(least - bounds(shape.radius)[0]) < 1e-12


# --------------------------------------------------------------------------------------- flats


def test_a_slice_is_measured_within_its_plane():
    """The plane x + y + z = 0 in the cube: a regular hexagon of side √2."""
    empty = one_layer([[0] * 3], [-1]).build()
    plane = Slice([0, 0, 0], [1, -1, 0], [0, 1, -1])
    shape = measure(empty, "0", Box.cube(3, -1, 1) & plane)
    side = math.sqrt(2)
    assert shape.dim == 2 and len(shape.facets) == 6
    assert overlap(shape.volume, Interval(3 * math.sqrt(3), 3 * math.sqrt(3) + 1e-12))  # type: ignore[arg-type]
    assert overlap(shape.radius, Interval(side * math.sqrt(3) / 2 - 1e-12, side * math.sqrt(3) / 2))
    assert overlap(shape.widths.diameter, Interval(2 * side - 1e-12, 2 * side))  # type: ignore[arg-type]
    mean = 6 * side / math.pi
    assert overlap(shape.widths.mean, Interval(mean - 1e-12, mean + 1e-12))  # type: ignore[arg-type]
    assert shape.widths.axis == (2, 2, 2)
    width = side * math.sqrt(3)
    assert overlap(shape.widths.min_l2, Interval(width - 1e-12, width))  # type: ignore[arg-type]


def test_fixed_inputs_do_not_count():
    network = one_layer([[1, 1, 0]], [0]).build()
    shape = measure(network, "1", Box([-1, "1/2", -1], [1, "1/2", 1]))
    assert shape.dim == 2 and shape.volume == 3
    assert shape.widths.axis == (F(3, 2), 0, 2)


def test_widths_of_a_segment_are_those_of_its_direction():
    """Directions c in the hull are multiples of (1, 2, 2): w(c) = c·(1, 2, 2)."""
    empty = one_layer([[0] * 3], [-1]).build()
    shape = measure(empty, "0", Segment([0, 0, 0], [1, 2, 2]))
    assert shape.dim == 1 and shape.volume == shape.widths.min_l2 == shape.widths.diameter == 3
    assert (shape.widths.min_linf, shape.widths.min_l1) == (F(9, 2), F(9, 5))
    assert shape.widths.axis == (1, 2, 2)


def test_a_cell_thinner_than_any_double_tells():
    thin = F(1, 10**30)
    network = one_layer([[1, 0], [1, 0]], [0, -thin]).build()
    shape = measure(network, "10", Box.cube(2, -1, 1))
    assert (shape.volume, shape.radius, shape.widths.min_l2) == (2 * thin, thin / 2, thin)
    assert [facet.units for facet in shape.facets if facet.units] == [((1, 0),), ((1, 1),)]


def test_a_single_point():
    network = one_layer([[1, 1]], [0]).build()
    shape = measure(network, [1, 1], Box([1, 1], [1, 1]), vertices=True)
    assert (shape.dim, shape.volume, shape.facets) == (0, 1, ())
    assert shape.vertices == ((1, 1),)
    assert shape.widths.axis == (0, 0) and shape.widths.diameter == 0


# ---------------------------------------------------------------------------------- boundaries


def test_regions_meeting_at_a_point_are_named():
    network = one_layer([[1, 0], [0, 1], [1, 1]]).build()
    with pytest.raises(
        PatternError,
        match="units 1:0, 1:1, 1:2 are zero there, and 6 regions meet; choose with --side: 000, ",
    ):
        measure(network, [0, 0], Space(2))
    shape = measure(network, [0, 0], Box.cube(2, -1, 1), side="011")
    assert str(shape.pattern) == "011" and shape.distance == 0
    with pytest.raises(PatternError, match="no region has these bits: 000, "):
        measure(network, [0, 0], Space(2), side="110")
    with pytest.raises(PatternError, match=r"needs one bit, 0 or 1, for each of the 3 units"):
        measure(network, [0, 0], Space(2), side="1")


def test_a_boundary_within_one_region_needs_no_choice():
    """A unit that is zero at the point and nowhere positive in the domain."""
    network = one_layer([[1, 0]], [-1]).build()
    assert str(measure(network, [1, 0], Box.cube(2, -1, 1)).pattern) == "0"


@given(problems(max_units=6))
@settings(max_examples=25)
def test_regions_that_meet_at_a_point_equal_brute_force(problem: Problem):
    """Those of all regions whose closed cells contain the point."""
    network = problem.network.build()
    dim = problem.network.inputs
    texts = oracle.regions(problem.network.layers, problem.domain.rows, dim)
    if not texts:
        return
    domain = problem.domain.build()
    point = [F(0)] * dim
    try:
        found = {str(pattern) for pattern in meeting(network, point, domain)}
    except DomainError:
        return
    if any(F(b) < 0 for _, b in problem.domain.rows):
        return  # the origin lies outside
    cells = {text: regions.Cell.of(network, Pattern.parse(text), domain) for text in texts}
    assert found == {text for text, cell in cells.items() if cell.contains(point)}


def test_bad_input_is_named():
    network = one_layer([[1, 0], [1, 0]], [0, 1]).build()
    box = Box.cube(2, -1, 1)
    with pytest.raises(DomainError, match="needs a point of the domain box:-1,1, got one outside"):
        measure(network, [2, 2], box)
    with pytest.raises(PatternError, match="that no region of the domain has"):
        measure(network, "10", box)
    with pytest.raises(InputError, match=r"directions need the shape \(number, 2\)"):
        measure(network, [0.5, 0], box, directions=[[1, 2, 3]])


def test_high_dimension_names_what_was_not_computed():
    network = one_layer([[1] * 40], [-1]).build()
    shape = measure(network, [0] * 40, Box.cube(40, -1, 1))
    assert shape.complete and len(shape.facets) == 81
    assert isinstance(shape.volume, Unknown) and "hit-and-run" in shape.volume.why
    assert isinstance(shape.widths.mean, Unknown) and "--axes" in shape.widths.mean.why
    low, high = bounds(shape.radius)
    exact = 41 / (40 + math.sqrt(40))
    assert low <= exact * (1 + 1e-14) and exact * (1 - 1e-14) <= high and high - low < 1e-9


def test_least_widths_in_high_dimension_are_bounded_by_ball_and_box():
    network = one_layer([[1] * 40], [-1]).build()
    widths = measure(network, [0] * 40, Box.cube(40, -1, 1)).widths
    assert widths.axis is None
    for figure in (widths.min_linf, widths.min_l2, widths.min_l1):
        low, high = bounds(figure)  # type: ignore[arg-type]
        assert 0 < low < high <= 2 * (1 + 1e-15)
    assert bounds(widths.min_l2)[0] >= 2 * 41 / (40 + math.sqrt(40)) * (1 - 1e-9)  # type: ignore[arg-type]


def test_a_time_limit_leaves_certain_intervals():
    network = one_layer([[1] * 40], [-1]).build()
    shape = measure(network, [0] * 40, Box.cube(40, -1, 1), time_limit=0)
    low, high = bounds(shape.radius)
    assert low <= 41 / (40 + math.sqrt(40)) <= high
    assert shape.undecided and not shape.complete


# ---------------------------------------------------------------------------------- estimates


def simplex_body(n: int) -> Body:
    network = one_layer([[1] * n], [-1]).build()
    return Body.of(network, Pattern.parse("0"), Box.cube(n, 0, 1))


def estimate(seed: int, steps: int = 40) -> Estimate:
    body = simplex_body(3)
    centred = Centred.of(body, body.interior)
    return sampling.volume(centred, np.arange(len(body)), steps, seed, Stop(None))


def coverage(seeds: int) -> tuple[int, float]:
    """How many intervals miss 1/6, and the median of width over value."""
    made = [estimate(seed) for seed in range(seeds)]
    misses = sum(not e.low <= 1 / 6 <= e.high for e in made)
    return misses, float(np.median([(e.high - e.low) / e.value for e in made]))


def p_value(misses: int, seeds: int) -> float:
    """P(at least so many misses) if each has probability 5%."""
    return sum(
        math.comb(seeds, k) * 0.05**k * 0.95 ** (seeds - k) for k in range(misses, seeds + 1)
    )


def test_sampled_volumes_cover_the_truth():
    misses, width = coverage(40)
    assert p_value(misses, 40) >= 1e-4
    assert width < 0.25


@pytest.mark.slow
def test_sampled_volumes_cover_the_truth_for_a_thousand_seeds():
    misses, width = coverage(1000)
    assert p_value(misses, 1000) >= 1e-4
    assert width < 0.25


def test_sampled_mean_widths_cover_the_truth():
    network = one_layer([[0] * 4], [-1]).build()
    rows = [[-int(i == j) for j in range(4)] for i in range(4)] + [[1] * 4]
    body = Body.of(network, Pattern.parse("0"), Polytope(rows, [0] * 4 + [1]))
    misses = 0
    for seed in range(40):
        figure = survey(body, HIGHS, Stop(None), Wanted(seed=seed, samples=200)).widths.mean
        assert isinstance(figure, Estimate) and figure.seed == seed
        misses += not figure.low <= 1.112523 <= figure.high
    assert p_value(misses, 40) >= 1e-4


def test_an_estimate_repeats_with_its_seed():
    assert estimate(7) == estimate(7)
    assert estimate(7) != estimate(8)


# ------------------------------------------------------------------------------------- figures


def test_roots():
    for q in (F(2), F(1, 3), F(10**40 + 1), F(1, 10**40 + 1), F(49, 9), F(0)):
        low, high = root_bounds(rational(q))
        assert low * low <= rational(q) <= high * high
        if q:
            assert nearest(high - low) <= 1e-18 * float(q) ** 0.5
        figure = root(rational(q))
        a, b = bounds(figure)
        assert F(a) ** 2 <= q <= F(b) ** 2
    assert root(rational(F(49, 9))) == F(7, 3)
    product = times(Interval(1.0, 2.0), Interval(3.0, 4.0))
    assert isinstance(product, Interval) and product.low <= 3 and product.high >= 8


def test_an_interval_needs_its_ends_in_order():
    with pytest.raises(ValueError, match="needs low <= high"):
        Interval(2.0, 1.0)


def test_exact_chords_of_a_triangle():
    body = simplex_body(2)
    extents = Extents(Centred.of(body, body.interior), range(len(body)), HIGHS, Stop(None))
    assert extents.chord([rational(1), rational(1)]) == F(1, 2)
    assert extents.chord([rational(1), rational(-1)]) == 1
    assert exactly_inscribed(
        extents.centred, extents.rows, lambda i: (rational(1), rational(1)), Stop(None)
    ).low == rational("1/3")
