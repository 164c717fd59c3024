"""Brute force over activation patterns in rational arithmetic: the referee of the tests.

It imports nothing of the project and works on plain nested lists of numbers:

- a **network** in normal form (meanings §2.1) is a list of layers, a layer a list of units, a unit
  a pair ``(weights, bias)`` with one weight for every input and then one for every ReLU of the
  earlier layers, in order: ``z = weights · (x, relu outputs so far) + bias``;
- a **domain** is a list of pairs ``(a, b)``, the set ``{x : a · x <= b for every pair}``. It may
  be flat, unbounded or empty.

Patterns are enumerated unit by unit. Once the bits of the earlier units are fixed, the next
pre-activation is affine in x, and its bit is one more strict or weak inequality; a prefix is
dropped only when its inequalities have no common solution. That is still all sign vectors, since
every pattern extends its prefixes.

The one decision, "do these strict and weak inequalities have a common solution?", is made by
Bland's rule on integers and then checked: *yes* comes with a point that is put into every
inequality, *no* with multipliers whose combination of the rows is put against zero. A wrong
pivot can therefore raise an ``AssertionError``, but not return a wrong set.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import gcd, lcm

Point = tuple[Fraction, ...]
#: One inequality over the integers: ``a · x <= b``, or ``a · x < b`` where strict.
Row = tuple[tuple[int, ...], int, bool]
#: An affine function ``u -> coefficients · u + constant``, kept as coefficients then constant.
Affine = list[Fraction]
Number = int | float | Fraction
Unit = tuple[Sequence[Number], Number]


def regions(layers: Sequence[Sequence[Unit]], domain: Sequence, dim: int) -> set[str]:
    """Patterns whose points in the relative interior of D have non-empty relative interior.

    Such a pattern holds an open piece of D's affine hull, on which every pre-activation that is
    not identically zero can be assumed non-zero. So: bit 1 asks for ``z > 0``, bit 0 for
    ``z < 0``, and a unit whose pre-activation is zero everywhere on the hull has bit 0 there.
    """
    frame = relative_interior(domain, dim)
    if frame is None:
        return set()
    coordinates, rows = frame
    free = len(coordinates[0]) - 1 if coordinates else 0
    point = solve(rows, free)
    assert point is not None, "a non-empty convex set has a non-empty relative interior"
    found: set[str] = set()
    _walk(layers, coordinates, rows, point, "", thin=False, found=found)
    return found


def patterns(layers: Sequence[Sequence[Unit]], domain: Sequence, dim: int) -> set[str]:
    """Patterns attained at a point of the closed domain, however thin the set of such points."""
    rows = [row(a, b) for a, b in domain]
    point = solve(rows, dim)
    if point is None:
        return set()
    coordinates = [[Fraction(i == j) for i in range(dim)] + [Fraction(0)] for j in range(dim)]
    found: set[str] = set()
    _walk(layers, coordinates, rows, point, "", thin=True, found=found)
    return found


def is_empty(domain: Sequence, dim: int) -> bool:
    """Whether no point satisfies all rows of the domain."""
    return solve([row(a, b) for a, b in domain], dim) is None


def pattern_at(layers: Sequence[Sequence[Unit]], x: Sequence) -> str:
    """The pattern of one point: bit 1 iff ``z > 0``."""
    values = [Fraction(value) for value in x]
    words = []
    for layer in layers:
        z = [_dot(weights, values) + Fraction(bias) for weights, bias in layer]
        words.append("".join("1" if value > 0 else "0" for value in z))
        values += [max(value, Fraction(0)) for value in z]
    return "/".join(words)


def relative_interior(domain: Sequence, dim: int) -> tuple[list[Affine], list[Row]] | None:
    """The affine hull of D in its own coordinates u, and its relative interior as strict rows.

    Returns the coordinates ``x_j`` as affine functions of u, and rows over u; ``None`` where D is
    empty. A row holds with equality on all of D exactly when D has no point that satisfies it
    strictly; the other rows, made strict, describe the relative interior (Rockafellar, Theorem
    6.5 with polyhedra: the average of one strict point per row satisfies all strictly).
    """
    rows = [row(a, b) for a, b in domain]
    if solve(rows, dim) is None:
        return None
    equalities, others = [], []
    for i, (a, b, _) in enumerate(rows):
        strict = [*rows[:i], (a, b, True), *rows[i + 1 :]]
        if solve(strict, dim) is None:
            equalities.append((a, b))
        else:
            others.append((a, b))
    coordinates = _solutions(equalities, dim)
    inner = []
    for a, b in others:
        form = _compose(a, -b, coordinates)
        if any(form[:-1]):  # a row that is constant on the hull holds strictly everywhere
            inner.append(row(form[:-1], -form[-1], strict=True))
        else:
            assert form[-1] < 0
    return coordinates, inner


def _walk(layers, coordinates, rows, point, word, *, thin, found):
    """Decide one layer inside the cell ``rows`` and go on with the next.

    ``coordinates`` are the affine functions that the layer reads (the inputs, then the ReLU
    outputs so far), ``point`` a solution of ``rows``.
    """
    if not layers:
        found.add(word[:-1])
        return
    forms = [_compose(weights, bias, coordinates) for weights, bias in layers[0]]
    zero = [Fraction(0)] * len(point) + [Fraction(0)]

    def decide(unit, rows, point, bits):
        if unit == len(forms):
            outputs = [form if bit == "1" else zero for form, bit in zip(forms, bits, strict=True)]
            _walk(
                layers[1:], coordinates + outputs, rows, point, word + bits + "/",
                thin=thin, found=found,
            )  # fmt: skip
            return
        form = forms[unit]
        if not thin and not any(form):
            decide(unit + 1, rows, point, bits + "0")
            return
        slope, constant = form[:-1], form[-1]
        positive = row([-c for c in slope], constant, strict=True)  # z > 0
        negative = row(slope, -constant, strict=not thin)  # z < 0, or z <= 0
        for bit, new in (("1", positive), ("0", negative)):
            child = [*rows, new]
            inside = point if _holds(new, point) else solve(child, len(point))
            if inside is not None:
                decide(unit + 1, child, inside, bits + bit)

    decide(0, rows, point, "")


# ------------------------------------------------------------- strict and weak inequalities


def row(a: Iterable[Number], b: Number, strict: bool = False) -> Row:
    """The inequality ``a · x <= b`` (``<`` where strict) scaled to coprime integers."""
    entries = [Fraction(value) for value in (*a, b)]
    scale = lcm(*(value.denominator for value in entries))
    whole = [value.numerator * (scale // value.denominator) for value in entries]
    divisor = gcd(*whole) or 1
    whole = [value // divisor for value in whole]
    return tuple(whole[:-1]), whole[-1], strict


def solve(rows: Sequence[Row], dim: int) -> Point | None:
    """A common solution of the inequalities, or ``None`` when there is none (checked both ways).

    Strict rows are ``a · x <= b - eps`` with an infinitely small eps > 0, so that values are
    pairs compared lexicographically. The slack variables ``s_i = b_i - strict_i eps - a_i · x``
    must all be >= 0. Each line ``[g, v, w, c...]`` of the dictionary says
    ``g · basic = v + w eps + c · nonbasic`` with ``g > 0``. Bland's least-index rule, as the dual
    simplex method with zero objective, ends after finitely many pivots.
    """
    count = len(rows)
    lines = [[1, b, -int(strict), *(-c for c in a)] for a, b, strict in rows]
    basic = list(range(count))
    nonbasic = [-1 - j for j in range(dim)]  # -1-j stands for the free variable x_j
    for j in range(dim):
        for i in range(count):
            if basic[i] >= 0 and lines[i][3 + j]:
                _pivot(lines, basic, nonbasic, i, j)
                break
    while True:
        leaving = min(
            (i for i in range(count) if basic[i] >= 0 and (lines[i][1], lines[i][2]) < (0, 0)),
            key=lambda i: basic[i],
            default=None,
        )
        if leaving is None:
            return _point(rows, lines, basic, dim)
        entering = min(
            (j for j in range(dim) if nonbasic[j] >= 0 and lines[leaving][3 + j] > 0),
            key=lambda j: nonbasic[j],
            default=None,
        )
        if entering is None:
            _check_contradiction(rows, lines[leaving], basic[leaving], nonbasic)
            return None
        _pivot(lines, basic, nonbasic, leaving, entering)


def _pivot(lines, basic, nonbasic, leaving, entering):
    """Exchange the basic variable of one line with one nonbasic variable."""
    at = 3 + entering
    line = lines[leaving]
    scale, coefficient = line[0], line[at]
    sign = -1 if coefficient > 0 else 1
    new = [sign * value for value in line]
    new[0] = abs(coefficient)
    new[at] = -sign * scale
    lines[leaving] = new
    basic[leaving], nonbasic[entering] = nonbasic[entering], basic[leaving]
    for i, other in enumerate(lines):
        factor = other[at]
        if i == leaving or not factor:
            continue
        combined = [new[0] * p + factor * q for p, q in zip(other, new, strict=True)]
        combined[0] = other[0] * new[0]
        combined[at] = factor * new[at]
        divisor = gcd(*combined)
        lines[i] = [value // divisor for value in combined] if divisor > 1 else combined


def _point(rows, lines, basic, dim) -> Point:
    """The basic solution with a concrete eps, put into every inequality."""
    eps = Fraction(1)
    for line, label in zip(lines, basic, strict=True):
        if label >= 0 and line[2] < 0:
            eps = min(eps, Fraction(line[1], -line[2]))
    x = [Fraction(0)] * dim
    for line, label in zip(lines, basic, strict=True):
        if label < 0:
            x[-1 - label] = (line[1] + line[2] * eps) / line[0]
    point = tuple(x)
    assert all(_holds(inequality, point) for inequality in rows)
    return point


def _check_contradiction(rows, line, label, nonbasic):
    """``g s_i - sum c_j s_j = v + w eps < 0`` with all multipliers >= 0, from the rows alone."""
    multipliers = {label: line[0]}
    for j, other in enumerate(nonbasic):
        if line[3 + j]:
            assert other >= 0 and line[3 + j] < 0
            multipliers[other] = -line[3 + j]
    for j in range(len(nonbasic)):
        assert sum(y * rows[i][0][j] for i, y in multipliers.items()) == 0
    total = sum(y * rows[i][1] for i, y in multipliers.items())
    assert total < 0 or (total == 0 and any(rows[i][2] for i in multipliers))


def _holds(inequality: Row, point: Point) -> bool:
    a, b, strict = inequality
    value = sum((c * v for c, v in zip(a, point, strict=True) if c), Fraction(0))
    return value < b if strict else value <= b


# ----------------------------------------------------------------------- linear algebra


def _dot(weights, values) -> Fraction:
    assert len(weights) == len(values)
    terms = (Fraction(w) * v for w, v in zip(weights, values, strict=True) if w)
    return sum(terms, Fraction(0))


def _compose(weights, bias, coordinates: list[Affine]) -> Affine:
    """``weights · coordinates + bias`` as an affine function of u."""
    assert len(weights) == len(coordinates)
    width = len(coordinates[0]) if coordinates else 1
    form = [Fraction(0)] * (width - 1) + [Fraction(bias)]
    for weight, coordinate in zip(weights, coordinates, strict=True):
        if weight:
            factor = Fraction(weight)
            form = [f + factor * c if c else f for f, c in zip(form, coordinate, strict=True)]
    return form


def _solutions(equalities: Sequence, dim: int) -> list[Affine]:
    """All solutions of the equations ``a · x = b`` as affine functions of free coordinates."""
    pivots: dict[int, list[Fraction]] = {}  # x_j = -(line · others) + line[-1], fully reduced
    for a, b in equalities:
        line = [Fraction(value) for value in (*a, b)]
        for j, known in pivots.items():
            line = [p - line[j] * q for p, q in zip(line, known, strict=True)]
        lead = next((j for j in range(dim) if line[j]), None)
        if lead is None:
            assert line[-1] == 0
            continue
        line = [value / line[lead] for value in line]
        for j, known in pivots.items():
            pivots[j] = [p - known[lead] * q for p, q in zip(known, line, strict=True)]
        pivots[lead] = line
    free = [j for j in range(dim) if j not in pivots]
    coordinates = []
    for j in range(dim):
        if j in pivots:
            coordinates.append([-pivots[j][k] for k in free] + [pivots[j][-1]])
        else:
            coordinates.append([Fraction(j == k) for k in free] + [Fraction(0)])
    return coordinates
