"""Small classifiers trained on MNIST images, the same ones in every run on one machine."""

from __future__ import annotations

import gzip
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np

import regions
from benchmarks.skipped import Skipped

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "mnist"
IMAGES, LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"
EPOCHS, BATCH, RATE = 10, 100, 1e-3


def trained(*widths: int) -> tuple[regions.Network, regions.Box]:
    """A classifier of these widths, on the box [0, 1]^784 of the images.

    Adam on the cross-entropy for ten epochs, in one thread and with seed 0.  Its rounding depends
    on the processor and on PyTorch's version, and so may the number of regions.

    Raises
    ------
    Skipped
        Where torch or the images are absent.
    """
    try:
        import torch
    except ImportError:
        raise Skipped("needs torch, which is not installed") from None
    images, labels = digits()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums are added in one order
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            linears = [torch.nn.Linear(below, above) for below, above in pairwise(widths)]
            parts: list[torch.nn.Module] = [linears[0]]
            for linear in linears[1:]:
                parts += [torch.nn.ReLU(), linear]
            model = torch.nn.Sequential(*parts)
            optimiser = torch.optim.Adam(model.parameters(), lr=RATE)
            x, y = torch.from_numpy(images), torch.from_numpy(labels)
            for _ in range(EPOCHS):
                for batch in torch.randperm(len(x)).split(BATCH):
                    optimiser.zero_grad()
                    torch.nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
                    optimiser.step()
    finally:
        torch.set_num_threads(threads)
    layers = [(line.weight.detach().numpy(), line.bias.detach().numpy()) for line in linears]
    return regions.Network.from_layers(layers), regions.Box.cube(widths[0], 0, 1)


@cache
def digits() -> tuple[np.ndarray, np.ndarray]:
    """(images, 784) in [0, 1] and their labels; of the 10 000 test images, which suffice here."""
    if not (DATA / IMAGES).is_file():
        raise Skipped("needs MNIST in ../shared/data/mnist, which is absent")
    with gzip.open(DATA / IMAGES) as file:
        pixels = np.frombuffer(file.read(), dtype=np.uint8, offset=16)
    with gzip.open(DATA / LABELS) as file:
        labels = np.frombuffer(file.read(), dtype=np.uint8, offset=8)
    return pixels.reshape(-1, 784).astype(np.float32) / 255, labels.astype(np.int64)
