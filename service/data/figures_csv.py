"""A CSV file with the columns ``date`` and one for each series."""

from __future__ import annotations

__all__ = ["read", "read_bytes"]

import datetime as dt
from pathlib import Path

from forecast.series import DailySeries, SeriesError
from service.data import csv_rows
from service.data.csv_rows import Row
from service.data.source import SourceError


def read(path: Path, wanted: tuple[str, ...] = ()) -> dict[str, DailySeries]:
    """Read every series of the file at `path`.

    Parameters
    ----------
    wanted : tuple of str
        Series that must be there.

    Returns
    -------
    dict of series_id to DailySeries

    Raises
    ------
    SourceError
        Naming the file, the row (the header is row 1), what was expected and what was found.
    """
    return _all_series(*csv_rows.read(path), str(path), wanted)


def read_bytes(content: bytes, name: str, wanted: tuple[str, ...] = ()) -> dict[str, DailySeries]:
    """Read every series of the CSV `content`, called `name` in errors; see `read`."""
    return _all_series(*csv_rows.parse(content, name), name, wanted)


def _all_series(
    header: list[str], rows: list[Row], name: str, wanted: tuple[str, ...]
) -> dict[str, DailySeries]:
    for series in wanted:
        if series == "date":
            raise SourceError(name, "a series beside the column 'date'", "'date'")
        if series not in header:
            expected = f"a column {series!r}"
            raise SourceError(f"{name}, row 1", expected, csv_rows.names(header))
    at_date = header.index("date")
    lines = [line for line, _ in rows]
    days = [csv_rows.parse_day(cells[at_date], f"{name}, row {line}") for line, cells in rows]
    return {
        series: _series(series, days, [cells[at] for _, cells in rows], lines, name)
        for at, series in enumerate(header)
        if series != "date"
    }


def _series(
    series: str, days: list[dt.date], cells: list[str], lines: list[int], name: str
) -> DailySeries:
    counts = []
    for line, cell in zip(lines, cells, strict=True):
        # Whole numbers alone: "1e3", "٣", "1_000" and "437.5" are not how counts are written.
        digits = cell.strip().removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
            where = f"{name}, row {line}, column {series}"
            raise SourceError(where, "a whole number such as 437", repr(cell[:40]))
        counts.append(int(cell))
    try:
        return DailySeries.from_days(series, days, counts)
    except SeriesError as error:
        where = f"{name}, row {lines[error.index or 0]}, column {series}"
        raise SourceError(where, error.expected, error.found) from error
