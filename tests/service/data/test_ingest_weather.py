"""The weather, through the job and into the store."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pytest

from service.core.clock import utc_now
from service.core.context import Context
from service.core.job_runner import JobError
from service.data import ingest_weather as module
from service.data import weather_store as store
from service.data.daily_weather import WIND, WeatherReading
from service.data.ingest import ingest
from service.data.ingest_weather import weather
from service.issues import issue_store, note_store
from service.issues.refit import refit
from service.issues.reproduce import repeat
from tests.service import skies
from tests.service.support import ROUTE
from tests.support.sites import Answer, Asked, Sites, forecast_weather, hourly

DAY = dt.timedelta(days=1)


@pytest.fixture
def today(sites: Sites, monkeypatch: pytest.MonkeyPatch) -> dt.date:
    today = ROUTE.day(utc_now())
    # A past of two parts, instead of nine.
    monkeypatch.setattr(module, "_BEGIN", today - 380 * DAY)
    forecast_weather(sites, today)
    return today


def test_all_of_the_past_is_read_once(reader: Context, sites: Sites, today: dt.date) -> None:
    outcome = weather(reader)
    assert outcome.outcome == "done"
    stored = outcome.detail["stored"]
    assert (stored[0], stored[-1]) == ("ensemble", "waves")
    with reader.database.reading() as connection:
        assert store.spans(connection, ROUTE, "archive") == [(today - 380 * DAY, today - DAY)]
        assert store.spans(connection, ROUTE, "recent") == [(today - 60 * DAY, today)]
        ensemble = skies.newest(connection, "ensemble")
        covariates = skies.used(connection, np.datetime64(today - DAY), utc_now())
    assert ensemble.values.shape == (4, 15, len(WIND))
    assert covariates.history.shape == (380, len(WIND))
    assert covariates.future.shape == (4, 15, len(WIND))
    asked = len(sites.asked)
    weather(reader)
    # The ensemble, the waves and the last week of the past.
    assert len(sites.asked) - asked == 3
    assert sites.asked[-2].query["start_date"] == [(today - 9 * DAY).isoformat()]


def test_a_part_of_broken_form_does_not_cost_us_the_others(
    reader: Context, sites: Sites, today: dt.date
) -> None:
    sites.replies["/ensemble-api/v1/ensemble"] = Answer(b"[]", "application/json")
    with pytest.raises(JobError, match=r"0 points, 0 shapes \(archive, waves stored\)"):
        weather(reader)
    with reader.database.reading() as connection:
        assert skies.newest(connection, "waves") is not None
        assert skies.newest(connection, "ensemble") is None


@pytest.mark.parametrize(
    ("status", "reason", "times"),
    [
        (429, "Daily API request limit exceeded. Please try again tomorrow.", 1),
        (503, "The service is overloaded.", 2),
    ],
)
def test_after_a_refusal_nothing_more_is_asked_this_time(
    reader: Context, sites: Sites, today: dt.date, status: int, reason: str, times: int
) -> None:
    """A limit is not tried again either; a fault that passes is."""
    body = json.dumps({"error": True, "reason": reason}).encode()
    usual = sites.replies["/archive-api/v1/archive"]
    sites.replies["/archive-api/v1/archive"] = Answer(
        body, "application/json", status, {"Retry-After": "0"}
    )
    context = Context(reader.settings.model_copy(update={"fetch_attempts": 2}), reader.database)
    with pytest.raises(JobError, match=rf"{status} .*{reason[:20]}.*ensemble stored"):
        weather(context)
    assert sites.times("/archive-api/v1/archive") == times
    assert sites.times("/marine-api/v1/marine") == 0
    assert not isinstance(usual, list)
    sites.replies["/archive-api/v1/archive"] = usual
    assert weather(context).outcome == "done"
    assert sites.times("/marine-api/v1/marine") == 1


def test_waves_that_are_away_cost_the_models_nothing(
    reader: Context, sites: Sites, today: dt.date
) -> None:
    sites.replies["/marine-api/v1/marine"] = Answer(b"", "application/json", 503)
    with pytest.raises(JobError, match="503"):
        weather(reader)
    with reader.database.reading() as connection:
        assert skies.used(connection, np.datetime64(today - DAY), utc_now()).n_ahead == 15


def test_a_year_that_was_broken_is_asked_for_again(
    reader: Context, sites: Sites, today: dt.date
) -> None:
    usual = sites.replies["/archive-api/v1/archive"]
    assert callable(usual)
    sites.replies["/archive-api/v1/archive"] = [Answer(b"[]", "application/json"), usual]
    with pytest.raises(JobError, match="0 points"):
        weather(reader)
    sites.asked.clear()
    assert weather(reader).outcome == "done"
    # The year that is missing, and the last week.
    assert len(_archive_spans(sites)) == 2
    with reader.database.reading() as connection:
        assert store.spans(connection, ROUTE, "archive") == [(today - 380 * DAY, today - DAY)]


def _archive_spans(sites: Sites) -> list[tuple[str, str]]:
    """First and last day of each span that the archive was asked for."""
    return [
        (one.query["start_date"][0], one.query["end_date"][0])
        for one in sites.asked
        if one.path == "/archive-api/v1/archive"
    ]


def test_days_that_nobody_knows_are_asked_for_once(
    reader: Context, sites: Sites, today: dt.date
) -> None:
    """As where a source begins later than we ask, or has lost some hours."""
    begin, gone = today - 380 * DAY, (today - 380 * DAY, today - 369 * DAY)

    def reply(asked: Asked) -> Answer:
        first, last = (
            dt.date.fromisoformat(asked.query[name][0]) for name in ("start_date", "end_date")
        )
        stated = json.loads(hourly(asked, first, (last - first).days + 1))
        for point in stated:
            values = point["hourly"]["wind_speed_10m"]
            for at in range(len(values)):
                if gone[0] <= first + at // 24 * DAY <= gone[1]:
                    values[at] = None
        return Answer(json.dumps(stated).encode(), "application/json")

    sites.replies["/archive-api/v1/archive"] = reply
    values = np.ones((1, 12, len(WIND)))
    stored = WeatherReading("archive", WIND, today - 360 * DAY, values, utc_now())
    with reader.database.writing() as connection:
        store.put(connection, ROUTE, stored)
    weather(reader)
    with reader.database.reading() as connection:
        assert store.spans(connection, ROUTE, "archive") == [(begin, today - DAY)]
    sites.asked.clear()
    assert weather(reader).outcome == "done"
    assert _archive_spans(sites) == [((today - 9 * DAY).isoformat(), (today - DAY).isoformat())]


def test_without_weather_nothing_is_asked(reader: Context, sites: Sites) -> None:
    settings = reader.settings.model_copy(update={"weather": "off"})
    outcome = weather(Context(settings, reader.database))
    assert (outcome.outcome, outcome.reason) == (
        "skipped",
        "no weather is read (CROSSINGS_WEATHER)",
    )
    assert sites.asked == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_from_the_site_into_the_forecast(
    reader: Context, sites: Sites, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The figures end months ago: what came of the weather since is as good as foreseen."""
    today = ROUTE.day(utc_now())
    monkeypatch.setattr(module, "_BEGIN", dt.date(2024, 11, 1))
    forecast_weather(sites, today)
    context = skies.reading(reader)
    ingest(context, "figures")
    first = refit(context)
    assert (first.outcome, first.detail["weather"]) == ("done", "missing")
    weather(context)
    again = refit(context)
    assert (again.outcome, again.detail["weather"]) == ("done", "used")
    with context.database.reading() as connection:
        newest = issue_store.get_latest_issue(connection, "people")
        note = note_store.get_note(connection, newest.issue_id, note_store.WEATHER)
    # The days since are known; the ensemble has today and the 14 days after it.
    ahead = (today + 14 * DAY - newest.data_through).days
    assert (note["days_ahead"], note["members"], note["models"]) == (ahead, 4, ["swell"])
    assert repeat(context, newest.issued_at).outcome == "done", "the same weather is found again"
    assert note["columns"] == list(WIND)
