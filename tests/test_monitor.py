"""`RegionMonitor`: counts during training, and a model that does not notice."""

from __future__ import annotations

import copy
import random
import runpy
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest

torch = pytest.importorskip("torch")
nn = torch.nn

import regions  # noqa: E402
from regions import monitor as monitoring  # noqa: E402
from regions.monitor import EpochCount, RegionMonitor  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent


def model_of(*widths: int, seed: int = 0) -> Any:
    torch.manual_seed(seed)
    layers: list[Any] = []
    for below, above in pairwise(widths[:-1]):
        layers += [nn.Linear(below, above), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1]))


def train(model: Any, monitor: RegionMonitor, epochs: int) -> None:
    """A training loop as anybody has it."""
    optimiser = torch.optim.SGD(model.parameters(), lr=0.5)
    x = torch.linspace(-1, 1, 32)[:, None].repeat(1, 2)
    monitor.step(model)
    for epoch in range(1, epochs + 1):
        optimiser.zero_grad()
        ((model(x)[:, 0] - x[:, 0].abs()) ** 2).mean().backward()
        optimiser.step()
        monitor(model, epoch)


def test_the_history_is_that_of_single_counts():
    model = model_of(2, 5, 1)
    monitor = RegionMonitor(engine="lp", time_limit=None)
    seen = []

    class Watch(RegionMonitor):
        def __call__(self, model: Any, epoch: int) -> EpochCount | None:
            seen.append(copy.deepcopy(model))
            return monitor(model, epoch)

    train(model, Watch(), 3)
    assert [record.epoch for record in monitor.history] == [0, 1, 2, 3]
    networks = [regions.load(each) for each in seen]
    counts = [int(regions.count(network, engine="lp")) for network in networks]
    assert [record.lower for record in monitor.history] == counts
    assert all(record.exact and record.stopped is None for record in monitor.history)
    assert [record.digest for record in monitor.history] == [each.digest for each in networks]
    assert len({record.digest for record in monitor.history}) == 4
    assert all(record.engine == "lp" and record.seconds > 0 for record in monitor.history)


def state_of(model: Any) -> list[Any]:
    """All that a training depends on."""
    return [
        [(name, value.detach().clone()) for name, value in model.state_dict().items()],
        [None if p.grad is None else p.grad.clone() for p in model.parameters()],
        [(p.requires_grad, p.data_ptr(), p.dtype) for p in model.parameters()],
        [(module.training, type(module)) for module in model.modules()],
        torch.get_rng_state(),
        repr(np.random.get_state()),
        random.getstate(),
        (torch.is_grad_enabled(), torch.get_default_dtype(), torch.get_num_threads()),
    ]


def same(first: Any, second: Any) -> bool:
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, (list, tuple)):
        return len(first) == len(second) and all(map(same, first, second))
    return first == second


