"""Open what a command line names: a model file, its domain, a point."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regions.domain import Domain
    from regions.network import Network


def open_model(
    path: Path,
    specs: Sequence[str] | None,
    *,
    box: int | None = None,
    trust_file: bool = False,
    input_shape: str | None = None,
    seed: int = 0,
) -> tuple[Network, Domain]:
    """The network of a file and the intersection of the domains (default: the box [-1, 1]ⁿ).

    Raises
    ------
    InputError
        If the file, a domain or the shape cannot be used, or they do not fit each other.
    """
    from regions.domain_spec import parse_domains
    from regions.loading import load

    shape = None if input_shape is None else read_shape(input_shape)

    def domain(inputs: int) -> Domain:
        return parse_domains(specs or (), inputs, box)

    network = load(path, domain=domain, trust_file=trust_file, input_shape=shape, seed=seed)
    return network, domain(network.inputs)


def read_shape(text: str) -> tuple[int, ...]:
    """The shape of one input: ``1,28,28``.

    Examples
    --------
    >>> read_shape("1,28,28")
    (1, 28, 28)

    Raises
    ------
    InputError
        If the text is not a list of positive integers.
    """
    from regions.errors import InputError

    sizes = [word.strip() for word in text.split(",")]
    if not all(size.isascii() and size.isdigit() and int(size) > 0 for size in sizes):
        raise InputError(
            f"--input-shape {text}: needs positive integers such as 1,28,28 (without the batch)"
        )
    return tuple(int(size) for size in sizes)
