"""Uniform points of a bounded domain, and the regions that they lie in, decided exactly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from flint import fmpq

from regions.counting.tree import Stop
from regions.domain import Box, Domain, Polytope
from regions.errors import DomainError
from regions.frame import Frame
from regions.network import Layer, Network
from regions.pattern import Pattern
from regions.query.branches import Found
from regions.query.judging import CellJudge, Question
from regions.query.search import PatternSearch
from solvers.backend import Backend
from solvers.exact_matrix import ExactMatrix
from solvers.exact_simplex import Stopped
from solvers.float_rows import gamma
from solvers.rational import rational

SPARE = 8  # roundings beyond those of the products: of weights, of the bias, of sums over sources
TINY = 1e-300
BATCH = 256
MOST_MISSES = 1000  # batches without a point of the domain


@dataclass(frozen=True, eq=False)
class Uniform:
    """Uniform points of a domain that is bounded in its own coordinates u (see `Frame`).

    `network` is the network over u.
    """

    network: Network
    frame: Frame
    backend: Backend
    stop: Stop

    @staticmethod
    def of(
        network: Network, frame: Frame, domain: str, method: str, backend: Backend, stop: Stop
    ) -> Uniform:
        """Of a network over x.

        Raises
        ------
        DomainError
            If a coordinate has no bound.
        """
        if not frame.is_bounded_box:
            raise DomainError(
                f"estimate(): method {method!r} draws points uniformly, which needs bounds on "
                f"every coordinate, got the domain {domain}; intersect it with a box, or use "
                "method 'tree' or 'patterns', which take any domain"
            )
        return Uniform(frame.pull(network), frame, backend, stop)

    def points(self, rng: np.random.Generator) -> Iterator[np.ndarray]:
        """Points u one by one: uniform doubles of the box, those that fit the domain's rows.

        Raises
        ------
        DomainError
            If hardly a point of the box fits.
        Stopped
            When `stop` said so.
        """
        low, high = self.frame.box()
        misses = 0
        while True:
            if self.stop():
                raise Stopped
            batch = rng.uniform(low, high, (BATCH, self.frame.dim))
            # the box is rounded outwards: doubles strictly inside lie in the box itself
            fitting = batch[((batch > low) & (batch < high)).all(axis=1)]
            fitting = fitting[self._fit(fitting)]
            misses = 0 if len(fitting) else misses + 1
            if misses > MOST_MISSES:
                raise DomainError(
                    "estimate(): fewer than one in 100 000 points of the domain's box lies in the "
                    "domain, too few to draw from; give a domain that fills more of its box, or "
                    "use method 'tree'"
                )
            yield from fitting

    def _fit(self, points: np.ndarray) -> np.ndarray:
        rows, limits = self.frame.rows, self.frame.limits
        if not len(limits) or not len(points):
            return np.ones(len(points), dtype=bool)
        column = ExactMatrix.column(np.array([-limit for limit in limits], dtype=object))
        none = np.zeros_like(points.T)
        values, errors = _affine([(rows, points.T, none)], column)
        if rows.has_tiny or column.has_tiny:  # products may underflow
            errors = errors + np.inf
        fits = np.asarray((values < -errors).all(axis=0))
        for index in np.flatnonzero(~fits & (values <= errors).all(axis=0)).tolist():
            fits[index] = self._fits(points[index])
        return fits

    def _fits(self, point: np.ndarray) -> bool:
        u = [rational(value) for value in point.tolist()]
        for index, limit in enumerate(self.frame.limits):
            cols, values = self.frame.rows.row(index)
            terms = zip(cols.tolist(), values, strict=True)
            if sum((value * u[j] for j, value in terms), fmpq(0)) > limit:
                return False
        return True

    # -- the domain in its own coordinates ---------------------------------------------------

    @cached_property
    def own(self) -> Frame:
        """The frame of the set of all u; its hull is the whole space."""
        dim = self.frame.dim
        return replace(self.frame, origin=(fmpq(0),) * dim, basis=ExactMatrix.identity(dim))

    @cached_property
    def domain(self) -> Domain:
        """The set of all u, of dimension 1 or more."""
        box = Box(list(self.frame.lower), list(self.frame.upper))
        if not self.frame.limits:
            return box
        return box & Polytope(self.frame.rows, list(self.frame.limits))

    # -- patterns --------------------------------------------------------------------------

    def regions(self, points: np.ndarray) -> np.ndarray:
        """(k, units) the bits of a region at each of (k, d) points, all decided exactly.

        At a point on a boundary, one of the regions that meet there.
        """
        bits = np.zeros((len(points), self.network.relus), dtype=np.uint8)
        # floats say nothing about products that may underflow
        sure = np.full(len(points), not self.network.underflow)
        values = [points.T]
        errors = [np.zeros_like(points.T)]
        start = 0
        for layer in self.network.layers:
            z, error = self._layer(layer, values, errors)
            sure &= (np.abs(z) > error).all(axis=0)
            bits[:, start : start + layer.units] = (z > 0).T
            start += layer.units
            values.append(np.maximum(z, 0.0))
            errors.append(error)
        for index in np.flatnonzero(~sure).tolist():
            bits[index] = self._at(points[index])
        return bits

    def _layer(
        self, layer: Layer, values: list[np.ndarray], errors: list[np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        parts = [(block, values[source], errors[source]) for source, block in layer.weights]
        return _affine(parts, layer.bias)

    def _at(self, point: np.ndarray) -> np.ndarray:
        zero = self.network.zero_units(point)
        pattern = self.network.pattern(point)
        if zero:  # the units that are zero around the point keep bit 0; the others are free
            found = self._search.run(
                pattern.with_bits(dict.fromkeys(zero, None)), Question.INTERIOR
            )
            assert isinstance(found, Found), "some region's closure holds the point"
            pattern = found.pattern
        return flat(pattern)

    @cached_property
    def _judge(self) -> CellJudge:
        return CellJudge(self.frame, self.backend, self.stop)

    @cached_property
    def _search(self) -> PatternSearch:
        return PatternSearch(self.network, self.frame, self._judge)

    def close(self) -> None:
        """End the session of the linear programs, if one began."""
        if "_judge" in self.__dict__:
            self._judge.close()

    def pattern(self, bits: np.ndarray) -> Pattern:
        """The pattern with these bits."""
        cuts = np.cumsum(self.network.widths)[:-1]
        layers = [part.tolist() for part in np.split(bits, cuts)]
        return Pattern.from_bits(layers if self.network.layers else [])


def flat(pattern: Pattern) -> np.ndarray:
    """(units,) the bits of a full pattern."""
    layers = [np.asarray(layer, dtype=np.uint8) for layer in pattern.layers()]
    return np.concatenate([np.zeros(0, dtype=np.uint8), *layers])


def _affine(
    parts: list[tuple[ExactMatrix, np.ndarray, np.ndarray]], bias: ExactMatrix
) -> tuple[np.ndarray, np.ndarray]:
    """(units, k) values of Σ W_s v_s + b in floats, and bounds on their errors.

    Each part is (W_s, v_s, bound of the errors of v_s).  γ covers the products and sums, and
    weights that are no doubles, which are rounded once.
    """
    shift = np.asarray(bias.approx, dtype=float)
    terms = sum(block.shape[1] for block, _, _ in parts) + SPARE + len(parts)
    count = parts[0][1].shape[1] if parts else 1
    total = np.repeat(shift, count, axis=1)
    size, spread = np.abs(total), np.zeros_like(total)
    for block, values, errors in parts:
        total = total + block.approx @ values
        size = size + block.magnitude @ np.abs(values)
        spread = spread + block.magnitude @ errors
    error = gamma(terms) * (size + spread) + spread * (1 + gamma(terms))
    return total, error * (1 + 1e-12) + TINY
