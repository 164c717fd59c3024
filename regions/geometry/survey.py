"""Everything about one body, in the order of its cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from flint import fmpq

from regions.counting.points import ExactPoint
from regions.counting.tree import Stop
from regions.figures import Certain, Figure, Interval, Unknown, between, bounds
from regions.geometry import sampling
from regions.geometry.body import Body
from regions.geometry.by_vertices import Vertices
from regions.geometry.centred import Centred
from regions.geometry.extents import INFINITE, Extents
from regions.geometry.facets import Facets, facets
from regions.geometry.shape import Widths
from regions.geometry.unbounded import is_bounded
from regions.geometry.volume import volume
from solvers.backend import Backend
from solvers.exact_simplex import Stopped
from solvers.rational import floats, fraction, rationals
from solvers.skeleton import TooLarge

AXES_DIM = 32  # beyond, widths along all inputs only if asked for
EXACT_L1 = 6  # inputs up to which min_l1 tries all signs
SAMPLED_DIM = 20  # beyond, hit-and-run takes too long
DIRECTIONS = 4000  # of a sampled mean width, from vertices
FEW_DIRECTIONS = 400  # the same, from linear programs


@dataclass(frozen=True)
class Wanted:
    """What `measure` computes besides the facets and the ball."""

    directions: Sequence[Sequence[fmpq]] = ()
    vertices: bool = False
    axes: bool | None = None
    seed: int = 0
    samples: int | None = None


@dataclass(frozen=True, eq=False)
class Survey:
    """What `survey` found out about a body."""

    facets: Facets
    radius: Certain
    center: ExactPoint
    bounded: bool | None
    widths: Widths
    volume: Figure
    vertices: tuple[tuple[Fraction, ...], ...] | None


def survey(body: Body, backend: Backend, stop: Stop, wanted: Wanted) -> Survey:
    """Everything about a body, in the order of its cost."""
    return _Surveyor(body, backend, stop, wanted).run()


@dataclass(eq=False)
class _Surveyor:
    body: Body
    backend: Backend
    stop: Stop
    wanted: Wanted
    unknown: Unknown = field(default_factory=lambda: Unknown("a limit came first"))

    def run(self) -> Survey:
        body = self.body
        centred = Centred.of(body, body.interior)
        everything = range(len(body))
        large = Extents(centred, everything, self.backend, self.stop)
        if large.is_small or body.dim <= 10:
            found = facets(centred, self.backend, self.stop, seed=self.wanted.seed)
            rows = [f.row for f in found.facets] if found.complete else list(everything)
            self.extents = Extents(centred, rows, self.backend, self.stop)
            radius, center = self._ball(self.extents)
        else:  # around the centre of the ball rays find more facets
            radius, center = self._ball(large)
            centred = Centred.of(body, center)
            found = facets(centred, self.backend, self.stop, seed=self.wanted.seed)
            rows = [f.row for f in found.facets] if found.complete else list(everything)
            self.extents = Extents(centred, rows, self.backend, self.stop)
        self.facets, self.centred, self.rows = found, centred, rows
        self.radius = radius
        self.bounded = self._bounded()
        self.corners: Vertices | None = None
        if self.bounded and found.skeleton is not None:
            self.corners = Vertices(body, found.skeleton)
        widths = self._widths()
        return Survey(found, radius, center, self.bounded, widths, self._volume(), self._vertices())

    def _ball(self, extents: Extents) -> tuple[Certain, ExactPoint]:
        try:
            return extents.ball()
        except Stopped:
            return Interval(0.0, float("inf")), self.body.interior

    def _bounded(self) -> bool | None:
        skeleton = self.facets.skeleton
        if skeleton is not None:
            return skeleton.is_bounded
        try:
            return is_bounded(self.centred, self.rows, self.stop)
        except Stopped:
            return None

    # -- widths --------------------------------------------------------------------------------

    def _widths(self) -> Widths:
        if not self.body.dim:
            zero = Fraction(0)
            inputs = len(self.body.frame.origin)
            along = (zero,) * len(self.wanted.directions)
            return Widths((zero,) * inputs, along, zero, zero, zero, zero, zero)
        axis = self._axis()
        along = tuple(self._width(c) for c in self.wanted.directions)
        linf = self._min_linf(axis)
        l1 = self._min_l1(linf)
        return Widths(
            axis, along, linf, l1, self._min_l2(l1, linf, axis), self._mean(), self._diameter(axis)
        )

    def _axis(self) -> tuple[Certain, ...] | None:
        inputs = len(self.body.frame.origin)
        if self.wanted.axes is False or (self.wanted.axes is None and inputs > AXES_DIM):
            return None
        if self.corners is not None:
            return tuple(self.corners.axis())
        units = ([fmpq(int(i == j)) for j in range(inputs)] for i in range(inputs))
        return tuple(self._width(unit) for unit in units)

    def _width(self, direction: Sequence[fmpq]) -> Certain:
        if self.corners is not None:
            return self.corners.width(direction)
        try:
            if self.stop():
                return Interval(0.0, float("inf"))
            return self.extents.width(direction)
        except Stopped:
            return Interval(0.0, float("inf"))

    def _min_linf(self, axis: tuple[Certain, ...] | None) -> Figure:
        inputs = len(self.body.frame.origin)
        low, _ = bounds(self.radius)
        if inputs <= AXES_DIM or self.wanted.axes:
            try:
                return self.extents.min_linf()
            except Stopped:
                pass
        # an axis that does not lie in the hull says nothing
        full = axis is not None and self.body.dim == inputs
        high = min(bounds(width)[1] for width in axis) if full and axis else float("inf")
        if self.body.dim == inputs and self.body.gram is None:
            ends = self.body.frame.box()
            high = min(high, float(np.nextafter(ends[1] - ends[0], np.inf).min()))
        return Interval(2 * low, max(high, 2 * low))

    def _min_l1(self, linf: Figure) -> Figure:
        inputs = len(self.body.frame.origin)
        if inputs <= EXACT_L1:
            try:
                return self.extents.min_l1()
            except Stopped:
                pass
        assert isinstance(linf, (Fraction, Interval))
        low, high = bounds(linf)
        # ‖c‖₁ <= n ‖c‖∞ and <= √n ‖c‖₂, and a body is at least as wide as its ball
        ball = 2 * bounds(self.radius)[0] / (inputs**0.5 * (1 + 1e-15))
        return Interval(max(low / inputs * (1 - 1e-15), ball), high)

    def _min_l2(self, l1: Figure, linf: Figure, axis: tuple[Certain, ...] | None) -> Figure:
        if self.corners is not None:
            try:
                return self.corners.min_l2()
            except TooLarge:
                pass
        assert isinstance(l1, (Fraction, Interval)) and isinstance(linf, (Fraction, Interval))
        low = max(bounds(l1)[0], 2 * bounds(self.radius)[0])
        high = bounds(linf)[1]
        if self.corners is not None:
            high = min(high, self.corners.narrow())
        return INFINITE if low == float("inf") else between(low, max(low, high))

    def _diameter(self, axis: tuple[Certain, ...] | None) -> Figure:
        if self.corners is not None:
            return self.corners.diameter()
        if self.bounded is False:
            return INFINITE
        low = 2 * bounds(self.radius)[0]
        high = self._box_diagonal()
        if axis is not None:
            pairs = [bounds(width) for width in axis]
            low = max(low, *(a for a, _ in pairs))
            high = min(high, float(np.linalg.norm([b for _, b in pairs]) * (1 + 1e-12)))
        return between(low, max(low, high))

    def _box_diagonal(self) -> float:
        """Of the bounds of the hull's coordinates, if these are inputs."""
        if self.body.gram is not None:
            return float("inf")
        low, high = self.body.frame.box()
        return float(np.linalg.norm(high - low) * (1 + 1e-12))

    def _mean(self) -> Figure:
        if self.bounded is None:
            return self.unknown
        if not self.bounded:
            return INFINITE
        if self.corners is not None:
            exact = self.corners.mean_width()
            if exact is not None:
                return exact
            number = self.wanted.samples or DIRECTIONS
            points = floats(np.array(self.corners.points, dtype=object))

            def by_vertices(ways: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
                values = ways @ points.T
                width = values.max(axis=1) - values.min(axis=1)
                return width, width

            return sampling.mean_width(
                self.centred, by_vertices, number, self.wanted.seed, "directions, by vertices"
            )
        if self.body.dim > AXES_DIM and not self.wanted.axes:
            return Unknown(
                f"{self.body.dim} dimensions are too many for vertices; --axes samples it by "
                "linear programs"
            )
        return self._mean_by_programs()

    def _mean_by_programs(self) -> Figure:
        number = self.wanted.samples or FEW_DIRECTIONS

        def by_programs(ways: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            found = [bounds(self._width(rationals(way).tolist())) for way in ways]
            if self.stop():
                raise Stopped
            return np.array([a for a, _ in found]), np.array([b for _, b in found])

        try:
            made = sampling.mean_width(
                self.centred, by_programs, number, self.wanted.seed, "directions, by programs"
            )
        except Stopped:
            return self.unknown
        return made if np.isfinite([made.low, made.high]).all() else Unknown("programs failed")

    # -- volume and vertices -----------------------------------------------------------------

    def _volume(self) -> Figure:
        if self.bounded is None:
            return self.unknown
        if not self.bounded:
            return INFINITE
        if self.facets.skeleton is not None:
            try:
                return volume(self.body, self.facets.skeleton)
            except TooLarge:
                pass
        if self.body.dim > SAMPLED_DIM:
            return Unknown(
                f"{self.body.dim} dimensions are too many, for vertices and for hit-and-run, which "
                f"estimates it in up to {SAMPLED_DIM}"
            )
        steps = self.wanted.samples or 50 + 15 * self.body.dim
        try:
            return sampling.volume(
                self.centred, np.array(self.rows), steps, self.wanted.seed, self.stop
            )
        except Stopped:
            return self.unknown

    def _vertices(self) -> tuple[tuple[Fraction, ...], ...] | None:
        skeleton = self.facets.skeleton
        if not self.wanted.vertices or skeleton is None:
            return None
        points = (self.body.point(u) for u in sorted(skeleton.vertices()))
        return tuple(tuple(fraction(q) for q in x) for x in points)
