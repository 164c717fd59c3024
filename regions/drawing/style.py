"""One look for all pictures: colours, lines and letters, on a light and on a dark page.

Whatever draws with matplotlib goes through here; nothing else imports it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regions.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURES = (".png", ".svg", ".pdf")


@dataclass(frozen=True)
class Theme:
    """The colours of a page.

    Attributes
    ----------
    page, ink, faint
        Background; letters and lines; lines in the background.
    regions
        For regions side by side: pale, and distinguishable also without hue.
    classes
        For classes and curves.
    ramp
        Stops for things in order (layers): even in lightness, apart from the page.
    """

    page: str
    ink: str
    faint: str
    regions: tuple[str, ...]
    classes: tuple[str, ...]
    ramp: tuple[str, ...]


# Six colours are enough for any map (five neighbours or fewer come before each country).
THEMES = {
    "light": Theme(
        page="#ffffff", ink="#20242c", faint="#c9ced6",
        regions=("#a8d5ee", "#fbe29a", "#f2a99b", "#c5b3e6", "#b5dc9c", "#e3e0da"),
        classes=("#2a78b8", "#e58a1f", "#1d9a6c", "#c44f8e", "#7b5cc4", "#b3402e",
                 "#9aa51b", "#38a7b8", "#8a6a4f", "#6d7480"),
        ramp=("#5b1a8c", "#3b62b0", "#1f9a92", "#6cbf4b", "#d0a500"),
    ),
    "dark": Theme(
        page="#15181d", ink="#e4e7eb", faint="#454c57",
        regions=("#2c5d7c", "#80691f", "#8a4136", "#574687", "#41692b", "#4a4d52"),
        classes=("#5aa9e6", "#f2a541", "#3fc493", "#e583b6", "#a58df0", "#e0705c",
                 "#c8d14a", "#63cfdf", "#bb9676", "#a0a8b4"),
        ramp=("#c79bff", "#78a9ff", "#35cfc5", "#8ee06c", "#ffe15a"),
    ),
}  # fmt: skip
MAP = "viridis"  # even in lightness, and readable without red and green


def theme_of(name: str) -> Theme:
    """The theme of this name.

    Raises
    ------
    InputError
        If there is none.
    """
    if name not in THEMES:
        raise InputError(f"no theme {name!r}; choose one of {', '.join(THEMES)}")
    return THEMES[name]


def mixed(colour: str, other: str, share: float) -> str:
    """A colour with a share of another.

    >>> mixed("#000000", "#ffffff", 0.5)
    '#808080'
    """
    pairs = zip(_channels(colour), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in pairs)


def _channels(colour: str) -> tuple[int, int, int]:
    red, green, blue = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return red, green, blue


def along(stops: Sequence[str], share: float) -> str:
    """The colour at a share, 0 to 1, of the way along some stops."""
    place = min(max(share, 0.0), 1.0) * (len(stops) - 1)
    index = min(int(place), len(stops) - 2)
    return mixed(stops[index], stops[index + 1], place - index)


def settings(theme: Theme) -> Any:
    """What matplotlib should know."""
    return {
        "figure.facecolor": theme.page,
        "axes.facecolor": theme.page,
        "savefig.facecolor": theme.page,
        "text.color": theme.ink,
        "axes.edgecolor": theme.ink,
        "axes.labelcolor": theme.ink,
        "axes.titlesize": 11,
        "axes.titlelocation": "left",
        "axes.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "xtick.color": theme.ink,
        "ytick.color": theme.ink,
        "grid.color": theme.faint,
        "grid.linewidth": 0.6,
        "legend.frameon": False,
        "legend.fontsize": 9,
        "font.size": 10,
        "svg.fonttype": "path",
        "svg.hashsalt": "regions",  # the same picture, the same file
    }


@contextmanager
def drawing(theme: Theme) -> Iterator[Any]:
    """Matplotlib, with our settings as long as this lasts.

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise InputError(
            "pictures need matplotlib, which is not installed: pip install matplotlib "
            "(.html, .ply and .vtk files do without it)"
        ) from error
    with matplotlib.rc_context(settings(theme)):
        yield matplotlib


def new_figure(width: float = 7.0, height: float = 6.0) -> Figure:
    """An empty figure of a size in inches; no window, no global state."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save(figure: Figure, path: Path, theme: Theme, dots: int = 160) -> None:
    """Write a figure to a .png, .svg or .pdf file; an old file stays if that fails."""
    kind = path.suffix.lower()[1:]
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
    with drawing(theme), written(path) as target:
        figure.savefig(target, format=kind, dpi=dots, metadata=metadata)


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """A file beside this one, which takes its place at the end if nothing went wrong."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def check_file(path: Path, kinds: Sequence[str], option: str) -> Path:
    """A name with one of these endings in a folder that exists.

    Raises
    ------
    InputError
        Otherwise.
    """
    if path.suffix.lower() not in kinds:
        raise InputError(f"{option} {path}: needs a name that ends in {' or '.join(kinds)}")
    if not path.parent.is_dir():
        raise InputError(f"{option} {path}: there is no folder {path.parent}")
    if path.is_dir():
        raise InputError(f"{option} {path}: is a folder")
    return path
