"""What the simplex engine believes: proofs by multipliers and points, against exact arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from regions.counting import by_simplex
from regions.counting.by_simplex import SimplexEngine
from regions.counting.cell_lp import CellProgram
from regions.counting.engines import refusal
from regions.counting.leaf_kernel import FOLLOWS
from regions.counting.prefix import Prefix
from regions.counting.simplex_cell import (
    LONGEST_MEAN,
    centred,
    crossing_point,
    is_inside,
)
from regions.counting.simplex_kernel import TOP
from regions.counting.tree import Stop
from regions.domain import Box
from regions.frame import Frame
from regions.network import Network
from solvers.dictionary import COORDINATE, FREE, SLACK
from tests import naive, oracle
from tests.claims import Claim, engine_of
from tests.strategies import BOUNDED, Problem, problems
from tests.test_simplex import on_polytope

# ------------------------------------------------------------------ one claim at a time

CLAIMS = range(40)


@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize("seed", CLAIMS)
def test_a_claim_is_believed_only_beyond_all_errors(seed: int, fixed: bool):
    """Forms may be wrong by their errors: they all may hurt at the corner where all is tight."""
    claim = Claim(seed, fixed=fixed)
    for unit, split in ((0.0, 0.0), (2.0**-20, 0.0), (0.0, 2.0**-20), (2.0**-21, 2.0**-20)):
        total = unit + split * float(np.abs(claim.multipliers).sum())
        wrong = max(total, 1e-9)
        assert not claim.accepted(-0.99 * total, unit, split)
        assert not claim.accepted(0.01 * wrong, unit, split)
        assert claim.accepted(-1.01 * wrong, unit, split)
        assert claim.is_true()


def test_a_claim_is_believed_only_if_it_is_true():
    """Undeclared errors are those of rounding alone: claims that are nearly false either way."""
    believed = wrong = 0
    for seed in range(300):
        claim = Claim(seed, dyadic=False, opposed=seed % 2 == 0, fixed=seed % 3 == 0)
        for most in (-1e-11, -1e-13, -1e-15, -1e-16, 0.0, 1e-16, 1e-15, 1e-13):
            if claim.accepted(most):
                believed += 1
                assert claim.is_true()
            else:
                wrong += not claim.is_true()
    assert believed > 100 and wrong > 100


@pytest.mark.parametrize("seed", CLAIMS)
def test_only_multipliers_of_the_right_sign_count(seed: int):
    """Any λ >= 0 is a proof, others are none: the wrong signs count as zero."""
    claim = Claim(seed)
    claim.accepted(-1.0)
    claim.engine.cells.basis.table[0] *= -1.0
    if claim.accepted(-1.0):
        assert claim.is_true()
    claim.engine.cells.path_sign[0] *= -1.0  # the other side of every split
    claim.signs *= -1.0
    claim.engine.cells.basis.table[0] *= -1.0
    random = np.random.default_rng(seed)
    for _ in range(20):
        claim.engine.forms.rows[0, claim.splits] = random.standard_normal(claim.dim + 1)
        claim.rates(3 * random.standard_normal(claim.dim))
        row = claim.engine.forms.rows[0, claim.splits].copy()
        size = np.abs(row[:-1]) @ claim.engine.place.size + abs(row[-1])
        claim.engine.forms.sizes[0, claim.splits] = size
        if claim.proven():
            assert claim.is_true()


# ------------------------------------------------------------------ points


@pytest.mark.parametrize("seed", CLAIMS)
def test_a_point_is_inside_only_if_it_is_certain(seed: int):
    claim = Claim(seed)
    engine, dim = claim.engine, claim.dim
    cells, forms, place = engine.cells, engine.forms, engine.place
    inside = (place.inner_low + place.inner_high) / 2
    arguments = place, cells, forms, 0
    for i in range(claim.splits):  # every split holds by one in the middle
        forms.path[i, dim] = claim.signs[i] - forms.path[i, :dim] @ inside
    assert is_inside(*arguments, inside)
    for side in (place.inner_low, place.inner_high):
        for k in range(dim):
            moved = inside.copy()
            moved[k] = side[k]
            room = cells.path_sign[0, : claim.splits] * (
                forms.path[: claim.splits, :dim] @ moved + forms.path[: claim.splits, dim]
            )
            assert is_inside(*arguments, moved) == (room > 0).all()
            moved[k] = np.nextafter(side[k], side[k] + (side[k] - inside[k]))
            assert not is_inside(*arguments, moved)
    for i in range(claim.splits):
        forms.path_error[i] = 1.0 + 1e-9
        assert not is_inside(*arguments, inside)
        forms.path_error[i] = 1.0 - 1e-9
        assert is_inside(*arguments, inside)
        forms.path[i] *= -1.0
        assert not is_inside(*arguments, inside)
        forms.path[i] *= -1.0


@pytest.mark.parametrize("seed", CLAIMS)
def test_a_crossing_point_is_certainly_inside_and_across(seed: int):
    """Vertices that are wrong by a lot propose points outside, or on the same side: refused."""
    claim = Claim(seed)
    engine, dim, splits = claim.engine, claim.dim, claim.splits
    cells, forms, place = engine.cells, engine.forms, engine.place
    random = np.random.default_rng(seed)
    found = missed = 0
    for trial in range(40):
        inside = random.uniform(place.inner_low, place.inner_high)
        cells.point[0] = inside
        for i in range(splits):
            forms.path[i, dim] = claim.signs[i] * random.random() - forms.path[i, :dim] @ inside
        forms.rows[0, splits, :dim] = random.standard_normal(dim)
        here = random.choice([-1.0, 1.0]) * random.random()
        forms.rows[0, splits, dim] = here - forms.rows[0, splits, :dim] @ inside
        forms.errors[0, splits] = 10.0 ** -random.integers(0, 10)
        cells.basis.column_kind[0], cells.basis.column_name[0] = COORDINATE, np.arange(dim)
        cells.basis.rows[0] = 0
        cells.basis.side[0] = random.uniform(
            -1.5, 1.5, dim
        )  # a vertex anywhere, beyond the box as well
        if crossing_point(
            place, cells, forms, engine.scratch, 0, splits, here, trial % 2 == 0,
            int(random.integers(dim)), -1, float(random.random()),
        ):  # fmt: skip
            found += 1
            x = engine.scratch.point
            assert (place.inner_low <= x).all() and (x <= place.inner_high).all()
            room = cells.path_sign[0, :splits] * (forms.path[:splits, :dim] @ x)
            assert (room + cells.path_sign[0, :splits] * forms.path[:splits, dim] > -1e-15).all()
            there = forms.rows[0, splits, :dim] @ x + forms.rows[0, splits, dim]
            assert there * here < 0 and abs(there) > forms.errors[0, splits] * (1 - 1e-9)
        else:
            missed += 1
    assert missed
    assert found or splits > 2


@pytest.mark.parametrize("seed", CLAIMS)
def test_a_point_takes_the_vertex_into_its_mean_or_stays(seed: int):
    claim = Claim(seed)
    engine, dim, splits = claim.engine, claim.dim, claim.splits
    cells, forms, place = engine.cells, engine.forms, engine.place
    random = np.random.default_rng(seed)
    cells.basis.column_kind[0], cells.basis.column_name[0] = COORDINATE, np.arange(dim)
    cells.basis.rows[0] = 0
    moves = 0
    for _ in range(40):
        before = random.uniform(place.inner_low, place.inner_high)
        cells.point[0] = before
        for i in range(splits):
            forms.path[i, dim] = claim.signs[i] * random.random() - forms.path[i, :dim] @ before
        cells.basis.side[0] = random.choice([-1.0, 1.0], dim)
        vertex = place.middle - place.radius * cells.basis.side[0]
        weight = int(random.integers(1, LONGEST_MEAN + 1))
        cells.weight[0] = weight
        mean = (weight * before + vertex) / (weight + 1)
        there = np.clip(mean, place.inner_low, place.inner_high)
        moved = bool(centred(place, cells, forms, engine.scratch, 0))
        moves += moved
        assert moved == is_inside(place, cells, forms, 0, there)
        assert cells.point[0] == pytest.approx(there if moved else before, rel=0, abs=1e-12)
        assert cells.weight[0] == min(weight + moved, LONGEST_MEAN)
    assert moves or splits > 2
    assert moves < 40 or not splits


# ------------------------------------------------------------------ whole searches, node by node


def nodes(engine: SimplexEngine) -> Iterator[int]:
    """After every decision, the indices of the nodes on the stack that it may have changed."""
    while engine.advance(1) != 0 and engine.nodes < 100:
        if int(engine.state[TOP]) + 2 > len(engine.cells.layer):
            engine.grow()
        engine.take_aside()
        top = int(engine.state[TOP])
        yield from range(max(top - 2, 0), top)


def assert_node(engine: SimplexEngine, node: int) -> None:
    """The point is in the cell of the node's bits, and the dictionary is that of its forms."""
    cells, frame, network = engine.cells, engine.frame, engine.network
    x = naive.vector(cells.point[node].tolist())
    for value, low, high in zip(x, frame.lower, frame.upper, strict=True):
        assert naive.exact(low) <= value <= naive.exact(high)
    for row, limit in zip(naive.table(frame.rows), frame.limits, strict=True):
        assert naive.dot(row, x) < naive.exact(limit)
    layer = int(cells.layer[node])
    bits = [cells.status[node, m, : network.widths[m]].copy() for m in range(layer + 1)]
    for known in bits:
        known[known == FOLLOWS] = -1
    assert all((known >= 0).all() for known in bits[:-1])
    for position in range(1, layer + 2):
        forms = naive.forms(network, bits, position)
        for form, bit in zip(forms, bits[position - 1], strict=True):
            if bit >= 0:
                z = naive.value(form, x)
                assert z > 0 if bit else z < 0 or (z == 0 and not any(form[0]))
    if layer < 0:
        return
    every = [naive.forms(network, bits, position) for position in range(1, layer + 2)]
    assert_errors(engine, node, every)
    assert_dictionary(engine, node, every[-1])


