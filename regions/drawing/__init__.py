"""Pictures: exact polygons and polyhedra of the regions, charts, and the files they go to."""
