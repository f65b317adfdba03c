from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from service.answers.figures import figures
from service.answers.issue_loader import IssueLoader
from service.issues import note_store
from service.mail import delivery_store, edition
from service.mail.edition import build_edition
from service.mail.render import MailRenderer, Reader
from tests.service.mailbox import issue_time, publish_issue, read_body
from tests.service.support import ManualClock, utc

LAST, PREVIOUS = dt.date(2025, 12, 31), dt.date(2025, 12, 23)


@pytest.fixture
def loader(mailer):
    return IssueLoader(mailer, ManualClock(issue_time(LAST)))


@pytest.fixture
def previous(mailer):
    """The edition of the week before, from an issue of that week."""
    publish_issue(mailer.database, PREVIOUS, seed=3)
    loader = IssueLoader(mailer, ManualClock(issue_time(PREVIOUS)))
    frozen = build_edition(loader, "2025-W52", as_of=issue_time(PREVIOUS))
    with mailer.database.writing() as connection:
        delivery_store.save_edition(connection, frozen, {})
    return frozen


@pytest.mark.parametrize(("truth", "position"), [(1238, "above"), (307, "within"), (306, "below")])
def test_first_email_reports_the_last_hindcast(loader, monkeypatch, truth, position):
    def track_record(loader, series_id, weeks, kind):
        assert kind == "hindcast"
        earlier = {"from": "2025-12-08", "to": "2025-12-14", "truth": 0}
        week = {"from": "2025-12-15", "to": "2025-12-21", "truth": truth}
        forecast = {"median": 387, "lo80": 307, "hi80": 1237}
        return {"unit": "people", "weeks": [earlier | forecast, week | forecast]}

    monkeypatch.setattr("service.answers.track_record.track_record", track_record)
    last_week = edition._last_week(loader, None)
    assert last_week["rows"] == [] and last_week["is_older"]
    assert last_week["sentence"] == (
        "This is the first email, so there is no earlier forecast to check. A hindcast, a "
        "forecast made afterwards from the figures up to then, was 387 people for 15 to "
        "21 December 2025 (80% chance of between 307 and 1,237). "
        f"{truth:,} arrived, {position} that range."
    )


def test_last_week_compares_forecast_and_arrivals(loader, previous):
    last_week = edition._last_week(loader, previous)
    arrivals = [row["value"] for row in figures(loader, "people", dt.date(2025, 12, 25), LAST)]
    assert [row["came"] for row in last_week["rows"]] == arrivals
    assert [row["median"] for row in last_week["rows"]] == [
        row["median"] for row in previous.content["days"][:7]
    ]
    assert sum(arrivals) > previous.content["headline"]["hi80"]
    assert last_week["sentence"].endswith(f" {sum(arrivals):,} arrived, above that range.")
    median = previous.content["headline"]["median"]
    assert last_week["sentence"].startswith(f"The last email forecast {median:,} people for ")


def test_last_week_omits_unpublished_days(loader, previous):
    for day in previous.content["days"]:
        day["date"] = str(dt.date.fromisoformat(day["date"]) + dt.timedelta(days=4))
    last_week = edition._last_week(loader, previous)
    assert [row["came"] is None for row in last_week["rows"]] == [False] * 3 + [True] * 4
    assert "on the 3 of 7 days with published figures" in last_week["sentence"]


@pytest.mark.usefixtures("plain_chart")
@pytest.mark.parametrize(
    ("day", "heading"),
    [
        (7, "LAST WEEK’S FORECAST AND WHAT ARRIVED"),
        (8, "AN EARLIER WEEK: FORECAST AND WHAT ARRIVED"),
    ],
)
@pytest.mark.usefixtures("previous")
def test_heading_tells_last_week_from_an_earlier_one(mailer, day, heading):
    """The week of the previous email ends on 31 December."""
    loader = IssueLoader(mailer, ManualClock(utc(2026, 1, day, 12)))
    sent = build_edition(loader, "2026-W02")
    renderer = MailRenderer(sent, loader.view("people").paths, mailer.settings)
    assert f"\n{heading}\n" in read_body(renderer.message(Reader("a@example.org", 500)))


@pytest.mark.parametrize(
    ("after", "causes", "expected"),
    [
        (
            13.0,
            {"model": 0.0, "revision": -1.0, "weather": -2.0, "new_figures": 6.0},
            (
                "For the same 7 days, the mean forecast changed from 70 to 91 people: the model 0, "
                "revised figures −7, the weather forecast −14, new figures +42."
            ),
        ),
        (
            10.06,
            {"model": 1.0, "new_figures": -1.0},
            "The mean forecast for the same 7 days is still 70 people.",
        ),
    ],
)
def test_changes_list_causes(
    mailer,
    loader,
    previous,
    after,
    causes,
    expected,
):
    """The mean forecast of each day changes from 10 to `after`, by its causes."""
    view = loader.view("people")
    note: dict[str, Any] = {
        "since": previous.issue_id,
        "since_issued_at": "2025-12-26T12:00:00Z",
        "from": "2026-01-01",
        "before": [10.0] * 30,
        "after": [after] * 30,
        "causes": {name: [value] * 30 for name, value in causes.items()},
    }
    with mailer.database.writing() as connection:
        note_store.save_note(connection, view.issue.issue_id, note_store.CHANGES, note)
    new_figures, sentence = edition._changes(loader, view, previous)
    assert new_figures == "Figures for 8 more days are available."
    assert sentence == expected


@pytest.mark.parametrize(
    ("skill", "half", "words"),
    [
        (0.112, 0.1, "11% better than"),
        (0.112, 0.2, "not clearly better or worse than"),
    ],
)
def test_track_record_separates_live_forecasts_and_hindcasts(
    loader, monkeypatch, skill, half, words
):
    """``to`` is the day before the last week."""

    def track_record(loader, series_id, weeks, kind):
        row = {"measure": "total_7", "n": 20, "skill_climatology": skill}
        row |= {"skill_climatology_lo": skill - half, "skill_climatology_hi": skill + half}
        if kind == "live":
            row = {"measure": "total_7", "n": 0, "skill_climatology": None}
        past = [
            {"from": f"2025-12-{day:02}", "to": f"2025-12-{day + 6}"}
            | {"lo80": 5, "hi80": 9, "truth": truth}
            for day, truth in ((8, 5), (12, 1), (15, 10), (22, 9))  # the second overlaps
        ]
        return {"rows": [row], "window_weeks": weeks, "to": "2025-12-21", "weeks": past}

    assert edition._track_record(loader) == "No published forecast has been scored yet."
    monkeypatch.setattr("service.answers.track_record.track_record", track_record)
    assert edition._track_record(loader) == (
        "No published forecast has been scored yet. Hindcasts (forecasts made afterwards from the "
        "figures up to then), 26 weeks to 28 December 2025: the 80% range was right for 2 "
        "of 3 separate weeks; the forecasts were "
        f"{words} the average for the time of year (climatology)."
    )


def test_changes_without_causes(loader, previous):
    view = loader.view("people")
    assert edition._last_week(loader, None)["rows"] == []
    assert edition._changes(loader, view, None) == [], "the first email"
    same = build_edition(loader, "2025-W52")
    (sentence,) = edition._changes(loader, view, same)
    assert "no new forecast since the last email" in sentence
    changes = edition._changes(loader, view, previous)
    assert changes == ["Figures for 8 more days are available."]
    previous.content["data_through"] = str(LAST)
    changes = edition._changes(loader, view, previous)
    assert changes == ["There is no earlier forecast of these days to compare with."]
