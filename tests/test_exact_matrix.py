"""`ExactMatrix` against nested lists of fractions: every operation is exact, however stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from flint import fmpq, fmpz
from hypothesis import given
from hypothesis import strategies as st

from solvers.exact_matrix import ExactMatrix
from solvers.rational import nearest, rational, rationals
from tests import naive
from tests.naive import Table

INTEGERS = st.sampled_from([0, 0, 1, -1, 2, -3, 2**40])
DOUBLES = st.one_of(
    st.sampled_from([0.0, 1.0, -0.5, 0.1, -0.1, 1e16, -1e16, 1 + 2**-52, 2**-27 + 1, 1e-16]),
    st.floats(-4, 4, width=32),
    st.floats(-4, 4),
)
NASTY = st.sampled_from([*naive.NASTY, 3e-324, 1e-200, 7e-308, 1 / 3])
RATIONALS = st.sampled_from(
    [Fraction(k) for k in (0, 0, 1, -1)]
    + [Fraction(1, 3), Fraction(-2, 3), Fraction(1, 9), Fraction(1, 10**30)]
    + [1 + Fraction(1, 10**30), Fraction(1, 10**400), -(1 + Fraction(1, 2**80))]
)
ENTRIES = [INTEGERS, DOUBLES, NASTY, RATIONALS]
STORAGES = ["dense", "sparse"]


def make(entries: list, cols: int, storage: str) -> ExactMatrix:
    """The matrix with these rows (lists of one length)."""
    rows = len(entries)
    array = np.empty((rows, cols), dtype=object)
    for i, line in enumerate(entries):
        array[i, :] = line
    if storage == "dense":
        return ExactMatrix.from_rationals(array)
    i, j = np.nonzero(array != 0)
    return ExactMatrix.from_entries(i, j, array[i, j], array.shape)


@st.composite
def matrices(draw: Any, height: int | None = None, width: int | None = None) -> ExactMatrix:
    rows: int = draw(st.integers(0, 4)) if height is None else height
    cols: int = draw(st.integers(0, 4)) if width is None else width
    entries = draw(st.sampled_from(ENTRIES))
    lines = [draw(st.lists(entries, min_size=cols, max_size=cols)) for _ in range(rows)]
    return make(lines, cols, draw(st.sampled_from(STORAGES)))


def assert_is(matrix: ExactMatrix, expected: Table, cols: int) -> None:
    """The entries, and everything that an exact matrix says about itself."""
    rows = len(expected)
    assert matrix.shape == (rows, cols)
    assert naive.table(matrix) == expected
    assert matrix.is_sparse == sp.issparse(matrix.approx)
    shadow: Any = matrix.approx
    shadow = shadow.toarray() if matrix.is_sparse else shadow
    assert shadow.dtype == np.float64
    for i in range(rows):
        cols_here, values = matrix.row(i)
        assert naive.vector(values) == [v for v in expected[i] if v]
        assert list(cols_here) == [j for j in range(cols) if expected[i][j]]
        for j in range(cols):
            assert naive.exact(matrix.entry(i, j)) == expected[i][j]
            assert shadow[i, j] == nearest(rational(expected[i][j]))
    if matrix.is_double:
        assert all(Fraction(shadow[i, j]) == expected[i][j] for i, j in np.ndindex(rows, cols))
    numerators, scale = matrix.integers
    values = matrix.approx.data if matrix.is_sparse else matrix.approx  # type: ignore
    assert numerators.shape == values.shape
    places = [(i, j) for i, j in np.ndindex(rows, cols) if expected[i][j]]
    got_rows, got_cols, got, rest = matrix.entries
    assert list(zip(got_rows.tolist(), got_cols.tolist(), strict=True)) == places
    true = naive.vector(got if rest is None else rest)
    assert true == [expected[i][j] for i, j in places]
    if matrix.is_sparse:
        assert [Fraction(int(n), int(scale)) for n in numerators] == true
    else:
        flat = [entry for line in expected for entry in line]
        assert [Fraction(int(n), int(scale)) for n in numerators.reshape(-1)] == flat
    size: Any = matrix.magnitude
    assert np.array_equal(size.toarray() if matrix.is_sparse else size, np.abs(shadow))


REFUSED = "ExactMatrix: an entry that is no double needs a size below 1e280"


def is_refused(q: Fraction) -> bool:
    """Whether a rational is no double, and too large to be rounded like the others."""
    if abs(q) < 2**1023 and Fraction(float(q)) == q:
        return False
    return abs(q) >= 10**280


def assert_result(compute: Callable[[], ExactMatrix], expected: Table, cols: int) -> Any:
    """The exact result, or an error where it does not fit into a matrix."""
    if any(is_refused(q) for line in expected for q in line):
        with pytest.raises(ValueError, match=REFUSED):
            compute()
        return None
    result = compute()
    assert_is(result, expected, cols)
    return result


# --------------------------------------------------------------------------------- making


@given(matrices())
def test_a_matrix_tells_its_entries(matrix: ExactMatrix):
    assert_is(matrix, naive.table(matrix), matrix.shape[1])


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int8, np.int64, bool])
@pytest.mark.parametrize("form", [np.array, sp.csr_array, sp.coo_array, sp.csc_matrix])
def test_from_floats_keeps_any_dtype(dtype: type, form: Callable):
    values = np.array([[1, 0, 0], [0, 0, 1]], dtype=dtype)
    matrix = ExactMatrix.from_floats(form(values))
    assert_is(matrix, [[1, 0, 0], [0, 0, 1]], 3)  # type: ignore
    assert matrix.is_double
    assert matrix.is_sparse == (form is not np.array)
    assert matrix.nnz == 2


@given(st.lists(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False),
                         min_size=2, max_size=2), min_size=1, max_size=3))  # fmt: skip
def test_from_floats_of_floats_is_double(values: list):
    matrix = ExactMatrix.from_floats(np.array(values, dtype=np.float32))
    assert_is(matrix, [naive.vector(line) for line in values], 2)
    assert matrix.is_double


@pytest.mark.parametrize(
    "values",
    [
        [[0.1, "1/3"], [2**53 + 1, 1]],
        np.array([[0.1, Fraction(1, 3)], [2**53 + 1, 1]], dtype=object),
    ],
)
def test_from_floats_of_mixed_kinds_does_not_round(values: Any):
    expected = [[Fraction(0.1), Fraction(1, 3)], [Fraction(2**53 + 1), Fraction(1)]]
    matrix = ExactMatrix.from_floats(values)
    assert_is(matrix, expected, 2)
    assert not matrix.is_double


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_from_floats_of_large_integers_does_not_round(dtype: type):
    matrix = ExactMatrix.from_floats(np.array([[2**53 + 1, 2**62 + 1]], dtype=dtype))
    assert_is(matrix, [[Fraction(2**53 + 1), Fraction(2**62 + 1)]], 2)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("form", [np.array, sp.csr_array])
def test_from_floats_refuses_what_is_no_number(bad: float, form: Callable):
    with pytest.raises(ValueError, match="ExactMatrix needs finite entries, got NaN or an infinit"):
        ExactMatrix.from_floats(form(np.array([[1.0, bad]])))
    with pytest.raises(ValueError, match="needs a finite number"):
        ExactMatrix.from_floats([[1.0, bad]])
    with pytest.raises(ValueError, match="needs finite entries"):
        ExactMatrix.from_entries([0], [0], np.array([bad]), (1, 1))
    with pytest.raises(ValueError, match="needs finite entries"):
        ExactMatrix.column(np.array([1.0, bad]))


@pytest.mark.parametrize("shape", [(), (3,), (1, 2, 3)])
def test_a_matrix_has_two_dimensions(shape: tuple[int, ...]):
    with pytest.raises(ValueError, match="two dimensions, got shape"):
        ExactMatrix.from_floats(np.ones(shape))
    with pytest.raises(ValueError, match="two dimensions, got shape"):
        ExactMatrix.from_rationals(rationals(np.ones(shape)))


def test_from_entries_sums_duplicates_exactly():
    rows, cols = [1, 0, 1, 1, 0, 1], [0, 1, 0, 0, 1, 2]
    doubles = ExactMatrix.from_entries(rows, cols, np.array([1e16, 0.1, 1, -1e16, 0.2, 5]), (2, 3))
    tenths = Fraction(0.1) + Fraction(0.2)
    assert_is(doubles, [[Fraction(0), tenths, Fraction(0)], [Fraction(1), Fraction(0), 5]], 3)  # type: ignore
    assert not doubles.is_double  # 0.1 + 0.2 is no double
    thirds = ExactMatrix.from_entries([0, 0, 0], [0, 0, 0], ["1/3", "1/3", "1/3"], (1, 1))
    assert_is(thirds, [[Fraction(1)]], 1)
    assert thirds.is_double
    cancelled = ExactMatrix.from_entries([0, 0], [0, 0], np.array([0.1, -0.1]), (1, 1))
    assert cancelled.nnz == 0
    assert cancelled.row(0)[1] == []


def test_identity_zeros_and_column():
    assert_is(ExactMatrix.identity(3), [[Fraction(i == j) for j in range(3)] for i in range(3)], 3)
    assert ExactMatrix.identity(3).is_identity
    assert ExactMatrix.identity(3).is_sparse
    assert_is(ExactMatrix.zeros(2, 3), [[Fraction(0)] * 3] * 2, 3)
    assert not ExactMatrix.zeros(2, 2).is_identity
    assert_is(ExactMatrix.zeros(0, 0), [], 0)
    assert_is(ExactMatrix.column([0.5, "1/3"]), [[Fraction(1, 2)], [Fraction(1, 3)]], 1)
    assert_is(ExactMatrix.column(np.array([0.5, 2.0])), [[Fraction(1, 2)], [Fraction(2)]], 1)


def test_arrays_are_copied_and_locked():
    values = np.array([[1.0, 2.0]])
    dense = ExactMatrix.from_floats(values)
    values[0, 0] = 9
    stored = sp.csr_array(np.array([[1.0, 2.0]]))
    sparse = ExactMatrix.from_floats(stored)
    stored.data[:] = 9
    entries = rationals(["1/3", "2/3"]).reshape(1, 2)
    thirds = ExactMatrix.from_rationals(entries)
    entries[0, 0] = fmpq(9)
    assert_is(dense, [[Fraction(1), Fraction(2)]], 2)
    assert_is(sparse, [[Fraction(1), Fraction(2)]], 2)
    assert_is(thirds, [[Fraction(1, 3), Fraction(2, 3)]], 2)
    results = [dense, sparse, thirds, dense @ dense.transpose(), sparse + sparse, -dense, -sparse]
    results += [dense.take_cols([1]), sparse.take_rows([0]), sparse.to_dense(), thirds.transpose()]
    results += [ExactMatrix.identity(2), ExactMatrix.zeros(1, 1), ExactMatrix.column([1, 2])]
    for matrix in results:
        approx: Any = matrix.approx
        parts = (approx.data, approx.indices, approx.indptr) if matrix.is_sparse else (approx,)
        assert not any(part.flags.writeable for part in parts)
        size: Any = matrix.magnitude
        assert not (size.data if matrix.is_sparse else size).flags.writeable
    with pytest.raises(FrozenInstanceError):
        dense.approx = values  # type: ignore
    with pytest.raises(ValueError, match="read-only"):
        dense.approx[0, 0] = 3.0  # type: ignore


# -------------------------------------------------------------------------------- algebra


@given(st.data())
def test_products(data: st.DataObject):
    rows, inner, cols = (data.draw(st.integers(0, 4)) for _ in range(3))
    left, right = data.draw(matrices(rows, inner)), data.draw(matrices(inner, cols))
    a, b = naive.table(left), naive.table(right)
    result = assert_result(lambda: left @ right, naive.product(a, b, inner, cols), cols)
    if result is not None and not (left.is_identity or right.is_identity):
        assert result.is_sparse == (left.is_sparse and right.is_sparse)


@given(st.data())
def test_sums_and_negatives(data: st.DataObject):
    rows, cols = data.draw(st.integers(0, 4)), data.draw(st.integers(0, 4))
    left, right = data.draw(matrices(rows, cols)), data.draw(matrices(rows, cols))
    a, b = naive.table(left), naive.table(right)
    sums = [[p + q for p, q in zip(*two, strict=True)] for two in zip(a, b, strict=True)]
    total = assert_result(lambda: left + right, sums, cols)
    if total is not None:
        assert total.is_sparse == (left.is_sparse and right.is_sparse)
    assert_is(-left, [[-p for p in line] for line in a], cols)
    assert (left + -left).nnz == 0


@given(matrices(), st.data())
def test_transposes_and_parts(matrix: ExactMatrix, data: st.DataObject):
    (rows, cols), entries = matrix.shape, naive.table(matrix)
    assert_is(matrix.transpose(), [[line[j] for line in entries] for j in range(cols)], rows)
    assert_is(matrix.to_dense(), entries, cols)
    assert not matrix.to_dense().is_sparse
    some_rows = data.draw(st.lists(st.integers(0, rows - 1), max_size=5)) if rows else []
    some_cols = data.draw(st.lists(st.integers(0, cols - 1), max_size=5)) if cols else []
    assert_is(matrix.take_rows(some_rows), [entries[i] for i in some_rows], cols)
    assert_is(matrix.take_cols(some_cols), [[line[j] for j in some_cols] for line in entries],
              len(some_cols))  # fmt: skip


@given(matrices(), st.data())
def test_scaled_rows(matrix: ExactMatrix, data: st.DataObject):
    (rows, cols), entries = matrix.shape, naive.table(matrix)
    factors = data.draw(st.lists(st.one_of(DOUBLES, RATIONALS), min_size=rows, max_size=rows))
    expected = [[Fraction(f) * q for q in line] for f, line in zip(factors, entries, strict=True)]
    assert_result(lambda: matrix.scale_rows(factors), expected, cols)


@given(matrices(), st.data())
def test_integer_products(matrix: ExactMatrix, data: st.DataObject):
    """v N and N v with M = N / D."""
    (rows, cols), entries = matrix.shape, naive.table(matrix)
    scale = int(matrix.integers[1])
    integers = st.integers(-(10**20), 10**20)
    right = data.draw(st.lists(integers, min_size=cols, max_size=cols))
    got = matrix.right_integers([fmpz(v) for v in right])
    assert [int(v) for v in got] == [scale * naive.dot(line, right) for line in entries]
    left = data.draw(st.dictionaries(st.integers(0, rows - 1), integers)) if rows else {}
    found = matrix.left_integers({i: fmpz(v) for i, v in left.items()})
    for j in range(cols):
        column = scale * sum((v * entries[i][j] for i, v in left.items()), Fraction(0))
        assert int(found.get(j, 0)) == column
    assert 0 not in found.values()


def test_shapes_that_do_not_fit():
    a = ExactMatrix.from_floats(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"shapes \(2, 3\) and \(2, 3\) do not multiply"):
        _ = a @ a
    with pytest.raises(ValueError, match=r"shapes \(2, 3\) and \(3, 2\) do not add"):
        _ = a + a.transpose()


@pytest.mark.parametrize(
    "build",
    [
        lambda: ExactMatrix.from_rationals([[Fraction(10) ** 400]]),
        lambda: ExactMatrix.from_entries([0], [0], [10**400], (1, 1)),
        lambda: ExactMatrix.from_entries([0, 0], [0, 0], ["1.7e308", "1e308"], (1, 1)),
        lambda: ExactMatrix.from_floats([[1e200]]) @ ExactMatrix.from_floats([[-1e200]]),
        lambda: sparse(1e200) @ sparse(1e200),
        lambda: sparse(1.7e308) + sparse(1.7e308),
        lambda: sparse(1.7e308) + ExactMatrix.from_floats([[1.7e308]]),
    ],
)
def test_entries_beyond_the_range_of_doubles_are_refused(build: Callable[[], ExactMatrix]):
    with pytest.raises(ValueError, match=REFUSED):
        build()


def test_doubles_of_any_size_are_kept():
    ends = [5e-324, -1e-310, 1e-300, 1e300, -np.finfo(float).max]
    for matrix in (ExactMatrix.from_floats(np.array([ends])), ExactMatrix.from_rationals([ends]),
                   ExactMatrix.from_entries(np.zeros(5), np.arange(5), ends, (1, 5))):  # fmt: skip
        assert_is(matrix, [naive.vector(ends)], 5)
        assert matrix.is_double


def sparse(value: object) -> ExactMatrix:
    return ExactMatrix.from_entries([0], [0], [value], (1, 1))


def test_large_products_that_cancel_are_exact():
    row = ExactMatrix.from_floats([[1e200, 1e200, 1.0]])
    column = ExactMatrix.from_floats([[1e200], [-1e200], [0.1]])
    assert_is(row @ column, [[Fraction(0.1)]], 1)


def test_the_shadow_of_what_no_double_holds():
    tiny = ExactMatrix.from_rationals([["1e-400", 0]])
    assert not tiny.is_double
    assert tiny.approx[0, 0] == 0  # type: ignore
    assert naive.vector(tiny.row(0)[1]) == [Fraction(1, 10**400)]
    other = ExactMatrix.from_entries([0], [1], ["-1e-400"], (1, 2))
    assert_is(other, [[Fraction(0), -Fraction(1, 10**400)]], 2)
    assert_is(other.transpose(), [[Fraction(0)], [-Fraction(1, 10**400)]], 1)
    assert_is(other + tiny, [[Fraction(1, 10**400), -Fraction(1, 10**400)]], 2)
    assert_is(sparse(5e-324).scale_rows([0.75]), [[Fraction(3, 2**1076)]], 1)
    assert_is(sparse(1e-200) @ sparse(1e-200), [[Fraction(1e-200) ** 2]], 1)


def test_sums_of_many_doubles_are_exact():
    """Ill-conditioned sums: floats lose everything, the matrix nothing."""
    random = np.random.default_rng(3)
    values = random.standard_normal(200) * 10.0 ** random.integers(-40, 40, 200)
    row = ExactMatrix.from_floats(np.concatenate([values, -values, [1e-45]])[None, :])
    ones = ExactMatrix.from_floats(np.ones((401, 1)))
    assert naive.table(row @ ones) == [[Fraction(1e-45)]]
    entries = ExactMatrix.from_entries(np.zeros(401), np.zeros(401), row.approx[0], (1, 1))  # type: ignore
    assert naive.table(entries) == [[Fraction(1e-45)]]


@pytest.mark.parametrize(
    "indices",
    [([0, 0], [0, 1]), ([1, 1], [0, 1]), ([0, 1], [1, 0]), ([0, 1], [0, 0]), ([0], [0])],
)
def test_zeros_and_ones_that_are_no_identity(indices: tuple[list[int], list[int]]):
    ones = ExactMatrix.from_entries(*indices, np.ones(len(indices[0])), (2, 2))
    other = ExactMatrix.from_floats([[1, 2], [3, 4]])
    assert not ones.is_identity
    a, b = naive.table(ones), naive.table(other)
    assert_is(ones @ other, naive.product(a, b, 2, 2), 2)
    assert_is(other @ ones, naive.product(b, a, 2, 2), 2)


@given(st.data())
def test_products_of_zeros_and_ones(data: st.DataObject):
    lines = st.lists(st.lists(st.sampled_from([0, 0, 1]), min_size=3, max_size=3),
                     min_size=3, max_size=3)  # fmt: skip
    left, right = (make(data.draw(lines), 3, data.draw(st.sampled_from(STORAGES))) for _ in "ab")
    assert_is(left @ right, naive.product(naive.table(left), naive.table(right), 3, 3), 3)


def test_nearly_one_is_not_one():
    nearly = ExactMatrix.from_entries([0], [0], [1 + Fraction(1, 10**30)], (1, 1))
    assert not nearly.is_identity
    assert_is(nearly @ ExactMatrix.column([7.0]), [[7 + Fraction(7, 10**30)]], 1)


def test_nothing_is_rounded_on_the_way_in():
    large = 2**53 + 1
    assert_is(ExactMatrix.from_entries([0], [0], np.array([large]), (1, 1)), [[Fraction(large)]], 1)
    assert_is(ExactMatrix.from_floats(sp.csr_array([[large]])), [[Fraction(large)]], 1)
    entries = sp.coo_array(([1e16, 1.0, -1e16], ([0, 0, 0], [0, 0, 0])), shape=(1, 1))
    assert_is(ExactMatrix.from_floats(entries), [[Fraction(1)]], 1)


@pytest.mark.skipif(np.finfo(np.longdouble).nmant <= 52, reason="a long double is a double here")
def test_long_doubles_are_refused():
    values = np.array([[np.longdouble(1) / 3]])
    with pytest.raises(ValueError, match="long double"):
        ExactMatrix.from_floats(values)
    with pytest.raises(ValueError, match="long double"):
        ExactMatrix.from_floats(sp.csr_array(values))
    with pytest.raises(ValueError, match="long double"):
        ExactMatrix.from_entries([0], [0], values[0], (1, 1))


@pytest.mark.parametrize(("row", "col"), [(0, 2), (2, 0), (-1, 0), (0, -1)])
def test_indices_outside_the_shape_are_refused(row: int, col: int):
    with pytest.raises((ValueError, IndexError)):
        ExactMatrix.from_entries([row], [col], np.ones(1), (2, 2))


def test_sparse_products_that_overflow():
    row = ExactMatrix.from_entries([0, 0], [0, 1], np.array([1e200, 1e200]), (1, 2))
    up = ExactMatrix.from_entries([0, 1], [0, 0], np.array([1e200, -1e200]), (2, 1))
    assert_is(row @ up, [[Fraction(0)]], 1)
    with pytest.raises(ValueError, match="no double needs a size"):
        _ = row @ row.transpose()
    large = ExactMatrix.from_entries([0], [0], np.array([1.7e308]), (1, 1))
    with pytest.raises(ValueError, match="no double needs a size"):
        _ = large + large
    assert (large + -large).nnz == 0


def test_non_zero_entries_that_underflow_are_counted():
    assert ExactMatrix.from_rationals([["1e-400", 0]]).nnz == 1
    assert ExactMatrix.from_entries([0], [1], ["1e-400"], (1, 2)).nnz == 1


@given(matrices(), st.data())
def test_rationals_are_kept_only_where_they_are_needed(matrix: ExactMatrix, data: st.DataObject):
    rows, cols = matrix.shape
    some = data.draw(st.lists(st.integers(0, rows - 1), max_size=3)) if rows else []
    others = data.draw(st.lists(st.integers(0, cols - 1), max_size=3)) if cols else []
    results = [matrix, matrix.transpose(), matrix.take_rows(some), matrix.take_cols(others),
               -matrix, matrix.to_dense(), matrix + matrix]  # fmt: skip
    for result in results:
        double = all(
            Fraction(nearest(rational(q))) == q for row in naive.table(result) for q in row
        )
        assert result.is_double == double


def test_rationals_are_locked():
    thirds = ExactMatrix.from_rationals([["1/3", "2/3"]])
    sparse = ExactMatrix.from_entries([0], [0], ["1/3"], (1, 1))
    for matrix in (thirds, sparse, thirds.transpose(), -thirds, thirds @ thirds.transpose(),
                   thirds.take_cols([1]), sparse + sparse, sparse.to_dense()):  # fmt: skip
        assert matrix.exact is None or not matrix.exact.flags.writeable
