from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from service.answers.figures import figures
from service.answers.issue_loader import IssueLoader
from service.core.context import Context
from service.issues import note_store
from service.mail import edition
from service.mail.delivery_store import Edition
from service.mail.edition import gather
from tests.service.mailbox import issue_anew, issued
from tests.service.support import Hand

LAST, THEN = dt.date(2025, 12, 31), dt.date(2025, 12, 23)


@pytest.fixture
def previous(mailing: Context) -> Edition:
    """The mail of the week before, made of an issue of the week before."""
    issue_anew(mailing.database, THEN, seed=3)
    loader = IssueLoader(mailing, Hand(issued(THEN)))
    return gather(loader, "2025-W52", as_of=issued(THEN))


def loader_of(context: Context, moment: dt.datetime | None = None) -> IssueLoader:
    return IssueLoader(context, Hand(moment or issued(LAST)))


def test_without_an_earlier_mail_it_says_so(mailing: Context) -> None:
    assert edition._last_week(loader_of(mailing), None)["rows"] == []
    assert edition._changes(loader_of(mailing), loader_of(mailing).view("people"), None) == []


@pytest.mark.parametrize(
    ("truth", "place"), [(1241, "above"), (1240, "within"), (300, "within"), (299, "below")]
)
def test_a_first_email_looks_back_on_the_last_hindcast(
    mailing: Context, monkeypatch: pytest.MonkeyPatch, truth: int, place: str
) -> None:
    def record(loader: IssueLoader, series_id: str, weeks: int, kind: str) -> dict[str, Any]:
        assert kind == "hindcast"
        earlier = {"from": "2025-12-08", "to": "2025-12-14", "truth": 0}
        week = {"from": "2025-12-15", "to": "2025-12-21", "truth": truth}
        numbers = {"median": 387, "lo80": 307, "hi80": 1237}
        return {"unit": "people", "weeks": [earlier | numbers, week | numbers]}

    monkeypatch.setattr("service.answers.track_record.track_record", record)
    found = edition._last_week(loader_of(mailing), None)
    assert found["rows"] == []
    assert found["sentence"] == (
        "This is the first email, so there is no earlier forecast to check. The hindcast for 15 "
        "to 21 December 2025 was about 380 people, with an 80% chance of between 300 "
        f"and 1,240. {truth:,} arrived, {place} that range."
    )


def test_last_weeks_forecast_stands_beside_what_came(mailing: Context, previous: Edition) -> None:
    found = edition._last_week(loader_of(mailing), previous)
    came = figures(loader_of(mailing), "people", dt.date(2025, 12, 25), LAST)
    assert [row["came"] for row in found["rows"]] == [row["value"] for row in came]
    assert [row["median"] for row in found["rows"]] == [
        row["median"] for row in previous.content["days"][:7]
    ]
    total = sum(row["value"] for row in came)
    assert f"{total:,} arrived" in found["sentence"]
    said = previous.content["headline"]
    assert total > said["hi80"]
    assert found["sentence"].endswith("arrived, above that range.")


def test_days_that_are_not_published_are_left_open(mailing: Context, previous: Edition) -> None:
    for day in previous.content["days"]:
        day["date"] = str(dt.date.fromisoformat(day["date"]) + dt.timedelta(days=4))
    found = edition._last_week(loader_of(mailing), previous)
    assert [row["came"] is None for row in found["rows"]] == [False] * 3 + [True] * 4
    assert "on the 3 of 7 days with published figures" in found["sentence"]


def test_what_changed_is_told_by_its_causes(mailing: Context, previous: Edition) -> None:
    loader = loader_of(mailing)
    view = loader.view("people")
    note: dict[str, Any] = {
        "since": previous.issue_id,
        "since_issued_at": "2025-12-26T12:00:00Z",
        "from": "2026-01-01",
        "before": [10.0] * 30,
        "after": [13.0] * 30,
        "causes": {
            "model": [0.0] * 30,
            "revision": [-1.0] * 30,
            "weather": [-2.0] * 30,
            "new_figures": [6.0] * 30,
        },
    }
    with mailing.database.writing() as connection:
        note_store.save_note(connection, view.issue.issue_id, note_store.CHANGES, note)
    figures_said, causes_said = edition._changes(loader, view, previous)
    assert figures_said == "Figures for 8 more days are available."
    assert causes_said == (
        "For the same 7 days, the mean forecast changed from 70 to 91 people: the model 0, "
        "revised figures \N{MINUS SIGN}7, the weather forecast \N{MINUS SIGN}14, new figures +42."
    )


def test_when_nothing_links_the_two_it_says_so(mailing: Context, previous: Edition) -> None:
    said = edition._changes(loader_of(mailing), loader_of(mailing).view("people"), previous)
    assert said == ["Figures for 8 more days are available."]
    previous.content["data_through"] = str(LAST)
    said = edition._changes(loader_of(mailing), loader_of(mailing).view("people"), previous)
    assert said == ["There is no earlier forecast of these days to compare with."]


def test_the_same_issue_has_not_changed(mailing: Context) -> None:
    loader = loader_of(mailing)
    same = gather(loader, "2025-W52")
    (said,) = edition._changes(loader, loader.view("people"), same)
    assert "no new forecast since the last email" in said


def test_a_record_that_does_not_exist_is_not_claimed(mailing: Context) -> None:
    assert edition._track_record(loader_of(mailing)) == (
        "No published forecast has been scored yet."
    )


def test_the_record_is_one_line_and_live_and_replayed_are_told_apart(
    mailing: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def record(loader: IssueLoader, series_id: str, weeks: int, kind: str) -> dict[str, Any]:
        row = {"measure": "total_7", "n": 20, "coverage80": 0.75, "skill_climatology": -0.031}
        row |= {"coverage80_lo": 0.53, "coverage80_hi": 0.888}
        if kind == "live":
            row = {"measure": "total_7", "n": 0, "coverage80": None, "skill_climatology": None}
        return {"rows": [row], "window_weeks": weeks, "to": "2025-12-21"}

    monkeypatch.setattr("service.answers.track_record.track_record", record)
    assert edition._track_record(loader_of(mailing)) == (
        "No published forecast has been scored yet. Hindcasts, "
        "26 weeks to 21 December 2025: the 80% range of a week was right 75% of the time (95% "
        "confidence interval 53% to 89%); by CRPS 3% worse than climatology."
    )
