"""The job that reads weather: what it requests and stores."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pytest

from service.core.clock import utc_now
from service.core.job_runner import JobError
from service.data import ingest_weather, weather_store
from service.data.daily_weather import WIND, WeatherReading
from service.data.ingest_weather import weather as read_weather
from tests.service import sample_weather
from tests.service.stored_issues import with_settings
from tests.service.support import ROUTE
from tests.support.sites import SiteResponse, act_as_openmeteo, hourly_weather

DAY = dt.timedelta(days=1)
ARCHIVE, MARINE = "/archive-api/v1/archive", "/marine-api/v1/marine"
ENSEMBLE = "/ensemble-api/v1/ensemble"


@pytest.fixture
def today(sites, monkeypatch):
    today = ROUTE.day(utc_now())
    # Two parts of the archive instead of nine.
    monkeypatch.setattr(ingest_weather, "_BEGIN", today - 380 * DAY)
    act_as_openmeteo(sites, today)
    return today


def test_archive_is_read_once(reader, sites, today):
    outcome = read_weather(reader)
    assert outcome.outcome == "done"
    stored = outcome.detail["stored"]
    assert (stored[0], stored[-1]) == ("ensemble", "waves")
    with reader.database.reading() as connection:
        assert weather_store.list_spans(connection, ROUTE, "archive") == [
            (today - 380 * DAY, today - DAY)
        ]
        assert weather_store.list_spans(connection, ROUTE, "recent") == [(today - 60 * DAY, today)]
        ensemble = sample_weather.newest_reading(connection, "ensemble")
        covariates = sample_weather.usable_weather(
            connection, np.datetime64(today - DAY), utc_now()
        )
    assert ensemble.values.shape == (4, 15, len(WIND))
    assert covariates.history.shape == (380, len(WIND))
    assert covariates.future.shape == (4, 15, len(WIND))
    n_requests = len(sites.requests)
    read_weather(reader)
    # The ensemble, the waves and the last week of the archive.
    assert len(sites.requests) - n_requests == 3
    assert sites.requests[-2].query["start_date"] == [(today - 9 * DAY).isoformat()]


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("application/json", r"one array to stack in \[\]"),
        ("text/html", "text/html"),
    ],
)
def test_other_parts_are_stored_if_one_is_invalid(reader, sites, today, kind, error):
    sites.replies[ENSEMBLE] = SiteResponse(b"[]", kind)
    with pytest.raises(JobError, match=rf"{error} \(archive, waves stored\)"):
        read_weather(reader)
    with reader.database.reading() as connection:
        assert sample_weather.newest_reading(connection, "waves") is not None
        assert sample_weather.newest_reading(connection, "ensemble") is None


@pytest.mark.parametrize(
    ("status", "reason", "times"),
    [
        (429, "Daily API request limit exceeded. Please try again tomorrow.", 1),
        (503, "The service is overloaded.", 2),
    ],
)
def test_run_ends_at_a_rejected_request(reader, sites, today, status, reason, times):
    """A rate limit is not retried in the run, a temporary error is."""
    body = json.dumps({"error": True, "reason": reason}).encode()
    usual = sites.replies[ARCHIVE]
    sites.replies[ARCHIVE] = SiteResponse(body, "application/json", status, {"Retry-After": "0"})
    context = with_settings(reader, fetch_attempts=2)
    with pytest.raises(JobError, match=rf"{status} .*{reason[:20]}.*ensemble stored"):
        read_weather(context)
    assert sites.times(ARCHIVE) == times
    assert sites.times(MARINE) == 0
    sites.replies[ARCHIVE] = usual
    assert read_weather(context).outcome == "done"
    assert sites.times(MARINE) == 1


def test_days_without_data_are_requested_once(reader, sites, today):
    """As where a source begins later than requested, or lacks some hours."""
    begin, missing = today - 380 * DAY, (today - 380 * DAY, today - 369 * DAY)

    def reply(request):
        first, last = (
            dt.date.fromisoformat(request.query[name][0]) for name in ("start_date", "end_date")
        )
        hours = json.loads(hourly_weather(request, first, (last - first).days + 1))
        for point in hours:
            values = point["hourly"]["wind_speed_10m"]
            for at in range(len(values)):
                if missing[0] <= first + at // 24 * DAY <= missing[1]:
                    values[at] = None
        return SiteResponse(json.dumps(hours).encode(), "application/json")

    sites.replies[ARCHIVE] = reply
    values = np.ones((1, 12, len(WIND)))
    stored = WeatherReading("archive", WIND, today - 360 * DAY, values, utc_now())
    with reader.database.writing() as connection:
        weather_store.save_reading(connection, ROUTE, stored)
    read_weather(reader)
    with reader.database.reading() as connection:
        assert weather_store.list_spans(connection, ROUTE, "archive") == [(begin, today - DAY)]
    sites.requests.clear()
    assert read_weather(reader).outcome == "done"
    (request,) = (one for one in sites.requests if one.path == ARCHIVE)
    assert request.query["start_date"] == [(today - 9 * DAY).isoformat()]
    assert request.query["end_date"] == [(today - DAY).isoformat()]


def test_weather_off_requests_nothing(reader, sites):
    outcome = read_weather(with_settings(reader, weather="off"))
    assert outcome.outcome == "skipped"
    assert outcome.reason == "no weather is read (CROSSINGS_WEATHER)"
    assert sites.requests == []
