"""How much memory a count takes: what stands in main memory, of this process and its workers."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from numbers import Real
from pathlib import Path

from regions.errors import InputError

MEGABYTE = 10**6
LOOK_SECONDS = 0.1  # between two looks, which take some 20 microseconds


@dataclass(slots=True)
class MemoryLimit:
    """A number of bytes that a count should not exceed; once exceeded, it stays so."""

    most: int
    is_exceeded: bool = False
    _last: float = 0.0

    @staticmethod
    def of(verb: str, megabytes: float | None) -> MemoryLimit | None:
        """The limit in megabytes of 10^6 bytes, None where there is none.

        Raises
        ------
        InputError
            If it is no positive number, or this system does not say what a process takes.
        """
        if megabytes is None:
            return None
        if isinstance(megabytes, bool) or not (isinstance(megabytes, Real) and megabytes > 0):
            raise InputError(
                f"{verb}(): memory_limit needs megabytes, more than 0, or None, got {megabytes!r}"
            )
        try:
            resident()
        except ImportError as error:
            raise InputError(
                f"{verb}(): this system does not say how much memory a process takes; leave out "
                "memory_limit"
            ) from error
        return MemoryLimit(sys.maxsize if megabytes >= 1e12 else int(megabytes * MEGABYTE))

    def look(self) -> bool:
        """Whether the limit was exceeded when it was last looked at, a moment ago at most."""
        now = time.monotonic()
        if not self.is_exceeded and now - self._last >= LOOK_SECONDS:
            self._last = now
            self.is_exceeded = resident() > self.most
        return self.is_exceeded


def resident() -> int:
    """Bytes in main memory of this process and of the processes that it has at work.

    Pages that they share count for each.  Without /proc (not Linux): the most that this process
    alone has had so far.  Without that (Windows): an ImportError.
    """
    from multiprocessing import active_children

    total = _of_process(os.getpid())
    if total is None:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    return total + sum(_of_process(child.pid) or 0 for child in active_children())


def _of_process(number: int | None) -> int | None:
    with suppress(OSError, ValueError, IndexError):  # it has ended
        pages = Path(f"/proc/{number}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    return None
