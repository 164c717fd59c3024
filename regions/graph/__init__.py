"""Paths between regions, and the graph of all of them."""
