"""Fixtures of the tests of the command line: a run in this process, and models to run it on."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regions.cli.main import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process: exit code, standard output, standard error."""

    def call(*args: object) -> tuple[int, str, str]:
        code = main([str(arg) for arg in args])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


@pytest.fixture
def cross(tmp_path: Path) -> Path:
    """Two units on two inputs, x and y: four regions; one unit is zero at (0, y)."""
    path = tmp_path / "cross.npz"
    np.savez(path, W1=np.eye(2), b1=np.zeros(2), W2=np.ones((1, 2)), b2=np.zeros(1))
    return path


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """More regions than anybody counts in a second."""
    rng = np.random.default_rng(0)
    widths = (8, 60, 60, 60, 1)
    arrays = {}
    for k, (below, above) in enumerate(pairwise(widths), start=1):
        arrays[f"W{k}"] = rng.standard_normal((above, below))
        arrays[f"b{k}"] = rng.standard_normal(above)
    path = tmp_path / "large.npz"
    np.savez(path, **arrays)
    return path


def one_json(out: str) -> dict[str, Any]:
    assert out.count("\n") == 1
    record = json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert record["schema"] == 1
    return record
