"""Networks given by formula whose numbers of regions are known, by theorem or by enumeration.

S(n, r) = Σ_{i <= r} C(n, i) is the largest number of regions of n hyperplanes in R^r.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, pairwise, product
from math import comb, cos, factorial, sin
from typing import Any

import pytest

from tests.plain import PlainDomain, PlainNetwork, cube, feed_forward, one_layer, polytope, space

#: The engines that take any network and domain.
ENGINES = ("lp",)


@dataclass(frozen=True)
class Case:
    """One network, one domain, one count. `slow` where the LP engine needs many seconds."""

    name: str
    network: PlainNetwork
    domain: PlainDomain
    regions: int
    slow: bool = False

    def parameter(self) -> Any:
        """As one entry of `pytest.mark.parametrize`."""
        return pytest.param(self, id=self.name, marks=[pytest.mark.slow] if self.slow else [])


@dataclass(frozen=True)
class TorchCase:
    """PyTorch's default initialisation of Linear layers, made in order with one seed.

    `slow` where the LP engine needs many seconds, `huge` where every engine does (lp: minutes).
    """

    widths: tuple[int, ...]
    regions: int
    slow: bool = False
    huge: bool = False

    @property
    def name(self) -> str:
        return "-".join(str(width) for width in self.widths)

    def parameter(self, engine: str) -> Any:
        """As one entry of `pytest.mark.parametrize`, with one engine."""
        slow = self.huge or (engine == "lp" and self.slow)
        marks = [pytest.mark.slow] if slow else []
        return pytest.param(self, engine, id=f"{self.name}-{engine}", marks=marks)

    def build(self) -> Any:
        """The `regions.Network` of the float32 weights (needs torch)."""
        import torch

        from regions.network import Network

        state = torch.random.get_rng_state()
        torch.manual_seed(0)
        pairs = pairwise(self.widths)
        linears = [torch.nn.Linear(below, above) for below, above in pairs]
        torch.random.set_rng_state(state)
        return Network.from_layers(
            [(line.weight.detach().numpy(), line.bias.detach().numpy()) for line in linears]
        )


def most_regions(n: int, r: int) -> int:
    """S(n, r)."""
    return sum(comb(n, i) for i in range(r + 1))


def basis(n: int, i: int, value: int = 1) -> tuple[int, ...]:
    """value · e_i."""
    return tuple(value * (k == i) for k in range(n))


def pair(n: int, i: int, j: int, other: int = -1) -> tuple[int, ...]:
    """e_i + other · e_j."""
    return tuple((k == i) + other * (k == j) for k in range(n))


# ------------------------------------------------------------------ one-layer networks


def orthants(n: int) -> PlainNetwork:
    """The coordinate hyperplanes: every sign vector."""
    return one_layer([basis(n, i) for i in range(n)])


REPEATED = one_layer([(1, 0), (1, 0), (0, 1), (0, -2), (0, 0), (0, 0)], [0, 0, 0, 0, 1, -1])
PARALLEL = one_layer([(1, 0), (-2, 0), (3, 0), (0, 1)], [0, 2, 0, 0])


def moment_rows(n: int, d: int, *, bias: bool, lifted: bool = False) -> PlainNetwork:
    """Rows [1, t, …, t^(d-1)] with bias t^d, in general position (Vandermonde).

    With ``lifted`` the rows are multiplied by [I_d | 1 1]: rank d in R^(d+2).
    """
    values = [Fraction(k // 2 + 1, 2) * (-1) ** k for k in range(n)]
    rows = [tuple(t**k for k in range(d)) for t in values]
    if lifted:
        rows = [(*line, sum(line), sum(line)) for line in rows]
    return one_layer(rows, [t**d for t in values] if bias else 0)


def braid(n: int, *, biases: bool = False) -> PlainNetwork:
    """x_i - x_j, i < j: one region per permutation. With b_k = 2^k: one per labelled forest."""
    rows = [pair(n, i, j) for i, j in combinations(range(n), 2)]
    return one_layer(rows, [2**k for k in range(len(rows))] if biases else 0)


def resonance(n: int) -> PlainNetwork:
    """All non-zero 0/1 rows."""
    return one_layer([line for line in product((0, 1), repeat=n) if any(line)])


def threshold(n: int) -> PlainNetwork:
    """Rows (1, x), x in {0, 1}^n: one region per Boolean threshold function."""
    return one_layer([(1, *line) for line in product((0, 1), repeat=n)])


def type_b(n: int) -> PlainNetwork:
    """±x_i ± x_j and x_i: one region per signed permutation."""
    rows = [pair(n, i, j, s) for i, j in combinations(range(n), 2) for s in (1, -1)]
    return one_layer(rows + [basis(n, i) for i in range(n)])


def differences(n: int, levels: tuple[int, ...]) -> PlainNetwork:
    """x_i - x_j = level, i < j: Shi (0, 1), Catalan (-1, 0, 1), Linial (1)."""
    rows = [(pair(n, i, j), -k) for i, j in combinations(range(n), 2) for k in levels]
    return feed_forward(n, rows)


def convolution(n: int, *, bias: int = 0, circular: bool = True) -> PlainNetwork:
    """The kernel (1, -1) along n inputs."""
    starts = range(n if circular else n - 1)
    return one_layer([pair(n, i, (i + 1) % n) for i in starts], bias)


def thresholds(n: int, levels: tuple) -> PlainNetwork:
    """x_i - t for every t, on every axis."""
    return one_layer([basis(n, i) for i in range(n) for _ in levels], [-t for t in levels] * n)


def sum_levels(n: int) -> PlainNetwork:
    """Σ x_i - k, k = 1..n-1: on the unit cube, slices of Eulerian volume."""
    return one_layer([(1,) * n] * (n - 1), [-k for k in range(1, n)])


# ------------------------------------------------------------------ deep networks


def sawtooth(layers: int, copies: int = 1) -> PlainNetwork:
    """Telgarsky's sawtooth of 2^layers pieces on (0, 1), in every one of ``copies`` inputs."""
    half = Fraction(-1, 2)
    first = [(basis(copies, i), b) for i in range(copies) for b in (0, half)]
    fold = [
        (tuple(2 * (k == 2 * i) - 4 * (k == 2 * i + 1) for k in range(2 * copies)), b)
        for i in range(copies)
        for b in (0, half)
    ]
    return feed_forward(copies, first, *[fold] * (layers - 1))


