"""The benchmark of sampling: its counts of operations, and its table."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from benchmarks.gpu import MULTIPLICATIONS, SHAPES, convolutional, dense, measure, table


@pytest.mark.parametrize(("name", "module"), [("conv", convolutional()), ("dense", dense())])
def test_multiplications_are_counted(name: str, module: nn.Module):
    total = 0

    def count(layer: nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal total
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            total += layer.weight[0].numel() * output[0].numel()

    for layer in module:  # type: ignore[attr-defined]
        layer.register_forward_hook(count)
    module(torch.zeros(1, *SHAPES[name]))
    assert total == MULTIPLICATIONS[name]


def test_the_table_has_a_share_for_every_row():
    ceilings, rows = measure(torch.device("cpu"), 0.0, count=2)
    assert len(ceilings) == 4 and all(value > 0 for value in ceilings.values())
    text = table(ceilings, rows)
    assert text.count("%") == len(rows) == 5
