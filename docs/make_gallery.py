"""Draw the pictures of the README and of docs/gallery.md again.

    python docs/make_gallery.py

Takes a minute or two on one core, and another one where the engines are not compiled yet.  Needs
torch, scikit-learn and matplotlib.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits, make_moons
from sklearn.decomposition import PCA
from torch import nn

import regions
from regions.drawing.animation import Film
from regions.drawing.charts import curves
from regions.drawing.complexes import complex_of
from regions.drawing.figures import draw_plane
from regions.drawing.forms import gradient_norms
from regions.drawing.style import save, theme_of

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT / "examples" / "models"
GALLERY = ROOT / "docs" / "gallery"
DOTS = 110


def moons() -> None:
    """The shipped network of two moons: three pictures and a page."""
    network = regions.load(MODELS / "moons.pt")
    regions.plot(network, None, ROOT / "docs" / "moons.svg", colour="class")
    regions.plot(network, None, GALLERY / "moons-regions.svg", boundary=False)
    regions.plot(network, None, GALLERY / "moons.html", colour="class", title="moons.pt")
    found = complex_of(network)
    save(
        draw_plane(found, "layer", theme="dark", width=6),
        GALLERY / "moons-layers.png", theme_of("dark"), DOTS,
    )  # fmt: skip


def digits() -> None:
    """A plane through three handwritten digits, in the space of the network of digits."""
    network = regions.load(MODELS / "digits.pt")
    images, labels = map(np.asarray, load_digits(return_X_y=True))
    points = PCA(n_components=3, random_state=0).fit_transform(images)
    low, high = points.min(axis=0), points.max(axis=0)
    points = np.round(2 * (points - low) / (high - low) - 1, 3)
    first = [points[np.flatnonzero(labels == digit)[0]] for digit in (0, 4, 6)]
    plane = regions.Slice(*[[str(value) for value in point] for point in first])
    path = GALLERY / "digits-classes.svg"
    regions.plot(network, plane, path, colour="class", title="a plane through a 0, a 4 and a 6")


def untrained() -> None:
    """A network of PyTorch as it is before training: 2-64-64-64-1, by the norm of its gradient."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(),
        nn.Linear(64, 1),
    )  # fmt: skip
    network = regions.load(model)
    found = complex_of(network)
    norms = gradient_norms(network, found.bits)
    figure = draw_plane(found, "gradient", gradients=norms, boundary=False, width=6)
    save(figure, GALLERY / "untrained-gradient.png", theme_of("light"), DOTS)


def training() -> None:
    """A network while it learns to tell two moons apart: an animation, and the density near it."""
    points, sides = map(np.asarray, make_moons(n_samples=600, noise=0.1, random_state=0))
    low, high = points.min(axis=0), points.max(axis=0)
    x = torch.tensor(2 * (points - low) / (high - low) - 1, dtype=torch.float32)
    y = torch.tensor(sides, dtype=torch.long)
    torch.set_num_threads(1)  # the same sums in the same order on every machine
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(2, 12), nn.ReLU(), nn.Linear(12, 12), nn.ReLU(), nn.Linear(12, 2)
    )
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    film = Film(colour="class")
    centres = {"around (0.3, -0.4)": (0.3, -0.4), "around (-0.5, 0.8)": (-0.5, 0.8)}
    monitor = regions.ComplexityMonitor(list(centres.values()), ["0.25"])
    epochs = [0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 22, 26, 30, 35, 40, 50, 60]
    for epoch in range(max(epochs) + 1):
        if epoch:
            for batch in torch.randperm(len(x)).split(100):
                optimiser.zero_grad()
                nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
                optimiser.step()
        if epoch in epochs:
            film(model, epoch)
        monitor(model, epoch)
    film.save(GALLERY / "training.gif")
    lines: dict[str, list[float | tuple[float, float]]] = {
        name: [int(found.counts[k][0]) for _, found in monitor.history]
        for k, name in enumerate(centres)
    }
    figure = curves(
        [epoch for epoch, _ in monitor.history], lines, x_label="epoch",
        y_label="regions within 0.25", title="Local complexity during training",
    )  # fmt: skip
    save(figure, GALLERY / "local-complexity.svg", theme_of("light"))


def main() -> None:
    GALLERY.mkdir(exist_ok=True)
    for draw in (moons, digits, untrained, training):
        draw()
        print(f"{draw.__name__}: drawn")


if __name__ == "__main__":
    main()
