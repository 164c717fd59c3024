"""Encodings and ranges against the oracle: closed cells, completions, true values."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from regions.composition import exact_row
from regions.domain import Ball, Box, Polytope, Segment, Slice, Space
from regions.encoding import Encoding, encode, relaxation
from regions.errors import DomainError, InputError, PatternError
from regions.frame import Frame
from regions.network import Network
from regions.pattern import Pattern
from regions.ranges import Ranges, bounding_box, no_bits, ranges
from regions.tightening import tightened
from solvers.backend import get_backend
from solvers.dual_bound import dual_bound
from solvers.options import SolveOptions
from solvers.program import LinearProgram
from solvers.solution import Status
from tests import naive, oracle
from tests.lying import LIES, LyingBackend

HIGHS = get_backend("highs")
DOMAINS = {
    "box": Box.cube(2, -1, 1),
    "flat box": Box([-1, 0.5], [1, 0.5]),
    "triangle": Box.cube(2, -1, 1) & Polytope([[1, 1], [-1, 2]], [1, 1]),
    "ball": Ball([0.5, 0], 1),
    "segment": Segment([-1, -1], [1, "1/2"]),
    "slice": Slice([0, 0], [1, 1], [1, 0]) & Box.cube(2, -1, 2),
}


def whole_network(seed: int, widths: Sequence[int] = (3, 3), skips: bool = False) -> Network:
    """Small integers and halves, so that an empty cell is empty by far more than a tolerance."""
    random = np.random.default_rng(seed)
    kind = "rational" if seed % 4 == 3 else "sparse" if seed % 4 == 2 else "dense"
    return naive.random_network(random, 2, widths, "integers", kind, skips)


def closed_cell_rows(
    network: Network, bits: Sequence[np.ndarray], frame: Frame
) -> list[oracle.Row]:
    """The rows of a closed cell over the frame's coordinates, exactly."""
    rows = []
    for j, (low, high) in enumerate(zip(frame.lower, frame.upper, strict=True)):
        axis = [int(k == j) for k in range(frame.dim)]
        if high is not None:
            rows.append(oracle.row(axis, naive.exact(high)))
        if low is not None:
            rows.append(oracle.row([-a for a in axis], -naive.exact(low)))
    for line, limit in zip(naive.table(frame.rows), frame.limits, strict=True):
        rows.append(oracle.row(line, naive.exact(limit)))
    for position, layer in enumerate(bits, start=1):
        forms = naive.forms(network, bits, position)
        for (a, c), bit in zip(forms, layer, strict=True):
            sign = -1 if bit else 1
            rows.append(oracle.row([sign * v for v in a], -sign * c))
    return rows


def is_closed_cell(network: Network, bits: Sequence[np.ndarray], frame: Frame) -> bool:
    return oracle.solve(closed_cell_rows(network, bits, frame), frame.dim) is not None


def all_bits(network: Network):
    for word in product((0, 1), repeat=network.relus):
        yield list(Pattern.from_bits(_split(word, network.widths)).layers())


def _split(word: Sequence[int], widths: Sequence[int]) -> list[list[int]]:
    rest = list(word)
    return [[rest.pop(0) for _ in range(width)] for width in widths]


def feasible(encoding: Encoding, backend: Any = HIGHS) -> bool:
    with backend.open(encoding.program, SolveOptions(feasibility_tol=1e-9)) as session:
        status = session.solve().status
    assert status in (Status.OPTIMAL, Status.INFEASIBLE), status
    return status is Status.OPTIMAL


def prepared(domain: str, network: Network) -> tuple[Network, Frame]:
    frame = Frame.of(DOMAINS[domain])
    return frame.pull(network), frame


# -- full patterns ---------------------------------------------------------------------------


