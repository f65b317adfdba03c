"""A CSV file with the columns ``date`` and one for each series."""

from __future__ import annotations

__all__ = ["read", "read_bytes"]

import csv
import datetime as dt
import io
from pathlib import Path

from forecast.series import DailySeries, SeriesError
from service.sources.base import SourceError

_LARGEST_BYTES = 50_000_000


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
    try:
        size = path.stat().st_size
        if size > _LARGEST_BYTES:
            raise SourceError(str(path), f"a file of at most {_LARGEST_BYTES:,} bytes", f"{size:,}")
        content = path.read_bytes()
    except OSError as error:
        raise SourceError(str(path), "a readable file", error.strerror or str(error)) from error
    return read_bytes(content, str(path), wanted)


def read_bytes(content: bytes, name: str, wanted: tuple[str, ...] = ()) -> dict[str, DailySeries]:
    """Read every series of the CSV `content`, called `name` in errors; see `read`."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = f"the byte 0x{content[error.start]:02x}"
        raise SourceError(f"{name}, row {line}", "text in UTF-8", found) from error
    try:
        rows = list(csv.reader(io.StringIO(text), strict=True))
    except csv.Error as error:
        raise SourceError(name, "comma-separated values", str(error)) from error
    columns = _columns(rows, name, wanted)
    body = [(number, row) for number, row in enumerate(rows[1:], start=2) if any(row)]
    if not body:
        raise SourceError(f"{name}, row 2", "a row such as 2024-10-18,647,10", "no rows")
    for number, row in body:
        if len(row) != len(rows[0]):
            raise SourceError(f"{name}, row {number}", f"{len(rows[0])} values", f"{len(row)}")
    days = [_day(row[columns["date"]], f"{name}, row {number}") for number, row in body]
    numbers = [number for number, _ in body]
    return {
        series: _series(series, days, [row[at] for _, row in body], numbers, name)
        for series, at in columns.items()
        if series != "date"
    }


def _columns(rows: list[list[str]], name: str, wanted: tuple[str, ...]) -> dict[str, int]:
    header = [cell.strip() for cell in rows[0]] if rows else []
    where = f"{name}, row 1"
    for column in ("date", *wanted):
        if column not in header:
            found = ",".join(header)[:200] or "nothing"
            raise SourceError(where, f"a column {column!r}", found)
    if len(set(header)) != len(header) or "" in header:
        raise SourceError(where, "columns with different names", ",".join(header)[:200])
    if len(header) < 2:
        raise SourceError(where, "a column of counts beside the date", ",".join(header))
    return {column: at for at, column in enumerate(header)}


def _day(text: str, where: str) -> dt.date:
    try:
        if len(text.strip()) != 10:
            raise ValueError
        return dt.date.fromisoformat(text.strip())
    except ValueError:
        raise SourceError(where, "a date such as 2024-10-18", repr(text[:40])) from None


def _series(
    series: str, days: list[dt.date], cells: list[str], numbers: list[int], name: str
) -> DailySeries:
    counts = []
    for number, cell in zip(numbers, cells, strict=True):
        # Whole numbers alone: "1e3", "٣", "1_000" and "437.5" are not how counts are written.
        digits = cell.strip().removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
            where = f"{name}, row {number}, column {series}"
            raise SourceError(where, "a whole number such as 437", repr(cell[:40]))
        counts.append(int(cell))
    try:
        return DailySeries.from_days(series, days, counts)
    except SeriesError as error:
        at = numbers[error.index or 0]
        raise SourceError(
            f"{name}, row {at}, column {series}", error.expected, error.found
        ) from error
