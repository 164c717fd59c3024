"""Exact geometry of the linear regions of ReLU networks.

A ReLU network cuts its input space into polytopes, one for each activation pattern, and is affine
on each.  This package computes that geometry exactly: `load` a network, choose a domain, `count`
its regions, look at the `Pattern` and the `Cell` of a point.

Names are imported when they are first used, so that ``import regions`` stays light.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regions.answers import Adversarial, Between, Nearest, OutputRange
    from regions.cell import Cell
    from regions.complexity import ComplexityMonitor, LocalComplexity, local_complexity
    from regions.counting.api import count
    from regions.counting.conditional import Conditional, conditional
    from regions.counting.leaves import RegionBatch
    from regions.counting.listing import iter_regions
    from regions.counting.recurrence import Recurrence, recurrence
    from regions.counting.upper_bounds import Bounds, bounds
    from regions.domain import Ball, Box, Intersection, Polytope, Segment, Slice, Space
    from regions.drawing.animation import Film
    from regions.drawing.complexes import Complex
    from regions.drawing.plots import plot
    from regions.errors import (
        DomainError,
        InputError,
        ModelError,
        PatternError,
        RegionsError,
        UnsupportedLayer,
    )
    from regions.estimating.api import estimate
    from regions.estimating.cross_checking import CrossCheck, cross_check
    from regions.figures import Interval
    from regions.geometry.measuring import measure
    from regions.geometry.shape import Shape
    from regions.graph.adjacency import RegionGraph, region_graph
    from regions.graph.path import Path
    from regions.graph.shortest import shortest
    from regions.graph.straight import straight
    from regions.loading import load
    from regions.monitor import RegionMonitor
    from regions.network import Network
    from regions.pattern import Pattern
    from regions.query.adversarial import adversarial
    from regions.query.between import between
    from regions.query.nearest import nearest
    from regions.query.ranging import output_range
    from regions.query.reaching import reach
    from regions.results import Count, Estimate, Reachable, Undecided, Unreachable

__version__ = "0.1.0"

__all__ = [
    "Adversarial",
    "Ball",
    "Between",
    "Bounds",
    "Box",
    "Cell",
    "Complex",
    "ComplexityMonitor",
    "Conditional",
    "Count",
    "CrossCheck",
    "DomainError",
    "Estimate",
    "Film",
    "InputError",
    "Intersection",
    "Interval",
    "LocalComplexity",
    "ModelError",
    "Nearest",
    "Network",
    "OutputRange",
    "Path",
    "Pattern",
    "PatternError",
    "Polytope",
    "Reachable",
    "Recurrence",
    "RegionBatch",
    "RegionGraph",
    "RegionMonitor",
    "RegionsError",
    "Segment",
    "Shape",
    "Slice",
    "Space",
    "Undecided",
    "Unreachable",
    "UnsupportedLayer",
    "__version__",
    "adversarial",
    "between",
    "bounds",
    "conditional",
    "count",
    "cross_check",
    "estimate",
    "iter_regions",
    "load",
    "local_complexity",
    "measure",
    "nearest",
    "output_range",
    "plot",
    "reach",
    "recurrence",
    "region_graph",
    "shortest",
    "straight",
]

_HOMES = {
    "regions.answers": ("Adversarial", "Between", "Nearest", "OutputRange"),
    "regions.cell": ("Cell",),
    "regions.complexity": ("ComplexityMonitor", "LocalComplexity", "local_complexity"),
    "regions.counting.api": ("count",),
    "regions.counting.conditional": ("Conditional", "conditional"),
    "regions.counting.leaves": ("RegionBatch",),
    "regions.counting.listing": ("iter_regions",),
    "regions.counting.recurrence": ("Recurrence", "recurrence"),
    "regions.counting.upper_bounds": ("Bounds", "bounds"),
    "regions.domain": ("Ball", "Box", "Intersection", "Polytope", "Segment", "Slice", "Space"),
    "regions.drawing.animation": ("Film",),
    "regions.drawing.complexes": ("Complex",),
    "regions.drawing.plots": ("plot",),
    "regions.errors": (
        "DomainError",
        "InputError",
        "ModelError",
        "PatternError",
        "RegionsError",
        "UnsupportedLayer",
    ),
    "regions.estimating.api": ("estimate",),
    "regions.estimating.cross_checking": ("CrossCheck", "cross_check"),
    "regions.figures": ("Interval",),
    "regions.geometry.measuring": ("measure",),
    "regions.geometry.shape": ("Shape",),
    "regions.graph.adjacency": ("RegionGraph", "region_graph"),
    "regions.graph.path": ("Path",),
    "regions.graph.shortest": ("shortest",),
    "regions.graph.straight": ("straight",),
    "regions.loading": ("load",),
    "regions.monitor": ("RegionMonitor",),
    "regions.network": ("Network",),
    "regions.pattern": ("Pattern",),
    "regions.query.adversarial": ("adversarial",),
    "regions.query.between": ("between",),
    "regions.query.nearest": ("nearest",),
    "regions.query.ranging": ("output_range",),
    "regions.query.reaching": ("reach",),
    "regions.results": ("Count", "Estimate", "Reachable", "Undecided", "Unreachable"),
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    for module, names in _HOMES.items():
        if name in names:
            value = getattr(import_module(module), name)
            globals()[name] = value  # the next look-up finds it without this function
            return value
    raise AttributeError(f"module 'regions' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
