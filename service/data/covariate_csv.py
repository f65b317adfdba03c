"""A CSV file of covariates: ``date``, numeric columns, and ``member`` for an ensemble."""

from __future__ import annotations

__all__ = ["read", "read_forecasts"]

import datetime as dt
import math
from pathlib import Path

import numpy as np
import pandas as pd

from forecast.covariates import CovariatesError, CovariateTable, ForecastArchive
from service.data import csv_rows
from service.data.source import SourceError

_DAY = dt.timedelta(days=1)
Values = dict[dt.date, dict[str, list[float]]]


def read(path: Path) -> CovariateTable:
    """Read the covariates of the file at `path`.

    A day has one row without a member, or one row for each member; days with members follow
    those without.

    Raises
    ------
    SourceError
        Naming the file, the date and the column, what was expected and what was found.
    """
    header, body = csv_rows.read(path)
    names = tuple(name for name in header if name not in ("date", "member"))
    if not names:
        found = ",".join(header)
        raise SourceError(f"{path}, row 1", "a column of numbers beside date and member", found)
    days: Values = {}
    for number, cells in body:
        row = dict(zip(header, cells, strict=True))
        where = f"{path}, row {number}"
        day = csv_rows.parse_day(row["date"], where)
        member = row.get("member", "").strip()
        if member in days.setdefault(day, {}):
            what = f"member {member!r}" if member else "row"
            raise SourceError(f"{where}, date {day}", f"one {what}", "a second")
        days[day][member] = [_number(row[name], f"{where}, {day}, column {name}") for name in names]
    return _table(path, names, days)


def read_forecasts(path: Path, names: tuple[str, ...]) -> ForecastArchive:
    """Read forecasts of the columns `names` as they were issued, from CSV or CSV.gz at `path`.

    ``origin,member,date`` and the columns; every origin has the same members, and each member the
    same number of consecutive days from the one after the origin.

    Raises
    ------
    SourceError
        Naming the file and origin, what was expected and what was found.
    """
    try:
        frame = pd.read_csv(path, parse_dates=["origin", "date"], dtype={"member": str})
    except (OSError, ValueError, EOFError, UnicodeDecodeError) as error:
        raise SourceError(str(path), "a CSV with origin,member,date", str(error)[:80]) from None
    keys = ["origin", "member", "date"]
    missing = [name for name in [*keys, *names] if name not in frame.columns]
    if missing:
        raise SourceError(f"{path}, row 1", f"a column {missing[0]}", ",".join(frame.columns)[:80])
    frame = frame.sort_values(keys)
    origins = frame["origin"].to_numpy().astype("datetime64[D]")
    lead = (frame["date"].to_numpy().astype("datetime64[D]") - origins).astype(np.int64)
    issued, n_members = np.unique(origins), frame["member"].nunique()
    n_ahead = int(lead.max()) if len(lead) else 0
    shape = (len(issued), n_members, n_ahead)
    complete = len(frame) == np.prod(shape) and n_ahead > 0
    if not complete or (lead.reshape(shape) != np.arange(1, n_ahead + 1)).any():
        expected = f"{n_members} members x {n_ahead} days for each of {len(issued)} origins"
        raise SourceError(str(path), expected, f"{len(frame)} rows, or repeated or missing days")
    try:
        values = frame[list(names)].to_numpy(dtype=np.float64).reshape(*shape, len(names))
        return ForecastArchive(names, issued, values)
    except (ValueError, CovariatesError) as error:
        raise SourceError(str(path), "finite numbers in every column", str(error)[:80]) from None


def _number(cell: str, where: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        raise SourceError(where, "a number such as 0.85", repr(cell[:40])) from None
    if not math.isfinite(value):
        raise SourceError(where, "a finite number", repr(cell[:40]))
    return value


def _table(path: Path, names: tuple[str, ...], days: Values) -> CovariateTable:
    ordered = sorted(days)
    for before, day in zip(ordered, ordered[1:], strict=False):
        if day - before != _DAY:
            raise SourceError(f"{path}, date {before + _DAY}", "a row for every day", "none")
    n_single = next((i for i, day in enumerate(ordered) if set(days[day]) != {""}), len(ordered))
    if not n_single:
        where = f"{path}, date {ordered[0]}, column member"
        raise SourceError(
            where, "a history without members first", f"{next(iter(days[ordered[0]]))!r}"
        )
    members = sorted(days[ordered[n_single]]) if n_single < len(ordered) else [""]
    values = np.empty((len(members), len(ordered), len(names)))
    for at, day in enumerate(ordered):
        if at >= n_single and sorted(days[day]) != members:
            raise SourceError(
                f"{path}, date {day}, column member",
                f"the {len(members)} members of {ordered[n_single]}",
                ", ".join(sorted(days[day]))[:80] or "none",
            )
        for m, member in enumerate(members):
            values[m, at] = days[day]["" if at < n_single else member]
    return CovariateTable(names, np.datetime64(ordered[0], "D"), values, n_single)
