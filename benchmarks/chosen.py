"""What `--only` means: the one of this name, or else all whose names contain it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar


class Named(Protocol):
    """What can be chosen."""

    @property
    def name(self) -> str:
        """As it stands in the tables."""
        ...


N = TypeVar("N", bound=Named)


def chosen(every: Sequence[N], only: str) -> list[N]:
    """The one of this name, or else those whose name contains it: 2-16-16-1 is in 12-16-16-1."""
    return [one for one in every if one.name == only] or [one for one in every if only in one.name]
