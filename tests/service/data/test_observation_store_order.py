"""Documents of several sources, stored in any order."""

from __future__ import annotations

import datetime as dt
from functools import cache
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.database import connect
from service.data import observation_store
from service.data.observation_store import Stored
from tests.service.stored_figures import Figure, delete_figures, list_rows, store_as_documents
from tests.service.support import ROUTE, utc

D = dt.date
SEEN = utc(2025, 12, 31, 12)
Document = tuple[str, dt.datetime | None, dict[int, int]]

FIGURES: Document = ("figures", None, {13: 737, 14: 52, 15: 0})
PAGE_1: Document = ("page", utc(2025, 12, 14, 11), {12: 0, 13: 737})
PAGE_2: Document = ("page", utc(2025, 12, 16, 13), {13: 737, 14: 50, 15: 0})
WORKBOOK_1: Document = ("workbook", utc(2025, 12, 15, 9), {11: 0, 12: 0, 13: 730, 14: 52})
WORKBOOK_2: Document = ("workbook", utc(2025, 12, 19, 14), {11: 0, 12: 0, 13: 737, 14: 52, 15: 0})
ALL = (FIGURES, PAGE_1, PAGE_2, WORKBOOK_1, WORKBOOK_2)
REPEATED: tuple[Document, ...] = (
    ("page", utc(2025, 12, 8), {4: 2}),
    ("workbook", utc(2025, 12, 9), {4: 1}),
    ("page", utc(2025, 12, 10), {4: 1}),  # not current, yet the next page revises it
    ("page", utc(2025, 12, 11), {4: 2}),
)


def store(database, document, seen_at=SEEN):
    source, published_at, values = document
    with database.writing() as connection:
        figures = [
            Figure("people", D(2025, 12, day), value, source, published_at)
            for day, value in values.items()
        ]
        return store_as_documents(connection, ROUTE, figures, seen_at, assume_known=True)


@cache
def in_memory():
    opened = connect("sqlite:///:memory:")
    opened.migrate()
    return opened


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
    assert read_current(database) == workbook_2
    at = {
        utc(2025, 12, 14, 10): {},
        utc(2025, 12, 14, 11): {12: (0, "page"), 13: (737, "page")},
        utc(2025, 12, 15, 9): workbook_1,
        # The page of that day has 737 for the 13th, but the workbook takes precedence.
        utc(2025, 12, 16, 13): workbook_1 | {15: (0, "page")},
    }
    for moment, expected in at.items():
        assert read_current(database, moment) == expected


@pytest.mark.parametrize(("documents", "step"), [(ALL, 7), (REPEATED, 1)], ids=["all", "repeated"])
def test_documents_in_any_order_give_the_same_rows(database, documents, step):
    dumps = set()
    for order in list(permutations(documents))[::step]:
        delete_figures(database)
        for document in order:
            store(database, document)
        dumps.add(tuple(list_rows(database)))
    assert len(dumps) == 1


@st.composite
def publications(draw):
    """Return documents of different publication times."""
    documents: list[Document] = []
    hours = draw(st.lists(st.integers(0, 200), min_size=1, max_size=7, unique=True))
    for hour in hours:
        source = draw(st.sampled_from(["page", "workbook"]))
        first, length = draw(st.integers(1, 5)), draw(st.integers(1, 4))
        values = {first + at: draw(st.integers(0, 2)) for at in range(length)}
        documents.append((source, utc(2025, 12, 8) + dt.timedelta(hours=hour), values))
    if draw(st.booleans()):
        documents.append(("figures", None, {day: draw(st.integers(0, 2)) for day in range(1, 7)}))
    return documents


@given(publications(), st.randoms())
def test_generated_documents_in_any_order_give_the_same_rows(documents, random):
    dumps = []
    shuffled = list(documents)
    random.shuffle(shuffled)
    for order in (documents, shuffled):
        delete_figures(in_memory())
        for document in order:
            store(in_memory(), document)
        dumps.append(list_rows(in_memory()))
    assert dumps[0] == dumps[1]


def test_embedded_figures_are_stored_once_and_revised_later(database):
    store(database, FIGURES)
    before = list_rows(database)
    assert store(database, FIGURES, SEEN + dt.timedelta(days=9)) == Stored(0, 0, 3)
    assert list_rows(database) == before
    later = SEEN + dt.timedelta(days=30)
    newer: Document = ("figures", None, {13: 740, 14: 52, 15: 0, 16: 74})
    assert store(database, newer, later) == Stored(1, 1, 2)
    assert read_current(database, later - dt.timedelta(seconds=1))[13] == (737, "figures")
    assert read_current(database, later)[13] == (740, "figures")


def test_changes_are_returned_and_older_documents_add_history(database):
    store(database, PAGE_1)
    stored = store(database, WORKBOOK_1)
    assert stored == Stored(2, 1, 1)
    assert [(c.date.day, c.before, c.value, c.source) for c in stored.changes] == [
        (11, None, 0, "workbook"),
        (13, 737, 730, "workbook"),
        (14, None, 52, "workbook"),
    ]
    # An older document adds history and changes no current figure.
    older: Document = ("workbook", utc(2025, 12, 12, 9), {11: 3})
    assert store(database, older) == Stored(0, 0, 1)
    assert read_current(database, utc(2025, 12, 13)) == {11: (3, "workbook")}


def test_csv_figures_are_known_from_when_they_were_read(database):
    store(database, WORKBOOK_2)
    csv: Document = ("csv", None, {13: 700, 14: 52, 16: 74})
    assert store(database, csv, SEEN) == Stored(1, 1, 1)
    assert read_current(database, SEEN - dt.timedelta(seconds=1))[13] == (737, "workbook")
    assert read_current(database)[13] == (700, "csv")
    assert read_current(database)[14] == (52, "workbook")
    assert read_current(database, utc(2025, 12, 17, 14))[16] == (74, "csv")