def _absolute(n: int) -> list:
    return [(basis(n, i, s), 0) for i in range(n) for s in (1, -1)]


def one_norm(n: int, levels: int) -> PlainNetwork:
    """‖x‖₁ - k, k = 1..levels, over ±x_i."""
    return feed_forward(n, _absolute(n), [((1,) * (2 * n), -k) for k in range(1, levels + 1)])


def carry(n: int) -> PlainNetwork:
    """x_i - x_j rebuilt from ±x_i: permutations of the inputs and zero."""
    rebuilt = []
    for i, j in combinations(range(n), 2):
        line = [0] * (2 * n)
        line[2 * i], line[2 * i + 1], line[2 * j], line[2 * j + 1] = 1, -1, -1, 1
        rebuilt.append((tuple(line), 0))
    return feed_forward(n, _absolute(n), rebuilt)


def frozen(widths: tuple[int, ...], inputs: int = 2) -> PlainNetwork:
    """Weights from cosines and sines: doubles in general position, the same everywhere."""
    layers = []
    for depth, (below, units) in enumerate(zip((inputs, *widths), widths, strict=False)):
        layers.append(
            [
                (
                    tuple(
                        cos(1.7 * (i + 1) ** 1.3 * (j + 2) + depth) for j in range(below)
                    ),
                    0.5 * sin(2.3 * (i + 1) + depth),
                )
                for i in range(units)
            ]
        )  # fmt: skip
    return feed_forward(inputs, *layers)


