"""Everything that the compiled vertices engine works on: arrays, by purpose.

Layout: rows of a layer are stored coefficient by coefficient, map[j, unit] for j < dim, the
constants at j = dim, and at j = dim + 1 a bound on how much the inexact row can change a value at
any point of the box.  Sets of units are 64-bit words.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Frames(NamedTuple):
    """The stack of nodes; node f's vertices are first[f] .. first[f] + number[f]."""

    layer: np.ndarray
    first: np.ndarray
    number: np.ndarray
    parent: np.ndarray
    unit: np.ndarray  # the split that made the node, -1 where a layer is entered
    sign: np.ndarray
    current: np.ndarray  # slot of the current layer's map
    expanded: np.ndarray
    active: np.ndarray  # (frames, words): units that cut the cell
    on: np.ndarray  # (frames, words): units decided 1
    facet: np.ndarray  # (frames, 64): what a facet slot is: map slot * width + unit, or -1 - side


class Stores(NamedTuple):
    """Vertices, maps and scratch space."""

    x: np.ndarray
    error: np.ndarray
    facets: np.ndarray
    signs: np.ndarray  # (vertices, words)
    maps: np.ndarray  # (slots, dim + 2, width); slot f is node f's next map, the last is layer 1's
    norms: np.ndarray  # (slots, width): 1-norms of the rows
    errors: np.ndarray  # (slots, width): bounds on the errors of values at points of the box
    new_x: np.ndarray
    new_error: np.ndarray
    new_facets: np.ndarray
    new_signs: np.ndarray
    value: np.ndarray
    slack: np.ndarray
    sides: np.ndarray  # (2 dim,) bounds of the box
    system: np.ndarray  # (dim, dim)
    vector: np.ndarray  # (4, dim)
    work: np.ndarray  # (dim, 2 dim)
    order: np.ndarray  # (dim + 1, width): units that cut a section, by its level
    level: np.ndarray  # (5, dim + 1): first, number, count, done, facet slot of each section
    level_facet: np.ndarray  # (dim + 1, 64): facet slots of a section
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
