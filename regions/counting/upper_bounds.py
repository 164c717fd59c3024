"""`bounds`: upper bounds of the number of regions, without counting."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from regions.counting import layer_bounds
from regions.counting.layer_bounds import LayerUnits
from regions.counting.question import Question, checked_seconds
from regions.counting.tree import Stop
from regions.domain import Domain
from regions.frame import Frame
from regions.intervals import stable_bits
from regions.network import Network
from solvers.exact_simplex import Stopped

# The upper bounds, from the simplest to the sharpest, as sentences name them.
NAMES = MappingProxyType(
    {
        "montufar": "Montúfar's bound of 2017",
        "own": "the product over the layers",
        "serra": "Serra et al.'s bound",
        "hinz": "the bound of Hinz and van de Geer",
    }
)
_SKIPS = (
    "it holds for plain feed-forward networks; a layer of this one reads more than the layer "
    "before it (a skip connection, or max-pooling, which makes some)"
)


@dataclass(frozen=True)
class Bounds:
    """Upper bounds of the number of regions of one network in one domain.

    `own`, `serra`, `hinz` and `montufar` are upper bounds of the number of regions (meanings §2.5)
    of *this* network in *this* domain.  `montufar_best_weights` is not: it says what other weights
    would reach.

    Attributes
    ----------
    own
        Π S(u_l, ρ_l) over the units that interval bounds leave undecided; valid with skip
        connections.
    serra
        Serra, Tjandraatmadja and Ramalingam 2018, over the same units; None with skip connections.
    hinz
        The framework of Hinz and van de Geer 2019, with sharper histograms in layers of at most 64
        undecided units; None with skip connections.
    montufar
        Montúfar 2017, from the widths alone; None with skip connections.
    montufar_best_weights
        Montúfar et al. 2014: the best weights of a fully connected network with these widths reach
        at least so many regions.  Neither an upper nor a lower bound of this network.  None with
        skip connections, and where a layer is narrower than the domain's dimension.
    dim
        The dimension of the domain (of its affine hull where it is flat).
    open_units
        For each ReLU layer, the units that interval bounds leave undecided.
    why
        For each number that is None, why.

    Examples
    --------
    >>> layer = [[1, 0], [0, 1], [1, 1], [1, -1]], [0, 0, "-1/2", 0]
    >>> deep = [[1, 0, -2, 1], [0, 1, 1, -1], [1, -1, 1, 0], [1, 1, -1, 2]], [-1, 0, 0, "1/2"]
    >>> network = Network.from_layers([layer, deep, ([[1, 1, 1, 1]], [0])])
    >>> found = bounds(network)
    >>> found.own, found.serra, found.hinz, found.best
    (121, 121, 115, 115)
    >>> found.montufar_best_weights
    44
    """

    own: int
    serra: int | None
    hinz: int | None
    montufar: int | None
    montufar_best_weights: int | None
    dim: int
    open_units: tuple[int, ...]
    why: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def best(self) -> int:
        """The least of the upper bounds of this network."""
        return min(self.upper.values())

    @property
    def by(self) -> str:
        """The name of the simplest bound that is as low as `best`."""
        return next(name for name, value in self.upper.items() if value == self.best)

    @property
    def upper(self) -> dict[str, int]:
        """The upper bounds that apply, from the simplest to the sharpest."""
        every = {name: getattr(self, name) for name in NAMES}
        return {name: value for name, value in every.items() if value is not None}

    def as_dict(self) -> dict[str, object]:
        """The fields as plain JSON-ready values."""
        return {
            "best": self.best,
            "by": self.by,
            "own": self.own,
            "serra": self.serra,
            "hinz": self.hinz,
            "montufar": self.montufar,
            "montufar_best_weights": self.montufar_best_weights,
            "dimension": self.dim,
            "open_units": list(self.open_units),
            "why": dict(self.why),
        }


def bounds(
    network: Network,
    domain: Domain | None = None,
    *,
    layers: int | None = None,
    time_limit: float | None = None,
) -> Bounds:
    """Upper bounds of the number of linear regions of a network, without counting them.

    They hold for the regions of `count`: activation patterns that occur on a set with interior, in
    a domain of any kind, flat ones in their own dimension.  The numbers are exact integers.

    Parameters
    ----------
    network
        A network in normal form.
    domain
        The box [-1, 1]^n by default.
    layers
        The patterns of the first so many ReLU layers only.
    time_limit
        Seconds after which to give up looking for the affine hull of a domain; the bounds then use
        the dimension of the space around it, and no interval bounds.

    Raises
    ------
    DomainError
        If the domain is empty or has another dimension than the network's input.
    InputError
        If an option is out of range.

    Examples
    --------
    >>> network = Network.from_layers([([[1, 0], [0, 1], [1, 1]], [0, 0, -3]), ([[1, 1, 1]], [0])])
    >>> bounds(network).best  # the third unit is off in the whole box
    4
    """
    asked = Question.of("bounds", network, domain, "auto", layers, "highs")
    limit = checked_seconds("bounds", time_limit)
    stop = Stop(None if limit is None else time.monotonic() + limit)
    try:
        frame = Frame.of(asked.domain, asked.backend, stop)
    except Stopped:
        return bounds_anywhere(asked.counted)
    return bounds_in_box(frame.pull(asked.counted), *frame.box())


def bounds_anywhere(network: Network) -> Bounds:
    """The bounds of a network in any domain of any dimension; no intervals help.

    >>> network = Network.from_layers([([[1], [1]], [0, 5]), ([[1, 1]], [0])])
    >>> bounds_anywhere(network).best
    3
    """
    sides = np.full(network.inputs, np.inf)
    return bounds_in_box(network, -sides, sides)


def bounds_in_box(network: Network, lower: np.ndarray, upper: np.ndarray) -> Bounds:
    """The bounds of a network in any domain of full dimension that lies in the box [lower, upper].

    >>> network = Network.from_layers([([[1], [1]], [0, 5]), ([[1, 1]], [0])])
    >>> bounds_in_box(network, np.array([-1.0]), np.array([1.0])).open_units
    (1,)
    """
    dim = network.inputs
    every = [
        LayerUnits(
            layer.units,
            int(np.count_nonzero(bits < 0)),
            int(np.count_nonzero(bits == 1)),
            tuple(source for source, _ in layer.weights),
        )
        for layer, bits in zip(network.layers, stable_bits(network, lower, upper), strict=True)
    ]
    open_units = tuple(layer.open for layer in every)
    own = layer_bounds.own(every, dim)
    if not layer_bounds.is_chain(every):
        only_plain = ("serra", "hinz", "montufar", "montufar_best_weights")
        why: dict[str, str] = dict.fromkeys(only_plain, _SKIPS)
        return Bounds(own, None, None, None, None, dim, open_units, why)
    best_weights = layer_bounds.montufar_best_weights(every, dim)
    why = {}
    if best_weights is None:
        narrowest = min(layer.units for layer in every)
        why["montufar_best_weights"] = (
            f"the theorem is about layers of at least {dim} units, the dimension of the domain; "
            f"the narrowest layer has {narrowest}"
        )
    return Bounds(
        own,
        layer_bounds.serra(every, dim),
        layer_bounds.hinz(every, dim),
        layer_bounds.montufar(every, dim),
        best_weights,
        dim,
        open_units,
        why,
    )
