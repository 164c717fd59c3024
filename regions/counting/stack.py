"""The stack of the engines that keep a cell's vertices: its open nodes, their bounds and names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from regions.counting.layer_bounds import open_node
from regions.counting.prefix import Prefix

if TYPE_CHECKING:
    from regions.counting import integer_state, vertex_state

    Frames = integer_state.Frames | vertex_state.Frames
    Failures = integer_state.Failures | vertex_state.Failures


def open_frames(frames: Frames, top: int) -> list[int]:
    """The nodes, of the first `top` ones, that are not expanded yet."""
    return np.flatnonzero(~frames.expanded[:top]).tolist()


def keep(frames: Frames, top: int, count: int) -> None:
    """Forget all open nodes but the last ones."""
    opened = open_frames(frames, top)
    frames.expanded[opened[: len(opened) - count]] = True


def bounds(frames: Frames, top: int, widths: Sequence[int], dim: int) -> Iterator[tuple[int, int]]:
    """(layer, bound) of every open node."""
    later = [(width, width) for width in widths]
    alive = [0] * (len(widths) + 1)
    for f in range(top):
        layer = int(frames.layer[f])
        on = sum(int(word).bit_count() for word in frames.on[f])
        cutting = sum(int(word).bit_count() for word in frames.active[f])
        alive[layer] = on + cutting
        if frames.expanded[f]:
            continue
        if layer < 0:
            yield layer, open_node(0, dim, dim, later, feed_forward=True)
        else:
            rank, rest = min([dim, *alive[:layer]]), later[layer + 1 :]
            yield layer, open_node(cutting, on + cutting, rank, rest, feed_forward=True)


def named(frames: Frames, node: int, widths: Sequence[int], middle: np.ndarray) -> Prefix:
    """A node by its name, with this point near its middle."""
    layer, on = int(frames.layer[node]), ones(frames, node)
    path: list[tuple[int, int, int]] = []
    here = node
    while here >= 0:
        if frames.unit[here] >= 0:
            path.append((int(frames.layer[here]), int(frames.unit[here]), int(frames.sign[here])))
        here = int(frames.parent[here])
    active = frames.active[node] if layer >= 0 and frames.active[node].any() else None
    return _prefix(layer, active, on, path[::-1], widths, middle)


def ones(frames: Frames, node: int) -> list[np.ndarray]:
    """By layer, up to the node's own: the units that are decided 1, as words."""
    on: dict[int, np.ndarray] = {}
    here = node
    while here >= 0:
        on.setdefault(int(frames.layer[here]), frames.on[here])
        here = int(frames.parent[here])
    return [on[m] for m in range(int(frames.layer[node]) + 1)]


def failed(failures: Failures, index: int, widths: Sequence[int]) -> Prefix:
    """A node that was set aside, by its name."""
    on = [failures.on[index, position] for position in range(len(widths))]
    path = failures.path[index, : failures.length[index]][::-1].tolist()
    active = None if failures.entered[index] else failures.active[index]
    middle = failures.middle[index].copy()
    return _prefix(int(failures.layer[index]), active, on, path, widths, middle)


def _prefix(
    layer: int,
    active: np.ndarray | None,
    on: Sequence[np.ndarray],
    path: Sequence[Sequence[int]],
    widths: Sequence[int],
    middle: np.ndarray,
) -> Prefix:
    """A cell before layer `layer + 1`, or in the middle of `layer`: `active` are undecided."""
    complete = layer + 1 if active is None else layer
    bits = tuple(unpacked(on[m], widths[m]) for m in range(complete))
    current = None
    if active is not None:
        undecided = unpacked(active, widths[layer])
        current = np.where(undecided, -1, unpacked(on[layer], widths[layer])).astype(np.int8)
    return Prefix(bits, current, tuple((m, unit, sign) for m, unit, sign in path), middle)


def unpacked(words: np.ndarray, width: int) -> np.ndarray:
    """Bits that are packed into words, the lowest first, as 0 and 1."""
    bits = np.unpackbits(words.view(np.uint8), bitorder="little")
    return bits[:width].astype(np.int8)
