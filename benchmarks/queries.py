"""Seconds and memory of questions about patterns, on networks that people have.

    python -m benchmarks.queries [--only NAME] [--long] [--json FILE]

One line per question: the answer, the seconds that it took, how many units the proof names, and how
much the peak of the resident memory grew.  A second table has questions for a least value, which
may end at a time limit with two bounds.  Loading the network is not part of it.  Without the models
in ../shared nothing is measured.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import regions
from benchmarks.chosen import chosen
from benchmarks.machine import forget_peak, machine, peak
from benchmarks.mnist import digits
from benchmarks.networks import SHARED, acas_xu
from benchmarks.skipped import Skipped

Row = dict[str, Any]
Bounds = tuple[Any, Any]  # lower <= the least value <= upper; None: not known
Asked = tuple[regions.Network, regions.Pattern, Any]


@dataclass(frozen=True)
class Query:
    """A network, a pattern and a domain to ask `reach` about; `make` may raise `Skipped`."""

    name: str
    make: Callable[[], Asked]
    long: bool = False


def acas(*flips: tuple[int, int], free: tuple[int, ...] = ()) -> Asked:
    """The pattern of the box's middle with these bits flipped and these layers free."""
    network, box = acas_xu("acasxu_1_1.onnx", "prop_3.vnnlib")
    middle = [(low + high) / 2 for low, high in zip(box.lower, box.upper, strict=True)]
    pattern = network.pattern(middle)
    changes: dict[tuple[int, int], int | None] = {
        (layer, unit): None for layer in free for unit in range(network.widths[layer - 1])
    }
    changes |= {place: 1 - (pattern.bit(*place) or 0) for place in flips}
    return network, pattern.with_bits(changes), box


def between(model: str, images: list[np.ndarray], half_way: bool) -> Asked:
    """The pattern of an image, every other bit in which it differs taken from another image."""
    network = load(model)
    first, second = (network.pattern(image.tolist()).units() for image in images)
    units = first.copy()
    if half_way:
        different = np.flatnonzero(first != second)
        units[different[::2]] = second[different[::2]]
    starts = np.cumsum([0, *network.widths])
    pattern = regions.Pattern.from_bits([units[a:b] for a, b in pairwise(starts.tolist())])
    return network, pattern, regions.Box.cube(network.inputs, 0, 1)


def load(model: str) -> regions.Network:
    if not SHARED.is_dir():
        raise Skipped("needs ../shared/models, which is absent")
    return regions.load(SHARED / model)


def mnist(half_way: bool) -> Asked:
    """MNIST 256x2 and its first two test images."""
    images = [image.astype(float) for image in digits()[0][:2]]
    return between("mnist-net_256x2.onnx", images, half_way)


def cifar(half_way: bool) -> Asked:
    """The small CIFAR-10 network of VNN-COMP and the first two test images, channels last."""
    path = SHARED.parent / "data" / "cifar10" / "test_batch.bin"
    if not path.is_file():
        raise Skipped("needs CIFAR-10 in ../shared/data/cifar10, which is absent")
    raw = np.fromfile(path, np.uint8, 2 * 3073).reshape(2, 3073)[:, 1:]
    images = raw.reshape(2, 3, 32, 32).transpose(0, 2, 3, 1).reshape(2, -1) / 256
    return between("cifar10_small.onnx", list(images), half_way)


QUERIES = (
    Query("ACAS Xu 1_1, prop 3: a point's pattern", acas),
    Query("ACAS Xu 1_1, prop 3: an early bit flipped", lambda: acas((1, 7))),
    Query("ACAS Xu 1_1, prop 3: a late bit flipped", lambda: acas((6, 7))),
    Query("ACAS Xu 1_1, prop 3: layer 4 free, a late bit flipped", lambda: acas((6, 7), free=(4,))),
    Query("MNIST 256x2: an image's pattern", lambda: mnist(False)),
    Query("MNIST 256x2: half-way between two images", lambda: mnist(True)),
    Query("cifar10_small: an image's pattern", lambda: cifar(False)),
    Query("cifar10_small: half-way between two images", lambda: cifar(True), long=True),
)


@dataclass(frozen=True)
class Least:
    """A network and a question for a least value; `ask` gets the seconds that it may take."""

    name: str
    make: Callable[[], tuple[regions.Network, Callable[[float], Bounds]]]
    seconds: float = 30.0


def distance(cube: bool) -> tuple[regions.Network, Callable[[float], Bounds]]:
    """The region of ACAS Xu 1_1 nearest to random bits, in a property's box or in [-1, 1]^5."""
    network, box = acas_xu("acasxu_1_1.onnx", "prop_3.vnnlib")
    domain = regions.Box.cube(network.inputs, -1, 1) if cube else box
    random = np.random.default_rng(0)
    bits = [random.integers(0, 2, width).tolist() for width in network.widths]
    pattern = regions.Pattern.from_bits(bits)

    def ask(seconds: float) -> Bounds:
        found = regions.nearest(network, pattern, domain, time_limit=seconds)
        return found.lower, found.distance

    return network, ask


def radius(
    model: str, point: list[float], domain: regions.Box
) -> tuple[regions.Network, Callable[[float], Bounds]]:
    """The least change of a point in the max norm that changes the class."""
    network = load(model)

    def ask(seconds: float) -> Bounds:
        found = regions.adversarial(network, point, domain, time_limit=seconds)
        return found.low, found.high

    return network, ask


