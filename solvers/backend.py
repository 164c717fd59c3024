"""The contract of a backend, and the registry that finds one by name."""

from __future__ import annotations

import importlib
import importlib.util
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Self

from solvers.errors import BackendMissing, InvalidOption, did_you_mean, pip_install

if TYPE_CHECKING:
    import numpy as np
    import scipy.sparse as sp
    from numpy.typing import ArrayLike

    from solvers.options import SolveOptions
    from solvers.program import LinearProgram
    from solvers.solution import Basis, Solution

# name -> (module, class, package that it needs, what installs that package)
BACKENDS = {
    "highs": ("solvers.highs", "HighsBackend", "highspy", "highspy"),
    "scipy": ("solvers.scipy_", "ScipyBackend", "scipy", "scipy"),
    "cvxpy": ("solvers.cvxpy_", "CvxpyBackend", "cvxpy", "'relu-regions[cvxpy]'"),
    "pulp": ("solvers.pulp_", "PulpBackend", "pulp", "'relu-regions[pulp]'"),
}


class Session(ABC):
    """One linear program under change, solved again after each change.

    The only mutable thing in `solvers`; a context manager.  Every change that does not fit raises
    `InvalidProgram` and leaves the program as it was.
    """

    @abstractmethod
    def solve(self, time_limit: float | None = None) -> Solution:
        """Solve as it stands; `time_limit` in seconds takes the place of the options' one."""

    @abstractmethod
    def set_cost(self, cost: ArrayLike) -> None:
        """Replace all costs, shape (n,)."""

    @abstractmethod
    def set_row(self, i: int, lower: float, upper: float) -> None:
        """Replace the bounds of row i."""

    @abstractmethod
    def set_col(self, j: int, lower: float, upper: float) -> None:
        """Replace the bounds of column j."""

    @abstractmethod
    def set_cols(self, lower: ArrayLike, upper: ArrayLike) -> None:
        """Replace the bounds of all columns, shapes (n,)."""

    @abstractmethod
    def add_rows(
        self, matrix: ArrayLike | sp.spmatrix | sp.sparray, lower: ArrayLike, upper: ArrayLike
    ) -> None:
        """Append k rows: (k, n) dense or sparse, with bounds of shape (k,)."""

    @abstractmethod
    def delete_rows(self, start: int, stop: int) -> None:
        """Remove rows start, ..., stop - 1; later rows move up."""

    @abstractmethod
    def basis(self) -> Basis | None:
        """The basis of the last solve, or None when there is none."""

    @abstractmethod
    def set_basis(self, basis: Basis | None) -> None:
        """Start the next solve from `basis`; None forgets everything and starts cold."""

    @abstractmethod
    def dual_ray(self) -> np.ndarray | None:
        """(m,) multipliers y of a claimed infeasibility, signed as in `Solution`, or None.

        Σ y⁺L - y⁻U > max {yᵀ M x : l <= x <= u}: no x satisfies the rows.  None, too, when a row
        or column contradicts itself (lower > upper), and for most integer programs.
        """

    @abstractmethod
    def primal_ray(self) -> np.ndarray | None:
        """(n,) direction along which the cost falls for ever, or None."""

    @property
    @abstractmethod
    def num_rows(self) -> int:
        """Number of rows now."""

    @property
    @abstractmethod
    def program(self) -> LinearProgram:
        """A snapshot of the program as it stands; it costs a copy."""

    @abstractmethod
    def close(self) -> None:
        """Free the backend's memory; the session cannot be used afterwards."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class Backend(ABC):
    """Something that solves linear programs."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The name by which users choose it."""

    @abstractmethod
    def open(self, program: LinearProgram, options: SolveOptions | None = None) -> Session:
        """A session on `program`.

        Raises
        ------
        InvalidProgram
            When the backend rejects the numbers.
        InvalidOption
            When it does not know an option.
        """

    @abstractmethod
    def is_available(self) -> bool:
        """Whether its packages are installed."""


def get_backend(name: str) -> Backend:
    """The backend of that name; its package is imported now and not before.

    Raises
    ------
    InvalidOption
        For an unknown name.
    BackendMissing
        When its package is not installed.

    Examples
    --------
    >>> get_backend("highs").name
    'highs'
    >>> get_backend("hihgs")
    Traceback (most recent call last):
        ...
    solvers.errors.InvalidOption: get_backend(): no backend 'hihgs'; did you mean 'highs'?
    """
    if name not in BACKENDS:
        hint = did_you_mean(name, BACKENDS)
        raise InvalidOption(f"get_backend(): no backend {name!r}; {hint}")
    module, class_name, package, source = BACKENDS[name]
    if importlib.util.find_spec(package) is None:
        raise BackendMissing(
            f"get_backend(): backend {name!r} needs the package {package}, which is not "
            f"installed; run: {pip_install(source)}"
        )
    return getattr(importlib.import_module(module), class_name)()
