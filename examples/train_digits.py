"""Train the small ReLU networks that the examples count: two moons, and handwritten digits.

    python examples/train_digits.py [FOLDER]

Writes ``moons.pt`` (2 inputs) and ``digits.pt`` (the 8 × 8 digits of scikit-learn, reduced to
their first 3 principal components) as state_dicts into FOLDER, by default ``examples/models``.
The inputs are scaled so that the data fill the box [-1, 1]ⁿ, the default domain of the commands.
Takes a few seconds on one core.  Needs torch and scikit-learn.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits, make_moons
from sklearn.decomposition import PCA
from torch import nn


@dataclass(frozen=True)
class Example:
    """A data set, and the network that is trained on it."""

    name: str
    hidden: tuple[int, ...]
    points: np.ndarray  # (samples, inputs), within [-1, 1]
    labels: np.ndarray  # (samples,), 0 .. classes - 1
    steps: int


def examples() -> tuple[Example, ...]:
    moons, sides = map(np.asarray, make_moons(n_samples=600, noise=0.1, random_state=0))
    digits, labels = map(np.asarray, load_digits(return_X_y=True))
    components = PCA(n_components=3, random_state=0).fit_transform(digits)
    return (
        Example("moons", (16, 16), to_unit_box(moons), sides, steps=600),
        Example("digits", (16, 16), to_unit_box(components), labels, steps=600),
    )


def to_unit_box(points: np.ndarray) -> np.ndarray:
    low, high = points.min(axis=0), points.max(axis=0)
    return 2 * (points - low) / (high - low) - 1


def train(example: Example, seed: int) -> tuple[nn.Sequential, float]:
    """The trained network and its accuracy on the points it was trained on."""
    torch.manual_seed(seed)
    widths = (example.points.shape[1], *example.hidden)
    layers: list[nn.Module] = []
    for below, above in pairwise(widths):
        layers += [nn.Linear(below, above), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Linear(widths[-1], int(example.labels.max()) + 1))
    points = torch.tensor(example.points, dtype=torch.float32)
    labels = torch.tensor(example.labels, dtype=torch.long)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(example.steps):
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(points), labels).backward()
        optimiser.step()
    with torch.no_grad():
        accuracy = (model(points).argmax(dim=1) == labels).double().mean().item()
    return model, accuracy


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the example networks.")
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path(__file__).resolve().parent / "models"
    )
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)  # the same sums in the same order on every machine
    for example in examples():
        model, accuracy = train(example, arguments.seed)
        path = arguments.folder / f"{example.name}.pt"
        torch.save(model.state_dict(), path)
        widths = "-".join(str(layer.in_features) for layer in model if isinstance(layer, nn.Linear))
        print(f"{path}: {widths}-{int(example.labels.max()) + 1}, accuracy {accuracy:.3f}")


if __name__ == "__main__":
    main()
