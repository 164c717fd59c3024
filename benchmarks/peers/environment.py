"""The peers' environment: `.venv-peers`, never the project's own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / ".venv-peers"
CONSTRAINTS = Path(__file__).resolve().parents[1] / "peers-constraints.txt"
PEERS = ("regioncam", "affinitree", "relucent")
ALSO = ("torch",)  # relucent and affinitree read PyTorch's modules


def python(home: Path = HOME) -> Path:
    """The interpreter of the environment, which need not exist."""
    return home / "bin" / "python"


def install(flags: list[str]) -> dict[str, str]:
    """Install each peer by itself with the pinned versions; pip's last words on those that fail."""
    if not python().is_file():
        subprocess.run([sys.executable, "-m", "venv", str(HOME)], check=True)
    failed = {}
    for package in (*ALSO, *PEERS):
        done = subprocess.run(
            [
                str(python()), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                *flags, "-c", str(CONSTRAINTS), package,
            ],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            failed[package] = (lines or done.stderr.splitlines() or ["pip failed"])[-1]
    return failed
