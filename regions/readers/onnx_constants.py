"""Constant parts of an ONNX graph: shapes computed by small operators, weights moved around.

Only operators that round nothing are folded, since the network is the numbers in the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from regions.errors import ModelError

Attributes = Mapping[str, Any]


def fold_constants(
    kind: str, inputs: Sequence[np.ndarray], attributes: Attributes
) -> np.ndarray | None:
    """The result of an operator on constants, or None if it is not one that rounds nothing.

    Examples
    --------
    >>> fold_constants("Concat", [np.array([1]), np.array([-1])], {"axis": 0}).tolist()
    [1, -1]
    """
    folder = _FOLDERS.get(kind)
    if folder is None or not inputs:
        return None
    try:
        folded = folder(inputs, attributes)
    except (ValueError, IndexError, TypeError, OverflowError) as error:
        raise ModelError(f"its constant inputs do not fit: {error}") from error
    return None if folded is None else np.asarray(folded)


def _axes(inputs: Sequence[np.ndarray], attributes: Attributes) -> tuple[int, ...] | None:
    if "axes" in attributes:
        return tuple(attributes["axes"])
    return tuple(inputs[1].reshape(-1).tolist()) if len(inputs) > 1 else None


def _squeeze(inputs: Sequence[np.ndarray], attributes: Attributes) -> np.ndarray:
    return np.squeeze(inputs[0], axis=_axes(inputs, attributes))


def _unsqueeze(inputs: Sequence[np.ndarray], attributes: Attributes) -> np.ndarray:
    return np.expand_dims(inputs[0], _axes(inputs, attributes) or ())


def _concat(inputs: Sequence[np.ndarray], attributes: Attributes) -> np.ndarray:
    return np.concatenate(inputs, axis=attributes["axis"]) if "axis" in attributes else inputs[0]


def _gather(inputs: Sequence[np.ndarray], attributes: Attributes) -> np.ndarray:
    return np.take(inputs[0], inputs[1].astype(np.int64), axis=attributes.get("axis", 0))


def _reshape(inputs: Sequence[np.ndarray], attributes: Attributes) -> np.ndarray:
    shape = [inputs[0].shape[i] if size == 0 else size for i, size in enumerate(inputs[1].tolist())]
    return inputs[0].reshape(shape)


def _transpose(inputs: Sequence[np.ndarray], attributes: Attributes) -> np.ndarray:
    return np.transpose(inputs[0], attributes.get("perm"))


def _slice(inputs: Sequence[np.ndarray], attributes: Attributes) -> np.ndarray:
    array, starts, ends = inputs[0], inputs[1].tolist(), inputs[2].tolist()
    axes = inputs[3].tolist() if len(inputs) > 3 else list(range(len(starts)))
    strides = inputs[4].tolist() if len(inputs) > 4 else [1] * len(starts)
    window = [slice(None)] * array.ndim
    for axis, start, end, step in zip(axes, starts, ends, strides, strict=True):
        window[axis] = slice(start, end, step)
    return array[tuple(window)]


def _cast(inputs: Sequence[np.ndarray], attributes: Attributes) -> np.ndarray | None:
    (array,) = inputs
    target = {1: np.float32, 6: np.int32, 7: np.int64, 11: np.float64}.get(attributes.get("to", 0))
    if target is None:
        return None
    cast = array.astype(target)
    return cast if np.array_equal(cast.astype(array.dtype), array) else None


def _whole(operation: Callable[..., np.ndarray]) -> Callable[..., np.ndarray | None]:
    def fold(inputs: Sequence[np.ndarray], attributes: Attributes) -> np.ndarray | None:
        if any(array.dtype.kind not in "iu" for array in inputs):
            return None
        return operation(*inputs)

    return fold


_FOLDERS: Mapping[str, Callable[[Sequence[np.ndarray], Attributes], np.ndarray | None]] = {
    "Add": _whole(np.add),
    "Cast": _cast,
    "Concat": _concat,
    "Div": _whole(np.floor_divide),
    "Gather": _gather,
    "Identity": lambda inputs, attributes: inputs[0],
    "Mul": _whole(np.multiply),
    "Reshape": _reshape,
    "Slice": _slice,
    "Squeeze": _squeeze,
    "Sub": _whole(np.subtract),
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
