import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from service.data.history import Statement, history
from tests.service.support import utc

START = utc(2025, 12, 14, 11)
HOUR = dt.timedelta(hours=1)


def make_statement(value, source, hour, tie="a", marked=False):
    known_at = START + hour * HOUR
    return Statement(value, source, known_at, known_at, known_at, marked, tie)


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


@given(STATEMENTS)
def test_highest_ranked_newest_statement_is_current_at_any_time(statements):
    def find(moment):
        past = [s for s in statements if s.known_at <= moment]
        return max(past, key=lambda s: (s.rank, s.known_at, s.tie), default=None)

    rulings = history(statements)
    assert {r.value for r in rulings} == {s.value for s in statements}
    for now in (START + (hour + 0.5) * HOUR for hour in range(-1, 6)):
        expected = find(now)
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
            while now >= ruling.since:
                assert find(now).value == ruling.value
                now -= HOUR


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


def test_value_keeps_its_start_until_another_replaces_it():
    stated = [(5, "page"), (5, "workbook"), (7, "workbook"), (5, "workbook")]
    rulings = history([make_statement(*one, hour) for hour, one in enumerate(stated)])
    assert [(r.value, r.source) for r in rulings] == stated
    assert [r.since - START for r in rulings] == [0 * HOUR, 0 * HOUR, 2 * HOUR, 3 * HOUR]
    assert [r.superseded_at for r in rulings] == [*(r.known_at for r in rulings[1:]), None]


def test_repeated_statements_are_one_ruling():
    (ruling,) = history([make_statement(9, "page", hour, marked=hour == 2) for hour in (3, 1, 2)])
    assert ruling.known_at == ruling.first_seen_at == START + HOUR
    assert ruling.marked_revised
    (ruling,) = history([make_statement(9, source, 1) for source in ("workbook", "page")])
    assert (ruling.source, ruling.since) == ("workbook", START + HOUR)
