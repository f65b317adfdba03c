from __future__ import annotations

import datetime as dt
import json

import pytest

from service.answers.errors import BadQuestion, NotReady
from service.answers.issue_loader import IssueLoader
from service.core.context import Context
from service.issues import issue_store, note_store
from service.mail.edition import gather, iso_week, monday
from service.mail.render import MailRenderer, Reader, subject
from tests.service.mailbox import issue_anew
from tests.service.support import NOW, ROUTE, Hand, publish, random_paths, utc


@pytest.mark.parametrize(
    ("moment", "week"),
    [
        (utc(2026, 1, 2), "2026-W01"),
        (utc(2027, 1, 1), "2026-W53"),
        (utc(2024, 12, 30), "2025-W01"),
        (utc(2026, 6, 28, 23, 30), "2026-W27"),  # already Monday in the United Kingdom
    ],
)
def test_the_week_is_the_iso_week_of_the_local_day(moment: dt.datetime, week: str) -> None:
    assert iso_week(ROUTE, moment) == week


def test_a_week_begins_on_its_monday() -> None:
    assert monday("2026-W01") == dt.date(2025, 12, 29)
    assert monday("2020-W53") == dt.date(2020, 12, 28)


@pytest.mark.parametrize(
    "text", ["2026-W00", "2026-W54", "2025-W53", "2026-01", "2026W01", "", "2026-W1", "0000-W01"]
)
def test_a_week_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadQuestion, match="week: expected an ISO week such as 2026-W02"):
        monday(text)


def test_an_edition_can_be_kept_as_json(mailing: Context) -> None:
    edition = gather(IssueLoader(mailing, Hand(NOW)), "2026-W01")
    assert json.loads(json.dumps(edition.content)) == edition.content
    assert edition.content["status"] == "fresh"
    (boats,) = edition.content["followers"]
    assert boats.startswith("Boats. Next 7 days: about")
    assert [row["date"] for row in edition.content["past"]][-1] == "2025-12-31"
    assert edition.content["days"][0]["date"] == "2026-01-02"
    assert [row["note"] for row in edition.content["waiting"]] == ["not yet published"]


def test_a_forecast_of_one_is_singular_in_the_subject(mailing: Context) -> None:
    content = gather(IssueLoader(mailing, Hand(NOW)), "2026-W01").content
    week = content["headline"] | {"median": 1, "lo80": 0, "hi80": 3}
    assert ": about 1 person, " in subject(content | {"headline": week})


def test_old_figures_and_an_old_issue_are_said(mailing: Context) -> None:
    edition = gather(IssueLoader(mailing, Hand(utc(2026, 1, 9, 15))), "2026-W02")
    assert edition.content["status"] == "degraded"
    old, late = edition.content["reasons"]
    assert old == "the latest figures are for 2025-12-31, 9 days ago"
    assert late.startswith("no forecast has been published for 36 hours")


def test_without_an_issue_there_is_no_edition(empty: Context) -> None:
    with pytest.raises(NotReady):
        gather(IssueLoader(empty, Hand(NOW)), "2026-W01")


def test_an_older_issue_is_written_of_as_it_was(mailing: Context) -> None:
    loader = IssueLoader(mailing, Hand(NOW))
    first = gather(loader, "2026-W01")
    issue_anew(mailing.database, dt.date(2026, 1, 1), seed=5)
    newer, older = gather(loader, "2026-W01"), gather(loader, "2026-W01", as_of=NOW)
    assert newer.content["days"] != first.content["days"] == older.content["days"]
    assert newer.content["followers"] != first.content["followers"] == older.content["followers"]


def test_a_newer_issue_does_not_cost_a_past_week_its_boats(mailing: Context) -> None:
    issue_anew(mailing.database, dt.date(2025, 12, 20), seed=5)
    then, loader = utc(2025, 12, 23), IssueLoader(mailing, Hand(NOW))
    past = gather(IssueLoader(mailing, Hand(then)), "2025-W52", as_of=then)
    (boats,) = past.content["followers"]
    assert boats.startswith("Boats. Next 7 days: about")
    assert past.content["followers"] != gather(loader, "2026-W01").content["followers"]


def test_boats_of_an_old_issue_are_of_the_days_that_the_people_are_of(mailing: Context) -> None:
    content = gather(IssueLoader(mailing, Hand(utc(2026, 1, 9, 15))), "2026-W02").content
    (boats,) = content["followers"]
    for sentence in (content["headline"]["sentence"], boats.removeprefix("Boats. ")):
        assert sentence.startswith("Next 7 days: about")
    assert content["headline"]["from"] == content["days"][0]["date"] == "2026-01-09"
    assert [row["date"] for row in content["waiting"]] == [f"2026-01-0{d}" for d in range(1, 9)]


def test_without_boats_nothing_is_said_of_them(mailing: Context) -> None:
    paths = {"climatology": random_paths("2025-12-21", 60)}
    publish(mailing.database, paths, 1, utc(2025, 12, 22))
    then = utc(2025, 12, 23)
    content = gather(IssueLoader(mailing, Hand(then)), "2025-W52", as_of=then).content
    assert content["followers"] == []


def test_whose_weather_the_forecast_used_is_in_the_foot(mailing: Context) -> None:
    loader, weather = IssueLoader(mailing, Hand(NOW)), "Weather data by Open-Meteo.com, CC BY 4.0."
    assert weather not in gather(loader, "2026-W01").content["attribution"]
    with mailing.database.writing() as connection:
        issue = issue_store.get_latest_issue(connection, "people")
        assert issue is not None
        note_store.save_note(connection, issue.issue_id, note_store.WEATHER, {"status": "used"})
    edition = gather(loader, "2026-W01")
    renderer = MailRenderer(
        edition, loader.view("people", edition.issue_id).paths, mailing.settings
    )
    reader = Reader("a@example.org", 500)
    for foot in (renderer.text(reader), renderer.html(reader)):
        assert weather in " ".join(foot.replace("\u00a0", " ").split())
