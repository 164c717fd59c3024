"""Everything that the compiled integer engine works on: arrays, by purpose.

Layout: a generator is (x_1 … x_dim, x_0) in homogeneous coordinates; a row of a layer is stored
coefficient by coefficient, map[j, unit] for j < dim, its constant at j = dim.  Sets of units are
64-bit words.  All numbers are integers but the sizes, which are floats that bound them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Weights(NamedTuple):
    """A network in integers, padded to its widest layer."""

    widths: np.ndarray  # (layers,)
    weights: np.ndarray  # (layers, width, width): weights[l, u, h] from unit u of layer l to h
    biases: np.ndarray  # (layers, width)
    first: np.ndarray  # (dim + 1, width): the rows of the first layer


class Frames(NamedTuple):
    """The stack of nodes; node f's generators are first[f] .. first[f] + number[f], lines first."""

    layer: np.ndarray
    first: np.ndarray
    number: np.ndarray
    lines: np.ndarray
    rank: np.ndarray  # dimension of the cone modulo its lines
    parent: np.ndarray
    unit: np.ndarray  # the split that made the node, -1 where a layer is entered
    sign: np.ndarray
    current: np.ndarray  # slot of the current layer's map
    expanded: np.ndarray
    used: np.ndarray  # facet slots in use; slot 0 is x_0 >= 0
    active: np.ndarray  # (frames, words): units that cut the cell
    on: np.ndarray  # (frames, words): units decided 1


class Stores(NamedTuple):
    """Generators, maps and scratch space."""

    x: np.ndarray  # (room, dim + 1)
    size: np.ndarray
    facets: np.ndarray
    above: np.ndarray  # (room, words): units that are positive there; on lines, those not zero
    below: np.ndarray  # (room, words): units that are negative there; on lines, those not zero
    maps: np.ndarray  # (slots, dim + 1, width); slot f is node f's next map, the last is layer 1's
    forms: np.ndarray  # (slots, dim + 1, width): rows of an entered map without common divisors
    norms: np.ndarray  # (slots, width): 1-norms of the forms
    new_x: np.ndarray
    new_size: np.ndarray
    new_facets: np.ndarray
    new_above: np.ndarray
    new_below: np.ndarray
    value: np.ndarray
    values: np.ndarray  # (room, width): of a section's forms at its generators
    section_size: np.ndarray
    section_facets: np.ndarray
    keys: np.ndarray  # (width,) hashes of forms
    level: np.ndarray  # (6, dim + 1): first, number, lines, rank, forms, done of each section
    walk: np.ndarray  # (2,) the level of an interrupted walk over sections (or -1), and its count


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
    """An empty stack."""
    integers = [np.zeros(depth, dtype=np.int64) for _ in range(9)]
    return Frames(
        *integers,
        expanded=np.zeros(depth, dtype=bool),
        used=np.zeros(depth, dtype=np.uint64),
        active=np.zeros((depth, words), dtype=np.uint64),
        on=np.zeros((depth, words), dtype=np.uint64),
    )


def new_stores(depth: int, room: int, dim: int, width: int, words: int) -> Stores:
    """Room for so many generators."""

    def integers(*shape: int) -> np.ndarray:
        return np.zeros(shape, dtype=np.int64)

    def sets(*shape: int) -> np.ndarray:
        return np.zeros(shape, dtype=np.uint64)

    half = room // 2
    return Stores(
        x=integers(room, dim + 1), size=np.zeros(room), facets=sets(room),
        above=sets(room, words), below=sets(room, words),
        maps=integers(depth + 1, dim + 1, width), forms=integers(depth + 1, dim + 1, width),
        norms=np.zeros((depth + 1, width)),
        new_x=integers(half, dim + 1), new_size=np.zeros(half), new_facets=sets(half),
        new_above=sets(half, words), new_below=sets(half, words),
        value=integers(max(room, width)),
        values=integers(room, width), section_size=np.zeros(room), section_facets=sets(room),
        keys=sets(width), level=integers(6, dim + 1), walk=np.array([-1, 0]),
    )  # fmt: skip


def with_more_room(old: Stores, used: int) -> Stores:
    """Twice the room; the first `used` generators and all maps stay."""
    room, columns = old.x.shape
    depth, width = len(old.maps) - 1, old.keys.shape[0]
    new = new_stores(depth, 2 * room, columns - 1, width, old.above.shape[1])
    for name in ("x", "size", "facets", "above", "below"):
        getattr(new, name)[:used] = getattr(old, name)[:used]
    for name in ("maps", "forms", "norms"):
        getattr(new, name)[:] = getattr(old, name)
    return new


def new_failures(count: int, layers: int, words: int, depth: int, dim: int) -> Failures:
    """Room for so many nodes set aside."""
    return Failures(
        layer=np.zeros(count, dtype=np.int64), entered=np.zeros(count, dtype=bool),
        active=np.zeros((count, words), dtype=np.uint64),
        on=np.zeros((count, layers, words), dtype=np.uint64),
        path=np.zeros((count, depth, 3), dtype=np.int64),
        length=np.zeros(count, dtype=np.int64), middle=np.zeros((count, dim)),
    )  # fmt: skip
