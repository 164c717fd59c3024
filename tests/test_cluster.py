"""A count on a Dask cluster, whose workers may die in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import regions
from regions.counting.cluster import connected

pytest.importorskip("distributed", reason="needs the extra 'cluster'")

SCHEDULER = """
import sys
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""


@pytest.fixture(scope="module")
def scheduler(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a local cluster of two processes."""
    script = tmp_path_factory.mktemp("cluster") / "cluster.py"
    script.write_text(SCHEDULER)
    process = subprocess.Popen(
        [sys.executable, str(script)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        cwd=root, env={**os.environ, "PYTHONPATH": str(root)},
    )  # fmt: skip
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.communicate(timeout=60)  # closes its input


@pytest.fixture(scope="module")
def network() -> regions.Network:
    rng = np.random.default_rng(3)
    first = rng.normal(size=(7, 2)), rng.normal(size=7)
    second = rng.normal(size=(7, 7)), rng.normal(size=7)
    return regions.Network.from_layers([first, second, (np.ones((1, 7)), [0])])


def test_a_cluster_counts_the_same(scheduler: str, network: regions.Network):
    with connected(scheduler) as (executor, threads):
        count = regions.count(network, engine="lp", workers=threads, executor=executor)
    assert threads == 2
    assert int(count) == int(regions.count(network))


def test_workers_of_a_cluster_may_die(scheduler: str, network: regions.Network):
    from distributed import Client

    with Client(scheduler, set_as_default=False) as client:
        victim = next(iter(client.run(os.getpid).values()))  # type: ignore[attr-defined]

    class Killing(Executor):
        """Kills the worker while it has something to do."""

        calls = 0

        def submit(self, fn: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
            self.calls += 1
            if self.calls <= 3:  # slices of no time, so that more are needed
                args = (*args[:2], 0.0)
            future = executor.submit(fn, *args, **options)
            if self.calls == 2:
                os.kill(victim, signal.SIGKILL)
            return future

    with connected(scheduler) as (executor, threads):
        killing = Killing()
        count = regions.count(network, engine="lp", workers=threads, executor=killing)
    assert killing.calls > 2
    assert int(count) == int(regions.count(network))


def test_a_scheduler_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch):
    from regions.counting import cluster

    monkeypatch.setattr(cluster, "PATIENCE", 0.5)
    with (
        pytest.raises(regions.InputError, match=r"127.0.0.1:9: no Dask scheduler.*dask scheduler"),
        connected("tcp://127.0.0.1:9"),
    ):
        pass


@pytest.mark.parametrize("address", ["nonsense://x", "", "127.0.0.1", "tcp://host", "host:port"])
def test_an_address_that_is_none_is_named(address: str, capfd: pytest.CaptureFixture[str]):
    with pytest.raises(regions.InputError, match=r"--scheduler"), connected(address):
        pass
    assert capfd.readouterr().err == ""
