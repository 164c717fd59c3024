"""Sums of products: what is claimed to be exact is exact."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from solvers.products import exact_groups, product_is_exact
from solvers.rational import nearest, rational, rationals
from tests import naive

DOUBLES = st.one_of(
    st.sampled_from([0.0, 1.0, -0.5, 0.1, -0.1, 1e16, -1e16, 1 + 2**-52, 2**-27 + 1, 1e-16]),
    st.sampled_from([*naive.NASTY, 3e-324, 1e-200, 7e-308, 1 / 3]),
    st.floats(-4, 4),
)


@given(st.lists(st.tuples(*[DOUBLES] * 2), min_size=1, max_size=20))
def test_product_is_exact_never_claims_too_much(pairs: list[tuple[float, float]]):
    left, right = np.array(pairs).T
    claims = product_is_exact(left, right)
    for claim, a, b in zip(claims, left, right, strict=True):
        assert not claim or Fraction(a * b) == Fraction(a) * Fraction(b)


def test_product_is_exact_sees_exact_products():
    random = np.random.default_rng(0)
    left = np.ldexp(random.integers(-(2**26), 2**26, 3000), random.integers(-300, 300, 3000))
    right = np.ldexp(random.integers(-(2**27), 2**27, 3000), random.integers(-300, 300, 3000))
    assert product_is_exact(left, right).all()  # 53 bits suffice


@pytest.mark.parametrize("spread", [40, 130, 300])
def test_product_is_exact_on_many_doubles(spread: int):
    """Random doubles, near misses (one bit too many) and products near the smallest doubles."""
    random = np.random.default_rng(spread)
    bits = random.integers(20, 54, (2, 4000))
    whole = random.integers(0, 2**53, (2, 4000)) >> (53 - bits) | 1
    decimal = random.integers(-spread, spread + 1, (2, 4000)) * random.choice([0, 1], (2, 4000))
    left, right = whole * 10.0 ** np.minimum(decimal, 280)
    with np.errstate(over="ignore", under="ignore"):
        claims, products = product_is_exact(left, right), left * right
    assert 0 < claims.sum() < len(claims)
    for claim, a, b, c in zip(claims, left, right, products, strict=True):
        assert not claim or Fraction(float(c)) == Fraction(float(a)) * Fraction(float(b))


@given(
    st.lists(st.tuples(st.integers(0, 3), DOUBLES, DOUBLES),
             min_size=1, max_size=12),
    st.booleans(), st.booleans(), st.booleans(),
)  # fmt: skip
def test_exact_groups(items: list, weighted: bool, thirds: bool, factor_thirds: bool):
    items = sorted(items, key=lambda item: item[0])
    group = np.array([item[0] for item in items])
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    part = [Fraction(1, 3) if thirds else Fraction(1), Fraction(1, 7) if factor_thirds else 1]
    values = [Fraction(item[1]) * part[0] for item in items]
    factors = [Fraction(item[2]) * part[1] if weighted else Fraction(1) for item in items]
    approx, rest = exact_groups(
        np.array([float(v) for v in values]),
        rationals(values) if thirds else None,
        np.array([float(f) for f in factors]) if weighted else None,
        rationals(factors) if weighted and factor_thirds else None,
        starts,
    )
    expected = [
        sum((v * f for v, f, g in zip(values, factors, group, strict=True) if g == k), Fraction(0))
        for k in sorted(set(group.tolist()))
    ]
    assert naive.vector(approx if rest is None else rest) == expected
    assert approx.tolist() == [nearest(rational(q)) for q in expected]


def test_exact_groups_of_nothing():
    approx, rest = exact_groups(np.zeros(0), None, None, None, np.zeros(0, dtype=int))
    assert approx.shape == (0,)
    assert rest is None
