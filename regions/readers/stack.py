"""A plain stack of weights and biases, as `.npz` files, state_dicts and scikit-learn hold it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from regions.errors import ModelError
from regions.layers import Dense, GraphBuilder, Relu
from regions.source import Source

Pair = tuple[str, np.ndarray, np.ndarray | None]


def stack(
    pairs: Sequence[Pair], form: str, activation: str = "ReLU", *, hidden_relu: bool = True
) -> Source:
    """The network of (name, W, b), W of shape (out, in), ReLU after all but the last.

    Raises
    ------
    ModelError
        If there is no pair or the shapes do not chain.
    """
    if not pairs:
        raise ModelError("the model has no layers")
    for name, weight, bias in pairs:
        if weight.ndim != 2 or 0 in weight.shape:
            raise ModelError(
                f"{name}: the weight must have two axes (out, in), got shape {weight.shape}"
            )
        if bias is not None and bias.shape != weight.shape[:1]:
            raise ModelError(
                f"{name}: a weight of shape {weight.shape} needs {weight.shape[0]} biases, "
                f"got shape {bias.shape}"
            )
    for (below, first, _), (name, weight, _) in pairwise(pairs):
        if weight.shape[1] != first.shape[0]:
            raise ModelError(
                f"{name}: the weight has shape {weight.shape}, but {below} has {first.shape[0]} "
                "outputs; each weight is (out, in)"
            )
    builder = GraphBuilder((1, pairs[0][1].shape[1]))
    value = builder.input
    for position, (name, weight, bias) in enumerate(pairs, start=1):
        try:
            value = builder.add(Dense(weight, bias), value, name=name)
        except ModelError as error:
            raise ModelError(f"{name}: {error}") from error
        if hidden_relu and position < len(pairs):
            value = builder.add(Relu(), value, name=name)

    def evaluate(points: np.ndarray) -> np.ndarray:
        values = points
        for position, (_, weight, bias) in enumerate(pairs, start=1):
            values = values @ weight.T.astype(np.float64) + (0.0 if bias is None else bias)
            if hidden_relu and position < len(pairs):
                values = np.maximum(values, 0.0)
        return values

    return Source(builder.finish(value), evaluate, form, activation)
