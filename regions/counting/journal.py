"""`Journal`: a file that makes a killed count resumable.

An SQLite database of the regions found and the cells that are still open, changed in one
transaction for each finished slice of work, so that it is the whole tree at any moment.  A seal,
the digest of all of that, tells a file that was altered or that a disk has damaged: SQLite does not
notice a number or a bit of a cell that has changed.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from regions.counting.prefix import Prefix
from regions.counting.work import OpenCell, Problem, Slice
from regions.errors import InputError, RegionsError

FORMAT = "2"
HASHES = 1 << 128
Row = tuple[str, str, str]  # of the table of cells
_TABLES = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE cells (
    name TEXT PRIMARY KEY,      -- the cell's bits, splits and a point of it, as JSON
    bound TEXT NOT NULL,        -- at most so many regions lie in it
    engine TEXT NOT NULL
);
CREATE TABLE numbers (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class JournalError(RegionsError):
    """The journal cannot be written; what was written before is still good."""


class Journal:
    """The journal of one count; while it is open, no other run can write it.

    Raises
    ------
    InputError
        If the file is no journal, is one of another count, or is being written by another run.
    """

    def __init__(self, path: Path, problem: Problem, domain: str) -> None:
        self.path = path
        self._sum = 0  # of the hashes of the open cells; `read` knows it
        about = {
            "format": FORMAT,
            "network": problem.network.digest,
            "domain": domain,
            "frame": _digest(problem),
            "engine": problem.engine,
        }
        try:
            self._file = sqlite3.connect(path, timeout=0.0, isolation_level=None)
        except sqlite3.Error as error:
            raise InputError(f"journal {path}: cannot be opened: {error}") from error
        try:
            self._file.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._file.execute("BEGIN EXCLUSIVE")
            self._check(about)
            self._file.execute("COMMIT")
        except sqlite3.OperationalError as error:
            self.close()
            if "locked" in str(error):
                raise InputError(
                    f"journal {path}: another run is writing it; wait for its end, or choose "
                    "another file"
                ) from error
            raise InputError(f"journal {path}: {error}") from error
        except sqlite3.DatabaseError as error:
            self.close()
            raise InputError(
                f"journal {path}: is no journal ({error}); choose a file that does not exist yet"
            ) from error
        except InputError:
            self.close()
            raise

    def _check(self, about: dict[str, str]) -> None:
        tables = {name for (name,) in self._rows("SELECT name FROM sqlite_master")}
        if not tables:
            for statement in _TABLES.split(";"):
                self._file.execute(statement)
            self._file.executemany("INSERT INTO about VALUES (?, ?)", about.items())
            return
        if not {"about", "cells", "numbers"} <= tables:
            raise InputError(
                f"journal {self.path}: is a database, but no journal; choose a file that does "
                "not exist yet"
            )
        kept = dict(self._rows("SELECT name, value FROM about"))
        for name, what in (
            ("format", "version of this program"),
            ("network", "network (or number of layers)"),
            ("domain", "domain"),
            ("frame", "domain"),
            ("engine", "engine"),
        ):
            if kept.get(name) != about[name]:
                shown = f" ({kept.get(name)})" if name in ("domain", "engine") else ""
                raise InputError(
                    f"journal {self.path}: belongs to another {what}{shown}; "
                    "continue that count, or choose another file"
                )

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        return self._file.execute(query).fetchall()

    def read(self) -> tuple[int, list[OpenCell], Counter[str]] | None:
        """Regions found, open cells, and what engines did; None before the first slice.

        Raises
        ------
        InputError
            If the file is damaged.
        """
        try:
            rows = self._rows("SELECT name, bound, engine FROM cells ORDER BY rowid")
            self._sum = sum(map(_hash, rows)) % HASHES
            numbers = self._rows("SELECT name, value FROM numbers")
            seals = self._rows("SELECT value FROM about WHERE name = 'seal'")
            if not (numbers or rows or seals):
                return None
            if seals != [(self._seal(dict(numbers)),)]:
                raise InputError(
                    f"journal {self.path}: is damaged: its seal does not fit; choose a file that "
                    "does not exist yet"
                )
            cells = [OpenCell(Prefix.from_text(n), int(b, 16), e) for n, b, e in rows]
        except (ValueError, TypeError, sqlite3.Error) as error:
            raise InputError(f"journal {self.path}: is damaged: {error}") from error
        kept = {name: json.loads(value) for name, value in numbers}
        return int(kept.pop("regions")), cells, Counter(kept)

    def _seal(self, numbers: Mapping[str, str]) -> str:
        text = json.dumps([self._sum, sorted(numbers.items())])
        return hashlib.sha256(text.encode()).hexdigest()

    def write(self, taken: Sequence[OpenCell], done: Slice) -> None:
        """One slice: the cells that it took are replaced by what it found and left.

        Raises
        ------
        JournalError
            If the disk is full, say; the file then is as it was.
        """
        gone = [_row(cell) for cell in taken if cell.prefix is not None]
        left = [_row(cell) for cell in done.left]
        self._sum = (self._sum + sum(map(_hash, left)) - sum(map(_hash, gone))) % HASHES
        try:
            kept = self.read_numbers()
            kept.update({**done.stats, "regions": done.regions})
            numbers = {name: json.dumps(value) for name, value in kept.items()}
            self._file.execute("BEGIN")
            self._file.executemany(
                "DELETE FROM cells WHERE name = ?",
                [(name,) for name, _, _ in gone],
            )
            self._file.executemany("INSERT INTO cells VALUES (?, ?, ?)", left)
            self._file.executemany(
                "INSERT OR REPLACE INTO numbers VALUES (?, ?)",
                numbers.items(),
            )
            self._file.execute(
                "INSERT OR REPLACE INTO about VALUES ('seal', ?)", (self._seal(numbers),)
            )
            self._file.execute("COMMIT")
        except sqlite3.Error as error:
            raise JournalError(f"journal {self.path}: cannot be written: {error}") from error

    def read_numbers(self) -> Counter[str]:
        """The sums so far."""
        rows = self._rows("SELECT name, value FROM numbers")
        return Counter({name: json.loads(value) for name, value in rows})

    def close(self) -> None:
        """Let others write it."""
        self._file.close()


def _row(cell: OpenCell) -> Row:
    name = "" if cell.prefix is None else cell.prefix.as_text()
    return name, hex(cell.bound), cell.engine


def _hash(row: Row) -> int:
    """The cells' sum of these says which cells there are, in any order."""
    digest = hashlib.sha256(json.dumps(row).encode()).digest()
    return int.from_bytes(digest[: HASHES.bit_length() // 8], "big")


def _digest(problem: Problem) -> str:
    frame = problem.frame
    text = repr((frame.lower, frame.upper, frame.limits, frame.rows.dense().tolist()))
    return hashlib.sha256(text.encode()).hexdigest()
