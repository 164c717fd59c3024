"""Strict and weak rows in a box: points and multipliers against the oracle."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

import pytest
from flint import fmpq
from hypothesis import given
from hypothesis import strategies as st

from solvers.exact_simplex import Stopped
from solvers.rational import rational
from solvers.strict_rows import StrictRows, irreducible, is_irreducible, settle
from tests import naive, oracle

SMALL = st.sampled_from([0, 1, -1, 2, -2, Fraction(1, 2)])
BOUNDS = st.sampled_from([(-1, 1), (None, 1), (0, None), (None, None), (0, 2)])


def build(rows: list, constants: list, strict: Any, bounds: list) -> StrictRows:
    return StrictRows(
        [{j: rational(a) for j, a in enumerate(row) if a} for row in rows],
        [rational(c) for c in constants],
        list(strict),
        [None if low is None else rational(low) for low, _ in bounds],
        [None if high is None else rational(high) for _, high in bounds],
    )


@st.composite
def systems(draw: Any) -> tuple[StrictRows, int]:
    size, count = draw(st.integers(1, 3)), draw(st.integers(1, 5))
    rows = [draw(st.tuples(*[SMALL] * size)) for _ in range(count)]
    constants = [draw(st.sampled_from([0, 0, 1, -1, Fraction(-1, 2)])) for _ in range(count)]
    strict = [i for i in range(count) if draw(st.booleans())]
    bounds = [draw(BOUNDS) for _ in range(size)]
    return build(rows, constants, strict, bounds), size


def inequalities(system: StrictRows, size: int) -> dict[Any, oracle.Row]:
    """Every inequality of the system by name: a row's index, or (coordinate, side)."""
    found: dict[Any, oracle.Row] = {}
    for i, (row, constant) in enumerate(zip(system.rows, system.constants, strict=True)):
        line = [-naive.exact(row.get(j, fmpq(0))) for j in range(size)]
        found[i] = oracle.row(line, naive.exact(constant), i in system.strict)
    for j in range(size):
        unit = [int(k == j) for k in range(size)]
        if system.upper[j] is not None:
            found[j, 1] = oracle.row(unit, naive.exact(system.upper[j]))
        if system.lower[j] is not None:
            found[j, -1] = oracle.row([-a for a in unit], -naive.exact(system.lower[j]))
    return found


def start_of(system: StrictRows) -> tuple[fmpq, ...]:
    pairs = zip(system.lower, system.upper, strict=True)
    return tuple(
        (low + high) / 2 if low is not None and high is not None
        else low + 1 if low is not None else high - 1 if high is not None else fmpq(0)
        for low, high in pairs
    )  # fmt: skip


def used_by(system: StrictRows, weights: dict[int, fmpq]) -> set[Any]:
    """The rows and sides that take part in multipliers."""
    size = len(system.lower)
    rest = [
        sum((w * system.rows[i].get(j, fmpq(0)) for i, w in weights.items()), fmpq(0))
        for j in range(size)
    ]
    return {*weights, *((j, 1 if r > 0 else -1) for j, r in enumerate(rest) if r)}


def check(system: StrictRows, size: int, weights: dict[int, fmpq]) -> None:
    """The multipliers exclude every point, and no inequality can be left out."""
    assert system.excludes(weights) and is_irreducible(system, weights)
    every = inequalities(system, size)
    used = used_by(system, weights)
    assert oracle.solve([every[name] for name in used], size) is None
    for left_out in used:
        assert oracle.solve([every[name] for name in used if name != left_out], size) is not None


@given(systems())
def test_settle_agrees_with_the_oracle(drawn: tuple[StrictRows, int]):
    system, size = drawn
    found = settle(system, start_of(system))
    solvable = oracle.solve(list(inequalities(system, size).values()), size) is not None
    if isinstance(found, dict):
        assert not solvable
        check(system, size, found)
    else:
        assert solvable and system.contains(found)


@given(systems(), st.data())
def test_multipliers_are_reduced(drawn: tuple[StrictRows, int], data: st.DataObject):
    """Blind multipliers: what excludes is right, and its reduction still excludes."""
    system, size = drawn
    solvable = oracle.solve(list(inequalities(system, size).values()), size) is not None
    for numbers in product((0, 1, 2), repeat=len(system.rows)):
        weights = {i: fmpq(w) for i, w in enumerate(numbers) if w}
        if not system.excludes(weights):
            continue
        assert not solvable
        reduced = irreducible(system, weights)
        assert set(reduced) <= set(weights)
        check(system, size, reduced)


def test_a_proof_of_two_proofs_is_reduced_to_one():
    system = build([[1], [1], [-1], [-1]], [-1, -2, -1, -2], (), [(None, None)])
    weights = {i: fmpq(1) for i in range(4)}
    assert system.excludes(weights) and not is_irreducible(system, weights)
    assert len(irreducible(system, weights)) == 2


def test_what_does_not_exclude():
    system = build([[1], [-1]], [0, 0], [0], [(None, None)])
    assert system.excludes({0: fmpq(1), 1: fmpq(1)})
    assert not system.excludes({0: fmpq(1), 1: fmpq(2)})  # a rest without a bound
    assert not system.excludes({0: fmpq(-1), 1: fmpq(-1)})
    assert not system.excludes({})
    weak = build([[1], [-1]], [0, 0], (), [(None, None)])
    assert not weak.excludes({0: fmpq(1), 1: fmpq(1)})


def test_settle_can_be_stopped():
    system = build([[1, 1], [-1, -1]], [-1, -1], (), [(-1, 1), (-1, 1)])
    with pytest.raises(Stopped):
        settle(system, start_of(system), lambda: True)
