"""What every reader returns: an immutable graph of layers.

A graph has one input and one output.  Its tensors keep the axes of the source model, a leading
batch axis (of length 1) included; their entries are numbered in C order.  Weights are stored as
the numbers of the model, float64 (which holds every float32 and float16) or `fmpq` objects.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields

import numpy as np

from regions.errors import ModelError
from regions.windows import Window

Shape = tuple[int, ...]

_MOST_ENTRIES = 2**24  # of one tensor: beyond it a file is damaged, or hopeless


@dataclass(frozen=True, eq=False)
class Op(ABC):
    """One operation; its arrays are copied, checked to be finite and locked."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                object.__setattr__(self, field.name, frozen_array(value, field.name))

    @abstractmethod
    def output_shape(self, *shapes: Shape) -> Shape:
        """Shape of the result; raises ModelError where the inputs do not fit."""


def frozen_array(values: object, what: str = "weight") -> np.ndarray:
    """A read-only float64 copy (object arrays of `fmpq` stay as they are).

    Raises
    ------
    ModelError
        For NaN, infinities, complex numbers, text, or integers that no double holds.
    """
    array = np.array(values)
    if array.dtype != object:
        if array.dtype.kind not in "biuf":
            raise ModelError(f"{what} needs real numbers, got an array of {array.dtype}")
        copy = array.astype(np.float64)
        if array.dtype.kind in "iu" and np.abs(copy).max(initial=0) > 2**53:
            raise ModelError(f"{what} holds integers above 2^53, which are not exact doubles")
        bad = np.flatnonzero(~np.isfinite(copy.reshape(-1)))
        if len(bad):
            raise ModelError(
                f"{what} holds {len(bad)} value(s) that are NaN or infinite, the first at flat "
                f"index {bad[0]}: every weight must be finite; repair or retrain the model"
            )
        array = copy
    array.flags.writeable = False
    return array


@dataclass(frozen=True, eq=False)
class Dense(Op):
    """y = W x + b along one axis of x; W is (out, in)."""

    weight: np.ndarray
    bias: np.ndarray | None = None
    axis: int = -1

    def output_shape(self, *shapes: Shape) -> Shape:
        """The axis of length `in` becomes one of length `out`."""
        shape = list(shapes[0])
        if self.weight.ndim != 2:
            raise ModelError(f"weight needs two axes, got shape {self.weight.shape}")
        out, into = self.weight.shape
        if not shape or shape[self.axis] != into:
            raise ModelError(f"weight of shape {self.weight.shape} does not fit input {shapes[0]}")
        if self.bias is not None and self.bias.shape != (out,):
            raise ModelError(f"bias of shape {self.bias.shape} does not fit {out} outputs")
        shape[self.axis] = out
        return tuple(shape)


@dataclass(frozen=True, eq=False)
class Conv(Op):
    """Cross-correlation of (N, C, *spatial) with W (F, C/groups, *kernel), plus b (F,)."""

    weight: np.ndarray
    bias: np.ndarray | None
    window: Window
    groups: int = 1

    def output_shape(self, *shapes: Shape) -> Shape:
        """(N, F, *outputs)."""
        shape, weight = shapes[0], self.weight.shape
        if len(shape) != len(weight) or weight[2:] != self.window.kernel:
            raise ModelError(f"kernel of shape {weight} does not fit input {shape}")
        if self.groups < 1 or shape[1] != weight[1] * self.groups or weight[0] % self.groups:
            raise ModelError(
                f"kernel of shape {weight} in {self.groups} group(s) does not fit the "
                f"{shape[1]} channels of input {shape}"
            )
        if self.bias is not None and self.bias.shape != (weight[0],):
            raise ModelError(f"bias of shape {self.bias.shape} does not fit {weight[0]} channels")
        return (shape[0], weight[0], *self.window.output(shape[2:]))


@dataclass(frozen=True, eq=False)
class BatchNorm(Op):
    """y = (x - mean) · r · scale + shift per channel (axis 1), r the double nearest to 1/√(v+ε)."""

    scale: np.ndarray
    shift: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    epsilon: float

    def output_shape(self, *shapes: Shape) -> Shape:
        """Unchanged."""
        shape = shapes[0]
        channels = shape[1] if len(shape) > 1 else 0
        for array in (self.scale, self.shift, self.mean, self.variance):
            if array.shape != (channels,):
                raise ModelError(f"statistics of shape {array.shape} do not fit input {shape}")
        if not math.isfinite(self.epsilon) or np.any(self.variance + self.epsilon <= 0):
            raise ModelError("variance + epsilon must be positive in every channel")
        return shape


