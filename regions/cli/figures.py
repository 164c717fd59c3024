"""How figures are printed: exact, between bounds, estimated or unknown."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from regions.figures import Estimate, Figure, Interval, Unknown, bounds


def as_json(figure: Figure) -> Any:
    """A number if exact, null if infinite, else an object with low and high.

    >>> as_json(Fraction(1, 2)), as_json(Interval(1.0, 2.0)), as_json(Interval(math.inf, math.inf))
    (0.5, {'low': 1.0, 'high': 2.0}, None)
    """
    if isinstance(figure, Fraction):
        return float(figure) if abs(figure) < 10**300 else None
    if isinstance(figure, Interval):
        return None if figure.low == math.inf else {"low": figure.low, "high": figure.high}
    if isinstance(figure, Unknown):
        return {"low": None, "high": None, "why": figure.why}
    return {
        "value": figure.value,
        "low": figure.low,
        "high": figure.high,
        "confidence": figure.confidence,
        "method": figure.method,
        "samples": figure.samples,
        "seed": figure.seed,
    }


def as_text(figure: Figure) -> str:
    """For people.

    >>> as_text(Fraction(1, 6)), as_text(Interval(1.0, 1.0 + 1e-15)), as_text(Interval(1.0, 2.0))
    ('1/6', '1', '1 to 2')
    >>> as_text(Interval(0.5, math.inf))
    'at least 0.5'
    """
    if isinstance(figure, Unknown):
        return f"not computed: {figure.why}"
    if isinstance(figure, Estimate):
        share = f"{100 * figure.confidence:g}%"
        return (
            f"about {figure.value:.4g} ({share} of intervals such as {figure.low:.4g} to "
            f"{figure.high:.4g} contain it; {figure.method})"
        )
    if isinstance(figure, Fraction):
        text = str(figure)
        return text if len(text) <= 12 else f"{float(figure):.10g}"
    low, high = bounds(figure)
    if low == math.inf:
        return "infinite"
    if high == math.inf:
        return f"at least {low:.6g}"
    return f"{low:.10g}" if high - low <= 1e-9 * high else f"{low:.6g} to {high:.6g}"


def fields(figures: Mapping[str, Figure]) -> dict[str, Any]:
    """Several, as JSON."""
    return {name: as_json(figure) for name, figure in figures.items()}
