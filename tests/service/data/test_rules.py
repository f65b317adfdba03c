import datetime as dt

import pytest

from service.data import rules
from service.data.source import Document, SourceError
from tests.service.support import ROUTE, utc

DAY = dt.date(2025, 12, 17)
SUNDAY = dt.date(2025, 12, 21)
ONE_DAY = dt.timedelta(days=1)


@pytest.mark.parametrize(
    ("series_id", "before", "accepted", "rejected"),
    [
        *(("people", 225, 275, 276), ("people", 1000, 1200, 1201), ("people", 497, 398, 397)),
        *(("people", 0, 50, 51), ("boats", 9, 11, 12)),
    ],
)
def test_jump_is_rejected_unless_marked_as_revised(series_id, before, accepted, rejected):
    def check(value, published=DAY, revised=None):
        marked = frozenset({(series_id, revised)})
        document = Document("page", "p.html", None, {series_id: {DAY: value}}, marked)
        rules.check_changes(document, {series_id: {published: before}}, ROUTE)

    check(accepted)
    check(rejected, revised=DAY)
    check(rejected, published=DAY - ONE_DAY)  # a new day
    with pytest.raises(SourceError) as caught:
        check(rejected, revised=DAY - ONE_DAY)
    message = str(caught.value)
    assert message.startswith(f"p.html, {series_id} on 2025-12-17: expected {before} as published")
    assert message.endswith(f'or a note "Revised", found {rejected}')


def test_weekly_totals_are_sums_of_whole_weeks():
    def check(*people):
        rows = [rules.Row(f"day {n}", SUNDAY - n * ONE_DAY, 9, 1) for n in range(10)][::-1]
        weeks = zip((SUNDAY - 7 * ONE_DAY, SUNDAY), people, strict=True)
        rules.check_weeks([rules.Row(f"week {day}", day, n, 7) for day, n in weeks], rows)

    check(99, 63)  # the days before the first row are unknown
    with pytest.raises(SourceError, match="week 2025-12-21: expected 63 people, the sum of the"):
        check(99, 64)


@pytest.mark.parametrize(
    ("note", "expected"),
    [("Revised", True), (" revised ", True), ("Unrevised", False), ("", False)],
)
def test_revision_mark_is_recognised(note, expected):
    assert rules.is_revised(note) is expected


def test_last_day_over_180_days_before_publication_is_rejected():
    def check(published_at, days):
        last = SUNDAY - days * ONE_DAY
        return rules.check_stamp(published_at, last, SUNDAY, "p.html", ROUTE.zone)

    published_at = utc(2025, 12, 21, 9)
    assert check(published_at, 180) == (published_at, [])
    assert check(None, 180) == (None, [])
    assert "is 181 days before today" in check(None, 181)[1][0]
    with pytest.raises(SourceError, match="expected a last day within 180 days"):
        check(published_at, 181)


def test_time_of_publication_is_compared_with_days_of_the_zone():
    """Just after midnight in London, which is an hour ahead in summer."""
    published_at = utc(2025, 6, 30, 23, 30)
    last, today = dt.date(2025, 6, 30), dt.date(2025, 7, 1)
    checked = rules.check_stamp(published_at, last, today, "p.html", ROUTE.zone)
    assert checked == (published_at, [])
    with pytest.raises(SourceError, match="expected a publication time up to today, 2025-06-30"):
        rules.check_stamp(published_at, last, last, "p.html", ROUTE.zone)
