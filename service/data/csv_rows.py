"""Read CSV files in common variants, and the figures in them; report what was converted."""

__all__ = ["LARGEST_BYTES", "CsvFile", "Table", "names", "read_series", "read_table"]

import contextlib
import csv
import datetime as dt
import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from forecast.series import DailySeries
from service.core.clock import parse_date
from service.data.rules import check_steps, is_possible
from service.data.source import SourceError, decode, gunzip, read_file

LARGEST_BYTES = 50_000_000
_MOST_ROWS = 1_000_000  # blank rows use memory too
# Reject "-5", "1e3", "٣", "1_000" and "437.5".
_WHOLE = re.compile(r"([0-9]{1,9})(\.0+)?")


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
    """Lower-case header, rows (the last line, and cells by column), and notes on conversions."""

    file: CsvFile
    header: list[str] = field(default_factory=list)
    rows: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)

    def days(self) -> list[tuple[int, dt.date, dict[str, str]]]:
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
            parse_date(text[:10])  # no other form
            if moment.timetz() == dt.time() and is_possible(moment):
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
    header = text.lstrip("\r\n").partition("\n")[0].casefold()
    separator = next((one for one in ",;\t" if _has_column(header, one, date.casefold())), ",")
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
        raise SourceError(f"{table.file}, row 2", f"a row of {names(table.header)}", "no rows")
    for line, cells in filled[1:]:
        if len(cells) != len(stated):
            where = f"{table.file}, row {line}"
            raise SourceError(where, f"{len(stated)} values", f"{len(cells)}")
        table.rows.append((line, dict(zip(table.header, cells, strict=True))))
    return table


def _has_column(header: str, separator: str, name: str) -> bool:
    columns = [column.strip(' "\r') for column in header.split(separator)]
    return len(columns) > 1 and name in columns


def read_series(
    file: CsvFile | Path, required: Sequence[str], optional: Sequence[str] = ()
) -> dict[str, DailySeries]:
    """Read the series `required` and any `optional` ones from `file`; raises `SourceError`."""
    table = read_table(file)
    table.require(required)
    chosen = [name for name in table.header if name in required or name in optional]
    if ignored := [name or "''" for name in table.header if name not in ("date", *chosen)]:
        table.note(f"without the columns {names(ignored)}")
    rows = table.days()
    ordered = sorted(rows, key=lambda row: row[1])
    if ordered != rows:
        table.note("in the order of its days")
    check_steps((table.where(line, "date"), day) for line, day, _ in ordered)
    days = [day for _, day, _ in ordered]
    figures = {
        name: DailySeries.from_days(name, days, [_count(table, *row, name) for row in ordered])
        for name in chosen
    }
    table.report()
    return figures


def _count(table: Table, line: int, _: dt.date, cells: dict[str, str], series: str) -> int:
    whole = _WHOLE.fullmatch(cells[series].strip())
    if not whole:
        text = repr(cells[series][:40])
        raise SourceError(table.where(line, series), "a whole number such as 437", text)
    if whole[2]:
        table.note("with 437.0 as 437")
    return int(whole[1])


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
        content = gunzip(content, str(file), LARGEST_BYTES)
    is_utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    encoding = file.encoding or ("utf-16" if is_utf16 else "utf-8")
    if encoding == "utf-16":
        table.note("as UTF-16")
    hint = "" if file.encoding else ", or its encoding, such as latin-1"
    return decode(content, str(file), encoding, hint).removeprefix("\ufeff")
