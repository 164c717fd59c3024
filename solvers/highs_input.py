"""What goes into HiGHS: options by its names, and a program as its arrays.

Works on an instance that it is given; imports no highspy.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import scipy.sparse as sp

from solvers.errors import InvalidOption, InvalidProgram, did_you_mean
from solvers.options import SolveOptions
from solvers.program import LinearProgram

# (solver, simplex_strategy): 0 lets HiGHS choose primal after changed costs, dual after changed
# bounds; its own default (1) is always the dual.
_METHODS = {
    "choose": ("choose", 0),
    "simplex": ("simplex", 0),
    "primal": ("simplex", 4),
    "dual": ("simplex", 1),
    "interior": ("ipm", 0),
    "pdlp": ("pdlp", 0),
}
_ROW_WISE, _MINIMISE = 2, 1


def set_options(highs: Any, options: SolveOptions, known: Iterable[str]) -> None:
    """Set `options` on a HiGHS instance whose options are named `known`.

    Raises
    ------
    InvalidOption
        For a native option that HiGHS does not know, or a value that it does not take.
    """
    solver, strategy = _METHODS[options.method]
    ours: dict[str, bool | int | float | str] = {
        "output_flag": False,
        "solver": solver,
        "simplex_strategy": strategy,
        "presolve": options.presolve,
        "parallel": "off" if options.threads == 1 else "choose",
        "threads": options.threads,
        "random_seed": options.seed,
        "primal_feasibility_tolerance": float(options.feasibility_tol),
        "dual_feasibility_tolerance": float(options.optimality_tol),
        "mip_rel_gap": float(options.mip_gap),
        "mip_abs_gap": 0.0,
        # HiGHS drops smaller entries in silence; 1e-12 is the least that it allows.
        "small_matrix_value": 1e-12,
    }
    for name, value in ours.items():
        if _failed(highs.setOptionValue(name, value)):
            raise InvalidOption(f"HiGHS rejects {name} = {value!r} (from {options})")
    names = frozenset(known)
    for name, value in options.native.items():
        if name not in names:
            hint = did_you_mean(name, names)
            raise InvalidOption(f"HiGHS has no option {name!r}; {hint} (SolveOptions(native=...))")
        now = highs.getOptionValue(name)[1]
        if isinstance(now, float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not type(now) or _failed(highs.setOptionValue(name, value)):
            raise InvalidOption(
                f"HiGHS option {name!r} needs a {type(now).__name__} in its range, got {value!r} "
                "(SolveOptions(native=...))"
            )


def pass_program(highs: Any, program: LinearProgram) -> None:
    """Load `program` into a HiGHS instance.

    Raises
    ------
    InvalidProgram
        When HiGHS rejects it, as it does entries of 1e15 and more.
    """
    starts, columns, values = compressed_rows(program.matrix)
    integer = program.integer
    kinds = np.zeros(program.num_cols, np.int32) if integer is None else integer.astype(np.int32)
    status = highs.passModel(
        program.num_cols,
        program.num_rows,
        len(values),
        _ROW_WISE,
        _MINIMISE,
        0.0,
        program.cost,
        program.col_lower,
        program.col_upper,
        program.row_lower,
        program.row_upper,
        starts,
        columns,
        values,
        kinds,
    )
    if _failed(status):
        raise InvalidProgram(
            f"HiGHS rejects this program of {program.num_rows} rows and {program.num_cols} "
            "columns; it takes no entry of 1e15 or more: rescale rows and columns"
        )


def compressed_rows(
    matrix: np.ndarray | sp.csr_array,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Starts (m + 1,), columns and values (nnz,) of a matrix row by row, as int32 and float64."""
    if not isinstance(matrix, np.ndarray):
        return matrix.indptr.astype(np.int32), matrix.indices.astype(np.int32), matrix.data
    present = matrix != 0
    starts = np.zeros(matrix.shape[0] + 1, dtype=np.int32)
    np.cumsum(present.sum(axis=1), out=starts[1:])
    return starts, present.nonzero()[1].astype(np.int32), matrix[present]


def _failed(status: Any) -> bool:
    return status.name == "kError"