@pytest.mark.parametrize("skips", [False, True])
@pytest.mark.parametrize("domain", DOMAINS)
def test_full_patterns_are_feasible_exactly_if_the_closed_cell_has_a_point(
    domain: str, skips: bool
):
    network, frame = prepared(domain, whole_network(len(domain), (3, 2), skips))
    known: set[bool] = set()
    for bits in all_bits(network):
        expected = is_closed_cell(network, bits, frame)
        known.add(expected)
        pattern = Pattern.from_bits(bits)
        tight = ranges(network, bounding_box(frame), bits)
        for form in ("input", "lifted", "milp"):
            for given_ranges in (None, tight):
                encoding = encode(network, frame, pattern, form=form, known=given_ranges)
                assert feasible(encoding) == expected, (form, str(pattern), given_ranges)
                assert encoding.form == form and not len(encoding.switches)
    assert known == {False, True}


def test_rows_say_what_they_are():
    network, frame = prepared("triangle", whole_network(1, (2, 2)))
    encoding = encode(network, frame, Pattern.parse("10/01"), form="lifted", outputs=True)
    assert encoding.column_names == ["x_0", "x_1", "z_1_0", "z_2_1", "y_0", "y_1"]
    expected = ["side_0", "side_1", "off_1_1", "z_1_0", "off_2_0", "z_2_1", "y_0", "y_1"]
    assert encoding.row_names == expected
    program, place = encoding.program, encoding.places
    dense = program.matrix.toarray()  # type: ignore
    row = dict(zip(encoding.row_names, dense, strict=True))
    weight = network.layers[1].weights[0][1].to_dense().approx
    assert row["off_2_0"][place["z", 1, 0]] == weight[0, 0]
    assert row["z_2_1"][place["z", 2, 1]] == 1
    assert row["z_2_1"][place["z", 1, 0]] == -weight[1, 0]
    assert program.col_lower[place["z", 2, 1]] == 0
    assert len(set(encoding.row_names)) == program.num_rows


def test_coordinates_of_flat_domains_have_their_inputs_names():
    network = whole_network(0)
    for domain, names in (
        ("box", ["x_0", "x_1"]),
        ("flat box", ["x_0"]),
        ("segment", ["u_0"]),
        ("slice", ["u_0", "u_1"]),
    ):
        pulled, frame = prepared(domain, network)
        encoding = encode(pulled, frame)
        assert encoding.column_names[: frame.dim] == names
        x = np.arange(encoding.program.num_cols, dtype=float)
        assert encoding.coordinates(x).tolist() == list(range(frame.dim))


@pytest.mark.parametrize("form", ["input", "lifted"])
def test_outputs_are_the_values_of_the_network(form: str):
    network, frame = prepared("box", whole_network(5))
    point = [Fraction(1, 3), Fraction(-1, 5)]
    pattern = network.pattern(point)
    encoding = encode(network, frame, pattern, form=form, outputs=True)
    values = np.full(encoding.program.num_cols, np.nan)
    before = network.preactivations(point)
    for j, column in enumerate(encoding.columns):
        if column.kind == "x":
            values[j] = point[column.unit]
        elif column.kind == "z":
            values[j] = before[column.layer - 1][column.unit]
        else:
            values[j] = network(point)[column.unit]
    activity = encoding.program.matrix @ values
    assert (activity >= encoding.program.row_lower - 1e-9).all()
    assert (activity <= encoding.program.row_upper + 1e-9).all()


# -- partial patterns ------------------------------------------------------------------------


@pytest.mark.parametrize("domain", DOMAINS)
def test_free_units_are_feasible_exactly_if_some_completion_is(domain: str):
    network, frame = prepared(domain, whole_network(2 + len(domain), (3, 2), domain == "box"))
    cells = {
        str(Pattern.from_bits(b)): is_closed_cell(network, b, frame) for b in all_bits(network)
    }
    random = np.random.default_rng(0)
    seen: set[bool] = set()
    for _ in range(40):
        units = random.integers(-1, 2, network.relus)
        pattern = Pattern.from_bits(_split(units.tolist(), network.widths))
        expected = any(cells[text] for text in cells if pattern.matches(Pattern.parse(text)))
        encoding = encode(network, frame, pattern, form="milp")
        assert feasible(encoding) == expected, str(pattern)
        seen.add(expected)
        tight = tightened(network, frame, ranges(network, bounding_box(frame), pattern.layers()),
                          HIGHS, 60)  # fmt: skip
        smaller = encode(network, frame, pattern, form="milp", known=tight)
        assert feasible(smaller) == expected, str(pattern)
        assert len(smaller.switches) <= len(encoding.switches)
    assert seen == {False, True}


