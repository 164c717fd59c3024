"""Inequalities as products: all that a walk needs to know of a polytope {x : s_i(x) >= 0}.

The slacks s_i are affine.  A walk asks for their values at points, for their slopes along
directions, and for the gradients of single ones; whether a matrix stands behind that, or a network
with its masks frozen, makes no difference to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from regions.domain_base import Domain
from regions.errors import DomainError
from solvers.rational import floats

ENTRIES = 2**22  # of a table of slacks or rows that is handled at once


class Rows(Protocol):
    """Affine slacks s_i over the inputs, i < rows."""

    @property
    def inputs(self) -> int:
        """The dimension of a point."""
        ...

    @property
    def number(self) -> int:
        """How many slacks."""
        ...

    def slacks(self, points: Tensor) -> Tensor:
        """(k, inputs) to (k, rows): values, not negative inside."""
        ...

    def slopes(self, ways: Tensor) -> Tensor:
        """(k, inputs) to (k, rows): change along directions."""
        ...

    def gradients(self, index: Tensor) -> Tensor:
        """(k,) to (k, inputs): the gradients of some slacks."""
        ...


@dataclass(frozen=True, eq=False)
class HalfSpaces:
    """s = b - A x, with A (rows, inputs) and b (rows,)."""

    A: Tensor
    b: Tensor

    @property
    def inputs(self) -> int:
        """The dimension of a point."""
        return self.A.shape[1]

    @property
    def number(self) -> int:
        """How many slacks."""
        return self.A.shape[0]

    def slacks(self, points: Tensor) -> Tensor:
        """Values."""
        return self.b - points @ self.A.T

    def slopes(self, ways: Tensor) -> Tensor:
        """Change along directions."""
        return -(ways @ self.A.T)

    def gradients(self, index: Tensor) -> Tensor:
        """Rows of -A."""
        return -self.A[index]


@dataclass(frozen=True, eq=False)
class Sides:
    """The finite bounds of a box: x_j - lower_j, then upper_j - x_j."""

    lower: Tensor
    upper: Tensor

    def __post_init__(self) -> None:
        object.__setattr__(self, "below", torch.isfinite(self.lower).nonzero().reshape(-1))
        object.__setattr__(self, "above", torch.isfinite(self.upper).nonzero().reshape(-1))

    below: Tensor = None  # type: ignore[assignment]
    above: Tensor = None  # type: ignore[assignment]

    @property
    def inputs(self) -> int:
        """The dimension of a point."""
        return len(self.lower)

    @property
    def number(self) -> int:
        """How many slacks."""
        return len(self.below) + len(self.above)

    def slacks(self, points: Tensor) -> Tensor:
        """Distances to the sides."""
        low = points[:, self.below] - self.lower[self.below]
        return torch.cat([low, self.upper[self.above] - points[:, self.above]], dim=1)

    def slopes(self, ways: Tensor) -> Tensor:
        """Plus and minus the direction."""
        return torch.cat([ways[:, self.below], -ways[:, self.above]], dim=1)

    def gradients(self, index: Tensor) -> Tensor:
        """Plus or minus a unit vector."""
        first = len(self.below)
        columns = torch.cat([self.below, self.above])[index]
        signs = torch.where(index < first, 1.0, -1.0).to(self.lower)
        result = self.lower.new_zeros(len(index), self.inputs)
        return result.scatter_(1, columns[:, None], signs[:, None])


@dataclass(frozen=True, eq=False)
class Stacked:
    """The slacks of several, one after the other."""

    parts: Sequence[Rows]

    @property
    def inputs(self) -> int:
        """The dimension of a point."""
        return self.parts[0].inputs

    @property
    def number(self) -> int:
        """How many slacks."""
        return sum(part.number for part in self.parts)

    def slacks(self, points: Tensor) -> Tensor:
        """Values."""
        return torch.cat([part.slacks(points) for part in self.parts], dim=1)

    def slopes(self, ways: Tensor) -> Tensor:
        """Change along directions."""
        return torch.cat([part.slopes(ways) for part in self.parts], dim=1)

    def gradients(self, index: Tensor) -> Tensor:
        """From the part that each belongs to."""
        result, first = None, 0
        for part in self.parts:
            here = ((index >= first) & (index < first + part.number)).nonzero().reshape(-1)
            if len(here):
                found = part.gradients(index[here] - first)
                result = found.new_zeros(len(index), self.inputs) if result is None else result
                result[here] = found
            first += part.number
        assert result is not None, "an index of one of the parts"
        return result


@dataclass(frozen=True, eq=False)
class Rounded:
    """The same slacks in the coordinates y of x = centre + root y."""

    rows: Rows
    centre: Tensor
    root: Tensor

    @property
    def inputs(self) -> int:
        """The dimension of a point."""
        return self.rows.inputs

    @property
    def number(self) -> int:
        """How many slacks."""
        return self.rows.number

    def over_x(self, points: Tensor) -> Tensor:
        """(k, inputs): points y over x."""
        return self.centre + points @ self.root.T

    def over_y(self, points: Tensor) -> Tensor:
        """(k, inputs): points x over y."""
        solved = torch.linalg.solve_triangular(self.root, (points - self.centre).T, upper=False)
        return solved.T

    def slacks(self, points: Tensor) -> Tensor:
        """Values."""
        return self.rows.slacks(self.over_x(points))

    def slopes(self, ways: Tensor) -> Tensor:
        """Change along directions."""
        return self.rows.slopes(ways @ self.root.T)

    def gradients(self, index: Tensor) -> Tensor:
        """Pulled back."""
        return self.rows.gradients(index) @ self.root


def domain_rows(domain: Domain, device: torch.device) -> list[Rows]:
    """The sides of a domain of full dimension, in float64.

    Raises
    ------
    DomainError
        For slices and segments, and where a side has no width: a walk needs room.
    """
    found = domain.constraints()
    if found.span:
        raise DomainError(
            f"a walk needs a domain with room in all directions, got {domain.spec}; "
            "give a box, a ball, a polytope or space"
        )
    lower = np.array([-np.inf if q is None else float(q.p) / float(q.q) for q in found.lower])
    upper = np.array([np.inf if q is None else float(q.p) / float(q.q) for q in found.upper])
    flat = np.flatnonzero(lower >= upper)
    if len(flat):
        raise DomainError(
            f"a walk needs a domain with room in all directions, got {domain.spec}, which has no "
            f"width along input {flat[0]}; give wider bounds"
        )
    parts: list[Rows] = []
    if np.isfinite(lower).any() or np.isfinite(upper).any():
        parts.append(Sides(_tensor(lower, device), _tensor(upper, device)))
    if found.A is not None:
        b = floats(np.array(found.b, dtype=object))
        parts.append(HalfSpaces(_tensor(floats(found.A.dense()), device), _tensor(b, device)))
    return parts


def _tensor(values: np.ndarray, device: torch.device) -> Tensor:
    return torch.tensor(values, dtype=torch.float64, device=device)
