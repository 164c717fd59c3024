"""`regions graph` and `regions path`: what they print, their files, JSON keys, and bad input."""

from __future__ import annotations

import json
from pathlib import Path

import networkx
import numpy as np
import pytest
from pyarrow import parquet

from regions.graph.adjacency import region_graph
from regions.graph.files import write_graph
from regions.graph.volumes import volumes
from regions.network import Network
from tests.cases import sawtooth
from tests.command_line import Run, one_json


@pytest.fixture
def folds(tmp_path: Path) -> Path:
    """A sawtooth of 4 pieces on (0, 1)."""
    path = tmp_path / "folds.npz"
    np.savez(
        path, W1=[[1.0], [1]], b1=[0, -0.5], W2=[[2.0, -4], [2, -4]], b2=[0, -0.5],
        W3=[[2.0, -4]], b3=[0.0],
    )  # fmt: skip
    return path


# -- graph -------------------------------------------------------------------------------------


def test_graph(run: Run, cross: Path):
    code, out, err = run("graph", cross, "--engine", "lp")
    assert (code, err) == (0, "")
    first, second, *rest = out.splitlines()
    assert first.startswith("cross.npz: 4 regions, 4 shared facets (exact) in ")
    assert second == "  domain box:-1,1, engine lp (asked for)"
    assert rest == ["  2 to 2 neighbours, 2 on average", "  diameter 2 steps", "  bipartite"]


def test_graph_json(run: Run, folds: Path):
    code, out, err = run("graph", folds, "--domain", "box:0,1", "--engine", "lp", "--json")
    assert (code, err) == (0, "")
    record = one_json(out)
    assert (record["nodes"], record["edges"], record["diameter"]) == (4, 3, 3)
    assert (record["bipartite"], record["exact"], record["components"]) == (True, True, 1)
    assert record["degree"] == {"min": 1, "max": 2, "mean": 1.5, "numbers": {"1": 2, "2": 2}}
    assert (record["lower"], record["upper"], record["stopped"]) == (4, 4, None)
    assert record["engine"] == "lp"


def test_graphml(run: Run, cross: Path, tmp_path: Path):
    target = tmp_path / "cross.graphml"
    code, out, _ = run("graph", cross, "--engine", "lp", "--output", target, "--maps", "--volumes")
    assert code == 0
    assert f"written to {target}" in out
    graph = networkx.read_graphml(target)
    assert networkx.is_isomorphic(graph, networkx.cycle_graph(4))
    assert json.loads(graph.nodes["10"]["weight"]) == [[1.0, 0.0]]
    assert json.loads(graph.nodes["10"]["bias"]) == [0.0]
    assert graph.nodes["11"]["volume"] == 1.0
    x, y = json.loads(graph.nodes["10"]["point"])
    assert x > 0 > y
    edge = graph.edges["10", "11"]
    assert (edge["bits"], edge["flipped"], edge["vanishing"]) == (1, "[[1,1]]", "[[1,1]]")
    assert graph.graph == {"domain": "box:-1,1", "complete": True, **graph.graph}


def test_parquet(run: Run, cross: Path, tmp_path: Path):
    target = tmp_path / "cross.parquet"
    assert run("graph", cross, "--engine", "lp", "--output", target)[0] == 0
    table = parquet.read_table(target).to_pydict()
    assert table["pattern"] == ["00", "01", "10", "11"]
    assert [json.loads(text) for text in table["neighbours"]] == [[1, 2], [0, 3], [0, 3], [1, 2]]
    assert json.loads(table["flipped"][0]) == [[[1, 1]], [[1, 0]]]
    assert "volume" not in table


def test_points_that_are_no_doubles_are_texts(tmp_path: Path):
    """A sliver between two thirds: its point is a fraction."""
    third = "0.333333333333333333333333333333"
    network = Network.from_layers([([[1], [1]], ["-1/3", f"-{third}"]), ([[1, 1]], [0])])
    graph = region_graph(network, engine="lp")
    assert graph.exact_points
    write_graph(tmp_path / "sliver.graphml", graph)
    made = networkx.read_graphml(tmp_path / "sliver.graphml")
    point = json.loads(made.nodes["01"]["point"])
    assert "/" in point[0]
    assert str(network.pattern(point)) == "01"


def test_a_limit_leaves_a_part_of_the_graph(run: Run, large: Path):
    code, out, err = run("graph", large, "--time-limit", "0", "--engine", "lp")
    assert (code, err) == (3, "")
    assert "incomplete, stopped: time limit" in out
    code, out, _ = run("graph", large, "--time-limit", "0", "--engine", "lp", "--json")
    record = one_json(out)
    assert (code, record["exact"], record["diameter"]) == (3, False, None)
    assert record["lower"] < record["upper"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--output", "graph.txt"], "writes GraphML or Parquet"),
        (["--output", "no/such/folder.graphml"], "a folder that can be written to"),
        (["--maps"], "needs --output too"),
        (["--engine", "fast"], "--engine fast: needs auto or"),
        (["--time-limit", "-1"], "--time-limit -1: needs seconds"),
        (["--layers", "3"], "truncate(3)"),
    ],
)
def test_bad_input_of_graph(run: Run, cross: Path, arguments: list[str], message: str):
    code, out, err = run("graph", cross, *arguments)
    assert (code, out) == (2, "")
    assert message in err


