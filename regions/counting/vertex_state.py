"""Everything that the compiled vertices engine works on: arrays, by purpose.

Layout: rows of a layer are stored coefficient by coefficient, map[j, unit] for j < dim, the
constants at j = dim, and at j = dim + 1 a bound on how much the inexact row can change a value at
any point of the box.  Vertices are stored coordinate by coordinate, x[place, k, vertex].  Sets of
units are 64-bit words.
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np


class Frames(NamedTuple):
    """The stack of nodes."""

    layer: np.ndarray
    place: np.ndarray  # where the node's vertices are
    number: np.ndarray  # of vertices
    parent: np.ndarray
    unit: np.ndarray  # the split that made the node, -1 where a layer is entered
    sign: np.ndarray
    current: np.ndarray  # slot of the current layer's map
    expanded: np.ndarray
    hard: (
        np.ndarray
    )  # whether units may be zero at vertices, or vertices lie on more facets than dim
    active: np.ndarray  # (frames, words): units that cut the cell
    on: np.ndarray  # (frames, words): units decided 1
    facet: np.ndarray  # (frames, 64): what a facet slot is: map slot * width + unit, or -1 - side


class Maps(NamedTuple):
    """Rows: slot 0 holds those of layer 1, slot f + 1 those of the layer after node f's."""

    rows: np.ndarray  # (slots, dim + 2, width)
    norms: np.ndarray  # (slots, width): 1-norms of the rows of units that may cut
    errors: np.ndarray  # (slots, width): bounds on the errors of their values at points of the box
    central: np.ndarray  # (slots, words): units whose rows have a constant that is exactly zero


class Vertices(NamedTuple):
    """Vertices, by place: one for each frame, one for each level of sections, one for scratch."""

    x: np.ndarray  # (places, dim, room)
    error: np.ndarray  # (places, room)
    facets: np.ndarray  # (places, room)
    signs: np.ndarray  # (places, words, room): units that are positive there
    zeros: np.ndarray  # (places, words, room): units that are zero there; of hard nodes only


class Scratch(NamedTuple):
    """Working space."""

    value: np.ndarray  # (room or width,)
    slack: np.ndarray
    other: np.ndarray  # (room,)
    sides: np.ndarray  # (3, room + 1): vertices on both sides of a cut, and on it
    far: np.ndarray  # (room + 1,)
    centre: np.ndarray  # (width,) values of forms at a cell's middle
    limit: np.ndarray  # (width,) how much they can change in the cell
    box: np.ndarray  # (2 dim,) bounds of the box
    table: np.ndarray  # (64,) facet slots of a section
    system: np.ndarray  # (dim, dim)
    lines: np.ndarray  # (64, dim): facets to choose a system from
    names: np.ndarray  # (64,): what they are
    vector: np.ndarray  # (4, dim)
    work: np.ndarray  # (dim, 2 dim)
    order: np.ndarray  # (dim + 1, width): units that cut a section, by its level
    level: np.ndarray  # (5, dim + 1): vertices, units, done, facet slot, own unit of each section


class Asks(NamedTuple):
    """Signs at vertices that floats cannot tell, of the node at work: what is asked, and answers.

    What the facet slots are is in `Scratch.table`; a node is gone through again once all is known.
    """

    unit: np.ndarray
    slot: np.ndarray  # of its row
    place: np.ndarray
    vertex: np.ndarray
    facets: np.ndarray  # on which the vertex lies
    answer: np.ndarray  # 1, -1, 0; UNKNOWN before
    used: np.ndarray  # (1,)


class Failures(NamedTuple):
    """Nodes set aside: their layer, bits, splits, and a point near their middle."""

    layer: np.ndarray
    entered: np.ndarray  # whether the node stands before its layer's first decision
    active: np.ndarray
    on: np.ndarray  # (failures, layers, words)
    path: np.ndarray  # (failures, depth, 3): layer, unit, sign
    length: np.ndarray
    middle: np.ndarray


def new_frames(depth: int, words: int) -> Frames:
    """An empty stack with room for so many nodes."""
    integers = [np.zeros(depth, dtype=np.int64) for _ in range(7)]
    return Frames(
        *integers,
        expanded=np.zeros(depth, dtype=bool),
        hard=np.zeros(depth, dtype=bool),
        active=np.zeros((depth, words), dtype=np.uint64),
        on=np.zeros((depth, words), dtype=np.uint64),
        facet=np.zeros((depth, 64), dtype=np.int64),
    )


def new_maps(depth: int, dim: int, width: int) -> Maps:
    """Rows for so many nodes."""
    slots, words = depth + 1, (width + 63) // 64
    return Maps(
        np.zeros((slots, dim + 2, width)),
        np.zeros((slots, width)),
        np.zeros((slots, width)),
        np.zeros((slots, words), dtype=np.uint64),
    )


def new_vertices(depth: int, dim: int, words: int, room: int) -> Vertices:
    """Room for so many vertices of each of so many nodes, and of the sections of one."""
    places = depth + dim + 1
    return Vertices(
        x=np.zeros((places, dim, room)),
        error=np.zeros((places, room)),
        facets=np.zeros((places, room), dtype=np.uint64),
        signs=np.zeros((places, words, room), dtype=np.uint64),
        zeros=np.zeros((places, words, room), dtype=np.uint64),
    )


def new_scratch(dim: int, width: int, room: int, low: np.ndarray, high: np.ndarray) -> Scratch:
    """Working space for cells of so many vertices."""
    return Scratch(
        value=np.zeros(max(room, width)), slack=np.zeros(max(room, width)), other=np.zeros(room),
        sides=np.zeros((3, room + 1), dtype=np.int64), far=np.zeros(room + 1, dtype=np.uint64),
        centre=np.zeros(width), limit=np.zeros(width),
        box=np.stack([low, high], axis=1).reshape(-1),
        table=np.zeros(64, dtype=np.int64),
        system=np.zeros((dim, dim)),
        lines=np.zeros((64, dim)), names=np.zeros(64, dtype=np.int64),
        vector=np.zeros((4, dim)), work=np.zeros((dim, 2 * dim)),
        order=np.zeros((dim + 1, width), dtype=np.int64),
        level=np.zeros((5, dim + 1), dtype=np.int64),
    )  # fmt: skip


def new_asks(room: int) -> Asks:
    """Room for so many questions."""
    return Asks(
        *(np.zeros(room, dtype=np.int64) for _ in range(4)),
        facets=np.zeros(room, dtype=np.uint64),
        answer=np.zeros(room, dtype=np.int64),
        used=np.zeros(1, dtype=np.int64),
    )


def new_failures(room: int, layers: int, words: int, depth: int, dim: int) -> Failures:
    """Room for so many nodes."""
    return Failures(
        layer=np.zeros(room, dtype=np.int64), entered=np.zeros(room, dtype=bool),
        active=np.zeros((room, words), dtype=np.uint64),
        on=np.zeros((room, layers, words), dtype=np.uint64),
        path=np.zeros((room, depth, 3), dtype=np.int64),
        length=np.zeros(room, dtype=np.int64),
        middle=np.zeros((room, dim)),
    )  # fmt: skip


Arrays = TypeVar("Arrays", Frames, Maps, Vertices, Asks)


def copied(old: Arrays, new: Arrays, used: int) -> Arrays:
    """`new`, with what the first `used` entries of `old` hold."""
    for before, after in zip(old, new, strict=True):
        shape = (slice(used), *(slice(size) for size in before.shape[1:]))
        after[shape] = before[:used]
    return new
