"""The regions themselves: each once, with its pattern, a certain point, and its facets if known."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import regions
from regions.cell import Cell, Unit
from regions.counting import compiled, listing
from regions.counting.by_lp import LPEngine
from regions.counting.engines import COMPILED, refusal
from regions.counting.leaves import RegionBatch
from regions.errors import DomainError, InputError
from regions.frame import Frame
from solvers.rational import nearest, rational
from tests import oracle
from tests.cases import braid, carry, convolution, frozen, resonance, type_b
from tests.plain import PlainDomain, PlainNetwork, cube, feed_forward, one_layer, polytope
from tests.strategies import BOUNDED, FORMS, Problem, problems

ENGINES = ("vertices", "simplex", "lp")
every = pytest.mark.parametrize("engine", ENGINES)


def listed(network, domain, engine: str, **options) -> list[RegionBatch]:
    return list(regions.iter_regions(network, domain, engine=engine, **options))


def patterns(batches: list[RegionBatch]) -> list[str]:
    return [str(pattern) for batch in batches for pattern in batch]


def assert_inside(network: PlainNetwork, domain: PlainDomain, batches: list[RegionBatch]) -> None:
    """Every point has its pattern, and lies strictly inside: by rationals alone."""
    built, where = network.build(), domain.build()
    tight = {
        i
        for i in range(len(domain.rows))
        if oracle.solve(
            [oracle.row(a, b, strict=i == k) for k, (a, b) in enumerate(domain.rows)], domain.dim
        )
        is None
    }
    for batch in batches:
        for row in range(len(batch)):
            point, pattern = batch.point(row), batch.pattern(row)
            assert oracle.pattern_at(network.layers[: len(batch.widths)], point) == str(pattern)
            for i, (a, b) in enumerate(domain.rows):
                value = sum((Fraction(c) * x for c, x in zip(a, point, strict=True)), Fraction(0))
                assert value == b if i in tight else value < b
            cell = Cell.of(built.truncate(len(batch.widths)), pattern, where)
            for side in cell.rows:
                if isinstance(side.origin, Unit):
                    terms = zip(side.coefficients, point, strict=True)
                    assert sum(Fraction(str(c)) * x for c, x in terms) < Fraction(str(side.limit))
            if row in batch.exact_points:  # no double, and the doubles are the nearest
                doubles = batch.points[row].tolist()
                assert doubles == [nearest(rational(x)) for x in point]
                assert any(np.isinf(x) or x != y for x, y in zip(doubles, point, strict=True))


def assert_all(problem: Problem, engine: str, layers: int | None = None) -> list[RegionBatch]:
    network, domain = problem.network, problem.domain
    batches = listed(network.build(), domain.build(), engine, layers=layers)
    found = patterns(batches)
    assert len(found) == len(set(found))
    assert set(found) == oracle.regions(network.layers[:layers], domain.rows, network.inputs)
    assert_inside(network, domain, batches)
    return batches


def takes(engine: str, problem: Problem) -> bool:
    frame = Frame.of(problem.domain.build())
    network = frame.pull(problem.network.build())
    return engine == "lp" or refusal(engine, network, frame) is None


TAKEN = [
    *(("vertices", form) for form in ("box", "segment", "intersection")),
    *(("simplex", form) for form in BOUNDED),
    *(("lp", form) for form in FORMS),
]


@pytest.mark.parametrize(("engine", "form"), TAKEN)
@settings(max_examples=12)
@given(data=st.data())
def test_degenerate_problems_equal_the_oracle(engine: str, form: str, data: st.DataObject):
    problem = data.draw(problems([form], chain=engine != "lp", max_units=7))
    assume(not oracle.is_empty(problem.domain.rows, problem.domain.dim))
    assume(takes(engine, problem))
    layers = data.draw(st.sampled_from([None, 1]))
    assert_all(problem, engine, layers)


KNOWN = {
    "braid": (braid(4), cube(4, 0, 1)),
    "resonance": (resonance(3), cube(3)),
    "type-b": (type_b(2), cube(2)),
    "circular": (convolution(4), cube(4)),
    "carry": (carry(2), cube(2)),
    "frozen": (frozen((4, 4, 4)), cube(2)),
    "frozen-wide": (frozen((5, 3), inputs=3), cube(3)),
    "dead": (one_layer([(1, 1), (0, 0), (0, 0), (1, 1), (2, -1)], [0, 0, 1, 0, 1]), cube(2)),
}


@every
@pytest.mark.parametrize("name", KNOWN)
def test_degenerate_arrangements_equal_the_oracle(engine: str, name: str):
    batches = assert_all(Problem(*KNOWN[name]), engine)
    assert all(not batch.exact_points for batch in batches)


@pytest.mark.parametrize("widths", [(2, 12, 9), (3, 7, 4, 3), (4, 6, 4), (1, 9, 9)])
def test_engines_list_the_same_regions_of_random_networks(widths: tuple[int, ...]):
    random = np.random.default_rng(sum(widths))
    sizes = [*widths, 1]
    network = regions.Network.from_layers(
        [
            (random.normal(size=(above, below)), random.normal(size=above))
            for below, above in pairwise(sizes)
        ]
    )
    found = {engine: listed(network, None, engine) for engine in ENGINES}
    expected = int(regions.count(network, engine="lp"))
    for engine, batches in found.items():
        assert len(patterns(batches)) == expected
        assert set(patterns(batches)) == set(patterns(found["lp"]))
        for batch in batches:
            for row in range(len(batch)):
                assert network.pattern(batch.point(row)) == batch.pattern(row)
                assert network.zero_units(batch.point(row)) == []
        known = np.concatenate([batch.facets for batch in batches]) >= 0
        assert known.all() if engine == "vertices" else not known.any()


# -- facets -----------------------------------------------------------------------------------


def number_of_facets(network, pattern, domain) -> int:
    """Rows of the cell that cut off something: a facet for each of them, the cell being solid."""
    rows = []
    for line in Cell.of(network, pattern, domain).rows:
        fractions = [Fraction(str(value)) for value in (*line.coefficients, line.limit)]
        rows.append((fractions[:-1], fractions[-1]))
    facets = 0
    for index, (a, b) in enumerate(rows):
        others = [oracle.row(c, d, True) for k, (c, d) in enumerate(rows) if k != index]
        beyond = oracle.row([-value for value in a], -b, True)
        facets += oracle.solve([*others, beyond], len(a)) is not None
    return facets


@pytest.mark.parametrize("widths", [(1, 5, 4), (2, 6, 5), (3, 5, 3), (4, 4, 2)])
def test_the_vertices_engine_knows_the_facets(widths: tuple[int, ...]):
    network, domain = frozen(widths[1:], widths[0]).build(), cube(widths[0]).build()
    batches = listed(network, domain, "vertices")
    numbers = np.concatenate([batch.facets for batch in batches]).tolist()
    cells = [pattern for batch in batches for pattern in batch]
    assert numbers == [number_of_facets(network, pattern, domain) for pattern in cells]
    assert len(numbers) >= 5


def test_facets_of_cells_that_floats_cannot_hold_are_unknown():
    (batch,) = listed(braid(3).build(), cube(3).build(), "vertices")
    assert len(batch) == 6 and (batch.facets == -1).all()


# -- points -----------------------------------------------------------------------------------


def line_between(dim: int, start, end) -> PlainDomain:
    return PlainDomain(dim, "segment", (tuple(start), tuple(end)))


def test_points_of_a_dyadic_slice_are_doubles_in_it():
    """Float32 corners: the plane's points are hardly ever doubles, those on a grid are."""
    random = np.random.default_rng(3)
    corners = random.normal(size=(3, 5)).astype(np.float32).astype(float)
    plane = PlainDomain(5, "slice", tuple(tuple(map(Fraction, corner)) for corner in corners))
    where = PlainDomain(5, "intersection", (plane, cube(5, -2, 2)))
    weights = [tuple(map(Fraction, row)) for row in random.normal(size=(6, 5)).round(2)]
    batches = assert_all(Problem(one_layer(weights, [Fraction(1, 4)] * 6), where), "lp")
    assert sum(map(len, batches)) > 6
    assert not any(batch.exact_points for batch in batches)


