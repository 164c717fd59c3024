"""Compiled: copies of arrays.  Kernels do not assign whole arrays, which might allocate memory."""

from __future__ import annotations

from solvers.compiling import compiled


@compiled
def assign(to, given):
    """Write a vector over the beginning of another."""
    for k in range(given.shape[0]):
        to[k] = given[k]


@compiled
def assign_all(to, given):
    """Write a matrix over the beginning of another."""
    for i in range(given.shape[0]):
        for k in range(given.shape[1]):
            to[i, k] = given[i, k]
