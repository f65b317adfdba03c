"""The GOV.UK page "Small boat arrivals: last 7 days", a hand-written table."""

__all__ = ["FORM", "parse_html", "read"]

import calendar
import datetime as dt
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from selectolax.lexbor import LexborHTMLParser, LexborNode

from service.data import rules
from service.data.rules import LARGEST_COUNT, Row
from service.data.source import Document, Form, SourceError, decode

# Time and memory grow with the square of the numbers of tags, tables and attributes of a tag. Real
# pages have up to 90,000 bytes, 1,122 tags and one table.
_MOST_BYTES, _MOST_TAGS, _MOST_TABLES = 300_000, 3_000, 50

_HEADER = (
    "Date",
    "Migrants arrived",
    "Boats arrived",
    "Boats involved in uncontrolled landings",
    "Notes",
)
_USUAL_ROWS, _MOST_ROWS = 7, 31
_MONTHS = list(calendar.month_name)
_DAY = re.compile(r"(\d{1,2}) (" + "|".join(_MONTHS[1:]) + r") (\d{4})", re.ASCII)
_COUNT = re.compile(r"[1-9]\d{0,2}(,\d{3})+|[1-9]\d{0,5}|0", re.ASCII)
_PLAIN = re.compile(r"(\s*<\w+[^<>]*>)+[^<>]*(</\w+>\s*)+", re.ASCII)
"""A cell with one text, and elements around the whole of it at most."""
# Elements, attributes and style properties that cannot hide, strike out or replace a text.
_TAGS = frozenset(
    ("html", "body", "main", "article", "section", "div", "table", "thead", "tbody", "tfoot")
    + ("col", "colgroup", "tr", "th", "td", "p", "span", "strong", "b", "em")
)
_ATTRIBUTES = frozenset(
    ("class", "colspan", "dir", "id", "lang", "role", "rowspan", "scope", "style", "tabindex")
)
_ROLES = ("main", "region", "group")
_STYLES = frozenset({"", "text-align", "font-weight", "white-space"})
_SPANNING = ", ".join(
    f'{cell}[{span}]:not([{span}="1"])' for cell in ("th", "td") for span in ("colspan", "rowspan")
)
_STAMPS = 'meta[name="govuk:updated-at"], meta[name="govuk:public-updated-at"]'
_ONE_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class _Cell:
    text: str
    node: LexborNode

    @property
    def markup(self) -> str:
        """The HTML if the text may differ from what a reader sees, otherwise empty."""
        html = self.node.html or ""
        changed = _markup((*self.node.css("*"), *_ancestors(self.node, "table")))
        return changed or ("" if _PLAIN.fullmatch(html) else html)


def read(content: bytes, name: str, today: dt.date) -> Document:
    """Read the page `content`, called `name` in errors, on the UK day `today`.

    A wrong year in one row between two correct rows is repaired and reported. Any number of
    consecutive days is accepted; a number other than seven is reported. Dates and numbers must be
    plain text: a footnote mark or hidden text in a cell would change the figure.

    Raises `SourceError`; the header of the table is row 1.
    """
    tree = parse_html(content, name)
    rows, notes = _with_right_years([_row(cells, where) for cells, where in _table(tree, name)])
    if len(rows) != _USUAL_ROWS:
        notes.append(f"{name}: {len(rows)} days instead of {_USUAL_ROWS}; taken as stated")
    return rules.document("page", name, rows, _published_at(tree), today, notes)


FORM = Form(("text/html",), 2_000_000, ".html", read)


def parse_html(content: bytes, name: str) -> LexborHTMLParser:
    """Parse a page of limited size; raises `SourceError`."""
    if len(content) > _MOST_BYTES:
        raise SourceError(name, f"at most {_MOST_BYTES:,} bytes", f"{len(content):,}")
    if content.count(b"<") > _MOST_TAGS:
        raise SourceError(name, f"at most {_MOST_TAGS:,} tags", f"{content.count(b'<'):,}")
    return LexborHTMLParser(decode(content, name))


def _table(tree: LexborHTMLParser, name: str) -> list[tuple[list[_Cell], str]]:
    """Return the cells of each row below the header of the only table with that header."""
    nodes = tree.css("table")
    if len(nodes) > _MOST_TABLES:
        raise SourceError(name, f"at most {_MOST_TABLES} tables", str(len(nodes)))
    tables = [(node, _cells(node)) for node in nodes if len(node.css("table")) == 1]
    header = [title.casefold() for title in _HEADER]
    headed = [
        (node, rows)
        for node, rows in tables
        if rows and [cell.text.casefold() for cell in rows[0]] == header
    ]
    expected = f"one table headed {' | '.join(_HEADER)}"
    if len(headed) > 1:
        raise SourceError(name, expected, f"{len(headed)}")
    if not headed:
        begun = [f"a table that begins {_joined(rows[0])}" for _, rows in tables if rows]
        heading = tree.css_first("h1") or tree.css_first("title")
        title = repr(_plain(heading.text())[:120]) if heading else "a page without a heading"
        raise SourceError(name, expected, (*begun, f"no table on {title}")[0][:200])
    return _checked(*headed[0], name)


