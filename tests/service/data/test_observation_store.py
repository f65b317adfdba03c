from __future__ import annotations

import datetime as dt

from forecast.series import DailySeries
from service.data import observation_store
from service.data.observation_store import Revision, Stored, list_revisions
from tests.service import stored_figures
from tests.service.stored_figures import Figure
from tests.service.support import ROUTE, utc

D = dt.date
SEEN = utc(2025, 6, 10, 9)


def make_figures(values, series="people", **more):
    return [Figure(series, D(2025, 6, day), v, "test", **more) for day, v in values.items()]  # type: ignore[arg-type]


def record(
    database,
    values,
    seen=SEEN,
    assume=False,
    **more,
):
    with database.writing() as connection:
        return stored_figures.store_as_documents(
            connection, ROUTE, make_figures(values, **more), seen, assume
        )


def read_counts(database, as_of=None):
    with database.reading() as connection:
        return {
            r.date.day: r.value for r in observation_store.list_current(connection, "people", as_of)
        }


def test_record_counts_new_revised_and_unchanged(database):
    assert record(database, {}) == Stored(0, 0, 0)
    assert record(database, {1: 10, 2: 20}) == Stored(2, 0, 0)
    assert record(database, {1: 10, 2: 25, 3: 30}) == Stored(1, 1, 1)
    assert record(database, {1: 10, 2: 25, 3: 30}) == Stored(0, 0, 3)
    assert read_counts(database) == {1: 10, 2: 25, 3: 30}


def test_current_figures_as_of_a_time_and_as_of_a_date(database):
    record(database, {1: 10, 2: 20}, utc(2025, 6, 3, 12))
    record(database, {2: 25, 3: 30}, utc(2025, 6, 5, 12))
    assert read_counts(database, utc(2025, 6, 3, 11, 59)) == {}
    assert read_counts(database, utc(2025, 6, 3, 12)) == {1: 10, 2: 20}
    assert read_counts(database, utc(2025, 6, 5, 11, 59)) == {1: 10, 2: 20}
    assert read_counts(database, utc(2025, 6, 5, 12)) == {1: 10, 2: 25, 3: 30}
    # As of a date: the latest values of the days up to it.
    assert read_counts(database, D(2025, 6, 2)) == {1: 10, 2: 25}
    assert read_counts(database, D(2025, 5, 31)) == {}
    assert read_counts(database, D(2999, 1, 1)) == {1: 10, 2: 25, 3: 30}


def test_series_ends_before_the_first_gap(database):
    record(database, {1: 10, 2: 20, 4: 40, 5: 50})
    with database.reading() as connection:
        series = observation_store.get_series(connection, "people")
        assert (str(series.start), str(series.data_through)) == ("2025-06-01", "2025-06-02")
        assert series.values.tolist() == [10, 20]
        assert observation_store.get_series(connection, "boats") is None
        assert observation_store.get_series(connection, "people", D(2025, 5, 1)) is None
    record(database, {3: 0})
    with database.reading() as connection:
        whole = observation_store.get_series(connection, "people")
    assert whole.values.tolist() == [10, 20, 0, 40, 50]


def test_version_differs_for_every_state(database):
    """The last document shortens the history of the second day."""
    documents = [
        ("figures", utc(2025, 6, 6), {2: 1}),
        ("page", utc(2025, 6, 7), {1: 0, 2: 2}),
        ("workbook", utc(2025, 6, 6), {1: 0, 2: 1}),
    ]
    versions, states = [0], [read_counts(database)]
    for source, published_at, counts in documents:
        figures = [
            Figure("people", D(2025, 6, day), count, source, published_at)
            for day, count in counts.items()
        ]
        with database.writing() as connection:
            stored_figures.store_as_documents(connection, ROUTE, figures, SEEN)
        with database.reading() as connection:
            versions.append(observation_store.get_version(connection))
        states.append(read_counts(database))
    assert states == [{}, {2: 1}, {1: 0, 2: 2}, {1: 0, 2: 1}]
    assert versions == sorted(set(versions))


def test_fingerprint_depends_on_names_days_and_values():
    def make(name, start, *values):
        return DailySeries.from_days(name, [D.fromisoformat(start)], [*values])

    a, b = make("people", "2025-01-01", 1), make("boats", "2025-01-01", 1)
    assert observation_store.fingerprint([a, b]) == observation_store.fingerprint([b, a])
    others = [
        observation_store.fingerprint(x)
        for x in ([a], [b], [make("people", "2025-01-02", 1)], [make("people", "2025-01-01", 2)])
    ]
    assert len(set(others)) == 4


def record_two_days(database, source, published_at, value, marked):
    changed = Figure("people", D(2025, 12, 13), value, source, published_at, is_marked=marked)
    unchanged = Figure("people", D(2025, 12, 14), 52, source, published_at)
    with database.writing() as connection:
        stored_figures.store_as_documents(
            connection, ROUTE, [changed, unchanged], utc(2025, 12, 31), assume_known=True
        )


def test_revisions_are_listed_by_publication_time(database):
    record_two_days(database, "workbook", utc(2025, 12, 19, 14), 730, marked=False)
    record_two_days(database, "workbook", utc(2025, 12, 22, 14), 740, marked=False)
    record_two_days(database, "page", utc(2025, 12, 20, 13), 733, marked=False)
    record_two_days(database, "page", utc(2025, 12, 16, 13), 737, marked=True)
    record_two_days(database, "page", utc(2025, 12, 14, 11), 225, marked=False)
    record_two_days(database, "figures", None, 225, marked=False)
    day = D(2025, 12, 13)
    with database.reading() as connection:
        assert list_revisions(connection, "people") == [
            Revision(day, 225, 737, "page", "page", utc(2025, 12, 16, 13), True, True),
            Revision(day, 737, 730, "page", "workbook", utc(2025, 12, 19, 14), False, True),
            Revision(day, 730, 733, "workbook", "page", utc(2025, 12, 20, 13), False, False),
            Revision(day, 730, 740, "workbook", "workbook", utc(2025, 12, 22, 14), False, True),
        ]
        assert list_revisions(connection, "boats") == []
