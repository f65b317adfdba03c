"""A CSV file with the columns ``date`` and one for each series."""

from __future__ import annotations

__all__ = ["read", "read_bytes"]

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from forecast.series import DailySeries, SeriesError
from service.data import csv_rows
from service.data.csv_rows import CsvFile, Row, Table
from service.data.source import SourceError

# Whole numbers alone: "1e3", "٣", "1_000" and "437.5" are not how counts are written.
_WHOLE = re.compile(r"(-?[0-9]{1,9})(\.0+)?")


def read(
    file: CsvFile | Path, required: Sequence[str], optional: Sequence[str] = ()
) -> dict[str, DailySeries]:
    """Read the series `required` of `file`, and those `optional` that it has; the rest is ignored.

    Raises
    ------
    SourceError
        Naming the file, the row (the header is row 1), what was expected and what was found.
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
    rows = sorted(table.rows, key=lambda row: row[1])
    if rows != table.rows:
        table.note("in the order of its days")
    _check_days(table, rows)
    figures = {name: _series(name, table, rows) for name in chosen}
    table.report()
    return figures


def _check_days(table: Table, rows: list[Row]) -> None:
    for (_, before, _), (line, day, _) in pairwise(rows):
        where = table.where(line, "date")
        if day == before:
            raise SourceError(where, f"one row for {day}", "a second")
        if (day - before).days > 1:
            expected = f"{before.fromordinal(before.toordinal() + 1)}, the day after {before}"
            raise SourceError(where, expected, str(day))


def _series(series: str, table: Table, rows: list[Row]) -> DailySeries:
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
