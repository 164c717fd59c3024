"""What the figures were measured on, and how much memory this process has taken."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("relu-regions", "highspy", "numba", "numpy", "scipy", "python-flint", "torch")
PROCESS = Path("/proc/self")


def machine() -> dict[str, str]:
    """Processor, system, and the versions of the packages that matter."""
    found = {
        "cpu": _cpu(),
        "cores": str(os.cpu_count()),
        "load": _load(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _load() -> str:
    """Mean number of running processes in the last minute, before anything is measured."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def forget_peak() -> int | None:
    """Let the peak of resident memory start anew; bytes resident now.  None where it cannot."""
    try:
        (PROCESS / "clear_refs").write_text("5")
    except OSError:
        return None
    return _status("VmRSS")


def peak() -> int | None:
    """The most bytes resident at a time since `forget_peak`."""
    return _status("VmHWM")


def _status(name: str) -> int | None:
    try:
        lines = (PROCESS / "status").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024  # "VmHWM:     1234 kB"
    return None
