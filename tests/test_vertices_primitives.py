"""The compiled primitives of `solvers.vertices` against integers and rationals.

Errors are put where the bounds allow the most, so that a bound that forgets a term is too small.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from solvers.float_rows import gamma
from solvers.vertices import (
    UNIT,
    cut_edges,
    free_slot,
    lowest_bit,
    polish,
    popcount,
    values_at,
)
from tests.oracle import Number, _solutions

Vertices = dict[frozenset[int], tuple[Fraction, ...]]  # by the indices of their facets
Halfspace = tuple[tuple[Number, ...], Number]  # a·x + c >= 0


def value(form: Halfspace, x: Sequence[Number]) -> Fraction:
    a, c = form
    return sum((Fraction(w) * Fraction(p) for w, p in zip(a, x, strict=True)), Fraction(c))


def furthest(x: np.ndarray, true: Sequence[Number]) -> Fraction:
    return max(abs(Fraction(p) - Fraction(q)) for p, q in zip(x.tolist(), true, strict=True))


def zero_of(matrix: Sequence[Sequence[Number]], constant: Sequence[Number]) -> list[Fraction]:
    forms = _solutions(
        [(row, -Fraction(c)) for row, c in zip(matrix, constant, strict=True)], len(matrix)
    )
    assert all(len(form) == 1 for form in forms)
    return [form[0] for form in forms]


# ---------------------------------------------------------------------------- bits


def words() -> Iterator[int]:
    yield from (0, 1, 2**64 - 1)
    for k in range(64):
        yield from (1 << k, 2**64 - (1 << k))
    random = np.random.default_rng(0)
    for _ in range(500):
        yield int(random.integers(0, 2**64, dtype=np.uint64)) >> int(random.integers(64))


def test_popcount_is_the_number_of_ones():
    for word in words():
        assert popcount(np.uint64(word)) == word.bit_count()


def test_lowest_bit_is_the_first_one():
    for word in words():
        if word:
            assert lowest_bit(np.uint64(word)) == (word & -word).bit_length() - 1


# ---------------------------------------------------------------------------- clipping


class Cut:
    """One call of `cut_edges` on vertices that lie between others in their store."""

    def __init__(self, x: Any, error: Any, facets: Sequence[int], room: int = 200) -> None:
        x = np.atleast_2d(np.asarray(x, dtype=float))
        self.number, dim = x.shape
        room = max(room, 1)
        size = max(room, self.number)
        self.x = np.full((3, dim, size), np.nan)
        self.x[1, :, : self.number] = x.T
        self.error = np.full((3, size), np.nan)
        self.error[1, : self.number] = np.asarray(error, dtype=float)
        self.facets = np.full((3, size), np.uint64(2**64 - 1))
        self.facets[1, : self.number] = [np.uint64(word) for word in facets]
        self.above = 0

    def by(self, values: Any, slack: Any, slot: int, reach: float) -> int:
        values, slack = np.asarray(values, dtype=float), np.asarray(slack, dtype=float)
        sides = np.zeros((2, self.number + 1), dtype=np.int64)
        far = np.zeros(self.number + 1, dtype=np.uint64)
        made, self.above = cut_edges(
            self.x, self.error, self.facets, 1, self.number, values, slack, reach, slot, 2, sides,
            far,
        )  # fmt: skip
        self.sides = [sides[0, : self.above], sides[1, : self.number - self.above]]
        return int(made)

    @property
    def out_x(self) -> np.ndarray:
        return self.x[2].T

    @property
    def out_error(self) -> np.ndarray:
        return self.error[2]

    @property
    def out_facets(self) -> np.ndarray:
        return self.facets[2]


def cut_one_edge(
    ends: Any, errors: Any, values: Any, slack: Any, reach: float = 1.0
) -> tuple[np.ndarray, float]:
    """The crossing on an edge in two dimensions, and its error bound."""
    cut = Cut(ends, errors, [0b011, 0b110])
    assert cut.by(values, slack, 5, reach) == 1
    assert int(cut.out_facets[0]) == 0b100010
    return cut.out_x[0], float(cut.out_error[0])


def crossing(ends: Any, values: Any) -> list[Fraction]:
    """Where an affine function with these values at the ends of an edge vanishes."""
    p, q = ([Fraction(number) for number in end] for end in ends)
    above, below = map(Fraction, values)
    share = above / (above - below)
    return [a + share * (b - a) for a, b in zip(p, q, strict=True)]


@pytest.mark.parametrize("wrong", [0, 1])
@pytest.mark.parametrize("direction", [1, -1])
def test_a_crossing_inherits_the_error_of_the_end_beside_it(wrong: int, direction: int):
    true = [(0.0, 0.0), (1.0, 0.0)]
    ends = np.array(true)
    ends[wrong, 1] += direction * 2.0**-20
    errors = [0.0, 0.0]
    errors[wrong] = 2.0**-20
    values = [(2.0**-30, -1.0), (1.0, -(2.0**-30))][wrong]  # the crossing is close to that end
    x, error = cut_one_edge(ends, errors, values, [0.0, 0.0])
    assert furthest(x, crossing(true, values)) <= Fraction(error) <= Fraction(1.001 * 2**-20)


@pytest.mark.parametrize("wrong", [0, 1, (0, 1)])
@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("values", [(1.0, -1.0), (2.0**-10, -3.0), (3.0, -(2.0**-10))])
def test_a_crossing_moves_with_the_errors_of_the_values(wrong: Any, direction: int, values: tuple):
    ends = [(0.0, -1.0), (0.25, 1.0)]
    slack, true = [0.0, 0.0], list(values)
    for end in np.atleast_1d(wrong).tolist():
        slack[end] = 2.0**-20
        true[end] += direction * 2.0**-20  # the same way at both: the zero moves the most
    x, error = cut_one_edge(ends, [0.0, 0.0], values, slack)
    moved = furthest(x, crossing(ends, true))
    assert moved <= Fraction(error) <= Fraction(1.001 * 2**-20 * 2 / (values[0] - values[1]))
    assert moved > 0


@pytest.mark.parametrize("length", [2.0**-20, 2.0, 1.0])
def test_a_crossing_is_rounded(length: float):
    """Exact ends and values: short edges far from zero, and edges across the whole box."""
    random = np.random.default_rng(1)
    worst = 0.0
    for _ in range(3000):
        middle = 1 - length / 2
        p, q = random.uniform(0.9, 1, (2, 2)) * [[-length / 2], [length / 2]] + middle
        values = (float(random.uniform(0, 1)), -float(random.uniform(0, 0.1)))
        x, error = cut_one_edge([p, q], [0.0, 0.0], values, [0.0, 0.0])
        away = furthest(x, crossing([p.tolist(), q.tolist()], values))
        assert away <= Fraction(error) <= Fraction(20 * UNIT)
        worst = max(worst, float(away) / UNIT)
    assert worst > 0.4, "rounding is to be seen"


@pytest.mark.parametrize(("room", "made"), [(5, -1), (6, 6)])
def test_too_little_room_is_said(room: int, made: int):
    """A hyperplane between two and three vertices of a simplex in four dimensions: six edges."""
    corners = np.vstack([np.zeros(4), np.eye(4)])
    cut = Cut(corners, [0] * 5, [0b11111 ^ 1 << i for i in range(5)], room=room)
    assert cut.by([1, 1, -1, -1, -1], [0] * 5, 7, 1.0) == made


def test_both_sides_are_told_apart_in_order():
    cut = Cut([(0, 0), (1, 0), (1, 1), (0, 1)], [0] * 4, [0b0101, 0b0110, 0b1010, 0b1001])
    assert cut.by([1, -1, -1, 1], [0] * 4, 7, 1.0) == 2
    assert [side.tolist() for side in cut.sides] == [[0, 3], [1, 2]]


def test_vertices_without_a_common_edge_are_not_joined():
    cut = Cut([(0, 0), (1, 0), (1, 1), (0, 1)], [0] * 4, [0b0101, 0b0110, 0b1010, 0b1001])
    assert cut.by([3, 1, -1, 1], [0] * 4, 63, 1.0) == 2  # 3 and -1 are opposite corners
    made = {int(word) for word in cut.out_facets[:2]}
    assert made == {0b0010 | 1 << 63, 0b1000 | 1 << 63}


def all_vertices(halfspaces: Sequence[Halfspace], dim: int) -> Vertices:
    """Of a bounded polytope in general position: d hyperplanes at a time, tried one by one."""
    found: Vertices = {}
    for chosen in combinations(range(len(halfspaces)), dim):
        if len(_solutions([(halfspaces[i][0], 0) for i in chosen], dim)[0]) > 1:
            continue  # parallel, or otherwise dependent
        point = zero_of([halfspaces[i][0] for i in chosen], [halfspaces[i][1] for i in chosen])
        values = [value(h, point) for i, h in enumerate(halfspaces) if i not in chosen]
        assert all(values), "general position"
        if min(values) > 0:
            found[frozenset(chosen)] = tuple(point)
    return found


@pytest.mark.parametrize("dim", [1, 2, 3, 4])
@pytest.mark.parametrize("spread", [0.0, 2.0**-30])
def test_repeated_clipping_keeps_the_combinatorics_and_the_bounds(dim: int, spread: float):
    """The part of a box on one side of each of several hyperplanes, against its true vertices."""
    random = np.random.default_rng(dim)
    for _ in range(8 // dim):
        halfspaces: list[Halfspace] = []
        for k in range(dim):
            axis = [int(k == j) for j in range(dim)]
            halfspaces += [(tuple(axis), 1), (tuple(-a for a in axis), 1)]
        true = all_vertices(halfspaces, dim)
        x = np.array([[float(p) for p in point] for point in true.values()])
        x += random.choice([-spread, spread], x.shape)
        error = np.full(len(x), spread)
        facets = [sum(1 << i for i in names) for names in true]
        for _ in range(4):
            row = [int(w) for w in random.integers(-99, 100, dim)]
            form: Halfspace = (tuple(row), int(random.integers(-30, 100)) + Fraction(1, 2))
            a, c = np.array(row, dtype=float), float(form[1])
            values = x @ a + c
            size = gamma(dim + 2) * (np.abs(x) @ np.abs(a) + abs(c))
            slack = (size + np.abs(a).sum() * error) * 1.001
            assert (np.abs(values) > slack).all(), "every sign is certain"
            if not (values > 0).any():
                break  # nothing is left on this side
            slot = len(halfspaces)
            halfspaces.append(form)
            cut = Cut(x, error, facets)
            made = cut.by(values, slack, slot, 1.0)
            kept = np.flatnonzero(values > 0)
            x = np.concatenate([x[kept], cut.out_x[:made]])
            error = np.concatenate([error[kept], cut.out_error[:made]])
            facets = [facets[i] for i in kept] + [int(word) for word in cut.out_facets[:made]]
            true = all_vertices(halfspaces, dim)
            named = {sum(1 << i for i in names): point for names, point in true.items()}
            assert sorted(named) == sorted(facets)
            for point, bound, word in zip(x, error, facets, strict=True):
                assert furthest(point, named[word]) <= Fraction(bound)


def test_a_free_slot_is_one_that_no_vertex_has():
    words = np.array([[0, 0, 0], [0b0111, 0b1011, 2**64 - 1]], dtype=np.uint64)
    assert free_slot(words, 0, 3) == 0
    assert free_slot(words, 1, 2) == 4
    assert free_slot(words, 1, 3) == -1


def test_values_of_a_form_at_vertices():
    random = np.random.default_rng(3)
    rows = random.integers(-9, 10, (2, 5, 7)).astype(float)  # three coordinates, a constant, more
    x = random.integers(-9, 10, (4, 3, 6)).astype(float)
    value = np.full(6, np.nan)
    values_at(rows, 1, 4, x, 2, 5, value)
    assert value[:5].tolist() == (rows[1, :3, 4] @ x[2, :, :5] + rows[1, 3, 4]).tolist()
    assert np.isnan(value[5])


# ---------------------------------------------------------------------------- polishing


def polished(
    matrix: Any, constant: Any, x: Any, rows: Any = 0.0, norms: Any = 0.0
) -> tuple[np.ndarray, float]:
    """The moved point and its error bound."""
    matrix = np.asarray(matrix, dtype=float)
    dim = len(matrix)
    point = np.array(x, dtype=float)
    row_error, norm_error = (np.broadcast_to(e, dim).astype(float) for e in (rows, norms))
    bound = polish(
        matrix, np.asarray(constant, dtype=float), row_error, norm_error, point,
        np.full((dim, 2 * dim), np.nan),
    )  # fmt: skip
    return point, float(bound)


def evaluation(matrix: np.ndarray, constant: np.ndarray, x: np.ndarray) -> np.ndarray:
    """A bound on the rounding of the forms' values near x."""
    return 1.01 * gamma(len(x) + 2) * (np.abs(matrix) @ (np.abs(x) + 1e-3) + np.abs(constant))


