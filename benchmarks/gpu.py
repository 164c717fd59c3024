"""Throughput of sampling beside what the device can do at most, on a GPU or a CPU.

    python -m benchmarks.gpu [--device auto|cpu|cuda] [--seconds 1]

Prints a table: what the device reaches in products of matrices and in copies, then patterns,
distances and products with frozen maps, each with the share of the ceiling that bounds it.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from regions.sample.bits import distances, pack
from regions.sample.device import choose_device, full_precision, small_integers
from regions.sample.evaluator import Evaluator
from regions.sample.frozen import Frozen


@dataclass(frozen=True)
class Row:
    """One measurement: `work` units a second, out of the device's `ceiling`."""

    name: str
    rate: str
    work: float
    unit: str
    ceiling: float


def convolutional() -> nn.Module:
    """Three convolutions, max-pooling and one linear layer, for images of CIFAR-10."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 64, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(64, 128, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(128, 128, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(2048, 10),
    )  # fmt: skip


def dense() -> nn.Module:
    """Three layers of 1024 units on images of CIFAR-10."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(3072, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 1024),
        nn.ReLU(), nn.Linear(1024, 10),
    )  # fmt: skip


MULTIPLICATIONS = {
    "conv": 75 * 64 * 1024 + 1600 * 128 * 256 + 1152 * 128 * 64 + 2048 * 10,
    "dense": 3072 * 1024 + 2 * 1024 * 1024 + 10240,
}


def seconds(work: Callable[[], object], device: torch.device, budget: float) -> float:
    """The least time of a run among those that fit into the budget, three at least."""

    def once() -> float:
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - start

    once()
    best, spent, runs = once(), 0.0, 1
    while runs < 3 or spent < budget:
        taken = once()
        best, spent, runs = min(best, taken), spent + taken, runs + 1
    return best


def product_ceiling(device: torch.device, dtype: torch.dtype, budget: float) -> float:
    """Floating-point operations a second of a large product of matrices."""
    size = 8192 if device.type == "cuda" else 1024
    a = torch.rand(size, size, device=device, dtype=dtype)
    return 2 * size**3 / seconds(lambda: a @ a, device, budget)


def copy_ceiling(device: torch.device, budget: float) -> float:
    """Bytes read and written a second by a copy."""
    a = torch.zeros(2**28 if device.type == "cuda" else 2**24, dtype=torch.float32, device=device)
    b = torch.empty_like(a)
    return 2 * a.numel() * 4 / seconds(lambda: b.copy_(a), device, budget)


def patterns_row(
    name: str, module: nn.Module, points: Tensor, ceiling: float, budget: float
) -> Row:
    evaluator = Evaluator.of(module, device=str(points.device), input_shape=SHAPES[name])
    spent = seconds(lambda: [pack(bits) for bits in evaluator.bits(points)], points.device, budget)
    rate = len(points) / spent
    return Row(
        f"patterns, {name}", f"{rate:,.0f} points/s", 2 * MULTIPLICATIONS[name] * rate, "FLOP/s",
        ceiling,
    )  # fmt: skip


SHAPES = {"conv": (3, 32, 32), "dense": (3072,)}


def frozen_row(points: Tensor, ceiling: float, budget: float) -> Row:
    evaluator = Evaluator.of(
        dense(), device=str(points.device), precision="double", input_shape=SHAPES["dense"]
    )
    frozen = Frozen(evaluator, points)
    way = torch.ones_like(points, dtype=torch.float64)
    spent = seconds(lambda: frozen.push_layers(way), points.device, budget)
    rate = len(points) / spent
    return Row(
        "J·v, dense, double", f"{rate:,.0f} products/s", 2 * MULTIPLICATIONS["dense"] * rate,
        "FLOP/s", ceiling,
    )  # fmt: skip


def distances_row(device: torch.device, single: float, copies: float, budget: float) -> Row:
    units, count = 1024, 8192 if device.type == "cuda" else 1024
    packed = pack(torch.rand(count, units, device=device) < 0.5)
    rate = count**2 / seconds(lambda: distances(packed, packed, units), device, budget)
    if device.type == "cuda":
        return Row(
            "distances, 1024 bits", f"{rate:,.0f} pairs/s", 2 * units * rate, "FLOP/s", single
        )
    # each word is read from a cache; a copy's speed is the nearest thing to a ceiling
    return Row("distances, 1024 bits", f"{rate:,.0f} pairs/s", units / 8 * rate, "B/s", copies)


def packing_row(device: torch.device, copies: float, budget: float) -> Row:
    bits = torch.rand(4096, 4096, device=device) < 0.5
    rate = bits.numel() / seconds(lambda: pack(bits), device, budget)
    return Row("packing bits", f"{rate:,.0f} bits/s", 1.125 * rate, "B/s", copies)


def measure(
    device: torch.device, budget: float = 1.0, count: int | None = None
) -> tuple[dict[str, float], list[Row]]:
    """The ceilings, and what sampling reaches."""
    with full_precision(device):
        single = product_ceiling(device, torch.float32, budget)
        double = product_ceiling(device, torch.float64, budget)
    with small_integers(device):
        integers = product_ceiling(device, torch.float32, budget)
    copies = copy_ceiling(device, budget)
    torch.manual_seed(0)
    count = count or (4096 if device.type == "cuda" else 128)
    points = torch.rand(count, 3072, device=device)
    rows = [
        patterns_row("conv", convolutional(), points, single, budget),
        patterns_row("dense", dense(), points, single, budget),
        frozen_row(points, double, budget),
        distances_row(device, integers, copies, budget),
        packing_row(device, copies, budget),
    ]
    ceilings = {
        "product, single (FLOP/s)": single,
        "product, double (FLOP/s)": double,
        "product of zeros and ones (FLOP/s)": integers,
        "copy (B/s)": copies,
    }
    return ceilings, rows


def table(ceilings: dict[str, float], rows: list[Row]) -> str:
    """Both as text."""
    lines = [f"{'ceiling':<38}{'reached':>12}"]
    lines += [f"{name:<38}{value:>12.3g}" for name, value in ceilings.items()]
    lines += ["", f"{'sampling':<24}{'rate':>28}{'work':>18}{'share':>9}"]
    lines += [
        f"{row.name:<24}{row.rate:>28}{f'{row.work:.3g} {row.unit}':>18}"
        f"{row.work / row.ceiling:>9.1%}"
        for row in rows
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Throughput of sampling beside the ceilings of a device."
    )
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--seconds", type=float, default=1.0, help="for each row")
    options = parser.parse_args()
    device = choose_device(options.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor()
    print(f"{device} {name}, PyTorch {torch.__version__}, {torch.get_num_threads()} thread(s)\n")
    print(table(*measure(device, options.seconds)))


if __name__ == "__main__":
    main()
