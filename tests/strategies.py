"""Hypothesis strategies: small networks and domains, degenerate on purpose.

`problems` draws a network with a domain of its dimension, both in plain form
(`tests.plain`), from which `build()` makes the project's objects. Weights are small integers,
dyadic rationals or, rarely, thirds, so that hyperplanes meet in common points, are parallel,
repeated and opposite, and units are dead or identically zero, far more often than by chance.
Near misses of all that, by 2^-50 or so, are drawn as well: no tolerance gets both right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from tests.plain import PlainDomain, PlainNetwork, cube, polytope, space

SMALL_INTEGERS = st.sampled_from([0, 1, -1, 2, -2])
HALVES = st.sampled_from([Fraction(k, 2) for k in (0, 1, -1, 2, -2, 3, -3, 4, -4)])
LEVELS = st.sampled_from([Fraction(0), Fraction(1), Fraction(-1), Fraction(1, 2), Fraction(-3, 2)])
FORMS = (
    "cube", "box", "half-infinite", "ball", "polytope", "cone",
    "segment", "slice", "space", "intersection",
)  # fmt: skip
BOUNDED = ("cube", "box", "ball", "polytope", "segment", "intersection")
SELECTION = st.sampled_from([0, 1])  # identities, permutations, sums of a few inputs
TINY = st.sampled_from([Fraction(s, d) for d in (2**20, 2**48, 2**60, 10**30) for s in (1, -1)])
Draw = Any


@dataclass(frozen=True)
class Problem:
    """A network and a domain in its input space."""

    network: PlainNetwork
    domain: PlainDomain


@st.composite
def problems(
    draw: Draw,
    forms: Sequence[str] = FORMS,
    max_inputs: int = 3,
    max_layers: int = 3,
    max_units: int = 9,
    chain: bool = False,
) -> Problem:
    """A network and a domain of its dimension, of one of these forms."""
    least = 2 if all(form == "slice" for form in forms) else 1
    network = draw(networks(least, max_inputs, max_layers, max_units, chain))
    return Problem(network, draw(domains(network.inputs, forms)))


# --------------------------------------------------------------------------- networks


@st.composite
def networks(
    draw: Draw,
    min_inputs: int = 1,
    max_inputs: int = 3,
    max_layers: int = 3,
    max_units: int = 9,
    chain: bool = False,
) -> PlainNetwork:
    """A small network; with ``chain`` every layer, the output too, reads the layer before only."""
    inputs = draw(st.integers(min_inputs, max_inputs))
    depth = draw(st.integers(1, max_layers))
    left = max_units
    widths = []
    for k in range(depth):
        most = min(6, left - (depth - 1 - k))
        widths.append(draw(st.integers(min(2, most), most)))
        left -= widths[-1]
    numbers = draw(st.sampled_from([SMALL_INTEGERS, SMALL_INTEGERS, HALVES, SELECTION]))
    center = draw(st.tuples(*[LEVELS] * inputs)) if draw(st.booleans()) else None
    layers: list[tuple] = []
    for k, width in enumerate(widths):
        earlier = [inputs, *widths[:k]]
        skips = k > 0 and not chain and draw(st.booleans())
        units: list[tuple] = []
        for _ in range(width):
            units.append(draw(_units(earlier, numbers, units, skips, center if k == 0 else None)))
        layers.append(tuple(units))
    storage = draw(st.sampled_from(["floats", "floats", "rationals", "sparse"]))
    outputs = ()
    if not chain and draw(st.booleans()):
        size = inputs + sum(widths)
        outputs = ((tuple(draw(st.tuples(*[SMALL_INTEGERS] * size))), draw(LEVELS)),)
    return PlainNetwork(inputs, tuple(layers), outputs, storage)


@st.composite
def _units(
    draw: Draw,
    earlier: list[int],
    numbers: st.SearchStrategy,
    siblings: Sequence[tuple],
    skips: bool,
    center: tuple | None,
) -> tuple:
    """One unit (weights, bias); ``earlier`` are the sizes of the sources, the input first."""
    size = sum(earlier)
    kind = draw(
        st.sampled_from(
            ["free"] * 6
            + ["zero", "dead", "cancel"]
            + (["same", "opposite", "parallel", "multiple", "nearly", "faint"] if siblings else [])
        )
    )
    if kind == "zero":
        return (0,) * size, draw(LEVELS)
    if kind in ("same", "opposite", "parallel", "multiple", "nearly", "faint"):
        weights, bias = draw(st.sampled_from(list(siblings)))
        if kind == "nearly":
            first = 0 if skips or len(earlier) == 1 else size - earlier[-1]
            moved = draw(st.integers(first, size))  # one weight, or the bias
            away = [draw(TINY) if k == moved else 0 for k in range(size + 1)]
            return tuple(w + d for w, d in zip(weights, away, strict=False)), bias + away[-1]
        if kind == "opposite":
            return tuple(-w for w in weights), -bias
        if kind == "parallel":
            return weights, bias + draw(LEVELS)
        factors = {
            "same": [1],
            "multiple": [2, Fraction(1, 2), Fraction(1, 3)],
            "faint": [Fraction(1, 2**70), Fraction(1, 2**1070), Fraction(1, 10**400)],
        }
        factor = draw(st.sampled_from(factors[kind]))
        return tuple(factor * w for w in weights), factor * bias
    if kind == "dead" and len(earlier) > 1:  # minus a sum of ReLUs, minus something
        start = earlier[0] if skips else size - earlier[-1]
        below = draw(st.tuples(*[st.sampled_from([0, -1, -2])] * (size - start)))
        return (0,) * start + below, draw(st.sampled_from([0, 0, -1]))
    if kind == "dead":
        return tuple(draw(st.tuples(*[numbers] * size))), -100
    if kind == "cancel" and skips:  # ± (input − ReLU): identically zero on some regions
        weights = [0] * size
        weights[draw(st.integers(0, earlier[0] - 1))] = draw(st.sampled_from([1, -1]))
        weights[draw(st.integers(earlier[0], size - 1))] = draw(st.sampled_from([1, -1]))
        return tuple(weights), 0
    start = 0 if skips or len(earlier) == 1 else size - earlier[-1]
    weights = (0,) * start + tuple(draw(st.tuples(*[numbers] * (size - start))))
    if center is not None and draw(st.booleans()):  # concurrent hyperplanes
        return weights, -sum(w * c for w, c in zip(weights, center, strict=True))
    return weights, draw(st.one_of(st.just(0), LEVELS))


# ---------------------------------------------------------------------------- domains


def domains(dim: int, forms: Sequence[str] = FORMS) -> st.SearchStrategy[PlainDomain]:
    """A domain of this dimension and of one of these forms; flat and touching ones included."""
    known = {
        "cube": st.just(cube(dim)),
        "box": _boxes(dim, infinite=False),
        "half-infinite": _boxes(dim, infinite=True),
        "ball": _balls(dim),
        "polytope": _polytopes(dim, bounded=True),
        "cone": _polytopes(dim, bounded=False),
        "segment": _spans(dim, 1),
        "space": st.just(space(dim)),
        "intersection": _intersections(dim),
    }
    if dim >= 2:
        known["slice"] = _spans(dim, 2)
    return st.one_of([known[form] for form in forms if form in known])


@st.composite
def _intersections(draw: Draw, dim: int) -> PlainDomain:
    firsts = [st.just(cube(dim, -2, 2)), _boxes(dim, infinite=False), _polytopes(dim, bounded=True)]
    first = draw(st.one_of(firsts))
    others = [_polytopes(dim, bounded=False), _boxes(dim, infinite=False), _spans(dim, 1)]
    if dim >= 2:
        others.append(_spans(dim, 2))
    return PlainDomain(dim, "intersection", (first, draw(st.one_of(others))))


@st.composite
def _balls(draw: Draw, dim: int) -> PlainDomain:
    radius = draw(st.sampled_from([1, Fraction(1, 2), Fraction(3, 2), Fraction(1, 3), 2, 0]))
    center = draw(st.one_of(st.just((0,) * dim), _points(dim)))
    return PlainDomain(dim, "ball", (center, radius))


def _points(dim: int) -> st.SearchStrategy[tuple]:
    return st.tuples(*[LEVELS] * dim)


@st.composite
def _boxes(draw: Draw, dim: int, infinite: bool) -> PlainDomain:
    """Corners on the same coarse grid as the hyperplanes, so that these touch them."""
    lower, upper = [], []
    for _ in range(dim):
        low = draw(st.sampled_from([-2, -1, 0, Fraction(-1, 2)]))
        width = draw(st.sampled_from([2, 1, 3, Fraction(1, 2), 2, 0, Fraction(1, 2**40)]))
        sides = draw(st.sampled_from(["low", "high", "none", "both"])) if infinite else "both"
        lower.append(low if sides in ("both", "low") else None)
        upper.append(low + width if sides in ("both", "high") else None)
    return PlainDomain(dim, "box", (tuple(lower), tuple(upper)))


@st.composite
def _polytopes(draw: Draw, dim: int, bounded: bool) -> PlainDomain:
    """Rows around one point: through it, beside it, in opposite pairs (hidden equalities)."""
    inside = draw(_points(dim))
    rows: list[tuple] = []
    for _ in range(draw(st.integers(1, 3))):
        a = draw(st.tuples(*[SMALL_INTEGERS] * dim))
        at = sum((w * c for w, c in zip(a, inside, strict=True)), Fraction(0))
        rows.append(
            (a, at + draw(st.sampled_from([0, 0, 1, Fraction(1, 2), 2, Fraction(1, 2**50)])))
        )
        if draw(st.sampled_from([False, False, False, True])):
            rows.append((tuple(-w for w in a), -rows[-1][1]))
    if bounded:
        for j in range(dim):
            side = tuple(int(i == j) for i in range(dim))
            rows += [(side, 2), (tuple(-w for w in side), 2)]
    return polytope(draw(st.permutations(rows)), dim)


@st.composite
def _spans(draw: Draw, dim: int, directions: int) -> PlainDomain:
    """A segment (one direction) or a slice (two independent ones)."""
    origin = draw(_points(dim))
    steps = [draw(st.tuples(*[SMALL_INTEGERS] * dim).filter(any))]
    if directions == 2:
        first = steps[0]

        def independent(step: tuple) -> bool:
            pairs = [(i, j) for i in range(dim) for j in range(i)]
            return any(first[i] * step[j] != first[j] * step[i] for i, j in pairs)

        steps.append(draw(st.tuples(*[SMALL_INTEGERS] * dim).filter(independent)))
    points = [tuple(p + q for p, q in zip(origin, step, strict=True)) for step in steps]
    return PlainDomain(dim, "segment" if directions == 1 else "slice", (origin, *points))
