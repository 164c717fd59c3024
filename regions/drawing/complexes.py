"""`Complex`: the regions of a plane or of a space of three dimensions, with their corners."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from flint import fmpq

from regions.counting.listing import iter_regions
from regions.domain import Box, Domain, Polytope
from regions.drawing.clipping import Corners, faces, outline, ring, side_forms
from regions.drawing.corners import Proved, proved_corners
from regions.drawing.forms import Forms, constraint_forms, exact_forms, forms
from regions.errors import DomainError, InputError
from regions.frame import Frame
from regions.network import Network
from regions.pattern import Pattern
from solvers.backend import get_backend
from solvers.rational import floats

CELLS = 512  # at a time
Report = Callable[[str, int, int | None], None]  # what is done, how many, of how many


@dataclass(frozen=True, eq=False)
class Shape:
    """The closure of a region.

    Attributes
    ----------
    corners
        (k, dim) in the frame's coordinates; those of a polygon counter-clockwise.
    faces
        Its edges or facets: what vanishes on each (a unit's number in the network's order, or
        -1 - i for side i of the domain), and its corners in order.
    exact
        The corners in rationals, where floats could not decide; else None.
    """

    corners: np.ndarray
    faces: tuple[tuple[frozenset[int], tuple[int, ...]], ...]
    exact: Corners | None = None

    @cached_property
    def size(self) -> float:
        """Its area or volume, in the frame's coordinates."""
        if self.corners.shape[1] == 2:
            return twice_area(self.corners) / 2
        local = self.corners - self.corners[0]
        middle, total = local.mean(axis=0), 0.0
        for _, members in self.faces:
            points = local[list(members)] - middle
            for second, third in pairwise(points[1:]):
                total += abs(float(np.linalg.det(np.stack([points[0], second, third]))))
        return total / 6


@dataclass(frozen=True, eq=False, repr=False)
class Complex:
    """All regions of a network in a bounded domain of dimension 2 or 3, with their corners.

    The regions are those of `iter_regions`, each with a proof.  The corners of each are proved to
    be all that there are, and its faces to be those that they are said to be; only the positions of
    corners are rounded.  Where floats cannot tell inequalities apart, rationals do.

    Attributes
    ----------
    network
        As a function of the frame's coordinates.
    frame
        The domain in its own coordinates.
    bits
        (n, units) of 0 and 1, a row for each region, sorted.
    shapes
        Their closures.
    outputs
        The affine maps of the outputs on them.
    """

    network: Network
    frame: Frame
    bits: np.ndarray
    shapes: tuple[Shape, ...]
    outputs: Forms

    def __len__(self) -> int:
        """The number of regions."""
        return len(self.shapes)

    def __repr__(self) -> str:
        return f"Complex({len(self)} regions, dimension {self.frame.dim})"

    @property
    def dim(self) -> int:
        """Of the domain: 2 or 3."""
        return self.frame.dim

    @cached_property
    def sizes(self) -> np.ndarray:
        """(n,) areas or volumes, in the frame's coordinates."""
        return np.array([shape.size for shape in self.shapes])

    @cached_property
    def layer_of_unit(self) -> np.ndarray:
        """(units,) the layer of each unit, from 1."""
        return np.repeat(np.arange(1, len(self.network.widths) + 1), self.network.widths)

    @cached_property
    def outline(self) -> Corners:
        """The domain itself."""
        return outline(self.frame)

    def pattern(self, index: int) -> Pattern:
        """The pattern of a region."""
        ends = np.cumsum([0, *self.network.widths]).tolist()
        bits = self.bits[index].astype(np.int8)
        return Pattern.from_bits([bits[start:end] for start, end in pairwise(ends)])

    def exact_forms(self, index: int) -> list[tuple[fmpq, ...]]:
        """All units and outputs on a region as exact affine forms, constants last."""
        return exact_forms(self.network, self.bits[index].tolist())

    def exact_corners(self, index: int, known: Sequence[tuple[fmpq, ...]] | None = None) -> Corners:
        """The corners of a region in rationals; `known` are its exact forms."""
        shape, bits = self.shapes[index], self.bits[index]
        if shape.exact is not None:
            return shape.exact
        known = self.exact_forms(index) if known is None else known
        labels = frozenset().union(*(labels for labels, _ in shape.faces))
        return _cut(self.outline, known, bits, sorted(label for label in labels if label >= 0))

    @cached_property
    def neighbours(self) -> tuple[frozenset[int], ...]:
        """For each region, those across a face of its own.

        Across a face, units flip that vanish on it.  Where several do, only the flip of all of
        them and of each alone is tried.
        """
        names = {row.tobytes(): index for index, row in enumerate(self.bits)}
        found: list[set[int]] = [set() for _ in self.shapes]
        for index, shape in enumerate(self.shapes):
            for labels, _ in shape.faces:
                units = [label for label in labels if label >= 0]
                for flips in {tuple(units), *((unit,) for unit in units)}:
                    other = self.bits[index].copy()
                    other[list(flips)] ^= 1
                    neighbour = names.get(other.tobytes()) if flips else None
                    if neighbour is not None:
                        found[index].add(neighbour)
                        found[neighbour].add(index)
        return tuple(map(frozenset, found))