@dataclass(frozen=True, eq=False)
class Multiply(Op):
    """y = x · values, or x / values, broadcast."""

    values: np.ndarray
    divide: bool = False

    def output_shape(self, *shapes: Shape) -> Shape:
        """Broadcast of both shapes."""
        if self.divide and np.any(self.values == 0):
            raise ModelError("division by zero")
        return broadcast(shapes[0], self.values.shape)


@dataclass(frozen=True, eq=False)
class Shift(Op):
    """y = x + values, broadcast."""

    values: np.ndarray

    def output_shape(self, *shapes: Shape) -> Shape:
        """Broadcast of both shapes."""
        return broadcast(shapes[0], self.values.shape)


@dataclass(frozen=True, eq=False)
class Sum(Op):
    """y = Σ sign_i x_i of broadcast tensors: residual additions and differences."""

    signs: tuple[int, ...]

    def output_shape(self, *shapes: Shape) -> Shape:
        """Broadcast of all shapes."""
        return broadcast(*shapes)


@dataclass(frozen=True, eq=False)
class AveragePool(Op):
    """Mean over each window of (N, C, *spatial), the divisor an exact integer.

    The divisor is `divisor` if given, else the taps in input and padding (`count_padding`), else
    the taps in the input.
    """

    window: Window
    count_padding: bool = False
    divisor: int | None = None

    def output_shape(self, *shapes: Shape) -> Shape:
        """(N, C, *outputs)."""
        return _pooled(self.window, shapes[0])


@dataclass(frozen=True, eq=False)
class Mean(Op):
    """Exact mean over some axes."""

    axes: tuple[int, ...]
    keep_axes: bool

    def output_shape(self, *shapes: Shape) -> Shape:
        """The axes become 1, or vanish."""
        shape = shapes[0]
        kept = [1 if i in self.axes else size for i, size in enumerate(shape)]
        return tuple(s for i, s in enumerate(kept) if self.keep_axes or i not in self.axes)


@dataclass(frozen=True, eq=False)
class Pad(Op):
    """Constant padding: `pads` are all begins, then all ends; negative ones crop."""

    pads: tuple[int, ...]
    value: float = 0.0

    def output_shape(self, *shapes: Shape) -> Shape:
        """Each axis grows by its begin and end."""
        axes = len(shapes[0])
        if len(self.pads) != 2 * axes:
            raise ModelError(f"pads {self.pads} do not fit input {shapes[0]}")
        if not math.isfinite(self.value):
            raise ModelError(f"padding needs a finite value, got {self.value}")
        sizes = zip(shapes[0], self.pads[:axes], self.pads[axes:], strict=True)
        return tuple(size + begin + end for size, begin, end in sizes)


