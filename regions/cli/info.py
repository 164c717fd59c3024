"""``regions info``: the normal form that a model was read as."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regions.cli.arguments import (
    BoxIndex,
    DomainSpecs,
    InputShape,
    Json,
    Model,
    Quiet,
    Seed,
    TrustFile,
)
from regions.cli.render import plural, print_fields, print_json

if TYPE_CHECKING:
    from regions.network import Layer, Network

EXAMPLE = "Example:  regions info examples/models/digits.pt --json"


def command(
    model: Model,
    domain: DomainSpecs = None,
    box: BoxIndex = None,
    trust_file: TrustFile = False,
    input_shape: InputShape = None,
    as_json: Json = False,
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Show the normal form that a network is read as.

    That is: its ReLU layers, its digest, how many units stand for other operations (max-pooling,
    clip, ...), and how well the reading agrees with the model on random points of the domain.
    """
    from regions.cli.models import open_model

    network, _ = open_model(
        model, domain, box=box, trust_file=trust_file, input_shape=input_shape, seed=seed
    )
    record = describe(network)
    if as_json:
        print_json(record)
        return
    folding = record["folding"]
    print(
        f"{model.name}: {plural(network.inputs, 'input')}, {plural(network.outputs, 'output')}, "
        f"{plural(network.relus, 'ReLU')} in {plural(len(network.layers), 'layer')}"
    )
    for layer in record["layers"]:
        shape = " × ".join(map(str, layer["shape"])) if len(layer["shape"]) > 1 else ""
        origin = ", ".join(text for text in (layer["kind"], shape, layer["name"]) if text)
        reads = " and ".join(f"layer {k}" if k else "the input" for k in layer["reads"])
        units = plural(layer["units"], "unit")
        print(f"  layer {layer['layer']}: {units} ({origin}), reads {reads or 'nothing'}")
    print_fields(
        {
            "format": folding["format"],
            "activation": folding["activation"],
            "rewritten": _rewritten(network),
            "checked": f"{plural(folding['points_checked'], 'point')}, {folding['checked_where']}; "
            f"worst relative error {folding['worst_relative_error']:.1e}",
            "digest": record["digest"],
        }
    )


def describe(network: Network) -> dict[str, Any]:
    """The keys of ``regions info --json``."""
    origin = network.origin
    return {
        "inputs": network.inputs,
        "outputs": network.outputs,
        "layers": [_layer(layer, k) for k, layer in enumerate(network.layers, start=1)],
        "relus": network.relus,
        "rewritten": network.rewritten,
        "digest": network.digest,
        "folding": {
            "format": origin.format if origin else None,
            "activation": origin.activation if origin else None,
            "points_checked": origin.points_checked if origin else 0,
            "checked_where": origin.checked_where if origin else None,
            "worst_relative_error": origin.worst_relative_error if origin else None,
        },
    }


def _layer(layer: Layer, number: int) -> dict[str, Any]:
    return {
        "layer": number,
        "units": layer.units,
        "kind": layer.kind,
        "name": layer.name,
        "shape": list(layer.shape) or [layer.units],
        "reads": [source for source, _ in layer.weights],
    }


def _rewritten(network: Network) -> str:
    kinds = sorted({layer.kind for layer in network.layers if layer.kind != "relu"})
    if not kinds:
        return "nothing: every unit is a ReLU of the model"
    return f"{plural(network.rewritten, 'unit')} that stand for {', '.join(kinds)}"
