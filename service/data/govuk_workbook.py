"""The official workbook of time series: SB_01, daily, and SB_02, weekly with preventions."""

from __future__ import annotations

__all__ = ["FORM", "read"]

import datetime as dt
import io
import re
from collections.abc import Sequence
from dataclasses import replace

from python_calamine import CalamineError, CalamineWorkbook, WorksheetNotFound

from service.data import rules
from service.data.rules import LARGEST_COUNT, Row, is_possible
from service.data.source import PREVENTIONS, Document, Form, SourceError
from service.data.zip_archive import unpack

_DAILY, _WEEKLY = "SB_01", "SB_02"
_HEADERS = {
    _DAILY: (
        "Date",
        "Migrants arrived",
        "Boats arrived",
        "Boats arrived - involved in uncontrolled landings",
        "Notes",
    ),
    _WEEKLY: (
        "Week ending",
        "Migrants arrived",
        "Boats arrived",
        "Boats arrived - involved in uncontrolled landings",
        "Migrants prevented",
        "Events prevented",
        "Notes",
    ),
}
_NOT_COLLECTED = "-"
_SAVED = re.compile(r"<dc:date>\s*([0-9T:.+Z-]{10,40})\s*</dc:date>")
Cells = Sequence[object]


def read(content: bytes, name: str, today: dt.date) -> Document:
    """Read the workbook `content`, called `name` in errors, on the UK day `today`.

    Its time of publication is when it was saved, as it says itself: minutes to hours before it
    was public.

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
    return replace(
        document,
        figures={**document.figures, PREVENTIONS: prevented},
        revised=document.revised | revised,
    )


FORM = Form(
    (
        "application/vnd.oasis.opendocument.spreadsheet",
        "application/octet-stream",
        "binary/octet-stream",
    ),
    10_000_000,
    ".ods",
    read,
)


def _sheets(clean: bytes, name: str) -> tuple[list[Cells], list[Cells]]:
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(clean))
        names = book.sheet_names
        for wanted in (_DAILY, _WEEKLY):
            if names.count(wanted) != 1:
                found = ", ".join(names)[:200] or "none"
                raise SourceError(name, f"one sheet {wanted}", f"the sheets {found}")
        daily, weekly = (
            book.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
            for sheet in (_DAILY, _WEEKLY)
        )
        return list(daily), list(weekly)
    except (CalamineError, WorksheetNotFound) as error:
        raise SourceError(name, "an OpenDocument spreadsheet", str(error)[:200]) from error
    except BaseException as error:
        # A fault inside the reader's Rust code arrives as an exception outside `Exception`.
        if type(error).__name__ != "PanicException":
            raise
        raise SourceError(name, "an OpenDocument spreadsheet", "one unlike any other") from error


def _body(sheet: list[Cells], title: str, name: str) -> list[tuple[Cells, str]]:
    header = _HEADERS[title]
    seen = [" ".join(str(cell).split()) for cell in sheet[0]] if sheet else []
    while seen and not seen[-1]:
        seen.pop()
    if [cell.casefold() for cell in seen] != [cell.casefold() for cell in header]:
        found = (" | ".join(seen) or "an empty row")[:300]
        raise SourceError(f"{name}, {title}, row 1", f"the header {' | '.join(header)}", found)
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
    return Row(
        where,
        _day(day, where),
        _count(people, where),
        _count(boats, where),
        _maybe(uncontrolled, where),
        str(note),
    )


def _week(cells: Cells, where: str) -> Row:
    *_, prevented, events, _ = cells
    preventions = _maybe(prevented, where)
    if (preventions is None) != (_maybe(events, where) is None):
        found = f"{prevented!r} and {events!r}"
        raise SourceError(where, "people and events prevented, or neither", found)
    return replace(_row(cells, where), preventions=preventions)


def _day(cell: object, where: str) -> dt.date:
    if isinstance(cell, dt.datetime) and cell.time() == dt.time():
        cell = cell.date()
    if isinstance(cell, dt.date) and not isinstance(cell, dt.datetime) and is_possible(cell):
        return cell
    raise SourceError(where, "a date", repr(cell)[:60])


def _count(cell: object, where: str) -> int:
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        if 0 <= cell <= LARGEST_COUNT and cell == int(cell):  # not a number fails here as well
            return int(cell)
    raise SourceError(where, f"a whole number from 0 to {LARGEST_COUNT}", repr(cell)[:60])


def _maybe(cell: object, where: str) -> int | None:
    if isinstance(cell, str) and cell.strip() == _NOT_COLLECTED:
        return None
    return _count(cell, where)


def _saved_at(meta: str) -> dt.datetime | None:
    saved = _SAVED.search(meta)
    try:
        moment = dt.datetime.fromisoformat(saved[1] if saved else "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
