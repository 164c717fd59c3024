"""Draw docs/moons.svg: the linear regions of examples/models/moons.pt in the box [-1, 1]².

    python docs/draw_moons.py

The square is cut along the zero line of every unit, layer by layer, in floating point; the pieces
must be as many as `regions.count` proves.  A piece is coloured by the difference of the network's
two outputs at its centroid: blue for one moon, orange for the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

import regions

ROOT = Path(__file__).resolve().parent.parent
SIZE = 480  # pixels
SMALLEST = 1e-9  # shorter vectors between corners are rounding


@dataclass(frozen=True)
class Piece:
    """A convex polygon with corners (k, 2), on which r = W x + b is the last layer's output."""

    corners: np.ndarray
    weight: np.ndarray
    bias: np.ndarray


def cut(corners: np.ndarray, values: np.ndarray) -> list[np.ndarray]:
    """The parts of a polygon where a function with these corner values is ≥ 0 and ≤ 0."""
    if (values >= -SMALLEST).all() or (values <= SMALLEST).all():
        return [corners]
    parts: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    following = zip(np.roll(corners, -1, axis=0), np.roll(values, -1), strict=True)
    for (p, v), (q, w) in zip(zip(corners, values, strict=True), following, strict=True):
        for part, sign in zip(parts, (1, -1), strict=True):
            if sign * v >= 0:
                part.append(p)
            if v * w < 0:
                part.append(p + (q - p) * (v / (v - w)))
    return [np.array(part) for part in parts]


def pieces(network: regions.Network) -> list[Piece]:
    square = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    found = [Piece(square, np.eye(2), np.zeros(2))]
    for layer in network.layers:
        ((_, block),) = layer.weights
        weight, bias = np.asarray(block.approx), np.asarray(layer.bias.approx).ravel()
        below, found = found, []
        for piece in below:
            slopes, offsets = weight @ piece.weight, weight @ piece.bias + bias
            parts = [piece.corners]
            for slope, offset in zip(slopes, offsets, strict=True):
                parts = [half for part in parts for half in cut(part, part @ slope + offset)]
            for part in parts:
                active = slopes @ part.mean(axis=0) + offsets > 0
                found.append(Piece(part, slopes * active[:, None], offsets * active))
    return found


def colour(score: float) -> str:
    """Orange for positive scores, blue for negative ones, pale near zero."""
    strength = np.tanh(abs(score) / 8)
    end = np.array([214, 96, 30]) if score > 0 else np.array([36, 98, 180])
    red, green, blue = (250 + strength * (end - 250)).astype(int)
    return f"#{red:02x}{green:02x}{blue:02x}"


def svg(found: list[Piece], network: regions.Network) -> str:
    shapes = []
    for piece in found:
        first, second = network.evaluate(piece.corners.mean(axis=0)[None])[0]
        places = (piece.corners * [1, -1] + 1) * SIZE / 2
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        shapes.append(f'<polygon points="{points}" fill="{colour(second - first)}"/>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE} {SIZE}" '
        f'width="{SIZE}" height="{SIZE}" role="img">\n'
        f"<title>The {len(found)} linear regions of a trained network with two inputs</title>\n"
        '<g stroke="#222" stroke-width="0.6" stroke-linejoin="round">\n'
        + "\n".join(shapes)
        + "\n</g>\n</svg>\n"
    )


def main() -> None:
    network = regions.load(ROOT / "examples" / "models" / "moons.pt")
    found = pieces(network)
    known = int(regions.count(network))
    if len(found) != known:
        raise SystemExit(f"drew {len(found)} pieces, but the network has {known} regions")
    path = ROOT / "docs" / "moons.svg"
    path.write_text(svg(found, network), encoding="utf-8")
    print(f"{path}: {known} regions")


if __name__ == "__main__":
    main()
