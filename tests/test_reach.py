"""`reach`: known answers, every pattern of small networks against the oracle, and its arguments."""

from __future__ import annotations

import random
import threading
from fractions import Fraction
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import regions
from regions import Box, Network, Pattern, Reachable, Space, Undecided, Unreachable, reach
from regions.errors import DomainError, InputError, PatternError
from regions.query.conflicts import Beyond
from regions.query.freeing import freed
from regions.query.unreachable import Split, TreeProof
from tests import oracle
from tests.cases import READS_INPUT, THREE_ROWS, TWO_READERS, braid, free_first_layer, orthants
from tests.lying import LIES, LyingBackend
from tests.plain import PlainDomain, PlainNetwork, cube, feed_forward, one_layer, space
from tests.reaching import check_answer, covers, partial_words, words
from tests.strategies import Problem, problems

HALF = Fraction(1, 2)


def answers(plain: PlainNetwork, domain: PlainDomain, asked: list[str]) -> list[Any]:
    """The answers to these patterns, each compared with the oracle and checked."""
    network, where = plain.build(), domain.build()
    patterns = oracle.patterns(plain.layers, domain.rows, plain.inputs)
    inside = oracle.regions(plain.layers, domain.rows, plain.inputs)
    found = []
    for word in asked:
        answer = reach(network, word, where)
        check_answer(answer, network, where, covers(word, patterns), covers(word, inside))
        found.append(answer)
    return found


# ------------------------------------------------------------------------- known answers


@pytest.mark.parametrize(
    ("n", "share"),
    [(3, (6, 8)), (4, (24, 64)), pytest.param(5, (120, 1024), marks=pytest.mark.slow)],
)
def test_share_of_reachable_braid_patterns(n: int, share: tuple[int, int]):
    network = braid(n).build()
    asked = words(network.widths)
    found = [reach(network, word, Space(n)) for word in asked]
    assert (sum(answer.interior is True for answer in found), len(asked)) == share


def test_three_rows():
    found = answers(THREE_ROWS, space(2), words((3,)))
    assert sum(bool(answer.interior) for answer in found) == 6
    assert sum(bool(answer.attained) for answer in found) == 7
    origin = found[0]
    assert (str(origin.pattern), origin.witness) == ("000", (0.0, 0.0))
    assert isinstance(origin, Reachable)
    assert origin.proof is not None and origin.proof.kind == "interior"
    assert str(origin.proof) == (
        "units 1:0, 1:1 and 1:2 cannot be 0, 0 and 0 on a set with interior anywhere; "
        "only their boundaries meet"
    )
    # 0 0 0 is the whole of what remains of 00*: a region with 1, a point with 0
    assert found[7].proof.kind == "attained"


@pytest.mark.parametrize(("plain", "number"), [(READS_INPUT, 4), (TWO_READERS, 6)])
def test_networks_that_read_the_input(plain: PlainNetwork, number: int):
    found = answers(plain, space(2), words(plain.widths))
    assert sum(bool(answer.interior) for answer in found) == number


def test_multipliers_of_small_conflicts():
    plain = one_layer([(1, 0), (0, 1), (-1, -1)], [0, 0, -1])
    found = answers(plain, space(2), words((3,)))
    assert [str(a.pattern) for a in found if isinstance(a, Unreachable)] == ["111"]
    conflict = found[7].proof.conflict
    assert (conflict.kind, conflict.multipliers, conflict.sides) == ("farkas", (1, 1, 1), ())
    assert found[7].proof.units == ((1, 0, 1), (1, 1, 1), (1, 2, 1))
    cyclic = [a for a in answers(braid(3), space(3), words((3,))) if not a.attained]
    assert [str(answer.pattern) for answer in cyclic] == ["010", "101"]
    assert all(answer.proof.conflict.multipliers == (1, 1, 1) for answer in cyclic)


