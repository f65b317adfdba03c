"""The job that reads weather: what it requests and stores."""

import datetime as dt
import json

import numpy as np
import pytest

from service.core.clock import utc_now
from service.core.job_runner import JobError
from service.data import ingest_weather
from service.data.daily_weather import WIND
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
    # Few parts of the archive instead of nine.
    monkeypatch.setattr(ingest_weather, "_BEGIN", today - 380 * DAY)
    act_as_openmeteo(sites, today)
    return today


def test_every_part_is_stored_and_only_the_last_week_of_the_archive_read_again(
    reader, sites, today
):
    """The source begins a few days late, and lacks the last days; its first answer is invalid."""
    usual = sites.replies[ARCHIVE]

    def reply(request):
        first, last = (
            dt.date.fromisoformat(request.query[name][0]) for name in ("start_date", "end_date")
        )
        hours = json.loads(hourly_weather(request, first, (last - first).days + 1))
        missing = 24 * max((today - 372 * DAY - first).days, 0)
        for point in hours:
            values = point["hourly"]["wind_speed_10m"]
            values[:missing] = [None] * missing
            if last == today - DAY:
                values[-120:] = [None] * 120
        return SiteResponse(json.dumps(hours).encode(), "application/json")

    sites.replies[ARCHIVE] = SiteResponse(b"[]", "application/json")
    with pytest.raises(JobError, match=r"\(ensemble, waves stored\)"):
        read_weather(reader)
    assert sites.times(ARCHIVE) == 1, "the days after an invalid part are not read before it"
    sites.replies[ARCHIVE] = reply
    outcome = read_weather(reader)
    assert (outcome.outcome, outcome.detail["stored"]) == ("done", ["archive"])
    assert sites.times(ARCHIVE) == 3, "a year, and a few days after it"
    with reader.database.reading() as connection:
        covariates = sample_weather.usable_weather(
            connection, np.datetime64(today - DAY), utc_now()
        )
    assert covariates.history.shape == (371, len(WIND))
    assert covariates.future.shape == (4, 15, len(WIND))
    sites.replies[ARCHIVE] = usual
    sites.requests.clear()
    assert read_weather(reader).outcome == "done"
    assert [one.path for one in sites.requests] == [ENSEMBLE, ARCHIVE, MARINE]
    query = sites.requests[1].query
    assert query["start_date"] == [(today - 14 * DAY).isoformat()]
    assert query["end_date"] == [(today - DAY).isoformat()]


def test_run_ends_at_a_rejected_request(reader, sites, today):
    """A rate limit is not retried in the run."""
    body = b'{"error": true, "reason": "Daily API request limit exceeded."}'
    usual = sites.replies[ARCHIVE]
    sites.replies[ARCHIVE] = SiteResponse(body, "application/json", 429, {"Retry-After": "0"})
    context = with_settings(reader, fetch_attempts=2)
    with pytest.raises(JobError, match="429 .*Daily API request limit.*ensemble stored"):
        read_weather(context)
    assert (sites.times(ARCHIVE), sites.times(MARINE)) == (1, 0)
    sites.replies[ARCHIVE] = usual
    assert read_weather(context).outcome == "done"
    sites.requests.clear()
    off = read_weather(with_settings(reader, weather="off"))
    assert (off.outcome, off.reason) == ("skipped", "no weather is read (CROSSINGS_WEATHER)")
    assert sites.requests == []
