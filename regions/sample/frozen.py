"""`Frozen`: the affine map of a model around each of many points, without its matrix.

With the bits of a point held fixed, and the entries that max-poolings take, every layer of a
piecewise linear model is affine: z_l(x) = W_l x + b_l, f(x) = J x + b.  The products J·v and Jᵀ·u
take one run of the model each.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from regions.errors import InputError
from regions.sample.device import full_precision
from regions.sample.evaluator import Evaluator, first_best

CHUNK = 64  # rows of a matrix at once


class Frozen:
    """The affine maps of a model at N points, each with the bits of its own point.

    Attributes
    ----------
    x
        The points (N, inputs).
    z
        Their pre-activations by layer, (N, units).
    masks
        Their bits by layer, (N, units) of bool.
    outputs
        f(x), (N, outputs).

    Examples
    --------
    >>> from regions.network import Network
    >>> network = Network.from_layers([([[1], [-1]], [0, 1]), ([[3, 1]], [0])])
    >>> frozen = Frozen(Evaluator.of(network, device="cpu", precision="double"), [[2.0], [0.5]])
    >>> frozen.push(torch.ones(2, 1, dtype=torch.float64)).tolist()
    [[3.0], [2.0]]
    """

    def __init__(self, evaluator: Evaluator, points: np.ndarray | Tensor | Sequence) -> None:
        self._evaluator = evaluator
        self._module = evaluator.graph_module("a frozen map")
        self.x = evaluator.tensor(torch.as_tensor(points))
        self.z: list[Tensor] = []
        self.masks: list[Tensor] = []
        self._choices: list[Tensor] = []

        def relu(k: int, z: Tensor) -> Tensor:
            flat = z.reshape(len(z), -1)
            self.z.append(flat)
            self.masks.append(flat > 0)
            return torch.relu(z)

        def pool(_: int, taps: Tensor) -> Tensor:
            best, index = taps.max(-1)
            self._choices.append(first_best(taps, best, index))
            return best

        with torch.no_grad(), full_precision(evaluator.device):
            self.outputs = self._module(self.x, relu, pool)
        for k, z in enumerate(self.z):
            if not bool(torch.isfinite(z).all()):
                raise InputError(f"layer {k + 1} is NaN or infinite at one of the points")

    def __len__(self) -> int:
        return len(self.x)

    def take(self, index: Tensor) -> Frozen:
        """The maps of some of the points (repeated ones are allowed)."""
        part = object.__new__(Frozen)
        part._evaluator, part._module = self._evaluator, self._module
        part.x, part.outputs = self.x[index], self.outputs[index]
        part.z = [z[index] for z in self.z]
        part.masks = [mask[index] for mask in self.masks]
        part._choices = [choice[index] for choice in self._choices]
        return part

    # -- products -------------------------------------------------------------------------------

    def push(self, v: Tensor) -> Tensor:
        """J v for a direction (N, inputs) at each point: (N, outputs)."""
        with torch.no_grad():
            return self._apply(v, None, constants=False)

    def push_layers(self, v: Tensor) -> list[Tensor]:
        """W_l v for every layer l: (N, units) each."""
        found: list[Tensor] = []
        with torch.no_grad():
            self._apply(v, found, constants=False)
        return found

    def pull(self, u: Tensor, layer: int | None = None) -> Tensor:
        """Jᵀ u, or W_lᵀ u for layer l from 1, with u (N, outputs) or (N, units): (N, inputs)."""
        x, y = self._leaf(layer)
        with full_precision(x.device):
            (gradient,) = torch.autograd.grad(y, x, u.to(y.dtype), allow_unused=True)
        return torch.zeros_like(x) if gradient is None else gradient

    def offsets(self) -> tuple[list[Tensor], Tensor]:
        """(b_l for every layer, b of the output): (N, units) and (N, outputs)."""
        found: list[Tensor] = []
        with torch.no_grad():
            output = self._apply(torch.zeros_like(self.x), found, constants=True)
        return found, output

    def rows(
        self,
        layer: int | None = None,
        units: Sequence[int] | None = None,
        chunk: int = CHUNK,
    ) -> tuple[Tensor, Tensor]:
        """Whole rows of W_l, l from 1, or of J, and their offsets.

        Parameters
        ----------
        units
            From 0; all by default.
        chunk
            How many rows at once.

        Returns
        -------
        weight : (N, rows, inputs)
        bias : (N, rows)
        """
        x, y = self._leaf(layer)
        count = y.shape[1]
        chosen = range(count) if units is None else units
        wrong = [unit for unit in chosen if not 0 <= unit < count]
        if wrong:
            raise InputError(f"unit {wrong[0]}: there are {count}, counted from 0")
        parts = []
        for start in range(0, len(chosen), chunk):
            part = list(chosen[start : start + chunk])
            seeds = torch.zeros(len(part), *y.shape, dtype=y.dtype, device=y.device)
            seeds[torch.arange(len(part)), :, torch.tensor(part)] = 1
            with full_precision(x.device):
                (gradient,) = torch.autograd.grad(
                    y, x, seeds, retain_graph=True, is_grads_batched=True, allow_unused=True
                )
            if gradient is None:
                gradient = torch.zeros(len(part), *x.shape, dtype=x.dtype, device=x.device)
            parts.append(gradient.movedim(0, 1))
        offsets, output = self.offsets()
        bias = output if layer is None else offsets[layer - 1]
        index = torch.tensor(list(chosen), dtype=torch.long, device=bias.device)
        return torch.cat(parts, dim=1), bias[:, index]

    # -- one run with everything fixed ----------------------------------------------------------

    def _leaf(self, layer: int | None) -> tuple[Tensor, Tensor]:
        """A variable (N, inputs) and W_l or J times it, with the graph that leads back."""
        if layer is not None and not 1 <= layer <= len(self.masks):
            raise InputError(f"layer {layer}: the model has {len(self.masks)}, counted from 1")
        x = torch.zeros_like(self.x).requires_grad_()
        found: list[Tensor] = []
        with torch.enable_grad():
            y = self._apply(x, found, constants=False)
            y = y if layer is None else found[layer - 1]
            if not y.requires_grad:  # a constant: no input reaches it
                y = y + 0 * x.sum()
        return x, y

    def _apply(self, x: Tensor, found: list[Tensor] | None, *, constants: bool) -> Tensor:
        if x.shape != self.x.shape:
            raise InputError(
                f"directions need the shape {tuple(self.x.shape)}, got {tuple(x.shape)}"
            )

        def relu(k: int, z: Tensor) -> Tensor:
            if found is not None:
                found.append(z.reshape(len(z), -1))
            return z * self.masks[k].reshape(z.shape).to(z.dtype)

        def pool(j: int, taps: Tensor) -> Tensor:
            return taps.gather(-1, self._choices[j][..., None]).squeeze(-1)

        with full_precision(self.x.device):
            return self._module(x.to(self.x.dtype), relu, pool, constants=constants)


def affine(
    evaluator: Evaluator, point: np.ndarray | Tensor, layer: int | None = None, unit: int = 0
) -> tuple[np.ndarray, float]:
    """The weights w and the offset b of one unit around a point: z(x) = w·x + b in its cell.

    Parameters
    ----------
    layer
        From 1; None: the outputs.
    unit
        From 0.

    Source: "Study on Activation Patterns", section 6, (51)-(55).
    """
    frozen = Frozen(evaluator, torch.as_tensor(point).reshape(1, -1))
    weight, bias = frozen.rows(layer, [unit])
    return weight[0, 0].cpu().numpy(), float(bias[0, 0])
