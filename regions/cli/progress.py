"""Progress of a long computation, on standard error and only where that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from regions.cli.render import duration, grouped

if TYPE_CHECKING:
    from regions.graph.adjacency import GraphProgress
    from regions.graph.shortest import PathProgress
    from regions.results import Progress, ReachProgress


def counting_progress(
    label: str, quiet: bool
) -> AbstractContextManager[Callable[[Progress], None] | None]:
    """A callback that shows the state of a count on one live line; None where nobody watches."""
    return _live(label, quiet, progress_line)


def searching_progress(
    label: str, quiet: bool
) -> AbstractContextManager[Callable[[ReachProgress], None] | None]:
    """The same for the search for a pattern."""
    return _live(label, quiet, _search_line)


def graph_progress(
    label: str, quiet: bool
) -> AbstractContextManager[Callable[[GraphProgress], None] | None]:
    """The same for the graph of all regions."""
    return _live(label, quiet, _graph_line)


def path_progress(
    label: str, quiet: bool
) -> AbstractContextManager[Callable[[PathProgress], None] | None]:
    """The same for the search for a shortest path."""
    return _live(label, quiet, _path_line)


def _graph_line(progress: GraphProgress, room: int | None = None) -> str:
    if progress.searched:
        line = (
            f"facets of {grouped(progress.searched)} of {grouped(progress.regions)} regions, "
            f"{grouped(progress.pairs)} pairs, {duration(progress.seconds)}"
        )
    else:
        line = (
            f"{grouped(progress.regions)} regions of at most {grouped(progress.upper)}, "
            f"{duration(progress.seconds)}"
        )
    return line if room is None else line[:room]


def _path_line(progress: PathProgress, room: int | None = None) -> str:
    most = "" if progress.upper is None else f" to {grouped(progress.upper)}"
    line = (
        f"{grouped(progress.regions)} regions visited, {grouped(progress.waiting)} wait, "
        f"{grouped(progress.lower)}{most} bits, {duration(progress.seconds)}"
    )
    return line if room is None else line[:room]


def _search_line(progress: ReachProgress, room: int | None = None) -> str:
    line = (
        f"{grouped(progress.branches)} branches, {grouped(progress.open_branches)} open, "
        f"layer {progress.layer}, {duration(progress.seconds)}"
    )
    return line if room is None else line[:room]


@contextmanager
def _live(
    label: str, quiet: bool, text: Callable[[Any, int | None], str]
) -> Iterator[Callable[[Any], None] | None]:
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console

    console = Console(stderr=True, highlight=False, markup=False)
    # one row of the terminal, whatever its width: what wraps is not erased cleanly
    width = max(console.width - _SPINNER, 1)
    name = shortened(label, max(width // 3, 12))

    def line(words: str) -> str:
        return shortened(f"{name}: {words}", width)

    def show(progress: Any) -> None:
        status.update(line(text(progress, width - len(name) - 2)))

    with console.status(line("starting")) as status:
        yield show


_SPINNER = 3  # columns of the turning dots and the gap behind them, and one that stays free


def shortened(text: str, room: int) -> str:
    """The text, or as much of its beginning and end as there is room for.

    >>> shortened("examples/models/moons.pt", 10)
    'exampl….pt'
    """
    if len(text) <= room:
        return text
    end = min(3, room // 3)
    return f"{text[: room - end - 1]}…{text[len(text) - end :]}"


def progress_line(progress: Progress, room: int | None = None) -> str:
    """Regions so far, rate, bounds, and where the search stands: as much as there is room for."""
    if progress.compiling:
        return "compiling the engine, once: up to a minute"
    rate = progress.regions / progress.seconds if progress.seconds > 0 else 0.0
    bounds = f"between {grouped(progress.lower)} and {grouped(progress.upper)}"
    estimated = (
        "" if progress.estimate is None else f"perhaps {grouped(progress.estimate)} (estimate)"
    )
    parts = {
        f"{grouped(progress.regions)} regions": 0,
        f"{grouped(round(rate))}/s": 3,
        bounds: 2,
        estimated: 3,
        f"layer {progress.layer}": 4,
        f"depth {progress.depth}": 5,
        duration(progress.seconds): 1,
    }
    for least in (5, 4, 3, 2, 1, 0):  # the last ones to stay are the first in importance
        text = ", ".join(part for part, rank in parts.items() if part and rank <= least)
        if room is None or len(text) <= room:
            break
    return text
