"""Referee for `reach`: what the oracle says of a pattern, and proofs looked at without multipliers.

A conflict is right if the oracle finds no common solution of its inequalities, and irreducible if
it finds one as soon as any of them is left out.  Rows are composed by `tests.naive`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import product
from typing import Any

from regions.frame import Frame
from regions.query.conflicts import Beyond, Conflict
from regions.query.unreachable import ConflictProof, Split
from tests import naive, oracle


def words(widths: tuple[int, ...]) -> list[str]:
    """All full patterns of these layers, as text."""
    layers = [["".join(bits) for bits in product("01", repeat=width)] for width in widths]
    return ["/".join(word) for word in product(*layers)]


def partial_words(widths: tuple[int, ...]) -> list[str]:
    """All patterns, with don't-cares."""
    layers = [["".join(bits) for bits in product("01*", repeat=width)] for width in widths]
    return ["/".join(word) for word in product(*layers)]


def covers(word: str, patterns: Collection[str]) -> bool:
    """Whether one of the patterns is a completion of the word."""
    return any(all(a in ("*", b) for a, b in zip(word, full, strict=True)) for full in patterns)


def leaves_of(proof: Any) -> Iterator[tuple[Conflict | Beyond, list[list[int]]]]:
    """Every leaf of a proof with the bits on its path (-1: not known); the splits are checked."""
    bits = [layer.tolist() for layer in proof.pattern.layers()]
    nodes = iter((proof.conflict,) if isinstance(proof, ConflictProof) else proof.nodes)

    def walk() -> Iterator[tuple[Conflict | Beyond, list[list[int]]]]:
        node = next(nodes)
        if not isinstance(node, Split):
            yield node, bits
            return
        assert bits[node.layer - 1][node.unit] == -1
        for bit in (0, 1):
            bits[node.layer - 1][node.unit] = bit
            yield from walk()
        bits[node.layer - 1][node.unit] = -1

    yield from walk()
    assert next(nodes, None) is None


def check_conflict(conflict: Conflict, network: Any, frame: Frame, bits: list[list[int]]) -> None:
    """The inequalities exclude each other in the sense of the conflict's kind; none is idle."""
    rows = []
    for unit in conflict.units:
        assert bits[unit.layer - 1][unit.unit] == unit.bit
        assert all(bit >= 0 for layer in bits[: unit.layer - 1] for bit in layer)
        a, c = naive.forms(network, bits, unit.layer)[unit.unit]
        sign = -1 if unit.bit else 1
        strict = conflict.kind == "interior" or (conflict.kind == "attained" and unit.bit == 1)
        assert any(a) or c or unit.bit, "0 <= 0 is no inequality"
        rows.append(oracle.row([sign * q for q in a], -sign * c, strict=strict))
    for side in conflict.sides:
        a: list[Any] = [0] * frame.dim
        if side.where == "row":
            cols, values = frame.rows.row(side.index)
            for j, value in zip(cols.tolist(), values, strict=True):
                a[j] = naive.exact(value)
            limit = frame.limits[side.index]
        else:
            limit = (frame.lower if side.where == "lower" else frame.upper)[side.index]
            assert limit is not None
            a[side.index] = 1 if side.where == "upper" else -1
            limit = limit if side.where == "upper" else -limit
        # the sides of a domain are weak, also where they are strict: it has an interior
        rows.append(oracle.row(a, naive.exact(limit), strict=conflict.kind == "interior"))
    assert oracle.solve(rows, frame.dim) is None
    for index in range(len(rows)):
        rest = rows[:index] + rows[index + 1 :]
        assert oracle.solve(rest, frame.dim) is not None, f"row {index} is idle"


def check_answer(answer: Any, network: Any, domain: Any, attained: bool, interior: bool) -> None:
    """The answer is right, its witness has the pattern, its proof is right and irreducible."""
    assert answer.attained is attained
    assert answer.interior is interior
    if attained:
        pattern = network.pattern(answer.witness)
        assert pattern == answer.witness_pattern
        assert answer.pattern.matches(pattern)
    else:
        assert answer.witness is None
    if interior:
        assert answer.proof is None
        return
    proof = answer.proof
    assert proof.verify(network, domain)
    assert proof.question == ("interior" if attained else "attained")
    frame = Frame.of(domain)
    pulled = frame.pull(network)
    for leaf, bits in leaves_of(proof):
        if isinstance(leaf, Conflict):
            assert attained or leaf.kind != "interior"
            check_conflict(leaf, pulled, frame, bits)
        else:
            assert leaf.holds(_geometry(pulled, frame), _arrays(bits))


def _geometry(network: Any, frame: Frame) -> Any:
    from regions.query.conflicts import Geometry

    return Geometry(network, frame)


def _arrays(bits: list[list[int]]) -> Any:
    import numpy as np

    return [np.array(layer, dtype=np.int8) for layer in bits]
