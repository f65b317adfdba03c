"""Past figures and forecast days in one table, one row a day, for charts."""

__all__ = ["COLUMNS", "PAST_DAYS", "panel"]

import datetime as dt
from typing import Any

from forecast.paths import bound_names
from forecast.series import as_date
from service.answers.ahead import Ahead
from service.answers.bands import bands
from service.answers.errors import BadQuestion
from service.answers.issue_loader import IssueLoader, IssueView
from service.core.clock import day_columns
from service.data import observation_store
from service.data.observation_store import AsOf

_LEVELS = (50, 80, 95)
_FIRST = ("time", "date", "actual", "median", "mean", "p_zero", "likelihood")
COLUMNS = (*_FIRST, *bound_names(_LEVELS))
PAST_DAYS, _AHEAD = 60, 28
_EMPTY: dict[str, Any] = dict.fromkeys(COLUMNS[2:])


def panel(
    loader: IssueLoader,
    view: IssueView,
    first: dt.date | None = None,
    last: dt.date | None = None,
    as_of: AsOf | None = None,
) -> list[dict[str, Any]]:
    """Return one row a day from `first` to `last`, as far as there are figures or forecasts.

    The default is the last `PAST_DAYS` days of figures, the days since, and four weeks ahead.
    """
    paths = view.paths
    start, end = as_date(paths.start), as_date(paths.end)
    first = first or start - dt.timedelta(days=PAST_DAYS)
    if last is not None and first > last:
        raise BadQuestion("to", f"a day from {first} on", last)
    last = last or view.first + dt.timedelta(days=_AHEAD - 1)
    if first > last:
        raise BadQuestion("from", f"a day to {last}, as `to` is not given", first)
    with loader.context.database.reading() as connection:
        observations = observation_store.list_current(
            connection, view.issue.series_id, as_of, first, last
        )
    rows = {one.date: _EMPTY | {"actual": one.value} for one in observations}
    horizon = (min(last, end) - start).days + 1
    coming = bands(Ahead.of(paths), horizon, _LEVELS, view.declared) if horizon > 0 else []
    for row in coming:
        day = dt.date.fromisoformat(row["date"])
        if day >= first:
            rows[day] = rows.get(day, _EMPTY) | {name: row[name] for name in COLUMNS[3:]}
    return [day_columns(day) | rows[day] for day in sorted(rows)]
