from __future__ import annotations

import datetime as dt

from service.core.database import Database
from service.issues.early_warning_store import EarlyWarning, insert_warnings, list_warnings

DAY = dt.date(2026, 1, 5)


def test_warnings_are_listed_by_span(database: Database) -> None:
    week = EarlyWarning(DAY, 7, 2000, DAY, DAY + dt.timedelta(days=6), 0.5)
    days = EarlyWarning(DAY, 1, 500, DAY, DAY + dt.timedelta(days=2), 0.25)
    with database.writing() as connection:
        insert_warnings(connection, [])
        insert_warnings(connection, [week, days])
    with database.reading() as connection:
        assert list_warnings(connection) == [days, week]
