"""Progress of a long computation, on standard error and only where that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from regions.cli.render import duration, grouped, rounded

if TYPE_CHECKING:
    from regions.graph.adjacency import GraphProgress
    from regions.graph.shortest import PathProgress
    from regions.results import Progress, ReachProgress, SearchProgress


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


@contextmanager
def drawing_progress(
    label: str, quiet: bool
) -> Iterator[Callable[[str, int, int | None], None] | None]:
    """The same for a drawing: what is done, how many, and of how many."""
    with _live(label, quiet, _drawing_line) as show:
        yield None if show is None else lambda *state: show(state)


def _drawing_line(state: tuple[str, int, int | None], room: int | None = None) -> str:
    """How far a drawing is.

    >>> _drawing_line(("regions shaped", 1024, 6668))
    '1 024 of 6 668 regions shaped'
    """
    what, done, whole = state
    of = "" if whole is None else f" of {grouped(whole)}"
    line = f"{grouped(done)}{of} {what}"
    return line if room is None else line[:room]


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


def bounding_progress(
    label: str, quiet: bool
) -> AbstractContextManager[Callable[[SearchProgress], None] | None]:
    """The same for a search between two bounds."""
    return _live(label, quiet, _bounds_line)


def _bounds_line(progress: SearchProgress, room: int | None = None) -> str:
    upper = "?" if progress.upper is None else f"{progress.upper:g}"
    line = (
        f"between {progress.lower:g} and {upper}, {grouped(progress.nodes)} nodes, "
        f"{grouped(progress.open_nodes)} open, {duration(progress.seconds)}"
    )
    return line if room is None else line[:room]


def naming_progress(
    label: str, quiet: bool
) -> AbstractContextManager[Callable[[str], None] | None]:
    """The same for several steps: called with the name of the one that begins."""
    return _live(label, quiet, lambda name, room: name if room is None else name[:room])


@contextmanager
def sampling_progress(
    label: str, quiet: bool, what: str = "reachable"
) -> Iterator[Callable[[int, int], None] | None]:
    """The same for samples: called with how many were decided, and how many `what` they found."""

    def text(numbers: tuple[int, int], room: int | None = None) -> str:
        line = f"{grouped(numbers[0])} samples, {grouped(numbers[1])} {what}"
        return line if room is None else line[:room]

    with _live(label, quiet, text) as show:
        yield None if show is None else lambda done, reachable: show((done, reachable))


@contextmanager
def batch_progress(
    label: str, quiet: bool, noun: str
) -> Iterator[Callable[[int, int], None] | None]:
    """The same for batches: called with how many are done, and of how many."""

    def text(numbers: tuple[int, int], room: int | None = None) -> str:
        line = f"{grouped(numbers[0])} of {grouped(numbers[1])} {noun}"
        return line if room is None else line[:room]

    with _live(label, quiet, text) as show:
        yield None if show is None else lambda done, whole: show((done, whole))


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
    name = shortened(label, max(width // 4, 12))  # the rest is for numbers

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
    """Regions so far, bounds, an estimate, and where the search stands: as much as there is room.

    Where it gets narrow, details go first, then words, then digits; the time, the bounds and the
    estimate, which is always called one, stay as long as they can.
    """
    if progress.compiling:
        return "compiling the engine, once: up to a minute"
    rate = progress.regions / progress.seconds if progress.seconds > 0 else 0.0
    least, most = progress.lower, progress.upper
    found, spent = f"{grouped(progress.regions)} regions", duration(progress.seconds)
    speed = f"{grouped(round(rate))}/s"
    bounds = f"between {grouped(least)} and {grouped(most)}"
    guess, brief, short = "", "", ""
    if progress.estimate is not None:
        guess = f"perhaps {grouped(progress.estimate)} (estimate)"
        brief = f"estimate {grouped(progress.estimate)}"
        short = f"estimate {rounded(progress.estimate)}"
    lines = [
        (found, speed, bounds, guess, f"layer {progress.layer}", f"depth {progress.depth}", spent),
        (found, speed, bounds, guess, f"layer {progress.layer}", spent),
        (found, speed, bounds, guess, spent),
        (found, bounds, guess, spent),
        (found, bounds, brief, spent),
        (f"{grouped(least)} to {grouped(most)} regions", brief, spent),
        (f"{rounded(least)} to {rounded(most)} regions", short, spent),
        (found, short, spent),
        (found, spent),
        (found,),
    ]
    texts = [", ".join(filter(None, parts)) for parts in lines]
    return next((text for text in texts if room is None or len(text) <= room), texts[-1])
