"""The Parquet file of regions: what it holds, and what is left when the search or the disk ends."""

from __future__ import annotations

import errno
import json
import os
from fractions import Fraction
from itertools import count as numbers
from pathlib import Path

import pytest
from pyarrow import parquet

import regions
from regions import region_table
from regions.counting import compiled, listing
from regions.counting.question import Question
from regions.counting.tree import Stop
from regions.errors import DomainError, InputError, OutputError
from regions.region_table import read_header, schema, write_regions
from tests.cases import Case, braid, frozen
from tests.command_line import Run, one_json
from tests.plain import PlainDomain, cube, one_layer

ENGINES = ("vertices", "simplex", "lp")
every = pytest.mark.parametrize("engine", ENGINES)
SMALL = Case("frozen", frozen((4, 4, 4)), cube(2), 20)
NETWORK, SQUARE = SMALL.network.build(), SMALL.domain.build()


@every
def test_a_row_for_each_region(engine: str, tmp_path: Path):
    path = tmp_path / "out.parquet"
    result = write_regions(path, NETWORK, SQUARE, engine=engine)
    assert (result.lower, result.upper, result.engine) == (20, 20, engine)
    assert (result.stopped, result.stats["listed"], result.stats["rational_points"]) == (
        None,
        20,
        0,
    )
    table = parquet.read_table(path)
    assert table.schema.equals(schema(2))
    batches = list(regions.iter_regions(NETWORK, SQUARE, engine=engine))
    expected = sorted(
        (str(pattern), point, None if facets < 0 else facets)
        for batch in batches
        for pattern, point, facets in zip(
            batch, batch.points.tolist(), batch.facets.tolist(), strict=True
        )
    )
    columns = [table[name].to_pylist() for name in ("pattern", "point", "facets")]
    assert list(zip(*columns, strict=True)) == expected and len(set(columns[0])) == 20
    assert table["exact_point"].null_count == 20
    assert [file.name for file in tmp_path.iterdir()] == ["out.parquet"]


def test_the_header_says_what_the_file_is(tmp_path: Path):
    path = tmp_path / "out.parquet"
    write_regions(str(path), NETWORK, SQUARE, layers=2, engine="lp")
    count = int(regions.count(NETWORK, SQUARE, layers=2, engine="lp"))
    header = read_header(path)
    assert header.pop("model")["digest"] == NETWORK.digest
    assert header == {
        "schema": 1, "complete": True, "rows": count, "lower": str(count), "upper": str(count),
        "stopped": None, "definition": "regions", "engine": "lp", "domain": SQUARE.spec,
        "layers": [4, 4],
    }  # fmt: skip
    assert parquet.read_table(path)["pattern"][0].as_py().count("/") == 1


def test_points_that_are_no_doubles_are_texts(tmp_path: Path):
    third = Fraction(1, 3)
    line = PlainDomain(2, "segment", ((0, third), (1, third))).build()
    network = one_layer([(1, 0), (0, 1)], [Fraction(-1, 2), 0]).build()
    result = write_regions(tmp_path / "out.parquet", network, line)
    assert result.stats["rational_points"] == 2
    for row in parquet.read_table(tmp_path / "out.parquet").to_pylist():
        exact = [Fraction(text) for text in row["exact_point"]]
        assert str(network.pattern(exact)) == row["pattern"] and exact[1] == third
        assert row["point"] == [float(value) for value in exact]


def test_a_network_without_units_has_one_row(tmp_path: Path):
    affine = regions.Network.from_layers([([[1, 2]], [0])])
    assert int(write_regions(tmp_path / "one.parquet", affine)) == 1
    (row,) = parquet.read_table(tmp_path / "one.parquet").to_pylist()
    assert row["pattern"] == "" and read_header(tmp_path / "one.parquet")["complete"]


@pytest.mark.parametrize("library", ["pandas", "polars", "duckdb"])
def test_other_libraries_read_it(library: str, tmp_path: Path):
    path = tmp_path / "out.parquet"
    write_regions(path, NETWORK, SQUARE, engine="vertices")
    expected = parquet.read_table(path).to_pylist()
    module = pytest.importorskip(library)
    if library == "pandas":
        frame = module.read_parquet(path)
        rows = zip(frame["pattern"], frame["point"], frame["facets"], strict=True)
    elif library == "polars":
        rows = module.read_parquet(path).select("pattern", "point", "facets").rows()
    else:
        rows = module.sql(f"select pattern, point, facets from '{path}'").fetchall()
    read = [(pattern, list(point), facets) for pattern, point, facets in rows]
    assert read == [(row["pattern"], row["point"], row["facets"]) for row in expected]


def test_row_groups_are_written_on_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(region_table, "GROUP_ROWS", 4)
    monkeypatch.setattr(listing, "MOST", 3)
    write_regions(tmp_path / "out.parquet", NETWORK, SQUARE, engine="vertices")
    metadata = parquet.read_metadata(tmp_path / "out.parquet")
    sizes = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    assert sum(sizes) == 20 and len(sizes) > 3 and max(sizes) <= 6


# -- limits -----------------------------------------------------------------------------------

STOPPED = {"frozen": SMALL, "braid": Case("braid", braid(4), cube(4, 0, 1), 24)}