@pytest.mark.parametrize("away", [1e-6, 1e6])
@pytest.mark.parametrize("dim", range(1, 9))
def test_polishing_finds_the_zero(dim: int, away: float):
    random = np.random.default_rng(dim)
    for _ in range(20):
        matrix, x = random.standard_normal((dim, dim)), random.uniform(-1, 1, dim)
        constant = -matrix @ x
        start = x + random.choice([-away, away], dim)
        moved, bound = polished(matrix, constant, start, evaluation(matrix, constant, x))
        true = zero_of(matrix.tolist(), constant.tolist())
        assert furthest(moved, true) <= Fraction(bound)
        condition = float(np.linalg.cond(matrix, np.inf))
        assert bound <= 1e-13 * condition * dim * max(1, away), "a bound that is of use"


@pytest.mark.parametrize("dim", range(1, 9))
def test_the_errors_of_the_rows_count_in_full(dim: int):
    """Forms that are off by exactly their bound, with the signs that hurt the most."""
    random = np.random.default_rng(10 + dim)
    for _ in range(10):
        matrix, x = random.standard_normal((dim, dim)), random.uniform(-1, 1, dim)
        constant = -matrix @ x
        wrong = 2.0 ** -random.integers(20, 30, dim).astype(float)
        inverse = np.linalg.inv(matrix)
        line = int(np.argmax(np.abs(inverse) @ wrong))
        off = np.sign(inverse[line]) * wrong
        rows = wrong + evaluation(matrix, constant, x)
        moved, bound = polished(matrix, constant, x, rows)
        true = zero_of(
            matrix.tolist(),
            [Fraction(c) + Fraction(d) for c, d in zip(constant, off, strict=True)],
        )
        away = furthest(moved, true)
        assert away <= Fraction(bound) <= Fraction(1.01) * away


