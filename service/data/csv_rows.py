"""Read CSV files in common variants, and report what was converted."""

__all__ = ["LARGEST_BYTES", "CsvFile", "Day", "Table", "names", "read_table"]

import contextlib
import csv
import datetime as dt
import io
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from service.data.source import SourceError, decode, gunzip, read_file

LARGEST_BYTES = 50_000_000
_MOST_ROWS = 1_000_000  # blank rows use memory too
Day = tuple[int, dt.date, dict[str, str]]
"""The last line of a row, its day, and its cells by column."""


@dataclass(frozen=True)
class CsvFile:
    """A file, ``-`` for standard input, and how to read it.

    `encoding` None is UTF-8, or UTF-16 with a byte-order mark; `dayfirst` accepts 18/10/2024;
    `report` is called with one line on converted formats. Errors call the file `name`, by default
    its path.
    """

    path: Path
    encoding: str | None = None
    dayfirst: bool = False
    report: Callable[[str], object] = lambda _: None
    name: str = ""

    def __str__(self) -> str:
        return self.name or ("standard input" if str(self.path) == "-" else str(self.path))


@dataclass
class Table:
    """Lower-case header, and rows: the last line of each, and its cells by column.

    `notes` say how something was converted, each once.
    """

    file: CsvFile
    header: list[str] = field(default_factory=list)
    rows: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)

    def days(self) -> list[Day]:
        """Return the rows with the day of their column ``date``."""
        return [(line, self.day(cells["date"], line), cells) for line, cells in self.rows]

    def where(self, line: int, column: str) -> str:
        """Return the place of a cell for errors."""
        return f"{self.file}, row {line}, column {column}"

    def require(self, columns: Iterable[str]) -> None:
        """Raise `SourceError` if one of the `columns` is missing."""
        for column in columns:
            if column not in self.header:
                header = names(self.header)
                raise SourceError(f"{self.file}, row 1", f"a column {column!r}", header)

    def note(self, text: str) -> None:
        """Add to the notes."""
        self.notes[text] = None

    def report(self) -> None:
        """Report the notes, if any."""
        if self.notes:
            self.file.report(f"{self.file} is read {', '.join(self.notes)}")

    def day(self, text: str, line: int, column: str = "date") -> dt.date:
        """Return the day in `text`, a cell of `column`."""
        text = text.strip()
        with contextlib.suppress(ValueError):
            if self.file.dayfirst and not text[:4].isdigit():
                day = dt.datetime.strptime(re.sub("[.-]", "/", text), "%d/%m/%Y").date()
                self.note("with days as day, month, year")
                return day
            moment = dt.datetime.fromisoformat(text)
            if moment.time() == dt.time():
                if len(text) > len("2024-10-18"):
                    self.note("without the time 00:00")
                return moment.date()
        expected = "a date such as 2024-10-18, or 18/10/2024 with --dayfirst"
        raise SourceError(self.where(line, column), expected, repr(text[:40]))


def read_table(file: CsvFile | Path, content: bytes | None = None, date: str = "date") -> Table:
    """Read `file`, or its `content`, with a column `date` among others; raises `SourceError`."""
    table = Table(file if isinstance(file, CsvFile) else CsvFile(file))
    if content is None:
        content = read_file(table.file.path, LARGEST_BYTES)
    text = _text(content, table)
    separator = max(",;\t", key=text.lstrip("\r\n").partition("\n")[0].count)
    if separator != ",":
        table.note(f"with {separator!r} between columns")
    lines = _lines(text, separator, table.file)
    filled = [(line, cells) for line, cells in lines if any(map(str.strip, cells))]
    stated = [cell.strip() for cell in filled[0][1]] if filled else []
    table.header = [cell.casefold() for cell in stated]
    table.require([date.casefold()])
    named = [name for name in table.header if name]
    if len(set(named)) != len(named):
        raise SourceError(f"{table.file}, row 1", "columns with different names", names(stated))
    if table.header != stated:
        table.note("with names of columns in lower case")
    if len(filled) < len(lines):
        table.note("without blank rows")
    if len(filled) < 2:
        raise SourceError(f"{table.file}, row 2", "a row such as 2024-10-18,647,10", "no rows")
    for line, cells in filled[1:]:
        if len(cells) != len(stated):
            where = f"{table.file}, row {line}"
            raise SourceError(where, f"{len(stated)} values", f"{len(cells)}")
        table.rows.append((line, dict(zip(table.header, cells, strict=True))))
    return table


def _lines(text: str, separator: str, file: CsvFile) -> list[tuple[int, list[str]]]:
    """Return the last line and the cells of each row."""
    reader = csv.reader(io.StringIO(text), strict=True, delimiter=separator)
    try:
        lines = [(reader.line_num, cells) for cells in islice(reader, _MOST_ROWS + 1)]
    except csv.Error as error:
        where = f"{file}, row {reader.line_num}"
        raise SourceError(where, "comma-separated values", str(error)) from error
    if len(lines) > _MOST_ROWS:
        raise SourceError(str(file), f"at most {_MOST_ROWS:,} rows", "more")
    return lines


def names(header: list[str]) -> str:
    """Return the columns of a header in one line, truncated if long."""
    return repr(",".join(header)[:200])[1:-1] or "nothing"


def _text(content: bytes, table: Table) -> str:
    """The `content` unpacked and decoded."""
    file = table.file
    if content.startswith(b"\x1f\x8b"):
        try:
            content = gunzip(content, LARGEST_BYTES)
        except ValueError as error:
            raise SourceError(str(file), "a whole gzip file", str(error)) from error
    is_utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    encoding = file.encoding or ("utf-16" if is_utf16 else "utf-8")
    if encoding == "utf-16":
        table.note("as UTF-16")
    hint = "" if file.encoding else ", or its encoding, such as latin-1"
    return decode(content, str(file), encoding, hint).removeprefix("\ufeff")