def doubled(network: PlainNetwork) -> PlainNetwork:
    """The units of both layers once more: of the last one negated, on the other copies.

    The forms of a unit and its copy are opposite in every cell, though their weights are not.
    """
    (below, last), zeros = network.layers, (0,) * len(network.layers[0])
    read = [(weights[-len(below) :], bias) for weights, bias in last]  # the rest are zeros
    units = [((*weights, *zeros), bias) for weights, bias in read]
    copies = [((*zeros, *(-w for w in weights)), -bias) for weights, bias in read]
    return feed_forward(network.inputs, [*below, *below], [*units, *copies])


def free_first_layer() -> PlainNetwork:
    """|x1| + |x2| - 1, 1/4 - |x1|, 1/4 - |x2| over ±x_i."""
    quarter = Fraction(1, 4)
    second = [((1, 1, 1, 1), -1), ((-1, -1, 0, 0), quarter), ((0, 0, -1, -1), quarter)]
    return feed_forward(2, _absolute(2), second)


THREE_ROWS = one_layer([(1, 0), (0, 1), (-1, -1)])  # 000 only at the origin
#: u = ReLU(x), v = ReLU(u - y): the second layer reads the input.
READS_INPUT = PlainNetwork(2, ((((1, 0), 0),), (((0, -1, 1), 0),)))
#: a = ReLU(x - y), then c = ReLU(x - a), d = ReLU(-y - a).
TWO_READERS = PlainNetwork(2, ((((1, -1), 0),), (((1, 0, -1), 0), ((0, -1, -1), 0))))


# ------------------------------------------------------------------ the table


def _many(
    label: str, build: Callable[..., PlainNetwork], counts: dict, slow: tuple = (),
    domain: Callable[[int], PlainDomain] = space,
) -> list[Case]:  # fmt: skip
    """One case per key of ``counts``: build(key) on a domain of its dimension."""
    cases = []
    for key, value in counts.items():
        network = build(key)
        cases.append(Case(f"{label}-{key}", network, domain(network.inputs), value, key in slow))
    return cases


def _general_position() -> list[Case]:
    tables = {4: (5, 11, 15, 16), 5: (6, 16, 26, 31, 32), 6: (7, 22, 42, 57, 63, 64)}
    centred = {4: (2, 8, 14, 16), 5: (2, 10, 22, 30, 32), 6: (2, 12, 32, 52, 62, 64)}
    cases = []
    for bias, table in ((True, tables), (False, centred)):
        for n, values in table.items():
            for d, value in enumerate(values, start=1):
                assert value == (most_regions(n, d) if bias else 2 * most_regions(n - 1, d - 1))
                for lifted in (False, True):
                    name = f"rows-{n}-rank-{d}{'' if bias else '-centred'}{'-lifted' * lifted}"
                    network = moment_rows(n, d, bias=bias, lifted=lifted)
                    cases.append(Case(name, network, space(network.inputs), value))
    for n, d in ((12, 3), (12, 5), (16, 4)):
        name, network = f"rows-{n}-rank-{d}", moment_rows(n, d, bias=True)
        cases.append(Case(name, network, space(d), most_regions(n, d), slow=n > 12))
    return cases


def unit_cube(n: int) -> PlainDomain:
    """[0, 1]^n."""
    return cube(n, 0, 1)


