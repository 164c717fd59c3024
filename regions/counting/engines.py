"""The engines by name, and the choice between them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from regions.errors import DomainError

if TYPE_CHECKING:
    from regions.frame import Frame
    from regions.network import Network

ENGINES = {
    "auto": "choose one",
    "vertices": "compiled (the first run: a minute), plain networks, boxes of dimension up to 8",
    "integers": "compiled likewise, plain networks of short integers or fractions, any domain",
    "simplex": "compiled likewise, plain networks, boxes and what lies in them, any dimension",
    "lp": "linear programs, anything; the reference",
    "milp": "mixed-integer programs, then lp to prove that none is missing; bounded domains, small",
}
COUNTING = tuple(name for name in ENGINES if name != "auto")
LISTING = tuple(name for name in COUNTING if name != "milp")  # it counts, and knows no more
COMPILED = ("vertices", "integers", "simplex")
FLOATS = ("vertices", "simplex")  # those that take any numbers
INTEGERS_DIM = 12  # the integer engine holds a cell's vertices, and a cube of 12 inputs has 4096
MOST_SIDES = 60
OPEN_DIM = 40  # what it can hold where sides are no more than dimensions, and generators few
AUTO_INTEGERS_DIM = 8  # above it, boxes have so many vertices that linear programs are faster
# A vertex has determinants for coordinates, and so has a form's value there: of dimension + 1 rows.
# Up to 62 no cell of 18 random networks had to be set aside; at 63 the sections of one had numbers
# that were too long, and from 70 on so had some cells.  In benchmarks/auto.md (special) vertices
# was up to 8 times as fast on integers of 5 bits and more, by milliseconds, and up to 75 times as
# slow on integers of 1 bit, where hyperplanes meet in common points.
AUTO_INTEGERS_BITS = 62
VERTICES_DIM = 8  # what the vertices engine can hold
# Above it, cells have so many vertices that dictionaries are faster; benchmarks/auto.md has the
# figures: up to dimension 6 vertices won on all networks of some size, in dimension 8 dictionaries
# were 2 to 4 times as fast where there are two layers and more.  Cells of the last layer are not
# made, so that with one layer vertices won up to VERTICES_DIM, by a factor of 2 to 10.  Where all
# hyperplanes meet in one point (no biases), dictionaries cannot tell signs there: a network 8-12-12
# had 22 065 regions after a minute, and with vertices all of its 342 408.
AUTO_DIM = 6
SIMPLEX_BYTES = 1 << 26  # a dictionary of the simplex engine is no larger
# Above it, sparse linear programs are faster: in balls around images, simplex took 0.26 of the time
# of lp at 3 MiB (784 inputs, 512 units), but 2.8 and 4.9 times as long at 60 MiB (3072, 2568).  In
# benchmarks/auto.md simplex won up to 16 MiB, sparse or not, and at 60 MiB lost on sparse weights.
AUTO_BYTES = 1 << 24


def refusal(engine: str, network: Network, frame: Frame) -> str | None:
    """Why an engine cannot take this network on this domain, or None."""
    if engine == "lp":
        return None
    if engine == "milp":
        return None if _is_bounded(frame) else "it needs a bounded domain"
    if not network.is_feed_forward:
        return "it needs a plain feed-forward network, this one has skip connections"
    if not network.layers:
        return "it needs a ReLU layer"
    if frame.dim < 1:
        return "it needs a domain of dimension 1 or more, this one is a point"
    if engine == "integers":
        if (why_not := _unfit(frame)) is not None:
            return why_not
        from regions.counting.integer_forms import in_integers

        problem = in_integers(network, frame)
        return f"it needs short integers, and {problem}" if isinstance(problem, str) else None
    if engine == "simplex":
        size = _dictionary(network, frame)
        if not frame.is_bounded_box:
            return "it needs a lower and an upper bound of every coordinate"
        if size > SIMPLEX_BYTES:
            return f"its dictionaries would take {size >> 20} MiB each, the limit is 64"
        return None
    if frame.dim > VERTICES_DIM:
        return f"it needs a domain of dimension 1 to {VERTICES_DIM}, this one has {frame.dim}"
    if not frame.is_bounded_box or frame.rows.shape[0]:
        return "it needs a bounded box"
    return None


def able(network: Network, frame: Frame, among: Iterable[str]) -> list[str]:
    """Those of the engines that can take this network on this domain."""
    return [engine for engine in among if refusal(engine, network, frame) is None]


def _is_bounded(frame: Frame) -> bool:
    from regions.ranges import bounding_box

    try:
        bounding_box(frame)
    except DomainError:
        return False
    return True


def _dictionary(network: Network, frame: Frame) -> int:
    """Bytes of a dictionary of the simplex engine."""
    return 8 * frame.dim * (network.relus + frame.rows.shape[0])


def _sides(frame: Frame) -> int:
    """The number of inequalities of a domain."""
    return sum(bound is not None for bound in (*frame.lower, *frame.upper)) + frame.rows.shape[0]


def _unfit(frame: Frame) -> str | None:
    """Why the integer engine cannot take a domain, whatever its numbers, or None."""
    sides = _sides(frame)
    most = OPEN_DIM if sides <= frame.dim else INTEGERS_DIM
    if frame.dim > most:
        return f"it needs a domain of dimension 1 to {most}, this one has {frame.dim}"
    if sides > MOST_SIDES:
        return f"it needs a domain of at most {MOST_SIDES} sides, this one has {sides}"
    return None


def _short_integers(network: Network, frame: Frame) -> int | None:
    """Their bits, where the integer engine is the one to take."""
    if not network.is_feed_forward or not network.layers or frame.dim < 1:
        return None
    if _unfit(frame) is not None or (frame.dim > AUTO_INTEGERS_DIM and _sides(frame) > frame.dim):
        return None
    from regions.counting.integer_forms import in_integers

    problem = in_integers(network, frame, AUTO_INTEGERS_BITS // (frame.dim + 1))
    return None if isinstance(problem, str) else problem.bits


def choose(network: Network, frame: Frame) -> tuple[str, str]:
    """(engine, why) for a network on a domain."""
    bits = _short_integers(network, frame)
    if bits is not None:
        return "integers", f"a plain network of integers of {bits} bits in dimension {frame.dim}"
    why_not = refusal("simplex", network, frame)
    if why_not is not None:
        return "lp", f"simplex cannot: {why_not}"
    kind = "a plain network"
    if len(network.layers) == 1:
        kind = "one layer"
    elif not any(network.layers[0].bias.entry(unit, 0) for unit in range(network.widths[0])):
        kind = "hyperplanes through one point"
    most = AUTO_DIM if kind == "a plain network" else VERTICES_DIM
    if frame.dim <= most and refusal("vertices", network, frame) is None:
        return "vertices", f"{kind} on a box of dimension {frame.dim}"
    size = _dictionary(network, frame)
    if size > AUTO_BYTES:
        return "lp", f"simplex would need dictionaries of {size >> 20} MiB each"
    return "simplex", f"a plain network on a bounded domain of dimension {frame.dim}"


def is_cold(engine: str) -> bool:
    """Whether the engine's next run compiles it first, which takes up to a minute."""
    from pathlib import Path

    from solvers import compiling

    kernels = {
        "vertices": "vertex_kernel",
        "integers": "integer_kernel",
        "simplex": "simplex_kernel",
    }
    kernel = kernels.get(engine)
    return kernel is not None and compiling.is_cold(str(Path(__file__).parent), kernel)
