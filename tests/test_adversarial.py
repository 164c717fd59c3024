"""`adversarial`: known radii, small networks cell by cell in fractions, lies, limits, CLI."""

from __future__ import annotations

import json
import random
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regions import Box, Network, Space, adversarial
from regions.errors import DomainError, InputError
from solvers.rational import rational
from tests import naive, oracle
from tests.cases import free_first_layer, one_norm
from tests.command_line import Run
from tests.extremes import (
    ball_rows,
    closed_rows,
    contains,
    output_form,
    pattern_rows,
    squared_distance,
)
from tests.lying import LIES, LyingBackend
from tests.plain import PlainDomain, PlainNetwork, cube, feed_forward, space
from tests.strategies import Problem, problems

NORMS = ("linf", "l1", "l2")


def length(difference: list[Fraction], norm: str) -> Fraction:
    """The norm; for l2 its square."""
    if norm == "l2":
        return naive.dot(difference, difference)
    sizes = [abs(q) for q in difference]
    return max(sizes) if norm == "linf" else sum(sizes, Fraction(0))


def some_point(domain: PlainDomain, rnd: random.Random) -> list[Fraction]:
    for _ in range(5):
        x = [Fraction(rnd.randint(-3, 3), rnd.choice([1, 2, 3])) for _ in range(domain.dim)]
        if contains(domain, x):
            return x
    found = oracle.solve([oracle.row(a, b) for a, b in domain.rows], domain.dim)
    assert found is not None
    return list(found)


def check(
    plain: PlainNetwork, domain: PlainDomain, norm: str, seed: int, network: Any = None,
    **options: Any,
) -> Any:  # fmt: skip
    """The radius is that of the witness, and no pattern holds anything nearer."""
    network, where, rnd = network or plain.build(), domain.build(), random.Random(seed)
    x, outputs = some_point(domain, rnd), network.outputs
    values = network(x)
    label = int(values[0] > 0) if outputs == 1 else values.index(max(values))
    others = [k for k in range(max(outputs, 2)) if k != label]
    target = rnd.choice(others) if rnd.random() < 0.4 else None
    found = adversarial(network, x, where, norm=norm, target=target, **options)
    assert found.label == label and found.optimal
    if outputs == 1:
        ways = [[(-1, 0)]] if label else [[(0, -1)]]
    elif target is None:
        ways = [[(k, label)] for k in others]
    else:
        ways = [[(target, k) for k in range(outputs) if k != target]]
    value = None
    if found.witness is not None:
        value = found.squared if norm == "l2" else found.high
        witness = [Fraction(v) for v in found.witness]
        step = [a - b for a, b in zip(witness, x, strict=True)]
        assert value == length(step, norm) and contains(domain, witness)
        there = [*network(witness), Fraction(0)]  # place -1 is zero
        assert any(all(there[k] >= there[j] for k, j in way) for way in ways)
        assert found.hamming == network.pattern(x).hamming(network.pattern(witness))
        if norm == "l2":
            assert Fraction(found.low) ** 2 <= value <= Fraction(found.high) ** 2  # type: ignore
        else:
            assert found.low == found.high
    patterns = oracle.patterns(plain.layers, domain.rows, plain.inputs)
    for pattern in patterns:
        for way in ways:
            classes = []
            for k, j in way:
                (a, c), (b, d) = (output_form(network, pattern, i) for i in (k, j))
                classes.append(([q - p for p, q in zip(a, b, strict=True)], c - d))
            assert not nearer(network, pattern, domain, classes, norm, value, x)
    return found


def nearer(
    network: Any, pattern: str, domain: PlainDomain, classes: list, norm: str,
    value: Any, x: list[Fraction],
) -> bool:  # fmt: skip
    """Whether points of the pattern have the class and are nearer than the value."""
    if norm == "l2" and value is not None:
        rows = [*domain.rows, *closed_rows(network, pattern), *classes]
        square = squared_distance(rows, x)
        return square is not None and square < value
    ball = [] if value is None else ball_rows(x, norm, value)
    rows = [oracle.row(a, b) for a, b in [*domain.rows, *classes]]
    return oracle.solve([*rows, *pattern_rows(network, pattern), *ball], len(x)) is not None


