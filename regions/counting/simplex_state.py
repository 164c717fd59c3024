"""Everything that the compiled simplex engine works on: arrays, by purpose.

A form is its coefficients and, last, its constant.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

import numpy as np

from solvers.dictionary import Dictionary, new_dictionaries

SPARE = 8  # points of a pool beyond those that its open units need


class Place(NamedTuple):
    """The network and the box: see `Shape` for the first ones."""

    widths: np.ndarray
    weights: np.ndarray
    biases: np.ndarray
    unbiased: np.ndarray
    leader: np.ndarray
    flipped: np.ndarray
    relative: np.ndarray
    absolute: np.ndarray
    evaluation: float
    summation: float  # γ of adding up a proof and of its largest value on the box
    size: np.ndarray
    middle: np.ndarray  # the box lies in middle ± radius
    radius: np.ndarray
    inner_low: np.ndarray  # the box, rounded inwards
    inner_high: np.ndarray


class Cells(NamedTuple):
    """The stack of nodes; a dictionary has a row for each split and each undecided unit."""

    layer: np.ndarray
    splits: np.ndarray  # rows of the domain and splits: the limiting rows
    fresh: np.ndarray  # whether the dictionary was built for this node
    whole: np.ndarray  # whether its regions could not be counted together
    basis: Dictionary  # rows are coordinates, splits, and units: FREE
    status: np.ndarray  # (nodes, layers, width): bits; -1: undecided, FOLLOWS: as its leader
    path_sign: np.ndarray  # (nodes, rows)
    point: np.ndarray  # (nodes, dim): in the box, and strictly inside all splits by certain signs
    weight: np.ndarray  # of how many vertices the point is a mean


class WideCells(NamedTuple):
    """The stack of nodes where coordinates outnumber rows; the first ones are as in `Cells`."""

    layer: np.ndarray
    splits: np.ndarray
    fresh: np.ndarray
    alive_count: np.ndarray  # splits and undecided units
    status: np.ndarray
    path_sign: np.ndarray
    point: np.ndarray
    pool: np.ndarray  # (nodes, points, dim): like the point, which is the first of them
    used: np.ndarray  # (nodes,) points
    sides: np.ndarray  # (nodes, width, points): certain signs of the open units, else 0
    basis_size: np.ndarray  # (nodes, width): the last basis of each unit, see solvers.box_dual
    basis_side: np.ndarray  # (nodes, width): the sign that was looked for
    tight: np.ndarray  # (nodes, width, rows)
    basic: np.ndarray


class Forms(NamedTuple):
    """The forms of the present cells' layers, and of the splits above the present node."""

    rows: np.ndarray  # (layers, width, dim + 1)
    row_errors: np.ndarray  # (layers, width): how much the inexact form errs anywhere in the box
    errors: np.ndarray  # (layers, width): the same, with the rounding of an evaluation
    sizes: np.ndarray  # (layers, width): largest sum of absolute terms in the box
    norms: np.ndarray  # (layers, width): half the range over the box
    scales: np.ndarray  # (layers, width): 1 / norms
    path: np.ndarray  # (rows, dim + 1)
    path_error: np.ndarray
    path_size: np.ndarray
    path_scale: np.ndarray
    path_layer: np.ndarray
    path_unit: np.ndarray


class Scratch(NamedTuple):
    """Working space."""

    vertex: np.ndarray
    point: np.ndarray
    form: np.ndarray
    multiplier: np.ndarray  # (rows,) of the splits, in a proof


class Failures(NamedTuple):
    """Nodes set aside."""

    layer: np.ndarray
    status: np.ndarray
    path: np.ndarray  # (failures, rows, 3): layer, unit, sign
    length: np.ndarray
    point: np.ndarray


def new_cells(nodes: int, rows: int, dim: int, layers: int, width: int) -> Cells:
    """An empty stack with room for so many nodes."""
    return Cells(
        layer=_integers(nodes), splits=_integers(nodes), fresh=_integers(nodes),
        whole=_integers(nodes), basis=new_dictionaries(nodes, rows, dim),
        status=np.zeros((nodes, layers, width), dtype=np.int8), path_sign=np.zeros((nodes, rows)),
        point=np.zeros((nodes, dim)), weight=_integers(nodes),
    )  # fmt: skip


def new_wide_cells(nodes: int, rows: int, dim: int, layers: int, width: int) -> WideCells:
    """The same, for cells with more coordinates than rows."""
    points = 2 * width + SPARE + 1  # one for each sign of each unit, the spare ones, the mean
    return WideCells(
        layer=_integers(nodes), splits=_integers(nodes), fresh=_integers(nodes),
        alive_count=_integers(nodes), status=np.zeros((nodes, layers, width), dtype=np.int8),
        path_sign=np.zeros((nodes, rows)), point=np.zeros((nodes, dim)),
        pool=np.zeros((nodes, points, dim)), used=_integers(nodes),
        sides=np.zeros((nodes, width, points), dtype=np.int8),
        basis_size=_integers(nodes, width), basis_side=_integers(nodes, width),
        tight=_integers(nodes, width, rows), basic=_integers(nodes, width, rows),
    )  # fmt: skip


Stack = TypeVar("Stack", Cells, WideCells, Dictionary)


def twice(old: Stack) -> Stack:
    """A stack with room for twice as many nodes."""
    parts: list[Any] = [
        twice(part) if isinstance(part, Dictionary) else np.concatenate([part, np.zeros_like(part)])
        for part in old
    ]
    return type(old)(*parts)


def keep_last(stack: Cells | WideCells | Dictionary, used: int, count: int) -> None:
    """Move the last ones of so many nodes to the beginning."""
    for part in stack:
        if isinstance(part, Dictionary):
            keep_last(part, used, count)
        else:
            part[:count] = part[used - count : used]


def new_forms(rows: int, dim: int, layers: int, width: int) -> Forms:
    """Forms that nothing has been written to."""
    return Forms(
        rows=np.zeros((layers, width, dim + 1)), row_errors=np.zeros((layers, width)),
        errors=np.zeros((layers, width)), sizes=np.zeros((layers, width)),
        norms=np.zeros((layers, width)), scales=np.ones((layers, width)),
        path=np.zeros((rows, dim + 1)), path_error=np.zeros(rows),
        path_size=np.zeros(rows), path_scale=np.ones(rows),
        path_layer=np.zeros(rows, dtype=np.int64), path_unit=np.zeros(rows, dtype=np.int64),
    )  # fmt: skip


def _integers(*size: int) -> np.ndarray:
    return np.zeros(size, dtype=np.int64)
