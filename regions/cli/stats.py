"""``regions stats``: how the units of a model behave on many points."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
from regions.cli.sampling import (
    DataSpec,
    Device,
    FirstLayers,
    Opened,
    Precision,
    Rounds,
    Samples,
    Scale,
    SomeLayers,
    Threads,
    layers_of,
    open_sampled,
)
from regions.cli.stats_figures import ENDINGS, draw
from regions.errors import InputError

if TYPE_CHECKING:
    Reporter = Callable[[str], AbstractContextManager[Callable[[int, int], None] | None]]

EXAMPLE = (
    "Example:  regions stats examples/models/digits.pt probability --domain box:0,1\n\n"
    "What is printed is sampled: shares, means and their intervals, not proofs."
)
KINDS = ("probability", "hamming", "bernoulli", "constellations", "neighbours")


def command(
    model: Model,
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help=(
                "probability: how often each unit is active. hamming: distances of pairs. "
                "bernoulli: are the bits fair coins, or independent? constellations: clusters of "
                "patterns. neighbours: the nearest points by Hamming distance."
            ),
        ),
    ],
    data: DataSpec = "uniform",
    samples: Samples = None,
    scale: Scale = None,
    domain: DomainSpecs = None,
    layers: FirstLayers = None,
    layer: SomeLayers = None,
    pairs: Annotated[
        int, typer.Option("--pairs", metavar="N", help="Random pairs (hamming, bernoulli).")
    ] = 10_000,
    all_pairs: Annotated[
        bool, typer.Option("--all-pairs", help="hamming: all pairs, in bounded memory.")
    ] = False,
    replicates: Annotated[
        int, typer.Option("--replicates", metavar="N", help="bernoulli: draws of fair coins.")
    ] = 1000,
    count: Annotated[
        int, typer.Option("--neighbours", metavar="K", help="neighbours: how many of each point.")
    ] = 10,
    confidence: Annotated[
        float, typer.Option("--confidence", metavar="P", help="Of the intervals.")
    ] = 0.95,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="A picture: .png, .svg or .pdf.",
            show_default=False,
        ),
    ] = None,
    device: Device = "auto",
    precision: Precision = "single",
    rounds: Rounds = False,
    threads: Threads = None,
    trust_file: TrustFile = False,
    input_shape: InputShape = None,
    as_json: Json = False,
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:  # fmt: skip
    """Statistics of the activation patterns of many points, sampled on a CPU or a GPU."""
    check_choice("KIND", kind, KINDS)
    if not 0 < confidence < 1:
        raise InputError(f"--confidence {confidence:g}: needs a number between 0 and 1")
    for option, value in (
        ("--pairs", pairs),
        ("--replicates", replicates),
        ("--neighbours", count),
    ):
        if value < 1:
            raise InputError(f"{option} {value}: needs a whole number, 1 or more")
    if output is not None:
        from regions.drawing.style import check_file

        check_file(output, ENDINGS, "--output")
    chosen = layers_of(layers, layer)
    opened = open_sampled(
        model, data, samples=samples, scale=scale, domain=domain, device=device,
        precision=precision, rounds=rounds, threads=threads, trust_file=trust_file,
        input_shape=input_shape, seed=seed,
    )  # fmt: skip

    def report(noun: str) -> AbstractContextManager[Callable[[int, int], None] | None]:
        return batch_progress(model.name, quiet, noun)

    start = time.monotonic()
    with unwound():
        match kind:
            case "probability":
                found, record, lines = _probability(opened, chosen, confidence, report)
            case "hamming":
                found, record, lines = _hamming(
                    opened, chosen, None if all_pairs else pairs, confidence, seed, report
                )
            case "bernoulli":
                found, record, lines = _bernoulli(opened, chosen, pairs, replicates, seed, report)
            case "constellations":
                found, record, lines = _constellations(opened, chosen, report)
            case _:
                found, record, lines = _neighbours(opened, chosen, count, confidence, report)
    if output is not None:
        draw(kind, found, opened, output)
    head = {"file": str(model), "kind": kind, **opened.record(), "seed": seed}
    spent = time.monotonic() - start
    if as_json:
        print_json({**head, "confidence": confidence, "seconds": spent, **record})
        return
    print(
        f"{model.name}: {kind} at {plural(len(opened.points), 'point')} of {data} in "
        f"{duration(spent)} ({opened.evaluator.device}, {precision} precision, seed {seed})"
    )
    for line in (*(f"  {note}" for note in opened.evaluator.notes), *lines):
        print(line)


Result = tuple[Any, dict[str, Any], list[str]]


def _probability(opened: Opened, layers: Any, confidence: float, report: Reporter) -> Result:
    from regions.sample.probability import probability

    with report("points") as progress:
        found = probability(
            opened.evaluator, opened.points, layers=layers, confidence=confidence,
            progress=progress,
        )  # fmt: skip
    lines = [f"  {'layer':<8}{'units':>8}{'mean p':>9}{'sd':>8}{'never':>8}{'always':>8}"
             f"{'p < .01 or > .99':>18}"]  # fmt: skip
    for layer in found:
        row = layer.as_dict()
        lines.append(
            f"  {layer.layer:<8}{row['units']:>8}{row['mean']:>9.3f}{row['sd']:>8.3f}"
            f"{row['never']:>8}{row['always']:>8}{100 * row['saturated']:>17.1f}%"  # type: ignore[operator]
        )
    lines.append("  --json has p and its interval for every unit")
    return found, {"layers": [layer.as_dict() for layer in found]}, lines


def _hamming(
    opened: Opened, layers: Any, pairs: int | None, confidence: float, seed: int, report: Reporter
) -> Result:
    from regions.sample.hamming import all_pairs, hamming

    evaluator = opened.evaluator
    if pairs is None:
        with report("points") as progress:
            patterns = evaluator.patterns(opened.points, layers, progress)
        names = [(k + 1, evaluator.layers[k].name) for k in evaluator.select(layers)]
        with report("pairs") as progress:
            found = all_pairs(patterns, names=names, confidence=confidence, progress=progress)
    else:
        with report("pairs") as progress:
            found = hamming(
                evaluator, opened.table(), pairs=pairs, layers=layers, confidence=confidence,
                seed=seed, progress=progress,
            )  # fmt: skip
    lines = [f"  {'layer':<8}{'units':>8}{'mean':>10}{'sd':>9}   interval of the mean"]
    for one in found:
        against = ""
        if one.l2 is not None:
            value = one.l2["input"]["spearman"]  # type: ignore[index]
            against = "" if value is None else f", rank correlation with L2 {value:.3f}"
        lines.append(
            f"  {one.layer or 'all':<8}{one.units:>8}{one.mean:>10.2f}{one.sd:>9.2f}   "
            f"{one.low:.2f} to {one.high:.2f}{against}"
        )
    lines.append(f"  {plural(found[-1].pairs, 'pair')} of different points; --json: histograms")
    whole = found[-1].as_dict()
    return found, {"layers": [one.as_dict() for one in found[:-1]], "total": whole}, lines


def _bernoulli(
    opened: Opened, layers: Any, pairs: int, replicates: int, seed: int, report: Reporter
) -> Result:
    import numpy as np

    from regions.sample.bernoulli import bernoulli_test, pair_flips
    from regions.sample.points import distinct_pairs

    evaluator, number = opened.evaluator, len(opened.points)
    pairs = min(pairs, number * (number - 1) // 2)
    drawn = distinct_pairs(number, pairs, np.random.default_rng(seed))
    with report("points") as progress:
        patterns = evaluator.patterns(opened.points, layers, progress)
    found = []
    for i, k in enumerate(evaluator.select(layers)):
        values, apart = pair_flips(patterns, i, drawn)
        found.append(
            bernoulli_test(
                values, apart, layer=k + 1,
                name=evaluator.layers[k].name, replicates=replicates, seed=seed,
            )
        )  # fmt: skip
    lines = [f"  {'layer':<7}{'mean':>9} (fair{'':>7}{'p less':>8}{'p two-sided':>13}"
             f"{'variance p':>12}{'dependence':>12}{'p':>9}"]  # fmt: skip
    for test in found:
        lines.append(
            f"  {test.layer:<7}{test.mean:>9.2f} ({test.null_mean:<8.1f}) {test.mean_less:>9.3g}"
            f"{test.mean_two_sided:>13.3g}{test.variance_two_sided:>12.3g}{test.dependence:>12.3f}"
            f"{test.dependence_two_sided:>9.2g}"
        )
    shared = 2 * pairs > number
    lines.append(
        f"  {plural(pairs, 'different pair')}" + (", some share a point" if shared else "")
        + f"; {grouped(replicates)} draws of fair coins; dependence: variance over that of "
        "independent units"
    )  # fmt: skip
    record = {"pairs": pairs, "pairs_share_points": shared}
    return found, {**record, "layers": [test.as_dict() for test in found]}, lines


def _constellations(opened: Opened, layers: Any, report: Reporter) -> Result:
    from regions.sample.constellations import constellations

    evaluator = opened.evaluator
    with report("points") as progress:
        patterns = evaluator.patterns(opened.points, layers, progress)
    found, records = [], []
    lines = [f"  {'layer':<7}{'kind':<10}{'score':>9}   longest plateau"]
    for i, k in enumerate(evaluator.select(layers)):
        with report("rows of distances") as progress:
            curves = constellations(patterns.layers[i], patterns.widths[i], progress=progress)
        for curve in curves:
            found.append((k + 1, curve))
            records.append({"layer": k + 1, "name": evaluator.layers[k].name, **curve.as_dict()})
            flat = curve.plateau
            lasting = (
                "none" if flat is None
                else f"{plural(flat.clusters, 'cluster')}, thresholds {flat.first} to {flat.last}"
            )  # fmt: skip
            lines.append(f"  {k + 1:<7}{curve.kind:<10}{curve.score:>9.4f}   {lasting}")
    lines.append("  score: the mean share of clusters over all thresholds; --json: the curves")
    return found, {"curves": records}, lines


def _neighbours(
    opened: Opened, layers: Any, count: int, confidence: float, report: Reporter
) -> Result:
    from regions.sample.neighbours import hamming_neighbours, l2_neighbours

    evaluator = opened.evaluator
    with report("points") as progress:
        patterns = evaluator.patterns(opened.points, layers, progress)
    with report("points, neighbours by Hamming distance") as progress:
        near = hamming_neighbours(
            patterns, count, labels=opened.labels, confidence=confidence, progress=progress
        )
    with report("points, neighbours by L2 distance") as progress:
        plain = l2_neighbours(
            opened.table(), count, labels=opened.labels, device=evaluator.device,
            confidence=confidence, progress=progress,
        )  # fmt: skip
    lines = []
    for found in (near, plain):
        told = ""
        if found.purity is not None:
            p = found.purity
            told = (
                f", {100 * p.mean:.1f}% have the label of the point ({100 * p.low:.1f} to "
                f"{100 * p.high:.1f}%; chance {100 * p.chance:.1f}%)"
            )
        name = "Hamming" if found.metric == "hamming" else "L2"
        lines.append(
            f"  {name}: {count} neighbours at a mean distance of {found.distance.mean():.4g}{told}"
        )
    shared = (near.index[:, :, None] == plain.index[:, None, :]).any(axis=2).mean()
    lines.append(f"  {100 * shared:.1f}% of the neighbours by Hamming distance are so by L2")
    record = {
        "hamming": {**near.as_dict(), "index": near.index.tolist()},
        "l2": plain.as_dict(),
        "overlap": float(shared),
    }
    return near, record, lines
