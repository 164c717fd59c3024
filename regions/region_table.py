"""`write_regions`: the regions of a network as a Parquet file, in the order of their patterns."""

from __future__ import annotations

import json
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import accumulate, pairwise
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from regions.counting.api import describe
from regions.counting.leaves import UNKNOWN, RegionBatch
from regions.counting.listing import Listing
from regions.counting.memory import MemoryLimit
from regions.counting.question import Question, checked_seconds
from regions.counting.statistics import statistics
from regions.counting.tree import Stop, interruptible
from regions.counting.upper_bounds import bounds_anywhere
from regions.domain_base import Domain
from regions.errors import OutputError
from regions.network import Network
from regions.parquet import check_target, digits
from regions.results import Count, Progress, big_number
from regions.sorted_rows import SortedRows
from solvers.backend import Backend
from solvers.exact_simplex import Stopped

if TYPE_CHECKING:
    import pyarrow as pa

GROUP_BYTES = 1 << 24  # of a row group, before compression
GROUP_ROWS = 1 << 17


def write_regions(
    path: str | Path,
    network: Network,
    domain: Domain | None = None,
    *,
    engine: str = "auto",
    layers: int | None = None,
    time_limit: float | None = None,
    progress: Callable[[Progress], None] | None = None,
    backend: str | Backend = "highs",
    memory_limit: float | None = None,
) -> Count:
    """Write all linear regions of a network to a Parquet file, one row each, and count them.

    The columns are those of `schema`; `read_header` says whether the file is complete.  The rows
    are sorted by pattern, as texts.  Memory does not grow with the number of regions: sorted parts
    are kept in files beside this one, until all are merged.

    The file appears, or takes the place of an old one, when the search ends.  A limit or
    Ctrl-C ends it too: then the file holds the regions found by then, and the count is an interval.
    If the file cannot be written, the search ends, nothing is left behind, and an old file stays as
    it was.

    Parameters
    ----------
    path
        A name that ends in .parquet.
    network, domain, engine, layers, time_limit, progress, backend, memory_limit
        As in `regions.count`.

    Raises
    ------
    OutputError
        If the disk is full, say; it has the bounds known by then.
    DomainError
        If the domain is empty or has another dimension than the network's input.
    InputError
        If an option is out of range, or there can be no such file.

    Examples
    --------
    >>> from regions.domain import Box
    >>> network = Network.from_layers([([[2]], [-1]), ([[1]], [0])])
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "two.parquet"
    ...     print(write_regions(file, network, Box.cube(1, 0, 1)))
    ...     read_header(file)["complete"]
    2 regions
    True
    """
    start = time.monotonic()
    question = Question.of("write_regions", network, domain, engine, layers, backend)
    limit = checked_seconds("write_regions", time_limit)
    target = check_target(path, "write_regions():")
    memory = MemoryLimit.of("write_regions", memory_limit)
    stop = Stop(None if limit is None else start + limit, memory=memory)
    listing: Listing | None = None
    rows = 0

    def counted() -> Count:
        used, why = engine, "stopped before an interior point of the domain was found"
        if listing is None:
            lower, upper = 0, bounds_anywhere(question.counted).best
        else:
            (lower, upper), used, why = listing.bounds(), listing.problem.engine, listing.why
        return Count(
            lower=lower, upper=upper, engine=used, why=why, seconds=time.monotonic() - start,
            stopped=None if listing is not None and listing.ended else stop.reason(),
            domain=question.domain.spec, model=describe(network),
            stats={} if listing is None else {
                **statistics(listing.numbers, listing.problem.frame.dim),
                "listed": rows,
                "rational_points": listing.certifier.checks.rational_points,
            },
        )  # fmt: skip

    try:
        with interruptible(stop), _replacing(target) as (stream, stem):
            with suppress(Stopped):
                listing = Listing.of(question, stop, progress)
            with _table(stream, question.counted, stem) as table:
                for batch in [] if listing is None else listing.batches():
                    table.add(batch)
                    rows += len(batch)
                table.finish(_header(question, counted(), rows))
    except OSError as error:
        count = counted()
        raise OutputError(
            f"{target}: {error.strerror or error}; nothing is left of the {big_number(rows)} "
            f"regions written; there are {count}; make room, write to another disk, or only count",
            count,
        ) from error
    return counted()


def schema(inputs: int) -> pa.Schema:
    """The columns of a file of regions.

    pattern
        Text, "0110/10": bit 1 where a unit is positive, layers apart.
    point
        (inputs,) doubles: a point strictly inside the region.
    facets
        The number of facets of the region's closure; null where the engine does not know it.
    exact_point
        Null, unless no doubles were found that lie in the domain and in the region: then the
        point, as texts such as "1/3", and `point` is rounded.
    """
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("pattern", pa.string(), nullable=False),
            pa.field("point", pa.list_(pa.float64(), inputs), nullable=False),
            pa.field("facets", pa.int32()),
            pa.field("exact_point", pa.list_(pa.string())),
        ]
    )


