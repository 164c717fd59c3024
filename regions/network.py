"""`Network`: a ReLU network in normal form.

ReLU layers in order, each reading one affine function of the input and of all earlier ReLU outputs,
then one affine output:

    z_l = Σ_{s<l} W_{l,s} r_s + b_l,   r_0 = x,   r_l = max(z_l, 0),   f(x) = Σ_s W_s r_s + b.

The weights are rationals (`ExactMatrix`), and f is evaluated in exact real arithmetic on them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

import numpy as np
from flint import fmpq, fmpz

from regions.errors import InputError, PatternError
from regions.pattern import Pattern
from solvers.exact_matrix import TINY_ENTRY, ExactMatrix
from solvers.float_rows import TINY
from solvers.rational import as_array, fraction, rational

ExactVector = tuple[list[fmpz], fmpz]  # numerators over one denominator


@dataclass(frozen=True, eq=False)
class Layer:
    """One affine function of the input and of earlier ReLU outputs.

    Attributes
    ----------
    weights
        Pairs (source, block): source 0 is the input, k the outputs of ReLU layer k; each source at
        most once, in ascending order; a block has shape (units, width of the source).
    bias
        Shape (units, 1).
    kind
        "relu", or the operation that was rewritten with ReLU units ("max_pool", "clip", …).
    name
        Where the layer stands in the model that was read.
    shape
        Shape of the tensor whose entries are the units in C order, e.g. (channels, rows, columns).
    """

    weights: tuple[tuple[int, ExactMatrix], ...]
    bias: ExactMatrix
    kind: str = "relu"
    name: str = ""
    shape: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "bias", self.bias.to_dense())

    @property
    def units(self) -> int:
        """Number of units."""
        return self.bias.shape[0]


@dataclass(frozen=True, eq=False)
class Origin:
    """Where a network was read from, and how well the reading was checked.

    `worst_relative_error` is the largest |f - g| / |f| over `points_checked` points between the
    source model f, run by its own library, and the normal form g; `checked_where` says where those
    points were taken.
    """

    file: str | None
    format: str
    activation: str = "ReLU"
    points_checked: int = 0
    worst_relative_error: float = 0.0
    checked_where: str = ""


@dataclass(frozen=True, eq=False, repr=False)
class Network:
    """A ReLU network in normal form (meanings §2.1).

    Examples
    --------
    >>> network = Network.from_layers([([[1], [1]], [0, "-1/2"]), ([[2, -4]], [0])])
    >>> network.inputs, network.widths, network.outputs
    (1, (2,), 1)
    >>> network([Fraction(3, 4)])
    (Fraction(1, 2),)
    >>> str(network.pattern(["1/4"]))
    '10'
    """

    inputs: int
    layers: tuple[Layer, ...]
    output: Layer
    origin: Origin | None = None

    def __post_init__(self) -> None:
        sizes = [self.inputs, *(layer.units for layer in self.layers)]
        for position, layer in enumerate((*self.layers, self.output), start=1):
            place = f"layer {position}" if position <= len(self.layers) else "the output layer"
            if layer.bias.shape[1] != 1:
                raise InputError(f"Network: {place} needs a bias of shape (units, 1)")
            sources = [source for source, _ in layer.weights]
            if sources != sorted(set(sources)) or any(not 0 <= s < position for s in sources):
                raise InputError(f"Network: {place} may read sources 0..{position - 1}, once each")
            for source, block in layer.weights:
                needed = (layer.units, sizes[source])
                if block.shape != needed:
                    raise InputError(
                        f"Network: {place} needs a weight block of shape {needed} on source "
                        f"{source}, got {block.shape}"
                    )

    @staticmethod
    def from_layers(layers: Iterable[tuple[object, object]]) -> Network:
        """The plain feed-forward network of weight and bias pairs; the last pair is the output.

        W has shape (units, width below) and may be of scipy.sparse, b has shape (units,).  Entries
        are numbers of any exact kind: floats are the dyadic rationals that they are, text such as
        "1/3" is exact.

        Raises
        ------
        InputError
            If there is no pair, shapes do not fit, or an entry is not a finite number.
        """
        built: list[Layer] = []
        for position, (weight, bias) in enumerate(layers, start=1):
            block = _matrix(weight, f"W{position}")
            column = _matrix(as_array(bias).reshape(-1, 1), f"b{position}")
            if column.shape[0] != block.shape[0]:
                raise InputError(
                    f"Network.from_layers(): layer {position} has a weight of shape {block.shape}, "
                    f"so it needs {block.shape[0]} biases, got {column.shape[0]}"
                )
            below = built[-1].units if built else block.shape[1]
            if block.shape[1] != below:
                raise InputError(
                    f"Network.from_layers(): W{position} has shape {block.shape}, but the layer "
                    f"below has {below} outputs; W has one row per unit: (units, {below})"
                )
            built.append(Layer(((position - 1, block),), column))
        if not built:
            raise InputError("Network.from_layers() needs at least one (W, b) pair, got none")
        inputs = built[0].weights[0][1].shape[1]
        return Network(inputs, tuple(built[:-1]), built[-1])

    def __repr__(self) -> str:
        hidden = map(str, self.widths)
        if len(self.widths) > 8:
            hidden = (f"{self.relus} ReLUs in {len(self.widths)} layers",)
        widths = " -> ".join((str(self.inputs), *hidden, str(self.outputs)))
        return f"Network({widths}, digest {self.digest[:12]}…)"

    # -- its shape -------------------------------------------------------------------------

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return self.output.units

    @property
    def widths(self) -> tuple[int, ...]:
        """Number of units of each ReLU layer."""
        return tuple(layer.units for layer in self.layers)

    @property
    def relus(self) -> int:
        """Number of ReLU units."""
        return sum(self.widths)

    @property
    def rewritten(self) -> int:
        """Number of ReLU units that stand for other operations (max-pooling, clip, …)."""
        return sum(layer.units for layer in self.layers if layer.kind != "relu")

    @property
    def is_feed_forward(self) -> bool:
        """Whether every layer reads the one before it alone."""
        chain = (*self.layers, self.output)
        return all(s == k for k, layer in enumerate(chain) for s, _ in layer.weights)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the exact content: shapes, weights and biases, not names or files."""
        state = hashlib.sha256(f"regions network 1 {self.inputs} {self.widths}".encode())
        for layer in (*self.layers, self.output):
            for source, block in (*layer.weights, (-1, layer.bias)):
                rows, cols, values, exact = block.entries
                state.update(f"{source} {block.shape} {len(rows)};".encode())
                state.update(rows.astype("<i8").tobytes() + cols.astype("<i8").tobytes())
                state.update((values + 0.0).astype("<f8").tobytes())
                if exact is not None:
                    state.update(" ".join(str(q) for q in exact).encode())
        return state.hexdigest()

    @cached_property
    def underflow(self) -> float:
        """A bound on what underflow can add to any chained product of weights; usually 0.

        A rounded sum of products, fused or not, is zero or at least 2^-107 of its smallest term, so
        the product of the smallest weights of all layers, with such a factor for each, bounds what
        can occur.
        """
        smallest, largest = 1.0, 1.0
        every = (*self.layers, self.output)
        for layer in every:
            parts = [block.entries[2] for _, block in layer.weights] + [layer.bias.entries[2]]
            sizes = np.abs(np.concatenate(parts))
            smallest *= float(np.min(sizes[sizes > 0], initial=1.0)) * 2.0**-108
            sums = sum(np.asarray(block.magnitude.sum(axis=1)) for _, block in layer.weights)
            largest *= 1.0 + float(np.max(sums, initial=0.0))
        blocks = [block for layer in every for block in (*dict(layer.weights).values(), layer.bias)]
        if any(block.has_tiny for block in blocks):
            return 1e10 * TINY_ENTRY * largest
        return 0.0 if smallest > 1e-300 else TINY * largest

    def truncate(self, layers: int) -> Network:
        """The first `layers` ReLU layers; the output is that of the last of them.

        Raises
        ------
        InputError
            If the network has no such layer.
        """
        if not 1 <= layers <= len(self.layers):
            raise InputError(
                f"truncate({layers}): the network has {len(self.layers)} ReLU layers; "
                f"choose 1 to {len(self.layers)}"
            )
        size = self.layers[layers - 1].units
        last = Layer(((layers, ExactMatrix.identity(size)),), ExactMatrix.column(np.zeros(size)))
        return replace(self, layers=self.layers[:layers], output=last)

    # -- values, exactly -------------------------------------------------------------------

    def _exact_point(self, x: object) -> ExactVector:
        try:
            point = [rational(value) for value in as_array(x).reshape(-1).tolist()]
        except ValueError as error:
            raise InputError(
                f"a point of this network needs {self.inputs} finite numbers: {error}"
            ) from error
        if len(point) != self.inputs:
            raise InputError(
                f"a point of this network has {self.inputs} coordinates, got {len(point)}"
            )
        return _common(point)

    def _exact_forward(self, x: object) -> tuple[list[ExactVector], ExactVector]:
        """Pre-activations of every ReLU layer, and the output, as integers over a denominator."""
        values: list[ExactVector] = [self._exact_point(x)]
        before: list[ExactVector] = []
        zero = fmpz(0)
        for layer in self.layers:
            numerators, scale = _apply(layer, values)
            before.append((numerators, scale))
            values.append(([z if z > zero else zero for z in numerators], scale))
        return before, _apply(self.output, values)

    def preactivations(self, x: object) -> list[tuple[Fraction, ...]]:
        """z_1, …, z_L at x, exactly; a float coordinate is the rational that it is."""
        before, _ = self._exact_forward(x)
        return [_fractions(z) for z in before]

    def pattern(self, x: object) -> Pattern:
        """The activation pattern of x: bit 1 where z > 0, decided exactly (meanings §2.2)."""
        before, _ = self._exact_forward(x)
        return Pattern.from_bits([[1 if z > 0 else 0 for z in layer] for layer, _ in before])

    def zero_units(self, x: object) -> list[tuple[int, int]]:
        """The units (layer from 1, unit from 0) whose pre-activation at x is exactly zero."""
        before, _ = self._exact_forward(x)
        return [
            (k, unit)
            for k, (layer, _) in enumerate(before, start=1)
            for unit, z in enumerate(layer)
            if not z
        ]

    def __call__(self, x: object) -> tuple[Fraction, ...]:
        """The output f(x), exactly."""
        return _fractions(self._exact_forward(x)[1])

    def evaluate(self, points: np.ndarray) -> np.ndarray:
        """Outputs at many points in float64: (N, inputs) to (N, outputs)."""
        values = [np.asarray(points, dtype=np.float64).T]
        for layer in self.layers:
            values.append(np.maximum(_apply_floats(layer, values), 0.0))
        return _apply_floats(self.output, values).T

    def affine(self, pattern: Pattern) -> tuple[ExactMatrix, ExactMatrix]:
        """The affine map (W, b) that f is where `pattern` holds: f(x) = W x + b.

        Raises
        ------
        PatternError
            If the pattern does not fit the network or has don't-cares.

        Source: "Study on Activation Patterns", section 5, (42)-(43).
        """
        from regions.composition import exact_row

        bits = self.check_pattern(pattern)
        rows = [exact_row(self, bits, len(self.layers) + 1, unit) for unit in range(self.outputs)]
        weight = ExactMatrix.from_rationals(
            np.array([row for row, _ in rows], dtype=object).reshape(self.outputs, self.inputs)
        )
        return weight, ExactMatrix.column(np.array([c for _, c in rows], dtype=object))

    def check_pattern(self, pattern: Pattern) -> list[np.ndarray]:
        """The bits of a full pattern of this network, as one int8 array a layer."""
        if pattern.widths != self.widths:
            raise PatternError(
                f"a pattern of this network has layers of {self.widths} units, got {pattern.widths}"
            )
        if not pattern.is_full:
            raise PatternError("this needs a full pattern, got one with don't-cares (*)")
        return list(pattern.layers())


