"""The house: who may import whom, how long a file may be, and what an import costs."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import regions

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("regions", "solvers")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
LONGEST = 500

# The rooms of `regions`, from the ground up, and their files (a folder ends with a dot).
ROOMS = {
    "nouns": (
        "regions.answers",
        "regions.composition",
        "regions.constraints",
        "regions.domain",
        "regions.domain_base",
        "regions.domain_boxes",
        "regions.domain_flats",
        "regions.errors",
        "regions.exact_input",
        "regions.figures",
        "regions.network",
        "regions.number_text",
        "regions.pattern",
        "regions.pattern_input",
        "regions.results",
    ),
    "layers": ("regions.layers", "regions.source", "regions.windows"),
    "readers": ("regions.readers.", "regions.domain_spec", "regions.spec_fields"),
    "lowering": (
        "regions.affine_tensor",
        "regions.cell",
        "regions.encoding",
        "regions.encoding_rows",
        "regions.frame",
        "regions.intervals",
        "regions.linearise",
        "regions.lowering",
        "regions.ranges",
        "regions.tightening",
    ),
    "loading": ("regions.check_points", "regions.fidelity", "regions.loading"),
    "counting": ("regions.counting.",),
    "query": ("regions.query.",),
    "estimating": ("regions.estimating.",),
    "geometry": ("regions.figures", "regions.geometry."),
    "graph": ("regions.graph.",),
    "sample": ("regions.sample.",),
    "files": ("regions.parquet", "regions.sorted_rows"),
    "tables": ("regions.region_table",),
    "training": ("regions.complexity", "regions.monitor"),
    "drawing": ("regions.drawing.",),
    "cli": ("regions.cli.", "regions.__main__"),
}
# What a room may import besides itself.
ALLOWED = {
    "nouns": {"solvers.exact"},
    "layers": {"nouns", "solvers.exact"},
    "readers": {"nouns", "layers", "solvers.exact"},
    "lowering": {"nouns", "layers", "solvers.exact", "solvers"},
    "loading": {"nouns", "layers", "readers", "lowering", "solvers", "solvers.exact"},
    "counting": {"nouns", "lowering", "solvers.exact", "solvers"},
    "query": {"nouns", "lowering", "counting", "solvers.exact", "solvers"},
    "estimating": {"nouns", "lowering", "counting", "query", "solvers.exact", "solvers"},
    "geometry": {"nouns", "lowering", "counting", "query", "solvers.exact", "solvers"},
    "graph": {
        "nouns",
        "lowering",
        "counting",
        "query",
        "geometry",
        "files",
        "solvers.exact",
        "solvers",
    },
    "sample": {"nouns", "layers", "loading", "solvers.exact"},
    "files": {"nouns"},
    "tables": {"nouns", "counting", "files", "solvers", "solvers.exact"},
    "training": {"nouns", "loading", "counting", "files", "solvers.exact"},
    "drawing": {"nouns", "lowering", "loading", "counting", "solvers", "solvers.exact"},
    "cli": {
        "nouns",
        "readers",
        "lowering",
        "loading",
        "counting",
        "query",
        "estimating",
        "geometry",
        "graph",
        "sample",
        "files",
        "tables",
        "training",
        "drawing",
        "solvers",
        "solvers.exact",
        "top",
    },
    "solvers": {"solvers.exact"},
    "solvers.exact": {"solvers"},
    "top": {
        "nouns",
        "readers",
        "lowering",
        "loading",
        "counting",
        "query",
        "estimating",
        "geometry",
        "graph",
        "training",
        "drawing",
    },
}
# Exact arithmetic and proofs, which every noun may use; the rest of `solvers` is for engines.
EXACT = (
    "solvers.exact_matrix",
    "solvers.float_rows",
    "solvers.products",
    "solvers.program",
    "solvers.proofs",
    "solvers.rational",
)
# Heavy libraries, and the only files that may import them.
CONFINED = {
    "cvxpy": ("solvers/cvxpy_.py", "solvers/ellipsoid.py"),
    "PIL": ("regions/drawing/",),
    "highspy": ("solvers/highs.py",),
    "matplotlib": ("regions/drawing/",),
    "networkx": ("regions/graph/",),
    "numba": ("solvers/compiling.py",),
    "onnx": ("regions/readers/onnx_",),
    "pulp": ("solvers/pulp_.py",),
    "pyarrow": ("regions/parquet.py", "regions/region_table.py", "regions/sorted_rows.py"),
    "scipy.optimize": ("solvers/scipy_.py",),
    "sklearn": ("regions/readers/sklearn_",),
    "torch": ("regions/readers/torch_", "regions/sample/"),
}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str | None:
    if module == "regions":
        return "top"
    if module.split(".")[0] == "solvers":
        return "solvers.exact" if module in EXACT else "solvers"
    for room, names in ROOMS.items():
        for name in names:
            if module == name or (name.endswith(".") and f"{module}.".startswith(name)):
                return room
    return None


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Every module that the file names in an import, also inside functions, with the line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield (full if is_module(full) else str(node.module)), node.lineno


def is_module(name: str) -> bool:
    place = ROOT.joinpath(*name.split("."))
    return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


def test_files_are_found():
    assert {"regions", "regions.cli.main", "solvers"} <= {module_name(path) for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_imports_point_one_way(path: Path):
    room = room_of(module_name(path))
    assert room, f"{module_name(path)} has no room; enter it in ROOMS of {Path(__file__).name}"
    for module, line in imports(path):
        if module.split(".")[0] not in PACKAGES:
            continue
        other = room_of(module)
        assert other == room or other in ALLOWED[room], (
            f"{module_name(path)}:{line} ({room}) imports {module} ({other})"
        )


def test_solvers_know_nothing_of_regions():
    named = [
        (path.name, module)
        for path in FILES
        if module_name(path).startswith("solvers")
        for module, _ in imports(path)
        if module.split(".")[0] in ("regions", "torch", "onnx")
    ]
    assert named == []


@pytest.mark.parametrize("library", CONFINED)
def test_heavy_libraries_are_confined(library: str):
    for path in FILES:
        place = path.relative_to(ROOT).as_posix()
        named = {module for module, _ in imports(path)}
        if any(f"{module}.".startswith(f"{library}.") for module in named):
            assert place.startswith(CONFINED[library] or ("nowhere",)), f"{place} imports {library}"


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_files_are_short(path: Path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


def test_subpackages_export_nothing():
    for path in FILES:
        if path.name == "__init__.py" and path != ROOT / "regions" / "__init__.py":
            body = ast.parse(path.read_text(encoding="utf-8")).body
            assert [type(node) for node in body] == [ast.Expr], f"{path}: more than a docstring"


def test_no_module_bears_the_name_of_a_public_function():
    modules = {module_name(path) for path in FILES}
    functions = [name for name in regions.__all__ if name.islower()]
    assert functions, "the public API has functions"
    assert not modules & {f"regions.{name}" for name in functions}


# -- the public API and what an import does ----------------------------------------------------

PUBLIC = [
    "Adversarial",
    "Ball",
    "Between",
    "Bounds",
    "Box",
    "Cell",
    "Complex",
    "ComplexityMonitor",
    "Conditional",
    "Count",
    "DomainError",
    "Estimate",
    "Film",
    "InputError",
    "Intersection",
    "Interval",
    "LocalComplexity",
    "ModelError",
    "Nearest",
    "Network",
    "OutputRange",
    "Path",
    "Pattern",
    "PatternError",
    "Polytope",
    "Reachable",
    "Recurrence",
    "RegionBatch",
    "RegionGraph",
    "RegionMonitor",
    "RegionsError",
    "Segment",
    "Shape",
    "Slice",
    "Space",
    "Undecided",
    "Unreachable",
    "UnsupportedLayer",
    "__version__",
    "adversarial",
    "between",
    "bounds",
    "conditional",
    "count",
    "estimate",
    "iter_regions",
    "load",
    "local_complexity",
    "measure",
    "nearest",
    "output_range",
    "plot",
    "reach",
    "recurrence",
    "region_graph",
    "shortest",
    "straight",
]


def test_public_api_is_pinned():
    assert dir(regions) == PUBLIC
    assert sorted(regions.__all__) == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_exist_and_are_documented(name: str):
    value = getattr(regions, name)
    assert getattr(value, "__doc__", None)
    if callable(value):
        assert value.__module__.startswith("regions.")
        assert value.__name__ == name


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'regions' has no attribute 'regionz'"):
        regions.__getattr__("regionz")


HEAVY = (
    "torch",
    "numba",
    "matplotlib",
    "PIL",
    "networkx",
    "cvxpy",
    "pulp",
    "scipy.optimize",
    "highspy",
    "onnx",
    "sklearn",
    "pyarrow",
)


def loaded_by(code: str, libraries: tuple[str, ...] = HEAVY) -> set[str]:
    """Those of the libraries that a fresh interpreter has loaded after running the code."""
    report = (
        f"\nimport json, sys\nprint(json.dumps([m for m in {libraries!r} if m in sys.modules]))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code + report], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(json.loads(run.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "import regions",
        "import solvers",
        "import regions\nregions.Network, regions.Box, regions.Pattern, regions.Count",
        "import regions\nregions.bounds, regions.RegionMonitor, regions.iter_regions",
        "import regions\nregions.conditional, regions.recurrence(3, 2, time_limit=0)",
        "from regions.cli.main import main\nassert main(['--help']) == 0",
        "from regions.cli.main import main\nassert main(['count', '--help']) == 0",
        "from regions.cli.main import main\nassert main(['export', '--help']) == 0",
        "import solvers.backend, solvers.cold, solvers.program_files, regions.encoding",
        "from regions.cli.main import main\nassert main(['env']) == 0",
        "from regions.cli.main import main\nassert main(['count', 'none.pt']) == 2",
        "from regions.cli.main import main\nassert main(['conditional', '--help']) == 0",
        "from regions.cli.main import main\nassert main(['nearest', '--help']) == 0",
        "from regions.cli.main import main\nassert main(['adversarial', '--help']) == 0",
        "from regions.cli.main import main\nassert main(['estimate', '--help']) == 0",
        "import regions\nregions.nearest, regions.between, regions.adversarial, regions.estimate",
        "import regions\nregions.straight, regions.shortest, regions.region_graph",
        "from regions.cli.main import main\nassert main(['graph', '--help']) == 0",
        "from regions.cli.main import main\nassert main(['path', '--help']) == 0",
        "import regions\nregions.measure, regions.Shape, regions.Interval, regions.Estimate",
        "from regions.cli.main import main\nassert main(['cells', '--help']) == 0",
        "from regions.cli.main import main\nassert main(['walk', '--help']) == 0",
        "from regions.cli.main import main\nassert main(['explore', '--help']) == 0",
        "from regions.cli.main import main\nassert main(['plot', '--help']) == 0",
        "from regions.cli.main import main\nassert main(['stats', '--help']) == 0",
        "from regions.cli.main import main\nassert main(['rays', '--help']) == 0",
        "import regions\nregions.plot, regions.Complex, regions.local_complexity",
        "import regions.drawing.charts, regions.drawing.figures, regions.drawing.html",
    ],
    ids=lambda code: code.splitlines()[-1][:40],
)
def test_imports_are_lazy(code: str):
    assert loaded_by(code) == set()


@pytest.mark.parametrize("command", [[], ["count"], ["reach"], ["conditional"]])
def test_help_waits_for_no_mathematics(command: list[str]):
    code = f"from regions.cli.main import main\nassert main([*{command!r}, '--help']) == 0"
    assert loaded_by(code, ("numpy", "scipy", "flint")) == set()


def test_the_heavy_ones_would_be_seen():
    assert loaded_by("import scipy.optimize") == {"scipy.optimize"}


def test_imports_have_no_side_effects():
    state = """
