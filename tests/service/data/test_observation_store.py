"""Figures of several sources, stored in any order and read as of a day or a moment."""

import datetime as dt
from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from forecast.series import DailySeries
from service.core.database import connect
from service.data import observation_store
from service.data.observation_store import Change, Revision, list_revisions
from tests.service.stored_figures import Figure, delete_figures, list_rows, store_as_documents
from tests.service.support import ROUTE, utc

D = dt.date
SEEN = utc(2025, 12, 31, 12)
SECOND = dt.timedelta(seconds=1)

# Documents: source, publication time, and counts by day of December 2025.
FIGURES = ("figures", None, {13: 737, 14: 52, 15: 0})
PAGE_1 = ("page", utc(2025, 12, 14, 11), {12: 0, 13: 737})
PAGE_2 = ("page", utc(2025, 12, 16, 13), {13: 737, 14: 50, 15: 0})
WORKBOOK_1 = ("workbook", utc(2025, 12, 15, 9), {11: 0, 12: 0, 13: 730, 14: 52})
WORKBOOK_2 = ("workbook", utc(2025, 12, 19, 14), {11: 0, 12: 0, 13: 737, 14: 52, 15: 0})
ALL = (FIGURES, PAGE_1, PAGE_2, WORKBOOK_1, WORKBOOK_2)


def store(database, document, seen_at=SEEN, marked=()):
    """Store `document`, with the days `marked` as revised, and return the changes."""
    source, published_at, counts = document
    figures = [
        Figure("people", D(2025, 12, day), count, source, published_at, day in marked)
        for day, count in counts.items()
    ]
    with database.writing() as connection:
        return store_as_documents(connection, ROUTE, figures, seen_at, assume_known=True)


def read_current(database, as_of=None):
    with database.reading() as connection:
        rows = observation_store.list_current(connection, "people", as_of)
        return {row.date.day: (row.value, row.source) for row in rows}


def test_current_figures_follow_source_rank_and_time(database):
    for document in ALL:
        store(database, document)
    workbook_1, workbook_2 = (
        {day: (count, "workbook") for day, count in counts.items()}
        for _, _, counts in (WORKBOOK_1, WORKBOOK_2)
    )
    expected = {
        None: workbook_2,
        utc(2025, 12, 14, 11) - SECOND: {},
        utc(2025, 12, 14, 11): {12: (0, "page"), 13: (737, "page")},
        utc(2025, 12, 15, 9): workbook_1,
        # The page of that day has 737 for the 13th, but the workbook takes precedence.
        utc(2025, 12, 16, 13): workbook_1 | {15: (0, "page")},
        # As of a date: the latest values of the days up to it.
        D(2025, 12, 12): {day: workbook_2[day] for day in (11, 12)},
        D(2025, 11, 30): {},
        D(2999, 1, 1): workbook_2,
    }
    assert {as_of: read_current(database, as_of) for as_of in expected} == expected


@cache
def in_memory():
    opened = connect("sqlite:///:memory:")
    opened.migrate()
    return opened


@st.composite
def publications(draw):
    """Return documents of different publication times."""
    documents = []
    for hour in draw(st.lists(st.integers(0, 200), min_size=1, max_size=7, unique=True)):
        source = draw(st.sampled_from(["page", "workbook"]))
        first, length = draw(st.integers(1, 5)), draw(st.integers(1, 4))
        counts = {first + at: draw(st.integers(0, 2)) for at in range(length)}
        documents.append((source, utc(2025, 12, 8) + dt.timedelta(hours=hour), counts))
    if draw(st.booleans()):
        documents.append(("figures", None, {day: draw(st.integers(0, 2)) for day in range(1, 7)}))
    return documents


@given(publications(), st.randoms())
def test_generated_documents_in_any_order_give_the_same_rows(documents, random):
    dumps = []
    for order in (documents, random.sample(documents, len(documents))):
        delete_figures(in_memory())
        for document in order:
            store(in_memory(), document)
        dumps.append(list_rows(in_memory()))
    assert dumps[0] == dumps[1]


