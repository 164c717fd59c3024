"""Fitted scikit-learn `MLPClassifier` and `MLPRegressor` to layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from regions.errors import ModelError, UnsupportedLayer
from regions.readers.stack import Pair, stack
from regions.source import Source

_KINDS = ("MLPClassifier", "MLPRegressor")


def read(model: Any) -> Source:
    """The layers of a fitted multi-layer perceptron; a classifier's outputs are its logits.

    Raises
    ------
    UnsupportedLayer
        If its activation is neither relu nor identity.
    ModelError
        If it is another estimator, or not fitted.
    """
    kind = next((c.__name__ for c in type(model).__mro__ if c.__name__ in _KINDS), None)
    if kind is None:
        raise ModelError(
            f"load() reads scikit-learn's {' and '.join(_KINDS)}, got {type(model).__name__}"
        )
    if not hasattr(model, "coefs_"):
        raise ModelError(f"load(): this {kind} is not fitted; call its fit() first")
    if model.activation not in ("relu", "identity"):
        raise UnsupportedLayer(
            f"{kind} has activation={model.activation!r}, which is not piecewise linear; "
            "fit it with activation='relu'"
        )
    if kind == "MLPRegressor" and model.out_activation_ != "identity":
        raise UnsupportedLayer(
            f"{kind} ends in {model.out_activation_!r}, which is not piecewise linear; "
            "fit it with loss='squared_error'"
        )
    pairs: list[Pair] = [
        (f"layer {k}", np.asarray(weight).T, np.asarray(bias))
        for k, (weight, bias) in enumerate(zip(model.coefs_, model.intercepts_, strict=True), 1)
    ]
    relu = model.activation == "relu"
    return stack(pairs, f"scikit-learn {kind}", "ReLU" if relu else "identity", hidden_relu=relu)
