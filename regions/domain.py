"""The domains that regions are counted in (meanings §2.4): all their names in one place."""

from regions.constraints import Constraints, Span
from regions.domain_base import Domain, Intersection
from regions.domain_boxes import Ball, Box, Space
from regions.domain_flats import Polytope, Segment, Slice

__all__ = [
    "Ball",
    "Box",
    "Constraints",
    "Domain",
    "Intersection",
    "Polytope",
    "Segment",
    "Slice",
    "Space",
    "Span",
]