def test_embedded_figures_are_stored_once_and_revised_later(database):
    store(database, FIGURES)
    before = list_rows(database)
    assert store(database, FIGURES, SEEN + dt.timedelta(days=9)) == []
    assert list_rows(database) == before
    later = SEEN + dt.timedelta(days=30)
    newer = ("figures", None, {13: 740, 14: 52, 15: 0, 16: 74})
    assert [change.date.day for change in store(database, newer, later)] == [13, 16]
    assert read_current(database, later - SECOND)[13] == (737, "figures")
    assert read_current(database, later)[13] == (740, "figures")


def test_changes_are_returned_and_older_documents_add_history(database):
    store(database, PAGE_1)
    assert store(database, WORKBOOK_1) == [
        Change("people", D(2025, 12, 11), None, 0, "workbook"),
        Change("people", D(2025, 12, 13), 737, 730, "workbook"),
        Change("people", D(2025, 12, 14), None, 52, "workbook"),
    ]
    # The same value with a mark changes no figure either.
    assert store(database, ("workbook", utc(2025, 12, 16, 9), {13: 730}), marked=[13]) == []
    with database.reading() as connection:
        (revision,) = list_revisions(connection, "people")
    assert revision.marked_revised
    # An older document adds history and changes no current figure.
    assert store(database, ("workbook", utc(2025, 12, 12, 9), {11: 3})) == []
    assert read_current(database, utc(2025, 12, 13)) == {11: (3, "workbook")}


def test_series_ends_before_the_first_gap(database):
    store(database, ("csv", None, {1: 10, 2: 20, 4: 40, 5: 50}))
    with database.reading() as connection:
        series = observation_store.get_series(connection, "people")
        assert (str(series.start), series.values.tolist()) == ("2025-12-01", [10, 20])
        assert observation_store.get_series(connection, "boats") is None
        assert observation_store.get_series(connection, "people", D(2025, 5, 1)) is None
    store(database, ("csv", None, {3: 0}))
    with database.reading() as connection:
        whole = observation_store.get_series(connection, "people")
    assert whole.values.tolist() == [10, 20, 0, 40, 50]


def test_version_differs_for_every_state(database):
    """The last document shortens the history of the second day."""
    versions, states = [], []
    for document in (
        None,
        ("figures", utc(2025, 12, 6), {2: 1}),
        ("page", utc(2025, 12, 7), {1: 0, 2: 2}),
        ("workbook", utc(2025, 12, 6), {1: 0, 2: 1}),
    ):
        if document:
            store(database, document)
        with database.reading() as connection:
            versions.append(observation_store.get_version(connection))
        states.append({day: value for day, (value, _) in read_current(database).items()})
    assert states == [{}, {2: 1}, {1: 0, 2: 2}, {1: 0, 2: 1}]
    assert versions[0] == 0
    assert versions == sorted(set(versions))


def test_fingerprint_depends_on_names_days_and_values():
    def make(name, start, value):
        return DailySeries.from_days(name, [D.fromisoformat(start)], [value])

    a, b = make("people", "2025-01-01", 1), make("boats", "2025-01-01", 1)
    fingerprint = observation_store.fingerprint
    assert fingerprint([a, b]) == fingerprint([b, a])
    later, larger = make("people", "2025-01-02", 1), make("people", "2025-01-01", 2)
    assert len({fingerprint(x) for x in ([a], [b], [later], [larger])}) == 4


def test_revisions_are_listed_by_publication_time(database):
    for document in (
        ("workbook", utc(2025, 12, 19, 14), {13: 730, 14: 52}),
        ("workbook", utc(2025, 12, 22, 14), {13: 740, 14: 52}),
        ("page", utc(2025, 12, 20, 13), {13: 733, 14: 52}),
        ("page", utc(2025, 12, 14, 11), {13: 225, 14: 52}),
        ("figures", None, {13: 225, 14: 52}),
    ):
        store(database, document)
    store(database, ("page", utc(2025, 12, 16, 13), {13: 737, 14: 52}), marked=[13])
    day = D(2025, 12, 13)
    with database.reading() as connection:
        assert list_revisions(connection, "people") == [
            Revision(day, 225, 737, "page", "page", utc(2025, 12, 16, 13), True, True),
            Revision(day, 737, 730, "page", "workbook", utc(2025, 12, 19, 14), False, True),
            Revision(day, 730, 733, "workbook", "page", utc(2025, 12, 20, 13), False, False),
            Revision(day, 730, 740, "workbook", "workbook", utc(2025, 12, 22, 14), False, True),
        ]
        assert list_revisions(connection, "boats") == []
