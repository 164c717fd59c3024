"""The geometry of a cell: its facets and neighbours, radius, widths, volume."""