def furthest(form: np.ndarray, true: naive.Form, frame: Frame) -> Fraction:
    """How much the floats err at worst in the box."""
    *a, c = (
        Fraction(p) - naive.exact(q)
        for p, q in zip(form.tolist(), [*true[0], true[1]], strict=True)
    )
    ends = [
        sorted((p * naive.exact(low), p * naive.exact(high)))
        for p, low, high in zip(a, frame.lower, frame.upper, strict=True)
    ]
    return max(abs(c + sum(low for low, _ in ends)), abs(c + sum(high for _, high in ends)))


def assert_errors(engine: SimplexEngine, node: int, every: list[list[naive.Form]]) -> None:
    """What is declared of the forms and the splits bounds how far they are from the true ones."""
    cells, forms, frame = engine.cells, engine.forms, engine.frame
    layer = len(every) - 1
    for unit, true in enumerate(every[layer]):
        away = furthest(forms.rows[layer, unit], true, frame)
        assert away <= forms.row_errors[layer, unit] + engine.place.absolute[layer]
        rounding = (len(cells.point[node]) + 1) * 2.0**-53 * forms.sizes[layer, unit]
        assert forms.errors[layer, unit] >= float(away) + rounding and forms.errors[layer, unit] > 0
    sides = list(zip(naive.table(frame.rows), frame.limits, strict=True))
    for i in range(int(cells.splits[node])):
        split, unit = int(forms.path_layer[i]), int(forms.path_unit[i])
        if split < 0:
            row, limit = sides[i]
            true = [-v for v in row], naive.exact(limit)
        else:
            true = every[split][unit]
        rounding = (len(cells.point[node]) + 1) * 2.0**-53 * forms.path_size[i]
        assert forms.path_error[i] >= float(furthest(forms.path[i], true, frame)) + rounding
        if split >= 0:  # the point is on its side by more than all errors
            at = forms.path[i, :-1] @ cells.point[node] + forms.path[i, -1]
            assert cells.path_sign[node, i] * at > forms.path_error[i] * 0.999


