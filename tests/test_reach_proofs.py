"""Proofs of `reach`: right ones verify, and every corrupted one is refused."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest
from flint import fmpq

from regions import Box, Pattern, Space, reach
from regions.cell import Unit
from regions.query.conflicts import Beyond, Conflict, DomainSide
from regions.query.unreachable import ConflictProof, Split, TreeProof, sentence
from tests.cases import THREE_ROWS, braid, free_first_layer
from tests.plain import cube, feed_forward, one_layer, space

ONE = fmpq(1)
TINY = fmpq(1, 10**40)


def conflict_cases() -> list[Any]:
    """(name, proof, network, domain), one for each kind, with sides and without."""
    farkas = one_layer([(1, 0), (0, 1), (-1, -1)], [0, 0, -1])
    deep = feed_forward(2, [((1, 0), 0), ((0, 1), 0)], [((1, 2), -1), ((1, 1), -2)])
    asked = [
        ("farkas", farkas, space(2), "111"),
        ("interior", THREE_ROWS, space(2), "000"),
        ("attained", braid(3), space(3), "101"),
        ("sides", one_layer([(1, 1)], -3), cube(2), "1"),
        ("corner", one_layer([(-1, -1)], 2), cube(2), "0"),
        ("deep", deep, cube(2), "11/01"),
    ]
    cases = []
    for name, plain, domain, word in asked:
        network, where = plain.build(), domain.build()
        cases.append(pytest.param(reach(network, word, where).proof, network, where, id=name))
    return cases


CONFLICTS = conflict_cases()


def mutants(conflict: Conflict) -> list[Conflict]:
    """The conflict with one thing changed, each of which makes it wrong."""
    found = []
    for index, unit in enumerate(conflict.units):
        weights = list(conflict.multipliers)
        for new in (weights[index] + TINY, weights[index] - TINY, -weights[index], fmpq(0)):
            changed = [*weights[:index], new, *weights[index + 1 :]]
            found.append(replace(conflict, multipliers=tuple(changed)))
        for other in (
            replace(unit, bit=1 - unit.bit), replace(unit, unit=unit.unit + 50),
            replace(unit, layer=unit.layer + 5), replace(unit, unit=-1), replace(unit, layer=0),
            replace(unit, bit=2),
        ):  # fmt: skip
            units = [*conflict.units[:index], other, *conflict.units[index + 1 :]]
            found.append(replace(conflict, units=tuple(units)))
        units = conflict.units[:index] + conflict.units[index + 1 :]
        found.append(replace(conflict, units=units))
        found.append(
            replace(conflict, units=units, multipliers=(*weights[:index], *weights[index + 1 :]))
        )
    for index, side in enumerate(conflict.sides):
        weights = list(conflict.side_multipliers)
        for new in (weights[index] + TINY, weights[index] - TINY, -weights[index], fmpq(0)):
            changed = [*weights[:index], new, *weights[index + 1 :]]
            found.append(replace(conflict, side_multipliers=tuple(changed)))
        opposite = "lower" if side.where == "upper" else "upper"
        for other in (
            replace(side, where=opposite), replace(side, where="row"), replace(side, index=9),
            replace(side, index=-1), replace(side, where="top"),
        ):  # fmt: skip
            sides = [*conflict.sides[:index], other, *conflict.sides[index + 1 :]]
            found.append(replace(conflict, sides=tuple(sides)))
        found.append(replace(conflict, sides=conflict.sides[:index] + conflict.sides[index + 1 :]))
    found.append(replace(conflict, units=(), multipliers=()))
    found.append(replace(conflict, multipliers=(*conflict.multipliers, ONE)))
    found.append(replace(conflict, kind="tree"))
    found.append(
        replace(
            conflict,
            units=(*conflict.units, conflict.units[0]),
            multipliers=(*conflict.multipliers, ONE),
        )
    )
    return found


@pytest.mark.parametrize(("proof", "network", "domain"), CONFLICTS)
def test_corrupted_conflicts_are_refused(proof: ConflictProof, network: Any, domain: Any):
    assert proof.verify(network, domain)
    for mutant in mutants(proof.conflict):
        assert replace(proof, conflict=mutant).verify(network, domain) is False, mutant
    stronger = {"interior": "farkas", "attained": "farkas"}.get(proof.kind)
    if stronger:
        mutant = replace(proof.conflict, kind=stronger)
        assert replace(proof, conflict=mutant).verify(network, domain) is False


@pytest.mark.parametrize(("proof", "network", "domain"), CONFLICTS)
def test_conflicts_belong_to_their_question(proof: ConflictProof, network: Any, domain: Any):
    flipped = proof.pattern.with_bits(
        {(layer, unit): 1 - bit for layer, unit, bit in proof.units[:1]}
    )
    assert not replace(proof, pattern=flipped).verify(network, domain)
    assert not replace(proof, pattern=Pattern.parse("0/0/0/0")).verify(network, domain)
    other = one_layer([(1,) * network.inputs] * 9, [100] * 9).build()
    assert not proof.verify(other, domain)
    assert not proof.verify(network, Space(network.inputs + 1))
    if proof.sides:
        assert not proof.verify(network, Space(network.inputs))
        assert not proof.verify(network, Box.cube(network.inputs, -5, 5))


def test_a_deep_conflict_needs_the_bits_before_it():
    proof, network, domain = CONFLICTS[5].values
    assert isinstance(proof, ConflictProof) and proof.given == 1
    for unit in range(2):
        unknown = proof.pattern.with_bits({(1, unit): None})
        assert not replace(proof, pattern=unknown).verify(network, domain)


def test_a_unit_that_is_zero_says_nothing_with_bit_0():
    """0 <= 0 holds strictly by meaning: a multiplier of it proves nothing."""
    network = one_layer([(0, 0), (1, 0)]).build()
    for bit, right in ((0, False), (1, True)):
        conflict = Conflict("interior", (Unit(1, 0, bit),), (ONE,))
        proof = ConflictProof(Pattern.parse(f"{bit}1"), conflict)
        assert proof.verify(network, Space(2)) is right


# --------------------------------------------------------------------------------- trees


def tree_cases() -> list[Any]:
    dead = feed_forward(2, [((1, 0), 0), ((0, 1), 0)], [((-1, -1), -1)])
    thin = feed_forward(1, [((1,), 0), ((-1,), 0)], [((-1, -1), 0)])
    cases = []
    for name, plain, domain, word in (
        ("free layer", free_first_layer(), space(2), "****/111"),
        ("intervals", dead, cube(2), "**/1"),
        ("thin", one_layer([(1, 0), (-1, 0), (0, 1)]), space(2), "00*"),
        ("never", thin, cube(1), "**/1"),
    ):
        network, where = plain.build(), domain.build()
        cases.append(pytest.param(reach(network, word, where).proof, network, where, id=name))
    return cases


TREES = tree_cases()


@pytest.mark.parametrize(("proof", "network", "domain"), TREES)
def test_corrupted_trees_are_refused(proof: Any, network: Any, domain: Any):
    assert proof.verify(network, domain)
    if isinstance(proof, ConflictProof):
        return
    nodes = proof.nodes
    wrong = [nodes[:-1], (*nodes, nodes[-1]), nodes[1:], ()]
    wrong += [nodes[::-1]] if len(nodes) > 1 else []
    for index, node in enumerate(nodes):
        before, after = nodes[:index], nodes[index + 1 :]
        if isinstance(node, Split):
            wrong.append((*before, *after))
            for other in (Split(9, 0), Split(node.layer, 99), Split(0, 0), Split(node.layer, -1)):
                wrong.append((*before, other, *after))
            wrong.append((*before, node, node, *after))
        elif isinstance(node, Beyond):
            flipped = replace(node.unit, bit=1 - node.unit.bit)
            wrong += [(*before, Beyond(flipped), *after), (*before, Split(1, 0), *after)]
        else:
            # other units than those on the path; multipliers are the business of the test above
            moved = [mutant for mutant in mutants(node) if mutant.units != node.units]
            wrong += [(*before, mutant, *after) for mutant in moved]
    for changed in wrong:
        assert not replace(proof, nodes=changed).verify(network, domain)
    assert not replace(proof, question="both").verify(network, domain)
    assert not replace(proof, pattern=Pattern.parse("0")).verify(network, domain)


def test_thin_leaves_do_not_exclude_points():
    proof, network, domain = TREES[2].values
    assert proof.kind in ("interior", "tree")
    if isinstance(proof, TreeProof):
        assert not replace(proof, question="attained").verify(network, domain)
    conflict = reach(THREE_ROWS.build(), "000", Space(2)).proof
    assert isinstance(conflict, ConflictProof)
    one = TreeProof(conflict.pattern, "interior", (conflict.conflict,))
    assert one.verify(THREE_ROWS.build(), Space(2))
    assert not replace(one, question="attained").verify(THREE_ROWS.build(), Space(2))


def test_splits_of_known_units_are_refused():
    network = one_layer([(1,), (-1,)], -2).build()
    zero = Conflict("farkas", (Unit(1, 0, 1),), (ONE,), (DomainSide("upper", 0, ""),), (ONE,))
    proof = ConflictProof(Pattern.parse("1*"), zero)
    assert proof.verify(network, Box.cube(1, -1, 1))
    tree = TreeProof(proof.pattern, "attained", (Split(1, 1), zero, zero))
    assert tree.verify(network, Box.cube(1, -1, 1))
    again = replace(tree, nodes=(Split(1, 0), zero, zero))
    assert not again.verify(network, Box.cube(1, -1, 1))
    both = replace(tree, nodes=(Split(1, 1), Split(1, 1), zero, zero, zero))
    assert not both.verify(network, Box.cube(1, -1, 1))


def test_proofs_are_frozen():
    proof = CONFLICTS[0].values[0]
    with pytest.raises(FrozenInstanceError):
        proof.place = "box"  # type: ignore


# ------------------------------------------------------------------------------ sentences


@pytest.mark.parametrize(
    ("kind", "units", "sides", "said"),
    [
        ("farkas", [(2, 3, 1), (2, 7, 0)], 1,
         "with layer 1 as in this pattern, units 2:3 and 2:7 cannot be 1 and 0 together inside the "
         "box"),
        ("farkas", [(1, 3, 1)], 1, "unit 1:3 cannot be 1 inside the box"),
        ("attained", [(3, 0, 1)], 1,
         "with layers 1 to 2 as in this pattern, unit 3:0 cannot be 1 at any point inside the box; "
         "only its boundary meets the domain"),
        ("interior", [(1, 0, 0), (1, 1, 0)], 0,
         "units 1:0 and 1:1 cannot be 0 and 0 on a set with interior anywhere; only their "
         "boundaries meet"),
        ("farkas", [(1, i, 1) for i in range(8)], 0,
         "8 units (1:0 = 1, 1:1 = 1, 1:2 = 1, 1:3 = 1, 1:4 = 1, 1:5 = 1, …) cannot have their bits "
         "together anywhere"),
    ],
)  # fmt: skip
def test_sentences(kind: str, units: list, sides: int, said: str):
    conflict = Conflict(
        kind, tuple(Unit(*unit) for unit in units), (ONE,) * len(units),
        (DomainSide("upper", 0, "upper bound of input 0"),) * sides, (ONE,) * sides,
    )  # fmt: skip
    assert sentence(conflict, "box") == said


def test_a_tree_counts_its_cases():
    proof = TREES[0].values[0]
    assert str(proof) == (
        f"no point has such a pattern: its free units leave {len(proof.leaves)} cases, and in each "
        "some units exclude each other"
    )
    assert {unit[0] for unit in proof.units} == {2}
    assert proof.sides == ()
