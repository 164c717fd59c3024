"""f(n, r): the formula, the recurrence, and arrangements counted in several ways."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, product
from math import comb, factorial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import regions
from regions.counting.arrangement import (
    characteristic,
    essential,
    independent_subsets,
    plane,
    regions_by_deletion,
    regions_by_subsets,
    special_set,
)
from regions.counting.recurrence import KINDS, table_of
from solvers.rational import rationals
from tests import oracle
from tests.cases import (
    REPEATED,
    Case,
    basis,
    braid,
    convolution,
    differences,
    moment_rows,
    most_regions,
    one_layer_cases,
    resonance,
    threshold,
    type_b,
)
from tests.command_line import Run, one_json
from tests.plain import PlainNetwork


def layer_of(network: PlainNetwork) -> tuple[list, list]:
    (units,) = network.layers
    return [list(weights) for weights, _ in units], [bias for _, bias in units]


def planes_of(network: PlainNetwork) -> list[tuple[int, ...]]:
    rows, biases = (rationals(part) for part in layer_of(network))
    found = [plane(row, bias) for row, bias in zip(rows.tolist(), biases.tolist(), strict=True)]
    return [line for line in found if line is not None]


# -- the formula and the recurrence ------------------------------------------------------------


def test_recurrence_gives_the_formula():
    """Acceptance 2 for n <= 10, r <= 5, and beyond."""
    for n, row in enumerate(table_of(30, 20), start=1):
        assert list(row) == [sum(comb(n, i) for i in range(r + 1)) for r in range(1, 21)]
    table = table_of(10, 6)
    assert table[3][:4] == (5, 11, 15, 16)
    assert table[4][:5] == (6, 16, 26, 31, 32)
    assert table[5] == (7, 22, 42, 57, 63, 64)


@pytest.mark.parametrize("rank", range(1, 6))
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    "numbers", [pytest.param(range(1, 8)), pytest.param(range(8, 11), marks=pytest.mark.slow)]
)
def test_rows_in_general_position(rank: int, bias: bool, numbers: range):
    for n in numbers[rank - 1 :] if rank > numbers[0] else numbers:
        network = moment_rows(n, rank, bias=bias, lifted=n % 2 == 0)
        number = most_regions(n, rank) if bias else 2 * most_regions(n - 1, rank - 1)
        rows, biases = layer_of(network)
        result = regions.recurrence(weights=rows, bias=biases)
        assert (result.units, result.rank, result.measured) == (n, rank, number)
        assert result.formula == most_regions(n, rank)
        assert result.holds == (number == result.formula)
        assert {"enumeration", "deletion-restriction", "central subsets"} == set(result.ways)
        if not bias and n > rank:
            assert "zero bias" in result.why and f"2 S({n - 1}, {rank - 1})" in result.theorem


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("lifted", [True, False])
def test_rows_in_general_position_by_deletion(bias: bool, lifted: bool):
    for rank in range(1, 6):
        for n in range(rank, 11):
            lines = planes_of(moment_rows(n, rank, bias=bias, lifted=lifted))
            number = most_regions(n, rank) if bias else 2 * most_regions(n - 1, rank - 1)
            assert regions_by_deletion(lines) == number


@pytest.mark.parametrize("kind", KINDS)
def test_generated_layers(kind: str):
    rank = None if kind.startswith("convolution") else 3
    result = regions.recurrence(6, rank, kind=kind, seed=2)
    expected = {
        "generic": 42, "zero-bias": 32, "low-rank": 42, "convolution": 62, "convolution-bias": 63
    }  # fmt: skip
    assert result.measured == expected[kind]
    assert result.holds == (kind not in ("zero-bias", "convolution"))
    again = regions.recurrence(6, rank, kind=kind, seed=2)
    assert again.as_dict() | {"seconds": 0} == result.as_dict() | {"seconds": 0}


# -- special matrices --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "case",
    [c.parameter() for c in one_layer_cases() if c.domain.form == "space" and c.regions < 300],
)
def test_special_matrices(case: Case):
    """Acceptance 1 to 7: by enumeration, by deletion, and by subsets where there are few."""
    rows, biases = layer_of(case.network)
    result = regions.recurrence(weights=rows, bias=biases)
    assert result.measured == case.regions
    assert {"enumeration", "deletion-restriction"} <= set(result.ways)
    assert ("central subsets" in result.ways) == (len(planes_of(case.network)) <= 16)


LARGE: dict[str, tuple[PlainNetwork, int]] = {
    "braid-7": (braid(7), factorial(7)),
    "resonance-5": (resonance(5), 11292),
    "resonance-6": (resonance(6), 1066044),
    "threshold-5": (threshold(5), 94572),
    "type-b-5": (type_b(5), 2**5 * factorial(5)),
    "shi-6": (differences(6, (0, 1)), 7**5),
    "catalan-5": (differences(5, (-1, 0, 1)), factorial(5) * 42),
    "linial-5": (differences(5, (1,)), 246),
    "forests-6": (braid(6, biases=True), 2932),
    "circular-12": (convolution(12), 2**12 - 2),
    "rows-14-rank-6": (moment_rows(14, 6, bias=True), most_regions(14, 6)),
}


@pytest.mark.parametrize("name", LARGE)
def test_large_arrangements_by_deletion(name: str):
    network, number = LARGE[name]
    assert regions_by_deletion(planes_of(network)) == number


@pytest.mark.parametrize(
    ("network", "prime"),
    [(braid(4), 7), (type_b(3), 11), (differences(3, (0, 1)), 7), (convolution(4, bias=1), 5)],
)
def test_characteristic_polynomials_count_points_of_finite_fields(
    network: PlainNetwork, prime: int
):
    """χ(q) = the number of points of F_q^d on no hyperplane, for large primes q (Athanasiadis)."""
    lines, dim = planes_of(network), network.inputs
    polynomial = characteristic(lines, dim)
    for q in (prime, prime + {5: 2, 7: 4, 11: 2}[prime]):
        free = sum(
            all(
                (sum(a * x for a, x in zip(line, point, strict=False)) + line[-1]) % q
                for line in lines
            )
            for point in product(range(q), repeat=dim)
        )
        assert free == sum(value * q**power for power, value in enumerate(polynomial))


# -- random arrangements -----------------------------------------------------------------------

ROWS = st.integers(1, 3).flatmap(
    lambda d: st.lists(
        st.tuples(st.tuples(*[st.integers(-2, 2)] * d), st.sampled_from([0, 0, 1, -1, 2])),
        min_size=1, max_size=6,
    )
)  # fmt: skip


@given(units=ROWS)
def test_random_layers_equal_the_oracle(units: list):
    dim = len(units[0][0])
    number = len(oracle.regions([units], [], dim))
    result = regions.recurrence(weights=[list(w) for w, _ in units], bias=[b for _, b in units])
    assert result.measured == number
    assert set(result.ways) == {"enumeration", "deletion-restriction", "central subsets"}
    lines = [p for w, b in units if (p := plane(rationals(w).tolist(), rationals([b])[0]))]
    rank = result.weights_rank
    assert rank is not None
    independent = independent_subsets(lines)
    assert independent is not None and number <= independent <= most_regions(len(lines), rank)
    # in general position exactly where as many regions as possible
    special = special_set(essential(lines), rank)
    assert (special is None) == (number == most_regions(len(lines), rank))
    # where every central subset is independent, the number is that of the independent subsets
    special_sets = [
        chosen
        for size in range(2, len(lines) + 1)
        for chosen in combinations(lines, size)
        if _rank(chosen, -1) < size and _rank(chosen, None) == _rank(chosen, -1)
    ]
    assert (number == independent) == (not special_sets)


def _rank(lines: tuple, end: int | None) -> int:
    return np.linalg.matrix_rank(np.array([line[:end] for line in lines], dtype=float))


def test_sums_over_subsets_give_up():
    lines = planes_of(braid(4))
    assert regions_by_subsets(lines, most=64) == 24
    assert regions_by_subsets(lines, most=63) is None
    assert independent_subsets(lines, most=10) is None


# -- which hypothesis fails --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "bias", "rank", "words"),
    [
        ([[1, 0], [0, 0], [0, 1]], [0, 1, 1], 2, "row 1 is zero and cuts nothing"),
        ([[1, 0], [0, 0], [0, 0]], [0, 1, 1], 1, "rows 1 and 2 are zero and cut nothing"),
        ([[1, 0], [0, 1], [2, 0]], [1, 1, 2], 2, "rows 0 and 2 are the same hyperplane"),
        ([[1, 0], [0, 1], [-2, 0]], [1, 1, 2], 2, "rows 0 and 2 are parallel"),
        ([[1, 0], [0, 1], [1, 1]], [0, 0, 0], 2, "common point (zero bias).*2 S(2, 1) = 6"),
        ([[1, 0], [0, 1], [1, 1], [1, 2]], [0, 0, 0, 1], 2,
         "hyperplanes of rows 0, 1 and 2 have a common point, more than the rank 2 allows"),
        ([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]], [0, 0, 1, 0], 3,
         "rows 0, 1 and 2 are linearly dependent (rank 2), so their hyperplanes have no common"),
        ([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1], [1, 2, 3]], [0, 0, 0, 0, 9], 3,
         "meet in codimension 2 instead of meeting in codimension 3"),
        ([[1, 1], [2, 2], [1, 1]], [0, 1, 2], 2, "W has rank 1, not 2.*S(3, 1) = 4"),
    ],
)  # fmt: skip
def test_the_hypothesis_that_fails_is_named(rows: list, bias: list, rank: int, words: str):
    result = regions.recurrence(rank=rank, weights=rows, bias=bias)
    assert result.holds is False
    for part in words.split(".*"):
        assert part in result.why


def test_theorems_are_named():
    def theorem(network: PlainNetwork) -> str:
        rows, biases = layer_of(network)
        return regions.recurrence(weights=rows, bias=biases).theorem

    assert theorem(moment_rows(5, 2, bias=True)) == "S(n, r) = S(5, 2)"
    assert theorem(moment_rows(5, 3, bias=False)) == "2 S(n-1, r-1) = 2 S(4, 2)"
    assert theorem(braid(4, biases=True)) == "independent subsets of rows"
    assert theorem(braid(4)) == "sum over central subsets"
    assert theorem(REPEATED) == "sum over central subsets"


def test_low_rank_takes_the_place_of_the_dimension():
    rows, biases = layer_of(moment_rows(6, 2, bias=True, lifted=True))
    result = regions.recurrence(weights=rows, bias=biases)
    assert (len(rows[0]), result.rank, result.measured, result.holds) == (4, 2, 22, True)
    wrong = regions.recurrence(rank=3, weights=rows, bias=biases)
    assert (wrong.formula, wrong.measured, wrong.holds) == (42, 22, False)


def test_no_time_measures_nothing():
    rows, biases = layer_of(resonance(4))
    result = regions.recurrence(weights=rows, bias=biases, time_limit=0)
    assert (result.measured, result.holds, result.stopped) == (None, None, "time limit")
    assert result.formula == most_regions(15, 4)


def test_large_generated_layers_are_not_measured():
    result = regions.recurrence(256, 10)
    assert result.formula == most_regions(256, 10) and result.measured is None
    assert "up to 1 000 000 regions" in result.why


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((), {}, "needs units, or weights and bias"),
        ((4,), {}, "needs a rank"),
        ((0, 1), {}, "units needs a whole number, 1 to 2000, got 0"),
        ((4, 5), {}, "rank needs a whole number, 1 to 4, got 5"),
        ((4, 0), {}, "rank needs a whole number, 1 to 4, got 0"),
        ((4, 2), {"kind": "magic"}, "no kind 'magic'; choose one of generic"),
        ((4, 2), {"kind": "convolution"}, "has rank n - 1, got units 4 and rank 2"),
        ((4, 2), {"weights": [[1]]}, "weights and bias belong together"),
        ((4, 1), {"weights": [[1]], "bias": [1]}, "units 4, but W has 1 rows"),
        (
            (),
            {"weights": [1, 2], "bias": [1, 2]},
            r"W needs the shape \(units, inputs\), got \(2,\)",
        ),
        ((), {"weights": [[1, 2]], "bias": [1, 2]}, r"b needs 1 numbers.*\(2,\)"),
        ((), {"weights": [[np.nan]], "bias": [1]}, "finite numbers"),
        ((4, 2), {"time_limit": -1}, "time_limit needs seconds"),
    ],
)
def test_wrong_arguments_are_named(arguments: tuple, options: dict[str, Any], message: str):
    with pytest.raises(regions.InputError, match=message):
        regions.recurrence(*arguments, **options)


def test_weights_of_any_exact_kind():
    rows, biases = [["1/3", Fraction(1, 7)], [0.5, "0.1"]], ["1e-3", 2]
    assert regions.recurrence(weights=rows, bias=biases).measured == 4
    assert plane([*rationals(["1/3", "1/7"])], rationals(["1/21"])[0]) == (7, 3, 1)
    assert regions.recurrence(weights=[basis(2, 0), (0, 0)], bias=[[0], [0]]).measured == 2


# -- the command -------------------------------------------------------------------------------


def test_command(run: Run, tmp_path: Path):
    code, out, err = run("recurrence", "--units", 6, "--rank", 3, "--json")
    record = one_json(out)
    assert (code, err) == (0, "")
    assert {"table", "formula", "measured", "holds", "why"} <= set(record)
    assert (record["formula"], record["measured"], record["holds"]) == (42, 42, True)
    assert record["file"] is None
    assert record["table"][5] == [7, 22, 42]
    rows, biases = layer_of(braid(3))
    np.savez(tmp_path / "braid.npz", W=np.array(rows, float), b=np.array(biases, float))
    file = tmp_path / "braid.npz"
    code, out, _ = run("recurrence", "--units", 3, "--rank", 2, "--weights", file, "--json")
    record = one_json(out)
    assert (code, record["measured"], record["holds"]) == (0, 6, False)
    assert record["file"] == str(file)
    code, out, _ = run("recurrence", "--weights", file)
    assert code == 0
    assert out.startswith("f(3, 2) = S(3, 2) = 7\n  measured 6 (braid.npz): the formula does not")
    assert "  n = 3        4  7\n" in out
    code, out, _ = run("recurrence", "--weights", file, "--time-limit", 0)
    assert code == 3 and "not measured: stopped" in out


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((), "needs --units N and --rank R, or --weights FILE.npz"),
        (("--units", 4), "needs --units N and --rank R"),
        (("--units", 4, "--rank", 5), "--rank 5: needs 1 to 4"),
        (("--units", 0, "--rank", 1), "--units 0: needs a number of units, 1 to 2000"),
        (("--units", 4, "--rank", 2, "--kind", "generik"), "did you mean generic?"),
        (("--weights", "FILE", "--kind", "generic"), "leave one out"),
        (("--weights", "FILE", "--units", 4), "units 4, but W has 3 rows"),
        (("--weights", "FILE", "--rank", 4), "rank needs a whole number, 1 to 3, got 4"),
        (("--weights", "OTHER"), "needs the arrays W, b, got A"),
        (("--weights", "missing.npz"), "none of that name"),
        (("--units", 4, "--rank", 2, "--time-limit", -1), "--time-limit -1: needs seconds"),
    ],
)
def test_bad_command_lines(run: Run, tmp_path: Path, args: tuple, message: str):
    np.savez(tmp_path / "w.npz", W=np.eye(3), b=np.zeros(3))
    np.savez(tmp_path / "other.npz", A=np.eye(3))
    files = {"FILE": tmp_path / "w.npz", "OTHER": tmp_path / "other.npz"}
    code, out, err = run("recurrence", *(files.get(arg, arg) for arg in args))
    assert (code, out) == (2, "")
    assert err.startswith("regions: ") and err.count("\n") == 1 and message in err
