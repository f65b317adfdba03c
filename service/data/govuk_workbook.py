"""The official workbook of time series: SB_01, daily, and SB_02, weekly with preventions.

A zip file may declare a false size, and XML may repeat one cell a million times. So the needed
parts are read within limits, counted, and passed on in a new zip file: what was checked is what is
read.
"""

__all__ = ["FORM", "read"]

import datetime as dt
import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from xml.parsers import expat

from python_calamine import CalamineWorkbook

from service.data import rules
from service.data.rules import LARGEST_COUNT, Row, is_possible
from service.data.source import PREVENTIONS, Document, Form, SourceError

_TYPE = "application/vnd.oasis.opendocument.spreadsheet"
_DAILY, _WEEKLY = "SB_01", "SB_02"
_COUNTS = ("Migrants arrived", "Boats arrived", "Boats arrived - involved in uncontrolled landings")
_HEADERS = {
    _DAILY: ("Date", *_COUNTS, "Notes"),
    _WEEKLY: ("Week ending", *_COUNTS, "Migrants prevented", "Events prevented", "Notes"),
}
_SAVED = re.compile(r"<dc:date>\s*([0-9T:.+Z-]{10,40})\s*</dc:date>")
_CONTENT, _META = "content.xml", "meta.xml"
# The official workbooks have contents of 2,300,000 bytes, and 18,000 cells.
_MOST_BYTES, _MOST_CELLS = 20_000_000, 500_000
_MANIFEST = (
    '<?xml version="1.0"?><manifest:manifest '
    'xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
)
Cells = Sequence[object]


def read(content: bytes, name: str, today: dt.date) -> Document:
    """Read the workbook `content`, called `name` in errors, on the UK day `today`.

    Its publication time is when it was saved, minutes to hours before it was public. Raises
    `SourceError`; the header of a sheet is row 1.
    """
    (daily, weekly), meta = _sheets(content, name)
    rows = [_row(cells, where) for cells, where in _body(daily, _DAILY, name)]
    weeks = [_week(cells, where) for cells, where in _body(weekly, _WEEKLY, name)]
    document = rules.document("workbook", name, rows, _saved_at(meta), today)
    rules.check_weeks(weeks, rows)
    prevented = {week.date: week.preventions for week in weeks if week.preventions is not None}
    revised = {(PREVENTIONS, week.date) for week in weeks if rules.is_revised(week.note)}
    figures = {**document.figures, PREVENTIONS: prevented}
    return replace(document, figures=figures, revised=document.revised | revised)


FORM = Form((_TYPE, "application/octet-stream", "binary/octet-stream"), 10_000_000, ".ods", read)


def _sheets(content: bytes, name: str) -> tuple[list[Sequence[Cells]], str]:
    """Return the rows of SB_01 and of SB_02, and the metadata as XML, empty if there is none."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            cells = _part(packed, _CONTENT)
            meta = _part(packed, _META) if _META in packed.namelist() else b""
        _check_cells(cells)
        checked = io.BytesIO()
        with zipfile.ZipFile(checked, "w", zipfile.ZIP_STORED) as packed:
            packed.writestr("mimetype", _TYPE)
            packed.writestr("META-INF/manifest.xml", _MANIFEST)
            packed.writestr(_CONTENT, cells)
        book = CalamineWorkbook.from_filelike(io.BytesIO(checked.getvalue()))
        sheets: list[Sequence[Cells]] = [
            list(book.get_sheet_by_name(title).to_python(skip_empty_area=False))
            for title in _HEADERS
        ]
    except BaseException as error:  # anything, from damaged files; a panic of Rust code too
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        expected = f"an OpenDocument spreadsheet with sheets {_DAILY} and {_WEEKLY}"
        raise SourceError(name, expected, f"{type(error).__name__}: {error}"[:200]) from error
    return sheets, meta.decode("utf-8", "replace")


def _part(packed: zipfile.ZipFile, part: str) -> bytes:
    info = packed.getinfo(part)
    if info.file_size > _MOST_BYTES:
        raise ValueError(f"over {_MOST_BYTES:,} bytes of {part}: {info.file_size:,}")
    with packed.open(info) as unpacked:  # in steps: `read` would unpack more than is declared
        return unpacked.read(_MOST_BYTES + 1)


def _check_cells(content: bytes) -> None:
    """Raise an error if a table, which is read up to its last filled cell, has too many cells."""
    row = column = rows = columns = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal row, column, rows, columns
        if tag == "table:table":
            row = rows = columns = 0
        elif tag == "table:table-row":
            column = 0
            row += int(attributes.get("table:number-rows-repeated", 1))
        elif tag in ("table:table-cell", "table:covered-table-cell"):
            column += int(attributes.get("table:number-columns-repeated", 1))
        if tag == "text:p" or any(key.endswith("value-type") for key in attributes):
            rows, columns = max(rows, row), max(columns, column)
            if rows * columns > _MOST_CELLS:
                raise ValueError(f"over {_MOST_CELLS:,} cells: {rows:,} rows of {columns:,}")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.Parse(content, True)


def _body(sheet: Sequence[Cells], title: str, name: str) -> list[tuple[Cells, str]]:
    header = _HEADERS[title]
    seen = [" ".join(str(cell).split()) for cell in sheet[0]] if sheet else []
    while seen and not seen[-1]:
        seen.pop()
    if [cell.casefold() for cell in seen] != [cell.casefold() for cell in header]:
        first_row = (" | ".join(seen) or "an empty row")[:300]
        raise SourceError(f"{name}, {title}, row 1", f"the header {' | '.join(header)}", first_row)
    body = [(cells, f"{name}, {title}, row {number}") for number, cells in enumerate(sheet[1:], 2)]
    while body and not any(cell not in ("", None) for cell in body[-1][0]):
        body.pop()
    if not body:
        raise SourceError(f"{name}, {title}, row 2", "a row of figures", "none")
    return [(cells[: len(header)], where) for cells, where in body]


def _row(cells: Cells, where: str) -> Row:
    day, people, boats, *_, note = cells
    return Row(where, _day(day, where), _count(people, where), _count(boats, where), str(note))


def _week(cells: Cells, where: str) -> Row:
    preventions = None if cells[4] == "-" else _count(cells[4], where)  # "-": not collected
    return replace(_row(cells, where), preventions=preventions)


def _day(cell: object, where: str) -> dt.date:
    day = cell.date() if isinstance(cell, dt.datetime) and cell.time() == dt.time() else cell
    if type(day) is dt.date and is_possible(day):
        return day
    raise SourceError(where, "a date", repr(cell)[:60])


def _count(cell: object, where: str) -> int:
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        if 0 <= cell <= LARGEST_COUNT and cell == int(cell):  # also rejects NaN
            return int(cell)
    raise SourceError(where, f"a whole number from 0 to {LARGEST_COUNT}", repr(cell)[:60])


def _saved_at(meta: str) -> dt.datetime | None:
    saved = _SAVED.search(meta)
    try:
        moment = dt.datetime.fromisoformat(saved[1] if saved else "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
