"""The official workbook of time series: SB_01, daily, and SB_02, weekly with preventions.

A zip file may declare a false size, and XML may repeat one cell a million times. So the needed
parts are read within limits, counted, and passed on in a new zip file: what was checked is what is
read.
"""

__all__ = ["FORM", "read", "unpack"]

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
# The official workbooks have contents of 2,300,000 bytes.
_LARGEST_PARTS = {_CONTENT: 20_000_000, _META: 1_000_000, "mimetype": 100}
_MOST_PARTS = 500
_MOST_CELLS = 500_000  # the official workbooks have 18,000
_STRAY_PARTS = {
    "mimetype": _TYPE,
    "META-INF/manifest.xml": '<?xml version="1.0"?><manifest:manifest '
    'xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>',
}
Cells = Sequence[object]


def read(content: bytes, name: str, today: dt.date) -> Document:
    """Read the workbook `content`, called `name` in errors, on the UK day `today`.

    The publication time is the workbook's own last-saved time, minutes to hours before it was
    public.

    Raises `SourceError`; the header of a sheet is row 1.
    """
    clean, meta = unpack(content, name)
    daily, weekly = _sheets(clean, name)
    rows = [_row(cells, where) for cells, where in _body(daily, _DAILY, name)]
    weeks = [_week(cells, where) for cells, where in _body(weekly, _WEEKLY, name)]
    document = rules.document("workbook", name, rows, _saved_at(meta), today)
    rules.check_weeks(weeks, rows)
    prevented = {week.date: week.preventions for week in weeks if week.preventions is not None}
    revised = {(PREVENTIONS, week.date) for week in weeks if rules.is_revised(week.note)}
    figures = {**document.figures, PREVENTIONS: prevented}
    return replace(document, figures=figures, revised=document.revised | revised)


FORM = Form((_TYPE, "application/octet-stream", "binary/octet-stream"), 10_000_000, ".ods", read)


def _sheets(clean: bytes, name: str) -> list[list[Cells]]:
    """Return the rows of SB_01 and of SB_02."""
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(clean))
        for title in _HEADERS:
            if book.sheet_names.count(title) != 1:
                titles = ", ".join(book.sheet_names)[:200] or "none"
                raise SourceError(name, f"one sheet {title}", f"the sheets {titles}")
        return [
            list(book.get_sheet_by_name(title).to_python(skip_empty_area=False))
            for title in _HEADERS
        ]
    except SourceError:
        raise
    except BaseException as error:
        # A panic in the reader's Rust code is raised as an exception outside `Exception`.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise SourceError(name, "an OpenDocument spreadsheet", str(error)[:200]) from error


def _body(sheet: list[Cells], title: str, name: str) -> list[tuple[Cells, str]]:
    header = _HEADERS[title]
    seen = [" ".join(str(cell).split()) for cell in sheet[0]] if sheet else []
    while seen and not seen[-1]:
        seen.pop()
    if [cell.casefold() for cell in seen] != [cell.casefold() for cell in header]:
        first_row = (" | ".join(seen) or "an empty row")[:300]
        raise SourceError(f"{name}, {title}, row 1", f"the header {' | '.join(header)}", first_row)
    body = [(cells, f"{name}, {title}, row {number}") for number, cells in enumerate(sheet[1:], 2)]
    while body and not any(map(_is_filled, body[-1][0])):
        body.pop()
    if not body:
        raise SourceError(f"{name}, {title}, row 2", "a row of figures", "none")
    for cells, where in body:
        if any(map(_is_filled, cells[len(header) :])):
            raise SourceError(where, f"{len(header)} columns", "more")
    return [(cells[: len(header)], where) for cells, where in body]


def _is_filled(cell: object) -> bool:
    return cell not in ("", None)


def _row(cells: Cells, where: str) -> Row:
    day, people, boats, uncontrolled, *_, note = cells
    date, counts = _day(day, where), (_count(people, where), _count(boats, where))
    return Row(where, date, *counts, _optional_count(uncontrolled, where), str(note))


def _week(cells: Cells, where: str) -> Row:
    *_, prevented, events, _ = cells
    preventions = _optional_count(prevented, where)
    if (preventions is None) != (_optional_count(events, where) is None):
        pair = f"{prevented!r} and {events!r}"
        raise SourceError(where, "people and events prevented, or neither", pair)
    return replace(_row(cells, where), preventions=preventions)


def _day(cell: object, where: str) -> dt.date:
    if isinstance(cell, dt.datetime) and cell.time() == dt.time():
        cell = cell.date()
    if isinstance(cell, dt.date) and not isinstance(cell, dt.datetime) and is_possible(cell):
        return cell
    raise SourceError(where, "a date", repr(cell)[:60])


