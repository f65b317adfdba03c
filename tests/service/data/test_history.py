"""The history of a figure, beside a rule that anyone can check at any moment."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from service.data.history import Statement, history
from tests.service.support import utc

START = utc(2025, 12, 14, 11)


def stated(value: int, source: str, hour: int, tie: str = "a", marked: bool = False) -> Statement:
    known_at = START + dt.timedelta(hours=hour)
    return Statement(value, source, known_at, False, known_at, known_at, marked, tie)


STATEMENTS = st.lists(
    st.builds(
        stated,
        st.integers(0, 2),
        st.sampled_from(["figures", "page", "workbook", "csv"]),
        st.integers(0, 4),
        st.sampled_from("abc"),
    ),
    max_size=8,
    unique_by=lambda s: (s.known_at, s.rank, s.tie),
)


@given(STATEMENTS)
def test_at_every_moment_the_highest_and_newest_rules(statements: list[Statement]) -> None:
    rulings = history(statements)
    for hour in range(-1, 6):
        now = START + dt.timedelta(hours=hour, minutes=30)
        known = [s for s in statements if s.known_at <= now]
        wanted = max(known, key=lambda s: (s.rank, s.known_at, s.tie), default=None)
        ruling = [
            r
            for r in rulings
            if r.known_at <= now and (r.superseded_at is None or r.superseded_at > now)
        ]
        found = [(r.value, r.source) for r in ruling]
        assert found == ([(wanted.value, wanted.source)] if wanted else [])
        for one in ruling:
            # Since then it was this value, without a break.
            assert one.since <= one.known_at
            before = now
            while before >= one.since:
                then = [s for s in statements if s.known_at <= before]
                best = max(then, key=lambda s: (s.rank, s.known_at, s.tie))
                assert best.value == one.value
                before -= dt.timedelta(hours=1)


@given(STATEMENTS, st.randoms())
def test_the_order_of_reading_does_not_matter(statements: list[Statement], random: object) -> None:
    shuffled = list(statements)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert history(shuffled) == history(statements)


@given(STATEMENTS)
def test_every_value_is_kept(statements: list[Statement]) -> None:
    assert {r.value for r in history(statements)} == {s.value for s in statements}


def test_the_workbook_rules_for_its_day_and_the_page_is_kept_beside() -> None:
    ruled, beside = history(
        [stated(225, "workbook", 1), stated(255, "page", 2, marked=True), stated(225, "page", 3)]
    )
    assert (ruled.value, ruled.source, ruled.superseded_at) == (225, "workbook", None)
    assert (beside.value, beside.source, beside.marked_revised) == (255, "page", True)
    assert beside.superseded_at == beside.known_at


def test_another_source_of_the_same_value_does_not_make_it_younger() -> None:
    page, workbook = history([stated(737, "page", 0), stated(737, "workbook", 100)])
    assert page.superseded_at == workbook.known_at
    assert workbook.since == page.known_at


def test_a_source_that_repeats_itself_is_one_ruling() -> None:
    (one,) = history([stated(9, "page", hour, marked=hour == 2) for hour in (3, 1, 2)])
    assert one.known_at == one.first_seen_at == START + dt.timedelta(hours=1)
    assert one.marked_revised


def test_a_value_that_comes_back_rules_anew() -> None:
    values = [
        (r.value, r.since.hour)
        for r in history([stated(v, "page", h) for h, v in enumerate([5, 7, 5])])
    ]
    assert values == [(5, 11), (7, 12), (5, 13)]


def test_nothing_has_no_history() -> None:
    assert history([]) == []
