"""`Shape`: what is known about the geometry of one cell."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from regions.cell import Side, Unit
from regions.figures import Certain, Figure
from regions.geometry.body import Body
from regions.geometry.facets import Facet
from regions.geometry.neighbours import Neighbour
from regions.pattern import Pattern
from solvers.exact_matrix import ExactMatrix


@dataclass(frozen=True)
class Widths:
    """Widths of a cell (meanings §2.9).

    Attributes
    ----------
    axis
        Along each input; None where they were not asked for (many inputs).
    along
        Along the given directions, not divided by their norm.
    min_linf, min_l1, min_l2
        The least over all directions of norm 1.
    mean
        Over uniform directions.
    diameter
        The largest distance between two points.
    """

    axis: tuple[Certain, ...] | None
    along: tuple[Certain, ...]
    min_linf: Figure
    min_l1: Figure
    min_l2: Figure
    mean: Figure
    diameter: Figure


@dataclass(frozen=True, eq=False)
class Shape:
    """The geometry of one region's cell.

    A figure is a `Fraction` where it is exact, an `Interval` that certainly contains it, an
    `Estimate` where it was sampled, or `Unknown` with the reason.

    Attributes
    ----------
    pattern
        That of the region.
    origins
        Of all rows: units and sides of the domain.
    facets
        The rows that are facets.
    undecided
        Rows that may be facets; none unless a limit came first.
    neighbours
        The regions beyond the facets.
    radius, center
        Of the largest ball in the cell; the centre is a point x.
    bounded
        Whether the cell is; None if a limit came first.
    widths, volume
        See there; the volume is that of the cell's dimension, within the domain's hull.
    vertices
        If they were asked for, and there are some: points x.
    weight, bias
        The network's affine map on the cell.
    distance
        From the point that was given to the boundary of the cell; None without a point.
    distance_units
        The same where the sides of the domain do not count.
    """

    pattern: Pattern
    dim: int
    origins: tuple[Unit | Side, ...]
    facets: tuple[Facet, ...]
    undecided: tuple[int, ...]
    neighbours: tuple[Neighbour, ...]
    radius: Certain
    center: tuple[Fraction, ...]
    bounded: bool | None
    widths: Widths
    volume: Figure
    vertices: tuple[tuple[Fraction, ...], ...] | None
    weight: ExactMatrix
    bias: ExactMatrix
    distance: Figure | None
    distance_units: Figure | None
    domain: str
    seconds: float
    body: Body = field(repr=False)

    @property
    def complete(self) -> bool:
        """Whether all facets are known."""
        return not self.undecided
