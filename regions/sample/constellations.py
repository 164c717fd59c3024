"""Constellations: groups of points whose patterns are close together and far from all others.

Hierarchical clustering of the patterns of one layer gives the number of clusters at each threshold
T = 0, 1, …, units:

- single linkage: the components of the graph of pairs at distance <= T;
- complete linkage: clusters that are merged as long as their largest distance is <= T;
- strict, the paper's own words: a group of two points or more with all distances inside it <= T
  and all distances to other points > T.  These are the single-linkage clusters of diameter <= T.

Source: "Study on Activation Patterns", section 2.3.2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from regions.errors import InputError
from regions.sample.bits import distances

MOST_POINTS = 16_000  # 16 000 · 15 999 / 2 doubles are 1 GB
KINDS = ("single", "complete", "strict")
BLOCK = 1024


@dataclass(frozen=True, kw_only=True, eq=False)
class Plateau:
    """The longest range of thresholds first..last with one number of clusters, neither 1 nor N."""

    clusters: int
    first: int
    last: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Constellations:
    """The number of clusters at thresholds 0..units.

    Attributes
    ----------
    kind
        single, complete or strict.
    curve
        The number at each threshold T (units + 1 numbers).
    integral
        Σ of the curve over T = 1..units: the lower, the more constellations (the paper's score).
    score
        integral / (N · units), between 1/N and 1 for single and complete.
    plateau
        None where no number lasts for two thresholds.
    members
        For strict: how many points belong to a constellation at each threshold.
    """

    kind: str
    points: int
    units: int
    curve: np.ndarray
    plateau: Plateau | None
    members: np.ndarray | None = None

    @property
    def integral(self) -> int:
        """Σ of the curve over thresholds from 1."""
        return int(self.curve[1:].sum())

    @property
    def score(self) -> float:
        """The integral as a share of its maximum."""
        return self.integral / (self.points * self.units)

    def as_dict(self) -> dict[str, object]:
        """JSON-ready."""
        plateau = self.plateau
        return {
            "kind": self.kind,
            "points": self.points,
            "units": self.units,
            "integral": self.integral,
            "score": self.score,
            "plateau": None if plateau is None else dict(vars(plateau)),
            "curve": self.curve.tolist(),
            "members": None if self.members is None else self.members.tolist(),
        }


def constellations(
    packed: Tensor,
    units: int,
    *,
    kinds: tuple[str, ...] = KINDS,
    progress: Callable[[int, int], None] | None = None,
) -> list[Constellations]:
    """The clusters of the packed patterns (N, bytes) of one layer.

    Raises
    ------
    InputError
        If there are fewer than two points or more than 16 000.

    Examples
    --------
    >>> import torch
    >>> from regions.sample.bits import pack
    >>> rows = pack(torch.tensor([[0, 0, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1]], dtype=torch.bool))
    >>> [found.curve.tolist() for found in constellations(rows, 4, kinds=("single", "strict"))]
    [[2, 2, 2, 2, 1], [1, 1, 1, 1, 1]]
    """
    from scipy.cluster.hierarchy import linkage

    number = len(packed)
    if not 2 <= number <= MOST_POINTS:
        raise InputError(
            f"constellations: need 2 to {MOST_POINTS} points, got {number}; take fewer samples"
        )
    wrong = [kind for kind in kinds if kind not in KINDS]
    if wrong:
        raise InputError(f"constellations {wrong[0]}: need {', '.join(KINDS)}")
    table = _table(packed, units, progress)
    upper = np.concatenate([table[i, i + 1 :] for i in range(number)]).astype(np.float64)
    found = []
    single = None
    for kind in kinds:
        if kind == "complete":
            tree = linkage(upper, "complete")
        else:
            single = linkage(upper, "single") if single is None else single
            tree = single
        if kind == "strict":
            curve, members = _strict(tree, table, units)
        else:
            merged = np.bincount(np.rint(tree[:, 2]).astype(np.int64), minlength=units + 1)
            curve, members = number - np.cumsum(merged), None
        found.append(
            Constellations(
                kind=kind, points=number, units=units, curve=curve,
                plateau=_plateau(curve, number), members=members,
            )
        )  # fmt: skip
    return found


def _table(packed: Tensor, units: int, progress: Callable[[int, int], None] | None) -> np.ndarray:
    """All distances (N, N), in as few bytes as hold them."""
    number = len(packed)
    kind = np.uint8 if units < 256 else np.uint16 if units < 65536 else np.int32
    table = np.empty((number, number), dtype=kind)
    for i in range(0, number, BLOCK):
        for j in range(i, number, BLOCK):
            block = distances(packed[i : i + BLOCK], packed[j : j + BLOCK], units).cpu().numpy()
            table[i : i + BLOCK, j : j + BLOCK] = block
            table[j : j + BLOCK, i : i + BLOCK] = block.T
        if progress is not None:
            progress(min(i + BLOCK, number), number)
    return table


def _strict(tree: np.ndarray, table: np.ndarray, units: int) -> tuple[np.ndarray, np.ndarray]:
    """Number of strict constellations, and of their points, at each threshold.

    A node of the single-linkage tree, made at height h and merged into another at height H, is the
    component of its points for h <= T < H; it is strict from its diameter D >= h on, if D < H.
    """
    number = len(tree) + 1
    places = _leaf_order(tree)
    order = np.argsort(places)
    sorted_table = table[np.ix_(order, order)]
    start = np.concatenate([places, np.zeros(number - 1, dtype=np.int64)])
    size = np.ones(2 * number - 1, dtype=np.int64)
    diameter = np.zeros(2 * number - 1, dtype=np.int64)
    above = np.full(2 * number - 1, units + 1, dtype=np.int64)  # the height of the parent
    change = np.zeros(units + 2, dtype=np.int64)
    members = np.zeros(units + 2, dtype=np.int64)
    for k, (left, right, height, _) in enumerate(tree):
        node, a, b = number + k, int(left), int(right)
        above[a] = above[b] = round(height)
        if start[a] > start[b]:
            a, b = b, a
        start[node], size[node] = start[a], size[a] + size[b]
        # pairs of one point on either side: all blocks together are the triangle
        across = sorted_table[start[a] : start[a] + size[a], start[b] : start[b] + size[b]].max()
        diameter[node] = max(diameter[a], diameter[b], int(across))
    for node in range(number, 2 * number - 1):
        first, last = diameter[node], above[node]
        if first < last:
            change[first] += 1
            change[last] -= 1
            members[first] += size[node]
            members[last] -= size[node]
    return np.cumsum(change)[: units + 1], np.cumsum(members)[: units + 1]


def _leaf_order(tree: np.ndarray) -> np.ndarray:
    """The place of each point in an order in which every cluster is an interval."""
    number = len(tree) + 1
    size = np.ones(2 * number - 1, dtype=np.int64)
    for k, (left, right, _, _) in enumerate(tree):
        size[number + k] = size[int(left)] + size[int(right)]
    place = np.zeros(2 * number - 1, dtype=np.int64)
    for k in range(number - 2, -1, -1):
        left, right = int(tree[k, 0]), int(tree[k, 1])
        place[left] = place[number + k]
        place[right] = place[number + k] + size[left]
    return place[:number]


def _plateau(curve: np.ndarray, number: int) -> Plateau | None:
    """The longest run of one value other than 0, 1 and N; the first of equally long ones."""
    edges = np.flatnonzero(np.diff(curve)) + 1
    starts = np.concatenate([[0], edges])
    ends = np.concatenate([edges, [len(curve)]])
    best = None
    for first, end in zip(starts.tolist(), ends.tolist(), strict=True):
        if int(curve[first]) not in (0, 1, number) and end - first > (
            1 if best is None else best.last - best.first + 1
        ):
            best = Plateau(clusters=int(curve[first]), first=first, last=end - 1)
    return best
