"""A CSV file of covariates: ``date``, numeric columns, and ``member`` for an ensemble."""

__all__ = ["read", "read_forecasts"]

import datetime as dt
import math
from pathlib import Path

import numpy as np

from forecast.covariates import CovariateTable, ForecastArchive
from service.data import csv_rows
from service.data.csv_rows import CsvFile
from service.data.rules import check_steps
from service.data.source import SourceError

Values = dict[dt.date, dict[str, list[float]]]


def read(file: CsvFile | Path) -> CovariateTable:
    """Read the covariates of `file`; raises `SourceError`.

    A day has one row without a member, or one row per member; days with members come last.
    """
    table = csv_rows.read_table(file)
    names = tuple(name for name in table.header if name not in ("date", "member", ""))
    if not names:
        columns = csv_rows.names(table.header)
        where = f"{table.file}, row 1"
        raise SourceError(where, "a column of numbers beside date and member", columns)
    days: Values = {}
    for line, day, row in table.days():
        member = row.get("member", "").strip()
        if member in days.setdefault(day, {}):
            what = f"member {member!r}" if member else "row"
            raise SourceError(f"{table.where(line, 'date')}, {day}", f"one {what}", "a second")
        days[day][member] = [_number(row[name], table.where(line, name)) for name in names]
    table.report()
    return _table(str(table.file), names, days)


def read_forecasts(file: CsvFile | Path, names: tuple[str, ...]) -> ForecastArchive:
    """Read forecasts of the columns `names` as they were issued; raises `SourceError`.

    Columns: ``origin,member,date`` and `names`. Every origin has the same members, and every member
    the same number of consecutive days from the day after the origin.
    """
    table = csv_rows.read_table(file)
    table.require(("origin", "member", *names))
    rows = []
    for line, day, row in table.days():
        origin = table.day(row["origin"], line, "origin")
        numbers = [_number(row[one], table.where(line, one)) for one in names]
        rows.append((origin, row["member"].strip(), (day - origin).days, numbers))
    rows.sort()
    issued = sorted({row[0] for row in rows})
    n_members, n_ahead = len({row[1] for row in rows}), max(row[2] for row in rows)
    if [row[2] for row in rows] != list(range(1, n_ahead + 1)) * (len(issued) * n_members):
        expected = f"{n_members} members x {n_ahead} days for each of {len(issued)} origins"
        found = f"{len(rows)} rows, or repeated or missing days"
        raise SourceError(str(table.file), expected, found)
    values = np.array([row[3] for row in rows]).reshape(len(issued), n_members, n_ahead, -1)
    table.report()
    return ForecastArchive(names, np.array(issued, "datetime64[D]"), values)


def _number(cell: str, where: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise SourceError(where, "a finite number such as 0.85", repr(cell[:40]))
    return value


def _table(name: str, names: tuple[str, ...], days: Values) -> CovariateTable:
    ordered = sorted(days)
    check_steps((f"{name}, date {day}", day) for day in ordered)
    n_single = next((at for at, day in enumerate(ordered) if set(days[day]) != {""}), len(days))
    if not n_single:
        where, member = f"{name}, date {ordered[0]}, column member", next(iter(days[ordered[0]]))
        raise SourceError(where, "a history without members first", repr(member))
    members = sorted(days[ordered[n_single]]) if n_single < len(days) else [""]
    for day in ordered[n_single:]:
        if sorted(days[day]) != members:
            where, found = f"{name}, date {day}, column member", ", ".join(sorted(days[day]))[:80]
            expected = f"the {len(members)} members of {ordered[n_single]}"
            raise SourceError(where, expected, found or "none")
    past, ahead = ordered[:n_single], ordered[n_single:]
    values = [[days[d][""] for d in past] + [days[d][one] for d in ahead] for one in members]
    return CovariateTable(names, np.datetime64(ordered[0], "D"), np.array(values), n_single)
