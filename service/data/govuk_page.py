"""The GOV.UK page "Small boat arrivals: last 7 days", a hand-written table."""

__all__ = ["FORM", "parse_html", "read"]

import contextlib
import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import replace

from selectolax.lexbor import LexborHTMLParser, LexborNode

from service.data import rules
from service.data.rules import LARGEST_COUNT, Row
from service.data.source import Document, Form, SourceError, decode

_MOST_BYTES = 300_000
_MOST_TAGS = 3_000
"""Time and memory grow with the square of their number. Real pages have up to 1,122 tags and 90,000
bytes."""

_HEADER = (
    "Date",
    "Migrants arrived",
    "Boats arrived",
    "Boats involved in uncontrolled landings",
    "Notes",
)
_COUNT = re.compile(r"[1-9]\d{0,2}(,\d{3})+|[1-9]\d{0,5}|0", re.ASCII)
_PLAIN = re.compile(r"(\s*<\w+[^<>]*>)+[^<>]*(</\w+>\s*)+", re.ASCII)
"""A cell with one text, and elements around the whole of it at most."""
# Elements and attributes that cannot hide, strike out or replace a text.
_TAGS = frozenset(
    ("html", "body", "main", "article", "section", "div", "table", "thead", "tbody", "tfoot")
    + ("tr", "th", "td", "p", "span", "strong", "b", "em")
)
_ATTRIBUTES = frozenset(("class", "dir", "id", "lang", "role", "scope", "style"))
_HIDING_CLASS = re.compile("hidden|display-none", re.IGNORECASE)
_HARMLESS_STYLE = re.compile(r"(text-align: *\w+;?)?")
_STAMPS = 'meta[name="govuk:updated-at"], meta[name="govuk:public-updated-at"]'
_ONE_DAY = dt.timedelta(days=1)


def read(content: bytes, name: str, today: dt.date) -> Document:
    """Read the page `content`, called `name` in errors, on the UK day `today`.

    A wrong year in one row between two correct rows is repaired and reported. Any number of
    consecutive days is accepted. Dates and numbers must be plain text: a footnote mark or hidden
    text in a cell would change the figure. Raises `SourceError`; the header of the table is row 1.
    """
    tree = parse_html(content, name)
    rows, notes = _with_right_years([_row(texts, where) for texts, where in _table(tree, name)])
    return rules.document("page", name, rows, _published_at(tree), today, notes)


FORM = Form(("text/html",), _MOST_BYTES, ".html", read)


def parse_html(content: bytes, name: str) -> LexborHTMLParser:
    """Parse a page with a limited number of tags; raises `SourceError`."""
    if content.count(b"<") > _MOST_TAGS:
        raise SourceError(name, f"at most {_MOST_TAGS:,} tags", f"{content.count(b'<'):,}")
    return LexborHTMLParser(decode(content, name))


def _table(tree: LexborHTMLParser, name: str) -> list[tuple[list[str], str]]:
    """Return the texts of each row below the header of the only table with that header."""
    tables = tree.css("table:not(:has(table)):has(tr)")
    headers = [_texts(table.css("tr")[0]) for table in tables]
    wanted = [title.casefold() for title in _HEADER]
    headed = [
        table
        for table, header in zip(tables, headers, strict=True)
        if [title.casefold() for title in header] == wanted
    ]
    if len(headed) != 1:
        begun = "; ".join(" | ".join(header) for header in headers)
        expected = f"one table headed {' | '.join(_HEADER)}"
        raise SourceError(name, expected, begun[:200] or "no table")
    (table,) = headed
    around = [table]
    while around[-1].parent is not None and around[-1].tag != "html":
        around.append(around[-1].parent)
    _check_shown(f"{name}, row 1", [*around, *table.css("thead, tbody, tfoot")])
    rows = table.css("tr")
    if len(rows) < 2:
        raise SourceError(f"{name}, row 2", "a row of figures", "none")
    placed = [(row, f"{name}, row {number}") for number, row in enumerate(rows, 1)]
    return [(_plain_texts(row, where), where) for row, where in placed][1:]


def _texts(row: LexborNode) -> list[str]:
    """Return the text of each cell, with single spaces instead of any others."""
    return [" ".join(cell.text().split()) for cell in row.css("th, td")]


def _plain_texts(row: LexborNode, where: str) -> list[str]:
    """Return the texts of a row, whose cells must be plain; a note that is not is left out.

    A struck-out "Revised" allows no jump.
    """
    texts = _texts(row)
    if len(texts) != len(_HEADER):
        found = f"{len(texts)}: {' | '.join(texts)}"[:200]
        raise SourceError(where, f"{len(_HEADER)} cells", found)
    _check_shown(where, [row])
    for at, (cell, column) in enumerate(zip(row.css("th, td"), _HEADER, strict=True)):
        html = cell.html or ""
        if _PLAIN.fullmatch(html) and all(map(_is_harmless, cell.css("*"))):
            continue
        if column != _HEADER[-1]:
            raise SourceError(f"{where}, {column}", "plain text", repr(html[:100]))
        texts[at] = ""
    return texts


def _check_shown(where: str, nodes: Iterable[LexborNode]) -> None:
    for node in nodes:
        if not _is_harmless(node):
            raise SourceError(where, "plain text", repr((node.html or "")[:100]))


def _is_harmless(node: LexborNode) -> bool:
    """Whether the element, with its attributes, shows its text unchanged."""
    attributes = {name: value or "" for name, value in node.attributes.items()}
    return (
        node.tag in _TAGS
        and all(name in _ATTRIBUTES or name.startswith("data-") for name in attributes)
        and not _HIDING_CLASS.search(attributes.get("class", ""))
        and _HARMLESS_STYLE.fullmatch(attributes.get("style", "")) is not None
    )


def _row(texts: list[str], where: str) -> Row:
    day, people, boats, _, note = texts
    return Row(where, _day(day, where), _count(people, where), _count(boats, where), note)


def _day(text: str, where: str) -> dt.date:
    with contextlib.suppress(ValueError):
        day = dt.datetime.strptime(text, "%d %B %Y").date()
        if rules.is_possible(day):
            return day
    raise SourceError(where, "a date such as 7 December 2025", repr(text[:60]))


def _count(text: str, where: str) -> int:
    number = int(text.replace(",", "")) if _COUNT.fullmatch(text) else -1
    if not 0 <= number <= LARGEST_COUNT:
        raise SourceError(where, "a whole number such as 437", repr(text[:60]))
    return number


def _with_right_years(rows: list[Row]) -> tuple[list[Row], list[str]]:
    """Repair and report a year that both neighbours prove wrong."""
    repaired, notes = list(rows), []
    for at, (before, row, after) in enumerate(zip(rows, rows[1:], rows[2:], strict=False), 1):
        right, stated = before.date + _ONE_DAY, row.date
        is_same_day = (stated.month, stated.day) == (right.month, right.day)
        if stated != right and is_same_day and after.date == right + _ONE_DAY:
            repaired[at] = replace(row, date=right)
            notes.append(
                f"{row.where}: the year of {stated:%-d %B} reads {stated.year} between "
                f"{before.date} and {after.date}; taken as {right.year}"
            )
    return repaired, notes


def _published_at(tree: LexborHTMLParser) -> dt.datetime | None:
    """Return the latest time on the page: the public one omits small corrections."""
    moments = []
    for node in tree.css(_STAMPS):
        with contextlib.suppress(ValueError):
            moments.append(dt.datetime.fromisoformat(node.attributes.get("content") or ""))
    return max((moment for moment in moments if moment.tzinfo), default=None)