@dataclass(frozen=True, eq=False)
class Reshape(Op):
    """The same entries in C order under another shape; one -1 is worked out."""

    shape: Shape

    def output_shape(self, *shapes: Shape) -> Shape:
        """The new shape."""
        total = math.prod(shapes[0])
        known = math.prod(size for size in self.shape if size != -1)
        unknown = self.shape.count(-1)
        if unknown > 1 or min(self.shape, default=1) < -1 or (unknown and known == 0):
            raise ModelError(f"cannot work out the shape {self.shape} for {total} entries")
        shape = tuple(total // known if size == -1 else size for size in self.shape)
        if math.prod(shape) != total:
            raise ModelError(f"input {shapes[0]} has {total} entries, not those of {self.shape}")
        return shape


@dataclass(frozen=True, eq=False)
class Transpose(Op):
    """Axes in another order."""

    order: tuple[int, ...]

    def output_shape(self, *shapes: Shape) -> Shape:
        """The permuted shape."""
        if sorted(self.order) != list(range(len(shapes[0]))):
            raise ModelError(f"axis order {self.order} does not fit input {shapes[0]}")
        return tuple(shapes[0][axis] for axis in self.order)


@dataclass(frozen=True, eq=False)
class Concat(Op):
    """Tensors one after the other along an axis."""

    axis: int

    def output_shape(self, *shapes: Shape) -> Shape:
        """The lengths along the axis add up."""
        first = shapes[0]
        for shape in shapes[1:]:
            same = len(shape) == len(first) and all(
                a == b for i, (a, b) in enumerate(zip(shape, first, strict=True)) if i != self.axis
            )
            if not same:
                raise ModelError(f"shapes {shapes} do not concatenate along axis {self.axis}")
        length = sum(shape[self.axis] for shape in shapes)
        return (*first[: self.axis], length, *first[self.axis + 1 :])


@dataclass(frozen=True, eq=False)
class Activation(Op):
    """An element-wise piecewise linear function."""

    def output_shape(self, *shapes: Shape) -> Shape:
        """Unchanged."""
        return shapes[0]


@dataclass(frozen=True, eq=False)
class Relu(Activation):
    """max(x, 0)."""


@dataclass(frozen=True, eq=False)
class LeakyRelu(Activation):
    """x where x > 0, else slope·x; `slopes` broadcasts to x (one for leaky, channels for PReLU)."""

    slopes: np.ndarray
    kind: str = "leaky_relu"

    def output_shape(self, *shapes: Shape) -> Shape:
        """Unchanged; the slopes must broadcast to it."""
        if broadcast(shapes[0], self.slopes.shape) != shapes[0]:
            raise ModelError(f"slopes of shape {self.slopes.shape} do not fit input {shapes[0]}")
        return shapes[0]


@dataclass(frozen=True, eq=False)
class Abs(Activation):
    """|x|."""


@dataclass(frozen=True, eq=False)
class Clip(Activation):
    """min(max(x, low), high); a bound that is None is absent."""

    low: float | None
    high: float | None
    kind: str = "clip"


@dataclass(frozen=True, eq=False)
class MaxPool(Op):
    """Maximum over each window of (N, C, *spatial), padding left out."""

    window: Window

    def output_shape(self, *shapes: Shape) -> Shape:
        """(N, C, *outputs)."""
        return _pooled(self.window, shapes[0])


@dataclass(frozen=True, eq=False)
class Node:
    """One operation in place: value 0 is the graph's input, value i the result of node i - 1."""

    op: Op
    inputs: tuple[int, ...]
    name: str
    shape: Shape


@dataclass(frozen=True, eq=False)
class Graph:
    """Operations in an order in which each reads only earlier values."""

    input_shape: Shape
    nodes: tuple[Node, ...]
    output: int

    @property
    def live(self) -> frozenset[int]:
        """Values that the output depends on, itself included."""
        found, todo = set(), [self.output]
        while todo:
            value = todo.pop()
            if value not in found:
                found.add(value)
                todo.extend(self.nodes[value - 1].inputs if value else ())
        return frozenset(found)


@dataclass(frozen=True)
class Value:
    """A tensor of a graph under construction: its number and shape."""

    index: int
    shape: Shape


class GraphBuilder:
    """Collects nodes, checking that shapes fit.

    Examples
    --------
    >>> builder = GraphBuilder((1, 2))
    >>> hidden = builder.add(Dense(np.eye(2)), builder.input, name="first")
    >>> len(builder.finish(builder.add(Relu(), hidden)).nodes)
    2
    """

    def __init__(self, input_shape: Shape) -> None:
        if min(input_shape, default=1) < 1 or math.prod(input_shape) > _MOST_ENTRIES:
            raise ModelError(f"the input has shape {input_shape}, which is empty or too large")
        self.input = Value(0, tuple(input_shape))
        self._nodes: list[Node] = []

    def add(self, op: Op, *values: Value, name: str = "") -> Value:
        """Append an operation and return its result.

        Raises
        ------
        ModelError
            If the shapes of the operands do not fit; the message names the layer.
        """
        shape = op.output_shape(*(value.shape for value in values))
        if min(shape, default=1) < 1 or math.prod(shape) > _MOST_ENTRIES:
            raise ModelError(f"its result would have shape {shape}, empty or too large")
        indices = tuple(value.index for value in values)
        self._nodes.append(Node(op, indices, name, shape))
        return Value(len(self._nodes), shape)

    def finish(self, output: Value) -> Graph:
        """The immutable graph with this output."""
        return Graph(self.input.shape, tuple(self._nodes), output.index)


def broadcast(*shapes: Shape) -> Shape:
    """Broadcast of shapes as in numpy, as a ModelError where it fails."""
    try:
        return tuple(int(size) for size in np.broadcast_shapes(*shapes))
    except ValueError as error:
        raise ModelError(f"shapes {shapes} do not broadcast") from error


def _pooled(window: Window, shape: Shape) -> Shape:
    if len(shape) != len(window.kernel) + 2:
        raise ModelError(f"pool over {len(window.kernel)} axes does not fit input {shape}")
    return (*shape[:2], *window.output(shape[2:]))
