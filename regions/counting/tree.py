"""The search that all engines share: a tree of cells, with bounds that hold whenever it stops.

A node is a cell in which the bits of the earlier layers, and some of the current layer, are known;
it has a point of its own, so it contains at least one region, and a bound of how many it may
contain.  Hence, at any time,

    found + open nodes <= number of regions <= found + Σ bounds of the open nodes.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from regions.counting.memory import MemoryLimit
from regions.errors import RegionsError
from regions.results import Progress
from solvers.exact_simplex import Stopped

REPORT_SECONDS = 0.1


class Node(Protocol):
    """What the search needs to know of an open node."""

    @property
    def bound(self) -> int:
        """At most so many regions lie in the node."""
        ...

    @property
    def layer(self) -> int:
        """The layer whose units are being decided, from 1."""
        ...

    @property
    def depth(self) -> int:
        """Number of splits above the node."""
        ...


N = TypeVar("N", bound=Node)
# Told how far a search is, and a function that returns its open nodes.
Report = Callable[[Progress, Callable[[], Sequence[Any]]], None]


@dataclass(frozen=True)
class Expansion(Generic[N]):
    """What became of a node: regions found, and the nodes that are left of it."""

    regions: int
    children: Sequence[N] = ()


@dataclass(frozen=True)
class Outcome:
    """Bounds at the end of a search, and what ended it (None: nothing was left)."""

    lower: int
    upper: int
    stopped: str | None
    nodes: int
    seconds: float
    left: tuple[Any, ...] | None = ()  # the open nodes; None where the root was not reached
    error: RegionsError | None = None  # what went wrong beside the count, and ended it


@dataclass(slots=True)
class Stop:
    """Why a search has to stop, polled between linear programs."""

    deadline: float | None
    interrupted: bool = False
    outer: Stop | None = None  # of the search that this one is a part of
    grace: int = 0  # so many looks find the deadline not yet reached
    memory: MemoryLimit | None = None

    def reason(self) -> str | None:
        """None to go on."""
        if self.interrupted:
            return "interrupted"
        if self.memory is not None and self.memory.look():
            return "memory limit"
        if self.outer is not None and (reason := self.outer.reason()) is not None:
            return reason
        if self.deadline is not None and time.monotonic() >= self.deadline:
            if self.grace > 0:
                self.grace -= 1
                return None
            return "time limit"
        return None

    def __call__(self) -> bool:
        """Whether to stop now."""
        return self.reason() is not None

    def seconds_left(self) -> float | None:
        """Seconds to the deadline, None without one."""
        return None if self.deadline is None else max(self.deadline - time.monotonic(), 0.0)


@contextmanager
def interruptible(stop: Stop) -> Iterator[None]:
    """Let the first Ctrl-C end the search in good order; a second one raises as usual.

    So does SIGTERM where it means the same (its handler is that of Ctrl-C), whether Ctrl-C is
    heard or not: shells let their background jobs ignore it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous: dict[int, Any] = {}

    def on_signal(number: int, frame: object) -> None:
        stop.interrupted = True
        restore()

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)

    if callable(handler := signal.getsignal(signal.SIGINT)):  # else ignored, or not Python's
        previous[signal.SIGINT] = handler
    if (handler := signal.getsignal(signal.SIGTERM)) is signal.default_int_handler:
        previous[signal.SIGTERM] = handler
    for number in previous:
        signal.signal(number, on_signal)
    try:
        yield
    finally:
        restore()


def search(
    root: Callable[[], Expansion[N]],
    expand: Callable[[N], Expansion[N]],
    limit: int,
    stop: Stop,
    report: Report | None,
) -> Outcome:
    """Walk the tree depth first until nothing is open or `stop` says so.

    `root` and `expand` may raise `Stopped`; their node then stays open.  `limit` is a bound known
    beforehand.  The upper bound that is reported never rises.
    """
    start = last = time.monotonic()
    try:
        first = root()
    except Stopped:
        return Outcome(1, max(limit, 1), stop.reason(), 0, time.monotonic() - start, None)
    found, nodes = first.regions, 0
    stack = list(first.children)
    pending = sum(node.bound for node in stack)
    upper = min(limit, found + pending)
    reason: str | None = None
    while stack:
        reason = stop.reason()
        if reason is not None:
            break
        node = stack.pop()
        try:
            expansion = expand(node)
        except Stopped:
            stack.append(node)
            continue
        nodes += 1
        found += expansion.regions
        stack.extend(expansion.children)
        pending += sum(child.bound for child in expansion.children) - node.bound
        upper = min(upper, found + pending)
        now = time.monotonic()
        if report is not None and now - last >= REPORT_SECONDS:
            last = now
            report(_progress(found, stack, upper, node, now - start), stack.copy)
    if report is not None:
        report(_progress(found, stack, upper, None, time.monotonic() - start), stack.copy)
    seconds = time.monotonic() - start
    stopped = reason if stack else None
    return Outcome(found + len(stack), upper, stopped, nodes, seconds, tuple(stack))


def _progress(
    found: int, stack: Sequence[Node], upper: int, node: Node | None, seconds: float
) -> Progress:
    layer, depth = (0, 0) if node is None else (node.layer, node.depth)
    return Progress(found, found + len(stack), upper, len(stack), layer, depth, seconds)