def assert_dictionary(engine: SimplexEngine, node: int, current: list) -> None:
    """Rows and columns together name every form of the node once; a row is what it says."""
    cells, place, basis = engine.cells, engine.place, engine.cells.basis
    rows = range(int(basis.rows[node]))
    dim, splits = len(place.middle), int(cells.splits[node])
    names = [
        *((int(basis.row_kind[node, i]), int(basis.row_name[node, i])) for i in rows),
        *((int(k), int(n)) for k, n in zip(basis.column_kind[node], basis.column_name[node],
                                           strict=True)),
    ]  # fmt: skip
    layer = int(cells.layer[node])
    open_units = np.flatnonzero(cells.status[node, layer, : engine.network.widths[layer]] < 0)
    expected = [(COORDINATE, k) for k in range(dim)] + [(SLACK, i) for i in range(splits)]
    assert sorted(names) == sorted(expected + [(FREE, int(u)) for u in open_units])
    values = basis.table[node, dim].ravel()
    x = np.zeros(dim)
    for k in range(dim):  # the vertex, from the dictionary's own coordinates
        if basis.column_kind[node, k] == COORDINATE:
            x[basis.column_name[node, k]] = -basis.side[node, k]
    for i in rows:
        if basis.row_kind[node, i] == COORDINATE:
            x[basis.row_name[node, i]] = values[i]
    assert (np.abs(x) <= 1 + 1e-6).all()
    at = naive.vector((place.middle + place.radius * x).tolist())
    for i in rows:
        name, value = int(basis.row_name[node, i]), float(values[i])
        if basis.row_kind[node, i] == FREE:
            scale = float(engine.forms.scales[layer, name])
            assert value == pytest.approx(scale * float(naive.value(current[name], at)), abs=1e-6)
        elif basis.row_kind[node, i] == SLACK:
            assert value >= -1e-6


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_every_node_is_what_it_says(seed: int, double: bool):
    problem = on_polytope(100 + seed, double)
    engine = engine_of(problem.network.build(), problem.domain.build())
    for node in nodes(engine):
        assert_node(engine, node)


