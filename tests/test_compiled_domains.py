"""The compiled engines against the oracle on everything that they take, degenerate on purpose.

A box may be flat, a segment is a box of its own line, and so is a polytope whose rows leave one;
which problems an engine refuses is asked of `refusal`, and the refusal is tried as well.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import assume, given
from hypothesis import strategies as st

import regions
from regions.counting.engines import FLOATS, choose, refusal
from regions.errors import InputError
from regions.frame import Frame
from tests import oracle
from tests.cases import Case, deep_cases, moment_rows, sawtooth
from tests.plain import PlainDomain, cube, one_layer
from tests.strategies import BOUNDED, FORMS, Problem, domains, problems

#: Forms that an engine takes, always or often.
TAKEN = [
    *(("vertices", form) for form in ("box", "segment", "intersection")),
    *(("simplex", form) for form in BOUNDED),
]
both = pytest.mark.parametrize("engine", FLOATS)


def why_not(problem: Problem, engine: str) -> str | None:
    frame = Frame.of(problem.domain.build())
    return refusal(engine, frame.pull(problem.network.build()), frame)


def assert_oracle(problem: Problem, engine: str, layers: int | None = None) -> None:
    network, domain = problem.network, problem.domain
    expected = len(oracle.regions(network.layers[:layers], domain.rows, network.inputs))
    built, where = network.build(), domain.build()
    result = regions.count(built, where, engine=engine, layers=layers)
    assert (result.lower, result.upper, result.engine) == (expected, expected, engine)
    assert (result.unresolved, result.stopped) == (0, None)


@pytest.mark.parametrize(("engine", "form"), TAKEN)
@given(data=st.data())
def test_degenerate_problems_equal_the_oracle(engine: str, form: str, data: st.DataObject):
    largest = 4 if form in ("box", "cube") else 3
    problem = data.draw(problems([form], chain=True, max_inputs=largest))
    assume(not oracle.is_empty(problem.domain.rows, problem.domain.dim))
    assume(why_not(problem, engine) is None)
    layers = data.draw(st.sampled_from([None, 1, len(problem.network.layers)]))
    assert_oracle(problem, engine, layers)


@st.composite
def on_bounded_slices(draw: st.DrawFn) -> Problem:
    """Planes whose own coordinates are bounded by a box: directions along two axes, or shears."""
    problem = draw(problems(["slice"], chain=True, max_inputs=4))
    dim = problem.domain.dim
    return replace(problem, domain=PlainDomain(
        dim, "intersection", (problem.domain, draw(domains(dim, ["box", "polytope"])))
    ))  # fmt: skip


@given(problem=on_bounded_slices())
def test_simplex_on_slices_equals_the_oracle(problem: Problem):
    assume(not oracle.is_empty(problem.domain.rows, problem.domain.dim))
    assume(why_not(problem, "simplex") is None)
    assert_oracle(problem, "simplex")


@both
@given(problem=problems(FORMS))
def test_what_it_refuses_is_refused(engine: str, problem: Problem):
    assume(not oracle.is_empty(problem.domain.rows, problem.domain.dim))
    reason = why_not(problem, engine)
    assume(reason is not None)
    network, domain = problem.network.build(), problem.domain.build()
    with pytest.raises(InputError, match=f"{engine} engine cannot take this") as caught:
        regions.count(network, domain, engine=engine)
    assert str(reason) in str(caught.value)
    frame = Frame.of(domain)
    instead, _ = choose(frame.pull(network), frame)
    if instead == "integers":
        assert why_not(problem, "integers") is None
    else:
        assert instead == (
            "lp" if engine == "simplex" or why_not(problem, "simplex") else "simplex"
        )


@pytest.mark.parametrize(("units", "chosen"), [(500, "simplex"), (1100, "lp")])
def test_auto_leaves_sparse_networks_of_many_inputs_to_lp(units: int, chosen: str):
    """2000 inputs and 1100 units: a dictionary of 16.8 MiB, the limit being 16."""
    eye = sp.eye_array(units, 2000, format="csr")
    layers = [(eye, [0] * units), (np.ones((1, units)), [0])]
    network, frame = regions.Network.from_layers(layers), Frame.of(regions.Box.cube(2000, -1, 1))
    assert refusal("simplex", network, frame) is None
    assert choose(network, frame)[0] == chosen


@pytest.mark.parametrize("dim", [1, 6, 7, 8, 9])
@pytest.mark.parametrize("layers", [1, 2])
def test_auto_takes_vertices_for_one_layer_in_more_dimensions(dim: int, layers: int):
    weights = np.eye(dim) * 0.1  # no short integers
    stack = [(weights, np.ones(dim))] * layers + [(np.ones((1, dim)), [0])]
    network = regions.Network.from_layers(stack)
    frame = Frame.of(regions.Box.cube(dim, -1, 1))
    most = {1: 8, 2: 6}[layers]  # benchmarks/auto.md
    assert choose(network, frame)[0] == ("vertices" if dim <= most else "simplex")


@both
@given(problem=problems(["cube", "box", "ball", "segment"], chain=True, max_inputs=1))
def test_one_dimension_equals_the_oracle(engine: str, problem: Problem):
    assume(not oracle.is_empty(problem.domain.rows, 1))
    assume(why_not(problem, engine) is None)
    assert_oracle(problem, engine)


@both
def test_a_point_is_refused(engine: str):
    with pytest.raises(InputError, match="dimension 1 or more, this one is a point"):
        regions.count(one_layer([(1, 1)]).build(), regions.Box([1, 2], [1, 2]), engine=engine)


@both
@pytest.mark.parametrize("flat", [1, 2, 3])
def test_flat_sides_leave_a_smaller_box(flat: int, engine: str):
    """Rows in general position, with some inputs fixed to zero: those of the rest are left."""
    rows = moment_rows(6, 4, bias=True)
    sides = tuple(50 if j < 4 - flat else 0 for j in range(4))
    box = PlainDomain(4, "box", (tuple(-s for s in sides), sides))
    assert_oracle(Problem(rows, box), engine)
    result = regions.count(rows.build(), box.build(), engine=engine)
    assert result.stats["dimension"] == 4 - flat


@both
def test_a_segment_is_counted_on_its_own_line(engine: str):
    """From corner to corner, so that every threshold of every axis is crossed at its own place."""
    rows = [(1, 0, 0)] * 3 + [(0, 1, 0)] * 3 + [(0, 0, 1)] * 3
    levels = [Fraction(k, 20) for k in range(1, 10)]
    network = one_layer(rows, [-level for level in levels])
    line = PlainDomain(3, "segment", ((0, 0, 0), (1, 1, 1)))
    result = regions.count(network.build(), line.build(), engine=engine)
    assert (int(result), result.stats["dimension"], result.stats["set_aside"]) == (10, 1, 0)


@both
@pytest.mark.parametrize("layers", range(1, 7))
def test_the_first_layers_of_the_sawtooth(layers: int, engine: str):
    network, unit = sawtooth(6).build(), cube(1, 0, 1).build()
    result = regions.count(network, unit, engine=engine, layers=layers)
    assert (int(result), result.engine) == (2**layers, engine)


DEEP = {case.name: case for case in deep_cases() if case.domain.form == "box" and not case.slow}


@both
@pytest.mark.parametrize("name", ["frozen-4-4-box", "frozen-4-4-4-box"])
def test_fewer_layers_equal_the_oracle(name: str, engine: str):
    case: Case = DEEP[name]
    counts = []
    for layers in range(1, len(case.network.layers) + 1):
        assert_oracle(Problem(case.network, case.domain), engine, layers)
        built, where = case.network.build(), case.domain.build()
        counts.append(int(regions.count(built, where, engine=engine, layers=layers)))
    assert counts == sorted(counts) and counts[-1] == case.regions


def crossings_inside(rows: list[tuple], biases: list, half: int) -> int:
    """Points where two lines meet, strictly inside the square; no three of them may meet there."""
    points = []
    for i, j in combinations(range(len(rows)), 2):
        (a, b), (c, d) = rows[i], rows[j]
        det = a * d - b * c
        x = Fraction(-biases[i] * d + biases[j] * b) / det
        y = Fraction(-biases[j] * a + biases[i] * c) / det
        if max(abs(x), abs(y)) < half:
            points.append((x, y))
    assert len(set(points)) == len(points)
    return len(points)


@both
@pytest.mark.parametrize("count", [64, 65, 130])
def test_more_units_than_a_word_has_bits(count: int, engine: str):
    """Lines y = t (x + t), tangent to a parabola, all through the square."""
    levels = [Fraction(2 * k - count, 3 * count) + Fraction(1, 1000) for k in range(count)]
    rows, biases = [(t, -1) for t in levels], [t * t for t in levels]
    expected = 1 + count + crossings_inside(rows, biases, 1)
    result = regions.count(one_layer(rows, biases).build(), cube(2).build(), engine=engine)
    assert (result.lower, result.upper) == (expected, expected)
    assert result.stats["set_aside"] == 0
