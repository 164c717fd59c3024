"""The compiled simplex dictionary against one of exact rationals, and its optima against HiGHS."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from solvers import dictionary
from solvers.backend import get_backend
from solvers.dictionary import (
    COORDINATE,
    CROSSES,
    FIXED,
    FLIP,
    FREE,
    LANES,
    LOST,
    OPTIMAL,
    SLACK,
    copy,
    drive,
    drop_row,
    entry,
    exchange,
    fix,
    largest_on_box,
    longest,
    name_row,
    negate_row,
    new_dictionaries,
    new_row,
    set_entry,
    steepest,
    take_step,
)  # fmt: skip
from solvers.program import LinearProgram
from solvers.solution import Status

NODE = 1  # of two: the other one is full of numbers that must stay as they are


@dataclass
class Dictionary:
    """Rows a·x + c over the cube [-1, 1]^dim: the first ones are slacks, the last one is free."""

    a: np.ndarray
    c: np.ndarray
    start: np.ndarray
    d: dictionary.Dictionary = field(init=False)

    def __post_init__(self) -> None:
        rows, dim = self.a.shape
        self.d = d = new_dictionaries(2, rows, dim)
        for part in d:
            part[...] = 77  # whatever was there before
        d.rows[NODE] = 0
        d.column_kind[NODE], d.column_name[NODE] = COORDINATE, np.arange(dim)
        d.side[NODE] = self.start
        values = self.a @ -self.start + self.c
        for i in range(rows):
            kind = SLACK if i + 1 < rows else FREE
            assert new_row(d, NODE, kind, i) == i
            for k in range(dim):
                set_entry(d, NODE, i, k, self.a[i, k])
            set_entry(d, NODE, i, dim, values[i])

    @property
    def count(self) -> int:
        return int(self.d.rows[NODE])

    @property
    def dim(self) -> int:
        return self.a.shape[1]

    @property
    def target(self) -> int:
        """The row of the free form."""
        return int(np.flatnonzero(self.row_kind == FREE)[0])

    @property
    def table(self) -> np.ndarray:
        return self.d.table[NODE].reshape(self.dim + 1, -1)[:-1, : self.count].T.copy()

    @property
    def value(self) -> np.ndarray:
        return self.d.table[NODE].reshape(self.dim + 1, -1)[-1, : self.count].copy()

    @property
    def row_kind(self) -> np.ndarray:
        return self.d.row_kind[NODE, : self.count].copy()

    @property
    def row_name(self) -> np.ndarray:
        return self.d.row_name[NODE, : self.count].copy()

    @property
    def column_kind(self) -> np.ndarray:
        return self.d.column_kind[NODE].copy()

    @property
    def column_name(self) -> np.ndarray:
        return self.d.column_name[NODE].copy()

    @property
    def side(self) -> np.ndarray:
        return self.d.side[NODE].copy()

    def step(self, sign: float) -> tuple[int, int, float]:
        column, _ = steepest(self.d, NODE, self.target, sign)
        if column < 0:
            return column, FLIP, 0.0
        return (column, *longest(self.d, NODE, column))

    def exact(self) -> tuple[list[list[Fraction]], list[Fraction]]:
        """Table and values of the present basis, solved afresh from the original forms.

        With x = (non-basic forms)^-1, every basic form is affine in the displacements of the
        non-basic ones from where they stand.
        """
        dim = self.a.shape[1]
        rows, constants = [], []
        for k in range(dim):
            form, constant = self.form(int(self.column_kind[k]), int(self.column_name[k]))
            stands = -Fraction(float(self.side[k])) if self.column_kind[k] == COORDINATE else 0
            rows.append(form)
            constants.append(stands - constant)
        inverse = inverted(rows)
        x = [dot(line, constants) for line in inverse]
        table, values = [], []
        for kind, name in zip(self.row_kind, self.row_name, strict=True):
            form, constant = self.form(int(kind), int(name))
            table.append([dot(form, [line[k] for line in inverse]) for k in range(dim)])
            values.append(dot(form, x) + constant)
        return table, values

    def form(self, kind: int, name: int) -> tuple[list[Fraction], Fraction]:
        if kind == COORDINATE:
            return [Fraction(int(k == name)) for k in range(self.a.shape[1])], Fraction(0)
        return [Fraction(v) for v in self.a[name].tolist()], Fraction(float(self.c[name]))

    def assert_exact(self) -> None:
        table, values = self.exact()
        assert np.allclose(self.table, np.array(table, dtype=float), 1e-9, 1e-9)
        assert np.allclose(self.value, np.array(values, dtype=float), 1e-9, 1e-9)
        low = np.select([self.row_kind == SLACK, self.row_kind == COORDINATE], [0.0, -1.0], -np.inf)
        high = np.where(self.row_kind == COORDINATE, 1.0, np.inf)
        assert (self.d.low[NODE].ravel()[: self.count] == low).all()
        assert (self.d.high[NODE].ravel()[: self.count] == high).all()
        for part in self.d:
            assert (part[1 - NODE] == 77).all(), "the other dictionary is left alone"

    def assert_feasible(self) -> None:
        for i in range(self.count):
            if self.row_kind[i] == SLACK:
                assert self.value[i] >= -1e-9
            if self.row_kind[i] == COORDINATE:
                assert abs(self.value[i]) <= 1 + 1e-9

    def extreme(self, sign: int) -> float:
        """The largest sign·b_target on the polytope, by another solver."""
        rows = len(self.a) - 1
        program = LinearProgram(
            -sign * self.a[-1], self.a[:-1], -self.c[:-1], np.full(rows, np.inf),
            np.full(self.a.shape[1], -1.0), np.ones(self.a.shape[1]),
        )  # fmt: skip
        with get_backend("highs").open(program, None) as session:
            solution = session.solve()
        assert solution.status is Status.OPTIMAL and solution.objective is not None
        return float(sign * self.c[-1] - solution.objective)


def dot(p: list[Fraction], q: list[Fraction]) -> Fraction:
    return sum((a * b for a, b in zip(p, q, strict=True)), Fraction(0))


def inverted(matrix: list[list[Fraction]]) -> list[list[Fraction]]:
    size = len(matrix)
    work = [[*row, *(Fraction(int(i == k)) for k in range(size))] for i, row in enumerate(matrix)]
    for j in range(size):
        pivot = next(i for i in range(j, size) if work[i][j])
        work[j], work[pivot] = work[pivot], work[j]
        work[j] = [v / work[j][j] for v in work[j]]
        for i in range(size):
            if i != j:
                work[i] = [p - work[i][j] * q for p, q in zip(work[i], work[j], strict=True)]
    return [row[size:] for row in work]


def random_one(seed: int, dim: int, rows: int, touching: bool = False) -> Dictionary:
    """A vertex of the cube that satisfies all rows; with `touching` several with equality."""
    random = np.random.default_rng(seed)
    a = np.round(random.standard_normal((rows + 1, dim)) * 16) / 16
    a[np.abs(a).sum(axis=1) == 0, 0] = 1.0
    a /= 2.0 ** np.ceil(np.log2(np.abs(a).sum(axis=1)))[:, None]
    side = random.choice([-1.0, 1.0], dim)
    at = a @ -side
    slack = random.integers(0 if touching else 1, 12, rows + 1) / 16
    if touching:
        slack[: rows // 2] = 0.0
    constants = slack - at
    constants[-1] = random.integers(-8, 9) / 16
    return Dictionary(a, constants, side)


@pytest.mark.parametrize("dim", [1, 2, 3, 6])
def test_exchanges_keep_the_dictionary_exact(dim: int):
    random = np.random.default_rng(dim)
    for seed in range(20):
        one = random_one(seed, dim, 6)
        for _ in range(6):
            sizes = np.abs(one.table[:-1])  # the watched row stays basic
            row, column = divmod(int(np.argmax(sizes * random.random(sizes.shape))), dim)
            if sizes[row, column] < 1e-3:
                continue
            before, slopes, move = one.value, one.table[:, column], random.standard_normal() / 8
            entered = -one.side[column] if one.column_kind[column] == COORDINATE else 0.0
            exchange(one.d, NODE, row, column, move)
            one.d.side[NODE, column] = 1.0  # wherever it stands: only rows and names are tested
            table, _ = one.exact()
            assert np.allclose(one.table, np.array(table, dtype=float), 1e-9, 1e-9)
            moved = before + slopes * move
            moved[row] = entered + move
            assert one.value == pytest.approx(moved, abs=1e-9)


@pytest.mark.parametrize("touching", [False, True])
@pytest.mark.parametrize("dim", [1, 2, 4, 8])
def test_steps_climb_along_edges(dim: int, touching: bool):
    """The rate is the steepest, the step as long as the polytope allows, the vertex the exact."""
    taken = flips = ends = 0
    for seed in range(16):
        one, sign = random_one(seed, dim, 2 * dim + 1, touching), 1.0 - 2 * (seed % 2)
        for _ in range(6):
            rates = sign * one.table[one.target] * one.side
            assert steepest(one.d, NODE, one.target, sign)[1] == pytest.approx(
                np.maximum(rates, 0).sum()
            )
            column, leaving, length = one.step(sign)
            if column < 0:
                assert rates.max() <= 1e-11
                ends += 1
                break
            assert rates[column] == rates.max() > 0 and length >= 0
            before = one.value.copy()
            values = before + one.table[:, column] * length * one.side[column]
            beyond = values + one.table[:, column] * one.side[column] * 1e-3
            kinds = one.row_kind
            for now, later in ((values, True), (beyond, False)):
                slack, coordinate = now[kinds == SLACK], now[kinds == COORDINATE]
                inside = bool((slack >= -1e-7).all() and (np.abs(coordinate) <= 1 + 1e-7).all())
                inside &= one.column_kind[column] == SLACK or length + (not later) * 1e-3 <= 2
                slow = np.abs(one.table[leaving, column]) < 1e-3 if leaving != FLIP else False
                assert inside == later or slow, "feasible there, and not a little further"
            take_step(one.d, NODE, column, leaving, length)
            flips += leaving == FLIP
            taken += 1
            one.assert_exact()
            one.assert_feasible()
            climbed = sign * (one.value[one.target] - before[one.target])
            assert climbed == pytest.approx(rates[column] * length, abs=1e-9)
    assert taken and ends and (flips or touching or dim < 4)


def run(
    one: Dictionary, sign: int, limit: int = 500, room: float = np.inf
) -> tuple[int, int, int, float, int]:
    return drive(one.d, NODE, one.target, float(sign), limit, room)


@pytest.mark.parametrize("dim", [1, 2, 5, 10])
@pytest.mark.parametrize("rows", [0, 3, 12])
@pytest.mark.parametrize("touching", [False, True])
def test_driving_reaches_the_optimum_or_crosses(dim: int, rows: int, touching: bool):
    """Whether the target can become positive, and its largest value where it cannot: as HiGHS."""
    seen = []
    for seed in range(16):
        one, sign = random_one(seed, dim, rows, touching), 1 - 2 * (seed // 2 % 2)
        best = 1 / 8 if seed % 2 else -1 / 8
        shift = sign * (best - one.extreme(sign))
        one.c[-1] += shift
        one.d.table[NODE, one.dim, one.target // LANES, one.target % LANES] += shift
        if sign * one.value[one.target] > 0:
            continue  # it has this sign already
        code, column, leaving, length, steps = run(one, sign)
        assert code in (OPTIMAL, CROSSES) and 0 <= steps <= 500
        one.assert_exact()
        one.assert_feasible()
        assert sign * one.value[one.target] <= 1e-12, "the last step is not taken"
        if code == OPTIMAL:
            assert sign * one.value[one.target] == pytest.approx(best, abs=1e-8)
        else:
            assert best > 0
            take_step(one.d, NODE, column, leaving, length)
            one.assert_exact()
            one.assert_feasible()
            assert 0 < sign * one.value[one.target] <= best + 1e-8
        seen.append(code)
    assert OPTIMAL in seen and (CROSSES in seen or touching)


def test_what_has_no_end_is_lost():
    """A column that nothing limits, and more steps than allowed."""
    free = random_one(0, 2, 0)
    free.d.column_kind[NODE], free.d.side[NODE] = SLACK, 1.0
    for column, number in enumerate((1.0, 0.0, -1.0)):
        set_entry(free.d, NODE, free.target, column, number)
    assert run(free, 1)[0] == LOST
    for limit in (0, 1, 2):
        one = random_one(3, 6, 12)
        one.c[-1] = -50.0
        set_entry(one.d, NODE, one.target, one.dim, -50.0)
        assert run(one, 1, limit)[::4] == (LOST, limit)


@pytest.mark.parametrize("dim", [2, 5, 9])
def test_what_no_column_can_reach_is_not_pursued(dim: int):
    """With `room`, driving ends where all rates together are too slow; never below a true zero."""
    sooner = 0
    for seed in range(24):
        best, steps = (1 / 8 if seed % 2 else -1 / 8), []
        for room in (np.inf, 2.0):  # the forms' ranges over the cube are 2 at most
            one = random_one(seed, dim, 2 * dim)
            shift = best - one.extreme(1)
            one.c[-1] += shift
            set_entry(one.d, NODE, one.target, dim, one.value[one.target] + shift)
            if one.value[one.target] > 0:
                break
            code, *_, number = run(one, 1, room=room)
            assert code == (CROSSES if best > 0 else OPTIMAL)
            one.assert_feasible()
            steps.append(number)
        if len(steps) == 2:
            assert steps[1] <= steps[0] and (best < 0 or steps[0] == steps[1])
            sooner += steps[1] < steps[0]
    assert sooner


@pytest.mark.parametrize("rows", [1, 7, 8, 9, 17])
def test_rows_are_dropped_copied_negated_and_named(rows: int):
    one = random_one(rows, 3, rows)
    run(one, 1, 3)
    table, value = one.table, one.value
    d = one.d
    copy(d, NODE, d, NODE)
    other = new_dictionaries(3, rows + 1, 3)
    for part in other:
        part[...] = -5
    copy(d, NODE, other, 2)
    for mine, new in zip(d, other, strict=True):
        if mine is not d.line and mine is not d.limit:
            held = new[2].ravel()[: one.count] if new.ndim > 2 else new[2]
            given = mine[NODE].ravel()[: one.count] if mine.ndim > 2 else mine[NODE]
            assert (np.atleast_1d(held)[: one.count] == np.atleast_1d(given)[: one.count]).all()
        assert (new[:2] == -5).all()
    target = one.target
    negate_row(d, NODE, target)
    assert (one.table[target] == -table[target]).all() and one.value[target] == -value[target]
    negate_row(d, NODE, target)
    name_row(d, NODE, target, SLACK, rows)
    one.assert_exact()
    name_row(d, NODE, target, FREE, rows)
    drop_row(d, NODE, 0)
    assert one.count == rows
    one.assert_exact()
    assert entry(d, NODE, 0, 3) == value[-1]  # the last row has taken the place
    row = new_row(d, NODE, COORDINATE, 1)
    assert row == rows and d.low[NODE].ravel()[row] == -1.0 and d.high[NODE].ravel()[row] == 1.0


@pytest.mark.parametrize("dim", [2, 4, 7])
def test_a_fixed_form_stays_zero(dim: int):
    """A section: what was exchanged for a column and fixed is zero at every later vertex."""
    fixed = 0
    for seed in range(12):
        one = random_one(seed, dim, dim + 2)
        value = one.value[one.target]
        code, column, _, length, _ = run(one, 1 if value < 0 else -1)
        if code != CROSSES:
            continue
        rate = one.table[one.target, column] * one.side[column]
        share = min(max(-one.value[one.target] / rate, 0.0), length)
        name = int(one.row_name[one.target])
        exchange(one.d, NODE, one.target, column, share * one.side[column])
        fix(one.d, NODE, column)
        one.assert_exact()
        one.assert_feasible()
        for target in range(min(one.count, 4)):
            for sign in (1.0, -1.0):
                entering, _ = steepest(one.d, NODE, target, sign)
                assert entering != column
                if entering >= 0:
                    leaving, length = longest(one.d, NODE, entering)
                    take_step(one.d, NODE, entering, leaving, length)
        assert (one.column_kind[column], one.column_name[column]) == (FIXED, name)
        one.assert_exact()
        one.assert_feasible()
        fixed += 1
    assert fixed > 3


def test_the_largest_value_on_a_box():
    random = np.random.default_rng(0)
    for dim in (1, 2, 5):
        for _ in range(50):
            form, middle = random.standard_normal(dim + 3), random.standard_normal(dim)
            radius = random.random(dim) * random.integers(0, 2, dim)
            corners = np.stack(np.meshgrid(*[[-1, 1]] * dim), axis=-1).reshape(-1, dim)
            values = (middle + corners * radius) @ form[:dim] + form[dim]
            found: Any = largest_on_box(form, dim, middle, radius)
            assert found == pytest.approx(values.max(), abs=1e-12)