@pytest.mark.parametrize("away", [2.0**-50, 2.0**-53, 2.0**-60, 2.0**-200, 0.0])
@pytest.mark.parametrize("dim", [1, 3])
def test_a_point_that_is_too_near_a_hyperplane_is_moved(dim: int, away: float):
    """The middle of the box is on one side, but by less than rounding: that decides nothing."""
    rows = np.diag(0.1 * (1 + np.arange(dim)))
    network = Network.from_layers([(rows, [away] * dim), (np.ones((1, dim)), [0])])
    engine = engine_of(network, Box.cube(dim, -1, 1))
    seen = [node for node in nodes(engine) if assert_node(engine, node) is None]
    assert seen and engine.found + len(engine.open_nodes()) >= 2


@given(problem=problems(BOUNDED, chain=True))
def test_every_node_of_degenerate_problems_is_what_it_says(problem: Problem):
    assume(not oracle.is_empty(problem.domain.rows, problem.domain.dim))
    frame = Frame.of(problem.domain.build())
    network = problem.network.build()
    assume(refusal("simplex", frame.pull(network), frame) is None)
    engine = engine_of(network, problem.domain.build())
    for node in nodes(engine):
        assert_node(engine, node)


@settings(max_examples=3)
@given(seed=st.integers(0, 999))
def test_every_node_of_generic_networks_is_what_it_says(seed: int):
    random = np.random.default_rng(seed)
    dim = int(random.integers(1, 6))
    layers = []
    below = dim
    for width in random.integers(2, 8, random.integers(1, 4)):
        layers.append((random.standard_normal((width, below)), random.standard_normal(width) / 2))
        below = int(width)
    network = Network.from_layers([*layers, (np.ones((1, below)), [0])])
    engine = engine_of(network, Box([-1] * dim, [Fraction(k + 1, 3) for k in range(dim)]))
    for node in nodes(engine):
        assert_node(engine, node)


# ------------------------------------------------------------------------------ deeper points


def _hopeless(seed: int) -> tuple[SimplexEngine, list[Prefix]]:
    """An engine and some open cells, each with a corner of the box for its point."""
    random = np.random.default_rng(seed)
    network = Network.from_layers([
        (random.normal(size=(6, 3)), random.normal(size=6)),
        (random.normal(size=(5, 6)), random.normal(size=5)),
        (np.ones((1, 5)), [0]),
    ])  # fmt: skip
    engine = engine_of(network, Box.cube(3, -1, 1))
    engine.advance(12)
    cells = [replace(cell, point=np.ones(3)) for cell in engine.open_cells()]
    cells = [cell for cell in cells if _is_refused(engine, cell)]
    assert cells, "this test needs cells that floats refuse"
    return engine, cells


def _is_refused(engine: SimplexEngine, cell: Prefix) -> bool:
    engine.refused.clear()
    engine.start(cell)
    return len(engine.aside()) == 1


@pytest.mark.parametrize("seed", range(6))
def test_cells_set_aside_are_counted_from_a_deeper_point(seed: int):
    engine, cells = _hopeless(seed)
    for cell in cells:
        assert _is_refused(engine, cell)
        before, done = engine.found, engine.deepened
        assert engine.take_aside() == [] and engine.aside() == []
        assert engine.found - before == cell.count(engine.hard).lower
        assert engine.deepened == done + 1


@pytest.mark.parametrize("seed", range(3))
def test_cells_without_a_deeper_point_or_time_stay_set_aside(
    seed: int, monkeypatch: pytest.MonkeyPatch
):
    engine, cells = _hopeless(seed)
    before = engine.found
    with monkeypatch.context() as patch:
        patch.setattr(CellProgram, "deepest", lambda *_: None)
        assert _is_refused(engine, cells[0])
        assert engine.take_aside() == [cells[0]]
    with monkeypatch.context() as patch:
        patch.setattr(by_simplex, "SECOND_CHANCE", 1)  # no cell with an undecided unit ends so soon
        assert _is_refused(engine, cells[0])
        assert engine.take_aside() == [cells[0]]
    monkeypatch.setattr(Stop, "reason", lambda _: "time limit")
    assert _is_refused(engine, cells[0])
    assert engine.take_aside() == [cells[0]]
    assert engine.found == before