def test_a_free_first_layer():
    network = free_first_layer().build()
    sure = reach(network, "****/111", Space(2))
    assert isinstance(sure, Unreachable)
    assert isinstance(sure.proof, TreeProof) and sure.proof.question == "attained"
    assert sure.proof.verify(network, Space(2))
    for word in words((3,))[:7]:
        assert reach(network, f"****/{word}", Space(2)).interior is True
    found = [reach(network, word, Space(2)) for word in words((4, 3))]
    ways = [str(a.pattern)[5:] for a in found if a.interior]
    assert {word: ways.count(word) for word in words((3,))[:7]} == dict.fromkeys(words((3,))[:7], 4)
    assert (len(ways), sum(bool(a.attained) for a in found)) == (28, 41)


def test_a_corner_of_the_box():
    above, below = answers(one_layer([(-1, -1)], 2), cube(2), ["0", "1"])
    assert (above.attained, above.interior, above.witness) == (True, False, (1.0, 1.0))
    assert above.proof.sides == ("upper bound of input 0", "upper bound of input 1")
    assert "inside the box" in str(above.proof)
    assert below.interior is True
    touching = answers(one_layer([(1, 1)], -2), cube(2), ["0", "1"])[1]
    assert (touching.attained, touching.proof.kind) == (False, "attained")


def test_opposite_and_parallel_units():
    found = answers(one_layer([(1,), (-1,)]), space(1), words((2,)))
    assert [(a.attained, a.interior) for a in found] == [
        (True, False), (True, True), (True, True), (False, False)
    ]  # fmt: skip
    assert [a.proof and a.proof.kind for a in found] == ["interior", None, None, "attained"]
    found = answers(one_layer([(1,), (2,)]), space(1), words((2,)))
    assert [a.attained for a in found] == [True, False, False, True]


def test_zero_units():
    """A unit that is zero on the whole hull has bit 0; bit 1 is attained nowhere."""
    plain = one_layer([(1, 0), (0, 1)])
    flat = PlainDomain(2, "box", ((0, -1), (0, 1)))  # x = 0
    found = answers(plain, flat, words((2,)))
    assert [(a.attained, a.interior) for a in found] == [(True, True)] * 2 + [(False, False)] * 2
    assert found[2].proof.units == ((1, 0, 1),)
    assert (found[2].proof.kind, found[2].proof.conflict.multipliers) == ("attained", (1,))
    never = one_layer([(0, 0), (0, 0)], [1, -1])
    assert [a.interior for a in answers(never, space(2), words((2,)))] == [
        False,
        False,
        True,
        False,
    ]


def test_thin_witnesses_are_exact():
    """x > 1/3, x <= 1/3 + 2^-70: no double lies inside."""
    narrow = one_layer([(3,), (3,)], [-1, -1 - Fraction(1, 2**70)])
    answer = answers(narrow, cube(1), ["10"])[0]
    assert answer.interior is True
    assert isinstance(answer.witness[0], Fraction)
    thin = answers(one_layer([(3,), (-3,)], [-1, 1]), cube(1), ["00"])[0]
    assert (thin.witness, thin.interior) == ((Fraction(1, 3),), False)


def test_deeper_layers_prune_by_intervals():
    """Minus a sum of ReLUs, minus one: never positive, whatever the first layer does."""
    plain = feed_forward(2, [((1, 0), 0), ((0, 1), 0)], [((-1, -1), -1)])
    answer = answers(plain, cube(2), ["**/1"])[0]
    assert isinstance(answer, Unreachable)
    assert any(isinstance(leaf, Beyond) for leaf in answer.proof.leaves)  # type: ignore


# ---------------------------------------------------------------------------- the oracle


def some_words(widths: tuple[int, ...], likely: list[str], rnd: random.Random) -> list[str]:
    every = words(widths)
    asked = rnd.sample(every, min(len(every), 4)) + rnd.sample(likely, min(len(likely), 2))
    return asked + ["".join(c if c == "/" or rnd.random() < 0.6 else "*" for c in w) for w in asked]


