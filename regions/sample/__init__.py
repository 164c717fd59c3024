"""Sampling in torch, on a CPU or a GPU: patterns of many points, frozen maps, statistics, rays."""
