"""``regions rays``: the breakpoints along segments through data."""

from __future__ import annotations

import math
import time
from typing import Annotated, Any

import typer

from regions.cli.arguments import (
    DomainSpecs,
    InputShape,
    Json,
    Model,
    Quiet,
    Seed,
    TrustFile,
    check_choice,
)
from regions.cli.interrupts import unwound
from regions.cli.progress import batch_progress
from regions.cli.render import duration, grouped, plural, print_json
from regions.cli.sampling import DataSpec, Device, Samples, Scale, Threads, open_sampled
from regions.errors import InputError

EXAMPLE = (
    "Example:  regions rays examples/models/moons.pt --data uniform --number 100\n\n"
    "In floats of double precision, to the stated resolution; `regions path A B --method straight` "
    "is exact."
)
WAYS = ("pairs", "random")


def command(
    model: Model,
    data: DataSpec = "uniform",
    samples: Samples = None,
    scale: Scale = None,
    domain: DomainSpecs = None,
    number: Annotated[
        int, typer.Option("--number", metavar="N", help="How many segments.")
    ] = 100,
    way: Annotated[
        str,
        typer.Option(
            "--way",
            metavar="|".join(WAYS),
            help="pairs: from point to point. random: from a point in a random direction.",
        ),
    ] = "pairs",
    length: Annotated[
        float, typer.Option("--length", metavar="L", help="Of segments in random directions.")
    ] = 1.0,
    resolution: Annotated[
        float,
        typer.Option(
            "--resolution", metavar="E", help="Closer breakpoints, as shares of a segment, are one."
        ),
    ] = 1e-12,
    confidence: Annotated[
        float, typer.Option("--confidence", metavar="P", help="Of the interval of the density.")
    ] = 0.95,
    device: Device = "auto",
    threads: Threads = None,
    trust_file: TrustFile = False,
    input_shape: InputShape = None,
    as_json: Json = False,
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:  # fmt: skip
    """Count the linear regions along many segments, and their density per unit of length.

    The network is piecewise linear on each segment: where it crosses from region to region is
    computed layer by layer, not searched for.
    """
    check_choice("--way", way, WAYS)
    if number < 1:
        raise InputError(f"--number {number}: needs a whole number, 1 or more")
    if not (math.isfinite(length) and length > 0):
        raise InputError(f"--length {length:g}: needs a positive number")
    if not 0 < confidence < 1:
        raise InputError(f"--confidence {confidence:g}: needs a number between 0 and 1")
    opened = open_sampled(
        model, data, samples=samples, scale=scale, domain=domain, device=device,
        precision="double", rounds=True, threads=threads, trust_file=trust_file,
        input_shape=input_shape, seed=seed,
    )  # fmt: skip
    import numpy as np

    from regions.sample.points import distinct_pairs
    from regions.sample.rays import rays

    rng = np.random.default_rng(seed)
    table = opened.table()
    if way == "pairs":
        pairs = distinct_pairs(len(table), number, rng)
        starts, ends = table[pairs[:, 0]], table[pairs[:, 1]]
    else:
        starts = table[rng.integers(len(table), size=number)]
        away = rng.standard_normal(starts.shape)
        ends = starts + length * away / np.linalg.norm(away, axis=1)[:, None]
    begin = time.monotonic()
    with unwound(), batch_progress(model.name, quiet, "passes") as progress:
        found = rays(opened.evaluator, starts, ends, resolution=resolution, progress=progress)
    spent = time.monotonic() - begin
    density, low, high = found.density(confidence)
    first = found.first
    reached = np.isfinite(first)
    record: dict[str, Any] = {
        "file": str(model),
        **opened.record(),
        "way": way,
        "segments": number,
        "breakpoints": int(found.counts.sum()),
        "counts": found.counts.tolist(),
        "lengths": found.lengths.tolist(),
        "hamming": found.hamming.tolist(),
        "cumulative": found.cumulative.tolist(),
        "positions": [found.of(i).tolist() for i in range(number)],
        "flips_by_layer": found.flips_by_layer.tolist(),
        "density": {"value": density, "low": low, "high": high, "confidence": confidence},
        "first": [float(x) if math.isfinite(x) else None for x in first],
        "resolution": resolution,
        "doubtful": int(found.doubtful.sum()),
        "seed": seed,
        "seconds": spent,
    }
    if as_json:
        print_json(record)
        return
    crossed, counts = grouped(record["breakpoints"]), found.counts
    doubt = record["doubtful"]
    upper = f"{high:.4g}" if math.isfinite(high) else "?"
    flips = ", ".join(map(grouped, found.flips_by_layer.tolist()))
    signs = f"{plural(doubt, 'sign')} too small to trust: see regions path"
    lines = [
        f"{model.name}: {crossed} breakpoints on {plural(number, 'segment')} of {data} in "
        f"{duration(spent)} ({opened.evaluator.device}, seed {seed})",
        f"  regions per segment: {counts.mean() + 1:.4g} (mean), {counts.min() + 1} to "
        f"{counts.max() + 1}; mean length {found.lengths.mean():.4g}",
        f"  density: {density:.4g} breakpoints per unit of length ({low:.4g} to {upper} with "
        f"confidence {confidence:g})",
        f"  bits flipped by layer: {flips}",
        f"  resolution {resolution:g} of a segment; "
        + (signs if doubt else "no sign too small to trust"),
    ]
    if reached.any():
        middle = np.median(first[reached])
        lines.insert(3, f"  first breakpoint: {middle:.4g} from the start (median)")
    print("\n".join(lines))