@settings(max_examples=max(30, settings().max_examples // 4))
@given(problems(max_units=6), st.integers(0, 2**32))
def test_patterns_of_random_networks(problem: Problem, seed: int):
    plain, domain = problem.network, problem.domain
    if oracle.is_empty(domain.rows, domain.dim):
        return
    likely = sorted(oracle.patterns(plain.layers, domain.rows, plain.inputs))
    answers(plain, domain, some_words(plain.widths, likely, random.Random(seed)))


@pytest.mark.slow
@given(problems(max_units=4, max_layers=2))
def test_all_patterns_of_small_networks(problem: Problem):
    if oracle.is_empty(problem.domain.rows, problem.domain.dim):
        return
    answers(problem.network, problem.domain, partial_words(problem.network.widths))


def test_order_of_units_does_not_matter():
    rows = [((1, 0), HALF), ((0, 1), -HALF), ((1, 1), 0)]
    for order in permutations(range(3)):
        plain = feed_forward(2, [rows[i] for i in order])
        found = answers(plain, cube(2), words((3,)))
        names = {
            "".join(str(a.pattern)[order.index(i)] for i in range(3)) for a in found if a.attained
        }
        assert names == {"000", "010", "011", "100", "101", "111", "001"} & names
        assert len(names) == 6


# ------------------------------------------------------------------------ lying backends


@pytest.mark.parametrize("lie", LIES)
def test_lies_change_nothing(lie: str):
    rng = random.Random(1)
    cases = [(free_first_layer(), space(2)), (THREE_ROWS, cube(2)), (braid(3), cube(3))]
    for number, (plain, domain) in enumerate(cases):
        network, where = plain.build(), domain.build()
        patterns = oracle.patterns(plain.layers, domain.rows, plain.inputs)
        inside = oracle.regions(plain.layers, domain.rows, plain.inputs)
        for share in (1.0, 0.5):
            backend = LyingBackend(lie, share=share, seed=number)
            for word in some_words(plain.widths, sorted(patterns), rng):
                answer = reach(network, word, where, backend=backend)
                check_answer(answer, network, where, covers(word, patterns), covers(word, inside))


# ------------------------------------------------------------------------- the arguments


def test_answers_have_no_truth_value():
    answer = reach(orthants(2).build(), "11")
    for value in (answer, reach(orthants(2).build(), "1*")):
        with pytest.raises(TypeError, match=r"has no truth value; read answer\.attained"):
            bool(value)


def test_patterns_may_be_objects():
    network = orthants(2).build()
    answer = reach(network, Pattern.parse("1*"), Box.cube(2, -1, 1))
    assert (answer.domain, str(answer.pattern)) == ("box:-1,1", "1*")
    assert answer.model["relus"] == 2 and answer.stats["branches"]
    assert freed(network.pattern([1, -1]), "1:1") == Pattern.parse("1*")


def test_a_network_without_units():
    network = Network.from_layers([([[1, 1]], [0])])
    answer = reach(network, "")
    assert (answer.attained, answer.interior) == (True, True)


def test_a_point_as_domain():
    network = orthants(2).build()
    found = {w: reach(network, w, regions.Ball([1, 0], 0)) for w in words((2,))}
    assert {w: (a.attained, a.interior) for w, a in found.items()} == {
        "00": (False, False), "01": (False, False), "10": (True, True), "11": (False, False),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (("111",), PatternError, r"layer 1 needs 2 bits, got 3"),
        (("1x",), PatternError, r"needs 0, 1 or \* for every unit"),
        (("11/1",), PatternError, r"needs 1 layers with 2 units, got 2"),
        ((Pattern.parse("111"),), PatternError, r"layers with 2 units, got 3"),
        (([1, 0],), PatternError, r"needs a Pattern or its text, got list"),
        (("11", Box.cube(3, -1, 1)), DomainError, r"the network has 2 inputs"),
        (("11", "box:-1,1"), DomainError, r"needs a Domain, got str"),
    ],
)
def test_bad_input(arguments: tuple, kind: type, message: str):
    with pytest.raises(kind, match=message):
        reach(orthants(2).build(), *arguments)


def test_bad_options():
    network = orthants(2).build()
    with pytest.raises(InputError, match="needs a Network, got str"):
        reach("x", "11")  # type: ignore
    with pytest.raises(InputError, match="time_limit needs seconds"):
        reach(network, "11", time_limit=-1)
    with pytest.raises(InputError, match="no backend 'hihgs'"):
        reach(network, "11", backend="hihgs")
    with pytest.raises(DomainError, match="empty"):
        reach(network, "11", Box.cube(2, 0, 1) & Box.cube(2, 2, 3))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2:*", "needs a layer from 1 to 1, got 2"),
        ("1:7", "layer 1 has the units 0 to 1, got 7"),
        ("1", "needs L:U for a unit"),
        ("", "needs L:U for a unit"),
    ],
)
def test_bad_units(text: str, message: str):
    with pytest.raises(PatternError, match=message):
        freed(Pattern.parse("11"), text)