def _count(cell: object, where: str) -> int:
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        if 0 <= cell <= LARGEST_COUNT and cell == int(cell):  # also rejects NaN
            return int(cell)
    raise SourceError(where, f"a whole number from 0 to {LARGEST_COUNT}", repr(cell)[:60])


def _optional_count(cell: object, where: str) -> int | None:
    if isinstance(cell, str) and cell.strip() == "-":  # not collected
        return None
    return _count(cell, where)


def _saved_at(meta: str) -> dt.datetime | None:
    saved = _SAVED.search(meta)
    try:
        moment = dt.datetime.fromisoformat(saved[1] if saved else "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def unpack(content: bytes, name: str) -> tuple[bytes, str]:
    """Check the workbook `content`, called `name` in errors; raises `SourceError`.

    Returns a zip file of only the checked parts, and the workbook's metadata as XML, empty if there
    is none.
    """
    if not content.startswith(b"PK"):
        beginning = f"{content[:20]!r}" if content else "nothing"
        raise SourceError(name, "an OpenDocument spreadsheet, which begins with b'PK'", beginning)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            if len(packed.namelist()) > _MOST_PARTS:
                count = f"{len(packed.namelist()):,}"
                raise SourceError(name, f"at most {_MOST_PARTS} parts", count)
            kind = _part(packed, "mimetype", name).strip()
            cells = _part(packed, _CONTENT, name)
            meta = _part(packed, _META, name) if _META in packed.namelist() else b""
    except SourceError:
        raise
    except Exception as error:  # damaged files may raise anything
        raise SourceError(name, "an OpenDocument spreadsheet", f"a broken zip: {error}") from error
    if kind != _TYPE.encode():
        raise SourceError(f"{name}, mimetype", _TYPE, repr(kind[:80]))
    _count_cells(cells, f"{name}, {_CONTENT}")
    clean = io.BytesIO()
    with zipfile.ZipFile(clean, "w", zipfile.ZIP_STORED) as packed:
        for part, stated in _STRAY_PARTS.items():
            packed.writestr(part, stated)
        packed.writestr(_CONTENT, cells)
    return clean.getvalue(), meta.decode("utf-8", "replace")


def _part(packed: zipfile.ZipFile, part: str, name: str) -> bytes:
    parts = [info for info in packed.infolist() if info.filename == part]
    if len(parts) != 1:
        raise SourceError(name, f"one part {part}", f"{len(parts)}")
    info = parts[0]
    if info.file_size > _LARGEST_PARTS[part]:
        expected = f"at most {_LARGEST_PARTS[part]:,} bytes unpacked"
        raise SourceError(f"{name}, {part}", expected, f"{info.file_size:,}")
    return packed.read(info)  # no more than the declared size; verifies the checksum


class _CellCounter:
    """Counts the cells in each expanded table, including repeats."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.row = self.rows = self.columns = self.column = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "table:table":
            self.row = self.rows = self.columns = 0
        elif tag == "table:table-row":
            self.column = 0
            self.row += self._repeat(attributes, "table:number-rows-repeated")
        elif tag in ("table:table-cell", "table:covered-table-cell"):
            self.column += self._repeat(attributes, "table:number-columns-repeated")
            if any(key.endswith("value-type") for key in attributes):
                self._fill()
        elif tag == "text:p":
            self._fill()

    def _fill(self) -> None:
        self.rows, self.columns = max(self.rows, self.row), max(self.columns, self.column)
        if self.rows * self.columns > _MOST_CELLS:
            extent = f"{self.rows:,} rows of {self.columns:,}"
            raise SourceError(self.where, f"tables of at most {_MOST_CELLS:,} cells", extent)

    def _repeat(self, attributes: dict[str, str], name: str) -> int:
        text = attributes.get(name, "1")
        if not (text.isascii() and text.isdigit() and len(text) < 8):
            raise SourceError(self.where, f"{name}, a whole number", repr(text[:40]))
        return int(text)

    def doctype(self, *_: object) -> None:
        raise SourceError(self.where, "XML without a document type", "one")


def _count_cells(content: bytes, where: str) -> None:
    cells = _CellCounter(where)
    parser = expat.ParserCreate()
    parser.StartElementHandler = cells.start
    parser.StartDoctypeDeclHandler = cells.doctype
    try:
        parser.Parse(content, True)
    except SourceError:
        raise
    except (expat.ExpatError, ValueError) as error:
        raise SourceError(where, "well-formed XML", str(error)) from error
