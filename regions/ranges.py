"""`Ranges`: rigorous bounds of every pre-activation over a bounded domain, tighter than intervals.

Symbolic bounds: a ReLU output a = max(z, 0) with z in [L, U] lies between two lines,

    α z <= a <= λ z + μ,    λ = U / (U - L), μ = -λ L, and α = 1 if U > -L, else 0,

and these are substituted from layer to layer downwards until a bound in terms of the input alone is
left, whose extreme values over a box are plain.  Every rounding is charged: a coefficient that is
off by ε changes a bound by at most ε times the size of what it multiplies, and that is known.

Source: Zhang, Weng, Chen, Hsieh and Daniel, Efficient neural network robustness certification with
general activation functions, NeurIPS 2018 (CROWN); the error terms are this project's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from flint import fmpq

from regions.errors import DomainError
from regions.frame import Frame, rounded
from regions.intervals import layer_bounds
from regions.network import Layer, Network
from solvers.exact_matrix import TINY_ENTRY
from solvers.exact_simplex import Row, Unbounded, minimise
from solvers.float_rows import TINY, UNIT_ROUNDOFF, FloatRows, gamma
from solvers.rational import dot

BLOCK_ENTRIES = 2_000_000  # coefficients that are substituted at a time
Pair = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class Ranges:
    """Bounds of the pre-activations where the bits of the *earlier* layers hold.

    Attributes
    ----------
    box
        (lower, upper) of the domain's coordinates, finite, rounded outwards.
    low, high
        For each ReLU layer (units,): low <= z <= high.
    given
        For each ReLU layer the bits that were taken to hold (z >= 0 or z <= 0), -1 where none was.
    """

    box: Pair
    low: tuple[np.ndarray, ...]
    high: tuple[np.ndarray, ...]
    given: tuple[np.ndarray, ...]

    def bits(self, layer: int) -> np.ndarray:
        """The bits of a layer (from 1): the given ones, those that the bounds fix, else -1."""
        bits = self.given[layer - 1].copy()
        bits[(bits < 0) & (self.low[layer - 1] > 0)] = 1
        bits[(bits < 0) & (self.high[layer - 1] <= 0)] = 0
        return bits

    def inside(self, layer: int) -> Pair:
        """Bounds of a layer's pre-activations where its own given bits hold too."""
        low, high, bits = self.low[layer - 1], self.high[layer - 1], self.given[layer - 1]
        # not crossed even where the bits cannot hold; anything is true there
        low = np.where(
            bits == 1, np.maximum(low, 0.0), np.where(bits == 0, np.minimum(low, 0), low)
        )
        top = np.where(bits == 0, np.minimum(high, 0.0), high)
        return low, np.where(bits == 1, np.maximum(top, 0.0), top)

    def outputs(self, source: int) -> Pair:
        """Bounds of the outputs of a layer; source 0 is the box."""
        if source == 0:
            return self.box
        low, high = self.inside(source)
        return np.maximum(low, 0.0), np.where(self.given[source - 1] == 0, 0.0, np.maximum(high, 0))

    def extended(self, low: np.ndarray, high: np.ndarray, given: np.ndarray) -> Ranges:
        """These ranges with those of one more layer."""
        return Ranges(self.box, (*self.low, low), (*self.high, high), (*self.given, given))


def no_bits(network: Network) -> list[np.ndarray]:
    """-1 for every unit."""
    return [np.full(width, -1, dtype=np.int8) for width in network.widths]


def ranges(
    network: Network, box: Pair, given: Sequence[np.ndarray] | None = None, symbolic: bool = True
) -> Ranges:
    """The ranges of all layers over a finite box, by intervals and, unless refused, symbolically.

    Examples
    --------
    >>> network = Network.from_layers([([[1], [-1]], [0, 0]), ([[1, 1]], [-1]), ([[1]], [0])])
    >>> found = ranges(network, (np.array([-1.0]), np.array([1.0])))  # |x| - 1, not [-1, 1]
    >>> found.high[1].round(9).tolist()
    [0.0]
    """
    found = Ranges(box, (), (), ())
    for position, bits in enumerate(no_bits(network) if given is None else given, start=1):
        found = found.extended(*next_layer(network, found, position, symbolic), bits)
    return found


