"""`count` against the rational oracle on random problems, degenerate on purpose.

Every form of domain gets its own run of examples: sixty each by default, and two thousand each
with --run-slow (the profiles in conftest.py).
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import regions
from tests import oracle
from tests.strategies import FORMS, Problem, problems


def assert_equals_oracle(problem: Problem) -> None:
    network, domain = problem.network, problem.domain
    if oracle.is_empty(domain.rows, network.inputs):
        with pytest.raises(regions.DomainError, match="empty"):
            regions.count(network.build(), domain.build())
        return
    expected = oracle.regions(network.layers, domain.rows, network.inputs)
    result = regions.count(network.build(), domain.build())
    assert (result.lower, result.upper, result.unresolved) == (len(expected), len(expected), 0)


@pytest.mark.parametrize("form", FORMS)
@given(data=st.data())
def test_count_equals_the_oracle(form: str, data: st.DataObject):
    assert_equals_oracle(data.draw(problems([form])))


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
