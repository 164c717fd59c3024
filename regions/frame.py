"""`Frame`: a domain in its own coordinates, where it has full dimension.

A domain may be flat: a box side with equal ends, a slice, inequalities that force an equality.  Its
affine hull is {p + B u}; in the coordinates u the domain is {l <= u <= h, G u <= g} with a strictly
interior point, and everything else is computed there (meanings §2.4).  All of it is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from flint import fmpq

from regions.constraints import Bounds, Constraints, Span, unbounded
from regions.domain_base import Domain
from regions.errors import DomainError
from regions.network import Layer, Network
from solvers.backend import Backend
from solvers.exact_matrix import ExactMatrix
from solvers.interior import Implied, Inside, strict_interior
from solvers.rational import nearest, rational, row_echelon

Vector = tuple[fmpq, ...]
SparseRow = tuple[dict[int, fmpq], fmpq, str]  # coefficients, right-hand side, name


@dataclass(frozen=True, eq=False)
class Frame:
    """The set {p + B u : l <= u <= h, G u <= g}, with a strictly interior point.

    Attributes
    ----------
    origin, basis
        p of length n and B of shape (n, d), columns independent.
    lower, upper
        l and h, of length d; None where there is no bound.
    rows, limits, names
        G (m, d), g, and where each row comes from; no row has fewer than two non-zero entries.
    interior
        Coordinates of a point strictly inside all bounds and rows.
    """

    origin: Vector
    basis: ExactMatrix
    lower: Bounds
    upper: Bounds
    rows: ExactMatrix
    limits: Vector
    names: tuple[str, ...]
    interior: Vector

    @property
    def dim(self) -> int:
        """Dimension d of the domain."""
        return len(self.lower)

    @property
    def is_bounded_box(self) -> bool:
        """Whether every coordinate has both bounds."""
        return None not in self.lower and None not in self.upper

    def box(self) -> tuple[np.ndarray, np.ndarray]:
        """The bounds as doubles, rounded outwards; infinities where there is none."""
        low = [-np.inf if q is None else rounded(q, -1) for q in self.lower]
        high = [np.inf if q is None else rounded(q, 1) for q in self.upper]
        return np.array(low, dtype=float), np.array(high, dtype=float)

    def point(self, coordinates: Sequence[fmpq]) -> Vector:
        """The point x = p + B u."""
        result = list(self.origin)
        rows, cols, values, exact = self.basis.entries
        entries = [rational(v) for v in values.tolist()] if exact is None else exact
        for i, j, value in zip(rows.tolist(), cols.tolist(), entries, strict=True):
            result[i] += value * coordinates[j]
        return tuple(result)

    def pull(self, network: Network) -> Network:
        """The network as a function of the coordinates: u to f(p + B u).

        Raises
        ------
        DomainError
            If a composed weight is too large: an inexact one above 1e280.
        """
        shifted = any(self.origin)
        if self.basis.is_identity and not shifted:
            return network
        column = ExactMatrix.column(np.array(self.origin, dtype=object))

        def pulled(layer: Layer) -> Layer:
            weights, bias = [], layer.bias
            for source, block in layer.weights:
                if source == 0:
                    if shifted:
                        bias = bias + (block @ column).to_dense()
                    block = block @ self.basis
                weights.append((source, block))
            return replace(layer, weights=tuple(weights), bias=bias)

        try:
            layers = tuple(pulled(layer) for layer in network.layers)
            output = pulled(network.output)
        except ValueError as error:
            raise DomainError(f"the network in the domain's own coordinates: {error}") from error
        return Network(self.dim, layers, output, network.origin)

    @staticmethod
    def of(
        domain: Domain, backend: Backend | None = None, stop: Callable[[], bool] | None = None
    ) -> Frame:
        """The frame of a domain.

        `backend` may propose the interior point (it is checked); `stop` is polled meanwhile.

        Raises
        ------
        DomainError
            If the domain is empty.
        Stopped
            When `stop` returned true.
        """
        constraints = domain.constraints()
        builder = _Builder.of(constraints, domain)
        while True:
            found = strict_interior(
                builder.lower,
                builder.upper,
                [row for row, _, _ in builder.rows],
                [limit for _, limit, _ in builder.rows],
                backend,
                stop,
            )
            if isinstance(found, Inside):
                return builder.frame(found.point)
            if not isinstance(found, Implied):
                raise _empty(domain, "its inequalities contradict each other")
            builder = builder.reduced(found)


def rounded(q: fmpq, direction: int) -> float:
    """The double nearest to q on the side of `direction`, 1 or -1, or q itself."""
    value = nearest(q)
    if (rational(value) - q) * direction < 0:
        return float(np.nextafter(value, direction * np.inf))
    return value


def _empty(domain: Domain, why: str) -> DomainError:
    return DomainError(
        f"the domain {domain.spec} is empty ({why}); regions are counted in a set with points: "
        "widen its bounds"
    )


@dataclass(frozen=True)
class _Builder:
    """Coordinates under construction: x = p + B u with bounds and rows in u."""

    domain: Domain
    origin: Vector
    basis: ExactMatrix
    lower: Bounds
    upper: Bounds
    rows: tuple[SparseRow, ...]

    @staticmethod
    def of(constraints: Constraints, domain: Domain) -> _Builder:
        crossing = constraints.crossing()
        if crossing is not None:
            raise _empty(domain, f"the bounds of coordinate {crossing} exclude each other")
        dim = constraints.dim
        rows = list(_matrix_rows(constraints.A, constraints.b, constraints.row_names))
        if not constraints.span:
            start = _Builder(
                domain,
                (fmpq(0),) * dim,
                ExactMatrix.identity(dim),
                constraints.lower,
                constraints.upper,
                tuple(rows),
            )
            return start.tidied()
        span, extra = _common_span(constraints.span, domain)
        for i, (low, high) in enumerate(zip(constraints.lower, constraints.upper, strict=True)):
            if low is not None:
                rows.append(({i: fmpq(-1)}, -low, f"lower bound of coordinate {i}"))
            if high is not None:
                rows.append(({i: fmpq(1)}, high, f"upper bound of coordinate {i}"))
        size = len(span.lower)
        blank = _Builder(domain, span.origin, span.directions, unbounded(size), unbounded(size), ())
        inside = tuple(blank.in_coordinates(row) for row in rows) + tuple(extra)
        return replace(blank, lower=span.lower, upper=span.upper, rows=inside).tidied()

    def in_coordinates(self, row: SparseRow) -> SparseRow:
        """A row over x, rewritten over u."""
        coefficients, limit, name = row
        result: dict[int, fmpq] = {}
        for i, a in coefficients.items():
            limit -= a * self.origin[i]
            cols, values = self.basis.row(i)
            for j, value in zip(cols.tolist(), values, strict=True):
                result[j] = result.get(j, fmpq(0)) + a * value
        return {j: a for j, a in result.items() if a}, limit, name

    def tidied(self) -> _Builder:
        """Rows of one entry become bounds, constant rows vanish, equal bounds are substituted."""
        lower, upper, rows = list(self.lower), list(self.upper), []
        for coefficients, limit, name in self.rows:
            if not coefficients:
                if limit < 0:
                    raise _empty(self.domain, f"{name} holds nowhere")
            elif len(coefficients) == 1:
                ((j, a),) = coefficients.items()
                bound = limit / a
                old = upper[j] if a > 0 else lower[j]
                if a > 0 and (old is None or bound < old):
                    upper[j] = bound
                if a < 0 and (old is None or bound > old):
                    lower[j] = bound
            else:
                rows.append((coefficients, limit, name))
        for j, (low, high) in enumerate(zip(lower, upper, strict=True)):
            if low is not None and high is not None and low > high:
                raise _empty(self.domain, f"the bounds of coordinate {j} exclude each other")
        fixed = {j: low for j, low in enumerate(lower) if low is not None and low == upper[j]}
        tidy = replace(self, lower=tuple(lower), upper=tuple(upper), rows=tuple(rows))
        if not fixed:
            return tidy
        keep = [j for j in range(len(lower)) if j not in fixed]
        shift = tuple(fixed.get(j, fmpq(0)) for j in range(len(lower)))
        pick = ExactMatrix.from_entries(
            keep, np.arange(len(keep)), np.ones(len(keep)), (len(lower), len(keep))
        )
        return tidy.substituted(shift, pick, keep)

    def substituted(self, shift: Vector, pick: ExactMatrix, keep: Sequence[int]) -> _Builder:
        """Set u = shift + pick·v; u_j is v_k for the k-th j of `keep`, the others get rows."""
        inner = replace(self, origin=shift, basis=pick)
        rows = [inner.in_coordinates(row) for row in self.rows]
        kept = set(keep)
        for j, (low, high) in enumerate(zip(self.lower, self.upper, strict=True)):
            if j in kept or low == high:
                continue
            if low is not None:
                rows.append(inner.in_coordinates(({j: fmpq(-1)}, -low, f"lower bound {j}")))
            if high is not None:
                rows.append(inner.in_coordinates(({j: fmpq(1)}, high, f"upper bound {j}")))
        column = ExactMatrix.column(np.array(shift, dtype=object))
        moved = (self.basis @ column).dense()[:, 0]
        origin = tuple(p + q for p, q in zip(self.origin, moved, strict=True))
        return _Builder(
            self.domain,
            origin,
            self.basis @ pick,
            tuple(self.lower[j] for j in keep),
            tuple(self.upper[j] for j in keep),
            tuple(rows),
        ).tidied()

    def reduced(self, implied: Implied) -> _Builder:
        """The same set with the implied equalities substituted."""
        size = len(self.lower)
        table = []
        for index in implied.rows:
            coefficients, limit, _ = self.rows[index]
            table.append([coefficients.get(j, fmpq(0)) for j in range(size)] + [limit])
        for j, value in implied.fixed:
            table.append([fmpq(int(k == j)) for k in range(size)] + [value])
        echelon, pivots = row_echelon(table, size + 1)
        keep = [j for j in range(size) if j not in pivots]
        shift = [fmpq(0)] * size
        entries: list[tuple[int, int, fmpq]] = [(j, k, fmpq(1)) for k, j in enumerate(keep)]
        for row, pivot in zip(echelon, pivots, strict=True):
            shift[pivot] = row[size]
            entries += [(pivot, k, -row[j]) for k, j in enumerate(keep) if row[j]]
        pick = ExactMatrix.from_entries(
            [e[0] for e in entries],
            [e[1] for e in entries],
            np.array([e[2] for e in entries], dtype=object),
            (size, len(keep)),
        )
        return self.substituted(tuple(shift), pick, keep)

    def frame(self, interior: Vector) -> Frame:
        size = len(self.lower)
        entries = [(i, j, a) for i, (row, _, _) in enumerate(self.rows) for j, a in row.items()]
        matrix = ExactMatrix.from_entries(
            [e[0] for e in entries],
            [e[1] for e in entries],
            np.array([e[2] for e in entries], dtype=object),
            (len(self.rows), size),
        )
        return Frame(
            self.origin,
            self.basis,
            self.lower,
            self.upper,
            matrix,
            tuple(limit for _, limit, _ in self.rows),
            tuple(name for _, _, name in self.rows),
            interior,
        )


def _matrix_rows(
    matrix: ExactMatrix | None, limits: Sequence[fmpq], names: Sequence[str]
) -> list[SparseRow]:
    result = []
    for index, (limit, name) in enumerate(zip(limits, names, strict=True)):
        assert matrix is not None
        cols, values = matrix.row(index)
        result.append((dict(zip(cols.tolist(), values, strict=True)), limit, name))
    return result


def _common_span(spans: Sequence[Span], domain: Domain) -> tuple[Span, list[SparseRow]]:
    """One parametrisation of the points in all spans, and the bounds of the others as rows."""
    current, extra = spans[0], []
    for other in spans[1:]:
        first, second = current.directions.dense(), other.directions.dense()
        size, more = first.shape[1], second.shape[1]
        table = [
            [*first[i], *(-second[i]), other.origin[i] - current.origin[i]]
            for i in range(first.shape[0])
        ]
        echelon, pivots = row_echelon(table, size + more + 1)
        if size + more in pivots:
            raise _empty(domain, "its planes or lines do not meet")
        free = [j for j in range(size + more) if j not in pivots]
        shift = [fmpq(0)] * (size + more)
        pick = np.full((size + more, len(free)), fmpq(0), dtype=object)
        for k, j in enumerate(free):
            pick[j, k] = fmpq(1)
        for row, pivot in zip(echelon, pivots, strict=True):
            shift[pivot] = row[-1]
            for k, j in enumerate(free):
                pick[pivot, k] = -row[j]
        extra = [_through(row, shift, pick) for row in extra]
        for j, (low, high) in enumerate(
            zip((*current.lower, *other.lower), (*current.upper, *other.upper), strict=True)
        ):
            for bound, side in ((low, -1), (high, 1)):
                if bound is not None:
                    row = ({j: fmpq(side)}, side * bound, "end of a segment")
                    extra.append(_through(row, shift, pick))
        moved = first @ np.array(shift[:size], dtype=object)
        origin = tuple(p + q for p, q in zip(current.origin, moved, strict=True))
        directions = first @ pick[:size] if len(free) else np.empty((first.shape[0], 0), object)
        matrix = ExactMatrix.from_rationals(directions)
        current = Span(origin, matrix, unbounded(len(free)), unbounded(len(free)))
    return current, extra


def _through(row: SparseRow, shift: Sequence[fmpq], pick: np.ndarray) -> SparseRow:
    """A row over w, rewritten for w = shift + pick·v."""
    coefficients, limit, name = row
    result: dict[int, fmpq] = {}
    for j, a in coefficients.items():
        limit -= a * shift[j]
        for k in range(pick.shape[1]):
            result[k] = result.get(k, fmpq(0)) + a * pick[j, k]
    return {k: a for k, a in result.items() if a}, limit, name
