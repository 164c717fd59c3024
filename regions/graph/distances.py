"""Diameter, components and colours of a graph, by breadth-first searches in compiled code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp


@dataclass(frozen=True)
class GraphShape:
    """What a region graph looks like from afar.

    Attributes
    ----------
    components
        The number of connected parts.
    bipartite
        Whether the nodes have two colours such that edges join different ones.
    diameter_low, diameter_high
        The largest number of steps from one node to another lies between these; infinite (None) in
        a graph of several components.
    """

    components: int
    bipartite: bool
    diameter_low: int | None
    diameter_high: int | None

    @property
    def diameter(self) -> int | None:
        """The diameter, if it is known and finite."""
        return self.diameter_low if self.diameter_low == self.diameter_high else None


def shape_of(nodes: int, edges: np.ndarray, stop: Callable[[], bool]) -> GraphShape:
    """The shape of a graph with edges (m, 2).

    The diameter comes from few searches: a node at distance k from v with eccentricity e(v) has an
    eccentricity between max(k, e(v) - k) and e(v) + k.

    Source: F. W. Takes, W. A. Kosters, Determining the diameter of small world networks, CIKM 2011.
    """
    from scipy.sparse import csgraph

    ones = np.ones(2 * len(edges))
    ends = np.concatenate([edges, edges[:, ::-1]]) if len(edges) else np.zeros((0, 2), np.int64)
    matrix = sp.csr_array((ones, (ends[:, 0], ends[:, 1])), shape=(nodes, nodes))
    if not nodes:
        return GraphShape(0, True, None, None)
    components, label = csgraph.connected_components(matrix, directed=False)
    roots = np.unique(label, return_index=True)[1]
    depth = np.zeros(nodes)
    for root in roots.tolist():
        here = csgraph.dijkstra(matrix, unweighted=True, indices=root)
        reached = np.isfinite(here)
        depth[reached] = here[reached]
    parity = depth.astype(np.int64) % 2
    bipartite = bool((parity[edges[:, 0]] != parity[edges[:, 1]]).all())
    if components > 1:
        return GraphShape(int(components), bipartite, None, None)
    low, high = np.zeros(nodes), np.full(nodes, float(nodes))
    rounds = 0
    while True:
        best, bound = int(low.max()), int(high.max())
        if best == bound or stop():
            return GraphShape(1, bipartite, best, bound)
        # alternate between a node that may be far from others and one that is near to all
        candidates = np.flatnonzero((high > best) & (low < high))
        chosen = candidates[
            np.argmax(high[candidates]) if rounds % 2 == 0 else np.argmin(low[candidates])
        ]
        rounds += 1
        here = csgraph.dijkstra(matrix, unweighted=True, indices=chosen)
        far = here.max()
        low = np.maximum(low, np.maximum(here, far - here))
        high = np.minimum(high, far + here)
        low[chosen] = high[chosen] = far
