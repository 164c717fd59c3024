"""`write_graph`: a region graph as GraphML or Parquet; arrays are JSON texts."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from regions.errors import InputError
from regions.figures import Certain, bounds
from regions.graph.adjacency import RegionGraph
from regions.parquet import check_target, write_parquet

GRAPHML, PARQUET = ".graphml", ".parquet"


def check_graph_target(path: str | Path, caller: str) -> Path:
    """The path of a file that `write_graph` can make, as far as that can be told beforehand.

    Raises
    ------
    InputError
        If its name ends in neither .graphml nor .parquet, or its folder cannot be written to.
    """
    target = Path(path)
    if target.suffix.lower() == PARQUET:
        return check_target(target, caller)
    if target.suffix.lower() != GRAPHML:
        raise InputError(
            f"{caller} {target}: writes GraphML or Parquet; needs a name that ends in .graphml or "
            ".parquet"
        )
    folder = target.absolute().parent
    if target.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise InputError(f"{caller} {target}: needs a file in a folder that can be written to")
    return target


def write_graph(
    path: str | Path,
    graph: RegionGraph,
    *,
    maps: bool = False,
    volumes: Sequence[Certain | None] | None = None,
) -> None:
    """Write a graph; the file takes the place of an old one when it is complete.

    GraphML: nodes are named by their patterns and have `point`; edges have `bits`, `flipped` and
    `vanishing` ([[layer, unit], …]).  Parquet: one row a node, with `pattern`, `point`, and, in one
    order, `neighbours` (their row numbers), `flipped` and `vanishing`.  With `maps` nodes have
    `weight` and `bias`, with `volumes` also `volume`, rounded (null: infinite).

    Raises
    ------
    InputError
        If there can be no such file.
    OSError
        If it cannot be written; an old file is then as it was.
    """
    target = check_graph_target(path, "write_graph():")
    if target.suffix.lower() == PARQUET:
        _write_parquet(target, graph, maps, volumes)
    else:
        _write_graphml(target, graph, maps, volumes)


def _node(
    graph: RegionGraph, node: int, maps: bool, volumes: Sequence[Certain | None] | None
) -> dict[str, Any]:
    """What is written of a node besides its pattern."""
    found: dict[str, Any] = {"point": _json([_number(x) for x in graph.point(node)])}
    if maps:
        found |= {name: _json(value) for name, value in graph.map(node).items()}
    if volumes is not None:
        found["volume"] = middle(volumes[node])
    return found


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _number(value: object) -> object:
    return value if isinstance(value, float) else str(value)


def middle(volume: Certain | None) -> float | None:
    """A volume for people and tables: the double nearest to it, or the middle of its bounds."""
    if volume is None:
        return None
    low, high = bounds(volume)
    return low + (high - low) / 2


def _write_graphml(
    target: Path, graph: RegionGraph, maps: bool, volumes: Sequence[Certain | None] | None
) -> None:
    import networkx

    names = [str(graph.pattern(node)) for node in range(len(graph))]
    made = networkx.Graph(**{"domain": graph.domain.spec, "complete": graph.exact})
    for node, name in enumerate(names):
        entries = _node(graph, node, maps, volumes)
        made.add_node(name, **{key: value for key, value in entries.items() if value is not None})
    for (a, b), flips, vanishing in zip(
        graph.edges.tolist(), graph.flips, graph.vanishing, strict=True
    ):
        made.add_edge(
            names[a], names[b], bits=len(flips), flipped=_json(graph.units(flips)),
            vanishing=_json(graph.units(vanishing)),
        )  # fmt: skip
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as stream:
            networkx.write_graphml_xml(made, stream)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _write_parquet(
    target: Path, graph: RegionGraph, maps: bool, volumes: Sequence[Certain | None] | None
) -> None:
    near: list[list[tuple[int, int]]] = [[] for _ in range(len(graph))]
    for edge, (a, b) in enumerate(graph.edges.tolist()):
        near[a].append((b, edge))
        near[b].append((a, edge))
    types = {"pattern": "text", "point": "text", "neighbours": "text", "flipped": "text"}
    types |= {"vanishing": "text"}
    types |= {"weight": "text", "bias": "text"} if maps else {}
    types |= {"volume": "number"} if volumes is not None else {}
    columns: dict[str, list[object]] = {name: [] for name in types}
    for node, beyond in enumerate(near):
        beyond.sort()
        row = {
            "pattern": str(graph.pattern(node)),
            "neighbours": _json([other for other, _ in beyond]),
            "flipped": _json([graph.units(graph.flips[edge]) for _, edge in beyond]),
            "vanishing": _json([graph.units(graph.vanishing[edge]) for _, edge in beyond]),
            **_node(graph, node, maps, volumes),
        }
        for name, value in row.items():
            columns[name].append(value)
    write_parquet(target, columns, types)
