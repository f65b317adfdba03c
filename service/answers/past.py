"""Issues by the day on which they were published."""

from __future__ import annotations

__all__ = ["issue_on", "issues_listed"]

import datetime as dt
from typing import Any

from service.answers.desk import Desk
from service.answers.errors import NotFound, NotReady
from service.clock import LONDON, instant, uk_day
from service.store import issues


def issues_listed(desk: Desk, series_id: str, limit: int = 30) -> list[dict[str, Any]]:
    """The newest live issues, newest first: ``issue_id issued_at issued_on data_through``.

    ``issued_on`` is the UK day of ``issued_at``.
    """
    desk.check_series(series_id)
    with desk.context.database.reading() as connection:
        found = issues.listed(connection, series_id, limit)
    return [
        {
            "issue_id": issue.issue_id,
            "issued_at": instant(issue.issued_at),
            "issued_on": uk_day(issue.issued_at).isoformat(),
            "data_through": issue.data_through.isoformat(),
        }
        for issue in found
    ]


def issue_on(desk: Desk, series_id: str, day: dt.date) -> str:
    """Id of the issue that was the newest at the end of a UK day; ``latest`` if it still is.

    Raises
    ------
    NotFound
        If the first issue is younger.
    NotReady
        If nothing is published yet.
    """
    desk.check_series(series_id)
    end = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), LONDON)
    with desk.context.database.reading() as connection:
        newest = issues.latest(connection, series_id)
        found = issues.before(connection, series_id, end)
    if newest is None:
        raise NotReady("nothing is published yet: the first refit is still to come")
    if found is None:
        raise NotFound(f"no forecast of {series_id} had been issued by the end of {day}")
    return "latest" if found.issue_id == newest.issue_id else found.issue_id
