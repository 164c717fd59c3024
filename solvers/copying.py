"""Compiled: copies of arrays.  Kernels do not assign whole arrays, which might allocate memory."""

from __future__ import annotations

from solvers.compiling import compiled


@compiled
def copy(source, target):
    """Write a vector over the beginning of another."""
    for k in range(source.shape[0]):
        target[k] = source[k]


@compiled
def copy_all(source, target):
    """Write a matrix over the beginning of another."""
    for i in range(source.shape[0]):
        for k in range(source.shape[1]):
            target[i, k] = source[i, k]
