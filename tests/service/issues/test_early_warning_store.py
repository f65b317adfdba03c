import datetime as dt
from dataclasses import replace

from service.issues.early_warning_store import EarlyWarning, insert_warnings, list_warnings

DAY = dt.date(2026, 1, 5)


def test_warnings_of_a_route_are_listed_by_day_and_span(database):
    week = EarlyWarning(DAY, 7, 2000, DAY, DAY + dt.timedelta(days=6), 0.5)
    days = EarlyWarning(DAY, 1, 500, DAY, DAY + dt.timedelta(days=2), 0.25)
    earlier = replace(week, made_on=DAY - dt.timedelta(days=1))
    other = replace(days, route="italy")
    with database.writing() as connection:
        insert_warnings(connection, [])
        insert_warnings(connection, [week, days, earlier, other])
    with database.reading() as connection:
        assert list_warnings(connection) == [earlier, days, week]
        assert list_warnings(connection, "italy") == [other]
