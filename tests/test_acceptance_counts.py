"""Networks whose numbers of regions are known come out exactly, degenerate ones above all."""

from __future__ import annotations

import pytest

import regions
from regions.counting.engines import FLOATS
from tests.cases import (
    ENGINES,
    TORCH_CASES,
    Case,
    TorchCase,
    braid,
    deep_cases,
    one_layer_cases,
    sawtooth,
)
from tests.plain import cube, space


def assert_exactly(result: regions.Count, expected: int) -> None:
    assert (result.lower, result.upper) == (expected, expected)
    assert result.exact and result.unresolved == 0 and result.stopped is None
    assert int(result) == expected


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", [case.parameter() for case in one_layer_cases()])
def test_one_layer(case: Case, engine: str):
    result = regions.count(case.network.build(), case.domain.build(), engine=engine)
    assert_exactly(result, case.regions)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", [case.parameter() for case in deep_cases()])
def test_deep(case: Case, engine: str):
    result = regions.count(case.network.build(), case.domain.build(), engine=engine)
    assert_exactly(result, case.regions)


@pytest.mark.parametrize(
    ("case", "engine"),
    [case.parameter(engine) for case in TORCH_CASES for engine in ("lp", *FLOATS)],
)
def test_default_initialisation_of_pytorch(case: TorchCase, engine: str):
    pytest.importorskip("torch")
    box = regions.Box.cube(case.widths[0], -1, 1)
    result = regions.count(case.build(), box, engine=engine)
    assert result.engine == engine
    assert_exactly(result, case.regions)


ON_BOXES = [
    case.parameter() for case in (*one_layer_cases(), *deep_cases()) if case.domain.form == "box"
]


@pytest.mark.parametrize("engine", FLOATS)
@pytest.mark.parametrize("case", ON_BOXES)
def test_compiled_engines_on_boxes(case: Case, engine: str):
    result = regions.count(case.network.build(), case.domain.build(), engine=engine)
    assert result.engine == engine
    assert_exactly(result, case.regions)


#: Weights of 53 bits, and layers that read more than the one before.
NO_INTEGERS = ("frozen-4-4", "frozen-4-4-4", "reads-input", "two-readers")


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case.name)  # also those that take the LP engine many seconds
        for case in (*one_layer_cases(), *deep_cases())
        if case.name.removesuffix("-box") not in NO_INTEGERS
    ],
)
def test_integers_anywhere(case: Case):
    result = regions.count(case.network.build(), case.domain.build(), engine="integers")
    assert_exactly(result, case.regions)
    assert (result.engine, result.stats["set_aside"]) == ("integers", 0)


@pytest.mark.parametrize("layers", range(1, 6))
def test_first_layers_of_the_sawtooth(layers: int):
    network, unit = sawtooth(5).build(), cube(1, 0, 1).build()
    assert_exactly(regions.count(network, unit, layers=layers), 2**layers)


def test_the_default_domain_is_the_cube():
    network = braid(3).build()
    result = regions.count(network)
    assert_exactly(result, 6)
    assert result.domain == regions.Box.cube(3, -1, 1).spec


def test_an_inexact_count_is_no_integer():
    result = regions.count(braid(4).build(), space(4).build(), time_limit=0)
    if not result.exact:
        with pytest.raises((TypeError, ValueError, regions.RegionsError)):
            int(result)
