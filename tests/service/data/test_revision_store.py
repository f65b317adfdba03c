from __future__ import annotations

import datetime as dt

from service.core.database import Database
from service.data import observation_store
from service.data.observation_store import Figure
from service.data.revision_store import Revision, revisions
from tests.service.support import ROUTE, utc

D = dt.date
SEEN = utc(2025, 12, 31, 12)


def put(
    database: Database, source: str, published_at: dt.datetime | None, value: int, marked: bool
) -> None:
    one = Figure("people", D(2025, 12, 13), value, source, published_at, is_marked=marked)
    same = Figure("people", D(2025, 12, 14), 52, source, published_at)
    with database.writing() as connection:
        observation_store.record(connection, ROUTE, [one, same], SEEN, assume_known=True)


def test_every_other_value_is_listed_in_the_order_of_publication(database: Database) -> None:
    put(database, "workbook", utc(2025, 12, 19, 14), 730, marked=False)
    put(database, "page", utc(2025, 12, 20, 13), 733, marked=False)
    put(database, "page", utc(2025, 12, 16, 13), 737, marked=True)
    put(database, "page", utc(2025, 12, 14, 11), 225, marked=False)
    put(database, "figures", None, 225, marked=False)
    day = D(2025, 12, 13)
    with database.reading() as connection:
        assert revisions(connection, "people") == [
            Revision(day, 225, 737, "page", "page", utc(2025, 12, 16, 13), True, True),
            Revision(day, 737, 730, "page", "workbook", utc(2025, 12, 19, 14), False, True),
            Revision(day, 730, 733, "workbook", "page", utc(2025, 12, 20, 13), False, False),
        ]
        assert revisions(connection, "boats") == []


def test_figures_that_stay_are_no_revisions(database: Database) -> None:
    put(database, "page", utc(2025, 12, 14, 11), 737, marked=False)
    put(database, "workbook", utc(2025, 12, 19, 14), 737, marked=True)
    with database.reading() as connection:
        assert revisions(connection, "people") == []
