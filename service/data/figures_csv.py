"""A CSV file with the columns ``date`` and one for each series."""

from __future__ import annotations

__all__ = ["read", "read_bytes"]

import datetime as dt
import re
from collections.abc import Sequence
from pathlib import Path

from forecast.series import DailySeries, SeriesError
from service.data import csv_rows
from service.data.csv_rows import CsvFile, Table
from service.data.rules import check_steps
from service.data.source import SourceError

# Whole numbers alone: "1e3", "٣", "1_000" and "437.5" are not how counts are written.
_WHOLE = re.compile(r"(-?[0-9]{1,9})(\.0+)?")


def read(
    file: CsvFile | Path, required: Sequence[str], optional: Sequence[str] = ()
) -> dict[str, DailySeries]:
    """Read the series `required` of `file`, and those `optional` that it has; the rest is ignored.

    Raises `SourceError`; the header is row 1.
    """
    return _chosen_series(csv_rows.read(file), required, optional)


def read_bytes(
    content: bytes, name: str, required: Sequence[str], optional: Sequence[str] = ()
) -> dict[str, DailySeries]:
    """Read series of the CSV `content`, called `name` in errors; see `read`."""
    return _chosen_series(csv_rows.parse(content, CsvFile(Path(name))), required, optional)


def _chosen_series(
    table: Table, required: Sequence[str], optional: Sequence[str]
) -> dict[str, DailySeries]:
    for series in required:
        if series == "date":
            raise SourceError(str(table.file), "a series beside the column 'date'", "'date'")
        if series not in table.header:
            found = csv_rows.names(table.header)
            raise SourceError(f"{table.file}, row 1", f"a column {series!r}", found)
    chosen = [name for name in table.header if name in required or name in optional]
    if ignored := [name or "''" for name in table.header if name not in ("date", *chosen)]:
        table.note(f"without the columns {csv_rows.names(ignored)}")
    rows = table.days()
    ordered = sorted(rows, key=lambda row: row[1])
    if ordered != rows:
        table.note("in the order of its days")
    check_steps((table.where(line, "date"), day) for line, day, _ in ordered)
    figures = {name: _series(name, table, ordered) for name in chosen}
    table.report()
    return figures


def _series(series: str, table: Table, rows: list[tuple[int, dt.date, list[str]]]) -> DailySeries:
    at, counts = table.header.index(series), []
    for line, _, cells in rows:
        whole = _WHOLE.fullmatch(cells[at].strip())
        if not whole:
            where = table.where(line, series)
            raise SourceError(where, "a whole number such as 437", repr(cells[at][:40]))
        if whole[2]:
            table.note("with 437.0 as 437")
        counts.append(int(whole[1]))
    try:
        return DailySeries.from_days(series, [day for _, day, _ in rows], counts)
    except SeriesError as error:
        column = "date" if error.index is None else series  # the calendar has its bounds too
        where = table.where(rows[error.index or 0][0], column)
        raise SourceError(where, error.expected, error.found) from error