def next_layer(network: Network, found: Ranges, position: int, symbolic: bool = True) -> Pair:
    """Bounds of the pre-activations of layer `position`, those of earlier layers given."""
    layer = network.layers[position - 1]
    low, high = layer_bounds(layer, [found.outputs(s) for s in range(position)])
    if symbolic and position > 1 and _is_finite(found):
        units = np.flatnonzero((low < 0) & (high > 0))
        below, above = _symbolic(network, found, layer, position, units)
        low[units], high[units] = np.maximum(low[units], below), np.minimum(high[units], above)
    return low, high


def _is_finite(found: Ranges) -> bool:
    return all(np.isfinite(side).all() for side in (*found.low, *found.high))


def _symbolic(
    network: Network, found: Ranges, layer: Layer, position: int, units: np.ndarray
) -> Pair:
    """Bounds of some units of a layer, a block of them at a time."""
    width = max(network.inputs, *network.widths)
    block = max(1, BLOCK_ENTRIES // (2 * width))
    lines = [_Lines.of(network, found, source) for source in range(1, position)]
    parts = [
        _substituted(network, found, layer, position, units[start : start + block], lines)
        for start in range(0, len(units), block)
    ]
    none = np.zeros(0)
    return (
        np.concatenate([none, *(low for low, _ in parts)]),
        np.concatenate([none, *(high for _, high in parts)]),
    )


@dataclass(frozen=True, eq=False)
class _Lines:
    """α z <= a <= λ z + μ for the units of a layer, and how large everything can be there."""

    alpha: np.ndarray
    slope: np.ndarray
    offset: np.ndarray
    size: np.ndarray  # of z
    sums: np.ndarray  # Σ |weight| · size of its source, and |bias|

    @staticmethod
    def of(network: Network, found: Ranges, source: int) -> _Lines:
        low, high = found.inside(source)
        bits = found.bits(source)
        bits[(bits < 0) & (low >= 0)] = 1  # a = z there as well
        is_open = bits < 0
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = np.where(is_open, np.clip(high / (high - low), 0.0, 1.0), bits == 1)
        # whatever λ was rounded to: a convex function lies below the line through its end values
        offset = np.maximum(-slope * low, (1.0 - slope) * high) * (1 + 8 * UNIT_ROUNDOFF) + TINY
        offset = np.where(is_open, offset, 0.0)
        alpha = np.where(is_open, high > -low, bits == 1).astype(float)
        layer = network.layers[source - 1]
        sums = layer.bias.magnitude[:, 0].copy()
        for below, block in layer.weights:
            sums += block.magnitude @ _size(found.outputs(below))
            if block.has_tiny:
                sums += TINY_ENTRY / UNIT_ROUNDOFF * float(_size(found.outputs(below)).sum())
        return _Lines(alpha, slope, offset, _size((low, high)), sums * (1 + 1e-9) + TINY)


def _size(pair: Pair) -> np.ndarray:
    return np.maximum(np.abs(pair[0]), np.abs(pair[1]))


def _substituted(
    network: Network,
    found: Ranges,
    layer: Layer,
    position: int,
    units: np.ndarray,
    lines: Sequence[_Lines],
) -> Pair:
    """(low, high) of z at `units`: lower bounds of the forms z and -z."""
    count = len(units)
    forms: dict[int, np.ndarray] = {}
    sums = np.asarray(layer.bias.magnitude)[units, 0].copy()
    for source, block in layer.weights:
        rows = _dense(block.approx[units])
        forms[source] = np.concatenate([rows, -rows])
        sums += _dense(block.magnitude[units]) @ _size(found.outputs(source))
        if block.has_tiny:
            sums += TINY_ENTRY / UNIT_ROUNDOFF * float(_size(found.outputs(source)).sum())
    bias = np.asarray(layer.bias.approx)[units, 0]
    constant = np.concatenate([bias, -bias])
    # weights that are no doubles are off by a unit roundoff; the sum itself has rounding too
    error = np.tile(4 * UNIT_ROUNDOFF * sums, 2) + TINY
    total = np.abs(constant)
    with np.errstate(over="ignore", invalid="ignore"):
        for source in range(position - 1, 0, -1):
            if source not in forms:
                continue
            line, below = lines[source - 1], network.layers[source - 1]
            form = forms.pop(source)
            negative = np.minimum(form, 0.0)
            shift = negative @ line.offset
            constant = constant + shift
            total += np.abs(shift)
            form = np.where(form > 0, form * line.alpha, form * line.slope)
            size = np.abs(form)
            error += gamma(len(line.offset) + 2) * np.abs(shift) + 2 * UNIT_ROUNDOFF * (
                size @ line.size
            )
            shift = form @ np.asarray(below.bias.approx)[:, 0]
            constant = constant + shift
            total += np.abs(shift)
            error += gamma(2 * len(line.offset) + 8) * (size @ line.sums) + TINY
            for target, block in below.weights:
                term = _dense(form @ block.approx)
                if target in forms:
                    term = term + forms[target]
                    error += 2 * UNIT_ROUNDOFF * (np.abs(term) @ _size(found.outputs(target)))
                forms[target] = term
        error += gamma(4 * position + 4) * total
        error *= 1 + 1e-9  # the error's own rounding
        a = forms.get(0, np.zeros((2 * count, network.inputs)))
        low, _ = FloatRows(a, constant, np.zeros_like(a), error).over_box(*found.box)
    return low[:count], -low[count:]


def _dense(matrix) -> np.ndarray:
    return matrix if isinstance(matrix, np.ndarray) else matrix.toarray()


def bounding_box(frame: Frame, stop: Callable[[], bool] | None = None) -> Pair:
    """A finite box around a domain, in its coordinates, rounded outwards.

    Bounds that are not given are found from the rows, exactly.

    Raises
    ------
    DomainError
        If the domain is unbounded, explaining why a program with whole variables needs a bound.
    Stopped
        When `stop` returned true first.
    """
    lower, upper = list(frame.lower), list(frame.upper)
    if None in lower or None in upper:
        rows, slacks = _sides(frame)
        for j in range(frame.dim):
            for bounds, sign in ((lower, 1), (upper, -1)):
                if bounds[j] is None:
                    cost = [fmpq(sign * int(k == j)) for k in range(frame.dim)]
                    found = minimise(cost, rows, slacks, stop=stop)
                    if isinstance(found, Unbounded):
                        raise _unbounded(frame)
                    bounds[j] = frame.interior[j] + sign * found.value
    low = [rounded(q, -1) for q in lower if q is not None]
    high = [rounded(q, 1) for q in upper if q is not None]
    return np.array(low, dtype=float), np.array(high, dtype=float)


def _sides(frame: Frame) -> tuple[list[Row], list[fmpq]]:
    """Rows and bounds as slacks in terms of the distance to the interior point."""
    rows: list[Row] = []
    slacks: list[fmpq] = []
    for index, limit in enumerate(frame.limits):
        cols, values = frame.rows.row(index)
        rows.append({int(j): -v for j, v in zip(cols, values, strict=True)})
        slacks.append(limit - dot(values, [frame.interior[j] for j in cols]))
    for j, (low, high) in enumerate(zip(frame.lower, frame.upper, strict=True)):
        if low is not None:
            rows.append({j: fmpq(1)})
            slacks.append(frame.interior[j] - low)
        if high is not None:
            rows.append({j: fmpq(-1)})
            slacks.append(high - frame.interior[j])
    return rows, slacks


def _unbounded(frame: Frame) -> DomainError:
    return DomainError(
        "a program with a whole variable for each unit needs a bounded domain: it switches the "
        "rows of a unit off with a constant M that is larger than any value the unit can take "
        "(big-M), and here some coordinate has no bound, so there is no such M; intersect the "
        "domain with a box, or use the tree engines, which need none"
    )
