"""What `reach` hands out as proof of a "no": one conflict, or a tree of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from regions.domain_base import Domain
from regions.errors import RegionsError
from regions.network import Network
from regions.pattern import Pattern
from regions.query.conflicts import Beyond, Conflict, DomainSide, Geometry

NAMED = 6  # units in a sentence; more are counted


@dataclass(frozen=True)
class Split:
    """A unit that may have either bit: the next nodes are those of bit 0, then those of bit 1."""

    layer: int
    unit: int


Node = Split | Conflict | Beyond


@dataclass(frozen=True)
class ConflictProof:
    """A pattern is unreachable, because a few of its units exclude each other.

    Attributes
    ----------
    pattern
        The pattern, with its don't-cares.
    conflict
        The units, the sides of the domain, and their multipliers.
    place
        What the domain is called: "box", "polytope", …
    """

    pattern: Pattern
    conflict: Conflict
    place: str = "domain"

    @property
    def kind(self) -> str:
        """Which "no" it proves: "farkas", "attained" or "interior" (meanings §2.7)."""
        return self.conflict.kind

    @property
    def question(self) -> str:
        """What is excluded: "attained" (any point), or only "interior"."""
        return "interior" if self.kind == "interior" else "attained"

    @property
    def units(self) -> tuple[tuple[int, int, int], ...]:
        """The units in conflict, as (layer, unit, bit)."""
        return tuple((u.layer, u.unit, u.bit) for u in self.conflict.units)

    @property
    def sides(self) -> tuple[str, ...]:
        """The sides of the domain that take part."""
        return tuple(side.name for side in self.conflict.sides)

    @property
    def leaves(self) -> tuple[Conflict, ...]:
        """The one case that there is."""
        return (self.conflict,)

    @property
    def given(self) -> int:
        """The conflict holds given the bits of so many first layers; 0: unconditionally."""
        return self.conflict.layer - 1

    def verify(self, network: Network, domain: Domain) -> bool:
        """Whether the proof is right: everything is recomputed, in rationals."""
        if self.pattern.widths != network.widths or domain.dim != network.inputs:
            return False
        return self.conflict.holds(Geometry.of(network, domain), self.pattern.layers())

    def __str__(self) -> str:
        """The proof as a sentence that says what it depends on."""
        return sentence(self.conflict, self.place)


@dataclass(frozen=True)
class TreeProof:
    """A pattern is unreachable: each way to fill its don't-cares ends in a conflict.

    Attributes
    ----------
    pattern
        The pattern, with its don't-cares.
    question
        "attained": no point has such a pattern; "interior": no region has.
    nodes
        The tree in preorder: a split is followed by its branch for bit 0, then that for bit 1.
    """

    pattern: Pattern
    question: str
    nodes: tuple[Node, ...]
    place: str = "domain"

    @property
    def kind(self) -> str:
        """Always "tree"."""
        return "tree"

    @property
    def leaves(self) -> tuple[Conflict | Beyond, ...]:
        """What closes the branches."""
        return tuple(node for node in self.nodes if not isinstance(node, Split))

    @property
    def units(self) -> tuple[tuple[int, int, int], ...]:
        """The units of the pattern that take part in a conflict, as (layer, unit, bit)."""
        found: set[tuple[int, int, int]] = set()
        for leaf in self.leaves:
            for unit in leaf.units if isinstance(leaf, Conflict) else (leaf.unit,):
                if self.pattern.bit(unit.layer, unit.unit) is not None:
                    found.add((unit.layer, unit.unit, unit.bit))
        return tuple(sorted(found))

    @property
    def sides(self) -> tuple[str, ...]:
        """The sides of the domain that take part."""
        found: set[DomainSide] = set()
        for leaf in self.leaves:
            if isinstance(leaf, Conflict):
                found.update(leaf.sides)
        return tuple(side.name for side in sorted(found))

    def verify(self, network: Network, domain: Domain) -> bool:
        """Whether the proof is right: the splits leave nothing out, and every leaf holds."""
        if self.pattern.widths != network.widths or domain.dim != network.inputs:
            return False
        if self.question not in ("attained", "interior"):
            return False
        geometry = Geometry.of(network, domain)
        try:
            return all(
                (self.question == "interior" or not _is_thin(leaf)) and leaf.holds(geometry, bits)
                for leaf, bits in self._walk()
            )
        except RegionsError:  # the nodes are no tree
            return False

    def _walk(self) -> Iterator[tuple[Conflict | Beyond, Sequence[np.ndarray]]]:
        """Every leaf with the bits on its path; the arrays change as the walk goes on."""
        bits = [layer.copy() for layer in self.pattern.layers()]
        path: list[tuple[int, int]] = []
        waiting: list[tuple[int, int, int, int]] = [(0, 0, 0, 0)]  # depth, layer, unit, bit
        for node in self.nodes:
            if not waiting:
                raise RegionsError("a tree with more nodes than branches")
            depth, layer, unit, bit = waiting.pop()
            while len(path) > max(depth - 1, 0):
                k, h = path.pop()
                bits[k - 1][h] = -1
            if depth:
                path.append((layer, unit))
                bits[layer - 1][unit] = bit
            if not isinstance(node, Split):
                yield node, bits
                continue
            fits = 1 <= node.layer <= len(bits) and 0 <= node.unit < len(bits[node.layer - 1])
            if not fits or bits[node.layer - 1][node.unit] >= 0:
                raise RegionsError("a split of a unit that is known or does not exist")
            waiting.append((len(path) + 1, node.layer, node.unit, 1))
            waiting.append((len(path) + 1, node.layer, node.unit, 0))
        if waiting:
            raise RegionsError("a tree with branches that do not end")

    def __str__(self) -> str:
        """The proof as a sentence."""
        what = "no point has" if self.question == "attained" else "no region has"
        return (
            f"{what} such a pattern: its free units leave {len(self.leaves)} cases, and in each "
            "some units exclude each other"
        )


def _is_thin(leaf: Conflict | Beyond) -> bool:
    return isinstance(leaf, Conflict) and leaf.kind == "interior"


def sentence(conflict: Conflict, place: str) -> str:
    """What a conflict says, and what it depends on.

    >>> from regions.cell import Unit
    >>> sentence(Conflict("farkas", (Unit(2, 3, 1), Unit(2, 7, 0)), ()), "box")
    'with layer 1 as in this pattern, units 2:3 and 2:7 cannot be 1 and 0 together anywhere'
    """
    last = conflict.layer - 1
    given = {0: "", 1: "with layer 1 as in this pattern, "}.get(
        last, f"with layers 1 to {last} as in this pattern, "
    )
    where = f"inside the {place}" if conflict.sides else "anywhere"
    manner = {
        "farkas": f"together {where}",
        "attained": f"at any one point {where}; only their boundaries meet",
        "interior": f"on a set with interior {where}; only their boundaries meet",
    }[conflict.kind]
    names = [f"{unit.layer}:{unit.unit}" for unit in conflict.units]
    bits = [str(unit.bit) for unit in conflict.units]
    if len(names) == 1:
        manner = manner.removeprefix("together ").replace("any one point", "any point")
        manner = manner.replace("their boundaries meet", "its boundary meets the domain")
        return f"{given}unit {names[0]} cannot be {bits[0]} {manner}"
    if len(names) <= NAMED:
        return f"{given}units {_listed(names)} cannot be {_listed(bits)} {manner}"
    shown = ", ".join(f"{n} = {b}" for n, b in zip(names[:NAMED], bits, strict=False))
    return f"{given}{len(names)} units ({shown}, …) cannot have their bits {manner}"


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}"