def read_header(path: str | Path) -> dict[str, Any]:
    """What a file of regions says of itself.

    complete (whether these are all regions), rows, lower, upper (digits), stopped (why it is not
    complete), engine, domain, layers (their widths), model.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    from pyarrow import parquet

    metadata = parquet.read_metadata(Path(path)).metadata or {}
    return json.loads(metadata.get(b"regions", b"{}"))


def _header(question: Question, count: Count, rows: int) -> dict[str, object]:
    return {
        "schema": 1,
        "complete": count.exact and count.lower == rows,
        "rows": rows,
        "lower": digits(count.lower),
        "upper": digits(count.upper),
        "stopped": count.stopped,
        "definition": count.definition,
        "engine": count.engine,
        "domain": count.domain,
        "layers": list(question.counted.widths),
        "model": dict(count.model),
    }


class _Table:
    """A Parquet file under construction: rows gather until all are there, then make row groups."""

    def __init__(self, stream: IO[bytes], network: Network, stem: Path) -> None:
        from pyarrow import parquet

        self._schema = schema(network.inputs)
        self._sink = _Sink(stream)
        self._writer = parquet.ParquetWriter(
            self._sink, self._schema, compression="zstd", use_dictionary=False
        )
        self._rows = SortedRows(self._schema, "pattern", stem)
        self._room = min(GROUP_ROWS, GROUP_BYTES // (network.relus + 8 * network.inputs + 16) + 1)

    def add(self, batch: RegionBatch) -> None:
        """Take these rows."""
        self._rows.add(_columns(batch, self._schema))

    def finish(self, header: dict[str, object]) -> None:
        """Write all rows in order, and what the file says of itself."""
        gathered: list[pa.Table] = []
        for block in self._rows.blocks():
            gathered.append(block)
            if sum(table.num_rows for table in gathered) >= self._room:
                self._flush(gathered)
        self._flush(gathered)
        self._writer.add_key_value_metadata({"regions": json.dumps(header)})

    def close(self) -> None:
        """End the file; after a failure the rest of it goes nowhere."""
        try:
            self._writer.close()
        finally:
            self._rows.close()

    def abandon(self) -> None:
        """Write nothing any more."""
        self._sink.failed = True

    def _flush(self, gathered: list[pa.Table]) -> None:
        import pyarrow as pa

        if gathered:
            table = pa.concat_tables(gathered).combine_chunks()
            gathered.clear()
            self._writer.write_table(table, row_group_size=self._room)


@contextmanager
def _table(stream: IO[bytes], network: Network, stem: Path) -> Iterator[_Table]:
    """A table that is closed whatever happens; a writer that is left open complains later."""
    table = _Table(stream, network, stem)
    try:
        yield table
    except BaseException:
        table.abandon()
        raise
    finally:
        table.close()


def _columns(batch: RegionBatch, kind: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    points = pa.array(batch.points.reshape(-1))
    texts: list[list[str] | None] = [None] * len(batch)
    for row, point in batch.exact_points.items():
        texts[row] = [str(q) for q in point]
    return pa.record_batch(
        [
            _texts(batch),
            pa.FixedSizeListArray.from_arrays(points, batch.points.shape[1]),
            pa.array(batch.facets.astype(np.int32), mask=batch.facets == UNKNOWN),
            pa.array(texts, pa.list_(pa.string())),
        ],
        schema=kind,
    )


def _texts(batch: RegionBatch) -> pa.Array:
    """The patterns as texts, without a Python object for each."""
    import pyarrow as pa

    units = batch.patterns + np.uint8(ord("0"))
    slash = np.full((len(batch), 1), ord("/"), dtype=np.uint8)
    layers = pairwise(accumulate(batch.widths, initial=0))
    columns = [part for start, end in layers for part in (slash, units[:, start:end])][1:]
    letters = np.concatenate(columns, axis=1) if columns else units
    ends = np.arange(len(batch) + 1, dtype=np.int32) * np.int32(letters.shape[1])
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(np.ascontiguousarray(letters))]
    return pa.StringArray.from_buffers(len(batch), *buffers[1:])


class _Sink:
    """A stream for a writer that always ends its file: after a failure it takes anything."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.closed = False
        self.failed = False

    def write(self, data: bytes) -> int:
        """Write the bytes, or nothing after a failure."""
        if not self.failed:
            try:
                self._stream.write(data)
            except OSError:
                self.failed = True
                raise
        return len(data)

    def flush(self) -> None:
        """Nothing: the stream is flushed when it is closed."""

    def close(self) -> None:
        """Nothing: the stream belongs to another."""


@contextmanager
def _replacing(target: Path) -> Iterator[tuple[IO[bytes], Path]]:
    """A stream whose content takes the place of a file when all of it is written.

    What is no file, a device say, is written to directly.  Also, how the names of other temporary
    files begin.
    """
    target = Path(os.path.realpath(target))
    name = f".{target.name}.{os.getpid()}"
    if target.exists() and not stat.S_ISREG(target.stat().st_mode):
        with target.open("wb") as stream:
            yield stream, Path(tempfile.gettempdir()) / name
        return
    part = target.with_name(f"{name}.part")
    try:
        with part.open("wb") as stream:
            yield stream, part.with_name(name)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
