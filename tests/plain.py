"""Networks and domains as plain numbers, and the bridge from them to the project's objects.

The oracle reads the plain form, the project the built one: a disagreement is then about the
mathematics, not about two ways of writing the same test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Any, Literal

from tests.oracle import Number, Unit, _solutions, row

Storage = Literal["floats", "rationals", "sparse"]


@dataclass(frozen=True)
class PlainNetwork:
    """Layers as the oracle reads them: each unit weighs the inputs and all earlier ReLUs."""

    inputs: int
    layers: tuple[tuple[Unit, ...], ...]
    outputs: tuple[Unit, ...] = ()
    storage: Storage = "floats"

    @property
    def widths(self) -> tuple[int, ...]:
        return tuple(len(layer) for layer in self.layers)

    @property
    def relus(self) -> int:
        return sum(self.widths)

    def build(self) -> Any:
        """The same network as `regions.Network`, stored as `storage` says."""
        from regions.network import Network

        last = self.outputs or ((self._one_output(), 0),)
        return Network(
            inputs=self.inputs,
            layers=tuple(self._layer(units, k) for k, units in enumerate(self.layers)),
            output=self._layer(last, len(self.layers)),
        )

    def _one_output(self) -> tuple[int, ...]:
        """The sum of the last layer, so that a chain of layers stays one."""
        last = self.widths[-1]
        return (0,) * (self.inputs + self.relus - last) + (1,) * last

    def _layer(self, units: Sequence[Unit], earlier: int) -> Any:
        from regions.network import Layer
        from solvers.exact_matrix import ExactMatrix
        from solvers.rational import rationals

        bounds = [0, *accumulate((self.inputs, *self.widths[:earlier]))]
        blocks = []
        for source, (start, stop) in enumerate(pairwise(bounds)):
            block = [list(weights[start:stop]) for weights, _ in units]
            reads = any(value for line in block for value in line)
            if reads or source == earlier:  # the layer just before is always named
                blocks.append((source, self._matrix(block)))
        bias = ExactMatrix.column(rationals([value for _, value in units]))
        return Layer(weights=tuple(blocks), bias=bias)

    def _matrix(self, block: list[list]) -> Any:
        from solvers.exact_matrix import ExactMatrix
        from solvers.rational import rationals

        if self.storage == "floats" and all(is_double(value) for line in block for value in line):
            return ExactMatrix.from_floats([[float(value) for value in line] for line in block])
        if self.storage == "sparse":
            entries = [
                (i, j, value)
                for i, line in enumerate(block)
                for j, value in enumerate(line)
                if value
            ]
            rows, cols, values = zip(*entries, strict=True) if entries else ((), (), ())
            shape = (len(block), len(block[0]))
            return ExactMatrix.from_entries(rows, cols, rationals(list(values)), shape)
        return ExactMatrix.from_rationals(rationals(block))


def feed_forward(inputs: int, *layers: Sequence[Unit], storage: Storage = "floats") -> PlainNetwork:
    """A network whose layers read the layer just before: zero weights on everything earlier."""
    padded = []
    earlier = 0
    for units in layers:
        padded.append(tuple(((0,) * earlier + tuple(weights), bias) for weights, bias in units))
        earlier = earlier + inputs if not earlier else earlier + len(padded[-2])
    return PlainNetwork(inputs, tuple(padded), storage=storage)


def one_layer(weights: Sequence[Sequence], biases: Sequence | int = 0) -> PlainNetwork:
    """One ReLU layer with these rows; ``biases`` one number for all rows, or one for each."""
    values = [biases] * len(weights) if isinstance(biases, int) else biases
    return feed_forward(len(weights[0]), list(zip(weights, values, strict=True)))


def is_double(value: Number) -> bool:
    """Whether the number is exactly a double."""
    return Fraction(float(value)) == value


@dataclass(frozen=True)
class PlainDomain:
    """A domain by its form and numbers; `rows` are its inequalities, `build` our object.

    ``arguments``: box (lower, upper; None where infinite), ball (center, radius), polytope (A, b),
    slice (three points), segment (two points), space (), intersection (plain domains).
    """

    dim: int
    form: Literal["box", "ball", "polytope", "slice", "segment", "space", "intersection"]
    arguments: tuple = ()
    extra: tuple[tuple[tuple, Number], ...] = field(default=())

    @property
    def rows(self) -> list[tuple[tuple, Number]]:
        """Inequalities ``(a, b)``, meaning ``a · x <= b``."""
        return [*getattr(self, f"_{self.form}_rows")(*self.arguments), *self.extra]

    def cut(self, a: Sequence, b: Number) -> PlainDomain:
        """The part with ``a · x <= b``."""
        return replace(self, extra=(*self.extra, (tuple(a), b)))

    def build(self) -> Any:
        """The same set as a `regions` domain."""
        domain = getattr(self, f"_{self.form}")(*self.arguments)
        if not self.extra:
            return domain
        from regions.domain import Polytope

        return domain & Polytope([list(a) for a, _ in self.extra], [b for _, b in self.extra])

    def _unit(self, j: int, sign: int) -> tuple[int, ...]:
        return tuple(sign * (i == j) for i in range(self.dim))

    def _box_rows(self, lower, upper):
        tops = [(self._unit(j, 1), value) for j, value in enumerate(upper) if value is not None]
        floors = [(self._unit(j, -1), -value) for j, value in enumerate(lower) if value is not None]
        return tops + floors

    def _box(self, lower, upper):
        from regions.domain import Box

        infinity = float("inf")
        return Box(
            [-infinity if value is None else value for value in lower],
            [infinity if value is None else value for value in upper],
        )

    def _ball_rows(self, center, radius):
        return self._box_rows([c - radius for c in center], [c + radius for c in center])

    def _ball(self, center, radius):
        from regions.domain import Ball

        return Ball(list(center), radius)

    def _polytope_rows(self, matrix, right):
        return list(zip(matrix, right, strict=True))

    def _polytope(self, matrix, right):
        from regions.domain import Polytope

        return Polytope([list(line) for line in matrix], list(right))

    def _slice_rows(self, *points):
        return _span_rows(*points)

    def _slice(self, *points):
        from regions.domain import Slice

        return Slice(*(list(point) for point in points))

    def _segment_rows(self, start, end):
        j = next(j for j in range(self.dim) if start[j] != end[j])
        low, high = sorted((start[j], end[j]))
        ends = [(self._unit(j, 1), high), (self._unit(j, -1), -low)]
        return [*_span_rows(start, end), *ends]

    def _segment(self, *points):
        from regions.domain import Segment

        return Segment(*(list(point) for point in points))

    def _space_rows(self):
        return []

    def _space(self):
        from regions.domain import Space

        return Space(self.dim)

    def _intersection_rows(self, *parts):
        return [line for part in parts for line in part.rows]

    def _intersection(self, first, *parts):
        domain = first.build()
        for part in parts:
            domain = domain & part.build()
        return domain


def space(dim: int) -> PlainDomain:
    return PlainDomain(dim, "space")


def cube(dim: int, low: Number = -1, high: Number = 1) -> PlainDomain:
    return PlainDomain(dim, "box", ((low,) * dim, (high,) * dim))


def polytope(rows: Sequence[tuple[Sequence, Number]], dim: int) -> PlainDomain:
    """The set of these inequalities."""
    return PlainDomain(
        dim, "polytope", (tuple(tuple(a) for a, _ in rows), tuple(b for _, b in rows))
    )


def _span_rows(origin, *others):
    """The affine span of points: every normal n of all directions gives n·x = n·origin."""
    dim = len(origin)
    directions = [[p - q for p, q in zip(point, origin, strict=True)] for point in others]
    # the normals solve direction · n = 0; one basis vector per free coordinate
    forms = _solutions([(row(d, 0)[0], 0) for d in directions], dim)
    rows = []
    for k in range(len(forms[0]) - 1):
        normal = tuple(form[k] for form in forms)
        value = sum((Fraction(n) * p for n, p in zip(normal, origin, strict=True)), Fraction(0))
        rows += [(normal, value), (tuple(-n for n in normal), -value)]
    return rows
