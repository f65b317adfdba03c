"""The weather, through the job and into the store."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pytest

from service.core.clock import uk_day, utc_now
from service.core.context import Context
from service.core.job_runner import JobError
from service.data import ingest_weather as module
from service.data import weather_store as store
from service.data.covariates import NAMES as DRIVERS
from service.data.daily_weather import MEMBER_NAMES, NAMES, VARIABLES
from service.data.ingest import ingest
from service.data.ingest_weather import weather
from service.issues import issue_store, note_store
from service.issues.refit import refit
from tests.service import skies
from tests.support.sites import Answer, Asked, Sites, forecast_weather, hourly

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
        assert store.spans(connection, "archive") == [(today - 380 * DAY, today - DAY)]
        assert store.spans(connection, "past_forecast") == [(today - 20 * DAY, today - DAY)]
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


def asked_for(sites: Sites) -> list[tuple[str, str]]:
    """First and last day of each span that the archive was asked for."""
    return [
        (one.query["start_date"][0], one.query["end_date"][0])
        for one in sites.asked
        if one.path == "/archive-api/v1/archive"
    ]


@pytest.mark.parametrize("refused", [0, 1, 2])
def test_a_year_that_was_refused_is_asked_for_again(
    reader: Context,
    sites: Sites,
    today: dt.date,
    monkeypatch: pytest.MonkeyPatch,
    refused: int,
) -> None:
    begin = today - 2 * 366 * DAY - 100 * DAY
    monkeypatch.setitem(module._BEGIN, "archive", begin)
    usual = sites.replies["/archive-api/v1/archive"]
    assert callable(usual)
    said = [Answer(status=429) if part == refused else usual for part in range(3)]
    sites.replies["/archive-api/v1/archive"] = [*said, usual]
    with pytest.raises(JobError, match="429 Too Many Requests"):
        weather(reader)
    assert len(asked_for(sites)) == 3
    with reader.database.reading() as connection:
        assert store.spans(connection, "archive") != [(begin, today - DAY)]
    sites.asked.clear()
    assert weather(reader).outcome == "done"
    # The year that is missing, and the last week; where they are the same, that alone.
    assert len(asked_for(sites)) == (1 if refused == 2 else 2)
    with reader.database.reading() as connection:
        assert store.spans(connection, "archive") == [(begin, today - DAY)]
        past = store.past(store.Past(connection), "archive")
    assert past is not None
    assert np.isfinite(past.values).all()


def test_days_that_nobody_knows_are_asked_for_once(
    reader: Context, sites: Sites, today: dt.date
) -> None:
    """As where a source begins later than we ask, or has lost some hours."""
    begin, gone = today - 380 * DAY, (today - 380 * DAY, today - 369 * DAY)

    def reply(asked: Asked) -> Answer:
        first, last = (
            dt.date.fromisoformat(asked.query[name][0]) for name in ("start_date", "end_date")
        )
        told = json.loads(hourly(asked, first, (last - first).days + 1))
        for point in told:
            for name in tuple(VARIABLES)[3:]:
                values = point["hourly"][name]
                for at in range(len(values)):
                    if gone[0] <= first + at // 24 * DAY <= gone[1]:
                        values[at] = None
        return Answer(json.dumps(told).encode(), "application/json")

    sites.replies["/archive-api/v1/archive"] = reply
    values = np.ones((1, 12, len(NAMES)))
    there = store.Told("archive", NAMES, today - 360 * DAY, values, utc_now(), utc_now())
    with reader.database.writing() as connection:
        store.put(connection, there)
    weather(reader)
    with reader.database.reading() as connection:
        assert store.spans(connection, "archive") == [(begin, today - DAY)]
    sites.asked.clear()
    assert weather(reader).outcome == "done"
    assert asked_for(sites) == [((today - 8 * DAY).isoformat(), (today - DAY).isoformat())]


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
        newest = issue_store.get_latest_issue(connection, "people")
        assert newest is not None
        note = note_store.get_note(connection, newest.issue_id, note_store.WEATHER)
    assert note is not None
    # The days since are told in one version; the horizon ends before the ensemble begins.
    assert (note["days_ahead"], note["members"], note["models"]) == (28, 1, ["swell"])
    assert note["columns"] == list(DRIVERS)
