"""`Stoppable`: a backend whose solves end when somebody says so."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

from solvers.backend import Backend, Session
from solvers.options import SolveOptions

if TYPE_CHECKING:
    from solvers.program import LinearProgram


class Stoppable(Backend):
    """Another backend, with `SolveOptions.interrupt` in all of its sessions.

    Examples
    --------
    >>> from solvers.backend import get_backend
    >>> from solvers.program import LinearProgram
    >>> program = LinearProgram([-1, -1], [[1, 2]], [-1], [2], [0, 0], [1, 1])
    >>> backend = Stoppable(get_backend("highs"), lambda: True)
    >>> with backend.open(program, SolveOptions(presolve="off")) as session:
    ...     session.solve().status.name
    'STOPPED'
    """

    def __init__(self, backend: Backend, stop: Callable[[], bool]):
        self._backend = backend
        self._stop = stop

    @property
    def name(self) -> str:
        """That of the other backend."""
        return self._backend.name

    def open(self, program: LinearProgram, options: SolveOptions | None = None) -> Session:
        """A session of the other backend."""
        options = dataclasses.replace(options or SolveOptions(), interrupt=self._stop)
        return self._backend.open(program, options)

    def is_available(self) -> bool:
        """Whether the other backend is."""
        return self._backend.is_available()