@every
@pytest.mark.parametrize("looks", [0, 1, 2, 3, 5, 8, 13, 30])
@pytest.mark.parametrize("name", STOPPED)
def test_a_limit_leaves_a_readable_file_and_true_bounds(
    engine: str, name: str, looks: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    case, reports, path = STOPPED[name], [], tmp_path / "out.parquet"
    network, domain = case.network.build(), case.domain.build()
    true = {str(p) for batch in regions.iter_regions(network, domain) for p in batch}
    look = numbers()
    monkeypatch.setattr(Stop, "reason", lambda self: "time limit" if next(look) >= looks else None)
    monkeypatch.setattr(listing, "BUDGET", 1)
    monkeypatch.setattr(compiled, "SECONDS", 0.0)
    monkeypatch.setattr(listing, "REPORT_SECONDS", 0.0)
    result = write_regions(path, network, domain, engine=engine, progress=reports.append)
    found = parquet.read_table(path)["pattern"].to_pylist()
    assert len(set(found)) == len(found) <= result.lower <= len(true) <= result.upper
    assert set(found) <= true and result.stats.get("listed", 0) == len(found)
    header = read_header(path)
    assert header["complete"] == (result.stopped is None) == (len(found) == len(true))
    assert (header["lower"], header["upper"]) == (str(result.lower), str(result.upper))
    assert all(r.lower <= len(true) <= r.upper for r in reports)
    uppers = [r.upper for r in reports]
    assert uppers == sorted(uppers, reverse=True)


def test_bounds_of_any_length_fit_into_the_header():
    question = Question.of("write_regions", NETWORK, SQUARE, "lp", None, "highs")
    header = region_table._header(question, regions.Count(1, 10**5000), 1)
    assert json.loads(json.dumps(header))["upper"] == "1" + "0" * 5000


# -- what cannot be written -------------------------------------------------------------------


def fail_after(monkeypatch: pytest.MonkeyPatch, calls: int) -> None:
    """The disk is full after so many writes."""
    write, made = region_table._Sink.write, numbers()

    def full(self: region_table._Sink, data: bytes) -> int:
        if not self.failed and next(made) >= calls:
            self.failed = True
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(self, data)

    monkeypatch.setattr(region_table._Sink, "write", full)


@pytest.mark.parametrize("calls", [0, 1, 5, 20])
def test_a_full_disk_leaves_bounds_and_the_old_file(
    calls: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    path = tmp_path / "out.parquet"
    path.write_bytes(b"old")
    monkeypatch.setattr(region_table, "GROUP_ROWS", 3)
    monkeypatch.setattr(listing, "MOST", 3)
    fail_after(monkeypatch, calls)
    with pytest.raises(
        OutputError, match=r"out\.parquet: No space left on device; .* regions"
    ) as e:
        write_regions(path, NETWORK, SQUARE, engine="vertices")
    count = e.value.count
    assert count.lower <= 20 <= count.upper and str(count) in str(e.value)
    assert "make room, write to another disk, or only count" in str(e.value)
    assert count.upper <= regions.bounds(NETWORK, SQUARE).best
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
    del e
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_device_is_written_to(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    link = tmp_path / "full.parquet"
    link.symlink_to("/dev/full")
    with pytest.raises(OutputError, match="No space left on device"):
        write_regions(link, NETWORK, SQUARE, engine="lp")
    assert link.is_symlink() and capfd.readouterr().err == ""


def test_a_link_stays_a_link(tmp_path: Path):
    link = tmp_path / "link.parquet"
    link.symlink_to(tmp_path / "target.parquet")
    assert int(write_regions(link, NETWORK, SQUARE, engine="lp")) == 20
    assert link.is_symlink() and read_header(tmp_path / "target.parquet")["rows"] == 20


def test_what_interrupts_the_search_leaves_nothing(tmp_path: Path):
    def interrupted(progress: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_regions(tmp_path / "out.parquet", NETWORK, SQUARE, progress=interrupted)
    assert list(tmp_path.iterdir()) == []


EMPTY = regions.Polytope([[1, 0], [-1, 0]], [0, -1])
WRONG = [
    ("out.csv", {}, InputError, r"write_regions\(\): .*out\.csv: writes Parquet"),
    ("none/out.parquet", {}, InputError, "no such folder"),
    (
        "out.parquet",
        {"time_limit": -1},
        InputError,
        "time_limit needs seconds >= 0",
    ),
    ("out.parquet", {"engine": "none"}, InputError, r"write_regions\(\): no engine 'none'"),
    ("out.parquet", {"domain": EMPTY}, DomainError, "empty"),
]


@pytest.mark.parametrize(("name", "options", "kind", "message"), WRONG)
def test_wrong_arguments_leave_no_file(
    name: str, options: dict, kind: type, message: str, tmp_path: Path
):
    with pytest.raises(kind, match=message):
        write_regions(tmp_path / name, NETWORK, **options)
    assert list(tmp_path.iterdir()) == []


def test_the_command_line_writes_them_too(run: Run, cross: Path, tmp_path: Path):
    target = tmp_path / "cross.parquet"
    code, out, _ = run("count", str(cross), "--output", str(target), "--json")
    record = one_json(out)
    assert code == 0 and record["exact"]
    assert parquet.read_table(target).num_rows == record["lower"] == 4


def test_the_command_line_goes_on_from_a_journal(run: Run, cross: Path, tmp_path: Path):
    journal = tmp_path / "cross.journal"
    for _ in range(2):
        code, out, _ = run(
            "count", str(cross), "--journal", str(journal), "--workers", "2", "--json"
        )
        assert code == 0 and one_json(out)["lower"] == 4
    code, _, err = run("count", str(cross), "--journal", str(journal), "--domain", "box:0,1")
    assert code == 2 and "another domain" in err
