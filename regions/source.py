"""A model as its reader found it: the layer graph and the model's own way to compute."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from regions.layers import Graph


@dataclass(frozen=True, eq=False)
class Source:
    """What a reader returns.

    Attributes
    ----------
    graph
        The layers, to be lowered.
    evaluate
        The source model itself, run by its own library: float64 (N, inputs) -> (N, outputs).
    format
        For people: ``"ONNX"``, ``"PyTorch state_dict"``, …
    activation
        ``"ReLU"``, or that it had to be assumed.
    dtype
        The float type of its input: points of higher precision cannot be asked.
    """

    graph: Graph
    evaluate: Callable[[np.ndarray], np.ndarray]
    format: str
    activation: str = "ReLU"
    dtype: Any = np.float64
