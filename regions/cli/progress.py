"""Progress of a long computation, on standard error and only where that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from regions.cli.render import duration, grouped

if TYPE_CHECKING:
    from regions.results import Progress


@contextmanager
def counting_progress(label: str, quiet: bool) -> Iterator[Callable[[Progress], None] | None]:
    """A callback that shows the state of a count on one live line; None where nobody watches."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console

    console = Console(stderr=True, highlight=False, markup=False)
    with console.status(f"{label}: starting") as status:
        yield lambda progress: status.update(f"{label}: {progress_line(progress)}")


def progress_line(progress: Progress) -> str:
    """Regions so far, rate, bounds, and where the search stands."""
    rate = progress.regions / progress.seconds if progress.seconds > 0 else 0.0
    return (
        f"{grouped(progress.regions)} regions, {grouped(round(rate))}/s, "
        f"between {grouped(progress.lower)} and {grouped(progress.upper)}, "
        f"layer {progress.layer}, depth {progress.depth}, {duration(progress.seconds)}"
    )
