"""The exact core again, naively, in `fractions.Fraction`: nested lists and nothing clever."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

Vector = list[Fraction]
Table = list[Vector]
Form = tuple[Vector, Fraction]  # a·x + c
NASTY = (1e150, -1e150, 1e-150, -1e-150, 5e-324, -5e-324, 2.0**-1022, 1e-310, 0.0, 1.0, -1.0)


def exact(value: Any) -> Fraction:
    """A number of any exact kind (an `fmpq` too) as a fraction."""
    if hasattr(value, "p") and hasattr(value, "q"):
        return Fraction(int(value.p), int(value.q))
    return Fraction(value)


def vector(values: Any) -> Vector:
    return [exact(value) for value in values]


def table(matrix: Any) -> Table:
    """The entries of an `ExactMatrix`, row by row."""
    return [vector(line) for line in matrix.dense()]


def dot(left: Sequence, right: Sequence) -> Fraction:
    terms = (exact(a) * exact(b) for a, b in zip(left, right, strict=True))
    return sum(terms, Fraction(0))


def value(form: tuple[Sequence, Any], x: Sequence) -> Fraction:
    """a·x + c."""
    return dot(form[0], x) + exact(form[1])


def product(left: Table, right: Table, inner: int, cols: int) -> Table:
    return [
        [sum((line[k] * right[k][j] for k in range(inner)), Fraction(0)) for j in range(cols)]
        for line in left
    ]


def forward(network: Any, x: Sequence) -> tuple[list[Vector], Vector]:
    """Pre-activations of each layer, and the output, at one point."""
    values, before = [vector(x)], []
    for layer in (*network.layers, network.output):
        z = [line[0] for line in table(layer.bias)]
        for source, block in layer.weights:
            z = [a + dot(w, values[source]) for a, w in zip(z, table(block), strict=True)]
        before.append(z)
        values.append([max(a, Fraction(0)) for a in z])
    return before[:-1], before[-1]


def forms(network: Any, bits: Sequence, position: int) -> list[Form]:
    """Rows of layer `position` as functions of the input, where the earlier bits hold.

    Composed upwards, a whole layer at a time; the project composes downwards.
    """
    identity = [vector(int(i == j) for j in range(network.inputs)) for i in range(network.inputs)]
    outputs: list[list[Form]] = [[(line, Fraction(0)) for line in identity]]
    result: list[Form] = []
    for number, layer in enumerate((*network.layers, network.output)[:position], start=1):
        result = []
        blocks = [(source, table(block)) for source, block in layer.weights]
        for unit, bias in enumerate(table(layer.bias)):
            a, c = [Fraction(0)] * network.inputs, bias[0]
            for source, block in blocks:
                for weight, (below, constant) in zip(block[unit], outputs[source], strict=True):
                    if weight:
                        a = [p + weight * q for p, q in zip(a, below, strict=True)]
                        c += weight * constant
            result.append((a, c))
        if number < position:
            on = [int(bit) == 1 for bit in bits[number - 1]]
            zero = [Fraction(0)] * network.inputs, Fraction(0)
            outputs.append([form if bit else zero for form, bit in zip(result, on, strict=True)])
    return result


def numbers(random: np.random.Generator, shape: tuple[int, ...], kind: str) -> np.ndarray:
    """Doubles for a test: "plain", "integers" or "scaled" (over sixty orders of magnitude)."""
    if kind == "integers":
        return random.integers(-3, 4, shape).astype(float)
    plain = random.standard_normal(shape)
    return plain if kind == "plain" else plain * 10.0 ** random.integers(-30, 31, shape)


def random_network(
    random: np.random.Generator,
    inputs: int,
    widths: Sequence[int],
    kind: str = "plain",
    storage: str = "dense",
    skips: bool = False,
    outputs: int = 2,
) -> Any:
    """A network of doubles, or of thirds of them ("rational"), stored densely or sparsely."""
    from regions.network import Layer, Network
    from solvers.exact_matrix import ExactMatrix

    sizes = [inputs, *widths]
    layers = []
    for position, units in enumerate((*widths, outputs), start=1):
        sources = range(position) if skips else range(position - 1, position)
        weights = []
        for source in sources:
            block = numbers(random, (units, sizes[source]), kind)
            block[random.random(block.shape) < 0.3] = 0
            weights.append((source, _stored(block, storage)))
        bias = ExactMatrix.column(_thirds(numbers(random, (units,), kind), storage))
        layers.append(Layer(tuple(weights), bias))
    return Network(inputs, tuple(layers[:-1]), layers[-1])


def _stored(block: np.ndarray, storage: str) -> Any:
    from solvers.exact_matrix import ExactMatrix

    if storage in ("dense", "rational"):
        return ExactMatrix.from_floats(_thirds(block, storage))
    rows, cols = np.nonzero(block)
    values = _thirds(block[rows, cols], storage)
    return ExactMatrix.from_entries(rows, cols, values, block.shape)


def _thirds(values: np.ndarray, storage: str) -> np.ndarray:
    """The values over 3, as rationals, where the storage is a rational one."""
    if "rational" not in storage:
        return values
    result = np.empty(values.shape, dtype=object)
    result.reshape(-1)[:] = [Fraction(v) / 3 for v in values.reshape(-1).tolist()]
    return result