import logging, os, signal, sys, threading, warnings
import numpy as np
def state():
    return repr((
        warnings.filters, logging.root.handlers, logging.root.level, np.get_printoptions(),
        np.geterr(), dict(os.environ), signal.getsignal(signal.SIGINT), os.getcwd(),
        sys.get_int_max_str_digits(), threading.active_count(), sys.excepthook,
    ))
"""
    modules = [module_name(path) for path in FILES if path.name != "__main__.py"]
    # files that import a library with side effects of its own, and are themselves imported late
    late = (
        "regions.readers",
        "regions.sample",
        "regions.counting.by_integers",
        "regions.counting.by_vertices",
        "regions.counting.by_simplex",
        "regions.counting.integer_cuts",
        "regions.counting.integer_kernel",
        "regions.counting.integer_nodes",
        "regions.counting.integer_sections",
        "regions.counting.leaf_kernel",
        "regions.counting.simplex_",
        "regions.counting.vertex_kernel",
        "regions.counting.vertex_nodes",
        "regions.counting.wide_",
        "solvers.box_dual",
        "solvers.box_interior",
        "solvers.cvxpy_",
        "solvers.dictionary",
        "solvers.ellipsoid",
        "solvers.highs",
        "solvers.integer_cone",
        "solvers.long_integers",
        "solvers.pulp_",
        "solvers.scipy_",
        "solvers.vertices",
    )
    light = [name for name in modules if not name.startswith(late)]
    code = f"{state}\nimport scipy.sparse, flint, typer, rich.console\nbefore = state()\n"
    code += "".join(f"import {name}\n" for name in light)
    code += "after = state()\nassert before == after, (before, after)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
