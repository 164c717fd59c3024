"""Local complexity: known numbers, monotone in the radius, and its command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import regions
from regions import ComplexityMonitor, local_complexity
from tests import oracle
from tests.command_line import Run, one_json
from tests.test_complexes import random_network, units_of


def test_the_sawtooth_near_a_point():
    # breakpoints at k/8: from 3/8 outwards, one more on either side every 1/8
    layers = [([[1], [1]], [0, "-1/2"])]
    layers += [([[2, -4], [2, -4]], [0, "-1/2"])] * 2
    network = regions.Network.from_layers([*layers, ([[2, -4]], [0])])
    found = local_complexity(network, [["3/8"], ["5/16"]], ["1/32", "3/32", "1/8", "3/16"])
    assert [[int(n) for n in row] for row in found.counts] == [[2, 2, 2, 4], [1, 3, 3, 3]]


@pytest.mark.parametrize("seed", range(3))
def test_numbers_are_those_of_the_oracle_and_grow(seed: int):
    network = random_network(seed, (2, 4, 3, 1))
    radii = (0.125, 0.5, 2.0)
    found = local_complexity(network, [[0.25, -0.5]], radii, engine="lp")
    numbers = [int(n) for n in found.counts[0]]
    for radius, number in zip(radii, numbers, strict=True):
        ball = [
            ([sign * (k == axis) for k in range(2)], sign * center + radius)
            for axis, center in enumerate((0.25, -0.5))
            for sign in (1, -1)
        ]
        assert number == len(oracle.regions(units_of(network), ball, 2))
    assert numbers == sorted(numbers) and numbers[-1] > numbers[0]


def test_a_domain_cuts_the_ball():
    network = regions.Network.from_layers([([[1, 0], [0, 1]], [0, 0]), ([[1, 1]], [0])])
    whole = local_complexity(network, [[0, 0]], [1])
    half = local_complexity(network, [[0, 0]], [1], domain=regions.Box([0, -5], [5, 5]))
    assert (int(whole.counts[0][0]), int(half.counts[0][0])) == (4, 2)


def test_planes_are_the_same_for_every_point_and_seed():
    network = random_network(4, (6, 8, 8, 1))
    points = [[0] * 6, [0.5] * 6]
    one = local_complexity(network, points, [0.5, 1], plane_seed=3)
    two = local_complexity(network, points, [0.5, 1], plane_seed=3)
    other = local_complexity(network, points, [0.5, 1], plane_seed=4)
    numbers = [[[int(n) for n in row] for row in found.counts] for found in (one, two, other)]
    assert numbers[0] == numbers[1] != numbers[2]
    alone = local_complexity(network, points[1:], [1], plane_seed=3)
    assert int(alone.counts[0][0]) == numbers[0][1][1]
    whole = local_complexity(network, points[:1], [0.5])
    assert int(whole.counts[0][0]) >= numbers[0][0][0]


def test_a_plane_of_two_inputs_is_the_whole_ball():
    network = random_network(1, (2, 5, 4, 1))
    ball = local_complexity(network, [[0, 0]], [0.5], engine="lp")
    plane = local_complexity(network, [[0, 0]], [0.5], plane_seed=9, engine="lp")
    assert int(ball.counts[0][0]) == int(plane.counts[0][0])


def test_a_training_run(tmp_path: Path):
    pq = pytest.importorskip("pyarrow.parquet")
    monitor = ComplexityMonitor([[0, 0], [1, 1]], ["1/2", 1], every=2, engine="lp")
    for epoch in range(4):
        answer = monitor(random_network(epoch, (2, 3, 1)), epoch)
        assert (answer is None) == bool(epoch % 2)
    table = monitor.table()
    assert table["epoch"] == [0] * 4 + [2] * 4
    assert table["point"] == [0, 0, 1, 1] * 2 and table["radius"] == [0.5, 1.0] * 4
    monitor.to_parquet(tmp_path / "run.parquet")
    read = pq.read_table(tmp_path / "run.parquet").to_pydict()
    assert read["lower"] == table["lower"] and read["epoch"] == table["epoch"]
    assert [epoch for epoch, _ in monitor.history] == [0, 2]


@pytest.mark.parametrize(
    ("points", "radii", "message"),
    [
        ([], [1], "at least one point"),
        ([[0, 0]], [], "at least one point and one radius"),
        ([[0, 0]], [0], "radii above 0, got 0"),
        ([[0, 0]], ["-0.5"], "radii above 0"),
        ([[0, 0, 0]], [1], "the network has 2 inputs, a point 3"),
        ([[0, float("nan")]], [1], "a point"),
    ],
)
def test_bad_input(points: list, radii: list, message: str):
    with pytest.raises(regions.InputError, match=message):
        local_complexity(random_network(0, (2, 3, 1)), points, radii)


def test_bad_monitors():
    with pytest.raises(regions.InputError, match="every needs a whole number"):
        ComplexityMonitor([[0]], [1], every=0)
    with pytest.raises(regions.InputError, match="a plane needs a network with two inputs"):
        local_complexity(random_network(0, (1, 3, 1)), [[0]], [1], plane_seed=0)
    with pytest.raises(regions.InputError, match="epoch needs a whole number"):
        ComplexityMonitor([[0]], [1])(random_network(0, (1, 2, 1)), 1.5)  # type: ignore[arg-type]


# -- the command ---------------------------------------------------------------------------------


def test_the_command(run: Run, cross: Path):
    code, out, err = run("complexity", cross, "--at", "0,0", "--at", "-1,.25", "--radius", ".5,1.5")
    assert (code, err) == (0, "")
    assert [line.split() for line in out.splitlines()] == [
        ["radius", ".5", "1.5"], ["0,0", "4", "4"], ["-1,.25", "2", "4"]
    ]  # fmt: skip


def test_the_command_as_json(run: Run, cross: Path, tmp_path: Path):
    table = tmp_path / "t.parquet"
    np.save(tmp_path / "p.npy", np.array([1.0, 1.0]))
    code, out, _ = run(
        "complexity", cross, "--at", f"@{tmp_path / 'p.npy'}", "--radius", "0.5", "--radius", "2",
        "--plane", "--json", "--output", table,
    )  # fmt: skip
    record = one_json(out)
    assert code == 0 and record["exact"] and record["plane_seed"] == 0
    assert [[n["lower"] for n in row] for row in record["counts"]] == [[1, 4]]
    assert record["radii"] == [0.5, 2.0] and record["points"] == [["1", "1"]]
    assert table.is_file()


def test_a_limit_leaves_bounds(run: Run, large: Path):
    code, out, _ = run(
        "complexity", large, "--at", "0,0,0,0,0,0,0,0", "--radius", "1", "--time-limit", "0.2",
        "--engine", "lp", "--json",
    )  # fmt: skip
    number = one_json(out)["counts"][0][0]
    assert code == 3 and number["lower"] < number["upper"] and not number["exact"]


def test_curves_are_drawn(run: Run, cross: Path, tmp_path: Path):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "c.svg"
    code, _, _ = run("complexity", cross, "--at", "0,0", "--radius", "1,2", "--output", picture)
    assert code == 0 and "<svg" in picture.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--at", "0,0,0", "--radius", "1"], "needs 2 coordinates"),
        (["--at", "0,0", "--radius", "0"], "radii above 0"),
        (["--at", "0,0", "--radius", "x"], "a radius"),
        (["--at", "0,0", "--radius", "1", "--output", "c.txt"], "ends in .parquet or"),
        (["--at", "0,0", "--radius", "1", "--layers", "2"], "has 1 ReLU layers"),
        (["--at", "0,0", "--radius", "1", "--time-limit", "-1"], "0 or more"),
        (["--at", "9,9", "--radius", "1", "--domain", "box:-1,1"], "is empty"),
    ],
)
def test_bad_commands(options: list[str], message: str, run: Run, cross: Path):
    code, out, err = run("complexity", cross, *options)
    assert (code, out) == (2, "") and message in err
