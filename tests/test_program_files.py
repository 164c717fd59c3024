"""MPS and LP files: what other solvers read is the program that was written."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import highspy
import numpy as np
import pytest
import scipy.sparse as sp

from solvers.backend import get_backend
from solvers.errors import InvalidProgram
from solvers.program import LinearProgram
from solvers.program_files import write_lp, write_mps
from solvers.pulp_ import cbc_path, meaning
from solvers.solution import Status

INF = np.inf
WRITERS = {"mps": write_mps, "lp": write_lp}
written = pytest.mark.parametrize("form", WRITERS)


def random_program(seed: int, free_rows: bool = True) -> LinearProgram:
    """Rows and columns of every kind, numbers of many digits, sometimes whole columns."""
    rng = np.random.default_rng(seed)
    m, n = int(rng.integers(0, 7)), int(rng.integers(1, 7))
    matrix = rng.standard_normal((m, n)) * (rng.random((m, n)) < 0.6)
    middle = rng.standard_normal(m)
    kinds = rng.integers(0, 5 if free_rows else 4, m)
    row_lower = np.where(np.isin(kinds, (0, 2, 3)), middle, -INF)
    row_upper = np.where(np.isin(kinds, (1, 3)), middle + (kinds == 3), INF)
    row_upper = np.where(kinds == 2, middle, row_upper)
    low = np.where(rng.random(n) < 0.3, -INF, np.round(rng.standard_normal(n)))
    high = np.where(rng.random(n) < 0.3, INF, np.where(np.isfinite(low), low + 2, 1 / 3))
    high = np.where((rng.random(n) < 0.1) & np.isfinite(low), low, high)
    integer = rng.random(n) < 0.3 if seed % 2 else None
    cost = rng.standard_normal(n) * (rng.random(n) < 0.7)
    return LinearProgram(cost, sp.csr_array(matrix), row_lower, row_upper, low, high, integer)


def read_by_highs(path: Path) -> Any:
    highs = highspy._Highs()  # pyright: ignore
    highs.setOptionValue("output_flag", False)
    assert highs.readModel(str(path)) == highspy.HighsStatus.kOk
    return highs


@pytest.mark.parametrize("seed", range(40))
def test_highs_reads_back_every_digit_of_an_mps_file(seed: int, tmp_path: Path):
    program = random_program(seed, free_rows=False)  # readers drop rows without bounds
    columns = [f"x_{j}_with_a_long_name" for j in range(program.num_cols)]
    path = tmp_path / "program.mps"
    path.write_text(write_mps(program, columns, None, "some_title"))
    lp = read_by_highs(path).getLp()
    assert list(lp.col_names_) == columns
    assert list(lp.row_names_) == [f"r{i}" for i in range(program.num_rows)]
    for theirs, ours in (
        (lp.col_cost_, program.cost),
        (lp.col_lower_, program.col_lower),
        (lp.col_upper_, program.col_upper),
        (lp.row_lower_, program.row_lower),
    ):
        assert list(theirs) == list(ours)
    # a range is written as its width: right up to the rounding of one sum
    np.testing.assert_allclose(list(lp.row_upper_), program.row_upper, rtol=1e-15)
    a = lp.a_matrix_
    ours = sp.csc_array(program.matrix)
    assert str(a.format_) == "MatrixFormat.kColwise"
    theirs = sp.csc_array((a.value_, a.index_, a.start_), shape=ours.shape)
    assert np.array_equal(theirs.toarray(), ours.toarray())
    whole = [kind == highspy.HighsVarType.kInteger for kind in lp.integrality_]
    assert whole == ([] if not program.has_integers else list(program.integer))  # type: ignore


@written
@pytest.mark.parametrize("seed", range(30))
def test_other_solvers_agree_on_a_file(form: str, seed: int, tmp_path: Path):
    program = random_program(seed)
    path, answer = tmp_path / f"program.{form}", tmp_path / "answer.txt"
    path.write_text(WRITERS[form](program))
    expected = get_backend("highs").open(program).solve()
    highs = read_by_highs(path)
    highs.run()
    assert (highs.getModelStatus() == highspy.HighsModelStatus.kOptimal) == (
        expected.status is Status.OPTIMAL
    )
    if expected.status is Status.OPTIMAL:
        assert highs.getObjectiveValue() == pytest.approx(expected.objective, abs=1e-6)
    command = [str(cbc_path()), str(path), "-solve", "-solution", str(answer)]
    subprocess.run(command, check=False, capture_output=True)
    first = answer.read_text().splitlines()[0]
    status, _ = meaning(first)
    assert (status is Status.OPTIMAL) == (expected.status is Status.OPTIMAL)
    if expected.status is Status.OPTIMAL:
        value = float(first.split("objective value")[1])
        assert value == pytest.approx(expected.objective, abs=1e-5)


@written
def test_a_program_with_nothing_in_it(form: str):
    text = WRITERS[form](LinearProgram([], np.zeros((0, 0)), [], [], [], []))
    assert text.endswith("\n")


@written
@pytest.mark.parametrize(
    ("names", "got"),
    [(["a", "a"], "1 different"), (["a"], r"1 \(1"), (["a", "b c"], "'b c'"), (["a", ""], "''")],
)
def test_names_are_checked(form: str, names: list[str], got: str):
    program = LinearProgram([0, 0], [[1, 1]], [0], [1], [0, 0], [1, 1])
    with pytest.raises(InvalidProgram, match=f"2 different column names.*{got}"):
        WRITERS[form](program, names)
    with pytest.raises(InvalidProgram, match=r"1 different row names.*2 \(2"):
        WRITERS[form](program, None, ["a", "b"])


def test_lp_files_hold_no_names_that_read_as_numbers():
    program = LinearProgram([0], [[1]], [0], [1], [0], [1])
    assert "e5" in write_mps(program, ["e5"])
    with pytest.raises(InvalidProgram, match="'e5' reads as a number"):
        write_lp(program, ["e5"])


def test_long_rows_of_an_lp_file_are_folded(tmp_path: Path):
    n = 400
    program = LinearProgram(np.ones(n), np.full((1, n), 1 / 3), [1], [INF], np.zeros(n), np.ones(n))
    text = write_lp(program)
    assert max(map(len, text.splitlines())) <= 220
    path = tmp_path / "program.lp"
    path.write_text(text)
    assert list(read_by_highs(path).getLp().a_matrix_.value_) == [1 / 3] * n
