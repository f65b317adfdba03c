from __future__ import annotations

import datetime as dt
import json

import pytest

from service.answers.errors import BadQuestion, NotPossible
from service.answers.issue_loader import IssueLoader
from service.issues import issue_store, note_store
from service.mail.edition import build_edition, iso_week, monday
from tests.service.mailbox import publish_issue
from tests.service.support import NOW, ROUTE, ManualClock, publish, random_paths, utc

PAST = utc(2025, 12, 23)


@pytest.fixture
def loader(mailer):
    return IssueLoader(mailer, ManualClock(NOW))


@pytest.mark.parametrize(
    ("moment", "week", "first"),
    [
        (utc(2026, 1, 2), "2026-W01", dt.date(2025, 12, 29)),
        (utc(2027, 1, 1), "2026-W53", dt.date(2026, 12, 28)),
        # already Monday in the United Kingdom
        (utc(2026, 6, 28, 23, 30), "2026-W27", dt.date(2026, 6, 29)),
    ],
)
def test_week_is_the_iso_week_of_the_local_day(moment, week, first):
    assert iso_week(ROUTE, moment) == week
    assert monday(week) == first


@pytest.mark.parametrize(
    "text", ["2026-W00", "2025-W53", "2026-01-05", "2026W01", "", "2026-W1", "0000-W01"]
)
def test_invalid_week_is_rejected(text):
    with pytest.raises(BadQuestion, match="week: expected an ISO week such as 2026-W02"):
        monday(text)


def test_forecast_that_ends_too_soon_is_rejected(mailer):
    late = IssueLoader(mailer, ManualClock(utc(2026, 3, 5)))
    with pytest.raises(NotPossible, match="needs a forecast of the next 28 days; that of people-"):
        build_edition(late, "2026-W10")


def test_content_is_json_serialisable(loader):
    content = build_edition(loader, "2026-W01").content
    assert json.loads(json.dumps(content)) == content
    assert content["status"] == "fresh"
    (boats,) = content["followers"]
    assert boats.startswith("Boats. Next 7 days: about")
    assert [row["date"] for row in content["past"]][-1] == "2025-12-31"
    assert content["days"][0]["date"] == "2026-01-02"
    assert [row["note"] for row in content["waiting"]] == ["not yet published"]


def test_edition_of_old_figures_and_old_issue(mailer):
    """People and boats cover the same days."""
    content = build_edition(
        IssueLoader(mailer, ManualClock(utc(2026, 1, 9, 15))), "2026-W02"
    ).content
    assert content["status"] == "degraded"
    old_figures, old_issue = content["reasons"]
    assert old_figures == "the latest figures are for 2025-12-31, 9 days ago"
    assert old_issue.startswith("no forecast has been published for 7 days")
    (boats,) = content["followers"]
    for sentence in (content["headline"]["sentence"], boats.removeprefix("Boats. ")):
        assert sentence.startswith("Next 7 days: about")
    assert content["headline"]["from"] == content["days"][0]["date"] == "2026-01-09"
    assert [row["date"] for row in content["waiting"]] == [f"2026-01-0{d}" for d in range(1, 9)]


def test_edition_as_of_a_time_ignores_newer_issues(mailer, loader):
    first = build_edition(loader, "2026-W01")
    publish_issue(mailer.database, dt.date(2026, 1, 1), seed=5)
    newer, older = build_edition(loader, "2026-W01"), build_edition(loader, "2026-W01", as_of=NOW)
    assert newer.content["days"] != first.content["days"] == older.content["days"]
    assert newer.content["followers"] != first.content["followers"] == older.content["followers"]


def test_edition_without_boats_has_no_followers(mailer):
    paths = {"climatology": random_paths("2025-12-21", 60)}
    publish(mailer.database, paths, 1, utc(2025, 12, 22))
    past = build_edition(IssueLoader(mailer, ManualClock(PAST)), "2025-W52", as_of=PAST)
    assert past.content["followers"] == []


def test_weather_is_attributed_when_used(mailer, loader):
    weather = "Weather data by Open-Meteo.com, CC BY 4.0."
    assert weather not in build_edition(loader, "2026-W01").content["attribution"]
    with mailer.database.writing() as connection:
        issue = issue_store.get_latest_issue(connection, "people")
        note_store.save_note(connection, issue.issue_id, note_store.WEATHER, {"status": "used"})
    assert weather in build_edition(loader, "2026-W01").content["attribution"]
