import datetime as dt
import os
from dataclasses import replace

import pytest

from service.data import document_store
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


def to_store(document, seen=SEEN):
    counts = {(name, day): n for name, days in document.figures.items() for day, n in days.items()}
    return document_store.to_store(document, counts, None, seen)


def test_document_is_stored_once_and_read_unchanged(database):
    page, workbook = to_store(PAGE), to_store(WORKBOOK)
    with database.writing() as connection:
        assert document_store.add_document(connection, ROUTE, page)
        assert document_store.add_document(connection, ROUTE, workbook)
        assert not document_store.add_document(connection, ROUTE, page)
    with database.reading() as connection:
        days = [("people", D(2025, 12, 12)), ("people", D(2025, 12, 14))]
        stored = list(document_store.list_overlapping(connection, ROUTE, days))
        assert [(d.source, d.counts, d.marked, d.fingerprint) for d in stored] == [
            (page.source, page.counts, page.marked, page.fingerprint)
        ]
        assert stored[0].known_at == utc(2025, 12, 14, 11)
        all_days = [("people", D.min), ("people", D.max)]
        documents = document_store.list_overlapping(connection, ROUTE, all_days)
        assert [d.source for d in documents] == ["page", "workbook"]
        workbooks = document_store.list_overlapping(connection, ROUTE, all_days, "workbook")
        assert [d.source for d in workbooks] == ["workbook"]
        other = ROUTE.model_copy(update={"name": f"{ROUTE.name}_2"})
        assert list(document_store.list_overlapping(connection, other, all_days)) == []
        rows = document_store.list_newest(connection)
    assert [tuple(row.values()) for row in rows] == [
        (ROUTE.name, one.source, one.data_through, one.published_at, SEEN)
        for one in (PAGE, WORKBOOK)
    ]


@pytest.mark.parametrize("hours", [-1, 0, 1])
def test_nothing_is_known_later_than_it_was_seen(hours):
    moment = SEEN + dt.timedelta(hours=hours)
    known_at = min(moment, SEEN)
    undated = replace(PAGE, published_at=None)
    stored = document_store.to_store(undated, {("people", DAY): 737}, moment, SEEN)
    assert stored.known_at == known_at
    assert to_store(replace(PAGE, published_at=moment)).known_at == known_at
    usual = ROUTE.assumed_known_at(DAY)
    seen = usual - dt.timedelta(hours=hours)
    ((_, one),) = replace(stored, known_at=None, first_seen_at=seen).statements(ROUTE)
    assert one.known_at == min(usual, seen)


def test_fingerprint_depends_on_content_and_publication_time():
    fingerprint = to_store(PAGE).fingerprint
    reordered = replace(PAGE, name="again", figures=dict(reversed(PAGE.figures.items())))
    assert to_store(reordered).fingerprint == fingerprint
    assert to_store(PAGE, SEEN + dt.timedelta(days=1)).fingerprint == fingerprint
    others = [
        replace(PAGE, figures={"people": {DAY: 737}}),
        replace(PAGE, figures={"people": {DAY: 738}, "boats": {DAY: 11}}),
        replace(PAGE, published_at=utc(2025, 12, 14, 12)),
        replace(PAGE, revised=frozenset()),
        replace(PAGE, source="workbook"),
        PAGE,
    ]
    assert len({to_store(document).fingerprint for document in others}) == 6


def test_last_validators_are_kept_by_route(database):
    other = ROUTE.model_copy(update={"name": f"{ROUTE.name}_2"})
    with database.writing() as connection:
        both = {"a": ('"1"', None), "b": (None, "Wed")}
        document_store.save_validators(connection, ROUTE, both | {"x" * 501: both["a"]}, SEEN)
        document_store.save_validators(connection, ROUTE, {"a": ('"2"', None)}, SEEN)
        document_store.save_validators(connection, ROUTE, {}, SEEN)
        assert document_store.get_validators(connection, other) == {}
        document_store.save_validators(connection, other, {"a": ('"1"', None)}, SEEN)
    with database.reading() as connection:
        assert document_store.get_validators(connection, ROUTE) == both | {"a": ('"2"', None)}
        assert document_store.get_validators(connection, other) == {"a": ('"1"', None)}


def test_same_raw_document_is_kept_once_and_old_ones_are_deleted(tmp_path):
    def save(content):
        return document_store.save_raw_document(tmp_path, content, ".ods")

    old, repeated, new = map(save, (b"1", b"abc", b"3"))
    assert repeated.read_bytes() == b"abc"
    assert repeated.name == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad.ods"
    for path, days in ((old, 91), (repeated, 91), (new, 89)):
        moment = (SEEN - dt.timedelta(days=days)).timestamp()
        os.utime(path, (moment, moment))
    assert save(b"abc") == repeated
    document_store.prune_raw_documents(tmp_path, 90, SEEN)
    assert [path for path in (old, repeated, new) if path.exists()] == [repeated, new]
