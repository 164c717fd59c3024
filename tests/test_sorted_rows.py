"""Rows in order by way of files: whatever the sizes, as if sorted in memory; no file is left."""

from __future__ import annotations

import errno
import io
import os
import random
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

import regions
from regions import sorted_rows
from regions.counting import listing
from regions.errors import OutputError
from regions.region_table import write_regions
from regions.sorted_rows import SortedRows
from tests.cases import resonance

KIND = pa.schema([pa.field("pattern", pa.string(), nullable=False), ("number", pa.int64())])


def batch(rows: list[tuple[str, int]]) -> pa.RecordBatch:
    texts, values = zip(*rows, strict=True) if rows else ((), ())
    return pa.record_batch([pa.array(texts, pa.string()), pa.array(values, pa.int64())], KIND)


def tiny(monkeypatch: pytest.MonkeyPatch, run: int, block: int, fan: int) -> None:
    for name, value in (("RUN_BYTES", run), ("BLOCK_BYTES", block), ("FAN", fan)):
        monkeypatch.setattr(sorted_rows, name, value)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("run", "block", "fan"),
    [(60, 1, 2), (200, 40, 2), (200, 1000, 3), (3000, 100, 5), (10**6, 1, 2)],
)
def test_as_if_sorted_in_memory(
    run: int, block: int, fan: int, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    tiny(monkeypatch, run, block, fan)
    rng = random.Random(seed)
    rows = [(f"{number:011b}", number) for number in rng.sample(range(2048), 600)]
    order = sorted(rows)
    if seed == 1:
        rows = order
    elif seed == 2:
        rows = order[::-1]
    sorter, written = SortedRows(KIND, "pattern", tmp_path / ".out"), 0
    while rows:
        taken = rng.randint(0, 30)
        sorter.add(batch(rows[:taken]))
        rows = rows[taken:]
        written = max(written, len(list(tmp_path.iterdir())))
    seen: list[tuple[Any, ...]] = []
    for table in sorter.blocks():
        seen += zip(*(column.to_pylist() for column in table.columns), strict=True)
    assert seen == order
    assert written <= 12 * fan and (written > 1) == (run < 10**6)
    sorter.close()
    assert list(tmp_path.iterdir()) == []


def test_without_rows_there_is_nothing(tmp_path: Path):
    sorter = SortedRows(KIND, "pattern", tmp_path / ".out")
    sorter.add(batch([]))
    assert sum(table.num_rows for table in sorter.blocks()) == 0


def test_regions_by_way_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The file is the same as without, but for the sizes of the row groups."""
    network = resonance(4).build()
    write_regions(tmp_path / "plain.parquet", network)
    tiny(monkeypatch, 500, 100, 3)
    monkeypatch.setattr(listing, "MOST", 16)
    result = write_regions(tmp_path / "files.parquet", network)
    tables = [parquet.read_table(tmp_path / f"{name}.parquet") for name in ("plain", "files")]
    patterns = tables[0]["pattern"].to_pylist()
    assert patterns == sorted(patterns) == sorted(set(patterns)) and len(patterns) == int(result)
    assert tables[0].equals(tables[1])
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("writes", [0, 3, 30, 100])
def test_a_disk_that_is_full_of_them_leaves_bounds(
    writes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    tiny(monkeypatch, 500, 100, 3)
    monkeypatch.setattr(listing, "MOST", 16)
    calls = count()

    class Full(io.FileIO):
        def write(self, data: Any) -> int:
            if next(calls) >= writes:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().write(data)

    opened = Path.open

    def open_full(self: Path, *options: Any, **named: Any) -> Any:
        run = self.name.count(".") == 5  # .out.parquet.PID.NUMBER.part
        return Full(self, "wb") if run else opened(self, *options, **named)

    monkeypatch.setattr(Path, "open", open_full)
    with pytest.raises(OutputError, match="No space left on device") as caught:
        write_regions(tmp_path / "out.parquet", resonance(4).build())
    truth = int(regions.count(resonance(4).build()))
    assert caught.value.count.lower <= truth <= caught.value.count.upper
    assert next(calls) > writes and list(tmp_path.iterdir()) == []
    del caught
    assert capfd.readouterr() == ("", "")