def test_no_time_leaves_it_undecided():
    answer = reach(free_first_layer().build(), "****/111", Space(2), time_limit=0)
    assert isinstance(answer, Undecided)
    assert (answer.attained, answer.interior, answer.why) == (None, None, "time limit")
    assert not answer.decided


def test_a_limit_on_the_way_keeps_what_is_known(monkeypatch: pytest.MonkeyPatch):
    """Stopped after the first question: a region is excluded, a point is not."""
    from regions.query import reaching
    from solvers.exact_simplex import Stopped

    def stopped(*arguments: Any) -> None:
        raise Stopped

    monkeypatch.setattr(reaching._Inquiry, "_attained", stopped)
    answer = reach(THREE_ROWS.build(), "000", Space(2))
    assert isinstance(answer, Undecided)
    assert (answer.attained, answer.interior) == (None, False)
    assert answer.proof is not None and answer.proof.kind == "interior"


def test_progress_is_reported():
    seen: list[regions.results.ReachProgress] = []  # type: ignore
    import regions.query.search as search

    old, search.REPORT_SECONDS = search.REPORT_SECONDS, 0.0
    try:
        reach(free_first_layer().build(), "****/111", Space(2), progress=seen.append)
    finally:
        search.REPORT_SECONDS = old
    assert len(seen) > 10 and seen[-1].branches > seen[0].branches
    assert {p.question for p in seen} <= {"interior", "attained"}


def test_other_threads_may_ask():
    found: list[Any] = []
    network = orthants(2).build()
    thread = threading.Thread(target=lambda: found.append(reach(network, "10")))
    thread.start()
    thread.join()
    assert found[0].interior is True


def test_the_same_answer_twice():
    network = free_first_layer().build()
    first, second = (reach(network, "****/0*1", Box.cube(2, -1, 1)) for _ in range(2))
    assert first.witness == second.witness


def test_scipy_proposes_as_well():
    network = free_first_layer().build()
    answer = reach(network, "****/111", Space(2), backend="scipy")
    assert isinstance(answer, Unreachable)
    assert any(isinstance(node, Split) for node in answer.proof.nodes)  # type: ignore


def test_many_inputs():
    """200 inputs: three units that add up to zero are found among many."""
    rng = np.random.default_rng(0)
    weight = rng.integers(-3, 4, (40, 200))
    weight[39] = -weight[7] - weight[3]
    network = Network.from_layers([(weight, np.zeros(40)), (np.ones((1, 40)), [0])])
    bits = rng.integers(0, 2, 40)
    bits[[3, 7, 39]] = 1
    answer = reach(network, Pattern.from_bits([bits.tolist()]))
    assert (answer.attained, answer.proof.kind) == (False, "attained")  # type: ignore
    assert answer.proof.units == ((1, 3, 1), (1, 7, 1), (1, 39, 1))  # type: ignore
