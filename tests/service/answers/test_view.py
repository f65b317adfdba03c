from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from service.answers.errors import BadQuestion, NotPossible
from service.answers.issue_loader import IssueLoader
from service.answers.view import day_of
from service.core.context import Context
from service.issues.issue_store import KEPT_DAYS
from tests.service.support import NOW, ROUTE, Hand, utc

D = dt.date


def test_it_begins_today_and_never_on_a_day_that_has_a_figure(context: Context) -> None:
    view = IssueLoader(context, Hand(NOW)).view("people")
    assert view.today == view.first == view.ahead.first == D(2026, 1, 2)
    early = IssueLoader(context, Hand(utc(2025, 12, 20))).view("people")
    assert early.today == D(2026, 1, 1)


@pytest.mark.parametrize(
    ("as_of", "day"),
    [
        (D(2026, 1, 5), D(2026, 1, 6)),
        (utc(2026, 6, 5, 22, 59), D(2026, 6, 5)),
        (utc(2026, 6, 5, 23), D(2026, 6, 6)),
        (D(2025, 6, 5), D(2026, 1, 1)),
    ],
)
def test_as_of_a_date_it_is_the_day_after_and_of_an_instant_its_day(
    context: Context, as_of: D | dt.datetime, day: D
) -> None:
    issue = IssueLoader(context, Hand(NOW)).view("people").issue
    moment = as_of if isinstance(as_of, dt.datetime) else dt.datetime.combine(as_of, dt.time(20))
    assert day_of(issue, as_of, ROUTE.day(moment.replace(tzinfo=dt.UTC))) == day


def test_beyond_its_last_day_there_is_no_answer(context: Context) -> None:
    loader = IssueLoader(context, Hand(NOW))
    last: D = loader.view("people").paths.end.item()
    assert loader.view("people", first=last).ahead.most == 1
    with pytest.raises(BadQuestion, match=f"{last}, the last that can be answered"):
        _ = loader.view("people", first=last + dt.timedelta(days=1)).ahead
    loader.clock = Hand(NOW + dt.timedelta(days=800))
    with pytest.raises(NotPossible, match=f"can answer is {last}, and 2028-03-12 is asked"):
        _ = loader.view("people").ahead


def test_of_a_model_that_is_not_served_the_first_days_are_kept(context: Context) -> None:
    loader = IssueLoader(context, Hand(NOW))
    served, other = loader.view("people"), loader.view("people", model="seasonal_naive")
    assert served.paths.horizon > other.paths.horizon == KEPT_DAYS
    last = dt.date(2026, 2, 4)
    with pytest.raises(BadQuestion, match=f"1 to 34, as {last} is the last day that can be"):
        other.ahead.end(KEPT_DAYS + 1)
    loader.clock = Hand(NOW + dt.timedelta(days=40))
    late = loader.view("people", model="seasonal_naive")
    with pytest.raises(NotPossible, match="seasonal_naive of issue .* or the champion, calibrated"):
        _ = late.ahead


def test_a_day_that_is_over_makes_it_past(context: Context) -> None:
    loader = IssueLoader(context, Hand(NOW))
    latest = loader.view("people")
    assert not latest.is_past
    assert loader.view("people", latest.issue.issue_id).is_past
    assert replace(latest, first=D(2026, 1, 3)).ahead.skipped == 2
