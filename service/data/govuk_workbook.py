"""The official workbook of time series: SB_01, daily, and SB_02, weekly with preventions."""

from __future__ import annotations

__all__ = ["FORM", "read"]

import datetime as dt
import io
import re
from collections.abc import Sequence

from python_calamine import CalamineError, CalamineWorkbook, WorksheetNotFound

from service.data import rules
from service.data.rules import LARGEST_COUNT, Row, Week, is_possible
from service.data.source import PREVENTIONS, UK, Document, Form, SourceError
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
    """Read the workbook `content`, called `name` in errors.

    Its time of publication is when it was saved, as it says itself: minutes to hours before it
    was public.

    Parameters
    ----------
    today : date
        The present UK day.

    Raises
    ------
    SourceError
        Naming the sheet, the row (the header is row 1), what was expected and what was found.
    """
    clean, meta = unpack(content, name)
    daily, weekly = _sheets(clean, name)
    rows = [_row(cells, where) for cells, where in _body(daily, _DAILY, name)]
    weeks = [_week(cells, where) for cells, where in _body(weekly, _WEEKLY, name)]
    notes = rules.check_rows(rows, today)
    rules.check_weeks(weeks, rows)
    figures, revised = rules.daily_figures(rows)
    prevented = {w.ending: w.preventions for w in weeks if w.preventions is not None}
    published_at, more = rules.check_stamp(_saved_at(meta), rows[-1].date, today, name, UK)
    return Document(
        source="workbook",
        name=name,
        published_at=published_at,
        figures=figures | {PREVENTIONS: prevented},
        revised=frozenset(
            revised + [(PREVENTIONS, w.ending) for w in weeks if rules.is_revised(w.note)]
        ),
        notes=(*notes, *more),
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
    body = []
    for number, cells in enumerate(sheet[1:], start=2):
        if any(cell not in ("", None) for cell in cells[len(header) :]):
            where = f"{name}, {title}, row {number}"
            raise SourceError(where, f"{len(header)} columns", "more")
        body.append((cells[: len(header)], f"{name}, {title}, row {number}"))
    while body and all(cell in ("", None) for cell in body[-1][0]):
        body.pop()
    if not body:
        raise SourceError(f"{name}, {title}, row 2", "a row of figures", "none")
    return body


def _row(cells: Cells, where: str) -> Row:
    day, people, boats, uncontrolled, note = cells
    return Row(
        where,
        _day(day, where),
        _count(people, where),
        _count(boats, where),
        _maybe(uncontrolled, where),
        str(note),
    )


def _week(cells: Cells, where: str) -> Week:
    ending, people, boats, uncontrolled, prevented, events, note = cells
    if (_maybe(prevented, where) is None) != (_maybe(events, where) is None):
        found = f"{prevented!r} and {events!r}"
        raise SourceError(where, "people and events prevented, or neither", found)
    return Week(
        where,
        _day(ending, where),
        _count(people, where),
        _count(boats, where),
        _maybe(uncontrolled, where),
        _maybe(prevented, where),
        str(note),
    )


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
    found = _SAVED.search(meta)
    if not found:
        return None
    try:
        moment = dt.datetime.fromisoformat(found[1])
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