def twice_area(corners: np.ndarray) -> float:
    """Twice the signed area of a polygon (k, 2): positive if it runs counter-clockwise."""
    local = corners - corners[0]  # small numbers lose less
    following = np.roll(local, -1, axis=0)
    return float(np.sum(local[:, 0] * following[:, 1] - local[:, 1] * following[:, 0]))


def complex_of(
    network: Network,
    domain: Domain | None = None,
    *,
    engine: str = "auto",
    exactly: bool = False,
    report: Report | None = None,
) -> Complex:
    """The regions of a network in a domain of dimension 2 or 3, with their corners.

    Parameters
    ----------
    network
        A network in normal form.
    domain
        Where to look; the box [-1, 1]^n by default.  It has to be bounded.
    engine
        What lists the regions, as in `iter_regions`.
    exactly
        Compute every corner in rationals.
    report
        Called now and then with what is done, how many, and of how many.

    Raises
    ------
    DomainError
        If the domain is empty, unbounded, or not of dimension 2 or 3.

    Examples
    --------
    >>> network = Network.from_layers([([[1, 1], [1, -1]], [0, 0]), ([[1, 1]], [0])])
    >>> found = complex_of(network, engine="lp")
    >>> len(found), found.sizes.tolist()
    (4, [1.0, 1.0, 1.0, 1.0])
    """
    if not isinstance(network, Network):
        raise InputError(f"complex_of(): needs a Network, got {type(network).__name__}")
    domain = Box.cube(network.inputs, -1, 1) if domain is None else domain
    if domain.dim != network.inputs:
        raise DomainError(
            f"complex_of(): the network has {network.inputs} inputs, the domain {domain.spec} has "
            f"dimension {domain.dim}; give a domain of dimension {network.inputs}"
        )
    frame = Frame.of(domain, get_backend("highs"))
    if frame.dim not in (2, 3):
        raise DomainError(
            f"a drawing needs a domain of dimension 2 or 3, {domain.spec} has dimension "
            f"{frame.dim}; cut a plane out of it with a slice through three points"
        )
    pulled, border = frame.pull(network), outline(frame)
    inner = _inner_domain(frame, border)
    parts: list[np.ndarray] = []
    middles: list[np.ndarray] = []
    done = 0
    if report:
        report("regions found (a first run compiles the engine: up to a minute)", 0, None)
    for batch in iter_regions(pulled, inner, engine=engine, batch_size=2048):
        parts.append(batch.patterns)
        middles.append(batch.points)
        done += len(batch)
        if report:
            report("regions found", done, None)
    bits = np.concatenate([np.zeros((0, pulled.relus), np.uint8), *parts])
    points = np.concatenate([np.zeros((0, frame.dim)), *middles])
    order = np.lexsort(bits.T[::-1]) if bits.shape[1] else np.arange(len(bits))
    bits, points = bits[order], points[order]
    shapes: list[Shape] = []
    outputs: list[Forms] = []
    for start in range(0, len(bits), CELLS):
        part = slice(start, start + CELLS)
        more, maps = _shapes(pulled, border, frame, bits[part], points[part], exactly)
        shapes += more
        outputs.append(maps)
        if report:
            report("regions shaped", len(shapes), len(bits))
    return Complex(pulled, frame, bits, tuple(shapes), _joined(outputs))


def exact_cell(network: Network, border: Corners, bits: np.ndarray) -> Corners:
    """The closure of a region in rationals.

    Raises
    ------
    InputError
        If the pattern has no interior.
    """
    return _cut(border, exact_forms(network, bits.tolist()), bits, range(len(bits)))


def _cut(
    border: Corners, known: Sequence[tuple[fmpq, ...]], bits: np.ndarray, units: Sequence[int]
) -> Corners:
    """The part of the domain where these units have these bits."""
    found: Corners | None = border
    for unit in units:
        form = known[unit]
        if found is not None and any(form):
            found = found.cut(form if bits[unit] else [-a for a in form], unit)
    if found is None:
        raise InputError("exact_cell(): no region has this pattern")
    return found


