"""`SolveOptions`: how to solve; typed, checked, the same for every backend."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from solvers.errors import InvalidOption, did_you_mean

METHODS = ("choose", "simplex", "primal", "dual", "interior", "pdlp")
PRESOLVE = ("choose", "on", "off")


@dataclass(frozen=True)
class SolveOptions:
    """Controls of a session.  Tolerances are absolute, as the backends understand them.

    Attributes
    ----------
    time_limit
        Seconds that one `Session.solve` may take; None is no limit.
    feasibility_tol, optimality_tol
        What a bound or a reduced cost may be violated by (float answers only propose).
    method
        "choose", "simplex" (primal or dual, as the basis suggests), "primal", "dual",
        "interior" or "pdlp".
    presolve
        "choose", "on" or "off".
    threads, seed
        Threads of one solve and the seed of its random choices.
    mip_gap
        Relative gap at which an integer program counts as optimal.
    native
        Options of the backend by its own names; a name that it does not know is an error.
    interrupt
        Asked now and then during a solve: true ends it, as STOPPED.  HiGHS asks at every iteration
        and node, the other backends only before they begin.

    Raises
    ------
    InvalidOption
        For a value outside of the above.

    Examples
    --------
    >>> SolveOptions(method="dual", time_limit=2).method
    'dual'
    >>> SolveOptions(presolve="of")
    Traceback (most recent call last):
        ...
    solvers.errors.InvalidOption: SolveOptions: presolve has no value 'of'; did you mean 'off'?
    """

    time_limit: float | None = None
    feasibility_tol: float = 1e-7
    optimality_tol: float = 1e-7
    method: str = "choose"
    presolve: str = "choose"
    threads: int = 1
    seed: int = 0
    mip_gap: float = 0.0
    native: Mapping[str, bool | int | float | str] = field(default_factory=dict)
    interrupt: Callable[[], bool] | None = field(default=None, compare=False)

    def __post_init__(self):
        for name, known in (("method", METHODS), ("presolve", PRESOLVE)):
            value = getattr(self, name)
            if value not in known:
                hint = did_you_mean(str(value), known)
                raise InvalidOption(f"SolveOptions: {name} has no value {value!r}; {hint}")
        if self.time_limit is not None:
            self._check("time_limit", 0, math.inf, "seconds >= 0, or None")
        # 1e-10 and 1e-2 are the limits of HiGHS and wide enough for anything sensible.
        self._check("feasibility_tol", 1e-10, 1e-2, "a number in [1e-10, 1e-2]")
        self._check("optimality_tol", 1e-10, 1e-2, "a number in [1e-10, 1e-2]")
        self._check("mip_gap", 0, math.inf, "a number >= 0")
        self._check("threads", 1, 10**6, "a whole number >= 1", whole=True)
        self._check("seed", 0, 2**31 - 1, "a whole number in [0, 2**31)", whole=True)
        object.__setattr__(self, "native", MappingProxyType(dict(self.native)))

    def _check(self, name: str, low: float, high: float, needs: str, whole: bool = False) -> None:
        value = getattr(self, name)
        kinds = int if whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
            raise InvalidOption(f"SolveOptions: {name} needs {needs}, got {value!r}")
