"""Upper bounds of the number of regions, from what is known of each layer.

A cell in which the bits of all earlier layers are known is mapped affinely into the layer; if that
map has rank r, then u undecided units cut the cell into S(u, r) = Σ_{i<=r} C(u, i) parts at most.
Where i of the u units are inactive in a part, the rank behind the layer is at most the number of
units that are left.  The bounds differ in how closely they follow that number.  All of them count
patterns that occur on a set with interior (meanings §2.5), so units that are constant, equal or
identically zero in a cell only lower the count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from math import prod

from regions.counting.bounds import binomials, cells

WIDEST_TABLE = 64  # undecided units beyond which `hinz` does not tabulate histograms


@dataclass(frozen=True)
class LayerUnits:
    """What bounds read of a ReLU layer.

    Attributes
    ----------
    units
        All of its units.
    open
        Those whose bit is not known on the whole domain.
    active
        Those whose bit is 1 on the whole domain; the bits of the remaining ones are 0.
    sources
        What the layer reads: 0 is the input, k the outputs of ReLU layer k.
    """

    units: int
    open: int
    active: int
    sources: tuple[int, ...]

    @property
    def alive(self) -> int:
        """Units that can be active."""
        return self.open + self.active


def is_chain(layers: Sequence[LayerUnits]) -> bool:
    """Whether every layer reads the one before it alone."""
    return all(set(layer.sources) <= {below} for below, layer in enumerate(layers))


def own(layers: Sequence[LayerUnits], dim: int) -> int:
    """Π_l S(u_l, ρ_l) over the undecided units u_l: valid with skip connections too.

    ρ_l bounds the rank of the map from a cell into layer l: the sum, over the sources of the layer,
    of the ranks behind them, and at most dim.  Behind layer l the rank is at most ρ_l and the
    number of units that can be active.  In a plain network this is the least of dim and the numbers
    of units that can be active in any earlier layer.

    >>> own([LayerUnits(4, 4, 0, (0,)), LayerUnits(4, 4, 0, (0, 1))], 2)
    121
    """
    behind = [dim]
    total = 1
    for layer in layers:
        rank = min(dim, sum(behind[source] for source in layer.sources))
        total *= cells(layer.open, rank)
        behind.append(min(rank, layer.alive))
    return total


def serra(layers: Sequence[LayerUnits], dim: int) -> int:
    """The bound of Serra, Tjandraatmadja and Ramalingam for a plain feed-forward network.

    R(l, d) bounds the regions that layers l, … make of a cell on which the map into layer l has
    rank d at most: R(L+1, d) = 1 and, with u undecided units and a active ones,

        R(l, d) = Σ_{i<=min(u,d)} C(u, i) · R(l+1, min(d, a + u - i)).

    For at most C(u, i) parts have i inactive units, at most S(u, d) parts exist, and R(l+1, ·) does
    not decrease, so that parts with few inactive units count most.

    Source: Bounding and Counting Linear Regions of Deep Neural Networks, ICML 2018, Theorem 1; with
    the units that are stable on the domain, after Serra and Ramalingam, AAAI 2020.

    >>> serra([LayerUnits(4, 4, 0, (0,)), LayerUnits(4, 4, 0, (1,))], 3)
    161
    """
    later = _no_layers(layers, dim)
    for layer, rank in reversed(_with_ranks(layers, dim)):
        later = _serra_step(layer, rank, later)
    return later[dim]


def hinz(layers: Sequence[LayerUnits], dim: int) -> int:
    """A bound in the framework of Hinz and van de Geer for a plain feed-forward network.

    The recursion of `serra` with any histogram γ of inactive units that dominates those of all
    arrangements of u hyperplanes in d dimensions, where Serra's is γ(i) = C(u, i) for i <= d.  Here
    γ is the sharper one of `most_with_few_inactive`, in layers of at most 64 undecided units.

    Source: A Framework for the Construction of Upper Bounds on the Number of Affine Linear Regions
    of ReLU Feed-Forward Neural Networks, IEEE Transactions on Information Theory 65 (2019).  The
    histograms are in the spirit of Hinz, Using activation histograms …, arXiv:2103.17174 (2021).

    >>> layers = [LayerUnits(4, 4, 0, (0,)), LayerUnits(4, 4, 0, (1,))]
    >>> serra(layers, 2), hinz(layers, 2)  # 1·11 + 4·11 + 5·11 + 1·5
    (121, 115)
    """
    later = _no_layers(layers, dim)
    for layer, rank in reversed(_with_ranks(layers, dim)):
        later = _hinz_step(layer, rank, later)
    return later[dim]


def open_node(
    undecided: int,
    alive: int,
    rank: int,
    later: Sequence[tuple[int, int]],
    feed_forward: bool,
) -> int:
    """Bound of the regions in a cell where `undecided` units of the current layer are left.

    In plain feed-forward networks that of `hinz`, for the layers from this one on; in others
    S(k, ρ) · Π_{m>l} S(n_m, ρ) with the dimension ρ of the domain.

    Parameters
    ----------
    undecided
        k, the undecided units of the current layer.
    alive
        The units of the current layer that are active or undecided.
    rank
        The rank of the map into the current layer, at most: the dimension of the domain and, in
        plain networks, the numbers of units that are active or undecided in earlier layers.
    later
        For each later layer, its units that no cheap bound has fixed, and how many of its units
        can be active at all.
    feed_forward
        Whether every layer reads the one before it alone.

    Examples
    --------
    >>> open_node(4, 4, 2, [(4, 4)], feed_forward=True)
    115
    >>> open_node(4, 4, 2, [(4, 4)], feed_forward=False)
    121
    """
    if not feed_forward:
        return cells(undecided, rank) * prod(cells(units, rank) for units, _ in later)
    return _in_open_node(undecided, alive, rank, tuple(later))


@lru_cache(maxsize=65536)
def _in_open_node(undecided: int, alive: int, rank: int, later: tuple[tuple[int, int], ...]) -> int:
    behind = _behind(later, rank)
    if undecided <= WIDEST_TABLE and 0 < rank < undecided:
        return _with_tails(undecided, alive, rank, behind)
    counts = binomials(undecided, min(undecided, rank))
    return sum(count * behind[min(rank, alive - i)] for i, count in enumerate(counts))


@lru_cache(maxsize=4096)
def _behind(later: tuple[tuple[int, int], ...], rank: int) -> list[int]:
    """R(l, 0), …, R(l, rank) for these layers."""
    regions = [1] * (rank + 1)
    for units, alive in reversed(later):
        regions = _hinz_step(LayerUnits(alive, units, alive - units, ()), rank, regions)
    return regions


def montufar(layers: Sequence[LayerUnits], dim: int) -> int:
    """Π_l S(n_l, min(n_0, …, n_{l-1})), n_0 = dim: the bound of a plain network from its widths.

    Source: Montúfar, Notes on the number of linear regions of deep neural networks, SampTA 2017.
    """
    ranks = accumulate((layer.units for layer in layers), min, initial=dim)
    return prod(cells(layer.units, rank) for layer, rank in zip(layers, ranks, strict=False))


def montufar_best_weights(layers: Sequence[LayerUnits], dim: int) -> int | None:
    """Π_{l<L} ⌊n_l / n_0⌋^{n_0} · S(n_L, n_0): the best weights of these widths reach so many.

    No bound of any given network, above or below: the most regions of a fully connected network
    with widths n_1, …, n_L on n_0 = dim inputs are at least so many.  None if a layer is narrower
    than n_0, where that theorem says nothing.

    Source: Montúfar, Pascanu, Cho and Bengio, On the Number of Linear Regions of Deep Neural
    Networks, NIPS 2014.

    >>> montufar_best_weights([LayerUnits(4, 4, 0, (0,)), LayerUnits(4, 4, 0, (1,))], 2)
    44
    """
    if not layers or not dim:
        return 1
    if any(layer.units < dim for layer in layers):
        return None
    *earlier, last = layers
    return prod((layer.units // dim) ** dim for layer in earlier) * cells(last.units, dim)


@lru_cache(maxsize=4096)
def most_with_few_inactive(units: int, dim: int) -> tuple[int, ...]:
    """For m = 0 … units, a bound F(n, d, m) of the regions with at most m inactive units.

    For n affine functions in d dimensions.  F(n, d, m) is the least of Σ_{i<=m} C(n, i), of S(n, d)
    and, by removing the last unit, of F(n-1, d, m) + F(n-1, d-1, m-1): a region with at most m
    inactive units is a region of the others where the last one is active, or it lies on the
    inactive side of one that the last one cuts and that has at most m - 1 inactive units.  On a
    line F(n, 1, m) = min(2m, n) + 1: every kink between two regions changes a unit that is inactive
    in one of them, so there are at most 2m kinks between the first and the last such region.

    >>> [most_with_few_inactive(4, d) for d in (1, 2, 3)]
    [(1, 3, 5, 5, 5), (1, 5, 10, 11, 11), (1, 5, 11, 15, 15)]
    """
    simple = tuple(min(total, cells(units, dim)) for total in accumulate(binomials(units, units)))
    if dim == 0 or dim >= units:
        return simple
    if dim == 1:
        return tuple(min(2 * m, units) + 1 for m in range(units + 1))
    whole = most_with_few_inactive(units - 1, dim)
    cut = most_with_few_inactive(units - 1, dim - 1)
    removed = (whole[0], *(whole[min(m, units - 1)] + cut[m - 1] for m in range(1, units + 1)))
    return tuple(map(min, simple, removed))


def _with_ranks(layers: Sequence[LayerUnits], dim: int) -> list[tuple[LayerUnits, int]]:
    """Each layer of a chain with the largest rank of the map from a cell into it."""
    ranks = accumulate((layer.alive for layer in layers), min, initial=dim)
    return list(zip(layers, ranks, strict=False))


def _no_layers(layers: Sequence[LayerUnits], dim: int) -> list[int]:
    """R(L+1, d) = 1 for every rank d that can occur."""
    return [1] * (1 + min([dim, *(layer.alive for layer in layers)]))


def _hinz_step(layer: LayerUnits, rank: int, later: Sequence[int]) -> list[int]:
    """The same as `_serra_step`, with sharper histograms in layers of few undecided units."""
    here = _serra_step(layer, rank, later)
    if layer.open <= WIDEST_TABLE:
        for d in range(1, min(rank + 1, layer.open)):
            here[d] = _with_tails(layer.open, layer.alive, d, later)
    return here


def _with_tails(units: int, alive: int, d: int, later: Sequence[int]) -> int:
    """Σ_i (F(u, d, i) - F(u, d, i - 1)) · R(l+1, min(d, alive - i)), F of `hinz`."""
    tails = most_with_few_inactive(units, d)
    return sum(
        (tail - (tails[i - 1] if i else 0)) * later[min(d, alive - i)]
        for i, tail in enumerate(tails)
    )


def _serra_step(layer: LayerUnits, rank: int, later: Sequence[int]) -> list[int]:
    """R(l, 0), …, R(l, rank) from R(l+1, ·), in O(rank) products of large numbers.

    Parts with i <= a + u - d inactive units keep rank d and are summed at once; for the others
    min(d, a + u - i) = a + u - i does not depend on d, so prefix sums over i serve all d.
    """
    alive = layer.alive
    chosen = list(binomials(layer.open, min(layer.open, rank)))
    reached = (later[min(alive - i, len(later) - 1)] for i in range(len(chosen)))
    parts = [0, *accumulate(chosen)]
    regions = [0, *accumulate(c * r for c, r in zip(chosen, reached, strict=True))]
    result = []
    for d in range(rank + 1):
        most = min(layer.open, d) + 1  # as many terms
        kept = min(max(alive - d + 1, 0), most)  # of which so many keep the rank
        full = later[d] * parts[kept] if kept else 0
        result.append(full + regions[most] - regions[kept])
    return result
