"""``regions export`` and the options that choose solvers: files that other solvers read."""

from __future__ import annotations

import itertools
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import highspy
import numpy as np
import pytest

import regions
from regions.cli import arguments
from regions.errors import InputError
from solvers import backend as backends
from solvers.pulp_ import cbc_path
from tests.command_line import Run, one_json
from tests.naive import random_network

EXPORTS = [
    ("110/01", ("--domain", "box:-1,1")),
    ("110/01", ("--domain", "box:-1,1", "--lifted")),
    ("***/**", ()),
    ("1**/*0", ()),
    (None, ("--tighten", "0")),
]


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Two inputs, three and two units, two outputs; whole weights."""
    network = random_network(np.random.default_rng(45), 2, [3, 2], "integers")
    arrays = {}
    for k, layer in enumerate((*network.layers, network.output), start=1):
        arrays[f"W{k}"] = layer.weights[0][1].approx
        arrays[f"b{k}"] = layer.bias.approx[:, 0]
    path = tmp_path / "small.npz"
    np.savez(path, **arrays)
    return path


def by_highs(path: Path) -> tuple[bool, float, Any]:
    highs = highspy._Highs()  # pyright: ignore
    highs.setOptionValue("output_flag", False)
    assert highs.readModel(str(path)) == highspy.HighsStatus.kOk
    highs.run()
    done = highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
    return done, highs.getObjectiveValue(), highs.getLp()


def by_cbc(path: Path) -> tuple[bool, float]:
    answer = path.with_suffix(".txt")
    command = [str(cbc_path()), str(path), "-solve", "-solution", str(answer)]
    subprocess.run(command, check=False, capture_output=True)
    first = answer.read_text().splitlines()[0]
    return first.startswith("Optimal"), float(first.split("objective value")[1])


def largest_output(path: Path, pattern: str | None, output: int) -> float | None:
    """The largest output over the closed cells of all completions, cell by cell."""
    from solvers.backend import get_backend
    from solvers.program import LinearProgram

    network = regions.load(path)
    best = None
    wanted = regions.Pattern.parse(pattern or "***/**")
    for word in itertools.product("01", repeat=5):
        full = regions.Pattern.parse("".join(word[:3]) + "/" + "".join(word[3:]))
        if not wanted.matches(full):
            continue
        cell = regions.Cell.of(network, full, regions.Box.cube(2, -1, 1))
        cost = -np.asarray(cell.weight.to_dense().approx)[output]
        free = np.full(2, np.inf)
        program = LinearProgram(cost, cell.A, np.full(len(cell.b), -np.inf), cell.b, -free, free)
        found = get_backend("highs").open(program).solve().objective
        if found is not None:
            value = -found + float(cell.bias.approx[output, 0])
            best = value if best is None else max(best, value)
    return best


@pytest.mark.parametrize("form", ["mps", "lp"])
@pytest.mark.parametrize(("pattern", "options"), EXPORTS)
def test_highs_and_cbc_read_the_file_and_agree(
    run: Run, small: Path, tmp_path: Path, form: str, pattern: str | None, options: tuple
):
    path = tmp_path / f"program.{form}"
    chosen = () if pattern is None else ("--pattern", pattern)
    for index in (0, 1):
        code, out, err = run(
            "export", small, "--output", path, *chosen, *options, "--maximise", index, "--json"
        )
        assert (code, err) == (0, "")
        record = one_json(out)
        expected = largest_output(small, pattern, index)
        done, value, lp = by_highs(path)
        cbc_done, cbc_value = by_cbc(path)
        assert done == cbc_done == (expected is not None)
        assert (record["columns"], record["rows"]) == (lp.num_col_, lp.num_row_)
        assert {"x_0", "x_1", "y_0", "y_1"} <= set(lp.col_names_)
        if expected is not None:
            assert -value == pytest.approx(expected, abs=1e-5)
            assert -cbc_value == pytest.approx(expected, abs=1e-5)


def test_what_export_prints(run: Run, cross: Path, tmp_path: Path):
    path = tmp_path / "cross.mps"
    code, out, err = run("export", cross, "--output", path)
    assert (code, err) == (0, "")
    first, second = out.splitlines()
    assert first == f"{path}: 9 columns (2 whole columns), 9 rows, 21 non-zeros"
    assert second == "  form milp, domain box:-1,1"
    text = path.read_text()
    assert text.startswith("NAME cross FREE") and " z_1_1 z_1_1 1.0" in text


def test_inputs_of_flat_domains_are_columns_too(run: Run, cross: Path, tmp_path: Path):
    ends = tmp_path / "a.npy", tmp_path / "b.npy"
    np.save(ends[0], [-1.0, -0.5])
    np.save(ends[1], [1.0, 0.75])
    path = tmp_path / "segment.lp"
    spec = f"segment:{ends[0]},{ends[1]}"
    code, _, err = run(
        "export", cross, "--domain", spec, "--output", path, "--pattern", "01", "--minimise", 0
    )
    assert (code, err) == (0, "")
    done, value, lp = by_highs(path)
    assert done and set(lp.col_names_) >= {"u_0", "x_0", "x_1", "y_0"}
    assert value == pytest.approx(0)  # y <= 0 there, and x = 0 at the end of it
    pattern = tmp_path / "pattern.txt"
    pattern.write_text("10\n")
    arguments = ("--domain", spec, "--output", path, "--pattern", f"@{pattern}", "--maximise", "0")
    assert run("export", cross, *arguments)[0] == 0
    # the second unit is off up to 2/5 of the way, where the first is -1/5: the cell is empty
    assert by_highs(path)[0] is False
    assert Fraction(2, 5) * 2 - 1 < 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--output", "x.txt"), "needs a name that ends with .mps or .lp"),
        (("--output", "x.mps", "--pattern", "1"), "needs 2 bits, got 1"),
        (("--output", "x.mps", "--pattern", "1x"), "needs 0, 1 or"),
        (("--output", "x.mps", "--pattern", "@no.txt"), "--pattern @no.txt: cannot be read"),
        (("--output", "x.mps", "--domain", "space"), "big-M"),
        (("--output", "x.mps", "--lifted"), "'lifted' needs a full pattern"),
        (("--output", "x.mps", "--maximise", "1"), "--maximise 1: the model has 1 output, 0 to 0"),
        (("--output", "x.mps", "--maximise", "0", "--minimise", "0"), "one objective"),
        (("--output", "x.mps", "--tighten", "-1"), "--tighten -1: needs seconds"),
        (("--output", "x.mps", "--backend", "higs"), "did you mean highs?"),
    ],
)
def test_bad_input(run: Run, cross: Path, options: tuple[str, ...], message: str):
    code, out, err = run("export", cross, *options)
    assert (code, out) == (2, "")
    assert message in err and err.count("\n") == 1


# -- the solvers of a count ------------------------------------------------------------------


@pytest.mark.parametrize("name", backends.BACKENDS)
def test_count_with_every_backend(run: Run, small: Path, name: str):
    expected = one_json(run("count", small, "--engine", "lp", "--json")[1])["lower"]
    code, out, err = run(
        "count", small, "--engine", "lp", "--workers", 1, "--backend", name, "--json"
    )
    assert (code, err) == (0, "")
    record = one_json(out)
    assert (record["lower"], record["exact"]) == (expected, True)


def test_count_with_two_backends(run: Run, small: Path):
    for first, second in (("highs", "cvxpy"), ("scipy", "highs"), ("highs", "pulp")):
        code, out, _ = run(
            "count", small, "--engine", "lp", "--workers", 1, "--backend", first,
            "--second-backend", second, "--json",
        )  # fmt: skip
        assert code == 0 and one_json(out)["exact"]


def test_backends_that_cannot_be_used(run: Run, cross: Path, monkeypatch: pytest.MonkeyPatch):
    for options, message in (
        (("--backend", "cvxp"), "--backend cvxp: needs highs or scipy or cvxpy or pulp; did you"),
        (("--second-backend", "x"), "--second-backend x: needs highs or"),
        (("--second-backend", "highs"), "--second-backend highs: is the first one too"),
    ):
        code, out, err = run("count", cross, *options)
        assert (code, out) == (2, "") and message in err
    row = ("solvers.cvxpy_", "CvxpyBackend", "no_such_package", "'relu-regions[cvxpy]'")
    monkeypatch.setitem(backends.BACKENDS, "cvxpy", row)
    code, out, err = run("count", cross, "--second-backend", "cvxpy")
    assert (code, out) == (2, "")
    assert "run: pip install 'relu-regions[cvxpy]' (or, in a clone, pip install '.[cvxpy]')" in err
    with pytest.raises(InputError, match=r"--backend cvxpy: .* no_such_package"):
        arguments.open_backend("cvxpy")


def test_conditional_takes_backends(run: Run, cross: Path):
    options = ("--layer", 1, "--engine", "lp", "--json")
    for solvers in (("--backend", "scipy"), ("--second-backend", "scipy")):
        code, out, _ = run("conditional", cross, *options, *solvers)
        assert code == 0 and one_json(out)["total"] == 4
    code, out, err = run("conditional", cross, *options, "--second-backend", "highs")
    assert (code, out) == (2, "") and "is the first one too" in err
    code, out, err = run("conditional", cross, "--layer", 1, "--engine", "milp")
    assert (code, out) == (2, "") and "--engine milp: needs auto or vertices or" in err


def test_milp_takes_no_journal(run: Run, cross: Path, tmp_path: Path):
    code, out, err = run("count", cross, "--engine", "milp", "--journal", tmp_path / "j")
    assert (code, out) == (2, "") and "--engine milp: works on one core" in err
