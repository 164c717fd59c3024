"""Error bounds of float rows hold against fractions: they may be loose, but never wrong.

Every truth that a row allows counts: coefficients anywhere within their errors, points anywhere
within their spread; the corners are drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest

from solvers.float_rows import TINY, UNIT_ROUNDOFF, FloatRows, gamma, lower_bound
from tests.naive import Form, value

INF = np.inf
KINDS = ("plain", "integers", "cancelling", "huge", "tiny", "mixed", "nearly equal")
ROUNDS = range(6)


def doubles(random: np.random.Generator, shape: tuple[int, ...], kind: str) -> np.ndarray:
    values = random.standard_normal(shape)
    if kind == "integers":
        return random.integers(-3, 4, shape).astype(float)
    if kind == "huge":
        return values * 10.0 ** random.integers(140, 151, shape)
    if kind == "tiny":
        return values * 10.0 ** random.integers(-150, -139, shape)
    if kind == "mixed":
        return values * 10.0 ** random.integers(-150, 151, shape) * random.integers(0, 2, shape)
    if kind == "nearly equal":
        return 1.0 + random.integers(-2, 3, shape) * 2.0**-52
    return values


def make_rows(
    random: np.random.Generator, rows: int, dim: int, kind: str, errors: float = 0.0
) -> FloatRows:
    """Rows with relative errors up to `errors`."""
    a, c = doubles(random, (rows, dim), kind), doubles(random, (rows,), kind)
    return FloatRows(a, c, errors * random.random(a.shape) * np.abs(a),
                     errors * random.random(rows) * np.abs(c))  # fmt: skip


def truth(random: np.random.Generator, rows: FloatRows) -> list[Form]:
    """One truth that the rows allow: each coefficient is off by -1, 0 or 1 times its error."""
    off_a, off_c = (random.integers(-1, 2, np.shape(part)) for part in (rows.a, rows.c))
    result = []
    for i in range(len(rows.c)):
        line = zip(rows.a[i].tolist(), rows.a_error[i].tolist(), off_a[i].tolist(), strict=True)
        a = [Fraction(v) + t * Fraction(e) for v, e, t in line]
        c = Fraction(float(rows.c[i])) + int(off_c[i]) * Fraction(float(rows.c_error[i]))
        result.append((a, c))
    return result


def moved(random: np.random.Generator, x: np.ndarray, spread: np.ndarray | None) -> list[Fraction]:
    """A true point within the spread of the doubles x."""
    if spread is None:
        return [Fraction(v) for v in x.tolist()]
    off = random.integers(-1, 2, len(x)).tolist()
    return [
        Fraction(v) + t * Fraction(s)
        for v, s, t in zip(x.tolist(), spread.tolist(), off, strict=True)
    ]


def assert_values(random: np.random.Generator, rows: FloatRows, points: np.ndarray,
                  spread: np.ndarray | None = None) -> None:  # fmt: skip
    """`at` against the truth."""
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        values, errors = rows.at(points, spread)
    assert values.shape == errors.shape == (len(points), len(rows.c))
    forms = truth(random, rows)
    for k, x in enumerate(points):
        true_x = moved(random, x, None if spread is None else spread[k])
        for i, form in enumerate(forms):
            got, error = float(values[k, i]), float(errors[k, i])
            if np.isfinite(got) and np.isfinite(error):
                assert abs(value(form, true_x) - Fraction(got)) <= Fraction(error)
            else:
                assert not abs(got) > error  # nobody can take its sign for certain


def exact_least(form: Form, lower: Sequence[float], upper: Sequence[float]) -> Fraction | float:
    """The least value of a form over a box; -inf where there is none."""
    total = form[1]
    for a, low, high in zip(form[0], lower, upper, strict=True):
        if a:
            side = low if a > 0 else high
            if np.isinf(side):
                return -INF
            total += a * Fraction(float(side))
    return total


def make_box(random: np.random.Generator, dim: int, kind: str) -> tuple[np.ndarray, np.ndarray]:
    ends = np.sort(doubles(random, (2, dim), kind), axis=0)
    ends[1, random.random(dim) < 0.2] = ends[0, 0]  # some sides flat or crossing the others
    low, high = np.sort(ends, axis=0)
    return low, high


def half_open(random: np.random.Generator, low: np.ndarray, high: np.ndarray) -> None:
    """Some sides to infinity."""
    low[random.random(len(low)) < 0.2] = -INF
    high[random.random(len(high)) < 0.2] = INF


# ------------------------------------------------------------------------------- gamma


def test_gamma_bounds_the_textbook_constant():
    u = Fraction(1, 2**53)
    assert Fraction(UNIT_ROUNDOFF) == u
    assert gamma(0) == 0.0
    for k in [*range(1, 200), 10**4, 10**6, 10**9]:
        assert k * u / (1 - k * u) <= Fraction(gamma(k)) <= 6 * k * u


# ---------------------------------------------------------------------------------- at


@pytest.mark.parametrize("errors", [0.0, 1e-15, 0.1])
@pytest.mark.parametrize("point_kind", KINDS)
@pytest.mark.parametrize("kind", KINDS)
def test_values_at_points(kind: str, point_kind: str, errors: float):
    for seed in ROUNDS:
        random = np.random.default_rng([seed, KINDS.index(kind), KINDS.index(point_kind)])
        dim = int(random.integers(1, 9))
        rows = make_rows(random, 3, dim, kind, errors)
        points = doubles(random, (3, dim), point_kind)
        if kind == "cancelling":  # the constant is the negative of the float value at one point
            c = -(points[0] @ rows.a.T)
            rows = FloatRows(rows.a, c, rows.a_error, errors * np.abs(c))
        assert_values(random, rows, points)
        spread = np.abs(points) * 2.0**-52 + 1e-300
        assert_values(random, rows, points, spread)
        assert_values(random, rows, points, np.abs(points) * 0.3)


@pytest.mark.parametrize("size", [50, 400])
def test_long_sums_that_cancel(size: int):
    """x_i and -x_i in random order: the exact value is the constant, all else is rounding."""
    for seed in range(5):
        random = np.random.default_rng(seed)
        half = random.standard_normal(size) * 10.0 ** random.integers(-8, 9, size)
        a = random.permutation(np.concatenate([half, -half]))[None, :]
        rows = FloatRows(a, np.array([1e-30]), np.zeros_like(a), np.zeros(1))
        assert_values(random, rows, np.ones((1, 2 * size)))
        values, errors = rows.at(np.ones((1, 2 * size)))
        assert errors[0, 0] < 1e-10 * np.abs(a).sum()
        assert abs(values[0, 0]) <= errors[0, 0]  # honest: the sign is not known


def test_underflow_is_covered():
    rows = FloatRows(np.full((1, 3), 1e-200), np.zeros(1), np.zeros((1, 3)), np.zeros(1))
    values, errors = rows.at(np.full((1, 3), 1e-200))
    assert values[0, 0] == 0
    assert errors[0, 0] >= TINY
    assert_values(np.random.default_rng(0), rows, np.full((1, 3), 1e-200))


def test_bounds_of_plain_values_are_tight():
    """A bound that is always infinite would be right, and useless."""
    random = np.random.default_rng(0)
    rows = make_rows(random, 20, 10, "plain")
    points = random.standard_normal((20, 10))
    _, errors = rows.at(points)
    assert errors.max() < 1e-12
    _, wide = rows.at(points, np.full_like(points, 0.5))
    assert (wide >= 0.5 * np.abs(rows.a).sum(axis=1) * (1 - 1e-9)).all()
    assert (wide <= 0.5 * np.abs(rows.a).sum(axis=1) + 1e-12).all()


# ---------------------------------------------------------------------------- over_box


@pytest.mark.parametrize("errors", [0.0, 1e-15, 0.1])
@pytest.mark.parametrize("box_kind", KINDS)
@pytest.mark.parametrize("kind", KINDS)
def test_bounds_over_boxes(kind: str, box_kind: str, errors: float):
    for seed in ROUNDS:
        random = np.random.default_rng([seed, KINDS.index(kind), KINDS.index(box_kind)])
        dim = int(random.integers(1, 7))
        rows = make_rows(random, 4, dim, kind, errors)
        lower, upper = make_box(random, dim, box_kind)
        if seed % 2:
            half_open(random, lower, upper)
        low, high = rows.over_box(lower, upper)
        assert low.shape == high.shape == (4,)
        for _ in range(2):
            for i, (a, c) in enumerate(truth(random, rows)):
                assert low[i] <= exact_least((a, c), lower.tolist(), upper.tolist())
                opposite = [-v for v in a], -c
                assert -high[i] <= exact_least(opposite, lower.tolist(), upper.tolist())


def test_bounds_over_an_infinite_box():
    """Coefficients that are certainly zero bound an infinite side; all others do not."""
    a = np.array([[0.0, 2.0], [1.0, 2.0], [0.0, -1.0], [-1.0, 0.0]])
    zero = FloatRows(a, np.ones(4), np.zeros((4, 2)), np.zeros(4))
    low, high = zero.over_box(np.array([-INF, -1.0]), np.array([INF, 3.0]))
    assert low == pytest.approx([-1, -INF, -2, -INF])
    assert high == pytest.approx([7, INF, 2, INF])
    unsure = FloatRows(a, np.ones(4), np.full((4, 2), 1e-300), np.zeros(4))
    low, high = unsure.over_box(np.array([-INF, -1.0]), np.array([INF, 3.0]))
    assert (low == -INF).all()
    assert (high == INF).all()


def test_bounds_over_a_plain_box_are_tight():
    rows = FloatRows(np.array([[1.0, -2.0]]), np.array([0.5]), np.zeros((1, 2)), np.zeros(1))
    low, high = rows.over_box(np.array([-1.0, 0.0]), np.array([2.0, 3.0]))
    assert low[0] == pytest.approx(-6.5, abs=1e-12)
    assert high[0] == pytest.approx(2.5, abs=1e-12)
    assert low[0] < -6.5
    assert high[0] > 2.5


# -------------------------------------------------------------------------- lower_bound


def dual_bound(goal: Form, rows: Sequence[Form], multipliers: np.ndarray,
               lower: np.ndarray, upper: np.ndarray) -> Fraction | float:  # fmt: skip
    """The least value over the box of goal - Σ max(λ, 0) row: what the multipliers can prove."""
    a, c = list(goal[0]), goal[1]
    for weight, (row, constant) in zip(multipliers.tolist(), rows, strict=True):
        if weight > 0:
            a = [p - Fraction(weight) * q for p, q in zip(a, row, strict=True)]
            c -= Fraction(weight) * constant
    return exact_least((a, c), lower.tolist(), upper.tolist())


def bound_of(goal: FloatRows, rows: FloatRows, multipliers: np.ndarray,
             lower: np.ndarray, upper: np.ndarray) -> float:  # fmt: skip
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        bound = lower_bound(goal, rows, multipliers, lower, upper)
    assert not np.isnan(bound)
    assert bound < INF
    return bound


@pytest.mark.parametrize("errors", [0.0, 1e-15, 0.1])
@pytest.mark.parametrize("box_kind", KINDS)
@pytest.mark.parametrize("kind", KINDS)
def test_lower_bounds_with_any_multipliers(kind: str, box_kind: str, errors: float):
    for seed in ROUNDS:
        random = np.random.default_rng([seed, KINDS.index(kind), KINDS.index(box_kind)])
        dim, count = int(random.integers(1, 6)), int(random.integers(0, 6))
        rows = make_rows(random, count, dim, kind, errors)
        multipliers = doubles(random, (count,), random.choice(KINDS))
        if seed % 2 and count:  # a goal that the multipliers (nearly) combine
            weight = np.abs(multipliers) / max(np.abs(multipliers).max(), 1e-300)
            a, c = weight @ rows.a, weight @ rows.c
            goal = FloatRows(a[None, :], np.array([c]), np.zeros((1, dim)), np.zeros(1))
            multipliers = weight
        else:
            goal = make_rows(random, 1, dim, kind, errors)
        lower, upper = make_box(random, dim, box_kind)
        if seed % 3 == 0:
            half_open(random, lower, upper)
        bound = bound_of(goal, rows, multipliers, lower, upper)
        for _ in range(3):
            true_goal, true_rows = truth(random, goal)[0], truth(random, rows)
            assert bound <= dual_bound(true_goal, true_rows, multipliers, lower, upper)


@pytest.mark.parametrize("scale", [1.0, 1e150, 1e-150])
def test_lower_bounds_that_cancel_completely(scale: float):
    """The goal is the float combination of the rows: only rounding is left, and it is covered."""
    for seed in range(200):
        random = np.random.default_rng(seed)
        dim, count = int(random.integers(1, 5)), int(random.integers(1, 5))
        a, c = scale * random.standard_normal((count, dim)), random.standard_normal(count)
        weight = random.random(count)
        rows = FloatRows(a, c, np.zeros_like(a), np.zeros(count))
        goal = FloatRows((weight @ a)[None, :], np.array([weight @ c]), np.zeros((1, dim)),
                         np.zeros(1))  # fmt: skip
        reach = np.full(dim, 1e8 / scale)
        bound = bound_of(goal, rows, weight, -reach, reach)
        exact = dual_bound(truth(random, goal)[0], truth(random, rows), weight, -reach, reach)
        assert bound <= exact
        assert bound > -1e-4  # and not much more than covered


@pytest.mark.parametrize("garbage", [[np.nan, 1.0], [INF, 0.0], [1e308, 1e308], [-INF, -1.0],
                                     [-1.0, -1e300], [0.0, 0.0], [5e-324, 1e-320]])  # fmt: skip
def test_garbage_multipliers_prove_nothing_false(garbage: list[float]):
    """min x over x <= 1, x + y >= 1 (rows) and the box [-2, 2]² is -1."""
    rows = FloatRows(np.array([[-1.0, 0.0], [1.0, 1.0]]), np.array([1.0, -1.0]), np.zeros((2, 2)),
                     np.zeros(2))  # fmt: skip
    goal = FloatRows(np.array([[1.0, 0.0]]), np.zeros(1), np.zeros((1, 2)), np.zeros(1))
    box = np.array([-2.0, -2.0]), np.array([2.0, 2.0])
    assert bound_of(goal, rows, np.array(garbage), *box) <= -1
    assert bound_of(goal, rows, np.array([0.0, 1.0]), *box) == pytest.approx(-1, abs=1e-12)


def test_negative_multipliers_count_as_zero():
    """-1 times the row would prove x >= 1 from 1 - x >= 0, which is false."""
    row = FloatRows(np.array([[-1.0]]), np.array([1.0]), np.zeros((1, 1)), np.zeros(1))
    goal = FloatRows(np.array([[1.0]]), np.array([-1.0]), np.zeros((1, 1)), np.zeros(1))
    bound = bound_of(goal, row, np.array([-1.0]), np.array([-5.0]), np.array([5.0]))
    assert bound == pytest.approx(-6)


def test_a_row_proves_its_multiples_nearly_to_zero():
    """The bound of 3·row from the row itself is zero up to rounding, and not above."""
    for seed in range(100):
        random = np.random.default_rng(seed)
        row = make_rows(random, 1, 4, "plain")
        goal = FloatRows(3 * row.a, 3 * row.c, np.zeros((1, 4)), np.zeros(1))
        bound = bound_of(goal, row, np.array([3.0]), np.full(4, -1.0), np.full(4, 1.0))
        assert -1e-12 < bound <= 0


def test_rows_of_a_half_infinite_box():
    """x >= 0 has no upper end: a positive residual is bounded, a negative one is not."""
    box = np.array([0.0, -1.0]), np.array([INF, 1.0])
    none = FloatRows(np.zeros((0, 2)), np.zeros(0), np.zeros((0, 2)), np.zeros(0))
    for a, error, least in (
        ([1.0, 0.0], 0.0, 2.0),
        ([-1.0, 0.0], 0.0, -INF),
        ([0.0, 1.0], 0.0, 1.0),
        ([0.0, 1.0], 1e-300, -INF),
    ):
        goal = FloatRows(np.array([a]), np.array([2.0]), np.full((1, 2), error), np.zeros(1))
        bound = bound_of(goal, none, np.zeros(0), *box)
        assert bound == pytest.approx(least, abs=1e-9) or bound == -INF
        assert bound <= least
        if a[0] == 0 and not error:
            assert bound == pytest.approx(least)


# ------------------------------------------------------------------------ plain algebra


def test_stacked_take_and_signed():
    random = np.random.default_rng(0)
    first, second = make_rows(random, 2, 3, "plain", 0.1), make_rows(random, 1, 3, "plain", 0.1)
    both = FloatRows.stacked([first, second], 3)
    for name in ("a", "c", "a_error", "c_error"):
        parts = getattr(first, name), getattr(second, name)
        assert np.array_equal(getattr(both, name), np.concatenate(parts))
        assert np.array_equal(getattr(both.take(np.array([2, 0])), name),
                              getattr(both, name)[[2, 0]])  # fmt: skip
    empty = FloatRows.stacked([], 3)
    assert empty.a.shape == empty.a_error.shape == (0, 3)
    flipped = both.signed(np.array([1.0, -1.0, -1.0]))
    assert np.array_equal(flipped.a, both.a * [[1], [-1], [-1]])
    assert np.array_equal(flipped.c, both.c * [1, -1, -1])
    assert np.array_equal(flipped.a_error, both.a_error)
    assert np.array_equal(flipped.c_error, both.c_error)


@pytest.mark.parametrize("point", [1e150, 1e100, 1.0, 1e-100])
@pytest.mark.parametrize("size", [1e-310, 1e-315, 3e-308, 1e-305])
def test_subnormal_coefficients(size: float, point: float):
    """γ·|a| underflows for these; the rounding error of a·x does not where x is large."""
    for seed in range(20):
        random = np.random.default_rng(seed)
        a = size * random.standard_normal((3, 4))
        points = point * random.standard_normal((3, 4))
        c = -(points[0] @ a.T)
        rows = FloatRows(a, c, np.zeros((3, 4)), np.zeros(3))
        assert_values(random, rows, points)
        low, high = rows.over_box(points[0], points[0])
        reach = np.abs(points[0])
        wide_low, wide_high = rows.over_box(-reach, reach)
        none = FloatRows(np.zeros((0, 4)), np.zeros(0), np.zeros((0, 4)), np.zeros(0))
        for i, (line, constant) in enumerate(truth(random, rows)):
            exact = value((line, constant), points[0].tolist())
            assert low[i] <= exact <= high[i]
            least = exact_least((line, constant), (-reach).tolist(), reach.tolist())
            assert wide_low[i] <= least
            assert -wide_high[i] <= exact_least(([-v for v in line], -constant),
                                                (-reach).tolist(), reach.tolist())  # fmt: skip
            one = rows.take(np.array([i]))
            assert bound_of(one, none, np.zeros(0), -reach, reach) <= least


def test_values_that_overflow_on_the_way_are_not_believed():
    """1.7e308·(1 + 1 - 1 - 1) - 1 is -1, but partial sums are infinite."""
    a = np.array([[1.0, 1.0, -1.0, -1.0, -1.0]])
    rows = FloatRows(a, np.zeros(1), np.zeros((1, 5)), np.zeros(1))
    for order in ([0, 1, 2, 3, 4], [0, 2, 1, 3, 4], [2, 3, 0, 1, 4]):
        picked = FloatRows(a[:, order], rows.c, rows.a_error, rows.c_error)
        point = np.array([[1.7e308] * 4 + [1.0]])[:, order]
        assert_values(np.random.default_rng(0), picked, point)
        with np.errstate(over="ignore", invalid="ignore"):
            low, high = picked.over_box(point[0], point[0])
        assert low[0] <= -1 <= high[0]


def test_sums_of_bounds_that_lose_every_small_term():
    """1.5 - u rounds to 1.5: the sum of the parts is off by far more than any coefficient."""
    small = -0.99 * 2.0**-53
    ends = np.array([1.5] * 8 + [small] * 120)
    none = FloatRows(np.zeros((0, 128)), np.zeros(0), np.zeros((0, 128)), np.zeros(0))
    for order in (np.arange(128), np.arange(128)[::-1], np.random.default_rng(0).permutation(128)):
        side = ends[order]
        goal = FloatRows(np.ones((1, 128)), np.zeros(1), np.zeros((1, 128)), np.zeros(1))
        bound = bound_of(goal, none, np.zeros(0), side, side)
        assert bound <= exact_least(truth(np.random.default_rng(0), goal)[0], side.tolist(),
                                    side.tolist())  # fmt: skip
        assert bound > 11.9


def test_a_constant_that_makes_a_value_overflow():
    rows = FloatRows(np.array([[1.0], [-1.0]]), np.array([1.5e308, -1.5e308]), np.zeros((2, 1)),
                     np.zeros(2))  # fmt: skip
    assert_values(np.random.default_rng(0), rows, np.array([[1.5e308]]))


def test_a_constant_that_makes_a_bound_overflow():
    rows = FloatRows(np.array([[1.0], [-1.0]]), np.array([1.5e308, -1.5e308]), np.zeros((2, 1)),
                     np.zeros(2))  # fmt: skip
    lower, upper = np.array([1.5e308]), np.array([1.6e308])
    with np.errstate(over="ignore"):
        low, high = rows.over_box(lower, upper)
    assert low[0] < INF
    assert high[1] > -INF
