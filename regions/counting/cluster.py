"""A Dask cluster as an executor: `connected`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from regions.errors import InputError, first_line
from solvers.errors import pip_install

PATIENCE = 10.0  # seconds for a scheduler to answer


@contextmanager
def connected(address: str) -> Iterator[tuple[Executor, int]]:
    """An executor on the cluster of a scheduler, and how many threads its workers have.

    The workers need this package, in the same version.

    Raises
    ------
    InputError
        If Dask is not installed, nothing answers at the address, or no worker is connected to it.
    """
    try:
        from distributed import Client
    except ImportError as error:
        command = pip_install("'relu-regions[cluster]'")
        raise InputError(f"--scheduler {address}: needs Dask; {command}") from error
    try:
        if urlsplit(address if "://" in address else f"tcp://{address}").port is None:
            raise ValueError("it has no port number")  # Dask complains later, and at length
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(
            f"--scheduler {address}: no Dask scheduler answers ({first_line(error)}); start one "
            "with 'dask scheduler', or correct the address, as in tcp://host:8786"
        ) from error
    with client:
        threads = sum(dict(client.nthreads()).values())  # type: ignore[call-overload]
        if not threads:
            raise InputError(
                f"--scheduler {address}: has no workers; start some with 'dask worker {address}'"
            )
        yield _Cluster(client.get_executor(pure=False)), threads


class _Cluster(Executor):
    """Dask's executor; a task whose workers died fails as those of other executors do."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def submit(self, fn: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        from distributed.scheduler import KilledWorker

        outer: Future[Any] = Future()

        def hand_over(inner: Future[Any]) -> None:
            error = None if inner.cancelled() else inner.exception()
            if inner.cancelled() or isinstance(error, KilledWorker):
                outer.set_exception(BrokenExecutor(first_line(error or "a task was cancelled")))
            elif error is not None:
                outer.set_exception(error)
            else:
                outer.set_result(inner.result())

        self._executor.submit(fn, *args, **options).add_done_callback(hand_over)
        return outer

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._executor.shutdown(wait=wait, cancel_futures=cancel_futures)
