"""Documents stored in any order make the same figures and the same history."""

from __future__ import annotations

import datetime as dt
from functools import cache
from itertools import permutations
from typing import Any

import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from service.core.database import Database, connect
from service.core.tables import documents
from service.data import observation_store
from service.data.observation_store import Stored
from tests.service.stored import Figure, dump, forget, record
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


def put(database: Database, document: Document, seen_at: dt.datetime = SEEN) -> Stored:
    source, published_at, values = document
    with database.writing() as connection:
        figures = [
            Figure("people", D(2025, 12, day), value, source, published_at)
            for day, value in values.items()
        ]
        return record(connection, ROUTE, figures, seen_at, assume_known=True)


@cache
def in_memory() -> Database:
    opened = connect("sqlite:///:memory:")
    opened.migrate()
    return opened


def known(database: Database, as_of: dt.datetime | None = None) -> dict[int, tuple[int, str]]:
    with database.reading() as connection:
        rows = observation_store.current(connection, "people", as_of)
        return {row.date.day: (row.value, row.source) for row in rows}


def test_the_figures_and_the_history_are_those_of_the_documents(database: Database) -> None:
    for document in ALL:
        put(database, document)
    assert known(database) == {
        11: (0, "workbook"),
        12: (0, "workbook"),
        13: (737, "workbook"),
        14: (52, "workbook"),
        15: (0, "workbook"),
    }
    at = {
        utc(2025, 12, 14, 10): {},
        utc(2025, 12, 14, 11): {12: (0, "page"), 13: (737, "page")},
        utc(2025, 12, 15, 9): {
            11: (0, "workbook"),
            12: (0, "workbook"),
            13: (730, "workbook"),
            14: (52, "workbook"),
        },
        utc(2025, 12, 16, 13): {
            11: (0, "workbook"),
            12: (0, "workbook"),
            13: (730, "workbook"),  # the page of that day says 737 and does not rule
            14: (52, "workbook"),
            15: (0, "page"),
        },
    }
    for moment, wanted in at.items():
        assert known(database, moment) == wanted


def test_any_order_makes_the_same(database: Database) -> None:
    seen = set()
    for order in list(permutations(ALL))[::7]:
        forget(database)
        for document in order:
            put(database, document)
        seen.add(tuple(dump(database)))
    assert len(seen) == 1


@st.composite
def publications(draw: st.DrawFn) -> list[Document]:
    """Documents as their publishers make them, each with a moment of its own."""
    made: list[Document] = []
    hours = draw(st.lists(st.integers(0, 200), min_size=1, max_size=7, unique=True))
    for hour in hours:
        source = draw(st.sampled_from(["page", "workbook"]))
        first, length = draw(st.integers(1, 5)), draw(st.integers(1, 4))
        values = {first + at: draw(st.integers(0, 2)) for at in range(length)}
        made.append((source, utc(2025, 12, 8) + dt.timedelta(hours=hour), values))
    if draw(st.booleans()):
        made.append(("figures", None, {day: draw(st.integers(0, 2)) for day in range(1, 7)}))
    return made


@given(publications(), st.randoms())
def test_no_order_makes_a_difference(made: list[Document], random: Any) -> None:
    dumps = []
    shuffled = list(made)
    random.shuffle(shuffled)
    for order in (made, shuffled):
        forget(in_memory())
        for document in order:
            put(in_memory(), document)
        dumps.append(dump(in_memory()))
    assert dumps[0] == dumps[1]


def test_a_word_that_does_not_rule_decides_what_is_new_of_a_later_one(database: Database) -> None:
    made: list[Document] = [
        ("page", utc(2025, 12, 8), {4: 2}),
        ("workbook", utc(2025, 12, 9), {4: 1}),
        ("page", utc(2025, 12, 10), {4: 1}),
        ("page", utc(2025, 12, 11), {4: 2}),
    ]
    seen = set()
    for order in permutations(made):
        forget(database)
        for document in order:
            put(database, document)
        seen.add(tuple(dump(database)))
    assert len(seen) == 1


def test_the_same_document_is_stored_once(database: Database) -> None:
    assert put(database, WORKBOOK_1).new == 4
    before = dump(database)
    assert put(database, WORKBOOK_1, SEEN + dt.timedelta(days=1)) == Stored(0, 0, 4)
    assert dump(database) == before
    with database.reading() as connection:
        count = sa.select(sa.func.count()).select_from(documents)
        assert connection.execute(count).scalar_one() == 1


def test_embedded_figures_are_stored_once_and_corrected_later(database: Database) -> None:
    put(database, FIGURES)
    before = dump(database)
    assert put(database, FIGURES, SEEN + dt.timedelta(days=9)) == Stored(0, 0, 3)
    assert dump(database) == before
    later = SEEN + dt.timedelta(days=30)
    newer: Document = ("figures", None, {13: 740, 14: 52, 15: 0, 16: 74})
    assert put(database, newer, later) == Stored(1, 1, 2)
    assert known(database, later - dt.timedelta(seconds=1))[13] == (737, "figures")
    assert known(database, later)[13] == (740, "figures")


def test_what_changed_is_told(database: Database) -> None:
    put(database, PAGE_1)
    stored = put(database, WORKBOOK_1)
    assert stored == Stored(2, 1, 1)
    assert [(c.date.day, c.before, c.value, c.source) for c in stored.changes] == [
        (11, None, 0, "workbook"),
        (13, 737, 730, "workbook"),
        (14, None, 52, "workbook"),
    ]
    # Older than what is there: it makes history, and changes no figure.
    older: Document = ("workbook", utc(2025, 12, 12, 9), {11: 3})
    assert put(database, older) == Stored(0, 0, 1)
    assert known(database, utc(2025, 12, 13)) == {11: (3, "workbook")}


def test_a_time_of_publication_ahead_of_our_clock_is_not_believed(database: Database) -> None:
    seen = utc(2025, 12, 14, 10)
    put(database, PAGE_1, seen)
    assert known(database, seen) == {12: (0, "page"), 13: (737, "page")}


def test_a_csv_is_known_since_it_was_read_where_it_differs(database: Database) -> None:
    put(database, WORKBOOK_2)
    mine: Document = ("csv", None, {13: 700, 14: 52, 16: 74})
    assert put(database, mine, SEEN) == Stored(1, 1, 1)
    assert known(database, SEEN - dt.timedelta(seconds=1))[13] == (737, "workbook")
    assert known(database)[13] == (700, "csv")
    assert known(database)[14] == (52, "workbook")
    assert known(database, utc(2025, 12, 17, 14))[16] == (74, "csv")
