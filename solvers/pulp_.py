"""CBC, the solver that PuLP brings along: another code than HiGHS, for comparison.

Each solve is cold: the program is written to a file, with all digits of its numbers (PuLP's own
writer keeps 13), and CBC's answer is read from one.  CBC prints 8 or 9 digits of it.
"""

from __future__ import annotations

import importlib.util
import math
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pulp.apis.coin_api import PULP_CBC_CMD

from solvers.backend import Backend, Session
from solvers.cold import ColdSession, without_answer
from solvers.errors import InvalidOption
from solvers.options import SolveOptions
from solvers.program import LinearProgram
from solvers.program_files import write_mps
from solvers.solution import Limit, Solution, Status, locked
from solvers.working import WorkingProgram

# The beginning of the first line of CBC's solution file.  What is not here is FAILED.
STATUSES: dict[str, tuple[Status, Limit | None]] = {
    "Optimal": (Status.OPTIMAL, None),
    "Infeasible": (Status.INFEASIBLE, None),
    "Integer infeasible": (Status.INFEASIBLE, None),
    "Unbounded": (Status.UNBOUNDED, None),
    "Stopped on time": (Status.STOPPED, Limit.TIME),
    "Stopped on iterations": (Status.STOPPED, Limit.ITERATIONS),
    "Stopped on nodes": (Status.STOPPED, Limit.SOLUTIONS),
    "Stopped on solutions": (Status.STOPPED, Limit.SOLUTIONS),
    "Stopped on ctrl-c": (Status.STOPPED, Limit.INTERRUPT),
    "Stopped on difficulties": (Status.FAILED, None),
}
_METHODS = {
    "choose": "-initialSolve",
    "simplex": "-dualSimplex",
    "primal": "-primalSimplex",
    "dual": "-dualSimplex",
    "interior": "-barrier",
}
_GRACE = 60.0  # seconds after the limit until CBC, which looks at its clock rarely, is ended


class PulpBackend(Backend):
    """CBC as PuLP installs it, or else the `cbc` on the path.

    Examples
    --------
    >>> inf = float("inf")
    >>> program = LinearProgram([-1, -1], [[1, 2]], [-inf], [2], [0, 0], [1, 1])
    >>> PulpBackend().open(program).solve().objective
    -1.5
    """

    @property
    def name(self) -> str:
        """The name by which users choose it."""
        return "pulp"

    def open(self, program: LinearProgram, options: SolveOptions | None = None) -> Session:
        """A cold session on `program`."""
        options = options or SolveOptions()
        if options.method not in _METHODS:
            raise InvalidOption(
                f"pulp has no method {options.method!r}; choose one of {', '.join(_METHODS)}"
            )
        if options.native:
            raise InvalidOption(
                f"pulp takes no options of CBC, got {', '.join(options.native)} "
                "(SolveOptions(native=...))"
            )
        return ColdSession(program, options, _solve)

    def is_available(self) -> bool:
        """Whether PuLP is installed, with a CBC that runs here."""
        return importlib.util.find_spec("pulp") is not None and cbc_path() is not None


def cbc_path() -> str | None:
    """Where the CBC is that PuLP brought along, or that is on the path; None if there is none."""
    own = str(PULP_CBC_CMD.pulp_cbc_path)
    return own if os.access(own, os.X_OK) else shutil.which("cbc")


def meaning(first_line: str) -> tuple[Status, Limit | None]:
    """What the first line of a solution file means; the longest known beginning counts.

    Examples
    --------
    >>> meaning("Stopped on time (no integer solution - continuous used)")[1].name
    'TIME'
    >>> meaning("Abandoned")[0].name
    'FAILED'
    """
    known = [start for start in STATUSES if first_line.startswith(start)]
    return STATUSES[max(known, key=len)] if known else (Status.FAILED, None)


def _solve(working: WorkingProgram, options: SolveOptions, limit: float | None) -> Solution:
    started = time.perf_counter()
    cbc = cbc_path()
    if cbc is None:
        return without_answer(Status.FAILED, "CBC: no program of that name runs here")
    is_mip = working.integer is not None and bool(working.integer.any())
    with tempfile.TemporaryDirectory(prefix="regions-cbc-") as folder:
        source, target = Path(folder, "program.mps"), Path(folder, "answer.txt")
        source.write_text(write_mps(working.snapshot()), encoding="ascii")
        command = [cbc, str(source), *_arguments(options, limit, is_mip), "-solution", str(target)]
        try:
            subprocess.run(
                command,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=None if limit is None else limit + _GRACE,
            )
            lines = target.read_text(encoding="utf-8", errors="replace").splitlines()
        except subprocess.TimeoutExpired:
            return _stopped("CBC: ended by force after the time limit", started)
        except OSError as error:  # it wrote no answer
            return without_answer(Status.FAILED, f"CBC: {error}", time.perf_counter() - started)
    return _read(working, lines, is_mip, time.perf_counter() - started)


def _arguments(options: SolveOptions, limit: float | None, is_mip: bool) -> list[str]:
    arguments = [
        "-primalTolerance", repr(options.feasibility_tol),
        "-dualTolerance", repr(options.optimality_tol),
        "-randomSeed", str(options.seed + 1), "-timeMode", "elapsed",
    ]  # fmt: skip
    if options.presolve != "choose":
        arguments += ["-presolve", options.presolve]
    if limit is not None:
        arguments += ["-sec", repr(float(limit))]
    if is_mip:
        arguments += ["-ratio", repr(options.mip_gap), "-allow", "0"]
        arguments += ["-randomCbcSeed", str(options.seed + 1)]
        arguments += ["-threads", str(options.threads), "-solve"]
    else:
        arguments.append(_METHODS[options.method])
    return [*arguments, "-printingOptions", "all"]


def _read(working: WorkingProgram, lines: Sequence[str], is_mip: bool, seconds: float) -> Solution:
    first = lines[0] if lines else "an empty answer"
    status, limit = meaning(first)
    x = y = d = objective = None
    bound = math.inf if status is Status.INFEASIBLE else -math.inf
    has_point = status is Status.OPTIMAL or (
        status is Status.STOPPED and is_mip and "no integer solution" not in first
    )
    if has_point:
        x, y = np.zeros(working.num_cols), np.zeros(working.num_rows)
        try:
            for line in lines[1:]:
                _, name, value, multiplier = line.replace("**", "").split()
                if name[0] == "c":
                    x[int(name[1:])] = float(value)
                else:
                    y[int(name[1:])] = float(multiplier)
        except (ValueError, IndexError):
            return without_answer(Status.FAILED, f"CBC: cannot read {line!r}", seconds)
        x = locked(x)
        objective = float(working.cost @ x)
        if status is Status.OPTIMAL:
            bound = objective
        if is_mip or status is not Status.OPTIMAL:
            y = None
        else:
            y, d = locked(y), locked(working.cost - working.matrix().T @ y)
    return Solution(status, limit, objective, bound, x, y, d, 0, seconds, f"CBC: {first.strip()}")


def _stopped(message: str, started: float) -> Solution:
    seconds = time.perf_counter() - started
    return Solution(
        Status.STOPPED, Limit.TIME, None, -math.inf, None, None, None, 0, seconds, message
    )
