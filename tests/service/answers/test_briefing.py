import datetime as dt

import numpy as np
import pytest

from forecast.series import DailySeries
from service.answers import briefing as module
from service.answers.briefing import briefing, briefing_of
from service.answers.errors import BadQuestion, NotFound, NotReady
from service.answers.issue_loader import IssueLoader
from tests.service.stored_figures import Figure, store_as_documents
from tests.service.support import ROUTE, utc

D = dt.date
YEAR = [6264, *[0] * 365, 6265]
OCTOBER = (
    "18 October 2024: 647 people in 10 boats; 28,204 people in 2024 to that day: 8.0% more than by "
    "the same day of 2023 (26,116) and 25.0% fewer than by the same day of 2022 (37,603)."
)
WHOLE_YEAR = (
    "31 December 2024: 0 people in 0 boats; 36,816 people in the whole of 2024: 25.1% more than in "
    "2023 (29,437) and 19.5% fewer than in 2022 (45,755)."
)


@pytest.mark.parametrize(
    ("series_id", "as_of", "sentence"),
    [
        ("people", D(2024, 10, 18), OCTOBER),
        ("people", D(2024, 12, 30), " people in 2024 to that day: "),
        ("people", D(2024, 12, 31), WHOLE_YEAR),
        ("people", D(2019, 9, 1), "3,932.1% more than by the same day of 2018 (28)."),
        ("people", D(2018, 1, 1), "2018: 0 people in 0 boats; 0 people in 2018 to that day."),
        ("boats", D(2024, 10, 18), "18 October 2024: 10 boats with 647 people; "),
        # The figure of a day is published at 14:00 in London on the next day.
        ("people", utc(2024, 10, 19, 12, 59), "17 October 2024: "),
        ("people", utc(2024, 10, 19, 13, 0), "18 October 2024: 647 people"),
    ],
)
def test_sentence_as_of_a_day_or_an_instant(loader, series_id, as_of, sentence):
    answer = briefing(loader, series_id, as_of)
    assert sentence in answer["sentence"]
    if isinstance(as_of, dt.datetime):
        assert answer["as_of"] == as_of.isoformat().replace("+00:00", "Z")
    else:
        assert answer["data_through"] == answer["as_of"] == str(as_of)


@pytest.mark.parametrize("day", ["2025-03-02", "2019-01-01"])
def test_numbers_equal_sums_in_loops(loader, people, day):
    last = D.fromisoformat(day)
    answer = briefing(loader, "people", last)
    for period in ("last_day", "last_7_days", "year_to_date"):
        first = D.fromisoformat(answer[period]["from"])
        assert answer[period]["to"] == day
        assert answer[period]["value"] == people.between(first, last).values.sum()
        for row in answer[period]["against"]:
            begin, end = (d.replace(year=d.year - last.year + row["year"]) for d in (first, last))
            if period == "last_7_days":
                begin = end - dt.timedelta(days=6)
            assert row["value"] == people.between(begin, end).values.sum()
            assert row["difference"] == answer[period]["value"] - row["value"]
            if row["value"]:
                share = 100 * (answer[period]["value"] / row["value"] - 1)
                assert row["per_cent"] == pytest.approx(share, abs=0.051)
            else:
                assert row["per_cent"] is None
    years = [row["year"] for row in answer["last_day"]["against"]]
    assert years == list(range(last.year - 1, 2017, -1))


def test_year_with_part_of_the_period_is_left_out(loader):
    answer = briefing(loader, "people", D(2019, 1, 3))
    assert answer["last_7_days"]["from"] == "2018-12-28"
    assert answer["last_7_days"]["against"] == []
    assert [row["year"] for row in answer["year_to_date"]["against"]] == [2018]


@pytest.mark.parametrize(
    ("start", "counts", "sentence"),
    [
        ("2024-09-01", [1], "1 September 2024: 1 person; 1 person since 1 September 2024."),
        ("2024-09-01", [1, 4], "2 September 2024: 4 people; 5 people since 1 September 2024."),
        ("2024-09-01", YEAR, "2 September 2025: 6,265 people; 6,265 people in 2025 to that day."),
        ("2024-01-01", YEAR, " to that day: about as many as by the same day of 2024 (6,264)."),
    ],
)
def test_sentence_has_singular_start_of_partial_year_and_rounded_change(start, counts, sentence):
    series = DailySeries("people", np.datetime64(start), np.array(counts))
    answer = module._build_briefing(ROUTE, series, {}, None, D(2026, 1, 2))
    assert answer["sentence"].endswith(sentence)


def test_revision_changes_briefing_of_date_but_not_of_instant(context, loader):
    with context.database.writing() as connection:
        figure = Figure("people", D(2024, 10, 18), 600, "test")
        store_as_documents(connection, ROUTE, [figure], utc(2026, 1, 1, 9))
    assert briefing(loader, "people", D(2024, 10, 18))["last_day"]["value"] == 600
    assert briefing(loader, "people", utc(2024, 10, 19, 14))["last_day"]["value"] == 647


@pytest.mark.parametrize("as_of", [D(2017, 12, 31), D.min, utc(2018, 1, 2, 13, 59)])
def test_as_of_before_first_figure_is_rejected(loader, as_of):
    with pytest.raises(BadQuestion, match="as_of: expected a day from 2018-01-01 on"):
        briefing(loader, "people", as_of)


def test_briefing_without_figures_or_of_unknown_series_fails(empty, clock):
    with pytest.raises(NotReady, match="no figures"):
        briefing(IssueLoader(empty, clock), "people")
    with pytest.raises(NotFound, match="expected one of the series people, boats"):
        briefing(IssueLoader(empty, clock), "planes")


def test_briefing_of_issue_uses_its_own_figures(context, loader, clock):
    view = loader.view("people", "latest")
    clock.now = view.issue.as_of
    before = briefing_of(loader, view)
    assert before == briefing(loader, "people", view.issue.as_of)
    with context.database.writing() as connection:  # read later, and dated before the issue
        figures = [Figure(name, D(2025, 12, 31), 7, "test") for name in ("people", "boats")]
        store_as_documents(connection, ROUTE, figures, utc(2026, 1, 1, 13))
    loader = IssueLoader(context, clock)
    assert briefing(loader, "people", view.issue.as_of)["last_day"]["value"] == 7
    assert briefing_of(loader, loader.view("people", view.issue.issue_id)) == before
