"""The recipe in docs/adding-a-backend.md: its backend runs, and answers as the others do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from solvers.backend import BACKENDS, get_backend
from solvers.crosschecked import CrossChecked
from solvers.errors import InvalidOption
from solvers.options import SolveOptions
from solvers.program import LinearProgram
from solvers.solution import Status

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "adding-a-backend.md"


@pytest.fixture(scope="module")
def backend() -> Any:
    """The backend of the document, after all of its code has run."""
    text = DOCUMENT.read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 3
    names: dict[str, Any] = {"__name__": "adding_a_backend"}
    for block in blocks:
        exec(compile(block, str(DOCUMENT), "exec"), names)
    return names["VerticesBackend"]()


def test_it_agrees_with_highs(backend: Any):
    seen = set()
    for seed in range(40):
        rng = np.random.default_rng(seed)
        m, n = int(rng.integers(0, 4)), int(rng.integers(1, 4))
        low = rng.standard_normal(m)
        program = LinearProgram(
            rng.standard_normal(n), rng.standard_normal((m, n)), low, low + rng.random(m),
            np.full(n, -1.0), np.full(n, 1.0),
        )  # fmt: skip
        with CrossChecked(backend, get_backend("highs")).open(program) as session:
            seen.add(session.solve().status)
    assert seen == {Status.OPTIMAL, Status.INFEASIBLE}


def test_it_keeps_the_recipe(backend: Any):
    program = LinearProgram([1], [[1]], [0], [1], [0], [1])
    with pytest.raises(InvalidOption):
        backend.open(program, SolveOptions(method="dual"))
    assert backend.open(program).solve(time_limit=-1.0).status is Status.STOPPED
    free = LinearProgram([1], [[1]], [0], [1], [-np.inf], [1])
    assert backend.open(free).solve().status is Status.FAILED


def test_the_steps_name_what_exists():
    text = DOCUMENT.read_text(encoding="utf-8")
    root = DOCUMENT.parent.parent
    for path in re.findall(r"`((?:solvers|tests)/[a-z_]+\.py)`", text):
        assert (root / path).is_file(), path
    assert "`BACKENDS`" in text and "EVERY" in (root / "tests/test_solvers_backends.py").read_text()
    steps = [int(n) for n in re.findall(r"^(\d)\. \*\*", text, re.MULTILINE)]
    assert steps == list(range(1, len(steps) + 1))


def test_extras_are_those_of_pyproject():
    import tomllib

    data = tomllib.loads((DOCUMENT.parent.parent / "pyproject.toml").read_text(encoding="utf-8"))
    extras = data["project"]["optional-dependencies"]
    for _, _, package, source in BACKENDS.values():
        if source.startswith("'relu-regions["):
            extra = source.removeprefix("'relu-regions[").removesuffix("]'")
            assert extras[extra][0].startswith(package)
            assert extra in extras["dev"][0]
        else:
            assert any(line.startswith(package) for line in data["project"]["dependencies"])
