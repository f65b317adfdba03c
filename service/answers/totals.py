"""Totals of periods and of the year so far.

Days with figures are counted, the others summed along each path.
"""

__all__ = ["PERIODS", "periods", "summarise", "total_between", "year_so_far"]

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

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


_SPANS: dict[str, Callable[[dt.date], Span]] = {  # by the first day of the answer
    "next_7_days": lambda first: (first, first + 6 * _DAY),
    "next_28_days": lambda first: (first, first + 27 * _DAY),
    "this_week": _week,
    "next_week": lambda first: _week(first + 7 * _DAY),
    "this_month": _month,
    "next_month": lambda first: _month(_month(first)[1] + _DAY),
    "this_quarter": _quarter,
    "year_to_date": lambda first: (_year(first - _DAY)[0], first - _DAY),
    "calendar_year": _year,
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
        begin, end = _SPANS[name](ahead.first)
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
    known_first = max(first, as_date(observed.start))
    known_last = min(last, as_date(observed.data_through))
    simulated_first = max(first, as_date(paths.start))
    row: dict[str, Any] = {
        "from": first.isoformat(),
        "to": last.isoformat(),
        "known": observed.total(first, last),
        "known_days": max((known_last - known_first).days + 1, 0),
        "simulated_days": max((last - simulated_first).days + 1, 0),
        "last_year": None,
        "note": None,
    }
    begin, end = span_before(first, last, 1)
    if begin in observed and end in observed:
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
    sums = summarise(simulated + row["known"], levels)
    return row | {"simulated_median": sums["median"] - row["known"]} | sums


def summarise(sample: npt.NDArray[np.int64], levels: Sequence[int]) -> dict[str, Any]:
    """Return ``median mean`` and the bounds at `levels` of a `sample`, shape (n_paths,)."""
    row = {name: value.item() for name, value in summary(sample, levels).items()}
    return row | {"mean": round(row["mean"], 2)}


def year_so_far(observed: DailySeries, ahead: Ahead, levels: Sequence[int]) -> dict[str, Any]:
    """Return the totals since 1 January of the year of the answer's first day.

    There is a row for each day to 31 December or the last simulated day, with the total on the same
    date of each of the ``earlier`` years whose figures begin on 1 January. ``value`` is None after
    the figures, the median and bounds up to their last day.
    """
    paths, (first, last) = ahead.paths, _year(ahead.first)
    start, simulated_from = as_date(observed.start), as_date(paths.start)
    if first < start:
        return {"year": first.year, "earlier": [], "rows": []}
    published = _cumulative(observed, first.year)
    begin = max((first - simulated_from).days, 0)
    sums = paths.values[:, begin : (last - simulated_from).days + 1].cumsum(axis=1)
    simulated = summary(sums + observed.total(first, last), levels)
    days = [first + at * _DAY for at in range(len(published) + sums.shape[1])]
    columns: dict[str, list[int | None]] = {"value": [*published, *[None] * sums.shape[1]]}
    for name in ("median", *bound_names(levels)):
        columns[name] = [None] * len(published) + simulated[name].tolist()
    whole_from = start.year if start == dt.date(start.year, 1, 1) else start.year + 1
    latest = min(first.year - 1, as_date(observed.data_through).year)
    earlier = list(range(latest, whole_from - 1, -1))
    for year in earlier:
        totals = dict(enumerate(_cumulative(observed, year)))
        spans = (span_before(first, day, first.year - year) for day in days)
        columns[f"year_{year}"] = [totals.get((end - begin).days) for begin, end in spans]
    rows = [
        day_columns(day) | dict(zip(columns, values, strict=True))
        for day, *values in zip(days, *columns.values(), strict=True)
    ]
    return {"year": first.year, "earlier": earlier, "rows": rows}


def _cumulative(observed: DailySeries, year: int) -> list[int]:
    """Return the totals from 1 January to each published day of a year."""
    begin, end = (observed.index(dt.date(one, 1, 1)) for one in (year, year + 1))
    totals: list[int] = observed.values[begin:end].cumsum().tolist()
    return totals