def test_volumes_sum_to_that_of_the_domain():
    from fractions import Fraction

    from regions.domain import Box, Slice, Space

    network = sawtooth(2, copies=2).build()
    sizes = volumes(region_graph(network, Box.cube(2, 0, 1), engine="lp"))
    assert sizes == (Fraction(1, 16),) * 16
    assert None in volumes(region_graph(network, Space(2), engine="lp"))
    plane = Slice([0, 0, 0], [1, 1, 0], [0, 0, 1]) & Box.cube(3, 0, 1)
    three = Network.from_layers([([[1, 0, 0], [1, 1, 2]], ["-1/3", -2]), ([[1, 1]], [0])])
    parts = volumes(region_graph(three, plane, engine="lp"))
    low, high = (sum(getattr(part, end) for part in parts) for end in ("low", "high"))
    assert low <= 2**0.5 <= high
    assert high - low < 1e-12


# -- path --------------------------------------------------------------------------------------


def test_straight_path(run: Run, folds: Path):
    arguments = ("path", folds, "@0", "@1", "--method", "straight", "--domain", "box:0,1")
    code, out, err = run(*arguments)
    assert (code, err) == (0, "")
    first, *rest = out.splitlines()
    assert first.startswith(
        "folds.npz: straight path of 3 steps: 3 bits flipped, Hamming distance 1 (exact) in "
    )
    assert rest == [
        "  domain segment:[0],[1]", "        10/10", "    +1  10/11", "    +1  11/11",
        "    +1  11/10",
    ]  # fmt: skip
    record = one_json(run(*arguments, "--json")[1])
    assert (record["hamming"], record["cumulative"], record["steps"]) == (1, 3, 3)
    assert record["patterns"] == ["10/10", "10/11", "11/11", "11/10"]
    assert record["breakpoints"] == ["1/4", "1/2", "3/4"]
    assert all(0 < point[0] < 1 for point in record["points"])


def test_shortest_path(run: Run, cross: Path, tmp_path: Path):
    file = tmp_path / "pattern.txt"
    file.write_text("11\n")
    arguments = ("path", cross, "-0.5,-.25", f"@{file}", "--method", "shortest")
    code, out, err = run(*arguments, "--count-paths", "--unit-steps")
    assert (code, err) == (0, "")
    assert "shortest path of 2 steps: 2 bits flipped, Hamming distance 2 (exact)" in out
    assert "shortest paths: 2" in out
    record = one_json(run(*arguments, "--json")[1])
    assert (record["hamming"], record["cumulative"], record["steps"]) == (2, 2, 2)
    assert (record["lower"], record["upper"], record["exact"]) == (2, 2, True)
    assert (record["start"], record["end"], len(record["points"])) == ("00", "11", 3)
    assert (record["unit_steps"], record["shortest_paths"]) == (True, None)


def test_no_unit_steps(run: Run, tmp_path: Path):
    path = tmp_path / "double.npz"
    np.savez(path, W1=[[1.0], [2]], b1=[0, 0], W2=[[1.0, 1]], b2=[0])
    code, out, _ = run("path", path, "00", "11", "--method", "shortest", "--unit-steps")
    assert code == 0
    assert "no path has steps of one bit only (proved)" in out


def test_what_digits_mean(run: Run, folds: Path):
    """Text of 0, 1, * and / alone is a pattern; @ makes it a point."""
    code, _, err = run("path", folds, "0", "@1", "--method", "shortest", "--domain", "box:0,1")
    assert code == 2
    assert "if it is a point, write @0\n" in err
    code, out, _ = run(
        "path", folds, "10/10", "@0.9", "--method", "shortest", "--domain", "box:0,1"
    )
    assert code == 0
    assert "3 bits flipped" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["1,1", "-1,2", "--method", "shortest"], "end is outside the domain box:-1,1"),
        (["1,1", "-1,2", "--method", "straight"], "the end is outside the domain box:-1,1"),
        (["1,1", "1,1", "--method", "straight"], "needs two different points"),
        (["1,1", "1", "--method", "straight"], "needs 2 bits"),
        (["1*", "11", "--method", "shortest"], "needs a full pattern"),
        (["1,1", "1,2", "--method", "geodesic"], "--method geodesic: needs shortest or straight"),
        (["1,1", "0,1", "--method", "straight", "--count-paths"], "need --method shortest"),
        (["1,1", "0,1,2", "--method", "straight"], "needs 2 coordinates"),
    ],
)
def test_bad_input_of_path(run: Run, cross: Path, arguments: list[str], message: str):
    code, out, err = run("path", cross, *arguments)
    assert (code, out) == (2, "")
    assert message in err
