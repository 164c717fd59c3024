"""The networks that are counted, with the number of regions where it is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import regions
from benchmarks.mnist import trained
from benchmarks.skipped import Skipped

SHARED = Path(__file__).resolve().parents[2] / "shared" / "models"


@dataclass(frozen=True)
class Bench:
    """A network, a domain and the known number of regions.

    Attributes
    ----------
    regions
        The number that is known, or None; a count that contradicts it ends a benchmark.
    make
        The network and the domain; may raise `Skipped`.
    long
        Whether counting takes a minute or more.
    digest
        How the digest of the network begins whose number is known, where another machine may make
        another one.
    """

    name: str
    regions: int | None
    make: Callable[[], tuple[regions.Network, Any]]
    long: bool = False
    digest: str = ""

    def known(self, network: regions.Network) -> int | None:
        """The number of regions, if this is the network whose number is known."""
        return self.regions if network.digest.startswith(self.digest) else None


def by_default(known: int | None, *widths: int, long: bool = False) -> Bench:
    """The network of `default_initialisation` with its known number of regions."""
    name = "-".join(map(str, widths))
    return Bench(name, known, lambda: default_initialisation(*widths), long)


def by_training(known: int | None, digest: str, *widths: int, long: bool = False) -> Bench:
    """A classifier of MNIST, and how many regions it has where it was trained first."""
    name = "MNIST " + "-".join(map(str, widths))
    return Bench(name, known, lambda: trained(*widths), long, digest)


def default_initialisation(*widths: int, bias: bool = True) -> tuple[regions.Network, Any]:
    """PyTorch's default weights of Linear layers made in order with seed 0, on [-1, 1]^n."""
    layers = _default_layers(widths, bias)
    return regions.Network.from_layers(layers), regions.Box.cube(widths[0], -1, 1)


def doubled(*widths: int) -> tuple[regions.Network, Any]:
    """The same, with unit 1 of every hidden layer a copy of unit 0."""
    layers = _default_layers(widths, True)
    for weight, bias in layers[:-1]:
        weight[1], bias[1] = weight[0], bias[0]
    return regions.Network.from_layers(layers), regions.Box.cube(widths[0], -1, 1)


def _default_layers(widths: Sequence[int], bias: bool) -> list[tuple[np.ndarray, np.ndarray]]:
    try:
        import torch
    except ImportError:
        raise Skipped("needs torch, which is not installed") from None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        linears = [torch.nn.Linear(*pair, bias=bias) for pair in pairwise(widths)]
    return [
        (
            line.weight.detach().numpy(),
            line.bias.detach().numpy() if bias else np.zeros(line.out_features),
        )
        for line in linears
    ]


def acas_xu(network: str, box: str) -> tuple[regions.Network, Any]:
    """A network and a property's input box of VNN-COMP 2021, from ../shared/models."""
    from regions.domain_spec import parse_domain

    if not SHARED.is_dir():
        raise Skipped("needs ../shared/models, which is absent")
    model = regions.load(SHARED / network)
    return model, parse_domain(f"vnnlib:{SHARED / box}", model.inputs)


BENCHES = (
    by_default(127, 2, 16, 16, 1),
    by_default(1276, 3, 16, 16, 1),
    by_default(6658, 4, 16, 16, 1),
    by_default(6668, 2, 64, 64, 64, 1),
    by_default(20714, 2, 128, 128, 128, 1),
    by_default(79783, 2, 256, 256, 256, 1),
    by_default(20724, 3, 32, 32, 32, 1),
    by_default(76348, 5, 20, 20, 1),
    by_default(321872, 6, 32, 1),
    by_default(21880, 8, 12, 12, 1),
    by_default(37032, 10, 16, 1),
    Bench("4-16-16-1, no biases", 10096, lambda: default_initialisation(4, 16, 16, 1, bias=False)),
    Bench("5-20-20-1, units twice", 46623, lambda: doubled(5, 20, 20, 1)),
    Bench("ACAS 3_3, prop 4", 1201, lambda: acas_xu("acasxu_3_3.onnx", "prop_4.vnnlib")),
    Bench("ACAS 1_1, prop 3", 71930, lambda: acas_xu("acasxu_1_1.onnx", "prop_3.vnnlib")),
    by_training(14248, "7f5abbc2", 784, 8, 8, 10),
    by_training(15608, "001bb4f3", 784, 6, 16, 10),
    by_training(397601, "47686121", 784, 11, 11, 10, long=True),
    by_default(10131241, 16, 24, 1),
    by_default(5992719, 12, 16, 16, 1),
)