def exact_shape(corners: Corners) -> Shape:
    """The shape with these corners."""
    if corners.dim == 2:
        order = ring(corners)
        corners = Corners(
            tuple(corners.points[i] for i in order), tuple(corners.tight[i] for i in order)
        )
    points = np.array([floats(np.array(point, dtype=object)) for point in corners.points])
    sides = faces(corners)
    if corners.dim == 2:
        sides = [(labels, _along(members, len(points))) for labels, members in sides]
    return Shape(points, tuple((labels, tuple(members)) for labels, members in sides), corners)


def _along(members: Sequence[int], count: int) -> list[int]:
    """The ends of an edge, in the order of the polygon."""
    first, second = members
    return [first, second] if (first + 1) % count == second else [second, first]


def _inner_domain(frame: Frame, border: Corners) -> Domain:
    """The domain as a set of its own coordinates: a box, or its facets within a box around it."""
    if frame.is_bounded_box and not frame.rows.shape[0]:
        return Box(frame.lower, frame.upper)
    sides = side_forms(frame)
    used = sorted({-1 - label for labels, _ in faces(border) for label in labels})
    low = [min(point[k] for point in border.points) for k in range(frame.dim)]
    high = [max(point[k] for point in border.points) for k in range(frame.dim)]
    room = [(top - bottom) / 16 for bottom, top in zip(low, high, strict=True)]
    box = Box(
        [q - r for q, r in zip(low, room, strict=True)],
        [q + r for q, r in zip(high, room, strict=True)],
    )
    return box & Polytope([[-a for a in sides[i][:-1]] for i in used], [sides[i][-1] for i in used])


def _shapes(
    network: Network,
    border: Corners,
    frame: Frame,
    bits: np.ndarray,
    middles: np.ndarray,
    exactly: bool,
) -> tuple[list[Shape], Forms]:
    units = network.relus
    known, outputs = forms(network, bits).split(units)
    if exactly:
        return [exact_shape(exact_cell(network, border, row)) for row in bits], outputs
    sides = side_forms(frame)
    used = sorted({-1 - label for labels, _ in faces(border) for label in labels})
    walls = constraint_forms([([-a for a in sides[i][:-1]], sides[i][-1]) for i in used])
    signed = known.signed(np.where(bits == 1, 1.0, -1.0))
    rows = Forms(
        *(
            np.concatenate([inner, np.repeat(wall, len(bits), axis=0)], axis=1)
            for inner, wall in ((signed.value, walls.value), (signed.error, walls.error))
        )
    )
    size = max(float(abs(q)) for point in border.points for q in point)
    proved = proved_corners(rows, middles, size)
    names = np.array([*range(units), *(-1 - i for i in used)])
    found: dict[int, Shape] = {cell: _shape(proved, part, names) for cell, part in proved.by_cell()}
    for index in range(len(bits)):
        if index not in found:
            found[index] = exact_shape(exact_cell(network, border, bits[index]))
    return [found[index] for index in range(len(bits))], outputs


def _shape(proved: Proved, part: slice, names: np.ndarray) -> Shape:
    """The shape of a cell whose corners are proved."""
    labels = [tuple(row) for row in names[proved.rows[part]].tolist()]
    points = proved.points[part]
    dim = points.shape[1]
    members: dict[int, list[int]] = {}
    for corner, row in enumerate(labels):
        for label in row:
            members.setdefault(label, []).append(corner)
    if dim == 2:
        order = _walk(list(range(len(labels))), labels, None)
        points = points[order]
        if twice_area(points) < 0:
            order, points = order[::-1], points[::-1]
        place = {corner: k for k, corner in enumerate(order)}
        sides = [
            (frozenset([label]), tuple(_along([place[i] for i in ends], len(order))))
            for label, ends in members.items()
        ]
    else:
        sides = [
            (frozenset([label]), tuple(_walk(ends, labels, label)))
            for label, ends in members.items()
        ]
    return Shape(points, tuple(sorted(sides, key=lambda side: min(side[0]))))


def _walk(members: list[int], labels: list[tuple[int, ...]], face: int | None) -> list[int]:
    """The corners of a face in order: two in a row share an edge."""
    shared = 1 if face is None else 2
    order, rest = [members[0]], members[1:]
    while rest:
        last = set(labels[order[-1]])
        following = next(i for i in rest if len(last.intersection(labels[i])) >= shared)
        rest.remove(following)
        order.append(following)
    return order


def _joined(parts: Sequence[Forms]) -> Forms:
    return Forms(
        np.concatenate([part.value for part in parts]),
        np.concatenate([part.error for part in parts]),
    )