@pytest.mark.parametrize("dim", [1, 3])
@pytest.mark.parametrize("share", [2.0**-8, 2.0**-7])
def test_the_errors_of_the_norms_count(dim: int, share: float):
    """Rows that are shorter than believed move the zero by more than the residual says."""
    powers = 2.0 ** np.arange(dim)
    matrix = np.diag(powers)[::-1]
    x = np.ones(dim)
    constant = -matrix @ x
    sizes = np.abs(matrix).sum(axis=1)
    moved, bound = polished(matrix, constant, x, share * sizes, share * sizes)
    true = zero_of(((1 - share) * matrix).tolist(), constant.tolist())
    assert furthest(moved, true) <= Fraction(bound) < 1


def test_norms_that_allow_a_singular_matrix_fail():
    assert polished(np.eye(2), [1, 1], [-1, -1], norms=[0.0, 1.0])[1] == np.inf
    assert polished(np.eye(2), [1, 1], [-1, -1], norms=[1e-9, 0.0])[1] < 1e-9


@pytest.mark.parametrize("digits", range(2, 16))
def test_ill_conditioned_forms_are_bounded_or_refused(digits: int):
    """An approximate inverse that is poor, and a start that is far."""
    random = np.random.default_rng(digits)
    finite = 0
    for _ in range(20):
        matrix = random.integers(-64, 65, (3, 3)) / 64.0
        matrix[2] = (
            matrix[0] + matrix[1] + random.integers(-64, 65, 3) * 2.0 ** (-6 - round(3.32 * digits))
        )
        constant = random.integers(-64, 65, 3) / 64.0
        start = random.uniform(-1, 1, 3)
        exact = [[Fraction(w) for w in row] for row in matrix.tolist()]
        if len(_solutions([(row, 0) for row in exact], 3)[0]) > 1:
            continue
        true = zero_of(exact, constant.tolist())
        rows = evaluation(matrix, constant, np.array([float(v) for v in true]))
        moved, bound = polished(matrix, constant, start, rows)
        if np.isfinite(bound):
            finite += 1
            assert furthest(moved, true) <= Fraction(bound)
    assert digits > 9 or finite >= 10


