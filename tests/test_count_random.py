"""`count` against the rational oracle on random problems, degenerate on purpose.

Every form of domain gets its own run of examples: sixty each by default, and two thousand each
with --run-slow (the profiles in conftest.py).
"""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import regions
from regions.counting.engines import FLOATS
from tests import oracle
from tests.cases import ENGINES
from tests.plain import PlainDomain, PlainNetwork, cube, feed_forward
from tests.strategies import FORMS, Problem, problems


def assert_equals_oracle(problem: Problem, engine: str = "auto") -> None:
    network, domain = problem.network, problem.domain
    if oracle.is_empty(domain.rows, network.inputs):
        with pytest.raises(regions.DomainError, match="empty"):
            regions.count(network.build(), domain.build())
        return
    expected = oracle.regions(network.layers, domain.rows, network.inputs)
    result = regions.count(network.build(), domain.build(), engine=engine)
    assert (result.lower, result.upper, result.unresolved) == (len(expected), len(expected), 0)


#: Found the hard way: each of these was once counted wrongly.
HARD = {
    "sparse 0/1 rows that are no identity": Problem(
        PlainNetwork(2, ((((1, 1), 0), ((0, 0), 0)),), storage="sparse"),
        PlainDomain(2, "segment", ((1, -2), (-2, 1))),
    ),
    "sparse 0/1 rows that cut": Problem(
        PlainNetwork(2, ((((1, 1), 0), ((0, 0), 0)),), storage="sparse"),
        PlainDomain(2, "segment", ((-1, 0), (Fraction(1, 2), 0))),
    ),
    "a sparse weight that is nearly one": Problem(
        PlainNetwork(1, ((((1 + Fraction(1, 10**30),), -1),),), storage="sparse"),
        PlainDomain(1, "segment", ((0,), (1,))),
    ),
    "weights too small for a double": Problem(
        PlainNetwork(1, ((((Fraction(1, 10**400),), 0),),)), cube(1)
    ),
    "and readers of their outputs": Problem(
        PlainNetwork(
            2,
            (
                (((Fraction(1, 10**400), 0), 0), ((0, 1), 0)),
                (((-Fraction(1, 10**400), 0, 1, 0), 0), ((0, 0, -1, 1), Fraction(-1, 10**401))),
            ),
        ),
        cube(2),
    ),
    "a box of 1e150 under weights of 1e-310": Problem(
        PlainNetwork(
            2, ((((Fraction(1e-310), Fraction(-1e-310)), 0), ((1, -1), Fraction(1e134))),)
        ),
        cube(2, -(10**150), 10**150),
    ),
    "sums that overflow": Problem(
        PlainNetwork(
            2, ((((Fraction(1.7e308), Fraction(1.7e308)), Fraction(-1.7e308)), ((1, 1), -1)),)
        ),
        cube(2, -2, 2),
    ),
    "a zero row of the first layer": Problem(
        feed_forward(1, [((0,), 0), ((0,), 0)], [((1, 2), -1)]), cube(1)
    ),
    "a row of the second layer that cancels": Problem(
        feed_forward(1, [((1,), 2), ((-1,), 2)], [((1, 1), -4), ((1, 3), -7)]), cube(1)
    ),
    "second weights too small for a double": Problem(
        feed_forward(
            2,
            [((1, 0), 0), ((0, 1), 0)],
            [((Fraction(1, 10**400), Fraction(-1, 10**400)), 0)],
        ),
        cube(2),
    ),
    "a side thinner than the least double": Problem(
        feed_forward(2, [((1, 2), Fraction(-1, 3)), ((3, -1), Fraction(-1, 7))]),
        PlainDomain(2, "box", ((0, 0), (1, Fraction(1, 10**400)))),
    ),
    "a crossing below rounding": Problem(  # in floats the second layer is a negative constant
        feed_forward(
            1,
            [((1,), 1)] * 6,
            [((1, *[Fraction(1, 2**54)] * 4, -1), Fraction(-243, 256 * 2**52)), ((1,) * 6, 1)],
        ),
        cube(1, -Fraction(1, 2), Fraction(1, 2)),
    ),
    "a box thinner than the least double": Problem(
        PlainNetwork(1, ((((2**900,), -Fraction(1, 10**60)),),)),
        cube(1, -Fraction(1, 10**400), Fraction(1, 10**400)),
    ),
}


@pytest.mark.parametrize("engine", [*ENGINES, "auto"])
@pytest.mark.parametrize("name", HARD)
def test_hard_problems_equal_the_oracle(name: str, engine: str):
    assert_equals_oracle(HARD[name], engine)


@pytest.mark.parametrize("engine", FLOATS)
@pytest.mark.parametrize("name", HARD)
def test_hard_problems_by_compiled_engines_equal_the_oracle(name: str, engine: str):
    network, domain = HARD[name].network, HARD[name].domain
    if name != "and readers of their outputs":
        assert_equals_oracle(HARD[name], engine)
        return
    with pytest.raises(regions.InputError, match="skip connections"):
        regions.count(network.build(), domain.build(), engine=engine)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("form", FORMS)
@given(data=st.data())
def test_count_equals_the_oracle(form: str, engine: str, data: st.DataObject):
    assert_equals_oracle(data.draw(problems([form])), engine)


@pytest.mark.parametrize("engine", FLOATS)
@given(problem=problems(["cube", "box", "ball"], chain=True, max_inputs=4, max_units=11))
def test_a_compiled_engine_equals_the_oracle(engine: str, problem: Problem):
    bounds = problem.domain.build().constraints()
    assume(bounds.lower != bounds.upper)  # a single point is refused
    assert_equals_oracle(problem, engine)


@given(problem=problems(["cube", "space", "polytope"], max_inputs=2, max_units=14, max_layers=4))
def test_deeper_networks_equal_the_oracle(problem: Problem):
    assert_equals_oracle(problem)


@given(problem=problems(), data=st.data())
def test_the_first_layers_equal_the_oracle(problem: Problem, data: st.DataObject):
    network, domain = problem.network, problem.domain
    if oracle.is_empty(domain.rows, network.inputs):
        return
    first = data.draw(st.integers(1, len(network.layers)), label="layers")
    expected = oracle.regions(network.layers[:first], domain.rows, network.inputs)
    built, where = network.build(), domain.build()
    assert int(regions.count(built, where, layers=first)) == len(expected)
    assert int(regions.count(built.truncate(first), where)) == len(expected)


@given(problem=problems(), data=st.data())
def test_patterns_of_points_equal_the_oracle(problem: Problem, data: st.DataObject):
    network = problem.network
    coordinate = st.fractions(-3, 3, max_denominator=6)
    x = data.draw(st.tuples(*[coordinate] * network.inputs), label="x")
    expected = oracle.pattern_at(network.layers, x)
    assert str(network.build().pattern(x)) == expected