def _matrix(values: object, name: str) -> ExactMatrix:
    try:
        sparse = hasattr(values, "tocsr")  # scipy.sparse
        return ExactMatrix.from_floats(values if sparse else as_array(values))
    except ValueError as error:
        raise InputError(f"Network.from_layers(): {name}: {error}") from error


def _common(point: Sequence[fmpq]) -> ExactVector:
    scale = fmpz(1)
    for q in {value.q for value in point}:
        scale = scale.lcm(q)
    return [value.p * (scale // value.q) for value in point], scale


def _fractions(vector: ExactVector) -> tuple[Fraction, ...]:
    numerators, scale = vector
    return tuple(fraction(fmpq(z, scale)) for z in numerators)


def _apply(layer: Layer, values: Sequence[ExactVector]) -> ExactVector:
    """The layer's affine function of exact source values."""
    bias, scale = layer.bias.integers
    terms: list[ExactVector] = [([fmpz(b) for b in bias.reshape(-1).tolist()], fmpz(scale))]
    for source, block in layer.weights:
        numerators, below = values[source]
        terms.append((block.right_integers(numerators), below * block.integers[1]))
    common = fmpz(1)
    for _, den in terms:
        common = common.lcm(den)
    factors = [common // den for _, den in terms]
    columns = zip(*(numerators for numerators, _ in terms), strict=True)
    return [sum((n * k for n, k in zip(c, factors, strict=True)), fmpz(0)) for c in columns], common


def _apply_floats(layer: Layer, values: Sequence[np.ndarray]) -> np.ndarray:
    bias = layer.bias.approx
    total = np.repeat(np.asarray(bias), values[0].shape[1], axis=1)
    for source, block in layer.weights:
        total = total + block.approx @ values[source]
    return total