SINGULAR = {
    "zero": np.zeros((2, 2)),
    "zero row": np.array([[1.0, 2.0], [0.0, 0.0]]),
    "zero column": np.array([[1.0, 0.0], [2.0, 0.0]]),
    "repeated": np.array([[1.0, 3.0], [1.0, 3.0]]),
    "opposite": np.array([[0.1, 0.3], [-0.1, -0.3]]),
    "multiple by a third": np.array([[0.1, 0.7], [0.1 / 3, 0.7 / 3]]),
    "rank two of three": np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]),
    "not a number": np.array([[np.nan, 0.0], [0.0, 1.0]]),
    "infinite": np.array([[np.inf, 0.0], [0.0, 1.0]]),
    "overflow": np.array([[1e-320, 1.0], [1e300, 1e300]]),
}


@pytest.mark.parametrize("name", SINGULAR)
def test_a_singular_matrix_has_no_bound(name: str):
    matrix = SINGULAR[name]
    dim = len(matrix)
    rows = 1e-15 if name != "overflow" else 1e290
    bound = polished(matrix, [1.0] * dim, [0.5] * dim, rows)[1]
    if name == "overflow":  # it is regular: any valid bound will do
        true = zero_of(matrix.tolist(), [1.0] * dim)
        moved, bound = polished(matrix, [1.0] * dim, [0.5] * dim, rows)
        assert bound == np.inf or furthest(moved, true) <= Fraction(bound)
    else:
        assert bound == np.inf
