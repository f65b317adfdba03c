"""Totals of periods and of the year so far.

Days with figures are counted, the others summed along each path.
"""

__all__ = ["PERIODS", "periods", "total_between", "year_so_far"]

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from forecast.paths import Paths, bound_names, summary
from forecast.series import DailySeries, as_date
from service.answers.ahead import Ahead
from service.answers.errors import BadQuestion
from service.core.clock import day_columns, span_before

_DAY = dt.timedelta(days=1)
Span = tuple[dt.date, dt.date]


def _week(day: dt.date) -> Span:
    monday = day - day.weekday() * _DAY
    return monday, monday + 6 * _DAY


def _month(day: dt.date) -> Span:
    first = day.replace(day=1)
    return first, (first + 31 * _DAY).replace(day=1) - _DAY


def _quarter(day: dt.date) -> Span:
    first = dt.date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)
    return first, _month(first + 63 * _DAY)[1]


def _year(day: dt.date) -> Span:
    return dt.date(day.year, 1, 1), dt.date(day.year, 12, 31)


# Arguments: the first day of the answer and the day before it.
_SPANS: dict[str, Callable[[dt.date, dt.date], Span]] = {
    "next_7_days": lambda first, _: (first, first + 6 * _DAY),
    "next_28_days": lambda first, _: (first, first + 27 * _DAY),
    "this_week": lambda first, _: _week(first),
    "next_week": lambda first, _: _week(first + 7 * _DAY),
    "this_month": lambda first, _: _month(first),
    "next_month": lambda first, _: _month(_month(first)[1] + _DAY),
    "this_quarter": lambda first, _: _quarter(first),
    "year_to_date": lambda _, before: (dt.date(before.year, 1, 1), before),
    "calendar_year": lambda first, _: _year(first),
}
PERIODS = tuple(_SPANS)
"""Periods by name. Weeks begin on Monday."""


def periods(
    observed: DailySeries, ahead: Ahead, names: Sequence[str], levels: Sequence[int]
) -> list[dict[str, Any]]:
    """Return one row per period of `names`, relative to the first day of the answer.

    A period that begins before the figures or ends after the simulated days has null sums and a
    ``note``. ``last_year`` is the sum of the same days a year earlier (see
    `service.core.clock.span_before`), or null without figures.
    """
    rows = []
    for name in names:
        begin, end = _SPANS[name](ahead.first, ahead.first - _DAY)
        rows.append({"period": name} | _row(observed, ahead.paths, begin, end, levels))
    return rows


def total_between(
    observed: DailySeries, paths: Paths, first: dt.date, last: dt.date, levels: Sequence[int]
) -> list[dict[str, Any]]:
    """Return one row for the period from `first` to `last`, inclusive."""
    earliest, latest = as_date(observed.start), as_date(paths.end)
    if not earliest <= first <= latest:
        raise BadQuestion("from", f"a day from {earliest} to {latest}", first)
    if not first <= last <= latest:
        raise BadQuestion("to", f"a day from {first} to {latest}", last)
    return [{"period": f"{first}/{last}"} | _row(observed, paths, first, last, levels)]


def _row(
    observed: DailySeries, paths: Paths, first: dt.date, last: dt.date, levels: Sequence[int]
) -> dict[str, Any]:
    observed_last = min(last, as_date(observed.data_through))
    observed_first = max(first, as_date(observed.start))
    simulated_first = max(first, as_date(paths.start))
    row: dict[str, Any] = {
        "from": first.isoformat(),
        "to": last.isoformat(),
        "known": observed.total(observed_first, observed_last),
        "known_days": max((observed_last - observed_first).days + 1, 0),
        "simulated_days": max((last - simulated_first).days + 1, 0),
        "last_year": None,
        "note": None,
    }
    begin, end = span_before(first, last, 1)
    if begin >= as_date(observed.start) and end <= as_date(observed.data_through):
        row["last_year"] = observed.total(begin, end)
    if last > as_date(paths.end):
        row["note"] = f"ends after the last day of the forecast, {paths.end}"
    if first < as_date(observed.start):
        row |= {"note": f"begins before the first figure, {observed.start}", "known": None}
    if row["note"]:
        return row | dict.fromkeys(["simulated_median", "median", "mean", *bound_names(levels)])
    simulated = np.zeros(paths.n_paths, dtype=np.int64)
    if simulated_first <= last:
        simulated = paths.total(simulated_first, last)
    sums = {k: value.item() for k, value in summary(simulated + row["known"], levels).items()}
    row["simulated_median"] = sums["median"] - row["known"]
    return row | sums | {"mean": round(sums["mean"], 2)}


def year_so_far(observed: DailySeries, ahead: Ahead, levels: Sequence[int]) -> dict[str, Any]:
    """Return the totals since 1 January of the year of the answer's first day.

    There is a row for each day to 31 December or the last simulated day, with the total on the same
    date of each of the ``earlier`` years whose figures begin on 1 January. ``value`` is None after
    the figures, the median and bounds up to their last day.
    """
    paths, start = ahead.paths, as_date(observed.start)
    first = dt.date(ahead.first.year, 1, 1)
    last = min(dt.date(first.year, 12, 31), as_date(paths.end))
    simulated_from = max(first, as_date(paths.start))
    answer: dict[str, Any] = {"year": first.year, "earlier": [], "rows": []}
    if first < min(start, as_date(paths.start)):
        return answer
    whole_from = start.year if start == dt.date(start.year, 1, 1) else start.year + 1
    latest = min(first.year - 1, as_date(observed.data_through).year)
    earlier = list(range(latest, whole_from - 1, -1))
    names = ("median", *bound_names(levels))
    columns: dict[str, list[int]] = {}
    if simulated_from <= last:
        begin, end = ((day - as_date(paths.start)).days for day in (simulated_from, last + _DAY))
        sums = paths.values[:, begin:end].cumsum(axis=1) + observed.total(first, last)
        columns = {n: v.tolist() for n, v in summary(sums, levels).items() if n in names}
    published = {year: _cumulative(observed, year) for year in (first.year, *earlier)}
    for at in range((last - first).days + 1):
        day = first + at * _DAY
        row: dict[str, Any] = {**day_columns(day), "value": None, **dict.fromkeys(names)}
        if day < simulated_from:
            row["value"] = published[first.year][at]
        else:
            row |= {name: columns[name][(day - simulated_from).days] for name in names}
        for year in earlier:
            new_year, date = span_before(first, day, first.year - year)
            place = (date - new_year).days
            row[f"year_{year}"] = published[year][place] if place < len(published[year]) else None
        answer["rows"].append(row)
    return answer | {"earlier": earlier}


def _cumulative(observed: DailySeries, year: int) -> list[int]:
    """Return the totals from 1 January to each published day of a year."""
    begin, end = (observed.index(dt.date(one, 1, 1)) for one in (year, year + 1))
    totals: list[int] = observed.values[begin:end].cumsum().tolist()
    return totals
