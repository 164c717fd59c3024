"""The rows of `bench_count` as tables for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

Row = dict[str, Any]


def show(rows: list[Row], console: Console) -> None:
    """Every table that has a row, then what was left out and why."""
    counted = [row for row in rows if "skipped" not in row]
    by_lp = [row["lp"] for row in counted if "lp" in row]
    by_lp += [row for row in counted if row["lps_per_region"] is not None]
    shared = [row for row in counted if "workers" in row]
    if counted:
        console.print(_counting(counted))
    if by_lp:
        console.print(_programs(by_lp))
    if shared:
        console.print(_workers(shared))
    slow = [row for row in counted if row.get("ratio_to_lp", 100) < 100]
    if slow:
        names = ", ".join(row["name"] for row in slow)
        console.print(f"less than 100 times as fast as lp: {names}", highlight=False)
    for row in rows:
        if "skipped" in row:
            console.print(f"{row['name']}: skipped, {row['skipped']}", highlight=False)


def table(title: str, heads: Iterable[str]) -> Table:
    """An empty table: names at the left, numbers at the right."""
    made = Table(title=title, title_justify="left", box=box.SIMPLE, padding=(0, 1, 0, 0))
    for place, head in enumerate(heads):
        made.add_column(head, justify="right" if place else "left", no_wrap=True)
    return made


def shown(value: float | None, form: str, unit: str = "") -> str:
    """A dash for what was not measured."""
    return "-" if value is None else format(value, form) + unit


def seconds(value: float) -> str:
    """Three digits at least, for a tenth of a millisecond as for minutes."""
    return f"{value:.4f}" if value < 0.1 else f"{value:.3f}" if value < 10 else f"{value:.1f}"


def number(row: Row) -> str:
    """The number of regions; with + if only a lower bound."""
    return f"{row['lower']:,}" + ("" if row["lower"] == row["upper"] else "+")


def size(value: int | None) -> str:
    """Bytes, as MB."""
    return "-" if value is None else f"{value / 1e6:.1f} MB"


def _counting(rows: list[Row]) -> Table:
    heads = (
        "network", "regions", "exact", "engine", "seconds", "regions/s", "steps/region",
        "rational", "stores", "memory", "peak", "× lp",
    )  # fmt: skip
    made = table("count(); a number with + is a lower bound, at the time limit", heads)
    for row in rows:
        made.add_row(
            row["name"],
            number(row),
            "yes" if row["lower"] == row["upper"] else "no",
            row["engine"],
            seconds(row["seconds"]),
            f"{row['regions_per_second']:,.0f}",
            shown(row["steps_per_region"], ".2f", f" {row['steps']}"),
            shown(row["rational_share"], ".2%"),
            size(row["storage_bytes"]),
            "-" if row["grown_bytes"] is None else f"+{size(row['grown_bytes'])}",
            size(row["peak_bytes"]),
            shown(row.get("ratio_to_lp"), ",.0f"),
        )
    return made


def _programs(rows: list[Row]) -> Table:
    heads = (
        "network", "regions", "seconds", "regions/s", "LPs/region", "us/LP", "LP time", "no LP",
        "witness", "rational",
    )  # fmt: skip
    made = table("linear programs: the engine lp, and others where they needed some", heads)
    for row in rows:
        made.add_row(
            row["name"] + ("" if row["engine"] == "lp" else f" ({row['engine']})"),
            number(row),
            f"{row['seconds']:.2f}",
            f"{row['regions_per_second']:,.0f}",
            shown(row["lps_per_region"], ".2f"),
            shown(None if row["seconds_per_lp"] is None else 1e6 * row["seconds_per_lp"], ".0f"),
            shown(row["lp_time_share"], ".0%"),
            shown(row["no_lp_share"], ".1%"),
            shown(row["witness_share"], ".1%"),
            shown(row["rational_share"], ".2%"),
        )
    return made


def _workers(rows: list[Row]) -> Table:
    heads = ("network", "engine", "1 worker", "workers", "seconds", "times as fast")
    made = table("with workers; a loaded machine shows less than it could", heads)
    for row in rows:
        spent = row["seconds_with_workers"]
        made.add_row(
            row["name"],
            row["engine"],
            seconds(row["seconds"]),
            str(row["workers"]),
            seconds(spent),
            f"{row['seconds'] / spent:.2f}",
        )
    return made
