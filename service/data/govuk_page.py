"""The official page "Small boat arrivals: last 7 days": a table written by hand."""

from __future__ import annotations

__all__ = ["MEDIA_TYPES", "read"]

import datetime as dt
import re
from dataclasses import replace

from selectolax.lexbor import LexborHTMLParser, LexborNode

from forecast.joint import SERIES
from service.core.clock import MONTHS
from service.data import rules
from service.data.rules import LARGEST_COUNT, Row
from service.data.size_limits import LARGEST_PAGE, MOST_TAGS
from service.data.source import Document, SourceError

MEDIA_TYPES = ("text/html",)

_HEADER = (
    "Date",
    "Migrants arrived",
    "Boats arrived",
    "Boats involved in uncontrolled landings",
    "Notes",
)
_USUAL_ROWS, _MOST_ROWS = 7, 31
_DAY = re.compile(r"(\d{1,2}) (" + "|".join(MONTHS) + r") (\d{4})", re.ASCII)
_COUNT = re.compile(r"\d{1,3}(,\d{3})+|\d{1,6}", re.ASCII)
_STAMPS = ("govuk:updated-at", "govuk:public-updated-at")
_ONE_DAY = dt.timedelta(days=1)


def read(content: bytes, name: str, today: dt.date) -> Document:
    """Read the page `content`, called `name` in errors.

    A wrong year in one row between two right neighbours is repaired, and said in the notes.
    Any number of consecutive days is taken; another number than seven is said in the notes.

    Parameters
    ----------
    today : date
        The present UK day.

    Raises
    ------
    SourceError
        Naming the row of the table (the header is row 1), what was expected and what was found.
    """
    tree = LexborHTMLParser(_text(content, name))
    table = _table(tree, name)
    rows, notes = _with_right_years([_row(cells, where) for cells, where in table])
    notes += rules.check_rows(rows, today)
    if len(rows) != _USUAL_ROWS:
        notes.append(f"{name}: {len(rows)} days instead of {_USUAL_ROWS}; taken as stated")
    published_at, more = rules.check_stamp(_published_at(tree), rows[-1].date, today, name)
    return Document(
        source="page",
        name=name,
        published_at=published_at,
        figures={
            "people": {row.date: row.people for row in rows},
            "boats": {row.date: row.boats for row in rows},
        },
        revised=frozenset(
            (series, row.date) for row in rows if rules.is_revised(row.note) for series in SERIES
        ),
        notes=(*notes, *more),
    )


def _text(content: bytes, name: str) -> str:
    if len(content) > LARGEST_PAGE:
        wanted = f"a page of at most {LARGEST_PAGE:,} bytes"
        raise SourceError(name, wanted, f"{len(content):,}")
    if content.count(b"<") > MOST_TAGS:
        raise SourceError(name, f"at most {MOST_TAGS:,} tags", f"{content.count(b'<'):,}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = f"the byte 0x{content[error.start]:02x}"
        raise SourceError(f"{name}, line {line}", "text in UTF-8", found) from error


def _table(tree: LexborHTMLParser, name: str) -> list[tuple[list[str], str]]:
    """The cells of each row below the header, of the one table that has it."""
    innermost = [node for node in tree.css("table") if len(node.css("table")) == 1]
    tables = [_cells(node) for node in innermost]
    headed = [rows for rows in tables if rows and _is_header(rows[0])]
    wanted = f"one table headed {' | '.join(_HEADER)}"
    if len(headed) > 1:
        raise SourceError(name, wanted, f"{len(headed)}")
    if not headed:
        first = next((rows[0] for rows in tables if rows), None)
        if first is not None:
            found = f"a table that begins {' | '.join(first)}"[:200]
        else:
            found = f"no table on {_title(tree)}"
        raise SourceError(name, wanted, found)
    body = [(cells, f"{name}, row {number}") for number, cells in enumerate(headed[0][1:], start=2)]
    if not 1 <= len(body) <= _MOST_ROWS:
        raise SourceError(f"{name}, row 2", f"1 to {_MOST_ROWS} rows of figures", str(len(body)))
    for cells, where in body:
        if len(cells) != len(_HEADER):
            found = f"{len(cells)}: {' | '.join(cells)}"[:200]
            raise SourceError(where, f"{len(_HEADER)} cells", found)
    return body


def _cells(table: LexborNode) -> list[list[str]]:
    rows = []
    for row in table.css("tr"):
        cells = row.css("th, td")
        # A cell that spans several would put its neighbours under the wrong header.
        spans = any(_spans(cell) for cell in cells)
        rows.append([] if spans else [_plain(cell.text()) for cell in cells])
    return rows


def _spans(cell: LexborNode) -> bool:
    given = cell.attributes
    return any((given.get(key) or "1").strip() != "1" for key in ("colspan", "rowspan"))


def _is_header(cells: list[str]) -> bool:
    return [cell.casefold() for cell in cells] == [cell.casefold() for cell in _HEADER]


def _title(tree: LexborHTMLParser) -> str:
    heading = tree.css_first("h1") or tree.css_first("title")
    text = _plain(heading.text()) if heading else ""
    return repr(text[:120]) if text else "a page without a heading"


def _plain(text: str) -> str:
    return " ".join(text.split())  # no-break spaces as well


def _row(cells: list[str], where: str) -> Row:
    day, people, boats, uncontrolled, note = cells
    return Row(
        where,
        _day(day, where),
        _count(people, where),
        _count(boats, where),
        None if uncontrolled == "-" else _count(uncontrolled, where),
        note,
    )


def _day(text: str, where: str) -> dt.date:
    found = _DAY.fullmatch(text)
    try:
        if not found:
            raise ValueError
        day = dt.date(int(found[3]), MONTHS.index(found[2]) + 1, int(found[1]))
        if not rules.is_possible(day):
            raise ValueError
        return day
    except ValueError:
        raise SourceError(where, "a date such as 7 December 2025", repr(text[:60])) from None


def _count(text: str, where: str) -> int:
    number = int(text.replace(",", "")) if _COUNT.fullmatch(text) else -1
    if not 0 <= number <= LARGEST_COUNT:
        raise SourceError(where, "a whole number such as 437", repr(text[:60]))
    return number


def _with_right_years(rows: list[Row]) -> tuple[list[Row], list[str]]:
    """Put right the one year that two neighbours prove wrong, and say so."""
    wrong = [
        at
        for at in range(1, len(rows) - 1)
        if rows[at + 1].date - rows[at - 1].date == 2 * _ONE_DAY
        and rows[at].date != rows[at - 1].date + _ONE_DAY
    ]
    if len(wrong) != 1:
        return rows, []
    (at,) = wrong
    row, right = rows[at], rows[at - 1].date + _ONE_DAY
    if (row.date.month, row.date.day) != (right.month, right.day):
        return rows, []
    note = (
        f"{row.where}: the year of {row.date:%-d %B} reads {row.date.year} between "
        f"{rows[at - 1].date} and {rows[at + 1].date}; taken as {right.year}"
    )
    return [*rows[:at], replace(row, date=right), *rows[at + 1 :]], [note]


def _published_at(tree: LexborHTMLParser) -> dt.datetime | None:
    """The latest of the times that the page states: the public one skips small corrections."""
    moments = []
    for stamp in _STAMPS:
        node = tree.css_first(f'meta[name="{stamp}"]')
        try:
            moment = dt.datetime.fromisoformat((node and node.attributes.get("content")) or "")
        except ValueError:
            continue
        if moment.tzinfo:
            moments.append(moment)
    return max(moments, default=None)
