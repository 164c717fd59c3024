"""What the engines did, as numbers that add up over workers, and as `Count.stats` shows them."""

from __future__ import annotations

from collections.abc import Mapping

from regions.counting.by_lp import LPEngine
from regions.counting.decide import Proof

Numbers = Mapping[str, int | float]


def lp_numbers(lp: LPEngine) -> dict[str, int | float]:
    """What an LP engine did."""
    tally = lp.tally
    return {
        "lps": lp.program.solves,
        "lp_seconds": lp.program.seconds,
        "signs": tally.signs,
        "rational_signs": tally.rational_signs,
        "cut_by_points": tally.cut_by_points,
        "cut_by_lp": tally.cut_by_lp,
        "cut_exactly": tally.cut_exactly,
        **{f"proof_{proof.name.lower()}": number for proof, number in tally.proofs.items()},
    }


def statistics(numbers: Numbers, dim: int) -> dict[str, object]:
    """As they are reported; `rational_share` is of all decisions of units in cells.

    `numbers` are those of `lp_numbers`, with "nodes", and of a compiled engine "decided", "exact"
    (those of them that took rationals), "set_aside" (cells that the LP engine had to count),
    "deepened" (cells that it helped to count),
    "storage" (bytes of its arrays, where one engine counted alone) and its own; those of the MILP
    engine begin with "milp_".
    """
    proofs = {proof.name.lower(): _of(numbers, f"proof_{proof.name.lower()}") for proof in Proof}
    cuts = {how: _of(numbers, f"cut_{how}") for how in ("by_points", "by_lp", "exactly")}
    exactly = proofs["basis"] + proofs["simplex"] + cuts["exactly"] + _of(numbers, "exact")
    decisions = sum(proofs.values()) + sum(cuts.values()) + _of(numbers, "decided")
    names = ("set_aside", "deepened", "clips", "pivots", "storage")
    own = {name: numbers[name] for name in names if name in numbers}
    common: dict[str, object] = {
        "dimension": dim,
        "nodes": _of(numbers, "nodes"),
        "rational_share": exactly / decisions if decisions else 0.0,
        "decisions": decisions,
        **own,
        **_milp(numbers),
    }
    if own and not (own.get("set_aside") or own.get("deepened")):  # no linear program was needed
        return common
    lps = _of(numbers, "lps")
    return {
        **common,
        "lps": lps,
        "lp_seconds": float(numbers.get("lp_seconds", 0.0)),
        "no_lp_share": max(0.0, 1 - lps / decisions) if decisions else 1.0,
        "signs": _of(numbers, "signs"),
        "rational_signs": _of(numbers, "rational_signs"),
        "cuts": cuts,
        "proofs": proofs,
    }


def _milp(numbers: Numbers) -> dict[str, object]:
    """What the MILP engine did: regions that its solutions proposed, other proposals, its claim."""
    if "milp_solves" not in numbers:
        return {}
    return {
        "milp": {
            "solves": _of(numbers, "milp_solves"),
            "seconds": float(numbers["milp_seconds"]),
            "regions": _of(numbers, "milp_regions"),
            "refuted": _of(numbers, "milp_refuted"),
            "claimed_all": bool(numbers["milp_claimed_all"]),
        }
    }


def _of(numbers: Numbers, name: str) -> int:
    return int(numbers.get(name, 0))
