"""What `count` says to arguments that it cannot use, and to solvers that contradict each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import regions
from regions.counting.engines import COUNTING
from regions.errors import DomainError, InputError
from solvers.backend import get_backend
from solvers.crosschecked import CrossChecked
from solvers.errors import BackendDisagreement
from tests.lying import LyingBackend

NETWORK = regions.Network.from_layers([([[1, 2], [3, -1]], [0, 1]), ([[1, 1]], [0])])


@pytest.mark.parametrize(
    ("network", "options", "error", "message"),
    [
        ("x", {}, InputError, "needs a Network, got str; .*regions.load"),
        (NETWORK, {"domain": "box:0,1"}, DomainError, "needs a Domain, got str; .*parse_domain"),
        (NETWORK, {"domain": regions.Box.cube(3, 0, 1)}, DomainError, "2 inputs.*dimension 3"),
        (NETWORK, {"time_limit": "a"}, InputError, "time_limit needs seconds.*'a'"),
        (NETWORK, {"time_limit": -1}, InputError, "time_limit needs seconds.*-1"),
        (NETWORK, {"time_limit": float("nan")}, InputError, "time_limit needs seconds.*nan"),
        (NETWORK, {"layers": True}, InputError, "layers needs a whole number.*True"),
        (NETWORK, {"layers": 1.5}, InputError, "layers needs a whole number.*1.5"),
        (NETWORK, {"layers": 2}, InputError, "1 ReLU layer"),
        (NETWORK, {"engine": "quantum"}, InputError, "no engine 'quantum'.*vertices"),
        (NETWORK, {"backend": "foo"}, InputError, "foo"),
        (NETWORK, {"backend": 3}, InputError, "a name or a Backend, got 3"),
    ],
)
def test_a_wrong_argument_is_named(
    network: Any, options: dict[str, Any], error: type[Exception], message: str
):
    with pytest.raises(error, match=message):
        regions.count(network, **options)


def wide(inputs: int) -> regions.Network:
    layer = (np.ones((2, inputs)), [0.5, "1/3"])
    return regions.Network.from_layers([layer, (np.ones((1, 2)), [0])])


REFUSED = [
    ("vertices", regions.Box.cube(784, 0, 1), "simplex, lp and milp can, and 'auto' chooses"),
    ("vertices", regions.Space(2), "integers and lp can, and 'auto' chooses"),
    ("simplex", regions.Space(20), "integers and lp can, and 'auto' chooses"),
    ("simplex", regions.Space(41), "lp can, and 'auto' chooses"),
    ("integers", regions.Box.cube(13, 0, 1), "simplex, lp and milp can, and 'auto' chooses"),
]


@pytest.mark.parametrize(("engine", "domain", "said"), REFUSED)
def test_a_refusal_names_the_engines_that_can(engine: str, domain: regions.Domain, said: str):
    network = wide(domain.dim)
    with pytest.raises(InputError, match=f"{engine} engine cannot take this: .*; {said}$") as error:
        regions.count(network, domain, engine=engine)
    named = [name for name in COUNTING if name in str(error.value).rpartition("; ")[2]]
    for other in set(COUNTING) - {engine}:
        try:
            regions.count(network, domain, engine=other)
        except InputError:
            assert other not in named
        else:
            assert other in named


def test_a_refusal_to_list_names_those_that_list():
    with pytest.raises(InputError, match=r"iter_regions\(\): .*; integers, simplex and lp can,"):
        next(regions.iter_regions(wide(9), regions.Box.cube(9, 0, 1), engine="vertices"))


def test_solvers_that_contradict_each_other_are_reported():
    """The count could go on, but whoever has two solvers checked wants to know."""
    hidden = ([[1, 2], [3, -1], [1, 1]], [0, 1, -1.99])
    corner = regions.Network.from_layers([hidden, ([[1, 1, 1]], [0])])
    pair = CrossChecked(get_backend("highs"), LyingBackend("always infeasible"))
    with pytest.raises(BackendDisagreement, match="disagree"):
        regions.count(corner, engine="lp", backend=pair)
    agreeing = CrossChecked(get_backend("highs"), get_backend("scipy"))
    assert int(regions.count(corner, engine="lp", backend=agreeing)) == 5
