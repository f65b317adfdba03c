"""The history of a figure, compared with a simple rule at each time."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from service.data.history import Statement, history
from tests.service.support import utc

START = utc(2025, 12, 14, 11)


def make_statement(value, source, hour, tie="a", marked=False):
    known_at = START + dt.timedelta(hours=hour)
    return Statement(value, source, known_at, False, known_at, known_at, marked, tie)


STATEMENTS = st.lists(
    st.builds(
        make_statement,
        st.integers(0, 2),
        st.sampled_from(["figures", "page", "workbook", "csv"]),
        st.integers(0, 4),
        st.sampled_from("abc"),
    ),
    max_size=8,
    unique_by=lambda s: (s.known_at, s.rank, s.tie),
)


def find_current(statements, moment):
    past = [s for s in statements if s.known_at <= moment]
    return max(past, key=lambda s: (s.rank, s.known_at, s.tie), default=None)


@given(STATEMENTS)
def test_highest_ranked_newest_statement_is_current_at_any_time(
    statements,
):
    rulings = history(statements)
    assert {r.value for r in rulings} == {s.value for s in statements}
    for hour in range(-1, 6):
        now = START + dt.timedelta(hours=hour, minutes=30)
        expected = find_current(statements, now)
        current = [
            r
            for r in rulings
            if r.known_at <= now and (r.superseded_at is None or r.superseded_at > now)
        ]
        values = [(r.value, r.source) for r in current]
        assert values == ([(expected.value, expected.source)] if expected else [])
        for ruling in current:
            # It has been the current value since then without a break.
            assert ruling.since <= ruling.known_at
            moment = now
            while moment >= ruling.since:
                earlier = find_current(statements, moment)
                assert earlier.value == ruling.value
                moment -= dt.timedelta(hours=1)


def test_later_page_does_not_replace_the_workbook():
    workbook, page = history(
        [
            make_statement(225, "workbook", 1),
            make_statement(255, "page", 2, marked=True),
            make_statement(255, "page", 3),
            make_statement(225, "page", 4),
        ]
    )
    assert (workbook.value, workbook.source, workbook.superseded_at) == (225, "workbook", None)
    assert (page.value, page.source, page.marked_revised) == (255, "page", True)
    assert page.superseded_at == page.known_at


def test_same_value_from_another_source_keeps_its_start():
    page, workbook = history([make_statement(737, "page", 0), make_statement(737, "workbook", 100)])
    assert page.superseded_at == workbook.known_at
    assert workbook.since == page.known_at


def test_repeated_statements_of_a_source_are_one_ruling():
    (ruling,) = history([make_statement(9, "page", hour, marked=hour == 2) for hour in (3, 1, 2)])
    assert ruling.known_at == ruling.first_seen_at == START + dt.timedelta(hours=1)
    assert ruling.marked_revised


def test_returning_value_starts_a_new_ruling():
    values = [
        (r.value, r.since.hour)
        for r in history([make_statement(v, "page", h) for h, v in enumerate([5, 7, 5])])
    ]
    assert values == [(5, 11), (7, 12), (5, 13)]
