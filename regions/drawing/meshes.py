"""Mesh files of the regions in three dimensions: PLY (surfaces) and VTK (solids)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate
from pathlib import Path

import numpy as np

from regions.drawing.colouring import coloured
from regions.drawing.complexes import Complex
from regions.drawing.style import THEMES, written
from regions.errors import InputError

MESHES = (".ply", ".vtk")
CONVEX_POINT_SET = 41  # the cell type of VTK's file format


def write_mesh(path: Path, found: Complex, gradients: np.ndarray) -> None:
    """Write all regions to a .ply or .vtk file.

    Every region has its own copies of its corners, so that a viewer can take regions apart.  PLY:
    one polygon for each facet, with its region, the layer that makes it (0 for a side of the
    domain) and a colour; neighbours have different ones.  VTK (legacy, ASCII): one convex cell for
    each region with its number, volume, gradient norm and colour number; a polygon in a plane.

    Parameters
    ----------
    path
        Its ending says which.
    found
        The regions; their numbers are their rows in `found.bits`.
    gradients
        (n,) the norm of the gradient on each.

    Raises
    ------
    InputError
        If the ending is another.
    OSError
        If it cannot be written; an old file is then as it was.
    """
    kind = path.suffix.lower()
    if kind not in MESHES:
        raise InputError(f"write_mesh(): {path} needs a name that ends in {' or '.join(MESHES)}")
    lines = _ply(found) if kind == ".ply" else _vtk(found, gradients)
    with written(path) as target, target.open("w", encoding="ascii", newline="\n") as stream:
        stream.writelines(f"{line}\n" for line in lines)


def _points(found: Complex) -> np.ndarray:
    """All corners, region after region, in the frame's coordinates: (n, 3)."""
    points = np.concatenate([shape.corners for shape in found.shapes])
    return np.pad(points, ((0, 0), (0, 3 - points.shape[1])))


def _starts(found: Complex) -> list[int]:
    return list(accumulate((len(shape.corners) for shape in found.shapes), initial=0))


def _rows(points: np.ndarray) -> Iterable[str]:
    return (" ".join(f"{value:.17g}" for value in row) for row in points.tolist())


def _ply(found: Complex) -> Iterable[str]:
    points, starts, shades = _points(found), _starts(found), coloured(found.neighbours)
    palette = THEMES["light"].regions
    polygons = []
    for index, shape in enumerate(found.shapes):
        colour = palette[shades[index] % len(palette)]
        paint = " ".join(str(int(colour[k : k + 2], 16)) for k in (1, 3, 5))
        sides = shape.faces if found.dim == 3 else [(frozenset(), range(len(shape.corners)))]
        for labels, members in sides:
            units = [label for label in labels if label >= 0]
            layer = int(found.layer_of_unit[min(units)]) if units else 0
            places = [starts[index] + k for k in members]
            polygons.append(f"{len(places)} {' '.join(map(str, places))} {index} {layer} {paint}")
    yield from (
        "ply",
        "format ascii 1.0",
        f"comment {len(found)} linear regions",
        f"element vertex {len(points)}",
        *(f"property double {axis}" for axis in "xyz"),
        f"element face {len(polygons)}",
        "property list int int vertex_indices",
        "property int region",
        "property int layer",
        *(f"property uchar {channel}" for channel in ("red", "green", "blue")),
        "end_header",
    )
    yield from _rows(points)
    yield from polygons


def _vtk(found: Complex, gradients: np.ndarray) -> Iterable[str]:
    points, starts, count = _points(found), _starts(found), len(found)
    yield from (
        "# vtk DataFile Version 3.0",
        f"{count} linear regions",
        "ASCII",
        "DATASET UNSTRUCTURED_GRID",
        f"POINTS {len(points)} double",
    )
    yield from _rows(points)
    yield f"CELLS {count} {count + len(points)}"
    for index, shape in enumerate(found.shapes):
        size = len(shape.corners)
        places = range(starts[index], starts[index] + size)
        yield f"{size} {' '.join(map(str, places))}"
    yield f"CELL_TYPES {count}"
    polygon = 7
    yield from [str(CONVEX_POINT_SET if found.dim == 3 else polygon)] * count
    yield f"CELL_DATA {count}"
    fields = {
        "region": ("int", range(count)),
        "colour": ("int", coloured(found.neighbours).tolist()),
        "size": ("double", found.sizes.tolist()),
        "gradient": ("double", gradients.tolist()),
    }
    for name, (kind, values) in fields.items():
        yield f"SCALARS {name} {kind} 1"
        yield "LOOKUP_TABLE default"
        yield from (f"{value:.17g}" if kind == "double" else str(value) for value in values)
