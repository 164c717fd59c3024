"""`SortedRows`: any number of rows in order, in memory that does not grow with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

RUN_BYTES = 1 << 25  # of rows in memory, before they go to a file
BLOCK_BYTES = 1 << 19  # of a file in memory, while files are merged
FAN = 32  # files of one size that become one


class SortedRows:
    """Rows of a table, added in any order, and read in the order of a column of texts.

    Rows gather in memory; enough of them are sorted and written to a file, a run.  Of `FAN` runs of
    about one size one larger run is made, so that with n rows each is written O(log n) times.  At
    the end all runs are merged: from each a block is in memory; the least of the blocks' last keys
    is a key up to which no file holds any row that is not in memory.  (D. E. Knuth, The Art of
    Computer Programming, vol. 3, section 5.4.)

    Parameters
    ----------
    kind
        The columns.
    key
        The column that gives the order; its texts are compared byte by byte, none is null.
    stem
        Runs are files whose names begin so; `close` removes them.
    """

    def __init__(self, kind: pa.Schema, key: str, stem: Path) -> None:
        self._schema = kind
        self._key = key
        self._paths = (stem.with_name(f"{stem.name}.{number}.part") for number in count(1))
        self._batches: list[pa.RecordBatch] = []
        self._runs: list[list[Path]] = [[]]  # by size, the smallest first

    def add(self, batch: pa.RecordBatch) -> None:
        """Take these rows.

        Raises
        ------
        OSError
            If the disk is full, say.
        """
        self._batches.append(batch)
        if sum(part.nbytes for part in self._batches) < RUN_BYTES:
            return
        self._runs[0].append(self._written([self._gathered()]))
        for level, runs in enumerate(self._runs):
            if len(runs) < FAN:
                break
            if level + 1 == len(self._runs):
                self._runs.append([])
            self._runs[level + 1].append(self._written(self._merged(map(_blocks, runs))))
            while runs:
                runs.pop().unlink()

    def blocks(self) -> Iterator[pa.Table]:
        """All rows, in order; can be walked once."""
        rest = iter(self._gathered().to_batches())
        files = [_blocks(run) for runs in self._runs for run in runs]
        return self._merged([*files, rest])

    def close(self) -> None:
        """Remove the files."""
        for runs in self._runs:
            for run in runs:
                run.unlink(missing_ok=True)

    def _gathered(self) -> pa.Table:
        """The rows in memory, sorted; there are none any more."""
        import pyarrow as pa

        table = pa.Table.from_batches(self._batches, self._schema)
        self._batches.clear()
        return self._sorted(table)

    def _sorted(self, table: pa.Table) -> pa.Table:
        return table.sort_by(self._key).combine_chunks()

    def _written(self, tables: Iterable[pa.Table]) -> Path:
        """A new run of these rows, or no file."""
        import pyarrow as pa

        path = next(self._paths)
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        try:
            with (
                path.open("wb") as stream,
                pa.ipc.new_stream(stream, self._schema, options=options) as writer,
            ):
                for table in tables:
                    rows = 1 + BLOCK_BYTES * table.num_rows // (table.nbytes + 1)
                    writer.write_table(table, max_chunksize=rows)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path

    def _merged(self, sources: Iterable[Iterator[pa.RecordBatch]]) -> Iterator[pa.Table]:
        """The rows of sorted sources, in order."""
        import pyarrow as pa

        heads = [_Head(source, self._key) for source in sources]
        while heads := [head for head in heads if head.has_rows()]:
            bound = min(head.last for head in heads)
            parts = [head.until(bound) for head in heads]
            yield self._sorted(pa.Table.from_batches(parts, self._schema))


class _Head:
    """A sorted source, and the rows at its beginning that are in memory."""

    def __init__(self, source: Iterator[pa.RecordBatch], key: str) -> None:
        self._source = source
        self._key = key
        self._rows: pa.RecordBatch | None = None
        self.last = ""

    def has_rows(self) -> bool:
        """Whether there are any; reads a block if none is in memory."""
        while self._rows is None or not self._rows.num_rows:
            self._rows = next(self._source, None)
            if self._rows is None:
                return False
            if self._rows.num_rows:
                self.last = self._rows[self._key][-1].as_py()
        return True

    def until(self, bound: str) -> pa.RecordBatch:
        """Those with keys up to this one; they are the caller's from now on."""
        from pyarrow.compute import call_function

        assert self._rows is not None
        below = call_function("sum", [call_function("less_equal", [self._rows[self._key], bound])])
        below = below.as_py()
        taken, self._rows = self._rows.slice(0, below), self._rows.slice(below)
        return taken


def _blocks(run: Path) -> Iterator[pa.RecordBatch]:
    """The rows of a file, block by block."""
    import pyarrow as pa

    with pa.OSFile(str(run)) as stream, pa.ipc.open_stream(stream) as reader:
        yield from reader
