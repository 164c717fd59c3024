"""`plot`: the regions of a plane, or of three dimensions, into picture and mesh files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from regions.domain import Box, Domain
from regions.drawing.classes import classes_of
from regions.drawing.complexes import Complex, Report, complex_of
from regions.drawing.figures import COLOURS, axis_names, draw_plane
from regions.drawing.forms import gradient_norms
from regions.drawing.html import html_page
from regions.drawing.meshes import MESHES, write_mesh
from regions.drawing.style import PICTURES, check_file, drawing, save, theme_of, written
from regions.drawing.windows import WINDOW, slice_marks, windowed
from regions.errors import InputError
from regions.frame import Frame
from regions.network import Network
from solvers.backend import get_backend

ENDINGS = (*PICTURES, ".html", *MESHES)


def plot(
    network: Network,
    domain: Domain | None = None,
    files: str | Path | Sequence[str | Path] = (),
    *,
    colour: str = "region",
    boundary: bool = True,
    theme: str | None = None,
    title: str | None = None,
    window: Sequence[object] = WINDOW,
    engine: str = "auto",
    report: Report | None = None,
) -> Complex:
    """Draw the linear regions of a network in a plane, exactly, and return them.

    Every region is a polygon whose corners are computed, not a set of pixels: none is lost,
    however small, and none is merged with another.  The decision boundary is exact as well.

    Parameters
    ----------
    network
        A network in normal form.
    domain
        A bounded domain of dimension 2, or 3 for mesh files; the box [-1, 1]^n by default.  A
        slice alone is cut to `window`.
    files
        Where the pictures go.  The endings say what they are: .png, .svg, .pdf (by matplotlib),
        .html (a page for a browser, which shows pattern, area and affine map of each region),
        .ply, .vtk (meshes).
    colour
        "region", "class", "layer" or "gradient"; see `figures.draw_plane`.
    boundary
        Whether the decision boundary is drawn on top.
    theme
        "light" or "dark"; by default light, and in .html as the reader's system has it.
    title
        Over the picture.
    window
        The part of a slice that is drawn: both coordinates from the first number to the second.
        They are 0 and 1 at the three points.
    engine
        What lists the regions, as in `iter_regions`.
    report
        Called now and then with what is done, how many, and of how many.

    Raises
    ------
    DomainError
        If the domain is empty, unbounded or of another dimension.
    InputError
        If a file cannot be written under this name, there is no such colouring or theme, or
        matplotlib is needed and missing.

    Examples
    --------
    >>> network = Network.from_layers([([[1, 1], [1, -1]], [0, 0]), ([[1, 1]], [0])])
    >>> plot(network, engine="lp")
    Complex(4 regions, dimension 2)
    """
    if not isinstance(network, Network):
        raise InputError(f"plot(): needs a Network, got {type(network).__name__}")
    targets = [Path(files)] if isinstance(files, (str, Path)) else [Path(file) for file in files]
    for target in targets:
        check_file(target, ENDINGS, "plot():")
    look = theme_of("light" if theme is None else theme)
    if colour not in COLOURS:
        raise InputError(f"plot(): no colour {colour!r}; choose one of {', '.join(COLOURS)}")
    if any(target.suffix.lower() in PICTURES for target in targets):
        with drawing(look):  # is matplotlib there?  before the work, not after it
            pass
    where = windowed(Box.cube(network.inputs, -1, 1) if domain is None else domain, window)
    if where.dim == network.inputs:
        _check_dimension(where, targets)
    found = complex_of(network, where, engine=engine, report=report)
    if not targets:
        return found
    needed = colour == "gradient" or any(t.suffix.lower() not in PICTURES for t in targets)
    gradients = gradient_norms(network, found.bits) if needed else None
    words = title if title is not None else f"{len(found):,} linear regions".replace(",", " ")
    axes = axis_names(found.frame)
    flat = any(target.suffix.lower() not in MESHES for target in targets)
    winners = classes_of(found) if flat and found.dim == 2 else None
    for target in targets:
        if report:
            report(f"regions drawn, now {target.name}", len(found), len(found))
        if target.suffix.lower() in MESHES:
            assert gradients is not None
            write_mesh(target, found, gradients)
            continue
        common = {
            "colour": colour,
            "winners": winners,
            "boundary": boundary,
            "axes": (axes[0], axes[1]),
            "marks": slice_marks(where, found.frame),
            "title": words,
        }
        if target.suffix.lower() == ".html":
            assert gradients is not None
            spec = (domain or where).spec
            text = html_page(found, gradients, about=_about(spec), theme=theme, **common)
            with written(target) as part:
                part.write_text(text, encoding="utf-8")
        else:
            figure = draw_plane(
                found, gradients=gradients, theme="light" if theme is None else theme, **common
            )
            save(figure, target, look)
    return found


def _check_dimension(domain: Domain, targets: Sequence[Path]) -> None:
    """A picture needs a plane; a mesh has two or three dimensions."""
    dim = Frame.of(domain, get_backend("highs")).dim
    flat = [target for target in targets if target.suffix.lower() not in MESHES]
    if dim == 3 and flat:
        raise InputError(
            f"plot(): {flat[0]} shows a plane, but the domain has dimension 3; lay a plane through "
            "three points (a slice), or name a file .ply or .vtk for a mesh of the regions"
        )


def _about(spec: str) -> str:
    domain = spec if len(spec) <= 200 else f"{spec[:200]}…"
    return (
        f"Domain {domain}. Point at a region to see what it is, click to keep it; "
        "turn the wheel to zoom, drag to move."
    )
