"""Points to sample at: a set of data, or random ones that are made block by block."""

from __future__ import annotations

import numpy as np

from regions.errors import InputError

BLOCK = 1024
RANDOM = ("uniform", "normal")


class RandomPoints:
    """Points of a law, the same for a seed however they are sliced.

    Parameters
    ----------
    law
        "uniform" in the box between `low` and `high`, or "normal", N(0, 1) in every coordinate.

    Examples
    --------
    >>> points = RandomPoints("uniform", 3000, 2, seed=0)
    >>> bool((points[1020:1030] == points[0:3000][1020:1030]).all())
    True
    """

    def __init__(
        self,
        law: str,
        number: int,
        inputs: int,
        seed: int,
        low: np.ndarray | float = -1.0,
        high: np.ndarray | float = 1.0,
    ) -> None:
        if law not in RANDOM:
            raise InputError(f"points {law}: needs {' or '.join(RANDOM)}")
        if number < 1:
            raise InputError(f"points {law}: needs at least one, got {number}")
        if law == "uniform" and not np.isfinite(np.subtract(high, low)).all():
            raise InputError("points uniform: need a box with finite sides")
        self._law, self._number, self._inputs, self._seed = law, number, inputs, seed
        self._low, self._high = low, high

    def __len__(self) -> int:
        return self._number

    def __getitem__(self, part: slice) -> np.ndarray:
        start, stop, step = part.indices(self._number)
        if step != 1:
            raise InputError(f"random points come one after the other, not in steps of {step}")
        blocks = [self._block(k) for k in range(start // BLOCK, -(-stop // BLOCK))]
        if not blocks:
            return np.zeros((0, self._inputs))
        offset = start // BLOCK * BLOCK
        return np.concatenate(blocks)[start - offset : stop - offset]

    def _block(self, k: int) -> np.ndarray:
        rng = np.random.default_rng((self._seed, k))
        if self._law == "normal":
            return rng.standard_normal((BLOCK, self._inputs))
        return self._low + (np.subtract(self._high, self._low)) * rng.random((BLOCK, self._inputs))


Points = np.ndarray | RandomPoints  # rows of numbers that are asked for by slices


def chosen(number: int, samples: int | None, seed: int) -> np.ndarray:
    """Which of a set of data: all, or so many different ones at random, in order."""
    if samples is None or samples >= number:
        return np.arange(number)
    if samples < 1:
        raise InputError(f"samples: needs at least one, got {samples}")
    return np.sort(np.random.default_rng(seed).choice(number, samples, replace=False))


def distinct_pairs(points: int, pairs: int, rng: np.random.Generator) -> np.ndarray:
    """Different unordered pairs i < j of different points, at random: (pairs, 2).

    They share no point where there are enough.

    Examples
    --------
    >>> sorted(map(tuple, distinct_pairs(3, 3, np.random.default_rng(0)).tolist()))
    [(0, 1), (0, 2), (1, 2)]
    """
    most = points * (points - 1) // 2
    if not 1 <= pairs <= most:
        raise InputError(f"{pairs} pairs: {points} points have {most} different ones")
    if 2 * pairs <= points:
        return np.sort(rng.permutation(points)[: 2 * pairs].reshape(pairs, 2), axis=1)
    if most <= 2**22:
        number = rng.permutation(most)[:pairs]
    else:
        number = np.zeros(0, dtype=np.int64)
        while len(number) < pairs:
            fresh = rng.integers(most, size=2 * (pairs - len(number)) + 16)
            number = np.concatenate([number, fresh])
            _, first = np.unique(number, return_index=True)
            number = number[np.sort(first)]
        number = number[:pairs]
    # pair number k stands at row j, column i of the triangle j (j - 1) / 2 + i, i < j
    j = ((1 + np.sqrt(1 + 8 * number.astype(np.float64))) / 2).astype(np.int64)
    j += j * (j + 1) // 2 <= number
    j -= j * (j - 1) // 2 > number
    return np.stack([number - j * (j - 1) // 2, j], axis=1)
