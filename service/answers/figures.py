"""The published figures and their revisions."""

__all__ = ["add_year_earlier", "figures", "last_figures", "revisions"]

import datetime as dt
from collections.abc import Sequence
from typing import Any

from service.answers.errors import BadQuestion
from service.answers.issue_loader import IssueLoader, IssueView
from service.core.clock import day_columns, format_instant, span_before
from service.data import observation_store
from service.data.observation_store import AsOf


def figures(
    loader: IssueLoader,
    series_id: str,
    first: dt.date | None = None,
    last: dt.date | None = None,
    as_of: AsOf | None = None,
) -> list[dict[str, Any]]:
    """Return rows ``time date value source known_at``, from `first` to `last`, as of `as_of`."""
    loader.check_series(series_id, is_stored=True)
    loader.check_past(as_of)
    if first and last and first > last:
        raise BadQuestion("to", f"a day from {first} on", last)
    with loader.context.database.reading() as connection:
        rows = observation_store.list_current(connection, series_id, as_of, first, last)
    return [
        {
            **day_columns(row.date),
            "value": row.value,
            "source": row.source,
            "known_at": format_instant(row.known_at),
        }
        for row in rows
    ]


def revisions(loader: IssueLoader, series_id: str) -> dict[str, Any]:
    """Return every revision of a series, and the number of those that ``ruled``.

    In the others a source of higher rank kept its value.
    """
    loader.check_series(series_id, is_stored=True)
    with loader.context.database.reading() as connection:
        revised = observation_store.list_revisions(connection, series_id)
    rows = [
        {
            **day_columns(one.date),
            **{name: value for name, value in vars(one).items() if name != "date"},
            "known_at": format_instant(one.known_at),
        }
        for one in revised
    ]
    return {"count": sum(one.ruled for one in revised), "rows": rows}


def last_figures(view: IssueView, days: int) -> list[dict[str, Any]]:
    """Return rows ``date value`` of the input figures of an issue, for its last `days` days."""
    begin = view.first - dt.timedelta(days=days)
    dates, values = view.observed.dates[-days:].tolist(), view.observed.values[-days:].tolist()
    return [
        {"date": day.isoformat(), "value": value}
        for day, value in zip(dates, values, strict=True)
        if day >= begin
    ]


def add_year_earlier(view: IssueView, rows: Sequence[dict[str, Any]]) -> None:
    """Add the figure of the same date a year earlier, and the mean of the 7 days around it."""
    observed, three = view.observed, dt.timedelta(days=3)
    for row in rows:
        date = dt.date.fromisoformat(row["date"])
        day, _ = span_before(date, date, 1)
        first, last = day - three, day + three
        is_whole = first in observed and last in observed
        row["last_year"] = observed.on(day) if day in observed else None
        row["last_year_mean"] = round(observed.total(first, last) / 7, 1) if is_whole else None
