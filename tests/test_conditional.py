"""`conditional` against known answers, the oracle, and the count of the layers together."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from math import comb, factorial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import regions
from regions.counting.attained import Halfspace, common_point
from regions.results import Progress
from solvers.rational import rational
from tests import oracle
from tests.cases import READS_INPUT, TWO_READERS, carry, frozen, one_norm, sawtooth
from tests.command_line import Run, one_json
from tests.lying import LIES, LyingBackend
from tests.plain import cube, feed_forward, polytope, space
from tests.strategies import Problem, problems


def rows_of(result: regions.Conditional) -> dict[str, int]:
    assert result.table is not None and result.exact and result.complete
    return {str(row.given): row.lower for row in result.table}


# -- known answers ---------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 4])
def test_carry_orders_positives_and_negatives(n: int):
    """Acceptance 9: given p positive inputs, p! (n - p)! orders; (n + 1)! in all."""
    network, domain = carry(n).build(), regions.Space(n)
    table = regions.conditional(network, 2, domain=domain)
    rows = rows_of(table)
    assert len(rows) == 2**n
    for word, number in rows.items():
        p = sum(word[2 * i] == "1" for i in range(n))
        assert number == factorial(p) * factorial(n - p)
        single = regions.conditional(network, 2, given=word, domain=domain)
        assert (int(single), single.possible, single.exact) == (number, True, True)
    assert table.total == factorial(n + 1) == sum(comb(n, p) * factorial(p) * factorial(n - p)
                                                  for p in range(n + 1))  # fmt: skip


@pytest.mark.parametrize(("n", "levels"), [(2, 1), (3, 3)])
def test_one_norm_has_its_levels_in_every_orthant(n: int, levels: int):
    network, domain = one_norm(n, levels).build(), regions.Space(n)
    rows = rows_of(regions.conditional(network, 2, domain=domain))
    assert len(rows) == 2**n and set(rows.values()) == {levels + 1}
    at = regions.conditional(network, 2, at=[3] * n, domain=domain)
    assert str(at.given) == "10" * n and int(at) == levels + 1


@pytest.mark.parametrize("layer", range(1, 7))
def test_sawtooth_doubles_with_every_layer(layer: int):
    """Acceptance 8: each of the 2^(K-1) pieces of the first K - 1 layers is cut in two."""
    network, unit = sawtooth(6).build(), regions.Box.cube(1, 0, 1)
    rows = rows_of(regions.conditional(network, layer, domain=unit))
    assert len(rows) == 2 ** (layer - 1) and set(rows.values()) == {2}
    point = [Fraction(1, 3)]
    result = regions.conditional(network, layer, at=point, domain=unit)
    assert int(result) == 2
    assert result.given == network.pattern(point).prefix(layer - 1)


def test_units_that_vanish_outside_do_not_cut():
    """On R the outer pieces of the sawtooth keep their units: 2^L + 2 regions in all."""
    network = sawtooth(3).build()
    table = regions.conditional(network, 3, domain=regions.Space(1))
    assert table.total == 10
    for word, number in rows_of(table).items():
        assert int(regions.conditional(network, 3, given=word, domain=regions.Space(1))) == number


def test_nothing_is_given_for_the_first_layer():
    network = frozen((4, 4)).build()
    first = int(regions.count(network, layers=1))
    assert rows_of(regions.conditional(network, 1)) == {"": first}
    result = regions.conditional(network, 1, given="")
    assert (str(result.given), int(result), result.possible) == ("", first, True)


def test_a_pattern_that_is_no_region_has_none():
    network = frozen((4, 4)).build()
    table = rows_of(regions.conditional(network, 2))
    for number in range(16):
        word = f"{number:04b}"
        result = regions.conditional(network, 2, given=word)
        assert int(result) == table.get(word, 0)
        assert result.possible == (word in table)


def test_a_point_on_a_boundary_has_a_pattern_that_is_attained_alone():
    """Layer 1 is (x, -x): at x = 0 both are off, and so only there."""
    network = feed_forward(1, [((1,), 0), ((-1,), 0)], [((1, 1), -1), ((-1, -1), 0)]).build()
    thin = regions.conditional(network, 2, at=[0], attained=True)
    assert (str(thin.given), int(thin), thin.possible) == ("00", 1, True)
    result = regions.conditional(network, 2, at=[0])
    assert (int(result), result.possible) == (0, False)
    assert rows_of(regions.conditional(network, 2)) == {"01": 1, "10": 1}
    whole = regions.conditional(network, 2, attained=True, domain=regions.Space(1))
    assert rows_of(whole) == {"00": 1, "01": 2, "10": 2}


@pytest.mark.parametrize("engine", ["lp", "simplex"])
def test_engines_agree(engine: str):
    network = frozen((5, 5, 5), inputs=3).build()
    table = rows_of(regions.conditional(network, 3, engine=engine))
    assert table == rows_of(regions.conditional(network, 3, engine="vertices"))
    for word in list(table)[::6]:
        assert int(regions.conditional(network, 3, given=word, engine=engine)) == table[word]


def test_workers_change_nothing():
    network = frozen((3, 9), inputs=3).build()
    result = regions.conditional(network, 2, at=[0, 0, 0], engine="simplex", workers=3)
    assert int(result) == int(regions.conditional(network, 2, at=[0, 0, 0], engine="lp"))


# -- the oracle ------------------------------------------------------------------------------


def expected(problem: Problem, layer: int, thin: bool) -> dict[str, int]:
    """By brute force: how often each pattern of the first layers begins one of all patterns."""
    network, domain = problem.network, problem.domain
    find = oracle.patterns if thin else oracle.regions
    found = find(network.layers[:layer], domain.rows, network.inputs)
    return dict(Counter("/".join(word.split("/")[:-1]) for word in found))


def assert_equals_oracle(problem: Problem, data: st.DataObject, thin: bool) -> None:
    network, domain = problem.network, problem.domain
    if oracle.is_empty(domain.rows, network.inputs):
        with pytest.raises(regions.DomainError, match="empty"):
            regions.conditional(network.build(), 1, domain=domain.build(), attained=thin)
        return
    layer = data.draw(st.integers(1, len(network.layers)))
    answer = expected(problem, layer, thin)
    options: dict[str, Any] = {"domain": domain.build(), "attained": thin}
    table = regions.conditional(network.build(), layer, **options)
    assert rows_of(table) == answer
    assert table.total == table.lower == table.upper == sum(answer.values())
    assert [row.given for row in table.table or ()] == sorted(
        row.given for row in table.table or ()
    )
    bits = st.sampled_from("01")
    words = [
        "".join(data.draw(st.tuples(*[bits] * width))) for width in network.widths[: layer - 1]
    ]
    for word in {"/".join(words), *sorted(answer)[:3]}:
        one = regions.conditional(network.build(), layer, given=word, **options)
        assert (int(one), one.possible) == (answer.get(word, 0), word in answer)


@given(problem=problems(), data=st.data())
def test_regions_equal_the_oracle(problem: Problem, data: st.DataObject):
    assert_equals_oracle(problem, data, thin=False)


@given(problem=problems(max_inputs=2, max_units=7), data=st.data())
def test_attained_patterns_equal_the_oracle(problem: Problem, data: st.DataObject):
    assert_equals_oracle(problem, data, thin=True)


@given(problem=problems(), data=st.data())
def test_points_have_their_own_pattern_counted(problem: Problem, data: st.DataObject):
    network, domain = problem.network, problem.domain
    point = tuple(data.draw(st.sampled_from([0, 1, Fraction(1, 2), -1])) for _ in range(domain.dim))
    layer = data.draw(st.integers(1, len(network.layers)))
    values = [(sum(a * q for a, q in zip(row, point, strict=True)), b) for row, b in domain.rows]
    options: dict[str, Any] = {"at": point, "domain": domain.build()}
    if any(value > b for value, b in values):
        with pytest.raises(regions.DomainError, match="outside the domain"):
            regions.conditional(network.build(), layer, **options)
        return
    word = "/".join(oracle.pattern_at(network.layers, point).split("/")[: layer - 1])
    result = regions.conditional(network.build(), layer, **options)
    assert (str(result.given), int(result)) == (word, expected(problem, layer, False).get(word, 0))


@pytest.mark.parametrize("plain", [READS_INPUT, TWO_READERS])
def test_skip_connections(plain: Any):
    problem = Problem(plain, space(2))
    table = rows_of(regions.conditional(plain.build(), 2, domain=regions.Space(2)))
    assert table == expected(problem, 2, thin=False)


@given(problem=problems(), lie=st.sampled_from(sorted(LIES)), data=st.data())
def test_a_lying_solver_changes_no_answer(problem: Problem, lie: str, data: st.DataObject):
    network, domain = problem.network, problem.domain
    if oracle.is_empty(domain.rows, network.inputs):
        return
    layer = len(network.layers)
    answer = expected(problem, layer, thin=False)
    widths = network.widths[:-1]
    word = "/".join("".join(data.draw(st.tuples(*[st.sampled_from("01")] * w))) for w in widths)
    thin = data.draw(st.sampled_from([False, False, False, True]))
    if thin and network.relus < 7:
        answer = expected(problem, layer, thin=True)
    for given_word in {word, *sorted(answer)[:2]}:
        result = regions.conditional(
            network.build(), layer, given=given_word, domain=domain.build(),
            attained=thin and network.relus < 7, engine="lp" if not thin else "auto",
            backend=LyingBackend(lie, share=0.7, seed=data.draw(st.integers(0, 9))),
        )  # fmt: skip
        assert (result.lower, result.upper) == (answer.get(given_word, 0),) * 2


def test_cells_without_a_proposed_point_are_decided_bit_by_bit():
    """Where the solver proposes no deep point, points are found unit by unit, or a proof."""
    network, domain = carry(3).build(), regions.Space(3)
    table = rows_of(regions.conditional(network, 2, domain=domain))
    for lie in LIES:
        backend = LyingBackend(lie, share=1.0)
        for word in ("101010", "100101", "111111", "000000"):
            result = regions.conditional(network, 2, given=word, domain=domain, backend=backend)
            assert int(result) == table.get(word, 0)


def test_mixed_systems_are_decided_exactly():
    third = rational("1/3")

    def half(*row: int, constant: Any = 0, strict: bool = False) -> Halfspace:
        return Halfspace(
            {j: rational(a) for j, a in enumerate(row) if a}, constant + third * 0, strict
        )

    # x + y = 1/3 by two closed rows; then x > 0, y > 0 hold somewhere, x + y > 1/3 does not
    line = [half(1, 1, constant=-third), half(-1, -1, constant=third)]
    inside = [half(1, 0, strict=True), half(0, 1, strict=True)]
    point = common_point([*line, *inside], 2)
    assert point is not None and sum(point) == third and min(point) > 0
    assert common_point([*line, half(1, 1, constant=-third, strict=True)], 2) is None
    assert common_point([*line, half(0, 0, constant=-1)], 2) is None


# -- bounds, when it stops -------------------------------------------------------------------


def assert_bounds(result: regions.Conditional, table: dict[str, int]) -> None:
    """Whatever is said of rows and of their sum is true."""
    assert result.table is not None
    assert result.lower <= sum(table.values()) <= result.upper
    for row in result.table:
        assert row.lower <= table[str(row.given)] <= row.upper


DEEP = frozen((6, 6, 6), inputs=3)


@pytest.fixture(scope="module")
def deep_table() -> dict[str, int]:
    return rows_of(regions.conditional(DEEP.build(), 3))


@pytest.mark.parametrize("engine", ["lp", "vertices"])
def test_no_time_leaves_valid_bounds(engine: str, deep_table: dict[str, int]):
    result = regions.conditional(DEEP.build(), 3, engine=engine, time_limit=0)
    assert_bounds(result, deep_table)
    assert not result.exact and result.total is None and result.stopped == "time limit"
    with pytest.raises(regions.RegionsError, match="needs an exact one"):
        int(result)


@pytest.mark.parametrize("engine", ["lp", "vertices", "simplex"])
@pytest.mark.parametrize("most", [1, 5])
def test_a_full_table_leaves_valid_bounds(engine: str, most: int, deep_table: dict[str, int]):
    result = regions.conditional(DEEP.build(), 3, engine=engine, most=most)
    assert_bounds(result, deep_table)
    assert result.table is not None and len(result.table) == most < len(deep_table)
    assert result.stopped == "table full"
    assert not result.exact and not result.complete and result.total is None


@pytest.mark.parametrize("attained", [False, True])
def test_a_table_may_have_just_so_many_rows(attained: bool):
    network = frozen((3, 3), inputs=2).build()
    whole = regions.conditional(network, 2, attained=attained)
    assert whole.table is not None and whole.exact
    rows = len(whole.table)
    same = regions.conditional(network, 2, attained=attained, most=rows)
    assert same.exact and same.stopped is None and same.table == whole.table
    cut = regions.conditional(network, 2, attained=attained, most=rows - 1)
    assert not cut.exact and cut.stopped == "table full"
    assert cut.table is not None and len(cut.table) == rows - 1
    assert_bounds(cut, rows_of(whole))


@pytest.mark.parametrize("attained", [False, True])
def test_stopped_cells_have_valid_bounds(attained: bool):
    network, at = frozen((3, 6), inputs=2).build(), [0, 0]
    true = int(regions.conditional(network, 2, at=at, attained=attained))
    result = regions.conditional(network, 2, at=at, attained=attained, time_limit=0)
    assert result.lower <= true <= result.upper <= 22  # S(6, 2)
    assert result.exact or result.stopped == "time limit"


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Python's own handler of SIGINT, also where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_an_interruption_leaves_valid_bounds():
    plain = frozen((7, 7, 7), inputs=4)

    seen: list[Progress] = []

    def interrupt(report: Progress) -> None:
        seen.append(report)
        if len(seen) == 1:
            signal.raise_signal(signal.SIGINT)

    result = regions.conditional(plain.build(), 3, engine="lp", progress=interrupt)
    assert result.stopped == "interrupted" and not result.exact
    assert_bounds(result, rows_of(regions.conditional(plain.build(), 3, engine="vertices")))


# -- bad input -------------------------------------------------------------------------------

NETWORK = frozen((4, 3)).build()


@pytest.mark.parametrize(
    ("layer", "options", "error", "message"),
    [
        (0, {}, regions.InputError, "layer needs a whole number, 1 to 2 .*got 0"),
        (3, {}, regions.InputError, "layer needs a whole number, 1 to 2 .*got 3"),
        (True, {}, regions.InputError, "layer needs a whole number.*True"),
        (2, {"given": "01"}, regions.PatternError, "layers 1 to 1, 4 units, got 2"),
        (2, {"given": "0110/101"}, regions.PatternError, "4 units, got 4/3"),
        (2, {"given": "01*0"}, regions.PatternError, r"every bit.*got \* in 01\*0"),
        (2, {"given": "01x0"}, regions.PatternError, "got 'x'"),
        (2, {"given": 3}, regions.PatternError, "a Pattern or its text, got int"),
        (1, {"given": "0110"}, regions.PatternError, "nothing before layer 1, no units, got 4"),
        (2, {"given": "0110", "at": [0, 0]}, regions.InputError, "got both"),
        (2, {"at": [0, 2]}, regions.DomainError, "outside the domain box:-1,1"),
        (2, {"at": [0]}, regions.DomainError, "2 coordinates, got 1"),
        (2, {"at": [0, np.nan]}, regions.DomainError, "finite numbers"),
        (2, {"engine": "vertices", "at": [0, 0]}, regions.InputError, "starts from a whole domain"),
        (2, {"engine": "simplex", "given": "0110", "domain": regions.Space(2)},
         regions.InputError, "simplex engine cannot take this"),
        (2, {"attained": True, "engine": "simplex"}, regions.InputError, "one exact engine"),
        (2, {"workers": 0}, regions.InputError, "workers needs a whole number, 1 or more, got 0"),
        (2, {"most": 0}, regions.InputError, "most needs a whole number, 1 or more, got 0"),
        (2, {"time_limit": -1}, regions.InputError, "time_limit needs seconds"),
        (2, {"domain": regions.Box.cube(3, 0, 1)}, regions.DomainError, "2 inputs.*dimension 3"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_named(layer: Any, options: dict, error: type, message: str):
    with pytest.raises(error, match=message):
        regions.conditional(NETWORK, layer, **options)


@pytest.mark.parametrize(
    ("domain", "inside", "outside"),
    [
        (regions.Segment([0, 0], [1, 2]), ["1/3", "2/3"], ["3/2", 3]),
        (regions.Segment([0, 0], [1, 2]), [1, 2], ["1/3", "1/3"]),
        (regions.Slice([0, 0, 0], [1, 0, 0], [0, 1, 1]), [5, -2, -2], [0, 1, 0]),
        (polytope([((1, 1), 1)], 2).build(), [-7, 8], [1, 1]),
        (cube(2, 0, 1).build(), [0, 1], [0, Fraction(10**30 + 1, 10**30)]),
    ],
)
def test_points_must_lie_in_the_domain(domain: regions.Box, inside: list, outside: list):
    network = frozen((3, 3), inputs=domain.dim).build()
    assert regions.conditional(network, 2, at=inside, domain=domain).exact
    with pytest.raises(regions.DomainError, match="outside the domain"):
        regions.conditional(network, 2, at=outside, domain=domain)


# -- the command -------------------------------------------------------------------------------


@pytest.fixture
def folded(tmp_path: Path) -> Path:
    """|x| - 1/2 and |x| - 3/4 over (x, -x)."""
    path = tmp_path / "folded.npz"
    np.savez(
        path, W1=[[1.0], [-1.0]], b1=[0.0, 0.0], W2=[[1.0, 1.0]] * 2, b2=[-0.5, -0.75],
        W3=[[1.0, 1.0]], b3=[0.0],
    )  # fmt: skip
    return path


def test_command_with_a_pattern(run: Run, folded: Path, tmp_path: Path):
    (tmp_path / "given.txt").write_text("10\n")
    for option in (("--given", "10"), ("--given", f"@{tmp_path / 'given.txt'}"), ("--at", "0.1")):
        code, out, err = run("conditional", folded, "--layer", 2, *option, "--json")
        record = one_json(out)
        assert (code, err) == (0, "")
        assert {"lower", "upper", "exact", "given"} <= set(record)
        assert (record["lower"], record["upper"], record["exact"]) == (3, 3, True)
        assert (record["given"], record["possible"]) == ("10", True)
    code, out, _ = run("conditional", folded, "--layer", 2, "--at", "-1")
    assert code == 0
    assert out.startswith("folded.npz: layer 2 takes 3 linear regions given 01 (exact) in ")
    code, out, _ = run("conditional", folded, "--layer", 2, "--given", "11")
    assert code == 0
    assert "takes 0 linear regions given 11 (exact)" in out
    assert out.splitlines()[-1] == "  the given pattern itself is no linear region"
    code, out, _ = run("conditional", folded, "--layer", 1, "--given", "", "--json")
    assert (code, one_json(out)["lower"], one_json(out)["given"]) == (0, 2, "")


def test_command_with_a_table(run: Run, folded: Path):
    code, out, _ = run("conditional", folded, "--layer", 2, "--json")
    record = one_json(out)
    assert (code, record["given"], record["total"], record["exact"]) == (0, None, 6, True)
    assert [(row["given"], row["count"]) for row in record["table"]] == [("01", 3), ("10", 3)]
    counted = one_json(run("count", folded, "--layers", 2, "--json")[1])
    assert counted["lower"] == record["total"] == sum(row["count"] for row in record["table"])
    code, out, _ = run("conditional", folded, "--layer", 2, "--attained")
    assert code == 0
    head, how, spread, *rows = out.splitlines()
    assert head.startswith("folded.npz: layer 2 takes 7 attained patterns under 3 given patterns")
    assert (how.strip(), spread.strip()) == (
        "domain box:-1,1, engine lp (exact arithmetic)", "from 1 to 3 each, the median is 3"
    )  # fmt: skip
    assert [row.split() for row in rows] == [["1", "00"], ["3", "01"], ["3", "10"]]


def test_command_that_stops(run: Run, large: Path):
    code, out, _ = run("conditional", large, "--layer", 2, "--time-limit", 0.2, "--json")
    record = one_json(out)
    assert code == 3 and record["stopped"] == "time limit"
    assert 1 <= record["lower"] < record["upper"] and record["total"] is None
    code, out, _ = run("conditional", large, "--layer", 1, "--most", 1, "--time-limit", 0)
    assert code == 3 and "bounds only, stopped: time limit" in out


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--layer", 3), "--layer 3: folded.npz has 2 ReLU layers"),
        (("--layer", 0), "--layer 0: folded.npz has 2 ReLU layers"),
        ((), "Missing option '--layer'"),
        (("--layer", 2, "--given", "101"), "layers 1 to 1, 2 units, got 3"),
        (("--layer", 2, "--given", "1*"), "got * in 1*"),
        (("--layer", 2, "--given", "@missing.txt"), "cannot be read (FileNotFoundError)"),
        (("--layer", 2, "--at", "2"), "outside the domain box:-1,1"),
        (("--layer", 2, "--at", "0,0"), "needs 1 coordinates"),
        (("--layer", 2, "--at", "0", "--given", "10"), "leave one out"),
        (("--layer", 2, "--workers", 0), "--workers 0"),
        (("--layer", 2, "--most", 0), "--most 0"),
        (("--layer", 2, "--time-limit", "nan"), "--time-limit nan"),
        (("--layer", 2, "--engine", "simples"), "did you mean simplex?"),
    ],
)
def test_bad_command_lines(run: Run, folded: Path, args: tuple, message: str):
    code, out, err = run("conditional", folded, *args)
    assert (code, out) == (2, "")
    assert err.startswith("regions: ") and err.count("\n") == 1 and message in err