@every
def test_points_of_a_line_through_thirds_are_rationals(engine: str):
    third = Fraction(1, 3)
    line = line_between(2, (0, third), (1, third))
    rows = [(1, 0), (1, 0), (1, 1)]
    network = one_layer(rows, [Fraction(-1, 4), Fraction(-1, 2), -1])
    batches = assert_all(Problem(network, line), engine)
    assert sum(len(batch.exact_points) for batch in batches) == 4
    assert all(batch.point(row)[1] == third for batch in batches for row in range(len(batch)))


@every
@pytest.mark.parametrize("gap", [Fraction(1, 10**30), Fraction(1, 2**70)])
def test_a_region_without_doubles_has_a_rational_point(engine: str, gap: Fraction):
    third = Fraction(1, 3)
    network = one_layer([(1, 0), (1, 0), (0, 1)], [-third, -third - gap, 0])
    batches = assert_all(Problem(network, cube(2)), engine)
    thin = [
        batch.point(row)
        for batch in batches
        for row in range(len(batch))
        if str(batch.pattern(row))[:2] == "10"
    ]
    assert len(thin) == 2 and all(third < point[0] < third + gap for point in thin)
    assert sum(len(batch.exact_points) for batch in batches) == 2


def proposals(network, domain, engine: str):
    """A certifier, and what an engine proposes."""
    from regions.counting.listing import Listing
    from regions.counting.question import Question
    from regions.counting.tree import Stop

    listing = Listing.of(
        Question.of("iter_regions", network, domain, engine, None, "highs"), Stop(None)
    )
    return listing.certifier, list(listing._walk())