def _checked(
    table: LexborNode, rows: list[list[_Cell]], name: str
) -> list[tuple[list[_Cell], str]]:
    """Return the rows below the header, with their places."""
    # A column may be hidden too.
    if markup := _markup((*table.css("colgroup, col"), *_ancestors(table, "html"))):
        raise SourceError(f"{name}, row 1", "plain text", repr(markup[:100]))
    if not 2 <= len(rows) <= _MOST_ROWS + 1:
        expected = f"1 to {_MOST_ROWS} rows of figures"
        raise SourceError(f"{name}, row 2", expected, str(len(rows) - 1))
    placed = [(cells, f"{name}, row {number}") for number, cells in enumerate(rows, start=1)]
    for cells, where in placed:
        _check_cells(cells, where)
    return placed[1:]


def _check_cells(cells: list[_Cell], where: str) -> None:
    if len(cells) != len(_HEADER):
        row = f"{len(cells)}: {_joined(cells)}"[:200]
        raise SourceError(where, f"{len(_HEADER)} cells", row)
    for cell, column in zip(cells[:-1], _HEADER, strict=False):
        if cell.markup:
            raise SourceError(f"{where}, {column}", "plain text", repr(cell.markup[:100]))


def _joined(cells: list[_Cell]) -> str:
    return " | ".join(cell.text for cell in cells)


def _cells(table: LexborNode) -> list[list[_Cell]]:
    """Return cells by row; none if one spans several, which would shift its neighbours."""
    return [
        []
        if row.css(_SPANNING)
        else [_Cell(_plain(cell.text()), cell) for cell in row.css("th, td")]
        for row in table.css("tr")
    ]


def _ancestors(node: LexborNode, last: str) -> Iterator[LexborNode]:
    """Yield each element around `node`, innermost first, up to the `last`."""
    while node.parent is not None and node.tag != last:
        node = node.parent
        yield node


def _markup(nodes: Iterable[LexborNode]) -> str:
    """Return the HTML of the first of the `nodes` that may change or hide its text, if any."""
    return next((node.html or "hidden text" for node in nodes if not _is_harmless(node)), "")


def _is_harmless(node: LexborNode) -> bool:
    """Whether the element, with its attributes, shows its text unchanged."""
    attributes = {name: value or "" for name, value in node.attributes.items()}
    styles = attributes.get("style", "").lower().split(";")
    return (
        node.tag in _TAGS
        and all(name in _ATTRIBUTES or name.startswith("data-") for name in attributes)
        and attributes.get("role", "main") in _ROLES
        and not re.search("hidden|display-none", attributes.get("class", ""), re.IGNORECASE)
        and _STYLES.issuperset(style.partition(":")[0].strip() for style in styles)
    )


def _plain(text: str) -> str:
    return " ".join(text.split())  # also replaces no-break spaces


def _row(cells: list[_Cell], where: str) -> Row:
    day, people, boats, uncontrolled, note = cells
    date, counts = _day(day.text, where), (_count(people.text, where), _count(boats.text, where))
    landings = None if uncontrolled.text == "-" else _count(uncontrolled.text, where)
    # A struck-out "Revised" allows no jump.
    return Row(where, date, *counts, landings, "" if note.markup else note.text)


def _day(text: str, where: str) -> dt.date:
    match = _DAY.fullmatch(text)
    try:
        day = dt.date(int(match[3]), _MONTHS.index(match[2]), int(match[1])) if match else None
    except ValueError:
        day = None
    if day is None or not rules.is_possible(day):
        raise SourceError(where, "a date such as 7 December 2025", repr(text[:60]))
    return day


def _count(text: str, where: str) -> int:
    number = int(text.replace(",", "")) if _COUNT.fullmatch(text) else -1
    if not 0 <= number <= LARGEST_COUNT:
        raise SourceError(where, "a whole number such as 437", repr(text[:60]))
    return number


def _with_right_years(rows: list[Row]) -> tuple[list[Row], list[str]]:
    """Repair and report a year that both neighbours prove wrong."""
    wrong = [
        at
        for at, (before, row, after) in enumerate(zip(rows, rows[1:], rows[2:], strict=False), 1)
        if after.date - before.date == 2 * _ONE_DAY and row.date - before.date != _ONE_DAY
    ]
    if len(wrong) != 1:
        return rows, []
    before, row, after = rows[wrong[0] - 1 : wrong[0] + 2]
    right = before.date + _ONE_DAY
    if (row.date.month, row.date.day) != (right.month, right.day):
        return rows, []
    note = (
        f"{row.where}: the year of {row.date:%-d %B} reads {row.date.year} between "
        f"{before.date} and {after.date}; taken as {right.year}"
    )
    return [replace(one, date=right) if one is row else one for one in rows], [note]


def _published_at(tree: LexborHTMLParser) -> dt.datetime | None:
    """Return the latest time on the page: the public one omits small corrections."""
    moments = []
    for node in tree.css(_STAMPS):
        try:
            moment = dt.datetime.fromisoformat(node.attributes.get("content") or "")
        except ValueError:
            continue
        if moment.tzinfo:
            moments.append(moment)
    return max(moments, default=None)