def mnist_radius() -> tuple[regions.Network, Callable[[float], Bounds]]:
    """That of the first test image of MNIST."""
    image = digits()[0][0].astype(float).tolist()
    return radius("mnist-net_256x2.onnx", image, regions.Box.cube(784, 0, 1))


LEAST = (
    Least("ACAS Xu 1_1, prop 3: region nearest to random bits", lambda: distance(False)),
    Least("ACAS Xu 1_1, [-1,1]^5: region nearest to random bits", lambda: distance(True)),
    Least(
        "ACAS Xu 1_1: least change of class from 0",
        lambda: radius("acasxu_1_1.onnx", [0.0] * 5, regions.Box.cube(5, -1, 1)),
    ),
    Least("MNIST 256x2: least change of class of an image", mnist_radius, 90.0),
)


def measure(query: Query) -> Row:
    """One row of the table."""
    try:
        network, pattern, domain = query.make()
    except Skipped as reason:
        return {"name": query.name, "skipped": str(reason)}
    before, start = forget_peak(), time.perf_counter()
    answer = regions.reach(network, pattern, domain)
    seconds, most = time.perf_counter() - start, peak()
    proof = getattr(answer, "proof", None)
    return {
        "name": query.name,
        "inputs": network.inputs,
        "relus": network.relus,
        "attained": answer.attained,
        "interior": answer.interior,
        "seconds": seconds,
        "units": None if proof is None else len(proof.units),
        "memory_bytes": None if before is None or most is None else most - before,
    }


def bounds(question: Least) -> Row:
    """One row of the second table."""
    try:
        network, ask = question.make()
    except Skipped as reason:
        return {"name": question.name, "skipped": str(reason)}
    before, start = forget_peak(), time.perf_counter()
    low, high = ask(question.seconds)
    seconds, most = time.perf_counter() - start, peak()
    return {
        "name": question.name,
        "inputs": network.inputs,
        "relus": network.relus,
        "low": None if low is None else float(low),
        "high": None if high is None else float(high),
        "limit_seconds": question.seconds,
        "seconds": seconds,
        "memory_bytes": None if before is None or most is None else most - before,
    }


def answer_of(row: Row) -> str:
    """What `reach` said, in a word or two."""
    if row["attained"] is None or (row["attained"] and row["interior"] is None):
        return "undecided"
    if not row["attained"]:
        return "unreachable"
    return "reachable" if row["interior"] else "at points only"


def show(rows: list[Row], console: Console) -> None:
    """The rows as one table."""
    table = Table(title="reach()", title_justify="left")
    table.add_column("question", no_wrap=True)
    for head in ("inputs", "ReLUs", "answer", "seconds", "units in proof", "memory"):
        table.add_column(head, justify="right", no_wrap=True)
    for row in rows:
        if "skipped" not in row:
            table.add_row(
                row["name"], str(row["inputs"]), str(row["relus"]), answer_of(row),
                f"{row['seconds']:.2f}", "-" if row["units"] is None else str(row["units"]),
                "-" if row["memory_bytes"] is None else f"+{row['memory_bytes'] / 2**20:.0f} MB",
            )  # fmt: skip
    console.print(table)
    for row in rows:
        if "skipped" in row:
            console.print(f"{row['name']}: skipped, {row['skipped']}", highlight=False)


def show_bounds(rows: list[Row], console: Console) -> None:
    """The second table."""
    if not rows:
        return
    table = Table(title="nearest(), adversarial()", title_justify="left")
    table.add_column("question", no_wrap=True)
    for head in ("inputs", "ReLUs", "lower", "upper", "seconds", "limit", "memory"):
        table.add_column(head, justify="right", no_wrap=True)
    for row in rows:
        if "skipped" not in row:
            ends = ["-" if row[end] is None else f"{row[end]:.6g}" for end in ("low", "high")]
            table.add_row(
                row["name"], str(row["inputs"]), str(row["relus"]), *ends,
                f"{row['seconds']:.2f}", f"{row['limit_seconds']:g}",
                "-" if row["memory_bytes"] is None else f"+{row['memory_bytes'] / 2**20:.0f} MB",
            )  # fmt: skip
    console.print(table)
    for row in rows:
        if "skipped" in row:
            console.print(f"{row['name']}: skipped, {row['skipped']}", highlight=False)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.queries", description="Seconds of questions about patterns"
    )
    parser.add_argument(
        "--only", default="", help="the question of this name, or all that contain it"
    )
    parser.add_argument("--long", action="store_true", help="the ones that take minutes as well")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    read = parser.parse_args(arguments)
    asked, least = chosen(QUERIES, read.only), chosen(LEAST, read.only)
    if not asked and not least:
        parser.error(f"--only {read.only}: no question has this in its name")
    console = Console(width=None if sys.stdout.isatty() else 128)
    about = machine()
    console.print(" · ".join(f"{key} {value}" for key, value in about.items()), highlight=False)
    rows = []
    for query in asked:
        if query.long and not read.long:
            rows.append({"name": query.name, "skipped": "it takes a minute or more (--long)"})
        else:
            rows.append(measure(query))
    if rows:
        show(rows, console)
    found = [bounds(question) for question in least]
    show_bounds(found, console)
    if read.json:
        text = json.dumps({"schema": 1, "machine": about, "rows": rows, "bounds": found}, indent=1)
        read.json.write_text(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
