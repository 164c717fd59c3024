"""The engines by name, and the choice between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regions.frame import Frame
    from regions.network import Network

ENGINES = {
    "auto": "choose one",
    "vertices": "compiled (the first run: a minute), plain networks, boxes of dimension up to 8",
    "lp": "linear programs, anything; the reference",
}
VERTICES_DIM = 8  # what the vertices engine can hold
AUTO_DIM = 7  # above it, cells have so many vertices that linear programs are no slower


def refusal(network: Network, frame: Frame) -> str | None:
    """Why the vertices engine cannot take this network on this domain, or None."""
    if not network.is_feed_forward:
        return "it needs a plain feed-forward network, this one has skip connections"
    if not network.layers:
        return "it needs a ReLU layer"
    if not 1 <= frame.dim <= VERTICES_DIM:
        return f"it needs a domain of dimension 1 to {VERTICES_DIM}, this one has {frame.dim}"
    if not frame.is_bounded_box or frame.rows.shape[0]:
        return "it needs a bounded box"
    return None


def choose(network: Network, frame: Frame) -> tuple[str, str]:
    """(engine, why) for a network on a domain."""
    why_not = refusal(network, frame)
    if why_not is not None:
        return "lp", f"vertices cannot: {why_not}"
    if frame.dim > AUTO_DIM:
        return "lp", f"cells of dimension {frame.dim} have too many vertices"
    return "vertices", f"a plain network on a box of dimension {frame.dim}"