def test_every_cell_is_proposed_by_cuts_and_nothing_else():
    network, frame = prepared("box", whole_network(45, (3, 2)))
    expected = {
        str(Pattern.from_bits(b)) for b in all_bits(network) if is_closed_cell(network, b, frame)
    }
    encoding = encode(network, frame)
    found: set[str] = set()
    with HIGHS.open(encoding.program) as session:
        while (solution := session.solve()).status is Status.OPTIMAL:
            assert solution.x is not None
            text = str(Pattern.from_bits(encoding.proposed(solution.x)))
            assert text not in found
            found.add(text)
            on = solution.x[encoding.switches] > 0.5
            row = np.zeros((1, encoding.program.num_cols))
            row[0, encoding.switches] = np.where(on, 1.0, -1.0)
            session.add_rows(row, [-np.inf], [on.sum() - 1])
    # a unit that the domain fixes has one bit where the closed cells of both have points
    assert found <= expected
    fixed = [bits >= 0 for bits in encoding.bits]
    kept = {t for t in expected if all(
        (layer[f] == own[f]).all()
        for layer, own, f in zip(Pattern.parse(t).layers(), encoding.bits, fixed, strict=True)
    )}  # fmt: skip
    assert found == kept and len(found) > 5


def test_backends_agree_on_a_mixed_program():
    network, frame = prepared("triangle", whole_network(4, (3, 2)))
    for text, form in (("***/11", "milp"), ("***/00", "milp"), ("101/01", "lifted")):
        encoding = encode(network, frame, Pattern.parse(text), form=form)
        answers = {
            name: feasible(encoding, get_backend(name))
            for name in ("highs", "scipy", "cvxpy", "pulp")
        }
        assert len(set(answers.values())) == 1, answers


# -- ranges ----------------------------------------------------------------------------------


def contained(network: Network, frame: Frame, found: Ranges, points: Any) -> None:
    """Whether the exact pre-activations at points lie in the ranges, where the bits hold."""
    for point in points:
        u = naive.vector(point)
        before, _ = naive.forward(network, u)
        for layer, z in enumerate(before):
            low, high = found.low[layer], found.high[layer]
            for value, below, above in zip(z, low.tolist(), high.tolist(), strict=True):
                assert Fraction(below) <= value <= Fraction(above)
            bits = found.given[layer].tolist()
            if any((b == 1 and v < 0) or (b == 0 and v > 0) for b, v in zip(bits, z, strict=True)):
                break  # what follows is about other points


@given(seed=st.integers(0, 10**6), kind=st.sampled_from(["plain", "integers", "scaled"]),
       storage=st.sampled_from(["dense", "sparse", "rational", "sparse rational"]),
       skips=st.booleans(), fixed=st.booleans())  # fmt: skip
@settings(max_examples=20)
def test_ranges_contain_the_true_values(
    seed: int, kind: str, storage: str, skips: bool, fixed: bool
):
    random = np.random.default_rng(seed)
    network = naive.random_network(random, 2, [3, 3, 3], kind, storage, skips)
    frame = Frame.of(DOMAINS["triangle"])
    bits = no_bits(network)
    if fixed:
        point = [Fraction(1, 7), Fraction(-1, 3)]
        for layer, own in zip(bits, network.pattern(point).layers(), strict=True):
            keep = random.random(len(layer)) < 0.5
            layer[keep] = own[keep]
    plain = ranges(network, frame.box(), bits, symbolic=False)
    symbolic = ranges(network, frame.box(), bits)
    best = tightened(network, frame, symbolic, HIGHS, 60)
    for looser, tighter in ((plain, symbolic), (symbolic, best)):
        for a, b, c, d in zip(looser.low, tighter.low, tighter.high, looser.high, strict=True):
            assert (a <= b).all() and (c <= d).all()
    corners = [[-1, -1], [1, -1], [1, 0], ["1/3", "2/3"], [-1, 0], [0, 0], ["1/7", "-1/3"]]
    inside = [[Fraction(v) for v in corner] for corner in corners]
    for weights in random.integers(0, 9, (20, len(inside))).tolist():
        total = sum(weights) or 1
        parts = [(Fraction(w, total), corner) for w, corner in zip(weights, inside, strict=False)]
        inside.append([Fraction(sum(w * c[j] for w, c in parts)) for j in (0, 1)])
    for found in (plain, symbolic, best):
        contained(network, frame, found, inside)


