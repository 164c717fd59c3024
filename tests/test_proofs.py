"""Proofs that check themselves: right ones verify, and every corrupted one is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import FrozenInstanceError, replace
from fractions import Fraction
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from solvers.proofs import Farkas, Interior, NoInterior, NonNegative, NotAttained, Polyhedron
from solvers.rational import rational, rationals
from tests import naive, oracle

F = Fraction
Proof = Interior | Farkas | NoInterior | NotAttained | NonNegative
TINY = F(1, 10**40)


def polyhedron(A: Sequence, b: Sequence, E: Sequence = (), e: Sequence = ()) -> Polyhedron:
    def rows(values: Sequence) -> list:
        return [rationals(list(row)).tolist() for row in values]

    return Polyhedron(rows(A), rationals(list(b)).tolist(), rows(E), rationals(list(e)).tolist())


def weights(values: dict[int, Any]) -> dict[int, Any]:
    return {index: rational(value) for index, value in values.items()}


def form(coefficients: Sequence, constant: Any, y: dict, z: dict | None = None) -> NonNegative:
    return NonNegative(rationals(list(coefficients)).tolist(), rational(constant), weights(y),
                       weights(z or {}))  # fmt: skip


# x + y <= 1, x >= 0, y >= 0 on the plane z = x - y (so the set is flat in R^3)
TRIANGLE = polyhedron([[1, 1, 0], [-1, 0, 0], [0, -1, 0]], [1, 0, 0], [[1, -1, -1]], [0])
# x + y <= 1, -x - z <= -2, y = z: the sum of the rows minus the equation reads 0 <= -1
EMPTY = polyhedron([[1, 1, 0], [-1, 0, -1], [0, 0, 1]], [1, -2, 1], [[0, 1, -1]], [0])
# the same with -1 for -2: the set is flat
FLAT = replace(EMPTY, b=rationals([1, -1, 1]).tolist())


def test_right_proofs_verify():
    assert Interior(rationals(["1/4", "1/2", "-1/4"]).tolist()).verify(TRIANGLE)
    assert Farkas(weights({0: 1, 1: 1}), weights({0: -1})).verify(EMPTY)
    assert NoInterior(weights({0: 1, 1: 1}), weights({0: -1})).verify(FLAT)
    assert NoInterior(weights({0: 1, 1: 1}), weights({0: -1})).verify(EMPTY)
    assert NotAttained(weights({0: 1, 1: 1}), frozenset([1, 2]), weights({0: -1})).verify(FLAT)
    assert NotAttained(weights({0: 1, 1: 1}), frozenset(), weights({0: -1})).verify(EMPTY)
    # 2 - 3x - y + z = 2 (1 - x - y) + 1 (0 - (x - y - z))
    assert form([-3, -1, 1], 2, {0: 2}, {0: 1}).verify(TRIANGLE)


def test_the_wrong_claim_about_the_right_set():
    assert not Farkas(weights({0: 1, 1: 1}), weights({0: -1})).verify(FLAT)
    assert not Farkas(weights({0: 1, 1: 1}), weights({0: -1})).verify(TRIANGLE)
    assert not NoInterior(weights({0: 1, 1: 1, 2: 1}), weights({0: 0})).verify(TRIANGLE)
    assert not NotAttained(weights({0: 1, 1: 1}), frozenset([2]), weights({0: -1})).verify(FLAT)


# --------------------------------------------------------------------- mutations by field

ONE = rational(1)
BASE: list[tuple[str, Proof, Polyhedron]] = [
    ("interior", Interior(rationals(["1/4", "1/2", "-1/4"]).tolist()), TRIANGLE),
    ("farkas", Farkas(weights({0: 1, 1: 1}), weights({0: -1})), EMPTY),
    ("no interior", NoInterior(weights({0: 1, 1: 1}), weights({0: -1})), FLAT),
    ("not attained", NotAttained(weights({0: 1, 1: 1}), frozenset([0]), weights({0: -1})), FLAT),
    ("non-negative", form([-3, -1, 1], 2, {0: 2}, {0: 1}), TRIANGLE),
]


def mutants(proof: Proof) -> list[tuple[str, Proof]]:
    """One field of the proof changed at a time, in each way that makes it wrong."""
    result: list[tuple[str, Proof]] = []
    if isinstance(proof, Interior):
        for j, step in product(range(3), [1, -1, TINY]):
            point = list(proof.point)
            point[j] += rational(step)
            result.append((f"coordinate {j} + {step}", replace(proof, point=point)))
        return result
    for name in ("y", "z"):
        old = dict(getattr(proof, name))
        for index in old:
            changes = {
                "dropped": {k: v for k, v in old.items() if k != index},
                "negated": {**old, index: -old[index]},
                "a little more": {**old, index: old[index] + rational(TINY)},
                "a little less": {**old, index: old[index] - rational(TINY)},
                "doubled": {**old, index: 2 * old[index]},
                "of another row": {**{k: v for k, v in old.items() if k != index}, 2: old[index]},
                "of no row": {**{k: v for k, v in old.items() if k != index}, 3: old[index]},
                "of a row from the end": {**{k: v for k, v in old.items() if k != index},
                                          index - 3 if name == "y" else -1: old[index]},
            }  # fmt: skip
            for change, new in changes.items():
                result.append((f"{name}[{index}] {change}", replace(proof, **{name: new})))
        extra = {**old, (2 if name == "y" else 0): old.get(0, ONE) + ONE}
        result.append((f"{name} with one more", replace(proof, **{name: extra})))
        result.append((f"{name} with a negative one", replace(proof, y={**proof.y, 2: -ONE})))
        result.append((f"{name} empty", replace(proof, **{name: {}})))
    if isinstance(proof, NonNegative):
        for j, step in product(range(3), [1, -1, TINY]):
            coefficients = list(proof.coefficients)
            coefficients[j] += rational(step)
            changed = replace(proof, coefficients=coefficients)
            result.append((f"coefficient {j} + {step}", changed))
        smaller = replace(proof, constant=proof.constant - rational(TINY))
        result.append(("a smaller constant", smaller))
    return result


MUTANTS = [
    pytest.param(mutant, where, id=f"{name}: {change}")
    for name, proof, where in BASE
    for change, mutant in mutants(proof)
]


@pytest.mark.parametrize(("mutant", "where"), MUTANTS)
def test_corrupted_proofs_are_refused(mutant: Proof, where: Polyhedron):
    assert mutant.verify(where) is False


def moved_polyhedra(where: Polyhedron) -> list[tuple[str, Polyhedron]]:
    """One number of the polyhedron changed, one after the other."""
    result = []
    for i, row in enumerate(where.A):
        for j in range(len(row)):
            rows = [list(line) for line in where.A]
            rows[i][j] += rational(TINY)
            result.append((f"A[{i}][{j}]", replace(where, A=rows)))
    for j in range(3):
        result.append((f"E[0][{j}]", replace(where, E=[
            [a + rational(TINY) * int(k == j) for k, a in enumerate(where.E[0])]])))  # fmt: skip
    return result


UNUSED = {
    "interior": (),
    "farkas": (2,),
    "no interior": (2,),
    "not attained": (2,),
    "non-negative": (1, 2),
}


@pytest.mark.parametrize(("name", "proof", "where"), BASE, ids=[name for name, _, _ in BASE])
def test_proofs_of_a_changed_polyhedron_are_refused(name: str, proof: Proof, where: Polyhedron):
    unused = tuple(f"A[{i}]" for i in UNUSED[name])
    for place, other in moved_polyhedra(where):
        if name == "interior" and place.startswith("A"):
            continue  # a strict inequality survives a small change; see the next test
        assert proof.verify(other) == place.startswith(unused), place


def test_limits_matter():
    interior = Interior(rationals(["1/4", "1/2", "-1/4"]).tolist())
    for i, slack in enumerate([F(1, 4), F(1, 4), F(1, 2)]):
        for change, expected in ((slack, False), (slack - TINY, True), (slack + TINY, False)):
            b = list(TRIANGLE.b)
            b[i] -= rational(change)
            assert interior.verify(replace(TRIANGLE, b=b)) is expected
    assert not interior.verify(replace(TRIANGLE, e=[rational(TINY)]))
    farkas, weak = BASE[1][1], BASE[2][1]
    for change, empty, flat in ((1, False, True), (1 - TINY, True, True), (1 + TINY, False, False)):
        where = replace(EMPTY, b=rationals([1, -2 + change, 1]).tolist())
        assert farkas.verify(where) is empty
        assert weak.verify(where) is flat
        where = replace(EMPTY, e=rationals([-change]).tolist())  # z = -1: total is -1 + change
        assert farkas.verify(where) is empty
        assert weak.verify(where) is flat
    goal = BASE[4][1]
    for change, expected in ((0, True), (TINY, False), (-TINY, True)):
        assert goal.verify(replace(TRIANGLE, b=rationals([1 + change, 0, 0]).tolist())) is expected
        assert goal.verify(replace(TRIANGLE, e=rationals([change]).tolist())) is expected


def test_proofs_without_multipliers():
    nothing = polyhedron([], [])
    assert Interior([]).verify(nothing)
    assert not Farkas({}).verify(nothing)
    assert not Farkas({}).verify(EMPTY)
    assert not NoInterior({}).verify(EMPTY)
    assert not NoInterior(weights({0: 0}), weights({0: 0})).verify(FLAT)
    assert not NoInterior({}, weights({0: 1})).verify(polyhedron([[1]], [1], [[0]], [-1]))
    assert form([0], 0, {}).verify(polyhedron([[1]], [1]))
    assert not form([0], -TINY, {}).verify(polyhedron([[1]], [1]))


def test_equations_alone_can_be_empty():
    assert Farkas({}, weights({0: 1})).verify(polyhedron([], [], [[0]], [-1]))
    assert Farkas({}, weights({0: -1})).verify(polyhedron([], [], [[0]], [1]))
    assert not Farkas({}, weights({0: 1})).verify(polyhedron([], [], [[0]], [1]))


def test_zero_multipliers_are_harmless():
    proof = Farkas(weights({0: 1, 1: 1, 2: 0}), weights({0: -1}))
    assert proof.verify(EMPTY)


def test_proofs_are_frozen():
    for _, proof, _ in BASE:
        with pytest.raises(FrozenInstanceError):
            proof.y = {}  # type: ignore


# --------------------------------------------------------------------- soundness, by force

SMALL = st.sampled_from([0, 1, -1, 2])


@given(st.data())
def test_what_verifies_is_true(data: st.DataObject):
    """Multipliers drawn blindly: `verify` equals the definition, and what it accepts is a fact."""
    size, count = data.draw(st.integers(1, 2)), data.draw(st.integers(1, 3))
    A = [data.draw(st.tuples(*[SMALL] * size)) for _ in range(count)]
    b = data.draw(st.tuples(*[SMALL] * count))
    E = [data.draw(st.tuples(*[SMALL] * size)) for _ in range(data.draw(st.integers(0, 1)))]
    e = data.draw(st.tuples(*[SMALL] * len(E)))
    where = polyhedron(A, b, E, e)
    equations = [row for a, v in zip(E, e, strict=True) for row in ((a, v), ([-x for x in a], -v))]
    weak = [oracle.row(a, v) for a, v in [*zip(A, b, strict=True), *equations]]
    strict = [oracle.row(a, v, strict=True) for a, v in zip(A, b, strict=True)] + [
        oracle.row(a, v) for a, v in equations
    ]
    empty, flat = oracle.solve(weak, size) is None, oracle.solve(strict, size) is None
    for y in product((0, 1, 2, -1), repeat=count):
        for z in product((0, 1, -1, -2), repeat=len(E)):
            multipliers = [*y, *z]
            rows, limits = [*A, *E], [*b, *e]
            zero = not any(naive.dot([row[j] for row in rows], multipliers) for j in range(size))
            total = naive.dot(limits, multipliers)
            right = zero and min(y) >= 0
            y_map, z_map = weights(dict(enumerate(y))), weights(dict(enumerate(z)))
            assert Farkas(y_map, z_map).verify(where) == (right and total < 0)
            assert NoInterior(y_map, z_map).verify(where) == (right and any(y) and total <= 0)
            assert not Farkas(y_map, z_map).verify(where) or empty
            assert not NoInterior(y_map, z_map).verify(where) or flat
            for chosen in ((), (0,), (count - 1,)):
                positive = any(y[i] for i in chosen)
                accepted = NotAttained(y_map, frozenset(chosen), z_map).verify(where)
                assert accepted == (right and (total < 0 or (total == 0 and positive)))
                mixed = [oracle.row(a, v, i in chosen) for i, (a, v) in
                         enumerate(zip(A, b, strict=True))] + weak[len(A):]  # fmt: skip
                assert not accepted or oracle.solve(mixed, size) is None
    point = data.draw(st.tuples(*[st.sampled_from([0, 1, F(1, 2), -1])] * size))
    inside = all(naive.dot(a, point) < v for a, v in zip(A, b, strict=True)) and all(
        naive.dot(a, point) == v for a, v in zip(E, e, strict=True)
    )
    assert Interior(rationals(list(point)).tolist()).verify(where) == inside


@given(st.data())
def test_a_form_that_verifies_is_nowhere_negative(data: st.DataObject):
    size = 2
    A = [data.draw(st.tuples(*[SMALL] * size)) for _ in range(3)]
    b = data.draw(st.tuples(*[SMALL] * 3))
    where = polyhedron(A, b)
    y = data.draw(st.tuples(*[st.sampled_from([0, 1, F(1, 2), -1])] * 3))
    bonus = data.draw(st.sampled_from([0, 1, TINY, -TINY]))
    # by construction: y·(b - A x) + bonus, right exactly where y >= 0 and bonus >= 0
    coefficients = [-naive.dot([row[j] for row in A], y) for j in range(size)]
    constant = naive.dot(b, y) + bonus
    accepted = form(coefficients, constant, dict(enumerate(y))).verify(where)
    assert accepted == (min(y) >= 0 and bonus >= 0)
    if accepted:
        negative = oracle.row(coefficients, -constant, strict=True)
        weak = [oracle.row(a, v) for a, v in zip(A, b, strict=True)]
        assert oracle.solve([*weak, negative], size) is None