BAD = {
    "corner": lambda u: np.ones_like(u),
    "outside": lambda u: u + 3,
    "nan": lambda u: np.full_like(u, np.nan),
    "infinite": lambda u: np.full_like(u, -np.inf),
    "elsewhere": lambda u: u[::-1],
    "origin": lambda u: np.zeros_like(u),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize(
    ("network", "domain"),
    [
        (frozen((4, 4)), cube(2)),
        (frozen((4, 3), inputs=3), PlainDomain(3, "slice", ((0, 0, 0), (1, 1, 0), (0, 1, 1)))),
        (braid(3), polytope([((1, 1, 1), 2), ((-1, 0, 0), 1)], 3)),
    ],
    ids=["box", "slice", "polytope"],
)
def test_wrong_points_are_replaced(name: str, network: PlainNetwork, domain: PlainDomain):
    certifier, proposed = proposals(network.build(), domain.build(), "lp")
    wrong = [replace(found, points=BAD[name](found.points), rationals={}) for found in proposed]
    batches = [certifier.batch(found) for found in wrong]
    assert set(patterns(batches)) == oracle.regions(network.layers, domain.rows, network.inputs)
    assert_inside(network, domain, batches)
    assert certifier.checks.solved + certifier.checks.exactly > 0


def test_points_on_the_boundary_are_moved_inside():
    """Lines parallel to a side: a step towards the middle of the box leaves no cell."""
    network, domain = one_layer([(1, 0), (1, 0)], [Fraction(1, 2), Fraction(-1, 2)]), cube(2)
    certifier, (found,) = proposals(network.build(), domain.build(), "simplex")
    edge = found.points.copy()
    edge[:, 1] = [1, -1, 1]
    batch = certifier.batch(replace(found, points=edge))
    assert_inside(network, domain, [batch])
    assert certifier.checks.by_floats == 3


def test_a_pattern_that_is_no_region_is_an_error():
    certifier, (found,) = proposals(frozen((4, 4)).build(), cube(2).build(), "vertices")
    with pytest.raises(AssertionError, match="has no interior"):
        certifier.batch(replace(found, bits=1 - found.bits))


# -- batches ----------------------------------------------------------------------------------


@every
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_batches_have_at_most_their_size(engine: str, size: int):
    network, domain = frozen((4, 4, 4)).build(), cube(2).build()
    batches = listed(network, domain, engine, batch_size=size)
    whole = patterns(listed(network, domain, engine))
    most = 2 if engine == "simplex" and size == 1 else size
    assert max(map(len, batches)) <= most and min(map(len, batches)) >= 1
    assert patterns(batches) == whole and len(whole) == 20


@every
@pytest.mark.parametrize("name", ["frozen", "braid", "circular"])
def test_the_order_does_not_depend_on_the_clock(
    engine: str, name: str, monkeypatch: pytest.MonkeyPatch
):
    network, domain = (part.build() for part in KNOWN[name])
    first = listed(network, domain, engine, batch_size=5)
    monkeypatch.setattr(listing, "BUDGET", 1)
    monkeypatch.setattr(compiled, "SECONDS", 0.0)
    second = listed(network, domain, engine, batch_size=5)
    assert patterns(first) == patterns(second)
    assert all((a.points == b.points).all() for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("room", [1, 3])
def test_cells_set_aside_are_listed_while_the_buffers_are_small(
    room: int, monkeypatch: pytest.MonkeyPatch
):
    """Two layers of exact doubles of units: many cells are set aside, one by one."""
    from regions.counting import by_simplex, by_vertices

    monkeypatch.setattr(by_vertices, "FAILURES", room)
    monkeypatch.setattr(by_simplex, "FAILURES", room)
    first = [((1, 2), Fraction(1, 4)), ((1, 2), Fraction(1, 4)), ((-3, 1), Fraction(1, 8))]
    second = [((1, -1, 2), 0), ((1, -1, 2), 0), ((0, 0, 1), Fraction(-1, 2))]
    for engine in COMPILED:
        assert_all(Problem(feed_forward(2, first, second), cube(2)), engine)


def test_a_walk_that_is_left_ends_its_session(monkeypatch: pytest.MonkeyPatch):
    ended = []
    close = LPEngine.close
    monkeypatch.setattr(LPEngine, "close", lambda self: (ended.append(self), close(self)))
    walk = regions.iter_regions(frozen((4, 4)).build(), engine="lp", batch_size=2)
    assert len(next(walk)) == 2 and not ended
    walk.close()
    assert len(ended) == 1


def test_a_batch_is_read_only_and_knows_its_rows():
    (batch,) = listed(one_layer([(1, 1)]).build(), None, "lp")
    assert repr(batch) == "RegionBatch(2 regions, 2 inputs)"
    assert batch.point(-1) == batch.point(1) != batch.point(0)
    assert [batch.pattern(0), batch.pattern(1)] == list(batch)
    for array in (batch.patterns, batch.points, batch.facets):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    with pytest.raises(IndexError):
        batch.point(2)


def test_networks_without_units_and_domains_of_one_point():
    affine = regions.Network.from_layers([([[1, 2]], [0])])
    (batch,) = listed(affine, None, "auto")
    assert batch.patterns.shape == (1, 0) and str(batch.pattern(0)) == ""
    point = regions.Box([1, Fraction(1, 3)], [1, Fraction(1, 3)])
    (batch,) = listed(one_layer([(1, 1), (3, -9)]).build(), point, "auto")
    assert patterns([batch]) == ["10"] and batch.point(0) == (1, Fraction(1, 3))


WRONG = [
    ({"engine": "fast"}, InputError, r"iter_regions\(\): no engine 'fast'; choose one of auto"),
    ({"layers": 1.0}, InputError, r"layers needs a whole number or None, got 1\.0"),
    ({"layers": 3}, InputError, "the network has 2 ReLU layers"),
    ({"batch_size": 0}, InputError, "batch_size needs a whole number, 1 or more, or None, got 0"),
    ({"batch_size": True}, InputError, "batch_size needs a whole number"),
    ({"backend": "none"}, InputError, r"iter_regions\(\): .*none"),
    ({"backend": 3}, InputError, "backend needs a name or a Backend, got 3"),
    ({"domain": "box:-1,1"}, DomainError, r"iter_regions\(\): needs a Domain, got str"),
    ({"domain": regions.Box.cube(3, 0, 1)}, DomainError, "has dimension 3; give a domain of"),
    ({"domain": regions.Space(2), "engine": "simplex"}, InputError, "simplex engine cannot take"),
]


@pytest.mark.parametrize(("options", "kind", "message"), WRONG)
def test_wrong_arguments_are_named_at_once(options: dict, kind: type, message: str):
    with pytest.raises(kind, match=message):
        regions.iter_regions(frozen((4, 4)).build(), **options)


def test_what_is_no_network_is_named():
    with pytest.raises(InputError, match=r"iter_regions\(\): needs a Network, got str"):
        regions.iter_regions("model.pt")  # type: ignore[arg-type]