def test_the_model_does_not_notice():
    """Batch norm and dropout in training mode, gradients, a frozen layer, random generators."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(2, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4, 3), nn.ReLU(),
        nn.Linear(3, 1),
    )  # fmt: skip
    model[4].requires_grad_(False)
    model[3].eval()
    model(torch.randn(8, 2)).sum().backward()
    loss = model(torch.randn(8, 2)).sum()  # a graph that is still open
    before = state_of(model)
    assert not same(before, [*before[:4], torch.zeros(3), *before[5:]]), "the comparison compares"
    monitor = RegionMonitor(engine="lp")
    assert monitor.step(model) is not None
    assert same(before, state_of(model))
    loss.backward()
    model[0].weight.data.zero_()
    assert not same(before[0], state_of(model)[0])


def test_training_goes_on_as_without_it():
    watched, alone = model_of(2, 4, 1), model_of(2, 4, 1)
    train(watched, RegionMonitor(engine="lp", time_limit=0), 4)
    train(alone, RegionMonitor(every=10**9, engine="lp", time_limit=0), 4)
    assert same(state_of(watched)[0], state_of(alone)[0])


def test_only_every_so_many_epochs():
    monitor = RegionMonitor(every=3, engine="lp")
    model = model_of(1, 2, 1)
    looked_at = [monitor(model, epoch) is not None for epoch in range(7)]
    assert looked_at == [True, False, False, True, False, False, True]
    assert monitor.step(model) is None  # 7
    assert monitor.step(model) is None  # 8
    last = monitor.step(model)
    assert last is not None and last.epoch == 9
    assert [record.epoch for record in monitor.history] == [0, 3, 6, 9]


def test_a_time_limit_leaves_bounds_no_higher_than_those_without_counting():
    model = model_of(8, 40, 4, 40, 1)
    monitor = RegionMonitor(regions.Box.cube(8, -3, 3), time_limit=0, engine="lp")
    record = monitor.step(model)
    assert record is not None
    network = regions.load(model)
    known = regions.bounds(network, regions.Box.cube(8, -3, 3))
    stopped = regions.count(network, regions.Box.cube(8, -3, 3), time_limit=0, engine="lp")
    assert (record.exact, record.stopped) == (False, "time limit")
    assert known.own > known.best, "the case is one where the cleverer bounds help"
    assert stopped.upper == known.best
    assert (record.lower, record.upper) == (stopped.lower, known.best)


def test_domain_and_layers_are_those_asked_for():
    model = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0], [1.0]]))
        model[0].bias.copy_(torch.tensor([0.0, -2.0]))
        model[2].weight.copy_(torch.tensor([[1.0, 0.0], [1.0, 0.0]]))
        model[2].bias.copy_(torch.tensor([-0.5, -3.0]))
    where = regions.Box.cube(1, -1, 4)
    for domain, layers, expected in ((None, None, 3), (where, None, 5), (where, 1, 3)):
        record = RegionMonitor(domain, layers=layers, engine="lp").step(model)
        assert record is not None
        assert (record.lower, record.upper) == (expected, expected)


def test_a_network_is_taken_too():
    network = regions.Network.from_layers([([[1], [2]], [0, 1]), ([[1, 1]], [0])])
    record = RegionMonitor(engine="lp").step(network)
    assert record is not None and record.lower == 3


def test_the_history_as_columns_and_as_parquet(tmp_path: Path):
    monitor = RegionMonitor(time_limit=0, engine="lp")
    assert monitor.table()["epoch"] == []
    monitor(model_of(1, 3, 1), 4)
    monitor(model_of(30, 90, 90, 1), 5)
    table = monitor.table()
    assert list(table) == [
        "epoch", "lower", "upper", "exact", "stopped", "engine", "seconds", "digest"
    ]  # fmt: skip
    assert table["epoch"] == [4, 5]
    assert table["upper"][1] == monitor.history[1].upper > 2**63
    monitor.to_parquet(tmp_path / "history.parquet")
    rows = pyarrow.parquet.read_table(tmp_path / "history.parquet").to_pylist()
    assert [row["epoch"] for row in rows] == [4, 5]
    assert rows[1]["upper"] is None
    assert [int(row["upper_digits"]) for row in rows] == table["upper"]
    assert [row["lower"] for row in rows] == table["lower"]
    assert [row["seconds"] for row in rows] == table["seconds"]
    with pytest.raises(regions.InputError, match=r"to_parquet\(\): .*ends in \.parquet"):
        monitor.to_parquet(tmp_path / "history.csv")


def test_an_empty_history_can_be_written(tmp_path: Path):
    RegionMonitor().to_parquet(tmp_path / "none.parquet")
    assert pyarrow.parquet.read_table(tmp_path / "none.parquet").num_rows == 0


def test_a_layer_that_is_not_piecewise_linear_is_an_error():
    model = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 1))
    monitor = RegionMonitor()
    with pytest.raises(regions.UnsupportedLayer, match="Sigmoid"):
        monitor.step(model)
    assert monitor.history == ()


def test_a_model_that_cannot_be_read_may_be_a_warning():
    model = model_of(1, 2, 1)
    monitor = RegionMonitor(strict=False, engine="lp")
    with torch.no_grad():
        model[0].weight[0, 0] = float("nan")
    with pytest.warns(UserWarning, match="epoch 0 is not counted: "):
        assert monitor.step(model) is None
    with torch.no_grad():
        model[0].weight[0, 0] = 1.0
    record = monitor.step(model)
    assert record is not None and monitor.history == (record,)
    assert record.epoch == 1


def test_ctrl_c_ends_the_training_and_not_the_count_alone(monkeypatch: pytest.MonkeyPatch):
    interrupted = regions.Count(1, 2, stopped="interrupted", engine="lp")
    monkeypatch.setattr(monitoring, "count", lambda *args, **options: interrupted)
    monitor = RegionMonitor()
    with pytest.raises(KeyboardInterrupt):
        monitor.step(regions.Network.from_layers([([[1]], [0]), ([[1]], [0])]))
    (record,) = monitor.history
    assert (record.lower, record.upper, record.stopped) == (1, 2, "interrupted")


def test_records_cannot_be_changed():
    record = RegionMonitor(engine="lp").step(model_of(1, 2, 1))
    with pytest.raises(AttributeError):
        record.lower = 0  # type: ignore[union-attr, misc]


anything: Any = RegionMonitor  # for arguments of the wrong type


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: anything("box:-1,1"), regions.DomainError, "needs a Domain or None, got str"),
        (lambda: anything(every=0), regions.InputError, "every needs a whole number, 1 or more"),
        (lambda: anything(every=True), regions.InputError, "every needs a whole number"),
        (lambda: anything(time_limit=-1), regions.InputError, "needs seconds >= 0 or None"),
        (lambda: anything(time_limit="2"), regions.InputError, "needs seconds >= 0 or None"),
        (lambda: anything(engine="fast"), regions.InputError, "no engine 'fast'; choose one of"),
        (lambda: anything()(None, 0.5), regions.InputError, "epoch needs a whole number, got 0.5"),
        (lambda: anything().step(3), regions.ModelError, "got int"),
        (lambda: anything(layers=2).step(model_of(1, 2, 1)), regions.InputError, "1 ReLU layers"),
        (
            lambda: anything(regions.Box.cube(3, -1, 1)).step(model_of(1, 2, 1)),
            regions.DomainError,
            "dimension 3",
        ),
    ],
)
def test_bad_arguments(call: Any, kind: type[Exception], words: str):
    with pytest.raises(kind, match=words):
        call()


def test_the_example_runs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    pytest.importorskip("sklearn", reason="the example trains on scikit-learn's moons")
    target = tmp_path / "history.parquet"
    arguments = ["monitor_moons.py", "--epochs", "2", "--every", "1", "--width", "3"]
    monkeypatch.setattr(sys, "argv", [*arguments, "--parquet", str(target)])
    threads, rng = torch.get_num_threads(), torch.get_rng_state()
    try:
        runpy.run_path(str(ROOT / "examples" / "monitor_moons.py"), run_name="__main__")
    finally:
        torch.set_num_threads(threads)
        torch.set_rng_state(rng)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["epoch", "0", "1", "2"]
    assert pyarrow.parquet.read_table(target).num_rows == 3
