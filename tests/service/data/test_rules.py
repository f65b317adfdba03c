from __future__ import annotations

import contextlib
import datetime as dt
from dataclasses import replace

import pytest

from service.data import rules
from service.data.source import Document, SourceError
from tests.service.support import ROUTE, utc

DAY = dt.date(2025, 12, 17)


def document(series_id, value, revised=False):
    marked = frozenset({(series_id, DAY)} if revised else ())
    return Document("page", "p.html", None, {series_id: {DAY: value}}, marked)


@pytest.mark.parametrize(
    ("series_id", "before", "value"),
    [("people", 225, 255), ("people", 0, 50), ("people", 1000, 1200), ("boats", 9, 11)],
)
def test_small_change_is_accepted(series_id, before, value):
    rules.check_changes(document(series_id, value), {series_id: {DAY: before}}, ROUTE)


@pytest.mark.parametrize(
    ("series_id", "before", "value"),
    [("people", 225, 276), ("people", 497, 0), ("people", 0, 497), ("boats", 9, 12)],
)
def test_jump_is_rejected_unless_marked_as_revised(series_id, before, value):
    rules.check_changes(document(series_id, value, revised=True), {series_id: {DAY: before}}, ROUTE)
    mark_of_another_day = frozenset({(series_id, DAY - dt.timedelta(days=1))})
    jump = replace(document(series_id, value), revised=mark_of_another_day)
    with pytest.raises(SourceError) as caught:
        rules.check_changes(jump, {series_id: {DAY: before}}, ROUTE)
    message = str(caught.value)
    assert message.startswith(f"p.html, {series_id} on 2025-12-17: expected {before} as published")
    assert message.endswith(f'or a note "Revised", found {value}')


def test_any_value_is_accepted_for_a_new_day():
    rules.check_changes(document("people", 900), {"people": {}, "boats": {DAY: 1}}, ROUTE)


@pytest.mark.parametrize(
    ("note", "expected"),
    [("Revised", True), (" revised ", True), ("Unrevised", False), ("", False)],
)
def test_revision_mark_is_recognised(note, expected):
    assert rules.is_revised(note) is expected


def test_fewer_people_than_boats_are_rejected_by_day_and_week():
    assert rules.check_rows([rules.Row("row 2", DAY, 3, 3)], DAY) == []
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


def test_days_are_consecutive_and_not_in_the_future():
    first, second, later = (rules.Row("row", DAY + dt.timedelta(days=n), 3, 3) for n in (0, 1, 3))
    assert rules.check_rows([first, second], second.date) == []
    for rows, error in (
        ([first, later], "expected 2025-12-18, the day after 2025-12-17, found 2025-12-20"),
        ([first, first], "expected 2025-12-18, the day after 2025-12-17, found 2025-12-17"),
        ([first, second], "expected a day up to today, 2025-12-17, found 2025-12-18"),
    ):
        with pytest.raises(SourceError, match=error):
            rules.check_rows(rows, DAY)


@pytest.mark.parametrize("days", [180, 181])
def test_last_day_over_180_days_before_publication_is_rejected(days):
    published_at = dt.datetime(2025, 12, 21, 9, tzinfo=dt.UTC)
    today = published_at.date()
    last = today - dt.timedelta(days=days)
    error = pytest.raises(SourceError, match="expected a last day within 180 days")
    with error if days > 180 else contextlib.nullcontext():
        rules.check_stamp(published_at, last, today, "p.html", ROUTE.zone)
    assert bool(rules.check_stamp(None, last, today, "p.html", ROUTE.zone)[1]) is (days > 180)


def test_time_of_publication_is_compared_with_days_of_the_zone():
    """Just after midnight in London, which is an hour ahead in summer."""
    published_at = utc(2025, 6, 30, 23, 30)
    last, today = dt.date(2025, 6, 30), dt.date(2025, 7, 1)
    checked = rules.check_stamp(published_at, last, today, "p.html", ROUTE.zone)
    assert checked == (published_at, [])
    with pytest.raises(SourceError, match="expected a publication time up to today, 2025-06-30"):
        rules.check_stamp(published_at, last, last, "p.html", ROUTE.zone)
