"""Documents kept whole."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from service.core.database import Database
from service.data import document_store
from service.data.document_store import StoredDocument
from service.data.source import Document
from tests.service.support import ROUTE, utc

D = dt.date
SEEN = utc(2025, 12, 31, 12)
DAY = D(2025, 12, 13)
PAGE = Document(
    *("page", "a page", utc(2025, 12, 14, 11)),
    {"people": {DAY: 737}, "boats": {DAY: 11}},
    frozenset({("people", DAY)}),
)
WORKBOOK = Document(
    *("workbook", "a workbook", utc(2025, 12, 19, 14)), {"people": {D(2025, 12, 11): 0}}
)


def to_store(document: Document, seen: dt.datetime = SEEN) -> StoredDocument:
    counts = {(name, day): n for name, one in document.figures.items() for day, n in one.items()}
    return document_store.to_store(document, counts, None, seen)


def test_a_document_is_read_as_it_was_stored(database: Database) -> None:
    page, workbook = to_store(PAGE), to_store(WORKBOOK)
    with database.writing() as connection:
        assert document_store.add(connection, ROUTE, page)
        assert document_store.add(connection, ROUTE, workbook)
        assert not document_store.add(connection, ROUTE, page)
    with database.reading() as connection:
        days = [("people", D(2025, 12, 12)), ("people", D(2025, 12, 14))]
        again = list(document_store.overlapping(connection, ROUTE, days))
        assert [(d.source, d.counts, d.marked, d.fingerprint) for d in again] == [
            (page.source, page.counts, page.marked, page.fingerprint)
        ]
        assert again[0].known_at == utc(2025, 12, 14, 11)
        ever = [("people", D.min), ("people", D.max)]
        everything = document_store.overlapping(connection, ROUTE, ever)
        assert [d.source for d in everything] == ["page", "workbook"]
        only = document_store.overlapping(connection, ROUTE, ever, "workbook")
        assert [d.source for d in only] == ["workbook"]


def test_the_newest_of_each_source(database: Database) -> None:
    with database.writing() as connection:
        for one in (PAGE, WORKBOOK):
            document_store.add(connection, ROUTE, to_store(one))
    with database.reading() as connection:
        rows = document_store.newest(connection)
    assert rows == [
        {
            "route": ROUTE.name,
            "source": "page",
            "data_through": D(2025, 12, 13),
            "published_at": utc(2025, 12, 14, 11),
            "read_at": SEEN,
        },
        {
            "route": ROUTE.name,
            "source": "workbook",
            "data_through": D(2025, 12, 11),
            "published_at": utc(2025, 12, 19, 14),
            "read_at": SEEN,
        },
    ]


def test_the_fingerprint_is_of_what_is_said_and_when() -> None:
    same = to_store(PAGE).fingerprint
    turned = replace(PAGE, name="again", figures=dict(reversed(PAGE.figures.items())))
    assert to_store(turned).fingerprint == same
    assert to_store(PAGE, SEEN + dt.timedelta(days=1)).fingerprint == same
    others = [
        replace(PAGE, figures={"people": {DAY: 737}}),
        replace(PAGE, figures={"people": {DAY: 738}, "boats": {DAY: 11}}),
        replace(PAGE, published_at=utc(2025, 12, 14, 12)),
        replace(PAGE, revised=frozenset()),
        replace(PAGE, source="workbook"),
        PAGE,
    ]
    assert len({to_store(one).fingerprint for one in others}) == 6


def test_what_a_site_said_last_is_kept_for_each_route(database: Database) -> None:
    other = ROUTE.model_copy(update={"name": f"{ROUTE.name}_2"})
    with database.writing() as connection:
        both = {"a": ('"1"', None), "b": (None, "Wed")}
        document_store.remember(connection, ROUTE, both, SEEN)
        document_store.remember(connection, ROUTE, {"a": ('"2"', None)}, SEEN)
        document_store.remember(connection, ROUTE, {}, SEEN)
        assert document_store.validators(connection, other) == {}
        document_store.remember(connection, other, {"a": ('"1"', None)}, SEEN)
    with database.reading() as connection:
        assert document_store.validators(connection, ROUTE) == both | {"a": ('"2"', None)}
        assert document_store.validators(connection, other) == {"a": ('"1"', None)}


def test_what_is_too_long_is_not_kept(database: Database) -> None:
    with database.writing() as connection:
        stated = {"x" * 501: ("e", None), "c": (None, None)}
        document_store.remember(connection, ROUTE, stated, SEEN)
    with database.reading() as connection:
        assert document_store.validators(connection, ROUTE) == {"c": (None, None)}