def one_layer_cases() -> list[Case]:
    """Arrangements of hyperplanes: acceptance 1 to 7 and 14."""
    return [
        *_many("orthants", orthants, {n: 2**n for n in range(1, 8)}),
        Case("repeated-rows", REPEATED, space(2), 4),
        Case("parallel-rows", PARALLEL, space(2), 6),
        *_general_position(),
        *_many("braid", braid, {n: factorial(n) for n in range(2, 8)}, slow=(7,)),
        *_many(
            "braid-cube", braid, {n: factorial(n) for n in range(2, 8)}, slow=(7,),
            domain=unit_cube,
        ),
        *_many("resonance", resonance, {1: 2, 2: 6, 3: 32, 4: 370, 5: 11292}, slow=(5,)),
        *_many("threshold", threshold, {0: 2, 1: 4, 2: 14, 3: 104, 4: 1882}),
        *_many("type-b", type_b, {1: 2, 2: 8, 3: 48, 4: 384}),
        *_many("shi", lambda n: differences(n, (0, 1)), {2: 3, 3: 16, 4: 125}),
        *_many("catalan", lambda n: differences(n, (-1, 0, 1)), {2: 4, 3: 30, 4: 336}),
        *_many("linial", lambda n: differences(n, (1,)), {2: 2, 3: 7, 4: 36}),
        *_many("forests", lambda n: braid(n, biases=True), {2: 2, 3: 7, 4: 38, 5: 291}),
        *_many("circular", convolution, {n: 2**n - 2 for n in range(2, 8)}),
        *_many(
            "circular-bias", lambda n: convolution(n, bias=1), {n: 2**n - 1 for n in range(2, 8)}
        ),
        *_many(
            "valid", lambda n: convolution(n, circular=False),
            {n: 2 ** (n - 1) for n in range(2, 8)},
        ),
        Case(
            "thresholds-box", thresholds(3, (-2, -Fraction(1, 2), 0, Fraction(1, 2), 1, 2)),
            cube(3), 64,
        ),
        Case("corner-below", one_layer([(1, 1)], -2), cube(2), 1),
        Case("corner-above", one_layer([(-1, -1)], 2), cube(2), 1),
        *_many("sum-levels", sum_levels, {n: n for n in range(2, 7)}, domain=unit_cube),
    ]  # fmt: skip


def deep_cases() -> list[Case]:
    """Acceptance 8 to 11 and 13."""
    powers = range(1, 9)
    products = {(2, 1): 4, (2, 2): 16, (2, 3): 64, (2, 4): 256, (3, 1): 8, (3, 2): 64, (3, 3): 512}
    return [
        *_many("sawtooth", sawtooth, {k: 2**k for k in powers}, domain=unit_cube),
        *_many("sawtooth-line", sawtooth, {k: 3 if k == 1 else 2**k + 2 for k in powers}),
        *_many(
            "sawtooth-product", lambda key: sawtooth(key[1], key[0]), products,
            domain=unit_cube,
        ),
        *_many(
            "one-norm", lambda key: one_norm(*key),
            {(n, k): 2**n * (k + 1) for n in range(1, 6) for k in (1, 3)},
        ),
        *_many("carry", carry, {n: factorial(n + 1) for n in range(2, 6)}),
        Case("frozen-4-4", frozen((4, 4)), space(2), 26),
        Case("frozen-4-4-box", frozen((4, 4)), cube(2), 16),
        Case("frozen-4-4-4", frozen((4, 4, 4)), space(2), 49),
        Case("frozen-4-4-4-box", frozen((4, 4, 4)), cube(2), 20),
        Case("three-rows", THREE_ROWS, space(2), 6),
        Case("reads-input", READS_INPUT, space(2), 4),
        Case("two-readers", TWO_READERS, space(2), 6),
        Case("free-first-layer", free_first_layer(), space(2), 28),
    ]  # fmt: skip


def corner_simplex(n: int) -> PlainDomain:
    """x >= 0, Σ x_i <= 1."""
    rows = [(basis(n, i, -1), 0) for i in range(n)]
    return polytope([*rows, ((1,) * n, 1)], n)


TORCH_CASES = [
    TorchCase((2, 16, 16, 1), 127),
    TorchCase((3, 16, 16, 1), 1276),
    TorchCase((2, 64, 64, 64, 1), 6668, slow=True),
    TorchCase((4, 16, 16, 1), 6658, slow=True),
    TorchCase((8, 12, 12, 1), 21880, huge=True),
]


def cube_tents() -> tuple[PlainNetwork, PlainDomain]:
    """x_i and x_i - k on (0, 5)³, then Σ tri(x_i) - c: 500 regions, 1575 pairs of neighbours."""
    first = [(basis(3, i), -k) for i in range(3) for k in range(5)]
    tent = (1, -2, 2, -2, 2)  # slopes change at 0, 1, 2, 3, 4
    levels = (Fraction(5, 4), Fraction(3, 2), Fraction(7, 4))
    return feed_forward(3, first, [(tent * 3, -c) for c in levels]), cube(3, 0, 5)
