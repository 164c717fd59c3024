"""How many threads a computation is worth."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

SMALL = 2**21  # entries of the tables of one step, below which threads wait more than they work


@contextmanager
def threads_for(entries: int) -> Iterator[None]:
    """One thread for small steps, as many as before for others; afterwards as before.

    Where cores are busy with other work, threads that meet after every small operation wait for
    each other's turns: a step of 1 ms then takes 100.
    """
    before = torch.get_num_threads()
    if entries < SMALL:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
