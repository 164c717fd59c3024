"""Questions for the judge: does a unit become negative somewhere in a cell?  With their answers.

Cells are those of a path at a known interior point: the splits of earlier layers and of some units
of the same layer.  Brute force over the exact rows gives the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from typing import Any

import numpy as np
from flint import fmpq
from hypothesis import strategies as st

from regions.composition import float_rows
from regions.counting.decide import Goal, Judge
from regions.counting.forms import Halfspaces, LayerRows, Split
from regions.counting.points import negated
from regions.domain import Box, Polytope
from regions.domain_base import Domain
from regions.errors import DomainError
from regions.frame import Frame
from regions.network import Network
from solvers.rational import rationals
from tests import naive, oracle
from tests.naive import Form, random_network


@dataclass(frozen=True)
class Question:
    """Is the goal negative somewhere in the cell?  `answer` is a point, or None: nowhere."""

    judge: Judge
    cell: Halfspaces
    goal: Goal
    anchor: tuple[fmpq, ...]
    rows: list[Form]  # strictly positive inside, the bounds of the coordinates included
    target: Form

    @property
    def dim(self) -> int:
        return self.judge.frame.dim

    @property
    def answer(self) -> Any:
        inside = [oracle.row([-a for a in form[0]], form[1], strict=True) for form in self.rows]
        below = oracle.row(self.target[0], -self.target[1], strict=True)
        return oracle.solve([*inside, below], self.dim)

    def has(self, point: Any) -> bool:
        """Whether a point is strictly inside with a negative goal."""
        return self.inside(point) and naive.value(self.target, vector(point)) < 0

    def inside(self, point: Any) -> bool:
        return all(naive.value(form, vector(point)) > 0 for form in self.rows)


def vector(point: Any) -> list[Fraction]:
    return naive.vector(point.tolist() if isinstance(point, np.ndarray) else point)


def ask(
    network: Network, frame: Frame, anchor: tuple[fmpq, ...], chosen: Callable[[int], bool]
) -> list[Question]:
    """Questions about the units of the network at an interior point.

    Bits are those of the point.  All units of earlier layers and the `chosen` ones of the same
    layer split the cell, unless they vanish at the point; every other unit is a goal.
    """
    before, _ = naive.forward(network, anchor)
    if not frame.dim:
        return []
    split: Split | None = None
    bits: list[np.ndarray] = []
    questions: list[Question] = []
    number = count()
    inside = bounds(frame)
    for position, z in enumerate(before, start=1):
        forms = naive.forms(network, bits, position)
        units = np.arange(len(z))
        floats = float_rows(network, bits, position, units)
        rows = LayerRows(network, tuple(bits), position, units, floats)
        goals, skipped = [], []
        for unit, value in enumerate(z):
            sign = 1 if value > 0 else -1
            if not any(forms[unit][0]):
                continue
            if value and chosen(next(number)):
                split = Split(split, rows, unit, sign, 0 if split is None else split.depth + 1)
                inside = [*inside, signed(forms[unit], sign)]
            else:
                goals.append((unit, sign))
        cell = Halfspaces(frame, Halfspaces.sides_of(frame), split.path() if split else ())
        for unit, sign in goals:
            goal = goal_of(rows, unit, sign)
            target = signed(forms[unit], sign)
            questions.append(Question(Judge.of(frame), cell, goal, anchor, inside, target))
            if z[unit]:
                skipped.append((unit, sign))
        for unit, sign in skipped:  # deeper layers need every bit of this one
            split = Split(split, rows, unit, sign, 0 if split is None else split.depth + 1)
            inside = [*inside, signed(forms[unit], sign)]
        if any(not value and any(forms[unit][0]) for unit, value in enumerate(z)):
            break  # the point lies on a hyperplane: deeper bits would not be those of one cell
        bits.append(np.array([int(value > 0) for value in z], dtype=np.int8))
    return questions


def goal_of(rows: LayerRows, unit: int, sign: int) -> Goal:
    picked = rows.floats.take(np.array([unit]))
    if sign > 0:
        return Goal(picked, lambda: rows.exact(unit))
    return Goal(picked.signed(np.array([-1.0])), lambda: negated(rows.exact(unit)))


def signed(form: Form, sign: int) -> Form:
    return [sign * a for a in form[0]], sign * form[1]


def bounds(frame: Frame) -> list[Form]:
    """The frame's inequalities, as forms that are positive inside."""
    result: list[Form] = []
    for j, (low, high) in enumerate(zip(frame.lower, frame.upper, strict=True)):
        unit = [Fraction(int(k == j)) for k in range(frame.dim)]
        if low is not None:
            result.append((unit, -naive.exact(low)))
        if high is not None:
            result.append(([-v for v in unit], naive.exact(high)))
    for row, limit in zip(naive.table(frame.rows), frame.limits, strict=True):
        result.append(([-a for a in row], naive.exact(limit)))
    return result


def draw_questions(problem: Any, data: st.DataObject, limit: int = 3) -> list[Question]:
    try:
        frame = Frame.of(problem.domain.build())
    except DomainError:
        return []
    network = frame.pull(problem.network.build())
    flags = data.draw(st.lists(st.booleans(), min_size=8, max_size=8))
    questions = ask(network, frame, frame.interior, lambda k: flags[k % 8])
    return questions[-limit:]


def boxed(seed: int, kind: str = "plain", storage: str = "dense") -> list[Question]:
    """Questions of a random network in a box with a slanted side."""
    random = np.random.default_rng(seed)
    network = random_network(random, 2, [4, 3], kind, storage, skips=True)
    frame = Frame.of(Box.cube(2, -1, 1) & Polytope([[1, 1]], ["3/2"]))
    x = rationals(["1/3", "-1/5"]).tolist()
    return ask(network, frame, tuple(x), lambda k: k % 2 == 0)


def quiet() -> Any:
    return np.errstate(over="ignore", invalid="ignore", under="ignore")


def single(domain: Domain, rows: list, goal: Form, anchor: list) -> Question:
    """One layer: the given rows (a, c) split, positive inside; the last unit is the goal."""
    forms = [*rows, goal]
    weights, biases = [list(a) for a, _ in forms], [c for _, c in forms]
    network = Network.from_layers([(weights, biases), ([[1] * len(forms)], [0])])
    frame = Frame.of(domain)
    units = np.arange(len(forms))
    layer = LayerRows(network, (), 1, units, float_rows(network, [], 1, units))
    split: Split | None = None
    for index in range(len(rows)):
        split = Split(split, layer, index, 1, index)
    cell = Halfspaces(frame, Halfspaces.sides_of(frame), split.path() if split else ())
    inside = bounds(frame) + [(naive.vector(a), naive.exact(c)) for a, c in rows]
    target = naive.vector(goal[0]), naive.exact(goal[1])
    point = tuple(rationals(anchor).tolist())
    return Question(Judge.of(frame), cell, goal_of(layer, len(rows), 1), point, inside, target)
