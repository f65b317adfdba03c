"""The rules that need more than one document, or none."""

from __future__ import annotations

import datetime as dt

import pytest

from service.data import rules
from service.data.source import Document, SourceError
from tests.service.support import ROUTE

DAY = dt.date(2025, 12, 17)


def document(series_id: str, value: int, revised: bool = False) -> Document:
    marked = frozenset({(series_id, DAY)} if revised else ())
    return Document("page", "p.html", None, {series_id: {DAY: value}}, marked)


@pytest.mark.parametrize(
    ("series_id", "before", "value"),
    [("people", 225, 255), ("people", 0, 50), ("people", 1000, 1200), ("boats", 9, 11)],
)
def test_a_small_change_needs_no_note(series_id: str, before: int, value: int) -> None:
    rules.check_changes(document(series_id, value), {series_id: {DAY: before}}, ROUTE)


@pytest.mark.parametrize(
    ("series_id", "before", "value"),
    [("people", 225, 276), ("people", 497, 0), ("people", 0, 497), ("boats", 9, 12)],
)
def test_a_jump_needs_one(series_id: str, before: int, value: int) -> None:
    rules.check_changes(document(series_id, value, revised=True), {series_id: {DAY: before}}, ROUTE)
    with pytest.raises(SourceError) as caught:
        rules.check_changes(document(series_id, value), {series_id: {DAY: before}}, ROUTE)
    said = str(caught.value)
    assert said.startswith(f"p.html, {series_id} on 2025-12-17: expected {before} as published")
    assert said.endswith(f'or a note "Revised", found {value}')


def test_a_day_that_was_not_published_is_free() -> None:
    rules.check_changes(document("people", 900), {"people": {}, "boats": {DAY: 1}}, ROUTE)


@pytest.mark.parametrize(
    ("note", "is_it"), [("Revised", True), (" revised ", True), ("Unrevised", False), ("", False)]
)
def test_revised_is_what_says_so(note: str, is_it: bool) -> None:
    assert rules.is_revised(note) is is_it


def test_fewer_people_than_boats_are_refused_by_day_and_week() -> None:
    message = "at least as many people as boats, found 10 people in 437 boats"
    with pytest.raises(SourceError, match=message):
        rules.check_rows([rules.Row("row 2", DAY, 10, 437)], DAY)
    rows = [rules.Row("row 2", DAY, 437, 10)]
    week = rules.Row("row 3", DAY + dt.timedelta(days=4), 10, 437)
    with pytest.raises(SourceError, match="expected a week of the days"):
        rules.check_weeks([week], rows)
    sunday = rules.Row("row 2", week.date, 437, 10)
    with pytest.raises(SourceError, match=message):
        rules.check_weeks([week], [sunday])


def test_as_many_people_as_boats_are_possible() -> None:
    assert rules.check_rows([rules.Row("row 2", DAY, 3, 3)], DAY) == []


@pytest.mark.parametrize("days", [0, 180, 181, 366])
def test_a_last_day_long_before_the_publication_has_a_wrong_year(days: int) -> None:
    published_at = dt.datetime(2025, 12, 21, 9, tzinfo=dt.UTC)
    last = published_at.date() - dt.timedelta(days=days)
    today = published_at.date()
    if days > 180:
        with pytest.raises(SourceError, match="expected a last day within 180 days"):
            rules.check_stamp(published_at, last, today, "p.html", ROUTE.zone)
    else:
        rules.check_stamp(published_at, last, today, "p.html", ROUTE.zone)
    assert bool(rules.check_stamp(None, last, today, "p.html", ROUTE.zone)[1]) is (days > 180)
