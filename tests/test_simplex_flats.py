"""Sections of cells of the last layer: their counts against leaves, their points in rationals."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import regions
from regions.counting import by_simplex, simplex_kernel
from regions.counting.by_simplex import SimplexEngine
from regions.counting.leaf_kernel import FOLLOWS
from regions.counting.simplex_flats import _section, _settle, count_flats, near_vertex
from solvers.dictionary import COORDINATE, FIXED, FREE, SLACK, copy, steepest
from tests import naive, oracle
from tests.cases import differences
from tests.claims import engine_of
from tests.plain import cube
from tests.test_dictionary import inverted
from tests.test_simplex import generic, on_polytope


def by_leaves(engine: SimplexEngine) -> int:
    """The regions that the search finds one by one; it must set nothing aside."""
    engine.list_regions(1000)
    total = 0
    while (code := engine.advance(1000)) != simplex_kernel.DONE:
        if code == simplex_kernel.GROW:
            engine.grow()
        total += len(engine.take_regions().bits)
        assert not engine.aside()
    return total + len(engine.take_regions().bits)


def last_cells(engine: SimplexEngine) -> Iterator[int]:
    """The nodes of the last layer with units to decide, as a search comes to them."""
    layers = len(engine.network.widths)
    engine.list_regions(10**6)  # so that nothing is counted together
    while True:
        top = int(engine.state[simplex_kernel.TOP]) - 1
        if top < 0:
            return
        opened = int(engine.cells.basis.rows[top] - engine.cells.splits[top])
        if engine.cells.layer[top] == layers - 1 and opened > 1:
            yield top
        if engine.advance(1) == simplex_kernel.GROW:
            engine.grow()
        engine.take_aside()


def counted(engine: SimplexEngine, top: int) -> int:
    return int(
        count_flats(
            engine.place, engine.cells, engine.forms, engine.scratch, engine.flats, top
        )
    )  # fmt: skip


# ------------------------------------------------------------------ against leaves and the oracle


@pytest.mark.parametrize("seed", range(24))
def test_sections_count_what_leaves_count(seed: int):
    random = np.random.default_rng(seed)
    inputs = 2 + seed % 8
    network = generic(random, inputs, *(int(w) for w in random.integers(4, 9, 1 + seed % 2)))
    domain: regions.Domain = regions.Box.cube(inputs, -1, "1/3")
    if seed % 3 == 0:
        rows = np.round(64 * random.standard_normal((2, inputs))) / 64
        domain = domain & regions.Polytope(rows, ["1/2", "1"])
    together = engine_of(network, domain)
    assert together.advance(10**6) == simplex_kernel.DONE and not together.aside()
    alone = engine_of(network, domain)
    assert together.found == by_leaves(alone) == alone.found
    assert together.nodes < alone.nodes / 2 or alone.found < 8


@pytest.mark.parametrize("double", [False, True])
def test_every_section_count_is_the_oracle_s(double: bool):
    """Cell by cell: the right number, or none, with coincidences (a corner that is touched)."""
    seen = missed = 0
    for seed in range(16):
        problem = on_polytope(200 + seed, double)
        network, domain = problem.network.build(), problem.domain.build()
        every = oracle.regions(
            problem.network.layers, problem.domain.rows, problem.network.inputs
        )  # fmt: skip
        engine = engine_of(network, domain)
        for top in last_cells(engine):
            found, true = counted(engine, top), sum(_has(engine, top, bits) for bits in every)
            assert found in (true, 0)
            seen += 1
            missed += found == 0
    assert 3 * missed < seen if not double else missed


def _has(engine: SimplexEngine, top: int, pattern: Any) -> bool:
    """Whether a region lies in the cell of a node."""
    letters = [int(letter) for letter in str(pattern) if letter in "01"]
    known = [
        int(bit)
        for m, width in enumerate(engine.network.widths)
        for bit in engine.cells.status[top, m, :width]
    ]
    return all(k in (-1, FOLLOWS, b) for k, b in zip(known, letters, strict=True))


@pytest.mark.parametrize("shifts", [(0,), (0, 1), (-1, 0, 1)])
def test_parallel_hyperplanes_and_common_points(shifts: tuple[int, ...]):
    """Parallel ones need no fallback; where three meet in a line, leaves are counted instead."""
    network = differences(3, shifts)
    expected = len(oracle.regions(network.layers, cube(3).rows, 3))
    result = regions.count(network.build(), cube(3).build(), engine="simplex")
    assert (result.lower, result.upper) == (expected, expected)


def test_what_is_uncertain_is_left_to_leaves():
    """Two hyperplanes that coincide inside the cell, or nearly: 0, never 3 or 4."""
    for away, expected in ((2.0**-60, (0,)), (2.0**-20, (3, 0))):
        weights = [[1.0, 0.25, 0.5], [1.0, 0.25, 0.5]]
        network = regions.Network.from_layers([(weights, [0, away]), ([[1.0, 1.0]], [0])])
        engine = engine_of(network, regions.Box.cube(3, -1, 1))
        engine.advance(1)
        assert engine.cells.layer[0] == 0
        assert counted(engine, 0) in expected
        assert int(regions.count(network, engine="simplex")) == 3


@pytest.mark.parametrize("together", [2, 3, 5])
def test_cells_are_split_until_few_units_are_open(together: int):
    """However many units are counted together, at most."""
    network = generic(np.random.default_rng(7), 6, 9)
    expected = int(regions.count(network, engine="vertices"))
    engine = engine_of(network, regions.Box.cube(6, -1, 1))
    total = seen = 0
    while (top := int(engine.state[simplex_kernel.TOP]) - 1) >= 0:
        opened = int(engine.cells.basis.rows[top] - engine.cells.splits[top])
        if engine.cells.layer[top] == 0 and 1 < opened <= together:
            found = counted(engine, top)
            assert found > 0
            total += found
            seen += 1
            engine.state[simplex_kernel.TOP] = top
        else:
            engine.list_regions(10**4)
            before = engine.found
            if engine.advance(1) == simplex_kernel.GROW:
                engine.grow()
            total += engine.found - before
    assert total == expected and seen


def test_a_run_uses_sections_unless_regions_are_listed(monkeypatch: pytest.MonkeyPatch):
    network = generic(np.random.default_rng(3), 7, 8)
    engines: list[SimplexEngine] = []
    start = SimplexEngine.start
    monkeypatch.setattr(
        by_simplex.SimplexEngine, "start", lambda self, p: (engines.append(self), start(self, p))
    )
    count = int(regions.count(network, engine="simplex"))
    listed = sum(len(batch) for batch in regions.iter_regions(network, engine="simplex"))
    assert count == listed
    assert engines[0].nodes < 5 < count < engines[-1].nodes


# ------------------------------------------------------------------ points of sections


def true_form(engine: SimplexEngine, top: int, kind: int, name: int) -> naive.Form:
    """The form of a column or row, in rationals; a side of the domain is a row too."""
    frame, layer = engine.frame, int(engine.cells.layer[top])
    if kind == SLACK:
        layer, unit = int(engine.forms.path_layer[name]), int(engine.forms.path_unit[name])
        if layer < 0:
            row = naive.table(frame.rows)[name]
            return [-v for v in row], naive.exact(frame.limits[name])
    else:
        unit = name
    bits = [engine.cells.status[top, m, : engine.network.widths[m]] for m in range(layer + 1)]
    return naive.forms(engine.network, bits, layer + 1)[unit]


def solved(engine: SimplexEngine, top: int, level: int, x: np.ndarray) -> list[Fraction]:
    """The point with the non-basic coordinates of x at which the other non-basic forms vanish."""
    d, dim = engine.flats.basis, len(x)
    rows, constants = [], []
    for j in range(dim):
        kind, name = int(d.column_kind[level, j]), int(d.column_name[level, j])
        if kind == COORDINATE:
            rows.append([Fraction(int(k == name)) for k in range(dim)])
            constants.append(Fraction(float(x[name])))
        else:
            slope, constant = true_form(engine, top, kind, name)
            rows.append([Fraction(v) for v in slope])
            constants.append(-Fraction(constant))
    return [naive.dot(line, constants) for line in inverted(rows)]


@pytest.mark.parametrize("seed", range(12))
def test_a_point_of_the_section_is_as_near_as_is_said(seed: int):
    """It lies in the closed cell; where forms are wrong by more, the distance grows with that."""
    random = np.random.default_rng(seed)
    inputs = 2 + seed % 4
    network = generic(random, inputs, *[5] * (1 + seed % 2))
    domain = regions.Box([-1] * inputs, [Fraction(k + 1, 3) for k in range(inputs)])
    if seed % 3 == 0:
        rows = np.round(64 * random.standard_normal((2, inputs))) / 64
        domain = domain & regions.Polytope(rows, ["1/2", "1"])
    engine = engine_of(network, domain)
    checked = 0
    for top in last_cells(engine):
        for level in _down(engine, top):
            checked += _check_point(engine, top, level, random)
        if checked > 60:
            break
    assert checked > 8


def _down(engine: SimplexEngine, top: int) -> Iterator[int]:
    """Vertices of ever deeper sections of a cell."""
    flats, layer = engine.flats, int(engine.cells.layer[top])
    d, arguments = flats.basis, (engine.place, engine.cells, engine.forms, engine.scratch, flats)
    copy(engine.cells.basis, top, d, 0)
    opened = [int(i) for i in range(d.rows[0]) if d.row_kind[0, i] == FREE]
    for place, row in enumerate(opened):
        flats.place[d.row_name[0, row]] = place
    level = 0
    while True:
        flats.settled[level] = flats.seen[level] = flats.known[level] = 0
        yield level
        if _settle(*arguments, top, layer, level) < 1:
            return
        yield level
        row = next(i for i in range(int(d.rows[level])) if d.row_kind[level, i] == FREE)
        if not _section(d, flats, level, row):
            return
        level += 1


def _check_point(
    engine: SimplexEngine, top: int, level: int, random: np.random.Generator
) -> bool:  # fmt: skip
    forms, place, cells, d = engine.forms, engine.place, engine.cells, engine.flats.basis
    layer, x = int(cells.layer[top]), np.zeros(len(place.middle))
    arguments = place, cells, forms, engine.flats, top, layer, level, x
    radius = float(near_vertex(*arguments))
    if radius < 0:
        return False
    assert (place.inner_low <= x).all() and (x <= place.inner_high).all()
    at = solved(engine, top, level, x)
    away = max(
        abs(p - Fraction(float(q))) / Fraction(float(r))
        for p, q, r in zip(at, x, place.radius, strict=True)
    )
    assert away <= radius
    for p, low, high in zip(at, engine.frame.lower, engine.frame.upper, strict=True):
        assert naive.exact(low) <= p <= naive.exact(high)
    for i in range(int(d.rows[level])):
        if d.row_kind[level, i] == SLACK:
            name = int(d.row_name[level, i])
            inside = naive.value(true_form(engine, top, SLACK, name), at)
            assert inside * Fraction(float(cells.path_sign[top, name])) > 0
    columns = [j for j in range(len(x)) if d.column_kind[level, j] != COORDINATE]
    if columns:  # a form that may be wrong by so much may vanish that far away
        j = int(random.choice(columns))
        kind, name = int(d.column_kind[level, j]), int(d.column_name[level, j])
        fixed = kind == FIXED
        errors = forms.errors[layer] if fixed else forms.path_error
        scale = forms.scales[layer, name] if fixed else forms.path_scale[name]
        basic = [i for i in range(int(d.rows[level])) if d.row_kind[level, i] == COORDINATE]
        reach = max((abs(d.table[level, j].ravel()[i]) for i in basic), default=0.0)
        before, errors[name] = errors[name], 1e-7 / scale
        wider = float(near_vertex(*arguments))
        errors[name] = before
        assert wider < 0 or wider >= 0.999e-7 * reach
    return True


def test_points_too_near_a_split_or_a_side_are_refused():
    """The cell x >= 0 of a square, its section y = x/2 at the vertex (1, 1/2), and one split more.

    At a distance below what the error of the split allows, no point is known to be inside.
    """
    weights = [[1.0, 0.0], [-0.5, 1.0], [-1.0, 1.0]]
    network = regions.Network.from_layers([(weights, [0, 0, 0]), (np.ones((1, 3)), [0])])
    engine = engine_of(network, regions.Box.cube(2, -1, 1))
    refused = believed = 0
    for top in last_cells(engine):
        cells, forms = engine.cells, engine.forms
        for level in _down(engine, top):
            d, x = engine.flats.basis, np.zeros(2)
            arguments = engine.place, cells, forms, engine.flats, top, 0, level, x
            radius = near_vertex(*arguments)
            slacks = [
                int(d.row_name[level, i]) for i in range(int(d.rows[level]))
                if d.row_kind[level, i] == SLACK
            ]  # fmt: skip
            if radius < 0 or not slacks:
                continue
            name = slacks[0]
            room = cells.path_sign[top, name] * (forms.path[name, :2] @ x + forms.path[name, 2])
            before = forms.path_error[name]
            for share, expected in ((0.999, True), (1.001, False)):
                forms.path_error[name] = share * (room - radius / forms.path_scale[name])
                assert (near_vertex(*arguments) >= 0) == expected
                believed += expected
                refused += not expected
            forms.path_error[name] = before
    assert refused and believed


def test_settling_knows_both_signs_of_all_that_is_left():
    network = generic(np.random.default_rng(11), 4, 7)
    engine = engine_of(network, regions.Box.cube(4, -1, 1))
    top = next(last_cells(engine))
    d, flats = engine.flats.basis, engine.flats
    for level in _down(engine, top):
        if not flats.seen[level]:
            continue
        rows = [i for i in range(int(d.rows[level])) if d.row_kind[level, i] == FREE]
        above = np.bitwise_or.reduce(flats.above[level, : flats.seen[level]])
        below = np.bitwise_or.reduce(flats.below[level, : flats.seen[level]])
        for row in rows:
            bit = 1 << int(flats.place[d.row_name[level, row]])
            assert above & below & bit
            assert steepest(d, level, row, 1.0)[0] >= 0 or steepest(d, level, row, -1.0)[0] >= 0
