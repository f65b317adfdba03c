"""Totals since 1 January by day: published, then simulated, and in earlier years."""

__all__ = ["year_so_far"]

import datetime as dt
from collections.abc import Sequence
from typing import Any

from forecast.paths import bound_names, summary
from forecast.series import DailySeries, as_date
from service.answers.ahead import Ahead
from service.answers.bands import check_levels
from service.core.clock import day_columns, span_before

_DAY = dt.timedelta(days=1)


def year_so_far(observed: DailySeries, ahead: Ahead, levels: Sequence[int]) -> dict[str, Any]:
    """Return the totals since 1 January of the year of the answer's first day.

    There is a row for each day to 31 December or the last simulated day, with the total on the same
    date of each of the ``earlier`` years, newest first, whose figures begin on 1 January. ``value``
    is None after the figures, the median and bounds up to their last day. Without figures from 1
    January there are no rows.
    """
    check_levels(levels)
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
