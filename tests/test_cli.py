"""The command line: results, JSON keys, exit codes, and one line for every kind of bad input."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regions import __version__
from tests.command_line import Run, one_json

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = (
    "count",
    "info",
    "pattern",
    "reach",
    "nearest",
    "between",
    "range",
    "adversarial",
    "conditional",
    "recurrence",
    "estimate",
    "export",
    "env",
    "cell",
    "cells",
    "graph",
    "path",
    "plot",
    "complexity",
)

# -- what works ------------------------------------------------------------------------------


def test_version(run: Run):
    assert run("--version") == (0, f"regions {__version__}\n", "")


def test_no_command_shows_the_help(run: Run):
    code, out, err = run()
    assert (code, err) == (0, "")
    assert all(f"  {command} " in out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(run: Run, command: str):
    code, out, err = run(command, "--help")
    assert (code, err) == (0, "")
    assert f"Example:  regions {command}" in out


def test_count_prints_one_readable_line(run: Run, cross: Path):
    code, out, err = run("count", cross, "--domain", "box:-1,1")
    assert (code, err) == (0, "")
    first, second, third = out.splitlines()
    assert first.startswith("cross.npz: 4 linear regions (exact) in ")
    assert "2 inputs, 2 ReLUs, domain box:-1,1, engine integers" in second
    assert third == "  at most 4 by Montúfar's bound of 2017"


def test_count_json(run: Run, cross: Path):
    code, out, err = run("count", cross, "--json")
    assert (code, err) == (0, "")
    record = one_json(out)
    keys = "lower upper exact unresolved definition engine seconds model domain stats"
    assert set(keys.split()) <= set(record)
    assert (record["lower"], record["upper"], record["exact"]) == (4, 4, True)
    assert (record["unresolved"], record["definition"]) == (0, "regions")
    assert record["engine"] == "integers"
    assert record["domain"] == "box:-1,1"
    assert set(record["model"]) >= {"inputs", "relus", "rewritten", "activation", "digest"}
    assert (record["model"]["inputs"], record["model"]["relus"]) == (2, 2)


def test_count_of_several_models(run: Run, cross: Path, tmp_path: Path):
    line = tmp_path / "line.npz"
    np.savez(line, W1=[[1.0], [1.0]], b1=[0.0, -0.5], W2=[[1.0, 1.0]], b2=[0.0])
    code, out, _ = run("count", cross, line, "--json")
    assert code == 0
    counts = one_json(out)["counts"]
    assert [count["lower"] for count in counts] == [4, 3]
    assert [Path(count["file"]).name for count in counts] == ["cross.npz", "line.npz"]
    code, out, _ = run("count", cross, line)
    assert code == 0
    sentences, table = out.split("\n\n")
    assert [line.split(" (exact)")[0] for line in sentences.splitlines()[::3]] == [
        "cross.npz: 4 linear regions",
        "line.npz: 3 linear regions",
    ]
    rows = [line.split() for line in table.splitlines()]
    assert rows[0] == ["model", "regions", "time", "engine", "at", "most"]
    assert [[row[0], *row[1:3], row[-2], row[-1]] for row in rows[1:]] == [
        [str(cross), "4", "exact", "integers", "4"],
        [str(line), "3", "exact", "integers", "3"],
    ]


def test_domains_intersect(run: Run, cross: Path):
    specs = ("--domain", "box:-1,1", "--domain", "box:0.1,inf")
    code, out, _ = run("count", cross, *specs, "--json")
    assert (code, one_json(out)["lower"]) == (0, 1)


def test_space_and_first_layers(run: Run, tmp_path: Path):
    path = tmp_path / "deep.npz"
    eye, zero = np.eye(2), np.zeros(2)
    np.savez(path, W1=eye, b1=zero, W2=eye, b2=-np.ones(2), W3=eye, b3=zero)
    code, out, _ = run("count", path, "--domain", "space", "--json")
    assert (code, one_json(out)["lower"]) == (0, 9)
    code, out, _ = run("count", path, "--domain", "space", "--layers", "1", "--json")
    assert (code, one_json(out)["lower"]) == (0, 4)


def test_time_limit_leaves_bounds(run: Run, large: Path):
    code, out, err = run("count", large, "--time-limit", "0.5", "--json")
    assert (code, err) == (3, "")
    record = one_json(out)
    assert 1 <= record["lower"] < record["upper"]
    assert (record["exact"], record["stopped"]) == (False, "time limit")
    code, out, _ = run("count", large, "--time-limit", "0.5")
    assert code == 3
    assert out.startswith("large.npz: between ")
    assert "bounds only, stopped: time limit" in out


def test_info_json(run: Run, cross: Path):
    code, out, err = run("info", cross, "--json")
    assert (code, err) == (0, "")
    record = one_json(out)
    keys = {"inputs", "outputs", "layers", "relus", "rewritten", "digest", "folding"}
    assert keys <= set(record)
    assert (record["inputs"], record["outputs"], record["relus"]) == (2, 1, 2)
    assert record["layers"][0]["units"] == 2
    assert record["folding"]["points_checked"] >= 100
    assert record["folding"]["worst_relative_error"] <= 1e-4
    assert len(record["digest"]) == 64


def test_info_text(run: Run, cross: Path):
    code, out, _ = run("info", cross)
    assert code == 0
    assert out.startswith("cross.npz: 2 inputs, 1 output, 2 ReLUs in 1 layer\n")


def test_pattern_of_a_point(run: Run, cross: Path):
    code, out, _ = run("pattern", cross, "--at", "0,0.25", "--json")
    assert code == 0
    record = one_json(out)
    assert (record["pattern"], record["zero_units"]) == ("01", [[1, 0]])
    assert run("pattern", cross, "--at", "0,0.25")[1].splitlines()[0] == "01"


def test_decimals_of_a_point_are_exact(run: Run, tmp_path: Path):
    # z = 10 x - 1: zero at the decimal 0.1, but positive at the double 0.1 (a little above)
    path = tmp_path / "tenth.npz"
    np.savez(path, W1=[[10.0]], b1=[-1.0], W2=[[1.0]], b2=[0.0])
    np.save(tmp_path / "tenth.npy", [0.1])
    assert one_json(run("pattern", path, "--at", "0.1", "--json")[1])["zero_units"] == [[1, 0]]
    record = one_json(run("pattern", path, "--at", f"@{tmp_path / 'tenth.npy'}", "--json")[1])
    assert (record["pattern"], record["zero_units"]) == ("1", [])


@pytest.mark.parametrize("at", [("--at", "-0.1,0.3"), ("--at=-.1,0.3",), ("--at", "@-0.1,0.3")])
def test_negative_numbers_are_values(run: Run, cross: Path, at: tuple[str, ...]):
    code, out, err = run("pattern", cross, *at)
    assert (code, out, err) == (0, "01\n", "")


def test_negative_positionals_reach_the_command(run: Run):
    code, out, err = run("count", "-0.1,0.3", "--json", "--time-limit", "1")
    assert (code, out) == (2, "")
    assert "-0.1,0.3" in err
    assert "option" not in err


def test_env_json(run: Run):
    code, out, _ = run("env", "--json")
    record = one_json(out)
    assert code == 0
    assert record["regions"] == __version__
    assert record["packages"]["highspy"]


def test_env_names_every_package_that_computes(run: Run):
    packages = one_json(run("env", "--json")[1])["packages"]
    assert {"numba", "onnx", "onnxruntime", "torch", "highspy", "python-flint"} <= set(packages)
    assert packages["numba"]


def test_info_says_where_the_reading_was_checked(run: Run, cross: Path):
    folding = one_json(run("info", cross, "--json")[1])["folding"]
    assert folding["checked_where"] == "in the domain box:-1,1"
    out = run("info", cross, "--domain", "segment:[0,0],[1,2]")[1]
    assert "100 points, in the domain segment:[0,0],[1,2]; worst relative error" in out
    out = run("info", cross, "--domain", "segment:[1,1],[1,1]", "--json")[2]
    assert "two different points" in out
    code, out, _ = run("info", cross, "--domain", "box:1,1", "--json")
    assert code == 0
    assert one_json(out)["folding"]["checked_where"] == (
        "1 in the domain box:1,1 (it has no more in float64) and 99 around it"
    )


def test_huge_boxes_can_be_counted(run: Run, cross: Path):
    code, out, err = run("count", cross, "--domain", "box:-1e39,1e39", "--json")
    assert (code, err, one_json(out)["lower"]) == (0, "", 4)


def test_module_and_command_are_the_same():
    command = [sys.executable, "-m", "regions", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == f"regions {__version__}\n"


# -- bad input -------------------------------------------------------------------------------


def fails(run: Run, *args: object) -> str:
    """The one line that bad input gives: exit code 2, nothing on standard output."""
    code, out, err = run(*args)
    assert (code, out) == (2, "")
    assert err.startswith("regions: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("conut",), "Did you mean 'count'?"),
        (("--vresion",), "No such option: --vresion"),
        (("count",), "Missing argument 'MODEL'"),
        (("count", "{cross}", "--domian", "box:-1,1"), "did you mean --domain?"),
        (("count", "{cross}", "--workers", "0"), "--workers 0: needs a number of cores"),
        (("count", "{cross}", "{cross}", "--journal", "j"), "--journal j: belongs to one model"),
        (("count", "{cross}", "{cross}", "--output", "o.parquet"), "belongs to one model, got 2"),
        (("count", "{cross}", "--output", "o.parquet", "--journal", "j"), "--output: regions are"),
        (("count", "{cross}", "--output", "o.csv"), "a name that ends in .parquet"),
        (("count", "{cross}", "--threads", "2"), "No such option: --threads"),
        (("count", "{cross}", "--domain"), "'--domain' requires an argument"),
        (("count", "{cross}", "--engine", "atuo"), "needs auto or "),
        (("count", "{cross}", "--engine", "atuo"), " or milp; did you mean auto?"),
        (("count", "{cross}", "--definition", "maps"), "--definition maps: needs regions"),
        (("count", "{cross}", "--time-limit", "soon"), "Invalid value for '--time-limit'"),
        (("count", "{cross}", "--time-limit", "-1"), "--time-limit -1: needs seconds"),
        (("count", "{cross}", "--time-limit", "nan"), "--time-limit nan: needs seconds"),
        (("count", "{cross}", "--foo"), "No such option: --foo; see 'regions count --help'"),
        (("count", "{cross}", "--layers", "0"), "--layers 0: needs a number of ReLU layers, 1"),
        (("count", "{cross}", "--layers", "2"), "--layers 2: cross.npz has 1 ReLU layer; choose"),
        (("count", "{cross}", "--domain", "box:-1e400,1e400"), "got -1e400; "),
        (("count", "{cross}", "--input-shape", "1,x"), "--input-shape 1,x: needs positive"),
        (("count", "{cross}", "--domain", "bx:-1,1"), "did you mean"),
        (("count", "{cross}", "--domain", "box:1,-1"), "box:1,-1"),
        (("count", "{cross}", "--domain", "box:nan,1"), "nan"),
        (("count", "{cross}", "--domain", "box:0,1", "--domain", "box:2,3"), "empty"),
        (("count", "{cross}", "--domain", "vnnlib:none.vnnlib"), "none.vnnlib"),
        (("count", "{cross}", "--box", "1"), "--box 1"),
        (("count", "none.npz"), "no such file: none.npz"),
        (("count", "{cross}", "none.npz"), "no such file: none.npz"),
        (("pattern", "{cross}"), "Missing option '--at'"),
        (("pattern", "{cross}", "--at", "1,2,3"), "needs 2 coordinates"),
        (("pattern", "{cross}", "--at", "1,x"), "1,x"),
        (("info",), "Missing argument 'MODEL'"),
        (("env", "extra"), "extra"),
    ],
)
def test_bad_command_lines(run: Run, cross: Path, args: tuple[str, ...], message: str):
    assert message in fails(run, *(arg.format(cross=cross) for arg in args))


def broken_models(folder: Path) -> dict[str, str]:
    """Files that are no usable model, each with words of the message it must give."""
    good = {"W1": np.eye(2), "b1": np.zeros(2), "W2": np.ones((1, 2)), "b2": np.zeros(1)}
    np.savez(folder / "good.npz", **good)
    whole = (folder / "good.npz").read_bytes()
    (folder / "truncated.npz").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.onnx").write_bytes(b"")
    (folder / "noise.onnx").write_bytes(bytes(range(256)))
    (folder / "model.txt").write_text("weights")
    (folder / "folder.pt").mkdir()
    np.savez(folder / "nan.npz", **{**good, "W1": np.array([[np.nan, 0], [0, 1]])})
    np.savez(folder / "infinite.npz", **{**good, "b2": np.array([np.inf])})
    np.savez(folder / "shapes.npz", **{**good, "W2": np.ones((1, 3))})
    return {
        "truncated.npz": "truncated.npz",
        "empty.onnx": "empty.onnx",
        "noise.onnx": "noise.onnx",
        "model.txt": ".txt",
        "folder.pt": "folder",
        "nan.npz": "W1",
        "infinite.npz": "b2",
        "shapes.npz": "W2",
    }


@pytest.mark.parametrize("command", ["count", "info"])
def test_bad_models(run: Run, tmp_path: Path, command: str):
    cases = broken_models(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    for name, words in cases.items():
        assert words in fails(run, command, tmp_path / name)
    assert sorted(tmp_path.rglob("*")) == before


def test_what_torch_files_say_is_one_line_of_our_own(run: Run, tmp_path: Path):
    torch = pytest.importorskip("torch")
    (tmp_path / "noise.pt2").write_bytes(np.random.default_rng(0).bytes(3000))
    assert "noise.pt2" in fails(run, "count", tmp_path / "noise.pt2", "--trust-file")
    (tmp_path / "noise.pt").write_bytes(bytes([7, 9, 200] * 300))
    assert "weights_only" not in fails(run, "count", tmp_path / "noise.pt")
    torch.save(torch.nn.ReLU(), tmp_path / "relu.pt")
    assert "--input-shape 3,32,32" in fails(run, "count", tmp_path / "relu.pt")
    assert run("count", tmp_path / "relu.pt", "--input-shape", "2")[0] == 0
    layers = torch.nn.Linear(2, 4), torch.nn.Sigmoid(), torch.nn.Linear(4, 1)
    torch.save(torch.nn.Sequential(*layers), tmp_path / "smooth.pt")
    message = fails(run, "count", tmp_path / "smooth.pt")
    assert "smooth.pt: Sigmoid '1'" in message and "not piecewise linear" in message
    assert "load it in Python" not in message


def test_noise_is_no_pytorch_file(run: Run, tmp_path: Path):
    pytest.importorskip("torch")
    path = tmp_path / "noise.pt"
    path.write_bytes(bytes(range(256)))
    assert "noise.pt" in fails(run, "count", path)


class Payload:
    """An object whose unpickling writes a file."""

    def __init__(self, target: Path):
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.target,))


@pytest.mark.parametrize("suffix", [".pt", ".pth"])
def test_code_in_a_pickle_does_not_run(run: Run, tmp_path: Path, suffix: str):
    torch = pytest.importorskip("torch")
    target = tmp_path / "it-ran"
    plain, zipped = tmp_path / f"plain{suffix}", tmp_path / f"zipped{suffix}"
    plain.write_bytes(pickle.dumps(Payload(target)))
    torch.save({"0.weight": Payload(target)}, zipped)
    for path in (plain, zipped):
        fails(run, "count", path)
        assert not target.exists()
    pickle.loads(plain.read_bytes())
    assert target.exists(), "the payload works when somebody does unpickle it"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("(assert (>= X_0 0.0))\n(assert (<=", "truncated.vnnlib"),
        ("(declare-const X_0 Real)\n(assert (>= X_0 1.0))\n(assert (<= X_0 0.0))", "X_0"),
    ],
)
def test_bad_vnnlib(run: Run, cross: Path, tmp_path: Path, text: str, words: str):
    path = tmp_path / "truncated.vnnlib"
    path.write_text(text)
    assert "truncated.vnnlib" in fails(run, "count", cross, "--domain", f"vnnlib:{path}")


def test_empty_polytope(run: Run, cross: Path, tmp_path: Path):
    path = tmp_path / "empty.npz"
    np.savez(path, A=[[1.0, 1.0], [-1.0, -1.0]], b=[0.0, -1.0])
    assert "empty" in fails(run, "count", cross, "--domain", f"polytope:{path}")


def test_domain_of_another_dimension(run: Run, cross: Path, tmp_path: Path):
    path = tmp_path / "wide.npz"
    np.savez(path, A=np.ones((1, 3)), b=np.ones(1))
    assert "2" in fails(run, "count", cross, "--domain", f"polytope:{path}")


def test_multi_line_messages_become_one(run: Run, monkeypatch: pytest.MonkeyPatch, cross: Path):
    from regions import loading
    from regions.errors import ModelError, RegionsError
    from solvers.errors import SolversError

    def refuse(error: Exception) -> Callable[..., Any]:
        def load(*args: object, **options: object) -> Any:
            raise error

        return load

    for error, code in (
        (ModelError("a\nb"), 2),
        (RegionsError("a\n b"), 1),
        (SolversError("a b"), 1),
    ):
        monkeypatch.setattr(loading, "load", refuse(error))
        assert run("count", cross) == (code, "", "regions: a b\n")
