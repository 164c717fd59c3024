"""Forms on a box cut by half-spaces: bounded by multipliers, or positive at a point, or neither."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from scipy.optimize import linprog

from solvers.box_dual import BELOW, LOST, REACHES, BoxDual, climb, new_box_dual
from solvers.box_interior import ascend

MANY = 10_000  # steps: more than any of these needs


class Problem(NamedTuple):
    """Is c·y + constant positive somewhere in [-1, 1]^n, where sign_i (a_i·y + b_i) >= 0?"""

    a: np.ndarray
    b: np.ndarray
    sign: np.ndarray
    inside: np.ndarray
    cost: np.ndarray
    constant: float

    @property
    def largest(self) -> float:
        """By HiGHS."""
        signed = -self.sign[:, None] * self.a
        found = linprog(-self.cost, signed, self.sign * self.b, bounds=(-1, 1))
        assert found.status == 0
        return float(self.constant - found.fun)

    def load(self, space: BoxDual) -> None:
        count = len(self.a)
        space.rows[:count], space.offset[:count] = self.a, self.b
        space.sign[:count], space.inside[:], space.cost[:] = self.sign, self.inside, self.cost
        space.slack[:count] = self.sign * (self.a @ self.inside + self.b)
        space.gram[:count, :count] = self.a @ self.a.T

    def check(self, space: BoxDual, code: int, share: float) -> None:
        """That what was said is so, from the original numbers."""
        count = len(self.a)
        if code == BELOW:
            multiplier = space.multiplier[:count] * self.sign
            assert (space.multiplier[:count] >= 0).all()
            total = self.cost + multiplier @ self.a
            assert self.constant + multiplier @ self.b + np.abs(total).sum() < 1e-9
        elif code == REACHES:
            there = space.inside + share * (space.point - space.inside)
            assert np.abs(there).max() <= 1 + 1e-9
            assert (self.sign * (self.a @ there + self.b) >= -1e-9).all()
            assert self.cost @ space.point + self.constant > 0


def problem(seed: int, n: int, count: int, whole: bool, gap: float) -> Problem:
    """A random one whose largest value is `gap`, up to sign; or of small whole numbers."""
    random = np.random.default_rng([seed, n, count, whole])

    def draw(*size: int) -> np.ndarray:
        return random.integers(-2, 3, size) / 4 if whole else random.standard_normal(size) / n

    a, b, cost = draw(count, n), draw(count) * 0.5, draw(n)
    if whole and count > 2:
        a[1] = -a[0]  # parallel walls
        b[1] = -b[0] + 0.25
    inside = random.integers(-3, 4, n) / 8 if whole else random.uniform(-0.9, 0.9, n)
    room = a @ inside + b
    b = b + np.where(np.abs(room) < 1e-3, 0.125, 0.0)
    sign = np.where(a @ inside + b > 0, 1.0, -1.0)
    unfit = Problem(a, b, sign, inside, cost, 0.0)
    return unfit._replace(constant=gap - unfit.largest)


SIZES = [(1, 0), (2, 1), (3, 3), (5, 8), (12, 6), (40, 12), (200, 20)]


@pytest.mark.parametrize("gap", [-0.1, -1e-4, 1e-4, 0.1])
@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize(("n", "count"), SIZES)
def test_climbing_decides(n: int, count: int, whole: bool, gap: float):
    for seed in range(12):
        one = problem(seed, n, count, whole, gap)
        if one.cost @ one.inside + one.constant >= 0:
            continue  # `inside` is on the other side
        space = new_box_dual(count + 1, n)
        one.load(space)
        code, share, _, _ = climb(space, count, one.constant, 0, MANY)
        one.check(space, code, share)
        assert code == (BELOW if gap < 0 else REACHES)


@pytest.mark.parametrize("gap", [-0.1, 0.1])
@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize(("n", "count"), SIZES)
def test_scaling_never_says_what_is_not_so(n: int, count: int, whole: bool, gap: float):
    decided = 0
    for seed in range(12):
        one = problem(seed, n, count, whole, gap)
        if one.cost @ one.inside + one.constant >= 0:
            decided += 1
            continue
        space = new_box_dual(count + 1, n)
        one.load(space)
        code, share, _ = ascend(space, count, one.constant, 100)
        one.check(space, code, share)
        assert code in (LOST, BELOW if gap < 0 else REACHES)
        decided += code != LOST
    assert decided >= 6


@pytest.mark.parametrize(("n", "count"), SIZES)
def test_a_basis_serves_more_rows(n: int, count: int):
    """From each basis the search goes on when a row is added, to the same answer."""
    for seed in range(12):
        one = problem(seed, n, count, False, -0.01)
        space, size, steps = new_box_dual(count + 1, n), 0, 0
        one.load(space)
        for used in range(count + 1):
            code, share, size, more = climb(space, used, one.constant, size, MANY)
            steps += more
            if code == BELOW:  # and more rows only lower it
                space.multiplier[used:count] = 0.0
                one.check(space, code, share)
                break
        assert code == BELOW


def test_a_search_can_be_cut_into_pieces():
    one = problem(3, 200, 20, False, -0.001)
    whole, pieces = new_box_dual(20, 200), new_box_dual(20, 200)
    one.load(whole)
    one.load(pieces)
    code, _, _, steps = climb(whole, 20, one.constant, 0, MANY)
    assert code == BELOW
    size = total = 0
    for _ in range(steps + 1):
        code, _, size, done = climb(pieces, 20, one.constant, size, 2)
        total += done
        if code != LOST:
            break
    assert code == BELOW
    assert total == steps
    np.testing.assert_allclose(pieces.multiplier[:20], whole.multiplier[:20], atol=1e-9)


def test_an_empty_polytope_is_lost():
    """Its dual has no end; cells are never empty, but floats may think so."""
    one = Problem(
        a=np.array([[1.0, 0.0], [1.0, 0.0]]), b=np.array([-0.5, 0.5]), sign=np.array([1.0, -1.0]),
        inside=np.zeros(2), cost=np.array([0.0, 1.0]), constant=-0.5,
    )  # fmt: skip
    space = new_box_dual(2, 2)
    one.load(space)
    code, _, _, _ = climb(space, 2, one.constant, 0, MANY)
    assert code in (BELOW, LOST)  # both are true there
