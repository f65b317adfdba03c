"""Read a declared CSV or JSON table and check it against the declaration."""

__all__ = ["form", "read"]

import datetime as dt
import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from service.core.declared_series import Route, Table
from service.data import csv_rows
from service.data.csv_rows import CsvFile
from service.data.rules import check_steps, is_possible
from service.data.source import Document, Form, SourceError, parse_json

_ANY_TYPE = ("text/plain", "application/octet-stream", "binary/octet-stream")
_MEDIA_TYPES = {
    "csv": ("text/csv", "application/csv", "application/vnd.ms-excel", *_ANY_TYPE),
    "json": ("application/json", "application/geo+json", *_ANY_TYPE),
}
_MOST = 9_999_999
_SPACES = str.maketrans("\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}", "  ")


class _Report(NamedTuple):
    """Content of one row."""

    where: str
    day: dt.date
    counts: dict[str, int]


def read(content: bytes, name: str, route: Route, today: dt.date) -> Document:
    """Read the table `content`, called `name` in errors, as declared by `route`.

    Raises `SourceError`.
    """
    table = route.source
    assert isinstance(table, Table)
    rows = _csv_rows if table.kind == "csv" else _json_rows
    missing = {_text(placeholder) for placeholder in table.placeholders}
    by_day: dict[dt.date, list[_Report]] = {}
    for cells, where in rows(content, name, table):
        report = _report(table, cells, missing, where, today)
        by_day.setdefault(report.day, []).append(report)
    days = sorted(by_day)
    check_steps((f"{by_day[day][0].where}, column {table.date}", day) for day in days)
    figures = {}
    for series_id in table.columns:
        counts = {day: _choose_count(table, series_id, by_day[day]) for day in days}
        figures[series_id] = {day: count for day, count in counts.items() if count is not None}
    if not any(figures.values()):
        raise SourceError(name, "a count in some row", "placeholders alone")
    stated = {day: [report.counts for report in by_day[day]] for day in days}
    return Document("declared", name, None, figures, reports=stated)


def form(route: Route, table: Table) -> Form:
    """Return how to fetch and read the declared table of `route`."""
    return Form(
        _MEDIA_TYPES[table.kind],
        csv_rows.LARGEST_BYTES,
        f".{table.kind}",
        lambda content, name, today: read(content, name, route, today),
    )


def _csv_rows(content: bytes, name: str, table: Table) -> Iterator[tuple[dict[str, str], str]]:
    """Yield the declared cells of each row by column, and the row's place."""
    encoding = None if table.encoding == "utf-8" else table.encoding
    rows = csv_rows.read_table(CsvFile(Path(name), encoding, name=name), content, table.date)
    columns = {column: column.casefold() for column in (table.date, *table.columns.values())}
    rows.require(columns.values())
    for line, cells in rows.rows:
        yield {column: cells[folded] for column, folded in columns.items()}, f"{name}, row {line}"


def _json_rows(content: bytes, name: str, table: Table) -> Iterator[tuple[dict[str, Any], str]]:
    node = parse_json(content, name)
    for key in table.rows.split(".") if table.rows else ():
        if not isinstance(node, dict) or key not in node:
            keys = ", ".join(node)[:200] if isinstance(node, dict) else type(node).__name__
            raise SourceError(name, f"a key {key!r} of {table.rows!r}", keys or "no key")
        node = node[key]
    if not isinstance(node, list) or not node:
        expected = f"a list of rows at {table.rows!r}" if table.rows else "a list of rows"
        raise SourceError(name, expected, "none" if node == [] else type(node).__name__)
    for number, row in enumerate(node, 1):
        where = f"{name}, row {number}"
        if not isinstance(row, dict):
            raise SourceError(where, "an object with the columns as keys", repr(row)[:60])
        for column in (table.date, *table.columns.values()):
            if column not in row:
                raise SourceError(where, f"a key {column!r}", ", ".join(row)[:200] or "none")
        yield row, where


def _text(value: Any) -> str:
    """Return a cell as text: a JSON value as in a CSV file."""
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value)
    return text.translate(_SPACES).strip()


def _report(
    table: Table, cells: dict[str, Any], missing: Collection[str], where: str, today: dt.date
) -> _Report:
    text, place = _text(cells[table.date]), f"{where}, column {table.date}"
    try:
        day = dt.datetime.strptime(text, table.date_format).date()
    except ValueError as error:
        example = dt.date(2024, 10, 18).strftime(table.date_format)
        raise SourceError(place, f"a date such as {example}", repr(text[:40])) from error
    if not is_possible(day) or day > today:
        raise SourceError(place, f"a day up to today, {today}", str(day))
    counts = {
        series_id: _count(table, cells[column], f"{where}, column {column}")
        for series_id, column in table.columns.items()
        if _text(cells[column]) not in missing
    }
    return _Report(where, day, counts)


def _count(table: Table, cell: Any, where: str) -> int:
    """Return the whole number in `cell`, without leading zeros: they may be the rest of another.

    Only texts have the separators of the table. One or two zeros may follow the decimal separator,
    but not three: it may be that of thousands.
    """
    text = _text(cell)
    decimal, thousands = (table.decimal, table.thousands) if isinstance(cell, str) else (".", "")
    grouped = rf"[1-9]\d{{0,2}}(?:{re.escape(thousands)}\d{{3}}){{1,2}}|" if thousands else ""
    form = rf"({grouped}0|[1-9]\d{{0,6}})(?:{re.escape(decimal)}0{{1,2}})?"
    match = re.fullmatch(form, text, re.ASCII)
    count = int(match[1].replace(thousands, "")) if match else -1
    if not 0 <= count <= _MOST:
        example = f"1{table.thousands}437" if table.thousands else "437"
        raise SourceError(where, f"a whole number such as {example}", repr(text[:40]))
    return count


def _choose_count(table: Table, series_id: str, reports: list[_Report]) -> int | None:
    """Return the count that applies among the reports of one day, if any has one."""
    stated = [report for report in reports if series_id in report.counts]
    counts = [report.counts[series_id] for report in stated]
    if not counts:
        return None
    if table.reports == "largest":
        return max(counts)
    if table.reports == "refuse":
        for report, count in zip(stated, counts, strict=True):
            if count != counts[0]:
                where = f"{report.where}, column {table.columns[series_id]}"
                row = stated[0].where.rpartition(", ")[2]
                expected = f"{counts[0]}, as {row} says for {report.day}"
                raise SourceError(where, expected, str(count))
    return counts[-1 if table.reports == "last" else 0]
