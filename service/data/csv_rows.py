"""Rows of a CSV file, each with the line it stands on."""

from __future__ import annotations

__all__ = ["Row", "names", "parse", "parse_day", "read"]

import csv
import datetime as dt
import io
import re
from pathlib import Path

from service.data.size_limits import read_file
from service.data.source import SourceError

_LARGEST_BYTES = 50_000_000
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
Row = tuple[int, list[str]]


def read(path: Path) -> tuple[list[str], list[Row]]:
    """Read the file at `path`; see `parse`."""
    return parse(read_file(path, _LARGEST_BYTES), str(path))


def parse(content: bytes, name: str) -> tuple[list[str], list[Row]]:
    """Read a header and the rows below it from CSV `content`, called `name` in errors.

    Returns
    -------
    header : list of str
    rows : list of (line, cells)
        As many cells as the header has, at least one row; the header is line 1.

    Raises
    ------
    SourceError
        Naming the line, what was expected and what was found.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = f"the byte 0x{content[error.start]:02x}"
        raise SourceError(f"{name}, row {line}", "text in UTF-8", found) from error
    reader = csv.reader(io.StringIO(text), strict=True)
    try:
        rows = [(reader.line_num, cells) for cells in reader if any(cells)]
    except csv.Error as error:
        where = f"{name}, row {reader.line_num}"
        raise SourceError(where, "comma-separated values", str(error)) from error
    header = [cell.strip() for cell in rows[0][1]] if rows else []
    _check_header(header, name)
    if len(rows) < 2:
        raise SourceError(f"{name}, row 2", "a row such as 2024-10-18,647,10", "no rows")
    for line, cells in rows[1:]:
        if len(cells) != len(header):
            raise SourceError(f"{name}, row {line}", f"{len(header)} values", f"{len(cells)}")
    return header, rows[1:]


def parse_day(text: str, where: str) -> dt.date:
    """Return the date ``YYYY-MM-DD`` in `text`; `where` names its place in errors."""
    try:
        if not _DAY.fullmatch(text.strip()):  # ISO 8601 knows other ways to write a day
            raise ValueError
        return dt.date.fromisoformat(text.strip())
    except ValueError:
        raise SourceError(where, "a date such as 2024-10-18", repr(text[:40])) from None


def names(header: list[str]) -> str:
    """The columns of a header in one printable line, cut where it is long."""
    return repr(",".join(header)[:200])[1:-1] or "nothing"


def _check_header(header: list[str], name: str) -> None:
    where, found = f"{name}, row 1", names(header)
    if "date" not in header:
        raise SourceError(where, "a column 'date'", found)
    if len(set(header)) != len(header) or "" in header:
        raise SourceError(where, "columns with different names", found)
    if len(header) < 2:
        raise SourceError(where, "a column of numbers beside the date", found)
