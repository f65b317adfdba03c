import datetime as dt
import json

import pytest

from service.answers.errors import BadQuestion, NotPossible
from service.answers.figures import figures
from service.answers.issue_loader import IssueLoader
from service.issues import issue_store, note_store
from service.mail import delivery_store, edition
from service.mail.edition import build_edition, iso_week, monday
from tests.service.mailbox import issue_time, publish_issue
from tests.service.support import NOW, ROUTE, ManualClock, publish, random_paths, utc

LAST, PREVIOUS = dt.date(2025, 12, 31), dt.date(2025, 12, 23)
WEATHER = "Weather data by Open-Meteo.com, CC BY 4.0."


@pytest.fixture
def loader(mailer):
    return IssueLoader(mailer, ManualClock(NOW))


@pytest.fixture
def previous(mailer):
    """The edition of the week before, from an issue of that week."""
    publish_issue(mailer.database, PREVIOUS, seed=3)
    frozen = build(mailer, issue_time(PREVIOUS), "2025-W52", as_of=issue_time(PREVIOUS))
    with mailer.database.writing() as connection:
        delivery_store.save_edition(connection, frozen, {})
    return frozen


def build(context, now, week="2026-W01", **options):
    return build_edition(IssueLoader(context, ManualClock(now)), week, **options)


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
    last = build(mailer, utc(2026, 3, 4), "2026-W10").content["days"]
    assert (len(last), last[-1]["date"]) == (28, "2026-03-31")
    with pytest.raises(NotPossible, match="needs a forecast of the next 28 days; that of people-"):
        build(mailer, utc(2026, 3, 5), "2026-W10")


@pytest.mark.parametrize(
    ("now", "status", "first", "n_waiting"),
    [(NOW, "fresh", "2026-01-02", 1), (utc(2026, 1, 9, 15), "degraded", "2026-01-09", 8)],
)
def test_content_is_json_from_today_on(mailer, now, status, first, n_waiting):
    """People and boats cover the same days."""
    content = build(mailer, now).content
    assert json.loads(json.dumps(content)) == content
    assert content["status"] == status
    assert len(content["reasons"]) == (0 if status == "fresh" else 2)
    (boats,) = content["followers"]
    for sentence in (content["headline"]["sentence"], boats.removeprefix("Boats. ")):
        assert sentence.startswith("Next 7 days: about")
    assert content["past"][-1]["date"] == "2025-12-31"
    waiting = [(row["date"], row["note"]) for row in content["waiting"]]
    assert waiting == [(f"2026-01-0{d}", "not yet published") for d in range(1, n_waiting + 1)]
    assert content["headline"]["from"] == content["days"][0]["date"] == first
    assert len(content["days"]) == 28


def test_weather_is_attributed_when_used(mailer):
    assert WEATHER not in build(mailer, NOW).content["attribution"]
    with mailer.database.writing() as connection:
        issue = issue_store.get_latest_issue(connection, "people")
        note_store.save_note(connection, issue.issue_id, note_store.WEATHER, {"status": "used"})
    assert WEATHER in build(mailer, NOW).content["attribution"]


def test_edition_without_boats_has_no_followers(mailer):
    publish(mailer.database, {"climatology": random_paths("2025-12-21", 60)}, 1, utc(2025, 12, 22))
    now = utc(2025, 12, 23)
    assert build(mailer, now, "2025-W52", as_of=now).content["followers"] == []


@pytest.mark.parametrize(
    ("truth", "position"), [(1238, "above"), (1237, "within"), (307, "within"), (306, "below")]
)
def test_first_email_reports_the_last_hindcast(loader, monkeypatch, truth, position):
    def track_record(loader, series_id, weeks, kind):
        assert kind == "hindcast"
        earlier = {"from": "2025-12-08", "to": "2025-12-14", "truth": 0}
        week = {"from": "2025-12-15", "to": "2025-12-21", "truth": truth}
        forecast = {"median": 387, "lo80": 307, "hi80": 1237}
        return {"unit": "people", "weeks": [earlier | forecast, week | forecast]}

    monkeypatch.setattr("service.answers.track_record.track_record", track_record)
    assert edition._last_week(loader, None) == {
        "sentence": (
            "This is the first email, so there is no earlier forecast to check. A hindcast, a "
            "forecast made afterwards from the figures up to then, was 387 people for 15 to "
            "21 December 2025 (80% chance of between 307 and 1,237). "
            f"{truth:,} arrived, {position} that range."
        ),
        "rows": [],
    }


def test_last_week_compares_forecast_and_arrivals(loader, previous):
    last_week = edition._last_week(loader, previous)
    arrivals = [row["value"] for row in figures(loader, "people", dt.date(2025, 12, 25), LAST)]
    assert [row["came"] for row in last_week["rows"]] == arrivals
    days, headline = previous.content["days"], previous.content["headline"]
    assert [row["median"] for row in last_week["rows"]] == [row["median"] for row in days[:7]]
    assert sum(arrivals) > headline["hi80"]
    sentence = last_week["sentence"]
    assert sentence.endswith(f" {sum(arrivals):,} arrived, above that range.")
    assert sentence.startswith(f"The last email forecast {headline['median']:,} people for ")
    for day in days:
        day["date"] = str(dt.date.fromisoformat(day["date"]) + dt.timedelta(days=4))
    last_week = edition._last_week(loader, previous)
    assert [row["came"] is None for row in last_week["rows"]] == [False] * 3 + [True] * 4
    assert last_week["sentence"].endswith("on the 3 of 7 days with published figures.")


def test_changes_list_causes(mailer, loader, previous):
    view = loader.view("people")
    causes = {"model": 0.0, "revision": -1.0, "weather": -2.0, "new_figures": 6.0}
    note = {
        "since": previous.issue_id,
        "since_issued_at": "2025-12-26T12:00:00Z",
        "from": "2026-01-01",
        "before": [10.0] * 30,
        "after": [13.0] * 30,
        "causes": {name: [value] * 30 for name, value in causes.items()},
    }
    with mailer.database.writing() as connection:
        note_store.save_note(connection, view.issue.issue_id, note_store.CHANGES, note)
    expected = (
        "For the same 7 days, the mean forecast was 70 and is now 91 people: the model 0, revised "
        "figures −7, the weather forecast −14, new figures +42."
    )
    assert edition._changes(loader, view, previous) == [expected]


def test_changes_without_causes(loader, previous):
    view = loader.view("people")
    assert edition._changes(loader, view, None) == [], "the first email"
    same = build_edition(loader, "2025-W52")
    expected = ["There has been no new forecast since the last email."]
    assert edition._changes(loader, view, same) == expected
    expected = ["There is no earlier forecast of these days to compare with."]
    assert edition._changes(loader, view, previous) == expected


@pytest.mark.parametrize(
    ("half", "words"), [(0.1, "11% better than"), (0.2, "not clearly better or worse than")]
)
def test_track_record_separates_live_forecasts_and_hindcasts(loader, monkeypatch, half, words):
    def track_record(loader, series_id, weeks, kind):
        row = {"measure": "total_7", "n": 20, "skill_climatology": 0.112}
        row |= {"skill_climatology_lo": 0.112 - half, "skill_climatology_hi": 0.112 + half}
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
