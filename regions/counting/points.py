"""`Stock`: points strictly inside a cell, kept because their signs save linear programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from flint import fmpq

from solvers.float_rows import FloatRows
from solvers.rational import floats, rational, sign_at

ExactForm = tuple[Sequence[fmpq], fmpq]
ExactPoint = tuple[fmpq, ...]


@dataclass(frozen=True, eq=False)
class Stock:
    """Points (k, dim): doubles, or rationals where no double lies in a thin cell.

    `x` holds the doubles (the nearest ones where `rationals[i]` holds the point itself).
    """

    x: np.ndarray
    rationals: tuple[ExactPoint | None, ...]

    @staticmethod
    def of(points: Sequence[np.ndarray | ExactPoint], dim: int) -> Stock:
        """From doubles (arrays) and rationals (tuples)."""
        x = np.zeros((len(points), dim))
        kept: list[ExactPoint | None] = []
        for row, point in zip(x, points, strict=True):
            row[:] = point if isinstance(point, np.ndarray) else floats(np.array(point, object))
            if isinstance(point, np.ndarray):
                kept.append(None)
            else:
                pairs = zip(row.tolist(), point, strict=True)
                is_double = all(np.isfinite(v) and rational(v) == q for v, q in pairs)
                kept.append(None if is_double else point)
        return Stock(x, tuple(kept))

    def __len__(self) -> int:
        return len(self.rationals)

    @property
    def spread(self) -> np.ndarray | None:
        """Bounds on |true point - x|; None where all points are doubles."""
        if all(point is None for point in self.rationals):
            return None
        inexact = np.array([point is not None for point in self.rationals])
        return inexact[:, None] * (np.abs(self.x) * 2.0**-52 + 1e-300)

    def exact(self, index: int) -> ExactPoint:
        """One point as rationals."""
        point = self.rationals[index]
        return (
            tuple(rational(value) for value in self.x[index].tolist()) if point is None else point
        )

    def take(self, keep: np.ndarray) -> Stock:
        """The points with these indices."""
        return Stock(self.x[keep], tuple(self.rationals[i] for i in keep.tolist()))

    def joined(self, other: Stock) -> Stock:
        """These points, then the others."""
        return Stock(np.concatenate([self.x, other.x]), self.rationals + other.rationals)


def negated(form: ExactForm) -> ExactForm:
    """The form times -1."""
    coefficients, constant = form
    return [-a for a in coefficients], -constant


def signs(
    rows: FloatRows, stock: Stock, exact_form: Callable[[int], ExactForm]
) -> tuple[np.ndarray, int]:
    """Exact signs (points, rows) of affine forms at points, and how many needed rationals.

    A float sign counts only outside its error bound; inside it the form is evaluated exactly.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        values, error = rows.at(stock.x, stock.spread)
        result = np.sign(values).astype(np.int8)
        # not (|v| > e) rather than |v| <= e: a NaN is unsure too
        unsure = ~(np.abs(values) > error)
    found: dict[int, ExactPoint] = {}
    pairs = np.argwhere(unsure)
    for k, i in pairs.tolist():
        if k not in found:
            found[k] = stock.exact(k)
        coefficients, constant = exact_form(i)
        result[k, i] = sign_at(coefficients, constant, found[k])
    return result, len(pairs)
