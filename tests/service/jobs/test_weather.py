"""The weather, through the job and into the store."""

from __future__ import annotations

import datetime as dt

import pytest

from service.clock import uk_day, utc_now
from service.context import Context
from service.jobs import weather as module
from service.jobs.drivers import NAMES as DRIVERS
from service.jobs.ingest import ingest
from service.jobs.record import JobError
from service.jobs.refit import refit
from service.jobs.weather import weather
from service.sources.weather import MEMBER_NAMES, NAMES
from service.store import issues, notes
from service.store import weather as store
from tests.service import skies
from tests.support.sites import Answer, Sites, forecast_weather

DAY = dt.timedelta(days=1)


@pytest.fixture
def today(sites: Sites, monkeypatch: pytest.MonkeyPatch) -> dt.date:
    today = uk_day(utc_now())
    # A past of two parts, instead of nine.
    begin = {"archive": today - 380 * DAY, "past_forecast": today - 20 * DAY}
    monkeypatch.setattr(module, "_BEGIN", begin)
    forecast_weather(sites, today)
    return today


def test_all_of_the_past_is_read_once(reader: Context, sites: Sites, today: dt.date) -> None:
    outcome = weather(reader)
    assert outcome.outcome == "done"
    assert outcome.detail["stored"][-2:] == ["forecast", "ensemble"]
    with reader.database.reading() as connection:
        assert store.span(connection, "archive") == (today - 380 * DAY, today - DAY)
        assert store.span(connection, "past_forecast") == (today - 20 * DAY, today - DAY)
        ensemble = store.newest(connection, "ensemble")
        table = store.covariates(connection, NAMES[:3] + MEMBER_NAMES[:3], today - DAY)
    assert ensemble is not None
    assert ensemble.values.shape == (4, 7, len(MEMBER_NAMES))
    assert ensemble.made_at < ensemble.seen_at
    assert table is not None
    assert str(table.start) == str(today - 380 * DAY)
    assert table.at(today - DAY, 7).n_ahead == 7
    asked = len(sites.asked)
    weather(reader)
    # Twice the last week of the past, each of two hosts; the forecast of two; the ensemble of one
    # and its origin.
    assert len(sites.asked) - asked == 2 * 2 + 2 + 2
    first = sites.asked[asked].query["start_date"]
    assert first == [(today - 8 * DAY).isoformat()]


def test_a_part_that_fails_does_not_cost_us_the_others(
    reader: Context, sites: Sites, today: dt.date
) -> None:
    sites.replies["/ensemble-api/v1/ensemble"] = Answer(status=503)
    with pytest.raises(JobError, match=r"503 Service Unavailable \(archive .*forecast stored\)"):
        weather(reader)
    with reader.database.reading() as connection:
        assert store.newest(connection, "forecast") is not None
        assert store.newest(connection, "ensemble") is None


def test_without_weather_nothing_is_asked(reader: Context, sites: Sites) -> None:
    settings = reader.settings.model_copy(update={"weather": "off"})
    outcome = weather(Context(settings, reader.database))
    assert (outcome.outcome, outcome.reason) == ("skipped", "CROSSINGS_WEATHER is off")
    assert sites.asked == []


def test_from_the_site_into_the_forecast(
    reader: Context, sites: Sites, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The figures end months ago: what came of the weather since is as good as foreseen."""
    today = uk_day(utc_now())
    begin = {"archive": dt.date(2024, 11, 1), "past_forecast": dt.date(2025, 6, 1)}
    monkeypatch.setattr(module, "_BEGIN", begin)
    forecast_weather(sites, today)
    context = skies.reading(reader)
    ingest(context, "figures")
    first = refit(context)
    assert (first.outcome, first.detail["weather"]) == ("done", "missing")
    weather(context)
    again = refit(context)
    assert (again.outcome, again.detail["weather"]) == ("done", "used")
    with context.database.reading() as connection:
        newest = issues.latest(connection, "people")
        assert newest is not None
        note = notes.read(connection, newest.issue_id, notes.WEATHER)
    assert note is not None
    # The days since are told in one version; the horizon ends before the ensemble begins.
    assert (note["days_ahead"], note["members"], note["models"]) == (28, 1, ["swell"])
    assert note["columns"] == list(DRIVERS)
