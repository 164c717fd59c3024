"""The largest ellipsoid in a cell, and its analytic centre: what a convex solver finds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regions.errors import InputError, RegionsError
from regions.geometry.body import Body
from regions.geometry.centred import Centred
from regions.geometry.facets import Facets
from regions.geometry.sampling import hull_basis
from solvers.errors import pip_install
from solvers.rational import floats

MOST_DIMENSIONS = 60


@dataclass(frozen=True, eq=False)
class Ellipsoid:
    """{center + axes·z : ‖z‖ <= 1}, axes (n, d); it lies in the cell up to rounding.

    That it is the largest, and where the analytic centre is, is a float solver's word.
    """

    center: np.ndarray
    axes: np.ndarray
    radii: np.ndarray
    analytic_center: np.ndarray


def ellipsoid(body: Body, found: Facets) -> Ellipsoid:
    """Of a bounded cell whose facets are known.

    Raises
    ------
    InputError
        If CVXPY is missing, or the cell has too many dimensions, is unbounded or is a point.
    RegionsError
        If the solver fails.
    """
    if not 0 < body.dim <= MOST_DIMENSIONS:
        raise InputError(
            f"ellipsoid: takes 1 to {MOST_DIMENSIONS} dimensions, got {body.dim}; "
            "choose a slice or another domain"
        )
    try:
        from solvers.ellipsoid import analytic_center, inscribed_ellipsoid
    except ImportError as error:
        command = pip_install("'relu-regions[cvxpy]'")
        raise InputError(f"ellipsoid: needs CVXPY: {command}") from error
    centred = Centred.of(body, body.interior)
    rows = [centred.goal(f.row) for f in found.facets]
    a = -np.concatenate([row.a for row in rows])
    s = np.concatenate([row.c for row in rows])
    # orthonormal coordinates y of the hull: v = T y
    basis = floats(body.frame.basis.dense())
    orthonormal = hull_basis(centred)
    change = np.linalg.lstsq(basis, orthonormal, rcond=None)[0]
    best, centre = inscribed_ellipsoid(a @ change, s), analytic_center(a @ change, s)
    if best is None or centre is None:
        raise RegionsError("ellipsoid: CVXPY found none; the cell is too thin for its tolerances")
    origin = floats(np.array(body.point(centred.centre), dtype=object))
    scale = centred.scale
    values, vectors = np.linalg.eigh(best[1])
    order = np.argsort(-values)
    return Ellipsoid(
        origin + scale * orthonormal @ best[0],
        scale * orthonormal @ (vectors * values)[:, order],
        scale * values[order],
        origin + scale * orthonormal @ centre,
    )