def test_symbolic_and_linear_programs_are_tighter_than_intervals():
    network, frame = prepared("box", naive.random_network(np.random.default_rng(7), 2, [8, 8, 8]))
    plain = ranges(network, frame.box(), symbolic=False)
    symbolic = ranges(network, frame.box())
    best = tightened(network, frame, symbolic, HIGHS, 60)
    widths = [sum(float((h - low).sum()) for low, h in zip(r.low, r.high, strict=True))
              for r in (plain, symbolic, best)]  # fmt: skip
    assert widths[0] > 1.1 * widths[1] and widths[1] > 1.01 * widths[2]


@pytest.mark.parametrize("lie", LIES)
def test_ranges_do_not_rest_on_the_solvers_word(lie: str):
    network, frame = prepared("triangle", naive.random_network(np.random.default_rng(3), 2, [4, 4]))
    liar = LyingBackend(lie, seed=1)
    known = tightened(network, frame, ranges(network, frame.box()), liar, 60)
    random = np.random.default_rng(0)
    points = random.uniform(-1, 1, (300, 2))
    points = points[(points.sum(axis=1) <= 1) & (2 * points[:, 1] - points[:, 0] <= 1)]
    assert len(points) > 100
    contained(network, frame, known, points[:100].tolist())
    assert liar.told or lie == "truth"


def test_no_time_leaves_the_ranges_as_they_were():
    network, frame = prepared("triangle", whole_network(1))
    known = ranges(network, frame.box())
    same = tightened(network, frame, known, HIGHS, 0)
    assert all(np.array_equal(a, b) for a, b in zip(known.low, same.low, strict=True))
    stopped = tightened(network, frame, known, HIGHS, 60, stop=lambda: True)
    assert all(np.array_equal(a, b) for a, b in zip(known.high, stopped.high, strict=True))


@given(seed=st.integers(0, 10**6))
def test_the_relaxation_holds_every_point_exactly(seed: int):
    """Every true point, with its true pre-activations, satisfies the loosened rows in rationals."""
    random = np.random.default_rng(seed)
    network = naive.random_network(random, 2, [3, 3], "plain", "rational", True)
    frame = Frame.of(DOMAINS["triangle"])
    known = ranges(network, frame.box())
    builder, program = relaxation(network, frame, known, 2)
    columns, _ = builder.labels()
    assume(program.num_rows)
    matrix = [naive.vector(line) for line in program.matrix.toarray().tolist()]  # type: ignore
    for point in ([0, 0], ["1/3", "2/3"], ["-2/7", "1/9"], [1, 0]):
        x = naive.vector(point)
        before, _ = naive.forward(network, x)
        values = []
        for column in columns:
            if column.kind == "x":
                values.append(x[column.unit])
                continue
            z = before[column.layer - 1][column.unit]
            values.append(
                {"z": z, "a": max(z, Fraction(0)), "d": Fraction(int(z > 0))}[column.kind]
            )
        for line, low, high in zip(matrix, program.row_lower, program.row_upper, strict=True):
            total = naive.dot(line, values)
            assert low == -np.inf or total >= Fraction(float(low))
            assert high == np.inf or total <= Fraction(float(high))
        for value, low, high in zip(values, program.col_lower, program.col_upper, strict=True):
            assert Fraction(float(low)) <= value <= Fraction(float(high))


