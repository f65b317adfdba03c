"""Read figures from a CSV file with ``date`` and a column for each series."""

__all__ = ["read"]

import re
from collections.abc import Sequence
from pathlib import Path

from forecast.series import DailySeries, SeriesError
from service.data import csv_rows
from service.data.csv_rows import CsvFile, Day, Table
from service.data.rules import check_steps
from service.data.source import SourceError

# Whole numbers only: reject "1e3", "٣", "1_000" and "437.5".
_WHOLE = re.compile(r"(-?[0-9]{1,9})(\.0+)?")


def read(
    file: CsvFile | Path, required: Sequence[str], optional: Sequence[str] = ()
) -> dict[str, DailySeries]:
    """Read the series `required` and any `optional` ones from `file`; ignore other columns.

    Raises `SourceError`; the header is row 1.
    """
    table = csv_rows.read_table(file)
    table.require(required)
    chosen = [name for name in table.header if name in required or name in optional]
    if ignored := [name or "''" for name in table.header if name not in ("date", *chosen)]:
        table.note(f"without the columns {csv_rows.names(ignored)}")
    rows = table.days()
    ordered = sorted(rows, key=lambda row: row[1])
    if ordered != rows:
        table.note("in the order of its days")
    check_steps((table.where(line, "date"), day) for line, day, _ in ordered)
    figures = {name: _series(name, table, ordered) for name in chosen}
    table.report()
    return figures


def _series(series: str, table: Table, rows: list[Day]) -> DailySeries:
    counts = []
    for line, _, cells in rows:
        whole = _WHOLE.fullmatch(cells[series].strip())
        if not whole:
            text = repr(cells[series][:40])
            raise SourceError(table.where(line, series), "a whole number such as 437", text)
        if whole[2]:
            table.note("with 437.0 as 437")
        counts.append(int(whole[1]))
    try:
        return DailySeries.from_days(series, [day for _, day, _ in rows], counts)
    except SeriesError as error:
        column = "date" if error.index is None else series  # the date itself may be out of range
        where = table.where(rows[error.index or 0][0], column)
        raise SourceError(where, error.expected, error.actual) from error