@settings(max_examples=max(60, settings().max_examples // 2))
@given(problems(max_units=5, max_inputs=2), st.integers(0, 2**32), st.sampled_from(NORMS))
def test_random_networks(problem: Problem, seed: int, norm: str):
    if not oracle.is_empty(problem.domain.rows, problem.domain.dim):
        check(problem.network, problem.domain, norm, seed)


def check_several(seed: int) -> None:
    """A random network with two or three classes, in all norms."""
    rng = np.random.default_rng(seed)
    inputs, units, outputs = (int(rng.integers(a, b)) for a, b in ((1, 3), (2, 5), (2, 4)))
    rows = [(tuple(map(int, rng.integers(-2, 3, inputs))), int(rng.integers(-1, 2)))
            for _ in range(units)]  # fmt: skip
    network = Network.from_layers(
        [
            ([list(w) for w, _ in rows], [b for _, b in rows]),
            (rng.integers(-2, 3, (outputs, units)), rng.integers(-2, 3, outputs)),
        ]
    )
    domain = cube(inputs) if seed % 2 else space(inputs)
    for norm in NORMS:
        check(feed_forward(inputs, rows), domain, norm, seed, network)


@pytest.mark.parametrize("seed", range(12))
def test_several_classes(seed: int):
    check_several(seed)


@pytest.mark.slow
def test_hundreds_of_networks_with_several_classes():
    for seed in range(100, 500):
        check_several(seed)


@pytest.mark.parametrize("seed", range(12, 20))
def test_without_first_examples(seed: int, monkeypatch: pytest.MonkeyPatch):
    """The search finds them itself, and begins anew in the ball of each."""
    monkeypatch.setattr("regions.query.adversarial.first_examples", lambda *arguments: [])
    monkeypatch.setattr("regions.query.adversarial.SHRUNK", rational(1))
    monkeypatch.setattr("regions.query.adversarial.SLICE", 1)
    check_several(seed)


def one_norm_minus_one(n: int) -> Network:
    units = [[s * int(i == j) for i in range(n)] for j in range(n) for s in (1, -1)]
    return Network.from_layers([(units, [0] * (2 * n)), ([[1] * (2 * n)], [-1])])


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_the_cross_polytope(n: int):
    """‖x‖₁ - 1 from 0: 1/n, 1 and 1/√n."""
    for where in (Space(n), Box.cube(n, -1, 1)):
        found = [adversarial(one_norm_minus_one(n), [0] * n, where, norm=norm) for norm in NORMS]
        assert [f.optimal for f in found] == [True] * 3
        assert (found[0].low, found[0].high) == (Fraction(1, n), Fraction(1, n))
        assert (found[1].low, found[1].high) == (1, 1)
        assert found[2].squared == Fraction(1, n)
        assert found[2].low <= n**-0.5 <= found[2].high  # type: ignore
        assert found[2].high - found[2].low < 1e-15  # type: ignore
        assert (found[0].label, found[0].reached, found[0].hamming) == (0, 1, n)


def test_no_other_class():
    network = one_norm_minus_one(2)
    for norm in NORMS:
        found = adversarial(network, [0, 0], Box.cube(2, "-1/4", "1/4"), norm=norm)
        assert (found.optimal, found.witness, found.low, found.high) == (True, None, None, None)
    never = Network.from_layers([([[1]], [0]), ([[-1]], [-1])])
    assert adversarial(never, [0], Space(1)).witness is None


def test_a_tie_at_the_point():
    found = adversarial(one_norm_minus_one(2), [1, 0], norm="l2")
    assert (found.label, found.low, found.high, found.witness) == (0, 0, 0, (1.0, 0.0))


@pytest.mark.parametrize("lie", LIES)
def test_lies_change_nothing(lie: str):
    for norm in NORMS:
        check(free_first_layer(), cube(2), norm, 3, backend=LyingBackend(lie, share=0.7))
        check(one_norm(2, 1), space(2), norm, 1, backend=LyingBackend(lie, share=0.7))


def test_limits_leave_bounds():
    rng = np.random.default_rng(0)
    sizes = ((60, 30), (60, 60), (60, 60), (3, 60))
    network = Network.from_layers(
        [(rng.standard_normal(s) / 8, rng.standard_normal(s[0]) / 8) for s in sizes]
    )
    x = rng.uniform(-0.5, 0.5, 30)
    found = adversarial(network, x, norm="l2", time_limit=2)
    assert found.low is not None and (found.high is None or found.low <= found.high)
    assert found.optimal or found.stopped in ("time limit", "rounding")
    early = adversarial(network, x, time_limit=0)
    assert (early.optimal, early.low, early.stopped) == (False, 0, "time limit")


@pytest.mark.parametrize(
    ("x", "options", "kind", "message"),
    [
        ([2, 0], {}, DomainError, "needs a point of the domain box:-1,1, got one outside"),
        ([0], {}, InputError, "2 coordinates, got 1"),
        ([0, 0], {"norm": "l3"}, InputError, "no norm 'l3'"),
        ([0, 0], {"target": 2}, InputError, "a class from 0 to 1, got 2"),
        ([0, 0], {"target": 0}, InputError, "has the class 0 already"),
    ],
)
def test_bad_input(x: list, options: dict, kind: type, message: str):
    with pytest.raises(kind, match=message):
        adversarial(one_norm_minus_one(2), x, **options)


def test_command_line(run: Run, cross: Path):
    code, out, _ = run("adversarial", cross, "--at", "0.5,-0.25", "--norm", "l1")
    assert code == 0 and "the least l1 perturbation that changes the class is 0.5 (proved)" in out
    assert "class 1 to 0; the pattern changes in 1 bit" in out
    code, out, _ = run("adversarial", cross, "--at", "0.5,-0.25", "--norm", "l2", "--json")
    record = json.loads(out)
    assert (record["low"], record["high"], record["squared"]) == (0.5, 0.5, "1/4")
    assert (record["hamming"], record["exists"]) == (1, True)
    assert run("adversarial", cross, "--at", "0.5,0", "--time-limit", "0")[0] == 3
    for words in (("--at", "7,0"), ("--at", "0,0", "--norm", "l3"), ("--at", "0")):
        code, out, err = run("adversarial", cross, *words)
        assert (code, out) == (2, "") and err.startswith("regions: ")