@given(seed=st.integers(0, 10**6))
def test_dual_bounds_hold_for_any_multipliers(seed: int):
    random = np.random.default_rng(seed)
    m, n = int(random.integers(0, 4)), int(random.integers(1, 4))
    matrix, inside = random.integers(-3, 4, (m, n)).astype(float), random.uniform(-1, 1, n)
    activity = matrix @ inside
    low = np.where(random.random(m) < 0.5, -np.inf, np.floor(activity))
    high = np.where(random.random(m) < 0.5, np.inf, np.ceil(activity))
    cost = random.standard_normal(n)
    program = LinearProgram(cost, matrix, low, high, np.full(n, -2.0), np.full(n, 2.0))
    solution = HIGHS.open(program).solve()
    assert solution.objective is not None and solution.row_duals is not None
    best = dual_bound(program, cost, solution.row_duals)
    assert best == pytest.approx(solution.objective, abs=1e-6)
    value = naive.dot(naive.vector(cost.tolist()), naive.vector(inside.tolist()))
    for multipliers in (solution.row_duals, -solution.row_duals, random.standard_normal(m),
                        np.full(m, np.nan), 1e300 * random.standard_normal(m)):  # fmt: skip
        bound = dual_bound(program, cost, multipliers)
        assert bound == -np.inf or Fraction(bound) <= value


# -- bad input -------------------------------------------------------------------------------


def test_unbounded_domains_are_refused_with_a_reason():
    network = whole_network(0)
    for domain in (Space(2), Box([-1, -np.inf], [1, 1]), Polytope([[1, 1]], [0])):
        frame = Frame.of(domain)
        with pytest.raises(DomainError, match="big-M"):
            encode(network, frame)
        pattern = network.pattern([0, 0])
        for form in ("input", "lifted"):
            assert encode(network, frame, pattern, form=form).program.num_cols >= 2


def test_boxes_around_polytopes_are_exact():
    frame = Frame.of(Polytope([[1, 1], [-1, 0], [0, -1]], ["1/3", 0, 1]))
    low, high = bounding_box(frame)
    assert low.tolist() == [0, -1]
    third = Fraction(4, 3)
    assert Fraction(float(high[0])) >= third > Fraction(float(np.nextafter(high[0], 0)))
    assert Fraction(float(high[1])) >= Fraction(1, 3)


def test_bad_arguments():
    network, frame = whole_network(0), Frame.of(DOMAINS["box"])
    with pytest.raises(InputError, match="no form 'linear'; choose one of auto, input"):
        encode(network, frame, form="linear")
    with pytest.raises(InputError, match="'lifted' needs a full pattern"):
        encode(network, frame, Pattern.parse("***/010"), form="lifted")
    with pytest.raises(PatternError, match=r"layers of \(3, 3\) units"):
        encode(network, frame, Pattern.parse("01/01"))
    with pytest.raises(InputError, match=r"give frame.pull\(network\)"):
        encode(network, Frame.of(DOMAINS["segment"]))
    known = ranges(network, frame.box())
    with pytest.raises(InputError, match="another pattern"):
        encode(network, frame, Pattern.parse("111/***"), known=known)


def test_large_full_patterns_are_lifted(monkeypatch: pytest.MonkeyPatch):
    network, frame = prepared("box", whole_network(8))
    pattern = network.pattern([0, 0])
    assert encode(network, frame, pattern).form == "input"
    monkeypatch.setattr("regions.encoding.INPUT_ENTRIES", 11)  # 6 units, 2 coordinates
    assert encode(network, frame, pattern).form == "lifted"
    assert encode(network, frame, pattern, form="input").form == "input"


def test_composed_rows_are_those_of_the_network():
    network, frame = prepared("box", whole_network(8, (3, 3), True))
    pattern = network.pattern(["1/3", "1/5"])
    bits = list(pattern.layers())
    encoding = encode(network, frame, pattern, form="input")
    for line, row, low, high in zip(
        encoding.rows, encoding.program.matrix.toarray(),  # type: ignore
        encoding.program.row_lower, encoding.program.row_upper, strict=True,
    ):  # fmt: skip
        a, c = exact_row(network, bits, line.layer, line.unit)
        np.testing.assert_allclose(row, [float(v.p) / float(v.q) for v in a], rtol=1e-12)
        limit = -float(c.p) / float(c.q)
        bit = bits[line.layer - 1][line.unit]
        assert (line.kind, low, high) == pytest.approx(
            ("z", limit, np.inf) if bit else ("off", -np.inf, limit)
        )
